/* Where a message would go, as the API explains it, found again on the map. */
import type { Step } from '../components/route';
import type { Lit } from './scene';
import { exchangeId, queueId, type Graph } from './graph';
import { shownId } from './shown';

/* A step, and the exchange at which it is taken. */
export interface PlacedStep extends Step { source: string }

/* The exchange of each step. Its path names it, joined with others by a text that names may contain, too: so
 * paths are not taken apart but followed. */
export function placeSteps(exchange: string, steps: Step[]): PlacedStep[] {
    const ends = new Map<string, string>();
    const first = steps[0]?.path;
    if (first !== undefined) ends.set(exchange === '' ? '(default)' : exchange, exchange);
    return steps.map((step) => {
        if (!ends.has(step.path)) ends.set(step.path, step.path.split(' -> ').pop()!);
        if (step.result === 'passes' || step.result === 'alternate') ends.set(`${step.path} -> ${step.destination}`, step.destination);
        return { ...step, source: ends.get(step.path)! };
    });
}

/* The ids of all that a route goes by. */
export function idsOf(exchange: string, steps: PlacedStep[]): Set<string> {
    const ids = new Set([exchangeId(exchange)]);
    for (const step of steps) {
        if (step.result === 'reaches') ids.add(queueId(step.destination));
        else if (step.result === 'passes' || step.result === 'alternate') ids.add(exchangeId(step.destination));
    }
    return ids;
}

/* What lights up. */
export function litOf(exchange: string, steps: PlacedStep[], shown: Graph): Lit {
    const nodes = new Set<string>();
    const edges = new Set<string>();
    const stopped = new Set<string>();
    const add = (id: string) => {
        const at = shownId(shown, id);
        if (at) nodes.add(at);
        return at;
    };
    add(exchangeId(exchange));
    for (const step of steps) {
        const isQueue = step.destination_kind === 'queue';
        const to = isQueue ? queueId(step.destination) : exchangeId(step.destination);
        const from = shownId(shown, exchangeId(step.source));
        const isTaken = step.result === 'reaches' || step.result === 'passes' || step.result === 'alternate';
        const end = isTaken ? add(to) : shownId(shown, to);
        if (!from || !end) continue;
        const edge = `${step.result === 'alternate' ? 'alternate' : 'binding'}\n${from}\n${end}`;
        if (isTaken) edges.add(edge);
        else if (step.result === 'stopped') stopped.add(edge);
    }
    for (const edge of edges) stopped.delete(edge);
    return { nodes, edges, stopped };
}
