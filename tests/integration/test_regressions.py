"""Bugs that were found once: each test would have found its bug."""
import select
import struct

import pytest

from wire import (FRAME_BODY, FRAME_HEADER, FRAME_METHOD, Peer, encode_frame, encode_method, encode_publish,
                  eventually, plain)


# --- CC and BCC -----------------------------------------------------------------------------------

@pytest.fixture(params=['in one write', 'in pieces'])
def publish(request):
    """basic.publish as most clients send it, or with its frames so far apart that each is handled alone."""
    if request.param == 'in one write':
        return lambda peer, *what, **flags: peer.publish(1, *what, **flags)

    def in_pieces(peer, *what, **flags):
        whole, write, frames = [], peer.write, []
        peer.write = whole.append
        peer.publish(1, *what, **flags)
        peer.write = write
        octets = b''.join(whole)
        while octets:
            size = 8 + int.from_bytes(octets[3:7], 'big')
            frames.append(octets[:size])
            octets = octets[size:]
        for frame in frames:
            peer.write(frame)
            peer.call(2, 'basic.qos')            # the broker has read that far
    return in_pieces


@pytest.fixture
def three(peer, name):
    """Three queues, and a second channel."""
    peer.open_channel(2)
    for letter in 'abc':
        peer.declare(name(letter), exclusive=True)
    return [name(letter) for letter in 'abc']


HEADERS = {'first': 1, 'BCC': [], 'last': {'BCC': ['kept'], 'x': 'y'}}


def test_nobody_sees_bcc_and_the_rest_of_the_message_stays(peer, three, publish):
    a, b, c = three
    headers = dict(HEADERS, CC=[b], BCC=[c, a])
    properties = {'content_type': 'text/plain', 'headers': headers, 'delivery_mode': 2, 'message_id': 'id'}
    publish(peer, '', a, b'body', properties)
    del headers['BCC']
    for queue in three:
        message = eventually(lambda: peer.get(queue, 2))
        assert plain(message.properties) == properties, queue
        assert message.body == b'body', queue
        assert message.method.routing_key == a
        assert peer.get(queue, 2) is None, f'{queue} got it twice'


def test_a_consumer_sees_no_bcc(peer, three, publish):
    a, b, _ = three
    peer.call(1, 'basic.consume', queue=b, no_ack=True)
    publish(peer, '', a, b'body', {'headers': {'BCC': [b]}})
    message = peer.content(1)
    assert (message.body, message.properties) == (b'body', {'headers': {}})


def test_a_returned_message_has_lost_its_bcc(peer, name, publish):
    peer.open_channel(2)
    publish(peer, '', name('nowhere'), b'body', {'headers': {'n': 1, 'BCC': [name('nowhere either')]}}, mandatory=True)
    message = peer.content(1, 'basic.return')
    assert (message.body, plain(message.properties)) == (b'body', {'headers': {'n': 1}})


def test_every_key_of_cc_counts_however_many(peer, three):
    a, b, c = three
    headers = {'CC': [f'nowhere.{number}' for number in range(1000)] + [b], 'BCC': ['nowhere'] * 1000 + [c]}
    peer.publish(1, '', a, b'body', {'headers': headers})
    for queue in three:
        assert eventually(lambda: peer.get(queue)).body == b'body'


def test_bcc_and_reply_to_are_rewritten_together(connect, three, peer, publish):
    a, b, _ = three
    peer.call(1, 'basic.consume', queue='amq.rabbitmq.reply-to', no_ack=True)
    publish(peer, '', a, b'question', {'headers': {'BCC': [b]}, 'reply_to': 'amq.rabbitmq.reply-to'})
    message = eventually(lambda: peer.get(b, 2))
    assert message.properties['headers'] == {}
    other = connect()
    other.publish(1, '', message.properties['reply_to'], b'answer', {'headers': {'BCC': ['x']}})
    answer = peer.content(1)
    assert (answer.body, answer.properties) == (b'answer', {'headers': {}})


def test_a_headers_exchange_sees_no_bcc_either(peer, three, name):
    a, b, _ = three
    peer.call(1, 'exchange.declare', exchange=name('x'), type='headers', auto_delete=True)
    for queue, key in (a, 'BCC'), (b, 'n'):
        peer.call(1, 'queue.bind', queue=queue, exchange=name('x'), arguments={'x-match': 'all', key: None})
    peer.publish(1, name('x'), '', b'body', {'headers': {'BCC': ['k'], 'n': 1}})
    assert eventually(lambda: peer.get(b)).body == b'body'
    assert peer.get(a) is None


# --- transactions ----------------------------------------------------------------------------------

@pytest.mark.parametrize('header', ['CC', 'BCC'])
def test_a_wrong_cc_in_a_transaction_closes_the_channel_before_commit(peer, name, header):
    """It was found at commit, in the middle of walking through what closing the channel had freed."""
    peer.call(1, 'tx.select')
    peer.publish(1, '', name('q'), b'fine')
    peer.publish(1, '', name('q'), b'wrong', {'headers': {header: 'text'}})
    peer.publish(1, '', name('q'), b'too late')
    peer.send(1, 'tx.commit')
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - invalid message: '
                              f'{{unacceptable_type_in_header,"{header}",longstr}}', 1, 'basic.publish')
    peer.open_channel(1)


def test_a_message_goes_where_bindings_led_when_it_was_published(connect, name):
    peer, other = connect(), connect()
    peer.call(1, 'exchange.declare', exchange=name('x'), type='fanout', auto_delete=True)
    for queue in 'before', 'after':
        other.declare(name(queue), exclusive=True)
    other.call(1, 'queue.bind', queue=name('before'), exchange=name('x'))
    peer.call(1, 'tx.select')
    peer.publish(1, name('x'), '', b'm')
    peer.call(1, 'basic.qos')
    other.call(1, 'queue.bind', queue=name('after'), exchange=name('x'))
    other.call(1, 'queue.unbind', queue=name('before'), exchange=name('x'))
    peer.call(1, 'tx.commit')
    assert other.get(name('before')).body == b'm'
    assert other.get(name('after')) is None


def test_a_mandatory_message_whose_queue_goes_before_commit_comes_back(connect, name):
    peer, other = connect(), connect()
    other.declare(name('q'))
    peer.call(1, 'tx.select')
    peer.publish(1, '', name('q'), b'm', mandatory=True)
    peer.call(1, 'basic.qos')
    other.call(1, 'queue.delete', queue=name('q'))
    peer.send(1, 'tx.commit')
    assert peer.content(1, 'basic.return').body == b'm'
    peer.expect('tx.commit-ok', 1)


def test_a_client_that_vanishes_while_its_commit_is_under_way_leaves_nothing_behind(own_broker, name):
    """Its channel and connection stayed, waiting for answers that nobody passed on. A sanitized build
    sees what was left; stop() fails then."""
    broker = own_broker()
    with Peer(broker.address) as watcher:
        queues = [name(number) for number in range(4)]
        for queue in queues:
            watcher.declare(queue)
        for _ in range(20):
            peer = Peer(broker.address)
            peer.call(1, 'tx.select')
            for queue in queues:
                peer.publish(1, '', queue, b'm' * 1000)
            peer.send(1, 'tx.commit')
            peer.reset()
        watcher.declare()                        # the broker goes on
    broker.stop()


# --- consumers -------------------------------------------------------------------------------------

def test_a_channels_limit_holds_from_a_consumers_first_message_on(connect, name):
    """A consumer of a queue on another loop got a window full of messages before the limit reached it."""
    filler, peer = connect(), connect()
    queues = [name(number) for number in range(4)]
    filler.call(1, 'tx.select')
    for queue in queues:
        filler.declare(queue)
        for _ in range(50):
            filler.publish(1, '', queue, b'm')
    filler.call(1, 'tx.commit')
    for channel, queue in enumerate(queues, 2):
        peer.open_channel(channel)
        peer.call(channel, 'basic.qos', prefetch_count=3, global_=True)
        peer.call(channel, 'basic.consume', queue=queue)
        peer.contents(3, channel)
    for queue in queues:
        assert filler.declare(queue, passive=True).message_count == 47
        filler.call(1, 'queue.delete', queue=queue)


def test_a_cancel_and_the_end_of_its_queue_may_cross(connect, name, volume):
    """On two loops: the consumer was given up twice, and the broker stopped itself."""
    channels = range(1, 41)
    for round in range(volume(20)):
        queues = [name(f'{round}.{channel}') for channel in channels]
        owner, reader = connect(), connect()
        for channel, queue in zip(channels, queues):
            owner.declare(queue)
            if channel > 1:
                reader.open_channel(channel)
            reader.call(channel, 'basic.consume', queue=queue, consumer_tag='c')
        cancels = b''.join(encode_frame(FRAME_METHOD, channel, encode_method('basic.cancel', consumer_tag='c'))
                           for channel in channels)
        deletes = b''.join(encode_frame(FRAME_METHOD, 1, encode_method('queue.delete', queue=queue))
                           for queue in reversed(queues))
        owner.write(deletes)
        reader.write(cancels)
        for queue in queues:
            owner.expect('queue.delete-ok', 1)
        for channel in channels:
            if reader.expect(('basic.cancel', 'basic.cancel-ok'), channel).name == 'basic.cancel':
                reader.expect('basic.cancel-ok', channel)
        for peer in owner, reader:
            peer.close()


def test_what_a_cancelled_consumer_gives_back_goes_to_the_others_of_its_channel(connect, name):
    """The channel's limit told the consumer whose message was settled, also when that was gone."""
    filler, peer = connect(), connect()
    for held in range(4):
        for waiting in range(4):
            first, second = name(f'{held}{waiting}a'), name(f'{held}{waiting}b')
            for queue in first, second:
                filler.declare(queue)
                filler.publish(1, '', queue, queue)
            channel = 2 + 4 * held + waiting
            peer.open_channel(channel)
            peer.call(channel, 'basic.qos', prefetch_count=1, global_=True)
            peer.call(channel, 'basic.consume', queue=first, consumer_tag='first')
            message = peer.content(channel)
            peer.call(channel, 'basic.consume', queue=second, consumer_tag='second')
            filler.publish(1, '', second, 'again')
            filler.declare(second, passive=True)
            peer.call(channel, 'basic.cancel', consumer_tag='first')
            peer.send(channel, 'basic.ack', delivery_tag=message.method.delivery_tag)
            assert peer.content(channel).body == second.encode()
            for queue in first, second:
                filler.call(1, 'queue.delete', queue=queue)


# --- the end of a connection ------------------------------------------------------------------------

def test_what_came_before_a_connections_close_is_done_first(connect, name):
    """A channel that waited for its queue to be stored lost what it had kept meanwhile."""
    watcher = connect()
    for round in range(20):
        queue, peer = name(round), connect()
        declare = encode_frame(FRAME_METHOD, 1, encode_method('queue.declare', queue=queue, durable=True))
        close = encode_frame(FRAME_METHOD, 0, encode_method('connection.close', reply_code=200))
        late = encode_publish(1, '', queue, b'late')
        peer.write(declare + encode_publish(1, '', queue, b'm') * 10 + close + late)
        peer.expect('queue.declare-ok', 1)
        peer.expect('connection.close-ok', 0)
        peer.drop()
        eventually(lambda: watcher.declare(queue, passive=True).message_count == 10)
        watcher.call(1, 'queue.delete', queue=queue)


def test_a_refused_connection_hears_the_answer_also_when_much_waited(connect, name):
    """It was not read any more, and the socket stayed open until nobody waited for close-ok."""
    peer = connect()
    declare = encode_frame(FRAME_METHOD, 1, encode_method('queue.declare', queue=name('q'), durable=True))
    wrong = encode_publish(1, '', name('q'), b'm', immediate=True)
    peer.write(declare + wrong + encode_publish(1, '', name('q'), b'm' * 60000) * 20)
    peer.expect('queue.declare-ok', 1)
    close = peer.expect('connection.close', 0)
    assert close.reply_text == 'NOT_IMPLEMENTED - immediate=true'
    peer.send(0, 'connection.close-ok')
    peer.expect_closed()
    connect().call(1, 'queue.delete', queue=name('q'))


# --- frames ----------------------------------------------------------------------------------------

def test_a_body_frame_longer_than_its_message_is_harmless_however_it_comes(connect):
    """Cut where the message was complete, it was taken for that message, and what followed crashed the broker."""
    for cut in 9, 10, 11, 19, 20:
        peer = connect()
        peer.open_channel(2)
        peer.send(1, 'basic.publish', routing_key='nowhere')
        peer.frame(FRAME_HEADER, 1, struct.pack('>HHQH', 60, 0, 10, 0))
        frame = encode_frame(FRAME_BODY, 1, b'x' * 20)
        peer.call(2, 'basic.qos')
        peer.write(frame[:7 + cut])
        assert not select.select([peer.socket], [], [], 0.05)[0]    # and it has read that far
        peer.write(frame[7 + cut:])
        peer.send(1, 'basic.qos')
        peer.expect_connection_close(505, 'UNEXPECTED_FRAME - expected content body, got non content body frame instead')
