/* One channel. */
import { useState } from 'preact/hooks';

import { Button, ConnectionLink, Empty, ExchangeLink, Facts, Name, PageHead, Panel, QueueLink, Tile, Tiles, UserLink, VhostLink, Waiting } from '../../components/basics';
import { Chart, objectPeriods, PeriodPicker, ratesOf, sampleParameters, usePeriod, type Line, type Samples } from '../../components/chart';
import { Dialog, toast } from '../../components/dialog';
import { Field, Form, TextInput } from '../../components/form';
import { DataTable, type Column } from '../../components/list';
import { api, path, withParameters } from '../../lib/api';
import { momentOf, number, rate } from '../../lib/format';
import { href } from '../../lib/router';
import { reloadAll, useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { Mode, Prefetch, type Channel, type ChannelRate } from './channel_columns';
import { consumerColumns, consumerKey, rateOf } from './parts';

/* --- the prefetch ------------------------------------------------------------------------------ */

function PrefetchDialog({ of, onClose }: { of: Channel; onClose: () => void }) {
    const [value, setValue] = useState(String(of.prefetch_count));
    const send = async () => {
        await api.put(path`/channels/${of.name}`, { prefetch: Number(value) });
        onClose();
        toast('The prefetch is changed.');
        reloadAll();
    };
    return (
        <Dialog title="Change the prefetch" onClose={onClose}>
            <p>How many messages each consumer of this channel may hold without having acknowledged them. The client is not told, and sets its own with its next basic.qos.</p>
            <Form verb="Change" onSend={send}>
                <Field label="Messages" hint="0: unlimited"><TextInput type="number" min={0} required autofocus value={value} onChange={setValue} /></Field>
            </Form>
        </Dialog>
    );
}

/* --- what goes where --------------------------------------------------------------------------- */

type Publishes = NonNullable<Channel['publishes']>[number];
type Deliveries = NonNullable<Channel['deliveries']>[number];
type Stats = Record<`${ChannelRate}_details`, Samples | undefined>;

function rates<Row extends { stats: Stats }>(...names: [ChannelRate, string][]): Column<Row>[] {
    return names.map(([id, title]) => ({ id, title, isNumber: true, cell: (row) => rateOf(row.stats[`${id}_details`]) }));
}

const publishColumns: Column<Publishes>[] = [
    { id: 'exchange', title: 'Exchange', isName: true, cell: (row) => <ExchangeLink {...row.exchange} /> },
    ...rates<Publishes>(['publish', 'Publish/s'], ['confirm', 'Confirm/s'], ['return_unroutable', 'Returned/s'], ['drop_unroutable', 'Dropped/s']),
];

const deliveryColumns: Column<Deliveries>[] = [
    { id: 'queue', title: 'Queue', isName: true, cell: (row) => <QueueLink {...row.queue} /> },
    ...rates<Deliveries>(['deliver_get', 'Deliver/s'], ['ack', 'Ack/s'], ['redeliver', 'Redeliver/s'], ['get_empty', 'Get of empty/s']),
];

/* Only those that say something: a channel that consumes is not shown to publish nothing. */
function linesOf(stats: Channel['message_stats'], names: [ChannelRate, string, number][]): Line[] {
    return names.filter(([id]) => (stats?.[id] ?? 0) > 0)
        .map(([id, label, color]) => ({ label, color, points: ratesOf(stats?.[`${id}_details`]) }));
}

/* --- the page ---------------------------------------------------------------------------------- */

function ChannelFacts({ of }: { of: Channel }) {
    return (
        <Panel title="Channel">
            <Facts rows={[
                ['Connection', <ConnectionLink name={of.connection_details.name} label={of.connection_details.user_provided_name} />],
                ['Number', String(of.number)],
                ['User', may.administrate() ? <UserLink name={of.user} /> : <Name text={of.user} />],
                ['Virtual host', may.monitor() ? <VhostLink name={of.vhost} /> : <Name text={of.vhost} />],
                ['Mode', <Mode of={of} />],
                ['Prefetch', <Prefetch of={of} />],
                ['Open transaction', of.transactional ? `${number(of.messages_uncommitted)} published, ${number(of.acks_uncommitted)} acknowledged` : undefined],
                ['Idle since', of.idle_since && momentOf(of.idle_since)],
            ]} />
        </Panel>
    );
}

export default function ChannelPage({ params: [name = ''] }: { params: string[] }) {
    const period = usePeriod();
    const [isChanging, setChanging] = useState(false);
    const channel = useResource<Channel>(withParameters(path`/channels/${name}`, sampleParameters(period, 'msg_rates')), { keeps: true });
    const { data } = channel;
    const connectionName = data?.connection_details.name ?? name.replace(/ \(\d+\)$/, '');
    const own = data?.connection_details.user_provided_name;
    const crumbs: [string, string][] = [['Connections', href(['connections'])], [own || connectionName, href(['connections', connectionName])]];
    if (!data || channel.error?.status === 404) {
        return (
            <>
                <PageHead title={name} crumbs={crumbs} />
                {channel.error?.status === 404 ? <Empty title="This channel is closed"><a href={href(['channels'])}>See those that are open</a></Empty> : <Waiting for={channel} what="channel" />}
            </>
        );
    }
    const stats = data.message_stats;
    const publishes = linesOf(stats, [['publish', 'Publish', 1], ['confirm', 'Confirm', 5], ['return_unroutable', 'Returned', 6], ['drop_unroutable', 'Dropped', 7]]);
    const deliveries = linesOf(stats, [['deliver', 'Deliver', 2], ['deliver_no_ack', 'Deliver without acks', 4], ['get', 'Get', 1], ['get_no_ack', 'Get without acks', 7], ['ack', 'Ack', 3], ['redeliver', 'Redeliver', 6], ['get_empty', 'Get of empty', 5]]);
    return (
        <>
            <PageHead title={own ? `${own} (${data.number})` : name} note={own && name} crumbs={crumbs} badges={<Mode of={data} />}><PeriodPicker choices={objectPeriods} /></PageHead>
            <Tiles>
                <Tile label="Publish" value={rateOf(stats?.publish_details ?? { rate: 0 })} unit="/s" />
                <Tile label="Deliver" value={rateOf(stats?.deliver_get_details ?? { rate: 0 })} unit="/s" />
                <Tile label="Ack" value={rateOf(stats?.ack_details ?? { rate: 0 })} unit="/s" />
                <Tile label="Unacked" value={number(data.messages_unacknowledged)} note="messages" />
                <Tile label="Unconfirmed" value={number(data.messages_unconfirmed)} note="messages" />
                <Tile label="Consumers" value={number(data.consumer_count)} {...(data.consumer_count > 0 ? { note: <>prefetch <Prefetch of={data} /></> } : {})} />
            </Tiles>
            {publishes.length + deliveries.length > 0 && <div class="columns">
                {publishes.length > 0 && <Panel title="Published per second"><Chart label="Published per second" format={rate} lines={publishes} /></Panel>}
                {deliveries.length > 0 && <Panel title="Delivered per second"><Chart label="Delivered per second" format={rate} lines={deliveries} /></Panel>}
            </div>}
            {publishes.length + deliveries.length === 0 && <Panel title="Messages per second"><Empty title="Nothing was published or delivered on this channel yet" /></Panel>}
            {(data.consumer_details?.length ?? 0) > 0 && (
                <Panel title="Consumers" flush actions={<Button onClick={() => setChanging(true)}>Change the prefetch…</Button>}>
                    <DataTable label="Consumers" rows={data.consumer_details!} columns={consumerColumns(['vhost', 'channel', 'user'], false)} rowKey={consumerKey} />
                </Panel>
            )}
            <div class="columns">
                {(data.publishes?.length ?? 0) > 0 && <Panel title="Published to" flush><DataTable label="Published to" rows={data.publishes!} columns={publishColumns} rowKey={(row) => row.exchange.name} /></Panel>}
                {(data.deliveries?.length ?? 0) > 0 && <Panel title="Delivered from" flush><DataTable label="Delivered from" rows={data.deliveries!} columns={deliveryColumns} rowKey={(row) => row.queue.name} /></Panel>}
                <ChannelFacts of={data} />
            </div>
            {isChanging && <PrefetchDialog of={data} onClose={() => setChanging(false)} />}
        </>
    );
}
