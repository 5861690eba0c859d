/* Where the nodes of a graph stand and how its edges run. Pure: the same graph gives the same picture.
 *
 * Messages go from left to right: publishers, exchanges (one column for each step from exchange to exchange),
 * queues, consumers. So the columns are known, and what is left is:
 *
 *   1. Order: each column is put in the order of its neighbours' mean positions, from left to right and
 *      back, several times; the order with the fewest crossings is kept.
 *   2. Height: each node wants to stand at the mean height of its neighbours. The heights closest to these
 *      wishes (in least squares) that keep order and distance are found by pooling adjacent violators.
 *   3. A column of very many nodes is drawn in several lanes beside each other, so that the picture has
 *      about the shape of a screen.
 *
 * An edge over several columns goes by waypoints in those between; edges of one source share them. With the
 * picture of before, nodes keep their places, and new ones are put beside their neighbours.
 * Why no library does this: docs/decisions/ui-map.md. */
import type { Graph, Kind, MapEdge } from './graph';

export interface Box { x: number; y: number; w: number; h: number } /* x, y: the left upper corner */

export interface Curve { id: string; points: number[] /* of cubic Bezier curves: x, y, then three points for each */ }

export interface Column { kind: Kind; x: number; w: number }

export interface Picture {
    boxes: Map<string, Box>;
    curves: Map<string, Curve>;
    columns: Column[];
    bounds: Box;
    lanes: Map<string, number>; /* the lane of each node in its column */
    isKept: boolean; /* nodes stand where they stood before */
}

const HEIGHTS: Record<Kind, number> = { publisher: 40, exchange: 42, queue: 52, consumer: 40 };
const GAP = 14; /* between two nodes of a column */
const WAYPOINT_HEIGHT = 10;
const LANE_GAP = 36;
const DENSE = 150; /* nodes of a picture */
const ROWS_MIN = 22; /* a column of fewer nodes has one lane */
const SWEEPS = 10;
const PORT_STEP = 9; /* between the ends of two edges at a node */

/* What differs between screens. */
interface Measures {
    node: number; /* the width of a node */
    gap: number; /* between two columns, where edges run and their labels are */
    shape: number; /* the picture's width to its height, about */
}
const WIDE: Measures = { node: 228, gap: 190, shape: 1.7 };
const WIDE_DENSE: Measures = { ...WIDE, gap: 260 };
/* Two columns fill the screen, and their names can be read then. */
const NARROW: Measures = { node: 176, gap: 48, shape: 0.6 };

interface Item {
    id: string; /* '' for a waypoint */
    column: number;
    h: number;
    order: number; /* in its column */
    y: number; /* of its middle */
    wish: number; /* where its neighbours want it */
    lane: number;
    left: Item[];
    right: Item[];
}

/* --- columns ------------------------------------------------------------------------------------- */

/* For each exchange, the number of exchanges on the longest way on from it. Ways that lead back are not counted. */
function exchangeHeights(ids: string[], out: Map<string, string[]>): Map<string, number> {
    const heights = new Map<string, number>();
    const visiting = new Set<string>();
    const visit = (id: string): number => {
        const known = heights.get(id);
        if (known !== undefined) return known;
        visiting.add(id);
        let height = 0;
        for (const to of out.get(id) ?? []) if (!visiting.has(to)) height = Math.max(height, visit(to) + 1);
        visiting.delete(id);
        heights.set(id, height);
        return height;
    };
    ids.forEach(visit);
    return heights;
}

function columnsOf(graph: Graph): { column: Map<string, number>; kinds: Kind[] } {
    const ids: Record<Kind, string[]> = { publisher: [], exchange: [], queue: [], consumer: [] };
    for (const node of graph.nodes.values()) ids[node.kind].push(node.id);
    const out = new Map<string, string[]>();
    for (const edge of graph.edges) {
        if (edge.kind !== 'binding' && edge.kind !== 'alternate') continue;
        if (graph.nodes.get(edge.to)?.kind !== 'exchange') continue;
        const list = out.get(edge.from);
        if (list) list.push(edge.to);
        else out.set(edge.from, [edge.to]);
    }
    const heights = exchangeHeights(ids.exchange, out);
    const steps = ids.exchange.length > 0 ? Math.max(...heights.values()) + 1 : 0;
    const kinds: Kind[] = [];
    const column = new Map<string, number>();
    if (ids.publisher.length > 0) kinds.push('publisher');
    ids.publisher.forEach((id) => column.set(id, 0));
    ids.exchange.forEach((id) => column.set(id, kinds.length + steps - 1 - heights.get(id)!));
    for (let i = 0; i < steps; i++) kinds.push('exchange');
    for (const kind of ['queue', 'consumer'] as const) {
        if (ids[kind].length === 0) continue;
        ids[kind].forEach((id) => column.set(id, kinds.length));
        kinds.push(kind);
    }
    return { column, kinds };
}

/* --- items: nodes and waypoints ------------------------------------------------------------------- */

interface Grid { columns: Item[][]; items: Map<string, Item>; chains: Map<string, Item[]>; kinds: Kind[] }

const isForward = (edge: MapEdge) => edge.kind !== 'dead';

function gridOf(graph: Graph): Grid {
    const { column, kinds } = columnsOf(graph);
    const columns: Item[][] = kinds.map(() => []);
    const items = new Map<string, Item>();
    const add = (id: string, at: number, h: number): Item => {
        const item: Item = { id, column: at, h, order: 0, y: 0, wish: 0, lane: 0, left: [], right: [] };
        columns[at]!.push(item);
        return item;
    };
    for (const node of graph.nodes.values()) items.set(node.id, add(node.id, column.get(node.id)!, HEIGHTS[node.kind]));
    const link = (left: Item, right: Item) => {
        left.right.push(right);
        right.left.push(left);
    };
    const waypoints = new Map<string, Item>();
    const chains = new Map<string, Item[]>();
    for (const edge of graph.edges) {
        const from = items.get(edge.from)!;
        const to = items.get(edge.to)!;
        const chain: Item[] = [];
        if (isForward(edge) && to.column > from.column) {
            let last = from;
            for (let at = from.column + 1; at < to.column; at++) {
                const key = `${edge.kind === 'alternate'}${at}${edge.from}`;
                let point = waypoints.get(key);
                if (!point) {
                    waypoints.set(key, (point = add('', at, WAYPOINT_HEIGHT)));
                    link(last, point);
                }
                chain.push(point);
                last = point;
            }
            link(last, to);
        } else if (from.column > to.column) {
            link(to, from); /* it leads back: it draws both together all the same */
        }
        chains.set(edge.id, chain);
    }
    return { columns, items, chains, kinds };
}

/* --- order ----------------------------------------------------------------------------------------- */

function setOrders(column: Item[]): void {
    column.forEach((item, i) => { item.order = i; });
}

/* The first order: from the left, each node followed by what it leads to. */
function orderByWalk(columns: Item[][]): void {
    const seen = new Set<Item>();
    const next: Item[][] = columns.map(() => []);
    const walk = (item: Item) => {
        const stack = [item];
        while (stack.length > 0) {
            const at = stack.pop()!;
            if (seen.has(at)) continue;
            seen.add(at);
            next[at.column]!.push(at);
            for (let i = at.right.length - 1; i >= 0; i--) stack.push(at.right[i]!);
        }
    };
    const byName = (a: Item, b: Item) => (a.id < b.id ? -1 : 1);
    for (const column of columns) [...column].filter((item) => item.right.length > 0).sort(byName).forEach(walk);
    for (const column of columns) [...column].sort(byName).forEach(walk);
    next.forEach((column, i) => {
        columns[i] = column;
        setOrders(column);
    });
}

function mean(items: Item[], value: 'order' | 'y'): number {
    let sum = 0;
    for (const item of items) sum += item[value];
    return sum / items.length;
}

/* Puts a column in the order of its neighbours on one side; what has none there keeps its place. */
function orderColumn(column: Item[], side: 'left' | 'right'): void {
    const free: Item[] = [];
    for (const item of column) {
        if (item[side].length === 0) continue;
        item.wish = mean(item[side], 'order');
        free.push(item);
    }
    free.sort((a, b) => a.wish - b.wish || a.order - b.order);
    let next = 0;
    for (let i = 0; i < column.length; i++) if (column[i]![side].length > 0) column[i] = free[next++]!;
    setOrders(column);
}

/* Counts the crossings between a column and the next (Fenwick tree). */
function crossingsAfter(column: Item[], next: Item[]): number {
    const tree = new Int32Array(next.length + 1);
    let crossings = 0;
    let seen = 0;
    for (const item of column) {
        for (const end of item.right) {
            let before = 0;
            for (let i = end.order + 1; i > 0; i -= i & -i) before += tree[i]!;
            crossings += seen - before;
        }
        for (const end of item.right) for (let i = end.order + 1; i <= next.length; i += i & -i) tree[i]!++;
        seen += item.right.length;
    }
    return crossings;
}

function crossings(columns: Item[][]): number {
    return columns.reduce((sum, column, i) => sum + (columns[i + 1] ? crossingsAfter(column, columns[i + 1]!) : 0), 0);
}

function orderColumns(columns: Item[][]): void {
    orderByWalk(columns);
    let best = columns.map((column) => [...column]);
    let fewest = crossings(columns);
    for (let sweep = 0; sweep < SWEEPS && fewest > 0; sweep++) {
        for (let i = 1; i < columns.length; i++) orderColumn(columns[i]!, 'left');
        for (let i = columns.length - 2; i >= 0; i--) orderColumn(columns[i]!, 'right');
        const now = crossings(columns);
        if (now >= fewest) continue;
        fewest = now;
        best = columns.map((column) => [...column]);
    }
    best.forEach((column, i) => {
        columns[i] = column;
        setOrders(column);
    });
}

/* --- heights --------------------------------------------------------------------------------------- */

const nodesIn = (column: Item[]) => column.reduce((n, { id }) => n + (id === '' ? 0 : 1), 0);
const lanesOf = (nodes: number, rows: number) => Math.max(1, Math.ceil(nodes / rows));
const distance = (a: Item, b: Item) => (a.h + b.h) / 2 + (a.id === '' || b.id === '' ? GAP / 2 : GAP);

/* Gives items, in their order, the heights closest to their wishes that keep the distance of neighbours,
 * which is shorter in several lanes. */
function place(items: Item[], lanes: number): void {
    /* Without the distances it is a monotone regression: pool adjacent violators. */
    const offsets = new Float64Array(items.length);
    const sums = new Float64Array(items.length);
    const counts = new Int32Array(items.length);
    let pools = 0;
    for (let i = 0; i < items.length; i++) {
        offsets[i] = i === 0 ? 0 : offsets[i - 1]! + distance(items[i - 1]!, items[i]!) / lanes;
        let sum = items[i]!.wish - offsets[i]!;
        let count = 1;
        while (pools > 0 && sums[pools - 1]! / counts[pools - 1]! > sum / count) {
            pools--;
            sum += sums[pools]!;
            count += counts[pools]!;
        }
        sums[pools] = sum;
        counts[pools++] = count;
    }
    for (let pool = 0, at = 0; pool < pools; pool++) {
        const level = sums[pool]! / counts[pool]!;
        for (const end = at + counts[pool]!; at < end; at++) items[at]!.y = level + offsets[at]!;
    }
}

function placeColumns(columns: Item[][], rows: number): void {
    const lanes = columns.map((column) => lanesOf(nodesIn(column), rows));
    const placeBy = (at: number, near: (item: Item) => Item[]) => {
        for (const item of columns[at]!) {
            const ends = near(item);
            item.wish = ends.length > 0 ? mean(ends, 'y') : item.y;
        }
        place(columns[at]!, lanes[at]!);
    };
    columns.forEach((column, i) => {
        let y = 0;
        let lane = 0;
        column.forEach((item, at) => {
            if (at > 0) y += distance(column[at - 1]!, item) / lanes[i]!;
            item.y = y;
            if (item.id !== '') item.lane = lane++ % lanes[i]!;
        });
        column.forEach((item) => { item.y -= y / 2; });
    });
    for (let round = 0; round < 6; round++) {
        for (let i = 1; i < columns.length; i++) placeBy(i, (item) => item.left);
        for (let i = columns.length - 2; i >= 0; i--) placeBy(i, (item) => item.right);
    }
    for (let i = 0; i < columns.length; i++) placeBy(i, (item) => (item.left.length > 0 && item.right.length > 0 ? [...item.left, ...item.right] : item.left.length > 0 ? item.left : item.right));
}

/* The rows of the longest lane: as many as give the picture about the shape of a screen. */
function rowsFor(columns: Item[][], { node, gap, shape }: Measures): number {
    const nodes = columns.map(nodesIn);
    let rows = ROWS_MIN;
    for (; rows < Math.max(...nodes); rows = Math.ceil(rows * 1.15)) {
        const width = nodes.reduce((sum, n) => sum + lanesOf(n, rows) * (node + LANE_GAP) + gap, 0);
        if (width <= rows * (HEIGHTS.queue + GAP) * shape) break;
    }
    return rows;
}

/* --- with the picture of before --------------------------------------------------------------------- */

/* Whether most nodes were in the picture of before, in the same columns: then they keep their places. */
function canKeep(grid: Grid, before: Picture | undefined): boolean {
    if (!before || before.columns.length !== grid.kinds.length) return false;
    if (!before.columns.every(({ kind }, i) => kind === grid.kinds[i])) return false;
    const known = [...grid.items.keys()].filter((id) => before.boxes.has(id)).length;
    return known >= 0.7 * grid.items.size && known >= 0.7 * before.boxes.size;
}

function keepPlaces({ columns }: Grid, before: Picture): void {
    const isNew = new Set<Item>();
    for (const column of columns) {
        for (const item of column) {
            const box = before.boxes.get(item.id);
            if (!box) {
                isNew.add(item);
                continue;
            }
            item.y = box.y + box.h / 2;
            item.lane = before.lanes.get(item.id) ?? 0;
        }
    }
    for (const column of columns) {
        const lanes = Math.max(1, ...column.map((item) => item.lane + 1));
        const lowest = Math.max(0, ...column.filter((item) => !isNew.has(item)).map((item) => item.y));
        for (const item of column) {
            if (!isNew.has(item)) continue;
            const near = [...item.left, ...item.right].filter((one) => !isNew.has(one));
            item.y = near.length > 0 ? mean(near, 'y') : lowest + HEIGHTS.queue;
            if (item.id !== '') item.lane = column.filter((one) => one.id !== '').indexOf(item) % lanes;
        }
        column.sort((a, b) => a.y - b.y);
        setOrders(column);
        for (let lane = 0; lane < lanes; lane++) {
            const items = column.filter((item) => item.id !== '' && item.lane === lane);
            items.forEach((item) => { item.wish = item.y; });
            place(items, 1);
        }
    }
}

/* --- edges ------------------------------------------------------------------------------------------ */

interface End { edge: MapEdge; at: number /* the height of what it leads to */ }

/* The heights at which edges touch a side of a node, in the order of what they lead to. */
function portsOf(edges: MapEdge[], grid: Grid): { from: Map<string, number>; to: Map<string, number> } {
    const left = new Map<string, End[]>();
    const right = new Map<string, End[]>();
    const add = (side: Map<string, End[]>, id: string, end: End) => {
        const list = side.get(id);
        if (list) list.push(end);
        else side.set(id, [end]);
    };
    const leadsBack = (edge: MapEdge) => grid.items.get(edge.to)!.column <= grid.items.get(edge.from)!.column;
    for (const edge of edges) {
        const chain = grid.chains.get(edge.id)!;
        const from = grid.items.get(edge.from)!;
        const to = grid.items.get(edge.to)!;
        add(leadsBack(edge) ? left : right, edge.from, { edge, at: (chain[0] ?? to).y });
        add(leadsBack(edge) && from.column !== to.column ? right : left, edge.to, { edge, at: (chain[chain.length - 1] ?? from).y });
    }
    const ports = { from: new Map<string, number>(), to: new Map<string, number>() };
    for (const side of [left, right]) {
        for (const [id, ends] of side) {
            const item = grid.items.get(id)!;
            const room = item.h - 16;
            const step = ends.length > 1 ? Math.min(PORT_STEP, room / (ends.length - 1)) : 0;
            ends.sort((a, b) => a.at - b.at);
            ends.forEach(({ edge }, i) => {
                (edge.from === id ? ports.from : ports.to).set(edge.id, item.y + (i - (ends.length - 1) / 2) * step);
            });
        }
    }
    return ports;
}

/* Appends a curve that begins and ends level. */
function curveTo(points: number[], x: number, y: number): void {
    const fromX = points[points.length - 2]!;
    const fromY = points[points.length - 1]!;
    const reach = Math.min(Math.abs(x - fromX) * 0.5, 40 + Math.abs(y - fromY) * 0.6 + Math.abs(x - fromX) * 0.12);
    const bend = x >= fromX ? Math.max(reach, Math.abs(x - fromX) * 0.36) : -Math.max(reach, Math.abs(x - fromX) * 0.36);
    points.push(fromX + bend, fromY, x - bend, y, x, y);
}

/* --- all together ------------------------------------------------------------------------------------ */

/* Lays out a graph, for a narrow screen or a wide one. With the picture `before`, what was in it stays where it was, as far as it can. */
export function layOut(graph: Graph, isNarrow: boolean, before?: Picture): Picture {
    const grid = gridOf(graph);
    const measures = isNarrow ? NARROW : graph.nodes.size > DENSE ? WIDE_DENSE : WIDE;
    const isKept = canKeep(grid, before);
    if (isKept) {
        keepPlaces(grid, before!);
    } else {
        orderColumns(grid.columns);
        placeColumns(grid.columns, rowsFor(grid.columns, measures));
    }
    return { ...pictureOf(graph, grid, measures), isKept };
}

function pictureOf(graph: Graph, grid: Grid, { node, gap }: Measures): Omit<Picture, 'isKept'> {
    const columns: Column[] = [];
    let x = 0;
    grid.columns.forEach((column, i) => {
        const lanes = Math.max(1, ...column.map((item) => item.lane + 1));
        const w = lanes * (node + LANE_GAP) - LANE_GAP;
        columns.push({ kind: grid.kinds[i]!, x, w });
        x += w + gap;
    });
    const boxes = new Map<string, Box>();
    const lanes = new Map<string, number>();
    for (const [id, item] of grid.items) {
        const left = columns[item.column]!.x + item.lane * (node + LANE_GAP);
        boxes.set(id, { x: left, y: item.y - item.h / 2, w: node, h: item.h });
        lanes.set(id, item.lane);
    }
    const ports = portsOf(graph.edges, grid);
    const curves = new Map<string, Curve>();
    for (const edge of graph.edges) {
        const from = boxes.get(edge.from)!;
        const to = boxes.get(edge.to)!;
        const fromColumn = grid.items.get(edge.from)!.column;
        const toColumn = grid.items.get(edge.to)!.column;
        const startY = ports.from.get(edge.id)!;
        const endY = ports.to.get(edge.id)!;
        let points: number[];
        if (toColumn === fromColumn) {
            /* Between two of one column: out to the left and back. */
            const out = Math.min(from.x, to.x) - 50 - Math.min(60, Math.abs(endY - startY) * 0.1);
            points = [from.x, startY, out, startY, out, endY, to.x, endY];
        } else {
            const isBack = toColumn < fromColumn;
            points = [isBack ? from.x : from.x + from.w, startY];
            for (const { column, y } of grid.chains.get(edge.id)!) {
                curveTo(points, columns[column]!.x, y);
                const end = columns[column]!.x + columns[column]!.w;
                points.push(columns[column]!.x + 40, y, end - 40, y, end, y);
            }
            curveTo(points, isBack ? to.x + to.w : to.x, endY);
        }
        curves.set(edge.id, { id: edge.id, points });
    }
    return { boxes, curves, columns, bounds: boundsOf(boxes), lanes };
}

function boundsOf(boxes: Map<string, Box>): Box {
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (const { x, y, w, h } of boxes.values()) {
        left = Math.min(left, x);
        top = Math.min(top, y);
        right = Math.max(right, x + w);
        bottom = Math.max(bottom, y + h);
    }
    return boxes.size === 0 ? { x: 0, y: 0, w: 0, h: 0 } : { x: left, y: top, w: right - left, h: bottom - top };
}
