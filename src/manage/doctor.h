/* The doctor: what is wrong with the broker and with how it is used.
 *
 * Rules (doctor_rules.h) look at facts: at the node, at queues that hold messages or have moved, at
 * connections, channels and consumers that stand out. What they find has evidence in numbers, and a
 * remedy. docs/doctor.md describes every rule.
 *
 * Loops are asked in slices, and what holds nothing and does not move is never looked at; so a
 * diagnosis delays no message. Like the answers of health checks, a report is JSON, since every
 * interface shows it alike:
 *
 *     {"node": "leveret@host", "period": 600, "covered": 600,
 *      "critical": 0, "warning": 1, "advice": 0,
 *      "findings": [{"rule": "queue_grows_unconsumed", "severity": "warning",
 *                    "title": "A queue grows, and has no consumer",
 *                    "object": {"kind": "queue", "vhost": "/", "name": "orders"},
 *                    "evidence": "...", "remedy": "...",
 *                    "docs": "docs/doctor.md#queue_grows_unconsumed"}],
 *      "rules": [{"name": "queue_grows_unconsumed", "severity": "critical", "title": "...",
 *                 "sees": "...", "why": "...", "remedy": "...", "docs": "...",
 *                 "found": 1, "more": 0}]} */
#ifndef LEVERET_MANAGE_DOCTOR_H
#define LEVERET_MANAGE_DOCTOR_H

#include <jansson.h>

#include "manage/manage.h"

/* Over how many seconds changes are looked at. */
enum { DOCTOR_PERIOD_S = 600, DOCTOR_PERIOD_S_MAX = 3600 };

/* Examines the broker, as far as the actor, a monitor, may see it: the node, and the vhosts whose
 * content it may see. period_s is from 1 to DOCTOR_PERIOD_S_MAX. Sets *ret to the report, which the
 * caller owns. RCU as for ask_every_loop(). */
bool manage_diagnose(struct manage *m, const struct actor *actor, uint64_t period_s, json_t **ret,
                     struct manage_error *error);

/* What a broker's rules look like to a program without one: the array "rules" of a report, without
 * the numbers of findings. The caller owns it. */
json_t *doctor_describe_rules(void);

#endif
