// What the page's requests cost with very many queues: every page is opened, every column of the list of queues is sorted by, the
// list is filtered, in a real browser, while clients publish and consume. A table of the slowest requests.
//
//     node bench/ui/requests.mjs
//
// QUEUES (10000), ROUNDS (3), LEVERETD (build/leveretd). A request's time is the browser's: from when it was sent to when its answer
// had come. The worst of a page depends on the machine: run it on one that is idle, and look at the medians.
import { startBroker } from '../../tests/browser/broker.mjs';
import { launch } from '../../tests/browser/browser.mjs';
import { Api, Client } from '../../tests/browser/clients.mjs';
import { openShop } from '../../tests/browser/shop.mjs';

const COUNT = Number(process.env.QUEUES ?? 10_000);
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const LIMIT_MS = 100;

const numbered = (n) => `queue.${String(n).padStart(6, '0')}`;
const sortedBy = ['name', 'type', 'messages', 'messages_ready', 'messages_unacknowledged', 'consumers', 'state', 'message_stats.publish_details.rate',
    'message_stats.ack_details.rate', 'messages_details.rate', 'memory', 'idle_since'];

async function fill(api) {
    const queues = Array.from({ length: COUNT }, (_, n) => ({ name: numbered(n), vhost: '/', durable: true, auto_delete: false, arguments: {} }));
    const exchange = { name: 'all', vhost: '/', type: 'topic', durable: true, auto_delete: false, internal: false, arguments: {} };
    const bindings = queues.map(({ name }, n) => ({
        source: 'all', vhost: '/', destination: name, destination_type: 'queue', routing_key: `key.${n}`, arguments: {},
    }));
    await api.post('definitions', { queues, exchanges: [exchange], bindings });
}

// [page, request, milliseconds] of each answer.
const seen = [];

function watch(visit) {
    let where = '';
    visit.page.on('requestfinished', (request) => {
        const { requestStart, responseEnd } = request.timing();
        const url = new URL(request.url());
        if (!url.pathname.startsWith('/api/') || /^\/api\/(events|logs)/.test(url.pathname)) return;
        seen.push({ where, method: request.method(), path: url.pathname.slice(5) + decodeURIComponent(url.search), ms: responseEnd - requestStart });
    });
    return (hash) => { where = hash; return visit.go(hash); };
}

const broker = await startBroker(['management.rates_mode = detailed']);
const api = new Api(broker);
await fill(api);
const shop = await openShop(broker, { perTick: 1 });
const client = await Client.connect(broker, 'bench');
await client.publish('', numbered(4711), 3000);
const browser = await launch();
const visit = await browser.visit(broker);
await visit.logIn();
const go = watch(visit);
const [connection] = await api.get('connections?columns=name');
const part = encodeURIComponent;
const addresses = [...await visit.pages(), ...sortedBy.map((key) => `#/queues?sort=${part(key)}&sort_reverse=true`), '#/queues?name=0471', '#/queues?page=200',
    `#/queues/%2F/${numbered(4711)}`, '#/exchanges/%2F/all', '#/exchanges/%2F/', `#/connections/${part(connection.name)}`, '#/vhosts/%2F', '#/users/guest'];
for (let round = 0; round < ROUNDS; round++) {
    for (const address of addresses) await go(address);
}
await visit.context.close();
await browser.close();
await shop.close();
await client.end();
await broker.end();

const groups = new Map();
for (const { method, path, ms } of seen) {
    const key = `${method} ${path}`;
    groups.set(key, [...groups.get(key) ?? [], ms]);
}
const rows = [...groups].map(([key, all]) => ({ key, count: all.length, median: all.sort((a, b) => a - b)[all.length >> 1], worst: all.at(-1) }));
rows.sort((a, b) => b.worst - a.worst);
console.log(`${COUNT} queues: ${seen.length} requests, ${seen.filter(({ ms }) => ms > LIMIT_MS).length} of them over ${LIMIT_MS} ms\n`);
console.log('| request | times | median, ms | worst, ms |\n| --- | ---: | ---: | ---: |');
for (const { key, count, median, worst } of rows.slice(0, 25)) console.log(`| ${key.slice(0, 150)} | ${count} | ${median.toFixed(1)} | ${worst.toFixed(1)} |`);
