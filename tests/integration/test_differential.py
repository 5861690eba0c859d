"""The same conversations with RabbitMQ and with Leveret: every frame, argument, content octet and text."""
import os
import re
from concurrent.futures import ThreadPoolExecutor

import pytest

import conversations  # noqa: F401
import conversations_dead_letters  # noqa: F401
import conversations_consumers  # noqa: F401
import conversations_exchange_types  # noqa: F401
import conversations_expiry  # noqa: F401
import conversations_limits  # noqa: F401
import conversations_priorities  # noqa: F401
import conversations_quorum  # noqa: F401
import conversations_publishing  # noqa: F401
import conversations_operators  # noqa: F401
from operators import operator_of
from talk import CONVERSATIONS, WAITS_S, hold

pytestmark = pytest.mark.once(also=('asan',))

# What may differ, and why: a pattern, what both sides show in its place, the reason.
DIFFERENCES = [
    (r"cluster_name: S '[^']*'", "cluster_name: S NAME", 'each broker has its own name'),
    (r"copyright: S '[^']*'", "copyright: S TEXT", 'each broker is made by somebody else'),
    (r"information: S '[^']*'", "information: S TEXT", 'as above'),
    (r"platform: S '[^']*'", "platform: S TEXT", 'C here, Erlang there'),
    (r"version: S '3\.1\d+\.\d+'", "version: S VERSION", 'Leveret says a later 3.x, whose clients it serves as well'),
    (r"\\n +", "", "Erlang's printer breaks long terms into lines; a close text is one line"),
    (r", leveret_version: S '[^']*'", "", 'says who it really is'),
    (r"\btime: T 1\d{9}\b", "time: T SECONDS", 'when it happened, in seconds'),
    (r"0474696d655400000000[0-9a-f]{8}", "0474696d6554 SECONDS", 'the same in the octets of a dead letter'),
]

# Whole conversations in which Leveret means to differ: name and reason. They are held all the same, and must differ
# (else the entry is out of date).
INTENDED = {
}


@pytest.fixture(scope='session')
def transcripts(broker, rabbit):
    """All conversations, several at a time: many of them wait for a clock, and those that wait longest begin."""
    operators = {one: operator_of(one) for one in (rabbit, broker)}
    with ThreadPoolExecutor(int(os.environ.get('LEVERET_TEST_THREADS', '8'))) as pool:
        yield {name: [pool.submit(hold, name, one, operator) for one, operator in operators.items()]
               for name in sorted(CONVERSATIONS, key=lambda name: -WAITS_S.get(name, 0))}


def comparable(lines):
    for pattern, instead, _ in DIFFERENCES:
        lines = [re.sub(pattern, instead, line) for line in lines]
    return lines


@pytest.mark.parametrize('name', CONVERSATIONS)
def test_this_conversation_goes_as_with_rabbitmq(transcripts, name):
    theirs, ours = (comparable(future.result(170)) for future in transcripts[name])
    if name in INTENDED:
        assert ours != theirs, f'no longer differs: {INTENDED[name]}'
        return
    assert ours == theirs, '\n'.join(['RabbitMQ:', *theirs, '', 'Leveret:', *ours])


def test_there_are_enough_conversations_and_each_hears_something():
    assert len(CONVERSATIONS) >= 100
    assert set(INTENDED) <= set(CONVERSATIONS)
