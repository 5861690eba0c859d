"""The log: what it says of clients' failures, and that no client waits for whoever reads it."""
import os

import pytest

from wire import HEADER, Peer, eventually

pytestmark = pytest.mark.leveret

NOBODY = '\0nobody\0wrong'
REFUSED = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."


def refuse_login(address):
    with Peer(address, upto='start-ok', response=NOBODY) as peer:
        peer.expect_connection_close(403, REFUSED)


def test_clients_are_served_and_the_broker_stops_while_nobody_reads_the_log(own_broker):
    own = own_broker(start=False)
    reader = own.start_with_a_full_log()
    for _ in range(50):                              # each is a line or two
        refuse_login(own.address)
        with Peer(own.address) as peer:
            peer.declare('q')
    own.stop()
    os.close(reader)


def test_a_flood_of_failed_logins_is_a_few_lines_and_a_count(own_broker):
    own = own_broker()
    while not any('more like this in the last' in line and "PLAIN login refused: user 'nobody'" in line
                  for line in own.log().splitlines()):
        refuse_login(own.address)
    with Peer(own.address) as peer:                  # another's trouble is not hidden by it
        peer.send(1, 'queue.declare', queue='not there', passive=True)
        peer.expect('channel.close', 1)
        eventually(lambda: "'not there'" in own.log())


# --- failures ---------------------------------------------------------------------------------

AS_THE_SHOP = dict(properties={'product': 'wire.py', 'connection_name': 'the \x1b[2J\nshop',
                               'capabilities': {'authentication_failure_close': True}})
TITLE = "127.0.0.1:{port} - the \\x1b[2J\\nshop, vhost: '/', user: 'guest'"


@pytest.fixture
def said(own_broker):
    """A broker, and a function that waits for the log line with all these words; a level comes first."""
    own = own_broker(flags=['--log-level', 'debug'])
    title = TITLE.format(port=own.port)

    def wait(level, *words):
        words = [f'[{level}]', *(title if word is TITLE else word for word in words)]
        return eventually(lambda: [line for line in own.log().splitlines() if all(word in line for word in words)])

    wait.own = own
    return wait


def test_a_channel_error_is_one_line_with_who_where_and_what(said):
    with Peer(said.own.address, **AS_THE_SHOP) as peer:
        peer.send(1, 'queue.declare', queue='not there', passive=True)
        peer.expect('channel.close', 1)
        [_] = said('error', TITLE, '), channel 1: operation queue.declare caused a channel exception not_found: '
                   "no queue 'not there' in vhost '/'")
        peer.open_channel(2)
        peer.publish(2, exchange='nope')
        peer.expect('channel.close', 2)
        [_] = said('error', TITLE, "), channel 2: operation basic.publish caused a channel exception not_found: "
                   "no exchange 'nope' in vhost '/'")


def test_a_connection_error_is_one_line_with_who_and_what(said):
    with Peer(said.own.address, **AS_THE_SHOP) as peer:
        peer.send(3, 'queue.declare', queue='q')
        peer.expect('connection.close', 0)
        [_] = said('error', 'Error on AMQP connection <0.', TITLE, ", state: running), channel 3: operation queue.declare caused "
                   "a connection exception channel_error: \"expected 'channel.open'\"")
    with Peer(said.own.address, **AS_THE_SHOP) as peer:
        peer.frame(9, 1)
        peer.expect('connection.close', 0)
        [_] = said('error', TITLE, ', channel 1: operation none caused a connection exception frame_error: "type 9')
    with Peer(said.own.address, upto='tuned', **AS_THE_SHOP) as peer:
        peer.send(0, 'connection.open', virtual_host='nowhere')
        peer.expect('connection.close', 0)
        [_] = said('error', 'Error on AMQP connection <0.', ", user: 'guest', state: opening): vhost nowhere not found")


def test_a_refused_login_names_its_mechanism_and_its_user(said):
    for mechanism, response in ('PLAIN', NOBODY), \
            ('AMQPLAIN', b'\x05LOGINS\0\0\0\x06nobody\x08PASSWORDS\0\0\0\x05wrong'):
        with Peer(said.own.address, upto='start-ok', mechanism=mechanism, response=response, **AS_THE_SHOP) as peer:
            peer.expect('connection.close', 0)
            [_] = said('error', " - the \\x1b[2J\\nshop, state: starting)", f": {mechanism} login refused: user 'nobody'")
    assert 'exception' not in said.own.log()         # nothing is said twice


@pytest.mark.parametrize('octets, what', [
    (b'\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03', 'TLS'),
    (b'GET / HTTP/1.1\r\nHost: here\r\n\r\n', 'an HTTP request'),
    (b'AMQP\x00\x01\x00\x00', 'AMQP 1.0'),
    (b'AMQP\x00\x00\x08\x00', 'another version of AMQP'),
    (b'\x10\x10\x00\x04MQTT\x04\x02\x00\x3c\x00\x04abcd', 'MQTT'),
    (b'\x10\x8f\x01\x00\x06MQIsdp\x03', 'MQTT'),
    (b'CONNECT\nlogin:x\n\n\0', 'STOMP'),
    (b'hello, broker', 'no protocol'),
])
def test_what_is_no_amqp_header_is_said_with_its_first_bytes(said, octets, what):
    with Peer(said.own.address, upto='connected') as peer:
        peer.write(octets)
        assert peer.octets(8) == HEADER
        shown = ''.join(chr(b) if 32 <= b < 127 else f'\\x{b:02x}' for b in octets[:24])
        [_] = said('error', 'closing AMQP connection <0.', 'client did not start with AMQP protocol header', what, f'first bytes: "{shown}"')


def test_a_handshake_that_vanishes_leaves_a_line_and_a_health_check_only_one_for_debug(said):
    Peer(said.own.address, upto='connected').drop()
    said('debug', 'closing AMQP connection <0.', 'connection_closed_with_no_data_received')
    with Peer(said.own.address, upto='connected') as peer:
        peer.write(b'AMQ')
    said('warning', 'while a protocol header was awaited, after 3 bytes')
    Peer(said.own.address, upto='header').drop()
    said('warning', 'while connection.start-ok was awaited, after 8 bytes')
    Peer(said.own.address, upto='tuned', **AS_THE_SHOP).drop()
    said('warning', " - the \\x1b[2J\\nshop, user: 'guest')", 'client unexpectedly closed TCP connection while connection.open was awaited')
    Peer(said.own.address, **AS_THE_SHOP).drop()
    said('warning', 'closing AMQP connection <0.', TITLE, 'client unexpectedly closed TCP connection, after ')


def test_a_handshake_with_a_mistake_leaves_a_line(said):
    with Peer(said.own.address, upto='header') as peer:
        peer.send(0, 'connection.open', virtual_host='/')
        peer.expect_closed()
        said('error', 'handshake_error: unexpected method in connection state starting: connection.open')
    with Peer(said.own.address, upto='start-ok', mechanism='MAGIC', **AS_THE_SHOP):
        said('error', "handshake_error: unknown authentication mechanism 'MAGIC'")


def test_a_stop_that_ends_a_handshake_is_no_error(said):
    with Peer(said.own.address, upto='header'):
        said.own.stop()
    said('warning', "closing AMQP connection <0.", "broker forced connection closure with reason 'shutdown'")


def test_an_argument_that_nothing_knows_is_remarked_for_debug_and_marked_in_listings(said):
    with Peer(said.own.address, **AS_THE_SHOP) as peer:
        peer.declare('q', arguments={'x-mesage-ttl': 5, 'x-max-length': 7, 'note': 'ours'})
        peer.call(1, 'exchange.declare', exchange='e', type='fanout', arguments={'x-alternate': 'f'})
        peer.call(1, 'exchange.declare', exchange='d', type='fanout', arguments={'x-delayed-exchange': True})
        peer.call(1, 'basic.consume', queue='q', arguments={'x-prioritty': 1})
        for method, name, argument in ('queue.declare', 'q', 'x-mesage-ttl'), ('exchange.declare', 'e', 'x-alternate'), \
                ('basic.consume', 'q', 'x-prioritty'):
            [_] = said('debug', TITLE, f"channel 1: {method} of '{name}': the argument '{argument}' is not known")
        assert not any(name in own_lines(said.own) for name in ('x-max-length', 'note', 'x-delayed-exchange'))
        assert said.own.ctl('-q', 'list_queues', 'arguments').out.splitlines()[-1] == \
            '[{"x-mesage-ttl",5,unknown},{"x-max-length",7},{"note","ours"}]'
        assert '[{"x-alternate","f",unknown}]' in said.own.ctl('-q', 'list_exchanges', 'arguments').out
        assert '[{"x-prioritty",1,unknown}]' in said.own.ctl('-q', 'list_consumers', 'arguments').out


def own_lines(own):
    return '\n'.join(line for line in own.log().splitlines() if 'the argument' in line)
