/* Virtual hosts: a list. */
import { Badge, Button, Empty, PageHead, VhostLink } from '../../components/basics';
import { ServerList, type Column } from '../../components/list';
import { compact, number, rate } from '../../lib/format';
import { href, navigate } from '../../lib/router';
import { may } from '../../lib/session';
import { useDialog } from './parts';
import { VhostForm, type Vhost } from './vhost_form';

interface Details { rate?: number }
interface Row extends Vhost {
    messages?: number;
    messages_ready?: number;
    messages_unacknowledged?: number;
    recv_oct_details?: Details;
    send_oct_details?: Details;
    message_stats?: Record<string, Details | undefined>;
}

function statistic(id: string, title: string, isHidden = false): Column<Row> {
    const field = `message_stats.${id}_details.rate`;
    return { id, title: `${title}/s`, isNumber: true, isHidden, group: 'Messages per second', sort: field, fields: [field], cell: (row) => rate(row.message_stats?.[`${id}_details`]?.rate ?? 0) };
}

function octets(id: 'recv_oct' | 'send_oct', title: string): Column<Row> {
    const field = `${id}_details.rate`;
    return { id, title, isNumber: true, isHidden: true, group: 'Network', sort: field, fields: [field], cell: (row) => `${compact(row[`${id}_details`]?.rate ?? 0)} B/s` };
}

const columns: Column<Row>[] = [
    { id: 'name', title: 'Name', isName: true, sort: 'name', cell: (row) => <VhostLink name={row.name} /> },
    { id: 'marks', title: 'Tags and state', isWide: true, fields: ['tracing', 'protected_from_deletion', 'default_queue_type', 'tags'], cell: (row) => (
        <span class="badges">
            {row.tracing && <Badge kind="warn" title="Each message is copied to amq.rabbitmq.trace">traced</Badge>}
            {row.protected_from_deletion && <Badge kind="info">protected</Badge>}
            {row.default_queue_type && row.default_queue_type !== 'undefined' && <Badge title="The type of queues that are declared without one">{row.default_queue_type}</Badge>}
            {row.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}
        </span>
    ) },
    { id: 'description', title: 'Description', sort: 'description', isHidden: true, cell: (row) => row.description },
    { id: 'messages_ready', title: 'Ready', isNumber: true, sort: 'messages_ready', group: 'Messages', cell: (row) => number(row.messages_ready) },
    { id: 'messages_unacknowledged', title: 'Unacked', isNumber: true, sort: 'messages_unacknowledged', group: 'Messages', cell: (row) => number(row.messages_unacknowledged) },
    { id: 'messages', title: 'Total', isNumber: true, sort: 'messages', group: 'Messages', cell: (row) => number(row.messages) },
    statistic('publish', 'Published'),
    statistic('deliver_get', 'Delivered'),
    statistic('ack', 'Acknowledged', true),
    statistic('redeliver', 'Redelivered', true),
    octets('recv_oct', 'From clients'),
    octets('send_oct', 'To clients'),
];

export default function VhostsPage() {
    const adding = useDialog();
    return (
        <>
            <PageHead title="Virtual hosts">{may.administrate() && <Button kind="primary" icon="plus" onClick={adding.open}>Add a virtual host</Button>}</PageHead>
            <ServerList id="vhosts" noun="virtual hosts" path="/vhosts" fields={['name']} columns={columns} rowKey={(row) => row.name} initialSort="name"
                empty={<Empty title="You may see no virtual host.">An administrator gives you permissions in one.</Empty>} />
            {adding.isOpen && <VhostForm onClose={adding.close} onDone={(name) => { adding.close(); navigate(href(['vhosts', name])); }} />}
        </>
    );
}
