"""Conversations that RabbitMQ already holds and Leveret cannot hold yet: what they are about is not built. Each line goes
when that has come; test_differential.py holds all others."""

# Whole modules, and single conversations by name.
MODULES = set()
NAMES = {
    'only the first consumer is active',
    'one that comes back waits behind the others',
    'a full prefetch of the active one is waited for',
    'a connection that goes hands over to another',
    'a single active consumer cannot be exclusive',
    'a single active consumer and priorities: the higher comes last',
    'the waiting consumer of the highest priority is next',
    'the keys in bcc route a dead letter too',
    'a letter dies in one queue after the other',
    'a policy of a delivery limit',
    "a policy of {'consumer-timeout': 1000}",
    "an operator policy of {'overflow': 'drop-head'}",
    "a policy with {'apply_to': 'classic_queues'}",
    'the firehose shows what is published',
    'the firehose is off unless it is on',
    'events of vhosts and permissions',
    'events of policies',
    'a reply with confirms and mandatory',
    'a stream',
    'a quorum queue is published to and gotten from',
    'a transient message in a quorum queue is confirmed',
    'a quorum queue and a global prefetch',
    'x-delivery-count counts what basic.nack returns',
    'x-delivery-count counts what basic.reject returns',
    'x delivery count beside headers of the publisher',
    'x delivery count of the publisher',
    'x delivery count by get',
    'x delivery count when a channel closes',
    'x delivery count when recovered',
    'x-delivery-limit 0 by basic.nack',
    'x-delivery-limit 0 by basic.reject',
    'x-delivery-limit 1 by basic.nack',
    'x-delivery-limit 1 by basic.reject',
    'x-delivery-limit 3 by basic.nack',
    'x-delivery-limit 3 by basic.reject',
    'x delivery limit without a dead letter exchange',
    'without a delivery limit of its own a quorum queue gives up after 20',
    'what a quorum queue gets back is next',
    'a quorum queue returns many at once',
    'a quorum queue is purged',
    'a quorum queue rejects to its dead letter exchange',
    'a message returned then rejected by a quorum queue',
    'a full quorum queue drops its head',
    'get is refused by a quorum queue with a single active consumer',
    'exclusive consumers of a quorum queue',
    'deleting a quorum queue',
    'a quorum queue in a transaction',
}


def is_waiting(name, function):
    return function.__module__ in MODULES or name in NAMES
