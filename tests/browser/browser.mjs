// A real browser, and pages that are watched: whatever the page should not do is a failure of the test that shows it.
//
//     const browser = await launch();
//     const visit = await browser.visit(broker, { theme: 'dark', width: 390 });
//     await visit.logIn(); await visit.go('#/queues');
//     await visit.end();                   throws if the console said anything, a request failed, or the CSP was violated
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { chromium } from 'playwright-core';
import { PATIENCE_MS } from './patience.mjs';

const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

// The shell is the same engine without the windows around it, which cost half of the CPU time.
export const program = process.env.CHROMIUM ?? ['/usr/bin/chromium-headless-shell', '/usr/bin/chromium'].find((path) => existsSync(path));

// Of the broker, too, so that what the browser keeps for the page can be changed here, and nothing of the page runs.
const WITHOUT_SCRIPTS = 'cli/index.html';

// Runs in the page before its own scripts.
function watch() {
    globalThis.violations = [];
    document.addEventListener('securitypolicyviolation', (event) => {
        globalThis.violations.push(`${event.violatedDirective}: ${event.blockedURI} ${event.sample}`);
    });
    // What hostile names would call if they were run.
    globalThis.alert = (text) => { globalThis.violations.push(`alert(${text})`); };
}

export async function launch() {
    const browser = await chromium.launch({
        executablePath: program,
        headless: true,
        // Shared memory is small in containers; root has no sandbox.
        args: ['--disable-dev-shm-usage', '--force-color-profile=srgb', ...process.getuid() === 0 ? ['--no-sandbox'] : []],
    });
    return {
        // A visitor with cookies and storage of its own, which may be those of another one.
        async visit(broker, { theme = 'light', width = 1440, height = 900, motion = 'reduce', storageState } = {}) {
            const context = await browser.newContext({
                storageState,
                baseURL: broker.page, viewport: { width, height }, colorScheme: theme, reducedMotion: motion, locale: 'en-GB',
                timezoneId: 'UTC', acceptDownloads: true, permissions: ['clipboard-read', 'clipboard-write'],
            });
            context.setDefaultTimeout(PATIENCE_MS);
            await context.addInitScript(watch);
            const visit = new Visit(broker, context);
            await visit.openPage();
            return visit;
        },
        isThere: () => browser.isConnected(),
        close: () => browser.close(),
    };
}

let shared = null;

// The browser that all tests of this process share; a new one, should it have crashed.
export async function openBrowser() {
    if (shared && !(await shared).isThere()) shared = null;
    shared ??= launch();
    return shared;
}

export async function closeBrowser() {
    await (await shared)?.close();
    shared = null;
}

const bare = (url) => url.replace(/[?#].*/, '');

class Visit {
    constructor(broker, context) {
        Object.assign(this, { broker, context, page: null, complaints: [], requests: [], expected: [], deleted: [] });
    }

    async openPage() {
        this.page = await this.context.newPage();
        const { page } = this;
        page.on('console', (message) => {
            const { url } = message.location();
            if (/status of 404/.test(message.text()) && this.hasDeleted(url)) return;
            if (['error', 'warning'].includes(message.type())) this.complain(`console: ${message.text()} ${url}`);
        });
        page.on('pageerror', (error) => this.complain(`uncaught: ${error.stack ?? error}`));
        page.on('requestfailed', (request) => {
            // A page that is left ends its requests.
            if (request.failure()?.errorText !== 'net::ERR_ABORTED') {
                this.complain(`failed: ${request.method()} ${request.url()} ${request.failure()?.errorText}`);
            }
        });
        page.on('request', (request) => { if (request.method() === 'DELETE') this.deleted.push(bare(request.url())); });
        page.on('response', (response) => {
            const request = response.request();
            this.requests.push(response);
            if (!request.url().startsWith(this.broker.page) && !/^(data|blob):/.test(request.url())) this.complain(`not of the broker: ${request.url()}`);
            if (response.status() === 404 && request.method() === 'GET' && this.hasDeleted(request.url())) return;
            if (response.status() >= 400) this.complain(`${response.status()}: ${request.method()} ${request.url()}`);
        });
        page.on('dialog', (dialog) => { this.complain(`dialog: ${dialog.message()}`); dialog.dismiss().catch(() => {}); });
    }

    // The same page for another visitor, who knows nothing of the one before: a tenth of what a new one costs. `cookies` and
    // `storage` are what their browser has kept.
    async begin({ theme = 'light', width = 1440, height = 900, cookies = [], storage = {} } = {}) {
        const { context, page } = this;
        await this.leave();
        await context.clearCookies();
        await context.addCookies(cookies);
        await page.evaluate((kept) => {
            sessionStorage.clear();
            localStorage.clear();
            Object.assign(localStorage, kept);
        }, storage);
        await page.emulateMedia({ colorScheme: theme });
        await page.setViewportSize({ width, height });
        Object.assign(this, { complaints: [], requests: [], expected: [], deleted: [] });
    }

    // Nothing of the page runs any more.
    async leave() {
        if (!this.page.url().endsWith(WITHOUT_SCRIPTS)) await this.page.goto(WITHOUT_SCRIPTS);
    }

    complain(text) {
        if (!this.expected.some((pattern) => pattern.test(text))) this.complaints.push(text);
    }

    // A page asks for what it shows until it has heard that the page itself has deleted it.
    hasDeleted(url) { return this.deleted.some((path) => bare(url) === path || bare(url).startsWith(`${path}/`)); }

    // What the test brings about on purpose: refusals, a broker that is away.
    expect(...patterns) { this.expected.push(...patterns); }

    // What was asked of the API since the last call, as { method, path, status, bytes }.
    async asked() {
        const seen = this.requests.splice(0);
        const rows = [];
        for (const response of seen) {
            const url = new URL(response.url());
            // A stream ends with the page: how long it is, is not known yet.
            if (!url.pathname.includes('/api/') || response.headers()['content-type'] === 'text/event-stream') continue;
            const sizes = await response.request().sizes().catch(() => ({ responseBodySize: 0 }));
            rows.push({
                method: response.request().method(), path: url.pathname.replace(/^.*\/api\//, '') + url.search,
                status: response.status(), bytes: sizes.responseBodySize,
            });
        }
        return rows;
    }

    // Logs in by the page's form, and waits for what is at the address.
    async logIn(user = 'guest', password = user, address = '') {
        await this.page.goto(address);
        await this.page.getByLabel('User', { exact: true }).fill(user);
        await this.page.getByLabel('Password', { exact: true }).fill(password);
        await this.page.getByRole('button', { name: 'Log in' }).click();
        await this.isIn();
    }

    // The page is there, and knows its user.
    async isIn() {
        await this.page.locator('#navigation').waitFor({ state: 'attached' });
        await this.settled();
    }

    // The addresses that the list of pages leads to.
    async pages() {
        return this.page.getByRole('navigation', { name: 'Pages', includeHidden: true }).locator('.nav-link').evaluateAll((all) => all.map((a) => a.hash));
    }

    // Goes to an address in the page, as a click on a link does.
    async go(hash) {
        await this.page.evaluate((to) => { location.hash = to; }, hash);
        await this.settled();
    }

    // The page shows what it was asked for: nothing is busy, and there is a heading.
    async settled() {
        await this.page.waitForFunction(() => document.querySelector('main h1') && !document.querySelector('main .loading'));
    }

    // axe-core's serious and critical findings; of these rules only, if some are named. One that is gone when it is looked for
    // again was of a page that was changing.
    async faults(rules = []) {
        const first = await this.findFaults(rules);
        const second = first.length > 0 ? await this.findFaults(rules) : [];
        return first.filter((fault) => second.includes(fault));
    }

    async findFaults(rules) {
        if (!await this.page.evaluate(() => 'axe' in globalThis)) {
            // Through the debugger's door, which no CSP bars.
            await this.page.evaluate(axe);
        }
        const found = await this.page.evaluate((names) => globalThis.axe.run(document, {
            // Preloading is for rules about media and about style sheets, which the page has none for; it takes a third of the time.
            resultTypes: ['violations'], preload: false, ...names.length > 0 ? { runOnly: { type: 'rule', values: names } } : {},
        }), rules);
        const about = ({ target, html, failureSummary }) => `${target.join(' ')} ${html.slice(0, 160)} ${failureSummary?.split('\n')[1] ?? ''}`;
        return found.violations.filter(({ impact }) => ['serious', 'critical'].includes(impact))
            .map(({ id, help, nodes }) => `${id}: ${help}: ${nodes.slice(0, 3).map(about).join(' | ')}`);
    }

    // What the page may not do and has done so far.
    async misdeeds() {
        const violations = await this.page.evaluate(() => globalThis.violations ?? []).catch(() => []);
        return [...this.complaints, ...violations];
    }

    // The visitor leaves. Throws what the page did wrong.
    async end() {
        const found = await this.misdeeds();
        await this.leave();
        if (found.length > 0) throw new Error(`the page misbehaved:\n${found.join('\n')}`);
    }
}
