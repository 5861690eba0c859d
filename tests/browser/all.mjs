// All tests in one process and in one browser, several files at a time: to start a browser and Playwright for each file takes as
// much CPU time as the tests of a small file.
//
//     node tests/browser/all.mjs [FILE ...]        the beginnings of files' names; default: all
import { readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { after, describe } from 'node:test';
import { closeBrowser } from './browser.mjs';
import { gatherStages, playStage } from './stage.mjs';

// Those that take longest begin, so that none is alone at the end. More at a time than processors, since a page now and then waits.
const LONGEST = ['accessible', 'names', 'addresses', 'everywhere', 'oauth', 'many', 'session', 'admin'];
const CONCURRENCY = availableParallelism() + 1;

const wanted = process.argv.slice(2);
const files = readdirSync(new URL('.', import.meta.url)).filter((name) => name.endsWith('.test.mjs')
    && (wanted.length === 0 || wanted.some((one) => name.startsWith(one)))).sort();
const place = (name) => (LONGEST.indexOf(name.replace('.test.mjs', '')) + 1) || LONGEST.length + 1;
files.sort((a, b) => place(a) - place(b));

const stages = gatherStages();
for (const file of files) {
    await import(`./${file}`);
    for (const stage of stages) stage.file ??= file;
}
describe('tests/browser', { concurrency: CONCURRENCY }, () => {
    after(closeBrowser);
    for (const stage of stages) describe(`tests/browser/${stage.file}`, { concurrency: 1 }, () => playStage(stage));
});
