/* A scrape over HTTP: the path and the query say what is wanted, the headers in which form. */
#include "metrics/endpoint.h"

#include <stdlib.h>

#include "base/memory.h"
#include "metrics/metrics.h"

/* --- headers ---------------------------------------------------------------------------------- */

bool accepts_text(struct slice accept)
{
    return accept.n == 0 ||
           http_list_has(accept, (const char *const[]){"text/plain", "text/*", "*/*", NULL});
}

/* --- refusals --------------------------------------------------------------------------------- */

static void refuse(struct http_request *request, unsigned status, const char *type,
                   const char *text)
{
    http_status(request, status);
    if (text[0])
        http_add_header(request, "content-type", slice_str(type));
    lv_buffer_add_slice(http_out(request), slice_str(text));
    http_end(request);
}

static bool check_method(struct http_request *request)
{
    struct slice method = http_method(request);
    if (slice_is(method, "GET") || slice_is(method, "HEAD"))
        return true;
    http_add_header(request, "allow", slice_str("HEAD, GET, OPTIONS"));
    refuse(request, slice_is(method, "OPTIONS") ? 200 : 405, "", "");
    return false;
}

static bool check_type(struct http_request *request)
{
    if (accepts_text(http_header(request, "accept")))
        return true;
    refuse(request, 406, "", "");
    return false;
}

/* Sets the endpoint of the path. Returns false after refusing. */
static bool find_endpoint(const struct metrics_endpoint *endpoint, struct http_request *request,
                          enum family_endpoint *ret)
{
    static const struct {
        const char *name;
        enum family_endpoint endpoint;
    } names[] = {
        {"", SHOWN_AGGREGATED},
        {"per-object", SHOWN_PER_OBJECT},
        {"detailed", SHOWN_DETAILED},
        {"memory-breakdown", SHOWN_MEMORY},
    };
    struct slice path = http_path(request);
    size_t prefix = strlen(endpoint->path);
    if (!slice_begins(path, endpoint->path) || (path.n > prefix && path.p[prefix] != '/')) {
        refuse(request, 404, "application/json",
               "{\"error\":\"Object Not Found\",\"reason\":\"Not Found\"}");
        return false;
    }
    struct slice name = slice_of(path.p + prefix, path.n - prefix);
    if (name.n > 0)
        name = slice_of(name.p + 1, name.n - 1);
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (!slice_is(name, names[i].name))
            continue;
        *ret = names[i].endpoint;
        if (*ret == SHOWN_AGGREGATED && endpoint->is_always_per_object)
            *ret = SHOWN_PER_OBJECT;
        return true;
    }
    refuse(request, 404, "text/plain", "Unknown Registry");
    return false;
}

/* --- the query -------------------------------------------------------------------------------- */

enum { QUERY_VALUES_MAX = 256 };

/* Copies the values of a parameter, at most QUERY_VALUES_MAX, and returns how many. The caller
 * frees *ret. */
static size_t query_values(const struct http_request *request, const char *name, struct slice **ret)
{
    size_t count = 0;
    *ret = lv_malloc(QUERY_VALUES_MAX * sizeof **ret);
    while (count < QUERY_VALUES_MAX && http_query(request, name, count, &(*ret)[count]))
        count++;
    return count;
}

/* --- the answer ------------------------------------------------------------------------------- */

/* An exposition_write. */
static bool write_text(void *request, struct slice bytes)
{
    lv_buffer_add_slice(http_out(request), bytes);
    return http_flush(request, false);
}

void metrics_handle(void *arg, struct http_request *request)
{
    const struct metrics_endpoint *endpoint = arg;
    struct metrics_request wanted = {0};
    struct slice *asked, *vhosts, *queues;
    if (!check_method(request) || !check_type(request) ||
        !find_endpoint(endpoint, request, &wanted.endpoint))
        return;
    if (endpoint->guard && !endpoint->guard(endpoint->guard_arg, request)) {
        http_end(request);
        return;
    }
    wanted.family_count = query_values(request, "family", &asked);
    wanted.vhost_count = query_values(request, "vhost", &vhosts);
    wanted.families = asked;
    wanted.queue_count = query_values(request, "queue", &queues);
    wanted.vhosts = vhosts;
    wanted.queues = queues;
    http_add_header(request, "content-type", slice_str(EXPOSITION_CONTENT_TYPE));
    http_add_header(request, "vary", slice_str("accept-encoding"));
    if (!slice_is(http_method(request), "HEAD"))
        metrics_write(endpoint->manage, &wanted, write_text, request);
    free(asked);
    free(vhosts);
    free(queues);
    http_end(request);
}
