/* The settings in force, and where each was set. */
import { Badge, Empty, PageHead, Waiting } from '../../components/basics';
import { Checkbox } from '../../components/form';
import { LocalList, type Column } from '../../components/list';
import { NOTHING } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { useQuery } from '../../lib/router';
import { NodeTabs } from './parts';

interface Setting { key: string; value: string; default: string; origin: string }

/* A value; those that were set stand out. */
function Value({ of, isDefault }: { of: string; isDefault: boolean }) {
    const kind = isDefault ? 'pattern muted' : 'pattern';
    return of === '' ? <span class="muted">{NOTHING}</span> : <code class={kind}>{of}</code>;
}

const columns: Column<Setting>[] = [
    { id: 'key', title: 'Setting', isName: true, value: (row) => row.key, cell: (row) => <code class="pattern">{row.key}</code> },
    { id: 'value', title: 'Value', isWide: true, value: (row) => row.value, cell: (row) => <Value of={row.value} isDefault={row.origin === 'default'} /> },
    { id: 'default', title: 'Default', isWide: true, value: (row) => row.default, cell: (row) => row.origin !== 'default' && <Value of={row.default} isDefault /> },
    { id: 'origin', title: 'Set by', isWide: true, value: (row) => row.origin, cell: (row) => (row.origin === 'default' ? <span class="muted wide-only">default</span> : <Badge kind="info">{row.origin}</Badge>) },
];

export default function ConfigPage() {
    const [isChanged, setChanged] = useQuery('changed');
    const settings = useResource<Setting[]>('/config/effective', { keeps: true });
    if (!settings.data) return <><PageHead title="Settings" /><NodeTabs current="config" /><Waiting for={settings} what="list of settings" /></>;
    const rows = settings.data.filter(({ origin }) => isChanged === '' || origin !== 'default');
    return (
        <>
            <PageHead title="Settings" />
            <NodeTabs current="config" />
            <LocalList id="config" noun="settings" rows={rows} columns={columns} rowKey={(row) => row.key}
                text={(row) => `${row.key} ${row.value} ${row.origin}`} initialSort="key"
                filters={<Checkbox label="only those set" checked={isChanged !== ''} onChange={(is) => setChanged(is ? '1' : '')} />}
                empty={<Empty title="No setting differs from its default.">Settings are set in the configuration file, by flags, and by the environment.</Empty>} />
        </>
    );
}
