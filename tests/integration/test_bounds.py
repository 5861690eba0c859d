"""What one client may make the broker hold, and what becomes of it when the client has gone, or reads nothing."""
import os
import random
import signal
import time

import pytest

from brokers import free_port
from wire import (FRAME_BODY, FRAME_METHOD, Peer, encode_beginning, encode_frame, encode_method, encode_publish, eventually)

pytestmark = pytest.mark.leveret


@pytest.fixture
def configured(own_broker, workspace):
    """A broker with lines of a config file."""
    def make(lines):
        path = os.path.join(workspace, f'conf{free_port()}')
        with open(path, 'w') as file:
            file.write(lines)
        own = own_broker(start=False, flags=['--config', path])
        own.conf = path
        return own.start()
    return make


def reload(own, lines):
    with open(own.conf, 'w') as file:
        file.write(lines)
    os.kill(own.pid, signal.SIGHUP)


def publish_confirmed(own, body=b'x'):
    peer = Peer(own.address)
    peer.call(1, 'confirm.select')
    peer.write(encode_publish(1, '', 'q', body))
    while peer.expect(('basic.ack', 'connection.blocked', 'connection.unblocked')).name != 'basic.ack':
        pass


# --- the memory alarm ---------------------------------------------------------------------------------


def fill_by_a_transaction(own):
    peer = Peer(own.address)
    peer.call(1, 'tx.select')
    assert peer.write_until_held_up(encode_publish(1, '', 'q', b'x' * 1000) * 100, 10000)
    return [peer]


def fill_by_unfinished_messages(own):
    peers = []
    for _ in range(200):
        peers.append(Peer(own.address))
        octets = encode_beginning(1, '', 'q', 2000000) + encode_frame(FRAME_BODY, 1, b'x' * 100000) * 15
        if peers[-1].write_until_held_up(octets, 1):
            break
    eventually(lambda: 'memory resource limit alarm set' in own.log())
    return peers


@pytest.mark.once
@pytest.mark.parametrize('fill', [fill_by_a_transaction, fill_by_unfinished_messages])
@pytest.mark.parametrize('end', [Peer.drop, Peer.reset])
def test_the_memory_alarm_ends_when_what_filled_the_memory_is_gone(configured, fill, end):
    own = configured('vm_memory_high_watermark.absolute = 150MB\n')
    Peer(own.address).declare('q')
    for peer in fill(own):
        end(peer)
    eventually(lambda: 'memory resource limit alarm cleared' in own.log())
    publish_confirmed(own)


def test_a_message_is_not_taken_while_an_alarm_is_on_even_a_connections_first(configured):
    own = configured('disk_free_limit.absolute = 900TB\n')
    eventually(lambda: 'disk resource limit alarm set' in own.log())
    reader, publisher = Peer(own.address), Peer(own.address)
    reader.declare('q')
    publisher.call(1, 'confirm.select')
    publisher.write(encode_publish(1, '', 'q', b'one') + encode_publish(1, '', 'q', b'two'))
    publisher.expect('connection.blocked', 0)
    assert reader.get('q') is None
    reload(own, 'disk_free_limit.absolute = 1\n')
    publisher.expect('connection.unblocked', 0)
    publisher.expect('basic.ack')
    assert reader.get('q').body == b'one'


# --- bodies ----------------------------------------------------------------------------------------------


@pytest.mark.once
def test_announced_bodies_cost_nothing(own_broker):
    own = own_broker()
    peer = Peer(own.address)
    peer.write(b''.join(encode_frame(FRAME_METHOD, n, encode_method('channel.open'))
                        + encode_beginning(n, 'nowhere', 'q', 100 << 20) for n in range(2, 2001)))
    for number in range(2, 2001):
        peer.expect('channel.open-ok', number)
    with open(f'/proc/{own.pid}/statm') as file:
        size, resident, *_ = (int(pages) * os.sysconf('SC_PAGE_SIZE') for pages in file.read().split())
    assert size < 8 << 30 and resident < 200 << 20
    publish_confirmed(own)


def test_a_large_message_arrives_as_it_was_sent_also_beside_others_that_are_not_whole(peer, connect, name):
    queue = peer.declare(name('q')).queue
    body = random.Random(1).randbytes(3 << 20)
    other = connect()
    other.write(encode_beginning(1, '', 'q', 50 << 20) + encode_frame(FRAME_BODY, 1, bytes(100000)) * 20)
    peer.write(encode_publish(1, '', queue, body, frame_max=20000) + encode_publish(1, '', queue, body))
    for _ in range(2):
        assert eventually(lambda: peer.get(queue)).body == body


# --- clients that do not read ----------------------------------------------------------------------------


def test_a_client_that_takes_nothing_is_cut_off_and_its_messages_go_to_others(configured):
    own = configured('tcp_listen_options.send_timeout = 1000\n')
    peer = Peer(own.address)
    peer.declare('q')
    stuck = Peer(own.address, receive_buffer=8192)
    stuck.call(1, 'basic.consume', queue='q')
    body, count = b'x' * 100000, 200
    for _ in range(count):
        peer.write(encode_publish(1, '', 'q', body))
    eventually(lambda: 'taken nothing' in own.log())
    eventually(lambda: peer.declare('q', passive=True).message_count == count)


@pytest.mark.once
def test_a_client_that_takes_a_little_now_and_then_stays(configured):
    own = configured('tcp_listen_options.send_timeout = 4000\n')
    peer = Peer(own.address)
    peer.declare('q')
    slow = Peer(own.address, receive_buffer=8192)
    slow.call(1, 'basic.consume', queue='q', no_ack=True)
    for _ in range(200):
        peer.write(encode_publish(1, '', 'q', b'x' * 100000))
    begun = time.monotonic()
    while time.monotonic() - begun < 10:
        assert slow.socket.recv(20000)
        time.sleep(0.2)
    assert 'taken nothing' not in own.log()
    assert peer.declare('q', passive=True).consumer_count == 1
