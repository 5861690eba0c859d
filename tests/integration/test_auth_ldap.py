"""The backend ldap: users of a real directory (slapd), and directories that are down, slow or lie."""
import os
import threading
import time

import pika
import pytest

from brokers import Leveret
from certificates import Authority
from directory import ADMIN, ADMIN_PASSWORD, BASE, PASSWORDS, Directory, FakeServer
from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

PATTERN = f'cn=${{username}},ou=people,{BASE}'
GROUPS = f'ou=groups,{BASE}'


@pytest.fixture(scope='module')
def authority(workspace):
    return Authority(os.path.join(workspace, 'ldap-ca'))


@pytest.fixture(scope='module')
def directory(workspace, authority):
    server = authority.issue('ldap', names=['DNS:localhost', 'IP:127.0.0.1'])
    directory = Directory(os.path.join(workspace, 'slapd'), (server.certificate, server.key, authority.certificate)).start()
    yield directory
    directory.stop()


@pytest.fixture
def start(tmp_path_factory):
    """Starts a broker that asks the directory at this port, with further settings."""
    brokers = []

    def start(port, *settings, backends=('ldap',), advanced=None):
        home = tmp_path_factory.mktemp('ldap')
        lines = [f'auth_backends.{i} = {name}' for i, name in enumerate(backends, 1)]
        lines += ['auth_ldap.servers.1 = localhost', f'auth_ldap.port = {port}']
        if not any('user_dn_pattern' in line or 'dn_lookup' in line for line in settings):
            lines.append(f'auth_ldap.user_dn_pattern = {PATTERN}')
        (home / 'leveret.conf').write_text('\n'.join([*lines, *settings]) + '\n')
        if advanced:
            (home / 'advanced.config').write_text(advanced)
        broker = Leveret(home / 'broker', flags=['--config', str(home / 'leveret.conf')])
        brokers.append(broker)
        return broker.start()

    yield start
    for broker in brokers:
        broker.stop()


def connect(broker, user, password=None, vhost='/'):
    password = PASSWORDS.get(user, '') if password is None else password
    return pika.BlockingConnection(pika.ConnectionParameters(
        '127.0.0.1', broker.port, vhost, pika.PlainCredentials(user, password), socket_timeout=None, blocked_connection_timeout=None))


def gets_in(broker, user, password=None, vhost='/'):
    try:
        connect(broker, user, password, vhost).close()
        return True
    except (pika.exceptions.ProbableAuthenticationError, pika.exceptions.ProbableAccessDeniedError,
            pika.exceptions.ConnectionClosedByBroker, pika.exceptions.AuthenticationError):
        return False


def wait_for_log(broker, text):
    """A client may learn that it was refused before the line about it is written."""
    end = time.monotonic() + PATIENCE_S
    while text not in broker.log():
        assert time.monotonic() < end, broker.log()
        time.sleep(0.01)


def declares(connection, queue):
    channel = connection.channel()
    try:
        channel.queue_declare(queue, exclusive=True)
        return True
    except pika.exceptions.ChannelClosedByBroker as error:
        assert error.reply_code == 403, error
        return False


def test_users_get_in_with_their_own_passwords_only(start, directory):
    broker = start(directory.port)
    for user in PASSWORDS:
        assert gets_in(broker, user), user
    assert not gets_in(broker, 'ann', PASSWORDS['bob'])
    assert not gets_in(broker, 'ann', '')
    assert not gets_in(broker, 'nobody', 'secret')
    assert not gets_in(broker, '', 'secret')
    assert not gets_in(broker, 'guest', 'guest')
    wait_for_log(broker, 'the directory refuses to bind "cn=nobody')
    assert not any(password in broker.log() for password in PASSWORDS.values())


def test_names_that_would_be_somebody_else_get_nobody_in(start, directory):
    broker = start(directory.port, 'auth_ldap.dn_lookup_attribute = uid', f'auth_ldap.dn_lookup_base = {BASE}',
                   'auth_ldap.dn_lookup_bind = anon')
    assert gets_in(broker, 'ann')
    for user in '*', 'an*', 'ann)(uid=*', f'ann,ou=people,{BASE}', f'cn=ann,ou=people,{BASE}', '\\61nn', 'ann\\':
        assert not gets_in(broker, user, PASSWORDS['ann']), user


@pytest.mark.parametrize('bind', ['anon', 'account'])
def test_a_users_entry_is_looked_up_before_the_bind(start, directory, bind):
    account = ([f'auth_ldap.{key}.user_dn = {ADMIN}' for key in ('dn_lookup_bind', 'other_bind')] +
               [f'auth_ldap.{key}.password = {ADMIN_PASSWORD}' for key in ('dn_lookup_bind', 'other_bind')])
    anon = ['auth_ldap.dn_lookup_bind = anon', 'auth_ldap.other_bind = anon']
    broker = start(directory.port, 'auth_ldap.dn_lookup_attribute = mail', f'auth_ldap.dn_lookup_base = {BASE}',
                   f'auth_ldap.queries.vhost_access = {{in_group, "cn=wheel,{GROUPS}"}}', *(anon if bind == 'anon' else account))
    assert gets_in(broker, 'ann@example.com', PASSWORDS['ann'])
    assert not gets_in(broker, 'ann@example.com', PASSWORDS['bob'])
    assert not gets_in(broker, 'bob@example.com', PASSWORDS['bob'])       # no member of wheel
    assert not gets_in(broker, 'shared@example.com', PASSWORDS['carol'])  # two entries have it
    assert not gets_in(broker, 'ann', PASSWORDS['ann'])


def test_a_users_entry_is_looked_up_after_the_bind(start, directory):
    broker = start(directory.port, f'auth_ldap.user_bind_pattern = {PATTERN}', 'auth_ldap.dn_lookup_attribute = uid',
                   f'auth_ldap.dn_lookup_base = {BASE}', f'auth_ldap.queries.vhost_access = {{in_group, "cn=wheel,{GROUPS}"}}')
    assert gets_in(broker, 'ann')
    assert not gets_in(broker, 'bob')


QUERIES = f'''
auth_ldap.group_lookup_base = {GROUPS}
auth_ldap.queries.vhost_access = {{'or', [{{exists, "ou=${{vhost}},ou=vhosts,{BASE}"}}, {{equals, "${{vhost}}", "/"}}]}}
auth_ldap.queries.resource_access = \'\'\'
{{for, [{{resource, exchange, {{constant, true}}}},
       {{permission, configure, {{'or', [{{match, "${{name}}", "^${{username}}-"}},
                                      {{in_group_nested, "cn=admins,{GROUPS}"}}]}}}},
       {{permission, write, {{constant, true}}}},
       {{permission, read, {{'not', {{in_group, "cn=staff,{GROUPS}", "uniqueMember"}}}}}}]}}
\'\'\'
auth_ldap.queries.topic_access = {{match, "${{routing_key}}", "^${{username}}[.]"}}
auth_ldap.queries.tags = [{{administrator, {{in_group_nested, "cn=admins,{GROUPS}"}}}}, {{management, {{constant, true}}}}]
'''


def test_queries_decide_what_a_user_may_do(start, directory):
    broker = start(directory.port, QUERIES)
    broker.ctl('add_vhost', 'prod')
    broker.ctl('add_vhost', 'other')
    assert gets_in(broker, 'ann', vhost='prod')
    assert not gets_in(broker, 'ann', vhost='other')

    ann, bob, carol = (connect(broker, user) for user in ('ann', 'bob', 'carol'))
    assert declares(ann, 'ann-1') and declares(ann, 'other-1')           # of wheel, which is in admins
    assert declares(bob, 'bob-1') and not declares(bob, 'ann-1')
    assert declares(carol, 'carol-1') and not declares(carol, 'bob-1')

    for connection, may_read in (carol, True), (bob, False):             # bob is in staff
        channel = connection.channel()
        queue = 'carol-2' if may_read else 'bob-2'
        channel.queue_declare(queue, exclusive=True)
        try:
            channel.basic_get(queue)
            assert may_read
        except pika.exceptions.ChannelClosedByBroker as error:
            assert not may_read and error.reply_code == 403

    for key, is_allowed in ('bob.a', True), ('ann.a', False), ('bobxa', False):
        channel = bob.channel()
        channel.confirm_delivery()
        try:
            channel.basic_publish('amq.topic', key, b'')
            assert is_allowed, key
        except pika.exceptions.ChannelClosedByBroker as error:
            assert not is_allowed and error.reply_code == 403, key
    for connection in ann, bob, carol:
        connection.close()


def test_a_user_called_by_a_pattern_matches_only_itself(start, directory):
    broker = start(directory.port, QUERIES)
    star = connect(broker, '*')
    assert declares(star, '*-1') and not declares(star, 'ann-1')
    star.close()


def test_the_section_of_advanced_config_is_read(start, directory):
    broker = start(directory.port, 'auth_ldap.dn_lookup_attribute = none', advanced=f'''
        [{{rabbitmq_auth_backend_ldap, [{{user_dn_pattern, "{PATTERN}"}}, {{other_bind, {{"{ADMIN}", <<"{ADMIN_PASSWORD}">>}}}},
          {{vhost_access_query, {{in_group, "cn=wheel,{GROUPS}"}}}}]}}].''')
    assert gets_in(broker, 'ann')
    assert not gets_in(broker, 'bob')
    assert ADMIN_PASSWORD not in broker.ctl('environment').out


@pytest.mark.parametrize('way', ['use_ssl', 'use_starttls'])
def test_a_directory_must_have_the_right_certificate(start, directory, authority, workspace, way):
    port = directory.tls_port if way == 'use_ssl' else directory.port
    other = Authority(os.path.join(workspace, f'other-{way}'))
    settings = [f'auth_ldap.{way} = true', 'auth_ldap.ssl_options.cacertfile = ']
    good = start(port, settings[0], settings[1] + authority.certificate)
    assert gets_in(good, 'ann') and not gets_in(good, 'ann', 'wrong')
    wrong = start(port, settings[0], settings[1] + other.certificate)
    assert not gets_in(wrong, 'ann')
    wait_for_log(wrong, "the server's certificate is refused")


def test_a_directory_of_another_name_is_refused(start, workspace, authority):
    server = authority.issue('elsewhere', names=['DNS:elsewhere.example'])
    elsewhere = Directory(os.path.join(workspace, 'elsewhere'), (server.certificate, server.key, authority.certificate)).start()
    try:
        broker = start(elsewhere.tls_port, 'auth_ldap.use_ssl = true',
                       f'auth_ldap.ssl_options.cacertfile = {authority.certificate}')
        assert not gets_in(broker, 'ann')
        wait_for_log(broker, 'hostname mismatch')
    finally:
        elsewhere.stop()


def test_a_directory_that_comes_back_is_asked_again(start, workspace):
    directory = Directory(os.path.join(workspace, 'restarted')).start()
    try:
        broker = start(directory.port)
        assert gets_in(broker, 'ann')
        directory.stop()
        assert not gets_in(broker, 'bob')
        wait_for_log(broker, 'Connection refused')
        directory.start()
        assert gets_in(broker, 'carol')
    finally:
        directory.stop()


ANSWERS = {
    'no LDAP': b'HTTP/1.1 400 Bad Request\r\n\r\n' * 20,
    'a message of 2 GB': b'\x30\x84\x7f\xff\xff\xff\x02\x01\x01',
    'an answer to another request': b'\x30\x0c\x02\x01\x01\x65\x07\x0a\x01\x00\x04\x00\x04\x00',
    'a busy server': b'\x30\x0c\x02\x01\x01\x61\x07\x0a\x01\x33\x04\x00\x04\x00',
    'half an answer': b'\x30\x0c\x02\x01',
}


def test_a_server_that_lies_lets_nobody_in(start):
    server = FakeServer()
    try:
        broker = start(server.port)
        for server.answer in ANSWERS.values():
            server.closes = len(server.answer) < 8
            assert not gets_in(broker, 'ann'), server.answer
    finally:
        server.stop()


def test_nobody_else_waits_for_a_silent_directory(start):
    server = FakeServer()
    try:
        broker = start(server.port, 'auth_ldap.timeout = 60000', 'handshake_timeout = 60000', backends=('internal', 'ldap'))
        answers = []
        waiting = threading.Thread(target=lambda: answers.append(gets_in(broker, 'ann')), daemon=True)
        waiting.start()
        server.wait_for_a_client()
        assert gets_in(broker, 'guest', 'guest')
        assert answers == []
    finally:
        server.stop()                                # which ends the wait, too
    waiting.join()
    assert answers == [False]


def test_a_silent_directory_is_asked_no_longer_than_the_timeout(start):
    server = FakeServer()
    try:
        broker = start(server.port, 'auth_ldap.timeout = 200')
        assert not gets_in(broker, 'ann')
        wait_for_log(broker, 'no answer within the time limit')
    finally:
        server.stop()


def test_the_next_server_is_asked_when_one_is_down(start, directory):
    broker = start(directory.port, 'auth_ldap.servers.1 = 127.0.0.2', 'auth_ldap.servers.2 = 127.0.0.1')
    assert gets_in(broker, 'ann')
