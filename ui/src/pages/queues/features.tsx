/* What is special about a queue, as badges of a few letters; the whole is in their titles. */
import { Badge } from '../../components/basics';
import { bytes, duration, momentOf, number } from '../../lib/format';
import type { Queue } from './types';

interface Feature { text: string; title: string }

const milliseconds = (value: unknown) => (typeof value === 'number' ? duration(value) : String(value));
const amount = (value: unknown) => (typeof value === 'number' ? number(value) : String(value));
const size = (value: unknown) => (typeof value === 'number' ? bytes(value) : String(value));

/* What a setting says: without `x-` as in policies. */
type Told = [string, (value: unknown, all: Record<string, unknown>) => string];

const told: Record<string, Told> = {
    'message-ttl': ['TTL', (v) => `Messages expire after ${milliseconds(v)}`],
    expires: ['Exp', (v) => `The queue is deleted when it has not been used for ${milliseconds(v)}`],
    'max-length': ['Lim', (v, all) => `At most ${amount(v)} ready messages (${String(all['overflow'] ?? 'drop-head')})`],
    'max-length-bytes': ['Lim B', (v, all) => `At most ${size(v)} of ready messages (${String(all['overflow'] ?? 'drop-head')})`],
    'max-priority': ['Pri', (v) => `Priorities from 0 to ${amount(v)}`],
    'dead-letter-exchange': ['DLX', (v) => `Dead letters go to the exchange ${v === '' ? '(default)' : String(v)}`],
    'dead-letter-routing-key': ['DLK', (v) => `Dead letters get the routing key ${String(v)}`],
    'delivery-limit': ['DelLim', (v) => `A message is given up after ${amount(v)} returns`],
    'single-active-consumer': ['SAC', () => 'One consumer at a time gets the messages'],
    'consumer-timeout': ['CTO', (v) => `A consumer may hold a delivery for ${milliseconds(v)}`],
    'last-value-key': ['LVK', (v) => `Of the messages with the same header ${String(v)} only the newest is kept`],
    'message-deduplication': ['Dedup', () => 'Duplicates are dropped'],
};

const untold = ['queue-type', 'overflow', 'queue-mode', 'queue-version', 'dead-letter-strategy', 'cache-size', 'cache-ttl', 'cache-persistence', 'deduplication-header'];

/* The features of a queue, from its flags, its arguments and the policies in force. */
export function featuresOf(queue: Pick<Queue, 'durable' | 'auto_delete' | 'exclusive' | 'arguments' | 'effective_policy_definition'>): Feature[] {
    const ofPolicy = queue.effective_policy_definition ?? {};
    const settings: Record<string, unknown> = { ...ofPolicy };
    for (const [name, value] of Object.entries(queue.arguments ?? {})) settings[name.replace(/^x-/, '')] = value;
    const features: Feature[] = [];
    if (queue.durable) features.push({ text: 'D', title: 'Durable: it is there again after a restart' });
    else features.push({ text: 'Trans', title: 'Transient: it is gone after a restart' });
    if (queue.auto_delete) features.push({ text: 'AD', title: 'Auto-delete: it is deleted when its last consumer ends' });
    if (queue.exclusive) features.push({ text: 'Excl', title: 'Exclusive: only the connection that declared it may use it, and it ends with that' });
    for (const [name, [text, title]] of Object.entries(told)) {
        if (!(name in settings) || (name === 'single-active-consumer' && settings[name] !== true)) continue;
        features.push({ text, title: `${title(settings[name], settings)}${name in ofPolicy && !(`x-${name}` in (queue.arguments ?? {})) ? ', by a policy' : ''}` });
    }
    const others = Object.keys(queue.arguments ?? {}).filter((name) => !(name.replace(/^x-/, '') in told) && !untold.includes(name.replace(/^x-/, '')));
    if (others.length > 0) features.push({ text: 'Args', title: others.map((name) => `${name}: ${JSON.stringify(queue.arguments[name])}`).join('\n') });
    return features;
}

/* At most `max` of them, and how many there are besides. `hasType`: the type is among them, unless it is the usual one. */
export function Features({ queue, max = Infinity, hasType = false }: { queue: Queue; max?: number; hasType?: boolean }) {
    const all = featuresOf(queue);
    if (hasType && queue.type !== 'classic') all.unshift({ text: queue.type, title: 'The type of the queue' });
    const shown = all.length > max ? all.slice(0, max - 1) : all;
    const rest = all.slice(shown.length);
    return (
        <span class="badges">
            {shown.map(({ text, title }) => <Badge key={text} title={title}>{text}</Badge>)}
            {rest.length > 0 && <Badge title={rest.map(({ text, title }) => `${text}: ${title}`).join('\n')}>+{rest.length}</Badge>}
        </span>
    );
}

export function State({ queue }: { queue: Pick<Queue, 'state' | 'idle_since'> }) {
    if (queue.state === 'recovering') return <Badge kind="warn" title="Its messages are still being read from the disk">recovering</Badge>;
    if (queue.state !== 'running') return <Badge kind="bad">{queue.state}</Badge>;
    return queue.idle_since
        ? <Badge title={`Nothing has happened since ${momentOf(queue.idle_since)}`}>idle</Badge>
        : <Badge kind="good">running</Badge>;
}
