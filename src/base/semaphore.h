/* Waiting for a semaphore. */
#ifndef LEVERET_BASE_SEMAPHORE_H
#define LEVERET_BASE_SEMAPHORE_H

#include <errno.h>
#include <semaphore.h>

#include "base/assert.h"

/* Waits until the semaphore is above 0 and takes one, whatever signals come meanwhile. Never on a
 * loop. */
static inline void semaphore_wait(sem_t *semaphore)
{
    while (sem_wait(semaphore) != 0)
        lv_assert(errno == EINTR);
}

#endif
