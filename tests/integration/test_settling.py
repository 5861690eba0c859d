"""Acknowledging, rejecting, requeueing and recovering what was delivered."""
import pytest

from wire import eventually


@pytest.fixture
def held(peer, name):
    """Messages 0..n-1 gotten, unacknowledged, of n + more. Returns the queue's name."""
    def hold(count, more=0, channel=1):
        queue = name('q')
        peer.declare(queue, exclusive=True)
        for number in range(count + more):
            peer.publish(1, '', queue, str(number))
        for number in range(count):
            assert peer.get(queue, channel, no_ack=False).method.delivery_tag == number + 1
        return queue
    return hold


def drained(peer, queue, channel=1):
    """All that is ready, as [(body, redelivered)]."""
    found = []
    while True:
        message = peer.get(queue, channel)
        if message is None:
            return found
        found.append((message.body.decode(), message.method.redelivered))


def again(text):
    return [(letter, True) for letter in text]


def fresh(text):
    return [(letter, False) for letter in text]


@pytest.mark.parametrize('settle, left', [
    ([('basic.ack', dict(delivery_tag=1))], again('12')),
    ([('basic.ack', dict(delivery_tag=2))], again('02')),
    ([('basic.ack', dict(delivery_tag=2, multiple=True))], again('2')),
    ([('basic.ack', dict(delivery_tag=0, multiple=True))], []),
    ([('basic.ack', dict(delivery_tag=2)), ('basic.ack', dict(delivery_tag=3, multiple=True))], []),
    ([('basic.nack', dict(delivery_tag=2))], again('02')),
    ([('basic.nack', dict(delivery_tag=2, multiple=True))], again('2')),
    ([('basic.nack', dict(delivery_tag=0, multiple=True))], []),
    ([('basic.reject', dict(delivery_tag=1))], again('12')),
    ([('basic.nack', dict(delivery_tag=0, multiple=True)), ('basic.ack', dict(delivery_tag=0, multiple=True))], []),
], ids=str)
def test_what_was_not_settled_comes_back_when_the_channel_closes(peer, held, settle, left):
    queue = held(3, more=1)
    for method, arguments in settle:
        peer.send(1, method, **arguments)
    peer.call(1, 'channel.close', reply_code=200)
    peer.open_channel(1)
    eventually(lambda: peer.declare(queue, passive=True).message_count == len(left) + 1)
    assert drained(peer, queue) == left + fresh('3')


@pytest.mark.parametrize('settle, left', [
    ([('basic.reject', dict(delivery_tag=1, requeue=True))], again('0') + fresh('34')),
    ([('basic.reject', dict(delivery_tag=3, requeue=True)), ('basic.reject', dict(delivery_tag=1, requeue=True))],
     again('02') + fresh('34')),
    ([('basic.nack', dict(delivery_tag=2, multiple=True, requeue=True))], again('01') + fresh('34')),
    ([('basic.nack', dict(delivery_tag=0, multiple=True, requeue=True))], again('012') + fresh('34')),
    ([('basic.ack', dict(delivery_tag=2)), ('basic.nack', dict(delivery_tag=3, multiple=True, requeue=True))],
     again('02') + fresh('34')),
    ([('basic.recover-async', dict(requeue=True))], again('012') + fresh('34')),
], ids=str)
def test_a_requeued_message_goes_back_to_its_place_marked_redelivered(peer, held, settle, left):
    queue = held(3, more=2)
    for method, arguments in settle:
        peer.send(1, method, **arguments)
    eventually(lambda: peer.declare(queue, passive=True).message_count == len(left))
    assert drained(peer, queue) == left


def test_recover_requeues_everything_and_answers(peer, held):
    queue = held(3, more=1)
    peer.send(1, 'basic.ack', delivery_tag=2)
    peer.call(1, 'basic.recover', requeue=True)
    eventually(lambda: peer.declare(queue, passive=True).message_count == 3)
    assert drained(peer, queue) == again('02') + fresh('3')


def test_recover_redelivers_to_the_consumer_with_new_tags(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c')
    for number in range(3):
        peer.publish(1, '', name('q'), str(number))
    peer.contents(3)
    peer.send(1, 'basic.recover', requeue=True)
    peer.expect('basic.recover-ok', 1)
    messages = peer.contents(3)
    assert [(message.body, message.method.delivery_tag, message.method.redelivered) for message in messages] \
        == [(b'0', 4, True), (b'1', 5, True), (b'2', 6, True)]


@pytest.mark.parametrize('method', ['basic.ack', 'basic.nack', 'basic.reject'])
@pytest.mark.parametrize('tag', [3, 7, 2**63])
def test_a_tag_never_given_closes_the_channel(peer, held, method, tag):
    queue = held(2)
    peer.send(1, method, delivery_tag=tag)
    peer.expect_channel_close(406, f'PRECONDITION_FAILED - unknown delivery tag {tag}', 1, method)
    peer.open_channel(1)
    eventually(lambda: peer.declare(queue, passive=True).message_count == 2)
    assert drained(peer, queue) == again('01')


@pytest.mark.parametrize('steps, tag', [
    ([dict(delivery_tag=1), dict(delivery_tag=1)], 1),
    ([dict(delivery_tag=0)], 0),
    ([dict(delivery_tag=3, multiple=True)], 3),
    ([dict(delivery_tag=2, multiple=True), dict(delivery_tag=2, multiple=True)], 2),
    ([dict(delivery_tag=1), dict(delivery_tag=1, multiple=True)], 1),
], ids=str)
def test_a_tag_not_outstanding_closes_the_channel(peer, held, steps, tag):
    held(2)
    for arguments in steps:
        peer.send(1, 'basic.ack', **arguments)
    peer.expect_channel_close(406, f'PRECONDITION_FAILED - unknown delivery tag {tag}', 1, 'basic.ack')


def test_a_tag_of_another_channel_is_unknown(peer, held):
    held(1)
    peer.open_channel(2)
    peer.send(2, 'basic.ack', delivery_tag=1)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 2, 'basic.ack')


def test_acknowledging_all_of_nothing_is_fine(peer):
    peer.send(1, 'basic.ack', delivery_tag=0, multiple=True)
    peer.send(1, 'basic.nack', delivery_tag=0, multiple=True)
    peer.call(1, 'basic.qos')


def test_get_says_what_is_left_and_empty_when_nothing_is(peer, name):
    peer.declare(name('q'), exclusive=True)
    for number in range(3):
        peer.publish(1, '', name('q'), str(number))
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 3)
    assert [peer.get(name('q')).method.message_count for _ in range(3)] == [2, 1, 0]
    assert peer.get(name('q')) is None


def test_deliveries_of_a_deleted_queue_can_still_be_settled_once(peer, name):
    peer.declare(name('q'))
    for number in range(3):
        peer.publish(1, '', name('q'), str(number))
    for _ in range(3):
        peer.get(name('q'), no_ack=False)
    peer.call(1, 'queue.delete', queue=name('q'))
    peer.send(1, 'basic.ack', delivery_tag=1)
    peer.send(1, 'basic.nack', delivery_tag=2, requeue=True)
    peer.send(1, 'basic.reject', delivery_tag=3, requeue=True)
    peer.call(1, 'basic.qos')
    peer.send(1, 'basic.ack', delivery_tag=3)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - unknown delivery tag 3', 1, 'basic.ack')


def test_one_ack_may_settle_messages_of_many_queues(peer, name):
    queues = [name(number) for number in range(20)]
    for queue in queues:
        peer.declare(queue, exclusive=True)
        for number in range(5):
            peer.publish(1, '', queue, str(number))
        eventually(lambda: peer.declare(queue, passive=True).message_count == 5)
    for _ in range(5):
        for queue in queues:
            assert peer.get(queue, no_ack=False)
    peer.send(1, 'basic.ack', delivery_tag=50, multiple=True)
    peer.send(1, 'basic.nack', delivery_tag=80, multiple=True, requeue=True)
    peer.call(1, 'channel.close', reply_code=200)
    peer.open_channel(1)
    for queue in queues:
        eventually(lambda: peer.declare(queue, passive=True).message_count >= 2)
        left = [body for body, _ in drained(peer, queue)]
        assert left == sorted(left) and left[-1] == '4'


def test_a_consumer_that_keeps_rejecting_keeps_getting_the_message(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c')
    peer.publish(1, '', name('q'), b'no thanks')
    for turn in range(100):
        message = peer.content()
        assert message.method.redelivered is (turn > 0)
        peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=True)
    peer.send(1, 'basic.ack', delivery_tag=peer.content().method.delivery_tag)
    peer.call(1, 'basic.cancel', consumer_tag='c')
    assert peer.get(name('q')) is None
