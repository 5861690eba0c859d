"""The HTTP server: connections, methods, headers, bodies; whatever is behind the paths."""
import pytest

from http_client import Api, Raw, basic, path

pytestmark = pytest.mark.leveret

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
    assert f'started TCP listener on 127.0.0.1:{broker.management_port}\n' in broker.log()
