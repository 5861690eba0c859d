#!/usr/bin/python3
"""The innocent: clients that do a little honest work during an attack, and measure how long it takes.

    innocent.py HOST PORT [ask]

Four connections, so that every loop has some, each with a queue of its own that it publishes to and consumes from. On each a
message is due every 10 ms; its time is from the moment it was due (not from the moment it could be sent, which a stalled
broker would delay) until it is delivered. With `ask` they send basic.qos instead, which a broker answers also while it
blocks publishers.

A line on standard input, a number, ends a period once this many messages were due in it. The answer is one line of JSON: how
many there were, the median, the 99th percentile and the slowest in milliseconds. A message that has not arrived yet counts
with the time that it has waited. The end of standard input ends the program; a lost connection ends it with 1.
"""
import json
import os
import selectors
import struct
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), os.pardir, 'integration'))

from wire import FRAME_METHOD, Peer, encode_frame, encode_method, encode_publish  # noqa: E402

CONNECTIONS = 4
EVERY_S = 0.010
# Unanswered messages at once: when a stalled broker continues, the innocent clients must not become a flood.
UNDER_WAY_MAX = 50


class Client:
    """One connection. Each question is the same run of octets, and answers are counted by the octets at their end."""

    def __init__(self, address, begins_at, is_to_ask):
        self.peer = Peer(address, patience_s=120)
        self.due_at, self.waiting, self.took = begins_at, [], []
        if is_to_ask:
            self.question = encode_frame(FRAME_METHOD, 1, encode_method('basic.qos', prefetch_count=1))
            self.answer = struct.pack('>HH', 60, 11) + b'\xce'
        else:
            queue = self.peer.declare(exclusive=True).queue
            self.peer.call(1, 'basic.consume', queue=queue, no_ack=True, consumer_tag='i')
            body = b'sixteen octets !'
            self.question = encode_publish(1, '', queue, body)
            self.answer = body + b'\xce'
        self.peer.socket.setblocking(False)
        self.unread = bytes(self.peer.received)

    def ask(self, now):
        while self.due_at <= now:
            if len(self.waiting) < UNDER_WAY_MAX:
                try:
                    self.peer.socket.send(self.question)
                except BlockingIOError:
                    return
                self.waiting.append(self.due_at)
            self.due_at += EVERY_S

    def hear(self):
        octets = self.peer.socket.recv(1 << 16)
        if not octets:
            raise ConnectionError('closed by the broker')
        self.unread += octets
        now, count = time.monotonic(), self.unread.count(self.answer)
        if count:
            self.unread = self.unread[self.unread.rindex(self.answer) + len(self.answer):]
            self.took += [now - due_at for due_at in self.waiting[:count]]
            del self.waiting[:count]

    def due(self):
        return len(self.took) + len(self.waiting)

    def end_period(self):
        now = time.monotonic()
        took, self.took = self.took, []
        return took + [now - due_at for due_at in self.waiting]


def summary(took):
    took.sort()
    at = lambda part: round(took[min(len(took) - 1, int(len(took) * part))] * 1000, 2) if took else None  # noqa: E731
    return {'count': len(took), 'p50_ms': at(0.5), 'p99_ms': at(0.99), 'worst_ms': at(1)}


def main():
    address, is_to_ask = (sys.argv[1], int(sys.argv[2])), sys.argv[3:] == ['ask']
    begin = time.monotonic()
    clients = [Client(address, begin + number * EVERY_S / CONNECTIONS, is_to_ask) for number in range(CONNECTIONS)]
    now = time.monotonic()
    for number, client in enumerate(clients):
        client.due_at = now + number * EVERY_S / CONNECTIONS
    selector = selectors.DefaultSelector()
    selector.register(sys.stdin, selectors.EVENT_READ, None)
    for client in clients:
        selector.register(client.peer.socket, selectors.EVENT_READ, client)
    print('ready', flush=True)
    wanted = None                                            # how many must have been due; None: not asked
    while True:
        wait_s = min(client.due_at for client in clients) - time.monotonic()
        for key, _ in selector.select(max(wait_s, 0)):
            if key.data:
                key.data.hear()
            else:
                line = sys.stdin.readline()
                if line == '':
                    return
                wanted = int(line)
        if wanted is not None and sum(client.due() for client in clients) >= wanted:
            print(json.dumps(summary([took for client in clients for took in client.end_period()])), flush=True)
            wanted = None
        now = time.monotonic()
        for client in clients:
            client.ask(now)


if __name__ == '__main__':
    try:
        main()
    except (OSError, ConnectionError) as error:
        sys.exit(f'an innocent client lost its connection: {error}')
