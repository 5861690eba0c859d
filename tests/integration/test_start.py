"""A start after kill -9 with many messages: clients are served while the log is still being read, and whatever
they ask is answered as if it had been."""
import struct

from wire import Peer

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
