"""The same conversations with RabbitMQ and with Leveret: every frame, argument, content octet and text."""
import json
import os
from concurrent.futures import Future, ThreadPoolExecutor, wait

import pytest

import conversations  # noqa: F401
import conversations_consumers  # noqa: F401
import conversations_dead_letters  # noqa: F401
import conversations_exchange_types  # noqa: F401
import conversations_expiry  # noqa: F401
import conversations_limits  # noqa: F401
import conversations_operators  # noqa: F401
import conversations_priorities  # noqa: F401
import conversations_publishing  # noqa: F401
import conversations_quorum  # noqa: F401
import conversations_states  # noqa: F401
from differences import INTENDED, OBSERVATIONS, comparable, documented, documented_observations, intended
from operators import operator_of
from talk import ALONE, CONVERSATIONS, WAITS_S, hold
from waiting import WAITING

pytestmark = pytest.mark.once(also=('asan',))

HELD = [name for name in CONVERSATIONS if name not in WAITING]


RECORD = os.environ.get('LEVERET_TRANSCRIPTS')       # what RabbitMQ has said in an earlier stage of this run


def recorded():
    """RabbitMQ's transcript of each conversation, as a future; None: it must be asked."""
    if RECORD is None or not os.path.exists(RECORD):
        return None
    with open(RECORD, encoding='utf-8') as file:
        transcripts = json.load(file)
    futures = {name: Future() for name in HELD}
    for name, future in futures.items():
        future.set_result(transcripts[name])
    return futures


def record(futures):
    """Keeps what RabbitMQ has said, if no conversation with it has failed."""
    if RECORD is None or any(theirs.exception() for theirs, _ in futures.values()):
        return
    with open(RECORD + '.new', 'w', encoding='utf-8') as file:
        json.dump({name: theirs.result() for name, (theirs, _) in futures.items()}, file)
    os.replace(RECORD + '.new', RECORD)


@pytest.fixture(scope='session')
def transcripts(request, broker):
    """All conversations, RabbitMQ's and ours, several at a time: many of them wait for a clock, and those that wait longest
    begin."""
    known = recorded()
    held_with = [broker] if known else [request.getfixturevalue('rabbit'), broker]
    operators = {one: operator_of(one) for one in held_with}

    def held_after(others, name, one):
        wait(others)
        return hold(name, one, operators[one])

    with ThreadPoolExecutor(int(os.environ.get('LEVERET_TEST_THREADS', '8'))) as pool:
        futures = {name: [pool.submit(hold, name, one, operators[one]) for one in held_with]
                   for name in sorted(HELD, key=lambda name: -WAITS_S.get(name, 0)) if name not in ALONE}
        others = sum(futures.values(), [])
        futures.update({name: [pool.submit(held_after, others, name, one) for one in held_with]
                        for name in HELD if name in ALONE})
        if known:
            futures = {name: [known[name], *ours] for name, ours in futures.items()}
        yield futures
    if not known:
        record(futures)


@pytest.mark.parametrize('name', HELD)
def test_this_conversation_goes_as_with_rabbitmq(transcripts, name):
    theirs, ours = (comparable(future.result(170)) for future in transcripts[name])
    both = '\n'.join(['RabbitMQ:', *theirs, '', 'Leveret:', *ours])
    difference = intended(name)
    if difference is None:
        assert ours == theirs, both
    else:
        assert difference.is_as_described(theirs, ours), f'does not differ as described, {difference.row}\n{both}'


def test_there_are_enough_conversations():
    assert len(HELD) >= 1100
    assert WAITING <= set(CONVERSATIONS)


def test_what_may_differ_is_what_the_documentation_says():
    for difference in INTENDED:
        assert any(difference.concerns(name) for name in CONVERSATIONS), f'no such conversation: {difference.conversations}'
    assert sorted(documented()) == sorted({difference.row for difference in INTENDED})
    assert documented_observations() == OBSERVATIONS
