"""Brokers, connections and names for the tests. See README.md for the environment variables."""
import collections
import itertools
import os
import random
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from brokers import Leveret, Rabbit  # noqa: E402
from patience import HANDSHAKE_TIMEOUT_MS  # noqa: E402
from wire import Peer  # noqa: E402

AGAINST_RABBIT = os.environ.get('BROKER', 'leveret') == 'rabbitmq'


BUILD = os.environ.get('LEVERET_BUILD', 'release')
LOOPS = os.environ.get('LEVERET_LOOPS', '3')
# Sanitized builds are several times slower; what floods the broker sends less then.
VOLUME = 1 if BUILD == 'release' else 0.1


def pytest_report_header():
    if AGAINST_RABBIT:
        return 'broker: RabbitMQ, to see that the tests themselves are right'
    return f'broker: {os.environ.get("LEVERETD", "build/leveretd")} ({BUILD}), loops {LOOPS}'


# The groups of tests that take longest go first, so that no worker sits alone with one of them at the end.
LONGEST = ['test_differential', 'rabbit', 'test_bench', 'test_delayed', 'test_conflation', 'test_crash', 'test_dead_letters', 'test_hostile',
           'test_loops', 'test_faults', 'test_retry', 'test_browse', 'test_celery', 'test_deduplication', 'test_connection']
# Long files that several workers share: so many tests in turn make a group.
SHARED = {'test_dead_letters': 6, 'test_hostile': 15, 'test_faults': 7}


def group_of(item, number):
    """The tests that one worker runs: those of a file; but all that need RabbitMQ go to one worker, because it takes longer to
    start than most tests. `number` is the item's in its file."""
    module = item.module.__name__
    if module != 'test_differential' and 'rabbit' in item.fixturenames:
        return 'rabbit'
    return f'{module}.{number // SHARED[module]}' if module in SHARED else module


@pytest.hookimpl(tryfirst=True)                      # xdist reads the groups
def pytest_collection_modifyitems(items):
    place = {name: number for number, name in enumerate(LONGEST)}
    count, groups = collections.Counter(), {}
    for item in items:
        groups[item] = group_of(item, count[item.module])
        count[item.module] += 1
        item.add_marker(pytest.mark.xdist_group(groups[item]))
    items.sort(key=lambda item: place.get(groups[item].split('.')[0], len(LONGEST)))
    for item in items:
        if AGAINST_RABBIT and item.get_closest_marker('leveret'):
            item.add_marker(pytest.mark.skip(reason='about Leveret alone'))
        if BUILD == 'tsan' and item.get_closest_marker('timing'):
            item.add_marker(pytest.mark.skip(reason='waits for the clock, on one loop: the other builds do that'))
        once = item.get_closest_marker('once')
        if once and (BUILD, LOOPS) != ('release', '3') and BUILD not in once.kwargs.get('also', ()):
            item.add_marker(pytest.mark.skip(reason='run once, with the released build and three loops'))


@pytest.fixture
def volume():
    """Scales a number of messages to what this build can carry in reasonable time."""
    return lambda count: max(10, int(count * VOLUME))


@pytest.fixture(scope='session')
def workspace():
    """A directory for the whole run: short, because unix sockets live in it. Kept when LEVERET_TEST_DIR says where."""
    named = os.environ.get('LEVERET_TEST_DIR')
    path = named or tempfile.mkdtemp(prefix='lvt-')
    os.makedirs(path, exist_ok=True)
    yield path
    if not named:
        shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope='session')
def broker(workspace):
    """The broker most tests share. Stopping it is a test too: exit code 0, no sanitizer's report."""
    directory = os.path.join(workspace, 'shared')
    shared = Rabbit(directory) if AGAINST_RABBIT else Leveret(directory)
    if not AGAINST_RABBIT:
        with open(os.path.join(directory, 'leveret.conf'), 'w') as file:
            file.write(f'handshake_timeout = {HANDSHAKE_TIMEOUT_MS}\n')
        shared.flags += ['--config', file.name]
    shared.start()
    yield shared
    shared.stop()


@pytest.fixture(scope='session')
def rabbit(request, workspace):
    """A RabbitMQ to compare with, of the release that Leveret follows."""
    if reason := Rabbit.why_not_compared():
        pytest.skip(reason)
    if AGAINST_RABBIT:
        yield request.getfixturevalue('broker')
        return
    node = Rabbit(os.path.join(workspace, 'rabbit'))
    node.start()
    yield node
    node.stop()


def write_last_config(workspace, handshake_timeout_ms=HANDSHAKE_TIMEOUT_MS):
    """A config file after all others. With scrypt, which is slow by intent, guest's password takes longer than the rest of a
    first start together, and then guest's first login takes as long. And a client on a machine that stands still for a while
    must not find its connection closed."""
    path = os.path.join(workspace, f'last{handshake_timeout_ms}.conf')
    if not os.path.exists(path):                       # a broker may be reading it
        with open(path, 'w') as file:
            file.write(f'password_hashing_module = rabbit_password_hashing_sha256\nhandshake_timeout = {handshake_timeout_ms}\n')
    return path


@pytest.fixture(scope='session')
def last_config(workspace):
    return write_last_config(workspace)


OWN_NUMBERS = itertools.count()          # no two brokers of a process have the same directory


@pytest.fixture
def own_broker(workspace):
    """Makes brokers of the test's own, to restart, kill and configure. Unless it is_plain, it has a last config file, which
    takes the place of files in conf.d."""
    made = []

    def make(start=True, is_plain=False, handshake_timeout_ms=HANDSHAKE_TIMEOUT_MS, **how):
        directory = os.path.join(workspace, f'own{os.getpid()}.{next(OWN_NUMBERS)}')
        if not is_plain:
            last_config = write_last_config(workspace, handshake_timeout_ms)
            how['environment'] = {'RABBITMQ_CONFIG_FILES': last_config, **how.get('environment', {})}
        one = Rabbit(directory) if AGAINST_RABBIT else Leveret(directory, **how)
        made.append(one)
        return one.start() if start else one

    yield make
    for one in made:
        one.stop()


@pytest.fixture
def connect(request):
    """Makes Peers of the shared broker (or of the one given) and drops them at the end."""
    made = []

    def make(to=None, **how):
        peer = Peer((to or request.getfixturevalue('broker')).address, **how)
        made.append(peer)
        return peer

    yield make
    for peer in made:
        peer.drop()


@pytest.fixture
def peer(connect):
    """A connection with channel 1 open."""
    return connect()


@pytest.fixture
def name():
    """Names nobody else uses: name('q'). Short ones: close texts are cut at 255 octets."""
    token = f'it.{random.randrange(16**8):08x}'
    return lambda suffix: f'{token}.{suffix}'
