/* Where would it go? A message is described, the way that it would take is shown, and it can be published. */
import { useEffect, useState } from 'preact/hooks';

import { Button, Notice, Refusal } from '../components/basics';
import { Field, Form, Pairs, pairsOf, TextInput, valuesOf, type Pair } from '../components/form';
import { emptyDraft, PayloadFields, publish } from '../components/publish';
import { RouteSummary, RouteSteps, type Explanation, type Step } from '../components/route';
import { exchangeName } from '../lib/format';
import { exchangeId, queueId } from './graph';
import type { Message } from './explanation';

/* --- publishing it --------------------------------------------------------------------------------- */

function Publish({ vhost, message }: { vhost: string; message: Message }) {
    const [draft, setDraft] = useState(emptyDraft);
    const [result, setResult] = useState<boolean | undefined>();
    const send = async () => {
        setResult(undefined);
        const headers = pairsOf({ ...message.headers, ...(message.cc.length > 0 ? { CC: message.cc } : {}) });
        setResult(await publish(vhost, message.exchange, message.key, { ...draft, headers }));
    };
    return (
        <details class="map-publish">
            <summary>Publish it for real</summary>
            <Form verb="Publish" onSend={send}>
                <PayloadFields draft={draft} change={(part) => setDraft((old) => ({ ...old, ...part }))} />
            </Form>
            {result === true && <Notice kind="good">Published: every queue that it was routed to has it.</Notice>}
            {result === false && <Notice kind="warn">Published, but no queue took it: it is gone.</Notice>}
        </details>
    );
}

/* --- all together ------------------------------------------------------------------------------------ */

export function ExplainPanel({ vhost, exchanges, message, answer, error, onAsk, onClose, onShow }: {
    vhost: string;
    exchanges: string[];
    message: Message;
    answer: Explanation | undefined;
    error: unknown;
    onAsk: (message: Message) => void;
    onClose: () => void;
    onShow: (id: string) => void;
}) {
    const [exchange, setExchange] = useState(message.exchange);
    const [key, setKey] = useState(message.key);
    const [headers, setHeaders] = useState<Pair[]>(pairsOf(message.headers));
    const [cc, setCc] = useState(message.cc);
    useEffect(() => {
        setExchange(message.exchange);
        setKey(message.key);
        setHeaders(pairsOf(message.headers));
        setCc(message.cc);
    }, [message]);
    const ask = async () => onAsk({ exchange, key, headers: valuesOf(headers), cc: cc.filter((one) => one !== '') });
    return (
        <section class="map-panel" aria-label="Where would it go?">
            <div class="panel-head"><h2 class="grow">Where would it go?</h2><Button kind="quiet" icon="close" aria-label="Close" onClick={onClose} /></div>
            <div class="panel-body stack">
                <Form verb="Show the way" onSend={ask} beside={<span class="muted small">Nothing is published.</span>}>
                    <Field label="Exchange">
                        <select class="input" value={exchange} onChange={(event) => setExchange(event.currentTarget.value)}>
                            {[...new Set([exchange, ...exchanges])].map((name) => <option key={name} value={name}>{exchangeName(name)}</option>)}
                        </select>
                    </Field>
                    <Field label="Routing key"><TextInput value={key} onChange={setKey} placeholder="order.created" /></Field>
                    <Pairs label="Headers" pairs={headers} onChange={setHeaders} add="Add a header" />
                    {cc.map((one, i) => (
                        <Field key={i} label={`Further routing key ${i + 1} (CC)`}><TextInput value={one} onChange={(value) => setCc(cc.map((old, at) => (at === i ? value : old)))} /></Field>
                    ))}
                    <div><Button kind="quiet" icon="plus" onClick={() => setCc([...cc, ''])}>Add a routing key (CC)</Button></div>
                </Form>
                <Refusal error={error} />
                {answer && (
                    <div class="stack" role="status">
                        <Notice kind={answer.routed ? 'good' : 'warn'}>
                            <RouteSummary of={answer} />
                        </Notice>
                    </div>
                )}
                {answer && <Publish vhost={vhost} message={message} />}
                {answer && (
                    <RouteSteps key={`${message.exchange}\n${message.key}`} vhost={vhost} steps={answer.steps}
                        onShow={({ destination, destination_kind: kind }: Step) => onShow(kind === 'queue' ? queueId(destination) : exchangeId(destination))} />
                )}
            </div>
        </section>
    );
}
