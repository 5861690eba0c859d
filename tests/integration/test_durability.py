"""What is durable is there after a restart, and after kill -9; what is not is gone.

Messages are not durable yet: these tests are about definitions."""
import pytest

from patience import PATIENCE_S
from wire import Peer, eventually


def define(peer):
    """One of each kind of durable thing, and a transient one beside it."""
    for kind in ('direct', 'fanout', 'topic', 'headers'):
        peer.call(1, 'exchange.declare', exchange=f'durable.{kind}', type=kind, durable=True)
    peer.call(1, 'exchange.declare', exchange='transient', type='direct')
    peer.call(1, 'exchange.declare', exchange='internal', type='fanout', durable=True, internal=True)
    peer.call(1, 'exchange.declare', exchange='auto', type='fanout', durable=True, auto_delete=True)
    peer.call(1, 'exchange.declare', exchange='alternate', type='direct', durable=True,
              arguments={'alternate-exchange': 'durable.fanout', 'x-note': [1, {'a': ('s', 2)}, b'\0\xff']})
    peer.declare('durable', durable=True, arguments={'x-max-length': ('l', 1000), 'x-note': 'ü', 'x-t': ('T', 5)})
    peer.declare('durable auto', durable=True, auto_delete=True)
    peer.declare('transient')
    peer.declare('exclusive', exclusive=True, durable=True)
    bind = [('durable', 'durable.direct', 'k', {}), ('durable', 'durable.topic', 'a.#', {}),
            ('durable', 'durable.fanout', '', {}), ('durable', 'internal', '', {}), ('durable auto', 'auto', '', {}),
            ('durable', 'durable.headers', '', {'x-match': 'any', 'a': 1, 'b': 'two', 'n': {'deep': [None, 1.5]}}),
            ('durable', 'amq.topic', 'in.amq', {}), ('transient', 'durable.direct', 'k', {}),
            ('durable', 'transient', 'k', {}), ('exclusive', 'durable.direct', 'k', {})]
    for queue, exchange, key, arguments in bind:
        peer.call(1, 'queue.bind', queue=queue, exchange=exchange, routing_key=key, arguments=arguments)
    peer.call(1, 'exchange.bind', source='durable.topic', destination='durable.fanout', routing_key='e2e.*',
              arguments={'x-why': 'because'})
    peer.call(1, 'exchange.bind', source='durable.topic', destination='transient', routing_key='#')


def check(address):
    peer = Peer(address)

    def is_missing(method, kind, **arguments):
        peer.send(1, method, passive=True, **arguments)
        close = peer.expect('channel.close', 1)
        assert close.reply_code == 404, f'{kind} {arguments} is still there: {close!r}'
        peer.send(1, 'channel.close-ok')
        peer.open_channel(1)

    def reach(exchange, key, properties=b'\0\0'):
        peer.publish(1, exchange, key, b'm', properties)
        peer.call(1, 'basic.qos')
        return bool(peer.get('durable')) and not peer.get('durable')

    # declared again as they were, so flags and arguments are the same
    for kind in ('direct', 'fanout', 'topic', 'headers'):
        peer.call(1, 'exchange.declare', exchange=f'durable.{kind}', type=kind, durable=True)
    peer.call(1, 'exchange.declare', exchange='internal', type='fanout', durable=True, internal=True)
    peer.call(1, 'exchange.declare', exchange='auto', type='fanout', durable=True, auto_delete=True)
    peer.call(1, 'exchange.declare', exchange='alternate', type='direct', durable=True,
              arguments={'alternate-exchange': 'durable.fanout'})
    peer.declare('durable', durable=True, arguments={'x-max-length': 1000})
    peer.declare('durable auto', durable=True, auto_delete=True)
    is_missing('exchange.declare', 'exchange', exchange='transient')
    is_missing('queue.declare', 'queue', queue='transient')
    is_missing('queue.declare', 'queue', queue='exclusive')
    for exchange, key, properties in (
            ('', 'durable', {}), ('durable.direct', 'k', {}), ('durable.topic', 'a.b', {}), ('durable.fanout', 'x', {}),
            ('durable.headers', '', {'headers': {'b': 'two'}}), ('amq.topic', 'in.amq', {}),
            ('durable.topic', 'e2e.x', {}), ('alternate', 'unroutable', {})):
        assert reach(exchange, key, properties), f'{exchange} {key!r} does not reach the queue'
    for exchange, key in (('durable.direct', 'other'), ('durable.topic', 'b.a'), ('durable.topic', 'e2e')):
        assert not reach(exchange, key), f'{exchange} {key!r} reaches the queue'
    peer.publish(1, 'internal', '', b'm')
    peer.expect_channel_close(403, "ACCESS_REFUSED - cannot publish to internal exchange 'internal' in vhost '/'")
    peer.close()


@pytest.mark.parametrize('ending', ['restart', 'kill -9'])
def test_durable_definitions_survive_and_others_do_not(own_broker, ending):
    own = own_broker()
    peer = Peer(own.address)
    define(peer)
    if ending == 'restart':
        own.restart()
    else:
        own.kill()                                   # at once: every declare-ok has promised
        own.start()
    check(own.address)
    own.restart()                                    # and once more, from what was just read
    check(own.address)
    peer.drop()


def test_what_was_deleted_stays_deleted(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    for queue in 'abc':
        peer.declare(queue, durable=True)
        peer.call(1, 'exchange.declare', exchange=f'x{queue}', type='direct', durable=True)
        for key in '123':
            peer.call(1, 'queue.bind', queue=queue, exchange=f'x{queue}', routing_key=key)
    peer.call(1, 'queue.delete', queue='a')
    peer.call(1, 'exchange.delete', exchange='xb')
    peer.call(1, 'queue.unbind', queue='c', exchange='xc', routing_key='2')
    own.kill()
    own.start()
    peer = Peer(own.address)
    peer.declare('b', passive=True)
    for key in '123':
        peer.publish(1, 'xc', key, key)
    peer.call(1, 'basic.qos')
    assert [peer.get('c').body for _ in range(2)] == [b'1', b'3'] and peer.get('c') is None
    for method, arguments in (('queue.declare', dict(queue='a')), ('exchange.declare', dict(exchange='xb'))):
        peer.send(1, method, passive=True, **arguments)
        assert peer.expect('channel.close', 1).reply_code == 404
        peer.send(1, 'channel.close-ok')
        peer.open_channel(1)
    peer.drop()


def test_every_answered_declare_is_there_after_kill_9_at_any_moment(own_broker):
    own = own_broker()
    for turn in range(3):
        peer, answered = Peer(own.address), []
        for number in range(300):
            peer.send(1, 'queue.declare', queue=f'{turn}.{number}', durable=True)
        for number in range(40 * turn + 1):          # some answers, then the end
            answered.append(peer.expect('queue.declare-ok', 1).queue)
        own.kill()
        own.start()
        peer = Peer(own.address)
        for queue in answered:
            peer.declare(queue, passive=True)
        peer.drop()


def test_users_vhosts_and_permissions_survive(own_broker):
    own = own_broker()
    own.ctl('add_vhost', 'shop')
    own.ctl('add_user', 'anna', 'secret')
    own.ctl('set_permissions', '-p', 'shop', 'anna', '^anna', '.*', '')
    own.ctl('add_vhost', 'gone')
    own.ctl('delete_vhost', 'gone')
    Peer(own.address, vhost='shop', user='anna', password='secret').declare('anna.q', durable=True)
    own.ctl('change_password', 'anna', 'other')
    own.kill()
    own.start()
    peer = Peer(own.address, vhost='shop', user='anna', password='other')
    peer.declare('anna.q', passive=True)
    peer.send(1, 'queue.declare', queue='other')
    assert peer.expect('channel.close', 1).reply_code == 403
    peer.drop()
    Peer(own.address, upto='start-ok', user='anna', password='secret').expect('connection.close', 0)
    refused = Peer(own.address, upto='tuned')
    refused.send(0, 'connection.open', virtual_host='gone')
    assert refused.expect('connection.close', 0).reply_code == 530
    # a vhost's queues are its own
    default = Peer(own.address)
    default.send(1, 'queue.declare', queue='anna.q', passive=True)
    assert default.expect('channel.close', 1).reply_code == 404


def test_consumers_reconnect_to_a_restarted_broker_and_go_on(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    peer.declare('q', durable=True)
    peer.call(1, 'basic.consume', queue='q')
    own.restart()
    peer = Peer(own.address)
    assert peer.declare('q', durable=True).consumer_count == 0
    peer.call(1, 'basic.consume', queue='q')
    Peer(own.address).publish(1, '', 'q', b'after')
    assert peer.content().body == b'after'
    peer.drop()


@pytest.mark.leveret
def test_two_brokers_do_not_share_a_data_directory(own_broker):
    own, second = own_broker(), own_broker(start=False)
    second.data = own.data
    second.start(wait=False)
    assert second.child.wait(PATIENCE_S) != 0
    second.child = None
    eventually(own.answers)
