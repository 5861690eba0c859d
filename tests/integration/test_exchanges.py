"""Exchanges: what each type routes where, bindings between them, and what is refused."""
import pytest


def wires(peer, name, kind, bindings, **flags):
    """An exchange 'x' with a queue per binding: {queue: key} or {queue: (key, arguments)}. Returns its name."""
    peer.call(1, 'exchange.declare', exchange=name('x'), type=kind, auto_delete=True, **flags)
    for queue, binding in bindings.items():
        key, arguments = binding if isinstance(binding, tuple) else (binding, {})
        peer.declare(name(queue), exclusive=True)
        peer.call(1, 'queue.bind', queue=name(queue), exchange=name('x'), routing_key=key, arguments=arguments)
    return name('x')


def reached(peer, name, queues, exchange, key, properties=b'\0\0'):
    """Publishes one message and says which queues have it, once each, as a sorted list."""
    peer.publish(1, exchange, key, b'm', properties)
    peer.call(1, 'basic.qos')
    found = []
    for queue in queues:
        while peer.get(name(queue)) is not None:
            found.append(queue)
    return sorted(found)


@pytest.mark.parametrize('kind', ['direct', 'fanout', 'topic', 'headers'])
@pytest.mark.parametrize('durable', [False, True])
def test_an_exchange_of_each_type_can_be_declared_again_and_deleted(peer, name, kind, durable):
    for _ in range(2):
        peer.call(1, 'exchange.declare', exchange=name('x'), type=kind, durable=durable)
    peer.call(1, 'exchange.declare', exchange=name('x'), passive=True)
    peer.call(1, 'exchange.delete', exchange=name('x'))
    peer.send(1, 'exchange.declare', exchange=name('x'), passive=True)
    peer.expect_channel_close(404, f"NOT_FOUND - no exchange '{name('x')}' in vhost '/'")


@pytest.mark.parametrize('exchange, kind', [
    ('amq.direct', 'direct'), ('amq.fanout', 'fanout'), ('amq.topic', 'topic'), ('amq.headers', 'headers'),
    ('amq.match', 'headers')])
def test_predeclared_exchanges_are_there_and_durable(peer, exchange, kind):
    peer.call(1, 'exchange.declare', exchange=exchange, type=kind, durable=True)
    peer.send(1, 'exchange.delete', exchange=exchange)
    peer.expect_channel_close(403, f"ACCESS_REFUSED - deletion of system exchange '{exchange}' in vhost '/' not allowed")


def test_the_default_exchange_routes_by_queue_name(peer, name):
    peer.declare(name('q'), exclusive=True)
    assert reached(peer, name, ['q'], '', name('q')) == ['q']
    assert reached(peer, name, ['q'], '', name('other')) == []


@pytest.mark.parametrize('method, arguments', [
    ('exchange.declare', dict(exchange='', type='direct')), ('exchange.declare', dict(exchange='', passive=True)),
    ('exchange.delete', dict(exchange='')), ('exchange.bind', dict(source='', destination='amq.direct')),
    ('exchange.bind', dict(source='amq.direct', destination='')),
    ('exchange.unbind', dict(source='', destination='amq.direct'))])
def test_the_default_exchange_cannot_be_touched(peer, method, arguments):
    peer.send(1, method, **arguments)
    peer.expect_channel_close(403, 'ACCESS_REFUSED - operation not permitted on the default exchange', 1, method)


def test_a_queue_cannot_be_bound_to_the_default_exchange(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.send(1, 'queue.bind', queue=name('q'), exchange='')
    peer.expect_channel_close(403, 'ACCESS_REFUSED - operation not permitted on the default exchange', 1, 'queue.bind')


def test_direct_routes_by_equal_keys(peer, name):
    exchange = wires(peer, name, 'direct', {'a': 'a', 'b': 'b', 'also': 'a', 'empty': ''})
    for key, expected in (('a', ['a', 'also']), ('b', ['b']), ('', ['empty']), ('c', []), ('A', [])):
        assert reached(peer, name, ['a', 'b', 'also', 'empty'], exchange, key) == expected


def test_fanout_routes_to_all(peer, name):
    exchange = wires(peer, name, 'fanout', {'a': 'a', 'b': '', 'c': 'x'})
    for key in ('a', '', 'whatever'):
        assert reached(peer, name, 'abc', exchange, key) == ['a', 'b', 'c']


@pytest.mark.parametrize('pattern, matching, other', [
    ('a', ['a'], ['', 'a.b', 'b', 'aa']), ('*', ['a', '*', '#'], ['', 'a.b', '.']), ('', [''], ['a', '.']),
    ('#', ['', 'a', 'a.b', '.', '..', 'a..b'], []), ('a.*', ['a.b', 'a.', 'a.#'], ['a', 'a.b.c', 'b.a']),
    ('a.#', ['a', 'a.b', 'a.b.c', 'a.'], ['', 'b', 'aa']), ('#.c', ['c', 'a.c', 'a.b.c', '.c'], ['', 'c.a', 'cc']),
    ('a.#.c', ['a.c', 'a.b.c', 'a.b.b.c', 'a..c'], ['a', 'c', 'a.b', 'ac']), ('*.*', ['a.b', '.', 'a.'], ['a', 'a.b.c']),
    ('#.#', ['', 'a', 'a.b'], []), ('#.*', ['a', 'a.b', '.'], []), ('*.#.*', ['a.b', 'a.b.c', '.'], ['a']),
    ('a.*.#.c', ['a.x.c', 'a.x.y.c'], ['a.c', 'a'])])
def test_topic_pattern(peer, name, pattern, matching, other):
    exchange = wires(peer, name, 'topic', {'q': pattern})
    assert [key for key in matching + other if reached(peer, name, ['q'], exchange, key)] == matching


@pytest.mark.parametrize('arguments, matching, other', [
    ({'x-match': 'all', 'a': 1, 'b': 'two'}, [{'a': 1, 'b': 'two'}, {'a': 1, 'b': 'two', 'c': 3}],
     [{'a': 1}, {'b': 'two'}, {'a': 2, 'b': 'two'}, {}]),
    ({'a': 1, 'b': 'two'}, [{'a': 1, 'b': 'two'}], [{'a': 1}, {}]),
    ({'x-match': 'any', 'a': 1, 'b': 'two'}, [{'a': 1}, {'b': 'two'}, {'a': 5, 'b': 'two'}], [{'a': 2}, {'c': 1}, {}]),
    ({'x-match': 'all', 'a': 1, 'x-b': 2}, [{'a': 1}, {'a': 1, 'x-b': 3}], [{'x-b': 2}]),
    ({'x-match': 'any', 'x-b': 2, 'a': 1}, [{'a': 1}], [{'x-b': 2}]),
    ({'x-match': 'all-with-x', 'a': 1, 'x-b': 2}, [{'a': 1, 'x-b': 2}], [{'a': 1}, {'x-b': 2}]),
    ({'x-match': 'any-with-x', 'a': 1, 'x-b': 2}, [{'a': 1}, {'x-b': 2}], [{'x-b': 3}, {}]),
    ({'x-match': 'all', 'a': None}, [{'a': 1}, {'a': 'x'}, {'a': None}], [{'b': 1}, {}]),
    ({'x-match': 'any', 'a': None, 'b': None}, [{'a': 1}, {'b': {}}], [{'c': 1}]),
], ids=str)
def test_headers_binding(peer, name, arguments, matching, other):
    exchange = wires(peer, name, 'headers', {'q': ('', arguments)})
    assert [headers for headers in matching + other
            if reached(peer, name, ['q'], exchange, 'k', {'headers': headers})] == matching


def test_headers_binding_of_an_unknown_match_is_refused(peer, name):
    peer.call(1, 'exchange.declare', exchange=name('x'), type='headers', auto_delete=True)
    peer.declare(name('q'), exclusive=True)
    peer.send(1, 'queue.bind', queue=name('q'), exchange=name('x'), arguments={'x-match': 'some'})
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - Invalid x-match field value <<"some">>; '
                                   'expected all, any, all-with-x, or any-with-x', 1, 'queue.bind')


def test_a_queue_gets_a_message_once_however_many_bindings_match(peer, name):
    exchange = wires(peer, name, 'topic', {'q': 'a.#'})
    for key in ('#', 'a.*', 'a.b', '*.b'):
        peer.call(1, 'queue.bind', queue=name('q'), exchange=exchange, routing_key=key)
    assert reached(peer, name, ['q'], exchange, 'a.b') == ['q']


def test_binding_twice_is_one_binding(peer, name):
    exchange = wires(peer, name, 'direct', {'q': 'k'})
    peer.call(1, 'queue.bind', queue=name('q'), exchange=exchange, routing_key='k')
    peer.call(1, 'queue.bind', queue=name('q'), exchange=exchange, routing_key='stay')
    assert reached(peer, name, ['q'], exchange, 'k') == ['q']
    peer.call(1, 'queue.unbind', queue=name('q'), exchange=exchange, routing_key='k')
    assert reached(peer, name, ['q'], exchange, 'k') == []


def test_bindings_that_differ_in_arguments_are_two(peer, name):
    exchange = wires(peer, name, 'direct', {'q': ('k', {'n': 1})})
    peer.call(1, 'queue.bind', queue=name('q'), exchange=exchange, routing_key='k', arguments={'n': 2})
    peer.call(1, 'queue.unbind', queue=name('q'), exchange=exchange, routing_key='k', arguments={'n': 1})
    assert reached(peer, name, ['q'], exchange, 'k') == ['q']


def test_unbinding_what_is_not_there_succeeds(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'queue.unbind', queue=name('q'), exchange='amq.direct', routing_key='none')
    peer.call(1, 'exchange.unbind', destination='amq.direct', source='amq.fanout', routing_key='none')


def test_exchanges_bound_to_exchanges_pass_messages_on(peer, name):
    kinds = {'t': 'topic', 'd': 'direct', 'f': 'fanout'}
    for exchange, kind in kinds.items():
        peer.call(1, 'exchange.declare', exchange=name(exchange), type=kind, auto_delete=True)
    peer.call(1, 'exchange.bind', source=name('t'), destination=name('d'), routing_key='#.err')
    peer.call(1, 'exchange.bind', source=name('d'), destination=name('f'), routing_key='app.err')
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('f'))
    for key, expected in (('app.err', ['q']), ('lib.err', []), ('app.ok', [])):
        assert reached(peer, name, ['q'], name('t'), key) == expected
    peer.call(1, 'exchange.unbind', source=name('d'), destination=name('f'), routing_key='app.err')
    assert reached(peer, name, ['q'], name('f'), 'direct to it') == ['q']


def test_exchange_bindings_in_a_circle_deliver_once(peer, name):
    for exchange in 'abc':
        peer.call(1, 'exchange.declare', exchange=name(exchange), type='fanout')
    for source, destination in ('ab', 'bc', 'ca', 'ac', 'ba'):
        peer.call(1, 'exchange.bind', source=name(source), destination=name(destination))
    peer.declare(name('q'), exclusive=True)
    for exchange in 'abc':
        peer.call(1, 'queue.bind', queue=name('q'), exchange=name(exchange))
    for exchange in 'abc':
        assert reached(peer, name, ['q'], name(exchange), '') == ['q']
    for exchange in 'abc':
        peer.call(1, 'exchange.delete', exchange=name(exchange))


def test_an_internal_exchange_takes_no_publishes_but_passes_on(peer, name):
    peer.call(1, 'exchange.declare', exchange=name('in'), type='fanout', internal=True, auto_delete=True)
    peer.call(1, 'exchange.declare', exchange=name('out'), type='fanout', auto_delete=True)
    peer.call(1, 'exchange.bind', source=name('out'), destination=name('in'))
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('in'))
    assert reached(peer, name, ['q'], name('out'), '') == ['q']
    peer.publish(1, name('in'), '', b'no')
    peer.expect_channel_close(
        403, f"ACCESS_REFUSED - cannot publish to internal exchange '{name('in')}' in vhost '/'", 1, 'basic.publish')


def test_auto_delete_goes_with_the_last_binding_from_it_in_a_chain(peer, name):
    for exchange in 'abc':
        peer.call(1, 'exchange.declare', exchange=name(exchange), type='fanout', auto_delete=True)
    peer.call(1, 'exchange.bind', source=name('a'), destination=name('b'))
    peer.call(1, 'exchange.bind', source=name('b'), destination=name('c'))
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('c'))
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('c'), routing_key='more')
    peer.call(1, 'queue.unbind', queue=name('q'), exchange=name('c'), routing_key='more')
    peer.call(1, 'exchange.declare', exchange=name('a'), passive=True)
    peer.call(1, 'queue.delete', queue=name('q'))
    for exchange in 'abc':
        peer.send(1, 'exchange.declare', exchange=name(exchange), passive=True)
        peer.expect_channel_close(404, f"NOT_FOUND - no exchange '{name(exchange)}' in vhost '/'")
        peer.open_channel(1)


def test_an_auto_delete_exchange_never_bound_stays(peer, name):
    peer.call(1, 'exchange.declare', exchange=name('x'), type='fanout', auto_delete=True)
    peer.call(1, 'exchange.unbind', source=name('x'), destination='amq.direct')
    peer.call(1, 'exchange.declare', exchange=name('x'), passive=True)
    peer.call(1, 'exchange.delete', exchange=name('x'))


def test_the_alternate_exchange_takes_what_is_not_routed(peer, name):
    peer.call(1, 'exchange.declare', exchange=name('ae'), type='fanout')
    exchange = wires(peer, name, 'direct', {'known': 'known'}, arguments={'alternate-exchange': name('ae')})
    peer.declare(name('rest'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('rest'), exchange=name('ae'))
    assert reached(peer, name, ['known', 'rest'], exchange, 'known') == ['known']
    assert reached(peer, name, ['known', 'rest'], exchange, 'unknown') == ['rest']
    peer.publish(1, exchange, 'unknown', b'm', mandatory=True)
    peer.nothing_more()                              # not returned: the alternate took it
    peer.call(1, 'exchange.delete', exchange=name('ae'))
    peer.publish(1, exchange, 'unknown', b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.reply_code == 312


def test_alternate_exchanges_in_a_circle_come_to_an_end(peer, name):
    for one, other in ('ab', 'ba'):
        peer.call(1, 'exchange.declare', exchange=name(one), type='direct',
                  arguments={'alternate-exchange': name(other)})
    peer.publish(1, name('a'), 'k', b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.exchange == name('a')
    for one in 'ab':
        peer.call(1, 'exchange.delete', exchange=name(one))


def test_cc_and_bcc_are_further_routing_keys_and_bcc_stays_secret(peer, name):
    for queue in 'abc':
        peer.declare(name(queue), exclusive=True)
    peer.publish(1, '', name('a'), b'm', {'headers': {'CC': [name('b')], 'BCC': [name('c'), name('a')]}})
    peer.call(1, 'basic.qos')
    for queue in 'abc':
        message = peer.get(name(queue))
        assert set(message.properties['headers']) == {'CC'}
        assert peer.get(name(queue)) is None


@pytest.mark.parametrize('arguments, text', [
    (dict(type='fanout'), "inequivalent arg 'type' for exchange '{}' in vhost '/': "
                          "received 'fanout' but current is 'direct'"),
    (dict(type='direct', durable=True), "inequivalent arg 'durable' for exchange '{}' in vhost '/': "
                                        "received 'true' but current is 'false'"),
    (dict(type='direct', auto_delete=True), "inequivalent arg 'auto_delete' for exchange '{}' in vhost '/': "
                                            "received 'true' but current is 'false'"),
    (dict(type='direct', internal=True), "inequivalent arg 'internal' for exchange '{}' in vhost '/': "
                                         "received 'true' but current is 'false'"),
    (dict(type='direct', arguments={'alternate-exchange': 'a'}),
     "inequivalent arg 'alternate-exchange' for exchange '{}' in vhost '/': "
     "received the value 'a' of type 'longstr' but current is none")], ids=str)
def test_an_exchange_declared_otherwise_is_refused(peer, connect, name, arguments, text):
    peer.call(1, 'exchange.declare', exchange=name('x'), type='direct')
    peer.send(1, 'exchange.declare', exchange=name('x'), **arguments)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - ' + text.format(name('x')), 1, 'exchange.declare')
    connect().call(1, 'exchange.delete', exchange=name('x'))


def test_reserved_exchange_names_are_refused(peer):
    peer.send(1, 'exchange.declare', exchange='amq.mine', type='direct')
    peer.expect_channel_close(403, "ACCESS_REFUSED - exchange name 'amq.mine' contains reserved prefix 'amq.*'")


def test_an_exchange_in_use_is_kept_by_delete_if_unused(peer, name):
    wires(peer, name, 'fanout', {'q': ''})
    peer.send(1, 'exchange.delete', exchange=name('x'), if_unused=True)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - exchange '{name('x')}' in vhost '/' in use")
    peer.open_channel(1)
    peer.call(1, 'exchange.delete', exchange=name('x'))
    assert reached(peer, name, ['q'], '', name('q')) == ['q']


def test_deleting_an_exchange_that_is_not_there_succeeds(peer, name):
    peer.call(1, 'exchange.delete', exchange=name('none'))
    peer.call(1, 'exchange.delete', exchange=name('none'), if_unused=True)


def test_publishing_to_a_missing_exchange_closes_the_channel(peer, name):
    peer.publish(1, name('none'), 'k', b'm')
    peer.expect_channel_close(404, f"NOT_FOUND - no exchange '{name('none')}' in vhost '/'", 1, 'basic.publish')


@pytest.mark.parametrize('source, destination', [('none', 'amq.direct'), ('amq.direct', 'none')])
def test_binding_a_missing_exchange_closes_the_channel(peer, source, destination):
    peer.send(1, 'exchange.bind', source=source, destination=destination)
    peer.expect_channel_close(404, "NOT_FOUND - no exchange 'none' in vhost '/'", 1, 'exchange.bind')


def test_topology_changes_while_messages_flow_take_hold_at_once(connect, name):
    """Whoever has the answer to a bind or an unbind sees its effect on the next publish, from any connection."""
    declarer, publishers = connect(), [connect() for _ in range(4)]
    declarer.call(1, 'exchange.declare', exchange=name('x'), type='topic', auto_delete=True)
    declarer.declare(name('q'), exclusive=True)
    declarer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key='keep')
    for publisher in publishers:
        publisher.call(1, 'confirm.select')
    for turn in range(20):
        declarer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key=f'{turn}.#')
        for publisher in publishers:
            publisher.publish(1, name('x'), f'{turn}.a', b'in', mandatory=True)
            publisher.expect('basic.ack', 1)         # and no basic.return before it
        declarer.call(1, 'queue.unbind', queue=name('q'), exchange=name('x'), routing_key=f'{turn}.#')
        for publisher in publishers:
            publisher.publish(1, name('x'), f'{turn}.a', b'out', mandatory=True)
            publisher.content(1, 'basic.return')
            publisher.expect('basic.ack', 1)
    bodies = [declarer.get(name('q')).body for _ in range(80)]
    assert bodies == [b'in'] * 80 and declarer.get(name('q')) is None


def test_many_bindings_do_not_hide_the_few_that_match(peer, name, volume):
    exchange = wires(peer, name, 'topic', {'q': 'wanted.*.here', 'all': '#.here'})
    peer.declare(name('other'), exclusive=True)
    count = volume(5000)
    for number in range(count):
        peer.send(1, 'queue.bind', queue=name('other'), exchange=exchange, routing_key=f'a.{number}.*', nowait=True)
    peer.call(1, 'basic.qos')
    assert reached(peer, name, ['q', 'all', 'other'], exchange, 'wanted.now.here') == ['all', 'q']
    assert reached(peer, name, ['q', 'all', 'other'], exchange, f'a.{count - 1}.x') == ['other']
    peer.call(1, 'queue.delete', queue=name('other'))
    assert reached(peer, name, ['q', 'all'], exchange, 'a.1.here') == ['all']
