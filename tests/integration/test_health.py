"""Health checks tell the truth: each is seen failing, with the reason, and passing again."""
import json
import os

import pytest

from brokers import free_port
from crash_tools import Confirming, fail_io
from http_client import Api
from test_control import Client
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]


def check(broker, name, **arguments):
    """The broker's own answer."""
    client = Client(broker)
    try:
        return client.ask('check', check=name, **arguments)[1]['health']
    finally:
        client.close()


@pytest.fixture
def still_disk(own_broker, workspace):
    """A broker whose log is not synced while a file exists, and that file's path."""
    when = os.path.join(workspace, f'still{free_port()}')
    own = own_broker(environment={'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '/log/', 'FAIL_IO_CALL': 'sync',
                                  'FAIL_IO_WHEN': when, 'FAIL_IO_WAITS': '1'})
    yield own, when
    if os.path.exists(when):
        os.unlink(when)


CHECKS = ['alarms', 'local-alarms', 'virtual-hosts', 'is-in-service', 'below-node-connection-limit', 'ready-to-serve-clients',
          'reached-target-cluster-size', 'node-is-quorum-critical', 'node-is-mirror-sync-critical', 'metadata-store/initialized',
          'metadata-store/initialized/with-data']


def test_a_node_in_order_passes_every_check(broker):
    answers = {name: check(broker, name)['status'] for name in CHECKS}
    assert set(answers.values()) == {'ok'}, answers
    assert check(broker, 'certificate-expiration', within='1', unit='days') == {'status': 'ok'}
    api = Api(broker)
    for path in *CHECKS, 'certificate-expiration/1/days', f'port-listener/{broker.port}', f'port-listener/{api.port}', \
            'protocol-listener/http', 'quorum-queues-without-elected-leaders/all-vhosts', \
            'quorum-queues-without-elected-leaders/vhost/%2F/pattern/.*':
        answer = api.get('/health/checks/' + path)
        assert (answer.status, answer.json['status']) == (200, 'ok'), path
    for path in '/aliveness-test/%2F', '/healthchecks/node', f'/healthchecks/node/{broker.node_name}':
        assert api.get(path).json == {'status': 'ok'}, path
    for command in ('check_alarms', 'check_local_alarms', 'check_running', 'check_virtual_hosts', 'check_port_connectivity',
                    'check_if_node_is_quorum_critical', 'check_if_metadata_store_is_initialized', 'is_running', 'is_booting',
                    'node_health_check'):
        assert broker.ctl(command).code == 0, command


def test_a_listener_is_found_by_its_port_and_by_its_protocol(broker):
    assert check(broker, 'port-listener', port=str(broker.port)) == {'status': 'ok', 'port': broker.port}
    missing = check(broker, 'port-listener', port='1')
    assert (missing['status'], missing['reason'], missing['missing']) == ('failed', 'No active listener', 1)
    assert broker.port in missing['ports']
    for name in 'amqp', 'AMQP', 'amqp091', 'amqp0-9-1':
        assert check(broker, 'protocol-listener', protocol=name) == {'status': 'ok', 'protocol': 'amqp'}, name
    missing = check(broker, 'protocol-listener', protocol='mqtt')
    assert (missing['status'], missing['missing']) == ('failed', 'mqtt') and 'amqp' in missing['protocols']
    done = broker.ctl('check_port_listener', '1', check=False)
    assert done.code == 69 and 'No listener for port 1 is active' in done.err and str(broker.port) in done.err
    done = broker.ctl('check_protocol_listener', 'mqtt', '--formatter', 'json', check=False)
    assert done.code == 69 and json.loads(done.err)['missing'] == 'mqtt'
    assert broker.ctl('check_port_listener', 'abc', check=False).code == 65


@pytest.mark.parametrize('command, low, high, resource, reason', [
    ('set_vm_memory_high_watermark', ['absolute', '1MB'], ['0.9'], 'memory', 'bytes are in use, the limit is 1000000'),
    ('set_disk_free_limit', ['1PB'], ['1MB'], 'disk', 'bytes are free, the limit is 1000000000000000')])
def test_an_alarm_fails_the_check_and_says_the_numbers(own_broker, command, low, high, resource, reason):
    def but_the_logs(alarms):
        """The log sets an alarm of its own, too, if it needs its next file while the disk has no room, and ends it when it has made that."""
        return [one for one in alarms if one['resource'] != 'log']

    own = own_broker()
    alarm = {'node': own.node_name, 'resource': resource, 'type': 'resource_limit', 'name': resource}
    own.ctl(command, *low)
    for name, where in ('alarms', 'in the cluster'), ('local-alarms', 'on the node'):
        health = check(own, name)
        assert health['status'] == 'failed' and health['reason'].startswith(f'There are alarms in effect {where}: {resource}: ')
        assert reason in health['reason']
        assert but_the_logs(health['alarms']) == [alarm]
        answer = Api(own).get('/health/checks/' + name)
        assert answer.status == 503 and but_the_logs(answer.json['alarms']) == [alarm]
    answer = Api(own).get('/healthchecks/node')
    assert (answer.status, answer.json['status']) == (200, 'failed') and resource in answer.json['reason']
    assert check(own, 'is-in-service')['status'] == 'ok'         # consumers are served
    own.ctl(command, *high)
    assert but_the_logs(check(own, 'alarms').get('alarms', [])) == []
    eventually(lambda: check(own, 'alarms') == {'status': 'ok'})
    assert Api(own).get('/health/checks/alarms').status == 200


def test_a_log_whose_sync_does_not_return_fails_the_check(still_disk):
    own, when = still_disk
    Peer(own.address).declare('q', durable=True)
    publisher = Confirming(own.address)
    publisher.publish_confirmed('q', b'before')
    open(when, 'w').close()
    publisher.publish('q', b'waits')
    eventually(lambda: check(own, 'alarms')['status'] == 'failed')
    health = check(own, 'alarms')
    assert 'log: the disk has not answered for' in health['reason'] and health['alarms'][0]['type'] == 'stalled'
    done = own.ctl('check_alarms', check=False)
    assert done.code == 69 and 'Log stall' in done.err
    assert json.loads(own.ctl('status', '--formatter', 'json').out)['alarms'][0]['resource'] == 'log_stalled'
    os.unlink(when)
    publisher.settle()
    assert publisher.confirmed[-1] == b'waits'
    eventually(lambda: check(own, 'alarms') == {'status': 'ok'})
    assert own.ctl('check_alarms').code == 0


@pytest.mark.parametrize('path, status, reason', [
    ('port-listener/abc', 400, 'Invalid port'), ('port-listener/1', 503, 'No active listener'),
    ('protocol-listener/mqtt', 503, 'No active listener'),
    ('certificate-expiration/abc/days', 400, 'Invalid expiration value.'),
    ('certificate-expiration/1/fortnights', 400, 'Time unit not recognised. Supported units: days, weeks, months, years.'),
    ('quorum-queues-without-elected-leaders/vhost/missing', 404, 'Not Found'), ('nonsense', 404, 'Not Found')])
def test_a_check_over_http_says_what_is_wrong(broker, path, status, reason):
    answer = Api(broker).get('/health/checks/' + path)
    assert (answer.status, answer.json['reason']) == (status, reason)


def test_who_may_ask_over_http(broker, name):
    api, user = Api(broker), name('u')
    broker.ctl('add_user', user, user)
    for path in 'is-in-service', 'ready-to-serve-clients', 'below-node-connection-limit', 'reached-target-cluster-size':
        assert api.get('/health/checks/' + path, user=None).status == 200, path      # a load balancer has no user
    assert api.get('/health/checks/alarms', user=None).status == 401
    assert api.get('/health/checks/alarms', user=user).json['reason'] == 'Not management user'
    broker.ctl('set_user_tags', user, 'management')
    assert api.get('/health/checks/alarms', user=user).status == 200
    assert api.get('/aliveness-test/%2F', user=user).json['reason'] == 'User not authorised to access virtual host'
    assert api.get('/aliveness-test/missing').status == 404
    broker.ctl('delete_user', user)


def test_as_many_connections_as_allowed_fail_the_check(own_broker, workspace):
    path = os.path.join(workspace, f'conf{free_port()}')
    with open(path, 'w') as file:
        file.write('connection_max = 2\n')
    own = own_broker(flags=['--config', path])
    with Peer(own.address):
        assert check(own, 'below-node-connection-limit') == {'status': 'ok', 'limit': 2, 'connections': 1}
        with Peer(own.address):
            health = check(own, 'below-node-connection-limit')
            assert (health['status'], health['reason']) == ('failed', 'node connection limit is reached')
            assert check(own, 'ready-to-serve-clients')['reason'] == 'node connection limit is reached'
        eventually(lambda: check(own, 'ready-to-serve-clients') == {'status': 'ok'})


def test_arguments_that_make_no_sense_are_refused(broker):
    client = Client(broker)
    for arguments, text in (
            ({'check': 'nonsense'}, "there is no health check 'nonsense'"),
            ({'check': 'port-listener', 'port': 'abc'}, 'Invalid port'),
            ({'check': 'port-listener', 'port': '70000'}, 'Invalid port'),
            ({'check': 'certificate-expiration', 'within': 'abc', 'unit': 'days'}, 'Invalid expiration value.'),
            ({'check': 'certificate-expiration', 'within': '1', 'unit': 'fortnights'},
             'Time unit not recognised. Supported units: days, weeks, months, years.')):
        assert client.ask('check', **arguments)[1]['text'] == text
    client.close()
