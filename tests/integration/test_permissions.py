"""Who may do what: users, vhosts and patterns, set by the operator's command line."""
import pytest

from brokers import Rabbit
from wire import Peer, eventually


@pytest.fixture(scope='module')
def shop(broker):
    """A vhost with users of different rights: {name: (configure, write, read)}."""
    users = {'all': ('.*', '.*', '.*'), 'mine': ('^mine', '^(mine|shared)', '^(mine|shared|amq.direct)'),
             'none': ('', '', ''), 'reader': ('', '', '.*'), 'writer': ('', '.*', ''), 'maker': ('.*', '', '')}
    broker.ctl('add_vhost', 'shop')
    for user, patterns in users.items():
        broker.ctl('add_user', user, 'secret')
        broker.ctl('set_permissions', '-p', 'shop', user, *patterns)
    broker.ctl('add_user', 'stranger', 'secret')
    with Peer(broker.address, vhost='shop', user='all', password='secret') as peer:
        for queue in ('shared', 'theirs'):
            peer.declare(queue, durable=True)
        peer.call(1, 'exchange.declare', exchange='theirs', type='direct', durable=True)
        peer.call(1, 'exchange.declare', exchange='shared', type='direct', durable=True)
    yield broker
    for user in list(users) + ['stranger']:
        broker.ctl('delete_user', user)
    broker.ctl('delete_vhost', 'shop')


@pytest.fixture
def enter(shop, connect):
    return lambda user, **how: connect(vhost='shop', user=user, password='secret', **how)


def test_a_user_without_permissions_may_not_enter_a_vhost(enter, connect):
    peer = enter('stranger', upto='tuned')
    peer.send(0, 'connection.open', virtual_host='shop')
    peer.expect_connection_close(530, "NOT_ALLOWED - access to vhost 'shop' refused for user 'stranger'", 'connection.open')


def test_a_user_with_empty_permissions_may_enter_and_do_nothing(enter):
    peer = enter('none')
    peer.send(1, 'queue.declare', queue='q')
    peer.expect_channel_close(403, "ACCESS_REFUSED - access to queue 'q' in vhost 'shop' refused for user 'none'")


@pytest.mark.parametrize('user, method, arguments, what', [
    ('mine', 'queue.declare', dict(queue='theirs', durable=True), "queue 'theirs'"),
    ('mine', 'queue.declare', dict(queue='new'), "queue 'new'"),
    ('mine', 'queue.delete', dict(queue='theirs'), "queue 'theirs'"),
    ('mine', 'exchange.declare', dict(exchange='new', type='direct'), "exchange 'new'"),
    ('mine', 'exchange.delete', dict(exchange='theirs'), "exchange 'theirs'"),
    ('mine', 'queue.bind', dict(queue='theirs', exchange='shared'), "queue 'theirs'"),
    ('mine', 'queue.bind', dict(queue='shared', exchange='theirs'), "exchange 'theirs'"),
    ('mine', 'queue.unbind', dict(queue='shared', exchange='theirs'), "exchange 'theirs'"),
    ('mine', 'exchange.bind', dict(destination='theirs', source='shared'), "exchange 'theirs'"),
    ('mine', 'exchange.bind', dict(destination='shared', source='theirs'), "exchange 'theirs'"),
    ('mine', 'basic.consume', dict(queue='theirs'), "queue 'theirs'"),
    ('mine', 'basic.get', dict(queue='theirs'), "queue 'theirs'"),
    ('mine', 'queue.purge', dict(queue='theirs'), "queue 'theirs'"),
    ('writer', 'basic.get', dict(queue='shared'), "queue 'shared'"),
    ('writer', 'queue.declare', dict(queue='shared', durable=True), "queue 'shared'"),
    ('maker', 'basic.consume', dict(queue='shared'), "queue 'shared'"),
    ('maker', 'queue.bind', dict(queue='shared', exchange='shared'), "queue 'shared'"),
], ids=lambda value: str(value)[:40])
def test_what_a_pattern_does_not_match_is_refused(enter, user, method, arguments, what):
    peer = enter(user)
    peer.send(1, method, **arguments)
    peer.expect_channel_close(403, f"ACCESS_REFUSED - access to {what} in vhost 'shop' refused for user '{user}'", 1, method)


@pytest.mark.parametrize('exchange, called', [('theirs', 'theirs'), ('', 'amq.default'), ('amq.direct', 'amq.direct')])
def test_publishing_needs_write_on_the_exchange(enter, exchange, called):
    peer = enter('reader')
    peer.publish(1, exchange, 'k', b'm')
    peer.expect_channel_close(403, f"ACCESS_REFUSED - access to exchange '{called}' in vhost 'shop' "
                                   "refused for user 'reader'", 1, 'basic.publish')


def test_what_the_patterns_match_is_allowed(enter):
    peer = enter('mine')
    peer.declare('mine.q', exclusive=True)
    peer.call(1, 'exchange.declare', exchange='mine.x', type='direct', auto_delete=True)
    peer.call(1, 'queue.bind', queue='mine.q', exchange='mine.x', routing_key='k')
    peer.call(1, 'queue.bind', queue='mine.q', exchange='amq.direct', routing_key='k')
    peer.call(1, 'exchange.bind', destination='mine.x', source='shared', routing_key='k')
    peer.publish(1, 'mine.x', 'k', b'm')
    assert eventually(lambda: peer.get('mine.q')).body == b'm'
    peer.call(1, 'queue.purge', queue='mine.q')
    peer.call(1, 'queue.delete', queue='mine.q')


def test_passive_declare_needs_no_permission(enter):
    peer = enter('none')
    peer.declare('theirs', passive=True)
    peer.call(1, 'exchange.declare', exchange='theirs', passive=True)


def test_an_alternate_exchange_needs_read_on_the_new_and_write_on_the_other(enter):
    peer = enter('mine')
    peer.call(1, 'exchange.declare', exchange='mine.ae', type='direct', auto_delete=True,
              arguments={'alternate-exchange': 'shared'})
    peer.send(1, 'exchange.declare', exchange='mine.ae2', type='direct', arguments={'alternate-exchange': 'theirs'})
    peer.expect_channel_close(403, "ACCESS_REFUSED - access to exchange 'theirs' in vhost 'shop' refused for user 'mine'")


def test_a_change_takes_hold_on_open_channels(shop, enter):
    peer = enter('maker')
    shop.ctl('set_permissions', '-p', 'shop', 'maker', '.*', '.*', '.*')
    try:
        def allowed():
            if peer.channel_is_closed:
                peer.open_channel(1)
            peer.send(1, 'basic.get', queue='shared', no_ack=True)
            answer = peer.content(1, ('basic.get-ok', 'basic.get-empty', 'channel.close'))
            peer.channel_is_closed = answer.name == 'channel.close'
            if peer.channel_is_closed:
                peer.send(1, 'channel.close-ok')
            return not peer.channel_is_closed
        peer.channel_is_closed = False
        eventually(allowed)
    finally:
        shop.ctl('set_permissions', '-p', 'shop', 'maker', '.*', '', '')


def test_vhosts_keep_their_queues_apart(enter, connect, name):
    inside, outside = enter('all'), connect()
    inside.declare(name('q'), exclusive=True)
    outside.declare(name('q'), exclusive=True)
    inside.publish(1, '', name('q'), b'inside')
    outside.publish(1, '', name('q'), b'outside')
    assert eventually(lambda: inside.get(name('q'))).body == b'inside'
    assert eventually(lambda: outside.get(name('q'))).body == b'outside'
    inside.publish(1, 'theirs', 'k', b'm')
    inside.call(1, 'basic.qos')


def test_a_deleted_user_cannot_come_back(broker, connect, name):
    user = name('u').replace('.', '')
    broker.ctl('add_user', user, 'secret')
    broker.ctl('set_permissions', user, '.*', '.*', '.*')
    connect(user=user, password='secret').close()
    broker.ctl('change_password', user, 'other')
    connect(user=user, password='other').close()
    connect(user=user, password='secret', upto='start-ok').expect('connection.close', 0)
    broker.ctl('delete_user', user)
    connect(user=user, password='other', upto='start-ok').expect('connection.close', 0)


def test_deleting_a_vhost_closes_its_connections(broker, connect, name):
    broker.ctl('add_vhost', name('v'))
    broker.ctl('set_permissions', '-p', name('v'), 'guest', '.*', '.*', '.*')
    peer = connect(vhost=name('v'))
    peer.declare('q', durable=True)
    broker.ctl('delete_vhost', name('v'))
    close = peer.expect('connection.close', 0)
    assert close.reply_code == 320 or isinstance(broker, Rabbit), close
    refused = connect(upto='tuned')
    refused.send(0, 'connection.open', virtual_host=name('v'))
    refused.expect_connection_close(530, f"NOT_ALLOWED - vhost {name('v')} not found")
