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

/* Takes first readings, for alarms_facts(), and acts on none. Borrows broker and data_dir. The
 * caller owns the alarms. Before loops_start(). */
struct alarms *alarms_create(struct broker *broker, const char *data_dir,
                             const struct config *config);
/* Begins to watch, on loop 0. Once, before loops_start(). */
void alarms_start(struct alarms *alarms);
/* Replaces the limits and checks them at once. On loop 0, after alarms_start(). */
void alarms_configure(struct alarms *alarms, const struct config *config);
/* After loops_run(). Clears the pointer. NULL is fine. */
void alarms_free(struct alarms **alarms);

/* A journal_options.on_space, whose arg is the broker: sets or clears the alarm of the log. On the
 * log writer's thread. */
void alarms_log_space(void *broker, bool has_room);

/* Returns the limits, and the readings of the latest check. Any thread. */
struct alarm_facts {
    struct alarm_limits limits;
    struct alarm_readings readings;
    uint64_t total_bytes; /* memory for the process: machine_memory_bytes() */
};
void alarms_facts(struct alarms *alarms, struct alarm_facts *ret);

#endif
