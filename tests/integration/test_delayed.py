"""Exchanges that delay messages: x-delayed-message, as the community's plugin for RabbitMQ has it, and what
is shown of the messages that wait. RabbitMQ comes without that plugin: these tests are about Leveret alone."""
import json
import time

import pytest

from patience import PATIENCE_S
from wire import Peer, encode_properties, eventually, plain

pytestmark = pytest.mark.leveret


def waits(ms, mode=2, **more):
    return encode_properties({'delivery_mode': mode, 'headers': {'x-delay': ms, **more}})


@pytest.fixture
def delaying(peer, name):
    """Declares a delayed exchange of this inner type, and a queue bound to it."""
    def declare(inner='direct', key='k', durable=True, **arguments):
        exchange, queue = name('x'), name('q')
        peer.call(1, 'exchange.declare', exchange=exchange, type='x-delayed-message', durable=durable,
                  arguments={'x-delayed-type': inner, **arguments})
        peer.declare(queue, durable=durable)
        peer.call(1, 'queue.bind', queue=queue, exchange=exchange, routing_key=key)
        return exchange, queue
    return declare


def pending(broker, exchange):
    rows = json.loads(broker.ctl('list_delayed', exchange, '--formatter', 'json').out)
    return rows


def take(peer, queue, count, within_s=PATIENCE_S):
    """So many messages, in the order of the queue, and when each was there."""
    taken = []
    end = time.monotonic() + within_s
    while len(taken) < count:
        got = peer.get(queue)
        if got:
            taken.append((time.monotonic(), got))
        else:
            assert time.monotonic() < end, f'{len(taken)} of {count} messages came'
            time.sleep(0.002)
    return taken


def test_messages_come_when_they_are_due_in_that_order_and_their_header_turns_negative(peer, delaying):
    exchange, queue = delaying()
    start = time.monotonic()
    for ms in (600, 200, 400):
        peer.publish(1, exchange, 'k', str(ms), waits(ms, other='kept'))
    peer.publish(1, exchange, 'k', b'now')
    peer.publish(1, exchange, 'k', b'not negative', waits(-5))
    peer.publish(1, exchange, 'k', b'zero', waits(0))
    taken = take(peer, queue, 6)
    assert [got.body for _, got in taken] == [b'now', b'not negative', b'zero', b'200', b'400', b'600']
    for when, got in taken[3:]:
        late_s = when - start - int(got.body) / 1000
        assert -0.1 < late_s < 0.5, f'{got.body} came {late_s} s late'
        assert got.method.exchange == exchange
        assert plain(got.properties['headers']) == {'x-delay': -int(got.body), 'other': 'kept'}
        assert plain(got.properties['delivery_mode']) == 2
    assert plain(taken[1][1].properties['headers']) == {'x-delay': -5}


@pytest.mark.parametrize('value, is_delayed', [
    (('l', 300), True), (('s', 300), True), (('u', 300), True), (('B', 200), True), ('300', True), (300.7, True),
    ('soon', False), ('', False), (True, False), (('T', 300), False), (None, False)])
def test_which_values_delay(peer, broker, delaying, value, is_delayed):
    exchange, queue = delaying()
    peer.call(1, 'confirm.select')
    peer.publish(1, exchange, 'k', b'm', waits(value))
    peer.expect('basic.ack', 1)
    assert bool(peer.get(queue)) != is_delayed
    if is_delayed:
        [(_, got)] = take(peer, queue, 1)
        assert plain(got.properties['headers'])['x-delay'] in (-200, -300)


@pytest.mark.parametrize('inner, key, published, found', [
    ('topic', 'a.*', 'a.b', True), ('topic', 'a.*', 'b.b', False), ('fanout', '', 'any', True),
    ('direct', 'k', 'other', False)])
def test_the_inner_type_routes_with_the_bindings_of_then(peer, delaying, name, inner, key, published, found):
    exchange, queue = delaying(inner, key)
    late = name('late')
    peer.publish(1, exchange, published, b'm', waits(300))
    peer.declare(late)
    peer.call(1, 'queue.bind', queue=late, exchange=exchange, routing_key=published)
    assert take(peer, late, 1)[0][1].body == b'm'
    assert bool(peer.get(queue)) == found
    peer.call(1, 'queue.delete', queue=late)


def test_headers_cc_and_the_alternate_exchange_count_when_it_is_due(peer, delaying, name):
    exchange, queue = delaying('headers', **{'alternate-exchange': 'amq.fanout'})
    by_cc, nobody, cc = name('cc'), name('nobody'), name('direct')
    for one in (by_cc, nobody):
        peer.declare(one, exclusive=True)
    peer.call(1, 'exchange.declare', exchange=cc, type='x-delayed-message', arguments={'x-delayed-type': 'direct'})
    peer.call(1, 'queue.bind', queue=by_cc, exchange=cc, routing_key='second')
    peer.call(1, 'queue.bind', queue=nobody, exchange='amq.fanout')
    peer.call(1, 'queue.unbind', queue=queue, exchange=exchange, routing_key='k')
    peer.call(1, 'queue.bind', queue=queue, exchange=exchange, arguments={'colour': 'red'})
    peer.publish(1, exchange, '', b'red', waits(200, colour='red'))
    peer.publish(1, exchange, '', b'blue', waits(200, colour='blue'))
    peer.publish(1, cc, 'first', b'cc', waits(200, CC=['second']))
    assert peer.get(nobody) is None
    assert take(peer, queue, 1)[0][1].body == b'red'
    assert take(peer, nobody, 1)[0][1].body == b'blue'
    assert take(peer, by_cc, 1)[0][1].body == b'cc'
    peer.call(1, 'exchange.delete', exchange=cc)


def test_keys_in_cc_and_bcc_count_when_it_is_due_and_nobody_sees_bcc_also_after_kill_9(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    peer.call(1, 'exchange.declare', exchange='front', type='fanout', durable=True)
    peer.call(1, 'exchange.declare', exchange='x', type='x-delayed-message', durable=True,
              arguments={'x-delayed-type': 'direct'})
    peer.call(1, 'exchange.bind', source='front', destination='x')
    peer.declare('at once', durable=True)
    peer.call(1, 'queue.bind', queue='at once', exchange='front')
    for queue in ('key', 'cc', 'bcc', 'other'):
        peer.declare(queue, durable=True)
        peer.call(1, 'queue.bind', queue=queue, exchange='x', routing_key=queue)
    peer.call(1, 'confirm.select')
    bodies = [b'small', b'large' * 100000, b'transaction']
    properties = waits(200, CC=['cc', 7], BCC=['bcc', 'nobody'], more='kept')
    for is_killed in (False, True):
        peer.publish(1, 'front', 'key', bodies[0], properties)
        peer.publish(1, 'front', 'key', bodies[1], properties)
        peer.open_channel(2)
        peer.call(2, 'tx.select')
        peer.publish(2, 'front', 'key', bodies[2], properties)
        peer.call(2, 'tx.commit')
        acked = 0
        while acked < 2:
            acked = peer.expect('basic.ack', 1).delivery_tag
        peer.call(2, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
        if is_killed:
            own.kill()
            own.start()
            peer = Peer(own.address)
        for queue, delay in (('at once', 200), ('key', -200), ('cc', -200), ('bcc', -200)):
            came = [got for _, got in take(peer, queue, 3)]
            while is_killed and {got.body for got in came} < set(bodies):
                came += [got for _, got in take(peer, queue, 1)]  # what was due before the kill may come twice
            assert sorted({got.body for got in came} if is_killed else [got.body for got in came]) == sorted(bodies), queue
            for got in came:
                assert plain(got.properties['headers']) == {'x-delay': delay, 'CC': ['cc', 7], 'more': 'kept'}
        assert peer.get('other') is None


def test_any_exchange_delays_when_its_arguments_say_so_also_behind_another_one(peer, name):
    front, back, queue = name('front'), name('back'), name('q')
    peer.call(1, 'exchange.declare', exchange=front, type='fanout')
    peer.call(1, 'exchange.declare', exchange=back, type='topic', arguments={'x-delayed-exchange': True})
    peer.call(1, 'exchange.bind', source=front, destination=back)
    peer.declare(queue, exclusive=True)
    peer.call(1, 'queue.bind', queue=queue, exchange=back, routing_key='#')
    start = time.monotonic()
    peer.publish(1, front, 'a.b', b'm', waits(300))
    [(when, got)] = take(peer, queue, 1)
    assert when - start > 0.25
    assert (got.method.exchange, got.method.routing_key) == (front, 'a.b')
    for one in (front, back):
        peer.call(1, 'exchange.delete', exchange=one)


def test_expiration_counts_from_the_delivery_to_the_queue(peer, delaying):
    exchange, queue = delaying()
    peer.publish(1, exchange, 'k', b'm', encode_properties({'expiration': '60000', 'headers': {'x-delay': 300}}))
    peer.publish(1, exchange, 'k', b'gone', encode_properties({'expiration': '100', 'headers': {'x-delay': 500}}))
    [(_, got)] = take(peer, queue, 1)
    assert (got.body, got.properties['expiration']) == (b'm', '60000')
    eventually(lambda: peer.declare(queue, passive=True).message_count == 0)


def test_mandatory_returns_only_what_is_not_delayed(peer, delaying):
    exchange, queue = delaying()
    peer.call(1, 'confirm.select')
    peer.publish(1, exchange, 'nobody', b'm', waits(10 ** 7), mandatory=True)
    assert peer.expect('basic.ack', 1).delivery_tag == 1
    peer.publish(1, exchange, 'nobody', b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.reply_code == 312
    assert peer.expect('basic.ack', 1).delivery_tag == 2
    peer.call(1, 'exchange.delete', exchange=exchange)


def test_what_is_refused(peer, connect, delaying, name):
    exchange, queue = delaying()
    waiting = 'amq.delayed-' + exchange
    text = (f"ACCESS_REFUSED - queue '{waiting}' in vhost '/' belongs to exchange '{exchange}', which delays "
            'messages: it can only be purged')

    def refused(method, code, words, **arguments):
        peer.send(1, method, **arguments)
        peer.expect_channel_close(code, words, 1, method)
        peer.open_channel(1)

    refused('basic.consume', 403, text, queue=waiting)
    refused('basic.get', 403, text, queue=waiting)
    refused('queue.delete', 403, text, queue=waiting)
    refused('queue.bind', 403, text, queue=waiting, exchange='amq.fanout')
    refused('queue.declare', 403, f"ACCESS_REFUSED - queue name '{waiting}' contains reserved prefix 'amq.*'",
            queue=waiting)
    peer.publish(1, '', waiting, b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.reply_code == 312
    invalid = "PRECONDITION_FAILED - Invalid argument, 'x-delayed-type' must be an existing exchange type"
    for arguments in ({}, {'x-delayed-type': 5}, {'x-delayed-type': 'x-delayed-message'}):
        refused('exchange.declare', 406, invalid, exchange=name('bad'), type='x-delayed-message', arguments=arguments)
    refused('exchange.declare', 406, f"PRECONDITION_FAILED - inequivalent arg 'type' for exchange '{exchange}' in vhost "
            "'/': received 'direct' but current is ''x-delayed-message''", exchange=exchange, type='direct', durable=True)
    peer.call(1, 'exchange.declare', exchange=exchange, type='x-delayed-message', durable=True,
              arguments={'x-delayed-type': 'direct'})
    other = connect()
    other.send(1, 'exchange.declare', exchange=name('bad'), type='x-delayed-message',
               arguments={'x-delayed-type': 'x-unknown'})
    other.expect_connection_close(503, "COMMAND_INVALID - unknown exchange type 'x-unknown'", 'exchange.declare')


def test_what_waits_is_counted_listed_and_cancelled(broker, peer, delaying):
    exchange, queue = delaying()
    peer.call(1, 'confirm.select')
    far = 90 * 86400 * 1000
    for i, ms in enumerate((far, far + 10000, far - 10000, far + 20000)):
        peer.publish(1, exchange, 'k', b'x' * i, waits(ms, mode=1 + i % 2))
        peer.expect('basic.ack', 1)
    rows = pending(broker, exchange)
    assert [row['message_bytes'] for row in rows] == [2, 0, 1, 3]
    assert all(row['routing_key'] == 'k' and row['due'].endswith('Z') for row in rows)
    counts = {row['name']: row['messages'] for row in json.loads(
        broker.ctl('list_queues', 'name', 'messages', '--formatter', 'json').out)}
    assert counts['amq.delayed-' + exchange] == 4
    delayed = {row['name']: row['messages_delayed'] for row in json.loads(
        broker.ctl('list_exchanges', 'name', 'messages_delayed', '--formatter', 'json').out)}
    assert (delayed[exchange], delayed['amq.topic']) == (4, '')
    assert broker.ctl('-q', 'list_delayed', exchange, '--limit', '1', '--no-table-headers').out.split('\t')[0] == \
        str(rows[0]['id'])
    said = broker.ctl('cancel_delayed', exchange, str(rows[0]['id']), str(rows[3]['id']), '999999').out
    assert 'Cancelled 2 messages' in said
    assert [row['message_bytes'] for row in pending(broker, exchange)] == [0, 1]
    assert peer.declare('amq.delayed-' + exchange, passive=True).message_count == 2
    assert peer.call(1, 'queue.purge', queue='amq.delayed-' + exchange).message_count == 2
    peer.publish(1, exchange, 'k', b'm', waits(far))
    peer.expect('basic.ack', 1)
    assert 'Cancelled 1 messages' in broker.ctl('cancel_delayed', exchange, '--all').out
    assert pending(broker, exchange) == []
    assert broker.ctl('list_delayed', 'amq.topic', check=False).code == 64
    assert broker.ctl('cancel_delayed', exchange, check=False).code == 64
    peer.call(1, 'exchange.delete', exchange=exchange)
    assert not any(row['name'].startswith('amq.delayed-' + exchange) for row in json.loads(
        broker.ctl('list_queues', '--formatter', 'json').out))
    peer.call(1, 'exchange.declare', exchange=exchange, type='x-delayed-message',
              arguments={'x-delayed-type': 'direct'})
    assert pending(broker, exchange) == []


@pytest.mark.parametrize('count, first_ms, step_ms', [
    (20, 500, 40), pytest.param(20000, 5000, 0.2, marks=pytest.mark.once(also=('asan', 'tsan')))])
def test_what_waits_survives_kill_9_and_what_is_due_goes_at_once_in_order(own_broker, volume, count, first_ms,
                                                                          step_ms):
    own = own_broker()
    peer = Peer(own.address)
    count = volume(count)
    peer.call(1, 'exchange.declare', exchange='x', type='x-delayed-message', durable=True,
              arguments={'x-delayed-type': 'topic'})
    peer.declare('q', durable=True)
    peer.call(1, 'queue.bind', queue='q', exchange='x', routing_key='#')
    peer.call(1, 'confirm.select')
    body = b'.' * 400
    peer.publish(1, 'x', 'k', b'transient', waits(10 ** 9, mode=1))
    peer.expect('basic.ack', 1)
    due, begun = [], time.time()
    for i in range(count):                       # the later a message is published, the earlier it is due
        wait_ms = int(first_ms + (count - i) * step_ms)
        due.append(time.time() + wait_ms / 1000)
        peer.publish(1, 'x', 'k', b'%06d' % i + body, waits(wait_ms))
    peer.publish(1, 'x', 'k', b'far', waits(10 ** 9))
    acked = 0
    while acked < count + 2:
        acked = peer.expect('basic.ack', 1).delivery_tag
    published = time.time()
    own.kill()
    killed = time.time()
    all_are_due = published + (first_ms + count * step_ms) / 1000
    while count < 5000 and time.time() < all_are_due:
        time.sleep(all_are_due - time.time())
    own.start()
    peer = Peer(own.address)
    on_its_way = sum(time_due <= killed for time_due in due)  # 0, unless the machine is busy: these may come twice
    bodies, seen, twice = [], set(), 0
    while len(bodies) < count:
        [(_, got)] = take(peer, 'q', 1, 90)
        number = int(got.body[:6])
        twice += number in seen
        if number not in seen:
            seen.add(number)
            bodies.append(number)
    assert sorted(bodies) == list(range(count)) and twice <= on_its_way
    took_ms = (published - begun) * 1000
    if took_ms < step_ms and not on_its_way:     # else the time that publishing takes counts as well
        assert bodies == sorted(bodies, reverse=True)
    [row] = eventually(lambda: len(pending(own, 'x')) == 1 and pending(own, 'x'))
    assert row['message_bytes'] == 3
    peer.call(1, 'exchange.delete', exchange='x')
    peer.drop()                                      # else the broker waits for it
    own.restart()
    assert [row['name'] for row in json.loads(own.ctl('list_queues', '--formatter', 'json').out)] == ['q']
