// Everyday tasks in the pages of Leveret, RabbitMQ and LavinMQ: clicks, typed fields and seconds of each, as a table.
//
//     node bench/ui/compare.mjs leveret=HOST:AMQP:HTTP rabbitmq=... lavinmq=...
//
// ROUNDS (3): the brokers take turns within a round; the seconds are medians. TASKS=move,purge: only these.
// PICTURES=FOLDER keeps a picture of the end of each task of the last round.
import { mkdtempSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as lavinmq from './lavinmq.mjs';
import * as leveret from './leveret.mjs';
import * as rabbitmq from './rabbitmq.mjs';
import { Hand } from './hand.mjs';
import { openShop } from './shop.mjs';
import { program as chromiumProgram } from '../../tests/browser/browser.mjs';

const { chromium } = createRequire(new URL('../../tests/browser/package.json', import.meta.url))('playwright-core');
const programs = { leveret, rabbitmq, lavinmq };
const ROUNDS = Number(process.env.ROUNDS ?? 3);
const PATIENCE_MS = Number(process.env.TASK_MS ?? 60_000);

const TASKS = {
    growing: 'Find the queue that grows',
    publisher: 'See who publishes to it',
    lost: 'Learn why a message did not arrive',
    third: 'Read the third message of a queue, without taking it',
    move: 'Move 1,000 messages to another queue',
    user: 'Add a user who may only read `reports.*`',
    day: 'See the peak of the last day',
    connection: 'Find a connection by its client’s name, and close it',
    purge: 'Purge a queue, knowing how much is lost',
    export: 'Export the definitions',
    definitions: 'Export them, and see what an import would change',
};

const median = (all) => [...all].sort((a, b) => a - b)[Math.floor(all.length / 2)];

// What an import would bring: one queue more.
function importFile() {
    const file = join(mkdtempSync(join(tmpdir(), 'lvu-')), 'definitions.json');
    writeFileSync(file, JSON.stringify({ queues: [{ name: 'returns.inbox', vhost: '/', durable: true, auto_delete: false, arguments: {} }] }));
    return file;
}

// A task by a visitor who is logged in already and has not been at the page before: from opening the page to the answer.
async function measure(browser, { program, broker, storageState }, task, file, picture) {
    const context = await browser.newContext({ storageState, viewport: { width: 1440, height: 900 }, acceptDownloads: true, locale: 'en-GB' });
    context.setDefaultTimeout(PATIENCE_MS);
    try {
        const page = await context.newPage();
        const hand = new Hand(page);
        const start = performance.now();
        await page.goto(broker.page + program.home);
        await program.tasks[task](hand, file).catch(async (error) => {
            if (picture) await page.screenshot({ path: `${picture}-failed.png` });
            throw error;
        });
        const seconds = (performance.now() - start) / 1000;
        if (picture) await page.screenshot({ path: `${picture}.png` });
        return { clicks: hand.clicks, fields: hand.fields, seconds };
    } finally {
        await context.close();
    }
}

async function logIn(browser, { program, broker }) {
    const context = await browser.newContext();
    const page = await context.newPage();
    await page.goto(broker.page);
    await program.logIn(page);
    const storageState = await context.storageState();
    await context.close();
    return storageState;
}

function cell(program, task, runs) {
    if (!program.tasks[task]) return 'not possible';
    if (runs.length === 0) return 'failed';
    const { clicks, fields } = runs[0];
    return `${clicks}${fields > 0 ? ` + ${fields}` : ''}, ${median(runs.map(({ seconds }) => seconds)).toFixed(1)} s${runs.length < ROUNDS ? ` (${runs.length} of ${ROUNDS} rounds)` : ''}`;
}

const sites = process.argv.slice(2).map((text) => {
    const [name, address] = text.split('=');
    const [host, amqp, http] = address.split(':');
    return { name, program: programs[name], broker: { amqp: `amqp://guest:guest@${host}:${amqp}`, page: `http://${host}:${http}/` } };
});
const wanted = process.env.TASKS ? process.env.TASKS.split(',') : Object.keys(TASKS);
const browser = await chromium.launch({
    executablePath: chromiumProgram,
    args: ['--disable-dev-shm-usage', ...process.getuid() === 0 ? ['--no-sandbox'] : []],
});
const file = importFile();
try {
    for (const site of sites) {
        site.shop = await openShop(site.broker);
        site.storageState = await logIn(browser, site);
        site.runs = Object.fromEntries(wanted.map((task) => [task, []]));
    }
    for (let round = 1; round <= ROUNDS; round += 1) {
        for (const site of sites) {
            await site.shop.tidy();
            for (const task of wanted.filter((one) => site.program.tasks[one])) {
                const picture = process.env.PICTURES && round === ROUNDS ? join(process.env.PICTURES, `${site.name}-${task}`) : '';
                const run = await measure(browser, site, task, file, picture).catch((error) => console.error(`${site.name}, ${task}: ${error.message}`));
                if (run) site.runs[task].push(run);
                if (run) console.error(`round ${round}, ${site.name}, ${task}: ${run.clicks} clicks, ${run.fields} fields, ${run.seconds.toFixed(2)} s`);
            }
        }
    }
    console.log(`| task | ${sites.map(({ program }) => program.title).join(' | ')} |\n| --- |${' --- |'.repeat(sites.length)}`);
    for (const task of wanted) console.log(`| ${TASKS[task]} | ${sites.map(({ program, runs }) => cell(program, task, runs[task])).join(' | ')} |`);
} finally {
    for (const { shop } of sites) await shop?.close();
    await browser.close();
}
