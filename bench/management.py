#!/usr/bin/python3
"""What the HTTP API and the metrics cost with very many objects: how long pages and scrapes take, what they add to the
broker's memory, and what they do to the latency of messages.

    management.py [--queues 100000] [--connections 10000] [--rounds 3] [--seconds 5]
    management.py --memory [--busy 2000] [--seconds 60]

With --memory it tells what the statistics of busy objects take: the same load on a broker with statistics and on one
without; each queue has a publisher and a consumer, so there are five objects with a history for each queue.

The latencies are measured in turns on the same broker: quiet, while pages are read, while all objects are scraped. Only
their ratios mean something. On a virtual machine p99 shows mostly what the host does to it; so each line also tells how long
the broker's loop was ready to run but waited for its CPU, and for how long the host ran something else on one of the
machine's CPUs (steal): the first is what other threads cost the loop, unless the second is as large. All are medians of the
rounds. LEVERETD names the broker; programs are in BENCH_BUILD (build-bench).
"""
import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'tests', 'integration'))
from compare import LOAD_CPUS, PROGRAMS, anew, load, on, ops, resident_mb  # noqa: E402
from brokers import Leveret, free_port  # noqa: E402
from http_client import Http, basic  # noqa: E402

PAGES = {
    'queues by messages': '/api/queues?page=1&page_size=100&sort=messages&sort_reverse=true',
    'queues by rate': '/api/queues?page=1&page_size=100&sort=message_stats.publish_details.rate&sort_reverse=true',
    'queues by name': '/api/queues?page=500&page_size=100&sort=name',
    'connections by bytes': '/api/connections?page=1&page_size=100&sort=recv_oct&sort_reverse=true',
    'channels': '/api/channels?page=1&page_size=100',
    'overview': '/api/overview',
    'one queue': '/api/queues/%2F/bench.name.0.0',
}
SCRAPES = {'aggregated': '/metrics', 'per object': '/metrics/per-object'}


def timed(http, path):
    """How many milliseconds it took, and how many octets came."""
    begun = time.monotonic()
    answer = http.request('GET', path, headers={'authorization': basic('guest', 'guest')})
    if answer.status != 200:
        raise RuntimeError(f'{path}: {answer!r}'[:300])
    return (time.monotonic() - begun) * 1000, len(answer.body)


def percentile(values, share):
    return sorted(values)[min(len(values) - 1, int(len(values) * share))]


def show_times(http, targets, times):
    for name, path in targets.items():
        taken = [timed(http, path) for _ in range(times)]
        ms = [one[0] for one in taken]
        print(f'{name:24} median {statistics.median(ms):8.1f} ms  worst {max(ms):8.1f} ms  {taken[-1][1]:>12,} bytes', flush=True)


class Repeated:
    """Reads these paths over and over, until the block ends."""

    def __init__(self, http, targets, pause_s):
        self.http, self.targets, self.pause_s = http, list(targets.values()), pause_s
        self.is_over = threading.Event()
        self.count = 0

    def run(self):
        # The load, which measures, shares this CPU and always comes first.
        os.sched_setscheduler(threading.get_native_id(), os.SCHED_IDLE, os.sched_param(0))
        while not self.is_over.is_set():
            timed(self.http, self.targets[self.count % len(self.targets)])
            self.count += 1
            self.is_over.wait(self.pause_s)

    def __enter__(self):
        self.thread = threading.Thread(target=self.run)
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.is_over.set()
        self.thread.join()


class Quiet:
    count = 0

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass


def loop_waited_ms(broker):
    """How long the broker's only loop, which runs on the main thread, has waited for its CPU."""
    with open(f'/proc/{broker.child.pid}/task/{broker.child.pid}/schedstat') as file:
        return int(file.read().split()[1]) / 1e6


def stolen_ms():
    """For how long the host has run something else, of all CPUs together."""
    with open('/proc/stat') as file:
        return int(file.readline().split()[8]) * 1000 / os.sysconf('SC_CLK_TCK')


def load_once(broker, seconds):
    """p99 in microseconds; for how many milliseconds the loop has waited, and how many were stolen."""
    waited, stolen = loop_waited_ms(broker), stolen_ms()
    p99 = load(broker, '--bytes', 16, '--rate', 5000, '--seconds', seconds)['latency_p99']
    return p99, loop_waited_ms(broker) - waited, stolen_ms() - stolen


def show_latencies(broker, api, metrics, rounds, seconds):
    states = {
        'quiet': Quiet,
        'a page every 200 ms': lambda: Repeated(api, PAGES, 0.2),
        'scrapes without a pause': lambda: Repeated(metrics, SCRAPES, 0),
    }
    figures = {name: [] for name in states}
    for _ in range(rounds):
        for name, state in states.items():
            with state():
                figures[name].append(load_once(broker, seconds))
    medians = {name: [statistics.median(column) for column in zip(*rows)] for name, rows in figures.items()}
    for name, (p99, waited, stolen) in medians.items():
        print(f'p99, {name:24} {p99:8.0f} us  {p99 / medians["quiet"][0]:6.2f} of quiet; of {seconds * 1000:.0f} ms the loop '
              f'waited {waited:6.1f}, steal {stolen:6.0f}', flush=True)


def hold_connections(broker, count):
    on(LOAD_CPUS)
    holder = subprocess.Popen([f'{PROGRAMS}/ops', str(broker.port), 'hold', str(count)], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    holder.stdout.readline()
    return holder


def measure_pages(place, chosen):
    broker = Leveret(os.path.join(place, 'leveret'), loops=1)
    broker.metrics_port = free_port()
    try:
        measure(broker, chosen)
    finally:
        broker.stop()


def measure(broker, chosen):
    anew(broker)
    print(f'memory, empty            {resident_mb(broker):8.1f} MB')
    ops(broker, 'keep', chosen.queues)
    holder = hold_connections(broker, chosen.connections)
    print(f'memory, with all objects {resident_mb(broker):8.1f} MB')
    time.sleep(30)
    before = resident_mb(broker)
    print(f'memory, 30 s later       {before:8.1f} MB', flush=True)
    api, metrics = Http(broker.management_port), Http(broker.metrics_port)
    show_times(api, PAGES, 20)
    show_times(metrics, SCRAPES, 5)
    print(f'memory, after scrapes    {resident_mb(broker):8.1f} MB', flush=True)
    show_latencies(broker, api, metrics, chosen.rounds, chosen.seconds)
    holder.communicate()


SAMPLE_S = 5
OBJECTS_EACH = 5                # the queue, two connections, two channels


def memory_under_load(place, chosen, disables):
    config = os.path.join(place, 'leveret.conf')
    with open(config, 'w') as file:
        file.write(f'management.disable_stats = {disables}\n')
    broker = Leveret(os.path.join(place, disables), loops=1, environment={'RABBITMQ_CONFIG_FILES': config})
    try:
        anew(broker)
        words = ['--queues', chosen.busy, '--publishers', chosen.busy, '--consumers', chosen.busy, '--rate', chosen.busy,
                 '--seconds', chosen.seconds + SAMPLE_S]
        loading = threading.Thread(target=load, args=(broker, *words))
        loading.start()
        time.sleep(chosen.seconds)
        found = resident_mb(broker)
        loading.join()
        return found
    finally:
        broker.stop()


def measure_memory(place, chosen):
    without, with_them = (memory_under_load(place, chosen, disables) for disables in ('true', 'false'))
    samples = chosen.seconds // SAMPLE_S
    each = (with_them - without) * 1e6 / (chosen.busy * OBJECTS_EACH * samples)
    print(f'memory without statistics {without:8.1f} MB, with {with_them:8.1f} MB: {each:6.1f} bytes an object and sample '
          f'({chosen.busy * OBJECTS_EACH} objects, {samples} samples)')


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--queues', type=int, default=100000)
    parser.add_argument('--connections', type=int, default=10000)
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--memory', action='store_true')
    parser.add_argument('--busy', type=int, default=2000)
    parser.add_argument('--seconds', type=int)
    chosen = parser.parse_args()
    chosen.seconds = chosen.seconds or (60 if chosen.memory else 5)
    place = tempfile.mkdtemp(prefix='bench-')
    try:
        if chosen.memory:
            measure_memory(place, chosen)
        else:
            measure_pages(place, chosen)
    finally:
        shutil.rmtree(place, ignore_errors=True)


if __name__ == '__main__':
    main()
