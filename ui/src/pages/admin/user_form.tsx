/* Creating and changing users. */
import { useState } from 'preact/hooks';

import { toast } from '../../components/dialog';
import { Checkbox, Field, Form, TextInput } from '../../components/form';
import { api, path } from '../../lib/api';
import { ChoiceField, FormDialog, PatternFields, TagsField, useVhostChoice, type Limits, type Patterns } from './parts';

export interface User { name: string; tags: string[]; password_hash: string; hashing_algorithm: string; limits: Limits }

const everything: Patterns = { configure: '.*', write: '.*', read: '.*' };

export function AddUser({ onClose, onDone }: { onClose: () => void; onDone: (name: string) => void }) {
    const vhosts = useVhostChoice();
    const vhost = vhosts.chosen;
    const [name, setName] = useState('');
    const [password, setPassword] = useState('');
    const [tags, setTags] = useState<string[]>([]);
    const [patterns, setPatterns] = useState(everything);
    const send = async () => {
        await api.put(path`/users/${name}`, password === '' ? { password_hash: '', tags: tags.join(',') } : { password, tags: tags.join(',') });
        if (vhost !== '') await api.put(path`/permissions/${vhost}/${name}`, patterns);
        toast(`The user ${name} is there.`);
        onDone(name);
    };
    return (
        <FormDialog title="Add a user" onClose={onClose}>
            <Form verb="Add the user" onSend={send} isReady={name !== ''}>
                <Field label="Name"><TextInput value={name} onChange={setName} autofocus required /></Field>
                <Field label="Password" hint="Without one the user cannot log in with a password, only with a certificate."><TextInput type="password" value={password} onChange={setPassword} autocomplete="new-password" /></Field>
                <TagsField tags={tags} onChange={setTags} />
                <ChoiceField label="Permissions in" of={vhosts} none="no virtual host yet" hint={vhost === '' ? 'Without permissions in a virtual host a client cannot connect.' : undefined} />
                {vhost !== '' && <PatternFields value={patterns} onChange={setPatterns} />}
            </Form>
        </FormDialog>
    );
}

/* Tags alone: the hash is sent as it is, for the API takes a user as a whole. */
export function EditTags({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
    const [tags, setTags] = useState(user.tags);
    const send = async () => {
        await api.put(path`/users/${user.name}`, { tags: tags.join(','), password_hash: user.password_hash, ...(user.hashing_algorithm ? { hashing_algorithm: user.hashing_algorithm } : {}) });
        toast(`The tags of ${user.name} are changed. They count from its next login on.`);
        onDone();
    };
    return <FormDialog title={`Tags of ${user.name}`} onClose={onClose}><Form verb="Set the tags" onSend={send}><TagsField tags={tags} onChange={setTags} /></Form></FormDialog>;
}

export function EditPassword({ user, onClose, onDone }: { user: User; onClose: () => void; onDone: () => void }) {
    const [password, setPassword] = useState('');
    const [hasNone, setHasNone] = useState(false);
    const send = async () => {
        await api.put(path`/users/${user.name}`, { tags: user.tags.join(','), ...(hasNone ? { password_hash: '' } : { password }) });
        toast(hasNone ? `${user.name} has no password any more.` : `The password of ${user.name} is changed.`);
        onDone();
    };
    return (
        <FormDialog title={`Password of ${user.name}`} onClose={onClose}>
            <Form verb={hasNone ? 'Take the password away' : 'Set the password'} kind={hasNone ? 'danger-primary' : 'primary'} onSend={send} isReady={hasNone || password !== ''}>
                {!hasNone && <Field label="New password" hint="Connections that are open stay open; the next login needs the new one."><TextInput type="password" value={password} onChange={setPassword} autocomplete="new-password" autofocus /></Field>}
                <Checkbox label="No password: the user cannot log in with one" checked={hasNone} onChange={setHasNone} />
            </Form>
        </FormDialog>
    );
}
