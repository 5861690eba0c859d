/* The bindings of an exchange: the picture, the table, binding and unbinding. */
import { useState } from 'preact/hooks';

import { Badge, Button, Empty, ExchangeLink, Notice, Panel, QueueLink, Segmented, Table } from '../../components/basics';
import { confirm, Dialog, toast } from '../../components/dialog';
import { Field, Form, Pairs, TextInput, valuesOf, type Pair } from '../../components/form';
import { ServerList, type Column } from '../../components/list';
import { NameInput } from '../../components/name_input';
import { api, path, withParameters } from '../../lib/api';
import { count, exchangeName, number } from '../../lib/format';
import { href, setQuery, useQuery } from '../../lib/router';
import { reloadAll, useResource } from '../../lib/resource';
import { endsOf, keyText, Picture, type End } from './picture';
import { addressName, keyMeaning, routingType, type Binding, type Exchange } from './types';

interface BindingPage { items: Binding[]; total_count: number }

const DRAWN_BINDINGS = 200;
const DRAWN_ENDS = 10;

/* The first bindings of one side of an exchange, and how many there are. */
function useBindings({ vhost, name }: Exchange, side: 'source' | 'destination') {
    return useResource<BindingPage>(withParameters(path`/exchanges/${vhost}/${addressName(name)}/bindings/${side}`, { page: 1, page_size: DRAWN_BINDINGS }), { keeps: true });
}

/* --- the picture ------------------------------------------------------------------------------- */

function withRest(ends: End[], bindings: BindingPage, side: 'source' | 'destination'): End[] {
    const drawn = bindings.items.filter((binding) => ends.some(({ kind, name }) => name === binding[side] && (side === 'source' || kind === binding.destination_type))).length;
    const rest = bindings.total_count - drawn;
    return rest > 0 ? [...ends, { kind: 'more', name: `and ${count(rest, 'more binding')}`, keys: [] }] : ends;
}

export function BindingPicture({ of, alternate, from, to }: { of: Exchange; alternate: string | undefined; from: BindingPage; to: BindingPage }) {
    const destinations = withRest(endsOf(from.items, 'destination', routingType(of), DRAWN_ENDS), from, 'destination');
    if (alternate) destinations.push({ kind: 'exchange', name: alternate, keys: ['nothing matches'], isAlternate: true });
    /* What an arrow from another exchange says depends on that one's type, which is not known here. */
    const sources = withRest(endsOf(to.items, 'source', 'topic', DRAWN_ENDS), to, 'source');
    if (destinations.length + sources.length === 0) return null;
    return <Picture vhost={of.vhost} name={of.name} sources={sources} destinations={destinations} bindings={from.total_count + to.total_count} />;
}

/* --- unbinding --------------------------------------------------------------------------------- */

function bindingPath(binding: Binding): string {
    const { vhost, source, destination, destination_type: kind, properties_key: key } = binding;
    return path`/bindings/${vhost}/e/${addressName(source)}/${kind === 'queue' ? 'q' : 'e'}/${kind === 'queue' ? destination : addressName(destination)}/${key}`;
}

function askToUnbind(binding: Binding, exchange: Exchange, isLast: boolean): void {
    const ends = exchange.auto_delete && isLast && binding.source === exchange.name;
    confirm({
        title: 'Remove this binding?',
        text: (
            <>
                <p>Messages that reach <strong>{exchangeName(binding.destination)}</strong> only by this binding (<code>{keyText(binding, routingType(exchange)) || 'every message'}</code>) no longer do: if nothing else takes them they are dropped, or returned. Those that are in queues already stay.</p>
                {ends && <Notice kind="warn">The exchange {exchange.name} is deleted with this binding: it is auto-delete, and this is its last.</Notice>}
            </>
        ),
        verb: 'Remove the binding',
        act: () => api.delete(bindingPath(binding)),
        done: 'The binding is removed.',
        then: reloadAll,
    });
}

/* --- binding ----------------------------------------------------------------------------------- */

type Direction = 'queue' | 'exchange' | 'from';

function headersHint(type: string): string | undefined {
    return type === 'headers' ? 'x-match is all (the default), any, all-with-x or any-with-x; the others are the headers that a message must have.' : undefined;
}

export function BindDialog({ exchange, onClose }: { exchange: Exchange; onClose: () => void }) {
    const [direction, setDirection] = useState<Direction>('queue');
    const [other, setOther] = useState('');
    const [key, setKey] = useState('');
    const [pairs, setPairs] = useState<Pair[]>(routingType(exchange) === 'headers' ? [{ name: 'x-match', value: 'all', type: 'string' }] : []);
    const meaning = direction === 'from' ? { label: 'Routing key', hint: 'What it means depends on the type of the other exchange.' } : keyMeaning(routingType(exchange));
    const send = async () => {
        const own = addressName(exchange.name);
        const to = direction === 'from' ? path`/bindings/${exchange.vhost}/e/${other}/e/${own}`
            : path`/bindings/${exchange.vhost}/e/${own}/${direction === 'queue' ? 'q' : 'e'}/${other}`;
        await api.post(to, { routing_key: key, arguments: valuesOf(pairs) });
        onClose();
        toast('It is bound.');
        reloadAll();
    };
    return (
        <Dialog title={`Bind ${exchangeName(exchange.name)}`} onClose={onClose}>
            <Form verb="Bind" onSend={send} beside={<Button onClick={onClose}>Cancel</Button>}>
                <Segmented label="Direction" value={direction} choices={[['queue', 'To a queue'], ['exchange', 'To an exchange'], ['from', 'From an exchange']] as const} onChange={setDirection} />
                <Field label={direction === 'queue' ? 'Queue' : 'Exchange'}>
                    <NameInput key={direction} kind={direction === 'queue' ? 'queues' : 'exchanges'} vhost={exchange.vhost} value={other} onChange={setOther} required />
                </Field>
                <Field label={meaning.label} hint={meaning.hint}><TextInput value={key} onChange={setKey} /></Field>
                <Pairs label="Arguments" add="Add an argument" pairs={pairs} onChange={setPairs} known={{ 'x-match': 'string' }} />
                {direction !== 'from' && headersHint(routingType(exchange)) && <p class="muted small">{headersHint(routingType(exchange))}</p>}
            </Form>
        </Dialog>
    );
}

/* --- the table --------------------------------------------------------------------------------- */

function columnsFor(exchange: Exchange, side: 'out' | 'in', total: number): Column<Binding>[] {
    const field = side === 'out' ? 'destination' : 'source';
    return [
        {
            id: 'other', title: side === 'out' ? 'To' : 'From', isName: true, sort: field, fields: ['source', 'destination', 'destination_type', 'vhost', 'properties_key'],
            cell: (row) => (side === 'out' && row.destination_type === 'queue' ? <QueueLink vhost={row.vhost} name={row.destination} /> : <ExchangeLink vhost={row.vhost} name={row[field]} />),
        },
        { id: 'kind', title: 'Kind', isWide: true, sort: 'destination_type', fields: ['destination_type'], cell: (row) => <Badge kind={side === 'in' || row.destination_type === 'exchange' ? 'info' : 'plain'}>{side === 'in' ? 'exchange' : row.destination_type}</Badge> },
        { id: 'key', title: keyMeaning(side === 'out' ? routingType(exchange) : 'direct').label, sort: 'routing_key', fields: ['routing_key'], isWide: true, cell: (row) => <code class="some cut" title={row.routing_key}>{row.routing_key || '(empty)'}</code> },
        { id: 'arguments', title: 'Arguments', isWide: true, fields: ['arguments'], cell: (row) => <Table of={row.arguments} /> },
        { id: 'unbind', title: 'Actions', isAction: true, fields: [], cell: (row) => <Button kind="quiet" aria-label={`Unbind ${row[field]}, ${row.routing_key || 'empty key'}`} onClick={() => askToUnbind(row, exchange, total === 1)}>Unbind…</Button> },
    ];
}

export function Bindings({ of, alternate }: { of: Exchange; alternate: string | undefined }) {
    const [side] = useQuery('side', 'out');
    const [isBinding, setBinding] = useState(false);
    const from = useBindings(of, 'source');
    const to = useBindings(of, 'destination');
    const shown = side === 'in' ? 'in' : 'out';
    const direction = shown === 'in' ? 'destination' : 'source';
    if (of.name === '') {
        return (
            <Panel title="Bindings">
                <Notice>The default exchange is bound to every queue of its virtual host, each by the queue's own name. Nothing else can be bound to it, and nothing unbound.</Notice>
            </Panel>
        );
    }
    const outs = from.data?.total_count ?? 0;
    const ins = to.data?.total_count ?? 0;
    return (
        <>
            <Panel title="Bindings" actions={
                <>
                    <a class="button" data-kind="quiet" href={href(['map', of.vhost], { exchange: of.name })}>On the map</a>
                    <Button icon="plus" onClick={() => setBinding(true)}>Bind…</Button>
                </>
            }>
                {from.data && to.data && <BindingPicture of={of} alternate={alternate} from={from.data} to={to.data} />}
                {from.data && outs === 0 && <p class="muted">{alternate ? `Nothing is bound: every message goes to the alternate exchange ${alternate}.` : 'Nothing is bound: what is published here is dropped, or returned if it is mandatory. Bind a queue to it.'}</p>}
            </Panel>
            {outs + ins > 0 && (
                <ServerList<Binding> key={shown} id={`bindings_${shown}`} noun="bindings" filterBy="name or key" path={path`/exchanges/${of.vhost}/${of.name}/bindings/${direction}`} fields={[]}
                    columns={columnsFor(of, shown, outs)} rowKey={(row) => `${row.source}\n${row.destination_type}\n${row.destination}\n${row.properties_key}`}
                    filters={<Segmented label="Which bindings" value={shown} choices={[['out', `From here (${number(outs)})`], ['in', `To here (${number(ins)})`]] as const} onChange={(next) => setQuery({ side: next === 'out' ? null : next, page: null, sort: null, desc: null })} />}
                    empty={<Empty title={shown === 'in' ? 'No other exchange routes to this one' : 'Nothing is bound to this exchange'} />} />
            )}
            {isBinding && <BindDialog exchange={of} onClose={() => setBinding(false)} />}
        </>
    );
}
