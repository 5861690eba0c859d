/* The course of a store world: its lives, what may happen in one, and the end. */
#include "store_world_private.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/log.h"
#include "broker/broker_journal.h"
#include "broker/vhost_life.h"

#if defined(__SANITIZE_ADDRESS__)
#define HAS_ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_ASAN 1
#endif
#endif

bool store_world_is_verbose;

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
    s->queue =
        queue_ref(queue_restore(w->vhost, slice_str(names[slot]),
                                (struct queue_flags){.durable = s->is_durable}, arguments, s->id));
}

static int life_open(struct world *w)
{
    unsigned loops = 1 + (unsigned)world_below(w, LOOPS_WORLD_MAX);
    w->life++;
    w->counts->lives++;
    w->is_dead = false;
    w->client_count = 0;
    w->loops = loop_sim_create(loops, world_below(w, UINT32_MAX));
    if (world_below(w, 3) > 0)
        loop_sim_cut_slices(w->loops, 1 + (unsigned)world_below(w, 40));
    w->epoch_ms = world_now_ms(w);
    loop_sim_advance(w->loops, w->elapsed_ms);
    w->broker = broker_create(w->loops, NULL);
    if (vhost_create(w->broker, &(struct definition_vhost){.name = slice_str("/")}, false,
                     (struct durable_done){0}, &w->vhost) != CHANGE_DONE)
        world_fail(w, "no vhost");
    for (unsigned i = 0; i < loops; i++)
        w->sinks[i] = (struct sink){{loops_at(w->loops, i), world_on_answer}, w};
    for (unsigned i = 0; i < w->slot_count; i++)
        slot_begin(w, i);
    const struct journal_options options = {
        .disk = disk_sim_port(w->disk),
        .file_bytes = w->file_bytes,
        .durability = w->durability,
        .is_stepped = true,
        .limits = &w->limits,
    };
    int err = broker_open_journal(w->broker, &options, &w->journal);
    world_step(w, "life %u with %u loops: %s", w->life, loops, lv_error_text(err));
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
        if (w->clients[i]->consumer)
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
            bool is_new = model->life == w->life;
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
    w->elapsed_ms = world_now_ms(w) - w->epoch_ms + world_below(w, 3000);
    journal_close(&w->journal);
    loops_drain(w->loops);
    promises_look(w, true);
    w->is_dead = true;
    for (unsigned i = 0; i < w->client_count; i++)
        world_requeue_all(w->clients[i]);
    for (unsigned i = 0; i < w->slot_count; i++)
        queue_unref(&w->slots[i].queue);
    broker_free(&w->broker);
    loops_free(&w->loops);
    lv_rcu_barrier();
    clients_free(w);
    foresee(w, is_clean);
    disk_sim_restart(w->disk);
    disk_sim_set_room(w->disk, UINT64_MAX);
}

static void crash(struct world *w)
{
    if (!world_is_cut(w) && (w->durability != LOG_SYNC || world_one_in(w, 3))) {
        world_step(w, "the process dies");
        disk_sim_kill(w->disk);
    } else {
        world_step(w, "the power goes");
        disk_sim_cut_power(w->disk);
    }
    w->is_dead = true;
    w->counts->crashes++;
    life_end(w, false);
}

static void stop(struct world *w)
{
    world_step(w, "the broker is stopped");
    disk_sim_fail_at(w->disk, 0, 0);
    disk_sim_set_room(w->disk, UINT64_MAX);
    disk_sim_cut_power_at(w->disk, 0);
    bool was_clean = log_failure(w->journal->log) == 0;
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
    return client && client->consumer ? client : NULL;
}

static void settle_some(struct world *w)
{
    struct client *client = any_client(w);
    if (!client || client->held_count == 0)
        return;
    enum settle_kind kind = world_one_in(w, 3)   ? SETTLE_REQUEUE
                            : world_one_in(w, 4) ? SETTLE_REJECT
                                                 : SETTLE_ACK;
    unsigned runs = 1 + (unsigned)world_below(w, 4);
    while (runs-- > 0 && client->consumer && client->held_count > 0) {
        size_t at = world_below(w, client->held_count), most = 1 + world_below(w, 60);
        world_step(w, "client %u settles (%d) up to %zu from position %" PRIu64, client->number,
                   (int)kind, most, client->held[at].sequence);
        world_settle(client, at, most, kind);
    }
}

static void resume_some(struct world *w)
{
    for (unsigned i = 0; i < w->client_count; i++) {
        struct client *client = w->clients[i];
        if (!client->is_full || !client->is_open || client->consumer->is_closed)
            continue;
        client->is_full = false;
        loop_sim_enter(client->consumer->loop);
        consumer_resume(client->consumer);
        loop_sim_enter(NULL);
    }
}

static void hurt_disk(struct world *w)
{
    uint64_t call = disk_sim_calls(w->disk) + 1 + world_below(w, 40);
    w->counts->faults++;
    switch (world_below(w, 6)) {
    case 0:
        world_step(w, "call %" PRIu64 " of the disk will find no descriptor", call);
        disk_sim_fail_at(w->disk, call, ERR_NO_DESCRIPTORS);
        break;
    case 1:
        world_step(w, "memory is %s", w->broker->is_short_of_memory ? "plenty" : "short");
        w->broker->is_short_of_memory = !w->broker->is_short_of_memory;
        break;
    case 2:
        world_step(w, "call %" PRIu64 " of the disk will fail", call);
        disk_sim_fail_at(w->disk, call, ERR_IO);
        break;
    case 3:
        world_step(w, "call %" PRIu64 " of the disk will find no room", call);
        disk_sim_fail_at(w->disk, call, ERR_NO_SPACE);
        break;
    case 4:
        world_step(w, "the disk is full");
        disk_sim_set_room(w->disk, disk_sim_used(w->disk) + world_below(w, 2000));
        break;
    default:
        world_step(w, "the disk has room");
        disk_sim_set_room(w->disk, UINT64_MAX);
        break;
    }
}

/* Once nothing is on its way: else nobody knows when it arrives. */
static void time_passes(struct world *w)
{
    disk_sim_set_room(w->disk, UINT64_MAX);
    world_rest(w);
    if (world_is_cut(w))
        return;
    uint64_t ms = world_below(w, PICK(w, 20, 2000, 30000));
    world_step(w, "%" PRIu64 " ms pass", ms);
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
    unsigned all = 0;
    for (unsigned i = 0; i < HAPPENINGS; i++)
        all += w->weights[i];
    unsigned choice = (unsigned)world_below(w, all), what = 0;
    while (choice >= w->weights[what])
        choice -= w->weights[what++];
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
        if (client && client->consumer && world_one_in(w, 2))
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
    w->file_bytes = PICK(w, 4096, 8192, 16384, 65536);
    w->limits.pager.memory_high = PICK(w, 600, 4000, 20000, 200000);
    w->limits.pager.memory_low = w->limits.pager.memory_high / PICK(w, 1, 2, 4);
    w->limits.pager.ahead_bytes = w->limits.pager.memory_high * 2;
    w->limits.pager.ahead_chunks = PICK(w, 1, 2, 8);
    w->limits.pager.segment_bytes = PICK(w, 1000, 8000, 64000);
    w->limits.pager.block_bytes = PICK(w, 200, 2000, 20000);
    w->limits.pager.write_bytes = PICK(w, 1, 1000, 10000);
    w->limits.pager.read_bytes = PICK(w, 100, 2000, 30000);
    w->limits.pager.flight_bytes = PICK(w, 500, 5000, 100000);
    w->limits.pager.carry_bytes = PICK(w, 0, 1000, 64000);
    w->limits.delivered_ahead = PICK(w, 1, 8, 100, 8192);
    w->limits.files_kept = PICK(w, 1, 2);
    w->durability =
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
    if (w->durability == LOG_SYNC &&
        world_one_in(w, 4)) /* the power goes at some call of the recovery, perhaps */
        disk_sim_cut_power_at(w->disk, disk_sim_calls(w->disk) + 1 + world_below(w, 60));
    int err = life_open(w);
    while (err == 0 && world_one_in(w, 3) && !world_is_cut(w))
        world_restore_some(w);
    if (world_is_cut(w)) {
        crash(w);
        return;
    }
    if (err < 0)
        world_fail(w, "the store does not open: %s", lv_error_text(err));
    disk_sim_cut_power_at(w->disk, 0);
    if (world_one_in(w, 2))
        world_verify(w, false);
    if (w->durability == LOG_SYNC && !world_one_in(w, 3))
        disk_sim_cut_power_at(w->disk,
                              disk_sim_calls(w->disk) + 1 + world_below(w, PICK(w, 20, 100, 500)));
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

struct usage {
    uint64_t files;
    uint64_t bytes;
};

static void count_file(void *arg, const char *name, uint64_t bytes)
{
    (void)name;
    struct usage *usage = arg;
    usage->files++;
    usage->bytes += bytes;
}

static struct usage usage_of(struct world *w, const char *folder)
{
    struct disk *port = disk_sim_port(w->disk);
    struct usage usage = {0};
    if (port->list(port, folder, count_file, &usage) < 0)
        world_fail(w, "cannot list %s", folder);
    return usage;
}

/* The log moves on a few files, and what nobody needs goes. */
static void move_log_on(struct world *w)
{
    uint64_t until = log_current_file(w->journal->log) + w->limits.files_kept + 3;
    while (log_current_file(w->journal->log) < until && w->model_count < MESSAGES_MAX) {
        uint32_t number = model_add(w, 0);
        struct model *model = &w->models[number];
        model->is_persistent = true;
        model->has_ttl = false;
        model->body_bytes = (uint32_t)w->file_bytes / 4;
        struct message *m = world_make_message(w, number);
        loop_sim_enter(loops_at(w->loops, 0));
        world_publish_to(w, loops_at(w->loops, 0), 0, number, m);
        loop_sim_enter(NULL);
        message_unref(&m);
        world_rest(w);
        if (!w->clients[w->client_count - 1]->held_count)
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
    disk_sim_cut_power_at(w->disk, 0);
    world_verify(w, false);
    world_verify(w, true);
    w->limits.pager.memory_high = SIZE_MAX;
    world_consume(w, 0, false, 0, true);
    world_rest(w);
    move_log_on(w);
    struct usage segments = usage_of(w, "segments"), log = usage_of(w, "log");
    world_step(w, "%" PRIu64 " segments and %" PRIu64 " files of the log are left", segments.files,
               log.files);
    if (segments.files > 0)
        world_fail(w, "%" PRIu64 " segments are left", segments.files);
    /* The current file, the next, those kept, the spares, and one that is about to go. */
    if (log.files > w->limits.files_kept + 7)
        world_fail(w, "%" PRIu64 " files of the log are left", log.files);
    world_cancel(w->clients[w->client_count - 1]);
    stop(w);
}

/* --- an abort tells the steps ----------------------------------------------------------------- */

static struct world *running; /* for the report of an abort */

static void report(void)
{
    if (!running)
        return;
    struct world *w = running;
    running = NULL;
    if (!store_world_is_verbose) {
        ssize_t n = write(STDERR_FILENO, w->text, w->text_bytes);
        (void)n;
    }
    fprintf(stderr,
            "\nthe world of seed %" PRIu64 " has failed in life %u; its steps are above, "
            "again with: --seed %" PRIu64 "\n",
            w->seed, w->life, w->seed);
}

static void on_abort(int number)
{
    report();
    signal(number, SIG_DFL);
    raise(number);
}

void store_world_run(uint64_t seed, struct store_world_counts *counts)
{
    static struct world world;
    static struct model models[MESSAGES_MAX + 64];
    static char text[TEXT_BYTES];
    struct world *w = &world;
    memset(w, 0, sizeof *w);
    w->seed = seed;
    w->random = (seed + 1) * UINT64_C(0x9E3779B97F4A7C15);
    w->random = w->random ? w->random : 1;
    w->counts = counts;
    w->models = models;
    w->text = text;
    w->disk = disk_sim_create(seed);
    running = w;
    signal(SIGABRT, on_abort);
#ifndef HAS_ASAN /* which tells more of it */
    signal(SIGSEGV, on_abort);
#endif
    log_set_level(store_world_is_verbose ? LOG_DEBUG : LOG_NONE);
    choose(w);
    for (unsigned lives = 1 + (unsigned)world_below(w, 5); lives > 0; lives--)
        live(w);
    last_life(w);
    disk_sim_free(&w->disk);
    for (unsigned i = 0; i < SLOTS_MAX; i++)
        free(w->slots[i].copies);
    counts->worlds++;
    counts->paged += w->was_paged;
    running = NULL;
}
