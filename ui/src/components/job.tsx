/* What takes long: its progress, and a way to stop it. */
import { useEffect, useState } from 'preact/hooks';

import { api, ask, path } from '../lib/api';
import { number } from '../lib/format';
import { useResource } from '../lib/resource';
import { Button, Notice, Refusal } from './basics';

/* A job, as the API shows it. `total` is 0 if it is not known. */
export interface Job {
    id: number;
    kind: string;
    what: string;
    state: string; /* running, done, failed, cancelled */
    done: number;
    total: number;
    skipped: number;
    error: string;
    notes: string;
    started: number;
    ended: number;
    user: string;
}

/* Starts what answers with a job: `to` should ask for it with async=true. */
export async function startJob(to: string, method: 'POST' | 'DELETE', body?: unknown): Promise<Job | undefined> {
    const response = await ask(to, { method, body });
    const text = await response.text();
    return text === '' ? undefined : (JSON.parse(text) as Job);
}

const JOB_SECONDS = 0.5;

/* The progress of a job until it has ended. `onEnd` is called once then. `limit`: it does at most so many of its total. */
export function JobProgress({ id, limit = Infinity, onEnd }: { id: number; limit?: number | undefined; onEnd?: (job: Job) => void }) {
    const [isOver, setOver] = useState(false);
    const [stopError, setStopError] = useState<unknown>();
    const { data: job, error } = useResource<Job>(path`/jobs/${id}`, { every: isOver ? 0 : JOB_SECONDS });
    const hasEnded = job !== undefined && job.state !== 'running';
    const isForgotten = error?.status === 404;
    useEffect(() => {
        if ((!hasEnded && !isForgotten) || isOver) return;
        setOver(true);
        if (hasEnded) onEnd?.(job);
    }, [hasEnded, isForgotten]);
    if (isForgotten && !hasEnded) return <Notice kind="warn">The broker does not know this job: it ended long ago, or with a restart of the broker. What was done stays done.</Notice>;
    if (!job) return <Refusal error={error} />;
    const stop = () => api.delete(path`/jobs/${id}`).then(() => setStopError(undefined), setStopError);
    const total = Math.min(job.total, limit);
    const amount = total > 0 ? `${number(job.done)} of ${number(total)}` : number(job.done);
    if (hasEnded) {
        const kind = job.state === 'done' ? 'good' : job.state === 'failed' ? 'bad' : 'warn';
        /* An import is all or nothing, and can be stopped before it changes anything. */
        const stopped = job.kind === 'import' ? 'Stopped; nothing was imported' : 'Stopped; what was done stays done';
        const words = job.state === 'done' ? 'Done' : job.state === 'failed' ? `Failed: ${job.error}` : stopped;
        const hasAmount = job.done > 0 || job.state === 'done' || (job.state === 'cancelled' && job.kind !== 'import');
        return <div role="status"><Notice kind={kind}>{words}.{hasAmount && ` ${amount}${job.skipped > 0 ? `, ${number(job.skipped)} left out` : ''}.`}{job.notes && ` ${job.notes}`}</Notice></div>;
    }
    return (
        <div class="stack" style={{ gap: '0.4rem' }}>
            <div class="row">
                <span style={{ flex: 1 }}>{job.kind}: {amount}</span>
                <Button onClick={stop}>Stop</Button>
            </div>
            <progress class="progress" aria-label={`${job.kind}, ${job.what}`} {...(total > 0 ? { value: job.done, max: total } : {})} />
            <Refusal error={stopError} />
        </div>
    );
}
