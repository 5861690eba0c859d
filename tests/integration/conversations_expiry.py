"""Conversations about time: x-message-ttl, expiration and x-expires.

Times are 1 ms, which is over before anybody can ask, or ten minutes, which are not. What must be shown
to last for some time is compared with a clock: another message or queue that expires, long before or long after.
"""
from talk import conversation, conversation_named, slow_conversation, with_queue

LONG = 600000


def with_dead_letters(talk, name='q', dead='dead', key=None, exchange='', consume=True, **arguments):
    """A queue whose dead letters go to another by the default exchange, which is consumed on channel 2."""
    talk.ask('queue.declare', queue=talk(dead), exclusive=True)
    arguments = {'x-dead-letter-exchange': exchange, 'x-dead-letter-routing-key': key or talk(dead),
                 **{name.replace('_', '-'): value for name, value in arguments.items()}}
    talk.ask('queue.declare', queue=talk(name), exclusive=True, arguments=arguments)
    if consume:
        talk.ask('channel.open', channel=2)
        talk.ask('basic.consume', channel=2, queue=talk(dead), consumer_tag='dead', no_ack=True)
    return talk(name)


def expires_to_its_dead_letter_queue(ttl, expiration, properties=None):
    def hold_it(talk):
        queue = with_dead_letters(talk, **({} if ttl is None else {'x_message_ttl': ttl}))
        talk.ask('confirm.select')
        talk.publish('', queue, 'm', {**({} if expiration is None else {'expiration': expiration}), **(properties or {})})
        talk.hear()
        talk.hear(channel=2)
        talk.ask('queue.declare', queue=queue, passive=True)
    return hold_it


for _ttl, _expiration in [(1, None), (0, None), (None, '1'), (None, '0'), (LONG, '1'), (LONG, '0'), (1, str(LONG)),
                          (0, str(LONG)), (0, '0'), (1, '1'), (0, '1'), (1, '0'), (('l', 1), None), (('s', 1), None)]:
    conversation_named(f'a queue with ttl {_ttl} and a message with expiration {_expiration!r}',
                       expires_to_its_dead_letter_queue(_ttl, _expiration))

for _name, _properties in {
        'all properties': {'content_type': 'text/plain', 'content_encoding': 'gzip', 'delivery_mode': 2, 'priority': 3,
                           'correlation_id': 'c', 'reply_to': 'r', 'message_id': 'i', 'timestamp': 5, 'type': 't',
                           'user_id': 'guest', 'app_id': 'a', 'cluster_id': 'x'},
        'headers': {'headers': {'z': 1, 'a': ('l', 2), 'nested': {'k': [1, 'two', {}]}}},
        'empty headers': {'headers': {}},
        'a priority alone': {'priority': 9},
}.items():
    for _ttl, _expiration in ((None, '1'), (1, None), (1, str(LONG))):
        conversation_named(f'an expired message keeps {_name}, ttl {_ttl}, expiration {_expiration!r}',
                           expires_to_its_dead_letter_queue(_ttl, _expiration, _properties))


@conversation
def expired_messages_leave_in_order(talk):
    queue = with_dead_letters(talk, x_message_ttl=20)
    talk.ask('confirm.select')
    for number in range(20):
        talk.publish('', queue, str(number))
        talk.hear()
    talk.hear(20, channel=2)


@conversation
def expired_messages_vanish_without_a_dead_letter_exchange(talk):
    queue = with_queue(talk)
    talk.publish('', queue, 'm', {'expiration': '1'})
    talk.hear()
    talk.wait_for_ready(0, queue)
    talk.ask('basic.get', queue=queue)


@conversation
def a_ttl_of_the_queue_alone(talk):
    queue = with_queue(talk, *'abc', exclusive=True, arguments={'x-message-ttl': 1})
    talk.wait_for_ready(0, queue)
    talk.ask('basic.get', queue=queue)


@conversation
def a_long_ttl_is_no_property_of_the_message(talk):
    queue = with_queue(talk, *'ab', exclusive=True, arguments={'x-message-ttl': LONG})
    talk.publish('', queue, 'c', {'expiration': str(LONG * 2), 'headers': {'n': 1}})
    talk.hear()
    for _ in range(4):
        talk.ask('basic.get', queue=queue)


for _properties in ({}, {'expiration': '0'}):
    def _ttl_0(talk, properties=_properties):
        talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={} if properties else {'x-message-ttl': 0})
        talk.ask('channel.open', channel=2)
        talk.ask('basic.qos', channel=2, prefetch_count=2)
        talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c')
        talk.ask('confirm.select')
        for body in 'abc':                           # two are taken at once; nobody can take the third
            talk.publish('', talk('q'), body, properties)
            talk.hear()
        talk.hear(2, channel=2)
        talk.wait_for_ready(0, talk('q'))
        talk.say('basic.ack', channel=2, delivery_tag=2, multiple=True)
        talk.ask('basic.qos', channel=2)
        talk.publish('', talk('q'), 'd', properties)
        talk.hear()
        talk.hear(channel=2)
    conversation_named(f'ttl 0 delivers what a consumer can take now, {_properties or "by the queue"}', _ttl_0)


@conversation
def ttl_0_delivers_to_a_consumer_without_acks(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-message-ttl': 0})
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c', no_ack=True)
    talk.ask('confirm.select')
    for body in 'ab':
        talk.publish('', talk('q'), body, {'expiration': '0'})
        talk.hear()
        talk.hear(channel=2)


@conversation
def ttl_0_is_never_gotten(talk):
    queue = with_queue(talk, 'a', 'b', exclusive=True, arguments={'x-message-ttl': 0})
    talk.ask('basic.get', queue=queue)
    talk.ask('queue.declare', queue=queue, passive=True)


@conversation
def ttl_0_expires_when_it_is_returned(talk):
    queue = with_dead_letters(talk, x_message_ttl=0)
    talk.ask('channel.open', channel=3)
    talk.ask('basic.consume', channel=3, queue=queue, consumer_tag='c')
    talk.ask('confirm.select')
    talk.publish('', queue, 'm')
    talk.hear()
    talk.hear(channel=3)
    talk.ask('basic.cancel', channel=3, consumer_tag='c')
    talk.say('basic.reject', channel=3, delivery_tag=1, requeue=True)
    talk.hear(channel=2)


@conversation
def mandatory_and_ttl_0_is_routed(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-message-ttl': 0})
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm', mandatory=True)
    talk.hear()


@conversation
def one_message_expires_in_each_queue_by_that_queues_ttl(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout', auto_delete=True)
    with_dead_letters(talk, 'short', x_message_ttl=1)
    talk.ask('queue.declare', queue=talk('long'), exclusive=True, arguments={'x-message-ttl': LONG})
    talk.ask('queue.declare', queue=talk('none'), exclusive=True)
    for name in ('short', 'long', 'none'):
        talk.ask('queue.bind', queue=talk(name), exchange=talk('x'))
    talk.ask('confirm.select')
    talk.publish(talk('x'), 'k', 'm', {'expiration': '500000'})
    talk.hear()
    talk.hear(channel=2)
    talk.ask('basic.get', queue=talk('long'), no_ack=True)
    talk.ask('basic.get', queue=talk('none'), no_ack=True)


@conversation
def a_purged_or_deleted_queue_has_nothing_that_expires(talk):
    queue = with_dead_letters(talk, x_message_ttl=300)
    with_dead_letters(talk, 'clock', consume=False, x_message_ttl=600)
    talk.ask('confirm.select')
    talk.publish('', queue, 'purged')
    talk.hear()
    talk.ask('queue.purge', queue=queue)
    talk.publish('', queue, 'deleted')
    talk.hear()
    talk.ask('queue.delete', queue=queue)
    talk.publish('', talk('clock'), 'only this')
    talk.hear()
    talk.hear(channel=2)


@conversation
def what_is_unacknowledged_does_not_expire(talk):
    queue = with_dead_letters(talk, x_message_ttl=LONG)
    with_dead_letters(talk, 'clock', consume=False, x_message_ttl=1000)
    talk.ask('confirm.select')
    talk.publish('', queue, 'held', {'expiration': '700'})
    talk.hear()
    talk.ask('basic.get', queue=queue)
    talk.publish('', talk('clock'), 'clock')
    talk.hear()
    talk.hear(channel=2)
    talk.say('basic.ack', delivery_tag=1)


@slow_conversation(1)
def a_requeued_message_keeps_its_deadline(talk):
    """Were it to count anew, it would come 1000 ms later and so after the third, which has 600."""
    queue = with_dead_letters(talk, x_message_ttl=1000)
    with_dead_letters(talk, 'clock', consume=False, x_message_ttl=1100)
    with_dead_letters(talk, 'third', consume=False, x_message_ttl=600)
    talk.ask('confirm.select')
    talk.publish('', queue, 'returned')
    talk.hear()
    talk.ask('basic.get', queue=queue)
    talk.publish('', talk('clock'), 'clock')
    talk.hear()
    talk.hear(channel=2)
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.publish('', talk('third'), 'third')
    talk.hear()
    talk.hear(2, channel=2)


@conversation
def a_message_that_expires_behind_one_that_does_not(talk):
    """RabbitMQ looks at the head alone; here it is gone when its time is over."""
    queue = with_dead_letters(talk)
    with_dead_letters(talk, 'clock', dead='dead clock', consume=False, x_message_ttl=300)
    talk.ask('confirm.select')
    for body, properties in (('stays', {}), ('expires', {'expiration': '1'})):
        talk.publish('', queue, body, properties)
        talk.hear()
    talk.publish('', talk('clock'), 'clock')
    talk.hear()
    talk.wait_for_ready(1, talk('dead clock'))
    talk.ask('queue.declare', queue=queue, passive=True)
    talk.ask('basic.get', queue=queue, no_ack=True)
    talk.hear(channel=2)


# --- x-expires ------------------------------------------------------------------------------------

@conversation
def an_unused_queue_expires(talk):
    talk.ask('queue.declare', queue=talk('q'), arguments={'x-expires': 1})
    talk.wait_until_gone(talk('q'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def an_unused_queue_expires_with_its_messages_and_bindings(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout', auto_delete=True)
    talk.ask('channel.open', channel=2)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('basic.consume', channel=2, queue=talk('dead'), consumer_tag='dead', no_ack=True)
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={
        'x-expires': 300, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead')})
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
    talk.ask('confirm.select')
    talk.publish(talk('x'), '', 'no dead letter', {'delivery_mode': 2})
    talk.hear()
    talk.wait_until_gone(talk('q'))
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)
    talk.ask('channel.open')
    talk.ask('queue.purge', queue=talk('dead'))


@slow_conversation(1)
def a_consumer_keeps_a_queue_that_would_expire(talk):
    talk.ask('queue.declare', queue=talk('q'), arguments={'x-expires': 400})
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.ask('queue.declare', queue=talk('clock'), arguments={'x-expires': 800})
    talk.wait_until_gone(talk('clock'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.cancel', consumer_tag='c')
    talk.wait_until_gone(talk('q'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)


def used_by(*request, **arguments):
    def hold_it(talk):
        """The queue would be gone after 1600 ms; it is used at 1000, and there at 2000."""
        talk.ask('queue.declare', queue=talk('q'), arguments={'x-expires': 1600})
        for clock in ('first', 'second'):
            talk.ask('queue.declare', queue=talk(clock), arguments={'x-expires': 1000})
            talk.wait_until_gone(talk(clock))
            talk.ask(*request, queue=talk('q'), **arguments)
        talk.ask('queue.delete', queue=talk('q'))
    return hold_it


conversation_named('basic.get counts as a use of a queue that expires', used_by('basic.get'), 2)
conversation_named('a declaration counts as a use of a queue that expires',
                   used_by('queue.declare', arguments={'x-expires': 1600}), 2)
conversation_named('a passive declaration counts as a use of a queue that expires',
                   used_by('queue.declare', passive=True), 2)


@slow_conversation(1)
def publishing_is_no_use_of_a_queue_that_expires(talk):
    """It would last until 1900 ms if publishing at 700 counted; a queue declared at 0 with 1500 outlasts it."""
    talk.ask('queue.declare', queue=talk('q'), arguments={'x-expires': 1200})
    talk.ask('queue.declare', queue=talk('later'), arguments={'x-expires': 1500})
    talk.ask('queue.declare', queue=talk('clock'), arguments={'x-expires': 700})
    talk.wait_until_gone(talk('clock'))
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm')
    talk.hear()
    talk.wait_until_gone(talk('later'))
    talk.ask('queue.delete', queue=talk('q'))
