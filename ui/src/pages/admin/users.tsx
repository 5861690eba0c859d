/* Users: a list. */
import { Badge, Button, Empty, PageHead, UserLink, VhostLink, Waiting } from '../../components/basics';
import { confirm, toast } from '../../components/dialog';
import { LocalList, type Column } from '../../components/list';
import { api, messageOf, path } from '../../lib/api';
import { count } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate } from '../../lib/router';
import { session } from '../../lib/session';
import { limitsText, TagBadges, useDialog } from './parts';
import { AddUser, type User } from './user_form';

interface Permission { user: string; vhost: string }
type Row = User & { vhosts: string[] };

const VHOSTS_SHOWN = 3;

function VhostNames({ vhosts }: { vhosts: string[] }) {
    if (vhosts.length === 0) return <Badge kind="warn" title="Without permissions in a virtual host its clients cannot connect">none</Badge>;
    return (
        <span class="counts">
            {vhosts.slice(0, VHOSTS_SHOWN).map((name) => <VhostLink key={name} name={name} />)}
            {vhosts.length > VHOSTS_SHOWN && <span class="muted">and {vhosts.length - VHOSTS_SHOWN} more</span>}
        </span>
    );
}

/* Finds out what would be lost, asks, and deletes the user with what belongs to it. */
export function deleteUser(name: string, then: () => void): void {
    void Promise.all([
        api.get<unknown[]>(path`/users/${name}/permissions?columns=vhost`),
        api.get<unknown[]>(path`/connections/username/${name}?columns=name`),
    ]).then(([permissions, connections]) => confirm({
        title: `Delete the user ${name}?`,
        text: (
            <>
                <p>Its permissions in {count(permissions.length, 'virtual host')} are deleted with it, and its {count(connections.length, 'open connection')} closed.</p>
                <p class="muted">Queues that it has declared stay.</p>
            </>
        ),
        verb: 'Delete the user',
        act: () => api.delete(path`/users/${name}`),
        done: `The user ${name} is deleted.`,
        then,
    }), (error: unknown) => toast(messageOf(error), 'bad'));
}

export default function UsersPage() {
    const users = useResource<User[]>('/users');
    const permissions = useResource<Permission[]>('/permissions');
    const adding = useDialog();
    if (!users.data) return <Waiting for={users} what="list of users" />;
    const byUser = new Map<string, string[]>();
    for (const { user, vhost } of permissions.data ?? []) byUser.set(user, [...(byUser.get(user) ?? []), vhost]);
    const rows: Row[] = users.data.map((user) => ({ ...user, vhosts: byUser.get(user.name) ?? [] }));
    const columns: Column<Row>[] = [
        { id: 'name', title: 'Name', isName: true, cell: (row) => <UserLink name={row.name} />, value: (row) => row.name },
        { id: 'tags', title: 'Tags', isWide: true, cell: (row) => <TagBadges tags={row.tags} />, value: (row) => row.tags.join() },
        { id: 'vhosts', title: 'Permissions in', cell: (row) => permissions.data && <VhostNames vhosts={row.vhosts} />, value: (row) => row.vhosts.length },
        { id: 'password', title: 'Password', isWide: true, cell: (row) => (row.password_hash === '' ? <span class="muted">none</span> : 'set'), value: (row) => (row.password_hash === '' ? 0 : 1) },
        { id: 'algorithm', title: 'Hash', isHidden: true, cell: (row) => row.hashing_algorithm.replace('rabbit_password_hashing_', ''), value: (row) => row.hashing_algorithm },
        { id: 'limits', title: 'Limits', isWide: true, cell: (row) => limitsText(row.limits), value: (row) => limitsText(row.limits) },
        { id: 'actions', title: 'Actions', isAction: true, cell: (row) => row.name !== session.get().user.name && (
            <span class="actions"><Button kind="quiet" aria-label={`Delete the user ${row.name}`} onClick={() => deleteUser(row.name, users.reload)}>Delete</Button></span>
        ) },
    ];
    return (
        <>
            <PageHead title="Users"><Button kind="primary" icon="plus" onClick={adding.open}>Add a user</Button></PageHead>
            <LocalList id="users" noun="users" rows={rows} columns={columns} rowKey={(row) => row.name} text={(row) => row.name} initialSort="name"
                empty={<Empty title="There are no users.">Add one, and give it permissions in a virtual host.</Empty>} />
            {adding.isOpen && <AddUser onClose={adding.close} onDone={(name) => { adding.close(); navigate(href(['users', name])); }} />}
        </>
    );
}
