/* One connection. */
import { useState } from 'preact/hooks';

import { Badge, Button, Empty, Facts, FoldedPanel, Name, Notice, PageHead, Panel, Table, Tile, Tiles, UserLink, VhostLink, Waiting } from '../../components/basics';
import { Chart, objectPeriods, PeriodPicker, ratesOf, sampleParameters, usePeriod } from '../../components/chart';
import { confirm } from '../../components/dialog';
import { Field, TextInput } from '../../components/form';
import { DataTable, ServerList } from '../../components/list';
import { api, ask, path, withParameters } from '../../lib/api';
import { bytes, count, duration, moment, number } from '../../lib/format';
import { href, navigate } from '../../lib/router';
import { useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { channelColumns, type Channel } from './channel_columns';
import { clientOf, consumerColumns, consumerKey, StateBadge, stateMeaning, type Connection, type Consumer } from './parts';

/* --- closing ----------------------------------------------------------------------------------- */

/* What ends with a connection, in numbers. */
function Losses({ of, channels }: { of: Connection; channels: Channel[] | undefined }) {
    const sum = (value: (channel: Channel) => number) => (channels ?? []).reduce((all, channel) => all + value(channel), 0);
    const consumers = sum((channel) => channel.consumer_count);
    const unacked = sum((channel) => channel.messages_unacknowledged);
    const uncommitted = sum((channel) => channel.messages_uncommitted);
    const unconfirmed = sum((channel) => channel.messages_unconfirmed);
    return (
        <ul class="losses">
            <li>Ended: {count(of.channels, 'channel')}, {channels ? count(consumers, 'consumer') : 'its consumers'}, and the exclusive queues of the connection with their messages.</li>
            {unacked > 0 && <li>Back in their queues, to be delivered again: {count(unacked, 'message')} not yet acknowledged.</li>}
            {unconfirmed > 0 && <li>Not confirmed: {count(unconfirmed, 'message')}. The client does not learn what became of them.</li>}
            {uncommitted > 0 && <li>Lost: {count(uncommitted, 'message')} of open transactions.</li>}
            <li>Most clients connect again by themselves.</li>
        </ul>
    );
}

/* The question's text: what ends, and a reason to be typed. */
function CloseText({ of, channels, onReason }: { of: Connection; channels: Channel[] | undefined; onReason: (reason: string) => void }) {
    const [reason, setReason] = useState('');
    return (
        <div class="stack">
            <Losses of={of} channels={channels} />
            <Field label="Reason" hint="What the client is told, and what the log says. It may be left out.">
                <TextInput value={reason} onChange={(text) => { setReason(text); onReason(text); }} />
            </Field>
        </div>
    );
}

const CHANNEL_COLUMNS = 'consumer_count,messages_unacknowledged,messages_unconfirmed,messages_uncommitted';

/* A text as a header's value: its UTF-8, which browsers take a letter for each byte. */
function headerOf(text: string): string {
    return String.fromCharCode(...new TextEncoder().encode(text));
}

async function askToClose(connection: Connection): Promise<void> {
    const { name, user_provided_name: own } = connection;
    let reason = '';
    const channels = await api.get<Channel[]>(withParameters(path`/connections/${name}/channels`, { columns: CHANNEL_COLUMNS })).catch(() => undefined);
    confirm({
        title: own ? `Close the connection ${own}?` : 'Close this connection?',
        text: <CloseText of={connection} channels={channels} onReason={(text) => { reason = text; }} />,
        verb: 'Close the connection',
        act: () => ask(path`/connections/${name}`, { method: 'DELETE', headers: reason ? { 'x-reason': headerOf(reason) } : {} }),
        done: 'The connection is closed.',
        then: () => navigate(href(['connections'])),
    });
}

/* --- the page ---------------------------------------------------------------------------------- */

function Capabilities({ of }: { of: Record<string, unknown> | undefined }) {
    const names = Object.entries(of ?? {}).filter(([, has]) => has === true).map(([name]) => name);
    return names.length > 0 ? <span class="badges">{names.map((name) => <Badge key={name}>{name}</Badge>)}</span> : null;
}

function ClientFacts({ of }: { of: Connection }) {
    const { product, version, platform, capabilities, connection_name: own, ...others } = of.client_properties;
    void [product, version, own];
    return (
        <Panel title="Client">
            <Facts rows={[
                ['Library', clientOf(of.client_properties)],
                ['Platform', typeof platform === 'string' ? platform : undefined],
                ['Can', <Capabilities of={capabilities} />],
                ...Object.entries(others).map(([name, value]): [string, string] => [name.charAt(0).toUpperCase() + name.slice(1), typeof value === 'string' ? value : JSON.stringify(value)]),
            ]} />
        </Panel>
    );
}

function NetworkFacts({ of }: { of: Connection }) {
    return (
        <Panel title="Connection">
            <Facts rows={[
                ['User', may.administrate() ? <UserLink name={of.user} /> : <Name text={of.user} />],
                ['Logged in by', of.auth_mechanism],
                ['Virtual host', may.monitor() ? <VhostLink name={of.vhost} /> : <Name text={of.vhost} />],
                ['From', `${of.peer_host}:${of.peer_port}`],
                ['To', `${of.host}:${of.port}`],
                ['Protocol', of.protocol],
                ['Connected', `${moment(of.connected_at)} (for ${duration(Date.now() - of.connected_at)})`],
                ['Heartbeat', of.timeout ? `every ${duration(of.timeout * 1000)}` : 'none'],
                ['Largest frame', of.frame_max ? bytes(of.frame_max) : 'unlimited'],
                ['Channels', `${number(of.channels)} of ${of.channel_max ? number(of.channel_max) : '65,535'} that it may have`],
                ['Not yet sent', of.send_pend > 0 ? bytes(of.send_pend) : undefined],
            ]} />
        </Panel>
    );
}

function TlsFacts({ of }: { of: Connection }) {
    if (!of.ssl) return null;
    return (
        <Panel title="TLS">
            <Facts rows={[
                ['Version', of.ssl_protocol],
                ['Cipher', of.ssl_cipher],
                ['Key exchange', of.ssl_key_exchange],
                ['Hash', of.ssl_hash],
                ['Client\'s certificate', of.peer_cert_subject ?? 'none was asked for, or sent'],
                ['Issued by', of.peer_cert_issuer ?? undefined],
                ['Valid', of.peer_cert_validity ?? undefined],
            ]} />
        </Panel>
    );
}

const CONSUMERS_SHOWN = 100;

function Consumers({ of }: { of: Connection }) {
    const { data } = useResource<{ items: Consumer[]; filtered_count: number }>(withParameters(path`/consumers/${of.vhost}`, {
        page: 1, page_size: CONSUMERS_SHOWN, use_regex: true, name: `^\\Q${of.name}\\E \\(`,
    }), { keeps: true });
    if (!data || data.filtered_count === 0) return null;
    const more = data.filtered_count - data.items.length;
    return (
        <Panel title="Consumers" flush actions={more > 0 && <a href={href(['consumers'], { name: of.name, vhost: of.vhost })}>{count(more, 'more consumer')}</a>}>
            <DataTable label="Consumers" rows={data.items} columns={consumerColumns(['vhost', 'user'], false)} rowKey={consumerKey} />
        </Panel>
    );
}

export default function ConnectionPage({ params: [name = ''] }: { params: string[] }) {
    const period = usePeriod();
    const connection = useResource<Connection>(withParameters(path`/connections/${name}`, sampleParameters(period, 'data_rates')), { keeps: true });
    const { data } = connection;
    if (!data || connection.error?.status === 404) {
        return (
            <>
                <PageHead title={name} crumbs={[['Connections', href(['connections'])]]} />
                {connection.error?.status === 404 ? <Empty title="This connection has ended"><a href={href(['connections'])}>See those that are open</a></Empty> : <Waiting for={connection} what="connection" />}
            </>
        );
    }
    const own = data.user_provided_name;
    const meaning = stateMeaning(data.state);
    return (
        <>
            <PageHead title={own || name} note={own && name} crumbs={[['Connections', href(['connections'])]]} badges={<><StateBadge state={data.state} />{data.ssl && <Badge kind="good">TLS</Badge>}</>}>
                <PeriodPicker choices={objectPeriods} />
                <Button kind="danger" onClick={() => void askToClose(data)}>Close…</Button>
            </PageHead>
            {meaning && <Notice kind={data.state === 'blocked' ? 'bad' : 'warn'}>{meaning}</Notice>}
            <Tiles>
                <Tile label="From client" value={bytes(Math.round(data.recv_oct_details?.rate ?? 0))} unit="/s" note={`${bytes(data.recv_oct)} in all`} />
                <Tile label="To client" value={bytes(Math.round(data.send_oct_details?.rate ?? 0))} unit="/s" note={`${bytes(data.send_oct)} in all`} />
                <Tile label="Channels" value={number(data.channels)} />
                <Tile label="Open for" value={duration(Date.now() - data.connected_at)} />
            </Tiles>
            <Panel title="Bytes per second">
                <Chart label="Bytes per second" format={bytes} lines={[
                    { label: 'From client', points: ratesOf(data.recv_oct_details), color: 1 },
                    { label: 'To client', points: ratesOf(data.send_oct_details), color: 2 },
                ]} />
            </Panel>
            <ServerList<Channel> id="channels_of_connection" noun="channels" title="Channels" path={path`/connections/${name}/channels`} fields={['name']}
                columns={channelColumns(['vhost', 'user'])} rowKey={(row) => row.name}
                empty={<Empty title="No channel is open">The client has connected, and neither publishes nor consumes.</Empty>} />
            <Consumers of={data} />
            <div class="columns">
                <NetworkFacts of={data} />
                <ClientFacts of={data} />
                <TlsFacts of={data} />
            </div>
            <FoldedPanel title="All client properties"><Table of={data.client_properties} /></FoldedPanel>
        </>
    );
}
