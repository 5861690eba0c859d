"""Attacks before and during the handshake, and by the number of connections."""
import random
import socket
import struct

from arena import attack
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


@attack('wrong passwords, as fast as one client can send them')
def login_flood(arena):
    for number in range(arena.volume(1500, 15)):
        peer = Peer(arena.address, upto='start-ok', user=f'user{number % 7}', password='wrong')
        close = peer.expect('connection.close', 0)
        assert close.reply_code == 403, close
        peer.reset()


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
