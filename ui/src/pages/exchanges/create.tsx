/* Making an exchange. */
import { useState } from 'preact/hooks';

import { Button } from '../../components/basics';
import { Dialog, toast } from '../../components/dialog';
import { Checkbox, Field, Form, Pairs, Select, TextInput, valuesOf, type Pair } from '../../components/form';
import { NameInput } from '../../components/name_input';
import { api, path } from '../../lib/api';
import { href, navigate } from '../../lib/router';
import { useResource } from '../../lib/resource';
import { alternateArgument, argumentsOf, type Argument } from './types';

interface Type { name: string; description: string }

/* An argument's field, as its kind needs it. '' leaves it out. */
function ArgumentField({ of, vhost, types, value, onChange }: {
    of: Argument; vhost: string; types: Type[]; value: string; onChange: (value: string) => void;
}) {
    const label = of.isNeeded ? of.label : `${of.label} (optional)`;
    if (of.type === 'exchange') return <Field label={label} hint={of.hint}><NameInput kind="exchanges" vhost={vhost} value={value} onChange={onChange} /></Field>;
    const choices = of.type === 'type' ? types.map(({ name }) => name).filter((name) => name !== 'x-delayed-message') : of.choices;
    return (
        <Field label={label} hint={of.hint}>
            {choices
                ? <Select value={value} choices={of.isNeeded ? choices : [['', '–'] as const, ...choices]} onChange={onChange} />
                : <TextInput value={value} onChange={onChange} required={!!of.isNeeded} type={of.type === 'number' ? 'number' : 'text'} min={1} />}
        </Field>
    );
}

function argumentValues(known: Argument[], values: Record<string, string>): Record<string, unknown> {
    const set = known.map(({ name, type }): [string, unknown] => {
        const value = values[name] ?? (type === 'type' ? 'direct' : '');
        return [name, value === '' ? undefined : type === 'number' ? Number(value) : value];
    });
    return Object.fromEntries(set.filter(([, value]) => value !== undefined));
}

export function CreateExchange({ vhost: initial, onClose }: { vhost: string; onClose: () => void }) {
    const overview = useResource<{ exchange_types: Type[] }>('/overview?columns=exchange_types', { every: 0 });
    const vhosts = useResource<{ name: string }[]>('/vhosts?columns=name', { every: 0 });
    const types = overview.data?.exchange_types ?? [];
    const names = vhosts.data?.map(({ name }) => name) ?? [];
    const [chosen, setVhost] = useState(initial);
    const [name, setName] = useState('');
    const [type, setType] = useState('direct');
    const [isDurable, setDurable] = useState(true);
    const [isAutoDelete, setAutoDelete] = useState(false);
    const [isInternal, setInternal] = useState(false);
    const [values, setValues] = useState<Record<string, string>>({});
    const [more, setMore] = useState<Pair[]>([]);
    const vhost = chosen || (names.includes('/') ? '/' : names[0] ?? '/');
    const known = [...argumentsOf(type), alternateArgument];

    const send = async () => {
        await api.put(path`/exchanges/${vhost}/${name}`, {
            type, durable: isDurable, auto_delete: isAutoDelete, internal: isInternal,
            arguments: { ...argumentValues(known, values), ...valuesOf(more) },
        });
        onClose();
        toast('The exchange is there.');
        navigate(href(['exchanges', vhost, name]));
    };
    return (
        <Dialog title="Add an exchange" onClose={onClose}>
            <Form verb="Add the exchange" onSend={send} beside={<Button onClick={onClose}>Cancel</Button>}>
                {names.length > 1 && <Field label="Virtual host"><Select value={vhost} choices={names} onChange={setVhost} /></Field>}
                <Field label="Name"><TextInput value={name} onChange={setName} required autofocus /></Field>
                <Field label="Type" hint={types.find((one) => one.name === type)?.description}>
                    <Select value={type} choices={types.length > 0 ? types.map((one) => one.name) : ['direct']} onChange={setType} />
                </Field>
                {known.map((one) => (
                    <ArgumentField key={one.name} of={one} vhost={vhost} types={types} value={values[one.name] ?? (one.type === 'type' ? 'direct' : '')}
                        onChange={(value) => setValues({ ...values, [one.name]: value })} />
                ))}
                <fieldset class="checks">
                    <legend>Features</legend>
                    <Checkbox label="Durable: it is there again after a restart" checked={isDurable} onChange={setDurable} />
                    <Checkbox label="Auto-delete: it is deleted with its last binding" checked={isAutoDelete} onChange={setAutoDelete} />
                    <Checkbox label="Internal: only other exchanges route to it" checked={isInternal} onChange={setInternal} />
                </fieldset>
                <Pairs label="Further arguments" add="Add an argument" pairs={more} onChange={setMore} known={{ 'x-delayed-exchange': 'boolean', 'x-message-deduplication': 'boolean', 'x-cache-size': 'number' }} />
            </Form>
        </Dialog>
    );
}
