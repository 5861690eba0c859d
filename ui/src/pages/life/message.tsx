/* The life of one message: what happened to it, one below the other, with times. */
import type { ComponentChildren } from 'preact';

import { Badge, Empty, ExchangeLink, Facts, Name, Notice, PageHead, Panel, QueueLink, Segmented, Table, Waiting } from '../../components/basics';
import { path } from '../../lib/api';
import { bytes, moment, number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, useQuery } from '../../lib/router';
import type { PageProps } from '../../lib/page';
import { kindOf, micros, State, traceTitle, Who, type Life, type LifeEvent, type Trace } from './shared';
import '../../style/life.css';

/* --- in words ------------------------------------------------------------------------------------- */

const reasons: Record<string, string> = {
    rejected: 'a consumer has rejected it',
    expired: 'its time was over',
    maxlen: 'the queue was full',
    delivery_limit: 'it was returned too often',
};

function reasonText(reason: string | undefined): string {
    return reason ? reasons[reason] ?? reason : 'no reason is known';
}

function Consumer({ event }: { event: LifeEvent }) {
    return <>{event.consumer_tag && <> by consumer <code class="cut" title={event.consumer_tag}>{event.consumer_tag}</code></>}</>;
}

/* A word for the event, and what it says besides. */
function describe(e: LifeEvent, vhost: string): [string, ComponentChildren] {
    const queue = e.queue ? <QueueLink vhost={vhost} name={e.queue} /> : null;
    const to = <><ExchangeLink vhost={vhost} name={e.exchange ?? ''} /> with the key <code class="cut" title={e.routing_key}>{e.routing_key || '(empty)'}</code></>;
    switch (e.event) {
    case 'published':
        if (e.was_there) return ['Was there before', <>It was published to {to} before the trace began.</>];
        return ['Published', <>to {to}{e.connection ? '' : ', by the broker itself'}</>];
    case 'routed': return ['Routed', <>to {queue}{(e.queues ?? 1) > 1 && <span class="muted"> (of {number(e.queues)} queues)</span>}</>];
    case 'unroutable': return ['Unroutable', e.returned ? 'No queue takes it, so it went back to its publisher.' : 'No queue takes it, so it is gone.'];
    case 'rolled-back': return ['Rolled back', 'The transaction ended without a commit, so no queue gets it.'];
    case 'queued': return ['Queued', <>in {queue}</>];
    case 'refused': return ['Refused', <>by {queue}, which is full or cannot store it</>];
    case 'duplicate': return ['Duplicate', <>{queue} has had a message with its value, so this one is dropped.</>];
    case 'confirmed': return ['Confirmed', 'to its publisher'];
    case 'nacked': return ['Nacked', 'The publisher was told that a queue has refused it.'];
    case 'delivered': return ['Delivered', <>from {queue}{e.consumer_tag && <> to consumer <code class="cut" title={e.consumer_tag}>{e.consumer_tag}</code></>}{e.no_ack && ', which does not acknowledge: it has left the queue'}</>];
    case 'got': return ['Fetched', <>from {queue}, by basic.get{e.no_ack && ', without acknowledgement: it has left the queue'}</>];
    case 'acked': return ['Acknowledged', <>in {queue}<Consumer event={e} /></>];
    case 'requeued': return ['Requeued', <>in {queue}<Consumer event={e} /></>];
    case 'rejected': return ['Rejected', <>in {queue}<Consumer event={e} /></>];
    case 'dead-lettered': return ['Dead-lettered', <>from {queue} to {to}: {reasonText(e.reason)}</>];
    case 'forwarded': return ['Forwarded', <>from {queue} to {to}</>];
    case 'dropped': return ['Dropped', <>by {queue}: {reasonText(e.reason)}, and it has no dead-letter exchange</>];
    case 'left': return ['Left', <>{queue}, which no longer holds it</>];
    case 'purged': return ['Purged', <>with {queue}</>];
    case 'queue-deleted': return ['Gone', <>with its queue <Name text={e.queue ?? ''} />, which was deleted</>];
    default: return [e.event, queue];
    }
}

/* --- the timeline --------------------------------------------------------------------------------- */

function Step({ event, before, vhost }: { event: LifeEvent; before: number | undefined; vhost: string }) {
    const [word, text] = describe(event, vhost);
    return (
        <li class="life-step" data-kind={kindOf(event.event)}>
            <span class="life-at" title={`${number(event.at_us)} µs after the first event`}>
                {event.at_us === 0 ? '0' : `+${micros(event.at_us)}`}
                {before !== undefined && event.at_us - before >= 1 && <span class="life-later">{micros(event.at_us - before)} later</span>}
            </span>
            <div class="life-what">
                <div><strong>{word}</strong> <span>{text}</span></div>
                {(event.connection || event.user || event.redelivered || event.position !== undefined) && (
                    <div class="life-who">
                        {event.connection && <Who connection={event.connection} channel={event.channel} />}
                        {event.user && <span>user <a href={href(['users', event.user])}>{event.user}</a></span>}
                        {event.redelivered && <Badge kind="warn">redelivered</Badge>}
                        {event.mandatory && <Badge title="The publisher wants it back if no queue takes it.">mandatory</Badge>}
                        {event.delivery_tag !== undefined && <span>delivery tag {number(event.delivery_tag)}</span>}
                        {event.position !== undefined && event.event === 'queued' && <span>position {number(event.position)}</span>}
                    </div>
                )}
            </div>
        </li>
    );
}

function Timeline({ events, vhost }: { events: LifeEvent[]; vhost: string }) {
    const queues = [...new Set(events.flatMap((e) => e.queue ?? []))];
    const [only, setOnly] = useQuery('queue', '');
    const shown = events.filter((e) => only === '' || !e.queue || e.queue === only);
    return (
        <Panel title="What happened" actions={queues.length > 1 && queues.length <= 6 && (
            <Segmented label="Queue" value={only} choices={[['', 'all'] as const, ...queues.map((q) => [q, q] as const)]} onChange={setOnly} />
        )}>
            <ol class="life-line">
                {shown.map((event, i) => <Step key={i} event={event} before={shown[i - 1]?.at_us} vhost={vhost} />)}
            </ol>
        </Panel>
    );
}

/* --- where it was, as bars ------------------------------------------------------------------------ */

interface Stay { from: number; to: number; isOut: boolean; isOpen: boolean }

/* The times that the message spent in each queue: waiting, or with a consumer. */
function staysOf(events: LifeEvent[]): Map<string, Stay[]> {
    const stays = new Map<string, Stay[]>();
    const end = events[events.length - 1]?.at_us ?? 0;
    const close = (queue: string, at: number) => {
        const open = stays.get(queue)?.find((stay) => stay.isOpen);
        if (!open) return;
        open.to = at;
        open.isOpen = false;
    };
    const open = (queue: string, at: number, isOut: boolean) => {
        close(queue, at);
        stays.set(queue, [...(stays.get(queue) ?? []), { from: at, to: end, isOut, isOpen: true }]);
    };
    for (const { event, queue, at_us: at, no_ack } of events) {
        if (!queue) continue;
        if (event === 'queued' || event === 'requeued') open(queue, at, false);
        else if (event === 'delivered' || event === 'got') { if (no_ack) close(queue, at); else open(queue, at, true); }
        else if (['acked', 'rejected', 'dropped', 'dead-lettered', 'left', 'purged', 'queue-deleted'].includes(event)) close(queue, at);
    }
    return stays;
}

function sum(stays: Stay[], isOut: boolean): number {
    return stays.filter((stay) => stay.isOut === isOut).reduce((all, { from, to }) => all + to - from, 0);
}

function Stays({ events, vhost }: { events: LifeEvent[]; vhost: string }) {
    const stays = [...staysOf(events)].slice(0, 20);
    const end = events[events.length - 1]?.at_us ?? 0;
    if (stays.length === 0 || end === 0) return null;
    return (
        <Panel title="Where it was">
            <div class="life-key" aria-hidden="true"><span data-out={false}>waiting</span><span data-out>with a consumer</span></div>
            <ul class="life-bars">
                {stays.map(([queue, all]) => (
                    <li key={queue}>
                        <QueueLink vhost={vhost} name={queue} />
                        <span class="life-bar" aria-hidden="true">
                            {all.map(({ from, to, isOut, isOpen }, i) => (
                                <span key={i} data-out={isOut} data-open={isOpen || undefined} style={{ left: `${(from / end) * 100}%`, width: `${Math.max(0.4, ((to - from) / end) * 100)}%` }} />
                            ))}
                        </span>
                        <span class="life-sums">
                            waited <b>{micros(sum(all, false))}</b>{all.some((stay) => stay.isOut) && <>, with consumers <b>{micros(sum(all, true))}</b></>}
                            {all.some((stay) => stay.isOpen) && <span class="muted"> so far</span>}
                        </span>
                    </li>
                ))}
            </ul>
        </Panel>
    );
}

/* --- the page ------------------------------------------------------------------------------------- */

function Payload({ life }: { life: Life }) {
    if (life.payload === undefined) return null;
    const all = life.message.payload_bytes;
    const isText = life.payload_encoding === 'string';
    return (
        <Panel title="Payload" actions={<span class="muted small">{bytes(all)}{isText ? '' : ', in base64'}</span>}>
            {life.payload === '' ? <span class="muted">It is empty.</span> : <pre class="life-payload">{life.payload}</pre>}
        </Panel>
    );
}

export default function MessagePage({ params: [id = '', n = ''] }: PageProps) {
    const trace = useResource<Trace>(path`/message-traces/${id}`, { every: 2, keeps: true });
    const isRunning = trace.data?.state === 'running';
    const life = useResource<Life>(path`/message-traces/${id}/messages/${n}`, { every: isRunning ? 1 : 0, keeps: true });
    if (!trace.data || trace.error?.status === 404) return <Waiting for={trace} what="trace" />;
    if (!life.data) return <Waiting for={life} what="message in this trace" />;
    const { message, properties, events, omitted_events: omitted = 0 } = life.data;
    const { vhost } = trace.data;
    return (
        <>
            <PageHead title={`Message #${n}`} badges={<State state={message.state} />}
                crumbs={[['Life of a message', '#/life'], [traceTitle(trace.data), href(['life', id])]]} />
            {message.beginning_lost && <Notice kind="warn">The beginning of its life was overwritten by newer events.</Notice>}
            {omitted > 0 && <Notice>It has very many events: {number(omitted)} in the middle are not shown.</Notice>}
            <div class="life-columns">
                <div class="stack">
                    {events.length === 0 ? <Empty title="Nothing is known of it" /> : <Timeline events={events} vhost={vhost} />}
                </div>
                <div class="stack">
                    <Panel title="Message">
                        <Facts rows={[
                            ['Published', message.was_there ? 'before the trace' : message.beginning_lost ? null : moment(message.started_at)],
                            ['Exchange', <ExchangeLink vhost={vhost} name={message.exchange} />],
                            ['Routing key', message.routing_key && <code>{message.routing_key}</code>],
                            ['Size', bytes(message.payload_bytes)],
                            ['Delivery mode', message.persistent ? 'persistent' : 'transient'],
                            ['Deliveries', message.redeliveries > 0 ? `${number(message.deliveries)}, of these ${number(message.redeliveries)} again` : number(message.deliveries)],
                            ['In queues now', number(message.queued)],
                            ['From first to last', micros(message.run_us)],
                        ]} />
                    </Panel>
                    <Stays events={events} vhost={vhost} />
                    {properties && <Panel title="Properties"><Table of={Array.isArray(properties) ? {} : properties} /></Panel>}
                    <Payload life={life.data} />
                </div>
            </div>
        </>
    );
}
