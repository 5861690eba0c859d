/* A call, from its request to its answer: the route is found, who asks is checked, the body is
 * parsed and checked, and the handler runs. */
#include "api/api.h"

#include <stdlib.h>
#include <string.h>

#include "api/api_private.h"
#include "api/site.h"
#include "base/assert.h"
#include "base/memory.h"
#include "manage/compute_slots.h"

#define PREFIX "/api"

/* clang-format off */
const struct api_route *const api_families[] = {
    api_general_routes,
    api_document_routes,
    api_health_routes,
    api_login_routes,
    api_node_routes,
    api_operation_routes,
    api_overview_routes,
    api_queue_routes,
    api_queue_change_routes,
    api_exchange_routes,
    api_exchange_change_routes,
    api_binding_routes,
    api_binding_change_routes,
    api_connection_routes,
    api_connection_change_routes,
    api_consumer_routes,
    api_vhost_routes,
    api_user_routes,
    api_permission_routes,
    api_policy_routes,
    api_parameter_routes,
    api_limit_routes,
    api_definition_routes,
    api_message_routes,
    api_job_routes,
    api_browse_routes,
    api_stream_routes,
    NULL,
};
/* clang-format on */

struct api *api_create(struct manage *manage, const struct api_settings *settings)
{
    struct api *api = lv_calloc(1, sizeof *api);
    api->manage = manage;
    api->settings = *settings;
    cookie_key_make(api->cookie_key);
    return api;
}

void api_free(struct api **api)
{
    if (*api)
        explicit_bzero((*api)->cookie_key, COOKIE_KEY_BYTES);
    free(*api);
    *api = NULL;
}

/* --- the path --------------------------------------------------------------------------------- */

static void free_slice(struct slice s)
{
    free((void *)(uintptr_t)s.p);
}

/* Takes the next part off the path: "/a/b" gives "a" and leaves "/b". */
static struct slice path_next(struct slice *path)
{
    const uint8_t *begin = path->p + 1;
    const uint8_t *slash = memchr(begin, '/', path->n - 1);
    size_t n = slash ? (size_t)(slash - begin) : path->n - 1;
    *path = slice_of(begin + n, path->n - 1 - n);
    return slice_of(begin, n);
}

/* Splits the path into c->parts. Returns 0, or the status: 404 if it has too many, 400 if an escape
 * is malformed. */
static unsigned path_split(struct api_call *c, struct slice path)
{
    while (path.n > 1) {
        struct lv_buffer part = {0};
        if (c->part_count == API_PARTS_MAX)
            return 404;
        int err = http_decode(&part, path_next(&path), false);
        if (err == 0)
            c->parts[c->part_count++] = slice_copy(lv_buffer_slice(&part));
        lv_buffer_free(&part);
        if (err < 0)
            return 400;
    }
    return 0;
}

static bool route_fits(const struct api_call *c, const struct api_route *route)
{
    struct slice path = slice_str(route->path);
    size_t i = 0;
    for (; path.n > 1 && i < c->part_count; i++) {
        struct slice part = path_next(&path);
        if (part.p[0] != '{' && !slice_equal(part, c->parts[i]))
            return false;
    }
    return path.n <= 1 && i == c->part_count;
}

static bool method_fits(struct slice method, const struct api_route *route)
{
    return slice_is(method, route->method) ||
           (slice_is(method, "HEAD") && strcmp(route->method, "GET") == 0);
}

/* In RabbitMQ's order. */
static const char *const methods[] = {"GET", "POST", "PUT", "DELETE"};
enum { METHODS = sizeof methods / sizeof *methods };

static unsigned method_bit(const struct api_route *route)
{
    for (unsigned i = 0; i < METHODS; i++) {
        if (strcmp(route->method, methods[i]) == 0)
            return 1u << i;
    }
    lv_unreachable();
}

/* Appends the methods that a path has: "HEAD, GET, PUT, OPTIONS". */
static void write_methods(unsigned bits, struct lv_buffer *out)
{
    for (unsigned i = 0; i < METHODS; i++) {
        if (bits & 1u << i)
            lv_buffer_printf(out, "%s%s, ", i == 0 ? "HEAD, " : "", methods[i]);
    }
    lv_buffer_printf(out, "OPTIONS");
}

/* Sets c->route if a route has this path and method. Returns the methods that the path has. */
static unsigned route_find(struct api_call *c)
{
    struct slice method = http_method(c->http);
    unsigned bits = 0;
    for (size_t f = 0; api_families[f]; f++) {
        for (const struct api_route *r = api_families[f]; r->method; r++) {
            if (!route_fits(c, r))
                continue;
            bits |= method_bit(r);
            if (!c->route && method_fits(method, r))
                c->route = r;
        }
    }
    return bits;
}

struct slice api_part(const struct api_call *c, const char *name)
{
    struct slice path = slice_str(c->route->path);
    for (size_t i = 0; path.n > 1; i++) {
        struct slice part = path_next(&path);
        if (part.n == strlen(name) + 2 && part.p[0] == '{' &&
            memcmp(part.p + 1, name, part.n - 2) == 0)
            return c->parts[i];
    }
    lv_unreachable();
}

/* --- the query
 * --------------------------------------------------------------------------------- */

struct slice api_query(const struct api_call *c, const char *name)
{
    struct slice value = SLICE_EMPTY;
    http_query(c->http, name, 0, &value);
    return value;
}

bool api_query_number(struct api_call *c, const char *name, uint64_t absent, uint64_t max,
                      uint64_t *ret)
{
    struct slice text = api_query(c, name);
    char *end = NULL;
    *ret = absent;
    if (text.n == 0)
        return true;
    unsigned long long n = strtoull((const char *)text.p, &end, 10);
    if (text.p[0] < '0' || text.p[0] > '9' || *end != '\0' || n > max) {
        api_refuse(c, 400, "bad_request", "%s: expected a number from 0 to %llu, got '%.*s'", name,
                   (unsigned long long)max, SLICE_ARG(text));
        return false;
    }
    *ret = n;
    return true;
}

bool api_query_flag(const struct api_call *c, const char *name)
{
    return slice_is(api_query(c, name), "true");
}

/* --- answers ---------------------------------------------------------------------------------- */

bool api_flush(struct api_call *c)
{
    if (http_out(c->http)->n < 64 * 1024)
        return !http_is_cut(c->http);
    bool had_slot = compute_slot_pause();
    bool is_there = http_flush(c->http, false);
    compute_slot_resume(had_slot);
    return is_there;
}

void api_refuse(struct api_call *c, unsigned status, const char *error, const char *format, ...)
{
    struct lv_buffer reason = {0};
    va_list args;
    va_start(args, format);
    lv_buffer_vprintf(&reason, format, args);
    va_end(args);
    http_status(c->http, status);
    http_out(c->http)->n = 0;
    c->json.needs_comma = false;
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "error");
    json_write_text(&c->json, error);
    json_write_key(&c->json, "reason");
    json_write_string(&c->json, lv_buffer_slice(&reason));
    json_write_end(&c->json, '}');
    lv_buffer_free(&reason);
}

void api_refuse_not_found(struct api_call *c)
{
    api_refuse(c, 404, "Object Not Found", "Not Found");
}

void api_refuse_empty(struct api_call *c, unsigned status)
{
    http_out(c->http)->n = 0;
    http_set_header(c->http, "content-type", SLICE_EMPTY);
    http_status(c->http, status);
}

void api_refuse_as(struct api_call *c, struct manage_error *error)
{
    struct slice text = lv_buffer_slice(&error->text);
    switch (error->refusal) {
    case REFUSAL_NOT_FOUND: api_refuse_not_found(c); break;
    case REFUSAL_ACCESS: api_refuse(c, 401, "not_authorised", "%.*s", SLICE_ARG(text)); break;
    case REFUSAL_INTERNAL: api_refuse(c, 500, "internal_error", "%.*s", SLICE_ARG(text)); break;
    default: api_refuse(c, 400, "bad_request", "%.*s", SLICE_ARG(text)); break;
    }
    manage_error_free(error);
}

void api_done(struct api_call *c, unsigned status)
{
    api_refuse_empty(c, status);
}

void api_end(struct api_call *c, bool is_done, bool is_new, struct manage_error *error)
{
    if (!is_done)
        api_refuse_as(c, error);
    else
        api_done(c, is_new ? 201 : 204);
}

/* --- a call ----------------------------------------------------------------------------------- */

/* Answers a path that is known, by a method that it does not have. */
static void answer_methods(struct api_call *c, unsigned bits)
{
    struct lv_buffer names = {0};
    write_methods(bits, &names);
    if (slice_is(http_method(c->http), "OPTIONS")) {
        api_answer_options(c, lv_buffer_slice(&names));
    } else {
        http_set_header(c->http, "allow", lv_buffer_slice(&names));
        api_refuse_empty(c, 405);
    }
    lv_buffer_free(&names);
}

static bool may_run(struct api_call *c)
{
    return (c->route->access == API_PUBLIC || (api_log_in(c) && api_check_access(c))) &&
           api_check_headers(c) && api_check_body(c);
}

/* Returns the path below the configured prefix, or SLICE_EMPTY if it is elsewhere. */
static struct slice path_of_site(const struct api *api, struct slice path)
{
    size_t prefix = strlen(api->settings.path_prefix);
    return slice_begins(path, api->settings.path_prefix)
               ? slice_of(path.p + prefix, path.n - prefix)
               : SLICE_EMPTY;
}

/* Returns the path below that and /api, or SLICE_EMPTY if it is elsewhere. */
static struct slice path_below(const struct api *api, struct slice path)
{
    struct slice rest = path_of_site(api, path);
    if (!slice_begins(rest, PREFIX "/") && !slice_is(rest, PREFIX))
        return SLICE_EMPTY;
    return slice_of(rest.p + strlen(PREFIX), rest.n - strlen(PREFIX));
}

static void call_run(struct api_call *c)
{
    struct slice path = http_path(c->http), below = path_below(c->api, path);
    if (!below.p) {
        site_answer(c, path_of_site(c->api, path));
        return;
    }
    unsigned fault = path_split(c, below);
    unsigned methods_found = fault == 0 ? route_find(c) : 0;
    if (fault == 400)
        api_refuse_empty(c, 400);
    else if (methods_found == 0)
        api_refuse_not_found(c);
    else if (!c->route)
        answer_methods(c, methods_found);
    else if (may_run(c))
        c->route->run(c);
}

void api_handle(void *arg, struct http_request *request)
{
    struct api *api = arg;
    struct api_call c = {
        .api = api,
        .manage = api->manage,
        .http = request,
        .json = {.out = http_out(request)},
    };
    api_begin_headers(&c);
    call_run(&c);
    compute_slot_give();
    http_end(request);
    for (size_t i = 0; i < c.part_count; i++)
        free_slice(c.parts[i]);
    auth_identity_unref(&c.identity);
    json_decref(c.body);
}

bool api_is_short(void *arg, const struct http_request *request)
{
    struct slice path = path_below(arg, http_path(request));
    return slice_begins(path, "/health/") || slice_is(path, "/whoami");
}
