// Every page: those of the page's own table of routes, in a shop with one object of each kind.
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { onStage } from './stage.mjs';
import { openShop } from './shop.mjs';
import { until } from './patience.mjs';

// The patterns of all pages, as the page's own table has them.
const patterns = [...readFileSync(new URL('../../ui/src/routes.ts', import.meta.url), 'utf8').matchAll(/^ {4}\['([^']*)', \(\) =>/gm)].map(([, pattern]) => pattern);
const isOf = (pattern) => new RegExp(`^#/${pattern.replace(/:\w+/g, '[^/?]+')}(\\?|$)`);

// The addresses of all pages: what the navigation lists, one of each kind of object, and each tab of a queue.
async function addressesOf(visit, stage, { trace, number }) {
    const [connection] = (await stage.api.get('connections?columns=name,user')).filter(({ user }) => user === 'shop');
    const [node] = await stage.api.get('nodes?columns=name');
    const part = encodeURIComponent;
    const objects = ['queues/%2F/orders.shipping', 'exchanges/%2F/orders', `connections/${part(connection.name)}`, `channels/${part(`${connection.name} (1)`)}`,
        `nodes/${part(node.name)}`, 'map/%2F', 'vhosts/%2F', 'users/shop', 'policies/%2F/mails', 'operator-policies/%2F/no-endless-queues',
        `life/${trace}`, `life/${trace}/${number}`];
    await visit.go(`#/${objects[0]}`);
    const tabs = await visit.page.getByRole('navigation', { name: 'Views of the queue' }).getByRole('link').evaluateAll((all) => all.map((a) => a.hash));
    const lists = patterns.filter((pattern) => !pattern.includes(':'));
    const all = [...new Set([...await visit.pages(), ...[...lists, ...objects].map((address) => `#/${address}`), ...tabs])];
    assert.ok(tabs.length > 1);
    assert.deepEqual(patterns.filter((pattern) => !all.some((address) => isOf(pattern).test(address))), [], 'pages of ui/src/routes.ts that no address here is of');
    return all;
}

// Runs in the page. Rows of a table are alike: all of them would make what looks at each part slow, and tell no more.
function showRows(count) {
    const few = new CSSStyleSheet();
    few.replaceSync(`tbody tr:nth-child(n + ${count + 1}), [role="log"] li:nth-child(n + ${count + 1}) { display: none !important; }`);
    document.adoptedStyleSheets = [few];
}

// The stage of a file that looks at every page. onEach() goes to each address and looks; what look() returns is wrong.
export function onEveryPage() {
    let addresses;
    const { test, stage } = onStage({
        prepare: async ({ broker, api }) => {
            const shop = await openShop(broker, { perTick: 1 });
            await until('statistics of all clients', async () => (await api.get('connections')).length === shop.clients.length + 1);
            const { id: trace } = await api.post('message-traces', { vhost: '/', kind: 'queue', name: 'orders.billing', seconds: 300, messages: 50 });
            const message = await until('a message is followed', async () => (await api.get(`message-traces/${trace}/messages`))[0]);
            addresses = (visit) => addressesOf(visit, stage, { trace, number: message.number });
            return () => shop.close();
        },
    });

    async function onEach(visit, look, { rows = 8 } = {}) {
        const faults = [];
        for (const address of await addresses(visit)) {
            await visit.go(address);
            await visit.page.evaluate(showRows, rows);
            for (const fault of await look(address)) faults.push(`${address}: ${fault}`);
            for (const misdeed of await visit.misdeeds()) faults.push(`${address}: ${misdeed}`);
            visit.complaints.length = 0;
        }
        assert.deepEqual(faults, []);
    }

    return { test, onEach };
}
