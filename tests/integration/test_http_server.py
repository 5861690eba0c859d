"""The HTTP server: connections, methods, headers, bodies; whatever is behind the paths."""
import socket

import pytest

from http_client import Api, basic, path
from patience import PATIENCE_S

pytestmark = pytest.mark.leveret

GUEST = f'Authorization: {basic("guest", "guest")}\r\n'


@pytest.fixture
def api(broker):
    return Api(broker)


class Raw:
    """A connection that sends what it is told, and reads answers one by one."""

    def __init__(self, port):
        self.socket = socket.create_connection(('127.0.0.1', port), PATIENCE_S)
        self.buffer = b''

    def send(self, text):
        self.socket.sendall(text.encode() if isinstance(text, str) else text)

    def more(self):
        octets = self.socket.recv(65536)
        self.buffer += octets
        return octets != b''

    def answer(self, has_body=True):
        """The next answer: (status, {name: value}, body)."""
        while b'\r\n\r\n' not in self.buffer:
            assert self.more(), f'ended after {self.buffer!r}'
        head, self.buffer = self.buffer.split(b'\r\n\r\n', 1)
        lines = head.decode().split('\r\n')
        headers = {name.lower(): value.strip() for name, value in (line.split(':', 1) for line in lines[1:])}
        length = int(headers.get('content-length', 0)) if has_body else 0
        while len(self.buffer) < length:
            assert self.more(), f'ended after {self.buffer!r}'
        body, self.buffer = self.buffer[:length], self.buffer[length:]
        return int(lines[0].split()[1]), headers, body

    def ends(self):
        """Waits until the broker closes the connection, and returns what it has said until then."""
        try:
            while self.more():
                pass
        except ConnectionResetError:
            pass
        return self.buffer

    def close(self):
        self.socket.close()


@pytest.fixture
def raw(broker):
    made = []

    def make():
        made.append(Raw(broker.management_port))
        return made[-1]

    yield make
    for one in made:
        one.close()


def test_the_user_who_asks_is_named(api):
    answer = api.get('/whoami')
    assert (answer.status, answer.json) == (200, {'name': 'guest', 'tags': ['administrator']})
    assert answer.headers['content-type'] == 'application/json'


def test_an_unknown_path_is_not_found(api):
    answer = api.get('/nothing/here')
    assert (answer.status, answer.json) == (404, {'error': 'Object Not Found', 'reason': 'Not Found'})


def test_a_slash_in_a_name_does_not_end_it(api, peer, name):
    peer.declare(queue := name('a/b c'))
    api.wait(path('queues', '/'), lambda answer: queue in [one['name'] for one in answer.json])


def test_a_connection_serves_many_requests(raw):
    one = raw()
    for _ in range(3):
        one.send(f'GET /api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n')
        assert one.answer()[0] == 200


def test_requests_may_be_sent_before_answers_are_read(raw):
    one = raw()
    one.send(f'GET /api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n' * 20)
    for _ in range(20):
        assert one.answer()[0] == 200


def test_a_request_of_http_1_0_ends_its_connection(raw):
    one = raw()
    one.send(f'GET /api/whoami HTTP/1.0\r\n{GUEST}\r\n')
    status, _, body = one.answer()
    assert status == 200 and body and one.ends() == b''


def test_a_client_may_ask_for_the_end_of_the_connection(raw):
    one = raw()
    one.send(f'GET /api/whoami HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{GUEST}\r\n')
    assert one.answer()[0] == 200 and one.ends() == b''


def test_head_is_answered_without_a_body(raw):
    one = raw()
    one.send(f'HEAD /api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n')
    status, headers, _ = one.answer(has_body=False)
    assert status == 200 and int(headers['content-length']) > 0
    one.send(f'GET /api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n')
    assert one.answer()[0] == 200


def test_http_is_one_of_the_listeners(broker):
    assert f'started TCP listener on 127.0.0.1:{broker.management_port}\n' in broker.log()
