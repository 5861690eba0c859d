// What is beside the page: the HTTP API, to prepare and to look; AMQP clients, whose messages the page shows.
import { once } from 'node:events';
import amqp from 'amqplib';
import { until } from './patience.mjs';

// The path of an object: path('queues', '/', 'a b') is queues/%2F/a%20b.
export const path = (...parts) => parts.map(encodeURIComponent).join('/');

export class Api {
    constructor(broker, user = 'guest', password = user) {
        this.base = `${broker.page}api/`;
        this.authorization = `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`;
    }

    // The answer's status and its JSON, whatever the status is.
    async ask(method, where, body) {
        const answer = await fetch(this.base + where, {
            method,
            headers: { authorization: this.authorization, 'content-type': 'application/json' },
            body: body === undefined ? undefined : JSON.stringify(body),
        });
        const text = await answer.text();
        return { status: answer.status, json: text === '' ? null : JSON.parse(text) };
    }

    // The same, for what must succeed; returns the JSON.
    async call(method, where, body) {
        const { status, json } = await this.ask(method, where, body);
        if (status >= 300) throw new Error(`${method} ${where}: ${status} ${JSON.stringify(json)}`);
        return json;
    }

    get(where) { return this.call('GET', where); }
    put(where, body = {}) { return this.call('PUT', where, body); }
    post(where, body = {}) { return this.call('POST', where, body); }
    delete(where) { return this.call('DELETE', where); }

    async has(where) { return (await this.ask('GET', where)).status === 200; }

    // A user with tags who may do what the three patterns say, in the vhost /.
    async addUser(name, tags, [configure, write, read] = ['.*', '.*', '.*']) {
        await this.put(path('users', name), { password: name, tags });
        await this.put(path('permissions', '/', name), { configure, write, read });
    }
}

export class Client {
    // The client's name is what lists of connections show.
    static async connect(broker, name, user = 'guest', password = user) {
        const url = broker.amqp.replace('guest:guest', `${user}:${password}`);
        const connection = await amqp.connect(url, { clientProperties: { connection_name: name } });
        connection.on('error', () => {});                // a connection that the page closes
        const client = new Client();
        client.connection = connection;
        client.closed = once(connection, 'close');
        client.channel = await client.open();
        return client;
    }

    async open() {
        const channel = await this.connection.createConfirmChannel();
        channel.on('error', () => {});
        return channel;
    }

    // Publishes and waits for the confirms. `body` may be a function of the message's number.
    async publish(exchange, key, count = 1, body = (n) => `message ${n}`, properties = {}) {
        for (let n = 1; n <= count; n += 1) {
            const text = typeof body === 'function' ? body(n) : body;
            this.channel.publish(exchange, key, Buffer.from(text), { persistent: true, ...properties });
        }
        await this.channel.waitForConfirms();
    }

    // All messages of a queue as { text, properties, fields }, taken.
    async drain(queue) {
        const messages = [];
        for (;;) {
            const message = await this.channel.get(queue, { noAck: true });
            if (!message) return messages;
            messages.push({ text: message.content.toString(), properties: message.properties, fields: message.fields });
        }
    }

    count(queue) { return this.channel.checkQueue(queue).then(({ messageCount }) => messageCount); }

    async waitForCount(queue, count) {
        await until(`${queue} has ${count} messages`, async () => await this.count(queue) === count);
    }

    async end() { await this.connection.close().catch(() => {}); }
}
