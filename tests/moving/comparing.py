"""Compares what a broker has with what it must have: definitions, and the messages of every queue, one by one."""
import collections
import difflib
import json

import pika

from estate import SPREADING, USERS, connect
from http_client import Api
from patience import PATIENCE_S

# Of the definitions, what belongs to a broker and is not moved.
OWN_PARAMETERS = {'internal_cluster_id', 'cluster_name'}
HELPER_PREFIX = 'leveretctl.export_to.'               # docs/moving-over.md, "Back again"
FAULTS_SHOWN = 5
READ_AT_ONCE_MAX = 65535
TWICE_MAX = 1000                                      # docs/moving-over.md, "What is promised"


class Fault(Exception):
    """Something that must hold does not."""


# --- definitions ------------------------------------------------------------------------------------------

def definitions(broker):
    """As lines, sorted: one for each object. RabbitMQ 3.10 shows the descriptions of vhosts in their list alone."""
    api, lines = Api(broker), []
    for kind, objects in api.get('/definitions').json.items():
        for one in objects if isinstance(objects, list) and kind != 'vhosts' else ():
            if kind != 'global_parameters' or one['name'] not in OWN_PARAMETERS:
                lines.append(f'{kind} {json.dumps(one, sort_keys=True, ensure_ascii=False)}')
    lines += [f'vhosts {vhost["name"]}: {vhost["description"]} {vhost["tags"]}' for vhost in api.get('/vhosts').json]
    return sorted(lines)


def check_definitions(expected, broker):
    found = definitions(broker)
    difference = list(difflib.unified_diff(expected, found, 'expected', broker.name, n=0, lineterm=''))
    if difference:
        raise Fault('definitions differ:\n' + '\n'.join(difference))
    return len(found)


def check_logins(broker):
    """Each user can log in with the password of before, and with no other."""
    for user, (password, _, permissions) in USERS.items():
        connect(broker, next(iter(permissions)), user).close()
        try:
            connect(broker, next(iter(permissions)), user, password + 'x').close()
        except pika.exceptions.AMQPConnectionError:
            continue
        raise Fault(f'user {user} may log in with a wrong password')


# --- messages ---------------------------------------------------------------------------------------------

def plain(properties):
    """Without what a broker adds to a delivery, and without the time of a death, which nobody can foresee."""
    known = {name: value for name, value in vars(properties).items() if value is not None}
    headers = dict(known.get('headers') or {})
    headers.pop('x-delivery-count', None)
    if 'x-death' in headers:
        headers['x-death'] = [{name: value for name, value in death.items() if name != 'time'} for death in headers['x-death']]
    return {**known, 'headers': headers}


def check_message(queue, method, properties, body, is_back):
    """A message is the one that its id says, in all its parts. One that has come back may show the exchange of the move."""
    pool, _, number = properties.message_id.rpartition(':')
    expected = queue.message(int(number))
    exchange = expected.exchange if is_back and method.exchange.startswith(HELPER_PREFIX) else method.exchange
    seen = (exchange, method.routing_key, plain(properties), body)
    if pool != queue.pool or seen != tuple(expected):
        raise Fault(f'{queue}: {seen[:3]} {body[:40]} instead of {expected[:3]} {expected.body[:40]}')


def read_queue(connection, queue, is_back):
    """The ids of all messages that are ready, in the order in which a consumer gets them. They stay in the queue."""
    channel = connection.channel()
    channel.basic_qos(prefetch_count=READ_AT_ONCE_MAX)   # without one, RabbitMQ's quorum queues deliver 2,000
    count, ids = channel.queue_declare(queue.name, passive=True).method.message_count, []
    deliveries = channel.consume(queue.name, inactivity_timeout=PATIENCE_S)
    while len(ids) < count:
        method, properties, body = next(deliveries)
        if method is None:
            raise Fault(f'{queue}: {len(ids)} of {count} messages come, and no more')
        check_message(queue, method, properties, body, is_back)
        ids.append(properties.message_id)
    channel.close()                                   # they return
    return ids


def read_all(broker, estate, is_back=False):
    """{queue: ids}"""
    connections = {}
    try:
        for queue in estate.queues:
            if queue.vhost not in connections:
                connections[queue.vhost] = connect(broker, queue.vhost)
        return {queue: read_queue(connections[queue.vhost], queue, is_back) for queue in estate.queues}
    finally:
        for connection in connections.values():
            connection.close()


def first_of_each(ids):
    return list(dict.fromkeys(ids))


class Verdict:
    """How many messages are lost, are there twice, and have changed places; and which queues have any of these."""

    def __init__(self):
        self.messages = self.lost = self.disordered = 0
        self.twice = collections.Counter()            # by queue
        self.copies_max = 1                           # of one message
        self.faults = []

    def fault(self, text):
        self.faults.append(text)

    def judge(self, queue, expected, found, held=(), held_last=()):
        """`held` were in a consumer's hands: they come behind those that were not, the last of them in order."""
        self.messages += len(found)
        lost = set(expected) - set(found)
        if lost:
            self.lost += len(lost)
            self.fault(f'{queue}: {len(lost)} lost, among them {sorted(lost)[:3]}')
        self.check_order(queue, [one for one in expected if one not in held], [one for one in found if one not in held])
        last = set(held_last)
        self.check_order(queue, [one for one in expected if one in last], [one for one in found if one in last])
        self.count_twice(queue, expected, found)

    def judge_pool(self, queues, expected, found):
        """Queues that have the messages of an exchange between them."""
        together = [one for queue in queues for one in found[queue]]
        lost = set(expected) - set(together)
        self.messages += len(together)
        if lost:
            self.lost += len(lost)
            self.fault(f'{queues}: {len(lost)} lost')
        for queue in queues:
            own = set(found[queue])
            self.check_order(queue, [one for one in expected if one in own], found[queue])
        self.count_twice(queues[0], expected, together)

    def check_order(self, queue, expected, found):
        expected, found = first_of_each(expected), first_of_each(found)
        kept = set(found)
        wanted = [one for one in expected if one in kept]
        moved = sum(one != other for one, other in zip(wanted, found))
        if moved:
            self.disordered += moved
            at = next(n for n, (one, other) in enumerate(zip(wanted, found)) if one != other)
            self.fault(f'{queue}: {moved} out of order, the first at {at}: {found[at:at + 3]} instead of {wanted[at:at + 3]}')

    def count_twice(self, queue, expected, found):
        more = (len(found) - len(set(found))) - (len(expected) - len(set(expected)))
        if more > 0:
            self.twice[queue] += more
            self.copies_max = max(self.copies_max, *collections.Counter(found).values())

    def check(self, kills, source_forgets):
        """Of messages that come twice, there are for each kill at most 1,000, of one queue. Where the broker that gives forgets
        acknowledgements when it is killed, each kill may bring any message once more, but no more often."""
        if source_forgets:
            is_too_much = self.copies_max > 1 + kills
        else:
            is_too_much = len(self.twice) > kills or any(more > TWICE_MAX for more in self.twice.values())
        if is_too_much:
            self.fault(f'too many come twice after {kills} kills: {dict(self.twice)}, one {self.copies_max} times')
        if self.faults:
            raise Fault('\n'.join(self.faults[:FAULTS_SHOWN]))

    def __str__(self):
        return f'{self.messages} messages, lost {self.lost}, twice {sum(self.twice.values())}, out of order {self.disordered}'


def judge_all(estate, expected, found, holder):
    """Of all queues but the one that the application uses."""
    verdict = Verdict()
    for queue in estate.queues:
        if queue is estate.live:
            continue
        pool = [one for one in estate.queues if one.pool == queue.pool and queue.pool in SPREADING]
        if pool and expected[queue] is None:
            if queue is pool[0]:
                verdict.judge_pool(pool, queue.ids(), found)
        else:
            verdict.judge(queue, expected[queue], found[queue], holder.ever.get(queue, ()), holder.now.get(queue, ()))
    return verdict
