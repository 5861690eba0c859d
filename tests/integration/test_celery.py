"""A real Celery worker in a process of its own: tasks, retries, countdowns, chords, kill -9, remote control, events."""
import json
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from patience import PATIENCE_S
from wire import eventually

pytestmark = pytest.mark.once

HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """`celery worker` with one child process; .app is the application configured alike, with these settings."""

    def __init__(self, broker, directory, queue, backend=None, queue_arguments=None, **settings):
        self.directory = directory
        os.makedirs(f'{directory}/results')
        asked = {'CELERY_BROKER': broker.url, 'CELERY_QUEUE': queue, 'CELERY_SETTINGS': json.dumps(settings),
                 'CELERY_BACKEND': backend or f'file://{directory}/results'}
        if queue_arguments:
            asked['CELERY_QUEUE_ARGUMENTS'] = json.dumps(queue_arguments)
        self.environment = {**os.environ, **asked, 'C_FORCE_ROOT': '1', 'PYTHONDONTWRITEBYTECODE': '1'}
        os.environ.update(asked)
        sys.modules.pop('celery_app', None)
        import celery_app
        for key in asked:
            del os.environ[key]
        self.tasks, self.app = celery_app, celery_app.app
        self.children = []

    def start(self, pool='solo', concurrency=1, name='w', queues=()):
        log = open(f'{self.directory}/{name}.log', 'ab')
        child = subprocess.Popen(
            [sys.executable, '-m', 'celery', '-A', 'celery_app', 'worker', '--pool', pool, '-c', str(concurrency),
             '-n', f'{name}@%h', '--loglevel', 'INFO', '-E', *(['-Q', ','.join(queues)] if queues else [])],
            cwd=HERE, env=self.environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True)
        log.close()
        self.children.append(child)
        return child

    def stop(self):
        for child in self.children:
            if child.poll() is None:
                child.terminate()
        for child in self.children:
            try:
                child.wait(PATIENCE_S)
            except subprocess.TimeoutExpired:
                os.killpg(child.pid, signal.SIGKILL)
                child.wait()
        self.app.close()


@pytest.fixture(scope='module')
def worker(broker, tmp_path_factory):
    one = Worker(broker, str(tmp_path_factory.mktemp('celery')), f'celery{os.getpid()}')
    one.start()
    yield one
    one.stop()


@pytest.fixture(scope='module')
def tasks(worker):
    return worker.tasks


def test_a_task_is_done_and_its_result_comes_back(tasks):
    assert tasks.add.delay(2, 3).get(timeout=PATIENCE_S) == 5


def test_many_tasks_are_all_done(tasks):
    results = [tasks.add.delay(number, number) for number in range(50)]
    assert [result.get(timeout=PATIENCE_S) for result in results] == [2 * number for number in range(50)]


def test_a_failing_task_is_retried(tasks, tmp_path):
    assert tasks.fails_twice.delay(str(tmp_path / 'tries')).get(timeout=PATIENCE_S) == 2
    assert (tmp_path / 'tries').read_text() == 'xxx'


def test_a_countdown_is_waited_for(tasks):
    due = time.time() + 1
    assert tasks.moment.apply_async(countdown=1).get(timeout=PATIENCE_S) >= due - 0.1


def test_tasks_with_countdowns_do_not_block_others(tasks):
    waiting = [tasks.moment.apply_async(countdown=2) for _ in range(20)]     # each raises the prefetch
    assert tasks.add.delay(1, 1).get(timeout=PATIENCE_S) == 2
    for result in waiting:
        result.get(timeout=PATIENCE_S)


def test_a_chord_adds_up_what_its_tasks_returned(tasks):
    assert tasks.add_up([(1, 2), (3, 4), (5, 6)])().get(timeout=PATIENCE_S) == 21


def test_a_worker_answers_to_remote_control(worker):
    # With a limit kombu takes that many events of the connection, and one of them may be no reply: then it is asked again.
    ask = {'timeout': 60, 'limit': 1}
    replies = eventually(lambda: worker.app.control.broadcast('ping', reply=True, **ask))
    assert [list(reply.values()) for reply in replies] == [[{'ok': 'pong'}]]
    assert eventually(lambda: worker.app.control.inspect(**ask).active_queues())


def test_a_worker_tells_events(worker):
    seen = {}

    def note(event):
        seen.setdefault(event.get('uuid'), []).append(event['type'])

    with worker.app.connection_for_read() as connection:
        receiver = worker.app.events.Receiver(connection, handlers={'*': note})
        with receiver.consumer_context() as (events, _, _):    # bound before the task is sent
            result = worker.tasks.add.delay(1, 2)
            end = time.monotonic() + PATIENCE_S
            while 'task-succeeded' not in seen.get(result.id, []):
                assert time.monotonic() < end, f'{result.id} not among {seen}'
                try:
                    events.drain_events(timeout=1)
                except socket.timeout:
                    pass
    assert {'task-received', 'task-started', 'task-succeeded'} <= set(seen[result.id])


def test_a_task_that_has_expired_is_not_done(tasks, tmp_path):
    path = str(tmp_path / 'words')
    tasks.notes.apply_async((path, 'late'), expires=-1)
    tasks.notes.apply_async((path, 'in time'), expires=600).get(timeout=PATIENCE_S)
    assert (tmp_path / 'words').read_text() == 'in time\n'


def test_a_task_that_is_revoked_is_not_done(worker, tasks, tmp_path):
    path = str(tmp_path / 'words')
    waiting = tasks.notes.apply_async((path, 'revoked'), countdown=1)
    worker.app.control.broadcast('revoke', arguments={'task_id': waiting.id}, reply=True, timeout=PATIENCE_S, limit=1)
    tasks.notes.apply_async((path, 'later'), countdown=1.5).get(timeout=PATIENCE_S)
    assert (tmp_path / 'words').read_text() == 'later\n'


# --- results by messages, and priorities ----------------------------------------------------------

@pytest.fixture(scope='module')
def other(broker, tmp_path_factory):
    """A worker whose results are messages (`rpc://`) and whose queue has priorities; it takes one task at a time, and
    publishes with confirms."""
    one = Worker(broker, str(tmp_path_factory.mktemp('celery')), f'other{os.getpid()}', backend='rpc://',
                 task_queue_max_priority=10, task_default_priority=5, worker_prefetch_multiplier=1,
                 broker_transport_options={'confirm_publish': True, 'queue_order_strategy': 'priority'})
    one.start(name='other', pool='prefork')          # the pool that acknowledges as soon as a task is done
    yield one
    one.stop()


def test_results_come_back_as_messages(other):
    results = [other.tasks.add.delay(number, 1) for number in range(3)]      # Celery sleeps a second over each
    assert [result.get(timeout=PATIENCE_S) for result in reversed(results)] == [3, 2, 1]


def test_a_failure_comes_back_as_a_message(other):
    with pytest.raises(ValueError, match='in the words of celery_app.raises'):
        other.tasks.raises.delay().get(timeout=PATIENCE_S)


def test_a_group_comes_back_as_messages(other):
    from celery import group
    assert group(other.tasks.add.s(number, number) for number in range(10))().get(timeout=PATIENCE_S) == list(range(0, 20, 2))


def test_a_chain_comes_back_as_a_message(other):
    assert (other.tasks.add.s(1, 2) | other.tasks.add.s(10) | other.tasks.add.s(100))().get(timeout=PATIENCE_S) == 113


def test_the_tasks_that_wait_are_done_by_priority(other, tmp_path):
    """While one is held, others come in; each is as urgent as its number, and those of a number keep their order."""
    path, ran, release = str(tmp_path / 'words'), tmp_path / 'ran', tmp_path / 'release'
    first = other.tasks.holds.delay(str(ran), str(release))
    eventually(ran.exists)
    results = [other.tasks.notes.apply_async((path, f'{word} {priority}'), priority=priority)
               for word in ('a', 'b') for priority in (1, 9, 4)]
    release.touch()
    for result in (first, *results):
        result.get(timeout=PATIENCE_S)
    assert (tmp_path / 'words').read_text().splitlines() == ['a 9', 'b 9', 'a 4', 'b 4', 'a 1', 'b 1']


def test_a_worker_of_two_queues_does_tasks_of_both_although_one_has_a_backlog(broker, tmp_path):
    """Both are consumed on one channel with a global prefetch, whose consumers take turns."""
    bulk, urgent = f'bulk{os.getpid()}', f'urgent{os.getpid()}'
    worker = Worker(broker, str(tmp_path / 'celery'), bulk)
    try:
        path = tmp_path / 'words'
        for queue, count in ((bulk, 100), (urgent, 5)):
            for _ in range(count):
                worker.tasks.notes.apply_async((str(path), queue), queue=queue)
        worker.start(queues=(bulk, urgent))
        words = eventually(lambda: path.exists() and (words := path.read_text().splitlines()).count(urgent) == 5 and words)
        assert words.count(bulk) < 60
    finally:
        worker.stop()
        with worker.app.connection_for_write() as connection:
            for queue in (bulk, urgent):
                connection.default_channel.queue_delete(queue)


# --- quorum queues --------------------------------------------------------------------------------

def test_a_worker_of_a_quorum_queue(broker, tmp_path):
    """Celery raises a global prefetch for each task with a countdown: more of them than it takes do not hold up the rest. A
    worker that is killed gives its task to another."""
    worker = Worker(broker, str(tmp_path / 'celery'), f'quorum{os.getpid()}', queue_arguments={'x-queue-type': 'quorum'},
                    worker_prefetch_multiplier=2)
    try:
        first = worker.start(name='first')
        waiting = [worker.tasks.moment.apply_async(countdown=1) for _ in range(10)]
        assert worker.tasks.add.delay(1, 1).get(timeout=PATIENCE_S) == 2
        for result in waiting:
            result.get(timeout=PATIENCE_S)
        ran, release = tmp_path / 'ran', tmp_path / 'release'
        held = worker.tasks.holds.delay(str(ran), str(release))
        eventually(lambda: ran.exists() and ran.read_text().count('\n') == 1)    # there before it is written
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        worker.start(name='second')
        eventually(lambda: ran.read_text().count('\n') == 2)
        release.touch()
        assert held.get(timeout=PATIENCE_S) == 'done'
    finally:
        worker.stop()
        with worker.app.connection_for_write() as connection:
            connection.default_channel.queue_delete(worker.app.conf.task_default_queue)


def test_kill_9_of_a_worker_gives_its_task_to_another(broker, tmp_path):
    """acks_late: the task is not acknowledged, so it is redelivered, marked so, when its worker dies."""
    worker = Worker(broker, str(tmp_path / 'celery'), f'killed{os.getpid()}')
    try:
        first = worker.start(name='first')
        path, release = tmp_path / 'ran', tmp_path / 'release'
        result = worker.tasks.holds.delay(str(path), str(release))
        eventually(lambda: path.exists() and path.read_text().count('\n') == 1)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        worker.start(name='second')
        eventually(lambda: path.read_text().count('\n') == 2)
        release.touch()
        assert result.get(timeout=PATIENCE_S) == 'done'
        one, two = [line.split() for line in path.read_text().splitlines()]
        assert one[0] != two[0] and (one[1], two[1]) == ('False', 'True')
    finally:
        worker.stop()
