/* The consumers of a queue. */
import { Badge, Button, Empty, Name, Table, UserLink } from '../../components/basics';
import { confirm } from '../../components/dialog';
import { type Column, LocalList } from '../../components/list';
import { api, path } from '../../lib/api';
import { number, rate } from '../../lib/format';
import { may } from '../../lib/session';
import { ClientName } from './client_name';
import type { TabProps } from './queue_page';
import type { Consumer, Queue } from './types';

function cancel(queue: Queue, consumer: Consumer, then: () => void): void {
    confirm({
        title: `Cancel the consumer ${consumer.consumer_tag}?`,
        text: <p>Its client is told so, and gets nothing more from this queue; many clients then end. What it holds stays with it until it acknowledges.</p>,
        verb: 'Cancel the consumer',
        act: () => api.delete(path`/consumers/${queue.vhost}/${consumer.channel_details.connection_name}/${consumer.channel_details.number}/${consumer.consumer_tag}`),
        done: 'The consumer is cancelled.',
        then,
    });
}

/* Whether it gets messages now. */
function Activity({ consumer }: { consumer: Consumer }) {
    if (consumer.active) return <Badge kind="good">{consumer.activity_status === 'single_active' ? 'single active' : 'active'}</Badge>;
    return <Badge title="Another consumer is the active one">{consumer.activity_status.replace(/_/g, ' ')}</Badge>;
}

function columnsOf(queue: Queue, reload: () => void): Column<Consumer>[] {
    const rateOf = (c: Consumer, name: string) => {
        const details = queue.deliveries?.find((d) => d.channel_details.name === c.channel_details.name)?.stats[`${name}_details`];
        return typeof details === 'object' ? (details.rate ?? 0) : 0;
    };
    const isDetailed = (queue.deliveries ?? []).length > 0;
    return [
        { id: 'tag', title: 'Consumer tag', isName: true, value: (c) => c.consumer_tag, cell: (c) => <Name text={c.consumer_tag} /> },
        { id: 'channel', title: 'Channel', value: (c) => c.channel_details.name, cell: (c) => <ClientName channel={c.channel_details} />, isWide: true },
        { id: 'user', title: 'User', value: (c) => c.channel_details.user, cell: (c) => (may.administrate() ? <UserLink name={c.channel_details.user} /> : <Name text={c.channel_details.user} />) },
        { id: 'ack', title: 'Ack mode', value: (c) => Number(c.ack_required), cell: (c) => (c.ack_required ? 'manual' : <Badge kind="warn" title="A message counts as handled once it is sent: it is lost if its client fails">automatic</Badge>) },
        { id: 'prefetch', title: 'Prefetch', isNumber: true, value: (c) => c.prefetch_count, cell: (c) => (c.prefetch_count === 0 ? <span title="It gets messages without limit">no limit</span> : number(c.prefetch_count)) },
        { id: 'unacked', title: 'Unacked', isNumber: true, value: (c) => c.messages_unacknowledged, cell: (c) => number(c.messages_unacknowledged) },
        { id: 'active', title: 'State', value: (c) => Number(c.active), cell: (c) => <span class="badges"><Activity consumer={c} />{c.exclusive && <Badge>exclusive</Badge>}</span> },
        ...(isDetailed ? [{ id: 'rate', title: 'Out/s', isNumber: true, value: (c: Consumer) => rateOf(c, 'deliver_get'), cell: (c: Consumer) => rate(rateOf(c, 'deliver_get')) }] : []),
        { id: 'arguments', title: 'Arguments', isHidden: true, cell: (c) => <Table of={c.arguments} /> },
        { id: 'cancel', title: 'Actions', isAction: true, cell: (c) => <Button kind="quiet" aria-label={`Cancel ${c.consumer_tag}`} onClick={() => cancel(queue, c, reload)}>Cancel…</Button> },
    ];
}

export function ConsumersTab({ queue, reload }: TabProps) {
    return (
        <LocalList<Consumer> id="queue_consumers" noun="consumers" filterBy="tag, client or user" rows={queue.consumer_details ?? []} columns={columnsOf(queue, reload)}
            text={(c) => `${c.consumer_tag} ${c.channel_details.user_provided_name ?? ''} ${c.channel_details.name} ${c.channel_details.user}`} rowKey={(c) => `${c.channel_details.name} ${c.consumer_tag}`} initialSort="tag"
            empty={<Empty title="Nobody consumes from this queue">A client does with basic.consume. Until then messages wait here.</Empty>} />
    );
}
