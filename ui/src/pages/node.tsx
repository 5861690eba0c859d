/* The node: what it uses of the machine, and what it may use; its disk, its loops, its addresses. */
import type { ComponentChildren } from 'preact';

import { Badge, Facts, FoldedPanel, Meter, PageHead, Panel, Tile, Tiles, Waiting } from '../components/basics';
import { Chart, lengthsOf, PeriodPicker, ratesOf, sampleParameters, usePeriod, type Point, type Samples } from '../components/chart';
import { path, withParameters } from '../lib/api';
import { bytes, compact, duration, number, NOTHING, percent, rate } from '../lib/format';
import { useResource } from '../lib/resource';
import { href } from '../lib/router';
import { may } from '../lib/session';
import type { PageProps } from '../lib/page';
import './node.css';

interface Described { name: string; description: string; version?: string; enabled?: boolean }

interface Node {
    name: string;
    running: boolean;
    uptime: number;
    os_pid: string;
    processors: number;
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
    proc_used: number;
    io_write_bytes: number;
    db_dir: string;
    config_files: string[];
    log_files: string[];
    applications: Described[];
    auth_mechanisms: Described[];
    exchange_types: Described[];
    loops?: { busy: number | null }[]; /* the share of the last seconds */
    mem_used_details?: Samples;
    disk_free_details?: Samples;
    fd_used_details?: Samples;
    sockets_used_details?: Samples;
    log_syncs?: number;
    log_syncs_details?: Samples;
    log_sync_us_details?: Samples;
}

interface Overview {
    leveret_version: string;
    rabbitmq_version: string;
    listeners: { node: string; protocol: string; ip_address: string; port: number }[];
}

/* --- memory ---------------------------------------------------------------------------------------- */

/* RabbitMQ's names of the parts, what they are, and their colours. */
const memoryParts: [string, string, number][] = [
    ['queue_procs', 'Classic queues and their messages in memory', 1],
    ['quorum_queue_procs', 'Quorum queues and their messages in memory', 2],
    ['connection_writers', 'Output that clients have not read yet', 6],
    ['other_proc', 'Everything else: connections, definitions, caches', 4],
    ['code', 'The program and its libraries', 7],
    ['allocated_unused', 'Freed, but not given back', 5],
];

interface Memory { memory: Record<string, number> & { total: { rss: number } } }

function MemoryParts({ name }: { name: string }) {
    /* All queues are asked for it. */
    const memory = useResource<Memory>(path`/nodes/${name}/memory`, { every: 30 });
    const of = memory.data?.memory;
    if (!of) return <Waiting for={memory} what="memory" />;
    const total = of.total.rss;
    const parts = memoryParts.map(([id, text, color]) => ({ id, text, color, size: of[id] ?? 0 }));
    return (
        <div class="stack">
            <div class="parts" aria-hidden="true">
                {parts.filter(({ size }) => size > 0).map(({ id, text, color, size }) => (
                    <span key={id} title={`${text}: ${bytes(size)}`} style={{ flex: `${size} 0 0`, background: `var(--series-${color})` }} />
                ))}
            </div>
            <table class="table">
                <thead><tr><th scope="col">What for</th><th scope="col" class="num">Bytes</th><th scope="col" class="num">Share</th></tr></thead>
                <tbody>
                    {parts.map(({ id, text, color, size }) => (
                        <tr key={id}>
                            <td title={id}><span class="part-key" style={{ background: `var(--series-${color})` }} aria-hidden="true" />{text}</td>
                            <td class="num">{bytes(size)}</td>
                            <td class="num">{percent(total > 0 ? size / total : 0)}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

/* --- charts ---------------------------------------------------------------------------------------- */

/* How long each sync took, in milliseconds: between two samples, on average. */
function syncTimes(count: Samples | undefined, us: Samples | undefined): Point[] {
    const counts = ratesOf(count);
    return ratesOf(us).map(([time, spent], i) => {
        const n = counts[i]?.[1] ?? 0;
        return [time, n && spent !== null ? spent / n / 1000 : null];
    });
}

function lastOf(points: Point[]): number | undefined {
    for (let i = points.length - 1; i >= 0; i--) {
        const value = points[i]![1];
        if (value !== null) return value;
    }
    return undefined;
}

const ms = (n: number) => `${n < 10 ? n.toFixed(2) : n < 100 ? n.toFixed(1) : n.toFixed(0)}\u00a0ms`;

function LogPanel({ node }: { node: Node }) {
    const times = syncTimes(node.log_syncs_details, node.log_sync_us_details);
    return (
        <Panel title="Message log">
            <p class="muted small">Confirms of persistent messages wait for a sync of the message log; one sync serves all that wait.</p>
            <Chart label="How long a sync takes" format={ms} height={110} lines={[{ label: 'How long a sync takes', points: times, color: 3 }]} />
            <Chart label="Syncs per second" format={rate} height={110} lines={[{ label: 'Syncs per second', points: ratesOf(node.log_syncs_details), color: 2 }]} />
        </Panel>
    );
}

function LoopsPanel({ loops }: { loops: { busy: number | null }[] }) {
    return (
        <Panel title="Loops">
            <div class="stack">
                <p class="muted small">A loop is a thread that serves connections and queues. One that is always busy delays all of them.</p>
                <div class="loops" role="list">
                    {loops.map(({ busy }, i) => (
                        <div role="listitem" key={i} style={{ display: 'contents' }}>
                            <span>Loop {i + 1}</span>
                            <Meter part={busy ?? 0} {...(busy !== null && busy >= 0.9 ? { level: 'bad' as const } : busy !== null && busy >= 0.7 ? { level: 'warn' as const } : {})} />
                            <span class="num">{busy === null ? NOTHING : `${percent(busy)} busy`}</span>
                        </div>
                    ))}
                </div>
            </div>
        </Panel>
    );
}

/* --- what it is ------------------------------------------------------------------------------------ */

function DescribedTable({ label, of }: { label: string; of: Described[] }) {
    return (
        <div class="table-wrap">
            <table class="table" aria-label={label}>
                <tbody>
                    {of.map((one) => (
                        <tr key={one.name}>
                            <td><code>{one.name}</code></td>
                            <td class="muted">{one.description}</td>
                            <td class="num">{one.version ?? (one.enabled === false ? 'off' : 'on')}</td>
                        </tr>
                    ))}
                </tbody>
            </table>
        </div>
    );
}

function Listeners({ of }: { of: Overview['listeners'] }) {
    return (
        <div class="table-wrap">
            <table class="table">
                <thead><tr><th scope="col">Protocol</th><th scope="col">Address</th><th scope="col" class="num">Port</th><th scope="col">Encrypted</th></tr></thead>
                <tbody>
                    {of.map((one) => {
                        const isTls = /ssl|https|tls/.test(one.protocol);
                        return (
                            <tr key={`${one.protocol} ${one.ip_address} ${one.port}`}>
                                <td>{one.protocol}</td>
                                <td>{one.ip_address === '::' || one.ip_address === '0.0.0.0' ? `${one.ip_address} (every address)` : one.ip_address}</td>
                                <td class="num">{one.port}</td>
                                <td>{isTls ? <Badge kind="good">TLS</Badge> : <span class="muted">no</span>}</td>
                            </tr>
                        );
                    })}
                </tbody>
            </table>
        </div>
    );
}

function Files({ of }: { of: string[] }) {
    return of.length === 0 ? <span class="muted">none</span> : <ul class="plain-list">{of.map((file) => <li key={file}><code>{file}</code></li>)}</ul>;
}

function UseTile({ label, value, note, part, isOver }: { label: string; value: string; note: ComponentChildren; part: number; isOver?: boolean }) {
    const level = isOver ? 'bad' : part >= 0.8 ? 'warn' : undefined;
    return <Tile label={label} value={value} note={<><Meter part={part} {...(level ? { level } : {})} />{note}</>} />;
}

function NodeView({ node, overview }: { node: Node; overview: Overview | undefined }) {
    const syncMs = lastOf(syncTimes(node.log_syncs_details, node.log_sync_us_details));
    const fewest = node.disk_free_limit;
    return (
        <>
            <Tiles>
                <UseTile label="Memory" value={bytes(node.mem_used)} part={node.mem_used / node.mem_limit} isOver={node.mem_alarm} note={`${percent(node.mem_used / node.mem_limit)} of ${bytes(node.mem_limit)}`} />
                <UseTile label="Disk free" value={bytes(node.disk_free)} part={node.disk_free > 0 ? fewest / node.disk_free : 1} isOver={node.disk_free_alarm} note={`alarm below ${bytes(fewest)}`} />
                <UseTile label="Descriptors" value={number(node.fd_used)} part={node.fd_used / node.fd_total} note={`of ${number(node.fd_total)}`} />
                <UseTile label="Sockets" value={number(node.sockets_used)} part={node.sockets_used / node.sockets_total} note={`of ${number(node.sockets_total)}`} />
                {node.log_syncs_details && <Tile label="Message log sync" value={syncMs === undefined ? NOTHING : ms(syncMs)} note={`${rate(node.log_syncs_details.rate)} per second`} />}
                <Tile label="Up for" value={duration(node.uptime)} note={`process ${node.os_pid}`} />
            </Tiles>
            <div class="columns">
                <Panel title="Memory">
                    <div class="stack">
                        <MemoryParts name={node.name} />
                        <Chart label="Memory" format={bytes} height={130} lines={[{ label: 'Memory used', points: lengthsOf(node.mem_used_details), color: 1 }]} />
                    </div>
                </Panel>
                {(node.log_syncs_details || node.loops) && (
                    <div class="stack">
                        {node.log_syncs_details && <LogPanel node={node} />}
                        {node.loops && <LoopsPanel loops={node.loops} />}
                    </div>
                )}
                <Panel title="Disk">
                    <div class="stack">
                        <Facts rows={[
                            ['Free', bytes(node.disk_free)],
                            ['Alarm below', bytes(fewest)],
                            ['Data directory', <code key="d">{node.db_dir}</code>],
                            ['Written since the start', bytes(node.io_write_bytes)],
                        ]} />
                        <Chart label="Disk free" format={bytes} height={130} lines={[{ label: 'Disk free', points: lengthsOf(node.disk_free_details), color: 2 }]} />
                    </div>
                </Panel>
                <Panel title="Descriptors and sockets">
                    <Chart label="Descriptors and sockets" format={compact} lines={[
                        { label: 'Descriptors', points: lengthsOf(node.fd_used_details), color: 4 },
                        { label: 'Sockets', points: lengthsOf(node.sockets_used_details), color: 3 },
                    ]} />
                </Panel>
                <Panel title="Listeners" flush>{overview && <Listeners of={overview.listeners.filter((one) => one.node === node.name)} />}</Panel>
                <Panel title="About" actions={may.administrate() && <a href={href(['config'])}>Settings in force</a>}>
                    <Facts rows={[
                        ['Leveret', overview?.leveret_version],
                        ['As clients see it', overview && `RabbitMQ ${overview.rabbitmq_version}`],
                        ['Processors', number(node.processors)],
                        ['Threads', number(node.proc_used)],
                        ['Configuration', <Files key="c" of={node.config_files} />],
                        ['Log', <><Files of={node.log_files} /> <a href={href(['logs'])}>Live log</a></>],
                    ]} />
                </Panel>
            </div>
            <FoldedPanel title="Exchange types" flush><DescribedTable label="Exchange types" of={node.exchange_types} /></FoldedPanel>
            <FoldedPanel title="Authentication mechanisms" flush><DescribedTable label="Authentication mechanisms" of={node.auth_mechanisms} /></FoldedPanel>
            <FoldedPanel title="Built in, by the names of RabbitMQ's plugins" flush><DescribedTable label="Built in" of={node.applications} /></FoldedPanel>
        </>
    );
}

/* The node in the address; without one, the node there is. */
export default function NodePage({ params: [wanted] }: PageProps) {
    const period = usePeriod();
    const samples = sampleParameters(period, 'node_stats');
    const one = useResource<Node>(wanted === undefined ? null : withParameters(path`/nodes/${wanted}`, samples), { keeps: true });
    const all = useResource<Node[]>(wanted === undefined ? withParameters('/nodes', samples) : null, { keeps: true });
    const overview = useResource<Overview>('/overview?columns=leveret_version,rabbitmq_version,listeners', { every: 30 });
    const node = wanted === undefined ? all.data?.[0] : one.data;
    if (!node) return wanted === undefined ? <Waiting for={all} what="node" /> : <Waiting for={one} what="node" />;
    const hasAlarm = node.mem_alarm || node.disk_free_alarm;
    return (
        <>
            <PageHead title={node.name} badges={<Badge kind={hasAlarm ? 'bad' : 'good'}>{hasAlarm ? 'Alarm' : 'Running'}</Badge>}><PeriodPicker /></PageHead>
            <NodeView node={node} overview={overview.data} />
        </>
    );
}
