"""rabbitmq-plugins: what RabbitMQ's plugins do is part of Leveret, or missing."""
import json
import subprocess

import pytest

from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]

NODE = 'rabbit@here'


@pytest.fixture
def plugins(broker, tmp_path):
    """Runs rabbitmq-plugins; returns its exit code, what it printed, and its errors."""
    def run(*words, data=broker.data):
        done = subprocess.run([tool, '--data-dir', data, '-n', NODE, *words], capture_output=True, text=True, timeout=PATIENCE_S)
        return done.returncode, done.stdout, done.stderr
    tool = tmp_path / 'rabbitmq-plugins'
    tool.symlink_to(broker.control)
    return run


def names(output):
    return [line.split()[1] for line in output.splitlines() if line.startswith('[E')]


def test_what_is_part_of_the_broker_is_listed_as_enabled(broker, plugins):
    code, out, _ = plugins('list')
    assert code == 0 and out.startswith('Listing plugins with pattern ".*" ...\n'
                                        ' Configured: E = explicitly enabled; e = implicitly enabled\n'
                                        f' | Status: * = running on {NODE}\n |/\n[E*] rabbitmq_')
    assert 'rabbitmq_management' in names(out) and 'rabbitmq_mqtt' not in names(out)
    listed = names(out)
    assert plugins('list', '-m', '-q')[1].split() == listed
    assert plugins('list', '-E', '-e', '-q', 'prom.*s$')[1].startswith('[E*] rabbitmq_prometheus ')
    assert plugins('list', '-q', 'no_such')[:2] == (0, '')
    found = json.loads(plugins('list', '--formatter', 'json', 'prometheus')[1])
    assert found['status'] == 'running' and [one['name'] for one in found['plugins']] == ['rabbitmq_prometheus']
    assert plugins('list', '(')[0] == 65


def test_it_is_enabled_already_and_stays_so(plugins):
    code, out, err = plugins('enable', 'rabbitmq_management', 'rabbitmq_shovel_of_ours')
    assert (code, err) == (70, 'Error:\n{:plugins_not_found, [:rabbitmq_shovel_of_ours]}\n')
    assert out == f'Enabling plugins on node {NODE}:\nrabbitmq_management\nrabbitmq_shovel_of_ours\n'
    for words in (('enable', '--all'), ('enable', 'rabbitmq_management'), ('set', 'rabbitmq_management'), ('disable', 'unheard_of')):
        code, out, _ = plugins(*words)
        assert code == 0 and f'\nApplying plugin configuration to {NODE}...\nPlugin configuration unchanged.\n' in out, out
        assert '\n  rabbitmq_management\n' in out
    assert plugins('set', 'unheard_of')[::2] == (65, 'Error:\nThe following plugins were not found: unheard_of\n')
    for words in (('disable', 'rabbitmq_management', 'unheard_of'), ('disable', '--all'), ('set',)):
        code, _, err = plugins(*words)
        assert code == 70 and err.startswith('Error:\nWhat these plugins do is part of Leveret and cannot be disabled: rabbitmq_')
    lines = json.loads(plugins('enable', '--formatter', 'json', 'rabbitmq_management')[1])
    assert lines[0] == lines[1]['set'] and (lines[1]['enabled'], lines[1]['mode']) == ([], 'online')


def test_what_contradicts_itself_is_refused(plugins):
    for words, code, why in ((('enable', '--all', 'x'), 65, 'Bad argument: Cannot set both --all and a list of plugins'),
                             (('enable', '--online', '--offline', 'x'), 65, 'Bad argument: Cannot set both online and offline'),
                             (('disable',), 64, 'not enough arguments.'), (('list', 'a', 'b'), 64, 'too many arguments.')):
        found = plugins(*words)
        assert found[0] == code and found[2].startswith(f'Error (argument validation): {why}\n')


def test_a_script_may_ask_whether_a_plugin_is_enabled(plugins):
    assert plugins('is_enabled', 'rabbitmq_top', 'rabbitmq_management')[:2] == (
        0, f'Asking node {NODE} if plugins rabbitmq_top, rabbitmq_management are enabled...\n'
           f'Plugins rabbitmq_top, rabbitmq_management are enabled on node {NODE}\n')
    code, _, err = plugins('is_enabled', 'rabbitmq_top', 'unheard_of')
    assert code == 69 and err.startswith(f'Error:\nPlugin unheard_of is not enabled on node {NODE}. Enabled plugins and dependencies: ')


def test_an_image_may_be_made_without_a_broker(plugins, tmp_path):
    nowhere = str(tmp_path)
    assert plugins('enable', '--offline', 'rabbitmq_management', data=nowhere)[0] == 0
    assert plugins('is_enabled', '--offline', 'rabbitmq_management', data=nowhere)[:2] == (
        0, 'Inferring if plugin rabbitmq_management is from local environment...\nPlugin rabbitmq_management is enabled\n')
    assert plugins('is_enabled', 'rabbitmq_management', data=nowhere)[0] == 69
    code, out, _ = plugins('list', 'prom', data=nowhere)
    assert code == 0 and out.endswith(f' | Status: [failed to contact {NODE} - status not shown]\n |/\n[E ] rabbitmq_prometheus\n')
