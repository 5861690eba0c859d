/* Policies and operator policies: one list. */
import { Badge, Button, Empty, Name, PageHead, VhostLink, Waiting } from '../../components/basics';
import { LocalList, type Column } from '../../components/list';
import { Select } from '../../components/form';
import { number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate, useQuery } from '../../lib/router';
import { may } from '../../lib/session';
import { useVhost } from '../../lib/vhost';
import { Pattern } from './parts';
import { applyToText, DefinitionList } from './policy_definition';
import type { Kind, Policy } from './policy_form';

type Row = Policy & { kind: Kind };

const columns: Column<Row>[] = [
    { id: 'name', title: 'Name', isName: true, value: (row) => row.name, cell: (row) => <Name text={row.name} to={href([row.kind, row.vhost, row.name])} /> },
    { id: 'vhost', title: 'Virtual host', value: (row) => row.vhost, cell: (row) => <VhostLink name={row.vhost} /> },
    { id: 'kind', title: 'Kind', value: (row) => row.kind, cell: (row) => (row.kind === 'policies' ? 'policy' : <Badge kind="info" title="Its limits lower those of policies and arguments">operator</Badge>) },
    { id: 'priority', title: 'Priority', isNumber: true, value: (row) => row.priority, cell: (row) => number(row.priority) },
    { id: 'pattern', title: 'Pattern', value: (row) => row.pattern, cell: (row) => (row.pattern === '' ? <span class="muted">every name</span> : <Pattern of={row.pattern} />) },
    { id: 'apply-to', title: 'Applies to', value: (row) => row['apply-to'], cell: (row) => applyToText(row['apply-to']) },
    { id: 'definition', title: 'Definition', cell: (row) => <DefinitionList of={row.definition} /> },
];

export default function PoliciesPage() {
    const vhost = useVhost();
    const [kind, setKind] = useQuery('kind');
    const policies = useResource<Policy[]>('/policies', { keeps: true });
    const limits = useResource<Policy[]>('/operator-policies', { keeps: true });
    if (!policies.data || !limits.data) return <Waiting for={policies.data ? limits : policies} what="list of policies" />;
    const rows: Row[] = [
        ...policies.data.map((row) => ({ ...row, kind: 'policies' as const })),
        ...limits.data.map((row) => ({ ...row, kind: 'operator-policies' as const })),
    ].filter((row) => (vhost === '' || row.vhost === vhost) && (kind === '' || row.kind === kind));
    return (
        <>
            <PageHead title="Policies">{may.setPolicies() && <Button kind="primary" icon="plus" onClick={() => navigate(href(['add-policy'], { vhost }))}>Add a policy</Button>}</PageHead>
            <LocalList id="policies" noun="policies" rows={rows} columns={columns} rowKey={(row) => `${row.kind} ${row.vhost} ${row.name}`}
                text={(row) => `${row.name} ${row.pattern}`} initialSort="priority" isInitiallyDown
                filters={policies.data.length + limits.data.length > 0 && <Select label="Kind" value={kind} choices={[['', 'All kinds'], ['policies', 'Policies'], ['operator-policies', 'Operator policies']]} onChange={setKind} />}
                empty={<Empty title="There are no policies.">A policy gives settings to every queue and exchange whose name matches a pattern: limits, expiry, dead letters.</Empty>} />
        </>
    );
}
