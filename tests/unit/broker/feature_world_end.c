/* The end of a feature world: everything is taken out of its queues, and the disk gives its room
 * back. */
#include "feature_world_private.h"

static bool is_empty(const struct feature_world *w)
{
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        const struct lane_totals none = {0};
        const struct lane_totals totals =
            w->slots[slot].is_used ? lanes_count(queue_lanes(w->slots[slot].queue)) : none;
        if (totals.ready > 0 || totals.unacked > 0)
            return false;
    }
    return true;
}

static uint64_t unacked_in_all(const struct feature_world *w)
{
    uint64_t count = 0;
    for (unsigned slot = 0; slot < w->queue_count; slot++)
        count += queue_counters(w->slots[slot].queue)->acked;
    return count;
}

static void acknowledge_all(struct feature_world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i]->base.consumer)
            fw_settle_all(w->clients[i], SETTLE_ACK);
    }
}

/* Dead letters that waited for room go on as it is made. Those that must arrive where nobody ever
 * has them, or turn in circles, never do. */
static void empty_queues(struct feature_world *w)
{
    enum { ROUNDS_MAX = 200, IDLE_ROUNDS_MAX = 12 };
    for (unsigned slot = 0; slot < w->queue_count; slot++)
        fw_consume(w, slot, false, 0);
    for (unsigned i = 0, idle = 0; !is_empty(w) && i < ROUNDS_MAX && idle < IDLE_ROUNDS_MAX; i++) {
        uint64_t before = unacked_in_all(w);
        fw_rest(w);
        acknowledge_all(w);
        fw_resume(w);
        fw_rest(w);
        loop_sim_advance(w->machine.loops, 1000);
        idle = unacked_in_all(w) == before ? idle + 1 : 0;
    }
    fw_calm(w);
}

/* The queues in which something is left for that reason go. */
static void delete_what_stays(struct feature_world *w)
{
    for (unsigned slot = 0; slot < w->queue_count; slot++) {
        struct fw_slot *s = &w->slots[slot];
        const struct lane_totals totals = lanes_count(queue_lanes(s->queue));
        if (totals.unacked == 0)
            continue;
        if (totals.ready > 0 || !fw_settings_now(s)->at_least_once)
            fw_fail(w, "something never leaves queue %u", slot);
        fw_step(w, "queue %u is deleted, with what never arrives", slot);
        fw_call_home(w, slot, queue_call_delete);
        queue_unref(&s->queue);
        s->is_used = false;
    }
    fw_rest(w);
    if (!is_empty(w))
        fw_fail(w, "something never leaves");
}

/* One that takes large messages, and keeps them. */
static unsigned find_large(const struct feature_world *w)
{
    for (unsigned slot = 0; slot < w->queue_count; slot++) {
        const struct fw_settings *s = fw_settings_now(&w->slots[slot]);
        if (w->slots[slot].is_used && s->max_bytes < 0 && s->max_length != 0 && s->ttl_ms < 0)
            return slot;
    }
    return FW_SLOTS_MAX;
}

/* The log moves on a few files, and what nobody needs goes. */
static void move_log_on(struct feature_world *w)
{
    enum { ROUNDS_MAX = 60 };
    unsigned queue = find_large(w);
    uint64_t until = machine_log_must_reach(&w->machine);
    for (unsigned i = 0; i < ROUNDS_MAX && log_current_file(w->machine.journal->log) < until; i++) {
        fw_publish_ballast(w, queue);
        fw_rest(w);
        acknowledge_all(w);
        fw_resume(w);
        fw_rest(w);
    }
}

void fw_drain(struct feature_world *w)
{
    fw_step(w, "everything is settled");
    w->is_draining = true;
    empty_queues(w);
    delete_what_stays(w);
    for (unsigned slot = 0; slot < w->queue_count; slot++) {
        if (w->slots[slot].is_used)
            fw_consume(w, slot, false, 0);
    }
    w->machine.limits.pager.memory_high = SIZE_MAX;
    if (find_large(w) < FW_SLOTS_MAX) {
        move_log_on(w);
        machine_check_disk_is_empty(&w->machine, &w->story);
    }
    fw_calm(w);
}
