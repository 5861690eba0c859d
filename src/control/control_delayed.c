/* Messages that wait in an exchange which delays them: counted, listed, cancelled. */
#include <stdlib.h>
#include <time.h>

#include "base/memory.h"
#include "broker/delayed.h"
#include "control/control_private.h"
#include "topology/vhost.h"

enum { ROWS_USUAL = 100 };

/* --- asking the queue's home ---------------------------------------------------------------- */

/* A call that may have to wait for the disk. */
struct question {
    struct queue_call call;
    struct commit answered;
};

static void call_done(struct queue_call *call)
{
    commit_done(&lv_container_of(call, struct question, call)->answered, 0);
}

static void call_on_loop(struct loop *loop, void *arg)
{
    struct question *question = arg;
    question->call.from = loop;
    queue_call_start(&question->call);
}

/* Takes the reference of the queue. */
static int ask_queue(struct request *r, struct queue *q, void (*run)(struct queue_call *),
                     void *owner, struct question *ret)
{
    *ret = (struct question){
        .call = {.queue = q, .run = run, .done = call_done, .owner = owner},
    };
    commit_begin(&ret->answered);
    int err = commit_end(&ret->answered, ask_loop(r->asker, q->entry.home, call_on_loop, ret));
    queue_unref(&q);
    return err;
}

/* The queue of the exchange that arguments name, as a reference, or NULL after refusing. */
static struct queue *request_delayed(struct request *r)
{
    struct vhost *vhost = request_vhost(r);
    if (!vhost)
        return NULL;
    struct exchange *x = exchange_find(vhost, request_string(r, "exchange"));
    if (x && x->delayed)
        return queue_ref(queue_of_entry(x->delayed));
    if (x)
        request_refuse(r, "not_delayed", "Exchange does not delay messages");
    else
        request_refuse(r, "no_such_exchange", "Exchange not found");
    return NULL;
}

/* --- list_delayed ----------------------------------------------------------------------------- */

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)
#define ROW ((const struct delayed_row *)row)

COLUMN(id)
{
    (void)r;
    return json_of_u64(ROW->place);
}

COLUMN(due)
{
    (void)r;
    char text[64];
    time_t seconds = (time_t)(ROW->due_ms / 1000);
    struct tm utc;
    size_t n =
        gmtime_r(&seconds, &utc) ? strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &utc) : 0;
    return json_sprintf("%.*s.%03uZ", (int)n, text, (unsigned)(ROW->due_ms % 1000));
}

COLUMN(due_ms)
{
    (void)r;
    return json_of_u64(ROW->due_ms);
}

COLUMN(routing_key)
{
    (void)r;
    return json_of_slice(slice_of(ROW->routing_key, ROW->routing_key_bytes));
}

COLUMN(message_bytes)
{
    (void)r;
    return json_of_u64(ROW->body_bytes);
}

static const struct column delayed_columns[] = {
    {"id", id},
    {"due", due},
    {"due_ms", due_ms},
    {"routing_key", routing_key},
    {"message_bytes", message_bytes},
    {NULL, NULL},
};

static size_t limit_of(const struct request *r)
{
    json_int_t limit = json_integer_value(json_object_get(r->arguments, "limit"));
    if (!request_has(r, "limit"))
        return ROWS_USUAL;
    return limit < 0 ? 0 : limit > DELAYED_ROWS_MAX ? DELAYED_ROWS_MAX : (size_t)limit;
}

static void run_list_delayed(struct request *r)
{
    struct columns columns;
    if (!columns_choose(r, delayed_columns, &columns))
        return;
    struct queue *q = request_delayed(r);
    if (!q)
        return;
    struct delayed_list list = {.limit = limit_of(r)};
    struct question question;
    int err = ask_queue(r, q, delayed_call_list, &list, &question);
    for (size_t i = 0; err == 0 && i < list.count && !request_is_cut(r); i++)
        columns_row(r, &columns, &list.rows[i]);
    free(list.rows);
    request_end(r, err);
}

/* --- cancel_delayed --------------------------------------------------------------------------- */

/* The ids; false after refusing. The caller frees them. */
static bool read_ids(struct request *r, uint64_t **ret, size_t *ret_count)
{
    const json_t *ids = json_object_get(r->arguments, "ids");
    size_t count = json_array_size(ids);
    uint64_t *places = lv_calloc(count + 1, sizeof *places);
    for (size_t i = 0; i < count; i++) {
        const json_t *one = json_array_get(ids, i);
        if (!json_is_integer(one) || json_integer_value(one) < 0) {
            free(places);
            request_refuse(r, "bad_id", "An id is a number from 0 on");
            return false;
        }
        places[i] = (uint64_t)json_integer_value(one);
    }
    *ret = places;
    *ret_count = count;
    return true;
}

static void run_cancel_delayed(struct request *r)
{
    bool is_all = request_flag(r, "all");
    struct question question;
    uint64_t *places;
    size_t count;
    if (!read_ids(r, &places, &count))
        return;
    struct queue *q = request_delayed(r);
    if (!q) {
        free(places);
        return;
    }
    struct delayed_cancel what = {.places = places, .count = count};
    int err = ask_queue(r, q, is_all ? queue_call_purge : delayed_call_cancel, &what, &question);
    uint64_t cancelled = is_all ? question.call.ready : what.cancelled;
    free(places);
    if (err < 0)
        request_end(r, err);
    else
        request_done(r, json_pack("{s:I}", "messages", (json_int_t)cancelled));
}

const struct control_command control_delayed_commands[] = {
    {"list_delayed", run_list_delayed, "vhost exchange",
     "a row for each message that waits, those due first: columns, limit"},
    {"cancel_delayed", run_cancel_delayed, "vhost exchange",
     "drops messages that wait: ids, or all"},
    {NULL, NULL, NULL, NULL},
};

/* --- counts ------------------------------------------------------------------------------------- */

struct delayed_counts *delayed_counts_take(struct request *r, struct vhost *vhost)
{
    struct delayed_counts *counts = lv_calloc(1, sizeof *counts);
    struct lv_table_iter it;
    size_t capacity = 0;
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it)) {
        struct exchange *x = lv_container_of(node, struct exchange, by_name);
        if (!x->delayed)
            continue;
        if (counts->count == capacity) {
            capacity = capacity ? capacity * 2 : 16;
            counts->rows = lv_realloc(counts->rows, capacity * sizeof *counts->rows);
        }
        counts->rows[counts->count++] = (struct delayed_count){
            .queue = queue_of_entry(x->delayed), .hold = queue_ref(queue_of_entry(x->delayed))};
    }
    for (size_t i = 0; i < counts->count; i++) {
        struct question question;
        struct queue *q = queue_ref(counts->rows[i].hold);
        if (ask_queue(r, q, queue_call_status, NULL, &question) == 0 && !question.call.refused)
            counts->rows[i].messages = question.call.ready + question.call.taken;
    }
    return counts;
}

bool delayed_counts_find(const struct delayed_counts *counts, const struct queue *q,
                         uint64_t *ret_messages)
{
    for (size_t i = 0; i < counts->count; i++) {
        if (counts->rows[i].queue != q)
            continue;
        *ret_messages = counts->rows[i].messages;
        return true;
    }
    return false;
}

void delayed_counts_free(struct delayed_counts **counts)
{
    struct delayed_counts *c = *counts;
    *counts = NULL;
    for (size_t i = 0; c && i < c->count; i++)
        queue_unref(&c->rows[i].hold);
    if (c)
        free(c->rows);
    free(c);
}
