#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "base/counters.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "loop/loop.h"

/* --- every pair of three loops exchanges letters ---------------------------------------------- */

enum { LOOPS = 3, LETTERS = 30000, A_TURN = 700 };

struct correspondent {
    uint64_t next_from[LOOPS]; /* by the sender's index: the number of the next letter */
    uint64_t sent;
    struct loop_task task;
};

static struct correspondent correspondents[LOOPS];
static atomic_uint correspondents_done;
static struct loops *set;

static void letter(struct loop *at, struct mail *mail)
{
    struct correspondent *me = &correspondents[loop_index(at)];
    assert_ptr_equal(loop_current(), at);
    assert_ptr_equal(mail->a, me);
    assert_int_equal(mail->d, me->next_from[mail->c]);
    me->next_from[mail->c]++;
    unsigned complete = 0;
    for (unsigned i = 0; i < LOOPS; i++)
        complete += me->next_from[i] == LETTERS;
    if (complete == LOOPS && atomic_fetch_add(&correspondents_done, 1) == LOOPS - 1)
        loops_stop(set);
}

static void write_letters(struct loop *loop, struct loop_task *task)
{
    struct correspondent *me = &correspondents[loop_index(loop)];
    for (unsigned n = 0; n < A_TURN && me->sent < LETTERS; n++) {
        for (unsigned to = 0; to < LOOPS; to++) {
            struct mail mail = {
                .deliver = letter, .a = &correspondents[to], .c = loop_index(loop), .d = me->sent};
            loop_mail(loop, loops_at(set, to), &mail);
        }
        me->sent++;
    }
    if (me->sent < LETTERS)
        loop_schedule(loop, task);
}

static void begin(struct loop *at, struct mail *mail)
{
    (void)mail;
    struct correspondent *me = &correspondents[loop_index(at)];
    loop_task_init(&me->task, write_letters);
    loop_schedule(at, &me->task);
    loop_schedule(at, &me->task);
}

static void mail_between_loops_arrives_whole_and_in_order(void **state)
{
    (void)state;
    set = loops_create(LOOPS);
    for (unsigned i = 0; i < LOOPS; i++)
        loop_mail_from_outside(loops_at(set, i), &(struct mail){.deliver = begin});
    loops_start(set);
    loops_run(set);
    for (unsigned i = 0; i < LOOPS; i++) {
        for (unsigned from = 0; from < LOOPS; from++)
            assert_int_equal(correspondents[i].next_from[from], LETTERS);
    }
    loops_free(&set);
    assert_null(set);
}

/* --- mail from other threads ------------------------------------------------------------------ */

enum { STRANGERS = 4, CARDS = 5000 };

static uint64_t next_card[STRANGERS];
static unsigned cards;

static void card(struct loop *at, struct mail *mail)
{
    assert_int_equal(mail->d, next_card[mail->c]);
    next_card[mail->c]++;
    assert_int_equal(*(uint64_t *)mail->a, mail->d); /* what mail points to is complete */
    free(mail->a);
    if (++cards == STRANGERS * CARDS)
        loops_stop(loop_set(at));
}

static void *stranger(void *arg)
{
    unsigned who = *(unsigned *)arg;
    for (uint64_t i = 0; i < CARDS; i++) {
        uint64_t *luggage = lv_malloc(sizeof *luggage);
        *luggage = i;
        loop_mail_from_outside(loops_at(set, 1),
                               &(struct mail){.deliver = card, .a = luggage, .c = who, .d = i});
    }
    return NULL;
}

static void other_threads_than_loops_send_mail(void **state)
{
    (void)state;
    pthread_t threads[STRANGERS];
    unsigned who[STRANGERS];
    set = loops_create(2);
    loops_start(set);
    for (unsigned i = 0; i < STRANGERS; i++) {
        who[i] = i;
        assert_int_equal(pthread_create(&threads[i], NULL, stranger, &who[i]), 0);
    }
    loops_run(set);
    for (unsigned i = 0; i < STRANGERS; i++)
        pthread_join(threads[i], NULL);
    assert_int_equal(cards, STRANGERS * CARDS);
    loops_free(&set);
}

/* --- ping-pong: a loop that sleeps is woken --------------------------------------------------- */

enum { ROUND_TRIPS = 2000 };

static void ping(struct loop *at, struct mail *mail)
{
    assert_true(urcu_qsbr_read_ongoing()); /* online whenever our code runs */
    if (mail->c == 2 * ROUND_TRIPS) {
        loops_stop(loop_set(at));
        return;
    }
    mail->c++;
    loop_mail(at, loops_at(loop_set(at), 1 - loop_index(at)), mail);
}

static void a_sleeping_loop_is_woken_by_every_letter(void **state)
{
    (void)state;
    set = loops_create(2);
    loop_mail_from_outside(loops_at(set, 0), &(struct mail){.deliver = ping});
    loops_start(set);
    loops_run(set);
    loops_free(&set);
}

/* --- the order within a turn ------------------------------------------------------------------ */

static char story[64];
static size_t story_n;
static struct loop_task second_task;

static void tell(char c)
{
    assert_true(story_n < sizeof story - 1);
    story[story_n++] = c;
}

static void self_letter(struct loop *at, struct mail *mail)
{
    (void)at;
    tell((char)mail->c);
}

static void first_ran(struct loop *loop, struct loop_task *task)
{
    (void)task;
    tell('1');
    loop_schedule(loop, &second_task);
    loop_mail(loop, loop, &(struct mail){.deliver = self_letter, .c = 'm'});
}

static void second_ran(struct loop *loop, struct loop_task *task)
{
    (void)task;
    tell('2');
    loops_stop(loop_set(loop));
}

static void unwanted_ran(struct loop *loop, struct loop_task *task)
{
    (void)loop;
    (void)task;
    tell('!');
}

static void turn_ended(struct loop *loop)
{
    (void)loop;
    if (story_n > 0)
        tell('e');
}

static void tasks_and_mail_to_itself_run_in_the_same_turn(void **state)
{
    (void)state;
    struct loop_task first, unwanted;
    set = loops_create(1);
    struct loop *loop = loops_at(set, 0);
    loop_task_init(&first, first_ran);
    loop_task_init(&second_task, second_ran);
    loop_task_init(&unwanted, unwanted_ran);
    loop_at_turn_end(loop, turn_ended);
    loop_schedule(loop, &first);
    loop_schedule(loop, &unwanted);
    loop_unschedule(loop, &unwanted);
    loop_unschedule(loop, &unwanted);
    loops_start(set);
    loops_run(set);
    assert_memory_equal(story, "1em2e", 5);
    loops_free(&set);
}

/* --- timers, clocks, slots, signals ----------------------------------------------------------- */

static struct loop_timer late, early, stopped;
static uint64_t began_ms;
static unsigned fired;

static void late_fired(struct loop *loop, struct loop_timer *timer)
{
    (void)timer;
    assert_int_equal(fired++, 1);
    assert_true(loop_now_ms(loop) >= began_ms + 30);
    assert_true(loop_wall_ms(loop) > UINT64_C(1700000000000));
    loops_stop(loop_set(loop));
}

static void early_fired(struct loop *loop, struct loop_timer *timer)
{
    assert_int_equal(fired++, 0);
    assert_true(loop_now_ms(loop) >= began_ms + 10);
    assert_false(loop_timer_is_running(timer));
    loop_timer_stop(loop, &stopped);
}

static void must_not_fire(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    (void)timer;
    fail();
}

static void start_timers(struct loop *at, struct mail *mail)
{
    (void)mail;
    began_ms = loop_now_ms(at);
    loop_timer_start(at, &late, 30);
    loop_timer_start(at, &stopped, 15);
    loop_timer_start(at, &early, 500);
    loop_timer_start(at, &early, 10);
}

static void timers_fire_in_order_and_not_before_their_time(void **state)
{
    (void)state;
    set = loops_create(2);
    loop_timer_init(&late, late_fired);
    loop_timer_init(&early, early_fired);
    loop_timer_init(&stopped, must_not_fire);
    loop_mail_from_outside(loops_at(set, 1), &(struct mail){.deliver = start_timers});
    loops_start(set);
    loops_run(set);
    assert_int_equal(fired, 2);
    loops_free(&set);
}

static struct loop_slot test_slot, other_slot;
static unsigned freed_slots;

static void free_slot(struct loop *loop)
{
    assert_ptr_equal(loop_slot(loop, &test_slot), &freed_slots);
    assert_null(loop_slot(loop, &other_slot));
    assert_ptr_equal(loop_current(), loop);
    freed_slots++;
}

static void signalled(void *arg, int signal_number)
{
    assert_int_equal(signal_number, SIGUSR1);
    loops_stop(arg);
}

static void a_signal_reaches_loop_0_and_slots_are_freed_at_the_end(void **state)
{
    (void)state;
    set = loops_create(3);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(loop_index(loops_at(set, i)), i);
        loop_set_slot(loops_at(set, i), &test_slot, &freed_slots);
        loop_at_free(loops_at(set, i), free_slot);
    }
    loops_on_signal(set, SIGUSR1, signalled, set);
    loops_start(set);
    kill(getpid(), SIGUSR1);
    loops_run(set);
    assert_null(loop_current());
    loops_free(&set);
    assert_int_equal(freed_slots, 3);
}

static void luggage_arrived(struct loop *at, struct mail *mail)
{
    (void)at;
    free(mail->a);
}

static void mail_under_way_is_delivered_when_the_loops_are_freed(void **state)
{
    (void)state;
    set = loops_create(2); /* never started */
    for (unsigned i = 0; i < 1000; i++) {
        struct mail mail = {.deliver = luggage_arrived, .a = lv_malloc(8)};
        loop_mail(loops_at(set, 0), loops_at(set, 1), &mail);
        mail.a = lv_malloc(8);
        loop_mail_from_outside(loops_at(set, 0), &mail);
    }
    loops_free(&set); /* a leak would be reported */
    assert_null(set);
    loops_free(&set);
}

/* --- long work -------------------------------------------------------------------------------- */

enum { BURNED = 2000, BURN_US = 10 };

static unsigned burned, looked;
static struct loop_timer look_timer;
static struct loop_job burn_job;

static void burn(void)
{
    struct timespec from, now;
    clock_gettime(CLOCK_MONOTONIC, &from);
    do
        clock_gettime(CLOCK_MONOTONIC, &now);
    while ((now.tv_sec - from.tv_sec) * 1000000 + (now.tv_nsec - from.tv_nsec) / 1000 < BURN_US);
}

/* In place of a socket: it is due every millisecond. */
static void look(struct loop *loop, struct loop_timer *timer)
{
    looked++;
    if (burned < BURNED)
        loop_timer_start(loop, timer, 1);
    else
        loops_stop(set);
}

static void burning_letter(struct loop *at, struct mail *mail)
{
    (void)at;
    assert_int_equal(mail->c, burned);
    burn();
    burned++;
}

static bool burning_job(struct loop *loop, struct loop_job *job)
{
    (void)job;
    while (burned < BURNED && loop_spend(loop, 1)) {
        burn();
        burned++;
    }
    return burned < BURNED;
}

static void start_look(struct loop *at)
{
    burned = looked = 0;
    loop_timer_init(&look_timer, look);
    loop_timer_start(at, &look_timer, 0);
}

static void start_mail(struct loop *at, struct mail *mail)
{
    (void)mail;
    start_look(at);
    for (uint64_t i = 0; i < BURNED; i++)
        loop_mail(at, at, &(struct mail){.deliver = burning_letter, .c = i});
}

static void start_job(struct loop *at, struct mail *mail)
{
    (void)mail;
    start_look(at);
    loop_job_init(&burn_job, burning_job);
    loop_job_start(at, &burn_job);
}

static void run_with_burden(void (*deliver)(struct loop *at, struct mail *mail))
{
    set = loops_create(1);
    loop_mail_from_outside(loops_at(set, 0), &(struct mail){.deliver = deliver});
    loops_start(set);
    loops_run(set);
    assert_int_equal(burned, BURNED);
    assert_in_range(looked, 3, BURNED); /* twenty milliseconds' work: not in one turn */
    loops_free(&set);
}

static void a_long_job_leaves_room_for_the_others(void **state)
{
    (void)state;
    run_with_burden(start_job);
}

static void a_lot_of_mail_leaves_room_for_the_others_and_keeps_its_order(void **state)
{
    (void)state;
    run_with_burden(start_mail);
}

/* --- a loop that stood still ------------------------------------------------------------------ */

enum { STILL_MS = 1500, PATIENCE_MS = 300 };

static struct loop_timer patient_timer;
static struct loop_timer sleeper_timer; /* lets the loop sleep long, which is not a stall */
static uint64_t patient_from_ms;
static uint64_t started_at_ms;

static void patience_ended(struct loop *loop, struct loop_timer *timer)
{
    (void)timer;
    assert_true(loop_patient_ms(loop) - patient_from_ms >= PATIENCE_MS);
    assert_true(loop_now_ms(loop) - started_at_ms >= STILL_MS + PATIENCE_MS);
    loops_stop(set);
}

static void stand_still(struct loop *loop, struct loop_task *task)
{
    (void)task;
    started_at_ms = loop_now_ms(loop);
    patient_from_ms = loop_patient_ms(loop);
    loop_timer_start(loop, &patient_timer, PATIENCE_MS);
    nanosleep(&(struct timespec){STILL_MS / 1000, STILL_MS % 1000 * 1000000L}, NULL);
}

static void sleeper_fired(struct loop *loop, struct loop_timer *timer)
{
    (void)loop;
    (void)timer;
}

static void a_patient_timer_does_not_count_the_time_in_which_its_loop_stood_still(void **state)
{
    (void)state;
    set = loops_create(1);
    struct loop_task task;
    loop_task_init(&task, stand_still);
    loop_timer_init(&sleeper_timer, sleeper_fired);
    loop_timer_init_patient(&patient_timer, patience_ended);
    loop_timer_start(loops_at(set, 0), &sleeper_timer, 60000);
    loop_schedule(loops_at(set, 0), &task);
    loops_start(set);
    loops_run(set);
    loop_timer_stop(loops_at(set, 0), &sleeper_timer);
    loops_free(&set);
}

/* --- counters --------------------------------------------------------------------------------- */

static void stop_set(struct loop *at, struct mail *mail)
{
    (void)mail;
    loops_stop(loop_set(at));
}

/* Runs a loop until it has had mail, and returns how many turns it has counted, with or without
 * mail. */
static uint64_t turns_counted(bool is_uncounted)
{
    struct counters before, after;
    uint64_t turns = 0;
    counters_read(&before);
    set = loops_create(1);
    if (is_uncounted)
        loops_leave_uncounted(set);
    loop_mail_from_outside(loops_at(set, 0), &(struct mail){.deliver = stop_set});
    loops_start(set);
    loops_run(set);
    loops_free(&set);
    counters_read(&after);
    for (unsigned i = 0; i < DOUBLING_BUCKETS; i++) {
        turns += (&after.turns_16us_1)[i] - (&before.turns_16us_1)[i];
        turns += (&after.mail_waiting_1)[i] - (&before.mail_waiting_1)[i];
    }
    return turns + after.turn_ns - before.turn_ns + after.mail_waited - before.mail_waited;
}

static void turns_are_counted_unless_the_set_is_left_out(void **state)
{
    (void)state;
    assert_true(turns_counted(false) > 0);
    assert_int_equal(turns_counted(true), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mail_between_loops_arrives_whole_and_in_order),
        cmocka_unit_test(other_threads_than_loops_send_mail),
        cmocka_unit_test(a_sleeping_loop_is_woken_by_every_letter),
        cmocka_unit_test(tasks_and_mail_to_itself_run_in_the_same_turn),
        cmocka_unit_test(timers_fire_in_order_and_not_before_their_time),
        cmocka_unit_test(a_patient_timer_does_not_count_the_time_in_which_its_loop_stood_still),
        cmocka_unit_test(a_signal_reaches_loop_0_and_slots_are_freed_at_the_end),
        cmocka_unit_test(a_long_job_leaves_room_for_the_others),
        cmocka_unit_test(a_lot_of_mail_leaves_room_for_the_others_and_keeps_its_order),
        cmocka_unit_test(turns_are_counted_unless_the_set_is_left_out),
        cmocka_unit_test(mail_under_way_is_delivered_when_the_loops_are_freed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
