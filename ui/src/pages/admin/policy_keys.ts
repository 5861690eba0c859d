/* The keys of policies that the broker acts on (docs/policies.md), and what each is for. */
import { bytes, duration, number } from '../../lib/format';

export interface PolicyKey {
    name: string;
    kind: 'number' | 'ms' | 'bytes' | 'text' | 'choice';
    choices?: string[];
    means: string;
    isForOperators: boolean;
    isForQuorum?: boolean; /* queues of other types do not have it */
    isForExchanges?: boolean;
}

export const policyKeys: PolicyKey[] = [
    { name: 'max-length', kind: 'number', means: 'Ready messages, at most.', isForOperators: true },
    { name: 'max-length-bytes', kind: 'bytes', means: 'Bytes of ready messages, at most.', isForOperators: true },
    { name: 'overflow', kind: 'choice', choices: ['drop-head', 'reject-publish', 'reject-publish-dlx'], means: 'What happens above the largest length.', isForOperators: true },
    { name: 'message-ttl', kind: 'ms', means: 'A message expires after this time.', isForOperators: true },
    { name: 'expires', kind: 'ms', means: 'A queue that nobody uses is deleted after this time.', isForOperators: true },
    { name: 'dead-letter-exchange', kind: 'text', means: 'The exchange that gets what the queue gives up; empty: the default exchange.', isForOperators: false },
    { name: 'dead-letter-routing-key', kind: 'text', means: 'The routing key of dead letters, in place of their own.', isForOperators: false },
    { name: 'dead-letter-strategy', kind: 'choice', choices: ['at-most-once', 'at-least-once'], means: 'Whether a dead letter stays until its target has it.', isForOperators: false, isForQuorum: true },
    { name: 'delivery-limit', kind: 'number', means: 'How often a message may be returned.', isForOperators: true, isForQuorum: true },
    { name: 'consumer-timeout', kind: 'ms', means: 'How long a consumer may hold a delivery.', isForOperators: true },
    { name: 'alternate-exchange', kind: 'text', means: 'The exchange that gets what matches no binding.', isForOperators: false, isForExchanges: true },
];

/* A value of a key as people read it: "1 d", "1.0 GiB"; others as they are. */
export function readableValue(name: string, value: unknown): string {
    const kind = policyKeys.find((key) => key.name === name)?.kind;
    if (typeof value === 'number' && kind === 'ms') return duration(value);
    if (typeof value === 'number' && kind === 'bytes') return bytes(value);
    return typeof value === 'number' ? number(value) : typeof value === 'string' ? value : JSON.stringify(value);
}

export const applyTo: [string, string][] = [
    ['all', 'Exchanges and queues'],
    ['queues', 'Queues'],
    ['exchanges', 'Exchanges'],
    ['classic_queues', 'Classic queues'],
    ['quorum_queues', 'Quorum queues'],
    ['streams', 'Streams'],
];

export function applyToText(value: string): string {
    return applyTo.find(([id]) => id === value)?.[1] ?? value;
}
