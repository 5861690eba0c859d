"""Deduplication: at exchanges of any type, at queues, over restarts and kill -9."""
import threading
import time

import pytest

from wire import eventually

pytestmark = pytest.mark.leveret

ON = {'x-message-deduplication': True}
TYPE = 'x-message-deduplication'


class Publisher:
    """Publishes with a value each, and knows how each confirm ended."""

    def __init__(self, peer, exchange='', key=''):
        self.peer, self.exchange, self.key, self.number, self.outcomes = peer, exchange, key, 0, {}
        peer.call(1, 'confirm.select')

    def send(self, body, value=None, header='x-deduplication-header', persistent=False, mandatory=False, **headers):
        if value is not None:
            headers[header] = value
        properties = {'headers': headers, 'delivery_mode': 2 if persistent else 1}
        self.number += 1
        self.peer.publish(1, self.exchange, self.key, body, properties, mandatory=mandatory)

    def wait(self):
        """Until all are answered; the numbers of those that were nacked."""
        while len(self.outcomes) < self.number:
            answer = self.peer.expect(('basic.ack', 'basic.nack'), 1)
            first = 1 if answer.multiple else answer.delivery_tag
            for tag in range(first, answer.delivery_tag + 1):
                self.outcomes.setdefault(tag, answer.name)
        return [tag for tag, outcome in self.outcomes.items() if outcome == 'basic.nack']

    def say(self, body, value=None, **how):
        self.send(body, value, **how)
        assert self.wait() == []


def drain(peer, queue):
    return [body for body, _ in drain_with_flag(peer, queue)]


def drain_with_flag(peer, queue):
    found = []
    while (message := peer.get(queue)) is not None:
        found.append((message.body.decode(), message.method.redelivered))
    return found


def restart(broker, *peers):
    for peer in peers:                               # else it gives them some seconds to leave
        peer.drop()
    broker.restart()


def place(peer, name, where, arguments=None, kind='fanout', **flags):
    """Something that drops duplicates, and a publisher to it: the queue to look into, exchange, key."""
    arguments = {**ON, **(arguments or {})}
    flags = flags or {'auto_delete': True}
    if where == 'queue':
        peer.declare(name('q'), arguments=arguments, **flags)
        return name('q'), '', name('q')
    if kind == TYPE:
        arguments.setdefault('x-cache-size', 100)
    peer.call(1, 'exchange.declare', exchange=name('x'), type=kind, arguments=arguments, **flags)
    peer.declare(name('q'), **flags)
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key='1')
    return name('q'), name('x'), '1'


WHERE = pytest.mark.parametrize('where', ['queue', 'exchange'])


@WHERE
def test_a_value_comes_through_once(peer, connect, name, where):
    q, exchange, key = place(peer, name, where)
    p = Publisher(connect(), exchange, key)
    for i, value in enumerate(['a', 'b', 'a', None, None, 'c', 'b', 'a']):
        p.say(f'{i}', value)
    assert drain(peer, q) == ['0', '1', '3', '4', '5']
    p.say('again', 'a')                              # also when the first has been consumed
    assert drain(peer, q) == []


@pytest.mark.parametrize('kind', ['direct', 'fanout', 'topic', 'headers', 'x-consistent-hash', 'x-random',
                                  'x-modulus-hash', 'x-recent-history', TYPE])
def test_exchanges_of_every_type_can_drop_duplicates(peer, connect, name, kind):
    q, exchange, key = place(peer, name, 'exchange', kind=kind)
    p = Publisher(connect(), exchange, key)
    for i in range(6):
        p.say(f'{i}', i % 3)
    assert drain(peer, q) == ['0', '1', '2']


def test_the_exchange_type_is_a_fanout_and_needs_no_more_than_a_size(peer, connect, name):
    peer.call(1, 'exchange.declare', exchange=name('x'), type=TYPE, arguments={'x-cache-size': '5'})
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key='whatever')
    p = Publisher(connect(), name('x'), 'another')
    for i in range(4):
        p.say(f'{i}', 'same')
    assert drain(peer, name('q')) == ['0']
    peer.call(1, 'exchange.delete', exchange=name('x'))


@WHERE
def test_values_of_any_kind_are_told_apart(peer, connect, name, where):
    q, exchange, key = place(peer, name, where)
    p = Publisher(connect(), exchange, key)
    values = ['1', 1, 1.0, True, ('T', 1), ('D', (0, 1)), ('D', (1, 1)), [1], {'a': 1}, {'a': 1, 'b': 2}, '', 0, -1]
    for i, value in enumerate(values):
        p.say(f'{i}', value)
    for value in values + [('l', 1), ('s', -1), ('x', b'1'), {'b': 2, 'a': 1}]:
        p.say('twice', value)
    assert drain(peer, q) == [f'{i}' for i in range(len(values))]


@WHERE
def test_only_so_many_values_are_remembered(peer, connect, name, where):
    q, exchange, key = place(peer, name, where, {'x-cache-size': 3})
    p = Publisher(connect(), exchange, key)
    for body, value in [('a', 1), ('b', 2), ('c', 3), ('-', 1), ('d', 4), ('e', 1), ('-', 3), ('-', 4), ('f', 2)]:
        p.say(body, value)
    assert drain(peer, q) == ['a', 'b', 'c', 'd', 'e', 'f']


@WHERE
def test_values_are_forgotten_in_time(peer, connect, name, where):
    q, exchange, key = place(peer, name, where, {'x-cache-ttl': 60000})
    p = Publisher(connect(), exchange, key)
    p.say('long', 'l')
    begin = time.monotonic()
    p.say('short', 's', **{'x-cache-ttl': 150})
    p.say('-', 'l')
    found = drain(peer, q)
    while len(found) < 3:
        p.say('short again', 's')
        found += drain(peer, q)
        assert time.monotonic() < begin + 30
    assert time.monotonic() > begin + 0.12
    assert found == ['long', 'short', 'short again']


@WHERE
def test_another_header_can_be_named(peer, connect, name, where):
    q, exchange, key = place(peer, name, where, {'x-deduplication-header': 'id'})
    p = Publisher(connect(), exchange, key)
    p.say('1', 'a', header='id')
    p.say('-', 'a', header='id')
    p.say('2', 'a')
    p.say('3', 'a')
    assert drain(peer, q) == ['1', '2', '3']


def test_a_duplicate_at_an_exchange_goes_nowhere_and_is_returned_if_mandatory(peer, connect, name):
    peer.call(1, 'exchange.declare', exchange=name('ae'), type='fanout', auto_delete=True)
    peer.declare(name('lost'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('lost'), exchange=name('ae'))
    q, exchange, key = place(peer, name, 'exchange', {'alternate-exchange': name('ae')})
    publisher = connect()
    p = Publisher(publisher, exchange, key)
    p.say('1', 'a', mandatory=True)
    p.say('2', 'a')
    p.send('3', 'a', mandatory=True)
    returned = publisher.content(1, ('basic.return',))
    assert (returned.body, returned.method.reply_code) == (b'3', 312)
    assert p.wait() == []
    assert (drain(peer, q), drain(peer, name('lost'))) == (['1'], [])


def test_a_duplicate_at_one_queue_is_none_at_another(peer, connect, name):
    q, _, _ = place(peer, name, 'queue')
    peer.declare(name('all'), exclusive=True)
    peer.call(1, 'exchange.declare', exchange=name('f'), type='fanout', auto_delete=True)
    for each in (q, name('all')):
        peer.call(1, 'queue.bind', queue=each, exchange=name('f'))
    p = Publisher(connect(), name('f'))
    for i in range(3):
        p.say(f'{i}', 'a', mandatory=True)
    assert (drain(peer, q), drain(peer, name('all'))) == (['0'], ['0', '1', '2'])


def test_an_exchange_behind_another_drops_its_duplicates(peer, connect, name):
    q, exchange, _ = place(peer, name, 'exchange')
    peer.declare(name('all'), exclusive=True)
    peer.call(1, 'exchange.declare', exchange=name('first'), type='fanout', auto_delete=True)
    peer.call(1, 'exchange.bind', source=name('first'), destination=exchange)
    peer.call(1, 'queue.bind', queue=name('all'), exchange=name('first'))
    p = Publisher(connect(), name('first'))
    for i in range(3):
        p.say(f'{i}', 'a')
    assert (drain(peer, q), drain(peer, name('all'))) == (['0'], ['0', '1', '2'])


def test_a_consumer_that_waits_gets_each_value_once(peer, connect, name):
    """Not even the short way from socket to socket goes around it."""
    q, _, _ = place(peer, name, 'queue')
    peer.call(1, 'basic.consume', queue=q, no_ack=True)
    p = Publisher(connect(), '', q)
    for i in range(10):
        p.say(f'{i}', i // 5)
    p.say('end')
    assert [peer.content(1, ('basic.deliver',)).body for _ in range(3)] == [b'0', b'5', b'end']


@WHERE
def test_a_dead_letter_may_come_back(peer, connect, name, where):
    q, exchange, key = place(peer, name, where)
    peer.declare(name('work'), exclusive=True, arguments={'x-dead-letter-exchange': exchange,
                                                          'x-dead-letter-routing-key': key})
    peer.declare(name('itself'), exclusive=True, arguments={
        **ON, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name('itself')})
    for first, last in ((name('work'), q), (name('itself'), name('itself'))):
        p = Publisher(connect(), '', first)
        p.say('1', 'a')
        for _ in range(2):
            message = eventually(lambda: peer.get(first, no_ack=False))
            peer.call(1, 'basic.qos')
            peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
            if first != last:
                assert eventually(lambda: peer.get(last)).body == b'1'
                Publisher(connect(), '', first).say('1', 'a')


@WHERE
def test_what_a_transaction_takes_back_was_never_seen(peer, connect, name, where):
    q, exchange, key = place(peer, name, where)
    tx = connect()
    tx.call(1, 'tx.select')
    for body, end in [('1', 'tx.rollback'), ('2', 'tx.commit'), ('3', 'tx.commit')]:
        tx.publish(1, exchange, key, body, {'headers': {'x-deduplication-header': 'a'}})
        tx.call(1, end)
    assert drain(peer, q) == ['2']


@WHERE
def test_many_publishers_of_the_same_values_put_each_there_once(connect, name, where, volume):
    peer = connect()
    q, exchange, key = place(peer, name, where, {'x-cache-size': 100000}, durable=True)
    count = volume(1000)

    def publish(publisher, number):
        for i in range(count):
            publisher.send(f'{i}', i, persistent=i % 2 == 0)
        outcomes.append(publisher.wait())

    outcomes = []
    threads = [threading.Thread(target=publish, args=(Publisher(connect(), exchange, key), n)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes == [[]] * 4
    assert sorted(map(int, drain(peer, q))) == list(range(count))
    peer.call(1, 'queue.delete', queue=q)
    if exchange:
        peer.call(1, 'exchange.delete', exchange=exchange)


# --- what lasts -----------------------------------------------------------------------------------------

@pytest.mark.once
@WHERE
@pytest.mark.parametrize('end', ['restart', 'kill'])
def test_what_was_confirmed_is_remembered(own_broker, connect, name, where, end):
    broker = own_broker()
    peer = connect(broker)
    q, exchange, key = place(peer, name, where, {'x-cache-size': 500}, durable=True)
    p = Publisher(connect(broker), exchange, key)
    for i in range(1000):
        p.send(f'{i}', i, persistent=True)
    p.send('transient', 'transient')
    assert p.wait() == []
    peer.call(1, 'queue.purge', queue=q)             # the log knows nothing more of them
    peer.declare(name('synced'), durable=True)       # ... as soon as it is synced: what is confirmed now comes after it
    Publisher(connect(broker), '', name('synced')).say('synced', persistent=True)
    if end == 'kill':
        broker.kill()
        broker.start()
    else:
        restart(broker, peer, p.peer)
    peer = connect(broker)
    p = Publisher(connect(broker), exchange, key)
    for i in range(999, 499, -1):
        p.send(f'{i}', i, persistent=True)
    p.send('transient', 'transient')
    p.send('499', 499, persistent=True)              # there was no room for it any more
    assert p.wait() == []
    # Of 500 the transient one's is one, for which 500 was forgotten, unless the kill came in between.
    found = drain(peer, q)
    assert found[-2:] == ['transient', '499']
    assert found[:-2] == ['500'] or (end == 'kill' and found[:-2] == [])


@pytest.mark.once
@WHERE
def test_killed_again_and_again_it_lets_no_confirmed_value_through_twice(own_broker, connect, name, where):
    broker = own_broker()
    q, exchange, key = place(connect(broker), name, where, {'x-cache-size': 10000}, durable=True)
    confirmed, consumed = set(), []
    for life in range(6):
        peer = connect(broker)
        p = Publisher(connect(broker), exchange, key)
        for value in range(life * 100, life * 100 + 300):
            p.send(f'{value}', value, persistent=True)
        while len(p.outcomes) < 40 * (life + 1):     # and then killed with the rest on its way
            answer = p.peer.expect('basic.ack', 1)
            first = 1 if answer.multiple else answer.delivery_tag
            for tag in range(first, answer.delivery_tag + 1):
                p.outcomes[tag] = answer.name
        new = {life * 100 + tag - 1 for tag in p.outcomes}
        broker.kill()
        broker.start()
        before = confirmed.copy()
        confirmed |= new
        # What was consumed just before the kill may come back, and says so: that is no second message.
        found = drain_with_flag(connect(broker), q)
        fresh = {int(body) for body, redelivered in found if not redelivered}
        assert not before & fresh, 'what had been confirmed came through again'
        consumed += [int(body) for body, _ in found]
    assert confirmed <= set(consumed)                # and nothing is lost
    broker.stop()


@pytest.mark.once
@WHERE
def test_a_deleted_memory_is_gone(own_broker, connect, name, where):
    broker = own_broker()
    for life in range(2):
        peer = connect(broker)
        q, exchange, key = place(peer, name, where, durable=True)
        p = Publisher(connect(broker), exchange, key)
        p.say('1', 'a', persistent=True)
        assert drain(peer, q) == ['1']
        peer.call(1, 'queue.delete', queue=q)
        if exchange:
            peer.call(1, 'exchange.delete', exchange=exchange)
        restart(broker, peer, p.peer)


@pytest.mark.once
def test_a_memory_that_is_not_to_persist_does_not(own_broker, connect, name):
    broker = own_broker()
    peer = connect(broker)
    q, exchange, key = place(peer, name, 'queue', {'x-cache-persistence': 'memory'}, durable=True)
    for life in range(2):
        p = Publisher(connect(broker), exchange, key)
        p.say('1', 'a', persistent=True)
        p.say('2', 'a', persistent=True)
        restart(broker, peer, p.peer)
    assert drain(connect(broker), q) == ['1', '1']


# --- what is refused ------------------------------------------------------------------------------------

MUST = "must be an integer greater than 0"


@pytest.mark.parametrize('arguments, text', [
    ({'x-cache-size': 0}, f"Invalid argument, 'x-cache-size' {MUST}"),
    ({'x-cache-size': 'many'}, f"Invalid argument, 'x-cache-size' {MUST}"),
    ({'x-cache-ttl': -1}, f"Invalid argument, 'x-cache-ttl' {MUST}"),
    ({'x-deduplication-header': 5}, "Invalid argument, 'x-deduplication-header' must be a header's name"),
    ({'x-cache-persistence': 'tape'}, "Invalid argument, 'x-cache-persistence' must be either 'disk' or 'memory'"),
    ({'x-message-deduplication': 5}, "Invalid argument, 'x-message-deduplication' must be a boolean")])
def test_bad_arguments_are_refused(connect, name, arguments, text):
    for method, what in (('queue.declare', {'queue': name('q')}),
                         ('exchange.declare', {'exchange': name('x'), 'type': 'direct'})):
        peer = connect()
        peer.send(1, method, arguments={**ON, **arguments}, **what)
        peer.expect_channel_close(406, f'PRECONDITION_FAILED - {text}')


def test_the_exchange_type_must_be_told_its_size(peer, name):
    peer.send(1, 'exchange.declare', exchange=name('x'), type=TYPE)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - Missing or invalid argument, 'x-cache-size' {MUST}")


def test_without_the_switch_the_other_arguments_mean_nothing(peer, connect, name):
    peer.declare(name('q'), exclusive=True, arguments={'x-cache-size': 'many', 'x-message-deduplication': False})
    p = Publisher(connect(), '', name('q'))
    assert drain(peer, name('q')) == []
    p.peer.drop()
