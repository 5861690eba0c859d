"""What the tests of crashes and of failing disks need besides a broker: programs of tests/crash, built
once a run; file systems of their own, where the machine lets us mount them; publishers that know what was
confirmed."""
import contextlib
import os
import subprocess

import pytest

from wire import Peer

CRASH = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), 'crash')
PERSISTENT = b'\x10\x00\x02'                         # properties: delivery-mode 2
TRANSIENT = b'\x10\x00\x01'


def build(workspace, target, sources, *flags):
    """A program or library of tests/crash, in the run's workspace."""
    path = os.path.join(workspace, target)
    if not os.path.exists(path):
        done = subprocess.run([os.environ.get('CC', 'cc'), '-std=c17', '-D_GNU_SOURCE', '-O2', '-g', '-o', path + '.new',
                               *(os.path.join(CRASH, source) for source in sources), *flags],
                              capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
        os.rename(path + '.new', path)
    return path


def kill_test(workspace):
    sources = [name for name in sorted(os.listdir(CRASH)) if name.endswith('.c') and name != 'fail_io.c']
    return build(workspace, 'kill_test', sources, '-pthread')


def fail_io(workspace):
    return build(workspace, 'fail_io.so', ['fail_io.c'], '-shared', '-fPIC', '-ldl')


def mounted(words, at):
    os.makedirs(at, exist_ok=True)
    done = subprocess.run(['mount', *words, at], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f'no file system can be mounted here: {done.stderr.strip()}')


@contextlib.contextmanager
def small_disk(workspace, name, megabytes, kind='tmpfs'):
    """A file system of this size. Skips the test where none can be mounted."""
    at = os.path.join(workspace, name)
    image = at + '.image'
    if kind == 'tmpfs':
        mounted(['-t', 'tmpfs', '-o', f'size={megabytes}m', 'leveret-test'], at)
    else:
        with open(image, 'wb') as file:
            file.truncate(megabytes << 20)
        made = subprocess.run(['mkfs.ext4', '-q', '-F', '-m', '0', image], capture_output=True, text=True)
        assert made.returncode == 0, made.stderr
        mounted(['-o', 'loop', image], at)
    try:
        yield at
    finally:
        subprocess.run(['umount', '-l', at], check=True)
        if os.path.exists(image):
            os.unlink(image)


class Confirming:
    """A publisher with confirms that writes down which of its messages were confirmed."""

    def __init__(self, address, **how):
        self.peer = Peer(address, **how)
        self.peer.call(1, 'confirm.select')
        self.bodies, self.confirmed, self.refused = {}, [], []
        self.blocked = None                          # the reason, while the broker holds us up
        self.tag = 0

    def publish(self, queue, body, properties=PERSISTENT):
        self.tag += 1
        self.bodies[self.tag] = body
        self.peer.publish(1, '', queue, body, properties)

    @property
    def pending(self):
        return list(self.bodies.values())

    def take(self):
        """One frame: a confirm, a refusal, or word that we are held up, or not any more."""
        frame = self.peer.next()
        if frame.name == 'connection.blocked':
            self.blocked = frame.reason
        elif frame.name == 'connection.unblocked':
            self.blocked = None
        else:
            assert frame.name in ('basic.ack', 'basic.nack'), frame
            tags = [tag for tag in self.bodies if tag == frame.delivery_tag or
                    frame.multiple and tag < frame.delivery_tag]
            assert tags, f'{frame!r} confirms nothing'
            kept = self.confirmed if frame.name == 'basic.ack' else self.refused
            kept += [self.bodies.pop(tag) for tag in sorted(tags)]

    def settle(self):
        """Until every publish is answered."""
        while self.bodies:
            self.take()

    def publish_confirmed(self, queue, body, properties=PERSISTENT):
        self.publish(queue, body, properties)
        self.settle()
        assert not self.refused, f'refused: {self.refused[0][:40]!r}'

    def fill(self, queue, size, count_max):
        """Publishes, one message after the other, until the broker holds us up."""
        for number in range(count_max):
            self.publish(queue, b'%08d' % number + bytes(size - 8))
            while self.bodies and self.blocked is None:
                self.take()
            if self.blocked is not None:
                return
        raise AssertionError(f'{count_max} messages of {size} octets went in and nobody was held up')


def drain(address, queue, count, is_stored=False, **how):
    """Consumes so many messages, acknowledging every tenth with all before it; their bodies. With is_stored the
    acknowledgements are on the disk in the end: a kill does not bring the messages back."""
    bodies = []
    with Peer(address, **how) as peer:
        if is_stored:
            peer.call(1, 'tx.select')
        peer.call(1, 'basic.qos', prefetch_count=count if is_stored else 50)
        peer.call(1, 'basic.consume', queue=queue, consumer_tag='drain')
        for number in range(count):
            message = peer.content(1)
            bodies.append(message.body)
            if number % 10 == 9 or number == count - 1:
                peer.send(1, 'basic.ack', delivery_tag=message.method.delivery_tag, multiple=True)
        if is_stored:
            peer.call(1, 'basic.cancel', consumer_tag='drain')
            peer.call(1, 'tx.commit')
        peer.close()
    return bodies
