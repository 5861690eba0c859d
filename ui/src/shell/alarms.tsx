/* Alarms in force, above every page, with what to do about them. */
import type { ComponentChildren } from 'preact';

import { api, ApiError } from '../lib/api';
import { bytes } from '../lib/format';
import { href } from '../lib/router';
import { useAnswer, useResource } from '../lib/resource';
import { may } from '../lib/session';

export interface NodeAlarms {
    name: string;
    mem_alarm: boolean;
    mem_used: number;
    mem_limit: number;
    disk_free_alarm: boolean;
    disk_free: number;
    disk_free_limit: number;
    db_dir?: string;
}

const COLUMNS = 'name,mem_alarm,mem_used,mem_limit,disk_free_alarm,disk_free,disk_free_limit,db_dir';

const longest = href(['queues'], { sort: 'messages', desc: 1 });

/* What is wrong, and what helps: each in a few words, for people who are in a hurry. A screen reader interrupts for the title
 * alone: the figures behind it change all the time. */
function Alarm({ title, children }: { title: string; children: ComponentChildren }) {
    return (
        <div class="banner bad">
            <strong role="alert">{title}</strong>
            <span>{children}</span>
        </div>
    );
}

function MemoryAlarm({ node }: { node: NodeAlarms }) {
    return (
        <Alarm title="Memory alarm: publishers are blocked.">
            {bytes(node.mem_used)} are in use, {bytes(node.mem_limit)} are allowed. Let consumers catch up, or purge what nobody needs
            of the <a href={longest}>longest queues</a>. To raise the limit: <code>leveretctl set_vm_memory_high_watermark</code> until the next
            start, <code>vm_memory_high_watermark</code> in the configuration for good.
        </Alarm>
    );
}

function DiskAlarm({ node }: { node: NodeAlarms }) {
    const isLow = node.disk_free < node.disk_free_limit;
    return (
        <Alarm title="Disk alarm: publishers are blocked.">
            {isLow
                ? <>{bytes(node.disk_free)} are free, {bytes(node.disk_free_limit)} are needed. Free space on the disk of {node.db_dir ? <code>{node.db_dir}</code> : 'the data directory'}, or
                    let consumers catch up with the <a href={longest}>longest queues</a>. To lower the limit: <code>leveretctl set_disk_free_limit</code> until the next
                    start, <code>disk_free_limit</code> in the configuration for good.</>
                : <>The log has no room, or the disk has failed: the <a href={href(['logs'], { level: 'error' })}>errors in the log</a> say which.</>}
        </Alarm>
    );
}

/* For those who may not see the node: its health check, which fails then. */
function useAlarmsInForce(isWanted: boolean): string[] {
    const { data } = useAnswer(isWanted ? '/health/checks/alarms' : null, async (signal) => {
        try {
            await api.get('/health/checks/alarms', signal);
            return [];
        } catch (error) {
            if (!(error instanceof ApiError) || error.status !== 503) throw error;
            return (error.body['alarms'] as { resource: string }[] | undefined)?.map(({ resource }) => resource) ?? [];
        }
    });
    return data ?? [];
}

export function Alarms() {
    const isMonitor = may.monitor();
    const { data } = useResource<NodeAlarms[]>(isMonitor ? `/nodes?columns=${COLUMNS}` : null);
    return (
        <>
            {useAlarmsInForce(!isMonitor).map((resource) => (
                <Alarm key={resource} title={`${resource === 'disk' ? 'Disk' : 'Memory'} alarm: publishers are blocked.`}>
                    Consumers go on. Somebody who administers the broker can see what is needed.
                </Alarm>
            ))}
            {data?.map((node) => (
                <div key={node.name}>
                    {node.mem_alarm && <MemoryAlarm node={node} />}
                    {node.disk_free_alarm && <DiskAlarm node={node} />}
                </div>
            ))}
        </>
    );
}
