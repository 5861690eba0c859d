/* What describes the API itself. */
#include "api/api_private.h"
#include "api/describe.h"

static void redirect(struct api_call *c)
{
    struct lv_buffer place = {0};
    lv_buffer_printf(&place, "%s/api/index.html", c->api->settings.path_prefix);
    http_set_header(c->http, "location", lv_buffer_slice(&place));
    api_done(c, 301);
    lv_buffer_free(&place);
}

/* Returns whether the caller may read what describes the API; else refuses. */
static bool may_read(struct api_call *c)
{
    return !c->api->settings.guards_reference || (api_log_in(c) && api_check_access(c));
}

static void show_index(struct api_call *c)
{
    if (!may_read(c))
        return;
    http_set_header(c->http, "content-type", slice_str("text/html; charset=utf-8"));
    api_describe_html(http_out(c->http));
}

static void show_openapi(struct api_call *c)
{
    if (may_read(c))
        api_describe_openapi(http_out(c->http));
}

const struct api_route api_document_routes[] = {
    {"GET", "/", API_PUBLIC, redirect, "Redirects to /index.html."},
    {"GET", "/index.html", API_PUBLIC, show_index, "Lists these paths, for people."},
    {"GET", "/openapi.json", API_PUBLIC, show_openapi, "Describes the API for programs."},
    {NULL},
};
