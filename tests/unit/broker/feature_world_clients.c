/* Who takes messages out of a feature world's queues: consumers and gets, which tell the model what
 * has come to them and what they did with it; and what operators do: purge and retry. */
#include "feature_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "world_queue.h"

/* --- deliveries ------------------------------------------------------------------------------- */

static void hold(struct fw_client *client, uint64_t position, const struct fw_arrival *a)
{
    if (client->base.held_count == client->held_capacity) {
        client->held_capacity = client->held_capacity ? client->held_capacity * 2 : 16;
        client->held = lv_realloc(client->held, client->held_capacity * sizeof *client->held);
    }
    client->held[client->base.held_count++] = (struct fw_held){position, *a};
    consumer_hold(client->base.consumer);
}

static struct fw_client *client_of(struct world_client *base)
{
    return lv_container_of(base, struct fw_client, base);
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
    fw_read_message(w, client->base.slot, d->exchange, d->routing_key, d->header, d->body, &a);
    if (w->is_dead) { /* it was on its way */
        if (!no_ack)
            hold(client, d->position, &a);
        else
            w->messages[a.number].copies[a.slot].is_excused = true;
        return;
    }
    fw_check_arrival(w, &a);
    fw_check_time(w, &a, true,
                  client->base.consumer->loop == queue_home(client->base.consumer->queue));
    count_arrival(w, &a);
    if (no_ack) {
        fw_sight_held(w, &a);
        fw_sight_ended(w, &a);
        return;
    }
    fw_sight_held(w, &a);
    hold(client, d->position, &a);
    w->slots[client->base.slot].may_exceed = true;
}

static bool client_deliver(struct consumer *c, const struct delivery *d)
{
    struct fw_client *client = client_of(c->session);
    struct feature_world *w = client->world;
    delivered(client, d, c->no_ack);
    if (w->is_dead || w->is_draining || !fw_one_in(w, 16))
        return true;
    client->base.is_full = true;
    return false;
}

static void client_cancelled(struct consumer *c)
{
    struct fw_client *client = client_of(c->session);
    fw_fail(client->world, "client %u hears that its queue is gone", client->base.number);
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
    struct loop *loop = machine_any_loop(&w->machine, &w->story);
    struct fw_client *client = lv_calloc(1, sizeof *client);
    lv_assert(w->client_count < FW_CLIENTS_MAX);
    client->world = w;
    const struct world_client_place place = {&w->story, &w->calls_open, slot, w->client_count};
    world_client_open(&client->base, &place, w->slots[slot].queue, loop, &client_calls);
    w->clients[w->client_count++] = client;
    return client;
}

/* --- calls ------------------------------------------------------------------------------------ */

static void consume_done(struct queue_call *call)
{
    struct fw_client *client = client_of(world_client_of(call));
    if (call->refused)
        fw_fail(client->world, "client %u may not consume: %s", client->base.number,
                call->error.text);
    world_client_answered(call);
}

void fw_consume(struct feature_world *w, unsigned slot, bool no_ack, uint32_t prefetch)
{
    struct fw_client *client = client_make(w, slot);
    world_client_consume(&client->base, no_ack, prefetch, consume_done);
}

static void get_done(struct queue_call *call)
{
    struct fw_client *client = client_of(world_client_of(call));
    if (call->get.got.message) {
        delivered(client, &call->get.got, call->get.no_ack);
        message_unref(&call->get.got.message);
    }
    world_client_got(call);
}

void fw_get(struct feature_world *w, unsigned slot, bool no_ack)
{
    struct fw_client *client = client_make(w, slot);
    world_client_get(&client->base, no_ack, get_done);
}

void fw_cancel(struct fw_client *client)
{
    if (world_client_may_cancel(&client->base))
        world_client_cancel(&client->base);
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
    struct consumer *c = client->base.consumer;
    const struct fw_held held = client->held[at];
    memmove(client->held + at, client->held + at + 1,
            (client->base.held_count - at - 1) * sizeof *client->held);
    client->base.held_count--;
    if (!w->is_dead) {
        fw_step(w, "client %u %s message %u of queue %u", client->base.number,
                kind == SETTLE_ACK      ? "acknowledges"
                : kind == SETTLE_REJECT ? "rejects"
                                        : "returns",
                held.arrival.number, client->base.slot);
        note_settled(w, &held.arrival, kind);
    }
    loop_sim_enter(c->loop);
    consumer_settle(c, held.position, 1, kind);
    world_client_let_go(&client->base);
    loop_sim_enter(NULL);
}

void fw_settle_all(struct fw_client *client, enum settle_kind kind)
{
    while (client->base.held_count > 0)
        fw_settle(client, 0, kind);
}

void fw_resume(struct feature_world *w)
{
    for (unsigned i = 0; i < w->client_count; i++)
        world_client_resume(&w->clients[i]->base);
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
        if (w->clients[i]->base.consumer)
            fw_fail(w, "client %u is not released", i);
        free(w->clients[i]->held);
        free(w->clients[i]);
    }
    w->client_count = 0;
    if (w->calls_open > 0)
        fw_fail(w, "%u calls have no answer", w->calls_open);
}

/* --- operators -------------------------------------------------------------------------------- */

struct queue_call fw_call_home(struct feature_world *w, unsigned slot,
                               void (*run)(struct queue_call *))
{
    return world_queue_ask(w->slots[slot].queue, run, &w->story);
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
        s->retry_step = w->story.step; /* up to now messages may have left */
        if (!progress.is_over && !w->is_dead)
            continue;
        w->counts->retried += progress.moved;
        fw_step(w, "the retry in queue %u has moved %" PRIu64, slot, progress.moved);
        retry_unref(&s->retry);
    }
}
