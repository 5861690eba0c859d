"""Definitions, out and in: what comes out goes in again, of Leveret and of every RabbitMQ; all of a file or nothing of it."""
import base64
import hashlib
import http.server
import json
import os
import re
import ssl
import threading
import time

import pytest

from brokers import Leveret
from certificates import Authority
from http_client import Api, basic, path
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

HASH = 'DyjTNqM4JWwtmDXcAAFd/yXNAjiYxLYR06csmr+jIYjjF6AK'           # of the password p

LISTS = ('users', 'vhosts', 'permissions', 'topic_permissions', 'parameters', 'global_parameters', 'policies', 'queues',
         'exchanges', 'bindings')


def exported(broker):
    return json.loads(broker.ctl('-q', 'export_definitions', '-').out)


def imported(broker, definitions, *options, check=True):
    text = definitions if isinstance(definitions, str) else json.dumps(definitions)
    return broker.ctl('import_definitions', *options, input=text, check=check)


def rows(definitions, kind):
    """What a list contains, in no order."""
    return sorted(json.dumps(row, sort_keys=True) for row in definitions.get(kind, []))


def assert_contains(definitions, wanted, but=()):
    for kind in LISTS:
        have = {json.dumps({k: v for k, v in row.items() if (kind, k) not in but}, sort_keys=True)
                for row in definitions[kind]}
        want = {json.dumps({k: v for k, v in row.items() if (kind, k) not in but}, sort_keys=True)
                for row in wanted.get(kind, [])}
        assert want <= have, f'{kind} lack {want - have} of {have}'


@pytest.fixture(scope='module')
def shop(workspace, last_config):
    """One broker for the tests of this file; each uses vhosts of its own."""
    one = Leveret(os.path.join(workspace, 'definitions'), environment={'RABBITMQ_CONFIG_FILES': last_config}).start()
    yield one
    one.stop()


EVERYTHING = {
    'rabbit_version': '3.10.8', 'rabbitmq_version': '3.10.8', 'product_name': 'RabbitMQ', 'product_version': '3.10.8',
    'users': [{'name': 'e-u', 'password_hash': HASH, 'hashing_algorithm': 'rabbit_password_hashing_sha256',
               'tags': ['management', 'audit'], 'limits': {'max-connections': 5}}],
    'vhosts': [{'name': 'e'}, {'name': 'e-quorum', 'metadata': {'description': 'd', 'tags': ['a', 'b'],
                                                                'default_queue_type': 'quorum'}}],
    'permissions': [{'user': 'e-u', 'vhost': 'e', 'configure': '^a', 'write': '.*', 'read': ''}],
    'topic_permissions': [{'user': 'e-u', 'vhost': 'e', 'exchange': 'x', 'write': '^{username}', 'read': '^b'}],
    'parameters': [
        {'value': {'max-queues': 50}, 'vhost': 'e', 'component': 'vhost-limits', 'name': 'limits'},
        {'value': {'pattern': '^k', 'definition': {'expires': 7000000}, 'priority': 0, 'apply-to': 'queues'},
         'vhost': 'e', 'component': 'operator_policy', 'name': 'op'}],
    'global_parameters': [{'name': 'e-g', 'value': {'a': [1, 2.5, None, True]}}],
    'policies': [{'vhost': 'e', 'name': 'p', 'pattern': '^k', 'apply-to': 'queues', 'definition': {'max-length': 7},
                  'priority': 2}],
    'queues': [
        {'name': 'kept', 'vhost': 'e', 'durable': True, 'auto_delete': False,
         'arguments': {'x-max-length': 5, 'note': 'text', 'list': [1, 'a', {'b': False}], 'ratio': 0.5}},
        {'name': 'transient', 'vhost': 'e', 'durable': False, 'auto_delete': True, 'arguments': {}},
        {'name': 'wächter', 'vhost': 'e', 'durable': True, 'auto_delete': False, 'arguments': {'x-queue-type': 'quorum'}}],
    'exchanges': [
        {'name': 'x', 'vhost': 'e', 'type': 'topic', 'durable': True, 'auto_delete': False, 'internal': False,
         'arguments': {'alternate-exchange': 'amq.fanout'}},
        {'name': 'inner', 'vhost': 'e', 'type': 'x-consistent-hash', 'durable': True, 'auto_delete': False, 'internal': True,
         'arguments': {}}],
    'bindings': [
        {'source': 'x', 'vhost': 'e', 'destination': 'kept', 'destination_type': 'queue', 'routing_key': 'a.*',
         'arguments': {'n': 1}},
        {'source': 'inner', 'vhost': 'e', 'destination': 'kept', 'destination_type': 'queue', 'routing_key': '3', 'arguments': {}},
        {'source': 'x', 'vhost': 'e', 'destination': 'inner', 'destination_type': 'exchange', 'routing_key': '#', 'arguments': {}},
        {'source': 'amq.topic', 'vhost': 'e', 'destination': 'transient', 'destination_type': 'queue', 'routing_key': 'k',
         'arguments': {}}],
}


def test_everything_comes_in_goes_out_and_comes_in_again_without_a_change(shop):
    done = imported(shop, EVERYTHING)
    assert done.err == ''
    once = exported(shop)
    assert_contains(once, EVERYTHING, but={('vhosts', 'limits'), ('vhosts', 'metadata'), ('queues', 'type')})
    assert {v['name']: (v['limits'], v['metadata']) for v in once['vhosts'] if v['name'][0] == 'e'} == {
        'e': ({'max-queues': 50}, {'description': '', 'tags': []}),
        'e-quorum': ({}, {'description': 'd', 'tags': ['a', 'b'], 'default_queue_type': 'quorum'})}
    for again in EVERYTHING, once:
        imported(shop, again)
        assert exported(shop) == once
    shop.kill()
    shop.start()                                             # what is durable has been stored
    stored = exported(shop)
    for kind in LISTS:
        temporary = [json.dumps(row, sort_keys=True) for row in once[kind]
                     if 'transient' in (row.get('name'), row.get('destination'))]
        assert rows(stored, kind) == [row for row in rows(once, kind) if row not in temporary]
    Peer(shop.address, user='e-u', password='p', vhost='e').drop()


def test_a_binding_of_a_client_is_found_again_though_json_has_one_kind_of_number(shop):
    shop.ctl('add_vhost', 'b')
    shop.ctl('set_permissions', '-p', 'b', 'guest', '.*', '.*', '.*')
    peer = Peer(shop.address, vhost='b')
    peer.call(1, 'queue.declare', queue='q', durable=True)
    peer.call(1, 'queue.bind', queue='q', exchange='amq.headers', routing_key='', arguments={'n': ('I', 1), 'x-match': ('S', 'all')})
    before = exported(shop)
    imported(shop, before)
    assert exported(shop) == before
    peer.drop()


THREE_MISTAKES = {
    'vhosts': [{'name': 'm'}],
    'users': [{'name': 'm-u', 'password': 'x', 'tags': ''}],
    'queues': [{'name': 'good', 'vhost': 'm'}, {'name': 'bad', 'vhost': 'm', 'arguments': {'x-max-length': 'many'}}],
    'policies': [{'name': 'p', 'vhost': 'm', 'pattern': '(', 'definition': {'max-length': 1}}],
    'bindings': [{'source': 'amq.direct', 'vhost': 'm', 'destination': 'bad', 'destination_type': 'queue', 'routing_key': ''},
                 {'source': 'gone', 'vhost': 'm', 'destination': 'good', 'destination_type': 'queue', 'routing_key': ''}],
}


def test_a_file_with_three_mistakes_names_all_three_and_changes_nothing(shop):
    before = exported(shop)
    refused = imported(shop, THREE_MISTAKES, check=False)
    assert refused.code == 65
    assert refused.err.splitlines() == [
        "policies[0] 'p' in vhost 'm': Validation failed: pattern should be regular expression but is invalid: "
        '{"missing )",1}',
        "queues[1] 'bad' in vhost 'm': invalid arg 'x-max-length' for queue 'bad' in vhost 'm': "
        '"expected integer, got longstr"',
        "bindings[1] from 'gone' to 'good' in vhost 'm': no exchange 'gone' in vhost 'm'"]
    assert exported(shop) == before
    eventually(lambda: "error] <0.0.0> definitions: queues[1] 'bad'" in shop.log())


CONFLICTS = [
    ({'queues': [{'name': 'kept', 'vhost': 'c', 'durable': False}]}, "inequivalent arg 'durable' for queue 'kept'"),
    ({'queues': [{'name': 'kept', 'vhost': 'c', 'arguments': {'x-max-length': 6}}]}, "inequivalent arg 'x-max-length'"),
    ({'queues': [{'name': 'new', 'vhost': 'c'}, {'name': 'new', 'vhost': 'c', 'auto_delete': True}]},
     "queues[1] 'new' in vhost 'c': contradicts queues[0]"),
    ({'queues': [{'name': f'q{n}', 'vhost': 'c'} for n in range(5)]}, "vhost 'c' would have 6, but its limit max-queues is 5"),
    ({'queues': [{'name': 'amq.q', 'vhost': 'c'}]}, "contains reserved prefix 'amq.*'"),
    ({'queues': [{'name': 's', 'vhost': 'c', 'arguments': {'x-queue-type': 'stream'}}]}, "queues[0] 's' in vhost 'c': "),
    ({'exchanges': [{'name': 'x', 'vhost': 'c', 'type': 'fanout'}]}, "inequivalent arg 'type' for exchange 'x'"),
    ({'exchanges': [{'name': 'y', 'vhost': 'c', 'type': 'nope'}]}, "unknown exchange type 'nope'"),
    ({'exchanges': [{'name': 'amq.direct', 'vhost': 'c', 'type': 'topic'}]}, "inequivalent arg 'type'"),
    ({'bindings': [{'source': '', 'vhost': 'c', 'destination': 'kept', 'destination_type': 'queue', 'routing_key': 'k'}]},
     'operation not permitted on the default exchange'),
    ({'bindings': [{'source': 'x', 'vhost': 'c', 'destination': 'kept', 'destination_type': 'hat', 'routing_key': 'k'}]},
     "destination_type: expected queue or exchange, got 'hat'"),
    ({'bindings': [{'source': 'x', 'vhost': 'c', 'destination': 'none', 'destination_type': 'queue', 'routing_key': 'k'}]},
     "no queue 'none' in vhost 'c'"),
    ({'bindings': [{'source': 'amq.headers', 'vhost': 'c', 'destination': 'kept', 'destination_type': 'queue',
                    'routing_key': '', 'arguments': {'x-match': 'some'}}]}, 'x-match'),
    ({'permissions': [{'user': 'nobody', 'vhost': 'c', 'configure': '', 'write': '', 'read': ''}]}, 'no_such_user'),
    ({'permissions': [{'user': 'guest', 'vhost': 'gone', 'configure': '', 'write': '', 'read': ''}]}, 'no_such_vhost'),
    ({'permissions': [{'user': 'guest', 'vhost': 'c', 'configure': '(', 'write': '', 'read': ''}]}, 'configure permission'),
    ({'topic_permissions': [{'user': 'guest', 'vhost': 'c', 'exchange': 'x', 'write': '(', 'read': ''}]}, 'topic write'),
    ({'users': [{'name': 'u'}]}, 'tags is missing'),
    ({'users': [{'name': 'u', 'tags': '', 'password_hash': 'no hash'}]}, 'not_base64'),
    ({'users': [{'name': 'u', 'tags': '', 'password': 'a', 'password_hash': HASH}]},
     'both_password_and_password_hash_are_provided'),
    ({'users': [{'name': 'u', 'tags': '', 'password_hash': HASH, 'hashing_algorithm': 'rot13'}]}, "hashing_algorithm 'rot13'"),
    ({'users': [{'name': 'u', 'tags': '', 'limits': {'max-hats': 1}}]}, 'limits: '),
    ({'vhosts': [{'name': 'new', 'default_queue_type': 'round'}]}, "there is no queue type 'round'"),
    ({'parameters': [{'vhost': 'c', 'component': 'shovel', 'name': 's', 'value': {}}]}, 'component shovel not found'),
    ({'parameters': [{'vhost': 'c', 'component': 'vhost-limits', 'name': 'limits', 'value': {'max-hats': 1}}]}, 'max-hats'),
    ({'policies': [{'vhost': 'gone', 'name': 'p', 'pattern': '', 'definition': {'max-length': 1}}]}, 'no_such_vhost'),
    ({'policies': [{'vhost': 'c', 'name': 'p', 'pattern': '', 'definition': {'max-length': 'z'}}]}, 'not a valid maximum length'),
]


def test_what_contradicts_what_exists_or_cannot_exist_is_a_fault(shop):
    imported(shop, {'vhosts': [{'name': 'c'}], 'exchanges': [{'name': 'x', 'vhost': 'c', 'type': 'topic'}],
                    'queues': [{'name': 'kept', 'vhost': 'c', 'arguments': {'x-max-length': 5}}],
                    'parameters': [{'vhost': 'c', 'component': 'vhost-limits', 'name': 'limits', 'value': {'max-queues': 5}}]})
    before = exported(shop)
    for definitions, wanted in CONFLICTS:
        refused = imported(shop, definitions, check=False)
        assert (refused.code, refused.err.count('\n')) == (65, 1), refused
        assert wanted in refused.err, refused
    assert exported(shop) == before


UNSUPPORTED = {
    'vhosts': [{'name': 'k'}],
    'parameters': [{'vhost': 'k', 'component': 'shovel', 'name': 'sh', 'value': {'src-uri': 'amqp://'}},
                   {'vhost': 'k', 'component': 'federation-upstream', 'name': 'up', 'value': {'uri': 'amqp://'}}],
    'policies': [{'vhost': 'k', 'name': 'p', 'pattern': '^f', 'definition': {'federation-upstream-set': 'all'}}],
    'exchanges': [{'name': 'jms', 'vhost': 'k', 'type': 'x-jms-topic'}],
    'queues': [{'name': 'log', 'vhost': 'k', 'arguments': {'x-queue-type': 'stream', 'x-max-age': '7D'}},
               {'name': 'q', 'vhost': 'k', 'arguments': {'x-queue-type': 'classic'}}],
    'bindings': [{'source': source, 'vhost': 'k', 'destination': destination, 'destination_type': 'queue', 'routing_key': 'a'}
                 for source, destination in (('amq.topic', 'log'), ('jms', 'q'), ('amq.topic', 'q'))]}

LEFT_OUT = [
    "parameters[0] 'sh' in vhost 'k': left out: component shovel not found",
    "parameters[1] 'up' in vhost 'k': left out: component federation-upstream not found",
    "exchanges[0] 'jms' in vhost 'k': left out: unknown exchange type 'x-jms-topic'",
    "queues[0] 'log' in vhost 'k': left out: queue type 'stream' is not supported",
    "bindings[0] from 'amq.topic' to 'log' in vhost 'k': left out: its destination is left out",
    "bindings[1] from 'jms' to 'q' in vhost 'k': left out: its source is left out"]


def test_what_is_not_supported_is_refused_or_left_out_as_asked(shop):
    api = Api(shop)
    refused = imported(shop, UNSUPPORTED, check=False)
    assert (refused.code, [line.split(':')[0] for line in refused.err.splitlines()]) == (
        65, [line.split(':')[0] for line in LEFT_OUT[:4]]), refused
    assert api.post('/definitions', UNSUPPORTED).status == 400
    assert imported(shop, UNSUPPORTED, '--skip-unsupported').err.splitlines() == LEFT_OUT
    one = api.get('/definitions/k').json
    assert ([q['name'] for q in one['queues']], one['exchanges'], [(b['source'], b['destination']) for b in one['bindings']]) == (
        ['q'], [], [('amq.topic', 'q')])
    answer = api.post('/definitions?skip_unsupported=true', UNSUPPORTED)
    assert (answer.status, answer.json['state'], answer.json['skipped'], answer.json['done'], answer.json['total']) == (
        200, 'done', 6, 10, 10)
    assert answer.json['notes'].splitlines() == LEFT_OUT
    wrong = {**UNSUPPORTED, 'policies': [{}]}
    assert 'policies[0]' in api.post('/definitions?skip_unsupported=true', wrong).json['reason']


def test_what_the_file_raises_itself_counts(shop):
    """The limits of the file are those its own queues must keep; new vhosts, users and exchanges may be referred to."""
    imported(shop, {'vhosts': [{'name': 'l'}],
                    'parameters': [{'vhost': 'l', 'component': 'vhost-limits', 'name': 'limits', 'value': {'max-queues': 1}}],
                    'queues': [{'name': 'a', 'vhost': 'l'}]})
    more = {'queues': [{'name': 'b', 'vhost': 'l'}]}
    assert imported(shop, more, check=False).code == 65
    more['parameters'] = [{'vhost': 'l', 'component': 'vhost-limits', 'name': 'limits', 'value': {'max-queues': 2}}]
    imported(shop, more)


def test_json_that_is_broken_is_refused_with_the_place(shop):
    for text, wanted in [('{', '(error: :unexpected_end_of_buffer)'), ('{\n"a": x}', 'line 2, column 6'),
                         ('', ':unexpected_end_of_buffer'), ('{"queues": "\\ud800"}', 'line 1')]:
        refused = imported(shop, text, check=False)
        assert refused.code == 65 and wanted in refused.err, refused
    deep = '{"queues":' + '[' * 200 + ']' * 200 + '}'
    assert 'nested deeper than 100' in imported(shop, deep, check=False).err
    assert 'an object, not a list' in imported(shop, '[]', check=False).err


# What each version's documentation and source say an export has, beyond what 3.10 has.
BY_VERSION = {
    '3.8': {'rabbit_version': '3.8.34', 'rabbitmq_version': '3.8.34', 'product_name': 'RabbitMQ', 'product_version': '3.8.34',
            'users': [{'name': 'v38', 'password_hash': HASH, 'hashing_algorithm': 'rabbit_password_hashing_sha256',
                       'tags': 'administrator'}],
            'vhosts': [{'name': 'v38'}]},
    '3.13': {'rabbit_version': '3.13.7', 'rabbitmq_version': '3.13.7', 'product_name': 'RabbitMQ', 'product_version': '3.13.7',
             'users': [{'name': 'v313', 'password_hash': HASH, 'hashing_algorithm': 'rabbit_password_hashing_sha256',
                        'tags': ['administrator'], 'limits': {}}],
             'vhosts': [{'name': 'v313', 'description': '', 'tags': [], 'default_queue_type': 'classic',
                         'metadata': {'description': '', 'tags': [], 'default_queue_type': 'classic'}}]},
    '4.1': {'rabbit_version': '4.1.4', 'rabbitmq_version': '4.1.4', 'product_name': 'RabbitMQ', 'product_version': '4.1.4',
            'rabbitmq_definition_format': 'cluster', 'original_cluster_name': 'rabbit@a',
            'explanation': 'Definitions of cluster rabbit@a',
            'users': [{'name': 'v41', 'password_hash': HASH, 'hashing_algorithm': 'rabbit_password_hashing_sha256',
                       'tags': ['administrator'], 'limits': {}}],
            'vhosts': [{'name': 'v41', 'description': 'of 4.1', 'tags': ['t'], 'default_queue_type': 'quorum',
                        'metadata': {'description': 'of 4.1', 'tags': ['t'], 'default_queue_type': 'quorum',
                                     'protected_from_deletion': False}}]},
}


@pytest.mark.parametrize('version', BY_VERSION)
def test_exports_of_every_rabbitmq_come_in(shop, version):
    head = BY_VERSION[version]
    v = head['vhosts'][0]['name']
    definitions = {
        **head,
        'permissions': [{'user': v, 'vhost': v, 'configure': '.*', 'write': '.*', 'read': '.*'}],
        'topic_permissions': [], 'global_parameters': [{'name': 'internal_cluster_id', 'value': 'rabbitmq-cluster-id-1'}],
        'parameters': [{'value': {'max-connections': 7}, 'vhost': v, 'component': 'vhost-limits', 'name': 'limits'}],
        'policies': [{'vhost': v, 'name': 'p', 'pattern': '.*', 'apply-to': 'queues' if version == '3.8' else 'classic_queues',
                      'definition': {'max-length': 9}, 'priority': 0}],
        'queues': [{'name': 'q', 'vhost': v, 'durable': True, 'auto_delete': False, 'arguments': {'x-queue-type': 'classic'}}],
        'exchanges': [{'name': 'x', 'vhost': v, 'type': 'fanout', 'durable': True, 'auto_delete': False, 'internal': False,
                       'arguments': {}}],
        'bindings': [{'source': 'x', 'vhost': v, 'destination': 'q', 'destination_type': 'queue', 'routing_key': '',
                      'arguments': {}}]}
    done = imported(shop, definitions)
    assert done.err == ''
    assert_contains(exported(shop), definitions, but={
        ('vhosts', key) for key in ('limits', 'metadata', 'description', 'tags', 'default_queue_type')} | {
        ('users', 'limits'), ('users', 'tags'), ('queues', 'type')})
    Peer(shop.address, user=v, password='p', vhost=v).drop()


def of_one_vhost(definitions, name):
    """What belongs to the vhost and the user of this name, without what guest may do there."""
    return {**{kind: [row for row in definitions[kind] if row['vhost'] == name and row.get('user') != 'guest'] for kind in LISTS
               if kind not in ('users', 'vhosts', 'global_parameters')},
            **{kind: [row for row in definitions[kind] if row['name'] == name] for kind in ('users', 'vhosts')}}


def in_one_form(definitions):
    """3.10 writes objects within objects as lists of pairs in one export, and as objects in the next; and tags as they were given.
    Its exports lack internal exchanges, so what they are bound to is left out."""
    one = json.loads(json.dumps(definitions))
    for vhost in one['vhosts']:
        tags = vhost['metadata']['tags']
        vhost['limits'] = dict(vhost['limits'])
        vhost['metadata']['tags'] = tags if isinstance(tags, list) else tags.split(',')
    for parameter in one['parameters']:
        if parameter['component'] == 'operator_policy':
            parameter['value']['definition'] = dict(parameter['value']['definition'])
    one['bindings'] = [row for row in one['bindings'] if row['destination'] != 'inner']
    return one


# RabbitMQ 3.10.8's export over HTTP of every kind of object, argument and value: fixtures/make_definitions.py.
with open(os.path.join(os.path.dirname(__file__), 'fixtures', 'definitions-3.10.json')) as file:
    RECORDED = json.load(file)


def of_the_record(definitions):
    return {kind: [row for row in definitions[kind] if row.get('vhost', row.get('name', '')).startswith('r310')] for kind in LISTS}


def test_an_export_of_rabbitmq_with_everything_goes_out_as_it_came_in(shop):
    api = Api(shop)
    assert api.post('/definitions', RECORDED).status == 204
    ours = of_the_record(api.get('/definitions').json)
    for vhost in ours['vhosts']:
        vhost.pop('metadata', None)
    assert {kind: rows(ours, kind) for kind in LISTS} == {kind: rows(RECORDED, kind) for kind in LISTS}


def with_objects(value):
    """rabbitmqctl 3.10 writes an object within arguments as a list of pairs, now and then, and an empty one as an empty list."""
    if isinstance(value, list) and value and all(isinstance(one, list) and len(one) == 2 and isinstance(one[0], str) for one in value):
        value = dict(value)
    if isinstance(value, dict):
        return {key: with_objects(one) for key, one in value.items()} or []
    return [with_objects(one) for one in value] if isinstance(value, list) else value


def in_both_forms(definitions):
    """The rows, without what one of the two exports lacks: rabbitmqctl 3.10 leaves out internal exchanges."""
    inner, added = {'inner'}, {('exchanges', 'internal'), ('queues', 'type'), ('vhosts', 'limits'), ('vhosts', 'metadata')}
    return {kind: sorted(json.dumps(with_objects({key: value for key, value in row.items() if (kind, key) not in added}),
                                    sort_keys=True)
                         for row in definitions[kind] if not inner & {row.get(key) for key in ('name', 'source', 'destination')})
            for kind in LISTS}


@pytest.mark.once
def test_definitions_of_rabbitmqctl_come_in_and_go_out_as_they_were(shop, rabbit):
    rabbit.ctl('add_vhost', 'd310', '--description', 'made here', '--tags', 'a,b')
    rabbit.ctl('add_user', 'd310', 'p')
    rabbit.ctl('set_user_tags', 'd310', 'management', 'audit')
    rabbit.ctl('set_user_limits', 'd310', '{"max-channels": 7}')
    for user in 'd310', 'guest':
        rabbit.ctl('set_permissions', '-p', 'd310', user, '^a', '.*', '')
    rabbit.ctl('set_topic_permissions', '-p', 'd310', 'd310', 'x', '^a', '^b')
    rabbit.ctl('set_vhost_limits', '-p', 'd310', '{"max-queues": 50}')
    rabbit.ctl('set_policy', '-p', 'd310', 'p', '^k', '{"max-length": 7}', '--priority', '2', '--apply-to', 'queues')
    rabbit.ctl('set_operator_policy', '-p', 'd310', 'o', '^k', '{"expires": 7000000}')
    rabbit.ctl('set_permissions', '-p', 'd310', 'guest', '.*', '.*', '.*')
    peer = Peer(rabbit.address, vhost='d310')
    peer.call(1, 'queue.declare', queue='kept', durable=True, arguments={'x-max-length': ('I', 5)})
    peer.call(1, 'queue.declare', queue='mine', exclusive=True)
    peer.call(1, 'queue.declare', queue='quorum', durable=True, arguments={'x-queue-type': ('S', 'quorum')})
    peer.call(1, 'exchange.declare', exchange='x', type='topic', durable=True, arguments={'alternate-exchange': ('S', 'amq.fanout')})
    peer.call(1, 'exchange.declare', exchange='inner', type='fanout', durable=True, internal=True)
    peer.call(1, 'exchange.bind', destination='inner', source='x', routing_key='i')
    peer.call(1, 'queue.bind', queue='kept', exchange='x', routing_key='a.*', arguments={'n': ('I', 1)})
    try:
        theirs = json.loads(rabbit.ctl('-q', 'export_definitions', '-').out)
    finally:
        peer.drop()
    theirs = {'rabbitmq_version': theirs['rabbitmq_version'], **of_one_vhost(theirs, 'd310')}
    done = imported(shop, theirs)
    assert done.err == ("bindings of exchange 'inner' in vhost 'd310' are ignored: the file does not have the exchange, perhaps "
                        'an internal one\n')
    ours = exported(shop)
    theirs = in_one_form(theirs)
    assert_contains(ours, theirs, but={('exchanges', 'internal')})
    assert [row['name'] for row in ours['queues'] if row['vhost'] == 'd310'] == ['kept', 'quorum']
    Peer(shop.address, user='d310', password='p', vhost='d310').drop()
    # The way back: RabbitMQ imports our export, together with all of the record, and its own is then what it was before.
    imported(shop, RECORDED)
    recorded = of_the_record(exported(shop))
    rabbit.ctl('delete_vhost', 'd310')
    rabbit.ctl('delete_user', 'd310')
    rabbit.ctl('import_definitions', input=json.dumps({'rabbit_version': '3.10.8', **{
        kind: of_one_vhost(ours, 'd310').get(kind, []) + recorded[kind] for kind in LISTS}}))
    wanted = {kind: rows(theirs, kind) for kind in LISTS}, in_both_forms(RECORDED)

    def back():
        again = json.loads(rabbit.ctl('-q', 'export_definitions', '-').out)
        one = in_one_form(of_one_vhost(again, 'd310'))
        return {kind: rows(one, kind) for kind in LISTS}, in_both_forms(of_the_record(again))

    eventually(lambda: [some['bindings'] for some in back()] == [some['bindings'] for some in wanted])
    assert back() == wanted
    Peer(rabbit.address, user='d310', password='p', vhost='d310').drop()
    rabbit.ctl('delete_vhost', 'r310')


def test_names_that_amqp_does_not_carry_may_be_long(shop):
    """The HTTP API takes them, so what was exported comes in again."""
    long = 'long' * 100
    made = {'users': [{'name': long, 'tags': []}], 'vhosts': [{'name': long}],
            'permissions': [{'user': long, 'vhost': long, 'configure': '', 'write': '', 'read': ''}],
            'global_parameters': [{'name': long, 'value': 1}],
            'policies': [{'vhost': long, 'name': long, 'pattern': 'x', 'definition': {'max-length': 1}}]}
    imported(shop, made)
    assert rows(exported(shop), 'policies')
    imported(shop, exported(shop))
    shop.ctl('delete_vhost', long)
    shop.ctl('delete_user', long)
    shop.ctl('clear_global_parameter', long)


def test_users_log_in_by_the_hashes_of_a_file(shop):
    def hashed(algorithm):
        return base64.b64encode(b'salt' + hashlib.new(algorithm, b'saltp').digest()).decode()

    users = {name: hashed(name) for name in ('sha256', 'sha512', 'md5')}
    imported(shop, {
        'users': [{'name': name, 'password_hash': text, 'tags': '', 'hashing_algorithm': f'rabbit_password_hashing_{name}'}
                  for name, text in users.items()],
        'permissions': [{'user': name, 'vhost': '/', 'configure': '', 'write': '', 'read': ''} for name in users]})
    for name in users:
        Peer(shop.address, user=name, password='p').drop()
    assert {user['name']: user['password_hash'] for user in exported(shop)['users'] if user['name'] in users} == users
    bcrypt = {'users': [{'name': 'b', 'password_hash': '$2a$04$x', 'tags': '', 'hashing_algorithm': 'Bcrypt'}]}
    assert imported(shop, bcrypt, check=False).err == (
        "users[0] 'b': unknown hashing_algorithm 'Bcrypt': expected rabbit_password_hashing_sha256, rabbit_password_hashing_sha512, "
        'rabbit_password_hashing_md5, scrypt; with any other the password has to be set anew\n')
    del bcrypt['users'][0]['hashing_algorithm']
    assert 'password_hash is not a hash of rabbit_password_hashing_sha256' in imported(shop, bcrypt, check=False).err


@pytest.mark.once
def test_the_commands_talk_as_rabbitmqctl_does(shop, rabbit, tmp_path):
    path = str(tmp_path / 'definitions.json')
    small = tmp_path / 'small.json'
    small.write_text('{"vhosts": []}')

    def talk(*words, input=None):
        both = []
        for broker in shop, rabbit:
            done = broker.ctl(*words, input=input, check=False)
            out = done.out.replace(broker.node_name, 'NODE')
            both.append((done.code, out.strip()))
        return both

    for words, input in [(('export_definitions', path), None),
                         (('export_definitions', path, '--formatter', 'json'), None),
                         (('export_definitions', '/no/such/directory/file'), None),
                         (('import_definitions', '/no/such/file'), None),
                         (('import_definitions', path, '--format', 'hats'), None),
                         (('export_definitions',), None),
                         (('import_definitions', 'a', 'b'), None),
                         (('import_definitions',), '{"vhosts": []}'),
                         (('import_definitions', str(small), '--formatter', 'json'), None),
                         (('import_definitions',), '{')]:
        ours, theirs = talk(*words, input=input)
        assert ours == theirs, words
    shop.ctl('export_definitions', path)
    assert json.load(open(path)) == exported(shop)


def test_an_import_that_is_the_same_is_skipped_if_asked(shop):
    definitions = {'vhosts': [{'name': 's'}], 'queues': [{'name': 'q', 'vhost': 's'}]}
    imported(shop, definitions, '--skip-if-unchanged')
    shop.ctl('delete_queue', '-p', 's', 'q')
    imported(shop, definitions, '--skip-if-unchanged')
    assert [q for q in exported(shop)['queues'] if q['vhost'] == 's'] == []
    imported(shop, definitions)
    assert len([q for q in exported(shop)['queues'] if q['vhost'] == 's']) == 1


def test_many_queues_come_in_at_once_while_others_are_served(shop, volume):
    count = volume(20_000)
    definitions = {'vhosts': [{'name': 'many'}],
                   'exchanges': [{'name': 'x', 'vhost': 'many', 'type': 'direct'}],
                   'queues': [{'name': f'queue-{n:06}', 'vhost': 'many', 'durable': True, 'auto_delete': False,
                               'arguments': {'x-max-length': n}} for n in range(count)],
                   'bindings': [{'source': 'x', 'vhost': 'many', 'destination': f'queue-{n:06}', 'destination_type': 'queue',
                                 'routing_key': f'k{n}', 'arguments': {}} for n in range(count)]}
    begun = time.monotonic()
    imported(shop, definitions)
    took = time.monotonic() - begun
    print(f'{count} queues and bindings imported in {took:.2f} s')
    ours = exported(shop)
    assert len([q for q in ours['queues'] if q['vhost'] == 'many']) == count
    assert len([b for b in ours['bindings'] if b['vhost'] == 'many']) == count
    shop.ctl('delete_vhost', 'many')


# --- over HTTP ---------------------------------------------------------------------------------------------------------------


def form(*parts):
    """The body of a form, whose parts are a name and a content, and its content type."""
    lines = []
    for name, content in parts:
        of_file = '; filename="definitions.json"' if name == 'file' else ''
        lines += ['--b', f'Content-Disposition: form-data; name="{name}"{of_file}', '', content]
    return '\r\n'.join(lines + ['--b--', '']), {'content-type': 'multipart/form-data; boundary=b'}


def test_definitions_go_out_and_come_in_over_http(shop):
    api = Api(shop)
    imported(shop, {'vhosts': [{'name': 'h'}, {'name': 'h2'}],
                    'queues': [{'name': 'q', 'vhost': 'h', 'arguments': {'x-max-length': 3}}],
                    'exchanges': [{'name': 'x', 'vhost': 'h', 'type': 'topic'}],
                    'bindings': [{'source': 'x', 'vhost': 'h', 'destination': 'q', 'destination_type': 'queue',
                                  'routing_key': 'k'}],
                    'policies': [{'vhost': 'h', 'name': 'p', 'pattern': '^k', 'definition': {'max-length': 1}}]})
    everyone = {'configure': '.*', 'write': '.*', 'read': '.*'}
    for vhost in 'h', 'h2':
        assert api.put(path('permissions', vhost, 'guest'), everyone).status in (201, 204)
    whole = api.get('/definitions')
    assert list(whole.json) == ['rabbit_version', 'rabbitmq_version', 'product_name', 'product_version', *LISTS]
    assert 'type' not in whole.json['queues'][0]
    named = api.get('/all-configuration?download=a"b%0d.json')
    assert named.headers['content-disposition'] == 'attachment; filename=a_b_.json' and named.json == whole.json
    assert api.get('/definitions?auth=' + basic('guest', 'guest').split()[1], user=None).json == whole.json
    one = api.get('/definitions/h').json
    assert one == {
        'rabbit_version': whole.json['rabbit_version'], 'parameters': [],
        'policies': [{'vhost': 'h', 'name': 'p', 'pattern': '^k', 'apply-to': 'all', 'definition': {'max-length': 1},
                      'priority': 0}],
        'queues': [{'name': 'q', 'durable': True, 'auto_delete': False, 'arguments': {'x-max-length': 3}}],
        'exchanges': [{'name': 'x', 'type': 'topic', 'durable': True, 'auto_delete': False, 'internal': False, 'arguments': {}}],
        'bindings': [{'source': 'x', 'destination': 'q', 'destination_type': 'queue', 'routing_key': 'k', 'arguments': {}}]}
    assert api.post('/definitions/h2', one).status == 204
    two = api.get('/definitions/h2').json
    assert two == {**one, 'policies': [{**one['policies'][0], 'vhost': 'h2'}]}
    for body in whole.json, {}, '':
        assert api.post('/definitions', body).status == 204
    assert api.get('/definitions').json['queues'] == exported_queues(api)


def exported_queues(api):
    return api.get('/all-configuration').json['queues']


def test_definitions_come_in_as_a_form(shop):
    api = Api(shop)
    definitions = json.dumps({'vhosts': [{'name': 'form'}]})
    for parts, status, location in [
            ((('file', definitions),), 204, None),
            ((('redirect', '../#/done'), ('file', definitions)), 303, '../#/done'),
            ((('file', definitions), ('redirect', 'https://elsewhere.example')), 204, None),
            ((('file', definitions), ('redirect', '//elsewhere.example')), 204, None),
            ((('other', definitions),), 400, None), ((('file', '{'),), 400, None)]:
        body, headers = form(*parts)
        answer = api.call('POST', '/definitions', body, headers=headers)
        assert (answer.status, answer.headers.get('location')) == (status, location), parts
    assert api.get('/vhosts/form').status == 200


def test_faults_are_named_over_http_and_only_administrators_may(shop):
    api = Api(shop)
    before = api.get('/definitions').json
    refused = api.post('/definitions', THREE_MISTAKES)
    assert refused.status == 400 and refused.json['error'] == 'bad_request'
    assert [line.split(':')[0] for line in refused.json['reason'].splitlines()] == [
        "policies[0] 'p' in vhost 'm'", "queues[1] 'bad' in vhost 'm'", "bindings[1] from 'gone' to 'good' in vhost 'm'"]
    broken = api.post('/definitions', '{"a":}')
    assert (broken.status, broken.json['error'], broken.json['reason']) == (400, 'bad_request', 'failed_to_parse_json')
    assert 'line 1, column 6' in broken.json['message']
    assert (api.get('/definitions/none').status, api.post('/definitions/none', {}).status) == (400, 404)
    imported(shop, {'users': [{'name': 'h-m', 'password': 'h-m', 'tags': 'policymaker,monitoring'}],
                    'permissions': [{'user': 'h-m', 'vhost': '/', 'configure': '.*', 'write': '.*', 'read': '.*'}]})
    for where in '/definitions', '/definitions/%2F':
        assert api.get(where, user='h-m').status == 401
        assert api.post(where, {}, user='h-m').status == 401
    shop.ctl('delete_user', 'h-m')
    assert api.get('/definitions').json == before


def test_a_dry_run_says_what_an_import_would_change_and_changes_nothing(shop):
    api = Api(shop)
    imported(shop, EVERYTHING)
    before = api.get('/definitions').json
    for whole in before, EVERYTHING:
        answer = api.post('/definitions?dry_run=true', whole)
        assert answer.status == 200, answer
        for kind, parts in answer.json['kinds'].items():
            assert (parts['created']['count'], parts['changed']['count']) == (0, 0), (kind, parts)
            assert parts['same'] == len(whole[kind]), (kind, parts)
            assert (parts['kept']['count'] == 0) == (len(whole[kind]) == len(before[kind])), (kind, parts)
    # (a file that says something else of each kind)
    other = json.loads(json.dumps(EVERYTHING))
    other['users'][0].update(tags=['monitoring'], password_hash='x' * 48)
    other['users'].append({'name': 'dry', 'password': 'secret', 'tags': ''})
    other['vhosts'][1]['metadata']['description'] = 'other'
    other['permissions'][0]['read'] = '^r'
    other['topic_permissions'].append({'user': 'e-u', 'vhost': 'e', 'exchange': 'y', 'write': '', 'read': ''})
    other['parameters'][0]['value'] = {'max-queues': 51}
    other['global_parameters'][0]['value'] = 'x' * 5000
    other['policies'][0].update(priority=3, definition={'max-length': 8})
    other['queues'].append({'name': 'dry', 'vhost': 'e'})
    other['exchanges'].append({'name': 'amq.direct', 'vhost': 'e', 'type': 'direct'})
    other['bindings'][0]['arguments'] = {'n': 2}
    answer = api.post('/definitions?dry_run=true', other)
    kinds = answer.json['kinds']
    assert 'secret' not in answer.text and HASH not in answer.text
    assert kinds['users']['changed']['items'] == [{'name': 'e-u', 'changes': [
        {'field': 'password'}, {'field': 'tags', 'old': 'management,audit', 'new': 'monitoring'}]}]
    assert kinds['users']['created']['items'] == [{'name': 'dry'}]
    assert kinds['vhosts']['changed']['items'] == [
        {'name': 'e-quorum', 'changes': [{'field': 'description', 'old': 'd', 'new': 'other'}]}]
    assert kinds['permissions']['changed']['items'] == [
        {'vhost': 'e', 'user': 'e-u', 'changes': [{'field': 'read', 'old': '', 'new': '^r'}]}]
    assert kinds['topic_permissions']['created']['items'] == [{'vhost': 'e', 'user': 'e-u', 'exchange': 'y'}]
    assert kinds['parameters']['changed']['items'] == [
        {'vhost': 'e', 'name': 'limits', 'component': 'vhost-limits',
         'changes': [{'field': 'value', 'old': {'max-queues': 50}, 'new': {'max-queues': 51}}]}]
    assert len(kinds['global_parameters']['changed']['items'][0]['changes'][0]['new']) < 5000
    assert [each['field'] for each in kinds['policies']['changed']['items'][0]['changes']] == ['priority', 'definition']
    assert (kinds['queues']['created'], kinds['queues']['same']) == ({'count': 1, 'items': [{'vhost': 'e', 'name': 'dry'}]}, 3)
    assert (kinds['exchanges']['created']['count'], kinds['exchanges']['same']) == (0, 3)
    assert kinds['bindings']['created']['items'] == [{'vhost': 'e', 'source': 'x', 'destination': 'kept',
                                                      'destination_type': 'queue', 'routing_key': 'a.*'}]
    assert kinds['bindings']['created']['items'][0] in kinds['bindings']['kept']['items']
    # (into one vhost)
    one = api.post('/definitions/e-quorum?dry_run=true', api.get('/definitions/e').json).json['kinds']
    assert (one['queues']['created']['count'], one['queues']['kept']['count'], one['users']['kept']['count']) == (3, 0, 0)
    refused = api.post('/definitions?dry_run=true', THREE_MISTAKES)
    assert refused.status == 400 and refused.json == api.post('/definitions', THREE_MISTAKES).json
    assert api.post('/definitions?dry_run=true', '{').json['reason'] == 'failed_to_parse_json'
    # (with leveretctl: the same, and for people)
    told = json.loads(imported(shop, other, '--dry-run', '--formatter', 'json').out)
    assert {kind: parts['changed'] for kind, parts in told.items()} == {kind: parts['changed'] for kind, parts in kinds.items()}
    lines = imported(shop, other, '--dry-run').out.splitlines()
    at = lines.index('    changed name "e-u"')
    assert lines[at + 1:at + 3] == ['        password', '        tags: "management,audit" -> "monitoring"'], lines
    assert '    new vhost "e", name "dry"' in lines and lines[-1] == 'Nothing was changed.', lines
    refused = imported(shop, THREE_MISTAKES, '--dry-run', check=False)
    assert (refused.code, refused.err) == (65, imported(shop, THREE_MISTAKES, check=False).err)
    assert api.get('/definitions').json == before


# --- at the start ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def configured(own_broker, tmp_path):
    def make(definitions, more='', **how):
        where = tmp_path / 'definitions'
        if isinstance(definitions, dict) and all(name.endswith('.json') for name in definitions):
            where.mkdir()
            for name, content in definitions.items():
                (where / name).write_text(json.dumps(content))
        else:
            where.write_text(json.dumps(definitions))
        path = tmp_path / 'leveret.conf'
        path.write_text(f'load_definitions = {where}\n{more}')
        return own_broker(flags=['--config', str(path)], **how)
    return make


def test_definitions_are_loaded_at_the_start_instead_of_the_default_user(configured):
    broker = configured(EVERYTHING)
    ours = exported(broker)
    assert_contains(ours, EVERYTHING, but={('vhosts', 'limits'), ('vhosts', 'metadata'), ('queues', 'type')})
    assert [user['name'] for user in ours['users']] == ['e-u']
    assert sorted(vhost['name'] for vhost in ours['vhosts']) == ['e', 'e-quorum']
    Peer(broker.address, user='e-u', password='p', vhost='e').drop()
    broker.ctl('delete_queue', '-p', 'e', 'kept')
    broker.restart()                                         # they are loaded at every start
    assert rows(exported(broker), 'queues') == rows(ours, 'queues')


def test_files_of_a_directory_are_loaded_together(configured):
    broker = configured({'20-queues.json': {'queues': [{'name': 'q', 'vhost': 'v'}]},
                         '10-vhosts.json': {'vhosts': [{'name': 'v'}], 'users': [{'name': 'u', 'password': 'p', 'tags': []}]}},
                        'definitions.import_backend = local_filesystem\ndefinitions.skip_if_unchanged = true\n')
    assert [(q['name'], q['vhost']) for q in exported(broker)['queues']] == [('q', 'v')]
    broker.ctl('delete_queue', '-p', 'v', 'q')
    broker.restart()
    assert exported(broker)['queues'] == []                  # unchanged, so not loaded again
    broker.says('is unchanged since it was last loaded')


def test_a_fault_stops_the_start_with_every_fault_named(configured):
    broker = configured({'a.json': THREE_MISTAKES, 'b.json': {'vhosts': [{}]}}, start=False)
    broker.start(wait=False)
    assert broker.child.wait() == 65
    broker.child = None
    log = broker.log()
    for fault in ("definitions: a.json: policies[0] 'p' in vhost 'm': ", "definitions: a.json: queues[1] 'bad' in vhost 'm': ",
                  "definitions: a.json: bindings[1] from 'gone' to 'good'", "definitions: b.json: vhosts[0] '': name is missing"):
        assert fault in log, log
    assert 'they have faults, and nothing was changed' in log


def test_a_start_without_users_says_so(configured):
    broker = configured({'vhosts': [{'name': 'v'}], 'queues': UNSUPPORTED['queues'][:1]}, 'definitions.skip_unsupported = true\n')
    broker.says("definitions: queues[0] 'log' in vhost 'k': left out")
    broker.says('there is no user')


class Site(http.server.BaseHTTPRequestHandler):
    """/new has definitions, and /old leads there; /faulty has a vhost without a name."""
    bodies = {'/new': json.dumps(EVERYTHING), '/faulty': '{"vhosts": [{}]}', '/page': '<html>'}
    is_over = threading.Event()

    def do_GET(self):
        where = self.path.partition('?')[0]
        if where == '/hangs':
            self.is_over.wait()
        leads_to = {'/old': '/new', '/round': '/round', '/plain': f'http://127.0.0.1:{self.server.server_port}/new'}.get(where)
        body = self.bodies.get(where, '').encode()
        self.send_response(302 if leads_to else 200 if body else 404)
        if leads_to:
            self.send_header('Location', leads_to)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Sites:
    """Web servers: plain(); tls(pair), with this certificate. Each returns an address."""

    def __init__(self):
        self.running = []
        Site.is_over.clear()

    def plain(self, context=None):
        server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Site)
        server.handle_error = lambda *_: None                # a handshake that fails is what some tests want
        if context:
            server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        self.running.append((server, thread))
        return f'127.0.0.1:{server.server_port}'

    def tls(self, pair, clients=None, newest=None, ciphers=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(pair.chain, pair.key)
        if clients:
            context.verify_mode = ssl.CERT_REQUIRED
            context.load_verify_locations(clients.certificate)
        if newest:
            context.maximum_version = newest
        if ciphers:
            context.set_ciphers(ciphers)
        return self.plain(context)

    def stop(self):
        Site.is_over.set()
        for server, thread in self.running:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture(scope='module')
def ca(workspace):
    return Authority(os.path.join(workspace, 'definitions-pki'))


@pytest.fixture(scope='module')
def sites(ca):
    sites = Sites()
    sites.address = sites.tls(ca.issue('site'))
    yield sites
    sites.stop()


@pytest.fixture
def fetching(own_broker, tmp_path):
    """fetching(url, lines, start=False): a broker that is configured so."""
    path = tmp_path / 'leveret.conf'
    broker = own_broker(flags=['--config', str(path)], start=False)

    def configure(url, *lines):
        path.write_text('\n'.join(['definitions.import_backend = https', f'definitions.https.url = {url}',
                                   *(f'definitions.{line}' for line in lines), '']))
        return broker
    return configure


@pytest.fixture
def refused(fetching):
    """Starts a broker that is configured so, which does not succeed. Returns what it logs about definitions."""
    def start(url, *lines):
        broker = fetching(url, *lines)
        open(broker.stderr, 'a').close()
        before = len(broker.log())
        broker.start(wait=False)
        code = broker.child.wait()
        broker.child = None
        log = broker.log()[before:]
        assert code == 65, log
        return '\n'.join(line.partition('definitions: ')[2] for line in log.splitlines() if 'error]' in line)
    return start


def test_definitions_are_fetched_from_a_web_server(sites, ca, fetching):
    broker = fetching(f'https://me:secret@{sites.address}/old?secret', f'tls.cacertfile = {ca.certificate}')
    broker.start()
    ours = exported(broker)
    assert_contains(ours, EVERYTHING, but={('vhosts', 'limits'), ('vhosts', 'metadata'), ('queues', 'type')})
    assert [user['name'] for user in ours['users']] == ['e-u']
    assert 'secret' not in broker.log()


FETCHED = "vhosts[0] '': name is missing"                    # it was fetched, and has this fault


@pytest.mark.once(also=('asan',))                      # to ThreadSanitizer one fetch is like the other
def test_what_cannot_be_fetched_is_named_with_the_reason(sites, ca, refused):
    trusted = f'tls.cacertfile = {ca.certificate}'
    plain = sites.plain()
    for url, why in ((f'https://{sites.address}/gone', 'the server answered with status 404'),
                     (f'https://{sites.address}/round', 'Maximum (5) redirects followed'),
                     (f'https://{sites.address}/plain', 'Protocol "http" '),
                     (f'https://{plain}/new', 'SSL')):
        said = refused(url, trusted)
        assert said.startswith(f'cannot fetch {url}: ') and why in said, said
    assert refused(f'https://{sites.address}/page', trusted).startswith('not JSON: line 1, column 1')
    assert FETCHED in refused(f'http://{plain}/faulty')      # as in RabbitMQ
    assert re.search(r'timed out after (?!120000)\d+ milliseconds', refused(f'http://{plain}/hangs', 'https.timeout = 500'))


@pytest.mark.once(also=('asan',))                      # to ThreadSanitizer one fetch is like the other
def test_the_servers_certificate_must_be_right(sites, ca, refused, tmp_path):
    middle = Authority(ca.directory, name='middle', parent=ca)
    deep, elsewhere = sites.tls(middle.issue('deep')), sites.tls(ca.issue('elsewhere', names=['DNS:elsewhere.example']))
    trusted, other = f'tls.cacertfile = {ca.certificate}', Authority(str(tmp_path / 'other'))
    for address, lines, why in (
            (sites.address, [f'tls.cacertfile = {other.certificate}'], 'unable to get local issuer certificate'),
            (sites.address, [f'tls.cacertfile = {other.certificate}', 'tls.verify = verify_none'], FETCHED),
            (deep, [trusted, 'tls.depth = 0'], 'certificate chain too long'), (deep, [trusted, 'tls.depth = 1'], FETCHED),
            (elsewhere, [trusted], "no alternative certificate subject name matches target")):
        said = refused(f'https://{address}/faulty', *lines)
        assert why in said, (lines, said)


@pytest.mark.once(also=('asan',))                      # to ThreadSanitizer one fetch is like the other
def test_the_broker_shows_a_certificate_of_its_own(sites, ca, refused):
    strict, own = sites.tls(ca.issue('strict'), clients=ca), ca.issue('own', usage='clientAuth', password='s3cret')
    trusted = f'tls.cacertfile = {ca.certificate}'
    assert 'the server asks for a certificate, and none is set' in refused(f'https://{strict}/faulty', trusted)
    shown = [trusted, f'tls.certfile = {own.certificate}', f'tls.keyfile = {own.key}']
    assert FETCHED in refused(f'https://{strict}/faulty', *shown, 'tls.password = s3cret')
    said = refused(f'https://{strict}/faulty', *shown, 'tls.password = wrong')
    assert own.key in said and 's3cret' not in said


@pytest.mark.once(also=('asan',))                      # to ThreadSanitizer one fetch is like the other
def test_versions_and_ciphers_are_chosen(sites, ca, refused, fetching):
    old = sites.tls(ca.issue('old'), newest=ssl.TLSVersion.TLSv1_2, ciphers='ECDHE-ECDSA-AES256-GCM-SHA384')
    trusted = f'tls.cacertfile = {ca.certificate}'
    for lines, why in ((['versions.1 = tlsv1.3'], 'protocol version'), (['versions.1 = tlsv1.2'], FETCHED),
                       (['ciphers.1 = ECDHE-ECDSA-AES128-GCM-SHA256'], 'handshake failure'),
                       (['ciphers.1 = TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384'], FETCHED)):
        said = refused(f'https://{old}/faulty', trusted, *(f'tls.{line}' for line in lines))
        assert why in said, (lines, said)
    broker = fetching(f'https://{old}/faulty', 'tls.ciphers.1 = ROT13', 'tls.versions.1 = tlsv1.1')
    broker.start(wait=False)
    assert broker.child.wait() == 78
    broker.child = None
    assert 'definitions.tls.ciphers.1: OpenSSL has no cipher ROT13' in broker.log()
    assert "definitions.tls.versions.1: tlsv1.1 is not supported" in broker.log()
