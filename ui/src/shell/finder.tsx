/* Finds a page or an object by a part of its name, from everywhere: Ctrl+K, or "/". */
import { useEffect, useState } from 'preact/hooks';

import { Dialog } from '../components/dialog';
import { Icon, type IconName } from '../components/icons';
import { api, path, withParameters } from '../lib/api';
import { exchangeName } from '../lib/format';
import { href, navigate } from '../lib/router';
import { pagesNamed } from './navigation';

interface Found { kind: string; icon: IconName; name: string; vhost: string; to: string }

const EACH = 8;
const TYPING_MS = 150;

interface Item { name: string; vhost?: string; user_provided_name?: string; client_properties?: { connection_name?: string } }

async function findIn(kind: string, icon: IconName, list: string, name: string, signal: AbortSignal, columns: string): Promise<Found[]> {
    try {
        const { items } = await api.get<{ items: Item[] }>(withParameters(list, { page: 1, page_size: EACH, name, columns }), signal);
        return items.map((item) => ({
            kind,
            icon,
            name: kind === 'Exchange' ? exchangeName(item.name) : item.name,
            vhost: item.vhost ?? '',
            to: kind === 'Connection' ? href(['connections', item.name]) : href([`${kind.toLowerCase()}s`, item.vhost ?? '/', item.name || 'amq.default']),
        }));
    } catch {
        return []; /* the next letter asks again */
    }
}

function find(name: string, signal: AbortSignal): Promise<Found[]> {
    return Promise.all([
        findIn('Queue', 'queues', path`/queues`, name, signal, 'name,vhost'),
        findIn('Exchange', 'exchanges', path`/exchanges`, name, signal, 'name,vhost'),
        findIn('Connection', 'connections', path`/connections`, name, signal, 'name,vhost'),
    ]).then((lists) => {
        const pages = name === '' ? [] : pagesNamed(name).map((page): Found => ({ kind: 'Page', icon: page.icon, name: page.text, vhost: '', to: `#/${page.to}` }));
        return [...lists.flat(), ...pages].sort((a, b) => farness(a.name, name) - farness(b.name, name));
    });
}

/* The name itself comes first, then names that begin so. */
function farness(name: string, wanted: string): number {
    const [has, wants] = [name.toLowerCase(), wanted.toLowerCase()];
    return has === wants ? 0 : has.startsWith(wants) ? 1 : 2;
}

/* Preact's types want a datalist for a combobox; this one has a listbox. */
const combobox: object = { role: 'combobox', 'aria-expanded': true };

export function Finder({ onClose }: { onClose: () => void }) {
    const [text, setText] = useState('');
    const [found, setFound] = useState<Found[]>([]);
    const [at, setAt] = useState(0);
    useEffect(() => {
        const stop = new AbortController();
        const timer = window.setTimeout(() => void find(text, stop.signal).then((all) => {
            if (stop.signal.aborted) return;
            setFound(all);
            setAt(0);
        }), TYPING_MS);
        return () => {
            window.clearTimeout(timer);
            stop.abort();
        };
    }, [text]);
    const go = (one: Found | undefined) => {
        if (!one) return;
        onClose();
        navigate(one.to);
    };
    const onKey = (event: KeyboardEvent) => {
        const step = event.key === 'ArrowDown' ? 1 : event.key === 'ArrowUp' ? -1 : 0;
        if (step !== 0 && found.length > 0) setAt((at + step + found.length) % found.length);
        if (event.key === 'Enter') go(found[at]);
        if (step !== 0 || event.key === 'Enter') event.preventDefault();
    };
    return (
        <Dialog title="Find" onClose={onClose}>
            <input class="input" type="search" autofocus {...combobox} aria-controls="found" aria-label="Name of a queue, exchange, connection or page"
                aria-activedescendant={found.length > 0 ? `found-${at}` : undefined} placeholder="Queue, exchange, connection or page" autocomplete="off" spellcheck={false}
                value={text} onInput={(event) => setText(event.currentTarget.value)} onKeyDown={onKey} />
            <ul id="found" role="listbox" aria-label="Found" class="found">
                {found.map((one, i) => (
                    <li key={one.to} id={`found-${i}`} role="option" aria-selected={i === at} onClick={() => go(one)} onMouseMove={() => setAt(i)}>
                        <Icon name={one.icon} /><span class="cut" dir="auto">{one.name}</span><span class="muted small nowrap">{one.kind}{one.vhost && ` in ${one.vhost}`}</span>
                    </li>
                ))}
            </ul>
            {found.length === 0 && text !== '' && <p class="muted">Nothing is called so.</p>}
            <p class="muted small wide-only">↑ ↓ choose, Enter opens it, Esc closes.</p>
        </Dialog>
    );
}

/* Calls `open` when the keys are pressed, unless somebody is typing. */
export function useFinderKeys(open: () => void): void {
    useEffect(() => {
        const onKey = (event: KeyboardEvent) => {
            const isTyping = (event.target as Element).closest('input, textarea, select, [contenteditable]') !== null;
            const isChord = event.key.toLowerCase() === 'k' && (event.ctrlKey || event.metaKey);
            if (!isChord && (event.key !== '/' || isTyping || event.ctrlKey || event.metaKey || event.altKey)) return;
            event.preventDefault();
            open();
        };
        document.addEventListener('keydown', onKey);
        return () => document.removeEventListener('keydown', onKey);
    }, []);
}
