// A broker of this run: leveretd as a child, on free ports of 127.0.0.1, with its files in a folder that goes with it.
//
//     const broker = await startBroker();
//     broker.amqp      amqp://guest:guest@127.0.0.1:PORT
//     broker.page      http://127.0.0.1:PORT/
//     await broker.stop(); await broker.start();       the same ports and data
//     await broker.end();                              it must leave with 0, and must not have complained about itself
import { spawn } from 'node:child_process';
import { mkdtempSync, openSync, closeSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { until } from './patience.mjs';

const root = fileURLToPath(new URL('../..', import.meta.url));
const alarming = /Sanitizer|runtime error:|[Aa]ssertion|stack smashing|double free|Panic/;
const running = new Set();

process.on('exit', () => { for (const child of running) child.kill('SIGKILL'); });
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.once(signal, () => process.exit(1));

// A port that nobody listens on, below those of tests/integration and those that the kernel gives to clients.
async function freePort() {
    for (;;) {
        const port = 10000 + Math.floor(Math.random() * 10000);
        const server = createServer();
        const isFree = await new Promise((done) => {
            server.once('error', () => done(false));
            server.listen(port, '127.0.0.1', () => done(true));
        });
        await new Promise((done) => { if (isFree) server.close(done); else done(); });
        if (isFree) return port;
    }
}

function accepts(port) {
    return new Promise((done) => {
        const socket = connect(port, '127.0.0.1');
        socket.once('connect', () => { socket.destroy(); done(true); });
        socket.once('error', () => done(false));
    });
}

class Broker {
    constructor(folder, port, httpPort, settings) {
        Object.assign(this, { folder, port, httpPort, child: null });
        this.amqp = `amqp://guest:guest@127.0.0.1:${port}`;
        this.page = `http://127.0.0.1:${httpPort}/`;
        this.log = join(folder, 'log');
        this.daemon = resolve(process.env.LEVERETD ?? join(root, 'build', 'leveretd'));
        this.config = join(folder, 'leveret.conf');
        this.settings = settings;
        this.writeSettings();
    }

    writeSettings(more = []) {
        // scrypt is slow by intent: guest's logins would take most of a test's time.
        writeFileSync(this.config, ['password_hashing_module = rabbit_password_hashing_sha256', ...this.settings, ...more, ''].join('\n'));
    }

    // It reads its configuration again: the settings of its start, and these.
    reconfigure(...more) {
        this.writeSettings(more);
        this.child.kill('SIGHUP');
    }

    async start() {
        const log = openSync(this.log, 'a');
        this.child = spawn(this.daemon, ['--config', this.config, '--data-dir', join(this.folder, 'data'), '--bind', '127.0.0.1',
            '--port', this.port, '--management-port', this.httpPort, '--metrics-port', 0, '--loops', 2],
        { stdio: ['ignore', log, log], env: { ...process.env, SYS_PREFIX: this.folder } });      // this machine's /etc is not read
        closeSync(log);
        const { child } = this;
        running.add(child);
        this.ended = new Promise((done) => { child.once('exit', (code, signal) => { running.delete(child); done(code ?? signal); }); });
        await until('the broker answers', async () => {
            if (child.exitCode !== null) throw new Error(`leveretd exited with ${child.exitCode}:\n${this.said()}`);
            return await accepts(this.port) && accepts(this.httpPort);
        });
        return this;
    }

    said() { return readFileSync(this.log, 'utf8'); }

    async stop() {
        this.child.kill('SIGTERM');
        const code = await this.ended;
        if (code !== 0 || alarming.test(this.said())) throw new Error(`leveretd exited with ${code}:\n${this.said()}`);
    }

    async restart() {
        await this.stop();
        await this.start();
    }

    async end() {
        try {
            await this.stop();
        } finally {
            rmSync(this.folder, { recursive: true, force: true });
        }
    }
}

// settings: lines of the configuration.
export async function startBroker(settings = []) {
    const folder = mkdtempSync(join(tmpdir(), 'lvb-'));
    return new Broker(folder, await freePort(), await freePort(), settings).start();
}
