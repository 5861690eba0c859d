"""The HTTP server: connections, methods, headers, bodies; whatever is behind the paths."""
import gzip
import json
import os
import re
import socket
import time

import pytest

from brokers import Leveret
from http_client import Api, Http, Raw, basic, path
from patience import PATIENCE_S
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

GUEST = f'Authorization: {basic("guest", "guest")}\r\n'


@pytest.fixture
def api(broker):
    return Api(broker)


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
    eventually(lambda: f'started TCP listener on 127.0.0.1:{broker.management_port}\n' in broker.log())


# --- methods --------------------------------------------------------------------------------------

def test_options_names_the_methods_of_a_path_to_everybody(api):
    answer = api.call('OPTIONS', '/whoami', user=None)
    assert (answer.status, answer.body, answer.headers['allow']) == (200, b'', 'HEAD, GET, OPTIONS')
    assert api.call('OPTIONS', '/nothing').status == 404


def test_a_method_that_a_path_does_not_have_is_refused_with_those_it_has(api):
    answer = api.put('/whoami')
    assert (answer.status, answer.body, answer.headers['allow']) == (405, b'', 'HEAD, GET, OPTIONS')
    assert 'content-type' not in answer.headers


# --- headers --------------------------------------------------------------------------------------

def test_answers_have_the_headers_of_rabbitmq(api):
    headers = api.get('/whoami').headers
    assert headers['cache-control'] == 'no-cache'
    assert headers['content-security-policy'] == "script-src 'self' 'unsafe-eval' 'unsafe-inline'; object-src 'self'"
    assert headers['vary'] == 'accept, accept-encoding, origin'
    assert headers['x-content-type-options'] == 'nosniff' and headers['x-frame-options'] == 'SAMEORIGIN'
    assert 'strict-transport-security' not in headers and 'access-control-allow-origin' not in headers
    assert headers['date'].endswith(' GMT')


@pytest.mark.parametrize('accept, status', [
    ('application/json', 200), ('*/*', 200), ('application/*;q=0.8', 200), ('text/html', 406), ('application/json;q=0', 406),
    ('text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8', 200)])
def test_the_api_speaks_json(api, accept, status):
    assert api.get('/whoami', headers={'accept': accept}).status == status


def test_there_are_no_tags_of_objects(api):
    assert api.get('/whoami', headers={'if-none-match': '"abc"'}).status == 412
    assert api.get('/whoami', headers={'if-none-match': '*'}).status == 304


def test_space_behind_credentials_and_a_mark_before_a_body_mean_nothing(api, name):
    mark, json_type = b'\xef\xbb\xbf', {'content-type': 'application/json'}
    assert api.get('/whoami', headers={'authorization': basic('guest', 'guest') + '  '}).status == 200
    queue = path('queues', '/', name('marked'))
    assert api.put(queue, mark + b'{"durable": true}', headers=json_type).status == 201
    assert api.get(queue).json['durable'] is True
    assert api.post('/definitions', mark + b'{"users": []}', headers=json_type).status == 204
    refused = api.post('/definitions', mark + b'{\n"users": [}', headers=json_type)
    assert refused.status == 400 and 'line 2, column 11' in refused.text
    assert api.delete(queue).status == 204


def test_a_large_answer_is_compressed_if_that_is_accepted(api, peer, name):
    for n in range(10):
        peer.declare(name(f'{n}' + 'x' * 60))
    target = path('queues', '/')
    packed = api.wait(target, lambda answer: True, headers={'accept-encoding': 'gzip, deflate'})
    assert packed.headers['content-encoding'] == 'gzip' and gzip.decompress(packed.body).startswith(b'[{')
    for accepted in '', 'gzip;q=0', 'br':
        assert 'content-encoding' not in api.get(target, headers={'accept-encoding': accepted}).headers
    assert 'content-encoding' not in api.get('/whoami', headers={'accept-encoding': 'gzip'}).headers      # it is small


def test_an_answer_that_is_sent_while_it_is_written_is_compressed_too(api, peer, name):
    for n in range(500):
        peer.declare(name(f'{n}' + 'y' * 190))
    plain = api.get(path('queues', '/', columns='name'))
    packed = api.get(path('queues', '/', columns='name'), headers={'accept-encoding': 'gzip'})
    assert packed.headers['transfer-encoding'] == 'chunked' and len(packed.body) < len(plain.body) / 2
    assert {one['name'] for one in json.loads(gzip.decompress(packed.body))} >= {one['name'] for one in plain.json if name('') in one['name']}


# --- settings -------------------------------------------------------------------------------------

@pytest.fixture(scope='module')
def configured(workspace):
    """A broker whose HTTP has other settings than the defaults."""
    own = Leveret(os.path.join(workspace, 'http'))
    config = os.path.join(own.directory, 'leveret.conf')
    with open(config, 'w') as file:
        file.write('management.cors.allow_origins.1 = https://console.example\nmanagement.cors.max_age = 60\n'
                   'management.csp.policy = none\nmanagement.hsts.policy = max-age=31536000\nmanagement.path_prefix = /rabbit\n'
                   'management.headers.frame_options = DENY\nmanagement.tcp.compress = false\n'
                   'management.http.max_body_size = 100kB\nmanagement.tcp.max_keepalive = 3\n'
                   'management.require_auth_for_api_reference = true\n'
                   'management.restrictions.operator_policy_changes.disabled = true\n'
                   f'management.http_log_dir = {own.directory}/requests\n'
                   'management.tcp.request_timeout = 1500\nmanagement.tcp.idle_timeout = 1500\n')
    own.flags += ['--config', config]
    own.start()
    yield own
    own.stop()


@pytest.fixture
def prefixed(configured):
    """The API of that broker, below its prefix."""
    api = Api(configured)
    call = api.request
    api.request = lambda method, target, *more: call(method, '/rabbit' + target, *more)
    return api


def test_the_api_can_be_below_a_prefix(configured, prefixed):
    assert prefixed.get('/whoami').status == 200
    assert Api(configured).get('/whoami').status == 404
    site = Http(configured.management_port)
    root = site.request('GET', '/rabbit/')
    assert (root.status, root.headers.get('content-security-policy')) == (200, None)  # the operator's policy is that of the page, too
    assert site.request('GET', '/rabbit/icon.svg').status == 200
    assert site.request('GET', '/rabbit').headers['location'] == '/rabbit/'
    assert 'href="/rabbit/cli/style.css"' in prefixed.get('/index.html').text
    assert site.request('GET', '/rabbit/cli').headers['location'] == '/rabbit/cli/index.html'
    for elsewhere in '/', '/index.html', '/icon.svg', '/rabbitx', '/rabbitindex.html':
        assert site.request('GET', elsewhere).status == 404, elsewhere


def logged(configured):
    """The lines of the access log, whichever hours they are of."""
    folder = os.path.join(configured.directory, 'requests')
    return [line for name in sorted(os.listdir(folder)) for line in open(os.path.join(folder, name), encoding='ascii')]


def test_requests_are_logged(configured, prefixed):
    forged = {'user-agent': 'me" "x\\', 'referer': 'http://a/"', 'accept-encoding': 'identity'}
    size = len(prefixed.get('/whoami', headers=forged).body)
    assert prefixed.get('/whoami?secret=1', user='no body').status == 401
    assert prefixed.get('/whoami', user=None).status == 401
    assert prefixed.request('GET', '/api/%22%20x?a=%zz').status == 400
    with socket.create_connection(('127.0.0.1', configured.management_port)) as raw:
        raw.sendall(b'GET /x HTTP/1.0\r\n\r\n')
        assert raw.recv(100)
    eventually(lambda: len([line for line in logged(configured) if ' /x ' in line]) == 1)
    lines = [re.sub(r'\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\]', '[TIME]', line) for line in logged(configured)][-5:]
    assert lines == [
        f'127.0.0.1 - guest [TIME] "GET /rabbit/api/whoami HTTP/1.1" 200 {size} "http://a/\\x22" "me\\x22 \\x22x\\x5c"\n',
        '127.0.0.1 - no+body [TIME] "GET /rabbit/api/whoami HTTP/1.1" 401 50 "" ""\n',
        '127.0.0.1 - - [TIME] "GET /rabbit/api/whoami HTTP/1.1" 401 0 "" ""\n',
        '127.0.0.1 - - [TIME] "GET /rabbit/api/%22%20x HTTP/1.1" 400 0 "" ""\n',
        '127.0.0.1 - - [TIME] "GET /x HTTP/1.0" 404 49 "" ""\n']


def test_a_connection_ends_after_its_last_request(configured):
    raw = Raw(configured.management_port)
    for is_last in False, False, True:
        raw.send('GET /rabbit/api/whoami HTTP/1.1\r\nhost: x\r\n\r\n')
        status, headers, _ = raw.answer()
        assert (status, headers.get('connection', '').lower() == 'close') == (401, is_last)
    assert raw.ends() == b''
    raw.close()


def test_the_reference_can_be_for_users_alone(prefixed):
    for page in '/index.html', '/openapi.json':
        assert prefixed.get(page, user=None).status == 401
        assert prefixed.get(page).status == 200


def test_operator_policies_can_be_kept_as_they_are(prefixed):
    policy = {'pattern': '.*', 'definition': {'max-length': 5}}
    for target, body in (('/operator-policies/%2F/p', policy), ('/parameters/operator_policy/%2F/p', {'value': policy})):
        answer = prefixed.put(target, body)
        assert (answer.status, answer.headers['allow']) == (405, 'HEAD, GET, OPTIONS')
        assert prefixed.delete(target).status == 405
    assert prefixed.get('/operator-policies').json == []


def test_headers_can_be_chosen(prefixed):
    headers = prefixed.get('/whoami').headers
    assert headers['strict-transport-security'] == 'max-age=31536000' and headers['x-frame-options'] == 'DENY'
    assert 'content-security-policy' not in headers


def test_pages_of_an_allowed_origin_may_call_the_api(prefixed):
    origin = {'origin': 'https://console.example'}
    answer = prefixed.get('/whoami', headers=origin)
    assert answer.headers['access-control-allow-origin'] == 'https://console.example'
    assert answer.headers['access-control-allow-credentials'] == 'true'
    answer = prefixed.call('OPTIONS', '/whoami', user=None, headers={
        **origin, 'access-control-request-method': 'GET', 'access-control-request-headers': 'authorization'})
    assert answer.status == 200 and answer.headers['access-control-allow-methods'] == 'HEAD, GET, OPTIONS'
    assert answer.headers['access-control-allow-headers'] == 'authorization' and answer.headers['access-control-max-age'] == '60'


@pytest.mark.parametrize('origin', ['https://elsewhere.example', 'https://console.example.elsewhere.example', 'http://console.example', 'null'])
def test_pages_of_another_origin_see_nothing(prefixed, origin):
    for method in 'GET', 'OPTIONS':
        answer = prefixed.call(method, '/whoami', headers={'origin': origin, 'access-control-request-method': 'GET'})
        assert not [header for header in answer.headers if header.startswith('access-control')]


def test_a_body_that_is_too_large_is_refused(configured, prefixed):
    assert prefixed.put('/whoami', b'x' * 100_001).status == 413
    one = Raw(configured.management_port)
    one.send(f'POST /rabbit/api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}Transfer-Encoding: chunked\r\n\r\n')
    for _ in range(3):
        one.send(b'c350\r\n' + b'x' * 50_000 + b'\r\n')
    one.send('0\r\n\r\n')
    assert one.answer()[0] == 413 and one.ends() == b''


@pytest.mark.parametrize('slowly', ['G', 'POST /rabbit/api/whoami HTTP/1.1\r\nHost: x\r\nX: ',
                                    'POST /rabbit/api/whoami HTTP/1.1\r\nHost: x\r\nContent-Length: 50000\r\n\r\n'],
                         ids=['line', 'header', 'body'])
def test_a_request_that_comes_byte_by_byte_is_cut_off(configured, slowly):
    one = Raw(configured.management_port)
    one.send(slowly)
    one.socket.settimeout(0.2)
    end = time.monotonic() + PATIENCE_S
    try:
        while time.monotonic() < end:
            try:
                if not one.more():
                    return
            except socket.timeout:
                one.send('x')
    except (BrokenPipeError, ConnectionResetError):
        return
    raise AssertionError('it is still served')


@pytest.mark.parametrize('text', ['', f'GET /rabbit/api/whoami HTTP/1.1\r\nHost: x\r\n{GUEST}\r\n'], ids=['before', 'after'])
def test_a_connection_without_a_request_ends(configured, text):
    one = Raw(configured.management_port)
    one.send(text)
    assert one.ends() == b'' or b'200 OK' in one.buffer
