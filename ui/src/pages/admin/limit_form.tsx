/* The limits of a vhost or a user: each is set and taken away by itself. */
import type { ComponentChildren } from 'preact';
import { useState } from 'preact/hooks';

import { Field, Form, TextInput } from '../../components/form';
import { api } from '../../lib/api';
import { FormDialog, limitWords, type Limits } from './parts';

export const vhostLimits = ['max-connections', 'max-queues'];
export const userLimits = ['max-connections', 'max-channels'];

/* `to` is the API's path of the limits, path`/vhost-limits/${vhost}`; '' while `whose` is to be chosen. */
export function LimitForm({ title, to, whose, names, limits, onClose, onDone }: {
    title: string; to: string; whose?: ComponentChildren; names: string[]; limits: Limits; onClose: () => void; onDone: () => void;
}) {
    const first = Object.fromEntries(names.map((name) => [name, (limits[name] ?? -1) >= 0 ? String(limits[name]) : '']));
    const [values, setValues] = useState<Record<string, string>>(first);
    const send = async () => {
        for (const name of names) {
            if (values[name] === first[name]) continue;
            if (values[name] === '') await api.delete(`${to}/${name}`);
            else await api.put(`${to}/${name}`, { value: Number(values[name]) });
        }
        onDone();
    };
    return (
        <FormDialog title={title} onClose={onClose}>
            <Form verb="Set the limits" onSend={send} isReady={to !== '' && names.some((name) => values[name] !== first[name])}>
                {whose}
                {names.map((name, i) => (
                    <Field key={name} label={limitWords[name]?.[0] ?? name} hint={i === names.length - 1 ? 'Empty: no limit. What is open above a new limit stays open.' : undefined}>
                        <TextInput type="number" min={0} value={values[name] ?? ''} onChange={(value) => setValues({ ...values, [name]: value })} />
                    </Field>
                ))}
            </Form>
        </FormDialog>
    );
}
