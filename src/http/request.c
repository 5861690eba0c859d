/* A request, from its header to the end of its answer.
 *
 *   libmicrohttpd's thread                          a worker
 *   READING   the header, then the body arrive
 *   RUNNING   suspended                             the handler runs, and writes into `out`
 *                                                   `out` is large: http_flush() resumes, and
 *   STARTED   the answer's header is sent           the rest goes through the spool
 *   COMPLETE                                        the handler ends before that: http_end() resumes
 *   QUEUED    libmicrohttpd sends the answer, and is suspended while the spool is empty
 *
 * The request is cut when its client is gone, or the server stops: what is written from then on is
 * dropped, and nobody waits for it to be sent. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"
#include "base/memory.h"
#include "http/http_private.h"

enum { OUT_BYTES = 64 * 1024, BLOCK_BYTES = 32 * 1024 };

/* --- names and values ------------------------------------------------------------------------- */

static void pairs_add(struct http_pairs *pairs, struct slice name, struct slice value)
{
    if (pairs->count == pairs->capacity) {
        pairs->capacity = pairs->capacity ? 2 * pairs->capacity : 8;
        pairs->items = lv_realloc(pairs->items, pairs->capacity * sizeof *pairs->items);
    }
    pairs->items[pairs->count++] = (struct http_pair){name, value};
}

static void free_slice(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

static void pairs_free(struct http_pairs *pairs, bool are_names_owned)
{
    for (size_t i = 0; i < pairs->count; i++) {
        if (are_names_owned)
            free_slice(pairs->items[i].name);
        free_slice(pairs->items[i].value);
    }
    free(pairs->items);
}

static int digit_of(uint8_t c)
{
    return isdigit(c) ? c - '0' : isxdigit(c) ? tolower(c) - 'a' + 10 : -1;
}

int http_decode(struct lv_buffer *out, struct slice text, bool is_query)
{
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        if (c == '%') {
            int high = i + 2 < text.n ? digit_of(text.p[i + 1]) : -1;
            int low = high >= 0 ? digit_of(text.p[i + 2]) : -1;
            if (low < 0 || (high == 0 && low == 0))
                return ERR_INVALID;
            c = (uint8_t)(high << 4 | low);
            i += 2;
        } else if (c == '+' && is_query) {
            c = ' ';
        }
        lv_buffer_add_u8(out, c);
    }
    return 0;
}

/* --- its life --------------------------------------------------------------------------------- */

static void request_unref(struct http_request *r)
{
    unsigned before = atomic_fetch_sub(&r->refs, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    struct http_server *s = r->server;
    pthread_mutex_lock(&s->lock);
    lv_list_remove(&r->link);
    pthread_mutex_unlock(&s->lock);
    free_slice(r->method);
    free_slice(r->path);
    pairs_free(&r->headers, true);
    pairs_free(&r->query, true);
    pairs_free(&r->answer_headers, false);
    lv_buffer_free(&r->body);
    lv_buffer_free(&r->out);
    spool_free(&r->spool);
    http_conn_unref(r->conn);
    free(r);
}

/* Makes libmicrohttpd go on with the request. The caller holds server->lock. */
static void request_resume(struct http_request *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    MHD_resume_connection(r->mhd);
}

/* Called by the spool when there is more to send. */
static void request_wake(void *arg)
{
    struct http_request *r = arg;
    pthread_mutex_lock(&r->server->lock);
    request_resume(r);
    pthread_mutex_unlock(&r->server->lock);
}

void request_cut(struct http_request *r)
{
    r->is_cut = true;
    spool_cut(r->spool);
    if (r->state == REQUEST_QUEUED)
        request_resume(r);
}

static enum MHD_Result add_header(void *arg, enum MHD_ValueKind kind, const char *name,
                                  const char *value)
{
    struct http_request *r = arg;
    (void)kind;
    pairs_add(&r->headers, slice_copy(slice_str(name)), slice_copy(slice_str(value ? value : "")));
    return MHD_YES;
}

static struct slice decode_query(struct http_request *r, const char *text)
{
    struct lv_buffer out = {0};
    if (http_decode(&out, slice_str(text), true) < 0)
        r->is_malformed = true;
    struct slice value = slice_copy(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return value;
}

static enum MHD_Result add_query(void *arg, enum MHD_ValueKind kind, const char *name,
                                 const char *value)
{
    struct http_request *r = arg;
    (void)kind;
    pairs_add(&r->query, decode_query(r, name), decode_query(r, value ? value : ""));
    return MHD_YES;
}

static struct http_request *request_create(struct http_server *s, struct MHD_Connection *mhd,
                                           const char *url, const char *method)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct http_request *r = lv_calloc(1, sizeof *r);
    r->refs = 1;
    r->server = s;
    r->conn = info->socket_context;
    r->mhd = mhd;
    r->status = 200;
    r->method = slice_copy(slice_str(method));
    r->path = slice_copy(slice_str(url));
    r->spool = spool_create(&s->budget, request_wake, r);
    lv_list_init(&r->waiting_link);
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, add_header, r);
    MHD_get_connection_values(mhd, MHD_GET_ARGUMENT_KIND, add_query, r);
    atomic_fetch_add(&r->conn->refs, 1);
    atomic_store(&r->conn->body_bytes, 0);
    atomic_fetch_add(&r->conn->requests_begun, 1);
    pthread_mutex_lock(&s->lock);
    lv_list_push(&s->requests, &r->link);
    r->conn->request = r;
    if (s->is_stopping || atomic_load(&r->conn->is_gone))
        request_cut(r);
    pthread_mutex_unlock(&s->lock);
    return r;
}

void request_completed(void *arg, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode code)
{
    struct http_request *r = *request;
    (void)arg;
    (void)mhd;
    (void)code;
    if (!r)
        return;
    *request = NULL;
    pthread_mutex_lock(&r->server->lock);
    r->conn->request = NULL;
    r->is_suspended = false;
    request_cut(r);
    pthread_mutex_unlock(&r->server->lock);
    atomic_store(&r->conn->requests_read, atomic_load(&r->conn->requests_begun));
    atomic_store(&r->conn->requests_done, atomic_load(&r->conn->requests_begun));
    request_unref(r);
}

/* --- sending the answer, on libmicrohttpd's thread --------------------------------------------- */

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

static enum MHD_Result queue_answer(struct http_request *r, bool is_complete)
{
    if (!is_complete)
        return queue_and_drop(r, MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, BLOCK_BYTES,
                                                                   read_spool, r, NULL));
    struct slice body = lv_buffer_slice(&r->out);
    return queue_and_drop(r, MHD_create_response_from_buffer(body.n, (void *)(uintptr_t)body.p,
                                                             MHD_RESPMEM_MUST_COPY));
}

/* Answers without running a handler, and closes the connection: the rest of the body is not read. */
static enum MHD_Result refuse_at_once(struct http_request *r, unsigned status)
{
    r->state = REQUEST_QUEUED;
    r->status = status;
    pairs_add(&r->answer_headers, slice_str(MHD_HTTP_HEADER_CONNECTION),
              slice_copy(slice_str("close")));
    return queue_answer(r, true);
}

/* --- a request arrives ------------------------------------------------------------------------ */

/* Returns whether the body is announced to be, or is, larger than it may be. */
static bool is_too_large(const struct http_request *r, size_t more)
{
    size_t max = r->server->options.body_bytes_max;
    struct slice length = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    if (r->body.n + more > max)
        return true;
    return length.n > 0 && strtoull((const char *)length.p, NULL, 10) > max;
}

static enum MHD_Result request_begin(struct http_request *r)
{
    if (is_too_large(r, 0))
        return refuse_at_once(r, MHD_HTTP_CONTENT_TOO_LARGE);
    return MHD_YES;
}

static enum MHD_Result request_take_body(struct http_request *r, const char *p, size_t *n)
{
    size_t taken = *n;
    *n = 0;
    if (r->state != REQUEST_READING)
        return MHD_YES; /* it is refused */
    if (is_too_large(r, taken)) {
        lv_buffer_free(&r->body);
        return refuse_at_once(r, MHD_HTTP_CONTENT_TOO_LARGE);
    }
    lv_buffer_add(&r->body, p, taken);
    atomic_fetch_add(&r->conn->body_bytes, taken);
    return MHD_YES;
}

static enum MHD_Result request_run(struct http_request *r)
{
    atomic_store(&r->conn->requests_read, atomic_load(&r->conn->requests_begun));
    if (r->is_malformed)
        return refuse_at_once(r, MHD_HTTP_BAD_REQUEST);
    atomic_fetch_add(&r->refs, 1);
    pthread_mutex_lock(&r->server->lock);
    r->state = REQUEST_RUNNING;
    r->is_suspended = true;
    MHD_suspend_connection(r->mhd);
    pthread_mutex_unlock(&r->server->lock);
    workers_run(&r->server->workers, r);
    return MHD_YES;
}

/* libmicrohttpd was resumed: the answer has begun, or is complete. */
static enum MHD_Result request_answer(struct http_request *r)
{
    pthread_mutex_lock(&r->server->lock);
    enum request_state state = r->state;
    bool is_ready = state == REQUEST_STARTED || state == REQUEST_COMPLETE;
    if (is_ready)
        r->state = REQUEST_QUEUED;
    pthread_mutex_unlock(&r->server->lock);
    return is_ready ? queue_answer(r, state == REQUEST_COMPLETE) : MHD_YES;
}

enum MHD_Result request_arrived(void *arg, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_bytes, void **request)
{
    struct http_request *r = *request;
    (void)version;
    if (!r) {
        *request = r = request_create(arg, mhd, url, method);
        return request_begin(r);
    }
    if (*upload_bytes > 0)
        return request_take_body(r, upload, upload_bytes);
    return r->state == REQUEST_READING ? request_run(r) : request_answer(r);
}

/* --- what a handler asks ---------------------------------------------------------------------- */

struct slice http_method(const struct http_request *r)
{
    return r->method;
}

struct slice http_path(const struct http_request *r)
{
    return r->path;
}

struct slice http_body(const struct http_request *r)
{
    return lv_buffer_slice(&r->body);
}

const struct http_peer *http_request_peer(const struct http_request *r)
{
    return &r->conn->peer;
}

struct slice http_header(const struct http_request *r, const char *name)
{
    for (size_t i = 0; i < r->headers.count; i++) {
        const struct http_pair *pair = &r->headers.items[i];
        if (strcasecmp((const char *)pair->name.p, name) == 0)
            return pair->value;
    }
    return SLICE_EMPTY;
}

bool http_query(const struct http_request *r, const char *name, size_t nth, struct slice *ret)
{
    for (size_t i = 0; i < r->query.count; i++) {
        const struct http_pair *pair = &r->query.items[i];
        if (slice_is(pair->name, name) && nth-- == 0) {
            *ret = pair->value;
            return true;
        }
    }
    return false;
}

/* --- the answer ------------------------------------------------------------------------------- */

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

bool http_flush(struct http_request *r, bool is_now)
{
    if (r->out.n > (is_now ? 0 : OUT_BYTES)) {
        if (!r->has_started) {
            r->has_started = true;
            request_hand_over(r, REQUEST_STARTED);
        }
        spool_put(r->spool, &r->out);
    }
    return !http_is_cut(r);
}

void http_end(struct http_request *r)
{
    if (!r->has_started) {
        request_hand_over(r, REQUEST_COMPLETE);
    } else {
        if (r->out.n > 0)
            spool_put(r->spool, &r->out);
        pthread_mutex_lock(&r->server->lock);
        r->is_ended = true;
        request_resume(r);
        pthread_mutex_unlock(&r->server->lock);
    }
    request_unref(r);
}
