/* Commands about runtime parameters, global parameters, and the limits of vhosts and users. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "broker/parameters.h"
#include "control/control_private.h"
#include "message/events.h"
#include "topology/vhost.h"

/* --- parameters --------------------------------------------------------------------------- */

static void set_parameter(struct request *r, struct slice component, struct slice name,
                          struct slice value)
{
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    const struct definition_parameter row = {.component = component, .name = name, .value = value};
    struct lv_buffer reason = {0};
    struct commit c;
    commit_begin(&c);
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    int err = parameter_set(vhost, &row, &reason, (struct durable_done){commit_done, &c});
    events_act_as(before);
    err = commit_end(&c, err);
    if (err == 0)
        tell_parameter_set(r, component, name, value);
    if (err == ERR_EXISTS)
        err = 0;
    if (err == ERR_REFUSED)
        request_refuse(r, "use_set_policy", "policies may not be set using this method");
    else
        request_end_json(r, err, &reason);
    lv_buffer_free(&reason);
}

static void run_set_parameter(struct request *r)
{
    set_parameter(r, request_string(r, "component"), request_string(r, "name"),
                  request_string(r, "value"));
}

static void clear_parameter(struct request *r, struct slice component, struct slice name)
{
    struct vhost *vhost = vhost_find(r->world->broker, request_string(r, "vhost"));
    int err = ERR_NOT_FOUND;
    if (vhost) {
        struct commit c;
        commit_begin(&c);
        struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
        err = parameter_clear(vhost, component, name, (struct durable_done){commit_done, &c});
        events_act_as(before);
        err = commit_end(&c, err);
    }
    if (err == 0)
        tell_parameter_cleared(r, component, name);
    request_end_clear(r, err);
}

static void run_clear_parameter(struct request *r)
{
    clear_parameter(r, request_string(r, "component"), request_string(r, "name"));
}

static void add_parameter(void *rows, const struct definition_parameter *p)
{
    json_t *row = json_array();
    json_array_append_new(row, json_of_slice(p->component));
    json_array_append_new(row, json_of_slice(p->name));
    json_array_append_new(row, json_of_slice(p->value));
    json_array_append_new(rows, row);
}

static void run_list_parameters(struct request *r)
{
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    json_t *rows = json_array();
    parameter_each(vhost, SLICE_EMPTY, add_parameter, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

/* --- global parameters -------------------------------------------------------------------- */

static void run_set_global_parameter(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err =
        global_parameter_set(r->world->broker, request_string(r, "name"),
                             request_string(r, "value"), (struct durable_done){commit_done, &c});
    err = commit_end(&c, err);
    if (err == 0)
        tell_global_parameter(r, true);
    request_end_json(r, err, NULL);
}

static void run_clear_global_parameter(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err = global_parameter_clear(r->world->broker, request_string(r, "name"),
                                     (struct durable_done){commit_done, &c});
    err = commit_end(&c, err);
    if (err == 0)
        tell_global_parameter(r, false);
    request_end_clear(r, err);
}

static void add_global(void *rows, const struct definition_global_parameter *p)
{
    json_t *row = json_array();
    json_array_append_new(row, json_of_slice(p->name));
    json_array_append_new(row, json_of_slice(p->value));
    json_array_append_new(rows, row);
}

static void run_list_global_parameters(struct request *r)
{
    json_t *rows = json_array();
    global_parameter_each(r->world->broker, add_global, rows);
    request_rows(r, rows);
    request_done(r, NULL);
}

/* --- limits of vhosts --------------------------------------------------------------------- */

static const char limits_component[] = "vhost-limits", limits_name[] = "limits";

static void run_set_vhost_limits(struct request *r)
{
    set_parameter(r, slice_str(limits_component), slice_str(limits_name),
                  request_string(r, "limits"));
}

static void run_clear_vhost_limits(struct request *r)
{
    clear_parameter(r, slice_str(limits_component), slice_str(limits_name));
}

static void add_limits(void *rows, const struct definition_parameter *p)
{
    json_t *row = json_array();
    json_array_append_new(row, json_of_slice(p->vhost));
    json_array_append_new(row, json_of_slice(p->value));
    json_array_append_new(rows, row);
}

static int by_name(const void *a, const void *b)
{
    const json_t *p = json_array_get(*(json_t *const *)a, 0);
    const json_t *q = json_array_get(*(json_t *const *)b, 0);
    return strcmp(json_string_value(p), json_string_value(q));
}

/* Takes the array. */
static json_t *sorted(json_t *rows)
{
    size_t count = json_array_size(rows);
    json_t **items = lv_calloc(count + 1, sizeof(json_t *));
    for (size_t i = 0; i < count; i++)
        items[i] = json_incref(json_array_get(rows, i));
    qsort(items, count, sizeof *items, by_name);
    json_array_clear(rows);
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, items[i]);
    free(items);
    return rows;
}

static void run_list_vhost_limits(struct request *r)
{
    struct broker *broker = r->world->broker;
    json_t *rows = json_array();
    if (request_has(r, "vhost")) {
        struct vhost *vhost = request_vhost(r);
        if (!vhost) {
            json_decref(rows);
            return;
        }
        parameter_each(vhost, slice_str(limits_component), add_limits, rows);
    } else {
        struct lv_table_iter it;
        for (struct lv_table_node *node = lv_table_first(broker->vhosts, &it); node;
             node = lv_table_next(broker->vhosts, &it))
            parameter_each(lv_container_of(node, struct vhost, by_name),
                           slice_str(limits_component), add_limits, rows);
    }
    request_rows(r, sorted(rows));
    request_done(r, NULL);
}

/* --- limits of users ---------------------------------------------------------------------- */

static void refuse_user(struct request *r)
{
    request_refuse(r, "no_such_user", "User \"%.*s\" does not exist",
                   SLICE_ARG(request_string(r, "user")));
}

static void run_set_user_limits(struct request *r)
{
    struct lv_buffer reason = {0};
    struct commit c;
    commit_begin(&c);
    int err = auth_set_limits(r->world->auth, request_string(r, "user"),
                              request_string(r, "limits"), &reason, commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        tell_user_limits(r, true);
    if (err == ERR_NOT_FOUND)
        refuse_user(r);
    else if (err == ERR_INVALID)
        request_refuse(r, "invalid_limits", "%.*s", (int)reason.n - 1, (const char *)reason.p);
    else
        request_end_json(r, err, NULL);
    lv_buffer_free(&reason);
}

static void run_clear_user_limits(struct request *r)
{
    struct commit c;
    commit_begin(&c);
    int err = auth_clear_limits(r->world->auth, request_string(r, "user"),
                                request_string(r, "limit"), commit_done, &c);
    err = commit_end(&c, err);
    if (err == 0)
        tell_user_limits(r, false);
    if (err == ERR_NOT_FOUND)
        refuse_user(r);
    else
        request_end(r, err);
}

struct user_rows {
    json_t *rows;
    struct slice user; /* empty: every one that has limits */
    bool is_all;
};

static void add_user(void *arg, const struct definition_user *u)
{
    struct user_rows *wanted = arg;
    bool is_wanted = wanted->is_all ? u->limits.n > 0 : slice_equal(u->name, wanted->user);
    if (is_wanted)
        json_array_append_new(wanted->rows,
                              json_pack("[o, o]", json_of_slice(u->name),
                                        json_of_slice(u->limits.n ? u->limits : slice_str("{}"))));
}

static void run_list_user_limits(struct request *r)
{
    struct user_rows wanted = {
        .rows = json_array(),
        .user = request_string(r, "user"),
        .is_all = !request_has(r, "user"),
    };
    auth_list_users(r->world->auth, add_user, &wanted);
    if (!wanted.is_all && json_array_size(wanted.rows) == 0) {
        json_decref(wanted.rows);
        refuse_user(r);
        return;
    }
    request_rows(r, wanted.rows);
    request_done(r, NULL);
}

const struct control_command control_parameter_commands[] = {
    {"set_parameter", run_set_parameter, "vhost component name value", "value is JSON"},
    {"clear_parameter", run_clear_parameter, "vhost component name", "takes it away"},
    {"list_parameters", run_list_parameters, "vhost", "rows of component, name, value"},
    {"set_global_parameter", run_set_global_parameter, "name value", "value is JSON"},
    {"clear_global_parameter", run_clear_global_parameter, "name", "takes it away"},
    {"list_global_parameters", run_list_global_parameters, "", "rows of name, value"},
    {"set_vhost_limits", run_set_vhost_limits, "vhost limits",
     "replaces them; JSON: max-connections, max-queues"},
    {"clear_vhost_limits", run_clear_vhost_limits, "vhost", "takes them away"},
    {"list_vhost_limits", run_list_vhost_limits, "[vhost]", "rows of vhost, limits"},
    {"set_user_limits", run_set_user_limits, "user limits",
     "adds to them; JSON: max-connections, max-channels"},
    {"clear_user_limits", run_clear_user_limits, "user limit", "one of them, or all"},
    {"list_user_limits", run_list_user_limits, "[user]", "rows of user, limits"},
    {NULL, NULL, NULL, NULL},
};
