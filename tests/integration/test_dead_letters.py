"""Messages that their readers did not want, on their way to the dead-letter exchange."""
import json
import re

import pytest

from crash_tools import PERSISTENT, TRANSIENT, Confirming
from dead_letter_stories import STORIES, tell
from wire import Peer, encode_properties, eventually, plain

pytestmark = pytest.mark.once(also=('asan',))

# --- as with RabbitMQ ------------------------------------------------------------------------------------

# What may differ, and why: a pattern, what both sides show in its place, the reason.
DIFFERENCES = [
    (r"(, )?x-last-death-[a-z]+: S '[^']*'", '', 'written since RabbitMQ 3.13, as first-death is'),
]

# Stories that end otherwise, and why. They are told all the same, and must differ.
INTENDED = {
    'made_up two of other queues': 'older entries stay in their order: RabbitMQ 3.10 turns them round each time',
    'rejected_four_times_on_its_way': 'as above',
    'expired_in_four_queues': 'as above',
    'bcc_and_no_key': 'nobody remembers to whom else a message went in secret',
}


def comparable(lines):
    for pattern, instead, _ in DIFFERENCES:
        lines = [re.sub(pattern, instead, line) for line in lines]
    return lines


@pytest.mark.parametrize('name', STORIES)
def test_this_story_ends_as_with_rabbitmq(broker, rabbit, name):
    theirs, ours = comparable(tell(name, rabbit.address)), comparable(tell(name, broker.address))
    if name in INTENDED:
        assert ours != theirs, f'no longer differs: {INTENDED[name]}'
        return
    assert ours == theirs, '\n'.join(['RabbitMQ:', *theirs, '', 'Leveret:', *ours])


# --- what they do not tell --------------------------------------------------------------------------------

def dead_letters(exchange='', key=None, **more):
    arguments = {'x-dead-letter-exchange': exchange, **more}
    if key is not None:
        arguments['x-dead-letter-routing-key'] = key
    return arguments


def at_least_once(exchange='', key=None):
    return dead_letters(exchange, key, **{'x-queue-type': 'quorum', 'x-dead-letter-strategy': 'at-least-once',
                                          'x-overflow': 'reject-publish'})


def reject_all(peer, queue, count, channel=1):
    """Takes so many messages and rejects them with one frame."""
    peer.call(channel, 'basic.consume', queue=queue, consumer_tag='rejecting')
    last = peer.contents(count, channel)[-1]
    peer.send(channel, 'basic.nack', delivery_tag=last.method.delivery_tag, multiple=True, requeue=False)
    peer.call(channel, 'basic.cancel', consumer_tag='rejecting')


def bodies(peer, queue, count):
    """The bodies of all messages that come, of which there are so many."""
    eventually(lambda: peer.declare(queue, passive=True).message_count == count)
    found = []
    while (message := peer.get(queue)) is not None:
        found.append(message.body.decode())
    return found


@pytest.mark.once(also=('asan', 'tsan'))
@pytest.mark.leveret
@pytest.mark.parametrize('durable, properties', [(True, PERSISTENT), (True, TRANSIENT), (False, TRANSIENT)])
def test_dead_letters_arrive_in_order_wherever_their_queues_are_at_home(peer, name, volume, durable, properties):
    """A queue's home is the next loop in turn: of four ends, each is at home somewhere else."""
    count, ends, exchange = volume(3000), [name(f'end{number}') for number in range(4)], name('x')
    peer.call(1, 'exchange.declare', exchange=exchange, type='fanout', auto_delete=True)
    for end in ends:
        peer.declare(end, durable=durable)
        peer.call(1, 'queue.bind', queue=end, exchange=exchange)
    queue = name('q')
    peer.declare(queue, durable=durable, arguments=dead_letters(exchange))
    for number in range(count):
        peer.publish(1, '', queue, str(number), properties)
    reject_all(peer, queue, count)
    for end in ends:
        assert bodies(peer, end, count) == [str(number) for number in range(count)]
        peer.call(1, 'queue.delete', queue=end)
    assert peer.call(1, 'queue.delete', queue=queue).message_count == 0


def unacknowledged(broker, queue):
    rows = broker.ctl('list_queues', '--quiet', 'name', 'messages_ready', 'messages_unacknowledged').out.splitlines()
    return next((int(row[1]), int(row[2])) for row in (line.split() for line in rows) if row[0] == queue)


@pytest.mark.leveret
def test_a_dead_letter_without_an_exchange_is_gone(broker, peer, name):
    queue = name('q')
    peer.declare(queue, arguments=dead_letters(name('nowhere')))
    peer.publish(1, '', queue, 'x')
    reject_all(peer, queue, 1)
    eventually(lambda: unacknowledged(broker, queue) == (0, 0))
    assert peer.get(queue) is None


@pytest.mark.leveret
def test_an_exchange_that_comes_later_gets_what_is_rejected_then(broker, peer, name):
    queue, end, exchange = name('q'), name('end'), name('x')
    peer.declare(queue, arguments=dead_letters(exchange))
    peer.publish(1, '', queue, 'too early')
    reject_all(peer, queue, 1)
    eventually(lambda: unacknowledged(broker, queue) == (0, 0))
    peer.call(1, 'exchange.declare', exchange=exchange, type='fanout', auto_delete=True)
    peer.declare(end)
    peer.call(1, 'queue.bind', queue=end, exchange=exchange)
    peer.publish(1, '', queue, 'in time')
    reject_all(peer, queue, 1)
    assert bodies(peer, end, 1) == ['in time']


@pytest.mark.leveret
def test_what_was_rejected_leaves_although_its_queue_is_deleted_in_the_same_breath(peer, name):
    for _ in range(20):
        queue, end = name('q'), name('end')
        peer.declare(end)
        peer.declare(queue, arguments=dead_letters('', end))
        peer.publish(1, '', queue, 'x')
        message = eventually(lambda: peer.get(queue, no_ack=False))
        peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
        peer.call(1, 'queue.delete', queue=queue)
        assert bodies(peer, end, 1) == ['x']


@pytest.mark.leveret
def test_two_queues_that_send_each_other_their_rejects_keep_all_of_them(peer, name, volume):
    a, b, count = name('a'), name('b'), volume(500)
    peer.declare(a, durable=True, arguments=dead_letters('', b))
    peer.declare(b, durable=True, arguments=dead_letters('', a))
    for number in range(count):
        peer.publish(1, '', a, str(number), PERSISTENT)
    for _ in range(3):
        for queue, other in ((a, b), (b, a)):
            reject_all(peer, queue, count)
            eventually(lambda: peer.declare(other, passive=True).message_count == count)
    message = peer.get(a)
    assert [(entry['queue'], entry['count']) for entry in plain(message.properties['headers']['x-death'])] == \
        [(b, 3), (a, 3)]
    assert bodies(peer, a, count - 1) == [str(number) for number in range(1, count)]


# --- at least once -----------------------------------------------------------------------------------------

@pytest.mark.leveret
@pytest.mark.parametrize('missing', ['exchange', 'binding', 'queue'])
def test_at_least_once_keeps_what_nobody_can_take_until_somebody_does(broker, peer, name, missing):
    queue, end, exchange = name('q'), name('end'), name('x')
    peer.declare(queue, durable=True, arguments=at_least_once('' if missing == 'queue' else exchange, end))
    if missing == 'binding':
        peer.call(1, 'exchange.declare', exchange=exchange, type='direct', durable=True)
    for number in range(10):
        peer.publish(1, '', queue, str(number), PERSISTENT)
    reject_all(peer, queue, 10)
    eventually(lambda: unacknowledged(broker, queue) == (0, 0))
    if missing == 'exchange':
        peer.call(1, 'exchange.declare', exchange=exchange, type='direct', durable=True)
    peer.declare(end, durable=True)
    if missing != 'queue':
        peer.call(1, 'queue.bind', queue=end, exchange=exchange, routing_key=end)
    # Not always in their order: some may be tried before the binding is there, and others, in the same turn, after it.
    assert sorted(bodies(peer, end, 10)) == [str(number) for number in range(10)]


@pytest.mark.leveret
def test_what_nobody_can_take_is_counted_and_shown_and_the_log_says_why(own_broker):
    broker = own_broker()

    def counts():
        listed = broker.ctl('-q', 'list_queues', '--no-table-headers', 'name', 'messages', 'messages_unacknowledged',
                            'messages_dlx', 'message_bytes', 'message_bytes_dlx').out
        return dict(line.split('\t', 1) for line in listed.splitlines())['q']

    def said(why):
        return broker.log().count(f"queue 'q' in vhost '/': dead letters cannot be delivered: {why}")

    with Peer(broker.address) as peer:
        peer.declare('q', durable=True, arguments=at_least_once('x', 'end'))
        for number in range(3):
            peer.publish(1, '', 'q', f'letter {number}', PERSISTENT)
        reject_all(peer, 'q', 3)
        eventually(lambda: counts() == '3\t0\t3\t24\t24')
        eventually(lambda: said("there is no exchange 'x'") == 1)
        browsed = json.loads(broker.ctl('browse_queue', 'q', '--unacked', '--formatter', 'json', 'payload', 'state').out)
        assert browsed == [{'payload': f'letter {number}', 'state': 'dead_letter'} for number in range(3)]
        peer.call(1, 'exchange.declare', exchange='x', type='direct', durable=True)
        eventually(lambda: said("exchange 'x' has no route for the key 'end'") == 1)
        peer.declare('end', durable=True, arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
        peer.call(1, 'queue.bind', queue='end', exchange='x', routing_key='end')
        eventually(lambda: said("queue 'end' is full or refuses them") == 1)
        eventually(lambda: counts() == '2\t0\t2\t16\t16')
        assert [eventually(lambda: peer.get('end')).body for _ in range(3)] == [f'letter {n}'.encode() for n in range(3)]
        eventually(lambda: counts() == '0\t0\t0\t0\t0')
        eventually(lambda: 'the dead letters that were kept have been delivered' in broker.log())
        assert said('') == 3, broker.log()


@pytest.mark.leveret
def test_at_least_once_survives_a_crash_while_nobody_takes_it(own_broker, name):
    broker = own_broker()
    with Peer(broker.address) as peer:
        peer.declare('q', durable=True, arguments=at_least_once('', 'end'))
        Confirming(broker.address).publish_confirmed('q', b'once')
        reject_all(peer, 'q', 1)
    eventually(lambda: unacknowledged(broker, 'q') == (0, 0))
    broker.kill()
    broker.start()
    with Peer(broker.address) as peer:
        peer.declare('end', durable=True)
        message = eventually(lambda: peer.get('q', no_ack=False))
        assert message.body == b'once'
        peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
        assert bodies(peer, 'end', 1) == ['once']


@pytest.mark.leveret
@pytest.mark.parametrize('loops', [1, 3])
def test_a_crash_on_the_way_loses_no_dead_letter(own_broker, loops):
    """Killed while thousands are under way: each is in one of the two queues afterwards, or in both."""
    broker, count = own_broker(loops=loops), 5000
    with Peer(broker.address) as peer:
        peer.declare('end', durable=True)
        peer.declare('q', durable=True, arguments=dead_letters('', 'end'))
        publisher = Confirming(broker.address)
        for number in range(count):
            publisher.publish('q', b'%d' % number)
        publisher.settle()
        peer.call(1, 'basic.consume', queue='q')
        for message in peer.contents(count):
            peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
            if message.method.delivery_tag == 100:
                with Peer(broker.address) as other:
                    eventually(lambda: other.declare('end', passive=True).message_count > 0)
        broker.kill()
    broker.start()
    with Peer(broker.address) as peer:
        left = {int(message.body) for message in iter(lambda: peer.get('q'), None)}
        arrived = [int(message.body) for message in iter(lambda: peer.get('end'), None)]
    assert left | set(arrived) == set(range(count))
    assert arrived == sorted(arrived) and len(arrived) == len(set(arrived))


@pytest.mark.leveret
def test_a_full_queue_that_refuses_gets_the_rest_when_it_has_room_at_least_once(broker, peer, name):
    end = name('end')
    peer.declare(end, durable=True, arguments={'x-max-length': 2, 'x-overflow': 'reject-publish'})
    for strategy, arrive in ((dead_letters, '01'), (at_least_once, '01234')):
        queue = name('q.' + strategy.__name__)
        peer.declare(queue, durable=True, arguments=strategy('', end))
        for number in range(5):
            peer.publish(1, '', queue, str(number), PERSISTENT)
        reject_all(peer, queue, 5)
        eventually(lambda: unacknowledged(broker, end) == (2, 0))
        arrived = ''
        while len(arrived) < len(arrive):
            arrived += eventually(lambda: peer.get(end)).body.decode()
        assert sorted(arrived) == sorted(arrive)
        assert peer.get(end) is None
        assert unacknowledged(broker, queue) == (0, 0)


# --- by policy -------------------------------------------------------------------------------------------------

@pytest.mark.leveret
def test_a_policy_sends_what_dies_from_now_on_and_ends_with_it(own_broker):
    broker = own_broker()
    with Peer(broker.address) as peer:
        peer.declare('end', durable=True)
        peer.declare('q', durable=True)

        def dies(body):
            peer.publish(1, '', 'q', body, PERSISTENT)
            reject_all(peer, 'q', 1)
            eventually(lambda: unacknowledged(broker, 'q') == (0, 0))

        dies('before')
        broker.ctl('set_policy', 'dlx', '^q$', '{"dead-letter-exchange": "", "dead-letter-routing-key": "end"}')
        dies('during')
        broker.ctl('clear_policy', 'dlx')
        dies('after')
        assert bodies(peer, 'end', 1) == ['during']


@pytest.mark.leveret
def test_at_least_once_by_policy_goes_where_the_policy_says_by_then(own_broker):
    broker = own_broker()
    with Peer(broker.address) as peer:
        peer.declare('q', durable=True, arguments={'x-queue-type': 'quorum'})
        policy = ('{"dead-letter-exchange": "", "dead-letter-routing-key": "%s", "overflow": "reject-publish", '
                  '"dead-letter-strategy": "at-least-once"}')
        broker.ctl('set_policy', 'dlx', '^q$', policy % 'nowhere')
        for body in 'ab':
            peer.publish(1, '', 'q', body, PERSISTENT)
        reject_all(peer, 'q', 2)
        peer.declare('end', durable=True)
        broker.ctl('set_policy', 'dlx', '^q$', policy % 'end')
        assert sorted(bodies(peer, 'end', 2)) == ['a', 'b']


# --- many at once ---------------------------------------------------------------------------------------------

@pytest.mark.once(also=('asan', 'tsan'))
@pytest.mark.leveret
def test_a_backlog_that_expires_at_once_arrives_in_order(connect, name, volume):
    count, publisher, reader = volume(20000), connect(), connect()
    queue, end = name('q'), name('end')
    publisher.declare(end, durable=True)
    publisher.declare(queue, durable=True, arguments=dead_letters('', end, **{'x-message-ttl': 1500}))
    for number in range(count):
        publisher.publish(1, '', queue, str(number), PERSISTENT)
    reader.call(1, 'basic.consume', queue=end, no_ack=True)
    assert [int(message.body) for message in reader.contents(count)] == list(range(count))
    assert publisher.call(1, 'queue.delete', queue=queue).message_count == 0
    publisher.call(1, 'queue.delete', queue=end)


@pytest.mark.leveret
def test_a_crash_while_a_backlog_expires_loses_none_of_it(own_broker, volume):
    broker, count = own_broker(), volume(10000)
    with Peer(broker.address) as peer:
        peer.declare('end', durable=True)
        peer.declare('q', durable=True, arguments=dead_letters('', 'end', **{'x-message-ttl': 1000}))
        publisher = Confirming(broker.address)
        for number in range(count):
            publisher.publish('q', b'%d' % number)
        publisher.settle()
        eventually(lambda: peer.declare('end', passive=True).message_count > 0, every_s=0.001)
        broker.kill()
    broker.start()
    with Peer(broker.address) as peer:
        eventually(lambda: peer.declare('q', passive=True).message_count == 0)
        eventually(lambda: unacknowledged(broker, 'q') == (0, 0))
        arrived = [int(message.body) for message in iter(lambda: peer.get('end'), None)]
    assert set(arrived) == set(range(count))


@pytest.mark.leveret
def test_what_a_full_queue_refuses_is_told_to_the_publisher_and_is_dead(connect, broker, name, volume):
    count, reader = volume(2000), connect()
    queue, end = name('q'), name('end')
    reader.declare(end, durable=True)
    reader.declare(queue, durable=True,
                   arguments=dead_letters('', end, **{'x-max-length': 10, 'x-overflow': 'reject-publish-dlx'}))
    publisher = Confirming(broker.address)
    for number in range(count):
        publisher.publish(queue, str(number))
    reader.call(1, 'basic.consume', queue=end, no_ack=True)
    assert [int(message.body) for message in reader.contents(count - 10)] == list(range(10, count))
    publisher.settle()
    assert len(publisher.confirmed) == 10 and len(publisher.refused) == count - 10
    assert unacknowledged(broker, queue) == (10, 0)
    publisher.peer.call(1, 'queue.delete', queue=queue)
    publisher.peer.call(1, 'queue.delete', queue=end)


@pytest.mark.once(also=('asan', 'tsan'))
@pytest.mark.leveret
def test_two_full_queues_that_push_into_each_other_come_to_rest(broker, peer, name, volume):
    a, b, count = name('a'), name('b'), volume(2000)
    peer.declare(a, arguments=dead_letters('', b, **{'x-max-length': 100}))
    peer.declare(b, arguments=dead_letters('', a, **{'x-max-length': 100}))
    for number in range(count):
        peer.publish(1, '', a, str(number))
    eventually(lambda: (unacknowledged(broker, a), unacknowledged(broker, b)) == ((100, 0), (100, 0)))
    for queue in (a, b):
        peer.call(1, 'queue.delete', queue=queue)


# --- histories that come back ----------------------------------------------------------------------------------

@pytest.mark.leveret
def test_a_republished_history_counts_for_nothing_where_the_operator_says_so(own_broker, tmp_path):
    config = tmp_path / 'conf'
    config.write_text('dead_letter.republished_x_death = ignore\n')
    broker = own_broker(flags=['--config', str(config)])
    with Peer(broker.address) as peer:
        peer.declare('end')
        peer.declare('q', arguments=dead_letters('', 'end'))
        peer.publish(1, '', 'q', 'x', encode_properties({'headers': {'mine': 1, 'BCC': ['end']}, 'app_id': 'me'}))
        assert peer.get('end').properties == {'app_id': 'me', 'headers': {'mine': ('I', 1)}}
        for _ in range(3):
            message = eventually(lambda: peer.get('q', no_ack=False))
            assert message.properties['app_id'] == 'me' and 'x-death' not in message.properties['headers']
            peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
            dead = eventually(lambda: peer.get('end'))
            headers = plain(dead.properties['headers'])
            assert [(entry['queue'], entry['count']) for entry in headers['x-death']] == [('q', 1)]
            assert headers['mine'] == 1 and headers['x-first-death-queue'] == 'q'
            peer.publish(1, '', 'q', 'x', encode_properties(dead.properties))
        # What dies on its way within the broker is counted on.
        peer.declare('again', arguments=dead_letters('', 'q'))
        peer.publish(1, '', 'again', 'y', encode_properties(dead.properties))
        peer.call(1, 'queue.purge', queue='q')
        for queue in ('again', 'q'):
            message = eventually(lambda: peer.get(queue, no_ack=False))
            peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
        dead = eventually(lambda: peer.get('end'))
        assert [entry['queue'] for entry in plain(dead.properties['headers']['x-death'])] == ['q', 'again']
