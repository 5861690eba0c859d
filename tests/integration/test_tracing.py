"""The firehose and the event exchange, side by side with RabbitMQ's, and explain_route."""
import json
import re

import pytest

from wire import CAPABILITIES, Peer, eventually, show

FULL = {'content_type': 'text/plain', 'content_encoding': 'utf8', 'headers': {'h': 1, 't': {'u': True}},
        'delivery_mode': 2, 'priority': 3, 'correlation_id': 'c', 'reply_to': 'rt', 'expiration': '60000',
        'message_id': 'mid', 'timestamp': 12345, 'type': 'ty', 'user_id': 'guest', 'app_id': 'app', 'cluster_id': 'cl'}

# What names a broker, a connection or a moment, and what both sides show in its place.
MASKS = [(r'<[^ >]+@[^ >]+>', 'PID'), (r"\b[\w.]+@[\w-]+", 'NODE'), (r'127\.0\.0\.1:\d+', 'ADDRESS'),
         (r'\b(timestamp_in_ms|connected_at|peer_port|port): l \d+', r'\1: N'),
         (r'(delivery_mode: 2, timestamp): \d+', r'\1: N')]


def masked(text):
    for pattern, instead in MASKS:
        text = re.sub(pattern, instead, text)
    return text


def take(peer, queue):
    """The next message of a queue, as (key, line), or None."""
    method = peer.call(1, 'basic.get', queue=queue, no_ack=True)
    if method.name == 'basic.get-empty':
        return None
    header = peer.next()
    body = b''
    while len(body) < header.size:
        body += peer.next().payload
    return method.routing_key, f'{method.exchange} {method.routing_key} {show(header.properties)} {body!r}'


def take_until(peer, queue, is_enough):
    found = []

    def look():
        while (message := take(peer, queue)) is not None:
            found.append(message)
        return is_enough(found)
    eventually(look)
    return found


# --- the firehose ---------------------------------------------------------------------------------

@pytest.fixture
def vhost(name):
    """Makes a vhost of this name on a broker and deletes it at the end."""
    made = []

    def make(broker):
        broker.ctl('add_vhost', name('v'))
        broker.ctl('set_permissions', '-p', name('v'), 'guest', '.*', '.*', '.*')
        made.append(broker)
        return name('v')
    yield make
    for broker in made:
        broker.ctl('delete_vhost', name('v'))


def watch(broker, vhost, exchange='amq.rabbitmq.trace', key='#'):
    peer = Peer(broker.address, vhost=vhost)
    peer.declare('watch')
    peer.call(1, 'queue.bind', queue='watch', exchange=exchange, routing_key=key)
    return peer


def talk_under_the_hose(broker, vhost):
    """What the firehose shows of one conversation, message by message."""
    watcher, peer, shown = watch(broker, vhost), Peer(broker.address, vhost=vhost), []

    def see(title, count):
        found = take_until(watcher, 'watch', lambda found: len(found) >= count)
        shown.append((title, [masked(line) for _, line in found]))

    peer.declare('q')
    peer.call(1, 'exchange.declare', exchange='x', type='topic')
    peer.call(1, 'queue.bind', queue='q', exchange='x', routing_key='a.#')
    peer.publish(1, '', 'q', b'before it is on')
    assert eventually(lambda: peer.declare('q', passive=True).message_count == 1)
    peer.call(1, 'queue.purge', queue='q')
    broker.ctl('trace_on', '-p', vhost)
    peer.publish(1, '', 'q', b'one')
    assert peer.get('q').body == b'one'
    see('published and got', 2)
    peer.publish(1, 'x', 'a.b', b'two', FULL)
    peer.call(1, 'basic.consume', queue='q', consumer_tag='c')
    tag = peer.content().method.delivery_tag
    see('all properties, delivered', 2)
    peer.send(1, 'basic.nack', delivery_tag=tag, requeue=True)
    peer.send(1, 'basic.ack', delivery_tag=peer.content().method.delivery_tag)
    see('redelivered', 1)
    peer.publish(1, 'x', 'a.b', b'cc', {'headers': {'CC': ['q', 'k'], 'z': 1}})
    peer.content()
    see('CC', 2)
    peer.publish(1, 'amq.direct', 'nowhere', b'', mandatory=True)
    peer.content(name='basic.return')
    see('returned, without a body', 1)
    peer.publish(1, 'x', 'a.b', b'z' * 200000)
    peer.content()
    see('in several frames', 2)
    peer.call(1, 'basic.cancel', consumer_tag='c')
    peer.open_channel(2)
    peer.call(2, 'tx.select')
    peer.publish(2, '', 'q', b'tx')
    see('in a transaction, before its end', 1)
    peer.call(2, 'tx.rollback')
    peer.open_channel(3)
    peer.call(3, 'confirm.select')
    peer.publish(3, '', 'q', b'confirmed')
    peer.expect('basic.ack', 3)
    peer.call(3, 'basic.consume', queue='amq.rabbitmq.reply-to', no_ack=True, consumer_tag='r')
    see('confirmed', 1)
    watcher.call(1, 'basic.consume', queue='watch', no_ack=True, consumer_tag='w')
    peer.publish(1, '', 'q', b'watched by a consumer')
    watched = watcher.content()
    shown.append(('to a consumer', [masked(f'{watched.method} {show(watched.properties)} {watched.body}')]))
    watcher.call(1, 'basic.cancel', consumer_tag='w')
    broker.ctl('trace_off', '-p', vhost)
    peer.publish(3, '', 'q', b'off')
    peer.expect('basic.ack', 3)
    see('off', 0)
    peer.drop()
    watcher.drop()
    return shown


@pytest.mark.once
def test_the_firehose_shows_what_rabbitmqs_shows(broker, rabbit, vhost):
    theirs, ours = (talk_under_the_hose(one, vhost(one)) for one in (rabbit, broker))
    for their, our in zip(theirs, ours):
        assert our == their, f'\nRabbitMQ: {their}\nLeveret:  {our}'
    assert len(theirs) == len(ours)


def test_the_firehose_shows_each_message_once_published_and_once_for_each_delivery(broker, vhost, connect):
    """Publishers, queues and consumers on different loops."""
    where = vhost(broker)
    watcher = watch(broker, where)
    peers = [connect(vhost=where) for _ in range(4)]
    for number, peer in enumerate(peers):
        peer.declare(f'q{number}')
        peer.call(1, 'queue.bind', queue=f'q{number}', exchange='amq.fanout')
        peer.call(1, 'basic.consume', queue=f'q{number}', consumer_tag='c', no_ack=True)
    broker.ctl('trace_on', '-p', where)
    for number, peer in enumerate(peers):
        for turn in range(10):
            peer.publish(1, 'amq.fanout', f'{number}', b'%d' % turn)
    for peer in peers:
        peer.contents(40)
    found = take_until(watcher, 'watch', lambda found: len(found) >= 200)
    keys = [key for key, _ in found]
    assert keys.count('publish.amq.fanout') == 40
    assert [keys.count(f'deliver.q{number}') for number in range(4)] == [40] * 4
    assert len(keys) == 200                          # the deliveries of copies are not copied


@pytest.mark.leveret
def test_the_firehose_says_where_a_message_went_and_not_where_it_was_meant_to_go(broker, vhost):
    where = vhost(broker)
    watcher = watch(broker, where)
    broker.ctl('trace_on', '-p', where)
    watcher.publish(1, '', 'no.such.queue', b'lost')
    watcher.publish(1, '', 'k' * 255, b'lost', {'headers': {'CC': ['also.none']}})
    found = take_until(watcher, 'watch', lambda found: len(found) >= 2)
    assert all('routed_queues: A []' in line for _, line in found)
    watcher.call(1, 'exchange.declare', exchange='e' * 255, type='fanout')
    watcher.publish(1, 'e' * 255, '', b'cut')        # the key is cut to what a short string holds
    found = take_until(watcher, 'watch', lambda found: found)
    assert found[0][0] == 'publish.' + 'e' * 247
    watcher.drop()


@pytest.mark.leveret
def test_the_firehose_is_off_after_a_restart_and_without_the_vhost_there_is_none(own_broker):
    own = own_broker()
    own.ctl('trace_on')
    assert 'true' in own.ctl('-q', 'list_vhosts', 'tracing').out
    own.restart()
    assert 'true' not in own.ctl('-q', 'list_vhosts', 'tracing').out
    assert own.ctl('-q', 'trace_on', '-p', 'nowhere').out == 'Trace enabled for vhost nowhere\n'


@pytest.mark.leveret
def test_a_firehose_nobody_drains_holds_its_publisher_and_loses_nothing(broker, vhost, connect, volume):
    where, count = vhost(broker), volume(20000)
    watcher = watch(broker, where, key='publish.#')
    peer = connect(vhost=where)
    broker.ctl('trace_on', '-p', where)
    for at in range(0, count, 100):
        for _ in range(100):
            peer.publish(1, 'amq.fanout', 'k', b'x' * 1000)
    assert eventually(lambda: watcher.declare('watch', passive=True).message_count == count)
    broker.ctl('trace_off', '-p', where)
    watcher.drop()


@pytest.mark.parametrize('exchange', ['amq.rabbitmq.trace', 'amq.rabbitmq.event'])
def test_what_the_broker_publishes_itself_nobody_else_may_publish(connect, exchange):
    peer = connect()
    peer.publish(1, exchange, 'publish.x', b'forged')
    peer.expect_channel_close(403, f"ACCESS_REFUSED - cannot publish to internal exchange '{exchange}' in vhost '/'")


# --- events ---------------------------------------------------------------------------------------

class EventWatch:
    """Collects events that are about names with this token, or about the connection `peer`."""

    def __init__(self, broker, name):
        self.broker, self.name = broker, name
        self.peer, self.known = Peer(broker.address), set()
        self.queue = name('events')
        self.peer.declare(self.queue, exclusive=True)
        self.peer.call(1, 'queue.bind', queue=self.queue, exchange='amq.rabbitmq.event', routing_key='#')
        self.marks = 0

    def is_ours(self, line):
        if 'exchange-delete-in-progress' in line or self.queue in line:
            return False
        ours = self.name('') in line or " name: S 'limits', timestamp" in line or any(one in line for one in self.known)
        if ours:                                     # what names it later: its process ids
            self.known |= set(re.findall(r"pid: S '(<[^>]+>)'", line))
        return ours

    def know(self, peer):
        host, port = peer.socket.getsockname()
        self.known.add(f'{host}:{port} ')

    def mark(self):
        """An event that comes behind all that this connection has seen."""
        self.marks += 1
        name = self.name(f'mark{self.marks}')
        self.peer.call(1, 'exchange.declare', exchange=name, type='fanout', auto_delete=True)
        return name

    def see(self, keys):
        """The events, once as many as in `keys` are there, and whatever else comes before a mark."""
        found = take_until(self.peer, self.queue, lambda found: self.has(found, keys))
        mark = self.mark()
        found += take_until(self.peer, self.queue, lambda rest: any(mark in line for _, line in rest))
        ours = [(key, line) for key, line in found if self.is_ours(line) and '.mark' not in line]
        assert sorted(key for key, _ in ours) == sorted(keys), ours
        return sorted(masked(line) for _, line in ours)

    def has(self, found, keys):
        ours = [key for key, line in found if self.is_ours(line)]
        return all(ours.count(key) >= keys.count(key) for key in keys)


def happenings(broker, name, watch):
    """Yields what happens, and the keys of the events to come."""
    peer = Peer(broker.address, upto='connected')
    watch.know(peer)
    peer.drop()
    yield 'nothing was said', ['connection.closed']

    peer = Peer(broker.address, properties={'connection_name': name('clerk'), 'n': 5, 'capabilities': CAPABILITIES})
    watch.know(peer)
    yield 'a connection and a channel', ['user.authentication.success', 'connection.created', 'channel.created']
    peer.call(1, 'queue.declare', queue=name('q'), durable=True, arguments={'x-max-length': 5, 's': 't\u00e9'})
    peer.call(1, 'queue.declare', queue=name('mine'), exclusive=True)
    peer.call(1, 'queue.declare', queue=name('q'), durable=True, arguments={'x-max-length': 5, 's': 't\u00e9'})
    yield 'queues, one of them twice', ['queue.created'] * 2
    peer.call(1, 'exchange.declare', exchange=name('x'), type='topic', durable=True,
              arguments={'alternate-exchange': 'ae'})
    peer.call(1, 'exchange.declare', exchange=name('y'), type='fanout', auto_delete=True)
    yield 'exchanges', ['exchange.created'] * 2
    for _ in range(2):
        peer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key='k.*', arguments={'a': 1})
    peer.call(1, 'exchange.bind', destination=name('x'), source=name('y'), routing_key='k')
    yield 'bindings, one of them twice', ['binding.created'] * 2
    peer.call(1, 'queue.unbind', queue=name('q'), exchange=name('x'), routing_key='k.*', arguments={'a': 1})
    yield 'an unbinding', ['binding.deleted']
    peer.call(1, 'exchange.unbind', destination=name('x'), source=name('y'), routing_key='k')
    yield 'the last binding of an auto-delete exchange', ['binding.deleted', 'exchange.deleted']
    peer.call(1, 'basic.qos', prefetch_count=7)
    peer.call(1, 'basic.consume', queue=name('q'), consumer_tag='one', arguments={'x-priority': 3})
    peer.call(1, 'basic.consume', queue=name('mine'), consumer_tag='two', no_ack=True, exclusive=True)
    yield 'consumers', ['consumer.created'] * 2
    peer.call(1, 'basic.cancel', consumer_tag='one')
    yield 'a cancel', ['consumer.deleted']
    peer.call(1, 'queue.bind', queue=name('q'), exchange=name('x'), routing_key='1')
    peer.call(1, 'queue.bind', queue=name('q'), exchange='amq.topic', routing_key='2')
    yield 'bindings again', ['binding.created'] * 2
    peer.call(1, 'exchange.delete', exchange=name('x'))
    yield 'an exchange with a binding goes', ['exchange.deleted', 'binding.deleted']
    policy, pattern = name('p'), f'^{name("q")}$'
    for words, keys in [
            (['set_policy', '--priority', '4', '--apply-to', 'queues', policy, pattern,
              '{"max-length":5,"dead-letter-exchange":"x"}'], ['queue.policy.updated', 'policy.set']),
            (['set_policy', '--priority', '4', '--apply-to', 'queues', policy, pattern,
              '{"dead-letter-exchange":"x","max-length":5}'], []),
            (['set_operator_policy', policy, pattern, '{"max-length":5}'],
             ['parameter.set', 'queue.policy.updated', 'policy.set']),
            (['clear_operator_policy', policy], ['parameter.cleared', 'queue.policy.cleared', 'operator.policy.cleared']),
            (['clear_policy', policy], ['queue.policy.cleared', 'policy.cleared'])]:
        broker.ctl(*words)
        yield words[0], keys
    peer.call(1, 'queue.delete', queue=name('q'))
    yield 'a queue with a binding goes', ['queue.deleted', 'binding.deleted']
    peer.open_channel(2)
    yield 'a channel', ['channel.created']
    peer.call(2, 'channel.close')
    yield 'its end', ['channel.closed']
    peer.close()
    yield 'the end of a connection with an exclusive queue and a consumer', [
        'consumer.deleted', 'channel.closed', 'queue.deleted', 'connection.closed']
    peer = Peer(broker.address, upto='start-ok', password='wrong')
    watch.know(peer)
    peer.expect('connection.close')
    peer.send(0, 'connection.close-ok')
    yield 'a login that fails', ['user.authentication.failure', 'connection.closed']
    peer.drop()

    user, vhost = name('user'), name('v')
    for words, keys in [
            (['add_user', user, 'secret'], ['user.created']),
            (['change_password', user, 'other'], ['user.password.changed']),
            (['clear_password', user], ['user.password.cleared']),
            (['set_user_tags', user, 'management', 'policymaker'], ['user.tags.set']),
            (['set_user_tags', user], ['user.tags.set']),
            (['set_permissions', user, 'a', 'b', 'c'], ['permission.created']),
            (['clear_permissions', user], ['permission.deleted']),
            (['set_topic_permissions', user, 'amq.topic', 'w', 'r'], ['topic.permission.created']),
            (['clear_topic_permissions', user], ['topic.permission.deleted']),
            (['add_vhost', vhost, '--description', 'a shop', '--tags', 'a,b', '--default-queue-type', 'classic'],
             ['exchange.created'] * 7 + ['vhost.created']),
            (['set_vhost_tags', vhost, 'c', 'd'], ['vhost.tags.set']),
            (['set_vhost_limits', '-p', vhost, '{"max-queues":5,"max-connections":3}'],
             ['parameter.set', 'vhost.limits.set']),
            (['clear_vhost_limits', '-p', vhost], ['parameter.cleared', 'vhost.limits.cleared']),
            (['set_user_limits', user, '{"max-connections":5}'], ['user.limits.set']),
            (['clear_user_limits', user, 'all'], ['user.limits.cleared']),
            (['set_global_parameter', name('g'), '{"a":[1,"b",true]}'], ['parameter.set']),
            (['delete_user', user], ['user.deleted'])]:
        broker.ctl(*words)
        yield words[0], keys
    broker.ctl('clear_global_parameter', name('g'))  # RabbitMQ calls that parameter.set, without a value
    yield 'clear_global_parameter', ['parameter.set' if broker.name == 'rabbitmq' else 'parameter.cleared']
    broker.ctl('delete_vhost', vhost)
    yield 'delete_vhost', ['exchange.deleted'] * 7 + ['vhost.deleted', 'vhost.down']


def events_of(broker, name):
    watch = EventWatch(broker, name)
    seen = [(what, watch.see(keys)) for what, keys in happenings(broker, name, watch)]
    seen = [(what, lines) for what, lines in seen if what != 'clear_global_parameter']
    watch.peer.close()
    return seen


@pytest.mark.once(also=('asan',))
@pytest.mark.timeout(300)
def test_events_are_those_of_rabbitmqs_plugin(broker, rabbit, name):
    theirs, ours = events_of(rabbit, name), events_of(broker, name)
    for their, our in zip(theirs, ours):
        assert our == their, '\n'.join(['RabbitMQ:', str(their[0]), *their[1], 'Leveret:', *our[1]])
    assert len(ours) == len(theirs)


@pytest.mark.leveret
def test_alarms_are_told_and_another_vhost_can_have_the_events(own_broker, tmp_path):
    config = tmp_path / 'leveret.conf'
    own = own_broker()
    own.ctl('add_vhost', 'facts')
    config.write_text('event_exchange.vhost = facts\n')
    own.flags += ['--config', str(config)]
    own.restart()
    assert 'amq.rabbitmq.event' not in own.ctl('-q', 'list_exchanges').out
    own.ctl('set_permissions', '-p', 'facts', 'guest', '.*', '.*', '.*')
    watcher = watch(own, 'facts', 'amq.rabbitmq.event', 'alarm.*')
    config.write_text('event_exchange.vhost = facts\nvm_memory_high_watermark.absolute = 1\n')
    own.child.send_signal(1)
    found = take_until(watcher, 'watch', lambda found: found)
    assert masked(found[0][1]).startswith(
        "amq.rabbitmq.event alarm.set {headers: {node: S 'NODE', source: S 'memory', timestamp_in_ms: N}"), found
    config.write_text('event_exchange.vhost = facts\n')
    own.child.send_signal(1)
    assert take_until(watcher, 'watch', lambda found: found)[0][0] == 'alarm.cleared'
    watcher.drop()
    own.ctl('delete_vhost', 'facts')                 # with what listens: from then on nobody does
    own.ctl('add_user', 'somebody', 'secret')
    own.ctl('add_vhost', 'facts')
    assert 'amq.rabbitmq.event' in own.ctl('-q', 'list_exchanges', '-p', 'facts').out


@pytest.mark.leveret
def test_events_reach_a_durable_queue_after_a_restart(own_broker):
    own = own_broker()
    with Peer(own.address) as peer:
        peer.declare('log', durable=True)
        peer.call(1, 'queue.bind', queue='log', exchange='amq.rabbitmq.event', routing_key='user.created')
    own.restart()
    own.ctl('add_user', 'clerk', 'secret')
    with Peer(own.address) as peer:
        assert take_until(peer, 'log', lambda found: found)[0][0] == 'user.created'


# --- explain_route ----------------------------------------------------------------------------------

@pytest.fixture
def routes(broker, vhost, connect):
    where = vhost(broker)
    peer = connect(vhost=where)
    for queue in ('billing', 'shipping', 'log', 'spare', 'heavy'):
        peer.declare(queue)
    peer.call(1, 'exchange.declare', exchange='orders', type='topic', arguments={'alternate-exchange': 'lost'})
    peer.call(1, 'exchange.declare', exchange='lost', type='fanout')
    peer.call(1, 'exchange.declare', exchange='audit', type='fanout')
    peer.call(1, 'exchange.declare', exchange='weights', type='headers')
    peer.call(1, 'queue.bind', queue='billing', exchange='orders', routing_key='order.created.#')
    peer.call(1, 'queue.bind', queue='shipping', exchange='orders', routing_key='order.shipped.*')
    peer.call(1, 'exchange.bind', destination='audit', source='orders', routing_key='order.#')
    peer.call(1, 'queue.bind', queue='log', exchange='audit')
    peer.call(1, 'queue.bind', queue='spare', exchange='lost')
    peer.call(1, 'queue.bind', queue='heavy', exchange='weights', arguments={'kg': 5, 'gift': True})
    return where


def explain(broker, vhost, *words):
    rows = json.loads(broker.ctl('-q', '--formatter', 'json', '-p', vhost, *words).out)
    return [(row['result'], row['path'], row['destination'], row['why']) for row in rows]


@pytest.mark.leveret
def test_explain_route_shows_the_way_and_what_stops_the_others(broker, routes):
    assert explain(broker, routes, 'explain_route', 'orders', 'order.created.eu') == [
        ('passes', 'orders', 'audit', 'the pattern matches'),
        ('reaches', 'orders', 'billing', 'the pattern matches'),
        ('stopped', 'orders', 'shipping', "the key's word 2 is 'created' where the pattern's word 2 is 'shipped'"),
        ('reaches', 'orders -> audit', 'log', 'the exchange takes every binding')]
    assert explain(broker, routes, 'explain-route', 'orders', 'invoice') == [
        ('stopped', 'orders', 'audit', "the key's word 1 is 'invoice' where the pattern's word 1 is 'order'"),
        ('stopped', 'orders', 'billing', "the key's word 1 is 'invoice' where the pattern's word 1 is 'order'"),
        ('stopped', 'orders', 'shipping', "the key's word 1 is 'invoice' where the pattern's word 1 is 'order'"),
        ('alternate', 'orders', 'lost', 'no binding took the message'),
        ('reaches', 'orders -> lost', 'spare', 'the exchange takes every binding')]
    assert ('reaches', 'orders', 'shipping', "the pattern matches (with the key 'order.shipped.x')") in explain(
        broker, routes, 'explain_route', 'orders', 'order.created', '--cc', 'order.shipped.x')
    assert explain(broker, routes, 'explain_route', '', 'nowhere')[-1][0] == 'returned'


@pytest.mark.leveret
def test_explain_route_takes_headers_with_types(broker, routes):
    def result(*headers):
        words = [word for header in headers for word in ('--header', header)]
        return explain(broker, routes, 'explain_route', 'weights', 'k', *words)[0]
    assert result('kg:int=5', 'gift:bool=true') == ('reaches', 'weights', 'heavy', 'every header is met')
    assert result('kg=5', 'gift:bool=true') == ('stopped', 'weights', 'heavy', "the header 'kg' is '5' and not 5")
    assert result('kg:float=5.0') == ('stopped', 'weights', 'heavy', "there is no header 'gift'")
    for words in (['--header', 'kg'], ['--header', '=x']):
        assert broker.ctl('-p', routes, 'explain_route', 'weights', 'k', *words, check=False).code == 64
    bad = broker.ctl('-p', routes, 'explain_route', 'weights', 'k', '--header', 'kg:int=five', check=False)
    assert bad.code == 65 and 'kg:int=five' in bad.err


@pytest.mark.leveret
def test_explain_route_prints_a_table_and_names_what_is_missing(broker, routes):
    lines = broker.ctl('explain_route', '-p', routes, 'audit', 'k').out.splitlines()
    assert lines == [
        f"Explaining the route from exchange 'audit' with key 'k' in vhost {routes} ...",
        'result\tpath\tdestination_kind\tdestination\trouting_key\targuments\twhy',
        'reaches\taudit\tqueue\tlog\t\t[]\tthe exchange takes every binding']
    missing = broker.ctl('explain_route', '-p', routes, 'none', 'k', check=False)
    assert missing.code == 65 and f"no exchange 'none' in vhost '{routes}'" in missing.err
    assert broker.ctl('explain_route', 'amq.topic', check=False).code == 64
