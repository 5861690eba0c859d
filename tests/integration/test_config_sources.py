"""Where leveretd's settings come from: rabbitmq.conf as an operator has it, conf.d, variables, references, encrypted values;
what --check-config and `leveretctl environment` say of them."""
import functools
import json
import os
import re
import signal
import subprocess

import pytest

from patience import PATIENCE_S
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


@pytest.fixture
def own_broker(own_broker):
    """Brokers that read what the test writes, and no more."""
    return functools.partial(own_broker, is_plain=True)


BAD_CONFIG = 78

# A file as an operator brings it from RabbitMQ. CERTIFICATES stands for a directory.
WHOLE = r"""
# ports
listeners.tcp.local    = 127.0.0.1:5672
num_acceptors.tcp = 10
handshake_timeout = 20000
reverse_dns_lookups = false
tcp_listen_options.backlog = 128
tcp_listen_options.nodelay = true
tcp_listen_options.keepalive = false
tcp_listen_options.linger.on      = true
tcp_listen_options.linger.timeout = 0
tcp_listen_options.exit_on_close = false
tcp_listen_options.sndbuf = 196608
tcp_listen_options.recbuf = 196608
proxy_protocol = false

## TLS, prepared and not in use
ssl_handshake_timeout = 5000
ssl_options.cacertfile           = CERTIFICATES/cert.pem
ssl_options.certfile             = CERTIFICATES/cert.pem
ssl_options.keyfile              = CERTIFICATES/key.pem
ssl_options.verify               = verify_peer
ssl_options.fail_if_no_peer_cert = false
ssl_options.depth                = 2
ssl_options.versions.1           = tlsv1.3
ssl_options.versions.2           = tlsv1.2
ssl_options.honor_cipher_order   = true

# users
loopback_users.guest = true
default_vhost = /
default_user = ann
default_pass = 'a#b'
default_user_tags.administrator = true
default_permissions.configure = .*
default_permissions.read = .*
default_permissions.write = .*
auth_mechanisms.1 = PLAIN
auth_mechanisms.2 = AMQPLAIN
auth_backends.1   = internal

# limits
heartbeat = 30
frame_max = 131072
initial_frame_max = 4096
channel_max = 2047
connection_max = 5000
max_message_size = 16777216
consumer_timeout = 1800000
vm_memory_high_watermark.relative = 0.5
vm_memory_high_watermark_paging_ratio = 0.75
disk_free_limit.absolute = 1MB

# queues
default_queue_type = quorum
queue_leader_locator = balanced
quorum_queue.initial_cluster_size = 3
raft.wal_max_size_bytes = 67108864
collect_statistics_interval = 5000
deprecated_features.permit.transient_nonexcl_queues = true

# cluster
cluster_name = shop
cluster_partition_handling = pause_minority
cluster_formation.peer_discovery_backend = classic_config
cluster_formation.classic_config.nodes.1 = rabbit@mq1

# log
log.console = true
log.console.level = info
log.file = false

# plugins
management.tcp.port = 15672
management.path_prefix = /mq
management.rates_mode = basic
management.cors.allow_origins.1 = https://shop.example
management.disable_stats = false
prometheus.tcp.port = 15692
prometheus.return_per_object_metrics = false
mqtt.vhost = /
mqtt.exchange = amq.topic
mqtt.prefetch = 10
mqtt.allow_anonymous = false
mqtt.listeners.tcp.default = 1883
stomp.listeners.tcp.1 = 61613
stream.listeners.tcp.1 = 5552
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, 'w') as file:
        file.write(text)
    return path


def etc(own, name, text):
    """Writes a file of RabbitMQ's directory, which is below the broker's own."""
    return write(os.path.join(own.directory, 'etc', 'rabbitmq', name), text)


def settings(own):
    return json.loads(own.ctl('environment', '--formatter', 'json').out)


def check(own, *words, environment=None):
    return subprocess.run([own.daemon, '--data-dir', own.data, *words], capture_output=True, text=True, timeout=PATIENCE_S,
                          env={**os.environ, 'SYS_PREFIX': own.directory, **(environment or {})})


def with_certificates(own, text):
    folder = os.path.join(own.directory, 'certificates')
    os.makedirs(folder, exist_ok=True)
    subprocess.run(['openssl', 'req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2',
                    '-subj', '/CN=localhost', '-keyout', f'{folder}/key.pem', '-out', f'{folder}/cert.pem'],
                   check=True, capture_output=True)
    return text.replace('CERTIFICATES', folder)


def test_a_whole_rabbitmq_conf_is_understood(own_broker):
    own = own_broker(start=False)
    path = etc(own, 'rabbitmq.conf', with_certificates(own, WHOLE))
    own.start()
    eventually(lambda: 'listens on' in own.log())
    assert 'unknown key' not in own.log()
    Peer(own.address, user='ann', password='a#b').close()
    found = settings(own)
    line = WHOLE.splitlines().index('heartbeat = 30') + 1
    assert found['heartbeat'] == {'value': '30', 'default': '60', 'origin': f'{path}:{line}'}
    assert found['default_pass'] == {'value': '<redacted>', 'default': 'guest', 'origin': found['default_pass']['origin']}
    assert found['initial_frame_max']['value'] == '4096' and found['loops']['origin'] == '--loops'
    assert path in own.ctl('status').out
    assert json.loads(own.ctl('status', '--formatter', 'json').out)['config_files'] == [path]


def test_later_files_win_and_variables_win_over_files(own_broker):
    own = own_broker(start=False, environment={'RABBITMQ_DEFAULT_USER': 'ann', 'REGION': 'north'})
    password = write(os.path.join(own.directory, 'run', 'secrets', 'password'), 's3cret\n')
    own.environment['RABBITMQ_DEFAULT_PASS_FILE'] = password
    main = etc(own, 'rabbitmq.conf', 'heartbeat = 11\ndefault_user = bob\ncluster_name = mq-$(REGION)-$(heartbeat)\n')
    first = etc(own, 'conf.d/10-first.conf', 'heartbeat = 12\nconsumer_timeout = 100000\n')
    second = etc(own, 'conf.d/20-second.conf', 'heartbeat = 13\n')
    etc(own, 'conf.d/README', 'not a config file')
    env = etc(own, 'rabbitmq-env.conf', '# from Debian\nNODENAME=hare@mq1\n')
    own.start()
    found = settings(own)
    assert json.loads(own.ctl('status', '--formatter', 'json').out)['config_files'] == [main, first, second]
    assert (found['heartbeat']['value'], found['heartbeat']['origin']) == ('13', f'{second}:1')
    assert found['consumer_timeout']['value'] == '100000'
    assert found['cluster_name']['value'] == 'mq-north-13'
    eventually(lambda: f'config: read from {main}, {first}, {second}' in own.log())
    assert found['node_name'] == {'value': 'hare@mq1', 'default': '', 'origin': f'{env}:2 (RABBITMQ_NODENAME)'}
    assert found['default_user']['origin'] == 'RABBITMQ_DEFAULT_USER'
    assert found['default_pass']['origin'] == 'RABBITMQ_DEFAULT_PASS_FILE'
    Peer(own.address, user='ann', password='s3cret').close()


def test_what_environment_prints_is_a_config_file(own_broker):
    own = own_broker(start=False)
    own.flags += ['--config', write(os.path.join(own.directory, 'a.conf'), "default_user = 'a # b'\ncluster_name = '''\nit's\n'''\n")]
    own.start()
    shown = own.ctl('-q', 'environment').out
    assert re.search(r"^default_user = 'a # b'  # .*a\.conf:1; default: guest$", shown, re.M)
    assert re.search(r'^# default_pass = <redacted>  # default$', shown, re.M)
    again = check(own, '--check-config', write(os.path.join(own.directory, 'b.conf'), shown))
    assert again.returncode == 0, again.stderr
    assert 'unknown' not in again.stderr


FAULTS = {
    'heartbeat = often': "invalid value 'often' for heartbeat: expected a whole number from 0 to 65535",
    'frame_max = 17': "invalid value '17' for frame_max: expected 0 or a whole number from 4096 to 2147483647",
    'listeners.tcp.a = mars:5672': "invalid value 'mars:5672' for listeners.tcp.a: expected a port such as 5672",
    'disk_free_limit.absolute = much': "invalid value 'much' for disk_free_limit.absolute: expected a size",
    'default_permissions.write = (': "invalid value '(' for default_permissions.write: expected a regular expression",
    'default_pass = encrypted:AAAA': 'the value of default_pass is encrypted: expected its passphrase',
    'cluster_name = $(NOWHERE)': 'cluster_name: $(NOWHERE) is neither a key of the configuration nor an environment variable',
    'default_user = $(<no/such/file)': 'default_user: cannot read',
    'include other.conf': 'include is not supported',
    'load_definitions = /no/such.json': "invalid value '/no/such.json' for load_definitions: expected a file that can be read",
}


def test_check_config_names_ten_faults_at_once_and_writes_nothing(own_broker):
    own = own_broker(start=False)
    path = write(os.path.join(own.directory, 'leveret.conf'), '\n'.join(FAULTS) + '\n')
    write(os.path.join(own.directory, 'conf.d', 'more.conf'), 'channel_max = -1\n')
    done = check(own, '--check-config', path, environment={'RABBITMQ_NODE_PORT': 'many'})
    assert (done.returncode, done.stdout) == (BAD_CONFIG, '')
    for line, fault in enumerate(FAULTS.values(), 1):
        assert f'error: {path}:{line}: {fault}' in done.stderr
    assert f"error: {own.directory}/conf.d/more.conf:1: invalid value '-1' for channel_max" in done.stderr
    assert 'error: RABBITMQ_NODE_PORT: invalid value' in done.stderr
    assert done.stderr.endswith('\nThe configuration has 12 errors.\n')
    own.flags += ['--config', path]
    own.start(wait=False)                            # and a start says the same
    assert own.child.wait(PATIENCE_S) == BAD_CONFIG
    own.child = None
    assert all(fault in own.log() for fault in FAULTS.values())
    assert not os.path.exists(own.data)


def test_tokens_that_nobody_is_asked_about_stop_no_start(own_broker):
    own = own_broker(start=False)
    path = write(os.path.join(own.directory, 'leveret.conf'), 'auth_oauth2.issuer = https://idp.example.com\n')
    done = check(own, '--check-config', path)
    assert done.returncode == 0, done.stderr
    assert re.search(r'^warning: .*resource_server_id.* \(ignored: no auth_backends\.N is oauth2\)$', done.stderr, re.M), done.stderr
    write(path, 'auth_oauth2.issuer = https://idp.example.com\nauth_backends.1 = cache\nauth_cache.cached_backend = oauth2\n')
    done = check(own, '--check-config', path)
    assert done.returncode == BAD_CONFIG and 'error: ' in done.stderr, done.stderr


def test_check_config_of_a_good_one_counts_its_files(own_broker):
    own = own_broker(start=False)
    etc(own, 'rabbitmq.conf', 'heartbeat = 5\nhartbeat = 6\n')
    etc(own, 'conf.d/a.conf', '')
    done = check(own, '--check-config')
    assert (done.returncode, done.stdout) == (0, 'The configuration is valid (2 files, 1 warning).\n')
    assert done.stderr == f"warning: {own.directory}/etc/rabbitmq/rabbitmq.conf:2: ignoring unknown key 'hartbeat': " \
                          'did you mean heartbeat?\n'
    assert not os.path.exists(own.data)


def test_a_file_that_is_named_counts_alone(own_broker, tmp_path):
    own = own_broker(start=False)
    unused = write(os.path.join(own.directory, 'etc', 'leveret', 'leveret.conf'), 'heartbeat = many\n')
    long_ago = (0, os.stat(unused).st_mtime)
    os.utime(unused, long_ago)
    named = write(str(tmp_path / 'named.conf'), 'heartbeat = 5\n')
    done = check(own, '--config', named, '--check-config')
    assert (done.returncode, done.stdout) == (0, 'The configuration is valid (1 file, 0 warnings).\n'), done.stderr
    assert os.stat(unused).st_atime == 0             # nor is it read, unless the file system notes no reads


def test_sighup_says_what_changed_and_shows_no_secret(own_broker):
    own = own_broker(start=False)
    main = etc(own, 'rabbitmq.conf', 'heartbeat = 17\ndefault_pass = one\nnode_name = a\nlog.console = true\n')
    own.start()
    logs = os.path.join(own.directory, 'logs')
    write(main, f'heartbeat = 18\ndefault_pass = two\nnode_name = b\nlog.console = true\nlog.dir = {logs}\n')
    os.kill(own.pid, signal.SIGHUP)
    eventually(lambda: 'config: reloaded' in own.log())
    own.says('config: heartbeat changed from 17 to 18')
    own.says(f'config: log.dir changed from (none) to {logs}')
    own.says('config: node_name remains a: changing it to b requires a restart')
    own.says('config: default_pass remains <redacted>')
    assert 'two' not in own.log()


ENCRYPTIONS = [(), ('--cipher', 'aes_256_cbc', '--hash', 'sha512', '--iterations', '1000'),
               ('--cipher', 'aes_192_ctr', '--hash', 'sha3_256', '--iterations', '7'), ('--cipher', 'des_ede3_cbc')]


@pytest.mark.once
@pytest.mark.parametrize('how', ENCRYPTIONS, ids=lambda how: ' '.join(how) or 'default')
@pytest.mark.parametrize('value', ['"s3cret # \\" pass"', '<<"guest">>'])
def test_what_one_encodes_the_other_decodes(broker, rabbit, value, how):
    for encoder, decoder in (broker, rabbit), (rabbit, broker):
        encoded = encoder.ctl('-q', 'encode', value, 'the pass', *how).out.strip()
        assert re.fullmatch(r'\{encrypted,<<"[A-Za-z0-9+/=]+">>\}', re.sub(r'\s', '', encoded)), encoded
        decoded = decoder.ctl('-q', 'decode', encoded, 'the pass', *how).out.strip()
        assert decoded == value
        wrong = decoder.ctl('-q', 'decode', encoded, 'another pass', *how, check=False)
        assert (wrong.code, 'Failed to decrypt the value' in wrong.err) == (69, True)


@pytest.mark.parametrize('where', ['conf.d/decoder.conf', 'advanced.config'])
def test_a_password_that_leveretctl_has_encoded_lets_the_user_in(own_broker, where):
    own = own_broker(start=False)
    how = ['--cipher', 'aes_256_cbc', '--hash', 'sha512', '--iterations', '1000']
    encoded = json.loads(own.ctl('encode', 'top s3cret', 'pass phrase', '--formatter', 'json', *how).out)['value'][1]
    from_stdin = own.ctl('-q', 'decode', f'encrypted:{encoded}', *how, input='pass phrase\n').out
    assert from_stdin.splitlines()[-1] == '"top s3cret"'
    passphrase = write(os.path.join(own.directory, 'passphrase'), 'pass phrase\n')
    etc(own, 'rabbitmq.conf', f'default_user = ann\ndefault_pass = encrypted:{encoded}\n')
    if where == 'conf.d/decoder.conf':
        etc(own, where, f'config_entry_decoder.passphrase_file = {passphrase}\nconfig_entry_decoder.cipher = aes_256_cbc\n'
                        'config_entry_decoder.hash = sha512\nconfig_entry_decoder.iterations = 1000\n')
    else:
        etc(own, where, f'[{{rabbit, [{{config_entry_decoder, [{{passphrase, {{file, "{passphrase}"}}}}, {{cipher, aes_256_cbc}},\n'
                        '  {hash, sha512}, {iterations, 1000}]}]}].\n')
    own.start()
    Peer(own.address, user='ann', password='top s3cret').close()
    assert 's3cret' not in own.log() + own.ctl('environment').out and 'pass phrase' not in own.log()
