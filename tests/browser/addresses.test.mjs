// Every page is shared by its address.
import { until } from './patience.mjs';
import { onEveryPage } from './everywhere.mjs';

const { test, onEach } = onEveryPage();

test('an address that is opened anew shows the same page, and back leads back', async (visit) => {
    const { page } = visit;
    const heading = () => page.locator('main h1').first().innerText();
    const titles = [];
    await onEach(visit, async () => {
        const [title, text] = [await page.title(), await heading()];
        await page.reload();
        await visit.settled();
        titles.push(title);
        return await page.title() !== title || await heading() !== text ? [`shows ${await heading()} and was ${text}`] : [];
    });
    for (const title of titles.slice(0, -1).reverse()) {
        await page.goBack();
        await visit.settled();
        await until(`back at ${title}`, async () => await page.title() === title);
    }
});
