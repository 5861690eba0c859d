/* One user: what it may, what it has declared, and the question what it may do here. */
import { Button, Facts, PageHead, Panel, QueueLink, VhostLink, Waiting } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { ServerList, type Column } from '../../components/list';
import { api, path } from '../../lib/api';
import { count, number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate } from '../../lib/router';
import { session } from '../../lib/session';
import type { PageProps } from '../../lib/page';
import { AccessCheck } from './access_check';
import { LimitForm, userLimits } from './limit_form';
import { limitsText, TagBadges, useDialog } from './parts';
import { Permissions, TopicPermissions } from './permissions';
import { EditPassword, EditTags, type User } from './user_form';
import { deleteUser } from './users';

interface Queue { name: string; vhost: string; messages?: number; consumers?: number }

const queueColumns: Column<Queue>[] = [
    { id: 'name', title: 'Name', isName: true, sort: 'name', cell: (row) => <QueueLink vhost={row.vhost} name={row.name} /> },
    { id: 'vhost', title: 'Virtual host', sort: 'vhost', cell: (row) => <VhostLink name={row.vhost} /> },
    { id: 'messages', title: 'Messages', sort: 'messages', isNumber: true, cell: (row) => number(row.messages) },
    { id: 'consumers', title: 'Consumers', sort: 'consumers', isNumber: true, cell: (row) => number(row.consumers) },
];

function passwordText(user: User): string {
    if (user.password_hash === '') return 'none: it cannot log in with a password';
    return `set; its hash is ${user.hashing_algorithm.replace('rabbit_password_hashing_', '')}`;
}

export default function UserPage({ params }: PageProps) {
    const name = params[0]!;
    const user = useResource<User>(path`/users/${name}`);
    const connections = useResource<unknown[]>(path`/connections/username/${name}?columns=name`);
    const [tags, password, limits] = [useDialog(), useDialog(), useDialog()];
    if (!user.data) return <Waiting for={user} what="user" />;
    const open = connections.data?.length ?? 0;
    const isSelf = session.get().user.name === name;
    const done = (dialog: { close: () => void }) => () => { dialog.close(); user.reload(); };
    const disconnect = () => confirm({
        title: `Close the connections of ${name}?`,
        text: `${count(open, 'connection')} will be closed. What is not acknowledged there goes back to its queues. Clients may connect again at once.`,
        verb: 'Close them',
        act: () => api.delete(path`/connections/username/${name}`),
        done: `The connections of ${name} are closed.`,
        then: connections.reload,
    });
    return (
        <>
            <PageHead title={name} crumbs={[['Users', href(['users'])]]} badges={<TagBadges tags={user.data.tags} />}>
                <div class="row">
                    <Button onClick={tags.open}>Tags</Button>
                    <Button onClick={password.open}>Password</Button>
                    <Button onClick={limits.open}>Limits</Button>
                    {!isSelf && <Button kind="danger" onClick={() => deleteUser(name, () => navigate(href(['users'])))}>Delete…</Button>}
                </div>
            </PageHead>
            <Panel title="User">
                <Facts rows={[
                    ['Password', passwordText(user.data)],
                    ['Limits', limitsText(user.data.limits)],
                    ['Connections', <span class="row">{number(connections.data?.length)} open {open > 0 && <span class="actions"><Button kind="quiet" onClick={disconnect}>Close them</Button></span>}</span>],
                ]} />
            </Panel>
            <AccessCheck user={name} />
            <Permissions of={{ user: name }} />
            <TopicPermissions of={{ user: name }} />
            <ServerList id="user_queues" noun="queues" title="Queues that it has declared" path={path`/users/${name}/queues`} fields={['name', 'vhost']} columns={queueColumns}
                rowKey={(row) => `${row.vhost} ${row.name}`} initialSort="name"
                empty={<p class="panel-body muted">None.</p>} />
            {tags.isOpen && <EditTags user={user.data} onClose={tags.close} onDone={done(tags)} />}
            {password.isOpen && <EditPassword user={user.data} onClose={password.close} onDone={done(password)} />}
            {limits.isOpen && <LimitForm title={`Limits of ${name}`} to={path`/user-limits/${name}`} names={userLimits} limits={user.data.limits} onClose={limits.close} onDone={done(limits)} />}
        </>
    );
}
