"""Publishing: contents of every shape, returns, confirms, transactions."""
import hashlib
import struct

import pytest

from wire import (FRAME_BODY, FRAME_HEADER, FRAME_METHOD, encode_frame, encode_method, encode_properties, encode_publish,
                  eventually)

EVERY_KIND = {
    't': True, 'f': False, 'b': ('b', -128), 'B': ('B', 255), 's': ('s', -32768), 'u': ('u', 65535), 'I': -2**31,
    'i': ('i', 2**32 - 1), 'l': ('l', -2**63), 'float': ('f', 1.5), 'd': 0.1, 'D': ('D', (2, 12345)), 'S': 'text ü 兎',
    'empty': '', 'A': [1, 'two', [None, {'x': 1.5}], b'\xff'], 'T': ('T', 2**33), 'F': {'in': {'deep': [[], {}]}},
    'V': None, 'x': bytes(range(256)), 'k' * 255: 'a long key'}
EVERY_PROPERTY = {
    'content_type': 'application/x-thing', 'content_encoding': 'gzip', 'headers': EVERY_KIND, 'delivery_mode': 2,
    'priority': 7, 'correlation_id': 'c', 'reply_to': 'someone', 'expiration': '600000', 'message_id': 'id',
    'timestamp': 2**40, 'type': 'kind', 'user_id': 'guest', 'app_id': 'app', 'cluster_id': 'cluster'}


def pattern(size):
    return (hashlib.sha256(str(size).encode()).digest() * (size // 32 + 1))[:size]


# --- contents -------------------------------------------------------------------------------------

@pytest.mark.parametrize('properties', [EVERY_PROPERTY, {}, {'headers': {}}, {'headers': EVERY_KIND}]
                         + [{key: value} for key, value in EVERY_PROPERTY.items()], ids=lambda p: '+'.join(p)[:40] or 'none')
def test_properties_come_back_octet_for_octet(peer, name, properties):
    octets = encode_properties(properties)
    peer.declare(name('q'), exclusive=True)
    peer.publish(1, '', name('q'), b'body', octets)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c', no_ack=True)
    assert peer.content().header.octets == struct.pack('>HHQ', 60, 0, 4) + octets
    peer.publish(1, '', name('nowhere'), b'body', octets, mandatory=True)
    assert peer.content(1, 'basic.return').header.octets == struct.pack('>HHQ', 60, 0, 4) + octets


@pytest.mark.parametrize('size', [0, 1, 4087, 4088, 4089, 131063, 131064, 131065, 262128, 5 * 2**20])
def test_a_body_of_any_size_arrives_whole_in_frames_of_the_readers_size(connect, name, size):
    small, large, body = connect(frame_max=4096), connect(frame_max=131072), pattern(size)
    small.declare(name('q'))
    for publisher, reader in ((small, large), (large, small)):
        publisher.publish(1, '', name('q'), body)
        message = eventually(lambda: reader.get(name('q')))
        assert message.body == body
        assert all(part == reader.frame_max - 8 for part in message.frame_sizes[:-1])
    small.call(1, 'queue.delete', queue=name('q'))


def test_a_body_may_come_in_many_small_frames(peer, name):
    body = pattern(20000)
    peer.declare(name('q'), exclusive=True)
    peer.write(encode_frame(FRAME_METHOD, 1, encode_method('basic.publish', routing_key=name('q')))
               + encode_frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, len(body)) + b'\0\0')
               + b''.join(encode_frame(FRAME_BODY, 1, bytes([octet])) for octet in body))
    assert peer.get(name('q')).body == body


def test_a_fan_out_delivers_the_same_octets_to_all(connect, name):
    publisher, readers, body = connect(), [connect(frame_max=size) for size in (4096, 8192, 131072)], pattern(100000)
    publisher.call(1, 'exchange.declare', exchange=name('x'), type='fanout', auto_delete=True)
    for reader in readers:
        for _ in range(3):
            reader.declare(exclusive=True)
            reader.call(1, 'queue.bind', exchange=name('x'))
            reader.call(1, 'basic.consume', no_ack=True)
    publisher.publish(1, name('x'), 'k', body, EVERY_PROPERTY)
    for reader in readers:
        for message in reader.contents(3):
            assert message.body == body and message.header.octets[12:] == encode_properties(EVERY_PROPERTY)


@pytest.mark.parametrize('properties, text', [
    ({'user_id': 'mallory'}, "user_id property set to 'mallory' but authenticated user was 'guest'"),
    ({'expiration': 'soon'}, "invalid expiration 'soon': no_integer"),
    ({'expiration': '-1'}, "invalid expiration '-1': {value_negative,-1}"),
    ({'headers': {'CC': 'k'}}, 'invalid message: {unacceptable_type_in_header,"CC",longstr}')], ids=str)
def test_a_property_out_of_place_closes_the_channel(peer, properties, text):
    peer.publish(1, '', 'nowhere', b'm', properties)
    peer.expect_channel_close(406, f'PRECONDITION_FAILED - {text}', 1, 'basic.publish')


def test_headers_that_do_not_decode_are_an_internal_error_of_the_connection(peer):
    peer.publish(1, '', 'nowhere', b'm', struct.pack('>H', 1 << 13) + b'\0\0\0\3\1aZ')
    peer.expect_connection_close(541, 'INTERNAL_ERROR', '')


# --- returns --------------------------------------------------------------------------------------

def test_a_mandatory_message_nobody_takes_comes_back(peer, name):
    peer.publish(1, 'amq.direct', name('nowhere'), b'the body', {'message_id': '1'}, mandatory=True)
    message = peer.content(1, 'basic.return')
    assert (message.method.reply_code, message.method.reply_text) == (312, 'NO_ROUTE')
    assert (message.method.exchange, message.method.routing_key) == ('amq.direct', name('nowhere'))
    assert (message.body, message.properties) == (b'the body', {'message_id': '1'})


def test_a_message_nobody_takes_is_dropped_unless_mandatory(peer, name):
    peer.publish(1, '', name('nowhere'), b'm')
    peer.nothing_more()


# --- confirms -------------------------------------------------------------------------------------

class Confirms:
    """Counts publishes and takes in acks until all are settled."""

    def __init__(self, peer, channel=1):
        self.peer, self.channel, self.unsettled, self.nacked, self.frames = peer, channel, {}, [], []
        self.published = 0
        peer.call(channel, 'confirm.select')

    def publish(self, *arguments, **flags):
        self.peer.publish(self.channel, *arguments, **flags)
        self.published += 1
        self.unsettled[self.published] = True

    def settle(self):
        while self.unsettled:
            frame = self.peer.expect(('basic.ack', 'basic.nack'), self.channel)
            self.frames.append(frame)
            tags = [tag for tag in self.unsettled if tag <= frame.delivery_tag] if frame.multiple else [frame.delivery_tag]
            assert tags, f'{frame!r} settles nothing'
            for tag in tags:
                del self.unsettled[tag]
            if frame.name == 'basic.nack':
                self.nacked += tags


def test_confirms_number_from_one_each_channel(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.open_channel(2)
    for channel in (1, 2):
        peer.publish(channel, '', name('q'), b'before the select')
        peer.call(channel, 'confirm.select')
        peer.call(channel, 'confirm.select')         # twice is fine
        for number in range(1, 4):
            peer.publish(channel, '', name('q'), b'm')
            assert peer.expect('basic.ack', channel).delivery_tag == number


@pytest.mark.parametrize('flags, mode', [(dict(durable=True), 2), (dict(durable=True), 1), (dict(exclusive=True), 2),
                                         (dict(exclusive=True), 1)], ids=str)
def test_every_publish_is_confirmed_once(connect, name, flags, mode):
    peer = connect()
    peer.declare(name('q'), **flags)
    confirms = Confirms(peer)
    for number in range(1000):
        confirms.publish('', name('q') if number % 3 else name('nowhere'), b'm', {'delivery_mode': mode})
    confirms.settle()
    assert not confirms.nacked
    peer.nothing_more()
    peer.call(1, 'queue.delete', queue=name('q'))


def test_bursts_are_confirmed_many_at_once(connect, name, volume):
    peer = connect()
    peer.declare(name('q'), durable=True)
    confirms = Confirms(peer)
    octets = encode_publish(1, '', name('q'), b'm', {'delivery_mode': 2})
    for _ in range(volume(20)):                      # bursts like those amqplib's own tests send
        peer.write(octets * 640)
        confirms.unsettled.update(dict.fromkeys(range(confirms.published + 1, confirms.published + 641), True))
        confirms.published += 640
        confirms.settle()
    assert any(frame.multiple for frame in confirms.frames)
    assert peer.declare(name('q'), passive=True).message_count == confirms.published
    peer.call(1, 'queue.delete', queue=name('q'))


def test_a_return_comes_before_the_confirm_of_its_message(peer, name):
    confirms = Confirms(peer)
    for number in range(20):
        confirms.publish('', name('nowhere'), str(number), mandatory=True)
    returned, confirmed = 0, 0
    while confirmed < 20:
        frame = peer.content(1, ('basic.return', 'basic.ack'))
        if frame.name == 'basic.return':
            assert frame.body == str(returned).encode()
            returned += 1
        else:
            confirmed = frame.delivery_tag if frame.multiple else confirmed + 1
            assert confirmed <= returned


def test_a_message_to_many_queues_is_confirmed_once_all_have_it(connect, name):
    peer = connect()
    peer.call(1, 'exchange.declare', exchange=name('x'), type='fanout', auto_delete=True)
    queues = [name(number) for number in range(30)]
    for queue in queues:
        peer.declare(queue, exclusive=True)
        peer.call(1, 'queue.bind', queue=queue, exchange=name('x'))
    peer.call(1, 'confirm.select')
    for turn in range(1, 20):
        peer.publish(1, name('x'), '', b'm')
        assert peer.expect('basic.ack', 1).delivery_tag == turn
        for queue in queues:
            assert peer.declare(queue, passive=True).message_count == turn


def test_confirms_and_deliveries_on_one_channel_do_not_disturb_each_other(peer, name, volume):
    count = volume(2000)
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'confirm.select')
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c')
    for number in range(count):
        peer.publish(1, '', name('q'), str(number))
    delivered, confirmed = 0, set()
    while delivered < count or len(confirmed) < count:
        frame = peer.content(1, ('basic.deliver', 'basic.ack'))
        if frame.name == 'basic.deliver':
            assert frame.body == str(delivered).encode()
            delivered += 1
            peer.send(1, 'basic.ack', delivery_tag=frame.method.delivery_tag)
        else:
            first = min(set(range(1, frame.delivery_tag + 1)) - confirmed) if frame.multiple else frame.delivery_tag
            confirmed |= set(range(first, frame.delivery_tag + 1))


def test_confirm_and_tx_exclude_each_other(peer):
    peer.open_channel(2)
    peer.call(1, 'confirm.select')
    peer.send(1, 'tx.select')
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - cannot switch from confirm to tx mode', 1, 'tx.select')
    peer.call(2, 'tx.select')
    peer.send(2, 'confirm.select')
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - cannot switch from tx to confirm mode', 2, 'confirm.select')


# --- transactions ---------------------------------------------------------------------------------

@pytest.mark.parametrize('method', ['tx.commit', 'tx.rollback'])
def test_there_is_nothing_to_end_before_select(peer, method):
    peer.send(1, method)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - channel is not transactional', 1, method)


def test_publishes_wait_for_commit_and_vanish_with_rollback(connect, name):
    peer, other = connect(), connect()
    peer.declare(name('q'))
    peer.call(1, 'tx.select')
    for body in 'ab':
        peer.publish(1, '', name('q'), body)
    peer.call(1, 'basic.qos')
    assert other.get(name('q')) is None
    peer.call(1, 'tx.commit')
    assert other.declare(name('q'), passive=True).message_count == 2
    assert [other.get(name('q')).body for _ in range(2)] == [b'a', b'b']
    peer.publish(1, '', name('q'), b'c')
    peer.call(1, 'tx.rollback')
    peer.call(1, 'tx.commit')
    assert other.get(name('q')) is None
    other.call(1, 'queue.delete', queue=name('q'))


def test_acks_wait_for_commit_and_can_be_given_again_after_rollback(peer, name):
    peer.declare(name('q'), exclusive=True)
    for number in range(3):
        peer.publish(1, '', name('q'), str(number))
    peer.open_channel(2)
    peer.call(2, 'tx.select')
    for _ in range(3):
        assert peer.get(name('q'), 2, no_ack=False)
    peer.send(2, 'basic.ack', delivery_tag=3, multiple=True)
    peer.call(2, 'tx.rollback')
    peer.send(2, 'basic.ack', delivery_tag=2)
    peer.send(2, 'basic.ack', delivery_tag=1)
    peer.call(2, 'tx.commit')
    peer.call(2, 'channel.close', reply_code=200)
    message = eventually(lambda: peer.get(name('q')))
    assert (message.body, message.method.redelivered) == (b'2', True)
    assert peer.get(name('q')) is None


def test_closing_a_channel_gives_up_its_transaction(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.publish(1, '', name('q'), b'old')
    peer.open_channel(2)
    peer.call(2, 'tx.select')
    message = eventually(lambda: peer.get(name('q'), 2, no_ack=False))
    peer.send(2, 'basic.ack', delivery_tag=message.method.delivery_tag)
    peer.publish(2, '', name('q'), b'new')
    peer.call(2, 'channel.close', reply_code=200)
    assert eventually(lambda: peer.get(name('q'))).body == b'old'
    assert peer.get(name('q')) is None


def test_a_return_in_a_transaction_comes_with_its_commit(peer, name):
    peer.call(1, 'tx.select')
    peer.publish(1, '', name('nowhere'), b'm', mandatory=True)
    peer.call(1, 'basic.qos')
    peer.send(1, 'tx.commit')
    assert peer.content(1, 'basic.return').body == b'm'
    peer.expect('tx.commit-ok', 1)


def test_errors_in_a_transaction_are_told_at_once(peer, name):
    peer.call(1, 'tx.select')
    peer.publish(1, name('none'), '', b'm')
    peer.expect_channel_close(404, f"NOT_FOUND - no exchange '{name('none')}' in vhost '/'", 1, 'basic.publish')
    peer.open_channel(1)
    peer.call(1, 'tx.select')
    peer.send(1, 'basic.ack', delivery_tag=1)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 1, 'basic.ack')


def test_an_ack_frees_its_place_at_commit(peer, name):
    peer.declare(name('q'), exclusive=True)
    for number in range(2):
        peer.publish(1, '', name('q'), str(number))
    peer.open_channel(2)
    peer.call(2, 'basic.qos', prefetch_count=1)
    peer.call(2, 'tx.select')
    peer.call(2, 'basic.consume', queue=name('q'), consumer_tag='c')
    peer.content(2)
    peer.send(2, 'basic.ack', delivery_tag=1)
    peer.nothing_more(2)
    peer.send(2, 'tx.commit')
    names = {peer.content(2, ('tx.commit-ok', 'basic.deliver')).name for _ in range(2)}
    assert names == {'tx.commit-ok', 'basic.deliver'}


def test_large_transactions_commit_whole(connect, name, volume):
    peer, count = connect(), volume(5000)
    queues = [name(number) for number in range(7)]
    for queue in queues:
        peer.declare(queue, exclusive=True)
    peer.call(1, 'tx.select')
    for number in range(count):
        peer.publish(1, '', queues[number % 7], str(number))
    assert sum(peer.declare(queue, passive=True).message_count for queue in queues) == 0
    peer.call(1, 'tx.commit')
    assert sum(peer.declare(queue, passive=True).message_count for queue in queues) == count
