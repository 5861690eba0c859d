/* What a loop shows to `net` alone: the libuv loop inside, and the place of the flush in a turn. */
#ifndef LEVERET_LOOP_LOOP_UV_H
#define LEVERET_LOOP_LOOP_UV_H

#include <uv.h>

#include "loop/loop.h"

uv_loop_t *loop_uv(struct loop *loop);

/* The first line of every libuv callback: begins the turn if it has not begun (RCU online, the
 * clocks read). */
void loop_enter(struct loop *loop);

/* `fn` is called each time the turn-end functions have run and the mail is handed over, so perhaps
 * several times a turn; it sends no mail itself, but may schedule tasks. One per loop. */
void loop_set_flush(struct loop *loop, void (*fn)(struct loop *loop));

/* Called on the loop's thread when it has ended its last turn: close what is open on it. */
void loop_at_stop(struct loop *loop, void (*fn)(struct loop *loop));

#endif
