"""Queues that end while others use them: no confirmed message vanishes, and nobody hears what it cannot expect."""
import threading

import pytest

from test_loops import in_threads

WINDOW = 40


class Publisher:
    """Publishes mandatory messages with confirms, so many at a time, and knows what became of each."""

    def __init__(self, peer, who):
        self.peer, self.who = peer, who
        self.published, self.unsettled, self.returned = 0, set(), []
        peer.call(1, 'confirm.select')

    def publish(self, queue, count, mode):
        while self.published < count:
            for _ in range(min(WINDOW, count - self.published)):
                self.published += 1
                self.unsettled.add(self.published)
                self.peer.publish(1, '', queue, f'{self.who} {self.published}', {'delivery_mode': mode}, mandatory=True)
            while self.unsettled:
                self.hear()

    def hear(self):
        answer = self.peer.content(1, ('basic.ack', 'basic.return'))
        if answer.name == 'basic.return':
            assert answer.method.reply_text == 'NO_ROUTE'
            self.returned.append(answer.body.decode())
        else:
            tag = answer.delivery_tag
            settled = {one for one in self.unsettled if one <= tag} if answer.multiple else {tag}
            assert settled and settled <= self.unsettled, f'{answer!r} settles what is not open'
            self.unsettled -= settled


class Deleter:
    """Makes the queue, takes a few messages, deletes it, and so on until it is told to stop. Its channel ends when the queue
    is not empty."""

    def __init__(self, peer):
        self.peer, self.got, self.dropped, self.deleted = peer, [], 0, 0

    def get(self, queue):
        """One message, if there is a queue and it has one."""
        self.peer.send(1, 'basic.get', queue=queue, no_ack=True)
        answer = self.peer.content(1, ('basic.get-ok', 'basic.get-empty', 'channel.close'))
        if answer.name == 'basic.get-ok':
            self.got.append(answer.body.decode())
        elif answer.name == 'channel.close':
            assert answer.reply_code == 404
            self.reopen()
        return answer.name == 'basic.get-ok'

    def reopen(self):
        self.peer.send(1, 'channel.close-ok')
        self.peer.open_channel(1)

    def delete(self, queue, if_empty):
        self.peer.send(1, 'queue.delete', queue=queue, if_empty=if_empty)
        answer = self.peer.expect(('queue.delete-ok', 'channel.close'), 1)
        if answer.name == 'channel.close':
            assert answer.reply_code == 406 and if_empty
            self.reopen()
        else:
            self.dropped += answer.message_count
            self.deleted += 1

    def run(self, queue, durable, if_empty, is_over):
        while not is_over.is_set():
            self.peer.declare(queue, durable=durable)
            for _ in range(2 * WINDOW):
                if not self.get(queue):
                    break
            self.delete(queue, if_empty)


# RabbitMQ confirms what a queue that ends does not take any more.
@pytest.mark.leveret
@pytest.mark.parametrize('durable', [False, True])
@pytest.mark.parametrize('if_empty', [False, True])
def test_what_is_confirmed_is_got_or_comes_back_or_was_in_the_queue_that_was_deleted(connect, name, volume, durable, if_empty):
    queue, count = name('q'), volume(1200)
    publishers = [Publisher(connect(), who) for who in range(3)]
    deleters = [Deleter(connect()) for _ in range(2)]
    is_over = threading.Event()

    def publish_all():
        try:
            in_threads(*[lambda one=one: one.publish(queue, count, 2 if durable else 1) for one in publishers])
        finally:
            is_over.set()

    in_threads(publish_all, *[lambda one=one: one.run(queue, durable, if_empty, is_over) for one in deleters])
    last = deleters[0]
    last.peer.declare(queue, durable=durable)
    while last.get(queue):
        pass
    last.delete(queue, True)
    returned = [body for one in publishers for body in one.returned]
    got = [body for one in deleters for body in one.got]
    seen = set(returned) | set(got)
    dropped = sum(one.dropped for one in deleters)
    assert len(seen) == len(returned) + len(got), 'a message was seen twice'
    assert len(seen) + dropped == len(publishers) * count
    assert dropped == 0 or not if_empty


def test_a_declare_that_is_not_passive_never_misses_a_queue_that_goes(connect, name, volume):
    queue, count = name('q'), volume(250)
    is_over = threading.Event()

    def declare(peer):
        for _ in range(count):
            peer.declare(queue)

    def declare_all():
        try:
            in_threads(*[lambda peer=connect(): declare(peer) for _ in range(3)])
        finally:
            is_over.set()

    def delete(peer):
        while not is_over.is_set():
            peer.call(1, 'queue.delete', queue=queue)

    in_threads(declare_all, *[lambda peer=connect(): delete(peer) for _ in range(3)])
    connect().call(1, 'queue.delete', queue=queue)
