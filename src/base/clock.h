/* The system's clocks, in milliseconds. Any thread; no system call where the kernel has a vDSO. */
#ifndef LEVERET_BASE_CLOCK_H
#define LEVERET_BASE_CLOCK_H

#include <pthread.h>
#include <stdint.h>
#include <time.h>

static inline uint64_t clock_read_ms(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Returns the time since 1970 by the system's clock, which can be set forward and back. */
static inline uint64_t clock_wall_ms(void)
{
    return clock_read_ms(CLOCK_REALTIME);
}

/* Returns the time since the machine started, including its sleep. This clock is never set. */
static inline uint64_t clock_up_ms(void)
{
    return clock_read_ms(CLOCK_BOOTTIME);
}

/* Initialises a condition variable whose timed waits end by CLOCK_MONOTONIC, which is never set.
 * The caller destroys it. */
static inline void clock_cond_init(pthread_cond_t *ret)
{
    pthread_condattr_t attributes;
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(ret, &attributes);
    pthread_condattr_destroy(&attributes);
}

#endif
