/* Any request to the HTTP API, before a broker with real loops that keeps nothing on disk.
 *
 *   an input: METHOD PATH?QUERY, a newline, and the body
 *
 * The request is logged in as an administrator; handlers run on this thread. Whatever a request has
 * deleted is there again for the next. */
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "api/api.h"
#include "api/cookie.h"
#include "base/assert.h"
#include "base/log.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "broker/vhost_life.h"
#include "http/http_private.h"
#include "manage/jobs.h"
#include "manage/message_traces.h"
#include "manage/node.h"
#include "manage/users.h"
#include "manage/vhosts.h"
#include "session/session.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* --- the broker ------------------------------------------------------------------------------- */

static struct manage manage;
static struct session_server sessions;
static struct node_source node;
static struct api *api;
static char hash[PASSWORD_HASH_TEXT_MAX]; /* of the administrator's password */
static struct http_server server;
static struct http_listener listener = {.server = &server};

static void describe(void *arg, struct node_facts *facts)
{
    (void)arg;
    facts->name = "leveret@here";
    facts->version = "3.13.7";
    facts->leveret_version = "0.1.0";
    facts->platform = "Linux";
    facts->data_dir = "/nowhere";
}

static void no_listeners(void *arg, node_listener_visit *visit, void *visit_arg)
{
    (void)arg, (void)visit, (void)visit_arg;
}

static void no_certificates(void *arg, node_certificate_visit *visit, void *visit_arg)
{
    (void)arg, (void)visit, (void)visit_arg;
}

static void no_settings(void *arg, node_setting_visit *visit, void *visit_arg)
{
    (void)arg, (void)visit, (void)visit_arg;
}

static void *run_loops(void *arg)
{
    loops_run(arg);
    return NULL;
}

static void begin(void)
{
    static const uint8_t cookie_key[COOKIE_KEY_BYTES];
    static const struct api_settings settings = {
        .path_prefix = "", .cors_s = -1, .cookie_key = cookie_key};
    pthread_t thread;
    lv_rcu_register_thread();
    log_set_level(LOG_NONE);
    struct loops *loops = loops_create(2);
    node = (struct node_source){.describe = describe,
                                .listeners = no_listeners,
                                .certificates = no_certificates,
                                .settings = no_settings};
    manage = (struct manage){
        .loops = loops,
        .asker = asker_create(loops),
        .broker = broker_create(loops, NULL),
        .auth = auth_create(NULL),
        .sessions = &sessions,
        .node = &node,
        .node_name = "leveret@here",
    };
    manage.jobs = jobs_create(&manage);
    manage.traces = message_traces_create(&manage);
    auth_set_hashing(manage.auth, PASSWORD_SHA256);
    sessions.broker = manage.broker;
    sessions.auth = manage.auth;
    atomic_store(&manage.broker->topology.default_queue_type, "classic");
    sessions.settings.version = "3.13.7";
    sessions.settings.leveret_version = "0.1.0";
    sessions.settings.platform = "Linux";
    sessions.settings.product = "RabbitMQ";
    sessions.settings.cluster_name = "hares";
    sessions_start(loops, &sessions);
    loops_start(loops);
    lv_assert(pthread_create(&thread, NULL, run_loops, loops) == 0);
    pthread_detach(thread);
    enum password_algorithm algorithm;
    lv_assert(auth_hash_password(manage.auth, slice_str("u"), &algorithm, hash) == 0);
    api = api_create(&manage, &settings);
    pthread_mutex_init(&server.lock, NULL);
    lv_list_init(&server.requests);
    server.memory = budget_create(64 * 1024 * 1024);
    listener.compresses = true;
    workers_init(&server.workers, 1);
}

/* Puts back the user, the vhost and the permissions that requests need. */
static void restore(void)
{
    const struct slice user = slice_str("u"), vhost = slice_str("/"), all = slice_str(".*");
    struct vhost *made;
    struct definition_permission row = {vhost, user, all, all, all};
    struct lv_buffer reason = {0};
    const struct definition_user administrator = {
        .name = user,
        .password_hash = slice_str(hash),
        .hashing_algorithm = slice_str("rabbit_password_hashing_sha256"),
        .tags = slice_str("administrator"),
    };
    auth_put_user(manage.auth, &administrator, NULL, NULL, NULL);
    vhost_create(manage.broker, &(struct definition_vhost){.name = vhost}, false,
                 (struct durable_done){NULL, NULL}, &made);
    auth_set_permissions(manage.auth, &row, &reason, NULL, NULL);
    lv_buffer_free(&reason);
}

/* --- a request -------------------------------------------------------------------------------- */

/* Takes what is before the mark off the text, and the mark. */
static struct slice next_part(struct slice *text, char mark)
{
    const uint8_t *at = text->n ? memchr(text->p, mark, text->n) : NULL;
    size_t n = at ? (size_t)(at - text->p) : text->n;
    struct slice part = slice_of(text->p, n);
    n += at != NULL;
    *text = slice_of(text->p + n, text->n - n);
    return part;
}

static struct slice decoded(struct slice text)
{
    struct lv_buffer out = {0};
    http_decode(&out, text, true);
    struct slice value = slice_copy(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return value;
}

static void add_query(struct http_request *r, struct slice query)
{
    while (query.n > 0) {
        struct slice one = next_part(&query, '&');
        struct slice name = next_part(&one, '=');
        pairs_add(&r->query, decoded(name), decoded(one));
    }
}

static void add_header(struct http_request *r, const char *name, const char *value)
{
    pairs_add(&r->headers, slice_copy(slice_str(name)), slice_copy(slice_str(value)));
}

/* Two references: http_end() gives back one, so that the answer can be looked at. */
static struct http_request *request_make(struct http_conn *conn, struct slice text)
{
    struct http_request *r = lv_calloc(1, sizeof *r);
    struct slice line = next_part(&text, '\n');
    r->refs = 2;
    r->server = &server;
    r->conn = conn;
    r->status = 200;
    r->state = REQUEST_RUNNING;
    r->spool = spool_create(&server.budget, answer_wake, r);
    spool_never_wait(r->spool);
    lv_list_init(&r->link);
    lv_list_init(&r->waiting_link);
    r->method = slice_copy(next_part(&line, ' '));
    r->path = slice_copy(next_part(&line, '?'));
    add_query(r, line);
    add_header(r, "authorization", "Basic dTp1"); /* u:u */
    add_header(r, "content-type", "application/json");
    lv_buffer_add_slice(&r->body, text);
    return r;
}

static void check_answer(const struct http_request *r)
{
    lv_assert(r->status >= 200 && r->status < 600);
    lv_assert(r->state == REQUEST_COMPLETE || r->is_ended);
    for (size_t i = 0; i < r->answer_headers.count; i++) {
        struct slice value = r->answer_headers.items[i].value;
        lv_assert(value.n == 0 ||
                  (!memchr(value.p, '\n', value.n) && !memchr(value.p, '\r', value.n)));
    }
    struct slice type = answer_header(r, "content-type");
    if (r->state != REQUEST_COMPLETE || r->packer || r->out.n == 0 ||
        !slice_is(type, "application/json"))
        return;
    json_t *answer =
        json_loadb((const char *)r->out.p, r->out.n, JSON_ALLOW_NUL | JSON_DECODE_ANY, NULL);
    lv_assert(answer);
    json_decref(answer);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static bool has_begun;
    struct http_conn conn = {.refs = 2, .listener = &listener, .peer.is_loopback = true};
    if (!has_begun)
        begin();
    has_begun = true;
    restore();
    struct http_request *r = request_make(&conn, slice_of(bytes, n));
    api_handle(api, r);
    check_answer(r);
    lv_assert(r->refs == 1);
    request_unref(r);
    return 0;
}
