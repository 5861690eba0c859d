"""AMQP over the control socket (docs/formats/control.md): an operator's rights, and messages put into a queue as they were."""
import json
import socket

import pytest

from patience import PATIENCE_S
from wire import Closed, Peer, encode_properties, eventually

pytestmark = pytest.mark.leveret

OPERATORS = 256
DEATHS = [{'count': ('l', 3), 'reason': 'rejected', 'queue': 'before', 'exchange': 'x', 'routing-keys': ['k']}]
PROPERTIES = encode_properties({
    'content_type': 'text/x', 'headers': {'CC': ['elsewhere'], 'BCC': ['elsewhere'], 'x-death': DEATHS}, 'delivery_mode': 2,
    'priority': 7, 'correlation_id': 'c', 'reply_to': 'amq.rabbitmq.reply-to', 'expiration': '86400000', 'message_id': 'm',
    'timestamp': 1, 'type': 't', 'user_id': 'somebody', 'app_id': 'a', 'cluster_id': 'z'})


class Line:
    """A client of the control socket that may turn to AMQP."""

    def __init__(self, broker):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f'{broker.data}/control.sock')
        self.socket.settimeout(PATIENCE_S)

    def ask(self, command='amqp', more=b''):
        self.socket.sendall(json.dumps({'command': command}).encode() + b'\n' + more)
        answer = b''
        while not answer.endswith(b'\n'):                # no octet more: what follows may be AMQP
            octet = self.socket.recv(1)
            assert octet, answer
            answer += octet
        return json.loads(answer)


def operator(broker, target=None, **how):
    """A peer that has come over the control socket; with a target, its channel 1 publishes to that queue."""
    line = Line(broker)
    assert line.ask() == {'ok': True}
    peer = Peer(None, connected=line.socket, user='nobody', password='wrong', upto='open', **how)
    peer.call(1, 'channel.open', out_of_band=target or '')
    return peer


def put(peer, exchange, key, body, properties=PROPERTIES):
    """Publishes, and waits for the confirm."""
    peer.publish(1, exchange, key, body, properties)
    assert peer.expect('basic.ack', 1)


def test_an_operator_needs_no_login_and_may_do_everything(own_broker):
    own = own_broker()
    own.ctl('add_vhost', 'other')
    own.ctl('set_vhost_limits', '-p', 'other', '{"max-connections": 0}')
    own.ctl('delete_user', 'guest')
    with operator(own, vhost='other') as peer:
        peer.declare('mine')
        rows = json.loads(own.ctl('-q', 'list_connections', 'user', 'vhost', 'peer_host', 'name', '--formatter', 'json').out)
        assert [(row['user'], row['vhost'], row['peer_host']) for row in rows] == [('(leveretctl)', 'other', 'unix socket')]
        assert rows[0]['name'].startswith('unix socket of process ')
        own.ctl('close_all_connections', '-p', 'other', 'enough')
        assert 'enough' in peer.expect('connection.close', 0).reply_text
    eventually(lambda: own.ctl('-q', 'list_connections', 'pid').out.splitlines()[1:] == [])


def test_a_message_is_put_into_its_queue_as_it_was(own_broker):
    own = own_broker()
    with operator(own, 'target') as peer:
        peer.declare('target', durable=True)
        peer.declare('elsewhere')
        peer.call(1, 'confirm.select')
        put(peer, 'gone', 'the.key', b'small')
        put(peer, '', 'elsewhere', b'large' * 100000)    # the body comes in several frames
        assert peer.get('elsewhere') is None
    own.kill()                                           # what is confirmed is on disk
    own.start()
    with Peer(own.address) as peer:
        for exchange, key, body in ('gone', 'the.key', b'small'), ('', 'elsewhere', b'large' * 100000):
            message = peer.get('target')
            assert (message.method.exchange, message.method.routing_key, message.body) == (exchange, key, body)
            assert message.header.octets[12:] == PROPERTIES
            assert not message.method.redelivered
        assert peer.get('target') is None


def test_a_queue_that_is_gone_is_missed_by_name(own_broker):
    own = own_broker()
    with operator(own, 'nowhere') as peer:
        peer.publish(1, 'amq.fanout', '', b'x')
        close = peer.expect('channel.close', 1)
        assert (close.reply_code, close.reply_text) == (404, "NOT_FOUND - no queue 'nowhere' in vhost '/'")


def test_a_queue_applies_its_limits_and_knows_a_cycle_of_dead_letters(own_broker):
    own = own_broker()
    circle = {'x-max-length': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'circle'}

    def died(reason):
        return encode_properties({'headers': {'x-death': [{**DEATHS[0], 'queue': 'circle', 'reason': reason}]}})

    with operator(own, 'circle') as peer:
        peer.declare('circle', arguments=circle)
        peer.call(1, 'confirm.select')
        put(peer, 'x', 'k', b'first', died('maxlen'))
        put(peer, 'x', 'k', b'second', died('maxlen'))   # the first has been in this queue: it is dropped
        eventually(lambda: own.ctl('-q', 'list_queues', 'messages').out.splitlines()[-1] == '1')
        message = peer.get('circle')
        assert message.body == b'second' and message.header.octets[12:] == died('maxlen')
        assert peer.get('circle') is None


def test_a_transaction_and_a_firehose_take_the_message_too(own_broker):
    own = own_broker()
    own.ctl('trace_on')
    with operator(own, 'target') as peer:
        peer.declare('target')
        peer.declare('copies')
        peer.call(1, 'queue.bind', queue='copies', exchange='amq.rabbitmq.trace', routing_key='#')
        peer.call(1, 'tx.select')
        peer.publish(1, 'gone', 'k', b'x', PROPERTIES, mandatory=True)
        assert peer.get('target') is None
        peer.call(1, 'tx.commit')
        message = peer.get('target')
        assert (message.method.exchange, message.header.octets[12:]) == ('gone', PROPERTIES)
        copy = eventually(lambda: peer.get('copies'))
        assert copy.method.routing_key == 'publish.gone'


def test_an_ordinary_connection_has_no_target(own_broker):
    own = own_broker()
    with Peer(own.address, upto='open') as peer:
        peer.call(1, 'channel.open', out_of_band='target')
        peer.declare('target')
        peer.publish(1, 'gone', 'k', b'x')
        assert peer.expect('channel.close', 1).reply_text == "NOT_FOUND - no exchange 'gone' in vhost '/'"


def test_what_follows_too_early_or_is_not_amqp_is_refused(own_broker):
    own = own_broker()
    line = Line(own)
    assert line.ask(more=b'AMQP\0\0\x09\x01')['error'] == 'bad_request'
    line.socket.close()
    line = Line(own)
    assert line.ask() == {'ok': True}
    line.socket.sendall(b'{"command":"ping"}\n')
    assert line.socket.recv(100) == b'AMQP\0\0\x09\x01'
    assert line.socket.recv(100) == b''
    line.socket.close()
    assert Line(own).ask('ping')['ok']


def test_operators_are_limited_in_number_and_leave_their_places(own_broker):
    own = own_broker()
    lines = [Line(own) for _ in range(OPERATORS)]
    for line in lines:
        assert line.ask() == {'ok': True}
    late = Line(own)
    assert late.ask()['error'] == 'too_many_connections'
    for line in lines:
        line.socket.close()                              # without a word
    eventually(lambda: late.ask().get('ok'))


def test_the_broker_stops_with_operators_at_work(own_broker):
    own = own_broker()
    silent = Line(own)
    assert silent.ask() == {'ok': True}
    with operator(own, 'target') as peer:
        peer.declare('target')
        own.child.terminate()
        assert peer.expect('connection.close', 0).reply_code == 320
        peer.send(0, 'connection.close-ok')
        with pytest.raises(Closed):
            peer.next()
    own.stop()
    assert silent.socket.recv(1) == b''
