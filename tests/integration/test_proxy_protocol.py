"""Connections by way of a proxy: the PROXY protocol, versions 1 and 2, and whose addresses count."""
import ipaddress
import os
import shutil
import socket
import ssl
import struct
import subprocess

import pytest

from brokers import free_port
from certificates import Authority
from patience import PATIENCE_S
from wire import HEADER, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]

SIGNATURE = b'\r\n\r\n\0\r\nQUIT\n'
LINE = 'PROXY TCP4 {} 198.51.100.7 56324 5672\r\n'


def line(client):
    return LINE.format(client).encode()


def binary(client, to='198.51.100.7', more=b'', command=0x21):
    """A header of version 2 with these addresses, and `more` behind them."""
    client, to = ipaddress.ip_address(client), ipaddress.ip_address(to)
    family = 0x11 if client.version == 4 else 0x21
    body = client.packed + to.packed + struct.pack('>HH', 56324, 5672) + more
    return SIGNATURE + bytes([command, family]) + struct.pack('>H', len(body)) + body


@pytest.fixture
def proxied(own_broker, tmp_path):
    """Makes a broker that has these lines in its configuration."""
    def make(*lines, **how):
        path = tmp_path / 'leveret.conf'
        path.write_text('proxy_protocol = true\n' + '\n'.join(lines) + '\n')
        broker = own_broker(start=False, flags=['--config', str(path)], **how)
        broker.answers = lambda: 'listens on' in broker.log()    # a header would be missing
        broker.start()
        if not broker.ctl('list_users', '-q').out.count('afar'):
            broker.ctl('add_user', 'afar', 'secret')
            broker.ctl('set_permissions', 'afar', '.*', '.*', '.*')
        return broker
    return make


def enter(broker, header, **how):
    """A connection that begins with these octets, and then speaks AMQP."""
    return Peer(broker.address, header=header + HEADER, **how)


def say(broker, octets):
    """A connection that begins with these octets, and then waits."""
    peer = Peer(broker.address, upto='connected')
    peer.write(octets)
    return peer


def listed(broker):
    rows = broker.ctl('list_connections', '-q', 'name', 'peer_host', 'peer_port', 'host', 'port').out.splitlines()
    return [row.split('\t') for row in rows if row and not row.startswith('name')]


@pytest.mark.parametrize('header, client', [
    (line('192.0.2.1'), '192.0.2.1'),
    (binary('192.0.2.1'), '192.0.2.1'),
    (binary('192.0.2.1', more=b'\x20' + struct.pack('>H', 900) + b'x' * 900), '192.0.2.1'),
    (binary('2001:db8::7', '2001:db8::1'), '2001:db8::7'),
])
def test_listings_and_the_log_show_the_address_that_a_proxy_passes_on(proxied, header, client):
    broker = proxied()
    peer = enter(broker, header, user='afar', password='secret')
    to = '198.51.100.7' if ':' not in client else '2001:db8::1'
    assert listed(broker) == [[f'{client}:56324 -> {to}:5672', client, '56324', to, '5672']]
    eventually(lambda: f'({client}:56324 -> {to}:5672)' in broker.log())
    peer.close()


def test_guest_may_not_log_in_from_afar_by_a_proxy_on_this_host(proxied):
    broker = proxied()
    for header in line('192.0.2.1'), binary('192.0.2.1'), b'PROXY UNKNOWN\r\n':
        peer = enter(broker, header, upto='start-ok')
        assert peer.expect('connection.close', 0).reply_code == 403
        peer.drop()
    for header in line('127.0.0.1'), binary('127.0.0.1'), SIGNATURE + b'\x20\0\0\0':
        enter(broker, header).close()


def test_a_peer_that_sends_no_header_is_closed_and_the_log_says_why(proxied):
    broker = proxied()
    for octets in HEADER, b'PROXY TCP4 nonsense\r\n', SIGNATURE + b'\x21\x12\0\x0c' + bytes(12):
        peer = say(broker, octets)
        peer.expect_closed()
    eventually(lambda: broker.log().count('no valid PROXY protocol header (proxy_protocol)') == 3)


def test_a_header_that_does_not_come_in_time_ends_the_connection(proxied):
    broker = proxied(handshake_timeout_ms=300)
    for octets in b'', b'PROX', SIGNATURE[:5]:
        peer = say(broker, octets)
        peer.expect_closed()
    eventually(lambda: broker.log().count('handshake not finished within 300 ms') == 3)


def test_only_trusted_peers_pass_on_addresses(proxied):
    broker = proxied('proxy_protocol.trusted.1 = 10.0.0.0/8', 'proxy_protocol.trusted.2 = 127.0.0.2')
    Peer(broker.address).close()
    refused = say(broker, line('192.0.2.1'))
    refused.expect_closed()
    eventually(lambda: 'the PROXY protocol, which is not expected here' in broker.log())
    with socket.socket() as from_proxy:
        from_proxy.settimeout(PATIENCE_S)
        from_proxy.bind(('127.0.0.2', 0))
        from_proxy.connect(broker.address)
        from_proxy.sendall(binary('192.0.2.1') + HEADER)
        assert from_proxy.recv(1) == b'\x01'
        eventually(lambda: any(row[1] == '192.0.2.1' for row in listed(broker)))


def test_a_header_comes_before_tls(proxied, tmp_path):
    authority, port = Authority(str(tmp_path / 'pki')), free_port()
    server = authority.issue('server')
    broker = proxied(f'listeners.ssl.1 = 127.0.0.1:{port}', f'ssl_options.certfile = {server.certificate}',
                     f'ssl_options.keyfile = {server.key}')
    context = ssl.create_default_context(cafile=authority.certificate)
    with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as plain:
        plain.sendall(line('192.0.2.1'))
        with context.wrap_socket(plain, server_hostname='localhost') as secure:
            secure.sendall(HEADER)
            assert secure.recv(1) == b'\x01'
            assert [row[1] for row in listed(broker)] == ['192.0.2.1']
    with socket.create_connection(('127.0.0.1', port), PATIENCE_S) as plain, pytest.raises(OSError):
        context.wrap_socket(plain, server_hostname='localhost')  # without a header
    eventually(lambda: 'no valid PROXY protocol header (proxy_protocol)' in broker.log())


def test_a_wrong_network_is_refused_before_the_start(own_broker, tmp_path):
    path = tmp_path / 'leveret.conf'
    path.write_text('proxy_protocol.trusted.1 = 10.0.0.0/33\n')
    broker = own_broker(start=False, flags=['--config', str(path)])
    broker.start(wait=False)
    assert broker.child.wait() == 78
    assert 'expected a numeric address, or a network such as 10.0.0.0/8' in broker.log()
    broker.child = None


@pytest.mark.skipif(not shutil.which('haproxy', path=os.environ['PATH'] + ':/usr/sbin'), reason='haproxy is not installed')
@pytest.mark.parametrize('sends', ['send-proxy', 'send-proxy-v2'])
def test_haproxy_passes_on_its_clients_addresses(proxied, tmp_path, sends):
    broker, port = proxied(), free_port()
    config = tmp_path / 'haproxy.cfg'
    config.write_text(f'''
global
    maxconn 20
defaults
    mode tcp
    timeout connect 10s
    timeout client 60s
    timeout server 60s
listen amqp
    bind 127.0.0.1:{port}
    server leveret 127.0.0.1:{broker.port} check inter 100 check-send-proxy {sends}
''')
    haproxy = subprocess.Popen([shutil.which('haproxy', path=os.environ['PATH'] + ':/usr/sbin'), '-f', config, '-db'],
                               stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        def client():
            try:
                return Peer(('127.0.0.1', port))
            except OSError:
                return None
        peer = eventually(client)
        ours = peer.socket.getsockname()[1]
        row, = [row for row in listed(broker) if row[2] == str(ours)]
        assert row == [f'127.0.0.1:{ours} -> 127.0.0.1:{port}', '127.0.0.1', str(ours), '127.0.0.1', str(port)]
        peer.close()
    finally:
        haproxy.terminate()
        haproxy.wait()
