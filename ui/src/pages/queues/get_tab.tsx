/* Getting messages as a client does: they are delivered here, and then kept or taken. */
import { useState } from 'preact/hooks';

import { Button, Notice, Panel, Refusal } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { Field, Select, TextInput } from '../../components/form';
import type { Message } from '../../components/message';
import { api, path } from '../../lib/api';
import { count as counted, number } from '../../lib/format';
import { href } from '../../lib/router';
import { MessageList } from './message_list';
import type { TabProps } from './queue_page';

const GET_MAX = 10000;
const TRUNCATE = 1024 * 1024;

interface Mode { id: string; text: string; what: string; isTaking?: boolean }

const modes: Mode[] = [
    { id: 'ack_requeue_true', text: 'Nack, requeue: they go back', what: 'The messages go back to their places, and are marked as redelivered from then on. While you get them, no consumer gets them.' },
    { id: 'ack_requeue_false', text: 'Ack: they are taken', what: 'The messages leave the queue for good. What is shown here is all that is left of them.', isTaking: true },
    { id: 'reject_requeue_true', text: 'Reject, requeue: they go back', what: 'As with nack: the messages go back to their places, and are marked as redelivered. In a quorum queue it counts as a return, which the delivery limit ends.' },
    { id: 'reject_requeue_false', text: 'Reject: they become dead letters', what: 'The messages leave the queue. If it has a dead letter exchange they are sent there; otherwise they are lost.', isTaking: true },
];

export function GetTab({ queue, reload }: TabProps) {
    const [id, setId] = useState(modes[0]!.id);
    const [amount, setAmount] = useState('1');
    const [encoding, setEncoding] = useState('auto');
    const [got, setGot] = useState<Message[] | undefined>();
    const [find, setFind] = useState('');
    const [round, setRound] = useState(0);
    const [error, setError] = useState<unknown>();
    const mode = modes.find((one) => one.id === id)!;
    const wanted = Number(amount);
    const isGood = Number.isInteger(wanted) && wanted >= 1 && wanted <= GET_MAX;
    const get = async () => {
        const messages = await api.post<Message[]>(path`/queues/${queue.vhost}/${queue.name}/get`, { ackmode: id, count: wanted, encoding, truncate: TRUNCATE });
        setGot(messages);
        setRound((n) => n + 1);
        reload();
    };
    const begin = (event: Event) => {
        event.preventDefault();
        setError(undefined);
        if (!mode.isTaking) {
            void get().catch(setError);
            return;
        }
        const ready = queue.messages_ready ?? 0;
        confirm({
            title: `Take ${counted(Math.min(wanted, Math.max(ready, 1)), 'message')} out of the queue?`,
            text: <p>{mode.what} {number(ready)} are ready now.</p>,
            verb: 'Take them',
            act: get,
        });
    };
    return (
        <>
            <Panel title="Get messages">
                <form class="form" onSubmit={begin}>
                    <Notice><span>To only look at messages, <a href={href(['queues', queue.vhost, queue.name], { tab: 'browse' })}>browse</a> the queue: that changes nothing.</span></Notice>
                    <div class="fields">
                        <Field label="What becomes of them" hint={mode.what}><Select value={id} choices={modes.map((one) => [one.id, one.text])} onChange={setId} /></Field>
                        <div class="stack">
                            <Field label="How many" wrong={isGood ? undefined : `A whole number from 1 to ${number(GET_MAX)}`}><TextInput type="number" min={1} value={amount} onChange={setAmount} /></Field>
                            <Field label="Payloads"><Select value={encoding} choices={[['auto', 'As text where possible'], ['base64', 'In Base64']]} onChange={setEncoding} /></Field>
                        </div>
                    </div>
                    <div class="row"><Button type="submit" kind={mode.isTaking ? 'danger-primary' : 'primary'} disabled={!isGood}>{mode.isTaking ? 'Get and take…' : 'Get'}</Button></div>
                    <Refusal error={error} />
                </form>
            </Panel>
            {got && (
                <section class="panel" aria-label="Messages">
                    <MessageList key={round} queue={queue} messages={got} find={find} onFind={setFind} empty="The queue was empty" />
                </section>
            )}
        </>
    );
}
