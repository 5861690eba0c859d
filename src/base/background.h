/* The priority of threads that are not loops. */
#ifndef LEVERET_BASE_BACKGROUND_H
#define LEVERET_BASE_BACKGROUND_H

/* Lowers the priority of the calling thread for good: a loop that wakes up takes the CPU from it at
 * once. Among threads of the same priority Linux lets the one that runs go on until its time is
 * over, 3 ms or more, and so would every message wait that comes meanwhile. While loops keep all
 * CPUs busy, such a thread still gets about a tenth of one. */
void thread_enter_background(void);

#endif
