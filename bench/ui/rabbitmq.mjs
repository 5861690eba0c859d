// The tasks in the page of RabbitMQ's management plugin. Messages are moved by the shovel plugin.
export const title = 'RabbitMQ';
export const home = '#/';

export async function logIn(page) {
    await page.locator('input[name=username]').fill('guest');
    await page.locator('input[name=password]').fill('guest');
    await page.locator('input[type=submit][value=Login]').click();
    await page.locator('#tabs li').first().waitFor();
}

const tab = (page, name) => page.locator('#tabs').getByRole('link', { name, exact: true });
const row = (page, text) => page.locator('#main tr').filter({ hasText: text });
const section = (page, name) => page.locator('h2').filter({ hasText: name });

async function openQueue(hand, name) {
    await hand.click(tab(hand.page, 'Queues'));
    await hand.click(row(hand.page, name).getByRole('link', { name, exact: true }));
}

export const tasks = {
    // All queues are on one page: one compares what comes in with what is acknowledged.
    async growing(hand) {
        await hand.click(tab(hand.page, 'Queues'));
        await hand.finds(() => {
            const of = [...document.querySelectorAll('#main tr')].find((tr) => tr.innerText.includes('orders.shipping'));
            const rates = (of?.innerText.match(/[\d.]+\/s/g) ?? []).map(parseFloat);
            return rates.length >= 3 && rates[0] > 2 * rates[rates.length - 1];
        });
    },
    async publisher(hand) {
        await openQueue(hand, 'orders.shipping');
        await hand.click(section(hand.page, 'Message rates breakdown'));
        await hand.click(hand.page.locator('.two-col-layout').getByRole('link', { name: 'payments', exact: true }).first());
        await hand.click(section(hand.page, 'Message rates breakdown'));
        await hand.click(hand.page.locator('.two-col-layout a[href^="#/channels/"]').first());
        await hand.click(hand.page.locator('#main a[href^="#/connections/"]').first());
        await hand.sees(hand.page.locator('#main tr'), 'payment-gateway');
    },
    lost: null,
    // The messages are taken, and put back.
    async third(hand) {
        await openQueue(hand, 'payments.refund');
        await hand.click(section(hand.page, 'Get messages'));
        await hand.type(hand.page.locator('input[name=count]'), '3');
        await hand.click(hand.page.locator('input[value="Get Message(s)"]'));
        await hand.sees(hand.page.locator('#msg-wrapper'), '{"refund":3}');
    },
    async move(hand) {
        await openQueue(hand, 'reports.weekly');
        await hand.click(section(hand.page, 'Move messages'));
        await hand.type(hand.page.locator('input[name=dest-queue]'), 'reports.daily');
        await hand.click(hand.page.locator('input[value="Move messages"]'));
        await hand.finds(() => {
            const of = [...document.querySelectorAll('#main tr')].find((tr) => tr.innerText.includes('reports.daily'));
            return of?.innerText.includes('1,000');
        });
    },
    async user(hand) {
        await hand.click(tab(hand.page, 'Admin'));
        await hand.click(section(hand.page, 'Add a user'));
        await hand.type(hand.page.locator('input[name=username]'), 'auditor');
        await hand.type(hand.page.locator('input[name=password]'), 'secret');
        await hand.type(hand.page.locator('input[name=password_confirm]'), 'secret');
        await hand.click(hand.page.locator('input[value="Add user"]'));
        await hand.click(row(hand.page, 'auditor').getByRole('link', { name: 'auditor' }));
        const form = hand.page.locator('form[action="#/permissions"]').filter({ has: hand.page.locator('input[value="Set permission"]') });
        await hand.type(form.locator('input[name=configure]'), '^$');
        await hand.type(form.locator('input[name=write]'), '^$');
        await hand.type(form.locator('input[name=read]'), '^reports\\.');
        await hand.click(form.locator('input[value="Set permission"]'));
        await hand.sees(row(hand.page, '^reports\\.').first());
    },
    async day(hand) {
        await hand.click(hand.page.locator('.popup-options-link[for="msg-rates"]').or(hand.page.locator('.popup-options-link').filter({ hasText: 'last minute' })).first());
        const answer = hand.page.waitForResponse((one) => one.url().includes('msg_rates_age=86400'));
        await hand.click(hand.page.getByLabel('Last day').first());
        await answer;
        await hand.sees(hand.page.locator('.chart canvas'));
    },
    // The list shows the clients' names, but its filter knows addresses alone: the name is looked for by eye.
    async connection(hand) {
        await hand.click(tab(hand.page, 'Connections'));
        await hand.click(row(hand.page, 'stock-1').getByRole('link').first());
        await hand.click(section(hand.page, 'Close this connection'));
        await hand.click(hand.page.locator('input[value="Force Close"]'));
        await hand.finds(() => location.hash === '#/connections');
    },
    async purge(hand) {
        await openQueue(hand, 'mails.newsletter');
        await hand.sees(row(hand.page, 'Messages'), '1,000');
        await hand.click(section(hand.page, 'Purge'));
        await hand.click(hand.page.locator('input[value="Purge Messages"]'));
        await hand.sees(hand.page.getByText('Queue purged'));
    },
    async export(hand) {
        await hand.click(section(hand.page, 'Export definitions'));
        await hand.download(hand.page.locator('#download-definitions'));
    },
    definitions: null,
};
