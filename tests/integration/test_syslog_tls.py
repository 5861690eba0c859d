"""The log goes to a syslog server over TLS: whose certificate is checked, and who comes and goes."""
import os
import re
import signal
import socket
import ssl
import threading

import pytest

from brokers import free_port
from certificates import Authority
from patience import PATIENCE_S
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]


class Listener:
    """A syslog server, which keeps what it is sent. It reads only once it has sent what TLS 1.3 sends by itself (tickets)."""

    def __init__(self, port, pair, client_ca=None):
        self.got, self.failures, self.connections = b'', [], []
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.context.load_cert_chain(pair.chain, pair.key)
        if client_ca:
            self.context.verify_mode = ssl.CERT_REQUIRED
            self.context.load_verify_locations(client_ca)
        self.socket = socket.create_server(('127.0.0.1', port))
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()

    def serve(self):
        while True:
            try:
                raw = self.socket.accept()[0]
            except OSError:
                return                               # stop()
            try:
                self.connections.append(raw)
                raw.settimeout(PATIENCE_S)
                with self.context.wrap_socket(raw, server_side=True) as connection:
                    self.connections.append(connection)
                    while octets := connection.recv(65536):
                        self.got += octets
            except (OSError, ValueError) as error:
                self.failures.append(str(error))

    def lines(self):
        """What has come whole. Each line has its length in front (RFC 5425)."""
        rest, found = self.got, []
        while rest:
            size, _, rest = rest.partition(b' ')
            assert size.isdigit(), rest
            if len(rest) < int(size):
                break
            line, rest = rest[:int(size)], rest[int(size):]
            assert re.match(rb'<30>1 \S+ \S+ rabbitmq-server \d+ - - |<2[78]>1 ', line), line
            found.append(line.decode())
        return found

    def waits_for(self, text):
        return eventually(lambda: [line for line in self.lines() if text in line])

    def stop(self):
        for one in self.socket, *self.connections:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()
        self.thread.join()


@pytest.fixture
def listen():
    made = []

    def start(*args, **how):
        made.append(Listener(*args, **how))
        return made[-1]
    yield start
    for one in made:
        one.stop()


class Pki:
    def __init__(self, directory):
        self.ca = Authority(directory)
        self.server = self.ca.issue('server')
        self.elsewhere = self.ca.issue('elsewhere', names=['DNS:elsewhere.example'])
        self.client = self.ca.issue('client', usage='clientAuth')
        self.other = Authority(os.path.join(directory, 'other'), 'other')


def test_lines_reach_a_syslog_server_over_tls_whose_certificate_is_right(own_broker, listen, tmp_path):
    pki, port, own = Pki(str(tmp_path)), free_port(), own_broker(start=False)
    path = os.path.join(own.directory, 'log.conf')

    def configure(*, ca=pki.ca, **options):
        options = {'cacertfile': ca.certificate, **options}
        with open(path, 'w') as file:
            file.write('log.console = true\nlog.syslog = true\nlog.syslog.transport = tls\nlog.syslog.protocol = rfc5424\n'
                       f'log.syslog.host = 127.0.0.1\nlog.syslog.port = {port}\n' +
                       ''.join(f'log.syslog.ssl_options.{key} = {value}\n' for key, value in options.items()))
        if own.child:
            before = own.log().count('config: reloaded')
            os.kill(own.pid, signal.SIGHUP)
            eventually(lambda: own.log().count('config: reloaded') > before)

    def say(name):
        own.ctl('add_user', name, 'secret')

    def failures():
        return re.findall(r'cannot send the log to syslog at 127\.0\.0\.1: (.*)', own.log())

    configure()
    own.flags += ['--config', path]
    first = listen(port, pki.server)
    own.start()
    first.waits_for('Server startup complete')
    say('ann')
    first.waits_for("'ann'")

    first.stop()                                     # a line that it has not read is sent again to the next one
    say('berta')
    eventually(failures)
    say('chris')
    second = listen(port, pki.server)
    second.waits_for("'berta'")
    second.waits_for("'chris'")
    eventually(lambda: 'syslog at 127.0.0.1 takes the log again' in own.log())
    assert len(failures()) == 1 and not any("'ann'" in line for line in second.lines())

    for name, pair, options, why in (
            ('dora', pki.server, {'ca': pki.other}, 'its certificate is refused: unable to get local issuer certificate'),
            ('emil', pki.elsewhere, {}, 'its certificate is refused: IP address mismatch')):
        second.stop()
        second = listen(port, pair)
        configure(**options)
        say(name)
        eventually(lambda: why in failures())
        assert f"'{name}'".encode() not in second.got
        configure(verify='verify_none', **options)   # whatever it shows
        say(name + name)
        second.waits_for(f"'{name}{name}'")

    second.stop()
    third = listen(port, pki.server, client_ca=pki.ca.certificate)
    configure()
    say('fred')
    eventually(lambda: any('PEER_DID_NOT_RETURN_A_CERTIFICATE' in failure for failure in third.failures))
    assert b"'fred'" not in third.got
    configure(certfile=pki.client.certificate, keyfile=pki.client.key)
    say('gina')
    third.waits_for("'gina'")
    own.stop()                                       # the last lines arrive
    third.waits_for('stopped TCP listener on')
