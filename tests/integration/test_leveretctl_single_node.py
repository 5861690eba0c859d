"""Commands that have something to say of clusters, and what they say of one node: in the words of RabbitMQ 3.10.8, or of the
release that has the command first."""
import json
import os
import subprocess
import threading

import pytest

from patience import PATIENCE_S
from wire import eventually

pytestmark = pytest.mark.leveret
OK, USAGE, DATA, UNAVAILABLE, SOFTWARE, TIMEOUT = 0, 64, 65, 69, 70, 75

ALONE = 'seems to be the only one in a single node cluster'
SAID = [
    (['await_online_quorum_plus_one'],
     'Will wait for a quorum + 1 of nodes to be online for all quorum queues for 120 seconds...\n'
     f'Target node {ALONE}, the command does not apply\n'),
    (['await_online_synchronized_mirror', '--timeout', '3'],
     'Will wait for a synchronised mirror be online for all classic mirrored queues for 3 seconds...\n'
     f'Target node {ALONE}, the command does not apply\n'),
    (['check_if_node_is_mirror_sync_critical'],
     'Checking if node NODE is critical for data safety of any classic mirrored queues ...\n'
     f'Node NODE {ALONE}, the check does not apply\n'),
    (['post_upgrade'], 'Executing post upgrade tasks...\nRebalancing queue masters...\n'),
    (['discover_peers'], 'Discovering peers nodes ...\nNo peers discovered\n'),
    (['await_online_nodes', '1'], 'Will wait for at least 1 nodes to join the cluster of NODE. Timeout: 300 seconds.\n'),
    (['has_reached_target_cluster_size'],
     'Checking if target cluster size has been reached on node NODE ...\nTarget cluster size has been reached on node NODE\n'),
    (['check_if_new_quorum_queue_replicas_have_finished_initial_sync'],
     'Checking if node NODE runs promotable replicas of any queues ...\n'
     'Node NODE reported no queues with promotable replicas\n'),
    (['check_for_quorum_queues_without_an_elected_leader', '.*', '--across-all-vhosts'],
     "Checking leader replicas of quorum queues matching '.*' in all vhosts ...\n"
     'Node NODE reported all quorum queue as having responsive leader replicas\n'),
    (['check_if_metadata_store_is_initialized_with_data'],
     'Checking if metadata store on node NODE has finished initializing ...\n'
     'Metadata store on node NODE has completed its initialization\n'),
    (['check_if_any_deprecated_features_are_used'],
     'Checking if any deprecated features are used ...\nCluster reported no deprecated features in use\n'),
    (['list_deprecated_features'], 'Listing deprecated features ...\n'),
]


@pytest.mark.parametrize('words, said', SAID, ids=[words[0] for words, _ in SAID])
def test_it_is_said_of_one_node(broker, words, said):
    assert broker.ctl('-n', 'a@b', *words).out == said.replace('NODE', 'a@b')
    assert broker.ctl('-s', *words).out == (said.splitlines()[-1] + '\n' if words[0] == 'discover_peers' else '')


def test_json_says_of_a_check_that_it_has_passed(broker):
    def answer(*words):
        return json.loads(broker.ctl(*words, '--formatter', 'json').out)
    message = f'Target node {ALONE}, the check does not apply'
    for command in 'await_online_quorum_plus_one', 'check_if_node_is_quorum_critical':
        assert answer(command) == {'message': message, 'result': 'ok'}
    assert answer('check_virtual_hosts') == {'result': 'ok'}
    assert answer('post_upgrade')['value'] == []


def test_it_does_not_wait_for_nodes_that_cannot_come(broker):
    refused = broker.ctl('await_online_nodes', '2', check=False)
    assert refused.code == SOFTWARE and 'runs on one node' in refused.err
    assert broker.ctl('await_online_nodes', 'x', check=False).code == DATA


# --- a message of a quorum queue ----------------------------------------------------------------

def test_peek_shows_a_message_and_leaves_it(broker, peer, name):
    queue, classic = name('q'), name('c')
    peer.declare(queue, durable=True, arguments={'x-queue-type': 'quorum'})
    peer.declare(classic, durable=True)
    peer.publish(1, '', queue, b'z' * 100, {'content_type': 'text/plain', 'message_id': 'm', 'headers': {'a': 1, 't': {'x': 'y'}}})
    peer.publish(1, '', queue, b'\xff\x00')
    eventually(lambda: peer.declare(queue, passive=True).message_count == 2)
    assert json.loads(broker.ctl('peek', queue, '1', '--formatter', 'json').out) == {'result': 'ok', 'message': {
        'message_id': 'm', 'content_type': 'text/plain', 'routing_keys': [queue], 'exchange': '', 'payload (max 64 bytes)': 'z' * 64,
        'header.a': 1, 'header.t': [['x', 'longstr', 'y']]}}
    shown = broker.ctl('peek', queue, '2').out
    assert shown.startswith(f'Peeking at quorum queue {queue} at position 2 on node ')
    assert 'payload (max 64 bytes, base64)' in shown and '/wA=' in shown
    for words, code, text in (([queue, '3'], UNAVAILABLE, 'Target queue does not have a message at that position'),
                              ([classic, '1'], UNAVAILABLE, 'Cannot peek into a classic queue'),
                              (['none', '1'], UNAVAILABLE, "Target queue was not found in virtual host '/'"),
                              ([queue, '0'], USAGE, '"position value must be a positive integer"')):
        refused = broker.ctl('peek', *words, check=False)
        assert refused.code == code and text in refused.err
    assert peer.declare(queue, passive=True).message_count == 2
    assert broker.ctl('reclaim_quorum_memory', queue).out == f'Will flush Raft WAL of quorum queue {queue} ...\n'
    refused = broker.ctl('reclaim_quorum_memory', classic, check=False)
    assert (refused.code, refused.err) == (UNAVAILABLE, 'Error:\nThis operation is not applicable to classic queues\n')
    for one in queue, classic:
        peer.call(1, 'queue.delete', queue=one)


# --- waiting for a start ------------------------------------------------------------------------

def steps(broker, *words):
    return broker.ctl('-n', 'a@b', 'wait', *words).out.splitlines()


def test_wait_follows_a_process(broker, tmp_path):
    pid = str(json.loads(broker.ctl('status', '--formatter', 'json').out)['pid'])
    file = tmp_path / 'pid'
    ends = [f"Waiting for erlang distribution on node 'a@b' while OS process '{pid}' is running",
            "Waiting for applications 'rabbit_and_plugins' to start on node 'a@b'",
            "Applications 'rabbit_and_plugins' are running on node 'a@b'"]
    begins = [f"Waiting for pid file '{file}' to appear", f'pid is {pid}']
    assert steps(broker, '--pid', pid) == ends
    assert steps(broker, str(file)) == begins + ends           # no such file: the broker's own pid
    file.write_text(pid + '\n')
    assert steps(broker, str(file)) == begins + ends
    told = json.loads(broker.ctl('-n', 'a@b', 'wait', str(file), '--formatter', 'json').out)
    assert [one['message'] for one in told] == begins + ends
    assert broker.ctl('-q', 'wait', str(file)).out == ''


def test_wait_says_what_is_wrong_with_a_pid(broker, tmp_path):
    dead = subprocess.Popen(['true'])
    dead.wait(PATIENCE_S)
    file = tmp_path / 'pid'
    file.write_text('nonsense')
    for words, code, text in ((['--pid', str(dead.pid)], UNAVAILABLE, 'process_not_running'),
                              ([str(file)], UNAVAILABLE, '{:garbage_in_pid_file, "%s"}' % file),
                              ([str(tmp_path)], UNAVAILABLE, 'Is a directory'),
                              ([], USAGE, '"No pid or pidfile specified"'),
                              ([str(file), '--pid', '1'], USAGE, '"Cannot specify both pid and pidfile"')):
        refused = broker.ctl('wait', *words, check=False)
        assert refused.code == code and text in refused.err


def test_wait_ends_when_the_broker_starts_or_the_time_is_over(broker, tmp_path):
    empty, there = tmp_path / 'empty', tmp_path / 'there'
    empty.mkdir()
    late = subprocess.run([broker.control, '--data-dir', empty, 'wait', tmp_path / 'pid', '--timeout', '0'], capture_output=True, text=True)
    assert late.returncode == TIMEOUT and 'timed out' in late.stderr
    waiting = subprocess.Popen([broker.control, '--data-dir', there, 'wait', '--pid', str(os.getpid()), '--timeout', str(PATIENCE_S)],
                               stdout=subprocess.PIPE, text=True)
    assert waiting.stdout.readline().startswith('Waiting for erlang distribution')
    threading.Thread(target=os.symlink, args=(broker.data, there)).start()    # from now on there is a socket
    said, _ = waiting.communicate(timeout=PATIENCE_S)
    assert waiting.returncode == OK and said.endswith(' are running on node ' + said.rsplit(' ', 1)[1])


# --- values of a config file --------------------------------------------------------------------

def test_a_value_for_rabbitmq_conf_is_encrypted_and_decrypted(broker):
    line = broker.ctl('-q', 'encrypt_conf_value', 'secret', 'passphrase').out.strip()
    assert line.startswith('encrypted:')
    assert broker.ctl('-q', 'decrypt_conf_value', line, 'passphrase').out == '"secret"\n'
    assert broker.ctl('decrypt_conf_value', line, 'other', check=False).code == UNAVAILABLE
