#!/usr/bin/python3
"""Installs the Debian packages of build-deb/ on a new Debian that systemd has booted, and lives with them: hardening, reload, watchdog,
logs, an upgrade under load, removal, purge.

    scripts/deb build && sudo tests/packages/check_packages.py          (make deb-check)

Needs root, debootstrap, iproute2, python3-pika, some 1 GB, and a few minutes. The network of this machine is used for making the Debian and
for downloading what the packages depend on; afterwards it has a network of its own, so that no port is taken here.

Environment: SUITE (bookworm), MIRROR (http://deb.debian.org/debian), DIR: where Debian goes (/var/tmp/leveret-packages-SUITE). DIR.base stays
for the next time."""
import glob
import json
import os
import pathlib
import shutil
import subprocess
import sys
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
BUILT = HERE.parent.parent / 'build-deb'
SUITE = os.environ.get('SUITE', 'bookworm')
MIRROR = os.environ.get('MIRROR', 'http://deb.debian.org/debian')
DIR = pathlib.Path(os.environ.get('DIR', f'/var/tmp/leveret-packages-{SUITE}'))
BASE = DIR.with_name(DIR.name + '.base')
INCLUDED = 'systemd,systemd-sysv,dbus,ca-certificates,logrotate,procps'
APT = ['env', 'DEBIAN_FRONTEND=noninteractive', 'apt-get', '-y', '-q', '--no-install-recommends']
PYTHON = '/usr/bin/python3'    # the one that has Debian's pika
PATIENCE_S = 300        # for what takes a second on a machine that has nothing else to do
CONFIRMED_MIN = 2000    # publishes that precede and follow an upgrade


def say(text):
    print(f'deb-check: {text}', flush=True)


def run(*command, **more):
    done = subprocess.run([str(word) for word in command], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode != 0:
        raise AssertionError(f'{" ".join(map(str, command))}: exit status {done.returncode}\n{done.stdout}')
    return done.stdout


def eventually(condition, what):
    end = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < end, f'not within {PATIENCE_S} s: {what}'
        time.sleep(0.1)


# --- a new Debian -------------------------------------------------------------------------------------

def carried():
    """Copies the settings with which this machine reaches others."""
    for name in 'resolv.conf', 'hosts':
        if os.path.exists(f'/etc/{name}'):
            shutil.copy(f'/etc/{name}', BASE / 'etc' / name)
    settings = [line for line in run('apt-config', 'dump', 'Acquire').splitlines()
                if line.startswith(('Acquire::http', 'Acquire::Retries', 'Acquire::Check'))]
    (BASE / 'etc/apt/apt.conf.d/90carried').write_text('\n'.join(settings) + '\n')


def make_debian():
    if not (BASE / 'etc/apt/apt.conf.d/90carried').exists():
        say(f'{SUITE} into {BASE}')
        shutil.rmtree(BASE, ignore_errors=True)
        run('debootstrap', '--variant=minbase', f'--include={INCLUDED}', SUITE, BASE, MIRROR)
        carried()
    shutil.rmtree(DIR, ignore_errors=True)
    run('cp', '-a', '--reflink=auto', BASE, DIR)


def newest(name):
    """The package of this name that scripts/deb has built."""
    found = sorted(glob.glob(str(BUILT / f'{name}_*.deb')), key=os.path.getmtime)
    assert found, f'there is no {name}_*.deb in {BUILT}: scripts/deb build'
    return pathlib.Path(found[-1])


def bring_packages():
    """Copies the packages into /root, also as those of a later release, and downloads what they depend on."""
    for name in 'leveret', 'leveret-rabbitmq-compat':
        package = newest(name)
        shutil.copy(package, DIR / f'root/{name}.deb')
        unpacked = DIR / 'root/later'
        run('dpkg-deb', '-R', package, unpacked)
        control = unpacked / 'DEBIAN/control'
        lines = [f'{line}+later' if line.startswith('Version: ') else line for line in control.read_text().splitlines()]
        control.write_text('\n'.join(lines) + '\n')
        run('dpkg-deb', '--root-owner-group', '-b', unpacked, DIR / f'root/{name}-later.deb')
        shutil.rmtree(unpacked)
    say('downloading what they depend on')
    run('chroot', DIR, 'apt-get', 'update', '-q')
    run('chroot', DIR, *APT, 'install', '--download-only', '/root/leveret.deb', '/root/leveret-rabbitmq-compat.deb')


class Debian:
    """The booted system."""

    def __init__(self):
        mounts = [line.split() for line in open('/proc/mounts')]
        unified = next(line[1] for line in mounts if line[2] == 'cgroup2')
        self.group = pathlib.Path(unified) / f'leveret-deb-check-{os.getpid()}'
        self.group.mkdir()
        self.process = subprocess.Popen(
            ['unshare', '--mount', '--pid', '--fork', '--kill-child', '--cgroup', '--uts', '--ipc', '--net', HERE / 'boot', DIR],
            stdin=subprocess.DEVNULL, preexec_fn=lambda: (self.group / 'cgroup.procs').write_text(str(os.getpid())))
        self.init = None
        eventually(self.find_init, 'systemd runs')
        eventually(lambda: self.state() in ('running', 'degraded'), 'it has booted')

    def find_init(self):
        assert self.process.poll() is None, f'it has not booted: exit status {self.process.returncode}'
        children = open(f'/proc/{self.process.pid}/task/{self.process.pid}/children').read().split()
        if children and open(f'/proc/{children[0]}/comm').read().strip() == 'systemd':
            self.init = children[0]
        return self.init

    def state(self):
        done = subprocess.run(self.inside('systemctl', 'is-system-running'), capture_output=True, text=True)
        return done.stdout.strip()

    def inside(self, *command):
        return ['nsenter', '-t', self.init, '-m', '-p', '-n', '-i', '-u', '-C', 'env', '-i', 'LANG=C.UTF-8',
                'PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin', *command]

    def run(self, *command):
        return run(*self.inside(*command))

    def fails(self, *command):
        return subprocess.run(self.inside(*command), capture_output=True).returncode != 0

    def unit(self, name):
        return self.run('systemctl', 'show', '-P', name, 'leveret').strip()

    def write(self, path, text):
        target = DIR / path.lstrip('/')
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(text)

    def stop(self):
        self.process.kill()     # --kill-child: systemd and all of its processes end, too
        self.process.wait()
        eventually(lambda: 'populated 0' in (self.group / 'cgroup.events').read_text(), 'every process has ended')
        for folder in sorted(self.group.rglob('*'), key=lambda path: -len(path.parts)):
            if folder.is_dir():
                folder.rmdir()
        self.group.rmdir()


# --- what is looked at ----------------------------------------------------------------------------------

def environment(debian):
    return json.loads(debian.run('leveretctl', 'environment', '--formatter', 'json'))


def open_files(debian, process):
    """The hard limit of a process."""
    lines = debian.run('cat', f'/proc/{process}/limits').splitlines()
    return int(next(line.split()[4] for line in lines if line.startswith('Max open files')))


def check_installed(debian):
    debian.run(*APT, 'install', '/root/leveret.deb', '/root/leveret-rabbitmq-compat.deb')
    assert debian.unit('ActiveState') == 'active' and debian.unit('UnitFileState') == 'enabled'
    assert '5672' in debian.unit('StatusText'), debian.unit('StatusText')
    status = dict(line.split(':\t', 1) for line in debian.run('cat', f'/proc/{debian.unit("MainPID")}/status').splitlines() if ':\t' in line)
    user = debian.run('id', '-u', 'leveret').strip()
    assert status['Uid'].split() == [user] * 4
    assert (status['NoNewPrivs'], status['Seccomp'], int(status['CapEff'], 16), int(status['CapBnd'], 16)) == ('1', '2', 0, 0)
    assert debian.run('stat', '-c', '%U:%G %a', '/var/lib/leveret', '/var/log/leveret').split('\n')[:2] == ['leveret:leveret 750'] * 2
    assert open_files(debian, debian.unit('MainPID')) == min(262144, open_files(debian, 1))     # more than it has, systemd cannot give
    debian.run('systemd-analyze', 'verify', '--man=no', 'leveret.service')
    say(debian.run('systemd-analyze', 'security', '--no-pager', 'leveret.service').splitlines()[-1].strip())


def check_names(debian):
    assert 'amq.topic' in debian.run('rabbitmqctl', 'list_exchanges')
    assert '[E*] rabbitmq_management ' in debian.run('rabbitmq-plugins', 'list')     # enabled and running
    for command in (['rabbitmq-diagnostics', 'check_running'], ['rabbitmq-queues', 'check_if_node_is_quorum_critical'],
                    ['rabbitmqadmin', '--version'], ['systemctl', 'is-active', 'rabbitmq-server']):
        debian.run(*command)
    packages = debian.run('dpkg-query', '-W', '-f', '${Provides}', 'leveret-rabbitmq-compat')
    assert 'rabbitmq-server' in packages


def check_rabbitmqs_configuration(debian):
    """It counts until something is set in /etc/leveret."""
    debian.write('/etc/rabbitmq/rabbitmq.conf', 'heartbeat = 17\n')
    debian.run('systemctl', 'reload', 'leveret')
    eventually(lambda: environment(debian)['heartbeat']['value'] == '17', 'the new configuration is in force')
    debian.write('/etc/leveret/conf.d/test.conf', 'heartbeat = 23\nlog.dir = /var/log/leveret\n')
    debian.run('systemctl', 'reload', 'leveret')
    eventually(lambda: environment(debian)['heartbeat']['value'] == '23', 'the new configuration is in force')


def check_logs(debian):
    log = DIR / 'var/log/leveret/leveret.log'
    eventually(log.exists, 'the log is in a file')
    debian.run('logrotate', '-f', '/etc/logrotate.d/leveret')
    assert log.with_name('leveret.log.1').exists()

    def has_new():
        debian.run('systemctl', 'reload', 'leveret')
        return log.exists() and log.stat().st_size > 0
    eventually(has_new, 'the log goes on in a new file')


class Publisher:
    """Publishes numbers, each until it is confirmed, and connects again when the broker has gone."""

    def __init__(self, debian):
        self.confirmed = 0
        self.broken = 0
        self.is_over = False
        # Its own process enters the network: namespaces belong to threads.
        self.process = subprocess.Popen(['nsenter', '-t', debian.init, '-n', PYTHON, HERE / 'publisher.py'],
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        self.thread = threading.Thread(target=self.read)
        self.thread.start()

    def read(self):
        for line in self.process.stdout:
            word, number = line.split()
            if word == 'confirmed':
                self.confirmed = int(number)
            else:
                self.broken = int(number)

    def wait_for(self, number):
        eventually(lambda: self.confirmed >= number or self.process.poll() is not None, f'{number} are confirmed')
        assert self.process.poll() is None, 'the publisher has failed'

    def stop(self):
        self.process.stdin.close()
        self.thread.join()
        assert self.process.wait() == 0


def read_queue(debian):
    return [int(word) for word in run('nsenter', '-t', debian.init, '-n', PYTHON, HERE / 'publisher.py', '--read').split()]


def check_upgrade(debian):
    before = debian.unit('MainPID')
    publisher = Publisher(debian)
    publisher.wait_for(CONFIRMED_MIN)
    debian.run(*APT, 'install', '/root/leveret-later.deb', '/root/leveret-rabbitmq-compat-later.deb')
    assert debian.run('dpkg-query', '-W', '-f', '${Version}', 'leveret').endswith('+later')
    publisher.wait_for(publisher.confirmed + CONFIRMED_MIN)
    publisher.stop()
    assert debian.unit('MainPID') != before and debian.unit('ActiveState') == 'active' and publisher.broken > 0
    found = read_queue(debian)
    missing = set(range(1, publisher.confirmed + 1)) - set(found)
    assert not missing, f'{len(missing)} confirmed messages are lost: {sorted(missing)[:10]} ...'
    say(f'upgraded under load: {publisher.confirmed} confirmed, {publisher.broken} broken connections, {len(found)} messages, none lost')
    return len(found)


def count(debian):
    rows = json.loads(debian.run('leveretctl', 'list_queues', 'name', 'messages', '--formatter', 'json'))
    return next(row['messages'] for row in rows if row['name'] == 'numbers')


def check_restarts(debian, messages):
    """A process that is killed, and one that hangs, is started again."""
    for signal, drop_in in (('KILL', ''), ('STOP', '[Service]\nWatchdogSec=5\nTimeoutAbortSec=5\n')):
        debian.write('/etc/systemd/system/leveret.service.d/test.conf', drop_in)
        debian.run('systemctl', 'daemon-reload')
        debian.run('systemctl', 'restart', 'leveret')
        before = debian.unit('MainPID')
        debian.run('systemctl', 'kill', '--kill-whom=main', f'--signal=SIG{signal}', 'leveret')
        eventually(lambda: debian.unit('MainPID') not in (before, '0') and debian.unit('SubState') == 'running',
                   f'it runs again after SIG{signal}')
        assert count(debian) == messages
    (DIR / 'etc/systemd/system/leveret.service.d/test.conf').unlink()
    debian.run('systemctl', 'daemon-reload')
    assert debian.unit('NRestarts') != '0'


def check_removal(debian, messages):
    debian.run(*APT, 'remove', 'leveret')
    assert debian.fails('systemctl', 'is-active', 'leveret')
    assert not (DIR / 'usr/sbin/leveretd').exists() and not (DIR / 'usr/sbin/rabbitmqctl').is_symlink()
    assert (DIR / 'var/lib/leveret/definitions.sqlite').exists() and (DIR / 'etc/leveret/leveret.conf').exists()
    debian.run(*APT, 'install', '/root/leveret-later.deb')
    assert count(debian) == messages
    debian.run(*APT, 'purge', 'leveret', 'leveret-rabbitmq-compat')
    (DIR / 'etc/leveret/conf.d/test.conf').unlink(missing_ok=True)
    for path in 'var/lib/leveret', 'var/log/leveret', 'etc/leveret/leveret.conf', 'etc/logrotate.d/leveret':
        assert not (DIR / path).exists(), path


def main():
    if os.geteuid() != 0:
        sys.exit('deb-check: needs root')
    make_debian()
    bring_packages()
    debian = Debian()
    try:
        say('installing')
        check_installed(debian)
        check_names(debian)
        check_rabbitmqs_configuration(debian)
        check_logs(debian)
        say('upgrading')
        messages = check_upgrade(debian)
        say('killing it, and letting it hang')
        check_restarts(debian, messages)
        say('removing')
        check_removal(debian, messages)
        say('passed')
    except BaseException:
        print(subprocess.run(debian.inside('journalctl', '--no-pager', '-n', '40', '-u', 'leveret'), capture_output=True, text=True).stdout)
        raise
    finally:
        debian.stop()
    shutil.rmtree(DIR)


main()
