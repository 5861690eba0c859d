/* Draws single nodes of the map. The larger the scale, the more of a node is drawn: its shape and colour, then its name, then its figures. */
import type { Kind, MapNode } from './graph';
import type { Box } from './layout';
import type { Scene } from './scene';
import { figuresOf, isNearLimit, nameOf, oneLine } from './words';

const NAMES_FROM = 0.3; /* scales */
const FIGURES_FROM = 0.5;
const HISTORY_HEIGHT = 7; /* below a node's figures */

function isQuiet(node: MapNode): boolean {
    return node.rateIn === 0 && node.rateOut === 0 && node.messages === 0;
}

export class NodePainter {
    private texts = new Map<string, string>(); /* as much of each as there is room for */

    /* Another font has other widths. */
    forgetTexts(): void {
        this.texts.clear();
    }

    private alphaOfNode(scene: Scene, id: string): number {
        if (scene.lit) return scene.lit.nodes.has(id) ? 1 : 0.3;
        if (scene.found.size > 0 && !scene.found.has(id)) return 0.35;
        return 1;
    }

    draw(g: CanvasRenderingContext2D, scene: Scene, node: MapNode, { x, y, w, h }: Box, z: number): void {
        const p = scene.palette;
        const color = p.kinds[node.kind];
        const { trouble } = node;
        const troubleColor = trouble?.level === 'bad' ? p.bad : p.warn;
        g.globalAlpha = this.alphaOfNode(scene, node.id);
        const isMarked = node.id === scene.selected || node.id === scene.focused;
        if (z < 0.22) {
            g.fillStyle = trouble ? troubleColor : color;
            if (!trouble && isQuiet(node)) g.globalAlpha *= 0.55;
            g.fillRect(x, y + h * 0.12, w, h * 0.76);
            if (trouble) this.drawSign(g, x + w, y, 13 / z, troubleColor, p.panel);
            if (isMarked || scene.found.has(node.id) || scene.lit?.nodes.has(node.id)) this.ring(g, p.accent, x, y, w, h, 4, 2 / z);
            g.globalAlpha = 1;
            return;
        }
        const r = node.kind === 'exchange' ? h / 2 : node.kind === 'queue' ? 9 : 5;
        if (node.folds.length > 0) {
            for (const step of [8, 4]) {
                this.shape(g, node.kind, x + step, y + step, w, h, r);
                g.fillStyle = p.panel;
                g.fill();
                g.strokeStyle = p.lineStrong;
                g.lineWidth = Math.max(1, 0.7 / z);
                g.globalAlpha *= 0.8;
                g.stroke();
                g.globalAlpha = this.alphaOfNode(scene, node.id);
            }
        }
        /* A thin shadow under the card. */
        this.shape(g, node.kind, x, y + 1.5, w, h, r);
        g.fillStyle = p.line;
        g.fill();
        this.shape(g, node.kind, x, y, w, h, r);
        g.fillStyle = p.panel;
        g.fill();
        if (trouble) {
            g.fillStyle = trouble.level === 'bad' ? p.badSoft : p.warnSoft;
            g.fill();
        }
        this.drawLevel(g, scene, node, { x, y, w, h }, r);
        this.shape(g, node.kind, x, y, w, h, r);
        g.strokeStyle = trouble ? troubleColor : p.lineStrong;
        g.lineWidth = Math.max(trouble ? 1.75 : 1, 0.7 / z);
        if (node.isMissing) g.setLineDash([4, 4]);
        if (!trouble) g.globalAlpha *= 0.55;
        g.stroke();
        g.setLineDash([]);
        g.globalAlpha = this.alphaOfNode(scene, node.id);
        this.drawIcon(g, node.kind, x + (node.kind === 'exchange' ? 21 : 19), y + h / 2, color, p.panel);
        if (z >= NAMES_FROM) this.drawTexts(g, scene, node, { x, y, w, h }, z);
        if (trouble) {
            if (z >= NAMES_FROM) this.drawWord(g, scene, trouble.word, x + w - 10, y, troubleColor, z);
            else this.drawSign(g, x + w, y, Math.max(16, 13 / z), troubleColor, p.panel);
        }
        if (isMarked) this.ring(g, p.accent, x, y, w, h, r, Math.max(2, 1.5 / z));
        else if (scene.lit?.nodes.has(node.id)) this.ring(g, p.accent, x, y, w, h, r, 1.75);
        else if (node.id === scene.hovered) this.ring(g, p.lineStrong, x, y, w, h, r, 1.25);
        g.globalAlpha = 1;
    }

    private shape(g: CanvasRenderingContext2D, kind: Kind, x: number, y: number, w: number, h: number, r: number): void {
        g.beginPath();
        if (kind !== 'consumer' && kind !== 'publisher') {
            g.roundRect(x, y, w, h, r);
            return;
        }
        /* Applications point the way that messages go. */
        const tip = 10;
        g.moveTo(x + r, y);
        g.lineTo(x + w - tip, y);
        g.lineTo(x + w, y + h / 2);
        g.lineTo(x + w - tip, y + h);
        g.lineTo(x + r, y + h);
        g.quadraticCurveTo(x, y + h, x, y + h - r);
        g.lineTo(x, y + r);
        g.quadraticCurveTo(x, y, x + r, y);
        g.closePath();
    }

    private ring(g: CanvasRenderingContext2D, color: string, x: number, y: number, w: number, h: number, r: number, width: number): void {
        const off = width / 2 + 1.5;
        g.beginPath();
        g.roundRect(x - off, y - off, w + 2 * off, h + 2 * off, r + off);
        g.strokeStyle = color;
        g.lineWidth = width;
        g.stroke();
    }

    /* How full a queue is, if it is near its limit; otherwise its length over the last minutes, as a thin line. */
    private drawLevel(g: CanvasRenderingContext2D, scene: Scene, node: MapNode, { x, y, w, h }: Box, r: number): void {
        if (node.kind !== 'queue' || node.folds.length > 0) return;
        const color = node.trouble ? (node.trouble.level === 'bad' ? scene.palette.bad : scene.palette.warn) : scene.palette.kinds.queue;
        g.save();
        g.beginPath();
        g.roundRect(x, y, w, h, r);
        g.clip();
        const alpha = g.globalAlpha;
        if (isNearLimit(node)) {
            g.fillStyle = color;
            g.globalAlpha = alpha * 0.2;
            g.fillRect(x, y + h - 5, w, 5);
            g.globalAlpha = alpha * 0.9;
            g.fillRect(x, y + h - 5, w * Math.min(1, node.ready / node.limit), 5);
        } else if (node.history.length > 2) {
            const most = Math.max(...node.history);
            if (most > 0) {
                const step = w / (node.history.length - 1);
                g.beginPath();
                node.history.forEach((n, i) => g.lineTo(x + i * step, y + h - (n / most) * HISTORY_HEIGHT));
                g.strokeStyle = color;
                g.lineWidth = 1.5;
                g.globalAlpha = alpha * 0.5;
                g.stroke();
                g.lineTo(x + w, y + h);
                g.lineTo(x, y + h);
                g.fillStyle = color;
                g.globalAlpha = alpha * 0.16;
                g.fill();
            }
        }
        g.restore();
    }

    private drawIcon(g: CanvasRenderingContext2D, kind: Kind, x: number, y: number, color: string, ink: string): void {
        g.fillStyle = color;
        g.beginPath();
        if (kind === 'exchange') g.arc(x, y, 12, 0, 7);
        else g.roundRect(x - 11, y - 11, 22, 22, 6);
        g.fill();
        g.strokeStyle = ink;
        g.lineWidth = 1.8;
        g.lineCap = 'round';
        g.lineJoin = 'round';
        g.beginPath();
        if (kind === 'exchange') {
            /* One way in, several out. */
            g.moveTo(x - 6, y); g.lineTo(x - 1, y);
            g.moveTo(x - 1, y); g.lineTo(x + 5, y - 4.5);
            g.moveTo(x - 1, y); g.lineTo(x + 5, y + 4.5);
            g.moveTo(x - 1, y); g.lineTo(x + 6, y);
        } else if (kind === 'queue') {
            for (const dx of [-4.5, 0, 4.5]) { g.moveTo(x + dx, y - 4.5); g.lineTo(x + dx, y + 4.5); }
        } else if (kind === 'consumer') {
            g.moveTo(x - 6, y); g.lineTo(x + 2, y);
            g.moveTo(x - 1, y - 3.5); g.lineTo(x + 2.5, y); g.lineTo(x - 1, y + 3.5);
            g.moveTo(x + 6, y - 5); g.lineTo(x + 6, y + 5);
        } else {
            g.moveTo(x - 3, y); g.lineTo(x + 6, y);
            g.moveTo(x + 2.5, y - 3.5); g.lineTo(x + 6, y); g.lineTo(x + 2.5, y + 3.5);
            g.moveTo(x - 6, y - 5); g.lineTo(x - 6, y + 5);
        }
        g.stroke();
        g.lineCap = 'butt';
        g.lineJoin = 'miter';
    }

    private drawTexts(g: CanvasRenderingContext2D, scene: Scene, node: MapNode, { x, y, w, h }: Box, z: number): void {
        const p = scene.palette;
        const left = x + (node.kind === 'exchange' ? 41 : 38);
        const room = x + w - left - (node.kind === 'queue' ? 8 : 14);
        const hasFigures = z >= FIGURES_FROM;
        const size = Math.min(26, Math.max(13, 9 / z));
        g.textBaseline = 'middle';
        g.textAlign = 'left';
        g.fillStyle = p.text;
        g.font = `${node.folds.length > 0 ? 650 : 600} ${size}px ${p.font}`;
        g.fillText(this.cut(g, nameOf(node), room, size), left, hasFigures ? y + h / 2 - size * 0.62 : y + h / 2);
        if (!hasFigures) return;
        const small = Math.min(15, Math.max(11, 8.2 / z));
        g.font = `${small}px ${p.font}`;
        g.fillStyle = p.muted;
        g.fillText(this.cut(g, figuresOf(node), room, small), left, y + h / 2 + small * 0.8);
    }

    /* A text as much of which is shown as there is room for. */
    private cut(g: CanvasRenderingContext2D, text: string, room: number, size: number): string {
        const key = `${text}\n${Math.round(room)}\n${size.toFixed(1)}\n${g.font.slice(0, 3)}`;
        let known = this.texts.get(key);
        if (known !== undefined) return known;
        known = oneLine(text);
        if (g.measureText(known).width > room) {
            const letters = [...known.slice(0, 80)];
            let low = 0;
            let high = letters.length;
            while (low < high) {
                const mid = (low + high + 1) >> 1;
                if (g.measureText(`${letters.slice(0, mid).join('')}…`).width <= room) low = mid;
                else high = mid - 1;
            }
            known = `${letters.slice(0, low).join('')}…`;
        }
        if (this.texts.size > 20000) this.texts.clear();
        this.texts.set(key, known);
        return known;
    }

    /* A triangle with a mark, of a size on the screen: it is seen at every scale. */
    private drawSign(g: CanvasRenderingContext2D, x: number, y: number, size: number, color: string, ink: string): void {
        g.beginPath();
        g.moveTo(x, y - size * 0.62);
        g.lineTo(x + size * 0.6, y + size * 0.42);
        g.lineTo(x - size * 0.6, y + size * 0.42);
        g.closePath();
        g.fillStyle = color;
        g.fill();
        g.strokeStyle = ink;
        g.lineWidth = size * 0.1;
        g.stroke();
        g.fillStyle = ink;
        g.fillRect(x - size * 0.05, y - size * 0.22, size * 0.1, size * 0.32);
        g.fillRect(x - size * 0.05, y + size * 0.18, size * 0.1, size * 0.1);
    }

    /* The word for what is wrong, on the upper edge of the node and in the gap above it: it covers no name. */
    private drawWord(g: CanvasRenderingContext2D, scene: Scene, word: string, right: number, top: number, color: string, z: number): void {
        const size = Math.min(14, Math.max(10.5, 8.5 / z));
        g.font = `650 ${size}px ${scene.palette.font}`;
        const w = g.measureText(word).width + size * 2.1;
        const h = size * 1.5;
        const y = top + 2.5 - h / 2;
        g.fillStyle = color;
        g.beginPath();
        g.roundRect(right - w, y - h / 2, w, h, h / 2);
        g.fill();
        g.strokeStyle = scene.palette.panel;
        g.lineWidth = 1.5;
        g.stroke();
        const ink = scene.palette.panel;
        this.drawSign(g, right - w + size * 0.95, y, size * 0.82, ink, color);
        g.fillStyle = ink;
        g.textBaseline = 'middle';
        g.textAlign = 'left';
        g.fillText(word, right - w + size * 1.6, y + 0.5);
    }
}
