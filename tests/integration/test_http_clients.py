"""Clients of the HTTP API that others wrote: Debian's checks for Nagios, and http-rabbitmq-manager on node. docs/clients.md tells
which others were tried."""
import os
import shutil
import subprocess

import pytest

from http_client import Api, path
from nodejs import FOLDER, need_package
from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once]

OK, CRITICAL = 0, 2


@pytest.fixture
def nagios(own_broker):
    """Runs check_rabbitmq_NAME with these words, and returns (exit code, output). Some checks take the node's name for rabbit@HOST."""
    if not shutil.which('check_rabbitmq_server'):
        pytest.skip('nagios-plugins-rabbitmq is not installed')
    own = own_broker(environment={'RABBITMQ_NODENAME': 'rabbit@localhost'})
    api = Api(own)
    assert api.put(path('queues', '/', 'checked'), {'durable': True}).status == 201
    for _ in range(3):
        assert api.post(path('exchanges', '/', 'amq.default', 'publish'), {
            'routing_key': 'checked', 'payload': 'x', 'payload_encoding': 'string', 'properties': {}}).json == {'routed': True}

    def run(name, *words):
        done = subprocess.run([f'check_rabbitmq_{name}', '-H', '127.0.0.1', '--port', str(own.management_port), *words],
                              capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stdout

    return run


def test_checks_of_nagios(nagios):
    for name, *words in (['aliveness'], ['connections'], ['objects'], ['overview'], ['queue', '--queue', 'checked'],
                         ['server', '-n', 'localhost']):
        code, output = nagios(name, *words)
        assert (code, output[:output.find(' -')]) == (OK, f'RABBITMQ_{name.upper()} OK'), (name, output)
    code, output = nagios('queue', '--queue', 'checked', '--critical', '2')
    assert code == CRITICAL and 'messages CRITICAL (3)' in output, output


def test_http_rabbitmq_manager(broker):
    need_package('http-rabbitmq-manager')
    broker.ctl('add_vhost', 'manager')
    broker.ctl('set_permissions', '-p', 'manager', 'guest', '.*', '.*', '.*')
    done = subprocess.run(['node', os.path.join(FOLDER, 'http_manager.mjs'), str(broker.management_port), broker.node_name],
                          cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE_S)
    broker.ctl('delete_vhost', 'manager')
    assert done.returncode == 0, done.stderr
