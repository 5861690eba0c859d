/* The queues that grow most, or else those with the most messages. */
import { Empty, Panel, QueueLink, Segmented, Waiting } from '../../components/basics';
import { DataTable, type Column } from '../../components/list';
import { path, withParameters } from '../../lib/api';
import { compact, rate } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { useQuery } from '../../lib/router';

interface Queue {
    name: string;
    vhost: string;
    messages?: number;
    messages_details?: { rate: number };
    consumers?: number;
}

const SHOWN = 7;

const orders = [['growing', 'Growing'], ['longest', 'Longest']] as const;

function changeText(perSecond: number): string {
    return perSecond > 0 ? `+${rate(perSecond)}/s` : `${rate(perSecond)}/s`;
}

const columns: Column<Queue>[] = [
    { id: 'name', title: 'Queue', isName: true, cell: (queue) => <QueueLink vhost={queue.vhost} name={queue.name} /> },
    { id: 'messages', title: 'Messages', isNumber: true, cell: (queue) => compact(queue.messages) },
    { id: 'change', title: 'Change', isNumber: true, cell: (queue) => changeText(queue.messages_details?.rate ?? 0) },
    { id: 'consumers', title: 'Consumers', isNumber: true, cell: (queue) => (queue.consumers === 0 ? <strong>none</strong> : compact(queue.consumers)) },
];

export function QueuesPanel({ vhost }: { vhost: string }) {
    const [order, setOrder] = useQuery('queues', 'growing');
    const isGrowing = order === 'growing';
    const queues = useResource<{ items: Queue[] }>(withParameters(vhost === '' ? '/queues' : path`/queues/${vhost}`, {
        page: 1,
        page_size: SHOWN,
        sort: isGrowing ? 'messages_details.rate' : 'messages',
        sort_reverse: true,
        columns: 'name,vhost,messages,messages_details.rate,consumers',
    }), { keeps: true });
    const { data } = queues;
    const shown = data?.items.filter((queue) => (isGrowing ? (queue.messages_details?.rate ?? 0) > 0 : (queue.messages ?? 0) > 0)) ?? [];
    return (
        <Panel title="Queues to look at" flush actions={<Segmented label="Order" value={order} choices={orders} onChange={setOrder} />}>
            {!data || queues.error?.status === 404
                ? <Waiting for={queues} what="vhost" />
                : shown.length === 0
                    ? <Empty title={isGrowing ? 'No queue grows' : 'Every queue is empty'}>{isGrowing ? 'Those to which more comes than is consumed are named here.' : 'Those with the most messages are named here.'}</Empty>
                    : <DataTable label="Queues to look at" rows={shown} columns={columns} rowKey={(queue) => `${queue.vhost}\n${queue.name}`} />}
        </Panel>
    );
}
