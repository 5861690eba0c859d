"""Limits of the node: how many channels, consumers, queues, exchanges and vhosts there may be, in RabbitMQ's words."""
import json
import re

import pytest

from wire import Closed, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]


@pytest.fixture
def limited(own_broker, tmp_path):
    """Makes a broker with these lines in its configuration."""
    def make(*lines):
        path = tmp_path / 'leveret.conf'
        path.write_text('\n'.join(lines) + '\n')
        return own_broker(flags=['--config', str(path)])
    return make


def test_channels_beyond_those_of_the_node_close_the_connection(limited):
    broker = limited('channel_max_per_node = 2')
    first, second = Peer(broker.address), Peer(broker.address)
    second.send(2, 'channel.open')
    close = second.expect('connection.close', 0)
    assert close.reply_code == 530
    assert re.fullmatch("NOT_ALLOWED - number of channels opened on node '.+' has reached the maximum allowed limit of 2",
                        close.reply_text)
    first.call(1, 'channel.close', reply_code=200, reply_text='', class_id=0, method_id=0)
    first.open_channel(1)
    first.open_channel(2)
    first.close()


def test_consumers_beyond_those_of_a_channel_close_the_connection(limited):
    broker = limited('consumer_max_per_channel = 2')
    peer = Peer(broker.address)
    queue = peer.declare().queue
    for _ in range(2):
        peer.call(1, 'basic.consume', queue=queue)
    peer.open_channel(2)
    peer.call(2, 'basic.consume', queue=queue)
    peer.send(1, 'basic.consume', queue=queue)
    peer.expect_connection_close(530, 'NOT_ALLOWED - reached maximum (2) of consumers per channel', 'basic.consume')


def test_queues_beyond_those_of_the_node_are_refused(limited):
    broker = limited('cluster_queue_limit = 2')
    broker.ctl('add_vhost', 'other')
    broker.ctl('set_permissions', '-p', 'other', 'guest', '.*', '.*', '.*')
    here, other = Peer(broker.address), Peer(broker.address, vhost='other')
    here.declare('a')
    other.declare('b')
    here.declare('a')                                        # it exists already
    here.send(1, 'queue.declare', queue='c')
    here.expect_channel_close(406, "PRECONDITION_FAILED - cannot declare queue 'c': queue limit in cluster (2) is reached")
    other.call(1, 'queue.delete', queue='b')
    here.open_channel(1)
    here.declare('c')
    here.close()
    other.close()


def test_exchanges_beyond_those_of_the_node_are_refused(limited):
    broker = limited('cluster_exchange_limit = 9')           # each vhost begins with 7, and one has that of events
    peer = Peer(broker.address)
    peer.call(1, 'exchange.declare', exchange='x', type='fanout')
    peer.send(1, 'exchange.declare', exchange='y', type='fanout')
    peer.expect_channel_close(406, "PRECONDITION_FAILED - cannot declare exchange 'y' in vhost '/': exchange limit of 9 is reached")
    peer.open_channel(1)
    peer.call(1, 'exchange.declare', exchange='x', type='fanout')
    peer.close()


def test_vhosts_beyond_the_limit_are_refused(limited):
    broker = limited('vhost_max = 2')
    broker.ctl('add_vhost', 'a')
    broker.ctl('add_vhost', 'a')
    refused = broker.ctl('add_vhost', 'b', check=False)
    assert refused.code != 0
    assert "cannot create vhost 'b': vhost limit of 2 is reached" in refused.err
    broker.ctl('delete_vhost', 'a')
    broker.ctl('add_vhost', 'b')


def test_limits_below_what_exists_keep_what_exists(limited, tmp_path):
    broker = limited()
    peer = Peer(broker.address)
    for queue in 'abc':
        peer.declare(queue, durable=True)
    peer.close()
    broker.stop()
    (tmp_path / 'leveret.conf').write_text('cluster_queue_limit = 1\ncluster_exchange_limit = 0\nvhost_max = 0\n')
    broker.start()
    assert broker.ctl('list_queues', '-q', 'name').out.split() == ['name', 'a', 'b', 'c']


def test_connections_beyond_those_of_a_listener_wait_until_others_close(limited):
    broker = limited('ranch_connection_max = 2')
    first, second = Peer(broker.address), Peer(broker.address)
    waiting = Peer(broker.address, upto='connected')
    waiting.write(b'AMQP\0\0\x09\1')
    broker.says('ranch_connection_max')              # else the first may be gone before the third is seen
    first.close()
    waiting.expect('connection.start', 0)
    second.close()
    waiting.drop()


def test_a_peer_with_too_many_connections_that_have_not_logged_in_gets_no_more(limited):
    broker = limited('handshakes_max_per_address = 3')
    silent = [Peer(broker.address, upto='header') for _ in range(3)]
    refused = Peer(broker.address, upto='connected')
    refused.expect_closed()
    eventually(lambda: 'handshakes_max_per_address' in broker.log())
    silent.pop().drop()
    users = []
    while len(users) < 5:                                    # one that has logged in does not count any longer
        try:
            users.append(Peer(broker.address))
        except Exception:                                    # the broker has not seen yet that the silent one has gone
            assert not users
    for peer in users + silent:
        peer.drop()


def connected(broker):
    """A new connection, or None if the broker closes it before it has said anything."""
    try:
        return Peer(broker.address)
    except (OSError, Closed, AssertionError):
        return None


def test_connections_beyond_the_descriptors_are_closed_at_once_and_the_others_stay(own_broker):
    broker = own_broker(wrapper=['prlimit', '--nofile=64:64'])

    def descriptors():
        return json.loads(broker.ctl('status', '--formatter', 'json').out)['file_descriptors']
    before = descriptors()
    assert (before['total_limit'], before['sockets_limit']) == (64, 48)
    crowd = []
    while peer := connected(broker):
        crowd.append(peer)
        assert len(crowd) < 48
    eventually(lambda: 'out of file descriptors' in broker.log())
    full = descriptors()                                     # the control socket is served all the same
    assert full['sockets_used'] >= len(crowd) and full['total_used'] <= 64
    assert re.search(r'^Sockets: [0-9]+, limit: 48$', broker.ctl('status').out, re.M)
    for peer in crowd:
        peer.declare()                                       # who is in, is served
    crowd.pop().close()
    crowd.append(eventually(lambda: connected(broker)))      # and who leaves makes room
    for peer in crowd:
        peer.drop()
