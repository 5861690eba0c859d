/* When a log file is rotated by the date, in newsyslog's notation, which RabbitMQ uses for
 * log.file.rotation.date:
 *
 *   $D0      every day at midnight          $W5D16   every Friday at 16:00 (0 is Sunday)
 *   $H30     every hour, at minute 30       $M1D6    on the first of each month at 6:00
 *
 * Times are in the system's time zone. */
#ifndef LEVERET_LOGGING_ROTATION_H
#define LEVERET_LOGGING_ROTATION_H

#include <stdbool.h>
#include <stdint.h>

enum rotation_period {
    ROTATION_NEVER,
    ROTATION_HOURLY,
    ROTATION_DAILY,
    ROTATION_WEEKLY,
    ROTATION_MONTHLY,
};

struct rotation_date {
    enum rotation_period period;
    int minute;   /* hourly: 0 to 59 */
    int hour;     /* others: 0 to 23 */
    int week_day; /* weekly: 0 to 6 */
    int day;      /* monthly: 1 to 31; in a shorter month its last day */
};

/* Reads the notation; "" is ROTATION_NEVER. Returns false, with *ret unchanged, if it is none. */
bool rotation_date_parse(const char *text, struct rotation_date *ret);

/* Returns the first time after `from_us` at which a file is rotated; both in microseconds since
 * 1970. INT64_MAX with ROTATION_NEVER. */
int64_t rotation_next_us(const struct rotation_date *date, int64_t from_us);

#endif
