"""The control socket: no client of it keeps another one waiting, whether it says nothing, reads nothing or asks for much."""
import json
import socket

import pytest

from patience import PATIENCE_S
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

CLIENTS, REQUESTS = 256, 32


class Client:
    """One that speaks the protocol of docs/formats/control.md, and reads only when it is told to."""

    def __init__(self, broker):
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.connect(f'{broker.data}/control.sock')   # waits, unlike one with a time limit
        self.socket.settimeout(PATIENCE_S)
        self.file = self.socket.makefile('r')

    def send(self, *requests):
        self.socket.sendall(''.join(json.dumps(one) + '\n' for one in requests).encode())

    def line(self):
        return json.loads(self.file.readline())

    def ask(self, command, **arguments):
        """The rows and the last line."""
        self.send({'command': command, **arguments})
        rows = []
        while isinstance(line := self.line(), list):
            rows.append(line)
        return rows, line

    def close(self):
        self.file.close()
        self.socket.close()


@pytest.fixture
def control():
    """Makes clients, and closes them at the end."""
    made = []

    def make(broker):
        made.append(Client(broker))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture
def library(own_broker):
    """A broker with a queue whose listing is longer than what is kept for a client that does not read."""
    own = own_broker()
    with Peer(own.address) as peer:
        peer.declare('books', durable=True)
        for n in range(120):
            peer.publish(1, '', 'books', b'%d' % n + b' page' * 20000)
        eventually(lambda: peer.declare('books', passive=True).message_count == 120)
    return own


BROWSE = {'command': 'browse_queue', 'vhost': '/', 'queue': 'books', 'columns': ['payload'], 'truncate': 10**7}


def test_clients_that_read_nothing_keep_no_other_waiting(library, control):
    paused, extra = [control(library) for _ in range(REQUESTS + 8)], control(library)
    for one in paused:
        one.send(BROWSE)
    listing = {'command': 'list_queues', 'vhost': '/', 'columns': ['name']}
    eventually(lambda: extra.ask(**listing)[1].get('error') == 'too_many_requests')
    for command in 'ping', 'version', 'status', 'environment', 'await_startup':
        assert control(library).ask(command)[1]['ok'], command
    assert library.ctl('-q', 'ping').out == 'Ping succeeded\n'
    for one in paused[:9]:
        one.close()                                                   # a command ends with its client
    eventually(lambda: extra.ask(**listing)[0] == [['books']])
    library.stop()                                                    # waits for none of them


def test_a_client_that_reads_late_gets_every_byte(library, control):
    client, other = control(library), control(library)
    client.send(BROWSE, {'command': 'ping'})
    assert other.ask('ping')[1]['ok']
    for n in range(120):
        assert client.line() == [f'{n}' + ' page' * 20000]
    assert client.line()['ok'] and client.line()['node']


def test_clients_that_say_nothing_make_room_for_others(own_broker, control):
    own = own_broker()
    silent = [control(own) for _ in range(CLIENTS)]
    assert control(own).ask('ping')[1]['ok']
    assert silent[0].line()['error'] == 'too_many_connections'
    assert silent[0].file.readline() == ''
    assert silent[-1].ask('ping')[1]['ok']


def test_a_client_that_has_said_all_it_has_to_say_is_answered(own_broker, control):
    client = control(own_broker())
    client.send({'command': 'list_vhosts', 'columns': ['name']})
    client.socket.shutdown(socket.SHUT_WR)
    assert [client.line(), client.line()] == [['/'], {'ok': True}]
    assert client.file.readline() == ''
