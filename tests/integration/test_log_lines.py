"""What is logged of clients that are refused, that make mistakes and that leave: one line each, with who, what and why, in
RabbitMQ's words; and in JSON the same, in fields. One broker, one walk."""
import json
import os
import re
import socket
import ssl

import pytest

from brokers import Leveret, free_port, whole_lines
from certificates import Authority
from patience import PATIENCE_S
from wire import HEADER, Closed, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

NOBODY = '\0nobody\0wrong'
# These have each connection, and say nothing of why it ends.
OF_ITS_LIFE = re.compile(r'(accepting AMQP connection|has a client-provided name|authenticated and granted access to vhost)'
                         r'|closing AMQP connection [^)]*\)$')


class Walk:
    """The broker, and what it has logged, as text and as JSON."""

    def __init__(self, directory, ca):
        self.own, self.ca = Leveret(directory), ca
        self.secure_port = free_port()
        server = ca.issue('server')
        path = os.path.join(self.own.directory, 'log.conf')
        with open(path, 'w') as file:
            file.write('log.console = true\nlog.level = debug\nlog.file = lines.json\nlog.file.formatter = json\n'
                       'auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = AMQPLAIN\nauth_mechanisms.3 = EXTERNAL\n'
                       'proxy_protocol = true\nproxy_protocol.trusted.1 = 127.0.0.2\n'
                       f'listeners.ssl.1 = 127.0.0.1:{self.secure_port}\n'
                       f'ssl_options.certfile = {server.certificate}\nssl_options.keyfile = {server.key}\n'
                       f'ssl_options.cacertfile = {ca.certificate}\nssl_options.verify = verify_peer\n')
        self.own.flags += ['--config', path]
        self.own.start()

    def client(self, name, upto='channel', **how):
        """A connection with this name (the client's own)."""
        properties = {'connection_name': name, 'capabilities': {'authentication_failure_close': True}}
        return Peer(self.own.address, upto=upto, properties=properties, **how)

    def json_lines(self):
        with open(os.path.join(self.own.data, 'logs', 'lines.json'), encoding='utf-8') as file:
            return [json.loads(line) for line in whole_lines(file.read()).split('\n')[:-1]]

    def said_of(self, peer):
        """The lines about the peer that say more than that it has come and gone."""
        return lines_of(self.own.log().split('\n'), peer, lambda line: line)

    def said_of_in_json(self, peer):
        return lines_of(self.json_lines(), peer, lambda line: line['msg'])


def lines_of(lines, peer, text_of):
    """Of the newest connection from there: an earlier one may have had the same port."""
    own = [line for line in lines if f'{peer} ->' in text_of(line)]
    begin = max((at for at, line in enumerate(own) if 'accepting AMQP connection' in text_of(line)), default=0)
    return [line for line in own[begin:] if not OF_ITS_LIFE.search(text_of(line))]


def address_of(peer):
    return '127.0.0.1:%d' % peer.socket.getsockname()[1]


@pytest.fixture(scope='module')
def walk(workspace):
    one = Walk(os.path.join(workspace, 'lines'), Authority(os.path.join(workspace, 'lines-pki')))
    yield one
    one.own.stop()


def expect_line(walk, peer, level, text, category='connection', **facts):
    """Waits for the one line about the peer (a Peer, or how the log names it). `text` is a pattern for what follows the pid."""
    address = peer if isinstance(peer, str) else address_of(peer)
    lines = eventually(lambda: walk.said_of(address))
    structured = eventually(lambda: walk.said_of_in_json(address))
    assert len(lines) == 1 and len(structured) == 1, (lines, structured)
    assert re.search(rf' \[{level}\] <0\.(\d+)\.0> {text}$', lines[0]), (text, lines[0])
    [line] = structured
    assert lines[0].endswith(f'{line["pid"]} {line["msg"]}')
    assert f'{line["pid"]} ({address} -> ' in line['msg'] and line['connection'].startswith(f'{address} -> ')
    expected = {'level': level, 'domain': f'rabbitmq.{category}', 'peer': address.rsplit(':', 1)[0], **facts}
    found = {key: value for key, value in line.items() if key not in ('time', 'pid', 'msg', 'connection')}
    assert found == expected, line


# --- logins ---------------------------------------------------------------------------------------

def amqplain(user, password):
    def string(text):
        return b'S' + len(text).to_bytes(4, 'big') + text.encode()
    return b'\x05LOGIN' + string(user) + b'\x08PASSWORD' + string(password)


def expect_refusal(walk, peer, name, mechanism, why, **facts):
    peer.expect('connection.close', 0)
    expect_line(walk, facts.pop('address', peer), 'error',
                rf'Error on AMQP connection <0\.\d+\.0> \(\S+ -> \S+ - {name}, state: starting\): {mechanism} login refused: {why}',
                connection_name=name, **facts)


@pytest.mark.parametrize('name, mechanism, response, user, why', [
    ('plain', 'PLAIN', '\0guest\0wrong', 'guest', "user 'guest' - invalid credentials"),
    ('amqplain', 'AMQPLAIN', amqplain('guest', 'wrong'), 'guest', "user 'guest' - invalid credentials"),
    ('unknown', 'PLAIN', NOBODY, 'nobody', r"user 'nobody' - invalid credentials \(there is no such user\)"),
    ('blank', 'PLAIN', '\0guest\0', 'guest', r"user 'guest' - invalid credentials \(a blank password is never accepted\)"),
])
def test_a_refused_login(walk, name, mechanism, response, user, why):
    with walk.client(name, 'start-ok', mechanism=mechanism, response=response) as peer:
        expect_refusal(walk, peer, name, mechanism, why, user=user)


def test_a_refused_login_of_a_user_who_may_only_come_from_this_machine(walk):
    raw = socket.create_connection(walk.own.address, PATIENCE_S, source_address=('127.0.0.2', 0))
    header = b'PROXY TCP4 192.0.2.1 198.51.100.7 56324 5672\r\n' + HEADER
    with walk.client('afar', 'start-ok', connected=raw, header=header) as peer:
        expect_refusal(walk, peer, 'afar', 'PLAIN', "user 'guest' can only connect via localhost", user='guest',
                       address='192.0.2.1:56324')


def test_a_refused_login_without_a_certificate(walk):
    raw = socket.create_connection(('127.0.0.1', walk.secure_port), PATIENCE_S)
    secure = ssl.create_default_context(cafile=walk.ca.certificate).wrap_socket(raw, server_hostname='localhost')
    with walk.client('bare', 'start-ok', connected=secure, mechanism='EXTERNAL', response='') as peer:
        expect_refusal(walk, peer, 'bare', 'EXTERNAL', r'connection peer presented no TLS \(x\.509\) certificate')


@pytest.mark.parametrize('name, mechanism, why', [
    ('magic', 'MAGIC', "unknown authentication mechanism 'MAGIC'"),
    ('unoffered', 'EXTERNAL', "unknown authentication mechanism 'EXTERNAL'"),        # only with TLS
    ('malformed', 'PLAIN', "malformed response of mechanism 'PLAIN'"),
])
def test_a_mechanism_that_is_not_offered_or_not_understood(walk, name, mechanism, why):
    with walk.client(name, 'start-ok', mechanism=mechanism, response='secret') as peer:
        expect_line(walk, peer, 'error', rf'closing AMQP connection <0\.\d+\.0> \(\S+ -> \S+ - {name}\): handshake_error: {why}',
                    connection_name=name)
    assert 'secret' not in walk.own.log()


def test_a_refused_vhost(walk):
    with walk.client('lost', 'tuned') as peer:
        peer.send(0, 'connection.open', virtual_host='nowhere')
        peer.expect('connection.close', 0)
        expect_line(walk, peer, 'error', r"Error on AMQP connection <0\.\d+\.0> \(\S+ -> \S+ - lost, user: 'guest', state: "
                    r'opening\): vhost nowhere not found', connection_name='lost', user='guest')


def test_limits_that_were_not_offered(walk):
    with walk.client('greedy', 'tuned', frame_max=10**9) as peer:
        expect_line(walk, peer, 'error', r"closing AMQP connection <0\.\d+\.0> \(\S+ -> \S+ - greedy, user: 'guest'\): failed to "
                    r'negotiate connection parameters: negotiated frame_max = 1000000000 is higher than the maximum allowed '
                    r'value \(131072\)', connection_name='greedy', user='guest')


# --- ends -----------------------------------------------------------------------------------------

OPEN = r"<0\.\d+\.0> \(\S+ -> \S+ - {}, vhost: '/', user: 'guest'{}\)"


def of_guest(name):
    return {'connection_name': name, 'user': 'guest', 'vhost': '/'}


def test_a_connection_has_a_line_when_it_comes_when_it_is_in_and_when_its_client_closes_it(walk):
    with walk.client('polite') as peer:
        address = address_of(peer)
        peer.close()
        expect_line(walk, address, 'info', f'closing AMQP connection {OPEN.format("polite", "")}: closed by the client: 200 bye',
                    **of_guest('polite'))
    pid = re.search(rf'<0\.\d+\.0>(?= \({address} -> )', walk.own.log())[0]
    of_it = [line.split('] ', 1)[1] for line in walk.own.log().split('\n') if address in line]
    to = '127.0.0.1:%d' % walk.own.port
    assert of_it[:3] == [
        f'{pid} accepting AMQP connection {pid} ({address} -> {to})',
        f'{pid} connection {pid} ({address} -> {to}) has a client-provided name: polite',
        f"{pid} connection {pid} ({address} -> {to} - polite): user 'guest' authenticated and granted access to vhost '/'"]


def test_a_client_that_vanishes(walk):
    with walk.client('ghost') as peer:
        address = address_of(peer)
        peer.drop()
        expect_line(walk, address, 'warning', f'closing AMQP connection {OPEN.format("ghost", "")}: client unexpectedly closed TCP '
                    r'connection, after \d+ bytes', **of_guest('ghost'))


def test_an_operator_closes_a_connection(walk):
    with walk.client('condemned') as peer:
        pid = [row.split('\t')[0] for row in walk.own.ctl('-q', 'list_connections', 'pid', 'peer_port').out.splitlines()
               if row.endswith('\t%d' % peer.socket.getsockname()[1])]
        walk.own.ctl('close_connection', *pid, 'for the test')
        peer.expect('connection.close', 0)
        expect_line(walk, peer, 'warning', f'Error on AMQP connection {OPEN.format("condemned", ", state: running")}, channel 0: '
                    'operation none caused a connection exception connection_forced: "for the test"', **of_guest('condemned'))
        address = address_of(peer)
        peer.send(0, 'connection.close-ok')
    plain = re.compile(rf'\[info\] (<0\.\d+\.0>) closing AMQP connection \1 \({address} -> [^)]*\)$', re.M)
    eventually(lambda: plain.search(walk.own.log()))


def test_a_client_that_is_silent_for_too_long(walk):
    with walk.client('silent', heartbeat=1) as peer:
        peer.skip_heartbeats = True
        with pytest.raises(Closed):
            while True:
                peer.next()
        expect_line(walk, peer, 'error', f'closing AMQP connection {OPEN.format("silent", "")}: missed heartbeats from client, '
                    'timeout: 1s: nothing has come for two such intervals', **of_guest('silent'))


@pytest.mark.parametrize('octets, kind', [(b'AMQP\0\0\x08\0', 'bad_version'), (b'GET / HTTP/1.1\r\n\r\n', 'bad_header')])
def test_a_wrong_protocol_header(walk, octets, kind):
    with Peer(walk.own.address, upto='connected') as peer:
        peer.write(octets)
        assert peer.octets(8) == HEADER
        expect_line(walk, peer, 'error', rf'closing AMQP connection <0\.\d+\.0> \(\S+ -> \S+\): {kind}: client did not start with '
                    r'AMQP protocol header: it looks like an[^;]+; first bytes: "[^"]+"')


# --- errors ---------------------------------------------------------------------------------------

def bad_frame(peer):
    peer.frame(9, 1)


def bad_end(peer):
    peer.frame(1, 1, b'\0\x32\0\x0a', end=b'x')


def no_channel(peer):
    peer.send(1, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
    peer.expect('channel.close-ok', 1)
    peer.send(1, 'queue.declare', queue='q')


@pytest.mark.parametrize('name, mistake, what', [
    ('type', bad_frame, 'operation none caused a connection exception frame_error: "type 9, all octets = <<>>: unknown_frame"'),
    ('end', bad_end, 'operation none caused a connection exception frame_error: "type 1, [^"]+invalid_frame_end_marker[^"]+"'),
    ('channel', no_channel, 'operation queue.declare caused a connection exception channel_error: "expected \'channel.open\'"'),
])
def test_an_error_that_closes_the_connection(walk, name, mistake, what):
    with walk.client(name) as peer:
        mistake(peer)
        peer.expect('connection.close', 0)
        expect_line(walk, peer, 'error', f'Error on AMQP connection {OPEN.format(name, ", state: running")}, channel 1: {what}',
                    channel=1, **of_guest(name))


@pytest.mark.parametrize('code, name, what', [
    (404, 'not_found', "no queue 'nope' in vhost '/'"),
    (403, 'access_refused', r"queue name 'amq\.x' contains reserved prefix 'amq\.\*'"),
    (405, 'resource_locked', r"cannot obtain exclusive access to locked queue 'locked' in vhost '/'\. It could be .*"),
    (406, 'precondition_failed', "inequivalent arg 'durable' for queue 'mine' in vhost '/': received 'true' but current is 'false'"),
])
def test_an_error_that_closes_a_channel(walk, code, name, what):
    asked = {404: {'queue': 'nope', 'passive': True}, 403: {'queue': 'amq.x'}, 405: {'queue': 'locked'},
             406: {'queue': 'mine', 'durable': True}}[code]
    with walk.client('owner') as owner, walk.client(f'e{code}') as peer:
        owner.declare('locked', exclusive=True)
        peer.open_channel(7)
        peer.declare('mine', channel=7, auto_delete=True)
        peer.send(7, 'queue.declare', **asked)
        assert peer.expect('channel.close', 7).reply_code == code
        expect_line(walk, peer, 'error', f'Channel error on connection {OPEN.format(f"e{code}", "")}, channel 7: operation '
                    f'queue.declare caused a channel exception {name}: {what}', category='channel', channel=7,
                    **of_guest(f'e{code}'))
        peer.call(1, 'queue.delete', queue='mine')
        owner.call(1, 'queue.delete', queue='locked')
