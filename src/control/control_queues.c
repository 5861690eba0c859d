/* Commands about queues: their listing, purge, delete.
 *
 * A queue's numbers belong to its home loop. So a listing first takes a reference of every queue of the
 * vhost (the names are topology, read without a lock), and then asks the loops in rounds: in each,
 * every loop fills in the next SLICE of its own queues, so that no turn grows long however many
 * queues there are. */
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "control/control_private.h"
#include "message/events.h"
#include "queue/arguments.h"
#include "queue/queue.h"

enum { SLICE = 256 };

struct queue_row {
    struct queue *queue; /* a reference */
    struct queue_call status;
    struct slice exclusive_tag;    /* owned; the exclusive consumer's ... */
    uint64_t exclusive_connection; /* ... and where it is; 0: there is none */
    uint16_t exclusive_channel;
    struct effective_policy *policy; /* a reference; NULL: none */
};

/* --- gathering ---------------------------------------------------------------------------- */

struct queue_rows {
    struct queue_row *rows; /* in the order of their homes, then of their names */
    size_t count;
    size_t next[LOOPS_MAX]; /* by loop: the next of its rows to be filled in */
    size_t end[LOOPS_MAX];
};

static int by_home_and_name(const void *a, const void *b)
{
    const struct queue *p = ((const struct queue_row *)a)->queue;
    const struct queue *q = ((const struct queue_row *)b)->queue;
    unsigned home_p = loop_index(p->entry.home), home_q = loop_index(q->entry.home);
    if (home_p != home_q)
        return home_p < home_q ? -1 : 1;
    return slice_compare(queue_name(p), queue_name(q));
}

static int by_name(const void *a, const void *b)
{
    return slice_compare(queue_name(((const struct queue_row *)a)->queue),
                         queue_name(((const struct queue_row *)b)->queue));
}

static void rows_take(struct queue_rows *rows, struct vhost *vhost)
{
    struct lv_table_iter it;
    size_t capacity = 0;
    for (struct lv_table_node *node = lv_table_first(vhost->queues, &it); node;
         node = lv_table_next(vhost->queues, &it)) {
        if (rows->count == capacity) {
            capacity = capacity ? capacity * 2 : 64;
            rows->rows = lv_realloc(rows->rows, capacity * sizeof *rows->rows);
        }
        struct queue *q = queue_of_node(node);
        rows->rows[rows->count++] = (struct queue_row){.queue = queue_ref(q)};
    }
    if (rows->count > 0)
        qsort(rows->rows, rows->count, sizeof *rows->rows, by_home_and_name);
    for (size_t i = 0; i < rows->count; i++) {
        unsigned home = loop_index(rows->rows[i].queue->entry.home);
        if (i == 0 || home != loop_index(rows->rows[i - 1].queue->entry.home))
            rows->next[home] = i;
        rows->end[home] = i + 1;
    }
}

static void rows_free(struct queue_rows *rows)
{
    for (size_t i = 0; i < rows->count; i++) {
        queue_unref(&rows->rows[i].queue);
        effective_policy_unref(&rows->rows[i].policy);
        free((void *)(uintptr_t)rows->rows[i].exclusive_tag.p);
    }
    free(rows->rows);
}

static void call_done(struct queue_call *call)
{
    (void)call; /* at home the call is over when queue_call_start() returns */
}

static void row_fill(struct loop *loop, struct queue_row *row)
{
    struct queue *q = row->queue;
    row->status =
        (struct queue_call){.queue = q, .from = loop, .run = queue_call_status, .done = call_done};
    queue_call_start(&row->status);
    row->policy = effective_policy_ref(q->policy);
    if (!row->status.refused && q->exclusive_consumer) {
        struct slice tag = q->exclusive_consumer->tag;
        row->exclusive_tag = slice_of(slice_strdup(tag), tag.n);
        row->exclusive_connection = q->exclusive_consumer->connection_id;
        row->exclusive_channel = q->exclusive_consumer->channel;
    }
}

static void fill_on_loop(struct loop *loop, void *arg)
{
    struct queue_rows *rows = arg;
    unsigned i = loop_index(loop);
    for (unsigned n = 0; n < SLICE && rows->next[i] < rows->end[i]; n++)
        row_fill(loop, &rows->rows[rows->next[i]++]);
}

static bool rows_are_full(const struct queue_rows *rows)
{
    for (unsigned i = 0; i < LOOPS_MAX; i++)
        if (rows->next[i] < rows->end[i])
            return false;
    return true;
}

static int rows_fill(struct request *r, struct queue_rows *rows)
{
    int err = 0;
    while (err == 0 && !rows_are_full(rows))
        err = ask_every_loop(r->asker, fill_on_loop, rows);
    if (err == 0 && rows->count > 0)
        qsort(rows->rows, rows->count, sizeof *rows->rows, by_name);
    return err;
}

/* --- columns ------------------------------------------------------------------------------ */

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)
#define ROW ((const struct queue_row *)row)
#define QUEUE (ROW->queue)
#define UNUSED() ((void)r, (void)row)

COLUMN(name)
{
    UNUSED();
    return json_of_slice(queue_name(QUEUE));
}

COLUMN(durable)
{
    UNUSED();
    return json_boolean(QUEUE->entry.flags.durable);
}

COLUMN(auto_delete)
{
    UNUSED();
    return json_boolean(QUEUE->entry.flags.auto_delete);
}

COLUMN(exclusive)
{
    UNUSED();
    return json_boolean(QUEUE->entry.exclusive_owner != 0);
}

COLUMN(arguments)
{
    UNUSED();
    return json_of_arguments(QUEUE->entry.argument_table, queue_argument_is_known);
}

/* A queue has no process; the home loop stands where RabbitMQ shows one. */
COLUMN(pid)
{
    return json_sprintf("<%s.0.%u.0>", r->world->node_name, loop_index(QUEUE->entry.home));
}

COLUMN(owner_pid)
{
    uint64_t owner = QUEUE->entry.exclusive_owner;
    return owner ? json_of_pid(r, owner, 0) : json_string("");
}

COLUMN(exclusive_consumer_tag)
{
    UNUSED();
    return json_of_slice(ROW->exclusive_tag);
}

COLUMN(messages_ready)
{
    UNUSED();
    return json_of_u64(ROW->status.ready);
}

COLUMN(messages_unacknowledged)
{
    UNUSED();
    return json_of_u64(ROW->status.taken);
}

COLUMN(messages)
{
    UNUSED();
    return json_of_u64(ROW->status.ready + ROW->status.taken + ROW->status.dead_letters);
}

COLUMN(messages_dlx)
{
    UNUSED();
    return json_of_u64(ROW->status.dead_letters);
}

COLUMN(message_bytes_dlx)
{
    UNUSED();
    return json_of_u64(ROW->status.dead_letter_bytes);
}

COLUMN(messages_ready_ram)
{
    UNUSED();
    return json_of_u64(ROW->status.ready - ROW->status.disk_ready);
}

COLUMN(messages_ram)
{
    UNUSED();
    return json_of_u64(ROW->status.ready - ROW->status.disk_ready + ROW->status.taken);
}

COLUMN(messages_persistent)
{
    UNUSED();
    return json_of_u64(ROW->status.persistent);
}

COLUMN(messages_lost)
{
    UNUSED();
    return json_of_u64(ROW->status.counters.disk.lost);
}

COLUMN(message_bytes_ready)
{
    UNUSED();
    return json_of_u64(ROW->status.ready_bytes);
}

COLUMN(message_bytes_unacknowledged)
{
    UNUSED();
    return json_of_u64(ROW->status.taken_bytes);
}

COLUMN(message_bytes)
{
    UNUSED();
    const struct queue_call *s = &ROW->status;
    return json_of_u64(s->ready_bytes + s->taken_bytes + s->dead_letter_bytes);
}

COLUMN(message_bytes_ram)
{
    UNUSED();
    const struct queue_call *s = &ROW->status;
    return json_of_u64(s->ready_bytes - s->disk_bytes + s->taken_bytes);
}

COLUMN(consumers)
{
    UNUSED();
    return json_of_u64(ROW->status.consumers);
}

/* What its bodies and their records take, near enough. */
COLUMN(memory)
{
    UNUSED();
    const struct queue_call *s = &ROW->status;
    return json_of_u64(sizeof(struct queue) + QUEUE->entry.argument_table.n + s->ready_bytes -
                       s->disk_bytes + s->taken_bytes +
                       (s->ready - s->disk_ready + s->taken) * sizeof(struct message));
}

COLUMN(state)
{
    UNUSED();
    return json_string(ROW->status.refused ? "stopped" : "running");
}

COLUMN(type)
{
    UNUSED();
    return json_string(QUEUE->arguments.type == QUEUE_QUORUM ? "quorum" : "classic");
}

/* The one node has every queue that is replicated elsewhere. */
COLUMN(leader)
{
    bool is_quorum = QUEUE->arguments.type == QUEUE_QUORUM;
    return json_string(is_quorum ? r->world->node_name : "");
}

COLUMN(members)
{
    bool is_quorum = QUEUE->arguments.type == QUEUE_QUORUM;
    return is_quorum ? json_pack("[s]", r->world->node_name) : json_string("");
}

/* What does not exist here. */
COLUMN(nothing)
{
    UNUSED();
    return json_string("");
}

COLUMN(exclusive_consumer_pid)
{
    uint64_t id = ROW->exclusive_connection;
    return id ? json_of_pid(r, id, ROW->exclusive_channel) : json_string("");
}

/* Without consumers RabbitMQ shows the number 0, not 0.0. */
COLUMN(consumer_utilisation)
{
    UNUSED();
    return ROW->status.consumers == 0 ? json_integer(0) : json_real(ROW->status.utilisation);
}

COLUMN(message_bytes_persistent)
{
    UNUSED();
    return json_of_u64(ROW->status.persistent_bytes);
}

COLUMN(head_message_timestamp)
{
    UNUSED();
    return ROW->status.has_head_time ? json_of_u64(ROW->status.head_time) : json_string("");
}

COLUMN(disk_reads)
{
    UNUSED();
    return json_of_u64(ROW->status.counters.disk.reads);
}

COLUMN(disk_writes)
{
    UNUSED();
    return json_of_u64(ROW->status.counters.disk.writes);
}

COLUMN(policy)
{
    UNUSED();
    return json_of_policy_name(ROW->policy, POLICY_ORDINARY);
}

COLUMN(operator_policy)
{
    UNUSED();
    return json_of_policy_name(ROW->policy, POLICY_OPERATOR);
}

COLUMN(effective_policy_definition)
{
    UNUSED();
    return json_of_policy_definition(ROW->policy);
}

static const struct column queue_columns[] = {
    {"arguments", arguments},
    {"auto_delete", auto_delete},
    {"consumer_capacity", consumer_utilisation},
    {"consumer_utilisation", consumer_utilisation},
    {"consumers", consumers},
    {"disk_reads", disk_reads},
    {"disk_writes", disk_writes},
    {"durable", durable},
    {"effective_policy_definition", effective_policy_definition},
    {"exclusive", exclusive},
    {"exclusive_consumer_pid", exclusive_consumer_pid},
    {"exclusive_consumer_tag", exclusive_consumer_tag},
    {"head_message_timestamp", head_message_timestamp},
    {"leader", leader},
    {"members", members},
    {"memory", memory},
    {"message_bytes", message_bytes},
    {"message_bytes_dlx", message_bytes_dlx},
    {"message_bytes_persistent", message_bytes_persistent},
    {"message_bytes_ram", message_bytes_ram},
    {"message_bytes_ready", message_bytes_ready},
    {"message_bytes_unacknowledged", message_bytes_unacknowledged},
    {"messages", messages},
    {"messages_dlx", messages_dlx},
    {"messages_lost", messages_lost},
    {"messages_persistent", messages_persistent},
    {"messages_ram", messages_ram},
    {"messages_ready", messages_ready},
    {"messages_ready_ram", messages_ready_ram},
    {"messages_unacknowledged", messages_unacknowledged},
    {"messages_unacknowledged_ram", messages_unacknowledged},
    {"name", name},
    {"online", members},
    {"owner_pid", owner_pid},
    {"pid", pid},
    {"operator_policy", operator_policy},
    {"policy", policy},
    {"slave_pids", nothing},
    {"state", state},
    {"synchronised_slave_pids", nothing},
    {"type", type},
    {NULL, NULL},
};

/* --- commands ----------------------------------------------------------------------------- */

static void run_list_queues(struct request *r)
{
    struct columns columns;
    if (!columns_choose(r, queue_columns, &columns))
        return;
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return;
    struct queue_rows *rows = lv_calloc(1, sizeof *rows);
    rows_take(rows, vhost);
    int err = rows_fill(r, rows);
    for (size_t i = 0; err == 0 && i < rows->count && !request_is_cut(r); i++)
        columns_row(r, &columns, &rows->rows[i]);
    rows_free(rows);
    free(rows);
    request_end(r, err);
}

struct queue *request_queue(struct request *r)
{
    struct slice name = request_string(r, "queue");
    struct vhost *vhost = vhost_find(r->world->broker, request_string(r, "vhost"));
    struct queue *q = vhost ? queue_find(vhost, name) : NULL;
    if (!q) {
        request_refuse(r, "no_such_queue", "Queue not found");
        return NULL;
    }
    return queue_ref(q);
}

static void call_on_loop(struct loop *loop, void *arg)
{
    struct queue_call *call = arg;
    call->from = loop;
    queue_call_start(call);
}

/* Runs the call at the queue's home and gives the reference back. */
static int call_at_home(struct request *r, struct queue_call *call)
{
    struct queue *q = call->queue;
    call->done = call_done;
    int err = ask_loop(r->asker, q->entry.home, call_on_loop, call);
    queue_unref(&q);
    return err;
}

static void run_purge_queue(struct request *r)
{
    struct queue_call call = {.queue = request_queue(r), .run = queue_call_purge};
    if (!call.queue)
        return;
    int err = call_at_home(r, &call);
    if (err < 0)
        request_end(r, err);
    else if (call.refused)
        request_refuse(r, "no_such_queue", "Queue not found");
    else
        request_done(r, json_pack("{s:I}", "messages", (json_int_t)call.ready));
}

static const char *delete_error(enum refusal refusal)
{
    switch (refusal) {
    case REFUSAL_IN_USE: return "queue_in_use";
    case REFUSAL_NOT_EMPTY: return "queue_not_empty";
    default: return "no_such_queue";
    }
}

/* An operator may delete what is exclusive to a connection: so its owner's id is used. */
static void run_delete_queue(struct request *r)
{
    struct queue_call call = {.queue = request_queue(r),
                              .run = queue_call_delete,
                              .is_hasty = true,
                              .user = slice_str(EVENT_ACTOR_CLI),
                              .if_unused = request_flag(r, "if_unused"),
                              .if_empty = request_flag(r, "if_empty")};
    if (!call.queue)
        return;
    call.connection_id = call.queue->entry.exclusive_owner;
    int err = call_at_home(r, &call);
    if (err < 0)
        request_end(r, err);
    else if (!call.refused)
        request_done(r, json_pack("{s:I}", "messages", (json_int_t)call.ready));
    else
        request_refuse(r, delete_error(call.error.refusal), "%s",
                       call.error.code == 406 ? call.error.text : "Queue not found");
}

const struct control_command control_queue_commands[] = {
    {"list_queues", run_list_queues, "vhost", "a row for each queue: columns"},
    {"purge_queue", run_purge_queue, "vhost queue", "drops its ready messages"},
    {"delete_queue", run_delete_queue, "vhost queue", "deletes it: if_unused, if_empty"},
    {NULL, NULL, NULL, NULL},
};
