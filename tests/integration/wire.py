"""An AMQP 0-9-1 peer that says exactly what it is told and hides nothing it hears.

A client library protects its user from mistakes; these tests are about the mistakes, so they need a
client that makes them. This one has three layers:

  values    encode_table(), decode_table(), encode_properties(), decode_properties()
  frames    encode_method(), decode_method(), with one row per method in METHODS
  Peer      a socket, a handshake that stops where asked, send(), call(), next(), content()

A field value is written as a plain Python value (str, int, bool, float, None, bytes, dict, list, whose
kinds on the wire are S, I or l, t, d, V, x, F, A) or, to choose the kind, as a pair like ('s', -7).
What is read back is always pairs, because two brokers that differ in a kind do differ; plain() forgets
the kinds.
"""
import socket
import struct
import time
import zlib

from patience import PATIENCE_S

HEADER = b'AMQP\x00\x00\x09\x01'
FRAME_METHOD, FRAME_HEADER, FRAME_BODY, FRAME_HEARTBEAT = 1, 2, 3, 8
END = b'\xce'

# One row per method: its ids, its name, its arguments in order as NAME:KIND (KIND "bit" packs).
METHODS = {}
BY_NAME = {}
for _row in '''
10 10 connection.start version_major:octet version_minor:octet server_properties:table mechanisms:longstr locales:longstr
10 11 connection.start-ok client_properties:table mechanism:shortstr response:longstr locale:shortstr
10 20 connection.secure challenge:longstr
10 21 connection.secure-ok response:longstr
10 30 connection.tune channel_max:short frame_max:long heartbeat:short
10 31 connection.tune-ok channel_max:short frame_max:long heartbeat:short
10 40 connection.open virtual_host:shortstr reserved_1:shortstr reserved_2:bit
10 41 connection.open-ok known_hosts:shortstr
10 50 connection.close reply_code:short reply_text:shortstr class_id:short method_id:short
10 51 connection.close-ok
10 60 connection.blocked reason:shortstr
10 61 connection.unblocked
10 70 connection.update-secret new_secret:longstr reason:shortstr
10 71 connection.update-secret-ok
20 10 channel.open out_of_band:shortstr
20 11 channel.open-ok channel_id:longstr
20 20 channel.flow active:bit
20 21 channel.flow-ok active:bit
20 40 channel.close reply_code:short reply_text:shortstr class_id:short method_id:short
20 41 channel.close-ok
30 10 access.request realm:shortstr exclusive:bit passive:bit active:bit write:bit read:bit
30 11 access.request-ok ticket:short
40 10 exchange.declare ticket:short exchange:shortstr type:shortstr passive:bit durable:bit auto_delete:bit internal:bit nowait:bit arguments:table
40 11 exchange.declare-ok
40 20 exchange.delete ticket:short exchange:shortstr if_unused:bit nowait:bit
40 21 exchange.delete-ok
40 30 exchange.bind ticket:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table
40 31 exchange.bind-ok
40 40 exchange.unbind ticket:short destination:shortstr source:shortstr routing_key:shortstr nowait:bit arguments:table
40 51 exchange.unbind-ok
50 10 queue.declare ticket:short queue:shortstr passive:bit durable:bit exclusive:bit auto_delete:bit nowait:bit arguments:table
50 11 queue.declare-ok queue:shortstr message_count:long consumer_count:long
50 20 queue.bind ticket:short queue:shortstr exchange:shortstr routing_key:shortstr nowait:bit arguments:table
50 21 queue.bind-ok
50 30 queue.purge ticket:short queue:shortstr nowait:bit
50 31 queue.purge-ok message_count:long
50 40 queue.delete ticket:short queue:shortstr if_unused:bit if_empty:bit nowait:bit
50 41 queue.delete-ok message_count:long
50 50 queue.unbind ticket:short queue:shortstr exchange:shortstr routing_key:shortstr arguments:table
50 51 queue.unbind-ok
60 10 basic.qos prefetch_size:long prefetch_count:short global_:bit
60 11 basic.qos-ok
60 20 basic.consume ticket:short queue:shortstr consumer_tag:shortstr no_local:bit no_ack:bit exclusive:bit nowait:bit arguments:table
60 21 basic.consume-ok consumer_tag:shortstr
60 30 basic.cancel consumer_tag:shortstr nowait:bit
60 31 basic.cancel-ok consumer_tag:shortstr
60 40 basic.publish ticket:short exchange:shortstr routing_key:shortstr mandatory:bit immediate:bit
60 50 basic.return reply_code:short reply_text:shortstr exchange:shortstr routing_key:shortstr
60 60 basic.deliver consumer_tag:shortstr delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr
60 70 basic.get ticket:short queue:shortstr no_ack:bit
60 71 basic.get-ok delivery_tag:longlong redelivered:bit exchange:shortstr routing_key:shortstr message_count:long
60 72 basic.get-empty cluster_id:shortstr
60 80 basic.ack delivery_tag:longlong multiple:bit
60 90 basic.reject delivery_tag:longlong requeue:bit
60 100 basic.recover-async requeue:bit
60 110 basic.recover requeue:bit
60 111 basic.recover-ok
60 120 basic.nack delivery_tag:longlong multiple:bit requeue:bit
85 10 confirm.select nowait:bit
85 11 confirm.select-ok
90 10 tx.select
90 11 tx.select-ok
90 20 tx.commit
90 21 tx.commit-ok
90 30 tx.rollback
90 31 tx.rollback-ok
'''.strip().splitlines():
    _class, _id, _name, *_fields = _row.split()
    _fields = [tuple(field.split(':')) for field in _fields]
    METHODS[int(_class), int(_id)] = (_name, _fields)
    BY_NAME[_name] = (int(_class), int(_id), _fields)

WITH_CONTENT = {'basic.publish', 'basic.return', 'basic.deliver', 'basic.get-ok'}
# The answer to a request, where it is not the request's name and "-ok".
ANSWERS = {'basic.get': ('basic.get-ok', 'basic.get-empty')}

# The fourteen properties, highest flag bit first.
PROPERTIES = [('content_type', 'shortstr'), ('content_encoding', 'shortstr'), ('headers', 'table'),
              ('delivery_mode', 'octet'), ('priority', 'octet'), ('correlation_id', 'shortstr'),
              ('reply_to', 'shortstr'), ('expiration', 'shortstr'), ('message_id', 'shortstr'),
              ('timestamp', 'longlong'), ('type', 'shortstr'), ('user_id', 'shortstr'),
              ('app_id', 'shortstr'), ('cluster_id', 'shortstr')]

NUMBERS = {'octet': '>B', 'short': '>H', 'long': '>I', 'longlong': '>Q'}
FIXED = {'b': '>b', 'B': '>B', 's': '>h', 'u': '>H', 'I': '>i', 'i': '>I', 'l': '>q', 'f': '>f', 'd': '>d', 'T': '>Q'}


class Closed(Exception):
    """The other side closed the socket, or reset it."""


# --- values ---------------------------------------------------------------------------------------

def shortstr(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return bytes([len(octets)]) + octets


def longstr(text):
    octets = text if isinstance(text, bytes) else text.encode()
    return struct.pack('>I', len(octets)) + octets


def encode_value(value):
    if isinstance(value, tuple):
        kind, value = value
    elif isinstance(value, bool):
        kind = 't'
    elif isinstance(value, int):
        kind = 'I' if -2**31 <= value < 2**31 else 'l'
    else:
        kind = {str: 'S', float: 'd', type(None): 'V', bytes: 'x', dict: 'F', list: 'A'}[type(value)]
    tag = kind.encode()
    if kind == 't':
        return tag + (b'\x01' if value else b'\x00')
    if kind == 'V':
        return tag
    if kind in FIXED:
        return tag + struct.pack(FIXED[kind], value)
    if kind == 'D':                                  # (places after the point, digits)
        return tag + struct.pack('>BI', *value)
    if kind in 'Sx':
        return tag + longstr(value)
    if kind == 'F':
        return tag + encode_table(value)
    if kind == 'A':
        return tag + longstr(b''.join(encode_value(item) for item in value))
    raise ValueError(f'no field kind {kind!r}')


def encode_table(table):
    if isinstance(table, bytes):                     # already encoded, or deliberately wrong
        return table
    return longstr(b''.join(shortstr(key) + encode_value(value) for key, value in table.items()))


class Reader:
    def __init__(self, octets):
        self.octets, self.at = octets, 0

    def take(self, size):
        if self.at + size > len(self.octets):
            raise ValueError(f'{size} octets wanted at {self.at} of {len(self.octets)}')
        self.at += size
        return self.octets[self.at - size:self.at]

    def number(self, form):
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def shortstr(self):
        return self.take(self.take(1)[0]).decode('utf-8', 'backslashreplace')

    def longstr(self):
        return self.take(self.number('>I'))

    def value(self):
        kind = self.take(1).decode('latin-1')
        if kind == 't':
            return kind, bool(self.take(1)[0])
        if kind == 'V':
            return kind, None
        if kind in FIXED:
            return kind, self.number(FIXED[kind])
        if kind == 'D':
            return kind, (self.number('>B'), self.number('>I'))
        if kind == 'S':
            return kind, self.longstr().decode('utf-8', 'backslashreplace')
        if kind == 'x':
            return kind, self.longstr()
        if kind == 'F':
            return kind, self.table()
        if kind == 'A':
            inner, items = Reader(self.longstr()), []
            while inner.at < len(inner.octets):
                items.append(inner.value())
            return kind, items
        raise ValueError(f'no field kind {kind!r}')

    def table(self):
        inner, table = Reader(self.longstr()), {}
        while inner.at < len(inner.octets):
            key = inner.shortstr()
            table[key] = inner.value()
        return table


def decode_table(octets):
    return Reader(octets).table()


def plain(value):
    """The same value without the kinds of its fields."""
    if isinstance(value, tuple):
        return plain(value[1]) if value[0] != 'D' else value[1]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value


def encode_properties(properties):
    if isinstance(properties, bytes):
        return properties
    unknown = set(properties) - {name for name, _ in PROPERTIES}
    assert not unknown, f'no such property: {unknown}'
    flags, fields = 0, b''
    for bit, (name, kind) in enumerate(PROPERTIES):
        if name in properties:
            flags |= 1 << (15 - bit)
            value = properties[name]
            fields += (shortstr(value) if kind == 'shortstr' else encode_table(value) if kind == 'table'
                       else struct.pack(NUMBERS[kind], value))
    return struct.pack('>H', flags) + fields


def decode_properties(octets):
    reader = Reader(octets)
    flags, properties = reader.number('>H'), {}
    for bit, (name, kind) in enumerate(PROPERTIES):
        if flags & 1 << (15 - bit):
            properties[name] = (reader.shortstr() if kind == 'shortstr' else reader.table() if kind == 'table'
                                else reader.number(NUMBERS[kind]))
    return properties


def without_headers(octets, names):
    """Properties without the fields of these names in the header table; all else octet for octet."""
    reader = Reader(octets)
    flags = reader.number('>H')
    for bit, (name, kind) in enumerate(PROPERTIES):
        if flags & 1 << (15 - bit) and name != 'headers':
            reader.shortstr() if kind == 'shortstr' else reader.number(NUMBERS[kind])
        elif name == 'headers':
            break
    if not flags & 1 << 13:
        return octets
    start, inner, kept = reader.at, Reader(reader.longstr()), b''
    while inner.at < len(inner.octets):
        field = inner.at
        name = inner.shortstr()
        inner.value()
        kept += b'' if name in names else inner.octets[field:inner.at]
    return octets[:start] + longstr(kept) + octets[reader.at:]


# --- frames ---------------------------------------------------------------------------------------

def encode_frame(kind, channel, payload, end=END):
    return struct.pack('>BHI', kind, channel, len(payload)) + payload + end


def encode_method(name, **arguments):
    """The payload of a method frame. Arguments left out are 0, '', False or {}."""
    class_id, method_id, fields = BY_NAME[name]
    unknown = set(arguments) - {field for field, _ in fields}
    assert not unknown, f'{name} has no {unknown}'
    out, bits, bit_count = struct.pack('>HH', class_id, method_id), 0, 0
    for field, kind in fields + [(None, None)]:
        if kind == 'bit':
            bits |= bool(arguments.get(field, False)) << bit_count
            bit_count += 1
            continue
        if bit_count:
            out, bits, bit_count = out + bytes([bits]), 0, 0
        if kind is None:
            break
        if kind in NUMBERS:
            out += struct.pack(NUMBERS[kind], arguments.get(field, 0))
        elif kind == 'table':
            out += encode_table(arguments.get(field, {}))
        else:
            out += (shortstr if kind == 'shortstr' else longstr)(arguments.get(field, ''))
    return out


def decode_method(payload):
    reader = Reader(payload)
    ids = reader.number('>H'), reader.number('>H')
    if ids not in METHODS:
        raise ValueError(f'no method {ids}')
    name, fields = METHODS[ids]
    arguments, bits, bit_count = {}, 0, 8
    for field, kind in fields:
        if kind == 'bit':
            if bit_count == 8:
                bits, bit_count = reader.number('>B'), 0
            arguments[field] = bool(bits >> bit_count & 1)
            bit_count += 1
            continue
        bit_count = 8
        if kind in NUMBERS:
            arguments[field] = reader.number(NUMBERS[kind])
        elif kind == 'table':
            arguments[field] = reader.table()
        elif kind == 'shortstr':
            arguments[field] = reader.shortstr()
        else:
            arguments[field] = reader.longstr().decode('utf-8', 'backslashreplace')
    assert reader.at == len(payload), f'{name} has {len(payload) - reader.at} octets too many'
    return name, arguments


def encode_beginning(channel, exchange, routing_key, size, properties=b'\0\0', **flags):
    """The frames of a message before those of its body, which will have this size."""
    return (encode_frame(FRAME_METHOD, channel, encode_method('basic.publish', exchange=exchange,
                                                              routing_key=routing_key, **flags))
            + encode_frame(FRAME_HEADER, channel, struct.pack('>HHQ', 60, 0, size) + encode_properties(properties)))


def encode_publish(channel, exchange, routing_key, body=b'', properties=b'\0\0', frame_max=131072, **flags):
    """All frames of one message, as a publisher sends them."""
    room = frame_max - 8
    frames = [encode_beginning(channel, exchange, routing_key, len(body), properties, **flags)]
    frames += [encode_frame(FRAME_BODY, channel, body[at:at + room]) for at in range(0, len(body), room)]
    return b''.join(frames)


class Method:
    """A method that came: .channel, .name, and each argument as an attribute."""

    def __init__(self, channel, payload):
        self.channel = channel
        self.name, self.arguments = decode_method(payload)
        self.__dict__.update(self.arguments)

    def __repr__(self):
        arguments = ' '.join(f'{key}={show(value)}' for key, value in self.arguments.items())
        return f'{self.channel} {self.name} {arguments}'.rstrip()


class ContentHeader:
    name = 'content-header'

    def __init__(self, channel, payload):
        self.channel, self.octets = channel, payload
        self.class_id, self.weight, self.size = struct.unpack_from('>HHQ', payload)
        self.properties = decode_properties(payload[12:])

    def __repr__(self):
        return f'{self.channel} content-header size={self.size} octets={self.octets.hex()} {show(self.properties)}'


class Body:
    name = 'content-body'

    def __init__(self, channel, payload):
        self.channel, self.payload = channel, payload

    def __repr__(self):
        if len(self.payload) <= 64:
            return f'{self.channel} content-body {len(self.payload)} {self.payload!r}'
        return (f'{self.channel} content-body {len(self.payload)} {self.payload[:32]!r} ... '
                f'crc32 {zlib.crc32(self.payload):08x}')


class Heartbeat:
    name = 'heartbeat'

    def __init__(self, channel, payload):
        self.channel, self.payload = channel, payload

    def __repr__(self):
        return f'{self.channel} heartbeat'


KINDS = {FRAME_METHOD: Method, FRAME_HEADER: ContentHeader, FRAME_BODY: Body, FRAME_HEARTBEAT: Heartbeat}


def show(value):
    """A value in one line, with the kinds of table fields: {a: S'x', b: I 5}."""
    if isinstance(value, dict):
        return '{' + ', '.join(f'{key}: {show(item)}' for key, item in value.items()) + '}'
    if isinstance(value, list):
        return '[' + ', '.join(show(item) for item in value) + ']'
    if isinstance(value, tuple):
        return f'{value[0]} {show(value[1])}' if isinstance(value[0], str) else repr(value)
    return repr(value)


class Message:
    """A delivered, gotten or returned message: its method, properties, header octets and body."""

    def __init__(self, method, header, body, frame_sizes):
        self.method, self.header, self.body, self.frame_sizes = method, header, body, frame_sizes
        self.name, self.channel = method.name, method.channel
        self.properties = header.properties

    def __repr__(self):
        return f'{self.method!r} / {self.header!r} / {len(self.body)} octets {self.body[:40]!r}'


# --- a peer ---------------------------------------------------------------------------------------

CAPABILITIES = {'authentication_failure_close': True, 'basic.nack': True, 'connection.blocked': True,
                'consumer_cancel_notify': True, 'publisher_confirms': True, 'exchange_exchange_bindings': True}
STEPS = ['connected', 'header', 'start-ok', 'tuned', 'open', 'channel']


class Peer:
    """A connection, taken through its handshake up to a step of STEPS:

    connected   nothing sent yet        header   connection.start has come (.start)
    start-ok    start-ok sent           tuned    tune has come (.tune), tune-ok sent
    open        open-ok has come        channel  channel 1 is open (what most tests want)
    """

    def __init__(self, address, upto='channel', vhost='/', user='guest', password='guest', mechanism='PLAIN',
                 response=None, capabilities=None, properties=None, header=HEADER, locale='en_US',
                 channel_max=2047, frame_max=131072, heartbeat=0, patience_s=PATIENCE_S, receive_buffer=None,
                 connected=None):
        self.patience_s = patience_s
        self.received = bytearray()
        self.waiting = []                            # frames taken off the wire while looking for another
        self.frame_max = frame_max
        self.skip_heartbeats = True
        if connected:                                # a socket of the test's own, with TLS perhaps
            self.socket = connected
        elif receive_buffer:                         # a small window, for a peer that reads slowly
            self.socket = socket.socket()
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
            self.socket.settimeout(patience_s)
            self.socket.connect(address)
        else:
            self.socket = socket.create_connection(address, patience_s)
        if self.socket.family != socket.AF_UNIX:
            self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if upto == 'connected':
            return
        self.write(header)
        self.start = self.expect('connection.start', 0)
        if upto == 'header':
            return
        if properties is None:
            properties = {'product': 'wire.py',
                          'capabilities': CAPABILITIES if capabilities is None else capabilities}
        if response is None:
            response = f'\0{user}\0{password}'
        self.send(0, 'connection.start-ok', client_properties=properties, mechanism=mechanism,
                  response=response, locale=locale)
        if upto == 'start-ok':
            return
        self.tune = self.expect('connection.tune', 0)
        self.send(0, 'connection.tune-ok', channel_max=channel_max, frame_max=frame_max, heartbeat=heartbeat)
        if upto == 'tuned':
            return
        self.call(0, 'connection.open', virtual_host=vhost)
        if upto == 'channel':
            self.open_channel(1)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.drop()

    # speaking

    def write(self, octets):
        try:
            self.socket.sendall(octets)
        except (BrokenPipeError, ConnectionResetError):
            pass                                     # what it said before closing is still to be read

    def write_until_held_up(self, octets, times):
        """Whether the broker stopped reading before all was written."""
        self.socket.settimeout(3)
        try:
            for _ in range(times):
                self.socket.sendall(octets)
        except TimeoutError:
            return True
        finally:
            self.socket.settimeout(self.patience_s)
        return False

    def frame(self, kind, channel, payload=b'', end=END):
        self.write(encode_frame(kind, channel, payload, end))

    def send(self, channel, name, **arguments):
        self.frame(FRAME_METHOD, channel, encode_method(name, **arguments))

    def call(self, channel, name, **arguments):
        """Sends a request and takes its answer, which must be the next frame on the channel."""
        self.send(channel, name, **arguments)
        return self.expect(ANSWERS.get(name, name + '-ok'), channel)

    def open_channel(self, channel):
        return self.call(channel, 'channel.open')

    def publish(self, channel=1, exchange='', routing_key='', body=b'', properties=b'\0\0', **flags):
        body = body.encode() if isinstance(body, str) else body
        self.write(encode_publish(channel, exchange, routing_key, body, properties, self.frame_max, **flags))

    def declare(self, queue='', channel=1, **flags):
        return self.call(channel, 'queue.declare', queue=queue, **flags)

    def get(self, queue, channel=1, no_ack=True):
        """The queue's next message, or None."""
        self.send(channel, 'basic.get', queue=queue, no_ack=no_ack)
        answer = self.content(channel, ANSWERS['basic.get'])
        return answer if answer.name == 'basic.get-ok' else None

    # listening

    def fill(self):
        try:
            octets = self.socket.recv(1 << 18)
        except ConnectionResetError:
            raise Closed('reset') from None
        except socket.timeout:
            raise AssertionError(f'nothing came for {self.patience_s} s; unread: {bytes(self.received[:100])!r}, '
                                 f'set aside: {self.waiting}') from None
        if not octets:
            raise Closed(f'closed, after {bytes(self.received[:100])!r}' if self.received else 'closed')
        self.received += octets

    def octets(self, size):
        while len(self.received) < size:
            self.fill()
        taken = bytes(self.received[:size])
        del self.received[:size]
        return taken

    def raw_frame(self):
        kind, channel, size = struct.unpack('>BHI', self.octets(7))
        payload = self.octets(size)
        end = self.octets(1)
        assert end == END, f'frame ends with {end!r}'
        return KINDS[kind](channel, payload)

    def next(self, channel=None):
        """The next frame (on this channel; those of others are kept). Heartbeats are passed over."""
        for at, frame in enumerate(self.waiting):
            if channel in (None, frame.channel):
                return self.waiting.pop(at)
        while True:
            frame = self.raw_frame()
            if isinstance(frame, Heartbeat) and self.skip_heartbeats:
                continue
            # A connection's close interrupts whoever waits for a channel.
            if channel in (None, frame.channel) or frame.name == 'connection.close':
                return frame
            self.waiting.append(frame)

    def expect(self, name, channel=None):
        frame = self.next(channel)
        names = name if isinstance(name, tuple) else (name,)
        assert frame.name in names and channel in (None, frame.channel), \
            f'expected {" or ".join(names)} on {channel}, got {frame!r}'
        return frame

    def content(self, channel=None, name='basic.deliver'):
        """The next message, whole. A name that carries no content comes back as its method."""
        method = self.expect(name, channel)
        if method.name not in WITH_CONTENT:
            return method
        header = self.expect('content-header', method.channel)
        pieces, missing = [], header.size
        while missing > 0:
            pieces.append(self.expect('content-body', method.channel).payload)
            missing -= len(pieces[-1])
        assert missing == 0, f'{-missing} octets of body too many'
        return Message(method, header, b''.join(pieces), [len(piece) for piece in pieces])

    def contents(self, count, channel=None, name='basic.deliver'):
        return [self.content(channel, name) for _ in range(count)]

    def expect_channel_close(self, code, text, channel=1, method=None):
        """The channel's close, with these words, is answered, so the number is free again."""
        close = self.expect('channel.close', channel)
        assert (close.reply_code, close.reply_text) == (code, text), f'{close!r}'
        if method:
            assert (close.class_id, close.method_id) == BY_NAME[method][:2], f'{close!r} blames another method'
        self.send(channel, 'channel.close-ok')
        return close

    def expect_connection_close(self, code, text, method=None):
        """The connection's close, with these words, is answered, and the socket is closed."""
        close = self.expect('connection.close', 0)
        assert (close.reply_code, close.reply_text) == (code, text), f'{close!r}'
        if method is not None:
            blamed = BY_NAME[method][:2] if method else (0, 0)
            assert (close.class_id, close.method_id) == blamed, f'{close!r} blames another method'
        self.send(0, 'connection.close-ok')
        self.expect_closed()
        return close

    def expect_closed(self, within_s=None):
        """The socket is closed and not one frame came before."""
        if within_s is not None:
            self.socket.settimeout(within_s)
        try:
            frame = self.next()
        except Closed:
            return
        raise AssertionError(f'expected the socket to be closed, got {frame!r}')

    def nothing_more(self, channel=1):
        """Nothing was on its way: a request's answer is the next thing that comes.

        Other queues' homes may answer later than the channel does, so this proves that nothing was
        owed when the request was handled, not that nothing ever comes."""
        self.call(channel, 'channel.flow', active=True)

    # leaving

    def close(self):
        """The polite end: connection.close, its answer, the socket."""
        self.send(0, 'connection.close', reply_code=200, reply_text='bye')
        while self.next(0).name != 'connection.close-ok':
            pass
        self.drop()

    def drop(self):
        """The rude end."""
        self.socket.close()

    def reset(self):
        """The rudest end: RST."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
        self.socket.close()


def eventually(question, within_s=PATIENCE_S, every_s=0.02):
    """Asks until the answer is true, and returns it; fails with the last answer."""
    end = time.monotonic() + within_s
    while True:
        answer = question()
        if answer:
            return answer
        if time.monotonic() > end:
            raise AssertionError(f'not within {within_s} s: {getattr(question, "__doc__", None) or question}, '
                                 f'last answer {answer!r}')
        time.sleep(every_s)
