/* What can be done with several queues at once. */
import { Button } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { api, messageOf, path } from '../../lib/api';
import { count } from '../../lib/format';
import type { Queue } from './types';

const AT_ONCE = 6;
const NAMES_SHOWN = 6;
const FAILURES_SHOWN = 5;

/* Does the same with each queue, some at a time. Throws an Error that says which were refused, and why. */
async function withEach(queues: Queue[], act: (queue: Queue) => Promise<unknown>): Promise<void> {
    const left = [...queues];
    const failures: string[] = [];
    const work = async () => {
        for (let queue = left.shift(); queue; queue = left.shift()) {
            try {
                await act(queue);
            } catch (error) {
                failures.push(`${queue.name}: ${messageOf(error)}`);
            }
        }
    };
    await Promise.all(Array.from({ length: AT_ONCE }, work));
    if (failures.length === 0) return;
    const more = failures.length > FAILURES_SHOWN ? ` And ${failures.length - FAILURES_SHOWN} more.` : '';
    throw new Error(`${failures.length} of ${queues.length} failed. ${failures.slice(0, FAILURES_SHOWN).join('. ')}.${more}`);
}

const sum = (queues: Queue[], of: (queue: Queue) => number | undefined) => queues.reduce((all, queue) => all + (of(queue) ?? 0), 0);

function Names({ queues }: { queues: Queue[] }) {
    return (
        <ul class="plain-list names">
            {queues.slice(0, NAMES_SHOWN).map((q) => <li key={`${q.vhost}\n${q.name}`} class="cut" title={q.name}>{q.name}</li>)}
            {queues.length > NAMES_SHOWN && <li class="muted">and {queues.length - NAMES_SHOWN} more</li>}
        </ul>
    );
}

export function ChosenActions({ queues, onEnd }: { queues: Queue[]; onEnd: () => void }) {
    const what = count(queues.length, 'queue');
    const purge = () => {
        const ready = sum(queues, (q) => q.messages_ready);
        confirm({
            title: `Purge ${what}?`,
            text: (
                <>
                    <p><strong>{count(ready, 'ready message')}</strong> will be lost. Unacknowledged ones stay with their consumers.</p>
                    <Names queues={queues} />
                </>
            ),
            verb: 'Purge',
            act: () => withEach(queues, (q) => api.delete(path`/queues/${q.vhost}/${q.name}/contents`)),
            done: `${what} purged.`,
            then: onEnd,
        });
    };
    const remove = () => {
        const messages = sum(queues, (q) => q.messages);
        const consumers = sum(queues, (q) => q.consumers);
        confirm({
            title: `Delete ${what}?`,
            text: (
                <>
                    <p>
                        <strong>{count(messages, 'message')}</strong> will be lost, and their bindings
                        {consumers > 0 && <>; <strong>{count(consumers, 'consumer')}</strong> will be cancelled</>}.
                    </p>
                    <Names queues={queues} />
                </>
            ),
            verb: 'Delete',
            act: () => withEach(queues, (q) => api.delete(path`/queues/${q.vhost}/${q.name}`)),
            done: `${what} deleted.`,
            then: onEnd,
            ...(queues.length >= 10 || messages >= 10000 ? { typed: 'delete' } : {}),
        });
    };
    return (
        <>
            <Button onClick={purge}>Purge…</Button>
            <Button kind="danger" onClick={remove}>Delete…</Button>
        </>
    );
}
