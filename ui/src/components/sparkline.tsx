/* A line of a row's last values, as high as the text beside it. It repeats what figures in the row say,
 * so screen readers pass it. */
import type { Point } from './chart';

const WIDTH = 48, HEIGHT = 18;

export function Sparkline({ points, title }: { points: Point[]; title?: string }) {
    const values = points.map(([, value]) => value ?? 0);
    const max = Math.max(1, ...values);
    const step = WIDTH / Math.max(1, values.length - 1);
    const line = values.map((value, i) => `${(i * step).toFixed(1)},${(HEIGHT - 1 - (value / max) * (HEIGHT - 2)).toFixed(1)}`).join(' ');
    return (
        <svg class="sparkline" width={WIDTH} height={HEIGHT} viewBox={`0 0 ${WIDTH} ${HEIGHT}`} aria-hidden="true">
            {title && <title>{title}</title>}
            {values.some((value) => value > 0) && <polyline points={line} />}
        </svg>
    );
}
