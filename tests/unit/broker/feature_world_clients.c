/* Who takes messages out of a feature world's queues: consumers and gets, which tell the model what
 * has come to them and what they did with it; and what operators do: purge and retry. */
#include "feature_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"

/* --- deliveries ------------------------------------------------------------------------------- */

static void hold(struct fw_client *client, uint64_t position, const struct fw_arrival *a)
{
    if (client->held_count == client->held_capacity) {
        client->held_capacity = client->held_capacity ? client->held_capacity * 2 : 16;
        client->held = lv_realloc(client->held, client->held_capacity * sizeof *client->held);
    }
    client->held[client->held_count++] = (struct fw_held){position, *a};
    consumer_hold(client->consumer);
}

static void count_arrival(struct feature_world *w, const struct fw_arrival *a)
{
    w->counts->delayed += a->is_after_delay;
    if (a->death_count == 0)
        return;
    w->counts->dead_letters++;
    w->counts->deaths[a->deaths[0].reason]++;
}

static void delivered(struct fw_client *client, const struct delivery *d, bool no_ack)
{
    struct feature_world *w = client->world;
    struct fw_arrival a;
    fw_read_message(w, client->slot, d->exchange, d->routing_key, d->header, d->body, &a);
    if (w->is_dead) { /* it was on its way */
        if (!no_ack)
            hold(client, d->position, &a);
        else
            w->messages[a.number].copies[a.slot].is_excused = true;
        return;
    }
    fw_check_arrival(w, &a);
    fw_check_time(w, &a, true, client->consumer->loop == queue_home(client->consumer->queue));
    count_arrival(w, &a);
    if (no_ack) {
        fw_sight_held(w, &a);
        fw_sight_ended(w, &a);
        return;
    }
    fw_sight_held(w, &a);
    hold(client, d->position, &a);
    w->slots[client->slot].may_exceed = true;
}

static bool client_deliver(struct consumer *c, const struct delivery *d)
{
    struct fw_client *client = c->session;
    struct feature_world *w = client->world;
    delivered(client, d, c->no_ack);
    if (w->is_dead || w->is_draining || !fw_one_in(w, 16))
        return true;
    client->is_full = true;
    return false;
}

/* One hold less. */
static void let_go(struct fw_client *client)
{
    struct consumer *c = client->consumer;
    if (!client->is_open && client->held_count == 0)
        client->consumer = NULL;
    consumer_release(&c);
}

static void client_cancelled(struct consumer *c)
{
    struct fw_client *client = c->session;
    fw_fail(client->world, "client %u hears that its queue is gone", client->number);
}

static void client_timeout_changed(struct consumer *c)
{
    (void)c;
}

static const struct consumer_calls client_calls = {
    .deliver = client_deliver,
    .cancelled = client_cancelled,
    .timeout_changed = client_timeout_changed,
};

static struct fw_client *client_make(struct feature_world *w, unsigned slot)
{
    struct loop *loop = loops_at(w->loops, (unsigned)fw_below(w, loops_count(w->loops)));
    struct fw_client *client = lv_calloc(1, sizeof *client);
    lv_assert(w->client_count < FW_CLIENTS_MAX);
    client->world = w;
    client->slot = slot;
    client->number = w->client_count;
    client->is_open = true;
    client->consumer = consumer_create(w->slots[slot].queue, loop, &client_calls, client,
                                       SLICE_EMPTY, SLICE_EMPTY);
    w->clients[w->client_count++] = client;
    return client;
}

/* --- calls ------------------------------------------------------------------------------------ */

struct asked {
    struct queue_call call;
    struct fw_client *client;
};

static struct queue_call *ask(struct fw_client *client, void (*run)(struct queue_call *),
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

static void start_call(struct queue_call *call)
{
    loop_sim_enter(call->from);
    queue_call_start(call);
    loop_sim_enter(NULL);
}

static void consume_done(struct queue_call *call)
{
    struct fw_client *client = lv_container_of(call, struct asked, call)->client;
    if (call->refused)
        fw_fail(client->world, "client %u may not consume: %s", client->number, call->error.text);
    asked_free(call);
}

void fw_consume(struct feature_world *w, unsigned slot, bool no_ack, uint32_t prefetch)
{
    struct fw_client *client = client_make(w, slot);
    client->consumer->no_ack = no_ack;
    if (!no_ack)
        credit_begin_prefetch(&client->consumer->credit, prefetch);
    fw_step(w, "client %u on loop %u consumes from queue %u%s, prefetch %u", client->number,
            loop_index(client->consumer->loop), slot, no_ack ? " without acks" : "", prefetch);
    start_call(ask(client, queue_call_consume, consume_done));
}

static void get_done(struct queue_call *call)
{
    struct fw_client *client = lv_container_of(call, struct asked, call)->client;
    if (call->get.got.message) {
        delivered(client, &call->get.got, call->get.no_ack);
        message_unref(&call->get.got.message);
    }
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

void fw_get(struct feature_world *w, unsigned slot, bool no_ack)
{
    struct fw_client *client = client_make(w, slot);
    client->consumer->is_getter = true;
    struct queue_call *call = ask(client, queue_call_get, get_done);
    call->get.no_ack = no_ack;
    fw_step(w, "client %u on loop %u gets from queue %u%s", client->number,
            loop_index(client->consumer->loop), slot, no_ack ? " without acks" : "");
    start_call(call);
}

static void cancel_done(struct queue_call *call)
{
    struct fw_client *client = lv_container_of(call, struct asked, call)->client;
    client->consumer->is_closed = true;
    client->is_open = false;
    let_go(client);
    asked_free(call);
}

void fw_cancel(struct fw_client *client)
{
    if (!client->is_open || client->consumer->is_getter || client->is_cancelling)
        return;
    fw_step(client->world, "client %u cancels", client->number);
    client->is_cancelling = true;
    start_call(ask(client, queue_call_cancel, cancel_done));
}

/* --- settling --------------------------------------------------------------------------------- */

static void note_settled(struct feature_world *w, const struct fw_arrival *a, enum settle_kind kind)
{
    struct fw_copy *copy = &w->messages[a->number].copies[a->slot];
    switch (kind) {
    case SETTLE_ACK: fw_sight_ended(w, a); break;
    case SETTLE_REJECT:
        copy->rejects++;
        fw_sight_rejected(w, a);
        break;
    case SETTLE_REQUEUE:
        copy->returns++;
        fw_sight_ready(w, a);
        break;
    }
}

void fw_settle(struct fw_client *client, size_t at, enum settle_kind kind)
{
    struct feature_world *w = client->world;
    struct consumer *c = client->consumer;
    const struct fw_held held = client->held[at];
    memmove(client->held + at, client->held + at + 1,
            (client->held_count - at - 1) * sizeof *client->held);
    client->held_count--;
    if (!w->is_dead) {
        fw_step(w, "client %u %s message %u of queue %u", client->number,
                kind == SETTLE_ACK      ? "acknowledges"
                : kind == SETTLE_REJECT ? "rejects"
                                        : "returns",
                held.arrival.number, client->slot);
        note_settled(w, &held.arrival, kind);
    }
    loop_sim_enter(c->loop);
    consumer_settle(c, held.position, 1, kind);
    let_go(client);
    loop_sim_enter(NULL);
}

void fw_settle_all(struct fw_client *client, enum settle_kind kind)
{
    while (client->held_count > 0)
        fw_settle(client, 0, kind);
}

void fw_resume(struct feature_world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        struct fw_client *client = w->clients[i];
        if (!client->is_full || !client->is_open || client->consumer->is_closed)
            continue;
        client->is_full = false;
        loop_sim_enter(client->consumer->loop);
        consumer_resume(client->consumer);
        loop_sim_enter(NULL);
    }
}

void fw_clients_end(struct feature_world *w)
{
    for (unsigned i = 0; i < w->client_count; i++)
        fw_cancel(w->clients[i]);
    for (unsigned i = 0; i < w->client_count; i++)
        fw_settle_all(w->clients[i], SETTLE_REQUEUE);
}

void fw_clients_free(struct feature_world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i]->consumer)
            fw_fail(w, "client %u is not released", i);
        free(w->clients[i]->held);
        free(w->clients[i]);
    }
    w->client_count = 0;
    if (w->calls_open > 0)
        fw_fail(w, "%u calls have no answer", w->calls_open);
}

/* --- operators -------------------------------------------------------------------------------- */

static void at_once(struct queue_call *call)
{
    call->owner = NULL;
}

struct queue_call fw_call_home(struct feature_world *w, unsigned slot,
                               void (*run)(struct queue_call *))
{
    struct queue *q = w->slots[slot].queue;
    struct queue_call call = {
        .queue = q, .from = queue_home(q), .run = run, .done = at_once, .owner = w};
    start_call(&call);
    if (call.owner)
        fw_fail(w, "a call at home is not answered at once");
    return call;
}

void fw_purge(struct feature_world *w, unsigned slot)
{
    loop_sim_give_units(queue_home(w->slots[slot].queue),
                        UINT32_MAX); /* at once, as far as anybody sees */
    struct queue_call call = fw_call_home(w, slot, queue_call_purge);
    fw_step(w, "queue %u is purged of %" PRIu64 " messages", slot, call.purge.dropped);
    if (fw_call_home(w, slot, queue_call_status).status.ready > 0)
        fw_fail(w, "queue %u is purged, and not empty", slot);
    w->slots[slot].was_purged = true;
    for (uint32_t i = 0; i < w->message_count; i++)
        w->messages[i].copies[slot].is_excused = true;
}

void fw_retry(struct feature_world *w, unsigned slot)
{
    struct fw_slot *s = &w->slots[slot];
    const struct retry_options options = {
        .limit = fw_one_in(w, 2) ? UINT64_MAX : 1 + fw_below(w, 10),
        .keep_history = fw_one_in(w, 2),
    };
    if (s->retry)
        return;
    loop_sim_enter(queue_home(s->queue));
    bool is_begun = retry_start(s->queue, &options, &s->retry);
    loop_sim_enter(NULL);
    if (!is_begun)
        fw_fail(w, "no retry in queue %u", slot);
    fw_step(w, "a retry begins in queue %u", slot);
    s->may_exceed = true;
}

void fw_retries_look(struct feature_world *w)
{
    for (unsigned slot = 0; slot < w->queue_count; slot++) {
        struct fw_slot *s = &w->slots[slot];
        if (!s->retry)
            continue;
        struct retry_progress progress = retry_progress(s->retry);
        s->retry_step = w->step; /* up to now messages may have left */
        if (!progress.is_over && !w->is_dead)
            continue;
        w->counts->retried += progress.moved;
        fw_step(w, "the retry in queue %u has moved %" PRIu64, slot, progress.moved);
        retry_unref(&s->retry);
    }
}
