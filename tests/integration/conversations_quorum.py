"""Conversations about quorum queues: what they refuse, and what they count."""
from talk import conversation, conversation_named, slow_conversation

# --- declaring ------------------------------------------------------------------------------------

for _name, _flags in {
        'durable': dict(durable=True), 'transient': dict(), 'exclusive': dict(durable=True, exclusive=True),
        'exclusive and transient': dict(exclusive=True), 'auto_delete': dict(durable=True, auto_delete=True),
        'auto_delete and transient': dict(auto_delete=True), 'server named': dict(durable=True, queue='')}.items():
    def _declared(talk, flags=_flags):
        flags = {'queue': talk('q'), **flags}
        answer = talk.ask('queue.declare', arguments={'x-queue-type': 'quorum'}, **flags)
        if answer:
            talk.ask('queue.declare', arguments={'x-queue-type': 'quorum'}, **{**flags, 'queue': answer.queue})
            talk.ask('queue.delete', queue=answer.queue)
    conversation_named(f'a quorum queue that is {_name}', _declared)

ARGUMENTS = {
    'x-message-ttl': [1000, -1, '1'],
    'x-expires': [60000, 0],
    'x-max-length': [5, -1, '5'],
    'x-max-length-bytes': [500],
    'x-max-priority': [5],
    'x-overflow': ['drop-head', 'reject-publish', 'reject-publish-dlx', 'nonsense'],
    'x-queue-mode': ['lazy', 'default'],
    'x-queue-version': [2],
    'x-delivery-limit': [0, 5, -1, 'x', ('l', 7)],
    'x-dead-letter-exchange': ['', 'dlx', 5],
    'x-dead-letter-routing-key': ['k'],
    'x-dead-letter-strategy': ['at-most-once', 'at-least-once', 'sometimes', 5],
    'x-single-active-consumer': [True, False],
    'x-quorum-initial-group-size': [1, 3, 0, 'x'],
    'x-initial-cluster-size': [1],
    'x-max-in-memory-length': [5],
    'x-max-in-memory-bytes': [5],
    'x-queue-leader-locator': ['client-local', 'balanced', 'nonsense', 5],
    'x-queue-master-locator': ['min-masters'],
    'x-consumer-timeout': [60000],
    'x-max-age': ['1D'],
    'x-stream-max-segment-size-bytes': [500],
    'x-unheard-of': [1],
}
for _argument, _values in ARGUMENTS.items():
    for _value in _values:
        def _argued(talk, argument=_argument, value=_value):
            if talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'quorum', argument: value}):
                talk.ask('queue.delete', queue=talk('q'))
        conversation_named(f'a quorum queue with {_argument} {_value!r}', _argued)

for _first, _second in [
        ({}, {'x-queue-type': 'classic'}), ({}, None), ({'x-delivery-limit': 5}, {'x-queue-type': 'quorum'}),
        ({'x-delivery-limit': 5}, {'x-queue-type': 'quorum', 'x-delivery-limit': 6}),
        ({}, {'x-queue-type': 'quorum', 'x-delivery-limit': 6}),
        ({'x-max-length': 5}, {'x-queue-type': 'quorum', 'x-max-length': 6}),
        ({'x-overflow': 'drop-head'}, {'x-queue-type': 'quorum'}),
        ({'x-dead-letter-strategy': 'at-most-once'}, {'x-queue-type': 'quorum'}),
        ({'x-quorum-initial-group-size': 1}, {'x-queue-type': 'quorum'}),
        ({'x-single-active-consumer': True}, {'x-queue-type': 'quorum'})]:
    def _again(talk, first=_first, second=_second):
        talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'quorum', **first})
        if not talk.ask('queue.declare', queue=talk('q'), durable=True, arguments=second or {}):
            talk.ask('channel.open')
        talk.ask('queue.delete', queue=talk('q'))
    conversation_named(f'a quorum queue with {_first} declared again with {_second}', _again)


@conversation
def at_least_once_wants_reject_publish(talk):
    for overflow in ('drop-head', 'reject-publish'):
        if talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={
                'x-queue-type': 'quorum', 'x-dead-letter-exchange': '', 'x-dead-letter-strategy': 'at-least-once',
                'x-overflow': overflow}):
            talk.ask('queue.delete', queue=talk('q'))
        else:
            talk.ask('channel.open')


@conversation
def a_stream(talk):
    if talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'stream'}):
        talk.ask('queue.delete', queue=talk('q'))


# --- using it -------------------------------------------------------------------------------------

def quorum(talk, *bodies, properties=b'\0\0', **arguments):
    """A quorum queue with these messages; it is deleted by leaving()."""
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={
        'x-queue-type': 'quorum', **{name.replace('_', '-'): value for name, value in arguments.items()}})
    talk.ask('confirm.select')
    for body in bodies:
        talk.publish('', talk('q'), body, properties)
        talk.hear()
    return talk('q')


def leaving(talk, *names):
    for name in names or ('q',):
        talk.ask('queue.delete', queue=talk(name))


@conversation
def a_quorum_queue_is_published_to_and_gotten_from(talk):
    queue = quorum(talk, *'abc')
    talk.wait_for_ready(3, queue)
    talk.ask('basic.get', queue=queue, no_ack=True)
    talk.ask('basic.get', queue=queue)
    talk.say('basic.ack', delivery_tag=2)
    talk.ask('basic.get', queue=queue)
    talk.ask('basic.get', queue=queue)
    talk.say('basic.ack', delivery_tag=3)
    leaving(talk)


@conversation
def a_transient_message_in_a_quorum_queue_is_confirmed(talk):
    queue = quorum(talk, 'transient', properties={'delivery_mode': 1})
    talk.publish('', queue, 'persistent', {'delivery_mode': 2, 'headers': {'a': 1}}, mandatory=True)
    talk.hear()
    for _ in range(2):
        talk.ask('basic.get', queue=queue, no_ack=True)
    leaving(talk)


@conversation
def a_consumer_of_a_quorum_queue(talk):
    queue = quorum(talk, *'abc')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c')
    talk.hear(2, channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear(1, channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=3, multiple=True)
    talk.ask('basic.cancel', channel=2, consumer_tag='c')
    leaving(talk)


@conversation
def a_consumer_of_a_quorum_queue_without_acks(talk):
    queue = quorum(talk, *'ab')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c', no_ack=True)
    talk.hear(2, channel=2)
    leaving(talk)
    talk.hear(channel=2)


@conversation
def a_quorum_queue_and_a_global_prefetch(talk):
    queue = quorum(talk)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=5, global_=True)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c')


def returned(talk, times, settle='basic.nack', prefetch=1, **arguments):
    """One message is returned so often, and heard each time."""
    queue = quorum(talk, 'm', **arguments)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=prefetch)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c')
    for tag in range(1, times + 1):
        talk.hear(channel=2)
        talk.say(settle, channel=2, delivery_tag=tag, requeue=True)


for _settle in ('basic.nack', 'basic.reject'):
    def _counted(talk, settle=_settle):
        returned(talk, 3, settle)
        talk.hear(channel=2)
        talk.say('basic.ack', channel=2, delivery_tag=4)
        leaving(talk)
    conversation_named(f'x-delivery-count counts what {_settle} returns', _counted)


@conversation
def x_delivery_count_beside_headers_of_the_publisher(talk):
    returned(talk, 1, properties={'headers': {'z': 1, 'a': 2}, 'message_id': 'm'})
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=2)
    leaving(talk)


@conversation
def x_delivery_count_of_the_publisher(talk):
    returned(talk, 1, properties={'headers': {'x-delivery-count': 7, 'a': 2}})
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=2)
    leaving(talk)


@conversation
def x_delivery_count_by_get(talk):
    queue = quorum(talk, 'm')
    for tag in (1, 2, 3):
        talk.wait_for_ready(1, queue)
        talk.ask('basic.get', queue=queue)
        talk.say('basic.reject', delivery_tag=tag, requeue=True)
    talk.wait_for_ready(1, queue)
    leaving(talk)


@conversation
def x_delivery_count_when_a_channel_closes(talk):
    queue = quorum(talk, 'm')
    for _ in range(2):
        talk.ask('channel.open', channel=2)
        talk.wait_for_ready(1, queue)
        talk.ask('basic.get', channel=2, queue=queue)
        talk.ask('channel.close', channel=2, reply_code=200)
    talk.wait_for_ready(1, queue)
    talk.ask('basic.get', queue=queue, no_ack=True)
    leaving(talk)


@conversation
def x_delivery_count_when_recovered(talk):
    queue = quorum(talk, 'm')
    talk.ask('basic.get', queue=queue)
    talk.ask('basic.recover', requeue=True)
    talk.wait_for_ready(1, queue)
    talk.ask('basic.get', queue=queue)
    talk.say('basic.ack', delivery_tag=2)
    leaving(talk)


for _limit in (0, 1, 3):
    for _settle in ('basic.nack', 'basic.reject'):
        def _limited(talk, limit=_limit, settle=_settle):
            talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
            talk.ask('channel.open', channel=3)
            talk.ask('basic.consume', channel=3, queue=talk('dead'), consumer_tag='dead', no_ack=True)
            returned(talk, limit + 1, settle, x_delivery_limit=limit, x_dead_letter_exchange='',
                     x_dead_letter_routing_key=talk('dead'), properties={'headers': {'a': 1}})
            talk.hear(channel=3)
            leaving(talk)
            talk.hear(channel=2)
        conversation_named(f'x-delivery-limit {_limit} by {_settle}', _limited)


@conversation
def x_delivery_limit_without_a_dead_letter_exchange(talk):
    returned(talk, 2, x_delivery_limit=1)
    talk.wait_for_ready(0, talk('q'))
    talk.publish('', talk('q'), 'next')
    talk.hear()
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=3)
    leaving(talk)


@conversation
def without_a_delivery_limit_of_its_own_a_quorum_queue_gives_up_after_20(talk):
    """So does a later RabbitMQ; 3.10 never does."""
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    returned(talk, 21, prefetch=2, x_dead_letter_exchange='', x_dead_letter_routing_key=talk('dead'))
    talk.ask('basic.qos', channel=2, prefetch_count=2)       # so the message is back before the next one comes
    talk.publish('', talk('q'), 'next')
    talk.hear()
    is_next = is_over = False
    while not is_next and not is_over:
        method, is_over = talk.hear_one('a', 2)
        is_next = not is_over and not method.arguments['redelivered']
    leaving(talk)


@conversation
def without_a_dead_letter_exchange_a_quorum_queue_returns_a_message_for_ever(talk):
    returned(talk, 25)
    talk.hear(channel=2)
    leaving(talk)
    talk.hear(channel=2)


for _name, _arguments in (('', {}), (' with a delivery limit', {'x_delivery_limit': 10})):
    def _gets_back(talk, arguments=_arguments):
        queue = quorum(talk, *'abcd', **arguments)
        for _ in range(3):
            talk.ask('basic.get', queue=queue)
        talk.say('basic.nack', delivery_tag=2, requeue=True)
        talk.wait_for_ready(2, queue)
        talk.say('basic.nack', delivery_tag=1, requeue=True)
        talk.wait_for_ready(3, queue)
        for _ in range(3):
            talk.ask('basic.get', queue=queue)
        leaving(talk)
    conversation_named(f'what a quorum queue{_name} gets back', _gets_back)


@conversation
def a_quorum_queue_returns_many_at_once(talk):
    queue = quorum(talk, *'abc')
    for _ in range(3):
        talk.ask('basic.get', queue=queue)
    talk.say('basic.nack', delivery_tag=3, multiple=True, requeue=True)
    talk.wait_for_ready(3, queue)
    for _ in range(4):
        talk.ask('basic.get', queue=queue, no_ack=True)
    leaving(talk)


@conversation
def a_quorum_queue_is_purged(talk):
    queue = quorum(talk, *'abc')
    talk.ask('basic.get', queue=queue)
    talk.wait_for_ready(2, queue)
    talk.ask('queue.purge', queue=queue)
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.wait_for_ready(1, queue)
    talk.ask('queue.purge', queue=queue)
    leaving(talk)


def quorum_with_dead_letters(talk, *bodies, key='dead', properties=b'\0\0', **arguments):
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('channel.open', channel=3)
    talk.ask('basic.consume', channel=3, queue=talk('dead'), consumer_tag='dead', no_ack=True)
    return quorum(talk, *bodies, properties=properties, x_dead_letter_exchange='', x_dead_letter_routing_key=talk(key),
                  **arguments)


@conversation
def a_quorum_queue_rejects_to_its_dead_letter_exchange(talk):
    queue = quorum_with_dead_letters(talk, *'ab', properties={'headers': {'CC': ['other'], 'n': 1}, 'priority': 3})
    for tag in (1, 2):
        talk.ask('basic.get', queue=queue)
        talk.say('basic.reject', delivery_tag=tag)
        talk.hear(channel=3)
    leaving(talk)


@conversation
def a_message_returned_then_rejected_by_a_quorum_queue(talk):
    queue = quorum_with_dead_letters(talk, 'm')
    talk.ask('basic.get', queue=queue)
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.wait_for_ready(1, queue)
    talk.ask('basic.get', queue=queue)
    talk.say('basic.reject', delivery_tag=2)
    talk.hear(channel=3)
    leaving(talk)


for _name, _properties, _arguments in [('of the queue', {}, dict(x_message_ttl=1)),
                                       ('of the message', {'expiration': '1'}, {}),
                                       ('of the queue below the message', {'expiration': '600000'}, dict(x_message_ttl=1))]:
    def _expires(talk, properties=_properties, arguments=_arguments):
        quorum_with_dead_letters(talk, 'm', properties=properties, **arguments)
        talk.hear(channel=3)
        leaving(talk)
    conversation_named(f'a quorum queue and the ttl {_name}', _expires)


@conversation
def a_full_quorum_queue_drops_its_head(talk):
    quorum_with_dead_letters(talk, *'abc', x_max_length=1)
    talk.hear(2, channel=3)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    leaving(talk)


@conversation
def a_full_quorum_queue_by_bytes(talk):
    quorum_with_dead_letters(talk, *['1234'] * 3, x_max_length_bytes=9)
    talk.hear(1, channel=3)
    leaving(talk)


@conversation
def a_full_quorum_queue_that_rejects(talk):
    queue = quorum(talk, *'a', x_max_length=1, x_overflow='reject-publish')
    accepted = 0
    for number in range(20):                         # it rejects a little later than it is full
        talk.peer('a').publish(1, '', queue, str(number))
        accepted += talk.peer('a').expect(('basic.ack', 'basic.nack'), 1).name == 'basic.ack'
    talk.note('some are rejected' if accepted < 20 else 'none is rejected')
    talk.peer('a').call(1, 'queue.delete', queue=queue)


@slow_conversation(5)
def a_quorum_queue_expires(talk):
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'quorum', 'x-expires': 1})
    talk.wait_until_gone(talk('q'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def a_quorum_queue_with_a_single_active_consumer(talk):
    queue = quorum(talk, x_single_active_consumer=True)
    for channel in (2, 3):
        talk.ask('channel.open', channel=channel)
        talk.ask('basic.qos', channel=channel, prefetch_count=10)
        talk.ask('basic.consume', channel=channel, queue=queue, consumer_tag=f'c{channel}')
    talk.publish('', queue, 'a')
    talk.hear()
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.ask('basic.cancel', channel=2, consumer_tag='c2')
    talk.publish('', queue, 'b')
    talk.hear()
    talk.hear(channel=3)
    leaving(talk)
    talk.hear(channel=3)


@conversation
def get_is_refused_by_a_quorum_queue_with_a_single_active_consumer(talk):
    queue = quorum(talk, 'a', x_single_active_consumer=True)
    talk.ask('basic.get', queue=queue)
    talk.ask('channel.open')
    leaving(talk)


@conversation
def exclusive_consumers_of_a_quorum_queue(talk):
    queue = quorum(talk)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='a', exclusive=True)
    talk.ask('channel.open', channel=3)
    talk.ask('basic.consume', channel=3, queue=queue, consumer_tag='b')
    talk.ask('queue.declare', queue=queue, passive=True)
    leaving(talk)
    talk.hear(channel=2)


@conversation
def consumer_priorities_of_a_quorum_queue(talk):
    queue = quorum(talk)
    for channel, priority in ((2, 1), (3, 5)):
        talk.ask('channel.open', channel=channel)
        talk.ask('basic.qos', channel=channel, prefetch_count=1)
        talk.ask('basic.consume', channel=channel, queue=queue, consumer_tag=f'c{channel}',
                 arguments={'x-priority': priority})
    for body in 'ab':
        talk.publish('', queue, body)
        talk.hear()
    talk.hear(channel=3)
    talk.hear(channel=2)
    leaving(talk)
    talk.hear(channel=2)
    talk.hear(channel=3)


@conversation
def deleting_a_quorum_queue(talk):
    queue = quorum(talk, 'a')
    talk.wait_for_ready(1, queue)
    talk.ask('queue.delete', queue=queue, if_empty=True)
    talk.ask('channel.open')
    talk.ask('basic.get', queue=queue, no_ack=True)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c')
    talk.ask('queue.delete', queue=queue, if_unused=True)
    talk.ask('channel.open')
    talk.ask('queue.delete', queue=queue)


@conversation
def a_quorum_queue_in_a_transaction(talk):
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-queue-type': 'quorum'})
    talk.ask('tx.select')
    talk.publish('', talk('q'), 'rolled back')
    talk.ask('tx.rollback')
    talk.publish('', talk('q'), 'committed')
    talk.ask('tx.commit')
    talk.wait_for_ready(1, talk('q'))
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.ack', delivery_tag=1)
    talk.ask('tx.commit')
    leaving(talk)
