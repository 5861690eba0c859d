"""`make bench` measures: its table has a figure for each broker and their ratio."""
import os
import subprocess

import pytest

from brokers import ROOT


@pytest.mark.leveret
@pytest.mark.once
@pytest.mark.timeout(600)
def test_the_broker_is_compared_with_the_bound(workspace):
    done = subprocess.run([os.path.join(ROOT, 'scripts', 'bench'), '--quick', '--brokers', 'leveret,relay,relay-file',
                           '--scenarios', 'confirmed-16,durable-publish-16,fan-out-10,declare,boot-empty'],
                          capture_output=True, text=True, env={**os.environ, 'TMPDIR': workspace})
    assert done.returncode == 0, done.stdout + done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines()}
    assert set(lines) == {'confirmed-16', 'durable-publish-16', 'fan-out-10', 'declare', 'boot-empty'}, done.stdout
    assert 'leveret/relay ' in lines['confirmed-16'] and 'leveret/relay-file ' in lines['durable-publish-16'], lines
    assert all(float(line.split()[2]) > 0 for line in lines.values()), lines
