/* Time passes in a feature world, and then everything in it is counted. */
#include "feature_world_private.h"

#include "base/memory.h"
#include "broker/forward.h"
#include "world_queue.h"

/* --- time ------------------------------------------------------------------------------------- */

static void note_loss(struct feature_world *w, unsigned slot)
{
    struct fw_slot *s = &w->slots[slot];
    if (!s->is_used || queue_counters(s->queue)->disk.lost == s->lost)
        return;
    fw_step(w, "queue %u has lost what it could not read", slot);
    s->lost = queue_counters(s->queue)->disk.lost;
    for (uint32_t i = 0; i < w->message_count; i++)
        w->messages[i].copies[slot].is_excused = true;
}

static void look_around(struct feature_world *w)
{
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        const struct fw_slot *s = &w->slots[slot];
        w->was_paged |= s->is_used && world_queue_has_disk(s->queue);
        if (s->is_used && world_queue_estimates_bytes(s->queue)) {
            w->slots[slot].was_estimated = true;
            w->slots[slot].estimate_step = w->story.step;
        }
        note_loss(w, slot);
    }
    fw_note_failure(w);
    fw_retries_look(w);
}

/* Messages are on their way from a queue to others; those that are kept for want of room stay. */
static bool has_forwards(const struct feature_world *w)
{
    for (unsigned i = 0; i < FW_SLOTS_MAX; i++) {
        if (w->slots[i].is_used && forward_in_transit(w->slots[i].queue).messages > 0)
            return true;
    }
    return false;
}

/* False: nothing more happens by itself. */
static bool rest_round(struct feature_world *w)
{
    bool any = loop_sim_turn(w->machine.loops);
    if (fw_one_in(w, 2))
        any |= log_step(w->machine.journal->log);
    if (!fw_is_cut(w))
        any |= segments_step(w->machine.journal->segments);
    if (!any && !fw_is_cut(w))
        any = log_step(w->machine.journal->log);
    if (!any && !fw_is_cut(w) && machine_waits_for_disk(&w->machine)) {
        loop_sim_advance(w->machine.loops, 1000);
        any = true;
    }
    return any;
}

/* Short pauses: for who waits for a target that is behind. */
enum { PAUSES = 3, PAUSE_MS = 5 };

/* All that has been done stands in the log: that does not wait for room, nor has it failed. */
static bool is_all_safe(const struct feature_world *w)
{
    for (unsigned i = 0; i < loops_count(w->machine.loops); i++) {
        const struct journal_loop *p = journal_of(loops_at(w->machine.loops, i));
        if (p->safe_ticket < log_submit(p->stage))
            return false;
    }
    return log_failure(w->machine.journal->log) == 0 &&
           !atomic_load(&w->machine.journal->has_failed);
}

static void note_rest(struct feature_world *w)
{
    w->story.step++;
    for (uint32_t i = w->message_count; i-- > 0 && w->messages[i].life == w->story.life;) {
        struct fw_message *m = &w->messages[i];
        if (m->arrived_step != FW_NEVER)
            continue;
        m->arrived_step = w->story.step;
        m->arrived_ms = fw_now_ms(w);
    }
    fw_regimes_settle(w);
    w->had_forwards |= has_forwards(w);
    if (is_all_safe(w) && !has_forwards(w))
        fw_seal(w);
}

static void rest(struct feature_world *w, unsigned pauses_max)
{
    unsigned rounds = 0, pauses = 0;
    while (!fw_is_cut(w)) {
        if (rounds++ > FW_REST_ROUNDS_MAX)
            fw_fail(w, "the broker does not come to rest");
        bool any = rest_round(w);
        look_around(w);
        if (any || fw_is_cut(w))
            continue;
        if (pauses++ == pauses_max || !has_forwards(w))
            break;
        loop_sim_advance(w->machine.loops, PAUSE_MS);
    }
    if (!fw_is_cut(w))
        note_rest(w);
}

void fw_rest(struct feature_world *w)
{
    rest(w, PAUSES);
}

void fw_some_time(struct feature_world *w)
{
    unsigned rounds = 1 + (unsigned)fw_below(w, 6);
    for (unsigned i = 0; i < rounds && !fw_is_cut(w); i++) {
        switch (fw_below(w, 4)) {
        case 0: log_step(w->machine.journal->log); break;
        case 1: segments_step(w->machine.journal->segments); break;
        default: loop_sim_turn(w->machine.loops); break;
        }
        if (!fw_is_cut(w) && machine_waits_for_disk(&w->machine) && fw_one_in(w, 8))
            loop_sim_advance(w->machine.loops, 400);
    }
    look_around(w);
}

void fw_calm(struct feature_world *w)
{
    machine_mend_disk(&w->machine);
    for (unsigned i = 0; i < w->client_count; i++)
        fw_cancel(w->clients[i]);
    fw_rest(w);
    for (unsigned i = 0; !fw_is_cut(w) && i < w->client_count; i++)
        fw_settle_all(w->clients[i], SETTLE_REQUEUE);
    fw_rest(w);
}

void fw_long_time(struct feature_world *w)
{
    fw_step(w, "a long time passes");
    w->had_forwards = false;
    for (unsigned i = 0; i <= w->queue_count + 1 && !fw_is_cut(w); i++) {
        for (unsigned n = 0; n < 4 && !fw_is_cut(w); n++) {
            loop_sim_advance(w->machine.loops, FW_TIME_MS_MAX / 4 + 1);
            fw_rest(w);
        }
    }
}

/* --- looking ---------------------------------------------------------------------------------- */

struct waiting {
    unsigned wakes;
};

static void wake(void *arg)
{
    struct waiting *waiting = arg;
    waiting->wakes++;
}

/* What is seen of a queue. */
struct dedup_cache {
    uint64_t ready, ready_bytes;
    uint64_t fresh; /* of those that are ready: where they were published to */
    uint64_t unacked;
    uint32_t of_value[FW_VALUES_MAX + 1];
};

static void see(struct feature_world *w, unsigned slot, const struct browse_item *item,
                const struct message *m, bool is_counted, struct dedup_cache *seen)
{
    struct fw_arrival a;
    fw_read_message(w, slot, message_exchange(m), message_routing_key(m), message_header(m),
                    message_body(m), &a);
    fw_check_arrival(w, &a);
    if (item->is_unacked) {
        seen->unacked++;
    } else {
        fw_check_time(w, &a, false, true);
        seen->ready++;
        seen->fresh += a.death_count == 0 && !a.is_after_delay;
        seen->ready_bytes += m->body_bytes;
        seen->of_value[w->messages[a.number].value]++;
    }
    if (!is_counted)
        return;
    struct fw_sighting *s = fw_sighting_of(w, &a);
    bool may_return = fw_may_be_twofold(w, &a) || w->has_retries || item->is_unacked;
    if ((s->state == SEEN_ENDED || s->state == SEEN_SEALED) && !may_return)
        fw_fail(w, "message %u is in queue %u although it was settled", a.number, slot);
    if (++s->found > 1 && !fw_may_be_twofold(w, &a))
        fw_fail(w, "message %u is in queue %u twice", a.number, slot);
    w->messages[a.number].copies[slot].is_found = true;
    fw_note(w, "  message %u is in queue %u, value %u, position %" PRIx64 "%s%s", a.number, slot,
            w->messages[a.number].value, item->position, item->is_here ? "" : ", on disk",
            item->is_unacked ? ", unacked" : "");
    w->counts->found++;
    w->counts->delayed += a.is_after_delay;
    if (a.death_count > 0) {
        w->counts->dead_letters++;
        w->counts->deaths[a.deaths[0].reason]++;
    }
}

/* Nothing else happens meanwhile, but for what must be read from the disk when everything is
 * counted. */
static void browse(struct feature_world *w, unsigned slot, bool is_counted, struct dedup_cache *ret)
{
    struct queue *q = w->slots[slot].queue;
    struct waiting waiting = {0};
    struct browse_options options = {
        .is_bounded = true, .with_unacked = is_counted, .wake = wake, .arg = &waiting};
    struct browse_item item;
    *ret = (struct dedup_cache){0};
    loop_sim_enter(queue_home(q));
    struct browse *b = browse_open(q, &options);
    for (;;) {
        enum browse_result result = browse_peek(b, &item);
        if (result == BROWSE_WAIT && is_counted) {
            loop_sim_enter(NULL);
            unsigned wakes = waiting.wakes;
            while (waiting.wakes == wakes && !fw_is_cut(w))
                rest(w, 0);
            loop_sim_enter(queue_home(q));
            if (!fw_is_cut(w))
                continue;
        }
        if (result != BROWSE_ITEM)
            break;
        struct message *m = browse_message(b);
        see(w, slot, &item, m, is_counted, ret);
        message_unref(&m);
        browse_pass(b);
    }
    browse_close(&b);
    loop_sim_enter(NULL);
}

void fw_look(struct feature_world *w, unsigned slot)
{
    struct dedup_cache seen;
    browse(w, slot, false, &seen);
    fw_step(w, "somebody looks at queue %u, and sees %" PRIu64, slot, seen.ready);
}

/* --- counting --------------------------------------------------------------------------------- */

static void check_counts(struct feature_world *w, unsigned slot, const struct dedup_cache *seen)
{
    struct queue_call call = fw_call_home(w, slot, queue_call_status);
    const struct queue *q = w->slots[slot].queue;
    if (call.status.ready != seen->ready)
        fw_fail(w, "queue %u counts %" PRIu64 " ready, there are %" PRIu64, slot, call.status.ready,
                seen->ready);
    if (call.status.ready_bytes != seen->ready_bytes && !world_queue_estimates_bytes(q))
        fw_fail(w, "queue %u counts %" PRIu64 " bytes, there are %" PRIu64, slot,
                call.status.ready_bytes, seen->ready_bytes);
    if (call.status.unacked != 0 ||
        (seen->unacked != forward_in_transit(q).messages && !w->slots[slot].was_purged))
        fw_fail(w,
                "queue %u counts %" PRIu64 " unacked, of %" PRIu64 " seen, and forwards %" PRIu64,
                slot, call.status.unacked, seen->unacked, forward_in_transit(q).messages);
}

static void check_limits(struct feature_world *w, unsigned slot, const struct dedup_cache *seen)
{
    const struct fw_slot *s = &w->slots[slot];
    const struct fw_settings *now = fw_settings_now(s);
    if (now->overflow != OVERFLOW_DROP_HEAD && s->may_exceed)
        return;
    if (now->max_length >= 0 && seen->ready > (uint64_t)now->max_length)
        fw_fail(w, "queue %u has %" PRIu64 " messages of %" PRId64, slot, seen->ready,
                now->max_length);
    if (now->max_bytes >= 0 && seen->ready_bytes > (uint64_t)now->max_bytes && !s->was_estimated)
        fw_fail(w, "queue %u has %" PRIu64 " bytes of %" PRId64, slot, seen->ready_bytes,
                now->max_bytes);
    for (unsigned i = 1; i <= FW_VALUES_MAX && s->conflates; i++) {
        if (seen->of_value[i] > 1)
            fw_fail(w, "queue %u has %u messages of value %u", slot, seen->of_value[i], i);
    }
}

/* So long after everything else nothing is left where all has an end. */
static void check_late(struct feature_world *w, unsigned slot, const struct dedup_cache *seen)
{
    const struct fw_slot *s = &w->slots[slot];
    bool ends_all = true;
    for (unsigned i = 0; i < s->regime_count; i++)
        ends_all &= s->regimes[i].settings.ttl_ms >= 0;
    if ((ends_all || s->is_delaying) && seen->fresh > 0 && !w->has_retries)
        fw_fail(w, "queue %u still has %" PRIu64 " messages whose time is over", slot, seen->fresh);
}

/* No message is in more places than it was put into, where nothing makes two of one. */
static void check_whole(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count && !w->has_fanout; i++) {
        const struct fw_message *m = &w->messages[i];
        unsigned there = 0, entries = (unsigned)__builtin_popcount(m->entries);
        for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++)
            there += m->copies[slot].ends;
        for (const struct fw_sighting *s = m->sightings; s; s = s->next)
            there += s->found;
        if (m->life == w->story.life && m->step > w->failure_step && there > entries)
            fw_fail(w, "message %u was put into %u queues, and is or was in %u", i, entries, there);
    }
}

static void forget_found(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        struct fw_message *m = &w->messages[i];
        for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++)
            m->copies[slot].is_found = m->copies[slot].is_explained = false;
        for (struct fw_sighting *s = m->sightings; s; s = s->next)
            s->found = 0;
    }
}

void fw_census(struct feature_world *w, bool is_late)
{
    fw_step(w, "everything is counted%s", is_late ? ", late" : "");
    fw_calm(w);
    if (is_late)
        fw_long_time(w);
    if (!fw_is_cut(w))
        fw_check_answers(w);
    forget_found(w);
    const uint64_t then_ms = fw_now_ms(w);
    for (unsigned slot = 0; slot < FW_SLOTS_MAX && !fw_is_cut(w); slot++) {
        struct dedup_cache seen;
        if (!w->slots[slot].is_used)
            continue;
        browse(w, slot, true, &seen);
        if (fw_is_cut(w) || fw_now_ms(w) != then_ms)
            return; /* a read that had failed took time: much has moved meanwhile */
        if (!w->may_be_unreadable)
            check_counts(w, slot, &seen);
        check_limits(w, slot, &seen);
        if (is_late && !w->had_forwards) /* which fill what room is made */
            check_late(w, slot, &seen);
    }
    if (fw_is_cut(w))
        return;
    check_whole(w);
    if (!w->may_be_unreadable)
        fw_check_accounts(w);
    w->counts->censuses++;
}
