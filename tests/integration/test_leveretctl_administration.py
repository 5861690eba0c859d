"""Commands about logins, permissions, vhosts and the disk, which RabbitMQ has in rabbitmq-diagnostics or in releases after 3.10."""
import base64
import hashlib
import itertools
import json
import select
import subprocess

import pytest

from patience import PATIENCE_S
from wire import Peer, eventually

pytestmark = pytest.mark.leveret
OK, USAGE, DATA, NO_USER, UNAVAILABLE, SOFTWARE = 0, 64, 65, 67, 69, 70

NO_STATS = 'Listing authentication\n attempts for node "NODE" ...\nNode NODE reported no authentication attempt stats\n'
BOX = '\x1b(0lqqqqqqqqk\x1b(B\n\x1b(0x\x1b(B \x1b[1mOutput\x1b[0m \x1b(0x\x1b(B\n'


def test_login_attempts_are_counted_by_protocol_and_by_source(own_broker):
    broker = own_broker()

    def shown(*words):
        return broker.ctl('-n', 'a@b', 'list_node_auth_attempt_stats', *words).out

    assert shown() == NO_STATS.replace('NODE', 'a@b')
    assert json.loads(shown('--formatter', 'json')) == {'attempts': [], 'node': 'a@b', 'result': 'ok'}
    assert broker.ctl('enable_auth_attempt_source_tracking').out == 'Enabling authentication attempt source tracking ...\n'
    Peer(broker.address).drop()
    with Peer(broker.address, upto='start-ok', user='eve', password='x') as peer:
        peer.expect('connection.close', 0)
    assert shown('-q') == ('protocol\tauth_attempts\tauth_attempts_failed\tauth_attempts_succeeded\n'
                           'amqp091\t2\t1\t1\n')
    assert shown('-q', '--by-source', '--formatter', 'csv').splitlines()[1:] == [
        '"127.0.0.1","eve","amqp091","1","1","0"', '"127.0.0.1","guest","amqp091","1","0","1"']
    assert shown('--by-source', '--formatter', 'json').startswith(
        '{"attempts":[{"auth_attempts":1,"auth_attempts_failed":1,"auth_attempts_succeeded":0,"protocol":"amqp091",'
        '"remote_address":"127.0.0.1","username":"eve"},')
    assert broker.ctl('disable_auth_attempt_source_tracking').out == 'Disabling authentication attempt source tracking ...\n'
    assert 'no authentication attempt stats' in shown('--by-source')
    assert broker.ctl('-n', 'a@b', 'reset_node_auth_attempt_metrics').out == 'Reset auth attempt metrics on node a@b ...\n'
    assert shown() == NO_STATS.replace('NODE', 'a@b')


@pytest.mark.parametrize('algorithm, digest', [(None, hashlib.sha256), ('rabbit_password_hashing_sha512', hashlib.sha512)])
def test_a_hashed_password_begins_with_its_salt(broker, algorithm, digest):
    options = ['--hashing-algorithm', algorithm] if algorithm else []
    said = broker.ctl('hash_password', 'pass word', *options).out.splitlines()
    assert said[0] == 'Will hash password pass word'
    raw = base64.b64decode(said[1])
    assert raw[4:] == digest(raw[:4] + b'pass word').digest()
    assert len(base64.b64decode(broker.ctl('-q', '--formatter', 'json', 'hash_password', input='x\n').out.split('"')[-2])) == 36
    assert broker.ctl('hash_password', '', check=False).code == DATA
    assert broker.ctl('hash_password', 'x', '--hashing-algorithm', 'rot13', check=False).code == DATA


def test_permissions_are_set_in_every_vhost(broker, name):
    user, vhost = name('u'), name('v')
    broker.ctl('add_vhost', vhost)
    broker.ctl('add_user', user, 'x')
    assert broker.ctl('set_permissions_globally', user, 'c', 'w', 'r').out == (
        f'Setting permissions for user "{user}" in all virtual hosts ...\n')
    found = broker.ctl('-q', 'list_user_permissions', user).out.splitlines()[1:]
    assert {'/\tc\tw\tr', f'{vhost}\tc\tw\tr'} <= set(found)
    refused = broker.ctl('set_permissions_globally', name('nobody'), 'c', 'w', 'r', check=False)
    assert (refused.code, refused.err) == (NO_USER, f'Error:\nUser {name("nobody")} does not exist\n')
    broker.ctl('delete_user', user)
    broker.ctl('delete_vhost', vhost)


def test_the_metadata_of_a_vhost_are_changed_one_by_one(broker, name):
    vhost = name('v')

    def shown():
        found = broker.ctl('-q', 'list_vhosts', 'name', 'tags', 'description').out.splitlines()
        return [line.split('\t')[1:] for line in found if line.startswith(vhost)]

    missing = broker.ctl('update_vhost_metadata', vhost, '--tags', 'a', check=False)
    assert missing.code == DATA and 'does not exist' in missing.err and shown() == []
    broker.ctl('add_vhost', vhost, '--description', 'first', '--tags', 'x')
    assert broker.ctl('update_vhost_metadata', vhost, '--tags', 'a, b').out == f'Updating metadata of vhost "{vhost}" ...\n'
    assert shown() == [['a,b', 'first']]
    broker.ctl('update_vhost_metadata', vhost, '--description', 'second')
    assert shown() == [['a,b', 'second']]
    for words, code in (([], USAGE), (['--default-queue-type', 'nonsense'], DATA), (['--default-queue-type', 'quorum'], UNAVAILABLE)):
        assert broker.ctl('update_vhost_metadata', vhost, *words, check=False).code == code
    broker.ctl('delete_vhost', vhost)


def test_the_disk_alarm_can_be_switched_off_and_on(own_broker):
    broker = own_broker()
    broker.ctl('set_disk_free_limit', '8000TB')
    assert 'Free disk space alarm' in broker.ctl('alarms').out
    assert broker.ctl('-n', 'a@b', 'deactivate_free_disk_space_monitoring').out == (
        'Deactivating free disk space monitoring on node a@b...\n')
    eventually(lambda: 'reported no alarms' in broker.ctl('alarms').out)     # the log's own alarm, if it was set, ends within a retry
    with Peer(broker.address) as peer:
        peer.declare('q', durable=True)
        peer.call(1, 'confirm.select')
        for _ in range(40):                          # more than two files of the log, which are made although the disk is below the limit
            peer.publish(1, '', 'q', bytes(1_000_000), {'delivery_mode': 2})
            peer.expect('basic.ack')
    assert 'reported no alarms' in broker.ctl('alarms').out
    assert broker.ctl('-n', 'a@b', 'activate_free_disk_space_monitoring').out == (
        '[Re-]activating free disk space monitoring on node a@b...\n')
    assert 'Free disk space alarm' in broker.ctl('alarms').out


def test_force_boot_is_for_a_stopped_application(own_broker):
    broker = own_broker()
    refused = broker.ctl('force_boot', check=False)
    assert refused.code == USAGE and "requires the 'rabbit' app to be stopped" in refused.err
    broker.ctl('stop_app')
    assert broker.ctl('force_boot').out == ''
    broker.ctl('start_app')
    Peer(broker.address).drop()


def test_rebalance_shows_an_empty_table(broker):
    assert BOX in broker.ctl('rebalance', 'all').out
    for formatter, shown in (('json', '"value":[]'), ('erlang', '[]\n'), ('csv', '\n\n\n')):
        assert broker.ctl('-q', 'rebalance', 'quorum', '--formatter', formatter).out.endswith(shown.replace('"value":[]', '"value":[]}\n'))
    assert broker.ctl('reconcile_vhosts').out.startswith('Will try to initiate virtual host reconciliation on all reachable')


# --- policies -----------------------------------------------------------------------------------

def test_policies_that_match_are_listed_in_their_order(broker, peer, name):
    vhost, queue = name('v'), name('q')
    broker.ctl('add_vhost', vhost)
    broker.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
    for policy, priority, apply_to in (('low', 1, 'queues'), ('high', 5, 'all'), ('other', 9, 'exchanges')):
        broker.ctl('set_policy', '-p', vhost, policy, '.*', '{"max-length": 5}' if apply_to != 'exchanges' else
                   '{"alternate-exchange": "x"}', '--priority', str(priority), '--apply-to', apply_to)
    with Peer(broker.address, vhost=vhost) as one:
        one.declare(queue, durable=True)

    def shown(*words):
        return [row['name'] for row in json.loads(broker.ctl(
            '-p', vhost, 'list_policies_that_match', *words, '--formatter', 'json').out)]

    assert shown(queue) == ['high', 'low']
    assert shown('any', '--object-type', 'exchange') == ['other', 'high']
    said = broker.ctl('-p', vhost, 'list_policies_that_match', queue).out
    assert said.startswith(f"Listing policies that match queue '{queue}' in vhost '{vhost}' ...\n\x1b(0l")
    assert broker.ctl('-p', vhost, 'list_policies_that_match', 'none', check=False).code == UNAVAILABLE
    assert broker.ctl('list_policies_that_match', queue, '--object-type', 'x', check=False).code == DATA
    broker.ctl('delete_vhost', vhost)


def test_policies_that_would_mirror_queues_are_found(own_broker):
    broker, check = own_broker(), 'check_if_cluster_has_classic_queue_mirroring_policy'
    assert broker.ctl(check).out == ('Checking if cluster has any classic queue mirroring policy ...\n'
                                     'Cluster reported no policies enabling classic queue mirroring\n')
    assert json.loads(broker.ctl(check, '--formatter', 'json').out) == {'result': 'ok'}
    broker.ctl('add_vhost', 'v')
    broker.ctl('set_policy', '-p', 'v', 'two', '.*', '{"ha-mode": "all"}')
    refused = broker.ctl(check, check=False)
    assert (refused.code, refused.err) == (UNAVAILABLE, 'Error:\nPolicy two enables classic queue mirroring\n')
    told = json.loads(broker.ctl(check, '--formatter', 'json', check=False).err)
    assert told['policies'] == [{'name': 'two', 'vhost': 'v'}] and told['operator_policies'] == []
    assert broker.ctl('-s', check, check=False).err == ''


# --- messages and events ------------------------------------------------------------------------

def test_sizes_of_messages_are_counted(own_broker):
    broker = own_broker()
    with Peer(broker.address) as peer:
        peer.call(1, 'confirm.select')
        for size in 1, 50, 5000, 100001:
            peer.publish(1, '', 'nowhere', bytes(size))
            peer.expect('basic.ack')
    rows = broker.ctl('-q', 'message_size_stats', '--formatter', 'csv').out.splitlines()
    assert rows[:4] == ['"Message Size","Count","Percentage"', '"below 100B","2","50.00"', '"between 100B and 1KB","0","0.00"',
                        '"between 1KB and 10KB","1","25.00"']
    assert '"between 100KB and 1MB","1","25.00"' in rows and len(rows) == 10
    assert broker.ctl('message_size_stats').out.startswith('Gathering message size statistics from cluster via ')


def test_events_are_printed_as_they_happen(broker, name):
    command = [broker.control, '--data-dir', broker.data, 'consume_event_stream', '--pattern', '^vhost']
    follower = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        vhosts = (name(f'v{number}') for number in itertools.count())
        made = []

        def a_line():
            made.append(next(vhosts))                       # until the command follows, its events are not shown
            broker.ctl('add_vhost', made[-1])
            return select.select([follower.stdout], [], [], 0)[0]

        eventually(a_line)
        event = json.loads(follower.stdout.readline())
    finally:
        follower.kill()
        follower.communicate(timeout=PATIENCE_S)
    for vhost in made:
        broker.ctl('delete_vhost', vhost)
    assert event['event'] == 'vhost.created' and event['name'] in made and event['timestamp_in_ms'] > 0
    assert broker.ctl('consume_event_stream', '--duration', '0').out == '\n'
    assert broker.ctl('consume_event_stream', '--pattern', '(', check=False).code == DATA


# --- TLS ----------------------------------------------------------------------------------------

def test_cipher_suites_are_those_that_listeners_offer(broker):
    names = broker.ctl('-q', 'cipher_suites').out.splitlines()
    assert names[0] == 'TLS_AES_128_GCM_SHA256' and 'ECDHE-RSA-AES256-GCM-SHA384' in names
    assert 'AES128-SHA' not in names and set(names) < set(broker.ctl('-q', 'cipher_suites', '--all').out.splitlines())
    terms = broker.ctl('cipher_suites', '--format', 'erlang').out.splitlines()
    assert terms[:3] == ['Listing available cipher suites in Erlang term format', '[', '{any,aes_128_gcm,aead,sha256}']
    assert terms[-1] == ']' and ',{ecdhe_rsa,aes_256_gcm,aead,sha384}' in terms
    maps = broker.ctl('cipher_suites', '--format', 'map').out.splitlines()
    assert ',#{cipher => chacha20_poly1305,key_exchange => ecdhe_ecdsa,mac => aead,prf => sha256}' in maps
    assert json.loads(broker.ctl('cipher_suites', '--format', 'map', '--formatter', 'json').out)[0] == {
        'cipher': 'aes_128_gcm', 'key_exchange': 'any', 'mac': 'aead', 'prf': 'sha256'}
    assert broker.ctl('cipher_suites', '--format', 'json', check=False).code == DATA
