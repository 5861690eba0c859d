/* After a start, connections are served before all messages have been read from the log. A queue
 * that is still being restored is used by the reading thread only. All requests to it (a publish, a
 * consumer, its counts, its deletion) arrive at its home as mail and are held there. When the
 * queues of the loop have been restored, the mail is delivered in the order in which it arrived. So
 * a client only sees a later answer: no count is wrong, and no message is out of order. */
#ifndef LEVERET_QUEUE_HELD_H
#define LEVERET_QUEUE_HELD_H

#include "paging/journal.h"
#include "queue/queue_private.h"

/* Returns whether the queue is being restored: then a copy of the mail is held and delivered later.
 * Home. */
static inline bool held_takes(const struct queue *q, const struct mail *mail)
{
    if (!q->is_restoring)
        return false;
    journal_hold(q->entry.home, mail);
    return true;
}

#endif
