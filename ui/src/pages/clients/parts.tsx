/* What the pages of connections, channels and consumers share. */
import type { ComponentChildren } from 'preact';

import { Badge, Button, ConnectionLink, Empty, Name, QueueLink, Table } from '../../components/basics';
import type { Samples } from '../../components/chart';
import { confirm } from '../../components/dialog';
import type { Column } from '../../components/list';
import { api, path } from '../../lib/api';
import { number, rate } from '../../lib/format';
import { href } from '../../lib/router';
import { reloadAll } from '../../lib/resource';

export type Rated<T extends string> = Partial<Record<T, number> & Record<`${T}_details`, Samples>>;

/* --- connections ------------------------------------------------------------------------------- */

export interface ClientProperties {
    product?: unknown;
    version?: unknown;
    platform?: unknown;
    capabilities?: Record<string, unknown>;
    [name: string]: unknown;
}

export interface Connection extends Rated<'recv_oct' | 'send_oct'> {
    name: string;
    user_provided_name?: string;
    vhost: string;
    user: string;
    node: string;
    state: string;
    protocol: string;
    auth_mechanism: string;
    ssl: boolean;
    ssl_protocol: string | null;
    ssl_cipher: string | null;
    ssl_hash: string | null;
    ssl_key_exchange: string | null;
    peer_cert_subject: string | null;
    peer_cert_issuer: string | null;
    peer_cert_validity: string | null;
    host: string;
    port: number;
    peer_host: string;
    peer_port: number;
    channels: number;
    channel_max: number;
    frame_max: number;
    timeout: number;
    connected_at: number;
    recv_cnt: number;
    send_cnt: number;
    send_pend: number;
    client_properties: ClientProperties;
}

/* What a state means for the client, if that is worth a word. */
const stateWords: Record<string, string> = {
    blocked: 'An alarm is in force, and this client publishes. The broker reads nothing more from it until the alarm has ended: what it sends waits in its socket.',
    blocking: 'An alarm is in force. The broker will stop reading from this client as soon as it publishes; until then it may consume as ever.',
    flow: 'This client publishes faster than its messages can be taken, so the broker reads from it with pauses. That slows it down and loses nothing.',
    closing: 'The connection is being closed.',
};

export function stateMeaning(state: string): string | undefined {
    return stateWords[state];
}

export function StateBadge({ state }: { state: string }) {
    const kind = state === 'running' ? 'good' : state === 'flow' || state === 'blocking' ? 'warn' : state === 'blocked' ? 'bad' : 'plain';
    return <Badge kind={kind} {...(stateWords[state] ? { title: stateWords[state] } : {})}>{state}</Badge>;
}

/* "Pika Python Client Library 1.2.0" */
export function clientOf(properties: ClientProperties | undefined): string {
    const words = [properties?.product, properties?.version].filter((word) => typeof word === 'string' && word !== '');
    return words.join(' ');
}

/* --- names ------------------------------------------------------------------------------------- */

/* A name with something smaller below it. */
export function TwoLines({ first, second }: { first: ComponentChildren; second: ComponentChildren }) {
    return <span class="two-lines">{first}<span class="muted small">{second}</span></span>;
}

/* A connection by what its client calls it, or by its addresses. */
export function ClientLink({ name, own }: { name: string; own?: string | undefined }) {
    return own
        ? <TwoLines first={<ConnectionLink name={name} label={own} />} second={<Name text={name} />} />
        : <ConnectionLink name={name} />;
}

export interface ChannelRef {
    name: string;
    number: number;
    connection_name: string;
    user: string;
    user_provided_name?: string;
}

/* A channel by its connection and its number, which is seen however long the name is: "shop-1 (3)". */
export function ChannelName({ connection, number: n, name }: { connection: string; number: number; name: string }) {
    return (
        <a class="numbered" href={href(['channels', name])} title={`${connection} (${n})`}>
            <span class="cut" dir="auto">{connection}</span>{`\u00a0(${n})`}
        </a>
    );
}

export function ChannelOf({ channel }: { channel: ChannelRef }) {
    return <ChannelName connection={channel.user_provided_name || channel.connection_name} number={channel.number} name={channel.name} />;
}

/* What a list says when it is empty to a user who sees only its own. */
export function NothingOwn({ noun }: { noun: string }) {
    return <Empty title={`Your user has no ${noun}`}>You see what belongs to you; users with the tag monitoring see the {noun} of all.</Empty>;
}

/* --- consumers --------------------------------------------------------------------------------- */

export interface Consumer {
    consumer_tag: string;
    queue: { name: string; vhost: string };
    channel_details: ChannelRef;
    ack_required: boolean;
    prefetch_count: number;
    exclusive: boolean;
    active: boolean;
    activity_status: string;
    arguments: Record<string, unknown>;
}

export const consumerFields = ['consumer_tag', 'queue.name', 'queue.vhost', 'channel_details'];

export function consumerKey(row: Consumer): string {
    return `${row.channel_details.name}\n${row.consumer_tag}`;
}

const activities: Record<string, [string, string]> = {
    up: ['active', 'It gets messages'],
    single_active: ['single active', 'Of the queue\'s consumers this one gets the messages'],
    waiting: ['waiting', 'Another consumer of the queue is active; this one takes its place when it ends'],
};

function Activity({ of }: { of: Consumer }) {
    const [word, title] = activities[of.activity_status] ?? [of.activity_status, ''];
    return <Badge kind={of.active ? 'good' : 'plain'} title={title}>{word}</Badge>;
}

/* 0 is no limit, which deserves to be seen. */
export function prefetchText(count: number): string {
    return count === 0 ? 'unlimited' : number(count);
}

function askToCancel(row: Consumer): void {
    const { connection_name: connection, number: channel } = row.channel_details;
    confirm({
        title: 'Cancel this consumer?',
        text: (
            <>
                <p>The consumer <strong>{row.consumer_tag}</strong> gets no more messages from the queue <strong>{row.queue.name}</strong>. Its client is told with basic.cancel.</p>
                <p>What it has got already stays with it, and may still be acknowledged.</p>
            </>
        ),
        verb: 'Cancel the consumer',
        act: () => api.delete(path`/consumers/${row.queue.vhost}/${connection}/${channel}/${row.consumer_tag}`),
        done: 'The consumer is cancelled.',
        then: reloadAll,
    });
}

/* The columns of a list of consumers, without those that its page makes superfluous. */
export function consumerColumns(without: ('queue' | 'channel' | 'user' | 'vhost')[], canSort: boolean): Column<Consumer>[] {
    const sorted = (field: string) => (canSort ? { sort: field } : {});
    const all: Column<Consumer>[] = [
        { id: 'tag', title: 'Tag', isName: true, ...sorted('consumer_tag'), fields: ['consumer_tag'], cell: (row) => <Name text={row.consumer_tag} /> },
        { id: 'queue', title: 'Queue', isWide: true, ...sorted('queue.name'), fields: ['queue.name', 'queue.vhost'], cell: (row) => <span class="some"><QueueLink vhost={row.queue.vhost} name={row.queue.name} /></span> },
        { id: 'vhost', title: 'Virtual host', ...sorted('queue.vhost'), fields: ['queue.vhost'], cell: (row) => <Name text={row.queue.vhost} /> },
        { id: 'channel', title: 'Channel', isWide: true, ...sorted('channel_details.name'), fields: ['channel_details'], cell: (row) => <span class="some"><ChannelOf channel={row.channel_details} /></span> },
        { id: 'user', title: 'User', ...sorted('channel_details.user'), fields: ['channel_details'], cell: (row) => <Name text={row.channel_details.user} />, isHidden: true },
        { id: 'activity', title: 'State', ...sorted('activity_status'), fields: ['active', 'activity_status'], cell: (row) => <Activity of={row} /> },
        {
            id: 'ack', title: 'Ack mode', ...sorted('ack_required'), fields: ['ack_required', 'exclusive'],
            cell: (row) => <span class="badges">{row.ack_required ? <Badge title="The client acknowledges what it has done">manual</Badge> : <Badge kind="warn" title="Messages count as acknowledged once they are sent: what a client loses is lost">automatic</Badge>}{row.exclusive && <Badge kind="info">exclusive</Badge>}</span>,
        },
        { id: 'prefetch', title: 'Prefetch', isNumber: true, ...sorted('prefetch_count'), fields: ['prefetch_count', 'ack_required'], cell: (row) => (row.ack_required ? prefetchText(row.prefetch_count) : '–') },
        { id: 'arguments', title: 'Arguments', isWide: true, fields: ['arguments'], cell: (row) => <Table of={row.arguments} /> },
        {
            id: 'cancel', title: 'Actions', isAction: true, fields: [], cell: (row) => (
                <Button kind="quiet" aria-label={`Cancel the consumer ${row.consumer_tag}`} onClick={() => askToCancel(row)}>Cancel…</Button>
            ),
        },
    ];
    return all.filter((column) => !without.includes(column.id as 'queue'));
}

/* --- rates ------------------------------------------------------------------------------------- */

export function rateOf(details: Samples | undefined): string {
    return rate(details?.rate);
}
