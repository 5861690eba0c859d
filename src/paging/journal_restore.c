/* The messages of the last life are read while this one has begun already, on a thread that is no loop.
 * Then each loop gets its queues, and what was held for them (held.h).
 *
 *   (1) Until a loop has its queues it gives back no file of the log.
 *   (2) Nothing about a queue that is being restored is staged. So a crash meanwhile finds the log as the
 *       last life left it, and behind it what has become of other queues since.
 *   (3) A queue that is made meanwhile may get an id that a deleted queue has in the log: the first thing
 *       that is staged of it is that the older one is gone. */
#include "paging/journal.h"

#include <stdlib.h>

#include "base/memory.h"
#include "queue/restore.h"

/* --- a loop gets its queues ------------------------------------------------------------------------------ */

/* A hand-over to all loops; the last one frees it. */
struct hand_over {
    struct restore *restore;
    bool is_whole;
    _Atomic unsigned loops_left;
};

static void hand_over_mail(struct loop *at, struct mail *mail)
{
    struct hand_over *h = mail->a;
    struct journal_loop *p = loop_slot(at, LOOP_SLOT_STORE);
    restore_hand_over(h->restore, p, h->is_whole && p->journal);
    p->is_restoring = false;
    held_deliver(at, &p->held);
    if (atomic_fetch_sub(&h->loops_left, 1) > 1)
        return;
    restore_free(&h->restore);
    free(h);
}

static void hand_over(struct journal *journal, bool is_whole)
{
    unsigned count = loops_count(journal->broker->loops);
    struct hand_over *h = lv_calloc(1, sizeof *h);
    h->restore = journal->restore;
    h->is_whole = is_whole;
    atomic_init(&h->loops_left, count);
    journal->restore = NULL;
    for (unsigned i = 0; i < count; i++) {
        struct mail mail = {.deliver = hand_over_mail, .a = h};
        loop_mail_from_outside(loops_at(journal->broker->loops, i), &mail);
    }
    if (is_whole) /* whoever sees it sends mail behind that */
        atomic_store(&journal->broker->is_restoring, false);
}

int journal_restore_step(struct journal *journal, bool *ret_is_over)
{
    bool is_over = false;
    int err = log_read(journal->log, &restore_visitor, journal->restore, &is_over);
    if (err == 0 && is_over) {
        restore_end(journal->restore);
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
    if (journal->restore && journal->loops[0])
        hand_over(journal, false);
    restore_free(&journal->restore);
}

/* --- memory ---------------------------------------------------------------------------------------------- */

/* What is above a queue's limit pages out, in turns: it may be much. */
enum { RELIEVED_PER_TURN = 256 };

static void relieve_some(struct loop *loop, struct loop_timer *timer)
{
    struct journal_loop *p = lv_container_of(timer, struct journal_loop, relieve_timer);
    for (unsigned n = 0; n < RELIEVED_PER_TURN && p->relieve_count > 0; n++) {
        struct lane *l = p->to_relieve[--p->relieve_count];
        size_t before = l->backlog.memory_bytes;
        if (p->journal && !atomic_load(&l->queue->entry.is_deleted))
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
    struct journal_loop *p = journal_of(l->queue->entry.home);
    if (l->backlog.memory_bytes < p->journal->limits.pager.memory_low)
        return;
    if (p->relieve_count == p->relieve_capacity) {
        p->relieve_capacity = p->relieve_capacity ? p->relieve_capacity * 2 : 16;
        p->to_relieve = lv_realloc(p->to_relieve, p->relieve_capacity * sizeof(struct lane *));
    }
    p->to_relieve[p->relieve_count++] = lane_ref(l);
    if (!loop_timer_is_running(&p->relieve_timer))
        loop_timer_start(p->loop, &p->relieve_timer, 0);
}

void journal_restore_begin_loop(struct journal_loop *p)
{
    p->is_restoring = true;
    loop_timer_init(&p->relieve_timer, relieve_some);
}

void journal_restore_end_loop(struct journal_loop *p)
{
    while (p->relieve_count > 0)
        lane_unref(&p->to_relieve[--p->relieve_count]);
    free(p->to_relieve);
    p->to_relieve = NULL;
    p->relieve_capacity = 0;
}
