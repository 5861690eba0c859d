/* The map of a vhost: a picture of who sends what where, with live figures, and the way of a single message.
 * Its address holds what is shown: `q` (search), `only` (nothing but what is found), `trouble`, `busy`,
 * `view=list`, `at` (the selected object), and a message by `exchange`, `key`, `headers`, `cc`
 * (`ask`: its way is shown although its key is empty). */
import { useEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { RefObject } from 'preact';

import './map.css';
import { Button, Empty, Loading, PageHead, Segmented, Waiting } from '../components/basics';
import { useAnswer, useResource } from '../lib/resource';
import { href, navigate, setQuery, useRoute } from '../lib/router';
import { refreshSeconds } from '../lib/settings';
import { useStore } from '../lib/store';
import type { PageProps } from '../lib/page';
import { useVhost } from '../lib/vhost';
import { isStillStore, MapBar } from './bar';
import { ExplainPanel } from './explain';
import { useExplanation } from './explanation';
import { GraphBuilder, type Graph, type MapNode } from './graph';
import { layOut, type Picture } from './layout';
import { MapList } from './list';
import { ObjectPanel } from './panel';
import { litOf } from './route';
import { loadRows, type Loaded } from './rows';
import type { Lit } from './scene';
import { shownId, shownOf, type Choice } from './shown';
import { Stage, type StageHandle } from './stage';
import { NARROW_PX } from './view';

const ASKS_AT_MOST_S = 10; /* flows are counted for 15 seconds after a request */
const FIRST_RATES_MS = 1600; /* the first request begins the count of flows; the second one has rates */
const STACKED_PX = 1000; /* the width of a window that has no room for a panel beside the picture, at most (map.css) */
const none: ReadonlySet<string> = new Set();

export default function MapPage({ params }: PageProps) {
    const vhosts = useResource<{ name: string }[]>('/vhosts?columns=name', { every: 0 });
    const chosen = useVhost();
    const names = vhosts.data?.map(({ name }) => name);
    const vhost = params[0];
    useEffect(() => {
        /* Without a vhost in the address: the chosen one, or the first. */
        if (vhost !== undefined || !names || names.length === 0) return;
        const first = names.includes(chosen) ? chosen : names.includes('/') ? '/' : names[0]!;
        navigate(location.hash.replace(/^#\/map\/?/, `#/map/${encodeURIComponent(first)}`), true);
    }, [vhost, names?.length]);
    if (names?.length === 0) return <><PageHead title="Map" /><Empty title="You have access to no virtual host.">An administrator can give you permissions.</Empty></>;
    if (vhost === undefined) return vhosts.data ? <Loading /> : <Waiting for={vhosts} what="virtual host" />;
    return <VhostMap key={vhost} vhost={vhost} />;
}

/* The graph of the rows; flows are known from the second answer on, which is asked for soon. */
function useGraph(vhost: string, search: string, pinned: ReadonlySet<string>) {
    const chosen = useStore(refreshSeconds);
    const every = chosen === 0 ? 0 : Math.min(chosen, ASKS_AT_MOST_S);
    const rows = useAnswer<Loaded>(`${vhost}\n${search}`, (signal) => loadRows(vhost, search, signal), { every, keeps: true });
    const builder = useRef(new GraphBuilder());
    const hasRows = rows.data !== undefined;
    useEffect(() => {
        if (!hasRows) return;
        const timer = window.setTimeout(rows.reload, FIRST_RATES_MS);
        return () => window.clearTimeout(timer);
    }, [hasRows]);
    const graph = useMemo(() => rows.data && builder.current.build(rows.data, pinned), [rows.data, pinned]);
    return { rows, graph };
}

const signOf = (graph: Graph) => `${[...graph.nodes.keys()].sort().join('\t')}\v${graph.edges.map(({ id }) => id).sort().join('\t')}`;

/* The picture of what is shown. It stays the same object while only figures change. */
function usePicture(shown: Graph | undefined): Picture | undefined {
    const before = useRef<Picture | undefined>(undefined);
    const sign = shown && signOf(shown);
    return useMemo(() => {
        if (!shown) return undefined;
        performance.mark('map-layout');
        before.current = layOut(shown, window.innerWidth <= NARROW_PX, before.current);
        performance.measure('map-layout', 'map-layout');
        return before.current;
    }, [sign]);
}

function Legend() {
    const lines = [['binding', 'Binding'], ['alternate', 'Alternate exchange'], ['dead', 'Dead letters'], ['consume', 'Deliveries']] as const;
    return (
        <ul class="map-legend" aria-label="What lines mean">
            {lines.map(([kind, text]) => (
                <li key={kind}><svg width="28" height="8" aria-hidden="true" data-kind={kind}><path d="M1 4H21" /><path d="M21 1l6 3-6 3z" /></svg>{text}</li>
            ))}
        </ul>
    );
}

/* The ids of what the search finds, of nodes and of those that they stand for. */
function useFound(shown: Graph | undefined, search: string): ReadonlySet<string> {
    return useMemo(() => {
        if (!shown || search === '') return none;
        const name = search.toLowerCase();
        const isFound = (node: MapNode) => node.name.toLowerCase().includes(name);
        return new Set([...shown.nodes.values()].filter((node) => isFound(node) || node.folds.some(isFound)).map(({ id }) => id));
    }, [shown, search]);
}

/* The view goes where something is found, to a new picture, to a route. Returns a function that goes on to what else is found. */
function useFollow(stage: RefObject<StageHandle | null>, search: string, found: ReadonlySet<string>, picture: Picture | undefined, explanation: unknown, lit: Lit | undefined) {
    const foundAt = useRef(0);
    const showFound = (at: number) => {
        foundAt.current = at;
        stage.current?.show([...found][at]!);
    };
    useEffect(() => { if (found.size > 0) showFound(0); }, [search, found.size > 0]);
    const isFirstPicture = useRef(true);
    useEffect(() => {
        if (!picture) return;
        if (!isFirstPicture.current && !picture.isKept) stage.current?.fit();
        isFirstPicture.current = false;
    }, [picture]);
    useEffect(() => { if (lit) stage.current?.fit(lit.nodes); }, [explanation, lit !== undefined]);
    return () => { if (found.size > 0) showFound((foundAt.current + 1) % found.size); };
}

function VhostMap({ vhost }: { vhost: string }) {
    const { query } = useRoute();
    const search = query.get('q') ?? '';
    const [unfolded, setUnfolded] = useState<ReadonlySet<string>>(none);
    const isStill = useStore(isStillStore);
    const stage = useRef<StageHandle>(null);
    const at = query.get('at') ?? undefined;
    const isList = query.get('view') === 'list';

    const { message, explanation, steps, ids, error, begin, end, ask } = useExplanation(vhost);
    const pinned = useMemo(() => new Set(at !== undefined && /^[eq]:/.test(at) ? [...ids, at] : ids), [ids, at]);
    const { rows, graph } = useGraph(vhost, search, pinned);
    const onlyFound = query.has('only') && search !== '';
    const onlyTrouble = query.has('trouble');
    const hidesIdle = query.has('busy');
    const shown = useMemo(() => {
        const choice: Choice = { name: onlyFound ? search : '', onlyTrouble, hidesIdle, unfolded, pinned };
        return graph && shownOf(graph, choice);
    }, [graph, onlyFound, search, onlyTrouble, hidesIdle, unfolded, pinned]);
    const picture = usePicture(shown);
    const found = useFound(shown, search);
    const lit = useMemo(() => (message && explanation && shown ? litOf(message.exchange, steps, shown) : undefined), [message, explanation, steps, shown]);
    const showNextFound = useFollow(stage, search, found, picture, explanation, lit);

    /* Where the panel is below the picture, both are shown. */
    const both = useRef<HTMLDivElement>(null);
    const hasPanel = message !== undefined || (at !== undefined && shown?.nodes.has(at) === true);
    useEffect(() => { if (hasPanel && window.innerWidth <= STACKED_PX) both.current?.scrollIntoView({ block: 'start' }); }, [hasPanel, at]);

    const select = (id: string | undefined) => setQuery({ at: id ?? null }, true);
    const show = (id: string) => {
        const node = shown && shownId(shown, id);
        if (isList) setQuery({ view: null, at: id }, false);
        else select(node ?? id);
        if (node) stage.current?.show(node);
    };

    if (!rows.data || !graph || !shown || !picture || rows.error?.status === 404) return <><PageHead title={`Map of ${vhost}`} /><Waiting for={rows} what="virtual host" /></>;
    const selected = at !== undefined ? shown.nodes.get(at) : undefined;
    const isEmpty = graph.nodes.size === 0;
    const exchangeNames = [...graph.nodes.values()].filter((node) => node.kind === 'exchange' && !node.isMissing).map(({ name }) => name);
    if (!exchangeNames.includes('')) exchangeNames.push('');
    const first = exchangeNames.find((name) => name !== '') ?? '';
    return (
        <>
            <PageHead title={`Map of ${vhost}`}>
                <Segmented label="View" value={isList ? 'list' : 'picture'} choices={[['picture', 'Picture'], ['list', 'List']]} onChange={(view) => setQuery({ view: view === 'list' ? 'list' : null }, false)} />
                <Button icon="route" aria-pressed={message !== undefined} onClick={() => (message ? end() : begin(selected?.kind === 'exchange' ? selected.name : first))}>Where would it go?</Button>
            </PageHead>
            {(!isEmpty || search !== '') && <MapBar loaded={rows.data} graph={graph} found={found.size} onNextFound={showNextFound} />}
            {isEmpty ? (
                <section class="panel"><Empty title="There is nothing to draw yet">
                    <p>Queues, and exchanges with bindings, appear here.</p>
                    <p><a class="button" href={href(['queues'], { new: 1, vhost })}>Add a queue</a></p>
                </Empty></section>
            ) : (
                <div class="map" data-has-panel={hasPanel} ref={both}>
                    <div class="map-main">
                        {shown.nodes.size === 0 ? (
                            <Empty title="Nothing matches."><Button onClick={() => setQuery({ q: null, only: null, trouble: null, busy: null })}>Show everything</Button></Empty>
                        ) : isList ? (
                            <MapList vhost={vhost} graph={shown} onShow={show} />
                        ) : (
                            <Stage handle={stage} graph={shown} picture={picture} selected={selected?.id} found={found} lit={lit} isStill={isStill} onSelect={select}>
                                <Legend />
                            </Stage>
                        )}
                    </div>
                    {message ? (
                        <ExplainPanel vhost={vhost} exchanges={exchangeNames} message={message} answer={explanation} error={error}
                            onAsk={ask} onClose={end} onShow={show} />
                    ) : selected && (
                        <ObjectPanel vhost={vhost} graph={shown} node={selected} onShow={show} onClose={() => select(undefined)}
                            onUnfold={(id) => { setUnfolded(new Set([...unfolded, id])); select(undefined); }} onExplain={begin} />
                    )}
                </div>
            )}
        </>
    );
}
