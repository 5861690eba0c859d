/* What the pages about the lives of messages share: the API's objects, and their words. */
import { Badge, ConnectionLink } from '../../components/basics';
import { duration, exchangeName, number } from '../../lib/format';
import { href } from '../../lib/router';

export interface Trace {
    id: number;
    vhost: string;
    kind: 'queue' | 'exchange';
    name: string;
    state: 'running' | 'ended';
    user: string;
    routing_key: string;
    seconds: number;
    messages: number;
    one_in: number;
    payload_bytes: number;
    started_at: number;
    run_ms: number;
    left_ms: number;
    seen: number;
    matching: number;
    followed: number;
    records: number;
    overwritten: number;
    memory: number;
    memory_limit: number;
}

export interface TracedMessage {
    number: number;
    started_at: number;
    run_us: number;
    exchange: string;
    routing_key: string;
    connection: string;
    channel: number;
    user: string;
    payload_bytes: number;
    persistent: boolean;
    state: string;
    queue: string;
    queued: number;
    deliveries: number;
    redeliveries: number;
    dead_letters: number;
    records: number;
    was_there: boolean;
    beginning_lost: boolean;
}

export interface LifeEvent {
    at_us: number;
    event: string;
    reason?: string;
    queue?: string;
    exchange?: string;
    routing_key?: string;
    connection?: string;
    channel?: number;
    user?: string;
    consumer_tag?: string;
    delivery_tag?: number;
    position?: number;
    queues?: number;
    redelivered?: boolean;
    no_ack?: boolean;
    mandatory?: boolean;
    returned?: boolean;
    was_there?: boolean;
    is_cut?: boolean;
}

export interface Life {
    message: TracedMessage;
    properties?: Record<string, unknown>;
    payload?: string;
    payload_encoding?: string;
    events: LifeEvent[];
    omitted_events?: number;
}

/* What is traced, as people say it. */
export function traceTitle({ kind, name }: Pick<Trace, 'kind' | 'name'>): string {
    return `${kind === 'queue' ? 'Queue' : 'Exchange'} ${kind === 'exchange' ? exchangeName(name) : name}`;
}

/* A period in microseconds: 58 µs, 1.87 ms, 2.4 s, 1 min 4 s. */
export function micros(us: number): string {
    if (us < 1000) return `${number(us)}\u00a0µs`;
    if (us < 1e6) return `${(us / 1000).toFixed(us < 1e4 ? 2 : 1)}\u00a0ms`;
    if (us < 6e7) return `${(us / 1e6).toFixed(us < 1e7 ? 2 : 1)}\u00a0s`;
    return duration(us / 1000);
}

type Kind = 'good' | 'warn' | 'bad' | 'info' | 'plain';

/* The states of a message: what people call them, and how they are to be taken. */
const states: Record<string, [string, Kind]> = {
    published: ['published', 'plain'],
    routed: ['routed', 'plain'],
    unroutable: ['no queue', 'bad'],
    'rolled-back': ['rolled back', 'warn'],
    queued: ['waits in its queue', 'info'],
    refused: ['refused', 'bad'],
    duplicate: ['dropped as a duplicate', 'warn'],
    delivered: ['with a consumer', 'info'],
    got: ['fetched', 'info'],
    consumed: ['consumed', 'good'],
    acked: ['acknowledged', 'good'],
    requeued: ['requeued', 'warn'],
    rejected: ['rejected', 'warn'],
    'dead-lettered': ['dead-lettered', 'warn'],
    forwarded: ['forwarded', 'plain'],
    dropped: ['dropped', 'bad'],
    purged: ['purged', 'bad'],
    'queue-deleted': ['gone with its queue', 'bad'],
};

export function kindOf(event: string): Kind {
    if (event === 'nacked') return 'bad';
    if (event === 'confirmed') return 'good';
    return states[event]?.[1] ?? 'plain';
}

export function State({ state }: { state: string }) {
    return <Badge kind={kindOf(state)}>{states[state]?.[0] ?? state}</Badge>;
}

/* Who did it: links to the connection and the channel. The HTTP API is neither. */
export function Who({ connection, channel }: { connection: string; channel?: number | undefined }) {
    if (connection === 'HTTP API') return <span>the HTTP API</span>;
    return (
        <span class="who">
            <ConnectionLink name={connection} />
            {channel !== undefined && <a class="nowrap" href={href(['channels', `${connection} (${channel})`])}>channel {channel}</a>}
        </span>
    );
}

export function TraceState({ trace }: { trace: Trace }) {
    return trace.state === 'running'
        ? <Badge kind="good">running</Badge>
        : <Badge>ended</Badge>;
}
