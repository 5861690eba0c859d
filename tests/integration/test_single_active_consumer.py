"""A queue with x-single-active-consumer: one consumer at a time, and who follows it."""
import pytest

from wire import eventually

SINGLE = {'x-single-active-consumer': True}
QUORUM = {'x-queue-type': 'quorum'}


@pytest.fixture(params=['classic', 'quorum'])
def queue(request, connect, name):
    """A queue with a single active consumer; deleted at the end."""
    queue = name('q')
    peer = connect()
    peer.declare(queue, durable=True, arguments={**SINGLE, 'x-queue-type': request.param})
    yield queue
    peer.call(1, 'queue.delete', queue=queue)


def consume(peer, queue, tag, **flags):
    peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag, **flags)


def publish(peer, queue, bodies):
    for body in bodies:
        peer.publish(1, '', queue, str(body))


def listed(broker, queue):
    """tag: (active, activity_status)."""
    rows = broker.ctl('-q', 'list_consumers', 'queue_name', 'consumer_tag', 'active', 'activity_status').out
    return {tag: (active, status) for of, tag, active, status in (row.split('\t') for row in rows.splitlines() if row)
            if of == queue}


def taken(peer, count):
    """(tag, body) of the next deliveries."""
    return [(message.method.consumer_tag, int(message.body)) for message in peer.contents(count)]


def test_only_the_first_consumer_gets_messages_whatever_its_priority(connect, queue):
    first, second = connect(), connect()
    consume(first, queue, 'low')
    consume(second, queue, 'high', arguments={'x-priority': 10})
    publish(second, queue, range(20))
    assert taken(first, 20) == [('low', number) for number in range(20)]
    second.nothing_more()


def take_over(connect, queue, priorities, order):
    """Consumers come in the order of their tags, and leave when they have got a message."""
    peers, publisher = {tag: connect() for tag in priorities}, connect()
    for tag, peer in peers.items():
        consume(peer, queue, tag, arguments={'x-priority': priorities[tag]})
    for number, tag in enumerate(order):
        publish(publisher, queue, [number])
        assert taken(peers[tag], 1) == [(tag, number)]
        peers[tag].send(1, 'basic.ack', delivery_tag=1)
        peers[tag].call(1, 'basic.cancel', consumer_tag=tag)


def test_the_one_that_came_next_takes_over(connect, queue):
    take_over(connect, queue, dict.fromkeys('abcd', 0), 'abcd')


@pytest.mark.parametrize('kind', ['classic', pytest.param('quorum', marks=pytest.mark.leveret)])
def test_one_of_a_higher_priority_takes_over_before(connect, name, kind):
    connect().declare(name('q'), durable=True, arguments={**SINGLE, 'x-queue-type': kind})
    take_over(connect, name('q'), {'a': 0, 'b': 0, 'c': 5, 'd': 5}, 'acdb')
    connect().call(1, 'queue.delete', queue=name('q'))


def test_the_listing_tells_who_is_active(broker, connect, queue):
    peer = connect()
    for tag in ('one', 'two', 'three'):
        consume(peer, queue, tag)
    waiting, active = ('false', 'waiting'), ('true', 'single_active')
    eventually(lambda: listed(broker, queue) == {'one': active, 'two': waiting, 'three': waiting})
    peer.call(1, 'basic.cancel', consumer_tag='one')
    eventually(lambda: listed(broker, queue) == {'two': active, 'three': waiting})


def test_consumers_of_a_plain_queue_are_all_up(broker, connect, name):
    peer = connect()
    peer.declare(name('q'), exclusive=True)
    for tag in ('one', 'two'):
        consume(peer, name('q'), tag)
    eventually(lambda: listed(broker, name('q')) == dict.fromkeys(['one', 'two'], ('true', 'up')))


@pytest.mark.parametrize('ending', ['channel.close', 'connection.close', 'drop', 'reset'])
def test_what_the_old_one_held_goes_to_the_new_one_first(connect, queue, ending):
    old, new, publisher = connect(), connect(), connect()
    old.call(1, 'basic.qos', prefetch_count=3)
    consume(old, queue, 'old')
    consume(new, queue, 'new')
    publish(publisher, queue, range(10))
    assert taken(old, 3) == [('old', 0), ('old', 1), ('old', 2)]
    if ending == 'channel.close':
        old.call(1, 'channel.close')
    else:
        getattr(old, {'connection.close': 'close'}.get(ending, ending))()
    messages = new.contents(10)
    assert [int(message.body) for message in messages] == list(range(10))
    assert [message.method.redelivered for message in messages] == [True] * 3 + [False] * 7


# RabbitMQ 3.10's classic queue forgets to go on, and dies of the next message.
@pytest.mark.parametrize('kind', [pytest.param('classic', marks=pytest.mark.leveret), 'quorum'])
def test_one_that_cancels_keeps_what_it_holds_and_the_next_goes_on_at_once(connect, name, kind):
    old, new, publisher = connect(), connect(), connect()
    publisher.declare(name('q'), durable=True, arguments={**SINGLE, 'x-queue-type': kind})
    old.call(1, 'basic.qos', prefetch_count=2)
    consume(old, name('q'), 'old')
    consume(new, name('q'), 'new')
    publish(publisher, name('q'), range(4))
    assert taken(old, 2) == [('old', 0), ('old', 1)]
    old.call(1, 'basic.cancel', consumer_tag='old')
    assert taken(new, 2) == [('new', 2), ('new', 3)]
    old.send(1, 'basic.ack', delivery_tag=1)
    old.send(1, 'basic.reject', delivery_tag=2, requeue=True)
    assert taken(new, 1) == [('new', 1)]
    publisher.call(1, 'queue.delete', queue=name('q'))


def test_an_active_consumer_without_room_is_not_helped_out(connect, queue):
    peer = connect()
    peer.call(1, 'basic.qos', prefetch_count=1)
    consume(peer, queue, 'active')
    consume(peer, queue, 'waiting')
    publish(peer, queue, range(3))
    for number in range(3):
        assert taken(peer, 1) == [('active', number)]
        peer.nothing_more()
        peer.send(1, 'basic.ack', delivery_tag=number + 1)


def test_an_auto_delete_queue_goes_with_its_last_waiting_consumer(connect, name):
    peer = connect()
    peer.declare(name('q'), auto_delete=True, arguments=SINGLE)
    consume(peer, name('q'), 'active')
    consume(peer, name('q'), 'waiting')
    for tag in ('active', 'waiting'):
        assert peer.declare(name('q'), passive=True).queue == name('q')
        peer.call(1, 'basic.cancel', consumer_tag=tag)
    peer.send(1, 'queue.declare', queue=name('q'), passive=True)
    peer.expect_channel_close(404, f"NOT_FOUND - no queue '{name('q')}' in vhost '/'")


def test_exclusive_consumers_are_refused_on_a_classic_one(peer, name):
    peer.declare(name('q'), exclusive=True, arguments=SINGLE)
    peer.send(1, 'basic.consume', queue=name('q'), exclusive=True)
    peer.expect_channel_close(403, f"ACCESS_REFUSED - queue '{name('q')}' in vhost '/' in exclusive use",
                              method='basic.consume')


def test_basic_get_is_refused_on_a_quorum_one_and_taken_on_a_classic_one(peer, name):
    peer.declare(name('q'), exclusive=True, arguments=SINGLE)
    consume(peer, name('q'), 'active', arguments={'x-priority': 1})
    peer.call(1, 'basic.cancel', consumer_tag='active')
    publish(peer, name('q'), ['1'])
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 1)
    assert peer.get(name('q')).body == b'1'
    peer.declare(name('quorum'), durable=True, arguments={**SINGLE, **QUORUM})
    peer.send(1, 'basic.get', queue=name('quorum'))
    peer.expect_channel_close(
        405, f"RESOURCE_LOCKED - cannot obtain access to locked queue '{name('quorum')}' in vhost '/'. basic.get "
             "operations are not supported by quorum queues with single active consumer", method='basic.get')
    peer.open_channel(1)
    peer.call(1, 'queue.delete', queue=name('quorum'))


@pytest.mark.parametrize('value, kind', [('yes', 'longstr'), (1, 'signedint')])
def test_the_argument_is_a_bool(peer, name, value, kind):
    peer.send(1, 'queue.declare', queue=name('q'), exclusive=True, arguments={'x-single-active-consumer': value})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg 'x-single-active-consumer' for queue "
                                   f"'{name('q')}' in vhost '/': {{unacceptable_type,{kind}}}")
