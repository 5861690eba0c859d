/* The course of a feature world: its lives, and what may happen in one. */
#include "feature_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "world_queue.h"

/* --- lives ------------------------------------------------------------------------------------ */

static int life_open(struct feature_world *w)
{
    w->counts->lives++;
    w->is_dead = false;
    w->failure_step = w->lasting_failure_step;
    machine_start(&w->machine, &w->story);
    unsigned loops = loops_count(w->machine.loops);
    for (unsigned i = 0; i < loops; i++)
        w->sinks[i] = (struct fw_sink){{loops_at(w->machine.loops, i), fw_on_answer}, w};
    fw_make_topology(w);
    int err = machine_open_store(&w->machine);
    bool is_restored = false;
    while (err == 0 && !is_restored)
        err = journal_restore_step(w->machine.journal, &is_restored);
    loops_drain(w->machine.loops);
    fw_step(w, "life %u with %u loops: %s", w->story.life, loops, lv_error_text(err));
    if (err == 0 && log_recovered(w->machine.journal->log).damaged_ranges > 0)
        fw_fail(w, "recovery finds damage");
    return err;
}

/* What was on its way has arrived by now, or never will. */
static void end_ways(struct feature_world *w)
{
    w->story.step++;
    for (uint32_t i = 0; i < w->message_count; i++) {
        struct fw_message *m = &w->messages[i];
        if (m->arrived_step != FW_NEVER)
            continue;
        m->arrived_step = w->story.step;
        m->arrived_ms = fw_now_ms(w);
    }
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++)
        w->slots[slot].may_exceed = true; /* what was unacked is ready again */
}

static void life_end(struct feature_world *w)
{
    fw_clients_end(w);
    fw_retries_look(w);
    end_ways(w);
    machine_close_store(&w->machine, &w->story);
    w->is_dead = true;
    fw_retries_look(w);
    for (unsigned i = 0; i < w->client_count; i++)
        fw_settle_all(w->clients[i], SETTLE_REQUEUE);
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        if (w->slots[slot].queue)
            queue_unref(&w->slots[slot].queue);
    }
    machine_end_life(&w->machine);
    fw_clients_free(w);
    fw_sightings_forget(w);
    fw_regimes_settle(w);
}

static void crash(struct feature_world *w)
{
    machine_crash(&w->machine, &w->story);
    w->is_dead = true;
    w->counts->crashes++;
    life_end(w);
}

static void stop(struct feature_world *w)
{
    machine_stop(&w->machine, &w->story);
    life_end(w);
}

/* --- what may happen -------------------------------------------------------------------------- */

static struct fw_client *any_client(struct feature_world *w)
{
    struct fw_client *client = w->client_count ? w->clients[fw_below(w, w->client_count)] : NULL;
    return client && client->base.consumer ? client : NULL;
}

static void settle_some(struct feature_world *w)
{
    struct fw_client *client = any_client(w);
    if (!client)
        return;
    enum settle_kind kind = fw_one_in(w, 3)   ? SETTLE_REQUEUE
                            : fw_one_in(w, 3) ? SETTLE_REJECT
                                              : SETTLE_ACK;
    for (unsigned n = 1 + (unsigned)fw_below(w, 20); n > 0 && client->base.held_count > 0; n--)
        fw_settle(client, fw_below(w, client->base.held_count), kind);
}

static void cancel_some(struct feature_world *w)
{
    struct fw_client *client = any_client(w);
    if (!client)
        return;
    fw_cancel(client);
    if (client->base.consumer && fw_one_in(w, 2))
        fw_settle_all(client, SETTLE_REQUEUE);
}

static void hurt_disk(struct feature_world *w)
{
    static const int errors[] = {ERR_NO_DESCRIPTORS, ERR_IO, ERR_NO_SPACE};
    uint64_t call = disk_sim_calls(w->machine.disk) + 1 + fw_below(w, 40);
    unsigned what = (unsigned)fw_below(w, 6);
    w->counts->faults++;
    if (what < 3) {
        fw_step(w, "call %" PRIu64 " of the disk will fail: %s", call, lv_error_text(errors[what]));
        disk_sim_fail_at(w->machine.disk, call, errors[what]);
        w->may_be_unreadable |= errors[what] == ERR_IO;
    } else if (what == 3) {
        fw_step(w, "memory is %s", w->machine.broker->is_short_of_memory ? "plenty" : "short");
        w->machine.broker->is_short_of_memory = !w->machine.broker->is_short_of_memory;
    } else if (what == 4) {
        fw_step(w, "the disk is full");
        disk_sim_set_room(w->machine.disk, disk_sim_used(w->machine.disk) + fw_below(w, 2000));
    } else {
        fw_step(w, "the disk has room");
        disk_sim_set_room(w->machine.disk, UINT64_MAX);
    }
}

static void time_passes(struct feature_world *w)
{
    if (!fw_one_in(w, 4)) {
        disk_sim_set_room(w->machine.disk, UINT64_MAX);
        fw_rest(w);
    }
    if (fw_is_cut(w))
        return;
    uint64_t ms = fw_below(w, (uint64_t)FW_PICK(w, 20, 500, FW_TIME_MS_MAX));
    fw_step(w, "%" PRIu64 " ms pass", ms);
    loop_sim_advance(w->machine.loops, ms);
}

enum happening {
    PUBLISH_ONE,
    PUBLISH_MANY,
    CONSUME,
    GET,
    SETTLE,
    CANCEL,
    RESUME,
    PURGE,
    POLICY,
    RETRY,
    LOOK,
    SNAPSHOT,
    HURT,
    TIME,
    HAPPENINGS
};

static void ask_for_snapshot(struct feature_world *w, unsigned slot)
{
    fw_step(w, "queue %u is asked for a snapshot", slot);
    world_queue_want_snapshot(w->slots[slot].queue, &w->story);
}

static unsigned any_slot(struct feature_world *w)
{
    unsigned slot = (unsigned)fw_below(w, FW_SLOTS_MAX);
    while (!w->slots[slot].is_used)
        slot = (slot + 1) % FW_SLOTS_MAX;
    return slot;
}

static void something_happens(struct feature_world *w)
{
    unsigned queue = (unsigned)fw_below(w, w->queue_count);
    bool has_room = w->client_count < FW_CLIENTS_MAX;
    switch ((enum happening)story_weighted(&w->story, w->weights, HAPPENINGS)) {
    case PUBLISH_ONE: fw_publish(w, 1); break;
    case PUBLISH_MANY: fw_publish(w, 1 + (unsigned)fw_below(w, w->many)); break;
    case CONSUME:
        if (has_room)
            fw_consume(w, queue, fw_one_in(w, 6),
                       fw_one_in(w, 2) ? 0 : 1 + (uint32_t)fw_below(w, 30));
        break;
    case GET:
        if (has_room)
            fw_get(w, queue, fw_one_in(w, 2));
        break;
    case SETTLE: settle_some(w); break;
    case CANCEL: cancel_some(w); break;
    case RESUME: fw_resume(w); break;
    case PURGE: fw_purge(w, any_slot(w)); break;
    case POLICY: fw_change_policy(w, queue); break;
    case RETRY: fw_retry(w, queue); break;
    case LOOK: fw_look(w, any_slot(w)); break;
    case SNAPSHOT: ask_for_snapshot(w, any_slot(w)); break;
    case HURT: hurt_disk(w); break;
    case TIME: time_passes(w); break;
    case HAPPENINGS: lv_unreachable();
    }
}

static void choose_happenings(struct feature_world *w)
{
    static const unsigned usual[HAPPENINGS] = {
        [PUBLISH_ONE] = 10, [PUBLISH_MANY] = 10, [CONSUME] = 4, [GET] = 4,
        [SETTLE] = 20,      [CANCEL] = 3,        [RESUME] = 4,  [POLICY] = 2,
        [LOOK] = 3,         [SNAPSHOT] = 2,      [TIME] = 6,
    };
    for (unsigned i = 0; i < HAPPENINGS; i++)
        w->weights[i] = usual[i] * (unsigned)FW_PICK(w, 0, 1, 1, 2, 5);
    w->weights[PUBLISH_ONE] += 1;
    w->weights[PUBLISH_MANY] += 1;
    w->has_retries = fw_one_in(w, 4);
    w->weights[RETRY] = w->has_retries ? (unsigned)FW_PICK(w, 2, 6) : 0;
    w->weights[PURGE] = fw_one_in(w, 4) ? 1 : 0;
    w->weights[HURT] = fw_one_in(w, 3) ? (unsigned)FW_PICK(w, 1, 2, 8) : 0;
    w->many = (unsigned)FW_PICK(w, 3, 20, 60, 150);
    w->steps = (unsigned)FW_PICK(w, 10, 30, 80);
    w->transient_percent = (unsigned)FW_PICK(w, 0, 0, 0, 10, 40);
    w->ttl_percent = (unsigned)FW_PICK(w, 0, 0, 10, 50);
    w->delay_percent = (unsigned)FW_PICK(w, 0, 30, 60, 90);
    w->value_percent = (unsigned)FW_PICK(w, 0, 30, 100);
    w->twin_percent = (unsigned)FW_PICK(w, 0, 20, 100);
}

/* A life, up to its end. */
static void live(struct feature_world *w)
{
    if (fw_one_in(w, 4)) /* the power goes at some call of the recovery, perhaps */
        machine_cut_power_within(&w->machine, &w->story, 60);
    int err = life_open(w);
    if (fw_is_cut(w)) {
        crash(w);
        return;
    }
    if (err < 0)
        fw_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->machine.disk, 0);
    if (fw_one_in(w, 2))
        fw_census(w, fw_one_in(w, 3));
    if (!fw_one_in(w, 3))
        machine_cut_power_within(&w->machine, &w->story, (uint64_t)FW_PICK(w, 20, 100, 500));
    for (unsigned i = 5 + (unsigned)fw_below(w, w->steps); i > 0 && !fw_is_cut(w); i--) {
        something_happens(w);
        if (!fw_is_cut(w) && !fw_one_in(w, 4))
            fw_some_time(w);
    }
    if (!fw_is_cut(w) && fw_one_in(w, 3))
        fw_census(w, fw_one_in(w, 3));
    if (!fw_is_cut(w) && fw_one_in(w, 4))
        stop(w);
    else
        crash(w);
}

static void last_life(struct feature_world *w)
{
    int err = life_open(w);
    if (err < 0)
        fw_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->machine.disk, 0);
    fw_census(w, false);
    fw_census(w, true);
    fw_drain(w);
    stop(w);
}

static void sightings_free(struct feature_world *w)
{
    for (uint32_t i = 0; i < w->message_count; i++) {
        for (struct fw_sighting *s = w->messages[i].sightings, *next; s; s = next) {
            next = s->next;
            free(s);
        }
    }
}

void feature_world_run(uint64_t seed, struct feature_world_counts *counts)
{
    static struct feature_world world;
    static struct fw_message messages[FW_MESSAGES_MAX + 64];
    struct feature_world *w = &world;
    memset(w, 0, sizeof *w);
    story_begin(&w->story, seed);
    w->story.step = 1; /* 0 is never */
    w->counts = counts;
    w->messages = messages;
    machine_create(&w->machine, seed);
    w->machine.durability = LOG_SYNC;
    log_set_level(story_is_told ? LOG_DEBUG : LOG_NONE);
    choose_happenings(w);
    machine_choose_limits(&w->machine, &w->story);
    fw_choose_topology(w);
    for (unsigned lives = 1 + (unsigned)fw_below(w, 4); lives > 0; lives--)
        live(w);
    last_life(w);
    machine_free(&w->machine);
    sightings_free(w);
    counts->worlds++;
    counts->paged += w->was_paged;
    story_end(&w->story);
}
