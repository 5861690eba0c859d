/* Copying. Browsers offer their clipboard to pages over TLS and of this machine alone; elsewhere an
 * invisible field is copied. */

/* Copies a text. Returns whether the browser has done so. */
export async function copyText(text: string): Promise<boolean> {
    if (navigator.clipboard) {
        try {
            await navigator.clipboard.writeText(text);
            return true;
        } catch {
            /* It was forbidden: the field is tried. */
        }
    }
    const field = document.createElement('textarea');
    field.value = text;
    field.className = 'sr-only';
    document.body.append(field);
    field.select();
    const isDone = document.execCommand('copy');
    field.remove();
    return isDone;
}
