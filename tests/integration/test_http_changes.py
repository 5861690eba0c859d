"""Changes over the HTTP API: queues, exchanges, bindings, connections; and what is refused, in RabbitMQ's words."""
import json

import pytest

from http_client import Api, path
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

VHOST = 'changes'


@pytest.fixture(scope='module')
def api(broker):
    broker.ctl('add_vhost', VHOST)
    broker.ctl('set_permissions', '-p', VHOST, 'guest', '.*', '.*', '.*')
    for user, tags in (('clerk', ['management']), ('watcher', ['monitoring'])):
        broker.ctl('add_user', user, user)
        broker.ctl('set_user_tags', user, *tags)
    broker.ctl('set_permissions', '-p', VHOST, 'clerk', '^mine', '^mine', '^mine')
    yield Api(broker)
    broker.ctl('delete_vhost', VHOST)
    for user in 'clerk', 'watcher':
        broker.ctl('delete_user', user)


def refused(answer, status, error, reason):
    assert answer.status == status, answer
    assert answer.json == {'error': error, 'reason': reason}


def queue(name, *more, **query):
    return path('queues', VHOST, name, *more, **query)


def exchange(name, *more, **query):
    return path('exchanges', VHOST, name, *more, **query)


def binding(source, kind, destination, *more):
    return path('bindings', VHOST, 'e', source, kind, destination, *more)


def bindings(broker, source):
    rows = json.loads(broker.ctl('list_bindings', '-p', VHOST, 'source_name', 'destination_name', 'routing_key', '--formatter', 'json').out)
    return sorted((row['destination_name'], row['routing_key']) for row in rows if row['source_name'] == source)


def test_a_queue_is_declared_once_and_again(api):
    assert api.put(queue('q'), {'durable': True, 'arguments': {'x-max-length': 3}}).status == 201
    assert api.put(queue('q'), {'durable': True, 'arguments': {'x-max-length': 3}}).status == 204
    refused(api.put(queue('q'), {'durable': False}), 400, 'bad_request',
            f"inequivalent arg 'durable' for queue 'q' in vhost '{VHOST}': received 'false' but current is 'true'")
    assert api.delete(queue('q')).status == 204
    refused(api.delete(queue('q')), 404, 'Object Not Found', 'Not Found')


@pytest.mark.parametrize('body, reason', [
    ({'arguments': {'x-message-ttl': None}}, 'null_not_allowed'),
    ({'arguments': {'deep': [{'a': None}]}}, 'null_not_allowed'),
    ({'arguments': [1]}, 'arguments: expected object'),
    ({'durable': 'maybe'}, 'durable: expected boolean'),
    ({'node': 'nobody@nowhere'}, 'Node nobody@nowhere could not be contacted'),
    ('[', 'not_json'),
    ('[]', 'not_json'),
    ('"{}"', 'invalid payload: the request body JSON-decoded to a string. Is the input doubly-JSON-encoded?'),
])
def test_a_declaration_that_makes_no_sense_is_refused(api, body, reason):
    refused(api.put(queue('never'), body), 400, 'bad_request', reason)
    refused(api.delete(queue('never')), 404, 'Object Not Found', 'Not Found')


@pytest.mark.parametrize('body', ['', 'null', '{}', '{"durable": "false", "unknown": 1}', '{"arguments": []}'])
def test_bodies_that_mean_nothing_special_declare_a_queue(api, body):
    assert api.put(queue('plain'), body).status == 201
    assert api.delete(queue('plain')).status == 204


def test_a_queue_of_an_unknown_vhost_is_not_declared(api):
    refused(api.put('/queues/nowhere/q'), 404, 'not_found', 'vhost_not_found')


@pytest.mark.parametrize('target', ['queues/nowhere/q', 'queues/nowhere/q/contents', 'exchanges/nowhere/x', 'bindings/nowhere/e/x/q/q/~'])
def test_what_an_unknown_vhost_has_is_deleted_already(api, target):
    refused(api.delete('/' + target), 404, 'Object Not Found', 'Not Found')
    refused(api.delete('/' + target, user='clerk'), 404, 'Object Not Found', 'Not Found')


def test_a_queue_is_deleted_only_if_it_is_empty_or_unused(api, broker):
    api.put(queue('kept'))
    peer = Peer(broker.address, vhost=VHOST)
    peer.publish(1, '', 'kept', 'one')
    eventually(lambda: peer.declare('kept', passive=True).message_count == 1)
    refused(api.delete(queue('kept', **{'if-empty': 'true'})), 400, 'bad_request', f"queue 'kept' in vhost '{VHOST}' not empty")
    assert api.delete(queue('kept', 'contents')).status == 204
    peer.call(1, 'basic.consume', queue='kept', consumer_tag='t')
    refused(api.delete(queue('kept', **{'if-unused': 'true'})), 400, 'bad_request', f"queue 'kept' in vhost '{VHOST}' in use")
    assert api.delete(queue('kept', **{'if-empty': 'true'})).status == 204
    peer.close()


def test_an_exclusive_queue_is_left_to_its_connection(api, broker):
    peer = Peer(broker.address, vhost=VHOST)
    peer.declare('own', exclusive=True)
    for target in queue('own'), queue('own', 'contents'):
        answer = api.delete(target)
        assert answer.status == 400
        assert answer.json['reason'].startswith(f"cannot obtain exclusive access to locked queue 'own' in vhost '{VHOST}'.")
    peer.close()


def test_actions_of_mirrors_have_no_effect(api):
    api.put(queue('mirrored'))
    assert api.post(queue('mirrored', 'actions'), {'action': 'sync'}).status == 204
    assert api.post(queue('mirrored', 'actions'), {'action': 'dance'}).status == 400
    assert api.post(queue('mirrored', 'actions'), {}).json['reason'] == '[{key_missing,action}]'
    assert api.post(queue('none', 'actions'), {'action': 'sync'}).status == 404
    api.delete(queue('mirrored'))


def test_the_one_replica_of_a_quorum_queue_stays(api, broker):
    api.put(queue('quorum'), {'durable': True, 'arguments': {'x-queue-type': 'quorum'}})
    replicas = '/queues/quorum' + path(VHOST, 'quorum', 'replicas')
    node = {'node': broker.node_name}
    assert api.post(replicas + '/add', node).status == 204
    refused(api.post(replicas + '/add', {'node': 'other@host'}), 400, 'bad_request', 'node_not_running')
    refused(api.delete(replicas + '/delete', body=node), 400, 'bad_request', 'last_node')
    on_node = path('queues', 'quorum', 'replicas', 'on', broker.node_name)
    assert api.post(on_node + '/grow', {'strategy': 'all'}).status == 204
    assert api.delete(on_node + '/shrink').status == 204
    assert api.delete(queue('quorum')).status == 204


def test_an_exchange_is_declared_and_deleted(api):
    assert api.put(exchange('x'), {'type': 'topic', 'durable': True, 'arguments': {'alternate-exchange': 'amq.fanout'}}).status == 201
    assert api.put(exchange('x'), {'type': 'topic', 'durable': True, 'arguments': {'alternate-exchange': 'amq.fanout'}}).status == 204
    refused(api.put(exchange('x'), {'type': 'fanout', 'durable': True}), 400, 'bad_request',
            f"inequivalent arg 'type' for exchange 'x' in vhost '{VHOST}': received 'fanout' but current is 'topic'")
    refused(api.put(exchange('y'), {'type': 'hat'}), 400, 'bad_request', "unknown exchange type 'hat'")
    api.put(queue('bound'))
    assert api.post(binding('x', 'q', 'bound'), {'routing_key': 'k'}).status == 201
    refused(api.delete(exchange('x', **{'if-unused': 'true'})), 400, 'bad_request', f"exchange 'x' in vhost '{VHOST}' in use")
    assert api.delete(exchange('x')).status == 204
    refused(api.delete(exchange('x')), 404, 'Object Not Found', 'Not Found')
    api.delete(queue('bound'))


@pytest.mark.parametrize('name', ['amq.direct', 'amq.default', 'amq.mine'])
def test_reserved_exchanges_are_not_changed(api, name):
    if name == 'amq.mine':
        refused(api.put(exchange(name), {'type': 'direct'}), 401, 'not_authorised', 'Access refused.')
    else:
        refused(api.delete(exchange(name)), 401, 'not_authorised', 'Access refused.')


@pytest.mark.parametrize('key, arguments, location', [
    ('', {}, '~'),
    ('key', {}, 'key'),
    ('key', [], 'key'),
    ('a/b c%~ü', {}, 'a%252Fb%2Bc%2525%257E%25C3%25BC'),
    ('a\r\nSet-Cookie: x=1', {}, 'a%250D%250ASet-Cookie%253A%2Bx%253D1'),
    ('key', {'z': {'y': 1, 'b': 2}, 'a': 1.5, 'l': [True, 'x']}, None),
])
def test_a_binding_is_where_its_location_says(api, broker, key, arguments, location):
    api.put(queue('ü/q'))
    answer = api.post(binding('amq.topic', 'q', 'ü/q'), {'routing_key': key, 'arguments': arguments})
    assert answer.status == 201
    assert 'set-cookie' not in answer.headers
    place = answer.headers['location']
    assert place.startswith('%C3%BC%2Fq/key~') if location is None else place == '%C3%BC%2Fq/' + location
    assert bindings(broker, 'amq.topic') == [('ü/q', str(key))]
    target = path('bindings', VHOST, 'e', 'amq.topic', 'q') + '/' + place
    assert api.delete(target).status == 204
    refused(api.delete(target), 404, 'Object Not Found', 'Not Found')
    assert bindings(broker, 'amq.topic') == []
    api.delete(queue('ü/q'))


def test_exchanges_are_bound_to_exchanges(api, broker):
    assert api.post(binding('amq.topic', 'e', 'amq.fanout'), {'routing_key': 'a.#'}).headers['location'] == 'amq.fanout/a.%2523'
    assert bindings(broker, 'amq.topic') == [('amq.fanout', 'a.#')]
    assert api.delete(binding('amq.topic', 'e', 'amq.fanout', 'a.%23')).status == 204
    assert bindings(broker, 'amq.topic') == []


def test_a_routing_key_is_a_string(api):
    answer = api.post(binding('amq.topic', 'e', 'amq.fanout'), {'routing_key': 5})
    assert (answer.status, 'routing_key' in answer.json['reason']) == (400, True)


def test_bindings_of_what_is_missing_or_implied_are_refused(api):
    refused(api.post(binding('amq.direct', 'q', 'missing')), 404, 'not_found', f"no queue 'missing' in vhost '{VHOST}'")
    refused(api.post(binding('missing', 'e', 'amq.direct')), 404, 'not_found', f"no exchange 'missing' in vhost '{VHOST}'")
    api.put(queue('q'))
    refused(api.post(binding('amq.default', 'q', 'q'), {'routing_key': 'k'}), 401, 'not_authorised', 'Access refused.')
    refused(api.delete(binding('amq.default', 'q', 'q', 'q')), 401, 'not_authorised', 'Access refused.')
    refused(api.delete(binding('amq.direct', 'q', 'q', 'none')), 404, 'Object Not Found', 'Not Found')
    api.delete(queue('q'))


def test_permissions_are_those_of_a_client(api):
    api.put(queue('theirs'))
    assert api.put(queue('mine'), user='clerk').status == 201
    assert api.put(exchange('mine-x'), {'type': 'direct'}, user='clerk').status == 201
    assert api.post(binding('mine-x', 'q', 'mine'), user='clerk').status == 201
    for answer in (api.put(queue('other'), user='clerk'), api.put(exchange('other'), user='clerk'),
                   api.delete(queue('theirs'), user='clerk'), api.delete(queue('theirs', 'contents'), user='clerk'),
                   api.delete(exchange('amq.topic'), user='clerk'), api.post(binding('mine-x', 'q', 'theirs'), user='clerk'),
                   api.post(binding('amq.topic', 'q', 'mine'), user='clerk')):
        refused(answer, 401, 'not_authorised', 'Access refused.')
    for target in queue('mine'), exchange('mine-x'):
        assert api.delete(target, user='clerk').status == 204
    api.delete(queue('theirs'))


def name_of(broker, user):
    rows = json.loads(broker.ctl('list_connections', 'name', 'user', '--formatter', 'json').out)
    return [row['name'] for row in rows if row['user'] == user]


def test_connections_are_closed_with_the_reason(api, broker):
    peer = Peer(broker.address, vhost=VHOST, user='clerk', password='clerk')
    name, = name_of(broker, 'clerk')
    refused(api.delete(path('connections', name), user='watcher'), 401, 'not_authorised', 'User not authorised to access object')
    assert api.delete(path('connections', name), headers={'x-reason': 'go away'}).status == 204
    assert peer.next().reply_text == 'CONNECTION_FORCED - go away'
    assert api.delete(path('connections', name)).status == 204
    assert api.delete(path('connections', 'none')).status == 404
    peer.socket.close()


def test_users_close_their_own_connections_and_administrators_all(api, broker):
    peer = Peer(broker.address, vhost=VHOST, user='clerk', password='clerk')
    name, = name_of(broker, 'clerk')
    assert api.delete(path('connections', name), user='clerk').status == 204
    assert peer.next().reply_text == 'CONNECTION_FORCED - Closed via management plugin'
    peer.socket.close()
    peer = Peer(broker.address, vhost=VHOST, user='clerk', password='clerk')
    assert api.delete(path('connections', 'username', 'clerk'), user='watcher').status == 401
    assert api.delete(path('connections', 'username', 'clerk')).status == 204
    assert peer.next().reply_text == 'CONNECTION_FORCED - Closed via management plugin'
    peer.socket.close()


# channels and consumers, which RabbitMQ cannot change

@pytest.fixture
def consuming(api, broker):
    """A client that consumes from `mine-held`, which has five messages, and holds two: peer, name of its connection."""
    api.put(queue('mine-held'))
    with Peer(broker.address, vhost=VHOST, user='clerk', password='clerk') as peer:
        for _ in range(5):
            assert api.post(path('exchanges', VHOST, 'amq.default', 'publish'),
                            {'properties': {}, 'routing_key': 'mine-held', 'payload': 'm', 'payload_encoding': 'string'}).json['routed']
        peer.call(1, 'basic.qos', prefetch_count=2)
        peer.call(1, 'basic.consume', queue='mine-held', consumer_tag='c/1')
        peer.contents(2)
        name, = name_of(broker, 'clerk')
        yield peer, name
    api.delete(queue('mine-held'))


def test_the_prefetch_of_a_channel_is_changed(api, consuming):
    peer, name = consuming
    channel = path('channels', name + ' (1)')
    refused(api.put(channel, {'prefetch': 5}, user='watcher'), 401, 'not_authorised', 'User not authorised to access object')
    refused(api.put(channel, {}), 400, 'bad_request', '[{key_missing,prefetch}]')
    refused(api.put(channel, {'prefetch': 65536}), 400, 'bad_request', 'prefetch: expected a number from 0 to 65535, got 65536')
    assert api.put(path('channels', name + ' (2)'), {'prefetch': 5}).status == 404
    assert api.put(channel, {'prefetch': 4}, user='clerk').status == 204
    assert len(peer.contents(2)) == 2
    assert api.get(channel).json['prefetch_count'] == 4


def test_a_consumer_is_cancelled_and_keeps_what_it_holds(api, consuming):
    peer, name = consuming
    consumer = path('consumers', VHOST, name, 1, 'c/1')
    for other in (path('consumers', VHOST, name, 1, 'none'), path('consumers', VHOST, name, 2, 'c/1'),
                  path('consumers', '/', name, 1, 'c/1'), path('consumers', VHOST, name, 'x', 'c/1')):
        assert api.delete(other).status == 404
    assert api.delete(consumer, user='watcher').status == 401
    assert api.delete(consumer).status == 204
    assert peer.expect('basic.cancel').consumer_tag == 'c/1'
    assert api.delete(consumer).status == 404
    shown = api.wait(path('queues', VHOST, 'mine-held'), lambda answer: answer.json['consumers'] == 0)
    assert shown.json['messages_unacknowledged'] == 2


def test_a_quorum_queue_has_one_replica(api):
    api.put(queue('qq'), {'durable': True, 'arguments': {'x-queue-type': 'quorum'}})
    api.put(queue('classic'))
    status = path('queues', 'quorum', VHOST, 'qq', 'status')
    node = api.get('/nodes').json[0]['name']
    assert api.get(status).json == [{'Node Name': node, 'Raft State': 'leader', 'Membership': 'voter'}]
    answer = api.get(path('queues', 'quorum', VHOST, 'classic', 'status'))
    assert (answer.status, answer.json) == (503, {'status': 'failed', 'reason': 'classic_queue_not_supported'})
    assert api.get(path('queues', 'quorum', VHOST, 'none', 'status')).status == 404
    for name in 'qq', 'classic':
        api.delete(queue(name))
