/* Health checks: whether the node is in order, and if not, why. For load balancers, probes and
 * operators, through every interface.
 *
 * Unlike the rest of this room, a check answers in JSON, in the form of RabbitMQ's HTTP API, since
 * every interface shows it like this:
 *
 *     {"status": "ok"}
 *     {"status": "failed", "reason": "There are alarms in effect ...", "alarms": [...]} */
#ifndef LEVERET_MANAGE_HEALTH_H
#define LEVERET_MANAGE_HEALTH_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

struct manage;

struct health {
    bool is_ok;
    json_t *body; /* an object; owned by the caller, who calls json_decref() */
};

/* What is asked, as far as the check needs it. */
struct health_question {
    uint64_t within_s;     /* certificate-expiration: health_parse_within() */
    uint16_t port;         /* port-listener: health_parse_port() */
    struct slice protocol; /* protocol-listener: "amqp", "amqps", "http" ... */
};

enum health_needs {
    HEALTH_NEEDS_NOTHING,
    HEALTH_NEEDS_PERIOD,
    HEALTH_NEEDS_PORT,
    HEALTH_NEEDS_PROTOCOL
};

struct health_check {
    const char *name; /* as in the path /api/health/checks/NAME: "local-alarms" */
    enum health_needs needs;
    const char *help; /* "Fails if ..." */
    /* Never waits. Call on any thread that is not a loop, with RCU online. */
    struct health (*run)(struct manage *m, const struct health_question *q);
};

/* Every check that never waits, ended by a NULL name. */
extern const struct health_check health_checks[];
/* Returns the check of this name, or NULL. */
const struct health_check *health_check_find(struct slice name);

/* Checks everything that makes a node unfit, in the place of RabbitMQ's node_health_check: alarms,
 * and whether every loop answers. Waits for the loops, at most HEALTH_LOOP_MS; for thread and RCU
 * see ask.h. */
enum { HEALTH_LOOP_MS = 5000 };
struct health health_check_node(struct manage *m);
/* Like health_check_node(), without alarms. */
struct health health_check_loops(struct manage *m);

/* Returns the answer of a check that has failed for this reason. */
struct health health_failed(const char *reason);

/* Reads a port, in digits. Returns false if it is not one. */
bool health_parse_port(struct slice text, uint16_t *ret);
/* Reads a period: a number, and days, weeks, months (of 30 days) or years (of 365). Returns NULL
 * with *ret_s in seconds, or what is wrong, in RabbitMQ's words. */
const char *health_parse_within(struct slice number, struct slice unit, uint64_t *ret_s);

#endif
