"""kill -9 in the midst of load, again and again: tests/crash/kill_test has the rules.

LEVERET_KILLS says how many (200 is the full run), LEVERET_SEED which clients do what."""
import os
import subprocess
import time

import pytest

import crash_tools
from conftest import BUILD, LOOPS

pytestmark = pytest.mark.leveret


@pytest.mark.timeout(1800)                             # some seconds; minutes under ThreadSanitizer on a busy machine
def test_kill_9_loses_doubles_and_reorders_nothing(workspace):
    program = crash_tools.kill_test(workspace)
    broker = os.path.abspath(os.environ.get('LEVERETD', 'build/leveretd'))
    seed = os.environ.get('LEVERET_SEED', str(time.time_ns() // 1000 % 10**9))
    kills = os.environ.get('LEVERET_KILLS', '6')
    directory = os.path.join(workspace, f'kills{os.getpid()}')
    done = subprocess.run([program, '--broker', broker, '--dir', directory, '--kills', kills, '--loops', LOOPS,
                           '--seed', seed, '--scale', '100' if BUILD == 'release' else '20', '--quiet'],
                          capture_output=True, text=True)
    print(done.stdout)
    log = ''
    if done.returncode != 0:
        with open(os.path.join(directory, 'stderr'), errors='replace') as file:
            log = file.read()[-3000:]
    assert done.returncode == 0, f'seed {seed}:\n{done.stdout}{done.stderr}{log}'
