/* Looking at messages without taking them, and explaining routes. */
#include <stdlib.h>

#include "api/api_private.h"
#include "manage/messages.h"
#include "manage/queues.h"
#include "message/message.h"
#include "wire/table_json.h"

/* --- browsing --------------------------------------------------------------------------------- */

enum { COUNT_USUAL = 100, COUNT_MAX = 10000, BYTES_USUAL = 64 * 1024 };

struct viewer {
    struct api_call *call;
    bool only_unacked;
    uint64_t left;    /* how many more may be shown */
    bool has_written; /* a message: what is refused from then on ends the list */
};

static void write_message(struct api_call *c, const struct message_facts *f)
{
    struct json_writer *w = &c->json;
    json_write_begin(w, '{');
    json_write_key(w, "position");
    json_write_u64(w, f->position);
    json_write_key(w, "state");
    json_write_text(w, f->state);
    json_write_key(w, "location");
    json_write_text(w, f->is_in_memory ? "memory" : "disk");
    json_write_key(w, "payload_bytes");
    json_write_u64(w, f->message->body_bytes);
    json_write_key(w, "redelivered");
    json_write_bool(w, f->redelivered);
    json_write_key(w, "exchange");
    json_write_string(w, message_exchange(f->message));
    json_write_key(w, "routing_key");
    json_write_string(w, message_routing_key(f->message));
    json_write_key(w, "properties");
    api_write_properties(c, message_header(f->message));
    api_write_payload(c, f->payload, f->is_text);
    json_write_end(w, '}');
}

static bool visit(void *arg, const struct message_facts *f)
{
    struct viewer *v = arg;
    bool is_ready = f->state[0] == 'r';
    if (v->only_unacked && is_ready)
        return !http_is_cut(v->call->http);
    v->has_written = true;
    write_message(v->call, f);
    return api_flush(v->call) && --v->left > 0;
}

/* Writes messages of the queue in the path, at most v->left. */
static void write_messages(struct api_call *c, struct viewer *v, struct browsing *b)
{
    struct manage_error error = {0};
    b->vhost = api_part(c, "vhost");
    b->queue = api_part(c, "name");
    b->visit = visit;
    b->arg = v;
    json_write_begin(&c->json, '[');
    bool is_done = v->left == 0 || manage_browse(c->manage, &c->actor, b, &error);
    json_write_end(&c->json, ']');
    if (!is_done && !v->has_written)
        error.refusal == REFUSAL_NOT_FOUND ? api_refuse_as(c, &error)
                                           : api_refuse_change(c, &error);
    manage_error_free(&error);
}

/* Reads the parameters `from`, `count` and `truncate`. Returns false after refusing. */
static bool read_range(struct api_call *c, struct browsing *b)
{
    return api_query_number(c, "from", 0, UINT32_MAX, &b->offset) &&
           api_query_number(c, "count", COUNT_USUAL, COUNT_MAX, &b->limit) &&
           api_query_number(c, "truncate", BYTES_USUAL, UINT32_MAX, &b->payload_bytes);
}

static void browse_queue(struct api_call *c)
{
    struct browsing b = {.with_unacked = api_query_flag(c, "unacked")};
    if (!read_range(c, &b))
        return;
    struct viewer v = {.call = c, .left = b.limit};
    write_messages(c, &v, &b);
}

/* Returns how many messages of the queue are unacked, or 0 if there is no queue. */
static uint64_t count_unacked(struct api_call *c)
{
    struct manage_error ignored = {0};
    struct queue *q = manage_queue(c->manage, api_part(c, "vhost"), api_part(c, "name"), &ignored);
    manage_error_free(&ignored);
    if (!q)
        return 0;
    struct home_call h = {.call = {.queue = q, .run = queue_call_status}};
    int err = home_call_run(c->manage, &h);
    queue_unref(&q);
    return err == 0 ? h.call.status.unacked + h.call.status.dead_letters : 0;
}

/* The walk ends when all unacked messages are found, so ready ones behind them are not read. */
static void list_unacked(struct api_call *c)
{
    struct browsing b = {.with_unacked = true};
    if (!read_range(c, &b))
        return;
    uint64_t count = count_unacked(c);
    struct viewer v = {.call = c, .only_unacked = true, .left = count < b.limit ? count : b.limit};
    b.limit = UINT64_MAX;
    b.offset = 0;
    if (count == 0)
        b.limit = v.left = 1; /* the permission and the queue are checked all the same */
    write_messages(c, &v, &b);
}

/* --- routes ----------------------------------------------------------------------------------- */

enum { KEYS_MAX = 256 };

/* Reads the routing key and those of `cc`. Returns false after refusing. */
static bool read_keys(struct api_call *c, struct slice keys[KEYS_MAX], size_t *ret)
{
    const json_t *cc = api_member(c, "cc");
    keys[0] = api_string(c, "routing_key");
    *ret = 1;
    for (size_t i = 0; i < json_array_size(cc); i++) {
        const json_t *key = json_array_get(cc, i);
        if (!json_is_string(key) || *ret == KEYS_MAX) {
            api_refuse(c, 400, "bad_request", "cc: expected at most %d strings", KEYS_MAX - 1);
            return false;
        }
        keys[(*ret)++] = slice_of(json_string_value(key), json_string_length(key));
    }
    return true;
}

static void write_route(struct api_call *c, const struct listing *steps, size_t queues)
{
    struct json_writer *w = &c->json;
    json_write_begin(w, '{');
    json_write_key(w, "routed");
    json_write_bool(w, queues > 0);
    json_write_key(w, "queues");
    json_write_u64(w, queues);
    api_write_rows(c, "steps", explain_columns, steps);
    json_write_end(w, '}');
}

static void explain_route(struct api_call *c, const struct slice *keys, size_t count,
                          struct slice headers)
{
    struct listing steps = {0};
    struct manage_error error = {0};
    size_t queues;
    if (manage_explain_route(c->manage, &c->actor, api_part(c, "vhost"),
                             api_exchange_part(c, "name"), keys, count, headers, &steps, &queues,
                             &error))
        write_route(c, &steps, queues);
    else
        api_refuse_as(c, &error);
    listing_free(&steps);
}

static void explain_key(struct api_call *c)
{
    struct slice key = api_query(c, "routing_key");
    explain_route(c, &key, 1, SLICE_EMPTY);
}

static void explain_message(struct api_call *c)
{
    struct slice keys[KEYS_MAX];
    struct lv_buffer headers = {0};
    size_t count;
    if (read_keys(c, keys, &count) && api_table(c, "headers", &headers))
        explain_route(c, keys, count, lv_buffer_slice(&headers));
    lv_buffer_free(&headers);
}

#define EXPLAIN_SUMMARY                                                                            \
    "Explains where a message would go that is published to the exchange: the bindings on its "    \
    "way, what becomes of it at each, and why. Nothing is published."

const struct api_route api_browse_routes[] = {
    {"GET", "/queues/{vhost}/{name}/browse", API_VHOST, browse_queue,
     "Shows messages of a queue, which stay in it: `count` (100), beginning with the message number "
     "`from`; with `unacked=true` also those that are delivered and not acknowledged. Of each "
     "payload at most `truncate` bytes (64 KiB) are shown."},
    {"GET", "/queues/{vhost}/{name}/unacked", API_VHOST, list_unacked,
     "Shows the messages of a queue that are delivered and not acknowledged, at most `count`."},
    {"GET", "/exchanges/{vhost}/{name}/explain", API_VHOST, explain_key, EXPLAIN_SUMMARY},
    {"POST", "/exchanges/{vhost}/{name}/explain", API_VHOST, explain_message, EXPLAIN_SUMMARY,
     .body = "routing_key:string headers:object cc:array"},
    {NULL},
};
