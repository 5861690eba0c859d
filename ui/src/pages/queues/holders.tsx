/* Who holds the unacknowledged messages of a queue. */
import { count, number } from '../../lib/format';
import { href } from '../../lib/router';
import type { Queue } from './types';

const SHOWN = 5;

/* What no consumer holds was got by basic.get, or by a consumer that was cancelled meanwhile. */
export function Holders({ queue }: { queue: Queue }) {
    const all = (queue.consumer_details ?? []).filter((c) => c.messages_unacknowledged > 0).sort((a, b) => b.messages_unacknowledged - a.messages_unacknowledged);
    const held = all.reduce((sum, c) => sum + c.messages_unacknowledged, 0);
    const rest = (queue.messages_unacknowledged ?? 0) - held;
    if (held === 0 && rest <= 0) return null;
    return (
        <div class="list-bar holders">
            <span class="muted small">Held by</span>
            {all.slice(0, SHOWN).map((c) => (
                <span key={`${c.channel_details.name} ${c.consumer_tag}`} class="holder">
                    <a class="cut" href={href(['channels', c.channel_details.name])} title={`${c.consumer_tag}, ${c.channel_details.name}`}>{c.channel_details.user_provided_name ?? c.consumer_tag}</a>
                    <strong>{number(c.messages_unacknowledged)}</strong>
                </span>
            ))}
            {all.length > SHOWN && <span class="muted small">and <a href={href(['queues', queue.vhost, queue.name], { tab: 'consumers', sort: 'unacked', desc: '1' })}>{count(all.length - SHOWN, 'consumer')} more</a></span>}
            {rest > 0 && <span class="muted small">{number(rest)} by basic.get, or on their way</span>}
        </div>
    );
}
