"""What the HTTP API says of the node, and its overview."""
import json
import os

import pytest

from http_client import Api, path
from wire import Peer, eventually

pytestmark = pytest.mark.leveret


@pytest.fixture
def api(broker):
    return Api(broker)


def test_the_node_shows_what_it_uses_and_may_use(api, broker):
    node = api.get(path('nodes', broker.node_name)).json
    assert [one['name'] for one in api.get('/nodes').json] == [broker.node_name] == [node['name']]
    assert (node['os_pid'], node['type'], node['running'], node['partitions']) == (str(broker.pid), 'disc', True, [])
    assert not node['mem_alarm'] and not node['disk_free_alarm']
    for used, total in ('mem_used', 'mem_limit'), ('fd_used', 'fd_total'), ('sockets_used', 'sockets_total'), ('proc_used', 'proc_total'):
        assert 0 < node[used] < node[total], (used, node[used], node[total])
    assert node['disk_free'] > node['disk_free_limit'] and node['uptime'] > 0 and node['processors'] == os.cpu_count()
    assert {one['name'] for one in node['exchange_types']} >= {'direct', 'fanout', 'headers', 'topic', 'x-delayed-message'}
    assert [one['name'] for one in node['auth_mechanisms'] if one['enabled']] == ['PLAIN', 'AMQPLAIN']
    assert 'rabbitmq_management' in node['enabled_plugins'] and node['db_dir'] == broker.data and node['log_files']
    assert [one['port'] for one in node['contexts'] if one['path'] == '/'] == [str(api.port)]
    assert node['log_syncs'] >= 0 and all(loop['busy'] is None or 0 <= loop['busy'] <= 1 for loop in node['loops'])
    assert api.get('/nodes/nobody@nowhere').status == 404
    assert api.get('/nodes?columns=name,running').json == [{'name': broker.node_name, 'running': True}]


@pytest.mark.parametrize('where', ['/overview', '/nodes'])
def test_a_range_of_samples_that_makes_no_sense_is_refused(api, where):
    answer = api.get(where + '?lengths_age=-5&lengths_incr=5')
    assert answer.status == 400 and answer.json['reason'] == 'Invalid range parameters: age -5, incr 5'
    assert api.get(where + '?lengths_age=-5&lengths_incr=x').status == 200            # what is not a number counts as absent


def test_without_a_port_for_http_there_is_no_server(own_broker):
    own = own_broker(start=False)
    own.management_port = 0
    own.start()
    names = {open(f'/proc/{own.pid}/task/{thread}/comm').read().strip() for thread in os.listdir(f'/proc/{own.pid}/task')}
    assert 'http' not in names and not [one for one in names if one.startswith('MHD')]


def test_an_alarm_is_shown(own_broker):
    own = own_broker()
    own.ctl('set_disk_free_limit', '1PB')
    assert Api(own).get('/nodes').json[0]['disk_free_alarm'] is True
    own.ctl('set_disk_free_limit', '1MB')
    assert Api(own).get('/nodes').json[0]['disk_free_alarm'] is False


def test_memory_is_told_apart_as_far_as_it_is_known(api, broker, peer, name):
    memory_of = path('nodes', broker.node_name, 'memory')
    queue = name('q')
    before = api.get(memory_of).json['memory']
    peer.declare(queue)
    for _ in range(20):
        peer.publish(1, '', queue, bytes(100_000))
    eventually(lambda: peer.declare(queue, passive=True).message_count == 20)
    memory = api.get(memory_of).json['memory']
    assert memory['queue_procs'] >= before['queue_procs'] + 20 * 100_000
    assert memory['strategy'] == 'rss' and memory['total']['rss'] >= memory['code'] > 0
    shares = api.get(memory_of + '/relative').json['memory']
    assert shares['total'] == 100 and set(memory) - {'strategy'} == set(shares) and 0 < shares['code'] <= 100
    shown = api.get(path('nodes', broker.node_name, memory='true')).json['memory']
    assert shown['code'] > 0
    peer.call(1, 'queue.delete', queue=queue)
    parts = json.loads(broker.ctl('memory_breakdown', '--formatter', 'json').out)
    assert set(parts) == set(memory) - {'strategy', 'total'} and parts['code']['bytes'] > 0 and 0 < parts['code']['percentage'] < 100
    assert ': ' in broker.ctl('memory_breakdown', '--unit', 'mb').out and ' mb (' in broker.ctl('memory_breakdown', '--unit', 'mb').out


def test_the_overview_has_totals_and_says_what_the_broker_is(own_broker, tmp_path):
    config = tmp_path / 'leveret.conf'
    config.write_text('collect_statistics_interval = 500\n')
    own = own_broker(flags=['--config', str(config)])
    api = Api(own)
    empty = api.wait('/overview', lambda answer: answer.json['object_totals']['connections'] == 0).json   # its start was watched
    assert empty['queue_totals'] == {} or empty['queue_totals']['messages'] == 0
    assert empty['object_totals'] == {'channels': 0, 'connections': 0, 'consumers': 0, 'exchanges': 8, 'queues': 0}
    assert empty['node'] == own.node_name and empty['management_version'] == empty['rabbitmq_version']
    assert {(one['protocol'], one['port']) for one in empty['listeners']} >= {('amqp', own.port), ('http', api.port)}
    peer = Peer(own.address)
    peer.declare('q')
    peer.call(1, 'confirm.select')
    peer.publish(1, '', 'q', b'x')
    peer.expect('basic.ack', 1)
    peer.call(1, 'basic.consume', queue='amq.rabbitmq.reply-to', no_ack=True)
    full = api.wait('/overview', lambda answer: answer.json['queue_totals'].get('messages') == 1
                    and answer.json['message_stats'].get('publish') == 1).json
    assert full['message_stats']['confirm'] == 1 and full['churn_rates']['queue_created'] == 1
    assert full['object_totals']['queues'] == full['object_totals']['connections'] == full['object_totals']['channels'] == 1
    details = lambda answer: answer.json['queue_totals']['messages_details']                                       # noqa: E731
    sampled = details(api.wait('/overview?lengths_age=60&lengths_incr=5', lambda answer: details(answer)['samples'][0]['sample'] == 1))
    assert len(sampled['samples']) in (12, 13) and {'avg', 'avg_rate', 'rate'} < set(sampled)
    peer.close()


def test_a_user_who_is_not_a_monitor_sees_what_it_has_access_to(broker, api, name, peer):
    user, vhost = name('u'), name('v')
    broker.ctl('add_user', user, user)
    broker.ctl('set_user_tags', user, 'management')
    broker.ctl('add_vhost', vhost)
    seen = api.get('/overview', user=user).json
    assert seen['object_totals'] == {'channels': 0, 'connections': 0, 'exchanges': 0, 'queues': 0}
    assert 'listeners' not in seen and 'contexts' not in seen
    broker.ctl('set_permissions', '-p', vhost, user, '.*', '.*', '.*')
    assert api.get('/overview', user=user).json['object_totals']['exchanges'] == 7
    assert api.get('/nodes', user=user).json['reason'] == 'Not monitor user'
    broker.ctl('delete_user', user)
    broker.ctl('delete_vhost', vhost)


# --- operations and logins ------------------------------------------------------------------------

def test_the_cluster_has_a_name_that_can_be_set(own_broker):
    own = own_broker()
    api = Api(own)
    assert api.get('/cluster-name').json == {'name': own.node_name}
    assert api.put('/cluster-name', {'name': 'the "second" one'}).status == 204
    assert api.get('/cluster-name').json == {'name': 'the "second" one'} == {'name': api.get('/overview').json['cluster_name']}
    for body in {}, {'name': 1}, {'name': None}:
        assert api.put('/cluster-name', body).status == 400, body
    own.stop()
    own.start()
    assert api.get('/cluster-name').json == {'name': 'the "second" one'}


def test_what_is_for_clusters_of_rabbitmq_succeeds(api, broker):
    flags = {one['name']: one['state'] for one in api.get('/feature-flags').json}
    assert set(flags.values()) == {'enabled'} and 'quorum_queue' in flags
    assert api.put('/feature-flags/quorum_queue/enable').status == 204
    assert api.put('/feature-flags/no_such_flag/enable').json == {'error': 'bad_request', 'reason': 'unsupported'}
    assert api.post('/rebalance/queues').status == 204
    assert api.delete('/reset').status == 501
    assert api.delete(path('reset', broker.node_name)).status == 501
    assert api.get('/extensions').json == api.get('/deprecated-features').json == []
    assert api.get('/version').json == api.get('/overview').json['rabbitmq_version']
    settings = {one['key']: one for one in api.get('/config/effective').json}
    assert settings['heartbeat']['origin'] == 'default' and settings['default_pass']['value'] == '<redacted>'


def test_a_form_logs_in(api):
    def login(form):
        return api.call('POST', '/login', form, user=None, headers={'content-type': 'application/x-www-form-urlencoded'})
    assert login('username=guest&password=gu%65st').json == 'ok'
    wrong = login('password=no&username=guest')
    assert (wrong.status, wrong.json) == (401, {'error': 'not_authorized', 'reason': 'Login failed'})
    for form in '', 'username=guest', 'username=%zz&password=guest':
        assert login(form).status == 400, form


def test_attempts_to_log_in_are_counted(own_broker):
    own = own_broker()
    api = Api(own)
    attempts = lambda: {one.pop('protocol'): one for one in api.get(path('auth', 'attempts', own.node_name)).json}    # noqa: E731
    assert api.get('/whoami', user=('guest', 'no')).status == 401
    assert attempts()['http'] == {'auth_attempts': 2, 'auth_attempts_failed': 1, 'auth_attempts_succeeded': 1}
    Peer(own.address).close()
    assert attempts()['amqp091'] == {'auth_attempts': 1, 'auth_attempts_failed': 0, 'auth_attempts_succeeded': 1}
    assert api.delete(path('auth', 'attempts', own.node_name)).status == 204
    assert attempts()['amqp091']['auth_attempts'] == 0 and attempts()['http']['auth_attempts_failed'] == 0
