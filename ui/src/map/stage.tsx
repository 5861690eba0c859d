/* The picture: drawn on canvases, with a button over each node for the keyboard, the pointer and screen readers. */
import { useEffect, useImperativeHandle, useLayoutEffect, useMemo, useRef, useState } from 'preact/hooks';
import type { Ref } from 'preact';

import { Button } from '../components/basics';
import { count } from '../lib/format';
import { shownTheme } from '../lib/settings';
import { useStore } from '../lib/store';
import type { Graph, MapNode } from './graph';
import type { Box, Picture } from './layout';
import { Painter } from './paint';
import { readPalette, type Lit, type Scene } from './scene';
import { between, centred, ease, firstView, fitted, panned, zoomed, type Size, type View } from './view';
import { nameOf, spokenOf } from './words';

export interface StageHandle { show: (id: string) => void; fit: (ids?: ReadonlySet<string>) => void }

const GLIDE_MS = 380;
const CONTROLS_PX = 48; /* the buttons at the foot */
const DRAG_MIN = 4; /* pixels */
const motion = window.matchMedia('(prefers-reduced-motion: reduce)');

/* --- the buttons over the nodes ------------------------------------------------------------------- */

/* A button is made anew only when something of it has changed: there are many, and figures come often. */
function NodeButton({ node, box, isNext, isPressed }: { node: MapNode; box: Box | undefined; isNext: boolean; isPressed: boolean }) {
    const label = spokenOf(node);
    return useMemo(() => box && (
        <button type="button" data-id={node.id} aria-label={label} title={nameOf(node)} aria-pressed={isPressed} tabIndex={isNext ? 0 : -1}
            style={{ left: `${Math.round(box.x)}px`, top: `${Math.round(box.y)}px`, width: `${box.w}px`, height: `${box.h}px` }} />
    ), [label, box, isNext, isPressed]);
}

/* The nearest node in a direction: what lies straight ahead is nearer than what lies aside. */
function neighbourOf(picture: Picture, id: string, key: string): string | undefined {
    const from = picture.boxes.get(id);
    if (!from) return undefined;
    const [fx, fy] = [from.x + from.w / 2, from.y + from.h / 2];
    let best: string | undefined;
    let least = Infinity;
    for (const [other, { x, y, w, h }] of picture.boxes) {
        const [dx, dy] = [x + w / 2 - fx, y + h / 2 - fy];
        const [ahead, aside] = key === 'ArrowLeft' ? [-dx, dy] : key === 'ArrowRight' ? [dx, dy] : key === 'ArrowUp' ? [-dy, dx] : [dy, dx];
        if (other === id || ahead <= 1) continue;
        const cost = ahead + Math.abs(aside) * (key === 'ArrowUp' || key === 'ArrowDown' ? 6 : 1.2);
        if (cost < least) [least, best] = [cost, other];
    }
    return best;
}

/* --- pictures that change -------------------------------------------------------------------------- */

/* A picture on the way from one to another. Edges that run otherwise than before are drawn as they will be. */
function mixed(before: Picture, after: Picture, t: number): Picture {
    const mix = (a: number, b: number) => a + (b - a) * t;
    const boxes = new Map<string, Box>();
    for (const [id, box] of after.boxes) {
        const old = before.boxes.get(id);
        boxes.set(id, old ? { ...box, x: mix(old.x, box.x), y: mix(old.y, box.y) } : box);
    }
    const curves = new Map(after.curves);
    for (const [id, curve] of after.curves) {
        const old = before.curves.get(id);
        if (old && old.points.length === curve.points.length) curves.set(id, { id, points: curve.points.map((n, i) => mix(old.points[i]!, n)) });
    }
    return { ...after, boxes, curves };
}

const GLIDES_MAX = 400; /* nodes of a picture that glides into the next one */

function usePictureThatGlides(picture: Picture): Picture {
    const [shown, setShown] = useState(picture);
    const now = useRef(picture);
    now.current = shown;
    useEffect(() => {
        if (now.current === picture) return;
        if (motion.matches || picture.boxes.size > GLIDES_MAX) {
            setShown(picture);
            return;
        }
        const before = now.current;
        const start = performance.now();
        let frame = 0;
        const step = (time: number) => {
            const t = Math.min(1, (time - start) / GLIDE_MS);
            setShown(t === 1 ? picture : mixed(before, picture, ease(t)));
            if (t < 1) frame = requestAnimationFrame(step);
        };
        frame = requestAnimationFrame(step);
        return () => cancelAnimationFrame(frame);
    }, [picture]);
    return shown;
}

/* --- the stage ---------------------------------------------------------------------------------------- */

export function Stage({ handle, graph, picture: wanted, selected, found, lit, isStill, onSelect, children }: {
    handle: Ref<StageHandle>;
    graph: Graph;
    picture: Picture;
    selected: string | undefined;
    found: ReadonlySet<string>;
    lit: Lit | undefined;
    isStill: boolean; /* nothing moves on the edges */
    onSelect: (id: string | undefined) => void;
    children?: preact.ComponentChildren;
}) {
    const element = useRef<HTMLDivElement>(null);
    const lower = useRef<HTMLCanvasElement>(null);
    const flow = useRef<HTMLCanvasElement>(null);
    const upper = useRef<HTMLCanvasElement>(null);
    const buttons = useRef<HTMLDivElement>(null);
    const painter = useRef<Painter | undefined>(undefined);
    const view = useRef<View | undefined>(undefined);
    const size = useRef<Size>({ w: 0, h: 0 });
    const isDirty = useRef(true);
    const glide = useRef(0);
    const [hovered, setHovered] = useState<string | undefined>();
    const [focused, setFocused] = useState<string | undefined>();
    const [next, setNext] = useState<string | undefined>(); /* the node that the Tab key goes to */
    const theme = useStore(shownTheme);
    const palette = useMemo(readPalette, [theme]);
    const picture = usePictureThatGlides(wanted);

    const setView = (to: View) => {
        view.current = to;
        isDirty.current = true;
    };
    const stopGlide = () => {
        cancelAnimationFrame(glide.current);
        glide.current = 0;
    };
    const glideTo = (to: View) => {
        stopGlide();
        const from = view.current;
        if (!from || motion.matches) return setView(to);
        const start = performance.now();
        const step = (now: number) => {
            const t = Math.min(1, (now - start) / GLIDE_MS);
            setView(between(from, to, ease(t)));
            glide.current = t < 1 ? requestAnimationFrame(step) : 0;
        };
        glide.current = requestAnimationFrame(step);
    };
    const zoomBy = (factor: number) => view.current && glideTo(zoomed(view.current, factor, size.current.w / 2, size.current.h / 2));
    const fit = (ids?: ReadonlySet<string>) => {
        const boxes = [...wanted.boxes].filter(([id]) => !ids || ids.has(id)).map(([, box]) => box);
        if (boxes.length === 0) return;
        const x = Math.min(...boxes.map((box) => box.x));
        const y = Math.min(...boxes.map((box) => box.y));
        const box = { x, y, w: Math.max(...boxes.map((one) => one.x + one.w)) - x, h: Math.max(...boxes.map((one) => one.y + one.h)) - y };
        glideTo(fitted(box, size.current));
    };
    const show = (id: string) => {
        const box = wanted.boxes.get(id);
        if (box && view.current) glideTo(centred(box, Math.max(view.current.z, 0.85), size.current));
    };
    const isSeen = ({ x, y, w, h }: Box) => {
        const at = view.current!;
        return (x - at.x) * at.z > 0 && (y - at.y) * at.z > 30 && (x + w - at.x) * at.z < size.current.w && (y + h - at.y) * at.z < size.current.h - CONTROLS_PX;
    };
    useImperativeHandle(handle, () => ({ show, fit }), [wanted]);

    /* What is drawn. */
    const scene: Scene = { graph, picture, palette, selected, hovered, focused, found, lit };
    useLayoutEffect(() => {
        painter.current ??= new Painter(lower.current!, flow.current!, upper.current!);
        painter.current.set(scene);
        isDirty.current = true;
    });

    /* The selected node is in sight, also when the panel that tells of it leaves less room for the picture. */
    const selectedBox = useRef<Box | undefined>(undefined);
    selectedBox.current = selected === undefined ? undefined : wanted.boxes.get(selected);
    const keepInSight = () => {
        const box = selectedBox.current;
        if (box && view.current && !isSeen(box)) glideTo(centred(box, view.current.z, size.current));
    };
    useEffect(keepInSight, [selected]);

    /* The size, and the first view once there is one. */
    useLayoutEffect(() => {
        const measure = () => {
            const { clientWidth: w, clientHeight: h } = element.current!;
            if (w === 0 || h === 0) return;
            /* What was in the middle stays there when a panel opens beside the picture. */
            if (view.current) setView(panned(view.current, (w - size.current.w) / 2, (h - size.current.h) / 2));
            size.current = { w, h };
            painter.current?.resize(size.current);
            view.current ??= firstView(wanted, size.current);
            keepInSight();
            isDirty.current = true;
        };
        measure();
        const watcher = new ResizeObserver(measure);
        watcher.observe(element.current!);
        return () => watcher.disconnect();
    }, []);

    /* One round for each frame: draws what has changed, and what moves. It ends before the canvases go. */
    const isMoving = useRef(true);
    isMoving.current = !isStill;
    useLayoutEffect(() => {
        let frame = 0;
        let hadFlow = false;
        let stillFor = 0; /* frames */
        const round = (now: number) => {
            frame = requestAnimationFrame(round);
            const at = view.current;
            if (!at || document.hidden) return;
            const moves = isMoving.current && !motion.matches && painter.current!.hasFlow;
            stillFor = isDirty.current ? 0 : stillFor + 1;
            if (isDirty.current) painter.current!.draw(at, size.current);
            /* Buttons follow when the view rests: moving a thousand of them costs more than drawing the picture. */
            if (stillFor === 2) buttons.current!.style.transform = `translate(${-at.x * at.z}px,${-at.y * at.z}px) scale(${at.z})`;
            if (moves || (isDirty.current && isMoving.current) || hadFlow) {
                if (moves) painter.current!.drawFlow(at, size.current, now);
                else painter.current!.clearFlow(at);
                hadFlow = moves;
            }
            isDirty.current = false;
        };
        frame = requestAnimationFrame(round);
        return () => cancelAnimationFrame(frame);
    }, []);

    useGestures(element, {
        view: () => view.current,
        set: (to) => { stopGlide(); setView(to); },
    });

    const onKey = (event: KeyboardEvent) => {
        const id = (event.target as HTMLElement).dataset['id'];
        if (event.ctrlKey || event.metaKey || event.altKey) return;
        if (event.key === '+' || event.key === '=') zoomBy(1.4);
        else if (event.key === '-') zoomBy(1 / 1.4);
        else if (event.key === '0') fit();
        else if (event.key === 'Escape' && selected) onSelect(undefined);
        else if (id !== undefined && event.key.startsWith('Arrow')) {
            const to = neighbourOf(wanted, id, event.key);
            if (to) buttons.current!.querySelector<HTMLElement>(`[data-id="${CSS.escape(to)}"]`)?.focus();
        } else return;
        event.preventDefault();
    };
    const onFocus = (event: FocusEvent) => {
        const target = event.target as HTMLElement;
        const id = target.dataset['id'];
        if (id === undefined) return;
        setNext(id);
        const box = wanted.boxes.get(id);
        if (!target.matches(':focus-visible') || !box || !view.current) return;
        setFocused(id);
        const { z } = view.current;
        if (!isSeen(box) || z < 0.4) glideTo(centred(box, Math.max(z, 0.7), size.current));
    };

    const nodes = [...graph.nodes.values()];
    const first = next !== undefined && graph.nodes.has(next) ? next : nodes[0]?.id;
    return (
        <div class="map-stage" ref={element} onKeyDown={onKey} onClick={(event) => { if (event.target === element.current || event.target === buttons.current) onSelect(undefined); }}>
            {[lower, flow, upper].map((canvas, i) => <canvas key={i} ref={canvas} aria-hidden="true" />)}
            <div class="map-nodes" ref={buttons} role="group" aria-label={`Map of ${count(nodes.length, 'object')}. Arrow keys go from one to the next, Enter shows an object.`}
                onFocusIn={onFocus} onFocusOut={() => setFocused(undefined)}
                onMouseOver={(event) => setHovered((event.target as HTMLElement).dataset['id'])} onMouseLeave={() => setHovered(undefined)}
                onClick={(event) => { const id = (event.target as HTMLElement).dataset['id']; if (id) onSelect(id === selected ? undefined : id); }}>
                {nodes.map((node) => <NodeButton key={node.id} node={node} box={wanted.boxes.get(node.id)} isNext={node.id === first} isPressed={node.id === selected} />)}
            </div>
            <div class="map-controls">
                <Button aria-label="Zoom in" title="Zoom in (+)" onClick={() => zoomBy(1.5)} icon="plus" />
                <Button aria-label="Zoom out" title="Zoom out (−)" onClick={() => zoomBy(1 / 1.5)} icon="minus" />
                <Button aria-label="Show all" title="Show all (0)" onClick={() => fit()} icon="fit" />
            </div>
            {children}
        </div>
    );
}

/* --- pointers ---------------------------------------------------------------------------------------- */

/* Panning by dragging, zooming by the wheel and by two fingers. A click goes on to what lies below. */
function useGestures(element: { current: HTMLDivElement | null }, { view, set }: { view: () => View | undefined; set: (to: View) => void }): void {
    const act = useRef({ view, set });
    act.current = { view, set };
    useEffect(() => {
        const stage = element.current!;
        const pointers = new Map<number, { x: number; y: number }>();
        let start = { x: 0, y: 0 };
        let isDragging = false;
        const at = (event: MouseEvent) => {
            const box = stage.getBoundingClientRect();
            return { x: event.clientX - box.left, y: event.clientY - box.top };
        };
        const onDown = (event: PointerEvent) => {
            if (event.button !== 0 || (event.target as Element).closest('.map-controls, .map-legend')) return;
            pointers.set(event.pointerId, at(event));
            if (pointers.size === 1) [start, isDragging] = [at(event), false];
        };
        const onMove = (event: PointerEvent) => {
            const before = pointers.get(event.pointerId);
            const now = act.current.view();
            if (!before || !now) return;
            const point = at(event);
            if (!isDragging && Math.hypot(point.x - start.x, point.y - start.y) < DRAG_MIN && pointers.size === 1) return;
            if (!isDragging) {
                isDragging = true;
                stage.dataset['dragging'] = '';
                for (const id of pointers.keys()) stage.setPointerCapture(id);
            }
            if (pointers.size === 1) {
                act.current.set(panned(now, point.x - before.x, point.y - before.y));
            } else {
                const other = [...pointers].find(([id]) => id !== event.pointerId)![1];
                const factor = Math.hypot(point.x - other.x, point.y - other.y) / Math.max(1, Math.hypot(before.x - other.x, before.y - other.y));
                const [mx, my] = [(before.x + other.x) / 2, (before.y + other.y) / 2];
                act.current.set(panned(zoomed(now, factor, mx, my), (point.x - before.x) / 2, (point.y - before.y) / 2));
            }
            pointers.set(event.pointerId, point);
        };
        const onUp = (event: PointerEvent) => {
            pointers.delete(event.pointerId);
            delete stage.dataset['dragging'];
        };
        const onClick = (event: MouseEvent) => {
            if (!isDragging) return;
            isDragging = false;
            event.stopPropagation();
        };
        const onWheel = (event: WheelEvent) => {
            const now = act.current.view();
            if (!now) return;
            event.preventDefault();
            const { x, y } = at(event);
            const lines = event.deltaMode === 1 ? 24 : 1;
            if (event.shiftKey) act.current.set(panned(now, -(event.deltaY + event.deltaX) * lines, 0));
            else act.current.set(zoomed(now, Math.exp(-event.deltaY * lines * (event.ctrlKey ? 0.01 : 0.0016)), x, y));
        };
        stage.addEventListener('pointerdown', onDown);
        stage.addEventListener('pointermove', onMove);
        stage.addEventListener('pointerup', onUp);
        stage.addEventListener('pointercancel', onUp);
        stage.addEventListener('click', onClick, true);
        stage.addEventListener('wheel', onWheel, { passive: false });
        return () => {
            stage.removeEventListener('pointerdown', onDown);
            stage.removeEventListener('pointermove', onMove);
            stage.removeEventListener('pointerup', onUp);
            stage.removeEventListener('pointercancel', onUp);
            stage.removeEventListener('click', onClick, true);
            stage.removeEventListener('wheel', onWheel);
        };
    }, []);
}
