"""What the RabbitMQ of the scene has: users, vhosts, exchanges, queues of every kind, and numbered messages in them.

    estate = Estate(queues=200, messages=100_000)
    estate.build(rabbit)
    estate.fill(rabbit)

Queue.message(n) is a pure function: the n-th message that a queue must hold. What is read from a broker later is compared with it.
Queues of one pool share the messages of an exchange that spreads them, so only together they hold all."""
import collections

import pika

from http_client import Api, path
from wire import eventually

ROOT, MAIL, SHOP = VHOSTS = '/', 'mail/eu', 'shop'    # as the names are sorted, so are they moved
DAY_MS = 86_400_000
BIG_BYTES, SMALL_BYTES = 1_000_000, 100
PRIORITIES = 5
QUEUES_MIN, DEEP_MIN = 50, 4000

USERS = {                                             # name: (password, tags, {vhost: (configure, write, read)})
    'guest': ('guest', 'administrator', {vhost: ('.*', '.*', '.*') for vhost in VHOSTS}),
    'alice': ('wonder land', '', {SHOP: ('^$', '.*', '.*')}),
    'bob': ('bäcker', 'monitoring', {MAIL: ('^bob', '', '.*'), SHOP: ('', '', '')}),
    'carol': ('"quoted"', 'policymaker,management', {ROOT: ('.*', '.*', '.*')}),
}

# What a queue is declared with, by its kind.
KINDS = {
    'plain': {},
    'quorum': {'x-queue-type': 'quorum'},
    'lazy': {'x-queue-mode': 'lazy'},
    'priority': {'x-max-priority': 9},
    'ttl': {'x-message-ttl': DAY_MS},
    'bounded': {'x-max-length': 1_000_000, 'x-overflow': 'reject-publish'},
    'dead': {},                                       # its messages have died in the queue `dying`
    'expires': {'x-expires': DAY_MS},
    'single': {'x-single-active-consumer': True},
    'rejecting': {'x-dead-letter-exchange': 'orders', 'x-dead-letter-routing-key': 'rejected'},
}
DEEP = (('deep-1', ROOT, 'quorum'), ('deep-2', ROOT, 'plain'), ('deep-3', MAIL, 'plain'), ('deep-4', SHOP, 'quorum'))
SPREADING = ('x-consistent-hash', 'x-random', 'x-modulus-hash')
ROUTES = ('', 'straight', 'orders', 'heads', 'entry', 'front')

Message = collections.namedtuple('Message', 'exchange key properties body')


class Queue:
    def __init__(self, name, vhost, kind, count=0, pool=None, exchange=None, is_big=False):
        self.name, self.vhost, self.kind, self.count = name, vhost, kind, count
        self.pool = pool or name                      # message ids begin with it
        self.exchange = exchange                      # the only one that it is filled by
        self.is_big = is_big                          # has a message of 1 MB

    @property
    def share(self):
        """How many messages there are for each queue of the pool, on average."""
        return self.count // 2 if self.pool in SPREADING else self.count

    @property
    def arguments(self):
        return {'x-message-ttl': 1, 'x-dead-letter-exchange': 'orders'} if self.kind == 'dying' else KINDS[self.kind]

    def __repr__(self):
        return f"queue '{self.name}' in vhost '{self.vhost}'"

    def ids(self):
        """Of all messages, in the order in which consumers get them."""
        numbers = range(self.count)
        if self.kind == 'priority':
            numbers = sorted(numbers, key=lambda n: (-(n % PRIORITIES), n))
        return [f'{self.pool}:{n}' for n in numbers]

    def message(self, n):
        """The n-th message, as consumers must see it."""
        exchange = self.exchange if self.exchange is not None else ROUTES[n % len(ROUTES)]
        if self.kind == 'dead':
            exchange = 'orders'
        key = f'{self.name}.{n}' if exchange in ('orders', 'entry') else self.pool
        if exchange in SPREADING:
            key = f'key {n}'
        properties = {'message_id': f'{self.pool}:{n}', 'delivery_mode': 2, 'headers': {'n': n}}
        if n % 3 == 0:
            properties.update(content_type='text/plain', content_encoding='identity', correlation_id=f'c{n}', reply_to='answers',
                              type='order', app_id='scene', timestamp=1_600_000_000 + n, user_id='guest')
            properties['headers'].update({'list': [1, 'two', {'three': 3}], 'none': None, 'yes': True, 'text': 'ü' * (n % 7)})
        if exchange == 'heads':
            properties['headers']['queue'] = self.name
        if self.kind == 'priority':
            properties['priority'] = n % PRIORITIES
        if self.kind == 'ttl' or n % 11 == 0:
            properties['expiration'] = str(DAY_MS // 2)
        if self.kind == 'dead':
            properties.pop('expiration', None)
            properties['headers'].update(self.death(key))
        size = BIG_BYTES if self.is_big and n == self.count // 2 else SMALL_BYTES
        return Message(exchange, key, properties, f'{self.pool} {n} '.encode().ljust(size, b'.'))

    @staticmethod
    def death(key):
        return {'x-death': [{'count': 1, 'reason': 'expired', 'queue': 'dying', 'exchange': 'to-die', 'routing-keys': [key]}],
                'x-first-death-exchange': 'to-die', 'x-first-death-queue': 'dying', 'x-first-death-reason': 'expired'}


class Estate:
    def __init__(self, queues, messages):
        assert queues >= QUEUES_MIN, f'at least {QUEUES_MIN} queues'
        self.queues = [Queue('dying', vhost, 'dying') for vhost in VHOSTS]
        deep = max(DEEP_MIN, messages // 25)
        self.deep = [Queue(name, vhost, kind, deep) for name, vhost, kind in DEEP]
        specials = 3 + len(DEEP) + 1 + 2 * len(SPREADING) + 3
        each = max(10, (messages - deep * len(DEEP)) // (queues - 3 - len(DEEP)))
        self.live = Queue('live', SHOP, 'plain', each)
        self.queues += [*self.deep, self.live]
        for kind in SPREADING:
            self.queues += [Queue(f'{kind}-{n}', ROOT, 'plain', 2 * each, pool=kind, exchange=kind) for n in (1, 2)]
        self.queues += [Queue(f'everywhere-{n}', MAIL, 'plain', each, pool='everywhere', exchange='everywhere') for n in (1, 2)]
        self.queues += [Queue('recent', MAIL, 'plain', each, exchange='recent')]
        kinds = list(KINDS)
        for n in range(queues - specials):
            kind = kinds[n % len(kinds)]
            self.queues.append(Queue(f'{kind}-{n:03}', VHOSTS[n % len(VHOSTS)], kind, each, is_big=n % 7 == 0))
        self.queues.sort(key=lambda queue: (queue.vhost, queue.name))

    def total(self):
        """How many messages the queues hold together."""
        return sum(queue.share for queue in self.queues)

    def ordinary(self, kind, vhost):
        """A queue of this kind."""
        return next(queue for queue in self.queues if queue.vhost == vhost and queue.name.startswith(f'{kind}-'))

    # --- definitions ------------------------------------------------------------------------------------

    def build(self, rabbit):
        """Declares everything but messages."""
        api = Api(rabbit)

        def put(*parts, body):
            answer = api.put(path(*parts), body)
            assert answer.status in (201, 204), (parts, answer)
        for vhost in VHOSTS:
            put('vhosts', vhost, body={'description': f'vhost {vhost}', 'tags': 'scene'})
        for user, (password, tags, permissions) in USERS.items():
            put('users', user, body={'password': password, 'tags': tags})
            for vhost, (configure, write, read) in permissions.items():
                put('permissions', vhost, user, body={'configure': configure, 'write': write, 'read': read})
        put('topic-permissions', SHOP, 'alice', body={'exchange': 'orders', 'write': '^live', 'read': '.*'})
        put('user-limits', 'bob', 'max-connections', body={'value': 7})
        put('vhost-limits', SHOP, 'max-queues', body={'value': 1000})
        put('vhost-limits', SHOP, 'max-connections', body={'value': 500})
        put('global-parameters', 'region', body={'value': {'name': 'eu', 'numbers': [1, 2]}})
        for vhost in VHOSTS:
            put('policies', vhost, 'long', body={'pattern': '^plain', 'definition': {'max-length': 2_000_000}, 'priority': 3,
                                                 'apply-to': 'queues'})
            put('policies', vhost, 'other', body={'pattern': '^entry$', 'definition': {'alternate-exchange': 'everywhere'},
                                                  'apply-to': 'exchanges'})
            put('operator-policies', vhost, 'ceiling', body={'pattern': '.*', 'definition': {'max-length-bytes': 10 ** 12},
                                                             'apply-to': 'queues'})
            with connect(rabbit, vhost) as connection:
                self.declare(connection.channel(), vhost)

    def declare(self, channel, vhost):
        for name, kind, arguments in (('straight', 'direct', {}), ('orders', 'topic', {}), ('heads', 'headers', {}),
                                      ('entry', 'topic', {}), ('everywhere', 'fanout', {}), ('to-die', 'fanout', {}),
                                      ('front', 'direct', {'alternate-exchange': 'straight'}),
                                      ('recent', 'x-recent-history', {'x-recent-history-length': 3}),
                                      *((kind, kind, {}) for kind in SPREADING)):
            channel.exchange_declare(name, kind, durable=True, arguments=arguments)
        channel.exchange_declare('inner', 'direct', durable=True, internal=True, auto_delete=False)
        channel.exchange_bind('orders', 'entry', '#')
        channel.exchange_bind('inner', 'straight', 'inner')
        for queue in self.queues:
            if queue.vhost != vhost:
                continue
            channel.queue_declare(queue.name, durable=True, arguments=queue.arguments)
            if queue.kind == 'dying':
                channel.queue_bind(queue.name, 'to-die')
            elif queue.exchange is not None:
                channel.queue_bind(queue.name, queue.exchange, '1' if queue.exchange == 'x-consistent-hash' else '')
            else:
                channel.queue_bind(queue.name, 'straight', queue.name)
                channel.queue_bind(queue.name, 'orders', f'{queue.name}.#')
                channel.queue_bind(queue.name, 'heads', '', {'x-match': 'all', 'queue': queue.name})

    # --- messages ---------------------------------------------------------------------------------------

    def fill(self, rabbit):
        """Publishes all messages, and waits until the queues hold them."""
        for vhost in VHOSTS:
            published = set()                         # pools
            with connect(rabbit, vhost) as connection:
                channel = connection.channel()
                channel.tx_select()                   # pika awaits confirms one by one
                for queue in self.queues:
                    if queue.vhost != vhost or queue.pool in published:
                        continue
                    published.add(queue.pool)
                    for n in range(queue.count):
                        publish(channel, queue, n)
                    channel.tx_commit()

                def is_full():
                    return self.count(channel, vhost) == sum(queue.share for queue in self.queues if queue.vhost == vhost)
                eventually(is_full)

    def count(self, channel, vhost):
        return sum(channel.queue_declare(queue.name, passive=True).method.message_count
                   for queue in self.queues if queue.vhost == vhost)


def publish(channel, queue, n):
    message = queue.message(n)
    properties, exchange = dict(message.properties), message.exchange
    if queue.kind == 'dead':
        exchange = 'to-die'
        properties['headers'] = {name: value for name, value in properties['headers'].items() if 'death' not in name}
    channel.basic_publish(exchange, message.key, message.body, pika.BasicProperties(**properties))


def connect(broker, vhost='/', user='guest', password=None, port=None):
    """To a broker, or to another port that leads to one."""
    credentials = pika.PlainCredentials(user, password if password is not None else USERS[user][0])
    return pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', port or broker.port, vhost, credentials, heartbeat=0))
