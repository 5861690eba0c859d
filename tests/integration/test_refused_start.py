"""A value that cannot be used is refused before anything is written: a start and --check-config say the same, in one error, and the
data directory is not made."""
import os
import shutil
import socket

import pytest

from certificates import Authority
from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


def ended(own, *flags):
    """Runs the broker to its end, which is its own decision. Returns the exit code and its error lines."""
    own.flags, before = [*own.flags, *flags], own.flags
    open(own.stderr, 'w').close()
    own.start(wait=False)
    own.flags, child, own.child = before, own.child, None
    return child.wait(PATIENCE_S), [line for line in own.log().splitlines() if 'error' in line]


@pytest.fixture
def refused(own_broker):
    """Checks that the broker does not start with this configuration because of these words, and has written nothing."""
    def check(settings, *words, alone_in=None):
        own = own_broker(start=False)
        if alone_in is not None:                     # the program without its modules, but for what is in this directory
            shutil.copytree(alone_in, f'{own.directory}/bin') if alone_in else os.mkdir(f'{own.directory}/bin')
            own.daemon = shutil.copy(own.daemon, f'{own.directory}/bin/')
        path = f'{own.directory}/leveret.conf'
        with open(path, 'w') as file:
            file.write(settings)
        own.flags += ['--config', path]
        code, errors = ended(own)
        assert code == 78, own.log()
        assert len(errors) == 1 and all(word in errors[0] for word in (f'{path}:', *words)), errors
        code, checked = ended(own, '--check-config')
        assert code == 78, own.log()
        said = checked[0].partition(path)[2]         # behind it there is the number of errors
        assert said and errors[0].endswith(said), (errors, checked)
        assert not os.path.exists(own.data)
    return check


def test_a_backend_that_does_not_exist(refused):
    refused('auth_backends.1 = kerberos\n', ':1:', "'kerberos'", 'auth_backends.1', 'internal, cache, http, ldap or oauth2')


@pytest.mark.parametrize('name', ['http', 'ldap', 'oauth2'])
def test_a_backend_that_is_not_installed(refused, name):
    refused('auth_backends.1 = internal\nauth_backends.2 = ' + name + '\nauth_ldap.servers.1 = localhost\n'
            'auth_oauth2.resource_server_id = mq\nauth_oauth2.issuer = https://localhost:1\n',
            ':2:', f"'{name}' for auth_backends.2", f"the backend '{name}' is not installed", f'leveret_auth_{name}.so', alone_in='')


def test_a_backend_whose_module_cannot_be_loaded(refused, tmp_path):
    (tmp_path / 'leveret_auth_http.so').write_bytes(b'not a library')
    refused('auth_backends.1.authn = http\nauth_backends.1.authz = internal\n', ':1:', "'http' for auth_backends.1.authn",
            "the backend 'http' cannot be loaded", alone_in=tmp_path)


def test_a_backend_behind_the_cache_that_is_not_installed(refused):
    refused('auth_backends.1 = cache\nauth_cache.cached_backend = http\n', ':1:', "'cache' for auth_backends.1",
            "the backend 'http' is not installed", alone_in='')


@pytest.mark.parametrize('settings, words', [
    ('auth_backends.1 = http\nauth_http.user_path = ftp://localhost\n', ('auth_http.user_path', 'http:// or https://')),
    ('auth_backends.1 = http\nauth_http.user_path = http://\n', ('auth_backends.1', 'auth_http.user_path')),
    ('auth_backends.1 = ldap\n', ('auth_backends.1', 'auth_ldap.servers.1 is not set')),
    ('auth_backends.1 = ldap\nauth_ldap.servers.1 = a\nauth_ldap.use_ssl = true\nauth_ldap.use_starttls = true\n',
     ('auth_backends.1', 'auth_ldap.use_ssl and auth_ldap.use_starttls exclude each other')),
    ('auth_backends.1 = oauth2\n', ('auth_backends.1', 'auth_oauth2.resource_server_id is not set')),
    ('auth_backends.1 = oauth2\nauth_oauth2.resource_server_id = mq\nauth_oauth2.signing_keys.a = /nowhere/a.pem\n',
     ('/nowhere/a.pem',)),
])
def test_a_backend_whose_settings_cannot_be_used(refused, settings, words):
    refused(settings, *words)


def test_certificates_that_cannot_be_used(refused, workspace):
    folder = os.path.join(workspace, 'refused')
    ca = Authority(folder)
    one, other = ca.issue('one'), ca.issue('other')
    listen = 'listeners.ssl.default = 0\n'
    refused(f'{listen}ssl_options.certfile = /nowhere/a.pem\nssl_options.keyfile = {one.key}\n', ':2:', 'ssl_options.certfile')
    refused(f'{listen}ssl_options.certfile = {one.certificate}\nssl_options.keyfile = {other.key}\n', 'ssl_options.')
    with open(f'{folder}/broken.pem', 'w') as file:
        file.write('-----BEGIN CERTIFICATE-----\nno\n-----END CERTIFICATE-----\n')
    refused(f'{listen}ssl_options.certfile = {folder}/broken.pem\nssl_options.keyfile = {one.key}\n', ':2:', 'ssl_options.certfile')


def test_a_log_file_that_has_no_place(refused, tmp_path):
    (tmp_path / 'file').touch()
    for directory in '/nowhere/deep/logs', tmp_path / 'file', tmp_path / 'file' / 'logs':
        refused(f'log.file = a.log\nlog.dir = {directory}\n', ':1:', "'a.log' for log.file", 'a place for a log file')
    refused(f'log.dir = {tmp_path}/file\n', ':1:', 'log.dir', 'a place for a log file')
    refused(f'log.connection.file = {tmp_path}\n', ':1:', 'log.connection.file', 'Is a directory')


def test_a_check_opens_backends_without_connecting_to_their_services(own_broker):
    own = own_broker(start=False)
    with socket.create_server(('127.0.0.1', 0)) as service:
        there = f'127.0.0.1:{service.getsockname()[1]}'
        path = f'{own.directory}/leveret.conf'
        with open(path, 'w') as file:
            file.write(f'auth_backends.1 = oauth2\nauth_backends.2 = http\nauth_backends.3 = ldap\n'
                       f'auth_oauth2.resource_server_id = mq\nauth_oauth2.jwks_uri = https://{there}/keys\n'
                       f'auth_http.user_path = http://{there}\n'
                       f'auth_ldap.servers.1 = 127.0.0.1\nauth_ldap.port = {service.getsockname()[1]}\n')
        own.flags += ['--config', path]
        assert ended(own, '--check-config') == (0, [])
        service.settimeout(0)
        with pytest.raises(BlockingIOError):
            service.accept()
