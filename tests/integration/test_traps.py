"""What later versions of RabbitMQ took away from clients that still count on it."""
import pytest

from wire import eventually


def consume(peer, queue, tag='c', **flags):
    peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag, **flags)


def test_a_transient_queue_need_not_be_exclusive(connect, name):
    first, second = connect(), connect()
    first.declare(name('q'))
    assert second.declare(name('q')).queue == name('q')
    second.call(1, 'queue.delete', queue=name('q'))


@pytest.mark.parametrize('kind', ['classic', pytest.param('quorum', marks=pytest.mark.leveret)])
def test_a_channel_may_have_one_limit_for_every_type_of_queue(connect, name, kind):
    peer = connect()
    peer.declare(name('q'), durable=True, arguments={'x-queue-type': kind})
    peer.call(1, 'basic.qos', prefetch_count=1, global_=True)
    consume(peer, name('q'))
    for _ in range(2):
        peer.publish(1, '', name('q'), 'x')
    peer.content()
    peer.nothing_more()
    connect().call(1, 'queue.delete', queue=name('q'))


@pytest.mark.parametrize('arguments', [{'x-queue-mode': 'lazy'}, {'x-queue-mode': 'default'}, {'x-queue-version': 1},
                                       {'x-queue-version': 2}, {'x-queue-master-locator': 'min-masters'},
                                       {'x-ha-policy': 'all'}])
def test_arguments_of_old_declarations_are_taken(peer, name, arguments):
    peer.declare(name('q'), exclusive=True, arguments=arguments)
    peer.publish(1, '', name('q'), 'x')
    eventually(lambda: peer.get(name('q')))


@pytest.mark.once
def test_a_message_may_have_more_than_sixteen_mebibytes(peer, name):
    peer.declare(name('q'), exclusive=True)
    body = bytes(17 * 1024 * 1024)
    peer.publish(1, '', name('q'), body)
    assert eventually(lambda: peer.get(name('q'))).body == body


def test_a_frame_may_be_as_small_as_the_specification_allows(connect, name):
    peer = connect(frame_max=4096)
    peer.declare(name('q'), exclusive=True)
    peer.publish(1, '', name('q'), bytes(10000))
    message = eventually(lambda: peer.get(name('q')))
    assert len(message.body) == 10000 and max(message.frame_sizes) == 4096 - 8


@pytest.mark.parametrize('kind', ['classic', 'quorum'])
def test_x_death_of_a_message_that_is_published_again_is_kept(peer, name, kind):
    """Retry counters build on it."""
    peer.declare(name('q'), durable=True, arguments={'x-queue-type': kind})
    history = {'x-death': [{'count': ('l', 3), 'reason': 'rejected', 'queue': 'w', 'exchange': '', 'routing-keys': ['w']}]}
    peer.publish(1, '', name('q'), 'x', {'headers': history})
    message = eventually(lambda: peer.get(name('q')))
    assert message.properties['headers']['x-death'][1][0][1]['count'] == ('l', 3)
    peer.call(1, 'queue.delete', queue=name('q'))


def test_a_classic_queue_never_gives_up_on_a_message(peer, name):
    peer.declare(name('q'), exclusive=True, arguments={'x-dead-letter-exchange': ''})
    peer.publish(1, '', name('q'), 'x')
    consume(peer, name('q'))
    for tag in range(1, 30):
        message = peer.content()
        assert 'headers' not in message.properties
        peer.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    assert peer.content().method.redelivered


FIRST_AND_AGAIN = [({}, {'x-queue-type': 'quorum'}), ({'x-queue-type': 'quorum'}, {}),
                   ({'x-queue-type': 'quorum'}, {'x-queue-type': 'classic'}),
                   ({'x-queue-type': 'classic'}, {'x-queue-type': 'quorum'})]


@pytest.mark.leveret
@pytest.mark.parametrize('first, again', FIRST_AND_AGAIN)
def test_a_queue_may_be_declared_again_with_another_type(peer, name, first, again):
    peer.declare(name('q'), durable=True, arguments=first)
    assert peer.declare(name('q'), durable=True, arguments=again).queue == name('q')
    peer.call(1, 'queue.delete', queue=name('q'))


@pytest.mark.leveret
def test_with_the_type_relaxed_other_arguments_are_not(peer, name):
    peer.declare(name('q'), durable=True, arguments={'x-queue-type': 'quorum', 'x-delivery-limit': 3})
    peer.send(1, 'queue.declare', queue=name('q'), durable=True, arguments={'x-delivery-limit': 4})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - inequivalent arg 'x-delivery-limit' for queue '{name('q')}' "
                                   "in vhost '/': received '4' but current is '3'")
    peer.open_channel(1)
    peer.call(1, 'queue.delete', queue=name('q'))


@pytest.fixture(scope='module')
def configured(workspace):
    """A broker whose operator has turned the options around."""
    import os

    from brokers import Leveret
    broker = Leveret(os.path.join(workspace, 'traps'))
    path = os.path.join(broker.directory, 'leveret.conf')
    with open(path, 'w') as file:
        file.write('quorum_queue.property_equivalence.relaxed_checks_on_redeclaration = false\n'
                   'qos_for_running_consumers = true\n'
                   'consumer_timeout = 1000\n')
    broker.flags += ['--config', path]
    broker.start()
    yield broker
    broker.stop()


@pytest.mark.leveret
def test_strict_about_types_is_what_rabbitmq_is(configured, connect, name):
    peer = connect(configured)
    peer.declare(name('q'), durable=True, arguments={'x-queue-type': 'quorum'})
    peer.send(1, 'queue.declare', queue=name('q'), durable=True)
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - inequivalent arg 'x-queue-type' for queue '{name('q')}' in "
                                   "vhost '/': received none but current is the value 'quorum' of type 'longstr'")


@pytest.mark.leveret
def test_basic_qos_may_reach_consumers_that_run(configured, connect, name):
    def nothing_more():
        peer.declare(name('q'), passive=True)

    peer = connect(configured)
    peer.declare(name('q'), exclusive=True)
    peer.call(1, 'basic.qos', prefetch_count=1)
    consume(peer, name('q'), 'limited')
    for _ in range(6):
        peer.publish(1, '', name('q'), 'x')
    peer.content()
    nothing_more()
    peer.send(1, 'basic.qos', prefetch_count=3)
    came = [peer.next(1).name for _ in range(7)]     # the answer, and two messages of three frames
    assert sorted(came) == sorted(['basic.qos-ok'] + 2 * ['basic.deliver', 'content-header', 'content-body'])
    peer.call(1, 'basic.qos', prefetch_count=1)
    peer.send(1, 'basic.ack', delivery_tag=2, multiple=True)
    nothing_more()
    peer.send(1, 'basic.ack', delivery_tag=3)
    assert peer.content().method.delivery_tag == 4


@pytest.mark.leveret
@pytest.mark.timing
def test_a_consumer_that_holds_a_delivery_too_long_is_cancelled_and_its_channel_lives(configured, connect, name):
    late, next_one = connect(configured), connect(configured)
    late.declare(name('q'))
    consume(late, name('q'), 'late')
    late.publish(1, '', name('q'), 'x')
    assert late.content().body == b'x'
    consume(next_one, name('q'), arguments={'x-consumer-timeout': 0})
    assert late.expect('basic.cancel', 1).consumer_tag == 'late'
    message = next_one.content()
    assert (message.body, message.method.redelivered) == (b'x', True)
    late.send(1, 'basic.ack', delivery_tag=1)
    late.nothing_more()


@pytest.mark.leveret
@pytest.mark.timing
def test_a_client_that_knows_no_cancel_loses_its_channel(configured, connect, name):
    peer = connect(configured, capabilities={})
    peer.declare(name('q'), exclusive=True)
    consume(peer, name('q'))
    peer.publish(1, '', name('q'), 'x')
    peer.content()
    peer.expect_channel_close(406, 'PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout '
                                   'value used: 1000 ms. This timeout value can be configured, see consumers doc '
                                   'guide to learn more')
    peer.open_channel(1)
    assert peer.declare(name('q'), passive=True).message_count == 1


@pytest.mark.leveret
def test_streams_are_refused_plainly(peer, name):
    peer.send(1, 'queue.declare', queue=name('q'), durable=True, arguments={'x-queue-type': 'stream'})
    peer.expect_connection_close(540, f"NOT_IMPLEMENTED - queue '{name('q')}' in vhost '/': queue type 'stream' is "
                                      "not supported")
