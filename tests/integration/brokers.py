"""The two brokers these tests know how to run: Leveret, and Debian's RabbitMQ to compare it with.

Both offer the same few verbs: start(), stop(), kill(), restart(), ctl(*words); .address is what a
socket connects to. A broker is a child in a process group of its own, on loopback, with its files in
one directory, so several can run side by side and none outlives the test run.
"""
import glob
import os
import pty
import random
import re
import shutil
import signal
import socket
import subprocess
import time

from patience import PATIENCE_S
from rabbitmqctl import RabbitmqctlVm
from wire import eventually

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
HEADER = b'AMQP\x00\x00\x09\x01'
# A sanitizer's report or a failed assertion ends the run, whatever the exit code says.
ALARMING = re.compile(r'Sanitizer|runtime error:|[Aa]ssertion|stack smashing|double free|Panic', re.M)


PORTS = range(20000, 32000)                              # below those the kernel gives to clients
SHARES = 40                                              # so many workers, of all runs on this machine, have ports of their own


def claim_share():
    """The number of a share of the ports that no other worker has, also none of another run: it has an abstract socket of that number,
    which goes when the worker ends, however it does."""
    for number in range(SHARES):
        claim = socket.socket(socket.AF_UNIX)
        try:
            claim.bind(f'\0leveret-tests-ports-{number}')
            return number, claim
        except OSError:
            claim.close()
    raise AssertionError(f'{SHARES} workers of tests run on this machine, and have all ports that tests use')


def ports_to_try():
    """A worker's ports, one after the other: none comes again soon. RabbitMQ listens only seconds after it got its own."""
    number, claim = claim_share()
    share = len(PORTS) // SHARES
    at = random.randrange(share)
    with claim:
        while True:
            yield PORTS.start + number * share + at
            at = (at + 1) % share


untried_ports = ports_to_try()


def free_port():
    """A port nobody listens on."""
    while True:
        port = next(untried_ports)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(('127.0.0.1', port))
            except OSError:
                continue
            return port


class Result:
    """What a command answered: .code, .out, .err."""

    def __init__(self, words, code, out, err):
        self.words, self.code, self.out, self.err = words, code, out, err

    def __repr__(self):
        return f'{" ".join(map(str, self.words))}: {self.code}\n{self.out}\n{self.err}'


class Broker:
    def __init__(self, directory):
        self.directory = str(directory)
        os.makedirs(self.directory, exist_ok=True)
        self.port = free_port()
        self.address = ('127.0.0.1', self.port)
        self.url = f'amqp://guest:guest@127.0.0.1:{self.port}/'
        self.child = None

    def answers(self):
        """Whether a protocol header is answered with connection.start."""
        try:
            with socket.create_connection(self.address, 5) as probe:
                probe.sendall(HEADER)
                return probe.recv(1) == b'\x01'
        except OSError:
            return False

    def wait_until_it_answers(self, within_s):
        end = time.monotonic() + within_s
        while not self.answers():
            if self.child.poll() is not None:
                raise AssertionError(f'{self.name} exited with {self.child.returncode}:\n{self.log()[-4000:]}')
            if time.monotonic() > end:
                raise AssertionError(f'{self.name} does not answer after {within_s} s:\n{self.log()[-4000:]}')
            time.sleep(0.01)

    def restart(self):
        self.stop()
        self.start()

    def kill(self):
        """kill -9, and gone when this returns."""
        os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.child = None


def whole_lines(text):
    """Without what follows the last line: of a longer write, the beginning may be read before the end is there."""
    return text[:text.rfind('\n') + 1]


COMMANDS_RUN = set()


def environment_of_command(words):
    """AddressSanitizer looks for leaks in two thirds of the time of a short command. In a command that is run again, as while
    something is waited for, it need not look again."""
    if 'ASAN_OPTIONS' not in os.environ or words not in COMMANDS_RUN:
        COMMANDS_RUN.add(words)
        return None
    return {**os.environ, 'ASAN_OPTIONS': os.environ['ASAN_OPTIONS'] + ':detect_leaks=0'}


class Leveret(Broker):
    name = 'leveret'

    def __init__(self, directory, loops=None, flags=(), environment=None, wrapper=()):
        super().__init__(directory)
        self.daemon = os.path.abspath(os.environ.get('LEVERETD', os.path.join(ROOT, 'build', 'leveretd')))
        self.control = os.path.abspath(os.environ.get(
            'LEVERETCTL', os.path.join(os.path.dirname(self.daemon), 'leveretctl')))
        self.loops = loops or os.environ.get('LEVERET_LOOPS', '3')
        self.management_port = free_port()
        self.metrics_port = 0                        # not served; a test that scrapes sets one
        self.data = os.path.join(self.directory, 'data')
        self.stderr = os.path.join(self.directory, 'stderr')
        self.flags, self.environment = list(flags), environment or {}
        self.wrapper = list(wrapper)                 # words before the command: prlimit, setarch ...

    @property
    def pid(self):
        return self.child.pid

    @property
    def node_name(self):
        return f'leveret@{socket.gethostname().split(".")[0]}'

    def start(self, wait=True):
        open(self.stderr, 'a').close()
        with open(self.stderr, 'ab') as stderr:
            self.child = subprocess.Popen(
                [*self.wrapper, self.daemon, '--data-dir', self.data, '--bind', '127.0.0.1', '--port', str(self.port),
                 '--management-port', str(self.management_port), '--metrics-port', str(self.metrics_port),
                 '--loops', str(self.loops)] + self.flags,
                stdin=subprocess.DEVNULL, stdout=stderr, stderr=stderr, start_new_session=True,
                env={**os.environ, 'SYS_PREFIX': self.directory, **self.environment})   # this machine's /etc is not read
        if wait:
            self.wait_until_it_answers(PATIENCE_S)
        return self

    def start_with_a_full_log(self):
        """Standard error is a pipe; once the broker runs there is no room in it for a single byte. Returns its reading end."""
        log, self.stderr = self.stderr, self.stderr + '.pipe'
        os.mkfifo(self.stderr)
        reader = os.open(self.stderr, os.O_RDONLY | os.O_NONBLOCK)
        writer = os.open(self.stderr, os.O_WRONLY | os.O_NONBLOCK)
        self.start()
        self.stderr = log                            # where a sanitizer's report would be looked for
        open(log, 'a').close()
        for size in 4096, 1:
            try:
                while True:
                    os.write(writer, b'x' * size)
            except BlockingIOError:
                pass
        os.close(writer)
        return reader

    def log(self):
        """The lines that are written so far: the log has a thread of its own, which may be late. See says()."""
        with open(self.stderr, errors='replace') as file:
            return whole_lines(file.read())

    def says(self, text):
        """Waits for a line of the log that contains the text, and returns it."""
        return eventually(lambda: [line for line in self.log().splitlines() if text in line])[0]

    def stop(self):
        """SIGTERM; it must leave with 0, and must not have complained about itself."""
        if self.child is None:
            return
        child, self.child = self.child, None
        if child.poll() is None:
            child.send_signal(signal.SIGTERM)
        try:
            code = child.wait(PATIENCE_S)
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
            raise AssertionError(f'leveretd still runs 60 s after SIGTERM:\n{self.log()[-4000:]}') from None
        self.check_log()
        assert code == 0, f'leveretd exited with {code}:\n{self.log()[-8000:]}'

    def check_log(self):
        log = self.log()
        found = ALARMING.search(log)
        assert not found, f'leveretd complains:\n{log[max(0, found.start() - 500):found.start() + 8000]}'

    def diagnostics(self, *words):
        """A command that RabbitMQ has in rabbitmq-diagnostics, whatever it ends with."""
        return self.ctl(*words, check=False)

    def ctl(self, *words, check=True, input=None):
        done = subprocess.run([self.control, '--data-dir', self.data, *words], capture_output=True, text=True,
                              timeout=PATIENCE_S, input=input, env=environment_of_command(words))
        result = Result(words, done.returncode, done.stdout, done.stderr)
        assert not ALARMING.search(result.err), result
        if check:
            assert result.code == 0, result
        return result

    def ctl_on_a_terminal(self, *words):
        """What the command writes to a terminal."""
        ours, its = pty.openpty()
        child = subprocess.Popen([self.control, '--data-dir', self.data, *words], stdin=subprocess.DEVNULL, stdout=its, stderr=its)
        os.close(its)
        octets = b''
        try:
            while piece := os.read(ours, 1 << 16):
                octets += piece
        except OSError:
            pass                                             # the terminal is closed when the child ends
        os.close(ours)
        assert child.wait(PATIENCE_S) == 0, octets
        return octets.decode()


class Rabbit(Broker):
    name = 'rabbitmq'
    bin = '/usr/lib/rabbitmq/bin'
    lib = '/usr/lib/rabbitmq/lib'
    followed = '3.10'                                # the release that Leveret answers like
    # What Leveret has in its core and RabbitMQ ships, not enabled.
    plugins = ('rabbitmq_consistent_hash_exchange', 'rabbitmq_random_exchange', 'rabbitmq_sharding',
               'rabbitmq_recent_history_exchange', 'rabbitmq_event_exchange')

    def __init__(self, directory):
        super().__init__(directory)
        self.node = f'it{self.port}@localhost'
        self.epmd = None
        self.rabbitmqctl = None
        home = self.directory
        ports = {'ERL_EPMD_PORT': free_port(), 'RABBITMQ_DIST_PORT': free_port()}
        self.environment = {
            **{key: value for key, value in os.environ.items() if not key.startswith(('RABBITMQ_', 'ERL_'))},
            **{key: str(value) for key, value in ports.items()},
            'HOME': home, 'ERL_EPMD_ADDRESS': '127.0.0.1', 'RABBITMQ_NODENAME': self.node,
            'RABBITMQ_NODE_IP_ADDRESS': '127.0.0.1', 'RABBITMQ_NODE_PORT': str(self.port),
            'RABBITMQ_CONF_ENV_FILE': f'{home}/rabbitmq-env.conf', 'RABBITMQ_CONFIG_FILE': f'{home}/rabbitmq.conf',
            'RABBITMQ_ENABLED_PLUGINS_FILE': f'{home}/enabled_plugins', 'RABBITMQ_MNESIA_BASE': f'{home}/mnesia',
            'RABBITMQ_LOG_BASE': f'{home}/log', 'RABBITMQ_SCHEMA_DIR': f'{home}/schema',
            'RABBITMQ_PID_FILE': f'{home}/pid', 'ERL_INETRC': f'{home}/inetrc',
            'RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS': '-kernel inet_dist_use_interface {127,0,0,1}',
            'RABBITMQ_CTL_ERL_ARGS': '-kernel inet_dist_use_interface {127,0,0,1}'}
        for name in ('mnesia', 'log', 'schema'):
            os.makedirs(f'{home}/{name}', exist_ok=True)
        for name, text in (('rabbitmq-env.conf', ''), ('enabled_plugins', f'[{",".join(self.plugins)}].\n'),
                           ('rabbitmq.conf', f'listeners.tcp.1 = 127.0.0.1:{self.port}\n'),
                           # A machine fresh from debootstrap has no /etc/hosts, so nobody there knows localhost.
                           ('inetrc', '{host, {127,0,0,1}, ["localhost"]}.\n{lookup, [file, native]}.\n')):
            with open(f'{home}/{name}', 'w') as file:
                file.write(text)

    @classmethod
    def is_installed(cls):
        return os.path.exists(f'{cls.bin}/rabbitmq-server') and shutil.which('epmd') is not None

    @classmethod
    def version(cls):
        """Of the RabbitMQ that is installed, like 3.10.8."""
        return glob.glob(f'{cls.lib}/rabbitmq_server-*')[0].rpartition('-')[2]

    @classmethod
    def why_not_compared(cls):
        """Why there is nothing to compare Leveret with here; None: there is. Debian 13 has a later release, which answers differently."""
        if not cls.is_installed():
            return 'rabbitmq-server is not installed'
        if not cls.version().startswith(f'{cls.followed}.'):
            return f'RabbitMQ {cls.version()} is installed here; what is compared is {cls.followed}'
        return None

    @property
    def node_name(self):
        return self.node

    @property
    def pid(self):
        with open(f'{self.directory}/pid') as file:
            return int(file.read())

    def start(self, wait=True):
        quiet = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL}
        if self.epmd is None:                        # as our own child, so that it goes when we say so
            self.epmd = subprocess.Popen(['epmd', '-port', self.environment['ERL_EPMD_PORT'], '-address', '127.0.0.1'],
                                         env=self.environment, start_new_session=True, **quiet)
        with open(f'{self.directory}/stdout', 'ab') as out:
            self.child = subprocess.Popen([f'{self.bin}/rabbitmq-server'], env=self.environment, stdout=out, stderr=out,
                                          stdin=subprocess.DEVNULL, start_new_session=True)
        try:
            if wait:
                self.wait_until_it_answers(PATIENCE_S)
        except BaseException:
            self.stop()                              # whoever asked for it has nothing to stop
            raise
        return self

    def log(self):
        with open(f'{self.directory}/stdout', errors='replace') as file:
            return file.read()

    def stop(self, for_good=True):
        if self.child is not None:
            child, self.child = self.child, None
            try:
                os.kill(self.pid, signal.SIGTERM)
                child.wait(PATIENCE_S)
            except (OSError, ValueError, subprocess.TimeoutExpired):
                pass
            try:
                os.killpg(child.pid, signal.SIGKILL)
            except ProcessLookupError:
                pass
            child.wait()
        if for_good and self.rabbitmqctl is not None:
            self.rabbitmqctl.stop()
            self.rabbitmqctl = None
        if for_good and self.epmd is not None:
            self.epmd.kill()
            self.epmd.wait()
            self.epmd = None

    def restart(self):
        self.stop(for_good=False)
        self.start()

    def kill(self):
        os.kill(self.pid, signal.SIGKILL)
        try:
            os.killpg(self.child.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.child.wait()
        self.child = None

    def check_log(self):
        pass

    def diagnostics(self, *words):
        """A command of rabbitmq-diagnostics, whatever it ends with."""
        self.ctl('version')                          # now there is a VM
        words = ('-n', self.node, *words)
        return Result(words, *self.rabbitmqctl.run(words, 'rabbitmq-diagnostics'))

    def ctl(self, *words, check=True, input=None):
        words = ('-n', self.node, *words)
        if input is None:
            if self.rabbitmqctl is None:
                self.rabbitmqctl = RabbitmqctlVm(self.lib, self.directory, self.environment)
            result = Result(words, *self.rabbitmqctl.run(words))
        else:
            done = subprocess.run([f'{self.bin}/rabbitmqctl', *words], capture_output=True, text=True, timeout=600,
                                  env=self.environment, input=input)
            result = Result(words, done.returncode, done.stdout, done.stderr)
        if check:
            assert result.code == 0, result
        return result


class ManagedRabbit(Rabbit):
    """With an HTTP API, whose statistics are of the last moment."""
    plugins = (*Rabbit.plugins, 'rabbitmq_management')

    def __init__(self, directory):
        super().__init__(directory)
        self.management_port = free_port()
        with open(f'{self.directory}/rabbitmq.conf', 'a') as file:
            file.write(f'management.tcp.ip = 127.0.0.1\nmanagement.tcp.port = {self.management_port}\n'
                       'collect_statistics_interval = 200\n')

    @property
    def api_url(self):
        return f'http://guest:guest@127.0.0.1:{self.management_port}'
