/* Time passes in a store world, and what is found then is compared with the model. */
#include "store_world_private.h"

#include <stdlib.h>

#include "base/memory.h"
#include "world_queue.h"

/* --- time ------------------------------------------------------------------------------------- */

bool world_restore_some(struct world *w)
{
    if (w->is_restored)
        return false;
    int err = journal_restore_step(w->machine.journal, &w->is_restored);
    if (w->is_restored && log_recovered(w->machine.journal->log).damaged_ranges > 0)
        world_fail(w, "recovery finds damage");
    if (w->is_restored)
        world_step(w, "the log has been read");
    return err == 0 || !world_is_cut(w); /* after a failure of the disk, again */
}

static void note_paging(struct world *w)
{
    for (unsigned i = 0; i < w->slot_count; i++) {
        struct slot *s = &w->slots[i];
        w->was_paged |= !s->is_deleted && world_queue_has_disk(s->queue);
        world_note_losses(s);
    }
}

static bool has_remote_clients(const struct world *w, unsigned slot)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        const struct consumer *c = w->clients[i]->base.consumer;
        if (w->clients[i]->base.slot == slot && c && c->loop != queue_home(c->queue))
            return true;
    }
    return false;
}

void world_rest(struct world *w)
{
    unsigned rounds = 0;
    bool any = true;
    while (any && !world_is_cut(w)) {
        if (rounds++ > REST_ROUNDS_MAX)
            world_fail(w, "the broker does not come to rest");
        any = loop_sim_turn(w->machine.loops);
        if (world_one_in(w, 2))
            any |= world_restore_some(w);
        if (world_one_in(w, 2) && !world_is_cut(w))
            any |= log_step(w->machine.journal->log);
        if (!world_is_cut(w))
            any |= segments_step(w->machine.journal->segments);
        if (!any && !world_is_cut(w))
            any = log_step(w->machine.journal->log);
        if (!any && !world_is_cut(w))
            any = world_restore_some(w);
        if (!any && !world_is_cut(w) && machine_waits_for_disk(&w->machine)) {
            loop_sim_advance(w->machine.loops, 1000);
            any = true;
        }
        promise_purges(w);
        promises_look(w, false);
        note_paging(w);
    }
    for (unsigned slot = 0; !world_is_cut(w) && slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        s->has_mail = has_remote_clients(w, slot);
        for (size_t i = 0; i < s->count; i++) {
            s->copies[i].is_placed = true;
            if (s->copies[i].gone == PURGED && !s->has_purge)
                s->copies[i].gone = GONE;
        }
    }
}

void world_some_time(struct world *w)
{
    unsigned rounds = 1 + (unsigned)world_below(w, 6);
    for (unsigned i = 0; i < rounds && !world_is_cut(w); i++) {
        switch (world_below(w, 5)) {
        case 4: world_restore_some(w); break;
        case 0: log_step(w->machine.journal->log); break;
        case 1: segments_step(w->machine.journal->segments); break;
        default: loop_sim_turn(w->machine.loops); break;
        }
        if (!world_is_cut(w) && machine_waits_for_disk(&w->machine) && world_one_in(w, 8))
            loop_sim_advance(w->machine.loops, 400);
    }
    if (!world_is_cut(w))
        promise_purges(w);
    promises_look(w, false);
    note_paging(w);
}

/* --- verifying -------------------------------------------------------------------------------- */

static void check_answers(struct world *w)
{
    for (uint32_t i = 0; i < w->model_count; i++) {
        const struct model *model = &w->models[i];
        if (model->life == w->story.life && model->answers != model->answers_due)
            world_fail(w, "message %u has %u answers of %u", i, model->answers, model->answers_due);
    }
}

static void check_status(struct world *w, unsigned slot, uint64_t ready, uint64_t ready_bytes,
                         uint64_t unacked, uint64_t unacked_bytes)
{
    struct queue_call call = world_call_home(w, slot, queue_call_status);
    if (call.status.ready != ready || call.status.unacked != unacked)
        world_fail(w,
                   "queue %u counts %" PRIu64 " ready and %" PRIu64 " unacked, there are %" PRIu64
                   " and %" PRIu64,
                   slot, call.status.ready, call.status.unacked, ready, unacked);
    if (call.status.ready_bytes != ready_bytes || call.status.unacked_bytes != unacked_bytes)
        world_fail(w,
                   "queue %u counts %" PRIu64 " bytes ready and %" PRIu64
                   " unacked, there are %" PRIu64 " and %" PRIu64,
                   slot, call.status.ready_bytes, call.status.unacked_bytes, ready_bytes,
                   unacked_bytes);
}

/* The higher priority first, then by sequence number. */
static bool is_behind(uint64_t position, uint64_t before)
{
    return position_priority(position) == position_priority(before)
               ? position > before
               : position_priority(position) < position_priority(before);
}

/* What the queue held, in order: all that should be, and nothing else. */
static void check_held(struct world *w, unsigned slot, const struct client *client,
                       uint64_t *ret_bytes)
{
    struct slot *s = &w->slots[slot];
    uint64_t newest[MACHINE_LOOPS_MAX][PRIORITIES] = {0};
    *ret_bytes = 0;
    for (size_t i = 0; i < client->base.held_count; i++) {
        const struct held *held = &client->held[i];
        const struct copy *copy = &s->copies[held->copy];
        const struct model *model = &w->models[copy->message];
        uint64_t *last = &newest[model->publisher][world_priority_of(w, slot, copy->message)];
        if (i > 0 && !is_behind(held->sequence, client->held[i - 1].sequence))
            world_fail(w, "queue %u: position %" PRIu64 " comes behind %" PRIu64, slot,
                       held->sequence, client->held[i - 1].sequence);
        if (*last > copy->message)
            world_fail(w, "queue %u: message %u stands behind %" PRIu64, slot, copy->message,
                       *last);
        *last = copy->message;
        *ret_bytes += model->body_bytes;
    }
    for (size_t i = 0; i < s->count; i++) {
        struct copy *copy = &s->copies[i];
        if (copy->holder || copy->gone != NOT_GONE || copy->expect == NOT_THERE)
            continue;
        if (copy->expect == THERE && !w->models[copy->message].is_refused &&
            !world_may_be_over(w, copy->message))
            world_fail(w, "message %u is lost from queue %u%s", copy->message, slot,
                       w->models[copy->message].is_persistent ? "" : " (it is transient)");
        copy->gone = GONE;
    }
    w->counts->drained += client->base.held_count;
}

/* Everything that is ready, as a browse sees it. */
struct dedup_cache {
    uint64_t *positions;
    size_t count, capacity;
};

static void see_all(struct world *w, unsigned slot, struct dedup_cache *ret)
{
    struct queue *q = w->slots[slot].queue;
    struct walker waiting = {0};
    struct browse_options options = {.is_bounded = true, .wake = walker_wakes, .arg = &waiting};
    struct browse_item item;
    loop_sim_enter(queue_home(q));
    struct browse *browse = browse_open(q, &options);
    for (;;) {
        enum browse_result result = browse_peek(browse, &item);
        if (result == BROWSE_WAIT) {
            loop_sim_enter(NULL);
            unsigned wakes = waiting.wakes;
            while (waiting.wakes == wakes && !world_is_cut(w))
                world_rest(w);
            loop_sim_enter(queue_home(q));
            if (world_is_cut(w))
                break;
            continue;
        }
        if (result != BROWSE_ITEM)
            break;
        struct message *m = browse_message(browse);
        world_check_seen(w, slot, &item, m);
        message_unref(&m);
        if (ret->count == ret->capacity) {
            ret->capacity = ret->capacity ? ret->capacity * 2 : 64;
            ret->positions = lv_realloc(ret->positions, ret->capacity * sizeof *ret->positions);
        }
        ret->positions[ret->count++] = item.position;
        browse_pass(browse);
    }
    browse_close(&browse);
    loop_sim_enter(NULL);
}

static void check_seen_all(struct world *w, unsigned slot, const struct client *client,
                           const struct dedup_cache *seen)
{
    for (size_t i = 0; i < seen->count && i < client->base.held_count; i++)
        if (seen->positions[i] != client->held[i].sequence)
            world_fail(w, "queue %u: position %" PRIu64 " was seen where %" PRIu64 " is", slot,
                       seen->positions[i], client->held[i].sequence);
    if (seen->count != client->base.held_count)
        world_fail(w, "queue %u: %zu messages were seen, %zu were there", slot, seen->count,
                   client->base.held_count);
}

static void calm(struct world *w)
{
    machine_mend_disk(&w->machine);
    walkers_let_go(w);
    for (unsigned i = 0; i < w->client_count; i++)
        world_cancel(w->clients[i]);
    world_rest(w);
    for (unsigned i = 0; !world_is_cut(w) && i < w->client_count; i++)
        world_requeue_all(w->clients[i]);
    world_rest(w);
}

static void verify_slot(struct world *w, unsigned slot, bool is_last)
{
    const struct queue_status before = world_call_home(w, slot, queue_call_status).status;
    const uint64_t then = world_now_ms(w);
    bool is_estimate = world_queue_estimates_bytes(w->slots[slot].queue);
    struct dedup_cache seen = {0};
    see_all(w, slot, &seen);
    struct client *client = world_consume(w, slot, false, 0, true);
    uint64_t bytes;
    world_rest(w);
    if (world_is_cut(w)) {
        free(seen.positions);
        return;
    }
    world_step(w, "queue %u has %" PRIu64 " messages", slot, before.ready);
    check_held(w, slot, client, &bytes);
    uint64_t lost = w->slots[slot].queue->counters.disk.lost - before.counters.disk.lost;
    if (lost == 0 && world_now_ms(w) == then)
        check_seen_all(w, slot, client, &seen);
    free(seen.positions);
    if (world_now_ms(w) != then)
        lost = before.ready - client->base.held_count; /* some may have expired meanwhile */
    if (before.ready != client->base.held_count + lost || before.unacked != 0)
        world_fail(w, "queue %u counted %" PRIu64 " ready and %" PRIu64 " unacked, there were %zu",
                   slot, before.ready, before.unacked, client->base.held_count);
    if (before.ready_bytes != bytes && !is_estimate && lost == 0)
        world_fail(w, "queue %u counted %" PRIu64 " bytes, there were %" PRIu64, slot,
                   before.ready_bytes, bytes);
    check_status(w, slot, 0, 0, client->base.held_count, bytes);
    world_cancel(client);
    while (client->base.held_count > 0)
        world_settle(client, world_below(w, client->base.held_count), 1 + world_below(w, 100),
                     is_last ? SETTLE_ACK : SETTLE_REQUEUE);
    world_rest(w);
    if (!world_is_cut(w) && (world_now_ms(w) == then || is_last)) /* else some may have expired */
        check_status(w, slot, is_last ? 0 : before.ready - lost, is_last ? 0 : bytes, 0, 0);
}

void world_verify(struct world *w, bool is_last)
{
    world_step(w, "everything is compared%s", is_last ? " and settled" : "");
    calm(w);
    if (!world_is_cut(w))
        check_answers(w);
    for (unsigned slot = 0; slot < w->slot_count && !world_is_cut(w); slot++) {
        if (!w->slots[slot].is_deleted && w->client_count < CLIENTS_MAX)
            verify_slot(w, slot, is_last);
    }
}
