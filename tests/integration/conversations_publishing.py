"""Conversations about publishing: CC and BCC, alternate exchanges, replies, the largest message."""
from talk import conversation, conversation_named, routed, topology


# --- CC and BCC -----------------------------------------------------------------------------------

@conversation
def cc_and_bcc_at_a_topic_exchange(talk):
    queues = topology(talk, 'topic', ['a.*', '*.b', 'c.#'])
    for headers in ({'CC': ['c.x']}, {'BCC': ['c.x']}, {'CC': ['a.b', 'a.b']}, {'CC': ['x'], 'BCC': ['x.b']}):
        routed(talk, talk('x'), 'a.z', queues, {'headers': headers})


@conversation
def cc_and_bcc_at_a_headers_exchange_change_nothing(talk):
    queues = topology(talk, 'headers', [('', {'CC': None}), ('', {'n': 1})])
    routed(talk, talk('x'), 'k', queues, {'headers': {'CC': ['other'], 'n': 1}})
    routed(talk, talk('x'), 'k', queues, {'headers': {'BCC': ['other'], 'n': 1}})


@conversation
def cc_and_bcc_through_exchange_bindings(talk):
    talk.ask('exchange.declare', exchange=talk('y'), type='direct', auto_delete=True)
    topology(talk, 'direct', ['direct'])
    talk.ask('queue.declare', queue=talk('far'), exclusive=True)
    talk.ask('exchange.bind', source=talk('x'), destination=talk('y'), routing_key='pass')
    talk.ask('queue.bind', queue=talk('far'), exchange=talk('y'), routing_key='far')
    routed(talk, talk('x'), 'none', ['q0', 'far'], {'headers': {'CC': ['pass', 'far']}})
    routed(talk, talk('x'), 'none', ['q0', 'far'], {'headers': {'BCC': ['pass', 'far', 'direct']}})


@conversation
def a_returned_message_shows_cc_and_bcc(talk):
    talk.publish('', 'nowhere', 'm', {'headers': {'CC': ['none'], 'BCC': ['secret'], 'n': 1}}, mandatory=True)
    talk.hear()
    talk.publish('', 'nowhere', 'm', {'headers': {'BCC': ['secret']}}, mandatory=True)
    talk.hear()


@conversation
def cc_in_a_transaction(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('tx.select')
    talk.publish('', 'nowhere', 'm', {'headers': {'CC': [talk('q')], 'BCC': []}})
    talk.ask('tx.commit')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


for _header in ('CC', 'BCC'):
    for _value in (['a', 5], [['a']], [None], {}, True, None, b'x', 1.5, ('T', 5)):
        def _wrong(talk, header=_header, value=_value):
            talk.publish('', 'nowhere', 'm', {'headers': {header: value}})
            talk.ask('basic.qos')
        conversation_named(f'{_header} of {_value!r}', _wrong)


# --- alternate exchanges --------------------------------------------------------------------------

def alternates(talk, names):
    """Exchanges in a row, each the alternate of the one before; the last is a fanout with a queue."""
    for at, name in enumerate(names):
        last = at == len(names) - 1
        talk.ask('exchange.declare', exchange=talk(name), type='fanout' if last else 'direct',
                 arguments={} if last else {'alternate-exchange': talk(names[at + 1])})
    talk.ask('queue.declare', queue=talk('rest'), exclusive=True)
    talk.ask('queue.bind', queue=talk('rest'), exchange=talk(names[-1]))


@conversation
def alternates_of_alternates(talk):
    alternates(talk, 'abc')
    talk.ask('confirm.select')
    talk.publish(talk('a'), 'k', 'm', {'headers': {'CC': ['other'], 'BCC': ['secret']}}, mandatory=True)
    talk.hear()
    talk.ask('basic.get', queue=talk('rest'), no_ack=True)
    talk.ask('queue.delete', queue=talk('rest'))
    talk.publish(talk('a'), 'k', 'nobody', mandatory=True)
    talk.hear(2)
    for name in 'abc':
        talk.ask('exchange.delete', exchange=talk(name))


@conversation
def an_alternate_is_not_asked_when_one_key_of_cc_is_routed(talk):
    alternates(talk, 'ab')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('a'), routing_key='known')
    routed(talk, talk('a'), 'unknown', ['q', 'rest'], {'headers': {'CC': ['known']}})
    routed(talk, talk('a'), 'unknown', ['q', 'rest'], {'headers': {'CC': ['unknown too']}})
    for name in 'ab':
        talk.ask('exchange.delete', exchange=talk(name))


@conversation
def an_alternate_of_an_exchange_bound_to_another(talk):
    """y routes nothing, but x did: to y. So only y's alternate is asked."""
    alternates(talk, ['y', 'ae'])
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout', arguments={'alternate-exchange': talk('none')})
    talk.ask('exchange.bind', source=talk('x'), destination=talk('y'))
    routed(talk, talk('x'), 'k', ['rest'])
    for name in ('x', 'y', 'ae'):
        talk.ask('exchange.delete', exchange=talk(name))


@conversation
def an_internal_alternate(talk):
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout', internal=True)
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', arguments={'alternate-exchange': talk('ae')})
    talk.ask('queue.declare', queue=talk('rest'), exclusive=True)
    talk.ask('queue.bind', queue=talk('rest'), exchange=talk('ae'))
    routed(talk, talk('x'), 'k', ['rest'])
    for name in ('x', 'ae'):
        talk.ask('exchange.delete', exchange=talk(name))


@conversation
def the_default_exchange_as_an_alternate(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True, arguments={'alternate-exchange': ''})
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='k')
    routed(talk, talk('x'), talk('q'), ['q'])


@conversation
def an_alternate_in_a_transaction(talk):
    alternates(talk, 'ab')
    talk.ask('tx.select')
    talk.publish(talk('a'), 'k', 'm', mandatory=True)
    talk.ask('tx.commit')
    talk.ask('basic.get', queue=talk('rest'), no_ack=True)
    for name in 'ab':
        talk.ask('exchange.delete', exchange=talk(name))


# --- replies --------------------------------------------------------------------------------------

def served(talk, request):
    """The request as the server sees it; its reply-to name, which is the broker's own affair."""
    message = talk.hear_facts({'reply_to'}, 'server')
    name = message.properties['reply_to']
    talk.note(f'{request} may be answered to {name[:22]}...')
    return name


def requested(talk):
    """A server's queue, and a requester 'a' with its reply consumer."""
    talk.connect('server')
    talk.ask('queue.declare', who='server', queue=talk('rpc'), exclusive=True)
    talk.ask('basic.consume', who='server', queue=talk('rpc'), consumer_tag='server', no_ack=True)
    talk.ask('basic.consume', queue='amq.rabbitmq.reply-to', consumer_tag='replies', no_ack=True)


@conversation
def a_request_and_its_replies(talk):
    requested(talk)
    talk.publish('', talk('rpc'), 'question', {'reply_to': 'amq.rabbitmq.reply-to', 'correlation_id': '1'})
    name = served(talk, 'it')
    for body in ('answer', 'another'):
        talk.peer('server').publish(1, '', name, body, {'correlation_id': '1', 'headers': {'n': 1}})
        talk.hear_facts(channel=1)


@conversation
def a_reply_with_confirms_and_mandatory(talk):
    requested(talk)
    talk.publish('', talk('rpc'), 'question', {'reply_to': 'amq.rabbitmq.reply-to'})
    name = served(talk, 'it')
    talk.ask('confirm.select', who='server')
    talk.peer('server').publish(1, '', name, 'answer', mandatory=True)
    talk.hear(who='server')
    talk.hear_facts()
    talk.ask('basic.cancel', consumer_tag='replies')
    talk.peer('server').publish(1, '', name, 'too late')
    talk.hear(who='server')


@conversation
def the_reply_name_may_be_declared_passively_while_its_owner_lives(talk):
    requested(talk)
    talk.publish('', talk('rpc'), 'question', {'reply_to': 'amq.rabbitmq.reply-to'})
    name = served(talk, 'it')
    answer = talk.peer('server').call(1, 'queue.declare', queue=name, passive=True)
    talk.note(f'{answer.message_count} messages, {answer.consumer_count} consumers')
    talk.ask('connection.close', channel=0, reply_code=200)
    talk.leave()
    talk.peer('server').send(1, 'queue.declare', queue=name, passive=True)
    close = talk.peer('server').expect('channel.close', 1)
    talk.note(f'{close.reply_code} {close.reply_text[:30]}')
    talk.peer('server').send(1, 'channel.close-ok')
    talk.ask('channel.open', who='server')


@conversation
def a_reply_to_of_ones_own_is_left_alone(talk):
    requested(talk)
    talk.ask('queue.declare', queue=talk('mine'), exclusive=True)
    talk.publish('', talk('rpc'), 'question', {'reply_to': talk('mine')})
    talk.hear(who='server')
    talk.publish('', talk('mine'), 'answer', who='server')
    talk.wait_for_ready(1, talk('mine'))
    talk.ask('basic.get', queue=talk('mine'), no_ack=True)


@conversation
def a_reply_consumer_again_after_cancel(talk):
    requested(talk)
    talk.ask('basic.cancel', consumer_tag='replies')
    talk.ask('basic.consume', queue='amq.rabbitmq.reply-to', consumer_tag='again', no_ack=True)
    talk.publish('', talk('rpc'), 'question', {'reply_to': 'amq.rabbitmq.reply-to'})
    name = served(talk, 'it')
    talk.peer('server').publish(1, '', name, 'answer')
    talk.hear_facts()


@conversation
def a_request_that_is_not_routed_comes_back_with_its_reply_name(talk):
    requested(talk)
    talk.publish('', talk('nowhere'), 'question', {'reply_to': 'amq.rabbitmq.reply-to'}, mandatory=True)
    talk.hear_facts({'reply_to'}, name='basic.return')


# --- the largest message --------------------------------------------------------------------------

@conversation
def a_message_above_the_largest_size(talk):
    """All of it is sent before it is refused."""
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.peer('a').publish(1, '', talk('q'), bytes((1 << 27) + 1))
    talk.hear_end()


# --- numbers that are none ----------------------------------------------------------------------------

def header_of(value):
    def hold_it(talk):
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.publish('', talk('q'), 'm', {'headers': {'h': value, 'in': [value]}})
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    return hold_it


def argument_of(value):
    def hold_it(talk):
        for _ in range(2):
            talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-mine': value})
    return hold_it


for _kind in 'df':
    for _number in ('nan', 'inf', '-inf'):
        conversation_named(f'a header that is {_number} as {_kind}', header_of((_kind, float(_number))))
        conversation_named(f'an argument that is {_number} as {_kind}', argument_of((_kind, float(_number))))
