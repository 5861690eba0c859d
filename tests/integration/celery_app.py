"""The tasks that test_celery.py has a real worker do."""
import json
import os
import time

from celery import Celery, chord
from kombu import Queue

app = Celery('leveret_tests', broker=os.environ.get('CELERY_BROKER', 'amqp://'),
             backend=os.environ.get('CELERY_BACKEND', 'file:///tmp'))
app.conf.update(task_default_queue=os.environ.get('CELERY_QUEUE', 'celery'), result_chord_retry_interval=0.2,
                task_acks_late=True, task_reject_on_worker_lost=True, worker_send_task_events=True,
                broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
                event_exchange=os.environ.get('CELERY_QUEUE', 'celery') + 'ev',
                control_exchange=os.environ.get('CELERY_QUEUE', 'celery') + 'pidbox',
                **json.loads(os.environ.get('CELERY_SETTINGS', '{}')))
if 'CELERY_QUEUE_ARGUMENTS' in os.environ:
    app.conf.task_queues = [Queue(app.conf.task_default_queue, durable=True,
                                  queue_arguments=json.loads(os.environ['CELERY_QUEUE_ARGUMENTS']))]


@app.task
def add(x, y):
    return x + y


@app.task
def total(numbers):
    return sum(numbers)


@app.task(bind=True, max_retries=3, default_retry_delay=0)
def fails_twice(self, path):
    """Counts its tries in a file; succeeds at the third."""
    with open(path, 'a') as file:
        file.write('x')
    if self.request.retries < 2:
        raise self.retry(countdown=0.1)
    return self.request.retries


@app.task(bind=True)
def holds(self, path, release):
    """Says in a file that it runs and whether it was redelivered, and ends when the other file is there."""
    with open(path, 'a') as file:
        file.write(f'{os.getpid()} {self.request.delivery_info["redelivered"]}\n')
    while not os.path.exists(release):
        time.sleep(0.05)
    return 'done'


@app.task
def moment():
    return time.time()


@app.task
def notes(path, word):
    """Writes its word behind those of the tasks before it."""
    with open(path, 'a') as file:
        file.write(f'{word}\n')


@app.task(bind=True)
def raises(self):
    raise ValueError(f'in the words of {self.name}')


def add_up(pairs):
    return chord([add.s(*pair) for pair in pairs], total.s())
