/* Messages below each other: found by what is typed, opened one by one, saved as JSON. */
import { useState } from 'preact/hooks';

import { Button, Empty } from '../../components/basics';
import { Checkbox, TextInput } from '../../components/form';
import { type Message, MessageRow } from '../../components/message';
import { api, messageOf, path, withParameters } from '../../lib/api';
import { count } from '../../lib/format';
import { download } from '../../lib/payload';
import { toast } from '../../components/dialog';
import type { Queue } from './types';

/* More of one payload than this is not shown in a page. */
const WHOLE_BYTES_MAX = 16 * 1024 * 1024;

/* What is searched in a message. */
function textOf(message: Message): string {
    return `${message.exchange}\n${message.routing_key}\n${JSON.stringify(message.properties)}\n${message.payload}`.toLowerCase();
}

/* Whether it is the same message, of which more is shown now. */
function isSame(a: Message, b: Message): boolean {
    return a.payload_bytes === b.payload_bytes && a.routing_key === b.routing_key && JSON.stringify(a.properties) === JSON.stringify(b.properties);
}

export function MessageList({ queue, messages, find, onFind, isWithUnacked = false, empty }: {
    queue: Queue; messages: Message[]; find: string; onFind: (text: string) => void; isWithUnacked?: boolean;
    empty: string;
}) {
    const [open, setOpen] = useState<Record<number, boolean>>({});
    const [whole, setWhole] = useState<Record<number, Message>>({});
    const wanted = find.toLowerCase();
    const rows = messages.map((message, i) => ({ i, message: whole[i] && isSame(whole[i], message) ? whole[i] : message }))
        .filter(({ message }) => wanted === '' || textOf(message).includes(wanted));
    const more = async (i: number, message: Message) => {
        const [all] = await api.get<Message[]>(withParameters(path`/queues/${queue.vhost}/${queue.name}/browse`, { from: message.position, count: 1, truncate: WHOLE_BYTES_MAX, unacked: isWithUnacked }));
        if (all && isSame(all, message)) setWhole((old) => ({ ...old, [i]: all }));
        else toast('Another message is there now. Refresh the list.', 'info');
    };
    const areOpen = rows.length > 0 && rows.every(({ i }) => open[i]);
    return (
        <>
            <div class="list-bar">
                <div class="filter"><TextInput type="search" label="Find in these messages" placeholder="Find in these messages" value={find} onChange={onFind} /></div>
                <span class="muted small" role="status">{wanted === '' ? count(rows.length, 'message') : `${rows.length} of ${count(messages.length, 'message')}`}</span>
                <span class="grow" style={{ flex: 1 }} />
                <Checkbox label="Open all" checked={areOpen} onChange={(is) => setOpen(is ? Object.fromEntries(rows.map(({ i }) => [i, true])) : {})} />
                <Button disabled={rows.length === 0} onClick={() => download(`${queue.name.slice(0, 60).replace(/[^\w.-]+/g, '_')}.json`, JSON.stringify(rows.map(({ message }) => message), null, 2))}>Save as JSON</Button>
            </div>
            {rows.length === 0
                ? <Empty title={messages.length === 0 ? empty : 'None of these messages has this in it'} />
                : <div>{rows.map(({ i, message }) => (
                    <MessageRow key={i} message={message} vhost={queue.vhost} isOpen={!!open[i]} onToggle={(is) => setOpen((old) => ({ ...old, [i]: is }))}
                        {...(message.position === undefined ? {} : { onMore: () => void more(i, message).catch((error: unknown) => toast(messageOf(error), 'bad')) })} />
                ))}</div>}
        </>
    );
}
