"""Looking at a queue's messages without taking them: basic.consume with x-browse, leveretctl browse_queue."""
import json

import pytest

from crash_tools import PERSISTENT
from wire import Peer, encode_properties, eventually

pytestmark = pytest.mark.leveret

BIG = 50_000


def filled(peer, queue, bodies, properties=b'\0\0', arguments={}, **flags):
    peer.declare(queue, arguments=arguments, **(flags or dict(exclusive=True)))
    for body in bodies:
        peer.publish(1, '', queue, str(body), properties)
    count = len(bodies)
    eventually(lambda: peer.declare(queue, passive=True).message_count == count)


def browse(peer, queue, channel=1, no_ack=True, tag='', **arguments):
    arguments = {'x-browse': True, **{f'x-browse-{key}': value for key, value in arguments.items()}}
    return peer.call(channel, 'basic.consume', queue=queue, no_ack=no_ack, consumer_tag=tag, arguments=arguments).consumer_tag


def bodies(messages):
    return [message.body.decode() for message in messages]


def numbers(count, begin=0):
    return [str(number) for number in range(begin, count)]


def until_cancelled(peer, tag):
    """Everything that is delivered before the server cancels."""
    seen = []
    while True:
        frame = peer.next()
        if frame.name == 'basic.cancel':
            assert frame.consumer_tag == tag
            return seen
        assert frame.name == 'basic.deliver', frame
        header = peer.next()
        seen.append((frame, b''.join(peer.next().payload for _ in range(header.size > 0)).decode()))


def test_a_browser_sees_all_and_takes_nothing(peer, name):
    filled(peer, name('q'), range(10))
    browse(peer, name('q'))
    seen = peer.contents(10)
    assert bodies(seen) == numbers(10)
    assert not any(message.method.redelivered for message in seen)
    assert {message.method.routing_key for message in seen} == {name('q')}
    declared = peer.declare(name('q'), passive=True)
    assert (declared.message_count, declared.consumer_count) == (10, 0)
    got = peer.get(name('q'))
    assert (got.body, got.method.redelivered) == (b'0', False)


def test_it_goes_on_with_what_comes(connect, peer, name):
    filled(peer, name('q'), range(3), auto_delete=True)
    browse(peer, name('q'))
    assert bodies(peer.contents(3)) == numbers(3)
    other = connect()
    for number in range(3, 500):
        other.publish(1, '', name('q'), str(number))
    assert bodies(peer.contents(497)) == numbers(500, 3)
    assert other.declare(name('q'), passive=True).message_count == 500


@pytest.mark.parametrize('offset, first', [(0, 0), (4, 4), (9, 9), (10, 10), (1000, 10), ('first', 0), ('last', 9),
                                           ('next', 10)], ids=str)
def test_where_it_begins(peer, name, offset, first):
    filled(peer, name('q'), range(10))
    browse(peer, name('q'), offset=offset)
    peer.publish(1, '', name('q'), '10')
    assert bodies(peer.contents(11 - first)) == numbers(11, first)
    peer.nothing_more()


@pytest.mark.parametrize('argument, value, why', [
    ('x-browse', 'yes', '{unacceptable_type,longstr}'),
    ('x-browse-offset', 'middle', '"expected a number, first, last or next"'),
    ('x-browse-offset', -1, '{value_negative,-1}'),
    ('x-browse-end', 1, '{unacceptable_type,signedint}')], ids=str)
def test_what_is_no_argument(peer, name, argument, value, why):
    peer.declare(name('q'), exclusive=True)
    peer.send(1, 'basic.consume', queue=name('q'), arguments={'x-browse': True, argument: value})
    peer.expect_channel_close(
        406, f"PRECONDITION_FAILED - invalid arg '{argument}' for queue '{name('q')}' in vhost '/': {why}", 1,
        'basic.consume')


def test_with_browse_end_the_server_cancels(peer, name):
    filled(peer, name('q'), range(300))
    tag = browse(peer, name('q'), end=True)
    assert [body for _, body in until_cancelled(peer, tag)] == numbers(300)
    tag = browse(peer, name('q'), end=True, offset='next')
    assert until_cancelled(peer, tag) == []
    browse(peer, name('q'), tag=tag)                 # it may be used again


def test_priorities_come_first(peer, name):
    peer.declare(name('q'), exclusive=True, arguments={'x-max-priority': 5})
    for number in range(30):
        peer.publish(1, '', name('q'), str(number), encode_properties(dict(priority=number % 3)))
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 30)
    expected = [str(number) for priority in (2, 1, 0) for number in range(priority, 30, 3)]
    browse(peer, name('q'))
    assert bodies(peer.contents(30)) == expected
    browse(peer, name('q'), offset=15)
    assert bodies(peer.contents(15)) == expected[15:]
    peer.publish(1, '', name('q'), 'late', encode_properties(dict(priority=5)))
    assert bodies(peer.contents(2)) == ['late', 'late']


def test_acknowledging_makes_room_and_nothing_else(peer, name):
    filled(peer, name('q'), range(20))
    peer.call(1, 'basic.qos', prefetch_count=5)
    browse(peer, name('q'), no_ack=False)
    seen = peer.contents(5)
    peer.nothing_more()
    peer.send(1, 'basic.ack', delivery_tag=seen[-1].method.delivery_tag, multiple=True)
    seen += peer.contents(5)
    peer.send(1, 'basic.nack', delivery_tag=seen[-1].method.delivery_tag, multiple=True, requeue=True)
    seen += peer.contents(5)
    peer.send(1, 'basic.nack', delivery_tag=seen[-1].method.delivery_tag, multiple=True, requeue=False)
    seen += peer.contents(5)
    assert bodies(seen) == numbers(20)
    peer.open_channel(2)
    peer.call(1, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
    assert peer.declare(name('q'), channel=2, passive=True).message_count == 20


def test_a_channels_limit_holds_for_browsers(peer, name):
    filled(peer, name('q'), range(20))
    peer.call(1, 'basic.qos', prefetch_count=3, global_=True)
    browse(peer, name('q'), no_ack=False)
    seen = peer.contents(3)
    peer.nothing_more()
    peer.send(1, 'basic.ack', delivery_tag=seen[-1].method.delivery_tag, multiple=True)
    assert bodies(peer.contents(3)) == numbers(6, 3)


def test_it_stands_beside_consumers(connect, name):
    peer, other = connect(), connect()
    filled(peer, name('q'), range(6), auto_delete=True)
    peer.call(1, 'basic.qos', prefetch_count=2)
    peer.call(1, 'basic.consume', queue=name('q'), exclusive=True)
    peer.contents(2)                                 # unacknowledged: nobody else sees them
    tag = browse(other, name('q'))
    assert bodies(other.contents(4)) == numbers(6, 2)
    assert other.declare(name('q'), passive=True).consumer_count == 1
    assert other.call(1, 'basic.cancel', consumer_tag=tag)
    assert peer.declare(name('q'), passive=True).message_count == 4   # not deleted by the browser's going


def test_a_deleted_queue_ends_it(connect, name):
    peer, other = connect(), connect()
    filled(peer, name('q'), range(3), auto_delete=False)
    tag = browse(other, name('q'))
    other.contents(3)
    peer.call(1, 'queue.delete', queue=name('q'))
    assert other.expect('basic.cancel', 1).consumer_tag == tag


def test_a_purge_leaves_it_going_on(connect, name):
    peer, other = connect(), connect()
    filled(peer, name('q'), range(3), auto_delete=True)
    browse(other, name('q'))
    other.contents(3)
    assert peer.call(1, 'queue.purge', queue=name('q')).message_count == 3
    peer.publish(1, '', name('q'), 'after')
    assert bodies(other.contents(1)) == ['after']


# --- on disk ---------------------------------------------------------------------------------------------

def body_of(number, count):
    return b'%08d' % number + bytes(max(600, 30_000_000 // count) - 8)


def paged(broker, queue, count, properties=PERSISTENT):
    """A durable queue with so many messages, most of which have left memory: 30 MB of them."""
    with Peer(broker.address) as peer:
        peer.declare(queue, durable=True)
        peer.call(1, 'confirm.select')
        for number in range(count):
            peer.publish(1, '', queue, body_of(number, count), properties)
        confirmed = 0
        while confirmed < count:
            frame = peer.expect('basic.ack', 1)
            confirmed = frame.delivery_tag if frame.multiple else confirmed + 1
        peer.close()


def shown_numbers(broker, queue, *words):
    shown = json.loads(broker.ctl('browse_queue', queue, '--truncate', '8', '--formatter', 'json', *words,
                                  'payload', 'redelivered', 'location').out)
    return [int(row['payload']) for row in shown], {(row['redelivered'], row['location']) for row in shown}


@pytest.mark.once(also=['asan'])
def test_a_queue_on_disk_is_seen_in_order_while_others_take_and_publish(own_broker, volume):
    broker, count = own_broker(), volume(BIG)
    paged(broker, 'q', count)
    assert shown_numbers(broker, 'q') == (list(range(count)), {(False, 'memory'), (False, 'disk')})
    middle = list(range(count // 2, count // 2 + 1000))
    assert shown_numbers(broker, 'q', '--offset', str(middle[0]), '--limit', '1000') == (middle, {(False, 'disk')})

    more = count // 10
    with Peer(broker.address) as browser, Peer(broker.address) as taker, Peer(broker.address) as publisher:
        tag = browse(browser, 'q', end=True, offset='last')
        assert [int(body[:8]) for _, body in until_cancelled(browser, tag)] == [count - 1]
        tag = browse(browser, 'q', end=True)
        taker.call(1, 'basic.qos', prefetch_count=100)
        taker.call(1, 'basic.consume', queue='q')
        for number in range(more):
            publisher.publish(1, '', 'q', body_of(count + number, count), PERSISTENT)
            message = taker.content(1)
            assert (int(message.body[:8]), message.method.redelivered) == (number, False)
            if number % 50 == 49:
                taker.send(1, 'basic.ack', delivery_tag=message.method.delivery_tag, multiple=True)
        seen = [int(body[:8]) for _, body in until_cancelled(browser, tag)]
        missing = set(range(count)) - set(seen)      # what was taken before it came by: from the front
        assert seen == sorted(set(seen)) and (not missing or max(missing) < more + 200)
        taker.close()

    broker.restart()                                 # now the segments are those of an earlier life
    left, _ = shown_numbers(broker, 'q')
    assert left == list(range(left[0], count + more)) and more - 150 <= left[0] <= more
    broker.stop()


@pytest.mark.once(also=['asan'])
def test_a_purge_and_a_deletion_while_it_reads(own_broker, volume):
    broker, count = own_broker(), volume(BIG) // 2
    paged(broker, 'q', count)
    with Peer(broker.address) as browser, Peer(broker.address) as peer:
        peer.call(1, 'basic.qos', prefetch_count=10)
        browser.call(1, 'basic.qos', prefetch_count=10)
        browse(browser, 'q', no_ack=False)
        seen = browser.contents(10)
        peer.call(1, 'queue.purge', queue='q')
        peer.publish(1, '', 'q', b'%08d' % count, PERSISTENT)
        while int(seen[-1].body[:8]) != count:
            browser.send(1, 'basic.ack', delivery_tag=seen[-1].method.delivery_tag, multiple=True)
            seen.append(browser.content(1))
        assert len(seen) < count                     # what was purged is not shown any more
        peer.call(1, 'queue.delete', queue='q')
        assert browser.expect('basic.cancel', 1)
    broker.stop()


# --- leveretctl browse_queue ------------------------------------------------------------------------------

def rows(broker, *words):
    return json.loads(broker.ctl('browse_queue', *words, '--formatter', 'json').out)


def test_an_operator_looks_at_messages(broker, peer, name):
    queue = name('q')
    peer.declare(queue, exclusive=True)
    peer.call(1, 'exchange.declare', exchange=name('x'), type='fanout')
    peer.call(1, 'queue.bind', queue=queue, exchange=name('x'))
    peer.publish(1, name('x'), 'some.key', 'Grüße', encode_properties(dict(
        content_type='text/plain', delivery_mode=2, correlation_id='c1', headers={'who': 'me', 'many': 3})))
    peer.publish(1, name('x'), 'other', b'\xff\x00\x01')
    peer.publish(1, name('x'), 'other', 'third')
    eventually(lambda: peer.declare(queue, passive=True).message_count == 3)
    text = rows(broker, queue)
    assert text[0] == {
        'position': 0, 'redelivered': False, 'exchange': name('x'), 'routing_key': 'some.key', 'payload': 'Grüße',
        'payload_encoding': 'string', 'headers': text[0]['headers'], 'properties': text[0]['properties']}
    assert 'who' in str(text[0]['headers']) and 'correlation_id' in str(text[0]['properties'])
    columns = ('position', 'payload', 'payload_encoding', 'payload_bytes', 'state', 'location')
    assert [tuple(row[column] for column in columns) for row in rows(broker, queue, *columns)] == [
        (0, 'Grüße', 'string', 7, 'ready', 'memory'), (1, '/wAB', 'base64', 3, 'ready', 'memory'),
        (2, 'third', 'string', 5, 'ready', 'memory')]
    assert [row['payload'] for row in rows(broker, queue, '--truncate', '3', 'payload')] == ['Gr', '/wAB', 'thi']
    assert [row['position'] for row in rows(broker, queue, '--offset', '1', '--limit', '1')] == [1]
    assert rows(broker, queue, '--offset', '3') == []

    got = peer.get(queue, no_ack=False)
    assert [row['position'] for row in rows(broker, queue)] == [0, 1]
    assert [(row['position'], row['state']) for row in rows(broker, queue, '--unacked', 'position', 'state')] == [
        (0, 'unacked'), (1, 'ready'), (2, 'ready')]
    peer.send(1, 'basic.reject', delivery_tag=got.method.delivery_tag, requeue=True)
    eventually(lambda: [row['redelivered'] for row in rows(broker, queue)] == [True, False, False])


def test_an_operator_sees_times_of_64_bits_as_they_are(broker, peer, name):
    queue, most = name('q'), 2**64 - 1
    peer.declare(queue, exclusive=True)
    peer.publish(1, '', queue, b'late', encode_properties(dict(timestamp=most, headers={'when': ('T', most)})))
    eventually(lambda: peer.declare(queue, passive=True).message_count == 1)
    message = rows(broker, queue)[0]
    assert message['headers'] == [['when', 'timestamp', most]] and message['properties'] == [['timestamp', 'timestamp', most]]
    shown = broker.ctl('-q', 'browse_queue', queue, 'headers').out
    assert f'[{{"when",{most}}}]' in shown, shown
    listed = json.loads(broker.ctl('-q', 'list_queues', '--formatter', 'json', 'name', 'head_message_timestamp').out)
    assert {'name': queue, 'head_message_timestamp': most} in listed


def test_what_an_operator_gets_wrong(broker, peer, name):
    peer.declare(name('q'), exclusive=True)
    assert broker.ctl('browse_queue', name('none'), check=False).code == 64
    assert broker.ctl('browse_queue', name('q'), '-p', 'nowhere', check=False).code == 64
    assert broker.ctl('browse_queue', name('q'), '--offset', '-1', check=False).code == 64
    assert broker.ctl('browse_queue', name('q'), '--limit', 'x', check=False).code == 64
    assert broker.ctl('browse_queue', name('q'), 'nonsense', check=False).code == 64
    assert broker.ctl('browse_queue', check=False).code == 64
    table = broker.ctl('browse_queue', name('q')).out
    assert table == f"Messages in queue '{name('q')}' in vhost '/' ...\n"
