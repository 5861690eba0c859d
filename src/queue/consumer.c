/* The two halves of a consumer, and the mail between them. */
#include "queue/consumer.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/queue_private.h"

/* The window: how much one consumer may have under way by mail before its session reports arrivals.
 */
enum { WINDOW_BYTES = 256 * 1024, DELIVERY_OVERHEAD_BYTES = 64 };

enum { ARRIVE_REDELIVERED = 1, ARRIVE_TELLS_COUNT = 2, ARRIVE_COUNT_SHIFT = 8 };

/* --- shared credit ---------------------------------------------------------------------------- */

static void share_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct shared_credit *shared = mail->b;
    shared_credit_join(shared, mail->a);
    shared_credit_unref(&shared);
}

void consumer_share_credit(struct consumer *c, struct shared_credit *shared)
{
    consumer_assert_session(c);
    if (c->queue->entry.home == c->loop) {
        shared_credit_join(shared, c);
        return;
    }
    struct mail mail = {.deliver = share_mail, .a = c, .b = shared_credit_ref(shared)};
    loop_mail(c->loop, c->queue->entry.home, &mail);
}

/* --- its life --------------------------------------------------------------------------------- */

static struct slice slice_copy_or_empty(struct slice s)
{
    return s.n ? slice_of(memcpy(lv_malloc(s.n), s.p, s.n), s.n) : SLICE_EMPTY;
}

struct consumer *consumer_create(struct queue *queue, struct loop *loop,
                                 const struct consumer_calls *calls, void *session,
                                 struct slice tag, struct slice arguments)
{
    struct consumer *c = lv_calloc(1, sizeof *c);
    c->magic = CONSUMER_MAGIC;
    c->queue = queue_ref(queue);
    c->loop = loop;
    c->calls = calls;
    c->session = session;
    c->tag = slice_copy_or_empty(tag);
    c->arguments = slice_copy_or_empty(arguments);
    c->holds = 1;
    atomic_init(&c->timeout_ms, CONSUMER_TIMEOUT_UNSET);
    lv_list_init(&c->link);
    lv_list_init(&c->ready_link);
    lv_list_init(&c->session_link);
    c->by_tag.key = c->tag;
    lv_list_init(&c->touched_link);
    credit_init(&c->credit);
    return c;
}

static void consumer_free(struct consumer *c)
{
    lv_assert(c->magic == CONSUMER_MAGIC && !c->is_attached && c->holds == 0);
    c->magic = 0;
    shared_credit_part(c);
    queue_unref(&c->queue);
    free((void *)c->tag.p);
    free((void *)c->arguments.p);
    free(c);
}

static void freed_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    consumer_free(mail->a);
}

static void released_mail(struct loop *at, struct mail *mail)
{
    struct consumer *c = mail->a;
    struct mail back = {.deliver = freed_mail, .a = c};
    loop_mail(at, c->loop, &back);
}

void consumer_release(struct consumer **consumer)
{
    struct consumer *c = *consumer;
    *consumer = NULL;
    consumer_assert_session(c);
    lv_assert(c->magic == CONSUMER_MAGIC && c->holds > 0);
    if (--c->holds > 0)
        return;
    c->is_closed = true;
    c->session = NULL;
    shared_credit_leave_line(c); /* no mail may follow the one that frees it */
    /* By mail even if home is this loop: mail about it may be under way here. */
    struct mail mail = {.deliver = released_mail, .a = c};
    loop_mail(c->loop, c->queue->entry.home, &mail);
}

void consumer_abandon(struct consumer **consumer)
{
    struct consumer *c = *consumer;
    *consumer = NULL;
    lv_assert(!loop_current() && c->holds == 1);
    c->holds = 0;
    consumer_free(c);
}

/* --- deliveries: from home to the session ----------------------------------------------------- */

static size_t delivery_cost(uint64_t body_bytes)
{
    return (size_t)body_bytes + DELIVERY_OVERHEAD_BYTES;
}

static void arrived_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    lv_assert(c->mailed_bytes >= mail->c);
    c->mailed_bytes -= mail->c;
    c->is_stalled = c->mailed_bytes >= WINDOW_BYTES;
    queue_consumer_ready(c->queue, c);
}

static void consumer_open_window(struct consumer *c)
{
    struct mail mail = {.deliver = arrived_mail, .a = c, .c = c->arrived_bytes};
    c->arrived_bytes = 0;
    loop_mail(c->loop, c->queue->entry.home, &mail);
}

static void arrive_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    struct message *m = mail->b;
    if (c->is_closed) {
        if (!c->no_ack)
            consumer_settle(c, mail->c, 1, SETTLE_REQUEUE);
        message_unref(&m);
        return;
    }
    struct delivery d = delivery_of_message(m);
    d.position = mail->c;
    d.redelivered = (mail->d & ARRIVE_REDELIVERED) != 0;
    d.tells_count = (mail->d & ARRIVE_TELLS_COUNT) != 0;
    d.delivery_count = (uint32_t)(mail->d >> ARRIVE_COUNT_SHIFT);
    c->arrived_bytes += delivery_cost(m->body_bytes);
    if (!c->calls->deliver(c, &d))
        c->is_full = true;
    else if (!c->is_full && c->arrived_bytes >= WINDOW_BYTES / 2)
        consumer_open_window(c);
    message_unref(&m);
}

bool consumer_deliver(struct consumer *c, const struct delivery *d)
{
    if (c->loop == c->queue->entry.home) {
        bool has_room = c->calls->deliver(c, d);
        if (!has_room) {
            c->is_stalled = true;
            c->is_full = true;
        }
        return has_room;
    }
    struct mail mail = {
        .deliver = arrive_mail,
        .a = c,
        .b = message_ref(d->message),
        .c = d->position,
        .d = (d->redelivered ? ARRIVE_REDELIVERED : 0u) |
             (d->tells_count ? ARRIVE_TELLS_COUNT : 0u) |
             (uint64_t)d->delivery_count << ARRIVE_COUNT_SHIFT,
    };
    loop_mail(c->queue->entry.home, c->loop, &mail);
    c->mailed_bytes += delivery_cost(d->message->body_bytes);
    c->is_stalled = c->mailed_bytes >= WINDOW_BYTES;
    return !c->is_stalled;
}

void consumer_resume(struct consumer *c)
{
    consumer_assert_session(c);
    c->is_full = false;
    if (c->queue->entry.home != c->loop) {
        consumer_open_window(c);
        return;
    }
    c->is_stalled = false;
    queue_consumer_ready(c->queue, c);
}

void consumer_stall(struct consumer *c)
{
    consumer_assert_session(c);
    c->is_full = false;
    if (c->queue->entry.home != c->loop)
        return;
    c->is_stalled = true;
    lv_list_remove(&c->ready_link);
}

/* --- settling: from the session to home ------------------------------------------------------- */

static void settle_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    queue_settle(c->queue, c, mail->c, (uint32_t)(mail->d >> 8),
                 (enum settle_kind)(mail->d & 0xff));
}

void consumer_settle(struct consumer *c, uint64_t position, uint32_t count, enum settle_kind kind)
{
    lv_assert(count > 0);
    if (c->queue->entry.home == c->loop) {
        queue_settle(c->queue, c, position, count, kind);
        return;
    }
    struct mail mail = {
        .deliver = settle_mail, .a = c, .c = position, .d = (uint64_t)count << 8 | (unsigned)kind};
    loop_mail(c->loop, c->queue->entry.home, &mail);
}

static void begin_returns_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    queue_begin_returns(c->queue);
}

void consumer_begin_returns(struct consumer *c)
{
    consumer_assert_session(c);
    struct mail mail = {.deliver = begin_returns_mail, .a = c};
    if (c->queue->entry.home == c->loop)
        begin_returns_mail(c->loop, &mail);
    else
        loop_mail(c->loop, c->queue->entry.home, &mail);
}

static void returns_ended_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    void (*done)(void *arg) = (void (*)(void *))(uintptr_t)mail->c;
    done(mail->b);
}

static void end_returns_mail(struct loop *at, struct mail *mail)
{
    struct consumer *c = mail->a;
    struct mail back = {.deliver = returns_ended_mail, .b = mail->b, .c = mail->c};
    queue_end_returns(c->queue);
    if (mail->c)
        loop_mail(at, c->loop, &back);
}

void consumer_end_returns(struct consumer *c, void (*done)(void *arg), void *arg)
{
    consumer_assert_session(c);
    struct mail mail = {.deliver = end_returns_mail, .a = c, .b = arg, .c = (uintptr_t)done};
    if (c->queue->entry.home == c->loop)
        end_returns_mail(c->loop, &mail);
    else
        loop_mail(c->loop, c->queue->entry.home, &mail);
}

/* --- changes while it runs -------------------------------------------------------------------- */

static void consumer_apply_prefetch(struct consumer *c, uint32_t prefetch)
{
    credit_set_prefetch(&c->credit, prefetch);
    queue_consumer_ready(c->queue, c);
}

static void set_prefetch_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    consumer_apply_prefetch(mail->a, (uint32_t)mail->c);
}

void consumer_set_prefetch(struct consumer *c, uint32_t prefetch)
{
    consumer_assert_session(c);
    if (c->queue->entry.home == c->loop) {
        consumer_apply_prefetch(c, prefetch);
        return;
    }
    struct mail mail = {.deliver = set_prefetch_mail, .a = c, .c = prefetch};
    loop_mail(c->loop, c->queue->entry.home, &mail);
}

static void timeout_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    if (!c->is_closed)
        c->calls->timeout_changed(c);
}

void consumer_set_timeout(struct consumer *c, int64_t timeout_ms)
{
    queue_assert_home(c->queue);
    if (atomic_load_explicit(&c->timeout_ms, memory_order_relaxed) == timeout_ms)
        return;
    atomic_store_explicit(&c->timeout_ms, timeout_ms, memory_order_relaxed);
    struct mail mail = {.deliver = timeout_mail, .a = c};
    loop_mail(c->queue->entry.home, c->loop, &mail);
}

/* --- a deleted queue -------------------------------------------------------------------------- */

static void cancelled_mail(struct loop *at, struct mail *mail)
{
    (void)at;
    struct consumer *c = mail->a;
    if (!c->is_closed)
        c->calls->cancelled(c);
}

/* By mail even when the session is here: it may be in the middle of the command that caused
 * this. */
void consumer_tell_cancelled(struct consumer *c)
{
    queue_assert_home(c->queue);
    lv_assert(!c->is_attached);
    struct mail mail = {.deliver = cancelled_mail, .a = c};
    loop_mail(c->queue->entry.home, c->loop, &mail);
}
