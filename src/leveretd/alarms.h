/* Alarms: when memory or disk space run low, publishers are held up until there is more again.
 *
 * The decision is pure (alarms_decide); the rest reads /proc and statvfs(3) on loop 0 and spreads
 * the word. Consumers are never held up: they are what makes room. */
#ifndef LEVERET_LEVERETD_ALARMS_H
#define LEVERET_LEVERETD_ALARMS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"
#include "broker/broker.h"
#include "leveretd/config.h"

/* --- pure ------------------------------------------------------------------------------------- */

struct alarm_limits {
    uint64_t memory_bytes;    /* above it: the memory alarm */
    uint64_t disk_free_bytes; /* below it: the disk alarm */
};

struct alarm_readings {
    uint64_t memory_bytes; /* resident */
    uint64_t spare_bytes;  /* of these: free, but between what is in use */
    uint64_t disk_free_bytes;
    bool has_memory, has_disk; /* false: could not be read, no alarm by it */
};

/* What counts as memory in use: what is resident, less half of what is spare in it. Half: new
 * messages are put there first, but not all of them fit. */
uint64_t alarms_memory_in_use(const struct alarm_readings *readings);

/* The bit set of BROKER_ALARM_... that is to be on. */
unsigned alarms_decide(const struct alarm_limits *limits, const struct alarm_readings *readings);

/* Milliseconds until the next look: ALARM_PERIOD_MS_MAX far from both limits, less the closer one
 * is, down to ALARM_PERIOD_MS_MIN; also that while an alarm is on. */
enum { ALARM_PERIOD_MS_MIN = 50, ALARM_PERIOD_MS_MAX = 1000 };
uint64_t alarms_next_look_ms(const struct alarm_limits *limits,
                             const struct alarm_readings *readings);

/* The limits that a config means on a machine (or in a control group) with this much memory. */
void alarms_limits_of(const struct config *config, uint64_t total_bytes, struct alarm_limits *ret);

/* Resident bytes, from the text of /proc/self/statm. False when it does not read so. */
bool alarms_parse_statm(struct slice text, uint64_t page_bytes, uint64_t *ret);

/* The bytes a control group's limit file names. False for "max" (version 2), for what stands for
 * "none" in version 1, and for what is no number. */
bool alarms_parse_group_limit(struct slice text, uint64_t *ret);

/* The path of this process's control group for memory, from the text of /proc/self/cgroup: that
 * of the version 1 memory controller if it is there (*ret_is_v1), else that of version 2. False
 * when there is neither. */
bool alarms_parse_group_path(struct slice text, struct slice *ret, bool *ret_is_v1);

/* --- the machine ------------------------------------------------------------------------------ */

/* The memory there is for us: the machine's, or the control group's limit where that is less.
 * Reads files. */
uint64_t alarms_total_memory(void);

struct alarms; /* see alarms.c */

/* Takes a first look, for alarms_facts(), and no steps. Borrows broker and data_dir. The caller
 * owns what is returned. */
struct alarms *alarms_create(struct broker *broker, const char *data_dir,
                             const struct config *config);
/* Watches on loop 0 from here on. Before loops_start(). */
void alarms_start(struct alarms *alarms);
/* Takes over other limits. On loop 0, after alarms_start(). */
void alarms_configure(struct alarms *alarms, const struct config *config);
/* After loops_run(). Clears the pointer. NULL is fine. */
void alarms_free(struct alarms **alarms);

/* A journal_options.on_space; arg is the broker. On the store's thread. */
void alarms_log_space(void *broker, bool has_room);

/* As of the last look (of now, before the first). Any thread. */
struct alarm_facts {
    struct alarm_limits limits;
    struct alarm_readings readings;
    uint64_t total_bytes;
};
void alarms_facts(struct alarms *alarms, struct alarm_facts *ret);

#endif
