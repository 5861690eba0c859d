// Every page on a phone, and by keyboard.
import { onEveryPage } from './everywhere.mjs';

const { test, onEach } = onEveryPage();

// Colours are the same at each width.
test('no page is wider than a phone', { width: 390, height: 844 }, async (visit) => {
    await onEach(visit, async () => {
        const over = await visit.page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        return [...over > 0 ? [`${over} px too wide`] : [], ...await visit.faults(['button-name', 'link-name', 'label', 'scrollable-region-focusable'])];
    }, { rows: 100 });
});

// Runs in the page: notes each part that gets the focus, and whether it shows it.
function watchFocus() {
    globalThis.unmarked = [];
    globalThis.isRound = false;
    document.activeElement?.blur();
    globalThis.onFocusIn ??= document.addEventListener('focusin', ({ target }) => {
        globalThis.isRound ||= target.hasAttribute('data-reached');
        target.setAttribute('data-reached', '');
        const { outlineStyle, outlineWidth, boxShadow } = getComputedStyle(target);
        // The map draws the mark of its nodes itself.
        if (!target.closest('.map-stage') && (outlineStyle === 'none' || outlineWidth === '0px') && boxShadow === 'none') globalThis.unmarked.push(target.outerHTML.slice(0, 120));
    }) ?? true;
}

function unreached() {
    const wanted = 'a[href], button:not(:disabled), input:not(:disabled), select:not(:disabled), textarea:not(:disabled), summary, [tabindex="0"]';
    const isSeen = (element) => element.checkVisibility({ visibilityProperty: true }) && !element.closest('[inert]');
    return [...document.querySelectorAll(wanted)].filter((element) => isSeen(element) && !element.hasAttribute('data-reached')
        // The arrows reach the other nodes of the map, and the other radio buttons of a name.
        && element.tabIndex >= 0
        && !(element.type === 'radio' && document.querySelector(`input[name="${element.name}"][data-reached]`)))
        .map((element) => element.outerHTML.slice(0, 120));
}

test('the keyboard alone reaches everything, and shows where it is', async (visit) => {
    const { page } = visit;
    await onEach(visit, async () => {
        await page.evaluate(watchFocus);
        // What is new while Tab goes round (a row, a line of the log) is reached in another round.
        let missed = await page.evaluate(unreached);
        for (let presses = 0; presses < 600;) {
            const count = missed.length + 5;                // those that are left, and some to come round
            await Promise.all(Array.from({ length: count }, () => page.keyboard.press('Tab')));
            presses += count;
            missed = await page.evaluate(unreached);
            if (await page.evaluate(() => globalThis.isRound) && missed.length === 0) break;
        }
        const unmarked = await page.evaluate(() => globalThis.unmarked);
        return [...unmarked.map((part) => `does not show the focus: ${part}`), ...missed.map((part) => `not reached: ${part}`)];
    }, { rows: 3 });
});
