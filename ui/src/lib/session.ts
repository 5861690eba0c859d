/* Who is logged in, and what that user may see. */
import { api, ApiError, ask, loginsNeeded } from './api';
import { reloadAll } from './resource';
import { createKeptStore, createStore } from './store';

export interface User {
    name: string;
    tags: string[];
}

export interface Session {
    state: 'unknown' | 'out' | 'in';
    user: User;
    note: string; /* why nobody is logged in, if it is worth a word */
}

const nobody: User = { name: '', tags: [] };
export const session = createStore<Session>({ state: 'unknown', user: nobody, note: '' });

/* Whether there may be a login's cookie, which scripts cannot read. Without one the broker is not asked. */
const mayBeIn = createKeptStore<boolean>('may_be_in', false, (v) => typeof v === 'boolean');

/* Finds out who is logged in. Throws if the broker does not answer. */
export async function findUser(): Promise<void> {
    if (!mayBeIn.get()) {
        session.set({ state: 'out', user: nobody, note: '' });
        return;
    }
    try {
        session.set({ state: 'in', user: await api.get<User>('/whoami'), note: '' });
    } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) throw error;
        mayBeIn.set(false);
        session.set({ state: 'out', user: nobody, note: '' });
    }
}

/* Logs in; the broker sets a cookie that scripts cannot read. Throws the refusal. */
async function logInBy(form: Record<string, string>): Promise<void> {
    await ask('/login', { method: 'POST', body: new URLSearchParams(form) });
    mayBeIn.set(true);
    await findUser();
}

export function logIn(username: string, password: string): Promise<void> {
    return logInBy({ username, password });
}

export function logInByToken(token: string): Promise<void> {
    return logInBy({ token });
}

/* Shows the login page, with why somebody is not logged in. */
export function refuseLogin(why: string): void {
    session.set({ state: 'out', user: nobody, note: why });
}

/* Logs out. The page ends first, so that nothing is asked without a login. Throws the refusal; then all is as before. */
export async function logOut(): Promise<void> {
    const before = session.get();
    session.set({ state: 'out', user: nobody, note: '' });
    try {
        await ask('/login', { method: 'DELETE' });
    } catch (error) {
        session.set(before);
        throw error;
    }
    mayBeIn.set(false);
    session.set({ state: 'out', user: nobody, note: 'You are logged out.' });
}

/* A request was refused. The login may have ended; but as in RabbitMQ the same status says what a user
 * may not do, so the broker is asked who is logged in. */
let isChecking = false;
let renew: () => Promise<boolean> = () => Promise.resolve(false);

/* Names what gets a login that has ended again without its user. It returns whether it has. */
export function renewLoginBy(by: () => Promise<boolean>): void {
    renew = by;
}

async function checkLogin(): Promise<void> {
    if (session.get().state !== 'in' || isChecking) return;
    isChecking = true;
    try {
        await api.get('/whoami');
    } catch (error) {
        if (!(error instanceof ApiError) || error.status !== 401) return;
        if (await renew()) reloadAll();
        else if (session.get().state === 'in')
            session.set({ state: 'out', user: nobody, note: 'Your login has ended. Log in again to go on where you were.' });
    } finally {
        isChecking = false;
    }
}
loginsNeeded.watch(() => void checkLogin());

function hasTag(tags: string[]): boolean {
    return session.get().user.tags.some((tag) => tags.includes(tag));
}

/* RabbitMQ's tags, each of which may what those after it may. */
export const may = {
    administrate: () => hasTag(['administrator']),
    monitor: () => hasTag(['administrator', 'monitoring']),
    setPolicies: () => hasTag(['administrator', 'policymaker']),
};
