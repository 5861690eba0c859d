/* What an import of definitions would create, change and leave. */
import { Badge, FoldedPanel, Notice } from '../../components/basics';
import { count, exchangeName, number } from '../../lib/format';

interface Item extends Record<string, unknown> { changes?: { field: string; old?: unknown; new?: unknown }[] }
interface Part { count: number; items: Item[] }
interface KindDifference { created: Part; changed: Part; same: number; kept: Part }
export interface Difference { kinds: Record<string, KindDifference>; notes: string[]; skipped: string[] }

const titles: Record<string, string> = {
    users: 'Users',
    vhosts: 'Virtual hosts',
    permissions: 'Permissions',
    topic_permissions: 'Topic permissions',
    parameters: 'Parameters',
    global_parameters: 'Global parameters',
    policies: 'Policies',
    queues: 'Queues',
    exchanges: 'Exchanges',
    bindings: 'Bindings',
};

function text(value: unknown): string {
    return typeof value === 'string' ? value : JSON.stringify(value);
}

/* What names a thing. */
function ItemName({ item }: { item: Item }) {
    const { vhost, name, user, exchange, component, source, destination, destination_type, routing_key } = item;
    const main = source !== undefined ? `${exchangeName(text(source))} → ${text(destination)}` : text(name ?? user);
    const more = [
        component !== undefined && text(component),
        exchange !== undefined && `at ${exchangeName(text(exchange))}`,
        destination_type === 'exchange' && 'an exchange',
        routing_key !== undefined && routing_key !== '' && `key ${text(routing_key)}`,
        vhost !== undefined && `in ${text(vhost)}`,
    ].filter(Boolean).join(', ');
    return <><strong class="pattern">{main}</strong> <span class="muted small pattern">{more}</span></>;
}

function Value({ value, isNew }: { value: unknown; isNew: boolean }) {
    const shown = <code>{value === '' ? '(empty)' : text(value)}</code>;
    return isNew ? <ins><span class="sr-only">new: </span>{shown}</ins> : <del><span class="sr-only">old: </span>{shown}</del>;
}

function sorted(items: Item[]): Item[] {
    return [...items].sort((a, b) => JSON.stringify(a).localeCompare(JSON.stringify(b)));
}

/* What stays: one line, that opens. */
function Kept({ part }: { part: Part }) {
    if (part.count === 0) return null;
    return (
        <details>
            <summary class="muted">{count(part.count, 'is', 'are')} not in the file, and {part.count === 1 ? 'stays' : 'stay'}</summary>
            <ul class="change-list dense">
                {sorted(part.items).map((item, i) => <li key={i}><ItemName item={item} /></li>)}
                {part.count > part.items.length && <li class="muted">and {number(part.count - part.items.length)} more</li>}
            </ul>
        </details>
    );
}

function Items({ title, kind, part }: { title: string; kind: 'good' | 'warn' | 'plain'; part: Part }) {
    if (part.count === 0) return null;
    return (
        <div>
            <h3><Badge kind={kind}>{number(part.count)}</Badge> {title}</h3>
            <ul class="change-list">
                {sorted(part.items).map((item, i) => (
                    <li key={i}>
                        <ItemName item={item} />
                        {item.changes?.map((change) => (
                            <div key={change.field}>
                                <span class="muted">{change.field}</span>{' '}
                                {'old' in change ? <><Value value={change.old} isNew={false} /> → <Value value={change.new} isNew /></> : <span>is set anew</span>}
                            </div>
                        ))}
                    </li>
                ))}
                {part.count > part.items.length && <li class="muted">and {number(part.count - part.items.length)} more</li>}
            </ul>
        </div>
    );
}

/* "2 new, 1 changed, 3 the same". */
function headOf({ created, changed, same, kept }: KindDifference): string {
    return [
        created.count > 0 && `${number(created.count)} new`,
        changed.count > 0 && `${number(changed.count)} changed`,
        same > 0 && `${number(same)} the same`,
        kept.count > 0 && `${number(kept.count)} not in the file`,
    ].filter(Boolean).join(', ');
}

/* How much would be changed. */
export function changesOf({ kinds }: Difference): number {
    return Object.values(kinds).reduce((n, { created, changed }) => n + created.count + changed.count, 0);
}

export function DifferenceView({ difference }: { difference: Difference }) {
    const isChanged = (kind: KindDifference) => kind.created.count + kind.changed.count > 0;
    const shown = Object.entries(difference.kinds).filter(([, kind]) => isChanged(kind));
    const others = Object.entries(difference.kinds).filter(([, kind]) => !isChanged(kind) && headOf(kind) !== '');
    const sum = (part: 'created' | 'changed' | 'kept') => Object.values(difference.kinds).reduce((n, kind) => n + kind[part].count, 0);
    return (
        <div class="stack">
            {changesOf(difference) === 0
                ? <Notice kind="good">Nothing would change: all that is in the file is there already.</Notice>
                : <Notice><span>An import would create <strong>{number(sum('created'))}</strong> and change <strong>{count(sum('changed'), 'thing')}</strong>. What is not in the file stays: {number(sum('kept'))}. Nothing is deleted.</span></Notice>}
            {difference.notes.map((note) => <Notice key={note} kind="warn">{note}</Notice>)}
            {difference.skipped.length > 0 && <Notice kind="warn"><ul class="plain-list">{difference.skipped.map((line) => <li key={line}>{line}</li>)}</ul></Notice>}
            {shown.map(([id, kind]) => (
                <FoldedPanel key={id} title={`${titles[id] ?? id}: ${headOf(kind)}`} open>
                    <div class="stack">
                        <Items title="would be created" kind="good" part={kind.created} />
                        <Items title="would be changed" kind="warn" part={kind.changed} />
                        <Kept part={kind.kept} />
                    </div>
                </FoldedPanel>
            ))}
            {others.length > 0 && (
                <FoldedPanel title={`Unchanged: ${others.map(([id]) => (titles[id] ?? id).toLowerCase()).join(', ')}`}>
                    <div class="stack">{others.map(([id, kind]) => <div key={id}><h3>{titles[id] ?? id}: {headOf(kind)}</h3><Kept part={kind.kept} /></div>)}</div>
                </FoldedPanel>
            )}
        </div>
    );
}
