// A hand on a page: it clicks, types and chooses, and counts that. What it waits for is what a person would look for.
export class Hand {
    constructor(page) {
        Object.assign(this, { page, clicks: 0, fields: 0 });
        // A question of the browser's own ("Are you sure?") is answered with a click.
        page.on('dialog', (dialog) => { this.clicks += 1; dialog.accept().catch(() => {}); });
    }

    async click(where) {
        await where.click();
        this.clicks += 1;
    }

    // A field is one, however long its text is. Going into it is not counted as a click.
    async type(where, text) {
        await where.fill(text);
        this.fields += 1;
    }

    // A choice of a list is two clicks.
    async choose(where, value) {
        await where.selectOption(value);
        this.clicks += 2;
    }

    // Choosing a file in the system's window is no part of the page; opening that window is a click.
    async chooseFile(where, file) {
        await where.setInputFiles(file);
        this.clicks += 1;
    }

    async download(where) {
        const [download] = await Promise.all([this.page.waitForEvent('download'), this.click(where)]);
        await download.path();
    }

    // Until the text is there.
    async sees(where, text) {
        await (text === undefined ? where : where.filter({ hasText: text })).first().waitFor();
    }

    // Until the page's own figures say so. `is` runs in the page.
    async finds(is, argument) { await this.page.waitForFunction(is, argument, { polling: 50 }); }
}
