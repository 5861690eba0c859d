"""Attacks on the HTTP listener, which has a loop of its own: the innocent clients speak AMQP, and must not notice."""
import resource
import socket

from arena import Held, attack
from http_client import Api, basic
from wire import eventually

HEAD = f'Host: x\r\nAuthorization: {basic("guest", "guest")}\r\n'
WHOAMI = f'GET /api/whoami HTTP/1.1\r\n{HEAD}\r\n'.encode()
HALF_OPEN_KB_MAX = 4
PER_ADDRESS = 500
BODIES_MB = 10                         # bodies that are held take more, and when they are gone there is less


def connections(arena, count, text=b''):
    """So many connections, from as many addresses as may have them, each of which has sent the text."""
    made = []
    for number in range(count):
        one = socket.socket()
        one.bind((f'127.0.1.{1 + number // PER_ADDRESS}', 0))
        one.connect(('127.0.0.1', arena.broker.management_port))
        made.append(one)
        one.sendall(text)
    arena.at_end.append(lambda: [one.close() for one in made])
    return made


def close(made):
    for one in made:
        one.close()


def is_served(arena):
    return Api(arena.broker).get('/whoami').status == 200


@attack('thousands of requests that stop in the middle of a header take little memory, and a client gets the place of the oldest',
        settings=['management.tcp.request_timeout = 600000'])
def http_half_open(arena):
    descriptors = resource.getrlimit(resource.RLIMIT_NOFILE)[0]   # the broker's, too; three tenths are for such clients
    count = min(arena.volume(10_000, 50), descriptors // 2)
    began = Held(arena.broker.pid)
    made = connections(arena, 1, b'GET /api/whoami HTTP/1.1\r\nHos')
    limit = Held(arena.broker.pid)
    made += connections(arena, count - 1, b'GET /api/whoami HTTP/1.1\r\nHos')
    assert is_served(arena)
    arena.innocent.period(400)
    held = Held(arena.broker.pid)
    places = held.descriptors - limit.descriptors + 1
    kb = (held.rss_mb - began.rss_mb) * 1024 / places
    print(f'http_half_open: {count} came, {places} are there, {kb:.1f} KB each')
    assert kb < HALF_OPEN_KB_MAX or arena.scale < 1, f'{kb:.0f} KB for each half-open request'
    close(made)
    eventually(lambda: is_served(arena))


@attack('thousands of connections that have had an answer stay open', needs_memory_back=True)
def http_idle(arena):
    made = connections(arena, arena.volume(2000, 50), WHOAMI)
    for one in made:
        assert one.recv(1 << 16).startswith(b'HTTP/1.1 200')
    assert is_served(arena)
    close(made)


@attack('requests are sent by the thousand, and their answers never read')
def http_pipelined_flood(arena):
    made = connections(arena, 20)
    for one in made:
        one.setblocking(False)
        try:
            for _ in range(arena.volume(500, 5)):
                one.send(WHOAMI * 1000)
        except BlockingIOError:
            pass
    assert is_served(arena)
    close(made)


@attack('bodies of 64 MB come at the same time, and none to its end', needs_memory_back=True)
def http_bodies(arena):
    size = 60 << 20
    made = connections(arena, arena.volume(60, 3), f'PUT /api/queues/%2F/large HTTP/1.1\r\n{HEAD}Content-Length: {size}\r\n\r\n'.encode())
    began = Held(arena.broker.pid)
    piece = b' ' * (1 << 20)
    for one in made:
        one.settimeout(60)
        for _ in range(size // len(piece) - 1 if arena.scale >= 1 else 4):
            one.sendall(piece)
    taken_mb = lambda: Held(arena.broker.pid).rss_mb - began.rss_mb      # noqa: E731
    eventually(lambda: taken_mb() > BODIES_MB)
    assert taken_mb() < 1500
    assert is_served(arena)
    close(made)
    eventually(lambda: taken_mb() < BODIES_MB)


@attack('connections come and go, before, in and after a request')
def http_churn(arena):
    for number in range(arena.volume(3000, 60)):
        close(connections(arena, 1, [b'', WHOAMI[:20], WHOAMI, WHOAMI + b'x'][number % 4]))
    assert is_served(arena)
