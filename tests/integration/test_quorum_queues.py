"""Quorum queues, on one node: what differs from a classic queue in what a client sees."""
import pytest

from wire import decode_properties, eventually

QUORUM = {'x-queue-type': 'quorum'}


@pytest.fixture
def declare(connect, name):
    """Declares quorum queues, which are durable, and deletes them at the end."""
    peer, made = connect(), []

    def make(arguments=(), queue=None):
        made.append(queue or name(f'q{len(made)}'))
        peer.declare(made[-1], durable=True, arguments={**QUORUM, **dict(arguments)})
        return made[-1]

    yield make
    for queue in made:
        peer.call(1, 'queue.delete', queue=queue)


def fill(peer, queue, bodies, properties=b'\0\0'):
    for body in bodies:
        peer.publish(1, '', queue, str(body), properties)
    eventually(lambda: peer.declare(queue, passive=True).message_count == len(bodies))


def count_of(message):
    return message.properties.get('headers', {}).get('x-delivery-count')


# --- x-delivery-count ---------------------------------------------------------------------------------

@pytest.mark.parametrize('ending', ['nack', 'nack all', 'reject', 'recover', 'channel', 'cancel and channel',
                                    'connection'])
def test_what_comes_back_is_counted(connect, declare, ending):
    queue, holder, witness = declare(), connect(), connect()
    fill(witness, queue, range(2))
    holder.call(1, 'basic.consume', queue=queue, consumer_tag='c')
    assert [count_of(message) for message in holder.contents(2)] == [None, None]
    holder.call(1, 'basic.cancel', consumer_tag='c')
    if ending == 'nack':
        for tag in (1, 2):
            holder.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    elif ending == 'nack all':
        holder.send(1, 'basic.nack', multiple=True, requeue=True)
    elif ending == 'reject':
        for tag in (1, 2):
            holder.send(1, 'basic.reject', delivery_tag=tag, requeue=True)
    elif ending == 'recover':
        holder.call(1, 'basic.recover', requeue=True)
    elif ending == 'connection':
        holder.reset()
    else:
        holder.call(1, 'channel.close')
    eventually(lambda: witness.declare(queue, passive=True).message_count == 2)
    messages = [witness.get(queue, no_ack=False) for _ in range(2)]
    assert [message.body for message in messages] == [b'0', b'1']
    assert [count_of(message) for message in messages] == [('l', 1), ('l', 1)]
    assert all(message.method.redelivered for message in messages)


def test_the_count_grows_and_stays_with_its_message(peer, declare):
    queue = declare({'x-delivery-limit': 50})        # without one RabbitMQ puts what comes back at the end
    peer.call(1, 'basic.qos', prefetch_count=1)
    fill(peer, queue, ['a', 'b'])
    peer.call(1, 'basic.consume', queue=queue)
    for tag in range(1, 6):
        message = peer.content()
        assert (message.body, count_of(message)) == (b'a', ('l', tag - 1) if tag > 1 else None)
        peer.send(1, 'basic.reject', delivery_tag=tag, requeue=tag < 5)
    assert count_of(peer.content()) is None


@pytest.mark.once(also=('asan',))
@pytest.mark.parametrize('properties', [
    {},
    {'headers': {}},
    {'delivery_mode': 2, 'priority': 3},
    {'content_type': 'text/plain', 'headers': {'zz': 'b', 'a': 1, 'B': [1, 2.5], 'x-delivery': None}, 'app_id': 'me'},
    {'headers': {'x-delivery-count': 'mine', 'b': ('s', -2)}},
    {'headers': b'\0\0\0\x0b\1bt\1\1at\0\1bV'},      # a name that occurs twice
])
@pytest.mark.parametrize('no_ack', [False, True])
def test_the_header_is_laid_out_as_rabbitmq_does(connect, rabbit, broker, name, properties, no_ack):
    """Octet for octet: as it is got, as it is delivered first, as it is got again."""
    def headers_of(address):
        peer, seen = connect(address), []
        peer.declare(name('q'), durable=True, arguments=QUORUM)
        fill(peer, name('q'), ['x'], properties)
        if no_ack:
            seen.append(peer.get(name('q')))
        else:
            peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c')
            for tag in (1, 2):
                seen.append(peer.content())
                peer.send(1, 'basic.reject', delivery_tag=tag, requeue=tag < 2)
            peer.call(1, 'basic.cancel', consumer_tag='c')
        peer.call(1, 'queue.delete', queue=name('q'))
        return [(message.method.redelivered, message.header.octets.hex()) for message in seen]

    assert headers_of(broker) == headers_of(rabbit)


# --- the delivery limit -------------------------------------------------------------------------------

def returned(peer, queue, times):
    """Gives the queue's message back so often, as long as it is there; how often it was got."""
    for number in range(times):
        message = peer.get(queue, no_ack=False)
        if message is None:
            return number
        assert count_of(message) == ('l', number)
        peer.send(1, 'basic.nack', delivery_tag=message.method.delivery_tag, requeue=True)
        peer.call(1, 'basic.qos')
    return times


@pytest.mark.parametrize('limit', [0, 1, 3])
def test_a_message_that_has_come_back_too_often_is_gone(peer, declare, limit):
    queue = declare({'x-delivery-limit': limit})
    fill(peer, queue, ['x'])
    peer.call(1, 'basic.consume', queue=queue)
    for tag in range(1, limit + 2):
        message = peer.content()
        assert count_of(message) == (('l', tag - 1) if tag > 1 else None)
        peer.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    peer.publish(1, '', queue, 'marker')
    assert peer.content().body == b'marker'


@pytest.mark.parametrize('ending', ['nack', 'reject', 'recover', 'channel'])
def test_it_goes_to_the_dead_letter_exchange(connect, declare, name, ending):
    peer, holder = connect(), connect()
    peer.declare(name('dead'), exclusive=True)
    queue = declare({'x-delivery-limit': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name('dead')})
    fill(peer, queue, ['x'], {'headers': {'k': 1}})
    for _ in range(2):
        tag = holder.get(queue, no_ack=False).method.delivery_tag
        if ending == 'channel':
            holder.call(1, 'channel.close')
            holder.open_channel(1)
        elif ending == 'recover':
            holder.call(1, 'basic.recover', requeue=True)
        else:
            holder.send(1, f'basic.{ending}', delivery_tag=tag, requeue=True)
        eventually(lambda: peer.declare(queue, passive=True).message_count == 1 or
                   peer.declare(name('dead'), passive=True).message_count == 1)
    headers = eventually(lambda: peer.get(name('dead'))).properties['headers']
    assert 'x-delivery-count' not in headers and headers['k'] == ('I', 1)
    assert headers['x-first-death-reason'] == ('S', 'delivery_limit')
    (_, death), = headers['x-death'][1]
    assert (death['reason'], death['queue'], death['count']) == (('S', 'delivery_limit'), ('S', queue), ('l', 1))


@pytest.mark.leveret
def test_a_policy_limits_too_and_the_smaller_limit_counts(broker, peer, declare, name):
    limited, both = declare(queue=name('limited')), declare({'x-delivery-limit': 1}, queue=name('both'))
    broker.ctl('set_policy', name('p'), '^' + name('').replace('.', '[.]'), '{"delivery-limit":3}')
    for queue, gets in ((limited, 4), (both, 2)):
        fill(peer, queue, ['x'])
        assert returned(peer, queue, 10) == gets
    broker.ctl('clear_policy', name('p'))


@pytest.mark.parametrize('limit', ['abc', 1.5, True])
def test_a_limit_that_is_no_number_is_none(peer, declare, limit):
    queue = declare({'x-delivery-limit': limit})
    fill(peer, queue, ['x'])
    peer.call(1, 'basic.consume', queue=queue)
    for tag in range(1, 5 if limit != 1.5 else 2):
        peer.content()
        peer.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    assert peer.content().body == b'x'


def test_a_classic_queue_has_no_delivery_limit(peer, name):
    peer.send(1, 'queue.declare', queue=name('q'), exclusive=True, arguments={'x-delivery-limit': 3})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg 'x-delivery-limit' for queue '{name('q')}' in "
                                   "vhost '/' of queue type rabbit_classic_queue")


@pytest.mark.leveret
@pytest.mark.parametrize('arguments, gets', [
    ({'x-dead-letter-exchange': ''}, 21),            # 20 by default, with somewhere to put it
    ({}, 30),                                        # nowhere: then nothing is lost
    ({'x-dead-letter-exchange': '', 'x-delivery-limit': -1}, 30),
])
def test_the_limit_is_twenty_unless_messages_would_be_lost_by_it(peer, declare, arguments, gets):
    queue = declare(arguments)
    fill(peer, queue, ['x'])
    assert returned(peer, queue, 30) == gets


@pytest.mark.leveret
def test_a_queue_without_a_dead_letter_exchange_is_warned_about(broker, declare):
    with_limit, without = declare({'x-delivery-limit': 5}), set()

    def warned_of():
        return {line.split("'")[1] for line in broker.log().splitlines() if 'has no dead-letter exchange' in line}

    def a_warning_is_written():
        """Of many in a second, which other tests may cause, the first ones are written: each look has a queue more."""
        without.add(declare())
        return warned_of() & without

    eventually(a_warning_is_written)
    assert with_limit not in warned_of()


# --- what is declared ---------------------------------------------------------------------------------

@pytest.mark.parametrize('flags, prop', [
    ({'durable': False}, 'non-durable'), ({'exclusive': True}, 'exclusive-owner'), ({'auto_delete': True}, 'auto-delete')])
def test_its_flags_are_given(peer, name, flags, prop):
    peer.send(1, 'queue.declare', queue=name('q'), **{'durable': True, 'arguments': QUORUM, **flags})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid property '{prop}' for queue '{name('q')}' in "
                                   "vhost '/'")


@pytest.mark.parametrize('arguments', [
    {'x-queue-leader-locator': 'client-local'}, {'x-queue-leader-locator': 'balanced'},
    {'x-quorum-initial-group-size': 3}, {'x-member-placement-tag': 'rack'}, {'x-max-in-memory-length': 5},
    {'x-max-in-memory-bytes': 5}, {'x-delayed-retry-type': 'all', 'x-delayed-retry-min': 5, 'x-delayed-retry-max': 9},
    {'x-consumer-timeout': 100000}, {'x-consumer-disconnected-timeout': 5}, {'x-dead-letter-strategy': 'at-least-once'},
    {'x-max-length': 5, 'x-overflow': 'reject-publish'}, {'x-message-ttl': 100000, 'x-expires': 100000},
    pytest.param({'x-initial-cluster-size': 3}, marks=pytest.mark.leveret),
])
def test_these_arguments_are_taken(peer, declare, arguments):
    queue = declare(arguments)
    fill(peer, queue, ['x'])
    assert peer.get(queue).body == b'x'


@pytest.mark.parametrize('arguments, why', [
    ({'x-max-priority': 5}, ' of queue type rabbit_quorum_queue'),
    ({'x-queue-mode': 'lazy'}, ' of queue type rabbit_quorum_queue'),
    ({'x-queue-version': 2}, ' of queue type rabbit_quorum_queue'),
    ({'x-queue-master-locator': 'min-masters'}, ' of queue type rabbit_quorum_queue'),
    ({'x-quorum-initial-group-size': 0}, ': {value_zero,0}'),
    ({'x-queue-leader-locator': 'zz'}, ': invalid_queue_locator_arg'),
])
def test_these_arguments_are_refused(peer, name, arguments, why):
    peer.send(1, 'queue.declare', queue=name('q'), durable=True, arguments={**QUORUM, **arguments})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg '{next(iter(arguments))}' for queue "
                                   f"'{name('q')}' in vhost '/'{why}")


@pytest.mark.parametrize('argument', ['x-quorum-initial-group-size', 'x-max-in-memory-length', 'x-max-in-memory-bytes',
                                      'x-queue-leader-locator', 'x-dead-letter-strategy', 'x-max-age'])
def test_a_classic_queue_does_not_know_them(peer, name, argument):
    peer.send(1, 'queue.declare', queue=name('q'), durable=True, arguments={argument: 3})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{name('q')}' in vhost "
                                   "'/' of queue type rabbit_classic_queue")


# --- consumers ----------------------------------------------------------------------------------------

def test_exclusive_consumers_are_consumers_like_others(peer, declare):
    queue = declare()
    for tag in 'abc':
        peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag, exclusive=tag != 'b')
    assert peer.declare(queue, passive=True).consumer_count == 3


@pytest.mark.parametrize('argument, value', [('x-cancel-on-ha-failover', True), ('x-stream-offset', 'first')])
def test_arguments_of_other_queues_consumers_are_refused(peer, declare, argument, value):
    queue = declare()
    peer.send(1, 'basic.consume', queue=queue, arguments={argument: value})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{queue}' in vhost '/' "
                                   "of queue type rabbit_quorum_queue")


def test_a_blocked_consumer_of_a_higher_priority_gets_its_messages_when_it_can(peer, declare):
    queue = declare()
    peer.call(1, 'basic.qos', prefetch_count=2)
    peer.call(1, 'basic.consume', queue=queue, consumer_tag='high', arguments={'x-priority': 5})
    peer.call(1, 'basic.consume', queue=queue, consumer_tag='low', arguments={'x-priority': -5})
    for number in range(6):
        peer.publish(1, '', queue, str(number))
    assert [message.method.consumer_tag for message in peer.contents(4)] == ['high', 'high', 'low', 'low']
    peer.send(1, 'basic.ack', delivery_tag=1)
    assert peer.content().method.consumer_tag == 'high'
    peer.send(1, 'basic.ack', delivery_tag=3)
    assert peer.content().method.consumer_tag == 'low'


# --- what Leveret does otherwise ----------------------------------------------------------------------

@pytest.mark.leveret
def test_a_limit_of_the_channel_holds(peer, declare):
    queue = declare()
    peer.call(1, 'basic.qos', prefetch_count=3, global_=True)
    for tag in 'ab':
        peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag)
    for number in range(6):
        peer.publish(1, '', queue, str(number))
    peer.contents(3)
    peer.nothing_more()
    peer.send(1, 'basic.ack', delivery_tag=2, multiple=True)
    peer.contents(2)
    peer.nothing_more()


@pytest.mark.leveret
def test_what_comes_back_stands_where_it_stood(peer, declare):
    queue = declare()
    fill(peer, queue, range(6))
    tags = [peer.get(queue, no_ack=False).method.delivery_tag for _ in range(4)]
    for at in (2, 0, 1):
        peer.send(1, 'basic.nack', delivery_tag=tags[at], requeue=True)
    assert [peer.get(queue).body for _ in range(5)] == [b'0', b'1', b'2', b'4', b'5']


@pytest.mark.leveret
def test_it_is_deleted_if_unused_or_if_empty(peer, name):
    peer.declare(name('q'), durable=True, arguments=QUORUM)
    fill(peer, name('q'), ['x'])
    peer.send(1, 'queue.delete', queue=name('q'), if_empty=True)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - queue '{name('q')}' in vhost '/' not empty")
    peer.open_channel(1)
    assert peer.call(1, 'queue.delete', queue=name('q'), if_unused=True).message_count == 1


# --- the disk -----------------------------------------------------------------------------------------

@pytest.mark.once(also=('asan',))
@pytest.mark.leveret
def test_every_confirmed_message_survives_a_crash_transient_ones_too_and_so_do_counts(own_broker, connect, name):
    """In a classic queue of the same publishes only the persistent ones do."""
    broker = own_broker()
    peer = connect(broker)
    peer.declare(name('quorum'), durable=True, arguments={**QUORUM, 'x-delivery-limit': 50})
    peer.declare(name('classic'), durable=True)
    for queue in (name('quorum'), name('classic')):
        peer.call(1, 'queue.bind', queue=queue, exchange='amq.fanout')
    peer.call(1, 'confirm.select')
    for number in range(200):
        peer.publish(1, 'amq.fanout', '', str(number), {'delivery_mode': 1 + number % 2} if number % 3 else b'\0\0')
    acked = 0
    while acked < 200:
        acked = max(acked, peer.expect('basic.ack', 1).delivery_tag)
    for tag in range(1, 4):
        peer.get(name('quorum'), no_ack=False)
        peer.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    peer.publish(1, '', name('quorum'), 'last')      # its confirm says that what was before is safe too
    peer.expect('basic.ack', 1)
    broker.kill()
    broker.start()
    peer = connect(broker)
    messages = [peer.get(name('quorum')) for _ in range(200)]
    assert [count_of(message) for message in messages[:2]] == [('l', 3), ('l', 0)]
    assert [int(message.body) for message in messages] == list(range(200))
    assert peer.get(name('quorum')).body == b'last'
    assert peer.get(name('quorum')) is None
    persistent = [number for number in range(200) if number % 3 and number % 2]
    assert [int(peer.get(name('classic')).body) for _ in persistent] == persistent
    assert peer.get(name('classic')) is None
    assert decode_properties(messages[1].header.octets[12:])['delivery_mode'] == 2
