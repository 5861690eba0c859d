/* Commands about vhosts. They are made and deleted on loop 0, as the broker's mail needs a loop to
 * come from. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/memory.h"
#include "broker/trace.h"
#include "control/control_private.h"
#include "message/events.h"
#include "topology/vhost.h"

struct vhost_change {
    struct broker *broker;
    struct slice name;
    struct definition_vhost row; /* of a vhost to be made */
    struct commit commit;
    enum change_result result;
};

static void add_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    struct vhost *vhost;
    (void)loop;
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    c->result = vhost_create_described(c->broker, &c->row, true,
                                       (struct durable_done){commit_done, &c->commit}, &vhost);
    events_act_as(before);
}

/* Appends "a,b" of " a , b,": the words between the commas. */
static struct slice tidy_tags(struct slice tags, struct lv_buffer *out)
{
    while (tags.n > 0) {
        const uint8_t *comma = memchr(tags.p, ',', tags.n);
        size_t n = comma ? (size_t)(comma - tags.p) : tags.n, begin = 0, end = n;
        while (begin < end && tags.p[begin] == ' ')
            begin++;
        while (end > begin && tags.p[end - 1] == ' ')
            end--;
        if (end > begin)
            lv_buffer_printf(out, "%s%.*s", out->n ? "," : "", (int)(end - begin),
                             (const char *)tags.p + begin);
        n += comma != NULL;
        tags = slice_of(tags.p + n, tags.n - n);
    }
    return lv_buffer_slice(out);
}

static void add_vhost(struct request *r, struct slice tags)
{
    struct vhost_change c = {
        .broker = r->world->broker,
        .row = {.name = request_string(r, "vhost"),
                .description = request_string(r, "description"),
                .tags = tags,
                .default_queue_type = request_string(r, "default_queue_type")},
    };
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

static void run_add_vhost(struct request *r)
{
    struct slice type = request_string(r, "default_queue_type");
    struct lv_buffer tags = {0};
    if (type.n > 0 && !vhost_is_queue_type(type))
        request_refuse(r, "invalid_queue_type", "there is no queue type '%.*s'", SLICE_ARG(type));
    else
        add_vhost(r, tidy_tags(request_string(r, "tags"), &tags));
    lv_buffer_free(&tags);
}

static void run_set_vhost_tags(struct request *r)
{
    struct lv_buffer tags = {0};
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct commit c;
    commit_begin(&c);
    int err = vhost_set_tags(vhost, tidy_tags(request_string(r, "tags"), &tags),
                             (struct durable_done){commit_done, &c});
    err = commit_end(&c, err);
    if (err == 0)
        event_emit(r->world->broker, "vhost.tags.set",
                   EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_CLI),
                   EVENT_WORDS("tags", lv_buffer_slice(&tags)),
                   EVENT_STR("name", request_string(r, "vhost")));
    request_end_json(r, err, NULL);
    lv_buffer_free(&tags);
}

static void close_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    struct lv_buffer reason = {0};
    lv_buffer_printf(&reason, "vhost '%.*s' is deleted", SLICE_ARG(c->name));
    lv_buffer_add_u8(&reason, '\0');
    sessions_close_matching(loop, c->name, SLICE_EMPTY, (const char *)reason.p);
    lv_buffer_free(&reason);
}

/* What users may do there goes with the vhost, and before it, as RabbitMQ tells it. */
static void tell_permission_deleted(void *arg, const struct definition_permission *row)
{
    event_emit(arg, "permission.deleted", EVENT_STR("vhost", row->vhost),
               EVENT_STR("user", row->user),
               EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_CLI));
}

/* The vhost goes first, so that nobody can open it anew; then those who were on it. */
static void run_delete_vhost(struct request *r)
{
    struct vhost_change c = {.broker = r->world->broker, .name = request_string(r, "vhost")};
    if (!request_vhost(r))
        return;
    auth_list_permissions(r->world->auth, SLICE_EMPTY, c.name, tell_permission_deleted, c.broker);
    commit_begin(&c.commit);
    struct slice before = events_act_as(slice_str(EVENT_ACTOR_CLI));
    int err = vhost_delete(c.broker, c.name, (struct durable_done){commit_done, &c.commit});
    events_act_as(before);
    err = commit_end(&c.commit, err);
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

#define VHOST (*(struct vhost *const *)row)

COLUMN(description)
{
    (void)r;
    return json_of_slice(VHOST->description);
}

COLUMN(tags)
{
    (void)r;
    return json_of_slice(VHOST->tags); /* as they were given, unlike those of users */
}

COLUMN(default_queue_type)
{
    (void)r;
    struct slice type = VHOST->default_queue_type;
    return json_of_slice(type.n > 0 ? type : slice_str("undefined"));
}

static const struct column vhost_columns[] = {
    {"name", vhost_column_name},
    {"tracing", vhost_column_tracing},
    {"description", description},
    {"tags", tags},
    {"default_queue_type", default_queue_type},
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
    topology_lock(broker); /* descriptions and tags are read under it */
    for (size_t i = 0; i < count; i++)
        json_array_append_new(rows, columns_json(r, &columns, &found[i]));
    topology_unlock(broker);
    free(found);
    request_rows(r, rows);
    request_done(r, NULL);
}

const struct control_command control_vhost_commands[] = {
    {"add_vhost", run_add_vhost, "vhost [description] [tags] [default_queue_type]",
     "makes a vhost; fine when it is there"},
    {"set_vhost_tags", run_set_vhost_tags, "vhost tags", "replaces them; separated by commas"},
    {"delete_vhost", run_delete_vhost, "vhost",
     "with all in it; closes its connections, forgets its permissions"},
    {"list_vhosts", run_list_vhosts, "", "a row for each vhost: columns"},
    {NULL, NULL, NULL, NULL},
};
