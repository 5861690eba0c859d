/* What the files about queues share. */
#ifndef LEVERET_MANAGE_QUEUES_PRIVATE_H
#define LEVERET_MANAGE_QUEUES_PRIVATE_H

#include "manage/queues.h"

/* --- queue_gathering.c ------------------------------------------------------------------------ */

/* Returns a row of facts with those that never change, and a reference to the queue. Any thread. */
struct queue_facts *queue_facts_begin(struct queue *q);
/* A listing's free_row. */
void queue_facts_free(void *facts);
/* Fills in the rest of each row of the listing, whose order stays. Frees the listing if it returns
 * false after refusing, as the broker has stopped. RCU as for ask_every_loop(). */
bool queue_facts_gather(struct manage *m, struct listing *l, struct manage_error *error);

#endif
