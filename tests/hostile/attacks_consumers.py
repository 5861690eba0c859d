"""Attacks by the number of consumers: on one channel, and behind one limit."""
from arena import attack
from attacks_queues import MARK, method
from wire import Peer, encode_publish, eventually


def consume(peer, queues, count):
    """Starts this many consumers, on these queues in turn, each with a tag chosen by the client."""
    frames = [method(1, 'basic.consume', queue=queues[number % len(queues)], consumer_tag=f'c{number}', nowait=True)
              for number in range(count)]
    for at in range(0, count, 1000):
        peer.write(b''.join(frames[at:at + 1000]))
    peer.nothing_more()


@attack('500 consumers of several queues share a global prefetch of one, behind a fast publisher')
def prefetch_of_one(arena):
    count, publisher, taker = arena.volume(20000, 400), arena.peer(), Peer(arena.address, patience_s=60)
    queues = [publisher.declare(f'shared.{number}').queue for number in range(8)]
    taker.call(1, 'basic.qos', prefetch_count=1, global_=True)
    consume(taker, queues, arena.volume(500, 50))
    for _ in range(count // 8):
        publisher.write(b''.join(encode_publish(1, '', queue, MARK) for queue in queues))
    for _ in range(count // 8 * 8):
        tag = taker.content(1).method.delivery_tag
        taker.send(1, 'basic.ack', delivery_tag=tag)
    taker.nothing_more()
    taker.reset()
    for queue in queues:
        assert publisher.call(1, 'queue.delete', queue=queue).message_count == 0


@attack('channels with tens of thousands of consumers are closed, with and without a goodbye')
def many_consumers(arena):
    count, owner = arena.volume(30000, 500), arena.peer()
    queues = [owner.declare(f'consumed.{number}').queue for number in range(4)]
    queues.append(owner.declare('consumed.by.one', durable=True, arguments={'x-single-active-consumer': True}).queue)
    for is_polite in (True, False):
        peer = Peer(arena.address, patience_s=120)
        consume(peer, queues, count)
        if is_polite:
            peer.call(1, 'channel.close', reply_code=200)
            assert owner.declare(queues[0], passive=True).consumer_count == 0
        peer.reset()
        eventually(lambda: all(owner.declare(queue, passive=True).consumer_count == 0 for queue in queues), within_s=60)
    for queue in queues:
        owner.call(1, 'queue.delete', queue=queue)
