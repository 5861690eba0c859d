"""The operator's side of a conversation: policies, vhosts and limits, for both brokers by the same words.

Leveret is told by leveretctl. RabbitMQ is told by what its rabbitmqctl would call in the node, over one erl_call
of some milliseconds instead of a command of two seconds. do() answers 'ok', or 'refused: ' and the reason.
"""
import itertools
import json
import re
import subprocess
import threading

from brokers import Rabbit
from patience import PATIENCE_S
from rabbitmqctl import erlang_binary as binary


def operator_of(broker):
    return RabbitOperator(broker) if isinstance(broker, Rabbit) else LeveretOperator(broker)


class Operator:
    def __init__(self, broker):
        self.broker = broker
        self.firehose = threading.Lock()

    def do(self, verb, *words, **how):
        """One of the verbs below."""
        refusal = getattr(self, verb)(*words, **how)
        if not refusal:
            return 'ok'
        return 'refused: ' + ' / '.join(line for line in refusal.splitlines() if line and line != 'Error:')


class RabbitOperator(Operator):
    def __init__(self, broker):
        super().__init__(broker)
        self.calls = itertools.count()               # the node refuses a name that it has not quite parted with
        self.lock = threading.Lock()                 # and may undo one of two changes of policies made at once

    def eval(self, expression):
        """What the node answers; the text of its refusal, or None."""
        with open(f'{self.broker.directory}/.erlang.cookie') as file:
            cookie = file.read().strip()
        with self.lock:
            done = subprocess.run(['erl_call', '-sname', self.broker.node, '-h', f'operator{next(self.calls)}', '-c', cookie,
                                   '-e'], input=expression + '.\n', capture_output=True, text=True, timeout=PATIENCE_S,
                                  env=self.broker.environment)
        answer = re.fullmatch(r'\{ok, (.*)\}\s*', done.stdout, re.S)
        assert answer, f'{expression}: {done.stdout} {done.stderr}'
        refused = re.fullmatch(r'\{error_string, "(.*)"\}', answer.group(1), re.S)
        if refused:
            return refused.group(1).replace('\\n', '\n').replace('\\"', '"')
        assert not answer.group(1).startswith('{error'), f'{expression}: {answer.group(1)}'
        return None

    def set_policy(self, name, pattern, definition, vhost='/', priority=0, apply_to='all', operator=False):
        function = 'parse_set_op' if operator else 'parse_set'
        arguments = [binary(word) for word in (vhost, name, pattern, json.dumps(definition))]
        arguments += [f'"{priority}"', binary(apply_to), binary('rmq-cli')]
        return self.eval(f'rabbit_policy:{function}({", ".join(arguments)})')

    def clear_policy(self, name, vhost='/', operator=False):
        function = 'delete_op' if operator else 'delete'
        return self.eval(f'rabbit_policy:{function}({binary(vhost)}, {binary(name)}, {binary("rmq-cli")})')

    def add_vhost(self, name):
        rights = ', '.join(binary(word) for word in ('guest', name, '.*', '.*', '.*', 'rmq-cli'))
        return (self.eval(f'rabbit_vhost:add({binary(name)}, {binary("rmq-cli")})')
                or self.eval(f'rabbit_auth_backend_internal:set_permissions({rights})'))

    def delete_vhost(self, name):
        return self.eval(f'rabbit_vhost:delete({binary(name)}, {binary("rmq-cli")})')

    def set_vhost_limits(self, vhost, limits):
        arguments = ', '.join(binary(word) for word in (vhost, json.dumps(limits), 'rmq-cli'))
        return self.eval(f'rabbit_vhost_limit:parse_set({arguments})')

    def clear_vhost_limits(self, vhost):
        return self.eval(f'rabbit_vhost_limit:clear({binary(vhost)}, {binary("rmq-cli")})')

    def set_consumer_timeout(self, ms):
        """For channels opened from now on, which look at it that often; None is as before."""
        values = {'consumer_timeout': ms or 1800000, 'channel_tick_interval': ms or 60000}
        for key, value in values.items():
            self.eval(f'application:set_env(rabbit, {key}, {value})')

    def trace_on(self, vhost):
        return self.eval(f'rabbit_trace:start({binary(vhost)})')

    def trace_off(self, vhost):
        return self.eval(f'rabbit_trace:stop({binary(vhost)})')


class LeveretOperator(Operator):
    def ctl(self, *words):
        result = self.broker.ctl(*words, check=False)
        return None if result.code == 0 else result.err

    def set_policy(self, name, pattern, definition, vhost='/', priority=0, apply_to='all', operator=False):
        return self.ctl('set_operator_policy' if operator else 'set_policy', '-p', vhost, '--priority', str(priority),
                        '--apply-to', apply_to, name, pattern, json.dumps(definition))

    def clear_policy(self, name, vhost='/', operator=False):
        return self.ctl('clear_operator_policy' if operator else 'clear_policy', '-p', vhost, name)

    def add_vhost(self, name):
        return self.ctl('add_vhost', name) or self.ctl('set_permissions', '-p', name, 'guest', '.*', '.*', '.*')

    def delete_vhost(self, name):
        return self.ctl('delete_vhost', name)

    def set_vhost_limits(self, vhost, limits):
        return self.ctl('set_vhost_limits', '-p', vhost, json.dumps(limits))

    def clear_vhost_limits(self, vhost):
        return self.ctl('clear_vhost_limits', '-p', vhost)

    def set_consumer_timeout(self, ms):
        """Here it is the queue's argument that says so."""

    def trace_on(self, vhost):
        return self.ctl('trace_on', '-p', vhost)

    def trace_off(self, vhost):
        return self.ctl('trace_off', '-p', vhost)
