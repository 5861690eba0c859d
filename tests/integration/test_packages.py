"""What packages and containers bring along: the config file, the unit, the manifests. `make deb-check` installs the packages."""
import os
import pathlib
import re
import shutil
import subprocess

import pytest
import yaml

from patience import PATIENCE_S

pytestmark = [pytest.mark.leveret, pytest.mark.once]

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
MANIFESTS = list(yaml.safe_load_all((ROOT / 'examples/kubernetes/leveret.yaml').read_text()))


@pytest.fixture
def check(own_broker, tmp_path):
    """Returns what leveretd says of a config file with this text."""
    own = own_broker(start=False)

    def run(text):
        path = tmp_path / 'etc' / 'leveret' / 'leveret.conf'
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        done = subprocess.run([own.daemon, '--data-dir', own.data, '--check-config'], capture_output=True, text=True, timeout=PATIENCE_S,
                              env={**os.environ, 'SYS_PREFIX': str(tmp_path)})
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr
    return run


def manifest(kind):
    return next(one for one in MANIFESTS if one['kind'] == kind)


def test_the_config_file_of_the_package_sets_nothing(check):
    assert check((ROOT / 'debian/leveret.conf').read_text()) == 'The configuration is valid (0 files, 0 warnings).\n'


def test_each_setting_that_it_shows_is_valid(check, tmp_path):
    text = re.sub(r'^# (?=[\w.]+ = )', '', (ROOT / 'debian/leveret.conf').read_text(), flags=re.M)
    text = '\n'.join(line for line in text.splitlines() if 'listeners.ssl' not in line and 'ssl_options' not in line)    # no certificates
    said = check(text.replace('/var/log/leveret', str(tmp_path)))
    assert said == 'The configuration is valid (1 file, 0 warnings).\n'
    assert len([line for line in text.splitlines() if line and line[0] != '#']) > 5


def test_the_configuration_of_the_container_is_valid(check):
    lines = re.search(r"RUN printf '%s\\n' (.*?) \\\n", (ROOT / 'Dockerfile').read_text()).group(1)
    assert check('\n'.join(re.findall(r"'([^']*)'", lines))) == 'The configuration is valid (1 file, 0 warnings).\n'


def words_of_group(name):
    """The packages of a group of scripts/packages.txt."""
    group = re.search(rf'^\[{name}\]\n(.*?)(?=^\[|\Z)', (ROOT / 'scripts/packages.txt').read_text(), re.M | re.S).group(1)
    return {line.split()[0] for line in group.splitlines() if line and line[0] != '#'}


def test_the_package_is_built_with_every_library_that_the_build_needs():
    fields = (ROOT / 'debian/control').read_text()
    named = set(re.findall(r'^ (\S+-dev)\b', re.search(r'^Build-Depends:\n((?: .*\n)+)', fields, re.M).group(1), re.M))
    assert {word for word in words_of_group('build') if word.endswith('-dev')} == named - {'libcmocka-dev'}


@pytest.mark.skipif('bookworm' not in pathlib.Path('/etc/os-release').read_text(), reason='the image is made of Debian 12')
def test_the_container_has_every_library_that_the_programs_need(own_broker):
    def words(pattern, *command):
        return set(re.findall(pattern, subprocess.run(command, capture_output=True, text=True, check=True, timeout=PATIENCE_S).stdout, re.M))
    here = pathlib.Path(own_broker(start=False).daemon).parent
    programs = [here / 'leveretd', here / 'leveretctl', *here.glob('*.so')]
    needed = words(r'NEEDED.*\[(.*)\]', 'readelf', '-d', *programs)
    places = {path for path in words(r'=> (/\S+)', 'ldd', *programs) if os.path.basename(path) in needed}
    owners = words(r'^([^:]+):', 'dpkg', '-S', *('*/' + '/'.join(path.split('/')[-2:]) for path in places))     # below /lib or /usr/lib
    installed = set(re.search(r'ca-certificates (.*?)&&', (ROOT / 'Dockerfile').read_text(), re.S).group(1).split())
    assert owners - {'libc6', 'libgcc-s1'} <= installed


def test_the_configuration_for_kubernetes_is_valid(check):
    assert check(manifest('ConfigMap')['data']['rabbitmq.conf']) == 'The configuration is valid (1 file, 0 warnings).\n'


def test_the_manifests_fit_together():
    pod = manifest('StatefulSet')['spec']['template']
    container = pod['spec']['containers'][0]
    ports = {port['name'] for port in container['ports']}
    secret = manifest('Secret')
    for service in (one for one in MANIFESTS if one['kind'] == 'Service'):
        assert service['spec']['selector'].items() <= pod['metadata']['labels'].items()
        assert {port['targetPort'] for port in service['spec']['ports']} <= ports
    for variable in container['env']:
        reference = variable['valueFrom']['secretKeyRef']
        assert reference['name'] == secret['metadata']['name'] and reference['key'] in secret['stringData']
    volumes = {volume['name'] for volume in pod['spec']['volumes']}
    claims = {claim['metadata']['name'] for claim in manifest('StatefulSet')['spec']['volumeClaimTemplates']}
    assert {mount['name'] for mount in container['volumeMounts']} == volumes | claims
    user = re.search(r'useradd .*--uid (\d+)', (ROOT / 'Dockerfile').read_text()).group(1)
    assert str(pod['spec']['securityContext']['runAsUser']) == user


@pytest.mark.skipif(not shutil.which('systemd-analyze'), reason='systemd is not installed')
def test_the_unit_is_understood_by_systemd(own_broker, tmp_path):
    unit = tmp_path / 'leveret.service'
    unit.write_text((ROOT / 'debian/leveret.service').read_text().replace('/usr/sbin/leveretd', own_broker(start=False).daemon))
    done = subprocess.run(['systemd-analyze', 'verify', '--man=no', unit], capture_output=True, text=True, timeout=PATIENCE_S)
    ours = [line for line in done.stderr.splitlines() if 'leveret' in line]      # it reads this machine's other units as well
    assert not ours, done.stderr
