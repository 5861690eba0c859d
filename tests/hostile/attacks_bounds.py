"""Attacks on memory: bodies that are announced and never sent, answers that are not read, messages that are never complete."""
from arena import attack
from wire import (FRAME_BODY, FRAME_METHOD, Peer, encode_beginning, encode_frame, encode_method, encode_publish, eventually)


def method(channel, name, **arguments):
    return encode_frame(FRAME_METHOD, channel, encode_method(name, **arguments))


@attack('clients announce 100 MB on each of 2,000 channels, to an exchange that is not there')
def announced_bodies(arena):
    for _ in range(arena.volume(30, 2)):
        peer = Peer(arena.address)
        peer.write(b''.join(method(n, 'channel.open') + encode_beginning(n, 'nowhere', 'q', 100 << 20)
                            for n in range(2, 2001)))
        for number in range(2, 2001):
            peer.expect('channel.open-ok', number)
        peer.reset()


@attack('messages on many channels get their first octet, and no more', memory_limit_mb=50)
def begun_bodies(arena):
    for _ in range(arena.volume(5, 1)):
        peer = arena.peer()
        peer.write(b''.join((method(n, 'channel.open') if n > 1 else b'') + encode_beginning(n, '', 'q', 100 << 20)
                            + encode_frame(FRAME_BODY, n, b'x') for n in range(1, 2001)))
        for number in range(2, 2001):
            peer.expect('channel.open-ok', number)


@attack('clients stop in the middle of large messages until their loops take no more', memory_limit_mb=50)
def messages_that_stop(arena):
    for _ in range(arena.volume(20, 6)):
        peer = arena.peer()
        peer.write_until_held_up(encode_beginning(1, '', 'q', 64 << 20) + encode_frame(FRAME_BODY, 1, bytes(100000)) * 100, 1)


@attack('a client asks and asks, and reads no answer')
def unread_answers(arena):
    owner = arena.peer()
    queue = owner.declare('unread').queue
    owner.write(encode_publish(1, '', queue, bytes(100000)))
    eventually(lambda: owner.declare(queue, passive=True).message_count == 1)
    ask = b''.join(method(1, 'basic.get', queue=queue) + method(1, 'basic.nack', delivery_tag=0, multiple=True, requeue=True)
                   for _ in range(1000))
    for _ in range(arena.volume(8, 1)):
        assert arena.peer(receive_buffer=8192).write_until_held_up(ask, 200)


@attack('messages that nobody takes come back, and nobody reads them')
def unread_returns(arena):
    publish = encode_publish(1, '', 'nowhere', bytes(100000), mandatory=True)
    for _ in range(arena.volume(8, 1)):
        assert arena.peer(receive_buffer=8192).write_until_held_up(publish * 10, 100)


@attack('a transaction grows until the memory alarm, and its client is gone', are_publishers_held=True, needs_memory_back=True,
        memory_limit_mb=200)
def transaction_up_to_the_alarm(arena):
    peer = Peer(arena.address)
    peer.call(1, 'tx.select')
    assert peer.write_until_held_up(encode_publish(1, '', 'nowhere', bytes(1000)) * 100, 5000)
    peer.drop()
    eventually(lambda: 'memory resource limit alarm cleared' in arena.broker.log())
