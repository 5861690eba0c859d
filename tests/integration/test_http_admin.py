"""Administration over the HTTP API: vhosts, users, permissions, policies, parameters, limits; who may do what."""
from concurrent.futures import ThreadPoolExecutor

import pytest

from http_client import Api, path
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

NOT_FOUND = {'error': 'Object Not Found', 'reason': 'Not Found'}


def refused(answer, status, reason, error='bad_request'):
    assert answer.status == status, answer
    assert answer.json == {'error': error, 'reason': reason}


@pytest.fixture
def api(broker):
    return Api(broker)


@pytest.fixture
def vhost(api, name):
    mine = name('vhost')
    assert api.put(path('vhosts', mine)).status == 201
    yield mine
    api.delete(path('vhosts', mine))


@pytest.fixture
def make_user(api, name):
    made = []

    def make(tags='', *vhosts):
        user = name(f'user{len(made)}')
        made.append(user)
        assert api.put(path('users', user), {'password': user, 'tags': tags}).status == 201
        for each in vhosts:
            everything = {'configure': '.*', 'write': '.*', 'read': '.*'}
            assert api.put(path('permissions', each, user), everything).status == 201
        return user
    yield make
    for user in made:
        api.delete(path('users', user))


# vhosts

def test_a_vhost_is_created_shown_changed_and_deleted(api, name):
    where = path('vhosts', name('a/b ü'))
    assert api.put(where, {'description': 'for tests', 'tags': 'one, two', 'default_queue_type': None}).status == 201
    shown = api.get(where).json
    node = api.get('/vhosts/%2F').json['cluster_state'].popitem()[0]
    assert shown.pop('name') == name('a/b ü')
    expected = {'cluster_state': {node: 'running'}, 'description': 'for tests', 'tags': ['one', 'two'],
                'default_queue_type': 'undefined', 'tracing': False, 'protected_from_deletion': False,
                'metadata': {'description': 'for tests', 'tags': ['one', 'two']}}
    assert {key: shown.get(key) for key in expected} == expected  # it has statistics, too, once it has been sampled
    assert api.put(where, {'tracing': True}).status == 204
    assert api.put(where, {'tags': ['three']}).status == 204
    shown = api.get(where).json
    assert (shown['tracing'], shown['tags'], shown['description']) == (True, ['three'], 'for tests')
    assert api.put(where, {'description': 'for more'}).status == 204
    shown = api.get(where).json
    assert (shown['tags'], shown['description']) == (['three'], 'for more')
    assert api.delete(where).status == 204
    refused(api.delete(where), 404, 'Not Found', 'Object Not Found')
    refused(api.get(where), 404, 'Not Found', 'Object Not Found')


def test_of_those_who_create_the_same_at_once_one_has_created_it(api, vhost, name):
    for where, body in ((path('vhosts', name('raced')), {}), (path('users', name('raced')), {'tags': ''}),
                        (path('policies', vhost, 'raced'), {'pattern': '.*', 'definition': {'max-length': 1}})):
        with ThreadPoolExecutor(6) as pool:
            statuses = sorted(pool.map(lambda _: api.put(where, body).status, range(6)))  # noqa: B023
        api.delete(where)
        assert statuses == [201] + 5 * [204], where


def test_who_creates_a_vhost_may_use_it(api, vhost, make_user):
    assert api.get(path('vhosts', vhost, 'permissions')).json == [
        {'user': 'guest', 'vhost': vhost, 'configure': '.*', 'write': '.*', 'read': '.*'}]
    assert [v['name'] for v in api.get('/vhosts', user=make_user('management')).json] == []
    assert vhost in [v['name'] for v in api.get('/vhosts').json]


def test_a_vhost_has_a_default_queue_type(api, name):
    where = path('vhosts', name('v'))
    assert api.put(where, {'default_queue_type': 'odd'}).status == 400
    assert api.put(where, {'default_queue_type': 'quorum'}).status == 201
    assert api.get(where).json['default_queue_type'] == 'quorum'
    api.delete(where)


def test_a_vhost_can_be_started(api, vhost):
    node = next(iter(api.get(path('vhosts', vhost)).json['cluster_state']))
    assert api.post(path('vhosts', vhost, 'start', node)).status == 204
    assert api.post(path('vhosts', 'no such vhost', 'start', node)).status == 400
    assert api.post(path('vhosts', vhost, 'start', 'rabbit@elsewhere')).status == 400


# users

def test_a_protected_vhost_is_not_deleted(own_broker):
    own = own_broker()
    api = Api(own)
    assert api.put('/vhosts/v').status == 201
    for _ in range(2):
        assert api.post('/vhosts/v/deletion/protection').status == 204
    assert api.put('/vhosts/v', {'description': 'd'}).status == 204
    own.restart()
    sentence = "Refusing to delete virtual host 'v' because it is protected from deletion"
    refused(api.delete('/vhosts/v'), 412, sentence, 'precondition_failed')
    denied = own.ctl('delete_vhost', 'v', check=False)
    assert (denied.code, sentence in denied.err) == (65, True)
    shown = api.get('/vhosts/v').json
    assert shown['protected_from_deletion'] is shown['metadata']['protected_from_deletion'] is True
    definitions = api.get('/definitions').json
    mine = {'description': 'd', 'tags': [], 'protected_from_deletion': True}
    assert {'name': 'v', 'metadata': mine} in definitions['vhosts']
    for method in api.post, api.delete:
        assert method('/vhosts/none/deletion/protection').status == 404
    assert api.delete('/vhosts/v/deletion/protection').status == 204
    assert api.get('/vhosts/v').json['protected_from_deletion'] is False
    assert api.post('/definitions', {'vhosts': [{'name': 'v', 'metadata': mine}]}).status == 204
    assert api.delete('/vhosts/v').status == 412     # an import protects it again
    assert api.post('/definitions', {'vhosts': [{'name': 'v', 'metadata': {'description': 'e'}}]}).status == 204
    assert own.ctl('list_vhosts', 'name', 'protected_from_deletion').out.splitlines()[-1] == 'v\ttrue'
    own.ctl('disable_vhost_deletion_protection', 'v')
    assert api.delete('/vhosts/v').status == 204
    assert api.post('/definitions', {'vhosts': [{'name': 'new', 'metadata': mine}]}).status == 204
    assert api.delete('/vhosts/new').status == 412


def test_a_user_is_created_shown_changed_and_deleted(api, name):
    user = name('u')
    where = path('users', user)
    assert api.put(where, {'password': 'secret', 'tags': 'management, policymaker'}).status == 201
    shown = api.get(where).json
    assert shown.pop('password_hash') and shown.pop('hashing_algorithm')
    assert shown == {'name': user, 'tags': ['management', 'policymaker'], 'limits': {}}
    assert api.get('/whoami', user=(user, 'secret')).json == {'name': user, 'tags': ['management', 'policymaker']}
    assert api.put(where, {'password': 'other', 'tags': ['management']}).status == 204
    assert api.get('/whoami', user=(user, 'secret')).status == 401
    assert api.get('/whoami', user=(user, 'other')).json['tags'] == ['management']
    assert api.put(where, {'tags': 'management'}).status == 204    # without a password
    assert api.get('/whoami', user=(user, 'other')).status == 401
    assert api.get(where).json['password_hash'] == ''
    assert api.delete(where).status == 204
    assert api.get(where).json == api.delete(where).json == NOT_FOUND


def test_a_user_comes_with_a_hash(api, name):
    user = name('u')
    where = path('users', user)
    made = api.get(path('auth', 'hash_password', 'a/b ü')).json['ok']
    assert api.put(where, {'password_hash': made, 'tags': 'management'}).status == 201
    assert api.get('/whoami', user=(user, 'a/b ü')).status == 200
    assert api.get(where).json['password_hash'] == made
    assert api.get(where).json['hashing_algorithm'] == 'rabbit_password_hashing_sha256'
    for wrong in ('!!', made[4:]):
        assert api.put(where, {'password_hash': wrong, 'tags': ''}).status == 400
    unknown = api.put(where, {'password_hash': made, 'hashing_algorithm': 'rot13', 'tags': ''})
    assert unknown.status == 400 and "unknown hashing_algorithm 'rot13'" in unknown.json['reason']
    refused(api.put(where, {'password_hash': made, 'password': 'x', 'tags': ''}), 400,
            'both_password_and_password_hash_are_provided')
    assert api.get('/whoami', user=(user, 'a/b ü')).status == 200    # none of these has changed it
    api.delete(where)


def test_what_is_not_a_user_is_refused_and_changes_nothing(api, name):
    where = path('users', name('u'))
    refused(api.put(where, {'password': 'x'}), 400, 'tags_not_present')
    for wrong in ({'password': 5, 'tags': ''}, {'password': 'x', 'tags': 5}, {'password': 'x', 'tags': [5]},
                  {'password': 'x', 'tags': '', 'limits': {'max-hats': 1}}, {'password': 'x', 'tags': '', 'limits': 5}):
        assert api.put(where, wrong).status == 400
    assert api.get(where).status == 404


def test_limits_of_a_user_stay_when_its_password_changes(api, name):
    where = path('users', name('u'))
    assert api.put(where, {'tags': '', 'limits': {'max-channels': 3}}).status == 201
    assert api.put(where, {'password': 'x', 'tags': ''}).status == 204
    assert api.get(where).json['limits'] == {'max-channels': 3}
    api.delete(where)


def test_several_users_are_deleted_or_none(api, make_user):
    users = [make_user(), make_user()]
    assert api.post('/users/bulk-delete', {'users': [users[0], 'no such user']}).status == 400
    assert api.post('/users/bulk-delete', {'users': [users[0], 5]}).status == 400
    assert api.post('/users/bulk-delete', {}).status == 400
    listed = [u['name'] for u in api.get('/users').json]
    assert set(users) <= set(listed) and listed == sorted(listed)
    assert api.post('/users/bulk-delete', {'users': users}).status == 204
    assert not set(users) & {u['name'] for u in api.get('/users').json}


def test_users_without_permissions_are_listed(api, vhost, make_user):
    with_some, without = make_user('', vhost), make_user()
    listed = [u['name'] for u in api.get('/users/without-permissions').json]
    assert without in listed and with_some not in listed and 'guest' not in listed


def test_a_deleted_user_is_disconnected(broker, api, make_user, vhost):
    user = make_user('', vhost)
    peer = Peer(broker.address, user=user, password=user, vhost=vhost)
    assert api.delete(path('users', user)).status == 204
    peer.expect('connection.close')
    peer.close()


# permissions

def test_permissions_are_set_shown_and_deleted(api, vhost, make_user):
    user = make_user()
    where = path('permissions', vhost, user)
    assert api.get(where).json == NOT_FOUND
    assert api.put(where, {'configure': '^a', 'write': '', 'read': '.*'}).status == 201
    assert api.put(where, {'configure': '^b', 'write': '', 'read': '.*'}).status == 204
    row = {'user': user, 'vhost': vhost, 'configure': '^b', 'write': '', 'read': '.*'}
    assert api.get(where).json == row
    assert api.get(path('users', user, 'permissions')).json == [row]
    assert row in api.get(path('vhosts', vhost, 'permissions')).json
    rows = api.get('/permissions').json
    assert row in rows and rows == sorted(rows, key=lambda each: (each['vhost'], each['user']))
    assert api.put(where, {'configure': '(', 'write': '', 'read': ''}).status == 400
    assert api.put(where, {'configure': '', 'write': ''}).status == 400
    assert api.put(where, {'configure': 1, 'write': '', 'read': ''}).status == 400
    assert api.get(where).json == row
    nothing = {'configure': '', 'write': '', 'read': ''}
    refused(api.put(path('permissions', vhost, 'nobody'), nothing), 400, 'vhost_or_user_not_found')
    refused(api.put(path('permissions', 'nowhere', user), nothing), 400, 'vhost_or_user_not_found')
    assert api.delete(where).status == 204
    assert api.delete(where).json == NOT_FOUND


def test_topic_permissions_are_set_shown_and_deleted(api, vhost, make_user):
    user = make_user()
    where = path('topic-permissions', vhost, user)
    assert api.get(where).status == 404
    assert api.put(where, {'exchange': 'amq.topic', 'write': '^a', 'read': '^b'}).status == 201
    assert api.put(where, {'exchange': 'x', 'write': '.*', 'read': '.*'}).status == 204
    assert api.put(where, {'exchange': 'x', 'write': '(', 'read': ''}).status == 400
    rows = [{'user': user, 'vhost': vhost, 'exchange': 'amq.topic', 'write': '^a', 'read': '^b'},
            {'user': user, 'vhost': vhost, 'exchange': 'x', 'write': '.*', 'read': '.*'}]
    for listing in (where, path('users', user, 'topic-permissions'), path('vhosts', vhost, 'topic-permissions')):
        assert api.get(listing).json == rows
    assert api.delete(where + '/amq.topic').status == 204
    assert api.get(where).json == rows[1:]
    assert api.delete(where).status == 204
    assert api.delete(where).status == 404


def test_what_a_user_may_do_is_told_with_the_reason(api, vhost, make_user):
    user = make_user('monitoring')

    def ask(**what):
        answer = api.get(path('users', user, 'access', vhost, **what))
        assert answer.status == 200, answer
        return answer.json, {each['action']: (each['allowed'], each.get('pattern')) for each in answer.json['checks']}
    shown, may = ask(queue='q')
    assert (shown['tags'], shown['exists'], shown['vhost_exists'], shown['asks_other_backends']) == (
        ['monitoring'], False, True, False)
    assert may == {each: (False, None) for each in ('vhost', 'configure', 'write', 'read')}
    assert shown['checks'][1]['reason'] == 'the user has no permissions in this vhost'
    patterns = {'configure': '', 'write': '^amq[.]topic$', 'read': '^reports[.]'}
    assert api.put(path('permissions', vhost, user), patterns).status == 201
    assert ask(queue='reports.daily')[1] == {'vhost': (True, None), 'configure': (False, ''),
                                             'write': (False, '^amq[.]topic$'), 'read': (True, '^reports[.]')}
    assert ask(exchange='amq.topic', routing_key='a.b')[1]['publish'] == (True, None)
    topic = {'exchange': 'amq.topic', 'write': '^{username}[.]', 'read': '.*'}
    assert api.put(path('topic-permissions', vhost, user), topic).status == 201
    shown, may = ask(exchange='amq.topic', routing_key='a.b')
    assert may['publish'] == (False, '^{username}[.]') and may['bind'] == (False, None) and shown['exists']
    assert ask(exchange='amq.topic', routing_key=user + '.b')[1]['publish'][0]
    assert ask(exchange='amq.default')[1]['write'] == (False, '^amq[.]topic$')
    assert api.get(path('users', user, 'access', vhost)).status == 400
    assert api.get(path('users', 'nobody', 'access', vhost, queue='q')).status == 404
    nowhere = api.get(f'{path("users", user, "access")}//?queue=q').json           # no vhost has an empty name
    assert (nowhere['vhost_exists'], {check['allowed'] for check in nowhere['checks']}) == (False, {False})
    assert not any('pattern' in check for check in nowhere['checks'])
    assert api.get(path('users', user, 'access', vhost, queue='q'), user=user).status == 401


# policies

def test_a_policy_is_set_shown_and_deleted(api, vhost):
    where = path('policies', vhost, 'a/p')
    assert api.put(where, {'pattern': '^q', 'definition': {'max-length': 10}, 'priority': 3, 'apply-to': 'queues'}).status == 201
    assert api.put(where, {'pattern': '^q', 'definition': {'max-length': 11}}).status == 204
    row = {'vhost': vhost, 'name': 'a/p', 'pattern': '^q', 'definition': {'max-length': 11}, 'priority': 0, 'apply-to': 'all'}
    assert api.get(where).json == row
    assert api.get(path('policies', vhost)).json == [row]
    assert row in api.get('/policies').json
    for name, priority in ('y', 5), ('x', 5), ('z', -1):
        body = {'pattern': '^q', 'definition': {'max-length': 1}, 'priority': priority}
        assert api.put(path('policies', vhost, name), body).status == 201
    assert [each['name'] for each in api.get(path('policies', vhost)).json] == ['z', 'a/p', 'x', 'y']
    assert api.put(where, {'pattern': '', 'definition': {'max-length': 1}, 'priority': 1e300}).status == 400
    refused(api.put(where, {'pattern': 1, 'definition': {'max-length': 1}}), 400,
            'Validation failed\n\npattern should be a binary but was 1\n')
    refused(api.put(where, {'pattern': '', 'definition': {'max-length': -1}}), 400,
            'Validation failed\n\n-1 is not a valid maximum length\n')
    refused(api.put(path('policies', 'nowhere', 'p'), {'pattern': '', 'definition': {'max-length': 1}}), 404,
            'vhost_not_found', 'not_found')
    assert api.delete(where).status == 204
    assert api.delete(where).json == NOT_FOUND
    assert api.get(path('policies', 'nowhere')).json == NOT_FOUND


def test_an_operator_policy_is_a_parameter_too(api, vhost):
    where = path('operator-policies', vhost, 'op')
    body = {'pattern': '^q', 'definition': {'expires': 100000}, 'priority': 3, 'apply-to': 'queues'}
    assert api.put(where, body).status == 201
    assert api.get(where).json == {'vhost': vhost, 'name': 'op', **body}
    assert api.get(path('operator-policies', vhost)).json == [api.get(where).json]
    assert api.get(path('policies', vhost)).json == []
    parameter = {'component': 'operator_policy', 'vhost': vhost, 'name': 'op', 'value': body}
    assert api.get(path('parameters', 'operator_policy', vhost)).json == [parameter]
    assert parameter in api.get('/parameters').json
    assert api.put(where, dict(body, definition={'dead-letter-exchange': 'x'})).status == 400
    assert api.delete(where).status == 204
    assert api.delete(where).status == 404


def test_a_policy_is_previewed(api, vhost, make_user):
    for queue, kind in ('orders.a', 'classic'), ('orders.b', 'quorum'), ('other', 'classic'):
        body = {'durable': True, 'arguments': {'x-queue-type': kind}}
        assert api.put(path('queues', vhost, queue), body).status == 201
    for policy, pattern, priority in ('first', r'\.a$', 9), ('mine', '^other', 1):
        body = {'pattern': pattern, 'priority': priority, 'definition': {'max-length': 1}, 'apply-to': 'queues'}
        assert api.put(path('policies', vhost, policy), body).status == 201

    def preview(**body):
        answer = api.post(path('policy-preview', vhost), body)
        assert answer.status == 200, answer
        return answer.json
    shown = preview(name='mine', pattern='^orders', priority=5, **{'apply-to': 'queues'})
    assert shown['items'] == [
        {'kind': 'queue', 'type': 'classic', 'name': 'orders.a', 'effect': 'hidden',
         'other': {'name': 'first', 'priority': 9}},
        {'kind': 'queue', 'type': 'quorum', 'name': 'orders.b', 'effect': 'in_force'},
        {'kind': 'queue', 'type': 'classic', 'name': 'other', 'effect': 'lost'}]
    assert shown['queues'] == {'in_force': 1, 'hidden': 1, 'unsupported': 0, 'lost': 1}
    assert shown['exchanges'] == {'in_force': 0, 'hidden': 0, 'unsupported': 0, 'lost': 0}
    shown = preview(pattern=r'\.a$', priority=10, definition={'delivery-limit': 3}, **{'apply-to': 'queues'})
    assert [each['effect'] for each in shown['items']] == ['unsupported']
    shown = preview(pattern=r'\.a$', priority=10)
    assert shown['items'][0]['other'] == {'name': 'first', 'priority': 9}
    assert preview(pattern='^amq[.]direct$')['exchanges']['in_force'] == 1
    refused(api.post(path('policy-preview', vhost), {'pattern': '(', 'apply-to': 'queues'}), 400,
            'Validation failed\n\npattern should be regular expression but is invalid: {"missing )",1}\n')
    shown = api.post(path('operator-policy-preview', vhost), {'pattern': '^orders', 'apply-to': 'queues'}).json
    assert shown['queues']['in_force'] == 2
    monitor, setter = make_user('monitoring', vhost), make_user('policymaker', vhost)
    assert api.post(path('policy-preview', vhost), {'pattern': ''}, user=monitor).status == 401
    assert api.post(path('policy-preview', vhost), {'pattern': ''}, user=setter).status == 200
    assert api.post(path('operator-policy-preview', vhost), {'pattern': ''}, user=setter).status == 401


def test_a_queue_says_where_its_settings_come_from(api, vhost):
    policy = {'pattern': '^q', 'apply-to': 'queues',
              'definition': {'max-length': 300, 'overflow': 'reject-publish', 'queue-mode': 'lazy', 'message-ttl': 1000}}
    limits = {'pattern': '^q', 'apply-to': 'queues', 'definition': {'max-length': 100, 'message-ttl': 5000}}
    assert api.put(path('policies', vhost, 'p'), policy).status == 201
    assert api.put(path('operator-policies', vhost, 'o'), limits).status == 201
    arguments = {'x-max-length': 500, 'x-overflow': 'drop-head', 'x-max-priority': 3, 'x-custom': 1}
    assert api.put(path('queues', vhost, 'q'), {'durable': True, 'arguments': arguments}).status == 201
    assert {each['key']: each for each in api.get(path('queues', vhost, 'q', 'settings')).json} == {
        'max-length': {'key': 'max-length', 'value': 100, 'source': 'operator_policy', 'has_effect': True,
                       'argument': 500, 'policy': {'name': 'p', 'value': 300},
                       'operator_policy': {'name': 'o', 'value': 100}},
        'max-priority': {'key': 'max-priority', 'value': 3, 'source': 'argument', 'has_effect': True, 'argument': 3},
        'message-ttl': {'key': 'message-ttl', 'value': 1000, 'source': 'policy', 'has_effect': True,
                        'policy': {'name': 'p', 'value': 1000}, 'operator_policy': {'name': 'o', 'value': 5000}},
        'overflow': {'key': 'overflow', 'value': 'drop-head', 'source': 'argument', 'has_effect': True,
                     'argument': 'drop-head', 'policy': {'name': 'p', 'value': 'reject-publish'}},
        'queue-mode': {'key': 'queue-mode', 'value': 'lazy', 'source': 'policy', 'has_effect': False,
                       'policy': {'name': 'p', 'value': 'lazy'}}}
    assert api.get(path('queues', vhost, 'none', 'settings')).status == 404


# parameters and limits

def test_parameters_and_limits_are_the_same(api, vhost):
    where = path('parameters', 'vhost-limits', vhost, 'limits')
    assert api.put(where, {'value': {'max-queues': 10}}).status == 201
    assert api.put(where, {'value': {'max-queues': 11}}).status == 204
    assert api.get(where).json == {'component': 'vhost-limits', 'vhost': vhost, 'name': 'limits', 'value': {'max-queues': 11}}
    assert api.put(where, {'value': {'max-queues': 'many'}}).status == 400
    refused(api.put(path('parameters', 'nonsense', vhost, 'x'), {'value': {}}), 400,
            'Validation failed\n\ncomponent nonsense not found\n')
    assert api.get('/parameters/nonsense').json == []
    limits = path('vhost-limits', vhost)
    assert api.get(limits).json == [{'vhost': vhost, 'value': {'max-queues': 11}}]
    assert api.put(limits + '/max-connections', {'value': 7}).status == 204
    assert api.put(limits + '/max-hats', {'value': 7}).status == 400
    assert api.put(limits + '/max-connections', {}).status == 400
    assert {'vhost': vhost, 'value': {'max-queues': 11, 'max-connections': 7}} in api.get('/vhost-limits').json
    for gone in 'max-queues', 'max-queues', 'max-connections':
        assert api.delete(f'{limits}/{gone}').status == 204
    assert api.get(limits).json == []
    assert api.delete(where).status == 404
    assert api.put(where, {'value': []}).status == 201
    assert api.put(limits + '/max-queues', {'value': 8}).status == 204
    assert api.get(limits).json == [{'vhost': vhost, 'value': {'max-queues': 8}}]


def test_global_parameters_are_any_json(api, name):
    where = path('global-parameters', name('g'))
    value = {'b': [1, 2.5, None, True, 'ü'], 'a': {}}
    assert api.put(where, {'value': value}).status == 201
    assert api.get(where).json == {'name': name('g'), 'value': value}
    assert api.put(where, {'value': 'text'}).status == 204
    assert {'name': name('g'), 'value': 'text'} in api.get('/global-parameters').json
    assert api.put(where, {}).status == 400
    assert api.put(where, {'value': 'a\0b'}).status == 400
    assert api.delete(where).status == 204
    assert api.delete(where).status == 404


def test_limits_of_users(api, make_user):
    user, other = make_user('management'), make_user('management')
    limits = path('user-limits', user)
    assert api.get(limits).json == []
    assert api.put(limits + '/max-channels', {'value': 5}).status == 204
    assert api.put(limits + '/max-connections', {'value': 7}).status == 204
    rows = [{'user': user, 'value': {'max-channels': 5, 'max-connections': 7}}]
    assert api.get(limits).json == rows
    assert rows[0] in api.get('/user-limits').json
    assert api.get('/user-limits', user=user).json == rows and api.get('/user-limits', user=other).json == []
    assert api.get(limits, user=other).status == 401
    for wrong in ('max-channels', {'value': 'x'}), ('max-hats', {'value': 1}):
        assert api.put(f'{limits}/{wrong[0]}', wrong[1]).status == 400
    assert api.put('/user-limits/nobody/max-channels', {'value': 1}).status == 400
    assert api.get('/user-limits/nobody').status == 404
    assert api.delete(limits + '/max-channels').status == 204
    assert api.get(path('users', user)).json['limits'] == {'max-connections': 7}


# who may

def test_each_tag_opens_what_it_opens_in_rabbitmq(api, vhost, name, make_user):
    other = name('other')
    assert api.put(path('vhosts', other)).status == 201
    policy = {'pattern': '^none$', 'definition': {'max-length': 1}}
    expected = {    # GETs, then PUTs
        'management': '200 200 200 200 401 401 401 401 401 / 401 401 401 401 401',
        'monitoring': '200 200 200 200 401 401 401 401 401 / 401 401 401 401 401',
        'policymaker': '200 200 200 200 200 200 401 401 401 / 201 401 201 401 401',
        'administrator': '200 200 200 200 200 200 200 200 200 / 204 201 204 201 204',
    }
    for tag, statuses in expected.items():
        user = make_user(tag, vhost)
        seen = [api.get(p, user=user).status for p in (
            '/vhosts', '/policies', '/operator-policies', '/vhost-limits', '/parameters', '/global-parameters', '/users',
            '/permissions', path('vhosts', vhost))]
        seen += ['/'] + [api.put(p, body, user=user).status for p, body in (
            (path('policies', vhost, 'p'), policy), (path('policies', other, 'p'), policy),
            (path('global-parameters', name('g')), {'value': 1}), (path('operator-policies', vhost, 'p'), policy),
            (path('parameters', 'vhost-limits', vhost, 'limits'), {'value': {'max-queues': 5}}))]
        seen[-1] = 204 if seen[-1] == 201 else seen[-1]
        assert ' '.join(map(str, seen)) == statuses, tag
        sees_all = tag in ('monitoring', 'administrator')
        assert (other in [v['name'] for v in api.get('/vhosts', user=user).json]) == sees_all
        assert api.get(path('policies', other), user=user).status == (200 if tag == 'administrator' else 401)
        assert api.get(path('vhost-limits', other), user=user).status == (200 if sees_all else 401)
    assert api.get('/vhosts', user=make_user('', vhost)).json == {'error': 'not_authorised', 'reason': 'Not management user'}
    api.delete(path('vhosts', other))
    api.delete(path('global-parameters', name('g')))


def test_a_vhost_that_does_not_exist_is_not_found_by_anybody(api, vhost, make_user):
    for tag in 'management', 'policymaker', 'administrator':
        user = make_user(tag, vhost)
        for target in 'exchanges', 'queues', 'bindings', 'policies', 'operator-policies', 'vhost-limits', 'consumers':
            assert api.get(path(target, 'nowhere'), user=user).json == NOT_FOUND, target
        binding = api.post(path('bindings', 'nowhere', 'e', 'amq.direct', 'q', 'q'), user=user)
        refused(binding, 404, 'vhost_not_found', 'not_found')
        if tag != 'management':
            policy = path('policies', 'nowhere', 'p')
            assert api.delete(policy, user=user).json == NOT_FOUND
            put = api.put(policy, {'pattern': '', 'definition': {'max-length': 1}}, user=user)
            refused(put, 404, 'vhost_not_found', 'not_found')


def test_an_operator_policy_is_not_set_as_a_parameter_by_a_policymaker(api, vhost, make_user):
    user = make_user('policymaker', vhost)
    value = {'pattern': '', 'definition': {'max-length': 1}, 'priority': 0, 'apply-to': 'queues'}
    where = path('parameters', 'operator_policy', vhost, 'sly')
    assert api.put(where, {'value': value}, user=user).status == 401
    assert api.put(where, {'value': value}).status == 201
    assert api.delete(where, user=user).status == 401


def test_the_queues_of_a_user_are_those_that_it_has_declared(own_broker):
    own = own_broker()
    api = Api(own)
    everything = {'configure': '.*', 'write': '.*', 'read': '.*'}
    for user in 'ann', 'bob':
        assert api.put(path('users', user), {'password': user, 'tags': 'management'}).status == 201
        assert api.put(path('permissions', '/', user), everything).status == 201
    assert api.put('/users/eve', {'password': 'eve', 'tags': ''}).status == 201
    assert api.put('/vhosts/hidden').status == 201
    assert api.put('/permissions/hidden/ann', everything).status == 201

    def names(user, by=('guest', 'guest'), **query):
        return [queue['name'] for queue in api.get(path('users', user, 'queues', **query), user=by).json]

    peer = Peer(own.address, user='ann', password='ann')
    peer.declare('a-durable', durable=True)
    peer.declare('a-passing', exclusive=True)
    assert api.put('/queues/%2F/a-put', {'durable': True}, user='ann').status == 201
    assert api.put('/queues/hidden/a-hidden', {'durable': True}, user='ann').status == 201
    assert api.put('/queues/%2F/a-put', {'durable': True}, user='bob').status == 204
    assert api.put('/queues/%2F/b', {'durable': True}, user='bob').status == 201
    queue = {'name': 'imported', 'vhost': '/', 'durable': True, 'auto_delete': False, 'arguments': {}}
    assert api.post('/definitions', {'queues': [queue]}).status == 204
    assert names('ann') == ['a-durable', 'a-passing', 'a-put', 'a-hidden']
    assert names('ann', by='bob') == ['a-durable', 'a-passing', 'a-put']
    assert names('ann', sort='name', sort_reverse='true') == ['a-put', 'a-passing', 'a-hidden', 'a-durable']
    page = api.get(path('users', 'ann', 'queues', page=2, page_size=3)).json
    assert [queue['name'] for queue in page['items']] == ['a-hidden'] and page['total_count'] == 4
    assert (names('bob'), names('guest'), names('nobody')) == (['b'], ['imported'], [])
    assert api.get('/users/ann/queues').json[0].keys() == api.get('/queues').json[0].keys()
    assert api.get('/users/ann/queues', user='eve').status == 401
    peer.drop()
    own.restart()
    assert names('ann') == ['a-durable', 'a-put', 'a-hidden']
    assert api.delete('/users/ann').status == 204    # the queues stay
    assert api.delete('/queues/%2F/a-put').status == 204
    assert names('ann') == ['a-durable', 'a-hidden'] and names('guest') == ['imported']


def test_changes_name_who_made_them(own_broker):
    own = own_broker()                               # others' changes in the same second could hide the line
    api = Api(own)
    assert api.put('/users/ann', {'password': 'ann', 'tags': 'administrator'}).status == 201
    assert api.put('/global-parameters/g', {'value': 1}, user='ann').status == 201
    eventually(lambda: "ann: global parameter 'g' is set" in own.log())
