#include "api/node_trees.h"

#include <stdio.h>
#include <string.h>

#include "auth/sasl.h"
#include "base/rabbitmq_plugins.h"
#include "manage/json_text.h"
#include "manage/node.h"
#include "session/session.h"
#include "topology/exchange.h"

/* --- what there is ---------------------------------------------------------------------------- */

static json_t *described(const char *name, const char *description, bool is_enabled)
{
    return json_pack("{s:s, s:s, s:b}", "name", name, "description", description, "enabled",
                     is_enabled);
}

static const char *describe_exchange_type(const char *name)
{
    static const struct {
        const char *name, *text;
    } texts[] = {
        {"direct", "routes by the whole routing key"},
        {"fanout", "routes to everything that is bound"},
        {"headers", "routes by the message's headers"},
        {"topic", "routes by patterns of the routing key's words"},
        {"x-consistent-hash", "spreads messages by a hash, in proportion to weights"},
        {"x-random", "routes to one binding by chance"},
        {"x-local-random", "routes to one local queue by chance"},
        {"x-modulus-hash", "spreads messages by a hash, evenly"},
        {"x-recent-history", "routes to everything, and gives new bindings the last messages"},
        {"x-message-deduplication", "drops messages that were there before"},
        {"x-delayed-message", "routes messages after a delay"},
    };
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
        if (strcmp(texts[i].name, name) == 0)
            return texts[i].text;
    return "";
}

json_t *tree_of_exchange_types(void)
{
    json_t *list = json_array();
    const char *name;
    for (size_t n = 0; (name = exchange_type_name(n)) != NULL; n++)
        json_array_append_new(list, described(name, describe_exchange_type(name), true));
    return list;
}

json_t *tree_of_auth_mechanisms(const struct manage *m)
{
    static const struct {
        unsigned bit;
        const char *name, *text;
    } all[] = {
        {SASL_PLAIN, "PLAIN", "user and password"},
        {SASL_AMQPLAIN, "AMQPLAIN", "user and password, as AMQP tables have them"},
        {SASL_EXTERNAL, "EXTERNAL", "the name in the client's certificate"},
        {SASL_ANONYMOUS, "ANONYMOUS", "no credentials"},
    };
    unsigned enabled = atomic_load(&m->sessions->settings.mechanisms);
    json_t *list = json_array();
    if (enabled == 0)
        enabled = SASL_PLAIN | SASL_AMQPLAIN;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        json_array_append_new(list, described(all[i].name, all[i].text, enabled & all[i].bit));
    return list;
}

json_t *tree_of_plugins(void)
{
    json_t *list = json_array();
    for (const struct rabbitmq_plugin *p = rabbitmq_plugins; p->name; p++)
        if (plugin_is_part(p->kind))
            json_array_append_new(list, json_string(p->name));
    return list;
}

static json_t *application(const char *name, const char *description, const char *version)
{
    return json_pack("{s:s, s:s, s:o}", "name", name, "description", description, "version",
                     json_of_text(version));
}

json_t *tree_of_applications(struct manage *m)
{
    struct node_facts f;
    json_t *list = json_array();
    node_facts_gather(m, &f);
    json_array_append_new(list, application("leveret", "Leveret", f.leveret_version));
    json_array_append_new(list, application("rabbit", "RabbitMQ, as clients see it", f.version));
    for (const struct rabbitmq_plugin *p = rabbitmq_plugins; p->name; p++)
        if (plugin_is_part(p->kind))
            json_array_append_new(list, application(p->name, "part of Leveret", f.version));
    return list;
}

/* --- listeners -------------------------------------------------------------------------------- */

struct listener_list {
    const struct manage *manage;
    json_t *list;
};

static void add_listener(void *arg, const struct node_listener *l)
{
    struct listener_list *all = arg;
    json_array_append_new(all->list, json_pack("{s:o, s:s, s:s, s:i, s:{}}", "node",
                                               json_of_text(all->manage->node_name), "protocol",
                                               l->protocol, "ip_address", l->interface, "port",
                                               (int)l->port, "socket_opts"));
}

static void add_context(void *arg, const struct node_listener *l)
{
    struct listener_list *all = arg;
    char port[8], description[80];
    if (strncmp(l->protocol, "http", strlen("http")) != 0)
        return;
    bool is_api = strstr(l->protocol, "prometheus") == NULL;
    snprintf(port, sizeof port, "%u", (unsigned)l->port);
    snprintf(description, sizeof description, "RabbitMQ %s", is_api ? "Management" : "Prometheus");
    json_t *one = json_pack("{s:o, s:s, s:s, s:s, s:s}", "node",
                            json_of_text(all->manage->node_name), "description", description,
                            "path", is_api ? "/" : "/metrics", "ip", l->interface, "port", port);
    json_object_set_new(one, "ssl_opts", json_array());
    if (l->is_tls) /* a string, as clients that decode into types expect it */
        json_object_set_new(one, "ssl", json_string("true"));
    json_array_append_new(all->list, one);
}

json_t *tree_of_listeners(struct manage *m)
{
    struct listener_list all = {m, json_array()};
    node_each_listener(m, add_listener, &all);
    return all.list;
}

json_t *tree_of_contexts(struct manage *m)
{
    struct listener_list all = {m, json_array()};
    node_each_listener(m, add_context, &all);
    return all.list;
}

/* --- files ------------------------------------------------------------------------------------ */

json_t *tree_of_config_files(const char *const *files, size_t count)
{
    json_t *list = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(list, json_of_text(files[i]));
    return list;
}

static void add_log(void *list, const char *location)
{
    json_array_append_new(list, json_of_text(location));
}

json_t *tree_of_logs(void)
{
    json_t *list = json_array();
    node_each_log(add_log, list);
    return list;
}

/* --- statistics ------------------------------------------------------------------------------- */

static json_t *reaches_of(const struct retention *retention)
{
    json_t *list = json_array();
    for (unsigned i = 0; i < retention->count; i++)
        json_array_append_new(list, json_integer(retention->levels[i].reach_s));
    return list;
}

json_t *tree_of_retention(const struct statistics *s)
{
    static const struct retention none = {0};
    const struct statistics_settings *settings = s ? statistics_settings(s) : NULL;
    return json_pack("{s:o, s:o, s:o}", "global", reaches_of(settings ? &settings->global : &none),
                     "basic", reaches_of(settings ? &settings->basic : &none), "detailed",
                     reaches_of(settings ? &settings->detailed : &none));
}

const char *rates_mode_of(const struct manage *m)
{
    static const char *const names[] = {
        [RATES_BASIC] = "basic", [RATES_DETAILED] = "detailed", [RATES_NONE] = "none"};
    return m->statistics ? names[statistics_settings(m->statistics)->rates_mode] : "none";
}

bool statistics_are_off(const struct manage *m)
{
    return !m->statistics || statistics_settings(m->statistics)->is_disabled;
}
