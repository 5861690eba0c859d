"""The backend http: a web service is asked who may log in, and what users may do.

The expected parameters were recorded from RabbitMQ 3.10.8: it had the plugin rabbitmq_auth_backend_http, pika was its client, and
a web service printed each request.
"""
import os
import signal
import ssl

import pika
import pika.exceptions
import pytest

from certificates import Authority
from patience import PATIENCE_S
from user_service import UserService
from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

ANN = 'an n+ü&é~'
PASSWORD = 'p w%&=+é/\\'
ANN_ASKED = 'username=an+n%2B%C3%BC%26%C3%A9~'
TAGS_ASKED = 'tags=administrator+monitoring'


@pytest.fixture
def service():
    one = UserService().start()
    one.users.update({ANN: (PASSWORD, 'administrator monitoring'), 'bob': ('b', ''), 'ann': ('a', 'administrator')})
    one.vhosts.update({(ANN, '/'), ('bob', '/'), ('ann', '/')})
    yield one
    one.stop()


@pytest.fixture
def broker_of(own_broker):
    """Starts a broker with this configuration."""
    def make(text, **how):
        broker = own_broker(start=False, **how)
        path = os.path.join(broker.directory, 'leveret.conf')
        with open(path, 'w') as file:
            file.write(text)
        broker.flags += ['--config', path]
        broker.start()
        return broker
    return make


def pika_connection(broker, user=ANN, password=PASSWORD):
    return pika.BlockingConnection(pika.ConnectionParameters(
        '127.0.0.1', broker.port, '/', pika.PlainCredentials(user, password), socket_timeout=PATIENCE_S,
        blocked_connection_timeout=PATIENCE_S, stack_timeout=PATIENCE_S))


def is_refused(broker, user, password):
    """Whether the login is refused, in the way that tells the client nothing."""
    with Peer(broker.address, upto='start-ok', user=user, password=password) as peer:
        peer.expect_connection_close(403, 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. '
                                          'For details see the broker logfile.')
    return True


def is_let_in(broker, user, password):
    with Peer(broker.address, user=user, password=password):
        return True


def log_says(broker, text):
    return eventually(lambda: text in broker.log())


def once_each(items):
    """Without repetitions, in the order of the first of each: an answer may be asked for again."""
    return list(dict.fromkeys(items))


# --- asking -------------------------------------------------------------------------------------


@pytest.mark.parametrize('method', ['get', 'post'])
def test_the_service_is_asked_what_rabbitmq_asks(service, broker_of, method):
    broker = broker_of(service.settings(method))
    connection = pika_connection(broker)
    channel = connection.channel()
    channel.queue_declare('q 1/é')
    channel.exchange_declare('t', 'topic')
    channel.queue_bind('q 1/é', 't', 'a.*.é')
    channel.basic_publish('t', 'k.1 x', b'')
    channel.basic_publish('', 'q 1/é', b'')
    channel.basic_get('q 1/é')
    connection.close()
    resource = f'{ANN_ASKED}&vhost=%2F&resource'
    variables = f'variable_map.username={ANN_ASKED[9:]}&variable_map.vhost=%2F'
    assert once_each((how, where, query) for how, where, query, _ in service.asked) == [
        (method.upper(), where, query) for where, query in (
            ('/user', f'{ANN_ASKED}&password=p+w%25%26%3D%2B%C3%A9%2F%5C'),
            ('/vhost', f'{ANN_ASKED}&vhost=%2F&ip=127.0.0.1&{TAGS_ASKED}'),
            ('/resource', f'{resource}=queue&name=q+1%2F%C3%A9&permission=configure&{TAGS_ASKED}'),
            ('/resource', f'{resource}=exchange&name=t&permission=configure&{TAGS_ASKED}'),
            ('/resource', f'{resource}=queue&name=q+1%2F%C3%A9&permission=write&{TAGS_ASKED}'),
            ('/resource', f'{resource}=exchange&name=t&permission=read&{TAGS_ASKED}'),
            ('/topic', f'{resource}=topic&name=t&permission=read&{TAGS_ASKED}&routing_key=a.%2A.%C3%A9&{variables}'),
            ('/resource', f'{resource}=exchange&name=t&permission=write&{TAGS_ASKED}'),
            ('/topic', f'{resource}=topic&name=t&permission=write&{TAGS_ASKED}&routing_key=k.1+x&{variables}'),
            ('/resource', f'{resource}=exchange&name=amq.default&permission=write&{TAGS_ASKED}'),
            ('/resource', f'{resource}=queue&name=q+1%2F%C3%A9&permission=read&{TAGS_ASKED}'))]
    assert PASSWORD not in broker.log()


def test_a_service_that_only_authorizes_gets_the_password_too(service, broker_of):
    """As recorded from RabbitMQ 3.10.8."""
    broker = broker_of(service.settings(backends=()) + 'auth_backends.1.authn = internal\nauth_backends.1.authz = http\n')
    assert is_refused(broker, 'guest', 'wrong')      # the service is not asked
    assert is_refused(broker, 'guest', 'guest')      # it does not know the user
    service.users['guest'] = ('guest', '')
    service.vhosts.add(('guest', '/'))
    with Peer(broker.address) as peer:
        peer.declare('q')
    service.users['guest'] = ('another', '')
    assert is_refused(broker, 'guest', 'guest')
    assert [(where, query) for _, where, query, _ in service.asked] == [
        ('/user', 'username=guest&password=guest'),
        ('/user', 'username=guest&password=guest'),
        ('/vhost', 'username=guest&vhost=%2F&ip=127.0.0.1&tags=administrator'),
        ('/resource', 'username=guest&vhost=%2F&resource=queue&name=q&permission=configure&tags=administrator'),
        ('/user', 'username=guest&password=guest')]


def test_connections_to_the_service_are_used_again(service, broker_of):
    broker = broker_of(service.settings())
    for _ in range(10):
        assert is_let_in(broker, 'bob', 'b')
    assert len({port for _, _, _, port in service.asked}) == 1


# --- answers ------------------------------------------------------------------------------------


def test_who_is_denied_does_not_get_in_and_the_log_says_why(service, broker_of):
    service.reason = 'not on a Sunday'
    broker = broker_of(service.settings())
    assert is_refused(broker, 'bob', 'wrong')
    assert is_refused(broker, 'nobody', 'x')
    assert is_refused(broker, 'guest', 'guest')
    log_says(broker, 'denied by the HTTP service: not on a Sunday')


def test_what_is_denied_is_refused_in_rabbitmqs_words(service, broker_of):
    service.denied = {('configure', 'queue', 'q'), ('write', 'exchange', 't')}
    service.denied_keys = {'secret'}
    service.reason = 'the auditors are here'
    service.users['eve'] = ('e', '')
    broker = broker_of(service.settings() + 'auth_http.authorization_failure_disclosure = true\n')
    log_says(broker, 'auth_http.authorization_failure_disclosure has no effect: reasons that the service gives are logged')
    with Peer(broker.address, user='eve', password='e', upto='tuned') as peer:
        peer.send(0, 'connection.open', virtual_host='/')
        peer.expect_connection_close(530, "NOT_ALLOWED - access to vhost '/' refused for user 'eve'", 'connection.open')
    with Peer(broker.address, user='bob', password='b') as peer:
        peer.send(1, 'queue.declare', queue='q')
        peer.expect_channel_close(403, "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'bob'")
        peer.open_channel(1)
        peer.call(1, 'exchange.declare', exchange='t', type='topic')
        peer.publish(exchange='t', routing_key='k')
        peer.expect_channel_close(403, "ACCESS_REFUSED - access to exchange 't' in vhost '/' refused for user 'bob'")
        peer.open_channel(1)
        peer.declare('mine')
        peer.send(1, 'queue.bind', queue='mine', exchange='t', routing_key='secret')
        peer.expect_channel_close(
            403, "ACCESS_REFUSED - access to topic 'secret' in exchange 't' in vhost '/' refused for user 'bob'")
    log_says(broker, "the HTTP service denies user 'bob' access in vhost '/' to 'q': the auditors are here")


def test_a_user_has_the_tags_that_the_service_gives(service, broker_of):
    service.users['proxy'] = ('p', 'Impersonator')
    service.vhosts.add(('proxy', '/'))
    broker = broker_of(service.settings())
    for user, password in ('proxy', 'p'), ('bob', 'b'):
        connection = pika_connection(broker, user, password)
        channel = connection.channel()
        channel.confirm_delivery()
        properties = pika.BasicProperties(user_id='somebody else')
        if user == 'proxy':
            channel.basic_publish('amq.fanout', '', b'', properties)
        else:
            with pytest.raises(pika.exceptions.ChannelClosedByBroker):
                channel.basic_publish('amq.fanout', '', b'', properties)
        connection.close()


LIES = [
    (200, '<html>Welcome!</html>', {}, "it answers neither allow nor deny, but '<html>Welcome!</html>'"),
    (200, 'allowed', {}, "it answers neither allow nor deny, but 'allowed'"),
    (200, '', {}, "it answers neither allow nor deny, but ''"),
    (500, 'allow', {}, 'it answers with the status 500'),
    (403, 'allow', {}, 'it answers with the status 403'),
    (302, 'allow', {'location': '/elsewhere'}, 'it answers with the status 302'),
    (200, 'allow ' + 'x' * 10**6, {}, 'the answer is longer than 8192 bytes'),
]


def test_an_answer_that_makes_no_sense_lets_nobody_in(service, broker_of):
    broker = broker_of(service.settings())
    with Peer(broker.address, user='bob', password='b') as peer:
        for number, (*answer, why) in enumerate(LIES):
            service.answers = dict.fromkeys(('/user', '/vhost', '/resource', '/topic'), answer)
            assert is_refused(broker, 'ann', 'a')
            queue = f'q{number}'                     # nothing is known yet of this one
            peer.send(1, 'queue.declare', queue=queue)
            peer.expect_channel_close(403, f"ACCESS_REFUSED - access to queue '{queue}' in vhost '/' refused for user 'bob'")
            peer.open_channel(1)
            for path in '/user', '/resource':
                log_says(broker, f'POST http://127.0.0.1:{service.port}{path}: {why}')
    assert '/elsewhere' not in {where for _, where, _, _ in service.asked}


# --- answers that are kept ----------------------------------------------------------------------


def cached(service, *more):
    """The service behind a cache whose answers do not get old during the test."""
    return service.settings(backends=('cache',)) + 'auth_cache.cached_backend = http\nauth_cache.cache_ttl = 86400000\n' + '\n'.join(more)


def test_a_second_login_asks_nothing_and_a_wrong_password_always(service, broker_of):
    broker = broker_of(cached(service))
    for _ in range(3):
        connection = pika_connection(broker)
        connection.channel().queue_declare('q')
        connection.close()
        assert [where for _, where, _, _ in service.asked] == ['/user', '/vhost', '/resource']
    for _ in range(2):
        assert is_refused(broker, ANN, 'wrong')
    service.users['eve'] = ('e', '')
    service.vhosts.add(('eve', '/'))
    assert is_let_in(broker, 'eve', 'e')             # it was not there before
    assert len(service.queries('/user')) == 4
    service.stop()
    assert is_let_in(broker, ANN, PASSWORD)
    assert is_refused(broker, ANN, 'wrong')
    assert PASSWORD not in broker.log()


def test_refusals_are_kept_if_that_is_wanted(service, broker_of):
    broker = broker_of(cached(service, 'auth_cache.cache_refusals = true', 'auth_cache.cache_module = rabbit_auth_cache_dict'))
    for _ in range(3):
        assert is_refused(broker, 'eve', 'e')
    assert len(service.asked) == 1
    service.users['eve'] = ('e', '')
    service.vhosts.add(('eve', '/'))
    assert is_refused(broker, 'eve', 'e')
    log_says(broker, 'http: refused a short while ago (auth_cache.cache_refusals)')
    log_says(broker, 'auth_cache.cache_module has no effect: there is one cache')
    os.kill(broker.pid, signal.SIGHUP)
    log_says(broker, 'config: reloaded')
    assert is_let_in(broker, 'eve', 'e')             # reloading has emptied it


def test_a_cache_is_emptied_by_command(service, broker_of):
    broker = broker_of(cached(service))
    assert is_let_in(broker, ANN, PASSWORD)
    service.users[ANN] = ('another', '')
    assert is_let_in(broker, ANN, PASSWORD)
    assert broker.ctl('clear_auth_backend_cache').out == (
        "Will clear rabbitmq_auth_backend_cache plugin's cache on the target node...\n")
    assert is_refused(broker, ANN, PASSWORD)


# --- a service that fails -----------------------------------------------------------------------


def test_nobody_gets_in_while_the_service_is_down_and_everybody_once_it_is_back(service, broker_of):
    broker = broker_of(service.settings())
    service.stop()
    assert is_refused(broker, 'bob', 'b')
    log_says(broker, f'Failed to connect to 127.0.0.1 port {service.port}')
    service.start()
    assert is_let_in(broker, 'bob', 'b')


def test_others_do_not_wait_for_a_slow_service(service, broker_of):
    broker = broker_of(service.settings(backends=('internal', 'http')))
    with Peer(broker.address, user='bob', password='b') as peer:
        peer.declare('q')
        peer.call(1, 'confirm.select')
        peer.publish(routing_key='q', body=b'1')
        peer.expect('basic.ack')
        assert peer.get('q').body == b'1'
        service.gate.clear()                         # the service has said already what bob may do
        waiting = [Peer(broker.address, upto='start-ok', user='ann', password='a') for _ in range(30)]
        eventually(lambda: len(service.queries('/user')) >= 2)
        peer.publish(routing_key='q', body=b'2')
        peer.expect('basic.ack')
        assert peer.get('q').body == b'2'
        assert is_let_in(broker, 'guest', 'guest')
        service.gate.set()
        for one in waiting:
            one.expect('connection.tune', 0)
            one.drop()


def test_a_service_that_does_not_answer_in_time_lets_nobody_in(service, broker_of):
    broker = broker_of(service.settings() + 'auth_http.request_timeout = 100\n')
    service.gate.clear()
    assert is_refused(broker, 'bob', 'b')
    log_says(broker, f'POST http://127.0.0.1:{service.port}/user: ')


def test_the_time_of_the_service_is_part_of_the_handshake(service, broker_of):
    broker = broker_of(service.settings(), handshake_timeout_ms=300)
    service.gate.clear()
    with Peer(broker.address, upto='start-ok', user='bob', password='b') as peer:
        peer.expect_closed()
    log_says(broker, 'handshake not finished within 300 ms, while its login was checked')
    service.gate.set()                               # else the broker's stop waits for the service's time to be over


# --- TLS ----------------------------------------------------------------------------------------


@pytest.fixture(scope='module')
def authorities(workspace):
    """Two of them; the broker trusts one at a time."""
    folder = os.path.join(workspace, 'auth-http-tls')
    return Authority(folder, 'ca'), Authority(folder, 'other')


@pytest.fixture
def secure_service(authorities):
    """One whose certificate, by the first authority, is for localhost."""
    pair = authorities[0].issue('service', names=['DNS:localhost'])
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(pair.certificate, pair.key)
    one = UserService(tls).start()
    one.users['bob'] = ('b', '')
    one.vhosts.add(('bob', '/'))
    yield one
    one.stop()


def trusting(authority):
    return f'auth_http.ssl_options.cacertfile = {authority.certificate}\n'


def test_a_service_whose_certificate_is_good_is_asked(secure_service, broker_of, authorities):
    broker = broker_of(secure_service.settings(host='localhost') + trusting(authorities[0]))
    assert is_let_in(broker, 'bob', 'b')


@pytest.mark.parametrize('host, authority, why', [
    ('localhost', 1, 'unable to get local issuer certificate'),
    ('127.0.0.1', 0, "no alternative certificate subject name matches target")])
def test_a_service_whose_certificate_is_not_good_is_not_asked(secure_service, broker_of, authorities, host, authority, why):
    broker = broker_of(secure_service.settings(host=host) + trusting(authorities[authority]))
    assert is_refused(broker, 'bob', 'b')
    log_says(broker, f'POST https://{host}:{secure_service.port}/user: ')
    log_says(broker, why)
    assert not secure_service.asked


def test_verify_none_asks_whoever_answers(secure_service, broker_of):
    broker = broker_of(secure_service.settings() + 'auth_http.ssl_options.verify = verify_none\n')
    assert is_let_in(broker, 'bob', 'b')
