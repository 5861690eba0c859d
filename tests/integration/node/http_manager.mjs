// http-rabbitmq-manager's calls, in the order of its README, against the broker whose port of the HTTP API is the first argument.
// The second is the broker's name. The vhost `manager` is there, with permissions.
import assert from 'node:assert/strict';
import manager from 'http-rabbitmq-manager';

const [port, node] = process.argv.slice(2);
const client = manager.client({ host: '127.0.0.1', port: Number(port), user: 'guest', password: 'guest', timeout: 60000 });
const vhost = 'manager';

function call(name, ...args) {
  return new Promise((resolve, reject) => {
    client[name](...args, (error, answer) => (error ? reject(new Error(`${name}: ${error.message}`)) : resolve(answer)));
  });
}
const names = (list) => list.map((one) => one.name);
const done = { result: 'Success' };

assert.equal((await call('overview')).node, node);
assert.equal((await call('getClusterName')).name, node);
assert.ok((await call('listNodes'))[0].running);
assert.ok((await call('getNode', { name: node, memory: true })).memory);
await call('listExtensions');
assert.ok((await call('listDefinitions')).users.length > 0);

assert.deepEqual(await call('createVhost', { vhost: 'manager2' }), done);
assert.ok(names(await call('listVhosts', {})).includes('manager2'));
assert.deepEqual(await call('deleteVhost', { vhost: 'manager2' }), done);
assert.equal((await call('getVhostPermissions', { vhost }))[0].user, 'guest');

const exchange = { vhost, exchange: 'ex/1', type: 'topic', auto_delete: false, durable: true, internal: false, arguments: {} };
assert.deepEqual(await call('createExchange', exchange), done);
assert.equal((await call('getExchange', exchange)).type, 'topic');
assert.ok(names(await call('listExchanges', { vhost })).includes('ex/1'));
assert.deepEqual(await call('getBindingsForSource', exchange), []);
assert.deepEqual(await call('getBindingsForDestination', exchange), []);

const queue = { vhost, queue: 'q 1', auto_delete: false, durable: true, node, arguments: { 'x-max-length': 5 } };
assert.deepEqual(await call('createQueue', queue), done);
assert.deepEqual((await call('getQueue', queue)).arguments, { 'x-max-length': 5 });
assert.deepEqual(names(await call('listQueues', { vhost })), ['q 1']);
assert.equal((await call('getQueueBindings', queue))[0].routing_key, 'q 1');
assert.equal((await call('listBindings', { vhost })).length, 1);
assert.deepEqual(await call('setQueueActions', { ...queue, action: 'sync' }), done);
assert.deepEqual(await call('purgeQueue', queue), done);

assert.ok(Array.isArray(await call('listConnections')));
assert.deepEqual(await call('listChannels', { vhost }), []);
assert.deepEqual(await call('listConsumers', { vhost }), []);
await assert.rejects(call('closeConnection', { connection: 'nobody' }), /closeConnection: Status 404/);
assert.deepEqual(await call('deleteQueue', queue), done);
assert.deepEqual(await call('deleteExchange', exchange), done);
await assert.rejects(call('getExchange', exchange), /getExchange: Status 404/);
