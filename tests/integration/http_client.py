"""A client of the HTTP API, and of any other HTTP listener of a broker.

    api = Api(broker)
    assert api.put(path('queues', '/', 'orders'), {'durable': True}).status == 201
    assert api.get('/whoami', user=None).status == 401
    api.wait(path('queues', '/', 'orders'), lambda answer: answer.json['messages'] == 3)

Paths are below /api and are sent as they are: path() escapes names. Each call has a connection of its own. An answer is never an
error: tests look at its status."""
import base64
import http.client
import json
import socket
import urllib.parse

from patience import PATIENCE_S
from wire import eventually


def path(*parts, **query):
    """path('queues', '/', 'a b', columns='name') is '/queues/%2F/a%20b?columns=name'."""
    text = ''.join('/' + urllib.parse.quote(str(part), safe='') for part in parts)
    return text + ('?' + urllib.parse.urlencode(query, doseq=True) if query else '')


def basic(user, password):
    """The value of the header that logs a user in."""
    return 'Basic ' + base64.b64encode(f'{user}:{password}'.encode()).decode()


class Answer:
    """.status, .headers (upper and lower case of names are the same), .body in octets, .text, .json."""

    def __init__(self, response, body):
        self.status, self.headers, self.body = response.status, response.headers, body

    @property
    def text(self):
        return self.body.decode()

    @property
    def json(self):
        return json.loads(self.body)

    def __repr__(self):
        return f'{self.status} {dict(self.headers)} {self.body[:2000]!r}'


class Http:
    """What listens on this port of 127.0.0.1; with `tls`, an ssl.SSLContext, over TLS."""

    def __init__(self, port, tls=None):
        self.port, self.tls = port, tls

    def connection(self):
        """A connection for the test's own use: close it."""
        if self.tls:
            return http.client.HTTPSConnection('localhost', self.port, timeout=PATIENCE_S, context=self.tls)
        return http.client.HTTPConnection('127.0.0.1', self.port, timeout=PATIENCE_S)

    def request(self, method, target, body=None, headers=None):
        """A body that is neither None, octets nor text is sent as JSON."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, (bytes, str)):
            body = json.dumps(body)
            headers.setdefault('content-type', 'application/json')
        connection = self.connection()
        try:
            connection.request(method, target, body.encode() if isinstance(body, str) else body, headers)
            response = connection.getresponse()
            return Answer(response, response.read())
        finally:
            connection.close()


class Raw:
    """A connection that sends what it is told, and reads answers one by one."""

    def __init__(self, port, receive_buffer=None):
        self.socket = socket.socket()
        self.socket.settimeout(PATIENCE_S)
        if receive_buffer:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.socket.connect(('127.0.0.1', port))
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


class Api(Http):
    """The HTTP API of a broker. A user is (name, password), or a name, whose password is the same; None: no credentials."""

    def __init__(self, broker, user=('guest', 'guest'), port=None, tls=None):
        super().__init__(port or broker.management_port, tls)
        self.user = user

    def call(self, method, target, body=None, user=..., headers=None):
        user = self.user if user is ... else user
        headers = dict(headers or {})
        if user is not None:
            headers.setdefault('authorization', basic(*((user, user) if isinstance(user, str) else user)))
        return self.request(method, '/api' + target, body, headers)

    def get(self, target, **how):
        return self.call('GET', target, **how)

    def put(self, target, body=None, **how):
        return self.call('PUT', target, {} if body is None else body, **how)

    def post(self, target, body=None, **how):
        return self.call('POST', target, {} if body is None else body, **how)

    def delete(self, target, **how):
        return self.call('DELETE', target, **how)

    def wait(self, target, is_so, **how):
        """Gets until the answer is 200 and `is_so(answer)`; returns that answer."""
        seen = []

        def asked():
            seen[:] = [self.get(target, **how)]
            return seen[0].status == 200 and is_so(seen[0])

        try:
            eventually(asked)
        except AssertionError as error:
            raise AssertionError(f'GET {target}: {error}; {seen}') from None
        return seen[0]
