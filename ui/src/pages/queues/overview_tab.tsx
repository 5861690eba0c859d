/* What a queue holds, what flows through it, and from and to whom. */
import { useEffect, useRef } from 'preact/hooks';

import { Empty, ExchangeLink, Facts, Meter, Name, Panel, Tile, Tiles } from '../../components/basics';
import { Chart, lengthsOf, objectPeriods, PeriodPicker, ratesOf } from '../../components/chart';
import { DataTable } from '../../components/list';
import { path, withParameters } from '../../lib/api';
import { bytes, compact, count, moment, momentOf, number, percent, rate } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { limitOf } from './limits';
import { PolicyName } from './policy_name';
import type { TabProps } from './queue_page';
import { ClientName } from './client_name';
import { type ChannelDetails, type Delivery, rateOf, samplesOf, type Queue } from './types';

const rates: [string, string][] = [
    ['publish', 'In'],
    ['deliver_get', 'Out'],
    ['ack', 'Acknowledged'],
    ['redeliver', 'Redelivered'],
];

/* --- figures --------------------------------------------------------------------------------------- */

function growthText(queue: Queue): string {
    const growth = queue.messages_details?.rate ?? 0;
    if (Math.abs(growth) < 0.05) return 'steady';
    return growth > 0 ? `grows by ${rate(growth)}/s` : `shrinks by ${rate(-growth)}/s`;
}

function Figures({ queue }: { queue: Queue }) {
    return (
        <Tiles>
            <Tile label="Ready" value={compact(queue.messages_ready)} note={bytes(queue.message_bytes_ready)} />
            <Tile label="Unacknowledged" value={compact(queue.messages_unacknowledged)} note={bytes(queue.message_bytes_unacknowledged)} />
            <Tile label="Total" value={compact(queue.messages)} note={growthText(queue)} />
            <Tile label="In" value={rate(rateOf(queue, 'publish'))} unit="/s" />
            <Tile label="Out" value={rate(rateOf(queue, 'deliver_get'))} unit="/s" />
            <Tile label="Acknowledged" value={rate(rateOf(queue, 'ack'))} unit="/s" />
            <Tile label="Consumers" value={number(queue.consumers)} note={queue.consumers ? `${percent(queue.consumer_utilisation)} utilisation` : 'nobody consumes'} />
        </Tiles>
    );
}

/* Where the messages are: numbers and bytes. */
function Held({ queue }: { queue: Queue }) {
    const rows: [string, number | undefined, number | undefined, string][] = [
        ['Total', queue.messages, queue.message_bytes, ''],
        ['Ready', queue.messages_ready, queue.message_bytes_ready, 'Waiting for a consumer'],
        ['Unacknowledged', queue.messages_unacknowledged, queue.message_bytes_unacknowledged, 'Delivered, and held by consumers'],
        ...(queue.messages_dlx ? [['Dead letters', queue.messages_dlx, queue.message_bytes_dlx, 'Kept until their target has them'] as [string, number, number | undefined, string]] : []),
        ['In memory', queue.messages_ram, queue.message_bytes_ram, ''],
        ['Paged out', queue.messages_paged_out, queue.message_bytes_paged_out, 'On disk alone'],
        ['Persistent', queue.messages_persistent, queue.message_bytes_persistent, 'There again after a restart'],
    ];
    return (
        <table class="table figures" aria-label="Messages and bytes">
            <thead><tr><th scope="col"></th><th scope="col" class="num">Messages</th><th scope="col" class="num">Bytes</th></tr></thead>
            <tbody>
                {rows.map(([label, messages, size, title]) => (
                    <tr key={label}><th scope="row" title={title || undefined}>{label}</th><td class="num">{number(messages)}</td><td class="num">{bytes(size)}</td></tr>
                ))}
            </tbody>
        </table>
    );
}

/* How full the queue is, if it has a limit. */
function Fullness({ used, limit, text }: { used: number | undefined; limit: number; text: (n: number) => string }) {
    const part = limit > 0 ? (used ?? 0) / limit : 1;
    return (
        <span class="fullness">
            <span>{text(used ?? 0)} of {text(limit)}</span>
            <Meter part={part} {...(part >= 1 ? { level: 'bad' as const } : part >= 0.8 ? { level: 'warn' as const } : {})} />
        </span>
    );
}

function DetailsOf({ queue }: { queue: Queue }) {
    const length = limitOf(queue, 'max-length');
    const size = limitOf(queue, 'max-length-bytes');
    const active = queue.single_active_consumer_tag ?? queue.single_active_consumer_ctag;
    return (
        <Facts rows={[
            ['Memory', bytes(queue.memory)],
            ['Length limit', length === undefined ? undefined : <Fullness used={queue.messages_ready} limit={length} text={number} />],
            ['Size limit', size === undefined ? undefined : <Fullness used={queue.message_bytes_ready} limit={size} text={bytes} />],
            ['Policy', queue.policy ? <PolicyName queue={queue} kind="policy" /> : undefined],
            ['Operator policy', queue.operator_policy ? <PolicyName queue={queue} kind="operator_policy" /> : undefined],
            ['Active consumer', active ? <Name text={active} /> : undefined],
            ['Exclusive consumer', queue.exclusive_consumer_tag ? <Name text={queue.exclusive_consumer_tag} /> : undefined],
            ['Oldest message', typeof queue.head_message_timestamp === 'number' ? moment(queue.head_message_timestamp * 1000) : undefined],
            ['Idle since', queue.idle_since ? momentOf(queue.idle_since) : undefined],
            ['Node', <Name text={queue.node} />],
        ]} />
    );
}

/* --- who publishes, who consumes ------------------------------------------------------------------- */

interface Flow { source: string; destination: string; rate: number; count: number }
interface Incoming { channel_details: ChannelDetails; stats: { publish_details?: { rate: number } } }

const PUBLISHERS_SHOWN = 6;
/* The first answer begins the count, and says nothing; the second one is asked for soon. */
const FLOWS_SECONDS = 2;
const FIRST_FLOWS_SECONDS = 0.7;

/* Who publishes to an exchange now; known if the broker counts in detail. */
function Publishers({ vhost, exchange }: { vhost: string; exchange: string }) {
    const { data } = useResource<{ incoming?: Incoming[] }>(withParameters(path`/exchanges/${vhost}/${exchange || 'amq.default'}`, { columns: 'incoming' }), { keeps: true });
    const active = (data?.incoming ?? []).filter((one) => (one.stats.publish_details?.rate ?? 0) > 0);
    return (
        <ul class="plain-list small">
            {active.slice(0, PUBLISHERS_SHOWN).map((one) => (
                <li key={one.channel_details.name} class="publisher">
                    <ClientName channel={one.channel_details} /><span class="muted">{one.channel_details.user}</span><span class="num">{rate(one.stats.publish_details?.rate)}/s</span>
                </li>
            ))}
            {active.length > PUBLISHERS_SHOWN && <li class="muted">and {count(active.length - PUBLISHERS_SHOWN, 'channel')} more</li>}
        </ul>
    );
}

function Sources({ queue }: { queue: Queue }) {
    const answers = useRef(0);
    const every = answers.current > 1 ? FLOWS_SECONDS : FIRST_FLOWS_SECONDS;
    const { data } = useResource<Flow[]>(withParameters(path`/vhosts/${queue.vhost}/flows`, { queue: queue.name }), { every, keeps: true });
    useEffect(() => { if (data) answers.current++; }, [data]);
    const here = data ?? [];
    if (here.length === 0)
        return <Empty title={answers.current > 1 ? 'Nothing has come in the last seconds' : 'Counting…'}>Messages are counted by their exchange while this page is open.</Empty>;
    return (
        <ul class="sources">
            {[...here].sort((a, b) => b.rate - a.rate).map((flow) => (
                <li key={flow.source}>
                    <div class="source"><ExchangeLink vhost={queue.vhost} name={flow.source} /><span class="num">{rate(flow.rate)}/s</span></div>
                    <Publishers vhost={queue.vhost} exchange={flow.source} />
                </li>
            ))}
        </ul>
    );
}

function Deliveries({ deliveries }: { deliveries: Delivery[] }) {
    const perSecond = (delivery: Delivery, name: string) => {
        const details = delivery.stats[`${name}_details`];
        return rate(typeof details === 'object' ? details.rate : 0);
    };
    return (
        <DataTable label="Channels that get messages" rows={deliveries} rowKey={(d) => d.channel_details.name} columns={[
            { id: 'channel', title: 'Channel', isName: true, cell: (d) => <ClientName channel={d.channel_details} /> },
            { id: 'user', title: 'User', cell: (d) => <Name text={d.channel_details.user} /> },
            { id: 'out', title: 'Out/s', isNumber: true, cell: (d) => perSecond(d, 'deliver_get') },
            { id: 'ack', title: 'Ack/s', isNumber: true, cell: (d) => perSecond(d, 'ack') },
        ]} />
    );
}

export function OverviewTab({ queue }: TabProps) {
    const deliveries = queue.deliveries ?? [];
    return (
        <>
            <Figures queue={queue} />
            <div class="columns">
                <Panel title="Messages" actions={<PeriodPicker choices={objectPeriods} />}>
                    <Chart label="Messages" format={compact} lines={[
                        { label: 'Ready', points: lengthsOf(queue.messages_ready_details), color: 1 },
                        { label: 'Unacknowledged', points: lengthsOf(queue.messages_unacknowledged_details), color: 2 },
                    ]} />
                </Panel>
                <Panel title="Messages per second">
                    <Chart label="Messages per second" format={rate} lines={rates.map(([id, label], i) => ({ label, points: ratesOf(samplesOf(queue, id)), color: i + 1 }))} />
                </Panel>
            </div>
            <div class="columns">
                <div class="stack">
                    <Panel title="Where messages come from" flush><Sources queue={queue} /></Panel>
                    {deliveries.length > 0 && <Panel title="Where messages go" flush><Deliveries deliveries={deliveries} /></Panel>}
                    <Panel title="Details"><DetailsOf queue={queue} /></Panel>
                </div>
                <Panel title="What it holds" flush><Held queue={queue} /></Panel>
            </div>
        </>
    );
}
