/* An answer, on its way from the handler that writes it to libmicrohttpd, which sends it. The
 * states are in request.c. */
#include <string.h>
#include <strings.h>

#include "base/memory.h"
#include "http/http_private.h"

/* libmicrohttpd keeps a block for each answer that is sent while it is written. That of a stream is
 * small, as there may be many, and hardly ever has much in it. */
enum { OUT_BYTES = 64 * 1024, BLOCK_BYTES = 32 * 1024, STREAM_BLOCK_BYTES = 1024 };

/* --- libmicrohttpd's side --------------------------------------------------------------------- */

void answer_wake(void *arg)
{
    struct http_request *r = arg;
    pthread_mutex_lock(&r->server->lock);
    request_resume(r);
    pthread_mutex_unlock(&r->server->lock);
}

static void queue_headers(struct http_request *r, struct MHD_Response *response)
{
    uint64_t max = r->server->options.requests_max;
    if (max > 0 && atomic_load(&r->conn->requests_begun) >= max)
        MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
    for (size_t i = 0; i < r->answer_headers.count; i++)
        MHD_add_response_header(response, (const char *)r->answer_headers.items[i].name.p,
                                (const char *)r->answer_headers.items[i].value.p);
}

/* Waits for more to send. The caller holds server->lock. */
static void reader_suspend(struct http_request *r)
{
    r->is_suspended = true;
    MHD_suspend_connection(r->mhd);
    if (r->awaits_room && r->wake)
        r->wake(r->wake_arg);
    r->awaits_room = false;
}

/* An MHD_ContentReaderCallback: copies what is in the spool. */
static ssize_t read_spool(void *arg, uint64_t position, char *p, size_t n)
{
    struct http_request *r = arg;
    struct slice next;
    ssize_t result = 0;
    (void)position;
    pthread_mutex_lock(&r->server->lock);
    if (r->is_cut) {
        result = MHD_CONTENT_READER_END_WITH_ERROR;
    } else if (spool_next(r->spool, &next)) {
        result = (ssize_t)(next.n < n ? next.n : n);
        memcpy(p, next.p, (size_t)result);
        spool_sent(r->spool, (size_t)result);
    } else if (r->is_ended) {
        result = MHD_CONTENT_READER_END_OF_STREAM;
    } else {
        reader_suspend(r);
    }
    pthread_mutex_unlock(&r->server->lock);
    return result;
}

static enum MHD_Result queue_and_drop(struct http_request *r, struct MHD_Response *response)
{
    queue_headers(r, response);
    enum MHD_Result result = MHD_queue_response(r->mhd, r->status, response);
    MHD_destroy_response(response);
    return result;
}

/* Returns the body of an answer that is complete. */
static struct slice answer_body(const struct http_request *r)
{
    return r->fixed.p ? r->fixed : lv_buffer_slice(&r->out);
}

enum MHD_Result answer_queue(struct http_request *r, bool is_complete)
{
    size_t block = r->is_stream ? STREAM_BLOCK_BYTES : BLOCK_BYTES;
    if (!is_complete)
        return queue_and_drop(
            r, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, read_spool, r, NULL));
    /* The buffer stays until request_completed(). */
    struct slice body = answer_body(r);
    return queue_and_drop(r, MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
                                                             MHD_RESPMEM_PERSISTENT));
}

/* --- the handler's side ----------------------------------------------------------------------- */

void http_status(struct http_request *r, unsigned status)
{
    lv_assert(!r->has_started);
    r->status = status;
}

void http_add_header(struct http_request *r, const char *name, struct slice value)
{
    struct lv_buffer clean = {0};
    lv_assert(!r->has_started);
    for (size_t i = 0; i < value.n; i++) {
        if (value.p[i] >= 0x20 && value.p[i] != 0x7f)
            lv_buffer_add_u8(&clean, value.p[i]);
    }
    pairs_add(&r->answer_headers, slice_str(name), slice_copy(lv_buffer_slice(&clean)));
    lv_buffer_free(&clean);
}

void http_set_header(struct http_request *r, const char *name, struct slice value)
{
    struct http_pairs *headers = &r->answer_headers;
    size_t kept = 0;
    for (size_t i = 0; i < headers->count; i++) {
        if (strcasecmp((const char *)headers->items[i].name.p, name) == 0)
            slice_free(headers->items[i].value);
        else
            headers->items[kept++] = headers->items[i];
    }
    headers->count = kept;
    if (value.n > 0)
        http_add_header(r, name, value);
}

struct slice answer_header(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->answer_headers.count; i++) {
        if (strcasecmp((const char *)r->answer_headers.items[i].name.p, name) == 0)
            return r->answer_headers.items[i].value;
    }
    return SLICE_EMPTY;
}

struct lv_buffer *http_out(struct http_request *r)
{
    return &r->out;
}

void http_stream(struct http_request *r, void (*wake)(void *arg), void *arg)
{
    lv_assert(!r->has_started);
    r->is_stream = true;
    atomic_store(&r->conn->has_stream, true);
    pthread_mutex_lock(&r->server->lock);
    r->wake = wake;
    r->wake_arg = arg;
    pthread_mutex_unlock(&r->server->lock);
}

/* libmicrohttpd is suspended until something is sent, and again when it has taken all of it. */
bool http_has_room(struct http_request *r)
{
    pthread_mutex_lock(&r->server->lock);
    bool has_room = r->is_suspended;
    r->awaits_room = !has_room;
    pthread_mutex_unlock(&r->server->lock);
    return has_room;
}

bool http_is_cut(const struct http_request *r)
{
    return spool_is_cut(r->spool);
}

/* Gives the request back to libmicrohttpd in this state. */
static void request_hand_over(struct http_request *r, enum request_state state)
{
    pthread_mutex_lock(&r->server->lock);
    lv_assert(r->state == REQUEST_RUNNING);
    r->state = state;
    if (state == REQUEST_COMPLETE)
        r->wake = NULL;
    request_resume(r);
    pthread_mutex_unlock(&r->server->lock);
}

/* Moves the bytes to the spool, and frees the buffer. */
static void answer_put(struct http_request *r, struct lv_buffer *bytes)
{
    bool waits = bytes->n > 0 && spool_would_wait(r->spool);
    r->answer_bytes += bytes->n;
    if (waits)
        workers_wait_begin(&r->server->workers, r);
    spool_put(r->spool, bytes);
    if (waits)
        workers_wait_end(&r->server->workers, r);
}

/* Moves what is written towards the client. */
static void answer_move(struct http_request *r, enum packer_how how)
{
    struct lv_buffer *bytes = r->packer ? packer_add(r->packer, &r->out, how) : &r->out;
    if (!r->packer || how != PACK_MORE || bytes->n > (size_t)OUT_BYTES)
        answer_put(r, bytes);
}

bool http_flush(struct http_request *r, bool is_now)
{
    if (r->out.n > (is_now ? 0 : OUT_BYTES)) {
        if (!r->has_started) {
            packer_begin(r, true);
            r->has_started = true;
            request_hand_over(r, REQUEST_STARTED);
        }
        answer_move(r, is_now ? PACK_NOW : PACK_MORE);
    }
    return !http_is_cut(r);
}

/* Compresses an answer that is complete, and has not begun. */
static void answer_pack(struct http_request *r)
{
    packer_begin(r, false);
    if (!r->packer)
        return;
    struct lv_buffer *packed = packer_add(r->packer, &r->out, PACK_END);
    lv_buffer_free(&r->out);
    r->out = *packed;
    *packed = (struct lv_buffer){0};
}

void http_end(struct http_request *r)
{
    if (!r->has_started) {
        answer_pack(r);
        r->answer_bytes = answer_body(r).n;
        access_log_note(r->server->access_log, r);
        request_hand_over(r, REQUEST_COMPLETE);
    } else {
        answer_move(r, PACK_END);
        access_log_note(r->server->access_log, r);
        pthread_mutex_lock(&r->server->lock);
        r->is_ended = true;
        r->wake = NULL;
        request_resume(r);
        pthread_mutex_unlock(&r->server->lock);
    }
    request_unref(r);
}
