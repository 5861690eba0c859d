/* Statistics of real loops, under a clock that moves only when told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>

#include "base/counters.h"
#include "base/error.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "manage/queues.h"
#include "manage/statistics.h"
#include "message/message.h"
#include "session/session.h"
#include "topology/exchange_counts.h"

#define S(text) slice_str(text)

enum { LOOPS = 2, TICK_MS = 5000 };

static _Atomic uint64_t clock_now_ms;

static uint64_t clock_ms(void)
{
    return clock_now_ms;
}

struct world {
    struct manage m;
    struct session_server sessions;
    struct vhost *vhost;
    struct manage_error error;
    pthread_t thread;
};

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

/* The sampler runs only when it is asked to. */
static void begin_with(struct world *w, struct statistics_settings settings)
{
    lv_rcu_register_thread();
    clock_now_ms = 1000000;
    settings.interval_ms = INT32_MAX;
    settings.clock_ms = clock_ms;
    struct loops *loops = loops_create(LOOPS);
    *w = (struct world){.m = {.loops = loops,
                              .asker = asker_create(loops),
                              .broker = broker_create(loops, NULL),
                              .auth = auth_create(NULL),
                              .node_name = "leveret@here"}};
    w->sessions.broker = w->m.broker;
    enum change_result result =
        vhost_create(w->m.broker, &(struct definition_vhost){.name = S("/")}, false,
                     (struct durable_done){NULL, NULL}, &w->vhost);
    assert_int_equal(result, CHANGE_DONE);
    sessions_start(loops, &w->sessions);
    loops_start(loops);
    assert_int_equal(pthread_create(&w->thread, NULL, run_loops, loops), 0);
    assert_int_equal(statistics_start(loops, w->m.broker, &settings, &w->m.statistics), 0);
}

static void begin(struct world *w)
{
    begin_with(w, (struct statistics_settings){.rates_mode = RATES_BASIC});
}

static void end(struct world *w)
{
    loops_stop(w->m.loops);
    lv_rcu_offline();
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    lv_rcu_online();
    statistics_stop(&w->m.statistics);
    asker_close(w->m.asker);
    asker_free(&w->m.asker);
    sessions_stop(w->m.loops);
    manage_error_free(&w->error);
    broker_free(&w->m.broker);
    loops_free(&w->m.loops);
    auth_free(&w->m.auth);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

/* A round, a tick after the one before. */
static void tick(struct world *w)
{
    clock_now_ms += TICK_MS;
    assert_int_equal(statistics_refresh(w->m.statistics), 0);
}

static uint64_t declare(struct world *w, const char *name)
{
    const struct queue_declaration d = {.name = S(name)};
    bool is_created;
    assert_true(manage_declare_queue(&w->m, &actor_cli, S("/"), &d, &is_created, &w->error));
    struct queue *q = manage_queue(&w->m, S("/"), S(name), &w->error);
    uint64_t id = queue_id(q);
    queue_unref(&q);
    return id;
}

struct publishing {
    struct world *w;
    const char *queue;
    unsigned count;
};

static void publish_on_loop(struct loop *loop, void *arg)
{
    const struct publishing *p = arg;
    struct queue *q = queue_find(p->w->vhost, S(p->queue));
    struct exchange *x = exchange_find(p->w->vhost, S(""));
    const uint8_t no_properties[2] = {0};
    for (unsigned i = 0; i < p->count; i++) {
        struct message *m =
            message_create(S(""), S(p->queue), slice_of(no_properties, 2), 0, false);
        queue_publish(loop, q, m, NULL, 0);
        exchange_count(exchange_counts_of(x, loop), 1);
        message_unref(&m);
    }
}

static void publish(struct world *w, const char *queue, unsigned count)
{
    struct publishing p = {w, queue, count};
    assert_int_equal(ask_loop(w->m.asker, loops_at(w->m.loops, 0), publish_on_loop, &p), 0);
}

static const struct statistics_range minute = {
    .of = {[STATISTIC_LENGTHS] = {60, 5}, [STATISTIC_MESSAGES] = {60, 5}}};

static void assert_figures(const struct statistics_answer *a, enum statistic which, uint64_t value,
                           double rate)
{
    assert_true(a->of[which].is_known);
    assert_int_equal(a->of[which].value, value);
    assert_true(a->of[which].rate == rate);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_rate_is_that_of_the_last_interval(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin(&w);
    tick(&w);
    uint64_t id = declare(&w, "q");
    assert_false(statistics_queue(w.m.statistics, id, NULL, &a));
    publish(&w, "q", 10);
    tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_figures(&a, STATISTIC_messages, 10, 2);
    assert_figures(&a, STATISTIC_messages_ready, 10, 2);
    assert_figures(&a, STATISTIC_publish, 10, 2);
    assert_figures(&a, STATISTIC_deliver_get, 0, 0);
    assert_true(a.has_published);
    assert_false(a.has_delivered);
    assert_false(a.of[STATISTIC_recv_oct].is_known);
    tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    assert_figures(&a, STATISTIC_publish, 10, 0);
    end(&w);
}

static void samples_are_newest_first_and_averaged(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin(&w);
    tick(&w);
    uint64_t id = declare(&w, "q");
    publish(&w, "q", 26);
    tick(&w);
    clock_now_ms +=
        TICK_MS; /* a sample is taken at a multiple of its step, which is past by then */
    assert_true(statistics_queue(w.m.statistics, id, &minute, &a));
    const struct statistic_answer *published = &a.of[STATISTIC_publish];
    assert_int_equal(a.samples[STATISTIC_MESSAGES].count, 13);
    assert_int_equal(a.samples[STATISTIC_MESSAGES].newest_ms % 5000, 0);
    assert_int_equal(published->samples[0], 26);
    assert_int_equal(published->samples[2], 0);
    assert_int_equal(published->samples[12], 0);
    assert_true(published->avg == 26.0 / 13 || published->avg == 2 * 26.0 / 13);
    assert_true(published->avg_rate == 26.0 / 60);
    assert_null(a.of[STATISTIC_recv_oct].samples);
    statistics_answer_free(&a);
    end(&w);
}

static void vhosts_and_the_node_have_sums(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin(&w);
    declare(&w, "one");
    declare(&w, "two");
    publish(&w, "one", 3);
    publish(&w, "two", 4);
    tick(&w);
    assert_true(statistics_vhost(w.m.statistics, S("/"), &minute, &a));
    assert_int_equal(a.of[STATISTIC_messages].value, 7);
    statistics_answer_free(&a);
    assert_true(statistics_overview(w.m.statistics, &actor_cli, NULL, &a));
    assert_int_equal(a.of[STATISTIC_messages].value, 7);
    assert_true(a.of[STATISTIC_queue_created].value >= 2);
    assert_true(statistics_exchange(w.m.statistics, S("/"), S(""), NULL, &a));
    assert_int_equal(a.of[STATISTIC_publish_in].value, 7);
    assert_int_equal(a.of[STATISTIC_publish_out].value, 7);
    assert_false(statistics_vhost(w.m.statistics, S("none"), NULL, &a));
    end(&w);
}

static void what_a_vhosts_ended_channels_have_counted_remains(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin(&w);
    vhost_count_ended(w.vhost, &(struct vhost_ended_counts){.channels = {.publish = 5, .ack = 2},
                                                            .received_bytes = 300,
                                                            .sent_bytes = 400});
    tick(&w);
    assert_true(statistics_vhost(w.m.statistics, S("/"), NULL, &a));
    assert_int_equal(a.of[STATISTIC_publish].value, 5);
    assert_int_equal(a.of[STATISTIC_ack].value, 2);
    assert_int_equal(a.of[STATISTIC_recv_oct].value, 300);
    assert_int_equal(a.of[STATISTIC_send_oct].value, 400);
    end(&w);
}

static void a_deleted_queue_is_forgotten(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    uint64_t dropped;
    begin(&w);
    uint64_t id = declare(&w, "q");
    tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, NULL, &a));
    const struct queue_deletion deletion = {.vhost = S("/"), .name = S("q")};
    assert_true(manage_delete_queue(&w.m, &actor_cli, &deletion, &dropped, &w.error));
    tick(&w);
    assert_false(statistics_queue(w.m.statistics, id, NULL, &a));
    end(&w);
}

/* More than a loop reads in one turn. */
static void many_queues_are_read_in_slices(void **state)
{
    (void)state;
    enum { QUEUES = 1500 };
    struct world w;
    uint64_t ids[QUEUES];
    begin(&w);
    for (unsigned i = 0; i < QUEUES; i++) {
        char name[20];
        snprintf(name, sizeof name, "q%u", i);
        ids[i] = declare(&w, name);
        if (i % 100 == 0)
            publish(&w, name, i);
    }
    tick(&w);
    statistics_lock(w.m.statistics);
    for (unsigned i = 0; i < QUEUES; i++) {
        int64_t key = statistics_queue_key(w.m.statistics, ids[i], STATISTIC_messages, false);
        assert_int_equal(key, i % 100 == 0 ? i : 0);
    }
    statistics_unlock(w.m.statistics);
    end(&w);
}

static void nothing_is_answered_if_nothing_is_collected(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin_with(&w, (struct statistics_settings){.is_disabled = true});
    assert_int_equal(statistics_refresh(w.m.statistics), ERR_CLOSED);
    assert_false(statistics_node(w.m.statistics, &minute, &a));
    assert_false(statistics_overview(w.m.statistics, &actor_cli, &minute, &a));
    assert_false(statistics_node(NULL, &minute, &a));
    end(&w);
}

static void without_rates_there_are_values_alone(void **state)
{
    (void)state;
    struct world w;
    struct statistics_answer a;
    begin_with(&w, (struct statistics_settings){.rates_mode = RATES_NONE});
    tick(&w);
    uint64_t id = declare(&w, "q");
    publish(&w, "q", 10);
    tick(&w);
    assert_true(statistics_queue(w.m.statistics, id, &minute, &a));
    assert_figures(&a, STATISTIC_messages, 10, 0);
    assert_null(a.of[STATISTIC_messages].samples);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rate_is_that_of_the_last_interval),
        cmocka_unit_test(samples_are_newest_first_and_averaged),
        cmocka_unit_test(vhosts_and_the_node_have_sums),
        cmocka_unit_test(what_a_vhosts_ended_channels_have_counted_remains),
        cmocka_unit_test(a_deleted_queue_is_forgotten),
        cmocka_unit_test(many_queues_are_read_in_slices),
        cmocka_unit_test(nothing_is_answered_if_nothing_is_collected),
        cmocka_unit_test(without_rates_there_are_values_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
