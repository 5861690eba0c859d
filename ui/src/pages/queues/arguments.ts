/* The arguments of queues that the broker knows, and of consumers' bindings: the type of each value. */
import type { Pair } from '../../components/form';

type Types = Record<string, Pair['type']>;

const ofBoth: Types = {
    'x-message-ttl': 'number',
    'x-expires': 'number',
    'x-max-length': 'number',
    'x-max-length-bytes': 'number',
    'x-overflow': 'string',
    'x-dead-letter-exchange': 'string',
    'x-dead-letter-routing-key': 'string',
    'x-single-active-consumer': 'boolean',
    'x-consumer-timeout': 'number',
    'x-last-value-key': 'string',
    'x-message-deduplication': 'boolean',
    'x-cache-size': 'number',
    'x-cache-ttl': 'number',
    'x-deduplication-header': 'string',
    'x-cache-persistence': 'string',
};

export const queueArguments: Record<'classic' | 'quorum', Types> = {
    classic: { ...ofBoth, 'x-max-priority': 'number', 'x-queue-mode': 'string', 'x-queue-version': 'number' },
    quorum: { ...ofBoth, 'x-delivery-limit': 'number', 'x-dead-letter-strategy': 'string' },
};

export const bindingArguments: Types = { 'x-match': 'string' };
