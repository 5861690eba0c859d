/* The vhost that lists show. It is kept by the browser; `vhost` in an address goes before it. */
import { path, withParameters } from './api';
import { useResource, type Resource } from './resource';
import { useRoute } from './router';
import { may } from './session';
import { chosenVhost } from './settings';
import { useStore } from './store';

/* The vhost in force: '' means all that the user may see. */
export function useVhost(): string {
    const kept = useStore(chosenVhost);
    return useRoute().query.get('vhost') ?? kept;
}

/* A vhost as the API shows it, or nothing if the name is null. GET /vhosts/{name} is for administrators; others find it in the
 * list of those they may see. */
export function useVhostRow<Row extends { name: string }>(name: string | null, parameters: Record<string, number>): Resource<Row> {
    const isAdministrator = may.administrate();
    const one = useResource<Row>(name !== null && isAdministrator ? withParameters(path`/vhosts/${name}`, parameters) : null, { keeps: true });
    const all = useResource<Row[]>(name !== null && !isAdministrator ? withParameters('/vhosts', parameters) : null, { keeps: true });
    return isAdministrator ? one : { ...all, data: all.data?.find((row) => row.name === name) };
}
