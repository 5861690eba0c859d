/* JSON whose integers beyond 2^53 stay as they are written: JavaScript's numbers would change them. */

/* What current browsers have, and TypeScript's library does not know yet. */
interface Raw { rawJSON?: (text: string) => unknown }
type Reviver = (name: string, value: unknown, context?: { source?: string }) => unknown;

const raw = (JSON as Raw).rawJSON;

/* An integer that is no number of JavaScript's. As text, and in JSON, it is as it was written. */
export class LargeInteger {
    constructor(private readonly text: string) {}

    toString(): string { return this.text; }
    toJSON(): unknown { return raw ? raw(this.text) : Number(this.text); }
}

/* The integer that is written so: a number, unless that would change it. */
export function integerOf(text: string): number | LargeInteger {
    const value = Number(text);
    return Number.isSafeInteger(value) || !raw ? value : new LargeInteger(text);
}

/* How an integer is written. */
export const INTEGER = /^-?\d+$/;
const keepIntegers: Reviver = (_, value, context) => (typeof value === 'number' && INTEGER.test(context?.source ?? '') ? integerOf(context!.source!) : value);

/* Like JSON.parse(), but integers beyond 2^53 are a LargeInteger each. */
export function parseJson(text: string): unknown {
    return /\d{16}/.test(text) ? JSON.parse(text, keepIntegers) : JSON.parse(text);
}
