"""Attacks on what the broker keeps on disk: files that were damaged, and a disk without room."""
import os
import random
import subprocess

from arena import attack
from wire import Peer, eventually

PERSISTENT = b'\x10\x00\x02'


def fill_and_kill(arena, count):
    """A start, confirmed persistent messages, and then kill -9."""
    arena.broker.start()
    with Peer(arena.address, patience_s=120) as peer:
        peer.call(1, 'confirm.select')
        peer.declare('kept', durable=True)
        for number in range(count):
            peer.publish(1, '', 'kept', f'{number:06}' + 'x' * 1000, PERSISTENT)
        confirmed = 0
        while confirmed < count:
            confirmed = max(confirmed, peer.expect('basic.ack').delivery_tag)
    arena.broker.kill()


def files_of(arena, of_what):
    for folder, _, names in os.walk(arena.broker.data):
        for name in sorted(names):
            path = os.path.join(folder, name)
            if of_what in os.path.relpath(path, arena.broker.data) and os.path.getsize(path) > 8192:
                yield path


def all_of(arena):
    """The numbers of the messages that are still there."""
    with Peer(arena.address, patience_s=120) as peer:
        numbers = []
        while True:
            message = peer.get('kept')
            if message is None:
                return numbers
            numbers.append(int(message.body[:6]))


@attack('the end of the log is torn off: what came before it is there, in order', is_starter=True)
def torn_log(arena):
    count = arena.volume(5000, 200)
    fill_and_kill(arena, count)
    for path in files_of(arena, 'log'):
        os.truncate(path, os.path.getsize(path) * 2 // 3)
    arena.broker.start()
    numbers = all_of(arena)
    assert numbers == sorted(set(numbers)), 'doubled, or out of order'
    arena.begin_innocent()


@attack('octets of the log are turned over: the broker starts, serves, and hands out no message that was not sent',
        is_starter=True)
def damaged_log(arena):
    count, dice = arena.volume(5000, 200), random.Random(9)
    fill_and_kill(arena, count)
    for path in files_of(arena, 'log'):
        with open(path, 'r+b') as file:
            for _ in range(20):
                at = dice.randrange(4096, os.path.getsize(path))
                file.seek(at)
                octet = file.read(1)
                file.seek(at)
                file.write(bytes([octet[0] ^ 0x55]))
    arena.broker.start()
    numbers = all_of(arena)
    assert numbers == sorted(set(numbers)) and set(numbers) <= set(range(count)), 'doubled, out of order or made up'
    arena.begin_innocent()


@attack('the disk fills up under publishers: confirmed messages are all there, and draining makes room', is_starter=True)
def full_disk(arena):
    os.makedirs(arena.broker.data)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', arena.broker.data], check=True)
    arena.at_end.append(lambda: subprocess.run(['umount', arena.broker.data], check=True))
    arena.broker.start()
    confirmed = publish_until_blocked(arena)
    arena.broker.kill()
    arena.broker.start()
    numbers = all_of(arena)
    assert numbers[:confirmed] == list(range(confirmed)), f'{confirmed} confirmed, there: {numbers}'
    eventually(lambda: is_publisher_served(arena), within_s=60)
    arena.begin_innocent()


def publish_until_blocked(arena):
    """Persistent messages of 1 MB, each waited for, until the broker holds publishers up: how many are confirmed."""
    with Peer(arena.address, patience_s=60) as peer:
        peer.call(1, 'confirm.select')
        peer.declare('kept', durable=True)
        for number in range(400):
            peer.publish(1, '', 'kept', f'{number:06}' + 'x' * 1000000, PERSISTENT)
            if peer.expect(('basic.ack', 'connection.blocked')).name == 'connection.blocked':
                return number
    raise AssertionError('400 MB went onto a disk of 200 MB')


def is_publisher_served(arena):
    with Peer(arena.address, patience_s=5) as peer:
        peer.call(1, 'confirm.select')
        peer.publish(1, '', 'kept', '000000', PERSISTENT)
        try:
            return peer.next().name == 'basic.ack'
        except AssertionError:
            return False
