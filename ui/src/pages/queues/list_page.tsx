/* The list of queues. */
import { useMemo, useState } from 'preact/hooks';

import { Button, Empty, PageHead } from '../../components/basics';
import { ServerList } from '../../components/list';
import { path } from '../../lib/api';
import { useResource } from '../../lib/resource';
import { setQuery, useRoute } from '../../lib/router';
import { useVhost } from '../../lib/vhost';
import { ChosenActions } from './chosen_actions';
import { columnsOf } from './columns';
import { CreateQueue } from './create_queue';
import './queues.css';
import type { Queue } from './types';

/* What the trends are drawn from: the last ten minutes. */
const SAMPLES = 'lengths_age=590&lengths_incr=30&msg_rates_age=590&msg_rates_incr=30';

/* What questions about chosen queues need, also of columns that are not shown. */
const fields = ['name', 'vhost', 'messages', 'messages_ready', 'consumers'];

function NoQueues() {
    return (
        <Empty title="There are no queues here yet">
            <p>A client declares its queues itself, as in <code>queue_declare('orders', durable=True)</code>; or begin with one of your own.</p>
            <p><Button icon="plus" onClick={() => setQuery({ new: '1' }, false)}>Add a queue</Button></p>
        </Empty>
    );
}

export default function QueuesPage() {
    const vhost = useVhost();
    const { query } = useRoute();
    const [chosen, setChosen] = useState<ReadonlyMap<string, Queue>>(new Map());
    const vhosts = useResource<unknown[]>('/vhosts?columns=name', { every: 0 });
    const columns = useMemo(() => columnsOf(vhost === '' && (vhosts.data?.length ?? 1) > 1), [vhost, vhosts.data]);
    const list = vhost === '' ? '/queues' : path`/queues/${vhost}`;
    return (
        <>
            <PageHead title="Queues">
                <Button kind="primary" icon="plus" onClick={() => setQuery({ new: '1' }, false)}>Add a queue</Button>
            </PageHead>
            <div class="queue-list"><ServerList<Queue> key={vhost} id="queues" noun="queues" path={`${list}?${SAMPLES}`} columns={columns} fields={fields}
                rowKey={(q) => `${q.vhost}\n${q.name}`} initialSort="name" empty={<NoQueues />}
                selection={{ rows: chosen, onChange: setChosen, label: (q) => `Choose ${q.name}` }}
                selectionActions={<ChosenActions queues={[...chosen.values()]} onEnd={() => setChosen(new Map())} />} /></div>
            {query.has('new') && <CreateQueue vhost={vhost} onClose={() => setQuery({ new: null })} />}
        </>
    );
}
