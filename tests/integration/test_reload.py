"""Reloads, one after the other, while clients log in, declare, publish and consume, and an operator works: every setting that SIGHUP
changes is changed. Under ThreadSanitizer a read that no lock protects is found here."""
import itertools
import os
import signal
import socket
import ssl
import threading

import pytest

from brokers import free_port
from certificates import Authority
from patience import PATIENCE_S
from user_service import UserService
from wire import HEADER, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

RELOADS = 40
SLOW = 'scrypt'
FAST = 'rabbit_password_hashing_sha256'


class Changing:
    """A broker whose configuration is another one with each reload."""

    def __init__(self, own, service, certificates):
        self.own, self.service, self.certificates = own, service, certificates
        self.tls_address = ('127.0.0.1', free_port())
        self.path = os.path.join(own.directory, 'leveret.conf')
        own.flags += ['--config', self.path]
        self.count = 0
        self.write(0)
        own.start()

    def write(self, turn):
        odd = turn % 2
        pair = self.certificates[odd]
        lines = [
            f'listeners.ssl.default = {self.tls_address[0]}:{self.tls_address[1]}',
            f'ssl_options.certfile = {pair.certificate}', f'ssl_options.keyfile = {pair.key}',
            f'password_hashing_module = {SLOW if odd else FAST}', 'loopback_users = none' if odd else 'loopback_users.guest = true',
            f'heartbeat = {30 + odd}', f'handshake_timeout = {600000 + odd}', f'channel_max = {3000 + odd}', f'server_version = 3.13.{odd}', f'max_message_size = {10**6 + odd}',
            f'auth_mechanisms.1 = {"AMQPLAIN" if odd else "PLAIN"}', f'auth_mechanisms.2 = {"PLAIN" if odd else "AMQPLAIN"}',
            f'log.level = {"debug" if odd else "info"}', f'log.console = {"true" if turn % 3 else "false"}',
            f'log.file = {"a" if odd else "b"}.log', f'log.connection.level = {"debug" if odd else "error"}',
            f'log.console.formatter = {"json" if odd else "plaintext"}', 'log.exchange = true',
            f'log.exchange.formatter = {"json" if odd else "plaintext"}',
            f'default_queue_type = {"quorum" if odd else "classic"}', f'consumer_timeout = {10**7 + odd}',
            f'cluster_queue_limit = {5000 + odd}', f'cluster_exchange_limit = {5000 + odd}', f'vhost_max = {50 + odd}',
            f'connection_max = {1000 + odd}', f'channel_max_per_node = {1000 + odd}', f'consumer_max_per_channel = {100 + odd}',
            f'handshakes_max_per_address = {1000 + odd}', f'tcp_listen_options.backlog = {100 + odd}',
            f'vm_memory_high_watermark.absolute = {4 + odd}GB', f'disk_free_limit.absolute = {1 + odd}MB',
            f'dead_letter.republished_x_death = {"ignore" if odd else "count"}', f'auth_cache.cache_ttl = {1000 + odd}',
            'credential_validator.validation_backend = rabbit_credential_validator_'
            + ('min_password_length', 'password_regexp', 'accept_everything')[turn % 3],
            f'credential_validator.min_length = {1 + odd}', f'credential_validator.regexp = ^[a-z{"0-9" if odd else "-9"}]',
            self.service.settings(backends=('internal', 'http') if turn % 4 < 2 else ('internal',))]
        with open(self.path, 'w') as file:
            file.write('\n'.join(lines) + '\n')

    def reload(self):
        """Returns when a new connection sees the new configuration."""
        self.count += 1
        self.write(self.count)
        self.own.child.send_signal(signal.SIGHUP)
        eventually(lambda: self.heartbeat() == 30 + self.count % 2)

    def heartbeat(self):
        with Peer(self.own.address, upto='tuned') as peer:
            return peer.tune.heartbeat


class Workers:
    """Threads that do something again and again until they are stopped, each at least a few times."""

    def __init__(self):
        self.threads, self.failures, self.is_stopped = [], [], threading.Event()
        self.turns = {}

    def add(self, work):
        thread = threading.Thread(target=self.run, args=(work,), daemon=True)
        self.threads.append(thread)
        self.turns[work.__name__] = 0

    def run(self, work):
        try:
            for number in itertools.count():
                if self.is_stopped.is_set() and number > 2:
                    return
                work(number)
                self.turns[work.__name__] = number + 1
        except BaseException as error:               # said by the test's thread
            self.failures.append((work.__name__, error))
            self.is_stopped.set()

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.is_stopped.set()
        for thread in self.threads:
            thread.join()
        assert not self.failures, self.failures


@pytest.fixture
def changing(own_broker, workspace):
    ca = Authority(os.path.join(workspace, 'reload'))
    service = UserService().start()
    service.users['web'] = ('w', '')
    service.vhosts.add(('web', '/'))
    one = Changing(own_broker(start=False, is_plain=True), service, [ca.issue('one'), ca.issue('two')])
    yield one
    service.stop()


def refused(own, user, password):
    with Peer(own.address, upto='start-ok', user=user, password=password) as peer:
        assert peer.expect(('connection.close', 'connection.tune'), 0).name == 'connection.close'


def test_reloads_while_everything_is_in_use(changing):
    own, workers = changing.own, Workers()
    for user, turn in ('fast', 0), ('slow', 1):
        changing.count = turn - 1
        changing.reload()
        own.ctl('add_user', user, 'right')
        own.ctl('set_permissions', user, '.*', '.*', '.*')

    def logs_in_with_a_fast_hash(_):
        Peer(own.address, user='fast', password='right').close()

    def logs_in_with_a_slow_hash(_):
        Peer(own.address, user='slow', password='right').close()

    def guesses(number):
        refused(own, ('slow', 'fast', f'nobody{number}')[number % 3], f'wrong{number}')

    def asks_the_web_service(_):
        with Peer(own.address, upto='start-ok', user='web', password='w') as peer:
            if peer.expect(('connection.tune', 'connection.close'), 0).name == 'connection.tune':
                peer.send(0, 'connection.tune-ok', channel_max=2047, frame_max=131072, heartbeat=0)
                peer.call(0, 'connection.open', virtual_host='/')

    def declares_publishes_and_consumes(number):
        with Peer(own.address, user='fast', password='right') as peer:
            queue = peer.declare(f'q{number % 5}', durable=True).queue
            peer.call(1, 'exchange.declare', exchange='x', type='topic')
            peer.call(1, 'queue.bind', queue=queue, exchange='x', routing_key='a.#')
            peer.call(1, 'confirm.select')
            peer.publish(1, 'x', 'a.b', bytes(2000), b'\x10\x00\x02')
            peer.expect('basic.ack', 1)
            peer.call(1, 'basic.consume', queue=queue, consumer_tag='c', no_ack=True)
            peer.content()
            peer.call(1, 'basic.cancel', consumer_tag='c')
            peer.call(1, 'queue.delete', queue=queue)

    def comes_over_tls(_):
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with context.wrap_socket(socket.create_connection(changing.tls_address, PATIENCE_S)) as peer:
            peer.sendall(HEADER)
            assert peer.recv(1) == b'\x01'

    def leaves_while_it_logs_in(number):
        peer = Peer(own.address, upto='start-ok', user='slow', password=f'left{number}')
        peer.reset() if number % 2 else peer.drop()
        refused(own, 'slow', f'stays{number}')       # hashes are not asked for faster than they are made

    def operates(number):
        name = f'user{number % 3}'
        own.ctl('add_user', name, f'a{number}', check=False)
        own.ctl('change_password', name, f'-{number}', check=False)
        own.ctl('status')
        own.ctl('list_connections', 'user', 'auth_mechanism', 'ssl')
        own.ctl('delete_user', name, check=False)

    for work in (logs_in_with_a_fast_hash, logs_in_with_a_slow_hash, guesses, asks_the_web_service, declares_publishes_and_consumes,
                 comes_over_tls, leaves_while_it_logs_in, operates):
        workers.add(work)
    with workers:
        for _ in range(RELOADS):
            if workers.failures:
                break
            changing.reload()
    assert all(turns > 2 for turns in workers.turns.values()), workers.turns
    own.stop()
