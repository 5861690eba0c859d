/* Streams of server-sent events. They are read by fetch(), which can say who asks and be ended; a
 * stream that breaks is opened again by itself. */
import { ApiError, ask } from './api';

export type StreamState = 'connecting' | 'open' | 'broken';

export interface StreamHandler {
    onEvents: (events: { name: string; data: string }[]) => void;
    /* 'broken': it is opened again in a moment; `error` says why it broke, if there was an answer. */
    onState: (state: StreamState, error?: ApiError) => void;
}

const RETRY_MS = [1000, 2000, 5000];
/* The broker sends something every 15 seconds. A stream that has been silent for longer is broken. */
const SILENT_MS = 45_000;

/* Splits what has come into events; returns the rest, which is not whole. */
function takeEvents(text: string, events: { name: string; data: string }[]): string {
    const blocks = text.split('\n\n');
    const rest = blocks.pop()!;
    for (const block of blocks) {
        let name = 'message';
        const data: string[] = [];
        for (const line of block.split('\n')) {
            if (line.startsWith('event: ')) name = line.slice(7);
            else if (line.startsWith('data: ')) data.push(line.slice(6));
        }
        if (data.length > 0) events.push({ name, data: data.join('\n') });
    }
    return rest;
}

async function readAll(response: Response, handler: StreamHandler, note: () => void): Promise<void> {
    const reader = response.body!.getReader();
    const decoder = new TextDecoder();
    let text = '';
    for (;;) {
        const { done, value } = await reader.read();
        if (done) return;
        note();
        const events: { name: string; data: string }[] = [];
        text = takeEvents(text + decoder.decode(value, { stream: true }), events);
        if (events.length > 0) handler.onEvents(events);
    }
}

/* Opens the stream at a path of the API, which is asked for anew each time that it is opened. Returns a
 * function that ends it. */
export function openStream(path: () => string, handler: StreamHandler): () => void {
    let isEnded = false;
    let attempt = 0;
    let timer: number | undefined;
    let stop = new AbortController();

    const run = async () => {
        stop = new AbortController();
        const { signal } = stop;
        let silence: number | undefined;
        const note = () => {
            window.clearTimeout(silence);
            silence = window.setTimeout(() => stop.abort(), SILENT_MS);
        };
        let error: ApiError | undefined;
        handler.onState('connecting');
        try {
            const response = await ask(path(), { signal, headers: { accept: 'text/event-stream' } });
            attempt = 0;
            handler.onState('open');
            note();
            await readAll(response, handler, note);
        } catch (failure) {
            if (failure instanceof ApiError && failure.status > 0) error = failure;
        }
        window.clearTimeout(silence);
        if (isEnded) return;
        handler.onState('broken', error);
        timer = window.setTimeout(() => void run(), RETRY_MS[Math.min(attempt++, RETRY_MS.length - 1)]);
    };
    void run();
    return () => {
        isEnded = true;
        window.clearTimeout(timer);
        stop.abort();
    };
}
