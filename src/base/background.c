#include "base/background.h"

#include <sched.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICENESS = 10, SLICE_NS = 100 * 1000 };

/* The kernel's struct sched_attr, sched_setattr(2). Older C libraries lack it, and the kernel's
 * header contradicts theirs. */
struct scheduling {
    uint32_t size, policy;
    uint64_t flags;
    int32_t nice;
    uint32_t priority;
    uint64_t runtime, deadline, period;
};

void thread_enter_background(void)
{
    const struct scheduling attributes = {
        .size = sizeof attributes, .policy = SCHED_OTHER, .nice = NICENESS, .runtime = SLICE_NS};
    if (syscall(SYS_sched_setattr, 0, &attributes, 0) < 0) /* forbidden, or not there */
        (void)setpriority(PRIO_PROCESS, 0, NICENESS);      /* 0 is this thread alone, on Linux */
}
