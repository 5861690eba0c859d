"""Statistics over the HTTP API: rates, samples, totals that never fall, and the settings that decide what is kept."""
import pytest

from http_client import Api, path
from wire import Peer

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

RANGE = dict(lengths_age=60, lengths_incr=5, msg_rates_age=60, msg_rates_incr=5, data_rates_age=60, data_rates_incr=5)


@pytest.fixture
def sampled(own_broker, tmp_path):
    """Makes a broker that collects statistics ten times a second, with these lines in its configuration besides."""
    def make(*lines):
        config = tmp_path / 'leveret.conf'
        config.write_text('\n'.join(('collect_statistics_interval = 100', *lines)) + '\n')
        return own_broker(flags=['--config', str(config)])
    return make


def stats(answer):
    return answer.json.get('message_stats', {})


def newest_sample(answer):
    """What a queue had published when it was sampled last; None: it was not sampled yet."""
    return stats(answer).get('publish_details', {}).get('samples', [{'sample': None}])[0]['sample']


def test_what_moves_has_rates_and_samples_and_what_has_ended_stays_in_totals(sampled):
    broker = sampled()
    api = Api(broker)
    q, vhost = path('queues', '/', 'q'), path('vhosts', '/')
    peer = Peer(broker.address)
    peer.declare('q')
    peer.call(1, 'confirm.select', nowait=False)
    for _ in range(5):
        peer.publish(routing_key='q', body=b'message')
        peer.expect('basic.ack')
    peer.publish(routing_key='nowhere')
    peer.expect('basic.ack')
    peer.get('q')
    peer.get('q', no_ack=False)

    # A queue: its values, and no rate any longer once nothing moves.
    answer = api.wait(q, lambda answer: stats(answer).get('publish') == 5 and stats(answer).get('deliver_get') == 2 and
                      stats(answer)['deliver_get_details'] == answer.json['messages_details'] == {'rate': 0.0})
    assert {key: stats(answer)[key] for key in ('get', 'get_no_ack', 'get_empty', 'ack', 'deliver', 'redeliver')} == {
        'get': 1, 'get_no_ack': 1, 'get_empty': 0, 'ack': 0, 'deliver': 0, 'redeliver': 0}

    # Samples: newest first, a step apart. The newest is at a full step of the clock.
    full = api.wait(q + '?' + path(**RANGE)[1:], lambda answer: newest_sample(answer) == 5)
    details = stats(full)['publish_details']
    times = [sample['timestamp'] for sample in details['samples']]
    assert len(times) == 13
    assert times[0] % 5000 == 0
    assert [before - after for before, after in zip(times, times[1:])] == [5000] * 12
    assert details['avg_rate'] == pytest.approx((5 - details['samples'][12]['sample']) / 60)
    assert {'rate', 'samples', 'avg', 'avg_rate'} == set(full.json['messages_details'])

    # Totals of the vhost and of the node remain when the channel, the connection and the queue have gone.
    api.wait(vhost, lambda answer: stats(answer).get('publish') == 6 and stats(answer).get('drop_unroutable') == 1)
    received = api.get(vhost).json['recv_oct']
    assert api.get(vhost + '?columns=recv_oct').json['recv_oct'] >= received     # alone, too
    peer.close()
    assert api.delete(q).status == 204
    gone = api.wait(vhost, lambda answer: answer.json.get('messages') == 0)
    assert (stats(gone)['publish'], stats(gone)['confirm'], stats(gone)['get']) == (6, 6, 1)
    assert gone.json['recv_oct'] >= received > 0
    overview = api.wait('/overview', lambda answer: answer.json['churn_rates']['queue_deleted'] == 1)
    assert stats(overview)['publish'] == 6
    assert overview.json['churn_rates']['connection_closed'] >= 1
    assert overview.json['queue_totals']['messages'] == 0


def test_detailed_statistics_are_by_channel_and_queue_or_exchange(sampled):
    broker = sampled('management.rates_mode = detailed')
    api = Api(broker)
    q, default = path('queues', '/', 'q'), path('exchanges', '/', 'amq.default')
    peer = Peer(broker.address)
    peer.declare('q')
    for tag in ('a', 'b'):  # two consumers of a channel are one row
        peer.call(1, 'basic.consume', queue='q', consumer_tag=tag)
    for key in ('q', 'q', 'nowhere'):
        peer.publish(routing_key=key)
    peer.contents(2)
    peer.get('q', no_ack=False)
    samples = path(**RANGE)[1:]
    [by_channel] = api.wait(q + '?' + samples, lambda answer: [
        row['stats']['deliver_details']['samples'][0]['sample'] for row in answer.json['deliveries']] == [2]).json['deliveries']
    [channel] = api.get('/channels').json
    assert by_channel['channel_details'] == {
        'connection_name': channel['connection_details']['name'], 'name': channel['name'], 'node': channel['node'], 'number': 1,
        'peer_host': '127.0.0.1', 'peer_port': channel['connection_details']['peer_port'], 'user': 'guest'}
    counts = {key: value for key, value in by_channel['stats'].items() if not key.endswith('_details')}
    assert counts == {'ack': 0, 'deliver': 2, 'deliver_get': 2, 'deliver_no_ack': 0, 'get': 0, 'get_empty': 1, 'get_no_ack': 0,
                      'redeliver': 0}

    shown = api.get(path('channels', channel['name'])).json
    [by_queue], [by_exchange] = shown['deliveries'], shown['publishes']
    assert by_queue['queue'] == {'name': 'q', 'vhost': '/'} and by_queue['stats']['deliver'] == 2
    assert by_exchange['exchange'] == {'name': '', 'vhost': '/'}
    counts = {key: value for key, value in by_exchange['stats'].items() if not key.endswith('_details')}
    assert counts == {'confirm': 0, 'drop_unroutable': 1, 'publish': 3, 'return_unroutable': 0}
    # As in RabbitMQ the default exchange hands a message to a queue that there is not.
    exchange = api.wait(default, lambda answer: stats(answer).get('publish_in') == 3)
    assert stats(exchange)['publish_out'] == 3 and exchange.json['outgoing'] == []
    [by_channel] = exchange.json['incoming']
    assert by_channel['channel_details']['name'] == channel['name'] and by_channel['stats'] == by_exchange['stats']
    assert api.get(q + '?columns=name').json == {'name': 'q'}
    peer.close()
    assert api.wait(q, lambda answer: answer.json['deliveries'] == []).json['incoming'] == []


def test_nothing_is_kept_that_is_not_wanted(sampled):
    broker = sampled('management.rates_mode = none')
    api = Api(broker)
    peer = Peer(broker.address)
    peer.declare('q')
    peer.publish(routing_key='q')
    answer = api.wait(path('queues', '/', 'q') + '?' + path(**RANGE)[1:], lambda answer: answer.json.get('messages') == 1)
    assert 'samples' not in answer.json.get('messages_details', {})
    assert api.get('/overview').json['rates_mode'] == 'none'
    for shown in (answer.json, api.get('/channels').json[0], api.get(path('exchanges', '/', 'amq.default')).json):
        assert 'message_stats' not in shown
    peer.close()

