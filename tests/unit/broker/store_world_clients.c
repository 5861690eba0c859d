/* Clients of a store world: they publish, consume, get, settle and let go; each tells the model. */
#include "store_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* --- publishing ------------------------------------------------------------------------------- */

void world_on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                     struct message *message)
{
    (void)message;
    struct world *w = lv_container_of(sink, struct sink, sink)->world;
    struct model *model = &w->models[number];
    if (w->is_dead)
        return;
    if (model->life != w->life)
        world_fail(w, "message %" PRIu64 " of an earlier life is answered", number);
    if (model->answers++ == model->answers_due)
        world_fail(w, "message %" PRIu64 " is answered once too often", number);
    model->is_refused |= answer == CONFIRM_REFUSED;
}

static void placed_mail(struct loop *at, struct mail *mail)
{
    struct world *w = mail->a;
    struct copy *copy = copy_of(w, (unsigned)mail->c, (uint32_t)mail->d);
    if (held_takes(w->slots[mail->c].queue, mail))
        return;
    if (copy && !w->is_dead && journal_of(at))
        copy->is_placed = true;
}

/* It is placed when the mail sent before has come. */
static void placed_send(struct world *w, struct loop *from, unsigned slot, uint32_t number)
{
    struct mail mail = {.deliver = placed_mail, .a = w, .c = slot, .d = number};
    struct queue *q = w->slots[slot].queue;
    if (queue_home(q) != from || !held_takes(q, &mail))
        loop_mail(from, queue_home(q), &mail);
}

void world_publish_to(struct world *w, struct loop *loop, unsigned slot, uint32_t number,
                      struct message *m)
{
    struct slot *s = &w->slots[slot];
    struct model *model = &w->models[number];
    copy_add(w, slot, number);
    struct sink *sink = &w->sinks[loop_index(loop)];
    switch (queue_publish(loop, s->queue, m, &sink->sink, number)) {
    case CONFIRM_TOOK: break;
    case CONFIRM_LATER: model->answers_due++; break;
    case CONFIRM_REFUSED:
    case CONFIRM_GONE: copy_of(w, slot, number)->expect = NOT_THERE; return;
    }
    if (queue_home(s->queue) == loop && !s->queue->is_restoring) {
        copy_of(w, slot, number)->is_placed = true;
        return;
    }
    placed_send(w, loop, slot, number);
}

uint32_t model_add(struct world *w, unsigned publisher)
{
    uint32_t number = w->model_count++;
    struct model *model = &w->models[number];
    *model = (struct model){
        .life = w->life,
        .publisher = (uint8_t)publisher,
        .is_persistent = world_below(w, 100) >= w->transient_percent,
        .body_bytes = (uint32_t)world_below(w, world_one_in(w, 4) ? 200 : 40),
        .has_priority = world_one_in(w, 2),
        .priority = (uint8_t)world_below(w, PRIORITIES + 2),
        .has_ttl = world_below(w, 100) < w->ttl_percent,
        .ttl_ms = (uint32_t)world_below(w, PICK(w, 1, 100, 20000, 20000, 1000000)),
        .published_ms = world_now_ms(w),
    };
    if (w->large_every && world_one_in(w, w->large_every))
        model->body_bytes = (uint32_t)world_below(w, BODY_MAX);
    w->counts->messages++;
    return number;
}

void world_publish(struct world *w, unsigned count)
{
    unsigned publisher = (unsigned)world_below(w, loops_count(w->loops));
    struct loop *loop = loops_at(w->loops, publisher);
    unsigned targets = 0;
    while (targets == 0)
        targets = (unsigned)world_below(w, 1u << w->slot_count);
    if (!world_one_in(w, 4))
        targets = 1u << world_below(w, w->slot_count);
    uint32_t first = w->model_count;
    loop_sim_enter(loop);
    for (unsigned i = 0; i < count && w->model_count < MESSAGES_MAX; i++) {
        uint32_t number = model_add(w, publisher);
        struct message *m = world_make_message(w, number);
        for (unsigned slot = 0; slot < w->slot_count; slot++) {
            if ((targets >> slot & 1) && !w->slots[slot].is_deleted)
                world_publish_to(w, loop, slot, number, m);
        }
        message_unref(&m);
    }
    loop_sim_enter(NULL);
    world_step(w, "loop %u publishes %u..%u to queues %x", publisher, first, w->model_count,
               targets);
}

/* --- consuming -------------------------------------------------------------------------------- */

static void hold(struct client *client, uint64_t sequence, uint32_t copy, bool is_orphan)
{
    if (client->held_count == client->held_capacity) {
        client->held_capacity = client->held_capacity ? client->held_capacity * 2 : 16;
        client->held = lv_realloc(client->held, client->held_capacity * sizeof *client->held);
    }
    client->held[client->held_count++] = (struct held){sequence, copy, is_orphan};
    consumer_hold(client->consumer);
}

static void check_order(struct world *w, struct client *client, const struct delivery *d,
                        const struct copy *copy)
{
    uint32_t number = copy->message;
    uint32_t *newest =
        &client->newest[w->models[number].publisher][world_priority_of(w, client->slot, number)];
    if (d->redelivered || copy->was_walked || client->consumer->is_getter)
        return;
    if (*newest > number)
        world_fail(w, "message %u comes behind %u of the same publisher", number, *newest);
    *newest = number;
}

/* A message of a queue has come to somebody. */
static void delivered(struct client *client, const struct delivery *d, bool no_ack)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->slot];
    uint32_t number = world_read_message(w, d);
    struct copy *copy = copy_of(w, client->slot, number);
    if (!copy)
        world_fail(w, "message %u comes from queue %u, where nobody put it", number, client->slot);
    if (w->is_dead || s->is_deleted) {
        if (!no_ack && !w->is_dead)
            hold(client, d->position, 0, true);
        else if (no_ack && copy->gone != GONE_SAFE)
            copy->gone = GONE; /* it was on its way, and its queue is done with it */
        return;
    }
    if (copy->holder)
        world_fail(w, "message %u comes although somebody holds it", number);
    if (copy->gone == GONE_SAFE || copy->gone == GONE)
        world_fail(w, "message %u comes although it was settled", number);
    if (copy->expect == NOT_THERE)
        world_fail(w, "message %u comes, which cannot be there", number);
    if (copy->was_delivered && !d->redelivered)
        world_fail(w, "message %u comes again, and not as redelivered", number);
    if (!no_ack && copy->sequence != UNKNOWN && copy->sequence != d->position)
        world_fail(w, "message %u has moved from position %" PRIu64 " to %" PRIu64, number,
                   copy->sequence, d->position);
    check_order(w, client, d, copy);
    if (world_is_over(w, number) && client->consumer->loop == queue_home(client->consumer->queue))
        world_fail(w, "message %u comes although its time is over", number);
    copy->expect = THERE;
    copy->gone = NOT_GONE;
    copy->is_placed = true;
    /* When the log has failed, nothing can be noted of what consumers get all the same. */
    copy->was_delivered |= w->journal && log_failure(w->journal->log) == 0;
    if (no_ack) {
        struct promise *p = promise_make(w, client->slot, 1);
        copy->gone = GONE;
        promise_add(p, copy);
        promise_send(client->consumer->loop, p);
        return;
    }
    copy->sequence = d->position;
    copy->holder = client;
    hold(client, d->position, (uint32_t)(copy - s->copies), false);
}

static bool client_deliver(struct consumer *c, const struct delivery *d)
{
    struct client *client = c->session;
    struct world *w = client->world;
    delivered(client, d, c->no_ack);
    if (client->is_verifying || w->is_dead || !world_one_in(w, 16))
        return true;
    client->is_full = true;
    return false;
}

/* One hold less. */
static void let_go(struct client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open && client->held_count == 0)
        client->consumer = NULL;
    consumer_release(&c);
}

static void client_cancelled(struct consumer *c)
{
    struct client *client = c->session;
    if (!client->is_open || client->is_cancelling)
        return; /* the answer to that is its end */
    c->is_closed = true;
    client->is_open = false;
    let_go(client);
}

static const struct consumer_calls client_calls = {
    .deliver = client_deliver,
    .cancelled = client_cancelled,
};

static struct client *client_make(struct world *w, unsigned slot, struct loop *loop)
{
    struct client *client = lv_calloc(1, sizeof *client);
    lv_assert(w->client_count < CLIENTS_MAX);
    client->world = w;
    client->slot = slot;
    client->number = w->client_count;
    client->is_open = true;
    client->consumer = consumer_create(w->slots[slot].queue, loop, &client_calls, client,
                                       SLICE_EMPTY, SLICE_EMPTY);
    w->clients[w->client_count++] = client;
    w->slots[slot].has_mail |= loop != queue_home(w->slots[slot].queue);
    return client;
}

struct asked {
    struct queue_call call;
    struct client *client;
};

static struct queue_call *ask(struct client *client, void (*run)(struct queue_call *),
                              void (*done)(struct queue_call *))
{
    struct asked *asked = lv_calloc(1, sizeof *asked);
    asked->client = client;
    asked->call.queue = queue_ref(client->consumer->queue);
    asked->call.from = client->consumer->loop;
    asked->call.consumer = client->consumer;
    asked->call.run = run;
    asked->call.done = done;
    client->world->calls_open++;
    return &asked->call;
}

static void asked_free(struct queue_call *call)
{
    struct asked *asked = lv_container_of(call, struct asked, call);
    asked->client->world->calls_open--;
    queue_unref(&call->queue);
    free(asked);
}

static void consume_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    if (call->refused && client->is_open && !client->is_cancelling) {
        client->is_open = false;
        client->consumer->is_closed = true;
        let_go(client);
    }
    asked_free(call);
}

static void start_call(struct queue_call *call)
{
    loop_sim_enter(call->from);
    queue_call_start(call);
    loop_sim_enter(NULL);
}

struct client *world_consume(struct world *w, unsigned slot, bool no_ack, uint32_t prefetch,
                             bool is_verifying)
{
    struct loop *loop = loops_at(w->loops, (unsigned)world_below(w, loops_count(w->loops)));
    struct client *client = client_make(w, slot, loop);
    client->is_verifying = is_verifying;
    client->consumer->no_ack = no_ack;
    if (!no_ack)
        credit_begin_prefetch(&client->consumer->credit, prefetch);
    world_step(w, "client %u on loop %u consumes from queue %u%s, prefetch %u", client->number,
               loop_index(loop), slot, no_ack ? " without acks" : "", prefetch);
    start_call(ask(client, queue_call_consume, consume_done));
    return client;
}

static void get_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    if (call->get.got.message) {
        delivered(client, &call->get.got, call->get.no_ack);
        message_unref(&call->get.got.message);
    }
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

void world_get(struct world *w, unsigned slot, bool no_ack)
{
    struct loop *loop = loops_at(w->loops, (unsigned)world_below(w, loops_count(w->loops)));
    struct client *client = client_make(w, slot, loop);
    client->consumer->is_getter = true;
    struct queue_call *call = ask(client, queue_call_get, get_done);
    call->get.no_ack = no_ack;
    world_step(w, "client %u on loop %u gets from queue %u%s", client->number, loop_index(loop),
               slot, no_ack ? " without acks" : "");
    start_call(call);
}

void world_settle(struct client *client, size_t at, size_t most, enum settle_kind kind)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->slot];
    struct consumer *c = client->consumer;
    uint64_t sequence = client->held[at].sequence;
    size_t n = 1;
    while (n < most && at + n < client->held_count && client->held[at + n].sequence == sequence + n)
        n++;
    struct promise *p = promise_make(w, client->slot, n);
    loop_sim_enter(c->loop);
    consumer_settle(c, sequence, (uint32_t)n, kind);
    for (size_t i = at; i < at + n; i++) {
        const struct held *held = &client->held[i];
        if (held->is_orphan || w->is_dead)
            continue;
        s->copies[held->copy].holder = NULL;
        if (kind == SETTLE_REQUEUE && queue_home(c->queue) != c->loop) {
            s->copies[held->copy].is_placed = false;
            placed_send(w, c->loop, client->slot, s->copies[held->copy].message);
        }
        if (kind == SETTLE_REQUEUE)
            continue;
        s->copies[held->copy].gone = GONE;
        promise_add(p, &s->copies[held->copy]);
    }
    memmove(client->held + at, client->held + at + n,
            (client->held_count - at - n) * sizeof *client->held);
    client->held_count -= n;
    promise_send(c->loop, p);
    /* The last hold lets the client go. */
    for (size_t i = 0; i < n; i++) {
        struct consumer *one = c;
        if (i + 1 == n)
            let_go(client);
        else
            consumer_release(&one);
    }
    loop_sim_enter(NULL);
}

void world_requeue_all(struct client *client)
{
    while (client->held_count > 0)
        world_settle(client, 0, client->held_count, SETTLE_REQUEUE);
}

static void cancel_done(struct queue_call *call)
{
    struct client *client = lv_container_of(call, struct asked, call)->client;
    client->consumer->is_closed = true;
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

void world_cancel(struct client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open || c->is_getter || client->is_cancelling)
        return;
    world_step(client->world, "client %u cancels", client->number);
    client->is_cancelling = true;
    /* Whoever acknowledges may go without a word: what is on its way to him goes back. */
    c->is_closed = !c->no_ack && world_one_in(client->world, 2);
    start_call(ask(client, queue_call_cancel, cancel_done));
}

/* --- calls at home ---------------------------------------------------------------------------- */

static void at_once(struct queue_call *call)
{
    call->owner = NULL;
}

struct queue_call world_call_home(struct world *w, unsigned slot, void (*run)(struct queue_call *))
{
    struct queue *q = w->slots[slot].queue;
    struct queue_call call = {
        .queue = q, .from = queue_home(q), .run = run, .done = at_once, .owner = w};
    start_call(&call);
    if (call.owner)
        world_fail(w, "a call at home is not answered at once");
    return call;
}
