/* A broker on real loops, for tests. */
#include "manage/manage_world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "message/message.h"
#include "topology/exchange.h"
#include "topology/exchange_counts.h"

#define S(text) slice_str(text)

static _Atomic uint64_t clock_now_ms;

static uint64_t clock_ms(void)
{
    return clock_now_ms;
}

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

void world_begin(struct world *w, struct statistics_settings settings)
{
    lv_rcu_register_thread();
    clock_now_ms = 1000000;
    settings.interval_ms = INT32_MAX;
    settings.clock_ms = clock_ms;
    struct loops *loops = loops_create(WORLD_LOOPS);
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
    /* The sampler's thread takes its first round when it begins: after that, those of ticks
     * alone. */
    if (!settings.is_disabled)
        assert_int_equal(statistics_refresh(w->m.statistics), 0);
}

void world_end(struct world *w)
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

void world_pass(uint64_t ms)
{
    clock_now_ms += ms;
}

void world_tick(struct world *w)
{
    clock_now_ms += WORLD_TICK_MS;
    assert_int_equal(statistics_refresh(w->m.statistics), 0);
}

uint64_t world_declare(struct world *w, const char *name)
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

static void do_nothing(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

/* The messages are sent to the queue's home at the end of the turn in which they are published:
 * they are there once loop 0 has begun another turn, and home has delivered its mail. */
void world_publish(struct world *w, const char *queue, unsigned count)
{
    struct publishing p = {w, queue, count};
    struct loop *loop = loops_at(w->m.loops, 0);
    assert_int_equal(ask_loop(w->m.asker, loop, publish_on_loop, &p), 0);
    assert_int_equal(ask_loop(w->m.asker, loop, do_nothing, NULL), 0);
    assert_int_equal(ask_every_loop(w->m.asker, do_nothing, NULL), 0);
}
