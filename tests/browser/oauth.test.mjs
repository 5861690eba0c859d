// Logging in at a provider of tokens: there and back, what a token allows, its renewal and its end, and all that must be refused.
import assert from 'node:assert/strict';
import { startBroker } from './broker.mjs';
import { openBrowser } from './browser.mjs';
import { Api, path } from './clients.mjs';
import { until } from './patience.mjs';
import { challengeOf, LIFETIME, startProvider } from './provider.mjs';
import { onStage } from './stage.mjs';

const provider = await startProvider();
provider.people = {
    ann: { password: 'secret', scopes: 'rabbit.tag:administrator rabbit.read:*/* rabbit.write:*/* rabbit.configure:*/*' },
    rita: { password: 'reads', scopes: 'rabbit.tag:management rabbit.read:%2F/orders*' },
    tom: { password: 'tagless', scopes: 'rabbit.read:*/*' },
};

const { test: onStageTest } = onStage({
    settings: provider.settings,
    prepare: async ({ broker, api }) => {
        provider.page = broker.page;
        api.authorization = `Bearer ${provider.token('ann')}`;
        for (const name of ['orders', 'orders.late', 'secret']) await api.put(path('queues', '/', name), { durable: true });
        return () => provider.end();
    },
});

// Nobody is logged in at first. What the browser asks of the provider is no misdeed of the page.
function test(name, body) {
    onStageTest(name, { user: null }, (visit, stage) => {
        const { configure, alter, lifetime, renews } = provider;
        Object.assign(provider, { refusals: [], tokens: [], renewals: 0 });
        visit.expect(new RegExp(`^not of the broker: ${provider.url}/`));
        return body(visit, stage).finally(() => Object.assign(provider, { configure, alter, lifetime, renews }));
    });
}

const begin = (page) => page.getByRole('button', { name: 'Log in with single sign-on' });
const heading = (page, text) => page.getByRole('heading', { level: 1, name: text });
const cookieOf = async (visit) => (await visit.context.cookies()).map(({ value }) => value).join();

async function atProvider(page, name, secret = provider.people[name].password) {
    await begin(page).click();
    await page.getByLabel('Name').fill(name);
    await page.getByLabel('Secret').fill(secret);
    await page.getByRole('button', { name: 'Go on' }).click();
}

async function logIn(visit, name, address = '#/queues') {
    await visit.page.goto(address);
    await atProvider(visit.page, name);
    await visit.isIn();
}

async function isRefused(page, words) {
    await page.getByText(words).waitFor();
    await begin(page).waitFor();
    assert.equal(await page.locator('#navigation').count(), 0);
}

test('the login leads to the provider and back to the address that was asked for, and leaves no token behind', async (visit, { broker }) => {
    const { page } = visit;
    await page.goto('#/queues?name=orders&sort=messages');
    await begin(page).waitFor();
    assert.equal(await page.getByLabel('Password').count(), 0);
    await atProvider(page, 'ann');
    await heading(page, 'Queues').waitFor();
    await page.getByRole('link', { name: 'orders.late' }).waitFor();
    assert.equal(page.url(), `${broker.page}#/queues?name=orders&sort=messages`);
    await page.getByRole('button', { name: /^ann: .*log out/ }).click();
    await page.getByText('administrator', { exact: true }).waitFor();
    assert.deepEqual(provider.refusals, []);
    const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, document.cookie]));
    assert.equal(provider.tokens.length, 1);
    for (const token of [...provider.tokens, ...provider.refreshes.keys()]) assert.equal(kept.includes(token), false, kept);
    await page.reload();                                 // the cookie is enough
    await visit.isIn();
    assert.equal(provider.tokens.length, 1);
});

test('the page may ask the provider, and no other server', async (visit) => {
    const { page } = visit;
    visit.expect(/[Cc]ontent [Ss]ecurity [Pp]olicy|ERR_BLOCKED_BY_CSP/);
    await logIn(visit, 'ann');
    const ask = (url) => page.evaluate((to) => fetch(to, { credentials: 'omit' }).then(({ status }) => status, () => 'refused'), url);
    assert.equal(await ask(`${provider.url}/keys`), 200);
    const others = ['https://127.0.0.1:1/', 'http://127.0.0.1:1/', provider.url.replace('127.0.0.1', 'localhost')];
    for (const other of others) assert.equal(await ask(other), 'refused');
    const violations = await page.evaluate(() => globalThis.violations.splice(0));
    assert.equal(violations.filter((text) => text.startsWith('connect-src')).length, others.length, violations.join());
});

test('what the scopes do not allow is refused with the words of the API', async (visit, { broker }) => {
    const { page } = visit;
    await logIn(visit, 'rita');
    assert.equal((await visit.pages()).includes('#/users'), false);
    const api = new Api(broker);
    api.authorization = `Bearer ${provider.tokens.at(-1)}`;
    const { status, json } = await api.ask('DELETE', path('queues', '/', 'orders'));
    visit.expect(new RegExp(`${status}`));
    await visit.go(`#/${path('queues', '/', 'orders')}`);
    await page.getByRole('button', { name: 'Delete…', exact: true }).click();
    const dialog = page.getByRole('dialog');
    await dialog.getByRole('button', { name: 'Delete', exact: true }).click();
    await dialog.getByRole('alert').filter({ hasText: json.reason }).waitFor();
    await page.keyboard.press('Escape');
    await heading(page, 'orders').waitFor();             // refused, but not logged out
});

test('a token without a tag is let in nowhere, in the words of the API', async (visit, { broker }) => {
    const { page } = visit;
    visit.expect(/401/);
    await page.goto('#/queues');
    await atProvider(page, 'tom');
    await begin(page).waitFor();
    const answer = await fetch(`${broker.page}api/login`, { method: 'POST', body: new URLSearchParams({ token: provider.tokens.at(-1) }) });
    await isRefused(page, (await answer.json()).reason);
});

test('an answer with another state is not used, and a code of somebody else is refused for its verifier', async (visit) => {
    const { page } = visit;
    provider.alter = (answer) => answer.set('state', 'another');
    await page.goto('#/queues');
    await atProvider(page, 'ann');
    await isRefused(page, 'was not begun in this window');
    assert.equal(page.url().includes('code='), false);
    assert.deepEqual([provider.tokens, provider.refusals], [[], []]);        // no code was redeemed
    provider.alter = (answer) => answer.set('code', provider.code('ann', challengeOf('of somebody else')));
    visit.expect(/400/);
    await atProvider(page, 'ann');
    await isRefused(page, 'The provider refuses a token: the verifier is not that of the challenge');
    assert.deepEqual([provider.tokens.length, provider.refusals.length], [0, 1]);
});

test('what the provider refuses is shown as text, and the next try leads where the first was to', async (visit) => {
    const { page } = visit;
    await page.goto('#/queues?name=late');
    await atProvider(page, 'ann', 'wrong');
    await isRefused(page, 'The provider refuses the login: Nobody has this name and secret');
    provider.alter = (answer) => answer.set('error_description', '<img src=x onerror=alert(1)>');
    await atProvider(page, 'ann', 'wrong');
    await isRefused(page, 'The provider refuses the login: <img src=x onerror=alert(1)>');
    provider.alter = () => {};
    await atProvider(page, 'ann');
    await page.getByRole('link', { name: 'orders.late' }).waitFor();
    assert.match(page.url(), /\/#\/queues\?name=late$/);
});

test('a provider that is not set up for the page is told so before anybody goes there', async (visit) => {
    const { page } = visit;
    const alert = (words) => page.getByRole('alert').filter({ hasText: words });
    await page.goto('#/queues');
    provider.configure = (metadata) => ({ ...metadata, token_endpoint: 'https://elsewhere.example/token' });
    await begin(page).click();
    await alert('https://elsewhere.example/token').waitFor();
    visit.expect(/400/);
    provider.configure = () => undefined;
    await begin(page).click();
    await alert('The provider refuses its configuration').waitFor();
    await begin(page).waitFor();
});

test('a token that is about to end is renewed, again and again, and nobody notices', async (visit) => {
    const { page } = visit;
    await page.clock.install();
    await logIn(visit, 'ann');
    await page.getByRole('searchbox').first().fill('ord');
    for (const round of [1, 2]) {
        const before = await cookieOf(visit);
        await page.clock.fastForward(LIFETIME / 2 * 1000);
        assert.equal(provider.renewals, round - 1);
        await page.clock.fastForward((LIFETIME / 2 - 20) * 1000);
        await until('a new token is the login', async () => provider.renewals === round && await cookieOf(visit) !== before);
    }
    await visit.settled();
    assert.equal(await page.getByRole('searchbox').first().inputValue(), 'ord');
    await heading(page, 'Queues').waitFor();
    assert.deepEqual(provider.refusals, []);             // no refresh token was used twice
});

test('a renewal that the broker does not answer is tried again, with the newest refresh token', async (visit) => {
    const { page } = visit;
    await page.clock.install();
    await logIn(visit, 'ann');
    const before = await cookieOf(visit);
    let isCut = false;
    visit.expect(/login/);
    await page.route('**/api/login', (route) => { isCut = true; return route.abort(); }, { times: 1 });
    await page.clock.fastForward((LIFETIME - 20) * 1000);
    await until('the broker does not answer', () => isCut);
    await until('a new token is the login', async () => {
        await page.clock.fastForward(1000);
        return await cookieOf(visit) !== before;
    });
    assert.deepEqual([provider.renewals, provider.refusals], [2, []]);
});

// Waits until the token has ended, and lets the page ask for what it shows.
async function endToken(token, { page }, { broker }) {
    const api = new Api(broker);
    api.authorization = `Bearer ${token}`;
    await until('the token has ended', async () => (await api.ask('GET', 'whoami')).status === 401);
    await page.clock.fastForward(6000);
}

// Logs in with a token that ends soon, and returns it. How long one has to last depends on how busy the machine is.
async function logInForAShortTime(visit) {
    const { page } = visit;
    await page.clock.install();
    for (provider.lifetime = 2; ; provider.lifetime *= 2) {
        const count = provider.tokens.length;
        await page.goto('#/queues?name=late');
        await atProvider(page, 'ann');
        await page.locator('#navigation').or(begin(page)).first().waitFor({ state: 'attached' });
        if (await page.locator('#navigation').count() > 0) return provider.tokens[count];
    }
}

test('a token that has ended before it was renewed is renewed then', async (visit, stage) => {
    const { page } = visit;
    visit.expect(/401/);
    const token = await logInForAShortTime(visit);
    await endToken(token, visit, stage);
    await until('a new token', () => provider.renewals > 0);
    await page.getByRole('link', { name: 'orders.late' }).waitFor();
    assert.equal(await begin(page).count(), 0);
});

test('a token that has ended and is not renewed leads to the login, and from there back', async (visit, stage) => {
    const { page } = visit;
    visit.expect(/401/, /400/);
    provider.renews = false;
    const token = await logInForAShortTime(visit);
    await endToken(token, visit, stage);
    await isRefused(page, 'Your login has ended');
    assert.deepEqual([...new Set(provider.refusals)], ['no such refresh token']);
    provider.lifetime = LIFETIME;
    await atProvider(page, 'ann');
    await page.getByRole('link', { name: 'orders.late' }).waitFor();
    assert.match(page.url(), /\/#\/queues\?name=late$/);
});

test('a logout forgets the token, and nothing renews it', async (visit) => {
    const { page } = visit;
    await page.clock.install();
    await logIn(visit, 'ann');
    await page.getByRole('button', { name: /log out/ }).click();
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await isRefused(page, 'You are logged out');
    assert.equal(await cookieOf(visit), '');
    await page.clock.fastForward(2 * LIFETIME * 1000);
    await page.reload();
    await begin(page).waitFor();
    assert.deepEqual([provider.renewals, provider.refusals, await cookieOf(visit)], [0, [], '']);
});

test('where passwords are taken as well, who logs in with one stays, whoever was there before', async () => {
    const own = await startBroker([...provider.settings, 'management.oauth_disable_basic_auth = false']);
    const { page: before } = provider;
    provider.page = own.page;
    const visit = await (await openBrowser()).visit(own);
    const { page } = visit;
    try {
        visit.expect(new RegExp(`^not of the broker: ${provider.url}/`));
        await page.clock.install();
        await logIn(visit, 'ann');
        await page.getByRole('button', { name: /^ann: .*log out/ }).click();
        await page.getByRole('button', { name: 'Log out', exact: true }).click();
        await page.getByLabel('User', { exact: true }).fill('guest');            // in the same page, which is not loaded anew
        await page.getByLabel('Password', { exact: true }).fill('guest');
        await page.getByRole('button', { name: 'Log in', exact: true }).click();
        const user = page.getByRole('button', { name: /^guest: .*log out/ });
        await user.waitFor();
        const asked = page.waitForResponse(/\/api\/queues/);                   // what is due is asked for
        await page.clock.fastForward(LIFETIME * 1000);
        await asked;
        await page.reload();
        await user.waitFor();
        assert.equal(provider.renewals, 0);
        await visit.end();
    } finally {
        provider.page = before;
        await visit.context.close();
        await own.end();
    }
});
