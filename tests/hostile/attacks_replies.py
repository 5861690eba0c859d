"""Attacks by direct reply-to: replies that are not read, and reply consumers that are started and cancelled."""
from arena import attack
from wire import FRAME_METHOD, Peer, encode_frame, encode_method, encode_properties, encode_publish, eventually

REPLY_TO = 'amq.rabbitmq.reply-to'
ASK = encode_properties({'reply_to': REPLY_TO})
REPLY = bytes(100000)


def method(channel, name, **arguments):
    return encode_frame(FRAME_METHOD, channel, encode_method(name, **arguments))


def name_of_requester(requester, responder):
    """The requester starts to consume replies, and sends a request. Returns the reply-to that the responder gets."""
    queue = responder.declare(exclusive=True).queue
    requester.call(1, 'basic.consume', queue=REPLY_TO, no_ack=True)
    requester.publish(1, '', queue, b'what is the time?', ASK)
    return eventually(lambda: responder.get(queue)).properties['reply_to']


def say(responder, to):
    """Sends one reply and waits for its confirm. Returns whether the requester was there."""
    responder.publish(1, '', to, REPLY, mandatory=True)
    is_there = responder.content(1, ('basic.ack', 'basic.return')).name == 'basic.ack'
    if not is_there:
        responder.expect('basic.ack', 1)
    return is_there


@attack('requesters read none of their megabytes of replies: responders are served until the send timeout ends the requesters, '
        'and then hear that nobody is there', settings=['tcp_listen_options.send_timeout = 1500'])
def unread_replies(arena):
    requesters, responder = arena.volume(4, 1), arena.peer(patience_s=60)
    responder.call(1, 'confirm.select')
    for _ in range(requesters):
        to = name_of_requester(arena.peer(receive_buffer=8192), responder)
        for _ in range(arena.volume(500, 100)):
            if not say(responder, to):
                break
        eventually(lambda: not say(responder, to), every_s=0.1)


@attack('thousands of channels with reply consumers, each of which has asked, are opened and closed again and again')
def reply_channels(arena):
    owner, peer = arena.peer(), Peer(arena.address, patience_s=60)
    queue = owner.declare(exclusive=True, arguments={'x-max-length': 10}).queue
    channels = range(2, arena.volume(2000, 50) + 2)
    opened = b''.join(
        method(number, 'channel.open') + method(number, 'basic.consume', queue=REPLY_TO, no_ack=True, nowait=True)
        + encode_publish(number, '', queue, b'', ASK) for number in channels)
    closed = b''.join(method(number, 'channel.close', reply_code=200) for number in channels)
    for _ in range(arena.volume(20, 3)):
        peer.write(opened + closed)
        for name in 'channel.open-ok', 'channel.close-ok':
            for number in channels:
                peer.expect(name, number)
    peer.write(opened)
    for number in channels:
        peer.expect('channel.open-ok', number)
    peer.reset()
