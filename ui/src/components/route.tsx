/* Where a message would go, as the API explains it: its steps, by the exchange at which each is taken. */
import { useState } from 'preact/hooks';

import { count } from '../lib/format';
import { Badge, Button, ExchangeLink, QueueLink } from './basics';
import './route.css';

export interface Step {
    result: 'reaches' | 'passes' | 'alternate' | 'stopped' | 'returned' | 'refused';
    path: string; /* the exchanges on the way, joined */
    destination: string;
    destination_kind: 'queue' | 'exchange' | '';
    routing_key: string;
    arguments: Record<string, unknown>;
    why: string;
}

export interface Explanation { routed: boolean; queues: number; steps: Step[] }

const results: Record<Step['result'], [string, 'good' | 'info' | 'plain' | 'warn' | 'bad']> = {
    reaches: ['reaches', 'good'],
    passes: ['passes on', 'info'],
    alternate: ['alternate', 'warn'],
    stopped: ['no match', 'plain'],
    returned: ['returned', 'bad'],
    refused: ['refused', 'bad'],
};

const SHOWN = 100;

/* The key and the arguments of the binding, and why it took the message or did not. */
function Why({ of }: { of: Step }) {
    const isBinding = of.destination_kind !== '' && of.result !== 'alternate';
    const args = Object.keys(of.arguments ?? {}).length > 0 ? JSON.stringify(of.arguments) : '';
    return (
        <p class="route-why small">
            {isBinding && <><code class="cut" title={of.routing_key}>{of.routing_key === '' ? '(no key)' : of.routing_key}</code>{args && <> <code class="cut" title={args}>{args}</code></>}: </>}
            <span class="muted">{of.why}</span>
        </p>
    );
}

function StepRow({ of, vhost, onShow }: { of: Step; vhost: string; onShow?: ((step: Step) => void) | undefined }) {
    const [word, kind] = results[of.result];
    return (
        <li class="route-step" data-result={of.result}>
            <Badge kind={kind}>{word}</Badge>
            {of.destination_kind === 'queue' && <QueueLink vhost={vhost} name={of.destination} />}
            {of.destination_kind === 'exchange' && <ExchangeLink vhost={vhost} name={of.destination} />}
            {of.destination_kind !== '' && onShow && <Button kind="quiet" icon="search" aria-label={`Show ${of.destination} on the map`} onClick={() => onShow(of)} />}
            <Why of={of} />
        </li>
    );
}

/* What an explanation says in a sentence. */
export function RouteSummary({ of: { steps, queues, routed } }: { of: Explanation }) {
    if (!routed) return <span><strong>It reaches no queue.</strong> It is returned to a publisher that asks for it (mandatory), and otherwise dropped.</span>;
    const stopped = steps.filter(({ result }) => result === 'stopped').length;
    return <span><strong>It reaches {count(queues, 'queue')}.</strong>{stopped > 0 && ` ${count(stopped, 'binding')} on its way ${stopped === 1 ? 'does' : 'do'} not match.`}</span>;
}

/* The steps in the order of the way; at each exchange those first that go on. `onShow` shows the end of a step elsewhere. */
export function RouteSteps({ vhost, steps, onShow }: { vhost: string; steps: Step[]; onShow?: (step: Step) => void }) {
    const [showsAll, setShowsAll] = useState(false);
    const paths = [...new Set(steps.map((step) => step.path))];
    const all = paths.flatMap((at) => {
        const here = steps.filter((step) => step.path === at);
        return [...here.filter(({ result }) => result !== 'stopped'), ...here.filter(({ result }) => result === 'stopped')];
    });
    const shown = showsAll ? all : all.slice(0, SHOWN);
    return (
        <div class="stack">
            {paths.map((at) => {
                const here = shown.filter((step) => step.path === at);
                return here.length > 0 && (
                    <section key={at} aria-label={`At ${at}`}>
                        <h3 class="route-at"><span class="cut" title={at}>At {at}</span></h3>
                        <ul class="route">{here.map((step, i) => <StepRow key={i} of={step} vhost={vhost} onShow={onShow} />)}</ul>
                    </section>
                );
            })}
            {all.length > shown.length && <div><Button onClick={() => setShowsAll(true)}>Show {count(all.length - shown.length, 'more binding')}</Button></div>}
        </div>
    );
}
