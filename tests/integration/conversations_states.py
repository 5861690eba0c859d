"""Conversations about every method in every state of a channel and of a connection: each cell of the table gets an answer,
or the end of the channel or the connection; nobody waits for ever. One conversation walks a row of the table, each cell
on a connection of its own. What a conversation is, says talk.py."""
import struct

from talk import conversation_named
from wire import BY_NAME, FRAME_BODY, FRAME_HEADER, FRAME_METHOD, WITH_CONTENT, encode_method

# What a method says that is no mistake by itself, with the names of queues and exchanges that are not there.
SAYS = {
    'connection.close': dict(reply_code=200, reply_text='bye'),
    'channel.close': dict(reply_code=200, reply_text='bye'),
    'channel.flow': dict(active=True),
    'exchange.declare': dict(exchange='amq.direct', type='direct', passive=True),
    'exchange.delete': dict(exchange='none'),
    'exchange.bind': dict(destination='amq.direct', source='none'),
    'exchange.unbind': dict(destination='amq.direct', source='none'),
    'queue.declare': dict(queue='none', passive=True),
    'queue.bind': dict(queue='none', exchange='amq.direct'),
    'queue.unbind': dict(queue='none', exchange='amq.direct'),
    'queue.purge': dict(queue='none'),
    'queue.delete': dict(queue='none'),
    'basic.consume': dict(queue='none'),
    'basic.cancel': dict(consumer_tag='none'),
    'basic.get': dict(queue='none'),
    'basic.recover': dict(requeue=True),
    'basic.recover-async': dict(requeue=True),
}
HEADER_OF_TWO = struct.pack('>HHQ', 60, 0, 2) + b'\0\0'


class Cell:
    """A connection for one cell. What comes is written down, and a close is not answered by itself."""

    def __init__(self, talk, who, **how):
        self.talk, self.who = talk, who
        self.peer = talk.connect(who, **how)
        talk.channels[who].clear()                   # it ends with its last word

    def frame(self, kind, payload, channel=1):
        self.peer.frame(kind, channel, payload)

    def says(self, name, channel=1, more=b''):
        """With octets more than the method has."""
        self.frame(FRAME_METHOD, encode_method(name, **SAYS.get(name, {})) + more, channel)
        if name in WITH_CONTENT and not more:        # whole, if anybody wants it
            self.frame(FRAME_HEADER, HEADER_OF_TWO, channel)
            self.frame(FRAME_BODY, b'xx', channel)

    def hears_up_to(self, names):
        """Whether that came, and not the end."""
        while True:
            frame = self.talk.take(self.who, self.peer, None)
            if frame is None or frame.name == 'connection.close':
                if frame is not None:
                    self.peer.send(0, 'connection.close-ok')
                    self.talk.take(self.who, self.peer, None)
                return False
            if frame.name in names:
                return True

    def is_over(self):
        if self.who not in self.talk.gone:
            self.talk.leave(self.who)


# --- channels ---------------------------------------------------------------------------------------

def nothing(cell):
    pass


def selected(mode):
    def begin(cell):
        cell.says(mode)
        cell.hears_up_to((mode + '-ok',))
    return begin


def in_error(cell):
    """The server has closed it and waits for close-ok."""
    cell.says('queue.purge')
    cell.hears_up_to(('channel.close',))


def awaits_header(cell):
    cell.frame(FRAME_METHOD, encode_method('basic.publish', routing_key='none'))


def awaits_body(cell):
    awaits_header(cell)
    cell.frame(FRAME_HEADER, HEADER_OF_TWO)


def in_error_awaits_header(cell):
    in_error(cell)
    awaits_header(cell)


def in_error_awaits_body(cell):
    in_error(cell)
    awaits_body(cell)


def never_opened(cell):
    cell.channel = 7


CHANNEL_STATES = {
    'open': nothing, 'with confirms': selected('confirm.select'), 'with a transaction': selected('tx.select'),
    'that is in error': in_error, 'that awaits a header': awaits_header, 'that awaits a body': awaits_body,
    'in error that awaits a header': in_error_awaits_header, 'in error that awaits a body': in_error_awaits_body,
    'never opened': never_opened,
}


# In these a close-ok that nobody has asked for ends the connection. RabbitMQ's reader forgets the channel at once and its
# channel complains a little later: whatever followed would race with that.
CLOSE_OK_ENDS_CONNECTION = {'open', 'with confirms', 'with a transaction', 'never opened'}


def row_of_channel(state, more):
    begin = CHANNEL_STATES[state]

    def hold_it(talk):
        for name in BY_NAME:
            talk.note(name)
            cell = Cell(talk, name)
            cell.channel = 1
            begin(cell)
            cell.says(name, cell.channel, more)
            # What comes before the answer to a close is the answer to the method. Its own close must be heard first.
            if more or (name == 'channel.close-ok' and state in CLOSE_OK_ENDS_CONNECTION):
                cell.hears_up_to(())
            elif name != 'channel.close' or cell.hears_up_to(('channel.close-ok',)):
                cell.says('channel.close', cell.channel)
                cell.hears_up_to(('channel.close-ok',))
            cell.is_over()
    return hold_it


for _state in CHANNEL_STATES:
    conversation_named(f'every method on a channel {_state}', row_of_channel(_state, b''))
for _state in ('open', 'that is in error', 'never opened'):
    conversation_named(f'every method with an octet too many on a channel {_state}', row_of_channel(_state, b'x'))


# --- connections --------------------------------------------------------------------------------------

# RabbitMQ takes a second to close a connection that is not open yet.
OF_EACH_KIND = ['connection.start', 'connection.secure-ok', 'connection.tune', 'connection.tune-ok', 'connection.open',
                'connection.close', 'connection.close-ok', 'connection.blocked', 'channel.open', 'queue.declare', 'basic.publish']


def row_of_connection(upto, begin, channel, names, answer=None):
    def hold_it(talk):
        for name in names:
            talk.note(name)
            cell = Cell(talk, name, upto=upto)
            begin(cell)
            cell.says(name, channel)
            # Where it may pass without a word, a close is answered.
            if upto == 'open' and channel == 0 and name not in ('connection.close', 'connection.close-ok'):
                cell.says('connection.close', 0)
            cell.hears_up_to(('connection.close-ok', answer))
            cell.is_over()
    return hold_it


def took_tune(cell):
    cell.talk.take(cell.who, cell.peer, 0)


def is_closing(cell):
    cell.says('channel.flow', 9)                     # which is not open
    cell.talk.take(cell.who, cell.peer, 0)


for _channel in (0, 1):
    conversation_named(f'every method on channel {_channel} of a connection that awaits start-ok',
                       row_of_connection('header', nothing, _channel, OF_EACH_KIND))
    conversation_named(f'every method on channel {_channel} of a connection that awaits tune-ok',
                       row_of_connection('start-ok', took_tune, _channel,
                                         [name for name in OF_EACH_KIND if name != 'connection.tune-ok']))
    conversation_named(f'every method on channel {_channel} of a connection that awaits open',
                       row_of_connection('tuned', nothing, _channel, OF_EACH_KIND, 'connection.open-ok'))
conversation_named('every method on channel 0 of a connection that runs', row_of_connection('open', nothing, 0, BY_NAME))
conversation_named('every method on channel 0 of a connection that is closing', row_of_connection('open', is_closing, 0, BY_NAME))
