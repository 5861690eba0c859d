"""Alarms of memory and disk: what connections are shown as meanwhile, and the settings of the limits."""
import os
import signal

import pytest

from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]


@pytest.fixture
def configured(own_broker, tmp_path):
    """Makes a broker with these lines in its configuration. reconfigure() replaces them while it runs."""
    path = tmp_path / 'leveret.conf'

    def write(*lines):
        path.write_text('\n'.join(lines) + '\n')

    def make(*lines):
        write(*lines)
        broker = own_broker(flags=['--config', str(path)])

        def reconfigure(*lines):
            write(*lines)
            os.kill(broker.pid, signal.SIGHUP)
        broker.reconfigure = reconfigure
        return broker
    return make


def states(broker):
    rows = broker.ctl('list_connections', '-q', 'peer_port', 'state').out.splitlines()
    return dict(row.split('\t') for row in rows)


def test_an_alarm_shows_connections_as_blocking_and_those_that_publish_as_blocked(configured):
    broker = configured()
    consumer, publisher = Peer(broker.address), Peer(broker.address)
    ports = [str(peer.socket.getsockname()[1]) for peer in (consumer, publisher)]
    shown = lambda: [states(broker).get(port) for port in ports]                     # noqa: E731
    assert shown() == ['running', 'running']
    broker.reconfigure('vm_memory_high_watermark.absolute = 1MB')
    eventually(lambda: shown() == ['blocking', 'blocking'])
    publisher.publish(routing_key='nowhere')
    publisher.expect('connection.blocked', 0)
    assert shown() == ['blocking', 'blocked']
    broker.reconfigure('vm_memory_high_watermark.absolute = 100GB')
    publisher.expect('connection.unblocked', 0)
    eventually(lambda: shown() == ['running', 'running'])
    eventually(lambda: 'memory alarm cleared' in broker.log())
    log = broker.log()
    assert log.count('memory alarm set') == 1 and log.count('memory alarm cleared') == 1
    consumer.close()
    publisher.close()


def test_a_share_of_the_memory_is_one_of_what_the_configuration_says_there_is(configured):
    broker = configured('total_memory_available_override_value = 10GiB', 'vm_memory_high_watermark.relative = 0.5')
    assert '5.3687 gb' in broker.ctl('status').out
    broker.reconfigure('total_memory_available_override_value = 20Gi', 'vm_memory_high_watermark.relative = 0.5')
    eventually(lambda: '10.7374 gb' in broker.ctl('status').out)


@pytest.mark.parametrize('strategy', ['rss', 'allocated', 'legacy'])
def test_the_strategies_of_measuring_memory_are_accepted(configured, strategy):
    broker = configured(f'vm_memory_calculation_strategy = {strategy}')
    eventually(lambda: 'listens on' in broker.log())
    assert 'unknown key' not in broker.log()
