/* The mail of a loop. The box is a stack of batches: a sender pushes with one compare-and-swap, the
 * loop takes all with one exchange and turns them round. (liburcu's wait-free queue was not taken:
 * its reader sleeps 10 ms when a sender is preempted between two of its stores.)
 *
 *   (1) A batch belongs to its sender until it is pushed, then to the receiver, who reuses it.
 *   (2) `is_asleep` is set before the box is looked at for the last time before a poll that
 *       sleeps; a sender looks at it after its push. So one of the two sees the other, and a loop
 *       that is awake costs its senders no system call.
 *   (3) Mail from one loop to another leaves in the order of loop_mail(): one batch is filled at
 *       a time, and batches are pushed in order. */
#include <stdlib.h>

#include "base/bits.h"
#include "base/memory.h"
#include "loop/loop_private.h"

enum {
    BATCH_MAILS = 256,
    BATCHES_AT_REST_MAX = 16,
    MAILS_A_LOOK = 32, /* at the clock */
};

struct batch {
    struct batch *next;
    unsigned count;
    unsigned delivered; /* so far */
    bool is_reusable;   /* BATCH_MAILS of room; else one mail from outside */
    struct mail mails[];
};

/* --- batches ---------------------------------------------------------------------------------- */

static struct batch *batch_take(struct loop *loop)
{
    struct batch *batch = loop->resting;
    if (batch) {
        loop->resting = batch->next;
        loop->resting_count--;
    } else {
        batch = lv_malloc(sizeof *batch + BATCH_MAILS * sizeof batch->mails[0]);
        batch->is_reusable = true;
    }
    batch->next = NULL;
    batch->count = 0;
    batch->delivered = 0;
    return batch;
}

static void batch_give(struct loop *loop, struct batch *batch)
{
    if (!batch->is_reusable || loop->resting_count == BATCHES_AT_REST_MAX) {
        free(batch);
        return;
    }
    batch->next = loop->resting;
    loop->resting = batch;
    loop->resting_count++;
}

/* Some of it. */
static void batch_deliver(struct loop *loop, struct batch *batch)
{
    unsigned end = batch->delivered + MAILS_A_LOOK;
    if (end > batch->count)
        end = batch->count;
    while (batch->delivered < end) {
        struct mail *mail = &batch->mails[batch->delivered++];
        mail->deliver(loop, mail);
    }
}

static void pile_add(struct pile *pile, struct batch *batch)
{
    batch->next = NULL;
    if (pile->last)
        pile->last->next = batch;
    else
        pile->first = batch;
    pile->last = batch;
}

static void pile_drop_first(struct loop *loop, struct pile *pile)
{
    struct batch *batch = pile->first;
    pile->first = batch->next;
    if (!pile->first)
        pile->last = NULL;
    batch_give(loop, batch);
}

/* What is in the pile now, as far as there is time for it; what comes to it meanwhile waits for the
 * next call. */
static bool pile_deliver(struct loop *loop, struct pile *pile)
{
    const struct batch *last = pile->last;
    if (!last)
        return false;
    bool is_short = pile->first == last && last->count <= MAILS_A_LOOK;
    const uint64_t end_ns = is_short ? 0 : share_end_ns(loop);
    for (;;) {
        struct batch *batch = pile->first;
        batch_deliver(loop, batch);
        bool is_over = batch->delivered == batch->count;
        if (is_over)
            pile_drop_first(loop, pile);
        if ((is_over && batch == last) || uv_hrtime() >= end_ns)
            return true;
    }
}

/* --- the box ---------------------------------------------------------------------------------- */

static void box_push(struct loop *to, struct batch *batch)
{
    struct batch *top = atomic_load_explicit(&to->box, memory_order_relaxed);
    do {
        batch->next = top;
    } while (!atomic_compare_exchange_weak(&to->box, &top, batch));
    /* Invariant (2): the sender of the first batch in the box wakes the sleeper. */
    if (!top && atomic_load(&to->is_asleep) && atomic_exchange(&to->is_asleep, false))
        uv_async_send(&to->wake);
}

static void box_empty(struct loop *loop)
{
    if (!atomic_load_explicit(&loop->box, memory_order_relaxed))
        return;
    struct batch *newest = atomic_exchange_explicit(&loop->box, NULL, memory_order_acquire);
    struct batch *oldest = NULL;
    while (newest) {
        struct batch *next = newest->next;
        newest->next = oldest;
        oldest = newest;
        newest = next;
    }
    while (oldest) {
        struct batch *next = oldest->next;
        pile_add(&loop->taken, oldest);
        oldest = next;
    }
}

bool mailbox_deliver(struct loop *loop)
{
    box_empty(loop);
    return pile_deliver(loop, &loop->taken);
}

/* --- staging ---------------------------------------------------------------------------------- */

static void hand_over_to(struct loop *from, struct loop *to)
{
    struct batch *batch = from->staged[to->base.index];
    from->staged[to->base.index] = NULL;
    from->staged_mask &= ~(UINT64_C(1) << to->base.index);
    if (to == from)
        pile_add(&from->own, batch);
    else
        box_push(to, batch);
}

void mailbox_hand_over(struct loop *from)
{
    uint64_t mask = from->staged_mask & ~(UINT64_C(1) << from->base.index);
    while (mask)
        hand_over_to(from, from->base.set->at[lv_bits_take(&mask)]);
}

void loop_mail(struct loop *from, struct loop *to, const struct mail *mail)
{
    struct batch *batch = from->staged[to->base.index];
    if (!batch) {
        batch = batch_take(from);
        from->staged[to->base.index] = batch;
        from->staged_mask |= UINT64_C(1) << to->base.index;
    }
    batch->mails[batch->count++] = *mail;
    if (batch->count == BATCH_MAILS)
        hand_over_to(from, to);
}

void loop_mail_from_outside(struct loop *to, const struct mail *mail)
{
    struct batch *batch = lv_malloc(sizeof *batch + sizeof batch->mails[0]);
    batch->is_reusable = false;
    batch->count = 1;
    batch->delivered = 0;
    batch->mails[0] = *mail;
    box_push(to, batch);
}

bool mailbox_deliver_own(struct loop *loop)
{
    if (loop->staged[loop->base.index])
        hand_over_to(loop, loop);
    return pile_deliver(loop, &loop->own);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void batches_free(struct batch *batch)
{
    while (batch) {
        struct batch *next = batch->next;
        free(batch);
        batch = next;
    }
}

void mailbox_free(struct loop *loop)
{
    batches_free(loop->resting);
    batches_free(loop->own.first);
    batches_free(loop->taken.first);
    batches_free(atomic_load(&loop->box));
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        batches_free(loop->staged[i]);
}
