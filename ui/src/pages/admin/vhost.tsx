/* One virtual host. */
import { Badge, Button, Facts, PageHead, Panel, Tile, Tiles, Waiting } from '../../components/basics';
import { Chart, lengthsOf, messageRates, PeriodPicker, rateLines, sampleParameters, usePeriod, type Samples } from '../../components/chart';
import { confirm, toast } from '../../components/dialog';
import { api, apiUrl, messageOf, path, withParameters } from '../../lib/api';
import { bytes, compact, number, rate } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href, navigate } from '../../lib/router';
import { may } from '../../lib/session';
import { chosenVhost } from '../../lib/settings';
import { useVhostRow } from '../../lib/vhost';
import type { PageProps } from '../../lib/page';
import { LimitForm, vhostLimits } from './limit_form';
import { limitsText, useDialog, type Limits } from './parts';
import { Permissions, TopicPermissions } from './permissions';
import { deleteVhost, VhostForm, type Vhost } from './vhost_form';

type Stats = Record<string, Samples | undefined>;
interface Shown extends Vhost {
    messages?: number;
    messages_ready?: number;
    messages_unacknowledged?: number;
    messages_ready_details?: Samples;
    messages_unacknowledged_details?: Samples;
    recv_oct_details?: Samples;
    send_oct_details?: Samples;
    message_stats?: Stats;
}


function Actions({ vhost, limits, reload }: { vhost: Shown; limits: Limits; reload: () => void }) {
    const [editing, limiting] = [useDialog(), useDialog()];
    const { name } = vhost;
    const isProtected = vhost.protected_from_deletion;
    const protect = async () => {
        try {
            await (isProtected ? api.delete(path`/vhosts/${name}/deletion/protection`) : api.post(path`/vhosts/${name}/deletion/protection`));
            reload();
        } catch (error) {
            toast(messageOf(error), 'bad');
        }
    };
    const trace = () => confirm({
        title: vhost.tracing ? `Stop tracing ${name}?` : `Trace ${name}?`,
        text: vhost.tracing ? 'amq.rabbitmq.trace gets no more copies.' : 'A copy of every message that is published or delivered goes to the exchange amq.rabbitmq.trace. That costs about as much again as the messages themselves. It ends with the broker.',
        verb: vhost.tracing ? 'Stop' : 'Trace it',
        isHarmless: true,
        act: () => api.put(path`/vhosts/${name}`, { tracing: !vhost.tracing }),
        then: reload,
    });
    return (
        <div class="row">
            <Button onClick={editing.open}>Change</Button>
            <Button onClick={limiting.open}>Limits</Button>
            <Button onClick={trace}>{vhost.tracing ? 'Stop tracing' : 'Trace'}</Button>
            <Button onClick={() => void protect()}>{isProtected ? 'Unprotect' : 'Protect'}</Button>
            {!isProtected && <Button kind="danger" onClick={() => deleteVhost(name, () => { if (chosenVhost.get() === name) chosenVhost.set(''); navigate(href(['vhosts'])); })}>Delete…</Button>}
            {editing.isOpen && <VhostForm vhost={vhost} onClose={editing.close} onDone={() => { editing.close(); reload(); }} />}
            {limiting.isOpen && <LimitForm title={`Limits of ${name}`} to={path`/vhost-limits/${name}`} names={vhostLimits} limits={limits} onClose={limiting.close} onDone={() => { limiting.close(); reload(); }} />}
        </div>
    );
}

export default function VhostPage({ params }: PageProps) {
    const name = params[0]!;
    const vhost = useVhostRow<Shown>(name, sampleParameters(usePeriod(), 'lengths', 'msg_rates'));
    const limits = useResource<{ value: Limits }[]>(path`/vhost-limits/${name}`);
    const queues = useResource<{ total_count: number }>(withParameters(path`/queues/${name}`, { page: 1, page_size: 1, columns: 'name' }));
    const exchanges = useResource<{ total_count: number }>(withParameters(path`/exchanges/${name}`, { page: 1, page_size: 1, columns: 'name' }));
    const connections = useResource<unknown[]>(path`/vhosts/${name}/connections?columns=name`);
    const { data } = vhost;
    if (!data || vhost.error?.status === 404) return <Waiting for={vhost} what="virtual host" />;
    const own = limits.data?.[0]?.value ?? {};
    const stats = (id: string) => data.message_stats?.[`${id}_details`];
    const mine = { vhost: name };
    return (
        <>
            <PageHead title={name} crumbs={[['Virtual hosts', href(['vhosts'])]]} badges={<>{data.tracing && <Badge kind="warn">traced</Badge>}{data.protected_from_deletion && <Badge kind="info">protected</Badge>}</>}>
                <PeriodPicker />
                {may.administrate() && <Actions vhost={data} limits={own} reload={() => { vhost.reload(); limits.reload(); }} />}
            </PageHead>
            <Tiles>
                <Tile label="Ready" value={compact(data.messages_ready)} note="messages" />
                <Tile label="Unacknowledged" value={compact(data.messages_unacknowledged)} note="messages" />
                <Tile label="Published" value={rate(stats('publish')?.rate ?? 0)} unit="/s" />
                <Tile label="Delivered" value={rate(stats('deliver_get')?.rate ?? 0)} unit="/s" />
                <Tile label="Queues" value={number(queues.data?.total_count)} to={href(['queues'], mine)} {...((own['max-queues'] ?? -1) >= 0 ? { note: `of ${number(own['max-queues'])}` } : {})} />
                <Tile label="Exchanges" value={number(exchanges.data?.total_count)} to={href(['exchanges'], mine)} />
                <Tile label="Connections" value={number(connections.data?.length)} to={href(['connections'], mine)} {...((own['max-connections'] ?? -1) >= 0 ? { note: `of ${number(own['max-connections'])}` } : {})} />
            </Tiles>
            <div class="columns">
                <Panel title="Messages in its queues">
                    <Chart label="Messages in its queues" format={compact} lines={[
                        { label: 'Ready', points: lengthsOf(data.messages_ready_details), color: 1 },
                        { label: 'Unacknowledged', points: lengthsOf(data.messages_unacknowledged_details), color: 2 },
                    ]} />
                </Panel>
                <Panel title="Messages per second">
                    <Chart label="Messages per second" format={rate} lines={rateLines(data.message_stats, messageRates)} />
                </Panel>
            </div>
            <Panel title="Virtual host">
                <Facts rows={[
                    ['Description', data.description],
                    ['Tags', data.tags.length > 0 ? <span class="badges">{data.tags.map((tag) => <Badge key={tag}>{tag}</Badge>)}</span> : ''],
                    ['Default queue type', data.default_queue_type === 'undefined' ? 'not set: as the broker has it' : data.default_queue_type],
                    ['Limits', limitsText(own)],
                    ['From clients', `${bytes(data.recv_oct_details?.rate ?? 0)}/s`],
                    ['To clients', `${bytes(data.send_oct_details?.rate ?? 0)}/s`],
                    ['Definitions', may.administrate() ? <a href={apiUrl(withParameters(path`/definitions/${name}`, { download: `${name}.json` }))} download>Download</a> : undefined],
                ]} />
            </Panel>
            {may.administrate() && <><Permissions of={mine} /><TopicPermissions of={mine} /></>}
        </>
    );
}
