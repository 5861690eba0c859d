// What is wrong, the log, the life of a message, and the broker's restart: what happens in the broker is seen in the page.
import assert from 'node:assert/strict';
import { Client, path } from './clients.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

const { test } = onStage();

const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });

test('a message is followed from its publisher to the acknowledgement of its consumer', async (visit, { broker, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('followed', { durable: true });
    await visit.go('#/life?vhost=%2F&kind=queue&name=followed');
    await button(page, 'Follow messages').click();
    await page.getByText('Waiting for the first message').waitFor();
    const shop = await Client.connect(broker, 'the shop');
    await shop.publish('', 'followed', 1, 'hello', { mandatory: true });
    const message = await client.channel.get('followed');
    client.channel.nack(message, false, true);
    const consumer = await Client.connect(broker, 'the worker');
    const delivered = await new Promise((done) => { consumer.channel.consume('followed', done, { consumerTag: 'worker-1' }); });
    consumer.channel.ack(delivered);
    await page.getByRole('main').getByRole('link', { name: /^#\d+$/ }).click();
    await page.getByRole('heading', { level: 1, name: /^Message #/ }).waitFor();
    await page.getByText('acknowledged', { exact: true }).first().waitFor();
    const steps = await page.getByRole('region', { name: 'What happened' }).getByRole('listitem').locator('strong').allTextContents();
    const wanted = ['Published', 'Queued', 'Fetched', 'Requeued', 'Delivered', 'Acknowledged'];
    assert.deepEqual(steps.filter((step) => wanted.includes(step)), wanted);
    assert.ok(steps.includes('Confirmed'));
    await page.getByText('worker-1', { exact: true }).first().waitFor();
    await page.getByRole('navigation', { name: 'Breadcrumb' }).getByRole('link', { name: 'Queue followed' }).click();
    await button(page, 'Stop').click();
    await page.getByText('ended', { exact: true }).waitFor();
    await button(page, 'Forget').click();
    visit.expect(/404/);                                 // the page asks for its messages until it has heard that the trace is gone
    await button(dialog(page), 'Forget').click();
    await page.getByText('Nothing is followed').waitFor();
    await shop.end();
    await consumer.end();
});

test('a queue that grows and has no consumer is found, and no longer once it is deleted', async (visit, { api, client }) => {
    const { page } = visit;
    const address = '#/doctor?period=60';
    const findings = async () => (await api.get('doctor?period=60')).findings.filter(({ rule, object }) => rule === 'queue_grows_unconsumed' && object.name === 'growing');
    await client.channel.assertQueue('growing', { durable: true });
    let isOver = false;
    const publishing = (async () => { while (!isOver) await client.publish('', 'growing', 100); })();
    try {
        await until('it is found', async () => (await findings()).length === 1);
        await visit.go(address);
        await page.getByRole('region', { name: 'A queue grows, and has no consumer' }).getByRole('link', { name: 'growing' }).waitFor();
    } finally {
        isOver = true;
        await publishing;
    }
    await client.channel.deleteQueue('growing');
    await until('it is found no longer', async () => (await findings()).length === 0);
    await visit.go('#/');
    await visit.go(address);
    await page.getByRole('main').getByRole('link', { name: 'growing', exact: true }).waitFor({ state: 'detached' });
});

test('what the broker logs appears at once, and is found by its text', async (visit, { broker }) => {
    const { page } = visit;
    await visit.go('#/logs');
    await page.getByText('Live', { exact: true }).waitFor();
    const client = await Client.connect(broker, 'a name to be logged');
    const lines = page.getByRole('log').getByRole('listitem');
    await lines.filter({ hasText: 'a name to be logged' }).first().waitFor();
    await page.getByLabel('Text', { exact: true }).fill('a name to be logged');
    await page.getByText(/^\d+ of [\d,]+ lines$/).waitFor();
    assert.equal(await lines.filter({ hasNotText: 'a name to be logged' }).count(), 0);
    await client.end();
});

test('a page that is open goes on after a restart of the broker, and shows what it has kept', async (visit, { api, broker, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('kept', { durable: true });
    await client.publish('', 'kept', 4);
    await client.channel.assertQueue('passing', { durable: false });
    await visit.go('#/queues?name=kept&sort=name');
    const row = page.getByRole('row').filter({ has: page.getByRole('link', { name: 'kept', exact: true }) });
    await row.waitFor();
    visit.expect(/ERR_|502|503|Failed to load/);
    await client.end();
    await broker.restart();
    await button(page, 'Add a queue').first().click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('after the restart');
    await button(dialog(page), 'Add the queue').click();
    await page.getByRole('heading', { level: 1, name: 'after the restart' }).waitFor();
    assert.equal(await api.has(path('queues', '/', 'passing')), false);
    await visit.go('#/queues/%2F/kept?tab=browse');
    await page.getByText('message 4', { exact: true }).first().waitFor();
});
