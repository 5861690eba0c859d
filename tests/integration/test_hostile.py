"""Each attack of tests/hostile in its short form: what is true on any machine. `make hostile` measures."""
import os
import sys

import pytest

from brokers import ROOT
from conftest import BUILD, LOOPS

sys.path.insert(0, os.path.join(ROOT, 'tests', 'hostile'))

from arena import Arena  # noqa: E402
from hostile import load_attacks  # noqa: E402

SCALE = 0.02
SANITIZER_MB = 250                                     # freed memory that AddressSanitizer holds back, and its own


@pytest.mark.leveret
@pytest.mark.once(also=('asan',))
@pytest.mark.parametrize('attack', load_attacks().values(), ids=lambda attack: attack.name)
def test_an_attack_costs_the_innocent_nothing_that_stays(attack):
    if attack.needs_memory_back and BUILD != 'release':
        pytest.skip('the sanitizer keeps what is freed')
    arena = Arena(attack, SCALE, LOOPS, extra_mb=0 if BUILD == 'release' else SANITIZER_MB)
    try:
        arena.run(is_memory_judged=BUILD == 'release')
    finally:
        arena.end()
