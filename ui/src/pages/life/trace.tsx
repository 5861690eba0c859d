/* One trace: what it costs, and the messages that it has followed. */
import { useState } from 'preact/hooks';

import { Badge, Button, Empty, ExchangeLink, Meter, Name, Notice, PageHead, QueueLink, Refusal, Tile, Tiles, Waiting } from '../../components/basics';
import { ServerList, type Column } from '../../components/list';
import { api, path } from '../../lib/api';
import { bytes, count, duration, moment, number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate } from '../../lib/router';
import type { PageProps } from '../../lib/page';
import { micros, State, traceTitle, TraceState, type Trace, type TracedMessage } from './shared';
import { askToForget } from './start';
import '../../style/life.css';

const LIVE_SECONDS = 1;

function columnsOf(trace: Trace): Column<TracedMessage>[] {
    return [
        { id: 'number', title: 'Message', isName: true, sort: 'number', cell: (m) => <a href={href(['life', String(trace.id), String(m.number)])}>#{m.number}</a> },
        { id: 'started', title: 'Published', isWide: true, sort: 'started_at', fields: ['started_at', 'was_there', 'beginning_lost'], cell: (m) => (
            <span class="nowrap">{m.was_there ? <span class="muted">before</span> : m.beginning_lost ? <span class="muted">not known</span> : moment(m.started_at)}</span>
        ) },
        { id: 'exchange', title: 'Exchange', sort: 'exchange', isHidden: trace.kind === 'exchange', cell: (m) => <ExchangeLink vhost={trace.vhost} name={m.exchange} /> },
        { id: 'routing_key', title: 'Routing key', isWide: true, sort: 'routing_key', cell: (m) => <Name text={m.routing_key} /> },
        { id: 'user', title: 'User', sort: 'user', cell: (m) => <Name text={m.user} /> },
        { id: 'state', title: 'State', sort: 'state', fields: ['state', 'queued', 'redeliveries', 'dead_letters'], cell: (m) => (
            <span class="badges">
                <State state={m.state} />
                {m.dead_letters > 0 && m.state !== 'dead-lettered' && <Badge kind="warn">dead-lettered{m.dead_letters > 1 ? ` ${m.dead_letters}×` : ''}</Badge>}
                {m.redeliveries > 0 && <Badge kind="warn">redelivered{m.redeliveries > 1 ? ` ${m.redeliveries}×` : ''}</Badge>}
                {m.queued > 1 && <Badge>in {m.queued} queues</Badge>}
            </span>
        ) },
        { id: 'queue', title: 'Last queue', isWide: true, sort: 'queue', cell: (m) => m.queue ? <QueueLink vhost={trace.vhost} name={m.queue} /> : <span class="muted">–</span> },
        { id: 'payload_bytes', title: 'Size', isNumber: true, sort: 'payload_bytes', cell: (m) => bytes(m.payload_bytes) },
        { id: 'records', title: 'Events', isNumber: true, sort: 'records', isHidden: true, cell: (m) => number(m.records) },
        { id: 'run_us', title: 'Took', isNumber: true, sort: 'run_us', cell: (m) => micros(m.run_us) },
    ];
}

function Cost({ trace }: { trace: Trace }) {
    const total = trace.seconds * 1000;
    const part = trace.memory / trace.memory_limit;
    return (
        <Tiles>
            <Tile label={trace.state === 'running' ? 'Time left' : 'Ran for'} value={duration(Math.ceil((trace.state === 'running' ? trace.left_ms : trace.run_ms) / 1000) * 1000)}
                note={<><Meter part={Math.min(1, trace.run_ms / total)} />of {duration(total)}</>} />
            <Tile label="Seen" value={number(trace.seen)} note={trace.routing_key ? `${number(trace.matching)} with a matching key` : `messages of this ${trace.kind}`} />
            <Tile label="Followed" value={number(trace.followed)} note={`of at most ${number(trace.messages)}${trace.one_in > 1 ? `, one in ${number(trace.one_in)}` : ''}`} />
            <Tile label="Events" value={number(trace.records)} note={trace.overwritten > 0 ? `${number(trace.overwritten)} overwritten` : 'all kept'} />
            <Tile label="Memory" value={bytes(trace.memory)} note={<><Meter part={part} {...(part > 0.9 ? { level: 'warn' as const } : {})} />of {bytes(trace.memory_limit)}</>} />
        </Tiles>
    );
}

export default function TracePage({ params: [id = ''] }: PageProps) {
    const [isLive, setLive] = useState(true);
    const trace = useResource<Trace>(path`/message-traces/${id}`, { every: isLive ? LIVE_SECONDS : 0, keeps: true });
    const [error, setError] = useState<unknown>();
    const { data } = trace;
    if (!data || trace.error?.status === 404) return <Waiting for={trace} what="trace" />;
    if (data.state !== 'running' && isLive) setLive(false);
    const stop = () => api.post(path`/message-traces/${id}/stop`).then(() => { setError(undefined); trace.reload(); }, setError);
    return (
        <>
            <PageHead title={traceTitle(data)} crumbs={[['Life of a message', '#/life']]} badges={<TraceState trace={data} />}>
                {data.state === 'running' && <Button icon="pause" onClick={stop}>Stop</Button>}
                <Button kind="danger" onClick={() => askToForget(data, () => navigate('#/life'))}>Forget</Button>
                {data.state !== 'running' && <a class="button" data-kind="primary" href={href(['life'], { vhost: data.vhost, kind: data.kind, name: data.name || 'amq.default' })}>Follow again</a>}
            </PageHead>
            <Refusal error={error} />
            <Cost trace={data} />
            {data.followed === data.messages && data.state === 'running' && (
                <Notice>{count(data.followed, 'message')} {data.followed === 1 ? 'is' : 'are'} followed, as many as were asked for. They are followed until the trace ends; later ones are only counted.</Notice>
            )}
            {data.overwritten > 0 && (
                <Notice kind="warn">The memory is full, so {count(data.overwritten, 'event')} {data.overwritten === 1 ? 'was' : 'were'} overwritten by newer ones: the beginning of some messages is not known. Follow fewer messages.</Notice>
            )}
            <ServerList<TracedMessage> id="life" noun="messages" path={path`/message-traces/${id}/messages`} fields={['number']} columns={columnsOf(data)}
                rowKey={(m) => String(m.number)} initialSort="number" isInitiallyDown filterBy="key, user, queue or state"
                empty={<Empty title={data.state === 'running' ? 'Waiting for the first message' : 'No message came by'}>
                    {data.state === 'running' ? `What is published to this ${data.kind} now appears here.` : 'Follow again, for longer.'}
                </Empty>} />
        </>
    );
}
