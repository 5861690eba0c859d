// What is changed of users in the page counts for their clients.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { Client, path } from './clients.mjs';
import { onStage } from './stage.mjs';

const { test } = onStage({
    prepare: async ({ api }) => {
        for (const queue of ['orders.all', 'reports.daily']) await api.put(path('queues', '/', queue), { durable: true });
        await api.addUser('worker', '');
    },
});

const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });

// What an operation is refused with, on a channel of its own: the refusal closes it.
async function refusal(client, operation) {
    const channel = await client.open();
    const closed = once(channel, 'error');
    operation(channel)?.catch?.(() => {});
    const [error] = await closed;
    return error.message;
}

test('a user that is added may read reports, and do nothing else', async (visit, { broker, client }) => {
    const { page } = visit;
    await client.publish('', 'reports.daily', 1);
    await visit.go('#/users');
    await button(page, 'Add a user').click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('reader');
    await dialog(page).getByLabel(/^Password/).fill('reader');
    await dialog(page).getByLabel(/^Permissions in/).selectOption('/');
    await dialog(page).getByLabel(/^Configure/).fill('^$');
    await dialog(page).getByLabel(/^Write/).fill('^$');
    await dialog(page).getByLabel(/^Read/).fill('^reports\\.');
    await button(dialog(page), 'Add the user').click();
    await page.getByRole('heading', { level: 1, name: 'reader' }).waitFor();

    const reader = await Client.connect(broker, 'reader', 'reader');
    assert.ok(await reader.channel.get('reports.daily', { noAck: true }));
    assert.match(await refusal(reader, (channel) => channel.get('orders.all', { noAck: true })), /ACCESS_REFUSED - access to queue 'orders.all'/);
    assert.match(await refusal(reader, (channel) => channel.assertQueue('reports.mine')), /ACCESS_REFUSED - access to queue 'reports.mine'/);
    assert.match(await refusal(reader, (channel) => { channel.publish('amq.topic', 'reports.daily', Buffer.from('x')); }), /ACCESS_REFUSED - access to exchange 'amq.topic'/);
    await reader.end();
});

test('the page tells what a user may do to a queue, as clients find it', async (visit, { api }) => {
    const { page } = visit;
    await api.addUser('asked', '', ['^$', '^$', '^reports\\.']);
    await visit.go('#/users/asked');
    const check = page.getByRole('region', { name: 'What may this user do here?' });
    const row = (action) => check.getByRole('row').filter({ hasText: action });
    await check.getByLabel('Name', { exact: true }).fill('reports.daily');
    await row('Read').getByText('✓ yes').waitFor();
    await row('Read').getByText('^reports\\.').waitFor();
    await row('Configure').getByText('✕ no').waitFor();
    await row('Write').getByText('✕ no').waitFor();
    await check.getByLabel('Name', { exact: true }).fill('orders.all');
    await row('Read').getByText('✕ no').waitFor();
});

test('permissions that are changed in the page count for an open connection', async (visit, { broker, client }) => {
    const { page } = visit;
    await client.publish('', 'orders.all', 1);
    const worker = await Client.connect(broker, 'worker', 'worker');
    await visit.go('#/users/worker');
    await button(page, 'Change the permissions of worker in /').click();
    await dialog(page).getByLabel(/^Read/).fill('^reports\\.');
    await button(dialog(page), 'Set the permissions').click();
    await dialog(page).waitFor({ state: 'detached' });
    assert.match(await refusal(worker, (channel) => channel.get('orders.all', { noAck: true })), /ACCESS_REFUSED/);
    await worker.end();
});

test('a password that is set in the page is the only one from then on', async (visit, { broker }) => {
    const { page } = visit;
    await visit.go('#/users/worker');
    await button(page, 'Password').click();
    await dialog(page).getByLabel(/^New password/).fill('changed');
    await button(dialog(page), 'Set the password').click();
    await dialog(page).waitFor({ state: 'detached' });
    await assert.rejects(Client.connect(broker, 'old', 'worker', 'worker'), /ACCESS.REFUSED|403/);
    await (await Client.connect(broker, 'new', 'worker', 'changed')).end();
});

test('a deletion of a user says what ends, and its connections are closed', async (visit, { api, broker }) => {
    const { page } = visit;
    await api.addUser('leaver', '');
    const leaver = await Client.connect(broker, 'leaver', 'leaver');
    await visit.go('#/users');
    await button(page, 'Delete the user leaver').click();
    await dialog(page).getByText('its 1 open connection').waitFor();
    await button(dialog(page), 'Delete the user').click();
    await leaver.closed;
    assert.equal(await api.has(path('users', 'leaver')), false);
    await page.getByRole('main').getByRole('link', { name: 'leaver', exact: true }).waitFor({ state: 'detached' });
});
