/* The log of the last run is read while the broker serves clients already, on a thread that is not
 * a loop. Then each loop gets its owners, and the mail that was held for them (queue/held.h).
 *
 *   (1) Until a loop has its owners, it lets no file of the log be removed.
 *   (2) Nothing is staged about an owner that is being restored. So if the process crashes
 *       meanwhile, the log is as the last run left it, followed by records of other owners.
 *   (3) An owner that is made meanwhile may get the id of one that was deleted and still has
 *       records in the log: the first record that is staged about it says that the older one is
 *       gone. */
#include "paging/journal_private.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/vec.h"
#include "paging/pager.h"

/* --- a loop gets its owners ------------------------------------------------------------------- */

/* The hand-over to all loops; the last loop to get it frees it. */
struct hand_over {
    struct journal_restorer restorer;
    bool is_whole;
    _Atomic unsigned refs; /* of the loops that have not had it yet, and of the sender */
};

static void hand_over_unref(struct hand_over *h)
{
    if (atomic_fetch_sub(&h->refs, 1) > 1)
        return;
    h->restorer.free(h->restorer.arg);
    free(h);
}

void journal_hold(struct loop *home, const struct mail *mail)
{
    lv_assert(!loop_current() || loop_current() == home);
    struct journal_loop *p = loop_slot(home, &journal_slot);
    lv_assert(p->is_restoring);
    lv_vec_room(p->held, p->held_count, p->held_capacity);
    p->held[p->held_count++] = *mail;
}

static void held_deliver(struct journal_loop *p)
{
    struct mail *held = p->held;
    size_t count = p->held_count;
    p->held = NULL;
    p->held_count = p->held_capacity = 0;
    for (size_t i = 0; i < count; i++)
        held[i].deliver(p->loop, &held[i]);
    free(held);
}

static void hand_over_mail(struct loop *at, struct mail *mail)
{
    struct hand_over *h = mail->a;
    struct journal_loop *p = loop_slot(at, &journal_slot);
    lv_assert(p->is_restoring); /* each loop gets its part once */
    h->restorer.hand_over(h->restorer.arg, p, h->is_whole && p->journal);
    p->is_restoring = false;
    held_deliver(p);
    hand_over_unref(h);
}

static void hand_over(struct journal *journal, bool is_whole)
{
    lv_assert(!journal->is_handed_over);
    struct hand_over *h = lv_calloc(1, sizeof *h);
    h->restorer = journal->restorer;
    h->is_whole = is_whole;
    atomic_init(&h->refs, 1);
    journal->is_handed_over = true;
    for (unsigned i = 0; i < LOOPS_MAX && journal->loops[i]; i++) {
        struct mail mail = {.deliver = hand_over_mail, .a = h};
        atomic_fetch_add(&h->refs, 1);
        loop_mail_from_outside(journal->loops[i]->loop, &mail);
    }
    if (is_whole)
        h->restorer.is_sent(h->restorer.arg);
    hand_over_unref(h);
}

int journal_restore_step(struct journal *journal, bool *ret_is_over)
{
    lv_assert(!journal->is_handed_over);
    bool is_over = false;
    int err = log_read(journal->log, journal->restorer.visitor, journal->restorer.arg, &is_over);
    if (err == 0 && is_over) {
        journal->restorer.end(journal->restorer.arg);
        hand_over(journal, true);
    }
    *ret_is_over = is_over;
    return err;
}

uint64_t journal_unread_bytes(const struct journal *journal)
{
    return log_unread_bytes(journal->log);
}

void journal_restore_give_up(struct journal *journal)
{
    lv_assert(!loop_current());
    if (journal->is_handed_over)
        return;
    if (journal->loops[0])
        hand_over(journal, false);
    else
        journal->restorer.free(journal->restorer.arg);
}

/* --- memory ----------------------------------------------------------------------------------- */

/* A turn looks at no more lanes than this, and pages out no more than one: that may be much. */
enum { RELIEVED_PER_TURN = 256 };

static void relieve_run(struct loop *loop, struct loop_timer *timer)
{
    struct journal_loop *p = lv_container_of(timer, struct journal_loop, relieve_timer);
    for (unsigned n = 0; n < RELIEVED_PER_TURN && p->relieve_count > 0; n++) {
        struct lane *l = p->to_relieve[--p->relieve_count];
        size_t before = l->backlog.memory_bytes;
        if (p->journal && !l->owner->is_ended)
            pager_relieve(l);
        bool has_paged = l->backlog.memory_bytes < before;
        lane_unref(&l);
        if (has_paged)
            break;
    }
    if (p->relieve_count > 0)
        loop_timer_start(loop, timer, 0);
}

void journal_relieve_later(struct lane *l)
{
    lane_assert_home(l);
    struct journal_loop *p = journal_of_lane(l);
    if (l->backlog.memory_bytes < p->journal->limits.pager.memory_low)
        return;
    lv_vec_room(p->to_relieve, p->relieve_count, p->relieve_capacity);
    p->to_relieve[p->relieve_count++] = lane_ref(l);
    if (!loop_timer_is_running(&p->relieve_timer))
        loop_timer_start(p->loop, &p->relieve_timer, 0);
}

void journal_restore_begin_loop(struct journal_loop *p)
{
    p->is_restoring = true;
    loop_timer_init(&p->relieve_timer, relieve_run);
}

void journal_restore_end_loop(struct journal_loop *p)
{
    journal_assert_home(p);
    while (p->relieve_count > 0)
        lane_unref(&p->to_relieve[--p->relieve_count]);
    free(p->to_relieve);
    p->to_relieve = NULL;
    p->relieve_capacity = 0;
}
