/* Walks a queue and sends its dead letters back. What is in flight is bounded here (FLIGHTS_MAX,
 * FLIGHT_BYTES_MAX) and by forward.h. */
#include "broker/queue_retry.h"

#include <stdlib.h>

#include "base/memory.h"
#include "broker/broker.h"
#include "broker/departures.h"
#include "broker/forward.h"
#include "message/death_origin.h"
#include "queue/browse.h"
#include "queue/queue_home.h"
#include "topology/vhost.h"
#include "wire/properties.h"
#include "wire/table.h"

enum {
    FLIGHTS_MAX = 1024,
    FLIGHT_BYTES_MAX = 8 * 1024 * 1024,
    ALARM_LOOK_MS = 100, /* between two looks whether the alarm that stops a retry is over */
    STEPS_A_TURN = 128,
    KEYS_MAX = 256, /* routing keys of a message; more in its history are ignored */
};

struct retry {
    unsigned refs;       /* the starter's, and the queue's until it is over */
    struct queue *queue; /* NULL once it is over */
    struct browse *browse;
    struct retry_options options;
    struct retry_progress progress;
    bool has_walked;       /* to the end, or to the limit */
    uint64_t flights;      /* messages that are being forwarded */
    uint64_t flight_bytes; /* their memory */
    struct loop_task run;
    struct loop_timer run_later;
    /* Set by retry_make() for retry_route(), which is called next: the queue that the message goes
     * back to; if that is NULL, its route. */
    struct queue_entry *target;
    struct route route;
};

/* Returns the retry that is under way, or NULL. */
static struct retry *retry_of(const struct queue *q)
{
    const struct departures *departures = queue_departures(q);
    return departures ? departures->retry : NULL;
}

/* --- where messages go back to ---------------------------------------------------------------- */

/* Finds the route by the exchange and the routing keys of the origin. Returns false if it is empty.
 * With `is_publish`, the message will be published by this route, so exchanges that keep messages
 * may keep it. */
static bool route_by_exchange(struct queue *q, struct message *m,
                              const struct dead_letter_origin *origin, bool is_publish,
                              struct route *ret)
{
    struct slice keys[KEYS_MAX];
    size_t count = 0;
    struct properties properties;
    struct field key;
    struct slice rest = origin->routing_keys;
    struct exchange *exchange = exchange_find(queue_vhost(q), origin->exchange);
    if (!exchange || !properties_read(message_header(m), &properties))
        return false;
    while (count < KEYS_MAX && array_next(&rest, &key)) {
        if (key.type == FIELD_LONGSTR || key.type == FIELD_BINARY)
            keys[count++] = key.bytes;
    }
    if (count == 0)
        keys[count++] = origin->routing_key;
    const struct delivery delivery = {
        .exchange = origin->exchange,
        .routing_key = keys[0],
        .header = message_header(m),
        .body = message_body(m),
        .message = m,
    };
    const struct routing_input input = {
        .routing_key = keys[0],
        .headers = properties.headers,
        .has_headers = (properties.flags & PROPERTY_HEADERS) != 0,
        .message = is_publish ? &delivery : NULL,
    };
    route_find_many(queue_home(q), exchange, keys, count, &input, ret);
    return ret->count > 0;
}

/* Returns whether the message can be moved. *ret_target is then the destination, or the queue that
 * the message came from; if that is NULL, it goes back by *ret_route. */
static bool origin_find(struct queue *q, struct message *m, bool is_publish,
                        struct queue_entry **ret_target, struct route *ret_route)
{
    struct dead_letter_origin origin;
    struct slice destination = retry_of(q)->options.destination;
    if (destination.n > 0) {
        *ret_target = queue_entry_find(queue_vhost(q), destination);
        return *ret_target != NULL;
    }
    if (!dead_letter_origin(m, &origin) || slice_equal(origin.queue, queue_name(q)))
        return false;
    *ret_target = queue_entry_find(queue_vhost(q), origin.queue);
    return *ret_target || route_by_exchange(q, m, &origin, is_publish, ret_route);
}

/* --- forwarding ------------------------------------------------------------------------------- */

static bool retry_make(struct queue *q, const struct forward *f, struct message **ret)
{
    struct retry *r = retry_of(q);
    struct dead_letter_origin origin;
    lv_assert(r); /* its flights keep it */
    r->target = NULL;
    r->route = (struct route){0};
    origin_find(q, f->message, true, &r->target, &r->route);
    if (r->options.destination.n > 0) {
        *ret = message_ref(f->message);
        return true;
    }
    if (!dead_letter_origin(f->message, &origin))
        lv_unreachable(); /* retry_step() has read it */
    *ret = dead_letter_revive(f->message, &origin, r->options.keep_history);
    return *ret != NULL;
}

static void retry_route(struct queue *q, const struct forward *f, const struct message *made,
                        struct route *ret)
{
    (void)f;
    (void)made;
    struct retry *r = retry_of(q);
    *ret = r->target ? (struct route){.queues = &r->target, .count = 1} : r->route;
}

static void retry_go_on(struct retry *r);
static void retry_end_if_done(struct retry *r);

static void retry_done(struct queue *q, const struct forward *f, enum forward_end end)
{
    struct retry *r = retry_of(q);
    lv_assert(r && r->flights > 0);
    r->flights--;
    r->flight_bytes -= message_memory(f->message);
    if (end == FORWARD_TAKEN) {
        queue_settle_position(q, f->position);
        r->progress.moved++;
    } else if (end == FORWARD_DROPPED) {
        queue_put_back(q, f->position, f->message);
        r->progress.stayed++;
    }
    if (!r->has_walked)
        retry_go_on(r);
    retry_end_if_done(r);
}

static const struct forward_ops retry_ops = {
    .make = retry_make, .route = retry_route, .goes_back = true, .done = retry_done};

static void retry_send(struct retry *r, const struct browse_item *item, struct message *m)
{
    struct queue *q = r->queue;
    queue_take_browsed(q, item, m);
    r->flights++;
    r->flight_bytes += message_memory(m);
    forward_start(q, &retry_ops, &(struct forward){.position = item->position, .message = m});
}

/* --- the walk --------------------------------------------------------------------------------- */

static bool retry_has_room(struct retry *r)
{
    if (r->flights >= FLIGHTS_MAX || r->flight_bytes >= FLIGHT_BYTES_MAX)
        return false; /* retry_done() goes on */
    if (atomic_load_explicit(&vhost_broker(queue_vhost(r->queue))->alarms, memory_order_relaxed) !=
        0) {
        loop_timer_start(queue_home(r->queue), &r->run_later, ALARM_LOOK_MS);
        return false;
    }
    if (forward_has_room(r->queue))
        return true;
    forward_when_room(r->queue, &r->run);
    return false;
}

/* Looks at the next message. Returns whether the walk may go on in this turn. */
static bool retry_step(struct retry *r)
{
    struct browse_item item;
    struct queue_entry *target;
    struct route route;
    if (r->progress.moved + r->flights >= r->options.limit) {
        r->has_walked = r->flights == 0;
        return false;
    }
    if (!retry_has_room(r))
        return false;
    enum browse_result result = browse_peek(r->browse, &item);
    if (result != BROWSE_ITEM) {
        r->has_walked = result == BROWSE_END;
        return false;
    }
    struct message *m = browse_message(r->browse);
    browse_pass(r->browse);
    if (m && origin_find(r->queue, m, false, &target, &route))
        retry_send(r, &item, m);
    else
        r->progress.stayed++;
    if (m)
        message_unref(&m);
    return true;
}

static void retry_run(struct loop *loop, struct loop_task *task)
{
    struct retry *r = lv_container_of(task, struct retry, run);
    unsigned n = 0;
    while (n < STEPS_A_TURN && retry_step(r))
        n++;
    if (n == STEPS_A_TURN)
        loop_timer_start(loop, &r->run_later, 0);
    retry_end_if_done(r);
}

static void retry_run_later(struct loop *loop, struct loop_timer *timer)
{
    retry_run(loop, &lv_container_of(timer, struct retry, run_later)->run);
}

static void retry_go_on(struct retry *r)
{
    if (!loop_timer_is_running(&r->run_later))
        loop_schedule(queue_home(r->queue), &r->run);
}

/* --- its life --------------------------------------------------------------------------------- */

static void retry_wake(void *arg)
{
    struct retry *r = arg;
    if (!r->has_walked)
        retry_go_on(r);
}

bool retry_start(struct queue *q, const struct retry_options *options, struct retry **ret)
{
    departures_assert_home(q);
    if (retry_of(q) || queue_is_deleted(q))
        return false;
    struct retry *r = lv_calloc(1, sizeof *r);
    r->refs = 2;
    r->queue = q;
    r->options = *options;
    r->options.destination = slice_copy(options->destination);
    loop_task_init(&r->run, retry_run);
    loop_timer_init(&r->run_later, retry_run_later);
    r->browse =
        browse_open(q, &(struct browse_options){.is_bounded = true, .wake = retry_wake, .arg = r});
    departures_of(q)->retry = r;
    retry_go_on(r);
    *ret = r;
    return true;
}

struct retry_progress retry_progress(const struct retry *r)
{
    return r->progress;
}

void retry_unref(struct retry **retry)
{
    struct retry *r = *retry;
    *retry = NULL;
    lv_assert(!r || r->refs > 0);
    if (!r || --r->refs > 0)
        return;
    free((void *)(uintptr_t)r->options.destination.p);
    free(r);
}

static void retry_end_if_done(struct retry *r)
{
    struct queue *q = r->queue;
    if (!r->has_walked || r->flights > 0)
        return;
    loop_unschedule(queue_home(q), &r->run);
    loop_timer_stop(queue_home(q), &r->run_later);
    forward_not_when_room(q, &r->run);
    if (!r->progress.is_gone)
        queue_tidy(q);
    r->progress.is_over = true;
    r->queue = NULL;
    departures_of(q)->retry = NULL;
    browse_close(&r->browse); /* may be the queue's last reference */
    retry_unref(&r);
}

void retry_cancel(struct retry *r)
{
    if (r->progress.is_over)
        return;
    r->has_walked = true;
    retry_end_if_done(r);
}

void queue_retry_stop(struct queue *q)
{
    departures_assert_home(q);
    struct retry *r = retry_of(q);
    if (!r)
        return;
    r->progress.is_gone = true;
    r->has_walked = true;
    browse_close(&r->browse);
    retry_end_if_done(r);
}
