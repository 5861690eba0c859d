/* The bindings of a queue, and a form for another one. */
import { useState } from 'preact/hooks';

import { Button, Empty, ExchangeLink, FoldedPanel, Loading, Refusal, Table } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { Field, Form, type Pair, Pairs, TextInput, valuesOf } from '../../components/form';
import { type Column, LocalList } from '../../components/list';
import { NameInput } from '../../components/name_input';
import { api, path } from '../../lib/api';
import { exchangeName } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { bindingArguments } from './arguments';
import type { TabProps } from './queue_page';
import type { Binding, Queue } from './types';

function unbind(queue: Queue, binding: Binding, then: () => void): void {
    confirm({
        title: `Unbind from ${exchangeName(binding.source)}?`,
        text: <p>What is published to <strong>{exchangeName(binding.source)}</strong>{binding.routing_key !== '' && <> with a key like <code>{binding.routing_key}</code></>} no longer comes here. Messages in the queue stay.</p>,
        verb: 'Unbind',
        act: () => api.delete(path`/bindings/${binding.vhost}/e/${binding.source}/q/${queue.name}/${binding.properties_key}`),
        done: 'The binding is removed.',
        then,
    });
}

const columnsOf = (queue: Queue, reload: () => void): Column<Binding>[] => [
    { id: 'source', title: 'From exchange', isName: true, value: (b) => b.source, cell: (b) => <ExchangeLink vhost={b.vhost} name={b.source} /> },
    { id: 'key', title: 'Routing key', isWide: true, value: (b) => b.routing_key, cell: (b) => (b.source === '' ? <span class="muted">the queue&rsquo;s name</span> : <code>{b.routing_key}</code>) },
    { id: 'arguments', title: 'Arguments', isWide: true, cell: (b) => <Table of={b.arguments} /> },
    { id: 'unbind', title: 'Actions', isAction: true, cell: (b) => (b.source === '' ? <span class="muted small">always there</span> : <Button kind="quiet" aria-label={`Unbind ${b.source}, ${b.routing_key || 'empty key'}`} onClick={() => unbind(queue, b, reload)}>Unbind…</Button>) },
];

function BindForm({ queue, onBound }: { queue: Queue; onBound: () => void }) {
    const [source, setSource] = useState('');
    const [key, setKey] = useState('');
    const [pairs, setPairs] = useState<Pair[]>([]);
    const bind = async () => {
        await api.post(path`/bindings/${queue.vhost}/e/${source}/q/${queue.name}`, { routing_key: key, arguments: valuesOf(pairs) });
        setKey('');
        setPairs([]);
        onBound();
    };
    return (
        <Form verb="Bind" onSend={bind} isReady={source !== ''}>
            <div class="fields">
                <Field label="Exchange"><NameInput kind="exchanges" vhost={queue.vhost} value={source} onChange={setSource} required /></Field>
                <Field label="Routing key" hint="For topic exchanges with * for one word and # for several"><TextInput value={key} onChange={setKey} /></Field>
            </div>
            <Pairs label="Arguments" pairs={pairs} onChange={setPairs} known={bindingArguments} add="Add an argument" />
        </Form>
    );
}

export function BindingsTab({ queue }: TabProps) {
    const { data, error, reload } = useResource<Binding[]>(path`/queues/${queue.vhost}/${queue.name}/bindings`, { keeps: true });
    if (!data) return error ? <Refusal error={error} /> : <Loading />;
    return (
        <>
            <LocalList<Binding> id="queue_bindings" noun="bindings" filterBy="name or key" rows={data} columns={columnsOf(queue, reload)} text={(b) => `${b.source} ${b.routing_key}`}
                rowKey={(b) => `${b.source}\n${b.properties_key}`} initialSort="source" empty={<Empty title="No bindings" />} />
            <FoldedPanel title="Bind to another exchange" open={data.length <= 1}><BindForm queue={queue} onBound={reload} /></FoldedPanel>
        </>
    );
}
