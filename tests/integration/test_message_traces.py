"""The lives of messages: who published them, where they went, what became of them."""
import json

import pika
import pytest

from http_client import Api, path
from patience import PATIENCE_S
from wire import eventually

pytestmark = pytest.mark.leveret


@pytest.fixture(scope='module')
def api(broker):
    return Api(broker)


@pytest.fixture
def connection(broker, name):
    made = pika.BlockingConnection(pika.ConnectionParameters(
        '127.0.0.1', broker.port, socket_timeout=PATIENCE_S, blocked_connection_timeout=PATIENCE_S,
        client_properties={'connection_name': name('connection')}))
    yield made
    if made.is_open:
        made.close()


@pytest.fixture
def channel(connection):
    made = connection.channel()
    made.confirm_delivery()
    return made


@pytest.fixture
def trace(api):
    """trace('queue', 'q') starts one, which is forgotten after the test."""
    started = []

    def start(kind, name, **more):
        answer = api.post('/message-traces', dict(vhost='/', kind=kind, name=name, seconds=600, **more))
        assert answer.status == 201, answer
        started.append(answer.json['id'])
        assert answer.headers['location'] == f'/api/message-traces/{started[-1]}'
        return Trace(api, started[-1])
    yield start
    for number in started:
        api.delete(path('message-traces', number))


class Trace:
    def __init__(self, api, number):
        self.api, self.path = api, path('message-traces', number)

    def facts(self):
        return self.api.get(self.path).json

    def messages(self):
        answer = self.api.get(self.path + '/messages')
        assert answer.status == 200, answer
        return answer.json

    def life(self, number):
        answer = self.api.get(f'{self.path}/messages/{number}')
        assert answer.status == 200, answer
        return answer.json

    def story(self, number):
        """The events; loops may see a confirm before or after what the queue does next, so it is left out."""
        return [event for event in self.life(number)['events'] if event['event'] != 'confirmed']

    def await_stories(self, *wanted):
        """Waits until the messages have had these events, in words: 'published routed queued'."""
        def stories():
            return [' '.join(event['event'] for event in self.story(message['number'])) for message in self.messages()]
        try:
            eventually(lambda: stories() == list(wanted))
        except AssertionError:
            assert stories() == list(wanted)
        return [self.story(message['number']) for message in self.messages()]


def receive(channel, queue, **more):
    """One delivery: (method, body)."""
    for method, _, body in channel.consume(queue, inactivity_timeout=PATIENCE_S, **more):
        assert method, 'nothing was delivered'
        return method, body


def test_a_message_is_followed_from_its_publish_to_its_ack(broker, api, connection, channel, trace, name):
    exchange, queue = name('x'), name('q')
    channel.exchange_declare(exchange, 'topic')
    channel.queue_declare(queue)
    channel.queue_bind(queue, exchange, 'order.#')
    followed = trace('exchange', exchange, payload_bytes=4)
    channel.basic_publish(exchange, 'order.new', b'payload', pika.BasicProperties(content_type='text/plain', delivery_mode=2, headers={'a': 1}))
    method, _ = receive(channel, queue)
    channel.basic_reject(method.delivery_tag, requeue=True)
    method, _ = receive(channel, queue)
    channel.basic_ack(method.delivery_tag)
    story, = followed.await_stories('published routed queued delivered requeued delivered acked')
    published, routed, queued, first, requeued, second, acked = story
    row, = [row for row in api.get('/connections').json if row.get('user_provided_name') == name('connection')]
    who = {'connection': row['name'], 'channel': 1, 'user': 'guest'}
    assert published == dict(at_us=0, event='published', exchange=exchange, routing_key='order.new', **who)
    assert (routed['queue'], routed['queues'], queued['queue']) == (queue, 1, queue)
    tag = method.consumer_tag
    for event in first, requeued, second, acked:
        assert {key: event[key] for key in ('queue', 'consumer_tag', *who)} == {'queue': queue, 'consumer_tag': tag, **who}
        assert event['position'] == queued['position']
    assert 'redelivered' not in first and second['redelivered'] is True
    times = [event['at_us'] for event in story]
    assert times == sorted(times) and times[-1] > 0
    message, = followed.messages()
    assert {key: message[key] for key in ('state', 'queue', 'queued', 'deliveries', 'redeliveries', 'dead_letters', 'payload_bytes', 'persistent')} == {
        'state': 'acked', 'queue': queue, 'queued': 0, 'deliveries': 2, 'redeliveries': 1, 'dead_letters': 0, 'payload_bytes': 7, 'persistent': True}
    life = followed.life(message['number'])
    assert life['message'] == message
    assert life['properties'] == {'content_type': 'text/plain', 'delivery_mode': 2, 'headers': {'a': 1}}
    assert (life['payload'], life['payload_encoding']) == ('payl', 'string')
    confirm, = [event for event in life['events'] if event['event'] == 'confirmed']
    assert (confirm['delivery_tag'], confirm['connection']) == (1, row['name'])


def test_dead_letters_are_followed_to_where_they_go(channel, trace, name):
    grave, queue = name('grave'), name('q')
    channel.queue_declare(grave)
    channel.queue_declare(queue, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave, 'x-max-length': 1})
    followed = trace('queue', queue)
    channel.basic_publish('', queue, b'rejected')
    method, _ = receive(channel, queue)
    channel.basic_reject(method.delivery_tag, requeue=False)
    channel.cancel()
    channel.basic_publish('', queue, b'too many')
    channel.basic_publish('', queue, b'expires', pika.BasicProperties(expiration='1'))
    stories = followed.await_stories(
        'published routed queued delivered rejected dead-lettered routed queued left',
        'published routed queued dead-lettered routed queued left',
        'published routed queued dead-lettered routed queued left')
    for story, reason in zip(stories, ('rejected', 'maxlen', 'expired')):
        dead, = [event for event in story if event['event'] == 'dead-lettered']
        assert (dead['queue'], dead['exchange'], dead['routing_key'], dead['reason']) == (queue, '', grave, reason)
        assert [event['queue'] for event in story if event['event'] == 'queued'] == [queue, grave]
    assert [(message['queued'], message['dead_letters']) for message in followed.messages()] == [(1, 1)] * 3


def test_what_nobody_gets_says_why(connection, channel, trace, name):
    queue, gone = name('q'), name('gone')
    channel.queue_declare(queue, arguments={'x-message-ttl': 60000, 'x-max-length': 1, 'x-overflow': 'reject-publish'})
    channel.queue_declare(gone)
    followed = trace('exchange', 'amq.default', routing_key=f'^({queue}|{gone}|{name("nowhere")})$')
    plain = connection.channel()
    plain.basic_publish('', name('nowhere'), b'')
    plain.basic_publish('', queue, b'expires', pika.BasicProperties(expiration='0'))
    plain.basic_publish('', queue, b'purged')
    plain.basic_publish('', queue, b'refused')
    plain.basic_publish('', gone, b'deleted')
    plain.queue_declare(queue, passive=True)
    plain.queue_purge(queue)
    plain.queue_delete(gone)
    stories = followed.await_stories(
        'published unroutable', 'published routed queued dropped', 'published routed queued purged', 'published routed refused',
        'published routed queued queue-deleted')
    assert stories[1][-1]['reason'] == 'expired'
    assert followed.facts()['matching'] == 5


def test_messages_that_a_queue_held_before_are_followed_from_their_delivery_on(channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    channel.basic_publish('', queue, b'before')
    channel.basic_publish('', queue, b'got before')
    followed = trace('queue', queue)
    channel.basic_publish('', queue, b'after')
    method, _ = receive(channel, queue, auto_ack=True)
    channel.cancel()
    eventually(lambda: len(followed.messages()) > 1)
    stories = [followed.story(message['number']) for message in followed.messages()]
    was_there = [story for story in stories if story[0].get('was_there')]
    assert was_there and was_there[0][0]['routing_key'] == queue
    assert was_there[0][1]['event'] == 'delivered' and was_there[0][1]['no_ack'] is True


def test_what_an_earlier_trace_has_followed_is_followed_by_a_later_one(api, channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    earlier = trace('queue', queue)
    for body in b'gets acked', b'comes back':
        channel.basic_publish('', queue, body)
    method, _, _ = channel.basic_get(queue)
    channel.basic_reject(method.delivery_tag, requeue=True)
    earlier.await_stories('published routed queued got requeued', 'published routed queued')
    api.post(earlier.path + '/stop')
    later = trace('queue', queue)
    for _ in range(2):
        method, _, _ = channel.basic_get(queue)
        channel.basic_ack(method.delivery_tag)
    stories = later.await_stories(*['published got acked'] * 2)
    assert [story[0]['was_there'] for story in stories] == [True, True]


def test_of_very_many_events_of_a_message_the_first_and_the_last_are_shown(channel, trace, name):
    queue, rounds = name('q'), 1001
    channel.queue_declare(queue)
    followed = trace('queue', queue)
    channel.basic_publish('', queue, b'')
    for _ in range(rounds):
        method, _, _ = channel.basic_get(queue)
        channel.basic_reject(method.delivery_tag, requeue=True)
    channel.basic_get(queue, auto_ack=True)
    eventually(lambda: [(message['state'], message['records']) for message in followed.messages()] == [('consumed', 2 * rounds + 5)])
    life = followed.life(followed.messages()[0]['number'])
    events = [event['event'] for event in life['events']]
    assert (len(events), life['omitted_events']) == (2000, 2 * rounds + 5 - 2000)
    assert events[:2] == ['published', 'routed'] and events[-2:] == ['requeued', 'got']
    times = [event['at_us'] for event in life['events']]
    assert times == sorted(times) and times[-1] == followed.messages()[0]['run_us']


def test_a_get_and_what_it_takes_is_seen(api, channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    followed = trace('queue', queue)
    for _ in range(2):
        channel.basic_publish('', queue, b'')
    method, _, _ = channel.basic_get(queue)
    channel.basic_ack(method.delivery_tag)
    channel.basic_get(queue, auto_ack=True)
    followed.await_stories('published routed queued got acked', 'published routed queued got')
    assert api.post(path('exchanges', '/', 'amq.default', 'publish'), {
        'properties': {}, 'routing_key': queue, 'payload': '', 'payload_encoding': 'string'}).json == {'routed': True}
    eventually(lambda: len(followed.messages()) == 3)
    assert followed.story(followed.messages()[-1]['number'])[0]['connection'] == 'HTTP API'


def test_the_limits_bound_what_a_trace_does(api, channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    followed = trace('queue', queue, one_in=2, messages=3)
    for _ in range(10):
        channel.basic_publish('', queue, b'x')
    eventually(lambda: followed.facts()['matching'] == 10)
    facts = followed.facts()
    assert {key: facts[key] for key in ('seen', 'matching', 'followed', 'overwritten', 'state', 'kind', 'name', 'user')} == {
        'seen': 10, 'matching': 10, 'followed': 3, 'overwritten': 0, 'state': 'running', 'kind': 'queue', 'name': queue,
        'user': 'guest'}
    assert 0 < facts['memory'] <= facts['memory_limit'] and 0 < facts['left_ms'] <= 600_000
    assert api.post(followed.path + '/stop').status == 204
    channel.basic_publish('', queue, b'x')
    facts = followed.facts()
    assert (facts['state'], facts['left_ms'], facts['seen'], len(followed.messages())) == ('ended', 0, 10, 3)
    page = api.get(followed.path + '/messages?page=1&page_size=2&sort=number&sort_reverse=true&columns=number,state').json
    assert (page['filtered_count'], len(page['items']), page['items'][0].keys()) == (3, 2, {'number', 'state'})
    assert api.delete(followed.path).status == 204
    assert api.get(followed.path).status == 404 == api.get(followed.path + '/messages').status


@pytest.mark.parametrize('change, status', [
    ({'kind': 'vhost'}, 400), ({'seconds': 601}, 400), ({'messages': 0}, 400), ({'one_in': 0}, 400), ({'memory': 1}, 400),
    ({'payload_bytes': 4097}, 400), ({'routing_key': '('}, 400), ({'name': 'nowhere'}, 404), ({'vhost': 'nowhere'}, 404),
    ({'kind': 'exchange', 'name': 'nowhere'}, 404)])
def test_a_trace_that_makes_no_sense_is_refused(api, channel, name, change, status):
    channel.queue_declare(name('q'))
    answer = api.post('/message-traces', {'vhost': '/', 'kind': 'queue', 'name': name('q'), **change})
    assert answer.status == status, answer


def test_who_may_trace_and_who_sees_payloads(broker, api, channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    followed = trace('queue', queue, payload_bytes=100)
    channel.basic_publish('', queue, b'secret')
    eventually(lambda: followed.messages() != [])
    one = f'{followed.path}/messages/{followed.messages()[0]["number"]}'
    assert api.get(one).json['payload'] == 'secret'
    broker.ctl('add_user', 'watcher', 'watcher')
    wish = {'vhost': '/', 'kind': 'queue', 'name': queue, 'payload_bytes': 1}
    try:
        broker.ctl('set_user_tags', 'watcher', 'management')
        broker.ctl('set_permissions', 'watcher', '', '', '')
        assert api.get('/message-traces', user='watcher').status == 401
        broker.ctl('set_user_tags', 'watcher', 'monitoring')
        seen = api.get(one, user='watcher')
        assert seen.status == 200 and 'payload' not in seen.json
        assert api.post('/message-traces', wish, user='watcher').status == 401
        broker.ctl('clear_permissions', 'watcher')
        assert api.get('/message-traces', user='watcher').json == []
        assert api.get(followed.path, user='watcher').status == 401
    finally:
        broker.ctl('delete_user', 'watcher')


def test_a_transaction_says_what_came_of_it(connection, channel, trace, name):
    queue = name('q')
    channel.queue_declare(queue)
    followed = trace('queue', queue)
    publisher = connection.channel()
    publisher.tx_select()
    publisher.basic_publish('', queue, b'committed')
    publisher.tx_commit()
    publisher.basic_publish('', queue, b'rolled back')
    publisher.tx_rollback()
    publisher.basic_publish('', queue, b'its channel closes')
    publisher.close()
    consumer = connection.channel()
    consumer.tx_select()
    method, _, _ = consumer.basic_get(queue)
    consumer.basic_ack(method.delivery_tag)
    consumer.tx_rollback()                           # it holds the message as before
    consumer.basic_nack(method.delivery_tag)
    consumer.tx_commit()
    method, _, _ = consumer.basic_get(queue)
    consumer.basic_ack(method.delivery_tag)
    consumer.tx_commit()
    followed.await_stories('published routed queued got requeued got acked', 'published routed rolled-back', 'published routed rolled-back')
    assert [(message['state'], message['queued']) for message in followed.messages()] == [('acked', 0), ('rolled-back', 0), ('rolled-back', 0)]


def test_messages_are_followed_through_alternate_exchanges_delays_and_retries(broker, channel, trace, name):
    queue, grave, alternate, exchange, delayed = (name(of) for of in ('q', 'grave', 'alternate', 'x', 'delayed'))
    channel.queue_declare(grave)
    channel.queue_declare(queue, arguments={'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave})
    channel.exchange_declare(alternate, 'fanout')
    channel.exchange_declare(exchange, 'direct', arguments={'alternate-exchange': alternate})
    channel.exchange_declare(delayed, 'x-delayed-message', arguments={'x-delayed-type': 'direct'})
    channel.queue_bind(queue, alternate)
    channel.queue_bind(queue, delayed, 'key')
    by_alternate, by_delay, at_alternate = (trace('exchange', of) for of in (exchange, delayed, alternate))

    channel.basic_publish(exchange, 'nobody', b'')
    method, _ = receive(channel, queue)
    channel.basic_ack(method.delivery_tag)
    story, = by_alternate.await_stories('published routed queued delivered acked')
    assert (story[0]['exchange'], story[1]['queue']) == (exchange, queue)
    assert at_alternate.facts()['seen'] == 0         # nothing was published to it

    channel.basic_publish(delayed, 'key', b'', pika.BasicProperties(headers={'x-delay': 20}))
    method, _ = receive(channel, queue)
    channel.basic_reject(method.delivery_tag, requeue=False)
    eventually(lambda: channel.queue_declare(grave, passive=True).method.message_count == 1)
    broker.ctl('retry_dead_letters', grave)
    method, _ = receive(channel, queue)
    channel.basic_ack(method.delivery_tag)
    # two queues tell what they did with it: the one that it has left, and the one where it is now
    wanted = 'published routed queued forwarded routed queued delivered rejected dead-lettered routed queued forwarded routed queued delivered acked'
    events = lambda: [event['event'] for event in by_delay.story(by_delay.messages()[0]['number'])]          # noqa: E731
    eventually(lambda: events().count('left') == 3 and 'acked' in events())
    story = [event for event in by_delay.story(by_delay.messages()[0]['number']) if event['event'] != 'left']
    assert ' '.join(event['event'] for event in story) == wanted
    assert [event['queue'] for event in story if event['event'] == 'queued'][1:] == [queue, grave, queue]
    message, = by_delay.messages()
    assert (message['state'], message['queued'], message['dead_letters']) == ('acked', 0, 1)


def test_messages_are_followed_through_priorities_and_quorum_queues(channel, trace, name):
    queue, grave, quorum = name('q'), name('grave'), name('quorum')
    channel.queue_declare(grave)
    channel.queue_declare(queue, arguments={'x-max-priority': 5})
    channel.queue_declare(quorum, durable=True, arguments={
        'x-queue-type': 'quorum', 'x-delivery-limit': 1, 'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': grave})
    for priority in 0, 5:
        channel.basic_publish('', queue, b'before', pika.BasicProperties(priority=priority))
    followed, of_quorum = trace('queue', queue), trace('queue', quorum)
    for priority in 1, 3:
        channel.basic_publish('', queue, b'', pika.BasicProperties(priority=priority))
    channel.basic_publish('', quorum, b'poison')
    for _ in range(4):
        method, _, _ = channel.basic_get(queue)
        channel.basic_ack(method.delivery_tag)
    for _ in range(2):
        method, _ = receive(channel, quorum)
        channel.basic_nack(method.delivery_tag)
    # Of those that were there before, only the one of the lowest priority is followed.
    _, _, held = followed.await_stories('published routed queued got acked', 'published routed queued got acked', 'published got acked')
    assert held[0]['was_there']
    story, = of_quorum.await_stories('published routed queued delivered requeued delivered requeued dead-lettered routed queued left')
    assert [event['reason'] for event in story if event['event'] == 'dead-lettered'] == ['delivery_limit']


def test_a_reply_is_followed_to_who_asked(connection, channel, trace, name):
    queue, answers = name('q'), []
    channel.queue_declare(queue)
    asking = connection.channel()
    asking.basic_consume('amq.rabbitmq.reply-to', lambda *answer: answers.append(answer), auto_ack=True)
    asking.basic_publish('', queue, b'', pika.BasicProperties(reply_to='amq.rabbitmq.reply-to'))
    _, request, _ = channel.basic_get(queue, auto_ack=True)
    followed = trace('exchange', 'amq.default', routing_key=f'^{request.reply_to.replace(".", "[.]")}$')
    channel.basic_publish('', request.reply_to, b'')
    story, = followed.await_stories('published routed delivered')
    assert (story[-1]['queue'], story[-1]['no_ack']) == (request.reply_to, True)
    assert followed.messages()[0]['state'] == 'consumed'


def test_messages_are_followed_through_the_disk_but_not_through_a_restart(own_broker):
    broker = own_broker()
    api, body, count = Api(broker), bytes(20_000), 640
    persistent = pika.BasicProperties(delivery_mode=2)

    def connect():
        return pika.BlockingConnection(pika.ConnectionParameters(
            '127.0.0.1', broker.port, socket_timeout=PATIENCE_S, blocked_connection_timeout=PATIENCE_S))

    def start():
        return Trace(api, api.post('/message-traces', {'vhost': '/', 'kind': 'queue', 'name': 'q', 'seconds': 600}).json['id'])
    connection = connect()
    channel = connection.channel()
    channel.queue_declare('q', durable=True)
    followed = start()
    for _ in range(count):
        channel.basic_publish('', 'q', body, persistent)
    eventually(lambda: channel.queue_declare('q', passive=True).method.message_count == count)

    def location():
        shown = broker.ctl('browse_queue', 'q', '--offset', str(count // 2), '--limit', '1', '--truncate', '1', '--formatter', 'json', 'location')
        return json.loads(shown.out)[0]['location']
    eventually(lambda: location() == 'disk')
    channel.basic_qos(prefetch_count=count)
    for _ in range(count):
        method, _ = receive(channel, 'q')
    channel.basic_ack(method.delivery_tag, multiple=True)
    channel.cancel()
    eventually(lambda: {message['state'] for message in followed.messages()} == {'acked'})
    of_disk = followed.story(followed.messages()[count // 2]['number'])
    assert [event['event'] for event in of_disk] == ['published', 'routed', 'queued', 'delivered', 'acked'] and len(followed.messages()) == count
    channel.basic_publish('', 'q', b'outlives the trace', persistent)
    connection.close()

    broker.restart()
    assert api.get('/message-traces').json == []
    followed = start()
    connection = connect()
    channel = connection.channel()
    channel.basic_get('q', auto_ack=True)
    story, = followed.await_stories('published got')
    assert story[0]['was_there']
    connection.close()
    broker.stop()
