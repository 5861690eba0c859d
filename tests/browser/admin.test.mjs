// Virtual hosts, policies, limits, parameters and definitions: what is set in the page is in force for clients.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { Client, path } from './clients.mjs';
import { onStage } from './stage.mjs';
import { until } from './patience.mjs';

// A hash of scrypt takes its time, which an import of many users needs so much of that it can be stopped.
const { test } = onStage({ settings: ['password_hashing_module = scrypt'] });

const dialog = (page) => page.getByRole('dialog');
const button = (where, name) => where.getByRole('button', { name, exact: true });
const inVhost = (broker, vhost) => ({ amqp: `${broker.amqp}/${encodeURIComponent(vhost)}` });

test('a virtual host is created, clients use it, and it is deleted with what is in it', async (visit, { api, broker }) => {
    const { page } = visit;
    await visit.go('#/vhosts');
    await button(page, 'Add a virtual host').click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('stock');
    await dialog(page).getByLabel(/^Description/).fill('Stock and deliveries');
    await dialog(page).getByLabel(/^Type of queues/).selectOption('quorum');
    await button(dialog(page), 'Add the virtual host').click();
    await page.getByRole('heading', { level: 1, name: 'stock' }).waitFor();
    const client = await Client.connect(inVhost(broker, 'stock'), 'in stock');
    await client.channel.assertQueue('shelf', { durable: true });
    await client.publish('', 'shelf', 3);
    assert.equal((await api.get(path('queues', 'stock', 'shelf'))).type, 'quorum');
    await visit.go('#/queues?vhost=stock&new=1');                // a type that is chosen goes before the vhost's
    await dialog(page).getByLabel('Name', { exact: true }).fill('counter');
    await button(dialog(page), 'Classic').click();
    await button(dialog(page), 'Add the queue').click();
    await page.getByRole('heading', { level: 1, name: 'counter' }).waitFor();
    assert.equal((await api.get(path('queues', 'stock', 'counter'))).type, 'classic');
    await visit.go('#/vhosts/stock');
    await button(page, 'Delete…').click();
    await dialog(page).getByText('1 open connection will be closed').waitFor();
    await dialog(page).getByLabel(/^Type/).fill('stock');
    await button(dialog(page), 'Delete the virtual host').click();
    await client.closed;
    await page.getByRole('heading', { level: 1, name: 'Virtual hosts' }).waitFor();
    assert.equal(await api.has(path('vhosts', 'stock')), false);
});

test('a policy shows before what it matches, and is in force for clients once it is set, until it is deleted', async (visit, { client }) => {
    const { page } = visit;
    for (const queue of ['short.1', 'short.2', 'long']) await client.channel.assertQueue(queue, { durable: true });
    await visit.go('#/add-policy');
    await page.getByRole('main').getByLabel(/^Virtual host/).selectOption('/');
    await page.getByLabel('Name', { exact: true }).fill('few');
    await page.getByLabel(/^Pattern/).fill('^short\\.');
    await page.getByLabel('Add a key').selectOption('max-length');
    await page.getByLabel('Value of max-length').fill('2');
    const matches = page.getByRole('region', { name: 'What it matches' });
    await matches.getByText('2 queues match').waitFor();
    await matches.getByRole('link', { name: 'short.1' }).waitFor();
    assert.equal(await matches.getByRole('link', { name: 'long' }).count(), 0);
    await client.publish('', 'short.1', 5);
    assert.equal(await client.count('short.1'), 5);             // nothing is in force yet
    await button(page, 'Set the policy').click();
    await page.getByRole('heading', { level: 1, name: 'few' }).waitFor();
    await client.waitForCount('short.1', 2);
    await client.publish('', 'long', 5);
    assert.equal(await client.count('long'), 5);
    await button(page, 'Delete…').click();
    await dialog(page).getByText('It applies to 2 queues').waitFor();
    await button(dialog(page), 'Delete the policy').click();
    await page.getByRole('heading', { level: 1, name: 'Policies' }).waitFor();
    await client.publish('', 'short.1', 5);
    await client.waitForCount('short.1', 7);
});

test('a limit of queues refuses the next one, until it is taken away', async (visit, { api, broker }) => {
    const { page } = visit;
    await api.put(path('vhosts', 'small'));
    await visit.go('#/limits');
    const panel = page.getByRole('region', { name: 'Limits of virtual hosts', exact: true });
    await button(panel, 'Set limits').click();
    await dialog(page).getByLabel('Virtual host').selectOption('small');
    await dialog(page).getByLabel(/^Queues, at most/).fill('1');
    await button(dialog(page), 'Set the limits').click();
    await button(page, 'Change the limits of small').waitFor();
    const client = await Client.connect(inVhost(broker, 'small'), 'in small');
    await client.channel.assertQueue('first');
    await assert.rejects(client.channel.assertQueue('second'), /PRECONDITION_FAILED.*limit/);
    await button(page, 'Change the limits of small').click();
    await dialog(page).getByLabel(/^Queues, at most/).fill('');
    await button(dialog(page), 'Set the limits').click();
    await dialog(page).waitFor({ state: 'detached' });
    await (await client.open()).assertQueue('second');
    await client.end();
});

test('a parameter is set, shown and deleted', async (visit, { api }) => {
    const { page } = visit;
    await visit.go('#/parameters');
    await button(page, 'Add a parameter').click();
    await dialog(page).getByLabel('Name', { exact: true }).fill('opening_hours');
    await dialog(page).getByLabel(/^Value/).fill('{"from": 9,');
    await dialog(page).getByText('This is not JSON').waitFor();
    assert.equal(await button(dialog(page), 'Set the parameter').isDisabled(), true);
    await dialog(page).getByLabel(/^Value/).fill('{"from": 9, "to": 17}');
    await button(dialog(page), 'Set the parameter').click();
    await page.getByText('{"from":9,"to":17}').waitFor();
    assert.deepEqual((await api.get(path('global-parameters', 'opening_hours'))).value, { from: 9, to: 17 });
    await button(page, 'Delete opening_hours').click();
    await button(dialog(page), 'Delete it').click();
    await until('the parameter is gone', async () => !await api.has(path('global-parameters', 'opening_hours')));
    await button(page, 'Delete opening_hours').waitFor({ state: 'detached' });
});

test('definitions are exported; an import shows the difference, changes nothing before it is told to, and all then', async (visit, { api, client }) => {
    const { page } = visit;
    await api.put(path('queues', '/', 'exported'), { durable: true, arguments: { 'x-max-length': 7 } });
    await visit.go('#/definitions');
    const downloading = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download' }).click();
    const file = await (await downloading).path();
    const definitions = JSON.parse(readFileSync(file, 'utf8'));
    assert.ok(definitions.queues.some(({ name, arguments: args }) => name === 'exported' && args['x-max-length'] === 7));
    await api.delete(path('queues', '/', 'exported'));
    await page.getByLabel(/^File/).setInputFiles({ name: 'definitions.json', mimeType: 'application/json', buffer: readFileSync(file) });
    await button(page, 'Show what would change').click();
    const difference = page.getByRole('region', { name: 'What would change' });
    await difference.getByText(/^Queues: 1 new/).waitFor();
    await difference.getByText('exported', { exact: true }).waitFor();
    assert.equal(await api.has(path('queues', '/', 'exported')), false);
    await button(difference, 'Import: 1 change').click();
    await page.getByText(/^Done\./).waitFor();
    assert.equal((await api.get(path('queues', '/', 'exported'))).arguments['x-max-length'], 7);
    await client.publish('', 'exported', 9);
    assert.equal(await client.count('exported'), 7);
    await button(page, 'Show what would change').click();
    await page.getByText('Nothing would change').waitFor();
});

test('an import is stopped while passwords are hashed: the page says that nothing was imported, and nothing was', async (visit, { api }) => {
    const { page } = visit;
    const users = Array.from({ length: 2000 }, (_, n) => ({ name: `imported ${n}`, password: `secret ${n}`, tags: '' }));
    const queues = [{ name: 'imported', vhost: '/', durable: true, auto_delete: false, arguments: {} }];
    await visit.go('#/definitions');
    const buffer = Buffer.from(JSON.stringify({ users, queues }));
    await page.getByLabel(/^File/).setInputFiles({ name: 'many.json', mimeType: 'application/json', buffer });
    await button(page, 'Show what would change').click();
    const difference = page.getByRole('region', { name: 'What would change' });
    await difference.getByText(/^Users: 2,000 new/).waitFor();
    await button(difference, 'Import: 2,001 changes').click();
    await page.getByText('import: 0 of 2,001').waitFor();
    await page.getByRole('progressbar', { name: 'import, definitions' }).waitFor();
    await button(page, 'Stop').click();
    await page.getByText('Stopped; nothing was imported.', { exact: true }).waitFor();
    assert.equal(await button(page, 'Stop').count(), 0);
    assert.equal((await api.get('jobs')).at(-1).state, 'cancelled');
    assert.deepEqual((await api.get('users')).map(({ name }) => name), ['guest']);
    assert.equal(await api.has(path('queues', '/', 'imported')), false);
    await button(page, 'Show what would change').click();           // and could be imported still
    await difference.getByText(/^Users: 2,000 new/).waitFor();
});
