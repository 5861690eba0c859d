/* Charts over time, drawn by uPlot. */
import { useEffect, useRef, useState } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { shownTheme } from '../lib/settings';
import { useQuery } from '../lib/router';
import { startedAt } from '../lib/start';
import { useStore } from '../lib/store';
import { bytes, compact, timeOfDay } from '../lib/format';
import { Segmented } from './basics';

/* --- periods --------------------------------------------------------------------------------------- */

/* The periods that samples are kept for: each is its seconds, and the seconds between two samples. A
 * period is a little shorter than its name, since the whole of it would reach back to older samples,
 * which are further apart. */
const periods = {
    '1m': { text: '1 min', age: 60, step: 5 },
    '10m': { text: '10 min', age: 590, step: 5 },
    '1h': { text: '1 h', age: 3540, step: 60 },
    '8h': { text: '8 h', age: 28200, step: 600 },
    '1d': { text: '1 day', age: 84600, step: 1800 },
} as const;

export type Period = keyof typeof periods;

/* The periods of a single object: queues, exchanges, connections and channels are kept for an hour. */
export const objectPeriods: Period[] = ['1m', '10m', '1h'];
const allPeriods = Object.keys(periods) as Period[];

/* The period in the address (`range`). */
export function usePeriod(): Period {
    const [value] = useQuery('range', '10m');
    return Object.hasOwn(periods, value) ? (value as Period) : '10m';
}

export function PeriodPicker({ choices = allPeriods }: { choices?: Period[] }) {
    const [, setPeriod] = useQuery('range', '10m');
    return <Segmented label="Period" value={usePeriod()} choices={choices.map((id) => [id, periods[id].text] as const)} onChange={setPeriod} />;
}

/* Parameters that make the API add samples of a period: kinds are lengths, msg_rates, data_rates, node_stats. */
export function sampleParameters(period: Period, ...kinds: string[]): Record<string, number> {
    const { age, step } = periods[period];
    return Object.fromEntries(kinds.flatMap((kind) => [[`${kind}_age`, age], [`${kind}_incr`, step]]));
}

/* --- samples --------------------------------------------------------------------------------------- */

export interface Samples { rate?: number; samples?: { sample: number; timestamp: number }[] }

export type Point = [number, number | null]; /* milliseconds since 1970, value */

/* The broker takes its first sample this long after its start. */
const FIRST_SAMPLE_MS = 5000;

/* Samples of this run of the broker, oldest first. */
function ordered(details: Samples | undefined) {
    const first = startedAt.get() + FIRST_SAMPLE_MS;
    return (details?.samples ?? []).filter(({ timestamp }) => timestamp >= first).reverse();
}

/* The values themselves, oldest first. */
export function lengthsOf(details: Samples | undefined): Point[] {
    return ordered(details).map(({ timestamp, sample }) => [timestamp, sample]);
}

/* What a counter grew by in each second between two samples, oldest first. */
export function ratesOf(details: Samples | undefined): Point[] {
    const samples = ordered(details);
    return samples.slice(1).map(({ timestamp, sample }, i) => {
        const before = samples[i]!;
        const seconds = (timestamp - before.timestamp) / 1000;
        return [timestamp, seconds > 0 ? Math.max(0, (sample - before.sample) / seconds) : null];
    });
}

/* An object's counters and lengths, each with its samples: publish_details ... */
export type Details = Record<string, Samples | undefined>;

/* A counter of those, what its line is called, and its colour. */
export type CounterLine = [string, string, number];

/* What of messages is drawn, on every page in the same colours. */
export const messageRates: CounterLine[] = [
    ['publish', 'Published', 1],
    ['confirm', 'Confirmed', 5],
    ['deliver_get', 'Delivered', 2],
    ['ack', 'Acknowledged', 3],
    ['redeliver', 'Redelivered', 4],
    ['return_unroutable', 'Returned', 6],
    ['drop_unroutable', 'Dropped', 7],
];

/* The lines of how these counters grow. */
export function rateLines(details: Details | undefined, wanted: CounterLine[]): Line[] {
    return wanted.map(([id, label, color]) => ({ label, color, points: ratesOf(details?.[`${id}_details`]) }));
}

/* --- a chart --------------------------------------------------------------------------------------- */

export interface Line { label: string; points: Point[]; color?: number /* 1 to 7 */ }

const HEIGHT = 180;

/* Steps of an axis: of bytes they are powers of two, of things that are counted whole numbers; none has more digits than is shown. */
const byteSteps = Array.from({ length: 50 }, (_, i) => 2 ** i);
const wholeSteps = Array.from({ length: 15 }, (_, i) => [1, 2, 5].map((n) => n * 10 ** i)).flat();
const steps = [0.1, 0.2, 0.5, ...wholeSteps];

/* Of time, each at most 2.5 times the one before: so one always fits into what is drawn, in seconds. */
const timeSteps = [1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 28_800, 43_200, 86_400];

/* The period that is drawn where there are no samples. */
const NO_SAMPLES_MS = 600_000;

function align(lines: Line[]): uPlot.AlignedData {
    const known = [...new Set(lines.flatMap((line) => line.points.map(([t]) => t)))].sort((a, b) => a - b);
    const times = known.length > 0 ? known : [Date.now() - NO_SAMPLES_MS, Date.now()];
    const values = lines.map((line) => {
        const at = new Map(line.points);
        return times.map((t) => at.get(t) ?? null);
    });
    return [times.map((t) => t / 1000), ...values] as uPlot.AlignedData;
}

function options(width: number, height: number, lines: Line[], format: (n: number) => string, onCursor: (i: number | null) => void): uPlot.Options {
    const style = getComputedStyle(document.documentElement);
    const color = (name: string) => style.getPropertyValue(name).trim();
    const axis = {
        stroke: color('--muted'),
        grid: { stroke: color('--line'), width: 1 },
        ticks: { show: false },
        font: `11px ${color('--font')}`,
    };
    return {
        width,
        height,
        padding: [8, 28, 0, 0],
        legend: { show: false },
        cursor: { y: false, points: { size: 6 }, drag: { x: false, y: false } },
        scales: { y: { range: (_, __, max) => [0, max > 0 ? max * 1.1 : 1] } },
        axes: [
            { ...axis, size: 28, space: 80, incrs: timeSteps, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toLocaleTimeString(undefined, { hourCycle: 'h23', hour: '2-digit', minute: '2-digit', ...(ticks.length > 1 && ticks[1]! - ticks[0]! < 60 ? { second: '2-digit' } : {}) })) },
            { ...axis, size: 62, space: 36, incrs: format === bytes ? byteSteps : format === compact ? wholeSteps : steps, values: (_, ticks) => ticks.map(format) },
        ],
        series: [{}, ...lines.map((line, i): uPlot.Series => ({
            label: line.label,
            stroke: color(`--series-${line.color ?? i + 1}`),
            width: 1.75,
            spanGaps: true,
            points: { show: line.points.length === 1 },
        }))],
        hooks: { setCursor: [(plot) => onCursor(plot.cursor.idx ?? null)] },
    };
}

/* Lines over time. Below stand their last values, or those under the pointer; a click on one hides its line. */
export function Chart({ label, lines, format, height = HEIGHT }: {
    label: string; lines: Line[]; format: (n: number) => string; height?: number;
}) {
    const place = useRef<HTMLDivElement>(null);
    const plot = useRef<uPlot | undefined>(undefined);
    const [cursor, setCursor] = useState<number | null>(null);
    const [hidden, setHidden] = useState<Record<string, boolean>>({});
    const shown = useStore(shownTheme);
    const data = align(lines);
    const hasSamples = lines.some(({ points }) => points.length > 0);
    const names = lines.map((line) => line.label).join('\n');

    useEffect(() => {
        const element = place.current!;
        const made = new uPlot(options(element.clientWidth, height, lines, format, setCursor), data, element);
        plot.current = made;
        const watcher = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height }));
        watcher.observe(element);
        return () => {
            watcher.disconnect();
            made.destroy();
            plot.current = undefined;
        };
    }, [names, shown, height]);
    useEffect(() => plot.current?.setData(data));
    useEffect(() => lines.forEach((line, i) => plot.current?.setSeries(i + 1, { show: !hidden[line.label] })), [hidden, names, shown]);

    const at = cursor ?? data[0].length - 1;
    const valueAt = (i: number) => {
        const value = data[i + 1]?.[at];
        return typeof value === 'number' ? format(value) : '–';
    };
    return (
        <figure class="chart">
            <div ref={place} role="img" style={{ height: `${height}px` }}
                aria-label={`${label}: ${lines.map((line, i) => `${line.label} ${valueAt(i)}`).join(', ')}`} />
            {!hasSamples && <span class="chart-empty">No samples yet</span>}
            <figcaption class="legend">
                {lines.map((line, i) => (
                    <button type="button" key={line.label} aria-pressed={!hidden[line.label]} onClick={() => setHidden({ ...hidden, [line.label]: !hidden[line.label] })}>
                        <span class="swatch" style={{ background: `var(--series-${line.color ?? i + 1})` }} aria-hidden="true" />
                        {line.label} <strong>{valueAt(i)}</strong>
                    </button>
                ))}
                {hasSamples && cursor !== null && data[0][cursor] !== undefined && <span class="muted">{timeOfDay(data[0][cursor]! * 1000)}</span>}
            </figcaption>
        </figure>
    );
}
