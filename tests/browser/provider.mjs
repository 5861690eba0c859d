// A provider of tokens, as OAuth 2 and OpenID Connect have it: it logs people in with a form, sends the browser back with a code, and
// gives signed tokens for codes (with PKCE) and for refresh tokens. It believes nothing: what is not as it must be is refused, and noted.
//
//     const provider = await startProvider();
//     startBroker(provider.settings); provider.page = broker.page;
//     provider.people.ann = { password: 'secret', scopes: 'rabbit.tag:administrator' };
//     provider.refusals        why it has refused something, so far
import { createHash, generateKeyPairSync, randomUUID, sign } from 'node:crypto';
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

export const LIFETIME = 300;
const client = 'management-page';
const base64url = (value) => Buffer.from(value).toString('base64url');
const escaped = (value) => value.replace(/[&<>"]/g, (sign) => `&#${sign.charCodeAt(0)};`);
export const challengeOf = (verifier) => createHash('sha256').update(verifier).digest('base64url');

class Refusal extends Error {
    constructor(error, description) {
        super(description);
        this.error = error;
    }
}

class Provider {
    constructor() {
        Object.assign(this, { page: '', people: {}, refusals: [], tokens: [], renewals: 0, codes: new Map(), refreshes: new Map() });
        this.lifetime = LIFETIME;                // seconds that a token for a code is good for
        this.renews = true;                      // whether it takes refresh tokens
        this.alter = () => {};                   // changes the answer that the browser takes back to the page
        this.configure = (metadata) => metadata; // changes what it says of itself
        this.key = generateKeyPairSync('ec', { namedCurve: 'P-256' });
        this.server = createServer((request, response) => {
            this.answer(request, response).catch((error) => this.refuse(response, error));
        });
        this.server.unref();
    }

    get settings() {
        return [
            'auth_backends.1 = internal', 'auth_backends.2 = oauth2', 'auth_oauth2.resource_server_id = rabbit',
            `auth_oauth2.issuer = ${this.url}`, 'management.oauth_enabled = true', `management.oauth_client_id = ${client}`,
        ];
    }

    // A token of somebody; the newest is last in `tokens`.
    token(name, lifetime = LIFETIME) {
        const now = Math.floor(Date.now() / 1000);
        const claims = { iss: this.url, sub: name, aud: 'rabbit', jti: randomUUID(), iat: now, exp: now + lifetime, scope: this.people[name].scopes };
        const unsigned = [{ alg: 'ES256', kid: 'one' }, claims].map((part) => base64url(JSON.stringify(part))).join('.');
        const token = `${unsigned}.${base64url(sign('sha256', Buffer.from(unsigned), { key: this.key.privateKey, dsaEncoding: 'ieee-p1363' }))}`;
        this.tokens.push(token);
        return token;
    }

    // A code for somebody who has logged in, which is taken once, from whoever knows the verifier of the challenge.
    code(name, challenge) {
        const code = randomUUID();
        this.codes.set(code, { name, challenge });
        return code;
    }

    async answer(request, response) {
        const { pathname, searchParams } = new URL(request.url, this.url);
        const form = request.method === 'POST' ? new URLSearchParams(await text(request)) : undefined;
        const origin = new URL(this.page).origin;
        if (request.headers.origin === origin) response.setHeader('access-control-allow-origin', origin);
        const answers = {
            'GET /.well-known/openid-configuration': () => this.configure({
                issuer: this.url, jwks_uri: `${this.url}/keys`, authorization_endpoint: `${this.url}/authorize`, token_endpoint: `${this.url}/token`,
            }),
            'GET /keys': () => ({ keys: [{ ...this.key.publicKey.export({ format: 'jwk' }), kid: 'one', use: 'sig', alg: 'ES256' }] }),
            'GET /authorize': () => this.showForm(searchParams),
            'POST /authorize': () => this.logIn(form, response),
            'POST /token': () => this.give(form),
        };
        const answer = answers[`${request.method} ${pathname}`]?.();
        if (answer === undefined) throw new Refusal('not_found', `there is no ${pathname}`);
        const isHtml = typeof answer === 'string';
        response.setHeader('content-type', isHtml ? 'text/html; charset=utf-8' : 'application/json').end(isHtml ? answer : JSON.stringify(answer));
    }

    refuse(response, error) {
        this.refusals.push(error.message);
        response.writeHead(error instanceof Refusal ? 400 : 500, { 'content-type': 'application/json' });
        response.end(JSON.stringify({ error: error.error ?? 'server_error', error_description: error.message }));
    }

    // What the page asks for; only what a public client may.
    check(asked) {
        const must = { response_type: 'code', client_id: client, redirect_uri: this.page, code_challenge_method: 'S256' };
        for (const [name, value] of Object.entries(must)) {
            if (asked.get(name) !== value) throw new Refusal('invalid_request', `${name} is ${asked.get(name)}`);
        }
        if (!/^[\w-]{43}$/.test(asked.get('code_challenge') ?? '')) throw new Refusal('invalid_request', 'no challenge');
        if ((asked.get('state') ?? '').length < 20) throw new Refusal('invalid_request', 'a state that can be guessed');
    }

    showForm(asked) {
        this.check(asked);
        const hidden = [...asked].map(([name, value]) => `<input type="hidden" name="${escaped(name)}" value="${escaped(value)}">`).join('');
        return `<!DOCTYPE html><html lang="en"><head><title>Provider</title><link rel="icon" href="data:,"></head><body><main><h1>Who are you?</h1>
            <form method="post">${hidden}<label>Name <input name="name"></label> <label>Secret <input name="secret" type="password"></label>
            <button>Go on</button></form></main></body></html>`;
    }

    logIn(form, response) {
        this.check(form);
        const answer = new URLSearchParams({ state: form.get('state') });
        if (this.people[form.get('name')]?.password === form.get('secret')) {
            answer.set('code', this.code(form.get('name'), form.get('code_challenge')));
        } else {
            answer.set('error', 'access_denied');
            answer.set('error_description', 'Nobody has this name and secret');
        }
        this.alter(answer);
        response.statusCode = 303;
        response.setHeader('location', `${form.get('redirect_uri')}?${answer}`);
        return '';
    }

    give(form) {
        if (form.get('client_id') !== client) throw new Refusal('invalid_client', 'not a client of this provider');
        const kinds = { authorization_code: () => this.redeem(form), refresh_token: () => this.renew(form) };
        const give = kinds[form.get('grant_type')];
        if (!give) throw new Refusal('unsupported_grant_type', 'neither a code nor a refresh token');
        const name = give();
        const lifetime = form.get('grant_type') === 'refresh_token' ? LIFETIME : this.lifetime;
        const refresh = randomUUID();
        this.refreshes.set(refresh, name);
        return { access_token: this.token(name, lifetime), token_type: 'Bearer', expires_in: lifetime, refresh_token: refresh };
    }

    redeem(form) {
        const known = this.codes.get(form.get('code'));
        this.codes.delete(form.get('code'));
        if (!known) throw new Refusal('invalid_grant', 'no such code');
        if (form.get('redirect_uri') !== this.page) throw new Refusal('invalid_grant', 'a code for another page');
        if (challengeOf(form.get('code_verifier') ?? '') !== known.challenge) throw new Refusal('invalid_grant', 'the verifier is not that of the challenge');
        return known.name;
    }

    // A refresh token is good for one new token, and a new refresh token.
    renew(form) {
        const name = this.refreshes.get(form.get('refresh_token'));
        this.refreshes.delete(form.get('refresh_token'));
        if (!this.renews || !name) throw new Refusal('invalid_grant', 'no such refresh token');
        this.renewals += 1;
        return name;
    }

    end() {
        this.server.close();
        this.server.closeAllConnections();
    }
}

export async function startProvider() {
    const provider = new Provider();
    await new Promise((done) => { provider.server.listen(0, '127.0.0.1', done); });
    provider.url = `http://127.0.0.1:${provider.server.address().port}`;
    return provider;
}
