// Every page is read by everybody.
import { onEveryPage } from './everywhere.mjs';

const { test, onEach } = onEveryPage();

async function showIn(theme, { page }) {
    await page.emulateMedia({ colorScheme: theme });
    await page.waitForFunction((shown) => document.documentElement.dataset.theme === shown, theme);
}

test('no page has a serious fault for those who cannot see or use a mouse, and all can be read in the dark', async (visit) => {
    await onEach(visit, async () => {
        const faults = await visit.faults();
        await showIn('dark', visit);
        faults.push(...(await visit.faults(['color-contrast'])).map((fault) => `in the dark: ${fault}`));
        await showIn('light', visit);
        return faults;
    });
});
