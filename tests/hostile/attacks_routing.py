"""Attacks on routing: patterns, keys and arguments that were made to be expensive."""
import itertools

from arena import attack
from wire import FRAME_METHOD, encode_frame, encode_method, encode_properties, encode_publish


def bind(queue, exchange, routing_key='', arguments=None):
    return encode_frame(FRAME_METHOD, 1, encode_method(
        'queue.bind', queue=queue, exchange=exchange, routing_key=routing_key, arguments=arguments or {}, nowait=True))


def unbind(queue, exchange, routing_key):
    return encode_frame(FRAME_METHOD, 1, encode_method(
        'queue.unbind', queue=queue, exchange=exchange, routing_key=routing_key, arguments={}))


@attack('thousands of patterns with several #, and keys that take every way through them')
def topic_patterns(arena):
    peer, words = arena.peer(), ['#.a', '*', 'a', '#.a.*.#']
    peer.call(1, 'exchange.declare', exchange='hostile', type='topic', auto_delete=True)
    queue = peer.declare(exclusive=True).queue
    patterns = itertools.islice(itertools.product(words, repeat=7), arena.volume(16384, 300))
    peer.write(b''.join(bind(queue, 'hostile', '.'.join(pattern)) for pattern in patterns))
    peer.nothing_more()
    for number in range(arena.volume(100, 5)):
        peer.publish(1, 'hostile', 'a.' * (126 - number % 20) + 'a')
    peer.nothing_more()


@attack('ten thousand bindings to a headers exchange that differ in one header')
def headers_bindings(arena):
    peer = arena.peer()
    peer.call(1, 'exchange.declare', exchange='hostile', type='headers', auto_delete=True)
    queue = peer.declare(exclusive=True).queue
    for number in range(arena.volume(10000, 100)):
        peer.write(bind(queue, 'hostile', arguments={'kind': 'order', 'customer': number, 'x-match': 'all'}))
    peer.nothing_more()
    message = encode_publish(1, 'hostile', '', b'', encode_properties({'headers': {'kind': 'order', 'customer': -1}}))
    for _ in range(arena.volume(20000, 100) // 100):
        peer.write(message * 100)
    peer.nothing_more()


@attack('a policy whose pattern has exponentially many ways, over thousands of queues that almost match')
def costly_policy(arena):
    peer = arena.peer()
    for number in range(arena.volume(5000, 50)):
        peer.send(1, 'queue.declare', queue=f'{"a" * 200}{number}!', exclusive=True, nowait=True)
    peer.nothing_more()
    arena.broker.ctl('set_policy', 'costly', '(a+)+$', '{"max-length": 5}', '--apply-to', 'queues')
    for number in range(arena.volume(500, 10)):
        peer.call(1, 'queue.declare', queue=f'{"a" * 200}x{number}!', exclusive=True)
    arena.broker.ctl('clear_policy', 'costly')


def bind_all(peer, binds):
    for at in range(0, len(binds), 500):
        peer.write(b''.join(binds[at:at + 500]))
    peer.nothing_more()


@attack('a hundred thousand bindings are taken back one by one, ten thousand go with their exchange, and ten thousand with their queue')
def bindings_that_go(arena):
    count, peer = arena.volume(100000, 500), arena.peer(patience_s=120)
    for kind, pattern in ('direct', 'k.{}'), ('topic', '*.{}.#'):
        peer.call(1, 'exchange.declare', exchange='bound', type=kind)
        queue = peer.declare().queue
        binds = [bind(queue, 'bound', pattern.format(number)) for number in range(count)]
        bind_all(peer, binds)
        for at in range(0, count, 500):
            numbers = range(at, min(at + 500, count))
            peer.write(b''.join(unbind(queue, 'bound', pattern.format(number)) for number in numbers))
            for _ in numbers:
                peer.expect('queue.unbind-ok', 1)
        bind_all(peer, binds[:count // 10])
        peer.call(1, 'exchange.delete', exchange='bound')
        peer.call(1, 'exchange.declare', exchange='bound', type=kind, auto_delete=True)
        bind_all(peer, binds[:count // 10])
        peer.call(1, 'queue.delete', queue=queue)
