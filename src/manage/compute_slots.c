/* A semaphore of slots, and for each thread whether it has one. */
#include "manage/compute_slots.h"

#include <pthread.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/rcu.h"
#include "base/semaphore.h"
#include "loop/loop.h"

static sem_t slots;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static _Thread_local bool has_slot;

static void slots_init(void)
{
    long processors = sysconf(_SC_NPROCESSORS_ONLN);
    int err = sem_init(&slots, 0, processors > 2 ? (unsigned)processors / 2 : 1);
    lv_assert(err == 0);
}

static void slot_wait(void)
{
    lv_assert(!has_slot);
    pthread_once(&once, slots_init);
    semaphore_wait(&slots);
    has_slot = true;
}

void compute_slot_take(void)
{
    lv_assert(loop_current() == NULL);
    if (has_slot)
        return;
    lv_rcu_offline();
    slot_wait();
    lv_rcu_online();
}

void compute_slot_give(void)
{
    if (!has_slot)
        return;
    has_slot = false;
    int err = sem_post(&slots);
    lv_assert(err == 0);
}

bool compute_slot_pause(void)
{
    bool had_slot = has_slot;
    lv_assert(urcu_qsbr_read_ongoing()); /* RCU is online */
    lv_rcu_offline();
    compute_slot_give();
    return had_slot;
}

void compute_slot_resume(bool had_slot)
{
    if (had_slot)
        slot_wait();
    lv_rcu_online();
}
