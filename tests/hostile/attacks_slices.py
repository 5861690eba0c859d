"""Attacks by long work: one command after which very many messages must be stored, settled, returned or dropped."""
from arena import attack
from attacks_queues import MARK, fill, take
from wire import Peer, encode_publish, eventually

PERSISTENT = b'\x10\x00\x02'
COMMIT_OK = b'\0\x5a\0\x15'


@attack('a transaction of tens of thousands of messages is committed, and another is dropped with its connection')
def large_commit(arena):
    count, owner = arena.volume(50000, 500), arena.peer()
    queue = owner.declare('committed', durable=True).queue
    message = encode_publish(1, '', queue, MARK * 40, properties=PERSISTENT)
    for is_committed in (True, False):
        peer = Peer(arena.address, patience_s=120)
        peer.call(1, 'tx.select')
        for _ in range(0, count, 100):
            peer.write(message * 100)
        peer.nothing_more()
        if is_committed:
            peer.call(1, 'tx.commit')
        peer.reset()
    assert owner.call(1, 'queue.delete', queue=queue).message_count == -(-count // 100) * 100


@attack('one transaction acknowledges all that a deep queue had')
def commit_of_acks(arena):
    count, peer = arena.volume(300000, 2000), arena.peer()
    queue = peer.declare('settled').queue
    fill(peer, queue, count)
    taker = Peer(arena.address, patience_s=120)
    taker.send(1, 'basic.consume', queue=queue)
    take(taker, count)
    taker.send(1, 'tx.select')
    taker.send(1, 'basic.ack', delivery_tag=count, multiple=True)
    taker.send(1, 'tx.commit')
    while COMMIT_OK not in taker.socket.recv(4096):
        pass
    taker.reset()
    eventually(lambda: peer.declare(queue, passive=True).consumer_count == 0, within_s=120)
    assert peer.call(1, 'queue.delete', queue=queue).message_count == 0


@attack('all messages of a deep queue expire in the same moment')
def expiry_of_all(arena):
    count, peer = arena.volume(200000, 2000), arena.peer()
    ends = {'x-message-ttl': 1000 * arena.volume(4), 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'nobody'}
    queue = peer.declare('mortal', arguments=ends).queue
    message = encode_publish(1, '', queue, MARK)
    for _ in range(count // 1000):
        peer.write(message * 1000)
    eventually(lambda: peer.declare(queue, passive=True).message_count == 0, within_s=120)
    peer.call(1, 'queue.delete', queue=queue)


@attack('a deep queue is deleted under its consumer, who holds all of it')
def delete_of_unacked(arena):
    count, peer = arena.volume(300000, 2000), arena.peer()
    for _ in range(2):
        queue = peer.declare('held').queue
        fill(peer, queue, count)
        taker = Peer(arena.address, patience_s=120)
        taker.send(1, 'basic.consume', queue=queue)
        take(taker, count)
        assert peer.call(1, 'queue.delete', queue=queue).message_count == 0
        taker.reset()
