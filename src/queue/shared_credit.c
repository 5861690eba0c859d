/* Shared credit: one prefetch limit for all consumers of a channel (basic.qos with global). Any
 * queue's home takes from the count and returns to it; consumers that found none left wait in a
 * line on the session's loop. */
#include "queue/shared_credit.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/browser.h"
#include "queue/queue_private.h"

/* Returns whether the consumer's deliveries use shared credit. */
static bool consumer_is_counted(const struct consumer *c)
{
    return !c->no_ack && !c->is_getter;
}

/* --- its life --------------------------------------------------------------------------------- */

struct shared_credit *shared_credit_create(struct loop *loop)
{
    lv_assert(!loop_current() || loop_current() == loop);
    struct shared_credit *shared = lv_calloc(1, sizeof *shared);
    atomic_init(&shared->refs, 1);
    shared->loop = loop;
    lv_list_init(&shared->line);
    shared->least_priority = INT64_MAX;
    return shared;
}

struct shared_credit *shared_credit_ref(struct shared_credit *shared)
{
    atomic_fetch_add(&shared->refs, 1);
    return shared;
}

void shared_credit_unref(struct shared_credit **shared)
{
    struct shared_credit *s = *shared;
    *shared = NULL;
    if (s && atomic_fetch_sub(&s->refs, 1) == 1)
        free(s);
}

/* --- the line: session loop ------------------------------------------------------------------- */

/* Adds a consumer at the end of the line, but before consumers of the same queue with a lower
 * priority. */
static void line_insert(struct shared_credit *s, struct consumer *c)
{
    struct lv_list *it, *after, *at = &s->line;
    if (c->priority > s->least_priority) {
        lv_list_each (it, after, &s->line) {
            const struct consumer *other = lv_list_item(it, struct consumer, credit.line_link);
            if (other->queue == c->queue && other->priority < c->priority) {
                at = it;
                break;
            }
        }
    } else {
        s->least_priority = c->priority;
    }
    lv_list_insert_before(at, &c->credit.line_link);
    s->line_count++;
}

static void line_remove(struct shared_credit *s, struct consumer *c)
{
    lv_assert(s->line_count > 0);
    lv_list_remove(&c->credit.line_link);
    s->line_count--;
    atomic_fetch_sub(&s->waiting, 1);
}

static bool shared_credit_has_room(const struct shared_credit *s)
{
    uint32_t max = atomic_load(&s->max);
    return max == 0 || atomic_load(&s->used) < max;
}

/* Takes one consumer's share, and returns it: what is free, divided by the number of consumers in
 * the line, rounded up; 1 without a limit. Returns 0 if nothing is free. */
static uint32_t shared_credit_take_share(struct shared_credit *s)
{
    for (uint32_t used = atomic_load(&s->used);;) {
        uint32_t max = atomic_load(&s->max);
        if (max != 0 && used >= max)
            return 0;
        uint32_t share = max == 0 ? 1 : (max - used + s->line_count - 1) / s->line_count;
        if (atomic_compare_exchange_weak(&s->used, &used, used + share))
            return share;
    }
}

static void handed_mail(struct loop *at, struct mail *mail);

static void shared_credit_hand_out(struct shared_credit *s)
{
    while (!lv_list_is_empty(&s->line) && shared_credit_has_room(s)) {
        struct consumer *c = lv_list_item(s->line.next, struct consumer, credit.line_link);
        uint32_t share = consumer_is_counted(c) ? shared_credit_take_share(s) : 0;
        if (share == 0 && consumer_is_counted(c))
            return;
        line_remove(s, c);
        struct mail mail = {.deliver = handed_mail, .a = c, .c = share};
        if (c->queue->entry.home == s->loop)
            handed_mail(s->loop, &mail);
        else
            loop_mail(s->loop, c->queue->entry.home, &mail);
    }
}

static void room_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct shared_credit *s = mail->a;
    atomic_store(&s->is_told, false);
    shared_credit_hand_out(s);
    shared_credit_unref(&s);
}

/* Mails the session's loop that credit can be handed out, unless no consumer waits or such mail is
 * under way already. `from` is the calling loop, which may be any. */
static void shared_credit_tell(struct shared_credit *s, struct loop *from)
{
    if (atomic_load(&s->waiting) == 0 || atomic_exchange(&s->is_told, true))
        return;
    struct mail mail = {.deliver = room_mail, .a = shared_credit_ref(s)};
    loop_mail(from, s->loop, &mail);
}

static void line_join(struct consumer *c)
{
    struct shared_credit *s = c->credit.shared;
    if (c->is_closed)
        atomic_fetch_sub(&s->waiting, 1);
    else
        line_insert(s, c);
}

static void wait_mail(struct loop *at, struct mail *mail)
{
    struct consumer *c = mail->a;
    line_join(c);
    shared_credit_tell(c->credit.shared, at); /* credit may have been returned before it joined */
}

void shared_credit_set(struct shared_credit *s, uint32_t max)
{
    lv_assert(!loop_current() || loop_current() == s->loop);
    atomic_store(&s->max, max);
    shared_credit_tell(s, s->loop);
}

void shared_credit_leave_line(struct consumer *c)
{
    consumer_assert_session(c);
    if (!lv_list_is_empty(&c->credit.line_link))
        line_remove(c->credit.shared, c);
}

void shared_credit_part(struct consumer *c)
{
    consumer_assert_session(c);
    lv_assert(lv_list_is_empty(&c->credit.line_link));
    shared_credit_unref(&c->credit.shared);
}

/* --- its count: home -------------------------------------------------------------------------- */

void shared_credit_join(struct shared_credit *s, struct consumer *c)
{
    queue_assert_home(c->queue);
    lv_assert(c->credit.shared == NULL);
    c->credit.shared = shared_credit_ref(s);
    c->is_unlimited = false;
    if (consumer_is_counted(c))
        atomic_fetch_add(&s->used, c->unacked);
}

static void wait_in_line(struct consumer *c)
{
    struct shared_credit *s = c->credit.shared;
    struct loop *home = c->queue->entry.home;
    c->credit.is_in_line = true;
    atomic_fetch_add(&s->waiting, 1);
    if (home != s->loop) {
        struct mail mail = {.deliver = wait_mail, .a = c};
        loop_mail(home, s->loop, &mail);
        return;
    }
    line_join(c);
    /* Credit may have been returned after it was looked for, and before `waiting` was raised. */
    if (shared_credit_has_room(s))
        shared_credit_tell(s, home);
}

/* Takes credit for one delivery, if some is free and no consumer waits. Returns whether it did. */
static bool shared_credit_take_free(struct shared_credit *s)
{
    if (atomic_load(&s->waiting) > 0)
        return false;
    for (uint32_t used = atomic_load(&s->used);;) {
        uint32_t max = atomic_load(&s->max);
        if (max != 0 && used >= max)
            return false;
        if (atomic_compare_exchange_weak(&s->used, &used, used + 1))
            return true;
    }
}

bool shared_credit_take(struct consumer *c)
{
    lv_assert(c->credit.shared);
    if (c->credit.is_in_line)
        return false;
    if (c->credit.handed > 0) {
        c->credit.handed--;
        return true;
    }
    if (consumer_is_counted(c) ? shared_credit_take_free(c->credit.shared)
                               : shared_credit_has_room(c->credit.shared))
        return true;
    wait_in_line(c);
    return false;
}

static void shared_credit_return(struct consumer *c, uint32_t count)
{
    uint32_t used = atomic_fetch_sub(&c->credit.shared->used, count);
    lv_assert(used >= count);
    shared_credit_tell(c->credit.shared, c->queue->entry.home);
}

void shared_credit_give(struct consumer *c, uint32_t count)
{
    if (consumer_is_counted(c))
        shared_credit_return(c, count);
}

/* The consumer has been handed credit: it uses what it can now, and returns the rest. */
static void handed_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    lv_assert(c->credit.is_in_line && c->credit.handed == 0);
    c->credit.is_in_line = false;
    c->credit.handed = (uint32_t)mail->c;
    queue_deliver_to(c->queue, c);
    uint32_t rest = c->credit.handed;
    c->credit.handed = 0;
    if (rest > 0)
        shared_credit_return(c, rest);
}
