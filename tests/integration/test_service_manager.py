"""What the broker tells the service manager (systemd), by the protocol of sd_notify(3): here the socket is ours."""
import os
import queue
import signal
import socket
import threading
import time

import pytest

from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('tsan',))]


class ServiceManager:
    """A socket that the broker notifies. A thread reads it all the time, as systemd does: the kernel keeps few datagrams."""

    def __init__(self, name):
        self.name = name
        self.states = queue.Queue()                          # the assignments of each datagram; None: there are no more
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind('\0' + name[1:] if name.startswith('@') else name)
        self.reader = threading.Thread(target=self.read)
        self.reader.start()

    def read(self):
        while state := self.socket.recv(4096):
            self.states.put(dict(line.split('=', 1) for line in state.decode().splitlines()))

    def close(self):
        if self.socket.fileno() < 0:
            return
        self.socket.shutdown(socket.SHUT_RD)                 # ends recv() with nothing
        self.reader.join()
        self.socket.close()

    def next(self):
        return self.states.get(timeout=PATIENCE_S)

    def wait_for(self, key):
        """Returns the next datagram that has this key, without those before it."""
        while True:
            state = self.next()
            if key in state:
                return state


@pytest.fixture
def manager(tmp_path):
    made = ServiceManager(str(tmp_path / 'notify'))
    yield made
    made.close()


def test_start_reload_and_stop_are_notified(own_broker, manager):
    own = own_broker(environment={'NOTIFY_SOCKET': manager.name})
    state = manager.wait_for('READY')
    assert state['READY'] == '1'
    assert f'127.0.0.1:{own.port}' in state['STATUS']
    before_us = time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    os.kill(own.pid, signal.SIGHUP)
    state = manager.next()
    assert state['RELOADING'] == '1'
    assert before_us <= int(state['MONOTONIC_USEC']) <= time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000
    assert manager.next() == {'READY': '1'}
    own.stop()
    assert manager.next()['STOPPING'] == '1'
    manager.close()
    assert manager.states.empty()                            # without WATCHDOG_USEC there is no watchdog


def test_a_reload_that_is_refused_ends_too(own_broker, manager, tmp_path):
    config = tmp_path / 'leveret.conf'
    config.write_text('heartbeat = 30\n')
    own = own_broker(environment={'NOTIFY_SOCKET': manager.name}, flags=['--config', str(config)])
    manager.wait_for('READY')
    config.write_text('heartbeat = often\n')
    os.kill(own.pid, signal.SIGHUP)
    assert manager.next()['RELOADING'] == '1'
    assert manager.next() == {'READY': '1'}


def test_an_abstract_socket(own_broker):
    manager = ServiceManager(f'@leveret-test-{os.getpid()}-{time.monotonic_ns()}')
    own_broker(environment={'NOTIFY_SOCKET': manager.name})
    manager.wait_for('READY')
    manager.close()


def test_the_watchdog_is_notified_while_loops_run(own_broker, manager):
    own = own_broker(environment={'NOTIFY_SOCKET': manager.name, 'WATCHDOG_USEC': '100000'})
    for _ in range(3):
        manager.wait_for('WATCHDOG')
    own.stop()                                               # the broker's thread ends with it


def test_the_process_is_alive_while_the_application_stops_and_starts(own_broker, manager):
    own = own_broker(environment={'NOTIFY_SOCKET': manager.name, 'WATCHDOG_USEC': '100000'})
    manager.wait_for('READY')
    own.ctl('stop_app')
    assert manager.wait_for('STATUS') == {'STATUS': 'Stopping the application'}      # the process does not stop
    assert manager.wait_for('STATUS') == {'STATUS': 'The application is stopped'}
    for _ in range(3):
        manager.wait_for('WATCHDOG')
    own.ctl('start_app')
    assert 'READY' in manager.wait_for('STATUS')
    for _ in range(3):
        manager.wait_for('WATCHDOG')
    own.ctl('stop_app')
    assert manager.wait_for('STATUS') == {'STATUS': 'Stopping the application'}
    own.stop()
    manager.wait_for('STOPPING')


def test_the_watchdog_of_another_process_is_left_alone(own_broker, manager):
    own = own_broker(environment={'NOTIFY_SOCKET': manager.name, 'WATCHDOG_USEC': '1000', 'WATCHDOG_PID': '1'})
    manager.wait_for('READY')
    own.stop()
    assert manager.next()['STOPPING'] == '1'


def test_a_socket_that_nobody_has_bound_changes_nothing(own_broker, tmp_path):
    own_broker(environment={'NOTIFY_SOCKET': str(tmp_path / 'nobody'), 'WATCHDOG_USEC': '100000'})


def test_a_name_that_is_no_socket_is_ignored_with_a_warning(own_broker):
    own = own_broker(environment={'NOTIFY_SOCKET': 'relative'})
    own.says('NOTIFY_SOCKET is ignored')
