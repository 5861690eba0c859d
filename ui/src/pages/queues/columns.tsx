/* The columns of the list of queues, in groups. */
import { Name, QueueLink } from '../../components/basics';
import { lengthsOf, ratesOf } from '../../components/chart';
import type { Column } from '../../components/list';
import { Sparkline } from '../../components/sparkline';
import { bytes, compact, number, percent, rate } from '../../lib/format';
import { Features, State } from './features';
import { rateOf, samplesOf, type Queue } from './types';

/* How many badges fit into a row. */
const FEATURES = 3;
/* What is shown as 0: in one minute it is less than three messages. */
const STEADY = 0.05;

type QueueColumn = Column<Queue>;

function count(id: keyof Queue & string, title: string, more: Partial<QueueColumn> = {}): QueueColumn {
    return { id, title, group: 'Messages', sort: id, isNumber: true, cell: (q) => number(q[id] as number | undefined), ...more };
}

function size(id: keyof Queue & string, title: string, more: Partial<QueueColumn> = {}): QueueColumn {
    return { id, title, group: 'Bytes', sort: id, isNumber: true, cell: (q) => bytes(q[id] as number | undefined), ...more };
}

function perSecond(name: string, title: string, more: Partial<QueueColumn> = {}): QueueColumn {
    const sort = `message_stats.${name}_details.rate`;
    return { id: name, title, group: 'Rates', sort, isNumber: true, cell: (q) => rate(rateOf(q, name)), ...more };
}

/* How fast the queue grows (or, negative, shrinks), with its length over the last ten minutes. */
function Growth({ queue }: { queue: Queue }) {
    const exact = queue.messages_details?.rate ?? 0;
    const growth = Math.abs(exact) < STEADY ? 0 : exact;
    const sign = growth > 0 ? '+' : growth < 0 ? '\u2212' : '';
    const points = lengthsOf(queue.messages_details);
    const most = Math.max(0, ...points.map(([, n]) => n ?? 0));
    return (
        <span class="growth" title={`At most ${compact(most)} messages in the last ten minutes`}>
            <Sparkline points={points} /><span class={growth > 0 ? 'up' : ''}>{sign}{rate(Math.abs(growth))}</span>
        </span>
    );
}

/* `areSeveral`: queues of several vhosts are listed. */
export function columnsOf(areSeveral: boolean): QueueColumn[] {
    return [
        { id: 'name', title: 'Name', sort: 'name', isName: true, cell: (q) => <QueueLink vhost={q.vhost} name={q.name} /> },
        { id: 'vhost', title: 'Virtual host', group: 'Queue', sort: 'vhost', isHidden: !areSeveral, cell: (q) => <span class="some short"><Name text={q.vhost} /></span> },
        { id: 'type', title: 'Type', group: 'Queue', sort: 'type', isHidden: true, cell: (q) => q.type },
        { id: 'features', title: 'Features', isWide: true, group: 'Queue', fields: ['type', 'durable', 'auto_delete', 'exclusive', 'arguments', 'effective_policy_definition'], cell: (q) => <Features queue={q} max={FEATURES} hasType /> },
        { id: 'policy', title: 'Policy', group: 'Queue', sort: 'policy', isHidden: true, cell: (q) => (q.policy ? <Name text={q.policy} /> : '') },
        { id: 'operator_policy', title: 'Operator policy', group: 'Queue', sort: 'operator_policy', isHidden: true, cell: (q) => (q.operator_policy ? <Name text={q.operator_policy} /> : '') },
        { id: 'node', title: 'Node', group: 'Queue', sort: 'node', isHidden: true, cell: (q) => <Name text={q.node} /> },
        { id: 'state', title: 'State', group: 'Queue', sort: 'state', fields: ['state', 'idle_since'], cell: (q) => <State queue={q} /> },
        count('messages_ready', 'Ready'),
        count('messages_unacknowledged', 'Unacked'),
        count('messages', 'Total'),
        count('messages_ram', 'In memory', { isHidden: true }),
        count('messages_paged_out', 'Paged out', { isHidden: true }),
        count('messages_persistent', 'Persistent', { isHidden: true }),
        {
            id: 'growth', title: 'Growth/s', group: 'Messages', sort: 'messages_details.rate', fields: ['messages_details'], isNumber: true,
            cell: (q) => <Growth queue={q} />,
        },
        size('message_bytes', 'Bytes', { isHidden: true }),
        size('message_bytes_ready', 'Bytes ready', { isHidden: true }),
        size('message_bytes_unacknowledged', 'Bytes unacked', { isHidden: true }),
        size('message_bytes_ram', 'Bytes in memory', { isHidden: true }),
        size('message_bytes_paged_out', 'Bytes paged out', { isHidden: true }),
        size('message_bytes_persistent', 'Bytes persistent', { isHidden: true }),
        size('memory', 'Memory', { isHidden: true }),
        perSecond('publish', 'In/s'),
        perSecond('deliver_get', 'Out/s'),
        perSecond('ack', 'Ack/s'),
        perSecond('redeliver', 'Redelivered/s', { isHidden: true }),
        perSecond('get', 'Get/s', { isHidden: true }),
        perSecond('get_empty', 'Get of empty/s', { isHidden: true }),
        perSecond('deliver_no_ack', 'Without ack/s', { isHidden: true }),
        {
            id: 'in_trend', title: 'In, last 10 min', group: 'Rates', isHidden: true, fields: ['message_stats.publish_details'],
            cell: (q) => <Sparkline points={ratesOf(samplesOf(q, 'publish'))} />,
        },
        count('consumers', 'Consumers', { group: 'Consumers' }),
        {
            id: 'consumer_utilisation', title: 'Utilisation', group: 'Consumers', sort: 'consumer_utilisation', isNumber: true, isHidden: true,
            cell: (q) => percent(q.consumer_utilisation),
        },
        {
            id: 'single_active_consumer_tag', title: 'Active consumer', group: 'Consumers', isHidden: true,
            fields: ['single_active_consumer_tag', 'single_active_consumer_ctag'],
            cell: (q) => <Name text={q.single_active_consumer_tag ?? q.single_active_consumer_ctag ?? ''} />,
        },
    ];
}
