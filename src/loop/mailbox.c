/* The mail of a loop. The box is a stack of batches: a sender pushes one with a compare-and-swap;
 * the loop takes all of them with one exchange and reverses their order. (liburcu's wait-free queue
 * was not chosen: its reader sleeps 10 ms if a sender is preempted between two of its stores.)
 *
 *   (1) A batch belongs to its sender until it is pushed, then to the receiver, which reuses it.
 *   (2) Before a poll that sleeps, the loop sets `is_asleep` and then checks the box once more; a
 *       sender pushes and then reads `is_asleep`. So one of the two sees the other's store, and
 *       sending to a loop that is awake costs no system call.
 *   (3) Mail from one loop to another is delivered in the order of loop_mail(): one batch is filled
 *       at a time, and batches are pushed in order. */
#include <stdlib.h>

#include "base/bits.h"
#include "base/counters.h"
#include "base/memory.h"
#include "loop/loop_private.h"

enum {
    BATCH_MAILS = 256,
    BATCHES_SPARE_MAX = 16,
    MAILS_PER_CLOCK_READ = 32,
};

struct batch {
    struct batch *next;
    unsigned count;
    unsigned delivered; /* so far */
    bool is_reusable;   /* it has room for BATCH_MAILS; else it is one mail from outside */
    struct mail mails[];
};

/* --- batches ---------------------------------------------------------------------------------- */

static struct batch *batch_take(struct loop *loop)
{
    struct batch *batch = loop->spare;
    if (batch) {
        loop->spare = batch->next;
        loop->spare_count--;
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
    lv_assert(batch->delivered == batch->count);
    if (!batch->is_reusable || loop->spare_count == BATCHES_SPARE_MAX) {
        free(batch);
        return;
    }
    batch->next = loop->spare;
    loop->spare = batch;
    loop->spare_count++;
}

/* Delivers the next MAILS_PER_CLOCK_READ mails of a batch, or as many as are left. */
static void batch_deliver(struct loop *loop, struct batch *batch)
{
    unsigned end = batch->delivered + MAILS_PER_CLOCK_READ;
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

/* Delivers what is in the pile now, as far as there is time; what is added meanwhile waits for the
 * next call. Returns whether there was anything. */
static bool pile_deliver(struct loop *loop, struct pile *pile)
{
    const struct batch *last = pile->last;
    if (!last)
        return false;
    bool is_short = pile->first == last && last->count <= MAILS_PER_CLOCK_READ;
    const uint64_t end_ns = is_short ? 0 : share_end_ns(loop);
    for (;;) {
        struct batch *batch = pile->first;
        unsigned before = batch->delivered;
        batch_deliver(loop, batch);
        if (pile == &loop->taken)
            loop->waiting -= batch->delivered - before;
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
    /* The sender of the first batch in the box wakes the loop if it is asleep. */
    if (!top && atomic_load(&to->is_asleep) && atomic_exchange(&to->is_asleep, false))
        uv_async_send(&to->wake);
}

/* Moves what is in the box to loop->taken, the oldest first. */
static void box_take_all(struct loop *loop)
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
        loop->waiting += oldest->count;
        oldest = next;
    }
}

bool mailbox_deliver(struct loop *loop)
{
    box_take_all(loop);
    if (!loop->taken.first)
        return false;
    if (loop_is_counted(loop)) {
        COUNT_NTH(mail_waiting_1, doubling_bucket(loop->waiting));
        COUNT_MANY(mail_waited, loop->waiting);
    }
    return pile_deliver(loop, &loop->taken);
}

/* --- staging ---------------------------------------------------------------------------------- */

static void hand_over_to(struct loop *from, struct loop *to)
{
    struct batch *batch = from->staged[to->base.index];
    lv_assert(batch != NULL);
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
    if (!batch) { /* asserts only once per batch: every message may come through here */
        loop_assert_home(from);
        lv_assert(from->base.set == to->base.set);
        batch = batch_take(from);
        from->staged[to->base.index] = batch;
        from->staged_mask |= UINT64_C(1) << to->base.index;
    }
    lv_assert(mail->deliver != NULL);
    batch->mails[batch->count++] = *mail;
    if (batch->count == BATCH_MAILS)
        hand_over_to(from, to);
}

void loop_mail_from_outside(struct loop *to, const struct mail *mail)
{
    lv_assert(mail->deliver != NULL);
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
    batches_free(loop->spare);
    batches_free(loop->own.first);
    batches_free(loop->taken.first);
    batches_free(atomic_load(&loop->box));
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        batches_free(loop->staged[i]);
}
