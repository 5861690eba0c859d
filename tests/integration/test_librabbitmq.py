"""librabbitmq, by its command-line tools (Debian: amqp-tools)."""
import shutil
import subprocess

import pytest

from patience import PATIENCE_S
from wire import eventually

pytestmark = pytest.mark.skipif(not shutil.which('amqp-publish'), reason='amqp-tools is not installed')


@pytest.fixture
def tool(broker):
    def run(which, *words, input='', code=0, timeout=PATIENCE_S):
        done = subprocess.run([f'amqp-{which}', '--server=127.0.0.1', f'--port={broker.port}', *words],
                              input=input, capture_output=True, text=True, timeout=timeout)
        assert code is None or done.returncode == code, done
        return done
    return run


def test_a_queue_is_declared_filled_emptied_and_deleted(tool, peer, name):
    assert tool('declare-queue', '-q', name('q')).stdout == f'{name("q")}\n'
    tool('publish', '-r', name('q'), '-b', 'from the command line')
    assert eventually(lambda: tool('get', '-q', name('q'), code=None).stdout) == 'from the command line'
    assert tool('get', '-q', name('q'), code=2).stdout == ''           # nothing there
    tool('publish', '-r', name('q'), input='from standard input')
    tool('publish', '-r', name('q'), '-l', input='a line\nanother line\n')
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 3)
    assert tool('delete-queue', '-q', name('q')).stdout == '3\n'


def test_a_durable_queue_takes_persistent_messages(tool, peer, name):
    tool('declare-queue', '-d', '-q', name('q'))
    tool('publish', '-r', name('q'), '-p', '-C', 'text/plain', '-H', 'colour: blue', '-b', 'm')
    message = eventually(lambda: peer.get(name('q')))
    assert message.properties['delivery_mode'] == 2 and message.properties['content_type'] == 'text/plain'
    assert message.properties['headers'] == {'colour': ('S', 'blue')}
    peer.call(1, 'queue.delete', queue=name('q'))


def test_consume_runs_a_command_for_each_message(tool, name):
    tool('declare-queue', '-q', name('q'))
    for number in range(5):
        tool('publish', '-r', name('q'), '-b', f'message {number}\n')
    done = tool('consume', '-q', name('q'), '-c', '5', '-p', '2', 'cat')
    assert [line for line in done.stdout.splitlines() if line.startswith('message')] \
        == [f'message {number}' for number in range(5)]
    assert tool('get', '-q', name('q'), code=2).stdout == ''
    tool('delete-queue', '-q', name('q'))


def test_consume_binds_a_queue_of_its_own_to_an_exchange(broker, tool, peer, name):
    peer.call(1, 'exchange.declare', exchange=name('x'), type='direct')
    consumer = subprocess.Popen(['amqp-consume', '--server=127.0.0.1', f'--port={broker.port}', '-e', name('x'), '-r', 'k',
                                 '-c', '1', 'cat'], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    try:
        def taken():
            peer.publish(1, name('x'), 'k', b'found you', mandatory=True)
            peer.send(1, 'basic.qos')
            first = peer.content(1, ('basic.return', 'basic.qos-ok'))
            if first.name == 'basic.return':
                peer.expect('basic.qos-ok', 1)
            return first.name == 'basic.qos-ok'
        eventually(taken)
        assert 'found you' in consumer.communicate(timeout=PATIENCE_S)[0]
    finally:
        consumer.kill()
        consumer.wait()
    peer.call(1, 'exchange.delete', exchange=name('x'))


def test_errors_of_the_broker_reach_the_user(tool, name):
    done = tool('get', '-q', name('none'), code=None)
    assert done.returncode not in (0, 2) and f"no queue '{name('none')}'" in done.stderr
    done = tool('publish', '-e', name('none'), '-r', 'k', '-b', 'm', '--username=guest', '--password=wrong', code=None)
    assert done.returncode != 0 and done.stderr
