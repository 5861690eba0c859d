/* Figures and times as text. Everything is in the browser's language of numbers and its time zone; hours
 * are counted to 24, as in the log. */

const whole = new Intl.NumberFormat(undefined, { maximumFractionDigits: 0 });
const oneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1, minimumFractionDigits: 1 });
const atMostOneDigit = new Intl.NumberFormat(undefined, { maximumFractionDigits: 1 });
const date = new Intl.DateTimeFormat(undefined, { dateStyle: 'medium', timeStyle: 'medium', hourCycle: 'h23' });
const time = new Intl.DateTimeFormat(undefined, { timeStyle: 'medium', hourCycle: 'h23' });

const thousands = ['k', 'M', 'G', 'T'];

/* What stands where there is no figure. */
export const NOTHING = '\u2013';

type Maybe<T> = T | null | undefined;

/* The last moment that a date can be, in milliseconds since 1970. */
const MOMENT_MAX = 8.64e15;

function isFigure(n: Maybe<number>): n is number {
    return typeof n === 'number' && Number.isFinite(n);
}

function isMoment(ms: Maybe<number>): ms is number {
    return isFigure(ms) && Math.abs(ms) <= MOMENT_MAX;
}

export function number(n: Maybe<number>): string {
    return isFigure(n) ? whole.format(n) : NOTHING;
}

/* A figure in a few letters: 12.3k, 1M, in the same letters for every language. */
export function compact(n: Maybe<number>): string {
    if (!isFigure(n)) return NOTHING;
    if (Math.abs(n) < 10000) return whole.format(n);
    let letter = 0;
    let value = n / 1000;
    while (Math.abs(value) >= 999.95 && letter < thousands.length - 1) {
        value /= 1000;
        letter++;
    }
    return `${(Math.abs(value) >= 100 ? whole : atMostOneDigit).format(value)}${thousands[letter]}`;
}

/* Things per second, without the unit: 0, 0.4, 1,240. */
export function rate(n: Maybe<number>): string {
    if (!isFigure(n)) return NOTHING;
    if (n === 0) return '0';
    return Math.abs(n) < 10 ? oneDigit.format(n) : compact(n);
}

const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'];

export function bytes(n: Maybe<number>): string {
    if (!isFigure(n)) return NOTHING;
    let unit = 0;
    let value = n;
    while (Math.abs(value) >= 1024 && unit < units.length - 1) {
        value /= 1024;
        unit++;
    }
    return `${unit === 0 || value >= 100 ? whole.format(value) : oneDigit.format(value)}\u00a0${units[unit]}`;
}

export function percent(part: Maybe<number>): string {
    if (!isFigure(part)) return NOTHING;
    return part > 0 && part < 0.005 ? '<\u00a01\u00a0%' : `${whole.format(part * 100)}\u00a0%`;
}

/* A period in its two largest units: 3 d 4 h, 12 s, 4 ms. One that would be negative, since two clocks differ, is 0 ms. */
export function duration(ms: Maybe<number>): string {
    if (!isFigure(ms)) return NOTHING;
    if (ms < 1000) return `${whole.format(Math.max(0, ms))}\u00a0ms`;
    const s = Math.floor(ms / 1000);
    const parts: [number, string][] = [
        [Math.floor(s / 86400), 'd'],
        [Math.floor(s / 3600) % 24, 'h'],
        [Math.floor(s / 60) % 60, 'min'],
        [s % 60, 's'],
    ];
    const first = parts.findIndex(([n]) => n > 0);
    return parts
        .slice(first, first + 2)
        .filter(([n]) => n > 0)
        .map(([n, unit]) => `${n}\u00a0${unit}`)
        .join(' ');
}

/* A moment, in milliseconds since 1970. */
export function moment(ms: Maybe<number>): string {
    return isMoment(ms) ? date.format(ms) : NOTHING;
}

/* A moment that the API tells as text. */
export function momentOf(text: string | null | undefined): string {
    return moment(Date.parse(text ?? ''));
}

export function timeOfDay(ms: Maybe<number>): string {
    return isMoment(ms) ? time.format(ms) : NOTHING;
}

/* "1 message", "2 messages". */
export function count(n: number, one: string, many = `${one}s`): string {
    return `${number(n)} ${n === 1 ? one : many}`;
}

/* The name that people see of an exchange or a vhost's object; the default exchange has none. */
export function exchangeName(name: string): string {
    return name === '' ? '(default)' : name;
}
