"""Conversations about queues that are full: x-max-length, x-max-length-bytes, x-overflow."""
from conversations_expiry import with_dead_letters
from talk import conversation, conversation_named
from wire import encode_properties


def limited(talk, dead=True, **arguments):
    """A queue with these limits, whose dead letters, if it has any, are consumed on channel 2."""
    if dead:
        return with_dead_letters(talk, **arguments)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True,
             arguments={name.replace('_', '-'): value for name, value in arguments.items()})
    return talk('q')


def filled(talk, bodies, letters=0, dead=True, properties=b'\0\0', **arguments):
    """Publishes all bodies with confirms, hears what dies, and what is left."""
    queue = limited(talk, dead, **arguments)
    talk.ask('confirm.select')
    for body in bodies:
        talk.publish('', queue, body, properties)
        talk.hear()
    talk.hear(letters, channel=2)
    talk.ask('queue.declare', queue=queue, passive=True)
    return queue


def drained(talk, count):
    for _ in range(count):
        talk.ask('basic.get', queue=talk('q'), no_ack=True)


SIZES = ['1', '22', '333', '4444', '55555']
for _name, _bodies, _letters, _arguments in [
        ('x-max-length 3', 'abcde', 2, dict(x_max_length=3)),
        ('x-max-length 1', 'abcde', 4, dict(x_max_length=1)),
        ('x-max-length 0', 'abc', 3, dict(x_max_length=0)),
        ('x-max-length of 64 bits', 'abc', 1, dict(x_max_length=('l', 2))),
        ('x-max-length above what comes', 'abc', 0, dict(x_max_length=3)),
        ('x-max-length-bytes 9', SIZES, 4, dict(x_max_length_bytes=9 - 1)),
        ('x-max-length-bytes 10', SIZES, 3, dict(x_max_length_bytes=10)),
        ('x-max-length-bytes 0', SIZES, 5, dict(x_max_length_bytes=0)),
        ('x-max-length-bytes below one message', ['small', b'l' * 100, 'small'], 2, dict(x_max_length_bytes=20)),
        ('x-max-length-bytes and empty bodies', ['', '', 'x', ''], 2, dict(x_max_length_bytes=0)),
        ('x-max-length 4 and x-max-length-bytes 10', SIZES, 3, dict(x_max_length=4, x_max_length_bytes=10)),
        ('x-max-length 2 and x-max-length-bytes 100', SIZES, 3, dict(x_max_length=2, x_max_length_bytes=100)),
        ('x-overflow drop-head', 'abcd', 2, dict(x_max_length=2, x_overflow='drop-head')),
        ('x-overflow reject-publish', 'abcd', 0, dict(x_max_length=2, x_overflow='reject-publish')),
        ('x-overflow reject-publish and 0', 'ab', 0, dict(x_max_length=0, x_overflow='reject-publish')),
        ('x-overflow reject-publish and bytes', SIZES, 0, dict(x_max_length_bytes=6, x_overflow='reject-publish')),
        ('x-overflow reject-publish and few bytes', SIZES, 0, dict(x_max_length_bytes=5, x_overflow='reject-publish')),
        ('x-overflow reject-publish-dlx', 'abcd', 2, dict(x_max_length=2, x_overflow='reject-publish-dlx')),
        ('x-overflow reject-publish-dlx and 0', 'ab', 2, dict(x_max_length=0, x_overflow='reject-publish-dlx')),
        ('x-overflow reject-publish-dlx and bytes', SIZES, 2, dict(x_max_length_bytes=6, x_overflow='reject-publish-dlx'))]:
    def _full(talk, bodies=_bodies, letters=_letters, arguments=_arguments):
        filled(talk, bodies, letters, **arguments)
        drained(talk, len(bodies) + 1)
    conversation_named(f'a full queue: {_name}', _full)

for _overflow in ('drop-head', 'reject-publish', 'reject-publish-dlx'):
    def _without(talk, overflow=_overflow):
        filled(talk, 'abcd', 0, False, x_max_length=2, x_overflow=overflow)
        drained(talk, 3)
    conversation_named(f'a full queue without a dead letter exchange: {_overflow}', _without)

    def _properties(talk, overflow=_overflow):
        filled(talk, 'ab', 0 if overflow == 'reject-publish' else 1, True,
               {'expiration': '600000', 'priority': 5, 'headers': {'CC': [talk('elsewhere')], 'n': 1}, 'delivery_mode': 2},
               x_max_length=1, x_overflow=overflow)
    conversation_named(f'a full queue and a message with properties: {_overflow}', _properties)

    def _without_confirms(talk, overflow=_overflow):
        queue = limited(talk, x_max_length=1, x_overflow=overflow)
        for body in 'abc':
            talk.publish('', queue, body, mandatory=True)
        if overflow != 'reject-publish':
            talk.hear(2, channel=2)
        talk.wait_for_ready(1, queue)
        drained(talk, 2)
    conversation_named(f'a full queue without confirms: {_overflow}', _without_confirms)

    def _in_a_transaction(talk, overflow=_overflow):
        queue = limited(talk, x_max_length=1, x_overflow=overflow)
        talk.ask('tx.select')
        for body in 'abc':
            talk.publish('', queue, body)
        talk.ask('tx.commit')
        if overflow != 'reject-publish':
            talk.hear(2, channel=2)
        drained(talk, 2)
    conversation_named(f'a full queue in a transaction: {_overflow}', _in_a_transaction)

    def _unacked(talk, overflow=_overflow):
        """What is unacknowledged does not count, and comes back above the limit."""
        queue = filled(talk, 'ab', x_max_length=2, x_overflow=overflow)
        for _ in range(2):
            talk.ask('basic.get', queue=queue)
        for body in 'cd':
            talk.publish('', queue, body)
            talk.hear()
        talk.ask('queue.declare', queue=queue, passive=True)
        talk.say('basic.nack', delivery_tag=2, multiple=True, requeue=True)
        if overflow == 'drop-head':
            talk.hear(2, channel=2)
        else:
            talk.wait_for_ready(4, queue)
        talk.ask('queue.declare', queue=queue, passive=True)
        talk.publish('', queue, 'e')
        talk.hear()
        if overflow != 'reject-publish':
            talk.hear(1, channel=2)
        drained(talk, 5)
    conversation_named(f'a full queue and what it gets back: {_overflow}', _unacked)

    def _consumed(talk, overflow=_overflow):
        """What a consumer can take at once never counts."""
        queue = limited(talk, x_max_length=0, x_overflow=overflow)
        talk.ask('channel.open', channel=3)
        talk.ask('basic.qos', channel=3, prefetch_count=2)
        talk.ask('basic.consume', channel=3, queue=queue, consumer_tag='c')
        talk.ask('confirm.select')
        for body in 'abc':
            talk.publish('', queue, body)
            talk.hear()
        if overflow == 'drop-head':
            talk.hear(2, channel=3)
            talk.hear(channel=2)
        elif overflow == 'reject-publish-dlx':
            talk.hear(3, channel=2)
    conversation_named(f'a queue of length 0 with a consumer: {_overflow}', _consumed)

    def _several(talk, overflow=_overflow):
        """One target full, one not."""
        talk.ask('exchange.declare', exchange=talk('x'), type='fanout', auto_delete=True)
        limited(talk, x_max_length=1, x_overflow=overflow)
        talk.ask('queue.declare', queue=talk('wide'), exclusive=True)
        for name in ('q', 'wide'):
            talk.ask('queue.bind', queue=talk(name), exchange=talk('x'))
        talk.ask('confirm.select')
        for body in 'abc':
            talk.publish(talk('x'), 'k', body, mandatory=True)
            talk.hear()
        if overflow != 'reject-publish':
            talk.hear(2, channel=2)
        talk.wait_for_ready(3, talk('wide'))
        drained(talk, 2)
    conversation_named(f'one full queue among two: {_overflow}', _several)


@conversation
def one_queue_refuses_at_once_what_another_has_still_to_store(talk):
    """The nack waits for the other, and is not forgotten over it."""
    talk.ask('queue.declare', queue=talk('full'), exclusive=True,
             arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
    talk.ask('queue.declare', queue=talk('stored'), durable=True)
    talk.ask('confirm.select')
    talk.publish('', talk('full'), 'a')
    talk.hear()
    for body in 'bc':
        talk.publish('', talk('stored'), body, encode_properties({'delivery_mode': 2, 'headers': {'CC': [talk('full')]}}))
        talk.hear()
    talk.wait_for_ready(2, talk('stored'))
    talk.ask('queue.delete', queue=talk('stored'))


@conversation
def a_queue_that_rejects_accepts_again_when_there_is_room(talk):
    queue = filled(talk, 'abc', dead=False, x_max_length=2, x_overflow='reject-publish')
    talk.ask('basic.get', queue=queue, no_ack=True)
    for body in 'de':
        talk.publish('', queue, body)
        talk.hear()
    talk.ask('queue.purge', queue=queue)
    talk.publish('', queue, 'f')
    talk.hear()
    drained(talk, 2)


@conversation
def rejected_publishes_of_persistent_messages(talk):
    talk.ask('queue.declare', queue=talk('q'), durable=True,
             arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
    talk.ask('confirm.select')
    for body in 'abc':
        talk.publish('', talk('q'), body, {'delivery_mode': 2})
        talk.hear()
    talk.ask('queue.delete', queue=talk('q'))


@conversation
def a_message_above_the_limit_is_dropped_though_it_just_came(talk):
    filled(talk, ['small', b'l' * 100], 2, x_max_length_bytes=50)
    drained(talk, 1)


@conversation
def properties_do_not_count_as_bytes(talk):
    filled(talk, ['12345', '12345'], 0, True, {'headers': {'long': 'x' * 1000}}, x_max_length_bytes=10)


@conversation
def a_dropped_message_with_a_ttl_dies_of_length(talk):
    filled(talk, 'ab', 1, True, {'expiration': '600000'}, x_max_length=1, x_message_ttl=500000)


@conversation
def a_full_dead_letter_queue_drops_its_own_head(talk):
    with_dead_letters(talk, 'full', x_max_length=1)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('full'), 'x-max-length': 0})
    talk.ask('confirm.select')
    for body in 'abc':
        talk.publish('', talk('q'), body)
        talk.hear()
    talk.hear(2, channel=2)
    talk.ask('basic.get', queue=talk('full'), no_ack=True)


@conversation
def a_full_dead_letter_queue_that_rejects_loses_the_letter(talk):
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True,
             arguments={'x-max-length': 1, 'x-overflow': 'reject-publish'})
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead'), 'x-max-length': 0})
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'kept')
    talk.hear()
    talk.wait_for_ready(1, talk('dead'))
    for body in 'bc':
        talk.publish('', talk('q'), body)
        talk.hear()
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.get', queue=talk('dead'), no_ack=True)
