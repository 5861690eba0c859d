/* What broker/ keeps with each queue whose messages have ever moved on. Private to broker/. At the
 * queue's home, or after the loops have stopped. */
#ifndef LEVERET_BROKER_DEPARTURES_H
#define LEVERET_BROKER_DEPARTURES_H

struct dead_letter_log;
struct forwarder;
struct queue;
struct retry;

struct departures {
    struct forwarder *forwarder;             /* forward.c's; NULL: nothing was ever forwarded */
    struct retry *retry;                     /* queue_retry.c's; NULL: none is under way */
    struct dead_letter_log *dead_letter_log; /* dead_lettering.c's; NULL: nothing was logged yet */
};

/* The queue's, made when there are none. */
struct departures *departures_of(struct queue *q);

/* Their parts are freed already. */
void departures_free(struct queue *q);

#endif
