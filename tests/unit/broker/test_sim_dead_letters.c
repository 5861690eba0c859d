/* Worlds from a seed: messages expire, are rejected, are pushed out, and go on to two queues, at
 * home anywhere, on a disk whose power goes at any call. What was confirmed is never lost: it is
 * where it was, or in both of the queues that get what dies, or in all three. */
#include "broker/vhost_life.h"
#include "loop/sim/loop_sim.h"

#include "base/log.h"
#include "broker/broker_journal.h"
#include "broker/dead_lettering.h"
#include "broker/forward.h"
#include "queue/queue_private.h"
#include "store/sim/disk_sim.h"
#include "topology/topology_world.h"

enum { WORLDS = 12, LIVES = 4, MESSAGES_MAX = 2000, QUEUES = 3, TURNS_MAX = 100000 };

/* So large that nothing leaves the log for a segment: what is there is in memory. */
enum { LOG_FILE_BYTES = 4 * 1024 * 1024 };
enum { SOURCE, FIRST_END, SECOND_END };

struct life {
    uint64_t random;
    uint64_t elapsed_ms;
    struct disk_sim *disk;
    struct loops *loops;
    struct broker *broker;
    struct vhost *vhost;
    struct journal *journal;
    struct queue *queues[QUEUES];
    struct confirm_sink sink;
    unsigned published;
    bool is_confirmed[MESSAGES_MAX];
};

static struct life w;

static uint64_t below(uint64_t n)
{
    w.random = w.random * 6364136223846793005u + 1442695040888963407u;
    return (w.random >> 33) % n;
}

/* --- a life ----------------------------------------------------------------------------------- */

static void on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                      struct message *message)
{
    (void)sink;
    (void)message;
    w.is_confirmed[number] |= answer == CONFIRM_TOOK;
}

static void restore_queue(int which, const char *name, const char *exchange, uint64_t ttl_ms)
{
    struct lv_buffer arguments = {0};
    if (exchange)
        table_add_str(&arguments, "x-dead-letter-exchange", exchange);
    if (ttl_ms)
        table_add_int(&arguments, "x-message-ttl", 'l', (int64_t)ttl_ms);
    w.queues[which] =
        queue_ref(queue_restore(w.vhost, slice_str(name), (struct queue_flags){.durable = true},
                                lv_buffer_slice(&arguments), SLICE_EMPTY, (uint64_t)which + 1));
    lv_buffer_free(&arguments);
}

static void bind_end(const char *name)
{
    struct broker_error error;
    struct binding_request r = {
        .source = slice_str("x"),
        .destination = slice_str(name),
        .destination_kind = DESTINATION_QUEUE,
    };
    assert_int_not_equal(binding_add(w.vhost, &r, NOBODY, &error), CHANGE_REFUSED);
}

static void make_topology(uint64_t ttl_ms)
{
    struct broker_error error;
    bool created;
    struct exchange_declaration x = {.name = slice_str("x"), .type = slice_str("fanout")};
    assert_int_not_equal(exchange_declare(w.vhost, &x, NOBODY, &error, &created), CHANGE_REFUSED);
    restore_queue(SOURCE, "source", "x", ttl_ms);
    restore_queue(FIRST_END, "first", NULL, 0);
    restore_queue(SECOND_END, "second", NULL, 0);
    bind_end("first");
    bind_end("second");
}

/* False: the power went while the store was opened. */
static bool begin(uint64_t ttl_ms)
{
    w.loops = loop_sim_create(1 + (unsigned)below(3), below(UINT32_MAX));
    loop_sim_advance(w.loops, w.elapsed_ms);
    w.broker = broker_create(w.loops, NULL);
    assert_int_equal(vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("/")},
                                  false, NOBODY, &w.vhost),
                     CHANGE_DONE);
    make_topology(ttl_ms);
    w.sink = (struct confirm_sink){loops_at(w.loops, 0), on_answer};
    const struct journal_options options = {
        .disk = disk_sim_port(w.disk),
        .file_bytes = UINT64_C(16384) << below(5),
        .durability = LOG_SYNC,
        .is_stepped = true,
    };
    int err = broker_open_journal(w.broker, &options, &w.journal);
    bool is_restored = false;
    while (err == 0 && !is_restored)
        err = journal_restore_step(w.journal, &is_restored);
    loops_drain(w.loops);
    return err == 0;
}

static void end(void)
{
    for (int i = 0; i < QUEUES; i++)
        queue_unref(&w.queues[i]);
    if (w.journal)
        journal_close(&w.journal);
    loops_drain(w.loops);
    w.elapsed_ms += 1000;
    broker_free(&w.broker);
    loop_sim_free(&w.loops);
    lv_rcu_barrier();
    disk_sim_restart(w.disk);
}

static void work(unsigned turns)
{
    while (turns-- > 0) {
        switch (below(4)) {
        case 0: log_step(w.journal->log); break;
        case 1: segments_step(w.journal->segments); break;
        default: loop_sim_turn(w.loops); break;
        }
    }
}

/* Until nothing more happens by itself. */
static void settle(void)
{
    for (int i = 0; i < TURNS_MAX; i++) {
        bool any = loop_sim_turn(w.loops);
        any |= log_step(w.journal->log);
        any |= segments_step(w.journal->segments);
        if (!any && forward_in_transit(w.queues[SOURCE]).messages == 0)
            return;
        if (!any)
            loop_sim_advance(w.loops, 5);
    }
    fail_msg("no end of it");
}

/* --- what happens in it ----------------------------------------------------------------------- */

static void publish(unsigned count)
{
    struct loop *loop = loops_at(w.loops, 0);
    loop_sim_enter(loop);
    for (; count > 0 && w.published < MESSAGES_MAX; count--) {
        uint32_t number = w.published++;
        struct message *m = message_create(slice_str(""), slice_str("source"),
                                           slice_of("\x10\0\2", 3), sizeof number, true);
        memcpy(message_body_space(m), &number, sizeof number);
        if (queue_publish(loop, w.queues[SOURCE], m, &w.sink, number) == CONFIRM_TOOK)
            w.is_confirmed[number] = true;
        message_unref(&m);
    }
    loop_sim_enter(NULL);
}

/* The queue's first ready message is in memory, or has been asked for. */
static bool is_first_here(struct queue *q)
{
    uint64_t sequence;
    enum backlog_next next = backlog_next(&q->lanes.first.backlog, &sequence);
    while (next == BACKLOG_ON_DISK && pager_want(&q->lanes.first))
        next = backlog_next(&q->lanes.first.backlog, &sequence);
    return next == BACKLOG_HERE;
}

static void give_up(unsigned count)
{
    struct queue *q = w.queues[SOURCE];
    uint64_t sequence;
    bool redelivered;
    loop_sim_enter(queue_home(q));
    while (count-- > 0 && is_first_here(q)) {
        struct message *m = backlog_deliver(&q->lanes.first.backlog, &sequence, &redelivered);
        dead_lettering_give_up(q, lane_position(&q->lanes.first, sequence), m,
                               (enum death)below(DEATH_COUNT));
    }
    loop_sim_enter(NULL);
}

static void live(void)
{
    for (unsigned steps = 20 + (unsigned)below(60); steps > 0; steps--) {
        switch (below(4)) {
        case 0: publish(1 + (unsigned)below(20)); break;
        case 1: give_up(1 + (unsigned)below(20)); break;
        case 2: loop_sim_advance(w.loops, below(50)); break;
        default: work(1 + (unsigned)below(20)); break;
        }
    }
}

/* --- what must be true ------------------------------------------------------------------------ */

/* Empties the queue, and ticks off what was in it. */
static void drain(int which, bool *found)
{
    struct queue *q = w.queues[which];
    while (lanes_count(&q->lanes).ready > 0) {
        loop_sim_enter(queue_home(q));
        while (lanes_count(&q->lanes).ready > 0 && is_first_here(q)) {
            uint32_t number;
            struct backlog_left left;
            struct message *m = backlog_pop(&q->lanes.first.backlog, &left);
            queue_message_left(&q->lanes.first, &left);
            assert_int_equal(message_body(m).n, sizeof number);
            memcpy(&number, message_body(m).p, sizeof number);
            assert_true(number < w.published);
            found[number] = true;
            message_unref(&m);
        }
        loop_sim_enter(NULL);
        settle();
    }
}

/* Everything that is still in the source goes on, undisturbed; then all is where it belongs. */
static void check(uint64_t seed)
{
    static bool found[QUEUES][MESSAGES_MAX];
    memset(found, 0, sizeof found);
    settle();
    while (lanes_count(&w.queues[SOURCE]->lanes).ready > 0) {
        give_up(MESSAGES_MAX);
        settle();
    }
    assert_int_equal(lanes_count(&w.queues[SOURCE]->lanes).unacked, 0);
    drain(FIRST_END, found[FIRST_END]);
    drain(SECOND_END, found[SECOND_END]);
    for (unsigned n = 0; n < w.published; n++) {
        if (w.is_confirmed[n] && !(found[FIRST_END][n] && found[SECOND_END][n]))
            fail_msg("seed %llu: message %u is lost", (unsigned long long)seed, n);
    }
}

static void run_world(uint64_t seed)
{
    memset(&w, 0, sizeof w);
    w.random = seed;
    w.disk = disk_sim_create(seed);
    for (int i = 0; i < LIVES; i++) {
        uint64_t ttl_ms = below(2) ? 1 + below(3000) : 0;
        disk_sim_cut_power_at(w.disk, disk_sim_calls(w.disk) + 1 + below(300));
        if (begin(ttl_ms))
            live();
        disk_sim_cut_power(w.disk);
        end();
    }
    assert_true(begin(0));
    check(seed);
    end();
    disk_sim_free(&w.disk);
}

static void no_crash_loses_a_dead_letter(void **state)
{
    (void)state;
    const char *first = getenv("FIRST"), *worlds = getenv("WORLDS");
    uint64_t seed = first ? strtoull(first, NULL, 10) : 1;
    uint64_t count = worlds ? strtoull(worlds, NULL, 10) : WORLDS;
    for (uint64_t i = 0; i < count; i++)
        run_world(seed + i);
}

int main(void)
{
    log_set_level(LOG_NONE);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_crash_loses_a_dead_letter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
