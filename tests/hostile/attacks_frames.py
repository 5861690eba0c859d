"""Attacks by one authenticated connection: frames, tables, channels."""
import struct

from arena import attack
from wire import (BY_NAME, END, FRAME_HEADER, FRAME_METHOD, Closed, Peer, encode_frame, encode_method,
                  encode_publish, encode_table, longstr, shortstr)

CHANNELS = 2000


def hears_the_end(peer):
    """Returns everything that the broker sends until it closes the connection."""
    try:
        while True:
            if peer.next(0).name == 'connection.close':
                peer.send(0, 'connection.close-ok')
    except Closed:
        return True


def table_of_depth(depth):
    inner = b''
    for _ in range(depth):
        inner = b'\x01aF' + struct.pack('>I', len(inner)) + inner
    return inner


@attack('tables nested as deep as a frame allows, in arguments and headers')
def nested_tables(arena):
    deep = table_of_depth(20000)
    declare = struct.pack('>HHH', *BY_NAME['queue.declare'][:2], 0) + shortstr('') + b'\0' + longstr(deep)
    header = struct.pack('>HHQH', 60, 0, 0, 1 << 13) + longstr(deep)
    publish = encode_frame(FRAME_METHOD, 1, encode_method('basic.publish', exchange='amq.headers', routing_key='x'))
    for number in range(arena.volume(100, 6)):
        peer = Peer(arena.address)
        if number % 2:
            peer.frame(FRAME_METHOD, 1, declare)
        else:
            peer.write(publish + encode_frame(FRAME_HEADER, 1, header))
        peer.send(0, 'connection.close')
        assert hears_the_end(peer)
        peer.drop()


@attack('tables whose lengths lie')
def lying_tables(arena):
    lies = [struct.pack('>I', 0xffffffff), struct.pack('>I', 100) + b'\x05', struct.pack('>I', 6) + b'\x01aS\xff\xff\xff',
            struct.pack('>I', 8) + b'\x01aA\xff\xff\xff\xffx', struct.pack('>I', 3) + b'\x01a?']
    for number in range(arena.volume(500, 10)):
        peer = Peer(arena.address)
        peer.frame(FRAME_METHOD, 1, struct.pack('>HHH', *BY_NAME['queue.declare'][:2], 0) + shortstr('') + b'\0' +
                   lies[number % len(lies)])
        assert hears_the_end(peer)
        peer.drop()


@attack('frames above the size that was agreed on')
def oversized_frames(arena):
    for _ in range(arena.volume(200, 5)):
        peer = Peer(arena.address, frame_max=4096)
        peer.write(struct.pack('>BHI', 1, 1, 0xffffffff) + b'x' * 65536)
        assert peer.expect('connection.close', 0).reply_code == 501
        peer.reset()


@attack('message headers with the widest tables a frame takes, to a headers exchange')
def wide_headers(arena):
    peer = arena.peer()
    fields = b''.join(shortstr(f'k{number}') + b'I' + struct.pack('>i', number) for number in range(10000))
    properties = struct.pack('>H', 1 << 13) + longstr(fields)[:4] + fields
    message = encode_publish(1, 'amq.headers', 'x', b'', properties)
    for _ in range(arena.volume(2000, 20)):
        peer.write(message)
    peer.nothing_more()


@attack('every channel there can be, opened and closed again and again')
def channel_flood(arena):
    peer = arena.peer(upto='open')
    for _ in range(arena.volume(20, 1)):
        peer.write(b''.join(encode_frame(FRAME_METHOD, number, encode_method('channel.open'))
                            for number in range(1, CHANNELS)))
        for number in range(1, CHANNELS):
            peer.expect('channel.open-ok')
        peer.write(b''.join(encode_frame(FRAME_METHOD, number, encode_method('channel.close'))
                            for number in range(1, CHANNELS)))
        for number in range(1, CHANNELS):
            peer.expect('channel.close-ok')


@attack('channel errors, one after the other')
def channel_errors(arena):
    peer = arena.peer(upto='open')
    wrong = (encode_frame(FRAME_METHOD, 1, encode_method('channel.open')) +
             encode_publish(1, 'not there', 'x', b'x' * 100) +
             encode_frame(FRAME_METHOD, 1, encode_method('channel.close-ok')))
    for _ in range(arena.volume(5000, 50) // 50):
        peer.write(wrong * 50)
        for _ in range(50):
            peer.expect('channel.open-ok')
            assert peer.expect('channel.close').reply_code == 404


@attack('a client that sends heartbeats and nothing else, as fast as it can')
def heartbeat_flood(arena):
    peer = arena.peer()
    for _ in range(arena.volume(300, 3)):
        peer.write((struct.pack('>BHI', 8, 0, 0) + END) * 10000)
    peer.nothing_more()


@attack('names as long as names can be, and arguments as many as a frame takes')
def long_names(arena):
    peer = arena.peer()
    arguments = encode_table({f'x-unknown-{number}': 'x' * 50 for number in range(1200)})
    for number in range(arena.volume(300, 5)):
        queue = f'{number:03}' + 'q' * 252
        peer.declare(queue, exclusive=True, arguments=arguments)
        peer.call(1, 'queue.bind', queue=queue, exchange='amq.headers', routing_key='r' * 255, arguments=arguments)
        peer.call(1, 'queue.delete', queue=queue)
