// How smoothly the map moves: frames a second while messages move on its edges, and while somebody drags it, with 10, 100 and 1,000
// queues and exchanges.
//
//     node bench/ui/map.mjs
//
// SECONDS (5), LEVERETD (build/leveretd). Chromium draws without a graphics card here, in software, and shares the processors with
// the broker and the clients: a desktop does better. Frames are those that the browser gives to the page's scripts, at most 60 a second.
import { startBroker } from '../../tests/browser/broker.mjs';
import { launch } from '../../tests/browser/browser.mjs';
import { Api, Client, path } from '../../tests/browser/clients.mjs';

const SECONDS = Number(process.env.SECONDS ?? 5);
const SIZES = [10, 100, 1000];
const EVERY_MS = 100;
const QUEUES_OF_EXCHANGE = 9;

// A vhost of so many objects; each exchange is a topic with nine queues.
async function fill(api, size) {
    const vhost = `map-${size}`;
    const exchanges = Array.from({ length: size / (QUEUES_OF_EXCHANGE + 1) }, (_, n) => ({ name: `exchange.${n}`, type: 'topic', durable: true, auto_delete: false, internal: false, arguments: {} }));
    const queues = exchanges.flatMap(({ name }) => Array.from({ length: QUEUES_OF_EXCHANGE }, (_, n) => ({ name: `${name}.queue.${n}`, durable: true, auto_delete: false, arguments: { 'x-max-length': 1000 } })));
    const bindings = queues.map(({ name }, n) => ({ source: exchanges[Math.floor(n / QUEUES_OF_EXCHANGE)].name, destination: name, destination_type: 'queue', routing_key: '#', arguments: {} }));
    await api.put(path('vhosts', vhost));
    await api.put(path('permissions', vhost, 'guest'), { configure: '.*', write: '.*', read: '.*' });
    await api.post(path('definitions', vhost), { exchanges, queues, bindings });
    return { vhost, exchanges };
}

// Publishes to each exchange, again and again. Returns a function that ends it.
async function keepBusy(broker, { vhost, exchanges }) {
    const client = await Client.connect({ ...broker, amqp: `${broker.amqp}/${encodeURIComponent(vhost)}` }, 'publisher');
    let at = 0;
    const timer = setInterval(() => {
        for (let n = 0; n < Math.min(10, exchanges.length); n++) client.channel.publish(exchanges[at++ % exchanges.length].name, 'key', Buffer.from('x'));
    }, EVERY_MS);
    return async () => { clearInterval(timer); await client.end(); };
}

// Runs in the page: the milliseconds between two frames, for so long.
const watchFrames = (ms) => new Promise((done) => {
    const gaps = [];
    const begun = performance.now();
    let last = begun;
    const next = (now) => {
        if (now > last) gaps.push(now - last);
        last = now;
        if (now - begun < ms) requestAnimationFrame(next);
        else done(gaps);
    };
    requestAnimationFrame(next);
});

function summary(gaps) {
    const sorted = [...gaps].sort((a, b) => a - b);
    const ms = gaps.reduce((sum, gap) => sum + gap, 0);
    return `${(gaps.length / ms * 1000).toFixed(0)} a second; 95 of 100 within ${sorted[Math.floor(sorted.length * 0.95)].toFixed(0)} ms, the longest ${sorted.at(-1).toFixed(0)} ms`;
}

async function drag(page, ms) {
    const { x, y, width, height } = await page.locator('.map-stage').boundingBox();
    const [cx, cy] = [x + width / 2, y + height - 40];
    await page.mouse.move(cx, cy);
    await page.mouse.down();
    for (const end = Date.now() + ms; Date.now() < end;) {
        for (const step of [1, -1]) await page.mouse.move(cx + step * 200, cy - 100 + step * 80, { steps: 20 });
    }
    await page.mouse.up();
}

const broker = await startBroker(['management.rates_mode = detailed']);
const api = new Api(broker);
const browser = await launch();
console.log('| objects | messages move | dragged |\n| ---: | --- | --- |');
for (const size of SIZES) {
    const place = await fill(api, size);
    const rest = await keepBusy(broker, place);
    const visit = await browser.visit(broker, { motion: 'no-preference' });
    await visit.logIn();
    await visit.go(`#/map/${place.vhost}`);
    await visit.page.locator('.map-stage canvas').first().waitFor();
    await visit.page.waitForFunction(() => /\/s/.test([...document.querySelectorAll('.map-stage button')].map((b) => b.ariaLabel).join()));      // there are rates
    const moving = await visit.page.evaluate(watchFrames, SECONDS * 1000);
    const [dragged] = await Promise.all([visit.page.evaluate(watchFrames, SECONDS * 1000), drag(visit.page, SECONDS * 1000)]);
    console.log(`| ${size} | ${summary(moving)} | ${summary(dragged)} |`);
    await visit.context.close();
    await rest();
}
await browser.close();
await broker.end();
