// Ten thousand queues: the page asks for what it shows, and never for all.
import assert from 'node:assert/strict';
import { onStage } from './stage.mjs';
import { path } from './clients.mjs';
import { until } from './patience.mjs';

const COUNT = 10_000;
const numbered = (n) => `queue.${String(n).padStart(5, '0')}`;

const { test } = onStage({
    settings: ['collect_statistics_interval = 5000'],                               // there is much to count
    prepare: async ({ api, client }) => {
        await api.post('definitions', {
            queues: Array.from({ length: COUNT }, (_, n) => ({ name: numbered(n), vhost: '/', durable: true, auto_delete: false, arguments: {} })),
            exchanges: [{ name: 'all', vhost: '/', type: 'topic', durable: true, auto_delete: false, internal: false, arguments: {} }],
            bindings: Array.from({ length: COUNT }, (_, n) => ({
                source: 'all', vhost: '/', destination: numbered(n), destination_type: 'queue', routing_key: `key.${n}`, arguments: {},
            })),
        });
        await client.publish('', numbered(4711), 3000);
        await until('the sampler has seen the messages', async () => (await api.get('queues?page=1&page_size=1&sort=messages&sort_reverse=true')).items[0].messages === 3000);
    },
});

const rows = (page) => page.getByRole('table', { name: 'queues' }).getByRole('row');

// No answer is longer than a page of rows, and nothing is asked that is not shown.
async function checkRequests(visit, what) {
    const asked = await visit.asked();
    assert.ok(asked.length > 0, what);
    for (const { path: where, bytes } of asked) assert.ok(bytes < 60_000, `${what}: ${where} is ${bytes} bytes`);
    const lists = asked.filter(({ path: where }) => /^(queues|exchanges|connections|channels|bindings)(\?|$|\/%2F(\?|$))/.test(where));
    for (const { path: where } of lists) assert.match(where, /page_size=\d+/, `${what}: a list that is not paged`);
    return asked;
}

test('a list of 10,000 queues is paged, sorted and filtered by the broker', async (visit) => {
    const { page } = visit;
    await visit.asked();
    await visit.go('#/queues');
    await rows(page).filter({ hasText: numbered(0) }).waitFor();
    const opened = await checkRequests(visit, 'opening');
    const different = [...new Set(opened.map((one) => one.path))];                  // a busy machine asks again before all is there
    assert.ok(different.length <= 10, `${different.length} requests: ${different.join(' ')}`);
    await page.getByText('10,000 queues').waitFor();

    await page.getByRole('button', { name: /^(Ready|Messages|Total)/ }).first().click();
    await rows(page).nth(1).filter({ hasText: numbered(4711) }).waitFor();
    await checkRequests(visit, 'sorting');

    await page.getByRole('searchbox', { name: 'Filter queues by name' }).fill('.0999');
    await page.getByText('10 of 10,000 queues').waitFor();
    assert.equal(await rows(page).count(), 11);
    assert.match(page.url(), /name=\.0999/);
    await checkRequests(visit, 'filtering');

    await visit.go('#/queues?page=200');
    await rows(page).filter({ hasText: numbered(COUNT - 50) }).waitFor();          // one that the filter had hidden
    await checkRequests(visit, 'the last page');
});

test('one among 10,000 is found by a part of its name, from anywhere', async (visit) => {
    const { page } = visit;
    await visit.asked();
    await page.keyboard.press('Control+k');
    await page.getByRole('combobox', { name: /^Name of/ }).fill('04711');
    await page.getByRole('option', { name: /04711/ }).waitFor();
    await checkRequests(visit, 'finding');
    await page.keyboard.press('Enter');
    await page.locator('main h1').filter({ hasText: numbered(4711) }).waitFor();
});

test('no page asks for everything, however much there is', async (visit) => {
    const links = await visit.pages();
    for (const address of [...links, `#/queues/%2F/${numbered(4711)}`, '#/exchanges/%2F/all']) {
        await visit.asked();
        await visit.go(address);
        for (const { path: where, bytes } of await visit.asked()) {
            assert.ok(bytes < 60_000, `${address}: ${where} is ${bytes} bytes`);
        }
    }
});
