"""leveretctl import_from and export_to: a real RabbitMQ is moved into Leveret, and back, with all that it has."""
import collections
import http.client
import http.server
import json
import os
import re
import subprocess
import threading

import pika
import pytest

from brokers import ManagedRabbit, Rabbit, free_port
from certificates import Authority
from http_client import Api
from patience import PATIENCE_S, patience_with
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]

QUEUES, MESSAGES = 8, 150
BIG = 1_000_000


def connect_to(node, vhost='/', user='guest', password='guest'):
    return pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', node.port, vhost, pika.PlainCredentials(user, password),
                                                             heartbeat=0))


class SecureRabbit(ManagedRabbit):
    """Also over TLS: AMQP on two addresses, one of which its certificate does not name; and the HTTP API, with a certificate that
    names localhost alone."""

    def __init__(self, directory):
        super().__init__(directory)
        self.ca = Authority(os.path.join(directory, 'pki'))
        amqp, api = self.ca.issue('amqp'), self.ca.issue('api', names=['DNS:localhost'])
        self.tls_port, self.management_tls_port = free_port(), free_port()
        with open(f'{directory}/rabbitmq.conf', 'a') as file:
            file.write(f'listeners.ssl.1 = 127.0.0.1:{self.tls_port}\nlisteners.ssl.2 = 127.0.0.2:{self.tls_port}\n'
                       f'ssl_options.certfile = {amqp.certificate}\nssl_options.keyfile = {amqp.key}\n'
                       f'management.ssl.ip = 127.0.0.1\nmanagement.ssl.port = {self.management_tls_port}\n'
                       f'management.ssl.certfile = {api.certificate}\nmanagement.ssl.keyfile = {api.key}\n')


@pytest.fixture(scope='module')
def managed_rabbit(workspace):
    if not ManagedRabbit.is_installed():
        pytest.skip('rabbitmq-server is not installed')
    node = SecureRabbit(os.path.join(workspace, 'managed-rabbit')).start()
    try:
        yield node
    finally:
        node.stop()


@pytest.fixture
def old(managed_rabbit):
    """The RabbitMQ, without what other tests have left in it."""
    api = Api(managed_rabbit, port=managed_rabbit.management_port)
    for vhost in ('%2f', 'shop'):
        api.delete(f'/vhosts/{vhost}')
    assert api.put('/vhosts/%2f', {}).status in (201, 204)
    assert api.put('/permissions/%2f/guest', {'configure': '.*', 'write': '.*', 'read': '.*'}).status in (201, 204)
    return managed_rabbit


def moving_words(node, command, *words):
    return (command, node.url.rstrip('/'), '--management', f'http://127.0.0.1:{node.management_port}', *words)


def move(broker, node, *words, command='import_from', code=0):
    """The report for programs."""
    result = broker.ctl(*moving_words(node, command, '--formatter', 'json', *words), check=False)
    assert result.code == code, result
    return json.loads(result.out)


def reported(report, queue, vhost='/'):
    return next(one for one in report['queues'] if (one['vhost'], one['name']) == (vhost, queue))


def take_all(channel, queue):
    """Every message of a queue: (exchange, routing key, properties, body)."""
    taken = []
    while True:
        method, properties, body = channel.basic_get(queue)
        if method is None:
            return taken
        taken.append((method.exchange, method.routing_key, properties, body))
        channel.basic_ack(method.delivery_tag)


def numbers(taken):
    return [properties.headers['n'] for _, _, properties, _ in taken]


def fill(node, queues=QUEUES, messages=MESSAGES, vhost='/'):
    """Numbered messages in as many queues, by a topic exchange."""
    with connect_to(node, vhost) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare('orders', 'topic', durable=True)
        for q in range(queues):
            channel.queue_declare(f'q{q}', durable=True)
            channel.queue_bind(f'q{q}', 'orders', f'*.{q}.#')
        sender = connection.channel()
        sender.tx_select()                           # pika awaits confirms one by one
        for q in range(queues):
            for n in range(messages):
                sender.basic_publish('orders', f'eu.{q}.{n}', f'body {n}'.encode(),
                                     pika.BasicProperties(delivery_mode=2, headers={'n': n}, message_id=f'{q}-{n}'))
        sender.tx_commit()


def furnish(node):
    """Users, vhosts, permissions, policies, exchanges and queues of every kind."""
    api = Api(node, port=node.management_port)
    for target, body in (('/vhosts/shop', {}), ('/users/alice', {'password': 'wonder', 'tags': 'monitoring'}),
                         ('/permissions/shop/alice', {'configure': '^a', 'write': '.*', 'read': '.*'}),
                         ('/permissions/shop/guest', {'configure': '.*', 'write': '.*', 'read': '.*'}),
                         ('/topic-permissions/shop/alice', {'exchange': 'topics', 'write': '^a', 'read': '.*'}),
                         ('/policies/shop/bounded', {'pattern': '^bounded', 'definition': {'max-length': 1000}}),
                         ('/vhost-limits/shop/max-queues', {'value': 100})):
        answer = api.put(target, body)
        assert answer.status in (201, 204), answer
    connection = connect_to(node, 'shop')
    channel = connection.channel()
    channel.confirm_delivery()
    for name, kind in (('topics', 'topic'), ('all', 'fanout'), ('heads', 'headers'), ('straight', 'direct'),
                       ('hash', 'x-consistent-hash')):
        channel.exchange_declare(name, kind, durable=True)
    channel.exchange_declare('passing', 'direct')
    channel.exchange_bind('all', 'topics', 'to.all')
    for name, arguments in (('plain', {}), ('priority', {'x-max-priority': 9}), ('quorum', {'x-queue-type': 'quorum'}),
                            ('dead', {}), ('expiring', {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'dead'}),
                            ('single', {'x-single-active-consumer': True}), ('bounded', {})):
        channel.queue_declare(name, durable=True, arguments=arguments)
        channel.queue_bind(name, 'topics', f'{name}.#')
    channel.queue_declare('transient')
    channel.queue_bind('transient', 'passing', 'by')
    channel.queue_bind('plain', 'heads', '', {'x-match': 'all', 'kind': 'head'})
    channel.queue_bind('bounded', 'hash', '1')
    channel.queue_bind('bounded', 'all')
    return connection


def publish_some_of_everything(connection):
    channel = connection.channel()
    channel.confirm_delivery()

    def send(exchange, key, body, **properties):
        channel.basic_publish(exchange, key, body, pika.BasicProperties(**properties), mandatory=True)
    send('topics', 'plain.big', b'x' * BIG, delivery_mode=2, content_type='text/plain', content_encoding='none', correlation_id='c',
         reply_to='r', type='t', app_id='a', timestamp=1234567890, user_id='guest', headers={'list': [1, 'two', {'three': 3}]})
    send('heads', 'ignored', b'by its head', headers={'kind': 'head'})
    for n in range(10):
        send('topics', f'priority.{n}', b'%d' % n, priority=n % 5, delivery_mode=2)
        send('topics', f'quorum.{n}', b'%d' % n, delivery_mode=2)
    send('topics', 'plain.late', b'later', expiration='86400000')
    send('topics', 'expiring.soon', b'dies', expiration='1', delivery_mode=2)
    send('passing', 'by', b'transient')
    send('all', 'k', b'to all')
    eventually(lambda: channel.queue_declare('dead', passive=True).method.message_count == 1)


def look_at_everything(node, quorum_header=False):
    """What consumers see in vhost shop, taken as they see it; without what a broker adds to a delivery."""
    with connect_to(node, 'shop') as connection:
        channel = connection.channel()
        seen = {}
        for queue in ('plain', 'priority', 'quorum', 'dead', 'expiring', 'bounded', 'transient'):
            seen[queue] = [(exchange, key, strip(properties), body) for exchange, key, properties, body in take_all(channel, queue)]
        return seen


def strip(properties):
    known = {name: value for name, value in vars(properties).items() if value is not None}
    headers = known.get('headers') or {}
    headers.pop('x-delivery-count', None)
    if not headers:
        known.pop('headers', None)
    return known


def test_everything_is_moved_as_it_was(old, own_broker):
    broker = own_broker()
    connection = furnish(old)
    publish_some_of_everything(connection)
    expected = look_at_everything(old)
    assert [len(messages) for messages in expected.values()] == [3, 10, 10, 1, 0, 1, 1]
    publish_some_of_everything(connection)           # the same once more: these are moved
    held = connection.channel()
    held.basic_consume('dead', lambda *_: None)      # a consumer at work has this one
    report = move(broker, old, code=75)
    assert report['messages'] == 25 and report['bytes'] > BIG, report
    assert reported(report, 'dead', 'shop')['unacked'] == 1, report
    held.close()                                     # the message returns, and the next run moves it
    assert move(broker, old, '--wait')['messages'] == 1
    seen = look_at_everything(broker)
    for moment in (expected['dead'][0][2], seen['dead'][0][2]):
        moment['headers']['x-death'][0].pop('time')
    assert seen == expected
    connection.close()
    with connect_to(broker, 'shop', 'alice', 'wonder') as client:      # the password is the same
        with pytest.raises(pika.exceptions.ChannelClosedByBroker):
            client.channel().queue_declare('bad', durable=True)        # and so are permissions
    assert 'max-queues' in broker.ctl('list_vhost_limits', '-p', 'shop').out
    assert 'bounded' in broker.ctl('list_policies', '-p', 'shop', '--silent').out


def test_everything_is_moved_back_as_it_was(old, own_broker):
    broker = own_broker(is_plain=True)           # which hashes passwords by scrypt
    connection = furnish(old)
    publish_some_of_everything(connection)
    connection.close()
    expected = look_at_everything(old)
    connection = furnish(old)
    publish_some_of_everything(connection)
    connection.close()
    assert move(broker, old)['messages'] == 26
    api = Api(old, port=old.management_port)
    assert api.delete('/vhosts/shop').status == api.delete('/users/alice').status == 204
    broker.ctl('add_user', 'newcomer', 'secret')
    plan = move(broker, old, '--dry-run', command='export_to')
    assert plan['definitions']['vhosts'] == {'all': 2, 'known': 1} and sum(q['ready'] for q in plan['queues']) == 26, plan
    assert api.get('/vhosts/shop').status == 404
    report = move(broker, old, command='export_to')
    # Only what a fanout, direct or topic exchange leads to one queue shows the original exchange.
    assert (report['messages'], report['rerouted'], report['passwordless']) == (26, 1, ['newcomer']), report
    seen = look_at_everything(old)
    assert seen['plain'][1][0].startswith('leveretctl.export_to.'), seen['plain'][1]
    seen['plain'][1] = ('heads', *seen['plain'][1][1:])
    for moment in (expected['dead'][0][2], seen['dead'][0][2]):
        moment['headers']['x-death'][0].pop('time')
    assert seen == expected
    assert not [one for one in api.get('/exchanges/shop').json if one['name'].startswith('leveretctl')]
    with connect_to(old, 'shop', 'alice', 'wonder'):
        pass                                         # her password has come back


class Passing(http.server.BaseHTTPRequestHandler):
    """Passes requests on to RabbitMQ's HTTP API, and counts them by path."""

    def do_GET(self):
        self.server.asked[self.path] += 1
        connection = http.client.HTTPConnection('127.0.0.1', self.server.api, timeout=PATIENCE_S)
        connection.request('GET', self.path, headers={'authorization': self.headers['authorization']})
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        self.send_response(answer.status)
        self.send_header('content-length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture
def passing(managed_rabbit):
    server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Passing)
    server.api, server.asked = managed_rabbit.management_port, collections.Counter()
    with server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server
        server.shutdown()


def test_quorum_queues_without_consumers_are_not_waited_for(old, own_broker, passing):
    broker = own_broker()
    with connect_to(old) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare('quorum', durable=True, arguments={'x-queue-type': 'quorum'})
        for n in range(50):
            channel.basic_publish('', 'quorum', b'%d' % n)
    api = Api(old, port=old.management_port)         # its statistics say so for some seconds more
    api.wait('/queues/%2f/quorum', lambda answer: answer.json.get('messages_ready') == 50)
    words = ('import_from', old.url.rstrip('/'), '--management', f'http://127.0.0.1:{passing.server_port}', '--formatter', 'json')
    report = json.loads(broker.ctl(*words).out)
    assert (report['messages'], reported(report, 'quorum')['unacked']) == (50, 0), report
    assert passing.asked['/api/queues'] == 2, passing.asked      # before, and after


def test_a_dry_run_says_what_would_be_moved_and_changes_nothing(old, own_broker):
    broker = own_broker()
    fill(old, 2, 5)
    def is_counted():
        return sum(queue['ready'] for queue in move(broker, old, '--dry-run')['queues']) == 10
    eventually(is_counted)                           # RabbitMQ's statistics are late
    report = move(broker, old, '--dry-run')
    assert report['definitions']['queues']['created']['count'] == 2, report
    assert broker.ctl('list_queues', '--silent').out == ''
    people = broker.ctl(*moving_words(old, 'import_from', '--dry-run')).out
    assert "queue 'q0' in vhost '/': 5 messages, 30 B\n" in people and 'Nothing was changed.' in people, people
    with connect_to(old) as connection:
        assert len(take_all(connection.channel(), 'q0')) == 5


def test_one_vhost_or_some_queues_can_be_moved(old, own_broker):
    broker = own_broker()
    furnish(old).close()
    fill(old, 2, 5)
    fill(old, 1, 5, 'shop')
    assert move(broker, old, '--queues', 'q[1-9]')['messages'] == 5
    url = f'{old.url.rstrip("/")}/shop'
    result = broker.ctl('import_from', url, '--management', f'http://127.0.0.1:{old.management_port}')
    assert "queue 'q0' in vhost 'shop': 5 messages, 30 B\n" in result.out, result
    with connect_to(old) as connection:
        assert numbers(take_all(connection.channel(), 'q0')) == [*range(5)]


def check_nothing_lost(source, destination, queues=QUEUES, messages=MESSAGES):
    """Every message has arrived, in order but for those that came twice, and none is left at its old place."""
    with connect_to(source) as there, connect_to(destination) as here:
        for q in range(queues):
            assert take_all(there.channel(), f'q{q}') == []
            taken = numbers(take_all(here.channel(), f'q{q}'))
            first = list(dict.fromkeys(taken))       # of each number the first time
            assert first == [*range(messages)], taken


def begin(broker, node, command='import_from'):
    """The command, when it has moved the first queue."""
    child = subprocess.Popen([broker.control, '--data-dir', broker.data, *moving_words(node, command)], stdout=subprocess.PIPE,
                             text=True)
    with patience_with(child):
        for line in child.stdout:
            if line.startswith('queue '):
                return child
    raise AssertionError(f'{command} ended with {child.wait()}')


@pytest.mark.parametrize('command, killed', [('import_from', 'command'), ('import_from', 'leveret'), ('import_from', 'rabbitmq'),
                                             ('export_to', 'command')])
def test_whatever_is_killed_nothing_is_lost(old, own_broker, command, killed):
    broker = own_broker()
    fill(old)
    source, destination = old, broker
    if command == 'export_to':
        move(broker, old)
        source, destination = broker, old
    child = begin(broker, old, command)
    if killed == 'command':
        child.kill()
    else:
        victim = {'leveret': broker, 'rabbitmq': old}[killed]
        victim.kill()
        victim.start()
    with patience_with(child):
        out, _ = child.communicate()
    if killed == 'leveret':
        assert child.returncode == 0, out            # it has gone on by itself
    else:
        move(broker, old, command=command)           # with RabbitMQ it may have gone on, or not
    check_nothing_lost(source, destination)


def test_what_others_have_to_themselves_or_in_their_hands_is_named(old, own_broker):
    broker = own_broker()
    with connect_to(old) as connection:
        channel = connection.channel()
        channel.queue_declare('mine', exclusive=True)
        channel.queue_declare('single', durable=True, arguments={'x-single-active-consumer': True})
        channel.queue_declare('exclusive', durable=True)
        channel.queue_declare('quorum', durable=True, arguments={'x-queue-type': 'quorum'})
        channel.basic_qos(prefetch_count=1)
        channel.basic_consume('single', lambda *_: None)
        channel.basic_consume('exclusive', lambda *_: None, exclusive=True)
        channel.confirm_delivery()
        for queue in ('single', 'exclusive', 'quorum'):
            channel.basic_publish('', queue, b'1')
            channel.basic_publish('', queue, b'2')
        assert channel.basic_get('quorum')[2] == b'1'    # which makes nobody its consumer
        report = move(broker, old, code=75)
        assert 'exclusive' in reported(report, 'mine')['skipped']
        assert 'exclusive' in reported(report, 'exclusive')['reason']
        single = reported(report, 'single')
        assert 'single active' in single['reason'] and (single['left'], single['unacked']) == (1, 1), report
        quorum = reported(report, 'quorum')
        assert (quorum['messages'], quorum['left'], quorum['unacked']) == (1, 0, 1), report


@pytest.mark.parametrize('url, words, code, said', [
    ('http://127.0.0.1', (), 65, 'not a URL such as amqp://'),
    ('amqp://guest:wrong@127.0.0.1:{port}', (), 69, 'the user is refused (401)'),
    ('amqp://guest:guest@127.0.0.1:1', ('--management', 'http://127.0.0.1:1'), 69, "Cannot read RabbitMQ's HTTP API"),
    ('amqp://guest:guest@127.0.0.1:{port}', ('--management', 'amqp://127.0.0.1'), 69, 'is not a URL such as http://'),
])
def test_what_is_wrong_with_an_address_is_said_in_one_sentence(old, broker, url, words, code, said):
    management = () if words else ('--management', f'http://127.0.0.1:{old.management_port}')
    result = broker.ctl('import_from', url.format(port=old.port), *words, *management, check=False)
    assert result.code == code and said in result.err, result


def test_amqp_that_does_not_answer_is_said_in_one_sentence(old, broker):
    fill(old, 1, 1)
    result = broker.ctl('import_from', 'amqp://guest:guest@127.0.0.1:1', '--management', f'http://127.0.0.1:{old.management_port}',
                        check=False)
    assert result.code == 69 and 'cannot connect to RabbitMQ at 127.0.0.1, port 1' in result.err, result
    assert re.search(r'run the same command again', result.err), result


def test_what_leveret_does_not_have_stops_the_import_unless_told_otherwise(old, own_broker):
    broker = own_broker()
    fill(old, 1, 1)
    with connect_to(old) as connection:
        connection.channel().queue_declare('stream', durable=True, arguments={'x-queue-type': 'stream'})
    result = broker.ctl(*moving_words(old, 'import_from'), check=False)
    assert result.code == 65 and 'stream' in result.err and '--skip-unsupported' in result.err, result
    assert broker.ctl('list_queues', '--silent').out == ''
    result = broker.ctl(*moving_words(old, 'import_from', '--skip-unsupported'))
    assert "Not moved: queue 'stream' in vhost '/', it is a stream" in result.out, result
    assert "queue 'q0' in vhost '/': 1 message, 6 B\n" in result.out, result


def secure_words(node, command, host='localhost', api='https://localhost', ca='ca'):
    """A command by TLS. `ca` is for --cacert: 'ca' is RabbitMQ's own authority, other words are a path, None: no option."""
    port = node.management_tls_port if api.startswith('https') else node.management_port
    trusted = () if ca is None else ('--cacert', node.ca.certificate if ca == 'ca' else ca)
    return (command, f'amqps://guest:guest@{host}:{node.tls_port}', '--management', f'{api}:{port}', *trusted)


def test_everything_goes_over_tls_if_the_certificates_are_trusted(old, own_broker):
    broker = own_broker()
    fill(old, 1, 200)
    result = broker.ctl(*secure_words(old, 'import_from'))
    assert "queue 'q0' in vhost '/': 200 messages" in result.out, result
    result = broker.ctl(*secure_words(old, 'export_to', host='127.0.0.1'))
    assert "queue 'q0' in vhost '/': 200 messages" in result.out, result
    with connect_to(old) as connection:
        assert numbers(take_all(connection.channel(), 'q0')) == [*range(200)]
    url = f'https://guest:guest@localhost:{old.management_tls_port}'
    result = broker.ctl('check_migration', url, '--cacert', old.ca.certificate, check=False)
    assert 'tls_listeners' in result.out, result
    result = broker.ctl('check_migration', url, check=False)
    assert result.code == 69 and 'as --cacert FILE' in result.err, result


@pytest.mark.parametrize('how, said', [
    ({'ca': None}, ("Cannot read RabbitMQ's HTTP API: /api/overview: ", 'local issuer certificate', 'as --cacert FILE')),
    ({'ca': None, 'api': 'http://127.0.0.1'},
     ('cannot connect to RabbitMQ at localhost', 'its certificate is refused: unable to get local issuer certificate; ',
      'as --cacert FILE')),
    ({'api': 'https://127.0.0.1'}, ("'127.0.0.1'", 'must be for the host that the URL names')),
    ({'host': '127.0.0.2'}, ('its certificate is refused: IP address mismatch; ', 'must be for the host that the URL names')),
    ({'ca': '/nowhere.pem'}, ('/nowhere.pem: No such file or directory',)),
    ({'ca': '/dev/null'}, ('/dev/null',)),
    ({'ca': '/dev/null', 'api': 'http://127.0.0.1'}, ('/dev/null: cannot be read, or has no certificates in PEM',)),
])
def test_a_certificate_that_is_not_accepted_is_said_with_what_to_do(old, own_broker, how, said):
    broker = own_broker()
    fill(old, 1, 1)
    result = broker.ctl(*secure_words(old, 'import_from', **how), check=False)
    assert result.code == 69 and all(part in result.err for part in said), result
    assert 'guest:guest' not in result.err, result
    with connect_to(old) as connection:
        assert numbers(take_all(connection.channel(), 'q0')) == [0]


def test_what_rabbitmq_refuses_stops_an_export_unless_told_otherwise(old, own_broker):
    if reason := Rabbit.why_not_compared():
        pytest.skip(reason)                          # later releases have these, too
    broker = own_broker()
    with connect_to(broker) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.exchange_declare('near', 'x-local-random', durable=True)
        channel.queue_declare('plain', durable=True)
        channel.queue_declare('grown', durable=True, arguments={'x-queue-type': 'quorum', 'x-initial-cluster-size': 1})
        channel.queue_bind('plain', 'near')
        for exchange, key in (('', 'plain'), ('near', 'x'), ('', 'grown')):
            channel.basic_publish(exchange, key, b'message', mandatory=True)
    for name, definition in (('new', {'consumer-timeout': 60000}), ('known', {'max-length': 100})):
        broker.ctl('set_policy', name, '^q', json.dumps(definition))
    result = broker.ctl(*moving_words(old, 'export_to'), check=False)
    assert result.code == 69 and 'RabbitMQ does not take the definitions: ' in result.err, result
    assert 'No message was moved. With --skip-unsupported, ' in result.err, result
    report = move(broker, old, '--skip-unsupported', command='export_to')
    refused = {(one['kind'], one['name']): one['reason'] for one in report['refused']}
    assert set(refused) == {('exchange', 'near'), ('policy', 'new')}, report
    assert 'x-local-random' in refused['exchange', 'near'] and 'consumer-timeout' in refused['policy', 'new'], refused
    assert (report['messages'], report['rerouted']) == (2, 1), report
    assert reported(report, 'grown')['skipped'].startswith('RabbitMQ refuses it: '), report
    assert [one['name'] for one in Api(old, port=old.management_port).get('/policies/%2f').json] == ['known']
    with connect_to(old) as connection:
        assert len(take_all(connection.channel(), 'plain')) == 2
    result = broker.ctl(*moving_words(old, 'export_to', '--skip-unsupported'))
    for named in "Not moved: queue 'grown'", "Not moved: exchange 'near'", "Not moved: policy 'new'":
        assert f"{named} in vhost '/', RabbitMQ refuses it: " in result.out, result
