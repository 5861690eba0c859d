/* What a queue was declared with, and which settings are in force, with who gives each of them. */
import { Badge, Empty, Facts, Loading, Panel, Refusal, Table } from '../../components/basics';
import { DataTable, type Column } from '../../components/list';
import { path } from '../../lib/api';
import { useResource } from '../../lib/resource';
import { PolicyName } from './policy_name';
import type { TabProps } from './queue_page';
import type { Setting } from './types';

const said = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value));

/* A value that one of the sources gives; the one in force stands out. */
function Said({ setting, by }: { setting: Setting; by: 'argument' | 'policy' | 'operator_policy' }) {
    const value = by === 'argument' ? setting.argument : setting[by]?.value;
    if (value === undefined) return null;
    return setting.source === by
        ? <span class="row"><code>{said(value)}</code><Badge kind="good">in force</Badge></span>
        : <s class="muted" title="Not in force"><code>{said(value)}</code></s>;
}

const columns: Column<Setting>[] = [
    {
        id: 'key', title: 'Setting', isName: true,
        cell: (s) => <span class="row"><strong>{s.key}</strong>{!s.has_effect && <Badge kind="warn" title="It is accepted, and does nothing in this broker">no effect</Badge>}</span>,
    },
    { id: 'value', title: 'Value', isWide: true, cell: (s) => <code>{said(s.value)}</code> },
    { id: 'argument', title: 'Argument', isWide: true, cell: (s) => <Said setting={s} by="argument" /> },
    { id: 'policy', title: 'Policy', isWide: true, cell: (s) => <Said setting={s} by="policy" /> },
    { id: 'operator', title: 'Operator policy', isWide: true, cell: (s) => <Said setting={s} by="operator_policy" /> },
    { id: 'default', title: 'Configuration', isWide: true, cell: (s) => (s.source === 'default' ? <Badge kind="good">in force</Badge> : '') },
];

const yes = (is: boolean) => (is ? 'yes' : 'no');

export function SettingsTab({ queue }: TabProps) {
    const settings = useResource<Setting[]>(path`/queues/${queue.vhost}/${queue.name}/settings`, { keeps: true });
    return (
        <>
            <Panel title="Settings in force, and where each comes from" flush>
                {settings.data === undefined
                    ? settings.error ? <div class="list-bar"><Refusal error={settings.error} /></div> : <Loading />
                    : settings.data.length === 0
                        ? <Empty title="No argument and no policy says anything of this queue">Everything is as the broker does it by itself.</Empty>
                        : <DataTable label="Settings in force" rows={settings.data} columns={columns} rowKey={(s) => s.key} />}
            </Panel>
            <div class="columns">
                <Panel title="Declared">
                    <Facts rows={[
                        ['Type', queue.type],
                        ['Durable', yes(queue.durable)],
                        ['Auto-delete', yes(queue.auto_delete)],
                        ['Exclusive', queue.exclusive ? 'yes: only the connection that declared it may use it' : 'no'],
                        ['Arguments', <Table of={queue.arguments} />],
                    ]} />
                </Panel>
                <Panel title="Policies">
                    <Facts rows={[
                        ['Policy', <PolicyName queue={queue} kind="policy" />],
                        ['Operator policy', <PolicyName queue={queue} kind="operator_policy" />],
                        ['Both together', <Table of={queue.effective_policy_definition} />],
                    ]} />
                </Panel>
            </div>
        </>
    );
}
