/* A request, from its header until a worker runs it; the answer is in answer.c.
 *
 *   libmicrohttpd's thread                          a worker
 *   READING   the header, then the body arrive
 *   RUNNING   suspended                             the handler runs, and writes into `out`
 *                                                   `out` is large: http_flush() resumes, and
 *   STARTED   the answer's header is sent           the rest goes through the spool
 *   COMPLETE                                  the handler ends before that: http_end() resumes
 *   QUEUED    libmicrohttpd sends the answer, and is suspended while the spool is empty
 *
 * The request is cut when its client is gone, or the server stops: what is written from then on is
 * dropped, and nobody waits for it to be sent. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "http/http_private.h"

/* --- its life --------------------------------------------------------------------------------- */

void request_unref(struct http_request *r)
{
    unsigned before = atomic_fetch_sub(&r->refs, 1);
    lv_assert(before > 0);
    if (before > 1)
        return;
    struct http_server *s = r->server;
    pthread_mutex_lock(&s->lock);
    lv_list_remove(&r->link);
    pthread_mutex_unlock(&s->lock);
    slice_free(r->method);
    slice_free(r->path);
    slice_free(r->user);
    pairs_free(&r->headers, true);
    pairs_free(&r->query, true);
    pairs_free(&r->answer_headers, false);
    lv_buffer_free(&r->body);
    budget_give(s->memory, r->reserved_bytes);
    lv_buffer_free(&r->out);
    packer_free(&r->packer);
    spool_free(&r->spool);
    http_conn_unref(r->conn);
    free(r);
}

void request_resume(struct http_request *r)
{
    if (!r->is_suspended)
        return;
    r->is_suspended = false;
    MHD_resume_connection(r->mhd);
}

void request_cut(struct http_request *r)
{
    r->is_cut = true;
    spool_cut(r->spool);
    if (r->wake)
        r->wake(r->wake_arg);
    if (r->state == REQUEST_QUEUED)
        request_resume(r);
}

void request_cut_off(struct http_request *r)
{
    pthread_mutex_lock(&r->server->lock);
    request_cut(r);
    pthread_mutex_unlock(&r->server->lock);
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
    r->spool = spool_create(&s->budget, answer_wake, r);
    lv_list_init(&r->waiting_link);
    MHD_get_connection_values(mhd, MHD_HEADER_KIND, add_header, r);
    MHD_get_connection_values(mhd, MHD_GET_ARGUMENT_KIND, add_query, r);
    const struct http_listener *l = r->conn->listener;
    r->lane = l->is_short && l->is_short(l->arg, r) ? HTTP_SHORT : HTTP_LONG;
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

/* Of the memory of bodies, this much is kept for the next ones. */
enum { BODY_BYTES_KEPT = 1024 * 1024 };

/* On libmicrohttpd's thread. The allocator keeps what was freed until this thread allocates again,
 * which may be never. While anybody has a part, a later request does this. */
static void give_back_bodies(struct http_server *s)
{
    if (s->body_bytes <= BODY_BYTES_KEPT || budget_is_used(s->memory))
        return;
    s->body_bytes = 0;
    lv_memory_give_back();
}

void request_completed(void *arg, struct MHD_Connection *mhd, void **request,
                       enum MHD_RequestTerminationCode code)
{
    struct http_request *r = *request;
    (void)mhd;
    (void)code;
    if (!r)
        return;
    *request = NULL;
    pthread_mutex_lock(&r->server->lock);
    lv_assert(!r->is_suspended);
    r->conn->request = NULL;
    request_cut(r);
    pthread_mutex_unlock(&r->server->lock);
    atomic_store(&r->conn->requests_read, atomic_load(&r->conn->requests_begun));
    atomic_store(&r->conn->requests_done, atomic_load(&r->conn->requests_begun));
    request_unref(r);
    give_back_bodies(arg);
}

/* --- a request arrives ------------------------------------------------------------------------ */

/* Of a body, this much is not counted, so that small ones come through when there is no memory for
 * more. */
enum { BODY_BYTES_FREE = 16 * 1024 };

/* Answers without running a handler, and closes the connection: what follows is not read. */
static enum MHD_Result refuse_at_once(struct http_request *r, unsigned status)
{
    r->state = REQUEST_QUEUED;
    r->status = status;
    pairs_add(&r->answer_headers, slice_str(MHD_HTTP_HEADER_CONNECTION),
              slice_copy(slice_str("close")));
    access_log_note(r->server->access_log, r);
    return answer_queue(r, true);
}

/* Returns the length of the body if it is known, else 0. */
static uint64_t announced_bytes(const struct http_request *r)
{
    struct slice length = http_header(r, MHD_HTTP_HEADER_CONTENT_LENGTH);
    return length.n > 0 ? strtoull((const char *)length.p, NULL, 10) : 0;
}

static enum MHD_Result request_begin(struct http_request *r, const char *version)
{
    unsigned fault = request_fault(r, version);
    r->is_http_1_0 = strcmp(version, MHD_HTTP_VERSION_1_0) == 0;
    if (fault != 0)
        return refuse_at_once(r, fault);
    if (announced_bytes(r) > r->server->options.body_bytes_max)
        return refuse_at_once(r, MHD_HTTP_CONTENT_TOO_LARGE);
    return MHD_YES;
}

/* Returns the status with which a body that has grown by n bytes must be refused, or 0. A buffer
 * may be twice as large as what is in it. */
static unsigned body_fault(struct http_request *r, size_t n)
{
    if (r->body.n + n > r->server->options.body_bytes_max)
        return MHD_HTTP_CONTENT_TOO_LARGE;
    bool is_small = r->body.n + n <= (size_t)BODY_BYTES_FREE;
    return is_small || http_reserve(r, 2 * n) ? 0 : MHD_HTTP_SERVICE_UNAVAILABLE;
}

/* libmicrohttpd can send an answer only when the whole body has come, so the rest of one that is
 * refused is dropped as it comes, within limits. */
static enum MHD_Result request_drop_body(struct http_request *r, size_t n)
{
    r->dropped_bytes += n;
    return r->dropped_bytes <= r->server->options.body_bytes_max ? MHD_YES : MHD_NO;
}

static enum MHD_Result request_take_body(struct http_request *r, const char *p, size_t *n)
{
    size_t taken = *n;
    *n = 0;
    if (r->state != REQUEST_READING)
        return MHD_YES; /* it is refused already */
    atomic_fetch_add(&r->conn->body_bytes, taken);
    if (r->refusal == 0)
        r->refusal = body_fault(r, taken);
    if (r->refusal != 0) {
        lv_buffer_free(&r->body);
        return request_drop_body(r, taken);
    }
    lv_buffer_add(&r->body, p, taken);
    r->server->body_bytes += taken;
    return MHD_YES;
}

static enum MHD_Result request_run(struct http_request *r)
{
    atomic_store(&r->conn->requests_read, atomic_load(&r->conn->requests_begun));
    if (r->refusal != 0)
        return refuse_at_once(r, r->refusal);
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
    return is_ready ? answer_queue(r, state == REQUEST_COMPLETE) : MHD_YES;
}

enum MHD_Result request_arrived(void *arg, struct MHD_Connection *mhd, const char *url,
                                const char *method, const char *version, const char *upload,
                                size_t *upload_bytes, void **request)
{
    struct http_request *r = *request;
    if (!r) {
        *request = r = request_create(arg, mhd, url, method);
        return request_begin(r, version);
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

void http_set_user(struct http_request *r, struct slice user)
{
    slice_free(r->user);
    r->user = slice_copy(user);
}

struct slice http_body(const struct http_request *r)
{
    return lv_buffer_slice(&r->body);
}

const struct http_peer *http_request_peer(const struct http_request *r)
{
    return &r->conn->peer;
}
