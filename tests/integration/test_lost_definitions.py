"""A data directory of which a part is lost is no first start: what is missing is said, nothing is changed, and
queues can be made anew from the log."""
import glob
import os
import shutil
import sqlite3
import subprocess

import pytest

from crash_tools import Confirming, drain
from patience import PATIENCE_S
from wire import Closed, Peer, encode_properties, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


def start_fails(own):
    own.start(wait=False)
    code = own.child.wait(PATIENCE_S)
    own.child = None
    assert code == 65
    return own.log()


def recover(own):
    done = subprocess.run([own.daemon, '--recover-definitions', '--data-dir', own.data], capture_output=True, text=True,
                          timeout=PATIENCE_S)
    assert done.returncode == 0, done
    return done.stderr


def files(own):
    return {name: open(name, 'rb').read() for name in glob.glob(f'{own.data}/*/*')}


def move_definitions(own, to, pattern='definitions.sqlite*'):
    os.makedirs(to, exist_ok=True)
    for path in glob.glob(f'{own.data}/{pattern}'):
        shutil.move(path, to)


def put_back(own, kept):
    for path in glob.glob(f'{own.data}/definitions.sqlite*'):
        os.unlink(path)
    for path in glob.glob(f'{kept}/*'):
        shutil.copy(path, own.data)


@pytest.mark.parametrize('how', ['killed', 'stopped'])
def test_without_its_definitions_a_broker_does_not_start_and_with_them_put_back_everything_is_there(own_broker, workspace, how):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    publisher = Confirming(own.address)
    for number in range(50):
        publisher.publish('q', b'%d' % number)
    publisher.settle()
    own.kill() if how == 'killed' else own.stop()
    kept = os.path.join(own.directory, 'kept')
    move_definitions(own, kept)
    before = files(own)
    log = start_fails(own)
    assert 'no definitions.sqlite' in log and '--recover-definitions' in log and 'Nothing was changed' in log
    assert files(own) == before
    assert not glob.glob(f'{own.data}/definitions.sqlite*')
    put_back(own, kept)
    own.start()
    assert drain(own.address, 'q', 50) == publisher.confirmed


def hold_checkpoints(own):
    """A reader of the definitions: what is committed from here on stays in the write-ahead log. Closed by the caller."""
    reader = sqlite3.connect(f'{own.data}/definitions.sqlite', isolation_level=None)
    reader.execute('BEGIN')
    reader.execute('SELECT count(*) FROM queues').fetchone()
    return reader


def is_in_the_database_itself(own, table, name):
    """True if the file has the row without its write-ahead log, and no half of a checkpoint."""
    database = sqlite3.connect(f'file:{own.data}/definitions.sqlite?immutable=1', uri=True)
    try:
        return database.execute(f'SELECT count(*) FROM {table} WHERE name = ?', (name,)).fetchone()[0] == 1
    except sqlite3.DatabaseError:                    # read while a checkpoint was written to it
        return False
    finally:
        database.close()


@pytest.mark.parametrize('checkpoint', ['not awaited', 'awaited'])
def test_definitions_without_their_write_ahead_log_are_refused_as_older_than_they_were(own_broker, checkpoint):
    own = own_broker()
    peer = Peer(own.address)
    eventually(lambda: is_in_the_database_itself(own, 'vhosts', '/'))
    peer.call(1, 'exchange.declare', exchange='before', type='fanout', durable=True)
    reader = hold_checkpoints(own)
    peer.declare('q', durable=True)
    publisher = Confirming(own.address)
    publisher.publish_confirmed('q', b'kept')
    if checkpoint == 'awaited':                      # it leaves `q` in the write-ahead log
        eventually(lambda: is_in_the_database_itself(own, 'exchanges', 'before'))
    own.kill()
    assert not is_in_the_database_itself(own, 'queues', 'q')
    kept = os.path.join(own.directory, 'kept')
    os.mkdir(kept)
    for path in glob.glob(f'{own.data}/definitions.sqlite*'):
        shutil.copy(path, kept)
    reader.close()                                   # moves what is in the write-ahead log
    put_back(own, kept)
    for path in glob.glob(f'{own.data}/definitions.sqlite-*'):
        os.unlink(path)
    log = start_fails(own)
    assert 'older than it was' in log or 'malformed' in log  # where a part of it was moved already
    assert 'definitions.sqlite-wal' in log
    put_back(own, kept)
    own.start()
    assert drain(own.address, 'q', 1) == [b'kept']


def test_what_is_committed_soon_stands_in_the_database_itself(own_broker):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    eventually(lambda: is_in_the_database_itself(own, 'queues', 'q'))
    own.kill()
    for path in glob.glob(f'{own.data}/definitions.sqlite-*'):
        os.unlink(path)
    own.start()
    Peer(own.address).declare('q', durable=True, passive=True)


def test_queues_are_made_anew_from_the_log_with_their_messages_and_nobody_can_log_in(own_broker):
    own = own_broker()
    own.ctl('add_vhost', 'other')
    own.ctl('set_permissions', '-p', 'other', 'guest', '.*', '.*', '.*')
    setup, elsewhere = Peer(own.address), Peer(own.address, vhost='other')
    setup.declare('plain', durable=True)
    setup.declare('first', durable=True, arguments={'x-max-priority': 5})
    setup.declare('deleted', durable=True)
    elsewhere.declare('plain', durable=True)
    publisher, far = Confirming(own.address), Confirming(own.address, vhost='other')
    for number in range(30):
        publisher.publish('plain', b'%d' % number)
        publisher.publish('deleted', b'no')
        far.publish('plain', b'far %d' % number)
    publisher.settle()
    far.settle()
    for priority in (1, 4):
        publisher.publish_confirmed('first', b'%d' % priority, encode_properties({'delivery_mode': 2, 'priority': priority}))
    setup.call(1, 'queue.delete', queue='deleted')
    own.stop()
    move_definitions(own, os.path.join(own.directory, 'kept'))
    said = recover(own)
    assert '3 queues recreated' in said and 'add_user' in said, said
    own.start()
    with pytest.raises((Closed, AssertionError)):
        Peer(own.address)                            # there is no guest
    own.ctl('add_user', 'guest', 'guest')
    for vhost in ('/', 'other'):
        own.ctl('set_permissions', '-p', vhost, 'guest', '.*', '.*', '.*')
    assert drain(own.address, 'plain', 30) == [b'%d' % number for number in range(30)]
    assert drain(own.address, 'plain', 30, vhost='other') == [b'far %d' % number for number in range(30)]
    assert drain(own.address, 'first', 2) == [b'4', b'1']
    Peer(own.address).declare('first', durable=True, arguments={'x-max-priority': 5})
    with pytest.raises(AssertionError):
        Peer(own.address).declare('deleted', durable=True, passive=True)


def test_to_recover_what_is_whole_changes_no_queue(own_broker):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.stop()
    assert '0 queues recreated' in recover(own)
    own.start()
    assert drain(own.address, 'q', 1) == [b'kept']


def test_definitions_of_queues_without_a_log_are_refused_until_a_new_log_is_asked_for(own_broker):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.stop()
    os.rename(f'{own.data}/log', f'{own.data}/elsewhere')
    log = start_fails(own)
    assert 'no log' in log and '--new-log' in log
    os.rename(f'{own.data}/elsewhere', f'{own.data}/log')
    own.start()
    assert Peer(own.address).declare('q', passive=True).message_count == 1
    own.stop()
    shutil.rmtree(f'{own.data}/log')
    own.flags = ['--new-log']
    own.start()
    assert Peer(own.address).declare('q', passive=True).message_count == 0
    own.stop()
    own.flags = []
    own.start()


@pytest.mark.parametrize('left', [[], ['lock'], ['lock', 'definitions.sqlite.new'], ['lock', 'definitions.sqlite'],
                                  ['lock', 'definitions.sqlite', 'definitions.sqlite.mark', 'definitions.sqlite-wal']],
                         ids=['nothing', 'the lock', 'half a database', 'a database', 'its write-ahead log'])
def test_a_first_start_that_was_cut_short_is_followed_by_a_first_start(own_broker, left):
    own = own_broker()
    own.kill()
    shutil.rmtree(f'{own.data}/log')                 # it is made last
    if 'definitions.sqlite.new' in left:
        os.rename(f'{own.data}/definitions.sqlite', f'{own.data}/definitions.sqlite.new')
    for name in os.listdir(own.data):
        path = os.path.join(own.data, name)
        if name not in left:
            shutil.rmtree(path) if os.path.isdir(path) else os.unlink(path)
    own.start()
    Confirming(own.address)


def test_a_directory_of_before_there_was_a_mark_opens(own_broker):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.stop()
    os.unlink(f'{own.data}/definitions.sqlite.mark')
    with sqlite3.connect(f'{own.data}/definitions.sqlite') as database:
        database.execute('DROP TABLE state')
    own.start()
    assert drain(own.address, 'q', 1) == [b'kept']


def test_a_first_start_that_is_killed_as_soon_as_it_answers_leaves_a_user_or_nothing(own_broker):
    """Its user's password is hashed while it listens, slowly."""
    for _ in range(3):
        own = own_broker(is_plain=True)
        own.kill()
        own.start()
        Confirming(own.address)
