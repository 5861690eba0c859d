// Connections, channels and consumers: what is done to them in the page reaches their clients.
import assert from 'node:assert/strict';
import { Client, path } from './clients.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

const { test } = onStage();

const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });

test('a connection is found by its name, and closed with a reason that its client is told', async (visit, { broker }) => {
    const { page } = visit;
    const client = await Client.connect(broker, 'to be closed');
    await visit.go('#/connections');
    await page.getByRole('main').getByRole('link', { name: 'to be closed', exact: true }).click();
    await page.getByRole('heading', { level: 1, name: 'to be closed' }).waitFor();
    await button(page, 'Close…').click();
    await dialog(page).getByText(/1 channel, 0 consumers/).waitFor();
    await dialog(page).getByLabel(/^Reason/).fill('maintenance');
    await button(dialog(page), 'Close the connection').click();
    const [error] = await client.closed;
    assert.match(error.message, /CONNECTION_FORCED.*maintenance/);
    await page.getByRole('heading', { level: 1, name: 'Connections' }).waitFor();
});

test('the prefetch of a channel is changed, and its consumer gets as many more', async (visit, { api, broker, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('held', { durable: true });
    await client.publish('', 'held', 5);
    const worker = await Client.connect(broker, 'slow');
    const got = [];
    await worker.channel.prefetch(1);
    await worker.channel.consume('held', (message) => got.push(message.content.toString()), { consumerTag: 'slow' });
    await until('it has one', async () => got.length === 1);
    await visit.go('#/consumers');
    await page.getByRole('row').filter({ hasText: 'slow' }).getByRole('link', { name: /^slow.\(1\)$/ }).click();
    await button(page, 'Change the prefetch…').click();
    await dialog(page).getByLabel(/^Messages/).fill('3');
    await button(dialog(page), 'Change').click();
    await dialog(page).waitFor({ state: 'detached' });
    await until('it has three', async () => got.length === 3);
    const [consumer] = await api.get(path('consumers', '/'));
    assert.deepEqual([got.length, consumer.prefetch_count], [3, 3]);
    await worker.end();
});

test('a consumer is cancelled, and its client is told', async (visit, { api, broker, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('consumed', { durable: true });
    const consumer = await Client.connect(broker, 'a consumer');
    const cancelled = new Promise((done) => {
        consumer.channel.consume('consumed', (message) => { if (message === null) done(); }, { consumerTag: 'the tag' });
    });
    await visit.go('#/queues/%2F/consumed?tab=consumers');
    await button(page.getByRole('row').filter({ hasText: 'the tag' }), 'Cancel the tag').click();
    await dialog(page).getByText('Its client is told so').waitFor();
    await button(dialog(page), 'Cancel the consumer').click();
    await cancelled;
    await page.getByText('The consumer is cancelled.').waitFor();
    await page.getByText('Nobody consumes from this queue').waitFor();
    assert.equal((await api.get(path('queues', '/', 'consumed'))).consumers, 0);
    await consumer.end();
});
