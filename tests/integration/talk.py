"""Conversations with a broker, each about one thing, to be held with two brokers and compared.

A conversation is a function that gets a Talk. What it says and everything it hears is written down,
line by line; test_differential.py holds every conversation with RabbitMQ and with Leveret and expects
the same transcripts. So nothing is asserted here: the other broker is the expectation.

    talk.ask('queue.declare', queue=talk('q'))    say it and hear up to its answer (or a close)
    talk.say('basic.ack', delivery_tag=1)         say it; nothing answers
    talk.hear()                                   the next message or method on the channel
    talk.operate('clear_policy', talk('p'))       what the operator does; the answer is written down too
    talk.note('both were there')                  what the conversation itself found out
    talk('q')                                     a name of this conversation's own

Names carry a random token, which the transcript shows as TOKEN; names made up by the server show as
amq.gen-1, amq.gen-2 ... and amq.ctag-1 ...

Where an answer depends on time or on who is quicker, a conversation waits for a fact (a message, a count, a name
that is gone), and what it waits with is not written down. A clock is a message or a queue that expires: what must have
happened before is compared with what cannot happen until long after.
"""
import random
import re

from differences import LATER_HEADERS
from patience import PATIENCE_S
from wire import (ANSWERS, FRAME_METHOD, WITH_CONTENT, Closed, ContentHeader, Peer, encode_method, eventually,
                  without_headers)

CONVERSATIONS = {}
WAITS_S = {}                                         # those that wait for a clock, and how long at least
ALONE = set()                                        # those that change what others would see


def conversation(function):
    conversation_named(function.__name__.replace('_', ' ').strip(), function)
    return function


def conversation_alone(function):
    conversation(function)
    ALONE.add(function.__name__.replace('_', ' ').strip())
    return function


def slow_conversation(waits_s):
    def register(function):
        conversation_named(function.__name__.replace('_', ' ').strip(), function, waits_s)
        return function
    return register


def conversation_named(name, function, waits_s=0):
    assert name not in CONVERSATIONS, name
    CONVERSATIONS[name] = function
    if waits_s:
        WAITS_S[name] = waits_s


class Over(Exception):
    """The connection is gone and the conversation wanted more of it; that is written down."""


class Talk:
    def __init__(self, broker, operator):
        self.address = broker.address
        self.operator = operator
        self.token = ''.join(random.choice('bcdfghjkmnpqrstvwxz') for _ in range(8))
        self.lines = []
        self.peers = {}
        self.gone = set()
        self.header = None                           # the content header last heard
        self.channels = {}                           # of each peer, those open, as far as we know

    def __call__(self, name):
        return f'{self.token}.{name}'

    # the connections

    def connect(self, who='a', **how):
        """A connection by this name; 'a' is opened by itself when first spoken to."""
        try:
            peer = Peer(self.address, patience_s=PATIENCE_S, **how)
        except Closed:
            self.write_down(who, 'closed in the handshake')
            self.gone.add(who)
            raise Over from None
        self.peers[who] = peer
        self.channels[who] = {1} if how.get('upto', 'channel') == 'channel' else set()
        return peer

    def peer(self, who):
        if who in self.gone:
            raise Over
        return self.peers[who] if who in self.peers else self.connect(who)

    # speaking

    def say(self, name, who='a', channel=1, **arguments):
        peer = self.peer(who)
        payload = encode_method(name, **arguments)
        self.write_down(who, f'> {channel} {name} {arguments}')
        peer.frame(FRAME_METHOD, channel, payload)

    def frame(self, kind, channel, payload=b'', end=b'\xce', who='a'):
        peer = self.peer(who)
        self.write_down(who, f'> frame {kind} on {channel}, {len(payload)} octets {payload[:64]!r} {end!r}')
        peer.frame(kind, channel, payload, end)

    def publish(self, exchange='', routing_key='', body=b'', properties=b'\0\0', who='a', channel=1, **flags):
        peer = self.peer(who)
        body = body.encode() if isinstance(body, str) else body
        self.write_down(who, f'> {channel} basic.publish {exchange!r} {routing_key!r} {len(body)} octets {body[:40]!r} '
                             f'{properties} {flags}')
        peer.publish(channel, exchange, routing_key, body, properties, **flags)

    def publish_again(self, exchange, routing_key, body, who='a', channel=1):
        """Publishes with the properties last heard, octet for octet."""
        self.write_down(who, f'> {channel} basic.publish {exchange!r} {routing_key!r} with the properties last heard')
        self.peer(who).publish(channel, exchange, routing_key, body, self.header.octets[12:])

    # listening

    def hear(self, count=1, who='a', channel=1):
        """That many methods, each with its content; a close ends it early."""
        for _ in range(count):
            if self.hear_one(who, channel)[1]:
                return

    def ask(self, name, who='a', channel=1, **arguments):
        """Says it and hears everything up to the answer. Returns the answer, None when it was refused."""
        self.say(name, who, channel, **arguments)
        if name in ('channel.open',):
            self.channels[who].add(channel)
        return self.hear_up_to(ANSWERS.get(name, name + '-ok'), who, channel)

    def hear_facts(self, hide=(), who='a', channel=1, name='basic.deliver', among=None):
        """The next message without its octets: what differs from broker to broker (a header's value, or a property's)
        is hidden. With among, messages it says no to are passed over."""
        while True:
            message = self.content(who, channel, name)
            if among is None or among(message):
                break
        properties = self.facts(message.properties, hide)
        self.write_down(who, f'< {message.method.name} {message.method.arguments.get("exchange")!r} '
                             f'{message.method.arguments.get("routing_key")!r} {properties} {message.body[:64]!r}')
        return message

    def content(self, who, channel, name='basic.deliver'):
        """The next message, not written down; without it the conversation is over."""
        try:
            return self.peer(who).content(channel, name)
        except (AssertionError, Closed) as silence:
            self.write_down(who, f'silence: {silence!r}')
            raise Over from None

    def facts(self, value, hide):
        if isinstance(value, tuple) and isinstance(value[1], (dict, list)):
            return self.facts(value[1], hide)
        if isinstance(value, dict):
            return {key: (item[0] if isinstance(item, tuple) else '...') if key in hide else self.facts(item, hide)
                    for key, item in value.items()}
        if isinstance(value, list):
            return [self.facts(item, hide) for item in value]
        return value

    def hear_up_to(self, names, who='a', channel=1):
        names = names if isinstance(names, tuple) else (names,)
        while True:
            method, is_over = self.hear_one(who, channel)
            if is_over or method.name in names:
                if method and method.name == 'channel.close-ok':
                    self.channels[who].discard(channel)
                return None if is_over else method

    def hear_end(self, who='a', channel=1):
        """What comes until the channel or the connection is closed."""
        while not self.hear_one(who, channel)[1]:
            pass

    def hear_one(self, who, channel):
        """One method with its content; and whether the channel or the connection is over with it."""
        peer = self.peer(who)
        method = self.take(who, peer, channel)
        if method is None:
            return None, True
        if method.name == 'connection.close':
            peer.send(0, 'connection.close-ok')
            while self.take(who, peer, None) is not None:
                pass
            return None, True
        if method.name == 'channel.close':
            peer.send(method.channel, 'channel.close-ok')
            self.channels[who].discard(method.channel)
            return None, True
        if method.name in WITH_CONTENT:
            header = self.take(who, peer, method.channel)
            self.header = header or self.header
            missing = header.size if header else 0
            while missing > 0:
                body = self.take(who, peer, method.channel)
                if body is None:
                    break
                missing -= len(body.payload)
        return method, False

    def take(self, who, peer, channel):
        """One frame, written down; None for the end."""
        try:
            frame = peer.next(channel)
        except Closed:
            self.write_down(who, 'closed')
            self.gone.add(who)
            return None
        except AssertionError as silence:
            self.write_down(who, f'silence: {silence}')
            self.gone.add(who)
            return None
        if isinstance(frame, ContentHeader):
            self.write_down(who, f'< {self.comparable(frame)!r}')
        else:
            self.write_down(who, f'< {frame!r}')
        return frame

    @staticmethod
    def comparable(header):
        try:
            return ContentHeader(header.channel, header.octets[:12] + without_headers(header.octets[12:], LATER_HEADERS))
        except ValueError:                           # what does not decode has none of them
            return header

    def leave(self, who='a'):
        """Drops the socket, whether or not the other side has."""
        self.peers[who].drop()
        self.gone.add(who)

    def wait_for_ready(self, count, queue, who='a', channel=1):
        """Until the queue has so many ready messages: RabbitMQ requeues a little after it has answered."""
        peer = self.peer(who)

        def ready():
            return peer.declare(queue, channel, passive=True).message_count == count
        self.wait_until(ready, who, f'{count} ready in {queue}')

    def wait_until_gone(self, queue):
        """Until the queue is gone. Asking by a declare would use it, so this asks by binding it."""
        with Peer(self.address, patience_s=PATIENCE_S) as peer:
            def gone():
                peer.send(1, 'queue.bind', queue=queue, exchange='amq.direct', routing_key='nobody uses this one')
                return peer.expect(('queue.bind-ok', 'channel.close'), 1).name == 'channel.close'
            self.wait_until(gone, 'a', f'{queue} is gone')

    def wait_until(self, question, who, what):
        """Until the answer is true. If it never is, that is written down and the conversation over."""
        try:
            eventually(question)
        except AssertionError:
            self.write_down(who, f'waits in vain: {what}')
            raise Over from None

    # the operator, and what the conversation itself found out

    def operate(self, verb, *words, **how):
        """What rabbitmqctl or leveretctl is told, and whether it was refused."""
        self.write_down('operator', f'> {verb} {words} {how}')
        self.write_down('operator', f'< {self.operator.do(verb, *words, **how)}')

    def note_whether_ready(self, count, queue, within_s, who='a', channel=1):
        """For what one broker never does: whether the queue ever has so many ready messages."""
        peer = self.peer(who)
        try:
            eventually(lambda: peer.declare(queue, channel, passive=True).message_count == count, within_s)
            self.note(f'{queue} has {count}')
        except AssertionError:
            self.note(f'{queue} never has {count}')

    def note(self, text):
        self.write_down('note', text)

    # the transcript

    def write_down(self, who, line):
        line = line.replace(self.token, 'TOKEN').replace(self.token.encode().hex(), b'<TOKEN>'.hex())
        self.lines.append(f'{who} {line}')

    def transcript(self):
        known = {}

        def number(match):
            same = known.setdefault(match.group(1), {})
            return f'{match.group(1)}-{same.setdefault(match.group(0), len(same) + 1)}'

        lines = [re.sub(r'(amq\.rabbitmq\.reply-to\.)[A-Za-z0-9+/=._-]+', r'\1NAME', line) for line in self.lines]
        return [re.sub(r'(amq\.gen|amq\.ctag)-[A-Za-z0-9_-]{22}(?![A-Za-z0-9_-])', number, line) for line in lines]

    def finish(self):
        """Asks every open channel for one more answer, so that what was still owed is heard."""
        for who, peer in self.peers.items():
            for channel in sorted(self.channels[who]):
                if who not in self.gone and channel in self.channels[who]:
                    self.ask('basic.qos', who, channel)
        for who, peer in self.peers.items():
            peer.drop()


def hold(name, broker, operator):
    """Holds the conversation and returns its transcript."""
    talk = Talk(broker, operator)
    try:
        CONVERSATIONS[name](talk)
        talk.finish()
    except Over:
        talk.lines.append('over')
    finally:
        for peer in talk.peers.values():
            peer.drop()
    return talk.transcript()


# --- what many conversations say ------------------------------------------------------------------

def asks(name, **arguments):
    """One request; names that begin with % are the conversation's own."""
    def own(talk, value):
        if isinstance(value, str):
            return talk(value[1:]) if value.startswith('%') else value
        if isinstance(value, dict):
            return {key: own(talk, item) for key, item in value.items()}
        return value

    def hold_it(talk):
        talk.ask(name, **{key: own(talk, value) for key, value in arguments.items()})
    return hold_it


def routed(talk, exchange, key, queues, properties=b'\0\0', body=b'm'):
    """Publishes, and writes down which queues got it, and that they got it once."""
    talk.publish(exchange, key, body, properties, mandatory=True)
    talk.ask('basic.qos')
    for queue in queues:
        talk.ask('basic.get', queue=talk(queue), no_ack=True)
        talk.ask('basic.get', queue=talk(queue), no_ack=True)


def topology(talk, kind, bindings):
    """A queue per binding, bound so. Returns the queues' names."""
    talk.ask('exchange.declare', exchange=talk('x'), type=kind, auto_delete=True)
    for at, binding in enumerate(bindings):
        key, arguments = binding if isinstance(binding, tuple) else (binding, {})
        talk.ask('queue.declare', queue=talk(f'q{at}'), exclusive=True)
        talk.ask('queue.bind', queue=talk(f'q{at}'), exchange=talk('x'), routing_key=key, arguments=arguments)
    return [f'q{at}' for at in range(len(bindings))]


def with_queue(talk, *bodies, **flags):
    talk.ask('queue.declare', queue=talk('q'), **(flags or {'exclusive': True}))
    talk.ask('confirm.select')
    for body in bodies:
        talk.publish('', talk('q'), body)
        talk.hear()
    return talk('q')
