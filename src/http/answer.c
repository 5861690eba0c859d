/* An answer, on its way from the handler that writes it to libmicrohttpd, which sends it. The states
 * are in request.c. */
#include <string.h>

#include "base/memory.h"
#include "http/http_private.h"

enum { OUT_BYTES = 64 * 1024, BLOCK_BYTES = 32 * 1024 };

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
    for (size_t i = 0; i < r->answer_headers.count; i++)
        MHD_add_response_header(response, (const char *)r->answer_headers.items[i].name.p,
                                (const char *)r->answer_headers.items[i].value.p);
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
        r->is_suspended = true;
        MHD_suspend_connection(r->mhd);
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

enum MHD_Result answer_queue(struct http_request *r, bool is_complete)
{
    if (!is_complete)
        return queue_and_drop(r, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                   read_spool, r, NULL));
    /* The buffer stays until request_completed(). */
    return queue_and_drop(
        r, MHD_create_response_from_buffer(r->out.n, r->out.p, MHD_RESPMEM_PERSISTENT));
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

struct lv_buffer *http_out(struct http_request *r)
{
    return &r->out;
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
    request_resume(r);
    pthread_mutex_unlock(&r->server->lock);
}

/* Moves what is written to the spool. */
static void answer_put(struct http_request *r)
{
    bool waits = r->out.n > 0 && spool_would_wait(r->spool);
    if (waits)
        workers_wait_begin(&r->server->workers, r);
    spool_put(r->spool, &r->out);
    if (waits)
        workers_wait_end(&r->server->workers, r);
}

bool http_flush(struct http_request *r, bool is_now)
{
    if (r->out.n > (is_now ? 0 : OUT_BYTES)) {
        if (!r->has_started) {
            r->has_started = true;
            request_hand_over(r, REQUEST_STARTED);
        }
        answer_put(r);
    }
    return !http_is_cut(r);
}

void http_end(struct http_request *r)
{
    if (!r->has_started) {
        request_hand_over(r, REQUEST_COMPLETE);
    } else {
        answer_put(r);
        pthread_mutex_lock(&r->server->lock);
        r->is_ended = true;
        request_resume(r);
        pthread_mutex_unlock(&r->server->lock);
    }
    request_unref(r);
}
