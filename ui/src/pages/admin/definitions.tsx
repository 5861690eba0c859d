/* Definitions: taken out as a file, and brought in from one, once it was shown what that changes. */
import type { ComponentChildren } from 'preact';
import { useRef, useState } from 'preact/hooks';

import { Button, Notice, PageHead, Panel } from '../../components/basics';
import { Checkbox, Field, FileInput, Form, Select, TextArea } from '../../components/form';
import { JobProgress, startJob, type Job } from '../../components/job';
import { apiUrl, ask, path, withParameters } from '../../lib/api';
import { bytes, count } from '../../lib/format';
import { useQuery } from '../../lib/router';
import { changesOf, DifferenceView, type Difference } from './difference';
import { useVhostNames } from './parts';

const TYPED_BYTES_MAX = 200_000; /* a longer file is not put into the field */

function definitionsPath(vhost: string): string {
    return vhost === '' ? '/definitions' : path`/definitions/${vhost}`;
}

function Export() {
    const vhosts = useVhostNames();
    const [vhost, setVhost] = useState('');
    const [now] = useState(() => new Intl.DateTimeFormat('sv').format()); /* 2026-12-31, by the local clock */
    const file = `leveret-${vhost === '' ? 'definitions' : vhost}-${now}.json`;
    return (
        <Panel title="Export">
            <div class="stack">
                <p class="muted">Users with the hashes of their passwords, permissions, virtual hosts, policies, parameters, queues, exchanges and bindings, as RabbitMQ writes them. No messages. For one virtual host: only what is in it.</p>
                <Field label="What"><Select value={vhost} choices={[['', 'Everything'] as const, ...vhosts.map((name) => [name, `Virtual host ${name}`] as const)]} onChange={setVhost} /></Field>
                <div><a class="button" data-kind="primary" href={apiUrl(withParameters(definitionsPath(vhost), { download: file }))} download={file}>Download</a></div>
            </div>
        </Panel>
    );
}

/* What is to be imported: a file, or a text that was typed. */
function Source({ source, onChange }: { source: Blob | null; onChange: (source: Blob | null, name: string) => void }) {
    const [text, setText] = useState('');
    const choose = async (file: File | undefined) => {
        if (!file) return;
        setText(file.size <= TYPED_BYTES_MAX ? await file.text() : '');
        onChange(file, file.name);
    };
    const type = (typed: string) => {
        setText(typed);
        onChange(typed.trim() === '' ? null : new Blob([typed]), '');
    };
    return (
        <>
            <Field label="File" hint={source ? `${bytes(source.size)} of JSON` : 'JSON of Leveret, RabbitMQ or LavinMQ.'}>
                <FileInput accept=".json,application/json" onChange={(file) => void choose(file)} />
            </Field>
            <Field label="Or its text"><TextArea value={text} rows={6} onChange={type} /></Field>
        </>
    );
}

function Import({ beside }: { beside: ComponentChildren }) {
    const vhosts = useVhostNames();
    const [vhost, setVhost] = useQuery('into');
    const [source, setSource] = useState<Blob | null>(null);
    const [skips, setSkips] = useState(false);
    const [difference, setDifference] = useState<Difference | null>(null);
    const [job, setJob] = useState<Job | null>(null);
    const round = useRef(0); /* of comparing: what another source would change is not shown */
    const forget = () => { round.current++; setDifference(null); setJob(null); };
    const to = (parameters: Record<string, boolean>) => withParameters(definitionsPath(vhost), { ...parameters, ...(skips ? { skip_unsupported: true } : {}) });
    const compare = async () => {
        forget();
        const own = round.current;
        const response = await ask(to({ dry_run: true }), { method: 'POST', body: source });
        const found = (await response.json()) as Difference;
        if (round.current === own) setDifference(found);
    };
    const bring = async () => {
        const started = await startJob(to({ async: true }), 'POST', source);
        setDifference(null);
        setJob(started ?? null);
    };
    const changes = difference ? changesOf(difference) : 0;
    return (
        <>
            <div class="split">
            <Panel title="Import">
                <Form verb="Show what would change" onSend={compare} isReady={source !== null}>
                    <p class="muted">An import adds and changes; what exists and is not in the file stays. It succeeds as a whole or changes nothing. Before it you see what would change.</p>
                    <Source source={source} onChange={(next) => { setSource(next); forget(); }} />
                    <Field label="Into"><Select value={vhost} choices={[['', 'The virtual hosts that the file names'] as const, ...vhosts.map((name) => [name, `Virtual host ${name}`] as const)]} onChange={(next) => { setVhost(next); forget(); }} /></Field>
                    <Checkbox label="Leave out what this broker does not have: streams, exchanges of other plugins, shovels, federation" checked={skips} onChange={(is) => { setSkips(is); forget(); }} />
                </Form>
            </Panel>
            {beside}
            </div>
            {difference && (
                <Panel title="What would change">
                    <div class="stack">
                        <DifferenceView difference={difference} />
                        {changes > 0 && <Form verb={`Import: ${count(changes, 'change')}`} onSend={bring} beside={<Button onClick={forget}>Cancel</Button>}>{null}</Form>}
                    </div>
                </Panel>
            )}
            {job && (
                <Panel title="Import">
                    <div class="stack">
                        <JobProgress key={job.id} id={job.id} />
                        <Notice>It goes on when this page is closed. It can be stopped while the file is read and checked; once the first row is imported, it ends by itself.</Notice>
                    </div>
                </Panel>
            )}
        </>
    );
}

export default function DefinitionsPage() {
    return (
        <>
            <PageHead title="Definitions" />
            <Import beside={<Export />} />
        </>
    );
}
