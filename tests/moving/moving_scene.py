#!/usr/bin/python3
"""Moves a RabbitMQ into Leveret with all that it has, while clients work and everything is killed in the middle; and back into a new RabbitMQ.

    moving_scene.py [--queues N] [--messages N] [--directory DIR]          (make moving-check)

LEVERETD names the broker (default: build/leveretd). Needs Debian's rabbitmq-server 3.10 and python3-pika. Prints what happens, and at
the end a line of figures; exits with 1, and the reason, if anything that docs/moving-over.md promises does not hold.

In each direction: the application works and a second consumer keeps messages in its hands; the command is killed, then the broker
that takes, then the one that gives, each time in the middle of a queue, and the command is run again until only the messages in that
consumer's hands are left; the application is led to the other broker; the command runs with --wait, and the consumer goes. Then
definitions, logins and every message are compared. At last everything is moved there and back once more, undisturbed and measured."""
import argparse
import json
import pathlib
import shutil
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'integration')]

import pika  # noqa: E402

from brokers import Leveret, ManagedRabbit  # noqa: E402
from clients import Consumer, Holder, Publisher, Relay  # noqa: E402
from comparing import Fault, check_definitions, check_logins, definitions, judge_all, read_all  # noqa: E402
from estate import SHOP, SPREADING, VHOSTS, Estate, connect  # noqa: E402
from http_client import Api  # noqa: E402
from patience import patience_with  # noqa: E402
from wire import eventually  # noqa: E402

RUNS_MAX = 10                                         # of the command, after the kills
EXIT_OK, EXIT_UNAVAILABLE, EXIT_LEFT = 0, 69, 75
BEGAN = time.monotonic()


def say(text):
    print(f'{time.monotonic() - BEGAN:6.1f} s  {text}', flush=True)


class Watch:
    """Counts the messages of a queue, also while it, its vhost or its broker are not there."""

    def __init__(self, broker, queue):
        self.broker, self.queue, self.connection = broker, queue, None

    def count(self):
        try:
            if self.connection is None:
                self.connection = connect(self.broker, self.queue.vhost)
            channel = self.connection.channel()
            count = channel.queue_declare(self.queue.name, passive=True).method.message_count
            channel.close()
            return count
        except pika.exceptions.ChannelClosedByBroker:
            return 0
        except (pika.exceptions.AMQPError, OSError):
            self.connection = None
            return 0


class Move:
    """One direction: `command` moves from `old` to `new`; one of them is `leveret`, and `rabbit` the other."""

    def __init__(self, scene, command, old, new, rabbit):
        self.scene, self.command, self.old, self.new, self.rabbit = scene, command, old, new, rabbit
        self.kills, self.sizes = 0, {}                  # kills so far; messages of the deep queues

    # --- the command ------------------------------------------------------------------------------------

    def words(self, *more):
        leveret = self.scene.leveret
        return [leveret.control, '--data-dir', leveret.data, self.command, self.rabbit.url.rstrip('/'),
                '--management', f'http://127.0.0.1:{self.rabbit.management_port}', *more]

    def begin(self, *more):
        self.output = self.scene.directory / f'{self.command}.log'
        with open(self.output, 'w') as file:
            return subprocess.Popen(self.words(*more), stdout=file, stderr=file)

    def end(self, child, *codes):
        """Waits for the command; returns its exit status."""
        with patience_with(child):
            code = child.wait()
        if code not in codes:
            raise Fault(f'{self.command} exits with {code}:\n{self.output.read_text()[-3000:]}')
        return code

    # --- kills ------------------------------------------------------------------------------------------

    def in_the_middle_of(self, queue, child):
        """Waits until a part of the queue has been moved."""
        watch = Watch(self.new, queue)

        def has_begun():
            if child.poll() is not None:
                raise Fault(f'{self.command} ended with {child.poll()} before {queue}:\n{self.output.read_text()[-3000:]}')
            return watch.count() > queue.count // 5
        eventually(has_begun, every_s=0.005)

    def killed(self, what, queue, moved):
        """Something has just been killed, and this many messages of the queue are at the new broker: not all."""
        self.kills += 1
        say(f'{self.command}: {what} was killed when {moved} of {self.sizes[queue]} messages of {queue} were moved')
        if moved >= self.sizes[queue]:
            raise Fault('the kill came too late: give the scene more --messages')

    def kill_command(self, queue, child):
        self.in_the_middle_of(queue, child)
        child.kill()
        child.wait()
        self.killed('the command', queue, Watch(self.new, queue).count())

    def kill_new(self, queue, child):
        self.in_the_middle_of(queue, child)
        self.new.kill()
        moved = self.sizes[queue] - Watch(self.old, queue).count()
        self.new.start()
        self.killed(self.new.name, queue, moved)

    def kill_old(self, queue, child):
        self.in_the_middle_of(queue, child)
        self.old.kill()
        moved = Watch(self.new, queue).count()
        self.old.start()
        self.killed(self.old.name, queue, moved)

    def disturbed(self):
        """Kills the command, the new broker, and the old one twice: in a classic and in a quorum queue."""
        first, second, third, fourth = self.scene.estate.deep
        self.kill_command(first, self.begin())
        child = self.begin()
        self.kill_new(second, child)                  # and the command goes on, or ends
        child = self.goes_on(child)
        self.kill_old(third, child)
        child = self.goes_on(child)
        self.kill_old(fourth, child)
        self.end(child, EXIT_OK, EXIT_UNAVAILABLE, EXIT_LEFT)

    def goes_on(self, child):
        """The command, which is run again if it has given up."""
        if child.poll() is None:
            return child
        self.end(child, EXIT_UNAVAILABLE)
        say(f'{self.command}: it has ended, and is run again')
        return self.begin()

    def run_until_only_held_are_left(self, holder):
        """Runs the command again."""
        held = {queue.name for queue in holder.queues}
        for runs in range(1, RUNS_MAX + 1):
            code = self.end(self.begin(), EXIT_OK, EXIT_UNAVAILABLE, EXIT_LEFT)
            left = {line.split("'")[1] for line in self.output.read_text().splitlines() if line.startswith('Left: ')}
            if code == EXIT_LEFT and held <= left <= held | {self.scene.estate.live.name}:
                say(f'{self.command}: after {runs} more runs only what consumers have in their hands is left')
                return
        raise Fault(f'{self.command} does not come to an end: exit status {code}, left {left}')

    # --- the whole --------------------------------------------------------------------------------------

    def play(self, expected, expected_definitions, is_back):
        """Returns what the new broker has: {queue: ids}."""
        estate, relay = self.scene.estate, self.scene.relay
        self.sizes = {queue: len(expected[queue]) for queue in estate.deep}
        relay.switch(self.old)
        holder = Holder(self.old, SHOP, [estate.ordinary(kind, SHOP) for kind in ('plain', 'quorum', 'priority')])
        publisher, consumer = Publisher(relay, estate.live, self.command), Consumer(relay, estate.live)
        clients = [holder, publisher, consumer]
        try:
            eventually(lambda: holder.has_all() and publisher.confirmed[self.old] and consumer.taken[self.old])
            say(f'{self.command}: the application works, and a consumer has {sum(map(len, holder.now.values()))} messages in its hands')
            self.disturbed()
            eventually(holder.has_all)
            self.run_until_only_held_are_left(holder)
            relay.switch(self.new)
            eventually(lambda: publisher.confirmed[self.new] and consumer.taken[self.new])
            say(f'{self.command}: the application has connected to {self.new.name}')
            child = self.begin('--wait')
            clients.remove(holder)
            holder.stop()
            self.end(child, EXIT_OK)
            clients.remove(publisher)
            publisher.stop()
            self.check_application(publisher, consumer, expected[estate.live])
        finally:
            for client in clients:
                client.stop()
        return self.compare(expected, expected_definitions, holder, is_back)

    def check_application(self, publisher, consumer, backlog):
        confirmed = [one for ids in publisher.confirmed.values() for one in ids]
        wanted = set(confirmed) | set(backlog)

        def missing():
            return wanted - {one for ids in list(consumer.taken.values()) for one in list(ids)}
        try:
            eventually(lambda: not missing())
        except AssertionError:
            raise Fault(f'{len(missing())} messages of the application are lost: {sorted(missing())[:5]}') from None
        taken = [one for ids in consumer.taken.values() for one in ids]
        say(f'{self.command}: application: published {len(confirmed)}, {len(publisher.confirmed[self.new])} of them to {self.new.name}; '
            f'consumed {len(taken)}, {len(consumer.taken[self.new])} of them from {self.new.name}; '
            f'lost 0, twice {len(taken) - len(set(taken))}')

    def compare(self, expected, expected_definitions, holder, is_back):
        objects = check_definitions(expected_definitions, self.new)
        check_logins(self.new)
        say(f'{self.command}: {objects} definitions are equal, and all users can log in')
        rest = {queue: ids for queue, ids in read_all(self.old, self.scene.estate, is_back).items() if ids}
        if rest:
            raise Fault(f'messages are left at {self.old.name}: { {queue: len(ids) for queue, ids in rest.items()} }')
        found = read_all(self.new, self.scene.estate, is_back)
        verdict = judge_all(self.scene.estate, expected, found, holder)
        say(f'{self.command}: {verdict}')
        self.scene.verdicts.append(verdict)
        verdict.check(self.kills, source_forgets=self.old is self.rabbit)
        return found

    def timed(self):
        """Moves everything undisturbed; returns the figures as text."""
        self.wait_until_none_is_unacked()
        began = time.monotonic()
        done = subprocess.run(self.words('--formatter', 'json'), capture_output=True, text=True)
        elapsed_s = time.monotonic() - began
        report = json.loads(done.stdout or '{"queues": []}')
        if done.returncode != EXIT_OK:
            left = [queue for queue in report['queues'] if queue.get('left') or queue.get('unacked') or queue.get('reason')]
            raise Fault(f'{self.command} exits with {done.returncode}: {left} {done.stderr}')
        return (f'{self.command} {report["messages"] / elapsed_s:.0f} messages/s {report["bytes"] / elapsed_s / 1e6:.1f} MB/s '
                f'({report["messages"]} in {elapsed_s:.1f} s)')

    def wait_until_none_is_unacked(self):
        """RabbitMQ's statistics are late: they still show what was read, and so the command would wait for that."""
        Api(self.old).wait('/queues', lambda answer: not any(queue['messages_unacknowledged'] for queue in answer.json))


class Scene:
    def __init__(self, directory, queues, messages):
        self.directory, self.estate, self.verdicts = pathlib.Path(directory), Estate(queues, messages), []
        self.leveret = Leveret(self.directory / 'leveret')
        self.rabbits = [ManagedRabbit(self.directory / name) for name in ('old', 'new')]
        self.relay = Relay(self.rabbits[0])

    def start_rabbit(self, rabbit):
        rabbit.start()
        Api(rabbit).wait('/overview', lambda answer: answer.json.get('object_totals'))

    def play(self):
        old, new = self.rabbits
        estate = self.estate
        self.leveret.start()
        self.start_rabbit(old)
        estate.build(old)
        estate.fill(old)
        wanted = definitions(old)
        say(f'RabbitMQ {old.version()} has {estate.total()} messages in {len(estate.queues)} queues of {len(VHOSTS)} vhosts, '
            f'and {len(wanted)} definitions')
        expected = {queue: None if queue.pool in SPREADING else queue.ids() for queue in estate.queues}
        expected = Move(self, 'import_from', old, self.leveret, old).play(expected, wanted, is_back=False)
        old.stop()
        self.start_rabbit(new)
        Move(self, 'export_to', self.leveret, new, new).play(expected, wanted, is_back=True)
        figures = [Move(self, command, *sides, new).timed() for command, *sides in (('import_from', new, self.leveret),
                                                                                   ('export_to', self.leveret, new))]
        lost, disordered = (sum(getattr(one, name) for one in self.verdicts) for name in ('lost', 'disordered'))
        twice = sum(sum(one.twice.values()) for one in self.verdicts)
        say(f'{"; ".join(figures)}; lost {lost}, twice {twice}, out of order {disordered}, elapsed {time.monotonic() - BEGAN:.0f} s')

    def stop(self):
        self.relay.close()
        for broker in (*self.rabbits, self.leveret):
            broker.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--queues', type=int, default=200)
    parser.add_argument('--messages', type=int, default=100_000)
    parser.add_argument('--directory', help='where the brokers live; it stays afterwards (default: one that goes)')
    arguments = parser.parse_args()
    directory = arguments.directory or tempfile.mkdtemp(prefix='moving-')
    scene = Scene(directory, arguments.queues, arguments.messages)
    try:
        try:
            scene.play()
        finally:
            scene.stop()
    except (Fault, AssertionError) as error:
        say(f'WRONG: {error}')
        return 1
    finally:
        if not arguments.directory:
            shutil.rmtree(directory, ignore_errors=True)
    return 0


if __name__ == '__main__':
    sys.exit(main())
