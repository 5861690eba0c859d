/* Permissions and topic permissions: of a user in all vhosts, or of all users in a vhost. */
import { useState } from 'preact/hooks';

import { Button, Empty, Panel, Refusal, UserLink, VhostLink } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { Field, Form, TextInput } from '../../components/form';
import { DataTable, type Column } from '../../components/list';
import { api, path } from '../../lib/api';
import { useResource } from '../../lib/resource';
import { ChoiceField, FormDialog, Pattern, PatternFields, useChoice, useVhostChoice, type Choice, type Patterns } from './parts';

export interface Permission extends Patterns { user: string; vhost: string }
interface TopicPermission { user: string; vhost: string; exchange: string; write: string; read: string }

/* Which of the two is given; the other is chosen. */
export interface Of { user?: string; vhost?: string }

function listPath(kind: string, { user, vhost }: Of): string {
    return user !== undefined ? path`/users/${user}/` + kind : path`/vhosts/${vhost ?? ''}/` + kind;
}

function useUserNames(isWanted: boolean): string[] {
    return useResource<{ name: string }[]>(isWanted ? '/users?columns=name' : null, { every: 0 }).data?.map(({ name }) => name) ?? [];
}

/* What is not given: it is chosen. `taken` have permissions already. */
function useOther(of: Of, taken: string[]): Choice {
    const vhosts = useVhostChoice(taken);
    const users = useChoice(useUserNames(of.user === undefined), '', taken);
    return of.user !== undefined ? vhosts : users;
}

function OtherField({ of, other }: { of: Of; other: Choice }) {
    return <ChoiceField label={of.user !== undefined ? 'Virtual host' : 'User'} of={other} />;
}

/* --- permissions -------------------------------------------------------------------------------- */

function PermissionForm({ of, row, taken, onClose, onDone }: { of: Of; row: Permission | null; taken: string[]; onClose: () => void; onDone: () => void }) {
    const choice = useOther(of, taken);
    const other = row ? (of.user !== undefined ? row.vhost : row.user) : choice.chosen;
    const [patterns, setPatterns] = useState<Patterns>(row ?? { configure: '.*', write: '.*', read: '.*' });
    const user = of.user ?? other;
    const vhost = of.vhost ?? other;
    const send = async () => {
        const { configure, write, read } = patterns;
        await api.put(path`/permissions/${vhost}/${user}`, { configure, write, read });
        onDone();
    };
    return (
        <FormDialog title={row ? `Permissions of ${user} in ${vhost}` : 'Set permissions'} onClose={onClose}>
            <Form verb="Set the permissions" onSend={send} isReady={other !== ''}>
                {!row && <OtherField of={of} other={choice} />}
                <PatternFields value={patterns} onChange={setPatterns} />
            </Form>
        </FormDialog>
    );
}

export function Permissions({ of }: { of: Of }) {
    const rows = useResource<Permission[]>(listPath('permissions', of), { keeps: true });
    const [edited, setEdited] = useState<Permission | 'new' | null>(null);
    const clear = (row: Permission) => confirm({
        title: `Take the permissions of ${row.user} in ${row.vhost} away?`,
        text: 'Its clients can no longer connect to this virtual host. Consumers and channels that are open there are told so with their next command.',
        verb: 'Take them away',
        act: () => api.delete(path`/permissions/${row.vhost}/${row.user}`),
        then: rows.reload,
    });
    const columns: Column<Permission>[] = [
        of.user !== undefined
            ? { id: 'vhost', title: 'Virtual host', isName: true, cell: (row) => <VhostLink name={row.vhost} /> }
            : { id: 'user', title: 'User', isName: true, cell: (row) => <UserLink name={row.user} /> },
        { id: 'configure', title: 'Configure', cell: (row) => <Pattern of={row.configure} /> },
        { id: 'write', title: 'Write', cell: (row) => <Pattern of={row.write} /> },
        { id: 'read', title: 'Read', cell: (row) => <Pattern of={row.read} /> },
        { id: 'actions', title: 'Actions', isAction: true, cell: (row) => (
            <span class="actions">
                <Button kind="quiet" aria-label={`Change the permissions of ${row.user} in ${row.vhost}`} onClick={() => setEdited(row)}>Change</Button>
                <Button kind="quiet" aria-label={`Clear the permissions of ${row.user} in ${row.vhost}`} onClick={() => clear(row)}>Clear</Button>
            </span>
        ) },
    ];
    return (
        <Panel title="Permissions" flush actions={<Button icon="plus" disabled={!rows.data} onClick={() => setEdited('new')}>Set permissions</Button>}>
            <Refusal error={rows.data ? undefined : rows.error} />
            {rows.data && (rows.data.length > 0
                ? <DataTable label="Permissions" rows={rows.data} columns={columns} rowKey={(row) => `${row.vhost} ${row.user}`} />
                : <Empty title="No permissions">{of.user !== undefined ? 'Without them in a virtual host, clients of this user cannot connect.' : 'Nobody can connect to this virtual host.'}</Empty>)}
            {edited && <PermissionForm of={of} row={edited === 'new' ? null : edited} taken={(rows.data ?? []).map((row) => (of.user !== undefined ? row.vhost : row.user))} onClose={() => setEdited(null)} onDone={() => { setEdited(null); rows.reload(); }} />}
        </Panel>
    );
}

/* --- topic permissions --------------------------------------------------------------------------- */

function TopicForm({ of, row, onClose, onDone }: { of: Of; row: TopicPermission | null; onClose: () => void; onDone: () => void }) {
    const choice = useOther(of, []);
    const other = row ? (of.user !== undefined ? row.vhost : row.user) : choice.chosen;
    const [exchange, setExchange] = useState(row?.exchange ?? '');
    const [write, setWrite] = useState(row?.write ?? '.*');
    const [read, setRead] = useState(row?.read ?? '.*');
    const user = of.user ?? other;
    const vhost = of.vhost ?? other;
    const topics = useResource<{ name: string; type: string }[]>(vhost === '' ? null : path`/exchanges/${vhost}?columns=name,type`, { every: 0 }).data?.filter(({ type }) => type === 'topic') ?? [];
    const send = async () => {
        await api.put(path`/topic-permissions/${vhost}/${user}`, { exchange, write, read });
        onDone();
    };
    return (
        <FormDialog title={row ? `Topic permissions of ${user} at ${exchange}` : 'Set topic permissions'} onClose={onClose}>
            <Form verb="Set the topic permissions" onSend={send} isReady={other !== '' && exchange !== ''}>
                {!row && <OtherField of={of} other={choice} />}
                {!row && <Field label="Topic exchange">
                    <TextInput value={exchange} onChange={setExchange} list="topic-exchanges" />
                    <datalist id="topic-exchanges">{topics.map(({ name }) => <option key={name} value={name} />)}</datalist>
                </Field>}
                <Field label="Write" hint="Routing keys to publish with, as a regular expression; {username} and {vhost} stand for these."><TextInput value={write} onChange={setWrite} /></Field>
                <Field label="Read" hint="Routing keys to bind with."><TextInput value={read} onChange={setRead} /></Field>
            </Form>
        </FormDialog>
    );
}

export function TopicPermissions({ of }: { of: Of }) {
    const rows = useResource<TopicPermission[]>(listPath('topic-permissions', of), { keeps: true });
    const [edited, setEdited] = useState<TopicPermission | 'new' | null>(null);
    const clear = (row: TopicPermission) => confirm({
        title: `Clear the topic permissions of ${row.user} at ${row.exchange}?`,
        text: 'Without topic permissions the user may use every routing key at this exchange, as far as its permissions allow the exchange.',
        verb: 'Clear them',
        act: () => api.delete(path`/topic-permissions/${row.vhost}/${row.user}/${row.exchange}`),
        then: rows.reload,
    });
    const columns: Column<TopicPermission>[] = [
        of.user !== undefined
            ? { id: 'vhost', title: 'Virtual host', isName: true, cell: (row) => <VhostLink name={row.vhost} /> }
            : { id: 'user', title: 'User', isName: true, cell: (row) => <UserLink name={row.user} /> },
        { id: 'exchange', title: 'Exchange', isWide: true, cell: (row) => row.exchange },
        { id: 'write', title: 'Write', cell: (row) => <Pattern of={row.write} /> },
        { id: 'read', title: 'Read', cell: (row) => <Pattern of={row.read} /> },
        { id: 'actions', title: 'Actions', isAction: true, cell: (row) => (
            <span class="actions">
                <Button kind="quiet" aria-label={`Change the topic permissions at ${row.exchange}`} onClick={() => setEdited(row)}>Change</Button>
                <Button kind="quiet" aria-label={`Clear the topic permissions at ${row.exchange}`} onClick={() => clear(row)}>Clear</Button>
            </span>
        ) },
    ];
    return (
        <Panel title="Topic permissions" flush actions={<Button icon="plus" onClick={() => setEdited('new')}>Set topic permissions</Button>}>
            {rows.data && (rows.data.length > 0
                ? <DataTable label="Topic permissions" rows={rows.data} columns={columns} rowKey={(row) => `${row.vhost} ${row.user} ${row.exchange}`} />
                : <Empty title="No topic permissions">Every routing key is allowed at the exchanges that the permissions allow.</Empty>)}
            {edited && <TopicForm of={of} row={edited === 'new' ? null : edited} onClose={() => setEdited(null)} onDone={() => { setEdited(null); rows.reload(); }} />}
        </Panel>
    );
}
