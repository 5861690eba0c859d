"""AMQP over TLS: with real clients and openssl's, certificates good and bad, files that change."""
import json
import os
import re
import shutil
import signal
import socket
import ssl
import struct
import subprocess

import pika
import pytest

from brokers import free_port
from certificates import Authority
from nodejs import FOLDER, need_amqplib
from patience import PATIENCE_S
from wire import HEADER, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]


class Pki:
    """What the tests need of certificates, made once."""

    def __init__(self, directory):
        self.directory = directory
        self.ca = Authority(directory)
        self.intermediate = Authority(directory, 'intermediate', parent=self.ca)
        self.other_ca = Authority(os.path.join(directory, 'other'), 'other')
        self.server = self.ca.issue('server', kind='rsa')
        self.deep = self.intermediate.issue('deep')
        self.second = self.ca.issue('second')
        self.wrong_name = self.ca.issue('wrong', names=['DNS:elsewhere.example'])
        self.client = self.ca.issue('client', usage='clientAuth')
        self.second_client = self.ca.issue('otherclient', subject='/O=Leveret/CN=other client', usage='clientAuth')
        self.expired = self.ca.issue_expired('expired', usage='clientAuth')
        self.revoked = self.ca.issue('revoked', usage='clientAuth')
        self.stranger = self.other_ca.issue('stranger', usage='clientAuth')
        self.not_for_clients = self.ca.issue('notforclients', usage='serverAuth')
        self.ca.revoke(self.revoked)
        self.list = self.ca.write_list()


@pytest.fixture(scope='module')
def pki(workspace):
    return Pki(os.path.join(workspace, 'pki'))


class Secure:
    """A broker of the test's own with a listener for TLS."""

    def __init__(self, own, pki, pair=None, **options):
        self.own, self.pki, self.port = own, pki, free_port()
        pair = pair or pki.server
        self.options = {'certfile': pair.chain, 'keyfile': pair.key, 'cacertfile': pki.ca.certificate, **options}
        self.path = os.path.join(own.directory, 'leveret.conf')
        self.write()
        own.flags += ['--config', self.path]

    def write(self, **changes):
        self.options.update(changes)
        lines = [f'listeners.ssl.default = 127.0.0.1:{self.port}', 'log.level = debug',
                 f'ssl_handshake_timeout = {self.options.get("timeout", 60000)}']
        lines += [f'ssl_options.{key.replace("__", ".")} = {value}' for key, value in self.options.items()
                  if key != 'timeout' and value is not None]
        with open(self.path, 'w') as file:
            file.write('\n'.join(lines) + '\n')

    def context(self, pair=None, cafile=None, version=None):
        context = ssl.create_default_context(cafile=cafile or self.pki.ca.certificate)
        if pair:
            context.load_cert_chain(pair.chain, pair.key)
        if version:
            context.minimum_version = context.maximum_version = version
        return context

    def connect(self, context=None, name='localhost'):
        raw = socket.create_connection(('127.0.0.1', self.port), PATIENCE_S)
        return (context or self.context()).wrap_socket(raw, server_hostname=name)

    def is_served(self, context=None, name='localhost'):
        """Whether a protocol header is answered with connection.start. In TLS 1.3 a client learns only by reading that its
        certificate was refused."""
        try:
            with self.connect(context, name) as peer:
                peer.sendall(HEADER)
                return peer.recv(1) == b'\x01'
        except (ssl.SSLError, ConnectionError):
            return False

    def pika(self, context=None, **how):
        return pika.BlockingConnection(pika.ConnectionParameters(
            '127.0.0.1', self.port, ssl_options=pika.SSLOptions(context or self.context(), 'localhost'), **how))

    def log(self):
        return self.own.log()

    def says(self, text):
        return self.own.says(text)


@pytest.fixture
def secure(own_broker, pki):
    def make(pair=None, start=True, **options):
        one = Secure(own_broker(start=False), pki, pair, **options)
        if start:
            one.own.start()
        return one
    return make


@pytest.fixture(scope='module')
def shared(workspace, pki):
    """One broker for the tests that leave it as it is: it asks for a certificate and lets in clients without one."""
    from brokers import Leveret
    one = Secure(Leveret(os.path.join(workspace, 'tls')), pki, verify='verify_peer', fail_if_no_peer_cert='false',
                 crl_check='peer', crlfile=pki.list, sni__second__example__certfile=pki.second.certificate,
                 sni__second__example__keyfile=pki.second.key)
    one.own.start()
    yield one
    one.own.stop()


# --- clients --------------------------------------------------------------------------------------

@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_pika_publishes_and_consumes_in_both_versions(shared, version):
    with shared.pika(shared.context(version=version)) as connection:
        channel = connection.channel()
        queue = channel.queue_declare('', exclusive=True).method.queue
        channel.confirm_delivery()
        bodies = [b'', b'x', os.urandom(16384), os.urandom(1_000_000)]
        for body in bodies:
            channel.basic_publish('', queue, body)
        got = [body for _, _, body in (next(channel.consume(queue, auto_ack=True)) for _ in bodies)]
        assert got == bodies


def test_node_clients_connect_with_a_certificate(shared, pki):
    need_amqplib()
    program = '''
        const amqp = require('amqplib'), fs = require('fs');
        const [url, ca, cert, key] = process.argv.slice(1);
        (async () => {
            const c = await amqp.connect(url, {ca: [fs.readFileSync(ca)], cert: fs.readFileSync(cert), key: fs.readFileSync(key)});
            const ch = await c.createConfirmChannel();
            const {queue} = await ch.assertQueue('', {exclusive: true});
            ch.sendToQueue(queue, Buffer.alloc(300000, 'n'));
            await ch.waitForConfirms();
            console.log((await ch.get(queue, {noAck: true})).content.length);
            await c.close();
        })();'''
    done = subprocess.run(['node', '-e', program, f'amqps://guest:guest@localhost:{shared.port}', pki.ca.certificate,
                           pki.client.certificate, pki.client.key], cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.stdout == '300000\n', done.stderr


def test_listings_show_the_encryption_and_the_certificate(shared, pki):
    columns = ('ssl', 'ssl_protocol', 'ssl_key_exchange', 'ssl_cipher', 'ssl_hash', 'peer_cert_subject', 'peer_cert_issuer',
               'peer_cert_validity')
    context = shared.context(pki.client, version=ssl.TLSVersion.TLSv1_2)
    context.set_ciphers('ECDHE-RSA-AES256-GCM-SHA384')
    with shared.pika(context):
        rows = shared.own.ctl('-q', 'list_connections', '--no-table-headers', *columns).out.splitlines()
        assert [row.split('\t')[:7] for row in rows] == [
            ['true', 'tlsv1.2', 'ecdhe_rsa', 'aes_256_gcm', 'aead', 'CN=client,O=Leveret', 'CN=ca,O=Leveret']]
        assert re.fullmatch(r'\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ - \d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ', rows[0].split('\t')[7])
    status = shared.own.ctl('status').out
    assert f'Interface: 127.0.0.1, port: {shared.port}, protocol: amqp/ssl, purpose: AMQP 0-9-1 over TLS' in status


def test_a_client_comes_back_with_a_ticket(shared):
    context = shared.context(version=ssl.TLSVersion.TLSv1_3)
    with shared.connect(context) as first:
        first.sendall(HEADER)
        assert first.recv(1) == b'\x01'              # the ticket has come before it
        session = first.session
    raw = socket.create_connection(('127.0.0.1', shared.port), PATIENCE_S)
    with context.wrap_socket(raw, server_hostname='localhost', session=session) as again:
        assert again.session_reused


# --- who is let in --------------------------------------------------------------------------------

@pytest.mark.parametrize('name, reason', [
    ('expired', "the client's certificate is refused: certificate has expired: CN=expired,O=Leveret"),
    ('revoked', "the client's certificate is refused: certificate revoked: CN=revoked,O=Leveret"),
    ('stranger', "the client's certificate is refused: unable to get local issuer certificate: CN=stranger,O=Leveret"),
    ('not_for_clients', "the client's certificate is refused: unsuitable certificate purpose: CN=notforclients,O=Leveret"),
])
@pytest.mark.parametrize('version', [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_bad_certificate_is_refused_and_the_log_says_why(shared, pki, name, reason, version):
    assert not shared.is_served(shared.context(getattr(pki, name), version=version))
    line = shared.says(reason)
    assert re.search(r'\[warning\] .*connection 127\.0\.0\.1:\d+ -> 127\.0\.0\.1:\d+ dropped: TLS handshake failed: ', line), line


@pytest.mark.parametrize('verify, requires, without, good, bad', [
    ('verify_none', 'false', True, True, True),
    ('verify_peer', 'false', True, True, False),
    ('verify_peer', 'true', False, True, False),
])
def test_what_is_asked_of_clients_decides_who_is_let_in(secure, pki, verify, requires, without, good, bad):
    one = secure(verify=verify, fail_if_no_peer_cert=requires)
    assert one.is_served() == without
    assert one.is_served(one.context(pki.client)) == good
    assert one.is_served(one.context(pki.stranger)) == bad
    if not without:
        assert one.says('the client sent no certificate (fail_if_no_peer_cert = true)')


def test_a_client_refuses_a_certificate_with_another_name_or_issuer(secure, pki):
    one = secure(pki.wrong_name)
    with pytest.raises(ssl.SSLCertVerificationError):
        one.connect()
    assert one.is_served(name='elsewhere.example')
    with pytest.raises(ssl.SSLCertVerificationError):
        one.connect(one.context(cafile=pki.other_ca.certificate))
    assert one.says("the client does not trust the issuer of the server's certificate")


def test_a_chain_is_sent_whole(secure, pki):
    assert secure(pki.deep).is_served()


def test_a_host_that_is_asked_for_has_its_own_certificate(shared):
    def subject(name):
        context = shared.context()
        context.check_hostname = False
        with shared.connect(context, name) as peer:
            return dict(pair for part in peer.getpeercert()['subject'] for pair in part)['commonName']
    assert subject('second.example') == 'second'
    assert subject('localhost') == 'server'


# --- peers that are no good clients ---------------------------------------------------------------

@pytest.mark.parametrize('words, reason', [
    (HEADER, 'the client speaks AMQP without TLS on a port for TLS'),
    (b'GET / HTTP/1.1\r\n\r\n', 'the client speaks HTTP without TLS on a port for TLS'),
    (b'\x16\x03\x01\x00\x04\x02\x00\x00\x00', 'TLS handshake failed: '),  # the server's hello
])
def test_who_does_not_speak_tls_is_named_in_the_log(shared, words, reason):
    with socket.create_connection(('127.0.0.1', shared.port), PATIENCE_S) as peer:
        peer.sendall(words)
        while peer.recv(1000):
            pass
    assert shared.says(reason)


def test_a_slow_handshake_ends_at_its_timeout(secure):
    one = secure(timeout=200)
    with socket.create_connection(('127.0.0.1', one.port), PATIENCE_S) as peer:
        peer.sendall(b'\x16\x03\x01')
        assert peer.recv(1) == b''
    assert one.says('handshake not finished within 200 ms')
    assert one.own.ctl('-q', 'list_connections', 'name').out.strip() in ('', 'name')


def test_a_client_cannot_renegotiate(shared):
    done = subprocess.run(['openssl', 's_client', '-connect', f'127.0.0.1:{shared.port}', '-tls1_2', '-legacy_renegotiation'],
                          input='R\n', capture_output=True, text=True, timeout=PATIENCE_S)
    assert 'no renegotiation' in done.stderr, done.stderr


def test_no_old_protocol_and_no_weak_cipher_is_offered(shared, pki):
    if not shutil.which('sslscan'):
        pytest.skip('sslscan is not installed')
    report = subprocess.run(['sslscan', '--no-colour', '--no-heartbleed', '--no-groups', f'127.0.0.1:{shared.port}'],
                            capture_output=True, text=True, timeout=PATIENCE_S).stdout
    for version in 'SSLv2', 'SSLv3', 'TLSv1.0', 'TLSv1.1':
        assert re.search(rf'{version}\s+disabled', report), report
    ciphers = re.findall(r'^(?:Preferred|Accepted)\s+(\S+)\s+(\d+) bits\s+(\S+)', report, re.M)
    assert {version for version, _, _ in ciphers} == {'TLSv1.2', 'TLSv1.3'}
    for version, bits, cipher in ciphers:
        assert int(bits) >= 128 and re.search('GCM|CHACHA20', cipher) and re.search('^ECDHE-|^TLS_', cipher), report
    assert 'Session renegotiation not supported' in report, report


def test_a_peer_that_resets_its_connection_is_named(shared):
    peer = socket.create_connection(('127.0.0.1', shared.port), PATIENCE_S)
    begun, unused = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = shared.context().wrap_bio(unused, begun, server_hostname='localhost')
    with pytest.raises(ssl.SSLWantReadError):
        tls.do_handshake()
    peer.sendall(begun.read())
    assert peer.recv(1)
    name = 'connection 127.0.0.1:%d -> ' % peer.getsockname()[1]
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    peer.close()
    assert 'TLS handshake failed' in shared.says(name)


# --- settings and files ---------------------------------------------------------------------------

def test_every_fault_is_named_at_the_start_and_nothing_is_written(secure, pki):
    one = secure(start=False, keyfile=pki.client.key, cacertfile='/no/such/ca.pem', verify='verify_none',
                 fail_if_no_peer_cert='true')
    own = one.own
    with open(own.stderr, 'ab') as stderr:
        code = subprocess.run([own.daemon, '--data-dir', own.data, *own.flags], stdout=stderr, stderr=stderr,
                              timeout=PATIENCE_S).returncode
    log = own.log()
    assert code == 78 and not os.path.exists(own.data)
    assert re.search(r'leveret\.conf:\d+: ssl_options\.keyfile: the key in \S+client\.key does not belong to the certificate in',
                     log), log
    assert 'ssl_options.cacertfile: cannot read /no/such/ca.pem: No such file or directory' in log
    assert 'ssl_options.fail_if_no_peer_cert: true needs verify = verify_peer' in log


def test_old_versions_are_ignored_with_a_warning(secure):
    one = secure(versions__1='tlsv1.2', versions__2='tlsv1.1')
    one.says('ssl_options.versions.2: tlsv1.1 is not supported, because it is not secure')
    assert not one.is_served(one.context(version=ssl.TLSVersion.TLSv1_3))
    assert one.says('no common protocol version')
    assert one.is_served(one.context(version=ssl.TLSVersion.TLSv1_2))


def copied(pki, own, pair):
    """Copies a pair to where the broker reads it; a later call replaces it."""
    os.makedirs(own.directory, exist_ok=True)
    paths = [os.path.join(own.directory, name) for name in ('server.pem', 'server.key')]
    for source, path in zip((pair.chain, pair.key), paths):
        shutil.copy(source, path + '.new')
        os.rename(path + '.new', path)
    return paths


def serial(one):
    with one.connect() as peer:
        return peer.getpeercert()['subject'][1][0][1]


@pytest.mark.parametrize('how', ['by itself', 'at SIGHUP'])
def test_a_renewed_certificate_is_used_and_no_connection_is_dropped(secure, pki, how):
    one = secure(start=False)
    certfile, keyfile = copied(pki, one.own, pki.server)
    one.write(certfile=certfile, keyfile=keyfile)
    one.own.start()
    with one.pika() as connection:
        channel = connection.channel()
        assert serial(one) == 'server'
        copied(pki, one.own, pki.second)
        if how == 'at SIGHUP':
            os.kill(one.own.pid, signal.SIGHUP)
        else:
            one.says('files have changed and were read again: new connections get the certificate of CN=second')
        assert eventually(lambda: serial(one) == 'second')
        queue = channel.queue_declare('', exclusive=True).method.queue
        channel.basic_publish('', queue, b'still here')
        assert channel.basic_get(queue, auto_ack=True)[2] == b'still here'


def test_a_wrong_renewal_changes_nothing(secure, pki):
    one = secure(start=False)
    certfile, keyfile = copied(pki, one.own, pki.server)
    one.write(certfile=certfile, keyfile=keyfile)
    one.own.start()
    shutil.copy(pki.client.key, keyfile)
    one.says('the changed files are not used because of the errors above')
    assert serial(one) == 'server'
    os.kill(one.own.pid, signal.SIGHUP)
    one.says('config: not reloaded because of the errors above')
    assert serial(one) == 'server'


def test_a_client_whose_certificate_is_revoked_cannot_come_back(secure, pki):
    one = secure(verify='verify_peer', crl_check='peer', crlfile=pki.list)
    ca = pki.ca
    unlucky = ca.issue('unlucky', usage='clientAuth')
    context = one.context(unlucky)
    with one.connect(context) as first:
        first.sendall(HEADER)
        assert first.recv(1) == b'\x01'
        session = first.session
    ca.revoke(unlucky)
    ca.write_list()
    one.says('files have changed and were read again')
    raw = socket.create_connection(('127.0.0.1', one.port), PATIENCE_S)
    with pytest.raises((ssl.SSLError, ConnectionError)):
        with context.wrap_socket(raw, server_hostname='localhost', session=session) as again:
            again.sendall(HEADER)
            assert again.recv(1) == b'\x01'
    assert one.says('certificate revoked: CN=unlucky')


def test_a_certificate_that_expires_soon_is_warned_of(secure, pki):
    one = secure(pki.ca.issue('short', days=10), start=False)
    one.own.start()
    assert re.search(r'ssl_options\.certfile: \S+short\.pem: the certificate of CN=short,O=Leveret \(.*\) expires in \d+ days: renew it',
                     one.says('expires in'))


# --- logging in by certificate --------------------------------------------------------------------

def external(one, context):
    """Who a client with this context is after a login by EXTERNAL."""
    with one.pika(context, credentials=pika.credentials.ExternalCredentials()):
        return one.own.ctl('-q', 'list_connections', '--no-table-headers', 'user', 'auth_mechanism').out.strip()


def make_user(own, name):
    own.ctl('add_user', name, 'x')
    own.ctl('clear_password', name)
    own.ctl('set_permissions', name, '.*', '.*', '.*')


def test_a_client_is_the_user_that_its_certificate_names(secure, pki):
    one = secure(verify='verify_peer', start=False)
    with open(one.path, 'a') as file:
        file.write('auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\n')
    own = one.own.start()
    for name in 'CN=client,O=Leveret', 'client', 'localhost':
        make_user(own, name)
    assert external(one, one.context(pki.client)) == 'CN=client,O=Leveret\tEXTERNAL'
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        external(one, one.context())
    assert one.says('EXTERNAL login refused: connection peer presented no TLS (x.509) certificate')
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        external(one, one.context(pki.second_client))
    assert one.says("EXTERNAL login refused: user 'CN=other client,O=Leveret' - there is no such user")
    with one.pika(one.context(pki.client)):
        assert own.ctl('-q', 'list_connections', '--no-table-headers', 'user').out.strip() == 'guest'
    for setting, user in ('common_name', 'client'), ('subject_alternative_name', 'localhost'):
        with open(one.path, 'a') as file:
            file.write(f'ssl_cert_login_from = {setting}\n')
        os.kill(own.pid, signal.SIGHUP)
        one.says(f'ssl_cert_login_from changed from')
        assert eventually(lambda: external(one, one.context(pki.client)) == f'{user}\tEXTERNAL')


def test_external_is_offered_over_tls_alone_and_only_if_it_is_set(secure, shared):
    one = secure(verify='verify_peer', start=False)
    with open(one.path, 'a') as file:
        file.write('auth_mechanisms.1 = EXTERNAL\nauth_mechanisms.2 = PLAIN\n')
    one.own.start()

    def offered(peer):
        peer.sendall(HEADER)
        return peer.recv(4096).split(b'\x05en_US')[0][-40:]

    with one.connect() as peer:
        assert b'PLAIN EXTERNAL' in offered(peer)
    with socket.create_connection(one.own.address, PATIENCE_S) as peer:
        assert b'EXTERNAL' not in offered(peer)
    with shared.connect() as peer:
        assert b'PLAIN AMQPLAIN' in offered(peer)


# --- when certificates expire ---------------------------------------------------------------------

def test_leveretctl_says_which_certificate_expires_soon(shared, secure, pki):
    done = shared.own.ctl('check_certificate_expiration', '--within', '1', '--unit', 'days')
    assert 'No certificates are expiring within 1 day.' in done.out
    assert 'within 4 weeks' in shared.own.ctl('check_certificate_expiration').out
    soon = secure(pki.ca.issue('soon', days=10)).own
    done = soon.ctl('check_certificate_expiration', check=False)
    assert done.code == 69 and re.search(r'soon\.pem \(ssl_options\.certfile\) expires on \S+Z: CN=soon,O=Leveret', done.err), done
    done = soon.ctl('check_certificate_expiration', '--formatter', 'json', check=False)
    listener = json.loads(done.err)['expired'][0]
    assert done.code == 69 and listener['protocol'] == 'amqp/ssl' and listener['port'] > 0, done
    assert listener['certfile'].endswith('soon.pem') and len(listener['certfile_expires_on']) == 1
    assert soon.ctl('check_certificate_expiration', '--within', '1', '--unit', 'weeks').code == 0
    done = soon.ctl('check_certificate_expiration', '--unit', 'fortnights', check=False)
    assert done.code == 64 and "unit 'fortnights' is not supported" in done.err
