"""Clients that vanish while a slow service is asked about their login: the answer is dropped, and nothing of them stays."""
import os

import pytest

from user_service import UserService
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

COUNT = 6
CLOSING = 'closing AMQP connection'


@pytest.fixture
def service():
    """Knows ann, and answers when its gate is opened."""
    one = UserService().start()
    one.users['ann'] = ('a', 'administrator')
    one.gate.clear()
    yield one
    one.stop()


@pytest.fixture
def broker(own_broker, service):
    def make(handshake_timeout_ms):
        own = own_broker(start=False, handshake_timeout_ms=handshake_timeout_ms)
        path = os.path.join(own.directory, 'leveret.conf')
        with open(path, 'w') as file:
            file.write(service.settings(backends=('internal', 'http')) + 'auth_http.request_timeout = 600000\n')
        own.flags += ['--config', path]
        return own.start()
    return make


def peers_that_wait(own, service):
    """Clients whose login waits for the service. One without a user there is waited for by nobody else."""
    peers = [Peer(own.address, upto='start-ok', user='ann', password='a') for _ in range(COUNT)]
    eventually(lambda: [path for _, path, _, _ in service.asked if path.endswith('/user')])
    return peers


def closings(own):
    return own.log().count(CLOSING)


def assert_is_well(own):
    """The internal backend knows guest, so nobody else is asked."""
    Peer(own.address).close()


def test_the_answer_for_a_client_that_has_vanished_is_dropped(broker, service):
    own = broker(handshake_timeout_ms=600000)
    for number, peer in enumerate(peers_that_wait(own, service)):
        peer.reset() if number % 2 else peer.drop()
    assert_is_well(own)
    before = closings(own)
    service.gate.set()
    eventually(lambda: closings(own) >= before + COUNT)
    assert_is_well(own)
    own.stop()                                       # with status 0, so no login is left


def test_a_login_that_takes_too_long_ends_without_its_answer(broker, service):
    own = broker(handshake_timeout_ms=500)
    peers = peers_that_wait(own, service)
    for number, peer in enumerate(peers[:4]):
        peer.reset() if number % 2 else peer.drop()
    eventually(lambda: closings(own) >= COUNT)       # the service still hangs
    assert 'granted access' not in own.log()
    service.gate.set()
    own.stop()
