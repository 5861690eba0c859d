/* Commands about vhosts. They are made and deleted on loop 0, as the broker's mail needs a loop to
 * come from. */
#include <stdlib.h>

#include "admin/control_private.h"
#include "base/error.h"
#include "base/memory.h"
#include "broker/events.h"
#include "broker/trace.h"
#include "broker/vhost.h"

struct vhost_change {
    struct broker *broker;
    struct slice name;
    struct commit commit;
    enum change_result result;
    int err;
};

static void add_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    struct vhost *vhost;
    (void)loop;
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    c->result = vhost_create(c->broker, c->name, true,
                             (struct durable_done){commit_done, &c->commit}, &vhost);
    events_act_as(before);
}

static void run_add_vhost(struct request *r)
{
    struct vhost_change c = {.broker = r->world->broker, .name = request_string(r, "vhost")};
    commit_begin(&c.commit);
    int err = ask_loop(r->asker, loops_at(r->world->loops, 0), add_on_loop, &c);
    if (err == 0 && c.result == CHANGE_REFUSED)
        err = ERR_REFUSED;
    /* Without a commit under way there is nothing to wait for. */
    if (err < 0 || c.result == CHANGE_DONE)
        commit_end(&c.commit, ERR_CLOSED);
    else
        err = commit_end(&c.commit, 0);
    request_end(r, err);
}

static void delete_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    (void)loop;
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    c->err = vhost_delete(c->broker, c->name, (struct durable_done){commit_done, &c->commit});
    events_act_as(before);
}

static void close_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    struct lv_buffer reason = {0};
    lv_buffer_printf(&reason, "vhost '%.*s' is deleted", SLICE_ARG(c->name));
    lv_buffer_add_u8(&reason, '\0');
    amqp_close_matching(loop, c->name, SLICE_EMPTY, (const char *)reason.p);
    lv_buffer_free(&reason);
}

/* The vhost goes first, so that nobody can open it anew; then those who were on it. */
static void run_delete_vhost(struct request *r)
{
    struct vhost_change c = {.broker = r->world->broker, .name = request_string(r, "vhost")};
    if (!request_vhost(r))
        return;
    commit_begin(&c.commit);
    int err = ask_loop(r->asker, loops_at(r->world->loops, 0), delete_on_loop, &c);
    if (err == 0)
        err = commit_end(&c.commit, c.err);
    else
        commit_end(&c.commit, err);
    if (err == ERR_NOT_FOUND) {
        request_refuse(r, "no_such_vhost", "Virtual host '%.*s' does not exist", SLICE_ARG(c.name));
        return;
    }
    if (err == 0 && c.name.n > 0)
        err = ask_every_loop(r->asker, close_on_loop, &c);
    auth_forget_vhost(r->world->auth, c.name);
    request_end(r, err);
}

/* --- the listing -------------------------------------------------------------------------- */

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)

COLUMN(vhost_column_name)
{
    (void)r;
    return json_of_slice(vhost_name(*(struct vhost *const *)row));
}

COLUMN(cluster_state)
{
    (void)row;
    return json_sprintf("[{%s, running}]", r->world->node_name);
}

COLUMN(vhost_column_tracing)
{
    (void)r;
    return json_boolean(trace_is_on(*(struct vhost *const *)row));
}

COLUMN(nothing)
{
    (void)r;
    (void)row;
    return json_string("");
}

COLUMN(no_tags)
{
    (void)r;
    (void)row;
    return json_array();
}

static const struct column vhost_columns[] = {
    {"name", vhost_column_name},
    {"tracing", vhost_column_tracing},
    {"description", nothing},
    {"tags", no_tags},
    {"default_queue_type", nothing},
    {"cluster_state", cluster_state},
    {NULL, NULL},
};

static int by_name(const void *a, const void *b)
{
    return slice_compare(vhost_name(*(struct vhost *const *)a),
                         vhost_name(*(struct vhost *const *)b));
}

static void run_list_vhosts(struct request *r)
{
    struct columns columns;
    if (!columns_choose(r, vhost_columns, &columns))
        return;
    struct vhost **found = NULL;
    size_t count = 0;
    struct lv_table_iter it;
    struct broker *broker = r->world->broker;
    for (struct lv_table_node *node = lv_table_first(broker->vhosts, &it); node;
         node = lv_table_next(broker->vhosts, &it)) {
        found = lv_realloc(found, (count + 1) * sizeof(struct vhost *));
        found[count++] = lv_container_of(node, struct vhost, by_name);
    }
    if (count > 0)
        qsort(found, count, sizeof(struct vhost *), by_name);
    json_t *rows = json_array();
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, columns_json(r, &columns, &found[i]));
    free(found);
    request_rows(r, rows);
    request_done(r, NULL);
}

const struct control_command control_vhost_commands[] = {
    {"add_vhost", run_add_vhost, "vhost", "makes a vhost; fine when it is there"},
    {"delete_vhost", run_delete_vhost, "vhost",
     "with all in it; closes its connections, forgets its permissions"},
    {"list_vhosts", run_list_vhosts, "", "a row for each vhost: columns"},
    {NULL, NULL, NULL, NULL},
};
