"""The clients of the scene: an application that publishes and consumes, a consumer that keeps messages in its hands, and the port
through which the application reaches whichever broker is the one in service."""
import collections
import itertools
import socket
import threading

import pika

from estate import connect

PUBLISHED_EVERY_S = 0.02                              # a pace, not a wait
TURN_S = 0.2                                          # how soon a client notices that it is to stop
RETRY_S = 0.2


class Relay:
    """A port that leads to a broker, like a load balancer. switch() cuts its connections, and leads to another one from then on."""

    def __init__(self, target):
        self.target = target
        self.listener = socket.create_server(('127.0.0.1', 0))
        self.port = self.listener.getsockname()[1]
        self.lock, self.sockets = threading.Lock(), set()
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return                                # closed
            threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def serve(self, client):
        with self.lock:
            try:
                server = socket.create_connection(('127.0.0.1', self.target.port))
            except OSError:
                client.close()
                return
            self.sockets |= {client, server}
        threading.Thread(target=self.copy, args=(server, client), daemon=True).start()
        self.copy(client, server)

    def copy(self, source, destination):
        try:
            while octets := source.recv(65536):
                destination.sendall(octets)
        except OSError:
            pass
        for one in (source, destination):
            self.cut(one)

    def cut(self, one):
        try:
            one.shutdown(socket.SHUT_RDWR)            # whoever reads from it hears
        except OSError:
            pass
        with self.lock:
            self.sockets.discard(one)

    def switch(self, target):
        with self.lock:
            self.target, sockets = target, list(self.sockets)
        for one in sockets:
            self.cut(one)

    def close(self):
        self.listener.close()
        self.switch(self.target)


class Client:
    """A thread that connects, works, and connects again whenever its connection is lost, until it is stopped."""

    def __init__(self):
        self.stopping = threading.Event()
        self.error = None                             # a fault of our own
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            try:
                with self.connect() as connection:
                    self.work(connection.channel())
            except (pika.exceptions.AMQPError, OSError):
                self.stopping.wait(RETRY_S)
            except BaseException as error:
                self.error = error
                raise

    def stop(self):
        self.stopping.set()
        self.thread.join()
        assert self.error is None, self.error


class Publisher(Client):
    """Publishes numbered messages through the relay, each of them until it is confirmed."""

    def __init__(self, relay, queue, run):
        self.relay, self.queue, self.run_name = relay, queue, run
        self.numbers, self.pending = itertools.count(), None
        self.confirmed = collections.defaultdict(list)     # ids, by the broker that the relay led to
        super().__init__()

    def connect(self):
        return connect(None, self.queue.vhost, 'alice', port=self.relay.port)

    def work(self, channel):
        channel.confirm_delivery()
        while not self.stopping.wait(PUBLISHED_EVERY_S):
            if self.pending is None:
                self.pending = f'{self.run_name}:{next(self.numbers)}'
            channel.basic_publish('orders', f'{self.queue.name}.new', self.pending.encode(),
                                  pika.BasicProperties(delivery_mode=2, message_id=self.pending), mandatory=True)
            self.confirmed[self.relay.target].append(self.pending)
            self.pending = None


class Consumer(Client):
    """Consumes through the relay, one message after the other, and acknowledges."""

    def __init__(self, relay, queue):
        self.relay, self.queue = relay, queue
        self.taken = collections.defaultdict(list)         # ids, by the broker that the relay led to
        super().__init__()

    def connect(self):
        return connect(None, self.queue.vhost, 'alice', port=self.relay.port)

    def work(self, channel):
        channel.basic_qos(prefetch_count=1)
        for method, properties, _ in channel.consume(self.queue.name, inactivity_timeout=TURN_S):
            if method is not None:
                channel.basic_ack(method.delivery_tag)
                self.taken[self.relay.target].append(properties.message_id)
            if self.stopping.is_set():
                return


class Holder(Client):
    """Takes messages of some queues of one vhost, and acknowledges none. They come back when it is stopped."""
    PREFETCH = 50

    def __init__(self, broker, vhost, queues):
        self.broker, self.vhost, self.queues = broker, vhost, queues
        self.ever = {queue: set() for queue in queues}     # ids that were in its hands
        self.now = {queue: [] for queue in queues}
        super().__init__()

    def connect(self):
        return connect(self.broker, self.vhost)

    def work(self, channel):
        connection = channel.connection
        for queue in self.queues:
            self.now[queue] = []
            own = connection.channel()
            own.basic_qos(prefetch_count=self.PREFETCH)

            def take(_channel, _method, properties, _body, queue=queue):
                self.ever[queue].add(properties.message_id)
                self.now[queue].append(properties.message_id)
            own.basic_consume(queue.name, take)
        while not self.stopping.is_set():
            connection.process_data_events(time_limit=TURN_S)

    def has_all(self):
        """Whether its hands are full."""
        return all(len(self.now[queue]) == min(self.PREFETCH, queue.count) for queue in self.queues)
