"""Conversations about who gets the next message: x-priority, exclusive consumers, x-single-active-consumer."""
from talk import conversation, conversation_alone, conversation_named, with_queue


def consuming(talk, channel, tag, **how):
    talk.ask('channel.open', channel=channel)
    prefetch = how.pop('prefetch', 0)
    if prefetch:
        talk.ask('basic.qos', channel=channel, prefetch_count=prefetch)
    priority = how.pop('priority', None)
    arguments = {} if priority is None else {'x-priority': priority}
    return talk.ask('basic.consume', channel=channel, queue=talk('q'), consumer_tag=tag, arguments=arguments, **how)


def published(talk, bodies):
    for body in bodies:
        talk.publish('', talk('q'), body)
        talk.hear()


# --- round robin and priorities -------------------------------------------------------------------

@conversation
def consumers_of_one_priority_take_turns(talk):
    with_queue(talk)
    for channel in (2, 3, 4):
        consuming(talk, channel, f'c{channel}')
    published(talk, 'abcdefg')
    for channel, count in ((2, 3), (3, 2), (4, 2)):
        talk.hear(count, channel=channel)


@conversation
def consumers_of_one_channel_take_turns(talk):
    with_queue(talk)
    talk.ask('channel.open', channel=2)
    for tag in 'xyz':
        talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag=tag, no_ack=True)
    published(talk, 'abcde')
    talk.hear(5, channel=2)


@conversation
def what_waits_is_shared_out_when_consumers_come(talk):
    with_queue(talk, *'abcd')
    consuming(talk, 2, 'first', prefetch=1)
    talk.hear(channel=2)
    consuming(talk, 3, 'second', prefetch=2)
    talk.hear(2, channel=3)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


for _name, _priorities in [('higher', (5, 10)), ('negative', (-10, -5)), ('default', (None, 1)), ('below default', (-1, None)),
                           ('equal to default', (0, None)), ('of 64 bits', (('l', 2**40), ('l', 2**41)))]:
    def _higher(talk, priorities=_priorities):
        with_queue(talk)
        for channel, priority in enumerate(priorities, 2):
            consuming(talk, channel, f'c{channel}', priority=priority, prefetch=2)
        published(talk, 'abcde')
        talk.ask('queue.declare', queue=talk('q'), passive=True)
        talk.hear(2, channel=3)
        talk.hear(2, channel=2)
        talk.say('basic.ack', channel=2, delivery_tag=1)
        talk.hear(channel=2)
    conversation_named(f'consumer priorities: {_name}', _higher)


@conversation
def the_highest_priority_gets_all_it_can_take(talk):
    with_queue(talk)
    consuming(talk, 2, 'low', priority=1)
    consuming(talk, 3, 'high', priority=2, prefetch=2)
    published(talk, 'abcd')
    talk.hear(2, channel=3)
    talk.hear(2, channel=2)
    talk.say('basic.ack', channel=3, delivery_tag=2, multiple=True)
    talk.ask('basic.qos', channel=3)
    published(talk, 'ef')
    talk.hear(2, channel=3)


@conversation
def a_higher_consumer_that_goes_leaves_the_rest_to_the_lower(talk):
    with_queue(talk)
    consuming(talk, 2, 'low', priority=1)
    consuming(talk, 3, 'high', priority=2)
    published(talk, 'ab')
    talk.hear(2, channel=3)
    talk.ask('basic.cancel', channel=3, consumer_tag='high')
    published(talk, 'c')
    talk.hear(channel=2)
    talk.ask('channel.close', channel=3, reply_code=200)
    talk.hear(2, channel=2)


@conversation
def consumers_of_equal_priority_take_turns_among_themselves(talk):
    with_queue(talk)
    for channel, priority in ((2, 5), (3, 1), (4, 5)):
        consuming(talk, channel, f'c{channel}', priority=priority)
    published(talk, 'abcd')
    talk.hear(2, channel=2)
    talk.hear(2, channel=4)


@conversation
def consumers_on_several_connections_by_priority(talk):
    talk.ask('queue.declare', queue=talk('q'))
    for who, priority in (('low', 1), ('high', 2)):
        talk.connect(who)
        talk.ask('basic.consume', who=who, queue=talk('q'), consumer_tag=who, arguments={'x-priority': priority})
    talk.ask('confirm.select')
    published(talk, 'ab')
    talk.hear(2, who='high')
    talk.ask('connection.close', who='high', channel=0, reply_code=200)
    talk.leave('high')
    talk.hear(2, who='low')
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(who='low')


# --- exclusive consumers --------------------------------------------------------------------------

@conversation
def an_exclusive_consumer_of_another_connection(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.connect('other')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='a', exclusive=True)
    talk.ask('basic.consume', who='other', queue=talk('q'), consumer_tag='b')
    talk.ask('channel.open', who='other')
    talk.ask('basic.consume', who='other', queue=talk('q'), consumer_tag='b', exclusive=True)
    talk.ask('channel.open', who='other')
    talk.ask('queue.declare', who='other', queue=talk('q'), passive=True)
    talk.ask('basic.get', who='other', queue=talk('q'))
    talk.ask('queue.purge', who='other', queue=talk('q'))
    talk.ask('basic.cancel', consumer_tag='a')
    talk.ask('basic.consume', who='other', queue=talk('q'), consumer_tag='b', exclusive=True)
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(who='other')


@conversation
def exclusive_use_ends_with_the_channel(talk):
    with_queue(talk)
    consuming(talk, 2, 'a', exclusive=True)
    talk.ask('channel.close', channel=2, reply_code=200)
    consuming(talk, 3, 'b', exclusive=True)
    published(talk, 'a')
    talk.hear(channel=3)


@conversation
def an_exclusive_consumer_again_on_its_own_channel(talk):
    with_queue(talk)
    consuming(talk, 2, 'a', exclusive=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='b', exclusive=True)


# --- single active consumer -----------------------------------------------------------------------

def single(talk, *bodies, **flags):
    return with_queue(talk, *bodies, **{'exclusive': True, 'arguments': {'x-single-active-consumer': True}, **flags})


@conversation
def only_the_first_consumer_is_active(talk):
    single(talk)
    for channel in (2, 3, 4):
        consuming(talk, channel, f'c{channel}')
    published(talk, 'abc')
    talk.hear(3, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def the_next_consumer_takes_over_in_the_order_they_came(talk):
    single(talk)
    for channel in (2, 3, 4):
        consuming(talk, channel, f'c{channel}')
    for channel, body in ((2, 'a'), (3, 'b'), (4, 'c')):
        published(talk, body)
        talk.hear(channel=channel)
        talk.say('basic.ack', channel=channel, delivery_tag=1)
        talk.ask('basic.cancel', channel=channel, consumer_tag=f'c{channel}')
    published(talk, 'd')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='again')
    talk.hear(channel=2)


@conversation
def one_that_comes_back_waits_behind_the_others(talk):
    single(talk)
    for channel in (2, 3):
        consuming(talk, channel, f'c{channel}')
    talk.ask('basic.cancel', channel=2, consumer_tag='c2')
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='again')
    published(talk, 'ab')
    talk.hear(2, channel=3)
    talk.ask('channel.close', channel=3, reply_code=200)
    talk.hear(2, channel=2)


@conversation
def a_waiting_consumer_that_goes_changes_nothing(talk):
    single(talk)
    for channel in (2, 3, 4):
        consuming(talk, channel, f'c{channel}')
    talk.ask('basic.cancel', channel=3, consumer_tag='c3')
    published(talk, 'a')
    talk.hear(channel=2)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.hear(channel=4)


@conversation
def a_full_prefetch_of_the_active_one_is_waited_for(talk):
    single(talk)
    consuming(talk, 2, 'active', prefetch=1)
    consuming(talk, 3, 'waiting')
    published(talk, 'abc')
    talk.hear(channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear(channel=2)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.hear(2, channel=3)


@conversation
def cancelling_the_active_one_leaves_it_what_it_holds(talk):
    single(talk)
    consuming(talk, 2, 'active')
    consuming(talk, 3, 'next')
    published(talk, 'a')
    talk.hear(channel=2)
    talk.ask('basic.cancel', channel=2, consumer_tag='active')
    published(talk, 'b')
    talk.hear(channel=3)
    talk.say('basic.reject', channel=2, delivery_tag=1, requeue=True)
    talk.hear(channel=3)


@conversation
def a_connection_that_goes_hands_over_to_another(talk):
    talk.ask('queue.declare', queue=talk('q'), arguments={'x-single-active-consumer': True})
    for who in ('first', 'second'):
        talk.connect(who)
        talk.ask('basic.consume', who=who, queue=talk('q'), consumer_tag=who)
    talk.ask('confirm.select')
    published(talk, 'ab')
    talk.hear(2, who='first')
    talk.say('basic.ack', who='first', delivery_tag=1)
    talk.ask('basic.qos', who='first')
    talk.ask('connection.close', who='first', channel=0, reply_code=200)
    talk.leave('first')
    talk.hear(who='second')
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(who='second')


@conversation
def a_single_active_consumer_cannot_be_exclusive(talk):
    single(talk)
    consuming(talk, 2, 'a', exclusive=True)
    consuming(talk, 2, 'a')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def get_is_refused_where_one_consumer_is_active(talk):
    single(talk, 'a')
    talk.ask('basic.get', queue=talk('q'))


@conversation
def get_is_refused_where_one_consumer_could_be_active_on_an_empty_queue(talk):
    single(talk)
    consuming(talk, 2, 'a')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def purge_and_delete_where_one_consumer_is_active(talk):
    single(talk, 'a', exclusive=False)
    talk.ask('queue.purge', queue=talk('q'))
    for channel in (2, 3):
        consuming(talk, channel, f'c{channel}')
    talk.ask('queue.delete', queue=talk('q'), if_unused=True)
    talk.ask('channel.open')
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(channel=2)
    talk.hear(channel=3)


for _name, _priorities in [('the higher comes last', (1, 5)), ('the higher comes first', (5, 1))]:
    def _single_priorities(talk, priorities=_priorities):
        single(talk)
        for channel, priority in enumerate(priorities, 2):
            consuming(talk, channel, f'c{channel}', priority=priority)
        published(talk, 'a')
        talk.hear(channel=2)
        talk.ask('channel.close', channel=2, reply_code=200)
        talk.hear(channel=3)
    conversation_named(f'a single active consumer and priorities: {_name}', _single_priorities)


@conversation
def the_waiting_consumer_of_the_highest_priority_is_next(talk):
    single(talk)
    for channel, priority in ((2, 0), (3, 1), (4, 7)):
        consuming(talk, channel, f'c{channel}', priority=priority)
    published(talk, 'a')
    talk.hear(channel=2)
    talk.ask('basic.cancel', channel=2, consumer_tag='c2')
    published(talk, 'b')
    talk.note('who gets it, is heard at the end')


@conversation
def a_single_active_consumer_without_acks(talk):
    single(talk, 'a')
    consuming(talk, 2, 'first', no_ack=True)
    talk.hear(channel=2)
    consuming(talk, 3, 'second', no_ack=True)
    published(talk, 'b')
    talk.hear(channel=2)
    talk.ask('basic.cancel', channel=2, consumer_tag='first')
    published(talk, 'c')
    talk.hear(channel=3)


@conversation
def two_consumers_of_one_channel_and_one_of_them_active(talk):
    single(talk)
    consuming(talk, 2, 'first')
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='second')
    published(talk, 'a')
    talk.hear(channel=2)
    talk.ask('basic.cancel', channel=2, consumer_tag='first')
    published(talk, 'b')
    talk.hear(channel=2)


@conversation
def an_auto_delete_queue_with_a_single_active_consumer(talk):
    single(talk, exclusive=False, auto_delete=True)
    for channel in (2, 3):
        consuming(talk, channel, f'c{channel}')
    talk.ask('basic.cancel', channel=2, consumer_tag='c2')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.cancel', channel=3, consumer_tag='c3')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


# --- consumers that do not acknowledge ------------------------------------------------------------

@conversation_alone
def a_delivery_is_not_acknowledged_in_time(talk):
    talk.operate('set_consumer_timeout', 300)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True, arguments={'x-consumer-timeout': 300})
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.publish('', talk('q'), 'm')
    talk.hear(2)
    talk.operate('set_consumer_timeout', None)
    if talk.ask('channel.open', channel=2):
        talk.wait_for_ready(1, talk('q'), channel=2)
        talk.ask('basic.get', channel=2, queue=talk('q'), no_ack=True)
