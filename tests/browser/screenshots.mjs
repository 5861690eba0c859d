// make screenshots: a picture of each page, in light and dark, on a desk and on a phone, of a shop that has been open for a while.
// They are in build/screenshots/, with an index. Arguments are parts of addresses: only these pages.
// SECONDS: how long the shop is open before (90); WIDTHS=1440 and THEMES=dark: fewer pictures of each.
import { mkdirSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { launch } from './browser.mjs';
import { startBroker } from './broker.mjs';
import { Api } from './clients.mjs';
import { openShop } from './shop.mjs';

const folder = fileURLToPath(new URL('../../build/screenshots/', import.meta.url));
const SECONDS = Number(process.env.SECONDS ?? 90);
const WIDTHS = (process.env.WIDTHS ?? '1440,390').split(',').map(Number);
const THEMES = (process.env.THEMES ?? 'light,dark').split(',');
const part = encodeURIComponent;
const heightOf = (width) => (width > 1000 ? 900 : 844);

// What is counted while somebody looks is shown after so many seconds.
const LOOK_SECONDS = { 'map': 12, 'map-route': 4, 'map-list': 4, 'queue': 12 };

// What a dialog is opened by, after its page: a button.
const asked = { 'queue-move': 'Move…', 'queue-delete': 'Delete…' };

function pagesOf({ connection, trace }) {
    return {
        'overview': '#/',
        'map': '#/map/%2F',
        'map-route': '#/map/%2F?exchange=orders&key=order.created.de.high',
        'map-list': '#/map/%2F?view=list',
        'doctor': '#/doctor',
        'queues': '#/queues?sort=messages&desc=true',
        'queues-add': '#/queues?new=1',
        'queue': '#/queues/%2F/orders.shipping',
        'queue-browse': '#/queues/%2F/mails.failed?tab=browse',
        'queue-get': '#/queues/%2F/mails.failed?tab=get',
        'queue-publish': '#/queues/%2F/mails.failed?tab=publish',
        'queue-consumers': '#/queues/%2F/orders.billing?tab=consumers',
        'queue-bindings': '#/queues/%2F/orders.billing?tab=bindings',
        'queue-settings': '#/queues/%2F/mails.outgoing?tab=settings',
        'queue-move': '#/queues/%2F/audit.export',
        'queue-delete': '#/queues/%2F/audit.export',
        'exchanges': '#/exchanges',
        'exchange': '#/exchanges/%2F/orders',
        'exchange-route': '#/exchanges/%2F/payments?key=order.created',
        'life': '#/life',
        'life-trace': `#/life/${trace}`,
        'connections': '#/connections',
        'connection': `#/connections/${part(connection)}`,
        'channels': '#/channels',
        'channel': `#/channels/${part(`${connection} (1)`)}`,
        'consumers': '#/consumers',
        'node': '#/nodes',
        'log': '#/logs',
        'settings': '#/config',
        'cluster-name': '#/cluster-name',
        'feature-flags': '#/feature-flags',
        'vhosts': '#/vhosts',
        'vhost': '#/vhosts/%2F',
        'users': '#/users',
        'user': '#/users/shop?kind=exchange&object=orders&key=order.created.de',
        'policies': '#/policies',
        'policy': '#/policies/%2F/orders-dead-letters',
        'add-policy': '#/add-policy?vhost=%2F',
        'limits': '#/limits',
        'parameters': '#/parameters',
        'definitions': '#/definitions',
    };
}

function page(names) {
    const rows = names.map((name) => `<h2>${name}</h2>\n<p>${THEMES.flatMap((theme) => WIDTHS.map((width) =>
        `<a href="${name}-${width}-${theme}.png"><img src="${name}-${width}-${theme}.png" width="${width > 1000 ? 560 : 180}" alt="${name}, ${width} px, ${theme}"></a>`)).join('\n')}</p>`);
    return `<!doctype html>\n<meta charset="utf-8">\n<title>Screenshots</title>\n<style>body { font: 16px sans-serif; margin: 2em } img { vertical-align: top; border: 1px solid #8888 }</style>\n${rows.join('\n')}\n`;
}

const wanted = process.argv.slice(2);
mkdirSync(folder, { recursive: true });
const broker = await startBroker();
const browser = await launch();
const shop = await openShop(broker);
try {
    console.log(`the shop is open; ${SECONDS} s until the first picture`);
    await new Promise((done) => { setTimeout(done, SECONDS * 1000); });
    const api = new Api(broker);
    const connection = (await api.get('connections')).find(({ user_provided_name: name }) => name === 'shop-web-1').name;
    const { id: trace } = await api.post('message-traces', { vhost: '/', kind: 'exchange', name: 'orders', seconds: 60, messages: 40 });
    const all = Object.entries(pagesOf({ connection, trace })).filter(([name]) => wanted.length === 0 || wanted.some((one) => name.includes(one)));
    let storageState;
    for (const theme of THEMES) {
        for (const width of WIDTHS) {
            const visit = await browser.visit(broker, { theme, width, height: heightOf(width), storageState });
            if (!storageState) {
                await visit.page.goto('');
                await visit.page.getByRole('button', { name: 'Log in' }).waitFor();
                await visit.page.screenshot({ path: `${folder}login-${width}-${theme}.png` });
                await visit.logIn();
                storageState = await visit.context.storageState();
            } else {
                await visit.page.goto('');
                await visit.isIn();
            }
            for (const [name, address] of all) {
                await visit.go(address);
                await visit.page.mouse.move(0, 0);          // a click of before may have left it on something that lights up then
                await visit.page.locator('.loading').first().waitFor({ state: 'detached' });
                await visit.page.waitForTimeout(1000);      // what a page asks for after that
                await visit.page.waitForTimeout((LOOK_SECONDS[name] ?? 0) * 1000);
                if (asked[name]) await visit.page.getByRole('button', { name: asked[name], exact: true }).click();
                // The window is as high as the page, so that what stays at its place reaches to the end.
                const height = await visit.page.evaluate(() => document.documentElement.scrollHeight);
                if (await visit.page.getByRole('dialog').count() === 0) await visit.page.setViewportSize({ width, height });
                await visit.page.screenshot({ path: `${folder}${name}-${width}-${theme}.png` });
                await visit.page.setViewportSize({ width, height: heightOf(width) });
                if (asked[name]) await visit.page.keyboard.press('Escape');
            }
            for (const misdeed of await visit.misdeeds()) console.log(misdeed);
            await visit.context.close();
        }
    }
    writeFileSync(`${folder}index.html`, page(all.map(([name]) => name)));
    console.log(`${folder}index.html`);
} finally {
    await shop.close();
    await browser.close();
    await broker.end();
}
