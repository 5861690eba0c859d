"""Messages over the HTTP API: publishing and getting, browsing, moving."""
import base64

import pytest

from http_client import Api, path
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

VHOST = 'letters'


@pytest.fixture(scope='module')
def api(broker):
    broker.ctl('add_vhost', VHOST)
    broker.ctl('set_permissions', '-p', VHOST, 'guest', '.*', '.*', '.*')
    broker.ctl('add_user', 'reader', 'reader')
    broker.ctl('set_user_tags', 'reader', 'management')
    broker.ctl('set_permissions', '-p', VHOST, 'reader', '', '^mine', '^mine')
    yield Api(broker)
    broker.ctl('delete_vhost', VHOST)
    broker.ctl('delete_user', 'reader')


@pytest.fixture
def queue(api, name):
    """The name of a new queue."""
    made = name('q')
    assert api.put(path('queues', VHOST, made)).status == 201
    yield made
    api.delete(path('queues', VHOST, made))


def publish(api, routing_key, payload='text', exchange='amq.default', user=..., **more):
    body = {'properties': {}, 'routing_key': routing_key, 'payload': payload, 'payload_encoding': 'string', **more}
    return api.post(path('exchanges', VHOST, exchange, 'publish'), body, user=user)


def fill(api, queue, *payloads):
    for payload in payloads:
        assert publish(api, queue, payload).json == {'routed': True}


def get(api, queue, count=1, ackmode='ack_requeue_false', encoding='auto', user=..., **more):
    return api.post(path('queues', VHOST, queue, 'get'), dict(count=count, ackmode=ackmode, encoding=encoding, **more), user=user)


def payloads(answer):
    assert answer.status == 200, answer
    return [message['payload'] for message in answer.json]


def refused(answer, status, error, reason):
    assert answer.status == status, answer
    assert answer.json == {'error': error, 'reason': reason}


def test_what_is_published_is_got(api, queue):
    fill(api, queue, 'ü€')
    assert get(api, queue).json == [{
        'payload_bytes': 5, 'redelivered': False, 'exchange': '', 'routing_key': queue, 'message_count': 0, 'properties': [],
        'payload': 'ü€', 'payload_encoding': 'string'}]
    assert get(api, queue).json == []


def test_properties_come_back_as_they_were(api, queue):
    properties = {
        'content_type': 'text/plain', 'content_encoding': 'utf-8', 'delivery_mode': 2, 'priority': 4, 'correlation_id': 'c',
        'reply_to': 'r', 'expiration': '600000', 'message_id': 'm', 'timestamp': 1700000000, 'type': 't', 'user_id': 'guest',
        'app_id': 'a', 'cluster_id': 'cl',
        'headers': {'text': 'ü', 'int': 1, 'large': 5_000_000_000, 'float': 1.5, 'bool': True, 'list': [1, 'x', {'a': 1}],
                    'table': {'b': 'c'}}}
    assert publish(api, queue, properties=properties).json == {'routed': True}
    message, = get(api, queue).json
    assert message['properties'] == properties


def test_an_empty_list_is_an_empty_object(api, queue):
    assert publish(api, queue, properties={'headers': []}).json == publish(api, queue, properties=[]).json == {'routed': True}
    assert [message['properties'] for message in get(api, queue, count=2).json] == [{'headers': {}}, []]


def test_payloads_may_be_any_octets(api, queue):
    octets = bytes(range(256)) * 40
    assert publish(api, queue, base64.b64encode(octets).decode(), payload_encoding='base64').json == {'routed': True}
    message, = get(api, queue).json
    assert (message['payload_encoding'], base64.b64decode(message['payload'])) == ('base64', octets)
    fill(api, queue, 'plain')
    assert payloads(get(api, queue, encoding='base64')) == [base64.b64encode(b'plain').decode()]


def test_nobody_routed_to_is_told(api, queue):
    assert publish(api, 'nowhere').json == {'routed': False}
    refused(publish(api, queue, exchange='missing'), 400, 'bad_request', f"404 NOT_FOUND - no exchange 'missing' in vhost '{VHOST}'")


def test_a_queue_that_refuses_is_told(api, name):
    full = name('full')
    api.put(path('queues', VHOST, full), {'arguments': {'x-max-length': 1, 'x-overflow': 'reject-publish'}})
    fill(api, full, 'one')
    refused(publish(api, full), 400, 'bad_request', 'rejected Unable to publish message. Check queue limits.')
    api.delete(path('queues', VHOST, full))


@pytest.mark.parametrize('properties, reason', [
    ({'delivery_mode': 3}, '406 PRECONDITION_FAILED - invalid message: {delivery_mode_unknown,3}'),
    ({'expiration': 'soon'}, "406 PRECONDITION_FAILED - invalid expiration 'soon': no_integer"),
    ({'user_id': 'else'}, "406 PRECONDITION_FAILED - user_id property set to 'else' but authenticated user was 'guest'"),
    ({'headers': {'CC': 'x'}}, '406 PRECONDITION_FAILED - invalid message: {unacceptable_type_in_header,"CC",longstr}'),
    ({'reply_to': 'amq.rabbitmq.reply-to'}, '406 PRECONDITION_FAILED - fast reply consumer does not exist'),
    ({'headers': {'a': None}}, 'null_not_allowed'),
    ({'headers': 'x'}, 'headers: expected object'),
    ({'message_id': 'x' * 256}, 'property message_id: expected a string of at most 255 bytes'),
    ({'priority': 256}, 'property priority: expected an integer from 0 to 255'),
    ({'timestamp': 'now'}, 'property timestamp: expected an integer from 0 on'),
])
def test_properties_that_make_no_sense_are_refused(api, queue, properties, reason):
    refused(publish(api, queue, properties=properties), 400, 'bad_request', reason)
    assert get(api, queue).json == []


def test_everything_that_a_body_lacks_is_named(api, queue):
    """In RabbitMQ's words: as Erlang prints a list, which has lines if it is long."""
    def missing(*names, between=','):
        return '[' + between.join(f'{{key_missing,{name}}}' for name in names) + ']'

    target = path('exchanges', VHOST, 'amq.default', 'publish')
    names = 'routing_key', 'properties', 'payload', 'payload_encoding'
    refused(api.post(target, {}), 400, 'bad_request', missing(*names, between=',\n '))
    refused(api.post(target, {'payload': ''}), 400, 'bad_request',
            missing('routing_key', 'properties', 'payload_encoding', between=',\n '))
    refused(api.post(path('queues', VHOST, queue, 'get'), {}), 400, 'bad_request', missing('ackmode', 'count', 'encoding'))


def test_the_keys_in_cc_and_bcc_are_followed(api, queue, name):
    others = [name('cc'), name('bcc')]
    for other in others:
        api.put(path('queues', VHOST, other))
    publish(api, queue, properties={'headers': {'CC': [others[0]], 'BCC': [others[1]]}})
    for each in queue, *others:
        message, = get(api, each).json
        assert message['properties']['headers'] == {'CC': [others[0]]}
    for other in others:
        api.delete(path('queues', VHOST, other))


@pytest.mark.parametrize('ackmode, left', [
    ('ack_requeue_true', ['a', 'b', 'c']), ('reject_requeue_true', ['a', 'b', 'c']), ('ack_requeue_false', ['c']),
    ('reject_requeue_false', ['c'])])
def test_ackmode_says_what_becomes_of_them(api, queue, ackmode, left):
    fill(api, queue, 'a', 'b', 'c')
    answer = get(api, queue, 2, ackmode)
    assert payloads(answer) == ['a', 'b']
    assert [message['message_count'] for message in answer.json] == [2, 1]
    eventually(lambda: payloads(get(api, queue, 10, 'ack_requeue_true')) == left)


def test_what_is_rejected_is_dead_lettered(api, queue, name):
    dying = name('dying')
    api.put(path('queues', VHOST, dying), {'arguments': {'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': queue}})
    fill(api, dying, 'dead')
    assert payloads(get(api, dying, 1, 'reject_requeue_false')) == ['dead']
    eventually(lambda: payloads(get(api, queue)) == ['dead'])
    api.delete(path('queues', VHOST, dying))


def test_payloads_are_cut_and_whole_characters_stay_text(api, queue):
    fill(api, queue, 'x' * 100)
    message, = get(api, queue, 1, 'ack_requeue_true', truncate=10).json
    assert (message['payload'], message['payload_bytes']) == ('x' * 10, 100)


def test_many_messages_are_got_in_order_and_put_back(api, broker, queue):
    count = 300
    peer = Peer(broker.address, vhost=VHOST)
    for number in range(count):
        peer.publish(1, '', queue, f'{number:03} ' + 'x' * 5000)
    eventually(lambda: peer.declare(queue, passive=True).message_count == count)
    peer.close()
    expected = [f'{number:03}' for number in range(count)]
    assert [payload[:3] for payload in payloads(get(api, queue, 1000, 'ack_requeue_true'))] == expected
    assert [payload[:3] for payload in payloads(get(api, queue, -1, 'ack_requeue_false'))] == expected
    assert get(api, queue).json == []


@pytest.mark.parametrize('body, reason', [
    ({'count': 'x'}, 'count: expected integer'),
    ({'ackmode': 'eat'}, 'unknown ackmode: eat'),
    ({'encoding': 'rot13'}, 'Unsupported encoding. Please use auto or base64.'),
    ({'truncate': 'x'}, 'truncate: expected integer'),
    ({'ackmode': None}, 'ackmode: expected string'),
])
def test_requests_to_get_that_make_no_sense_are_refused(api, queue, body, reason):
    refused(get(api, queue, **{'count': 1, **body}), 400, 'bad_request', reason)


def test_getting_and_publishing_need_permissions(api, queue):
    refused(get(api, queue, user='reader'), 401, 'not_authorised',
            f"ACCESS_REFUSED - access to queue '{queue}' in vhost '{VHOST}' refused for user 'reader'")
    refused(publish(api, queue, user='reader'), 400, 'bad_request',
            f"403 ACCESS_REFUSED - access to exchange 'amq.default' in vhost '{VHOST}' refused for user 'reader'")
    refused(get(api, 'missing'), 404, 'not_found', f"NOT_FOUND - no queue 'missing' in vhost '{VHOST}'")


def test_an_exclusive_queue_gives_nothing_to_others(api, broker):
    peer = Peer(broker.address, vhost=VHOST)
    peer.declare('own', exclusive=True)
    answer = get(api, 'own')
    assert answer.status == 400
    assert answer.json['reason'].startswith("405 RESOURCE_LOCKED - cannot obtain exclusive access to locked queue 'own'")
    peer.close()


# --- looking without taking --------------------------------------------------------------------------------------------


def test_messages_are_browsed_and_stay(api, queue):
    fill(api, queue, 'a', 'b', 'c', 'd')
    browse = lambda **query: api.get(path('queues', VHOST, queue, 'browse', **query))
    assert payloads(browse()) == ['a', 'b', 'c', 'd']
    answer = browse(**{'from': 1, 'count': 2})
    assert [(message['payload'], message['position'], message['state']) for message in answer.json] == [
        ('b', 1, 'ready'), ('c', 2, 'ready')]
    assert payloads(browse(count=0)) == [] and payloads(browse(truncate=0)) == [''] * 4
    assert payloads(get(api, queue, 10)) == ['a', 'b', 'c', 'd']
    for query in {'count': 'x'}, {'from': '-1'}, {'count': 10001}, {'truncate': '1x'}:
        assert browse(**query).status == 400
    assert api.get(path('queues', VHOST, 'missing', 'browse')).status == 404
    refused(api.get(path('queues', VHOST, queue, 'browse'), user='reader'), 401, 'not_authorised', 'Access refused.')


def test_unacked_messages_are_shown(api, broker, queue):
    fill(api, queue, 'a', 'b', 'c')
    unacked = lambda **query: api.get(path('queues', VHOST, queue, 'unacked', **query))
    assert payloads(unacked()) == []
    peer = Peer(broker.address, vhost=VHOST)
    peer.call(1, 'basic.qos', prefetch_count=2)
    peer.send(1, 'basic.consume', queue=queue, consumer_tag='t')
    eventually(lambda: len(unacked().json) == 2)
    assert [(message['payload'], message['state']) for message in unacked().json] == [('a', 'unacked'), ('b', 'unacked')]
    assert payloads(unacked(count=1)) == ['a']
    assert payloads(api.get(path('queues', VHOST, queue, 'browse', unacked='true'))) == ['a', 'b', 'c']
    peer.close()
    eventually(lambda: payloads(unacked()) == [])
    assert api.get(path('queues', VHOST, 'missing', 'unacked')).status == 404


def test_a_route_is_explained(api, queue):
    api.post(path('bindings', VHOST, 'e', 'amq.topic', 'q', queue), {'routing_key': 'a.*'})
    explain = path('exchanges', VHOST, 'amq.topic', 'explain')
    answer = api.get(explain + '?routing_key=a.b').json
    assert (answer['routed'], answer['queues']) == (True, 1)
    assert [(step['destination'], step['destination_kind']) for step in answer['steps']] == [(queue, 'queue')]
    answer = api.post(explain, {'routing_key': 'none', 'cc': ['a.c'], 'headers': {'x': 1}}).json
    assert answer['queues'] == 1
    answer = api.get(explain + '?routing_key=none').json
    assert (answer['routed'], answer['queues']) == (False, 0)
    assert api.get(path('exchanges', VHOST, 'missing', 'explain')).status == 404
    assert api.post(explain, {'cc': [5]}).status == 400
