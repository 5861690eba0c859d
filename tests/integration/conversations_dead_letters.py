"""Conversations about dead letters: why a message dies, where it goes, and what its headers say then."""
from conversations_expiry import with_dead_letters
from talk import conversation, conversation_named, slow_conversation, topology


def dying(talk, count=1, properties=b'\0\0', bodies='abc', key=None, **arguments):
    """Publishes to a queue with dead letters and gets so many without acknowledging."""
    queue = with_dead_letters(talk, **arguments)
    talk.ask('confirm.select')
    for body in bodies:
        talk.publish('', queue, body, properties)
        talk.hear()
    for _ in range(count):
        talk.ask('basic.get', queue=queue)
    return queue


for _name, _count, _letters, _steps in [
        ('reject', 1, 1, [('basic.reject', dict(delivery_tag=1))]),
        ('nack', 1, 1, [('basic.nack', dict(delivery_tag=1))]),
        ('nack multiple', 3, 2, [('basic.nack', dict(delivery_tag=2, multiple=True))]),
        ('nack of all', 3, 3, [('basic.nack', dict(delivery_tag=0, multiple=True))]),
        ('reject the second first', 3, 2,
         [('basic.reject', dict(delivery_tag=2)), ('basic.reject', dict(delivery_tag=1))])]:
    def _reject(talk, count=_count, letters=_letters, steps=_steps):
        queue = dying(talk, count)
        for method, arguments in steps:
            talk.say(method, **arguments)
        talk.hear(letters, channel=2)
        talk.ask('queue.declare', queue=queue, passive=True)
    conversation_named(f'dead letters: {_name}', _reject)


@conversation
def a_dead_letter_says_where_it_died_last(talk):
    dying(talk, 1, bodies='m')
    talk.say('basic.reject', delivery_tag=1)
    talk.hear_facts({'time'}, channel=2)


@conversation
def dead_letters_of_a_consumer(talk):
    queue = with_dead_letters(talk)
    talk.ask('channel.open', channel=3)
    talk.ask('basic.consume', channel=3, queue=queue, consumer_tag='c')
    talk.ask('confirm.select')
    for body in 'abc':
        talk.publish('', queue, body)
        talk.hear()
    talk.hear(3, channel=3)
    talk.say('basic.nack', channel=3, delivery_tag=2)
    talk.hear(channel=2)
    talk.say('basic.reject', channel=3, delivery_tag=1)
    talk.hear(channel=2)
    talk.say('basic.ack', channel=3, delivery_tag=3)


@conversation
def a_rejection_with_requeue_is_no_death(talk):
    queue = dying(talk)
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.wait_for_ready(3, queue)
    talk.ask('basic.get', queue=queue)
    talk.say('basic.reject', delivery_tag=2)
    talk.hear(channel=2)


@conversation
def dead_letters_wait_for_commit(talk):
    queue = dying(talk, 0)
    talk.ask('channel.open', channel=3)
    talk.ask('tx.select', channel=3)
    for _ in range(2):
        talk.ask('basic.get', channel=3, queue=queue)
    talk.say('basic.reject', channel=3, delivery_tag=1)
    talk.ask('tx.rollback', channel=3)
    talk.say('basic.reject', channel=3, delivery_tag=2)
    talk.ask('tx.commit', channel=3)
    talk.hear(channel=2)
    talk.say('basic.reject', channel=3, delivery_tag=1)
    talk.ask('tx.commit', channel=3)
    talk.hear(channel=2)


@conversation
def what_is_purged_or_deleted_or_acknowledged_is_no_dead_letter(talk):
    queue = dying(talk, 1)
    talk.say('basic.ack', delivery_tag=1)
    talk.ask('queue.purge', queue=queue)
    talk.publish('', queue, 'd')
    talk.hear()
    talk.ask('queue.delete', queue=queue)
    with_dead_letters(talk, 'last', consume=False, x_message_ttl=1)
    talk.publish('', talk('last'), 'only this')
    talk.hear()
    talk.hear(channel=2)


@conversation
def a_dead_letter_is_confirmed_and_persistent_as_it_was(talk):
    talk.ask('queue.declare', queue=talk('dead'), durable=True)
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead'), 'x-max-length': 0})
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm', {'delivery_mode': 2})
    talk.hear()
    talk.wait_for_ready(1, talk('dead'))
    talk.ask('basic.get', queue=talk('dead'), no_ack=True)
    talk.ask('queue.delete', queue=talk('q'))
    talk.ask('queue.delete', queue=talk('dead'))


# --- where they go --------------------------------------------------------------------------------

def rejected_through(talk, exchange, letters, key=None, properties=b'\0\0', routing_key=None, via=''):
    """A message is rejected by a queue with this dead letter exchange; 'dead' is consumed."""
    arguments = {'x-dead-letter-exchange': exchange}
    if key is not None:
        arguments['x-dead-letter-routing-key'] = key
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments=arguments)
    if via:
        talk.ask('queue.bind', queue=talk('q'), exchange=via, routing_key=routing_key)
    talk.ask('channel.open', channel=2)
    talk.ask('queue.declare', channel=2, queue=talk('dead'), exclusive=True)
    talk.ask('basic.consume', channel=2, queue=talk('dead'), consumer_tag='dead', no_ack=True)
    talk.ask('confirm.select')
    talk.publish(via, routing_key or talk('q'), 'm', properties)
    talk.hear()
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.reject', delivery_tag=1)
    talk.hear(letters, channel=2)


@conversation
def without_a_routing_key_of_its_own_a_dead_letter_keeps_the_message_s(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='topic', auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('dlx'), type='topic', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key='a.#')
    rejected_through(talk, talk('dlx'), 1, routing_key='a.b.c', via=talk('x'))


@conversation
def the_routing_key_of_dead_letters_replaces_the_message_s(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='topic', auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('dlx'), type='direct', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key='gone')
    rejected_through(talk, talk('dlx'), 1, key='gone', routing_key='a.b.c', via=talk('x'))


@conversation
def an_empty_routing_key_of_dead_letters(talk):
    talk.ask('exchange.declare', exchange=talk('dlx'), type='direct', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key='')
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key=talk('dead'))
    rejected_through(talk, talk('dlx'), 1, key='')


@conversation
def a_dead_letter_goes_to_every_queue_bound(talk):
    talk.ask('exchange.declare', exchange=talk('dlx'), type='fanout', auto_delete=True)
    for name in ('dead', 'other'):
        talk.ask('queue.declare', queue=talk(name), exclusive=True)
        talk.ask('queue.bind', queue=talk(name), exchange=talk('dlx'))
    rejected_through(talk, talk('dlx'), 1, properties={'headers': {'n': 1}})
    talk.wait_for_ready(1, talk('other'))
    talk.ask('basic.get', queue=talk('other'), no_ack=True)


@conversation
def a_dead_letter_may_be_routed_by_its_death(talk):
    talk.ask('exchange.declare', exchange=talk('dlx'), type='headers', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'),
             arguments={'x-match': 'all-with-x', 'x-first-death-reason': 'rejected'})
    rejected_through(talk, talk('dlx'), 1)


@conversation
def a_dead_letter_passes_exchange_bindings_and_internal_exchanges(talk):
    talk.ask('exchange.declare', exchange=talk('dlx'), type='fanout', internal=True, auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('next'), type='fanout', auto_delete=True)
    talk.ask('exchange.bind', destination=talk('next'), source=talk('dlx'))
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('next'))
    rejected_through(talk, talk('dlx'), 1)


@conversation
def a_dead_letter_without_a_route_takes_the_alternate_exchange(talk):
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout', auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('dlx'), type='direct', arguments={'alternate-exchange': talk('ae')})
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('ae'))
    rejected_through(talk, talk('dlx'), 1)
    talk.ask('exchange.delete', exchange=talk('dlx'))


@conversation
def a_dead_letter_exchange_may_be_missing_and_come_later(talk):
    dlx = talk('dlx')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True,
             arguments={'x-dead-letter-exchange': dlx, 'x-max-length': 0})
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'vanishes', mandatory=True)
    talk.hear()
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('exchange.declare', exchange=dlx, type='fanout')
    talk.publish('', talk('q'), 'finds no queue')
    talk.hear()
    talk.ask('queue.bind', queue=talk('dead'), exchange=dlx)
    talk.publish('', talk('q'), 'arrives')
    talk.hear()
    talk.wait_for_ready(1, talk('dead'))
    talk.ask('exchange.delete', exchange=dlx)
    talk.publish('', talk('q'), 'vanishes too')
    talk.hear()
    talk.ask('basic.get', queue=talk('dead'), no_ack=True)
    talk.ask('basic.get', queue=talk('dead'), no_ack=True)


# --- CC and BCC -----------------------------------------------------------------------------------

CARBONS = {
    'CC': {'CC': ['%dead']}, 'BCC': {'BCC': ['%dead']}, 'CC and BCC': {'CC': ['%dead', 'other'], 'BCC': ['third']},
    'CC of nothing': {'CC': []}, 'BCC of nothing': {'BCC': []}, 'CC among others': {'a': 1, 'CC': ['other'], 'z': 2}}
for _name, _headers in CARBONS.items():
    for _key in (None, 'gone'):
        def _carbon(talk, headers=_headers, key=_key):
            headers = {name: [talk(item[1:]) if item.startswith('%') else item for item in value]
                       if isinstance(value, list) else value for name, value in headers.items()}
            talk.ask('exchange.declare', exchange=talk('dlx'), type='fanout', auto_delete=True)
            talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
            talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'))
            carried = talk('dead') in sum((headers.get(name, []) for name in ('CC', 'BCC')), [])
            rejected_through(talk, talk('dlx'), 2 if carried else 1, key, {'headers': headers})
        conversation_named(f'a dead letter with {_name} and routing key {_key!r}', _carbon)


@conversation
def the_keys_in_cc_route_a_dead_letter_too(talk):
    talk.ask('exchange.declare', exchange=talk('dlx'), type='direct', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key='copy')
    rejected_through(talk, talk('dlx'), 1, None, {'headers': {'CC': ['copy']}})


@slow_conversation(3)
def the_keys_in_bcc_route_a_dead_letter_too(talk):
    """With RabbitMQ alone."""
    talk.ask('exchange.declare', exchange=talk('dlx'), type='direct', auto_delete=True)
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.bind', queue=talk('dead'), exchange=talk('dlx'), routing_key='copy')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-dead-letter-exchange': talk('dlx')})
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm', {'headers': {'BCC': ['copy']}})
    talk.hear()
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.reject', delivery_tag=1)
    talk.note_whether_ready(1, talk('dead'), within_s=3)


# --- what a publisher says of deaths --------------------------------------------------------------

def death(queue='q', reason='rejected', **more):
    table = {'count': ('l', 3), 'reason': reason, 'queue': queue, 'time': ('T', 5), 'exchange': 'old',
             'routing-keys': ['old key'], **more}
    return {name.replace('_', '-'): value for name, value in table.items() if value is not None}


DEATHS = {
    'of another queue': [death('elsewhere')],
    'of this queue': [death('%q')],
    'of this queue for another reason': [death('%q', 'expired')],
    'of this queue second': [death('elsewhere', 'expired'), death('%q')],
    'of this queue twice': [death('%q'), death('%q', count=('l', 7))],
    'without a count': [death('%q', count=None)],
    'with a count of 32 bits': [death('%q', count=5)],
    'with a count of 16 bits': [death('%q', count=('s', 5))],
    'with a negative count': [death('%q', count=('l', -5))],
    'without a reason': [death('%q', reason=None)],
    'without a queue': [death(None)],
    'without a time': [death('%q', time=None)],
    'with an unknown reason': [death('%q', reason='boredom')],
    'with a number for a reason': [death('%q', reason=5)],
    'with a number for a queue': [death(5)],
    'in another order': [dict(reversed(death('%q').items()))],
    'with more than it has': [death('%q', more='kept', original_expiration='55')],
    'of nothing': [],
    'an empty table': [{}],
    'a text': 'dead',
    'a number': 5,
    'a table': death('%q'),
    'void': None,
    'bytes': b'dead',
}


def own(talk, value):
    if isinstance(value, str) and value.startswith('%'):
        return talk(value[1:])
    if isinstance(value, dict):
        return {key: own(talk, item) for key, item in value.items()}
    if isinstance(value, list):
        return [own(talk, item) for item in value]
    return value


for _name, _value in DEATHS.items():
    def _published(talk, value=_value):
        dying(talk, 1, {'headers': {'before': 1, 'x-death': own(talk, value), 'after': 2}}, 'm')
        talk.say('basic.reject', delivery_tag=1)
        talk.hear(channel=2)
    conversation_named(f'x-death from a publisher: {_name}', _published)

# RabbitMQ's queue fails over these, and the message is gone.
for _name, _value in {
        'with a count in words': [death('%q', count='five')],
        'an array of texts': ['dead', 'again'],
        'an array of a table and a text': [death('%q'), 'again'],
        'an array of an array': [[death('%q')]]}.items():
    def _nonsense(talk, value=_value):
        queue = with_dead_letters(talk, consume=False)
        talk.ask('confirm.select')
        talk.publish('', queue, 'm', {'headers': {'x-death': own(talk, value)}})
        talk.hear()
        talk.ask('basic.get', queue=queue)
        talk.say('basic.reject', delivery_tag=1)
        talk.note_whether_ready(1, talk('dead'), within_s=3)
    conversation_named(f'x-death from a publisher: {_name}', _nonsense, 3)

for _name, _headers in {
        'x-first-death-queue alone': {'x-first-death-queue': 'mine'},
        'x-first-death-reason alone': {'x-first-death-reason': 'mine'},
        'x-first-death-exchange alone': {'x-first-death-exchange': 'mine'},
        'x-first-death of another kind': {'x-first-death-queue': 5, 'x-first-death-reason': 6},
        'all of x-first-death': {'x-first-death-queue': 'a', 'x-first-death-reason': 'b', 'x-first-death-exchange': 'c'},
        'x-last-death': {'x-last-death-queue': 'a', 'x-last-death-reason': 'b', 'x-last-death-exchange': 'c'},
        'x-death and x-first-death': {'x-first-death-queue': 'mine', 'x-death': [death('%q')]},
        'x-delivery-count': {'x-delivery-count': 5}}.items():
    def _first(talk, headers=_headers):
        dying(talk, 1, {'headers': own(talk, headers)}, 'm')
        talk.say('basic.reject', delivery_tag=1)
        talk.hear(channel=2)
    conversation_named(f'{_name} from a publisher', _first)


@conversation
def headers_are_kept_octet_for_octet_in_a_dead_letter(talk):
    dying(talk, 1, {'headers': {'t': True, 'b': ('b', -1), 'B': ('B', 255), 's': ('s', -5), 'u': ('u', 5), 'I': 7,
                                'i': ('i', 2**32 - 1), 'l': ('l', 5), 'f': ('f', 1.5), 'd': 0.1, 'D': ('D', (2, 123)),
                                'S': 'x', 'A': [1, [None]], 'T': ('T', 9), 'F': {'in': {}}, 'V': None, 'x': b'\0\xff'}}, 'm')
    talk.say('basic.reject', delivery_tag=1)
    talk.hear(channel=2)


@conversation
def a_large_dead_letter(talk):
    dying(talk, 1, bodies=[b'd' * 200000])
    talk.say('basic.reject', delivery_tag=1)
    talk.hear(channel=2)


# --- more than one death --------------------------------------------------------------------------

@conversation
def a_letter_dies_in_one_queue_after_the_other(talk):
    talk.ask('channel.open', channel=2)
    talk.ask('queue.declare', queue=talk('last'), exclusive=True)
    for at in (3, 2, 1):
        talk.ask('queue.declare', queue=talk(f'q{at}'), exclusive=True, arguments={
            'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk(f'q{at + 1}' if at < 3 else 'last'),
            **({'x-max-length': 0} if at == 2 else {'x-message-ttl': 1})})
    talk.ask('basic.consume', channel=2, queue=talk('last'), consumer_tag='last', no_ack=True)
    talk.ask('confirm.select')
    talk.publish('', talk('q1'), 'm', {'expiration': '5000', 'headers': {'n': 1}})
    talk.hear()
    talk.hear(channel=2)


def retrying(talk, times, headers=None):
    """The idiom of retries: rejected messages wait in a second queue and come back when they expire."""
    talk.ask('queue.declare', queue=talk('work'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('wait')})
    talk.ask('queue.declare', queue=talk('wait'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('work'), 'x-message-ttl': 1})
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('work'), consumer_tag='worker')
    talk.ask('confirm.select')
    talk.publish('', talk('work'), 'm', {'headers': headers} if headers else b'\0\0')
    talk.hear()
    for tag in range(1, times + 1):
        talk.hear(channel=2)
        talk.say('basic.nack', channel=2, delivery_tag=tag)
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=times + 1)


@conversation
def retries_are_counted(talk):
    retrying(talk, 4)


@conversation
def retries_are_counted_with_headers_of_the_publisher(talk):
    retrying(talk, 2, headers={'z': 1, 'a': 2})


@conversation
def a_dead_letter_published_again_as_it_is_counts_on(talk):
    queue = with_dead_letters(talk)
    talk.ask('confirm.select')
    talk.publish('', queue, 'm', {'headers': {'n': 1}})
    for tag in (1, 2, 3):
        talk.hear()
        talk.ask('basic.get', queue=queue)
        talk.say('basic.reject', delivery_tag=tag)
        talk.hear(channel=2)
        talk.publish_again('', queue, 'm')
    talk.hear()


@conversation
def a_queue_in_which_a_message_dies_for_two_reasons_has_two_entries(talk):
    """Rejected, expired, rejected: the newest comes first, and each has its own count."""
    queue = with_dead_letters(talk)
    talk.ask('confirm.select')
    talk.publish('', queue, 'm')
    talk.hear()
    talk.ask('basic.get', queue=queue)
    talk.say('basic.reject', delivery_tag=1)
    talk.hear(channel=2)
    talk.ask('queue.declare', queue=talk('copy'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead'), 'x-message-ttl': 1})
    for name in ('copy', 'q', 'copy'):
        talk.publish_again('', talk(name), 'm')
        talk.hear()
        if name == 'q':
            talk.ask('basic.get', queue=queue)
            talk.say('basic.reject', delivery_tag=2)
        talk.hear(channel=2)


@conversation
def a_rejected_message_may_come_back_to_its_own_queue(talk):
    """No key of its own: by the default exchange it goes where it was."""
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-dead-letter-exchange': ''})
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c')
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm')
    talk.hear()
    for tag in (1, 2, 3):
        talk.hear(channel=2)
        talk.say('basic.reject', channel=2, delivery_tag=tag)
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=4)


def circle(talk, names, arguments):
    """Each queue's dead letters go to the next, the last's to the first."""
    for at, name in enumerate(names):
        talk.ask('queue.declare', queue=talk(name), exclusive=True, arguments={
            'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk(names[(at + 1) % len(names)]), **arguments})


for _names in (['a'], ['a', 'b'], ['a', 'b', 'c']):
    for _arguments in ({'x-message-ttl': 1}, {'x-max-length': 0}):
        def _circle(talk, names=_names, arguments=_arguments):
            circle(talk, names, arguments)
            talk.ask('confirm.select')
            talk.publish('', talk('a'), 'm', {'headers': {}})
            talk.hear()
            for name in names:                       # expiry is slow, a circle without an end would still be going
                talk.wait_for_ready(0, talk(name))
                talk.ask('queue.declare', queue=talk(name), passive=True)
        conversation_named(f'a circle of {len(_names)} queues with {_arguments} ends', _circle)


@conversation
def a_message_that_expired_in_a_queue_does_not_come_to_it_again(talk):
    """But it does come to the other queue bound to the same exchange."""
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout', auto_delete=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={
        'x-dead-letter-exchange': talk('x'), 'x-message-ttl': 1})
    talk.ask('channel.open', channel=2)
    talk.ask('queue.declare', queue=talk('tap'), exclusive=True)
    for name in ('q', 'tap'):
        talk.ask('queue.bind', queue=talk(name), exchange=talk('x'))
    talk.ask('basic.consume', channel=2, queue=talk('tap'), consumer_tag='tap', no_ack=True)
    talk.ask('confirm.select')
    talk.publish('', talk('q'), 'm')
    talk.hear()
    talk.hear(channel=2)
    talk.wait_for_ready(0, talk('q'))


@conversation
def an_expired_message_comes_back_when_it_was_rejected_between(talk):
    """a expires to b, b's consumer rejects to a: the circle has a rejection in it and goes on."""
    circle(talk, ['a'], {'x-message-ttl': 1, 'x-dead-letter-routing-key': talk('b')})
    talk.ask('queue.declare', queue=talk('b'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('a')})
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('b'), consumer_tag='b')
    talk.ask('confirm.select')
    talk.publish('', talk('a'), 'm')
    talk.hear()
    for tag in (1, 2, 3):
        talk.hear(channel=2)
        talk.say('basic.reject', channel=2, delivery_tag=tag)
    talk.hear(channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=4)


@conversation
def dead_letters_of_messages_from_several_exchanges(talk):
    topology(talk, 'topic', ['a.*'])
    talk.ask('queue.declare', queue=talk('dead'), exclusive=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('dead')})
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='a.*')
    talk.ask('confirm.select')
    talk.publish(talk('x'), 'a.b', 'one')
    talk.hear()
    talk.publish('', talk('q'), 'two')
    talk.hear()
    for tag in (1, 2):
        talk.ask('basic.get', queue=talk('q'))
        talk.say('basic.reject', delivery_tag=tag)
        talk.wait_for_ready(tag, talk('dead'))
    for _ in range(2):
        talk.ask('basic.get', queue=talk('dead'), no_ack=True)
