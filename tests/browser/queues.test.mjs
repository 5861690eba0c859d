// What is done with queues and their messages in the page is done in the broker, and the other way round.
import assert from 'node:assert/strict';
import { Client, path } from './clients.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

const { test } = onStage();

const cell = (page, name) => page.locator('main').getByRole('link', { name, exact: true });
const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });

test('a queue is created with its arguments, and appears when a client declares one', async (visit, { api, client }) => {
    const { page } = visit;
    await visit.go('#/queues');
    await button(page, 'Add a queue').first().click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('made here');
    await dialog(page).getByLabel('At most, messages').fill('1000');
    await dialog(page).getByLabel('Priorities').fill('5');
    await button(dialog(page), 'Add the queue').click();
    await page.getByRole('heading', { level: 1, name: 'made here' }).waitFor();
    const { arguments: made, durable } = await api.get(path('queues', '/', 'made here'));
    assert.deepEqual([durable, made], [true, { 'x-max-length': 1000, 'x-max-priority': 5 }]);
    await visit.go('#/queues');
    await client.channel.assertQueue('made by a client', { durable: true });
    await cell(page, 'made by a client').waitFor();
    await client.channel.deleteQueue('made by a client');
    await cell(page, 'made by a client').waitFor({ state: 'detached' });
});

test('a message that is published in the page is consumed by a client, with its properties', async (visit, { client }) => {
    const { page } = visit;
    await client.channel.assertQueue('published', { durable: true });
    await visit.go('#/queues/%2F/published?tab=publish');
    await page.getByLabel('Payload', { exact: true }).fill('{"order": 7}');
    await button(page, 'JSON').click();
    await button(page, 'Publish').click();
    await page.getByText('every queue that it was routed to has it').waitFor();
    const [message] = await client.drain('published');
    assert.equal(message.text, '{"order": 7}');
    assert.deepEqual([message.properties.contentType, message.properties.deliveryMode], ['application/json', 2]);
});

test('browsing shows the third message and takes none; getting takes', async (visit, { client }) => {
    const { page } = visit;
    await client.channel.assertQueue('browsed', { durable: true });
    await client.publish('', 'browsed', 5, (n) => `message ${n}`);
    await visit.go('#/queues/%2F/browsed?tab=browse');
    await page.getByText('message 3', { exact: true }).first().waitFor();
    assert.equal(await client.count('browsed'), 5);
    await visit.go('#/queues/%2F/browsed?tab=get');
    await page.getByLabel('What becomes of them').selectOption('ack_requeue_false');
    await button(page, 'Get and take…').click();
    await button(dialog(page), 'Take them').click();
    await page.getByText('message 1', { exact: true }).first().waitFor();
    assert.deepEqual((await client.drain('browsed')).map(({ text }) => text), ['message 2', 'message 3', 'message 4', 'message 5']);
});

test('messages whose properties and headers are not as they should be are shown as they are', async (visit, { api, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('odd', { durable: true });
    const death = { reason: 'expired', queue: 'alive', exchange: '' };
    await client.publish('', 'odd', 1, 'in microseconds', { timestamp: 1_700_000_000_000_000, headers: { 'x-death': [null, 'no table', death] } });
    const id = '9007199254740993';                       // JavaScript's next number is 9007199254740992
    await visit.go('#/queues/%2F/odd?tab=publish');
    await page.getByLabel('Payload', { exact: true }).fill(`{"id": ${id}, "price": 1.50}`);
    await button(page, 'Add a header').click();
    await page.getByLabel('Headers: name 1').fill('id');
    await page.getByLabel('Headers: type 1').selectOption('number');
    await page.getByLabel('Headers: value 1').fill(id);
    await button(page, 'Publish').click();
    await page.getByText('every queue that it was routed to has it').waitFor();
    await visit.go('#/queues/%2F/odd?tab=browse');
    await page.getByLabel('Open all').check();
    await page.getByText('(1700000000000000)').waitFor();
    await page.getByText('Why it is a dead letter').waitFor();
    await page.locator('.message-details').last().getByRole('listitem').filter({ hasText: id }).waitFor();
    await page.getByLabel('Payload', { exact: true }).filter({ hasText: `"id": ${id}` }).filter({ hasText: '"price": 1.50' }).waitFor();
    await api.delete(path('queues', '/', 'odd'));
});

test('what is got goes back, or becomes a dead letter, as is chosen', async (visit, { client }) => {
    const { page } = visit;
    await client.channel.assertQueue('rejected', { durable: true });
    await client.channel.assertQueue('got', { durable: true, arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'rejected' } });
    await client.publish('', 'got', 3);
    await visit.go('#/queues/%2F/got?tab=get');
    for (const mode of ['ack_requeue_true', 'reject_requeue_true']) {
        await page.getByLabel('What becomes of them').selectOption(mode);
        await page.getByLabel('How many').fill('2');
        const answered = page.waitForResponse((response) => response.url().endsWith('/got/get'));
        await button(page, 'Get').click();
        await answered;
        await client.waitForCount('got', 3);
    }
    await page.getByLabel('What becomes of them').selectOption('reject_requeue_false');
    await button(page, 'Get and take…').click();
    await button(dialog(page), 'Take them').click();
    await client.waitForCount('rejected', 2);
    const [left] = await client.drain('got');
    assert.deepEqual([left.text, left.fields.redelivered], ['message 3', false]);
    assert.deepEqual((await client.drain('rejected')).map(({ text, properties }) => [text, properties.headers['x-death'][0].reason]),
        [['message 1', 'rejected'], ['message 2', 'rejected']]);
});

test('messages are moved to another queue, at most as many as are typed', async (visit, { client }) => {
    const { page } = visit;
    for (const queue of ['from', 'to']) await client.channel.assertQueue(queue, { durable: true });
    await client.publish('', 'from', 1200);
    await visit.go('#/queues/%2F/from');
    await button(page, 'Move…').click();
    await dialog(page).getByText('1,200 messages are ready').waitFor();
    await dialog(page).getByLabel('To the queue').fill('to');
    await dialog(page).getByLabel('At most').fill('1000');
    await button(dialog(page), 'Move').click();
    await page.getByRole('region', { name: 'Job' }).getByText(/^Done\. 1,000 of/).waitFor();
    assert.deepEqual([await client.count('from'), await client.count('to')], [200, 1000]);
});

test('dead letters go back to where they died', async (visit, { api, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('dead', { durable: true });
    await client.channel.assertQueue('alive', { durable: true, arguments: { 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead' } });
    await client.publish('', 'alive', 3);
    for (let n = 0; n < 3; n += 1) client.channel.nack(await client.channel.get('alive'), false, false);
    await client.waitForCount('dead', 3);
    await visit.go('#/queues/%2F/dead');
    await button(page, 'Retry…').click();
    await button(dialog(page), 'Retry').click();
    await client.waitForCount('alive', 3);
    await until('no dead letter is left', async () => (await api.get(path('queues', '/', 'dead'))).messages === 0);
});

test('a purge and a deletion say how much will be lost, and do nothing unless they are meant', async (visit, { api, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('doomed', { durable: true });
    await client.publish('', 'doomed', 1500);
    await visit.go('#/queues/%2F/doomed');
    await button(page, 'Purge…').click();
    await dialog(page).getByText('1,500 ready messages').waitFor();
    await button(dialog(page), 'Cancel').click();
    assert.equal(await client.count('doomed'), 1500);
    await button(page, 'Delete…').click();
    await dialog(page).getByText('1,500 messages').waitFor();
    assert.equal(await button(dialog(page), 'Delete').isDisabled(), true);
    await page.keyboard.press('Escape');
    await dialog(page).waitFor({ state: 'detached' });
    assert.equal(await client.count('doomed'), 1500);
    await button(page, 'Purge…').click();
    await button(dialog(page), 'Purge').click();
    await client.waitForCount('doomed', 0);
    await client.publish('', 'doomed', 1200);
    await visit.page.reload();
    await visit.settled();
    await button(page, 'Delete…').click();
    await dialog(page).getByText('1,200 messages').waitFor();
    await dialog(page).getByLabel('Type the queue’s name').fill('doomed');
    await button(dialog(page), 'Delete').click();
    await until('the queue is gone', async () => !await api.has(path('queues', '/', 'doomed')));
    await page.getByRole('heading', { level: 1, name: 'Queues' }).waitFor();
});

test('several queues are chosen, purged and deleted, and no other', async (visit, { api, client }) => {
    const { page } = visit;
    const names = ['batch 1', 'batch 2', 'batch 3'];
    for (const queue of names) {
        await client.channel.assertQueue(queue, { durable: true });
        await client.publish('', queue, 10);
    }
    await visit.go('#/queues?name=batch');
    for (const name of names.slice(0, 2)) await page.getByLabel(`Choose ${name}`).check();
    await page.getByText('2 chosen').waitFor();
    await button(page, 'Purge…').click();
    await dialog(page).getByText('20 ready messages').waitFor();
    await button(dialog(page), 'Purge').click();
    await page.getByText('2 queues purged.').waitFor();
    assert.deepEqual(await Promise.all(names.map((name) => client.count(name))), [0, 0, 10]);
    for (const name of names.slice(1)) await page.getByLabel(`Choose ${name}`).check();
    await button(page, 'Delete…').click();
    await button(dialog(page), 'Delete').click();
    await page.getByText('2 queues deleted.').waitFor();
    assert.deepEqual(await Promise.all(names.map((name) => api.has(path('queues', '/', name)))), [true, false, false]);
});

test('a queue shows who consumes, until they end', async (visit, { broker, client }) => {
    const { page } = visit;
    await client.channel.assertQueue('consumed', { durable: true });
    const consumer = await Client.connect(broker, 'a consumer');
    await consumer.channel.consume('consumed', () => {}, { consumerTag: 'the tag' });
    await visit.go('#/queues/%2F/consumed?tab=consumers');
    await page.getByText('the tag', { exact: true }).first().waitFor();
    await consumer.end();
    await page.getByText('the tag', { exact: true }).first().waitFor({ state: 'detached' });
});
