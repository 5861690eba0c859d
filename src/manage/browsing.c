/* Browsing a queue's messages without taking them.
 *
 * The queue's home fills a batch within a turn; the thread that browses visits the batch and asks
 * for the next. While the home reads from disk, this thread asks again every PAUSE_MS. So each turn
 * of the home is short, and at most one batch is held. */
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "broker/forward.h"
#include "manage/columns.h"
#include "manage/messages.h"
#include "manage/queues.h"
#include "queue/browse.h"
#include "wire/properties.h"
#include "wire/wire.h"

enum { BATCH_MESSAGES = 128, BATCH_BYTES = 256 * 1024, PAUSE_MS = 2 };

struct looked_at {
    struct browse_item item;
    struct message *message; /* owned */
    bool is_kept;            /* a dead letter that is given to no consumer */
};

/* Used by the browsing thread and by the queue's home in turn, never at the same time. */
struct look {
    struct queue *queue; /* referenced */
    struct browse_options options;
    uint64_t left; /* how many more may be visited */
    struct browse *browse;
    enum browse_result result; /* why the batch ends */
    size_t count;
    struct looked_at batch[BATCH_MESSAGES];
};

/* --- at the queue's home ---------------------------------------------------------------------- */

static void ignore_wake(void *arg)
{
    (void)arg; /* the thread asks again by itself */
}

static void fill_on_loop(struct loop *loop, void *arg)
{
    struct look *look = arg;
    size_t bytes = 0;
    lv_assert(queue_home(look->queue) == loop && look->count == 0);
    if (!look->browse)
        look->browse = browse_open(look->queue, &look->options);
    look->result = BROWSE_ITEM;
    while (look->left > 0 && look->count < BATCH_MESSAGES && bytes < BATCH_BYTES) {
        struct looked_at *at = &look->batch[look->count];
        look->result = browse_peek(look->browse, &at->item);
        if (look->result != BROWSE_ITEM)
            return;
        at->message = browse_message(look->browse);
        at->is_kept = at->item.is_unacked && forward_is_kept(look->queue, at->item.position);
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

/* --- facts ------------------------------------------------------------------------------------ */

/* Removes the character at the end of a shortened payload if it is incomplete. Returns false if the
 * payload is not text. */
static bool cut_text(struct slice *payload)
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

static struct message_facts facts_of(const struct looked_at *at, uint64_t payload_bytes)
{
    struct message_facts f = {
        .position = at->item.passed,
        .message = at->message,
        .state = at->is_kept           ? "dead_letter"
                 : at->item.is_unacked ? "unacked"
                                       : "ready",
        .payload = message_body(at->message),
        .is_in_memory = at->item.is_here,
        .redelivered = at->item.redelivered,
    };
    bool is_whole = f.payload.n <= payload_bytes;
    if (!is_whole)
        f.payload.n = (size_t)payload_bytes;
    f.is_text = is_whole ? wire_is_utf8(f.payload) : cut_text(&f.payload);
    return f;
}

static struct slice headers_of(const struct message_facts *f)
{
    struct properties p = {0};
    if (!properties_read(message_header(f->message), &p))
        return SLICE_EMPTY; /* stored by a version that accepted malformed properties */
    return p.headers;
}

#define F struct message_facts
#define COLUMN_OF(column) message_column_##column
MESSAGE_COLUMNS(COLUMN_VALUE)
const struct column message_columns[] = {MESSAGE_COLUMNS(COLUMN_ROW) COLUMNS_END};

/* --- the operation ---------------------------------------------------------------------------- */

/* Visits a batch. Returns false if the visitor has ended the visit. */
static bool show_batch(const struct browsing *b, struct look *look)
{
    bool goes_on = true;
    for (size_t i = 0; i < look->count; i++) {
        if (goes_on) {
            const struct message_facts f = facts_of(&look->batch[i], b->payload_bytes);
            goes_on = b->visit(b->arg, &f);
        }
        message_unref(&look->batch[i].message);
    }
    look->count = 0;
    return goes_on;
}

static int look_through(struct manage *m, const struct browsing *b, struct look *look)
{
    int err = 0;
    bool goes_on = true;
    while (err == 0 && goes_on) {
        err = ask_loop(m->asker, queue_home(look->queue), fill_on_loop, look);
        if (err < 0)
            break;
        bool is_over = look->left == 0 || look->result == BROWSE_END || look->result == BROWSE_GONE;
        bool is_to_wait = look->result == BROWSE_WAIT && look->count == 0;
        goes_on = show_batch(b, look) && !is_over;
        if (goes_on && is_to_wait)
            err = ask_pause(m->asker, PAUSE_MS);
    }
    if (look->browse)
        ask_loop_or_end(m->asker, queue_home(look->queue), close_on_loop, look);
    return err;
}

bool manage_browse(struct manage *m, const struct actor *actor, const struct browsing *b,
                   struct manage_error *error)
{
    if (!actor_check_queue(actor, AUTH_READ, b->vhost, b->queue, error))
        return false;
    struct queue *q = manage_queue(m, b->vhost, b->queue, error);
    if (!q)
        return false;
    struct look *look = lv_calloc(1, sizeof *look);
    look->queue = q;
    look->options = (struct browse_options){.start.skip = b->offset,
                                            .is_bounded = true,
                                            .with_unacked = b->with_unacked,
                                            .wake = ignore_wake};
    look->left = b->limit;
    int err = manage_await_messages(m);
    if (err == 0)
        err = look_through(m, b, look);
    free(look);
    queue_unref(&q);
    return manage_end(error, err);
}
