/* A scrape over HTTP: the path and the query say what is wanted, the headers in which form. */
#include "metrics/endpoint.h"

#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "metrics/gzip_sink.h"
#include "metrics/metrics.h"

/* --- headers ---------------------------------------------------------------------------------- */

static bool is_word(struct slice text, const char *word)
{
    return text.n == strlen(word) && strncasecmp((const char *)text.p, word, text.n) == 0;
}

static struct slice trimmed(struct slice text)
{
    while (text.n > 0 && (*text.p == ' ' || *text.p == '\t'))
        text = slice_of(text.p + 1, text.n - 1);
    while (text.n > 0 && (text.p[text.n - 1] == ' ' || text.p[text.n - 1] == '\t'))
        text.n--;
    return text;
}

/* Takes what is before the separator off the text. */
static struct slice take_until(struct slice *text, char separator)
{
    const uint8_t *at = text->n ? memchr(text->p, separator, text->n) : NULL;
    size_t n = at ? (size_t)(at - text->p) : text->n;
    struct slice taken = slice_of(text->p, n);
    n += at != NULL;
    *text = slice_of(text->p + n, text->n - n);
    return trimmed(taken);
}

/* Returns whether the parameters of an item have q=0: it is not wanted. */
static bool is_unwanted(struct slice parameters)
{
    while (parameters.n > 0) {
        struct slice one = take_until(&parameters, ';');
        if (one.n < 3 || (one.p[0] | 0x20) != 'q' || one.p[1] != '=' || one.p[2] != '0')
            continue;
        bool is_zero = true;
        for (size_t i = 3; i < one.n; i++)
            is_zero &= one.p[i] == '.' || one.p[i] == '0';
        return is_zero;
    }
    return false;
}

/* Returns whether a list of items such as "gzip;q=0.5, *" has one of these words. */
static bool has_item(struct slice list, const char *const *words)
{
    while (list.n > 0) {
        struct slice parameters = take_until(&list, ',');
        struct slice item = take_until(&parameters, ';');
        for (size_t i = 0; words[i]; i++)
            if (is_word(item, words[i]) && !is_unwanted(parameters))
                return true;
    }
    return false;
}

bool accepts_text(struct slice accept)
{
    return trimmed(accept).n == 0 ||
           has_item(accept, (const char *const[]){"text/plain", "text/*", "*/*", NULL});
}

bool accepts_gzip(struct slice accept_encoding)
{
    return has_item(accept_encoding, (const char *const[]){"gzip", "x-gzip", NULL});
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

static bool write_plain(void *request, struct slice bytes)
{
    lv_buffer_add_slice(http_out(request), bytes);
    return http_flush(request, false);
}

static void write_metrics(struct manage *m, const struct metrics_request *wanted,
                          struct http_request *request)
{
    bool is_gzip = accepts_gzip(http_header(request, "accept-encoding"));
    http_add_header(request, "content-type", slice_str(EXPOSITION_CONTENT_TYPE));
    http_add_header(request, "content-encoding", slice_str(is_gzip ? "gzip" : "identity"));
    http_add_header(request, "vary", slice_str("accept-encoding"));
    if (!is_gzip) {
        metrics_write(m, wanted, write_plain, request);
        return;
    }
    struct gzip_sink sink;
    gzip_sink_begin(&sink, write_plain, request);
    metrics_write(m, wanted, gzip_sink_write, &sink);
    lv_rcu_offline();
    gzip_sink_end(&sink);
    lv_rcu_online();
}

void metrics_handle(void *arg, struct http_request *request)
{
    const struct metrics_endpoint *endpoint = arg;
    struct metrics_request wanted = {0};
    struct slice *asked, *vhosts, *queues;
    if (!check_method(request) || !check_type(request) ||
        !find_endpoint(endpoint, request, &wanted.endpoint))
        return;
    if (endpoint->guard && !api_lets_monitor_in(endpoint->guard, request)) {
        http_end(request);
        return;
    }
    if (manage_is_restoring(endpoint->manage)) {
        refuse(request, 503, "text/plain", "The messages in the log are still being read.\n");
        return;
    }
    wanted.family_count = query_values(request, "family", &asked);
    wanted.vhost_count = query_values(request, "vhost", &vhosts);
    wanted.families = asked;
    wanted.queue_count = query_values(request, "queue", &queues);
    wanted.vhosts = vhosts;
    wanted.queues = queues;
    if (slice_is(http_method(request), "HEAD"))
        http_add_header(request, "content-type", slice_str(EXPOSITION_CONTENT_TYPE));
    else
        write_metrics(endpoint->manage, &wanted, request);
    free(asked);
    free(vhosts);
    free(queues);
    http_end(request);
}
