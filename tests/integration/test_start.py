"""A start after kill -9 with many messages: clients are served while the log is still being read, and whatever
they ask is answered as if it had been."""
import os
import signal
import struct
import threading

import pytest

from brokers import free_port
from crash_tools import fail_io
from http_client import Api, Http, path
from patience import PATIENCE_S
from wire import Peer, eventually

QUEUES, EACH = 20, 1500
PERSISTENT = b'\x10\x00\x02'


def fill(peer):
    for number in range(QUEUES):
        peer.declare(f'q{number}', durable=True)
    peer.call(1, 'confirm.select')
    published = 0
    for number in range(QUEUES):
        for message in range(EACH):
            peer.publish(1, '', f'q{number}', struct.pack('>I', message) + bytes(100), PERSISTENT)
        published += EACH
        while peer.expect('basic.ack', 1).delivery_tag < published:
            pass


def number_of(got):
    return struct.unpack('>I', got.body[:4])[0]


def test_clients_of_a_broker_that_has_just_been_started_miss_nothing(own_broker):
    own = own_broker()
    fill(Peer(own.address))
    for turn in range(3):
        own.kill()
        own.start()
        peer, other = Peer(own.address), Peer(own.address)
        # publishes and a get that come at once, in order
        peer.call(1, 'confirm.select')
        peer.publish(1, '', 'q0', struct.pack('>I', EACH + turn), PERSISTENT)
        assert number_of(other.get('q0')) == turn
        assert peer.expect('basic.ack', 1).delivery_tag == 1
        assert other.declare('q0', passive=True).message_count == EACH
        # a queue that is made now
        other.declare(f'new{turn}', durable=True)
        peer.publish(1, '', f'new{turn}', b'new', PERSISTENT)
        assert peer.expect('basic.ack', 1).delivery_tag == 2
        # the operator's counts
        listed = dict(line.split('\t') for line in own.ctl('list_queues', 'name', 'messages', '-q').out.splitlines()
                      if '\t' in line and not line.startswith('name'))
        for number in range(QUEUES):
            assert listed[f'q{number}'] == str(EACH), listed
        for made in range(turn + 1):
            assert listed[f'new{made}'] == '1', listed
        peer.drop()
        other.drop()
    own.kill()
    own.start()
    peer = Peer(own.address)
    for number in range(QUEUES):
        peer.call(1, 'basic.consume', queue=f'q{number}', consumer_tag=str(number), no_ack=True)
        first = 3 if number == 0 else 0
        for message in range(first, first + EACH):
            assert number_of(peer.content()) == message
    peer.drop()


def test_a_broker_that_is_stopped_at_once_keeps_all(own_broker):
    own = own_broker()
    fill(Peer(own.address))
    own.kill()
    for _ in range(3):
        own.start()
        Peer(own.address).publish(1, '', 'q1', b'transient')
        own.stop()
    own.start()
    peer = Peer(own.address)
    for number in range(QUEUES):
        assert peer.declare(f'q{number}', passive=True).message_count == EACH
    peer.drop()


# --- those who look, and operators --------------------------------------------------------------------

# Together more than one file of the log: the last one may be in memory once its end is found, and no other.
KEPT, BODY_BYTES = 1500, 12000


@pytest.fixture
def slow_start(own_broker, workspace):
    """Starts a broker with a long log, which is not read before the file that is returned is gone."""
    when = os.path.join(workspace, f'slow{free_port()}')
    own = own_broker(start=False, environment={
        'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '/log/', 'FAIL_IO_CALL': 'read', 'FAIL_IO_THREAD': 'restore',
        'FAIL_IO_WHEN': when, 'FAIL_IO_WAITS': '1'})
    own.metrics_port = free_port()
    own.start()
    with Peer(own.address) as peer:
        peer.declare('q', durable=True)
        peer.call(1, 'confirm.select')
        for number in range(KEPT):
            peer.publish(1, '', 'q', struct.pack('>I', number).ljust(BODY_BYTES, b'.'), PERSISTENT)
        while peer.expect('basic.ack', 1).delivery_tag < KEPT:
            pass
    own.kill()
    open(when, 'w').close()
    own.start()
    yield own, when
    if os.path.exists(when):
        os.unlink(when)


class Asking(threading.Thread):
    """Asks over HTTP; .answer is None if none came."""

    def __init__(self, ask):
        super().__init__()
        self.ask, self.answer = ask, None
        self.start()

    def run(self):
        try:
            self.answer = self.ask()
        except OSError:
            pass

    def end(self):
        self.join(PATIENCE_S)
        assert not self.is_alive()
        return self.answer


@pytest.mark.leveret
def test_who_looks_while_the_log_is_read_is_answered_with_what_is_known(slow_start):
    own, when = slow_start
    api, metrics = Api(own), Http(own.metrics_port)
    assert api.put('/queues/%2F/new').status == 201
    queues = {row['name']: row for row in api.get('/queues').json}
    assert queues['q']['state'] == 'recovering' and queues['q']['durable'] and 'messages' not in queues['q']
    assert queues['new']['state'] == 'running' and queues['new']['messages'] == 0
    for target in '/queues/%2F/q', path('queues', '/', 'q', disable_stats='true', enable_queue_totals='true'):
        assert 'messages' not in api.get(target).json
    assert [row['name'] for row in api.get('/queues/%2F?sort=messages&page=1').json['items']] == ['q', 'new']
    overview = api.get('/overview')
    assert overview.json['object_totals']['queues'] == 2 and 'messages' not in overview.json['queue_totals']
    for target in '/nodes', '/vhosts', '/exchanges', '/connections', '/channels', '/consumers', '/bindings', '/definitions':
        assert api.get(target).status == 200, target
    assert api.get('/health/checks/alarms').status == 200
    service = api.get('/health/checks/is-in-service')
    assert (service.status, service.json['state']) == (503, 'booting')
    aggregated, one_by_one = metrics.request('GET', '/metrics').text, metrics.request('GET', '/metrics/per-object').text
    assert 'rabbitmq_queues 2' in aggregated and '\nrabbitmq_queue_messages_ready ' not in aggregated
    assert 'rabbitmq_queue_messages_ready{vhost="/",queue="new"} 0' in one_by_one
    assert 'queue="q"' not in one_by_one.split('# TYPE rabbitmq_queue_messages_ready', 1)[1].split('# TYPE', 1)[0]
    assert own.ctl('-q', 'list_exchanges').code == 0
    # what needs the messages waits for them
    asking = [Asking(lambda: api.post('/queues/%2F/q/get', {'count': 1, 'ackmode': 'ack_requeue_true', 'encoding': 'auto'})),
              Asking(lambda: api.post('/exchanges/%2F/amq.default/publish', {
                  'properties': {}, 'routing_key': 'q', 'payload': 'more', 'payload_encoding': 'string'})),
              Asking(lambda: own.ctl('-q', 'list_queues', 'name', 'messages', 'state'))]
    assert api.get('/whoami').status == 200
    os.unlink(when)
    got, published, listed = [one.end() for one in asking]
    assert got.json[0]['payload_bytes'] == BODY_BYTES and published.json == {'routed': True}
    assert f'q\t{KEPT}\trunning' in listed.out or f'q\t{KEPT + 1}\trunning' in listed.out
    api.wait('/queues/%2F/q', lambda answer: (answer.json['state'], answer.json['messages']) == ('running', KEPT + 1))
    eventually(lambda: f'rabbitmq_queue_messages_ready {KEPT + 1}\n' in metrics.request('GET', '/metrics').text)


@pytest.mark.leveret
def test_a_stop_while_the_log_is_read_ends_those_who_wait(slow_start):
    own, when = slow_start
    api = Api(own)
    asking = [Asking(lambda: api.delete('/queues/%2F/q')), Asking(lambda: api.delete('/queues/%2F/q/contents')),
              Asking(lambda: api.get('/queues/%2F/q/browse')), Asking(lambda: own.ctl('list_queues', check=False))]
    assert api.get('/whoami').status == 200
    os.kill(own.pid, signal.SIGTERM)
    for one in asking:
        one.end()
    os.unlink(when)
    own.stop()
    own.start()
    with Peer(own.address) as peer:
        assert peer.declare('q', passive=True).message_count == KEPT


@pytest.mark.leveret
def test_a_stop_answers_what_is_under_way_over_http(own_broker):
    own = own_broker()
    api = Api(own)
    api.put(path('queues', '/', 'q'), {'durable': True})
    message = {'properties': {'delivery_mode': 2}, 'routing_key': 'q', 'payload': '.' * 5000, 'payload_encoding': 'string'}
    taking = {'count': 20, 'ackmode': 'ack_requeue_false', 'encoding': 'auto'}
    warm = threading.Barrier(9)

    def ask(call):
        mine, answers = Api(own), 0
        while call(mine).status < 300:
            answers += 1
            if answers == 20:
                warm.wait(PATIENCE_S)
        return answers

    calls = [lambda mine: mine.post('/exchanges/%2F/amq.default/publish', message)] * 6 + \
        [lambda mine: mine.post('/queues/%2F/q/get', taking), lambda mine: mine.delete('/queues/%2F/q/contents')]
    asking = [Asking(lambda call=call: ask(call)) for call in calls]
    warm.wait(PATIENCE_S)
    own.stop()                                       # it ends with 0
    for one in asking:
        one.end()
