/* Creating, changing and deleting virtual hosts. */
import { useState } from 'preact/hooks';

import { confirm, toast } from '../../components/dialog';
import { Checkbox, Field, Form, Select, TextInput } from '../../components/form';
import { api, messageOf, path, totalOf } from '../../lib/api';
import { count } from '../../lib/format';
import { FormDialog } from './parts';

export interface Vhost {
    name: string;
    description: string;
    tags: string[];
    default_queue_type: string;
    tracing: boolean;
    protected_from_deletion: boolean;
}

const queueTypes = [['', 'not set: as the broker has it'], ['classic', 'classic'], ['quorum', 'quorum']] as const;

export function VhostForm({ vhost, onClose, onDone }: { vhost?: Vhost; onClose: () => void; onDone: (name: string) => void }) {
    const [name, setName] = useState(vhost?.name ?? '');
    const [description, setDescription] = useState(vhost?.description ?? '');
    const [tags, setTags] = useState(vhost?.tags.join(', ') ?? '');
    const [type, setType] = useState('');
    const [isTraced, setTraced] = useState(vhost?.tracing ?? false);
    const send = async () => {
        await api.put(path`/vhosts/${name}`, { description, tags, tracing: isTraced, ...(type === '' ? {} : { default_queue_type: type }) });
        toast(vhost ? `${name} is changed.` : `The vhost ${name} is there. You have all permissions in it.`);
        onDone(name);
    };
    return (
        <FormDialog title={vhost ? `Change ${name}` : 'Add a virtual host'} onClose={onClose}>
            <Form verb={vhost ? 'Change it' : 'Add the virtual host'} onSend={send} isReady={name !== ''}>
                {!vhost && <Field label="Name"><TextInput value={name} onChange={setName} autofocus required /></Field>}
                <Field label="Description"><TextInput value={description} onChange={setDescription} /></Field>
                <Field label="Tags" hint="Separated by commas; for people and tools."><TextInput value={tags} onChange={setTags} /></Field>
                {!vhost && <Field label="Type of queues that are declared without one"><Select value={type} choices={queueTypes} onChange={setType} /></Field>}
                <Checkbox label="Trace it: a copy of every message goes to amq.rabbitmq.trace" checked={isTraced} onChange={setTraced} />
            </Form>
        </FormDialog>
    );
}

/* Finds out what would be lost, asks, and deletes. */
export function deleteVhost(name: string, then: () => void): void {
    void Promise.all([
        totalOf(path`/queues/${name}`),
        totalOf(path`/exchanges/${name}`),
        api.get<unknown[]>(path`/vhosts/${name}/connections?columns=name`).then((all) => all.length),
        api.get<{ messages?: number }>(path`/vhosts/${name}`).then(({ messages }) => messages ?? 0),
    ]).then(([queues, exchanges, connections, messages]) => confirm({
        title: `Delete the virtual host ${name}?`,
        text: (
            <>
                <p>All that is in it is lost: <strong>{count(queues, 'queue')}</strong> with <strong>{count(messages, 'message')}</strong>, {count(exchanges, 'exchange')}, and its bindings, policies and permissions. {count(connections, 'open connection')} will be closed.</p>
                <p class="muted">This cannot be undone. To keep what is defined, export its definitions before.</p>
            </>
        ),
        verb: 'Delete the virtual host',
        typed: name,
        act: () => api.delete(path`/vhosts/${name}`),
        done: `The vhost ${name} is deleted.`,
        then,
    }), (error: unknown) => toast(messageOf(error), 'bad'));
}
