"""leveretd's flags, its configuration file in rabbitmq.conf's format, its environment."""
import ctypes
import errno
import os
import re
import signal
import socket
import struct
import subprocess

import pytest

from brokers import free_port
from patience import PATIENCE_S
from wire import Closed, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


def write(own, text):
    path = os.path.join(own.directory, 'leveret.conf')
    with open(path, 'w') as file:
        file.write(text)
    return path


def configured(own_broker, text, **how):
    own = own_broker(start=False, **how)
    own.flags += ['--config', write(own, text)]
    return own.start()


def test_it_says_in_one_line_what_listens_where_and_how_long_the_start_took(own_broker):
    own = own_broker()
    line = eventually(lambda: [line for line in own.log().splitlines()
                               if 'Server startup complete; ' in line and str(own.port) in line])[0]
    assert '127.0.0.1' in line and re.search(r'\d+(\.\d+)? ?ms', line), line


def test_an_unknown_key_warns_and_does_not_keep_it_from_starting(own_broker):
    own = configured(own_broker, 'no.such.key = 5\nheartbeat = 17\n')
    assert eventually(lambda: [line for line in own.log().splitlines() if 'no.such.key' in line])
    with Peer(own.address, upto='tuned') as peer:
        assert peer.tune.heartbeat == 17


def test_limits_come_from_the_file(own_broker):
    own = configured(own_broker, '# limits\nframe_max = 65536\nchannel_max = 100\nheartbeat = 0\n')
    with Peer(own.address, upto='tuned', frame_max=65536, channel_max=100) as peer:
        assert (peer.tune.frame_max, peer.tune.channel_max, peer.tune.heartbeat) == (65536, 100, 0)


def test_no_more_connections_than_connection_max(own_broker):
    own = configured(own_broker, 'connection_max = 2\n')

    def is_refused(limit):
        peer = Peer(own.address, upto='tuned')
        peer.send(0, 'connection.open', virtual_host='/')
        peer.expect_connection_close(530, f'NOT_ALLOWED - connection refused: node connection limit ({limit}) is reached',
                                     'connection.open')

    unopened = Peer(own.address, upto='tuned')       # does not count
    first, second = Peer(own.address), Peer(own.address)
    is_refused(2)
    is_refused(2)
    first.close()
    third = eventually(lambda: entered(own))         # its place is given back
    is_refused(2)
    write(own, 'connection_max = 3\n')
    own.child.send_signal(signal.SIGHUP)
    fourth = eventually(lambda: entered(own))
    is_refused(3)
    for peer in (unopened, second, third, fourth):
        peer.drop()


def entered(own):
    """A connection, or None when there is no place for it."""
    peer = Peer(own.address, upto='tuned')
    peer.send(0, 'connection.open', virtual_host='/')
    if peer.next(0).name == 'connection.open-ok':
        return peer
    peer.drop()
    return None


PIDFD_OPEN, PIDFD_GETFD = 434, 438                           # of every architecture


def socket_of(pid, peer):
    """The socket with which the process talks to the peer, as one of our own."""
    call = ctypes.CDLL(None, use_errno=True).syscall
    process = call(PIDFD_OPEN, pid, 0)
    assert process >= 0, os.strerror(ctypes.get_errno())
    try:
        for number in os.listdir(f'/proc/{pid}/fd'):
            try:
                if not os.readlink(f'/proc/{pid}/fd/{number}').startswith('socket:'):
                    continue
            except OSError:                                  # it has been closed
                continue
            copy = call(PIDFD_GETFD, process, int(number), 0)
            if copy < 0:
                if ctypes.get_errno() == errno.EPERM:
                    pytest.skip('this machine does not let a process look at its child')
                continue
            found = socket.socket(fileno=copy)
            try:
                if found.getpeername() == peer.socket.getsockname():
                    return found
            except OSError:
                pass
            found.close()
    finally:
        os.close(process)
    raise AssertionError('no such socket')


def greeted(own, upto):
    """A new connection, or None if it is refused: the broker may not have seen yet that the one before has gone."""
    try:
        return Peer(own.address, upto=upto)
    except (Closed, OSError):
        return None


def options_of(own):
    """TCP_NODELAY, SO_KEEPALIVE and SO_LINGER of a new connection, at the broker's end."""
    with eventually(lambda: greeted(own, 'channel')) as peer, socket_of(own.pid, peer) as found:
        linger = struct.unpack('ii', found.getsockopt(socket.SOL_SOCKET, socket.SO_LINGER, 8))
        return (found.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY), found.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE),
                linger if linger[0] else None)


def test_options_of_sockets_come_from_the_file(own_broker):
    own = configured(own_broker, 'handshakes_max_per_address = 1\n')
    assert options_of(own) == (1, 0, None)

    def refused():
        """How the connection ends that is one too many: what recv() says."""
        silent = eventually(lambda: greeted(own, 'header'))
        try:
            with socket.create_connection(own.address, PATIENCE_S) as one_more:
                return one_more.recv(1)
        finally:
            silent.drop()
    assert refused() == b''
    write(own, 'handshakes_max_per_address = 1\ntcp_listen_options.nodelay = false\ntcp_listen_options.keepalive = true\n'
               'tcp_listen_options.linger.on = true\ntcp_listen_options.linger.timeout = 0\n')
    own.child.send_signal(signal.SIGHUP)
    eventually(lambda: options_of(own) == (0, 1, (1, 0)))
    with pytest.raises(ConnectionResetError):
        refused()
    write(own, 'tcp_listen_options.linger.on = true\ntcp_listen_options.linger.timeout = 5\ntcp_listen_options.exit_on_close = false\n'
               'tcp_listen_options.buffer = 16384\n')
    own.child.send_signal(signal.SIGHUP)
    eventually(lambda: options_of(own) == (1, 0, None))
    for line in ('tcp_listen_options.linger.on has no effect with a timeout above 0',
                 'tcp_listen_options.exit_on_close has no effect: a client that closes its side has left',
                 'tcp_listen_options.buffer has no effect: connections share the buffers'):
        eventually(lambda: line in own.log())                                                               # noqa: B023


def test_options_of_tcp_come_from_the_file(own_broker):
    """As ss shows the broker's end of a connection, and how many may wait to be accepted."""
    own = configured(own_broker, 'tcp_listen_options.backlog = 77\ntcp_listen_options.keepalive = true\n'
                                 'tcp_listen_options.sndbuf = 100000\ntcp_listen_options.recbuf = 50000\n')

    def shown(*words):
        return subprocess.run(['ss', '-tnHmo', *words, 'sport', '=', f':{own.port}'], capture_output=True, text=True,
                              check=True).stdout
    assert shown('-l').split()[2] == '77'
    with Peer(own.address):
        there = shown('state', 'established')
        assert ',tb200000,' in there and ',rb100000,' in there, there
        eventually(lambda: 'timer:(keepalive' in shown('state', 'established'))
    write(own, 'tcp_listen_options.backlog = 78\n')
    own.child.send_signal(signal.SIGHUP)
    eventually(lambda: shown('-l').split()[2] == '78')
    with Peer(own.address):
        eventually(lambda: 'timer:' not in shown('state', 'established'))


def test_a_listener_comes_from_the_file_and_a_flag_wins(own_broker):
    own = configured(own_broker, f'listeners.tcp.default = {free_port()}\n')
    Peer(own.address).close()


def test_a_value_that_makes_no_sense_is_said_and_keeps_it_from_starting(own_broker):
    own = own_broker(start=False)
    own.flags += ['--config', write(own, 'frame_max = many\n')]
    own.start(wait=False)
    assert own.child.wait(PATIENCE_S) != 0
    own.child = None
    assert 'frame_max' in own.log() and 'many' in own.log()


def test_a_missing_file_that_was_named_keeps_it_from_starting(own_broker):
    own = own_broker(start=False)
    own.flags += ['--config', '/no/such/file.conf']
    own.start(wait=False)
    assert own.child.wait(PATIENCE_S) != 0
    own.child = None
    assert '/no/such/file.conf' in own.log()


def test_the_default_user_and_vhost_come_from_the_environment(own_broker):
    own = own_broker(environment={'RABBITMQ_DEFAULT_USER': 'anna', 'RABBITMQ_DEFAULT_PASS': 'secret',
                                  'RABBITMQ_DEFAULT_VHOST': 'shop'})
    Peer(own.address, user='anna', password='secret', vhost='shop').close()
    with Peer(own.address, upto='start-ok') as guest:
        assert guest.expect('connection.close', 0).reply_code == 403
    own.restart()                                    # they were for the first start; the user stays
    own.environment.clear()
    own.restart()
    Peer(own.address, user='anna', password='secret', vhost='shop').close()


def test_the_default_user_and_vhost_come_from_the_file(own_broker):
    own = configured(own_broker, 'default_user = anna\ndefault_pass = secret\ndefault_vhost = shop\n')
    Peer(own.address, user='anna', password='secret', vhost='shop').close()


def test_sighup_reloads_the_file(own_broker):
    own = configured(own_broker, 'heartbeat = 17\n')
    write(own, 'heartbeat = 23\n')
    os.kill(own.pid, signal.SIGHUP)

    def agreed():
        with Peer(own.address, upto='tuned') as peer:
            return peer.tune.heartbeat == 23
    eventually(agreed)


@pytest.mark.parametrize('flags, code', [(['--help'], 0), (['--version'], 0), (['--nonsense'], 64), (['--port'], 64),
                                         (['--port', 'x'], 64), (['--port', '70000'], 64), (['--loops', 'many'], 64)],
                         ids=str)
def test_flags_that_only_say_something(own_broker, flags, code):
    done = subprocess.run([own_broker(start=False).daemon, *flags], capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == code and (done.stdout if code == 0 else done.stderr), done


def test_a_port_in_use_is_said_and_keeps_it_from_starting(broker, own_broker):
    own = own_broker(start=False)
    own.port = broker.port
    own.start(wait=False)
    assert own.child.wait(PATIENCE_S) not in (0, None)
    own.child = None
    assert str(broker.port) in own.log()


def test_a_start_leaves_a_data_directory_only_its_owner_may_read(own_broker):
    own = own_broker()
    assert os.stat(own.data).st_mode & 0o077 == 0


def refuses(own):
    """Checks that the broker ends with exit status 78, and returns its log."""
    own.start(wait=False)
    assert own.child.wait(PATIENCE_S) == 78
    own.child = None
    return own.log()


def test_a_value_for_a_whole_list_is_answered_with_what_the_list_takes(own_broker):
    own = own_broker(start=False)
    path = write(own, 'loopback_users = guest\n')
    own.flags += ['--config', path]
    assert f"{path}:1: invalid value 'guest' for loopback_users: expected none, or a line for each entry: " \
           'loopback_users.NAME = ...' in refuses(own)


FAULTS = {
    'durability = maybe': "invalid value 'maybe' for durability: expected sync, interval or none",
    'default_queue_type = foo': "invalid value 'foo' for default_queue_type: expected classic or quorum",
    'dead_letter.republished_x_death = keep': "invalid value 'keep' for dead_letter.republished_x_death: expected count or ignore",
    'frame_max = 1': "invalid value '1' for frame_max: expected 0 or a whole number from 4096 to 2147483647",
    'default_permissions.read = (': "invalid value '(' for default_permissions.read: expected a regular expression",
}


def test_every_fault_is_named_with_its_line_before_anything_is_written(own_broker):
    own = own_broker(start=False, environment={'RABBITMQ_NODE_PORT': 'many'})
    path = write(own, '\n'.join(FAULTS) + '\n')
    own.flags += ['--config', path]
    log = refuses(own)
    for line, fault in enumerate(FAULTS.values(), 1):
        assert f'{path}:{line}: {fault}' in log
    assert 'RABBITMQ_NODE_PORT' in log               # and those of the environment
    assert not os.path.exists(own.data)


def test_faults_at_sighup_are_all_named_and_nothing_changes(own_broker):
    own = configured(own_broker, 'heartbeat = 17\n')
    path = write(own, 'heartbeat = 23\n' + '\n'.join(FAULTS) + '\n')
    os.kill(own.pid, signal.SIGHUP)
    eventually(lambda: 'config: not reloaded' in own.log())
    for line, fault in enumerate(FAULTS.values(), 2):
        own.says(f'{path}:{line}: {fault}')
    with Peer(own.address, upto='tuned') as peer:
        assert peer.tune.heartbeat == 17


def files(own):
    """The content of every file in the data directory but the lock, which has the process id."""
    paths = [os.path.join(folder, name) for folder, _, names in os.walk(own.data) for name in names if name != 'lock']
    return {path: open(path, 'rb').read() for path in paths}


def test_the_vhost_of_the_events_must_exist_and_a_wrong_one_is_refused_before_anything_is_written(own_broker):
    own = own_broker(start=False)
    path = write(own, '# one\nevent_exchange.vhost = facts\n')
    own.flags += ['--config', path]
    assert f"{path}:2: invalid value 'facts' for event_exchange.vhost: expected the value of default_vhost" in refuses(own)
    assert not os.path.exists(own.data)
    write(own, '')
    own.start()
    own.ctl('add_vhost', 'facts')
    write(own, 'event_exchange.vhost = fact\n')
    own.stop()
    before = files(own)
    assert f"{path}:1: invalid value 'fact' for event_exchange.vhost: expected a vhost that exists" in refuses(own)
    assert files(own) == before
    write(own, 'event_exchange.vhost = facts\n')
    own.start()
    assert 'amq.rabbitmq.event' in own.ctl('-q', 'list_exchanges', '-p', 'facts').out
    assert 'amq.rabbitmq.event' not in own.ctl('-q', 'list_exchanges').out


def test_the_events_are_in_the_default_vhost_whatever_its_name(own_broker):
    own = own_broker(environment={'RABBITMQ_DEFAULT_VHOST': 'shop'})
    assert 'amq.rabbitmq.event' in own.ctl('-q', 'list_exchanges', '-p', 'shop').out
