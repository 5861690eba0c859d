/* One queue. Its views are tabs, each with an address. */
import type { ComponentType } from 'preact';

import { Badge, Button, Empty, Notice, PageHead, Tabs, Waiting } from '../../components/basics';
import { JobProgress } from '../../components/job';
import { path, withParameters } from '../../lib/api';
import { sampleParameters, usePeriod } from '../../components/chart';
import { number } from '../../lib/format';
import { useResource, type Resource } from '../../lib/resource';
import { href, setQuery, useRoute } from '../../lib/router';
import type { PageProps } from '../../lib/page';
import { QueueActions } from './actions';
import { BindingsTab } from './bindings_tab';
import { BrowseTab } from './browse_tab';
import { ConsumersTab } from './consumers_tab';
import { Features, State } from './features';
import { fullOf, overflowOf } from './limits';
import { GetTab } from './get_tab';
import { OverviewTab } from './overview_tab';
import { PublishTab } from './publish_tab';
import { SettingsTab } from './settings_tab';
import './queues.css';
import type { Queue } from './types';

export interface TabProps { queue: Queue; reload: () => void }

const tabs: Record<string, [string, ComponentType<TabProps>]> = {
    overview: ['Overview', OverviewTab],
    browse: ['Browse', BrowseTab],
    get: ['Get', GetTab],
    publish: ['Publish', PublishTab],
    consumers: ['Consumers', ConsumersTab],
    bindings: ['Bindings', BindingsTab],
    settings: ['Settings', SettingsTab],
};

function Gone({ vhost, name, queue }: { vhost: string; name: string; queue: Resource<Queue> }) {
    return (
        <>
            <PageHead title={name} crumbs={[['Queues', '#/queues'], [vhost, href(['queues'], { vhost })]]} badges={<Badge kind="bad">deleted</Badge>} />
            <section class="panel">
                <Empty title={queue.data ? 'This queue was deleted while you looked at it.' : 'There is no such queue in this virtual host.'}>
                    <p>If it is declared again, it is shown here by itself.</p>
                    <p><a href={href(['queues'], { vhost })}>The queues of {vhost}</a></p>
                </Empty>
            </section>
        </>
    );
}

const fullWords: Record<string, string> = {
    'drop-head': 'each new message drops the oldest one',
    'reject-publish': 'new messages are refused',
    'reject-publish-dlx': 'new messages are refused, and go to the dead letter exchange',
};

/* What is worth a word before anything else. */
function Warnings({ queue, tab }: { queue: Queue; tab: string }) {
    if (queue.state === 'recovering')
        return <Notice kind="warn">The messages of this queue are still being read from the disk after a start. Until then there are no figures; publishing and consuming wait, and then go on.</Notice>;
    if (queue.state !== 'running') return <Notice kind="bad">This queue is {queue.state}.</Notice>;
    if (tab !== 'overview') return null;
    const growth = queue.messages_details?.rate ?? 0;
    const ready = queue.messages_ready ?? 0;
    const unacked = queue.messages_unacknowledged ?? 0;
    const full = fullOf(queue);
    if (full) return <Notice kind="warn">The queue is full ({full}): {fullWords[overflowOf(queue)] ?? 'it takes no more'}.</Notice>;
    if (queue.consumers === 0 && growth > 0 && ready > 0)
        return <Notice kind="warn">Nobody consumes from this queue, and it grows: {number(ready)} messages wait.</Notice>;
    if (queue.consumers && ready > 0 && unacked > 0 && queue.consumer_utilisation === 0 && growth > 0)
        return <Notice kind="warn">The queue grows, and its consumers take nothing more: they hold {number(unacked)} unacknowledged messages, as many as their prefetch allows.</Notice>;
    return null;
}

/* The job that is in the address. */
function RunningJob({ reload }: { reload: () => void }) {
    const { query } = useRoute();
    const id = Number(query.get('job'));
    const limit = Number(query.get('limit')) || undefined;
    if (!id) return null;
    return (
        <section class="panel" aria-label="Job">
            <div class="panel-body job">
                <JobProgress key={id} id={id} limit={limit} onEnd={reload} />
                <Button kind="quiet" icon="close" aria-label="Hide" title="Hide; a job that runs goes on" onClick={() => setQuery({ job: null, limit: null })} />
            </div>
        </section>
    );
}

export default function QueuePage({ params }: PageProps) {
    const [vhost, name] = params as [string, string];
    const asked = useRoute().query.get('tab') ?? '';
    const tab = Object.hasOwn(tabs, asked) ? asked : 'overview';
    const period = usePeriod();
    const samples = tab === 'overview' ? sampleParameters(period, 'lengths', 'msg_rates') : {};
    const queue = useResource<Queue>(withParameters(path`/queues/${vhost}/${name}`, samples), { keeps: true });
    const { data } = queue;
    if (queue.error?.status === 404) return <Gone vhost={vhost} name={name} queue={queue} />;
    if (!data) return <Waiting for={queue} what="queue" />;
    const [, Content] = tabs[tab]!;
    const titles: Record<string, string> = { consumers: `Consumers (${number(data.consumer_details?.length ?? data.consumers ?? 0)})` };
    return (
        <>
            <PageHead title={name} crumbs={[['Queues', '#/queues'], [vhost, href(['queues'], { vhost })]]}
                badges={<span class="badges"><Badge>{data.type}</Badge><State queue={data} /><Features queue={data} /></span>}>
                <QueueActions queue={data} />
            </PageHead>
            <Tabs label="Views of the queue" current={tab}
                tabs={Object.entries(tabs).map(([id, [text]]) => [id, titles[id] ?? text, href(['queues', vhost, name], id === 'overview' ? {} : { tab: id })])} />
            <RunningJob reload={queue.reload} />
            <Warnings queue={data} tab={tab} />
            <Content queue={data} reload={queue.reload} />
        </>
    );
}
