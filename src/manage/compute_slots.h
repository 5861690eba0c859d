/* Commands compute in slots: a listing of 100,000 queues takes a processor for a second, and
 * thirty of them together would leave loops little of any. So a thread that makes rows takes a
 * slot, of which there are half as many as processors, and gives it back before it waits for
 * anything. Of a thread that is no loop. */
#ifndef LEVERET_MANAGE_COMPUTE_SLOTS_H
#define LEVERET_MANAGE_COMPUTE_SLOTS_H

#include <stdbool.h>

/* Waits until there is a slot for this thread. Nothing when it has one. RCU is offline
 * meanwhile, and online afterwards: pointers read before are stale. */
void compute_slot_take(void);
/* Nothing when it has none. */
void compute_slot_give(void);

/* Around whatever a command waits for: RCU goes offline, its slot is others' meanwhile, and it
 * has one again afterwards if it had one. */
bool compute_slot_pause(void);
void compute_slot_resume(bool had_slot);

#endif
