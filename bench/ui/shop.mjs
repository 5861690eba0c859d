// The same shop in each broker: 8 exchanges, 15 queues, clients that publish and consume, one queue that grows, dead letters.
//
//     const shop = await openShop(broker);        broker: { amqp, page }, as the tests of the page have it
//     await shop.tidy();                          as it was before a round: what the tasks take is there again
//     await shop.close();
import { Api, Client, path } from '../../tests/browser/clients.mjs';
import { until } from '../../tests/browser/patience.mjs';

const EXCHANGES = {
    orders: 'topic', audit: 'topic', payments: 'direct', mails: 'direct', reports: 'topic', stock: 'topic', failed: 'direct', unrouted: 'fanout',
};

const deadLetters = { 'x-dead-letter-exchange': 'failed' };

const QUEUES = {
    'orders.billing': deadLetters, 'orders.notify': {}, 'orders.shipping': {}, 'orders.fraud': { 'x-max-priority': 5 }, 'orders.failed': {},
    'orders.unrouted': {}, 'audit.export': {}, 'mails.outgoing': { ...deadLetters, 'x-dead-letter-routing-key': 'mails.outgoing' },
    'mails.newsletter': {}, 'mails.failed': {}, 'reports.daily': {}, 'reports.weekly': {}, 'payments.capture': {}, 'payments.refund': {},
    'stock.warehouse': {},
};

const BINDINGS = [
    ['orders', 'orders.billing', 'order.created.#'], ['orders', 'orders.notify', 'order.#'], ['orders', 'orders.fraud', 'order.created.*.high'],
    ['payments', 'orders.shipping', 'paid'], ['payments', 'payments.capture', 'capture'], ['payments', 'payments.refund', 'refund'],
    ['audit', 'audit.export', '#'], ['mails', 'mails.outgoing', 'transactional'], ['mails', 'mails.newsletter', 'newsletter'],
    ['reports', 'reports.daily', 'report.daily'], ['reports', 'reports.weekly', 'report.weekly'], ['stock', 'stock.warehouse', 'stock.*'],
    ['failed', 'mails.failed', 'mails.outgoing'], ['failed', 'orders.failed', 'order.created.de'], ['unrouted', 'orders.unrouted', ''],
];

export const PART = 1000;              // messages that are moved, and that are purged
const PER_SECOND = 40;                 // what is paid for, and piles up before shipping

export async function openShop(broker) {
    const api = new Api(broker);
    for (const [name, type] of Object.entries(EXCHANGES)) await api.put(path('exchanges', '/', name), { type, durable: true, arguments: {} });
    for (const [name, args] of Object.entries(QUEUES)) await api.put(path('queues', '/', name), { durable: true, auto_delete: false, arguments: args });
    for (const [exchange, queue, key] of BINDINGS) {
        await api.post(path('bindings', '/', 'e', exchange, 'q', queue), { routing_key: key, arguments: {} });
    }
    const shop = new Shop(broker, api);
    await shop.work('billing-1', 'orders.billing', 0.02);
    await shop.work('notifier', 'orders.notify');
    await shop.work('fraud-check', 'orders.fraud');
    await shop.work('payments-worker', 'payments.capture');
    await shop.work('mailer-1', 'mails.outgoing', 0.1);
    await shop.workSlowly('shipping-1', 'orders.shipping');
    const web = await shop.client('shop-web-1');
    const pay = await shop.client('payment-gateway');
    const back = await shop.client('back-office');
    await back.publish('audit', 'order.exported', 5000, (n) => JSON.stringify({ order: n }));
    let n = 0;
    shop.every(1000 / PER_SECOND, () => {
        n += 1;
        send(web, 'orders', 'order.created.de', { order: n });
        send(pay, 'payments', 'paid', { order: n });
        if (n % 2 === 0) send(pay, 'payments', 'capture', { order: n });
        if (n % 4 === 0) send(back, 'mails', 'transactional', { order: n });
    });
    shop.back = back;
    return shop;
}

function send(client, exchange, key, content) {
    client.channel.publish(exchange, key, Buffer.from(JSON.stringify(content)), { persistent: true, contentType: 'application/json' });
}

class Shop {
    constructor(broker, api) { Object.assign(this, { broker, api, clients: [], timers: [] }); }

    async client(name) {
        const client = await Client.connect(this.broker, name);
        this.clients.push(client);
        return client;
    }

    every(ms, what) { this.timers.push(setInterval(() => { try { what(); } catch { /* its connection was closed */ } }, ms)); }

    // Consumes as messages come; refuses a part of them, which become dead letters.
    async work(name, queue, refused = 0) {
        const client = await this.client(name);
        let seen = 0;
        await client.channel.prefetch(50);
        await client.channel.consume(queue, (message) => {
            seen += 1;
            if (refused > 0 && seen % Math.round(1 / refused) === 0) client.channel.reject(message, false);
            else client.channel.ack(message);
        });
    }

    async workSlowly(name, queue) {
        const client = await this.client(name);
        const held = [];
        await client.channel.prefetch(20);
        await client.channel.consume(queue, (message) => held.push(message));
        this.every(200, () => { if (held.length > 0) client.channel.ack(held.shift()); });
    }

    // What the tasks of a round use up.
    async tidy() {
        await this.api.ask('DELETE', path('users', 'auditor'));
        for (const queue of ['reports.weekly', 'reports.daily', 'mails.newsletter', 'payments.refund']) await this.back.channel.purgeQueue(queue);
        await this.back.publish('reports', 'report.weekly', PART, (n) => JSON.stringify({ report: 'weekly', part: n }), { contentType: 'application/json' });
        await this.back.publish('mails', 'newsletter', PART, (n) => JSON.stringify({ issue: 47, part: n }));
        await this.back.publish('payments', 'refund', 5, (n) => JSON.stringify({ refund: n }), { contentType: 'application/json' });
        const connections = () => this.api.get('connections');
        const isStray = ({ client_properties: of }) => of?.connection_name === 'stock-1';
        for (const { name } of (await connections()).filter(isStray)) await this.api.ask('DELETE', path('connections', name));
        await until('the old connection has gone', async () => !(await connections()).some(isStray));
        await this.client('stock-1');
        await until('the connection is listed', async () => (await connections()).some(isStray));
        // Figures are as old as the broker's interval of statistics, 5 s: two of these later they show what came in, and then that no more does.
        await new Promise((done) => setTimeout(done, 11_000));
        const filled = ['reports.weekly', 'mails.newsletter', 'payments.refund', 'audit.export'];
        const queues = () => Promise.all(filled.map((name) => this.api.get(path('queues', '/', name))));
        const grows = ({ message_stats: of, messages_details: length }) => of?.publish_details?.rate > 0 || length?.rate > 0;
        await until('the figures are those of now', async () => {
            const now = await queues();
            return now.map(({ messages }) => messages).join().startsWith(`${PART},${PART},5,`) && !now.some(grows);
        });
    }

    async close() {
        for (const timer of this.timers) clearInterval(timer);
        await Promise.all(this.clients.map((client) => client.end()));
    }
}
