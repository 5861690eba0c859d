/* Looking at a queue's messages, which stay in it. The address says which: `from`, and `show`. */
import { Button, Loading, Refusal, Segmented } from '../../components/basics';
import { Select, TextInput } from '../../components/form';
import type { Message } from '../../components/message';
import { path, withParameters } from '../../lib/api';
import { number } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { setQuery, useRoute } from '../../lib/router';
import { createKeptStore, useStore } from '../../lib/store';
import { Holders } from './holders';
import { MessageList } from './message_list';
import type { TabProps } from './queue_page';

const sizes = ['10', '25', '50', '100'];
const pageSize = createKeptStore<string>('messages_shown', '25', (v) => sizes.includes(v as string));

/* Of longer payloads only so much is fetched at first. */
const TRUNCATE = 8192;

type Show = 'ready' | 'all' | 'unacked';

const shows: [Show, string][] = [
    ['ready', 'Ready'],
    ['all', 'All'],
    ['unacked', 'Unacknowledged'],
];

export function BrowseTab({ queue }: TabProps) {
    const { query } = useRoute();
    const size = Number(useStore(pageSize));
    const first = Math.max(1, Math.floor(Number(query.get('from')) || 1)); /* people count from 1, the API from 0 */
    const from = first - 1;
    const show = (query.get('show') ?? 'ready') as Show;
    const base = path`/queues/${queue.vhost}/${queue.name}`;
    const isUnacked = show === 'unacked';
    const to = isUnacked
        ? withParameters(`${base}/unacked`, { count: size, truncate: TRUNCATE })
        : withParameters(`${base}/browse`, { from, count: size, truncate: TRUNCATE, unacked: show === 'all' });
    const { data, error, reload, isLoading } = useResource<Message[]>(to, { every: 0, keeps: true });
    const total = (show === 'ready' ? queue.messages_ready : isUnacked ? queue.messages_unacknowledged : queue.messages) ?? 0;
    const go = (to: number) => setQuery({ from: to > 1 ? to : null }, false);
    const shown = data?.length ?? 0;
    return (
        <section class="panel" aria-label="Messages">
            <div class="list-bar">
                <Segmented label="Which messages" value={show} choices={shows} onChange={(next) => setQuery({ show: next === 'ready' ? null : next, from: null })} />
                <span class="muted small note">They stay in the queue; nobody notices that you look.</span>
                <span class="grow" style={{ flex: 1 }} />
                <Button icon="refresh" onClick={reload}>Refresh</Button>
            </div>
            {show !== 'ready' && <Holders queue={queue} />}
            {error && <div class="list-bar"><Refusal error={error} /></div>}
            {isLoading ? <Loading /> : data && (
                <MessageList key={`${show} ${from}`} queue={queue} messages={data} find={query.get('find') ?? ''} onFind={(find) => setQuery({ find })} isWithUnacked={show === 'all'}
                    empty={from > 0 ? `The queue has fewer than ${number(first)} messages` : isUnacked ? 'No message is unacknowledged' : 'The queue is empty'} />
            )}
            <div class="list-foot">
                {isUnacked
                    ? <span class="grow" role="status">{number(shown)} of {number(total)} unacknowledged</span>
                    : <span class="grow" role="status">{shown > 0 ? `Messages ${number(first)} to ${number(from + shown)}` : 'No messages'} of {number(total)}</span>}
                <label class="row">Shown <Select value={String(size)} choices={sizes} onChange={pageSize.set} /></label>
                {!isUnacked && (
                    <nav class="row" aria-label="Pages">
                        <label class="row">From <span class="place-input"><TextInput type="number" min={1} value={String(first)} onChange={(text) => setQuery({ from: Number(text) > 1 ? text : null })} /></span></label>
                        <Button kind="quiet" disabled={from === 0} onClick={() => go(1)}>First</Button>
                        <Button kind="quiet" disabled={from === 0} onClick={() => go(first - size)}>Previous</Button>
                        <Button kind="quiet" disabled={shown < size} onClick={() => go(first + size)}>Next</Button>
                        <Button kind="quiet" disabled={total <= size} onClick={() => go(total - size + 1)}>Last</Button>
                    </nav>
                )}
            </div>
        </section>
    );
}
