/* A value that components watch. */
import { useEffect, useState } from 'preact/hooks';

export interface Store<T> {
    get(): T;
    set(value: T): void;
    /* Calls `listener` after each change. Returns a function that ends it. */
    watch(listener: () => void): () => void;
}

export function createStore<T>(initial: T): Store<T> {
    let value = initial;
    const listeners = new Set<() => void>();
    return {
        get: () => value,
        set(next) {
            if (Object.is(next, value)) return;
            value = next;
            listeners.forEach((listener) => listener());
        },
        watch(listener) {
            listeners.add(listener);
            return () => void listeners.delete(listener);
        },
    };
}

/* A store that the browser keeps, below `leveret.NAME`. What it has kept is used if `isValid` says so. */
export function createKeptStore<T>(name: string, initial: T, isValid: (value: unknown) => boolean): Store<T> {
    const key = `leveret.${name}`;
    const store = createStore(initial);
    try {
        const kept: unknown = JSON.parse(localStorage.getItem(key) ?? 'null');
        if (kept !== null && isValid(kept)) store.set(kept as T);
    } catch {
        /* Not JSON, or a browser that keeps nothing: the initial value is used. */
    }
    store.watch(() => {
        try {
            localStorage.setItem(key, JSON.stringify(store.get()));
        } catch {
            /* It is forgotten with the page. */
        }
    });
    return store;
}

/* Returns the store's value, and draws the component again when it changes. */
export function useStore<T>(store: Store<T>): T {
    const [value, setValue] = useState(store.get);
    useEffect(() => {
        setValue(store.get);
        return store.watch(() => setValue(store.get));
    }, [store]);
    return value;
}
