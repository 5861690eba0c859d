"""x-last-value-key: of the messages that bring the same value in a header, the newest alone waits."""
import pytest

from wire import Peer, encode_properties, eventually

pytestmark = pytest.mark.leveret

ARGUMENTS = {'x-last-value-key': 'stock'}


def about(value, mode=1):
    headers = {} if value is None else {'stock': value}
    return encode_properties({'delivery_mode': mode, 'headers': headers})


def bodies_of(peer, queue):
    found = []
    while (got := peer.get(queue)) is not None:
        found.append(got.body)
    return found


@pytest.fixture
def queue(peer, name):
    q = name('q')
    peer.declare(q, arguments=ARGUMENTS, auto_delete=True)
    return q


def test_the_newest_of_each_value_waits_where_it_came(peer, queue):
    for value, body in [('hare', b'1'), ('fox', b'2'), (None, b'3'), ('hare', b'4'), (7, b'5'), ('7', b'6'), (None, b'7'),
                        ('fox', b'8'), ('hare', b'9')]:
        peer.publish(1, '', queue, body, about(value))
    assert bodies_of(peer, queue) == [b'3', b'5', b'6', b'7', b'8', b'9']


def test_what_somebody_has_is_his_and_leaves_when_it_comes_back_behind_a_newer_one(peer, queue):
    peer.publish(1, '', queue, b'old', about('hare'))
    peer.publish(1, '', queue, b'other', about('fox'))
    old = peer.get(queue, no_ack=False)
    other = peer.get(queue, no_ack=False)
    peer.publish(1, '', queue, b'new', about('hare'))
    for got in (old, other):
        peer.send(1, 'basic.reject', delivery_tag=got.method.delivery_tag, requeue=True)
    assert bodies_of(peer, queue) == [b'other', b'new']


def test_a_full_queue_that_refuses_takes_what_replaces(peer, name):
    peer.declare(name('q'), exclusive=True, arguments={**ARGUMENTS, 'x-max-length': 2, 'x-max-length-bytes': 4,
                                                       'x-overflow': 'reject-publish'})
    peer.call(1, 'confirm.select')
    answers = []
    for value, body in [('hare', b'1'), ('fox', b'2'), ('hare', b'3'), ('deer', b'4'), ('hare', b'too long'), ('fox', b'555')]:
        peer.publish(1, '', name('q'), body, about(value))
        answers.append(peer.next(1).name)
    assert answers == ['basic.ack'] * 3 + ['basic.nack'] * 2 + ['basic.ack']
    held = peer.get(name('q'), no_ack=False)          # no longer ready: it is not replaced, and does not count
    peer.publish(1, '', name('q'), b'6', about('hare'))
    assert (held.body, peer.next(1).name) == (b'3', 'basic.ack')
    assert bodies_of(peer, name('q')) == [b'555', b'6']


def test_the_header_is_named_by_a_text_and_declared_alike(connect, name):
    peer = connect()
    peer.send(1, 'queue.declare', queue=name('q'), arguments={'x-last-value-key': 5})
    assert 'x-last-value-key' in peer.expect('channel.close', 1).reply_text
    q = name('q')
    connect().declare(q, arguments=ARGUMENTS, auto_delete=True)
    peer = connect()
    peer.send(1, 'queue.declare', queue=q, arguments={'x-last-value-key': 'other'}, auto_delete=True)
    assert "inequivalent arg 'x-last-value-key'" in peer.expect('channel.close', 1).reply_text


@pytest.mark.once(also=['asan'])
def test_it_holds_on_disk_and_over_kill_9(own_broker, volume):
    own = own_broker()
    peer = Peer(own.address)
    count = volume(20000)
    peer.declare('q', durable=True, arguments=ARGUMENTS)
    peer.call(1, 'confirm.select')

    def publish(numbers, mark, tag=0):
        """Returns the last delivery tag, so far."""
        for number in numbers:
            tag += 1
            peer.publish(1, '', 'q', b'%06d %s' % (number, mark) + bytes(1000), about(number, mode=2))
        while peer.expect('basic.ack', 1).delivery_tag < tag:
            pass
        return tag

    tag = publish(range(count), b'a')
    publish(range(0, count, 2), b'b', tag)           # the others are on disk by now
    assert peer.declare('q', passive=True).message_count == count
    own.kill()
    own.start()
    peer = Peer(own.address)
    peer.call(1, 'confirm.select')
    publish(range(0, count, 3), b'c')
    eventually(lambda: peer.declare('q', passive=True).message_count == count)
    third = [n for n in range(0, count, 3)]
    second = [n for n in range(0, count, 2) if n % 3]
    first = [n for n in range(count) if n % 2 and n % 3]
    assert [body[:8] for body in bodies_of(peer, 'q')] == [b'%06d %s' % (n, mark) for mark, numbers in
                                                          ((b'a', first), (b'b', second), (b'c', third)) for n in numbers]
