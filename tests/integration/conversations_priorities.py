"""Conversations about x-max-priority: which message is next, which one is dropped."""
from conversations_expiry import with_dead_letters
from talk import conversation, conversation_named


def with_priorities(talk, priorities, most=10, name='q', **arguments):
    """A queue and a message for each priority (None: without the property), numbered in the order they came."""
    talk.ask('queue.declare', queue=talk(name), exclusive=True, arguments={
        'x-max-priority': most, **{key.replace('_', '-'): value for key, value in arguments.items()}})
    talk.ask('confirm.select')
    sent(talk, priorities, talk(name))
    return talk(name)


def sent(talk, priorities, queue, first=0, properties=None):
    for number, priority in enumerate(priorities, first):
        talk.publish('', queue, f'{number} of {priority}',
                     {**({} if priority is None else {'priority': priority}), **(properties or {})})
        talk.hear()


def gotten(talk, count, **how):
    for _ in range(count):
        talk.ask('basic.get', queue=talk('q'), **how)


for _name, _most, _priorities in [
        ('in any order', 10, [1, 5, 3, 10, 0, 7]),
        ('the same priority keeps its order', 10, [5, 5, 5, 1, 1, 1]),
        ('none is the lowest', 10, [None, 1, 0, None, 2]),
        ('above the highest', 5, [4, 200, 5, 6, 255, 3]),
        ('a queue of one', 1, [0, 1, 2, None, 1, 0]),
        ('a queue of 255', 255, [0, 254, 255, 1, 128]),
        ('a queue of two', 2, [9, 2, 1, 0, 9])]:
    def _order(talk, most=_most, priorities=_priorities):
        with_priorities(talk, priorities, most)
        gotten(talk, len(priorities) + 1, no_ack=True)
    conversation_named(f'priorities: {_name}', _order)


@conversation
def a_plain_queue_knows_no_priorities(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('confirm.select')
    sent(talk, [1, 9, 5], talk('q'))
    gotten(talk, 4, no_ack=True)


@conversation
def a_consumer_gets_what_waits_by_priority(talk):
    queue = with_priorities(talk, [1, 5, 3, 5, 0])
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c', no_ack=True)
    talk.hear(5, channel=2)


@conversation
def a_consumer_with_prefetch_gets_the_highest_next(talk):
    queue = with_priorities(talk, [1, 2, 3])
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=1)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='c')
    talk.hear(channel=2)
    sent(talk, [9, 2], queue, 3)
    for tag in range(1, 5):
        talk.say('basic.ack', channel=2, delivery_tag=tag)
        talk.hear(channel=2)


@conversation
def what_is_returned_is_first_among_its_priority(talk):
    with_priorities(talk, [5, 5, 1, 1])
    gotten(talk, 3)
    talk.say('basic.reject', delivery_tag=2, requeue=True)
    talk.say('basic.reject', delivery_tag=3, requeue=True)
    talk.wait_for_ready(3, talk('q'))
    gotten(talk, 4)
    talk.say('basic.nack', delivery_tag=0, multiple=True, requeue=True)
    talk.wait_for_ready(4, talk('q'))
    gotten(talk, 5, no_ack=True)


@conversation
def recover_of_priorities(talk):
    with_priorities(talk, [1, 5, 3, 5])
    gotten(talk, 3)
    talk.ask('basic.recover', requeue=True)
    gotten(talk, 5)


@conversation
def a_channel_that_closes_returns_by_priority(talk):
    queue = with_priorities(talk, [1, 5, 3, 5])
    talk.ask('channel.open', channel=2)
    for _ in range(4):
        talk.ask('basic.get', channel=2, queue=queue)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.wait_for_ready(4, queue)
    gotten(talk, 5, no_ack=True)


@conversation
def counts_of_a_queue_with_priorities(talk):
    queue = with_priorities(talk, [1, 5, 3, 5])
    talk.ask('queue.declare', queue=queue, passive=True)
    gotten(talk, 2)
    talk.ask('queue.declare', queue=queue, passive=True)
    talk.ask('queue.purge', queue=queue)
    talk.say('basic.nack', delivery_tag=0, multiple=True, requeue=True)
    talk.wait_for_ready(2, queue)
    talk.ask('queue.delete', queue=queue, if_empty=True)
    talk.ask('channel.open')
    talk.ask('queue.delete', queue=queue)


@conversation
def a_durable_queue_with_priorities(talk):
    talk.ask('queue.declare', queue=talk('q'), durable=True, arguments={'x-max-priority': 5})
    talk.ask('confirm.select')
    sent(talk, [1, 5, 3], talk('q'), properties={'delivery_mode': 2})
    gotten(talk, 4, no_ack=True)
    talk.ask('queue.delete', queue=talk('q'))


@conversation
def priorities_in_a_transaction(talk):
    queue = with_priorities(talk, [])
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    for priority in (1, 5, 3):
        talk.publish('', queue, f'{priority}', {'priority': priority}, channel=2)
    talk.ask('tx.commit', channel=2)
    gotten(talk, 4, no_ack=True)


# --- with limits, times and dead letters ----------------------------------------------------------

for _name, _priorities, _letters, _arguments in [
        ('x-max-length', [5, 1, 3, 9, 1, 9], 3, dict(x_max_length=3)),
        ('x-max-length and a high one last', [1, 1, 9], 1, dict(x_max_length=2)),
        ('x-max-length and a low one last', [9, 9, 1], 1, dict(x_max_length=2)),
        ('x-max-length of 1', [1, 9, 5], 2, dict(x_max_length=1)),
        ('x-max-length of 0', [1, 9], 2, dict(x_max_length=0)),
        ('x-max-length-bytes', [5, 1, 3, 9], 2, dict(x_max_length_bytes=12)),
        ('reject-publish', [1, 1, 9], 0, dict(x_max_length=2, x_overflow='reject-publish')),
        ('reject-publish-dlx', [1, 1, 9], 1, dict(x_max_length=2, x_overflow='reject-publish-dlx'))]:
    def _dropped(talk, priorities=_priorities, letters=_letters, arguments=_arguments):
        queue = with_dead_letters(talk, x_max_priority=10, **arguments)
        talk.ask('confirm.select')
        sent(talk, priorities, queue)
        talk.hear(letters, channel=2)
        gotten(talk, len(priorities) - letters + 1, no_ack=True)
    conversation_named(f'priorities and {_name}', _dropped)


@conversation
def what_is_returned_above_the_limit_with_priorities(talk):
    queue = with_dead_letters(talk, x_max_priority=10, x_max_length=2)
    talk.ask('confirm.select')
    sent(talk, [1, 9], queue)
    gotten(talk, 2)
    sent(talk, [5, 5], queue, 2)
    talk.say('basic.nack', delivery_tag=2, multiple=True, requeue=True)
    talk.hear(2, channel=2)
    gotten(talk, 3, no_ack=True)


# RabbitMQ lets nothing expire while what is next does not.
for _stays, _expires in ((9, 1), (1, 9)):
    def _one_expires(talk, stays=_stays, expires=_expires):
        queue = with_dead_letters(talk, consume=False, x_max_priority=10)
        talk.ask('confirm.select')
        sent(talk, [stays], queue)
        sent(talk, [expires], queue, 1, {'expiration': '1'})
        talk.note_whether_ready(1, talk('dead'), within_s=2)
        gotten(talk, 2, no_ack=True)
    conversation_named(f'a message of priority {_expires} expires though one of {_stays} waits', _one_expires, 2)


@conversation
def all_priorities_expire(talk):
    queue = with_dead_letters(talk, x_max_priority=10, x_message_ttl=1)
    talk.ask('confirm.select')
    for priority in (1, 9, 5):
        sent(talk, [priority], queue)
        talk.hear(channel=2)
    talk.ask('queue.declare', queue=queue, passive=True)


@conversation
def ttl_0_with_priorities(talk):
    queue = with_dead_letters(talk, x_max_priority=10, x_message_ttl=0)
    talk.ask('channel.open', channel=3)
    talk.ask('basic.qos', channel=3, prefetch_count=1)
    talk.ask('basic.consume', channel=3, queue=queue, consumer_tag='c')
    talk.ask('confirm.select')
    sent(talk, [1, 9], queue)
    talk.hear(channel=3)
    talk.hear(channel=2)


@conversation
def a_dead_letter_keeps_its_priority(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-max-priority': 5})
    talk.ask('queue.declare', queue=talk('first'), exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': talk('q'), 'x-max-length': 0})
    talk.ask('confirm.select')
    sent(talk, [1, 5, 3], talk('first'))
    talk.wait_for_ready(3, talk('q'))
    gotten(talk, 4, no_ack=True)


@conversation
def rejected_by_priority(talk):
    queue = with_dead_letters(talk, x_max_priority=10)
    talk.ask('confirm.select')
    sent(talk, [1, 9, 5], queue)
    gotten(talk, 3)
    talk.say('basic.nack', delivery_tag=3, multiple=True)
    talk.hear(3, channel=2)
