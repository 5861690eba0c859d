/* The overview: what the broker does, whether it is well, and where to look first. */
import { Facts, FoldedPanel, Notice, PageHead, Panel, Tile, Tiles, Waiting } from '../../components/basics';
import { Chart, lengthsOf, messageRates, PeriodPicker, rateLines, sampleParameters, usePeriod, type Details } from '../../components/chart';
import { withParameters } from '../../lib/api';
import { compact, count, number, rate } from '../../lib/format';
import { useResource, type Resource } from '../../lib/resource';
import { href } from '../../lib/router';
import { may } from '../../lib/session';
import { useVhost, useVhostRow } from '../../lib/vhost';
import { NodePanels } from './node_panel';
import { QueuesPanel } from './queues_panel';

interface Listener { protocol: string; ip_address: string; port: number }

interface Overview {
    cluster_name: string;
    leveret_version: string;
    rabbitmq_version: string;
    rates_mode: string;
    default_queue_type: string;
    object_totals: { channels: number; connections: number; consumers: number; exchanges: number; queues: number };
    queue_totals: { messages_ready?: number; messages_unacknowledged?: number } & Details;
    message_stats: Details;
    listeners?: Listener[]; /* for monitors */
}

/* Figures of all vhosts, or of the chosen one. */
function useFigures(overview: Resource<Overview>, vhost: string, parameters: Record<string, number>) {
    const one = useVhostRow<{ name: string; message_stats?: Details }>(vhost === '' ? null : vhost, parameters);
    const { data } = overview;
    if (vhost === '') return { stats: data?.message_stats, lengths: data?.queue_totals as Details | undefined };
    return { stats: one.data?.message_stats, lengths: one.data as unknown as Details | undefined };
}

function Listeners({ of }: { of: Overview }) {
    return (
        <table class="table">
            <thead><tr><th scope="col">Protocol</th><th scope="col">Address</th><th scope="col" class="num">Port</th></tr></thead>
            <tbody>
                {(of.listeners ?? []).map((one) => (
                    <tr key={`${one.protocol} ${one.ip_address} ${one.port}`}>
                        <td>{one.protocol}</td><td>{one.ip_address}</td><td class="num">{one.port}</td>
                    </tr>
                ))}
            </tbody>
        </table>
    );
}

export default function OverviewPage() {
    const period = usePeriod();
    const vhost = useVhost();
    const parameters = sampleParameters(period, 'lengths', 'msg_rates');
    const overview = useResource<Overview>(withParameters('/overview', parameters), { keeps: true });
    const { stats, lengths } = useFigures(overview, vhost, parameters);
    const { data } = overview;
    if (!data) return <Waiting for={overview} what="overview" />;
    const totals = data.object_totals;
    const rateOf = (id: string) => stats?.[`${id}_details`]?.rate ?? 0;
    const length = (id: string) => (lengths as Record<string, unknown> | undefined)?.[id] as number | undefined;
    const unroutable = rateOf('return_unroutable') + rateOf('drop_unroutable');
    return (
        <>
            <PageHead title={vhost === '' ? 'Overview' : `Overview of ${vhost}`}><PeriodPicker /></PageHead>
            {totals.queues === 0 && (
                <Notice><span><strong>There is no queue yet.</strong> Connect a client to port {data.listeners?.find(({ protocol }) => protocol === 'amqp')?.port ?? 5672}, or <a href={href(['queues'], { new: 1 })}>add a queue</a>.</span></Notice>
            )}
            <Tiles>
                <Tile label="Ready" value={compact(length('messages_ready'))} note="messages" to={href(['queues'], { sort: 'ready', desc: 1 })} />
                <Tile label="Unacknowledged" value={compact(length('messages_unacknowledged'))} note="messages" to={href(['queues'], { sort: 'unacked', desc: 1 })} />
                <Tile label="Published" value={rate(rateOf('publish'))} unit="/s" note={unroutable > 0 ? `${rate(unroutable)}/s reach no queue` : ' '} />
                <Tile label="Delivered" value={rate(rateOf('deliver_get'))} unit="/s" note={`${rate(rateOf('redeliver'))}/s redelivered`} />
                <Tile label="Queues" value={number(totals.queues)} note={count(totals.exchanges, 'exchange')} to={href(['queues'])} />
                <Tile label="Connections" value={number(totals.connections)} note={count(totals.channels, 'channel')} to={href(['connections'])} />
                <Tile label="Consumers" value={number(totals.consumers)} to={href(['consumers'])} />
            </Tiles>
            <div class="columns">
                <Panel title="Messages in queues">
                    <Chart label="Messages in queues" format={compact} lines={[
                        { label: 'Ready', points: lengthsOf(lengths?.['messages_ready_details']), color: 1 },
                        { label: 'Unacknowledged', points: lengthsOf(lengths?.['messages_unacknowledged_details']), color: 2 },
                    ]} />
                </Panel>
                <Panel title="Messages per second">
                    <Chart label="Messages per second" format={rate} lines={rateLines(stats, messageRates)} />
                </Panel>
                <QueuesPanel vhost={vhost} />
                {may.monitor() && <NodePanels period={period} />}
                <div class="stack">
                    {(data.listeners?.length ?? 0) > 0 && <FoldedPanel title="Ports" open flush><Listeners of={data} /></FoldedPanel>}
                    <FoldedPanel title="Versions and modes">
                        <Facts rows={[
                            ['Cluster', data.cluster_name],
                            ['Leveret', data.leveret_version],
                            ['RabbitMQ, for clients', data.rabbitmq_version],
                            ['Default queue type', data.default_queue_type],
                            ['Rates', data.rates_mode],
                        ]} />
                    </FoldedPanel>
                </div>
            </div>
        </>
    );
}
