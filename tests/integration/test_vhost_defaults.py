"""What the configuration gives to new vhosts: limits, operator policies and users, as RabbitMQ does since 3.12."""
import json
import subprocess

import pytest

from wire import Peer

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

DEFAULTS = """
default_limits.vhosts.1.pattern = ^qa
default_limits.vhosts.1.max_queues = 2
default_limits.vhosts.1.max_connections = -1
default_limits.vhosts.2.max_connections = 20

default_policies.operator.short.vhost_pattern = ^qa
default_policies.operator.short.queue_pattern = ^temporary
default_policies.operator.short.apply_to = classic_queues
default_policies.operator.short.expires = 1d12h
default_policies.operator.short.message_ttl = 5000
default_policies.operator.short.max_length_bytes = 10MB
default_policies.operator.all.max_length = 1000

default_users.qa\\.clerk.vhost_pattern = ^qa
default_users.qa\\.clerk.password = 'clerk#1'
default_users.qa\\.clerk.tags = monitoring, management
default_users.qa\\.clerk.configure = ^temporary
default_users.root.password = toor
default_users.root.tags = administrator
"""


def listed(broker, *words):
    return json.loads(broker.ctl(*words, '--formatter', 'json').out)


def policies(broker, vhost):
    found = listed(broker, 'list_operator_policies', '-p', vhost)
    return {p['name']: (p['pattern'], p['apply-to'], json.loads(p['definition'])) for p in found}


def limits(broker, vhost):
    found = listed(broker, 'list_vhost_limits', '-p', vhost)
    return json.loads(found['value']) if found else {}


def permissions(broker, vhost):
    found = listed(broker, 'list_permissions', '-p', vhost)
    return {p['user']: (p['configure'], p['write'], p['read']) for p in found}


@pytest.fixture
def configured(own_broker, tmp_path):
    def make(text):
        path = tmp_path / 'leveret.conf'
        path.write_text(text)
        return own_broker(flags=['--config', str(path)])
    return make


def test_new_vhosts_begin_with_what_the_configuration_says(configured):
    broker = configured(DEFAULTS)
    short = ('^temporary', 'classic_queues', {'expires': 129_600_000, 'message-ttl': 5000, 'max-length-bytes': 10_000_000})
    rest = ('.*', 'all', {'max-length': 1000})
    everything = ('.*', '.*', '.*')

    def check():
        assert limits(broker, '/') == {'max-connections': 20}
        assert policies(broker, '/') == {'all': rest}
        assert permissions(broker, '/') == {'guest': everything, 'root': everything}

    check()                                                  # of the first start
    broker.restart()
    check()                                                  # it was stored
    assert {user['user']: user['tags'] for user in listed(broker, 'list_users')} == {
        'guest': ['administrator'], 'root': ['administrator']}

    broker.ctl('add_vhost', 'qa1')
    assert limits(broker, 'qa1') == {'max-queues': 2, 'max-connections': -1}
    assert policies(broker, 'qa1') == {'all': rest, 'short': short}
    assert permissions(broker, 'qa1') == {'qa.clerk': ('^temporary', '.*', '.*'), 'root': everything}
    clerk = Peer(broker.address, vhost='qa1', user='qa.clerk', password='clerk#1')
    for queue in 'temporary 1', 'temporary 2':
        clerk.declare(queue)
    clerk.send(1, 'queue.declare', queue='temporary 3')
    clerk.expect_channel_close(406, "PRECONDITION_FAILED - cannot declare queue 'temporary 3': queue limit in vhost 'qa1' (2) is "
                                    "reached")
    clerk.close()

    broker.ctl('change_password', 'qa.clerk', 'another')     # a user that exists keeps its password and tags
    broker.ctl('set_user_tags', 'qa.clerk')
    broker.ctl('add_vhost', 'qa2')
    assert broker.ctl('authenticate_user', 'qa.clerk', 'another').code == 0
    assert broker.ctl('authenticate_user', 'qa.clerk', 'clerk#1', check=False).code != 0
    assert permissions(broker, 'qa2') == {'qa.clerk': ('^temporary', '.*', '.*'), 'root': everything}
    assert {user['user']: user['tags'] for user in listed(broker, 'list_users')}['qa.clerk'] == []

    broker.ctl('clear_vhost_limits', '-p', 'qa1')            # a vhost that exists is left as it is
    broker.ctl('clear_operator_policy', '-p', 'qa1', 'all')
    broker.ctl('add_vhost', 'qa1')
    assert limits(broker, 'qa1') == {}
    assert 'all' not in policies(broker, 'qa1')
    environment = listed(broker, 'environment')
    assert environment['default_users.root.password']['value'] == '<redacted>'
    assert 'toor' not in broker.log() and 'clerk#1' not in broker.log()


def test_bad_defaults_are_found_before_the_start(broker, tmp_path):
    path = tmp_path / 'leveret.conf'
    path.write_text("""
default_limits.vhosts.1.pattern = (
default_limits.vhosts.1.max_queues = -2
default_policies.operator.p.message_ttl = 5 minutes
default_policies.operator.p.max_length_bytes = lots
default_policies.operator.p.apply_to = everything
default_policies.operator.p.classic_queues.ha_mode = all
default_users.u.read = [
default_users.u.passwort = s3cret
default_users.u = nobody
""")
    checked = subprocess.run([broker.daemon, '--check-config', str(path)], capture_output=True, text=True)
    said = (checked.stdout + checked.stderr).replace(str(path), 'F')
    assert checked.returncode == 78 and 's3cret' not in said
    for line in (
            "error: F:2: invalid value '(' for default_limits.vhosts.1.pattern: expected a regular expression",
            "error: F:3: invalid value '-2' for default_limits.vhosts.1.max_queues: expected a whole number from 0, or -1 for no limit",
            "error: F:4: invalid value '5 minutes' for default_policies.operator.p.message_ttl: "
            "expected milliseconds, or a time such as 30s, 12h or 1d",
            "error: F:5: invalid value 'lots' for default_policies.operator.p.max_length_bytes: "
            "expected a size, such as 1000000, 50MB or 2GiB",
            "error: F:6: invalid value 'everything' for default_policies.operator.p.apply_to: "
            "expected all, queues, classic_queues, quorum_queues or streams",
            'warning: F:7: ignoring default_policies.operator.p.classic_queues.ha_mode: there is no such property',
            "error: F:8: invalid value '[' for default_users.u.read: expected a regular expression",
            'warning: F:9: ignoring default_users.u.passwort: there is no such property',
            'warning: F:10: ignoring default_users.u: there is no such property'):
        assert line in said, said
