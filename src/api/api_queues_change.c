/* Changes of queues. */
#include <string.h>

#include "api/api_jobs.h"
#include "manage/jobs.h"
#include "manage/queues.h"
#include "wire/wire.h"

/* --- declaring and deleting ------------------------------------------------------------------- */

/* A queue can be declared on this node only. Returns false after refusing. */
static bool check_node(struct api_call *c)
{
    struct slice node = api_string(c, "node");
    if (node.n == 0 || slice_is(node, c->manage->node_name))
        return true;
    api_refuse(c, 400, "bad_request", "Node %.*s could not be contacted", SLICE_ARG(node));
    return false;
}

static bool check_name(struct api_call *c, struct slice name)
{
    if (name.n <= SHORTSTR_BYTES_MAX)
        return true;
    api_refuse(c, 400, "bad_request", "queue should be less than 255 bytes, actually was %zu\n",
               name.n);
    return false;
}

static void declare_queue(struct api_call *c)
{
    struct lv_buffer arguments = {0};
    struct manage_error error = {0};
    bool is_new = false;
    struct slice name = api_part(c, "name");
    if (check_node(c) && check_name(c, name) && api_table(c, "arguments", &arguments)) {
        const struct queue_declaration d = {
            .name = name,
            .flags = {.durable = api_bool(c, "durable", false),
                      .auto_delete = api_bool(c, "auto_delete", false)},
            .arguments = lv_buffer_slice(&arguments),
        };
        if (manage_declare_queue(c->manage, &c->actor, api_part(c, "vhost"), &d, &is_new, &error))
            api_done(c, is_new ? 201 : 204);
        else
            api_refuse_change(c, &error);
    }
    lv_buffer_free(&arguments);
}

static void delete_queue(struct api_call *c)
{
    struct manage_error error = {0};
    uint64_t dropped;
    const struct queue_deletion what = {.vhost = api_part(c, "vhost"),
                                        .name = api_part(c, "name"),
                                        .if_unused = api_query_flag(c, "if-unused"),
                                        .if_empty = api_query_flag(c, "if-empty")};
    api_end_of_existing(c, manage_delete_queue(c->manage, &c->actor, &what, &dropped, &error),
                        &error);
}

static void purge_queue(struct api_call *c)
{
    struct manage_error error = {0};
    uint64_t dropped, id = 0;
    struct slice vhost = api_part(c, "vhost"), name = api_part(c, "name");
    if (api_query_flag(c, "async")) {
        bool is_started = job_start_purge(c->manage->jobs, &c->actor, vhost, name, &id, &error);
        api_answer_job(c, is_started, id, &error);
        return;
    }
    api_end_of_existing(
        c, manage_purge_queue(c->manage, &c->actor, vhost, name, NULL, &dropped, &error), &error);
}

/* --- what only a cluster needs ---------------------------------------------------------------- */

/* Returns a reference to the queue in the path, or NULL after refusing. */
static struct queue *find_queue(struct api_call *c)
{
    struct manage_error error = {0};
    struct queue *q = manage_queue(c->manage, api_part(c, "vhost"), api_part(c, "name"), &error);
    if (!q)
        api_refuse_as(c, &error);
    return q;
}

/* There are no mirrors to synchronise. */
static void act_on_queue(struct api_call *c)
{
    struct slice action = api_string(c, "action");
    struct queue *q = find_queue(c);
    if (q && (slice_is(action, "sync") || slice_is(action, "cancel_sync")))
        api_done(c, 204);
    else if (q)
        api_refuse(c, 400, "bad_request", "unknown action: %.*s", SLICE_ARG(action));
    if (q)
        queue_unref(&q);
}

/* Returns whether the queue in the path is a quorum queue, and the node in the body this one, which
 * then has the one replica. Returns false after refusing. */
static bool check_replica(struct api_call *c)
{
    struct queue *q = find_queue(c);
    bool is_quorum = q && queue_type(q) == QUEUE_QUORUM;
    if (!q)
        return false;
    queue_unref(&q);
    if (!is_quorum)
        api_refuse(c, 400, "bad_request", "classic_queue_not_supported");
    else if (!slice_is(api_string(c, "node"), c->manage->node_name))
        api_refuse(c, 400, "bad_request", "node_not_running");
    else
        return true;
    return false;
}

/* There is no Raft log, so the fields of one are left out. */
static void show_replicas(struct api_call *c)
{
    struct queue *q = find_queue(c);
    if (!q)
        return;
    bool is_quorum = queue_type(q) == QUEUE_QUORUM;
    queue_unref(&q);
    if (is_quorum) {
        json_write_tree(&c->json, json_pack("[{s:s, s:s, s:s}]", "Node Name", c->manage->node_name,
                                            "Raft State", "leader", "Membership", "voter"));
    } else {
        http_status(c->http, 503);
        json_write_tree(&c->json, json_pack("{s:s, s:s}", "status", "failed", "reason",
                                            "classic_queue_not_supported"));
    }
}

static void add_replica(struct api_call *c)
{
    if (check_replica(c))
        api_done(c, 204);
}

static void delete_replica(struct api_call *c)
{
    if (check_replica(c))
        api_refuse(c, 400, "bad_request", "last_node");
}

static void change_replicas_of_node(struct api_call *c)
{
    if (slice_is(api_part(c, "node"), c->manage->node_name))
        api_done(c, 204);
    else
        api_refuse(c, 400, "bad_request", "node_not_running");
}

const struct api_route api_queue_change_routes[] = {
    {"PUT", "/queues/{vhost}/{name}", API_VHOST, declare_queue,
     "Declares a queue: 201 if it is new, 204 if an equivalent one exists.",
     .body = "durable:boolean auto_delete:boolean arguments:object node:string"},
    {"DELETE", "/queues/{vhost}/{name}", API_VHOST, delete_queue,
     "Deletes a queue; with `if-empty=true` or `if-unused=true` only if it has no messages or no "
     "consumers."},
    {"DELETE", "/queues/{vhost}/{name}/contents", API_VHOST, purge_queue,
     "Drops the messages of a queue that are ready; with `async=true` as a job."},
    {"POST", "/queues/{vhost}/{name}/actions", API_ADMINISTRATOR, act_on_queue,
     "Accepts the actions `sync` and `cancel_sync`, which have no effect.",
     .body = "action:string!"},
    {"GET", "/queues/quorum/{vhost}/{name}/status", API_VHOST, show_replicas,
     "Shows the replicas of a quorum queue: the only one, on this node; 503 for a classic queue."},
    {"POST", "/queues/quorum/{vhost}/{name}/replicas/add", API_ADMINISTRATOR, add_replica,
     "Accepts this node, which has the one replica of every quorum queue.", .body = "node:string!"},
    {"DELETE", "/queues/quorum/{vhost}/{name}/replicas/delete", API_ADMINISTRATOR, delete_replica,
     "Refuses: the last replica of a quorum queue cannot be deleted.", .body = "node:string!"},
    {"POST", "/queues/quorum/replicas/on/{node}/grow", API_ADMINISTRATOR, change_replicas_of_node,
     "Adds replicas of quorum queues on a node; this one has all of them.",
     .body = "vhost_pattern:string queue_pattern:string strategy:string"},
    {"DELETE", "/queues/quorum/replicas/on/{node}/shrink", API_ADMINISTRATOR,
     change_replicas_of_node, "Removes replicas on a node; those on the only node stay.",
     .body = "vhost_pattern:string queue_pattern:string"},
    {NULL},
};
