"""Queues: names, flags, equivalence, locks, counts and how they go."""
import re

import pytest

from wire import eventually

NOT_PERMITTED = ("RESOURCE_LOCKED - cannot obtain exclusive access to locked queue '{}' in vhost '/'. It could be "
                 "originally declared on another connection or the exclusive property value does not match that of "
                 "the original declaration.")


def missing(queue):
    return f"NOT_FOUND - no queue '{queue}' in vhost '/'"


def is_gone(peer, queue):
    peer.send(1, 'queue.declare', queue=queue, passive=True)
    peer.expect_channel_close(404, missing(queue), 1, 'queue.declare')
    peer.open_channel(1)


def test_the_server_names_queues(peer):
    names = {peer.declare(exclusive=True).queue for _ in range(50)}
    assert len(names) == 50
    assert all(re.fullmatch(r'amq\.gen-[A-Za-z0-9_-]{22}', one) for one in names)


@pytest.mark.parametrize('flags', [dict(), dict(durable=True), dict(auto_delete=True), dict(durable=True, auto_delete=True),
                                   dict(exclusive=True), dict(exclusive=True, durable=True, auto_delete=True)], ids=str)
def test_a_queue_with_these_flags_can_be_declared_again_and_deleted(peer, name, flags):
    for _ in range(2):
        answer = peer.declare(name('q'), **flags)
        assert (answer.queue, answer.message_count, answer.consumer_count) == (name('q'), 0, 0)
    peer.declare(name('q'), passive=True)
    assert peer.call(1, 'queue.delete', queue=name('q')).message_count == 0
    is_gone(peer, name('q'))


def test_line_ends_are_dropped_from_names(peer, name):
    assert peer.declare(name('q\r\nu\neue'), exclusive=True).queue == name('queue')
    peer.declare(name('queue'), passive=True)


def test_names_are_utf8_and_up_to_255_octets(peer, name):
    for queue in (name('größe-兎'), name('n' * 255)[:255]):
        assert peer.declare(queue, exclusive=True).queue == queue


@pytest.mark.parametrize('flags', [dict(), dict(exclusive=True), dict(durable=True)], ids=str)
def test_reserved_names_are_refused(peer, flags):
    peer.send(1, 'queue.declare', queue='amq.mine', **flags)
    peer.expect_channel_close(403, "ACCESS_REFUSED - queue name 'amq.mine' contains reserved prefix 'amq.*'")


def test_passive_declare_ignores_flags_and_arguments(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.declare(name('q'), passive=True, durable=True, auto_delete=True, arguments={'x-max-length': 'nonsense'})


@pytest.mark.parametrize('first, second, text', [
    (dict(), dict(durable=True), "'durable' for queue '{}' in vhost '/': received 'true' but current is 'false'"),
    (dict(durable=True), dict(), "'durable' for queue '{}' in vhost '/': received 'false' but current is 'true'"),
    (dict(), dict(auto_delete=True), "'auto_delete' for queue '{}' in vhost '/': received 'true' but current is 'false'"),
    (dict(), dict(arguments={'x-max-length': 5}), "'x-max-length' for queue '{}' in vhost '/': received the value '5' of "
                                                  "type 'signedint' but current is none"),
    (dict(arguments={'x-max-length': 10}), dict(arguments={'x-max-length': 11}),
     "'x-max-length' for queue '{}' in vhost '/': received '11' but current is '10'"),
    (dict(arguments={'x-message-ttl': ('s', 1000)}), dict(),
     "'x-message-ttl' for queue '{}' in vhost '/': received none but current is the value '1000' of type 'short'"),
], ids=str)
def test_a_queue_declared_otherwise_is_refused(peer, connect, name, first, second, text):
    peer.declare(name('q'), **first)
    peer.send(1, 'queue.declare', queue=name('q'), **second)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - inequivalent arg ' + text.format(name('q')))
    connect().call(1, 'queue.delete', queue=name('q'))


def test_integers_of_any_width_are_the_same_argument(peer, name):
    for kind in 'bsIlBui':
        peer.declare(name('q'), exclusive=True, arguments={'x-max-length': (kind, 10)})


def test_arguments_nobody_knows_are_taken_and_not_compared(peer, name):
    peer.declare(name('q'), exclusive=True, arguments={'x-colour': 'blue', 'n': [1, {'a': None}]})
    peer.declare(name('q'), exclusive=True)


@pytest.mark.parametrize('arguments, text', [
    ({'x-message-ttl': 'soon'}, "'x-message-ttl' for queue '{}' in vhost '/': \"expected integer, got longstr\""),
    ({'x-message-ttl': -1}, "'x-message-ttl' for queue '{}' in vhost '/': {{value_negative,-1}}"),
    ({'x-expires': 0}, "'x-expires' for queue '{}' in vhost '/': {{value_zero,0}}"),
    ({'x-max-length': -1}, "'x-max-length' for queue '{}' in vhost '/': {{value_negative,-1}}"),
    ({'x-max-priority': 256}, "'x-max-priority' for queue '{}' in vhost '/': {{max_value_exceeded,256}}"),
    ({'x-overflow': 'odd'}, "'x-overflow' for queue '{}' in vhost '/': invalid_overflow"),
    ({'x-queue-type': 'odd'}, "'x-queue-type' for queue '{}' in vhost '/': \"unsupported queue type 'odd'\""),
    ({'x-dead-letter-routing-key': 'k'},
     "'x-dead-letter-routing-key' for queue '{}' in vhost '/': routing_key_but_no_dlx_defined"),
], ids=str)
def test_an_argument_out_of_range_is_refused(peer, name, arguments, text):
    peer.send(1, 'queue.declare', queue=name('q'), exclusive=True, arguments=arguments)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - invalid arg ' + text.format(name('q')))


def test_the_empty_name_is_the_queue_last_declared_on_the_channel(peer, name):
    peer.declare(name('first'), exclusive=True)
    peer.declare(name('second'), exclusive=True)
    peer.call(1, 'exchange.declare', exchange=name('x'), type='direct', auto_delete=True)
    peer.call(1, 'queue.bind', exchange=name('x'))             # and its name is the key
    peer.publish(1, name('x'), name('second'), b'hello')
    assert peer.get('').body == b'hello'
    tag = peer.call(1, 'basic.consume').consumer_tag
    assert peer.declare(name('second'), passive=True).consumer_count == 1
    peer.call(1, 'basic.cancel', consumer_tag=tag)
    peer.call(1, 'queue.purge')
    peer.call(1, 'queue.delete')
    peer.declare(name('first'), passive=True)
    is_gone(peer, name('second'))


@pytest.mark.parametrize('method, arguments', [
    ('queue.bind', dict(exchange='amq.direct')), ('queue.purge', {}), ('queue.delete', {}), ('basic.get', {}),
    ('basic.consume', {}), ('queue.unbind', dict(exchange='amq.direct'))])
def test_the_empty_name_means_nothing_on_a_fresh_channel(peer, method, arguments):
    peer.send(1, method, **arguments)
    peer.expect_channel_close(404, 'NOT_FOUND - no previously declared queue', 1, method)


@pytest.mark.parametrize('method, arguments', [
    ('queue.bind', dict(exchange='amq.direct')), ('queue.purge', {}), ('basic.get', {}), ('basic.consume', {}),
    ('queue.declare', dict(passive=True))])
def test_a_missing_queue_closes_the_channel(peer, name, method, arguments):
    peer.send(1, method, queue=name('none'), **arguments)
    peer.expect_channel_close(404, missing(name('none')), 1, method)


def test_deleting_a_missing_queue_succeeds(peer, name):
    assert peer.call(1, 'queue.delete', queue=name('none')).message_count == 0


@pytest.mark.parametrize('method, arguments', [
    ('queue.declare', dict(exclusive=True)), ('queue.declare', dict()), ('queue.declare', dict(passive=True)),
    ('queue.bind', dict(exchange='amq.direct')), ('basic.consume', dict()), ('basic.get', dict()), ('queue.purge', dict()),
    ('queue.delete', dict())], ids=str)
def test_an_exclusive_queue_is_locked_to_its_connection(connect, name, method, arguments):
    owner, other = connect(), connect()
    owner.declare(name('q'), exclusive=True)
    other.send(1, method, queue=name('q'), **arguments)
    other.expect_channel_close(405, NOT_PERMITTED.format(name('q')), 1, method)


def test_declaring_a_plain_queue_again_as_exclusive_is_a_lock_too(peer, name):
    peer.declare(name('q'), auto_delete=True)
    peer.send(1, 'queue.declare', queue=name('q'), auto_delete=True, exclusive=True)
    peer.expect_channel_close(405, NOT_PERMITTED.format(name('q')))
    peer.open_channel(1)
    peer.call(1, 'queue.delete', queue=name('q'))


def test_an_exclusive_queue_serves_all_channels_of_its_connection(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.open_channel(2)
    peer.publish(2, '', name('q'), b'm')
    assert peer.get(name('q'), channel=2).body == b'm'


def test_an_exclusive_queue_is_gone_before_its_owner_can_see_it_again(connect, name):
    for _ in range(20):
        owner = connect()
        owner.declare(name('q'), exclusive=True)
        owner.close()
        is_gone(connect(), name('q'))


def test_an_exclusive_queue_goes_with_a_connection_that_was_reset(connect, name):
    owner, other = connect(), connect()
    owner.declare(name('q'), exclusive=True)
    owner.reset()

    def gone():
        other.send(1, 'queue.declare', queue=name('q'), passive=True)
        close = other.expect('channel.close', 1)     # 405 while it is still there, 404 then
        other.send(1, 'channel.close-ok')
        other.open_channel(1)
        return close.reply_code == 404
    eventually(gone)


@pytest.mark.parametrize('ending', ['cancel', 'channel', 'connection'])
def test_an_auto_delete_queue_goes_with_its_last_consumer(connect, name, ending):
    peer, watcher = connect(), connect()
    peer.declare(name('q'), auto_delete=True)
    peer.open_channel(2)
    for tag in ('one', 'two'):
        peer.call(2, 'basic.consume', queue=name('q'), consumer_tag=tag)
    peer.call(2, 'basic.cancel', consumer_tag='one')
    assert watcher.declare(name('q'), passive=True).consumer_count == 1
    if ending == 'cancel':
        peer.call(2, 'basic.cancel', consumer_tag='two')
    elif ending == 'channel':
        peer.call(2, 'channel.close', reply_code=200)
    else:
        peer.close()
    is_gone(watcher, name('q'))


def test_an_auto_delete_queue_without_consumers_stays(connect, name):
    connect().declare(name('q'), auto_delete=True)
    peer = connect()
    peer.declare(name('q'), passive=True)
    peer.call(1, 'queue.delete', queue=name('q'))


def test_counts_are_exact_at_once(peer, name):
    queue = name('q')
    peer.call(1, 'confirm.select')
    peer.declare(queue, exclusive=True)
    for number in range(10):
        peer.publish(1, '', queue, b'm')
        peer.expect('basic.ack', 1)
        assert peer.declare(queue, exclusive=True).message_count == number + 1
    assert peer.get(queue, no_ack=False).method.message_count == 9
    assert peer.declare(queue, passive=True).message_count == 9
    assert peer.call(1, 'queue.purge', queue=queue).message_count == 9
    assert peer.declare(queue, passive=True).message_count == 0
    for tag in 'abc':
        peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag)
    assert peer.declare(queue, passive=True).consumer_count == 3
    peer.call(1, 'basic.cancel', consumer_tag='b')
    assert peer.declare(queue, passive=True).consumer_count == 2
    assert peer.call(1, 'queue.delete', queue=queue).message_count == 0


@pytest.mark.leveret                               # RabbitMQ answers from a moment before
def test_publishes_are_counted_by_a_later_declare_on_the_same_channel(peer, name):
    peer.declare(name('q'), exclusive=True)
    for number in range(1, 200):
        peer.publish(1, '', name('q'), b'm')
        assert peer.declare(name('q'), passive=True).message_count == number


def test_purge_leaves_what_is_unacknowledged(peer, name):
    queue = name('q')
    peer.declare(queue, exclusive=True)
    for body in (b'held', b'ready', b'ready'):
        peer.publish(1, '', queue, body)
    held = peer.get(queue, no_ack=False)
    assert peer.call(1, 'queue.purge', queue=queue).message_count == 2
    peer.send(1, 'basic.reject', delivery_tag=held.method.delivery_tag, requeue=True)
    assert peer.get(queue).body == b'held'


def test_delete_if_empty_and_if_unused_keep_what_is_not(peer, name):
    queue = name('q')
    peer.declare(queue)
    peer.publish(1, '', queue, b'm')
    peer.send(1, 'queue.delete', queue=queue, if_empty=True)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' not empty", 1, 'queue.delete')
    peer.open_channel(1)
    peer.call(1, 'basic.consume', queue=queue, consumer_tag='c', no_ack=True)
    peer.content(1)
    peer.send(1, 'queue.delete', queue=queue, if_unused=True)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - queue '{queue}' in vhost '/' in use", 1, 'queue.delete')
    peer.open_channel(1)
    peer.call(1, 'queue.delete', queue=queue, if_unused=True, if_empty=True)


def test_a_deleted_queue_takes_its_bindings_along(peer, name):
    peer.declare(name('q'))
    peer.call(1, 'queue.bind', queue=name('q'), exchange='amq.direct', routing_key=name('k'))
    peer.call(1, 'queue.delete', queue=name('q'))
    peer.publish(1, 'amq.direct', name('k'), b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.reply_code == 312
    peer.declare(name('q'), exclusive=True)
    peer.publish(1, 'amq.direct', name('k'), b'm', mandatory=True)
    assert peer.content(1, 'basic.return').method.reply_code == 312


def test_nowait_forms_answer_nothing_and_do_their_work(peer, name):
    peer.send(1, 'exchange.declare', exchange=name('x'), type='fanout', nowait=True)
    peer.send(1, 'queue.declare', queue=name('q'), exclusive=True, nowait=True)
    peer.send(1, 'queue.bind', queue=name('q'), exchange=name('x'), nowait=True)
    peer.publish(1, name('x'), '', b'one')
    assert peer.get(name('q')).body == b'one'
    peer.publish(1, name('x'), '', b'two')
    peer.send(1, 'queue.purge', queue=name('q'), nowait=True)
    assert peer.get(name('q')) is None
    peer.send(1, 'basic.consume', queue=name('q'), consumer_tag='c', nowait=True)
    assert peer.declare(name('q'), passive=True).consumer_count == 1
    peer.send(1, 'basic.cancel', consumer_tag='c', nowait=True)
    assert peer.declare(name('q'), passive=True).consumer_count == 0
    peer.send(1, 'queue.delete', queue=name('q'), nowait=True)
    peer.send(1, 'exchange.delete', exchange=name('x'), nowait=True)
    peer.send(1, 'confirm.select', nowait=True)
    is_gone(peer, name('q'))


def test_a_failing_nowait_request_closes_the_channel_all_the_same(peer, name):
    peer.send(1, 'queue.purge', queue=name('none'), nowait=True)
    peer.expect_channel_close(404, missing(name('none')), 1, 'queue.purge')


def test_thousands_of_queues_come_and_go(connect, name, volume):
    peer, count = connect(), volume(3000)
    for number in range(count):
        peer.send(1, 'queue.declare', queue=name(number), exclusive=True)
    for number in range(count):
        assert peer.expect('queue.declare-ok', 1).queue == name(number)
    peer.close()
    other = connect()
    for number in (0, count // 2, count - 1):
        is_gone(other, name(number))
