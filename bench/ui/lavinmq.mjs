// The tasks in LavinMQ's page.
export const title = 'LavinMQ';
export const home = '';

export async function logIn(page) {
    await page.locator('#amq-username').fill('guest');
    await page.locator('#amq-password').fill('guest');
    await page.locator('button[type=submit]').click();
    await page.locator('#menu-content').waitFor();
}

const menu = (page, name) => page.locator('#menu-content').getByRole('link', { name, exact: true });
const row = (page, text) => page.locator('main tr').filter({ hasText: text });

async function openQueue(hand, name) {
    await hand.click(menu(hand.page, 'Queues'));
    await hand.click(row(hand.page, name).getByRole('link', { name, exact: true }));
    // Its forms work once its scripts do; a person waits for the figures.
    await hand.finds(() => /\d/.test(document.querySelector('#q-ready')?.textContent));
}

export const tasks = {
    // All queues are on one page: one compares the rates of publishing and acknowledging.
    async growing(hand) {
        await hand.click(menu(hand.page, 'Queues'));
        await hand.finds(() => {
            const of = [...document.querySelectorAll('main tr')].find((tr) => tr.innerText.includes('orders.shipping'));
            const cells = [...of?.cells ?? []].map((td) => parseFloat(td.innerText));
            return cells.length >= 14 && cells[10] > 2 * cells[13];
        });
    },
    publisher: null,
    lost: null,
    // The messages are taken, and put back.
    async third(hand) {
        await openQueue(hand, 'payments.refund');
        await hand.type(hand.page.locator('#getMessages input[name=messages]'), '3');
        await hand.click(hand.page.locator('#getMessages button'));
        await hand.sees(hand.page.locator('#messages'), '{"refund":3}');
    },
    async move(hand) {
        await openQueue(hand, 'reports.weekly');
        await hand.type(hand.page.locator('input[name=shovel-destination]'), 'reports.daily');
        await hand.click(hand.page.locator('#moveMessages button'));
        await hand.finds(() => document.querySelector('#q-ready')?.textContent === '0');
    },
    async user(hand) {
        await hand.click(menu(hand.page, 'Users'));
        await hand.sees(row(hand.page, 'guest'));
        await hand.type(hand.page.locator('#createUser input[name=username]'), 'auditor');
        await hand.type(hand.page.locator('#createUser input[name=password]'), 'secret');
        await hand.click(hand.page.locator('#createUser button[type=submit]'));
        await hand.sees(hand.page.getByText('User created'));
        // The broker lets the browser keep the list for 5 s: it is opened again after that, or the new user is not in it.
        await hand.page.waitForTimeout(5000);
        await hand.click(menu(hand.page, 'Users'));
        await hand.click(row(hand.page, 'auditor').getByRole('link', { name: 'auditor' }));
        const form = hand.page.locator('#setPermission');
        await hand.finds(() => document.querySelector('#setPermission [name=vhost]').value === '/');
        await hand.type(form.locator('input[name=configure]'), '^$');
        await hand.type(form.locator('input[name=write]'), '^$');
        await hand.type(form.locator('input[name=read]'), '^reports\\.');
        await hand.click(form.getByRole('button', { name: 'Set permission' }));
        // The form is as before when the permission is set; the list above it is the one that the browser keeps.
        await hand.finds(() => document.querySelector('#setPermission [name=read]').value === '.*');
    },
    day: null,
    // 1.0.1: the button that closes a connection ends in an error of the page's script.
    connection: null,
    async purge(hand) {
        await openQueue(hand, 'mails.newsletter');
        await hand.finds(() => /^1.?000$/.test(document.querySelector('#q-ready').textContent));
        await hand.click(hand.page.locator('#purgeQueue button'));
        await hand.sees(hand.page.getByText('Queue purged!'));
    },
    async export(hand) {
        await hand.finds(() => document.querySelector('#exportDefinitionsVhost').value !== '');
        await hand.download(hand.page.locator('#exportDefinitions button'));
    },
    definitions: null,
};
