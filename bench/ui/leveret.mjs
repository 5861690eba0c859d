// The tasks in Leveret's page.
import { strict as assert } from 'node:assert';

export const title = 'Leveret';
export const home = '#/';

export async function logIn(page) {
    await page.getByLabel('User', { exact: true }).fill('guest');
    await page.getByLabel('Password', { exact: true }).fill('guest');
    await page.getByRole('button', { name: 'Log in' }).click();
    await page.locator('#navigation').waitFor();
}

const pages = (page, name) => page.getByRole('navigation', { name: 'Pages' }).getByRole('link', { name, exact: true });
const row = (page, text) => page.getByRole('main').getByRole('row').filter({ hasText: text });

async function openQueue(hand, name) {
    await hand.click(pages(hand.page, 'Queues'));
    await hand.click(row(hand.page, name).getByRole('link', { name, exact: true }));
}

export const tasks = {
    async growing(hand) {
        const panel = hand.page.locator('section').filter({ has: hand.page.getByRole('heading', { name: 'Queues to look at' }) });
        await hand.sees(panel.getByRole('row').nth(1).filter({ hasText: 'orders.shipping' }), /\+[1-9]/);
    },
    async publisher(hand) {
        await hand.click(hand.page.getByRole('main').getByRole('link', { name: 'orders.shipping', exact: true }).first());
        await hand.sees(hand.page.locator('.publisher'), 'payment-gateway');
    },
    async lost(hand) {
        await hand.click(pages(hand.page, 'Exchanges'));
        await hand.click(row(hand.page, 'orders').getByRole('link', { name: 'orders', exact: true }));
        await hand.type(hand.page.getByLabel('Routing key').first(), 'order.refunded.de');
        await hand.click(hand.page.getByRole('button', { name: 'Where would it go?' }));
        await hand.sees(hand.page.locator('.route-step').filter({ hasText: 'orders.billing' }), 'no match');
    },
    async third(hand) {
        await openQueue(hand, 'payments.refund');
        await hand.click(hand.page.getByRole('link', { name: 'Browse', exact: true }));
        await hand.sees(hand.page.getByRole('main').getByText('{"refund":3}'));
    },
    async move(hand) {
        await openQueue(hand, 'reports.weekly');
        await hand.click(hand.page.getByRole('button', { name: 'Move…' }));
        await hand.type(hand.page.getByLabel('To the queue'), 'reports.daily');
        await hand.click(hand.page.getByRole('dialog').getByRole('button', { name: 'Move', exact: true }));
        await hand.sees(hand.page.getByRole('region', { name: 'Job' }), 'Done. 1,000 of 1,000');
    },
    async user(hand) {
        await hand.click(pages(hand.page, 'Users'));
        await hand.click(hand.page.getByRole('button', { name: 'Add a user' }));
        const form = hand.page.getByRole('dialog');
        await hand.type(form.getByLabel('Name', { exact: true }), 'auditor');
        await hand.type(form.getByLabel('Password'), 'secret');
        await hand.choose(form.getByLabel('Permissions in'), '/');
        await hand.type(form.getByLabel('Configure'), '^$');
        await hand.type(form.getByLabel('Write'), '^$');
        await hand.type(form.getByLabel('Read'), '^reports\\.');
        await hand.click(form.getByRole('button', { name: 'Add the user' }));
        await hand.sees(row(hand.page, '^reports\\.'));
    },
    async day(hand) {
        const answer = hand.page.waitForResponse((one) => one.url().includes('msg_rates_age=84600'));
        await hand.click(hand.page.getByRole('group', { name: 'Period' }).getByRole('button').last());
        assert((await answer).ok());
        await hand.sees(hand.page.locator('.chart'));               // empty, if the broker has just been started
    },
    async connection(hand) {
        await hand.click(pages(hand.page, 'Connections'));
        await hand.type(hand.page.getByRole('main').getByRole('searchbox').first(), 'stock-1');
        await hand.click(row(hand.page, 'stock-1').getByRole('link').first());
        await hand.click(hand.page.getByRole('button', { name: 'Close…' }));
        await hand.click(hand.page.getByRole('dialog').getByRole('button', { name: 'Close the connection' }));
        await hand.sees(hand.page.getByText('The connection is closed.'));
    },
    async purge(hand) {
        await openQueue(hand, 'mails.newsletter');
        await hand.click(hand.page.getByRole('button', { name: 'Purge…' }));
        await hand.sees(hand.page.getByRole('dialog'), '1,000 ready messages');
        await hand.click(hand.page.getByRole('dialog').getByRole('button', { name: 'Purge', exact: true }));
        await hand.sees(hand.page.getByRole('region', { name: 'Job' }), 'Done. 1,000 of 1,000');
    },
    async export(hand) {
        await hand.click(pages(hand.page, 'Definitions'));
        await hand.download(hand.page.getByRole('link', { name: 'Download' }));
    },
    async definitions(hand, file) {
        await hand.click(pages(hand.page, 'Definitions'));
        await hand.download(hand.page.getByRole('link', { name: 'Download' }));
        await hand.chooseFile(hand.page.locator('input[type=file]'), file);
        await hand.click(hand.page.getByRole('button', { name: 'Show what would change' }));
        await hand.sees(hand.page.locator('section').filter({ has: hand.page.getByRole('heading', { name: 'What would change' }) }), 'returns.inbox');
    },
};
