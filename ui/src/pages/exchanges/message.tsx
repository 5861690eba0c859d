/* A message to an exchange: where it would go, and sending it. */
import { useEffect, useRef, useState } from 'preact/hooks';

import { Button, Notice, Panel, Refusal } from '../../components/basics';
import { Field, TextInput, valuesOf } from '../../components/form';
import { emptyDraft, HeaderFields, PayloadFields, publish, type Draft } from '../../components/publish';
import { RouteSummary, RouteSteps, type Explanation } from '../../components/route';
import { api, path } from '../../lib/api';
import { exchangeName, timeOfDay } from '../../lib/format';
import { href, setQuery, useRoute } from '../../lib/router';
import { addressName, type Exchange } from './types';

function Route({ of, vhost, exchange, routingKey }: { of: Explanation; vhost: string; exchange: string; routingKey: string }) {
    return (
        <div class="stack">
            <p role="status"><RouteSummary of={of} /> <a href={href(['map', vhost], { exchange: addressName(exchange), key: routingKey })}>See it on the map</a></p>
            <RouteSteps vhost={vhost} steps={of.steps} />
        </div>
    );
}

/* --- the message ------------------------------------------------------------------------------- */

type Answer = { kind: 'route'; route: Explanation; key: string } | { kind: 'sent'; isRouted: boolean; at: number };

/* The panel. The key is in the address (`key`), so that a question can be shared. */
export function MessagePanel({ of }: { of: Exchange }) {
    const asked = useRoute().query.get('key');
    const [key, setKey] = useState(asked ?? '');
    const [draft, setDraft] = useState(emptyDraft);
    const [answer, setAnswer] = useState<Answer | null>(null);
    const [error, setError] = useState<unknown>();
    const [isAsking, setAsking] = useState(false);
    const change = (part: Partial<Draft>) => setDraft((old) => ({ ...old, ...part }));
    const target = path`/exchanges/${of.vhost}/${addressName(of.name)}`;

    const last = useRef(0); /* an answer is shown unless something else was asked since */
    const run = async (what: () => Promise<Answer>) => {
        const own = ++last.current;
        const show = (found: Answer | null, failure?: unknown) => {
            if (own !== last.current) return;
            setAnswer(found);
            setError(failure);
            setAsking(false);
        };
        setAsking(true);
        setError(undefined);
        await what().then(show, (failure: unknown) => show(null, failure));
    };
    const explain = (asks: string) => run(async () => {
        const route = await api.post<Explanation>(`${target}/explain`, { routing_key: asks, headers: valuesOf(draft.headers) });
        return { kind: 'route', route, key: asks };
    });
    const send = () => run(async () => ({ kind: 'sent', isRouted: await publish(of.vhost, of.name, key, draft), at: Date.now() }));
    useEffect(() => {
        if (asked === null) return;
        setKey(asked);
        void explain(asked);
    }, [asked]);
    const ask = (event: Event) => {
        event.preventDefault();
        if (key === (asked ?? '')) void explain(key);
        else setQuery({ key });
    };

    return (
        <Panel title="A message: where would it go?">
            <div class="columns">
                <form class="form" onSubmit={ask}>
                    <Field label="Routing key"><TextInput value={key} onChange={setKey} /></Field>
                    <HeaderFields draft={draft} change={change} />
                    <details class="more">
                        <summary>Properties and payload</summary>
                        <div class="stack"><PayloadFields draft={draft} change={change} /></div>
                    </details>
                    <div class="row">
                        <Button type="submit" kind="primary" aria-disabled={isAsking}>Where would it go?</Button>
                        <Button disabled={of.internal} aria-disabled={isAsking} title={of.internal ? 'The exchange is internal: no client may publish to it' : 'Publish it for real'} onClick={() => { if (!isAsking) void send(); }}>Publish it</Button>
                    </div>
                </form>
                <div>
                    <Refusal error={error} />
                    {answer?.kind === 'route' && <Route of={answer.route} vhost={of.vhost} exchange={of.name} routingKey={answer.key} />}
                    {answer?.kind === 'sent' && (answer.isRouted
                        ? <Notice kind="good">Published at {timeOfDay(answer.at)}: at least one queue has it.</Notice>
                        : <Notice kind="warn">Published at {timeOfDay(answer.at)}, but no queue took it: it is lost. Ask where it would go to see why.</Notice>)}
                    {!answer && !error && <p class="muted">Nothing is published by asking. The answer lists what is bound to {exchangeName(of.name)}, what of it the message would reach, and why the rest does not match.</p>}
                </div>
            </div>
        </Panel>
    );
}
