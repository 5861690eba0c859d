/* Channels, and the columns of their lists. */
import { Badge, Name } from '../../components/basics';
import type { Samples } from '../../components/chart';
import type { Column } from '../../components/list';
import { number } from '../../lib/format';
import { href } from '../../lib/router';
import { ChannelName, prefetchText, rateOf, TwoLines, type Consumer, type Rated } from './parts';

export type ChannelRate = 'publish' | 'confirm' | 'return_unroutable' | 'drop_unroutable' | 'deliver_get' | 'deliver' | 'deliver_no_ack'
    | 'get' | 'get_no_ack' | 'get_empty' | 'redeliver' | 'ack';

export interface Traffic<T> { stats: Record<string, number> & Record<`${ChannelRate}_details`, Samples | undefined>; of?: T }

export interface Channel {
    name: string;
    number: number;
    vhost: string;
    user: string;
    connection_details: { name: string; user_provided_name?: string; peer_host: string; peer_port: number };
    confirm: boolean;
    transactional: boolean;
    consumer_count: number;
    messages_unacknowledged: number;
    messages_unconfirmed: number;
    messages_uncommitted: number;
    acks_uncommitted: number;
    prefetch_count: number;
    global_prefetch_count: number;
    idle_since?: string;
    message_stats?: Rated<ChannelRate>;
    consumer_details?: Consumer[];
    publishes?: (Traffic<never> & { exchange: { name: string; vhost: string } })[];
    deliveries?: (Traffic<never> & { queue: { name: string; vhost: string } })[];
}

/* What the client has asked of the channel. */
export function Mode({ of }: { of: Pick<Channel, 'confirm' | 'transactional'> }) {
    return of.transactional ? <Badge kind="info" title="tx.select: what is published waits for the commit">transactions</Badge>
        : of.confirm ? <Badge kind="good" title="confirm.select: the broker says when it has each message safely">confirms</Badge>
            : <Badge title="The client is not told whether its messages have arrived">plain</Badge>;
}

/* Its own limit, or the one that its consumers share. */
export function Prefetch({ of }: { of: Pick<Channel, 'prefetch_count' | 'global_prefetch_count'> }) {
    return <>{of.global_prefetch_count ? `${number(of.global_prefetch_count)} shared` : prefetchText(of.prefetch_count)}</>;
}

function rateColumn(id: ChannelRate, title: string, isHidden = false): Column<Channel> {
    const field = `message_stats.${id}_details.rate`;
    return { id, title: `${title}/s`, isNumber: true, isHidden, group: 'Messages per second', sort: field, fields: [field], cell: (row) => rateOf(row.message_stats?.[`${id}_details`]) };
}

export function channelColumns(without: ('vhost' | 'user')[]): Column<Channel>[] {
    const all: Column<Channel>[] = [
        {
            id: 'name', title: 'Channel', isName: true, sort: 'name', fields: ['name', 'number', 'connection_details'],
            cell: (row) => (row.connection_details?.user_provided_name
                ? <TwoLines first={<ChannelName connection={row.connection_details.user_provided_name} number={row.number} name={row.name} />} second={<Name text={row.name} />} />
                : <Name text={row.name} to={href(['channels', row.name])} />),
        },
        { id: 'vhost', title: 'Virtual host', sort: 'vhost', cell: (row) => <span class="some short"><Name text={row.vhost} /></span> },
        { id: 'user', title: 'User', sort: 'user', isHidden: true, cell: (row) => <span class="some short"><Name text={row.user} /></span> },
        { id: 'mode', title: 'Mode', sort: 'confirm', fields: ['confirm', 'transactional'], cell: (row) => <Mode of={row} /> },
        { id: 'consumers', title: 'Consumers', isNumber: true, sort: 'consumer_count', cell: (row) => number(row.consumer_count) },
        { id: 'prefetch', title: 'Prefetch', isNumber: true, sort: 'prefetch_count', fields: ['prefetch_count', 'global_prefetch_count', 'consumer_count'], cell: (row) => (row.consumer_count || row.prefetch_count || row.global_prefetch_count ? <Prefetch of={row} /> : '–') },
        { id: 'unacked', title: 'Unacked', isNumber: true, sort: 'messages_unacknowledged', cell: (row) => number(row.messages_unacknowledged) },
        { id: 'unconfirmed', title: 'Unconfirmed', isNumber: true, sort: 'messages_unconfirmed', cell: (row) => number(row.messages_unconfirmed) },
        { id: 'uncommitted', title: 'Uncommitted', isNumber: true, isHidden: true, sort: 'messages_uncommitted', cell: (row) => number(row.messages_uncommitted) },
        rateColumn('publish', 'Publish'),
        rateColumn('confirm', 'Confirm', true),
        rateColumn('return_unroutable', 'Returned', true),
        rateColumn('drop_unroutable', 'Dropped', true),
        rateColumn('deliver_get', 'Deliver'),
        rateColumn('ack', 'Ack'),
        rateColumn('redeliver', 'Redeliver', true),
        rateColumn('get', 'Get', true),
        rateColumn('get_empty', 'Get of empty', true),
    ];
    return all.filter((column) => !without.includes(column.id as 'vhost'));
}
