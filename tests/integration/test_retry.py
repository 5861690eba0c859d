"""leveretctl retry_dead_letters: dead letters go back to the queues they came from."""
import json
import subprocess
import threading

import pytest

from crash_tools import PERSISTENT
from patience import PATIENCE_S
from wire import Peer, encode_properties, eventually

pytestmark = pytest.mark.leveret


def retry(broker, queue, *words):
    answer = json.loads(broker.ctl('retry_dead_letters', queue, '--formatter', 'json', *words).out)
    return answer['value']['moved'], answer['value']['stayed']


def count(peer, queue):
    return peer.declare(queue, passive=True).message_count


def reject_all(peer, queue, number):
    """Takes so many messages and rejects them all."""
    tag = peer.call(1, 'basic.consume', queue=queue).consumer_tag
    last = peer.contents(number)[-1].method.delivery_tag
    peer.call(1, 'basic.cancel', consumer_tag=tag)
    peer.send(1, 'basic.nack', delivery_tag=last, multiple=True, requeue=False)


@pytest.fixture
def deaths(peer, name):
    """A queue whose dead letters go to another one; an exchange that leads to it."""
    class Names:
        work, dead, x, dlx = (name(suffix) for suffix in ('work', 'dead', 'x', 'dlx'))
    peer.call(1, 'exchange.declare', exchange=Names.x, type='topic', durable=True)
    peer.call(1, 'exchange.declare', exchange=Names.dlx, type='fanout', durable=True)
    peer.declare(Names.work, durable=True, arguments={'x-dead-letter-exchange': Names.dlx, 'x-dead-letter-routing-key': 'dead'})
    peer.declare(Names.dead, durable=True)
    peer.call(1, 'queue.bind', queue=Names.work, exchange=Names.x, routing_key='order.#')
    peer.call(1, 'queue.bind', queue=Names.dead, exchange=Names.dlx)
    yield Names
    for queue in (Names.work, Names.dead):
        peer.call(1, 'queue.delete', queue=queue)


def test_dead_letters_are_as_they_were(broker, peer, deaths):
    mine = dict(headers={'mine': 'kept'}, delivery_mode=2, message_id='m7')
    for number in range(5):
        peer.publish(1, deaths.x, f'order.{number}', str(number), encode_properties(mine))
    reject_all(peer, deaths.work, 5)
    eventually(lambda: count(peer, deaths.dead) == 5)
    peer.publish(1, '', deaths.dead, 'no dead letter')
    eventually(lambda: count(peer, deaths.dead) == 6)
    assert retry(broker, deaths.dead) == (5, 1)
    for number in range(5):
        message = peer.get(deaths.work)
        assert (message.body, message.method.exchange, message.method.routing_key, message.method.redelivered) == (
            b'%d' % number, deaths.x, f'order.{number}', False)
        assert message.header.octets[12:] == encode_properties(mine)
    left = peer.get(deaths.dead)
    assert (left.body, left.method.redelivered) == (b'no dead letter', False)
    assert retry(broker, deaths.dead) == (0, 0)


def test_so_many_at_most_with_their_history(broker, peer, deaths):
    for number in range(5):
        peer.publish(1, deaths.x, 'order', str(number))
    reject_all(peer, deaths.work, 5)
    eventually(lambda: count(peer, deaths.dead) == 5)
    assert retry(broker, deaths.dead, '--limit', '2', '--keep-history') == (2, 0)
    assert (count(peer, deaths.work), count(peer, deaths.dead)) == (2, 3)
    message = peer.get(deaths.work)
    assert (message.body, message.properties['headers']['x-death'] is not None) == (b'0', True)
    assert retry(broker, deaths.dead, '--limit', '0') == (0, 0)
    assert peer.get(deaths.dead).body == b'2'


def test_what_expired_does_not_expire_again(broker, peer, deaths):
    peer.publish(1, deaths.x, 'order', 'late', encode_properties(dict(expiration='1')))
    eventually(lambda: count(peer, deaths.dead) == 1)
    assert retry(broker, deaths.dead) == (1, 0)
    message = peer.get(deaths.work)
    assert message.header.octets[12:] == b'\0\0' and message.body == b'late'


def test_a_queue_that_is_gone_leaves_the_exchange(broker, peer, deaths, name):
    peer.publish(1, deaths.x, 'order.a', 'one')
    reject_all(peer, deaths.work, 1)
    eventually(lambda: count(peer, deaths.dead) == 1)
    peer.call(1, 'queue.delete', queue=deaths.work)
    assert retry(broker, deaths.dead) == (0, 1)      # nowhere to go
    peer.declare(name('new'), exclusive=True)
    peer.call(1, 'queue.bind', queue=name('new'), exchange=deaths.x, routing_key='order.a')
    assert retry(broker, deaths.dead) == (1, 0)
    message = peer.get(name('new'))
    assert (message.body, message.method.exchange, message.method.routing_key) == (b'one', deaths.x, 'order.a')


def test_what_the_queue_refuses_stays(broker, peer, name):
    work, dead = name('work'), name('dead')
    peer.declare(dead, exclusive=True)
    peer.declare(work, exclusive=True, arguments={
        'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead, 'x-max-length': 2, 'x-overflow': 'reject-publish'})
    for number in range(4):
        peer.publish(1, '', work, str(number))
        if number % 2:
            reject_all(peer, work, 2)
    eventually(lambda: count(peer, dead) == 4)
    assert retry(broker, dead) == (2, 2)
    got = [peer.get(dead) for _ in range(2)]
    assert [(message.body, message.method.redelivered) for message in got] == [(b'2', False), (b'3', False)]
    assert [peer.get(work).body for _ in range(2)] == [b'0', b'1']


@pytest.mark.parametrize('keep', [(), ('--keep-history',)])
def test_a_queue_that_drops_duplicates_takes_back_what_it_knows(broker, peer, name, keep):
    """Its memory has the value: of the letter that comes back, not of another."""
    work, dead = name('work'), name('dead')
    peer.declare(dead, exclusive=True)
    peer.declare(work, exclusive=True, arguments={'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': dead,
                                                  'x-message-deduplication': True})
    value = encode_properties({'headers': {'x-deduplication-header': 'p-1'}})
    peer.publish(1, '', work, 'once', value)
    reject_all(peer, work, 1)
    eventually(lambda: count(peer, dead) == 1)
    assert retry(broker, dead, *keep) == (1, 0)
    peer.publish(1, '', work, 'a duplicate', value)
    assert count(peer, work) == 1
    assert peer.get(work).body == b'once'


def test_dead_letters_of_the_very_queue_stay(broker, peer, name):
    peer.declare(name('q'), exclusive=True, arguments={'x-dead-letter-exchange': '', 'x-dead-letter-routing-key': name('q')})
    peer.publish(1, '', name('q'), 'round')
    reject_all(peer, name('q'), 1)
    eventually(lambda: count(peer, name('q')) == 1)
    assert retry(broker, name('q')) == (0, 1)


def test_what_an_operator_gets_wrong(broker, peer, name):
    assert broker.ctl('retry_dead_letters', name('none'), check=False).code == 64
    assert broker.ctl('retry_dead_letters', check=False).code == 64
    peer.declare(name('q'), exclusive=True)
    assert broker.ctl('retry_dead_letters', name('q'), '--limit', 'all', check=False).code == 64
    assert broker.ctl('retry_dead_letters', name('q')).out == (
        f"Moving dead letters out of queue '{name('q')}' in vhost '/' ...\n0 messages moved, 0 stayed\n")


# --- much of it, on disk -------------------------------------------------------------------------------------

HISTORY = {'x-death': ('A', [('F', {
    'count': ('l', 1), 'reason': 'rejected', 'queue': 'work', 'time': ('T', 1700000000), 'exchange': '',
    'routing-keys': ['work']})])}


def graveyard(broker, number, others):
    """The queue `dead` with so many dead letters of the queue `work`, most of them on disk; every tenth of all
    messages is none when there are to be others."""
    size = 20_000_000 // number
    dead_letter = encode_properties(dict(delivery_mode=2, headers=HISTORY))
    with Peer(broker.address) as peer:
        peer.declare('work', durable=True)
        peer.declare('dead', durable=True)
        peer.call(1, 'confirm.select')
        for at in range(number):
            is_other = others and at % 10 == 9
            peer.publish(1, '', 'dead', b'%08d' % at + bytes(size - 8), PERSISTENT if is_other else dead_letter)
        confirmed = 0
        while confirmed < number:
            frame = peer.expect('basic.ack', 1)
            confirmed = frame.delivery_tag if frame.multiple else confirmed + 1
        peer.close()


def numbers_in(broker, queue):
    shown = json.loads(broker.ctl('browse_queue', queue, '--truncate', '8', '--formatter', 'json', 'payload').out)
    return [int(row['payload']) for row in shown]


def runs(numbers):
    """The numbers as text: 3-5 7."""
    text, first = [], None
    for at in sorted(numbers):
        if first is None or at != last + 1:
            first = at
            text.append(f'{at}')
        else:
            text[-1] = f'{first}-{at}'
        last = at
    return ' '.join(text)


def check_all_are_there(broker, number):
    """Every message is in `work` or in `dead`. If not, says what a second look finds: a message that a look has missed is not lost.
    Returns what is in them."""
    def look():
        return numbers_in(broker, 'work'), numbers_in(broker, 'dead')
    work, dead = look()
    missing = set(range(number)) - set(work) - set(dead)
    if missing:
        again = look()
        counts = broker.ctl('list_queues', 'name', 'messages_ready', 'messages_unacknowledged', 'messages_ram').out
        raise AssertionError(
            f'not seen: {runs(missing)}\nnor in a second look: {runs(missing - set(again[0]) - set(again[1]))}\n'
            f'work: {runs(work)}\ndead: {runs(dead)}\n{counts}\n{broker.log()[-4000:]}')
    return work, dead


@pytest.mark.once(also=['asan'])
def test_a_graveyard_on_disk_rises_in_order(own_broker, volume):
    broker, number = own_broker(), volume(20_000)
    graveyard(broker, number, others=True)
    others = list(range(9, number, 10))
    rise = [at for at in range(number) if at % 10 != 9]
    assert retry(broker, 'dead', '--limit', str(number // 4)) == (number // 4, number // 4 // 9)
    assert numbers_in(broker, 'work') == rise[:number // 4]

    taken = []
    with Peer(broker.address) as taker, Peer(broker.address) as rival:
        taker.call(1, 'basic.consume', queue='work', no_ack=True)
        taking = threading.Thread(target=lambda: taken.extend(
            int(message.body[:8]) for message in taker.contents(len(rise))))
        taking.start()
        moved, stayed = retry(broker, 'dead')
        assert (moved, stayed) == (len(rise) - number // 4, len(others))
        taking.join(60)
        assert taken == rise
        rival.close()
        taker.close()
    assert numbers_in(broker, 'dead') == others
    broker.restart()
    assert numbers_in(broker, 'dead') == others and numbers_in(broker, 'work') == []
    with Peer(broker.address) as peer:
        peer.call(1, 'basic.consume', queue='dead', no_ack=True)
        assert [int(message.body[:8]) for message in peer.contents(len(others))] == others
        peer.close()
    broker.stop()


@pytest.mark.once(also=['asan'])
def test_consumers_take_meanwhile(own_broker, volume):
    broker, number = own_broker(), volume(20_000)
    graveyard(broker, number, others=False)
    taken = []

    def take_up_to_the_last(taker):
        while True:
            message = taker.content(1)
            taker.send(1, 'basic.ack', delivery_tag=message.method.delivery_tag)
            if message.body == b'last':
                break
            taken.append(int(message.body[:8]))

    with Peer(broker.address) as taker, Peer(broker.address) as publisher:
        taker.call(1, 'basic.qos', prefetch_count=20)
        taker.call(1, 'basic.consume', queue='dead')
        taking = threading.Thread(target=take_up_to_the_last, args=[taker])
        taking.start()
        eventually(lambda: taken, every_s=0)
        moved, stayed = retry(broker, 'dead')
        publisher.publish(1, '', 'dead', 'last')
        taking.join(60)
        taker.call(1, 'basic.qos', prefetch_count=0)     # every acknowledgement has arrived
        publisher.close()
        taker.close()
    assert stayed == 0 and taken
    work, dead = numbers_in(broker, 'work'), numbers_in(broker, 'dead')
    assert len(work) == moved and dead == []
    assert sorted(work + taken) == list(range(number))
    broker.stop()


@pytest.mark.once(also=['asan'])
def test_kill_9_in_the_midst_loses_nothing(own_broker, volume):
    broker, number = own_broker(), volume(20_000)
    graveyard(broker, number, others=True)
    others, mine = set(range(9, number, 10)), {at for at in range(number) if at % 10 != 9}
    caught = 0
    for share in (0.01, 0.3, 0.6):
        words = [broker.control, '--data-dir', broker.data, 'retry_dead_letters', 'dead']
        with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as client:
            with Peer(broker.address) as peer:
                eventually(lambda: count(peer, 'work') >= share * number, every_s=0)
                broker.kill()
            caught += client.wait(PATIENCE_S) != 0
        broker.start()
        work, dead = check_all_are_there(broker, number)
        assert others <= set(dead) and not others & set(work)
        assert dead == sorted(set(dead)), 'the dead letters stand as they stood'
    assert caught > 0, 'every retry was over before the broker was killed'
    moved, stayed = retry(broker, 'dead')
    assert (moved, stayed) == (len(dead) - len(others), len(others))
    assert set(numbers_in(broker, 'dead')) == others and set(numbers_in(broker, 'work')) == mine
    broker.stop()


@pytest.mark.once(also=['asan'])
def test_a_stop_in_the_midst_is_a_stop(own_broker, volume):
    broker, number = own_broker(), volume(20_000)
    graveyard(broker, number, others=True)
    clients = [subprocess.Popen([broker.control, '--data-dir', broker.data, *words], stdout=subprocess.DEVNULL,
                                stderr=subprocess.DEVNULL)
               for words in (['retry_dead_letters', 'dead'], ['browse_queue', 'dead'])]
    with Peer(broker.address) as peer:
        eventually(lambda: count(peer, 'work') > 0, every_s=0)
    broker.stop()
    for client in clients:
        client.wait(PATIENCE_S)
    broker.start()
    check_all_are_there(broker, number)
    broker.stop()
