"""SASL ANONYMOUS: clients that give no name are one user, if the configuration says so."""
import os
import signal

import amqp
import amqp.sasl
import pytest

from patience import PATIENCE_S
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

ON = '''
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = ANONYMOUS
anonymous_login_user = visitor
anonymous_login_pass = {}
loopback_users = none
'''
REFUSED = 'ACCESS_REFUSED - Login was refused using authentication mechanism ANONYMOUS. For details see the broker logfile.'


class Anonymous(amqp.sasl.SASL):
    mechanism = b'ANONYMOUS'

    def start(self, connection):
        return b'somebody@example.com'               # a trace, which is not used


def client(broker):
    connection = amqp.Connection(f'127.0.0.1:{broker.port}', authentication=Anonymous(), connect_timeout=PATIENCE_S,
                                 read_timeout=PATIENCE_S)
    connection.connect()
    return connection


def offered(broker):
    with Peer(broker.address, upto='header') as peer:
        return peer.start.mechanisms.split()


def test_a_client_without_a_name_is_the_user_of_the_configuration(own_broker):
    broker = own_broker(start=False)
    path = os.path.join(broker.directory, 'leveret.conf')
    broker.flags += ['--config', path]

    def configure(text):
        with open(path, 'w') as file:
            file.write(text)
        if broker.child:
            reloads = broker.log().count('config: reloaded')
            os.kill(broker.pid, signal.SIGHUP)
            eventually(lambda: broker.log().count('config: reloaded') > reloads)

    configure('auth_mechanisms.1 = PLAIN\nauth_mechanisms.2 = ANONYMOUS\n')
    broker.start()
    eventually(lambda: 'ANONYMOUS is not offered, since anonymous_login_user or anonymous_login_pass is none' in broker.log())
    assert offered(broker) == ['PLAIN']
    with Peer(broker.address, upto='start-ok', mechanism='ANONYMOUS', response='') as peer:
        peer.expect_closed()

    configure(ON.format('secret'))
    assert offered(broker) == ['PLAIN', 'ANONYMOUS']
    with Peer(broker.address, upto='start-ok', mechanism='ANONYMOUS', response='') as peer:
        peer.expect_connection_close(403, REFUSED, '')   # there is no visitor yet
    eventually(lambda: "ANONYMOUS login refused: user 'visitor' - invalid credentials" in broker.log())

    broker.ctl('add_user', 'visitor', 'secret')
    broker.ctl('set_permissions', 'visitor', '^mine$', '^mine$', '^mine$')
    connection = client(broker)
    channel = connection.channel()
    channel.queue_declare('mine')
    listed = broker.ctl('-q', 'list_connections', '--no-table-headers', 'user', 'auth_mechanism').out.strip()
    assert listed == 'visitor\tANONYMOUS'
    with pytest.raises(amqp.AccessRefused):
        channel.queue_declare('other')
    connection.close()

    configure(ON.format('wrong'))
    with Peer(broker.address, upto='start-ok', mechanism='ANONYMOUS', response='') as peer:
        peer.expect_connection_close(403, REFUSED, '')
    configure('anonymous_login_user = visitor\n')
    eventually(lambda: 'anonymous_login_user has no effect: auth_mechanisms.N does not name ANONYMOUS' in broker.log())
    assert offered(broker) == ['PLAIN', 'AMQPLAIN']
