/* What is above the map: the search, filters, and how much there is. */
import { Button } from '../components/basics';
import { SearchInput } from '../components/form';
import { count, number } from '../lib/format';
import { setQuery, useRoute } from '../lib/router';
import { createKeptStore, useStore } from '../lib/store';
import type { Graph } from './graph';
import type { Loaded } from './rows';

/* Whether nothing moves on the edges. */
export const isStillStore = createKeptStore<boolean>('map_still', false, (v) => typeof v === 'boolean');

export function MapBar({ loaded, graph, found, onNextFound }: { loaded: Loaded; graph: Graph; found: number; onNextFound: () => void }) {
    const { query } = useRoute();
    const search = query.get('q') ?? '';
    const isStill = useStore(isStillStore);
    const motion = isStill ? 'Show messages moving' : 'Stop the motion';
    const troubled = [...graph.nodes.values()].filter((node) => node.trouble).length;
    return (
        <div class="map-bar">
            <form class="map-search" role="search" onSubmit={(event) => { event.preventDefault(); onNextFound(); }}>
                <SearchInput label="Find on the map" placeholder="Find a name" value={search} onSearch={(q) => setQuery({ q })} />
                {search !== '' && <span class="muted small nowrap" role="status">{found === 0 ? 'nothing' : `${number(found)} found`}</span>}
            </form>
            <Button aria-pressed={query.has('only')} disabled={search === ''} onClick={() => setQuery({ only: !query.has('only') })}>Only found</Button>
            <Button aria-pressed={query.has('trouble')} icon="warning" onClick={() => setQuery({ trouble: !query.has('trouble') })}>Only trouble</Button>
            <Button aria-pressed={query.has('busy')} onClick={() => setQuery({ busy: !query.has('busy') })}>Hide idle</Button>
            <Button aria-pressed={isStill} icon={isStill ? 'play' : 'pause'} title={motion} aria-label={motion} onClick={() => isStillStore.set(!isStill)} />
            <span class="muted small map-totals">
                {loaded.isPartial ? `${number(loaded.queues.length)} of ${count(loaded.queuesInAll, 'queue')}: the longest and the busiest; the search finds others` : count(loaded.queuesInAll, 'queue')}
                {!loaded.hasAllConsumers && ' · too many consumers to show'}
                {' · '}<span class="nowrap">{troubled === 0 ? 'no trouble' : `${number(troubled)} in trouble`}</span>
            </span>
        </div>
    );
}
