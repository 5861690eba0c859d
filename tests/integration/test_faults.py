"""Disks that are full, frozen, dying or damaged, and too few descriptors: nothing confirmed is lost, what
needs no disk goes on, and what cannot be done is said."""
import ctypes
import glob
import json
import os
import shutil
import signal
import struct
import subprocess
import time

import pytest

from brokers import Leveret, free_port
from crash_tools import PERSISTENT, TRANSIENT, Confirming, drain, fail_io, small_disk
from http_client import Api
from patience import PATIENCE_S
from wire import Closed, Peer, eventually, plain

pytestmark = pytest.mark.leveret
MIB = 1 << 20


@pytest.fixture
def configured(own_broker, workspace):
    """A broker with lines of a config file, whose data directory may be elsewhere."""
    def make(lines='', data=None, start=True, **how):
        path = os.path.join(workspace, f'conf{free_port()}')
        with open(path, 'w') as file:
            file.write(lines)
        own = own_broker(start=False, flags=['--config', path], **how)
        own.conf = path
        if data:
            own.data = os.path.join(data, 'data')
        return own.start() if start else own
    return make


def statistics(log):
    return [line for line in log.splitlines() if '[error]' in line or '[critical]' in line]


# --- full -----------------------------------------------------------------------------------------


@pytest.mark.once()
@pytest.mark.parametrize('limit', ['24MiB', '1'], ids=['the watermark', 'no room for the log'])
def test_a_full_disk_holds_up_publishers_until_consumers_made_room(configured, workspace, limit):
    with small_disk(workspace, f'full{free_port()}', 112) as disk:
        own = configured(f'disk_free_limit.absolute = {limit}\n', disk)
        peer = Peer(own.address)
        peer.declare('q', durable=True)
        publisher = Confirming(own.address)
        publisher.fill('q', 64 * 1024, 3000)
        assert publisher.blocked
        assert limit == '1' or shutil.disk_usage(disk).free > 0
        # transient traffic that was there before goes on, consumers too
        peer.declare('passing')
        assert peer.declare('q', passive=True).message_count >= len(publisher.confirmed)
        # all but a few leave; what is pending is confirmed, new messages are
        confirmed = list(publisher.confirmed)
        taken = drain(own.address, 'q', len(confirmed) - 5)
        assert taken == confirmed[:-5]
        while publisher.bodies or publisher.blocked is not None:
            publisher.take()
        for number in range(200):
            publisher.publish_confirmed('q', b'after %d' % number)
        left = publisher.confirmed[len(taken):]
        own.kill()
        own.start()
        assert drain(own.address, 'q', len(left)) == left
        own.stop()


@pytest.mark.once()
def test_a_disk_that_fills_up_during_a_sync_is_emptied_by_consumers(configured, workspace):
    """The queue's snapshot waits for the sync of a segment, until the log has taken all the room that there was. What has come
    meanwhile does not fit into the snapshot."""
    still = os.path.join(workspace, f'still{free_port()}')
    open(still, 'w').close()
    with small_disk(workspace, f'full{free_port()}', 112) as disk:
        own = configured('disk_free_limit.absolute = 1\n', disk, environment={
            'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '.seg', 'FAIL_IO_CALL': 'sync', 'FAIL_IO_WHEN': still,
            'FAIL_IO_WAITS': '1'})
        Peer(own.address).declare('q', durable=True)
        publisher = Confirming(own.address)
        publisher.fill('q', 64 * 1024, 3000)
        os.unlink(still)
        confirmed = list(publisher.confirmed)
        assert drain(own.address, 'q', len(confirmed) - 5) == confirmed[:-5]
        while publisher.bodies or publisher.blocked is not None:
            publisher.take()
        publisher.publish_confirmed('q', b'after')
        left = publisher.confirmed[len(confirmed) - 5:]
        own.kill()
        own.start()
        assert drain(own.address, 'q', len(left)) == left
        own.stop()


@pytest.mark.once()
@pytest.mark.parametrize('limit', ['24MiB', '1'], ids=['the watermark', 'no room for the log'])
def test_a_kill_while_the_disk_is_full_loses_nothing(configured, workspace, limit):
    with small_disk(workspace, f'full{free_port()}', 112) as disk:
        own = configured(f'disk_free_limit.absolute = {limit}\n', disk)
        Peer(own.address).declare('q', durable=True)
        publisher = Confirming(own.address)
        publisher.fill('q', 64 * 1024, 3000)
        own.kill()
        own.start()
        peer = Peer(own.address)
        count = peer.declare('q', passive=True).message_count
        assert len(publisher.confirmed) <= count <= len(publisher.confirmed) + 1
        assert drain(own.address, 'q', count)[:len(publisher.confirmed)] == publisher.confirmed
        after = Confirming(own.address)
        after.publish('q', b'after')
        while after.bodies:                          # held up until the space is given back
            after.take()
        assert after.confirmed == [b'after']
        own.kill()
        own.start()
        assert drain(own.address, 'q', 1) == [b'after']
        own.stop()


def test_below_the_disk_limit_publishers_wait_and_consumers_go_on(configured):
    own = configured('disk_free_limit.absolute = 1\n')
    Peer(own.address).declare('q', durable=True)
    publisher = Confirming(own.address)
    publisher.publish_confirmed('q', b'one')
    with open(own.conf, 'w') as file:
        file.write('disk_free_limit.absolute = 900TB\n')
    os.kill(own.pid, signal.SIGHUP)
    eventually(lambda: 'disk resource limit alarm set' in own.log())
    publisher.publish('q', b'two')                   # taken: it was on its way
    publisher.publish('q', b'three')                 # not read
    while publisher.blocked is None:
        publisher.take()
    assert 'disk' in publisher.blocked
    assert drain(own.address, 'q', 2 if b'two' in publisher.confirmed else 1)[0] == b'one'
    assert b'three' in publisher.pending
    with open(own.conf, 'w') as file:
        file.write('disk_free_limit.absolute = 1\n')
    os.kill(own.pid, signal.SIGHUP)
    while publisher.bodies or publisher.blocked is not None:
        publisher.take()
    assert publisher.confirmed == [b'one', b'two', b'three']


def fill_to_the_last_block(disk, name='ballast'):
    """What somebody else leaves of it: nothing."""
    path = os.path.join(disk, name)
    with open(path, 'wb', buffering=0) as ballast:
        for size in (1 << 20, 4096, 1):
            try:
                while True:
                    ballast.write(bytes(size))
            except OSError:
                continue
    return path


def oldest_log_file(own):
    """The path of the first file of the log. It is never used again, since it was not filled."""
    return f'{own.data}/log/{min(name for name in os.listdir(f"{own.data}/log") if name.endswith(".log"))}'


@pytest.mark.once()
@pytest.mark.parametrize('how', ['killed', 'stopped'])
def test_a_broker_starts_on_a_full_disk_is_drained_and_makes_room(configured, workspace, how):
    with small_disk(workspace, f'full{free_port()}', 96) as disk:
        own = configured('disk_free_limit.absolute = 1\n', disk)
        Peer(own.address).declare('q', durable=True)
        Peer(own.address).declare('idle', durable=True)
        publisher = Confirming(own.address)
        publisher.publish_confirmed('idle', b'old')  # it needs the first file of the log for ever
        oldest = oldest_log_file(own)
        for number in range(600):
            publisher.publish('q', b'%08d' % number + bytes(40000))
        publisher.settle()
        eventually(lambda: os.path.exists(f'{own.data}/log/reserve'))
        eventually(lambda: os.path.exists(f'{own.data}/definitions.sqlite.reserve'))
        own.kill() if how == 'killed' else own.stop()
        fill_to_the_last_block(disk)
        own.start()
        half = drain(own.address, 'q', 300, is_stored=True)
        own.kill()
        own.start()                                  # what is settled does not come back
        count = Peer(own.address).declare('q', passive=True).message_count
        assert count == 300 - sum(body not in half for body in publisher.confirmed[1:301])
        assert half + drain(own.address, 'q', 300) == publisher.confirmed[1:]
        eventually(lambda: not os.path.exists(oldest))
        after = Confirming(own.address)
        after.publish('q', b'after')
        while after.bodies:
            after.take()
        assert after.confirmed == [b'after']
        peer = Peer(own.address)
        peer.call(1, 'queue.delete', queue='q')
        assert drain(own.address, 'idle', 1) == [b'old']
        own.stop()


@pytest.mark.once()
def test_on_a_full_disk_a_broker_is_killed_and_started_again_and_again(configured, workspace):
    with small_disk(workspace, f'full{free_port()}', 112) as disk:
        own = configured('disk_free_limit.absolute = 1\n', disk)
        Peer(own.address).declare('q', durable=True)
        publisher = Confirming(own.address)
        for number in range(600):
            publisher.publish('q', b'%08d' % number + bytes(40000))
        publisher.settle()
        eventually(lambda: os.path.exists(f'{own.data}/log/reserve'))
        eventually(lambda: os.path.exists(f'{own.data}/definitions.sqlite.reserve'))
        ballast = fill_to_the_last_block(disk)
        bodies = []
        for start in range(6):
            own.kill()
            own.start()
            bodies += drain(own.address, 'q', 20, is_stored=True)
            fill_to_the_last_block(disk, f'ballast {start}')  # whatever was given back
        assert bodies == publisher.confirmed[:120]
        os.unlink(ballast)
        after = Confirming(own.address)
        after.publish('q', b'after')
        while after.bodies:
            after.take()
        assert drain(own.address, 'q', 481) == publisher.confirmed[120:] + [b'after']
        own.stop()


@pytest.mark.once()
def test_on_a_full_disk_a_queue_can_be_deleted_and_its_room_is_given_back(configured, workspace):
    with small_disk(workspace, f'full{free_port()}', 96) as disk:
        own = configured('disk_free_limit.absolute = 1\n', disk)
        peer = Peer(own.address)
        peer.declare('q', durable=True)
        publisher = Confirming(own.address)
        for number in range(500):
            publisher.publish('q', b'%08d' % number + bytes(40000))
        publisher.settle()
        eventually(lambda: os.path.exists(f'{own.data}/definitions.sqlite.reserve'))
        oldest = oldest_log_file(own)
        fill_to_the_last_block(disk)
        assert peer.call(1, 'queue.delete', queue='q').message_count == 500
        eventually(lambda: not os.path.exists(oldest) and shutil.disk_usage(disk).free > 0)
        own.kill()
        own.start()
        with pytest.raises(AssertionError):
            Peer(own.address).declare('q', passive=True)
        own.stop()


@pytest.mark.once()
def test_the_limit_of_free_space_is_kept_however_fast_the_disk_fills(configured, workspace):
    with small_disk(workspace, f'full{free_port()}', 160) as disk:
        own = configured('disk_free_limit.absolute = 48MiB\n', disk)
        Peer(own.address).declare('q', durable=True)
        publisher = Confirming(own.address)
        least = shutil.disk_usage(disk).free
        for number in range(6000):
            publisher.publish('q', b'%08d' % number + bytes(64 * 1024))
            while publisher.blocked is None and len(publisher.bodies) > 40:
                publisher.take()
            least = min(least, shutil.disk_usage(disk).free)
            if publisher.blocked is not None:
                break
        assert publisher.blocked is not None
        assert least > 36 * MIB, least               # a snapshot may copy messages to a segment: 8 MiB were seen
        drain(own.address, 'q', len(publisher.confirmed))
        while publisher.bodies or publisher.blocked is not None:
            publisher.take()
        own.stop()


# --- frozen ----------------------------------------------------------------------------------------


@pytest.mark.once()
def test_a_frozen_disk_holds_up_confirms_and_nothing_else(configured, workspace):
    with small_disk(workspace, f'ice{free_port()}', 160, 'ext4') as disk:
        own = configured('', disk)
        peer = Peer(own.address, heartbeat=1)
        peer.declare('q', durable=True)
        peer.declare('passing')
        publisher = Confirming(own.address)
        publisher.publish_confirmed('q', b'before')
        frozen = subprocess.run(['fsfreeze', '--freeze', disk], capture_output=True, text=True)
        if frozen.returncode != 0:
            pytest.skip(f'no file system can be frozen here: {frozen.stderr.strip()}')
        try:
            for number in range(50):
                publisher.publish('q', b'during %d' % number)
            # what needs no disk, with an answer for each
            end = time.monotonic() + 2.5
            passed = 0
            while time.monotonic() < end:
                peer.publish(1, '', 'passing', b'x', TRANSIENT)
                eventually(lambda: peer.get('passing'), 5)
                passed += 1
            assert passed > 100
            peer.skip_heartbeats = False
            assert peer.next().__class__.__name__ == 'Heartbeat'
            peer.skip_heartbeats = True
            publisher.peer.socket.settimeout(0.2)
            with pytest.raises(AssertionError, match='nothing came'):
                publisher.take()
            assert len(publisher.pending) == 50
        finally:
            subprocess.run(['fsfreeze', '--unfreeze', disk], check=True)
        publisher.peer.socket.settimeout(30)
        publisher.settle()
        assert len(publisher.confirmed) == 51
        own.kill()
        own.start()
        assert drain(own.address, 'q', 51) == publisher.confirmed
        own.stop()


# --- dying -----------------------------------------------------------------------------------------


@pytest.mark.once()
@pytest.mark.parametrize('call', ['sync', 'write'])
def test_after_an_error_of_the_disk_nothing_persistent_is_confirmed_and_the_rest_goes_on(own_broker, workspace, call):
    when = os.path.join(workspace, f'die{free_port()}')
    own = own_broker(environment={'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '/log/', 'FAIL_IO_CALL': call,
                                  'FAIL_IO_WHEN': when})
    peer = Peer(own.address)
    peer.declare('q', durable=True)
    peer.declare('passing')
    peer.declare('alarms')
    peer.call(1, 'queue.bind', queue='alarms', exchange='amq.rabbitmq.event', routing_key='alarm.*')
    publisher = Confirming(own.address)
    for number in range(100):
        publisher.publish_confirmed('q', b'%d' % number)
    tx = Peer(own.address)
    tx.call(1, 'tx.select')
    tx.publish(1, '', 'q', b'in a transaction', PERSISTENT)
    open(when, 'w').close()
    publisher.publish('q', b'lost')
    publisher.settle()
    assert publisher.refused == [b'lost']
    failure = eventually(lambda: statistics(own.log()))[0]
    assert 'log/0000' in failure and 'Input/output error' in failure
    alarm = eventually(lambda: peer.get('alarms'))
    assert (alarm.method.routing_key, plain(alarm.properties['headers']['source'])) == ('alarm.set', 'store')
    # the disk coming back changes nothing; publishers of what needs it are told why
    os.unlink(when)
    publisher.publish('q', b'lost, too')
    while publisher.bodies or publisher.blocked is None:
        publisher.take()
    assert 'disk has failed' in publisher.blocked
    assert publisher.refused == [b'lost', b'lost, too']
    tx.send(1, 'tx.commit')
    tx.expect_channel_close(406, 'PRECONDITION_FAILED - partial tx completion', method='tx.commit')
    # what was stored is delivered, transient traffic passes
    got = peer.get('q', no_ack=False)
    assert got.body == b'0'
    peer.send(1, 'basic.ack', delivery_tag=got.method.delivery_tag)
    for number in range(20):
        peer.publish(1, '', 'passing', b'%d' % number, TRANSIENT)
        eventually(lambda: peer.declare('passing', passive=True).message_count == number + 1)
    assert peer.get('alarms') is None                # said once
    own.kill()
    own.environment = {}
    own.start()
    count = Peer(own.address).declare('q', passive=True).message_count
    bodies = drain(own.address, 'q', count)
    if bodies[0] == b'0':                            # its acknowledgement could not be stored
        del bodies[0]
    assert bodies[:99] == publisher.confirmed[1:]
    assert bodies[99:] in ([], [b'lost'])            # written, and its sync failed: it may be there
    Confirming(own.address).publish_confirmed('q', b'again')


@pytest.mark.once()
def test_a_queue_whose_definition_could_not_be_stored_confirms_nothing_until_it_is_declared_again(own_broker, workspace):
    when = os.path.join(workspace, f'die{free_port()}')
    own = own_broker(environment={'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': 'definitions.sqlite', 'FAIL_IO_CALL': 'sync',
                                  'FAIL_IO_WHEN': when})
    peer = Peer(own.address)
    open(when, 'w').close()
    peer.send(1, 'queue.declare', queue='q', durable=True)
    peer.expect_connection_close(541, 'INTERNAL_ERROR - definition could not be stored: input or output failed',
                                 method='queue.declare')
    eventually(lambda: 'declarations are refused until it can be written again' in own.log())
    os.unlink(when)
    publisher = Confirming(own.address)
    publisher.publish('q', b'refused')
    publisher.settle()
    assert publisher.refused == [b'refused']
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.kill()
    own.environment = {}
    own.start()
    count = Peer(own.address).declare('q', durable=True, passive=True).message_count
    assert drain(own.address, 'q', count)[-1] == b'kept'


@pytest.mark.once()
def test_an_error_of_a_segments_file_loses_nothing(own_broker, workspace):
    when = os.path.join(workspace, f'die{free_port()}')
    own = own_broker(environment={'LD_PRELOAD': fail_io(workspace), 'FAIL_IO_PATH': '.seg', 'FAIL_IO_CALL': 'write',
                                  'FAIL_IO_WHEN': when})
    Peer(own.address).declare('q', durable=True)
    publisher = Confirming(own.address)
    open(when, 'w').close()
    for number in range(300):
        publisher.publish('q', b'%06d' % number + bytes(64 * 1024))
        while publisher.bodies and publisher.blocked is None:
            publisher.take()
        if publisher.refused or publisher.blocked:
            break
    assert publisher.refused or publisher.blocked, 'a disk that fails for good was not noticed'
    confirmed = list(publisher.confirmed)
    for part in ("queue 'q'", 'cannot write segments/', ': Input/output error'):
        eventually(lambda: part in own.log())        # said a moment after the first refusal
    assert drain(own.address, 'q', len(confirmed) // 2) == confirmed[:len(confirmed) // 2]
    own.kill()
    own.environment = {}
    own.start()
    count = Peer(own.address).declare('q', passive=True).message_count
    bodies = drain(own.address, 'q', count)
    came_back = bodies.index(confirmed[-1]) + 1 - (len(confirmed) - len(confirmed) // 2)
    assert came_back >= 0 and bodies[:bodies.index(confirmed[-1]) + 1] == confirmed[len(confirmed) // 2 - came_back:]


# --- too few descriptors ------------------------------------------------------------------------------


@pytest.mark.once()
def test_too_few_descriptors_are_an_error_at_the_right_place(own_broker):
    own = own_broker(start=False)
    few = os.path.join(own.directory, 'few')
    with open(few, 'w') as file:
        file.write(f'#!/bin/sh\nulimit -n 64\nexec {own.daemon} "$@"\n')
    os.chmod(few, 0o755)
    own.daemon = few
    own.start()
    publisher = Confirming(own.address)
    setup = Peer(own.address)
    queues = [f'q{number}' for number in range(40)]
    for queue in queues:
        setup.declare(queue, durable=True)
    # as many connections as there can be, and then some
    crowd = []
    for number in range(80):
        try:
            crowd.append(Peer(own.address, patience_s=2))
        except (OSError, Closed, AssertionError):
            break
    assert len(crowd) < 80
    # each queue pages out to files of its own
    bodies = [b'%04d' % number + bytes(256 * 1024) for number in range(20)]
    for queue in queues:
        for body in bodies:
            publisher.publish(queue, body)
        publisher.settle()
    assert not publisher.refused
    for peer in crowd:
        peer.drop()
    own.kill()
    own.start()
    for queue in queues:
        assert drain(own.address, queue, len(bodies)) == bodies


# --- what is refused at the start -------------------------------------------------------------------


def start_fails(own):
    own.start(wait=False)
    code = own.child.wait(PATIENCE_S)
    own.child = None
    assert code != 0
    return own.log()


@pytest.mark.once(also=['asan'])
def test_a_data_directory_in_use_is_refused(own_broker):
    own, second = own_broker(), own_broker(start=False)
    second.data = own.data
    log = start_fails(second)
    assert own.data in log and 'in use by another leveretd' in log, log
    eventually(own.answers)


def xxh3(octets):
    library = ctypes.CDLL('libxxhash.so.0')
    library.XXH3_64bits.restype = ctypes.c_uint64
    library.XXH3_64bits.argtypes = [ctypes.c_char_p, ctypes.c_size_t]
    return library.XXH3_64bits(octets, len(octets))


def contents(own, *kinds):
    return {name: open(name, 'rb').read() for kind in kinds for name in glob.glob(f'{own.data}/{kind}/*')}


def everything(own):
    """All files but the lock, which has the process id of the last that tried."""
    return {name: open(name, 'rb').read() for name in glob.glob(f'{own.data}/**', recursive=True)
            if os.path.isfile(name) and os.path.basename(name) != 'lock'}


@pytest.mark.once(also=['asan'])
@pytest.mark.parametrize('checksum', ['its own checksum', 'a checksum we do not know'])
def test_a_log_of_a_newer_version_is_refused_and_left_alone(own_broker, checksum):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.stop()
    path = sorted(glob.glob(f'{own.data}/log/*.log'))[-1]
    with open(path, 'r+b') as file:
        header = file.read(56)
        newer = header[:8] + struct.pack('<I', 99) + header[12:]
        file.seek(0)
        file.write(newer + (struct.pack('<Q', xxh3(newer)) if checksum == 'its own checksum' else b'checksum'))
    before = contents(own, 'log', 'segments')
    log = start_fails(own)
    assert 'newer version 99' in log and os.path.basename(path) in log, log
    assert before == contents(own, 'log', 'segments')


@pytest.mark.once(also=['asan'])
def test_a_directory_of_a_newer_release_is_refused_by_its_name_and_left_alone(own_broker):
    own = own_broker()
    Peer(own.address).declare('q', durable=True)
    Confirming(own.address).publish_confirmed('q', b'kept')
    own.stop()
    with open(f'{own.data}/version') as file:
        written = file.read()
    with open(f'{own.data}/version', 'w') as file:
        file.write('leveret 99.4.1\nreadable from 99.2.0\n')
    before = everything(own)
    log = start_fails(own)
    assert 'last opened by Leveret 99.4.1' in log and 'Leveret 99.2.0 or a later one reads it' in log, log
    assert before == everything(own)
    with open(f'{own.data}/version', 'w') as file:   # a later release, whose data this one reads
        file.write('leveret 99.4.1\nreadable from 0.0.1\n')
    own.start()
    assert drain(own.address, 'q', 1) == [b'kept']
    with open(f'{own.data}/version') as file:
        assert file.read() == written


@pytest.mark.once(also=['asan'])
def test_a_segment_of_a_newer_version_is_refused_and_left_alone(own_broker):
    own = own_broker()
    bodies = fill_segments(own, 'q')
    own.stop()
    path = sorted(glob.glob(f'{own.data}/segments/*.seg'))[0]
    with open(path, 'r+b') as file:
        file.seek(4)
        file.write(b'\x07')
    before = contents(own, 'log', 'segments')
    log = start_fails(own)
    assert 'newer version 7' in log and os.path.basename(path) in log, log
    assert before == contents(own, 'log', 'segments')
    with open(path, 'r+b') as file:
        file.seek(4)
        file.write(b'\x02')
    own.start()
    assert drain(own.address, 'q', len(bodies)) == bodies


@pytest.mark.once(also=['asan'])
@pytest.mark.parametrize('name', ['lock', 'definitions.sqlite'])
def test_a_link_in_the_data_directory_is_refused_by_its_name_and_not_followed(own_broker, workspace, name):
    own = own_broker()
    own.stop()
    path, other = os.path.join(own.data, name), os.path.join(workspace, f'other{free_port()}')
    shutil.copy(path, other)
    with open(other, 'ab') as file:
        file.write(b'not for the broker')
    before = open(other, 'rb').read()
    os.unlink(path)
    os.symlink(other, path)
    log = start_fails(own)
    assert path in log and 'symbolic link' in log, log
    assert open(other, 'rb').read() == before


@pytest.mark.once(also=['asan'])
def test_what_cannot_be_opened_is_named_with_the_systems_reason(own_broker):
    own = own_broker()
    own.stop()
    os.rename(f'{own.data}/log', f'{own.data}/kept')
    open(f'{own.data}/log', 'w').close()
    log = start_fails(own)
    assert 'log: Not a directory' in log, log
    os.unlink(f'{own.data}/log')
    os.rename(f'{own.data}/kept', f'{own.data}/log')
    lock = os.path.join(own.data, 'lock')
    os.unlink(lock)
    os.mkdir(lock)
    log = start_fails(own)
    assert f'{lock}: Is a directory' in log, log


@pytest.mark.once()
def test_a_read_only_disk_is_told_with_the_file_and_the_systems_reason(configured, workspace):
    with small_disk(workspace, f'dry{free_port()}', 160) as disk:
        own = configured('disk_free_limit.absolute = 1\n', disk)
        Peer(own.address).declare('q', durable=True)
        Confirming(own.address).publish_confirmed('q', b'kept')
        own.stop()
        subprocess.run(['mount', '-o', 'remount,ro', disk], check=True)
        log = start_fails(own)
        assert f'{own.data}/lock: Read-only file system' in log, log
        subprocess.run(['mount', '-o', 'remount,rw', disk], check=True)
        own.start()
        assert drain(own.address, 'q', 1) == [b'kept']
        own.stop()


# --- damage -----------------------------------------------------------------------------------------


def fill_segments(own, queue, count=200, size=64 * 1024, **arguments):
    """So many that most of them leave memory; their bodies."""
    Peer(own.address).declare(queue, durable=True, arguments=arguments)
    publisher = Confirming(own.address)
    for number in range(count):
        publisher.publish(queue, b'%06d' % number + os.urandom(16) * (size // 16))
    publisher.settle()
    return publisher.confirmed


def flip(path, offset):
    with open(path, 'r+b') as file:
        file.seek(offset)
        octet = file.read(1)
        file.seek(offset)
        file.write(bytes([octet[0] ^ 0x10]))


def depend_on_segments(own):
    """So much more that recovery takes from the segments what has left memory. Returns who published it."""
    filler = Confirming(own.address)
    Peer(own.address).declare('filler', durable=True)
    for number in range(90):
        filler.publish_confirmed('filler', bytes(MIB))
    return filler


def flip_in_segment(own, body):
    """Whether the body is in a segment; then one of its bits is flipped."""
    for path in sorted(glob.glob(f'{own.data}/segments/*.seg')):
        at = open(path, 'rb').read().find(body)
        if at >= 0:
            flip(path, at + 1000)
            return True
    return False


@pytest.mark.once(also=['asan'])
def test_a_flipped_bit_in_the_log_costs_its_record_and_is_reported(own_broker):
    own = own_broker()
    bodies = {}
    for queue in ('a', 'b'):
        Peer(own.address).declare(queue, durable=True)
        publisher = Confirming(own.address)
        for number in range(50):
            publisher.publish_confirmed(queue, b'%s-%04d-' % (queue.encode(), number) * 20)
        bodies[queue] = publisher.confirmed
        publisher.peer.drop()                        # else the broker waits for it
    own.stop()
    for path in sorted(glob.glob(f'{own.data}/log/*.log')):
        at = open(path, 'rb').read().find(b'a-0020-')
        if at >= 0:
            break
    flip(path, at + 3)
    own.start()
    eventually(lambda: os.path.basename(path) in own.log())     # a thread writes it
    assert drain(own.address, 'b', 50) == bodies['b']
    left = [body for number, body in enumerate(bodies['a']) if number != 20]
    count = Peer(own.address).declare('a', passive=True).message_count
    assert drain(own.address, 'a', count) == left


@pytest.mark.once(also=['asan'])
def test_a_flipped_bit_in_a_segment_costs_its_block_and_is_reported(own_broker):
    own = own_broker()
    whole = fill_segments(own, 'whole')
    broken = fill_segments(own, 'broken')
    filler = depend_on_segments(own)
    own.stop()                                       # waits for its connection, and writes meanwhile
    filler.peer.drop()
    assert flip_in_segment(own, broken[100])
    own.start()
    assert drain(own.address, 'whole', len(whole)) == whole
    peer = Peer(own.address)
    peer.call(1, 'basic.consume', queue='broken')
    bodies = []
    while not bodies or bodies[-1] != broken[-1]:
        bodies.append(peer.content(1).body)
    lost = [body for body in broken if body not in bodies]
    assert broken[100] in lost and len(lost) <= 64
    assert bodies == [body for body in broken if body not in lost]
    eventually(lambda: "queue 'broken'" in own.log() and 'offset' in own.log())
    assert lost_messages(own)['broken'] == len(lost) and lost_messages(own)['whole'] == 0
    peer.drop()
    own.ctl('purge_queue', 'broken')                 # that they are lost is to be seen all the same
    eventually(lambda: lost_as_found_by_the_doctor(own, 1) == {
        'broken': f'{len(lost)} message{"" if len(lost) == 1 else "s"} of broken could not be read back from the disk.'})
    told = own.ctl('doctor', check=False)
    assert told.code == 69 and "critical  messages_lost\n    queue 'broken' in vhost '/'" in told.out


def lost_as_found_by_the_doctor(own, period):
    """Of each queue that it finds, the evidence."""
    report = Api(own).get(f'/doctor?period={period}').json
    assert report['critical'] == len([finding for finding in report['findings'] if finding['severity'] == 'critical'])
    return {finding['object']['name']: finding['evidence'] for finding in report['findings'] if finding['rule'] == 'messages_lost'}


def lost_messages(own):
    rows = json.loads(own.ctl('list_queues', 'name', 'messages_lost', '--formatter', 'json').out)
    return {row['name']: row['messages_lost'] for row in rows}


@pytest.mark.once()
@pytest.mark.parametrize('is_restarted', [False, True])
def test_dead_letters_that_cannot_be_read_are_counted_and_logged_once(own_broker, is_restarted):
    for ttl_s in (4, 20, 60):                        # the longer ones are for a machine that is overloaded
        own = own_broker()
        peer = Peer(own.address)
        peer.declare('dead', durable=True)
        due = time.time() + ttl_s
        dying = fill_segments(own, 'dying', **{'x-message-ttl': ttl_s * 1000, 'x-dead-letter-exchange': '',
                                               'x-dead-letter-routing-key': 'dead'})
        if is_restarted:
            depend_on_segments(own)
            peer.drop()
            own.stop()
        if flip_in_segment(own, dying[100]) and time.time() < due:
            break
    else:
        raise AssertionError('they were dead before a bit was flipped')
    if is_restarted:
        own.start()
        peer = Peer(own.address)

    def all_are_dead():                              # after a restart nobody knows when those in the block are due
        lost = sum(lost_messages(own).values())
        dead = peer.declare('dead', passive=True).message_count
        if is_restarted and lost == 0 and dead >= len(dying) - 64:
            early = peer.get('dying', no_ack=False)
            if early:                                # its time has not come yet
                peer.send(1, 'basic.nack', delivery_tag=early.method.delivery_tag, requeue=True)
        return 0 < lost <= 64 and dead == len(dying) - lost
    eventually(all_are_dead, 30 + ttl_s)
    assert peer.declare('dying', passive=True).message_count == 0
    said = eventually(lambda: [line for line in statistics(own.log()) if "queue 'dying'" in line])
    assert is_restarted or len(said) == 1
