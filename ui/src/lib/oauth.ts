/* Logging in at a provider of tokens: OAuth 2's code flow with PKCE. The provider sends the browser back
 * to the page with a code, for which the page gets a token; the broker then sets a cookie for that. */
import { api, messageOf } from './api';
import { logInByToken, renewLoginBy, session } from './session';

export interface Provider {
    oauth_enabled: boolean;
    oauth_client_id?: string;
    oauth_provider_url?: string;
    oauth_metadata_url?: string;
    oauth_token_url?: string;
    oauth_scopes?: string;
    oauth_disable_basic_auth?: boolean;
}

interface Metadata { authorization_endpoint: string; token_endpoint: string }
interface Tokens { access_token?: string; refresh_token?: string; expires_in?: number; error?: string; error_description?: string }

/* What must be known when the provider sends the browser back. */
interface Attempt { state: string; verifier: string; hash: string }

const KEY = 'leveret.oauth';
/* A token is renewed this long before it ends, but not at once; so is a renewal that has failed. */
const RENEW_BEFORE_S = 30;
const RENEW_AFTER_S = 10;
const RENEW_AT_LEAST_S = 86400; /* a browser's timers are at most 24 days */

function pageAddress(): string {
    return location.origin + location.pathname;
}

function base64url(octets: Uint8Array): string {
    return btoa(String.fromCharCode(...octets)).replace(/\+/g, '-').replace(/\//g, '_').replace(/=+$/, '');
}

function randomText(): string {
    return base64url(crypto.getRandomValues(new Uint8Array(32)));
}

async function askProvider<T>(what: string, url: string, body?: URLSearchParams): Promise<T> {
    let response;
    try {
        response = await fetch(url, { ...(body ? { method: 'POST', body } : {}), headers: { accept: 'application/json' }, credentials: 'omit' });
    } catch {
        throw new Error(`The provider does not answer at ${url}, or does not allow this page to ask there (CORS).`);
    }
    let answer: (T & { error?: string; error_description?: string }) | undefined;
    try {
        answer = (await response.json()) as typeof answer;
    } catch {
        /* No JSON: the status has to do. */
    }
    if (!response.ok || !answer) throw new Error(`The provider refuses ${what}: ${answer?.error_description ?? answer?.error ?? `status ${response.status}`}`);
    return answer;
}

/* Where the provider logs users in, and where it gives tokens. The broker lets the page ask the servers that its settings name. */
async function endpointsOf(provider: Provider): Promise<{ authorization: string; token: string }> {
    const url = provider.oauth_metadata_url ?? `${provider.oauth_provider_url!.replace(/\/$/, '')}/.well-known/openid-configuration`;
    const metadata = await askProvider<Metadata>('its configuration', url);
    const token = provider.oauth_token_url ?? metadata.token_endpoint;
    const isNamed = [provider.oauth_provider_url, url, provider.oauth_token_url].some((named) => named && new URL(named).origin === new URL(token).origin);
    if (!isNamed) throw new Error(`The provider gives tokens at ${token}, where this page may not ask: management.oauth_token_url has to name it.`);
    return { authorization: metadata.authorization_endpoint, token };
}

/* Sends the browser to the provider. Throws if that cannot be done. */
export async function goToProvider(provider: Provider): Promise<void> {
    if (!window.isSecureContext) throw new Error('Browsers allow this over HTTPS alone, or on this machine.');
    const { authorization } = await endpointsOf(provider);
    const attempt: Attempt = { state: randomText(), verifier: randomText(), hash: location.hash };
    const digest = await crypto.subtle.digest('SHA-256', new TextEncoder().encode(attempt.verifier));
    sessionStorage.setItem(KEY, JSON.stringify(attempt));
    const to = new URL(authorization);
    const parameters = {
        response_type: 'code',
        client_id: provider.oauth_client_id!,
        redirect_uri: pageAddress(),
        scope: provider.oauth_scopes ?? 'openid',
        state: attempt.state,
        code_challenge: base64url(new Uint8Array(digest)),
        code_challenge_method: 'S256',
    };
    for (const [name, value] of Object.entries(parameters)) to.searchParams.set(name, value);
    location.assign(to.href);
}

/* --- renewal ------------------------------------------------------------------------------------------- */

interface Refresh { token: string; endpoint: string; provider: Provider }

/* What the next token is got with, until a logout. */
let refresh: Refresh | undefined;
let timer: number | undefined;
let renewing: Promise<boolean> | undefined;

function renewIn(seconds: number): void {
    window.clearTimeout(timer);
    /* Not instead of a renewal that still waits for the broker, but after it. */
    timer = window.setTimeout(() => void Promise.resolve(renewing).then(renew), seconds * 1000);
}

/* Logs in with a new token. Returns false if that failed; then it is tried again until the old one has ended. */
async function tryToRenew(): Promise<boolean> {
    const used = refresh;
    if (!used) return false;
    const body = new URLSearchParams({ grant_type: 'refresh_token', refresh_token: used.token, client_id: used.provider.oauth_client_id ?? '' });
    try {
        const tokens = await askProvider<Tokens>('a new token', used.endpoint, body);
        if (refresh !== used) return false; /* there was a logout meanwhile */
        await useTokens({ refresh_token: used.token, ...tokens }, used.provider, used.endpoint);
        return true;
    } catch {
        if (refresh) renewIn(RENEW_AFTER_S);
        return false;
    }
}

/* Providers may take a refresh token once only: it is never used twice at the same time. */
function renew(): Promise<boolean> {
    renewing ??= tryToRenew().finally(() => { renewing = undefined; });
    return renewing;
}

function forgetRefresh(): void {
    refresh = undefined;
    window.clearTimeout(timer);
}

/* Logs in with the tokens, and again with new ones before they end. The refresh token is kept first, since the
 * one before it may be of no use any more, whether or not the broker answers now. */
async function useTokens(tokens: Tokens, provider: Provider, endpoint: string): Promise<void> {
    if (!tokens.access_token) throw new Error('The provider has given no token.');
    if (tokens.refresh_token) {
        refresh = { token: tokens.refresh_token, endpoint, provider };
        if (tokens.expires_in) renewIn(Math.min(RENEW_AT_LEAST_S, Math.max(RENEW_AFTER_S, tokens.expires_in - RENEW_BEFORE_S)));
    }
    await logInByToken(tokens.access_token);
}

session.watch(() => {
    if (session.get().state === 'out') forgetRefresh();
});
/* A token may have ended while the machine slept, before its time to be renewed. */
renewLoginBy(renew);

/* --- the way back -------------------------------------------------------------------------------------- */

async function redeem(code: string, verifier: string): Promise<void> {
    const provider = await api.get<Provider>('/auth');
    const { token } = await endpointsOf(provider);
    const body = new URLSearchParams({
        grant_type: 'authorization_code',
        code,
        redirect_uri: pageAddress(),
        client_id: provider.oauth_client_id ?? '',
        code_verifier: verifier,
    });
    try {
        await useTokens(await askProvider<Tokens>('a token', token, body), provider, token);
    } catch (error) {
        forgetRefresh();
        throw error;
    }
}

function attemptOf(state: string | null): Attempt | undefined {
    const kept = sessionStorage.getItem(KEY);
    sessionStorage.removeItem(KEY);
    const attempt = kept ? (JSON.parse(kept) as Attempt) : undefined;
    return attempt && attempt.state === state ? attempt : undefined;
}

/* If the provider has sent the browser here, ends the login and goes on where it began. Returns why that
 * failed, or ''. */
export async function finishLogin(): Promise<string> {
    const answer = new URLSearchParams(location.search);
    if (!answer.has('state') || !(answer.has('code') || answer.has('error'))) return '';
    const attempt = attemptOf(answer.get('state'));
    history.replaceState(null, '', location.pathname + (attempt?.hash || location.hash || '#/'));
    window.dispatchEvent(new HashChangeEvent('hashchange'));
    if (!attempt) return 'The login at the provider was not begun in this window, or is over. Begin it again.';
    const code = answer.get('code');
    if (!code) return `The provider refuses the login: ${answer.get('error_description') ?? answer.get('error')}`;
    try {
        await redeem(code, attempt.verifier);
        return '';
    } catch (error) {
        return messageOf(error);
    }
}
