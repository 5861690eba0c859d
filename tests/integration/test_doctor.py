"""The doctor: each trouble is made by real clients, and found, with its evidence. messages_lost is in test_faults.py; queue_abandoned
takes an hour and is held by unit tests alone (tests/unit/manage/test_doctor_rules.c)."""
import contextlib
import json
import os
import socket
import threading
import time

import pika
import pytest

from brokers import Leveret, free_port
from certificates import Authority
from crash_tools import fail_io
from http_client import Api, path
from wire import Peer, encode_publish, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

PERSISTENT = pika.BasicProperties(delivery_mode=2)
HOUR = 3600


@pytest.fixture(scope='module')
def sick(workspace, last_config):
    """A broker that is open to the network, whose certificate ends soon, and whose log can be made to sync slowly."""
    directory = os.path.join(workspace, 'sick')
    ca = Authority(os.path.join(directory, 'ca'))
    server = ca.issue('server', days=5)
    config = os.path.join(directory, 'leveret.conf')
    with open(config, 'w') as file:
        file.write(f'collect_statistics_interval = 100\nloopback_users.guest = false\nlisteners.ssl.1 = 127.0.0.1:{free_port()}\n'
                   f'ssl_options.cacertfile = {ca.certificate}\nssl_options.certfile = {server.certificate}\n'
                   f'ssl_options.keyfile = {server.key}\n')
    broker = Leveret(directory, flags=['--config', config, '--bind', '0.0.0.0'], environment={
        'RABBITMQ_CONFIG_FILES': last_config, 'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '/log/',
        'FAIL_IO_CALL': 'sync', 'FAIL_IO_WHEN': os.path.join(directory, 'still'), 'FAIL_IO_WAITS': '1'})
    broker.still = os.path.join(directory, 'still')
    broker.start()
    yield broker
    broker.stop()


@pytest.fixture
def client(sick):
    """Makes connections."""
    made = []

    def make(host='127.0.0.1', **how):
        made.append(pika.BlockingConnection(pika.ConnectionParameters(host, sick.port, **how)))
        return made[-1]

    yield make
    for connection in made:
        if connection.is_open:
            connection.close()


def report(broker, period=HOUR, **how):
    answer = Api(broker).get(f'/doctor?period={period}', **how)
    assert answer.status == 200, answer
    return answer.json


def found(broker, rule, name, period=HOUR, says=''):
    """The rule's finding about this object (None: any) with this evidence, or None."""
    return next((finding for finding in report(broker, period)['findings'] if finding['rule'] == rule and
                 name in (None, finding['object']['name']) and says in finding['evidence']), None)


def find(broker, rule, name=None, period=HOUR, says=''):
    """The same, once there is one: the sampler sees what has happened a moment later."""
    seen = []

    def is_there():
        seen[:] = [found(broker, rule, name, period, says)]
        return seen[0]

    try:
        eventually(is_there)
    except AssertionError:
        raise AssertionError(f'{rule} of {name}, {says!r}, is not among {report(broker, period)["findings"]}') from None
    return seen[0]


def tells(broker, rule, period):
    """The rule's finding as leveretctl tells it to people."""
    out = broker.ctl('doctor', '--period', str(period), check=False).out
    return next((text for text in out.split('\n\n') if f'  {rule}\n' in text), None)


def drain(channel, queue, count, settle):
    """Gets a message `count` times, and settles it."""
    for _ in range(count):
        method = None
        while method is None:
            method = channel.basic_get(queue)[0]
        settle(method.delivery_tag)


# --- in order ------------------------------------------------------------------------------------


def test_a_broker_in_order_has_nothing_wrong(own_broker):
    broker = own_broker()
    done = broker.ctl('doctor', '--formatter', 'json')
    seen = json.loads(done.out)
    assert [finding for finding in seen['findings'] if finding['rule'] != 'disk_near_limit'] == []
    assert (done.code, seen['critical'], seen['period'], seen['node']) == (0, 0, 600, broker.node_name)
    names = [rule['name'] for rule in seen['rules']]
    assert len(names) == len(set(names)) > 20 and 'queue_grows_unconsumed' in names
    shown = Api(broker).get('/doctor').json
    for one in seen, shown:
        one.pop('covered')
        one.pop('findings')
    assert shown == seen
    assert f'{len(names)} rules looked at the last' in broker.ctl('doctor').out
    assert broker.ctl('doctor', '--period', '0', check=False).code == 64
    for period in '0', '3601', 'x':
        assert Api(broker).get(f'/doctor?period={period}').status == 400


def test_a_report_is_for_monitors_and_of_vhosts_that_they_may_see(sick, client):
    for user, tags in ('watch', 'monitoring'), ('clerk', 'management'):
        sick.ctl('add_user', user, user)
        sick.ctl('set_user_tags', user, tags)
    sick.ctl('add_vhost', 'theirs')
    sick.ctl('set_permissions', '-p', 'theirs', 'watch', '', '', '')
    for vhost in '/', 'theirs':
        if vhost != '/':
            sick.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
        channel = client(virtual_host=vhost).channel()
        channel.queue_declare('seen')
        for _ in range(100):
            channel.basic_publish('', 'seen', b'')
    find(sick, 'queue_grows_unconsumed', 'seen')
    eventually(lambda: [finding['object'] for finding in report(sick, user='watch')['findings'] if 'vhost' in finding['object']] ==
               [{'kind': 'queue', 'vhost': 'theirs', 'name': 'seen'}])
    assert find(sick, 'default_password')['rule'] in [finding['rule'] for finding in report(sick, user='watch')['findings']]
    assert Api(sick).get('/doctor', user='clerk').status == 401


# --- the node ------------------------------------------------------------------------------------


def test_doors_that_are_open_and_certificates_that_end_are_critical(sick):
    assert find(sick, 'default_password', 'guest') == {
        'rule': 'default_password', 'severity': 'critical', 'title': 'The default user is open to the network',
        'object': {'kind': 'user', 'name': 'guest'},
        'evidence': f'guest can log in with its default password from any address that reaches 0.0.0.0, port {sick.port}.',
        'remedy': 'Delete the user guest or change its password: leveretctl change_password guest.',
        'docs': 'docs/doctor.md#default_password'}
    certificate = find(sick, 'certificate_expires')
    assert certificate['severity'] == 'critical' and 'server.pem expires in ' in certificate['evidence']
    done = sick.ctl('doctor', check=False)
    assert done.code == 69
    assert 'critical  default_password\n    user \'guest\'\n    guest can log in' in done.out
    rows = sick.ctl('doctor', '--formatter', 'csv', check=False).out
    assert rows.split('\n')[0].replace('"', '') == 'severity,rule,kind,vhost,name,evidence,remedy'


def test_a_disk_that_syncs_slowly_is_found(sick, client):
    channel = client().channel()
    channel.queue_declare('kept', durable=True)
    channel.confirm_delivery()

    def publish_slowly():
        open(sick.still, 'w').close()
        timer = threading.Timer(0.1, os.unlink, [sick.still])      # for so long no sync ends
        timer.start()
        channel.basic_publish('', 'kept', b'', PERSISTENT)
        timer.join()
        return found(sick, 'disk_syncs_slowly', sick.node_name, period=10)

    eventually(publish_slowly)
    channel.queue_delete('kept')


def test_an_alarm_and_the_publishers_that_it_blocks_are_found(sick, client):
    connection = client()
    channel = connection.channel()
    sick.ctl('set_vm_memory_high_watermark', 'absolute', '1000000')
    try:
        assert find(sick, 'alarm_in_force', 'memory', says='the limit is 1000000')['severity'] == 'critical'
        channel.basic_publish('', 'nowhere', b'')
        find(sick, 'publishers_blocked', says='An alarm blocks publishers on ')
    finally:
        sick.ctl('set_vm_memory_high_watermark', '0.9')
    eventually(lambda: not found(sick, 'alarm_in_force', 'memory'))


def test_a_node_that_nears_its_limits_is_found(sick):
    def node():
        return Api(sick).get('/nodes').json[0]

    def nears(rule, command, limit):
        """Not every limit is near: what is in use changes meanwhile, and is counted in more than one way."""
        for part in 1.2, 1.1, 1.0, 0.9, 0.8:
            sick.ctl(*command, str(int(limit(part))))
            if found(sick, rule, None):
                return True
        return False

    try:
        eventually(lambda: nears('memory_near_limit', ['set_vm_memory_high_watermark', 'absolute'], lambda part: node()['mem_used'] * part))
    finally:
        sick.ctl('set_vm_memory_high_watermark', '0.9')
    try:
        eventually(lambda: nears('disk_near_limit', ['set_disk_free_limit'], lambda part: node()['disk_free'] - part * 500_000_000))
    finally:
        sick.ctl('set_disk_free_limit', '50000000')


def test_connections_that_near_their_limit_are_found(own_broker, tmp_path):
    config = tmp_path / 'leveret.conf'
    config.write_text('connection_max = 5\n')
    broker = own_broker(flags=['--config', str(config)])
    held = [pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', broker.port)) for _ in range(5)]
    find(broker, 'connections_near_limit', says='5 connections are open; connection_max is 5.')
    for connection in held:
        connection.close()
    eventually(lambda: not found(broker, 'connections_near_limit', None))
    broker.stop()


def test_clients_that_connect_or_open_channels_all_the_time_are_found(sick, client):
    connection = client()

    def open_channels():
        for _ in range(100):
            connection.channel().close()
        return found(sick, 'channel_churn', sick.node_name, period=4)

    def open_connections():
        for _ in range(10):
            client().close()
        return found(sick, 'connection_churn', sick.node_name, period=4)

    eventually(open_channels)
    eventually(open_connections)


@contextlib.contextmanager
def flood(broker, queue):
    """Within it a connection publishes all that the broker takes: what is in its socket's buffers alone is work for many turns.
    The queue is at home where the connection is, and keeps one message."""
    with Peer(broker.address) as peer:
        peer.declare(queue, exclusive=True, arguments={'x-max-length': 1})
        many, is_over = encode_publish(1, '', queue) * 4000, threading.Event()

        def publish():
            while not is_over.is_set():
                peer.write(many)

        thread = threading.Thread(target=publish)
        thread.start()
        try:
            yield
        finally:
            is_over.set()
            thread.join()


@pytest.mark.parametrize('rule, loops, name, says', [
    ('loop_hot', '2', None, "its busiest queue is 'hot' in vhost '/', with "),
    ('loops_saturated', '1', 'node', 'The 1 loop was busy for ')])
def test_loops_that_have_too_much_to_do_are_found_until_they_have_less(own_broker, tmp_path, rule, loops, name, says):
    config = tmp_path / 'leveret.conf'
    config.write_text('collect_statistics_interval = 100\n')
    broker = own_broker(flags=['--config', str(config)], loops=loops)
    with flood(broker, 'hot'):
        finding = find(broker, rule, name and broker.node_name, period=1, says=says)
        assert finding['severity'] == 'warning' and finding['object']['kind'] == ('node' if name else 'loop')
        assert finding['remedy'] in eventually(lambda: tells(broker, rule, 1))
    eventually(lambda: not found(broker, rule, None, period=1))
    broker.stop()


# --- queues and exchanges ------------------------------------------------------------------------


def test_messages_that_pile_up_expire_or_run_in_circles_are_found(sick, client):
    channel = client().channel()
    arguments = {
        'orders': {}, 'full': {'x-max-length': 100, 'x-overflow': 'reject-publish'}, 'expiring': {'x-message-ttl': 1},
        'circle': {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': 'circle'}, 'poison': {}, 'polled': {}}
    for queue in arguments:
        channel.queue_declare(queue, durable=True, arguments=arguments[queue])
    for _ in range(150):
        channel.basic_publish('', 'orders', b'', PERSISTENT)
    for _ in range(95):
        channel.basic_publish('', 'full', b'', PERSISTENT)
    for _ in range(7):
        channel.basic_publish('', 'expiring', b'')
    for queue in 'circle', 'poison':
        channel.basic_publish('', queue, b'')
    drain(channel, 'circle', 12, lambda tag: channel.basic_reject(tag, requeue=False))
    drain(channel, 'poison', 120, lambda tag: channel.basic_reject(tag, requeue=True))

    orders = find(sick, 'queue_grows_unconsumed', 'orders', says='orders grew by 150 messages in the last ')
    assert orders['severity'] == 'warning' and orders['object'] == {'kind': 'queue', 'vhost': '/', 'name': 'orders'}
    assert 'it has no consumer' in orders['evidence']
    find(sick, 'queue_near_limit', 'full', says='full has 95 ready messages; its limit is 100')
    find(sick, 'expired_unkept', 'expiring', says='7 messages of expiring expired')
    find(sick, 'dead_letter_loop', 'circle', says='3 times in the last')
    find(sick, 'redelivery_loop', 'poison', says='119 of the 120 deliveries of poison')

    def poll():
        for _ in range(100):
            channel.basic_get('polled')
        return found(sick, 'polling', 'polled', period=4)

    eventually(poll)
    for queue in arguments:
        channel.queue_delete(queue)


def test_messages_that_no_queue_is_bound_for_are_found_with_their_exchange(sick, client):
    channel = client().channel()
    channel.exchange_declare('prices', 'topic')
    channel.exchange_declare('mandatory', 'topic')
    for _ in range(5):
        channel.basic_publish('prices', 'nowhere', b'')
        channel.basic_publish('mandatory', 'nowhere', b'', mandatory=True)
    dropped = find(sick, 'unroutable', 'prices', says='5 were dropped, as no queue was bound for them')
    returned = find(sick, 'unroutable', 'mandatory', says='5 were returned')
    assert (dropped['severity'], returned['severity']) == ('warning', 'advice')
    assert dropped['object'] == {'kind': 'exchange', 'vhost': '/', 'name': 'prices'}


# --- clients -------------------------------------------------------------------------------------


def test_consumers_that_hold_messages_and_do_not_ack_are_found(sick, client):
    connection = client()
    channel = connection.channel()
    for queue in 'stuck', 'hoarded':
        channel.queue_declare(queue, durable=True)
    stuck, hoarding = connection.channel(), connection.channel()
    stuck.basic_qos(prefetch_count=10)
    stuck.basic_consume('stuck', lambda *_: None, consumer_tag='stuck-1')
    hoarding.basic_consume('hoarded', lambda *_: None, consumer_tag='hoarding-1')
    for _ in range(1100):
        channel.basic_publish('', 'stuck', b'', PERSISTENT)
        channel.basic_publish('', 'hoarded', b'', PERSISTENT)
    unlimited = []

    def both_are_found():
        connection.process_data_events()
        unlimited[:] = [finding for finding in report(sick, period=1)['findings'] if finding['rule'] == 'prefetch_unlimited']
        return unlimited and found(sick, 'consumer_never_acks', 'stuck-1', period=1)

    eventually(both_are_found)
    held = unlimited[0]
    assert held['object']['kind'] == 'consumer' and held['object']['queue'] == 'hoarded' and held['object']['name'] == 'hoarding-1'
    assert held['object']['channel'].startswith(held['object']['connection'])
    find(sick, 'consumer_never_acks', 'stuck-1', period=1, says='1,090 wait in the queue')
    find(sick, 'queue_grows', 'stuck', says='1,100 were published, and its 1 consumer consumed 0')
    for queue in 'stuck', 'hoarded':
        channel.queue_delete(queue)


def test_a_delivery_that_nears_its_timeout_is_found_until_it_is_acknowledged(sick):
    for timeout_s in 2, 20, 80:                      # the longer ones are for a machine that is overloaded
        with Peer(sick.address) as peer:             # one of its own: a timeout cancels the consumer of an earlier one
            queue, patient = f'slow-{timeout_s}', f'patient-{timeout_s}'
            peer.declare(patient)
            peer.declare(queue, arguments={'x-consumer-timeout': timeout_s * 1000})
            peer.call(1, 'basic.consume', queue=patient)
            peer.call(1, 'basic.consume', queue=queue)
            for each in patient, queue:              # the first, which has no timeout, is held longest
                peer.publish(1, '', each, b'')
                held = peer.content(1).method.delivery_tag
            due, seen, told = time.monotonic() + timeout_s, None, None
            while time.monotonic() < due and not (seen and told):
                seen = found(sick, 'consumer_timeout_near', None)
                told = seen and tells(sick, 'consumer_timeout_near', HOUR)
                time.sleep(0.05)
            if not (seen and told):
                continue
            assert seen['object']['kind'] == 'channel' and seen['object']['name'] == seen['object']['connection'] + ' (1)'
            assert f'the timeout is {timeout_s} seconds.' in seen['evidence'] and seen['remedy'] in told
            peer.send(1, 'basic.ack', delivery_tag=held)
            eventually(lambda: not found(sick, 'consumer_timeout_near', None))
            return
    raise AssertionError('no look at it fell into the last quarter of the timeout')


def test_transient_messages_and_odd_connections_are_found(sick, client):
    connection = client()
    channel = connection.channel()
    channel.queue_declare('transient', durable=True)
    channel.confirm_delivery()
    for _ in range(20):
        channel.basic_publish('', 'transient', b'')
    kept = [connection.channel() for _ in range(100)]
    find(sick, 'transient_in_durable', 'transient', says='20 of the 20 messages in the durable queue transient')
    confirmed = find(sick, 'transient_confirms', says='20 of 20 messages that user guest has published')
    assert confirmed['object']['kind'] == 'channel' and confirmed['object']['name'] == confirmed['object']['connection'] + ' (1)'
    leak = find(sick, 'channels_leak', confirmed['object']['connection'], says=f'has {len(kept) + 1} channels open')
    assert leak['severity'] == 'advice'
    channel.queue_delete('transient')


def own_address():
    """An address of this machine that is not a loopback one; None: it has none."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(('192.0.2.1', 9))          # no packet is sent
            return probe.getsockname()[0]
        except OSError:
            return None


def test_a_connection_without_heartbeat_is_found_unless_it_is_local(sick, client):
    local = client(heartbeat=0)
    assert local.is_open
    address = own_address()
    if address is None or address.startswith('127.'):
        pytest.skip('this machine has no address but loopback ones')
    assert client(address, heartbeat=0).is_open
    heartless = find(sick, 'no_heartbeat')
    assert heartless['object']['name'].startswith(address)
    assert not any(finding['object']['name'].startswith('127.') for finding in report(sick)['findings']
                   if finding['rule'] == 'no_heartbeat')
    assert Api(sick).get(path('connections', heartless['object']['name'])).status == 200
