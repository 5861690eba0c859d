/* Following messages: a trace is started, and those that there are. */
import { useEffect, useId, useState } from 'preact/hooks';

import { Button, Empty, Name, PageHead, Panel, Segmented, Waiting } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { Field, Form, Select, TextInput } from '../../components/form';
import { DataTable, type Column } from '../../components/list';
import { api, path, withParameters } from '../../lib/api';
import { bytes, count, duration, moment, number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate, setQuery, useRoute } from '../../lib/router';
import { useVhost } from '../../lib/vhost';
import { traceTitle, TraceState, type Trace } from './shared';
import '../../style/life.css';

const SUGGESTED = 50;
const TYPING_MS = 200;

type Kind = Trace['kind'];

/* Names that begin a choice: those of the vhost that contain what is typed. */
function useNames(vhost: string, kind: Kind, typed: string): string[] {
    const [names, setNames] = useState<string[]>([]);
    useEffect(() => {
        const stop = new AbortController();
        const list = kind === 'queue' ? path`/queues/${vhost}` : path`/exchanges/${vhost}`;
        const asked = withParameters(list, { page: 1, page_size: SUGGESTED, name: typed, columns: 'name' });
        const timer = window.setTimeout(() => {
            api.get<{ items: { name: string }[] }>(asked, stop.signal)
                .then(({ items }) => setNames(items.map(({ name }) => name || 'amq.default')), () => undefined);
        }, TYPING_MS);
        return () => { stop.abort(); window.clearTimeout(timer); };
    }, [vhost, kind, typed]);
    return names;
}

const periods = [['10', '10 seconds'], ['30', '30 seconds'], ['60', '1 minute'], ['300', '5 minutes'], ['600', '10 minutes']] as const;
const payloads = [['0', 'nothing'], ['64', 'the first 64 bytes'], ['1024', 'the first KiB'], ['4096', 'the first 4 KiB']] as const;

/* What a field says, as a number from 1 on; undefined: it is none. */
function amount(text: string, most: number): number | undefined {
    const n = Number(text);
    return Number.isInteger(n) && n >= 1 && n <= most ? n : undefined;
}

function StartForm({ vhosts }: { vhosts: string[] }) {
    const { query } = useRoute();
    const picked = useVhost();
    const vhost = query.get('vhost') ?? (picked || (vhosts.includes('/') ? '/' : vhosts[0] ?? '/'));
    const kind: Kind = query.get('kind') === 'exchange' ? 'exchange' : 'queue';
    const name = query.get('name') ?? '';
    const names = useNames(vhost, kind, name);
    const listId = useId();
    const [seconds, setSeconds] = useState('60');
    const [pattern, setPattern] = useState('');
    const [oneIn, setOneIn] = useState('1');
    const [messages, setMessages] = useState('1000');
    const [payload, setPayload] = useState('0');
    const isReady = name !== '' && amount(oneIn, 1e6) !== undefined && amount(messages, 10000) !== undefined;
    const start = async () => {
        const trace = await api.post<Trace>('/message-traces', {
            vhost, kind, name, seconds: Number(seconds), routing_key: pattern, one_in: Number(oneIn), messages: Number(messages),
            payload_bytes: Number(payload),
        });
        navigate(href(['life', String(trace.id)]));
    };
    return (
        <Form verb="Follow messages" onSend={start} isReady={isReady}>
            <div class="life-fields">
                <Field label="Virtual host"><Select value={vhost} choices={vhosts.includes(vhost) ? vhosts : [vhost, ...vhosts]} onChange={(to) => setQuery({ vhost: to })} /></Field>
                <div class="field">
                    <span class="label">Messages of</span>
                    <Segmented label="Messages of" value={kind} choices={[['queue', 'a queue'], ['exchange', 'an exchange']]} onChange={(to) => setQuery({ kind: to, name: null })} />
                </div>
                <Field label={kind === 'queue' ? 'Queue' : 'Exchange'} hint={kind === 'queue' ? 'What is routed to it, and what it holds already.' : 'What is published to it.'}>
                    <TextInput value={name} list={listId} required placeholder={kind === 'queue' ? 'orders' : 'amq.topic'} onChange={(to) => setQuery({ name: to })} />
                    <datalist id={listId}>{names.map((one) => <option key={one} value={one} />)}</datalist>
                </Field>
                <Field label="For"><Select value={seconds} choices={periods} onChange={setSeconds} /></Field>
            </div>
            <details class="life-more">
                <summary>Fewer messages, or their payloads</summary>
                <div class="life-fields">
                    <Field label="Routing key matches" hint="A regular expression; empty: any.">
                        <TextInput value={pattern} placeholder="^order\." onChange={setPattern} />
                    </Field>
                    <Field label="One message in" wrong={amount(oneIn, 1e6) === undefined ? 'From 1 to 1,000,000.' : undefined}>
                        <TextInput type="number" min={1} value={oneIn} onChange={setOneIn} />
                    </Field>
                    <Field label="At most" hint="messages" wrong={amount(messages, 10000) === undefined ? 'From 1 to 10,000.' : undefined}>
                        <TextInput type="number" min={1} value={messages} onChange={setMessages} />
                    </Field>
                    <Field label="Keep of each payload" hint="Needs read permission.">
                        <Select value={payload} choices={payloads} onChange={setPayload} />
                    </Field>
                </div>
            </details>
        </Form>
    );
}

export function askToForget(trace: Trace, then: () => void): void {
    confirm({
        title: `Forget the trace of ${traceTitle(trace)}?`,
        text: `${count(trace.followed, 'message')} that it has followed, with ${count(trace.records, 'event')}, can no longer be looked at.${trace.state === 'running' ? ' It is running, and ends.' : ''}`,
        verb: 'Forget',
        act: () => api.delete(path`/message-traces/${trace.id}`),
        done: 'The trace is forgotten.',
        then,
    });
}

function columnsOf(reload: () => void): Column<Trace>[] {
    return [
        { id: 'what', title: 'What', isName: true, cell: (t) => <Name text={traceTitle(t)} to={href(['life', String(t.id)])} /> },
        { id: 'vhost', title: 'Virtual host', cell: (t) => <Name text={t.vhost} /> },
        { id: 'state', title: 'State', cell: (t) => <span class="row"><TraceState trace={t} />{t.state === 'running' && <span class="muted nowrap">{duration(Math.ceil(t.left_ms / 1000) * 1000)} left</span>}</span> },
        { id: 'followed', title: 'Messages', isNumber: true, cell: (t) => number(t.followed) },
        { id: 'records', title: 'Events', isNumber: true, cell: (t) => number(t.records) },
        { id: 'memory', title: 'Memory', isNumber: true, cell: (t) => bytes(t.memory) },
        { id: 'user', title: 'Started by', cell: (t) => <Name text={t.user} /> },
        { id: 'started', title: 'Started', isWide: true, cell: (t) => <span class="nowrap">{moment(t.started_at)}</span> },
        { id: 'actions', title: 'Actions', isAction: true, cell: (t) => <Button kind="quiet" icon="close" aria-label={`Forget the trace of ${traceTitle(t)}`} title="Forget" onClick={() => askToForget(t, reload)} /> },
    ];
}

export default function LifePage() {
    const vhosts = useResource<{ name: string }[]>('/vhosts?columns=name', { every: 0 });
    const traces = useResource<Trace[]>('/message-traces', { every: 2 });
    return (
        <>
            <PageHead title="Life of a message" />
            <Panel title="Follow single messages">
                <p class="muted life-intro">
                    Who publishes them, where they are routed, who gets them, what becomes of them, and when. It ends by itself, in
                    bounded memory; what is not followed costs nothing.
                </p>
                {vhosts.data ? <StartForm vhosts={vhosts.data.map(({ name }) => name)} /> : <Waiting for={vhosts} what="list of virtual hosts" />}
            </Panel>
            <Panel title="Traces" flush>
                {!traces.data
                    ? <Waiting for={traces} what="list of traces" />
                    : traces.data.length === 0
                        ? <Empty title="Nothing is followed">Choose a queue or an exchange above. What a trace has seen stays here after its end, until it is forgotten or the broker stops.</Empty>
                        : <DataTable label="traces" rows={traces.data} columns={columnsOf(traces.reload)} rowKey={(t) => String(t.id)} />}
            </Panel>
        </>
    );
}
