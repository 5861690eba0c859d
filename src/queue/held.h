/* After a start, connections are served before all messages have been read from the log. A queue
 * that is still being restored is touched by the thread that reads alone. Whatever is asked of it
 * meanwhile (a publish, a consumer, its counts, its end) comes to its home as mail and is held
 * there; when the queues of the loop have been restored it is delivered, in the order in which it
 * came. So a client sees nothing but an answer that takes longer: no count is wrong, and no message
 * is out of order. */
#ifndef LEVERET_QUEUE_HELD_H
#define LEVERET_QUEUE_HELD_H

#include "paging/journal.h"
#include "queue/queue_private.h"

/* Whether the mail must wait: then a copy is held, and delivered later. Home. */
static inline bool held_takes(const struct queue *q, const struct mail *mail)
{
    if (!q->is_restoring)
        return false;
    journal_hold(q->entry.home, mail);
    return true;
}

#endif
