"""Logging in over HTTP: credentials good, wrong and malformed; tokens; the form and its cookie; how many logins were tried."""
import base64
import re
from urllib.parse import urlencode

import pytest

from http_client import Api, basic, path
from issuer import Key, claims
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

REALM = 'Basic realm="RabbitMQ Management"'
LOGIN_FAILED = {'error': 'not_authorized', 'reason': 'Login failed'}
CONF = """
track_auth_attempt_source = true
management.login_session_timeout = 7
auth_backends.1 = internal
auth_backends.2 = oauth2
auth_oauth2.resource_server_id = rabbitmq
auth_oauth2.signing_keys.token-key = {key}
"""


@pytest.fixture(scope='module')
def key():
    return Key('token-key')


@pytest.fixture
def configured(own_broker, tmp_path, key):
    def make(more=''):
        (tmp_path / 'key.pem').write_bytes(key.pem())
        conf = tmp_path / 'leveret.conf'
        conf.write_text(CONF.format(key=tmp_path / 'key.pem') + more)
        return own_broker(flags=['--config', str(conf)])
    return make


@pytest.fixture
def own(configured):
    return configured()


def form(user, password):
    return urlencode({'username': user, 'password': password})


FORM = {'content-type': 'application/x-www-form-urlencoded'}


def test_who_logs_in_and_what_the_others_are_told(own, key):
    api = Api(own)
    node = api.get('/overview').json['node']
    assert api.put('/users/clerk', {'password': 'a:b ü', 'tags': 'management'}).status == 201
    assert api.put('/users/nobody', {'password': 'pw', 'tags': ''}).status == 201

    # no credentials, and such as make no sense, are answered without a body
    for header in None, 'Digest username="guest"', 'Basics x', 'x':
        answer = api.get('/whoami', user=None, headers={'authorization': header} if header else {})
        assert (answer.status, answer.body, answer.headers['www-authenticate']) == (401, b'', REALM), header
    for header in 'Basic', 'Basic !!!', 'Basic Z3Vlc3Q=', 'basic Z3Vlc3', 'Bearer', 'Bearer  ':
        answer = api.get('/whoami', user=None, headers={'authorization': header})
        assert (answer.status, answer.body, answer.headers.get('www-authenticate')) == (400, b'', None), header

    # wrong ones
    for header in basic('guest', 'wrong'), basic('stranger', ''), basic('', ''), 'Bearer abc', basic('guest', ''):
        answer = api.get('/whoami', user=None, headers={'authorization': header})
        assert (answer.status, answer.json, answer.headers['www-authenticate']) == (401, LOGIN_FAILED, REALM), header
    eventually(lambda: "HTTP access denied to 127.0.0.1: " in own.log() and "user 'stranger'" in own.log())
    assert 'wrong' not in own.log()

    # right ones
    assert api.get('/whoami', user=('clerk', 'a:b ü')).json == {'name': 'clerk', 'tags': ['management']}
    scheme = 'bAsIc   ' + basic('guest', 'guest').split()[1]
    assert api.get('/whoami', user=None, headers={'authorization': scheme}).status == 200
    answer = api.get('/whoami', user=('nobody', 'pw'))
    assert (answer.status, answer.json['reason'], answer.headers.get('www-authenticate')) == (401, 'Not management user', None)

    # a token is a password, of any user or of none
    token = key.sign(claims('rabbitmq.tag:monitoring', sub='tia'))
    tia = {'name': 'tia', 'tags': ['monitoring']}
    assert api.get('/whoami', user=None, headers={'authorization': 'Bearer ' + token}).json == tia
    for user in '', 'anything':
        assert api.get('/whoami', user=(user, token)).json == tia
    assert api.get('/users', user=('', token)).status == 401

    # what is for everybody
    assert api.get('/auth', user=None).json == {
        'enable_uaa': False, 'uaa_client_id': '', 'uaa_location': '', 'oauth_enabled': False}
    assert api.get('/nonsense', user=None).status == 404

    # all of it is counted
    Peer(own.address).close()
    counted = {row['protocol']: row for row in api.get(path('auth', 'attempts', node)).json}
    assert counted['amqp091']['auth_attempts_succeeded'] >= 1
    http = counted['http']
    assert http['auth_attempts'] == http['auth_attempts_failed'] + http['auth_attempts_succeeded']
    assert http['auth_attempts_failed'] == 5
    sources = {(row['protocol'], row['username']): row for row in api.get(path('auth', 'attempts', node, 'source')).json}
    assert sources['http', 'stranger'] == {'protocol': 'http', 'username': 'stranger', 'remote_address': '127.0.0.1',
                                           'auth_attempts': 1, 'auth_attempts_failed': 1, 'auth_attempts_succeeded': 0}
    assert sources['http', 'tia']['auth_attempts_succeeded'] == 4
    assert ('amqp091', 'guest') in sources
    assert api.delete(path('auth', 'attempts', node), user=('clerk', 'a:b ü')).status == 401
    assert api.delete(path('auth', 'attempts', node)).status == 204
    assert [row['auth_attempts'] for row in api.get(path('auth', 'attempts', node)).json if row['protocol'] == 'http'] == [1]
    assert api.get(path('auth', 'attempts', node, 'source')).json[0]['username'] == 'guest'
    assert api.get('/auth/attempts/rabbit@elsewhere').status == 404


def test_the_form_sets_a_cookie_that_logs_in(own):
    api = Api(own, user=None)
    root = Api(own)
    assert root.put('/users/jane', {'password': 'p&=+ü', 'tags': 'management'}).status == 201

    def log_in(user, password, **headers):
        return api.post('/login', form(user, password), headers={**FORM, **headers})

    answer = log_in('jane', 'p&=+ü')
    assert (answer.status, answer.json) == (200, 'ok')
    cookie = answer.headers['set-cookie']
    value = re.fullmatch(r'auth=([\w-]+); Path=/; Max-Age=420; HttpOnly; SameSite=Strict', cookie)[1]
    assert b'jane' not in base64.urlsafe_b64decode(value + '===')
    assert log_in('jane', 'p&=+ü').headers['set-cookie'] != cookie
    assert log_in('jane', 'p&=+ü', **{'x-forwarded-proto': 'https'}).headers['set-cookie'].endswith('; Secure')

    def whoami(value):
        return api.get('/whoami', headers={'cookie': f'a=b; auth={value}; c=d'})
    assert whoami(value).json == {'name': 'jane', 'tags': ['management']}
    spoilt = value[:30] + ('A' if value[30] != 'A' else 'B') + value[31:]
    for wrong in spoilt, value[:-4], value + 'AAAA', 'x', '', 'A' * 5000, basic('guest', 'guest').split()[1]:
        assert whoami(wrong).status == 401

    # a header comes first
    assert api.get('/whoami', headers={'cookie': f'auth={value}', 'authorization': basic('guest', 'guest')}).json['name'] == 'guest'

    # pages of other origins cannot use it, nor log somebody in
    elsewhere = {'origin': 'http://127.0.0.1:1', 'cookie': f'auth={value}', 'content-type': 'text/plain'}
    assert root.put('/permissions/%2F/jane', {'configure': '.*', 'write': '.*', 'read': '.*'}).status == 201
    assert api.put('/queues/%2F/forged', '{}', headers=elsewhere).status == 403
    assert root.delete('/queues/%2F/forged').status == 404
    assert log_in('jane', 'p&=+ü', origin='http://evil.example').status == 403
    assert log_in('jane', 'p&=+ü', origin=f'http://127.0.0.1:{own.management_port}').status == 200

    # what is not a login
    for user, password in ('jane', 'no'), ('', ''), ('stranger', 'x'):
        answer = log_in(user, password)
        assert (answer.status, answer.json, answer.headers.get('set-cookie')) == (401, LOGIN_FAILED, None)
    assert api.post('/login', 'username=%ZZ&password=x', headers=FORM).status == 400
    assert api.post('/login', 'username=jane', headers=FORM).status == 400
    assert api.post('/login', {'username': 'jane', 'password': 'p&=+ü'}).status == 415

    # it outlives a restart of the broker
    own.restart()
    assert whoami(value).json == {'name': 'jane', 'tags': ['management']}

    # it ends with the password, and can be put away
    answer = api.delete('/login', headers={'cookie': f'auth={value}'})
    assert answer.status == 204 and answer.headers['set-cookie'].startswith('auth=; Path=/; Max-Age=0; ')
    assert root.put('/users/jane', {'password': 'other', 'tags': 'management'}).status == 204
    assert whoami(value).status == 401


def test_definitions_are_downloaded_with_credentials_in_the_url(own):
    api = Api(own, user=None)
    auth = basic('guest', 'guest').split()[1]
    assert api.get(path('definitions', auth=auth)).status in (200, 404)    # 404: there is no such path yet
    assert api.get(path('whoami', auth=auth)).status == 401
    assert api.get(path('overview', auth=auth)).status == 401


def test_only_tokens_log_in(configured, key):
    own = configured('management.disable_basic_auth = true\n')
    api = Api(own)
    token = key.sign(claims('rabbitmq.tag:administrator', sub='tia'))
    refused = {'error': 'not_authorised', 'reason': 'HTTP access denied: basic auth disabled'}
    assert api.get('/whoami').status == 401 and api.get('/whoami').json == refused
    assert api.post('/login', form('guest', 'guest'), user=None, headers=FORM).json == refused
    assert api.get('/whoami', user=None, headers={'authorization': 'Bearer ' + token}).json['name'] == 'tia'


PROVIDER = """
management.oauth_enabled = true
management.oauth_client_id = page
management.oauth_provider_url = http://idp.example:8080/realms/prod
management.oauth_token_url = https://tokens.example/token
"""


def test_a_page_learns_its_provider_and_logs_in_with_a_token(configured, key):
    own = configured(PROVIDER)
    api = Api(own, user=None)
    assert api.get('/auth').json == {
        'enable_uaa': False, 'uaa_client_id': '', 'uaa_location': '', 'oauth_enabled': True, 'oauth_client_id': 'page',
        'oauth_provider_url': 'http://idp.example:8080/realms/prod', 'oauth_token_url': 'https://tokens.example/token',
        'oauth_scopes': 'openid profile', 'oauth_disable_basic_auth': True}
    policy = api.request('GET', '/').headers['content-security-policy']
    assert policy.endswith("connect-src 'self' http://idp.example:8080 https://tokens.example")

    token = key.sign(claims('rabbitmq.tag:monitoring', sub='tia'))
    answer = api.post('/login', urlencode({'token': token}), headers=FORM)
    assert (answer.status, answer.json) == (200, 'ok')
    cookie = answer.headers['set-cookie'].split(';')[0]
    assert api.get('/whoami', headers={'cookie': cookie}).json == {'name': 'tia', 'tags': ['monitoring']}

    # no password does, by any way
    assert api.get('/whoami', user=('guest', 'guest')).status == 401
    for wrong in {'username': 'guest', 'password': 'guest'}, {'token': 'guest'}, {'token': key.sign(claims(exp=1))}:
        assert api.post('/login', urlencode(wrong), headers=FORM).status == 401, wrong
    assert api.post('/login', 'token=', headers=FORM).status == 400
    long = key.sign(claims('rabbitmq.tag:monitoring', sub='tia', padding='x' * 4000))
    assert 'the token is too long' in api.post('/login', urlencode({'token': long}), headers=FORM).json['reason']


def test_passwords_stay_beside_a_provider_if_they_are_wanted(configured):
    own = configured(PROVIDER + 'management.oauth_disable_basic_auth = false\n')
    api = Api(own)
    assert api.get('/whoami').status == 200
    assert api.get('/auth').json['oauth_disable_basic_auth'] is False


def test_a_provider_that_is_not_complete_is_none(configured):
    own = configured(PROVIDER.replace('https:', 'ftp:'))
    assert Api(own).get('/auth').json['oauth_enabled'] is False
    eventually(lambda: 'management.oauth_enabled has no effect' in own.log())
