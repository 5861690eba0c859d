"""Consumers that the broker cancels: their user may read no more, or they hold a delivery for too long."""
import json

import pytest

from wire import eventually

pytestmark = pytest.mark.leveret


def consume(peer, queue, tag='c', **flags):
    peer.call(1, 'basic.consume', queue=queue, consumer_tag=tag, **flags)


@pytest.fixture
def reader(broker, connect, name):
    """Makes connections of a user who may read; the user is deleted at the end."""
    user = name('user')
    broker.ctl('add_user', user, 'secret')
    broker.ctl('set_permissions', user, '', '.*', '.*')
    yield lambda **how: (connect(user=user, password='secret', **how), user)
    broker.ctl('delete_user', user)


@pytest.mark.parametrize('change', [('set_permissions', '', '', 'other'), ('clear_permissions',)])
def test_consumers_go_with_the_permission_to_read(broker, connect, reader, name, change):
    (peer, user), owner = reader(), connect()
    owner.declare(name('q'))
    owner.declare(name('other'))
    consume(peer, name('q'), 'q')
    for _ in range(2):
        owner.publish(1, '', name('q'), 'held')
    peer.contents(2)
    other = change[-1] == 'other'
    if other:
        consume(peer, name('other'), 'other')
        change = (*change[:-1], name('other').replace('.', '[.]'))
    broker.ctl(change[0], user, *change[1:])
    assert peer.expect('basic.cancel', 1).consumer_tag == 'q'
    owner.publish(1, '', name('q'), 'not for it')
    eventually(lambda: owner.declare(name('q'), passive=True).message_count == 1)
    assert owner.declare(name('q'), passive=True).consumer_count == 0
    peer.send(1, 'basic.ack', delivery_tag=1)        # what it holds is still its own
    peer.send(1, 'basic.nack', delivery_tag=2, requeue=True)
    eventually(lambda: owner.declare(name('q'), passive=True).message_count == 2)
    if other:
        owner.publish(1, '', name('other'), 'still')
        assert peer.content().body == b'still'


def test_one_that_cannot_be_told_just_gets_nothing_more(broker, connect, reader, name):
    (peer, user), owner = reader(capabilities={}), connect()
    owner.declare(name('q'))
    consume(peer, name('q'))
    broker.ctl('clear_permissions', user)
    assert owner.declare(name('q'), passive=True).consumer_count == 0
    peer.nothing_more()


@pytest.mark.timing
def test_a_policy_sets_a_timeout_for_what_is_held_already(broker, connect, name):
    late, patient = connect(), connect()
    late.declare(name('q'))
    consume(late, name('q'), 'late')
    late.publish(1, '', name('q'), 'x')
    late.content()
    consume(patient, name('q'), arguments={'x-consumer-timeout': 100000})
    broker.ctl('set_policy', name('p'), '^' + name('q').replace('.', '[.]') + '$', json.dumps({'consumer-timeout': 300}))
    assert late.expect('basic.cancel', 1).consumer_tag == 'late'
    assert patient.content().method.redelivered
    broker.ctl('clear_policy', name('p'))


@pytest.mark.timing
def test_a_single_active_consumer_that_holds_a_delivery_too_long_gives_way(connect, name):
    peers = [connect(), connect()]
    peers[0].declare(name('q'), arguments={'x-single-active-consumer': True, 'x-consumer-timeout': 300})
    for peer in peers:
        consume(peer, name('q'))
    for number in range(3):
        peers[0].publish(1, '', name('q'), str(number))
    assert [message.body for message in peers[0].contents(3)] == [b'0', b'1', b'2']
    peers[0].expect('basic.cancel', 1)
    messages = peers[1].contents(3)
    assert [(message.body, message.method.redelivered) for message in messages] == [(b'0', True), (b'1', True),
                                                                                   (b'2', True)]
    peers[1].send(1, 'basic.ack', multiple=True)
