"""What may differ between RabbitMQ 3.10 and Leveret, and why. docs/differences.md is the same list for users, row by row;
test_differential.py compares the two, reads its exceptions here and nowhere else, and fails when one is out of date."""
import os
import re

# In every conversation: a pattern, what both sides show in its place, the reason.
MASKS = [
    (r"cluster_name: S '[^']*'", "cluster_name: S NAME", 'each broker has its own name'),
    (r"copyright: S '[^']*'", "copyright: S TEXT", 'each broker is made by somebody else'),
    (r"information: S '[^']*'", "information: S TEXT", 'as above'),
    (r"platform: S '[^']*'", "platform: S TEXT", 'C here, Erlang there'),
    (r"version: S '3\.1\d+\.\d+'", "version: S VERSION", 'Leveret says a later 3.x, whose clients it serves as well'),
    (r"\\n +", "", "Erlang's printer breaks long terms into lines; a close text is one line"),
    (r", leveret_version: S '[^']*'", "", 'says who it really is'),
    (r"\btime: T 1\d{9}\b", "time: T SECONDS", 'the time of a death, in seconds'),
    (r"0474696d655400000000[0-9a-f]{8}", "0474696d6554 SECONDS", 'the same in the octets of the header'),
]


# Headers that RabbitMQ adds since 3.13, and so Leveret: not written down, but in the one conversation about them.
LATER_HEADERS = ('x-last-death-exchange', 'x-last-death-queue', 'x-last-death-reason')


class Difference:
    """Conversations (a name, * stands for anything) that go another way here; a piece of RabbitMQ's transcript that ours
    has not, and of ours that RabbitMQ's has not; and a row of the table."""

    def __init__(self, conversations, theirs, ours, what, rabbit, leveret, reason):
        self.conversations, self.theirs, self.ours = conversations, theirs, ours
        self.row = (what, rabbit, leveret, reason)

    def concerns(self, name):
        return re.fullmatch('.*'.join(map(re.escape, self.conversations.split('*'))), name) is not None

    def is_as_described(self, theirs, ours):
        theirs, ours = '\n'.join(theirs), '\n'.join(ours)
        return self.theirs in theirs and self.theirs not in ours and self.ours in ours and self.ours not in theirs


INTENDED = [
    Difference('a dead letter says where it died last', "'x-first-death-reason': ('S', 'rejected')}} b'm'",
               "'x-last-death-reason': ('S', 'rejected')}} b'm'",
               'Dead letters carry `x-last-death-exchange`, `-queue` and `-reason`',
               'no', 'yes, after the headers that RabbitMQ 3.10 has', 'RabbitMQ does since 3.13; clients read them'),
    Difference('a message of priority * expires though one of * waits', 'note TOKEN.dead never has 1', 'note TOKEN.dead has 1',
               'A message expires in a queue with priorities while one of another priority waits',
               'it stays, and may even be delivered, until what is next in the queue expires too',
               'it expires on time',
               'a TTL is a promise of time, wherever the message stands'),
    Difference('a message that expires behind one that does not', "routing_key='TOKEN.q' message_count=1",
               "routing_key='TOKEN.q' message_count=0",
               'A message expires behind one that does not',
               'it stays, and is counted, until it comes to the head of its queue',
               'it expires on time',
               'as above'),
    Difference('x-death from a publisher: with a count in words', 'never has 1', 'dead has 1',
               'A publisher sends an `x-death` whose count is a text',
               'the queue fails over it and the message is lost',
               'the message is dead-lettered; the count is taken as none',
               'no header of a client may break a queue or lose a message'),
    Difference('x-death from a publisher: an array of *', 'never has 1', 'dead has 1',
               'A publisher sends an `x-death` that is an array of something other than tables',
               'the queue fails over it and the message is lost',
               'the message is dead-lettered',
               'as above'),
]


def intended(name):
    """The difference that is meant in this conversation, or None."""
    return next((difference for difference in INTENDED if difference.concerns(name)), None)


def comparable(lines):
    for pattern, instead, _ in MASKS:
        lines = [re.sub(pattern, instead, line) for line in lines]
    return lines


def documented():
    """The rows of the tables in docs/differences.md."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, '..', '..', 'docs', 'differences.md'), encoding='utf-8') as file:
        rows = [tuple(cell.strip() for cell in line.strip().strip('|').split(' | ')) for line in file if line.startswith('|')]
    return [row for row in rows if set(''.join(row)) - set('-: ') and row[0] != 'What']
