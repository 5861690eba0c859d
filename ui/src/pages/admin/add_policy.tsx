/* A new policy. */
import { useState } from 'preact/hooks';

import { PageHead } from '../../components/basics';
import { toast } from '../../components/dialog';
import { href, navigate } from '../../lib/router';
import { PolicyForm, type Kind } from './policy_form';

export default function AddPolicyPage() {
    const [kind, setKind] = useState<Kind>('policies');
    return (
        <>
            <PageHead title="Add a policy" crumbs={[['Policies', href(['policies'])]]} />
            <PolicyForm kind={kind} isNew onKind={setKind} policy={{ vhost: '', name: '', pattern: '', 'apply-to': 'queues', priority: 0, definition: {} }}
                onDone={(policy) => { toast(`The policy ${policy.name} is set.`); navigate(href([kind, policy.vhost, policy.name])); }} />
        </>
    );
}
