"""Data directories that an earlier Leveret has written open, whole: fixtures/README.md says what is in them."""
import json
import os
import sys

import pytest

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), 'fixtures'))

import old_data  # noqa: E402
from make_old_data import observe, old_properties  # noqa: E402
from wire import eventually  # noqa: E402

pytestmark = [pytest.mark.leveret, pytest.mark.once(also=('asan',))]


def expected(way):
    with open(f'{old_data.HERE}/data-{way}.json') as file:
        return json.load(file)


def opened(own_broker, way):
    own = own_broker(start=False)
    own.data = old_data.unpack(way, own.directory)
    return own.start()


@pytest.mark.parametrize('way', old_data.WAYS)
@pytest.mark.parametrize('then', ['nothing', 'restart', 'kill'])
def test_a_data_directory_of_an_earlier_version_opens_whole(own_broker, way, then):
    """At once, and when the broker under test has written on in it."""
    own = opened(own_broker, way)
    if then != 'nothing':
        old_data.definitions(own)                    # is answered when all messages are in their queues
        getattr(own, then)()
    if then == 'kill':
        own.start()
    found, wanted = observe(own, old_properties), expected(way)
    for part in wanted:
        assert found[part] == wanted[part], part
    assert found.keys() == wanted.keys()
    eventually(lambda: own.log().count(' listens on ') == (1 if then == 'nothing' else 2))   # a thread writes it
    assert '[error]' not in own.log() and not [line for line in own.log().splitlines() if 'skipped: ' in line or 'recovery: skipped' in line]
