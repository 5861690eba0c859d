/* What broker/ does for queues: the two tables of functions (queue/queue_ops.h), and the life of a
 * queue's departures. */
#include "broker/queue_ops.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/dead_lettering.h"
#include "broker/delayed.h"
#include "broker/departures.h"
#include "broker/forward.h"
#include "broker/policy.h"
#include "broker/queue_retry.h"
#include "queue/queue_home.h"

struct departures *departures_of(struct queue *q)
{
    struct departures *d = queue_departures(q);
    if (!d) {
        d = lv_calloc(1, sizeof *d);
        queue_set_departures(q, d);
    }
    return d;
}

void departures_free(struct queue *q)
{
    struct departures *d = queue_departures(q);
    if (d)
        lv_assert(!d->forwarder && !d->retry && !d->dead_letter_log);
    free(d);
    queue_set_departures(q, NULL);
}

static void queue_stop_departures(struct queue *q)
{
    queue_retry_stop(q);
    forward_stop(q);
}

static void queue_free_departures(struct queue *q)
{
    forward_free(q);
    dead_lettering_free(q);
    departures_free(q);
}

static const struct queue_ops plain = {
    .begin = policy_begin_queue,
    .sends_on = dead_lettering_sends_on,
    .can_send_on = dead_lettering_has_room,
    .give_up = dead_lettering_give_up,
    .turn_away = dead_lettering_turn_away,
    .in_transit = forward_in_transit,
    .stop = queue_stop_departures,
    .free = queue_free_departures,
};

static const struct queue_ops delaying = {
    .begin = policy_begin_queue,
    .deadline = delayed_due_at,
    .sends_on = delayed_sends_on,
    .can_send_on = dead_lettering_has_room,
    .give_up = delayed_give_up,
    .in_transit = forward_in_transit,
    .check_clients = delayed_refuse,
    .stop = queue_stop_departures,
    .free = queue_free_departures,
    .is_delaying = true,
};

const struct queue_ops *queue_ops_for(struct slice name)
{
    return delayed_is_queue(name) ? &delaying : &plain;
}
