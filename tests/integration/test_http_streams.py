"""Streams of server-sent events over the HTTP API: the log, and what happens in the broker."""
import json
import resource
import time

import pytest

from http_client import Api, Raw, basic, path
from patience import PATIENCE_S
from wire import eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]


class Stream:
    """Reads a stream event by event. A stream is never silent for long, so what is awaited has a deadline of its own."""

    def __init__(self, api, target, user=('guest', 'guest')):
        self.connection = api.connection()
        self.connection.request('GET', '/api' + target, headers={'authorization': basic(*user)})
        self.response = self.connection.getresponse()
        self.status, self.headers = self.response.status, self.response.headers
        if self.status == 200:
            assert self.response.readline() == b':\n' and self.response.readline() == b'\n'

    def next(self, end=None):
        """(event, data), or None at the end of the stream. `end`: not later than this."""
        event, end = {}, end or time.monotonic() + PATIENCE_S
        while True:
            line = self.response.readline().decode()
            assert time.monotonic() < end, f'nothing but comments within {PATIENCE_S} s'
            if line == '':
                return None
            if line == '\n' and event:
                return event['event'], json.loads(event['data'])
            if not line.startswith(':') and line != '\n':
                name, value = line.rstrip('\n').split(': ', 1)
                event[name] = value

    def until(self, is_it):
        """The first event that is it. Fails with what came instead."""
        seen, end = [], time.monotonic() + PATIENCE_S
        try:
            while True:
                event = self.next(end)
                seen.append(event)
                assert event is not None, 'the stream has ended'
                if is_it(*event):
                    return event
        except (AssertionError, OSError) as error:
            raise AssertionError(f'{error}; seen: {seen}') from None

    def close(self):
        self.connection.close()


def patient(api):
    """A stream, as soon as there is a place for it."""
    made = []
    eventually(lambda: made.append(Stream(api, '/logs?lines=0')) or made[-1].status == 200)
    return made[-1]


@pytest.fixture
def broker(own_broker):
    """Nothing else happens in it: of many lines and events at once, not all are streamed."""
    return own_broker()


@pytest.fixture
def api(broker):
    return Api(broker)


@pytest.fixture
def stream(api):
    made = []

    def make(target, **how):
        made.append(Stream(api, target, **how))
        return made[-1]

    yield make
    for each in made:
        each.close()


def test_what_happens_is_streamed(api, stream, name):
    events = stream('/events')
    assert (events.status, events.headers['content-type']) == (200, 'text/event-stream')
    queue = name('q')
    api.put(path('queues', '/', queue))
    created = events.until(lambda event, data: event == 'queue.created' and data['name'] == queue)[1]
    assert (created['vhost'], created['user_who_performed_action']) == ('/', 'guest') and created['timestamp_in_ms'] > 0
    api.delete(path('queues', '/', queue))
    events.until(lambda event, data: event == 'queue.deleted' and data['name'] == queue)


def test_the_log_is_streamed(api, stream, name):
    lines = stream('/logs?lines=0')
    assert (lines.status, lines.headers['content-type']) == (200, 'text/event-stream')
    queue = name('q')
    api.put(path('queues', '/', queue))
    event, line = lines.until(lambda event, data: queue in data.get('msg', ''))
    assert event == 'log' and line['level'] == 'info' and line['msg'].startswith('guest: queue ')


def test_recent_lines_alone_end(api, stream, name):
    queue = name('q')
    api.put(path('queues', '/', queue))
    api.delete(path('queues', '/', queue))

    def seen():
        lines = stream('/logs?lines=100&follow=false')
        return [data['msg'] for event, data in iter(lines.next, None) if queue in data['msg']]

    eventually(lambda: len(seen()) == 2)
    assert api.get('/logs?lines=x').status == 400


def test_streams_are_for_monitors(api, broker):
    broker.ctl('add_user', 'plain', 'plain')
    broker.ctl('set_user_tags', 'plain', 'management')
    for target in '/events', '/logs':
        assert api.get(target, user='plain').json == {'error': 'not_authorised', 'reason': 'Not monitor user'}


def test_many_streams_get_what_happens(api, stream, name):
    """Of the broker's descriptors, a tenth are for pairs of sockets, half of which may be streams'."""
    many = min(200, resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 20)
    streams = [stream('/events' if i % 2 else '/logs?lines=0') for i in range(many)]
    queue = name('q')
    api.put(path('queues', '/', queue))
    for each in streams:
        each.until(lambda event, data: queue in (data.get('name'), *data.get('msg', '').split("'")))


def test_a_reader_that_does_not_read_loses_the_oldest_events(api, connect):
    """The kernel keeps up to 4 MB for it, and the broker some 1.5 MB."""
    slow, count = Raw(api.port, receive_buffer=200_000), 75
    slow.send(f'GET /api/events HTTP/1.1\r\nhost: x\r\nauthorization: {basic("guest", "guest")}\r\n\r\n')
    while b'\n:\n\n' not in slow.buffer:
        assert slow.more()
    peer = connect()
    for i in range(count):
        peer.call(1, 'exchange.declare', exchange=f'x{i}', type='fanout', arguments={'note': 'x' * 100_000})
    while f'"name":"x{count - 1}"'.encode() not in slow.buffer[-1_000_000:]:
        assert slow.more()
    slow.close()
    assert 0 < slow.buffer.count(b'event: exchange.created') < count
    assert b'event: lost\ndata: {"count":' in slow.buffer


def test_streams_are_bounded_and_end_with_their_clients_and_users(own_broker):
    """With 400 descriptors there may be 20."""
    few = own_broker(wrapper=['prlimit', '--nofile=400'])
    api = Api(few)
    few.ctl('add_user', 'follower', 'follower')
    few.ctl('set_user_tags', 'follower', 'monitoring')
    assert api.call('HEAD', '/events').headers['content-type'] == 'text/event-stream'
    own = [Stream(api, '/events', user=('follower', 'follower')) for _ in range(10)]
    others = [Stream(api, '/logs?lines=0') for _ in range(9)]
    assert {each.status for each in own + others} == {200}
    others.append(patient(api))
    refused = api.get('/events')
    assert (refused.status, refused.json['reason']) == (503, 'too many streams are open already')
    for each in others:
        each.close()
    patient(api).close()
    few.ctl('delete_user', 'follower')
    for each in own:
        while each.next():
            pass


def test_streams_end_when_the_broker_stops(broker, stream):
    streams = [stream('/events') for _ in range(10)] + [stream('/logs') for _ in range(10)]
    broker.stop()
    for each in streams:
        try:
            while each.next():
                pass
        except (OSError, ValueError):
            pass
