// A believable shop: orders, payments, mails, reports; clients that publish and consume; and some trouble.
//
//     const shop = await openShop(broker);     the topology, users, policies, and clients at work
//     await shop.close();
//
// What is trouble: orders.shipping grows, since its consumer is slow; audit.export has messages and no consumer; a worker of
// reports.weekly holds all its messages and acknowledges none; mails to a bad address are dead-lettered; orders of a kind that
// nobody has bound are unroutable and end in `unrouted`.
import { Api, Client, path } from './clients.mjs';

const BINDINGS = [
    // exchange, queue, key, arguments
    ['orders', 'orders.billing', 'order.created.#'],
    ['orders', 'orders.notify', 'order.#'],
    ['orders', 'orders.shipping', 'order.paid.*'],
    ['orders', 'orders.fraud', 'order.created.*.high'],
    ['audit', 'audit.export', '#'],
    ['mails', 'mails.outgoing', 'transactional'],
    ['mails', 'mails.newsletter', 'newsletter'],
    ['reports', 'reports.daily', 'report.daily'],
    ['reports', 'reports.weekly', 'report.weekly'],
    ['payments', 'payments.capture', '', { 'x-match': 'all', kind: 'capture' }],
    ['payments', 'payments.refund', '', { 'x-match': 'any', kind: 'refund', dispute: true }],
    ['failed', 'mails.failed', 'mails.outgoing'],
    ['failed', 'orders.failed', 'orders.billing'],
    ['unrouted', 'orders.unrouted', ''],
    ['stock', 'stock.warehouse', 'stock.*'],
];

const EXCHANGES = {
    orders: ['topic', { 'alternate-exchange': 'unrouted' }],
    audit: ['topic'],
    mails: ['direct'],
    reports: ['topic'],
    payments: ['headers'],
    failed: ['direct'],
    unrouted: ['fanout'],
    stock: ['topic'],
};

const QUEUES = {
    'orders.billing': {},
    'orders.notify': {},
    'orders.shipping': {},
    'orders.fraud': { 'x-max-priority': 5 },
    'orders.failed': {},
    'orders.unrouted': { 'x-message-ttl': 86_400_000 },
    'audit.export': { 'x-max-length': 500_000 },
    'mails.outgoing': {},
    'mails.newsletter': {},
    'mails.failed': {},
    'reports.daily': {},
    'reports.weekly': {},
    'payments.capture': { 'x-queue-type': 'quorum', 'x-delivery-limit': 5 },
    'payments.refund': { 'x-queue-type': 'quorum' },
    'stock.warehouse': { 'x-single-active-consumer': true },
};

const USERS = {
    // name: tags, configure, write, read
    shop: ['', '^$', '^(orders|payments|mails|audit)$', '^$'],
    billing: ['', '^orders\\.', '^(audit|payments|orders)$', '^orders\\.'],
    mailer: ['', '^mails\\.', '^mails$', '^mails\\.'],
    reporting: ['management', '^$', '^reports$', '^reports\\.'],
    anna: ['monitoring', '^$', '^$', '.*'],
    ops: ['administrator', '.*', '.*', '.*'],
};

const COUNTRIES = ['de', 'at', 'fr', 'it', 'se', 'us'];
const GOODS = ['kettle', 'lamp', 'bicycle bell', 'tent', 'chess set', 'raincoat'];

// The same numbers in every run.
function numbers(seed) {
    let state = seed;
    return (below) => {
        state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
        return Math.floor(state / 2 ** 32 * below);
    };
}

export async function declareShop(api) {
    await api.put(path('vhosts', 'warehouse'), { description: 'Stock and deliveries', tags: ['production'] });
    await api.put(path('vhosts', 'staging'), { description: 'A copy for trials', tags: ['staging'] });
    for (const [name, [type, args = {}]] of Object.entries(EXCHANGES)) {
        await api.put(path('exchanges', '/', name), { type, durable: true, arguments: args });
    }
    for (const [name, args] of Object.entries(QUEUES)) {
        await api.put(path('queues', '/', name), { durable: true, arguments: args });
    }
    for (const [exchange, queue, key, args = {}] of BINDINGS) {
        await api.post(path('bindings', '/', 'e', exchange, 'q', queue), { routing_key: key, arguments: args });
    }
    await api.post(path('bindings', '/', 'e', 'orders', 'e', 'audit'), { routing_key: 'order.#', arguments: {} });
    for (const [user, [tags, configure, write, read]] of Object.entries(USERS)) {
        await api.put(path('users', user), { password: user, tags });
        await api.put(path('permissions', '/', user), { configure, write, read });
    }
    await api.put(path('topic-permissions', '/', 'shop'), { exchange: 'orders', write: '^(order|cart)\\.', read: '^$' });
    await api.put(path('policies', '/', 'orders-dead-letters'), {
        pattern: '^orders\\.(billing|shipping)$', definition: { 'dead-letter-exchange': 'failed', 'dead-letter-routing-key': 'orders.billing' },
        'apply-to': 'queues', priority: 10,
    });
    await api.put(path('policies', '/', 'mails'), {
        pattern: '^mails\\.outgoing$', 'apply-to': 'queues', priority: 5,
        definition: { 'dead-letter-exchange': 'failed', 'dead-letter-routing-key': 'mails.outgoing', 'message-ttl': 3_600_000 },
    });
    await api.put(path('operator-policies', '/', 'no-endless-queues'), {
        pattern: '.*', definition: { 'max-length': 1_000_000 }, 'apply-to': 'queues', priority: 1,
    });
    await api.put(path('vhost-limits', 'staging', 'max-queues'), { value: 100 });
    await api.put(path('vhost-limits', 'staging', 'max-connections'), { value: 20 });
    await api.put(path('user-limits', 'shop', 'max-connections'), { value: 200 });
    await api.put('cluster-name', { name: 'shop production' });
}

class Shop {
    constructor(broker) {
        Object.assign(this, { broker, clients: [], timers: [], random: numbers(7), order: 48_100 });
    }

    async client(name, user = 'guest') {
        const client = await Client.connect(this.broker, name, user);
        this.clients.push(client);
        return client;
    }

    every(ms, what) { this.timers.push(setInterval(() => { try { what(); } catch { /* its channel has ended */ } }, ms)); }

    newOrder() {
        this.order += 1;
        const n = this.random(4) + 1;
        return {
            order: this.order, customer: `c-${this.random(9000) + 1000}`, country: COUNTRIES[this.random(COUNTRIES.length)],
            items: Array.from({ length: n }, () => ({ article: GOODS[this.random(GOODS.length)], count: this.random(3) + 1 })),
            total: (this.random(20_000) + 500) / 100, currency: 'EUR', coupon: null,
        };
    }

    send(client, exchange, key, content, properties = {}) {
        client.channel.publish(exchange, key, Buffer.from(JSON.stringify(content)), {
            persistent: true, contentType: 'application/json', timestamp: Math.floor(Date.now() / 1000), appId: 'shop',
            messageId: `m-${this.random(2 ** 31).toString(16)}`, ...properties,
        });
    }

    // Orders come in; each is paid, mailed about and now and then refunded.
    async sell(perTick) {
        const web = [await this.client('shop-web-1', 'shop'), await this.client('shop-web-2', 'shop')];
        const pay = await this.client('payment-gateway', 'shop');
        let tick = 0;
        this.every(100, () => {
            tick += 1;
            const busy = 1 + 0.4 * Math.sin(tick / 60);          // so that charts have something to show
            for (let n = 0; n < perTick * busy; n += 1) {
                const order = this.newOrder();
                const from = web[this.order % 2];
                const worth = order.total > 190 ? 'high' : 'usual';
                this.send(from, 'orders', `order.created.${order.country}.${worth}`, order, { priority: worth === 'high' ? 4 : 0 });
                this.send(pay, 'payments', '', { order: order.order, total: order.total }, { headers: { kind: 'capture' } });
                this.send(pay, 'orders', `order.paid.${order.country}`, { order: order.order, total: order.total });
                this.send(from, 'mails', 'transactional', {
                    to: this.random(25) === 0 ? 'nobody@invalid' : `${order.customer}@example.com`, template: 'order-confirmed', order: order.order,
                });
            }
            if (tick % 7 === 0) this.send(pay, 'payments', '', { order: this.order - 40 }, { headers: { kind: 'refund', dispute: tick % 3 === 0 } });
            if (tick % 20 === 0) this.send(web[0], 'orders', 'cart.abandoned', { customer: `c-${this.random(9000)}` });
            if (tick % 50 === 0) this.send(web[1], 'mails', 'newsletter', { issue: 47, part: tick / 50 });
        });
    }

    // Consumes as quickly as messages come; `judge` says what becomes of each.
    async work(name, queue, { consumers = 1, prefetch = 50, user = 'guest', judge = () => 'ack' } = {}) {
        const client = await this.client(name, user);
        for (let n = 1; n <= consumers; n += 1) {
            const channel = await client.open();
            await channel.prefetch(prefetch);
            await channel.consume(queue, (message) => {
                if (!message) return;
                const verdict = judge(message);
                if (verdict === 'ack') channel.ack(message);
                if (verdict === 'reject') channel.reject(message, false);
            }, { consumerTag: `${name}-${n}` });
        }
        return client;
    }

    // Takes messages at a pace.
    async slowWork(name, queue, perSecond) {
        const client = await this.client(name);
        const waiting = [];
        await client.channel.prefetch(100);
        await client.channel.consume(queue, (message) => message && waiting.push(message), { consumerTag: name });
        this.every(1000 / perSecond, () => { if (waiting.length > 0) client.channel.ack(waiting.shift()); });
    }

    async close() {
        for (const timer of this.timers) clearInterval(timer);
        await Promise.all(this.clients.map((client) => client.end()));
    }
}

// perTick: orders in a tenth of a second; 0: no clients at all.
export async function openShop(broker, { perTick = 6 } = {}) {
    await declareShop(new Api(broker));
    const shop = new Shop(broker);
    if (perTick === 0) return shop;
    await shop.work('billing-1', 'orders.billing', { consumers: 2, user: 'billing', judge: (m) => (m.content.length % 97 === 0 ? 'reject' : 'ack') });
    await shop.work('notifier', 'orders.notify', { consumers: 3 });
    await shop.work('fraud-check', 'orders.fraud', { prefetch: 10 });
    await shop.work('mailer-1', 'mails.outgoing', { user: 'mailer', judge: (m) => (m.content.includes('@invalid') ? 'reject' : 'ack') });
    await shop.work('mailer-2', 'mails.outgoing', { user: 'mailer', judge: (m) => (m.content.includes('@invalid') ? 'reject' : 'ack') });
    await shop.work('payments-worker', 'payments.capture', { consumers: 2 });
    await shop.work('payments-refunds', 'payments.refund');
    await shop.work('report-worker', 'reports.daily', { user: 'reporting' });
    await shop.work('stock-1', 'stock.warehouse');
    await shop.work('stock-2', 'stock.warehouse');
    await shop.slowWork('shipping-1', 'orders.shipping', perTick * 8);
    const reports = await shop.client('report-scheduler');
    await reports.publish('reports', 'report.weekly', 240, (n) => JSON.stringify({ report: 'weekly', part: n }), { contentType: 'application/json' });
    await shop.work('report-weekly-worker', 'reports.weekly', { prefetch: 0, judge: () => 'keep' });
    shop.every(700, () => shop.send(reports, 'reports', 'report.daily', { report: 'daily', at: Date.now() }));
    await shop.sell(perTick);
    return shop;
}
