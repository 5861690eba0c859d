/* The steady clock over the life of a data directory.
 *
 * Deadlines (of TTLs, delays, deduplication) follow loop_steady_ms(), a clock that nobody sets. At
 * the start the keeper sets it to the time it must have reached by then. It computes this time from
 * a reading of the clocks that is stored in the data directory: at the start, after the system
 * clock was set, once an hour, and at the end. The keeper has a thread of its own, which sleeps
 * nearly all the time. */
#ifndef LEVERET_LEVERETD_CLOCK_KEEPER_H
#define LEVERET_LEVERETD_CLOCK_KEEPER_H

#include "loop/loop.h"
#include "store/clock_file.h"

struct clock_keeper;

/* Returns the steady clock's time in ms, from the stored reading `last` (NULL: none) and the other
 * clocks in `now` (its steady_ms is not used):
 *   - if the machine has not been rebooted, what passed since then by its uptime is added;
 *   - else what passed by the wall clock, or nothing if the wall clock is behind `last`;
 *   - without `last` it is the wall clock's time.
 * It is never less than last->steady_ms. */
uint64_t clock_continue(const struct clock_reading *last, const struct clock_reading *now);

/* Sets the loops' steady clock and returns the keeper, which the caller owns. Borrows `dir` and
 * `loops` until clock_keeper_end(). Blocks. Call before loops_start(). */
struct clock_keeper *clock_keeper_create(const char *dir, struct loops *loops);
/* Starts the thread, which stores readings. Call once. */
void clock_keeper_begin(struct clock_keeper *keeper);
/* Stores a last reading, if clock_keeper_begin() was called, and frees the keeper. Clears the
 * pointer. NULL is fine. Blocks. */
void clock_keeper_end(struct clock_keeper **keeper);

#endif
