/* When the broker was started. It has no samples from before: the API's zeros of that time are not shown. */
import { api, link } from './api';
import { createStore } from './store';

/* In milliseconds since 1970; 0 until it is known. */
export const startedAt = createStore(0);

/* Asks for it now, and each time that the broker is back. Returns a function that ends it. */
export function watchStart(): () => void {
    const stop = new AbortController();
    const ask = () => {
        if (link.get().isDown) return;
        /* Without an answer, all samples are shown. */
        api.get<{ started?: number }>('/overview?columns=started', stop.signal).then(({ started }) => startedAt.set(started ?? 0), () => undefined);
    };
    ask();
    const endWatch = link.watch(ask);
    return () => {
        stop.abort();
        endWatch();
    };
}
