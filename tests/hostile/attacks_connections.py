"""Attacks before and during the handshake, and by the number of connections."""
import random
import resource
import socket
import struct

from arena import Held, attack
from wire import HEADER, Closed, Peer, encode_frame, encode_method, eventually

RANDOM_ROUND = 200


def raw(arena):
    """A socket that has sent nothing."""
    return socket.create_connection(arena.address, 60)


def reset(sock):
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    sock.close()


def is_closed(sock):
    """Reads until the broker closes; what it sends before does not matter."""
    try:
        while sock.recv(1 << 16):
            pass
    except ConnectionResetError:
        pass
    return True


@attack('connections that say nothing are closed after the time for a handshake', settings=['handshake_timeout = 1500'])
def silent_connections(arena):
    silent = [raw(arena) for _ in range(arena.volume(2000, 20))]
    for sock in silent:
        assert is_closed(sock)
        sock.close()


@attack('a handshake that comes octet by octet is over when its time is', settings=['handshake_timeout = 1500'])
def slow_loris(arena):
    start_ok = encode_frame(1, 0, encode_method(
        'connection.start-ok', mechanism='PLAIN', response='\0guest\0guest', locale='en_US',
        client_properties={'product': 'x' * 500}))
    socks = [raw(arena) for _ in range(arena.volume(300, 10))]
    for octet in HEADER + start_ok[:60]:
        for sock in socks:
            try:
                sock.send(bytes([octet]))
            except OSError:
                pass                                         # this one has timed out already
    for sock in socks:
        assert is_closed(sock)
        sock.close()


HALF_OPEN_KB_MAX = 64


def judge_half_open(arena, count, began):
    """While they are open: what each of them takes, and how the innocent clients fare."""
    descriptors = lambda: Held(arena.broker.pid).descriptors - began.descriptors     # noqa: E731
    eventually(lambda: descriptors() >= count, within_s=60)
    arena.innocent.period(400)                               # how it was while they were being opened is not judged
    felt = arena.innocent.period(800)
    held = Held(arena.broker.pid)
    kb = (held.rss_mb - began.rss_mb) * 1024 / count
    print(f'half_open: {descriptors()} at once, {kb:.1f} KB each; p99 {felt["p99_ms"]} ms, without them {arena.quiet["p99_ms"]} ms')
    assert kb < HALF_OPEN_KB_MAX, f'{kb:.0f} KB for each half-open connection'


@attack('thousands of connections that stop anywhere in the handshake take little memory, and are closed in time',
        settings=['handshake_timeout = 10000', 'handshakes_max_per_address = none'])
def half_open(arena):
    """A third says nothing, a third half of the header, a third all but the last octet of a start-ok as long as a frame may be."""
    start_ok = encode_frame(1, 0, encode_method(
        'connection.start-ok', mechanism='PLAIN', response='\0guest\0guest', locale='en_US',
        client_properties={'product': 'x' * 3900}))
    says = [b'', HEADER[:4], HEADER + start_ok[:-1]]
    count = arena.volume(5000, 30)
    files = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (files[1], files[1]))
    arena.at_end.append(lambda: resource.setrlimit(resource.RLIMIT_NOFILE, files))
    began = Held(arena.broker.pid)
    socks = []
    for number in range(count):
        socks.append(raw(arena))
        socks[-1].sendall(says[number % 3])
    if arena.scale >= 1:
        judge_half_open(arena, count, began)
        for sock in socks:
            assert is_closed(sock)
    for sock in socks:
        reset(sock)


@attack('more half-open connections from one address than may be', settings=['handshakes_max_per_address = 100'])
def half_open_flood(arena):
    socks = [raw(arena) for _ in range(arena.volume(5000, 300))]
    for sock in socks[200:]:                                 # the first 100, and some more, may still be open
        assert is_closed(sock)
    for sock in socks:
        reset(sock)


@attack('connections come and go as fast as one client can make them')
def connection_churn(arena):
    for number in range(arena.volume(3000, 30)):
        sock = raw(arena)
        if number % 3:
            sock.sendall(HEADER)
        reset(sock)


@attack('whole handshakes, each thrown away without a goodbye')
def handshake_churn(arena):
    for number in range(arena.volume(1000, 10)):
        peer = Peer(arena.address)
        peer.reset() if number % 2 else peer.drop()


def login_refused(peer):
    close = peer.expect('connection.close', 0)
    assert close.reply_code == 403, close
    peer.reset()


@attack('many connections at once with wrong passwords, no two the same: each costs a slow hash', settings=['handshake_timeout = 600000'])
def login_flood(arena):
    """Half of them guess a user's password, half of them are of users who do not exist."""
    peers = [Peer(arena.address, upto='start-ok', user='guest' if number % 2 else f'user{number}', password=f'wrong{number}')
             for number in range(arena.volume(150, 6))]
    if arena.scale >= 1:
        arena.innocent.period(100)                           # how it was while they came is not judged here
        felt = arena.innocent.period(800)
        ratio = felt['p99_ms'] / max(arena.quiet['p99_ms'], 0.01)
        print(f'login_flood: p99 {felt["p99_ms"]} ms while passwords are hashed, {arena.quiet["p99_ms"]} ms before: {ratio:.1f} times')
    for peer in peers:
        login_refused(peer)


@attack('the same wrong passwords again and again, as fast as one client can send them')
def login_repeats(arena):
    for number in range(arena.volume(1500, 15)):
        login_refused(Peer(arena.address, upto='start-ok', user=f'user{number % 7}', password='wrong'))


@attack('random octets instead of a protocol header, and after it')
def random_octets(arena):
    octets = random.Random(7)
    for number in range(arena.volume(1000, 20)):
        sock = raw(arena)
        try:
            sock.sendall((HEADER if number % 2 else b'') + octets.randbytes(octets.randrange(8, 4000)))
            is_closed(sock)
        except (ConnectionResetError, BrokenPipeError):
            pass
        sock.close()


@attack('random octets inside of well-formed frames, after a login')
def random_frames(arena):
    octets = random.Random(8)
    for _ in range(arena.volume(1000, 20)):
        peer = Peer(arena.address, patience_s=60)
        frames = [encode_frame(octets.choice((1, 1, 1, 2, 3, 8)), octets.choice((0, 1, 1, 1, 2, 65535)),
                               octets.choice((b'', struct.pack('>HH', octets.choice((10, 20, 40, 50, 60, 85, 90)),
                                                               octets.randrange(10, 130))))
                               + octets.randbytes(octets.randrange(60))) for _ in range(20)]
        peer.write(b''.join(frames))
        peer.reset()


@attack('more connections than the broker has descriptors for: those who are in stay served, and room is used again',
        wrapper=['prlimit', '--nofile=300'])
def few_descriptors(arena):
    socks = []
    for _ in range(600):                                     # more than the limit, however short the form
        sock = socket.socket()
        sock.settimeout(60)
        try:
            sock.connect(arena.address)
        except OSError:
            pass
        socks.append(sock)
    for sock in socks:
        reset(sock)

    def a_newcomer_is_served():
        try:
            Peer(arena.address).close()
            return True
        except (OSError, Closed):
            return False
    eventually(a_newcomer_is_served, within_s=60)
