/* All connections. */
import { Badge, Empty, Name, PageHead, UserLink } from '../../components/basics';
import { ServerList, type Column } from '../../components/list';
import { path } from '../../lib/api';
import { bytes, compact, moment, number, NOTHING } from '../../lib/format';
import { may } from '../../lib/session';
import { useVhost } from '../../lib/vhost';
import { clientOf, ClientLink, NothingOwn, StateBadge, type Connection } from './parts';

function perSecond(n: number | undefined): string {
    return typeof n === 'number' ? bytes(Math.round(n)) : NOTHING;
}

const columns: Column<Connection>[] = [
    { id: 'name', title: 'Name', isName: true, sort: 'name', fields: ['name', 'user_provided_name'], cell: (row) => <ClientLink name={row.name} own={row.user_provided_name} /> },
    { id: 'own_name', title: 'Client\'s name', sort: 'user_provided_name', isHidden: true, cell: (row) => <Name text={row.user_provided_name ?? NOTHING} /> },
    { id: 'vhost', title: 'Virtual host', sort: 'vhost', cell: (row) => <span class="some short"><Name text={row.vhost} /></span> },
    { id: 'user', title: 'User', sort: 'user', cell: (row) => <span class="some short">{may.administrate() ? <UserLink name={row.user} /> : <Name text={row.user} />}</span> },
    { id: 'state', title: 'State', sort: 'state', cell: (row) => <StateBadge state={row.state} /> },
    { id: 'peer', title: 'Client\'s address', sort: 'peer_host', fields: ['peer_host', 'peer_port'], isHidden: true, cell: (row) => `${row.peer_host}:${row.peer_port}` },
    { id: 'protocol', title: 'Protocol', sort: 'protocol', fields: ['protocol', 'ssl', 'ssl_protocol'], cell: (row) => <span class="nowrap">{row.protocol}{row.ssl && <> <Badge kind="good" title={row.ssl_protocol ?? 'TLS'}>TLS</Badge></>}</span> },
    { id: 'tls', title: 'TLS', sort: 'ssl', fields: ['ssl', 'ssl_protocol', 'ssl_cipher'], isHidden: true, cell: (row) => (row.ssl ? `${row.ssl_protocol} ${row.ssl_cipher}` : 'no') },
    { id: 'client', title: 'Client', sort: 'client_properties.product', fields: ['client_properties'], cell: (row) => <span class="some short"><Name text={clientOf(row.client_properties) || NOTHING} /></span> },
    { id: 'platform', title: 'Platform', sort: 'client_properties.platform', fields: ['client_properties'], isHidden: true, cell: (row) => <Name text={String(row.client_properties?.platform ?? NOTHING)} /> },
    { id: 'channels', title: 'Channels', isNumber: true, sort: 'channels', cell: (row) => number(row.channels) },
    { id: 'from', title: 'Received/s', isNumber: true, sort: 'recv_oct_details.rate', fields: ['recv_oct_details.rate'], cell: (row) => perSecond(row.recv_oct_details?.rate) },
    { id: 'to', title: 'Sent/s', isNumber: true, sort: 'send_oct_details.rate', fields: ['send_oct_details.rate'], cell: (row) => perSecond(row.send_oct_details?.rate) },
    { id: 'recv', title: 'Received', isNumber: true, isHidden: true, sort: 'recv_oct', cell: (row) => bytes(row.recv_oct) },
    { id: 'send', title: 'Sent', isNumber: true, isHidden: true, sort: 'send_oct', cell: (row) => bytes(row.send_oct) },
    { id: 'pending', title: 'Not yet sent', isNumber: true, isHidden: true, sort: 'send_pend', cell: (row) => bytes(row.send_pend) },
    { id: 'frame_max', title: 'Frame max', isNumber: true, isHidden: true, sort: 'frame_max', cell: (row) => bytes(row.frame_max) },
    { id: 'channel_max', title: 'Channel max', isNumber: true, isHidden: true, sort: 'channel_max', cell: (row) => compact(row.channel_max) },
    { id: 'heartbeat', title: 'Heartbeat', isNumber: true, isHidden: true, sort: 'timeout', cell: (row) => (row.timeout ? `${row.timeout} s` : 'none') },
    { id: 'mechanism', title: 'Login by', sort: 'auth_mechanism', isHidden: true, cell: (row) => row.auth_mechanism },
    { id: 'since', title: 'Connected', isNumber: true, sort: 'connected_at', isHidden: true, cell: (row) => moment(row.connected_at) },
];

export default function ConnectionsPage() {
    const vhost = useVhost();
    return (
        <>
            <PageHead title="Connections" />
            <ServerList<Connection> key={vhost} id="connections" noun="connections" filterBy="name or address" path={vhost ? path`/vhosts/${vhost}/connections` : '/connections'} fields={['name', 'user_provided_name']}
                columns={columns.filter(({ id }) => id !== 'vhost' || !vhost)} rowKey={(row) => row.name}
                empty={!may.monitor() ? <NothingOwn noun="connections" /> : <Empty title="No client is connected">{vhost ? `Nobody uses the virtual host ${vhost} at the moment.` : 'Clients connect with AMQP 0-9-1; the overview lists the ports that the broker listens on.'}</Empty>} />
        </>
    );
}
