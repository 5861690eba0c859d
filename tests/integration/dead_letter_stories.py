"""Stories of messages that die: each is told to any broker, and says what came out at the end.

A story gets a Tale and returns nothing; what it shows are the dead letters it takes with end() and
look(), in order, in lines that say everything about them but the time."""
from wire import Peer, encode_properties, eventually, plain, show

STORIES = {}


def story(function):
    STORIES[function.__name__] = function
    return function


def masked(value):
    """The same with every timestamp that is one of now as NOW."""
    if isinstance(value, tuple) and value[0] == 'T' and value[1] > 1_500_000_000:
        return ('T', 'NOW')
    if isinstance(value, tuple):
        return (value[0], masked(value[1]))
    if isinstance(value, dict):
        return {key: masked(item) for key, item in value.items()}
    if isinstance(value, list):
        return [masked(item) for item in value]
    return value


class Tale:
    def __init__(self, address, name):
        self.peer, self.prefix, self.lines, self.queues = Peer(address), 'dl.' + name + '.', [], []

    def __call__(self, name):
        return self.prefix + name

    def queue(self, name, exchange=None, key=None, durable=True, **arguments):
        """A queue whose dead letters go to this exchange, by this key."""
        arguments = {'x-' + word.replace('_', '-'): value for word, value in arguments.items()}
        if exchange is not None:
            arguments['x-dead-letter-exchange'] = exchange
        if key is not None:
            arguments['x-dead-letter-routing-key'] = key
        self.peer.declare(self(name), durable=durable, arguments=arguments)
        self.queues.append(self(name))
        return self(name)

    def exchange(self, name, kind='fanout', **arguments):
        self.peer.call(1, 'exchange.declare', exchange=self(name), type=kind, auto_delete=True, arguments=arguments)
        return self(name)

    def bind(self, exchange, queue, key='', **arguments):
        self.peer.call(1, 'queue.bind', queue=queue, exchange=exchange, routing_key=key, arguments=arguments)

    def publish(self, queue, body='x', exchange='', **properties):
        self.peer.publish(1, exchange, queue, body, encode_properties(properties))

    def reject(self, queue):
        """Gets one and rejects it."""
        message = self.next(queue)
        self.peer.send(1, 'basic.reject', delivery_tag=message.method.delivery_tag, requeue=False)
        return message

    def next(self, queue):
        return eventually(lambda: self.peer.get(queue, no_ack=False))

    def end(self, queue):
        """The message that is there at the end; it is taken away."""
        message = self.next(queue)
        self.peer.send(1, 'basic.ack', delivery_tag=message.method.delivery_tag)
        self.lines.append(f'{queue}: {message.method.exchange!r} {message.method.routing_key!r} '
                          f'redelivered={message.method.redelivered} {message.body!r} '
                          f'{show(masked(message.properties))}')
        return message

    def none(self, queue):
        """Nothing is there, nor will be."""
        self.lines.append(f'{queue}: {self.peer.declare(queue, passive=True).message_count} messages')

    def over(self):
        for queue in self.queues:
            self.peer.call(1, 'queue.delete', queue=queue)
        self.peer.close()


def tell(name, address):
    tale = Tale(address, name)
    STORIES[name](tale)
    tale.over()
    return tale.lines


def again(tale, message, queue):
    """Publishes the message as a client does that retries: with all the headers it has."""
    tale.publish(queue, message.body, **message.properties)


def rejections(tale, queue, count):
    """Rejected so often, each time published again by its reader."""
    for _ in range(count):
        tale.reject(tale('q'))
        message = tale.end(queue)
        again(tale, message, tale('q'))


# --- one death ---------------------------------------------------------------------------------------

@story
def rejected_by_its_own_key(tale):
    tale.queue('end')
    tale.queue('q', exchange=tale.exchange('x', 'direct'))
    tale.bind(tale('x'), tale('end'), tale('q'))
    tale.publish(tale('q'))
    tale.reject(tale('q'))
    tale.end(tale('end'))


@story
def rejected_by_another_key(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'))
    tale.reject(tale('q'))
    tale.end(tale('end'))


@story
def rejected_with_all_properties(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'), content_type='a', content_encoding='b', delivery_mode=2, priority=3, correlation_id='c',
                 reply_to='d', expiration='600000', message_id='e', timestamp=5, type='f', user_id='guest', app_id='g',
                 cluster_id='h', headers={'z': 1, 'a': ('l', 2), 'M': [{'n': None}], 'x-e': True, 'x-a': b'\0',
                                          'double': 1.5, 'byte': ('b', -1), 'octet': ('B', 200), 'short': ('s', -300),
                                          'float': ('f', 0.25), 'stamp': ('T', 77), 'decimal': ('D', (2, 314)),
                                          'y': {'b': 1, 'a': 2}, '': 'empty'})
    tale.reject(tale('q'))
    tale.end(tale('end'))


@story
def nacked(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    for number in range(3):
        tale.publish(tale('q'), str(number))
    last = [tale.next(tale('q')) for _ in range(3)][-1]
    tale.peer.send(1, 'basic.nack', delivery_tag=last.method.delivery_tag, multiple=True, requeue=False)
    for number in range(3):
        tale.end(tale('end'))


@story
def published_to_an_exchange(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.bind(tale.exchange('in', 'topic'), tale('q'), 'a.#')
    tale.publish('a.b.c', exchange=tale('in'))
    tale.reject(tale('q'))
    tale.end(tale('end'))


@story
def to_many_queues(tale):
    tale.queue('q', exchange=tale.exchange('x'))
    for name in 'abc':
        tale.bind(tale('x'), tale.queue(name))
    tale.publish(tale('q'))
    tale.reject(tale('q'))
    for name in 'abc':
        tale.end(tale(name))


@story
def through_an_alternate_exchange(tale):
    tale.bind(tale.exchange('other'), tale.queue('end'))
    tale.exchange('x', 'direct', **{'alternate-exchange': tale('other')})
    tale.bind(tale('x'), tale.queue('never'), 'never')
    tale.queue('q', exchange=tale('x'))
    tale.publish(tale('q'))
    tale.reject(tale('q'))
    tale.end(tale('end'))
    tale.none(tale('never'))


@story
def by_its_headers(tale):
    tale.exchange('x', 'headers')
    tale.bind(tale('x'), tale.queue('end'), '', **{'x-match': 'any-with-x', 'x-first-death-reason': 'rejected'})
    tale.bind(tale('x'), tale.queue('kept'), '', **{'x-match': 'all', 'a': 1})
    tale.queue('q', exchange=tale('x'))
    tale.publish(tale('q'), headers={'a': 1})
    tale.reject(tale('q'))
    tale.end(tale('kept'))
    tale.end(tale('end'))


# --- CC and BCC ----------------------------------------------------------------------------------------

@story
def cc_and_no_key(tale):
    tale.queue('q', exchange=tale.exchange('x', 'direct'))
    for key in (tale('q'), 'cc1', 'cc2'):
        tale.bind(tale('x'), tale.queue('at ' + key.split('.')[-1]), key)
    tale.publish(tale('q'), headers={'CC': ['cc1', 'cc2'], 'a': 'b'})
    tale.reject(tale('q'))
    for key in ('q', 'cc1', 'cc2'):
        tale.end(tale('at ' + key))


@story
def cc_and_a_key(tale):
    tale.queue('q', exchange=tale.exchange('x', 'direct'), key='other')
    for key in ('other', 'cc1'):
        tale.bind(tale('x'), tale.queue('at ' + key), key)
    tale.publish(tale('q'), headers={'CC': ['cc1', 5, 'cc2'], 'BCC': ['bcc'], 'a': 'b'})
    tale.reject(tale('q'))
    tale.end(tale('at other'))
    tale.none(tale('at cc1'))


@story
def an_empty_cc(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'), headers={'CC': []})
    tale.reject(tale('q'))
    tale.end(tale('end'))


@story
def bcc_and_no_key(tale):
    tale.queue('q', exchange=tale.exchange('x', 'direct'))
    for key in (tale('q'), 'bcc1'):
        tale.bind(tale('x'), tale.queue('at ' + key.split('.')[-1]), key)
    tale.publish(tale('q'), headers={'BCC': ['bcc1'], 'a': 'b'})
    tale.reject(tale('q'))
    tale.end(tale('at q'))
    tale.none(tale('at bcc1'))


# --- more than one death ----------------------------------------------------------------------------------

@story
def rejected_twice_on_its_way(tale):
    tale.queue('b', exchange='', key=tale.queue('end'))
    tale.queue('a', exchange='', key=tale('b'))
    tale.publish(tale('a'))
    tale.reject(tale('a'))
    tale.reject(tale('b'))
    tale.end(tale('end'))


@story
def rejected_four_times_on_its_way(tale):
    names = ['a', 'b', 'c', 'd', 'end']
    for name, after in zip(names, names[1:]):
        tale.queue(name, exchange='', key=tale(after))
    tale.queue('end')
    tale.publish(tale('a'))
    for name in names[:-1]:
        tale.reject(tale(name))
    tale.end(tale('end'))


@story
def round_and_round_by_rejections(tale):
    tale.queue('a', exchange='', key=tale('b'))
    tale.queue('b', exchange='', key=tale('a'))
    tale.publish(tale('a'), expiration='600000')
    for _ in range(3):
        tale.reject(tale('a'))
        tale.reject(tale('b'))
    tale.end(tale('a'))


@story
def to_itself(tale):
    tale.queue('q', exchange='', key=tale('q'))
    tale.publish(tale('q'))
    for _ in range(3):
        tale.reject(tale('q'))
    tale.end(tale('q'))


@story
def published_again_with_its_history(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'), headers={'mine': 1})
    rejections(tale, tale('end'), 3)


@story
def published_again_with_another_key(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.queue('p', exchange='', key=tale('end'))
    tale.publish(tale('q'))
    tale.reject(tale('q'))
    again(tale, tale.end(tale('end')), tale('p'))
    tale.reject(tale('p'))
    again(tale, tale.end(tale('end')), tale('q'))
    tale.reject(tale('q'))
    tale.end(tale('end'))


# --- histories that clients make up -----------------------------------------------------------------------------

def made_up(name, history, *more):
    def tell_it(tale):
        tale.queue('q', exchange='', key=tale.queue('end'))
        tale.publish(tale('q'), headers={'x-death': history(tale('q')), **dict(more)})
        tale.reject(tale('q'))
        tale.end(tale('end'))
    STORIES['made_up ' + name] = tell_it


def entry(queue, reason='rejected', **more):
    return {'queue': queue, 'reason': reason, **{key.replace('_', '-'): value for key, value in more.items()}}


made_up('empty', lambda q: [])
made_up('string', lambda q: 'dead')
made_up('number', lambda q: 7)
made_up('table', lambda q: {'a': 1})
made_up('void', lambda q: None)
made_up('string and first death', lambda q: 'dead', ('x-first-death-queue', 'theirs'))
made_up('one without count', lambda q: [entry(q)])
made_up('one with count', lambda q: [entry(q, count=('l', 41))])
made_up('one with a short count', lambda q: [entry(q, count=('s', 41))])
made_up('one of another queue', lambda q: [entry('elsewhere', count=3)])
made_up('one of another queue without count', lambda q: [entry('elsewhere')])
made_up('one for another reason', lambda q: [entry(q, 'expired', count=('l', 3))])
made_up('one with everything', lambda q: [entry(q, zebra=1, count=('l', 1), time=('T', 5), exchange='e', Upper='U',
                                                routing_keys=['a', 'b'], original_expiration='9')])
made_up('one without queue', lambda q: [{'reason': 'rejected'}])
made_up('one without anything', lambda q: [{}])
made_up('the same twice', lambda q: [entry(q), entry(q)])
made_up('the same three times with count', lambda q: [entry(q, count=('l', 5)), entry(q, count=('l', 7)), entry(q)])
made_up('first death of its own', lambda q: [entry('elsewhere')], ('x-first-death-queue', 'theirs'),
        ('x-first-death-reason', 'boredom'))
made_up('queue in octets', lambda q: [entry(q.encode(), count=('l', 2))])
made_up('two of other queues', lambda q: [entry('new', count=1), entry('old', count=1)])


# --- expired ---------------------------------------------------------------------------------------------

@story
def expired_by_the_queue(tale):
    tale.queue('q', exchange='', key=tale.queue('end'), message_ttl=1)
    tale.publish(tale('q'), headers={'a': 1})
    tale.end(tale('end'))


@story
def expired_by_itself(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'), expiration='1', headers={})
    tale.end(tale('end'))


@story
def expired_at_once(tale):
    tale.queue('q', exchange='', key=tale.queue('end'))
    tale.publish(tale('q'), expiration='0')
    tale.end(tale('end'))


@story
def expired_then_rejected_then_expired(tale):
    tale.queue('work', exchange='', key=tale('wait'))
    tale.queue('wait', exchange='', key=tale('work'), message_ttl=1)
    tale.publish(tale('work'))
    for _ in range(3):
        tale.reject(tale('work'))
    tale.end(tale('work'))


@story
def an_automatic_cycle_of_two(tale):
    tale.exchange('x')
    tale.bind(tale('x'), tale.queue('a', exchange='', key=tale('b'), message_ttl=1))
    tale.bind(tale('x'), tale.queue('end'))
    tale.queue('b', exchange=tale('x'), message_ttl=1)
    tale.publish(tale('a'))
    tale.end(tale('end'))
    tale.none(tale('a'))


@story
def an_automatic_cycle_with_a_way_out(tale):
    tale.exchange('x')
    tale.bind(tale('x'), tale.queue('a', exchange=tale('x'), message_ttl=1))
    tale.bind(tale('x'), tale.queue('end'))
    tale.publish(tale('a'))
    tale.end(tale('end'))
    tale.none(tale('a'))


@story
def expired_in_four_queues(tale):
    names = ['a', 'b', 'c', 'd', 'end']
    for name, after in zip(names, names[1:]):
        tale.queue(name, exchange='', key=tale(after), message_ttl=1)
    tale.queue('end')
    tale.publish(tale('a'))
    tale.end(tale('end'))


# --- pushed out --------------------------------------------------------------------------------------------

@story
def pushed_out_by_length(tale):
    tale.queue('q', exchange='', key=tale.queue('end'), max_length=1)
    for number in range(3):
        tale.publish(tale('q'), str(number))
    tale.end(tale('end'))
    tale.end(tale('end'))
    tale.end(tale('q'))


@story
def pushed_out_by_bytes(tale):
    tale.queue('q', exchange='', key=tale.queue('end'), max_length_bytes=10)
    for body in ('123456', 'abcdef', '12345678901'):
        tale.publish(tale('q'), body)
    for _ in range(3):
        tale.end(tale('end'))


@story
def a_limit_of_nothing(tale):
    tale.queue('q', exchange='', key=tale.queue('end'), max_length=0)
    tale.publish(tale('q'), expiration='60000')
    tale.end(tale('end'))


@story
def refused_and_dead(tale):
    tale.queue('q', exchange='', key=tale.queue('end'), max_length=1, overflow='reject-publish-dlx')
    for number in range(3):
        tale.publish(tale('q'), str(number))
    tale.end(tale('end'))
    tale.end(tale('end'))
    tale.end(tale('q'))
