/* One policy: changed, with what it applies to beside it. */
import { Badge, Button, Facts, PageHead, Panel, Waiting } from '../../components/basics';
import { confirm, toast } from '../../components/dialog';
import { api, path } from '../../lib/api';
import { count } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { currentRoute, href, navigate } from '../../lib/router';
import { may } from '../../lib/session';
import type { PageProps } from '../../lib/page';
import { Pattern } from './parts';
import { PolicyForm, type Kind, type Policy } from './policy_form';
import { applyToText, DefinitionList } from './policy_definition';

interface Previewed { queues: { in_force: number }; exchanges: { in_force: number } }

/* Asks with how many queues and exchanges lose it, and deletes. */
async function deletePolicy(kind: Kind, policy: Policy): Promise<void> {
    const { vhost, name, ...body } = policy;
    const to = kind === 'policies' ? path`/policy-preview/${vhost}` : path`/operator-policy-preview/${vhost}`;
    const shown = await api.post<Previewed>(to, { ...body, name }).catch(() => undefined);
    confirm({
        title: `Delete the policy ${name}?`,
        text: shown ? `It applies to ${count(shown.queues.in_force, 'queue')} and ${count(shown.exchanges.in_force, 'exchange')} now. They get the next policy that matches, or none, at once; messages that are too many or too old then stay.` : 'Queues and exchanges that it applies to get the next one that matches, or none, at once.',
        verb: 'Delete the policy',
        act: () => api.delete(path`/` + kind + path`/${vhost}/${name}`),
        done: `The policy ${name} is deleted.`,
        then: () => navigate(href(['policies'])),
    });
}

export default function PolicyPage({ params }: PageProps) {
    const [vhost, name] = [params[0]!, params[1]!];
    const kind: Kind = currentRoute().path[0] === 'operator-policies' ? 'operator-policies' : 'policies';
    const isOperator = kind === 'operator-policies';
    const mayChange = isOperator ? may.administrate() : may.setPolicies();
    /* A form is not filled anew while somebody types. The list is open to more users than one policy is. */
    const list = useResource<Policy[]>(path`/` + kind + path`/${vhost}`, { every: 0, keeps: true });
    const policy = list.data?.find((one) => one.name === name);
    if (!list.data) return <Waiting for={list} what="policy" />;
    const head = (
        <PageHead title={name} crumbs={[['Policies', href(['policies'])], [vhost, href(['vhosts', vhost])]]} badges={isOperator ? <Badge kind="info">operator policy</Badge> : undefined}>
            {mayChange && policy && <Button kind="danger" onClick={() => void deletePolicy(kind, policy)}>Delete…</Button>}
        </PageHead>
    );
    if (!policy) return <>{head}<Panel><p class="muted">There is no such policy any more, or there never was.</p></Panel></>;
    return (
        <>
            {head}
            {mayChange
                ? <PolicyForm key={JSON.stringify(policy)} kind={kind} policy={policy} isNew={false} onDone={() => { toast(`The policy ${name} is changed.`); list.reload(); }} />
                : <Panel title="Policy"><Facts rows={[
                    ['Pattern', <Pattern of={policy.pattern} />], ['Applies to', applyToText(policy['apply-to'])],
                    ['Priority', policy.priority], ['Definition', <DefinitionList of={policy.definition} />],
                ]} /></Panel>}
        </>
    );
}
