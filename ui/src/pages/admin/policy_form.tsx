/* A policy as a form, with what it would apply to beside it. */
import { useEffect, useState } from 'preact/hooks';

import { Badge, Button, Empty, ExchangeLink, Panel, QueueLink, Refusal } from '../../components/basics';
import { Field, Form, Select, TextInput } from '../../components/form';
import { api, path } from '../../lib/api';
import { count, number } from '../../lib/format';
import { INTEGER, integerOf, parseJson } from '../../lib/json';
import { may } from '../../lib/session';
import { ChoiceField, useVhostChoice } from './parts';
import { applyTo, policyKeys, readableValue, type PolicyKey } from './policy_keys';

export type Kind = 'policies' | 'operator-policies';

export interface Policy {
    vhost: string;
    name: string;
    pattern: string;
    'apply-to': string;
    priority: number;
    definition: Record<string, unknown>;
}

/* --- the definition ----------------------------------------------------------------------------- */

interface Entry { name: string; text: string }

function entriesOf(definition: Record<string, unknown>): Entry[] {
    return Object.entries(definition).map(([name, value]) => ({ name, text: typeof value === 'string' ? value : JSON.stringify(value) }));
}

/* What a text means as the value of a key. A key that is not in the table takes JSON, or else text. */
function valueOf({ name, text }: Entry): unknown {
    const key = policyKeys.find((one) => one.name === name);
    if (key?.kind === 'text' || key?.kind === 'choice') return text;
    if (key && INTEGER.test(text)) return integerOf(text);
    if (key) return text.trim() === '' || Number.isNaN(Number(text)) ? text : Number(text);
    try {
        return parseJson(text);
    } catch {
        return text;
    }
}

export function definitionOf(entries: Entry[]): Record<string, unknown> {
    return Object.fromEntries(entries.filter(({ name }) => name !== '').map((entry) => [entry.name, valueOf(entry)]));
}

/* A key whose value is still to be typed is left out of the preview. */
function isComplete({ name, text }: Entry): boolean {
    return text !== '' || policyKeys.some((key) => key.name === name && key.kind === 'text');
}

function readable(key: PolicyKey, text: string): string {
    const isMeasured = (key.kind === 'ms' || key.kind === 'bytes') && text !== '' && !Number.isNaN(Number(text));
    return isMeasured ? ` It is ${readableValue(key.name, Number(text))}.` : '';
}

function KeyRow({ entry, onChange, onRemove }: { entry: Entry; onChange: (entry: Entry) => void; onRemove: () => void }) {
    const key = policyKeys.find((one) => one.name === entry.name);
    const change = (text: string) => onChange({ ...entry, text });
    return (
        <div class="key-row">
            {key ? <code>{key.name}</code> : <TextInput label="Name of a key" placeholder="key" value={entry.name} onChange={(name) => onChange({ ...entry, name })} />}
            {key?.kind === 'choice'
                ? <Select label={`Value of ${key.name}`} value={entry.text} choices={key.choices ?? []} onChange={change} />
                : <TextInput label={`Value of ${entry.name || 'the key'}`} type={key && key.kind !== 'text' ? 'number' : 'text'} min={0} value={entry.text} placeholder={key?.kind === 'ms' ? 'milliseconds' : key?.kind === 'bytes' ? 'bytes' : key ? '' : 'value, as JSON or text'} onChange={change} />}
            <Button kind="quiet" icon="close" aria-label={`Remove ${entry.name || 'the key'}`} onClick={onRemove} />
            <span class="hint">{key ? <>{key.means}{key.isForQuorum && ' Quorum queues only: with it the policy does not apply to classic ones.'}{readable(key, entry.text)}</> : 'A key that the broker checks, and may do nothing with.'}</span>
        </div>
    );
}

function Definition({ entries, kind, onChange }: { entries: Entry[]; kind: Kind; onChange: (entries: Entry[]) => void }) {
    const free = policyKeys.filter((key) => (kind === 'policies' || key.isForOperators) && !entries.some(({ name }) => name === key.name));
    const add = (name: string) => {
        const key = policyKeys.find((one) => one.name === name);
        onChange([...entries, { name: key?.name ?? '', text: key?.choices?.[0] ?? '' }]);
    };
    return (
        <fieldset class="key-rows">
            <legend>Definition</legend>
            {entries.map((entry, i) => (
                <KeyRow key={i} entry={entry} onChange={(next) => onChange(entries.map((one, at) => (at === i ? next : one)))} onRemove={() => onChange(entries.filter((_, at) => at !== i))} />
            ))}
            <div><Select label="Add a key" value="" choices={[['', 'Add a key …'] as const, ...free.map(({ name, means }) => [name, `${name}: ${means}`] as const), ['other', 'another key'] as const]} onChange={(name) => name !== '' && add(name)} /></div>
        </fieldset>
    );
}

/* --- what it would apply to --------------------------------------------------------------------- */

interface Counts { in_force: number; hidden: number; unsupported: number; lost: number }
interface Item { kind: 'queue' | 'exchange'; type: string; name: string; effect: keyof Counts; other?: { name: string; priority: number } }
interface Previewed { queues: Counts; exchanges: Counts; items: Item[] }

const PREVIEW_MS = 300;

/* Asks what the policy would apply to, once typing pauses. What was shown stays until then. */
function usePreview(kind: Kind, policy: Policy): { data?: Previewed; error?: unknown } {
    const [answer, setAnswer] = useState<{ data?: Previewed; error?: unknown }>({});
    const body = JSON.stringify({ name: policy.name, pattern: policy.pattern, 'apply-to': policy['apply-to'], priority: policy.priority, definition: policy.definition });
    const { vhost } = policy;
    useEffect(() => {
        if (vhost === '') return;
        let isWanted = true;
        const to = kind === 'policies' ? path`/policy-preview/${vhost}` : path`/operator-policy-preview/${vhost}`;
        const timer = window.setTimeout(() => api.post<Previewed>(to, JSON.parse(body)).then(
            (data) => isWanted && setAnswer({ data }),
            (error: unknown) => isWanted && setAnswer({ error }),
        ), PREVIEW_MS);
        return () => {
            isWanted = false;
            window.clearTimeout(timer);
        };
    }, [kind, vhost, body]);
    return answer;
}

function EffectBadge({ item }: { item: Item }) {
    const other = item.other && <span class="muted small">{item.effect === 'hidden' ? 'by' : item.effect === 'lost' ? 'then' : 'in place of'} {item.other.name} <span class="nowrap">(priority {item.other.priority})</span></span>;
    if (item.effect === 'in_force') return <>{<Badge kind="good">✓ applies</Badge>} {other}</>;
    if (item.effect === 'hidden') return <>{<Badge kind="warn">hidden</Badge>} {other}</>;
    if (item.effect === 'lost') return <>{<Badge kind="bad">no longer</Badge>} {other}</>;
    return <Badge kind="warn" title="A key of the definition is not for this type of queue">key not supported</Badge>;
}

function counted({ in_force, hidden, unsupported, lost }: Counts): number {
    return in_force + hidden + unsupported + lost;
}

function Summary({ of, noun }: { of: Counts; noun: string }) {
    const parts: [number, string][] = [[of.in_force, 'get it'], [of.hidden, 'have one of higher priority'], [of.unsupported, 'do not support a key'], [of.lost, 'lose it']];
    const total = of.in_force + of.hidden + of.unsupported;
    return (
        <p class="counts">
            <strong>{count(total, noun)} {total === 1 ? 'matches' : 'match'}</strong>
            {parts.filter(([n]) => n > 0).map(([n, text]) => <span key={text}>{number(n)} {text}</span>)}
        </p>
    );
}

export function Preview({ kind, policy }: { kind: Kind; policy: Policy }) {
    const { data, error } = usePreview(kind, policy);
    const all = data && counted(data.queues) + counted(data.exchanges);
    return (
        <Panel title="What it matches">
            <div class="stack" aria-live="polite">
                {policy.vhost === '' && <p class="muted">Choose a virtual host.</p>}
                {policy.vhost !== '' && !data && error === undefined && <p class="muted">Looking …</p>}
                {error !== undefined && <Refusal error={error} />}
                {data && (all === 0
                    ? <Empty title="Nothing matches">It will apply to queues and exchanges that are declared later, if their names match.</Empty>
                    : <>
                        <div>{counted(data.queues) > 0 && <Summary of={data.queues} noun="queue" />}{counted(data.exchanges) > 0 && <Summary of={data.exchanges} noun="exchange" />}</div>
                        <div class="preview-list" tabIndex={0} role="region" aria-label="What the policy matches">
                            <table class="table"><thead class="sr-only"><tr><th scope="col">Name</th><th scope="col">Effect</th></tr></thead><tbody>
                                {data.items.map((item) => (
                                    <tr key={`${item.kind} ${item.name}`}>
                                        <td class="name">{item.kind === 'queue' ? <QueueLink vhost={policy.vhost} name={item.name} /> : <ExchangeLink vhost={policy.vhost} name={item.name} />} <span class="muted small nowrap">{item.type} {item.kind}</span></td>
                                        <td><EffectBadge item={item} /></td>
                                    </tr>
                                ))}
                            </tbody></table>
                        </div>
                        {all !== undefined && all > data.items.length && <p class="muted small">The first {number(data.items.length)} are shown.</p>}
                    </>)}
            </div>
        </Panel>
    );
}

/* --- the form ----------------------------------------------------------------------------------- */

export function PolicyForm({ kind, policy, isNew, onKind, onDone }: {
    kind: Kind; policy: Policy; isNew: boolean; onKind?: (kind: Kind) => void; onDone: (policy: Policy) => void;
}) {
    const vhosts = useVhostChoice();
    const [edited, setEdited] = useState(policy);
    const [entries, setEntries] = useState(entriesOf(policy.definition));
    const set = (part: Partial<Policy>) => setEdited({ ...edited, ...part });
    const vhost = isNew ? vhosts.chosen : policy.vhost;
    const whole = { ...edited, vhost, definition: definitionOf(entries) };
    const send = async () => {
        const { vhost, name, ...body } = whole;
        await api.put(path`/` + kind + path`/${vhost}/${name}`, body);
        onDone(whole);
    };
    const mayOperate = may.administrate();
    return (
        <div class="split">
            <Panel title={isNew ? 'New policy' : 'Policy'}>
                <Form verb={isNew ? 'Set the policy' : 'Change the policy'} onSend={send} isReady={vhost !== '' && edited.name !== '' && entries.length > 0}>
                    {isNew && (
                        <>
                            {mayOperate && onKind && <Field label="Kind" hint={kind === 'policies' ? 'For users: it gives queues and exchanges settings.' : 'For operators: its limits lower those of policies and arguments.'}>
                                <Select value={kind} choices={[['policies', 'Policy'], ['operator-policies', 'Operator policy']]} onChange={(next) => onKind(next as Kind)} />
                            </Field>}
                            <div class="two">
                                <ChoiceField label="Virtual host" of={vhosts} />
                                <Field label="Name"><TextInput value={edited.name} onChange={(name) => set({ name })} /></Field>
                            </div>
                        </>
                    )}
                    <Field label="Pattern" hint="A regular expression; it matches anywhere in a name unless it is anchored with ^ and $."><TextInput value={edited.pattern} placeholder="^orders\." onChange={(pattern) => set({ pattern })} /></Field>
                    <div class="two">
                        <Field label="Applies to"><Select value={edited['apply-to']} choices={applyTo} onChange={(to) => set({ 'apply-to': to })} /></Field>
                        <Field label="Priority" hint="The highest that matches applies; they are not merged."><TextInput type="number" value={String(edited.priority)} onChange={(n) => set({ priority: Number(n) || 0 })} /></Field>
                    </div>
                    <Definition entries={entries} kind={kind} onChange={setEntries} />
                </Form>
            </Panel>
            <Preview kind={kind} policy={{ ...whole, definition: definitionOf(entries.filter(isComplete)) }} />
        </div>
    );
}
