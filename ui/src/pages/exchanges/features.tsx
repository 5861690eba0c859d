/* What an exchange is like, in badges; its policy. */
import { Badge, Name } from '../../components/basics';
import { href } from '../../lib/router';
import { may } from '../../lib/session';
import type { Exchange } from './types';

export function Features({ of }: { of: Pick<Exchange, 'durable' | 'auto_delete' | 'internal' | 'arguments'> }) {
    const { 'alternate-exchange': alternate, ...others } = of.arguments ?? {};
    const more = Object.entries(others);
    return (
        <span class="badges">
            {of.durable ? <Badge title="It is there again after the broker's restart">durable</Badge> : <Badge kind="warn" title="It is gone after the broker's restart">transient</Badge>}
            {of.auto_delete && <Badge kind="info" title="It is deleted with its last binding">auto-delete</Badge>}
            {of.internal && <Badge kind="info" title="Clients cannot publish to it; other exchanges route to it">internal</Badge>}
            {typeof alternate === 'string' && <Badge title={`What matches no binding goes to ${alternate}`}>alternate</Badge>}
            {more.length > 0 && <Badge title={more.map(([name, value]) => `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`).join('\n')}>{more.length === 1 ? more[0]![0] : `${more.length} arguments`}</Badge>}
        </span>
    );
}

/* The policy in force; a link for those who may see it. */
export function PolicyName({ of }: { of: Pick<Exchange, 'vhost' | 'policy'> }) {
    return of.policy ? <Name text={of.policy} to={may.setPolicies() ? href(['policies', of.vhost, of.policy]) : undefined} /> : null;
}
