"""Conversations about the exchange types that RabbitMQ has as plugins.

Which queue a hash or a die chooses is the broker's own affair; that the choice is always the same, or that nothing is
lost, is not. So these note counts and facts.
"""
from talk import asks, conversation, conversation_named, routed


def counted(talk, names):
    """How many each queue has: passive declarations, not written down."""
    return [talk.peer('a').declare(talk(name), passive=True).message_count for name in names]


def published(talk, exchange, count, key='k{}', properties=b'\0\0'):
    """That many messages with keys of their own, confirmed; not written down."""
    peer = talk.peer('a')
    peer.open_channel(9)
    peer.call(9, 'confirm.select')
    for number in range(count):
        peer.publish(9, exchange, key.format(number), str(number), properties)
    missing = set(range(1, count + 1))
    while missing:
        ack = peer.expect('basic.ack', 9)
        missing -= set(range(1, ack.delivery_tag + 1)) if ack.multiple else {ack.delivery_tag}
    peer.call(9, 'channel.close', reply_code=200)


def bound(talk, kind, bindings, arguments=None):
    talk.ask('exchange.declare', exchange=talk('x'), type=kind, auto_delete=True, arguments=arguments or {})
    for at, key in enumerate(bindings):
        talk.ask('queue.declare', queue=talk(f'q{at}'), exclusive=True)
        talk.ask('queue.bind', queue=talk(f'q{at}'), exchange=talk('x'), routing_key=key)
    return [f'q{at}' for at in range(len(bindings))]


KINDS = ('x-consistent-hash', 'x-random', 'x-modulus-hash', 'x-recent-history')
for _kind in KINDS:
    def _alone(talk, kind=_kind):
        queues = bound(talk, kind, ['1'])
        for key in ('', 'a', 'b'):
            routed(talk, talk('x'), key, queues, {'headers': {'n': 1}})
        talk.ask('queue.unbind', queue=talk('q0'), exchange=talk('x'), routing_key='1')
        talk.ask('exchange.declare', exchange=talk('x'), passive=True)
    conversation_named(f'{_kind} with one queue', _alone)

    def _unbound(talk, kind=_kind):
        talk.ask('exchange.declare', exchange=talk('x'), type=kind)
        talk.publish(talk('x'), 'k', 'm', mandatory=True)
        talk.ask('basic.qos')
        talk.ask('exchange.delete', exchange=talk('x'))
    conversation_named(f'{_kind} without a binding', _unbound)

    def _declared(talk, kind=_kind):
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, durable=True)
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, durable=True)
        talk.ask('exchange.declare', exchange=talk('x'), type='direct', durable=True)
        talk.ask('channel.open')
        talk.ask('exchange.delete', exchange=talk('x'), if_unused=True)
    conversation_named(f'{_kind} declared again', _declared)

    def _spread(talk, kind=_kind):
        queues = bound(talk, kind, ['1', '1', '1'])
        published(talk, talk('x'), 300)
        counts = counted(talk, queues)
        talk.note(f'{sum(counts)} in all, {"each has some" if min(counts) > 30 else counts}')
    conversation_named(f'{_kind} among three queues', _spread)

    def _alternate(talk, kind=_kind):
        talk.ask('exchange.declare', exchange=talk('ae'), type='fanout', auto_delete=True)
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, arguments={'alternate-exchange': talk('ae')})
        talk.ask('queue.declare', queue=talk('rest'), exclusive=True)
        talk.ask('queue.bind', queue=talk('rest'), exchange=talk('ae'))
        routed(talk, talk('x'), 'k', ['rest'])
        talk.ask('exchange.delete', exchange=talk('x'))
    conversation_named(f'{_kind} and its alternate exchange', _alternate)

    def _to_an_exchange(talk, kind=_kind):
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, auto_delete=True)
        talk.ask('exchange.declare', exchange=talk('y'), type='fanout', auto_delete=True)
        talk.ask('exchange.bind', source=talk('x'), destination=talk('y'), routing_key='1')
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.ask('queue.bind', queue=talk('q'), exchange=talk('y'))
        routed(talk, talk('x'), 'k', ['q'])
    conversation_named(f'{_kind} bound to an exchange', _to_an_exchange)

# --- x-consistent-hash ----------------------------------------------------------------------------

for _weight in ('', 'x', '-1', '1.5', '0', '1 ', '007', '1000'):
    def _weighted(talk, weight=_weight):
        talk.ask('exchange.declare', exchange=talk('x'), type='x-consistent-hash', auto_delete=True)
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        if talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key=weight):
            routed(talk, talk('x'), 'k', ['q'])
    conversation_named(f'x-consistent-hash with weight {_weight!r}', _weighted)

for _arguments in ({'hash-header': 'h'}, {'hash-header': ''}, {'hash-header': 5}, {'hash-property': 'message_id'},
                   {'hash-property': 'correlation_id'}, {'hash-property': 'timestamp'}, {'hash-property': 'app_id'},
                   {'hash-property': 5}, {'hash-header': 'h', 'hash-property': 'message_id'}):
    conversation_named(f'x-consistent-hash with {_arguments}',
                       asks('exchange.declare', exchange='%x', type='x-consistent-hash', auto_delete=True,
                            arguments=_arguments))

for _name, _arguments, _properties in [
        ('the routing key', {}, None), ('a header', {'hash-header': 'h'}, {'headers': {'h': 'same'}}),
        ('a header that is missing', {'hash-header': 'h'}, {'headers': {'other': 'x'}}),
        ('a header without headers', {'hash-header': 'h'}, b'\0\0'),
        ('message_id', {'hash-property': 'message_id'}, {'message_id': 'same'}),
        ('correlation_id', {'hash-property': 'correlation_id'}, {'correlation_id': 'same'}),
        ('timestamp', {'hash-property': 'timestamp'}, {'timestamp': 99}),
        ('a property that is missing', {'hash-property': 'message_id'}, b'\0\0')]:
    def _hashed(talk, arguments=_arguments, properties=_properties):
        queues = bound(talk, 'x-consistent-hash', ['10', '10', '10'], arguments)
        published(talk, talk('x'), 60, 'the same' if properties is None else 'k{}', properties or b'\0\0')
        talk.note(f'one queue has them all: {sorted(counted(talk, queues)) == [0, 0, 60]}')
    conversation_named(f'x-consistent-hash by {_name}', _hashed)


@conversation
def x_consistent_hash_weighs(talk):
    queues = bound(talk, 'x-consistent-hash', ['1', '9'])
    published(talk, talk('x'), 1000)
    light, heavy = counted(talk, queues)
    talk.note(f'{light + heavy} in all, the heavy one has three times as many: {heavy > 3 * light}')


@conversation
def x_consistent_hash_moves_only_what_it_must(talk):
    """A third queue takes keys from the others, and they keep the rest."""
    queues = bound(talk, 'x-consistent-hash', ['10', '10'])

    def places():
        published(talk, talk('x'), 200)
        where = {}
        for name in queues:
            while (message := talk.peer('a').get(talk(name))) is not None:
                where[message.body] = name
        return where
    before = places()
    talk.ask('queue.declare', queue=talk('q2'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q2'), exchange=talk('x'), routing_key='10')
    queues.append('q2')
    after = places()
    moved = {after[key] for key in before if before[key] != after[key]}
    talk.note(f'{len(after)} keys, they moved to {moved}')


# --- x-recent-history -----------------------------------------------------------------------------

@conversation
def recent_history_is_told_to_who_comes_later(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history')
    talk.ask('confirm.select')
    for number in range(25):
        talk.publish(talk('x'), f'k{number}', str(number), {'message_id': f'm{number}', 'headers': {'n': number}})
        talk.hear()
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='any')
    talk.wait_for_ready(20, talk('q'))
    for _ in range(21):
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('x'))


@conversation
def recent_history_of_another_length(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history', arguments={'x-recent-history-length': 2})
    talk.ask('confirm.select')
    for body in 'abc':
        talk.publish(talk('x'), 'k', body)
        talk.hear()
    talk.publish(talk('x'), 'k', 'not stored', {'headers': {'x-recent-history-no-store': True}})
    talk.hear()
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
    talk.wait_for_ready(2, talk('q'))
    for _ in range(3):
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('x'))


for _headers in ({'x-recent-history-no-store': True}, {'x-recent-history-no-store': False},
                 {'x-recent-history-no-store': 1}, {'x-recent-history-no-store': 'true'}):
    def _no_store(talk, headers=_headers):
        talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history', arguments={'x-recent-history-length': 2})
        talk.ask('confirm.select')
        for body, properties in (('a', b'\0\0'), ('b', {'headers': headers}), ('c', b'\0\0')):
            talk.publish(talk('x'), 'k', body, properties)
            talk.hear()
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
        talk.wait_for_ready(2, talk('q'))
        for _ in range(2):
            talk.ask('basic.get', queue=talk('q'), no_ack=True)
        talk.ask('exchange.delete', exchange=talk('x'))
    conversation_named(f'recent history and {_headers}', _no_store)

for _length in (0, -1, 'x', 1.5, ('l', 3), None, True):
    def _length_of(talk, length=_length):
        talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history', auto_delete=True,
                 arguments={'x-recent-history-length': length})
    conversation_named(f'x-recent-history-length {_length!r}', _length_of)


@conversation
def recent_history_is_forgotten_with_its_exchange(talk):
    talk.ask('confirm.select')
    talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history')
    talk.publish(talk('x'), 'k', 'old')
    talk.hear()
    talk.ask('exchange.delete', exchange=talk('x'))
    talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
    talk.publish(talk('x'), 'k', 'new')
    talk.hear()
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('x'))


@conversation
def recent_history_of_an_exchange_bound_to_another(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='x-recent-history')
    talk.ask('exchange.declare', exchange=talk('y'), type='fanout', auto_delete=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('y'))
    talk.ask('confirm.select')
    talk.publish(talk('x'), 'k', 'before')
    talk.hear()
    talk.ask('exchange.bind', source=talk('x'), destination=talk('y'))
    talk.publish(talk('x'), 'k', 'after')
    talk.hear()
    talk.wait_for_ready(2, talk('q'))
    for _ in range(2):
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('exchange.delete', exchange=talk('x'))
