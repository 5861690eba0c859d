"""Where the log is written to, in which form, and how an operator reads and steers it."""
import json
import os
import re
import signal
import socket
import subprocess
import threading

import pika
import pytest

from brokers import whole_lines
from patience import PATIENCE_S, patience_with
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

PLAIN = re.compile(r'\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \[(debug|info|warning|error|critical)\] <0\.\d+\.0> \S')
NOBODY = '\0nobody\0wrong'


@pytest.fixture
def logging_to(own_broker):
    """A broker with these settings, started."""
    def start(text, **how):
        own = own_broker(start=False, **how)
        path = os.path.join(own.directory, 'log.conf')
        with open(path, 'w') as file:
            file.write(text)
        own.flags += ['--config', path]
        return own.start()
    return start


def busy_run(own):
    """A line of each kind, with a name that would break lines and terminals."""
    name = {'properties': {'connection_name': '"}\x1b[2J\nshop\u202e',
                           'capabilities': {'authentication_failure_close': True}}}
    with Peer(own.address, **name) as peer:
        peer.send(1, 'queue.declare', queue='no"where', passive=True)
        peer.expect('channel.close', 1)
    with Peer(own.address, upto='start-ok', response=NOBODY, **name) as peer:
        peer.expect('connection.close', 0)
    Peer(own.address, **name).drop()
    own.ctl('add_user', 'ann', 'secret')


def read(*path):
    try:
        with open(os.path.join(*path), encoding='utf-8', newline='\n') as file:
            return file.read()
    except FileNotFoundError:
        return ''


def logged_file(own, name='a.log'):
    return whole_lines(read(own.data, 'logs', name))


def test_each_line_of_a_file_in_json_is_an_object_with_rabbitmqs_fields(logging_to):
    own = logging_to('log.file = a.log\nlog.file.level = debug\nlog.file.formatter = json\n')
    busy_run(own)
    eventually(lambda: 'closed TCP connection' in logged_file(own) and 'ann' in logged_file(own))
    lines = [json.loads(line) for line in logged_file(own).splitlines()]
    for line in lines:
        assert list(line)[:5] == ['time', 'level', 'msg', 'domain', 'pid'] and '\n' not in line['time']
    [channel] = [line for line in lines if line['domain'] == 'rabbitmq.channel']
    assert channel['level'] == 'error' and 'not_found' in channel['msg']
    assert (channel['user'], channel['vhost'], channel['connection_name']) == ('guest', '/', '"}\x1b[2J\nshop\u202e')
    assert re.fullmatch(r'127\.0\.0\.1:\d+ -> 127\.0\.0\.1:%d' % own.port, channel['connection'])
    assert 'not_found' not in own.log()              # the file replaces the console


def test_lines_of_the_console_have_rabbitmqs_form(logging_to):
    own = logging_to('log.console.level = debug\n')
    busy_run(own)
    eventually(lambda: 'closed TCP connection' in own.log())
    for line in own.log().splitlines():
        assert PLAIN.match(line), line
    assert '\x1b' not in own.log() and '\u202e' not in own.log()


def test_a_category_has_a_level_and_a_file_of_its_own(logging_to):
    own = logging_to('log.console = true\nlog.channel.file = channels.log\nlog.connection.level = error\n')
    busy_run(own)
    eventually(lambda: 'not_found' in logged_file(own, 'channels.log') and 'login refused' in own.log())
    assert 'not_found' not in own.log() and 'closed TCP connection' not in own.log()
    assert len(logged_file(own, 'channels.log').splitlines()) == 1


@pytest.mark.parametrize('how', ['SIGHUP', 'rotate_logs'])
def test_logrotate_may_move_the_file_and_say_so(logging_to, how):
    own = logging_to('log.file = a.log\n')
    path = os.path.join(own.data, 'logs', 'a.log')
    assert own.ctl('-q', 'log_location').out.strip() == path
    os.rename(path, path + '.1')
    if how == 'SIGHUP':
        os.kill(own.pid, signal.SIGHUP)
    else:
        own.ctl('rotate_logs')
    eventually(lambda: os.path.exists(path))
    own.ctl('add_user', 'ann', 'secret')
    eventually(lambda: 'ann' in logged_file(own))
    assert 'ann' not in logged_file(own, 'a.log.1') and 'listens on' in logged_file(own, 'a.log.1')


def test_a_file_is_rotated_by_its_size(logging_to):
    own = logging_to('log.file = a.log\nlog.file.rotation.size = 300\nlog.file.rotation.count = 2\n'
                     'log.file.rotation.compress = true\n')
    for _ in range(8):                               # each is a line
        own.ctl('set_log_level', 'info')
    eventually(lambda: os.path.exists(os.path.join(own.data, 'logs', 'a.log.1.gz')))
    own.stop()
    names = sorted(os.listdir(os.path.join(own.data, 'logs')))
    assert names == ['a.log', 'a.log.0.gz', 'a.log.1.gz'] and len(logged_file(own)) <= 300


@pytest.mark.parametrize('kind', ['udp', 'tcp', 'local'])
def test_syslog_gets_each_line(logging_to, tmp_path, kind):
    settings = f'log.syslog = true\nlog.syslog.transport = {kind}\nlog.syslog.identity = hare\nlog.syslog.facility = local1\n'
    with socket.socket(socket.AF_UNIX if kind == 'local' else socket.AF_INET,
                       socket.SOCK_STREAM if kind == 'tcp' else socket.SOCK_DGRAM) as server:
        server.settimeout(PATIENCE_S)
        server.bind(str(tmp_path / 's') if kind == 'local' else ('127.0.0.1', 0))
        if kind == 'local':
            settings += f'log.syslog.socket = {tmp_path}/s\n'
        else:
            settings += f'log.syslog.host = 127.0.0.1\nlog.syslog.port = {server.getsockname()[1]}\nlog.syslog.protocol = rfc5424\n'
        if kind == 'tcp':
            server.listen()
        own = logging_to(settings)
        source = server.accept()[0] if kind == 'tcp' else server
        busy_run(own)
        got = b''
        while b'login refused' not in got:
            got += source.recv(65536)
        form = br'<142>\w{3} [ \d]\d \d\d:\d\d:\d\d hare\[\d+\]: ' if kind == 'local' else \
            br'<142>1 \d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}[+-]\d\d:\d\d \S+ hare \d+ - - '
        assert re.search(form, got), got
        if kind == 'tcp':                            # each line has its length in front
            source.close()


def test_journald_gets_fields(logging_to, tmp_path):
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as journal:
        journal.settimeout(PATIENCE_S)
        journal.bind(str(tmp_path / 'j'))
        own = logging_to(f'log.journald = true\nlog.journald.socket = {tmp_path}/j\n')
        busy_run(own)
        got = b''
        while b'not_found' not in got:
            got = journal.recv(65536)
        fields = dict(line.split(b'=', 1) for line in got.splitlines())
        assert fields[b'PRIORITY'] == b'3' and fields[b'USER'] == b'guest' and fields[b'DOMAIN'] == b'rabbitmq.channel'


def test_a_dead_syslog_server_and_a_full_pipe_hold_up_nobody(own_broker):
    own = own_broker(start=False)
    path = os.path.join(own.directory, 'log.conf')
    with open(path, 'w') as file, socket.socket() as closed:
        closed.bind(('127.0.0.1', 0))
        file.write('log.console = true\nlog.file = a.log\nlog.syslog = true\nlog.syslog.transport = tcp\n'
                   f'log.syslog.host = 127.0.0.1\nlog.syslog.port = {closed.getsockname()[1]}\n')
    own.flags += ['--config', path]
    reader = own.start_with_a_full_log()
    for _ in range(20):
        busy_run_quickly(own)
    eventually(lambda: 'cannot send the log to syslog at 127.0.0.1' in logged_file(own))
    eventually(lambda: 'login refused' in logged_file(own))
    own.stop()
    os.close(reader)
    assert logged_file(own).count('cannot send the log to syslog') == 1


def busy_run_quickly(own):
    with Peer(own.address, upto='start-ok', response=NOBODY) as peer:
        peer.expect('connection.close', 0)
    with Peer(own.address) as peer:
        peer.declare('q')


def test_the_log_is_published_to_amq_rabbitmq_log(logging_to):
    own = logging_to('log.exchange = true\nlog.exchange.level = debug\nlog.exchange.formatter = json\n')
    connection = pika.BlockingConnection(pika.URLParameters(own.url))
    channel = connection.channel()
    channel.queue_declare('errors')
    channel.queue_bind('errors', 'amq.rabbitmq.log', 'error')
    busy_run(own)
    found = []
    for method, properties, body in channel.consume('errors', auto_ack=True, inactivity_timeout=PATIENCE_S):
        assert method is not None and method.routing_key == 'error' and method.exchange == 'amq.rabbitmq.log'
        assert properties.content_type == 'application/json' and '@' in properties.headers['node']
        line = json.loads(body)
        assert line['level'] == 'error'
        found.append(line['msg'])
        if 'login refused' in found[-1]:
            break
    assert any('not_found' in message for message in found)
    connection.close()


def test_without_log_exchange_there_is_no_such_exchange(own_broker):
    assert 'amq.rabbitmq.log' not in own_broker().ctl('-q', 'list_exchanges', 'name').out


@pytest.mark.parametrize('settings', ['', 'log.file = a.log\n'])
def test_log_tail_prints_the_last_lines(logging_to, settings):
    own = logging_to(settings)
    own.ctl('add_user', 'ann', 'secret')
    own.ctl('add_user', 'berta', 'secret')
    eventually(lambda: 'berta' in own.ctl('-q', 'log_tail', '-N', '1').out)
    assert len(own.ctl('-q', 'log_tail', '--number', '1').out.splitlines()) == 1
    whole = own.ctl('-q', 'log_tail').out.splitlines()
    assert 'ann' in whole[-2] and len(whole) > 2 and all(PLAIN.match(line) for line in whole)


def test_log_tail_stream_prints_lines_as_they_come(logging_to):
    own = logging_to('')
    with subprocess.Popen([own.control, '--data-dir', own.data, '-q', 'log_tail_stream'], stdout=subprocess.PIPE,
                          text=True) as stream:
        is_seen = threading.Event()

        def log_lines():
            while not is_seen.is_set():
                own.ctl('add_user', 'ann', 'secret', check=False)
                own.ctl('delete_user', 'ann', check=False)
        maker = threading.Thread(target=log_lines)      # the stream may begin later than the first line
        maker.start()
        seen = []
        try:
            with patience_with(stream):
                for line in stream.stdout:
                    seen.append(line)
                    assert PLAIN.match(line), line
                    if 'ann' in line:
                        break
                else:
                    pytest.fail(f'the stream has ended: {seen}')
        finally:
            is_seen.set()
            maker.join()
            stream.terminate()
    assert own.ctl('-q', 'log_tail_stream', '-d', '0').out == ''


def test_the_level_is_changed_live_for_all_and_for_a_category(logging_to):
    own = logging_to('')
    own.ctl('set_log_level', 'error')
    own.ctl('add_user', 'quiet', 'secret')
    own.ctl('set_log_level', 'connection', 'debug')
    Peer(own.address, upto='connected').drop()       # said for debug only
    eventually(lambda: 'connection_closed_with_no_data_received' in own.log())
    own.ctl('set_log_level', 'info')
    own.ctl('add_user', 'loud', 'secret')
    eventually(lambda: 'loud' in own.log())
    assert 'quiet' not in own.log()
    refused = own.ctl('set_log_level', 'nonsense', 'info', check=False)
    assert refused.code == 69 and 'there is no category nonsense' in refused.err


def test_rabbitmqs_variables_choose_the_outputs(own_broker):
    own = own_broker(environment={'RABBITMQ_LOGS': 'a.log', 'RABBITMQ_LOG': 'connection=debug,error',
                                  'RABBITMQ_LOG_BASE': '/nowhere/at/all'}, start=False)
    own.environment['RABBITMQ_LOG_BASE'] = os.path.join(own.directory, 'base')
    own.start()
    Peer(own.address, upto='connected').drop()
    eventually(lambda: 'connection_closed_with_no_data_received' in read(own.directory, 'base', 'a.log'))
    assert 'listens on' not in read(own.directory, 'base', 'a.log') + own.log()


@pytest.mark.parametrize('setting', [
    'log.nonsense.level = info', 'log.connection.level = loud', 'log.console.formatter = xml',
    'log.file.rotation.date = tomorrow', 'log.syslog.facility = nowhere', 'log.file.formatter.time_format = noon'])
def test_a_bad_setting_of_the_log_stops_the_start(own_broker, setting):
    own = own_broker(start=False)
    path = os.path.join(own.directory, 'log.conf')
    with open(path, 'w') as file:
        file.write(setting + '\n')
    own.flags += ['--config', path]
    own.start(wait=False)
    assert own.child.wait(PATIENCE_S) == 78
    assert f'{path}:1: ' in own.log() and setting.split(' = ')[0] in own.log()
    own.child = None
