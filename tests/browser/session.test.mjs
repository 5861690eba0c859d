// Who may come in, how long, and what happens when the broker goes away.
import assert from 'node:assert/strict';
import { onStage } from './stage.mjs';
import { path } from './clients.mjs';

const { test } = onStage({
    prepare: async ({ api }) => {
        await api.put(path('users', 'nobody'), { password: 'nobody', tags: '' });
        for (const tag of ['management', 'policymaker', 'monitoring']) await api.addUser(tag, tag);
        await api.put(path('vhosts', 'hidden'));
        await api.put(path('queues', 'hidden', 'secret'), { durable: true });
    },
});

const logInForm = (page) => page.getByRole('button', { name: 'Log in' });
const heading = (page, text) => page.getByRole('heading', { level: 1, name: text });

async function submit(page, user, password) {
    await page.getByLabel('User', { exact: true }).fill(user);
    await page.getByLabel('Password', { exact: true }).fill(password);
    await logInForm(page).click();
}

test('a wrong password is refused where it was typed, and the right one leads on', { user: null }, async (visit) => {
    const { page } = visit;
    await page.goto('#/?range=1h');
    visit.expect(/401/);
    await submit(page, 'guest', 'wrong');
    await page.getByRole('alert').filter({ hasText: 'not accepted' }).waitFor();
    await submit(page, 'guest', 'guest');
    await heading(page, 'Overview').waitFor();
    assert.match(page.url(), /#\/\?range=1h$/);
});

test('whoever opens the page anew is still logged in, and no script can read the login', async (visit) => {
    await visit.page.reload();
    await visit.settled();
    assert.equal(await logInForm(visit.page).count(), 0);
    assert.equal(await visit.page.evaluate(() => document.cookie), '');
});

test('after a logout the page shows nothing, not even when it is opened anew', async (visit) => {
    const { page } = visit;
    await page.getByRole('button', { name: /log out/ }).click();
    await page.getByRole('button', { name: 'Log out', exact: true }).click();
    await page.getByText('You are logged out').waitFor();
    await page.reload();
    await logInForm(page).waitFor();
    assert.equal(await heading(page, 'Overview').count(), 0);
});

test('a login that ends leads to the login, and from there back to the page', { user: null }, async (visit, { api }) => {
    const { page } = visit;
    await api.addUser('fleeting', 'monitoring');
    await visit.logIn('fleeting', 'fleeting', '#/?range=1h');
    visit.expect(/401/);
    await api.put(path('users', 'fleeting'), { password: 'other', tags: 'monitoring' });
    await page.getByText('Your login has ended').waitFor();
    await submit(page, 'fleeting', 'other');
    await heading(page, 'Overview').waitFor();
    assert.match(page.url(), /#\/\?range=1h$/);
});

test('a user without a tag is let in nowhere', { user: null }, async (visit) => {
    await visit.page.goto('');
    visit.expect(/401/);
    await submit(visit.page, 'nobody', 'nobody');
    await visit.page.getByRole('alert').filter({ hasText: 'no tag' }).waitFor();
});

for (const tag of ['management', 'policymaker', 'monitoring']) {
    test(`a ${tag} finds only pages that it may use, and no refusal in them`, { user: tag }, async (visit) => {
        const { page } = visit;
        const links = await visit.pages();
        assert.equal(links.includes('#/users'), false);
        for (const link of links) {
            await visit.go(link);
            assert.equal(await page.getByRole('alert').count(), 0, link);
            if (link === '#/logs') continue;     // the log is the node's: who monitors reads of every vhost
            assert.equal(await page.getByText('secret').count(), 0, `${link} shows what is in another vhost`);
        }
    });
}

test('figures of a chosen vhost are shown to users who are no administrators, too', { user: 'management' }, async (visit) => {
    await visit.go('#/?vhost=%2F');
    await heading(visit.page, 'Overview of /').waitFor();
    await visit.page.getByRole('link', { name: /^Ready\s*0/ }).waitFor();
});

for (const [user, advice] of [['guest', 'Free space on the disk of'], ['management', 'Somebody who administers the broker']]) {
    test(`an alarm is told to ${user}, with what helps, until it is over`, { user }, async (visit, { broker }) => {
        const alarm = visit.page.getByRole('alert').filter({ hasText: 'Disk alarm: publishers are blocked.' });
        visit.expect(/503/);                     // who may not see the node sees its health check fail
        broker.reconfigure('disk_free_limit.absolute = 1000TB');
        await alarm.waitFor();
        await visit.page.getByText(advice).waitFor();
        broker.reconfigure();
        await alarm.waitFor({ state: 'detached' });
    });
}

test('the page says that the broker is away, and goes on when it is back', async (visit, { broker, client }) => {
    const { page } = visit;
    const away = page.getByRole('alert').filter({ hasText: 'The broker does not answer' });
    visit.expect(/ERR_CONNECTION_REFUSED|ERR_EMPTY_RESPONSE|ERR_CONNECTION_RESET|502|503/);
    await client.end();
    await broker.stop();
    await away.waitFor();
    await heading(page, 'Overview').waitFor();
    await broker.start();
    await away.waitFor({ state: 'detached' });
    await heading(page, 'Overview').waitFor();
});
