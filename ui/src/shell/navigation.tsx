/* The list of pages at the left. */
import type { ComponentType } from 'preact';

import { Badge } from '../components/basics';
import { Icon, type IconName } from '../components/icons';
import { compact, count } from '../lib/format';
import { useResource } from '../lib/resource';
import { routes } from '../routes';
import { useRoute } from '../lib/router';
import { may } from '../lib/session';

interface Item { to: string; text: string; icon: IconName; isFor?: () => boolean; Count?: ComponentType }

/* How much is wrong, asked for once a minute: advice is not counted. */
function DoctorCount() {
    const { data } = useResource<{ critical: number; warning: number }>('/doctor', { every: 60 });
    const wrong = (data?.critical ?? 0) + (data?.warning ?? 0);
    if (!data || wrong === 0) return null;
    const text = `${count(data.critical, 'critical', 'critical')}, ${count(data.warning, 'warning')}`;
    return <span class="count"><Badge kind={data.critical > 0 ? 'bad' : 'warn'} title={text}><span class="sr-only">{text}</span><span aria-hidden="true">{compact(wrong)}</span></Badge></span>;
}

const groups: [string, Item[]][] = [
    ['', [
        { to: '', text: 'Overview', icon: 'overview' },
        { to: 'map', text: 'Map', icon: 'map' },
        { to: 'doctor', text: 'What is wrong?', icon: 'doctor', isFor: may.monitor, Count: DoctorCount },
    ]],
    ['Messages', [
        { to: 'queues', text: 'Queues', icon: 'queues' },
        { to: 'exchanges', text: 'Exchanges', icon: 'exchanges' },
        { to: 'life', text: 'Life of a message', icon: 'life', isFor: may.monitor },
    ]],
    ['Clients', [
        { to: 'connections', text: 'Connections', icon: 'connections' },
        { to: 'channels', text: 'Channels', icon: 'channels' },
        { to: 'consumers', text: 'Consumers', icon: 'consumers' },
    ]],
    ['Node', [
        { to: 'nodes', text: 'Node', icon: 'node', isFor: may.monitor },
        { to: 'logs', text: 'Log', icon: 'logs', isFor: may.monitor },
        { to: 'config', text: 'Settings', icon: 'config', isFor: may.administrate },
    ]],
    ['Administration', [
        { to: 'vhosts', text: 'Virtual hosts', icon: 'vhosts', isFor: may.monitor },
        { to: 'users', text: 'Users', icon: 'users', isFor: may.administrate },
        { to: 'policies', text: 'Policies', icon: 'policies', isFor: may.setPolicies },
        { to: 'limits', text: 'Limits', icon: 'limits', isFor: may.administrate },
        { to: 'parameters', text: 'Parameters', icon: 'parameters', isFor: may.setPolicies },
        { to: 'definitions', text: 'Definitions', icon: 'definitions', isFor: may.administrate },
    ]],
];

/* Pages that are there: a part may be missing from this build of the page. */
function isThere({ to, isFor }: Item): boolean {
    return routes.some(([pattern]) => pattern === to) && (isFor?.() ?? true);
}

/* The pages whose name has this text in it. */
export function pagesNamed(text: string): { to: string; text: string; icon: IconName }[] {
    return groups.flatMap(([, items]) => items.filter((item) => isThere(item) && item.text.toLowerCase().includes(text.toLowerCase())));
}

export function Navigation({ isOpen, onGo }: { isOpen: boolean; onGo: () => void }) {
    const { path } = useRoute();
    const here = path[0] ?? '';
    return (
        <nav class="sidebar" id="navigation" aria-label="Pages" data-open={isOpen} onClick={(event) => { if ((event.target as Element).closest('a')) onGo(); }}>
            <a class="brand" href="#/"><img src="./icon.svg" alt="" />Leveret</a>
            {groups.map(([title, items]) => {
                const shown = items.filter(isThere);
                return shown.length > 0 && (
                    <div key={title}>
                        {title && <div class="nav-title">{title}</div>}
                        <ul class="nav-group">
                            {shown.map((item) => (
                                <li key={item.to}>
                                    <a class="nav-link" href={`#/${item.to}`} aria-current={item.to === here ? 'page' : undefined}>
                                        <Icon name={item.icon} />{item.text}{item.Count && <item.Count />}
                                    </a>
                                </li>
                            ))}
                        </ul>
                    </div>
                );
            })}
        </nav>
    );
}
