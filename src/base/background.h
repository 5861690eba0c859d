/* The priority of threads that are not loops. */
#ifndef LEVERET_BASE_BACKGROUND_H
#define LEVERET_BASE_BACKGROUND_H

/* Lowers the priority of the calling thread for good, and asks for slices of 0.1 ms. A slice is the
 * time for which Linux lets a thread go on although another one that is owed the CPU has woken up:
 * by default some milliseconds, for which the message that has woken a loop would wait. Linux
 * before 6.12 knows the priority alone. While loops keep all CPUs busy, such a thread still gets
 * about a tenth of one. */
void thread_enter_background(void);

#endif
