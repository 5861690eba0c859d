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


RELAXED = ('A queue declared again with another `x-queue-type` or none', 'is refused',
           'is accepted (unless `quorum_queue.property_equivalence.relaxed_checks_on_redeclaration` is false)',
           'queues change their type under clients that name another')

NOT_A_NUMBER = ('A NaN or an infinity in headers or arguments', 'the connection ends, with 541 or without a word',
                'is taken as it is', 'a client may send what its language calls a number')

INTENDED = [
    Difference('a header that is * as *', 'reply_code=541', 'basic.get-ok', *NOT_A_NUMBER),
    Difference('an argument that is * as *', 'a closed', 'queue.declare-ok', *NOT_A_NUMBER),
    Difference('a dead letter says where it died last', "'x-first-death-reason': ('S', 'rejected')}} b'm'",
               "'x-last-death-reason': ('S', 'rejected')}} b'm'",
               'Dead letters carry `x-last-death-exchange`, `-queue` and `-reason`',
               'no', 'yes, after the headers that RabbitMQ 3.10 has', 'RabbitMQ does since 3.13; clients read them'),
    Difference('a message of priority * expires though one of * waits', 'note TOKEN.dead never has 1',
               'note TOKEN.dead has 1',
               'A message expires in a queue with priorities while one of another priority waits',
               'it stays, and may even be delivered, until what is next in the queue expires too',
               'it expires on time',
               'a TTL is a promise of time, wherever the message stands'),
    Difference('a message that expires behind one that does not', "queue.declare-ok queue='TOKEN.q' message_count=2",
               "queue.declare-ok queue='TOKEN.q' message_count=1",
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
    Difference('a letter dies in one queue after the other', "F {count: l 1, reason: S 'expired', queue: S 'TOKEN.q1', time: T "
               "SECONDS, exchange: S '', routing-keys: A [S 'TOKEN.q1'], original-expiration: S '5000'}, F {count: l 1, exchange",
               "F {count: l 1, exchange: S '', queue: S 'TOKEN.q2', reason: S 'maxlen', routing-keys: A [S 'TOKEN.q2'], time: T "
               "SECONDS}, F {count: l 1, reason",
               'The order of `x-death` after three deaths or more',
               'the newest first, the rest of the list turned round at each death',
               'the newest first, always',
               'so it is documented, and so RabbitMQ does since 3.13'),
    Difference('the keys in bcc route a dead letter too', 'note TOKEN.dead has 1', 'note TOKEN.dead never has 1',
               'A dead letter that keeps its routing keys, published with BCC',
               'is routed by the keys in BCC too',
               'is routed by its routing key and those in CC',
               'BCC is taken out of a message before it is stored, and kept with a delayed one alone'),
    Difference('a reply with confirms and mandatory', "basic.return reply_code=312 reply_text='NO_ROUTE'",
               'server < 1 basic.ack delivery_tag=1 multiple=False\na <',
               'A mandatory publish to a reply consumer (`amq.rabbitmq.reply-to`)',
               'is delivered and comes back with 312 NO_ROUTE as well', 'is delivered',
               'what was delivered was routed'),
    Difference("a policy of {'consumer-timeout': 1000}", 'are not recognised policy settings', 'operator < ok',
               'The policy key `consumer-timeout`', 'refused', 'accepted', 'RabbitMQ accepts it in later versions'),
    Difference("an operator policy of {'overflow': 'drop-head'}", 'are not recognised policy settings', 'operator < ok',
               'The key `overflow` in an operator policy', 'refused', 'accepted', 'RabbitMQ accepts it in later versions'),
    Difference("a policy with {'apply_to': 'classic_queues'}", 'unrecognised; should be', 'operator < ok',
               '`--apply-to` `classic_queues`, `quorum_queues`, `streams`', 'refused', 'accepted',
               'RabbitMQ accepts it since 3.12'),
    Difference('a policy of max length that refuses', 'note TOKEN.q has 1', 'note TOKEN.q never has 1',
               'A policy with `max-length` and `overflow: reject-publish` comes to a queue that holds more',
               'it drops the head down to the limit first, being still a queue that drops its head',
               'it keeps what it has and refuses more', 'who asks for publishes to be refused asks for nothing to be dropped'),
    Difference('the firehose shows what the default exchange does not route', "'routed_queues': [('S', 'nowhere')]",
               "'routed_queues': []",
               'The firehose, for a message to the default exchange whose key is no queue',
               '`routed_queues` has the key all the same', '`routed_queues` is empty', 'there is no such queue'),
    Difference('a quorum queue and a global prefetch', 'does not support global qos', 'a < 2 basic.consume-ok',
               'Consuming from a quorum queue on a channel with a global prefetch',
               'the connection is closed with 540', 'works', 'Celery and others need it; nothing stands in its way here'),
    Difference('deleting a quorum queue', 'if-empty flag set are not supported by quorum queues', 'not empty"',
               'queue.delete with if-empty or if-unused on a quorum queue', 'the connection is closed with 540',
               'works as with a classic queue', 'nothing stands in its way here'),
    Difference('a stream', "queue.declare-ok queue='TOKEN.q'", '540 reply_text="NOT_IMPLEMENTED',
               'Queues of type `stream`', 'are there', 'are refused with 540', 'not built yet'),
    Difference('without a delivery limit of its own a quorum queue gives up after 20', 'x-delivery-count: l 21',
               'delivery_tag=22 redelivered=False',
               'A quorum queue with a dead letter exchange and without `x-delivery-limit`',
               'returns a message as often as it is returned',
               'dead-letters it when it was returned more than 20 times',
               'RabbitMQ does since 4.0, without a dead letter exchange too: it drops the message then, Leveret '
               'does not'),
    Difference("x-consistent-hash with {'hash-*': 5}", '541', '406',
               'An exchange argument `hash-header` or `hash-property` that is no text', 'the connection is closed with 541',
               'the channel is closed with 406', 'a mistake of the client is no internal error'),
    Difference('what a quorum queue gets back', 'delivery_tag=4 redelivered=False', 'delivery_tag=4 redelivered=True',
               'Where messages returned to a quorum queue stand', 'at its end',
               'where they stood, as in a classic queue', 'order is kept; RabbitMQ 4, where every quorum queue has a delivery '
               'limit, puts them in front as well'),
    Difference('what a quorum queue with a delivery limit gets back',
               "b'b'\na > 1 basic.get {'queue': 'TOKEN.q'}\na < 1 basic.get-ok delivery_tag=5",
               "b'a'\na > 1 basic.get {'queue': 'TOKEN.q'}\na < 1 basic.get-ok delivery_tag=5",
               'The same, if it has a delivery limit', 'in front, in the order in which they were returned',
               'where they stood', 'as above'),
    Difference('a quorum queue with x-initial-cluster-size 1', "invalid arg 'x-initial-cluster-size'",
               "queue.declare-ok queue='TOKEN.q'", 'The argument `x-initial-cluster-size` of a quorum queue', 'refused',
               'accepted', 'later versions of RabbitMQ know it'),
    Difference("a quorum queue with {} declared again with None", "inequivalent arg 'x-queue-type'",
               'consumer_count=0\na > 1 queue.delete', *RELAXED),
    Difference("a quorum queue with {} declared again with {'x-queue-type': 'classic'}", "inequivalent arg 'x-queue-type'",
               'consumer_count=0\na > 1 queue.delete', *RELAXED),
    Difference('a delivery is not acknowledged in time', 'delivery acknowledgement on channel 1 timed out',
               "a < 1 basic.cancel consumer_tag='c' nowait=True",
               'A delivery is not acknowledged in time', 'after 30 minutes, by `consumer_timeout`, the channel is closed with 406',
               'never, unless `x-consumer-timeout` or `consumer_timeout` says when: then the consumer is cancelled',
               'long tasks are no mistake, and what else the channel does goes on'),
]


# Recorded answers of RabbitMQ's HTTP API that Leveret does not give; docs/differences.md has a row for each.
OBSERVATIONS = {
    'users.put_hash_sha512', 'users.get_hash_sha512', 'users.put_hash_unknown_algorithm',
    'parameters.all', 'parameters.of_component', 'parameters.of_vhost',
    'definitions.import_queue_that_differs', 'definitions.import_binding_of_unknown_queue',
    'exchanges.put_arguments_list', 'exchanges.put_long_name', 'publish.properties_list', 'exchanges.list_all', 'exchanges.list_columns',
    'bindings.post_key_number', 'queues.bindings_of_unknown', 'http.bad_utf8', 'overview.columns', 'nodes', 'nodes.one',
    'connections.page', 'paging.channels',
}


def intended(name):
    """The difference that is meant in this conversation, or None."""
    return next((difference for difference in INTENDED if difference.concerns(name)), None)


def comparable(lines):
    for pattern, instead, _ in MASKS:
        lines = [re.sub(pattern, instead, line) for line in lines]
    return lines


def sections():
    """docs/differences.md in parts: what precedes the first heading, and then a section each."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, '..', '..', 'docs', 'differences.md'), encoding='utf-8') as file:
        return file.read().split('\n## ')


def documented_observations():
    """The names in the section about recorded answers."""
    section, = [text for text in sections() if text.startswith('Recorded answers of the HTTP API')]
    cells = [line.split(' | ')[0] for line in section.splitlines() if line.startswith('| `')]
    return {name for cell in cells for name in re.findall('`([^`]+)`', cell)}


def documented():
    """The rows of the first table in docs/differences.md."""
    lines = sections()[0].splitlines()
    rows = [tuple(cell.strip() for cell in line.strip().strip('|').split(' | ')) for line in lines if line.startswith('|')]
    return [row for row in rows if set(''.join(row)) - set('-: ') and row[0] != 'What']
