/* The course of a store world: its lives, what may happen in one, and the end. */
#include "store_world_private.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "broker/broker.h"

/* --- lives ------------------------------------------------------------------------------------ */

static void slot_begin(struct world *w, unsigned slot)
{
    static const char *const names[SLOTS_MAX] = {"a", "b", "c", "d", "e"};
    struct slot *s = &w->slots[slot];
    if (s->id == 0) {
        s->id = w->next_queue_id++;
        s->first_message = w->model_count;
        s->count = 0;
    }
    s->is_deleted = s->is_deletion_safe = s->has_purge = s->has_mail = false;
    s->lost = 0;
    static const char priorities[] = "\x0ex-max-priorityb\x03";
    struct slice arguments =
        s->has_priorities ? slice_of(priorities, sizeof priorities - 1) : SLICE_EMPTY;
    s->queue = queue_ref(queue_restore(w->machine.vhost, slice_str(names[slot]),
                                       (struct queue_flags){.durable = s->is_durable}, arguments,
                                       SLICE_EMPTY, s->id));
}

static int life_open(struct world *w)
{
    w->counts->lives++;
    w->is_dead = false;
    w->client_count = 0;
    machine_start(&w->machine, &w->story);
    unsigned loops = loops_count(w->machine.loops);
    for (unsigned i = 0; i < loops; i++)
        w->sinks[i] = (struct sink){{loops_at(w->machine.loops, i), world_on_answer}, w};
    for (unsigned i = 0; i < w->slot_count; i++)
        slot_begin(w, i);
    int err = machine_open_store(&w->machine);
    world_step(w, "life %u with %u loops: %s", w->story.life, loops, lv_error_text(err));
    w->is_restored = false;
    return err;
}

static void clients_end(struct world *w)
{
    walkers_end(w);
    for (unsigned i = 0; i < w->client_count; i++)
        world_cancel(w->clients[i]);
    for (unsigned i = 0; i < w->client_count; i++)
        world_requeue_all(w->clients[i]);
}

static void clients_free(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        if (w->clients[i]->base.consumer)
            world_fail(w, "client %u is not released", i);
        free(w->clients[i]->held);
        free(w->clients[i]);
    }
    if (w->calls_open > 0)
        world_fail(w, "%u calls have no answer", w->calls_open);
}

/* What of the queues must, may, cannot be there in the next life. */
static void foresee(struct world *w, bool is_clean)
{
    for (unsigned slot = 0; slot < w->slot_count; slot++) {
        struct slot *s = &w->slots[slot];
        for (size_t i = 0; i < s->count; i++) {
            struct copy *copy = &s->copies[i];
            const struct model *model = &w->models[copy->message];
            bool is_new = model->life == w->story.life;
            bool is_confirmed = model->answers == model->answers_due && !model->is_refused;
            if (!s->is_durable || !model->is_persistent || copy->gone == GONE_SAFE ||
                s->is_deletion_safe)
                copy->expect = NOT_THERE;
            else if (copy->expect == THERE &&
                     (copy->gone != NOT_GONE || s->is_deleted ||
                      (is_new && !is_confirmed && !(is_clean && copy->is_placed))))
                copy->expect = MAYBE_THERE;
            copy->gone = NOT_GONE;
            copy->holder = NULL;
            copy->is_placed = true;
        }
        /* Its definition may have outlived it, when the deletion was not committed. */
        if (!s->is_durable || (s->is_deleted && world_one_in(w, 2)))
            s->id = 0;
        for (size_t i = 0; s->id == 0 && i < s->count; i++)
            w->models[s->copies[i].message].copy_of[slot] = 0;
    }
}

static void life_end(struct world *w, bool is_clean)
{
    clients_end(w);
    machine_close_store(&w->machine, &w->story);
    promises_look(w, true);
    w->is_dead = true;
    for (unsigned i = 0; i < w->client_count; i++)
        world_requeue_all(w->clients[i]);
    for (unsigned i = 0; i < w->slot_count; i++)
        queue_unref(&w->slots[i].queue);
    machine_end_life(&w->machine);
    clients_free(w);
    foresee(w, is_clean);
}

static void crash(struct world *w)
{
    machine_crash(&w->machine, &w->story);
    w->is_dead = true;
    w->counts->crashes++;
    life_end(w, false);
}

static void stop(struct world *w)
{
    machine_stop(&w->machine, &w->story);
    bool was_clean = log_failure(w->machine.journal->log) == 0;
    life_end(w, was_clean);
}

/* --- what may happen -------------------------------------------------------------------------- */

static unsigned any_slot(struct world *w)
{
    return (unsigned)world_below(w, w->slot_count);
}

static struct client *any_client(struct world *w)
{
    struct client *client = w->client_count ? w->clients[world_below(w, w->client_count)] : NULL;
    return client && client->base.consumer ? client : NULL;
}

static void settle_some(struct world *w)
{
    struct client *client = any_client(w);
    if (!client || client->base.held_count == 0)
        return;
    enum settle_kind kind = world_one_in(w, 3)   ? SETTLE_REQUEUE
                            : world_one_in(w, 4) ? SETTLE_REJECT
                                                 : SETTLE_ACK;
    unsigned runs = 1 + (unsigned)world_below(w, 4);
    while (runs-- > 0 && client->base.consumer && client->base.held_count > 0) {
        size_t at = world_below(w, client->base.held_count), most = 1 + world_below(w, 60);
        world_step(w, "client %u settles (%d) up to %zu from position %" PRIu64,
                   client->base.number, (int)kind, most, client->held[at].sequence);
        world_settle(client, at, most, kind);
    }
}

static void resume_some(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++)
        world_client_resume(&w->clients[i]->base);
}

static void hurt_disk(struct world *w)
{
    uint64_t call = disk_sim_calls(w->machine.disk) + 1 + world_below(w, 40);
    w->counts->faults++;
    w->is_hurt = true;
    switch (world_below(w, 6)) {
    case 0:
        world_step(w, "call %" PRIu64 " of the disk will find no descriptor", call);
        disk_sim_fail_at(w->machine.disk, call, ERR_NO_DESCRIPTORS);
        break;
    case 1:
        world_step(w, "memory is %s", w->machine.broker->is_short_of_memory ? "plenty" : "short");
        w->machine.broker->is_short_of_memory = !w->machine.broker->is_short_of_memory;
        break;
    case 2:
        world_step(w, "call %" PRIu64 " of the disk will fail", call);
        disk_sim_fail_at(w->machine.disk, call, ERR_IO);
        break;
    case 3:
        world_step(w, "call %" PRIu64 " of the disk will find no room", call);
        disk_sim_fail_at(w->machine.disk, call, ERR_NO_SPACE);
        break;
    case 4:
        world_step(w, "the disk is full");
        disk_sim_set_room(w->machine.disk, disk_sim_used(w->machine.disk) + world_below(w, 2000));
        break;
    default:
        world_step(w, "the disk has room");
        disk_sim_set_room(w->machine.disk, UINT64_MAX);
        break;
    }
}

/* Once nothing is on its way: else nobody knows when it arrives. */
static void time_passes(struct world *w)
{
    disk_sim_set_room(w->machine.disk, UINT64_MAX);
    world_rest(w);
    if (world_is_cut(w))
        return;
    uint64_t ms = world_below(w, PICK(w, 20, 2000, 30000));
    world_step(w, "%" PRIu64 " ms pass", ms);
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
    SNAPSHOT,
    DELETE,
    HURT,
    TIME,
    WALK,
    LET_GO,
    HAPPENINGS
};

static void something_happens(struct world *w)
{
    unsigned what = story_weighted(&w->story, w->weights, HAPPENINGS);
    unsigned slot = any_slot(w);
    bool has_slot = !w->slots[slot].is_deleted;
    bool has_home = has_slot && !w->slots[slot].queue->is_restoring; /* which answers at once */
    bool has_room = w->client_count + w->slot_count < CLIENTS_MAX;
    struct client *client;
    switch ((enum happening)what) {
    case PUBLISH_ONE: world_publish(w, 1); break;
    case PUBLISH_MANY: world_publish(w, 1 + (unsigned)world_below(w, w->many)); break;
    case CONSUME:
        if (has_slot && has_room)
            world_consume(w, slot, world_one_in(w, 6),
                          world_one_in(w, 2) ? 0 : 1 + (uint32_t)world_below(w, 100), false);
        break;
    case GET:
        if (has_slot && has_room)
            world_get(w, slot, world_one_in(w, 2));
        break;
    case SETTLE: settle_some(w); break;
    case CANCEL:
        client = any_client(w);
        if (client)
            world_cancel(client);
        if (client && client->base.consumer && world_one_in(w, 2))
            world_requeue_all(client);
        break;
    case RESUME: resume_some(w); break;
    case PURGE:
        if (has_home)
            world_purge(w, slot);
        break;
    case SNAPSHOT:
        if (has_home)
            world_force_snapshot(w, slot);
        break;
    case DELETE:
        if (has_home)
            world_delete_queue(w, slot);
        break;
    case HURT: hurt_disk(w); break;
    case TIME: time_passes(w); break;
    case WALK:
        if (has_home)
            world_walk(w, slot);
        break;
    case LET_GO:
        if (has_slot)
            walker_let_go(w, slot, true);
        break;
    case HAPPENINGS: lv_unreachable();
    }
}

static void choose(struct world *w)
{
    static const unsigned usual[HAPPENINGS] = {
        [PUBLISH_ONE] = 10, [PUBLISH_MANY] = 10, [CONSUME] = 4, [GET] = 4,      [SETTLE] = 20,
        [CANCEL] = 3,       [RESUME] = 4,        [PURGE] = 1,   [SNAPSHOT] = 2, [DELETE] = 0,
        [HURT] = 0,         [TIME] = 3,          [WALK] = 6,    [LET_GO] = 3,
    };
    for (unsigned i = 0; i < HAPPENINGS; i++)
        w->weights[i] = usual[i] * (unsigned)PICK(w, 0, 1, 1, 2, 5);
    w->weights[PUBLISH_ONE] += 1;
    w->weights[DELETE] = world_one_in(w, 8) ? 1 : 0;
    w->weights[HURT] = world_one_in(w, 3) ? (unsigned)PICK(w, 1, 2, 8) : 0;
    w->many = (unsigned)PICK(w, 3, 30, 80, 200);
    w->steps = (unsigned)PICK(w, 10, 30, 100);
    w->large_every = (unsigned)PICK(w, 0, 0, 300, 50);
    w->transient_percent = (unsigned)PICK(w, 0, 0, 10, 50);
    w->ttl_percent = (unsigned)PICK(w, 0, 10, 50, 100);
    machine_choose_limits(&w->machine, &w->story);
    w->machine.durability =
        world_one_in(w, 8) ? (enum log_durability)PICK(w, LOG_INTERVAL, LOG_NEVER) : LOG_SYNC;
    w->slot_count = 1 + (unsigned)world_below(w, SLOTS_MAX);
    w->next_queue_id = 1;
    for (unsigned i = 0; i < w->slot_count; i++) {
        w->slots[i].is_durable = i == 0 || !world_one_in(w, 4);
        w->slots[i].has_priorities = world_one_in(w, 3);
    }
}

/* A life, up to its end. */
static void live(struct world *w)
{
    if (w->machine.durability == LOG_SYNC &&
        world_one_in(w, 4)) /* the power goes at some call of the recovery, perhaps */
        machine_cut_power_within(&w->machine, &w->story, 60);
    int err = life_open(w);
    while (err == 0 && world_one_in(w, 3) && !world_is_cut(w))
        world_restore_some(w);
    if (world_is_cut(w)) {
        crash(w);
        return;
    }
    if (err < 0)
        world_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->machine.disk, 0);
    if (world_one_in(w, 2))
        world_verify(w, false);
    if (w->machine.durability == LOG_SYNC && !world_one_in(w, 3))
        machine_cut_power_within(&w->machine, &w->story, PICK(w, 20, 100, 500));
    for (unsigned i = 5 + (unsigned)world_below(w, w->steps); i > 0 && !world_is_cut(w); i--) {
        something_happens(w);
        if (!world_one_in(w, 4))
            world_some_time(w);
    }
    if (!world_is_cut(w) && world_one_in(w, 3))
        world_verify(w, false);
    if (!world_is_cut(w) && world_one_in(w, 4))
        stop(w);
    else
        crash(w);
}

/* --- the end ---------------------------------------------------------------------------------- */

/* The log moves on a few files, and what nobody needs goes. */
static void move_log_on(struct world *w)
{
    uint64_t until = machine_log_must_reach(&w->machine);
    while (log_current_file(w->machine.journal->log) < until && w->model_count < MESSAGES_MAX) {
        uint32_t number = model_add(w, 0);
        struct model *model = &w->models[number];
        model->is_persistent = true;
        model->has_ttl = false;
        model->body_bytes = (uint32_t)w->machine.file_bytes / 4;
        struct message *m = world_make_message(w, number);
        loop_sim_enter(loops_at(w->machine.loops, 0));
        world_publish_to(w, loops_at(w->machine.loops, 0), 0, number, m);
        loop_sim_enter(NULL);
        message_unref(&m);
        world_rest(w);
        if (!w->clients[w->client_count - 1]->base.held_count)
            world_fail(w, "the last messages do not come");
        world_settle(w->clients[w->client_count - 1], 0, 1, SETTLE_ACK);
    }
    world_rest(w);
}

static void last_life(struct world *w)
{
    int err = life_open(w);
    if (err < 0)
        world_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->machine.disk, 0);
    world_verify(w, false);
    world_verify(w, true);
    w->machine.limits.pager.memory_high = SIZE_MAX;
    world_consume(w, 0, false, 0, true);
    world_rest(w);
    move_log_on(w);
    machine_check_disk_is_empty(&w->machine, &w->story);
    world_cancel(w->clients[w->client_count - 1]);
    stop(w);
}

/* --- all of it -------------------------------------------------------------------------------- */

void store_world_run(uint64_t seed, struct store_world_counts *counts)
{
    static struct world world;
    static struct model models[MESSAGES_MAX + 64];
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    story_begin(&w->story, seed);
    w->counts = counts;
    w->models = models;
    machine_create(&w->machine, seed);
    log_set_level(story_is_told ? LOG_DEBUG : LOG_NONE);
    choose(w);
    for (unsigned lives = 1 + (unsigned)world_below(w, 5); lives > 0; lives--)
        live(w);
    last_life(w);
    machine_free(&w->machine);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        free(w->slots[i].copies);
    counts->worlds++;
    counts->paged += w->was_paged;
    story_end(&w->story);
}
