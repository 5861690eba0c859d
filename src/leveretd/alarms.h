/* Alarms: while memory or disk space is low, publishers are blocked.
 *
 * A timer on loop 0 reads memory and disk, and tells every loop when an alarm changes; the decision
 * is in alarm_decision.h. Consumers are never blocked: they free memory and disk. */
#ifndef LEVERET_LEVERETD_ALARMS_H
#define LEVERET_LEVERETD_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include "broker/broker.h"
#include "leveretd/alarm_decision.h"
#include "leveretd/config.h"

struct alarms; /* see alarms.c */

/* Returns alarms with a first reading of memory and disk, which alarms_facts() shows; no alarm is
 * set yet. Borrows broker, data_dir and, until alarms_configure() replaces it, the config. The
 * caller owns the alarms. Call before loops_start(). */
struct alarms *alarms_create(struct broker *broker, const char *data_dir,
                             const struct config *config);
/* Starts the checks, which run on loop 0. Call once, before loops_start(). */
void alarms_start(struct alarms *alarms);
/* Replaces the limits, and checks memory and disk at once. Call on loop 0, after alarms_start(). */
void alarms_configure(struct alarms *alarms, const struct config *config);
/* Switches the disk alarm off, and clears it if it is set, or on again; and checks at once. The log
 * keeps its own alarm, which is set when the disk has no room for it. Call on loop 0, after
 * alarms_start(). */
void alarms_watch_disk(struct alarms *alarms, bool is_on);
/* Frees the alarms and clears the pointer. NULL is fine. Call after loops_run() has returned. */
void alarms_free(struct alarms **alarms);

/* Sets or clears the log's alarm. This is a journal_options.on_space, whose arg is the broker: the
 * log writer's thread calls it. */
void alarms_log_space(void *broker, bool has_room);

/* Returns the limits, and the readings of the latest check. Call on any thread. */
struct alarm_facts {
    struct alarm_limits limits;
    struct alarm_readings readings;
    uint64_t total_bytes; /* memory for the process: alarm_total_bytes() */
};
void alarms_facts(struct alarms *alarms, struct alarm_facts *ret);

#endif
