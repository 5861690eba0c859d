/* The graph of a vhost: what the API's rows say, as nodes and edges. Nothing here draws or asks.
 *
 * Publishers and consumers are applications: all connections of one name (`connection_name`), or of one
 * user and host if they have none. Edges of bindings are bundled: one for each pair of objects. */
import { Neighbours, troubleOf, type Trouble } from './trouble';

export type Kind = 'publisher' | 'exchange' | 'queue' | 'consumer';
/* `publish`: application to exchange. `binding`, `alternate`: exchange to exchange or queue. `dead`: queue
 * to its dead-letter exchange, or to a queue by the default one. `consume`: queue to application. */
export type EdgeKind = 'publish' | 'binding' | 'alternate' | 'dead' | 'consume';

interface Rate { rate?: number }
type Stats = Record<string, number | Rate | undefined>;

export interface ExchangeRow {
    name: string; type: string; internal: boolean; policy?: string;
    arguments: Record<string, unknown>; message_stats?: Stats;
}
export interface QueueRow {
    name: string; type: string; state?: string; consumers?: number; policy?: string | null; idle_since?: string;
    messages?: number; messages_ready?: number; messages_unacknowledged?: number; messages_details?: Rate;
    arguments: Record<string, unknown>; effective_policy_definition?: Record<string, unknown>; message_stats?: Stats;
}
export interface BindingRow { source: string; destination: string; destination_type: string; routing_key: string; arguments: Record<string, unknown> }
export interface ConsumerRow {
    consumer_tag: string; prefetch_count: number; ack_required: boolean;
    queue: { name: string }; channel_details: ChannelDetails;
}
export interface ChannelDetails { connection_name?: string; name?: string; user?: string; peer_host?: string; user_provided_name?: string }
export interface ChannelRow { name: string; message_stats?: Stats }
/* What a channel publishes to an exchange; known if management.rates_mode is `detailed`. */
export interface PublisherRow { exchange: string; channel_details: ChannelDetails; stats?: Stats }
export interface FlowRow { source: string; destination: string; rate: number; count: number }
export interface PolicyRow { name: string; definition: Record<string, unknown> }

export interface Rows {
    isPartial: boolean; /* only some queues, and their bindings */
    exchanges: ExchangeRow[];
    queues: QueueRow[];
    bindings: BindingRow[];
    consumers: ConsumerRow[];
    channels: ChannelRow[];
    publishers: PublisherRow[];
    flows: FlowRow[];
    policies: PolicyRow[];
}

export interface MapNode {
    id: string;
    kind: Kind;
    name: string;
    type: string; /* of an exchange or a queue */
    isMissing: boolean; /* named by another object, and not there */
    rateIn: number; /* messages a second */
    published: number; /* of them what clients publish to an exchange */
    rateOut: number;
    messages: number;
    ready: number;
    unacked: number;
    growth: number; /* messages a second that the queue grows by */
    consumers: number;
    limit: number; /* x-max-length; 0: none */
    isRing: boolean; /* at its limit it drops its oldest messages */
    idleMs: number; /* for how long nothing has moved in a queue */
    members: string[]; /* an application's connections */
    history: number[]; /* a queue's last lengths, oldest first */
    trouble: Trouble | undefined;
    folds: MapNode[]; /* the nodes that this one stands for */
}

export interface MapEdge {
    id: string;
    from: string;
    to: string;
    kind: EdgeKind;
    keys: string[]; /* routing keys of bindings, or a dead letter's */
    count: number; /* bindings, or consumers */
    rate: number | undefined; /* messages a second; undefined: not known */
}

export interface Graph { nodes: Map<string, MapNode>; edges: MapEdge[] }

export const exchangeId = (name: string) => `e:${name}`;
export const queueId = (name: string) => `q:${name}`;

export function rateOf(stats: Stats | undefined, name: string): number {
    const details = stats?.[`${name}_details`];
    return typeof details === 'object' ? (details.rate ?? 0) : 0;
}

export function totalOf(stats: Stats | undefined, name: string): number {
    const total = stats?.[name];
    return typeof total === 'number' ? total : 0;
}

function emptyNode(id: string, kind: Kind, name: string): MapNode {
    return {
        id, kind, name, type: '', isMissing: false, rateIn: 0, published: 0, rateOut: 0, messages: 0, ready: 0, unacked: 0,
        growth: 0, consumers: 0, limit: 0, isRing: false, idleMs: 0, members: [], history: [], trouble: undefined, folds: [],
    };
}

const HISTORY_MAX = 40;
/* Predeclared exchanges are shown when something is bound to them or goes through them, and so are all of a
 * vhost of which only a part is loaded. */
const isPredeclared = (name: string) => name === '' || name.startsWith('amq.');

/* What a channel's connection calls itself, or whose it is and from where. */
function applicationOf({ user_provided_name: name, user, peer_host: host }: ChannelDetails): string {
    return name || [user, host].filter(Boolean).join('@') || 'unknown';
}

/* Builds the graph anew for each answer. It remembers what single answers do not tell: lengths of queues
 * over time, and the ways through the default exchange, which are drawn once they have been used. */
export class GraphBuilder {
    private lengths = new Map<string, number[]>();
    private usedByDefault = new Set<string>();
    private rows: Rows | undefined;
    private areNew = false; /* rows that have not been built before: lengths are remembered once */
    private nodes = new Map<string, MapNode>();
    private edges = new Map<string, MapEdge>();

    /* `pinned` are ids of objects to show in any case, also if the rows do not have them. */
    build(rows: Rows, pinned: ReadonlySet<string>): Graph {
        this.nodes = new Map();
        this.edges = new Map();
        this.areNew = rows !== this.rows;
        this.rows = rows;
        this.addExchanges(rows);
        rows.queues.forEach((row) => this.addQueue(row));
        this.addPinned(pinned);
        this.addBindings(rows);
        this.addApplications(rows);
        this.addFlows(rows.flows);
        this.addPassedOn();
        this.leaveOutUnused(rows, pinned);
        const edges = [...this.edges.values()];
        const near = new Neighbours(edges);
        for (const node of this.nodes.values()) if (node.kind === 'queue' || !rows.isPartial) node.trouble = troubleOf(node, near);
        return { nodes: this.nodes, edges };
    }

    private node(id: string, kind: Kind, name: string): MapNode {
        let node = this.nodes.get(id);
        if (!node) this.nodes.set(id, (node = emptyNode(id, kind, name)));
        return node;
    }

    private edge(from: string, to: string, kind: EdgeKind): MapEdge {
        const id = `${kind}\n${from}\n${to}`;
        let edge = this.edges.get(id);
        if (!edge) this.edges.set(id, (edge = { id, from, to, kind, keys: [], count: 0, rate: undefined }));
        return edge;
    }

    private addExchanges({ exchanges, policies }: Rows): void {
        const definitions = new Map(policies.map(({ name, definition }) => [name, definition]));
        for (const row of exchanges) {
            const node = this.node(exchangeId(row.name), 'exchange', row.name);
            node.type = row.type;
            node.rateIn = node.published = rateOf(row.message_stats, 'publish_in');
            node.rateOut = rateOf(row.message_stats, 'publish_out');
        }
        for (const row of exchanges) {
            const policy = row.policy ? definitions.get(row.policy) : undefined;
            const alternate = row.arguments['alternate-exchange'] ?? policy?.['alternate-exchange'];
            if (typeof alternate !== 'string') continue;
            this.missing(exchangeId(alternate), 'exchange', alternate);
            this.edge(exchangeId(row.name), exchangeId(alternate), 'alternate').count = 1;
        }
    }

    /* A node that is marked as missing if no row has made it. */
    private missing(id: string, kind: Kind, name: string): void {
        if (!this.nodes.has(id)) this.node(id, kind, name).isMissing = true;
    }

    private addQueue(row: QueueRow): void {
        const node = this.node(queueId(row.name), 'queue', row.name);
        const settings = { ...row.arguments, ...row.effective_policy_definition };
        const set = (name: string) => row.arguments[`x-${name}`] ?? row.effective_policy_definition?.[name];
        node.type = row.type;
        node.messages = row.messages ?? 0;
        node.ready = row.messages_ready ?? 0;
        node.unacked = row.messages_unacknowledged ?? 0;
        node.growth = row.messages_details?.rate ?? 0;
        node.consumers = row.consumers ?? 0;
        node.rateIn = rateOf(row.message_stats, 'publish');
        node.rateOut = rateOf(row.message_stats, 'deliver_get');
        const limits = [settings['x-max-length'], settings['max-length']].filter((n): n is number => typeof n === 'number');
        node.limit = limits.length > 0 ? Math.min(...limits) : 0;
        node.isRing = (set('overflow') ?? 'drop-head') === 'drop-head';
        node.idleMs = row.idle_since ? Date.now() - Date.parse(row.idle_since) : 0;
        const history = this.lengths.get(row.name) ?? [];
        if (this.areNew) history.push(node.messages);
        if (history.length > HISTORY_MAX) history.shift();
        this.lengths.set(row.name, history);
        node.history = history;
        const to = set('dead-letter-exchange');
        if (typeof to === 'string') this.addDeadLetters(node, to, set('dead-letter-routing-key'));
    }

    private addDeadLetters(queue: MapNode, exchange: string, key: unknown): void {
        const isDirect = exchange === '' && typeof key === 'string';
        const to = isDirect ? queueId(key) : exchangeId(exchange);
        const edge = this.edge(queue.id, to, 'dead');
        edge.count = 1;
        if (typeof key === 'string') edge.keys = [key];
    }

    private addPinned(pinned: ReadonlySet<string>): void {
        for (const id of pinned) {
            if (id.startsWith('e:')) this.node(id, 'exchange', id.slice(2));
            else if (id.startsWith('q:')) this.node(id, 'queue', id.slice(2));
        }
    }

    private addBindings({ bindings, queues, exchanges }: Rows): void {
        const bound = new Set<string>();
        for (const row of bindings) {
            if (row.source === '') continue;
            const to = row.destination_type === 'queue' ? queueId(row.destination) : exchangeId(row.destination);
            const from = exchangeId(row.source);
            if (!this.nodes.has(to) || !this.nodes.has(from)) continue; /* one of those that are left out */
            bound.add(to);
            const edge = this.edge(from, to, 'binding');
            edge.count++;
            if (edge.keys.length < 50) edge.keys.push(row.routing_key);
        }
        /* What a queue without bindings got has come through the default exchange. */
        const isDead = new Set([...this.edges.values()].filter(({ kind }) => kind === 'dead').map(({ to }) => to));
        for (const row of queues) {
            const id = queueId(row.name);
            if (!bound.has(id) && !isDead.has(id) && totalOf(row.message_stats, 'publish') > 0) this.usedByDefault.add(row.name);
        }
        const first = exchanges.find(({ name }) => name === '');
        if (first) this.node(exchangeId(''), 'exchange', '').type = 'direct';
        /* Dead letters' exchanges that no row has. */
        for (const { to, kind } of [...this.edges.values()]) {
            if (kind === 'dead') this.missing(to, to.startsWith('q:') ? 'queue' : 'exchange', to.slice(2));
        }
    }

    private addApplications({ consumers, channels, publishers }: Rows): void {
        const queuesOf = new Map<string, Set<string>>();
        for (const { channel_details: channel, queue } of consumers) {
            const known = queuesOf.get(channel.name ?? '');
            if (known) known.add(queue.name);
            else queuesOf.set(channel.name ?? '', new Set([queue.name]));
        }
        const rates = new Map(channels.map((row) => [row.name, rateOf(row.message_stats, 'deliver_get')]));
        const counted = new Set<string>();
        for (const { channel_details: channel, queue } of consumers) {
            const from = this.nodes.get(queueId(queue.name));
            if (!from) continue;
            const name = applicationOf(channel);
            const node = this.node(`c:${name}`, 'consumer', name);
            const connection = channel.connection_name ?? '';
            if (!node.members.includes(connection)) node.members.push(connection);
            node.consumers++;
            const edge = this.edge(from.id, node.id, 'consume');
            edge.count++;
            /* A channel's rate is the edge's if it consumes from this queue alone. */
            const id = channel.name ?? '';
            if (counted.has(id) || queuesOf.get(id)?.size !== 1) continue;
            counted.add(id);
            if (rates.has(id)) edge.rate = (edge.rate ?? 0) + rates.get(id)!;
        }
        this.fillConsumeRates();
        for (const { exchange, channel_details: channel, stats } of publishers) {
            const to = exchangeId(exchange);
            if (!this.nodes.has(to)) continue;
            const name = applicationOf(channel);
            const node = this.node(`p:${name}`, 'publisher', name);
            const connection = channel.connection_name ?? '';
            if (!node.members.includes(connection)) node.members.push(connection);
            const edge = this.edge(node.id, to, 'publish');
            edge.count++;
            edge.rate = (edge.rate ?? 0) + rateOf(stats, 'publish');
            node.rateOut += rateOf(stats, 'publish');
        }
    }

    /* A queue's deliveries that no channel accounts for belong to the one edge without a rate, if it is one. */
    private fillConsumeRates(): void {
        const byQueue = new Map<string, MapEdge[]>();
        for (const edge of this.edges.values()) {
            if (edge.kind !== 'consume') continue;
            const list = byQueue.get(edge.from);
            if (list) list.push(edge);
            else byQueue.set(edge.from, [edge]);
        }
        for (const [id, edges] of byQueue) {
            const unknown = edges.filter((edge) => edge.rate === undefined);
            const total = this.nodes.get(id)!.rateOut;
            if (edges.length === 1) edges[0]!.rate = total;
            else if (unknown.length === 1) unknown[0]!.rate = Math.max(0, total - edges.reduce((sum, edge) => sum + (edge.rate ?? 0), 0));
            for (const edge of edges) this.nodes.get(edge.to)!.rateIn += edge.rate ?? 0;
        }
    }

    /* Lays flows from exchange to queue onto the edges between: onto the binding of both, or else onto the
     * shortest way. Edges that none goes over have a rate of 0. */
    private addFlows(flows: FlowRow[]): void {
        for (const { source, destination, count } of flows) {
            if (source === '' && count > 0 && this.nodes.has(queueId(destination))) this.usedByDefault.add(destination);
        }
        for (const name of this.usedByDefault) {
            if (this.nodes.has(queueId(name))) this.edge(exchangeId(''), queueId(name), 'binding').count = 1;
        }
        const out = new Map<string, MapEdge[]>();
        for (const edge of this.edges.values()) {
            if (edge.kind !== 'binding' && edge.kind !== 'alternate') continue;
            if (flows.length > 0) edge.rate = 0;
            const list = out.get(edge.from);
            if (list) list.push(edge);
            else out.set(edge.from, [edge]);
        }
        const ways = new Map<string, Map<string, MapEdge>>();
        for (const { source, destination, rate } of flows) {
            const from = exchangeId(source);
            if (!ways.has(from)) ways.set(from, waysFrom(from, out));
            const way = ways.get(from)!;
            let at = queueId(destination);
            while (at !== from) {
                const edge = way.get(at);
                if (!edge) break;
                edge.rate = (edge.rate ?? 0) + rate;
                at = edge.from;
            }
        }
    }

    /* An exchange counts only what clients publish to it; what other exchanges pass on to it is added. */
    private addPassedOn(): void {
        for (const { from, to, rate } of this.edges.values())
            if (rate && from.startsWith('e:') && to.startsWith('e:')) this.nodes.get(to)!.rateIn += rate;
    }

    private leaveOutUnused({ queues, isPartial }: Rows, pinned: ReadonlySet<string>): void {
        const used = new Set<string>();
        for (const edge of this.edges.values()) {
            used.add(edge.from);
            used.add(edge.to);
        }
        for (const node of [...this.nodes.values()]) {
            if (node.kind === 'exchange' && (isPartial || isPredeclared(node.name)) && !used.has(node.id) && !pinned.has(node.id)) {
                if (node.rateIn === 0 || node.name === '') this.nodes.delete(node.id);
            }
        }
        const names = new Set(queues.map(({ name }) => name));
        for (const name of this.lengths.keys()) if (!names.has(name)) this.lengths.delete(name);
    }
}

/* For each object that messages reach from an exchange: the last edge on the shortest way to it. */
function waysFrom(from: string, out: Map<string, MapEdge[]>): Map<string, MapEdge> {
    const way = new Map<string, MapEdge>();
    const next = [from];
    for (const at of next) {
        const edges = out.get(at) ?? [];
        for (const kind of ['binding', 'alternate']) {
            for (const edge of edges) {
                if (edge.kind !== kind || edge.to === from || way.has(edge.to)) continue;
                way.set(edge.to, edge);
                next.push(edge.to);
            }
        }
    }
    return way;
}

/* Whether anything happens at an object. */
export function isIdle(node: MapNode): boolean {
    if (node.folds.length > 0) return node.folds.every(isIdle);
    return node.rateIn === 0 && node.rateOut === 0 && node.messages === 0 && !node.trouble;
}
