/* What an operator does to queues, on real loops: declaring, listing, purging, deleting, and what
 * is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>

#include "base/counters.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "manage/queues.h"
#include "message/message.h"

#define S(text) slice_str(text)

enum { LOOPS = 2 };

struct world {
    struct manage m;
    struct vhost *vhost;
    struct manage_error error;
    pthread_t thread;
};

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

static void begin(struct world *w)
{
    lv_rcu_register_thread();
    struct loops *loops = loops_create(LOOPS);
    *w = (struct world){.m = {.loops = loops,
                              .asker = asker_create(loops),
                              .broker = broker_create(loops, NULL),
                              .auth = auth_create(NULL),
                              .node_name = "leveret@here"}};
    enum change_result result =
        vhost_create(w->m.broker, &(struct definition_vhost){.name = S("/")}, false,
                     (struct durable_done){NULL, NULL}, &w->vhost);
    assert_int_equal(result, CHANGE_DONE);
    loops_start(loops);
    assert_int_equal(pthread_create(&w->thread, NULL, run_loops, loops), 0);
}

static void end(struct world *w)
{
    loops_stop(w->m.loops);
    lv_rcu_offline();
    assert_int_equal(pthread_join(w->thread, NULL), 0);
    lv_rcu_online();
    asker_close(w->m.asker);
    asker_free(&w->m.asker);
    manage_error_free(&w->error);
    broker_free(&w->m.broker);
    loops_free(&w->m.loops);
    auth_free(&w->m.auth);
    lv_rcu_barrier();
    lv_rcu_unregister_thread();
}

static bool declare(struct world *w, const struct actor *actor, const char *name, bool *ret_created)
{
    const struct queue_declaration d = {.name = S(name)};
    return manage_declare_queue(&w->m, actor, S("/"), &d, ret_created, &w->error);
}

static void assert_refused(const struct world *w, enum refusal refusal, enum subject subject)
{
    assert_int_equal(w->error.refusal, refusal);
    assert_int_equal(w->error.subject, subject);
}

/* --- messages --------------------------------------------------------------------------------- */

struct publishing {
    struct world *w;
    const char *queue;
    unsigned count;
};

static void publish_on_loop(struct loop *loop, void *arg)
{
    const struct publishing *p = arg;
    struct queue *q = queue_find(p->w->vhost, S(p->queue));
    const uint8_t no_properties[2] = {0};
    for (unsigned i = 0; i < p->count; i++) {
        struct message *m =
            message_create(S(""), S(p->queue), slice_of(no_properties, 2), 0, false);
        queue_publish(loop, q, m, NULL, 0);
        message_unref(&m);
    }
}

static void publish(struct world *w, const char *queue, unsigned count)
{
    struct publishing p = {w, queue, count};
    assert_int_equal(ask_loop(w->m.asker, loops_at(w->m.loops, 0), publish_on_loop, &p), 0);
}

/* --- tests ------------------------------------------------------------------------------------ */

static void a_queue_is_created_once_and_declared_again(void **state)
{
    (void)state;
    struct world w;
    bool is_created = false;
    begin(&w);
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    assert_true(is_created);
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    assert_false(is_created);
    end(&w);
}

static void a_queue_of_another_kind_or_a_reserved_name_is_refused(void **state)
{
    (void)state;
    struct world w;
    bool is_created;
    begin(&w);
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    const struct queue_declaration durable = {.name = S("q"), .flags.durable = true};
    assert_false(manage_declare_queue(&w.m, &actor_cli, S("/"), &durable, &is_created, &w.error));
    assert_refused(&w, REFUSAL_PRECONDITION, SUBJECT_QUEUE);
    assert_false(declare(&w, &actor_cli, "amq.q", &is_created));
    assert_refused(&w, REFUSAL_RESERVED, SUBJECT_QUEUE);
    assert_false(
        manage_declare_queue(&w.m, &actor_cli, S("none"), &durable, &is_created, &w.error));
    assert_refused(&w, REFUSAL_NOT_FOUND, SUBJECT_VHOST);
    end(&w);
}

static void a_listing_has_a_row_for_each_queue_by_name(void **state)
{
    (void)state;
    struct world w;
    struct listing l;
    bool is_created;
    begin(&w);
    assert_true(declare(&w, &actor_cli, "pears", &is_created));
    assert_true(declare(&w, &actor_cli, "apples", &is_created));
    assert_true(declare(&w, &actor_cli, "plums", &is_created));
    publish(&w, "pears", 3);
    assert_true(manage_list_queues(&w.m, &actor_cli, S("/"), NULL, &l, &w.error));
    assert_int_equal(l.count, 3);
    assert_true(slice_is(((struct queue_facts *)l.rows[0])->name, "apples"));
    assert_true(slice_is(((struct queue_facts *)l.rows[1])->name, "pears"));
    assert_int_equal(((struct queue_facts *)l.rows[1])->ready, 3);
    assert_int_equal(((struct queue_facts *)l.rows[2])->ready, 0);
    listing_free(&l);
    assert_false(manage_list_queues(&w.m, &actor_cli, S("none"), NULL, &l, &w.error));
    assert_refused(&w, REFUSAL_NOT_FOUND, SUBJECT_VHOST);
    listing_free(&l);
    end(&w);
}

/* One turn of the loop is not enough to drop this many. */
static void a_purge_returns_when_all_messages_are_dropped(void **state)
{
    (void)state;
    enum { MESSAGES = 50000 };
    struct world w;
    uint64_t dropped = 0;
    bool is_created;
    begin(&w);
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    publish(&w, "q", MESSAGES);
    assert_true(manage_purge_queue(&w.m, &actor_cli, S("/"), S("q"), NULL, &dropped, &w.error));
    assert_int_equal(dropped, MESSAGES);
    assert_true(manage_purge_queue(&w.m, &actor_cli, S("/"), S("q"), NULL, &dropped, &w.error));
    assert_int_equal(dropped, 0);
    end(&w);
}

static void a_queue_is_deleted_only_if_its_conditions_hold(void **state)
{
    (void)state;
    struct world w;
    uint64_t ready = 0;
    bool is_created;
    begin(&w);
    struct queue_deletion what = {.vhost = S("/"), .name = S("q"), .if_empty = true};
    assert_false(manage_delete_queue(&w.m, &actor_cli, &what, &ready, &w.error));
    assert_refused(&w, REFUSAL_NOT_FOUND, SUBJECT_QUEUE);
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    publish(&w, "q", 2);
    assert_false(manage_delete_queue(&w.m, &actor_cli, &what, &ready, &w.error));
    assert_refused(&w, REFUSAL_NOT_EMPTY, SUBJECT_QUEUE);
    what.if_empty = false;
    assert_true(manage_delete_queue(&w.m, &actor_cli, &what, &ready, &w.error));
    assert_int_equal(ready, 2);
    end(&w);
}

static void an_actor_without_permission_changes_nothing(void **state)
{
    (void)state;
    struct world w;
    uint64_t count = 0;
    bool is_created;
    begin(&w);
    struct actor eve = {.name = S("eve")};
    struct auth_identity *identity;
    const struct definition_permission row = {S("/"), S("eve"), S("^mine$"), S(""), S("")};
    assert_int_equal(auth_add_user(w.m.auth, S("eve"), S("x"), S("management"), NULL, NULL), 0);
    assert_int_equal(auth_set_permissions(w.m.auth, &row, NULL, NULL, NULL), 0);
    assert_int_equal(auth_identity_of(w.m.auth, S("eve"), &identity), 0);
    eve.identity = identity;
    assert_true(declare(&w, &actor_cli, "q", &is_created));
    assert_false(declare(&w, &eve, "other", &is_created));
    assert_refused(&w, REFUSAL_ACCESS, SUBJECT_QUEUE);
    assert_false(manage_purge_queue(&w.m, &eve, S("/"), S("q"), NULL, &count, &w.error));
    assert_refused(&w, REFUSAL_ACCESS, SUBJECT_QUEUE);
    const struct queue_deletion theirs = {.vhost = S("/"), .name = S("q")};
    assert_false(manage_delete_queue(&w.m, &eve, &theirs, &count, &w.error));
    assert_refused(&w, REFUSAL_ACCESS, SUBJECT_QUEUE);
    const struct queue_deletion mine = {.vhost = S("/"), .name = S("mine")};
    assert_true(declare(&w, &eve, "mine", &is_created));
    assert_true(manage_delete_queue(&w.m, &eve, &mine, &count, &w.error));
    auth_identity_unref(&identity);
    end(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_queue_is_created_once_and_declared_again),
        cmocka_unit_test(a_queue_of_another_kind_or_a_reserved_name_is_refused),
        cmocka_unit_test(a_listing_has_a_row_for_each_queue_by_name),
        cmocka_unit_test(a_purge_returns_when_all_messages_are_dropped),
        cmocka_unit_test(a_queue_is_deleted_only_if_its_conditions_hold),
        cmocka_unit_test(an_actor_without_permission_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
