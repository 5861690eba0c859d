"""Attacks on queues: storms of requeues and declares, cycles of dead letters, consumers that do not read, wide fan-outs."""
from arena import attack
from wire import FRAME_METHOD, Peer, encode_frame, encode_method, encode_publish, eventually

MARK = b'<a message of an attack>'


def method(channel, name, **arguments):
    return encode_frame(FRAME_METHOD, channel, encode_method(name, **arguments))


def fill(peer, queue, count, **flags):
    """Publishes `count` marked messages to the queue, and waits until all are there."""
    message = encode_publish(1, '', queue, MARK, **flags)
    for _ in range(count // 1000):
        peer.write(message * 1000)
    peer.write(message * (count % 1000))
    eventually(lambda: peer.declare(queue, passive=True).message_count == count, within_s=120)


def take(peer, count):
    """Reads until this many marked messages were received, as fast as Python can."""
    tail = b''
    while count > 0:
        octets = peer.socket.recv(1 << 18)
        assert octets, 'closed by the broker'
        octets = tail + octets
        count -= octets.count(MARK)
        at = octets.rfind(MARK)
        tail = octets[max(at + len(MARK) if at >= 0 else 0, len(octets) - len(MARK) + 1):]


def requeue_by(arena, give_back):
    """One client consumes all of a long queue without an ack, and requeues it at once."""
    count, owner = arena.volume(300000, 2000), arena.peer()
    queue = owner.declare('storm').queue
    fill(owner, queue, count)
    for _ in range(3):
        taker = Peer(arena.address, patience_s=120)
        taker.send(1, 'basic.consume', queue=queue)
        take(taker, count)
        give_back(taker)
        taker.drop()
        eventually(lambda: owner.declare(queue, passive=True).message_count == count, within_s=120)
    assert owner.call(1, 'queue.delete', queue=queue).message_count == count


@attack('a consumer takes all of a deep queue and is gone, again and again')
def requeue_by_reset(arena):
    requeue_by(arena, lambda taker: taker.reset())


@attack('a consumer takes all of a deep queue and refuses it with one nack')
def requeue_by_nack(arena):
    def give_back(taker):
        taker.send(1, 'basic.cancel', consumer_tag='', nowait=True)
        taker.send(1, 'basic.nack', delivery_tag=0, multiple=True, requeue=True)
        taker.send(1, 'channel.close')
        taker.reset()
    requeue_by(arena, give_back)


@attack('one consumer refuses the same message for ever')
def requeue_loop(arena):
    peer = arena.peer()
    queue = peer.declare(exclusive=True).queue
    peer.call(1, 'basic.qos', prefetch_count=1)
    peer.call(1, 'basic.consume', queue=queue)
    peer.publish(1, '', queue, MARK)
    for tag in range(1, arena.volume(20000, 200)):
        take(peer, 1)
        peer.send(1, 'basic.reject', delivery_tag=tag, requeue=True)


@attack('one ack for as many messages as a queue can hold')
def one_ack_for_all(arena):
    count, peer = arena.volume(300000, 2000), arena.peer()
    queue = peer.declare('acked').queue
    fill(peer, queue, count)
    peer.send(1, 'basic.consume', queue=queue)
    take(peer, count)
    peer.send(1, 'basic.ack', delivery_tag=count, multiple=True)
    other = arena.peer()
    eventually(lambda: other.call(1, 'queue.delete', queue=queue, if_empty=False).message_count == 0, within_s=120)


@attack('deep queues are purged and deleted')
def deep_purge(arena):
    count, peer = arena.volume(300000, 2000), arena.peer()
    for _ in range(2):
        queue = peer.declare('deep', durable=True).queue
        fill(peer, queue, count, properties=b'\x10\x00\x02')
        assert peer.call(1, 'queue.purge', queue=queue).message_count == count
        fill(peer, queue, count)
        assert peer.call(1, 'queue.delete', queue=queue).message_count == count


@attack('a connection takes tens of thousands of exclusive queues along')
def exclusive_queues(arena):
    count = arena.volume(50000, 500)
    for _ in range(2):
        owner = Peer(arena.address, patience_s=120)
        for _ in range(0, count, 500):
            owner.write(method(1, 'queue.declare', exclusive=True) * 500)
            for _ in range(500):
                owner.expect('queue.declare-ok')
        owner.reset()


@attack('queues are declared, bound, filled and deleted as fast as one client can')
def queue_churn(arena):
    peer = arena.peer()
    peer.call(1, 'exchange.declare', exchange='churn', type='topic', auto_delete=True)
    round_of = b''.join(
        method(1, 'queue.declare', queue=f'churn.{number}', nowait=True) +
        method(1, 'queue.bind', queue=f'churn.{number}', exchange='churn', routing_key=f'#.{number}.*', nowait=True) +
        encode_publish(1, 'churn', f'a.{number}.b', MARK) +
        method(1, 'queue.delete', queue=f'churn.{number}', nowait=True) for number in range(100))
    peer.call(1, 'queue.bind', queue=peer.declare(exclusive=True).queue, exchange='churn', routing_key='none')
    for _ in range(arena.volume(100, 2)):
        peer.write(round_of)
    peer.nothing_more()


@attack('consumers come and go on one queue')
def consumer_churn(arena):
    peer = arena.peer()
    queue = peer.declare(exclusive=True).queue
    round_of = b''.join(
        method(1, 'basic.consume', queue=queue, consumer_tag=str(number), nowait=True) +
        encode_publish(1, '', queue, MARK) +
        method(1, 'basic.cancel', consumer_tag=str(number), nowait=True) +
        method(1, 'basic.recover', requeue=True) for number in range(50))
    for _ in range(arena.volume(40, 2)):
        peer.write(round_of)
        for _ in range(50):
            while peer.next(1).name != 'basic.recover-ok':
                pass


@attack('a ring of queues whose messages expire into each other')
def dead_letter_ring(arena):
    count, peer = arena.volume(1000, 20), arena.peer()
    for number in range(count):
        peer.send(1, 'queue.declare', queue=f'ring.{number}', nowait=True, exclusive=True, arguments={
            'x-message-ttl': 0, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': f'ring.{(number + 1) % count}'})
    for _ in range(10):
        peer.publish(1, '', 'ring.0', MARK)
    eventually(lambda: peer.get('ring.0') is None, within_s=60)
    peer.nothing_more()


@attack('a ring of queues through which one consumer of each rejects on')
def dead_letter_ring_of_rejects(arena):
    peer, rounds = arena.peer(), arena.volume(3000, 30)
    for number in range(10):
        peer.declare(f'reject.{number}', exclusive=True, arguments={
            'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': f'reject.{(number + 1) % 10}'})
        peer.call(1, 'basic.consume', queue=f'reject.{number}')
    for _ in range(20):
        peer.publish(1, '', 'reject.0', MARK)
    for tag in range(1, rounds):
        assert peer.content(1).method.delivery_tag == tag
        peer.send(1, 'basic.reject', delivery_tag=tag, requeue=False)


@attack('consumers who are sent megabytes and read nothing')
def unread_consumers(arena):
    for _ in range(arena.volume(50, 2)):
        peer = arena.peer(receive_buffer=4096)
        queue = peer.declare(exclusive=True).queue
        peer.send(1, 'basic.consume', queue=queue, no_ack=True)
        publisher = arena.peer()
        for _ in range(10):
            publisher.publish(1, '', queue, b'x' * 100000)
        # Only its owner may declare an exclusive queue, but others may publish to it: this waits for the publisher's turn.
        publisher.nothing_more()


@attack('one message for as many queues as there are')
def wide_fanout(arena):
    peer = arena.peer()
    peer.call(1, 'exchange.declare', exchange='wide', type='fanout', auto_delete=True)
    for number in range(arena.volume(10000, 100)):
        peer.send(1, 'queue.declare', queue=f'wide.{number}', exclusive=True, nowait=True, arguments={'x-max-length': 10})
        peer.send(1, 'queue.bind', queue=f'wide.{number}', exchange='wide', nowait=True)
    peer.nothing_more()
    for _ in range(50):
        peer.publish(1, 'wide', '', MARK)
    peer.nothing_more()
