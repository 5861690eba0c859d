/* A policy that applies to a queue: a link for those who may see its page. */
import { Name } from '../../components/basics';
import { href } from '../../lib/router';
import { may } from '../../lib/session';
import type { Queue } from './types';

export function PolicyName({ queue, kind }: { queue: Queue; kind: 'policy' | 'operator_policy' }) {
    const name = queue[kind];
    if (!name) return <span class="muted">none applies</span>;
    const page = kind === 'policy' ? 'policies' : 'operator-policies';
    return <Name text={name} to={may.setPolicies() ? href([page, queue.vhost, name]) : undefined} />;
}
