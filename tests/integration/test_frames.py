"""Frames that should not have been sent, and the frames of contents that may be odd but are right."""
import struct

import pytest

from wire import FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, encode_frame, encode_method

PUBLISH = encode_method('basic.publish', routing_key='nowhere')
FIVE = struct.pack('>HHQ', 60, 0, 5) + b'\0\0'
QOS = encode_method('basic.qos')


@pytest.mark.parametrize('sent, code, text', [
    ([(1, 1, QOS, b'\0')], 501,
     'FRAME_ERROR - type 1, all octets = <<0,60,0,10,0,0,0,0,0,0,0>>: {invalid_frame_end_marker,0}'),
    ([(99, 1, b'1234567890')], 501, 'FRAME_ERROR - type 99, all octets = <<"1234567890">>: unknown_frame'),
    ([(99, 1, b'\0\1')], 501, 'FRAME_ERROR - type 99, all octets = <<0,1>>: unknown_frame'),
    ([(99, 1, b'12345678901234567890')], 501,
     'FRAME_ERROR - type 99, first 16 octets = <<"1234567890123456">>: unknown_frame'),
    ([(8, 1, b'')], 505, 'UNEXPECTED_FRAME - type 8, all octets = <<>>'),
    ([(8, 0, b'abc')], 501, 'FRAME_ERROR - type 8, all octets = <<"abc">>: unknown_frame'),
    ([(2, 1, FIVE)], 505, 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'),
    ([(3, 1, b'hello')], 505, 'UNEXPECTED_FRAME - expected method frame, got non method frame instead'),
    ([(1, 1, PUBLISH), (1, 1, QOS)], 505,
     'UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead'),
    ([(1, 1, PUBLISH), (3, 1, b'hello')], 505,
     'UNEXPECTED_FRAME - expected content header for class 60, got non content header frame instead'),
    ([(1, 1, PUBLISH), (2, 1, FIVE), (1, 1, QOS)], 505,
     'UNEXPECTED_FRAME - expected content body, got non content body frame instead'),
    ([(1, 1, PUBLISH), (2, 1, FIVE), (3, 1, b'more than five'), (1, 1, QOS)], 505,
     'UNEXPECTED_FRAME - expected content body, got non content body frame instead'),
    ([(1, 1, PUBLISH), (2, 1, struct.pack('>HHQ', 50, 0, 5) + b'\0\0')], 505,
     'UNEXPECTED_FRAME - expected content header for class 60, got one for class 50 instead'),
    ([(1, 1, struct.pack('>HH', 50, 10) + b'\0\0')], 501, 'FRAME_ERROR - cannot decode <<0,0>>'),
    ([(1, 1, encode_method('queue.declare', queue=b'\xff'))], 501, 'FRAME_ERROR - Malformed UTF-8 in shortstr'),
    ([(1, 2, QOS)], 504, "CHANNEL_ERROR - expected 'channel.open'"),
    ([(1, 1, encode_method('channel.open'))], 504, "CHANNEL_ERROR - second 'channel.open' seen"),
    ([(1, 0, QOS)], 504, 'CHANNEL_ERROR - unexpected method in connection state running'),
    ([(1, 1, encode_method('connection.open', virtual_host='/'))], 503, 'COMMAND_INVALID - unimplemented method'),
    ([(1, 1, encode_method('basic.qos-ok'))], 503, 'COMMAND_INVALID - unimplemented method'),
])
def test_a_frame_out_of_place_closes_the_connection_with(peer, sent, code, text):
    for frame in sent:
        peer.frame(*frame)
    peer.expect_connection_close(code, text)


@pytest.mark.parametrize('ids', [(60, 99), (61, 10), (0, 0), (65535, 65535)])
def test_an_unknown_method_closes_the_socket_without_a_word(peer, ids):
    peer.frame(FRAME_METHOD, 1, struct.pack('>HH', *ids))
    peer.expect_closed()


@pytest.mark.parametrize('frame_max', [4096, 131072])
def test_a_frame_above_frame_max_closes_the_connection(connect, frame_max):
    peer = connect(frame_max=frame_max)
    peer.frame(FRAME_METHOD, 1, PUBLISH)
    peer.frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, frame_max + 1) + b'\0\0')
    peer.frame(FRAME_BODY, 1, bytes(frame_max + 1))
    peer.expect_connection_close(
        501, f'FRAME_ERROR - type 3, all octets = <<>>: {{frame_too_large,{frame_max + 1},{frame_max - 8}}}', '')


def test_a_frame_that_announces_gigabytes_is_refused_before_they_come(peer):
    peer.write(struct.pack('>BHI', 3, 1, 0xffffffff))
    close = peer.expect('connection.close', 0)
    assert close.reply_text == 'FRAME_ERROR - type 3, all octets = <<>>: {frame_too_large,4294967295,131064}'


def test_heartbeats_and_empty_bodies_may_stand_between_method_and_content(peer, name):
    queue = name('q')
    peer.declare(queue, exclusive=True)
    peer.frame(FRAME_METHOD, 1, encode_method('basic.publish', routing_key=queue))
    peer.frame(FRAME_HEARTBEAT, 0)
    peer.frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, 4) + b'\0\0')
    peer.frame(FRAME_BODY, 1, b'')
    peer.frame(FRAME_BODY, 1, b'ab')
    peer.frame(FRAME_HEARTBEAT, 0)
    peer.frame(FRAME_BODY, 1, b'cd')
    assert peer.get(queue).body == b'abcd'


def test_contents_of_several_channels_may_be_interleaved(peer, name):
    queue = name('q')
    peer.declare(queue, exclusive=True)
    channels = range(1, 11)
    for channel in channels[1:]:
        peer.open_channel(channel)
    for channel in channels:
        peer.frame(FRAME_METHOD, channel, encode_method('basic.publish', routing_key=queue))
    for channel in channels:
        peer.frame(FRAME_HEADER, channel, struct.pack('>HHQ', 60, 0, 30) + b'\0\0')
    for _ in range(10):
        for channel in channels:
            peer.frame(FRAME_BODY, channel, b'%03d' % channel)
    for channel in channels:
        peer.call(channel, 'basic.qos')
    assert {peer.get(queue).body for _ in channels} == {b'%03d' % channel * 10 for channel in channels}


def test_a_connection_error_is_told_in_the_middle_of_other_channels_work(peer, name):
    for channel in range(2, 30):
        peer.send(channel, 'channel.open')
    peer.frame(FRAME_BODY, 7, b'x')
    while True:
        frame = peer.next()
        if frame.name == 'connection.close':
            break
        assert frame.name == 'channel.open-ok'
    assert frame.reply_code == 505


def test_requests_sent_at_once_are_answered_in_order(peer, name):
    count = 200
    peer.write(b''.join(
        encode_frame(FRAME_METHOD, 1, encode_method('queue.declare', queue=name(number), exclusive=True))
        + encode_frame(FRAME_METHOD, 1, encode_method('queue.bind', queue=name(number), exchange='amq.direct',
                                                      routing_key=name('k')))
        + encode_frame(FRAME_METHOD, 1, encode_method('queue.purge', queue=name(number))) for number in range(count)))
    for number in range(count):
        assert peer.expect('queue.declare-ok', 1).queue == name(number)
        peer.expect('queue.bind-ok', 1)
        peer.expect('queue.purge-ok', 1)
