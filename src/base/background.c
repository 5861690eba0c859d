#include "base/background.h"

#include <sys/resource.h>

enum { NICENESS = 10 };

void thread_enter_background(void)
{
    (void)setpriority(PRIO_PROCESS, 0, NICENESS); /* 0 is this thread alone, on Linux */
}
