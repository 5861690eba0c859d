"""Commands about logins, permissions, vhosts and the disk, which RabbitMQ has in rabbitmq-diagnostics or in releases after 3.10."""
import base64
import hashlib
import json

import pytest

from wire import Peer

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
        peer.expect_connection_close(403)
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
    assert 'reported no alarms' in broker.ctl('alarms').out
    with Peer(broker.address) as peer:
        peer.call(1, 'confirm.select')
        peer.publish(1, '', 'nowhere', b'is not blocked')
        peer.expect('basic.ack')
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
