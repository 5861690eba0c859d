"""How many messages go from which exchange to which queue, counted while somebody looks."""
import pytest

from http_client import Api, path
from wire import Peer, eventually

pytestmark = pytest.mark.leveret

FLOWS = path('vhosts', '/', 'flows')


def counts(api, *queues):
    """{(source, destination): count} of these queues."""
    return {(row['source'], row['destination']): row['count'] for row in api.get(FLOWS).json if row['destination'] in queues}


def test_flows_are_counted_from_the_first_look_on(broker, name):
    api, peer = Api(broker), Peer(broker.address)
    exchange, one, two, dead = (name(what) for what in ('x', 'one', 'two', 'dead'))
    peer.call(1, 'exchange.declare', exchange=exchange, type='fanout')
    peer.declare(one)
    peer.declare(dead)
    peer.declare(two, arguments={'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-message-ttl': 0})
    for queue in one, two:
        peer.call(1, 'queue.bind', queue=queue, exchange=exchange)
    peer.publish(routing_key=one)
    peer.declare(one, passive=True)                         # it is published, and nobody looks yet
    counts(api)
    for _ in range(3):
        peer.publish(exchange=exchange)
    peer.publish(routing_key=one)
    assert api.post(path('exchanges', '/', exchange, 'publish'), {
        'properties': {}, 'routing_key': '', 'payload': '', 'payload_encoding': 'string'}).json == {'routed': True}
    expected = {('', one): 1, (exchange, one): 4, (exchange, two): 4, ('', dead): 4}
    eventually(lambda: counts(api, one, two, dead) == expected)
    row, = [row for row in api.get(FLOWS).json if (row['source'], row['destination']) == (exchange, two)]
    assert (row['vhost'], row['destination_type'], row['rate'] > 0, row['counted_ms'] > 0) == ('/', 'queue', True, True)
    assert [row['source'] for row in api.get(f'{FLOWS}?queue={one}').json] == ['', exchange]
    peer.call(1, 'queue.delete', queue=dead)
    assert counts(api, dead) == {}                          # what there is no longer is not shown
    peer.close()


def test_only_those_with_access_to_the_vhost_see_flows(broker):
    api = Api(broker)
    broker.ctl('add_user', 'looker', 'looker')
    broker.ctl('set_user_tags', 'looker', 'management')
    assert api.get(FLOWS, user='looker').status == 401
    broker.ctl('set_permissions', 'looker', '', '', '')
    assert api.get(FLOWS, user='looker').status == 200
    assert api.get(path('vhosts', 'nowhere', 'flows')).status == 404
    broker.ctl('delete_user', 'looker')
