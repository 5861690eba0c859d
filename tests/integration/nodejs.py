"""Node's clients: where they are, after they were installed if they were not."""
import os
import shutil
import subprocess

import pytest

from patience import PATIENCE_S

FOLDER = os.path.join(os.path.dirname(os.path.abspath(__file__)), 'node')


def need_amqplib():
    need_package('amqplib')


def need_package(name):
    """Skips the test if there is no node; installs all packages at the first call."""
    if not shutil.which('node'):
        pytest.skip('node is not installed')
    if not os.path.isdir(os.path.join(FOLDER, 'node_modules', name)):
        done = subprocess.run(['npm', 'ci', '--no-audit', '--no-fund'], cwd=FOLDER, capture_output=True, text=True, timeout=PATIENCE_S)
        assert done.returncode == 0, f'npm ci: {done.stderr}'
