/* Who waits for something to be safe, loop by loop.
 *
 * `waits` is a ring in the order of the tickets. When the writer has synced up to a ticket, its
 * mail (safe_mail) answers everybody at the front of the ring whose ticket is not higher. A confirm
 * whose owner's definition is not stored yet is moved to `parked` then, and answered when it is.
 *
 *   (1) A ticket that somebody waits for is higher than safe_ticket: its mail is still to come. */
#include "paging/journal_private.h"

#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/vec.h"

static struct journal_wait *wait_at(struct journal_loop *p, size_t i)
{
    return &p->waits[(p->wait_first + i) & (p->wait_capacity - 1)];
}

static void waits_grow(struct journal_loop *p)
{
    size_t capacity = p->wait_capacity ? p->wait_capacity * 2 : 64;
    struct journal_wait *waits = lv_malloc(capacity * sizeof *waits);
    for (size_t i = 0; i < p->wait_count; i++)
        waits[i] = *wait_at(p, i);
    free(p->waits);
    p->waits = waits;
    p->wait_first = 0;
    p->wait_capacity = capacity;
}

static struct journal_wait *wait_add(struct journal_loop *p)
{
    if (p->wait_count == p->wait_capacity)
        waits_grow(p);
    struct journal_wait *w = wait_at(p, p->wait_count++);
    *w = (struct journal_wait){.ticket = log_ticket(p->stage)};
    lv_assert(w->ticket > p->safe_ticket); /* (1) */
    return w;
}

void journal_wait_confirm(struct lane_owner *o, struct confirm_sink *sink, uint64_t number)
{
    struct journal_loop *p = journal_of(o->home);
    lv_assert(p && sink);
    struct journal_wait *last = p->wait_count ? wait_at(p, p->wait_count - 1) : NULL;
    bool is_stored = atomic_load_explicit(&o->definition, memory_order_acquire) == OWNER_STORED;
    if (is_stored && last && last->sink == sink && !last->undefined &&
        last->number + last->count == number && last->ticket == log_ticket(p->stage)) {
        last->count++;
        return;
    }
    struct journal_wait *w = wait_add(p);
    w->sink = sink;
    w->number = number;
    w->count = 1;
    w->undefined = is_stored ? NULL : o;
    if (!is_stored)
        o->calls->ref(o);
}

void journal_call(struct journal_loop *p, void (*fn)(struct loop *, void *, int), void *arg)
{
    journal_assert_home(p);
    lv_assert(fn);
    struct journal_wait *w = wait_add(p);
    w->fn = fn;
    w->arg = arg;
}

static void wait_park(struct journal_loop *p, const struct journal_wait *w)
{
    lv_assert(w->sink && w->undefined);
    lv_vec_room(p->parked, p->parked_count, p->parked_capacity);
    p->parked[p->parked_count++] = *w;
}

static void wait_end(struct journal_loop *p, const struct journal_wait *wait, int error)
{
    struct journal_wait copy = *wait, *w = &copy;
    if (w->fn) {
        w->fn(p->loop, w->arg, error);
        return;
    }
    if (w->undefined) {
        enum owner_definition definition = atomic_load(&w->undefined->definition);
        if (error == 0 && definition == OWNER_PENDING) {
            wait_park(p, w);
            return;
        }
        if (definition == OWNER_FAILED)
            error = ERR_IO;
        w->undefined->calls->unref(w->undefined);
    }
    for (uint64_t n = w->number; n < w->number + w->count; n++)
        confirm_sink_answer(p->loop, w->sink, n, error == 0 ? CONFIRM_TOOK : CONFIRM_REFUSED, NULL);
}

void journal_owner_decided(struct loop *loop)
{
    lv_assert(!loop_current() || loop_current() == loop);
    struct journal_loop *p = loop_slot(loop, &journal_slot);
    if (!p)
        return;
    size_t count = p->parked_count;
    struct journal_wait *parked = p->parked;
    p->parked = NULL;
    p->parked_count = p->parked_capacity = 0;
    for (size_t i = 0; i < count; i++)
        wait_end(p, &parked[i], 0);
    free(parked);
}

static void safe_mail(struct loop *at, struct mail *mail)
{
    struct journal_loop *p = loop_slot(at, &journal_slot); /* also when the store is closed */
    int error = (int)(int64_t)mail->d;
    lv_assert(error <= 0);
    if (error < 0 && p->journal)
        p->journal->on_failure(p->journal->failure_arg);
    if (error == 0) {
        lv_assert(mail->c >= p->safe_ticket);
        p->safe_ticket = mail->c;
    }
    while (p->wait_count > 0 && wait_at(p, 0)->ticket <= mail->c) {
        struct journal_wait w = *wait_at(p, 0);
        p->wait_first = (p->wait_first + 1) & (p->wait_capacity - 1);
        p->wait_count--;
        wait_end(p, &w, error);
    }
}

void journal_on_safe(void *arg, unsigned stage, uint64_t ticket, int error)
{
    struct journal *journal = arg;
    struct mail mail = {.deliver = safe_mail, .c = ticket, .d = (uint64_t)(int64_t)error};
    loop_mail_from_outside(journal->loops[stage]->loop, &mail);
}

void journal_waits_free(struct journal_loop *p)
{
    lv_assert(p->wait_count == 0); /* the store was closed, and the loops drained */
    free(p->waits);
    free(p->parked);
}
