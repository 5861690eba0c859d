/* The same loops without threads, sockets or a clock, for tests and fuzzers: mail is delivered and
 * timers fire only in loop_sim_turn(), in an order given by a seed. Link loop_sim.c instead of
 * loop.c. */
#ifndef LEVERET_LOOP_LOOP_SIM_H
#define LEVERET_LOOP_LOOP_SIM_H

#include "loop/loop.h"

/* `count` simulated loops whose clock stands at 1,000,000 ms. */
struct loops *loop_sim_create(unsigned count, uint64_t seed);
/* Sets which loop loop_current() answers. */
void loop_sim_enter(struct loop *loop);
/* One turn of every loop in seeded order. True when anything was done. */
bool loop_sim_turn(struct loops *loops);
/* Turns until nothing is left to do (timers in the future aside). */
void loop_sim_settle(struct loops *loops);
/* Moves the clock and fires what is due. */
void loop_sim_advance(struct loops *loops, uint64_t ms);
void loop_sim_free(struct loops **loops);

#endif
