"""What a new password must be: credential_validator.*, in RabbitMQ's words."""
import os
import signal

import pytest

from wire import Peer, eventually

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]

TOO_SHORT = 'Error:\nminimum required password length is 8\n'
NO_MATCH = 'Error:\nprovided password does not match the validator regular expression\n'


class Validating:
    """A broker whose validator changes with a reload."""

    def __init__(self, own):
        self.own, self.heartbeat = own, 20
        self.path = os.path.join(own.directory, 'leveret.conf')
        own.flags += ['--config', self.path]
        self.write('')
        own.start()

    def write(self, settings):
        with open(self.path, 'w') as file:
            file.write(f'{settings}heartbeat = {self.heartbeat}\n')

    def use(self, validator, settings=''):
        """Returns when a new connection sees the new configuration."""
        self.heartbeat += 1
        self.write(f'credential_validator.validation_backend = rabbit_credential_validator_{validator}\n{settings}')
        self.own.child.send_signal(signal.SIGHUP)
        eventually(lambda: self.offered() == self.heartbeat)

    def offered(self):
        with Peer(self.own.address, upto='tuned') as peer:
            return peer.tune.heartbeat

    def is_accepted(self, password):
        """Adds a user with this password, and gives another one this password."""
        self.own.ctl('add_user', f'user-{password}', password)
        self.own.ctl('change_password', 'ann', password)
        Peer(self.own.address, user='ann', password=password, upto='tuned').drop()

    def is_refused(self, password, text):
        for words in ('add_user', f'user-{password}'), ('change_password', 'ann'):
            done = self.own.ctl(*words, password, check=False)
            assert (done.code, done.err) == (70, text), done
        assert f'user-{password}' not in self.own.ctl('list_users').out
        Peer(self.own.address, user='ann', password='first', upto='tuned').drop()


def test_a_password_must_be_what_the_validator_says(own_broker):
    own = Validating(own_broker(start=False))
    own.own.ctl('add_user', 'ann', 'first')          # without a validator, everything is fine
    own.use('min_password_length', 'credential_validator.min_length = 8\n')
    own.is_refused('7-bytes', TOO_SHORT)
    own.use('password_regexp', 'credential_validator.regexp = ^[a-z]+[0-9]{2}$\n')
    own.is_refused('abc1', NO_MATCH)
    own.is_refused('1abc12', NO_MATCH)
    own.is_accepted('abc12')
    own.use('min_password_length', 'credential_validator.min_length = 8\n')
    own.is_accepted('8--bytes')
    own.is_accepted('7-bytés')                       # bytes are counted, as in RabbitMQ
    own.use('accept_everything')
    own.is_accepted('x')
