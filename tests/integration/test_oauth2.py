"""The backend oauth2: a client's password is a token, signed here, whose keys an issuer publishes here."""
import hashlib
import hmac
import os
import re
import time

import pika
import pika.exceptions
import pytest

from brokers import ROOT, Leveret
from issuer import FAR, Authority, Issuer, Key, claims, part
from wire import Closed, Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan', 'tsan'))]

EVERYTHING = ('rabbitmq.configure:*/*', 'rabbitmq.write:*/*', 'rabbitmq.read:*/*')


@pytest.fixture(scope='module')
def keys():
    return {'ec': Key('ec'), 'rsa': Key('rsa', 'RS256'), 'file': Key('file'), 'stranger': Key('ec')}


@pytest.fixture(scope='module')
def authority(tmp_path_factory):
    return Authority(tmp_path_factory.mktemp('authority'))


@pytest.fixture(scope='module')
def issuers(keys, authority):
    """Issuers by name: plain http, https that is trusted, and https whose authority nobody knows."""
    made = {'plain': Issuer(keys['ec'], keys['rsa']), 'tls': Issuer(keys['ec'], authority=authority),
            'unknown': Issuer(keys['ec'], authority=authority)}
    yield made
    for issuer in made.values():
        issuer.stop()


@pytest.fixture(scope='module')
def tokens(workspace, keys, authority, issuers):
    """A broker that takes tokens of several issuers, and users of its own."""
    own = Leveret(os.path.join(workspace, 'tokens'))
    with open(f'{own.directory}/file.pem', 'wb') as file:
        file.write(keys['file'].pem())
    lines = [
        'auth_backends.1 = oauth2', 'auth_backends.2 = internal',
        'auth_oauth2.resource_server_id = rabbitmq',
        f'auth_oauth2.issuer = {issuers["plain"].url}',
        'auth_oauth2.scope_aliases.everything = ' + ' '.join(EVERYTHING),
        'auth_oauth2.resource_servers.on-tls.oauth_provider_id = tls',
        f'auth_oauth2.oauth_providers.tls.issuer = {issuers["tls"].url}',
        f'auth_oauth2.oauth_providers.tls.https.cacertfile = {authority.cacertfile}',
        'auth_oauth2.resource_servers.on-unknown.oauth_provider_id = unknown',
        f'auth_oauth2.oauth_providers.unknown.jwks_uri = {issuers["unknown"].url}/keys',
        'auth_oauth2.resource_servers.on-file.oauth_provider_id = file',
        f'auth_oauth2.oauth_providers.file.signing_keys.file = {own.directory}/file.pem',
    ]
    with open(f'{own.directory}/leveret.conf', 'w') as file:
        file.write('\n'.join(lines) + '\n')
    own.flags += ['--config', f'{own.directory}/leveret.conf']
    own.start()
    own.ctl('add_vhost', 'shop')
    yield own
    own.stop()


@pytest.fixture
def enter(tokens, connect):
    """Logs in with a token, as anybody."""
    return lambda token, **how: connect(tokens, user='anybody', password=token, **how)


def refused(enter, token):
    """Logs in with a token that is refused: the client is told no more than that."""
    with enter(token, upto='start-ok') as peer:
        peer.expect_connection_close(403, 'ACCESS_REFUSED - Login was refused using authentication mechanism PLAIN. '
                                          'For details see the broker logfile.')


def test_a_token_is_a_password(tokens, keys):
    token = keys['ec'].sign(claims(*EVERYTHING, sub='ann'))
    credentials = pika.PlainCredentials('anybody', token)
    with pika.BlockingConnection(pika.ConnectionParameters('127.0.0.1', tokens.port, '/', credentials)) as connection:
        channel = connection.channel()
        channel.queue_declare('pika', exclusive=True)
        channel.confirm_delivery()
        channel.basic_publish('', 'pika', b'hello')
        assert channel.basic_get('pika', auto_ack=True)[2] == b'hello'
        assert 'ann' in tokens.ctl('list_connections', 'user').out


@pytest.mark.parametrize('key, aud', [('ec', 'rabbitmq'), ('rsa', ['x', 'rabbitmq']), ('ec', 'on-tls'), ('file', 'on-file')])
def test_each_issuer_vouches_for_its_own_resource_server(enter, keys, key, aud):
    prefix = aud if isinstance(aud, str) else 'rabbitmq'
    enter(keys[key].sign(claims(f'{prefix}.configure:*/*', aud=aud))).declare(exclusive=True)


def test_a_user_of_the_broker_still_logs_in(tokens, connect):
    connect(tokens).declare(exclusive=True)


def now(seconds):
    return int(time.time()) + seconds


def unsigned(keys):
    return f'{part({"alg": "none"})}.{part(claims(*EVERYTHING))}.'


def confused(keys):
    """Signed with the public key as if it were a secret."""
    text = f'{part({"alg": "HS256", "kid": "rsa"})}.{part(claims(*EVERYTHING))}'
    return f'{text}.{part(hmac.new(keys["rsa"].pem(), text.encode(), hashlib.sha256).digest())}'


def tampered(keys):
    header, _, signature = keys['ec'].sign(claims('rabbitmq.read:*/*')).split('.')
    return f'{header}.{part(claims(*EVERYTHING))}.{signature}'


def signed(key='ec', headers=(), **changes):
    return lambda keys: keys[key].sign(claims(*EVERYTHING, **changes), **dict(headers))


BAD = {
    'an expired one': (signed(exp=now(-1)), 'it expired at'),
    'one that never expires': (signed(exp=None), 'it has no exp'),
    'one that is not valid yet': (signed(nbf=now(FAR)), 'it is not valid before'),
    'one for somebody else': (signed(aud='billing'), 'its audience (aud) does not name the resource server'),
    'one for nobody': (signed(aud=None), 'it has no audience'),
    'one from another issuer': (signed(iss='https://evil.example.com'), "its issuer is 'https://evil.example.com'"),
    "one that a stranger signed": (signed('stranger'), 'its signature (ES256) is not that of its key'),
    'one of another provider': (signed('file'), "its key 'file' is not known"),
    'one that nobody signed': (unsigned, "the algorithm 'none', which is not accepted"),
    'one signed with a public key': (confused, 'its signature (HS256) is not that of its key'),
    'one that was changed': (tampered, 'its signature (ES256) is not that of its key'),
    'a password': (lambda keys: 'secret', 'it is not a signed JWT'),
    'one whose issuer cannot be trusted': (signed(aud='on-unknown'), "the keys of provider 'unknown' could not be fetched"),
}


@pytest.mark.parametrize('kind', BAD)
def test_a_bad_token_is_refused_and_the_log_says_why(tokens, enter, keys, kind):
    make, why = BAD[kind]
    token = make(keys)
    refused(enter, token)
    eventually(lambda: why in tokens.log())
    if '.' in token:
        assert token.split('.')[1] not in tokens.log()


@pytest.mark.parametrize('scopes', [(), ('openid', 'read:*/*', 'other.read:*/*'), ('rabbitmq.read:shop/*',)])
def test_a_vhost_needs_a_scope_in_it(enter, keys, scopes):
    with enter(keys['ec'].sign(claims(*scopes)), upto='tuned') as peer:
        peer.send(0, 'connection.open', virtual_host='/')
        peer.expect_connection_close(530, "NOT_ALLOWED - access to vhost '/' refused for user 'ann'", 'connection.open')


def test_scopes_say_what_may_be_done(enter, keys):
    peer = enter(keys['ec'].sign(claims('rabbitmq.configure:shop/mine-*', 'rabbitmq.read:shop/*')), vhost='shop')
    peer.declare('mine-1', exclusive=True)
    peer.send(1, 'queue.declare', queue='theirs')
    peer.expect_channel_close(403, "ACCESS_REFUSED - access to queue 'theirs' in vhost 'shop' refused for user 'ann'")
    peer.open_channel(2)
    peer.publish(2, '', 'mine-1', b'x')
    peer.expect_channel_close(
        403, "ACCESS_REFUSED - access to exchange 'amq.default' in vhost 'shop' refused for user 'ann'", channel=2)


def test_a_topic_needs_a_scope_for_its_routing_key(enter, keys):
    peer = enter(keys['ec'].sign(claims('rabbitmq.write:%2F/amq.topic/news.*')))
    peer.call(1, 'confirm.select')
    peer.publish(1, 'amq.topic', 'news.sport', b'x')
    peer.expect('basic.ack', 1)
    peer.publish(1, 'amq.topic', 'weather', b'x')
    peer.expect_channel_close(403, "ACCESS_REFUSED - access to topic 'weather' in exchange 'amq.topic' in vhost '/' "
                                   "refused for user 'ann'")


def test_an_alias_gives_the_scopes_it_stands_for(enter, keys):
    enter(keys['ec'].sign(claims('everything'))).declare(exclusive=True)


def lives_shortly(enter, keys, *scopes):
    """Logs in with a token that expires soon; sooner than it logs in on no machine. Returns the peer and the token's end."""
    life = 4
    while True:
        end = now(life)
        try:
            return enter(keys['ec'].sign(claims(*scopes, exp=end))), end
        except (Closed, AssertionError):
            life *= 2


def test_an_expired_token_ends_its_connection(enter, keys):
    peer, _ = lives_shortly(enter, keys, *EVERYTHING)
    peer.expect_connection_close(320, 'CONNECTION_FORCED - credential expired')


def test_a_new_token_keeps_a_connection_open(enter, keys):
    peer, end = lives_shortly(enter, keys, *EVERYTHING)
    peer.call(0, 'connection.update-secret', new_secret=keys['ec'].sign(claims(*EVERYTHING)), reason='expires')
    eventually(lambda: time.time() > end + 2)
    peer.declare(exclusive=True)


def test_keys_rotate_while_clients_are_connected(tokens, enter, issuers, keys):
    old, new = keys['ec'], Key('next')
    before = enter(old.sign(claims(*EVERYTHING)))
    queue = before.declare(exclusive=True).queue
    try:
        issuers['plain'].keys = [new]
        eventually(lambda: can_enter(enter, new.sign(claims(*EVERYTHING))))
        refused(enter, old.sign(claims(*EVERYTHING)))
        before.call(1, 'confirm.select')
        before.publish(1, '', queue, b'x')
        before.expect('basic.ack', 1)
    finally:
        issuers['plain'].keys = [keys['ec'], keys['rsa']]
        eventually(lambda: can_enter(enter, old.sign(claims(*EVERYTHING))))


def can_enter(enter, token):
    try:
        with enter(token):
            return True
    except (Closed, AssertionError):
        return False


def test_known_keys_go_on_being_used_while_the_issuer_answers_nonsense(enter, issuers, keys):
    issuer = issuers['plain']
    try:
        issuer.answer = lambda path: (200, b'<html>Welcome!</html>')
        refused(enter, Key('no such key').sign(claims(*EVERYTHING)))
        enter(keys['ec'].sign(claims(*EVERYTHING))).declare(exclusive=True)
    finally:
        issuer.answer = issuer.publish


def test_every_key_is_described():
    with open(os.path.join(ROOT, 'src/backends/oauth2_settings.c')) as file:
        keys = re.findall(r'^    \{"([a-z_.]+)", KIND_', file.read(), re.M)
    with open(os.path.join(ROOT, 'docs/authentication.md')) as file:
        text = file.read()
    assert len(keys) > 20
    assert [key for key in keys if f'`{key}' not in text and f'.{key}' not in text] == []
