/* The command that looks at a queue's messages and takes none.
 *
 * The messages come in batches: the queue's home fills one within a turn, this thread writes it out, and
 * asks again. While the disk is read it looks again every PAUSE_MS; a broker that stops ends the wait.
 * So the home spends little at a time, and what is held is one batch. */
#include <limits.h>
#include <stdlib.h>

#include <openssl/evp.h>

#include "base/error.h"
#include "base/memory.h"
#include "broker/forward.h"
#include "control/control_private.h"
#include "queue/browse.h"
#include "topology/vhost.h"
#include "wire/properties.h"
#include "wire/table.h"
#include "wire/wire.h"

enum { BATCH_MESSAGES = 128, BATCH_BYTES = 256 * 1024, PAUSE_MS = 2, PAYLOAD_BYTES = 50000 };

struct looked_at {
    struct browse_item item;
    struct message *message; /* owned */
    uint64_t payload_bytes;  /* shown at most */
    bool is_kept;            /* a dead letter that nobody can take */
};

/* This thread's and the home's in turn, never at once. */
struct look {
    struct queue *queue; /* referenced */
    struct browse_options options;
    uint64_t payload_bytes;
    uint64_t left; /* so many may still come */
    struct browse *browse;
    enum browse_result result; /* why the batch ends */
    size_t count;
    struct looked_at batch[BATCH_MESSAGES];
};

/* --- at the queue's home ------------------------------------------------------------------ */

static void nobody_waits(void *arg)
{
    (void)arg; /* the thread looks again by itself */
}

static void fill_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct look *look = arg;
    size_t bytes = 0;
    if (!look->browse)
        look->browse = browse_open(look->queue, &look->options);
    look->result = BROWSE_ITEM;
    while (look->left > 0 && look->count < BATCH_MESSAGES && bytes < BATCH_BYTES) {
        struct looked_at *at = &look->batch[look->count];
        look->result = browse_peek(look->browse, &at->item);
        if (look->result != BROWSE_ITEM)
            return;
        at->message = browse_message(look->browse);
        at->payload_bytes = look->payload_bytes;
        at->is_kept = at->item.is_taken && forward_is_kept(look->queue, at->item.place);
        browse_pass(look->browse);
        if (!at->message)
            continue;
        bytes += at->item.is_here ? sizeof *at->message : message_memory(at->message);
        look->count++;
        look->left--;
    }
}

static void close_on_loop(struct loop *loop, void *arg)
{
    (void)loop;
    struct look *look = arg;
    browse_close(&look->browse);
}

/* --- columns ------------------------------------------------------------------------------ */

#define COLUMN(name) static json_t *name(const struct request *r, const void *row)
#define ROW ((const struct looked_at *)row)
#define MESSAGE (ROW->message)
#define UNUSED() ((void)r, (void)row)

COLUMN(position)
{
    UNUSED();
    return json_of_u64(ROW->item.position);
}

COLUMN(state)
{
    UNUSED();
    return json_string(ROW->is_kept ? "dead_letter" : ROW->item.is_taken ? "unacked" : "ready");
}

COLUMN(location)
{
    UNUSED();
    return json_string(ROW->item.is_here ? "memory" : "disk");
}

COLUMN(redelivered)
{
    UNUSED();
    return json_boolean(ROW->item.redelivered);
}

COLUMN(exchange)
{
    UNUSED();
    return json_of_slice(message_exchange(MESSAGE));
}

COLUMN(routing_key)
{
    UNUSED();
    return json_of_slice(message_routing_key(MESSAGE));
}

COLUMN(payload_bytes)
{
    UNUSED();
    return json_of_u64(MESSAGE->body_bytes);
}

static struct properties properties_of(const struct message *m)
{
    struct properties p = {0};
    if (!properties_read(message_header(m), &p))
        p = (struct properties){0}; /* taken by a version that was content with it */
    return p;
}

COLUMN(headers)
{
    UNUSED();
    return json_of_table(properties_of(MESSAGE).headers);
}

static json_t *property_of_octet(const char **ret_type, uint8_t value)
{
    *ret_type = "byte";
    return json_integer(value);
}

static json_t *property_of_longlong(const char **ret_type, uint64_t value)
{
    *ret_type = "timestamp";
    return json_of_u64(value);
}

static json_t *property_of_shortstr(const char **ret_type, struct slice value)
{
    *ret_type = "longstr";
    return json_of_slice(value);
}

/* The headers have a column of their own. */
static json_t *property_of_table(const char **ret_type, struct slice value)
{
    (void)value;
    *ret_type = NULL;
    return NULL;
}

static void property_add(json_t *list, const char *name, const char *type, json_t *value)
{
    if (type)
        json_array_append_new(list, json_pack("[sso]", name, type, value));
}

COLUMN(properties)
{
    UNUSED();
    const struct properties p = properties_of(MESSAGE);
    json_t *list = json_array();
#define ADD(wire_type, name, NAME, bit)                                                            \
    if (p.flags & PROPERTY_##NAME) {                                                               \
        const char *type;                                                                          \
        json_t *value = property_of_##wire_type(&type, p.name);                                    \
        property_add(list, #name, type, value);                                                    \
    }
    PROPERTIES(ADD)
#undef ADD
    return json_pack("{s:o}", "table", list);
}

/* Text is shown as it is, and cut between two characters; what is no text, in base64. */
static bool payload_is_text(struct slice *payload)
{
    struct slice s = *payload;
    for (unsigned cut = 0; cut < 4 && s.n > 0; cut++, s.n--) {
        if (wire_is_utf8(s)) {
            *payload = s;
            return true;
        }
    }
    return payload->n == 0;
}

static struct slice payload_of(const struct looked_at *row)
{
    struct slice body = message_body(row->message);
    if (body.n > row->payload_bytes)
        body.n = (size_t)row->payload_bytes;
    return body;
}

static bool is_text(const struct looked_at *row, struct slice *ret)
{
    *ret = payload_of(row);
    bool is_whole = ret->n == row->message->body_bytes;
    return is_whole ? wire_is_utf8(*ret) : payload_is_text(ret);
}

COLUMN(payload)
{
    struct slice s;
    (void)r;
    if (is_text(ROW, &s))
        return json_stringn(s.n ? (const char *)s.p : "", s.n);
    s = payload_of(ROW);
    uint8_t *text = lv_malloc(s.n / 3 * 4 + 5);
    int n = EVP_EncodeBlock(text, s.p, (int)s.n);
    json_t *value = json_stringn((const char *)text, (size_t)n);
    free(text);
    return value;
}

COLUMN(payload_encoding)
{
    struct slice s;
    (void)r;
    return json_string(is_text(ROW, &s) ? "string" : "base64");
}

static const struct column message_columns[] = {
    {"exchange", exchange},
    {"headers", headers},
    {"location", location},
    {"payload", payload},
    {"payload_bytes", payload_bytes},
    {"payload_encoding", payload_encoding},
    {"position", position},
    {"properties", properties},
    {"redelivered", redelivered},
    {"routing_key", routing_key},
    {"state", state},
    {NULL, NULL},
};

/* --- the command -------------------------------------------------------------------------- */

static void write_batch(struct request *r, const struct columns *columns, struct look *look)
{
    for (size_t i = 0; i < look->count; i++) {
        if (!request_is_cut(r))
            columns_row(r, columns, &look->batch[i]);
        message_unref(&look->batch[i].message);
    }
    look->count = 0;
}

static int look_through(struct request *r, const struct columns *columns, struct look *look)
{
    int err = 0;
    while (err == 0 && !request_is_cut(r)) {
        err = ask_loop(r->asker, look->queue->entry.home, fill_on_loop, look);
        if (err < 0)
            break;
        bool is_over = look->left == 0 || look->result == BROWSE_END || look->result == BROWSE_GONE;
        bool is_to_wait = look->result == BROWSE_WAIT && look->count == 0;
        write_batch(r, columns, look);
        if (is_over)
            break;
        if (is_to_wait && !request_pause(r, PAUSE_MS))
            err = ERR_CLOSED;
    }
    if (look->browse)
        ask_loop_or_end(r->asker, look->queue->entry.home, close_on_loop, look);
    return err;
}

static void run_browse_queue(struct request *r)
{
    struct columns columns;
    uint64_t offset, limit, payload_bytes;
    if (!columns_choose(r, message_columns, &columns) || !request_count(r, "offset", 0, &offset) ||
        !request_count(r, "limit", UINT64_MAX, &limit) ||
        !request_count(r, "truncate", PAYLOAD_BYTES, &payload_bytes))
        return;
    struct queue *q = request_queue(r);
    if (!q)
        return;
    struct look *look = lv_calloc(1, sizeof *look);
    look->queue = q;
    look->options = (struct browse_options){.start.skip = offset,
                                            .is_bounded = true,
                                            .with_taken = request_flag(r, "unacked"),
                                            .wake = nobody_waits};
    look->left = limit;
    look->payload_bytes = payload_bytes < INT_MAX / 2 ? payload_bytes : INT_MAX / 2;
    int err = look_through(r, &columns, look);
    free(look);
    queue_unref(&q);
    request_end(r, err);
}

const struct control_command control_browse_commands[] = {
    {"browse_queue", run_browse_queue, "vhost queue",
     "a row for each message, which stays: columns, offset, limit, truncate, unacked"},
    {NULL, NULL, NULL, NULL},
};
