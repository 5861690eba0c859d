// What the tests of a file share: one broker, one page in a browser, and clients beside the page.
//
//     const { test, ...stage } = onStage({ settings: ['management.login_session_timeout = 1'] });
//     test('a queue is deleted', async (visit, { api, client }) => { await visit.go('#/queues'); ... });
//
// Each test has a visitor of its own, who has logged in as `user` unless that is null; the browser's page is the same for all tests
// of a file, since a new one takes three seconds of CPU time. What the page did wrong meanwhile, if nobody saw it, fails the test,
// too. A test that fails leaves a picture in build/browser/.
//
// A file that node runs has its stage played at once. all.mjs gathers the stages of all files, and has them played beside each other.
import assert from 'node:assert/strict';
import { after, before, test as nodeTest } from 'node:test';
import { mkdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { startBroker } from './broker.mjs';
import { closeBrowser, openBrowser } from './browser.mjs';
import { Api, Client } from './clients.mjs';
import { PATIENCE_MS } from './patience.mjs';

const pictures = fileURLToPath(new URL('../../build/browser/', import.meta.url));

// The broker counts every half second, and the page asks as often as it can be told to, so that tests wait less.
const STORAGE = { 'leveret.refresh': '2' };
const SETTINGS = ['collect_statistics_interval = 500'];

let gathered = null;

// From now on no stage is played by itself: they are in the list that this returns.
export function gatherStages() {
    gathered = [];
    return gathered;
}

// Within a suite of node's test runner, or alone in a file.
export function playStage({ open, close, tests }) {
    before(open);
    after(close);
    for (const test of tests) nodeTest(...test);
}

export function onStage({ settings = [], prepare = async () => {} } = {}) {
    const stage = {};
    const logins = new Map();
    let visit = null;

    // The cookies of a user who has logged in, which is done once.
    async function cookiesOf(user) {
        if (!logins.has(user)) {
            await visit.context.clearCookies();
            const answer = await visit.context.request.post('api/login', { form: { username: user, password: user } });
            assert.ok(answer.ok(), `${user} logs in: ${answer.status()}`);
            logins.set(user, await visit.context.cookies());
        }
        return logins.get(user);
    }

    // The page is the same for all tests of a file, and knows nothing of the test before.
    async function visitOf(user, how) {
        visit ??= await (await openBrowser()).visit(stage.broker);
        if (user === null) await visit.begin({ ...how, storage: STORAGE });
        else await visit.begin({ ...how, cookies: await cookiesOf(user), storage: { ...STORAGE, 'leveret.may_be_in': 'true' } });
        return visit;
    }

    async function open() {
        stage.broker = await startBroker([...SETTINGS, ...settings]);
        stage.api = new Api(stage.broker);
        stage.client = await Client.connect(stage.broker, 'beside the page');
        stage.leave = await prepare(stage);              // what undoes it, if there is anything
    }

    async function close() {
        await stage.leave?.();
        await visit?.context.close();
        if (!gathered) await closeBrowser();
        await stage.client?.end();
        await stage.broker?.end();
    }

    const tests = [];
    if (gathered) gathered.push({ open, close, tests });
    else playStage({ open, close, tests });

    function test(name, ...rest) {
        const body = rest.pop();
        const { user = 'guest', address = '', ...how } = rest[0] ?? {};
        const played = [name, { timeout: 5 * PATIENCE_MS }, async () => {
            const { page } = await visitOf(user, how);
            try {
                await page.goto(address);
                if (user !== null) await visit.isIn();
                await body(visit, stage);
                await visit.end();
            } catch (error) {
                mkdirSync(pictures, { recursive: true });
                const picture = `${pictures}${name.replace(/[^\w]+/g, '-')}.png`;
                await page.screenshot({ path: picture }).catch(() => {});
                error.message += `\n${(await visit.misdeeds()).join('\n')}\nat ${page.url()}; see ${picture}`;
                await visit.context.close().catch(() => {});                // the browser may be gone
                visit = null;
                throw error;
            }
        }];
        if (gathered) tests.push(played);
        else nodeTest(...played);
    }
    return { test, stage };
}
