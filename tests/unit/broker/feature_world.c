/* The course of a feature world: its lives, and what may happen in one. */
#include "feature_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "broker/broker_journal.h"
#include "broker/vhost_life.h"

/* --- lives ------------------------------------------------------------------------------------ */

static int life_open(struct feature_world *w)
{
    unsigned loops = 1 + (unsigned)fw_below(w, FW_LOOPS_MAX);
    w->life++;
    w->counts->lives++;
    w->is_dead = false;
    w->failure_step = w->lasting_failure_step;
    w->loops = loop_sim_create(loops, fw_below(w, UINT32_MAX));
    if (fw_below(w, 3) > 0)
        loop_sim_cut_slices(w->loops, 1 + (unsigned)fw_below(w, 40));
    w->epoch_ms = fw_now_ms(w);
    loop_sim_advance(w->loops, w->elapsed_ms);
    w->broker = broker_create(w->loops, NULL);
    if (vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")}, false,
                     (struct durable_done){0}, &w->vhost) != CHANGE_DONE)
        fw_fail(w, "no vhost");
    for (unsigned i = 0; i < loops; i++)
        w->sinks[i] = (struct fw_sink){{loops_at(w->loops, i), fw_on_answer}, w};
    fw_make_topology(w);
    const struct journal_options options = {
        .disk = disk_sim_port(w->disk),
        .file_bytes = w->file_bytes,
        .durability = LOG_SYNC,
        .is_stepped = true,
        .limits = &w->limits,
    };
    int err = broker_open_journal(w->broker, &options, &w->journal);
    bool is_restored = false;
    while (err == 0 && !is_restored)
        err = journal_restore_step(w->journal, &is_restored);
    loops_drain(w->loops);
    fw_step(w, "life %u with %u loops: %s", w->life, loops, lv_error_text(err));
    if (err == 0 && log_recovered(w->journal->log).damaged_ranges > 0)
        fw_fail(w, "recovery finds damage");
    return err;
}

/* What was on its way has arrived by now, or never will. */
static void end_ways(struct feature_world *w)
{
    w->step++;
    for (uint32_t i = 0; i < w->message_count; i++) {
        struct fw_message *m = &w->messages[i];
        if (m->arrived_step != FW_NEVER)
            continue;
        m->arrived_step = w->step;
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
    w->elapsed_ms = fw_now_ms(w) - w->epoch_ms + fw_below(w, 3000);
    journal_close(&w->journal);
    loops_drain(w->loops);
    w->is_dead = true;
    fw_retries_look(w);
    for (unsigned i = 0; i < w->client_count; i++)
        fw_settle_all(w->clients[i], SETTLE_REQUEUE);
    for (unsigned slot = 0; slot < FW_SLOTS_MAX; slot++) {
        if (w->slots[slot].queue)
            queue_unref(&w->slots[slot].queue);
    }
    broker_free(&w->broker);
    loops_free(&w->loops);
    lv_rcu_barrier();
    fw_clients_free(w);
    fw_sightings_forget(w);
    fw_regimes_settle(w);
    disk_sim_restart(w->disk);
    disk_sim_set_room(w->disk, UINT64_MAX);
}

static void crash(struct feature_world *w)
{
    if (!fw_is_cut(w) && fw_one_in(w, 3)) {
        fw_step(w, "the process dies");
        disk_sim_kill(w->disk);
    } else {
        fw_step(w, "the power goes");
        disk_sim_cut_power(w->disk);
    }
    w->is_dead = true;
    w->counts->crashes++;
    life_end(w);
}

static void stop(struct feature_world *w)
{
    fw_step(w, "the broker is stopped");
    disk_sim_fail_at(w->disk, 0, 0);
    disk_sim_set_room(w->disk, UINT64_MAX);
    disk_sim_cut_power_at(w->disk, 0);
    life_end(w);
}

/* --- what may happen -------------------------------------------------------------------------- */

static struct fw_client *any_client(struct feature_world *w)
{
    struct fw_client *client = w->client_count ? w->clients[fw_below(w, w->client_count)] : NULL;
    return client && client->consumer ? client : NULL;
}

static void settle_some(struct feature_world *w)
{
    struct fw_client *client = any_client(w);
    if (!client)
        return;
    enum settle_kind kind = fw_one_in(w, 3)   ? SETTLE_REQUEUE
                            : fw_one_in(w, 3) ? SETTLE_REJECT
                                              : SETTLE_ACK;
    for (unsigned n = 1 + (unsigned)fw_below(w, 20); n > 0 && client->held_count > 0; n--)
        fw_settle(client, fw_below(w, client->held_count), kind);
}

static void cancel_some(struct feature_world *w)
{
    struct fw_client *client = any_client(w);
    if (!client)
        return;
    fw_cancel(client);
    if (client->consumer && fw_one_in(w, 2))
        fw_settle_all(client, SETTLE_REQUEUE);
}

static void hurt_disk(struct feature_world *w)
{
    static const int errors[] = {ERR_NO_DESCRIPTORS, ERR_IO, ERR_NO_SPACE};
    uint64_t call = disk_sim_calls(w->disk) + 1 + fw_below(w, 40);
    unsigned what = (unsigned)fw_below(w, 6);
    w->counts->faults++;
    if (what < 3) {
        fw_step(w, "call %" PRIu64 " of the disk will fail: %s", call, lv_error_text(errors[what]));
        disk_sim_fail_at(w->disk, call, errors[what]);
        w->may_be_unreadable |= errors[what] == ERR_IO;
    } else if (what == 3) {
        fw_step(w, "memory is %s", w->broker->is_short_of_memory ? "plenty" : "short");
        w->broker->is_short_of_memory = !w->broker->is_short_of_memory;
    } else if (what == 4) {
        fw_step(w, "the disk is full");
        disk_sim_set_room(w->disk, disk_sim_used(w->disk) + fw_below(w, 2000));
    } else {
        fw_step(w, "the disk has room");
        disk_sim_set_room(w->disk, UINT64_MAX);
    }
}

static void time_passes(struct feature_world *w)
{
    if (!fw_one_in(w, 4)) {
        disk_sim_set_room(w->disk, UINT64_MAX);
        fw_rest(w);
    }
    if (fw_is_cut(w))
        return;
    uint64_t ms = fw_below(w, (uint64_t)FW_PICK(w, 20, 500, FW_TIME_MS_MAX));
    fw_step(w, "%" PRIu64 " ms pass", ms);
    loop_sim_advance(w->loops, ms);
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

static enum happening choose_happening(struct feature_world *w)
{
    unsigned all = 0;
    for (unsigned i = 0; i < HAPPENINGS; i++)
        all += w->weights[i];
    unsigned choice = (unsigned)fw_below(w, all), what = 0;
    while (choice >= w->weights[what])
        choice -= w->weights[what++];
    return (enum happening)what;
}

static void ask_for_snapshot(struct feature_world *w, unsigned slot)
{
    struct queue *q = w->slots[slot].queue;
    fw_step(w, "queue %u is asked for a snapshot", slot);
    loop_sim_enter(queue_home(q));
    pager_snapshot(lane_at(queue_lanes(q), (unsigned)fw_below(w, queue_lanes(q)->lane_count)));
    loop_sim_enter(NULL);
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
    switch (choose_happening(w)) {
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

static void choose_limits(struct feature_world *w)
{
    w->file_bytes = (uint64_t)FW_PICK(w, 4096, 8192, 16384, 65536);
    struct pager_limits *p = &w->limits.pager;
    p->memory_high = (size_t)FW_PICK(w, 600, 4000, 20000, 200000);
    p->memory_low = p->memory_high / (size_t)FW_PICK(w, 1, 2, 4);
    p->ahead_bytes = p->memory_high * 2;
    p->ahead_chunks = (size_t)FW_PICK(w, 1, 2, 8);
    p->segment_bytes = (size_t)FW_PICK(w, 1000, 8000, 64000);
    p->block_bytes = (size_t)FW_PICK(w, 200, 2000, 20000);
    p->write_bytes = (size_t)FW_PICK(w, 1, 1000, 10000);
    p->read_bytes = (size_t)FW_PICK(w, 100, 2000, 30000);
    p->flight_bytes = (size_t)FW_PICK(w, 500, 5000, 100000);
    p->carry_bytes = (size_t)FW_PICK(w, 0, 1000, 64000);
    w->limits.delivered_ahead = (uint64_t)FW_PICK(w, 1, 8, 100, 8192);
    w->limits.files_kept = (uint64_t)FW_PICK(w, 1, 2);
}

/* A life, up to its end. */
static void live(struct feature_world *w)
{
    if (fw_one_in(w, 4)) /* the power goes at some call of the recovery, perhaps */
        disk_sim_cut_power_at(w->disk, disk_sim_calls(w->disk) + 1 + fw_below(w, 60));
    int err = life_open(w);
    if (fw_is_cut(w)) {
        crash(w);
        return;
    }
    if (err < 0)
        fw_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->disk, 0);
    if (fw_one_in(w, 2))
        fw_census(w, fw_one_in(w, 3));
    if (!fw_one_in(w, 3))
        disk_sim_cut_power_at(w->disk, disk_sim_calls(w->disk) + 1 +
                                           fw_below(w, (uint64_t)FW_PICK(w, 20, 100, 500)));
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
    disk_sim_cut_power_at(w->disk, 0);
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
    static char text[FW_TEXT_BYTES];
    struct feature_world *w = &world;
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    w->random = w->random ? w->random : 1;
    w->counts = counts;
    w->messages = messages;
    w->text = text;
    w->step = 1;
    w->disk = disk_sim_create(seed);
    fw_report_aborts_of(w);
    log_set_level(feature_world_is_verbose ? LOG_DEBUG : LOG_NONE);
    choose_happenings(w);
    choose_limits(w);
    fw_choose_topology(w);
    for (unsigned lives = 1 + (unsigned)fw_below(w, 4); lives > 0; lives--)
        live(w);
    last_life(w);
    disk_sim_free(&w->disk);
    sightings_free(w);
    counts->worlds++;
    counts->paged += w->was_paged;
    fw_report_aborts_of(NULL);
}
