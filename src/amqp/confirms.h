/* Which of a channel's publishes are still to be confirmed.
 *
 * Publishes are numbered from 1. One that every queue has taken at once only moves a counter; one
 * that must wait for answers (from another loop, from the disk) stands in a window until the last
 * has come. Once a turn what became safe is told to the client in as few frames as possible:
 * everything below the lowest open number in one ack with `multiple`, the rest one by one.
 *
 *   (1) Every number up to `told` has been acked or nacked.
 *   (2) A number is open (in the window) or safe or refused; refused ones are nacked one by one. */
#ifndef LEVERET_AMQP_CONFIRMS_H
#define LEVERET_AMQP_CONFIRMS_H

#include <stdbool.h>

#include "base/window.h"

struct confirms {
    struct lv_window window;
    uint64_t last; /* the number of the latest publish */
    uint64_t told;
    size_t open;
    uint64_t *early; /* safe, above an open one, not told yet */
    size_t early_count;
    size_t early_capacity;
    uint64_t *refused; /* not told yet */
    size_t refused_count;
    size_t refused_capacity;
};

void confirms_init(struct confirms *c);
void confirms_free(struct confirms *c);

/* The next publish's number. */
static inline uint64_t confirms_number(struct confirms *c)
{
    return ++c->last;
}

/* That publish, the latest, waits for so many answers (at least 1); `refused` when a queue has said no
 * at once, so that it gets a nack whatever they are. */
void confirms_wait(struct confirms *c, uint64_t number, uint32_t answers, bool refused);

/* The latest publish was refused at once: it gets a nack. */
void confirms_refuse(struct confirms *c, uint64_t number);

/* One answer for an open number. True when it was the last one. */
bool confirms_answer(struct confirms *c, uint64_t number, bool taken);

/* What to send now: calls send(arg, number, multiple, nack) for each frame. */
void confirms_flush(struct confirms *c,
                    void (*send)(void *arg, uint64_t number, bool multiple, bool nack), void *arg);

/* Publishes neither acked nor nacked. */
static inline uint64_t confirms_outstanding(const struct confirms *c)
{
    return c->open + c->early_count + c->refused_count;
}

#endif
