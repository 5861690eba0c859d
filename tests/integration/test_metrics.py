"""Metrics: what Prometheus scrapes, and whether it can draw RabbitMQ's dashboards from that."""
import gzip
import os
import re
import signal
import ssl
import subprocess
import time
import urllib.parse

import pytest

from brokers import Leveret, free_port
from certificates import Authority
from http_client import Api, Http, Raw, basic, path
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

SAMPLE = re.compile(r'(\w+)(?:\{(.*)\})? (\S+)$')
LABEL = re.compile(r'(\w+)="((?:[^"\\]|\\.)*)"')


class Scrape:
    """A text, parsed: value('rabbitmq_queues'), value(name, queue='q') is the sum over the samples with these labels."""

    def __init__(self, text):
        self.text, self.samples = text, {}
        self.counters = set(re.findall('^# TYPE (.*) counter$', text, re.M))
        for line in text.splitlines():
            if not line.startswith('#'):
                name, labels, value = SAMPLE.match(line).groups()
                self.samples.setdefault(name, []).append((dict(LABEL.findall(labels or '')), float(value)))

    def value(self, name, **labels):
        found = [value for have, value in self.samples.get(name, []) if labels.items() <= have.items()]
        assert found, f'no sample of {name} with {labels}'
        return sum(found)


@pytest.fixture(scope='module')
def ca(workspace):
    return Authority(os.path.join(workspace, 'metrics-pki'))


@pytest.fixture(scope='module')
def scraped(workspace, ca):
    """A broker that serves metrics, on one port with TLS."""
    pair = ca.issue('metrics')
    config = os.path.join(workspace, 'scraped.conf')
    broker = Leveret(os.path.join(workspace, 'scraped'), flags=['--config', config])
    broker.metrics_port, broker.tls_metrics_port = free_port(), free_port()
    with open(config, 'w') as file:
        file.write(f'prometheus.ssl.port = {broker.tls_metrics_port}\n'
                   f'prometheus.ssl.certfile = {pair.chain}\nprometheus.ssl.keyfile = {pair.key}\n'
                   'track_auth_attempt_source = true\n')
    broker.certificate = pair.chain
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture(scope='module')
def http(scraped):
    return Http(scraped.metrics_port)


@pytest.fixture(scope='module')
def scrape(http):
    """scrape(), scrape('/per-object')."""
    def get(below=''):
        answer = http.request('GET', '/metrics' + below)
        assert answer.status == 200
        return Scrape(answer.text)
    return get


@pytest.fixture(scope='module')
def load(scraped, scrape):
    """Connections, queues and messages, which stay. Returns a scrape from before."""
    before = scrape()
    publisher, consumer = Peer(scraped.address), Peer(scraped.address)
    publisher.declare('m-q')
    publisher.declare('m-quorum', durable=True, arguments={'x-queue-type': 'quorum'})
    publisher.call(1, 'confirm.select')
    for queue in ['m-q'] * 10 + ['m-quorum'] * 3 + ['m-nowhere']:
        publisher.publish(1, '', queue, b'0123456789')
    publisher.publish(1, '', 'm-nowhere', b'returned', mandatory=True)
    eventually(lambda: scrape().value('rabbitmq_global_messages_confirmed_total') == 15)
    reader = Peer(scraped.address)
    reader.declare('m-empty')
    assert reader.get('m-q') and reader.get('m-quorum', no_ack=False) and not reader.get('m-empty')
    consumer.call(1, 'basic.qos', prefetch_size=0, prefetch_count=5, global_=False)
    consumer.call(1, 'basic.consume', queue='m-q', consumer_tag='m-tag')
    first = consumer.contents(5)[0]
    consumer.send(1, 'basic.ack', delivery_tag=first.method.delivery_tag)
    consumer.content()
    yield before
    for peer in publisher, consumer, reader:
        peer.drop()


def test_sums_are_what_was_done(load, scrape):
    def added(name, **labels):
        return now.value(name, **labels) - load.value(name, **labels)

    eventually(lambda: scrape().value('rabbitmq_global_messages_acknowledged_total') == 1)
    now = scrape()
    classic, quorum = {'queue_type': 'rabbit_classic_queue'}, {'queue_type': 'rabbit_quorum_queue'}
    assert added('rabbitmq_global_messages_received_total') == added('rabbitmq_global_messages_received_confirm_total') == 15
    assert added('rabbitmq_global_messages_routed_total') == 13
    assert added('rabbitmq_global_messages_unroutable_dropped_total') == 1
    assert added('rabbitmq_global_messages_unroutable_returned_total') == 1
    assert added('rabbitmq_global_messages_delivered_consume_manual_ack_total', **classic) == 6
    assert added('rabbitmq_global_messages_delivered_get_auto_ack_total', **classic) == 1
    assert added('rabbitmq_global_messages_delivered_get_manual_ack_total', **quorum) == 1
    assert added('rabbitmq_global_messages_get_empty_total', **classic) == 1
    assert added('rabbitmq_global_messages_acknowledged_total', **classic) == 1
    assert added('rabbitmq_global_publishers') == added('rabbitmq_global_consumers') == 1
    assert added('rabbitmq_message_size_bytes_bucket', le='100') == added('rabbitmq_message_size_bytes_count') == 15
    assert added('rabbitmq_message_size_bytes_sum') == 148
    assert added('rabbitmq_queue_messages_ready') == 3 + 2
    assert added('rabbitmq_queue_messages_unacked') == 5 + 1
    assert added('rabbitmq_channel_messages_confirmed_total') == 15
    assert added('rabbitmq_auth_attempts_succeeded_total', protocol='amqp091') == 3
    assert added('leveret_confirm_seconds_count') == 15
    assert added('leveret_log_sync_seconds_count') > 0 and now.value('leveret_log_bytes') > 0
    assert now.value('leveret_listener_connections', protocol='amqp') == 3


def test_an_object_has_a_sample_of_its_own(load, scrape):
    each = scrape('/per-object')
    assert each.value('rabbitmq_queue_messages_ready', vhost='/', queue='m-q') == 3
    assert each.value('rabbitmq_queue_messages_bytes', vhost='/', queue='m-quorum') == 30
    assert each.value('rabbitmq_queue_info', queue='m-quorum', queue_type='rabbit_quorum_queue') == 1
    assert each.value('rabbitmq_channel_messages_published_total', vhost='/', exchange='') == 15
    assert each.value('rabbitmq_channel_messages_confirmed_total', exchange='') == 15
    assert each.value('rabbitmq_channel_messages_unroutable_returned_total', exchange='') == 1
    assert each.value('rabbitmq_channel_messages_delivered_ack_total', queue='m-q') == 6
    assert each.value('rabbitmq_channel_get_empty_total', queue='m-empty') == 1
    assert len(each.samples['rabbitmq_connection_channels']) == len(each.samples['rabbitmq_channel_consumers']) == 3


# What RabbitMQ 3.10.8 shows after the traffic below: each channel with a queue, or an exchange, and their values.
BY_QUEUE = ((3, 'a'), (3, 'empty'), (4, 'b'), (5, 'auto')), {
    'get_ack': (3, 0, 0, 0), 'get': (1, 0, 0, 0), 'get_empty': (0, 1, 0, 0), 'messages_delivered_ack': (0, 0, 6, 0),
    'messages_delivered': (0, 0, 0, 4), 'messages_redelivered': (1, 0, 1, 0), 'messages_acked': (1, 0, 1, 0)}
BY_EXCHANGE = ((1, ''), (1, 'x'), (2, ''), (2, 'x')), {
    'messages_published': (8, 3, 4, 2), 'messages_confirmed': (8, 3, 0, 0), 'messages_unroutable_returned': (1, 0, 0, 0),
    'messages_unroutable_dropped': (2, 0, 0, 0)}
BY_CHANNEL = {'consumers': (0, 0, 0, 1, 1), 'messages_unacked': (0, 0, 1, 3, 0), 'messages_unconfirmed': (0, 0, 0, 0, 0)}
TO_QUEUES = {'a': 10, 'b': 5, 'auto': 4, 'empty': 0}         # sums: RabbitMQ has them by channel and exchange


def publish_by_two_channels(peer):
    for queue in TO_QUEUES:
        peer.declare(queue)
    peer.call(1, 'exchange.declare', exchange='x', type='fanout')
    for queue in 'a', 'b':
        peer.call(1, 'queue.bind', queue=queue, exchange='x', routing_key='')
    peer.call(1, 'confirm.select')
    for channel, exchange, key, count in ((1, '', 'a', 5), (1, 'x', '', 3), (1, '', 'gone', 2), (2, 'x', '', 2), (2, '', 'auto', 4)):
        for _ in range(count):
            peer.publish(channel, exchange, key, b'abc')
    peer.publish(1, '', 'gone', b'abc', mandatory=True)
    eventually(lambda: [peer.declare(queue, channel=2, passive=True).message_count for queue in TO_QUEUES] == [10, 5, 4, 0])


def get_and_consume_by_three_channels(peer):
    peer.get('a', channel=3)
    first, second = [peer.get('a', channel=3, no_ack=False).method for _ in range(2)]
    peer.send(3, 'basic.ack', delivery_tag=first.delivery_tag)
    peer.send(3, 'basic.nack', delivery_tag=second.delivery_tag, requeue=True)
    assert peer.get('a', channel=3, no_ack=False) and not peer.get('empty', channel=3)
    peer.call(4, 'basic.qos', prefetch_size=0, prefetch_count=3, global_=False)
    peer.call(4, 'basic.consume', queue='b')
    first, second, third = [delivery.method for delivery in peer.contents(3, 4)]
    peer.send(4, 'basic.ack', delivery_tag=first.delivery_tag)
    peer.send(4, 'basic.reject', delivery_tag=second.delivery_tag, requeue=True)
    peer.contents(2, 4)
    peer.send(4, 'basic.reject', delivery_tag=third.delivery_tag, requeue=False)
    peer.contents(1, 4)
    peer.call(5, 'basic.consume', queue='auto', no_ack=True)
    peer.contents(4, 5)


@pytest.mark.parametrize('below, prefix', [('/per-object', 'rabbitmq_'), (
    '/detailed?vhost=m-by&' + '&'.join(f'family=channel_{of}metrics' for of in ('', 'queue_', 'exchange_', 'queue_exchange_')),
    'rabbitmq_detailed_')], ids=['per-object', 'detailed'])
def test_values_by_channel_are_those_of_rabbitmq(load, scraped, scrape, below, prefix):
    scraped.ctl('add_vhost', 'm-by')
    scraped.ctl('set_permissions', '-p', 'm-by', 'guest', '.*', '.*', '.*')
    peer = Peer(scraped.address, vhost='m-by')
    for channel in 2, 3, 4, 5:
        peer.open_channel(channel)
    publish_by_two_channels(peer)
    get_and_consume_by_three_channels(peer)

    def shown(what, label=None):
        """The samples of this connection, by the number of the channel."""
        of_its_own = sorted(labels['channel'] for labels, _ in now.samples[prefix + 'channel_consumers']
                            if labels['channel'].rpartition('.')[0] == connection)
        assert len(of_its_own) == 5
        return {(of_its_own.index(labels['channel']) + 1, labels.get(label)): value
                for labels, value in now.samples[prefix + what] if labels['channel'] in of_its_own}

    def confirmed():
        return scrape(below).value(prefix + 'channel_messages_confirmed_total', vhost='m-by', exchange='') == 8

    eventually(confirmed)
    now = scrape(below)
    connection = next(labels['channel'] for labels, _ in now.samples[prefix + 'channel_messages_published_total']
                      if labels['vhost'] == 'm-by').rpartition('.')[0]
    for (pairs, values), label in ((BY_QUEUE, 'queue'), (BY_EXCHANGE, 'exchange')):
        for what, row in values.items():
            assert shown(f'channel_{what}_total', label) == dict(zip(pairs, row)), what
    for what, row in BY_CHANNEL.items():
        assert [shown(f'channel_{what}')[number + 1, None] for number in range(5)] == list(row), what
    for queue, count in TO_QUEUES.items():
        assert now.value(prefix + 'queue_messages_published_total', vhost='m-by', queue=queue) == count
    peer.drop()
    scraped.ctl('delete_vhost', 'm-by')


def test_families_and_vhosts_are_chosen(load, scrape):
    some = scrape('/detailed?family=queue_coarse_metrics&family=vhost_status&vhost=%2F')
    assert some.value('rabbitmq_detailed_queue_messages', queue='m-q') == 8
    assert some.value('rabbitmq_cluster_vhost_status', vhost='/') == 1
    assert set(some.samples) == {'rabbitmq_detailed_queue_messages', 'rabbitmq_detailed_queue_messages_ready', 'rabbitmq_build_info',
                                 'rabbitmq_detailed_queue_messages_unacked', 'rabbitmq_cluster_vhost_status', 'rabbitmq_identity_info'}
    nothing = scrape('/detailed?family=queue_coarse_metrics&vhost=nowhere')
    assert set(nothing.samples) == {'rabbitmq_build_info', 'rabbitmq_identity_info'}


def test_queues_are_chosen_by_name(load, scrape):
    some = scrape('/detailed?family=queue_coarse_metrics&family=channel_queue_metrics&queue=m-q&queue=m-empty')
    assert {labels['queue'] for labels, _ in some.samples['rabbitmq_detailed_queue_messages']} == {'m-q', 'm-empty'}
    assert {labels['queue'] for labels, _ in some.samples['rabbitmq_detailed_channel_messages_delivered_ack_total']} <= {'m-q', 'm-empty'}


def test_what_is_done_over_http_is_counted(scraped, scrape):
    def added(name, **labels):
        return now.value(name, **labels) - before.value(name, **labels)

    api = Api(scraped)
    with Peer(scraped.address) as peer:
        for queue in 'm-fan-1', 'm-fan-2':
            peer.declare(queue)
            peer.call(1, 'queue.bind', queue=queue, exchange='amq.fanout', routing_key='')
        body = {'properties': {}, 'routing_key': '', 'payload': 10_000 * 'x', 'payload_encoding': 'string'}
        before = scrape()
        assert api.post(path('exchanges', '/', 'amq.fanout', 'publish'), body).json == {'routed': True}
        now = scrape()
        assert added('rabbitmq_global_messages_routed_total') == 2
        assert added('rabbitmq_global_messages_received_confirm_total') == added('rabbitmq_global_messages_confirmed_total') == 1
        assert added('rabbitmq_exchange_messages_published_total') == added('rabbitmq_channel_messages_confirmed_total') == 1
        assert added('rabbitmq_auth_attempts_succeeded_total', protocol='http') == 1
        assert added('rabbitmq_auth_attempts_total', protocol='amqp091') == 0
        assert added('rabbitmq_connection_incoming_bytes_total') < 10_000 > added('rabbitmq_connection_outgoing_bytes_total')
        for queue in 'm-fan-1', 'm-fan-2':
            peer.call(1, 'queue.delete', queue=queue)


def test_no_counter_falls_when_objects_end(scraped, scrape):
    api = Api(scraped)
    scraped.ctl('add_vhost', 'm-ends')
    scraped.ctl('set_permissions', '-p', 'm-ends', 'guest', '.*', '.*', '.*')
    with Peer(scraped.address, vhost='m-ends') as peer:
        peer.call(1, 'confirm.select')
        peer.call(1, 'exchange.declare', exchange='m-ends', type='fanout')
        peer.declare('m-ends', durable=True)
        peer.call(1, 'queue.bind', queue='m-ends', exchange='m-ends', routing_key='')
        for exchange in ['m-ends'] * 3 + ['']:
            peer.publish(1, exchange, 'm-ends', b'x', {'delivery_mode': 2})
        while peer.expect('basic.ack', 1).delivery_tag < 4:
            pass
        assert peer.get('m-ends') and peer.get('m-ends', no_ack=False)
        before = [scrape()]
        closed = before[0].value('rabbitmq_connections_closed_total')

        def falls_nowhere():
            now = scrape()
            for name in before[0].counters:
                for labels, value in before[0].samples.get(name, []):
                    assert now.value(name, **labels) >= value, f'{name} {labels}'
            before[0] = now
            return now

        peer.call(1, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
        falls_nowhere()
    scraped.ctl('delete_queue', '-p', 'm-ends', 'm-ends')
    falls_nowhere()
    assert api.delete('/exchanges/m-ends/m-ends').status == 204
    falls_nowhere()
    scraped.ctl('delete_vhost', 'm-ends')
    assert api.delete(f'/auth/attempts/{scraped.node_name}').status == 204
    eventually(lambda: falls_nowhere().value('rabbitmq_connections_closed_total') > closed)


def test_a_failed_login_is_counted(scraped, scrape):
    before = scrape().value('rabbitmq_auth_attempts_failed_total')
    peer = Peer(scraped.address, upto='header')
    peer.send(0, 'connection.start-ok', client_properties={}, mechanism='PLAIN', response='\0guest\0wrong', locale='en_US')
    eventually(lambda: scrape().value('rabbitmq_auth_attempts_failed_total') == before + 1)
    peer.drop()
    sources = scrape('/detailed?family=auth_attempt_detailed_metrics')
    labels = {'username': 'guest', 'remote_address': '127.0.0.1', 'protocol': 'amqp091'}
    assert sources.value('rabbitmq_detailed_auth_attempts_detailed_failed_total', **labels) >= 1


def test_metrics_can_be_for_monitors_alone(own_broker, tmp_path):
    config = tmp_path / 'leveret.conf'
    config.write_text('prometheus.authentication.enabled = true\n')
    own = own_broker(start=False, flags=['--config', str(config)])
    own.metrics_port = free_port()
    own.start()
    own.ctl('add_user', 'clerk', 'clerk')
    own.ctl('set_user_tags', 'clerk', 'management')

    def scraped_as(**headers):
        return Http(own.metrics_port).request('GET', '/metrics', headers=headers)
    answer = scraped_as()
    assert (answer.status, answer.headers['www-authenticate'][:5]) == (401, 'Basic')
    answer = scraped_as(authorization=basic('clerk', 'clerk'))
    assert (answer.status, answer.json['reason']) == (401, 'Not monitor user')
    answer = scraped_as(authorization=basic('guest', 'guest'))
    assert answer.status == 200 and 'text/plain' in answer.headers['content-type']
    assert Scrape(answer.text).value('rabbitmq_queues') == 0


def test_the_same_is_served_with_tls(scraped, ca):
    trusting = ssl.create_default_context(cafile=ca.certificate)
    answer = Http(scraped.tls_metrics_port, tls=trusting).request('GET', '/metrics')
    assert answer.status == 200
    expires = Scrape(answer.text).samples['leveret_tls_certificate_expires_seconds']
    assert [labels['path'] for labels, at in expires if at > time.time()] == [scraped.certificate]


@pytest.mark.parametrize('below', ['', '/per-object', '/memory-breakdown',
                                   '/detailed?family=queue_metrics&family=channel_metrics&family=exchange_bindings'])
def test_promtool_finds_nothing_wrong(load, http, below):
    text = http.request('GET', '/metrics' + below).body
    done = subprocess.run(['promtool', 'check', 'metrics'], input=text, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b'', b'')


def test_the_answer_is_compressed_if_the_client_wants_that(http):
    answer = http.request('GET', '/metrics', headers={'accept-encoding': 'gzip'})
    assert answer.headers['content-encoding'] == 'gzip'
    assert b'rabbitmq_identity_info{' in gzip.decompress(answer.body)


@pytest.mark.parametrize('method, target, accept, status', [
    ('HEAD', '/metrics', '*/*', 200), ('OPTIONS', '/metrics', '*/*', 200), ('POST', '/metrics', '*/*', 405),
    ('GET', '/metrics/nonsense', '*/*', 404), ('GET', '/', '*/*', 404), ('GET', '/metricsandmore', '*/*', 404),
    ('GET', '/metrics', 'application/openmetrics-text', 406), ('GET', '/metrics', 'text/html, text/*;q=0.1', 200),
    ('GET', '/metrics/detailed?family=nonsense', '*/*', 200), ('GET', '/metrics/detailed?family=vhost_status&vhost=%ff', '*/*', 200)])
def test_other_requests_are_answered_as_by_rabbitmq(http, method, target, accept, status):
    answer = http.request(method, target, headers={'accept': accept})
    assert answer.status == status
    assert (answer.body == b'') == (method != 'GET' or status == 406)


def test_a_slow_client_disturbs_nobody(scraped, scrape, volume):
    """Its text is larger than all buffers on the way, so the scrape has to wait for it."""
    count = volume(600)
    with Peer(scraped.address) as peer:
        for number in range(count):
            peer.declare(f'm-slow-{number}', exclusive=True)
        slow = Raw(scraped.metrics_port, receive_buffer=65536)
        slow.send('GET /metrics/per-object HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
        assert slow.more()
        peer.publish(1, '', 'm-slow-0', b'x')
        eventually(lambda: peer.get('m-slow-0'))
        assert scrape().value('rabbitmq_queues') >= count
        text = re.sub(rb'\r\n[0-9A-F]+\r\n', b'', slow.ends())     # without the sizes of chunks, which may split a name
        assert text.count(b'rabbitmq_queue_messages_ready{') >= count and b'\nrabbitmq_identity_info{' in text
        slow.close()


# The panels of RabbitMQ's dashboards for Grafana (overview, streams), and the metrics that they draw.
PANELS = {title: metrics.split() for title, metrics in (line.split(': ') for line in '''
Average size: message_size_bytes_sum message_size_bytes_count
Message size distribution: message_size_bytes_bucket
Channels: channels
Channels opened, closed: channels_opened_total channels_closed_total
Connections: connections
Connections opened, closed: connections_opened_total connections_closed_total
Consumers: consumers global_consumers
Publishers: channels channel_consumers global_publishers
Disk space: disk_space_available_bytes disk_space_available_limit_bytes
File descriptors: process_max_fds process_open_fds
TCP sockets: process_max_tcp_sockets process_open_tcp_sockets
Memory: process_resident_memory_bytes resident_memory_limit_bytes
Incoming: global_messages_received_total global_messages_received_confirm_total
Routed: global_messages_routed_total
Confirmed: global_messages_confirmed_total
Acknowledged: global_messages_acknowledged_total
Delivered to consumers: global_messages_delivered_consume_auto_ack_total global_messages_delivered_consume_manual_ack_total
Got: global_messages_delivered_get_auto_ack_total global_messages_delivered_get_manual_ack_total
Outgoing: global_messages_delivered_total global_messages_redelivered_total
Nothing to get: global_messages_get_empty_total
Unroutable: global_messages_unroutable_dropped_total global_messages_unroutable_returned_total
Ready, unacknowledged: queue_messages_ready queue_messages_unacked
Queues: queues
Queues declared, created, deleted: queues_declared_total queues_created_total queues_deleted_total
Nodes: build_info erlang_uptime_seconds
'''.strip().splitlines())}


@pytest.fixture(scope='module')
def prometheus(scraped, workspace):
    """Debian's prometheus, which scrapes the broker every second. Yields a function that runs a query."""
    folder, port = os.path.join(workspace, 'prometheus'), free_port()
    os.makedirs(folder)
    with open(os.path.join(folder, 'prometheus.yml'), 'w') as file:
        file.write(f'''
scrape_configs:
  - job_name: leveret
    scrape_interval: 1s
    static_configs: [{{targets: ["127.0.0.1:{scraped.metrics_port}"]}}]
''')
    with open(os.path.join(folder, 'log'), 'wb') as log:
        child = subprocess.Popen(
            ['prometheus', f'--config.file={folder}/prometheus.yml', f'--storage.tsdb.path={folder}/data',
             f'--web.listen-address=127.0.0.1:{port}'], stdout=log, stderr=log, start_new_session=True)

    def ask(text):
        return Http(port).request('GET', '/api/v1/query?query=' + urllib.parse.quote(text))

    def query(text):
        answer = ask(text)
        assert answer.status == 200, answer
        return answer.json['data']['result']

    def has_rates():
        """Two scrapes are there."""
        assert child.poll() is None, open(os.path.join(folder, 'log')).read()[-3000:]
        try:
            answer = ask('rate(rabbitmq_connections_opened_total[1m])')
        except OSError:
            return None                              # it does not listen yet
        return answer.status == 200 and answer.json['data']['result']

    try:
        eventually(has_rates, every_s=0.2)
        yield query
    finally:
        os.killpg(child.pid, signal.SIGKILL)
        child.wait()


def test_prometheus_has_what_every_panel_draws(load, scraped, prometheus):
    on_node = '* on(instance) group_left(rabbitmq_cluster, rabbitmq_node) rabbitmq_identity_info'
    for title, names in PANELS.items():
        for name in names:
            series = f'rate(rabbitmq_{name}[1m])' if re.search('_(total|sum|count|bucket)$', name) else f'rabbitmq_{name}'
            found = prometheus(f'{series} {on_node}')
            assert found and all(one['metric']['rabbitmq_node'] == scraped.node_name for one in found), f'{title}: {name}'
    assert prometheus('up')[0]['value'][1] == '1'
