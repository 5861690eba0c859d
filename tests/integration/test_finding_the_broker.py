"""leveretctl finds the broker of this machine by the link that the broker leaves, wherever its data is."""
import os
import shutil
import socket
import subprocess
import tempfile

import pytest

from brokers import ROOT, Result
from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once]

HOST = socket.gethostname().split('.')[0]
NAMING = ('RABBITMQ_', 'LEVERET_', 'XDG_')
AS_NOBODY = ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups']
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason='becomes another user')


def environment_of(broker, **more):
    """What leveretctl is given: a machine whose / is the broker's directory, and nothing else that names a place."""
    return {**{name: value for name, value in os.environ.items() if not name.startswith(NAMING)},
            'SYS_PREFIX': broker.environment.get('SYS_PREFIX', broker.directory), 'HOME': broker.directory, **more}


def ctl(broker, *words, program=None, wrapper=(), **environment):
    """Runs leveretctl, which is not told where the broker is."""
    done = subprocess.run([*wrapper, program or broker.control, *words], capture_output=True, text=True, timeout=PATIENCE_S,
                          env=environment_of(broker, **environment))
    return Result(words, done.returncode, done.stdout, done.stderr)


def link_of(broker, name=f'leveret@{HOST}'):
    return os.path.join(environment_of(broker)['SYS_PREFIX'], 'run', 'leveret', name)


def test_a_broker_is_found_wherever_its_data_is(own_broker):
    broker = own_broker()
    assert os.readlink(link_of(broker)) == os.path.join(broker.data, 'control.sock')
    found = ctl(broker, 'list_vhosts', '--silent')
    assert (found.code, found.out) == (0, '/\n'), found
    assert ctl(broker, 'autocomplete', 'delete_vhost', '').out == '/\n'


def test_the_name_is_the_one_that_the_broker_has(own_broker):
    broker = own_broker(environment={'RABBITMQ_NODENAME': 'hare@burrow'})
    assert 'ping hare@burrow' in ctl(broker, 'ping').out
    for named in ({'words': ['-n', 'hare@burrow']}, {'RABBITMQ_NODENAME': 'hare@burrow'}):
        assert ctl(broker, *named.pop('words', []), 'ping', **named).code == 0
    other = ctl(broker, '-n', 'doe', 'ping')
    assert other.code == 69 and f'Failed to connect to doe@{HOST}: other nodes' in other.err, other
    refused = ctl(broker, '-n', 'doe', 'list_queues')
    assert refused.code == 69 and f"on node 'doe@{HOST}'" in refused.err and '   hare@burrow\n' in refused.err, refused


def test_the_broker_of_a_directory_says_its_name(own_broker):
    """As in a container, where no link can be made and LEVERET_DATA_DIR is set."""
    broker = own_broker(environment={'RABBITMQ_NODENAME': 'hare@burrow'})
    os.remove(link_of(broker, 'hare@burrow'))
    for named in ({'LEVERET_DATA_DIR': broker.data}, {'RABBITMQ_MNESIA_DIR': broker.data},
                  {'LEVERET_DATA_DIR': broker.data, 'RABBITMQ_NODENAME': 'doe'}):
        reached = ctl(broker, 'check_port_connectivity', **named)
        assert reached.code == 0 and reached.out.endswith(' on node hare@burrow.\n'), reached
    assert ctl(broker, '--data-dir', broker.data, 'stop_app').out == 'Stopping rabbit application on node hare@burrow ...\n'
    assert 'ping hare@burrow' in ctl(broker, '--data-dir', broker.data, 'ping').out


def test_the_link_is_there_while_the_broker_runs(own_broker):
    broker = own_broker()
    assert ctl(broker, 'stop_app').code == 0
    assert ctl(broker, 'start_app').code == 0, 'a stopped application is found, too'
    broker.stop()
    assert not os.path.lexists(link_of(broker))
    absent = ctl(broker, 'list_queues')
    assert absent.code == 69, absent
    for place in ('run/leveret', 'var/lib/leveret/control.sock', '.local/state/leveret/control.sock'):
        assert os.path.join(broker.directory, place) in absent.err, absent


def test_a_link_that_a_crash_has_left_is_no_broker(own_broker):
    broker = own_broker()
    broker.kill()
    assert os.path.lexists(link_of(broker))
    for words in ([], ['-n', 'leveret']):
        absent = ctl(broker, *words, 'list_queues')
        assert absent.code == 69 and 'not running' in absent.err, absent
    broker.start()
    assert ctl(broker, 'list_queues').code == 0


def test_one_of_several_nodes_is_named(own_broker):
    doe = own_broker(environment={'RABBITMQ_NODENAME': 'doe@h'})
    hare = own_broker(environment={'RABBITMQ_NODENAME': 'hare@h', 'SYS_PREFIX': doe.directory})
    several = ctl(doe, 'list_queues')
    assert several.code == 69 and '   doe@h\n   hare@h\n' in several.err, several
    for broker, name in (doe, 'doe@h'), (hare, 'hare@h'):
        assert f'"{broker.data}"' in ctl(doe, '-n', name, 'status', '--formatter', 'json').out
    usual = own_broker(environment={'SYS_PREFIX': doe.directory})
    assert f'"{usual.data}"' in ctl(doe, 'status', '--formatter', 'json').out, 'leveret@HOST is meant unless another is named'
    usual.stop()
    hare.kill()
    assert f'"{doe.data}"' in ctl(doe, 'status', '--formatter', 'json').out
    dead = ctl(doe, '-n', 'hare@h', 'list_queues')
    assert dead.code == 69 and 'hare@h' in dead.err, dead


def test_the_first_of_two_brokers_keeps_the_name(own_broker):
    first = own_broker()
    second = own_broker(environment={'SYS_PREFIX': first.directory})
    second.says('will not find this node by its name')
    assert f'"{first.data}"' in ctl(first, 'status', '--formatter', 'json').out
    second.stop()
    assert os.readlink(link_of(first)) == os.path.join(first.data, 'control.sock')


def test_directories_are_looked_in_if_there_is_no_link(own_broker, tmp_path):
    broker = own_broker()
    os.remove(link_of(broker))
    assert ctl(broker, 'list_queues').code == 69
    assert ctl(broker, 'list_queues', RABBITMQ_MNESIA_DIR=broker.data).code == 0
    os.symlink(broker.data, tmp_path / 'leveret')
    assert ctl(broker, 'list_queues', RABBITMQ_MNESIA_BASE=str(tmp_path)).code == 0
    assert ctl(broker, 'list_queues', XDG_STATE_HOME=str(tmp_path)).code == 0
    assert ctl(broker, 'list_queues', LEVERET_DATA_DIR=broker.data).code == 0
    assert ctl(broker, 'list_queues', LEVERET_DATA_DIR=str(tmp_path), RABBITMQ_MNESIA_DIR=broker.data).code == 69


def test_await_startup_finds_a_broker_that_starts_later(own_broker):
    broker = own_broker(start=False)
    waiting = subprocess.Popen([broker.control, 'await_startup', '--timeout', str(PATIENCE_S)], env=environment_of(broker))
    broker.start()
    assert waiting.wait(PATIENCE_S) == 0


@needs_root
def test_who_may_not_use_the_socket_is_told_so(own_broker):
    with tempfile.TemporaryDirectory() as prefix:            # pytest's own directories are their owner's alone
        os.chmod(prefix, 0o755)
        broker = own_broker(environment={'SYS_PREFIX': prefix})
        program = shutil.copy(broker.control, prefix)
        refused = ctl(broker, 'list_queues', program=program, wrapper=AS_NOBODY)
        broker.stop()
    assert refused.code == 69 and 'may not connect' in refused.err and 'sudo' in refused.err, refused


def test_a_folder_that_others_can_write_is_not_believed(own_broker):
    broker = own_broker()
    os.chmod(os.path.dirname(link_of(broker)), 0o777)
    refused = ctl(broker, 'list_queues')
    assert refused.code == 69 and 'not safe to use' in refused.err, refused


def test_the_names_of_rabbitmqs_tools_are_installed_and_find_the_broker(own_broker, tmp_path):
    """What `make install RABBITMQ_NAMES=true` installs, without building it: the links, and the program that has been built."""
    build, root = str(tmp_path / 'build'), str(tmp_path / 'root')
    broker = own_broker()
    os.makedirs(f'{root}/usr/bin')
    shutil.copy(broker.control, f'{root}/usr/bin/leveretctl')
    for words in (['setup', build, ROOT, '-Drabbitmq_names=true', '-Dtests=false', '-Dui=false', '--prefix=/usr'],
                  ['install', '-C', build, '--no-rebuild', '--destdir', root, '--tags', 'man,rabbitmq-names']):
        done = subprocess.run(['meson', *words], capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, done
    listed = ctl(broker, 'list_exchanges', PATH=f'{root}/usr/sbin', program='rabbitmqctl')
    assert listed.code == 0 and 'amq.topic\ttopic\n' in listed.out, listed
    assert '\n[E*] rabbitmq_management' in ctl(broker, 'list', program=f'{root}/usr/sbin/rabbitmq-plugins').out
    for name in 'rabbitmq-diagnostics', 'rabbitmq-plugins', 'rabbitmq-queues', 'rabbitmq-streams', 'rabbitmq-upgrade':
        assert f'\n{name} [--node' in ctl(broker, 'help', program=f'{root}/usr/sbin/{name}').out
        assert os.path.exists(f'{root}/usr/share/man/man8/{name}.8')
