"""Many connections on several loops: order, completeness, fairness, bounded memory."""
import os
import threading

import pytest

from wire import FRAME_METHOD, Peer, encode_frame, encode_method, encode_publish, eventually


def in_threads(*functions):
    """Runs them side by side; the first failure is raised here."""
    failures = []

    def guarded(function):
        try:
            function()
        except BaseException as failure:             # noqa: B902  handed to the caller below
            failures.append(failure)
    threads = [threading.Thread(target=guarded, args=(function,)) for function in functions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def acking(peer, messages, every=50):
    """Takes so many messages, acknowledging every so often; yields them."""
    for number in range(1, messages + 1):
        message = peer.content()
        yield message
        if number % every == 0 or number == messages:
            peer.send(message.channel, 'basic.ack', delivery_tag=message.method.delivery_tag, multiple=True)


def test_each_channels_messages_keep_their_order_from_many_publishers_to_many_queues(connect, name, volume):
    """Publishers and consumers on connections that land on all loops, each queue fed by all publishers."""
    publishers, queues, count = 6, 6, volume(600)
    readers = [connect() for _ in range(queues)]
    for number, reader in enumerate(readers):
        reader.declare(name(number), exclusive=True)
        reader.call(1, 'basic.qos', prefetch_count=100)
        reader.call(1, 'basic.consume', queue=name(number))

    def publish(who, peer):
        for number in range(count):
            for queue in range(queues):
                peer.publish(1, '', name(queue), f'{who} {number}')
        peer.close()

    def read(reader):
        expected = [0] * publishers
        for message in acking(reader, publishers * count):
            who, number = map(int, message.body.split())
            assert number == expected[who], f'publisher {who}: {number} came, {expected[who]} was due'
            expected[who] += 1

    in_threads(*[lambda who=who: publish(who, connect()) for who in range(publishers)],
               *[lambda reader=reader: read(reader) for reader in readers])
    for number, reader in enumerate(readers):
        assert reader.declare(name(number), passive=True).message_count == 0


def test_a_fan_out_over_all_loops_reaches_every_queue_in_order(connect, name, volume):
    readers, count = [connect() for _ in range(12)], volume(500)
    publisher = connect()
    publisher.call(1, 'exchange.declare', exchange=name('x'), type='fanout', auto_delete=True)
    for reader in readers:
        reader.declare(exclusive=True)
        reader.call(1, 'queue.bind', exchange=name('x'))
        reader.call(1, 'basic.consume', no_ack=True)
    publisher.call(1, 'confirm.select')
    for number in range(count):
        publisher.publish(1, name('x'), '', str(number))
    for reader in readers:
        assert [int(message.body) for message in reader.contents(count)] == list(range(count))


def test_a_confirmed_message_is_in_its_queue_for_whoever_asks_next(connect, name):
    publishers, askers = [connect() for _ in range(4)], [connect() for _ in range(4)]
    queues = [name(number) for number in range(4)]
    for queue in queues:
        askers[0].declare(queue)
    for publisher in publishers:
        publisher.call(1, 'confirm.select')
    for turn in range(25):
        for publisher, queue in zip(publishers, queues):
            publisher.publish(1, '', queue, str(turn))
        for publisher in publishers:
            publisher.expect('basic.ack', 1)
        for asker in askers:
            for queue in queues:
                assert asker.declare(queue, passive=True).message_count == 1
        for asker, queue in zip(askers, queues):
            assert asker.get(queue).body == str(turn).encode()
    for queue in queues:
        askers[0].call(1, 'queue.delete', queue=queue)


def test_100_connections_of_100_channels_each_get_their_own(connect, name):
    connections, channels = 100, 100
    peers = [connect(upto='open') for _ in range(connections)]
    publisher = connect()
    publisher.call(1, 'exchange.declare', exchange=name('x'), type='direct', auto_delete=True)
    for number, peer in enumerate(peers):
        out = b''
        for channel in range(1, channels + 1):
            for request in (encode_method('channel.open'),
                            encode_method('queue.declare', exclusive=True),
                            encode_method('queue.bind', exchange=name('x'), routing_key=f'{number}.{channel}'),
                            encode_method('basic.consume', consumer_tag=f'{number}.{channel}', no_ack=True)):
                out += encode_frame(FRAME_METHOD, channel, request)
        peer.write(out)
    for number, peer in enumerate(peers):
        for channel in range(1, channels + 1):
            for answer in ('channel.open-ok', 'queue.declare-ok', 'queue.bind-ok', 'basic.consume-ok'):
                peer.expect(answer, channel)
    publisher.write(b''.join(encode_publish(1, name('x'), f'{number}.{channel}', f'{number}.{channel}'.encode())
                             for channel in range(1, channels + 1) for number in range(connections)))
    for number, peer in enumerate(peers):
        got = peer.contents(channels)
        assert {message.body.decode() for message in got} == {f'{number}.{channel}' for channel in range(1, channels + 1)}
        assert all(message.method.consumer_tag == message.body.decode() for message in got)
        assert all(message.channel == int(message.body.split(b'.')[1]) for message in got)


def test_connections_come_and_go_while_messages_flow(connect, name, volume):
    queue, count, done = name('q'), volume(3000), threading.Event()
    steady = connect()
    steady.declare(queue)

    def come_and_go():
        while not done.is_set():
            visitor = connect()
            visitor.declare(exclusive=True)
            visitor.call(1, 'basic.qos', prefetch_count=5)
            visitor.call(1, 'basic.consume', queue=queue, consumer_tag='c')
            visitor.reset()                          # what it took goes back

    def publish_and_read():
        try:
            publisher, reader = connect(), connect()
            reader.call(1, 'basic.qos', prefetch_count=100)
            reader.call(1, 'basic.consume', queue=queue)
            for number in range(count):
                publisher.publish(1, '', queue, str(number))
            seen = set()
            while len(seen) < count:
                message = reader.content()
                reader.send(1, 'basic.ack', delivery_tag=message.method.delivery_tag)
                seen.add(int(message.body))
        finally:
            done.set()

    in_threads(come_and_go, come_and_go, publish_and_read)
    steady.call(1, 'queue.delete', queue=queue)


def test_queues_and_bindings_change_under_fire(connect, name, volume):
    """Publishing to a topology that others tear down and build up neither stops nor harms anybody."""
    exchange, done, turns = name('x'), threading.Event(), volume(60)
    connect().call(1, 'exchange.declare', exchange=exchange, type='topic')

    def publish():
        peer = connect()
        peer.call(1, 'confirm.select')
        sent = 0
        while not done.is_set():
            for number in range(20):
                peer.publish(1, exchange, f'a.{number}', b'm')
            sent += 20
            confirmed = 0
            while confirmed < sent:
                # A nack for what was on its way to a queue that ended.
                frame = peer.expect(('basic.ack', 'basic.nack'), 1)
                confirmed = max(confirmed, frame.delivery_tag)

    def build(who):
        peer = connect()
        for turn in range(turns):
            queue = name(f'{who}.{turn}')
            peer.declare(queue, exclusive=True)
            for number in range(10):
                peer.call(1, 'queue.bind', queue=queue, exchange=exchange, routing_key=f'*.{number}')
            peer.call(1, 'basic.consume', queue=queue, consumer_tag='c', no_ack=True)
            peer.send(1, 'queue.delete', queue=queue)
            while peer.content(1, ('basic.deliver', 'basic.cancel', 'queue.delete-ok')).name != 'queue.delete-ok':
                pass
            peer.send(1, 'basic.cancel', consumer_tag='c')
            while peer.content(1, ('basic.deliver', 'basic.cancel', 'basic.cancel-ok')).name != 'basic.cancel-ok':
                pass

    def build_all():
        try:
            in_threads(*[lambda who=who: build(who) for who in range(3)])
        finally:
            done.set()

    in_threads(publish, publish, build_all)
    connect().call(1, 'exchange.delete', exchange=exchange)


def resident(pid):
    with open(f'/proc/{pid}/statm') as file:
        return int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE')


@pytest.mark.leveret
def test_a_slow_consumer_does_not_make_the_broker_grow_without_bound(own_broker, volume):
    """A publisher sends much more than sockets and the broker may hold in flight to one who does not read: the
    queue's backlog may grow, what is on its way to the reader may not, and nothing is lost."""
    own = own_broker()
    size, count = 20000, volume(5000)
    reader, publisher = Peer(own.address, receive_buffer=65536), Peer(own.address)
    reader.declare('q')
    reader.call(1, 'basic.qos', prefetch_count=10)
    reader.call(1, 'basic.consume', queue='q')
    before = resident(own.pid)
    publisher.call(1, 'confirm.select')
    confirmed = 0
    for number in range(count):
        publisher.publish(1, '', 'q', b'%08d' % number + bytes(size - 8))
        while number - confirmed > 500:
            confirmed = publisher.expect('basic.ack', 1).delivery_tag
    assert resident(own.pid) - before < 3 * size * count + (100 << 20)
    for number, message in enumerate(acking(reader, count, every=5)):
        assert int(message.body[:8]) == number
    reader.drop()
    publisher.drop()


@pytest.mark.leveret
@pytest.mark.once(also=('asan', 'tsan'))
def test_an_unread_socket_holds_up_its_own_deliveries_only(own_broker, volume):
    """A no-ack consumer that stops reading: the publisher to its queue is slowed or the queue grows, but what the
    broker holds is little more than what was published, and others are served."""
    own = own_broker()
    body, count = bytes(50000), volume(2000)
    reader, publisher, other = Peer(own.address, receive_buffer=65536), Peer(own.address), Peer(own.address)
    reader.declare('q')
    reader.call(1, 'basic.consume', queue='q', no_ack=True)
    before = resident(own.pid)

    def publish():
        for _ in range(count):
            publisher.publish(1, '', 'q', body)

    sending = threading.Thread(target=publish, daemon=True)
    sending.start()
    for _ in range(200):
        other.declare('other')
        other.publish(1, '', 'other', b'm')
        assert eventually(lambda: other.get('other')).body == b'm'
    assert resident(own.pid) - before < 3 * len(body) * count + (100 << 20)
    for _ in range(count):
        assert reader.content().body == body
    sending.join()
    for peer in (reader, publisher, other):
        peer.drop()


def test_a_publisher_faster_than_its_consumer_loses_nothing(connect, name, volume):
    queue, count = name('q'), volume(20000)
    reader, publisher = connect(receive_buffer=32768), connect()
    reader.declare(queue, exclusive=False, auto_delete=True)
    reader.call(1, 'basic.qos', prefetch_count=20)
    reader.call(1, 'basic.consume', queue=queue)

    def publish():
        at = 0
        while at < count:
            publisher.write(b''.join(encode_publish(1, '', queue, b'%d' % number + bytes(200))
                                     for number in range(at, min(at + 500, count))))
            at += 500

    def read():
        for number, message in enumerate(acking(reader, count, every=10)):
            assert int(message.body.rstrip(b'\0')) == number

    in_threads(publish, read)


def test_large_bodies_from_many_connections_do_not_mix(connect, name):
    queue, peers, reader = name('q'), [connect() for _ in range(8)], connect()
    reader.declare(queue, exclusive=False, auto_delete=True)
    reader.call(1, 'basic.consume', queue=queue, no_ack=True)

    def publish(peer, letter):
        for _ in range(5):
            peer.publish(1, '', queue, letter * 700000)

    def read():
        for _ in range(40):
            body = reader.content().body
            assert len(body) == 700000 and body == body[:1] * 700000

    in_threads(read, *[lambda peer=peer, letter=bytes([65 + at]): publish(peer, letter) for at, peer in enumerate(peers)])


@pytest.mark.leveret
def test_a_thousand_idle_connections_cost_little(own_broker):
    own = own_broker()
    before = resident(own.pid)
    peers = [Peer(own.address, upto='open') for _ in range(1000)]
    if os.environ.get('LEVERET_BUILD', 'release') == 'release':
        assert resident(own.pid) - before < 1000 * 16 * 1024
    for peer in peers:
        peer.drop()
    Peer(own.address).close()
