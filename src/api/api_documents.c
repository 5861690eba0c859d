/* What describes the API itself. */
#include "api/api_private.h"
#include "api/describe.h"
#include "api/site.h"

static void redirect(struct api_call *c)
{
    page_redirect(c, "/api/index.html");
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
    page_begin(c, "HTTP API");
    api_describe_html(http_out(c->http));
    page_end(c);
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
