#include "manage/health.h"

#include <inttypes.h>
#include <string.h>
#include <time.h>

#include "base/buffer.h"
#include "base/clock.h"
#include "base/digits.h"
#include "base/error.h"
#include "broker/broker.h"
#include "manage/json_text.h"
#include "manage/manage.h"
#include "manage/node.h"
#include "session/session.h"

/* --- answers ---------------------------------------------------------------------------------- */

static struct health health_ok(void)
{
    return (struct health){.is_ok = true, .body = json_pack("{s:s}", "status", "ok")};
}

static struct health health_ok_because(const char *reason)
{
    struct health h = health_ok();
    json_object_set_new(h.body, "reason", json_of_text(reason));
    return h;
}

struct health health_failed(const char *reason)
{
    return (struct health){
        .body = json_pack("{s:s, s:o}", "status", "failed", "reason", json_of_text(reason))};
}

/* Takes the value. */
static void health_add(struct health *h, const char *name, json_t *value)
{
    json_object_set_new(h->body, name, value);
}

/* --- alarms ----------------------------------------------------------------------------------- */

static json_t *alarm_json(const struct node_facts *f, const struct node_alarm *alarm)
{
    return json_pack("{s:o, s:s, s:s, s:s}", "node", json_of_text(f->name), "resource",
                     alarm->resource, "type", alarm->type, "name", alarm->name);
}

/* Fails if an alarm is on; the reason begins with RabbitMQ's sentence. */
static struct health check_alarms_of(struct manage *m, const char *sentence)
{
    struct node_facts f;
    struct lv_buffer reason = {0};
    json_t *list = json_array();
    node_facts_gather(m, &f);
    for (size_t i = 0; i < node_alarm_count; i++) {
        if (!(f.alarms & node_alarms[i].bit))
            continue;
        lv_buffer_printf(&reason, "%s", reason.n == 0 ? sentence : ";");
        lv_buffer_printf(&reason, " ");
        node_alarm_explain(&f, node_alarms[i].bit, &reason);
        json_array_append_new(list, alarm_json(&f, &node_alarms[i]));
    }
    struct health h = reason.n == 0 ? health_ok() : health_failed((const char *)reason.p);
    if (h.is_ok)
        json_decref(list);
    else
        health_add(&h, "alarms", list);
    lv_buffer_free(&reason);
    return h;
}

static struct health check_alarms(struct manage *m, const struct health_question *q)
{
    (void)q;
    return check_alarms_of(m, "There are alarms in effect in the cluster:");
}

static struct health check_local_alarms(struct manage *m, const struct health_question *q)
{
    (void)q;
    return check_alarms_of(m, "There are alarms in effect on the node:");
}

/* --- certificates ----------------------------------------------------------------------------- */

struct expiry {
    int64_t limit_s;
    json_t *found;    /* the certificates that expire before it */
    json_t *by_group; /* what RabbitMQ shows with each listener, by group of settings */
    struct lv_buffer reason;
};

/* Writes "2026-12-24 18:00:00", as RabbitMQ writes it: UTC. */
static const char *time_text(char text[32], int64_t at_s)
{
    time_t at = (time_t)at_s;
    struct tm tm;
    gmtime_r(&at, &tm);
    strftime(text, 32, "%Y-%m-%d %H:%M:%S", &tm);
    return text;
}

static void note_certificate(void *arg, const struct node_certificate *c)
{
    struct expiry *e = arg;
    char when[32], key[128];
    time_text(when, c->ends_at_s);
    json_t *by_file = json_object_get(e->by_group, c->group);
    if (!by_file)
        json_object_set_new(e->by_group, c->group, by_file = json_object());
    json_object_set_new(by_file, c->key, json_of_text(c->path));
    snprintf(key, sizeof key, "%s_expires_on", c->key);
    json_object_set_new(by_file, key, json_pack("[s]", when));
    if (c->ends_at_s > e->limit_s)
        return;
    lv_buffer_printf(&e->reason, "%s %s on %s", e->reason.n == 0 ? "Certificates expiring:" : ",",
                     c->path, when);
    json_array_append_new(e->found,
                          json_pack("{s:o, s:s, s:o, s:o, s:I, s:s}", "path", json_of_text(c->path),
                                    "group", c->group, "key", json_of_text(c->key), "subject",
                                    json_of_text(c->subject), "expires_at",
                                    (json_int_t)c->ends_at_s, "expires_on", when));
}

static json_t *listener_json(const struct node_listener *l)
{
    return json_pack("{s:s, s:s, s:i}", "protocol", l->protocol, "interface", l->interface, "port",
                     (int)l->port);
}

struct listener_list {
    const struct manage *manage;
    json_t *list;
    json_t *by_group; /* what each of them is shown with */
};

static void add_tls_listener(void *arg, const struct node_listener *l)
{
    struct listener_list *all = arg;
    if (!l->is_tls)
        return;
    json_t *one = listener_json(l);
    json_object_set_new(one, "node", json_of_text(all->manage->node_name));
    bool has_own = strcmp(l->protocol, "https") == 0;
    json_t *own = has_own ? json_object_get(all->by_group, "management.ssl") : NULL;
    json_t *by_file = own ? own : json_object_get(all->by_group, "ssl_options");
    if (by_file)
        json_object_update(one, by_file);
    json_array_append_new(all->list, one);
}

/* Fails if a certificate of a listener expires within the period, or has expired. RabbitMQ shows
 * every listener with its files; `certificates` is our own: those that expire. */
static struct health check_certificates(struct manage *m, const struct health_question *q)
{
    struct expiry e = {
        .limit_s = (int64_t)(clock_wall_ms() / 1000 + q->within_s),
        .found = json_array(),
        .by_group = json_object(),
    };
    struct listener_list listeners = {m, json_array(), e.by_group};
    struct health h = {0};
    node_each_certificate(m, note_certificate, &e);
    node_each_listener(m, add_tls_listener, &listeners);
    if (json_array_size(e.found) == 0) {
        h = health_ok();
    } else {
        h = health_failed((const char *)e.reason.p);
        json_object_set(h.body, "expired", listeners.list);
        json_object_set(h.body, "certificates", e.found);
    }
    json_decref(e.found);
    json_decref(e.by_group);
    json_decref(listeners.list);
    lv_buffer_free(&e.reason);
    return h;
}

/* --- listeners -------------------------------------------------------------------------------- */

/* Returns the one name of a protocol that may be written in several ways, in RabbitMQ's words. */
static struct slice protocol_name(struct slice asked, char space[64])
{
    static const struct {
        const char *alias, *name;
    } aliases[] = {
        {"amqp091", "amqp"},      {"amqp0.9.1", "amqp"},      {"amqp0-9-1", "amqp"},
        {"amqps", "amqp/ssl"},    {"amqp/tls", "amqp/ssl"},   {"https", "https"},
        {"http/ssl", "https"},    {"http/tls", "https"},      {"mqtts", "mqtt/ssl"},
        {"mqtt/tls", "mqtt/ssl"}, {"stomp/tls", "stomp/ssl"},
    };
    if (asked.n >= 64)
        return asked;
    for (size_t i = 0; i < asked.n; i++)
        space[i] = (char)(asked.p[i] >= 'A' && asked.p[i] <= 'Z' ? asked.p[i] + 32 : asked.p[i]);
    struct slice lower = slice_of(space, asked.n);
    for (size_t i = 0; i < sizeof aliases / sizeof *aliases; i++) {
        if (slice_is(lower, aliases[i].alias))
            return slice_str(aliases[i].name);
    }
    return lower;
}

struct listener_search {
    uint16_t port;
    struct slice protocol;
    bool has_port, has_protocol;
    bool has_amqp;
    json_t *ports, *protocols; /* each once */
};

static void add_once(json_t *list, json_t *value)
{
    json_t *one;
    size_t n;
    json_array_foreach(list, n, one)
    {
        if (json_equal(one, value)) {
            json_decref(value);
            return;
        }
    }
    json_array_append_new(list, value);
}

static void search_listener(void *arg, const struct node_listener *l)
{
    struct listener_search *s = arg;
    s->has_port |= l->port == s->port;
    s->has_protocol |= slice_is(s->protocol, l->protocol);
    s->has_amqp |= strncmp(l->protocol, "amqp", strlen("amqp")) == 0;
    add_once(s->ports, json_integer(l->port));
    add_once(s->protocols, json_of_text(l->protocol));
}

static void search_begin(struct manage *m, struct listener_search *s)
{
    s->ports = json_array();
    s->protocols = json_array();
    node_each_listener(m, search_listener, s);
}

static void search_end(struct listener_search *s)
{
    json_decref(s->ports);
    json_decref(s->protocols);
}

static struct health check_port(struct manage *m, const struct health_question *q)
{
    struct listener_search s = {.port = q->port};
    search_begin(m, &s);
    struct health h = s.has_port ? health_ok() : health_failed("No active listener");
    health_add(&h, s.has_port ? "port" : "missing", json_integer(q->port));
    if (!h.is_ok)
        health_add(&h, "ports", json_incref(s.ports));
    search_end(&s);
    return h;
}

static struct health check_protocol(struct manage *m, const struct health_question *q)
{
    char space[64];
    struct listener_search s = {.protocol = protocol_name(q->protocol, space)};
    search_begin(m, &s);
    struct health h = s.has_protocol ? health_ok() : health_failed("No active listener");
    health_add(&h, s.has_protocol ? "protocol" : "missing", json_of_slice(s.protocol));
    if (!h.is_ok)
        health_add(&h, "protocols", json_incref(s.protocols));
    search_end(&s);
    return h;
}

/* --- service ---------------------------------------------------------------------------------- */

/* Whether clients are served; `state` is our own: "booting", "stopping", "maintenance". */
static struct health service_of(struct manage *m, const struct node_facts *f)
{
    struct health h;
    if (f->is_stopping) {
        h = health_failed("this node is not currently available to serve: it is stopping");
        health_add(&h, "state", json_string("stopping"));
    } else if (atomic_load(&m->broker->topology.is_restoring)) {
        h = health_failed("this node is not currently available to serve: messages of the last run "
                          "are still being read");
        health_add(&h, "state", json_string("booting"));
    } else if (f->is_in_maintenance) {
        h = health_failed("this node is not currently available to serve: it is in maintenance "
                          "mode");
        health_add(&h, "state", json_string("maintenance"));
    } else {
        h = health_ok();
    }
    return h;
}

static struct health check_service(struct manage *m, const struct health_question *q)
{
    struct node_facts f;
    (void)q;
    node_facts_gather(m, &f);
    return service_of(m, &f);
}

static bool is_below_limit(struct manage *m, const struct node_facts *f, int64_t *ret_connections)
{
    *ret_connections = atomic_load(&m->sessions->connections_entered);
    return f->connections_max < 0 || *ret_connections < f->connections_max;
}

static struct health check_connection_limit(struct manage *m, const struct health_question *q)
{
    struct node_facts f;
    int64_t connections;
    (void)q;
    node_facts_gather(m, &f);
    struct health h = is_below_limit(m, &f, &connections)
                          ? health_ok()
                          : health_failed("node connection limit is reached");
    health_add(&h, "limit",
               f.connections_max < 0 ? json_string("infinity") : json_integer(f.connections_max));
    health_add(&h, "connections", json_integer(connections));
    return h;
}

static struct health check_ready(struct manage *m, const struct health_question *q)
{
    struct node_facts f;
    struct listener_search s = {.port = 0};
    int64_t connections;
    (void)q;
    node_facts_gather(m, &f);
    search_begin(m, &s);
    search_end(&s);
    struct health h = service_of(m, &f);
    if (!h.is_ok)
        return h;
    const char *why = !s.has_amqp                            ? "no active listeners for AMQP/AMQPS"
                      : !is_below_limit(m, &f, &connections) ? "node connection limit is reached"
                                                             : NULL;
    if (!why)
        return h;
    json_decref(h.body);
    return health_failed(why);
}

static struct health check_metadata(struct manage *m, const struct health_question *q)
{
    (void)m;
    (void)q;
    return health_ok(); /* definitions are read before anything is served */
}

static struct health check_metadata_with_data(struct manage *m, const struct health_question *q)
{
    struct node_facts f;
    (void)q;
    node_facts_gather(m, &f);
    return f.vhosts > 0 ? health_ok()
                        : health_failed("Metadata store is initialized but has no virtual hosts");
}

/* --- what is about clusters, with one node ---------------------------------------------------- */

static struct health check_nothing(struct manage *m, const struct health_question *q)
{
    (void)m;
    (void)q;
    return health_ok();
}

static struct health check_single_node(struct manage *m, const struct health_question *q)
{
    (void)m;
    (void)q;
    return health_ok_because("single node cluster");
}

/* --- the node --------------------------------------------------------------------------------- */

struct health health_check_loops(struct manage *m)
{
    switch (ask_for_a_turn(m->asker, HEALTH_LOOP_MS)) {
    case 0: return health_ok();
    case ERR_TIMED_OUT: return health_failed("a loop has not answered for 5 seconds");
    default: return health_failed("the node is stopping");
    }
}

struct health health_check_node(struct manage *m)
{
    struct health h = check_alarms(m, NULL);
    if (!h.is_ok)
        return h;
    json_decref(h.body);
    return health_check_loops(m);
}

/* --- the table -------------------------------------------------------------------------------- */

const struct health_check health_checks[] = {
    {"alarms", HEALTH_NEEDS_NOTHING,
     "Fails if publishing is blocked (memory, disk, log) or stalled, on any node.", check_alarms},
    {"local-alarms", HEALTH_NEEDS_NOTHING,
     "Fails if publishing is blocked (memory, disk, log) or stalled, on this node.",
     check_local_alarms},
    {"certificate-expiration", HEALTH_NEEDS_PERIOD,
     "Fails if a certificate of a listener expires within a period, or has expired.",
     check_certificates},
    {"port-listener", HEALTH_NEEDS_PORT, "Fails if nothing listens on this port.", check_port},
    {"protocol-listener", HEALTH_NEEDS_PROTOCOL, "Fails if nothing listens for this protocol.",
     check_protocol},
    {"virtual-hosts", HEALTH_NEEDS_NOTHING,
     "Never fails: every virtual host is available while the node runs.", check_nothing},
    {"node-is-mirror-sync-critical", HEALTH_NEEDS_NOTHING,
     "Never fails: there are no mirrored queues.", check_single_node},
    {"node-is-quorum-critical", HEALTH_NEEDS_NOTHING, "Never fails on a single node.",
     check_single_node},
    {"is-in-service", HEALTH_NEEDS_NOTHING,
     "Fails while the node starts or stops, and clients are not fully served.", check_service},
    {"below-node-connection-limit", HEALTH_NEEDS_NOTHING,
     "Fails if there are as many connections as connection_max allows.", check_connection_limit},
    {"ready-to-serve-clients", HEALTH_NEEDS_NOTHING,
     "Fails if the node is not in service, has no listener for AMQP, or no room for connections.",
     check_ready},
    {"reached-target-cluster-size", HEALTH_NEEDS_NOTHING, "Never fails on a single node.",
     check_nothing},
    {"quorum-queues-without-elected-leaders", HEALTH_NEEDS_NOTHING, "Never fails on a single node.",
     check_nothing},
    {"metadata-store/initialized", HEALTH_NEEDS_NOTHING,
     "Fails until the definitions have been read.", check_metadata},
    {"metadata-store/initialized/with-data", HEALTH_NEEDS_NOTHING,
     "Fails if there is no virtual host.", check_metadata_with_data},
    {NULL, HEALTH_NEEDS_NOTHING, NULL, NULL},
};

const struct health_check *health_check_find(struct slice name)
{
    for (const struct health_check *c = health_checks; c->name; c++)
        if (slice_is(name, c->name))
            return c;
    return NULL;
}

/* --- arguments -------------------------------------------------------------------------------- */

/* Reads a number that is all of the text. */
static bool number_parse(struct slice text, uint64_t *ret)
{
    return lv_digits_take(&text, ret) && text.n == 0;
}

bool health_parse_port(struct slice text, uint16_t *ret)
{
    uint64_t port;
    if (!number_parse(text, &port) || port > UINT16_MAX)
        return false;
    *ret = (uint16_t)port;
    return true;
}

const char *health_parse_within(struct slice number, struct slice unit, uint64_t *ret_s)
{
    static const struct {
        const char *name;
        uint64_t seconds;
    } units[] = {
        {"days", 86400}, {"weeks", 7 * 86400}, {"months", 30 * 86400}, {"years", 365 * 86400}};
    enum { NUMBER_MAX = 100000 }; /* of years: no sum overflows */
    uint64_t count;
    if (!number_parse(number, &count))
        return "Invalid expiration value.";
    for (size_t i = 0; i < sizeof units / sizeof *units; i++) {
        if (!slice_is(unit, units[i].name))
            continue;
        *ret_s = (count > NUMBER_MAX ? NUMBER_MAX : count) * units[i].seconds;
        return NULL;
    }
    return "Time unit not recognised. Supported units: days, weeks, months, years.";
}
