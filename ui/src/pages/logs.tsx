/* The log, live. It is filtered here, among the lines that the page has kept. */
import { useEffect, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';

import { Badge, Button, Empty, Loading, Notice, PageHead, Panel } from '../components/basics';
import { toast } from '../components/dialog';
import { Select, TextInput } from '../components/form';
import { type ApiError } from '../lib/api';
import { copyText } from '../lib/clipboard';
import { count, number } from '../lib/format';
import { useQuery } from '../lib/router';
import { openStream, type StreamState } from '../lib/stream';
import './logs.css';

interface Line {
    id: number;
    time: string; /* as the broker writes it, in UTC; '' for a gap */
    level: string;
    text: string;
    more: string; /* what else the line says: "vhost=/ user=guest" */
    extra: string; /* what of that is not in its text already */
}

const LINES_MAX = 2000; /* that are kept and shown */
const LINES_FIRST = 500; /* that are asked for */
const SILENT_MS = 2000; /* the first lines come at once, if there are any */

const levels = ['debug', 'info', 'notice', 'warning', 'error', 'critical'];
const choices = [['debug', 'All levels'], ['info', 'Info and above'], ['warning', 'Warnings and above'], ['error', 'Errors and above']] as const;
const usual = new Set(['time', 'level', 'msg', 'domain', 'pid']);

let lastId = 0;

function gapOf(text: string): Line {
    return { id: ++lastId, time: '', level: 'critical', text, more: '', extra: '' };
}

function lineOf(data: string): Line {
    const of = JSON.parse(data) as Record<string, unknown>;
    const text = String(of['msg']);
    const more = Object.entries(of).filter(([name]) => !usual.has(name)).map(([name, value]) => [name, typeof value === 'string' ? value : JSON.stringify(value)] as const);
    const joined = (pairs: typeof more) => pairs.map(([name, value]) => `${name}=${value}`).join(' ');
    return { id: ++lastId, time: String(of['time']), level: String(of['level']), text, more: joined(more), extra: joined(more.filter(([, value]) => !text.includes(value))) };
}

/* What of a stream that was opened again has not been seen: its first lines repeat those before the break. */
function unseen(kept: Line[], come: Line[]): Line[] {
    const last = kept.findLast((line) => line.time !== '');
    if (!last) return come;
    const at = come.findLastIndex((line) => line.time === last.time && line.text === last.text);
    if (at >= 0) return come.slice(at + 1);
    const newer = come.filter((line) => line.time > last.time);
    return newer.length === come.length && come.length > 0 ? [gapOf('Lines may be missing here: the broker has started anew, or has logged more than it keeps.'), ...newer] : newer;
}

/* --- the stream ------------------------------------------------------------------------------------ */

/* The lines, and the state of the stream. While it is paused new ones are only counted. */
function useLines(isPaused: boolean) {
    const [lines, setLines] = useState<Line[]>([]);
    const [waiting, setWaiting] = useState<Line[]>([]);
    const [state, setState] = useState<{ state: StreamState; error?: ApiError | undefined }>({ state: 'connecting' });
    const [isSilent, setSilent] = useState(false); /* there were no lines to begin with */
    const paused = useRef(isPaused);
    const all = useRef<Line[]>([]); /* shown and waiting */
    const shown = useRef(0); /* id of the last line that is shown */
    paused.current = isPaused;

    const show = () => {
        if (!paused.current) shown.current = all.current.at(-1)?.id ?? 0;
        setLines(all.current.filter((line) => line.id <= shown.current));
        setWaiting(all.current.filter((line) => line.id > shown.current));
    };
    useEffect(() => {
        let come: Line[] = [];
        let isFirst = true;
        let frame: number | undefined;
        let silence: number | undefined;
        const take = () => {
            frame = undefined;
            all.current = [...all.current, ...(isFirst ? unseen(all.current, come) : come)].slice(-LINES_MAX);
            isFirst = false;
            come = [];
            show();
        };
        const end = openStream(() => `/logs?lines=${LINES_FIRST}`, {
            onState: (now, error) => {
                if (now === 'open') {
                    isFirst = true;
                    silence ??= window.setTimeout(() => setSilent(true), SILENT_MS);
                }
                setState({ state: now, error });
            },
            onEvents: (events) => {
                for (const { name, data } of events)
                    come.push(name === 'lost' ? gapOf('Lines are missing here: they came faster than they could be sent.') : lineOf(data));
                frame ??= window.setTimeout(take, 50); /* the first lines come together, and many at once are drawn once */
            },
        });
        return () => {
            window.clearTimeout(frame);
            window.clearTimeout(silence);
            end();
        };
    }, []);
    useEffect(show, [isPaused]);
    const clear = () => {
        all.current = [];
        setSilent(true);
        show();
    };
    return { lines, waiting: waiting.length, clear, isSilent, ...state };
}

/* --- what is shown --------------------------------------------------------------------------------- */

/* A text with what was searched for marked in it. */
function Marked({ text, wanted }: { text: string; wanted: string }) {
    if (wanted === '') return <>{text}</>;
    const parts = [];
    const low = text.toLowerCase();
    let from = 0;
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, from)) {
        parts.push(text.slice(from, at), <mark key={at}>{text.slice(at, at + wanted.length)}</mark>);
        from = at + wanted.length;
    }
    return <>{parts}{text.slice(from)}</>;
}

function localTime(time: string): Date {
    return new Date(time.replace(' ', 'T').replace(/(\.\d{3})\d*/, '$1'));
}

function timeText(time: string): string {
    const at = localTime(time);
    if (Number.isNaN(at.getTime())) return time;
    const two = (n: number) => String(n).padStart(2, '0');
    return `${two(at.getHours())}:${two(at.getMinutes())}:${two(at.getSeconds())}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

/* A line; what its text does not say stands behind it, and so does the rest if that is what was searched for. */
function Row({ line, wanted }: { line: Line; wanted: string }) {
    if (line.time === '') return <li class="gap">{line.text}</li>;
    const more = wanted === '' || line.text.toLowerCase().includes(wanted) ? line.extra : line.more;
    return (
        <li data-level={line.level}>
            <time dateTime={line.time} title={line.time}>{timeText(line.time)}</time>
            <span class="level">{line.level}</span>
            <span class="text"><Marked text={line.text} wanted={wanted} />{more && <span class="more"> <Marked text={more} wanted={wanted} /></span>}</span>
        </li>
    );
}

/* The lines, the newest below; it follows them while its end is in view. */
function Lines({ lines, wanted }: { lines: Line[]; wanted: string }) {
    const box = useRef<HTMLDivElement>(null);
    const [isFollowing, setFollowing] = useState(true);
    const last = lines.at(-1)?.id ?? 0;
    const seen = useRef(last);
    useLayoutEffect(() => {
        const element = box.current!;
        if (isFollowing) element.scrollTop = element.scrollHeight;
        if (isFollowing) seen.current = last;
    }, [last, lines.length, isFollowing]);
    const missed = lines.filter((line) => line.id > seen.current).length;
    return (
        <div class="log-box">
            <div class="log" ref={box} tabIndex={0} role="log" aria-live="off" aria-label="Lines of the log"
                onScroll={({ currentTarget: e }) => setFollowing(e.scrollHeight - e.scrollTop - e.clientHeight < 24)}>
                <ol>{lines.map((line) => <Row key={line.id} line={line} wanted={wanted} />)}</ol>
            </div>
            {!isFollowing && (
                <div class="newest"><Button kind="primary" onClick={() => setFollowing(true)}>{missed > 0 ? `Follow: ${count(missed, 'new line')}` : 'Follow'}</Button></div>
            )}
        </div>
    );
}

function StateBadge({ state, isPaused, waiting }: { state: StreamState; isPaused: boolean; waiting: number }) {
    if (isPaused) return <Badge kind="warn">Paused{waiting > 0 && `: ${count(waiting, 'new line')}`}</Badge>;
    if (state === 'open') return <Badge kind="good">Live</Badge>;
    return <Badge kind="warn">{state === 'connecting' ? 'Connecting' : 'Interrupted; it goes on by itself'}</Badge>;
}

async function copyLines(lines: Line[]): Promise<void> {
    const text = lines.map((line) => (line.time ? `${line.time} [${line.level}] ${line.text}${line.more && ` ${line.more}`}` : `-- ${line.text}`)).join('\n');
    if (await copyText(`${text}\n`)) toast(`${count(lines.length, 'line')} copied.`);
    else toast('The browser did not allow copying.', 'bad');
}

export default function LogsPage() {
    const [level, setLevel] = useQuery('level', 'debug');
    const [text, setText] = useQuery('text');
    const [isPaused, setPaused] = useState(false);
    const { lines, waiting, clear, isSilent, state, error } = useLines(isPaused);
    const wanted = text.trim().toLowerCase();
    const least = Math.max(0, levels.indexOf(level));
    const found = useMemo(
        () => lines.filter((line) => levels.indexOf(line.level) >= least && (wanted === '' || `${line.text} ${line.more}`.toLowerCase().includes(wanted))),
        [lines, least, wanted],
    );
    return (
        <>
            <PageHead title="Log" badges={<StateBadge state={state} isPaused={isPaused} waiting={waiting} />}>
                <div class="row">
                <Button icon={isPaused ? 'play' : 'pause'} aria-pressed={isPaused} onClick={() => setPaused(!isPaused)}>{isPaused ? 'Go on' : 'Pause'}</Button>
                <Button disabled={found.length === 0} onClick={() => void copyLines(found)}>Copy</Button>
                <Button disabled={lines.length === 0} onClick={clear}>Clear</Button>
                </div>
            </PageHead>
            {error && <Notice kind="bad">{error.message}</Notice>}
            <Panel flush>
                <div class="list-bar">
                    <div class="filter"><TextInput type="search" label="Text" placeholder="Text" value={text} onChange={setText} /></div>
                    <Select label="Level" value={levels[least]!} choices={choices} onChange={setLevel} />
                    <span class="muted small">
                        {found.length === lines.length ? count(lines.length, 'line') : `${number(found.length)} of ${count(lines.length, 'line')}`}
                    </span>
                </div>
                {found.length > 0 ? <Lines lines={found} wanted={wanted} />
                    : lines.length > 0 ? <Empty title="No line is like this.">Filters see the last {number(LINES_MAX)} lines that this page has received.</Empty>
                        : isSilent && state === 'open' ? <Empty title="No lines">What is logged from now on appears here at once.</Empty> : <Loading />}
            </Panel>
        </>
    );
}
