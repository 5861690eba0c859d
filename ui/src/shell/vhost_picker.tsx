/* Chooses the vhost that lists show. */
import { useEffect, useMemo, useState } from 'preact/hooks';

import { Select } from '../components/form';
import { api } from '../lib/api';
import { chosenVhost } from '../lib/settings';
import { href, navigate, setQuery, useRoute } from '../lib/router';
import { useVhost } from '../lib/vhost';

/* On the map, which is of one vhost, it says and changes which one. */
export function VhostPicker() {
    const { query, path } = useRoute();
    const kept = useVhost();
    const mapped = path[0] === 'map' ? path[1] : undefined;
    const vhost = mapped ?? kept;
    const [names, setNames] = useState<string[]>([]);
    const stop = useMemo(() => new AbortController(), []);
    const load = () => void api.get<{ name: string }[]>('/vhosts?columns=name', stop.signal).then((all) => setNames(all.map(({ name }) => name)), () => undefined);
    useEffect(() => {
        load();
        return () => stop.abort();
    }, []);
    const choose = (name: string) => {
        chosenVhost.set(name);
        if (mapped !== undefined) navigate(href(['map', name]));
        else if (query.has('vhost') || query.has('page')) setQuery({ vhost: null, page: null });
    };
    const known = names.includes(vhost) || vhost === '' ? names : [...names, vhost];
    return (
        <span onFocusCapture={load}>
            <Select label="Virtual host" value={vhost} choices={mapped === undefined ? [['', 'All virtual hosts'] as const, ...known] : known} onChange={choose} />
        </span>
    );
}
