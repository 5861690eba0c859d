/* How many commands may compute at once. A listing of 100,000 queues keeps a processor busy for a
 * second, and thirty at once would slow the loops down. So a thread that makes rows holds one of
 * the slots, of which there are half as many as processors, and releases it before it waits. A loop
 * must not call these functions. */
#ifndef LEVERET_MANAGE_COMPUTE_SLOTS_H
#define LEVERET_MANAGE_COMPUTE_SLOTS_H

#include <stdbool.h>

/* Waits for a slot for this thread, unless it has one. RCU is offline during the wait and online
 * afterwards: pointers read before are stale. */
void compute_slot_take(void);
/* Releases the thread's slot, if it has one. */
void compute_slot_give(void);

/* Called before and after a command waits. compute_slot_pause() releases the thread's slot, returns
 * whether it had one, and takes RCU offline; compute_slot_resume() takes RCU online, and a slot if
 * the thread had one. */
bool compute_slot_pause(void);
void compute_slot_resume(bool had_slot);

#endif
