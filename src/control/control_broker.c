/* Commands about the broker as a whole. None of them waits. */
#include "base/counters.h"
#include "base/log.h"
#include "control/control_private.h"
#include "manage/connections.h"
#include "topology/vhost.h"

static void run_ping(struct request *r)
{
    request_done(r, json_pack("{s:s}", "node", r->world->node_name));
}

static void run_version(struct request *r)
{
    request_done(r, json_pack("{s:s, s:s}", "version", manage_version(r->manage), "leveret_version",
                              LEVERET_VERSION));
}

static uint64_t count_queues(struct broker *broker)
{
    struct lv_table_iter it;
    uint64_t count = 0;
    for (struct lv_table_node *node = lv_table_first(broker->topology.vhosts, &it); node;
         node = lv_table_next(broker->topology.vhosts, &it))
        count += lv_table_count(lv_container_of(node, struct vhost, by_name)->queues);
    return count;
}

static void run_status(struct request *r)
{
    json_t *facts = json_object();
    json_object_set_new(facts, "node", json_string(r->world->node_name));
    json_object_set_new(facts, "version", json_string(manage_version(r->manage)));
    json_object_set_new(facts, "connections", json_of_u64(manage_count_connections(r->manage)));
    json_object_set_new(facts, "queues", json_of_u64(count_queues(r->world->broker)));
    json_object_set_new(facts, "vhosts",
                        json_of_u64(lv_table_count(r->world->broker->topology.vhosts)));
    r->world->facts(r->world->arg, facts);
    request_done(r, facts);
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

static void run_environment(struct request *r)
{
    json_t *settings = json_object();
    r->world->environment(r->world->arg, settings);
    json_t *more = json_object();
    json_object_set_new(more, "settings", settings);
    request_done(r, more);
}

/* Answers, then begins the stop. The connection stays open until the process ends, so the client
 * sees that end. */
static void run_stop(struct request *r)
{
    r->is_to_linger = true;
    request_done(r, NULL);
    r->world->stop(r->world->arg);
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
    {"counters", run_counters, ""},
    {"environment", run_environment, ""},
    {"await_startup", run_ping, ""},
    {"stop", run_stop, ""},
    {"set_log_level", run_set_log_level, "level [category]"},
    {NULL, NULL, NULL},
};
