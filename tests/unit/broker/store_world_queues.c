/* What happens to a queue of a store world besides: somebody looks at it and takes out of its
 * midst, it is purged, deleted, or written as a snapshot. */
#include "store_world_private.h"

#include "paging/pager_probe.h"
#include "world_queue.h"

/* --- looking, and taking out of the midst ----------------------------------------------------- */

static struct client walker_holds; /* holds what walkers have taken */

void walker_wakes(void *arg)
{
    struct walker *walker = arg;
    walker->wakes++;
}

struct copy *world_check_seen(struct world *w, unsigned slot, const struct browse_item *item,
                              const struct message *m)
{
    struct slot *s = &w->slots[slot];
    const struct delivery d = {
        .exchange = message_exchange(m),
        .routing_key = message_routing_key(m),
        .header = message_header(m),
        .body = message_body(m),
    };
    uint32_t number = world_read_message(w, &d);
    struct copy *copy = copy_of(w, slot, number);
    if (!copy)
        world_fail(w, "message %u is seen in queue %u, where nobody put it", number, slot);
    if (copy->holder && !s->has_mail)
        world_fail(w, "message %u is seen although somebody holds it", number);
    if (copy->gone == GONE || copy->gone == GONE_SAFE || copy->expect == NOT_THERE)
        world_fail(w, "message %u is seen, which is not there", number);
    if (copy->sequence != UNKNOWN && copy->sequence != item->position)
        world_fail(w, "message %u is seen at position %" PRIu64 ", not %" PRIu64, number,
                   item->position, copy->sequence);
    if (copy->was_delivered && !item->redelivered)
        world_fail(w, "message %u is seen as if it had never been delivered", number);
    return copy;
}

static void walker_take(struct world *w, unsigned slot, const struct browse_item *item,
                        const struct message *m, struct copy *copy)
{
    struct walker *walker = &w->walkers[slot];
    struct lane *l = lane_find(&w->slots[slot].queue->lanes, position_priority(item->position));
    bool redelivered;
    if (item->is_here)
        backlog_deliver_at(&l->backlog, position_sequence(item->position), &redelivered);
    else
        pager_deliver_any_on_disk(l, position_sequence(item->position), m);
    world_step(w, "a walker takes message %u at position %" PRIu64 "%s", copy->message,
               item->position, item->is_here ? "" : ", on disk");
    copy->holder = &walker_holds;
    copy->was_walked = true;
    copy->sequence = item->position;
    walker->taken[walker->taken_count++] =
        (struct held){item->position, (uint32_t)(copy - w->slots[slot].copies), false};
}

/* Whether a message has been ready ever since it came into the queue. */
static bool was_always_ready(struct world *w, unsigned slot, uint32_t number)
{
    const struct copy *copy = copy_of(w, slot, number);
    const struct model *model = &w->models[number];
    return copy && copy->is_placed && copy->expect == THERE && copy->gone == NOT_GONE &&
           !copy->holder && !copy->was_delivered && !copy->was_walked && !model->is_refused &&
           !model->has_ttl;
}

/* Of one publisher and one priority, a walker sees every message that is ready all the time, in
 * order. On a disk that fails, it skips what cannot be read. */
static void check_none_is_missed(struct world *w, unsigned slot, uint32_t number)
{
    const unsigned publisher = w->models[number].publisher;
    const unsigned priority = world_priority_of(w, slot, number);
    uint32_t *newest = &w->walkers[slot].newest[publisher][priority];
    bool may_miss = *newest == 0 || w->is_hurt || w->walkers[slot].may_miss;
    for (uint32_t n = *newest; !may_miss && n < number; n++) {
        if (w->models[n].publisher == publisher && world_priority_of(w, slot, n) == priority &&
            was_always_ready(w, slot, n))
            world_fail(w, "message %u of queue %u is missed: %u is seen after %u", n, slot, number,
                       *newest - 1);
    }
    if (*newest <= number)
        *newest = number + 1;
}

/* Looks at the next message. False: there is none just now. */
static bool walker_look(struct world *w, unsigned slot, bool takes)
{
    struct walker *walker = &w->walkers[slot];
    struct browse_item item;
    enum browse_result result = browse_peek(walker->browse, &item);
    if (result != BROWSE_ITEM)
        return false;
    uint64_t *last = &walker->last[position_priority(item.position)];
    if (item.position < *last)
        world_fail(w, "position %" PRIu64 " of queue %u is seen behind %" PRIu64, item.position,
                   slot, *last);
    *last = item.position + 1;
    struct message *m = browse_message(walker->browse);
    struct copy *copy = world_check_seen(w, slot, &item, m);
    check_none_is_missed(w, slot, copy->message);
    browse_pass(walker->browse);
    if (takes && !copy->holder && walker->taken_count < WALKED_MAX && world_one_in(w, 3) &&
        !walker->only_looks)
        walker_take(w, slot, &item, m, copy);
    message_unref(&m);
    return true;
}

void world_walk(struct world *w, unsigned slot)
{
    struct walker *walker = &w->walkers[slot];
    struct queue *q = w->slots[slot].queue;
    loop_sim_enter(queue_home(q));
    if (!walker->browse) {
        struct browse_options options = {.wake = walker_wakes, .arg = walker};
        if (world_one_in(w, 2))
            options.start.skip = world_below(w, 200);
        *walker = (struct walker){.browse = browse_open(q, &options),
                                  .only_looks = (slot + w->story.life) % 2 == 0,
                                  .may_miss = w->slots[slot].has_mail};
    }
    for (unsigned n = 1 + (unsigned)world_below(w, 100); n > 0 && walker_look(w, slot, true); n--)
        ;
    loop_sim_enter(NULL);
}

void world_note_losses(struct slot *s)
{
    if (s->queue->counters.disk.lost == s->lost)
        return;
    s->lost = s->queue->counters.disk.lost;
    for (size_t i = 0; i < s->count; i++) {
        /* A walker may have taken it where it stands: on the disk. */
        const struct client *holder = s->copies[i].holder;
        if (s->copies[i].expect == THERE && (!holder || holder == &walker_holds))
            s->copies[i].expect = MAYBE_THERE;
    }
}

void walker_let_go(struct world *w, unsigned slot, bool settles)
{
    struct slot *s = &w->slots[slot];
    struct walker *walker = &w->walkers[slot];
    struct queue *q = s->queue;
    if (walker->taken_count == 0)
        return;
    world_step(w, "a walker lets go of %zu messages of queue %u", walker->taken_count, slot);
    struct promise *p = promise_make(w, slot, walker->taken_count);
    loop_sim_enter(queue_home(q));
    while (walker->taken_count > 0) {
        const struct held held = walker->taken[--walker->taken_count];
        struct copy *copy = &s->copies[held.copy];
        struct lane *l = lane_find(&q->lanes, position_priority(held.sequence));
        uint64_t deadline_ms = backlog_deadline(&l->backlog, position_sequence(held.sequence));
        copy->holder = NULL;
        if (settles && world_one_in(w, 2)) {
            queue_settle_position(q, held.sequence);
            copy->gone = GONE;
            promise_add(p, copy);
        } else if (!pager_undeliver(l, position_sequence(held.sequence))) {
            world_note_losses(s);
            if (copy->expect == THERE)
                world_fail(w, "message %u cannot be put back", copy->message);
        } else if (deadline_ms) {
            queue_watch_deadline(q, deadline_ms);
        }
    }
    promise_send(queue_home(q), p);
    queue_deliver_soon(q);
    loop_sim_enter(NULL);
}

void walkers_let_go(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++)
        walker_let_go(w, slot, false);
}

void walkers_end(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct walker *walker = &w->walkers[slot];
        while (walker->taken_count > 0)
            w->slots[slot].copies[walker->taken[--walker->taken_count].copy].holder = NULL;
        browse_close(&walker->browse);
    }
}

void world_purge(struct world *w, unsigned slot)
{
    walker_let_go(w, slot, false);
    struct slot *s = &w->slots[slot];
    loop_sim_give_units(queue_home(s->queue), UINT32_MAX); /* at once, as far as anybody sees */
    struct queue_call call = world_call_home(w, slot, queue_call_purge);
    s->has_purge = true;
    world_step(w, "queue %u is purged of %" PRIu64 " messages", slot, call.purge.dropped);
    for (size_t i = 0; i < s->count; i++) {
        struct copy *copy = &s->copies[i];
        if (copy->holder || copy->gone != NOT_GONE || copy->expect == NOT_THERE)
            continue;
        if (copy->is_placed && !s->has_mail)
            copy->gone = PURGED;
        else
            copy->expect =
                MAYBE_THERE; /* it may have come before the purge, or gone back behind it */
    }
}

static bool is_busy(const struct queue *q)
{
    bool any = false;
    for (unsigned i = 0; i < q->lanes.lane_count; i++)
        any |= pager_is_busy(queue_lane(q, i));
    return any;
}

void promise_purges(struct world *w)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        if (!s->has_purge || s->is_deleted || is_busy(s->queue))
            continue;
        struct promise *p = promise_make(w, slot, s->count);
        for (size_t i = 0; i < s->count; i++) {
            if (s->copies[i].gone == PURGED)
                promise_add(p, &s->copies[i]);
        }
        s->has_purge = false;
        loop_sim_enter(queue_home(s->queue));
        promise_send(queue_home(s->queue), p);
        loop_sim_enter(NULL);
    }
}

void world_delete_queue(struct world *w, unsigned slot)
{
    walker_let_go(w, slot, false);
    struct slot *s = &w->slots[slot];
    struct queue_call call = world_call_home(w, slot, queue_call_delete);
    world_step(w, "queue %u is deleted with %" PRIu64 " messages", slot, call.deletion.dropped);
    s->is_deleted = true;
    for (unsigned i = 0; i < w->client_count; i++) {
        struct client *client = w->clients[i];
        for (size_t h = 0; client->base.slot == slot && h < client->base.held_count; h++) {
            s->copies[client->held[h].copy].holder = NULL;
            client->held[h].is_orphan = true;
        }
    }
    struct promise *p = promise_make(w, slot, 0);
    p->is_deletion = true;
    loop_sim_enter(queue_home(s->queue));
    promise_send(queue_home(s->queue), p);
    loop_sim_enter(NULL);
}

void world_force_snapshot(struct world *w, unsigned slot)
{
    struct slot *s = &w->slots[slot];
    if (!s->is_durable)
        return;
    world_step(w, "queue %u is asked for a snapshot", slot);
    world_queue_want_snapshot(s->queue, &w->story);
}
