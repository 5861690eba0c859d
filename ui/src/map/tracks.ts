/* Points along the curves of a picture, for what moves on them and stands beside them. */
import type { Curve } from './layout';

export interface Track {
    length: number;
    xs: Float32Array;
    ys: Float32Array;
    at: Float32Array; /* the way to each point */
    box: [number, number, number, number]; /* left, top, right, bottom */
}

const STEPS = 20; /* points of each Bezier curve */

export function trackOf({ points }: Curve): Track {
    const curves = (points.length - 2) / 6;
    const n = curves * STEPS + 1;
    const xs = new Float32Array(n);
    const ys = new Float32Array(n);
    const at = new Float32Array(n);
    let [left, top, right, bottom] = [Infinity, Infinity, -Infinity, -Infinity];
    for (let i = 0; i < n; i++) {
        const curve = Math.min(curves - 1, Math.floor(i / STEPS));
        const t = i / STEPS - curve;
        const u = 1 - t;
        const p = curve * 6;
        const [a, b, c, d] = [u * u * u, 3 * u * u * t, 3 * u * t * t, t * t * t];
        const x = a * points[p]! + b * points[p + 2]! + c * points[p + 4]! + d * points[p + 6]!;
        const y = a * points[p + 1]! + b * points[p + 3]! + c * points[p + 5]! + d * points[p + 7]!;
        xs[i] = x;
        ys[i] = y;
        at[i] = i === 0 ? 0 : at[i - 1]! + Math.hypot(x - xs[i - 1]!, y - ys[i - 1]!);
        left = Math.min(left, x);
        right = Math.max(right, x);
        top = Math.min(top, y);
        bottom = Math.max(bottom, y);
    }
    return { length: at[n - 1]!, xs, ys, at, box: [left, top, right, bottom] };
}

/* Where the last of a track's curves begins: what stands beside an edge stands where it is alone. */
export function startOfLast({ at }: Track): number {
    return at[at.length - 1 - STEPS]!;
}

/* Writes the point at a distance along the track into `ret`. */
export function pointAt(track: Track, distance: number, ret: { x: number; y: number }): void {
    const { at, xs, ys } = track;
    let low = 0;
    let high = at.length - 1;
    while (high - low > 1) {
        const mid = (low + high) >> 1;
        if (at[mid]! <= distance) low = mid;
        else high = mid;
    }
    const t = Math.min(1, Math.max(0, (distance - at[low]!) / Math.max(1e-6, at[high]! - at[low]!)));
    ret.x = xs[low]! + (xs[high]! - xs[low]!) * t;
    ret.y = ys[low]! + (ys[high]! - ys[low]!) * t;
}
