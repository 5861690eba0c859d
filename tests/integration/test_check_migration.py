"""leveretctl check_migration: a real RabbitMQ that has some of everything, and servers that are none."""
import http.server
import json
import os
import socket
import threading
import time

import pika
import pytest

from brokers import ManagedRabbit, Rabbit, free_port
from http_client import Api
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]


class FullRabbit(ManagedRabbit):
    """With the plugins that Leveret does not replace."""
    plugins = (*ManagedRabbit.plugins, 'rabbitmq_stomp', 'rabbitmq_stream', 'rabbitmq_shovel',
               'rabbitmq_federation', 'rabbitmq_jms_topic_exchange', 'rabbitmq_auth_backend_ldap')

    def __init__(self, directory):
        super().__init__(directory)
        self.stomp_port, self.stream_port = free_port(), free_port()
        with open(f'{self.directory}/rabbitmq.conf', 'a') as file:
            file.write(f'stomp.listeners.tcp.1 = 127.0.0.1:{self.stomp_port}\n'
                       f'stream.listeners.tcp.1 = 127.0.0.1:{self.stream_port}\n')


SHOVEL = {'src-protocol': 'amqp091', 'src-uri': 'amqp://', 'src-queue': 'from', 'dest-protocol': 'amqp091', 'dest-uri': 'amqp://',
          'dest-queue': 'to', 'reconnect-delay': 3600}


def furnish(node, connection):
    """Everything that can be found in one real RabbitMQ. Returns the client of STOMP."""
    channel, api = connection.channel(), Api(node, port=node.management_port)
    channel.queue_declare('stream', durable=True, arguments={'x-queue-type': 'stream'})
    channel.queue_declare('quorum', durable=True, arguments={'x-queue-type': 'quorum', 'x-dead-letter-exchange': 'dead'})
    channel.queue_declare('single', durable=True, arguments={'x-single-active-consumer': True, 'x-our-own': 1})
    channel.queue_declare('transient')
    channel.queue_declare('exclusive', exclusive=True)
    channel.exchange_declare('jms', 'x-jms-topic', durable=True)
    channel.basic_publish('', 'transient', b'held')
    eventually(lambda: channel.basic_get('transient')[0])
    channel.basic_consume('single', lambda *_: None)
    for target, body in (('/policies/%2f/mirror', {'pattern': '^q', 'definition': {'ha-mode': 'all'}}),
                         ('/policies/%2f/federate', {'pattern': '^f', 'definition': {'federation-upstream-set': 'all'}}),
                         ('/parameters/federation-upstream/%2f/up', {'value': {'uri': 'amqp://127.0.0.1:1'}}),
                         ('/parameters/shovel/%2f/carry', {'value': SHOVEL}),
                         ('/users/tagged', {'password': 'x', 'tags': 'management,night'}),
                         ('/vhosts/traced', {'tracing': True})):
        answer = api.put(target, body)
        assert answer.status == 201, answer
    stomp = socket.create_connection(('127.0.0.1', node.stomp_port))
    stomp.sendall(b'CONNECT\nlogin:guest\npasscode:guest\nhost:/\naccept-version:1.2\n\n\0')
    assert stomp.recv(9) == b'CONNECTED'
    return stomp


@pytest.fixture(scope='module')
def full_rabbit(workspace):
    if reason := Rabbit.why_not_compared():         # some of what is found, later releases no longer have
        pytest.skip(reason)
    node = FullRabbit(os.path.join(workspace, 'full-rabbit')).start()
    try:
        with pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', node.port, heartbeat=0)) as connection:
            with furnish(node, connection):
                yield node
    finally:
        node.stop()


def check(broker, url, code):
    """The report, and its findings by rule."""
    result = broker.ctl('check_migration', url, '--formatter', 'json', check=False)
    assert result.code == code, result
    report = json.loads(result.out)
    return report, {finding['rule']: finding for finding in report['findings']}


def is_complete(report):
    """RabbitMQ's statistics, by which unacknowledged messages and protocols are known, come after a while."""
    return {'unacked_messages', 'foreign_connections', 'single_consumers', 'consumer_timeout'} <= report.keys()


FOUND = {
    'stream_queues': ('blocks', "queue 'stream' in vhost '/'"),
    'exchange_types': ('blocks', "exchange 'jms' in vhost '/' (x-jms-topic)"),
    'shovels_and_federation': ('blocks', "shovel 'carry' in vhost '/'"),
    'mirrored_queues': ('differs', "ha-mode of policy 'mirror' in vhost '/'"),
    'policies_without_effect': ('differs', "federation-upstream-set of policy 'federate' in vhost '/'"),
    'quorum_queues': ('differs', "queue 'quorum' in vhost '/'"),
    'delivery_limit_missing': ('differs', "queue 'quorum' in vhost '/'"),
    'queue_arguments': ('differs', "x-our-own of queue 'single' in vhost '/'"),
    'missing_plugins': ('differs', 'rabbitmq_stomp'),
    'auth_plugins': ('differs', 'rabbitmq_auth_backend_ldap'),
    'unknown_tags': ('note', "user 'tagged' (night)"),
    'exclusive_queues': ('note', "queue 'exclusive' in vhost '/' (0 messages)"),
    'transient_queues': ('note', "queue 'transient' in vhost '/' (1 messages)"),
    'unacked_messages': ('note', "queue 'transient' in vhost '/' (1 unacknowledged)"),
    'single_consumers': ('note', "queue 'single' in vhost '/'"),
    'tracing': ('note', "vhost 'traced'"),
}


def test_what_leveret_does_not_have_is_found(full_rabbit, broker):
    eventually(lambda: is_complete(check(broker, full_rabbit.api_url, 69)[1]))
    report, found = check(broker, full_rabbit.api_url, 69)
    for rule, (severity, place) in FOUND.items():
        assert found[rule]['severity'] == severity, found[rule]
        assert place in found[rule]['where'], found[rule]
    assert found['foreign_connections']['where'][0].startswith("STOMP 1.2, user 'guest'")
    assert len(found['foreign_listeners']['where']) == 2
    assert any('rabbitmq.conf' in place for place in found['config_files']['where'])
    for silent in ('several_nodes', 'alarms', 'unread', 'unknown_plugins', 'version', 'password_hashes'):
        assert silent not in found, found[silent]
    assert report['source']['version'].startswith('3.')
    assert report['blocks'] + report['differs'] + report['notes'] == len(found)


def test_the_broker_of_this_machine_is_asked_what_it_would_refuse(full_rabbit, broker, own_broker):
    faults = check(broker, full_rabbit.api_url, 69)[1]['refused_by_import']['where']
    assert any("unknown exchange type 'x-jms-topic'" in fault for fault in faults), faults
    assert any('component shovel not found' in fault for fault in faults), faults
    assert 'traced' not in broker.ctl('list_vhosts', '--silent').out      # nothing was imported
    report, found = check(own_broker(start=False), full_rabbit.api_url, 69)
    assert 'refused_by_import' not in found and report['blocks'] > 0


def test_people_see_every_finding_with_what_to_do(full_rabbit, broker):
    result = broker.ctl('check_migration', full_rabbit.api_url, check=False)
    assert result.code == 69
    assert "blocks  stream_queues\n  Queues of type stream: 1\n    queue 'stream' in vhost '/'\n  Leveret " in result.out
    assert '\n  To do: ' in result.out and '. Blocks: ' in result.out.splitlines()[-1]


def test_a_user_who_is_no_administrator_is_told_so(full_rabbit, broker):
    result = broker.ctl('check_migration', full_rabbit.api_url.replace('guest:guest', 'tagged:x'), check=False)
    assert result.code == 69 and '/api/definitions: the user is refused (401)' in result.err, result
    assert 'must be those of an administrator' in result.err


# --- servers that are not a RabbitMQ ----------------------------------------------------------------------------------------------


@pytest.fixture
def server():
    """A server of answers by path; whatever is not there is answered with 404. Returns its URL."""
    made = []

    def make(answers):
        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                text = answers.get(self.path)
                self.send_response(404 if text is None else 200)
                self.end_headers()
                self.wfile.write((text or '').encode())

            def log_message(self, *_):
                pass

        made.append(http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler))
        threading.Thread(target=made[-1].serve_forever, args=(0.02,)).start()
        return f'http://guest:guest@127.0.0.1:{made[-1].server_port}'

    yield make
    for one in made:
        one.shutdown()
        one.server_close()


LITTLE = {'/api/overview': '{"rabbitmq_version": "3.10.8"}', '/api/definitions': '{}'}


def test_messages_that_wait_in_a_delayed_exchange_are_counted(broker, server):
    delayed = {'name': 'later', 'vhost': '/', 'type': 'x-delayed-message', 'arguments': {'x-delayed-type': 'topic'},
               'messages_delayed': 12}
    found = check(broker, server({**LITTLE, '/api/exchanges': json.dumps([delayed])}), 69)[1]
    assert found['delayed_messages']['where'] == ["exchange 'later' in vhost '/' (12 messages)"]
    assert 'exchange_types' not in found


def test_a_path_that_cannot_be_read_is_a_note(broker, server):
    report, found = check(broker, server(LITTLE), 0)
    assert report['blocks'] == 0 and found['unread']['count'] == 6
    assert found['unread']['where'][0].startswith('/api/nodes: there is no such path (404)')


@pytest.mark.parametrize('answers, text', [
    ({}, '/api/overview: there is no such path (404)'),
    ({'/api/overview': '<html>'}, '/api/overview: the answer is not JSON'),
    ({'/api/overview': '{}'}, '/api/definitions: there is no such path (404)')])
def test_what_is_no_http_api_of_rabbitmq_is_refused(broker, server, answers, text):
    result = broker.ctl('check_migration', server(answers), check=False)
    assert result.code == 69 and result.err.startswith("Error:\nCannot read RabbitMQ's HTTP API: " + text), result


def test_an_address_where_nobody_answers_is_refused_without_the_password(broker):
    for url, text in ((f'http://guest:secret@127.0.0.1:{free_port()}', 'connect'), ('guest:secret@here', 'is not a URL')):
        result = broker.ctl('check_migration', url, check=False)
        assert result.code == 69 and text in result.err and 'secret' not in result.err, result


def test_a_server_that_does_not_answer_in_time_is_given_up(broker):
    with socket.create_server(('127.0.0.1', 0)) as silent:
        for seconds in ('0', '1'):
            began = time.monotonic()
            result = broker.ctl('check_migration', f'http://guest:guest@127.0.0.1:{silent.getsockname()[1]}', '--timeout', seconds,
                                check=False)
            assert result.code == 69 and "Cannot read RabbitMQ's HTTP API: /api/overview: " in result.err, result
            assert time.monotonic() - began >= int(seconds)
