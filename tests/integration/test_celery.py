"""A real Celery worker in a process of its own: tasks, retries, countdowns, chords, kill -9, remote control, events."""
import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from wire import eventually

pytestmark = pytest.mark.once

HERE = os.path.dirname(os.path.abspath(__file__))


class Worker:
    """`celery worker` with one child process; .app is the application configured alike."""

    def __init__(self, broker, directory, queue):
        self.directory = directory
        self.environment = {**os.environ, 'CELERY_BROKER': broker.url, 'CELERY_QUEUE': queue, 'C_FORCE_ROOT': '1',
                            'CELERY_BACKEND': f'file://{directory}/results', 'PYTHONDONTWRITEBYTECODE': '1'}
        os.makedirs(f'{directory}/results')
        os.environ.update({key: self.environment[key] for key in ('CELERY_BROKER', 'CELERY_QUEUE', 'CELERY_BACKEND')})
        sys.modules.pop('celery_app', None)
        import celery_app
        self.tasks, self.app = celery_app, celery_app.app
        self.children = []

    def start(self, pool='solo', concurrency=1, name='w'):
        log = open(f'{self.directory}/{name}.log', 'ab')
        child = subprocess.Popen(
            [sys.executable, '-m', 'celery', '-A', 'celery_app', 'worker', '--pool', pool, '-c', str(concurrency),
             '-n', f'{name}@%h', '--loglevel', 'INFO', '-E'],
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
                child.wait(30)
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
    assert tasks.add.delay(2, 3).get(timeout=60) == 5


def test_many_tasks_are_all_done(tasks):
    results = [tasks.add.delay(number, number) for number in range(50)]
    assert [result.get(timeout=60) for result in results] == [2 * number for number in range(50)]


def test_a_failing_task_is_retried(tasks, tmp_path):
    assert tasks.fails_twice.delay(str(tmp_path / 'tries')).get(timeout=60) == 2
    assert (tmp_path / 'tries').read_text() == 'xxx'


def test_a_countdown_is_waited_for(tasks):
    due = time.time() + 1
    assert tasks.moment.apply_async(countdown=1).get(timeout=60) >= due - 0.1


def test_tasks_with_countdowns_do_not_block_others(tasks):
    waiting = [tasks.moment.apply_async(countdown=2) for _ in range(20)]     # each raises the prefetch
    assert tasks.add.delay(1, 1).get(timeout=60) == 2
    for result in waiting:
        result.get(timeout=60)


def test_a_chord_adds_up_what_its_tasks_returned(tasks):
    assert tasks.add_up([(1, 2), (3, 4), (5, 6)])().get(timeout=60) == 21


def test_a_worker_answers_to_remote_control(worker):
    replies = worker.app.control.broadcast('ping', reply=True, timeout=60, limit=1)     # limit: not to wait for more
    assert [list(reply.values()) for reply in replies] == [[{'ok': 'pong'}]]
    assert worker.app.control.inspect(timeout=60, limit=1).active_queues()


def test_a_worker_tells_events(worker):
    seen = {}

    def note(event):
        seen.setdefault(event.get('uuid'), []).append(event['type'])

    with worker.app.connection_for_read() as connection:
        receiver = worker.app.events.Receiver(connection, handlers={'*': note})
        with receiver.consumer_context() as (events, _, _):    # bound before the task is sent
            result = worker.tasks.add.delay(1, 2)
            end = time.monotonic() + 60
            while 'task-succeeded' not in seen.get(result.id, []):
                assert time.monotonic() < end, f'{result.id} not among {seen}'
                try:
                    events.drain_events(timeout=1)
                except socket.timeout:
                    pass
    assert {'task-received', 'task-started', 'task-succeeded'} <= set(seen[result.id])


def test_kill_9_of_a_worker_gives_its_task_to_another(broker, tmp_path):
    """acks_late: the task is not acknowledged, so it is redelivered, marked so, when its worker dies."""
    worker = Worker(broker, str(tmp_path / 'celery'), f'killed{os.getpid()}')
    try:
        first = worker.start(name='first')
        path, release = tmp_path / 'ran', tmp_path / 'release'
        result = worker.tasks.holds.delay(str(path), str(release))
        eventually(lambda: path.exists() and path.read_text().count('\n') == 1, within_s=60)
        os.killpg(first.pid, signal.SIGKILL)
        first.wait()
        worker.start(name='second')
        eventually(lambda: path.read_text().count('\n') == 2, within_s=60)
        release.touch()
        assert result.get(timeout=60) == 'done'
        one, two = [line.split() for line in path.read_text().splitlines()]
        assert one[0] != two[0] and (one[1], two[1]) == ('False', 'True')
    finally:
        worker.stop()
