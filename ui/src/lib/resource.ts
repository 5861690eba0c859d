/* What the API says, asked for again and again while somebody looks. */
import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { api, ApiError, link } from './api';
import { refreshSeconds } from './settings';
import { createStore, useStore } from './store';

export interface Resource<T> {
    data: T | undefined; /* the last good answer */
    error: ApiError | undefined; /* why the last request failed */
    isLoading: boolean; /* no answer has come yet */
    reload: () => void;
}

const RETRY_MS = 2000;

const changes = createStore(0);

/* Asks for everything that is shown, now: something was changed. */
export function reloadAll(): void {
    changes.set(changes.get() + 1);
}

interface Asking {
    every?: number; /* seconds between two requests (default: as the user has chosen); 0: once */
    keeps?: boolean; /* when the path changes, the old answer is shown until the new one is there */
}

/* Asks for a path of the API now and again and again. A path of null asks for nothing. What is shown
 * stays while the broker is away, and is asked for again until it is back; a hidden page asks for nothing. */
export function useResource<T>(to: string | null, asking: Asking = {}): Resource<T> {
    return useAnswer(to, (signal) => api.get<T>(to!, signal), asking);
}

/* Like useResource(), for what takes several requests, which `ask` makes. `to` names what is asked for. */
export function useAnswer<T>(to: string | null, ask: (signal: AbortSignal) => Promise<T>, { every, keeps = false }: Asking = {}): Resource<T> {
    const chosen = useStore(refreshSeconds);
    const seconds = every ?? chosen;
    const [state, setState] = useState<{ to: string | null; data?: T; error?: ApiError | undefined }>({ to });
    const [round, setRound] = useState(0);
    const timer = useRef<number | undefined>(undefined);
    const asked = useRef(ask);
    asked.current = ask;

    useEffect(() => {
        if (to === null) return;
        const stop = new AbortController();
        let isAsking = false;
        let isOutdated = false; /* what is being asked for was changed meanwhile */

        const later = (ms: number) => {
            window.clearTimeout(timer.current);
            timer.current = window.setTimeout(once, ms);
        };
        const once = async () => {
            if (document.hidden || isAsking || stop.signal.aborted) return;
            isAsking = true;
            isOutdated = false;
            try {
                const data = await asked.current(stop.signal);
                if (stop.signal.aborted) return; /* the timer is the next path's */
                setState({ to, data });
                if (isOutdated) later(0);
                else if (seconds > 0) later(seconds * 1000);
            } catch (error) {
                if (stop.signal.aborted) return;
                const failure = error instanceof ApiError ? error : new ApiError(-1, 'malformed', String(error));
                setState((old) => ({ ...(old.to === to || keeps ? old : {}), to, error: failure }));
                if (failure.status === 0 || failure.status >= 500) later(RETRY_MS);
                else if (isOutdated) later(0);
                else if (seconds > 0) later(seconds * 1000);
            } finally {
                isAsking = false;
            }
        };
        const onVisible = () => void (document.hidden || once());
        void once();
        document.addEventListener('visibilitychange', onVisible);
        const endWatch = link.watch(() => void (link.get().isDown || once()));
        const endChanges = changes.watch(() => {
            isOutdated = isAsking;
            void once();
        });
        return () => {
            stop.abort();
            window.clearTimeout(timer.current);
            document.removeEventListener('visibilitychange', onVisible);
            endWatch();
            endChanges();
        };
    }, [to, seconds, round]);

    const reload = useCallback(() => setRound((n) => n + 1), []);
    const isCurrent = state.to === to || keeps;
    const data = isCurrent ? state.data : undefined;
    const error = state.to === to ? state.error : undefined;
    return { data, error, isLoading: data === undefined && error === undefined && to !== null, reload };
}
