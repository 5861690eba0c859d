"""Attacks on what the broker keeps on disk: damaged files, and a full disk."""
import os
import random
import subprocess

from arena import attack
from wire import Peer, encode_publish, eventually

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
    """Returns the numbers of the messages that are still there."""
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


def start_on_a_small_disk(arena):
    os.makedirs(arena.broker.data)
    subprocess.run(['mount', '-t', 'tmpfs', '-o', 'size=200m', 'tmpfs', arena.broker.data], check=True)
    arena.at_end.append(lambda: subprocess.run(['umount', arena.broker.data], check=True))
    arena.broker.start()


@attack('the disk fills up under publishers: confirmed messages are all there, and draining makes room', is_starter=True)
def full_disk(arena):
    start_on_a_small_disk(arena)
    confirmed = publish_until_blocked(arena)
    arena.broker.kill()
    arena.broker.start()
    numbers = all_of(arena)
    assert numbers[:confirmed] == list(range(confirmed)), f'{confirmed} confirmed, there: {numbers}'
    eventually(lambda: is_publisher_served(arena), within_s=60)
    arena.begin_innocent()


@attack('a full disk is drained, and the broker killed in the midst of it, twice: nothing that was confirmed is lost, nothing that '
        'was settled by a commit comes back', is_starter=True)
def full_disk_killed_while_drained(arena):
    start_on_a_small_disk(arena)
    confirmed, settled = publish_until_blocked(arena), []
    for _ in range(2):
        settled += drain_and_kill(arena, confirmed // 3)
        arena.broker.start()
    rest = all_of(arena)
    assert len(set(settled + rest)) == len(settled + rest), f'settled: {settled}, and yet there: {rest}'
    assert set(range(confirmed)) <= set(settled + rest), f'{confirmed} confirmed, settled: {settled}, there: {rest}'
    assert rest == sorted(rest), f'out of order: {rest}'
    eventually(lambda: is_publisher_served(arena), within_s=60)
    arena.begin_innocent()


def drain_and_kill(arena, count):
    """Consumes this many messages and settles them by commits, then kills the broker with more unacknowledged. Returns their numbers."""
    settled = []
    with Peer(arena.address, patience_s=120) as peer:
        peer.call(1, 'tx.select')
        while len(settled) < count:
            messages = [peer.get('kept', no_ack=False) for _ in range(5)]
            peer.send(1, 'basic.ack', delivery_tag=messages[-1].method.delivery_tag, multiple=True)
            peer.call(1, 'tx.commit')
            settled += [int(message.body[:6]) for message in messages]
        for _ in range(5):
            peer.get('kept', no_ack=False)
        arena.broker.kill()
    return settled


QUEUES_A_WRITE, MESSAGES_OF_A_QUEUE = 50, 64


@attack('the broker is killed with 25 MB in its log: while it reads them, clients who come back are served, and all is there',
        is_starter=True)
def long_log(arena):
    queues = [f'logged.{number}' for number in range(arena.volume(400, 60))]
    arena.broker.start()
    arena.begin_innocent()
    with Peer(arena.address, patience_s=120) as peer:
        peer.call(1, 'confirm.select')
        for at in range(0, len(queues), QUEUES_A_WRITE):
            some = queues[at:at + QUEUES_A_WRITE]
            fill_queues(peer, some, (at + len(some)) * MESSAGES_OF_A_QUEUE)
    arena.innocent.period(1)
    arena.broker.kill()
    arena.broker.start()
    arena.innocent_again()
    with Peer(arena.address, patience_s=120) as peer:
        for queue in queues:
            assert peer.call(1, 'queue.delete', queue=queue).message_count == MESSAGES_OF_A_QUEUE, queue
    eventually(lambda: 'all messages of the log are in their queues' in arena.broker.log(), within_s=60)


def fill_queues(peer, queues, last):
    """Reads until everything up to this tag is confirmed."""
    for queue in queues:
        peer.send(1, 'queue.declare', queue=queue, durable=True)
    for _ in queues:
        peer.expect('queue.declare-ok')
    peer.write(b''.join(encode_publish(1, '', queue, bytes(1000), PERSISTENT) * MESSAGES_OF_A_QUEUE for queue in queues))
    unconfirmed = set(range(last + 1 - len(queues) * MESSAGES_OF_A_QUEUE, last + 1))
    while unconfirmed:
        ack = peer.expect('basic.ack')
        unconfirmed -= set(range(min(unconfirmed), ack.delivery_tag + 1)) if ack.multiple else {ack.delivery_tag}


def publish_until_blocked(arena):
    """Publishes persistent messages of 1 MB, one at a time, until the broker blocks. Returns how many were confirmed."""
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
