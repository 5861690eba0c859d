/* What can be done with a queue: move, retry, purge, delete. What takes long is a job, whose id is put
 * into the address, so that its progress is found again. */
import { useId, useState } from 'preact/hooks';

import { Button } from '../../components/basics';
import { confirm, Dialog } from '../../components/dialog';
import { Checkbox, Field, Form, TextInput } from '../../components/form';
import { startJob } from '../../components/job';
import { deathsOf, type Message } from '../../components/message';
import { api, path, withParameters } from '../../lib/api';
import { count, number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate, setQuery } from '../../lib/router';
import type { Queue } from './types';

const TYPED_FROM = 1000; /* messages: deleting as many is confirmed by typing the queue's name */
const NAMES = 50;
const PROBE_SECONDS = 15;

/* Starts a job of the queue, and shows it. Its limit, if it has one, is in the address, too: the job does not tell it. */
async function begin(to: string, method: 'POST' | 'DELETE', body?: { count?: number; [name: string]: unknown }): Promise<void> {
    const job = await startJob(withParameters(to, { async: true }), method, body);
    if (job) setQuery({ job: job.id, limit: body?.count ?? null });
}

function purge(queue: Queue): void {
    const ready = queue.messages_ready ?? 0;
    const unacked = queue.messages_unacknowledged ?? 0;
    confirm({
        title: `Purge ${queue.name}?`,
        text: <p><strong>{count(ready, 'ready message')}</strong> will be lost.{unacked > 0 && <> {count(unacked, 'unacknowledged one')} {unacked === 1 ? 'stays' : 'stay'}.</>}</p>,
        verb: 'Purge',
        act: () => begin(path`/queues/${queue.vhost}/${queue.name}/contents`, 'DELETE'),
    });
}

function DeleteDialog({ queue, onClose }: { queue: Queue; onClose: () => void }) {
    const [ifEmpty, setIfEmpty] = useState(false);
    const [ifUnused, setIfUnused] = useState(false);
    const [typed, setTyped] = useState('');
    const messages = queue.messages ?? 0;
    const consumers = queue.consumers ?? 0;
    const isTyped = messages >= TYPED_FROM && !ifEmpty;
    const remove = async () => {
        await api.delete(withParameters(path`/queues/${queue.vhost}/${queue.name}`, { 'if-empty': ifEmpty || null, 'if-unused': ifUnused || null }));
        onClose();
        navigate(href(['queues']));
    };
    return (
        <Dialog title={`Delete ${queue.name}?`} onClose={onClose}>
            <Form verb="Delete" kind="danger-primary" onSend={remove} isReady={!isTyped || typed === queue.name} beside={<Button onClick={onClose}>Cancel</Button>}>
                <p>
                    <strong>{count(messages, 'message')}</strong> and the queue&rsquo;s bindings will be lost
                    {consumers > 0 && <>; <strong>{count(consumers, 'consumer')}</strong> will be cancelled</>}.
                </p>
                <Checkbox label="Only if it is empty" checked={ifEmpty} onChange={setIfEmpty} />
                <Checkbox label="Only if it has no consumers" checked={ifUnused} onChange={setIfUnused} />
                {isTyped && <Field label={`Type the queue\u2019s name to go on`}><TextInput value={typed} onChange={setTyped} /></Field>}
            </Form>
        </Dialog>
    );
}

/* What was typed as a number of messages; nothing means all. */
function limitOf(text: string): { count?: number } {
    if (text.trim() === '') return {};
    const value = Number(text);
    if (!Number.isInteger(value) || value < 1) throw new Error('At most: expected a whole number, 1 or more');
    return { count: value };
}

function MoveDialog({ queue, onClose }: { queue: Queue; onClose: () => void }) {
    const [to, setTo] = useState('');
    const [limit, setLimit] = useState('');
    const names = useId();
    const { data } = useResource<{ items: { name: string }[] }>(withParameters(path`/queues/${queue.vhost}`, { page: 1, page_size: NAMES, columns: 'name', name: to }), { every: 0, keeps: true });
    const move = async () => {
        await begin(path`/queues/${queue.vhost}/${queue.name}/move`, 'POST', { destination: to, ...limitOf(limit) });
        onClose();
    };
    return (
        <Dialog title={`Move messages of ${queue.name}`} onClose={onClose}>
            <Form verb="Move" onSend={move} isReady={to !== '' && to !== queue.name} beside={<Button onClick={onClose}>Cancel</Button>}>
                <p>{count(queue.messages_ready ?? 0, 'message')} {queue.messages_ready === 1 ? 'is' : 'are'} ready. Each leaves this queue when the other one has it safely. You see the progress, and can stop it.</p>
                <Field label="To the queue" hint={`In the virtual host ${queue.vhost}`}><TextInput value={to} onChange={setTo} list={names} autofocus required /></Field>
                <datalist id={names}>{data?.items.filter((q) => q.name !== queue.name).map((q) => <option key={q.name} value={q.name} />)}</datalist>
                <Field label="At most" hint="Empty: all that are ready now"><TextInput type="number" min={1} value={limit} onChange={setLimit} /></Field>
            </Form>
        </Dialog>
    );
}

function RetryDialog({ queue, first, onClose }: { queue: Queue; first: Message; onClose: () => void }) {
    const [limit, setLimit] = useState('');
    const [keeps, setKeeps] = useState(false);
    const death = deathsOf(first)[0]!;
    const retry = async () => {
        await begin(path`/queues/${queue.vhost}/${queue.name}/retry`, 'POST', { keep_history: keeps, ...limitOf(limit) });
        onClose();
    };
    return (
        <Dialog title={`Retry the dead letters in ${queue.name}`} onClose={onClose}>
            <Form verb="Retry" onSend={retry} beside={<Button onClick={onClose}>Cancel</Button>}>
                <p>Of {count(queue.messages_ready ?? 0, 'ready message')} each dead letter goes back to the queue in which it died last; the first one to <strong>{death.queue}</strong>. What is no dead letter stays, and so does what its queue refuses.</p>
                <Field label="At most" hint="Empty: all that are ready now"><TextInput type="number" min={1} value={limit} onChange={setLimit} autofocus /></Field>
                <Checkbox label="Keep the history of their deaths (x-death)" checked={keeps} onChange={setKeeps} />
                <p class="muted small">Without it consumers that count deaths begin again, and so does the broker&rsquo;s detection of cycles.</p>
            </Form>
        </Dialog>
    );
}

export function QueueActions({ queue }: { queue: Queue }) {
    const [asked, setAsked] = useState<'move' | 'retry' | 'delete' | ''>('');
    const close = () => setAsked('');
    const isEmpty = queue.messages_ready === 0;
    const probe = useResource<Message[]>(
        isEmpty ? null : withParameters(path`/queues/${queue.vhost}/${queue.name}/browse`, { count: 1, truncate: 0 }), { every: PROBE_SECONDS, keeps: true });
    const first = isEmpty ? undefined : probe.data?.[0];
    const hasDeadLetters = first !== undefined && deathsOf(first).length > 0;
    const noReady = isEmpty ? 'No message is ready' : '';
    return (
        <div class="row">
            {hasDeadLetters && <Button onClick={() => setAsked('retry')} title="Move the dead letters back to where they died">Retry…</Button>}
            <Button disabled={isEmpty} title={noReady || 'Move messages to another queue'} onClick={() => setAsked('move')}>Move…</Button>
            <Button disabled={isEmpty} title={noReady || `Drop ${number(queue.messages_ready)} messages`} onClick={() => purge(queue)}>Purge…</Button>
            <Button kind="danger" onClick={() => setAsked('delete')}>Delete…</Button>
            {asked === 'move' && <MoveDialog queue={queue} onClose={close} />}
            {asked === 'retry' && first && <RetryDialog queue={queue} first={first} onClose={close} />}
            {asked === 'delete' && <DeleteDialog queue={queue} onClose={close} />}
        </div>
    );
}
