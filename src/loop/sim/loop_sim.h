/* The same loops without threads, sockets or a clock, for tests and fuzzers: mail is delivered and
 * timers fire only in loop_sim_turn(), in an order given by a seed. Mail of one loop to another
 * keeps its order; between different pairs of loops any order may come, and any delay of some
 * turns.
 *
 * This folder is a library of its own, linked in front of the room `loop`: it has every function of
 * loop.h, so that the real ones stay out. All of it runs on one thread, loop_mail_from_outside()
 * too. */
#ifndef LEVERET_LOOP_SIM_LOOP_SIM_H
#define LEVERET_LOOP_SIM_LOOP_SIM_H

#include "loop/loop.h"

/* `count` simulated loops whose clock stands at 1,000,000 ms (wall and steady clock:
 * 1,700,000,000,000). The calling thread takes part in RCU until loop_sim_free(). loops_create() is
 * the same with seed 0. */
struct loops *loop_sim_create(unsigned count, uint64_t seed);
/* Sets which loop loop_current() answers. */
void loop_sim_enter(struct loop *loop);
/* One turn of every loop in seeded order. True when anything was done or is left to do. */
bool loop_sim_turn(struct loops *loops);
/* From here on a slice of work has 1 to `units` units, as the seed will have it, and a turn gives
 * as many to what is done at once; some jobs wait for a later turn. Without it, the real loops'
 * numbers. */
void loop_sim_cut_slices(struct loops *loops, unsigned units);
/* What is done on this loop before its next turn may spend so many units more. */
void loop_sim_give_units(struct loop *loop, unsigned units);
/* Turns until nothing is left to do (timers in the future aside). */
void loop_sim_settle(struct loops *loops);
/* Moves the clock and fires what is due, deadline by deadline, with turns in between. */
void loop_sim_advance(struct loops *loops, uint64_t ms);
/* Somebody sets the wall clock. */
void loop_sim_set_wall(struct loops *loops, uint64_t wall_ms);
/* The process stands still for this long: the clocks move, nothing fires, and no loop reads. */
void loop_sim_stall(struct loops *loops, uint64_t ms);
/* Delivers what mail is left, then frees. Clears the pointer. NULL is fine. */
void loop_sim_free(struct loops **loops);

#endif
