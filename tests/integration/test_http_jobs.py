"""Jobs over the HTTP API: moving messages, retrying dead letters, purging, importing; progress, cancelling, who may see them."""
import json

import pytest

from crash_tools import fail_io
from http_client import Api, path
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

VHOST = 'works'


@pytest.fixture(scope='module')
def api(broker):
    broker.ctl('add_vhost', VHOST)
    broker.ctl('set_permissions', '-p', VHOST, 'guest', '.*', '.*', '.*')
    for user, tags in (('mover', 'management'), ('auditor', 'monitoring')):
        broker.ctl('add_user', user, user)
        broker.ctl('set_user_tags', user, tags)
    broker.ctl('set_permissions', '-p', VHOST, 'mover', '', '^$', '.*')
    yield Api(broker)
    broker.ctl('delete_vhost', VHOST)
    for user in 'mover', 'auditor':
        broker.ctl('delete_user', user)


@pytest.fixture
def queues(api, name):
    """Makes queues, and deletes them at the end."""
    made = []

    def make(suffix, **arguments):
        made.append(name(suffix))
        assert api.put(target(made[-1]), {'durable': True, 'arguments': arguments}).status == 201
        return made[-1]

    yield make
    for each in made:
        api.delete(target(each))


def target(queue, *more, **query):
    return path('queues', VHOST, queue, *more, **query)


def fill(broker, queue, count):
    peer = Peer(broker.address, vhost=VHOST)
    for number in range(count):
        peer.publish(1, '', queue, str(number))
    eventually(lambda: peer.declare(queue, passive=True).message_count == count)
    peer.close()


def payloads(api, queue):
    answer = api.post(target(queue, 'get'), {'count': -1, 'ackmode': 'ack_requeue_true', 'encoding': 'auto'})
    return [message['payload'] for message in answer.json]


def numbers(begin, end):
    return [str(number) for number in range(begin, end)]


def ended(api, answer, user=...):
    """Waits for the end of the job that the answer begins."""
    assert answer.status == 202, answer
    place = answer.headers['location']
    assert place == f'/api/jobs/{answer.json["id"]}'
    return api.wait(place[len('/api'):], lambda answer: answer.json['state'] != 'running', user=user).json


def test_messages_are_moved_in_order(api, broker, queues):
    source, other = queues('from'), queues('to')
    fill(broker, source, 200)
    job = api.post(target(source, 'move'), {'destination': other})
    assert job.status == 200
    assert [job.json[key] for key in ('kind', 'state', 'done', 'skipped', 'total', 'user', 'what', 'error')] == [
        'move', 'done', 200, 0, 200, 'guest', f"queue '{source}' in vhost '{VHOST}'", '']
    assert payloads(api, source) == []
    eventually(lambda: payloads(api, other) == numbers(0, 200))


def test_some_messages_are_moved(api, broker, queues):
    source, other = queues('from'), queues('to')
    fill(broker, source, 10)
    assert api.post(target(source, 'move'), {'destination': other, 'count': 3}).json['done'] == 3
    eventually(lambda: (payloads(api, source), payloads(api, other)) == (numbers(3, 10), numbers(0, 3)))


def test_what_the_destination_refuses_stays(api, broker, queues):
    source, small = queues('from'), queues('small', **{'x-max-length': 2, 'x-overflow': 'reject-publish'})
    fill(broker, source, 5)
    job = api.post(target(source, 'move'), {'destination': small}).json
    assert (job['state'], job['done'], job['skipped']) == ('done', 5, 3)
    eventually(lambda: (len(payloads(api, source)), len(payloads(api, small))) == (3, 2))


def test_a_move_that_makes_no_sense_is_refused(api, broker, queues):
    source, other = queues('from'), queues('to')
    assert api.post(target(source, 'move')).json['reason'] == '[{key_missing,destination}]'
    assert api.post(target(source, 'move'), {'destination': ''}).status == 400
    assert api.post(target(source, 'move'), {'destination': source}).status == 400
    assert api.post(target(source, 'move'), {'destination': 'missing'}).status == 404
    assert api.post(target('missing', 'move'), {'destination': other}).status == 404
    assert api.post(target(source, 'move'), {'destination': other}, user='mover').json == {
        'error': 'not_authorised', 'reason': 'Access refused.'}
    peer = Peer(broker.address, vhost=VHOST)
    peer.declare('locked', exclusive=True)
    assert 'locked queue' in api.post(target(source, 'move'), {'destination': 'locked'}).json['reason']
    peer.close()


def test_dead_letters_go_back(api, broker, queues):
    dead = queues('dead')
    source = queues('from', **{'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead})
    fill(broker, source, 4)
    api.post(target(source, 'get'), {'count': 4, 'ackmode': 'reject_requeue_false', 'encoding': 'auto'})
    eventually(lambda: len(payloads(api, dead)) == 4)
    job = api.post(target(dead, 'retry'), {'count': 3}).json
    assert (job['kind'], job['state'], job['done'], job['skipped']) == ('retry', 'done', 3, 0)
    eventually(lambda: (len(payloads(api, dead)), len(payloads(api, source))) == (1, 3))


def test_a_purge_may_be_a_job(api, broker, queues):
    full = queues('full')
    fill(broker, full, 100)
    job = ended(api, api.delete(target(full, 'contents', **{'async': 'true'})))
    assert (job['kind'], job['state'], job['done'], job['total']) == ('purge', 'done', 100, 100)
    assert payloads(api, full) == []
    job = ended(api, api.delete(target('missing', 'contents', **{'async': 'true'})))
    assert (job['state'], job['error']) == ('failed', 'Queue not found')


def test_an_import_may_be_a_job(api, broker, queues):
    vhost = {'vhosts': [{'name': VHOST}], 'queues': [{'name': queues('old'), 'vhost': VHOST, 'hat': 1}]}
    job = ended(api, api.post('/definitions?async=true', vhost))
    assert [job[key] for key in ('kind', 'what', 'state', 'done', 'total', 'error', 'notes')] == [
        'import', 'definitions', 'done', 2, 2, '', "queues: the unknown field 'hat' is ignored\n"]
    wrong = {'queues': [{'name': 'new'}]}
    job = ended(api, api.post(path('definitions', VHOST, **{'async': 'true'}), wrong))
    assert (job['what'], job['state'], job['done'], job['total']) == (f"definitions of vhost '{VHOST}'", 'done', 1, 1)
    api.delete(target('new'))
    job = ended(api, api.post('/definitions?async=true', wrong))
    assert (job['state'], job['error'].strip()) == ('failed', "queues[0] 'new': vhost is missing")
    assert 'line 1' in ended(api, api.post('/definitions?async=true', '{"queues": x}'))['error']
    broker.ctl('import_definitions', input='{}')
    listed = json.loads(broker.ctl('list_jobs', 'kind', 'user', 'state', '--formatter', 'json').out)
    assert {'kind': 'import', 'user': 'rmq-cli', 'state': 'done'} in listed


def test_an_import_that_is_cancelled_has_changed_nothing(api, broker):
    """Passwords take long: the job is cancelled while it makes hashes of them."""
    many = {'vhosts': [{'name': 'many'}], 'users': [{'name': f'many-{n}', 'password': 'p', 'tags': ''} for n in range(3000)]}
    begun = api.post('/definitions?async=true', many)
    place = path('jobs', begun.json['id'])
    assert api.get(place).json['state'] == 'running'
    assert api.delete(place).status == 204
    job = ended(api, begun)
    assert (job['state'], job['done'], job['total']) == ('cancelled', 0, 3001)
    assert [api.get(where).status for where in ('/users/many-0', '/vhosts/many')] == [404, 404]
    eventually(lambda: 'an import of definitions is cancelled: nothing is changed' in broker.log())


def test_an_import_that_has_begun_to_change_something_is_not_cancelled(own_broker, workspace, tmp_path):
    """Its rows are applied, and the disk takes as long as the test wants to store them."""
    when = tmp_path / 'while'
    own = own_broker(environment={'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': 'definitions.sqlite', 'FAIL_IO_CALL': 'sync',
                                  'FAIL_IO_WHEN': str(when), 'FAIL_IO_WAITS': '1'})
    api = Api(own)
    when.touch()
    begun = api.post('/definitions?async=true', {'vhosts': [{'name': 'v'}], 'queues': [{'name': 'q', 'vhost': 'v'}]})
    place = path('jobs', begun.json['id'])
    try:
        api.wait(place, lambda answer: answer.json['done'] == 2)
        refused, command = api.delete(place), own.ctl('cancel_job', str(begun.json['id']), check=False)
        assert api.get(place).json['state'] == 'running'
    finally:
        when.unlink()
    why = f'job {begun.json["id"]} is about to end, and can no longer be cancelled'
    assert (refused.status, refused.json['reason']) == (400, why) and why in command.err
    assert ended(api, begun)['state'] == 'done'
    assert api.get(path('queues', 'v', 'q')).status == 200


def test_jobs_are_seen_by_their_users_and_by_monitors(api, broker, queues):
    job = ended(api, api.delete(target(queues('q'), 'contents', **{'async': 'true'})))
    place = path('jobs', job['id'])
    own = ended(api, api.delete(target(queues('q2'), 'contents', **{'async': 'true'}), user='mover'), user='mover')
    seen = {one['id']: one['user'] for one in api.get('/jobs', user='mover').json}
    assert own['id'] in seen and set(seen.values()) == {'mover'}
    assert {job['id'], own['id']} <= {one['id'] for one in api.get('/jobs', user='auditor').json}
    assert [api.get(place, user=user).status for user in ('guest', 'auditor', 'mover')] == [200, 200, 404]
    assert [api.delete(place, user=user).status for user in ('guest', 'auditor', 'mover')] == [204, 401, 404]
    assert [api.get(path('jobs', wrong)).status for wrong in ('0', '99999', 'x', '-1')] == [404] * 4
    listed = json.loads(broker.ctl('list_jobs', 'id', 'state', '--formatter', 'json').out)
    assert {'id': job['id'], 'state': 'done'} in listed


def test_a_job_is_cancelled(own_broker):
    broker = own_broker()
    api = Api(broker)
    for queue in 'a', 'b':
        api.put(path('queues', '/', queue), {'durable': True})
    api.post(path('exchanges', '/', 'amq.default', 'publish'),
             {'properties': {}, 'routing_key': 'a', 'payload': 'x', 'payload_encoding': 'string'})
    broker.ctl('set_vm_memory_high_watermark', 'absolute', '1')   # while an alarm is on, nothing is moved
    publish = {'properties': {}, 'routing_key': 'a', 'payload': 'x', 'payload_encoding': 'string'}
    eventually(lambda: api.post(path('exchanges', '/', 'amq.default', 'publish'), publish).status == 503)
    begun = api.post(path('queues', '/', 'a', 'move') + '?async=true', {'destination': 'b'})
    place = path('jobs', begun.json['id'])
    assert api.get(place).json['state'] == 'running'
    broker.ctl('cancel_job', str(begun.json['id']))
    assert ended(api, begun)['state'] == 'cancelled'
    assert api.get(place).json['done'] == 0
    refused = broker.ctl('cancel_job', '77', check=False)
    assert (refused.code, 'Job not found' in refused.err) == (64, True), refused


def test_a_broker_stops_while_a_job_runs(own_broker):
    broker = own_broker()
    api = Api(broker)
    for queue in 'a', 'b':
        api.put(path('queues', '/', queue))
    publish = {'properties': {}, 'routing_key': 'a', 'payload': 'x', 'payload_encoding': 'string'}
    api.post(path('exchanges', '/', 'amq.default', 'publish'), publish)
    broker.ctl('set_vm_memory_high_watermark', 'absolute', '1')
    eventually(lambda: api.post(path('exchanges', '/', 'amq.default', 'publish'), publish).status == 503)
    assert api.post(path('queues', '/', 'a', 'move') + '?async=true', {'destination': 'b'}).status == 202
    broker.stop()
