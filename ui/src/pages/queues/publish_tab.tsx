/* Publishing to a queue, by the default exchange. */
import { Notice, Panel } from '../../components/basics';
import { PublishForm } from '../../components/publish';
import type { TabProps } from './queue_page';

export function PublishTab({ queue, reload }: TabProps) {
    return (
        <Panel title="Publish to this queue">
            <div class="stack">
                {queue.exclusive && <Notice>This queue is exclusive to a connection; publishing to it works all the same.</Notice>}
                <p class="muted">The message is published to the default exchange with this queue&rsquo;s name as its routing key, so no other queue gets it.</p>
                <PublishForm vhost={queue.vhost} exchange="" fixedKey={queue.name} onPublished={reload} />
            </div>
        </Panel>
    );
}
