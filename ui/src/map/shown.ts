/* What of the graph is shown: filters, and many like nodes folded into one. */
import { isIdle, type Graph, type MapEdge, type MapNode } from './graph';
import { Neighbours } from './trouble';

export interface Choice {
    name: string; /* only what is called so, and what is connected with it */
    onlyTrouble: boolean;
    hidesIdle: boolean;
    unfolded: ReadonlySet<string>; /* ids of nodes that stand for others, which are shown one by one */
    pinned: ReadonlySet<string>; /* ids of nodes that are shown in any case */
}

const FOLD_MIN = 12; /* like nodes that are folded into one */
const FOLD_LEAVES = 3; /* of which those with trouble, or else the busiest, are shown beside it */

/* The nodes that match, and those before and after them on the ways of messages. */
function withNeighbours(graph: Graph, near: Neighbours, matches: (node: MapNode) => boolean): Set<string> {
    const kept = new Set<string>();
    for (const node of graph.nodes.values()) {
        if (!matches(node)) continue;
        kept.add(node.id);
        for (const edge of near.in(node.id)) kept.add(edge.from);
        for (const edge of near.out(node.id)) kept.add(edge.to);
    }
    return kept;
}

function filter(graph: Graph, choice: Choice): Graph {
    const near = new Neighbours(graph.edges);
    const name = choice.name.toLowerCase();
    let kept = new Set(graph.nodes.keys());
    const keepOnly = (some: Set<string>) => { kept = new Set([...kept].filter((id) => some.has(id) || choice.pinned.has(id))); };
    if (name !== '') keepOnly(withNeighbours(graph, near, (node) => node.name.toLowerCase().includes(name)));
    if (choice.onlyTrouble) keepOnly(withNeighbours(graph, near, (node) => node.trouble !== undefined));
    if (choice.hidesIdle) {
        const busy = new Set([...graph.nodes.values()].filter((node) => node.kind === 'exchange' || node.kind === 'queue').filter((node) => !isIdle(node)).map(({ id }) => id));
        /* What leads to or from a busy object stays, unless it is an idle object itself. */
        for (const edge of graph.edges) {
            if (busy.has(edge.to) && (edge.rate ?? 0) > 0) busy.add(edge.from);
            if (busy.has(edge.from) && edge.kind === 'consume') busy.add(edge.to);
        }
        keepOnly(busy);
    }
    const nodes = new Map([...graph.nodes].filter(([id]) => kept.has(id)));
    return { nodes, edges: graph.edges.filter((edge) => nodes.has(edge.from) && nodes.has(edge.to)) };
}

/* A node that stands for others. */
function foldOf(id: string, nodes: MapNode[]): MapNode {
    const first = nodes[0]!;
    const sum = (value: (node: MapNode) => number) => nodes.reduce((all, node) => all + value(node), 0);
    const words: Record<MapNode['kind'], string> = { publisher: 'publishers', exchange: 'exchanges', queue: 'queues', consumer: 'consumers' };
    const troubled = nodes.filter((node) => node.trouble);
    return {
        ...first, id, name: `+ ${nodes.length} ${words[first.kind]}`, type: '', isMissing: false, limit: 0, members: [], history: [],
        rateIn: sum((n) => n.rateIn), rateOut: sum((n) => n.rateOut), messages: sum((n) => n.messages), ready: sum((n) => n.ready),
        unacked: sum((n) => n.unacked), growth: sum((n) => n.growth), consumers: sum((n) => n.consumers), folds: nodes,
        trouble: troubled.length === 0 ? undefined : {
            level: troubled.some((n) => n.trouble!.level === 'bad') ? 'bad' : 'warn',
            word: `${troubled.length} in trouble`,
            text: `Of these, ${troubled.length} are in trouble: ${[...new Set(troubled.map((n) => n.trouble!.word))].join(', ')}.`,
        },
    };
}

/* Merges the edges of folded nodes. */
function foldEdges(edges: MapEdge[], standIn: Map<string, string>): MapEdge[] {
    const merged = new Map<string, MapEdge>();
    for (const edge of edges) {
        const from = standIn.get(edge.from) ?? edge.from;
        const to = standIn.get(edge.to) ?? edge.to;
        if (from === edge.from && to === edge.to) {
            merged.set(edge.id, edge);
            continue;
        }
        const id = `${edge.kind}\n${from}\n${to}`;
        const known = merged.get(id);
        if (!known) {
            merged.set(id, { ...edge, id, from, to });
        } else {
            known.count += edge.count;
            known.keys = known.keys.length < 50 ? [...known.keys, ...edge.keys] : known.keys;
            if (edge.rate !== undefined) known.rate = (known.rate ?? 0) + edge.rate;
        }
    }
    return [...merged.values()];
}

/* What nodes have in common: their kind and their neighbours. A consumer that has only this one queue does
 * not tell its queue from others. */
function signOf(node: MapNode, near: Neighbours): string {
    const ends = near.in(node.id).map((edge) => `${edge.kind}<${edge.from}`);
    for (const edge of near.out(node.id)) ends.push(isPrivate(edge, near) ? 'consume>' : `${edge.kind}>${edge.to}`);
    return `${node.kind} ${node.isMissing}\n${ends.sort().join('\n')}`;
}

const isPrivate = (edge: MapEdge, near: Neighbours) => edge.kind === 'consume' && near.in(edge.to).length === 1;

/* Of like nodes: those that are shown beside the fold. Trouble comes first; otherwise it is by name, since
 * what is shown must not change with each figure. */
function shownOfAlike(nodes: MapNode[]): Set<MapNode> {
    const rank = (node: MapNode) => (node.trouble ? (node.trouble.level === 'bad' ? 0 : 1) : 2);
    return new Set([...nodes].sort((a, b) => rank(a) - rank(b) || (a.name < b.name ? -1 : 1)).slice(0, FOLD_LEAVES));
}

/* Folds nodes that are alike. */
function fold(graph: Graph, choice: Choice): Graph {
    const near = new Neighbours(graph.edges);
    const alike = new Map<string, MapNode[]>();
    for (const node of graph.nodes.values()) {
        if (choice.pinned.has(node.id)) continue;
        const sign = signOf(node, near);
        const list = alike.get(sign);
        if (list) list.push(node);
        else alike.set(sign, [node]);
    }
    const standIn = new Map<string, string>();
    const folds: MapNode[] = [];
    const foldInto = (id: string, nodes: MapNode[]) => {
        nodes.forEach((node) => standIn.set(node.id, id));
        folds.push(foldOf(id, nodes));
    };
    /* Queues come before consumers in `alike`, so a queue's own consumers are folded with it. */
    for (const [sign, nodes] of alike) {
        const id = `+${sign}`;
        if (nodes.length < FOLD_MIN || choice.unfolded.has(id)) continue;
        const shown = shownOfAlike(nodes);
        const rest = nodes.filter((node) => !shown.has(node) && !standIn.has(node.id));
        if (rest.length < 2) continue;
        foldInto(id, rest);
        const own = rest.flatMap((node) => near.out(node.id)).filter((edge) => isPrivate(edge, near)).map((edge) => graph.nodes.get(edge.to)!);
        if (own.length > 1) foldInto(`${id}\nconsumers`, own);
        else if (own.length === 1) standIn.delete(own[0]!.id);
    }
    if (folds.length === 0) return graph;
    const nodes = new Map([...graph.nodes].filter(([id]) => !standIn.has(id)));
    folds.forEach((node) => nodes.set(node.id, node));
    return { nodes, edges: foldEdges(graph.edges, standIn) };
}

export function shownOf(graph: Graph, choice: Choice): Graph {
    return fold(filter(graph, choice), choice);
}

/* The id of the shown node that an object is in: its own, or that of the fold. */
export function shownId(shown: Graph, id: string): string | undefined {
    if (shown.nodes.has(id)) return id;
    for (const node of shown.nodes.values()) if (node.folds.some((one) => one.id === id)) return node.id;
    return undefined;
}
