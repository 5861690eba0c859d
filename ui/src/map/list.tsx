/* The map as a table: the same objects and connections, for those who do not see the picture, and to read it. */
import { useState } from 'preact/hooks';

import { Badge, Button, Empty } from '../components/basics';
import { DataTable, type Column } from '../components/list';
import { exchangeName, number } from '../lib/format';
import type { Graph, MapEdge, MapNode } from './graph';
import { ObjectName } from './panel';
import { perSecond } from './words';
import { Neighbours } from './trouble';

const ROWS = 200;
const ENDS_MAX = 4;
const order: MapNode['kind'][] = ['publisher', 'exchange', 'queue', 'consumer'];
const kinds: Record<MapNode['kind'], string> = { publisher: 'Publisher', exchange: 'Exchange', queue: 'Queue', consumer: 'Consumer' };

function Ends({ edges, end, graph, onShow }: { edges: readonly MapEdge[]; end: 'from' | 'to'; graph: Graph; onShow: (id: string) => void }) {
    if (edges.length === 0) return null;
    const sorted = [...edges].sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0));
    return (
        <span class="map-ends">
            {sorted.slice(0, ENDS_MAX).map((edge) => {
                const other = graph.nodes.get(edge[end])!;
                const name = other.kind === 'exchange' && other.folds.length === 0 ? exchangeName(other.name) : other.name;
                return (
                    <span key={edge.id}>
                        <button type="button" class="link cut" title={name} onClick={() => onShow(other.id)}>{name}</button>
                        {edge.kind === 'dead' && <span class="muted"> dead letters</span>}
                        {edge.kind === 'alternate' && <span class="muted"> alternate</span>}
                        {edge.rate ? <span class="muted"> {perSecond(edge.rate)}</span> : null}
                    </span>
                );
            })}
            {edges.length > ENDS_MAX && <span class="muted">and {number(edges.length - ENDS_MAX)} more</span>}
        </span>
    );
}

export function MapList({ vhost, graph, onShow }: { vhost: string; graph: Graph; onShow: (id: string) => void }) {
    const [shown, setShown] = useState(ROWS);
    const near = new Neighbours(graph.edges);
    const nodes = [...graph.nodes.values()].sort((a, b) => order.indexOf(a.kind) - order.indexOf(b.kind) || (a.name < b.name ? -1 : 1));
    const columns: Column<MapNode>[] = [
        { id: 'kind', title: 'Object', cell: (node) => kinds[node.kind] },
        { id: 'name', title: 'Name', isName: true, cell: (node) => <ObjectName vhost={vhost} node={node} /> },
        { id: 'from', title: 'From', isWide: true, cell: (node) => <Ends edges={near.in(node.id)} end="from" graph={graph} onShow={onShow} /> },
        { id: 'to', title: 'To', isWide: true, cell: (node) => <Ends edges={near.out(node.id)} end="to" graph={graph} onShow={onShow} /> },
        { id: 'in', title: 'In', isNumber: true, cell: (node) => perSecond(node.rateIn) },
        { id: 'out', title: 'Out', isNumber: true, cell: (node) => (node.kind === 'consumer' ? '' : perSecond(node.rateOut)) },
        { id: 'ready', title: 'Ready', isNumber: true, cell: (node) => (node.kind === 'queue' ? number(node.ready) : '') },
        { id: 'unacked', title: 'Unacked', isNumber: true, cell: (node) => (node.kind === 'queue' ? number(node.unacked) : '') },
        { id: 'trouble', title: 'Trouble', cell: (node) => node.trouble && <Badge kind={node.trouble.level} title={node.trouble.text}>{node.trouble.word}</Badge> },
    ];
    if (nodes.length === 0) return <Empty title="Nothing matches." />;
    return (
        <div class="panel map-list">
            <DataTable label="Objects of the map" rows={nodes.slice(0, shown)} columns={columns} rowKey={(node) => node.id} />
            {nodes.length > shown && <div class="list-foot"><span class="grow">{number(shown)} of {number(nodes.length)}</span><Button onClick={() => setShown(shown + ROWS)}>Show more</Button></div>}
        </div>
    );
}
