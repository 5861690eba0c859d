/* Delayed messages, moving dead letters back, and explaining routes. */
#include "manage/messages.h"

#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "broker/delayed.h"
#include "manage/columns.h"
#include "manage/facts.h"
#include "manage/queues.h"
#include "topology/exchange.h"
#include "topology/explain.h"
#include "topology/vhost.h"

/* --- delayed messages ------------------------------------------------------------------------- */

/* Returns a reference to the queue of the exchange's delayed messages, or NULL after refusing. */
static struct queue *find_delayed(struct manage *m, struct slice vhost_name, struct slice name,
                                  struct manage_error *error)
{
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return NULL;
    struct exchange *x = exchange_find(vhost, name);
    if (x && x->delayed)
        return queue_ref(queue_of_entry(x->delayed));
    if (x)
        manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_EXCHANGE,
                      "Exchange does not delay messages");
    else
        manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_EXCHANGE, "Exchange not found");
    return NULL;
}

/* Runs a call at the queue's home and waits for its answer. Takes the caller's reference to the
 * queue. */
static int ask_queue(struct manage *m, struct queue *q, void (*run)(struct queue_call *),
                     void *owner, struct home_call *ret)
{
    *ret = (struct home_call){.call = {.queue = q, .run = run, .owner = owner}};
    int err = home_call_run(m, ret);
    queue_unref(&q);
    return err;
}

bool manage_list_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice exchange, size_t limit, struct listing *ret,
                         struct manage_error *error)
{
    *ret = (struct listing){.columns = delayed_columns};
    if (!actor_check_exchange(actor, AUTH_READ, vhost, exchange, error))
        return false;
    struct queue *q = find_delayed(m, vhost, exchange, error);
    if (!q)
        return false;
    struct delayed_list list = {.limit = limit < DELAYED_ROWS_MAX ? limit : DELAYED_ROWS_MAX};
    struct home_call h;
    int err = ask_queue(m, q, delayed_call_list, &list, &h);
    for (size_t i = 0; err == 0 && i < list.count; i++)
        listing_add(ret, facts_copy(&list.rows[i], sizeof list.rows[i], NULL, 0));
    free(list.rows);
    return manage_end(error, err);
}

bool manage_cancel_delayed(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct slice exchange, const uint64_t *ids, size_t count, uint64_t *ret,
                           struct manage_error *error)
{
    struct home_call h;
    if (!actor_check_exchange(actor, AUTH_CONFIGURE, vhost, exchange, error))
        return false;
    struct queue *q = find_delayed(m, vhost, exchange, error);
    if (!q)
        return false;
    struct delayed_cancel what = {.positions = ids, .count = count};
    int err = ask_queue(m, q, ids ? delayed_call_cancel : queue_call_purge, &what, &h);
    if (err < 0)
        return manage_end(error, err);
    *ret = ids ? what.cancelled : h.call.purge.dropped;
    actor_log(actor, "%llu delayed messages of exchange '%.*s' in vhost '%.*s' are cancelled",
              (unsigned long long)*ret, SLICE_ARG(exchange), SLICE_ARG(vhost));
    return true;
}

#define F struct delayed_row
#define COLUMN_OF(column) delayed_column_##column
DELAYED_COLUMNS(COLUMN_VALUE)
const struct column delayed_columns[] = {DELAYED_COLUMNS(COLUMN_ROW) COLUMNS_END};
#undef F
#undef COLUMN_OF

/* --- dead letters ----------------------------------------------------------------------------- */

/* The queue's home moves the messages. The asking thread looks every RETRY_PAUSE_MS whether the
 * home is done. If the client disconnects, the move continues. */
enum { RETRY_PAUSE_MS = 5 };

struct retrying {
    struct queue *queue; /* referenced */
    struct retry_options options;
    struct retry *retry; /* NULL: another retry is under way */
    struct retry_progress progress;
    struct progress *watched; /* NULL: nobody looks */
};

static void retry_start_on_loop(struct loop *loop, void *arg)
{
    struct retrying *a = arg;
    lv_assert(queue_home(a->queue) == loop);
    progress_set_total(a->watched, queue_lengths(a->queue).ready);
    if (!retry_start(a->queue, &a->options, &a->retry))
        a->retry = NULL;
}

static void retry_look_on_loop(struct loop *loop, void *arg)
{
    struct retrying *a = arg;
    lv_assert(queue_home(a->queue) == loop && a->retry);
    if (progress_is_cancelled(a->watched))
        retry_cancel(a->retry);
    a->progress = retry_progress(a->retry);
    progress_set(a->watched, a->progress.moved + a->progress.stayed, a->progress.stayed);
}

static void retry_leave_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct retrying *a = arg;
    retry_unref(&a->retry);
}

static int wait_for_retry(struct manage *m, struct retrying *a)
{
    int err = 0;
    while (err == 0 && !a->progress.is_over) {
        err = ask_loop(m->asker, queue_home(a->queue), retry_look_on_loop, a);
        if (err == 0 && !a->progress.is_over)
            err = ask_pause(m->asker, RETRY_PAUSE_MS);
    }
    ask_loop_or_end(m->asker, queue_home(a->queue), retry_leave_on_loop, a);
    return err;
}

static bool retry_end(const struct retrying *a, bool is_started, int err,
                      struct manage_error *error)
{
    if (err < 0)
        return manage_end(error, err);
    if (!is_started)
        return manage_refuse(error, REFUSAL_BUSY, SUBJECT_QUEUE,
                             "Dead letters of this queue are being moved already");
    if (a->progress.is_gone)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_QUEUE,
                             "The queue was deleted, after %llu messages had been moved",
                             (unsigned long long)a->progress.moved);
    return true;
}

/* Checks that the actor may publish to the destination, and that there is such a queue. */
static bool check_destination(struct manage *m, const struct actor *actor, struct slice vhost,
                              struct slice queue, struct slice destination,
                              struct manage_error *error)
{
    struct broker_error told;
    if (destination.n == 0)
        return true;
    if (slice_equal(queue, destination))
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_QUEUE,
                             "A queue's messages cannot be moved to the queue itself");
    if (!actor_check_exchange(actor, AUTH_WRITE, vhost, SLICE_EMPTY, error))
        return false;
    struct queue *q = manage_queue(m, vhost, destination, error);
    if (!q)
        return false;
    bool may = queue_entry_check_access(queue_entry(q), 0, &told) ||
               manage_refuse_as_broker(error, SUBJECT_QUEUE, &told);
    queue_unref(&q);
    return may;
}

static void log_moved(const struct actor *actor, struct slice vhost, struct slice queue,
                      const struct retry_options *options, uint64_t moved)
{
    if (options->destination.n > 0)
        actor_log(actor, "%llu messages of queue '%.*s' in vhost '%.*s' are moved to queue '%.*s'",
                  (unsigned long long)moved, SLICE_ARG(queue), SLICE_ARG(vhost),
                  SLICE_ARG(options->destination));
    else
        actor_log(actor, "%llu dead letters of queue '%.*s' in vhost '%.*s' are moved back",
                  (unsigned long long)moved, SLICE_ARG(queue), SLICE_ARG(vhost));
}

bool manage_retry_dead_letters(struct manage *m, const struct actor *actor, struct slice vhost,
                               struct slice queue, const struct retry_options *options,
                               struct progress *progress, struct retry_progress *ret,
                               struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_READ, vhost, queue, error) ||
        !check_destination(m, actor, vhost, queue, options->destination, error))
        return false;
    struct retrying a = {
        .queue = manage_queue(m, vhost, queue, error), .options = *options, .watched = progress};
    if (!a.queue)
        return false;
    int err = manage_await_messages(m);
    if (err == 0)
        err = ask_loop(m->asker, queue_home(a.queue), retry_start_on_loop, &a);
    bool is_started = err == 0 && a.retry;
    if (is_started)
        err = wait_for_retry(m, &a);
    queue_unref(&a.queue);
    if (!retry_end(&a, is_started, err, error))
        return false;
    *ret = a.progress;
    log_moved(actor, vhost, queue, options, ret->moved);
    return true;
}

/* --- routes ----------------------------------------------------------------------------------- */

static void add_explained(void *listing, const struct explain_row *row)
{
    struct explain_row f = *row;
    listing_add(listing,
                FACTS_COPY(&f, &f.path, &f.destination, &f.routing_key, &f.arguments, &f.why));
}

bool manage_explain_route(struct manage *m, const struct actor *actor, struct slice vhost_name,
                          struct slice exchange, const struct slice *keys, size_t count,
                          struct slice headers, struct listing *ret, size_t *ret_queues,
                          struct manage_error *error)
{
    *ret = (struct listing){.columns = explain_columns};
    lv_assert(count > 0);
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost_name, error))
        return false;
    struct vhost *vhost = manage_vhost(m, vhost_name, error);
    if (!vhost)
        return false;
    struct exchange *x = exchange_find(vhost, exchange);
    if (!x) {
        struct broker_error told;
        exchange_refuse_missing(exchange, vhost, &told);
        return manage_refuse_as_broker(error, SUBJECT_EXCHANGE, &told);
    }
    const struct routing_input message = {
        .routing_key = keys[0], .headers = headers, .has_headers = true};
    *ret_queues = explain_route(x, keys, count, &message, add_explained, ret);
    return true;
}

/* Returns what the row's destination is. A row that says that the message is returned or refused
 * has none. */
static const char *destination_kind_of(const struct explain_row *f)
{
    if (f->result == EXPLAIN_RETURNED || f->result == EXPLAIN_REFUSED)
        return "";
    return f->destination_kind == DESTINATION_QUEUE ? "queue" : "exchange";
}

#define F struct explain_row
#define COLUMN_OF(column) explain_column_##column
EXPLAIN_COLUMNS(COLUMN_VALUE)
const struct column explain_columns[] = {EXPLAIN_COLUMNS(COLUMN_ROW) COLUMNS_END};
