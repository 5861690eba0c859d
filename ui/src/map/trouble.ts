/* What is wrong at an object, as far as its figures tell: a word for its node, and a sentence. */
import { number } from '../lib/format';
import type { MapEdge, MapNode } from './graph';

export interface Trouble {
    level: 'bad' | 'warn';
    word: string; /* at the node: "no consumer" */
    text: string;
}

/* Words, limits and levels are those of the doctor's rules (src/manage/doctor_rules.h), which know what was in a
 * period. The map knows rates, and lengths since it was opened, so it can only come close:
 *
 *   near limit    queue_near_limit, for the number of messages
 *   no consumer   queue_grows_unconsumed: 100 messages, and more come; 100,000 are bad
 *   forgotten     queue_abandoned
 *   growing       queue_grows: 1,000 messages, and more by a tenth of those that come
 *   unroutable    unroutable, where nothing at all is routed
 *
 * The doctor has no rule for the rest: what is missing, and dead letters or unrouted messages that wait. */
const NEAR_LIMIT = 0.9;
const RING_MIN = 100; /* messages: a shorter queue that drops its oldest ones is meant to be full */
const UNCONSUMED_MIN = 100;
const UNCONSUMED_BAD = 100_000;
const FORGOTTEN_MS = 3_600_000;
const BACKLOG_MIN = 1000;
const GROWTH_MIN = 0.1; /* of what comes */
const LOOKS_BACK = 4; /* lengths of a queue that are compared */

/* The edges of all nodes, by their ends. */
export class Neighbours {
    private into = new Map<string, MapEdge[]>();
    private outOf = new Map<string, MapEdge[]>();

    constructor(edges: Iterable<MapEdge>) {
        const add = (to: Map<string, MapEdge[]>, id: string, edge: MapEdge) => {
            const list = to.get(id);
            if (list) list.push(edge);
            else to.set(id, [edge]);
        };
        for (const edge of edges) {
            add(this.into, edge.to, edge);
            add(this.outOf, edge.from, edge);
        }
    }

    in(id: string): readonly MapEdge[] { return this.into.get(id) ?? []; }
    out(id: string): readonly MapEdge[] { return this.outOf.get(id) ?? []; }
}

/* Whether a queue gets only what others could not deliver: dead letters, or what an alternate exchange takes. */
function leftoversIn(node: MapNode, near: Neighbours): 'dead' | 'alternate' | undefined {
    const edges = near.in(node.id);
    if (edges.length === 0) return undefined;
    const kinds = edges.flatMap((edge) => (edge.kind === 'dead' ? ['dead'] : near.in(edge.from).map(({ kind }) => kind)));
    if (kinds.length === 0) return undefined;
    if (kinds.every((kind) => kind === 'dead')) return 'dead';
    return kinds.every((kind) => kind === 'alternate') ? 'alternate' : undefined;
}

function troubleOfUnconsumed(node: MapNode, near: Neighbours): Trouble | undefined {
    const leftovers = leftoversIn(node, near);
    if (leftovers === 'dead') return { level: 'warn', word: 'dead letters', text: 'Dead letters wait here, and nobody consumes them.' };
    if (leftovers === 'alternate') return { level: 'warn', word: 'unrouted', text: 'Messages that no binding took wait here.' };
    if (node.messages >= UNCONSUMED_MIN && node.growth > 0)
        return { level: node.messages >= UNCONSUMED_BAD ? 'bad' : 'warn', word: 'no consumer', text: 'It grows, and has no consumer.' };
    if (node.ready > 0 && node.idleMs >= FORGOTTEN_MS)
        return { level: 'warn', word: 'forgotten', text: 'It holds messages, has no consumer, and nothing has moved in it for an hour.' };
    return undefined;
}

function troubleOfQueue(node: MapNode, near: Neighbours): Trouble | undefined {
    if (node.limit > 0 && node.ready >= node.limit * NEAR_LIMIT && (!node.isRing || node.limit >= RING_MIN)) {
        const after = node.isRing ? 'the oldest are dropped' : 'messages are turned away';
        return { level: 'warn', word: 'near limit', text: `It has ${number(node.ready)} ready messages; its limit is ${number(node.limit)}, above which ${after}.` };
    }
    if (node.consumers === 0 && node.messages > 0) return troubleOfUnconsumed(node, near);
    const { history } = node;
    const before = history[Math.max(0, history.length - LOOKS_BACK)] ?? 0;
    if (node.messages >= BACKLOG_MIN && node.growth > 0 && node.growth >= node.rateIn * GROWTH_MIN && node.messages >= before)
        return { level: 'warn', word: 'growing', text: 'Consumers are slower than publishers.' };
    return undefined;
}

function troubleOfExchange(node: MapNode, near: Neighbours): Trouble | undefined {
    if (node.published === 0 || node.name === '') return undefined;
    const out = near.out(node.id);
    if (out.length === 0) return { level: 'warn', word: 'unroutable', text: 'Messages are routed to no queue: nothing is bound to it.' };
    if (node.rateOut === 0 && !out.some(({ kind }) => kind === 'alternate'))
        return { level: 'warn', word: 'unroutable', text: 'Messages are routed to no queue: no binding matches.' };
    return undefined;
}

export function troubleOf(node: MapNode, near: Neighbours): Trouble | undefined {
    if (node.isMissing) return { level: 'bad', word: 'missing', text: 'It does not exist: what is sent to it is lost.' };
    if (node.kind === 'queue') return troubleOfQueue(node, near);
    if (node.kind === 'exchange') return troubleOfExchange(node, near);
    return undefined;
}
