/* A start with messages in the log: clients are served before all of it has been read. What they
 * ask of a queue whose messages are not there yet is answered when they are. */
#include "broker/vhost_life.h"
#include "loop/sim/loop_sim.h"

#include "base/log.h"
#include "broker/broker_journal.h"
#include "queue/queue_home.h"
#include "store/sim/disk_sim.h"
#include "topology/topology_world.h"

enum { LOOPS = 2, QUEUES = 2, BODY_BYTES = 200, FILE_BYTES = 8192 };

static struct {
    struct disk_sim *disk;
    struct loops *loops;
    struct broker *broker;
    struct vhost *vhost;
    struct journal *journal;
    struct queue *queues[QUEUES]; /* queue i is at home on loop i; its id is i + 1 */
    struct confirm_sink sink;     /* on loop 0 */
    unsigned published;
    unsigned answers, refusals;
} w;

/* --- lives of a broker ------------------------------------------------------------------------ */

static void on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                      struct message *message)
{
    (void)sink, (void)number, (void)message;
    w.answers++;
    w.refusals += answer == CONFIRM_REFUSED;
}

static struct queue *restore_queue(const char *name, uint64_t id)
{
    return queue_restore(w.vhost, slice_str(name), (struct queue_flags){.durable = true},
                         SLICE_EMPTY, SLICE_EMPTY, id);
}

/* With a third queue, where it has an id. */
static struct queue *begin_with(const char *third, uint64_t id)
{
    static const char *const names[QUEUES] = {"first", "second"};
    struct journal_limits limits = journal_limits_default;
    struct queue *q = NULL;
    w.loops = loop_sim_create(LOOPS, 1);
    w.broker = broker_create(w.loops, NULL);
    assert_int_equal(vhost_create(w.broker, &(struct definition_vhost){.name = slice_str("/")},
                                  false, NOBODY, &w.vhost),
                     CHANGE_DONE);
    for (unsigned i = 0; i < QUEUES; i++) {
        w.queues[i] = queue_ref(restore_queue(names[i], i + 1));
        assert_ptr_equal(queue_home(w.queues[i]), loops_at(w.loops, i));
    }
    if (id > 0)
        q = restore_queue(third, id);
    limits.files_kept = 1000 * 1000; /* all stays in the log */
    w.sink = (struct confirm_sink){loops_at(w.loops, 0), on_answer};
    w.answers = w.refusals = 0;
    const struct journal_options options = {
        .disk = disk_sim_port(w.disk),
        .file_bytes = FILE_BYTES,
        .durability = LOG_SYNC,
        .is_stepped = true,
        .limits = &limits,
    };
    assert_int_equal(broker_open_journal(w.broker, &options, &w.journal), 0);
    return q;
}

static void begin(void)
{
    begin_with(NULL, 0);
}

/* All that can happen happens, but for the reading of the log. */
static void settle(void)
{
    bool any = true;
    while (any) {
        any = loop_sim_turn(w.loops);
        any |= log_step(w.journal->log);
        any |= segments_step(w.journal->segments);
    }
}

static void restore(void)
{
    bool is_over = false;
    while (!is_over)
        assert_int_equal(journal_restore_step(w.journal, &is_over), 0);
    settle();
}

static void end(void)
{
    journal_close(&w.journal);
    loops_drain(w.loops);
    for (unsigned i = 0; i < QUEUES; i++)
        queue_unref(&w.queues[i]);
    broker_free(&w.broker);
    loop_sim_free(&w.loops);
    lv_rcu_barrier();
    disk_sim_restart(w.disk);
}

static void crash(void)
{
    disk_sim_cut_power(w.disk);
    end();
}

/* --- what clients do -------------------------------------------------------------------------- */

static void publish_from(struct loop *loop, struct queue *q, unsigned count)
{
    loop_sim_enter(loop);
    for (; count > 0; count--) {
        uint32_t number = w.published++;
        struct message *m =
            message_create(slice_str(""), queue_name(q), slice_of("\x10\0\2", 3), BODY_BYTES, true);
        memset(message_body_space(m), 0, BODY_BYTES);
        memcpy(message_body_space(m), &number, sizeof number);
        assert_int_equal(queue_publish(loop, q, m, &w.sink, number), CONFIRM_LATER);
        message_unref(&m);
    }
    loop_sim_enter(NULL);
}

static void publish(struct queue *q, unsigned count)
{
    publish_from(loops_at(w.loops, 0), q, count);
}

/* A question to a queue, asked on loop 0. */
struct question {
    struct queue_call call;
    unsigned answers;
};

static void answered(struct queue_call *call)
{
    lv_container_of(call, struct question, call)->answers++;
}

static void ask(struct question *question, struct queue *q, void (*run)(struct queue_call *))
{
    *question = (struct question){.call = {.queue = q,
                                           .from = loops_at(w.loops, 0),
                                           .run = run,
                                           .done = answered,
                                           .get.no_ack = run == queue_call_get}};
    loop_sim_enter(loops_at(w.loops, 0));
    queue_call_start(&question->call);
    loop_sim_enter(NULL);
}

static uint32_t number_got(struct question *question)
{
    uint32_t number;
    assert_int_equal(question->answers, 1);
    assert_non_null(question->call.get.got.message);
    memcpy(&number, question->call.get.got.body.p, sizeof number);
    message_unref(&question->call.get.got.message);
    return number;
}

static uint32_t get(struct queue *q)
{
    struct question question;
    ask(&question, q, queue_call_get);
    settle();
    return number_got(&question);
}

static uint64_t ready(struct queue *q)
{
    struct question question;
    ask(&question, q, queue_call_status);
    settle();
    assert_int_equal(question.answers, 1);
    return question.call.status.ready;
}

static struct queue *declare(const char *name)
{
    struct queue_declaration d = {.name = slice_str(name), .flags.durable = true};
    struct broker_error error;
    struct queue *q = NULL;
    bool created;
    loop_sim_enter(loops_at(w.loops, 0));
    assert_int_not_equal(
        queue_declare(loops_at(w.loops, 0), w.vhost, &d, NOBODY, &error, &q, &created),
        CHANGE_REFUSED);
    loop_sim_enter(NULL);
    assert_true(created);
    return q;
}

/* A broker that died with so many messages in each queue, and another that has been started. */
static void begin_after_crash(unsigned count)
{
    begin();
    restore();
    for (unsigned i = 0; i < QUEUES; i++)
        publish(w.queues[i], count);
    settle();
    assert_int_equal(w.answers, QUEUES * count);
    crash();
    begin();
}

static int set_up(void **state)
{
    (void)state;
    memset(&w, 0, sizeof w);
    log_set_level(LOG_NONE);
    w.disk = disk_sim_create(1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    end();
    disk_sim_free(&w.disk);
    return 0;
}

/* --- tests ------------------------------------------------------------------------------------ */

static void calls_during_the_restore_are_answered_in_order_when_it_is_done(void **state)
{
    struct question first[QUEUES], counts[QUEUES];
    (void)state;
    begin_after_crash(100);
    for (unsigned i = 0; i < QUEUES; i++) {
        publish(w.queues[i], 3);
        ask(&first[i], w.queues[i], queue_call_get);
        ask(&counts[i], w.queues[i], queue_call_status);
    }
    settle();
    for (unsigned i = 0; i < QUEUES; i++)
        assert_int_equal(first[i].answers + counts[i].answers, 0);
    assert_int_equal(w.answers, 0);
    restore();
    assert_int_equal(w.answers, QUEUES * 3);
    assert_int_equal(w.refusals, 0);
    for (unsigned i = 0; i < QUEUES; i++) {
        assert_int_equal(number_got(&first[i]), 100 * i);
        assert_int_equal(counts[i].answers, 1);
        /* A get may have to wait for the log to know of the delivery; then the counts come
         * first. */
        assert_in_range(counts[i].call.status.ready, 102, 103);
        for (unsigned n = 1; n < 100; n++)
            assert_int_equal(get(w.queues[i]), 100 * i + n);
        for (unsigned n = 0; n < 3; n++)
            assert_int_equal(get(w.queues[i]), 200 + 3 * i + n);
        assert_int_equal(ready(w.queues[i]), 0);
    }
}

static void publishers_of_different_loops_keep_their_order(void **state)
{
    (void)state;
    begin_after_crash(100);
    publish_from(loops_at(w.loops, 0), w.queues[0], 5);
    settle();
    publish_from(loops_at(w.loops, 1), w.queues[0], 5);
    settle();
    publish_from(loops_at(w.loops, 0), w.queues[0], 5);
    restore();
    publish_from(loops_at(w.loops, 0), w.queues[0], 5);
    settle();
    for (unsigned n = 0; n < 100; n++)
        assert_int_equal(get(w.queues[0]), n);
    for (unsigned n = 0; n < 20; n++)
        assert_int_equal(get(w.queues[0]), 200 + n);
}

static void a_queue_declared_during_the_restore_is_served_at_once(void **state)
{
    (void)state;
    begin_after_crash(100);
    struct queue *q = declare("new");
    publish(q, 10);
    settle();
    assert_int_equal(w.answers, 10);
    for (unsigned n = 0; n < 10; n++)
        assert_int_equal(get(q), 200 + n);
    restore();
    assert_int_equal(ready(w.queues[0]), 100);
}

static void a_crash_during_the_restore_loses_and_duplicates_nothing(void **state)
{
    (void)state;
    begin_after_crash(100);
    for (unsigned i = 0; i < 5; i++) {
        bool is_over = false;
        struct queue *q = declare("new");
        publish(q, 40);
        publish(w.queues[0], 3); /* nobody is told that it is safe */
        for (unsigned n = 0; n < i && !is_over; n++)
            assert_int_equal(journal_restore_step(w.journal, &is_over), 0);
        assert_false(is_over);
        settle();
        assert_int_equal(w.answers, 40);
        crash();
        begin();
    }
    restore();
    for (unsigned i = 0; i < QUEUES; i++)
        for (unsigned n = 0; n < 100; n++)
            assert_int_equal(get(w.queues[i]), 100 * i + n);
    for (unsigned i = 0; i < QUEUES; i++)
        assert_int_equal(ready(w.queues[i]), 0);
}

static void inherit(bool is_used_late)
{
    begin();
    restore();
    struct queue *old = declare("old");
    uint64_t id = queue_id(old);
    publish(w.queues[0], 1); /* which keeps the log */
    publish(old, 100);
    settle();
    crash(); /* and the definitions have lost the queue */
    begin();
    struct queue *q = declare("new");
    assert_int_equal(queue_id(q), id);
    if (is_used_late)
        restore();
    publish(q, 7);
    settle();
    assert_int_equal(ready(q), 7);
    if (!is_used_late)
        restore();
    assert_int_equal(ready(q), 7);
    assert_int_not_equal(queue_id(declare("newer")), id);
    crash();
    q = begin_with("new", id);
    restore();
    assert_int_equal(ready(q), 7);
    end();
    begin();
}

static void a_new_queue_does_not_inherit_what_the_log_has_of_a_deleted_one(void **state)
{
    (void)state;
    inherit(false);
}

static void nor_does_a_queue_that_is_first_used_after_the_restore(void **state)
{
    (void)state;
    inherit(true);
}

static void a_purge_and_a_deletion_keep_their_order_among_the_publishes(void **state)
{
    struct question purge, deletion;
    (void)state;
    begin_after_crash(100);
    publish(w.queues[0], 5);
    ask(&purge, w.queues[0], queue_call_purge);
    publish(w.queues[0], 3);
    publish(w.queues[1], 2);
    settle();
    ask(&deletion, w.queues[1], queue_call_delete);
    settle();
    assert_int_equal(purge.answers + deletion.answers, 0);
    restore();
    assert_int_equal(purge.answers, 1);
    assert_int_equal(purge.call.purge.dropped, 105);
    assert_int_equal(ready(w.queues[0]), 3);
    assert_int_equal(deletion.answers, 1);
    assert_int_equal(deletion.call.deletion.dropped, 102);
    assert_int_equal(w.answers, 10);
}

static void a_store_that_is_closed_during_the_restore_answers_all_calls_and_keeps_all(void **state)
{
    struct question get_question, counts;
    (void)state;
    begin_after_crash(100);
    publish(w.queues[0], 5);
    publish(w.queues[1], 5);
    ask(&get_question, w.queues[0], queue_call_get);
    ask(&counts, w.queues[1], queue_call_status);
    settle();
    journal_close(&w.journal);
    loops_drain(w.loops);
    assert_int_equal(w.answers, 10);
    assert_int_equal(w.refusals, 10);
    assert_int_equal(get_question.answers, 1);
    assert_null(get_question.call.get.got.message);
    assert_int_equal(counts.answers, 1);
    end();
    begin();
    restore();
    assert_int_equal(ready(w.queues[0]), 100);
    assert_int_equal(ready(w.queues[1]), 100);
}

/* What is read before clients are served. */
static uint64_t bytes_read_at_start(unsigned messages)
{
    begin();
    restore();
    for (unsigned left = messages; left > 0; left -= 20) {
        publish(w.queues[0], 20);
        settle();
    }
    crash();
    uint64_t before = disk_sim_bytes_read(w.disk);
    begin();
    return disk_sim_bytes_read(w.disk) - before;
}

static void a_start_reads_a_bounded_part_of_the_log_before_it_serves(void **state)
{
    (void)state;
    uint64_t few = bytes_read_at_start(400);
    uint64_t left_of_few = log_unread_bytes(w.journal->log);
    end();
    uint64_t many = bytes_read_at_start(6000);
    uint64_t files = 0;
    assert_true(log_unread_bytes(w.journal->log) > 4 * left_of_few);
    for (uint64_t bytes = log_unread_bytes(w.journal->log); bytes > 0; files++)
        bytes -= bytes < FILE_BYTES ? bytes : FILE_BYTES;
    /* Whole: the newest file, one that was prepared, one that was not filled; of others the
     * beginning. */
    assert_true(few <= 5 * FILE_BYTES);
    assert_true(many <= 5 * FILE_BYTES + files * 4 * 128);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(calls_during_the_restore_are_answered_in_order_when_it_is_done),
        TEST(publishers_of_different_loops_keep_their_order),
        TEST(a_queue_declared_during_the_restore_is_served_at_once),
        TEST(a_crash_during_the_restore_loses_and_duplicates_nothing),
        TEST(a_new_queue_does_not_inherit_what_the_log_has_of_a_deleted_one),
        TEST(nor_does_a_queue_that_is_first_used_after_the_restore),
        TEST(a_purge_and_a_deletion_keep_their_order_among_the_publishes),
        TEST(a_store_that_is_closed_during_the_restore_answers_all_calls_and_keeps_all),
        TEST(a_start_reads_a_bounded_part_of_the_log_before_it_serves),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
