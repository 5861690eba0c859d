"""Attacks on what ends: channels closed and reopened at once, queues deleted while they are published to."""
from arena import attack
from wire import FRAME_METHOD, encode_frame, encode_method


def method(channel, name, **arguments):
    return encode_frame(FRAME_METHOD, channel, encode_method(name, **arguments))


@attack('one write opens, uses and closes the same channel again and again, consumers and all')
def channel_reuse(arena):
    peer = arena.peer()
    queue = peer.declare(exclusive=True).queue
    round_trip = b''.join([
        method(1, 'basic.consume', queue=queue, no_ack=True, nowait=True), method(1, 'queue.purge', queue=queue, nowait=True),
        method(1, 'channel.close', reply_code=200), method(1, 'channel.open')])
    for _ in range(arena.volume(200, 5)):
        peer.write(round_trip * 50)
        for _ in range(50):
            peer.expect('channel.close-ok', 1)
            peer.expect('channel.open-ok', 1)


@attack('a queue is declared, filled with confirmed mandatory messages and deleted, by clients that do not wait for each other')
def queue_ends(arena):
    publisher, deleter, queue = arena.peer(), arena.peer(), 'ends'
    publisher.call(1, 'confirm.select')
    for _ in range(arena.volume(300, 10)):
        deleter.write(method(1, 'queue.declare', queue=queue) + method(1, 'queue.delete', queue=queue))
        for _ in range(100):
            publisher.publish(1, '', queue, b'm', mandatory=True)
        deleter.expect('queue.declare-ok', 1)
        deleter.expect('queue.delete-ok', 1)
    last = arena.volume(300, 10) * 100
    open_tags = dict.fromkeys(range(1, last + 1))
    while open_tags:
        frame = publisher.next(1)
        assert frame.name != 'basic.nack'
        if frame.name == 'basic.ack':
            while frame.multiple and (lowest := next(iter(open_tags))) < frame.delivery_tag:
                del open_tags[lowest]
            del open_tags[frame.delivery_tag]        # raises if it is not open
