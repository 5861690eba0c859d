"""The arena: one broker, the innocent clients, and what the broker's process holds before and after an attack."""
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(HERE, os.pardir, 'integration'))

from brokers import Leveret  # noqa: E402
from wire import Peer, eventually  # noqa: E402

# What may be left after an attack: memory that a loop keeps for its next client, or the allocator for its next page.
RSS_LEFT_MB = 24
MAPPINGS_LEFT = 200
BACK_WITHIN_S = 60
QUIET_S = 2.0
DUE_MIN = 100                                                # messages that must be due in an attack's period, so that some fall into the attack

ATTACKS = {}


class Attack:
    """A function `attack(arena)`, a sentence about it, and what it needs:

    settings             lines for the broker's configuration file
    memory_limit_mb      its memory alarm's limit
    wrapper              a command in front of the broker's (prlimit ...)
    are_publishers_held  the innocent clients ask instead of publishing, because publishers are blocked as they must be
    needs_memory_back    it waits until freed memory is returned to the system, which AddressSanitizer's allocator does not do
    is_starter           the attack starts and kills the broker itself, and calls arena.begin_innocent()
    """

    def __init__(self, function, sentence, settings=(), memory_limit_mb=None, wrapper=(), are_publishers_held=False,
                 needs_memory_back=False, is_starter=False):
        self.function, self.sentence = function, sentence
        self.name = function.__name__
        self.settings, self.memory_limit_mb, self.wrapper = settings, memory_limit_mb, wrapper
        self.are_publishers_held, self.is_starter = are_publishers_held, is_starter
        self.needs_memory_back = needs_memory_back


def attack(sentence, **needs):
    """Registers a function as an attack."""
    def register(function):
        assert function.__name__ not in ATTACKS, f'two attacks are called {function.__name__}'
        ATTACKS[function.__name__] = Attack(function, sentence, **needs)
        return function
    return register


class Innocent:
    """The program innocent.py, as a child."""

    def __init__(self, address, is_to_ask):
        self.child = subprocess.Popen(
            [sys.executable, os.path.join(HERE, 'innocent.py'), address[0], str(address[1]), *(['ask'] if is_to_ask else [])],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        assert self.child.stdout.readline() == 'ready\n', self.end()

    def period(self, least=1):
        """The times measured since the last call; waits until at least this many messages were due."""
        try:
            self.child.stdin.write(f'{least}\n')
            self.child.stdin.flush()
            line = self.child.stdout.readline()
        except BrokenPipeError:
            line = ''
        if not line:
            raise AssertionError(self.end())
        return json.loads(line)

    def end(self):
        try:
            return self.child.communicate(timeout=30)[1]
        except subprocess.TimeoutExpired:
            self.child.kill()
            return self.child.communicate()[1]


class Held:
    """What a process holds: resident memory, file descriptors, mappings."""

    def __init__(self, pid):
        with open(f'/proc/{pid}/statm') as file:
            self.rss_mb = int(file.read().split()[1]) * os.sysconf('SC_PAGE_SIZE') / 2**20
        self.descriptors = len(os.listdir(f'/proc/{pid}/fd'))
        with open(f'/proc/{pid}/maps') as file:
            self.mappings = sum(1 for _ in file)

    def __repr__(self):
        return f'{self.rss_mb:.0f} MB, {self.descriptors} descriptors, {self.mappings} mappings'

    def is_no_more_than(self, before, is_memory_judged):
        return self.descriptors <= before.descriptors and (
            not is_memory_judged or
            (self.rss_mb <= before.rss_mb + RSS_LEFT_MB and self.mappings <= before.mappings + MAPPINGS_LEFT))


class Arena:
    """What an attack gets as its argument. `scale` is 1 for `make hostile`, less in `make test`. `extra_mb` is memory that is
    not the broker's own: what a sanitizer keeps."""

    def __init__(self, attack, scale=1.0, loops=None, extra_mb=0):
        self.attack, self.scale = attack, scale
        self.directory = tempfile.mkdtemp(prefix='lvh-')
        self.peers, self.at_end = [], []                     # connections to reset; functions called at the very end
        self.innocent, self.quiet, self.before = None, None, None
        flags = []
        settings = list(attack.settings)
        if attack.memory_limit_mb:
            settings.append(f'vm_memory_high_watermark.absolute = {attack.memory_limit_mb + extra_mb}MB')
        if settings:
            path = os.path.join(self.directory, 'leveret.conf')
            with open(path, 'w') as file:
                file.write('\n'.join(settings) + '\n')
            flags = ['--config', path]
        self.broker = Leveret(os.path.join(self.directory, 'broker'), loops=loops, flags=flags,
                              wrapper=attack.wrapper)

    # for attacks

    @property
    def address(self):
        return self.broker.address

    def volume(self, count, least=1):
        """This many in `make hostile`; fewer in the short form, but at least `least`."""
        return max(least, int(count * self.scale))

    def peer(self, *args, **how):
        """A connection that is reset at the end of the attack."""
        peer = Peer(self.address, *args, **how)
        self.peers.append(peer)
        return peer

    def begin_innocent(self):
        """Starts measuring. After the attack the broker must hold no more than it holds now."""
        self.innocent = Innocent(self.address, self.attack.are_publishers_held)
        time.sleep(QUIET_S * min(1, self.scale * 4))         # the period that is measured: it waits for nothing
        self.quiet = self.innocent.period()
        self.before = Held(self.broker.pid)

    def innocent_again(self):
        """The broker was restarted: connects again and measures from here on. `before` is unchanged."""
        self.innocent.end()
        self.innocent = Innocent(self.address, self.attack.are_publishers_held)

    # for the runner

    def run(self, is_memory_judged=True):
        """Runs the attack. Returns the times and what was held, as a dict; raises if the broker did wrong."""
        if not self.attack.is_starter:
            self.broker.start()
            self.begin_innocent()
        self.attack.function(self)
        felt = self.innocent.period(DUE_MIN)
        for peer in self.peers:
            peer.reset()
        self.peers.clear()
        after = self.wait_until_released(is_memory_judged)
        self.innocent.period()                               # raises if the broker does not answer any more
        return {'quiet': self.quiet, 'felt': felt, 'before': self.before, 'after': after}

    def wait_until_released(self, is_memory_judged):
        held = lambda: Held(self.broker.pid)                 # noqa: E731
        def is_back():
            now = held()
            return now if now.is_no_more_than(self.before, is_memory_judged) else None
        try:
            return eventually(is_back, BACK_WITHIN_S, 0.1)
        except AssertionError:
            raise AssertionError(f'the broker held {self.before} before the attack, and {held()} '
                                 f'{BACK_WITHIN_S} s after its end') from None

    def end(self):
        try:
            if self.innocent:
                self.innocent.end()
            for peer in self.peers:
                peer.drop()
            self.broker.stop()
        finally:
            for undo in self.at_end:
                undo()
            shutil.rmtree(self.directory, ignore_errors=True)
