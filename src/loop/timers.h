/* The timers of one loop: a binary heap of pointers, the earliest deadline first. A timer knows its
 * index in the heap, so it can be stopped in O(log n). Private to this room. */
#ifndef LEVERET_LOOP_TIMERS_H
#define LEVERET_LOOP_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct loop_timer;

/* Zero-initialised is a valid, empty heap. */
struct timers {
    struct loop_timer **at; /* at[1] .. at[count]; no parent is later than its children */
    size_t count;
    size_t capacity;
};

/* Adds a timer, or moves it if it is in the heap already. Borrows it until it fires or is
 * stopped. */
void timers_start(struct timers *timers, struct loop_timer *timer, uint64_t deadline_ms);
/* Removes a timer; does nothing if it is not in the heap. */
void timers_stop(struct timers *timers, struct loop_timer *timer);
/* Returns whether any timer runs; *ret_deadline_ms is then the earliest deadline. */
bool timers_next(const struct timers *timers, uint64_t *ret_deadline_ms);
/* Fires the timers that are due, in the order of their deadlines: at most `most`, and at most as
 * many as the heap holds at the call, so that a timer that restarts itself without a delay does not
 * hold up the turn. Returns how many fired. */
size_t timers_fire(struct timers *timers, struct loop *loop, uint64_t now_ms, size_t most);
/* Frees the heap; the timers are their owners'. */
void timers_free(struct timers *timers);

#endif
