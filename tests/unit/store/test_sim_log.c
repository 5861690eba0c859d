/* The log in simulated worlds. Three stages write random records; the disk tears writes, forgets
 * and fails, the power is cut in the middle of any call, processes are killed. After each of these
 * lives the log is read again and compared with what was submitted:
 *
 *   (1) What was safe and is still needed is there, byte for byte.
 *   (2) What is there was submitted, and is a run without gaps and in order, for each stage.
 *   (3) A settle never comes before what was staged before it.
 *
 * A world is a number. `LEVERET_SEED=n` runs world n alone and prints what happens in it;
 * `LEVERET_WORLDS=n` runs the first n worlds (0: until stopped). */
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "store/log.h"
#include "store/sim/disk_sim.h"

#ifdef __SANITIZE_THREAD__
enum { WORLDS = 150 }; /* one thread only, and ten times as slow */
#else
enum { WORLDS = 1200 };
#endif

enum {
    STAGES = 3,
    LIVES = 5,
    BODY_MAX = 20000, /* larger than a file */
    FILE_BYTES = 8192,
};

/* Something that was staged, other than a settle. */
struct event {
    uint64_t hash;
};

struct settled {
    uint64_t queue;
    uint64_t sequence;
    size_t position; /* events before it */
    bool is_visited;
};

/* How many of a stage's events and settles are safe with a ticket. */
struct point {
    uint64_t ticket;
    size_t events;
    size_t settles;
};

struct stage_model {
    struct log_stage *stage;
    struct event *events; /* submitted */
    size_t event_count, event_capacity;
    size_t staged_events; /* of these, not yet submitted */
    struct settled *settles;
    size_t settle_count, settle_capacity;
    size_t staged_settles;
    struct point *points;
    size_t point_count, point_capacity;
    size_t safe_events, safe_settles;
    size_t needed_from; /* events before may be gone */
    bool depends_on_nothing;
    size_t next_needed; /* needed_from and floor once next_ticket is safe */
    uint64_t next_floor;
    uint64_t next_ticket; /* 0: none is waited for */
    uint64_t next_sequence;
    /* what recovery found */
    size_t first;
    size_t visited;
};

struct world {
    uint64_t seed;
    uint64_t random;
    struct disk_sim *disk;
    struct log *log;
    bool is_loud;
    enum log_durability durability;
    uint64_t file_bytes;
    unsigned lives;
    uint64_t next_id;
    struct stage_model stages[STAGES];
    bool has_room;
    uint64_t crashes;
};

static uint64_t all_crashes;
static uint64_t all_records;

/* --- small things ----------------------------------------------------------------------------- */

static uint64_t rnd(struct world *w, uint64_t n)
{
    uint64_t x = w->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    w->random = x;
    return ((x * UINT64_C(0x2545F4914F6CDD1D)) >> 33) % n;
}

#define CHECK(w, condition)                                                                        \
    do {                                                                                           \
        if (!(condition))                                                                          \
            world_fail((w), #condition, __LINE__);                                                 \
    } while (0)

static void world_fail(struct world *w, const char *what, int line)
{
    fprintf(stderr, "world %" PRIu64 " (life %u), line %d: failed: %s\n", w->seed, w->lives, line,
            what);
    fail_msg("LEVERET_SEED=%" PRIu64 " runs it again", w->seed);
}

#define TELL(w, ...) ((w)->is_loud ? (void)fprintf(stderr, __VA_ARGS__) : (void)0)

static uint64_t hash_bytes(uint64_t h, const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        h = (h ^ ((const uint8_t *)p)[i]) * UINT64_C(0x100000001b3);
    return h;
}

static uint64_t hash_number(uint64_t h, uint64_t n)
{
    return hash_bytes(h, &n, sizeof n);
}

static uint64_t hash_slice(uint64_t h, struct slice s)
{
    return hash_bytes(hash_number(h, s.n), s.p, s.n);
}

static uint64_t hash_message(uint64_t h, const struct log_message *m)
{
    h = hash_slice(h, m->exchange);
    h = hash_slice(h, m->routing_key);
    h = hash_slice(h, m->header);
    return hash_number(hash_number(hash_slice(h, m->body), m->is_persistent), m->format);
}

static uint64_t hash_enqueue(uint64_t queue, uint64_t sequence, unsigned flags,
                             const struct log_message *m)
{
    uint64_t h = hash_number(1, queue);
    return hash_message(hash_number(hash_number(h, sequence), flags), m);
}

static uint64_t hash_three(uint64_t kind, uint64_t a, uint64_t b)
{
    return hash_number(hash_number(hash_number(2, kind), a), b);
}

static uint64_t hash_snapshot(const struct log_snapshot *s)
{
    uint64_t h = hash_three(3, s->queue, s->next_sequence);
    h = hash_number(h, s->delivered_below);
    for (size_t i = 0; i < s->segment_count; i++) {
        const struct log_segment *g = &s->segments[i];
        h = hash_number(hash_number(hash_number(h, g->number), g->first_sequence), g->end_sequence);
        h = hash_number(hash_number(h, g->bytes), g->persistent_live);
        h = hash_number(hash_number(h, g->persistent_bytes), g->live_count);
        for (size_t j = 0; j < g->live_count; j++)
            h = hash_number(hash_number(h, g->live[j].from), g->live[j].count);
    }
    for (size_t i = 0; i < s->carried_count; i++) {
        h = hash_number(hash_number(h, s->carried[i].sequence), s->carried[i].flags);
        h = hash_message(h, &s->carried[i].message);
    }
    return h;
}

#define ADD(array, count, capacity, ...)                                                           \
    do {                                                                                           \
        if ((count) == (capacity)) {                                                               \
            (capacity) = (capacity) ? (capacity)*2 : 64;                                           \
            (array) = lv_realloc((array), (capacity) * sizeof *(array));                           \
        }                                                                                          \
        (array)[(count)++] = __VA_ARGS__;                                                          \
    } while (0)

/* Returns a queue of a stage. No two stages have the same, so each record tells its stage. */
static uint64_t queue_of(struct world *w, unsigned stage)
{
    return stage + STAGES * (1 + rnd(w, 4));
}

/* --- staging ---------------------------------------------------------------------------------- */

static void add_event(struct stage_model *m, uint64_t hash)
{
    ADD(m->events, m->event_count, m->event_capacity, (struct event){hash});
    m->staged_events++;
}

/* Every message is different: it contains its number. */
static struct log_message make_message(struct world *w, uint8_t *body, size_t body_max)
{
    size_t n = 8 + rnd(w, rnd(w, 40) == 0 ? body_max - 8 : 200);
    uint64_t id = ++w->next_id;
    for (size_t i = 0; i < n; i++)
        body[i] = (uint8_t)(id * 31 + i * 7);
    memcpy(body, &id, 8);
    return (struct log_message){
        .exchange = slice_of("amq.direct", rnd(w, 11)),
        .routing_key = slice_of("some.routing.key", rnd(w, 17)),
        .header = slice_of("\x10\x00\x02", 3 * rnd(w, 2)),
        .body = slice_of(body, n),
        .is_persistent = rnd(w, 4) > 0,
        .format = (uint8_t)(id % HEADER_FORMATS),
    };
}

static void stage_enqueue(struct world *w, unsigned i)
{
    static uint8_t body[BODY_MAX];
    struct stage_model *m = &w->stages[i];
    struct log_message message = make_message(w, body, BODY_MAX);
    uint64_t targets = rnd(w, 4) ? 1 : 1 + rnd(w, rnd(w, 30) ? 6 : 500);
    m->depends_on_nothing = false;
    for (uint64_t t = 0; t < targets; t++) {
        uint64_t queue = queue_of(w, i);
        uint64_t sequence = m->next_sequence++;
        unsigned flags = rnd(w, 5) ? 0 : LOG_DELIVERED;
        log_enqueue(m->stage, &message, &message, queue, sequence, flags, 0);
        add_event(m, hash_enqueue(queue, sequence, flags, &message));
    }
    /* So that the same pointer is another message the next time. */
    log_settle(m->stage, i + STAGES * 9, m->next_sequence, 1);
    ADD(m->settles, m->settle_count, m->settle_capacity,
        (struct settled){i + STAGES * 9, m->next_sequence++, m->event_count, false});
    m->staged_settles++;
}

static void stage_settle(struct world *w, unsigned i)
{
    struct stage_model *m = &w->stages[i];
    uint64_t queue = queue_of(w, i);
    uint64_t count = 1 + rnd(w, 5);
    bool is_backwards = rnd(w, 2);
    for (uint64_t k = 0; k < count; k++) {
        uint64_t sequence = m->next_sequence + (is_backwards ? count - 1 - k : k);
        log_settle(m->stage, queue, sequence, 1);
        ADD(m->settles, m->settle_count, m->settle_capacity,
            (struct settled){queue, sequence, m->event_count, false});
        m->staged_settles++;
    }
    m->next_sequence += count;
}

static void stage_small(struct world *w, unsigned i)
{
    struct stage_model *m = &w->stages[i];
    uint64_t queue = queue_of(w, i);
    uint64_t number = m->next_sequence++;
    uint64_t kind = 10 + rnd(w, 3);
    if (kind == 10)
        log_delivered(m->stage, queue, number);
    else if (kind == 11)
        log_segment_gone(m->stage, queue, number);
    else
        log_queue_gone(m->stage, queue = i + STAGES * (number + 10));
    add_event(m, hash_three(kind, queue, kind == 12 ? 0 : number));
    if (m->depends_on_nothing)
        m->needed_from = m->event_count;
}

/* Stages a snapshot; nothing before it is needed once it is safe. */
static void stage_snapshot(struct world *w, unsigned i)
{
    static uint8_t body[300];
    struct stage_model *m = &w->stages[i];
    struct log_range live[] = {{1, 2}, {rnd(w, 100), 3}, {9, 9}};
    struct log_segment segments[] = {
        {.number = 1, .first_sequence = 5, .live = live, .live_count = 2},
        {.number = 2, .end_sequence = rnd(w, 9), .bytes = 7, .persistent_live = 3},
        {.number = 3, .persistent_bytes = 8, .live = live + 1, .live_count = rnd(w, 3)},
    };
    struct log_carried carried = {m->next_sequence++, LOG_DELIVERED, 0, make_message(w, body, 300)};
    struct log_snapshot snapshot = {
        .queue = queue_of(w, i),
        .next_sequence = m->next_sequence++,
        .delivered_below = rnd(w, 1000),
        .segments = segments,
        .segment_count = rnd(w, 4),
        .carried = &carried,
        .carried_count = rnd(w, 2),
    };
    uint64_t file = log_current_file(w->log);
    m->depends_on_nothing = false;
    log_put_snapshot(m->stage, &snapshot);
    add_event(m, hash_snapshot(&snapshot));
    if (m->next_ticket == 0) {
        m->next_needed = m->event_count - 1;
        m->next_floor = file;
        m->next_ticket = log_ticket(m->stage);
    }
}

static void stage_submit(struct stage_model *m)
{
    uint64_t ticket = log_submit(m->stage);
    m->staged_events = m->staged_settles = 0;
    if (m->point_count == 0 || m->points[m->point_count - 1].ticket != ticket)
        ADD(m->points, m->point_count, m->point_capacity,
            (struct point){ticket, m->event_count, m->settle_count});
}

/* Now and then, when everything is safe, the stage needs none of it any longer. */
static void stage_floor(struct world *w, struct stage_model *m)
{
    size_t safe = m->point_count ? m->points[m->point_count - 1].events : m->event_count;
    if (m->next_ticket == 0 && m->staged_events + m->staged_settles == 0 && rnd(w, 8) == 0 &&
        m->safe_events == m->event_count && safe == m->event_count) {
        m->needed_from = m->event_count;
        m->depends_on_nothing = true;
        log_set_floor(m->stage, UINT64_MAX);
    }
}

static void stage_something(struct world *w, unsigned i)
{
    static void (*const things[])(struct world * w, unsigned i) = {
        stage_enqueue, stage_enqueue, stage_enqueue,  stage_settle,
        stage_settle,  stage_small,   stage_snapshot,
    };
    things[rnd(w, sizeof things / sizeof things[0])](w, i);
}

/* --- answers ---------------------------------------------------------------------------------- */

static void world_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct world *w = arg;
    struct stage_model *m = &w->stages[stage];
    if (error < 0) {
        CHECK(w, log_failure(w->log) == error);
        return;
    }
    size_t i = 0;
    while (i < m->point_count && m->points[i].ticket != ticket)
        i++;
    CHECK(w, i < m->point_count);
    CHECK(w, m->points[i].events >= m->safe_events);
    m->safe_events = m->points[i].events;
    m->safe_settles = m->points[i].settles;
    if (m->next_ticket > 0 && ticket >= m->next_ticket) {
        m->needed_from = m->next_needed;
        log_set_floor(m->stage, m->next_floor);
        m->next_ticket = 0;
    }
}

static void world_space(void *arg, bool has_room)
{
    struct world *w = arg;
    CHECK(w, has_room != w->has_room);
    w->has_room = has_room;
}

/* --- reading it again ------------------------------------------------------------------------- */

static void visited_event(struct world *w, uint64_t queue, uint64_t hash)
{
    struct stage_model *m = &w->stages[queue % STAGES];
    if (m->visited == 0) {
        for (m->first = 0; m->first < m->event_count; m->first++)
            if (m->events[m->first].hash == hash)
                break;
    }
    CHECK(w, m->first + m->visited < m->event_count);
    CHECK(w, m->events[m->first + m->visited].hash == hash);
    m->visited++;
    all_records++;
}

static void visit_enqueue(void *arg, uint64_t file, uint64_t queue, const struct log_carried *c)
{
    (void)file;
    visited_event(arg, queue, hash_enqueue(queue, c->sequence, c->flags, &c->message));
}

static void visit_snapshot(void *arg, uint64_t file, const struct log_snapshot *snapshot)
{
    (void)file;
    visited_event(arg, snapshot->queue, hash_snapshot(snapshot));
}

static void visit_delivered(void *arg, uint64_t file, uint64_t queue, uint64_t below)
{
    (void)file;
    visited_event(arg, queue, hash_three(10, queue, below));
}

static void visit_segment_gone(void *arg, uint64_t queue, uint64_t number)
{
    visited_event(arg, queue, hash_three(11, queue, number));
}

static void visit_queue_gone(void *arg, uint64_t queue)
{
    visited_event(arg, queue, hash_three(12, queue, 0));
}

/* The settles of a stage are few and near the end: they are searched from there. */
static void visit_settle(void *arg, uint64_t queue, uint64_t from, uint64_t count)
{
    struct world *w = arg;
    struct stage_model *m = &w->stages[queue % STAGES];
    for (uint64_t k = 0; k < count; k++) {
        size_t i = m->settle_count;
        while (i-- > 0)
            if (m->settles[i].queue == queue && m->settles[i].sequence == from + k)
                break;
        CHECK(w, i < m->settle_count);
        CHECK(w, !m->settles[i].is_visited);
        CHECK(w, m->visited == 0 || m->first + m->visited >= m->settles[i].position);
        m->settles[i].is_visited = true;
    }
}

static const struct log_visitor visitor = {
    .enqueue = visit_enqueue,
    .settle = visit_settle,
    .delivered = visit_delivered,
    .snapshot = visit_snapshot,
    .segment_gone = visit_segment_gone,
    .queue_gone = visit_queue_gone,
};

static void begin_reading(struct stage_model *m)
{
    m->first = m->event_count;
    m->visited = 0;
    for (size_t i = 0; i < m->settle_count; i++)
        m->settles[i].is_visited = false;
}

/* Compares what was found with the model, which then continues with it. */
static void stage_check(struct world *w, struct stage_model *m)
{
    size_t end = m->first + m->visited;
    TELL(w, "  stage: needed from %zu, safe to %zu, found %zu..%zu of %zu\n", m->needed_from,
         m->safe_events, m->first, end, m->event_count);
    if (m->needed_from < m->safe_events) {
        CHECK(w, m->visited > 0);
        CHECK(w, m->first <= m->needed_from);
        CHECK(w, end >= m->safe_events);
    }
    for (size_t i = 0; i < m->safe_settles; i++)
        CHECK(w, m->settles[i].is_visited || m->settles[i].position <= m->needed_from);
    size_t left = 0;
    for (size_t i = 0; i < m->settle_count; i++)
        if (m->settles[i].is_visited) {
            struct settled s = m->settles[i];
            s.position = s.position > m->first ? s.position - m->first : 0;
            m->settles[left++] = s;
        }
    if (m->visited > 0)
        memmove(m->events, m->events + m->first, m->visited * sizeof *m->events);
    m->event_count = m->safe_events = m->visited;
    m->settle_count = m->safe_settles = left;
    m->needed_from = m->needed_from > m->first ? m->needed_from - m->first : 0;
    if (m->needed_from > m->event_count)
        m->needed_from = m->event_count;
    m->staged_events = m->staged_settles = m->point_count = 0;
    m->next_ticket = 0;
    m->depends_on_nothing = false;
}

static int world_open(struct world *w)
{
    struct log_options options = {
        .disk = disk_sim_port(w->disk),
        .file_bytes = w->file_bytes,
        .salt = 1,
        .stages = STAGES,
        .durability = w->durability,
        .on_safe = world_safe,
        .on_space = world_space,
        .arg = w,
        .is_stepped = true,
    };
    for (unsigned i = 0; i < STAGES; i++)
        begin_reading(&w->stages[i]);
    w->has_room = true;
    int err = log_open(&options, &w->log);
    bool is_over = false;
    while (err == 0 && !is_over) {
        if (rnd(w, 2))
            log_step(w->log); /* the log may be written to meanwhile */
        err = log_read(w->log, &visitor, w, &is_over);
    }
    if (err < 0) {
        log_close(&w->log);
        return err;
    }
    CHECK(w, log_recovered(w->log).damaged_ranges == 0);
    for (unsigned i = 0; i < STAGES; i++) {
        stage_check(w, &w->stages[i]);
        w->stages[i].stage = log_stage(w->log, i);
    }
    return 0;
}

/* In a mode without a sync, a power cut may lose anything, though it must not look like damage. */
static void lose_promises(struct world *w)
{
    if (w->durability == LOG_SYNC || !disk_sim_is_cut(w->disk))
        return;
    for (unsigned i = 0; i < STAGES; i++) {
        struct stage_model *m = &w->stages[i];
        m->needed_from = m->safe_events = m->safe_settles = 0;
    }
}

/* Opens the log; now and then the power is cut, a call fails or the disk is full meanwhile. */
static void world_recover(struct world *w)
{
    for (int tries = 0;; tries++) {
        uint64_t trouble = tries < 3 ? rnd(w, 6) : 9;
        uint64_t at = disk_sim_calls(w->disk) + 1 + rnd(w, 20);
        if (trouble == 0)
            disk_sim_cut_power_at(w->disk, at);
        if (trouble == 1)
            disk_sim_fail_at(w->disk, at, rnd(w, 2) ? ERR_IO : ERR_NO_SPACE);
        bool is_full = rnd(w, 4) == 0;
        if (is_full)
            disk_sim_set_room(w->disk, disk_sim_used(w->disk) + rnd(w, 2) * rnd(w, 2000));
        int err = world_open(w);
        disk_sim_set_room(w->disk, UINT64_MAX);
        TELL(w, "open: %s\n", err ? lv_error_name(err) : "well");
        if (err == 0)
            return;
        CHECK(w, trouble <= 1 || (is_full && err == ERR_NO_SPACE));
        all_crashes += disk_sim_is_cut(w->disk);
        lose_promises(w);
        disk_sim_restart(w->disk);
    }
}

/* --- a life ----------------------------------------------------------------------------------- */

static void some_work(struct world *w)
{
    uint64_t turns = 1 + rnd(w, 60);
    for (uint64_t t = 0; t < turns && !disk_sim_is_cut(w->disk); t++) {
        unsigned i = (unsigned)rnd(w, STAGES);
        for (uint64_t n = rnd(w, 6); n > 0; n--)
            stage_something(w, i);
        if (rnd(w, 3))
            stage_submit(&w->stages[i]);
        for (uint64_t n = rnd(w, 3); n > 0; n--)
            log_step(w->log);
        stage_floor(w, &w->stages[i]);
    }
}

/* Checks that everything submitted is answered, and that nothing is blocked. */
static void check_all_safe(struct world *w)
{
    for (unsigned i = 0; i < STAGES; i++)
        stage_submit(&w->stages[i]);
    for (int n = 0; log_step(w->log) || log_step(w->log); n++)
        CHECK(w, n < 100000);
    if (log_failure(w->log) < 0)
        return;
    CHECK(w, log_unsafe_bytes(w->log) == 0);
    CHECK(w, w->has_room);
    for (unsigned i = 0; i < STAGES; i++)
        CHECK(w, w->stages[i].safe_events == w->stages[i].event_count);
}

static void end_life(struct world *w)
{
    uint64_t how = rnd(w, 4);
    if (how == 0)
        disk_sim_cut_power(w->disk);
    if (how == 1)
        disk_sim_kill(w->disk);
    TELL(w, "end: %s\n", disk_sim_is_cut(w->disk) ? "power" : how == 1 ? "kill" : "close");
    lose_promises(w);
    for (unsigned i = 0; i < STAGES && how > 1; i++)
        stage_submit(&w->stages[i]);
    for (unsigned i = 0; i < STAGES; i++) {
        /* What was staged and not submitted is lost. */
        w->stages[i].event_count -= w->stages[i].staged_events;
        w->stages[i].settle_count -= w->stages[i].staged_settles;
    }
    log_close(&w->log);
    all_crashes += disk_sim_is_cut(w->disk);
    lose_promises(w);
    disk_sim_restart(w->disk);
}

static void run_life(struct world *w)
{
    uint64_t trouble = rnd(w, 6);
    uint64_t at = disk_sim_calls(w->disk) + 1 + rnd(w, 120);
    if (trouble <= 1)
        disk_sim_cut_power_at(w->disk, at);
    if (trouble == 2)
        disk_sim_fail_at(w->disk, at, ERR_IO);
    if (trouble == 3)
        disk_sim_fail_at(w->disk, at, ERR_NO_SPACE);
    if (trouble == 4)
        disk_sim_set_room(w->disk, disk_sim_used(w->disk) + rnd(w, 30000));
    TELL(w, "life %u: trouble %d\n", w->lives, (int)trouble);
    some_work(w);
    disk_sim_set_room(w->disk, UINT64_MAX);
    if (rnd(w, 2) && !disk_sim_is_cut(w->disk))
        check_all_safe(w);
    end_life(w);
}

static void world_run(uint64_t seed, bool is_loud)
{
    struct world *w = lv_calloc(1, sizeof *w);
    w->seed = seed;
    w->is_loud = is_loud;
    w->random = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
    w->disk = disk_sim_create(seed);
    w->durability = rnd(w, 4) ? LOG_SYNC : rnd(w, 2) ? LOG_INTERVAL : LOG_NEVER;
    w->file_bytes = rnd(w, 3) ? FILE_BYTES : 65536;
    for (unsigned i = 0; i < STAGES; i++)
        w->stages[i].next_sequence = 1;
    for (w->lives = 0; w->lives < LIVES; w->lives++) {
        world_recover(w);
        run_life(w);
    }
    world_recover(w);
    log_close(&w->log);
    disk_sim_free(&w->disk);
    for (unsigned i = 0; i < STAGES; i++) {
        free(w->stages[i].events);
        free(w->stages[i].settles);
        free(w->stages[i].points);
    }
    free(w);
}

static uint64_t number_from(const char *name, uint64_t otherwise)
{
    const char *text = getenv(name);
    return text ? strtoull(text, NULL, 10) : otherwise;
}

static void nothing_safe_is_lost_whatever_the_disk_does(void **state)
{
    (void)state;
    uint64_t worlds = number_from("LEVERET_WORLDS", WORLDS);
    uint64_t seed = number_from("LEVERET_SEED", UINT64_MAX);
    log_set_level(LOG_NONE);
    if (seed != UINT64_MAX) {
        log_set_level(LOG_DEBUG);
        world_run(seed, true);
        return;
    }
    for (uint64_t i = 0; i < worlds || worlds == 0; i++)
        world_run(i, false);
    assert_true(all_crashes > worlds / 2);
    assert_true(all_records > worlds * 10);
    print_message("%" PRIu64 " worlds, %" PRIu64 " power cuts, %" PRIu64 " records read\n", worlds,
                  all_crashes, all_records);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_safe_is_lost_whatever_the_disk_does),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
