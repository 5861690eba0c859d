/* What is drawn of the map: the graph and its picture, the colours, and what is marked. */
import type { EdgeKind, Graph, Kind } from './graph';
import type { Picture } from './layout';

export interface Palette {
    bg: string; panel: string; line: string; lineStrong: string; text: string; muted: string;
    bad: string; badSoft: string; warn: string; warnSoft: string; accent: string;
    kinds: Record<Kind, string>;
    edges: Record<EdgeKind, string>;
    font: string;
}

export function readPalette(): Palette {
    const style = getComputedStyle(document.documentElement);
    const v = (name: string) => style.getPropertyValue(name).trim();
    const series = (n: number) => v(`--series-${n}`);
    return {
        bg: v('--bg'), panel: v('--panel'), line: v('--line'), lineStrong: v('--line-strong'), text: v('--text'), muted: v('--muted'),
        bad: v('--bad'), badSoft: v('--bad-soft'), warn: v('--warn'), warnSoft: v('--warn-soft'), accent: v('--accent'),
        kinds: { publisher: series(4), exchange: series(1), queue: series(2), consumer: series(3) },
        edges: { publish: series(4), binding: series(1), alternate: series(5), dead: series(6), consume: series(3) },
        font: v('--font'),
    };
}

/* What a route (Where would it go?) says of nodes and edges; what is in none of these is faded. */
export interface Lit { nodes: ReadonlySet<string>; edges: ReadonlySet<string>; stopped: ReadonlySet<string> }

export interface Scene {
    graph: Graph;
    picture: Picture;
    palette: Palette;
    selected: string | undefined;
    hovered: string | undefined;
    focused: string | undefined;
    found: ReadonlySet<string>; /* by the search */
    lit: Lit | undefined;
}
