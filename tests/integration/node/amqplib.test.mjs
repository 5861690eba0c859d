// amqplib's two APIs, promises and callbacks, against the broker named by AMQP_URL.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, test as nodeTest } from 'node:test';
import amqp from 'amqplib';
import callbacks from 'amqplib/callback_api.js';

const url = process.env.AMQP_URL;
const token = `node.${process.pid}.${Date.now()}`;
const named = (suffix) => `${token}.${suffix}`;
let connection;

// Node 18, which is Debian's, has no option for this.
const test = (name, body) => nodeTest(name, { timeout: 60000 }, body);

before(async () => { connection = await amqp.connect(url); });
after(async () => { await connection.close(); });

// Resolves to the first `count` messages of a queue, acknowledged.
function take(channel, queue, count, options = {}) {
  return new Promise((resolve, reject) => {
    const messages = [];
    channel.consume(queue, (message) => {
      if (message === null) return reject(new Error('cancelled'));
      if (messages.length === count) return undefined;
      messages.push(message);
      if (!options.noAck) channel.ack(message);
      if (messages.length === count) resolve(messages);
      return undefined;
    }, options).catch(reject);
  });
}

test('a message arrives with its properties and headers', async () => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const headers = { text: 'ü', whole: 5, large: 2 ** 40, part: 1.5, yes: true, none: null, list: [1, 'two', { three: 3 }],
    nested: { deep: { deeper: [] } }, when: { '!': 'timestamp', value: 1000 }, bytes: Buffer.from([0, 255]) };
  channel.sendToQueue(queue, Buffer.from('body'), { headers, contentType: 'text/plain', persistent: true, priority: 3,
    correlationId: 'c', replyTo: 'r', expiration: '60000', messageId: 'm', timestamp: 12345, type: 't', appId: 'a' });
  const [message] = await take(channel, queue, 1);
  assert.equal(message.content.toString(), 'body');
  assert.deepEqual(message.properties.headers, headers);
  assert.equal(message.properties.deliveryMode, 2);
  assert.equal(message.properties.priority, 3);
  assert.equal(message.properties.timestamp, 12345);
  assert.equal(message.fields.redelivered, false);
  assert.equal(message.fields.routingKey, queue);
  await channel.close();
});

test('thousands of messages keep their order', async () => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  await channel.prefetch(50);
  const all = take(channel, queue, 5000);
  for (let number = 0; number < 5000; number += 1) {
    if (!channel.sendToQueue(queue, Buffer.from(String(number)))) await once(channel, 'drain');
  }
  assert.deepEqual((await all).map((message) => Number(message.content)), Array.from({ length: 5000 }, (_, at) => at));
  await channel.close();
});

test('confirms come for every message, many in one frame', async () => {
  const channel = await connection.createConfirmChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  let multiple = false;
  channel.on('ack', (ack) => { multiple ||= ack.multiple; });
  for (let burst = 0; burst < 50 && !multiple; burst += 1) {
    for (let number = 0; number < 640; number += 1) channel.sendToQueue(queue, Buffer.from('m'));
    await channel.waitForConfirms();
  }
  assert.equal(multiple, true);
  await channel.close();
});

test('an unroutable mandatory message is returned before it is confirmed', async () => {
  const channel = await connection.createConfirmChannel();
  const events = [];
  channel.on('return', (message) => events.push(`return ${message.content} ${message.fields.replyText}`));
  channel.publish('', named('nowhere'), Buffer.from('m'), { mandatory: true }, () => events.push('confirm'));
  await channel.waitForConfirms();
  assert.deepEqual(events, ['return m NO_ROUTE', 'confirm']);
  await channel.close();
});

for (const kind of ['direct', 'fanout', 'topic', 'headers']) {
  test(`a ${kind} exchange routes`, async () => {
    const channel = await connection.createChannel();
    const exchange = named(kind);
    await channel.assertExchange(exchange, kind, { durable: false, autoDelete: true });
    const { queue } = await channel.assertQueue('', { exclusive: true });
    const key = { direct: 'a.b', fanout: '', topic: '*.b', headers: '' }[kind];
    await channel.bindQueue(queue, exchange, key, kind === 'headers' ? { 'x-match': 'any', n: 1 } : {});
    channel.publish(exchange, 'a.b', Buffer.from('in'), { headers: { n: 1 } });
    channel.publish(exchange, 'c', Buffer.from(kind === 'fanout' ? 'in' : 'out'), { headers: { n: 2 } });
    const messages = await take(channel, queue, kind === 'fanout' ? 2 : 1);
    assert.ok(messages.every((message) => message.content.toString() === 'in'));
    assert.equal((await channel.checkQueue(queue)).messageCount, 0);
    await channel.close();
  });
}

test('exchanges bound to exchanges and alternate exchanges pass messages on', async () => {
  const channel = await connection.createChannel();
  const [source, target, rest] = ['source', 'target', 'rest'].map(named);
  await channel.assertExchange(rest, 'fanout', { durable: false, autoDelete: true });
  await channel.assertExchange(source, 'direct', { durable: false, autoDelete: true, alternateExchange: rest });
  await channel.assertExchange(target, 'fanout', { durable: false, autoDelete: true });
  await channel.bindExchange(target, source, 'known');
  const one = (await channel.assertQueue('', { exclusive: true })).queue;
  const other = (await channel.assertQueue('', { exclusive: true })).queue;
  await channel.bindQueue(one, target, '');
  await channel.bindQueue(other, rest, '');
  channel.publish(source, 'known', Buffer.from('one'));
  channel.publish(source, 'unknown', Buffer.from('other'));
  assert.equal((await take(channel, one, 1))[0].content.toString(), 'one');
  assert.equal((await take(channel, other, 1))[0].content.toString(), 'other');
  await channel.close();
});

test('get, nack and reject put messages back or away', async () => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  assert.equal(await channel.get(queue), false);
  for (const body of 'abc') channel.sendToQueue(queue, Buffer.from(body));
  const first = await channel.get(queue);
  assert.equal(first.content.toString(), 'a');
  channel.nack(first);
  const again = await channel.get(queue);
  assert.equal(again.content.toString(), 'a');
  assert.equal(again.fields.redelivered, true);
  channel.reject(again, false);
  assert.equal((await channel.get(queue, { noAck: true })).content.toString(), 'b');
  channel.nackAll();
  assert.equal((await channel.get(queue, { noAck: true })).content.toString(), 'c');
  assert.equal((await channel.purgeQueue(queue)).messageCount, 0);
  assert.equal((await channel.deleteQueue(queue)).messageCount, 0);
  await channel.close();
});

test('recover redelivers what was not acknowledged', async () => {
  const channel = await connection.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  channel.sendToQueue(queue, Buffer.from('m'));
  const deliveries = [];
  const twice = new Promise((resolve) => {
    channel.consume(queue, (message) => {
      deliveries.push(message.fields.redelivered);
      if (deliveries.length === 1) channel.recover();
      else resolve(channel.ack(message));
    });
  });
  await twice;
  assert.deepEqual(deliveries, [false, true]);
  await channel.close();
});

test('a consumer is told with null when its queue is deleted', async () => {
  const channel = await connection.createChannel();
  await channel.assertQueue(named('doomed'), { durable: false });
  const cancelled = new Promise((resolve) => { channel.consume(named('doomed'), resolve); });
  await channel.checkQueue(named('doomed'));
  const other = await connection.createChannel();
  await other.deleteQueue(named('doomed'));
  assert.equal(await cancelled, null);
});

test('a channel error says what was wrong and leaves the connection open', async () => {
  const channel = await connection.createChannel();
  const closed = once(channel, 'error');
  await assert.rejects(channel.checkQueue(named('none')), /404 \(NOT-FOUND\).*no queue/);
  assert.equal((await closed)[0].code, 404);
  const next = await connection.createChannel();
  await next.assertQueue('', { exclusive: true });
  await next.close();
});

test('a refused login says 403', async () => {
  const wrong = new URL(url);
  wrong.password = 'wrong';
  await assert.rejects(amqp.connect(wrong.href), /403 \(ACCESS-REFUSED\)/);
});

test('small frames and heartbeats are negotiated', async () => {
  const small = await amqp.connect(`${url}?frameMax=4096&heartbeat=1`);
  const channel = await small.createChannel();
  const { queue } = await channel.assertQueue('', { exclusive: true });
  const body = Buffer.alloc(1_000_000, 'abcdefg');
  channel.sendToQueue(queue, body);
  const [message] = await take(channel, queue, 1);
  assert.ok(message.content.equals(body));
  await small.close();
});

test('hundreds of channels are opened and closed', async () => {
  const channels = await Promise.all(Array.from({ length: 300 }, () => connection.createChannel()));
  await Promise.all(channels.map((channel) => channel.assertQueue('', { exclusive: true })));
  await Promise.all(channels.map((channel) => channel.close()));
});

test('the callback API does the same', (_, done) => {
  callbacks.connect(url, (failure, other) => {
    assert.ifError(failure);
    other.createConfirmChannel((refused, channel) => {
      assert.ifError(refused);
      channel.assertQueue('', { exclusive: true }, (error, { queue }) => {
        assert.ifError(error);
        let due = 2;                              // the delivery and the confirm, in either order
        const arrived = () => { due -= 1; if (due === 0) other.close(done); };
        channel.consume(queue, (message) => {
          assert.equal(message.content.toString(), 'called back');
          channel.ack(message);
          arrived();
        });
        channel.sendToQueue(queue, Buffer.from('called back'), {}, (nacked) => { assert.ifError(nacked); arrived(); });
      });
    });
  });
});
