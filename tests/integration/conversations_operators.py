"""Conversations in which the operator has a say: policies, limits of vhosts, the firehose, events."""
from contextlib import contextmanager

from talk import conversation, conversation_named, routed, slow_conversation


def policy(talk, definition, name='p', pattern=r'\.q$', **how):
    """A policy for this conversation's own names."""
    talk.operate('set_policy', talk(name), f'^{talk.token}{pattern}', definition, **how)


def cleared(talk, *names, **how):
    for name in names or ('p',):
        talk.operate('clear_policy', talk(name), **how)


def dead_letters(talk, count):
    """Consumes the queue 'dead' on channel 2 and hears so many."""
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('dead'), consumer_tag='dead', no_ack=True)
    talk.hear(count, channel=2)


def filled(talk, bodies='abc', **flags):
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.declare', queue=talk('q'), **(flags or {'exclusive': True}))
    talk.ask('confirm.select')
    sent(talk, bodies)


def sent(talk, bodies):
    for body in bodies:
        talk.publish('', talk('q'), body)
        talk.hear()


def to_dead(talk, **more):
    return {'dead-letter-exchange': '', 'dead-letter-routing-key': talk('dead'), **more}


# --- what each key does, to a queue that is there, and when it is gone again -----------------------

@conversation
def a_policy_of_max_length_drops_what_is_there(talk):
    filled(talk, 'abcd')
    policy(talk, to_dead(talk, **{'max-length': 2}))
    dead_letters(talk, 2)
    sent(talk, 'e')
    talk.hear(channel=2)
    cleared(talk)
    sent(talk, 'f')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def a_policy_of_max_length_bytes(talk):
    policy(talk, to_dead(talk, **{'max-length-bytes': 6}))
    filled(talk, ['123', '123', '123'])
    dead_letters(talk, 1)
    cleared(talk)


for _overflow in ('drop-head', 'reject-publish', 'reject-publish-dlx'):
    def _overflows(talk, overflow=_overflow):
        policy(talk, to_dead(talk, **{'max-length': 1, 'overflow': overflow}))
        filled(talk, 'abc')
        if overflow != 'reject-publish':
            dead_letters(talk, 2)
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
        cleared(talk)
        sent(talk, 'def')
        talk.ask('queue.declare', queue=talk('q'), passive=True)
    conversation_named(f'a policy of overflow {_overflow}', _overflows)


@conversation
def a_policy_of_max_length_that_refuses(talk):
    """It says both at once, to a queue that is above it already."""
    filled(talk, 'abc')
    policy(talk, {'max-length': 1, 'overflow': 'reject-publish'})
    talk.note_whether_ready(1, talk('q'), 2)
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'd')
    talk.hear()
    cleared(talk)


@conversation
def a_policy_of_message_ttl(talk):
    policy(talk, to_dead(talk, **{'message-ttl': 1}))
    filled(talk, 'ab')
    dead_letters(talk, 2)
    cleared(talk)
    sent(talk, 'c')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def a_policy_of_expires(talk):
    talk.ask('queue.declare', queue=talk('q'))
    policy(talk, {'expires': 1})
    talk.wait_until_gone(talk('q'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk)


@conversation
def a_policy_of_dead_letters_alone(talk):
    filled(talk)
    policy(talk, to_dead(talk))
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.reject', delivery_tag=1)
    dead_letters(talk, 1)
    cleared(talk)
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.reject', delivery_tag=2)
    talk.ask('basic.get', queue=talk('q'))


@conversation
def a_policy_of_an_alternate_exchange(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='direct')
    talk.ask('queue.declare', queue=talk('rest'), exclusive=True)
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout', auto_delete=True)
    talk.ask('queue.bind', queue=talk('rest'), exchange=talk('ae'))
    talk.publish(talk('x'), 'k', 'before', mandatory=True)
    talk.hear()
    policy(talk, {'alternate-exchange': talk('ae')}, pattern=r'\.x$', apply_to='exchanges')
    talk.ask('confirm.select')
    talk.publish(talk('x'), 'k', 'during', mandatory=True)
    talk.hear()
    cleared(talk)
    talk.publish(talk('x'), 'k', 'after', mandatory=True)
    talk.hear(2)
    talk.ask('basic.get', queue=talk('rest'), no_ack=True)
    talk.ask('basic.get', queue=talk('rest'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('x'))


@conversation
def a_policy_of_a_delivery_limit(talk):
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'quorum'})
    policy(talk, {'delivery-limit': 1})
    talk.ask('confirm.select')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=1)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c')
    sent(talk, ['m', 'next'])
    for tag in (1, 2):
        talk.hear(channel=2)
        talk.say('basic.nack', channel=2, delivery_tag=tag, requeue=True)
    talk.hear(channel=2)
    cleared(talk)
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(channel=2)


@conversation
def a_policy_is_there_before_its_queue(talk):
    policy(talk, {'max-length': 1})
    filled(talk, 'abc')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    cleared(talk)


@conversation
def a_policy_makes_no_difference_to_declaring_again(talk):
    filled(talk, '', exclusive=True, arguments={'x-max-length': 5})
    policy(talk, {'max-length': 1})
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-max-length': 5})
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-max-length': 1})
    cleared(talk)


@conversation
def a_policy_replaced_by_itself(talk):
    policy(talk, {'max-length': 3})
    filled(talk, 'abcd')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    policy(talk, {'max-length': 2})
    talk.wait_for_ready(2, talk('q'))
    policy(talk, {'message-ttl': 600000})
    sent(talk, 'efg')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk)


# --- which one wins -------------------------------------------------------------------------------

for _name, _argument, _policy, _left in [('the argument is lower', 1, 3, 1), ('the policy is lower', 3, 1, 1)]:
    def _lower(talk, argument=_argument, value=_policy):
        policy(talk, {'max-length': value})
        filled(talk, 'abcd', exclusive=True, arguments={'x-max-length': argument})
        talk.ask('queue.declare', queue=talk('q'), passive=True)
        cleared(talk)
        sent(talk, 'efgh')
        talk.ask('queue.declare', queue=talk('q'), passive=True)
    conversation_named(f'max-length by argument and policy: {_name}', _lower)

    def _lower_ttl(talk, argument=_argument, value=_policy):
        scale = {1: 1, 3: 600000}
        policy(talk, to_dead(talk, **{'message-ttl': scale[value]}))
        filled(talk, 'a', exclusive=True, arguments={'x-message-ttl': scale[argument]})
        dead_letters(talk, 1)
        cleared(talk)
    conversation_named(f'ttl by argument and policy: {_name}', _lower_ttl)


@conversation
def names_in_arguments_win_over_policies(talk):
    talk.ask('queue.declare', queue=talk('other'), exclusive=True)
    policy(talk, {'dead-letter-exchange': 'amq.fanout', 'dead-letter-routing-key': talk('other'), 'max-length': 0,
                  'overflow': 'reject-publish'})
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead'), 'x-overflow': 'drop-head'})
    talk.ask('confirm.select')
    sent(talk, 'a')
    dead_letters(talk, 1)
    cleared(talk)


@conversation
def an_argument_that_names_no_alternate_wins_over_a_policy(talk):
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout', auto_delete=True)
    talk.ask('queue.declare', queue=talk('rest'), exclusive=True)
    talk.ask('queue.bind', queue=talk('rest'), exchange=talk('ae'))
    policy(talk, {'alternate-exchange': talk('ae')}, pattern=r'\.[xy]$', apply_to='exchanges')
    for name, arguments in (('x', {'alternate-exchange': ''}), ('y', {})):
        talk.ask('exchange.declare', exchange=talk(name), type='direct', arguments=arguments)
        routed(talk, talk(name), 'k', ['rest'])
        talk.ask('exchange.delete', exchange=talk(name))
    cleared(talk)


@conversation
def the_policy_of_the_highest_priority_is_the_only_one(talk):
    filled(talk, 'abcde')
    policy(talk, {'max-length': 1}, 'low', priority=1)
    talk.wait_for_ready(1, talk('q'))
    policy(talk, {'max-length': 3}, 'high', priority=2)
    sent(talk, 'fgh')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    policy(talk, {'message-ttl': 600000}, 'higher', priority=3)
    sent(talk, 'ij')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk, 'higher')
    talk.wait_for_ready(3, talk('q'))
    cleared(talk, 'high')
    talk.wait_for_ready(1, talk('q'))
    cleared(talk, 'low')


@conversation
def a_policy_for_exchanges_is_none_for_queues(talk):
    policy(talk, {'alternate-exchange': talk('ae')}, pattern='', apply_to='exchanges')
    policy(talk, {'max-length': 1}, 'queues', pattern='', apply_to='queues')
    filled(talk, 'abc')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk, 'p', 'queues')


@conversation
def a_policy_for_all_applies_to_both(talk):
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout')
    policy(talk, {'alternate-exchange': talk('ae'), 'max-length': 1}, pattern='', apply_to='all')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('ae'))
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True)
    talk.ask('confirm.select')
    for body in 'ab':
        talk.publish(talk('x'), 'k', body, mandatory=True)
        talk.hear()
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('ae'))
    cleared(talk)


@conversation
def an_operator_policy_takes_the_lower_of_two(talk):
    policy(talk, {'max-length': 3, 'message-ttl': 600000}, apply_to='queues')
    policy(talk, {'max-length': 2}, operator=True, apply_to='queues')
    filled(talk, 'abcd')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    policy(talk, {'max-length': 5}, operator=True, apply_to='queues')
    sent(talk, 'efgh')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk)
    sent(talk, 'ijklm')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    cleared(talk, operator=True)


@conversation
def an_operator_policy_of_ttl(talk):
    policy(talk, to_dead(talk))
    filled(talk, '')
    policy(talk, {'message-ttl': 1}, operator=True, apply_to='queues')
    sent(talk, 'a')
    dead_letters(talk, 1)
    cleared(talk, operator=True)
    sent(talk, 'b')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    cleared(talk)


@conversation
def an_operator_policy_of_expires(talk):
    talk.ask('queue.declare', queue=talk('q'))
    policy(talk, {'expires': 1}, operator=True, apply_to='queues')
    talk.wait_until_gone(talk('q'))
    cleared(talk, operator=True)


# --- what is refused ------------------------------------------------------------------------------

for _definition in ({}, {'max-length': -1}, {'max-length': 'x'}, {'max-length': 1.5}, {'message-ttl': -1}, {'expires': 0},
                    {'expires': 'x'}, {'overflow': 'odd'}, {'unheard-of': 1}, {'x-max-length': 1}, {'dead-letter-exchange': 5},
                    {'dead-letter-routing-key': 5}, {'alternate-exchange': 5}, {'delivery-limit': -1}, {'delivery-limit': 'x'},
                    {'queue-mode': 'odd'}, {'queue-mode': 'lazy'}, {'queue-version': 3}, {'max-length-bytes': -5},
                    {'max-length': 5, 'unheard-of': 1}, {'max-age': '1D'}, {'message-ttl': 2**33},
                    {'dead-letter-strategy': 'at-least-once'}, {'dead-letter-strategy': 'odd'}, {'max-priority': 5},
                    {'single-active-consumer': True}, {'ha-mode': 'all'}, {'consumer-timeout': 1000},
                    {'max-in-memory-length': 5}, {'queue-master-locator': 'min-masters'},
                    {'stream-max-segment-size-bytes': 5}):
    def _validated(talk, definition=_definition):
        policy(talk, definition)
        cleared(talk)
    conversation_named(f'a policy of {_definition!r}', _validated)

for _definition in ({'max-length': 5}, {'max-length-bytes': 5}, {'message-ttl': 5}, {'expires': 5}, {'delivery-limit': 5},
                    {'dead-letter-exchange': ''}, {'overflow': 'drop-head'}, {'alternate-exchange': 'x'},
                    {'max-length': -1}, {'unheard-of': 1}, {}, {'queue-mode': 'lazy'}, {'max-in-memory-length': 1}):
    def _operator_validated(talk, definition=_definition):
        policy(talk, definition, operator=True, apply_to='queues')
        cleared(talk, operator=True)
    conversation_named(f'an operator policy of {_definition!r}', _operator_validated)

for _how in (dict(pattern='('), dict(pattern='['), dict(priority=-5), dict(apply_to='nothing'), dict(apply_to='classic_queues'),
             dict(apply_to='exchanges', operator=True), dict(apply_to='all', operator=True)):
    def _refused(talk, how=_how):
        policy(talk, {'max-length': 5}, **how)
        cleared(talk, operator=how.get('operator', False))
    conversation_named(f'a policy with {_how}', _refused)


@conversation
def clearing_a_policy_that_is_not_there(talk):
    cleared(talk)
    cleared(talk, operator=True)


# --- limits of vhosts -----------------------------------------------------------------------------

@conversation
def a_vhost_has_room_for_so_many_queues(talk):
    talk.operate('add_vhost', talk('v'))
    talk.operate('set_vhost_limits', talk('v'), {'max-queues': 2})
    talk.connect('a', vhost=talk('v'))
    for name in 'ab':
        talk.ask('queue.declare', queue=talk(name))
    talk.ask('queue.declare', queue=talk('a'))
    talk.ask('queue.declare', queue=talk('c'))
    talk.ask('channel.open')
    talk.ask('queue.declare')
    talk.ask('channel.open')
    talk.ask('queue.delete', queue=talk('a'))
    talk.ask('queue.declare', queue=talk('c'))
    talk.operate('set_vhost_limits', talk('v'), {'max-queues': 0})
    talk.ask('queue.declare', queue=talk('d'))
    talk.ask('channel.open')
    talk.operate('set_vhost_limits', talk('v'), {'max-queues': -1})
    talk.ask('queue.declare', queue=talk('d'))
    talk.operate('clear_vhost_limits', talk('v'))
    talk.ask('queue.declare', queue=talk('e'))
    talk.ask('connection.close', channel=0, reply_code=200)
    talk.leave()
    talk.operate('delete_vhost', talk('v'))


@conversation
def a_vhost_has_room_for_so_many_connections(talk):
    talk.operate('add_vhost', talk('v'))
    talk.operate('set_vhost_limits', talk('v'), {'max-connections': 1})
    talk.connect('a', vhost=talk('v'))
    talk.connect('b', upto='tuned')
    talk.say('connection.open', who='b', channel=0, virtual_host=talk('v'))
    talk.hear_up_to('connection.open-ok', who='b', channel=0)
    talk.operate('set_vhost_limits', talk('v'), {'max-connections': 0})
    talk.connect('c', upto='tuned')
    talk.say('connection.open', who='c', channel=0, virtual_host=talk('v'))
    talk.hear_up_to('connection.open-ok', who='c', channel=0)
    talk.operate('set_vhost_limits', talk('v'), {'max-connections': -1})
    talk.connect('d', upto='tuned')
    talk.say('connection.open', who='d', channel=0, virtual_host=talk('v'))
    talk.hear_up_to('connection.open-ok', who='d', channel=0)
    for who in 'ad':
        talk.ask('connection.close', who=who, channel=0, reply_code=200)
        talk.leave(who)
    talk.operate('delete_vhost', talk('v'))


for _limits in ({'max-queues': 'x'}, {'max-queues': 1.5}, {'max-queues': -2}, {'unheard-of': 1}, {},
                {'max-connections': 'x'}, {'max-queues': 5, 'max-connections': 5}):
    def _limits_refused(talk, limits=_limits):
        talk.operate('add_vhost', talk('v'))
        talk.operate('set_vhost_limits', talk('v'), limits)
        talk.operate('clear_vhost_limits', talk('v'))
        talk.operate('delete_vhost', talk('v'))
    conversation_named(f'vhost limits of {_limits}', _limits_refused)


# --- the firehose ---------------------------------------------------------------------------------

OF_THIS_NODE = {'node', 'connection', 'vhost'}


@contextmanager
def traced(talk, key='#'):
    """A vhost of its own that is traced; 'tap' hears the firehose, 'a' is who is listened to. One at a time: RabbitMQ
    forgets one of two vhosts for which it is told so at once."""
    with talk.operator.firehose:
        talk.operate('add_vhost', talk('v'))
        talk.connect('tap', vhost=talk('v'))
        talk.ask('queue.declare', who='tap', queue=talk('tap'), exclusive=True)
        talk.ask('queue.bind', who='tap', queue=talk('tap'), exchange='amq.rabbitmq.trace', routing_key=key)
        talk.ask('basic.consume', who='tap', queue=talk('tap'), consumer_tag='tap', no_ack=True)
        talk.operate('trace_on', talk('v'))
        talk.connect('a', vhost=talk('v'))
        yield
        talk.operate('trace_off', talk('v'))
    for who in ('a', 'tap'):
        talk.ask('connection.close', who=who, channel=0, reply_code=200)
        talk.leave(who)
    talk.operate('delete_vhost', talk('v'))


@conversation
def the_firehose_shows_what_is_published(talk):
    with traced(talk, 'publish.#'):
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        for exchange, key, properties in (
                ('', talk('q'), b'\0\0'), ('amq.topic', 'nowhere', {'headers': {'n': 1}, 'message_id': 'm', 'priority': 5}),
                ('amq.direct', 'k', {'headers': {'CC': ['cc'], 'BCC': ['bcc']}, 'expiration': '60000', 'delivery_mode': 2}),
                ('amq.fanout', '', {'content_type': 't', 'content_encoding': 'e', 'correlation_id': 'c', 'reply_to': 'r',
                                    'timestamp': 5, 'type': 't', 'user_id': 'guest', 'app_id': 'a', 'cluster_id': 'x'})):
            talk.publish(exchange, key, 'body', properties)
            talk.hear_facts(OF_THIS_NODE, 'tap')


@conversation
def the_firehose_shows_what_is_delivered(talk):
    with traced(talk, 'deliver.#'):
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.ask('confirm.select')
        talk.publish('', talk('q'), 'body', {'headers': {'n': 1}})
        talk.hear()
        talk.ask('basic.get', queue=talk('q'))
        talk.hear_facts(OF_THIS_NODE, 'tap')
        talk.say('basic.reject', delivery_tag=1, requeue=True)
        talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
        talk.hear()
        talk.hear_facts(OF_THIS_NODE, 'tap')


@conversation
def the_firehose_is_off_unless_it_is_on(talk):
    with traced(talk):
        talk.publish('amq.direct', 'nowhere', 'on')
        talk.hear_facts(OF_THIS_NODE, 'tap')
        talk.operate('trace_off', talk('v'))
        talk.publish('amq.direct', 'nowhere', 'off')
        talk.ask('basic.qos')
        talk.operate('trace_on', talk('v'))
        talk.publish('amq.direct', 'nowhere', 'on again')
        talk.hear_facts(OF_THIS_NODE, 'tap')


@conversation
def the_firehose_shows_what_the_default_exchange_does_not_route(talk):
    with traced(talk):
        talk.publish('', 'nowhere', 'm')
        talk.hear_facts(OF_THIS_NODE, 'tap')


@conversation
def nobody_publishes_to_the_firehose(talk):
    talk.publish('amq.rabbitmq.trace', 'publish.x', 'm')
    talk.hear_end()


# --- events ---------------------------------------------------------------------------------------

OF_THIS_MOMENT = {'timestamp', 'timestamp_in_ms', 'pid', 'connection', 'channel', 'connection_pid', 'channel_pid', 'name',
                  'node', 'owner_pid', 'connected_at', 'peer_port', 'port', 'consumer_tag'}


def watched(talk, *keys):
    """'tap' hears the events with these keys."""
    talk.connect('tap')
    peer = talk.peer('tap')
    peer.declare(exclusive=True)                     # of no name of this conversation's, nor are events about it
    for key in keys:
        peer.call(1, 'queue.bind', exchange='amq.rabbitmq.event', routing_key=key)
    peer.call(1, 'basic.consume', consumer_tag='tap', no_ack=True)


def unwatched(talk):
    talk.leave('tap')


def event(talk, hide=()):
    """The next event about it: its key and the names of its facts, in whatever order, and the facts that are no chance."""
    def is_own(message):
        return talk.token in repr(message.properties)
    message = talk.content('tap', 1)
    while not is_own(message):
        message = talk.content('tap', 1)
    headers = talk.facts(message.properties['headers'], OF_THIS_MOMENT - {'name'} | set(hide))
    talk.write_down('tap', f'event {message.method.routing_key} {sorted(message.properties)} {message.body!r}')
    for key in sorted(headers):
        talk.write_down('tap', f'event   {key}: {headers[key]!r}')


@conversation
def events_of_queues(talk):
    watched(talk, 'queue.*')
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-max-length': 5})
    event(talk)
    talk.ask('queue.delete', queue=talk('q'))
    event(talk)
    unwatched(talk)


@conversation
def events_of_exchanges(talk):
    watched(talk, 'exchange.*')
    talk.ask('exchange.declare', exchange=talk('x'), type='topic', arguments={'alternate-exchange': 'a'})
    event(talk)
    talk.ask('exchange.delete', exchange=talk('x'))
    event(talk)
    unwatched(talk)


@conversation
def events_of_bindings(talk):
    watched(talk, 'binding.*')
    talk.ask('exchange.declare', exchange=talk('x'), type='topic')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='a.#', arguments={'n': 1})
    event(talk)
    talk.ask('queue.unbind', queue=talk('q'), exchange=talk('x'), routing_key='a.#', arguments={'n': 1})
    event(talk)
    talk.ask('exchange.delete', exchange=talk('x'))
    unwatched(talk)


@conversation
def events_of_consumers(talk):
    watched(talk, 'consumer.*')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('basic.qos', prefetch_count=5)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c', arguments={'x-priority': 1})
    event(talk)
    talk.ask('basic.cancel', consumer_tag='c')
    event(talk)
    unwatched(talk)


@conversation
def events_of_vhosts_and_permissions(talk):
    watched(talk, 'vhost.created', 'vhost.deleted', 'permission.*')
    talk.operate('add_vhost', talk('v'))
    event(talk, {'cluster_state', 'metadata', 'description', 'tags', 'default_queue_type'})
    event(talk)
    talk.operate('delete_vhost', talk('v'))
    event(talk)
    event(talk)
    unwatched(talk)


@conversation
def events_of_policies(talk):
    watched(talk, 'policy.*')
    policy(talk, {'max-length': 5}, priority=3, apply_to='queues')
    event(talk)
    cleared(talk)
    event(talk)
    unwatched(talk)


@conversation
def nobody_declares_the_event_exchange_otherwise(talk):
    talk.ask('exchange.declare', exchange='amq.rabbitmq.event', passive=True)
    talk.ask('exchange.declare', exchange='amq.rabbitmq.event', type='topic', durable=True, internal=True)
    talk.ask('exchange.declare', exchange='amq.rabbitmq.event', type='fanout', durable=True, internal=True)


@slow_conversation(1)
def a_policy_of_expires_on_a_queue_in_use(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    policy(talk, {'expires': 100})
    talk.ask('queue.declare', queue=talk('clock'), arguments={'x-expires': 500})
    talk.wait_until_gone(talk('clock'))
    talk.ask('basic.cancel', consumer_tag='c')
    talk.wait_until_gone(talk('q'))
    cleared(talk)
