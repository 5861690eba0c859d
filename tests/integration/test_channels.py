"""Channels: numbers, errors and what is dropped after them."""
import pytest


def missing(queue):
    return f"NOT_FOUND - no queue '{queue}' in vhost '/'"


def test_a_channel_error_names_the_method_and_leaves_other_channels_alone(peer, name):
    peer.open_channel(2)
    peer.send(1, 'queue.purge', queue=name('none'))
    peer.expect_channel_close(404, missing(name('none')), 1, 'queue.purge')
    peer.declare(channel=2, exclusive=True)


def test_after_a_channel_error_frames_are_dropped_until_close_ok(peer, name):
    queue = name('q')
    peer.send(1, 'queue.purge', queue=name('none'))
    peer.send(1, 'queue.declare', queue=queue)
    for _ in range(50):
        peer.publish(1, 'no such exchange', 'x', b'dropped')
    peer.expect('channel.close', 1)
    peer.publish(1, 'no such exchange', 'x', b'dropped too')
    peer.send(1, 'tx.commit')
    peer.send(1, 'queue.declare', queue=queue)
    peer.send(1, 'channel.close-ok')
    peer.open_channel(1)
    peer.send(1, 'queue.declare', queue=queue, passive=True)
    peer.expect_channel_close(404, missing(queue))


def test_a_client_that_closes_at_the_same_time_gets_its_close_ok(peer, name):
    peer.send(1, 'queue.purge', queue=name('none'))
    peer.send(1, 'channel.close', reply_code=200)
    peer.expect('channel.close', 1)
    peer.expect('channel.close-ok', 1)
    peer.send(1, 'channel.close-ok')
    peer.open_channel(2)
    peer.declare(channel=2, exclusive=True)


def test_a_number_can_be_used_again_as_soon_as_close_ok_was_sent(peer, name):
    for _ in range(100):
        peer.send(1, 'queue.purge', queue=name('none'))
        peer.expect_channel_close(404, missing(name('none')))
        peer.open_channel(1)
        peer.call(1, 'channel.close', reply_code=200)
        peer.open_channel(1)


def test_channel_numbers_go_up_to_65535(connect):
    peer = connect(upto='open')
    for channel in (65535, 2048, 40000):
        peer.open_channel(channel)
        peer.declare(channel=channel, exclusive=True)


def test_2047_channels_can_be_open_and_no_more(connect):
    peer = connect(upto='open')
    for channel in range(1, 2048):
        peer.send(channel, 'channel.open')
    for channel in range(1, 2048):
        peer.expect('channel.open-ok')
    peer.call(2047, 'basic.qos')
    peer.send(2048, 'channel.open')
    peer.expect_connection_close(
        530, 'NOT_ALLOWED - number of channels opened (2047) has reached the negotiated channel_max (2047)', '')


def test_the_channels_counted_are_those_open(connect):
    peer = connect(upto='open', channel_max=2)
    for channel in range(1, 50):
        peer.open_channel(channel)
        peer.call(channel, 'channel.close', reply_code=200)


def test_flow_on_is_answered_and_flow_off_is_not_implemented(peer):
    assert peer.call(1, 'channel.flow', active=True).active is True
    peer.send(1, 'channel.flow', active=False)
    peer.expect_connection_close(540, 'NOT_IMPLEMENTED - active=false', 'channel.flow')


def test_access_is_granted_with_ticket_one(peer):
    assert peer.call(1, 'access.request', realm='/data', active=True).ticket == 1


@pytest.mark.parametrize('method, arguments, code, text', [
    ('exchange.declare', dict(exchange='x', type='nonsense'), 503, "COMMAND_INVALID - unknown exchange type 'nonsense'"),
    ('basic.qos', dict(prefetch_size=5), 540, 'NOT_IMPLEMENTED - prefetch_size!=0 (5)'),
    ('basic.recover', dict(requeue=False), 540, 'NOT_IMPLEMENTED - requeue=false'),
    ('basic.recover-async', dict(requeue=False), 540, 'NOT_IMPLEMENTED - requeue=false'),
])
def test_some_errors_of_a_channel_close_the_connection(peer, method, arguments, code, text):
    peer.send(1, method, **arguments)
    peer.expect_connection_close(code, text, method)


def test_immediate_closes_the_connection(peer):
    peer.publish(1, '', 'nowhere', b'now', immediate=True)
    peer.expect_connection_close(540, 'NOT_IMPLEMENTED - immediate=true', 'basic.publish')


def test_a_consumer_tag_used_twice_on_a_channel_closes_the_connection(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='t')
    peer.send(1, 'basic.consume', queue=name('q'), consumer_tag='t')
    peer.expect_connection_close(530, "NOT_ALLOWED - attempt to reuse consumer tag 't'", 'basic.consume')
