"""Names that clients choose: whatever is in them, they forge no line of the log and move no terminal's cursor."""
import pytest

from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once]

# Escapes, a line that looks like the log's, a mark that turns the direction of text, C1, and a name as long as may be.
NASTY = 'q\x1b[31m\r\t2026-12-01 [info] forged\x07\u202e\u009bx'
LONG = 'n' * (255 - len(NASTY.encode()))
FORBIDDEN = ['\x1b', '\r2026', '\x07', '\u202e', '\u009b']


def test_names_are_escaped_in_the_log_and_on_a_terminal_and_kept_as_they_are_in_a_pipe(own_broker):
    broker = own_broker()
    name = NASTY + LONG
    for command in (['add_vhost', NASTY], ['add_user', NASTY, 'secret'], ['set_permissions', '-p', NASTY, NASTY, '.*', '.*', '.*'],
                    ['set_policy', '-p', NASTY, NASTY, '.*', '{"max-length": 10}'],
                    ['set_topic_permissions', '-p', NASTY, NASTY, 'amq.topic', '.*', '.*']):
        broker.ctl(*command)
    peer = Peer(broker.address, vhost=NASTY, user=NASTY, password='secret',
                properties={'product': NASTY, 'connection_name': NASTY, 'capabilities': {}})
    kept = peer.declare(name, exclusive=True).queue
    peer.call(1, 'exchange.declare', exchange=name, type='topic')
    peer.call(1, 'queue.bind', queue=kept, exchange=kept, routing_key=name)
    peer.call(1, 'basic.consume', queue=kept, consumer_tag=name)
    peer.open_channel(2)
    peer.send(2, 'queue.declare', queue=NASTY, passive=True)     # no such queue: a line in the log
    peer.expect('channel.close', 2)
    refused = Peer(broker.address, upto='start-ok', user=NASTY, password=NASTY)
    refused.expect('connection.close', 0)
    refused.drop()

    for listing in (['list_queues', '-p', NASTY, 'name', 'arguments'], ['list_exchanges', '-p', NASTY, 'name'],
                    ['list_bindings', '-p', NASTY], ['list_vhosts'], ['list_users'], ['list_permissions', '-p', NASTY],
                    ['list_policies', '-p', NASTY], ['list_topic_permissions', '-p', NASTY],
                    ['list_connections', 'name', 'user', 'vhost', 'client_properties'], ['list_channels', 'user', 'vhost'],
                    ['list_user_permissions', NASTY]):
        shown = broker.ctl_on_a_terminal(*listing).replace('\r\n', '\n')
        assert 'forged' in shown, listing
        for octets in FORBIDDEN:
            assert octets not in shown, (listing, octets)
    assert '\x1b[31m' in broker.ctl('list_users').out        # a program gets the name as it is
    peer.close()
    eventually(lambda: 'closed by the client' in broker.log())
    with open(broker.stderr, encoding='utf-8', newline='') as file:
        log = file.read()
    assert 'forged' in log
    for octets in FORBIDDEN:
        assert octets not in log
    assert not any(line.startswith('2026-12-01 [info] forged') for line in log.splitlines())
