/* Pages beside the API. They are the same for everybody, and need no login. */
#include "api/site.h"

/* Made of tools/rabbitmqadmin by scripts/embed. */
extern const uint8_t rabbitmqadmin_script[];
extern const size_t rabbitmqadmin_script_bytes;

/* --- pages of HTML ---------------------------------------------------------------------------- */

void page_begin(struct api_call *c, const char *title)
{
    http_set_header(c->http, "content-type", slice_str("text/html; charset=utf-8"));
    lv_buffer_printf(http_out(c->http),
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<title>%s</title></head>\n<body><h1>%s</h1>\n",
                     title, title);
}

void page_end(struct api_call *c)
{
    lv_buffer_printf(http_out(c->http), "</body></html>\n");
}

void page_redirect(struct api_call *c, const char *path)
{
    struct lv_buffer place = {0};
    lv_buffer_printf(&place, "%s%s", c->api->settings.path_prefix, path);
    http_set_header(c->http, "location", lv_buffer_slice(&place));
    api_done(c, 301);
    lv_buffer_free(&place);
}

/* --- what there is ---------------------------------------------------------------------------- */

static void show_root(struct api_call *c)
{
    const char *prefix = c->api->settings.path_prefix;
    page_begin(c, "Leveret");
    lv_buffer_printf(
        http_out(c->http),
        "<p>A message broker, version " LEVERET_VERSION ". It has no management page yet.</p>\n"
        "<ul>\n"
        "<li><a href=\"%s/api/index.html\">The HTTP API</a>, at <code>%s/api</code></li>\n"
        "<li><a href=\"%s/cli/index.html\">rabbitmqadmin</a>, a tool for the API</li>\n"
        "</ul>\n",
        prefix, prefix, prefix);
    page_end(c);
}

static void redirect_to_cli(struct api_call *c)
{
    page_redirect(c, "/cli/index.html");
}

static void show_cli(struct api_call *c)
{
    page_begin(c, "rabbitmqadmin");
    lv_buffer_printf(
        http_out(c->http),
        "<p><code>rabbitmqadmin</code> manages this broker over its HTTP API, with the command "
        "line of RabbitMQ's tool of the same name. It needs Python 3 and nothing else.</p>\n"
        "<ol>\n"
        "<li>Download <a href=\"%s/cli/rabbitmqadmin\">rabbitmqadmin</a>, and make it executable: "
        "<code>chmod +x rabbitmqadmin</code></li>\n"
        "<li>See what it can do: <code>./rabbitmqadmin help subcommands</code></li>\n"
        "</ol>\n",
        c->api->settings.path_prefix);
    page_end(c);
}

static void send_rabbitmqadmin(struct api_call *c)
{
    http_set_header(c->http, "content-type", slice_str("application/octet-stream"));
    lv_buffer_add(http_out(c->http), rabbitmqadmin_script, rabbitmqadmin_script_bytes);
}

static const struct page {
    const char *path;
    void (*show)(struct api_call *c);
} pages[] = {
    {"/", show_root},
    {"/cli", redirect_to_cli},
    {"/cli/", redirect_to_cli},
    {"/cli/index.html", show_cli},
    {"/cli/rabbitmqadmin", send_rabbitmqadmin},
};

static void show_page(struct api_call *c, const struct page *page)
{
    struct slice method = http_method(c->http);
    if (slice_is(method, "GET") || slice_is(method, "HEAD")) {
        page->show(c);
    } else {
        http_set_header(c->http, "allow", slice_str("HEAD, GET, OPTIONS"));
        api_refuse_empty(c, slice_is(method, "OPTIONS") ? 200 : 405);
    }
}

void site_answer(struct api_call *c, struct slice path)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (slice_is(path, pages[i].path)) {
            show_page(c, &pages[i]);
            return;
        }
    }
    api_refuse_not_found(c);
}
