/* Addresses. They are RabbitMQ's: `#/queues/%2F/orders`, each part escaped, and after a `?` what the
 * page shows of it (filter, order, range): so what is in the address can be shared, and bookmarks of
 * RabbitMQ's page work. */
import { createStore, useStore } from './store';

export interface Route {
    path: string[];
    query: URLSearchParams;
}

function decode(part: string): string {
    try {
        return decodeURIComponent(part);
    } catch {
        return part;
    }
}

export function parseHash(hash: string): Route {
    const text = hash.replace(/^#/, '');
    const at = text.indexOf('?');
    const path = at < 0 ? text : text.slice(0, at);
    return {
        path: path.split('/').filter((part) => part !== '').map(decode),
        query: new URLSearchParams(at < 0 ? '' : text.slice(at + 1)),
    };
}

export type Query = Record<string, string | number | boolean | null | undefined>;

function queryText(query: Query): string {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(query)) {
        if (value !== null && value !== undefined && value !== '' && value !== false) params.set(name, String(value));
    }
    const text = params.toString();
    return text === '' ? '' : `?${text}`;
}

/* Makes an address: href(['queues', vhost, name], {range: '1h'}). */
export function href(path: readonly string[], query: Query = {}): string {
    return `#/${pageKey(path)}${queryText(query)}`;
}

/* What tells the pages of two addresses apart: names may have any letter in them. */
export function pageKey(path: readonly string[]): string {
    return path.map(encodeURIComponent).join('/');
}

const current = createStore<Route>(parseHash(location.hash));
window.addEventListener('hashchange', () => current.set(parseHash(location.hash)));

export function useRoute(): Route {
    return useStore(current);
}

export function currentRoute(): Route {
    return current.get();
}

/* Goes to an address. `replace` leaves no trace in the history: for filters and the like. */
export function navigate(to: string, replace = false): void {
    if (replace) {
        history.replaceState(null, '', to);
        current.set(parseHash(to));
    } else {
        location.hash = to;
    }
}

/* Changes members of the address's query; null, '' and false take one away. */
export function setQuery(changes: Query, replace = true): void {
    const { path, query } = current.get();
    navigate(href(path, { ...Object.fromEntries(query), ...changes }), replace);
}

/* Returns a member of the query, and a function that changes it. */
export function useQuery(name: string, initial = ''): [string, (value: string) => void] {
    const value = useRoute().query.get(name) ?? initial;
    return [value, (next) => setQuery({ [name]: next === initial ? null : next })];
}
