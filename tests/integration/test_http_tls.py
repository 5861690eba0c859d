"""The HTTP API over TLS: certificates of its own, or those of AMQP."""
import os
import socket
import ssl

import pytest

from brokers import free_port
from certificates import Authority
from http_client import Api
from patience import PATIENCE_S
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]


@pytest.fixture(scope='module')
def ca(workspace):
    return Authority(os.path.join(workspace, 'http-pki'))


@pytest.fixture
def secure(own_broker, tmp_path):
    """Makes a broker with these settings, and returns it with its port for TLS."""
    def make(settings, **how):
        port = free_port()
        path = tmp_path / 'leveret.conf'
        path.write_text(f'management.ssl.port = {port}\nmanagement.ssl.ip = 127.0.0.1\n'
                        + ''.join(f'{key} = {value}\n' for key, value in settings.items()))
        return own_broker(flags=['--config', str(path)], **how), port
    return make


def own_files(pair, ca):
    return {'management.ssl.certfile': pair.chain, 'management.ssl.keyfile': pair.key,
            'management.ssl.cacertfile': ca.certificate}


def trusting(ca, pair=None):
    context = ssl.create_default_context(cafile=ca.certificate)
    if pair:
        context.load_cert_chain(pair.chain, pair.key)
    return context


def test_the_api_has_a_certificate_of_its_own_that_may_change(secure, ca):
    first, second = ca.issue('http-first'), ca.issue('http-second', days=10)
    used = ca.issue('http-used')
    own, port = secure(own_files(used, ca))
    api = Api(own, port=port, tls=trusting(ca))
    assert api.get('/whoami').json['name'] == 'guest'
    assert Api(own).get('/whoami').status == 200                   # --management-port asks for this one, too
    contexts = {one['port']: one for one in api.get('/overview').json['contexts']}
    assert (contexts[str(port)]['ssl'], contexts[str(own.management_port)].get('ssl')) == ('true', None)
    assert own.ctl('check_certificate_expiration').code == 0
    for pair, name in (first, 'http-first'), (second, 'http-second'):
        for source, target in (pair.certificate, used.certificate), (pair.key, used.key):
            with open(source) as old, open(target + '.new', 'w') as new:
                new.write(old.read())
            os.rename(target + '.new', target)
        eventually(lambda: subject(port, ca) == name)
    done = own.ctl('check_certificate_expiration', check=False)
    assert done.code == 69 and '(management.ssl.certfile) expires on' in done.err, done


def subject(port, ca):
    """The common name in the certificate that the port shows."""
    with trusting(ca).wrap_socket(socket.create_connection(('127.0.0.1', port), PATIENCE_S), server_hostname='localhost') as one:
        return dict(pair[0] for pair in one.getpeercert()['subject'])['commonName']


def test_without_a_certificate_of_its_own_the_api_has_that_of_amqp(secure, ca):
    pair = ca.issue('http-shared')
    own, port = secure({'ssl_options.certfile': pair.chain, 'ssl_options.keyfile': pair.key})
    assert Api(own, port=port, tls=trusting(ca)).get('/whoami').status == 200
    assert subject(port, ca) == 'http-shared'


def test_a_client_may_have_to_show_a_certificate(secure, ca):
    client = ca.issue('http-client', usage='clientAuth')
    own, port = secure({**own_files(ca.issue('http-strict'), ca), 'management.ssl.verify': 'verify_peer',
                        'management.ssl.fail_if_no_peer_cert': 'true'})
    assert Api(own, port=port, tls=trusting(ca, client)).get('/whoami').status == 200
    with pytest.raises((ssl.SSLError, ConnectionError)):
        Api(own, port=port, tls=trusting(ca)).get('/whoami')


def test_a_certificate_that_cannot_be_read_is_said_with_its_key(own_broker, tmp_path):
    path = tmp_path / 'leveret.conf'
    path.write_text(f'management.ssl.certfile = {tmp_path}/missing.pem\n')
    own = own_broker(start=False, flags=['--config', str(path)])
    own.start(wait=False)
    assert own.child.wait() == 78
    own.child = None
    assert 'leveret.conf:1: management.ssl.certfile: ' in own.log()
