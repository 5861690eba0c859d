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
    api_doctor_routes,
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
    api_trace_routes,
    NULL,
};
/* clang-format on */

struct api *api_create(struct manage *manage, const struct api_settings *settings)
{
    struct api *api = lv_calloc(1, sizeof *api);
    api->manage = manage;
    api->settings = *settings;
    api_open_streams(api);
    memcpy(api->cookie_key, settings->cookie_key, COOKIE_KEY_BYTES);
    api->settings.cookie_key = NULL;
    return api;
}

void api_free(struct api **api)
{
    struct api *a = *api;
    *api = NULL;
    if (!a)
        return;
    explicit_bzero(a->cookie_key, COOKIE_KEY_BYTES);
    api_free_streams(a);
    free(a);
}

/* --- the route -------------------------------------------------------------------------------- */

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
            if (!api_route_fits(c, r))
                continue;
            bits |= method_bit(r);
            if (!c->route && method_fits(method, r))
                c->route = r;
        }
    }
    return bits;
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
    unsigned fault = api_split_path(c, below);
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
    if (c.http)
        http_end(request);
    api_free_path(&c);
    auth_identity_unref(&c.identity);
    json_decref(c.body);
}

bool api_is_short(void *arg, const struct http_request *request)
{
    struct slice path = path_below(arg, http_path(request));
    return !path.p || slice_begins(path, "/health/") || slice_is(path, "/whoami");
}
