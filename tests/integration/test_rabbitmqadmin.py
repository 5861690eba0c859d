"""rabbitmqadmin, which the broker serves: a tool for the HTTP API, with the command line of RabbitMQ's."""
import json
import subprocess
import sys

import pytest

from http_client import Api, Http, path
from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


@pytest.fixture(scope='module')
def tool(broker, tmp_path_factory):
    """tool('list', 'queues') runs the tool that the broker serves, in a vhost of its own, and returns (exit status, lines)."""
    home = tmp_path_factory.mktemp('rabbitmqadmin')
    script = home / 'rabbitmqadmin'
    script.write_bytes(Http(broker.management_port).request('GET', '/cli/rabbitmqadmin').body)
    api = Api(broker)
    api.put(path('vhosts', 'admin/tool'))

    def run(*words, input=''):
        command = [sys.executable, script, '-P', str(broker.management_port), '-V', 'admin/tool', *words]
        ended = subprocess.run(command, input=input, capture_output=True, text=True, env={'HOME': str(home)}, cwd=home, timeout=PATIENCE_S)
        return ended.returncode, [line for line in (ended.stdout + ended.stderr).splitlines() if line]
    run.home = home
    yield run
    api.delete(path('vhosts', 'admin/tool'))


def test_the_tool_declares_publishes_gets_lists_and_deletes(tool):
    assert tool('declare', 'queue', 'name=a/b', 'arguments={"x-max-length": 5}') == (0, ['queue declared'])
    assert tool('declare', 'binding', 'source=amq.topic', 'destination=a/b', 'routing_key=k.*') == (0, ['binding declared'])
    assert tool('declare', 'policy', 'name=p', 'pattern=a', 'definition={"expires": 9000000}', 'priority=3') == (0, ['policy declared'])
    assert tool('publish', 'exchange=amq.topic', 'routing_key=k.1', input='from input') == (0, ['Message published'])
    assert tool('publish', 'routing_key=none', 'payload=x') == (0, ['Message published but NOT routed'])
    code, lines = tool('-f', 'long', 'get', 'queue=a/b')
    assert (code, [line.strip() for line in lines if 'payload' in line]) == \
        (0, ['payload: from input', 'payload_bytes: 10', 'payload_encoding: string'])
    assert tool('get', 'queue=a/b', 'payload_file=here')[0] == 0
    assert (tool.home / 'here').read_text() == 'from input'
    assert tool('-d', '2', 'list', 'queues', 'name', 'durable', 'arguments.x-max-length') == (0, [
        '+------+---------+------------------------+',
        '| name | durable | arguments.x-max-length |',
        '+------+---------+------------------------+',
        '| a/b  | True    | 5                      |',
        '+------+---------+------------------------+'])
    assert tool('-f', 'tsv', 'list', 'policies') == \
        (0, ['vhost\tname\tapply-to\tdefinition\tpattern\tpriority', 'admin/tool\tp\tall\t{"expires": 9000000}\ta\t3'])
    assert tool('purge', 'queue', 'name=a/b') == (0, ['queue purged'])
    assert tool('-q', 'delete', 'queue', 'name=a/b') == (0, [])
    assert tool('-f', 'bash', 'list', 'queues') == (0, [])
    assert tool('list', 'queues') == (0, ['No items'])


def test_the_tool_exports_and_imports(tool):
    assert tool('declare', 'exchange', 'name=x', 'type=fanout')[0] == 0
    assert tool('export', 'file.json') == (0, ['Exported definitions for localhost to "file.json"'])
    assert [x['name'] for x in json.loads((tool.home / 'file.json').read_text())['exchanges']] == ['x']
    assert tool('import', 'file.json')[0] == 0


@pytest.mark.parametrize('words, line', [
    (['declare', 'queue'], 'ERROR: mandatory argument "name" is required'),
    (['declare', 'queue', 'name=q', 'color=red'], 'ERROR: Argument "color" is not recognised'),
    (['dance'], 'ERROR: Action dance not understood'),
    (['purge', 'queue', 'name=none'], '*** Not found: /api/queues/admin%2Ftool/none/contents'),
    (['-p', 'wrong', 'list', 'users'], '*** Access refused: /api/users'),
    (['declare', 'queue', 'name=q', 'arguments={"x-message-ttl": -1}'], '*** invalid arg'),
    (['-P', '1', 'list', 'queues'], '*** Could not connect'),
])
def test_the_tool_says_what_is_wrong(tool, words, line):
    code, lines = tool(*words)
    assert (code, lines[0][:len(line)]) == (1, line)
