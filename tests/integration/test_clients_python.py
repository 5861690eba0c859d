"""pika, py-amqp and kombu: what their users do, through their own eyes."""
import socket
import threading
import time

import amqp
import kombu
import pika
import pytest
from kombu.pools import producers

from patience import PATIENCE_S
from wire import eventually


@pytest.fixture
def pika_channel(broker):
    connection = pika.BlockingConnection(pika.URLParameters(broker.url))
    yield connection.channel()
    if connection.is_open:
        connection.close()


@pytest.fixture
def amqp_channel(broker):
    with amqp.Connection(f'127.0.0.1:{broker.port}', connect_timeout=PATIENCE_S) as connection:
        yield connection.channel()


@pytest.fixture
def kombu_connection(broker):
    with kombu.Connection(broker.url, connect_timeout=PATIENCE_S) as connection:
        yield connection


# --- pika -----------------------------------------------------------------------------------------

def test_pika_publishes_and_consumes_as_in_the_tutorial(pika_channel, name):
    pika_channel.queue_declare(name('q'), durable=True)
    for number in range(10):
        pika_channel.basic_publish('', name('q'), f'{number}', pika.BasicProperties(delivery_mode=2, headers={'n': number}))
    bodies = []
    for method, properties, body in pika_channel.consume(name('q'), inactivity_timeout=PATIENCE_S):
        bodies.append((int(body), properties.headers['n']))
        pika_channel.basic_ack(method.delivery_tag)
        if len(bodies) == 10:
            break
    assert bodies == [(number, number) for number in range(10)]
    assert pika_channel.cancel() == 0
    pika_channel.queue_delete(name('q'))


def test_pika_confirms_and_unroutable_messages(pika_channel, name):
    pika_channel.confirm_delivery()
    pika_channel.queue_declare(name('q'), exclusive=True)
    pika_channel.basic_publish('', name('q'), 'm', mandatory=True)
    with pytest.raises(pika.exceptions.UnroutableError):
        pika_channel.basic_publish('', name('nowhere'), 'm', mandatory=True)
    assert pika_channel.queue_declare(name('q'), passive=True).method.message_count == 1


def test_pika_sees_channel_errors_as_they_are(pika_channel, name):
    with pytest.raises(pika.exceptions.ChannelClosedByBroker) as closed:
        pika_channel.queue_declare(name('none'), passive=True)
    assert closed.value.reply_code == 404
    again = pika_channel.connection.channel()
    again.queue_declare(name('q'), exclusive=True)


def test_pika_sees_a_refused_login(broker):
    with pytest.raises(pika.exceptions.ProbableAuthenticationError):
        pika.BlockingConnection(pika.ConnectionParameters(
            '127.0.0.1', broker.port, credentials=pika.PlainCredentials('guest', 'wrong')))


def test_pika_sees_a_missing_vhost(broker):
    with pytest.raises(pika.exceptions.ProbableAccessDeniedError):
        pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', broker.port, virtual_host='nowhere'))


def test_pika_asks_and_answers_over_a_reply_queue(broker, pika_channel, name):
    """The tutorial's remote procedure call."""
    ready = threading.Event()

    def serve():
        connection = pika.BlockingConnection(pika.URLParameters(broker.url))
        channel = connection.channel()
        channel.queue_declare(name('rpc'), auto_delete=True)
        channel.basic_qos(prefetch_count=1)

        def answer(channel, method, properties, body):
            channel.basic_publish('', properties.reply_to, str(int(body) ** 2),
                                  pika.BasicProperties(correlation_id=properties.correlation_id))
            channel.basic_ack(method.delivery_tag)
            if int(body) == 9:
                channel.stop_consuming()
        channel.basic_consume(name('rpc'), answer)
        ready.set()
        channel.start_consuming()
        connection.close()

    server = threading.Thread(target=serve, daemon=True)
    server.start()
    assert ready.wait(PATIENCE_S)
    reply_to = pika_channel.queue_declare('', exclusive=True).method.queue
    for number in range(10):
        pika_channel.basic_publish('', name('rpc'), str(number),
                                   pika.BasicProperties(reply_to=reply_to, correlation_id=str(number)))
    answers = {}
    for method, properties, body in pika_channel.consume(reply_to, auto_ack=True, inactivity_timeout=PATIENCE_S):
        answers[int(properties.correlation_id)] = int(body)
        if len(answers) == 10:
            break
    assert answers == {number: number ** 2 for number in range(10)}
    server.join(30)
    assert not server.is_alive()


def test_pika_transactions(pika_channel, name):
    pika_channel.queue_declare(name('q'), exclusive=True)
    pika_channel.tx_select()
    pika_channel.basic_publish('', name('q'), 'kept')
    pika_channel.tx_commit()
    pika_channel.basic_publish('', name('q'), 'dropped')
    pika_channel.tx_rollback()
    assert pika_channel.queue_declare(name('q'), passive=True).method.message_count == 1


# --- py-amqp --------------------------------------------------------------------------------------

def test_py_amqp_does_everything_in_turn(amqp_channel, name):
    channel, received = amqp_channel, []
    channel.exchange_declare(name('x'), 'topic', auto_delete=True)
    queue, messages, consumers = channel.queue_declare(exclusive=True)
    assert (messages, consumers) == (0, 0)
    channel.queue_bind(queue, name('x'), 'a.*')
    channel.basic_qos(0, 10, False)
    channel.basic_consume(queue, callback=received.append)
    for number in range(20):
        channel.basic_publish(amqp.Message(f'{number}', content_type='text/plain', application_headers={'n': number}),
                              name('x'), f'a.{number}')
    while len(received) < 10:
        channel.connection.drain_events(timeout=PATIENCE_S)
    for message in received[:]:
        channel.basic_ack(message.delivery_tag)
    while len(received) < 20:
        channel.connection.drain_events(timeout=PATIENCE_S)
    assert [message.headers['n'] for message in received] == list(range(20))
    channel.basic_reject(received[-1].delivery_tag, requeue=True)
    while len(received) < 21:
        channel.connection.drain_events(timeout=PATIENCE_S)
    assert received[-1].delivery_info['redelivered']
    channel.queue_unbind(queue, name('x'), 'a.*')
    channel.queue_purge(queue)


def test_py_amqp_waits_for_confirms(broker, name):
    with amqp.Connection(f'127.0.0.1:{broker.port}', confirm_publish=True) as connection:
        channel = connection.channel()
        channel.queue_declare(name('q'), exclusive=True)
        for number in range(20):
            channel.basic_publish_confirm(amqp.Message(str(number)), routing_key=name('q'))
        assert channel.queue_declare(name('q'), passive=True).message_count == 20


def test_py_amqp_raises_what_the_broker_says(amqp_channel, name):
    with pytest.raises(amqp.exceptions.NotFound) as missing:
        amqp_channel.queue_declare(name('none'), passive=True)
    assert f"no queue '{name('none')}' in vhost '/'" in str(missing.value)


def test_py_amqp_heartbeats_pass(broker):
    with amqp.Connection(f'127.0.0.1:{broker.port}', heartbeat=1) as connection:
        begin, beats = time.monotonic(), 0
        while time.monotonic() - begin < 3.5:
            connection.heartbeat_tick()
            try:
                connection.drain_events(timeout=0.25)
            except socket.timeout:
                beats += 1
        connection.channel().queue_declare(exclusive=True)
    assert beats


# --- kombu ----------------------------------------------------------------------------------------

def test_kombu_sees_rabbitmq_and_its_qos(kombu_connection):
    kombu_connection.connect()
    properties = kombu_connection.connection.server_properties
    assert properties['product'] == 'RabbitMQ' and properties['version'].startswith('3.1')
    assert kombu_connection.qos_semantics_matches_spec is False


def test_kombu_passes_objects_through_a_simple_queue(kombu_connection, name):
    queue = kombu_connection.SimpleQueue(name('q'), queue_opts={'durable': False, 'auto_delete': True})
    for payload in ({'a': [1, 2.5, None, 'ü']}, list(range(1000)), 'x' * 300000):
        queue.put(payload, serializer='json', compression='zlib')
        message = queue.get(timeout=PATIENCE_S)
        assert message.payload == payload
        message.ack()
    assert queue.qsize() == 0
    queue.close()


@pytest.mark.parametrize('kind', ['direct', 'topic', 'fanout', 'headers'])
def test_kombu_routes_through_an_exchange(kombu_connection, name, kind):
    exchange = kombu.Exchange(name('x'), kind, auto_delete=True, durable=False)
    arguments = {'x-match': 'any', 'colour': 'blue'} if kind == 'headers' else None
    queue = kombu.Queue(name('q'), exchange, routing_key='a.b', exclusive=True, binding_arguments=arguments)
    received = []
    with kombu_connection.Consumer(queue, callbacks=[lambda body, message: (received.append(body), message.ack())]):
        with kombu_connection.Producer() as producer:
            producer.publish({'n': 1}, exchange=exchange, routing_key='a.b', headers={'colour': 'blue'}, retry=True)
            producer.publish({'n': 2}, exchange=exchange, routing_key='c', headers={'colour': 'red'})
        while not received:
            kombu_connection.drain_events(timeout=PATIENCE_S)
    assert received[0] == {'n': 1}


def test_kombu_pools_publish_from_many_threads(broker, kombu_connection, name):
    queue = kombu.Queue(name('q'), auto_delete=True, durable=False)(kombu_connection)
    queue.declare()

    def publish(who):
        with producers[kombu.Connection(broker.url)].acquire(block=True) as producer:
            for number in range(20):
                producer.publish({'who': who, 'n': number}, routing_key=name('q'))

    threads = [threading.Thread(target=publish, args=(who,)) for who in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    eventually(lambda: queue.queue_declare(passive=True).message_count == 100)
    queue.delete()
    kombu.pools.reset()


def test_kombu_survives_a_restart_of_the_broker(own_broker):
    own = own_broker()
    queue = kombu.Queue('q', kombu.Exchange('x', 'direct', durable=True), 'k', durable=True)
    with kombu.Connection(own.url) as connection:
        queue(connection).declare()
        producer = connection.Producer()
        own.restart()
        producer.publish({'after': True}, exchange='x', routing_key='k', retry=True, declare=[queue],
                         retry_policy={'interval_start': 0.1, 'interval_step': 0.1, 'max_retries': 100})
    with kombu.Connection(own.url) as connection:
        message = eventually(lambda: queue(connection).get(no_ack=True))
        assert message.payload == {'after': True}
