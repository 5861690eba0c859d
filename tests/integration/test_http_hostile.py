"""Clients of the HTTP server that mean harm: none gets more than an answer that refuses it, and others do not notice."""
import os
import socket
import time

import pytest

from conftest import BUILD
from http_client import Api, Raw, basic
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

GUEST = f'Authorization: {basic("guest", "guest")}\r\n'
HEAD = f'Host: x\r\n{GUEST}'
SECOND = f'GET /api/whoami HTTP/1.1\r\n{HEAD}\r\n'


@pytest.fixture
def api(broker):
    return Api(broker)


@pytest.fixture
def raw(broker):
    made = []

    def make(**how):
        made.append(Raw(broker.management_port, **how))
        return made[-1]

    yield make
    for one in made:
        one.close()


def refused(raw, text):
    """Sends this, and returns the status of the answer, after which the connection has ended."""
    one = raw()
    try:
        one.send(text)
    except (BrokenPipeError, ConnectionResetError):
        pass
    said = one.ends()
    assert b'HTTP/1.1 2' not in said, said
    return int(said.split(b' ', 2)[1])


@pytest.mark.parametrize('head, body', [
    ('Content-Length: 4\r\nContent-Length: 4\r\n', 'abcd'),
    ('Content-Length: 4\r\nContent-Length: 60\r\n', 'abcd'),
    ('Content-Length: 4\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
    ('Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n', '0\r\n\r\n'),
    ('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n'),
    ('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n'),
    ('Content-Length: 4, 4\r\n', 'abcd'),
    ('Content-Length: +4\r\n', 'abcd'),
    ('Content-Length: 0x4\r\n', 'abcd'),
    ('Content-Length: -4\r\n', 'abcd'),
    ('Content-Length: 99999999999999999999999\r\n', 'abcd'),
    ('Content-Length : 4\r\n', 'abcd'),
    ('Content-Length\t: 4\r\n', 'abcd'),
    ('X: y\r\nHost: other\r\n', ''),
    ('Trans\x01fer: y\r\n', ''),
])
def test_a_request_of_doubtful_length_is_refused_with_all_that_follows(raw, head, body):
    assert refused(raw, f'POST /api/whoami HTTP/1.1\r\n{HEAD}{head}\r\n{body}{SECOND}') in (400, 413)


def test_chunks_in_http_1_0_are_refused(raw):
    assert refused(raw, f'POST /api/whoami HTTP/1.0\r\n{HEAD}Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n{SECOND}') == 400


@pytest.mark.parametrize('head, status', [
    (''.join(f'X-{n}: y\r\n' for n in range(101)), 431),
    ('X: ' + 'y' * 100_000 + '\r\n', 431),
    (''.join(f'X-{n}: y\r\n' for n in range(20_000)), 431),
], ids=['many', 'long', 'very many'])
def test_a_flood_of_headers_is_refused(raw, head, status):
    assert refused(raw, f'GET /api/whoami HTTP/1.1\r\n{HEAD}{head}\r\n') == status


@pytest.mark.parametrize('query', ['&'.join(['a=b'] * 201), '&' * 201 + 'a'], ids=['named', 'empty'])
def test_too_many_parameters_are_refused(raw, query):
    assert refused(raw, f'GET /api/whoami?{query} HTTP/1.1\r\n{HEAD}\r\n') == 414


@pytest.mark.parametrize('target', ['/api/whoami?a=%00', '/api/whoami?%=1', '/api/whoami?a=%4', '/api/who\x01ami'])
def test_a_malformed_target_is_refused(raw, target):
    assert refused(raw, f'GET {target} HTTP/1.1\r\n{HEAD}\r\n') == 400


@pytest.mark.parametrize('target', ['/../../../etc/passwd', '/api/../../etc/passwd', '/api/..%2f..%2fetc%2fpasswd', '/api/%2e%2e/%2e%2e/etc/passwd',
                                    '//etc/passwd', '/api/queues/%2F/..%2F..%2Fetc%2Fpasswd', '/api//whoami', 'whoami'])
def test_no_path_leads_out_of_the_api(raw, target):
    one = raw()
    one.send(f'GET {target} HTTP/1.1\r\n{HEAD}\r\n')
    status, _, body = one.answer()
    assert status in (400, 404, 405) and b'root:' not in body


def test_a_name_adds_no_header(api):
    answer = api.get('/queues/%2F/a%0d%0aset-cookie:%20a=b%0d%0a%0d%0ax')
    assert answer.status in (400, 404, 405) and 'set-cookie' not in answer.headers


@pytest.mark.parametrize('headers', [
    {'origin': 'https://evil.example', 'content-type': 'text/plain'},
    {'origin': 'https://evil.example', 'content-type': 'application/x-www-form-urlencoded'},
    {'origin': 'https://evil.example', 'content-type': 'multipart/form-data; boundary=x'},
    {'origin': 'https://evil.example'},
    {'origin': 'null', 'content-type': 'text/plain'},
    {'sec-fetch-site': 'cross-site', 'content-type': 'text/plain'},
])
def test_a_form_of_another_origin_changes_nothing(api, name, headers):
    """A browser sends it with the password that it remembers, and asks nobody before."""
    answer = api.call('PUT', '/queues/%2F/' + name('forged'), b'{}', headers=headers)
    assert answer.status == 403 and 'access-control-allow-origin' not in answer.headers
    own = {'origin': f'http://127.0.0.1:{api.port}', 'sec-fetch-site': 'same-origin', 'content-type': 'text/plain'}
    assert api.call('PUT', '/queues/%2F/' + name('own'), b'{}', headers=own).status == 201


def test_a_body_of_a_gigabyte_is_refused_before_it_comes(raw):
    one = raw()
    one.send(f'POST /api/whoami HTTP/1.1\r\n{HEAD}Content-Length: {1 << 30}\r\nExpect: 100-continue\r\n\r\n')
    assert one.answer()[0] == 413 and one.ends() == b''


def test_a_body_that_is_expected_is_asked_for(raw):
    one = raw()
    one.send(f'GET /api/whoami HTTP/1.1\r\n{HEAD}Content-Length: 2\r\nExpect: 100-continue\r\n\r\n')
    assert one.answer()[0] == 100
    one.send('{}')
    assert one.answer()[0] == 200


@pytest.mark.parametrize('body', [b'[' * 100_000, b'{"a":' * 100_000, b'{"arguments": ' + b'[' * 3000 + b']' * 3000 + b'}', b'{' + b'\0' * 100 + b'}',
                                  b'{"a": "' + b'x' * 100_000, b'{"arguments": 1e999999}', b'{"arguments": {"x": "\xff"}}',
                                  b'{"arguments": {"x": "\xed\xa0\x80"}}', b'\xff\xfe{\0}\0'],
                         ids=['deep lists', 'deep objects', 'deep and whole', 'zeros', 'open string', 'huge number', 'bad UTF-8', 'surrogate', 'UTF-16'])
def test_a_body_that_is_no_json_is_refused(api, name, body):
    assert api.call('PUT', '/queues/%2F/' + name('q'), body, headers={'content-type': 'application/json'}).status == 400


@pytest.mark.once
def test_a_body_that_would_take_much_memory_is_refused(broker, api, name):
    before = memory(broker)
    answer = api.call('PUT', '/queues/%2F/' + name('q'), b'{"arguments": [' + b'0,' * (31 << 20) + b'0]}', headers={'content-type': 'application/json'})
    assert answer.status == 503 and memory(broker) - before < 300 << 20


def memory(broker):
    """Resident memory, in octets."""
    with open(f'/proc/{broker.pid}/statm') as file:
        return int(file.read().split()[1]) * 4096


def test_a_client_that_sends_and_never_reads_is_held_back(broker, api, raw):
    one = raw(receive_buffer=4096)
    one.socket.setblocking(False)
    before, sent = memory(broker), 0
    try:
        while sent < 64 << 20:
            sent += one.socket.send((SECOND * 1000).encode())
            assert api.get('/whoami').status == 200
    except BlockingIOError:
        pass
    assert sent < 64 << 20
    if BUILD == 'release':                                # sanitizers keep what is freed
        assert memory(broker) - before < 64 << 20


def test_a_client_that_goes_in_the_middle_leaves_nothing(broker, api, raw):
    for text in 'GET /api/who', SECOND[:-2], f'POST /api/whoami HTTP/1.1\r\n{HEAD}Content-Length: 100\r\n\r\nhalf', SECOND, SECOND * 50:
        for _ in range(5):
            one = raw()
            one.send(text)
            one.close()
    assert api.get('/whoami').status == 200


@pytest.mark.once
def test_clients_that_do_not_take_their_answers_keep_nobody_waiting(own_broker):
    own = own_broker()
    api, made = Api(own), []
    with Peer(own.address) as peer:
        for n in range(150):
            peer.declare(f'large.{n}', arguments={'x-blob': 'a' * 100_000})
        try:
            for _ in range(24):
                one = Raw(own.management_port, receive_buffer=4096)
                made.append(one)
                one.send(f'GET /api/queues/%2F HTTP/1.1\r\n{HEAD}\r\n')
            for one in made:
                one.socket.recv(1, socket.MSG_PEEK)       # its answer has begun
            assert api.get('/whoami').status == 200
            assert len(api.get('/queues/%2F').json) == 150
            assert memory(own) < 400 << 20
        finally:
            for one in made:
                one.close()
    own.stop()


@pytest.fixture
def few(own_broker):
    """A broker with 400 descriptors: 120 connections for HTTP, 40 of which may have sent a request."""
    return own_broker(wrapper=['prlimit', '--nofile=400'])


def descriptors(broker):
    return len(os.listdir(f'/proc/{broker.pid}/fd'))


def test_a_header_that_is_not_whole_takes_one_descriptor(few):
    made, before = [], descriptors(few)
    try:
        for ending in ('', '\n', '\r', '\r\nHost: x', '\r\nHost: x\r\n') * 16:
            made.append(Raw(few.management_port))
            made[-1].send('GET /api/whoami HTTP/1.1' + ending)
        eventually(lambda: descriptors(few) >= before + len(made) - 10)   # some of those before were of the start
        assert descriptors(few) < before + len(made) + 10
        assert Api(few).get('/whoami').status == 200
        for one in made[4::5]:                            # each is served once the rest has come
            one.send(f'{GUEST}\r')
            one.send('\n')
            assert one.answer()[0] == 200
    finally:
        for one in made:
            one.close()
    eventually(lambda: descriptors(few) < before + 10)


@pytest.fixture
def crowded(own_broker, tmp_path):
    """A broker that has 8 connections for HTTP."""
    config = tmp_path / 'leveret.conf'
    config.write_text('management.tcp.max_connections = 8\nmanagement.tcp.idle_timeout = 600000\nmanagement.tcp.request_timeout = 600000\n')
    return own_broker(flags=['--config', str(config)])


def test_the_oldest_request_that_is_not_whole_makes_room_for_a_client(crowded):
    kept = Raw(crowded.management_port)
    kept.send(SECOND)
    assert kept.answer()[0] == 200                        # and it stays open
    made = []
    try:
        for text in (b'', b'GET /api/who', b'\r\n\r\n\r\n', SECOND[:-2].encode()) * 8:
            made.append(Raw(crowded.management_port))
            made[-1].send(text)
        assert Api(crowded).get('/whoami').status == 200
        for one in made[:16]:
            assert one.ends() == b''
        kept.send(SECOND)
        assert kept.answer()[0] == 200
        with Peer(crowded.address) as peer:
            peer.declare('served')
    finally:
        for one in [kept, *made]:
            one.close()
    line = 'was half-open and is closed: a new one needs its place (management.tcp.max_connections)'
    eventually(lambda: crowded.log().count(line) > 0)
    assert crowded.log().count(line) < 4                  # one a minute


def test_a_client_waits_when_others_that_are_served_have_every_place(crowded):
    made = []
    try:
        for _ in range(8):
            made.append(Raw(crowded.management_port))
            made[-1].send(SECOND)
            assert made[-1].answer()[0] == 200
        made.append(Raw(crowded.management_port))
        made[8].send(SECOND)
        eventually(lambda: f'port {crowded.management_port} has as many connections as it may have (management.tcp.max_connections): '
                           'new ones wait until others close' in crowded.log())
        made[0].close()
        assert made[8].answer()[0] == 200
    finally:
        for one in made:
            one.close()


def test_a_disk_that_hangs_holds_up_no_request(own_broker, tmp_path):
    """The files of this hour and of the next are pipes without a reader, so that opening them waits."""
    config, folder = tmp_path / 'leveret.conf', tmp_path / 'requests'
    config.write_text(f'management.http_log_dir = {folder}\n')
    folder.mkdir()
    pipes = [folder / time.strftime('access.log.%Y_%m_%d_%H', time.localtime(time.time() + later)) for later in (0, 3600)]
    for pipe in pipes:
        os.mkfifo(pipe)
    own = own_broker(flags=['--config', str(config)])
    refused(lambda: Raw(own.management_port), f'GET /refused?a=%4 HTTP/1.1\r\n{HEAD}\r\n')
    for _ in range(20):                                   # more than there are threads for requests
        assert Api(own).get('/whoami').status == 200
    readers = [os.open(pipe, os.O_RDONLY | os.O_NONBLOCK) for pipe in pipes]
    lines = b''

    def complete():
        nonlocal lines
        for reader in readers:
            try:
                lines += os.read(reader, 65536)
            except BlockingIOError:
                pass
        return lines.count(b'\n') == 21

    eventually(complete)
    assert b'"GET /refused HTTP/1.1" 400' in lines
    for reader in readers:
        os.close(reader)


def test_who_sends_a_request_when_all_that_may_are_served_is_served_next(few):
    made = [Raw(few.management_port) for _ in range(50)]
    try:
        for one in made[:40]:
            one.send(SECOND)
            assert one.answer()[0] == 200                 # and it stays open
        for one in made[40:]:
            one.send(SECOND)
        for number in range(40, 50):
            made[number - 40].close()
            assert made[number].answer()[0] == 200
    finally:
        for one in made:
            one.close()
    eventually(lambda: Api(few).get('/whoami').status == 200)
