/* Health checks. What they find is in manage/health.h; a check that fails is answered with 503. */
#include <string.h>

#include "api/api_private.h"
#include "manage/health.h"
#include "manage/queues.h"
#include "topology/vhost.h"

/* --- checks ----------------------------------------------------------------------------------- */

#define CHECKS "/health/checks/"

/* Returns the check that the route's path names, which may be followed by arguments. */
static const struct health_check *check_of(const struct api_call *c)
{
    const struct health_check *found = NULL;
    const char *path = c->route->path + strlen(CHECKS);
    for (const struct health_check *check = health_checks; check->name; check++) {
        size_t n = strlen(check->name);
        if (strncmp(path, check->name, n) == 0 && (path[n] == '\0' || path[n] == '/') &&
            (!found || n > strlen(found->name)))
            found = check;
    }
    return found;
}

/* Reads the arguments. Returns NULL, or what is wrong with them. */
static const char *question_read(const struct api_call *c, const struct health_check *check,
                                 struct health_question *ret)
{
    switch (check->needs) {
    case HEALTH_NEEDS_NOTHING: return NULL;
    case HEALTH_NEEDS_PERIOD:
        return health_parse_within(api_part(c, "within"), api_part(c, "unit"), &ret->within_s);
    case HEALTH_NEEDS_PORT:
        return health_parse_port(api_part(c, "port"), &ret->port) ? NULL : "Invalid port";
    case HEALTH_NEEDS_PROTOCOL: ret->protocol = api_part(c, "protocol"); return NULL;
    }
    return NULL;
}

/* Takes the body of the answer. */
static void answer_health(struct api_call *c, struct health health, unsigned status_if_failed)
{
    if (!health.is_ok)
        http_status(c->http, status_if_failed);
    json_write_tree(&c->json, health.body);
}

static void run_check(struct api_call *c)
{
    struct health_question question = {0};
    const struct health_check *check = check_of(c);
    const char *wrong = question_read(c, check, &question);
    if (wrong)
        api_refuse(c, 400, "bad_request", "%s", wrong);
    else
        answer_health(c, check->run(c->manage, &question), 503);
}

static void check_vhosts_queues(struct api_call *c)
{
    if (vhost_find(&c->manage->broker->topology, api_part(c, "vhost")))
        run_check(c);
    else
        api_refuse_not_found(c);
}

/* --- older ones ------------------------------------------------------------------------------- */

/* Answers 200 also when the check fails, as RabbitMQ does: callers read the status. */
static void check_node(struct api_call *c)
{
    if (c->part_count > 2 && !slice_is(api_part(c, "name"), c->manage->node_name))
        api_refuse_not_found(c);
    else
        answer_health(c, health_check_node(c->manage), 200);
}

/* Declares a queue, which remains, and asks whether every loop answers. */
static void aliveness(struct api_call *c)
{
    const struct queue_declaration queue = {.name = slice_str("aliveness-test")};
    struct manage_error error = {0};
    bool is_new;
    if (!vhost_find(&c->manage->broker->topology, api_part(c, "vhost")))
        api_refuse_not_found(c);
    else if (manage_declare_queue(c->manage, &c->actor, api_part(c, "vhost"), &queue, &is_new,
                                  &error))
        answer_health(c, health_check_loops(c->manage), 503);
    else
        api_refuse_as(c, &error);
    manage_error_free(&error);
}

/* --- the table -------------------------------------------------------------------------------- */

#define QUORUM CHECKS "quorum-queues-without-elected-leaders/"

const struct api_route api_health_routes[] = {
    {"GET", CHECKS "alarms", API_MANAGEMENT, run_check,
     "Fails if publishers are blocked, or the log has stalled, on any node."},
    {"GET", CHECKS "local-alarms", API_MANAGEMENT, run_check,
     "Fails if publishers are blocked, or the log has stalled, on this node."},
    {"GET", CHECKS "certificate-expiration/{within}/{unit}", API_MANAGEMENT, run_check,
     "Fails if a certificate of a listener expires within a period: 4/weeks. Units are days, weeks, "
     "months and years."},
    {"GET", CHECKS "port-listener/{port}", API_MANAGEMENT, run_check,
     "Fails if nothing listens on this port."},
    {"GET", CHECKS "protocol-listener/{protocol}", API_MANAGEMENT, run_check,
     "Fails if nothing listens for this protocol: amqp, amqps, http, https ..."},
    {"GET", CHECKS "virtual-hosts", API_MANAGEMENT, run_check,
     "Never fails: every vhost is available while the broker runs."},
    {"GET", CHECKS "node-is-mirror-sync-critical", API_MANAGEMENT, run_check,
     "Never fails: there are no mirrored queues."},
    {"GET", CHECKS "node-is-quorum-critical", API_MANAGEMENT, run_check,
     "Never fails on a single node."},
    {"GET", CHECKS "is-in-service", API_PUBLIC, run_check, "Fails while the node starts or stops."},
    {"GET", CHECKS "below-node-connection-limit", API_PUBLIC, run_check,
     "Fails if there are as many connections as connection_max allows."},
    {"GET", CHECKS "ready-to-serve-clients", API_PUBLIC, run_check,
     "Fails if the node is not in service, has no listener for AMQP, or no room for connections."},
    {"GET", CHECKS "reached-target-cluster-size", API_PUBLIC, run_check,
     "Never fails on a single node."},
    {"GET", CHECKS "metadata-store/initialized", API_MANAGEMENT, run_check,
     "Fails until the definitions have been read."},
    {"GET", CHECKS "metadata-store/initialized/with-data", API_MANAGEMENT, run_check,
     "Fails if there is no vhost."},
    {"GET", QUORUM "all-vhosts", API_MONITORING, run_check, "Never fails on a single node."},
    {"GET", QUORUM "all-vhosts/pattern/{pattern}", API_MONITORING, run_check,
     "Never fails on a single node."},
    {"GET", QUORUM "vhost/{vhost}", API_VHOST, check_vhosts_queues,
     "Never fails on a single node."},
    {"GET", QUORUM "vhost/{vhost}/pattern/{pattern}", API_VHOST, check_vhosts_queues,
     "Never fails on a single node."},
    {"GET", "/healthchecks/node", API_MANAGEMENT, check_node,
     "Checks alarms, and whether every loop answers. Superseded by /health/checks."},
    {"GET", "/healthchecks/node/{name}", API_MANAGEMENT, check_node,
     "Like /healthchecks/node, for the node of this name."},
    {"GET", "/aliveness-test/{vhost}", API_VHOST, aliveness,
     "Declares the queue aliveness-test, and checks that every loop answers. Superseded by "
     "/health/checks."},
    {NULL},
};
