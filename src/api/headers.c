/* The headers of every answer, what pages of other origins may do, and what a client accepts.
 *
 * Browsers remember a user's password for the broker, and send it with whatever a page of any
 * origin asks. They do not show that page the answer unless it is allowed here, and they ask before
 * they send what a form could not send. What a form can send is refused here (refuse_forgery()). */
#include <string.h>
#include <strings.h>

#include "api/api_private.h"

static void set(struct api_call *c, const char *name, const char *value)
{
    if (value)
        http_set_header(c->http, name, slice_str(value));
}

/* --- other origins ---------------------------------------------------------------------------- */

static bool is_allowed(const struct api_settings *s, struct slice origin)
{
    for (size_t i = 0; i < s->origin_count; i++) {
        if (slice_is(origin, s->origins[i]) || strcmp(s->origins[i], "*") == 0)
            return true;
    }
    return false;
}

/* Returns the page's origin if it may call the API, else SLICE_EMPTY. */
static struct slice allowed_origin(const struct api_call *c)
{
    struct slice origin = http_header(c->http, "origin");
    bool is_fine =
        origin.n > 0 && !slice_is(origin, "null") && is_allowed(&c->api->settings, origin);
    return is_fine ? origin : SLICE_EMPTY;
}

/* Returns whether the page is this broker's own: "https://HOST". */
static bool is_own_origin(const struct api_call *c, struct slice origin)
{
    struct slice host = http_header(c->http, "host");
    for (size_t i = 0; i + 3 <= origin.n; i++) {
        if (memcmp(origin.p + i, "://", 3) == 0)
            return slice_equal(slice_of(origin.p + i + 3, origin.n - i - 3), host);
    }
    return false;
}

/* Returns whether a form can have this content type. */
static bool is_simple_type(struct slice type)
{
    static const char *const types[] = {"application/x-www-form-urlencoded", "multipart/form-data",
                                        "text/plain", NULL};
    return type.n == 0 || http_list_has(type, types);
}

static bool changes_something(struct slice method)
{
    return !slice_is(method, "GET") && !slice_is(method, "HEAD") && !slice_is(method, "OPTIONS");
}

static bool refuse_forgery(struct api_call *c)
{
    struct slice origin = http_header(c->http, "origin");
    struct slice site = http_header(c->http, "sec-fetch-site");
    bool is_foreign = (origin.n > 0 && !is_own_origin(c, origin)) || slice_is(site, "cross-site");
    if (!is_foreign || !changes_something(http_method(c->http)) || allowed_origin(c).n > 0 ||
        !is_simple_type(http_header(c->http, "content-type")))
        return false;
    api_refuse(c, 403, "forbidden",
               "a page of another origin may not do this: see management.cors.allow_origins");
    return true;
}

static void allow_origin(struct api_call *c)
{
    struct slice origin = allowed_origin(c);
    if (origin.n == 0)
        return;
    http_set_header(c->http, "access-control-allow-origin", origin);
    set(c, "access-control-allow-credentials", "true");
}

void api_answer_options(struct api_call *c, struct slice methods)
{
    struct slice asked = http_header(c->http, "access-control-request-headers");
    http_set_header(c->http, "allow", methods);
    if (allowed_origin(c).n > 0) {
        struct lv_buffer age = {0};
        if (c->api->settings.cors_s >= 0)
            lv_buffer_printf(&age, "%lld", (long long)c->api->settings.cors_s);
        http_set_header(c->http, "access-control-max-age", lv_buffer_slice(&age));
        http_set_header(c->http, "access-control-allow-headers", asked);
        http_set_header(c->http, "access-control-allow-methods", methods);
        lv_buffer_free(&age);
    }
    api_refuse_empty(c, 200);
}

/* --- what the client accepts ------------------------------------------------------------------ */

/* Answers 406, 412 or 304 as RabbitMQ does: there is one form of each object, and it has no tag. */
static bool refuse_condition(struct api_call *c)
{
    static const char *const types[] = {"application/json", "application/*", "*/*",
                                        "text/event-stream", NULL};
    struct slice accept = http_header(c->http, "accept");
    struct slice none_match = changes_something(http_method(c->http))
                                  ? SLICE_EMPTY
                                  : http_header(c->http, "if-none-match");
    bool is_conditional = http_header(c->http, "if-match").n > 0 || none_match.n > 0;
    if (accept.n > 0 && !http_list_has(accept, types))
        api_refuse_empty(c, 406);
    else if (is_conditional)
        api_refuse_empty(c, slice_is(none_match, "*") ? 304 : 412);
    else
        return false;
    return true;
}

bool api_check_headers(struct api_call *c)
{
    if (refuse_forgery(c) || refuse_condition(c))
        return false;
    set(c, "vary", "accept, accept-encoding, origin");
    set(c, "cache-control", "no-cache");
    return true;
}

void api_begin_headers(struct api_call *c)
{
    const struct api_settings *s = &c->api->settings;
    set(c, "content-type", "application/json");
    set(c, "vary", "origin");
    set(c, "content-security-policy", s->content_security_policy);
    set(c, "strict-transport-security", s->strict_transport_security);
    set(c, "x-content-type-options", s->content_type_options);
    set(c, "x-frame-options", s->frame_options);
    set(c, "x-xss-protection", s->xss_protection);
    allow_origin(c);
}
