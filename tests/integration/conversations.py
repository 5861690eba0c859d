"""Conversations about the protocol: handshake, frames, channels, exchanges, queues, settling, publishing. What a
conversation is, says talk.py."""
import struct

from patience import PATIENCE_S
from talk import asks, conversation, conversation_named, routed, topology, with_queue
from wire import (CAPABILITIES, FRAME_BODY, FRAME_HEADER, FRAME_HEARTBEAT, FRAME_METHOD, HEADER, Closed, Peer, encode_frame,
                  encode_method, encode_properties, shortstr)


# --- the handshake --------------------------------------------------------------------------------

def header_of(octets):
    def hold_it(talk):
        peer = Peer(talk.address, upto='connected', patience_s=PATIENCE_S)
        peer.write(octets)
        answer = b''
        try:
            while len(answer) < 9 and not answer.startswith(b'\x01'):
                answer += peer.octets(1)
            talk.lines.append(f'answered {answer!r}')
        except Closed:
            talk.lines.append(f'answered {answer!r}, closed')
        peer.drop()
    return hold_it


for _octets in (HEADER, b'AMQP\x01\x01\x00\x09', b'AMQP\x01\x01\x08\x00', b'AMQP\x01\x01\x09\x01', b'AMQP\x00\x00\x09\x00',
                b'AMQP\x00\x01\x00\x00', b'AMQP\x03\x01\x00\x00', b'AMQP\x02\x01\x00\x00', b'HTTP/1.1', b'GET / HT',
                b'\0\0\0\0\0\0\0\0', b'amqp\x00\x00\x09\x01'):
    conversation_named(f'protocol header {_octets!r}', header_of(_octets))


@conversation
def connection_start_and_tune(talk):
    peer = talk.connect(upto='tuned')
    talk.write_down('a', f'< {peer.start!r}')
    talk.write_down('a', f'< {peer.tune!r}')
    talk.say('connection.open', channel=0, virtual_host='/')
    talk.hear_up_to('connection.open-ok', channel=0)


def start_ok(**how):
    def hold_it(talk):
        talk.connect(upto='start-ok', **how)
        talk.hear_end(channel=0) if how.pop('refused', False) else talk.hear_up_to('connection.tune', channel=0)
    return hold_it


for _name, _how in {
        'wrong password': dict(password='wrong'),
        'no such user': dict(user='nobody'),
        'empty user and password': dict(user='', password=''),
        'empty password': dict(password=''),
        'wrong password without capability': dict(password='wrong', capabilities={}),
        'wrong password with capability false': dict(password='wrong',
                                                     capabilities={'authentication_failure_close': False}),
        'mechanism EXTERNAL': dict(mechanism='EXTERNAL', response=''),
        'mechanism in lower case': dict(mechanism='plain'),
        'mechanism unheard of': dict(mechanism='FLUTE'),
        'PLAIN without zeros': dict(response='guest guest'),
        'PLAIN with an authorization identity': dict(response='other\0guest\0guest'),
        'PLAIN with zeros in the password': dict(response='\0guest\0gue\0st'),
        'PLAIN empty': dict(response=''),
        'AMQPLAIN': dict(mechanism='AMQPLAIN', response=shortstr('LOGIN') + b'S\0\0\0\5guest'
                         + shortstr('PASSWORD') + b'S\0\0\0\5guest'),
        'AMQPLAIN in the other order': dict(mechanism='AMQPLAIN', response=shortstr('PASSWORD') + b'S\0\0\0\5guest'
                                            + shortstr('LOGIN') + b'S\0\0\0\5guest'),
        'AMQPLAIN with wrong password': dict(mechanism='AMQPLAIN', response=shortstr('LOGIN') + b'S\0\0\0\5guest'
                                             + shortstr('PASSWORD') + b'S\0\0\0\5wrong'),
        'AMQPLAIN without login': dict(mechanism='AMQPLAIN', response=shortstr('PASSWORD') + b'S\0\0\0\5guest'),
        'AMQPLAIN empty': dict(mechanism='AMQPLAIN', response=''),
        'another locale': dict(locale='de_DE'),
        'empty locale': dict(locale=''),
        'no client properties': dict(properties={}),
        'many client properties': dict(properties={'connection_name': 'me', 'deep': {'a': [1, {'b': None}]},
                                                   'capabilities': CAPABILITIES, 'n': ('l', 5)}),
        'client properties of the largest size': dict(properties={'pad': 'x' * 3900}),
        'client properties above the first frame size': dict(properties={'pad': 'x' * 5000}),
        'capabilities of the wrong kind': dict(properties={'capabilities': 'yes'}),
}.items():
    conversation_named(f'start-ok: {_name}', start_ok(**_how))


def tune_ok(**how):
    def hold_it(talk):
        talk.connect(upto='tuned', **how)
        talk.say('connection.open', channel=0, virtual_host='/')
        talk.hear_up_to('connection.open-ok', channel=0)
    return hold_it


for _how in (dict(channel_max=0), dict(channel_max=1), dict(channel_max=2048), dict(channel_max=65535), dict(frame_max=0),
             dict(frame_max=4095), dict(frame_max=4096), dict(frame_max=131073), dict(heartbeat=65535), dict(heartbeat=5)):
    conversation_named(f'tune-ok: {_how}', tune_ok(**_how))


@conversation
def tune_ok_refused_without_open(talk):
    talk.connect(upto='tuned', frame_max=1)
    talk.hear_end(channel=0)


def vhost(name):
    def hold_it(talk):
        talk.connect(upto='tuned')
        talk.say('connection.open', channel=0, virtual_host=name)
        talk.hear_up_to('connection.open-ok', channel=0)
    return hold_it


for _name in ('/', 'nowhere', '', '//', 'ü', "o'brien", 'a\nb'):
    conversation_named(f'vhost {_name!r}', vhost(_name))


@conversation
def open_before_start_ok(talk):
    talk.connect(upto='header')
    talk.say('connection.open', channel=0, virtual_host='/')
    talk.hear_end(channel=0)


@conversation
def channel_open_before_connection_open(talk):
    talk.connect(upto='tuned')
    talk.say('channel.open', channel=1)
    talk.hear_end(channel=0)


@conversation
def tune_ok_instead_of_start_ok(talk):
    talk.connect(upto='header')
    talk.say('connection.tune-ok', channel=0, channel_max=5, frame_max=4096)
    talk.hear_end(channel=0)


@conversation
def content_in_the_handshake(talk):
    talk.connect(upto='header')
    talk.frame(FRAME_BODY, 0, b'abc')
    talk.hear_end(channel=0)


@conversation
def close_before_start_ok(talk):
    talk.connect(upto='header')
    talk.say('connection.close', channel=0, reply_code=200, reply_text='bye')
    talk.hear_end(channel=0)


@conversation
def close_before_open(talk):
    talk.connect(upto='tuned')
    talk.say('connection.close', channel=0, reply_code=200, reply_text='bye')
    talk.hear_end(channel=0)


@conversation
def a_second_connection_open(talk):
    talk.ask('connection.open', channel=0, virtual_host='/')


@conversation
def update_secret(talk):
    talk.ask('connection.update-secret', channel=0, new_secret='another', reason='because')


@conversation
def closing_the_connection(talk):
    talk.peer('a')
    talk.ask('connection.close', channel=0, reply_code=200, reply_text='bye')
    talk.leave()


@conversation
def closing_the_connection_with_channels_and_messages(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='t')
    talk.publish('', talk('q'), 'one')
    talk.hear()
    talk.ask('connection.close', channel=0, reply_code=200, reply_text='bye')
    talk.leave()


# --- frames ---------------------------------------------------------------------------------------

def frames(*sent):
    """Says these frames, and hears how the broker ends it."""
    def hold_it(talk):
        talk.peer('a')
        for kind, channel, payload, *end in sent:
            talk.frame(kind, channel, payload, *end)
        talk.hear_end(channel=None)
    return hold_it


_publish = encode_method('basic.publish', routing_key='nowhere')
_header = struct.pack('>HHQ', 60, 0, 5) + b'\0\0'
_qos = encode_method('basic.qos')
for _name, _sent in {
        'wrong end octet': [(1, 1, _qos, b'\0')],
        'wrong end octet of channel.open': [(1, 2, encode_method('channel.open'), b'\x01')],
        'wrong end octet of a long frame': [(3, 1, bytes(range(100)), b'\0')],
        'wrong end octet of a printable frame': [(3, 1, b'hello world', b'\0')],
        'unknown frame type 99': [(99, 1, b'1234567890')],
        'unknown frame type 99 unprintable': [(99, 1, b'\x00\x01\xff')],
        'unknown frame type 99 long': [(99, 1, b'12345678901234567890')],
        'unknown frame type 0': [(0, 1, b'')],
        'unknown frame type 4': [(4, 1, b'x')],
        'unknown frame type on channel 0': [(77, 0, b'x')],
        'heartbeat on a channel': [(8, 1, b'')],
        'heartbeat with payload': [(8, 0, b'abc')],
        'heartbeat with payload on a channel': [(8, 1, b'abc')],
        'frame too large for a tuned connection': [(3, 1, b'x' * 131065)],
        'header without a method': [(2, 1, _header)],
        'body without a method': [(3, 1, b'hello')],
        'empty body without a method': [(3, 1, b'')],
        'method where a header is due': [(1, 1, _publish), (1, 1, _qos)],
        'body where a header is due': [(1, 1, _publish), (3, 1, b'hello')],
        'method where a body is due': [(1, 1, _publish), (2, 1, _header), (1, 1, _qos)],
        'header where a body is due': [(1, 1, _publish), (2, 1, _header), (2, 1, _header)],
        'header of class 50': [(1, 1, _publish), (2, 1, struct.pack('>HHQ', 50, 0, 5) + b'\0\0')],
        'header of class 3106': [(1, 1, _publish), (2, 1, struct.pack('>HHQ', 3106, 0, 5) + b'\0\0')],
        'more body than announced': [(1, 1, _publish), (2, 1, _header), (3, 1, b'hello world'), (1, 1, _qos)],
        'method frame of no octets': [(1, 1, b'')],
        'method frame of two octets': [(1, 1, b'\0\x3c')],
        'unknown method 60.99': [(1, 1, struct.pack('>HH', 60, 99))],
        'unknown class 61': [(1, 1, struct.pack('>HH', 61, 10) + b'abc')],
        'unknown method on channel 0': [(1, 0, struct.pack('>HH', 10, 99))],
        'truncated queue.declare': [(1, 1, struct.pack('>HH', 50, 10) + b'\0\0')],
        'truncated queue.declare name': [(1, 1, struct.pack('>HH', 50, 10) + b'\0\0\xff')],
        'truncated basic.publish': [(1, 1, struct.pack('>HH', 60, 40) + b'\0\0\x05ab')],
        'truncated basic.ack': [(1, 1, struct.pack('>HH', 60, 80) + b'\0\0\0')],
        'octets too many after basic.ack': [(1, 1, encode_method('basic.ack', delivery_tag=1) + b'xyz')],
        'shortstr that is no UTF-8': [(1, 1, encode_method('queue.declare', queue=b'\xff\xfe'))],
        'routing key that is no UTF-8': [(1, 1, encode_method('basic.publish', exchange='none', routing_key=b'\xff')),
                                         (2, 1, _header), (3, 1, b'hello')],
        'exchange name that is no UTF-8': [(1, 1, encode_method('basic.publish', exchange=b'\xff')),
                                           (2, 1, _header), (3, 1, b'hello')],
        'content header too short': [(1, 1, _publish), (2, 1, b'\0\x3c\0\0')],
        'method on a channel not open': [(1, 2, _qos)],
        'publish on a channel not open': [(1, 2, _publish), (2, 2, _header), (3, 2, b'hello')],
        'channel.close on a channel not open': [(1, 2, encode_method('channel.close', reply_code=200))],
        'channel.close-ok on a channel not open': [(1, 2, encode_method('channel.close-ok'))],
        'body on a channel not open': [(3, 2, b'hello')],
        'header on a channel not open': [(2, 2, _header)],
        'second channel.open': [(1, 1, encode_method('channel.open'))],
        'channel.open on channel 0': [(1, 0, encode_method('channel.open'))],
        'queue.declare on channel 0': [(1, 0, encode_method('queue.declare'))],
        'basic.publish on channel 0': [(1, 0, _publish)],
        'connection.open on a channel': [(1, 1, encode_method('connection.open', virtual_host='/'))],
        'connection.close on a channel': [(1, 1, encode_method('connection.close', reply_code=200))],
        'connection.start-ok on a channel': [(1, 1, encode_method('connection.start-ok'))],
        'connection.start-ok again': [(1, 0, encode_method('connection.start-ok', mechanism='PLAIN'))],
        'connection.tune-ok again': [(1, 0, encode_method('connection.tune-ok', channel_max=1, frame_max=4096))],
        'connection.start from the client': [(1, 0, encode_method('connection.start', version_minor=9))],
        'connection.blocked from the client': [(1, 0, encode_method('connection.blocked', reason='x'))],
        'connection.close-ok out of the blue': [(1, 0, encode_method('connection.close-ok'))],
        'basic.deliver from the client': [(1, 1, encode_method('basic.deliver', delivery_tag=1)), (2, 1, _header),
                                          (3, 1, b'hello')],
        'basic.return from the client': [(1, 1, encode_method('basic.return', reply_code=312)), (2, 1, _header),
                                         (3, 1, b'hello')],
        'queue.declare-ok from the client': [(1, 1, encode_method('queue.declare-ok', queue='x'))],
        'channel.open-ok from the client': [(1, 1, encode_method('channel.open-ok'))],
        'basic.qos-ok from the client': [(1, 1, encode_method('basic.qos-ok'))],
        'tx.select-ok from the client': [(1, 1, encode_method('tx.select-ok'))],
        'heartbeat wrong end octet': [(8, 0, b'', b'\0')],
        'table with an unknown kind': [(1, 1, encode_method('queue.declare', queue='q',
                                                            arguments=b'\0\0\0\x03\x01aZ'))],
        'table cut short': [(1, 1, encode_method('queue.declare', queue='q', arguments=b'\0\0\0\x09\x01aI\0\0'))],
        'table with a length beyond the frame': [(1, 1, encode_method('queue.declare', queue='q',
                                                                      arguments=b'\0\0\xff\xff'))],
}.items():
    conversation_named(f'frames: {_name}', frames(*_sent))


@conversation
def a_frame_of_exactly_frame_max_passes(talk):
    talk.connect(frame_max=4096)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.frame(FRAME_METHOD, 1, encode_method('basic.publish', routing_key=talk('q')))
    talk.frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, 4088) + b'\0\0')
    talk.frame(FRAME_BODY, 1, b'x' * 4088)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


def frame_of(size):
    def hold_it(talk):
        talk.connect(frame_max=4096)
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.frame(FRAME_METHOD, 1, encode_method('basic.publish', routing_key=talk('q')))
        talk.frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, size) + b'\0\0')
        talk.frame(FRAME_BODY, 1, b'x' * size)
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    return hold_it


for _size in (4089, 4096, 4097, 5000):
    conversation_named(f'a body frame of {_size} octets where frame_max is 4096', frame_of(_size))


@conversation
def heartbeat_between_method_and_content(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.frame(FRAME_METHOD, 1, encode_method('basic.publish', routing_key=talk('q')))
    talk.frame(FRAME_HEARTBEAT, 0)
    talk.frame(FRAME_HEADER, 1, struct.pack('>HHQ', 60, 0, 4) + b'\0\0')
    talk.frame(FRAME_HEARTBEAT, 0)
    talk.frame(FRAME_BODY, 1, b'ab')
    talk.frame(FRAME_BODY, 1, b'')
    talk.frame(FRAME_BODY, 1, b'cd')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def contents_of_two_channels_interleaved(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('channel.open', channel=2)
    for channel, size in ((1, 4), (2, 2)):
        talk.frame(FRAME_METHOD, channel, encode_method('basic.publish', routing_key=talk('q')))
        talk.frame(FRAME_HEADER, channel, struct.pack('>HHQ', 60, 0, size) + b'\0\0')
    talk.frame(FRAME_BODY, 1, b'AB')
    talk.frame(FRAME_BODY, 2, b'xy')
    talk.ask('basic.qos', channel=2)
    talk.frame(FRAME_BODY, 1, b'CD')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def a_connection_error_is_final_for_other_channels(talk):
    talk.ask('channel.open', channel=2)
    talk.frame(FRAME_BODY, 1, b'x')
    talk.hear_end(channel=0)


# --- channels -------------------------------------------------------------------------------------

@conversation
def a_channel_closed_by_the_client_opens_again(talk):
    talk.ask('channel.close', reply_code=200, reply_text='done')
    talk.ask('channel.open')
    talk.ask('queue.declare', queue=talk('none'), passive=True)
    talk.ask('channel.open')


@conversation
def after_a_channel_error_everything_is_dropped_until_close_ok(talk):
    peer = talk.peer('a')
    talk.say('queue.declare', queue=talk('none'), passive=True)
    talk.say('queue.declare', queue=talk('q'))
    talk.publish('nowhere', 'x', 'dropped')
    talk.take('a', peer, 1)
    talk.publish('nowhere', 'x', 'dropped')
    talk.say('tx.commit')
    talk.say('queue.declare', queue=talk('q'))
    talk.say('channel.close-ok')
    talk.ask('channel.open')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def frames_of_a_channel_in_error_must_still_be_frames(talk):
    peer = talk.peer('a')
    peer.send(1, 'queue.purge', queue=talk('none'))
    talk.take('a', peer, 1)
    talk.frame(FRAME_BODY, 1, b'out of the blue')
    talk.ask('channel.open', channel=2)
    talk.channels['a'].discard(1)                    # its close is never answered here


@conversation
def a_client_that_closes_while_the_server_closes_gets_close_ok(talk):
    peer = talk.peer('a')
    peer.send(1, 'queue.purge', queue=talk('none'))
    peer.send(1, 'channel.close', reply_code=200, reply_text='me too')
    talk.take('a', peer, 1)
    talk.take('a', peer, 1)
    peer.send(1, 'channel.close-ok')
    talk.ask('channel.open', channel=2)


@conversation
def channel_numbers_are_not_limited_by_channel_max_but_their_count_is(talk):
    talk.connect(upto='open', channel_max=3)
    for channel in (65535, 4, 1000):
        talk.ask('channel.open', channel=channel)
    talk.ask('channel.close', channel=4, reply_code=200)
    talk.ask('channel.open', channel=7)
    talk.ask('channel.open', channel=8)


@conversation
def flow(talk):
    talk.ask('channel.flow', active=True)
    talk.ask('channel.flow', active=False)


@conversation
def access_request(talk):
    talk.ask('access.request', realm='/data', exclusive=False, passive=True, active=True, write=True, read=True)


# --- exchanges ------------------------------------------------------------------------------------

for _kind in ('direct', 'fanout', 'topic', 'headers'):
    def _declare(talk, kind=_kind):
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, auto_delete=True)
        talk.ask('exchange.declare', exchange=talk('x'), passive=True)
        talk.ask('exchange.declare', exchange=talk('x'), type=kind, auto_delete=True)
        talk.ask('exchange.delete', exchange=talk('x'))
        talk.ask('exchange.declare', exchange=talk('x'), passive=True)
    conversation_named(f'declare and delete a {_kind} exchange', _declare)


for _name, _arguments in {
        'of an unknown type': dict(exchange='%x', type='nonsense'),
        'of an empty type': dict(exchange='%x', type=''),
        'of a type with a quote': dict(exchange='%x', type="o'clock"),
        'of a type in upper case': dict(exchange='%x', type='DIRECT'),
        'passive of an unknown type': dict(exchange='%x', type='nonsense', passive=True),
        'passive with an existing exchange and unknown type': dict(exchange='amq.direct', type='nonsense', passive=True),
        'passive with an existing exchange and another type': dict(exchange='amq.direct', type='fanout', passive=True),
        'passive missing': dict(exchange='%none', passive=True),
        'passive missing with a quote': dict(exchange="%it's", passive=True),
        'reserved': dict(exchange='amq.mine', type='direct'),
        'reserved prefix only': dict(exchange='amq.', type='direct'),
        'almost reserved': dict(exchange='amq', type='direct', auto_delete=True),
        'passive reserved': dict(exchange='amq.mine', passive=True),
        'default': dict(exchange='', type='direct', durable=True),
        'default passive': dict(exchange='', passive=True),
        'predeclared as it is': dict(exchange='amq.direct', type='direct', durable=True),
        'predeclared with another type': dict(exchange='amq.direct', type='fanout', durable=True),
        'predeclared with another durability': dict(exchange='amq.fanout', type='fanout'),
        'predeclared with another auto_delete': dict(exchange='amq.topic', type='topic', durable=True, auto_delete=True),
        'predeclared with another internal': dict(exchange='amq.headers', type='headers', durable=True, internal=True),
        'predeclared amq.match': dict(exchange='amq.match', type='headers', durable=True),
        'predeclared amq.rabbitmq.trace': dict(exchange='amq.rabbitmq.trace', type='topic', durable=True, internal=True),
        'predeclared amq.rabbitmq.trace passively': dict(exchange='amq.rabbitmq.trace', passive=True),
        'predeclared amq.rabbitmq.log passively': dict(exchange='amq.rabbitmq.log', passive=True),
        'alternate of a number': dict(exchange='%x', type='direct', arguments={'alternate-exchange': 5}),
        'alternate of a byte': dict(exchange='%x', type='direct', arguments={'alternate-exchange': ('b', 5)}),
        'alternate of a table': dict(exchange='%x', type='direct', arguments={'alternate-exchange': {}}),
        'alternate that is missing': dict(exchange='%x', type='direct', auto_delete=True,
                                          arguments={'alternate-exchange': '%none'}),
        'an unknown argument': dict(exchange='%x', type='direct', auto_delete=True, arguments={'x-colour': 'blue'}),
}.items():
    conversation_named(f'exchange.declare {_name}', asks('exchange.declare', **_arguments))

for _first, _second in [
        (dict(type='direct'), dict(type='fanout')),
        (dict(type='direct'), dict(type='direct', durable=True)),
        (dict(type='direct'), dict(type='direct', auto_delete=True)),
        (dict(type='direct'), dict(type='direct', internal=True)),
        (dict(type='direct', durable=True), dict(type='topic')),
        (dict(type='direct'), dict(type='direct', arguments={'alternate-exchange': 'a'})),
        (dict(type='direct', arguments={'alternate-exchange': 'a'}), dict(type='direct')),
        (dict(type='direct', arguments={'alternate-exchange': 'a'}),
         dict(type='direct', arguments={'alternate-exchange': 'b'})),
        (dict(type='direct', arguments={'x-colour': 'a'}), dict(type='direct', arguments={'x-colour': 'b'})),
        (dict(type='direct', arguments={'x-colour': 'a'}), dict(type='direct'))]:
    def _redeclare(talk, first=_first, second=_second):
        talk.ask('exchange.declare', exchange=talk('x'), **first)
        talk.ask('exchange.declare', exchange=talk('x'), **second)
        talk.ask('exchange.delete', who='b', exchange=talk('x'))
    conversation_named(f'exchange {_first} declared again as {_second}', _redeclare)

for _name, _request, _arguments in [
        ('delete a missing exchange', 'exchange.delete', dict(exchange='%none')),
        ('delete a missing exchange if unused', 'exchange.delete', dict(exchange='%none', if_unused=True)),
        ('delete the default exchange', 'exchange.delete', dict(exchange='')),
        ('delete a predeclared exchange', 'exchange.delete', dict(exchange='amq.direct')),
        ('delete a reserved missing exchange', 'exchange.delete', dict(exchange='amq.none')),
        ('bind a missing exchange', 'exchange.bind', dict(destination='%none', source='amq.direct')),
        ('bind to a missing exchange', 'exchange.bind', dict(destination='amq.direct', source='%none')),
        ('bind to the default exchange', 'exchange.bind', dict(destination='amq.direct', source='')),
        ('bind the default exchange', 'exchange.bind', dict(destination='', source='amq.direct')),
        ('unbind the default exchange', 'exchange.unbind', dict(destination='', source='amq.direct')),
        ('unbind from the default exchange', 'exchange.unbind', dict(destination='amq.direct', source='')),
        ('unbind a missing exchange', 'exchange.unbind', dict(destination='%none', source='amq.direct')),
        ('unbind from a missing exchange', 'exchange.unbind', dict(destination='amq.direct', source='%none')),
        ('unbind what is not bound', 'exchange.unbind', dict(destination='amq.direct', source='amq.fanout',
                                                             routing_key='%k')),
]:
    conversation_named(_name, asks(_request, **_arguments))


@conversation
def an_exchange_in_use_is_not_deleted_if_unused(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
    talk.ask('exchange.delete', exchange=talk('x'), if_unused=True)
    talk.ask('channel.open')
    talk.ask('queue.unbind', queue=talk('q'), exchange=talk('x'))
    talk.ask('exchange.delete', exchange=talk('x'), if_unused=True)


@conversation
def an_exchange_bound_to_others_is_not_in_use(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout')
    talk.ask('exchange.declare', exchange=talk('y'), type='fanout')
    talk.ask('exchange.bind', destination=talk('x'), source=talk('y'))
    talk.ask('exchange.delete', exchange=talk('y'), if_unused=True)
    talk.ask('channel.open')
    talk.ask('exchange.delete', exchange=talk('x'), if_unused=True)
    talk.ask('exchange.delete', exchange=talk('y'), if_unused=True)


@conversation
def auto_delete_exchanges_go_in_chains(talk):
    for name in 'abc':
        talk.ask('exchange.declare', exchange=talk(name), type='fanout', auto_delete=True)
    talk.ask('exchange.bind', destination=talk('b'), source=talk('a'))
    talk.ask('exchange.bind', destination=talk('c'), source=talk('b'))
    talk.ask('queue.declare', queue=talk('q'), auto_delete=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('c'))
    talk.ask('exchange.declare', exchange=talk('a'), passive=True)
    talk.ask('queue.delete', queue=talk('q'))
    for name in 'abc':
        talk.ask('exchange.declare', exchange=talk(name), passive=True)
        talk.ask('channel.open')


@conversation
def auto_delete_exchange_goes_with_unbind(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True)
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='1')
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'), routing_key='2')
    talk.ask('queue.unbind', queue=talk('q'), exchange=talk('x'), routing_key='1')
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)
    talk.ask('queue.unbind', queue=talk('q'), exchange=talk('x'), routing_key='2')
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)


@conversation
def auto_delete_exchange_goes_with_its_destination_exchange(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('y'), type='direct')
    talk.ask('exchange.bind', destination=talk('y'), source=talk('x'), routing_key='1')
    talk.ask('exchange.delete', exchange=talk('y'))
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)


@conversation
def internal_exchanges(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='fanout', internal=True, auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('outside'), type='fanout', auto_delete=True)
    talk.ask('exchange.bind', destination=talk('x'), source=talk('outside'))
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('x'))
    talk.publish(talk('outside'), '', 'through')
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.publish(talk('x'), '', 'refused')
    talk.hear_end()


@conversation
def direct_routing(talk):
    queues = topology(talk, 'direct', ['a', 'b', 'a', ''])
    for key in ('a', 'b', '', 'c', 'A'):
        routed(talk, talk('x'), key, queues)


@conversation
def fanout_routing(talk):
    queues = topology(talk, 'fanout', ['a', '', 'x'])
    for key in ('a', '', 'anything'):
        routed(talk, talk('x'), key, queues)


TOPIC_KEYS = ['', 'a', 'a.b', 'a.b.c', 'b', '.', '..', 'a.', '.a', 'a..b', 'a.b.c.d', 'x.y.b', 'aa', 'a.*', '#', '*']
for _keys in [('a', '*', '#', 'a.*', '*.b'), ('#.b', 'a.#', 'a.#.b', '#.#', '*.#'), ('#.*.#', '*.*', 'a.*.c', '', '.'),
              ('a..b', '*..*', 'a.', '.a', '#.a.#'), ('*.*.*', '#.c', 'a.b.#', 'a.#.#', '#.*')]:
    def _topic(talk, keys=_keys):
        queues = topology(talk, 'topic', list(keys))
        for key in TOPIC_KEYS:
            routed(talk, talk('x'), key, queues)
    conversation_named(f'topic routing by {" and ".join(repr(key) for key in _keys)}', _topic)

HEADER_SETS = [None, {}, {'a': 1}, {'a': 2}, {'a': '1'}, {'a': 1, 'b': 2}, {'b': 2}, {'a': 1, 'b': 3}, {'x-c': 1},
               {'x-c': 1, 'a': 1}, {'a': ('l', 1)}, {'a': 1.0}, {'a': None}, {'a': True}, {'a': ('s', 1), 'b': ('B', 2)},
               {'a': {'x': 1}}, {'a': [1]}]
for _name, _arguments in {
        'none': {}, 'all': {'x-match': 'all', 'a': 1, 'b': 2}, 'any': {'x-match': 'any', 'a': 1, 'b': 2},
        'default is all': {'a': 1, 'b': 2}, 'all with x ignored': {'x-match': 'all', 'a': 1, 'x-c': 1},
        'any with x ignored': {'x-match': 'any', 'x-c': 1}, 'all-with-x': {'x-match': 'all-with-x', 'a': 1, 'x-c': 1},
        'any-with-x': {'x-match': 'any-with-x', 'a': 1, 'x-c': 1}, 'presence': {'a': None},
        'any presence': {'x-match': 'any', 'a': None, 'b': None}, 'string': {'a': '1'}, 'long': {'a': ('l', 1)},
        'double': {'a': 1.0}, 'boolean': {'a': True}, 'any of nothing': {'x-match': 'any'},
        'all of nothing': {'x-match': 'all'}, 'table': {'a': {'x': 1}}, 'array': {'a': [1]},
        'all-with-x of nothing': {'x-match': 'all-with-x'}}.items():
    def _headers(talk, arguments=_arguments):
        queues = topology(talk, 'headers', [('', arguments)])
        for headers in HEADER_SETS:
            routed(talk, talk('x'), 'k', queues, {} if headers is None else {'headers': headers})
    conversation_named(f'headers routing: {_name}', _headers)

for _match in ('some', '', ('b', 23), 5, True, 'ALL', None, 'any-with-y'):
    def _match_refused(talk, match=_match):
        topology(talk, 'headers', [('', {'x-match': match, 'a': 1})])
    conversation_named(f'headers binding with x-match {_match!r}', _match_refused)


@conversation
def exchange_bindings_carry_messages_once_even_in_circles(talk):
    for name in 'abc':
        talk.ask('exchange.declare', exchange=talk(name), type='fanout')
    for source, destination in ('ab', 'bc', 'ca', 'ac'):
        talk.ask('exchange.bind', source=talk(source), destination=talk(destination))
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    for name in 'abc':
        talk.ask('queue.bind', queue=talk('q'), exchange=talk(name))
    routed(talk, talk('a'), 'k', ['q'])
    for name in 'abc':
        talk.ask('exchange.delete', exchange=talk(name))


@conversation
def exchange_bindings_of_several_types(talk):
    talk.ask('exchange.declare', exchange=talk('t'), type='topic', auto_delete=True)
    talk.ask('exchange.declare', exchange=talk('d'), type='direct', auto_delete=True)
    talk.ask('exchange.bind', source=talk('t'), destination=talk('d'), routing_key='#.err')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('d'), routing_key='app.err')
    for key in ('app.err', 'lib.err', 'app.ok'):
        routed(talk, talk('t'), key, ['q'])
    talk.ask('exchange.unbind', source=talk('t'), destination=talk('d'), routing_key='#.err')
    talk.ask('exchange.declare', exchange=talk('t'), passive=True)


@conversation
def binding_twice_is_one_binding(talk):
    queues = topology(talk, 'direct', ['k'])
    talk.ask('queue.bind', queue=talk('q0'), exchange=talk('x'), routing_key='k')
    talk.ask('queue.bind', queue=talk('q0'), exchange=talk('x'), routing_key='k', arguments={'other': 1})
    routed(talk, talk('x'), 'k', queues)
    talk.ask('queue.unbind', queue=talk('q0'), exchange=talk('x'), routing_key='k')
    routed(talk, talk('x'), 'k', queues)
    talk.ask('queue.unbind', queue=talk('q0'), exchange=talk('x'), routing_key='k', arguments={'other': 1})
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)


@conversation
def alternate_exchanges_take_what_is_unroutable(talk):
    talk.ask('exchange.declare', exchange=talk('ae'), type='fanout')
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', arguments={'alternate-exchange': talk('ae')})
    for queue, exchange, key in (('q', 'x', 'known'), ('rest', 'ae', '')):
        talk.ask('queue.declare', queue=talk(queue), exclusive=True)
        talk.ask('queue.bind', queue=talk(queue), exchange=talk(exchange), routing_key=key)
    for key in ('known', 'unknown'):
        routed(talk, talk('x'), key, ['q', 'rest'])
    talk.ask('queue.delete', queue=talk('rest'))
    routed(talk, talk('x'), 'unknown', ['q'])
    talk.ask('exchange.delete', exchange=talk('ae'))
    routed(talk, talk('x'), 'unknown', ['q'])
    talk.ask('exchange.delete', exchange=talk('x'))


@conversation
def alternate_exchanges_in_a_circle_end(talk):
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', arguments={'alternate-exchange': talk('y')})
    talk.ask('exchange.declare', exchange=talk('y'), type='direct', arguments={'alternate-exchange': talk('x')})
    talk.publish(talk('x'), 'k', 'm', mandatory=True)
    talk.hear()
    talk.ask('exchange.delete', exchange=talk('x'))
    talk.ask('exchange.delete', exchange=talk('y'))


@conversation
def cc_and_bcc_add_routing_keys(talk):
    for name in 'abc':
        talk.ask('queue.declare', queue=talk(name), exclusive=True)
    routed(talk, '', talk('a'), 'abc', {'headers': {'CC': [talk('b')], 'BCC': [talk('c'), talk('a')], 'n': 1}})
    routed(talk, '', 'nowhere', 'abc', {'headers': {'CC': [], 'BCC': [talk('c')]}})
    routed(talk, '', 'nowhere', 'abc', {'headers': {'BCC': []}})
    talk.publish('', 'nowhere', 'm', {'headers': {'CC': talk('b')}})
    talk.hear_end()


@conversation
def bcc_of_the_wrong_type(talk):
    talk.publish('', 'nowhere', 'm', {'headers': {'BCC': 5}})
    talk.hear_end()


# --- queues ---------------------------------------------------------------------------------------

for _name, _arguments in {
        'server named': dict(exclusive=True),
        'plain': dict(queue='%q', auto_delete=True),
        'durable exclusive': dict(queue='%q', durable=True, exclusive=True),
        'passive missing': dict(queue='%none', passive=True),
        'passive missing with a quote': dict(queue="%it's", passive=True),
        'passive missing in unicode': dict(queue='%größe', passive=True),
        'passive of the empty name': dict(queue='', passive=True),
        'passive reserved': dict(queue='amq.mine', passive=True),
        'reserved': dict(queue='amq.mine', exclusive=True),
        'reserved prefix only': dict(queue='amq.', exclusive=True),
        'with line ends in the name': dict(queue='%q\r\nu', exclusive=True),
        'with a long name': dict(queue='%' + 'n' * 240, exclusive=True),
        'of the reply-to name': dict(queue='amq.rabbitmq.reply-to'),
        'passive of the reply-to name': dict(queue='amq.rabbitmq.reply-to', passive=True),
        'passive of a reply-to name of nobody': dict(queue='amq.rabbitmq.reply-to.nobody', passive=True),
}.items():
    conversation_named(f'queue.declare {_name}', asks('queue.declare', **_arguments))

_good = {'x-expires': 60000, 'x-message-ttl': 0, 'x-max-length': 0, 'x-max-length-bytes': 0, 'x-max-priority': 255,
         'x-overflow': 'drop-head', 'x-queue-mode': 'lazy', 'x-queue-type': 'classic', 'x-single-active-consumer': True,
         'x-dead-letter-exchange': 'x', 'x-unheard-of': 5, 'x-queue-version': 2, 'x-queue-master-locator': 'min-masters',
         'x-consumer-timeout': 1000}
_bad = {
    'x-message-ttl': ['1', -1, 2**40, 1.5, True, None, ('T', 5), ('D', (1, 5)), {}, [], b'x', ('b', 5), ('l', 5), ('s', 5),
                      ('u', 5), ('B', 5), ('i', 5), 4294967295, 4294967296, 315360000000, 315360000001],
    'x-expires': ['1', 0, -1, 2**40, 1.5, ('b', 1), 4294967295],
    'x-max-length': ['1', -1, 1.5, True, ('b', 1), 2**40],
    'x-max-length-bytes': ['1', -1, 2**40],
    'x-max-priority': ['1', -1, 0, 256, 1.5, ('b', 127), 2**33],
    'x-overflow': ['nonsense', 5, '', True, 'reject-publish', 'reject-publish-dlx'],
    'x-queue-mode': ['odd', 5, '', 'default'],
    'x-queue-version': [3, 0, 1, '1', ('b', 2)],
    'x-queue-type': ['odd', 5, '', None],
    'x-dead-letter-exchange': [5, ('b', 5), '', None, True],
    'x-dead-letter-routing-key': ['key', 5],
    'x-single-active-consumer': ['yes', 1, False],
    'x-queue-master-locator': ['nonsense', 5],
    'x-delivery-limit': [5],
    'x-max-age': ['1D'],
    'x-quorum-initial-group-size': [1],
    'x-max-in-memory-length': [1],
    'x-stream-max-segment-size-bytes': [5],
    'x-queue-leader-locator': ['client-local'],
    'x-initial-cluster-size': [1],
    'x-dead-letter-strategy': ['at-least-once'],
    'alternate-exchange': [5],
    'x-alternate-exchange': [5],
}
for _name, _value in [(name, value) for name, value in _good.items()] \
        + [(name, value) for name, values in _bad.items() for value in values]:
    conversation_named(f'queue argument {_name} {_value!r}',
                       asks('queue.declare', queue='%q', exclusive=True, arguments={_name: _value}))
for _value in (5, 'key'):
    conversation_named(f'queue argument x-dead-letter-routing-key {_value!r} with an exchange',
                       asks('queue.declare', queue='%q', exclusive=True,
                            arguments={'x-dead-letter-exchange': 'x', 'x-dead-letter-routing-key': _value}))

for _first, _second in [
        (dict(), dict(durable=True)),
        (dict(durable=True), dict()),
        (dict(), dict(auto_delete=True)),
        (dict(auto_delete=True), dict()),
        (dict(), dict(exclusive=True)),
        (dict(exclusive=True), dict()),
        (dict(exclusive=True), dict(exclusive=True)),
        (dict(durable=True, auto_delete=True), dict(durable=True, auto_delete=True)),
        (dict(), dict(passive=True, durable=True, auto_delete=True)),
        (dict(), dict(arguments={'x-max-length': 5})),
        (dict(arguments={'x-max-length': 10}), dict(arguments={'x-max-length': 11})),
        (dict(arguments={'x-max-length': 10}), dict()),
        (dict(arguments={'x-max-length': 10}), dict(arguments={'x-max-length': ('l', 10)})),
        (dict(arguments={'x-max-length': 10}), dict(arguments={'x-max-length': ('b', 10)})),
        (dict(arguments={'x-message-ttl': ('s', 1000)}), dict()),
        (dict(arguments={'x-message-ttl': ('s', 1000)}), dict(arguments={'x-message-ttl': ('l', 2000)})),
        (dict(arguments={'x-expires': 100000}), dict()),
        (dict(), dict(arguments={'x-dead-letter-exchange': 'q'})),
        (dict(arguments={'x-dead-letter-exchange': 'q'}), dict(arguments={'x-dead-letter-exchange': 'r'})),
        (dict(arguments={'x-dead-letter-exchange': 'q', 'x-dead-letter-routing-key': 'k'}),
         dict(arguments={'x-dead-letter-exchange': 'q'})),
        (dict(), dict(arguments={'x-overflow': 'drop-head'})),
        (dict(), dict(arguments={'x-single-active-consumer': False})),
        (dict(arguments={'x-single-active-consumer': True}), dict(arguments={'x-single-active-consumer': False})),
        (dict(), dict(arguments={'x-queue-type': 'classic'})),
        (dict(arguments={'x-queue-type': 'classic'}), dict()),
        (dict(), dict(arguments={'x-queue-mode': 'lazy'})),
        (dict(arguments={'x-queue-mode': 'lazy'}), dict(arguments={'x-queue-mode': 'default'})),
        (dict(), dict(arguments={'x-queue-version': 2})),
        (dict(), dict(arguments={'x-max-priority': 5})),
        (dict(arguments={'x-max-priority': 5}), dict(arguments={'x-max-priority': 6})),
        (dict(), dict(arguments={'x-max-length-bytes': 5})),
        (dict(), dict(arguments={'x-unheard-of': 5})),
        (dict(arguments={'x-unheard-of': 5}), dict(arguments={'x-unheard-of': 6})),
        (dict(arguments={'x-consumer-timeout': 5}), dict()),
        (dict(durable=True), dict(auto_delete=True, arguments={'x-max-length': 5}))]:
    def _redeclare_queue(talk, first=_first, second=_second):
        talk.ask('queue.declare', queue=talk('q'), **first)
        if talk.ask('queue.declare', queue=talk('q'), **second) is None:
            talk.ask('channel.open')
        talk.ask('queue.delete', queue=talk('q'))
    conversation_named(f'queue {_first} declared again as {_second}', _redeclare_queue)

for _name, _request, _arguments in [
        ('delete a missing queue', 'queue.delete', dict(queue='%none')),
        ('delete a missing queue if unused and empty', 'queue.delete', dict(queue='%none', if_unused=True, if_empty=True)),
        ('delete the queue last declared where none was', 'queue.delete', dict(queue='')),
        ('purge a missing queue', 'queue.purge', dict(queue='%none')),
        ('purge the queue last declared where none was', 'queue.purge', dict(queue='')),
        ('bind a missing queue', 'queue.bind', dict(queue='%none', exchange='amq.direct')),
        ('bind a missing queue to a missing exchange', 'queue.bind', dict(queue='%none', exchange='%missing')),
        ('bind a missing queue to the default exchange', 'queue.bind', dict(queue='%none', exchange='')),
        ('bind the queue last declared where none was', 'queue.bind', dict(queue='', exchange='amq.direct')),
        ('unbind the queue last declared where none was', 'queue.unbind', dict(queue='', exchange='amq.direct')),
        ('unbind a missing queue', 'queue.unbind', dict(queue='%none', exchange='amq.direct')),
        ('unbind from the default exchange a missing queue', 'queue.unbind', dict(queue='%none', exchange='')),
        ('get from a missing queue', 'basic.get', dict(queue='%none')),
        ('get from the queue last declared where none was', 'basic.get', dict(queue='')),
        ('consume from a missing queue', 'basic.consume', dict(queue='%none')),
        ('consume from the queue last declared where none was', 'basic.consume', dict(queue='')),
        ('cancel an unknown consumer', 'basic.cancel', dict(consumer_tag='nobody')),
        ('cancel an empty consumer tag', 'basic.cancel', dict(consumer_tag='')),
]:
    conversation_named(_name, asks(_request, **_arguments))


@conversation
def the_empty_name_is_the_queue_last_declared(talk):
    talk.ask('queue.declare', exclusive=True)
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True)
    talk.ask('queue.bind', exchange=talk('x'))
    talk.ask('queue.bind', exchange=talk('x'), routing_key='k')
    talk.publish(talk('x'), 'k', 'by key')
    talk.ask('basic.get', no_ack=True)
    talk.ask('queue.purge')
    talk.ask('basic.consume', consumer_tag='c', no_ack=True)
    talk.ask('basic.cancel', consumer_tag='c')
    talk.ask('queue.declare', passive=True)


@conversation
def the_queue_last_declared_may_be_passive_and_is_forgotten_when_deleted(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('channel.open', channel=2)
    talk.ask('queue.declare', channel=2, queue=talk('q'), passive=True)
    talk.ask('queue.purge', channel=2)
    talk.ask('queue.delete', channel=2)
    talk.ask('queue.purge', channel=2)


@conversation
def an_empty_queue_and_an_empty_key_bind_by_the_queues_name(talk):
    queue = talk.ask('queue.declare', queue=talk('q'), exclusive=True).queue
    talk.ask('exchange.declare', exchange=talk('x'), type='direct', auto_delete=True)
    talk.ask('queue.bind', exchange=talk('x'))
    routed(talk, talk('x'), queue, ['q'])
    routed(talk, talk('x'), '', ['q'])


@conversation
def counts_in_declare_ok_purge_ok_and_delete_ok(talk):
    talk.ask('confirm.select')
    talk.ask('queue.declare', queue=talk('q'))
    for number in range(5):
        talk.publish('', talk('q'), f'{number}')
        talk.hear()
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('queue.declare', queue=talk('q'))
    talk.ask('queue.purge', queue=talk('q'))
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.publish('', talk('q'), 'more')
    talk.hear()
    talk.ask('queue.delete', queue=talk('q'))


@conversation
def delete_if_empty_and_if_unused(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.publish('', talk('q'), 'm')
    talk.ask('queue.delete', queue=talk('q'), if_empty=True)
    talk.ask('channel.open')
    talk.ask('queue.purge', queue=talk('q'))
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.ask('queue.delete', queue=talk('q'), if_unused=True)
    talk.ask('channel.open')
    talk.ask('queue.delete', queue=talk('q'), if_unused=True, if_empty=True)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def delete_if_unused_and_if_empty_of_one_that_is_both_used_and_full(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.publish('', talk('q'), 'm')
    talk.hear()
    talk.ask('queue.delete', queue=talk('q'), if_empty=True, if_unused=True)


@conversation
def an_unacknowledged_message_does_not_make_a_queue_full(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.publish('', talk('q'), 'm')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('queue.delete', queue=talk('q'), if_empty=True)


for _request, _arguments in [
        ('queue.declare', dict(queue='%q', exclusive=True)), ('queue.declare', dict(queue='%q')),
        ('queue.declare', dict(queue='%q', passive=True)), ('queue.bind', dict(queue='%q', exchange='amq.direct')),
        ('queue.bind', dict(queue='%q', exchange='%none')), ('queue.unbind', dict(queue='%q', exchange='amq.direct')),
        ('queue.unbind', dict(queue='%q', exchange='amq.direct', routing_key='%bound')),
        ('basic.consume', dict(queue='%q')), ('basic.get', dict(queue='%q')), ('queue.purge', dict(queue='%q')),
        ('queue.delete', dict(queue='%q')), ('queue.delete', dict(queue='%q', if_empty=True, if_unused=True))]:
    def _locked(talk, request=_request, arguments=_arguments):
        talk.ask('queue.declare', who='owner', queue=talk('q'), exclusive=True)
        talk.ask('queue.bind', who='owner', queue=talk('q'), exchange='amq.direct', routing_key=talk('bound'))
        asks(request, **arguments)(talk)
    conversation_named(f'an exclusive queue refuses another connection: {_request} {_arguments}', _locked)


@conversation
def an_exclusive_queue_takes_messages_of_others_and_goes_with_its_connection(talk):
    talk.ask('queue.declare', who='owner', queue=talk('q'), exclusive=True)
    talk.ask('confirm.select')                       # before the ack, another connection may not see it
    talk.publish('', talk('q'), 'hello', mandatory=True)
    talk.hear()
    talk.ask('basic.get', who='owner', queue=talk('q'), no_ack=True)
    talk.ask('connection.close', who='owner', channel=0, reply_code=200)
    talk.leave('owner')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def an_auto_delete_queue_goes_with_its_last_consumer(talk):
    talk.ask('queue.declare', queue=talk('q'), auto_delete=True)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='one')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='two')
    talk.ask('basic.cancel', consumer_tag='one')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.cancel', consumer_tag='two')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def an_auto_delete_queue_goes_with_its_channel(talk):
    talk.ask('queue.declare', queue=talk('q'), auto_delete=True)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='one')
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def an_exclusive_queue_stays_without_consumers(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='one')
    talk.ask('basic.cancel', consumer_tag='one')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def bindings_and_unbindings_of_queues(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange='')


@conversation
def a_queue_cannot_be_bound_to_a_missing_exchange(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.bind', queue=talk('q'), exchange=talk('none'))


@conversation
def a_queue_is_not_unbound_from_the_default_exchange(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.unbind', queue=talk('q'), exchange='', routing_key=talk('q'))


@conversation
def unbinding_from_a_missing_exchange(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('queue.unbind', queue=talk('q'), exchange=talk('none'), routing_key='k')


@conversation
def nowait_forms_answer_nothing(talk):
    talk.say('exchange.declare', exchange=talk('x'), type='direct', nowait=True)
    talk.say('exchange.declare', exchange=talk('y'), type='direct', nowait=True)
    talk.say('exchange.bind', source=talk('x'), destination=talk('y'), nowait=True)
    talk.say('queue.declare', queue=talk('q'), exclusive=True, nowait=True)
    talk.say('queue.bind', queue=talk('q'), exchange=talk('y'), nowait=True)
    talk.ask('basic.qos')
    routed(talk, talk('x'), '', ['q'])
    talk.say('exchange.unbind', source=talk('x'), destination=talk('y'), nowait=True)
    talk.publish('', talk('q'), 'm')
    talk.say('queue.purge', queue=talk('q'), nowait=True)
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.consume', queue=talk('q'), consumer_tag='c', nowait=True)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.cancel', consumer_tag='c', nowait=True)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('queue.delete', queue=talk('q'), nowait=True)
    talk.say('exchange.delete', exchange=talk('x'), nowait=True)
    talk.say('exchange.delete', exchange=talk('y'), nowait=True)
    talk.say('confirm.select', nowait=True)
    talk.ask('exchange.declare', exchange=talk('x'), passive=True)


@conversation
def nowait_errors_close_the_channel_all_the_same(talk):
    talk.say('queue.declare', queue='amq.mine', nowait=True)
    talk.hear_end()
    talk.ask('channel.open')
    talk.say('queue.purge', queue=talk('none'), nowait=True)
    talk.hear_end()


# --- consumers ------------------------------------------------------------------------------------

@conversation
def deliveries_carry_tag_exchange_key_and_properties(talk):
    queue = with_queue(talk)
    talk.ask('exchange.declare', exchange=talk('x'), type='topic', auto_delete=True)
    talk.ask('queue.bind', queue=queue, exchange=talk('x'), routing_key='a.#')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=queue, consumer_tag='me')
    for number in range(3):
        talk.publish(talk('x'), f'a.{number}', f'body {number}', {'message_id': f'{number}', 'headers': {'n': number}})
        talk.hear(channel=2)
        talk.hear()
    talk.say('basic.ack', channel=2, delivery_tag=3, multiple=True)


@conversation
def consumer_tags(talk):
    with_queue(talk)
    talk.ask('basic.consume', queue=talk('q'))
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='mine')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='mine')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='mine')


@conversation
def a_cancelled_tag_can_be_used_again(talk):
    with_queue(talk)
    for _ in range(2):
        talk.ask('basic.consume', queue=talk('q'), consumer_tag='mine')
        talk.ask('basic.cancel', consumer_tag='mine')


@conversation
def an_exclusive_consumer_admits_no_other(talk):
    with_queue(talk)
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='a', exclusive=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='b')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('channel.open', channel=2)
    talk.ask('basic.cancel', consumer_tag='a')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='a')
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='b', exclusive=True)


@conversation
def consumer_arguments(talk):
    with_queue(talk)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='a', arguments={'x-unheard-of': 5})
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='b', arguments={'x-priority': -5})
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c', no_local=True)
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='d', arguments={'x-priority': 'high'})


for _value in ('high', 1.5, True, None, ('b', 5), ('l', 5)):
    def _priority(talk, value=_value):
        with_queue(talk)
        talk.ask('basic.consume', queue=talk('q'), consumer_tag='c', arguments={'x-priority': value})
    conversation_named(f'consumer priority {_value!r}', _priority)


@conversation
def a_consumer_is_cancelled_when_its_queue_goes(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c')
    talk.ask('queue.delete', queue=talk('q'))
    talk.hear(channel=2)
    talk.ask('basic.cancel', channel=2, consumer_tag='c')


@conversation
def a_consumer_without_the_capability_is_not_told(talk):
    talk.connect(capabilities={})
    talk.ask('queue.declare', queue=talk('q'))
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c')
    talk.ask('queue.delete', queue=talk('q'))
    talk.ask('queue.declare', channel=2, queue=talk('q'), passive=True)


@conversation
def prefetch_limits_each_consumer(talk):
    with_queue(talk, *'abcdef')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='one')
    talk.hear(2, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='two')
    talk.hear(2, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear(1, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def prefetch_of_the_channel_limits_all_its_consumers(talk):
    with_queue(talk, *'abcdef')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=3, global_=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='one')
    talk.hear(3, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.qos', channel=2, prefetch_count=5, global_=True)
    talk.hear(2, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('basic.qos', channel=2, prefetch_count=0, global_=True)
    talk.hear(1, channel=2)


@conversation
def prefetch_of_consumers_lifts_that_of_the_channel(talk):
    with_queue(talk, *'abcdef')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=2, global_=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='unlimited')
    talk.hear(2, channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=1)
    talk.hear(4, channel=2)
    talk.ask('basic.qos', channel=2, prefetch_count=3)
    talk.ask('basic.qos', channel=2, prefetch_count=8, global_=True)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='three')
    talk.say('basic.cancel', channel=2, consumer_tag='unlimited')
    talk.hear(1, channel=2)
    for body in 'ghij':
        talk.publish('', talk('q'), body)
        talk.hear()
    talk.hear(2, channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def qos_with_a_size(talk):
    talk.ask('basic.qos', prefetch_size=5)


@conversation
def qos_with_everything(talk):
    talk.ask('basic.qos', prefetch_count=65535)
    talk.ask('basic.qos', prefetch_count=65535, global_=True)
    talk.ask('basic.qos', prefetch_count=0)


@conversation
def no_ack_consumers_leave_nothing_to_acknowledge(talk):
    with_queue(talk, 'a')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.consume', channel=2, queue=talk('q'), consumer_tag='c', no_ack=True)
    talk.hear(channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear_end(channel=2)


@conversation
def consuming_from_the_reply_to_name_with_acks(talk):
    talk.ask('basic.consume', queue='amq.rabbitmq.reply-to', consumer_tag='c')


@conversation
def consuming_from_the_reply_to_name_twice(talk):
    talk.ask('basic.consume', queue='amq.rabbitmq.reply-to', consumer_tag='c', no_ack=True)
    talk.ask('basic.consume', queue='amq.rabbitmq.reply-to', consumer_tag='d', no_ack=True)


@conversation
def publishing_with_the_reply_to_name_without_its_consumer(talk):
    talk.publish('', 'nowhere', 'm', {'reply_to': 'amq.rabbitmq.reply-to'})
    talk.hear_end()


@conversation
def texts_are_cut_to_what_a_shortstr_holds(talk):
    for queue in ('n' * 200, 'ü' * 110, 'n' * 191, 'n' * 192, 'n' * 193, 'n' * 194, 'n' * 230):
        talk.ask('queue.declare', queue=talk(queue), passive=True)
        talk.ask('channel.open')
    for at in range(5):
        talk.ask('exchange.declare', exchange=talk('x' * at + 'ü' * 105), passive=True)
        talk.ask('channel.open')


# --- get, ack, nack, reject, recover --------------------------------------------------------------

@conversation
def get_and_ack(talk):
    with_queue(talk, *'abc')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.say('basic.ack', delivery_tag=1)
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.ack', delivery_tag=0, multiple=True)
    talk.say('basic.ack', delivery_tag=0, multiple=True)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


def settling(name, *steps, bodies='abc', held=2, left=None):
    """Messages are gotten without ack; then each step is said; the channel's end, if any, is heard, and
    what of the messages is left then."""
    def hold_it(talk):
        with_queue(talk, *bodies)
        talk.ask('channel.open', channel=2)
        for _ in range(held):
            talk.ask('basic.get', channel=2, queue=talk('q'))
        for method, arguments in steps:
            talk.say(method, channel=2, **arguments)
        if talk.ask('basic.qos', channel=2) is not None:
            for _ in range(len(bodies) + 1):
                talk.ask('basic.get', channel=2, queue=talk('q'))
        else:
            talk.wait_for_ready(len(bodies) if left is None else left, talk('q'))
            for _ in range(len(bodies)):
                talk.ask('basic.get', queue=talk('q'), no_ack=True)
        talk.ask('queue.declare', queue=talk('q'), passive=True)
    conversation_named(f'settling: {name}', hold_it)


settling('ack of an unknown tag', ('basic.ack', dict(delivery_tag=7)))
settling('ack of tag 0', ('basic.ack', dict(delivery_tag=0)))
settling('ack multiple beyond the last', ('basic.ack', dict(delivery_tag=3, multiple=True)))
settling('ack twice', ('basic.ack', dict(delivery_tag=1)), ('basic.ack', dict(delivery_tag=1)), left=2)
settling('ack multiple where nothing is left below', ('basic.ack', dict(delivery_tag=1)),
         ('basic.ack', dict(delivery_tag=1, multiple=True)), left=2)
settling('ack multiple of all', ('basic.ack', dict(delivery_tag=0, multiple=True)))
settling('ack multiple of none', ('basic.ack', dict(delivery_tag=0, multiple=True)), held=0)
settling('ack multiple of one where none is', ('basic.ack', dict(delivery_tag=1, multiple=True)), held=0)
settling('ack multiple of a part', ('basic.ack', dict(delivery_tag=2, multiple=True)), bodies='abcd', held=3)
settling('ack of the second, then multiple', ('basic.ack', dict(delivery_tag=2)),
         ('basic.ack', dict(delivery_tag=3, multiple=True)), bodies='abcd', held=3)
settling('ack of the last, then multiple up to it', ('basic.ack', dict(delivery_tag=2)),
         ('basic.ack', dict(delivery_tag=2, multiple=True)), left=2)
settling('ack of a huge tag', ('basic.ack', dict(delivery_tag=2**64 - 1)))
settling('nack of an unknown tag', ('basic.nack', dict(delivery_tag=7, requeue=True)))
settling('nack of tag 0', ('basic.nack', dict(delivery_tag=0, requeue=True)))
settling('nack multiple beyond the last', ('basic.nack', dict(delivery_tag=9, multiple=True)))
settling('nack multiple with requeue', ('basic.nack', dict(delivery_tag=2, multiple=True, requeue=True)),
         bodies='abcd', held=3)
settling('nack multiple of all with requeue', ('basic.nack', dict(delivery_tag=0, multiple=True, requeue=True)))
settling('nack without requeue', ('basic.nack', dict(delivery_tag=1)))
settling('nack multiple without requeue', ('basic.nack', dict(delivery_tag=2, multiple=True)))
settling('reject with requeue', ('basic.reject', dict(delivery_tag=1, requeue=True)))
settling('reject the second with requeue', ('basic.reject', dict(delivery_tag=2, requeue=True)))
settling('reject without requeue', ('basic.reject', dict(delivery_tag=1)))
settling('reject of an unknown tag', ('basic.reject', dict(delivery_tag=7)))
settling('reject of tag 0', ('basic.reject', dict(delivery_tag=0)))
settling('reject twice', ('basic.reject', dict(delivery_tag=1)), ('basic.reject', dict(delivery_tag=1)), left=2)
settling('requeue out of order', ('basic.reject', dict(delivery_tag=3, requeue=True)),
         ('basic.reject', dict(delivery_tag=1, requeue=True)), ('basic.reject', dict(delivery_tag=2, requeue=True)),
         bodies='abcde', held=4)
settling('recover-async', ('basic.recover-async', dict(requeue=True)))
settling('recover-async without requeue', ('basic.recover-async', dict(requeue=False)))


@conversation
def recover_redelivers_in_order(talk):
    with_queue(talk, *'abcd')
    for _ in range(3):
        talk.ask('basic.get', queue=talk('q'))
    talk.say('basic.ack', delivery_tag=2)
    talk.ask('basic.recover', requeue=True)
    for _ in range(4):
        talk.ask('basic.get', queue=talk('q'))


@conversation
def recover_without_requeue(talk):
    talk.ask('basic.recover', requeue=False)


@conversation
def a_tag_of_another_channel_is_unknown(talk):
    with_queue(talk, 'a')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('channel.open', channel=2)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear_end(channel=2)


@conversation
def closing_the_channel_requeues_at_the_old_place(talk):
    with_queue(talk, *'abcd')
    talk.ask('channel.open', channel=2)
    for _ in range(3):
        talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=2)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.wait_for_ready(3, talk('q'))
    for _ in range(4):
        talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def a_channel_error_requeues(talk):
    with_queue(talk, *'ab')
    talk.ask('channel.open', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=99)
    talk.hear_end(channel=2)
    talk.wait_for_ready(2, talk('q'))
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def cancel_keeps_what_the_consumer_holds(talk):
    with_queue(talk, *'ab')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.hear(2)
    talk.ask('basic.cancel', consumer_tag='c')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.ack', delivery_tag=2, multiple=True)
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def a_consumer_that_rejects_gets_the_message_again(talk):
    with_queue(talk, *'a')
    talk.ask('basic.consume', queue=talk('q'), consumer_tag='c')
    talk.hear()
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.hear()
    talk.say('basic.nack', delivery_tag=2, requeue=True)
    talk.hear()
    talk.say('basic.ack', delivery_tag=3)


@conversation
def purge_leaves_what_is_unacknowledged(talk):
    with_queue(talk, *'abc')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('queue.purge', queue=talk('q'))
    talk.say('basic.reject', delivery_tag=1, requeue=True)
    talk.ask('basic.get', queue=talk('q'))


@conversation
def a_deleted_queues_deliveries_can_still_be_acknowledged(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.publish('', talk('q'), 'a')
    talk.publish('', talk('q'), 'b')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('queue.delete', queue=talk('q'))
    talk.say('basic.ack', delivery_tag=1)
    talk.say('basic.nack', delivery_tag=2, requeue=True)
    talk.say('basic.ack', delivery_tag=2)
    talk.hear_end()


# --- publishing, confirms, transactions -----------------------------------------------------------

@conversation
def publishing_to_a_missing_exchange(talk):
    talk.publish(talk('none'), 'k', 'm')
    talk.hear_end()


@conversation
def publishing_to_a_missing_exchange_with_confirms(talk):
    talk.ask('confirm.select')
    talk.publish('', 'nowhere', 'm')
    talk.hear()
    talk.publish(talk('none'), 'k', 'm')
    talk.hear_end()


@conversation
def mandatory_messages_come_back(talk):
    talk.publish('', 'nowhere', 'the body', {'content_type': 'text/plain', 'headers': {'a': ('s', 1)}, 'priority': 9},
                 mandatory=True)
    talk.hear()
    talk.publish('amq.direct', talk('nowhere'), b'', mandatory=True)
    talk.hear()
    talk.publish('', 'nowhere', 'not mandatory')
    talk.ask('basic.qos')


@conversation
def a_return_comes_before_its_confirm(talk):
    talk.ask('confirm.select')
    talk.publish('', 'nowhere', 'm', mandatory=True)
    talk.hear(2)
    talk.publish('', 'nowhere', 'm')
    talk.hear()


@conversation
def a_large_return_keeps_its_frames(talk):
    talk.connect(frame_max=4096)
    talk.publish('', 'nowhere', b'r' * 10000, mandatory=True)
    talk.hear()


@conversation
def immediate_is_not_implemented(talk):
    talk.publish('', 'nowhere', 'm', immediate=True)
    talk.hear_end()


@conversation
def immediate_and_mandatory(talk):
    talk.publish('', 'nowhere', 'm', immediate=True, mandatory=True)
    talk.hear_end()


def publishes(name, properties, body='m', exchange='', key='%q'):
    def hold_it(talk):
        talk.ask('queue.declare', queue=talk('q'), exclusive=True)
        talk.publish(exchange, talk('q') if key == '%q' else key, body, properties)
        talk.ask('basic.get', queue=talk('q'), no_ack=True)
    conversation_named(f'publish: {name}', hold_it)


publishes('user_id of another', {'user_id': 'mallory'})
publishes('user_id of oneself', {'user_id': 'guest'})
publishes('user_id empty', {'user_id': ''})
for _value in ('soon', '-1', '10000foobar', '', ' 5', '1.5', '99999999999999', '+5000000', '315360000001', '4294967296'):
    publishes(f'expiration {_value!r}', {'expiration': _value})
publishes('expiration 60000', {'expiration': '60000'})
for _value in (0, 1, 2, 3, 255):
    publishes(f'delivery_mode {_value}', {'delivery_mode': _value})
publishes('priority 255', {'priority': 255})
publishes('empty headers', {'headers': {}})
publishes('headers that do not decode', struct.pack('>H', 1 << 13) + b'\0\0\0\3\1aZ')
publishes('headers cut short', struct.pack('>H', 1 << 13) + b'\0\0\0\x09\1a')
publishes('properties cut short', struct.pack('>H', 1 << 15) + b'\x05ab')
publishes('properties with octets left over', b'\0\0' + b'xyz')
publishes('property flags with the continuation bit', b'\0\1\0\0')
publishes('property that is no UTF-8', struct.pack('>H', 1 << 15) + b'\x02\xff\xfe')
publishes('no properties', b'\0\0')
publishes('CC of the wrong type', {'headers': {'CC': 5}})
publishes('CC of the wrong type within', {'headers': {'CC': [5]}})
ALL_PROPERTIES = {
    'content_type': 'application/x-thing', 'content_encoding': 'gzip', 'delivery_mode': 2, 'priority': 7,
    'correlation_id': 'corr', 'reply_to': 'someone', 'expiration': '600000', 'message_id': 'id-1',
    'timestamp': 2**40, 'type': 'kind', 'user_id': 'guest', 'app_id': 'app', 'cluster_id': 'cluster',
    'headers': {'t': True, 'f': False, 'b': ('b', -128), 'B': ('B', 255), 's': ('s', -32768), 'u': ('u', 65535),
                'I': ('I', -2**31), 'i': ('i', 2**32 - 1), 'l': ('l', -2**63), 'flt': ('f', 1.5), 'd': 0.1,
                'D': ('D', (2, 12345)), 'S': 'text ü', 'empty': '', 'A': [1, 'two', [None, {'x': 1.5}], b'\xff'],
                'T': ('T', 2**33), 'F': {'inner': {'deeper': [[], {}]}}, 'V': None, 'x': bytes(range(256)),
                'k' * 255: 'long key'}}
publishes('all properties and all kinds', ALL_PROPERTIES)
for _key, _value in ALL_PROPERTIES.items():
    publishes(f'only {_key}', {_key: _value})
for _size in (0, 1, 4087, 4088, 4089, 8176, 8177, 131064, 131065, 300000):
    def _body(talk, size=_size):
        for frame_max in (4096, 131072):
            talk.connect(f'p{frame_max}', frame_max=frame_max)
        talk.ask('queue.declare', who='p4096', queue=talk('q'))
        body = bytes(at * 7 & 255 for at in range(size))
        for publisher, reader in (('p4096', 'p131072'), ('p131072', 'p4096'), ('p4096', 'p4096')):
            talk.ask('confirm.select', who=publisher)
            talk.publish('', talk('q'), body, who=publisher)
            talk.hear(who=publisher)
            talk.ask('basic.get', who=reader, queue=talk('q'), no_ack=True)
        talk.ask('queue.delete', who='p4096', queue=talk('q'))
    conversation_named(f'a body of {_size} octets, in frames of either size', _body)


@conversation
def confirms_one_by_one(talk):
    talk.ask('confirm.select')
    talk.ask('confirm.select')
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    for number in range(3):
        talk.publish('', talk('q'), str(number), {'delivery_mode': 2})
        talk.hear()


@conversation
def confirm_after_tx(talk):
    talk.ask('tx.select')
    talk.ask('confirm.select')


@conversation
def tx_after_confirm(talk):
    talk.ask('confirm.select')
    talk.ask('tx.select')


@conversation
def commit_without_select(talk):
    talk.ask('tx.commit')


@conversation
def rollback_without_select(talk):
    talk.ask('tx.rollback')


@conversation
def publishes_wait_for_commit(talk):
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    talk.ask('tx.select')
    talk.ask('tx.select')
    talk.publish('', talk('q'), 'a')
    talk.publish('', talk('q'), 'b')
    talk.ask('basic.get', queue=talk('q'))
    talk.ask('tx.commit')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.publish('', talk('q'), 'c')
    talk.ask('tx.rollback')
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.ask('tx.commit')
    talk.ask('queue.declare', queue=talk('q'), passive=True)


@conversation
def acks_wait_for_commit_and_can_be_given_again_after_rollback(talk):
    with_queue(talk, *'abc')
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    for _ in range(3):
        talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=2)
    talk.say('basic.reject', channel=2, delivery_tag=3, requeue=True)
    talk.ask('tx.rollback', channel=2)
    talk.ask('queue.declare', queue=talk('q'), passive=True)
    talk.say('basic.ack', channel=2, delivery_tag=3)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.ask('tx.commit', channel=2)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.wait_for_ready(1, talk('q'))
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def an_ack_given_twice_in_a_transaction(talk):
    with_queue(talk, 'a')
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.hear_end(channel=2)


@conversation
def an_unknown_tag_in_a_transaction(talk):
    talk.ask('tx.select')
    talk.say('basic.ack', delivery_tag=1)
    talk.hear_end()


@conversation
def a_missing_exchange_in_a_transaction(talk):
    talk.ask('tx.select')
    talk.publish(talk('none'), 'k', 'm')
    talk.hear_end()


@conversation
def a_return_in_a_transaction_comes_at_commit(talk):
    talk.ask('tx.select')
    talk.publish('', 'nowhere', 'm', mandatory=True)
    talk.ask('basic.qos')
    talk.ask('tx.commit')
    talk.publish('', 'nowhere', 'm', mandatory=True)
    talk.ask('tx.rollback')
    talk.ask('tx.commit')


@conversation
def closing_the_channel_rolls_back(talk):
    with_queue(talk, 'a')
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    talk.publish('', talk('q'), 'b', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.ask('channel.close', channel=2, reply_code=200)
    talk.wait_for_ready(1, talk('q'))
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)


@conversation
def nack_with_requeue_takes_hold_at_commit(talk):
    with_queue(talk, *'ab')
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.nack', channel=2, delivery_tag=1, requeue=True)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.ask('tx.commit', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))


@conversation
def commit_to_a_queue_deleted_meanwhile(talk):
    talk.ask('queue.declare', queue=talk('q'))
    talk.ask('tx.select')
    talk.publish('', talk('q'), 'm')
    talk.ask('queue.delete', queue=talk('q'))
    talk.ask('tx.commit')


@conversation
def recover_in_a_transaction_leaves_what_is_acked(talk):
    with_queue(talk, *'ab')
    talk.ask('channel.open', channel=2)
    talk.ask('tx.select', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.say('basic.ack', channel=2, delivery_tag=1)
    talk.ask('basic.recover', channel=2, requeue=True)
    talk.ask('basic.get', channel=2, queue=talk('q'))
    talk.ask('tx.commit', channel=2)
    talk.ask('basic.get', channel=2, queue=talk('q'))


@conversation
def requests_sent_at_once_are_answered_in_order(talk):
    peer = talk.peer('a')
    names = [f'{number:02}' for number in range(20)]
    out = b''
    for name in names:
        out += encode_frame(1, 1, encode_method('queue.declare', queue=talk(name), exclusive=True))
        out += encode_frame(1, 1, encode_method('queue.bind', queue=talk(name), exchange='amq.direct',
                                                routing_key=talk('k')))
        out += encode_frame(1, 1, encode_method('queue.delete', queue=talk(name)))
    peer.write(out)
    for _ in names:
        talk.hear(3)


@conversation
def properties_come_back_octet_for_octet(talk):
    # The same table written in an unusual order and with unusual kinds must not be written anew.
    talk.ask('queue.declare', queue=talk('q'), exclusive=True)
    octets = encode_properties({'headers': {'z': ('l', 1), 'a': ('u', 1), 'm': ('i', 1)}, 'app_id': '', 'type': 't'})
    talk.publish('', talk('q'), 'm', octets)
    talk.ask('basic.get', queue=talk('q'), no_ack=True)
