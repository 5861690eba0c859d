/* Commands about the broker as a whole. None of them waits. */
#include "base/counters.h"
#include "base/log.h"
#include "broker/parameters.h"
#include "control/control_private.h"
#include "manage/connections.h"
#include "manage/health.h"
#include "manage/node.h"
#include "manage/process_facts.h"

static void run_ping(struct request *r)
{
    request_done(r, json_pack("{s:s}", "node", r->manage->node_name));
}

static void run_version(struct request *r)
{
    request_done(r, json_pack("{s:s, s:s}", "version", manage_version(r->manage), "leveret_version",
                              LEVERET_VERSION));
}

/* --- status ----------------------------------------------------------------------------------- */

static void put_string(json_t *to, const char *name, const char *value)
{
    json_object_set_new(to, name, json_of_text(value));
}

static void put_number(json_t *to, const char *name, uint64_t value)
{
    json_object_set_new(to, name, json_of_u64(value));
}

static json_t *alarms_of(const struct node_facts *f)
{
    json_t *list = json_array();
    for (size_t i = 0; i < node_alarm_count; i++)
        if (f->alarms & node_alarms[i].bit)
            json_array_append_new(list, json_string(node_alarms[i].name));
    return list;
}

static void put_process(json_t *to, const struct node_facts *f)
{
    put_number(to, "pid", f->pid);
    put_number(to, "uptime", f->uptime_ms / 1000);
    put_string(to, "leveret_version", f->leveret_version);
    put_string(to, "platform", f->platform);
    put_number(to, "loops", f->loops);
    put_string(to, "data_directory", f->data_dir);
    json_t *files = json_array();
    for (size_t i = 0; i < f->config_file_count; i++)
        json_array_append_new(files, json_of_text(f->config_files[i]));
    json_object_set_new(to, "config_files", files);
}

static void put_resources(json_t *to, const struct node_facts *f)
{
    struct process_facts process;
    json_object_set_new(to, "alarms", alarms_of(f));
    put_number(to, "memory_used", f->memory_used_bytes);
    put_number(to, "memory_limit", f->memory_limit_bytes);
    json_object_set_new(to, "memory_setting",
                        f->memory_relative > 0 ? json_real(f->memory_relative)
                                               : json_of_u64(f->memory_limit_bytes));
    put_number(to, "disk_free", f->disk_free_bytes);
    put_number(to, "disk_free_limit", f->disk_free_limit_bytes);
    process_facts_read(&process);
    put_number(to, "files_used", process.files_used);
    put_number(to, "files_limit", process.files_max);
    put_number(to, "sockets_used", process.sockets_used);
    put_number(to, "sockets_limit", process.files_max - f->files_reserved);
}

static void add_listener(void *list, const struct node_listener *l)
{
    json_array_append_new(list,
                          json_pack("{s:s, s:i, s:s, s:s}", "interface", l->interface, "port",
                                    (int)l->port, "protocol", l->protocol, "purpose", l->purpose));
}

static void add_certificate(void *list, const struct node_certificate *c)
{
    json_t *one = json_object();
    put_string(one, "path", c->path);
    put_string(one, "group", c->group);
    put_string(one, "key", c->key);
    put_string(one, "subject", c->subject);
    json_object_set_new(one, "expires_at", json_integer(c->ends_at_s));
    json_array_append_new(list, one);
}

static void add_log(void *list, const char *location)
{
    json_array_append_new(list, json_of_text(location));
}

static void run_status(struct request *r)
{
    struct node_facts f;
    json_t *facts = json_object(), *listeners = json_array(), *certificates = json_array(),
           *logs = json_array();
    node_facts_gather(r->manage, &f);
    put_string(facts, "node", f.name);
    put_string(facts, "version", f.version);
    json_object_set_new(facts, "cluster_name",
                        json_of_slice(cluster_name_now(
                            r->manage->broker, r->manage->sessions->settings.cluster_name)));
    json_object_set_new(facts, "is_under_maintenance", json_boolean(f.is_in_maintenance));
    put_number(facts, "connections", f.connections);
    put_number(facts, "queues", f.queues);
    put_number(facts, "vhosts", f.vhosts);
    put_process(facts, &f);
    put_resources(facts, &f);
    node_each_listener(r->manage, add_listener, listeners);
    json_object_set_new(facts, "listeners", listeners);
    node_each_certificate(r->manage, add_certificate, certificates);
    json_object_set_new(facts, "certificates", certificates);
    node_each_log(add_log, logs);
    json_object_set_new(facts, "log_files", logs);
    request_done(r, facts);
}

/* --- health checks ---------------------------------------------------------------------------- */

/* Reads the arguments that the check needs. Returns false after refusing. */
static bool read_question(struct request *r, const struct health_check *check,
                          struct health_question *q)
{
    const char *wrong = NULL;
    q->protocol = request_string(r, "protocol");
    if (check->needs == HEALTH_NEEDS_PORT &&
        !health_parse_port(request_string(r, "port"), &q->port))
        wrong = "Invalid port";
    if (check->needs == HEALTH_NEEDS_PERIOD)
        wrong = health_parse_within(request_string(r, "within"), request_string(r, "unit"),
                                    &q->within_s);
    if (wrong)
        request_refuse(r, "bad_argument", "%s", wrong);
    return !wrong;
}

static void run_check(struct request *r)
{
    const struct health_check *check = health_check_find(request_string(r, "check"));
    struct health_question q = {0};
    if (!check) {
        request_refuse(r, "no_such_check", "there is no health check '%.*s'",
                       SLICE_ARG(request_string(r, "check")));
    } else if (read_question(r, check, &q)) {
        struct health h = check->run(r->manage, &q);
        request_done(r, json_pack("{s:o}", "health", h.body));
    }
}

static void run_counters(struct request *r)
{
    struct counters counters;
    json_t *all = json_object();
    counters_read(&counters);
    for (size_t i = 0; i < COUNTER_KINDS; i++)
        json_object_set_new(all, counter_kinds[i].name,
                            json_of_u64(counter_of(&counters, &counter_kinds[i])));
    request_done(r, json_pack("{s:o}", "counters", all));
}

static void add_setting(void *settings, const struct node_setting *s)
{
    json_object_set_new(settings, s->key,
                        json_pack("{s:o, s:o, s:s}", "value", json_of_text(s->value), "default",
                                  json_of_text(s->standard), "origin",
                                  s->origin ? s->origin : "default"));
}

static void run_environment(struct request *r)
{
    json_t *settings = json_object();
    node_each_setting(r->manage, add_setting, settings);
    json_t *more = json_object();
    json_object_set_new(more, "settings", settings);
    request_done(r, more);
}

/* Answers, then begins the stop. The connection stays open until the process ends, so the client
 * sees that end. */
void control_stop_process(struct request *r)
{
    r->is_to_linger = true;
    request_done(r, NULL);
    r->world->stop(r->world->arg);
}

static void run_stop_app(struct request *r)
{
    request_begun(r);
    r->world->stop_app(r->world->arg);
}

/* The application runs. */
static void run_start_app(struct request *r)
{
    request_done(r, NULL);
}

/* Of reset and force_boot: they are for a stopped application. */
static void refuse_running(struct request *r)
{
    request_refuse(r, "running", "the application runs");
}

/* Bytes that have come with the line are in a buffer of ours, and no longer in the socket. */
static void run_amqp(struct request *r)
{
    if (r->has_followers) {
        request_refuse(r, "bad_request",
                       "amqp: nothing may be sent until this command has been answered");
    } else if (!r->world->reserve_amqp(r->world->arg)) {
        request_refuse(r, "too_many_connections", "too many connections speak AMQP here");
    } else {
        r->is_to_speak_amqp = true;
        request_done(r, NULL);
    }
}

static void run_set_log_level(struct request *r)
{
    enum log_level level;
    struct slice text = request_string(r, "level");
    struct slice about = request_string(r, "category");
    enum log_category category = LOG_ABOUT_DEFAULT;
    if (!log_level_parse((const char *)text.p, &level)) {
        request_refuse(r, "bad_level",
                       "level %.*s is not supported. Try one of debug, info, warning, error, "
                       "critical, none",
                       SLICE_ARG(text));
        return;
    }
    if (about.n > 0 && !log_category_parse((const char *)about.p, &category)) {
        request_refuse(r, "bad_category", "there is no category %.*s", SLICE_ARG(about));
        return;
    }
    if (about.n > 0)
        log_set_category_level(category, level);
    else
        log_set_level(level);
    log_info("the log level%s%.*s is now %.*s", about.n > 0 ? " of " : "", SLICE_ARG(about),
             SLICE_ARG(text));
    request_done(r, NULL);
}

const struct control_command control_broker_commands[] = {
    {"ping", run_ping, ""},
    {"version", run_version, ""},
    {"status", run_status, ""},
    {"check", run_check, "check [port] [protocol] [within] [unit]"},
    {"counters", run_counters, ""},
    {"environment", run_environment, ""},
    {"await_startup", run_ping, ""},
    {"stop", control_stop_process, ""},
    {"stop_app", run_stop_app, ""},
    {"start_app", run_start_app, ""},
    {"reset", refuse_running, ""},
    {"force_boot", refuse_running, ""},
    {"amqp", run_amqp, ""},
    {"set_log_level", run_set_log_level, "level [category]"},
    {NULL, NULL, NULL},
};
