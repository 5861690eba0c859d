/* Forwarding: in order, bounded, to every target, whatever happens to either end meanwhile. */
#include "broker/broker_world.h"
#include "broker/forward.h"
#include "paging/journal.h"
#include "queue/queue_home.h"

enum { ENDS_MAX = 20000 };

static struct world w;
static struct loop *here, *there;
static struct queue *source;

/* How the forwards ended, in order. */
static struct {
    uint64_t position;
    enum forward_end end;
} ends[ENDS_MAX];
static unsigned end_count;
static bool is_starting; /* no end may come now */

/* What make() does. */
static enum { MAKE_SAME, MAKE_NOTHING, MAKE_NO_MEMORY } making;
static unsigned made_count;
static const char *only_target; /* is_target(): NULL: all */

static struct message *message_for(const char *exchange, const char *key, uint64_t body_bytes)
{
    struct message *m =
        message_create(slice_str(exchange), slice_str(key), slice_of("\0\0", 2), body_bytes, true);
    memset(message_body_space(m), 'x', body_bytes);
    return m;
}

static void done(struct queue *q, const struct forward *f, enum forward_end end)
{
    assert_ptr_equal(q, source);
    assert_false(is_starting);
    assert_true(end_count < ENDS_MAX);
    ends[end_count].position = f->position;
    ends[end_count++].end = end;
}

static bool make(struct queue *q, const struct forward *f, struct message **ret)
{
    (void)q;
    made_count++;
    *ret = making == MAKE_SAME ? message_ref(f->message) : NULL;
    return making != MAKE_NO_MEMORY;
}

static bool is_target(struct queue *q, const struct forward *f, const struct message *made,
                      struct queue *target)
{
    (void)q, (void)f, (void)made;
    return !only_target || slice_is(queue_name(target), only_target);
}

static const struct forward_ops ops = {.make = make, .is_target = is_target, .done = done};

static struct queue *declare(struct loop *home, const char *name, bool durable)
{
    return world_declare_with(
        &w, home, &(struct queue_declaration){.name = slice_str(name), .flags.durable = durable});
}

static void drop(struct queue *q)
{
    loop_sim_enter(queue_home(q));
    queue_delete(q);
    loop_sim_enter(NULL);
}

static void start(uint64_t position, struct message *m, bool must_arrive)
{
    struct forward f = {.position = position, .message = m, .must_arrive = must_arrive};
    loop_sim_enter(here);
    is_starting = true;
    forward_start(source, &ops, &f);
    is_starting = false;
    loop_sim_enter(NULL);
}

static void start_to(uint64_t position, const char *key, bool must_arrive)
{
    struct message *m = message_for("", key, 10);
    start(position, m, must_arrive);
    message_unref(&m);
}

static void assert_ended(unsigned at, uint64_t position, enum forward_end end)
{
    assert_true(at < end_count);
    assert_int_equal(ends[at].position, position);
    assert_int_equal(ends[at].end, end);
}

static uint64_t ready(struct queue *q)
{
    return lanes_count(queue_lanes(q)).ready;
}

/* --- each test's world ------------------------------------------------------------------------ */

static int set_up(void **state)
{
    (void)state;
    world_start_broker(&w, 2, 7);
    here = loops_at(w.loops, 0);
    there = loops_at(w.loops, 1);
    source = declare(here, "source", true);
    end_count = made_count = 0;
    making = MAKE_SAME;
    only_target = NULL;
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    world_stop_broker(&w);
    return 0;
}

/* From here on the loop's durable queues refuse what is persistent, as after a failed disk. */
static struct journal_loop failed_store;
static void fail_store(struct loop *loop, bool is_failed)
{
    loop_set_slot(loop, &journal_slot, is_failed ? &failed_store : NULL);
}

/* --- promises --------------------------------------------------------------------------------- */

static void forwards_leave_in_order_and_end_when_they_have_arrived(void **state)
{
    (void)state;
    struct queue *near = declare(here, "near", false), *far = declare(there, "far", false);
    for (uint64_t position = 0; position < 3000; position++)
        start_to(position, position % 2 ? "far" : "near", false);
    assert_int_equal(forward_in_transit(source).messages, 3000);
    assert_int_equal(forward_in_transit(source).body_bytes, 30000);
    loop_sim_settle(w.loops);
    loop_sim_advance(w.loops, 10);
    assert_int_equal(end_count, 3000);
    assert_int_equal(ready(near), 1500);
    assert_int_equal(ready(far), 1500);
    assert_int_equal(forward_in_transit(source).messages, 0);
    assert_int_equal(forward_in_transit(source).body_bytes, 0);
    uint64_t next[2] = {0, 1};
    for (unsigned i = 0; i < end_count; i++) {
        assert_int_equal(ends[i].end, FORWARD_TAKEN);
        assert_int_equal(ends[i].position, next[ends[i].position % 2]);
        next[ends[i].position % 2] += 2;
    }
}

static void a_message_without_a_route_is_dropped_or_kept_until_it_has_one(void **state)
{
    (void)state;
    start_to(1, "later", false);
    start_to(2, "later", true);
    loop_sim_advance(w.loops, 5000);
    assert_int_equal(end_count, 1);
    assert_ended(0, 1, FORWARD_DROPPED);
    assert_int_equal(forward_in_transit(source).messages, 1);
    struct queue *later = declare(there, "later", true);
    loop_sim_advance(w.loops, 2000);
    assert_ended(1, 2, FORWARD_TAKEN);
    assert_int_equal(ready(later), 1);
}

static void a_missing_exchange_is_like_no_route_and_a_new_one_is_noticed_soon(void **state)
{
    (void)state;
    struct queue *end = declare(there, "end", true);
    struct message *m = message_for("x", "k", 1);
    start(1, m, false);
    start(2, m, true);
    message_unref(&m);
    loop_sim_advance(w.loops, 60000);
    assert_int_equal(end_count, 1);
    unsigned tries = made_count;
    assert_in_range(tries, 30, 70); /* once a second by now */
    world_exchange(&w, "x", "fanout");
    world_bind(&w, "x", "->", "end", "");
    loop_sim_advance(w.loops, 110);
    assert_ended(1, 2, FORWARD_TAKEN);
    assert_int_equal(ready(end), 1);
    loop_sim_advance(w.loops, 60000);
    assert_int_equal(made_count, tries + 1); /* nothing is kept: nothing is tried */
}

static void a_refused_message_is_dropped_or_tried_again_with_the_queue_that_refused_it(void **state)
{
    (void)state;
    struct queue *takes = declare(here, "takes", false), *refuses = declare(there, "refuses", true);
    world_exchange(&w, "x", "fanout");
    world_bind(&w, "x", "->", "takes", "");
    world_bind(&w, "x", "->", "refuses", "");
    fail_store(there, true);
    struct message *m = message_for("x", "k", 1);
    start(1, m, true);
    loop_sim_advance(w.loops, 10000);
    assert_int_equal(end_count, 0);
    assert_int_equal(ready(takes), 1);
    start_to(2, "refuses", false);
    loop_sim_advance(w.loops, 10);
    assert_ended(0, 2, FORWARD_DROPPED);
    fail_store(there, false);
    loop_sim_advance(w.loops, 2000);
    assert_ended(1, 1, FORWARD_TAKEN);
    assert_int_equal(ready(takes), 1);
    assert_int_equal(ready(refuses), 1);
    message_unref(&m);
}

static void the_callers_functions_make_the_message_and_choose_its_targets(void **state)
{
    (void)state;
    struct queue *a = declare(here, "a", false), *b = declare(there, "b", false);
    world_exchange(&w, "x", "fanout");
    world_bind(&w, "x", "->", "a", "");
    world_bind(&w, "x", "->", "b", "");
    struct message *m = message_for("x", "k", 1);
    only_target = "b";
    start(1, m, false);
    loop_sim_settle(w.loops);
    assert_ended(0, 1, FORWARD_TAKEN);
    assert_int_equal(ready(a), 0);
    assert_int_equal(ready(b), 1);
    only_target = "c";
    start(2, m, false);
    loop_sim_settle(w.loops);
    assert_ended(1, 2, FORWARD_DROPPED);
    only_target = NULL;
    making = MAKE_NOTHING;
    start(3, m, true);
    loop_sim_settle(w.loops);
    assert_ended(2, 3, FORWARD_DROPPED);
    making = MAKE_NO_MEMORY;
    start(4, m, false);
    loop_sim_advance(w.loops, 1000);
    assert_int_equal(end_count, 3);
    making = MAKE_SAME;
    loop_sim_advance(w.loops, 2000);
    assert_ended(3, 4, FORWARD_TAKEN);
    assert_int_equal(ready(a), 1);
    message_unref(&m);
}

static void a_message_may_go_to_the_queue_it_is_in(void **state)
{
    (void)state;
    start_to(1, "source", false);
    assert_int_equal(ready(source), 0);
    loop_sim_settle(w.loops);
    assert_ended(0, 1, FORWARD_TAKEN);
    assert_int_equal(ready(source), 1);
}

/* --- room ------------------------------------------------------------------------------------- */

static unsigned told_of_room;

static void room_task(struct loop *loop, struct loop_task *task)
{
    (void)loop, (void)task;
    assert_true(forward_has_room(source));
    told_of_room++;
}

static void a_task_that_waits_for_room_is_scheduled_once(void **state)
{
    (void)state;
    struct loop_task task;
    declare(there, "end", false);
    loop_task_init(&task, room_task);
    told_of_room = 0;
    assert_true(forward_has_room(source));
    uint64_t position = 0;
    for (; forward_has_room(source); position++)
        start_to(position, "end", false);
    assert_int_equal(position, FORWARDS_MAX);
    loop_sim_enter(here);
    forward_when_room(source, &task);
    forward_when_room(source, &task);
    loop_sim_enter(NULL);
    assert_int_equal(told_of_room, 0);
    loop_sim_settle(w.loops);
    loop_sim_advance(w.loops, 10);
    assert_int_equal(told_of_room, 1);
    assert_int_equal(end_count, FORWARDS_MAX);
    loop_sim_enter(here);
    forward_when_room(source, &task);
    loop_sim_enter(NULL);
    loop_sim_settle(w.loops);
    assert_int_equal(told_of_room, 2);
}

static void no_more_than_the_limit_are_made_before_others_have_arrived(void **state)
{
    (void)state;
    enum { BIG = 6 * 1024 * 1024 };
    struct queue *end = declare(there, "end", false);
    struct message *m = message_for("", "end", BIG);
    for (uint64_t position = 0; position < 10; position++)
        start(position, m, false);
    message_unref(&m);
    unsigned before = made_count;
    uint64_t most = 0;
    for (int turn = 0; end_count < 10 && turn < 10000; turn++) {
        loop_sim_turn(w.loops);
        uint64_t under_way = made_count - before - end_count;
        most = under_way > most ? under_way : most;
        loop_sim_advance(w.loops, 1);
    }
    assert_int_equal(end_count, 10);
    assert_in_range(most, 1, 3);
    assert_int_equal(ready(end), 10);
}

static void a_thousand_kept_messages_leave_room_for_others(void **state)
{
    (void)state;
    struct queue *end = declare(there, "end", false);
    for (uint64_t position = 0; position < 1000; position++)
        start_to(position, "nowhere", true);
    start_to(1000, "end", true);
    loop_sim_advance(w.loops, 50);
    assert_int_equal(end_count, 1);
    assert_ended(0, 1000, FORWARD_TAKEN);
    assert_int_equal(ready(end), 1);
    struct queue *nowhere = declare(here, "nowhere", false);
    loop_sim_advance(w.loops, 3000);
    assert_int_equal(end_count, 1001);
    assert_int_equal(ready(nowhere), 1000);
    for (unsigned i = 1; i < end_count; i++)
        assert_ended(i, i - 1, FORWARD_TAKEN);
}

/* --- a queue that goes ------------------------------------------------------------------------ */

static void a_deleted_queue_sends_what_waits_and_abandons_what_is_kept(void **state)
{
    (void)state;
    struct queue *end = declare(there, "end", false);
    start_to(1, "nowhere", true);
    loop_sim_advance(w.loops, 300);
    start_to(2, "end", true);
    start_to(3, "nowhere", true);
    struct queue *deleted = queue_ref(source);
    drop(source);
    assert_ended(0, 1, FORWARD_ABANDONED);
    assert_ended(1, 3, FORWARD_ABANDONED);
    loop_sim_settle(w.loops);
    assert_ended(2, 2, FORWARD_TAKEN);
    assert_int_equal(ready(end), 1);
    assert_int_equal(forward_in_transit(deleted).messages, 0);
    queue_unref(&deleted);
}

static void a_deleted_target_counts_as_having_taken_it(void **state)
{
    (void)state;
    struct queue *end = declare(there, "end", false);
    start_to(1, "end", true);
    loop_sim_enter(here);
    loop_sim_turn(w.loops);
    loop_sim_enter(NULL);
    drop(end);
    loop_sim_settle(w.loops);
    assert_int_equal(end_count, 1);
}

static void messages_that_are_kept_or_wait_are_abandoned_when_the_broker_is_freed(void **state)
{
    (void)state;
    start_to(1, "nowhere", true);
    loop_sim_advance(w.loops, 300);
    start_to(2, "nowhere", true);
    broker_free(&w.broker);
    assert_int_equal(end_count, 2);
    assert_int_equal(ends[0].end, FORWARD_ABANDONED);
    assert_int_equal(ends[1].end, FORWARD_ABANDONED);
}

#define PROMISE(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PROMISE(forwards_leave_in_order_and_end_when_they_have_arrived),
        PROMISE(a_message_without_a_route_is_dropped_or_kept_until_it_has_one),
        PROMISE(a_missing_exchange_is_like_no_route_and_a_new_one_is_noticed_soon),
        PROMISE(a_refused_message_is_dropped_or_tried_again_with_the_queue_that_refused_it),
        PROMISE(the_callers_functions_make_the_message_and_choose_its_targets),
        PROMISE(a_message_may_go_to_the_queue_it_is_in),
        PROMISE(a_task_that_waits_for_room_is_scheduled_once),
        PROMISE(no_more_than_the_limit_are_made_before_others_have_arrived),
        PROMISE(a_thousand_kept_messages_leave_room_for_others),
        PROMISE(a_deleted_queue_sends_what_waits_and_abandons_what_is_kept),
        PROMISE(a_deleted_target_counts_as_having_taken_it),
        PROMISE(messages_that_are_kept_or_wait_are_abandoned_when_the_broker_is_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
