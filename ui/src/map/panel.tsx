/* What the map tells of the object that is selected. */
import { Badge, Button, ChannelLink, ConnectionLink, ExchangeLink, Facts, QueueLink } from '../components/basics';
import { compact, exchangeName, number } from '../lib/format';
import { href } from '../lib/router';
import type { Graph, MapEdge, MapNode } from './graph';
import { figuresOf, perSecond } from './words';
import { Neighbours } from './trouble';

const EDGES_MAX = 30;
const MEMBERS_MAX = 20;

const kinds: Record<MapNode['kind'], string> = { publisher: 'Publisher', exchange: 'Exchange', queue: 'Queue', consumer: 'Consumer' };

/* The object's name; a link to its page if it has one. */
export function ObjectName({ vhost, node }: { vhost: string; node: MapNode }) {
    if (node.folds.length > 0 || node.isMissing) return <span class="cut">{node.name}</span>;
    if (node.kind === 'exchange') return <ExchangeLink vhost={vhost} name={node.name} />;
    if (node.kind === 'queue') return <QueueLink vhost={vhost} name={node.name} />;
    const only = node.members.length === 1 ? node.members[0]! : undefined;
    return only ? <ConnectionLink name={only} label={node.name} /> : <span class="cut" title={node.name}>{node.name}</span>;
}

function EdgeList({ title, edges, graph, end, onShow }: {
    title: string; edges: readonly MapEdge[]; graph: Graph; end: 'from' | 'to'; onShow: (id: string) => void;
}) {
    if (edges.length === 0) return null;
    const sorted = [...edges].sort((a, b) => (b.rate ?? 0) - (a.rate ?? 0));
    const words: Partial<Record<MapEdge['kind'], string>> = { dead: 'dead letters', alternate: 'alternate' };
    return (
        <section class="map-edges">
            <h3>{title}</h3>
            <ul class="plain-list">
                {sorted.slice(0, EDGES_MAX).map((edge) => {
                    const other = graph.nodes.get(edge[end]);
                    const keys = edge.kind === 'binding' && edge.from !== 'e:' ? edge.keys.filter((key) => key !== '') : [];
                    return other && (
                        <li key={edge.id}>
                            <button type="button" class="link cut" title={other.name} onClick={() => onShow(other.id)}>{other.kind === 'exchange' && other.folds.length === 0 ? exchangeName(other.name) : other.name}</button>
                            <span class="muted small keys">
                                {words[edge.kind]}
                                {keys.slice(0, 3).map((key) => <code key={key} class="cut" title={key}>{key}</code>)}
                                {edge.count > Math.max(1, Math.min(3, keys.length)) && edge.kind === 'binding' && ` ${number(edge.count)} bindings`}
                                {edge.kind === 'consume' && `${number(edge.count)} consumer${edge.count === 1 ? '' : 's'}`}
                            </span>
                            <span class="num">{edge.rate === undefined ? '' : perSecond(edge.rate)}</span>
                        </li>
                    );
                })}
            </ul>
            {edges.length > EDGES_MAX && <p class="muted small">and {number(edges.length - EDGES_MAX)} more</p>}
        </section>
    );
}

export function ObjectPanel({ vhost, graph, node, onShow, onClose, onUnfold, onExplain }: {
    vhost: string; graph: Graph; node: MapNode;
    onShow: (id: string) => void; onClose: () => void; onUnfold: (id: string) => void; onExplain: (exchange: string) => void;
}) {
    const near = new Neighbours(graph.edges);
    const isFold = node.folds.length > 0;
    const isApplication = node.kind === 'consumer' || node.kind === 'publisher';
    return (
        <section class="map-panel" aria-label={`${kinds[node.kind]} ${node.name}`}>
            <div class="panel-head">
                <h2 class="grow"><span class="muted">{isFold ? '' : kinds[node.kind]}</span> <ObjectName vhost={vhost} node={node} /></h2>
                <Button kind="quiet" icon="close" aria-label="Close" onClick={onClose} />
            </div>
            <div class="panel-body stack">
                {node.trouble && <div class="notice" data-kind={node.trouble.level}><strong>{node.trouble.word}</strong> {node.trouble.text}</div>}
                {node.kind === 'queue' && (
                    <Facts rows={[
                        ['Ready', number(node.ready)],
                        ['Unacked', number(node.unacked)],
                        ['Grows by', perSecond(node.growth)],
                        ['Consumers', number(node.consumers)],
                        ['In, out', `${perSecond(node.rateIn)}, ${perSecond(node.rateOut)}`],
                        ['Limit', node.limit > 0 ? `${number(node.limit)} messages` : undefined],
                        ['Type', isFold ? undefined : node.type],
                    ]} />
                )}
                {node.kind === 'exchange' && (
                    <Facts rows={[['Type', isFold ? undefined : <Badge>{node.type || 'unknown'}</Badge>], ['In', perSecond(node.rateIn)], ['Routed', perSecond(node.rateOut)]]} />
                )}
                {isApplication && <p>{figuresOf(node)}</p>}
                {isFold && (
                    <>
                        <p class="muted">They are connected alike. The longest and busiest are:</p>
                        <ul class="plain-list map-members">
                            {[...node.folds].sort((a, b) => b.messages - a.messages || b.rateIn - a.rateIn).slice(0, MEMBERS_MAX).map((one) => (
                                <li key={one.id}><ObjectName vhost={vhost} node={one} /><span class="num">{one.kind === 'queue' ? compact(one.messages) : perSecond(one.rateIn)}</span></li>
                            ))}
                        </ul>
                        <div><Button onClick={() => onUnfold(node.id)}>Show {number(node.folds.length)} one by one</Button></div>
                    </>
                )}
                {isApplication && node.members.length > 0 && (
                    <section>
                        <h3>Connections</h3>
                        <ul class="plain-list">
                            {node.members.slice(0, MEMBERS_MAX).map((name) => <li key={name}>{name.endsWith(')') ? <ChannelLink name={name} /> : <ConnectionLink name={name} />}</li>)}
                        </ul>
                        {node.members.length > MEMBERS_MAX && <p class="muted small">and {number(node.members.length - MEMBERS_MAX)} more</p>}
                    </section>
                )}
                <EdgeList title="From" edges={near.in(node.id)} graph={graph} end="from" onShow={onShow} />
                <EdgeList title="To" edges={near.out(node.id)} graph={graph} end="to" onShow={onShow} />
                {!isFold && !node.isMissing && !isApplication && (
                    <div class="row">
                        <a class="button" href={href([node.kind === 'queue' ? 'queues' : 'exchanges', vhost, node.name || 'amq.default'])}>Open its page</a>
                        {node.kind === 'exchange' && <Button icon="route" onClick={() => onExplain(node.name)}>Where would it go?</Button>}
                    </div>
                )}
            </div>
        </section>
    );
}
