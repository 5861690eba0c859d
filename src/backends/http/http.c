/* The backend http: a request for each question, an answer read from its body.
 *
 * A request contains the user's password, so its memory is cleared before it is freed, here and in
 * libcurl (web_memory.h). */
#include "backends/http.h"

#include <stdlib.h>
#include <string.h>

#include "backends/http/http_answer.h"
#include "backends/http/http_query.h"
#include "backends/web/web_client.h"
#include "base/assert.h"
#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"

enum { HTTP_THREADS = 16, ANSWER_BYTES_MAX = 8192 };

/* The URLs that are asked, and their settings. */
#define HTTP_PATHS(P)                                                                              \
    P(user_path)                                                                                   \
    P(vhost_path)                                                                                  \
    P(resource_path)                                                                               \
    P(topic_path)

struct auth_http {
    struct auth_backend backend;
    bool is_post;
#define PATH_MEMBER(path) char *path;
    HTTP_PATHS(PATH_MEMBER)
#undef PATH_MEMBER
    struct web_client *client;
};

static struct auth_http *http_of(struct auth_backend *backend)
{
    return lv_container_of(backend, struct auth_http, backend);
}

/* --- Asking ----------------------------------------------------------------------------------- */

/* Begins a reason with which request it is about. */
static void say_request(const struct auth_http *http, const char *path, struct lv_buffer *reason)
{
    lv_buffer_printf(reason, "%s ", http->is_post ? "POST" : "GET");
    web_url_show(path, reason);
    lv_buffer_printf(reason, ": ");
}

static int ask_by_post(struct auth_http *http, const char *path, struct slice query,
                       long *ret_status, struct lv_buffer *ret_body, struct lv_buffer *reason)
{
    const struct web_request request = {
        .url = path, .body = query, .content_type = "application/x-www-form-urlencoded"};
    return web_client_ask(http->client, &request, ret_status, ret_body, reason);
}

static int ask_by_get(struct auth_http *http, const char *path, struct slice query,
                      long *ret_status, struct lv_buffer *ret_body, struct lv_buffer *reason)
{
    struct lv_buffer url = {0};
    lv_buffer_reserve(&url, strlen(path) + query.n + 2);
    lv_buffer_add(&url, path, strlen(path));
    lv_buffer_add_u8(&url, strchr(path, '?') == NULL ? '?' : '&');
    lv_buffer_add_slice(&url, query);
    lv_buffer_add_u8(&url, '\0');
    int error = web_client_ask(http->client, &(struct web_request){.url = (const char *)url.p},
                               ret_status, ret_body, reason);
    explicit_bzero(url.p, url.n);
    lv_buffer_free(&url);
    return error;
}

/* Asks at this path. Returns 0 with a status and a body, or ERR_... with the reason. */
static int ask(struct auth_http *http, const char *path, struct slice query, long *ret_status,
               struct lv_buffer *ret_body, struct lv_buffer *reason)
{
    return http->is_post ? ask_by_post(http, path, query, ret_status, ret_body, reason)
                         : ask_by_get(http, path, query, ret_status, ret_body, reason);
}

/* --- What the broker calls -------------------------------------------------------------------- */

/* A question to the service, from its parameters to the answer. */
struct asking {
    struct lv_buffer query;
    long status;
    struct lv_buffer body;
    struct lv_buffer why; /* the answer is not "allow" */
};

static void asking_free(struct asking *x)
{
    explicit_bzero(x->query.p, x->query.n);
    lv_buffer_free(&x->query);
    lv_buffer_free(&x->body);
    lv_buffer_free(&x->why);
}

/* Sends the query, and returns true if an answer has come. */
static bool asking_send(struct asking *x, struct auth_http *http, const char *path)
{
    return ask(http, path, lv_buffer_slice(&x->query), &x->status, &x->body, &x->why) == 0;
}

/* Says which request could not be answered, and why. */
static void say_unanswered(const struct asking *x, const struct auth_http *http, const char *path,
                           struct lv_buffer *reason)
{
    say_request(http, path, reason);
    lv_buffer_add_slice(reason, lv_buffer_slice(&x->why));
}

static enum auth_answer log_in(struct auth_backend *backend,
                               const struct auth_credentials *credentials, struct auth_found *ret,
                               struct lv_buffer *reason)
{
    struct auth_http *http = http_of(backend);
    struct asking x = {0};
    http_query_login(&x.query, credentials);
    enum auth_answer answer = AUTH_UNANSWERED;
    if (asking_send(&x, http, http->user_path))
        answer = http_answer_login(x.status, lv_buffer_slice(&x.body), &ret->tags, &x.why);
    if (answer == AUTH_UNANSWERED)
        say_unanswered(&x, http, http->user_path, reason);
    else if (answer == AUTH_REFUSED)
        lv_buffer_printf(reason, "denied by the HTTP service%s%.*s", x.why.n > 0 ? ": " : "",
                         SLICE_ARG(lv_buffer_slice(&x.why)));
    asking_free(&x);
    return answer;
}

static const char *path_for(const struct auth_http *http, enum auth_resource resource)
{
    switch (resource) {
    case AUTH_VHOST: return http->vhost_path;
    case AUTH_QUEUE:
    case AUTH_EXCHANGE: return http->resource_path;
    case AUTH_TOPIC: return http->topic_path;
    }
    lv_unreachable();
}

/* The service gave a reason for its "deny". It is for the log; the peer is not told. */
static void say_denied(const struct auth_question *q, struct slice why)
{
    log_info("the HTTP service denies user '%.*s' access in vhost '%.*s' to '%.*s': %.*s",
             SLICE_ARG(q->user), SLICE_ARG(q->vhost), SLICE_ARG(q->name), SLICE_ARG(why));
}

static enum auth_answer may(struct auth_backend *backend, const struct auth_question *question,
                            struct lv_buffer *reason)
{
    struct auth_http *http = http_of(backend);
    const char *path = path_for(http, question->resource);
    struct asking x = {0};
    http_query_question(&x.query, question);
    enum auth_answer answer = AUTH_UNANSWERED;
    if (asking_send(&x, http, path))
        answer = http_answer_question(x.status, lv_buffer_slice(&x.body), &x.why);
    if (answer == AUTH_UNANSWERED)
        say_unanswered(&x, http, path, reason);
    else if (answer == AUTH_REFUSED && x.why.n > 0)
        say_denied(question, lv_buffer_slice(&x.why));
    asking_free(&x);
    return answer;
}

static void forget(struct auth_backend *backend, void *data)
{
    (void)backend;
    lv_assert(data == NULL);
}

static void http_free(struct auth_backend *backend)
{
    struct auth_http *http = http_of(backend);
    web_client_free(&http->client);
#define PATH_FREE(path) free(http->path);
    HTTP_PATHS(PATH_FREE)
#undef PATH_FREE
    free(http);
}

static const struct auth_backend_calls calls = {
    .log_in = log_in,
    .may = may,
    .forget = forget,
    .free = http_free,
};

/* --- Opening ---------------------------------------------------------------------------------- */

static int check_path(const char *setting, const char *url, struct lv_buffer *reason)
{
    int error = web_url_check(url);
    if (error) {
        lv_buffer_printf(reason, "auth_http.%s: '", setting);
        web_url_show(url, reason);
        lv_buffer_printf(reason, "' is not an http:// or https:// URL");
    }
    return error;
}

static int check_paths(const struct auth_http_settings *settings, struct lv_buffer *reason)
{
    int error = 0;
#define PATH_CHECK(path)                                                                           \
    if (!error)                                                                                    \
        error = check_path(#path, settings->path, reason);
    HTTP_PATHS(PATH_CHECK)
#undef PATH_CHECK
    return error;
}

static int open_client(const struct auth_http_settings *settings, struct web_client **ret,
                       struct lv_buffer *reason)
{
    const struct web_client_settings client = {
        .connection_timeout_ms = settings->connection_timeout_ms,
        .timeout_ms = settings->request_timeout_ms,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .tls = settings->tls,
    };
    struct lv_buffer why = {0};
    int error = web_client_create(&client, ret, &why);
    if (error)
        lv_buffer_printf(reason, "auth_http.ssl_options: %.*s", SLICE_ARG(lv_buffer_slice(&why)));
    lv_buffer_free(&why);
    return error;
}

int auth_http_open(const struct auth_http_settings *settings, struct auth_backend **ret,
                   struct lv_buffer *reason)
{
    struct web_client *client;
    int error = check_paths(settings, reason);
    if (!error)
        error = open_client(settings, &client, reason);
    if (error)
        return error;
    struct auth_http *http = lv_calloc(1, sizeof *http);
    http->backend = (struct auth_backend){&calls, "http", HTTP_THREADS};
    http->is_post = settings->is_post;
#define PATH_COPY(path) http->path = lv_strdup(settings->path);
    HTTP_PATHS(PATH_COPY)
#undef PATH_COPY
    http->client = client;
    *ret = &http->backend;
    return 0;
}
