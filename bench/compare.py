#!/usr/bin/python3
"""Side by side: the same load on each broker in turn, and how many times better the first one is.

    compare.py [--brokers leveret,rabbitmq,relay] [--scenarios a,b] [--rounds 3] [--seconds 2] [--quick] [--json FILE]

One line for each scenario: the median of every broker, and the first one's ratio to the others (above 1.00: better).
Only such ratios of one run mean something: absolute figures follow the machine and what else runs on it. README.md
says what each scenario is. LEVERETD names the broker to measure; programs are in BENCH_BUILD (build-bench).
"""
import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)
sys.path.insert(0, os.path.join(ROOT, 'tests', 'integration'))
from brokers import Broker, Leveret, Rabbit  # noqa: E402

PROGRAMS = os.path.join(os.environ.get('BENCH_BUILD', os.path.join(ROOT, 'build-bench')), 'bench')
ALL_CPUS = sorted(os.sched_getaffinity(0))
LOAD_CPUS = ALL_CPUS[:1]
BROKER_CPUS = ALL_CPUS[1:2] or ALL_CPUS              # one each: what a broker does with one core

PERSISTENT = '--durable 1 --window 2000'
BACKLOG = f'{PERSISTENT} --consumers 0 --keep 1 --count'


class Relay(Broker):
    """The bound (relay.c): no broker can be faster on this machine."""
    name = 'relay'
    file = ()

    def start(self, wait=True):
        with open(os.path.join(self.directory, 'log'), 'ab') as log:
            self.child = subprocess.Popen([f'{PROGRAMS}/relay', str(self.port), *self.file], stdout=log, stderr=log,
                                          start_new_session=True)
        if wait:
            self.wait_until_it_answers(60)
        return self

    def log(self):
        with open(os.path.join(self.directory, 'log'), errors='replace') as file:
            return file.read()

    def stop(self):
        self.kill()


class DurableRelay(Relay):
    """The bound for what must be on the disk."""
    name = 'relay-file'

    @property
    def file(self):
        return [os.path.join(self.directory, 'file')]


BROKERS = {
    'leveret': lambda directory: Leveret(directory, loops=len(BROKER_CPUS)),
    'rabbitmq': Rabbit,
    'relay': Relay,
    'relay-file': DurableRelay,
}


class Load:
    """A run of `load`: its arguments, the figure that counts, its unit, which bound can run it."""

    def __init__(self, arguments, figure='delivered', unit='msg/s', bound=None):
        self.arguments, self.figure, self.unit, self.bound = arguments.split(), figure, unit, bound
        self.is_rate = unit.endswith('/s')

    def measure(self, broker, seconds):
        return load(broker, '--seconds', str(seconds), *self.arguments)[self.figure]


class Act:
    """Anything else: a function of a running broker; bounds cannot do it."""
    bound = None

    def __init__(self, function, unit):
        self.function, self.unit, self.is_rate = function, unit, unit.endswith('/s')

    def measure(self, broker, seconds):
        return self.function(broker)


# --- tools ------------------------------------------------------------------------------------------

def on(cpus):
    os.sched_setaffinity(0, cpus)


def run(*words):
    on(LOAD_CPUS)
    done = subprocess.run([os.path.join(PROGRAMS, words[0]), *map(str, words[1:])], capture_output=True, text=True,
                          timeout=600, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(done.stderr.strip())
    return json.loads(done.stdout)


def load(broker, *words):
    return run('load', '--port', broker.port, *words)


def ops(broker, *words):
    return run('ops', broker.port, *words)['rate']


def start(broker):
    """Starts it; how long it took to answer, in seconds."""
    on(BROKER_CPUS)
    begun = time.monotonic()
    broker.start(wait=False)
    while not broker.answers():
        if broker.child.poll() is not None or time.monotonic() - begun > 120:
            raise RuntimeError(f'{broker.name} does not start: {broker.log()[-400:]}')
        time.sleep(0.001)
    return time.monotonic() - begun


def anew(broker):
    """An empty broker; how long its start took."""
    if broker.child is not None:
        broker.kill()
    for name in 'data', 'mnesia', 'file':
        shutil.rmtree(os.path.join(broker.directory, name), ignore_errors=True)
    return start(broker)


def resident_mb(broker):
    """Of the largest process of its session."""
    sizes = [0]
    for pid in filter(str.isdigit, os.listdir('/proc')):
        try:
            with open(f'/proc/{pid}/stat') as stat, open(f'/proc/{pid}/statm') as statm:
                if int(stat.read().rpartition(')')[2].split()[3]) == broker.child.pid:
                    sizes.append(int(statm.read().split()[1]) * os.sysconf('SC_PAGESIZE') / 1e6)
        except OSError:
            pass
    return max(sizes)


# --- what is no load ----------------------------------------------------------------------------------

def boot_with_a_backlog(broker):
    anew(broker)
    load(broker, *BACKLOG.split(), 500000)
    broker.kill()
    return start(broker)


def drain(broker):
    anew(broker)
    load(broker, *BACKLOG.split(), 500000)
    return load(broker, '--durable', 1, '--keep', 1, '--publishers', 0, '--count', 500000)['delivered']


def idle(broker):
    anew(broker)
    time.sleep(1)
    return resident_mb(broker)


def memory_of_a_backlog(broker):
    anew(broker)
    load(broker, *BACKLOG.split(), 1000000)
    time.sleep(1)
    return resident_mb(broker)


def memory_of_connections(broker):
    before = idle(broker)
    on(LOAD_CPUS)
    holder = subprocess.Popen([f'{PROGRAMS}/ops', str(broker.port), 'hold', '1000'], stdin=subprocess.PIPE,
                              stdout=subprocess.PIPE)
    holder.stdout.readline()
    time.sleep(1)
    grown = resident_mb(broker) - before
    holder.communicate()
    return grown


def memory_of_queues(broker):
    before = idle(broker)
    ops(broker, 'keep', 2000)
    time.sleep(1)
    return resident_mb(broker) - before


SCENARIOS = {
    'transient-16': Load('--bytes 16', bound='relay'),
    'transient-1k': Load('--bytes 1024', bound='relay'),
    'transient-64k': Load('--bytes 65536', bound='relay'),
    'confirmed-16': Load('--bytes 16 --window 2000', bound='relay'),
    'acked-16': Load('--bytes 16 --window 2000 --prefetch 1000'),
    'acked-singly-16': Load('--bytes 16 --window 2000 --prefetch 1000 --ack 1'),
    'durable-16': Load(f'--bytes 16 {PERSISTENT} --prefetch 1000'),
    'durable-1k': Load(f'--bytes 1024 {PERSISTENT} --prefetch 1000'),
    'durable-publish-16': Load(f'--bytes 16 {PERSISTENT} --consumers 0', 'confirmed', bound='relay-file'),
    'quorum-16': Load(f'--bytes 16 {PERSISTENT} --quorum 1 --prefetch 1000'),
    'topic-16': Load('--bytes 16 --window 2000 --exchange topic'),
    'fan-out-10': Load('--bytes 16 --window 500 --exchange fanout --consumers 10 --queues 10'),
    'fan-in-50': Load('--bytes 16 --window 100 --publishers 50'),
    'many-100': Load('--bytes 16 --window 100 --publishers 100 --consumers 100 --queues 100'),
    'latency-p50': Load('--bytes 16 --rate 5000', 'latency_p50', 'us', bound='relay'),
    'latency-p99': Load('--bytes 16 --rate 5000', 'latency_p99', 'us', bound='relay'),
    'confirm-p50': Load('--bytes 16 --durable 1 --window 1 --consumers 0', 'confirm_p50', 'us', bound='relay-file'),
    'connect': Act(lambda broker: ops(broker, 'churn', 200), '/s'),
    'declare': Act(lambda broker: ops(broker, 'declare', 500), '/s'),
    'declare-durable': Act(lambda broker: ops(broker, 'declare', 200, 'durable'), '/s'),
    'bind': Act(lambda broker: ops(broker, 'bind', 1000), '/s'),
    'bind-durable': Act(lambda broker: ops(broker, 'bind', 200, 'durable'), '/s'),
    'drain-500k': Act(drain, 'msg/s'),
    'boot-empty': Act(anew, 's'),
    'boot-500k': Act(boot_with_a_backlog, 's'),
    'memory-idle': Act(idle, 'MB'),
    'memory-1000-connections': Act(memory_of_connections, 'MB'),
    'memory-2000-queues': Act(memory_of_queues, 'MB'),
    'memory-1M-backlog': Act(memory_of_a_backlog, 'MB'),
}


# --- the comparison ------------------------------------------------------------------------------------

def measure(name, brokers, rounds, seconds):
    """Figures by broker, a list for each. The brokers take turns, so that what disturbs one disturbs all."""
    scenario, figures = SCENARIOS[name], {}
    for _ in range(rounds):
        for broker in brokers:
            if isinstance(broker, Relay) and broker.name != scenario.bound:
                continue
            try:
                if broker.child is None or broker.child.poll() is not None:
                    anew(broker)
                figures.setdefault(broker.name, []).append(scenario.measure(broker, seconds))
            except (RuntimeError, OSError, subprocess.TimeoutExpired) as error:
                print(f'# {name}, {broker.name}: {error}', file=sys.stderr, flush=True)
    return figures


def line(name, figures):
    medians = {broker: statistics.median(values) for broker, values in figures.items()}
    first, *others = medians
    better = [(medians[first] / medians[other]) ** (1 if SCENARIOS[name].is_rate else -1)
              for other in others if medians[first] and medians[other]]
    return ' '.join([f'{name:24}', *(f'{broker} {value:<10.4g}' for broker, value in medians.items()),
                     f'{SCENARIOS[name].unit:6}', *(f'{first}/{other} {ratio:.2f}' for other, ratio in zip(others, better))])


def arguments():
    default = ['leveret', *(['rabbitmq'] if Rabbit.is_installed() else []), 'relay', 'relay-file']
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--brokers', default=','.join(default))
    parser.add_argument('--scenarios', default=','.join(SCENARIOS))
    parser.add_argument('--rounds', type=int, default=3)
    parser.add_argument('--seconds', type=int, default=2, help='of each load, after half a second of warming up')
    parser.add_argument('--quick', action='store_true', help='one round of one second')
    parser.add_argument('--json', help='write every figure into this file')
    chosen = parser.parse_args()
    if chosen.quick:
        chosen.rounds = chosen.seconds = 1
    for name, known in ((chosen.brokers, BROKERS), (chosen.scenarios, SCENARIOS)):
        unknown = set(name.split(',')) - set(known)
        if unknown:
            parser.error(f'unknown: {", ".join(sorted(unknown))}; there are {", ".join(known)}')
    return chosen


def main():
    chosen = arguments()
    place = tempfile.mkdtemp(prefix='bench-')
    brokers = [BROKERS[name](os.path.join(place, name)) for name in chosen.brokers.split(',')]
    results = {}
    try:
        for name in chosen.scenarios.split(','):
            results[name] = measure(name, brokers, chosen.rounds, chosen.seconds)
            if results[name]:
                print(line(name, results[name]), flush=True)
    finally:
        for broker in brokers:
            broker.stop()
        shutil.rmtree(place, ignore_errors=True)
    if chosen.json:
        with open(chosen.json, 'w') as file:
            json.dump(results, file, indent=1)
    if not all(results.values()):
        sys.exit(1)


if __name__ == '__main__':
    main()
