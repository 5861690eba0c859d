/* All exchanges. */
import { useState } from 'preact/hooks';

import { Button, Empty, ExchangeLink, Name, PageHead } from '../../components/basics';
import { ServerList, type Column } from '../../components/list';
import { path } from '../../lib/api';
import { number, NOTHING, rate } from '../../lib/format';
import { useVhost } from '../../lib/vhost';
import { CreateExchange } from './create';
import { Features, PolicyName } from './features';
import type { Exchange } from './types';

const columns: Column<Exchange>[] = [
    { id: 'name', title: 'Name', isName: true, sort: 'name', fields: ['name', 'vhost'], cell: (row) => <ExchangeLink vhost={row.vhost} name={row.name} /> },
    { id: 'vhost', title: 'Virtual host', sort: 'vhost', cell: (row) => <span class="some short"><Name text={row.vhost} /></span> },
    { id: 'type', title: 'Type', sort: 'type', cell: (row) => row.type },
    { id: 'features', title: 'Features', fields: ['durable', 'auto_delete', 'internal', 'arguments'], cell: (row) => <Features of={row} /> },
    { id: 'policy', title: 'Policy', sort: 'policy', cell: (row) => (row.policy ? <span class="some short"><PolicyName of={row} /></span> : NOTHING) },
    { id: 'delayed', title: 'Delayed', isNumber: true, isHidden: true, sort: 'messages_delayed', cell: (row) => number(row.messages_delayed) },
    { id: 'in', title: 'In/s', isNumber: true, group: 'Messages', sort: 'message_stats.publish_in_details.rate', fields: ['message_stats.publish_in_details.rate'], cell: (row) => rate(row.message_stats?.publish_in_details?.rate) },
    { id: 'out', title: 'Out/s', isNumber: true, group: 'Messages', sort: 'message_stats.publish_out_details.rate', fields: ['message_stats.publish_out_details.rate'], cell: (row) => rate(row.message_stats?.publish_out_details?.rate) },
    { id: 'total_in', title: 'In, in all', isNumber: true, isHidden: true, group: 'Messages', sort: 'message_stats.publish_in', fields: ['message_stats.publish_in'], cell: (row) => number(row.message_stats?.publish_in) },
    { id: 'total_out', title: 'Out, in all', isNumber: true, isHidden: true, group: 'Messages', sort: 'message_stats.publish_out', fields: ['message_stats.publish_out'], cell: (row) => number(row.message_stats?.publish_out) },
];

export default function ExchangesPage() {
    const vhost = useVhost();
    const [isCreating, setCreating] = useState(false);
    return (
        <>
            <PageHead title="Exchanges"><Button icon="plus" kind="primary" onClick={() => setCreating(true)}>Add an exchange</Button></PageHead>
            <ServerList<Exchange> key={vhost} id="exchanges" noun="exchanges" path={vhost ? path`/exchanges/${vhost}` : '/exchanges'} fields={['name', 'vhost']}
                columns={columns.filter(({ id }) => id !== 'vhost' || !vhost)} rowKey={(row) => `${row.vhost}\n${row.name}`}
                empty={<Empty title="There is no exchange">Each virtual host has a few from the beginning; you may not see any.</Empty>} />
            {isCreating && <CreateExchange vhost={vhost} onClose={() => setCreating(false)} />}
        </>
    );
}
