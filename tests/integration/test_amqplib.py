"""amqplib, node's client: node/amqplib.test.mjs, each of its tests as one of ours."""
import os
import re
import subprocess

import pytest

from nodejs import FOLDER, need_amqplib
from patience import PATIENCE_S

pytestmark = pytest.mark.once

FILE = os.path.join(FOLDER, 'amqplib.test.mjs')


def names():
    """The tests' names, read from the file: `test('NAME'`, and a template's for each kind of exchange."""
    with open(FILE) as file:
        found = re.findall(r"""^\s*test\(['`](.+?)['`],""", file.read(), re.M)
    return [name.replace('${kind}', kind) for name in found
            for kind in (('direct', 'fanout', 'topic', 'headers') if '${kind}' in name else ('',))]


@pytest.fixture(scope='module')
def outcomes(broker):
    """Runs them all and maps each name to (passed, report)."""
    need_amqplib()
    done = subprocess.run(['node', '--test', '--test-reporter=tap', FILE], cwd=FOLDER, capture_output=True, text=True,
                          timeout=PATIENCE_S, env={**os.environ, 'AMQP_URL': f'amqp://guest:guest@127.0.0.1:{broker.port}/'})
    found = {}
    for verdict, name, report in re.findall(r'^\s*(ok|not ok) \d+ - (.+)\n((?:(?!\s*(?:ok|not ok) \d+ - ).*\n?)*)',
                                            done.stdout, re.M):
        found[name.strip()] = (verdict == 'ok', report)
    found['all'] = (done.returncode == 0, done.stdout[-6000:] + done.stderr[-2000:])
    return found


@pytest.mark.parametrize('name', names() + ['all'])
def test_with_amqplib(outcomes, name):
    assert name in outcomes, outcomes['all'][1]
    passed, report = outcomes[name]
    assert passed, report
