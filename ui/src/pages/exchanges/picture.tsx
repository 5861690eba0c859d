/* An exchange and what is bound to it, drawn: sources at the left, the exchange, destinations at the
 * right, keys on the lines; below each other where there is little room. */
import { useEffect, useRef, useState } from 'preact/hooks';

import { Icon } from '../../components/icons';
import { count, exchangeName } from '../../lib/format';
import { href } from '../../lib/router';
import { addressName, type Binding } from './types';

/* What stands at the other end of some bindings, and their keys. */
export interface End { kind: 'queue' | 'exchange' | 'more'; name: string; keys: string[]; isAlternate?: boolean }

/* What is written on a binding's line, by the type that routes. */
export function keyText(binding: Pick<Binding, 'routing_key' | 'arguments'>, type: string): string {
    if (type === 'headers') return Object.entries(binding.arguments).map(([name, value]) => `${name}=${typeof value === 'string' ? value : JSON.stringify(value)}`).join(' ');
    if (type === 'x-consistent-hash') return `weight ${binding.routing_key}`;
    if (type === 'direct' || type === 'topic') return binding.routing_key === '' ? '(empty)' : binding.routing_key;
    return '';
}

/* Puts bindings with the same other end together, and shows at most `limit` ends. */
export function endsOf(bindings: Binding[], side: 'source' | 'destination', type: string, limit: number): End[] {
    const ends = new Map<string, End>();
    for (const binding of bindings) {
        const kind = side === 'source' ? 'exchange' : binding.destination_type;
        const id = `${kind}\n${binding[side]}`;
        const end = ends.get(id) ?? { kind, name: binding[side], keys: [] };
        end.keys.push(keyText(binding, type));
        ends.set(id, end);
    }
    return [...ends.values()].slice(0, limit);
}

function keysText(keys: string[]): string {
    const shown = keys.filter((key) => key !== '');
    return shown.length > 2 ? `${shown[0]} +${shown.length - 1}` : shown.join(', ');
}

/* --- places ------------------------------------------------------------------------------------ */

interface Box { end: End | null /* the exchange itself */; x: number; y: number; width: number }
interface Label { text: string; title: string; x: number; y: number; width: number; isRight: boolean }
interface Drawing { height: number; boxes: Box[]; lines: { path: string; isDashed: boolean }[]; labels: Label[] }

const BOX = 30; /* a box's height */
const ROW = 46; /* from one box to the next */
const LABEL = 17;
const NARROW = 600;
const WIDE_MAX = 1200;

function wide(width: number, sources: End[], destinations: End[]): Drawing {
    const rows = Math.max(sources.length, destinations.length, 1);
    const height = rows * ROW + 12;
    const side = Math.round(Math.min(260, width * 0.26));
    const own = Math.round(Math.min(220, width * 0.2));
    const x = sources.length > 0 ? Math.round((width - own) / 2) : Math.min(24, width * 0.02);
    const middle = height / 2;
    const drawing: Drawing = { height, boxes: [{ end: null, x, y: middle, width: own }], lines: [], labels: [] };
    const at = (i: number, of: number) => middle + (i - (of - 1) / 2) * ROW;
    destinations.forEach((end, i) => {
        const y = at(i, destinations.length);
        const [from, to] = [x + own, width - side];
        drawing.boxes.push({ end, x: to, y, width: side });
        drawing.lines.push({ path: `M${from} ${middle}C${from + 36} ${middle} ${from + 12} ${y} ${from + 48} ${y}H${to - 2}`, isDashed: !!end.isAlternate });
        drawing.labels.push({ text: keysText(end.keys), title: end.keys.join('\n'), x: from + 48, y: y - LABEL - 1, width: to - from - 58, isRight: true });
    });
    sources.forEach((end, i) => {
        const y = at(i, sources.length);
        drawing.boxes.push({ end, x: 0, y, width: side });
        drawing.lines.push({ path: `M${side} ${y}H${x - 48}C${x - 12} ${y} ${x - 36} ${middle} ${x - 2} ${middle}`, isDashed: false });
        drawing.labels.push({ text: keysText(end.keys), title: end.keys.join('\n'), x: side + 8, y: y - LABEL - 1, width: x - side - 58, isRight: false });
    });
    return drawing;
}

/* The exchange between its sources and its destinations, which hang at a trunk. */
function narrow(width: number, sources: End[], destinations: End[]): Drawing {
    const step = BOX + LABEL + 8;
    const [trunk, indent] = [12, 32];
    const drawing: Drawing = { height: 0, boxes: [], lines: [], labels: [] };
    let y = 0;
    const hang = (end: End) => {
        drawing.labels.push({ text: keysText(end.keys), title: end.keys.join('\n'), x: indent, y: y + 2, width: width - indent, isRight: false });
        const center = y + LABEL + 3 + BOX / 2;
        drawing.boxes.push({ end, x: indent, y: center, width: width - indent });
        y += step;
        return center;
    };
    const from = sources.map(hang);
    const own = y + BOX / 2 + 6;
    drawing.boxes.push({ end: null, x: 0, y: own, width: Math.round(width * 0.75) });
    y = own + BOX / 2 + 2;
    from.forEach((center) => drawing.lines.push({ path: `M${indent} ${center}H${trunk}V${own - BOX / 2 - 2}`, isDashed: false }));
    destinations.forEach((end) => {
        const center = hang(end);
        drawing.lines.push({ path: `M${trunk} ${own + BOX / 2}V${center}H${indent - 2}`, isDashed: !!end.isAlternate });
    });
    drawing.height = y + 4;
    return drawing;
}

/* --- the picture ------------------------------------------------------------------------------- */

function BoxContent({ box, vhost, name }: { box: Box; vhost: string; name: string }) {
    const { end } = box;
    if (!end) return <span class="node" data-kind="own" title={exchangeName(name)}><Icon name="exchanges" /><span class="cut">{exchangeName(name)}</span></span>;
    if (end.kind === 'more') return <span class="node" data-kind="more"><span class="cut">{end.name}</span></span>;
    const to = end.kind === 'queue' ? href(['queues', vhost, end.name]) : href(['exchanges', vhost, addressName(end.name)]);
    return (
        <a class="node" data-kind={end.kind} href={to} title={end.name} aria-label={`${end.kind} ${exchangeName(end.name)}${end.isAlternate ? ', alternate exchange' : ''}`}>
            <Icon name={end.kind === 'queue' ? 'queues' : 'exchanges'} /><span class="cut" dir="auto">{exchangeName(end.name)}</span>
        </a>
    );
}

export function Picture({ vhost, name, sources, destinations, bindings }: {
    vhost: string; name: string; sources: End[]; destinations: End[]; bindings: number;
}) {
    const place = useRef<HTMLDivElement>(null);
    const [width, setWidth] = useState(0);
    useEffect(() => {
        const watcher = new ResizeObserver(() => setWidth(place.current?.clientWidth ?? 0));
        watcher.observe(place.current!);
        return () => watcher.disconnect();
    }, []);
    /* Without sources the lines would be very long. */
    const room = sources.length > 0 ? width : Math.min(width, WIDE_MAX);
    const drawing = width === 0 ? null : width < NARROW ? narrow(width, sources, destinations) : wide(room, sources, destinations);
    return (
        <div ref={place} class="picture" role="group" aria-label={`${exchangeName(name)} and ${count(bindings, 'binding')}`} style={{ minHeight: `${ROW}px` }}>
            {drawing && (
                <svg width={width} height={drawing.height} viewBox={`0 0 ${width} ${drawing.height}`}>
                    <defs>
                        <marker id="arrow" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M1 1 7 4 1 7" fill="none" stroke="var(--line-strong)" stroke-width="1.2" /></marker>
                    </defs>
                    {drawing.lines.map(({ path, isDashed }) => (
                        <path key={path} d={path} fill="none" stroke="var(--line-strong)" stroke-width="1.25" stroke-dasharray={isDashed ? '5 4' : undefined} marker-end="url(#arrow)" aria-hidden="true" />
                    ))}
                    {drawing.labels.filter(({ text, width: room }) => text !== '' && room > 0).map(({ text, title, x, y, width: room, isRight }) => (
                        <foreignObject key={`${x} ${y}`} x={x} y={y} width={room} height={LABEL}>
                            <div class={isRight ? 'line-label is-right' : 'line-label'}><code class="cut" title={title}>{text}</code></div>
                        </foreignObject>
                    ))}
                    {drawing.boxes.map((box) => (
                        <foreignObject key={`${box.x} ${box.y}`} x={box.x} y={box.y - BOX / 2} width={box.width} height={BOX}>
                            <BoxContent box={box} vhost={vhost} name={name} />
                        </foreignObject>
                    ))}
                </svg>
            )}
        </div>
    );
}
