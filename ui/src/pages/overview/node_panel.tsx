/* The node in a few figures: how much it uses of what it may use. */
import type { ComponentChildren } from 'preact';

import { Meter, Name, Panel } from '../../components/basics';
import { Chart, lengthsOf, rateLines, sampleParameters, type CounterLine, type Details, type Period, type Samples } from '../../components/chart';
import { withParameters } from '../../lib/api';
import { bytes, duration, number, rate } from '../../lib/format';
import { useResource } from '../../lib/resource';
import { href } from '../../lib/router';

interface Node {
    name: string;
    uptime: number;
    mem_used: number;
    mem_limit: number;
    mem_alarm: boolean;
    disk_free: number;
    disk_free_limit: number;
    disk_free_alarm: boolean;
    fd_used: number;
    fd_total: number;
    sockets_used: number;
    sockets_total: number;
    io_sync_avg_time?: number;
    mem_used_details?: Samples;
}

const churn: CounterLine[] = [
    ['connection_created', 'Connections opened', 1],
    ['connection_closed', 'Connections closed', 6],
    ['channel_created', 'Channels opened', 2],
    ['channel_closed', 'Channels closed', 4],
    ['queue_declared', 'Queues declared', 3],
    ['queue_deleted', 'Queues deleted', 7],
];

const COLUMNS = [
    'name', 'uptime', 'mem_used', 'mem_limit', 'mem_alarm', 'disk_free', 'disk_free_limit', 'disk_free_alarm', 'fd_used', 'fd_total',
    'sockets_used', 'sockets_total', 'io_sync_avg_time', 'mem_used_details', ...churn.map(([id]) => `${id}_details`),
].join(',');

/* From here on a part of a limit is worth a look. */
const NEAR = 0.8;

function Use({ label, text, part, isOver }: { label: string; text: ComponentChildren; part: number; isOver: boolean }) {
    const level = isOver ? 'bad' : part >= NEAR ? 'warn' : undefined;
    return (
        <div class="use">
            <span class="muted">{label}</span>
            <Meter part={part} {...(level ? { level } : {})} />
            <span class="use-text">{text}{isOver && <strong> (alarm)</strong>}</span>
        </div>
    );
}

/* What is free is shown by how far it is above the limit: empty at the limit, full at ten times as much. */
function diskPart(node: Node): number {
    return node.disk_free_limit > 0 ? Math.max(0, 1 - (node.disk_free - node.disk_free_limit) / (9 * node.disk_free_limit)) : 0;
}

/* The node's use of the machine, and how connections, channels and queues come and go. */
export function NodePanels({ period }: { period: Period }) {
    const { data } = useResource<Node[]>(withParameters('/nodes', { ...sampleParameters(period, 'node_stats'), columns: COLUMNS }), { keeps: true });
    const node = data?.[0];
    if (!node) return null;
    return (
        <>
            <Panel title="Node" actions={<Name text={node.name} to={href(['nodes', node.name])} />}>
                <div class="stack">
                    <div class="uses">
                        <Use label="Memory" part={node.mem_used / node.mem_limit} isOver={node.mem_alarm} text={`${bytes(node.mem_used)} of ${bytes(node.mem_limit)}`} />
                        <Use label="Disk" part={diskPart(node)} isOver={node.disk_free_alarm} text={`${bytes(node.disk_free)} free, ${bytes(node.disk_free_limit)} needed`} />
                        <Use label="Descriptors" part={node.fd_used / node.fd_total} isOver={false} text={`${number(node.fd_used)} of ${number(node.fd_total)}`} />
                        <Use label="Sockets" part={node.sockets_used / node.sockets_total} isOver={false} text={`${number(node.sockets_used)} of ${number(node.sockets_total)}`} />
                    </div>
                    <p class="small muted">
                        Up for {duration(node.uptime)}{node.io_sync_avg_time !== undefined && `. A sync of the log takes ${node.io_sync_avg_time.toFixed(2)} ms.`}
                    </p>
                    <Chart label="Memory" format={bytes} height={110} lines={[{ label: 'Memory', points: lengthsOf(node.mem_used_details), color: 4 }]} />
                </div>
            </Panel>
            <Panel title="Coming and going, per second">
                <Chart label="Coming and going, per second" format={rate} lines={rateLines(node as unknown as Details, churn)} />
            </Panel>
        </>
    );
}
