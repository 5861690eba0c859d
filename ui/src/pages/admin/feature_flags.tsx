/* RabbitMQ's feature flags that stand for what this broker does. */
import { Badge, Empty, PageHead, Waiting } from '../../components/basics';
import { LocalList, type Column } from '../../components/list';
import { useResource } from '../../lib/resource';
import { NodeTabs } from './parts';

interface Flag { name: string; desc: string; state: string; stability: string }

const columns: Column<Flag>[] = [
    { id: 'name', title: 'Name', isName: true, value: (row) => row.name, cell: (row) => <code class="pattern">{row.name}</code> },
    { id: 'state', title: 'State', value: (row) => row.state, cell: (row) => <Badge kind={row.state === 'enabled' ? 'good' : 'plain'}>{row.state === 'enabled' ? '✓ enabled' : row.state}</Badge> },
    { id: 'stability', title: 'Stability', value: (row) => row.stability, cell: (row) => row.stability },
    { id: 'desc', title: 'What it is', isWide: true, value: (row) => row.desc, cell: (row) => row.desc },
];

export default function FeatureFlagsPage() {
    const flags = useResource<Flag[]>('/feature-flags', { keeps: true });
    return (
        <>
            <PageHead title="Feature flags" />
            <NodeTabs current="feature-flags" />
            {flags.data
                ? <LocalList id="feature_flags" noun="feature flags" rows={flags.data} columns={columns} rowKey={(row) => row.name} text={(row) => `${row.name} ${row.desc}`} initialSort="name"
                    empty={<Empty title="There are no feature flags." />} />
                : <Waiting for={flags} what="list of feature flags" />}
            <p class="muted small">Tools of RabbitMQ ask for these. All are enabled, and there is nothing to enable before an upgrade.</p>
        </>
    );
}
