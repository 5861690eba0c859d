/* Every page: its address, and where its code is. Codes are loaded when a page is first opened. */
import type { ComponentType } from 'preact';

import type { PageProps } from './lib/page';

type Loader = () => Promise<{ default: ComponentType<PageProps> }>;

/* A part `:name` stands for any value. */
export const routes: [string, Loader][] = [
    ['', () => import('./pages/overview/overview')],
    ['doctor', () => import('./pages/doctor')],
    ['exchanges', () => import('./pages/exchanges/exchanges')],
    ['exchanges/:vhost/:name', () => import('./pages/exchanges/exchange')],
    ['connections', () => import('./pages/clients/connections')],
    ['connections/:name', () => import('./pages/clients/connection')],
    ['channels', () => import('./pages/clients/channels')],
    ['channels/:name', () => import('./pages/clients/channel')],
    ['consumers', () => import('./pages/clients/consumers')],
    ['nodes', () => import('./pages/node')],
    ['nodes/:name', () => import('./pages/node')],
    ['logs', () => import('./pages/logs')],
    ['queues', () => import('./pages/queues/list_page')],
    ['queues/:vhost/:name', () => import('./pages/queues/queue_page')],
    ['map', () => import('./map/page')],
    ['map/:vhost', () => import('./map/page')],
    ['users', () => import('./pages/admin/users')],
    ['users/:user', () => import('./pages/admin/user')],
    ['vhosts', () => import('./pages/admin/vhosts')],
    ['vhosts/:vhost', () => import('./pages/admin/vhost')],
    ['limits', () => import('./pages/admin/limits')],
    ['policies', () => import('./pages/admin/policies')],
    ['policies/:vhost/:name', () => import('./pages/admin/policy')],
    ['operator-policies/:vhost/:name', () => import('./pages/admin/policy')],
    ['add-policy', () => import('./pages/admin/add_policy')],
    ['parameters', () => import('./pages/admin/parameters')],
    ['definitions', () => import('./pages/admin/definitions')],
    ['config', () => import('./pages/admin/config')],
    ['cluster-name', () => import('./pages/admin/cluster_name')],
    ['feature-flags', () => import('./pages/admin/feature_flags')],
    ['life', () => import('./pages/life/start')],
    ['life/:trace', () => import('./pages/life/trace')],
    ['life/:trace/:number', () => import('./pages/life/message')],
];

/* Finds the page of an address. */
export function findRoute(path: string[]): { pattern: string; load: Loader; params: string[] } | undefined {
    for (const [pattern, load] of routes) {
        const parts = pattern.split('/').filter((part) => part !== '');
        if (parts.length !== path.length) continue;
        if (!parts.every((part, i) => part.startsWith(':') || part === path[i])) continue;
        return { pattern, load, params: path.filter((_, i) => parts[i]!.startsWith(':')) };
    }
    return undefined;
}
