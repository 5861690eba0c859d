/* Publishes of a channel whose lives are followed (message/life.h) and that are still to be
 * confirmed, by the number of their confirm. The channel's thread. */
#ifndef LEVERET_AMQP_FOLLOWED_CONFIRMS_H
#define LEVERET_AMQP_FOLLOWED_CONFIRMS_H

#include <stdbool.h>
#include <stdint.h>

enum { FOLLOWED_MAX = 1024 }; /* those that are added while there are as many are not followed */

struct followed_confirms; /* followed_confirms.c; NULL: none. free() it */

/* Adds a publish. Its number is higher than all before it. Makes *f if it is NULL. */
void followed_add(struct followed_confirms **f, uint64_t number, uint32_t life);

/* The publish with this number is told to the client, or, `multiple`, all up to it. Removes those
 * of them that are followed, and calls told() for each, in their order. Frees *f, which is not
 * NULL, and clears it once it is empty. Takes time for those that it removes, and for those before
 * them that are still open. */
typedef void followed_told(void *arg, uint64_t number, uint32_t life);
void followed_take(struct followed_confirms **f, uint64_t number, bool multiple,
                   followed_told *told, void *arg);

#endif
