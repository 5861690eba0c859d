/* How a message leaves a queue that gives it up: it is forwarded to the dead-letter exchange
 * (forward.h). Each obstacle, and each cycle of queues, is logged once. */
#define LOG_CATEGORY LOG_ABOUT_QUEUE

#include "broker/dead_lettering.h"

#include <stdlib.h>

#include "base/buffer.h"
#include "base/counters.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/departures.h"
#include "broker/forward.h"
#include "queue/queue_home.h"
#include "topology/lives.h"
#include "topology/vhost.h"
#include "wire/wire.h"

/* --- what was logged -------------------------------------------------------------------------- */

enum { CYCLES_REMEMBERED = 32, OBSTACLES_REMEMBERED = 8 };

/* What was logged for a queue: hashes of the texts. */
struct dead_letter_log {
    uint64_t cycles[CYCLES_REMEMBERED];
    unsigned cycle_count;
    bool has_logged_bad_history;
    uint64_t obstacles[OBSTACLES_REMEMBERED]; /* since the queue last had nothing stuck */
    unsigned obstacle_count;
};

static struct dead_letter_log *log_of(struct queue *q)
{
    struct departures *d = departures_of(q);
    if (!d->dead_letter_log)
        d->dead_letter_log = lv_calloc(1, sizeof *d->dead_letter_log);
    return d->dead_letter_log;
}

void dead_lettering_free(struct queue *q)
{
    struct departures *d = queue_departures(q);
    if (!d)
        return;
    free(d->dead_letter_log);
    d->dead_letter_log = NULL;
}

/* Adds a hash. Returns false if it was added before, or there is no room for it. */
static bool hash_remember(uint64_t *hashes, unsigned *count, unsigned room, uint64_t hash)
{
    lv_assert(*count <= room);
    for (unsigned i = 0; i < *count; i++) {
        if (hashes[i] == hash)
            return false;
    }
    if (*count == room)
        return false;
    hashes[(*count)++] = hash;
    return true;
}

static bool cycle_remember(struct dead_letter_log *log, uint64_t hash)
{
    return hash_remember(log->cycles, &log->cycle_count, CYCLES_REMEMBERED, hash);
}

static bool obstacle_remember(struct dead_letter_log *log, uint64_t hash)
{
    return hash_remember(log->obstacles, &log->obstacle_count, OBSTACLES_REMEMBERED, hash);
}

static void cycle_log(struct queue *q, const struct message *made, const struct queue *target)
{
    struct lv_buffer queues = {0};
    dead_letter_describe(&queues, made, queue_name(target));
    if (cycle_remember(log_of(q), lv_hash(lv_buffer_slice(&queues))))
        log_warning("queue '%.*s' in vhost '%.*s': message dropped: dead-letter queues form a "
                    "cycle: %.*s; this cycle will not be reported again",
                    SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(queue_vhost(q))),
                    SLICE_ARG(lv_buffer_slice(&queues)));
    lv_buffer_free(&queues);
}

static void bad_history_log(struct queue *q)
{
    struct dead_letter_log *log = log_of(q);
    if (log->has_logged_bad_history)
        return;
    log->has_logged_bad_history = true;
    log_warning(
        "queue '%.*s' in vhost '%.*s': ignoring malformed x-death header (not an array) of a "
        "message; this will not be reported again for this queue",
        SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(queue_vhost(q))));
}

/* --- forwarding ------------------------------------------------------------------------------- */

static bool dead_letter_prepare(struct queue *q, const struct forward *f, struct message **ret)
{
    const struct queue_arguments *a = queue_settings(q);
    *ret = NULL;
    if (!dead_lettering_sends_on(q))
        return true;
    const struct dead_letter d = {
        .message = f->message,
        .queue = queue_name(q),
        .reason = (enum death)f->reason,
        .time_s = f->when_ms / 1000,
        .exchange = a->dead_letter_exchange,
        .has_routing_key = a->has_dead_letter_routing_key,
        .routing_key = a->dead_letter_routing_key,
    };
    bool had_bad_history = false;
    *ret = dead_letter_make(&d, &had_bad_history);
    if (had_bad_history)
        bad_history_log(q);
    if (*ret && dead_letter_rounds(*ret) >= QUEUE_ROUNDS_MANY)
        queue_count_circled(q);
    return *ret != NULL;
}

static bool dead_letter_is_target(struct queue *q, const struct forward *f,
                                  const struct message *made, struct queue *target)
{
    if (f->reason == DEATH_REJECTED || !dead_letter_turns(made, queue_name(target)))
        return true;
    cycle_log(q, made, target);
    queue_count_circled(q);
    return false;
}

/* --- obstacles -------------------------------------------------------------------------------- */

static void obstacle_describe(const struct queue *q, const struct forward *f,
                              enum forward_obstacle obstacle, const struct queue *target,
                              struct lv_buffer *out)
{
    const struct queue_arguments *a = queue_settings(q);
    struct slice key = a->has_dead_letter_routing_key ? a->dead_letter_routing_key
                                                      : message_routing_key(f->message);
    switch (obstacle) {
    case FORWARD_NO_MEMORY: lv_buffer_printf(out, "there is no memory for a copy"); return;
    case FORWARD_NO_EXCHANGE:
        lv_buffer_printf(out, "there is no exchange '%.*s'", SLICE_ARG(a->dead_letter_exchange));
        return;
    case FORWARD_NO_ROUTE:
        lv_buffer_printf(out, "exchange '%.*s' has no route for the key '%.*s'",
                         SLICE_ARG(a->dead_letter_exchange), SLICE_ARG(key));
        return;
    case FORWARD_REFUSED:
        if (target)
            lv_buffer_printf(out, "queue '%.*s' is full or refuses them",
                             SLICE_ARG(queue_name(target)));
        else
            lv_buffer_printf(out, "a queue that they are routed to is full or refuses them");
        return;
    }
}

static void dead_letter_stuck(struct queue *q, const struct forward *f,
                              enum forward_obstacle obstacle, const struct queue *target)
{
    struct lv_buffer why = {0};
    if (log_of(q)->obstacle_count == OBSTACLES_REMEMBERED)
        return;
    obstacle_describe(q, f, obstacle, target, &why);
    if (obstacle_remember(log_of(q), lv_hash(lv_buffer_slice(&why))))
        log_warning(
            "queue '%.*s' in vhost '%.*s': dead letters cannot be delivered: %.*s; they are kept "
            "and tried again",
            SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(queue_vhost(q))),
            SLICE_ARG(lv_buffer_slice(&why)));
    lv_buffer_free(&why);
}

static void dead_letter_unstuck(struct queue *q, bool has_arrived)
{
    log_of(q)->obstacle_count = 0;
    if (!has_arrived)
        return; /* the queue is deleted, or no longer has a dead-letter exchange */
    log_info("queue '%.*s' in vhost '%.*s': the dead letters that were kept have been delivered",
             SLICE_ARG(queue_name(q)), SLICE_ARG(vhost_name(queue_vhost(q))));
}

static void dead_letter_done(struct queue *q, const struct forward *f, enum forward_end end)
{
    if (end == FORWARD_TAKEN) {
        queue_count_dead_letter(q, (enum death)f->reason);
        COUNT_MANY(dead_lettered_confirmed, f->must_arrive);
    }
    if (!f->is_outside)
        queue_settle_position(q, f->position);
}

static const struct forward_ops dead_letter_ops = {
    .reason_is_death = true,
    .make = dead_letter_prepare,
    .is_target = dead_letter_is_target,
    .stuck = dead_letter_stuck,
    .unstuck = dead_letter_unstuck,
    .done = dead_letter_done,
};

_Static_assert(DEATH_REJECTED == 0 && DEATH_EXPIRED == 1 && DEATH_MAXLEN == 2 &&
                   DEATH_DELIVERY_LIMIT == 3 && DEATH_COUNT == 4,
               "counters.h has them in this order");

/* --- giving up -------------------------------------------------------------------------------- */

bool dead_lettering_sends_on(const struct queue *q)
{
    /* No exchange has a longer name. */
    return queue_settings(q)->has_dead_letter_exchange &&
           queue_settings(q)->dead_letter_exchange.n <= SHORTSTR_BYTES_MAX;
}

/* As in RabbitMQ, at-least-once needs overflow reject-publish. */
static bool must_arrive(const struct queue *q)
{
    return queue_settings(q)->dead_letters_at_least_once &&
           queue_settings(q)->overflow == OVERFLOW_REJECT_PUBLISH;
}

static void dead_letter_start(struct queue *q, const struct forward *forward)
{
    struct forward f = *forward;
    f.when_ms = loop_wall_ms(queue_home(q));
    forward_start(q, &dead_letter_ops, &f);
}

static void count_given_up(struct queue *q, enum death reason)
{
    unsigned strategy = !dead_lettering_sends_on(q) ? STRATEGY_DISABLED
                        : must_arrive(q)            ? STRATEGY_AT_LEAST_ONCE
                                                    : STRATEGY_AT_MOST_ONCE;
    if (strategy == STRATEGY_DISABLED)
        queue_count_dropped(q, reason);
    COUNT_NTH(given_up_rejected, reason);
    COUNT_NTH(rejected_classic_disabled,
              ((unsigned)reason * COUNTED_QUEUE_TYPES + queue_type(q)) * STRATEGIES + strategy);
}

/* Writes down, for those who follow the message, that it is dropped. */
static void life_end(struct queue *q, uint64_t position, enum death reason)
{
    uint32_t life = queue_life_at(q, position);
    struct life_record record = {
        .event = LIFE_DROPPED,
        .reason = (uint8_t)reason,
        .flags = LIFE_HAS_REASON,
        .position = position,
        .texts = {queue_name(q)},
    };
    if (life == 0)
        return;
    lives_record(queue_home(q), queue_vhost(q)->topology, life, &record);
    queue_life_ends(q, position);
}

void dead_lettering_give_up(struct queue *q, uint64_t position, struct message *message,
                            enum death reason)
{
    departures_assert_home(q);
    lv_assert(reason < DEATH_COUNT);
    count_given_up(q, reason);
    if (!message || !dead_lettering_sends_on(q)) {
        life_end(q, position, reason);
        queue_settle_position(q, position);
        return;
    }
    dead_letter_start(q, &(struct forward){.position = position,
                                           .message = message,
                                           .reason = reason,
                                           .must_arrive = must_arrive(q)});
}

void dead_lettering_turn_away(struct queue *q, struct message *message, enum death reason)
{
    departures_assert_home(q);
    lv_assert(message && reason < DEATH_COUNT);
    count_given_up(q, reason);
    if (dead_lettering_sends_on(q))
        dead_letter_start(
            q, &(struct forward){.message = message, .reason = reason, .is_outside = true});
}

bool dead_lettering_has_room(struct queue *q)
{
    if (forward_has_room(q))
        return true;
    forward_when_room(q, queue_expiry_task(q));
    forward_when_room(q, queue_delivery_task(q));
    return false;
}
