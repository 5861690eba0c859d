"""Attacks on the control socket: by clients that send nothing, read nothing, or ask for everything at once."""
import json
import socket

from arena import attack
from wire import Peer

BODY = b'page ' * 20000


def control(arena, *requests):
    sock = socket.socket(socket.AF_UNIX)
    sock.connect(f'{arena.broker.data}/control.sock')        # waits, unlike one with a time limit
    sock.settimeout(60)
    sock.sendall(''.join(json.dumps(one) + '\n' for one in requests).encode())
    return sock


def answer(sock):
    """The last line of an answer."""
    with sock.makefile('r') as lines:
        for line in lines:
            if line.startswith('{'):
                return json.loads(line)
    raise AssertionError('the control socket ended before its answer')


def check_health(arena):
    for command in 'ping', 'status':
        with control(arena, {'command': command}) as sock:
            assert answer(sock)['ok'], command


def fill(arena, messages):
    with Peer(arena.address) as peer:
        peer.call(1, 'confirm.select')
        peer.declare('library')
        for _ in range(messages):
            peer.publish(1, '', 'library', BODY)
            peer.expect('basic.ack')


@attack('clients of the control socket that say nothing make room for others')
def silent_controls(arena):
    silent = []
    for number in range(arena.volume(1000, 300)):
        silent.append(control(arena))
        if number % 50 == 0:
            check_health(arena)
    check_health(arena)
    for sock in silent:
        sock.close()


@attack('clients of the control socket that read nothing keep no other waiting')
def paused_listings(arena):
    fill(arena, 100)
    browse = {'command': 'browse_queue', 'vhost': '/', 'queue': 'library', 'columns': ['payload'], 'truncate': 10**6}
    paused = []
    for number in range(100):
        paused.append(control(arena, browse))
        if number % 10 == 0:
            check_health(arena)
    check_health(arena)
    for sock in paused:
        sock.close()
    with Peer(arena.address) as peer:
        peer.call(1, 'queue.delete', queue='library')


@attack('listings of many queues, again and again, many at a time')
def listing_storm(arena):
    with Peer(arena.address) as peer:
        for number in range(arena.volume(5000, 100)):
            peer.declare(f'a.queue.with.some.name.{number}', exclusive=True)
        listing = {'command': 'list_queues', 'vhost': '/', 'columns': ['name', 'messages', 'arguments', 'memory']}
        for _ in range(arena.volume(5, 1)):
            storm = [control(arena, listing) for _ in range(32)]
            check_health(arena)
            for sock in storm:
                assert answer(sock)['ok']
                sock.close()
