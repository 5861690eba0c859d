/* What may this user do here? The broker is asked itself, and says which pattern decides. */
import { Badge, Notice, Panel, Refusal } from '../../components/basics';
import { Field, Select, TextInput } from '../../components/form';
import { DataTable, type Column } from '../../components/list';
import { path, withParameters } from '../../lib/api';
import { useResource } from '../../lib/resource';
import { setQuery, useRoute } from '../../lib/router';
import { useVhost } from '../../lib/vhost';
import { Pattern, useVhostNames } from './parts';

interface Check { action: string; allowed: boolean; pattern?: string; reason: string }
interface Answer { vhost_exists: boolean; exists: boolean; asks_other_backends: boolean; checks: Check[] }

const words: Record<string, [string, string, string]> = {
    /* action: its name, and what it is for with a queue and with an exchange */
    vhost: ['Enter', 'connect to the virtual host', 'connect to the virtual host'],
    configure: ['Configure', 'declare and delete it', 'declare and delete it'],
    write: ['Write', 'bind it to exchanges', 'publish to it, bind it to other exchanges'],
    read: ['Read', 'consume, get, browse and purge', 'bind queues to it'],
    publish: ['Publish', '', 'with this routing key'],
    bind: ['Bind', '', 'with this routing key'],
};

function Answers({ answer, isQueue }: { answer: Answer; isQueue: boolean }) {
    const columns: Column<Check>[] = [
        { id: 'action', title: 'Action', isName: true, cell: ({ action }) => <span><strong>{words[action]?.[0] ?? action}</strong> <span class="muted small">{words[action]?.[isQueue ? 1 : 2]}</span></span> },
        { id: 'allowed', title: 'Allowed', isWide: true, cell: ({ allowed }) => (allowed ? <Badge kind="good">✓ yes</Badge> : <Badge kind="bad">✕ no</Badge>) },
        { id: 'why', title: 'Why', isWide: true, cell: ({ reason, pattern }) => <span class="pattern">{reason}{pattern && <>: <Pattern of={pattern} /></>}</span> },
    ];
    const noun = isQueue ? 'queue' : 'exchange';
    return (
        <div class="stack" aria-live="polite">
            <DataTable label="What the user may do" rows={answer.checks} rowKey={(one) => one.action} columns={columns} />
            {!answer.exists && <Notice>There is no such {noun} {answer.vhost_exists ? 'yet' : '; there is no such virtual host either'}. The answer holds for one of this name.</Notice>}
            {answer.asks_other_backends && <Notice kind="warn">This broker also asks other backends (auth_backends). They may decide otherwise.</Notice>}
        </div>
    );
}

export function AccessCheck({ user }: { user: string }) {
    const { query } = useRoute();
    const vhosts = useVhostNames();
    const top = useVhost();
    const vhost = query.get('in') ?? (vhosts.includes(top) ? top : vhosts[0] ?? '/');
    const isQueue = query.get('kind') !== 'exchange';
    const object = query.get('object') ?? '';
    const key = query.get('key') ?? '';
    const asked = object === '' ? null : withParameters(path`/users/${user}/access/${vhost}`,
        isQueue ? { queue: object } : { exchange: object, ...(query.has('key') ? { routing_key: key } : {}) });
    const { data, error } = useResource<Answer>(asked, { keeps: true });
    const known = vhosts.includes(vhost) ? vhosts : [...vhosts, vhost];
    return (
        <Panel title="What may this user do here?">
            <div class="stack">
                <form class="form inline" onSubmit={(event) => event.preventDefault()}>
                    <Field label="Virtual host"><Select value={vhost} choices={known} onChange={(next) => setQuery({ in: next })} /></Field>
                    <Field label="What"><Select value={isQueue ? 'queue' : 'exchange'} choices={['queue', 'exchange']} onChange={(kind) => setQuery({ kind, key: null })} /></Field>
                    <Field label="Name"><TextInput value={object} placeholder="reports.daily" onChange={(next) => setQuery({ object: next })} /></Field>
                    {!isQueue && <Field label="Routing key"><TextInput value={key} placeholder="any" onChange={(next) => setQuery({ key: next })} /></Field>}
                </form>
                {object === ''
                    ? <p class="muted">Type the name of a queue or an exchange. The broker decides as it would for a client, and says which pattern matched.</p>
                    : data ? <Answers answer={data} isQueue={isQueue} /> : <Refusal error={error} />}
            </div>
        </Panel>
    );
}
