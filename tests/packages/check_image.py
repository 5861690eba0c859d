#!/usr/bin/python3
"""Builds the image of the Dockerfile and lives with it as users of RabbitMQ's image do: its variables, files below /etc/rabbitmq, a volume,
commands inside, a read-only root, kill, stop, and another container with the same volume.

    tests/packages/check_image.py          (make image-check)

Needs docker or podman, python3-pika, and a few minutes for building.

Environment: ENGINE: the command (docker or podman, whichever is there), IMAGE: an image that is built already, BUILD_OPTIONS and
RUN_OPTIONS: more options for `build` and `run`, such as --network host."""
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
import urllib.request

import pika
import pika.exceptions

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
ENGINE = shlex.split(os.environ.get('ENGINE') or shutil.which('docker') or shutil.which('podman') or '')
RUN = shlex.split(os.environ.get('RUN_OPTIONS', ''))
NAME = f'leveret-check-{os.getpid()}'
PORT, HTTP_PORT = 5672, 15672       # within the container; those of this machine are free ones, unless RUN_OPTIONS has --network host
PATIENCE_S = 300                    # for what takes a second on a machine that has nothing else to do
USER, PASSWORD, NODE, HOST = 'ann', 'a password', 'shop@mq1', 'mq1'
CONF = 'heartbeat = 17\n'
DEFINITIONS = '{"vhosts": [{"name": "shop"}], "exchanges": [{"name": "orders", "vhost": "shop", "type": "fanout", "durable": true}]}'


def say(text):
    print(f'image-check: {text}', flush=True)


def engine(*words, check=True):
    done = subprocess.run([*ENGINE, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if check and done.returncode != 0:
        raise AssertionError(f'{" ".join(map(str, words))}: exit status {done.returncode}\n{done.stdout}')
    return done.stdout


def eventually(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not (found := condition()):
        assert time.monotonic() < end, f'not within {PATIENCE_S} s: {what}'
        time.sleep(0.1)
    return found


class Container:
    def __init__(self, image, folder):
        self.image, self.folder = image, folder

    def run(self, *options, command=()):
        ports = [] if '--network' in RUN else ['-p', f'127.0.0.1::{PORT}', '-p', f'127.0.0.1::{HTTP_PORT}']
        engine('run', '-d', '--name', NAME, *ports, *RUN, *options, self.image, *command)
        self.wait_until_healthy()

    def run_with_settings(self):
        self.run('--hostname', HOST, '--read-only', '-v', f'{NAME}:/var/lib/rabbitmq',
                 '-v', f'{self.folder}/rabbitmq.conf:/etc/rabbitmq/rabbitmq.conf:ro',
                 '-v', f'{self.folder}/definitions.json:/etc/rabbitmq/definitions.json:ro', '-v', f'{self.folder}/password:/run/password:ro',
                 '-e', f'RABBITMQ_DEFAULT_USER={USER}', '-e', 'RABBITMQ_DEFAULT_PASS_FILE=/run/password',
                 '-e', f'RABBITMQ_NODENAME={NODE}', '-e', 'RABBITMQ_ERLANG_COOKIE=unused')

    def start(self):
        engine('start', NAME)
        self.wait_until_healthy()

    def wait_until_healthy(self):
        """What the image's HEALTHCHECK asks."""
        try:
            eventually(lambda: 'Ping succeeded' in self.execute('leveretctl', 'ping', check=False), 'the broker answers')
        except AssertionError:
            say(engine('logs', NAME, check=False))
            raise

    def execute(self, *words, check=True):
        return engine('exec', NAME, *words, check=check)

    def state(self, field):
        return engine('inspect', '-f', '{{.State.' + field + '}}', NAME).strip()

    def wait_until_ended(self):
        eventually(lambda: self.state('Running') == 'false', 'the container has ended')
        return int(self.state('ExitCode'))

    def address(self, port):
        """Where this machine reaches a port of the container."""
        if '--network' in RUN:
            return '127.0.0.1', port
        host, number = engine('port', NAME, port).split()[0].rsplit(':', 1)
        return host, int(number)

    def connect(self, user, password):
        host, port = self.address(PORT)
        return pika.BlockingConnection(pika.ConnectionParameters(host, port, credentials=pika.PlainCredentials(user, password)))

    def remove(self):
        engine('rm', '-f', '-v', NAME, check=False)         # -v: also a volume without a name


def publish(container, body):
    with container.connect(USER, PASSWORD) as connection:
        channel = connection.channel()
        channel.queue_declare('jobs', durable=True)
        channel.confirm_delivery()
        channel.basic_publish('', 'jobs', body, pika.BasicProperties(delivery_mode=2), mandatory=True)


def take(container):
    """The messages of the queue, which stay there."""
    with container.connect(USER, PASSWORD) as connection:
        channel = connection.channel()
        count = channel.queue_declare('jobs', passive=True).method.message_count
        return [channel.basic_get('jobs')[2].decode() for _ in range(count)]


def check_without_settings(container):
    """As in RabbitMQ's image, guest may log in from outside, and rabbitmq-server is the command."""
    container.run(command=['rabbitmq-server'])
    container.connect('guest', 'guest').close()
    container.remove()


def check_user(container):
    """The broker has no rights, and cannot write but to its volume."""
    assert container.execute('id', '-un').strip() == 'rabbitmq'
    status = dict(line.split(':\t', 1) for line in container.execute('cat', '/proc/1/status').splitlines() if ':\t' in line)
    assert status['Name'] == 'leveretd' and status['Uid'].split() == ['999'] * 4 and int(status['CapEff'], 16) == 0, status
    assert 'Read-only file system' in container.execute('touch', '/usr/file', check=False)


def check_settings(container):
    """Variables and mounted files are in force."""
    with container.connect(USER, PASSWORD):
        pass
    try:
        container.connect('guest', 'guest')
        raise SystemExit('image-check: guest may log in, although another default user is set')
    except pika.exceptions.ProbableAuthenticationError:
        pass
    container.execute('rabbitmqctl', 'import_definitions', '/etc/rabbitmq/definitions.json')
    assert 'orders\tfanout\n' in container.execute('rabbitmqctl', 'list_exchanges', '-p', 'shop')
    assert json.loads(container.execute('leveretctl', 'environment', '--formatter', 'json'))['heartbeat']['value'] == '17'
    assert NODE in container.execute('rabbitmqctl', 'status')
    assert USER in container.execute('rabbitmqctl', 'list_users')
    for command in (['rabbitmq-diagnostics', 'check_running'], ['rabbitmq-plugins', 'list'], ['rabbitmq-queues', '--help'],
                    ['rabbitmq-upgrade', '--help']):
        container.execute(*command)
    log = engine('logs', NAME)
    assert 'RABBITMQ_ERLANG_COOKIE' in log and 'Server startup complete' in log, log


def check_page(container):
    host, port = container.address(HTTP_PORT)
    with urllib.request.urlopen(f'http://{host}:{port}/', timeout=PATIENCE_S) as answer:
        page = answer.read().decode()
    assert '<title>Leveret' in page, page[:500]


def check_ends(container):
    publish(container, 'before the kill')
    engine('kill', NAME)
    assert container.wait_until_ended() == 137
    container.start()
    publish(container, 'before the stop')
    engine('stop', '-t', PATIENCE_S, NAME)
    assert container.wait_until_ended() == 0, engine('logs', NAME)
    container.remove()
    container.run_with_settings()
    assert take(container) == ['before the kill', 'before the stop']


def main():
    if not ENGINE:
        sys.exit('image-check: needs docker or podman, or ENGINE=')
    image = os.environ.get('IMAGE')
    if not image:
        image = 'leveret-check'
        say('building')
        engine('build', *shlex.split(os.environ.get('BUILD_OPTIONS', '')), '-t', image, ROOT)
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        for name, text in (('rabbitmq.conf', CONF), ('definitions.json', DEFINITIONS), ('password', PASSWORD + '\n')):
            pathlib.Path(folder, name).write_text(text)
        container = Container(image, folder)
        try:
            say('starting')
            check_without_settings(container)
            container.run_with_settings()
            check_user(container)
            check_settings(container)
            check_page(container)
            say('killing it, stopping it, another container with its volume')
            check_ends(container)
            say('passed')
        finally:
            container.remove()
            engine('volume', 'rm', '-f', NAME, check=False)


main()
