/* Getting messages from the head of a queue in an operator's name.
 *
 * A getter (queue/consumer.h) at the queue's home holds the messages. The home fills a batch, the
 * asking thread visits it and asks for the next; when all are visited, all are settled. If the
 * broker stops meanwhile, they stay in their queue. */
#include <stdlib.h>

#include "base/counters.h"
#include "base/error.h"
#include "base/memory.h"
#include "manage/messages.h"
#include "manage/queues.h"
#include "message/delivery_header.h"
#include "topology/lives.h"
#include "topology/vhost.h"

enum { BATCH_MESSAGES = 64, BATCH_BYTES = 1024 * 1024 };

/* Messages with consecutive positions, which are settled together. */
struct got_run {
    uint64_t position;
    uint32_t count;
};

struct taken {
    const struct getting *what;
    struct slice user;
    struct queue *queue; /* referenced */
    uint64_t left;       /* how many more may be got */
    struct consumer *getter;
    struct queue_call call;
    struct question *question;
    enum settle_kind kind;
    /* Of everything that is held. */
    struct got_run *runs; /* owned */
    size_t run_count, run_capacity;
    /* The batch. */
    size_t count;
    uint64_t bytes;
    bool is_starting, is_answered; /* the call */
    bool is_over;                  /* the queue has no more, or refused */
    bool is_refused;
    struct broker_error error;
    struct {
        struct delivery got; /* owns its message */
        uint64_t left;
    } batch[BATCH_MESSAGES];
};

/* --- at the queue's home ---------------------------------------------------------------------- */

static bool ignore_delivery(struct consumer *c, const struct delivery *d)
{
    (void)c;
    (void)d;
    lv_unreachable(); /* a getter is not attached */
}

static void ignore_consumer(struct consumer *c)
{
    (void)c;
}

static const struct consumer_calls getter_calls = {ignore_delivery, ignore_consumer,
                                                   ignore_consumer};

static void remember(struct taken *t, uint64_t position)
{
    struct got_run *last = t->run_count > 0 ? &t->runs[t->run_count - 1] : NULL;
    if (last && last->position + last->count == position && last->count < UINT32_MAX) {
        last->count++;
        return;
    }
    if (t->run_count == t->run_capacity) {
        t->run_capacity = t->run_capacity ? 2 * t->run_capacity : 16;
        t->runs = lv_realloc(t->runs, t->run_capacity * sizeof *t->runs);
    }
    t->runs[t->run_count++] = (struct got_run){position, 1};
}

static bool batch_is_full(const struct taken *t)
{
    return t->left == 0 || t->count == BATCH_MESSAGES || t->bytes >= BATCH_BYTES;
}

/* Writes down what is got, for those who follow its life. */
static void life_got(const struct taken *t, const struct delivery *got)
{
    uint32_t life = message_life(got->message);
    struct life_record record = {
        .event = LIFE_GOT,
        .flags = got->redelivered ? LIFE_IS_REDELIVERED : 0,
        .position = got->position,
        .texts = {queue_name(t->queue), SLICE_EMPTY, slice_str("HTTP API"), t->user},
    };
    if (life)
        lives_record(queue_home(t->queue), queue_vhost(t->queue)->topology, life, &record);
}

/* Adds what a call has got. Returns false if there was nothing. */
static bool take_got(struct taken *t)
{
    if (t->call.refused) {
        t->is_refused = true;
        t->error = t->call.error;
    }
    if (!t->call.get.got.message)
        return false;
    remember(t, t->call.get.got.position);
    life_got(t, &t->call.get.got);
    t->bytes += message_memory(t->call.get.got.message);
    t->batch[t->count].left = t->call.get.ready;
    t->batch[t->count++].got = t->call.get.got;
    t->left--;
    return true;
}

static void get_next(struct taken *t);

static void got(struct queue_call *call)
{
    struct taken *t = lv_container_of(call, struct taken, call);
    t->is_over = !take_got(t);
    t->is_answered = true;
    if (!t->is_starting) /* the answer comes by mail */
        get_next(t);
}

/* Fills the batch, and answers the question when it is full or the queue has no more. */
static void get_next(struct taken *t)
{
    while (!t->is_over && !batch_is_full(t)) {
        t->call = (struct queue_call){.queue = t->queue,
                                      .from = queue_home(t->queue),
                                      .run = queue_call_get,
                                      .done = got,
                                      .consumer = t->getter};
        t->is_answered = false;
        t->is_starting = true;
        queue_call_start(&t->call);
        t->is_starting = false;
        if (!t->is_answered)
            return;
    }
    ask_answer(t->question);
}

static void get_on_loop(struct loop *loop, void *arg, struct question *question)
{
    struct taken *t = arg;
    if (!t->getter) {
        t->getter = consumer_create(t->queue, loop, &getter_calls, t, SLICE_EMPTY, SLICE_EMPTY);
        t->getter->is_getter = true;
    }
    t->question = question;
    t->count = t->bytes = 0;
    get_next(t);
}

static void settle_on_loop(struct loop *loop, void *arg)
{
    struct taken *t = arg;
    if (!loop) {
        lv_list_remove(&t->call.waiting_link);
        consumer_abandon(&t->getter);
        return;
    }
    consumer_begin_returns(t->getter);
    for (size_t i = 0; i < t->run_count; i++)
        consumer_settle(t->getter, t->runs[i].position, t->runs[i].count, t->kind);
    consumer_end_returns(t->getter, NULL, NULL);
    consumer_release(&t->getter);
}

/* --- the operation ---------------------------------------------------------------------------- */

static bool visit_one(const struct getting *g, const struct delivery *got, uint64_t left)
{
    struct lv_buffer counted = {0};
    const struct got_facts facts = {
        .message = got->message,
        .header = got->tells_count
                      ? delivery_header_with_count(&counted, got->header, got->delivery_count)
                      : got->header,
        .redelivered = got->redelivered,
        .left = left,
    };
    bool goes_on = g->visit(g->arg, &facts);
    lv_buffer_free(&counted);
    return goes_on;
}

/* Visits a batch and drops its references. Returns false if the visitor has ended the visit. */
static bool visit_batch(struct taken *t)
{
    bool goes_on = true;
    for (size_t i = 0; i < t->count; i++) {
        if (goes_on)
            goes_on = visit_one(t->what, &t->batch[i].got, t->batch[i].left);
        message_unref(&t->batch[i].got.message);
    }
    t->count = 0;
    return goes_on;
}

static int get_all(struct manage *m, struct taken *t)
{
    const struct getting *g = t->what;
    int err = 0;
    bool goes_on = true;
    while (err == 0 && goes_on && t->left > 0 && !t->is_over) {
        err = ask_loop_later(m->asker, queue_home(t->queue), get_on_loop, t);
        goes_on = visit_batch(t);
    }
    bool is_taken = err == 0 && goes_on && !g->is_requeued && g->has_taken(g->arg);
    t->kind = !is_taken ? SETTLE_REQUEUE : g->is_rejected ? SETTLE_REJECT : SETTLE_ACK;
    if (t->getter)
        ask_loop_or_end(m->asker, queue_home(t->queue), settle_on_loop, t);
    return err;
}

bool manage_get(struct manage *m, const struct actor *actor, const struct getting *g,
                struct manage_error *error)
{
    struct broker_error told;
    if (!actor_check_queue(actor, AUTH_READ, g->vhost, g->queue, error))
        return false;
    struct queue *q = manage_queue(m, g->vhost, g->queue, error);
    if (!q)
        return false;
    if (actor->identity && !queue_entry_check_access(queue_entry(q), 0, &told)) {
        queue_unref(&q);
        return manage_refuse_as_broker(error, SUBJECT_QUEUE, &told);
    }
    struct taken *t = lv_calloc(1, sizeof *t);
    t->what = g;
    t->user = actor->name;
    t->queue = q;
    t->left = g->count;
    int err = manage_await_messages(m);
    if (err == 0)
        err = get_all(m, t);
    bool is_done = err < 0         ? manage_end(error, err)
                   : t->is_refused ? manage_refuse_as_broker(error, SUBJECT_QUEUE, &t->error)
                                   : true;
    free(t->runs);
    free(t);
    queue_unref(&q);
    return is_done;
}
