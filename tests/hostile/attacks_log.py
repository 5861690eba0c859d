"""Attacks on the log: by what it must contain, and by not reading it."""
import os

from arena import attack
from wire import Peer

WRONG = '\0nobody\0wrong'


def fail_to_log_in(arena, count):
    for number in range(count):
        with Peer(arena.address, upto='start-ok', response=WRONG) as peer:
            peer.expect('connection.close', 0)
        if number % 10 == 0:
            with Peer(arena.address) as peer:
                peer.send(1, 'queue.declare', queue=f'nowhere {number}', passive=True)
                peer.expect('channel.close', 1)


@attack('standard error is a pipe that nobody reads, and clients fail: log lines are dropped, nobody waits', is_starter=True)
def unread_log(arena):
    reader = arena.broker.start_with_a_full_log()
    arena.at_end.append(lambda: os.close(reader))
    arena.begin_innocent()
    fail_to_log_in(arena, arena.volume(3000, 50))
