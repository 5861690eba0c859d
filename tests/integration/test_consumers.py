"""Consumers: who gets which message, how many at a time, and what happens when one goes."""
import collections
import os
import re
import signal
import subprocess
import sys
import textwrap

import pytest

from patience import patience_with
from wire import eventually


def filled(peer, queue, bodies, **flags):
    peer.declare(queue, **(flags or dict(exclusive=True)))
    for body in bodies:
        peer.publish(1, '', queue, str(body))
    eventually(lambda: peer.declare(queue, passive=True).message_count == len(bodies))


def consume(peer, queue, channel=1, tag='', **flags):
    return peer.call(channel, 'basic.consume', queue=queue, consumer_tag=tag, **flags).consumer_tag


def bodies_of(messages):
    return [message.body.decode() for message in messages]


def test_a_consumer_gets_everything_in_order_with_rising_tags(peer, name):
    filled(peer, name('q'), range(100))
    tag = consume(peer, name('q'))
    messages = peer.contents(100)
    assert bodies_of(messages) == [str(number) for number in range(100)]
    assert [message.method.delivery_tag for message in messages] == list(range(1, 101))
    assert {(message.method.consumer_tag, message.method.exchange, message.method.routing_key,
             message.method.redelivered) for message in messages} == {(tag, '', name('q'), False)}


def test_the_server_makes_consumer_tags(peer, name):
    peer.declare(name('q'), exclusive=True)
    tags = {consume(peer, name('q')) for _ in range(20)}
    assert len(tags) == 20 and all(re.fullmatch(r'amq\.ctag-[A-Za-z0-9_-]{22}', tag) for tag in tags)


def test_a_tag_may_be_used_on_another_channel_and_again_after_cancel(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.open_channel(2)
    for channel in (1, 2):
        consume(peer, name('q'), channel, 'tag')
    assert peer.call(1, 'basic.cancel', consumer_tag='tag').consumer_tag == 'tag'
    consume(peer, name('q'), 1, 'tag')


def test_cancelling_an_unknown_tag_is_answered(peer):
    assert peer.call(1, 'basic.cancel', consumer_tag='nobody').consumer_tag == 'nobody'


def test_consumers_take_turns(connect, name):
    peer = connect()
    peer.declare(name('q'), exclusive=True)
    for tag in 'abc':
        consume(peer, name('q'), 1, tag, no_ack=True)
    for number in range(30):
        peer.publish(1, '', name('q'), str(number))
    messages = peer.contents(30)
    assert bodies_of(messages) == [str(number) for number in range(30)]
    assert collections.Counter(message.method.consumer_tag for message in messages) == dict.fromkeys('abc', 10)
    assert len({message.method.consumer_tag for message in messages[:3]}) == 3


def test_consumers_on_several_connections_share_a_queue_fairly(connect, name):
    queue, publisher, consumers = name('q'), connect(), [connect() for _ in range(5)]
    publisher.declare(queue)
    for consumer in consumers:
        consume(consumer, queue, no_ack=True)
    for number in range(500):
        publisher.publish(1, '', queue, str(number))
    shares = [consumer.contents(100) for consumer in consumers]
    assert sorted(int(body) for share in shares for body in bodies_of(share)) == list(range(500))
    for share in shares:                             # each sees the queue's order
        assert [int(body) for body in bodies_of(share)] == sorted(int(body) for body in bodies_of(share))
    publisher.call(1, 'queue.delete', queue=queue)


def test_a_consumer_without_credit_is_passed_over(peer, name):
    filled(peer, name('q'), range(10))
    peer.open_channel(2)
    peer.call(2, 'basic.qos', prefetch_count=1)
    consume(peer, name('q'), 2, 'small')
    peer.contents(1, 2)
    peer.open_channel(3)
    consume(peer, name('q'), 3, 'large')
    assert bodies_of(peer.contents(9, 3)) == [str(number) for number in range(1, 10)]


def test_prefetch_limits_each_new_consumer(peer, name):
    filled(peer, name('q'), range(10))
    peer.call(1, 'basic.qos', prefetch_count=2)
    consume(peer, name('q'), 1, 'a')
    peer.contents(2)
    peer.call(1, 'basic.qos', prefetch_count=3)      # 'a' keeps its two
    consume(peer, name('q'), 1, 'b')
    assert {message.method.consumer_tag for message in peer.contents(3)} == {'b'}
    assert peer.declare(name('q'), passive=True).message_count == 5
    peer.send(1, 'basic.ack', delivery_tag=1)
    assert peer.content().method.consumer_tag == 'a'
    peer.send(1, 'basic.ack', delivery_tag=5, multiple=True)
    assert collections.Counter(message.method.consumer_tag for message in peer.contents(4)) == {'a': 1, 'b': 3}


def test_prefetch_of_a_channel_limits_all_its_consumers_together(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.qos', prefetch_count=4, global_=True)
    consume(peer, name('q'), 1, 'a')
    consume(peer, name('q'), 1, 'b')
    for number in range(20):
        peer.publish(1, '', name('q'), str(number))
    assert {message.method.consumer_tag for message in peer.contents(4)} == {'a', 'b'}
    assert peer.declare(name('q'), passive=True).message_count == 16
    peer.send(1, 'basic.ack', delivery_tag=1)
    peer.content()
    peer.call(1, 'basic.qos', prefetch_count=6, global_=True)
    peer.contents(2)
    assert peer.declare(name('q'), passive=True).message_count == 13
    peer.call(1, 'basic.qos', prefetch_count=0, global_=True)
    peer.contents(13)


def test_both_limits_hold_at_once(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.qos', prefetch_count=3, global_=False)
    peer.call(1, 'basic.qos', prefetch_count=5, global_=True)
    consume(peer, name('q'), 1, 'a')
    consume(peer, name('q'), 1, 'b')
    for number in range(20):
        peer.publish(1, '', name('q'), str(number))
    counted = collections.Counter(message.method.consumer_tag for message in peer.contents(5))
    assert max(counted.values()) == 3
    assert peer.declare(name('q'), passive=True).message_count == 15


def test_a_limit_of_the_channel_counts_what_is_outstanding_already(peer, name):
    filled(peer, name('q'), range(10))
    consume(peer, name('q'), 1, 'a')
    peer.contents(10)
    peer.call(1, 'basic.qos', prefetch_count=9, global_=True)
    peer.publish(1, '', name('q'), b'later')
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 1)
    peer.send(1, 'basic.ack', delivery_tag=2, multiple=True)
    assert peer.content().body == b'later'


def begin(peer, queue, tag, **flags):
    """A consumer whose deliveries may come at once, without an answer among them."""
    peer.send(1, 'basic.consume', queue=queue, consumer_tag=tag, nowait=True, **flags)


def served(peer, count):
    """How many of the next deliveries each consumer gets, each acknowledged before the next one."""
    counted = collections.Counter()
    for _ in range(count):
        method = peer.content().method
        counted[method.consumer_tag] += 1
        peer.send(1, 'basic.ack', delivery_tag=method.delivery_tag)
    return counted


@pytest.mark.parametrize('limit', [1, 4])
def test_queues_whose_consumers_share_a_global_prefetch_are_all_served(peer, name, limit):
    for queue in 'ab':
        filled(peer, name(queue), range(60))
    peer.call(1, 'basic.qos', prefetch_count=limit, global_=True)
    for queue in 'ab':
        begin(peer, name(queue), queue)
    counted = served(peer, 60)
    assert min(counted['a'], counted['b']) >= 12


def test_consumers_of_a_queue_that_share_a_global_prefetch_are_all_served(peer, name):
    filled(peer, name('q'), range(20))
    peer.call(1, 'basic.qos', prefetch_count=1, global_=True)
    for tag in 'abc':
        begin(peer, name('q'), tag)
    counted = served(peer, 20)
    assert min(counted[tag] for tag in 'abc') >= 5


def test_a_global_prefetch_serves_the_consumer_of_the_higher_priority(peer, name):
    filled(peer, name('q'), range(20))
    peer.call(1, 'basic.qos', prefetch_count=1, global_=True)
    begin(peer, name('q'), 'high', arguments={'x-priority': 5})
    begin(peer, name('q'), 'low')
    assert served(peer, 20) == {'high': 20}


def test_a_no_ack_consumer_waits_while_the_global_prefetch_is_used_up(peer, name):
    filled(peer, name('held'), range(2))
    filled(peer, name('free'), range(5))
    peer.call(1, 'basic.qos', prefetch_count=2, global_=True)
    consume(peer, name('held'), 1, 'held')
    peer.contents(2)
    consume(peer, name('free'), 1, 'free', no_ack=True)
    assert peer.declare(name('free'), passive=True).message_count == 5
    peer.publish(1, '', name('free'), '5')
    eventually(lambda: peer.declare(name('free'), passive=True).message_count == 6)
    peer.send(1, 'basic.ack', delivery_tag=1)
    assert bodies_of(peer.contents(6)) == ['0', '1', '2', '3', '4', '5']
    peer.publish(1, '', name('free'), '6')           # it takes no place itself
    assert peer.content().body == b'6'


def test_places_of_a_consumer_that_goes_are_given_to_the_others(peer, name):
    for queue in 'ab':
        filled(peer, name(queue), range(10))
    peer.call(1, 'basic.qos', prefetch_count=1, global_=True)
    for queue in 'ab':
        begin(peer, name(queue), queue)
    first = peer.content().method
    for _ in range(3):
        consume(peer, name('a'), 1, 'more')
        peer.call(1, 'basic.cancel', consumer_tag='more')
    peer.call(1, 'basic.cancel', consumer_tag='a')
    peer.send(1, 'basic.ack', delivery_tag=first.delivery_tag)
    assert served(peer, 9)['b'] >= 9 - (first.consumer_tag == 'b')


def test_gets_are_not_limited_and_free_nothing(peer, name):
    filled(peer, name('q'), range(5))
    peer.call(1, 'basic.qos', prefetch_count=1)
    consume(peer, name('q'), 1, 'a')
    assert peer.content().method.delivery_tag == 1
    gotten = peer.get(name('q'), no_ack=False)
    peer.get(name('q'), no_ack=False)
    peer.send(1, 'basic.ack', delivery_tag=gotten.method.delivery_tag)
    assert peer.declare(name('q'), passive=True).message_count == 2
    peer.send(1, 'basic.ack', delivery_tag=1)
    assert peer.content().body == b'3'


def test_no_ack_consumers_are_not_limited_and_leave_nothing_behind(peer, name):
    filled(peer, name('q'), range(10))
    peer.call(1, 'basic.qos', prefetch_count=1)
    consume(peer, name('q'), 1, 'a', no_ack=True)
    peer.contents(10)
    peer.send(1, 'basic.ack', delivery_tag=1)
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - unknown delivery tag 1', 1, 'basic.ack')
    peer.open_channel(1)
    assert peer.declare(name('q'), passive=True).message_count == 0


def in_use(queue):
    return f"ACCESS_REFUSED - queue '{queue}' in vhost '/' in exclusive use"


def test_an_exclusive_consumer_tolerates_no_other(peer, name):
    peer.declare(name('q'), exclusive=True)
    consume(peer, name('q'), 1, 'a', exclusive=True)
    for flags in (dict(), dict(exclusive=True)):
        peer.open_channel(2)
        peer.send(2, 'basic.consume', queue=name('q'), **flags)
        peer.expect_channel_close(403, in_use(name('q')), 2, 'basic.consume')
    peer.call(1, 'basic.cancel', consumer_tag='a')
    consume(peer, name('q'), 1, 'b')
    peer.open_channel(2)
    peer.send(2, 'basic.consume', queue=name('q'), exclusive=True)
    peer.expect_channel_close(403, in_use(name('q')), 2, 'basic.consume')


def test_a_consumer_is_told_when_its_queue_is_deleted(connect, name):
    consumer, other = connect(), connect()
    other.declare(name('q'))
    consume(consumer, name('q'), 1, 'mine')
    other.call(1, 'queue.delete', queue=name('q'))
    cancel = consumer.expect('basic.cancel', 1)
    assert (cancel.consumer_tag, cancel.nowait) == ('mine', True)
    consumer.call(1, 'basic.cancel', consumer_tag='mine')


def test_a_consumer_without_the_capability_is_not_told(connect, name):
    consumer, other = connect(capabilities={}), connect()
    other.declare(name('q'))
    consume(consumer, name('q'), 1, 'mine')
    other.call(1, 'queue.delete', queue=name('q'))
    consumer.nothing_more()


def test_cancel_keeps_what_the_consumer_holds_and_ends_deliveries(peer, name):
    filled(peer, name('q'), range(3))
    consume(peer, name('q'), 1, 'a')
    peer.contents(3)
    peer.call(1, 'basic.cancel', consumer_tag='a')
    assert peer.declare(name('q'), passive=True).message_count == 0
    peer.publish(1, '', name('q'), b'new')
    eventually(lambda: peer.declare(name('q'), passive=True).message_count == 1)
    peer.send(1, 'basic.nack', delivery_tag=0, multiple=True, requeue=True)
    assert bodies_of(peer.get(name('q')) for _ in range(4)) == ['0', '1', '2', 'new']


def test_the_highest_priority_that_can_take_it_gets_the_message(peer, name):
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.qos', prefetch_count=1)
    for tag, priority in (('none', None), ('low', -5), ('high', 10)):
        consume(peer, name('q'), 1, tag, arguments={} if priority is None else {'x-priority': priority})
    tags = []
    for number in range(3):                          # each holds one, so each next one goes one lower
        peer.publish(1, '', name('q'), str(number))
        tags.append(peer.content().method.consumer_tag)
    assert tags == ['high', 'none', 'low']


def test_a_consumer_on_a_missing_queue_is_refused(peer, name):
    peer.send(1, 'basic.consume', queue=name('none'))
    peer.expect_channel_close(404, f"NOT_FOUND - no queue '{name('none')}' in vhost '/'", 1, 'basic.consume')


@pytest.mark.parametrize('ending', ['channel', 'connection', 'drop', 'reset', 'channel error'])
def test_a_consumers_end_puts_its_messages_back_at_their_place(connect, name, ending):
    consumer, other = connect(), connect()
    filled(other, name('q'), range(6), durable=True)
    consumer.call(1, 'basic.qos', prefetch_count=4)
    consume(consumer, name('q'))
    consumer.contents(4)
    consumer.send(1, 'basic.ack', delivery_tag=2)
    assert consumer.content().body == b'4'
    if ending == 'channel':
        consumer.call(1, 'channel.close', reply_code=200)
    elif ending == 'connection':
        consumer.close()
    elif ending == 'drop':
        consumer.drop()
    elif ending == 'reset':
        consumer.reset()
    else:
        consumer.send(1, 'basic.ack', delivery_tag=99)
    eventually(lambda: other.declare(name('q'), passive=True).message_count == 5)
    messages = [other.get(name('q')) for _ in range(5)]
    assert bodies_of(messages) == ['0', '2', '3', '4', '5']
    assert [message.method.redelivered for message in messages] == [True, True, True, True, False]
    other.call(1, 'queue.delete', queue=name('q'))


def test_kill_9_of_a_consumer_process_redelivers_to_another_at_once(broker, connect, name):
    peer = connect()
    filled(peer, name('q'), range(10), durable=True)
    child = subprocess.Popen([sys.executable, '-c', textwrap.dedent(f'''
        import pika, sys
        connection = pika.BlockingConnection(pika.URLParameters({broker.url!r}))
        channel = connection.channel()
        held = []
        def take(channel, method, properties, body):
            held.append(body)
            if len(held) == 10:
                print('holding', flush=True)
        channel.basic_consume({name('q')!r}, take)
        channel.start_consuming()
    ''')], stdout=subprocess.PIPE, text=True)
    try:
        with patience_with(child):
            assert child.stdout.readline() == 'holding\n'
        consume(peer, name('q'))
        os.kill(child.pid, signal.SIGKILL)
        messages = peer.contents(10)
        assert bodies_of(messages) == [str(number) for number in range(10)]
        assert all(message.method.redelivered for message in messages)
    finally:
        child.kill()
        child.wait()
        child.stdout.close()
    connect().call(1, 'queue.delete', queue=name('q'))


def test_a_prompt_requeue_goes_to_another_consumer_when_there_is_one(connect, name):
    one, two = connect(), connect()
    one.declare(name('q'), auto_delete=True)
    for peer in (one, two):
        peer.call(1, 'basic.qos', prefetch_count=1)
        consume(peer, name('q'))
    one.publish(1, '', name('q'), b'hot potato')
    holder, other = one, two
    message = holder.content()
    for _ in range(5):
        holder.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=True)
        holder, other = other, holder
        message = holder.content()
        assert message.method.redelivered


def test_deliveries_stop_for_a_reader_that_does_not_read_and_go_on_when_it_does(connect, name, volume):
    count, body = volume(3000), bytes(10000)
    slow, other = connect(receive_buffer=65536), connect()
    other.declare(name('q'), auto_delete=True)
    consume(slow, name('q'), no_ack=True)
    for number in range(count):
        other.publish(1, '', name('q'), body)
    other.declare(exclusive=True)                    # others are served meanwhile
    for number in range(count):
        assert slow.content().body == body


def test_direct_reply_to_answers_the_one_who_asked(connect, name):
    client, server = connect(), connect()
    server.declare(name('rpc'), exclusive=True)
    consume(client, 'amq.rabbitmq.reply-to', no_ack=True)
    client.publish(1, '', name('rpc'), b'question', {'reply_to': 'amq.rabbitmq.reply-to', 'correlation_id': '1'})
    request = eventually(lambda: server.get(name('rpc')))
    address = request.properties['reply_to']
    assert address.startswith('amq.rabbitmq.reply-to.')
    server.publish(1, '', address, b'answer', {'correlation_id': '1'})
    answer = client.content()
    assert (answer.body, answer.properties['correlation_id']) == (b'answer', '1')


def asked(connect, name):
    """A client that waits for an answer, a server, and where the server is to send the answer."""
    client, server = connect(), connect()
    server.declare(name('rpc'), exclusive=True)
    consume(client, 'amq.rabbitmq.reply-to', tag='replies', no_ack=True)
    client.publish(1, '', name('rpc'), b'question', {'reply_to': 'amq.rabbitmq.reply-to'})
    return client, server, eventually(lambda: server.get(name('rpc'))).properties['reply_to']


def test_a_mandatory_answer_to_a_requester_that_is_gone_comes_back(connect, name):
    client, server, address = asked(connect, name)
    server.call(1, 'confirm.select')
    client.call(1, 'basic.cancel', consumer_tag='replies')
    for number, key in enumerate((address, address + 'x', 'amq.rabbitmq.reply-to.nobody', 'amq.rabbitmq.reply-to.'), 1):
        server.publish(1, '', key, b'answer', mandatory=True)
        returned = server.content(name='basic.return')
        assert (returned.method.reply_code, returned.method.routing_key, returned.body) == (312, key, b'answer')
        assert server.expect('basic.ack', 1).delivery_tag == number


def test_copies_by_cc_and_bcc_reach_a_reply_consumer_once(connect, name):
    client, server, address = asked(connect, name)
    server.publish(1, '', name('nowhere'), b'cc', {'headers': {'CC': [address, address]}})
    server.publish(1, '', name('nowhere'), b'bcc', {'headers': {'BCC': [address]}})
    server.publish(1, '', address, b'both', {'headers': {'CC': [address]}})
    server.publish(1, 'amq.direct', name('nowhere'), b'not the default exchange', {'headers': {'CC': [address]}})
    server.publish(1, '', address, b'end')
    answers = client.contents(4)
    assert bodies_of(answers) == ['cc', 'bcc', 'both', 'end']
    assert [answer.method.consumer_tag for answer in answers] == ['replies'] * 4
    assert answers[0].method.routing_key == name('nowhere')


def test_dead_letters_reach_a_reply_consumer(connect, name):
    client, server, address = asked(connect, name)
    server.declare(name('q'), exclusive=True, arguments={
        'x-message-ttl': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': address})
    server.publish(1, '', name('q'), b'too late')
    answer = client.content()
    assert (answer.body, answer.properties['headers']['x-first-death-reason']) == (b'too late', ('S', 'expired'))


def test_a_reply_consumer_is_no_queue_that_others_can_use(connect, name):
    _, server, address = asked(connect, name)
    assert server.declare(address, passive=True).consumer_count == 1
    assert server.declare(address).consumer_count == 1
    server.call(1, 'queue.delete', queue=address)
    for verb, more in (('queue.purge', {}), ('queue.bind', {'exchange': 'amq.direct'}), ('basic.get', {}),
                       ('basic.consume', {})):
        server.open_channel(2)
        server.send(2, verb, queue=address, **more)
        server.expect_channel_close(404, f"NOT_FOUND - no queue '{address}' in vhost '/'", 2)
    assert server.declare(address, passive=True).consumer_count == 1


@pytest.mark.leveret
def test_answers_wait_for_a_requester_that_does_not_read(connect, name, volume):
    client, server, address = asked(connect, name)
    count, body = volume(300), os.urandom(100000)
    server.call(1, 'confirm.select')
    for _ in range(count):
        server.publish(1, '', address, body)
    assert all(answer.body == body for answer in client.contents(count))
