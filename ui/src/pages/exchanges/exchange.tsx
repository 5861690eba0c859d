/* One exchange. */
import { useState } from 'preact/hooks';

import { Badge, Button, ExchangeLink, Facts, Name, PageHead, Panel, Table, Tile, Tiles, VhostLink, Waiting } from '../../components/basics';
import { Chart, objectPeriods, PeriodPicker, ratesOf, sampleParameters, usePeriod } from '../../components/chart';
import { confirm, toast } from '../../components/dialog';
import { Checkbox } from '../../components/form';
import { DataTable, type Column } from '../../components/list';
import { api, messageOf, path, totalOf, withParameters } from '../../lib/api';
import { compact, count, exchangeName, number, rate } from '../../lib/format';
import { href, navigate } from '../../lib/router';
import { useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { ChannelOf, rateOf } from '../clients/parts';
import { Bindings } from './bindings';
import { Features, PolicyName } from './features';
import './exchanges.css';
import { MessagePanel } from './message';
import { addressName, isPredeclared, routingType, type Exchange } from './types';

/* --- what a policy says ------------------------------------------------------------------------ */

/* The alternate exchange in force: the argument goes before the policy. */
function useAlternate(of: Exchange | undefined): string | undefined {
    const own = of?.arguments['alternate-exchange'];
    const asks = of?.policy && typeof own !== 'string' && may.setPolicies();
    const { data } = useResource<{ name: string; definition: Record<string, unknown> }[]>(asks ? path`/policies/${of.vhost}` : null, { every: 0 });
    const ruled = data?.find(({ name }) => name === of?.policy)?.definition['alternate-exchange'];
    return typeof own === 'string' ? own : typeof ruled === 'string' ? ruled : undefined;
}

/* --- deleting ---------------------------------------------------------------------------------- */

function DeleteText({ of, outs, ins, onUnused }: { of: Exchange; outs: number; ins: number; onUnused: (is: boolean) => void }) {
    const [isOnly, setOnly] = useState(false);
    return (
        <div class="stack">
            <ul class="losses">
                <li>{outs + ins > 0 ? `${count(outs, 'binding')} from it and ${count(ins, 'binding')} to it are gone. The queues stay, with their messages.` : 'Nothing is bound to it.'}</li>
                <li>Who publishes to it is refused with NOT_FOUND, which closes the channel. Now it gets {rate(of.message_stats?.publish_in_details?.rate ?? 0)} messages per second.</li>
                {(of.messages_delayed ?? 0) > 0 && <li>{count(of.messages_delayed!, 'delayed message')} that it holds are lost.</li>}
            </ul>
            <Checkbox label="Only if nothing is bound to it" checked={isOnly} onChange={(is) => { setOnly(is); onUnused(is); }} />
        </div>
    );
}

/* Finds out what would be lost, asks, and deletes. */
function askToDelete(of: Exchange): void {
    const bindings = (side: string) => totalOf(path`/exchanges/${of.vhost}/${of.name}/bindings/${side}`);
    let isOnlyUnused = false;
    void Promise.all([bindings('source'), bindings('destination')]).then(([outs, ins]) => confirm({
        title: `Delete the exchange ${of.name}?`,
        text: <DeleteText of={of} outs={outs} ins={ins} onUnused={(is) => { isOnlyUnused = is; }} />,
        verb: 'Delete the exchange',
        act: () => api.delete(withParameters(path`/exchanges/${of.vhost}/${of.name}`, { 'if-unused': isOnlyUnused || null })),
        done: 'The exchange is deleted.',
        then: () => navigate(href(['exchanges'])),
    }), (error: unknown) => toast(messageOf(error), 'bad'));
}

/* --- who publishes ----------------------------------------------------------------------------- */

type Publisher = NonNullable<Exchange['incoming']>[number];

const publisherColumns: Column<Publisher>[] = [
    { id: 'channel', title: 'Channel', isName: true, cell: (row) => <ChannelOf channel={row.channel_details} /> },
    { id: 'user', title: 'User', cell: (row) => <Name text={row.channel_details.user} /> },
    { id: 'publish', title: 'In/s', isNumber: true, cell: (row) => rateOf(row.stats.publish_details) },
    { id: 'confirm', title: 'Confirmed/s', isNumber: true, cell: (row) => rateOf(row.stats.confirm_details) },
    { id: 'returned', title: 'Returned/s', isNumber: true, cell: (row) => rateOf(row.stats.return_unroutable_details) },
    { id: 'dropped', title: 'Dropped/s', isNumber: true, cell: (row) => rateOf(row.stats.drop_unroutable_details) },
    { id: 'all', title: 'In all', isNumber: true, cell: (row) => compact(row.stats.publish) },
];

function Publishers({ of, isDetailed }: { of: Exchange; isDetailed: boolean }) {
    const rows = [...(of.incoming ?? [])].sort((a, b) => (b.stats.publish_details?.rate ?? 0) - (a.stats.publish_details?.rate ?? 0));
    return (
        <Panel title="Publishers" flush={rows.length > 0}>
            {rows.length > 0 ? <DataTable label="Publishers" rows={rows} columns={publisherColumns} rowKey={(row) => row.channel_details.name} />
                : <p class="muted">{isDetailed ? 'No channel that is open has published here.' : 'The broker does not count who publishes where. Set management.rates_mode = detailed to see it.'}</p>}
        </Panel>
    );
}

/* --- the page ---------------------------------------------------------------------------------- */

function ExchangeFacts({ of, alternate }: { of: Exchange; alternate: string | undefined }) {
    return (
        <Panel title="Exchange">
            <Facts rows={[
                ['Type', of.type],
                ['Routes like', routingType(of) !== of.type ? routingType(of) : undefined],
                ['Features', <Features of={of} />],
                ['Virtual host', may.monitor() ? <VhostLink name={of.vhost} /> : <Name text={of.vhost} />],
                ['Policy', of.policy ? <PolicyName of={of} /> : 'none applies'],
                ['Alternate exchange', alternate ? <ExchangeLink vhost={of.vhost} name={alternate} /> : undefined],
                ['Arguments', Object.keys(of.arguments).length > 0 ? <Table of={of.arguments} /> : undefined],
                ['Delayed messages', of.messages_delayed === undefined ? undefined : number(of.messages_delayed)],
            ]} />
        </Panel>
    );
}

function Content({ of, alternate }: { of: Exchange; alternate: string | undefined }) {
    const isDetailed = useResource<{ rates_mode: string }>('/overview?columns=rates_mode', { every: 0 }).data?.rates_mode === 'detailed';
    const stats = of.message_stats;
    const unroutable = (of.incoming ?? []).reduce((all, { stats: s }) => all + (s.return_unroutable_details?.rate ?? 0) + (s.drop_unroutable_details?.rate ?? 0), 0);
    return (
        <>
            <Tiles>
                <Tile label="In" value={rateOf(stats?.publish_in_details ?? { rate: 0 })} unit="/s" note={`${compact(stats?.publish_in ?? 0)} in all`} />
                <Tile label="Out, to queues" value={rateOf(stats?.publish_out_details ?? { rate: 0 })} unit="/s" note={`${compact(stats?.publish_out ?? 0)} in all`} />
                {isDetailed && <Tile label="Unroutable" value={rate(unroutable)} unit="/s" note="dropped or returned" />}
                {of.messages_delayed !== undefined && <Tile label="Delayed" value={compact(of.messages_delayed)} note="messages wait" />}
            </Tiles>
            <div class="columns">
                <Panel title="Messages per second">
                    <Chart label="Messages per second" format={rate} lines={[
                        { label: 'In', points: ratesOf(stats?.publish_in_details), color: 1 },
                        { label: 'Out, to queues', points: ratesOf(stats?.publish_out_details), color: 2 },
                    ]} />
                </Panel>
                <ExchangeFacts of={of} alternate={alternate} />
            </div>
            <Bindings of={of} alternate={alternate} />
            <MessagePanel of={of} />
            <Publishers of={of} isDetailed={isDetailed} />
        </>
    );
}

export default function ExchangePage({ params: [vhost = '', name = ''] }: { params: string[] }) {
    const period = usePeriod();
    const exchange = useResource<Exchange>(withParameters(path`/exchanges/${vhost}/${addressName(name)}`, sampleParameters(period, 'msg_rates')), { keeps: true });
    const { data } = exchange;
    const alternate = useAlternate(data);
    const crumbs: [string, string][] = [['Exchanges', href(['exchanges'])], [vhost, href(['exchanges'], { vhost })]];
    const title = exchangeName(data?.name ?? name);
    if (!data || exchange.error?.status === 404) return <><PageHead title={title} crumbs={crumbs} /><Waiting for={exchange} what="exchange" /></>;
    return (
        <>
            <PageHead title={title} crumbs={crumbs} badges={<><Badge>{data.type}</Badge>{data.internal && <Badge kind="info">internal</Badge>}</>}>
                <PeriodPicker choices={objectPeriods} />
                {!isPredeclared(data.name) && <Button kind="danger" onClick={() => askToDelete(data)}>Delete…</Button>}
            </PageHead>
            <Content of={data} alternate={alternate} />
        </>
    );
}
