/* Limits of virtual hosts and of users. */
import { useState } from 'preact/hooks';

import { Button, Empty, PageHead, Panel, Refusal, UserLink, VhostLink } from '../../components/basics';
import { DataTable, type Column } from '../../components/list';
import { path } from '../../lib/api';
import { number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { may } from '../../lib/session';
import { LimitForm, userLimits, vhostLimits } from './limit_form';
import { useVhost } from '../../lib/vhost';
import { ChoiceField, limitTitle, useChoice, type Limits } from './parts';

interface Row { name: string; value: Limits }

/* The limits of one kind of things. `all` are the names of those that may get limits, too. */
function LimitPanel({ title, noun, means, rows, all, preferred = '', names, to, link, reload, error }: {
    title: string; noun: string; means: string; rows: Row[] | undefined; all: string[]; preferred?: string; names: string[];
    to: (name: string) => string; link: (name: string) => preact.JSX.Element; reload: () => void; error: unknown;
}) {
    const [edited, setEdited] = useState<string | null>(null);
    const columns: Column<Row>[] = [
        { id: 'name', title: noun, isName: true, cell: (row) => link(row.name) },
        ...names.map((name): Column<Row> => ({
            id: name, title: limitTitle(name), isNumber: true,
            cell: (row) => ((row.value[name] ?? -1) >= 0 ? number(row.value[name]) : <span class="muted">no limit</span>),
        })),
        ...(may.administrate() ? [{ id: 'actions', title: 'Actions', isAction: true, cell: (row: Row) => (
            <span class="actions"><Button kind="quiet" aria-label={`Change the limits of ${row.name}`} onClick={() => setEdited(row.name)}>Change</Button></span>
        ) }] : []),
    ];
    const others = useChoice(all.filter((name) => !rows?.some((row) => row.name === name)), preferred);
    const name = edited === '' ? others.chosen : edited;
    return (
        <Panel title={title} flush actions={may.administrate() && rows && others.names.length > 0 && <Button icon="plus" onClick={() => setEdited('')}>Set limits</Button>}>
            <Refusal error={rows ? undefined : error} />
            {rows && (rows.length > 0
                ? <DataTable label={title} rows={rows} columns={columns} rowKey={(row) => row.name} />
                : <Empty title="No limits are set.">{means}</Empty>)}
            {name !== null && (
                <LimitForm title={edited === '' ? `Set limits of a ${noun.toLowerCase()}` : `Limits of ${name}`} to={name === '' ? '' : to(name)} names={names}
                    whose={edited === '' && <ChoiceField label={noun} of={others} />} limits={rows?.find((row) => row.name === name)?.value ?? {}}
                    onClose={() => setEdited(null)} onDone={() => { setEdited(null); reload(); }} />
            )}
        </Panel>
    );
}

export default function LimitsPage() {
    const vhosts = useResource<{ vhost: string; value: Limits }[]>('/vhost-limits');
    const users = useResource<{ user: string; value: Limits }[]>('/user-limits');
    const allVhosts = useResource<{ name: string }[]>('/vhosts?columns=name');
    const allUsers = useResource<{ name: string }[]>(may.administrate() ? '/users?columns=name' : null);
    return (
        <>
            <PageHead title="Limits" />
            <LimitPanel title="Limits of virtual hosts" noun="Virtual host" means="A virtual host may be limited in its connections and queues: further ones are refused." preferred={useVhost()} names={vhostLimits} rows={vhosts.data?.map(({ vhost, value }) => ({ name: vhost, value }))}
                all={allVhosts.data?.map(({ name }) => name) ?? []} to={(name) => path`/vhost-limits/${name}`} link={(name) => <VhostLink name={name} />} reload={vhosts.reload} error={vhosts.error} />
            <LimitPanel title="Limits of users" noun="User" means="A user may be limited in its connections and channels: further ones are refused." names={userLimits} rows={users.data?.map(({ user, value }) => ({ name: user, value }))}
                all={allUsers.data?.map(({ name }) => name) ?? []} to={(name) => path`/user-limits/${name}`} link={(name) => <UserLink name={name} />} reload={users.reload} error={users.error} />
        </>
    );
}
