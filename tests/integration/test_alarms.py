"""Alarms of memory and disk: what connections are shown as meanwhile, and the settings of the limits."""
import json
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
    broker.says('memory resource limit alarm cleared')
    log = broker.log()
    assert log.count('memory resource limit alarm set') == 1 and log.count('memory resource limit alarm cleared') == 1
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


def environment(broker, key):
    """The value of a setting and where it comes from."""
    setting = json.loads(broker.ctl('environment', '--formatter', 'json').out)[key]
    return setting['value'], setting['origin']


WATERMARK, DISK_LIMIT = 'leveretctl set_vm_memory_high_watermark', 'leveretctl set_disk_free_limit'


def test_a_limit_that_is_set_live_blocks_publishers_and_unblocks_them(configured):
    broker = configured()
    publisher = Peer(broker.address)
    for command, low, high, reason, key in (
            ('set_vm_memory_high_watermark', ['absolute', '1MB'], ['0.9'], 'low on memory', 'vm_memory_high_watermark.absolute'),
            ('set_vm_memory_high_watermark', ['0'], ['absolute', '1TiB'], 'low on memory', 'vm_memory_high_watermark.relative'),
            ('set_disk_free_limit', ['1PB'], ['1MB'], 'low on disk', 'disk_free_limit.absolute'),
            ('set_disk_free_limit', ['mem_relative', '900'], ['mem_relative', '0'], 'low on disk', 'disk_free_limit.relative')):
        broker.ctl(command, *low)
        assert broker.ctl('check_local_alarms', check=False).code == 69        # it is on when the command has returned
        assert environment(broker, key)[1] == f'leveretctl {command}'
        publisher.publish(routing_key='nowhere')
        assert publisher.expect('connection.blocked', 0).reason == reason
        broker.ctl(command, *high)
        publisher.expect('connection.unblocked', 0)
        assert broker.ctl('check_alarms').out.endswith('reported no alarms, local or clusterwide\n')
    publisher.close()


def test_a_limit_that_is_set_live_lasts_until_the_config_has_another_one_or_the_next_start(configured):
    watermark, disk = 'vm_memory_high_watermark.relative', 'disk_free_limit.absolute'
    broker = configured(f'{watermark} = 0.5')
    reloads = 0

    def reload(*lines):
        nonlocal reloads
        reloads += 1
        broker.reconfigure(*lines)
        eventually(lambda: broker.log().count('config: reloaded') == reloads)

    broker.ctl('set_vm_memory_high_watermark', '0.7')
    broker.ctl('set_disk_free_limit', '1MiB')
    assert environment(broker, watermark) == ('0.7', WATERMARK)
    assert environment(broker, disk) == ('1048576', DISK_LIMIT)
    reload(f'{watermark} = 0.5', 'heartbeat = 20')
    assert environment(broker, watermark) == ('0.7', WATERMARK)
    assert environment(broker, disk) == ('1048576', DISK_LIMIT)
    reload(f'{watermark} = 0.55', 'heartbeat = 20')
    assert environment(broker, watermark)[0] == '0.55'
    assert environment(broker, disk) == ('1048576', DISK_LIMIT)
    broker.says(f'{watermark} = 0.7, set with {WATERMARK}, ends')
    broker.ctl('set_vm_memory_high_watermark', 'absolute', '20GB')
    assert environment(broker, 'vm_memory_high_watermark.absolute') == ('20000000000', WATERMARK)
    broker.restart()
    assert environment(broker, watermark)[0] == '0.55'
    assert environment(broker, 'vm_memory_high_watermark.absolute') == ('none', 'default')
    assert environment(broker, disk) == ('50000000', 'default')


def test_a_limit_that_is_set_live_must_be_one(configured):
    """leveretctl refuses most values itself; the broker's own check is for other programs."""
    broker = configured()
    before = environment(broker, 'disk_free_limit.relative')
    result = broker.ctl('set_disk_free_limit', 'mem_relative', '1001', check=False)
    assert result.code == 65 and "invalid value '1001' for disk_free_limit.relative" in result.err
    assert environment(broker, 'disk_free_limit.relative') == before
