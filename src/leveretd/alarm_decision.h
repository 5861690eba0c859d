/* When an alarm is on, and how soon to check again: pure functions of limits and readings.
 *
 * alarms.h reads memory and disk and acts on the decision. */
#ifndef LEVERET_LEVERETD_ALARM_DECISION_H
#define LEVERET_LEVERETD_ALARM_DECISION_H

#include <stdbool.h>
#include <stdint.h>

#include "leveretd/config.h"

struct alarm_limits {
    uint64_t memory_bytes;    /* the memory alarm is on above it */
    uint64_t disk_free_bytes; /* the disk alarm is on below it */
};

struct alarm_readings {
    uint64_t memory_bytes; /* resident */
    uint64_t spare_bytes;  /* of these, free, but between bytes in use: cannot be given back */
    uint64_t disk_free_bytes;
    bool has_memory, has_disk; /* false: could not be read, which raises no alarm */
};

/* Returns the memory that shares are of: what the config says, or else `measured_bytes`. */
uint64_t alarm_total_bytes(const struct config *config, uint64_t measured_bytes);

/* Returns the limits of a config on a machine (or in a control group) with this much memory. */
void alarm_limits_of(const struct config *config, uint64_t total_bytes, struct alarm_limits *ret);

/* Returns the bytes that count as in use: resident memory less half of what is spare in it. Only
 * half, since new messages fill spare memory first, but not all of them fit. */
uint64_t alarm_memory_in_use(const struct alarm_readings *readings);

/* Returns true if memory in use is above three quarters of the limit: queues then page out. */
bool alarm_memory_is_short(const struct alarm_limits *limits, uint64_t bytes_in_use);

/* Returns the set of BROKER_ALARM_MEMORY and BROKER_ALARM_DISK that must be on. */
unsigned alarm_decide(const struct alarm_limits *limits, const struct alarm_readings *readings);

/* Returns the milliseconds until the next check: ALARM_PERIOD_MS_MAX while memory and disk are far
 * from their limits, fewer the closer one of them is to its limit, and ALARM_PERIOD_MS_MIN very
 * close to it or while an alarm is on. */
enum { ALARM_PERIOD_MS_MIN = 50, ALARM_PERIOD_MS_MAX = 1000 };
uint64_t alarm_next_check_ms(const struct alarm_limits *limits,
                             const struct alarm_readings *readings);

#endif
