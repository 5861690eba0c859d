"""A web service that knows users, as the backend http asks one: on a free port of 127.0.0.1, a thread for each connection.

It keeps what it was asked, and can be told to answer wrongly, late or not at all.
"""
import threading
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from patience import PATIENCE_S


class UserService:
    def __init__(self, tls=None):
        """`tls`: an ssl.SSLContext to serve https with."""
        self.users = {}                              # name: (password, tags)
        self.vhosts = set()                          # (user, vhost)
        self.denied = set()                          # (permission, resource, name): what nobody may do; all else everybody may
        self.denied_keys = set()                     # routing keys
        self.reason = ''                             # what a "deny" adds
        self.asked = []                              # (HTTP method, path, parameters as they came, the peer's port)
        self.answers = {}                            # path: (status, body, headers), instead of what is true
        self.gate = threading.Event()                # closed, answers wait
        self.gate.set()
        self.tls = tls
        self.server = None
        self.port = 0

    def start(self):
        """Also again after stop(), on the same port."""
        service = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = 'HTTP/1.1'
            disable_nagle_algorithm = True

            def do_GET(self):
                path, _, query = self.path.partition('?')
                self.answer(path, query)

            def do_POST(self):
                self.answer(self.path, self.rfile.read(int(self.headers['content-length'])).decode())

            def answer(self, path, query):
                service.asked.append((self.command, path, query, self.client_address[1]))
                service.gate.wait(PATIENCE_S)
                status, body, headers = service.answers.get(path) or (200, service.truth(path, query), {})
                try:
                    self.send_response(status)
                    for header in {'content-length': str(len(body)), **headers}.items():
                        self.send_header(*header)
                    self.end_headers()
                    self.wfile.write(body.encode())
                except OSError:                      # the broker has had enough
                    self.close_connection = True

            def log_message(self, *_):
                pass

        class Server(ThreadingHTTPServer):
            daemon_threads = True
            block_on_close = False
            request_queue_size = 128

            def handle_error(self, request, client_address):
                pass                                 # a handshake that the broker has given up

        self.server = Server(('127.0.0.1', self.port), Handler)
        if self.tls:
            # The handshake belongs to the connection's own thread, so that one that hangs holds up nobody.
            self.server.socket = self.tls.wrap_socket(self.server.socket, server_side=True, do_handshake_on_connect=False)
        self.port = self.server.server_port
        threading.Thread(target=self.server.serve_forever, kwargs={'poll_interval': 0.05}, daemon=True).start()
        return self

    def stop(self):
        """Nobody listens any more. Connections that are open go on."""
        if self.server:
            self.gate.set()
            self.server.shutdown()
            self.server.server_close()
            self.server = None

    def truth(self, path, query):
        """The right answer."""
        asked = dict(urllib.parse.parse_qsl(query, keep_blank_values=True))
        if path == '/user':
            password, tags = self.users.get(asked['username'], (None, ''))
            is_allowed = password is not None and asked.get('password', password) == password
            return ' '.join(['allow', tags]).strip() if is_allowed else self.no()
        if path == '/vhost':
            is_allowed = (asked['username'], asked['vhost']) in self.vhosts
        elif path == '/resource':
            is_allowed = (asked['permission'], asked['resource'], asked['name']) not in self.denied
        else:
            is_allowed = asked['routing_key'] not in self.denied_keys
        return 'allow' if is_allowed else self.no()

    def no(self):
        return f'deny {self.reason}'.strip()

    def queries(self, path):
        """What was asked at this path, as it came."""
        return [query for _, where, query, _ in self.asked if where == path]

    def settings(self, method='post', host='127.0.0.1', backends=('http',)):
        """The broker's lines of configuration."""
        scheme = 'https' if self.tls else 'http'
        chain = ''.join(f'auth_backends.{number} = {name}\n' for number, name in enumerate(backends, 1))
        return chain + f'auth_http.http_method = {method}\n' + ''.join(
            f'auth_http.{what}_path = {scheme}://{host}:{self.port}/{what}\n' for what in ('user', 'vhost', 'resource', 'topic'))
