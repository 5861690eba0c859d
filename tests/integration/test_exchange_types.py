"""The exchange types beyond AMQP's four: who gets what, what is refused, and the same with RabbitMQ's plugins."""
import collections

import pytest

from wire import Peer

HASH, RANDOM, MODULUS, HISTORY = 'x-consistent-hash', 'x-random', 'x-modulus-hash', 'x-recent-history'
TYPES = [HASH, RANDOM, MODULUS, HISTORY]


def exchange(peer, name, kind, arguments=None, **flags):
    peer.call(1, 'exchange.declare', exchange=name, type=kind, arguments=arguments or {}, **flags)
    return name


def queue(peer, name, source=None, key='', **flags):
    peer.declare(name, **(flags or {'exclusive': True}))
    if source:
        bind(peer, name, source, key)
    return name


def bind(peer, name, source, key=''):
    peer.call(1, 'queue.bind', queue=name, exchange=source, routing_key=key)


def drain(peer, queue):
    """What is in it, in order."""
    peer.call(1, 'basic.qos')
    found = []
    while (message := peer.get(queue)) is not None:
        found.append(message)
    return found


def bodies(peer, queue):
    return [message.body.decode() for message in drain(peer, queue)]


def confirmed(peer, exchange, messages):
    """Publishes (key, body, properties) and waits until all are confirmed."""
    peer.call(1, 'confirm.select')
    for key, body, properties in messages:
        peer.publish(1, exchange, key, body, properties)
    waiting = set(range(1, len(messages) + 1))
    while waiting:
        ack = peer.expect('basic.ack', 1)
        waiting -= {tag for tag in waiting if tag == ack.delivery_tag or ack.multiple and tag < ack.delivery_tag}


# --- choosing one of the bindings ---------------------------------------------------------------------

@pytest.mark.parametrize('kind', [HASH, RANDOM, MODULUS])
def test_each_message_goes_to_one_queue_and_every_queue_gets_some(peer, name, kind):
    x = exchange(peer, name('x'), kind, auto_delete=True)
    queues = [queue(peer, name(f'q{i}'), x, '1') for i in range(3)]
    confirmed(peer, x, [(f'key{i}', f'm{i}', b'\0\0') for i in range(300)])
    found = [bodies(peer, q) for q in queues]
    assert sorted(sum(found, [])) == sorted(f'm{i}' for i in range(300))
    assert all(40 < len(some) < 160 for some in found), [len(some) for some in found]


@pytest.mark.parametrize('kind', [HASH, MODULUS])
def test_one_key_goes_to_one_queue(peer, name, kind):
    x = exchange(peer, name('x'), kind, auto_delete=True)
    queues = [queue(peer, name(f'q{i}'), x, '1') for i in range(3)]
    confirmed(peer, x, [(f'key{i % 10}', f'key{i % 10}', b'\0\0') for i in range(200)])
    places = collections.defaultdict(set)
    for q in queues:
        for body in bodies(peer, q):
            places[body].add(q)
    assert len(places) == 10 and all(len(where) == 1 for where in places.values())


@pytest.mark.parametrize('arguments, properties', [
    ({'hash-header': 'h'}, lambda i: {'headers': {'h': f'v{i % 10}'}}),
    ({'hash-header': 'h'}, lambda i: {'headers': {'h': i % 10}}),
    ({'hash-property': 'message_id'}, lambda i: {'message_id': f'v{i % 10}'}),
    ({'hash-property': 'correlation_id'}, lambda i: {'correlation_id': f'v{i % 10}'}),
    ({'hash-property': 'timestamp'}, lambda i: {'timestamp': i % 10})])
def test_a_header_or_property_is_hashed_instead_of_the_key(peer, name, arguments, properties):
    x = exchange(peer, name('x'), HASH, arguments, auto_delete=True)
    queues = [queue(peer, name(f'q{i}'), x, '1') for i in range(3)]
    confirmed(peer, x, [(f'key{i}', f'{i % 10}', properties(i)) for i in range(200)])
    places = collections.defaultdict(set)
    for q in queues:
        for body in bodies(peer, q):
            places[body].add(q)
    assert len(places) == 10 and all(len(where) == 1 for where in places.values())
    # Those that lack it stay together, whatever their keys are.
    confirmed(Peer(peer.socket.getpeername()), x, [(f'key{i}', 'm', b'\0\0') for i in range(30)])
    assert sorted(len(drain(peer, q)) for q in queues) == [0, 0, 30]


def test_weights_are_shares(peer, name):
    x = exchange(peer, name('x'), HASH, auto_delete=True)
    one, three = queue(peer, name('one'), x, '1'), queue(peer, name('three'), x, '3')
    confirmed(peer, x, [(f'key{i}', 'm', b'\0\0') for i in range(2000)])
    assert 400 < len(drain(peer, one)) < 600
    assert 1400 < len(drain(peer, three)) < 1600


def test_two_bindings_of_one_queue_count_twice_for_the_modulus_and_for_chance(peer, name):
    for kind in (MODULUS, RANDOM):
        x = exchange(peer, name(kind), kind, auto_delete=True)
        twice, once = queue(peer, name(f'{kind}.twice'), x, 'a'), queue(peer, name(f'{kind}.once'), x, 'c')
        bind(peer, twice, x, 'b')
        confirmed(Peer(peer.socket.getpeername()), x, [(f'key{i}', 'm', b'\0\0') for i in range(900)])
        assert 500 < len(drain(peer, twice)) < 700
        assert 200 < len(drain(peer, once)) < 400


@pytest.mark.parametrize('kind', [HASH, RANDOM, MODULUS])
def test_keys_in_cc_choose_no_second_queue(peer, name, kind):
    x = exchange(peer, name('x'), kind, auto_delete=True)
    queues = [queue(peer, name(f'q{i}'), x, '1') for i in range(3)]
    confirmed(peer, x, [(f'key{i}', 'm', {'headers': {'CC': [f'a{i}', f'b{i}']}}) for i in range(50)])
    assert sum(len(drain(peer, q)) for q in queues) == 50


@pytest.mark.leveret
@pytest.mark.once
@pytest.mark.parametrize('kind', [HASH, MODULUS])
def test_keys_keep_their_queues_over_a_restart(own_broker, connect, name, kind):
    """Bindings come back in another order, and other loops choose: the choice is the same."""
    broker = own_broker()
    peer = connect(broker)
    x = exchange(peer, name('x'), kind, durable=True)
    queues = [queue(peer, name(f'q{i}'), x, f'{i + 1}', durable=True) for i in range(5)]

    def places(peer):
        confirmed(peer, x, [(f'key{i}', f'{i}', b'\0\0') for i in range(200)])
        return [bodies(peer, q) for q in queues]

    before = places(peer)
    peer.drop()                                      # else it is given some seconds to leave
    broker.restart()
    assert places(connect(broker)) == before


@pytest.mark.parametrize('kind', TYPES)
def test_without_bindings_the_alternate_exchange_gets_it(peer, name, kind):
    lost = queue(peer, name('lost'), exchange(peer, name('ae'), 'fanout', auto_delete=True))
    x = exchange(peer, name('x'), kind, {'alternate-exchange': name('ae')})
    confirmed(peer, x, [('key', 'm', b'\0\0')])
    assert bodies(peer, lost) == ['m']
    peer.call(1, 'exchange.delete', exchange=x)


@pytest.mark.parametrize('kind', TYPES)
def test_they_are_reached_through_other_exchanges_and_reach_others(peer, name, kind):
    first, x, last = exchange(peer, name('first'), 'fanout'), exchange(peer, name('x'), kind), \
        exchange(peer, name('last'), 'topic')
    peer.call(1, 'exchange.bind', source=first, destination=x)
    peer.call(1, 'exchange.bind', source=x, destination=last, routing_key='1')
    q = queue(peer, name('q'), last, '*.b')
    confirmed(peer, first, [('a.b', 'm', b'\0\0'), ('a.c', 'n', b'\0\0')])
    assert bodies(peer, q) == ['m']
    for each in (first, x, last):
        peer.call(1, 'exchange.delete', exchange=each)


# --- x-recent-history ---------------------------------------------------------------------------------

def test_a_new_binding_gets_the_last_twenty_in_order(peer, name):
    x = exchange(peer, name('x'), HISTORY)
    confirmed(peer, x, [(f'key{i}', f'{i}', {'headers': {'n': i}}) for i in range(25)])
    q = queue(peer, name('q'), x)
    found = drain(peer, q)
    assert [m.body for m in found] == [b'%d' % i for i in range(5, 25)]
    assert [m.method.routing_key for m in found] == [f'key{i}' for i in range(5, 25)]
    assert [m.properties['headers']['n'] for m in found] == [('I', i) for i in range(5, 25)]
    assert {(m.method.exchange, m.method.redelivered) for m in found} == {(x, False)}
    bind(peer, q, x)                                 # the same binding: nothing is new
    assert drain(peer, q) == []
    bind(peer, q, x, 'another')
    assert len(drain(peer, q)) == 20
    peer.call(1, 'exchange.delete', exchange=x)


def test_it_is_a_fanout_and_its_length_can_be_set(peer, name):
    x = exchange(peer, name('x'), HISTORY, {'x-recent-history-length': 3})
    early = queue(peer, name('early'), x, 'whatever')
    confirmed(peer, x, [('key', f'{i}', {'delivery_mode': 2}) for i in range(10)])
    assert bodies(peer, early) == [f'{i}' for i in range(10)]
    assert bodies(peer, queue(peer, name('late'), x)) == ['7', '8', '9']
    peer.call(1, 'exchange.delete', exchange=x)


def test_what_says_no_store_is_routed_and_not_remembered(peer, name):
    x = exchange(peer, name('x'), HISTORY)
    early = queue(peer, name('early'), x)
    confirmed(peer, x, [('key', f'{value}', {'headers': {'x-recent-history-no-store': value}})
                        for value in (True, False, 'true', 1)])
    assert bodies(peer, early) == ['True', 'False', 'true', '1']
    assert bodies(peer, queue(peer, name('late'), x)) == ['False', 'true', '1']
    peer.call(1, 'exchange.delete', exchange=x)


@pytest.mark.leveret                              # RabbitMQ ends the connection with INTERNAL_ERROR
def test_an_exchange_that_is_bound_to_it_routes_what_was_remembered(peer, name):
    x, middle = exchange(peer, name('x'), HISTORY), exchange(peer, name('direct'), 'direct', auto_delete=True)
    q, other = queue(peer, name('q'), middle, 'key'), queue(peer, name('other'), middle, 'other')
    confirmed(peer, x, [('key', 'm', b'\0\0'), ('none', 'n', b'\0\0'), ('other', 'o', b'\0\0')])
    peer.call(1, 'exchange.bind', source=x, destination=middle)
    assert (bodies(peer, q), bodies(peer, other)) == (['m'], ['o'])
    peer.call(1, 'exchange.delete', exchange=x)


def test_what_came_through_another_exchange_is_remembered_too(peer, name):
    first, x = exchange(peer, name('first'), 'fanout', auto_delete=True), exchange(peer, name('x'), HISTORY)
    peer.call(1, 'exchange.bind', source=first, destination=x)
    confirmed(peer, first, [('key', 'm', b'\0\0')])
    found = drain(peer, queue(peer, name('q'), x))
    assert [(m.body, m.method.exchange) for m in found] == [(b'm', first)]
    peer.call(1, 'exchange.delete', exchange=x)


@pytest.mark.leveret
def test_an_exchange_gets_what_was_remembered_oldest_first_too(peer, name):
    """RabbitMQ has it the other way round."""
    x, middle = exchange(peer, name('x'), HISTORY), exchange(peer, name('fanout'), 'fanout', auto_delete=True)
    q = queue(peer, name('q'), middle)
    confirmed(peer, x, [('key', f'{i}', b'\0\0') for i in range(5)])
    peer.call(1, 'exchange.bind', source=x, destination=middle)
    assert bodies(peer, q) == ['0', '1', '2', '3', '4']
    peer.call(1, 'exchange.delete', exchange=x)


@pytest.mark.leveret
def test_whoever_binds_while_others_publish_misses_nothing(connect, name, volume):
    publisher, binder = connect(), connect()
    x = exchange(publisher, name('x'), HISTORY, {'x-recent-history-length': 100000})
    count = volume(3000)
    for i in range(count):
        publisher.publish(1, x, 'key', b'%d' % i)
        if i == count // 2:
            q = queue(binder, name('q'), x)
    publisher.call(1, 'basic.qos')
    confirmed(publisher, x, [('key', 'last', b'\0\0')])
    found = bodies(binder, q)
    assert [int(body) for body in dict.fromkeys(found) if body != 'last'] == list(range(count))
    publisher.call(1, 'exchange.delete', exchange=x)


# --- what is refused ------------------------------------------------------------------------------------

DECLARATIONS = [
    (HASH, {'hash-header': 'a', 'hash-property': 'message_id'}), (HASH, {'hash-property': 'type'}),
    (HASH, {'hash-property': ''}), (HASH, {'hash-header': ''}), (HASH, {'hash-property': 'timestamp'}),
    (HASH, {'alternate-exchange': 5, 'hash-property': 'type'}), (HISTORY, {'x-recent-history-length': 0}),
    (HISTORY, {'x-recent-history-length': -1}), (HISTORY, {'x-recent-history-length': '5'}),
    (HISTORY, {'x-recent-history-length': True}), (HISTORY, {'x-recent-history-length': 5.0}),
    (HISTORY, {'x-recent-history-length': None}), (HISTORY, {'x-recent-history-length': b'5'}),
    (HISTORY, {'x-recent-history-length': ('T', 5)}), (HISTORY, {'x-recent-history-length': 10**12}),
    (HISTORY, {'x-recent-history-length': ('s', 5)}), (HISTORY, {'unknown': 5}), (RANDOM, {'unknown': 5}),
    (MODULUS, {'hash-property': 'type'}), (RANDOM, {'alternate-exchange': 5})]
WEIGHTS = ['1', '0', '-1', '-0', '+5', '007', '1000', '', 'abc', '1.5', ' 1', '1 ', '0x10', '\x01', 'x' * 60,
           'a\'b"c\\', '-', '+', '٣']


def answers(address, name):
    """What a broker says to each of these, in its own words."""
    said = []

    def ask(method, **arguments):
        with Peer(address) as peer:
            peer.send(1, method, **arguments)
            answer = peer.next()
            said.append((method, str(arguments), answer.name, getattr(answer, 'reply_code', 0),
                         getattr(answer, 'reply_text', '')))

    with Peer(address) as peer:
        for i, (kind, arguments) in enumerate(DECLARATIONS):
            ask('exchange.declare', exchange=name(f'd{i}'), type=kind, arguments=arguments, auto_delete=True)
        for kind in TYPES:
            x = exchange(peer, name(kind), kind)
            for arguments in ({}, {'hash-property': 'type'}, {'x-recent-history-length': 0}, {'hash-header': 'h'},
                              {'alternate-exchange': 'ae'}):
                ask('exchange.declare', exchange=x, type=kind, arguments=arguments)
            ask('exchange.declare', exchange=x, type='direct')
            ask('exchange.declare', exchange='amq.topic', type=kind)
            ask('queue.bind', queue=name('nobody'), exchange=x, routing_key='abc')
        q = queue(peer, name('q'), durable=True)
        for weight in WEIGHTS:
            ask('queue.bind', queue=q, exchange=name(HASH), routing_key=weight)
            ask('exchange.bind', destination='amq.fanout', source=name(HASH), routing_key=weight)
        ask('queue.unbind', queue=q, exchange=name(HASH), routing_key='abc')
        for kind in TYPES:
            peer.call(1, 'exchange.delete', exchange=name(kind))
        peer.call(1, 'queue.delete', queue=q)
    return said


@pytest.mark.leveret
@pytest.mark.once(also=('asan',))
def test_arguments_and_weights_are_refused_as_by_rabbitmq(broker, rabbit, name):
    theirs, ours = answers(rabbit.address, name), answers(broker.address, name)
    assert sum(answer[3] == 406 for answer in theirs) > 20
    assert ours == theirs


@pytest.mark.leveret
@pytest.mark.parametrize('arguments', [{'hash-header': 5}, {'hash-property': True}, {'x-hash-on': ['h']}])
def test_a_name_that_is_no_string_is_refused_with_a_text(peer, name, arguments):
    """RabbitMQ ends the connection with INTERNAL_ERROR."""
    (argument, value), = arguments.items()
    peer.send(1, 'exchange.declare', exchange=name('x'), type=HASH, arguments=arguments)
    kind = {int: 'signedint', bool: 'bool', list: 'array'}[type(value)]
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - invalid arg '{argument}' for exchange '{name('x')}' in "
                                   f"vhost '/': {{unacceptable_type,{kind}}}")


@pytest.mark.leveret
def test_listings_name_their_types(broker, peer, name):
    for kind in TYPES + ['x-local-random']:
        exchange(peer, name(kind), kind)
    listed = dict(line.split('\t') for line in broker.ctl('-q', 'list_exchanges', 'name', 'type').out.splitlines()
                  if name('') in line)
    assert listed == {name(kind): kind for kind in TYPES + ['x-local-random']}
    for kind in listed:
        peer.call(1, 'exchange.delete', exchange=kind)
