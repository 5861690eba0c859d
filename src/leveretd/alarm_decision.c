/* When an alarm is on, and how soon to check again. */
#include "leveretd/alarm_decision.h"

#include "base/assert.h"
#include "broker/broker.h"

/* Returns bytes * share, and INT64_MAX if that is more. */
static uint64_t share_of(uint64_t bytes, double share)
{
    lv_assert(share >= 0);
    double product = (double)bytes * share;
    return product >= 9.2e18 ? INT64_MAX : (uint64_t)product;
}

uint64_t alarm_total_bytes(const struct config *config, uint64_t measured_bytes)
{
    return config->total_memory_bytes == CONFIG_NONE ? measured_bytes
                                                     : (uint64_t)config->total_memory_bytes;
}

void alarm_limits_of(const struct config *config, uint64_t total_bytes, struct alarm_limits *ret)
{
    ret->memory_bytes = config->memory_bytes != CONFIG_NONE
                            ? (uint64_t)config->memory_bytes
                            : share_of(total_bytes, config->memory_relative);
    ret->disk_free_bytes = config->disk_free_relative > 0
                               ? share_of(total_bytes, config->disk_free_relative)
                               : (uint64_t)config->disk_free_bytes;
}

uint64_t alarm_memory_in_use(const struct alarm_readings *readings)
{
    uint64_t spare = readings->spare_bytes / 2;
    return readings->memory_bytes > spare ? readings->memory_bytes - spare : 0;
}

bool alarm_memory_is_short(const struct alarm_limits *limits, uint64_t bytes_in_use)
{
    return bytes_in_use > limits->memory_bytes / 4 * 3;
}

unsigned alarm_decide(const struct alarm_limits *limits, const struct alarm_readings *readings)
{
    unsigned alarms = 0;
    if (readings->has_memory && alarm_memory_in_use(readings) > limits->memory_bytes)
        alarms |= BROKER_ALARM_MEMORY;
    if (readings->has_disk && readings->disk_free_bytes < limits->disk_free_bytes)
        alarms |= BROKER_ALARM_DISK;
    return alarms;
}

/* Memory and disk are assumed to fill no faster than this: a limit at some distance is reached
 * after distance / rate at the earliest. */
enum { BYTES_PER_MS = 1024 * 1024 };

/* Returns half the time in which a limit at this distance can be reached, within the bounds. */
static uint64_t check_after(uint64_t distance_bytes)
{
    uint64_t ms = distance_bytes / BYTES_PER_MS / 2;
    if (ms < ALARM_PERIOD_MS_MIN)
        return ALARM_PERIOD_MS_MIN;
    return ms > ALARM_PERIOD_MS_MAX ? ALARM_PERIOD_MS_MAX : ms;
}

uint64_t alarm_next_check_ms(const struct alarm_limits *limits,
                             const struct alarm_readings *readings)
{
    if (alarm_decide(limits, readings))
        return ALARM_PERIOD_MS_MIN;
    uint64_t ms = ALARM_PERIOD_MS_MAX;
    if (readings->has_memory)
        ms = check_after(limits->memory_bytes - alarm_memory_in_use(readings));
    if (readings->has_disk) {
        uint64_t disk_ms = check_after(readings->disk_free_bytes - limits->disk_free_bytes);
        ms = disk_ms < ms ? disk_ms : ms;
    }
    return ms;
}
