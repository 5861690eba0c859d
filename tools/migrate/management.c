/* Asks one path after the other over one connection, and keeps the answers by name.
 *
 * Without the overview and the definitions there is nothing to look at, so their failure is that of
 * the whole. The other paths may be missing, as in other versions: the report says which. */
#include "migrate/management.h"

#include <stdlib.h>
#include <string.h>

#include "backends/web/web_client.h"
#include "base/error.h"
#include "base/memory.h"
#include "migrate/refusal.h"
#include "migrate/trust.h"

enum { CONNECT_MS = 10 * 1000, ANSWER_BYTES_MAX = 512 << 20 };

struct management {
    struct web_client *client;
    char *url; /* without a slash at its end */
};

int management_open(const struct migrate_api *api, struct management **ret,
                    struct lv_buffer *reason)
{
    if (web_url_check(api->url) != 0) {
        lv_buffer_printf(reason, "the address of the HTTP API is not a URL such as "
                                 "http://USER:PASSWORD@HOST:15672");
        return ERR_INVALID;
    }
    const struct web_client_settings settings = {
        .connection_timeout_ms = api->timeout_ms < CONNECT_MS ? api->timeout_ms : CONNECT_MS,
        .timeout_ms = api->timeout_ms,
        .answer_bytes_max = ANSWER_BYTES_MAX,
        .tls = {.ca_file = api->ca_file, .depth = -1},
    };
    struct web_client *client = NULL;
    int err = web_client_create(&settings, &client, reason);
    if (err)
        return err;
    struct management *m = lv_calloc(1, sizeof *m);
    m->client = client;
    m->url = lv_strdup(api->url);
    for (size_t n = strlen(m->url); n > 0 && m->url[n - 1] == '/'; n--)
        m->url[n - 1] = '\0';
    *ret = m;
    return 0;
}

void management_close(struct management **management)
{
    struct management *m = *management;
    if (!m)
        return;
    web_client_free(&m->client);
    free(m->url);
    free(m);
    *management = NULL;
}

/* --- one path --------------------------------------------------------------------------------- */

/* Returns 0 if the status is that of an answer. */
static int check_status(long status, const struct lv_buffer *body, struct lv_buffer *reason)
{
    if (status == 400) {
        refusal_put(lv_buffer_slice(body), reason);
        return ERR_INVALID;
    }
    if (status / 100 == 2)
        return 0;
    if (status == 401 || status == 403)
        lv_buffer_printf(reason,
                         "the user is refused (%ld): the user and the password in the URL "
                         "must be those of an administrator",
                         status);
    else if (status == 404)
        lv_buffer_printf(reason, "there is no such path (404): is this the address of RabbitMQ's "
                                 "management plugin?");
    else
        lv_buffer_printf(reason, "the server answered with status %ld", status);
    return status == 404 ? ERR_NOT_FOUND : status == 401 || status == 403 ? ERR_REFUSED : ERR_IO;
}

static int parse(const struct lv_buffer *body, json_t **ret, struct lv_buffer *reason)
{
    json_error_t fault;
    json_t *json =
        json_loadb(body->n ? (const char *)body->p : "", body->n, JSON_ALLOW_NUL, &fault);
    if (!json) {
        lv_buffer_printf(reason, "the answer is not JSON: is this the address of RabbitMQ's "
                                 "management plugin?");
        return ERR_FORMAT;
    }
    *ret = json;
    return 0;
}

/* Sends a GET, or with a body a POST. */
static int ask(struct management *management, const char *path, const char *text, json_t **ret,
               struct lv_buffer *reason)
{
    struct lv_buffer url = {0};
    struct lv_buffer body = {0};
    long status = 0;
    lv_buffer_printf(&url, "%s%s", management->url, path);
    const struct web_request request = {.url = (const char *)url.p,
                                        .body = text ? slice_str(text) : (struct slice){0},
                                        .content_type = text ? "application/json" : NULL};
    int err = web_client_ask(management->client, &request, &status, &body, reason);
    if (err == ERR_REFUSED)
        lv_buffer_printf(reason, "; " TRUST_ADVICE);
    if (err == 0)
        err = check_status(status, &body, reason);
    if (err == 0 && status == 204)
        *ret = json_null();
    else if (err == 0)
        err = parse(&body, ret, reason);
    lv_buffer_free(&url);
    lv_buffer_free(&body);
    return err;
}

int management_get(struct management *management, const char *path, json_t **ret,
                   struct lv_buffer *reason)
{
    return ask(management, path, NULL, ret, reason);
}

int management_ask(const struct migrate_api *api, const char *path, const char *body, json_t **ret,
                   struct lv_buffer *reason)
{
    struct management *m = NULL;
    int err = management_open(api, &m, reason);
    if (err == 0)
        err = ask(m, path, body, ret, reason);
    management_close(&m);
    return err;
}

/* --- all of them ------------------------------------------------------------------------------ */

struct source_path {
    const char *name, *path;
    bool is_needed;
};

static const struct source_path paths_to_check[] = {
    {"overview", "/api/overview", true},
    {"definitions", "/api/definitions", true},
    {"nodes", "/api/nodes", false},
    {"queues", "/api/queues", false},
    {"exchanges", "/api/exchanges", false},
    {"vhosts", "/api/vhosts", false},
    {"connections", "/api/connections", false},
    {"consumers", "/api/consumers", false},
    {NULL, NULL, false},
};

static const struct source_path paths_to_move[] = {
    {"overview", "/api/overview", true}, {"definitions", "/api/definitions", true},
    {"queues", "/api/queues", true},     {"exchanges", "/api/exchanges", true},
    {"bindings", "/api/bindings", true}, {"vhosts", "/api/vhosts", true},
    {"whoami", "/api/whoami", true},     {NULL, NULL, false},
};

static void note_unread(json_t *unread, const char *path, const struct lv_buffer *reason)
{
    json_array_append_new(unread, json_pack("{s:s, s:s%}", "path", path, "reason",
                                            (const char *)reason->p, reason->n));
}

static int read_path(struct management *m, const struct source_path *p, json_t *source,
                     struct lv_buffer *reason)
{
    struct lv_buffer why = {0};
    json_t *answer = NULL;
    int err = management_get(m, p->path, &answer, &why);
    if (err == 0) {
        json_object_set_new(source, p->name, answer);
    } else if (p->is_needed) {
        lv_buffer_printf(reason, "%s: %.*s", p->path, SLICE_ARG(lv_buffer_slice(&why)));
    } else {
        note_unread(json_object_get(source, "unread"), p->path, &why);
        err = 0;
    }
    lv_buffer_free(&why);
    return err;
}

static int read_paths(const struct migrate_api *api, const struct source_path *path, json_t **ret,
                      struct lv_buffer *reason)
{
    struct management *m = NULL;
    int err = management_open(api, &m, reason);
    if (err)
        return err;
    json_t *source = json_pack("{s:[]}", "unread");
    for (; path->name && err == 0; path++)
        err = read_path(m, path, source, reason);
    management_close(&m);
    if (err)
        json_decref(source);
    else
        *ret = source;
    return err;
}

int management_read(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason)
{
    return read_paths(api, paths_to_check, ret, reason);
}

int management_read_to_move(const struct migrate_api *api, json_t **ret, struct lv_buffer *reason)
{
    return read_paths(api, paths_to_move, ret, reason);
}
