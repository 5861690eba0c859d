/* Draws the map onto three canvases: edges, what flows on them, and above it nodes and labels. What is drawn grows with
 * the scale: shapes and colours first, then names, then figures and the labels of edges. */
import type { EdgeKind, Kind, MapEdge } from './graph';
import { NodePainter } from './node_painter';
import type { Scene } from './scene';
import { pointAt, startOfLast, trackOf, type Track } from './tracks';
import type { Size, View } from './view';
import { labelOf } from './words';

const LABELS_FROM = 0.56; /* scales */
const DOTS_FROM = 0.12;
const DOTS_MAX = 2200;
const FADED = 0.13;

const isIdleEdge = (edge: MapEdge) => !edge.rate;
const dashes: Partial<Record<EdgeKind, number[]>> = { dead: [6, 5], alternate: [10, 5] };

function widthOf(edge: MapEdge): number {
    return isIdleEdge(edge) ? 1.1 : Math.min(5, 1.3 + Math.log10(1 + edge.rate!) * 1.1);
}

interface Line { edge: MapEdge; points: number[]; track: Track }

export class Painter {
    private lines: Line[] = [];
    private scene: Scene | undefined;
    private nodes = new NodePainter();
    private labels: { x: number; y: number; text: string; edge: MapEdge }[] = [];

    constructor(private lower: HTMLCanvasElement, private flow: HTMLCanvasElement, private upper: HTMLCanvasElement) {}

    set(scene: Scene): void {
        if (this.scene?.picture !== scene.picture || this.scene.graph !== scene.graph) {
            const before = new Map(this.lines.map((line) => [line.points, line.track]));
            this.lines = scene.graph.edges.flatMap((edge) => {
                const curve = scene.picture.curves.get(edge.id);
                return curve ? [{ edge, points: curve.points, track: before.get(curve.points) ?? trackOf(curve) }] : [];
            });
            this.placeLabels(scene);
        }
        if (this.scene?.palette.font !== scene.palette.font) this.nodes.forgetTexts();
        this.scene = scene;
    }

    get hasFlow(): boolean {
        return this.lines.some(({ edge }) => !isIdleEdge(edge));
    }

    resize(size: Size): void {
        const ratio = Math.min(2, window.devicePixelRatio || 1);
        for (const canvas of [this.lower, this.flow, this.upper]) {
            canvas.width = Math.round(size.w * ratio);
            canvas.height = Math.round(size.h * ratio);
            canvas.style.width = `${size.w}px`;
            canvas.style.height = `${size.h}px`;
        }
    }

    private begin(canvas: HTMLCanvasElement, view: View): CanvasRenderingContext2D {
        const ratio = canvas.width / (parseFloat(canvas.style.width) || 1);
        const g = canvas.getContext('2d')!;
        g.setTransform(1, 0, 0, 1, 0, 0);
        g.clearRect(0, 0, canvas.width, canvas.height);
        const k = ratio * view.z;
        g.setTransform(k, 0, 0, k, -view.x * k, -view.y * k);
        return g;
    }

    /* --- what stands still ---------------------------------------------------------------------- */

    draw(view: View, size: Size): void {
        const { scene } = this;
        if (!scene) return;
        const seen: [number, number, number, number] = [view.x, view.y, view.x + size.w / view.z, view.y + size.h / view.z];
        this.drawEdges(this.begin(this.lower, view), scene, view.z, seen);
        const g = this.begin(this.upper, view);
        for (const [id, box] of scene.picture.boxes) {
            if (box.x > seen[2] || box.y - 20 > seen[3] || box.x + box.w < seen[0] || box.y + box.h < seen[1]) continue;
            const node = scene.graph.nodes.get(id);
            if (node) this.nodes.draw(g, scene, node, box, view.z);
        }
        if (view.z >= LABELS_FROM) this.drawLabels(g, scene, view.z, seen);
        this.drawTitles(g, scene, view, size);
    }

    private alphaOfEdge(scene: Scene, edge: MapEdge): number {
        const { lit, hovered, selected } = scene;
        if (lit) return lit.edges.has(edge.id) ? 1 : lit.stopped.has(edge.id) ? 0.38 : FADED * 0.7;
        const near = hovered ?? selected;
        if (near === undefined || !scene.graph.nodes.has(near)) return 1;
        return edge.from === near || edge.to === near ? 1 : 0.36;
    }

    private drawEdges(g: CanvasRenderingContext2D, scene: Scene, z: number, seen: [number, number, number, number]): void {
        /* Lines of one look are one path. */
        const looks = new Map<string, Line[]>();
        for (const line of this.lines) {
            const { box } = line.track;
            if (box[0] > seen[2] || box[1] > seen[3] || box[2] < seen[0] || box[3] < seen[1]) continue;
            const { edge } = line;
            const isLit = scene.lit?.edges.has(edge.id) ?? false;
            const width = isLit ? 3 : Math.round(widthOf(edge) * 4) / 4;
            const isPlain = !isLit && isIdleEdge(edge) && (edge.kind === 'binding' || edge.kind === 'consume' || edge.kind === 'publish');
            const color = isPlain ? scene.palette.lineStrong : isLit && edge.kind === 'binding' ? scene.palette.accent : scene.palette.edges[edge.kind];
            const strength = isPlain ? 0.5 : isLit ? 1 : 0.72;
            const look = `${this.alphaOfEdge(scene, edge) * strength}|${color}|${width}|${edge.kind}`;
            const list = looks.get(look);
            if (list) list.push(line);
            else looks.set(look, [line]);
        }
        /* Many lines on few pixels would be a wall. */
        const crowd = Math.min(1, 0.35 + 0.65 * Math.min(1, (z * 400) / Math.max(1, Math.sqrt(this.lines.length) * 8)));
        for (const [look, lines] of [...looks].sort(([a], [b]) => parseFloat(a) - parseFloat(b))) {
            const [alpha, color, width, kind] = look.split('|') as [string, string, string, EdgeKind];
            g.globalAlpha = Number(alpha) * (Number(alpha) === 1 ? 1 : crowd);
            g.strokeStyle = g.fillStyle = color;
            g.lineWidth = Math.max(Number(width), 0.7 / z);
            g.setLineDash(z < 0.15 ? [] : dashes[kind] ?? []);
            g.beginPath();
            for (const { points } of lines) {
                g.moveTo(points[0]!, points[1]!);
                for (let i = 2; i < points.length; i += 6)
                    g.bezierCurveTo(points[i]!, points[i + 1]!, points[i + 2]!, points[i + 3]!, points[i + 4]!, points[i + 5]!);
            }
            g.stroke();
            if (z < 0.25) continue;
            g.setLineDash([]);
            g.beginPath();
            for (const { points } of lines) {
                const n = points.length;
                const [x, y] = [points[n - 2]!, points[n - 1]!];
                const back = points[n - 4]! <= x ? -1 : 1;
                const size = 5.5 + Number(width) * 0.8;
                g.moveTo(x, y);
                g.lineTo(x + back * size, y - size * 0.48);
                g.lineTo(x + back * size, y + size * 0.48);
                g.closePath();
            }
            g.fill();
        }
        g.globalAlpha = 1;
        g.setLineDash([]);
    }

    /* --- labels of edges -------------------------------------------------------------------------- */

    /* Chooses for each label a place on its edge where none stands yet. */
    private placeLabels(scene: Scene): void {
        const CELL = 18;
        const taken = new Set<string>();
        const isFree = (x: number, y: number, w: number, claim: boolean): boolean => {
            const row = Math.round(y / CELL);
            for (let c = Math.floor((x - w / 2) / CELL); c <= Math.floor((x + w / 2) / CELL); c++) {
                if (claim) taken.add(`${c},${row}`).add(`${c},${row + 1}`);
                else if (taken.has(`${c},${row}`) || taken.has(`${c},${row + 1}`)) return false;
            }
            return true;
        };
        const columns = scene.picture.columns;
        const isBetween = (x: number, w: number) => columns.every((column) => x + w / 2 < column.x - 2 || x - w / 2 > column.x + column.w + 2);
        this.labels = [];
        const point = { x: 0, y: 0 };
        const sorted = [...this.lines].sort((a, b) => (b.edge.rate ?? -1) - (a.edge.rate ?? -1));
        for (const { edge, track } of sorted) {
            const text = labelOf(edge);
            if (text === '') continue;
            const w = text.length * 6.4 + 12;
            const start = startOfLast(track);
            for (const part of [0.6, 0.5, 0.7, 0.4, 0.8, 0.3]) {
                pointAt(track, start + (track.length - start) * part, point);
                if (!isBetween(point.x, w) || !isFree(point.x, point.y, w, false)) continue;
                isFree(point.x, point.y, w, true);
                this.labels.push({ x: point.x, y: point.y, text, edge });
                break;
            }
        }
    }

    private drawLabels(g: CanvasRenderingContext2D, scene: Scene, z: number, seen: [number, number, number, number]): void {
        g.font = `${Math.min(14, Math.max(11, 8 / z))}px ${scene.palette.font}`;
        g.textAlign = 'center';
        g.textBaseline = 'middle';
        for (const { x, y, text, edge } of this.labels) {
            if (x < seen[0] - 80 || x > seen[2] + 80 || y < seen[1] || y > seen[3]) continue;
            g.globalAlpha = this.alphaOfEdge(scene, edge);
            const w = g.measureText(text).width + 10;
            g.fillStyle = scene.palette.bg;
            g.beginPath();
            g.roundRect(x - w / 2, y - 9, w, 18, 9);
            g.fill();
            g.fillStyle = isIdleEdge(edge) ? scene.palette.muted : scene.palette.text;
            g.fillText(text, x, y + 0.5);
        }
        g.globalAlpha = 1;
    }

    /* The columns' titles stay at the top of the screen. */
    private drawTitles(g: CanvasRenderingContext2D, scene: Scene, view: View, size: Size): void {
        const { columns } = scene.picture;
        const ratio = this.upper.width / (size.w || 1);
        g.setTransform(ratio, 0, 0, ratio, 0, 0);
        const shade = g.createLinearGradient(0, 0, 0, 34);
        shade.addColorStop(0.7, scene.palette.bg);
        shade.addColorStop(1, `${scene.palette.bg}00`);
        g.fillStyle = shade;
        g.fillRect(0, 0, size.w, 34);
        const titles: Record<Kind, string> = { publisher: 'Publishers', exchange: 'Exchanges', queue: 'Queues', consumer: 'Consumers' };
        g.font = `600 12px ${scene.palette.font}`;
        g.textBaseline = 'middle';
        g.textAlign = 'center';
        columns.forEach((column, i) => {
            if (columns[i - 1]?.kind === column.kind) return;
            let last = i;
            while (columns[last + 1]?.kind === column.kind) last++;
            const left = (column.x - view.x) * view.z;
            const right = (columns[last]!.x + columns[last]!.w - view.x) * view.z;
            const [from, to] = [Math.max(left, 8), Math.min(right, size.w - 8)];
            if (to - from < 24) return;
            g.fillStyle = scene.palette.muted;
            g.fillText(titles[column.kind], (from + to) / 2, 15);
        });
    }

    /* --- what flows -------------------------------------------------------------------------------- */

    clearFlow(view: View): void {
        this.begin(this.flow, view);
    }

    /* Draws messages on their way at a time, in milliseconds. */
    drawFlow(view: View, size: Size, now: number): void {
        const { scene } = this;
        const g = this.begin(this.flow, view);
        if (!scene || view.z < DOTS_FROM) return;
        const seen = [view.x, view.y, view.x + size.w / view.z, view.y + size.h / view.z] as const;
        const byColor = new Map<string, number[]>();
        const [a, b] = [{ x: 0, y: 0 }, { x: 0, y: 0 }];
        let dots = 0;
        for (const { edge, track } of this.lines) {
            if (isIdleEdge(edge) || this.alphaOfEdge(scene, edge) < 0.5) continue;
            const { box } = track;
            if (box[0] > seen[2] || box[1] > seen[3] || box[2] < seen[0] || box[3] < seen[1]) continue;
            const strength = Math.log10(1 + edge.rate!);
            const spacing = Math.max(26, 150 - 45 * strength);
            const speed = 34 + 22 * strength;
            const color = scene.palette.edges[edge.kind];
            let list = byColor.get(color);
            if (!list) byColor.set(color, (list = []));
            const start = (((now / 1000) * speed) % spacing + spacing) % spacing;
            for (let at = start; at < track.length && dots < DOTS_MAX; at += spacing, dots++) {
                pointAt(track, at, a);
                pointAt(track, Math.max(0, at - 7), b);
                list.push(b.x, b.y, a.x, a.y);
            }
        }
        g.lineCap = 'round';
        for (const [color, points] of byColor) {
            g.beginPath();
            for (let i = 0; i < points.length; i += 4) {
                g.moveTo(points[i]!, points[i + 1]!);
                g.lineTo(points[i + 2]!, points[i + 3]!);
            }
            g.strokeStyle = scene.palette.bg;
            g.lineWidth = Math.max(7, 3 / view.z);
            g.globalAlpha = 0.9;
            if (view.z > 0.5) g.stroke();
            g.strokeStyle = color;
            g.lineWidth = Math.max(4, 1.6 / view.z);
            g.globalAlpha = 1;
            g.stroke();
        }
    }
}
