/* Loops without threads, sockets or a clock, for tests and fuzzers: mail is delivered and timers
 * fire only in loop_sim_turn(), in an order given by a seed. Mail from one loop to another keeps
 * its order; between different pairs of loops the order is random, and mail may be some turns late.
 *
 * This folder is a library of its own, linked in front of the room `loop`: it defines every
 * function of loop.h, so the real ones are not linked. Everything runs on one thread, including
 * loop_mail_from_outside(). */
#ifndef LEVERET_LOOP_SIM_LOOP_SIM_H
#define LEVERET_LOOP_SIM_LOOP_SIM_H

#include "loop/loop.h"

/* Creates `count` simulated loops. Their clock shows 1,000,000 ms, wall and steady clock
 * 1,700,000,000,000. The calling thread takes part in RCU until loop_sim_free(). loops_create()
 * does the same with seed 0. */
struct loops *loop_sim_create(unsigned count, uint64_t seed);
/* Sets what loop_current() returns. */
void loop_sim_enter(struct loop *loop);
/* Runs one turn of every loop, in seeded order. Returns whether anything was done or is left to
 * do. */
bool loop_sim_turn(struct loops *loops);
/* Cuts work at random from here on (loop.h, work in slices): each budget for loop_spend() is a
 * random number of units, from 1 to `units`, and a job may be run a turn later than it could.
 * Without this call budgets are those of real loops. */
void loop_sim_cut_slices(struct loops *loops, unsigned units);
/* Lets work that is done on this loop before its next turn spend this many units. */
void loop_sim_give_units(struct loop *loop, unsigned units);
/* Runs turns until nothing is left to do, apart from timers in the future. */
void loop_sim_settle(struct loops *loops);
/* Moves the clock and fires the timers that become due, deadline by deadline, with turns in
 * between. */
void loop_sim_advance(struct loops *loops, uint64_t ms);
/* Sets the wall clock. */
void loop_sim_set_wall(struct loops *loops, uint64_t wall_ms);
/* Lets the process stand still for this long: the clocks move, nothing fires, and no loop reads. */
void loop_sim_stall(struct loops *loops, uint64_t ms);
/* Delivers the mail that is left, then frees the loops. Clears the pointer. NULL is fine. */
void loop_sim_free(struct loops **loops);

#endif
