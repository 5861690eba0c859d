/* The broker's own clock over the life of a data directory.
 *
 * Deadlines (of TTLs, delays, remembered values) are by loop_steady_ms(), which nobody sets. The
 * keeper lets it go on at a start where it must be by then, and notes in the data directory what is
 * needed for that: when it begins, when the system's clock has been set, now and then, and at the
 * end. It has a thread of its own, which sleeps nearly always. */
#ifndef LEVERET_LEVERETD_CLOCK_KEEPER_H
#define LEVERET_LEVERETD_CLOCK_KEEPER_H

#include "loop/loop.h"
#include "store/clock_file.h"

struct clock_keeper;

/* What the steady clock shows now, by the last note (NULL: none) and by what the other clocks of
 * `now` show:
 *   - within one start of the machine as much has passed as its own clock says;
 *   - otherwise as much as the wall clock says, whose difference to the steady one stays as it was;
 *   - at least what it showed last. */
uint64_t clock_continue(const struct clock_reading *last, const struct clock_reading *now);

/* Sets the loops' steady clock. `dir` and `loops` are borrowed until clock_keeper_end(). Before any
 * loop runs; blocks. */
struct clock_keeper *clock_keeper_create(const char *dir, struct loops *loops);
/* From here on notes are written. */
void clock_keeper_begin(struct clock_keeper *keeper);
/* Writes a last note. Clears the pointer. NULL is fine. Blocks. */
void clock_keeper_end(struct clock_keeper **keeper);

#endif
