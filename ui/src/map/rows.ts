/* What the map asks the API for. A vhost of very many queues is never loaded as a whole: the longest and
 * the busiest queues are, and those that a search finds. */
import { api, path, withParameters } from '../lib/api';
import { totalOf } from './graph';
import type { BindingRow, ChannelRow, ConsumerRow, ExchangeRow, FlowRow, PolicyRow, PublisherRow, QueueRow, Rows } from './graph';

export interface Loaded extends Rows {
    queuesInAll: number;
    exchangesInAll: number;
    hasAllConsumers: boolean; /* false: there are too many to load */
}

interface Page<T> { items: T[]; total_count: number; filtered_count: number }

const PAGE = 500; /* the most rows of a page */
const QUEUES_MAX = 1500; /* of a vhost that is loaded as a whole */
const EXCHANGES_MAX = 1000;
const SELECTED = 80; /* queues by length, and as many by rate, when there are too many */
const FOUND = 50; /* queues that a search finds */
const SESSIONS_MAX = 3000; /* consumers or channels of all vhosts */
const PUBLISHED_MAX = 40; /* exchanges whose publishers are asked for */
const PARALLEL = 6;

const EXCHANGE_COLUMNS = 'name,type,internal,policy,arguments,message_stats';
const QUEUE_COLUMNS = [
    'name', 'type', 'state', 'idle_since', 'consumers', 'policy', 'messages', 'messages_ready', 'messages_unacknowledged', 'messages_details', 'arguments',
    'effective_policy_definition', 'message_stats.publish', 'message_stats.publish_details', 'message_stats.deliver_get_details',
].join(',');
const BINDING_COLUMNS = 'source,destination,destination_type,routing_key,arguments';
const CONSUMER_COLUMNS = 'consumer_tag,queue.name,prefetch_count,ack_required,channel_details';
const CHANNEL_COLUMNS = 'name,message_stats.deliver_get_details';

/* Bindings of single queues, which are loaded one by one; they are asked for again now and then. */
const bindingsOfQueues = new Map<string, { at: number; rows: BindingRow[] }>();
const BINDINGS_MS = 60_000;

async function pagesOf<T>(to: string, parameters: Record<string, string>, max: number, signal: AbortSignal): Promise<{ items: T[]; total: number }> {
    const page = (n: number) => api.get<Page<T>>(withParameters(to, { ...parameters, page: n, page_size: PAGE }), signal);
    const first = await page(1);
    const total = first.total_count;
    if (total > max || total <= PAGE) return { items: first.items, total };
    const rest = await Promise.all(Array.from({ length: Math.ceil(total / PAGE) - 1 }, (_, i) => page(i + 2).catch(() => undefined)));
    return { items: [...first.items, ...rest.flatMap((answer) => answer?.items ?? [])], total };
}

async function someQueues(vhost: string, search: string, signal: AbortSignal): Promise<QueueRow[]> {
    const select = (parameters: Record<string, string | number | boolean>) =>
        api.get<Page<QueueRow>>(withParameters(path`/queues/${vhost}`, { page: 1, columns: QUEUE_COLUMNS, ...parameters }), signal).then(({ items }) => items);
    const lists = await Promise.all([
        ...(search === '' ? [] : [select({ page_size: FOUND, name: search })]),
        select({ page_size: SELECTED, sort: 'messages', sort_reverse: true }),
        select({ page_size: SELECTED, sort: 'message_stats.publish_details.rate', sort_reverse: true }),
    ]);
    return [...new Map(lists.flat().map((row) => [row.name, row])).values()];
}

async function bindingsOf(vhost: string, queues: QueueRow[], signal: AbortSignal): Promise<BindingRow[]> {
    const now = Date.now();
    const wanted = queues.filter(({ name }) => now - (bindingsOfQueues.get(`${vhost}\n${name}`)?.at ?? 0) > BINDINGS_MS);
    const next = wanted.values();
    const work = async () => {
        for (const { name } of next) {
            const rows = await api.get<BindingRow[]>(withParameters(path`/queues/${vhost}/${name}/bindings`, { columns: BINDING_COLUMNS }), signal).catch(() => undefined);
            if (rows) bindingsOfQueues.set(`${vhost}\n${name}`, { at: now, rows });
        }
    };
    await Promise.all(Array.from({ length: PARALLEL }, work));
    return queues.flatMap(({ name }) => bindingsOfQueues.get(`${vhost}\n${name}`)?.rows ?? []);
}

/* Who publishes to the busiest exchanges. */
async function publishersOf(vhost: string, exchanges: ExchangeRow[], signal: AbortSignal): Promise<PublisherRow[]> {
    const busy = exchanges.filter((row) => totalOf(row.message_stats, 'publish_in') > 0).slice(0, PUBLISHED_MAX);
    const lists = await Promise.all(busy.map(async ({ name }) => {
        const to = withParameters(path`/exchanges/${vhost}/${name || 'amq.default'}`, { columns: 'incoming' });
        const { incoming } = await api.get<{ incoming?: Omit<PublisherRow, 'exchange'>[] }>(to, signal).catch(() => ({ incoming: [] }));
        return (incoming ?? []).map((row) => ({ ...row, exchange: name }));
    }));
    return lists.flat();
}

/* Asks for all that the map shows of a vhost. What a user may not see is left out. */
export async function loadRows(vhost: string, search: string, signal: AbortSignal): Promise<Loaded> {
    const or = <T>(asked: Promise<T>, instead: T) => asked.catch(() => instead);
    const flows = or(api.get<FlowRow[]>(path`/vhosts/${vhost}/flows`, signal), []);
    const policies = or(api.get<PolicyRow[]>(path`/policies/${vhost}`, signal), []);
    const queueList = pagesOf<QueueRow>(path`/queues/${vhost}`, { columns: QUEUE_COLUMNS }, QUEUES_MAX, signal);
    const [exchanges, first, totals] = await Promise.all([
        pagesOf<ExchangeRow>(path`/exchanges/${vhost}`, { columns: EXCHANGE_COLUMNS, sort: 'message_stats.publish_in_details.rate', sort_reverse: 'true' }, EXCHANGES_MAX, signal),
        queueList,
        or(api.get<{ rates_mode: string; object_totals: { consumers: number; channels: number } }>('/overview?columns=object_totals,rates_mode', signal), { rates_mode: '', object_totals: { consumers: 0, channels: 0 } }),
    ]);
    const isWhole = first.total <= QUEUES_MAX;
    const queues = isWhole ? first.items : await someQueues(vhost, search, signal);
    const bindings = isWhole
        ? api.get<BindingRow[]>(withParameters(path`/bindings/${vhost}`, { columns: BINDING_COLUMNS }), signal)
        : bindingsOf(vhost, queues, signal);
    const hasAllConsumers = totals.object_totals.consumers <= SESSIONS_MAX;
    const hasAllChannels = totals.object_totals.channels <= SESSIONS_MAX;
    const consumers = hasAllConsumers ? or(api.get<ConsumerRow[]>(withParameters(path`/consumers/${vhost}`, { columns: CONSUMER_COLUMNS }), signal), []) : [];
    const channels = hasAllChannels ? or(api.get<ChannelRow[]>(withParameters(path`/vhosts/${vhost}/channels`, { columns: CHANNEL_COLUMNS }), signal), []) : [];
    const publishers = totals.rates_mode === 'detailed' ? or(publishersOf(vhost, exchanges.items, signal), []) : [];
    return {
        isPartial: !isWhole, exchanges: exchanges.items, queues, bindings: await bindings, consumers: await consumers,
        channels: await channels, publishers: await publishers, flows: await flows, policies: await policies,
        queuesInAll: first.total, exchangesInAll: exchanges.total, hasAllConsumers,
    };
}
