/* What the map says of nodes and edges. */
import { compact, exchangeName, rate as rateText } from '../lib/format';
import type { Kind, MapEdge, MapNode } from './graph';

/* A name on one line. */
export const oneLine = (text: string) => text.replace(/[\u0000-\u001f\u2028\u2029]/g, ' ');

/* What a node is called: the default exchange has a name for people, a fold is called what it stands for. */
export function nameOf(node: MapNode): string {
    return node.kind === 'exchange' && node.folds.length === 0 ? exchangeName(node.name) : node.name;
}

export const perSecond = (n: number) => `${rateText(n)}/s`;

/* Whether a queue's limit is worth a word: many have one, by a policy, that is far away. */
const LIMIT_SAID = 0.1;
export function isNearLimit(node: MapNode): boolean {
    return node.limit > 0 && node.folds.length === 0 && node.ready >= node.limit * LIMIT_SAID;
}

/* The second line of a node. */
export function figuresOf(node: MapNode): string {
    if (node.isMissing) return 'does not exist';
    const parts: string[] = [];
    if (node.kind === 'queue') {
        parts.push(isNearLimit(node) ? `${compact(node.ready)} of ${compact(node.limit)} ready` : `${compact(node.ready)} ready`);
        if (node.unacked > 0) parts.push(`${compact(node.unacked)} unacked`);
    } else if (node.kind === 'exchange') {
        if (node.folds.length === 0) parts.push(node.type);
        parts.push(node.rateIn > 0 ? `${perSecond(node.rateIn)} in` : 'idle');
    } else if (node.kind === 'consumer') {
        parts.push(`${compact(node.consumers)} consumer${node.consumers === 1 ? '' : 's'}`);
        if (node.rateIn > 0) parts.push(perSecond(node.rateIn));
    } else {
        parts.push(`${node.members.length} connection${node.members.length === 1 ? '' : 's'}`);
        if (node.rateOut > 0) parts.push(perSecond(node.rateOut));
    }
    return parts.join(' · ');
}

const KEY_LETTERS = 18;

/* The label of an edge: its routing key, or how many it stands for, and its rate. */
export function labelOf(edge: MapEdge): string {
    const parts: string[] = [];
    if (edge.kind === 'binding' && edge.from !== 'e:') {
        const key = edge.keys[0] ?? '';
        if (edge.count > 1) parts.push(`${edge.count} bindings`);
        else if (key !== '') parts.push([...key].length > KEY_LETTERS ? `${[...key].slice(0, KEY_LETTERS).join('')}…` : key);
    } else if (edge.kind === 'alternate') {
        parts.push('alternate');
    } else if (edge.kind === 'dead') {
        parts.push('dead letters');
    }
    if (edge.rate) parts.push(perSecond(edge.rate));
    return oneLine(parts.join(' · '));
}

const words: Record<Kind, string> = { publisher: 'Publisher', exchange: 'Exchange', queue: 'Queue', consumer: 'Consumer' };

/* A node in words, for those who do not see it. */
export function spokenOf(node: MapNode): string {
    const kind = node.folds.length > 0 ? '' : `${words[node.kind]} `;
    return `${kind}${nameOf(node)}, ${figuresOf(node)}${node.trouble ? `, ${node.trouble.word}: ${node.trouble.text}` : ''}`;
}
