/* Health checks. What they find is in manage/health.h; a check that fails is answered with 503. */
#include <string.h>

#include "api/api_private.h"
#include "manage/health.h"
#include "manage/messages.h"
#include "manage/queues.h"
#include "message/message.h"
#include "topology/vhost.h"
#include "wire/properties.h"

/* --- checks ----------------------------------------------------------------------------------- */

#define CHECKS "/health/checks/"
#define ALIVENESS "aliveness-test"

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

static bool note_got(void *arg, const struct got_facts *facts)
{
    bool *is_ours = arg;
    *is_ours |= slice_is(message_body(facts->message), ALIVENESS);
    return true;
}

static bool is_taken(void *arg)
{
    (void)arg;
    return true;
}

/* Sends a message through the queue aliveness-test, which remains. Sets *ret: whether it has come
 * back. */
static bool test_queue(struct api_call *c, bool *ret, struct manage_error *error)
{
    const struct properties none = {0};
    const struct queue_declaration queue = {.name = slice_str(ALIVENESS)};
    const struct publishing publishing = {
        .vhost = api_part(c, "vhost"),
        .routing_key = queue.name,
        .properties = &none,
        .body = slice_str(ALIVENESS),
    };
    const struct getting getting = {
        .vhost = publishing.vhost,
        .queue = queue.name,
        .count = 1,
        .visit = note_got,
        .has_taken = is_taken,
        .arg = ret,
    };
    bool is_new, is_routed;
    *ret = false;
    return manage_declare_queue(c->manage, &c->actor, publishing.vhost, &queue, &is_new, error) &&
           manage_publish(c->manage, &c->actor, &publishing, &is_routed, error) &&
           manage_get(c->manage, &c->actor, &getting, error);
}

static void aliveness(struct api_call *c)
{
    struct manage_error error = {0};
    bool is_back;
    if (!vhost_find(&c->manage->broker->topology, api_part(c, "vhost")))
        api_refuse_not_found(c);
    else if (!test_queue(c, &is_back, &error))
        api_refuse_as(c, &error);
    else
        answer_health(c,
                      is_back ? health_check_loops(c->manage)
                              : health_failed("a message that was published did not come back"),
                      503);
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
    {"GET", CHECKS "is-in-service", API_PUBLIC, run_check,
     "Fails while the node starts or stops, or is in maintenance."},
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
     "Declares the queue aliveness-test, publishes a message to it and gets it. Superseded by "
     "/health/checks."},
    {NULL},
};
