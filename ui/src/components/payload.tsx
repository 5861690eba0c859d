/* A message's payload: as JSON or text, in hexadecimal, in base64. */
import { useMemo, useState } from 'preact/hooks';

import { bytes as size } from '../lib/format';
import { base64Of, bytesOf, hexDump, prettyJson } from '../lib/payload';
import { Button, Segmented } from './basics';

type View = 'json' | 'text' | 'hex' | 'base64';

const HEX_BYTES_MAX = 64 * 1024; /* of more only the beginning is shown in hexadecimal */

/* `total` is how long the whole payload is; `onMore` fetches the rest of one that was cut. */
export function Payload({ payload, encoding, total, onMore }: {
    payload: string; encoding: string; total: number; onMore?: (() => void) | undefined;
}) {
    const raw = useMemo(() => bytesOf(payload, encoding), [payload, encoding]);
    const isText = encoding !== 'base64';
    const json = useMemo(() => (isText ? prettyJson(payload) : undefined), [payload, isText]);
    const [chosen, setChosen] = useState<View | undefined>();
    const views: [View, string][] = [
        ...(json === undefined ? [] : [['json', 'JSON'] as [View, string]]),
        ...(isText ? [['text', 'Text'] as [View, string]] : []),
        ['hex', 'Hex'],
        ['base64', 'Base64'],
    ];
    const view = views.some(([id]) => id === chosen) ? chosen! : views[0]![0];
    const shown = view === 'json' ? json!
        : view === 'text' ? payload
            : view === 'hex' ? hexDump(raw.subarray(0, HEX_BYTES_MAX))
                : isText ? base64Of(raw) : payload;
    const isCut = raw.length < total;
    return (
        <div class="payload">
            <div class="row">
                <Segmented label="Show the payload as" value={view} choices={views} onChange={setChosen} />
                <span class="muted small">{isCut ? `${size(raw.length)} of ${size(total)}` : size(total)}</span>
                {isCut && onMore && <Button kind="quiet" onClick={onMore}>Show all of it</Button>}
                {view === 'hex' && raw.length > HEX_BYTES_MAX && <span class="muted small">the first {size(HEX_BYTES_MAX)} of it</span>}
            </div>
            {total === 0 ? <p class="muted">The payload is empty.</p> : <pre tabIndex={0} aria-label="Payload" data-view={view}>{shown}</pre>}
        </div>
    );
}
