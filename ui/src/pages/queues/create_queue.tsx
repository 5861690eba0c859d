/* The form that adds a queue. */
import { useEffect, useState } from 'preact/hooks';

import { Button, Segmented } from '../../components/basics';
import { Dialog, toast } from '../../components/dialog';
import { Checkbox, Field, Form, type Pair, Pairs, Select, TextInput, valuesOf } from '../../components/form';
import { NameInput } from '../../components/name_input';
import { api, path } from '../../lib/api';
import { href, navigate } from '../../lib/router';
import { useResource } from '../../lib/resource';
import { queueArguments } from './arguments';

type Type = 'classic' | 'quorum';

const overflows: [string, string][] = [
    ['', 'the oldest is dropped (drop-head)'],
    ['reject-publish', 'a new one is refused (reject-publish)'],
    ['reject-publish-dlx', 'a new one is refused and dead-lettered'],
];

/* What was typed as a number, or nothing. Throws if it is no number. */
function numberOf(label: string, text: string): number | undefined {
    if (text.trim() === '') return undefined;
    const value = Number(text);
    if (!Number.isInteger(value) || value < 0) throw new Error(`${label}: expected a whole number, 0 or more`);
    return value;
}

export function CreateQueue({ vhost, onClose }: { vhost: string; onClose: () => void }) {
    const vhosts = useResource<{ name: string; default_queue_type?: string }[]>('/vhosts?columns=name,default_queue_type', { every: 0 });
    const overview = useResource<{ default_queue_type: string }>('/overview?columns=default_queue_type', { every: 0 });
    const [where, setWhere] = useState(vhost);
    const [name, setName] = useState('');
    const [chosenType, setType] = useState<Type | undefined>();
    const [isDurable, setDurable] = useState(true);
    const [isAutoDelete, setAutoDelete] = useState(false);
    const [isSingle, setSingle] = useState(false);
    const [values, setValues] = useState<Record<string, string>>({});
    const [pairs, setPairs] = useState<Pair[]>([]);
    useEffect(() => { if (where === '' && vhosts.data?.[0]) setWhere(vhosts.data[0].name); }, [vhosts.data]);

    /* A queue that names no type gets the vhost's, or else the broker's; undefined until both are known. */
    const ofVhost = vhosts.data?.find((one) => one.name === where)?.default_queue_type ?? 'undefined';
    const isAsking = [vhosts, overview].some(({ data, error }) => !data && !error);
    const usual: Type | undefined = isAsking ? undefined : (ofVhost === 'undefined' ? overview.data?.default_queue_type : ofVhost) === 'quorum' ? 'quorum' : 'classic';
    const type = chosenType ?? usual ?? 'classic';
    const value = (key: string) => values[key] ?? '';
    const set = (key: string) => (text: string) => setValues({ ...values, [key]: text });
    const isQuorum = type === 'quorum';
    const isDeadLettering = value('dlx') !== '';
    const isLimited = value('length') !== '' || value('bytes') !== '';

    const create = async () => {
        const all: Record<string, unknown> = { ...valuesOf(pairs) };
        const note = (argument: string, it: unknown) => { if (it !== undefined && it !== '') all[argument] = it; };
        if (chosenType !== usual) note('x-queue-type', chosenType);
        note('x-dead-letter-exchange', value('dlx'));
        if (isDeadLettering) note('x-dead-letter-routing-key', value('dlk'));
        note('x-message-ttl', numberOf('Messages expire after', value('ttl')));
        note('x-max-length', numberOf('At most, messages', value('length')));
        note('x-max-length-bytes', numberOf('At most, bytes', value('bytes')));
        if (isLimited) note('x-overflow', value('overflow'));
        if (isQuorum) note('x-delivery-limit', numberOf('Delivery limit', value('deliveries')));
        else note('x-max-priority', numberOf('Priorities', value('priority')));
        if (isSingle) note('x-single-active-consumer', true);
        await api.put(path`/queues/${where}/${name}`, { durable: isQuorum || isDurable, auto_delete: !isQuorum && isAutoDelete, arguments: all });
        toast(`The queue ${name} is there.`);
        onClose();
        navigate(href(['queues', where, name]));
    };
    return (
        <Dialog title="Add a queue" onClose={onClose}>
            <Form verb="Add the queue" onSend={create} isReady={name !== '' && where !== '' && (chosenType ?? usual) !== undefined} beside={<Button onClick={onClose}>Cancel</Button>}>
                <div class="fields">
                    <Field label="Name"><TextInput value={name} onChange={setName} autofocus required /></Field>
                    <Field label="Virtual host"><Select value={where} choices={(vhosts.data ?? []).map((v) => v.name)} onChange={setWhere} /></Field>
                </div>
                <div class="field">
                    <span class="label">Type</span>
                    <div><Segmented label="Type" value={type} choices={[['classic', 'Classic'], ['quorum', 'Quorum']] as const} onChange={setType} /></div>
                    <span class="hint">{isQuorum
                        ? 'Every message is on disk before its publisher gets the confirm; how often each was delivered is counted.'
                        : 'Persistent messages are on disk before their publisher gets the confirm; transient ones are not.'}</span>
                </div>
                {!isQuorum && (
                    <div class="row wide-gap">
                        <Checkbox label="Durable: survives a restart" checked={isDurable} onChange={setDurable} />
                        <Checkbox label="Auto-delete: is deleted with its last consumer" checked={isAutoDelete} onChange={setAutoDelete} />
                    </div>
                )}
                <div class="fields">
                    <Field label="Dead letters go to exchange" hint="Rejected, expired and surplus messages; else they are dropped">
                        <NameInput kind="exchanges" vhost={where} value={value('dlx')} onChange={set('dlx')} />
                    </Field>
                    {isDeadLettering
                        ? <Field label="with routing key" hint="Empty: their own"><TextInput value={value('dlk')} onChange={set('dlk')} /></Field>
                        : <Field label="Messages expire after" hint="Milliseconds"><TextInput type="number" min={0} value={value('ttl')} onChange={set('ttl')} /></Field>}
                </div>
                {isDeadLettering && <Field label="Messages expire after" hint="Milliseconds"><TextInput type="number" min={0} value={value('ttl')} onChange={set('ttl')} /></Field>}
                <div class="fields">
                    <Field label="At most, messages"><TextInput type="number" min={0} value={value('length')} onChange={set('length')} /></Field>
                    <Field label="At most, bytes"><TextInput type="number" min={0} value={value('bytes')} onChange={set('bytes')} /></Field>
                </div>
                {isLimited && <Field label="When it is full"><Select value={value('overflow')} choices={overflows} onChange={set('overflow')} /></Field>}
                {isQuorum
                    ? <Field label="Delivery limit" hint="How often a message may be returned; 20 with a dead letter exchange, else without limit"><TextInput type="number" min={0} value={value('deliveries')} onChange={set('deliveries')} /></Field>
                    : <Field label="Priorities" hint="The highest priority, up to 255; a few are enough"><TextInput type="number" min={0} value={value('priority')} onChange={set('priority')} /></Field>}
                <Checkbox label="Single active consumer: one at a time gets the messages" checked={isSingle} onChange={setSingle} />
                <Pairs label="More arguments" pairs={pairs} onChange={setPairs} known={queueArguments[type]} add={pairs.length === 0 ? 'Add an argument' : 'Add another'} />
            </Form>
        </Dialog>
    );
}
