#include "admin/places.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdbool.h>
#include <unistd.h>

#include "base/assert.h"

static sem_t places;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool has_place;

static void init(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    lv_assert(sem_init(&places, 0, processors > 2 ? (unsigned)processors / 2 : 1) == 0);
}

void place_take(void)
{
    if (has_place)
        return;
    pthread_once(&once, init);
    while (sem_wait(&places) != 0)
        lv_assert(errno == EINTR);
    has_place = true;
}

bool place_give(void)
{
    if (!has_place)
        return false;
    has_place = false;
    lv_assert(sem_post(&places) == 0);
    return true;
}
