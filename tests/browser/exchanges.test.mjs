// Exchanges and their bindings are made and removed in the page; messages then go where the page says, also by the map.
import assert from 'node:assert/strict';
import { path } from './clients.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

const { test } = onStage({
    settings: ['collect_statistics_interval = 1000'],
    prepare: async ({ api }) => {
        for (const exchange of ['orders', 'mapped']) await api.put(path('exchanges', '/', exchange), { type: 'topic', durable: true });
        for (const queue of ['orders.de', 'orders.all', 'mapped.yes', 'mapped.no']) await api.put(path('queues', '/', queue), { durable: true });
        await api.post(path('bindings', '/', 'e', 'orders', 'q', 'orders.de'), { routing_key: 'order.*.de', arguments: {} });
        await api.post(path('bindings', '/', 'e', 'mapped', 'q', 'mapped.yes'), { routing_key: 'order.#', arguments: {} });
        await api.post(path('bindings', '/', 'e', 'mapped', 'q', 'mapped.no'), { routing_key: 'bill.#', arguments: {} });
    },
});

const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });

test('an exchange is created, and clients publish to it', async (visit, { api, client }) => {
    const { page } = visit;
    await visit.go('#/exchanges');
    await button(page, 'Add an exchange').click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('made here');
    await dialog(page).getByLabel(/^Type/).selectOption('fanout');
    await dialog(page).getByLabel(/^Alternate/i).fill('orders');
    await button(dialog(page), 'Add the exchange').click();
    await page.getByRole('heading', { level: 1, name: 'made here' }).waitFor();
    const { type, durable, arguments: made } = await api.get(path('exchanges', '/', 'made here'));
    assert.deepEqual([type, durable, made], ['fanout', true, { 'alternate-exchange': 'orders' }]);
    await client.publish('made here', 'order.created.de');              // nothing is bound: to the alternate one
    assert.equal((await client.drain('orders.de')).length, 1);
});

test('why a message would not arrive is told; a binding mends it, and ends', async (visit, { client }) => {
    const { page } = visit;
    await visit.go('#/exchanges/%2F/orders');
    const message = page.getByRole('region', { name: 'A message: where would it go?' });
    await message.getByLabel('Routing key', { exact: true }).fill('order.created.fr');
    await button(page, 'Where would it go?').click();
    await page.getByText('It reaches no queue.').waitFor();
    await message.getByText("the key's word 3 is 'fr'").first().waitFor();
    await button(page, 'Bind…').click();
    await dialog(page).getByLabel('Queue', { exact: true }).fill('orders.all');
    await dialog(page).getByLabel(/^Pattern|^Routing key/i).fill('order.#');
    await button(dialog(page), 'Bind').click();
    await dialog(page).waitFor({ state: 'detached' });
    await button(page, 'Where would it go?').click();
    await page.getByText('It reaches 1 queue.').waitFor();
    await client.publish('orders', 'order.created.fr');
    await client.waitForCount('orders.all', 1);
    await button(page, 'Publish it').click();
    await client.waitForCount('orders.all', 2);
    await button(page, 'Unbind orders.all, order.#').click();
    await button(dialog(page), 'Remove the binding').click();
    await page.getByText('The binding is removed.').waitFor();
    await client.publish('orders', 'order.created.fr');
    assert.equal(await client.count('orders.all'), 2);
});

test('an exchange is deleted after what ends was said; one in use is kept if that is asked', async (visit, { api }) => {
    const { page } = visit;
    await api.put(path('exchanges', '/', 'doomed'), { type: 'direct', durable: true });
    await api.post(path('bindings', '/', 'e', 'doomed', 'q', 'orders.all'), { routing_key: 'k', arguments: {} });
    await visit.go('#/exchanges/%2F/doomed');
    await page.getByText('From here (1)').waitFor();
    await button(page, 'Delete…').click();
    await dialog(page).getByText('1 binding from it').waitFor();
    await dialog(page).getByLabel('Only if nothing is bound to it').check();
    visit.expect(/400/);
    await button(dialog(page), 'Delete the exchange').click();
    await dialog(page).getByRole('alert').waitFor();
    assert.equal(await api.has(path('exchanges', '/', 'doomed')), true);
    await dialog(page).getByLabel('Only if nothing is bound to it').uncheck();
    await button(dialog(page), 'Delete the exchange').click();
    await until('the exchange is gone', async () => !await api.has(path('exchanges', '/', 'doomed')));
    await page.getByRole('heading', { level: 1, name: 'Exchanges' }).waitFor();
});

test('the map lights up the way of a message, and publishes it', async (visit, { client }) => {
    const { page } = visit;
    await visit.go('#/map/%2F?exchange=mapped');
    const panel = page.getByRole('region', { name: 'Where would it go?' });
    await panel.getByLabel('Routing key', { exact: true }).fill('order.created');
    await button(panel, 'Show the way').click();
    await panel.getByText('It reaches 1 queue.').waitFor();
    await panel.getByText('1 binding on its way does not match.').waitFor();
    const way = panel.getByRole('region', { name: 'At mapped' }).getByRole('listitem');
    await way.filter({ hasText: 'mapped.yes' }).getByText('reaches', { exact: true }).waitFor();
    await way.filter({ hasText: 'mapped.no' }).getByText('no match', { exact: true }).waitFor();
    await panel.getByText('Publish it for real').click();
    await panel.getByLabel('Payload', { exact: true }).fill('from the map');
    await button(panel, 'Publish').click();
    await panel.getByText('every queue that it was routed to has it').waitFor();
    assert.deepEqual((await client.drain('mapped.yes')).map(({ text }) => text), ['from the map']);
    assert.equal(await client.count('mapped.no'), 0);
});

test('the map moves where messages flow, and nothing moves for those who want it so', async (visit, { client }) => {
    const { page } = visit;
    visit.expect(/willReadFrequently/);                  // it is this test that reads
    // How much is drawn of what moves, in the frame after this one.
    const flowing = () => page.evaluate(() => new Promise((done) => {
        requestAnimationFrame(() => requestAnimationFrame(() => {
            const canvas = document.querySelectorAll('.map-stage canvas')[1];
            done(canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data.reduce((sum, n) => sum + n, 0));
        }));
    }));
    let isOver = false;
    const publishing = (async () => { while (!isOver) await client.publish('mapped', 'order.created'); })();
    try {
        await page.emulateMedia({ reducedMotion: 'no-preference' });
        await visit.go('#/map/%2F');
        await until('something moves', async () => await flowing() > 0);
        await page.emulateMedia({ reducedMotion: 'reduce' });
        await until('nothing moves', async () => await flowing() === 0);
        for (let n = 0; n < 5; n += 1) assert.equal(await flowing(), 0);
    } finally {
        isOver = true;
        await publishing;
    }
    const seconds = await page.evaluate(() => [...document.querySelectorAll('*')].flatMap((element) => {
        const { animationDuration, transitionDuration } = getComputedStyle(element);
        return `${animationDuration}, ${transitionDuration}`.split(', ').map(parseFloat);
    }));
    assert.ok(Math.max(...seconds) < 0.001);
});
