#!/usr/bin/python3
"""What a message trace costs: messages a second through one loop without a trace, beside traces, and while messages are followed.

    traces.py [--rounds 5] [--seconds 3]

The states take turns on the same broker; only their ratios to the first one mean something. LEVERETD names the broker; programs
are in BENCH_BUILD (build-bench).
"""
import argparse
import os
import shutil
import statistics
import sys
import tempfile

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), 'tests', 'integration'))
from compare import anew, load  # noqa: E402
from brokers import Leveret  # noqa: E402
from http_client import Api, path  # noqa: E402

DEFAULT_EXCHANGE = {'vhost': '/', 'kind': 'exchange', 'name': ''}        # what `load` publishes to
STATES = {
    'no trace': None,
    'of another exchange': {'vhost': '/', 'kind': 'exchange', 'name': 'amq.topic'},
    'of this one, which follows no more': {**DEFAULT_EXCHANGE, 'messages': 1},
    'one message in 1,000 is followed': {**DEFAULT_EXCHANGE, 'messages': 10000, 'one_in': 1000},
}
LOADS = {
    'without acknowledgements': [],
    'acknowledged, 500 at once': ['--prefetch', '1000', '--ack', '500'],
}


class Traced:
    """While it lasts, messages are followed as told; None: no trace runs. `followed` is how many messages were, in the end."""

    def __init__(self, api, trace):
        self.api, self.trace, self.followed = api, trace, 0

    def __enter__(self):
        if self.trace:
            answer = self.api.post('/message-traces', {'seconds': 600, **self.trace})
            if answer.status != 201:
                raise RuntimeError(answer)
            self.address = path('message-traces', answer.json['id'])
        return self

    def __exit__(self, *_):
        if self.trace:
            self.followed = self.api.get(self.address).json['followed']
            self.api.delete(self.address)


def measure(broker, rounds, seconds):
    api = Api(broker)
    for name, words in LOADS.items():
        rates, followed = ({state: [] for state in STATES} for _ in range(2))
        for _ in range(rounds):
            for state, trace in STATES.items():
                with Traced(api, trace) as traced:
                    rates[state].append(load(broker, '--seconds', seconds, *words)['delivered'])
                followed[state].append(traced.followed)
        quiet = statistics.median(rates['no trace'])
        for state, all_of_it in rates.items():
            rate = statistics.median(all_of_it)
            print(f'{name:26} {state:36} {rate:10.0f} msg/s  {rate / quiet:5.2f}  ({min(all_of_it) / quiet:.2f} to '
                  f'{max(all_of_it) / quiet:.2f}); {statistics.median(followed[state]):.0f} followed', flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=5)
    parser.add_argument('--seconds', type=int, default=3)
    chosen = parser.parse_args()
    place = tempfile.mkdtemp(prefix='bench-')
    broker = Leveret(os.path.join(place, 'leveret'), loops=1)
    try:
        anew(broker)
        measure(broker, chosen.rounds, chosen.seconds)
    finally:
        broker.stop()
        shutil.rmtree(place, ignore_errors=True)


if __name__ == '__main__':
    main()
