/* Clients of a store world: they publish, consume, get, settle and let go; each tells the model. */
#include "store_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "world_queue.h"

/* --- publishing ------------------------------------------------------------------------------- */

void world_on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                     struct message *message)
{
    (void)message;
    struct world *w = lv_container_of(sink, struct sink, sink)->world;
    struct model *model = &w->models[number];
    if (w->is_dead)
        return;
    if (model->life != w->story.life)
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
        .life = w->story.life,
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
    unsigned publisher = (unsigned)world_below(w, loops_count(w->machine.loops));
    struct loop *loop = loops_at(w->machine.loops, publisher);
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
    if (client->base.held_count == client->held_capacity) {
        client->held_capacity = client->held_capacity ? client->held_capacity * 2 : 16;
        client->held = lv_realloc(client->held, client->held_capacity * sizeof *client->held);
    }
    client->held[client->base.held_count++] = (struct held){sequence, copy, is_orphan};
    consumer_hold(client->base.consumer);
}

static void check_order(struct world *w, struct client *client, const struct delivery *d,
                        const struct copy *copy)
{
    uint32_t number = copy->message;
    unsigned priority = world_priority_of(w, client->base.slot, number);
    uint32_t *newest = &client->newest[w->models[number].publisher][priority];
    if (d->redelivered || copy->was_walked || client->base.consumer->is_getter)
        return;
    if (*newest > number)
        world_fail(w, "message %u comes behind %u of the same publisher", number, *newest);
    *newest = number;
}

static struct client *client_of(struct world_client *base)
{
    return lv_container_of(base, struct client, base);
}

/* A message of a queue has come to somebody. */
static void delivered(struct client *client, const struct delivery *d, bool no_ack)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->base.slot];
    uint32_t number = world_read_message(w, d);
    struct copy *copy = copy_of(w, client->base.slot, number);
    if (!copy)
        world_fail(w, "message %u comes from queue %u, where nobody put it", number,
                   client->base.slot);
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
    if (world_is_over(w, number) &&
        client->base.consumer->loop == queue_home(client->base.consumer->queue))
        world_fail(w, "message %u comes although its time is over", number);
    copy->expect = THERE;
    copy->gone = NOT_GONE;
    copy->is_placed = true;
    /* When the log has failed, nothing can be noted of what consumers get all the same. */
    copy->was_delivered |= w->machine.journal && log_failure(w->machine.journal->log) == 0;
    if (no_ack) {
        struct promise *p = promise_make(w, client->base.slot, 1);
        copy->gone = GONE;
        promise_add(p, copy);
        promise_send(client->base.consumer->loop, p);
        return;
    }
    copy->sequence = d->position;
    copy->holder = client;
    hold(client, d->position, (uint32_t)(copy - s->copies), false);
}

static bool client_deliver(struct consumer *c, const struct delivery *d)
{
    struct client *client = client_of(c->session);
    struct world *w = client->world;
    delivered(client, d, c->no_ack);
    if (client->is_verifying || w->is_dead || !world_one_in(w, 16))
        return true;
    client->base.is_full = true;
    return false;
}

static void client_cancelled(struct consumer *c)
{
    struct client *client = client_of(c->session);
    if (!client->base.is_open || client->base.is_cancelling)
        return; /* the answer to that is its end */
    c->is_closed = true;
    client->base.is_open = false;
    world_client_let_go(&client->base);
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
    const struct world_client_place place = {&w->story, &w->calls_open, slot, w->client_count};
    world_client_open(&client->base, &place, w->slots[slot].queue, loop, &client_calls);
    w->clients[w->client_count++] = client;
    w->slots[slot].has_mail |= loop != queue_home(w->slots[slot].queue);
    w->walkers[slot].may_miss |= w->slots[slot].has_mail;
    return client;
}

static void consume_done(struct queue_call *call)
{
    struct client *client = client_of(world_client_of(call));
    if (call->refused && client->base.is_open && !client->base.is_cancelling) {
        client->base.is_open = false;
        client->base.consumer->is_closed = true;
        world_client_let_go(&client->base);
    }
    world_client_answered(call);
}

struct client *world_consume(struct world *w, unsigned slot, bool no_ack, uint32_t prefetch,
                             bool is_verifying)
{
    struct loop *loop = machine_any_loop(&w->machine, &w->story);
    struct client *client = client_make(w, slot, loop);
    client->is_verifying = is_verifying;
    world_client_consume(&client->base, no_ack, prefetch, consume_done);
    return client;
}

static void get_done(struct queue_call *call)
{
    struct client *client = client_of(world_client_of(call));
    if (call->get.got.message) {
        delivered(client, &call->get.got, call->get.no_ack);
        message_unref(&call->get.got.message);
    }
    world_client_got(call);
}

void world_get(struct world *w, unsigned slot, bool no_ack)
{
    struct loop *loop = machine_any_loop(&w->machine, &w->story);
    struct client *client = client_make(w, slot, loop);
    world_client_get(&client->base, no_ack, get_done);
}

void world_settle(struct client *client, size_t at, size_t most, enum settle_kind kind)
{
    struct world *w = client->world;
    struct slot *s = &w->slots[client->base.slot];
    struct consumer *c = client->base.consumer;
    uint64_t sequence = client->held[at].sequence;
    size_t n = 1;
    while (n < most && at + n < client->base.held_count &&
           client->held[at + n].sequence == sequence + n)
        n++;
    struct promise *p = promise_make(w, client->base.slot, n);
    loop_sim_enter(c->loop);
    consumer_settle(c, sequence, (uint32_t)n, kind);
    for (size_t i = at; i < at + n; i++) {
        const struct held *held = &client->held[i];
        if (held->is_orphan || w->is_dead)
            continue;
        s->copies[held->copy].holder = NULL;
        if (kind == SETTLE_REQUEUE && queue_home(c->queue) != c->loop) {
            s->copies[held->copy].is_placed = false;
            placed_send(w, c->loop, client->base.slot, s->copies[held->copy].message);
        }
        if (kind == SETTLE_REQUEUE)
            continue;
        s->copies[held->copy].gone = GONE;
        promise_add(p, &s->copies[held->copy]);
    }
    memmove(client->held + at, client->held + at + n,
            (client->base.held_count - at - n) * sizeof *client->held);
    client->base.held_count -= n;
    promise_send(c->loop, p);
    /* The last hold lets the client go. */
    for (size_t i = 0; i < n; i++) {
        struct consumer *one = c;
        if (i + 1 == n)
            world_client_let_go(&client->base);
        else
            consumer_release(&one);
    }
    loop_sim_enter(NULL);
}

void world_requeue_all(struct client *client)
{
    while (client->base.held_count > 0)
        world_settle(client, 0, client->base.held_count, SETTLE_REQUEUE);
}

void world_cancel(struct client *client)
{
    struct consumer *c = client->base.consumer;
    if (!world_client_may_cancel(&client->base))
        return;
    /* Whoever acknowledges may go without a word: what is on its way to him goes back. */
    c->is_closed = !c->no_ack && world_one_in(client->world, 2);
    world_client_cancel(&client->base);
}

struct queue_call world_call_home(struct world *w, unsigned slot, void (*run)(struct queue_call *))
{
    return world_queue_ask(w->slots[slot].queue, run, &w->story);
}
