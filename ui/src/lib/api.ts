/* The HTTP API. Its paths are relative to the page's, since a proxy or management.path_prefix may
 * have put both below a path. */
import { parseJson } from './json';
import { createStore } from './store';

/* An answer that is no success: the API's own words, or what is known if there was no answer. */
export class ApiError extends Error {
    readonly status: number; /* 0: there was no answer */
    readonly code: string;
    readonly body: Record<string, unknown>; /* what else the API said */

    constructor(status: number, code: string, reason: string, body: Record<string, unknown> = {}) {
        super(reason);
        this.status = status;
        this.code = code;
        this.body = body;
    }
}

/* Whether the broker answers. `since` is when it stopped, in milliseconds. */
export const link = createStore<{ isDown: boolean; since: number }>({ isDown: false, since: 0 });
/* Grows each time that a request was refused for want of a login. */
export const loginsNeeded = createStore(0);

/* Makes a path, each value escaped: path`/queues/${vhost}/${name}`. */
export function path(texts: TemplateStringsArray, ...values: (string | number)[]): string {
    return texts.reduce((all, text, i) => all + encodeURIComponent(String(values[i - 1])) + text);
}

/* Appends parameters to a path; those that are undefined, null or '' are left out. */
export function withParameters(
    to: string,
    parameters: Record<string, string | number | boolean | null | undefined>,
): string {
    const params = new URLSearchParams();
    for (const [name, value] of Object.entries(parameters)) {
        if (value !== undefined && value !== null && value !== '') params.set(name, String(value));
    }
    const text = params.toString();
    return text === '' ? to : to + (to.includes('?') ? '&' : '?') + text;
}

/* Where a path of the API is: for links, downloads and streams. */
export function apiUrl(to: string): string {
    return `./api${to}`;
}

function noteAnswer(isThere: boolean): void {
    if (isThere === !link.get().isDown) return;
    link.set({ isDown: !isThere, since: isThere ? 0 : Date.now() });
}

async function errorOf(response: Response): Promise<ApiError> {
    let code = response.statusText || `status ${response.status}`;
    let reason = '';
    let body: { error?: string; reason?: unknown } = {};
    try {
        body = (await response.json()) as typeof body;
        code = body.error ?? code;
        reason = typeof body.reason === 'string' ? body.reason : body.reason ? JSON.stringify(body.reason) : '';
    } catch {
        /* No JSON: the status has to do. */
    }
    return new ApiError(response.status, code, reason || code, body as Record<string, unknown>);
}

/* Does what needs the broker. It may go away before an answer has come, and within one. */
async function unlessAway<T>(asking: () => Promise<T>): Promise<T> {
    try {
        return await asking();
    } catch (error) {
        if (error instanceof DOMException && error.name === 'AbortError') throw error;
        noteAnswer(false);
        throw new ApiError(0, 'no_answer', 'The broker does not answer.');
    }
}

export interface Options {
    method?: string;
    body?: unknown;
    signal?: AbortSignal | null;
    headers?: Record<string, string>;
}

/* Asks, and returns the whole answer. Throws an ApiError, or an AbortError if `signal` ends it. */
export async function ask(to: string, { method = 'GET', body, signal = null, headers: more = {} }: Options = {}): Promise<Response> {
    const headers: Record<string, string> = { accept: 'application/json', 'x-requested-with': 'leveret', ...more };
    const isRaw = body instanceof URLSearchParams || body instanceof Blob;
    if (body !== undefined && !isRaw) headers['content-type'] = 'application/json';
    const response = await unlessAway(() => fetch(apiUrl(to), {
        method,
        headers,
        signal,
        credentials: 'same-origin',
        ...(body === undefined ? {} : { body: isRaw ? body : JSON.stringify(body) }),
    }));
    /* A proxy says for the broker that it is not there. */
    noteAnswer(response.status !== 502 && response.status !== 504);
    if (response.ok) return response;
    const error = await errorOf(response);
    /* As in RabbitMQ, 401 is also the answer for what this user may not see; its code says which it is. */
    if (error.status === 401 && error.code !== 'not_authorised') loginsNeeded.set(loginsNeeded.get() + 1);
    throw error;
}

async function askJson<T>(to: string, options: Options): Promise<T> {
    const response = await ask(to, options);
    const text = await unlessAway(() => response.text());
    return (text === '' ? undefined : parseJson(text)) as T;
}

export const api = {
    get: <T>(to: string, signal?: AbortSignal) => askJson<T>(to, { signal: signal ?? null }),
    put: <T = void>(to: string, body: unknown = {}) => askJson<T>(to, { method: 'PUT', body }),
    post: <T = void>(to: string, body: unknown = {}) => askJson<T>(to, { method: 'POST', body }),
    delete: <T = void>(to: string, body?: unknown) =>
        askJson<T>(to, body === undefined ? { method: 'DELETE' } : { method: 'DELETE', body }),
};

/* How many there are in a list that has pages. */
export async function totalOf(list: string): Promise<number> {
    return (await api.get<{ total_count: number }>(withParameters(list, { page: 1, page_size: 1 }))).total_count;
}

/* The words of whatever was thrown. */
export function messageOf(error: unknown): string {
    return error instanceof Error ? error.message : String(error);
}
