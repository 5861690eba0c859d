"""What the HTTP API lists and shows: queues, exchanges, bindings, connections, channels and consumers; pages, order, columns; who
sees what."""
import contextlib

import pytest

from http_client import Api, path
from wire import Peer

pytestmark = pytest.mark.leveret

VHOST, OTHER = 'listings', 'listings/other'
OBJECT_NOT_FOUND = {'error': 'Object Not Found', 'reason': 'Not Found'}
NUMBERS = range(1, 26)


@pytest.fixture(scope='module')
def api(broker):
    for vhost in VHOST, OTHER:
        broker.ctl('add_vhost', vhost)
        broker.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
    for user, tag in (('reader', 'management'), ('monitor', 'monitoring')):
        broker.ctl('add_user', user, user)
        broker.ctl('set_user_tags', user, tag)
        broker.ctl('set_permissions', '-p', VHOST, user, '.*', '.*', '.*')
    api = Api(broker)
    for n in NUMBERS:
        body = {'arguments': {'x-max-length': 100 - n}} if n % 5 == 0 else {}
        assert api.put(path('queues', VHOST, f'p-{n:02}'), body).status == 201
    assert api.put(path('queues', OTHER, 'elsewhere'), {}).status == 201
    yield api
    for vhost in VHOST, OTHER:
        broker.ctl('delete_vhost', vhost)
    for user in 'reader', 'monitor':
        broker.ctl('delete_user', user)


@pytest.fixture(scope='module')
def busy(api, broker):
    """A connection with two channels; the first has published five messages, one of them to nowhere, and consumes."""
    properties = {'connection_name': 'listed', 'product': 'test'}
    with Peer(broker.address, vhost=VHOST, properties=properties) as peer:
        peer.open_channel(2)
        peer.declare('live', arguments={'x-single-active-consumer': False})
        peer.call(1, 'confirm.select')
        for routing_key in ['live'] * 4 + ['nowhere']:
            peer.publish(routing_key=routing_key, body=b'message')
            peer.expect('basic.ack')
        peer.call(1, 'basic.qos', prefetch_count=7)
        peer.call(1, 'basic.consume', queue='live', consumer_tag='tag')
        peer.contents(4)
        yield peer


def names(answer):
    rows = answer.json
    return [row['name'] for row in (rows['items'] if isinstance(rows, dict) else rows)]


def queues(**query):
    return path('queues', VHOST, **{key: str(value) for key, value in query.items()})


def wanted(numbers):
    return [f'p-{n:02}' for n in numbers]


# pages


@pytest.mark.parametrize('query, expected', [
    ({'page': 1, 'page_size': 10}, {'items': wanted(range(1, 11)), 'page_count': 3, 'filtered_count': 25}),
    ({'page': 6, 'page_size': 5}, {'items': [], 'page': 6, 'page_count': 5}),
    ({'page': 3, 'page_size': 10}, {'items': wanted(range(21, 26)), 'page_count': 3, 'item_count': 5}),
    ({'page': 1}, {'items': wanted(NUMBERS), 'page_count': 1, 'page_size': 100}),
    ({'page': 1, 'page_size': 10, 'name': 'P-1'}, {'items': wanted(range(10, 20)), 'filtered_count': 10, 'total_count': 25}),
    ({'page': 1, 'name': 'zzz'}, {'items': [], 'filtered_count': 0, 'page_count': 0, 'page': 1}),
    ({'page': 1, 'name': '^p-.5$', 'use_regex': 'true'}, {'items': wanted([5, 15, 25])}),
    ({'page': 1, 'name': '^p-.5$', 'use_regex': 'false'}, {'items': []}),
    ({'page': 1, 'page_size': 3, 'sort': 'name', 'sort_reverse': 'true'}, {'items': wanted([25, 24, 23]), 'page_count': 9}),
])
def test_a_page_is_chosen_out_of_what_matches(api, query, expected):
    answer = api.get(queues(**query))
    assert answer.status == 200, answer
    seen = {**answer.json, 'items': names(answer)}
    assert set(seen) == {'filtered_count', 'item_count', 'items', 'page', 'page_count', 'page_size', 'total_count'}
    assert {key: seen[key] for key in expected} == expected
    assert seen['item_count'] == len(seen['items'])


@pytest.mark.parametrize('query, error, reason', [
    ({'page': 7, 'page_size': 5}, 'page_out_of_range', 'Page out of range, page: 7 page size: 5, len: 25'),
    ({'page': 4, 'page_size': 10}, 'page_out_of_range', 'Page out of range, page: 4 page size: 10, len: 25'),
    ({'page': 2 ** 31 - 1}, 'page_out_of_range', 'Page out of range, page: 2147483647 page size: 100, len: 25'),
    ({'page': 0, 'page_size': 10}, 'invalid_pagination_parameters', 'Invalid pagination parameters: page number 0, page size 10'),
    ({'page': -1}, 'invalid_pagination_parameters', 'Invalid pagination parameters: page number -1, page size undefined'),
    ({'page': 1, 'page_size': 501}, 'invalid_pagination_parameters', 'Invalid pagination parameters: page number 1, page size 501'),
    ({'page': 'abc'}, 'bad_request', 'Pagination parameters are invalid'),
    ({'page': ''}, 'bad_request', 'Pagination parameters are invalid'),
    ({'page': 1, 'page_size': 'x'}, 'bad_request', 'Pagination parameters are invalid'),
    ({'page': 1, 'name': '(', 'use_regex': 'true'}, 'bad_request', 'Pagination parameters are invalid'),
    ({'lengths_age': 60, 'lengths_incr': 0}, 'invalid_range_parameters', 'Invalid range parameters: age 60, incr 0'),
])
def test_parameters_that_make_no_sense_are_refused(api, query, error, reason):
    answer = api.get(queues(**query))
    assert answer.status == 400 and answer.json == {'error': error, 'reason': reason}


@pytest.mark.parametrize('query', [{'page_size': 2}, {'name': 'p-1'}, {'sort': 'nonsense'}, {'lengths_age': 60}])
def test_a_listing_is_whole_without_a_page(api, query):
    assert names(api.get(queues(**query))) == wanted(NUMBERS)


def test_some_listings_have_no_pages(api):
    for target in path('policies', VHOST, page=1), '/permissions?page=1':
        assert isinstance(api.get(target).json, list)
    assert set(api.get(path('exchanges', VHOST, page=1, page_size=3, name='topic')).json) >= {'items', 'page_count'}


# order and columns


def test_rows_are_sorted_by_members_of_members(api):
    assert names(api.get(queues(sort='arguments.x-max-length', sort_reverse='true')))[:6] == wanted([5, 10, 15, 20, 25, 24])
    assert names(api.get(queues(sort='name', sort_reverse='true')))[:2] == wanted([25, 24])


def test_columns_choose_members(api):
    row = api.get(path('queues', VHOST, 'p-05', columns='name,durable')).json
    assert row == {'name': 'p-05', 'durable': False}
    rows = api.get(queues(page=1, columns='name,arguments.x-max-length')).json['items']
    assert rows[3:5] == [{'name': 'p-04', 'arguments': {}}, {'name': 'p-05', 'arguments': {'x-max-length': 95}}]
    assert api.get(queues(page=1, page_size=1, columns='nonsense')).json['items'] == [{}]
    assert api.get(path('bindings', VHOST, columns='source,destination')).json[0] == {'source': '', 'destination': 'p-01'}


def test_a_queue_can_be_shown_without_statistics(api):
    plain = {'arguments', 'auto_delete', 'durable', 'exclusive', 'name', 'node', 'state', 'type', 'vhost'}
    totals = {'messages', 'messages_ready', 'messages_unacknowledged'}
    assert set(api.get(queues(disable_stats='true')).json[0]) == plain
    row = api.get(queues(disable_stats='true', enable_queue_totals='true')).json[0]
    assert set(row) == plain | totals and row['state'] == 'running'


def test_without_statistics_policies_and_replicas_are_shown(api):
    policy = path('policies', OTHER, 'p')
    quorum = path('queues', OTHER, 'replicated')
    assert api.put(quorum, {'durable': True, 'arguments': {'x-queue-type': 'quorum'}}).status == 201
    assert api.put(policy, {'pattern': '^else', 'definition': {'max-length': 9}}).status == 201
    plain, replicated = api.get(path('queues', OTHER, disable_stats='true')).json
    assert plain['policy'] == 'p' and 'policy' not in replicated and 'leader' not in plain
    assert replicated['members'] == replicated['online'] == [replicated['leader']] == [replicated['node']]
    assert all('message_stats' not in row for row in api.get(path('exchanges', VHOST, disable_stats='true')).json)
    assert 'messages' not in api.get(path('vhosts', VHOST, disable_stats='true')).json
    assert api.delete(quorum).status == api.delete(policy).status == 204


# what lives


def test_a_queue_shows_its_messages_and_consumers(api, busy):
    shown = api.wait(path('queues', VHOST, 'live'), lambda answer: answer.json.get('message_stats', {}).get('deliver') == 4).json
    assert (shown['messages'], shown['messages_ready'], shown['messages_unacknowledged']) == (4, 0, 4)
    assert (shown['message_bytes'], shown['consumers'], shown['state']) == (28, 1, 'running')
    assert shown['effective_policy_definition'] == {} and shown['policy'] is None
    assert shown['message_stats']['publish'] == 4 and shown['message_stats']['publish_details']['rate'] >= 0
    assert 'confirm' not in shown['message_stats'] and 'idle_since' in shown
    [consumer] = shown['consumer_details']
    assert consumer['queue'] == {'name': 'live', 'vhost': VHOST} and consumer['consumer_tag'] == 'tag'
    assert consumer['prefetch_count'] == 7 and consumer['messages_unacknowledged'] == 4 and consumer['channel_details']['number'] == 1
    assert api.get(path('consumers', VHOST)).json == [consumer]


@pytest.mark.parametrize('kind, field', [('classic', 'single_active_consumer_tag'), ('quorum', 'single_active_consumer_ctag')])
def test_a_queue_names_its_single_active_consumer(api, busy, kind, field):
    name, q = 'single-' + kind, path('queues', VHOST, 'single-' + kind)
    busy.declare(name, durable=True, arguments={'x-single-active-consumer': True, 'x-queue-type': kind})
    assert api.get(q).json[field] is None
    for tag in ('first', 'second'):
        busy.call(1, 'basic.consume', queue=name, consumer_tag=tag)
    assert api.get(q).json[field] == 'first'
    busy.call(1, 'basic.cancel', consumer_tag='first')
    assert api.get(q).json[field] == 'second'
    busy.call(1, 'basic.cancel', consumer_tag='second')
    busy.call(1, 'queue.delete', queue=name)


def test_samples_are_shown_if_they_are_asked_for(api, busy):
    target = path('queues', VHOST, 'live', lengths_age=60, lengths_incr=5, msg_rates_age=60, msg_rates_incr=5)
    shown = api.wait(target, lambda answer: 'samples' in answer.json['message_stats']['publish_details']).json
    for details in shown['messages_details'], shown['message_stats']['publish_details']:
        assert set(details) == {'rate', 'avg', 'avg_rate', 'samples'}
        times = [sample['timestamp'] for sample in details['samples']]
        assert len(times) == 13 and times == [times[0] - 5000 * i for i in range(13)]


def test_connections_and_channels_are_listed_and_shown(api, busy):
    [row] = [row for row in api.get('/connections').json if row['vhost'] == VHOST]
    assert (row['user'], row['channels'], row['protocol'], row['user_provided_name']) == ('guest', 2, 'AMQP 0-9-1', 'listed')
    assert row['client_properties']['product'] == 'test' and row['ssl_protocol'] is None
    shown = api.get(path('connections', row['name'], columns='name')).json
    assert shown['ssl_protocol'] == '' and shown['name'] == row['name']
    assert [row['number'] for row in api.get(path('connections', row['name'], 'channels')).json] == [1, 2]
    assert api.get(path('connections', row['name'], 'sessions')).json == []
    assert {'name': row['name'], 'node': row['node'], 'user': 'guest', 'vhost': VHOST} in \
        api.get(path('connections', 'username', 'guest', page=1)).json['items']
    counted = ('publish', 5), ('confirm', 5), ('drop_unroutable', 1), ('deliver', 4), ('ack', 0)
    channel = api.wait(path('channels', row['name'] + ' (1)'),
                       lambda answer: answer.json.get('message_stats', {}).get('deliver') == 4).json
    assert {key: channel['message_stats'][key] for key, _ in counted} == dict(counted)
    assert channel['connection_details']['name'] == row['name'] and channel['confirm'] is True
    assert [consumer['consumer_tag'] for consumer in channel['consumer_details']] == ['tag']
    assert names(api.get(path('vhosts', VHOST, 'channels'))) == [row['name'] + ' (1)', row['name'] + ' (2)']
    assert names(api.get(path('vhosts', VHOST, 'connections'))) == [row['name']]


def test_connections_and_channels_are_in_the_order_of_vhosts_and_names(api, broker, busy):
    with contextlib.ExitStack() as stack:
        for vhost in (OTHER, VHOST) * 3:
            stack.enter_context(Peer(broker.address, vhost=vhost))
        for target in 'connections', 'channels':
            rows = api.wait(f'/{target}', lambda answer: len(answer.json) >= 7).json
            page = api.get(f'/{target}?page=2&page_size=2').json['items']
            assert {VHOST, OTHER} <= {row['vhost'] for row in rows} and len(page) == 2
            for shown in rows, page:
                assert shown == sorted(shown, key=lambda row: (row['vhost'], row['name']))


def test_an_exclusive_queue_names_its_owner(api, busy):
    busy.declare('mine', exclusive=True)
    shown = api.get(path('queues', VHOST, 'mine')).json
    assert shown['exclusive'] is True
    assert shown['owner_pid_details']['name'] == api.get(path('vhosts', VHOST, 'connections')).json[0]['name']
    busy.call(1, 'queue.delete', queue='mine')


def test_exchanges_count_what_goes_through_them(api, busy):
    shown = api.wait(path('exchanges', VHOST, 'amq.default'), lambda answer: 'message_stats' in answer.json).json
    assert (shown['name'], shown['message_stats']['publish_in']) == ('', 5)
    assert shown['incoming'] == shown['outgoing'] == []
    sent = api.wait(path('vhosts', VHOST), lambda answer: 'message_stats' in answer.json).json
    assert sent['message_stats']['publish'] == 5 and sent['messages'] == 4


# bindings


def test_bindings_are_found_by_their_ends_and_properties(api):
    between = path('bindings', VHOST, 'e', 'amq.topic', 'q', 'p-01')
    for body in {'routing_key': 'a/b c%~'}, {'routing_key': ''}, {'routing_key': 'k', 'arguments': {'n': 5}}:
        assert api.post(between, body).status == 201
    rows = api.get(between).json
    assert sorted(row['properties_key'] for row in rows) == ['a%2Fb+c%25%7E', 'k~-5qlfw', '~']
    for row in rows:
        assert api.get(between + path(row['properties_key'])).json == row
    assert api.get(between + '/missing').json == OBJECT_NOT_FOUND
    of_queue = api.get(path('queues', VHOST, 'p-01', 'bindings')).json
    assert [row['source'] for row in of_queue] == ['', 'amq.topic', 'amq.topic', 'amq.topic']
    assert api.get(path('queues', VHOST, 'none', 'bindings')).json == []
    assert api.get(path('exchanges', VHOST, 'amq.topic', 'bindings', 'source')).json == rows
    assert api.get(path('exchanges', VHOST, 'amq.topic', 'bindings', 'destination')).json == []
    assert len(api.get(path('exchanges', VHOST, 'amq.default', 'bindings', 'source', columns='vhost')).json) >= 25
    assert api.get(path('bindings', VHOST, 'e', 'amq.default', 'q', 'p-02')).json[0]['properties_key'] == 'p-02'


def page_of(api, *parts, **query):
    answer = api.get(path(*parts, page=1, page_size=1, **query)).json
    return answer['filtered_count'], answer['items']


def test_sessions_and_bindings_are_paged_and_found_by_what_people_know_of_them(api, busy):
    for kind in 'connections', 'channels':
        for target in (kind,), ('vhosts', VHOST, kind):
            count, [row] = page_of(api, *target, name='LISTED')
            assert count == (2 if kind == 'channels' else 1) and row['vhost'] == VHOST
            assert page_of(api, *target, name='unlisted') == (0, [])
    assert row['connection_details']['user_provided_name'] == 'listed'
    busy.call(1, 'basic.consume', queue='live', consumer_tag='tag-2')
    for name, expected in (('TAG', 2), ('tag-2', 1), ('live', 2), ('listed', 2), ('nobody', 0)):
        count, rows = page_of(api, 'consumers', VHOST, name=name)
        assert (count, len(rows)) == (expected, min(expected, 1))
    [tags] = {tuple(row['consumer_tag'] for row in api.get(path('consumers', VHOST)).json)}
    assert tags == ('tag', 'tag-2')
    busy.call(1, 'basic.cancel', consumer_tag='tag-2')
    for queue in 'p-03', 'p-04':
        assert api.post(path('bindings', VHOST, 'e', 'amq.direct', 'q', queue), {'routing_key': 'paged'}).status == 201
    for target in ('bindings', VHOST), ('exchanges', VHOST, 'amq.direct', 'bindings', 'source'):
        assert [page_of(api, *target, name=name)[0] for name in ('amq.direct', 'PAGED', 'nothing')] == [2, 2, 0]
    assert page_of(api, 'queues', VHOST, 'p-03', 'bindings', name='paged')[0] == 1


# who sees what


def test_users_see_the_vhosts_that_they_have_access_to(api):
    for user in 'reader', 'monitor':
        assert {row['vhost'] for row in api.get('/queues', user=user).json} == {VHOST}
        assert {row['vhost'] for row in api.get('/exchanges', user=user).json} == {VHOST}
        assert {row['vhost'] for row in api.get('/bindings', user=user).json} == {VHOST}
        for kind in 'queues', 'exchanges', 'bindings':
            answer = api.get(path(kind, OTHER), user=user)
            assert answer.status == 401
            assert answer.json == {'error': 'not_authorised', 'reason': 'User not authorised to access virtual host'}
    assert {row['vhost'] for row in api.get('/queues').json} >= {VHOST, OTHER}


def test_users_see_their_own_connections_and_monitors_all(api, busy, broker):
    [name] = names(api.get(path('vhosts', VHOST, 'connections')))
    for target in '/connections', '/channels', '/consumers', path('vhosts', VHOST, 'channels'):
        assert api.get(target, user='reader').json == []
        assert len(api.get(target, user='monitor').json) >= 1
    answer = api.get(path('connections', name), user='reader')
    assert answer.status == 401
    assert answer.json == {'error': 'not_authorised', 'reason': 'User not authorised to access object'}
    with Peer(broker.address, vhost=VHOST, user='reader', password='reader'):
        assert [row['user'] for row in api.get('/connections', user='reader').json] == ['reader']


@pytest.mark.parametrize('target', [
    path('queues', 'missing'), path('queues', VHOST, 'missing'), path('exchanges', 'missing'), path('exchanges', VHOST, 'missing'),
    path('bindings', 'missing'), path('consumers', 'missing'), path('vhosts', 'missing', 'connections'),
    path('vhosts', 'missing', 'channels'), path('connections', 'missing'), path('channels', 'missing'),
    path('connections', 'missing', 'channels')])
def test_what_is_missing_is_not_found(api, target):
    answer = api.get(target)
    assert answer.status == 404 and answer.json == OBJECT_NOT_FOUND


def test_many_queues_are_listed_in_parts_and_in_pages(api, broker):
    many, count = 'listings/many', 2100
    broker.ctl('add_vhost', many)
    broker.ctl('set_permissions', '-p', many, 'guest', '.*', '.*', '.*')
    expected = [f'm-{n:04}' for n in range(count)]
    with Peer(broker.address, vhost=many) as peer:
        for queue in expected:
            peer.send(1, 'queue.declare', queue=queue)
        for _ in expected:
            peer.expect('queue.declare-ok')
        for n in range(3):
            for _ in range(n):
                peer.publish(routing_key=f'm-{n:04}', body=b'x')
        peer.declare('m-0000')
        assert names(api.get(path('queues', many))) == expected
        target = path('queues', many, page=2, page_size=10, sort='name', columns='name')
        assert api.get(target).json['items'] == [{'name': name} for name in expected[10:20]]
        target = path('queues', many, page=1, page_size=2, sort='messages', sort_reverse='true')
        page = api.wait(target, lambda answer: answer.json['items'][0]['messages'] == 2 and names(answer) == ['m-0002', 'm-0001']).json
        assert page['total_count'] == page['filtered_count'] == count
        assert api.get(path('queues', many, page=1, name='m-000')).json['filtered_count'] == 10
        assert api.get(path('queues', many, page=22)).json['items'] == []
        assert api.get(path('queues', many, page=23)).json['error'] == 'page_out_of_range'
    broker.ctl('delete_vhost', many)
