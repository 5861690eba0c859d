// Names and messages that do harm where they are taken for anything but text.
import assert from 'node:assert/strict';
import { Client, path } from './clients.mjs';
import { hostileNames } from './hostile.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

// What would be there if one were taken for HTML or for an address.
const madeOfNames = '[onload], [onerror], main script, main iframe, a[href^="javascript:"], img[src="x"]';

// The most harmful of them, where all would take long: scripts in three ways.
const scripts = hostileNames.slice(0, 3);
// A virtual host whose queues nobody reads, and a queue of messages that have nothing but hostile names in them.
const [vhost] = hostileNames;
const browsed = 'messages to look at';
const headers = Object.fromEntries(hostileNames.map((name) => [name, name]));
const message = (name) => ({
    routing_key: name, payload: name, payload_encoding: 'string',
    properties: { headers, delivery_mode: 2, app_id: name, type: name, message_id: name, correlation_id: name, reply_to: name, content_type: name },
});

const { test } = onStage({
    prepare: async ({ broker, api }) => {
        const clients = [];
        for (const name of hostileNames) {
            await api.put(path('queues', '/', name), { durable: true });
            await api.put(path('exchanges', '/', name), { type: 'topic', durable: true });
            await api.post(path('bindings', '/', 'e', name, 'q', name), { routing_key: name, arguments: { [name]: name } });
            await api.put(path('policies', '/', name), { pattern: '^nothing$', definition: { 'max-length': 5 }, 'apply-to': 'queues' });
            await api.put(path('users', name), { password: 'x', tags: '' });
            await api.put(path('vhosts', name), { description: name });
            const client = await Client.connect(broker, name);
            clients.push(client);
            await client.publish(name, name, 1, name, { headers: { [name]: name }, appId: name, type: name, messageId: name });
            await client.channel.consume(name, () => {}, { consumerTag: name });
        }
        await api.put(path('queues', '/', browsed), { durable: true });
        await api.post(path('bindings', '/', 'e', hostileNames[0], 'q', browsed), { routing_key: '#' });
        for (const name of hostileNames) await api.post(path('exchanges', '/', hostileNames[0], 'publish'), message(name));
        const inside = await Client.connect({ amqp: `${broker.amqp}/${encodeURIComponent(vhost)}` }, vhost);
        clients.push(inside);
        for (const name of hostileNames) {
            await api.put(path('queues', vhost, name), { durable: true });
            await inside.publish('', name, 10, name, { persistent: false });
        }
        await until('statistics of all connections', async () => (await api.get('connections')).filter(({ channels }) => channels === 1).length > clients.length);
        return async () => { for (const client of clients) await client.end(); };
    },
});

// The names that the page does not show: neither as the text of a part nor as its title.
async function missing(page) {
    return page.locator('main').evaluate((main, names) => {
        const all = new Set();
        for (const element of main.querySelectorAll('*')) {
            all.add(element.title);
            all.add(element.textContent);
        }
        return names.filter((name) => !all.has(name));
    }, hostileNames);
}

for (const list of ['queues', 'exchanges', 'connections', 'channels', 'consumers', 'vhosts', 'users', 'policies']) {
    test(`hostile names in the list of ${list} are text`, async (visit) => {
        const { page } = visit;
        await visit.go(`#/${list}`);
        await until(`all names in ${list}`, async () => (await missing(page)).length === 0);
        assert.equal(await page.locator(madeOfNames).count(), 0);
    });
}

for (const [kind, where] of [['queue', ['queues', '/']], ['exchange', ['exchanges', '/']], ['vhost', ['vhosts']], ['user', ['users']]]) {
    test(`hostile names in addresses: each leads to its ${kind}`, async (visit) => {
        const { page } = visit;
        for (const name of hostileNames) {
            await visit.go(`#/${path(...where, name)}`);
            await page.waitForFunction((title) => document.querySelector('main h1')?.textContent === title, name);
            await visit.settled();
            assert.equal(await page.locator(madeOfNames).count(), 0, name);
        }
    });
}

test('hostile names on the map, in its list and at its objects are text', async (visit) => {
    const { page } = visit;
    for (const view of ['', '?view=list']) {
        await visit.go(`#/${path('map', vhost)}${view}`);
        if (view === '') {                                      // many that are alike are folded into one
            await page.getByRole('button', { name: /\d+ queues/ }).click();
            await page.getByRole('button', { name: /^Show \d+ one by one$/ }).click();
        }
        await until(`all names on the map${view}`, async () => (await missing(page)).length === 0);
        assert.equal(await page.locator(madeOfNames).count(), 0);
    }
    for (const name of scripts) {
        await visit.go(`#/${path('map', vhost)}?at=${encodeURIComponent(`q:${name}`)}`);
        await page.getByRole('main').getByRole('heading', { level: 2, name }).waitFor();
        assert.equal(await page.locator(madeOfNames).count(), 0, name);
    }
});

test('hostile payloads, properties, routing keys and headers of messages are text', async (visit) => {
    const { page } = visit;
    await visit.go(`#/${path('queues', '/', browsed)}?tab=browse`);
    await page.getByLabel('Open all').check();
    const payloads = page.getByLabel('Payload', { exact: true });
    await until('all messages', async () => await payloads.count() === hostileNames.length);
    assert.deepEqual((await payloads.allTextContents()).sort(), [...hostileNames].sort());
    assert.deepEqual(await missing(page), []);
    const ofFirst = page.locator('.message-details').first().getByRole('listitem');
    const shown = await ofFirst.evaluateAll((items) => items.map(({ children: [name, value] }) => [name.textContent, value.textContent]));
    assert.deepEqual(shown.sort(), Object.entries(headers).sort());
    assert.equal(await page.locator(madeOfNames).count(), 0);
});

test('hostile names in the life of a message are text', async (visit, { api }) => {
    const { page } = visit;
    const trace = await api.post('message-traces', { vhost: '/', kind: 'exchange', name: hostileNames[0], payload_bytes: 4096 });
    for (const name of hostileNames) await api.post(path('exchanges', '/', hostileNames[0], 'publish'), message(name));
    await visit.go('#/life');
    await page.getByRole('link', { name: hostileNames[0] }).first().waitFor();
    await visit.go(`#/life/${trace.id}`);
    await until('all routing keys', async () => (await missing(page)).length === 0);
    assert.equal(await page.locator(madeOfNames).count(), 0);
    const messages = await api.get(`message-traces/${trace.id}/messages`);
    for (const name of scripts) {
        const { number } = messages.find(({ routing_key: key }) => key === name);
        await visit.go(`#/life/${trace.id}/${number}`);
        await page.getByRole('region', { name: 'Payload' }).getByText(name, { exact: true }).waitFor();
        assert.equal(await page.locator(madeOfNames).count(), 0, name);
    }
});

test('hostile names in what is wrong are text, and lead to their queues', async (visit) => {
    const { page } = visit;
    await visit.go('#/doctor?period=60');
    const lost = page.getByRole('region', { name: 'Messages that a restart loses' });
    await lost.getByRole('button', { name: /^Show \d+ more/ }).click();
    await until('all names', async () => (await missing(page)).length === 0);
    assert.equal(await page.locator(madeOfNames).count(), 0);
    await lost.getByRole('link', { name: hostileNames[1], exact: true }).click();
    await page.waitForFunction((title) => document.querySelector('main h1')?.textContent === title, hostileNames[1]);
    assert.ok(page.url().endsWith(`#/${path('queues', vhost, hostileNames[1])}`), page.url());
});
