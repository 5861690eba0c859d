"""The application is stopped and started again while the process stays (stop_app, start_app, reset), and clients are kept out
of a broker that runs (suspend_listeners, drain). The texts are those of rabbitmqctl 3.10.8."""
import os
import pathlib
import signal
import socket

import pytest

from http_client import Api
from patience import PATIENCE_S
from wire import Peer

PERSISTENT = b'\x10\x00\x02'
NEEDS_RUNNING = "Error: this command requires the 'rabbit' app to be running on the target node. Start it with 'leveretctl start_app'."
NEEDS_STOPPED = "Error: this command requires the 'rabbit' app to be stopped on the target node. Stop it with 'leveretctl stop_app'."
NOT_RUNNING = 'is not running or has not fully booted yet (check with is_booting)'


def store_one(own):
    peer = Peer(own.address)
    peer.declare('kept', durable=True)
    peer.call(1, 'confirm.select')
    peer.publish(1, '', 'kept', b'before', PERSISTENT)
    assert peer.expect('basic.ack', 1).delivery_tag == 1
    return peer


def refuses(own):
    with socket.socket() as probe:
        return probe.connect_ex(own.address) != 0


def test_the_application_stops_and_starts_and_keeps_what_is_durable(own_broker):
    own = own_broker()
    peer, pid = store_one(own), own.pid
    stopped = own.ctl('stop_app')
    assert stopped.out == f'Stopping rabbit application on node {own.node_name} ...\n'
    peer.expect_connection_close(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'")
    assert refuses(own)
    for words in ('status',), ('list_queues',), ('list_queues', '--formatter', 'json'), ('add_user', 'a', 'b'), ('drain',):
        refused = own.ctl(*words, check=False)
        assert refused.code == 64 and refused.err.startswith(NEEDS_RUNNING) and not refused.out, refused
    assert own.ctl('ping').out.endswith('Ping succeeded\n')
    assert own.ctl('stop_app').out == stopped.out
    assert own.ctl('is_running').out.endswith(f'{NOT_RUNNING}\n')
    running = own.ctl('check_running', check=False)
    assert running.code == 69 and running.err.endswith(f'{NOT_RUNNING}\n')
    waited = own.ctl('await_startup', check=False)
    assert waited.code == 69 and waited.err == 'Error:\nrabbit_is_not_running\n'

    started = own.ctl('start_app')
    assert started.out == f'Starting node {own.node_name} ...\n'
    assert own.child.poll() is None and own.pid == pid
    assert Peer(own.address).get('kept').body == b'before'
    assert own.ctl('start_app').out == started.out
    assert own.ctl('check_running').out.endswith('is fully booted and running\n')


def test_many_stops_and_starts(own_broker):
    own = own_broker()
    for number in range(10):
        peer = Peer(own.address)
        peer.declare('kept', durable=True)
        peer.call(1, 'confirm.select')
        peer.publish(1, '', 'kept', b'%d' % number, PERSISTENT)
        assert peer.expect('basic.ack', 1).delivery_tag == 1
        peer.close()                                   # else the broker waits for its answer
        own.ctl('stop_app')
        own.ctl('start_app')
    peer = Peer(own.address)
    assert [peer.get('kept').body for _ in range(10)] == [b'%d' % number for number in range(10)]


def test_a_start_that_fails_says_why_and_leaves_the_node_stopped(own_broker):
    own = own_broker()
    store_one(own)
    own.ctl('stop_app')
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(own.address)
        taken.listen()
        for _ in range(2):
            failed = own.ctl('start_app', check=False)
            assert failed.code == 69, failed
            assert failed.err == (f'Error:\ncannot listen on 127.0.0.1:{own.port} for AMQP: the address is in use, perhaps by '
                                  'another broker (see --bind, --port)\n')
            assert own.ctl('ping').out.endswith('Ping succeeded\n')
    own.ctl('start_app')
    assert Peer(own.address).get('kept').body == b'before'


def test_settings_are_read_again_and_bad_ones_are_named(own_broker, workspace):
    config = pathlib.Path(workspace, 'stopped.conf')
    config.write_text('channel_max = 7\n')
    own = own_broker(flags=['--config', str(config)])
    own.ctl('stop_app')
    config.write_text('channel_max = many\n')
    failed = own.ctl('start_app', check=False)
    assert failed.code == 69 and 'channel_max' in failed.err, failed
    config.write_text('channel_max = 9\n')
    own.ctl('start_app')
    assert 'channel_max = 9' in own.ctl('environment').out


def test_a_signal_ends_a_node_that_is_stopped(own_broker):
    own = own_broker()
    own.ctl('stop_app')
    own.child.send_signal(signal.SIGHUP)                # read at the start
    own.says('config: read when the application is started')
    own.stop()                                          # looks at the exit code, too
    own.start()
    own.ctl('stop_app')
    own.ctl('stop')
    assert own.child.wait(PATIENCE_S) == 0
    own.start()


# --- reset -----------------------------------------------------------------------------------------------------------

def test_a_reset_leaves_nothing(own_broker):
    own = own_broker()
    store_one(own)
    own.ctl('add_user', 'someone', 'secret')
    for command in 'reset', 'force_reset':
        refused = own.ctl(command, check=False)
        assert refused.code == 64 and refused.err.startswith(NEEDS_STOPPED) and not refused.out, refused
    own.ctl('stop_app')
    assert own.ctl('reset').out == f'Resetting node {own.node_name} ...\n'
    assert own.ctl('force_reset').out == f'Forcefully resetting node {own.node_name} ...\n'
    own.ctl('start_app')
    assert own.ctl('list_users', '-q').out == 'user\ttags\nguest\t[administrator]\n'
    assert own.ctl('list_queues', '-q').out == ''
    store_one(own)


def test_a_reset_that_was_interrupted_is_finished_at_the_start(own_broker):
    own = own_broker()
    store_one(own)
    own.ctl('stop_app')
    own.kill()
    open(os.path.join(own.data, 'resetting'), 'w').close()
    for name in os.listdir(os.path.join(own.data, 'log')):
        os.unlink(os.path.join(own.data, 'log', name))
    own.start()                                         # without the mark it would refuse definitions without their log
    assert own.ctl('list_queues', '-q').out == ''
    assert 'resetting' not in os.listdir(own.data)


def test_a_reset_that_has_failed_is_finished_by_the_next_start(own_broker):
    own = own_broker()
    store_one(own)
    own.ctl('stop_app')
    open(os.path.join(own.data, 'resetting'), 'w').close()
    own.ctl('start_app')
    assert own.ctl('list_queues', '-q').out == ''
    assert 'resetting' not in os.listdir(own.data)


# --- clients are kept out --------------------------------------------------------------------------------------------

def test_listeners_are_suspended_and_resumed(own_broker):
    own = own_broker()
    peer = store_one(own)
    assert own.ctl('suspend_listeners').out == (f'Will suspend client connection listeners on node {own.node_name}. The node will '
                                                'no longer accept client connections!\n')
    own.ctl('suspend_listeners')
    assert refuses(own)
    peer.publish(1, '', 'kept', b'still here', PERSISTENT)
    assert peer.expect('basic.ack', 1).delivery_tag == 2
    unreachable = own.ctl('check_port_connectivity', check=False)
    assert unreachable.code == 69 and f'port: {own.port}, protocol: amqp' in unreachable.err, unreachable
    assert f'port: {own.port}, protocol: amqp' in own.ctl('listeners').out
    assert own.ctl('resume_listeners').out == (f'Will resume client connection listeners on node {own.node_name}. The node will now '
                                               'accept client connections\n')
    own.ctl('resume_listeners')
    assert Peer(own.address).get('kept').body == b'before'
    own.ctl('check_port_connectivity')


def test_a_listener_that_cannot_be_resumed_is_named_and_tried_again(own_broker):
    own = own_broker()
    own.ctl('suspend_listeners')
    with socket.socket() as taken:
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        taken.bind(own.address)
        taken.listen()
        failed = own.ctl('resume_listeners', check=False)
        assert failed.code == 69 and 'not every listener could be opened' in failed.err, failed
        own.says(f'cannot listen on 127.0.0.1:{own.port}')
    own.ctl('resume_listeners')
    Peer(own.address)


def test_maintenance_keeps_clients_out_and_says_so(own_broker):
    own = own_broker()
    peer, api = store_one(own), Api(own)
    assert own.ctl('drain').out == (f'Will put node {own.node_name} into maintenance mode. The node will no longer serve any client '
                                    'traffic!\n')
    peer.expect_connection_close(320, 'CONNECTION_FORCED - Node was put into maintenance mode')
    assert refuses(own)
    assert 'Is under maintenance?: true' in own.ctl('status').out
    assert api.get('/health/checks/is-in-service').status == 503
    assert own.ctl('check_running').out.endswith('is fully booted and running\n')
    assert own.ctl('revive').out == (f'Will put node {own.node_name} back into regular operating mode. The node will again serve '
                                     'client traffic and host primary queue replicas.\n')
    assert api.get('/health/checks/is-in-service').status == 200
    assert 'Is under maintenance?: false' in own.ctl('status').out
    assert Peer(own.address).get('kept').body == b'before'


@pytest.mark.parametrize('vhost, code, text', [
    ('/', 0, "Vhost '/' is already running on node '{node}'\n"),
    ('none', 70, "Error:\nFailed to start vhost 'none' on node '{node}'Reason: {{:no_such_vhost, \"none\"}}\n")])
def test_every_vhost_runs(broker, vhost, code, text):
    answered = broker.ctl('restart_vhost', '-p', vhost, check=False)
    assert answered.code == code
    assert (answered.out + answered.err).endswith(text.format(node=broker.node_name))
