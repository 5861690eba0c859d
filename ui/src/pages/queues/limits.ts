/* The limits of a queue's length. */
import { bytes, number } from '../../lib/format';
import type { Queue } from './types';

/* The limit in force: the smaller one of the argument and the policies. */
export function limitOf(queue: Queue, key: 'max-length' | 'max-length-bytes'): number | undefined {
    const values = [queue.arguments[`x-${key}`], queue.effective_policy_definition?.[key]].filter((v): v is number => typeof v === 'number');
    return values.length > 0 ? Math.min(...values) : undefined;
}

/* What becomes of messages for which there is no room. */
export function overflowOf(queue: Queue): string {
    return String(queue.arguments['x-overflow'] ?? queue.effective_policy_definition?.['overflow'] ?? 'drop-head');
}

/* Which limit the queue has reached, in words; '' if none. */
export function fullOf(queue: Queue): string {
    const length = limitOf(queue, 'max-length');
    const size = limitOf(queue, 'max-length-bytes');
    if (length !== undefined && (queue.messages_ready ?? 0) >= length) return `${number(length)} messages`;
    if (size !== undefined && (queue.message_bytes_ready ?? 0) >= size) return bytes(size);
    return '';
}
