/* What part of the map is seen: a place and a scale. Pure. */
import type { Box, Picture } from './layout';

export interface View { x: number; y: number; z: number } /* the world's point at the left upper corner; pixels for one unit */
export interface Size { w: number; h: number }

const SCALE_MIN = 0.02;
const SCALE_MAX = 2.5;
const READABLE = 0.5; /* names can be read from this scale on */
const TOP_PX = 48; /* the columns' titles, and what is above the first node */
const FOOT_PX = 52; /* the legend */
const MARGIN_NARROW_PX = 12;

export const NARROW_PX = 700; /* the width of a narrow screen, at most */

const clamp = (n: number, least: number, most: number) => Math.min(most, Math.max(least, n));

/* Zooms by a factor about a point of the screen, which stays where it is. */
export function zoomed(view: View, factor: number, px: number, py: number): View {
    const z = clamp(view.z * factor, SCALE_MIN, SCALE_MAX);
    return { z, x: view.x + px / view.z - px / z, y: view.y + py / view.z - py / z };
}

export function panned(view: View, dx: number, dy: number): View {
    return { ...view, x: view.x - dx / view.z, y: view.y - dy / view.z };
}

/* Shows a box in the middle. */
export function centred(box: Box, z: number, size: Size): View {
    return { z, x: box.x + box.w / 2 - size.w / z / 2, y: box.y + box.h / 2 - size.h / z / 2 };
}

/* Shows all of a box, between the columns' titles and the legend. */
export function fitted(box: Box, size: Size, most = 1.15): View {
    const margin = Math.min(56, size.w * 0.06);
    const h = size.h - TOP_PX - FOOT_PX;
    const z = clamp(Math.min((size.w - 2 * margin) / Math.max(box.w, 1), h / Math.max(box.h, 1)), SCALE_MIN, most);
    return { ...centred(box, z, size), y: box.y + box.h / 2 - (TOP_PX + h / 2) / z };
}

/* How a map is first seen: all of it if names can be read then, or if it is too much in any case; else, on a
 * narrow screen, the queues and what is before them. */
export function firstView({ bounds, columns }: Picture, size: Size): View {
    const all = fitted(bounds, size);
    const isSmall = bounds.w * READABLE < 3 * size.w;
    if (all.z >= READABLE || size.w > NARROW_PX || !isSmall) return all;
    const queues = Math.max(0, columns.findIndex(({ kind }) => kind === 'queue'));
    const [first, last] = [columns[Math.max(0, queues - 1)]!, columns[queues]!];
    const w = last.x + last.w - first.x;
    const z = clamp((size.w - 2 * MARGIN_NARROW_PX) / w, READABLE, 1);
    const isHigh = bounds.h * z > size.h - 60;
    const { x, y } = centred({ ...bounds, x: first.x, w }, z, size);
    return { z, x: Math.min(x, first.x - MARGIN_NARROW_PX / z), y: isHigh ? bounds.y - 60 / z : y };
}

/* A view on the way from one to another, `t` from 0 to 1. */
export function between(from: View, to: View, t: number): View {
    const z = Math.exp(Math.log(from.z) + (Math.log(to.z) - Math.log(from.z)) * t);
    if (Math.abs(from.z - to.z) < 1e-6) return { z, x: from.x + (to.x - from.x) * t, y: from.y + (to.y - from.y) * t };
    /* The place moves so that no point of the screen runs ahead: in proportion to 1/z. */
    const part = (1 / z - 1 / from.z) / (1 / to.z - 1 / from.z);
    return { z, x: from.x + (to.x - from.x) * part, y: from.y + (to.y - from.y) * part };
}

export const ease = (t: number) => 1 - (1 - t) ** 3;
