"""The start of a connection, its limits, its heartbeats and its end."""
import os
import shutil
import signal
import subprocess
import sys
import textwrap
import time

import pytest

from patience import PATIENCE_S
from wire import FRAME_HEARTBEAT, FRAME_METHOD, HEADER, Peer, encode_frame, encode_method, eventually, plain, shortstr

REFUSED = ('ACCESS_REFUSED - Login was refused using authentication mechanism {}. '
           'For details see the broker logfile.')
LOGIN = shortstr('LOGIN') + b'S\0\0\0\5guest' + shortstr('PASSWORD') + b'S\0\0\0\5guest'


def test_connection_start_offers_plain_and_amqplain_in_english(connect):
    start = connect(upto='header').start
    assert (start.version_major, start.version_minor) == (0, 9)
    assert start.mechanisms.split() == ['PLAIN', 'AMQPLAIN']
    assert start.locales == 'en_US'


def test_server_properties_name_the_product_and_its_nine_capabilities(connect):
    properties = plain(connect(upto='header').start.server_properties)
    assert properties['product'] == 'RabbitMQ'
    assert properties['version'].startswith('3.1')
    assert set(properties) >= {'cluster_name', 'copyright', 'information', 'platform', 'product', 'version'}
    assert properties['capabilities'] == dict.fromkeys([
        'publisher_confirms', 'exchange_exchange_bindings', 'basic.nack', 'consumer_cancel_notify',
        'connection.blocked', 'consumer_priorities', 'authentication_failure_close', 'per_consumer_qos',
        'direct_reply_to'], True)


@pytest.mark.leveret
def test_server_properties_say_which_leveret_it_is(connect):
    assert plain(connect(upto='header').start.server_properties)['leveret_version']


@pytest.mark.parametrize('header', [b'HTTP/1.1', b'AMQP\x00\x01\x00\x00', b'AMQP\x03\x01\x00\x00',
                                    b'AMQP\x00\x00\x09\x00', b'\0' * 8])
def test_a_wrong_protocol_header_is_answered_with_the_right_one(connect, header):
    peer = connect(upto='connected')
    peer.write(header)
    assert peer.octets(8) == HEADER
    peer.expect_closed()


@pytest.mark.parametrize('pieces', [[1] * 8, [4, 4], [7, 1]])
def test_a_header_may_come_in_pieces(connect, pieces):
    peer = connect(upto='connected')
    at = 0
    for size in pieces:
        peer.write(HEADER[at:at + size])
        at += size
    peer.expect('connection.start', 0)


def test_frames_may_come_octet_by_octet(connect):
    peer = connect()
    whole = encode_method('queue.declare', exclusive=True)
    for octet in bytes([1, 0, 1, 0, 0, 0, len(whole)]) + whole + b'\xce':
        peer.write(bytes([octet]))
    peer.expect('queue.declare-ok', 1)


def test_a_whole_session_may_come_in_one_piece(connect):
    peer = connect(upto='connected')
    pieces = [encode_method('connection.start-ok', mechanism='PLAIN', response='\0guest\0guest', locale='en_US'),
              encode_method('connection.tune-ok', channel_max=10, frame_max=4096, heartbeat=0),
              encode_method('connection.open', virtual_host='/')]
    peer.write(HEADER + b''.join(encode_frame(FRAME_METHOD, 0, piece) for piece in pieces)
               + encode_frame(FRAME_METHOD, 1, encode_method('channel.open')) + encode_frame(FRAME_METHOD, 1, encode_method('basic.qos')))
    for name in ('connection.start', 'connection.tune', 'connection.open-ok', 'channel.open-ok', 'basic.qos-ok'):
        peer.expect(name)


def test_tune_says_2047_channels_frames_of_128_kib_and_a_minutes_heartbeat(connect):
    tune = connect(upto='tuned').tune
    assert (tune.channel_max, tune.frame_max, tune.heartbeat) == (2047, 131072, 60)


@pytest.mark.timing
def test_tune_ok_beyond_the_limits_closes_the_socket_without_a_word(connect):
    peers = [connect(upto='tuned', **limits) for limits in (
        dict(channel_max=0), dict(channel_max=2048), dict(frame_max=0), dict(frame_max=4095), dict(frame_max=131073))]
    for peer in peers:
        peer.send(0, 'connection.open', virtual_host='/')
    for peer in peers:
        peer.expect_closed()


@pytest.mark.parametrize('limits', [dict(channel_max=1), dict(frame_max=4096), dict(heartbeat=600)], ids=str)
def test_tune_ok_within_the_limits_is_taken(connect, limits):
    connect(**limits).declare(exclusive=True)


@pytest.mark.parametrize('mechanism, response', [('PLAIN', '\0guest\0guest'), ('AMQPLAIN', LOGIN)])
def test_a_user_may_log_in_by(connect, mechanism, response):
    connect(mechanism=mechanism, response=response).declare(exclusive=True)


@pytest.mark.parametrize('how', [dict(password='wrong'), dict(user='nobody'), dict(user='', password=''),
                                 dict(password='')], ids=str)
def test_a_refused_login_is_told_to_clients_that_can_hear_it(connect, how):
    connect(upto='start-ok', **how).expect_connection_close(403, REFUSED.format('PLAIN'), '')


def test_a_refused_amqplain_login_names_its_mechanism(connect):
    peer = connect(upto='start-ok', mechanism='AMQPLAIN', response=LOGIN.replace(b'\5guest' + b'\x08', b'\5gwest\x08'))
    peer.expect_connection_close(403, REFUSED.format('AMQPLAIN'), '')


@pytest.mark.timing
def test_a_refused_login_of_other_clients_closes_the_socket_in_silence(connect):
    peers = [connect(upto='start-ok', password='wrong', capabilities=capabilities)
             for capabilities in ({}, {'authentication_failure_close': False})]
    for peer in peers:                               # RabbitMQ takes three seconds; all at once, then
        peer.expect_closed()


@pytest.mark.timing
def test_a_mechanism_not_offered_or_a_malformed_response_closes_the_socket_in_silence(connect):
    peers = [connect(upto='start-ok', **how) for how in (
        dict(mechanism='EXTERNAL', response=''), dict(mechanism='plain'), dict(response='no zeros'),
        dict(response=''), dict(mechanism='AMQPLAIN', response=''), dict(properties={'pad': 'x' * 5000}))]
    for peer in peers:
        peer.expect_closed()


@pytest.mark.parametrize('vhost', ['nowhere', '', 'ü', "o'brien"])
def test_a_missing_vhost_is_refused_by_name(connect, vhost):
    peer = connect(upto='tuned')
    peer.send(0, 'connection.open', virtual_host=vhost)
    peer.expect_connection_close(530, f'NOT_ALLOWED - vhost {vhost} not found', 'connection.open')


def test_a_connection_refused_by_its_vhost_waits_for_close_ok(connect):
    peer = connect(upto='tuned')
    peer.send(0, 'connection.open', virtual_host='nowhere')
    peer.expect('connection.close', 0)
    peer.send(0, 'channel.open')                     # anything but close-ok is passed over
    peer.send(0, 'connection.close-ok')
    peer.expect_closed()


def test_update_secret_is_answered(peer):
    peer.call(0, 'connection.update-secret', new_secret='new', reason='because')
    peer.declare(exclusive=True)


def test_close_is_answered_and_what_was_sent_before_has_been_done(connect, name):
    publisher, queue = connect(), name('q')
    publisher.declare(queue)
    publisher.publish(1, '', queue, b'last words')
    publisher.close()
    reader = connect()
    assert eventually(lambda: reader.get(queue)).body == b'last words'
    reader.call(1, 'queue.delete', queue=queue)


def test_a_second_open_is_a_channel_error_of_the_connection(connect):
    peer = connect()
    peer.send(0, 'connection.open', virtual_host='/')
    peer.expect_connection_close(504, 'CHANNEL_ERROR - unexpected method in connection state running', 'connection.open')


def test_client_properties_may_be_large(connect):
    connect(properties={'pad': 'x' * 3900}).declare(exclusive=True)


@pytest.mark.timing
def test_the_broker_sends_heartbeats_while_it_has_nothing_to_say(connect):
    peer = connect(heartbeat=1)
    peer.skip_heartbeats = False
    begin = time.monotonic()
    for _ in range(4):
        peer.expect('heartbeat', 0)
        peer.frame(FRAME_HEARTBEAT, 0)
    assert time.monotonic() - begin < 10


@pytest.mark.timing
def test_a_peer_silent_for_two_intervals_is_closed_without_a_word(connect):
    peer = connect(heartbeat=1)
    begin = time.monotonic()
    peer.expect_closed()
    assert 1.9 <= time.monotonic() - begin < 15


@pytest.mark.timing
def test_heartbeats_alone_keep_a_connection(connect):
    peer = connect(heartbeat=1)
    peer.skip_heartbeats = False
    begin = time.monotonic()
    while time.monotonic() - begin < 4.5:            # paced by the broker's own heartbeats
        peer.expect('heartbeat', 0)
        peer.frame(FRAME_HEARTBEAT, 0)
    peer.send(1, 'queue.declare', exclusive=True)
    while peer.next().name == 'heartbeat':
        pass


@pytest.mark.timing
def test_any_frame_counts_as_a_heartbeat(connect):
    peer = connect(heartbeat=1)
    peer.skip_heartbeats = False
    begin = time.monotonic()
    while time.monotonic() - begin < 4.5:
        peer.expect('heartbeat', 0)
        peer.publish(1, '', 'nowhere', b'I am here')
    peer.send(1, 'queue.declare', exclusive=True)
    while peer.next().name == 'heartbeat':
        pass


@pytest.mark.timing
@pytest.mark.once
def test_a_handshake_has_ten_seconds(own_broker, connect):
    own = own_broker(is_plain=True)
    begin = time.monotonic()
    peers = [connect(own, upto='connected') for _ in range(3)]
    for peer, sent in zip(peers, (b'', b'AMQP', HEADER)):
        peer.write(sent)
    peers[2].expect('connection.start', 0)
    for peer in peers:
        peer.expect_closed()
        assert 8 < time.monotonic() - begin < 30


@pytest.mark.timing
@pytest.mark.once
@pytest.mark.leveret
def test_a_broker_that_was_stopped_reads_before_it_judges(own_broker, connect, name):
    own = own_broker()
    beating = [connect(own, heartbeat=1) for _ in range(6)]
    holder, user = connect(own), connect(own)
    holder.declare(name('held'), arguments={'x-consumer-timeout': 2000})
    holder.publish(1, '', name('held'), b'm')
    holder.send(1, 'basic.consume', queue=name('held'), nowait=True)
    holder.content()
    user.declare(name('idle'), arguments={'x-expires': 2000})
    os.kill(own.pid, signal.SIGSTOP)
    try:
        holder.send(1, 'basic.ack', delivery_tag=1)
        user.send(1, 'queue.declare', queue=name('idle'), passive=True)
        for _ in range(16):
            time.sleep(0.25)                         # the broker's time, not ours: longer than any of its deadlines
            for peer in beating:
                peer.frame(FRAME_HEARTBEAT, 0)
    finally:
        os.kill(own.pid, signal.SIGCONT)
    user.expect('queue.declare-ok', 1)
    for peer in [*beating, holder]:
        peer.call(1, 'basic.qos', prefetch_count=1)


def test_no_heartbeat_is_sent_when_none_was_agreed(connect):
    peer = connect(heartbeat=0)
    peer.skip_heartbeats = False
    peer.socket.settimeout(1.2)
    with pytest.raises(AssertionError, match='nothing came'):
        peer.next()


def test_a_reset_connection_leaves_the_broker_well(connect, name):
    queue = name('q')
    peer = connect()
    peer.declare(queue, auto_delete=True)
    peer.call(1, 'basic.consume', queue=queue)
    for number in range(100):
        peer.publish(1, '', queue, bytes(10000))
    peer.reset()
    other = connect()
    other.declare(exclusive=True)


def test_the_broker_shrugs_off_noise(connect):
    for noise in (b'\0', b'\xff' * 1000, b'AMQP', HEADER + b'\xff' * 100, HEADER + b'\1\0\0\xff\xff\xff\xff',
                  HEADER + b'\1\0\0\0\0\0\x04\0\x0a\0\x0b\xce', HEADER * 3):
        noisy = connect(upto='connected')
        noisy.write(noise)
        noisy.reset()
    connect().declare(exclusive=True)


def test_sigterm_tells_every_client_why_and_leaves_with_zero(own_broker):
    own = own_broker()
    peers = [Peer(own.address) for _ in range(5)]
    os.kill(own.pid, signal.SIGTERM)
    for peer in peers:
        peer.expect_connection_close(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'",
                                     '')
        peer.drop()
    if own.name == 'leveret':
        assert own.child.wait(PATIENCE_S) == 0


@pytest.mark.leveret
def test_a_client_that_ignores_the_shutdown_does_not_hold_it_up_for_long(own_broker):
    own = own_broker()
    deaf = Peer(own.address)
    begin = time.monotonic()
    own.stop()
    assert time.monotonic() - begin < 20
    deaf.drop()


@pytest.mark.leveret
def test_guest_may_log_in_from_this_machine_only(own_broker, workspace):
    # In a network of its own, where the broker's address is not a loopback address.
    if subprocess.run(['unshare', '-rn', 'true'], stderr=subprocess.DEVNULL).returncode or not shutil.which('ip'):
        pytest.skip('needs user namespaces and ip')
    own = own_broker(start=False)
    script = textwrap.dedent(f'''
        import subprocess, sys
        sys.path.insert(0, {os.path.dirname(os.path.abspath(__file__))!r})
        from wire import Peer, Closed, eventually
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
        subprocess.run(['ip', 'address', 'add', '10.9.8.7/32', 'dev', 'lo'], check=True)
        def broker(bind):
            return subprocess.Popen([{own.daemon!r}, '--data-dir', {own.data!r}, '--bind', bind, '--port', '5672',
                                     '--management-port', '15672', '--loops', '1'])
        child = broker('0.0.0.0')
        def up():
            try:
                return Peer(('127.0.0.1', 5672), upto='header')
            except (OSError, Closed):
                return None
        eventually(up)
        Peer(('127.0.0.1', 5672)).close()
        Peer(('10.9.8.7', 5672), upto='start-ok').expect_connection_close(403, {REFUSED.format('PLAIN')!r}, '')
        child.terminate()
        assert child.wait({PATIENCE_S}) == 0
        print('as it should be')
    ''')
    done = subprocess.run(['unshare', '-rn', sys.executable, '-c', script], capture_output=True, text=True, timeout=PATIENCE_S)
    assert 'as it should be' in done.stdout, done.stdout + done.stderr
