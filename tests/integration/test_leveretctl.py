"""The operator's command line: rabbitmqctl's commands, columns, headings and exit codes.

The texts expected here are rabbitmqctl 3.10's; the same tests pass with it (BROKER=rabbitmq), and
test_it_answers_as_rabbitmqctl_does holds both side by side."""
import csv
import fcntl
import json
import os
import pty
import re
import resource
import signal
import socket
import struct
import subprocess
import tempfile
import termios
import time

import pytest

from patience import PATIENCE_S
from wire import CAPABILITIES, Peer, encode_properties, eventually

OK, USAGE, DATA, NO_USER, UNAVAILABLE, SOFTWARE = 0, 64, 65, 67, 69, 70


def rows(result):
    """A table's heading and its rows in any order."""
    heading, *rest = result.out.splitlines()
    return heading.split('\t'), sorted(tuple(line.split('\t')) for line in rest)


def populate(broker, vhost):
    """A vhost with an exchange, queues, bindings, a consumer and messages; the connection that holds it up."""
    broker.ctl('add_vhost', vhost)
    broker.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
    peer = Peer(broker.address, vhost=vhost, properties={'connection_name': 'clerk', 'product': 'wire.py',
                                                         'capabilities': CAPABILITIES})
    peer.call(1, 'exchange.declare', exchange='order', type='direct', durable=True,
              arguments={'alternate-exchange': 'ae'})
    peer.call(1, 'exchange.declare', exchange='news', type='fanout', auto_delete=True)
    peer.declare('order_notify', durable=True, arguments={'x-max-length': 5})
    peer.declare('two words', auto_delete=True)
    peer.declare('mine', exclusive=True)
    peer.call(1, 'queue.bind', queue='order_notify', exchange='order', routing_key='order.notify')
    peer.call(1, 'exchange.bind', destination='order', source='news', routing_key='k',
              arguments={'n': 1, 's': 'x', 'b': True, 't': {'a': [1, 'two', None]}})
    peer.call(1, 'basic.consume', queue='order_notify', consumer_tag='ctag', arguments={'x-priority': 3})
    peer.publish(1, '', 'order_notify', b'hello')
    peer.content()
    for _ in range(2):
        peer.publish(1, '', 'two words', b'hello')
    eventually(lambda: peer.declare('two words', passive=True).message_count == 2)
    return peer


@pytest.fixture(scope='module')
def shop(broker):
    """The populated vhost, for the tests that only look."""
    peer = populate(broker, 'ctl shop')
    yield broker
    peer.drop()
    broker.ctl('delete_vhost', 'ctl shop')


PREDECLARED = [('', 'direct'), ('amq.direct', 'direct'), ('amq.fanout', 'fanout'), ('amq.headers', 'headers'),
               ('amq.match', 'headers'), ('amq.rabbitmq.trace', 'topic'), ('amq.topic', 'topic')]


def test_list_exchanges_shows_name_and_type(shop):
    assert rows(shop.ctl('-q', 'list_exchanges', '-p', 'ctl shop')) == (
        ['name', 'type'], sorted(PREDECLARED + [('order', 'direct'), ('news', 'fanout')]))


def test_list_exchanges_shows_the_columns_asked_for(shop):
    columns = ['name', 'type', 'durable', 'auto_delete', 'internal', 'arguments', 'policy']
    heading, found = rows(shop.ctl('-q', '-p', 'ctl shop', 'list_exchanges', *columns))
    assert heading == columns
    assert ('order', 'direct', 'true', 'false', 'false', '[{"alternate-exchange","ae"}]', '') in found
    assert ('amq.rabbitmq.trace', 'topic', 'true', 'false', 'true', '[]', '') in found


def test_list_queues_shows_name_and_messages(shop):
    assert rows(shop.ctl('-q', 'list_queues', '-p', 'ctl shop')) == (
        ['name', 'messages'], [('mine', '0'), ('order_notify', '1'), ('two words', '2')])


def test_list_queues_shows_the_columns_asked_for(shop):
    columns = ['name', 'durable', 'auto_delete', 'exclusive', 'arguments', 'messages', 'messages_ready',
               'messages_unacknowledged', 'consumers', 'state', 'type', 'policy']
    assert rows(shop.ctl('-q', 'list_queues', '-p', 'ctl shop', *columns)) == (columns, [
        ('mine', 'false', 'false', 'true', '[]', '0', '0', '0', '0', 'running', 'classic', ''),
        ('order_notify', 'true', 'false', 'false', '[{"x-max-length",5}]', '1', '0', '1', '1', 'running', 'classic', ''),
        ('two words', 'false', 'true', 'false', '[]', '2', '2', '0', '0', 'running', 'classic', '')])


@pytest.mark.leveret
def test_list_queues_tells_memory_from_disk_and_what_outlives_a_restart(broker, peer, name):
    columns = ('name', 'pid', 'messages', 'messages_persistent', 'messages_ram', 'messages_ready_ram', 'message_bytes',
               'message_bytes_ram', 'leader', 'members', 'online')

    def shown(queue):
        found = json.loads(broker.ctl('-q', '--formatter', 'json', 'list_queues', *columns).out)
        row, = (row for row in found if row['name'] == queue)
        return [row[column] for column in columns[1:]]

    peer.declare(name('q'), durable=True, arguments={'x-queue-type': 'quorum'})
    for number in range(10):
        peer.publish(1, '', name('q'), bytes(1000), encode_properties(dict(delivery_mode=1 + number % 2)))
    node = shown(name('q'))[0].strip('<').rsplit('.', 3)[0]
    eventually(lambda: shown(name('q'))[1:] == [10, 10, 10, 10, 10_000, 10_000, node, [node], [node]])
    peer.call(1, 'queue.delete', queue=name('q'))

    peer.declare(name('long'), durable=True)
    for number in range(6000):
        peer.publish(1, '', name('long'), bytes(1000), encode_properties(dict(delivery_mode=1 + number % 2)))
    eventually(lambda: shown(name('long'))[1:3] == [6000, 3000] and shown(name('long'))[3] < 6000)
    _, _, _, ram, ready_ram, size, size_ram, *nodes = shown(name('long'))
    assert (ram, size, nodes) == (ready_ram, 6_000_000, ['', '', ''])
    assert 0 < size_ram < size and size_ram == ram * 1000
    peer.call(1, 'queue.delete', queue=name('long'))


def columns_of(broker, queue, *names):
    """The columns of one queue, by name, as JSON has them."""
    listed = json.loads(broker.ctl('-q', 'list_queues', '--formatter', 'json', 'name', *names).out)
    return [next(row for row in listed if row['name'] == queue)[name] for name in names]


def test_list_queues_shows_what_is_persistent_and_the_time_of_the_first_message(broker, peer, name):
    peer.call(1, 'confirm.select')
    peer.declare(name('q'), durable=True)
    for number in range(3):
        peer.publish(1, '', name('q'), b'x' * (number + 1),
                     encode_properties({'delivery_mode': 2, 'timestamp': 1700000000 + number}))
        peer.expect('basic.ack')
    peer.publish(1, '', name('q'), b'transient')
    peer.expect('basic.ack')
    what = 'message_bytes_persistent', 'head_message_timestamp', 'disk_writes', 'disk_reads'
    assert columns_of(broker, name('q'), *what) == [6, 1700000000, 3, 0]
    peer.send(1, 'basic.get', queue=name('q'), no_ack=True)
    peer.content(1, 'basic.get-ok')
    eventually(lambda: columns_of(broker, name('q'), *what) == [5, 1700000001, 3, 0])
    peer.call(1, 'queue.delete', queue=name('q'))


def test_list_queues_shows_for_how_long_consumers_could_take_more(broker, peer, name):
    for queue in 'free', 'busy', 'alone':
        peer.declare(name(queue))
    peer.call(1, 'basic.qos', prefetch_count=1)
    for queue in 'free', 'busy':
        peer.call(1, 'basic.consume', queue=name(queue))
    for _ in range(2):
        peer.publish(1, '', name('busy'), b'one is taken, one waits')
    peer.content()
    what = 'consumer_utilisation', 'consumer_capacity'
    eventually(lambda: columns_of(broker, name('busy'), *what)[0] < 0.5)
    assert columns_of(broker, name('free'), *what) == [1.0, 1.0]
    assert columns_of(broker, name('alone'), *what) == [0, 0]


def test_list_queues_names_the_channel_of_an_exclusive_consumer(broker, connect, name):
    peer = connect()
    peer.declare(name('q'))
    peer.open_channel(7)
    peer.call(7, 'basic.consume', queue=name('q'), consumer_tag='alone', exclusive=True)
    tag, pid = columns_of(broker, name('q'), 'exclusive_consumer_tag', 'exclusive_consumer_pid')
    consumers = rows(broker.ctl('-q', 'list_consumers', 'consumer_tag', 'channel_pid'))[1]
    assert tag == 'alone' and ('alone', pid) in consumers
    peer.drop()


def test_list_bindings_shows_source_destination_key_and_arguments(shop):
    assert rows(shop.ctl('-q', 'list_bindings', '-p', 'ctl shop')) == (
        ['source_name', 'source_kind', 'destination_name', 'destination_kind', 'routing_key', 'arguments'],
        sorted([('', 'exchange', queue, 'queue', queue, '[]') for queue in ('mine', 'order_notify', 'two words')] + [
            ('order', 'exchange', 'order_notify', 'queue', 'order.notify', '[]'),
            ('news', 'exchange', 'order', 'exchange', 'k',
             '[{"b",true},{"n",1},{"s","x"},{"t",[{"a",[1,"two",undefined]}]}]')]))


def test_list_connections_shows_user_peer_and_state(shop, connect):
    port = connect().socket.getsockname()[1]
    heading, found = rows(shop.ctl('-q', 'list_connections'))
    assert heading == ['user', 'peer_host', 'peer_port', 'state']
    assert ('guest', '127.0.0.1', str(port), 'running') in found


def test_list_connections_shows_the_columns_asked_for(shop, connect):
    peer = connect(heartbeat=30, frame_max=8192, channel_max=77)
    peer.open_channel(2)
    host, port = peer.socket.getsockname()
    columns = ['peer_port', 'name', 'user', 'vhost', 'state', 'channels', 'protocol', 'port', 'ssl', 'auth_mechanism',
               'channel_max', 'frame_max', 'timeout']
    heading, found = rows(shop.ctl('-q', 'list_connections', *columns))
    assert heading == columns
    assert (str(port), f'{host}:{port} -> {host}:{shop.port}', 'guest', '/', 'running', '2', '{0,9,1}', str(shop.port),
            'false', 'PLAIN', '77', '8192', '30') in found


def test_list_connections_counts_reads_and_writes(broker, connect):
    peer = connect()
    port = str(peer.socket.getsockname()[1])

    def counts():
        found = rows(broker.ctl('-q', 'list_connections', 'peer_port', 'recv_cnt', 'send_cnt'))[1]
        return next([int(count) for count in row[1:]] for row in found if row[0] == port)

    received, sent = counts()
    assert received > 0 and sent > 0
    peer.declare()
    assert all(after > before for after, before in zip(counts(), (received, sent)))


def test_list_channels_and_list_consumers_show_who_consumes(shop):
    heading, found = rows(shop.ctl('-q', 'list_channels', 'vhost', 'number', 'user', 'transactional', 'confirm',
                                   'consumer_count', 'messages_unacknowledged', 'prefetch_count'))
    assert ('ctl shop', '1', 'guest', 'false', 'false', '1', '1', '0') in found
    heading, found = rows(shop.ctl('-q', 'list_consumers', '-p', 'ctl shop'))
    assert heading == ['queue_name', 'channel_pid', 'consumer_tag', 'ack_required', 'prefetch_count', 'active', 'arguments']
    assert [(row[0],) + row[2:] for row in found] \
        == [('order_notify', 'ctag', 'true', '0', 'true', '[{"x-priority",3}]')]
    heading, found = rows(shop.ctl('-q', 'list_channels'))
    assert heading == ['pid', 'user', 'consumer_count', 'messages_unacknowledged']


def test_list_vhosts_and_list_users_show_names(shop):
    heading, found = rows(shop.ctl('-q', 'list_vhosts'))
    assert heading == ['name'] and {('/',), ('ctl shop',)} <= set(found)
    heading, found = rows(shop.ctl('-q', 'list_users'))
    assert heading == ['user', 'tags'] and ('guest', '[administrator]') in found


@pytest.mark.leveret                                    # RabbitMQ shows a list for a vhost that no command has made
def test_the_tags_of_a_vhost_are_shown_as_they_were_given(broker, name):
    broker.ctl('add_vhost', name('v'), '--tags', 'one,two')
    listed = broker.ctl('-q', 'list_vhosts', 'name', 'tags').out.splitlines()
    assert f"{name('v')}\tone,two" in listed and '/\t' in listed
    listed = json.loads(broker.ctl('-q', 'list_vhosts', '--formatter', 'json', 'name', 'tags').out)
    assert {'name': name('v'), 'tags': 'one,two'} in listed
    broker.ctl('delete_vhost', name('v'))


@pytest.mark.leveret
def test_a_terminal_is_sent_no_control_characters_of_a_client(broker, peer, name):
    queue = name('q') + '\x1b[31m\x07'
    peer.declare(queue)
    assert queue in broker.ctl('-q', 'list_queues', 'name').out
    shown = broker.ctl_on_a_terminal('-q', 'list_queues', 'name')
    assert name('q') + r'\x1b[31m\x07' in shown and '\x1b' not in shown
    peer.call(1, 'queue.delete', queue=queue)


@pytest.mark.leveret
def test_status_shows_every_alarm(broker, workspace):
    """Asked of a broker that is made up, since a log without room is not to be had at will."""
    facts = {'ok': True, 'alarms': ['memory', 'disk', 'log', 'store'], 'memory_setting': 1, 'config_files': [],
             'files_limit': 1, 'files_used': 1, 'memory_used': 1, 'vhosts': 1, 'connections': 1, 'queues': 1,
             'listeners': []}
    with tempfile.TemporaryDirectory(dir=workspace) as directory, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f'{directory}/control.sock')
        listener.listen()
        asking = subprocess.Popen([broker.control, '--data-dir', directory, 'status'], stdout=subprocess.PIPE, text=True)
        listener.settimeout(PATIENCE_S)
        with listener.accept()[0] as asked:
            asked.settimeout(PATIENCE_S)
            while asked.recv(1 << 16):                       # whatever it asks
                asked.sendall(json.dumps(facts).encode() + b'\n')
            shown = asking.communicate(timeout=PATIENCE_S)[0]
    assert asking.returncode == OK
    for alarm in 'Memory alarm', 'Free disk space alarm', 'Log alarm', 'Store alarm':
        assert re.search(f'^{alarm} .*on node ', shown, re.M), shown


def test_headings_say_what_is_listed_unless_quiet(shop):
    def first(*words):
        lines = shop.ctl(*words).out.splitlines()
        return [line for line in lines if not line.startswith('Timeout:')][0]
    assert first('list_queues', '-p', 'ctl shop') == 'Listing queues for vhost ctl shop ...'
    assert first('list_exchanges', '-p', 'ctl shop') == 'Listing exchanges for vhost ctl shop ...'
    assert first('list_bindings', '-p', 'ctl shop') == 'Listing bindings for vhost ctl shop...'
    assert first('list_consumers', '-p', 'ctl shop') == 'Listing consumers in vhost ctl shop ...'
    assert first('list_connections') == 'Listing connections ...'
    assert first('list_channels') == 'Listing channels ...'
    assert first('list_vhosts') == 'Listing vhosts ...'
    assert first('list_users') == 'Listing users ...'
    assert first('-q', 'list_users') == 'user\ttags'
    assert first('-s', 'list_vhosts') in ('/', 'ctl shop')
    assert first('-q', 'list_vhosts', '--no-table-headers') in ('/', 'ctl shop')


def test_json_is_an_array_of_objects_with_real_types(shop):
    found = json.loads(shop.ctl('-q', '--formatter', 'json', 'list_queues', '-p', 'ctl shop', 'name', 'messages',
                                'durable', 'arguments').out)
    assert sorted(found, key=lambda row: row['name']) == [
        {'name': 'mine', 'messages': 0, 'durable': False, 'arguments': []},
        {'name': 'order_notify', 'messages': 1, 'durable': True, 'arguments': [['x-max-length', 'signedint', 5]]},
        {'name': 'two words', 'messages': 2, 'durable': False, 'arguments': []}]


def test_csv_quotes_every_field(shop):
    text = shop.ctl('-q', 'list_queues', '--formatter', 'csv', '-p', 'ctl shop', 'name', 'messages', 'arguments').out
    assert text.splitlines()[0] == '"name","messages","arguments"'
    assert sorted(csv.reader(text.splitlines()[1:])) == [
        ['mine', '0', '[]'], ['order_notify', '1', '[{"x-max-length",5}]'], ['two words', '2', '[]']]


def test_ping_version_status_and_await_startup_answer(broker):
    assert 'Ping succeeded' in broker.ctl('ping').out
    assert re.fullmatch(r'\d+\.\d+\.\d+\S*\n', broker.ctl('version').out)
    assert broker.ctl('-q', 'await_startup').code == OK
    status = broker.ctl('status').out
    assert str(broker.pid) in status and str(broker.port) in status


@pytest.mark.leveret
@pytest.mark.once
def test_a_command_costs_milliseconds_of_a_processor(broker):
    def used():
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime
    begin = used()
    for _ in range(10):
        broker.ctl('-q', 'list_queues')
    assert used() - begin < 1                        # of ten; RabbitMQ's costs half a second each


@pytest.mark.parametrize('words', [
    ['nonsense'], [], ['list_queues', 'nonsense'], ['list_queues', '--nonsense'], ['add_user'], ['add_vhost'],
    ['purge_queue'], ['delete_queue'], ['close_connection', 'x'], ['set_permissions', 'guest']], ids=str)
def test_a_command_that_cannot_be_meant_is_a_usage_error(broker, words):
    result = broker.ctl(*words, check=False)
    assert result.code == USAGE and result.err and not result.out, result


def test_vhosts_are_added_once_and_deleted_once(broker, name):
    vhost = name('v')
    assert broker.ctl('add_vhost', vhost).out == f'Adding vhost "{vhost}" ...\n'
    broker.ctl('add_vhost', vhost)                   # again is fine
    assert (vhost,) in rows(broker.ctl('-q', 'list_vhosts'))[1]
    broker.ctl('delete_vhost', vhost)
    assert (vhost,) not in rows(broker.ctl('-q', 'list_vhosts'))[1]
    gone = broker.ctl('delete_vhost', vhost, check=False)
    assert gone.code == DATA and f"Virtual host '{vhost}' does not exist" in gone.err, gone


def test_a_new_vhost_has_the_predeclared_exchanges(broker, name):
    broker.ctl('add_vhost', name('v'))
    assert rows(broker.ctl('-q', 'list_exchanges', '-p', name('v')))[1] == PREDECLARED
    broker.ctl('delete_vhost', name('v'))


def test_users_are_added_once_changed_and_deleted_once(broker, name):
    user = name('u')
    assert broker.ctl('add_user', user, 'pw').out.startswith(f'Adding user "{user}" ...\n')
    assert (user, '[]') in rows(broker.ctl('-q', 'list_users'))[1]
    again = broker.ctl('add_user', user, 'pw', check=False)
    assert again.code == SOFTWARE and f'User "{user}" already exists' in again.err, again
    assert broker.ctl('change_password', user, 'other').out == f'Changing password for user "{user}" ...\n'
    assert broker.ctl('set_permissions', user, '.*', '.*', '.*').out \
        == f'Setting permissions for user "{user}" in vhost "/" ...\n'
    Peer(broker.address, user=user, password='other').close()
    assert broker.ctl('delete_user', user).out == f'Deleting user "{user}" ...\n'
    for words in (['delete_user', user], ['change_password', user, 'x'], ['set_permissions', user, '', '', '']):
        missing = broker.ctl(*words, check=False)
        assert missing.code == NO_USER and 'does not exist' in missing.err, missing


def test_permissions_need_a_vhost_that_is_there_and_patterns_that_compile(broker):
    for words in (['-p', 'nowhere', 'guest', '.*', '.*', '.*'], ['guest', '*', '.*', '.*']):
        refused = broker.ctl('set_permissions', *words, check=False)
        assert refused.code == UNAVAILABLE and refused.err, refused
    Peer(broker.address).close()


def test_an_empty_user_name_is_refused(broker):
    refused = broker.ctl('add_user', '', 'x', check=False)
    assert refused.code == DATA and refused.err, refused


def test_a_password_may_come_on_standard_input(broker, name):
    broker.ctl('add_user', name('u'), input='secret\n')
    broker.ctl('set_permissions', name('u'), '', '', '')
    Peer(broker.address, user=name('u'), password='secret').close()
    broker.ctl('delete_user', name('u'))


def test_queues_are_purged_and_deleted(broker, peer, name):
    peer.declare(name('q'), durable=True)
    for _ in range(3):
        peer.publish(1, '', name('q'), b'm')
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 3)
    assert broker.ctl('purge_queue', name('q')).out == f"Purging queue '{name('q')}' in vhost '/' ...\n"
    assert peer.declare(name('q'), passive=True).message_count == 0
    for _ in range(2):
        peer.publish(1, '', name('q'), b'm')
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 2)
    peer.call(1, 'basic.qos', prefetch_count=1)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='c')
    peer.content()
    for flag, why in (('--if-unused', 'Queue is in use'), ('--if-empty', 'Queue is not empty')):
        kept = broker.ctl('delete_queue', name('q'), flag, check=False)
        assert kept.code == USAGE and why in kept.err, kept
    assert 'Queue was successfully deleted with 1 ready messages' in broker.ctl('delete_queue', name('q')).out
    assert peer.expect('basic.cancel', 1).consumer_tag == 'c'
    assert broker.ctl('purge_queue', name('q'), check=False).code == UNAVAILABLE
    missing = broker.ctl('delete_queue', name('q'), check=False)
    assert missing.code == USAGE and 'Queue not found' in missing.err, missing


def test_a_connection_can_be_closed_with_a_reason(broker, connect):
    peer = connect()
    port = peer.socket.getsockname()[1]
    found = rows(broker.ctl('-q', 'list_connections', 'peer_port', 'pid'))[1]
    pid = dict(found)[str(port)]
    broker.ctl('close_connection', pid, 'that will do')
    peer.expect_connection_close(320, 'CONNECTION_FORCED - that will do', '')
    eventually(lambda: str(port) not in dict(rows(broker.ctl('-q', 'list_connections', 'peer_port', 'pid'))[1]))


@pytest.mark.leveret
def test_stop_stops_gracefully(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    own.ctl('stop')
    peer.expect_connection_close(320, "CONNECTION_FORCED - broker forced connection closure with reason 'shutdown'", '')
    assert own.child.wait(PATIENCE_S) == 0
    unreachable = own.ctl('-q', 'list_queues', check=False)
    assert unreachable.code == UNAVAILABLE and unreachable.err, unreachable


@pytest.mark.once
@pytest.mark.parametrize('words', [['list_exchanges', '--formatter', 'json'], ['add_user'], ['-p', 'nowhere', 'list_queues']])
def test_rabbitmqctl_answers_the_same_in_one_vm_for_many_commands(rabbit, words):
    in_vm, started = rabbit.ctl(*words, check=False), rabbit.ctl(*words, check=False, input='')
    assert (in_vm.code, in_vm.out, in_vm.err.replace('--script-name rabbitmqctl ', '')) == (started.code, started.out, started.err)


LIMITS = [
    *[['set_vm_memory_high_watermark', *words] for words in (
        ['0.5'], ['0.5', '-q'], ['0.5', '--formatter', 'json'], ['1'], ['1.1'], ['-1'], ['abc'], ['.5'], ['0.5', '0.6'], [],
        ['absolute'], ['absolute', '10', '20'], ['absolute', '1.5GB'], ['absolute', '5XB'], ['absolute', '2GB'])],
    *[['set_disk_free_limit', *words] for words in (
        ['1GB'], ['1GB', '--formatter', 'json'], ['abc'], [], ['1.5GB'], ['1', '2'], ['mem_relative'], ['mem_relative', 'abc'],
        ['mem_relative', '-1'], ['mem_relative', '0.1', '5'], ['mem_relative', '0.1'])]]
ALARMS = [[command, *words] for command in ('alarms', 'check_alarms', 'check_local_alarms')
          for words in ([], ['-s'], ['--formatter', 'json'])]
SIZES = ['100', '3k', '3K', '3kB', '3KB', '3kb', '3kib', '3kiB', '3m', '3M', '3MB', '3mb', '3MiB', '3mib', '3g', '3G', '3GB', '3gb',
         '3GiB', '3gib']


@pytest.mark.once
def test_limits_of_memory_and_disk_and_alarms_are_those_of_rabbitmqctl(own_broker, rabbit):
    """Everything but the node's name, usage texts, and the arguments that an error repeats."""
    def answer(one, run, words):
        result = run(*words)
        out, err = (text.replace(one.node_name, 'NODE') for text in (result.out, result.err))
        return words, result.code, out, err.split('\nArguments given:')[0].strip()

    def answers(one):
        ctl = lambda *words: one.ctl(*words, check=False)                                                    # noqa: E731
        shown = lambda: json.loads(one.diagnostics('alarms', '--formatter', 'json').out)                     # noqa: E731
        found = [answer(one, ctl, words) for words in LIMITS]
        for memory, disk, count in (['0.9'], '0', 0), (['absolute', '1k'], '900GB', 2):
            one.ctl('set_vm_memory_high_watermark', *memory)
            one.ctl('set_disk_free_limit', disk)
            eventually(lambda: len(shown().get('local', [])) == count)
            found += [answer(one, one.diagnostics, words) for words in ALARMS]
            found.append(json.loads(ctl('status', '--formatter', 'json').out.replace(one.node_name, 'NODE'))['alarms'])
        one.ctl('set_vm_memory_high_watermark', '0.9')
        one.ctl('set_disk_free_limit', '50MB')
        eventually(lambda: shown()['alarms'] == [])
        return found

    ours_alone = own_broker()
    theirs, ours = answers(rabbit), answers(ours_alone)
    different = [f'RabbitMQ: {one}\nLeveret:  {other}' for one, other in zip(theirs, ours) if one != other]
    assert not different, '\n\n'.join(different)

    sizes = ','.join(f'"{size}"' for size in SIZES)
    parsed = rabbit.ctl('eval', f'[element(2, rabbit_resource_monitor_misc:parse_information_unit(S)) || S <- [{sizes}]].').out
    for size, in_bytes in zip(SIZES, json.loads(parsed)):
        ours_alone.ctl('set_disk_free_limit', size)
        assert json.loads(ours_alone.ctl('status', '--formatter', 'json').out)['disk_free_limit'] == in_bytes, size


def test_close_all_user_connections_spares_other_users(broker, name):
    user = name('u')
    broker.ctl('add_user', user, 'pw')
    broker.ctl('set_permissions', user, '.*', '.*', '.*')
    theirs, other = Peer(broker.address, user=user, password='pw'), Peer(broker.address)
    assert broker.ctl('close_all_user_connections', user, 'why').out == f'Closing connections of user {user}, reason: why...\n'
    assert 'CONNECTION_FORCED - why' in theirs.expect('connection.close').reply_text
    other.declare('', exclusive=True)
    theirs.drop()
    other.drop()
    broker.ctl('delete_user', user)


@pytest.mark.leveret
def test_quorum_status_shows_the_one_member(broker, peer, name):
    peer.declare(name('q'), durable=True, arguments={'x-queue-type': 'quorum'})
    peer.declare(name('c'), durable=True)
    heading, (row,) = rows(broker.ctl('-q', 'quorum_status', name('q')))
    assert heading == ['leader', 'members', 'online', 'messages', 'state'] and row[3:] == ('0', 'running')
    for queue, text in (name('c'), 'classic_queue_not_supported'), (name('none'), 'not_found'):
        refused = broker.ctl('quorum_status', queue, check=False)
        assert (refused.code, refused.err) == (UNAVAILABLE, f'Error:\n{text}\n')
    for queue in name('q'), name('c'):
        peer.call(1, 'queue.delete', queue=queue)


@pytest.mark.leveret
def test_diagnostics_show_the_process_and_its_machine(broker):
    assert '--data-dir' in broker.ctl('command_line_arguments').out
    assert 'Interface lo\naddress: 127.0.0.1\n' in broker.ctl('list_network_interfaces').out
    assert broker.ctl('-q', 'resolve_hostname', '127.0.0.1').out == '127.0.0.1\n'
    assert broker.ctl('resolve_hostname', 'x', '--address-family', 'x', check=False).code == DATA
    assert broker.ctl('resolve_hostname', 'no.such.name.invalid', check=False).code == DATA
    assert json.loads(broker.ctl('certificates', '--formatter', 'json').out)['certificates'] == []
    assert json.loads(broker.ctl('os_env', '--formatter', 'json').out)['result'] == 'ok'
    assert broker.ctl('-q', 'tls_versions').out == 'tlsv1.3\ntlsv1.2\n'
    status = json.loads(broker.ctl('status', '--formatter', 'json').out)
    assert broker.ctl('-q', 'server_version').out == status['rabbitmq_version'] + '\n'
    report = broker.ctl('report').out
    for heading in 'Status of node', 'Listing connections', 'Listing queues for vhost /', 'Listing bindings for vhost /':
        assert heading in report
    broker.ctl('force_gc')
    broker.ctl('rebalance', 'all')
    assert broker.ctl('rebalance', 'some', check=False).code == UNAVAILABLE


@pytest.mark.leveret
def test_top_shows_queues_by_length_as_plain_text(broker, name):
    vhost = name('v')
    peer = populate(broker, vhost)

    def shown(*words):
        lines = broker.ctl('top', '-p', vhost, *words).out.splitlines()
        assert lines[4].split() == ['QUEUE', 'PUBLISH/s', 'DELIVER/s', 'ACK/s', 'READY', 'UNACKED', 'CONS', 'MEMORY']
        return lines[0], [(line[:40].strip(), *line[70:94].split()) for line in lines[5:]]

    # The order is that of the sampler's last round.
    eventually(lambda: shown('--once')[1] == [
        ('two words', '2', '0', '0'), ('order_notify', '0', '1', '1'), ('mine', '0', '0', '0')])
    head, rows_by_name = shown('--sort', 'name', '--number', '1')
    assert [row[0] for row in rows_by_name] == ['mine', 'order_notify', 'two words']
    assert 'queues 3' in head and 'sorted by name' in head
    assert broker.ctl('top', '--once', '--sort', 'colour', check=False).code == USAGE
    assert broker.ctl('top', '--once', '-p', name('none'), check=False).code == DATA
    peer.drop()
    broker.ctl('delete_vhost', vhost)


@pytest.mark.leveret
@pytest.mark.parametrize('end', [b'q', signal.SIGTERM])
def test_top_restores_the_terminal_and_sends_it_no_control_characters(broker, connect, name, end):
    vhost, queue = name('top'), name('\x1b[31m')      # elsewhere there may be more queues than lines
    broker.ctl('add_vhost', vhost)
    broker.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
    peer = connect(vhost=vhost)
    peer.declare(queue)
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack('HHHH', 200, 200, 0, 0))
    before = termios.tcgetattr(its)
    child = subprocess.Popen([broker.control, '--data-dir', broker.data, 'top', '-p', vhost], stdin=its, stdout=its)
    octets = b''
    while queue.replace('\x1b', '\\x1b').encode() not in octets:
        octets += os.read(ours, 1 << 16)
    assert termios.tcgetattr(its)[3] != before[3]
    if isinstance(end, bytes):
        os.write(ours, end)
    else:
        child.send_signal(end)
    while b'\x1b[?25h\x1b[?1049l' not in octets:
        octets += os.read(ours, 1 << 16)
    assert child.wait(PATIENCE_S) == OK
    assert b'\x1b[31m' not in octets and termios.tcgetattr(its) == before
    os.close(ours)
    os.close(its)
    peer.drop()
    broker.ctl('delete_vhost', vhost)


@pytest.mark.leveret
def test_bash_completes_commands_options_and_names(broker, peer, name):
    queue, evil = name('two words'), name('evil\x1b')
    for one in queue, evil:
        peer.declare(one)
    script = os.path.join(os.path.dirname(__file__), '..', '..', 'tools', 'completion', 'leveretctl.bash')

    def completed(*words):
        done = subprocess.run(
            ['bash', '-c', 'source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _leveretctl; printf "%s\\n" "${COMPREPLY[@]}"',
             script, broker.control, '--data-dir', broker.data, *words], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == OK and not done.stderr
        return done.stdout.split('\n')[:-1]

    assert completed('list_q') == ['list_queues']
    assert completed('help', 'purge') == ['purge_queue']
    assert completed('list_queues', '--off') == ['--offline']
    assert completed('purge_queue', queue[:-5]) == [queue.replace(' ', '\\ ')]
    assert completed('purge_queue', evil[:-1]) == ['']
    assert 'amq.topic' in completed('explain_route', 'amq.')
    assert completed('-p', '/') == ['/']
    assert completed('set_permissions', 'gues') == ['guest']
    broker.ctl('set_policy', 'completed', '^none$', '{"max-length": 1}')
    assert completed('clear_policy', 'comp') == ['completed']
    assert completed('clear_operator_policy', 'comp') == ['']
    broker.ctl('clear_policy', 'completed')
    assert completed('list_queues', 'name', 'messages_rea') == ['messages_ready', 'messages_ready_ram']
    assert completed('browse_queue', queue, 'routing') == ['routing_key']
    assert completed('enable', 'rabbitmq_man') == ['rabbitmq_management', 'rabbitmq_management_agent']
    assert broker.ctl('autocomplete', 'list_exch').out == 'list_exchanges\n'
    for one in queue, evil:
        peer.call(1, 'queue.delete', queue=one)


@pytest.mark.leveret
def test_it_answers_to_the_names_of_rabbitmqs_tools(broker, tmp_path):
    def run(tool, *words):
        link = tmp_path / tool
        if not link.exists():
            link.symlink_to(broker.control)
        done = subprocess.run([link, '--data-dir', broker.data, *words], capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stdout, done.stderr

    code, out, _ = run('rabbitmqctl', 'list_exchanges')
    assert code == OK and 'amq.topic\ttopic\n' in out
    for tool, first in (('rabbitmq-diagnostics', 'alarms'), ('rabbitmq-queues', 'quorum_status'), ('rabbitmq-upgrade', 'drain')):
        code, out, _ = run(tool, 'help')
        assert code == OK and f'\n{tool} [--node <node>]' in out
        own, others = out.split(f'Commands of {tool}')[1].split('Help\x1b[0m:', 1)
        assert f'   {first} ' in own and f'   {first} ' not in others and '   list_exchanges ' in others
    code, _, err = run('rabbitmq-queues', 'quorum_status')
    assert code == USAGE and '\nrabbitmq-queues [--node <node>] [--longnames] [--quiet] quorum_status' in err


@pytest.mark.leveret
def test_the_manual_page_names_every_command(broker):
    page = os.path.join(os.path.dirname(__file__), '..', '..', 'docs', 'man', 'leveretctl.1')
    with open(page, encoding='utf-8') as file:
        text = set(re.findall(r'\w+', file.read().replace('\\-', '-')))
    commands = broker.ctl('autocomplete').out.split()
    assert 'list_queues' in commands and not [one for one in commands if one not in text]


@pytest.mark.leveret
def test_what_needs_erlang_or_a_cluster_is_refused_with_a_reason(broker):
    for command, reason in (('eval', 'does not run on Erlang'), ('add_member', 'is one node'), ('shovel_status', 'no shovels'),
                            ('schema_info', 'Mnesia'), ('sync_queue', 'is one node'), ('reset_stats_db', 'not reset')):
        refused = broker.ctl(command, 'x', check=False)
        assert refused.code == UNAVAILABLE and reason in refused.err and refused.out == ''


@pytest.mark.once
def test_it_answers_as_rabbitmqctl_does(broker, rabbit, name):
    """Exit codes and standard output, line by line, the order of rows aside. Errors are compared by their first
    sentence, since usage texts are each program's own."""
    vhost = name('v')
    listings = [
        *[['-p', vhost, *words] for words in (
            ['list_exchanges'], ['list_exchanges', '-q'], ['list_exchanges', '-s'], ['list_exchanges', '--no-table-headers'],
            ['list_exchanges', 'name', 'durable', 'arguments'], ['list_exchanges', '--formatter', 'json'],
            ['list_exchanges', '--formatter', 'csv', 'type', 'name', 'arguments'],
            ['list_queues'], ['list_queues', 'messages', 'name', 'consumers'], ['list_queues', '--formatter', 'json'],
            ['list_queues', '-q', 'name', 'arguments', 'messages_ready', 'messages_unacknowledged', 'state', 'type',
             'policy', 'exclusive', 'auto_delete', 'durable', 'message_bytes', 'message_bytes_ready'],
            ['list_queues', '--formatter', 'json', 'name', 'arguments', 'durable', 'exclusive'],
            ['list_queues', 'name', 'messages_persistent', 'messages_ram', 'messages_ready_ram', 'message_bytes_ram',
             'leader', 'members', 'online', 'message_bytes_persistent', 'head_message_timestamp', 'disk_reads', 'disk_writes'],
            ['list_queues', '--formatter', 'csv', 'name', 'arguments'],
            ['list_queues', '--formatter', 'erlang', 'name', 'durable', 'messages'], ['list_unresponsive_queues'],
            ['list_bindings'], ['list_bindings', 'routing_key', 'arguments'], ['list_bindings', '--formatter', 'json'],
            ['list_consumers', '-q', 'queue_name', 'consumer_tag', 'ack_required', 'prefetch_count', 'arguments'],
            ['list_permissions'], ['list_queues', 'nonsense'], ['list_bindings', 'nonsense'], ['list_consumers', 'nonsense'])],
        ['-p', 'nowhere', 'list_queues'], ['-p', 'nowhere', 'list_exchanges'], ['-p', 'nowhere', 'trace_on'],
        ['-p', 'nowhere', 'trace_off'], ['await_startup'],
        ['add_user'], ['nonsense'], ['list_connections', 'nonsense'], ['list_queues', '--nonsense'],
        ['close_connection', 'nonsense', 'why'], ['close_all_user_connections', 'nobody', 'why'],
        ['await_online_nodes', 'x'], ['wait'], ['wait', 'x', 'y'], ['wait', '--pid', '1', 'x'],
        ['force_boot'],
        ['enable_feature_flag', 'quorum_queue'], ['enable_feature_flag', 'all'], ['list_feature_flags', 'nonsense'],
    ]
    commands = [
        *[['-p', vhost, *words] for words in (
            ['purge_queue', 'two words'], ['purge_queue', 'none'], ['delete_queue', 'none'],
            ['delete_queue', 'order_notify', '--if-unused'], ['delete_queue', 'two words', '--if-empty'],
            ['trace_on'], ['trace_off'])],
        ['add_vhost', name('w')], ['add_vhost', name('w')], ['delete_vhost', name('w')], ['delete_vhost', name('w')],
        ['add_user', name('u'), 'pw'], ['add_user', name('u'), 'pw'], ['change_password', name('u'), 'x'],
        ['set_permissions', name('u'), '.*', '.*', '.*'], ['set_permissions', '-p', 'nowhere', name('u'), '', '', ''],
        ['set_user_tags', name('u'), 'monitoring', 'management'], ['list_user_permissions', name('u')],
        ['clear_permissions', name('u')], ['delete_user', name('u')], ['delete_user', name('u')],
        ['change_password', name('u'), 'x'], ['set_permissions', name('u'), '', '', ''],
    ]

    def answer(one, words):
        result = one.ctl(*words, check=False)
        out = result.out.replace('rabbitmqctl', 'CTL').replace('leveretctl', 'CTL')
        out = [line for line in out.splitlines() if not line.startswith('Timeout: ')]
        if 'erlang' in words:                          # its rows in any order, on lines of their own or not
            out = sorted(line.strip(' ,[]') for line in out)
        if '[' in out:                                 # JSON: its rows in any order
            out = ['\n'.join(out[:out.index('[')])] + sorted(line.lstrip(',') for line in out)
        err = result.err.replace('rabbitmqctl', 'CTL').replace('leveretctl', 'CTL')
        text = [line for line in err.splitlines() if line and line != 'Error:'] or ['']
        error = '' if result.code == OK else re.sub(r"Command '(.*)' not found.*", r"Command '\1' not found", text[0])
        return words, result.code, sorted(out), error

    def answers(one):
        peer = populate(one, vhost)
        found = [answer(one, words) for words in listings + commands]
        peer.drop()
        one.ctl('delete_vhost', vhost)
        return found

    theirs, ours = answers(rabbit), answers(broker)
    different = [f'RabbitMQ: {one}\nLeveret:  {other}' for one, other in zip(theirs, ours) if one != other]
    assert not different, '\n\n'.join(different)
