#include "manage/places.h"

#include <errno.h>
#include <pthread.h>
#include <semaphore.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rcu.h"

static sem_t places;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool has_place;

static void init(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    lv_assert(sem_init(&places, 0, processors > 2 ? (unsigned)processors / 2 : 1) == 0);
}

static void wait_for_place(void)
{
    pthread_once(&once, init);
    while (sem_wait(&places) != 0)
        lv_assert(errno == EINTR);
    has_place = true;
}

void place_take(void)
{
    if (has_place)
        return;
    lv_rcu_offline();
    wait_for_place();
    lv_rcu_online();
}

void place_give(void)
{
    if (!has_place)
        return;
    has_place = false;
    lv_assert(sem_post(&places) == 0);
}

bool place_pause(void)
{
    bool had_place = has_place;
    lv_rcu_offline();
    place_give();
    return had_place;
}

void place_resume(bool had_place)
{
    if (had_place)
        wait_for_place();
    lv_rcu_online();
}
