/* A field for the name of a queue or an exchange, with suggestions as one types. */
import { useEffect, useId, useState } from 'preact/hooks';

import { api, path, withParameters } from '../lib/api';
import { TextInput } from './form';

const SUGGESTED = 20;
const PAUSE_MS = 150;

export function NameInput({ kind, vhost, value, onChange, required = false }: {
    kind: 'queues' | 'exchanges'; vhost: string; value: string; onChange: (value: string) => void; required?: boolean;
}) {
    const id = useId();
    const [names, setNames] = useState<string[]>([]);
    useEffect(() => {
        if (vhost === '') return;
        const stop = new AbortController();
        const asked = withParameters(path`/${kind}/${vhost}`, { page: 1, page_size: SUGGESTED, name: value, columns: 'name', disable_stats: true });
        const timer = window.setTimeout(() => {
            /* Without suggestions the name is typed whole. */
            api.get<{ items: { name: string }[] }>(asked, stop.signal).then(({ items }) => setNames(items.map(({ name }) => name).filter((name) => name !== '')), () => undefined);
        }, PAUSE_MS);
        return () => {
            window.clearTimeout(timer);
            stop.abort();
        };
    }, [kind, vhost, value]);
    return (
        <>
            <TextInput value={value} onChange={onChange} list={id} required={required} />
            <datalist id={id}>{names.map((name) => <option key={name} value={name} />)}</datalist>
        </>
    );
}
