"""The log: what it says of clients' failures, and that no client waits for whoever reads it."""
import os

import pytest

from wire import Peer, eventually

pytestmark = pytest.mark.leveret

NOBODY = '\0nobody\0wrong'
REFUSED = "ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. For details see the broker logfile."


def refuse_login(address):
    with Peer(address, upto='start-ok', response=NOBODY) as peer:
        peer.expect_connection_close(403, REFUSED)


def start_with_a_full_pipe(own):
    """Standard error is a pipe; once the broker runs there is no room in it for a single byte. Returns its reading end."""
    log, own.stderr = own.stderr, own.stderr + '.pipe'
    os.mkfifo(own.stderr)
    reader = os.open(own.stderr, os.O_RDONLY | os.O_NONBLOCK)
    writer = os.open(own.stderr, os.O_WRONLY | os.O_NONBLOCK)
    own.start()
    own.stderr = log                                 # where a sanitizer's report would be looked for
    open(log, 'a').close()
    for size in 4096, 1:
        try:
            while True:
                os.write(writer, b'x' * size)
        except BlockingIOError:
            pass
    os.close(writer)
    return reader


def test_clients_are_served_and_the_broker_stops_while_nobody_reads_the_log(own_broker):
    own = own_broker(start=False)
    reader = start_with_a_full_pipe(own)
    for _ in range(50):                              # each is a line or two
        refuse_login(own.address)
        with Peer(own.address) as peer:
            peer.declare('q')
    own.stop()
    os.close(reader)


def test_a_flood_of_failed_logins_is_a_few_lines_and_a_count(own_broker):
    own = own_broker()
    while 'more like this in the last' not in own.log():
        refuse_login(own.address)
    lines = [line for line in own.log().splitlines() if 'PLAIN login refused' in line]
    assert any('more like this in the last' in line and 'nobody' in line for line in lines), lines
    with Peer(own.address) as peer:                  # another's trouble is not hidden by it
        peer.send(1, 'queue.declare', queue='not there', passive=True)
        peer.expect('channel.close', 1)
        eventually(lambda: "'not there'" in own.log())
