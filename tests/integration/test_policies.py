"""Policies, operator policies, parameters and limits: what rules queues and exchanges from outside.

Texts are rabbitmqctl 3.10's; the same tests pass with it (BROKER=rabbitmq)."""
import json
import os
import re
import sqlite3

import pytest

from wire import Closed, Peer, eventually

OK, USAGE, DATA, UNAVAILABLE = 0, 64, 65, 69


@pytest.fixture
def vhost(broker, name):
    """A vhost of the test's own, which guest may use."""
    made = name('vhost')
    broker.ctl('add_vhost', made)
    broker.ctl('set_permissions', '-p', made, 'guest', '.*', '.*', '.*')
    yield made
    broker.ctl('delete_vhost', made)


def listed(broker, command, vhost, *columns):
    """The rows of a listing, as a set of tuples of text."""
    out = broker.ctl('-q', command, '-p', vhost, '--no-table-headers', *columns).out
    return {tuple(line.split('\t')) for line in out.splitlines() if line}


def settled(question, answer):
    eventually(lambda: question() == answer)


# --- the commands ---------------------------------------------------------------------------------

def test_policies_are_set_replaced_listed_and_cleared(broker, vhost):
    result = broker.ctl('set_policy', '-p', vhost, 'short', '^q', '{ "max-length" : 5, "expires":100000 }',
                        '--priority', '3', '--apply-to', 'queues')
    assert result.out == (f'Setting policy "short" for pattern "^q" to "{{ "max-length" : 5, "expires":100000 }}" with '
                          f'priority "3" for vhost "{vhost}" ...\n')
    row = (vhost, 'short', '^q', 'queues', '{"expires":100000,"max-length":5}', '3')
    assert listed(broker, 'list_policies', vhost) == {row}
    broker.ctl('set_policy', '-p', vhost, 'short', '^r', '{"max-length":6}', '--priority', '-7')
    broker.ctl('set_policy', '-p', vhost, 'long', 'x', '{"message-ttl":100000}')
    assert listed(broker, 'list_policies', vhost) == {(vhost, 'short', '^r', 'all', '{"max-length":6}', '-7'),
                                                      (vhost, 'long', 'x', 'all', '{"message-ttl":100000}', '0')}
    assert json.loads(broker.ctl('list_policies', '-p', vhost, '--formatter', 'json').out)[0].keys() == {
        'vhost', 'name', 'pattern', 'apply-to', 'definition', 'priority'}
    assert broker.ctl('clear_policy', '-p', vhost, 'long').out == f'Clearing policy "long" on vhost "{vhost}" ...\n'
    again = broker.ctl('clear_policy', '-p', vhost, 'long', check=False)
    assert (again.code, again.err) == (UNAVAILABLE, 'Error:\nParameter does not exist\n')
    broker.ctl('clear_policy', '-p', vhost, 'short')
    assert broker.ctl('list_policies', '-p', vhost).out == f'Listing policies for vhost "{vhost}" ...\n\n'


def test_operator_policies_have_their_own_list(broker, vhost):
    result = broker.ctl('set_operator_policy', '-p', vhost, 'limit', '^q', '{"max-length":5}')
    assert result.out.startswith('Setting operator policy override "limit" for pattern "^q" to "{"max-length":5}"')
    assert listed(broker, 'list_operator_policies', vhost) == {(vhost, 'limit', '^q', 'all', '{"max-length":5}', '0')}
    assert listed(broker, 'list_policies', vhost) == set()
    (component, parameter, value), = listed(broker, 'list_parameters', vhost)
    assert (component, parameter) == ('operator_policy', 'limit')
    assert json.loads(value) == {'pattern': '^q', 'definition': {'max-length': 5}, 'priority': 0, 'apply-to': 'all'}
    broker.ctl('clear_operator_policy', '-p', vhost, 'limit')
    assert listed(broker, 'list_operator_policies', vhost) == set()


PATTERN_FAULT = 'pattern should be regular expression but is invalid: '
REFUSALS = [
    ('{"bogus":1,"also":"x"}', '[{<<"also">>,<<"x">>},{<<"bogus">>,1}] are not recognised policy settings'),
    ('{"message-ttl":"x","bogus":1,"expires":-5}', '-5 is not a valid queue expiry'),
    ('{}', 'no policy provided'),
    ('{"message-ttl":1.5}', '1.5 is not a valid message TTL'),
    ('{"message-ttl":[1,"a"]}', '[1,<<"a">>] is not a valid message TTL'),
    ('{"message-ttl":{"a":1}}', '#{<<"a">> => 1} is not a valid message TTL'),
    ('{"expires":0}', '0 is not a valid queue expiry'),
    ('{"max-length":-1}', '-1 is not a valid maximum length'),
    ('{"max-length-bytes":"a"}', '<<"a">> is not a valid maximum length in bytes'),
    ('{"max-in-memory-length":-4}', '-4 is not a valid maximum memory in bytes'),
    ('{"overflow":"bogus"}', '<<"bogus">> is not a valid overflow value'),
    ('{"delivery-limit":-1}', '-1 is not a valid delivery limit'),
    ('{"queue-mode":"zz"}', '<<"zz">> is not a valid queue-mode value'),
    ('{"queue-version":3}', '3 is not a valid queue-version value'),
    ('{"dead-letter-exchange":null}', 'null is not a valid dead letter exchange name'),
    ('{"dead-letter-routing-key":3}', '3 is not a valid dead letter routing key'),
    ('{"dead-letter-strategy":"zz"}', '<<"zz">> is not a valid dead letter strategy'),
    ('{"alternate-exchange":3}', '3 is not a valid alternate exchange name'),
    ('{"max-age":"1x"}', '<<"1x">> is not a valid max age'),
    ('{"stream-max-segment-size-bytes":99999999999}', '99999999999 is not a valid segment size'),
    ('{"queue-leader-locator":"zz"}', '<<"zz">> is not a valid queue leader locator value'),
    ('{"initial-cluster-size":"x"}', '<<"x">> is not a valid cluster size'),
    ('{"queue-master-locator":"zz"}', '<<"zz">> invalid queue-master-locator value'),
    ('{"ha-mode":"zz"}', '<<"zz">> is not a valid ha-mode value'),
    ('{"ha-mode":"exactly"}', 'ha-mode="exactly" takes an integer, none given'),
    ('{"ha-mode":"nodes","ha-params":[1]}', 'ha-mode="nodes" takes a list of strings, [1] was not a string'),
    ('{"ha-mode":"all","ha-params":3}', 'ha-mode="all" does not take parameters'),
    ('{"ha-sync-mode":"zz","ha-mode":"all"}', 'ha-sync-mode must be "manual" or "automatic", got <<"zz">>'),
    ('{"ha-sync-mode":"automatic"}',
     'ha-mode must be specified to specify ha-params, ha-sync-mode or ha-promote-on-shutdown'),
]


@pytest.mark.once
def test_what_a_policy_may_not_say_is_refused_in_rabbitmqs_words(broker, vhost):
    def refused(*words):
        result = broker.ctl(*words, check=False)
        assert result.code == UNAVAILABLE, result
        return result.err

    for definition, text in REFUSALS:
        assert refused('set_policy', '-p', vhost, 'p', 'q', definition) == f'Error:\nValidation failed\n\n{text}\n\n'
    assert refused('set_policy', '-p', vhost, 'p', '*a', '{"bogus":1}', '--apply-to', 'zz') == (
        'Error:\nValidation failed\n\n[{<<"bogus">>,1}] are not recognised policy settings\n'
        "apply-to 'zz' unrecognised; should be 'queues', 'exchanges' or 'all'\n"
        f'{PATTERN_FAULT}{{"nothing to repeat",0}}\n\n')
    for pattern, fault in [('(', '{"missing )",1}'), ('a)', f'{{"unmatched parentheses",\n{"":54}1}}'),
                           ('a[b', f'{{"missing terminating ] for character class",\n{"":54}3}}')]:
        assert refused('set_policy', '-p', vhost, 'p', pattern, '{"message-ttl":1}') == (
            f'Error:\nValidation failed\n\n{PATTERN_FAULT}{fault}\n\n')
    for definition in ('{"dead-letter-exchange":"x"}', '{"ha-mode":"all"}'):
        assert 'are not recognised policy settings' in refused('set_operator_policy', '-p', vhost, 'o', 'q', definition)
    assert refused('set_policy', '-p', vhost, 'p', 'q', 'notjson') == 'Error:\nJSON decoding error. Reason: badarg\n'
    missing = broker.ctl('set_policy', '-p', 'nosuch', 'p', 'q', '{"message-ttl":1}', check=False)
    assert (missing.code, missing.err) == (DATA, "Virtual host 'nosuch' does not exist\n")
    assert broker.ctl('set_policy', 'p', 'q', '{}', '--priority', 'x', check=False).code == USAGE
    assert listed(broker, 'list_policies', vhost) == listed(broker, 'list_operator_policies', vhost) == set()


@pytest.mark.leveret
def test_keys_of_later_versions_and_of_plugins_are_taken(broker, vhost):
    for definition in ('{"consumer-timeout":3}', '{"federation-upstream-set":"all"}', '{"shards-per-node":2}',
                       '{"target-group-size":3}', '{"delayed-message":true}', '{"ha-mode":"all"}'):
        broker.ctl('set_policy', '-p', vhost, 'p', 'q', definition)
    broker.ctl('set_policy', '-p', vhost, 'p', 'q', '{"message-ttl":3}', '--apply-to', 'classic_queues')
    broker.ctl('set_operator_policy', '-p', vhost, 'p', 'q', '{"overflow":"reject-publish","queue-version":2}')


# --- what they rule -------------------------------------------------------------------------------

def policies_of(broker, vhost):
    return dict(listed(broker, 'list_queues', vhost, 'name', 'policy'))


def test_the_policy_of_highest_priority_rules_and_a_change_acts_at_once(broker, vhost, connect):
    peer = connect(vhost=vhost)
    for queue in ('q1', 'q2', 'r1'):
        peer.declare(queue)
    broker.ctl('set_policy', '-p', vhost, 'low', '^q', '{"max-length":5}')
    broker.ctl('set_policy', '-p', vhost, 'high', '^q2', '{"max-length":6}', '--priority', '1')
    broker.ctl('set_policy', '-p', vhost, 'elsewhere', '.*', '{"max-length":7}', '--priority', '9',
               '--apply-to', 'exchanges')
    settled(lambda: policies_of(broker, vhost), {'q1': 'low', 'q2': 'high', 'r1': ''})
    peer.declare('q3')
    settled(lambda: policies_of(broker, vhost)['q3'], 'low')
    broker.ctl('clear_policy', '-p', vhost, 'high')
    settled(lambda: policies_of(broker, vhost), {'q1': 'low', 'q2': 'low', 'q3': 'low', 'r1': ''})
    assert ('amq.topic', 'elsewhere') in listed(broker, 'list_exchanges', vhost, 'name', 'policy')


def test_a_policy_that_a_queue_type_cannot_follow_does_not_rule_it(broker, vhost, connect):
    connect(vhost=vhost).declare('q')
    broker.ctl('set_policy', '-p', vhost, 'other', 'q', '{"delivery-limit":5}', '--priority', '9')
    broker.ctl('set_policy', '-p', vhost, 'mine', 'q', '{"max-length":5}')
    settled(lambda: policies_of(broker, vhost), {'q': 'mine'})


@pytest.mark.leveret
def test_an_operator_policy_makes_numbers_smaller(broker, vhost, connect):
    peer = connect(vhost=vhost)
    for n in range(12):
        peer.declare(f'q{n}')
    broker.ctl('set_policy', '-p', vhost, 'p', 'q', '{"max-length":5,"dead-letter-exchange":"d","message-ttl":70000}')
    broker.ctl('set_operator_policy', '-p', vhost, 'o', 'q', '{"max-length":9,"message-ttl":60000,"expires":800000}')
    shown = '[{"dead-letter-exchange","d"},{"expires",800000},{"max-length",5},{"message-ttl",60000}]'
    rows = listed(broker, 'list_queues', vhost, 'name', 'policy', 'operator_policy', 'effective_policy_definition')
    rows = {(queue, p, o, '[' + ','.join(sorted(shown_now[1:-1].replace('},{', '};{').split(';'))) + ']')
            for queue, p, o, shown_now in rows}
    assert rows == {(f'q{n}', 'p', 'o', shown) for n in range(12)}
    broker.ctl('clear_policy', '-p', vhost, 'p')
    broker.ctl('clear_operator_policy', '-p', vhost, 'o')
    rows = listed(broker, 'list_queues', vhost, 'name', 'policy', 'operator_policy', 'effective_policy_definition')
    assert rows == {(f'q{n}', '', '', '[]') for n in range(12)}


def test_an_alternate_exchange_comes_by_policy_and_an_argument_wins(broker, vhost, connect):
    peer = connect(vhost=vhost)
    for kind, exchange, arguments in (('fanout', 'spare', {}), ('fanout', 'other', {}), ('direct', 'plain', {}),
                                      ('direct', 'named', {'alternate-exchange': 'other'})):
        peer.call(1, 'exchange.declare', exchange=exchange, type=kind, arguments=arguments)
    for queue in ('spare', 'other'):
        peer.declare(queue)
        peer.call(1, 'queue.bind', queue=queue, exchange=queue)

    def went_to(exchange):
        """Where a message that no binding matches goes."""
        for queue in ('spare', 'other'):
            peer.call(1, 'queue.purge', queue=queue)
        peer.publish(1, exchange, 'nobody', b'x')
        return {queue for queue in ('spare', 'other') if peer.declare(queue, passive=True).message_count}

    assert went_to('plain') == set()
    broker.ctl('set_policy', '-p', vhost, 'ae', '^(plain|named)$', '{"alternate-exchange":"spare"}')
    settled(lambda: went_to('plain'), {'spare'})
    assert went_to('named') == {'other'}
    broker.ctl('set_policy', '-p', vhost, 'ae', '^(plain|named)$', '{"alternate-exchange":"other"}')
    settled(lambda: went_to('plain'), {'other'})
    broker.ctl('clear_policy', '-p', vhost, 'ae')
    settled(lambda: went_to('plain'), set())


def test_what_a_policy_says_of_messages_holds_in_queues_that_are_there(broker, vhost, connect):
    peer = connect(vhost=vhost)
    peer.call(1, 'confirm.select')
    for queue, arguments in (('dead', {}), ('short', {}), ('shorter', {'x-max-length': 1}),
                             ('longer', {'x-max-length': 9}), ('full', {}), ('brief', {})):
        peer.declare(queue, arguments=arguments)

    def publish(queue, count=4):
        """What the broker answers to each."""
        answers = []
        for _ in range(count):
            peer.publish(1, '', queue, b'x')
            answers.append(peer.next(1).name.split('.')[1])
        return answers

    def count(queue):
        return peer.declare(queue, passive=True).message_count

    publish('short')
    broker.ctl('set_policy', '-p', vhost, 'length', '^(short|longer)',
               '{"max-length":2,"dead-letter-exchange":"","dead-letter-routing-key":"dead"}')
    settled(lambda: count('short'), 2)               # the head of what was there is dropped
    settled(lambda: count('dead'), 2)
    for queue, kept in (('short', 2), ('shorter', 1), ('longer', 2)):
        publish(queue)
        settled(lambda: count(queue), kept)
    broker.ctl('clear_policy', '-p', vhost, 'length')
    settled(lambda: policies_of(broker, vhost)['longer'], '')
    publish('longer', 5)
    settled(lambda: count('longer'), 7)              # what the argument allows
    broker.ctl('set_policy', '-p', vhost, 'full', '^full$', '{"max-length":2,"overflow":"reject-publish"}')
    settled(lambda: policies_of(broker, vhost)['full'], 'full')
    assert publish('full') == ['ack', 'ack', 'nack', 'nack']
    broker.ctl('set_policy', '-p', vhost, 'brief', '^brief$', '{"message-ttl":1}')
    settled(lambda: policies_of(broker, vhost)['brief'], 'brief')
    publish('brief')
    settled(lambda: count('brief'), 0)


def test_a_policy_makes_queues_expire_that_nobody_uses(broker, vhost, connect):
    peer = connect(vhost=vhost)
    peer.declare('idle')
    peer.declare('used')
    peer.call(1, 'basic.consume', queue='used', consumer_tag='c')
    broker.ctl('set_policy', '-p', vhost, 'expires', '.*', '{"expires":100}')
    settled(lambda: set(policies_of(broker, vhost)), {'used'})
    peer.declare('later')                            # by then the policy is there already
    settled(lambda: set(policies_of(broker, vhost)), {'used'})
    broker.ctl('clear_policy', '-p', vhost, 'expires')
    settled(lambda: policies_of(broker, vhost), {'used': ''})
    peer.call(1, 'basic.cancel', consumer_tag='c')
    assert set(policies_of(broker, vhost)) == {'used'}


# --- limits ---------------------------------------------------------------------------------------

def limits_of(broker, *words):
    return broker.ctl('-q', *words).out.strip()


def test_a_vhost_has_no_more_queues_than_its_limit(broker, vhost, connect):
    assert broker.ctl('set_vhost_limits', '-p', vhost, '{"max-queues":1}').out == (
        f'Setting vhost limits to "{{"max-queues":1}}" for vhost "{vhost}" ...\n')
    assert limits_of(broker, 'list_vhost_limits', '-p', vhost) == '{"max-queues":1}'
    assert f'{vhost}\t{{"max-queues":1}}' in broker.ctl('list_vhost_limits', '--global').out
    peer = connect(vhost=vhost)
    peer.declare('first')
    peer.declare('first')
    peer.send(1, 'queue.declare', queue='second', arguments={'x-message-ttl': -3})
    peer.expect_channel_close(406, f"PRECONDITION_FAILED - cannot declare queue 'second': queue limit in vhost "
                                   f"'{vhost}' (1) is reached")
    peer.open_channel(2)
    peer.call(2, 'queue.delete', queue='first')
    peer.declare('second', channel=2)
    broker.ctl('set_vhost_limits', '-p', vhost, '{"max-queues":-1}')
    peer.declare('third', channel=2)
    assert broker.ctl('clear_vhost_limits', '-p', vhost).out == f'Clearing vhost "{vhost}" limits ...\n'
    assert limits_of(broker, 'list_vhost_limits', '-p', vhost) == ''


@pytest.mark.leveret
def test_queues_in_which_delayed_messages_wait_do_not_count(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    own.ctl('set_vhost_limits', '{"max-queues":1}')

    def declare(exchange):
        peer.call(1, 'exchange.declare', exchange=exchange, type='x-delayed-message', durable=True,
                  arguments={'x-delayed-type': 'direct'})

    def is_full(queue, durable=False):
        peer.send(1, 'queue.declare', queue=queue, durable=durable)
        peer.expect_channel_close(406, f"PRECONDITION_FAILED - cannot declare queue '{queue}': queue limit in vhost "
                                       "'/' (1) is reached")
        peer.open_channel(1)

    declare('before')
    declare('goes')
    peer.declare('only', durable=True)
    declare('after')                                 # a queue for it is made all the same
    peer.call(1, 'exchange.delete', exchange='goes')
    is_full('second')
    peer.drop()                                      # else the broker waits for it
    own.restart()
    peer = Peer(own.address)
    is_full('second')
    peer.call(1, 'queue.delete', queue='only')
    peer.declare('other')
    is_full('second')


def open_or_close_text(broker, **how):
    """The peer, or what the broker said against it."""
    peer = Peer(broker.address, upto='tuned', **how)
    peer.send(0, 'connection.open', virtual_host=how.get('vhost', '/'))
    answer = peer.next(0)
    if answer.name == 'connection.open-ok':
        return peer
    assert answer.reply_code == 530
    peer.drop()
    return answer.reply_text


def test_a_vhost_has_no_more_connections_than_its_limit(broker, vhost):
    broker.ctl('set_vhost_limits', '-p', vhost, '{"max-connections":1}')
    first = open_or_close_text(broker, vhost=vhost)
    refusal = f"NOT_ALLOWED - access to vhost '{vhost}' refused for user 'guest': connection limit (1) is reached"
    settled(lambda: open_or_close_text(broker, vhost=vhost), refusal)
    first.close()
    eventually(lambda: isinstance(open_or_close_text(broker, vhost=vhost), Peer))


@pytest.fixture
def user(broker, name):
    made = name('user')
    broker.ctl('add_user', made, 'secret')
    broker.ctl('set_permissions', made, '.*', '.*', '.*')
    yield made
    broker.ctl('delete_user', made)


def test_a_user_has_no_more_connections_than_its_limit(broker, user):
    assert broker.ctl('set_user_limits', user, '{"max-connections":1}').out == (
        f'Setting user limits to "{{"max-connections":1}}" for user "{user}" ...\n')
    login = {'user': user, 'password': 'secret'}
    first = open_or_close_text(broker, **login)
    settled(lambda: open_or_close_text(broker, **login),
            f"NOT_ALLOWED - connection refused for user '{user}': user connection limit (1) is reached")
    first.drop()
    eventually(lambda: isinstance(open_or_close_text(broker, **login), Peer))


def test_a_user_has_no_more_channels_than_its_limit(broker, user):
    broker.ctl('set_user_limits', user, '{"max-channels":2}')
    with Peer(broker.address, user=user, password='secret') as peer:
        peer.open_channel(2)
        peer.call(2, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
        peer.open_channel(4)
        peer.send(5, 'channel.open')
        peer.expect_connection_close(530, f"NOT_ALLOWED - number of channels opened for user '{user}' has reached the "
                                          'maximum allowed user limit of (2)')
    broker.ctl('clear_user_limits', user, 'max-channels')
    eventually(lambda: open_many(broker, user))


def open_many(broker, user):
    try:
        with Peer(broker.address, user=user, password='secret') as peer:
            for channel in range(2, 6):
                peer.open_channel(channel)
        return True
    except (AssertionError, Closed):
        return False


def test_users_limits_are_added_to_listed_and_cleared(broker, user):
    broker.ctl('set_user_limits', user, '{"max-connections":7}')
    broker.ctl('set_user_limits', user, '{"max-channels":8}')
    assert limits_of(broker, 'list_user_limits', '--user', user) == '{"max-channels":8,"max-connections":7}'
    assert f'{user}\t{{"max-channels":8,"max-connections":7}}' in broker.ctl('list_user_limits', '--global').out
    assert json.loads(broker.ctl('list_user_limits', '--user', user, '--formatter', 'json').out) == {
        'message': '{"max-channels":8,"max-connections":7}'}
    assert broker.ctl('clear_user_limits', user, 'max-channels').out == (
        f'Clearing "max-channels" limit for user "{user}" ...\n')
    assert limits_of(broker, 'list_user_limits', '--user', user) == '{"max-connections":7}'
    assert broker.ctl('clear_user_limits', user, 'all').out == f'Clearing all limits for user "{user}" ...\n'
    assert limits_of(broker, 'list_user_limits', '--user', user) == '{}'


@pytest.mark.parametrize('words, text', [
    (('set_vhost_limits', '{"bogus":1,"max-queues":4}'),
     'Validation failed\n\nUnrecognised terms [{<<"bogus">>,1}] in limits\n'),
    (('set_vhost_limits', '{"max-queues":"x"}'),
     'Validation failed\n\nmax-queues should be a number, actually was <<"x">>\n'),
    (('set_parameter', 'nosuch', 'x', '3'), 'Validation failed\n\ncomponent nosuch not found\n'),
    (('set_parameter', 'policy', 'x', '{}'), 'policies may not be set using this method'),
    (('set_user_limits', 'guest', '{"max-channels":1.5}'), 'max-channels should be a number, actually was 1.5'),
    (('set_user_limits', 'guest', '{"bogus":2}'), 'Unrecognised terms [{<<"bogus">>,2}] in user-limits'),
    (('set_user_limits', 'nosuch', '{"max-channels":1}'), '{:no_such_user, "nosuch"}'),
    (('clear_global_parameter', 'nosuch'), 'Parameter does not exist'),
])
def test_what_limits_and_parameters_may_not_be_is_refused(broker, words, text):
    result = broker.ctl(*words, check=False)
    assert (result.code, result.err) == (UNAVAILABLE, f'Error:\n{text}\n')


# --- parameters, vhosts ---------------------------------------------------------------------------

def test_global_parameters_are_kept_and_the_cluster_name_is_told_to_clients(broker):
    was = Peer(broker.address, upto='header').start.server_properties['cluster_name']
    broker.ctl('set_global_parameter', 'answer', '{"b":[1,2],"a":42}')
    assert 'answer\t{"a":42,"b":[1,2]}' in broker.ctl('list_global_parameters').out
    assert broker.ctl('clear_global_parameter', 'answer').out == 'Clearing global runtime parameter "answer" ...\n'
    assert 'answer' not in broker.ctl('list_global_parameters').out
    assert broker.ctl('set_cluster_name', 'rabbits').out == 'Setting cluster name to rabbits ...\n'
    with Peer(broker.address, upto='header') as peer:
        assert peer.start.server_properties['cluster_name'] == (was[0], 'rabbits')
    broker.ctl('clear_global_parameter', 'cluster_name')


def test_a_cluster_has_an_id_for_ever(own_broker):
    own = own_broker()
    rows = [line for line in own.ctl('list_global_parameters').out.splitlines() if line.startswith('internal_cluster_id\t')]
    assert len(rows) == 1 and re.fullmatch('internal_cluster_id\t"rabbitmq-cluster-id-[A-Za-z0-9_-]{22}"', rows[0]), rows
    own.stop()
    own.start()
    assert rows[0] in own.ctl('list_global_parameters').out.splitlines()


def test_a_vhost_has_a_description_tags_and_a_type_of_queues(broker, name):
    vhost = name('vhost')
    broker.ctl('add_vhost', vhost, '--description', 'of ours', '--tags', 'a, b', '--default-queue-type', 'quorum')
    try:
        broker.ctl('add_vhost', vhost, '--description', 'other')  # it is there: nothing changes

        def row():
            return next(line for line in broker.ctl('list_vhosts', 'name', 'description', 'tags',
                                                    'default_queue_type').out.splitlines() if line.startswith(vhost))

        assert row() == f'{vhost}\tof ours\ta,b\tquorum'
        assert broker.ctl('set_vhost_tags', vhost, 'c', 'd').out == (
            f'Setting tags for virtual host "{vhost}" to [c, d] ...\n')
        assert row() == f'{vhost}\tof ours\tc,d\tquorum'
        broker.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
        with Peer(broker.address, vhost=vhost) as peer:
            peer.declare('kept', durable=True)
            peer.declare('kept', durable=True)
            peer.declare('classic', durable=True, arguments={'x-queue-type': 'classic'})
            peer.declare('passing')
            peer.declare('leaving', durable=True, auto_delete=True)
            peer.declare('', exclusive=True)
            peer.send(1, 'queue.declare', queue='', durable=True)
            peer.expect_channel_close(406, 'PRECONDITION_FAILED - Cannot declare a server-named queue for type '
                                           'rabbit_quorum_queue')
        rows = listed(broker, 'list_queues', vhost, 'name', 'type', 'arguments')
        assert {row for row in rows if not row[0].startswith('amq.gen')} == {
            ('kept', 'quorum', '[{"x-queue-type","quorum"}]'), ('classic', 'classic', '[{"x-queue-type","classic"}]'),
            ('passing', 'classic', '[]'), ('leaving', 'classic', '[]')}
    finally:
        broker.ctl('delete_vhost', vhost)
    refused = broker.ctl('add_vhost', vhost, '--default-queue-type', 'bogus', check=False)
    assert (refused.code, refused.err) == (UNAVAILABLE, 'Error:\ninvalid_queue_type\n')


# --- what survives --------------------------------------------------------------------------------

@pytest.mark.parametrize('end', ['restart', 'kill'])
def test_policies_parameters_and_limits_survive(own_broker, end):
    broker = own_broker()
    with Peer(broker.address) as peer:
        peer.declare('q', durable=True)
        peer.call(1, 'exchange.declare', exchange='x', type='direct', durable=True)
        peer.call(1, 'queue.bind', queue='q', exchange='amq.fanout')
    broker.ctl('add_vhost', 'v', '--description', 'd', '--tags', 't', '--default-queue-type', 'quorum')
    broker.ctl('set_policy', 'p', '^(q|x)$', '{"max-length":100,"alternate-exchange":"amq.fanout"}')
    broker.ctl('set_policy', 'gone', 'q', '{"max-length":3}', '--priority', '3')
    broker.ctl('clear_policy', 'gone')
    broker.ctl('set_operator_policy', 'o', 'q', '{"expires":86400000}', '--apply-to', 'queues')
    broker.ctl('set_vhost_limits', '{"max-queues":1}')
    broker.ctl('set_user_limits', 'guest', '{"max-channels":50}')
    broker.ctl('set_global_parameter', 'cluster_name', '"rabbits"')
    if end == 'kill':
        broker.kill()
        broker.start()
    else:
        broker.restart()
    assert listed(broker, 'list_policies', '/') == {
        ('/', 'p', '^(q|x)$', 'all', '{"alternate-exchange":"amq.fanout","max-length":100}', '0')}
    assert listed(broker, 'list_operator_policies', '/') == {('/', 'o', 'q', 'queues', '{"expires":86400000}', '0')}
    assert listed(broker, 'list_queues', '/', 'name', 'policy') == {('q', 'p')}
    assert limits_of(broker, 'list_vhost_limits') == '{"max-queues":1}'
    assert limits_of(broker, 'list_user_limits', '--user', 'guest') == '{"max-channels":50}'
    assert 'v\td\tt\tquorum' in broker.ctl('list_vhosts', 'name', 'description', 'tags', 'default_queue_type').out
    with Peer(broker.address) as peer:
        assert peer.start.server_properties['cluster_name'][1] == 'rabbits'
        peer.publish(1, 'x', 'nobody', b'x')
        eventually(lambda: peer.declare('q', passive=True).message_count == 1)
        peer.send(1, 'queue.declare', queue='second')
        assert 'queue limit' in peer.next(1).reply_text


@pytest.mark.leveret
@pytest.mark.once(also=('asan',))
def test_definitions_that_make_no_sense_are_left_out_and_said(own_broker):
    broker = own_broker()
    broker.ctl('set_policy', 'good', 'q', '{"max-length":100}')
    broker.stop()
    with sqlite3.connect(os.path.join(broker.data, 'definitions.sqlite')) as db:
        for row in [('nojson', '(', 'q', 'all', 0, '{'), ('list', '(', 'q', 'all', 0, '[1]'),
                    ('pattern', '(', '(', 'all', 0, '{"max-length":1}'), ('kind', 'q', 'q', 'zz', 0, '{"max-length":1}'),
                    ('types', 'q', 'q', 'all', 99, '{"max-length":"x","message-ttl":-3,"overflow":[],"zz":{"a":null}}')]:
            db.execute('INSERT INTO policies VALUES (?, 0, ?, ?, ?, ?, ?)', ('/', row[0]) + row[2:])
        db.execute("INSERT INTO parameters VALUES ('/', 'vhost-limits', 'limits', '{\"max-queues\":\"x\"}')")
        db.execute("INSERT INTO parameters VALUES ('/', 'shovel', 'later', '{\"src-uri\":\"amqp://\"}')")
        db.execute("INSERT INTO parameters VALUES ('/', 'shovel', 'broken', '{')")
        db.execute("INSERT INTO global_parameters VALUES ('cluster_name', '7')")
        db.execute("UPDATE users SET limits = '[]'")
    broker.start()
    with Peer(broker.address) as peer:
        peer.declare('q')
    assert {row[1] for row in listed(broker, 'list_policies', '/')} == {'good', 'types'}
    assert listed(broker, 'list_queues', '/', 'name', 'policy') == {('q', 'types')}
    assert ('shovel', 'later', '{"src-uri":"amqp://"}') in listed(broker, 'list_parameters', '/')
    for skipped in ("policy 'nojson'", "policy 'list'", "policy 'pattern'", "policy 'kind'", "parameter 'limits'",
                    "parameter 'broken'"):
        eventually(lambda what=skipped: what in broker.log())
