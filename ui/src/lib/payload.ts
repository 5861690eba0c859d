/* Payloads of messages: bytes as text, as JSON, in hexadecimal. */

export function bytesOf(payload: string, encoding: string): Uint8Array {
    if (encoding !== 'base64') return new TextEncoder().encode(payload);
    return Uint8Array.from(atob(payload), (letter) => letter.charCodeAt(0));
}

/* In base64, however long. */
export function base64Of(bytes: Uint8Array): string {
    const parts: string[] = [];
    for (let at = 0; at < bytes.length; at += 0x2000) parts.push(String.fromCharCode(...bytes.subarray(at, at + 0x2000)));
    return btoa(parts.join(''));
}

/* JSON on lines, or undefined if the text is no JSON object or array. Numbers stay as they are written
 * where JavaScript would change them. */
export function prettyJson(text: string): string | undefined {
    const first = text.trimStart()[0];
    if (first !== '{' && first !== '[') return undefined;
    try {
        const value: unknown = JSON.parse(text);
        const isChanged = tokensOf(text).some((token) => /^[-\d]/.test(token) && String(Number(token)) !== token);
        return isChanged ? indented(text) : JSON.stringify(value, null, 2);
    } catch {
        return undefined;
    }
}

/* Strings, numbers, words and signs of valid JSON. */
function tokensOf(text: string): string[] {
    return text.match(/"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g) ?? [];
}

/* Valid JSON, on lines, token by token. */
function indented(text: string): string {
    let depth = 0;
    let out = '';
    const line = () => `\n${'  '.repeat(depth)}`;
    for (const token of tokensOf(text)) {
        if (token === '{' || token === '[') { depth++; out += token + line(); }
        else if (token === '}' || token === ']') { depth--; out = out.trimEnd() + (/[[{]$/.test(out.trimEnd()) ? '' : line()) + token; }
        else if (token === ',') out += token + line();
        else out += token === ':' ? ': ' : token;
    }
    return out;
}

const COLUMNS = 16;

/* 00000000  7b 22 6f 72 64 65 72 22  3a 32 34 7d              |{"order":24}| */
export function hexDump(bytes: Uint8Array): string {
    const lines: string[] = [];
    for (let at = 0; at < bytes.length; at += COLUMNS) {
        const row = [...bytes.subarray(at, at + COLUMNS)];
        const hex = row.map((byte) => byte.toString(16).padStart(2, '0'));
        const text = row.map((byte) => (byte >= 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '.')).join('');
        const left = hex.slice(0, 8).join(' ').padEnd(23);
        const right = hex.slice(8).join(' ').padEnd(23);
        lines.push(`${at.toString(16).padStart(8, '0')}  ${left}  ${right}  ${text}`);
    }
    return lines.join('\n');
}

/* Has the browser save a text as a file. */
export function download(name: string, text: string, type = 'application/json'): void {
    const url = URL.createObjectURL(new Blob([text], { type }));
    const link = document.createElement('a');
    link.href = url;
    link.download = name;
    link.click();
    window.setTimeout(() => URL.revokeObjectURL(url), 10000);
}
