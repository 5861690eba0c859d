/* What a loop offers only to `net`: the libuv loop inside, and a function that a turn calls to
 * write the sockets. */
#ifndef LEVERET_LOOP_LOOP_UV_H
#define LEVERET_LOOP_LOOP_UV_H

#include <uv.h>

#include "loop/loop.h"

uv_loop_t *loop_uv(struct loop *loop);

/* Begins the turn if it has not begun: goes online for RCU and reads the clocks. Call it in the
 * first line of every libuv callback, on the loop's thread. */
void loop_enter(struct loop *loop);

/* Sets the function that writes the sockets. It is called whenever the turn-end functions have run
 * and mail is handed over, so perhaps several times a turn. It must not send mail, but may schedule
 * tasks. Call once per loop, while no loop runs. */
void loop_set_flush(struct loop *loop, void (*fn)(struct loop *loop));

/* Registers a function that is called on the loop's thread after its last turn, to close what is
 * open on it. Call only while no loop runs. */
void loop_at_stop(struct loop *loop, void (*fn)(struct loop *loop));

#endif
