/* The cluster's name, settings, and what exists for clusters of RabbitMQ: flags, rebalancing ... */
#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "broker/parameters.h"
#include "manage/connections.h"
#include "manage/feature_flags.h"
#include "manage/json_text.h"
#include "manage/node.h"
#include "manage/policies.h"
#include "session/session.h"

/* --- the cluster's name ----------------------------------------------------------------------- */

static void show_cluster_name(struct api_call *c)
{
    struct manage *m = c->manage;
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "name");
    json_write_string(&c->json, cluster_name_now(m->broker, m->sessions->settings.cluster_name));
    json_write_end(&c->json, '}');
}

static void set_cluster_name(struct api_call *c)
{
    struct manage_error error = {0};
    struct lv_buffer name = {0};
    json_append_string(&name, api_string(c, "name"));
    bool is_done = manage_set_global_parameter(c->manage, &c->actor, slice_str("cluster_name"),
                                               lv_buffer_slice(&name), &error);
    lv_buffer_free(&name);
    api_end(c, is_done, false, &error);
}

/* --- settings --------------------------------------------------------------------------------- */

static void show_version(struct api_call *c)
{
    json_write_text(&c->json, manage_version(c->manage));
}

static void write_setting(void *arg, const struct node_setting *s)
{
    struct json_writer *w = arg;
    json_write_begin(w, '{');
    json_write_key(w, "default");
    json_write_text(w, s->standard);
    json_write_key(w, "key");
    json_write_text(w, s->key);
    json_write_key(w, "origin");
    json_write_text(w, s->origin ? s->origin : "default");
    json_write_key(w, "value");
    json_write_text(w, s->value);
    json_write_end(w, '}');
}

static void show_settings(struct api_call *c)
{
    json_write_begin(&c->json, '[');
    node_each_setting(c->manage, write_setting, &c->json);
    json_write_end(&c->json, ']');
}

/* --- feature flags ---------------------------------------------------------------------------- */

static void list_flags(struct api_call *c)
{
    struct listing l;
    json_t *list = json_array();
    manage_list_feature_flags(&l);
    for (size_t i = 0; i < l.count; i++) {
        const struct feature_flag *flag = l.rows[i];
        json_array_append_new(list,
                              json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "name", flag->name,
                                        "desc", flag->description, "doc_url", "", "state",
                                        "enabled", "stability", "stable", "provided_by", "rabbit"));
    }
    listing_free(&l);
    json_write_tree(&c->json, list);
}

static void enable_flag(struct api_call *c)
{
    if (feature_flag_exists(api_part(c, "name")))
        api_done(c, 204);
    else
        api_refuse(c, 400, "bad_request", "unsupported");
}

/* --- what one node has nothing of ------------------------------------------------------------- */

static void list_nothing(struct api_call *c)
{
    json_write_begin(&c->json, '[');
    json_write_end(&c->json, ']');
}

static void do_nothing(struct api_call *c)
{
    api_done(c, 204);
}

/* They are sampled from the broker's counters, which only a restart sets to 0. */
static void refuse_reset(struct api_call *c)
{
    api_refuse(c, 501, "not_implemented", "statistics are not reset");
}

const struct api_route api_operation_routes[] = {
    {"GET", "/cluster-name", API_MANAGEMENT, show_cluster_name, "Shows the cluster's name."},
    {"PUT", "/cluster-name", API_ADMINISTRATOR, set_cluster_name, "Sets the cluster's name.",
     .body = "name:text!"},
    {"GET", "/config/effective", API_ADMINISTRATOR, show_settings,
     "Lists the settings in force, with where each was set; secrets are not shown."},
    {"GET", "/deprecated-features", API_ADMINISTRATOR, list_nothing, "An empty list."},
    {"GET", "/deprecated-features/used", API_ADMINISTRATOR, list_nothing, "An empty list."},
    {"GET", "/extensions", API_MANAGEMENT, list_nothing, "An empty list."},
    {"GET", "/feature-flags", API_ADMINISTRATOR, list_flags,
     "Lists RabbitMQ's feature flags that stand for what the broker does. They are enabled."},
    {"PUT", "/feature-flags/{name}/enable", API_ADMINISTRATOR, enable_flag,
     "Succeeds for a feature flag that is listed."},
    {"POST", "/rebalance/queues", API_ADMINISTRATOR, do_nothing, "Does nothing on a single node."},
    {"DELETE", "/reset", API_ADMINISTRATOR, refuse_reset,
     "Is refused with 501: statistics are not reset."},
    {"DELETE", "/reset/{node}", API_ADMINISTRATOR, refuse_reset,
     "Is refused with 501: statistics are not reset."},
    {"GET", "/version", API_MANAGEMENT, show_version,
     "The version of RabbitMQ that clients see, as a string."},
    {NULL},
};
