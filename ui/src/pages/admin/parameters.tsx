/* Parameters of virtual hosts, and global parameters: JSON under a name. */
import { useState } from 'preact/hooks';

import { Badge, Button, Empty, PageHead, VhostLink, Waiting, Name } from '../../components/basics';
import { confirm, toast } from '../../components/dialog';
import { Field, Form, Select, TextArea, TextInput } from '../../components/form';
import { LocalList, type Column } from '../../components/list';
import { api, path } from '../../lib/api';
import { parseJson } from '../../lib/json';
import { useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { useVhost } from '../../lib/vhost';
import { ChoiceField, FormDialog, useVhostChoice } from './parts';

/* A global parameter has neither a component nor a vhost. */
interface Parameter { name: string; value: unknown; component?: string; vhost?: string }

const components = ['vhost-limits', 'operator_policy'];

function pathOf({ name, component, vhost }: Parameter): string {
    return component === undefined ? path`/global-parameters/${name}` : path`/parameters/${component}/${vhost ?? ''}/${name}`;
}

function ParameterForm({ row, onClose, onDone }: { row: Parameter | null; onClose: () => void; onDone: () => void }) {
    const vhosts = useVhostChoice();
    const [isGlobal, setGlobal] = useState(row ? row.component === undefined : true);
    const [component, setComponent] = useState(row?.component ?? components[0]!);
    const vhost = row?.vhost ?? vhosts.chosen;
    const [name, setName] = useState(row?.name ?? '');
    const [text, setText] = useState(row ? JSON.stringify(row.value, null, 2) : '');
    let wrong: string | undefined;
    try {
        JSON.parse(text);
    } catch (error) {
        wrong = text === '' ? undefined : `This is not JSON: ${(error as Error).message}`;
    }
    const send = async () => {
        await api.put(pathOf(isGlobal ? { name, value: 0 } : { name, component, vhost, value: 0 }), { value: parseJson(text), ...(isGlobal ? { name } : { component, vhost, name }) });
        toast(`The parameter ${name} is set.`);
        onDone();
    };
    return (
        <FormDialog title={row ? `Change ${row.name}` : 'Add a parameter'} onClose={onClose}>
            <Form verb="Set the parameter" onSend={send} isReady={name !== '' && text !== '' && !wrong && (isGlobal || vhost !== '')}>
                {!row && <Field label="Kind"><Select value={isGlobal ? 'global' : 'vhost'} choices={[['global', 'Global parameter'], ['vhost', 'Parameter of a virtual host']]} onChange={(kind) => setGlobal(kind === 'global')} /></Field>}
                {!row && !isGlobal && (
                    <div class="two">
                        <Field label="Component"><Select value={component} choices={components} onChange={setComponent} /></Field>
                        <ChoiceField label="Virtual host" of={vhosts} />
                    </div>
                )}
                {!row && <Field label="Name"><TextInput value={name} onChange={setName} /></Field>}
                <Field label="Value" hint="JSON: text stands in quotes." wrong={wrong}><TextArea value={text} rows={8} onChange={setText} /></Field>
            </Form>
        </FormDialog>
    );
}

export default function ParametersPage() {
    const chosen = useVhost();
    const parameters = useResource<Parameter[]>('/parameters', { keeps: true });
    const globals = useResource<Parameter[]>('/global-parameters', { keeps: true });
    const [edited, setEdited] = useState<Parameter | 'new' | null>(null);
    if (!parameters.data || !globals.data) return <Waiting for={parameters.data ? globals : parameters} what="list of parameters" />;
    const rows = [...globals.data, ...parameters.data.filter(({ vhost }) => chosen === '' || vhost === chosen)];
    const reload = () => { parameters.reload(); globals.reload(); };
    /* Limits and operator policies are for administrators. */
    const mayChange = (row: Parameter) => row.component === undefined || may.administrate();
    const remove = (row: Parameter) => confirm({
        title: `Delete the parameter ${row.name}?`,
        text: <><p>{row.component === undefined ? 'This global parameter' : `The ${row.component} of ${row.vhost}`} is deleted, and what it does ends at once. Its value is lost:</p><pre>{JSON.stringify(row.value)}</pre></>,
        verb: 'Delete it',
        act: () => api.delete(pathOf(row)),
        done: `The parameter ${row.name} is deleted.`,
        then: reload,
    });
    const columns: Column<Parameter>[] = [
        { id: 'name', title: 'Name', isName: true, value: (row) => row.name, cell: (row) => <Name text={row.name} /> },
        { id: 'component', title: 'Component', isWide: true, value: (row) => row.component ?? '', cell: (row) => row.component ?? <Badge kind="info">global</Badge> },
        { id: 'vhost', title: 'Virtual host', isWide: true, value: (row) => row.vhost ?? '', cell: (row) => (row.vhost === undefined ? <span class="muted">all</span> : <VhostLink name={row.vhost} />) },
        { id: 'value', title: 'Value', cell: (row) => <code class="pattern">{JSON.stringify(row.value)}</code> },
        { id: 'actions', title: 'Actions', isAction: true, cell: (row) => mayChange(row) && (
            <span class="actions">
                <Button kind="quiet" aria-label={`Change ${row.name}`} onClick={() => setEdited(row)}>Change</Button>
                <Button kind="quiet" aria-label={`Delete ${row.name}`} onClick={() => remove(row)}>Delete</Button>
            </span>
        ) },
    ];
    return (
        <>
            <PageHead title="Parameters"><Button kind="primary" icon="plus" onClick={() => setEdited('new')}>Add a parameter</Button></PageHead>
            <LocalList id="parameters" noun="parameters" rows={rows} columns={columns} rowKey={(row) => `${row.component} ${row.vhost} ${row.name}`}
                text={(row) => `${row.name} ${row.component ?? ''}`} initialSort="name"
                empty={<Empty title="There are no parameters.">A global parameter keeps any JSON under a name.</Empty>} />
            {edited && <ParameterForm row={edited === 'new' ? null : edited} onClose={() => setEdited(null)} onDone={() => { setEdited(null); reload(); }} />}
        </>
    );
}
