/* syslog's numbers for the levels. */
#ifndef LEVERET_LOGGING_PRIORITY_H
#define LEVERET_LOGGING_PRIORITY_H

#include "base/log.h"

static inline int log_priority(enum log_level level)
{
    static const int priorities[LOG_NONE] = {7, 6, 4, 3, 2};
    return priorities[level];
}

#endif
