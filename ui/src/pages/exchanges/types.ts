/* Exchanges, and what is known of their types (docs/exchanges.md). */
import type { Rated, ChannelRef } from '../clients/parts';

export interface Exchange {
    name: string;
    vhost: string;
    type: string;
    durable: boolean;
    auto_delete: boolean;
    internal: boolean;
    arguments: Record<string, unknown>;
    policy?: string;
    messages_delayed?: number;
    message_stats?: Rated<'publish_in' | 'publish_out'>;
    incoming?: { channel_details: ChannelRef; stats: Rated<'publish' | 'confirm' | 'return_unroutable' | 'drop_unroutable'> }[];
}

export interface Binding {
    source: string;
    vhost: string;
    destination: string;
    destination_type: 'queue' | 'exchange';
    routing_key: string;
    arguments: Record<string, unknown>;
    properties_key: string;
}

export interface Argument {
    name: string;
    label: string;
    hint?: string;
    type: 'string' | 'number' | 'exchange' | 'type';
    choices?: string[];
    isNeeded?: boolean;
}

/* The argument that every exchange takes. */
export const alternateArgument: Argument = {
    name: 'alternate-exchange', label: 'Alternate exchange', type: 'exchange', hint: 'Gets the messages that match no binding. Without one they are dropped, or returned.',
};

const cacheArguments: Argument[] = [
    { name: 'x-cache-size', label: 'Values remembered', type: 'number', isNeeded: true, hint: 'The oldest is forgotten first.' },
    { name: 'x-cache-ttl', label: 'Remembered for (ms)', type: 'number', hint: 'For ever, if it is left out.' },
    { name: 'x-deduplication-header', label: 'Header with the value', type: 'string', hint: 'x-deduplication-header, if it is left out.' },
    { name: 'x-cache-persistence', label: 'Where they are remembered', type: 'string', choices: ['disk', 'memory'] },
];

const typeArguments: Record<string, Argument[]> = {
    'x-consistent-hash': [
        { name: 'hash-header', label: 'Header to hash', type: 'string', hint: 'In place of the routing key.' },
        { name: 'hash-property', label: 'Property to hash', type: 'string', choices: ['message_id', 'correlation_id', 'timestamp'], hint: 'In place of the routing key; not together with a header.' },
    ],
    'x-delayed-message': [{ name: 'x-delayed-type', label: 'Routes like', type: 'type', isNeeded: true, hint: 'Messages wait as long as their header x-delay says (milliseconds), and are then routed like this.' }],
    'x-recent-history': [{ name: 'x-recent-history-length', label: 'Messages kept', type: 'number', hint: '20, if it is left out.' }],
    'x-message-deduplication': cacheArguments,
};

export function argumentsOf(type: string): Argument[] {
    return typeArguments[type] ?? [];
}

/* How an exchange routes: the type, but of one that delays the type behind it. */
export function routingType(exchange: Pick<Exchange, 'type' | 'arguments'>): string {
    const behind = exchange.arguments['x-delayed-type'];
    return exchange.type === 'x-delayed-message' && typeof behind === 'string' ? behind : exchange.type;
}

/* What the key of a binding means, by the type that routes. */
const keyMeanings: Record<string, { label: string; hint: string }> = {
    direct: { label: 'Routing key', hint: 'Messages with exactly this key.' },
    topic: { label: 'Pattern', hint: 'Words between dots. * is one word, # any number of words: order.*.eu, order.#' },
    headers: { label: 'Routing key', hint: 'It is ignored: the arguments decide.' },
    'x-consistent-hash': { label: 'Weight', hint: 'A number: twice as much gets twice as many messages.' },
    'x-modulus-hash': { label: 'Routing key', hint: 'It is ignored. Two bindings with different keys get two shares.' },
};

export function keyMeaning(type: string): { label: string; hint: string } {
    return keyMeanings[type] ?? { label: 'Routing key', hint: 'This type of exchange ignores it.' };
}

/* The address's and the API's name of an exchange: the default exchange has none of its own. */
export function addressName(name: string): string {
    return name === '' ? 'amq.default' : name;
}

export function isPredeclared(name: string): boolean {
    return name === '' || name.startsWith('amq.');
}
