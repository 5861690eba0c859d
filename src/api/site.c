/* Pages and files beside the API. They are the same for everybody, and need no login: the
 * management page reads everything from the API.
 *
 * Files whose names have a hash of their content (/assets/...) are kept by browsers for good; all
 * else is asked for each time, and answered with 304 while it is the same. */
#include "api/site.h"

#include <string.h>

#include "api/site_files.h"
#include "base/rcu.h"

#define ASSETS "/assets/"
#define ICON "/icon.svg"

/* Scripts and styles are this broker's files, and nothing else runs, whatever names are shown.
 * Who may frame a page is told by x-frame-options. */
#define PAGE_POLICY                                                                                \
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "              \
    "font-src 'self'; base-uri 'none'; form-action 'self'; connect-src 'self'"

/* Returns the part of a URL that says which server it is of: "http://host:8080". */
static struct slice origin_of(const char *url)
{
    const char *host = strstr(url, "://");
    return host ? slice_of(url, (size_t)(host + 3 - url) + strcspn(host + 3, "/?#; ,'"))
                : SLICE_EMPTY;
}

/* Appends what the page may ask beside the broker: the servers of the provider that users log in
 * at. A browser that is sent there to log in needs no permission. */
static void add_provider(const struct api_oauth *oauth, struct lv_buffer *policy)
{
    const char *const urls[] = {oauth->provider_url, oauth->metadata_url, oauth->token_url};
    for (size_t i = 0; oauth->client_id && i < sizeof urls / sizeof *urls; i++) {
        if (urls[i])
            lv_buffer_printf(policy, " %.*s", SLICE_ARG(origin_of(urls[i])));
    }
}

static void page_headers(struct api_call *c)
{
    if (!c->api->settings.is_policy_own) {
        struct lv_buffer policy = {0};
        lv_buffer_printf(&policy, "%s", PAGE_POLICY);
        add_provider(&c->api->settings.oauth, &policy);
        http_set_header(c->http, "content-security-policy", lv_buffer_slice(&policy));
        lv_buffer_free(&policy);
    }
    http_set_header(c->http, "referrer-policy", slice_str("no-referrer"));
}

static const struct site_file *file_find(struct slice path)
{
    for (const struct site_file *f = site_files; f->path; f++) {
        if (slice_is(path, f->path))
            return f;
    }
    return NULL;
}

/* --- pages of HTML ---------------------------------------------------------------------------- */

/* Names the icon, which is the management page's. A broker that was built without that has none,
 * and says so with an empty one: otherwise browsers ask for /favicon.ico. */
static void icon_name(struct api_call *c)
{
    if (file_find(slice_str(ICON)))
        lv_buffer_printf(http_out(c->http),
                         "<link rel=\"icon\" href=\"%s" ICON "\" type=\"image/svg+xml\">",
                         c->api->settings.path_prefix);
    else
        lv_buffer_printf(http_out(c->http), "<link rel=\"icon\" href=\"data:,\">");
}

void page_begin(struct api_call *c, const char *title)
{
    const char *prefix = c->api->settings.path_prefix;
    page_headers(c);
    http_set_header(c->http, "content-type", slice_str("text/html; charset=utf-8"));
    lv_buffer_printf(http_out(c->http),
                     "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                     "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">"
                     "<meta name=\"color-scheme\" content=\"light dark\">"
                     "<link rel=\"stylesheet\" href=\"%s/cli/style.css\">",
                     prefix);
    icon_name(c);
    lv_buffer_printf(http_out(c->http),
                     "<title>%s - Leveret</title></head>\n<body>"
                     "<header><a href=\"%s/\">Leveret</a> " LEVERET_VERSION "</header>\n"
                     "<main><h1>%s</h1>\n",
                     title, prefix, title);
}

void page_end(struct api_call *c)
{
    lv_buffer_printf(http_out(c->http), "</main></body></html>\n");
}

void page_redirect(struct api_call *c, const char *path)
{
    struct lv_buffer place = {0};
    lv_buffer_printf(&place, "%s%s", c->api->settings.path_prefix, path);
    http_set_header(c->http, "location", lv_buffer_slice(&place));
    api_done(c, 301);
    lv_buffer_free(&place);
}

/* --- files ------------------------------------------------------------------------------------ */

static void send_file(struct api_call *c, const struct site_file *file)
{
    const char *const known[] = {file->etag, "*", NULL};
    bool is_asset = slice_begins(slice_str(file->path), ASSETS);
    page_headers(c);
    http_set_header(c->http, "etag", slice_str(file->etag));
    http_set_header(c->http, "vary", slice_str("accept-encoding, origin"));
    http_set_header(c->http, "cache-control",
                    slice_str(is_asset ? "public, max-age=31536000, immutable" : "no-cache"));
    http_set_header(c->http, "content-type", slice_str(file->type));
    if (http_list_has(http_header(c->http, "if-none-match"), known))
        http_status(c->http, 304); /* has the headers of the file, whose bytes are not sent */
    lv_rcu_offline();
    http_answer_packed(c->http, slice_of(file->gzip, file->gzip_bytes));
    lv_rcu_online();
}

/* --- what there is ---------------------------------------------------------------------------- */

/* The root of a broker that was built without the management page. */
static void show_no_page(struct api_call *c)
{
    const char *prefix = c->api->settings.path_prefix;
    page_begin(c, "A message broker");
    lv_buffer_printf(
        http_out(c->http),
        "<p>This broker was built without its management page (<code>-Dui=false</code>).</p>\n"
        "<ul>\n"
        "<li><a href=\"%s/api/index.html\">The HTTP API</a>, at <code>%s/api</code></li>\n"
        "<li><a href=\"%s/cli/index.html\">rabbitmqadmin</a>, a tool for the API</li>\n"
        "</ul>\n",
        prefix, prefix, prefix);
    page_end(c);
}

static void show_root(struct api_call *c)
{
    const struct site_file *index = file_find(slice_str("/index.html"));
    if (index)
        send_file(c, index);
    else
        show_no_page(c);
}

static void redirect_to_root(struct api_call *c)
{
    page_redirect(c, "/");
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

/* Everything else is a file. */
static const struct page {
    const char *path;
    void (*show)(struct api_call *c);
} pages[] = {
    {"", redirect_to_root},        {"/", show_root},
    {"/cli", redirect_to_cli},     {"/cli/", redirect_to_cli},
    {"/cli/index.html", show_cli},
};

static const struct page *page_find(struct slice path)
{
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (slice_is(path, pages[i].path))
            return &pages[i];
    }
    return NULL;
}

void site_answer(struct api_call *c, struct slice path)
{
    struct slice method = http_method(c->http);
    const struct page *page = path.p ? page_find(path) : NULL;
    const struct site_file *file = page || !path.p ? NULL : file_find(path);
    if (!page && !file) {
        api_refuse_not_found(c);
    } else if (!slice_is(method, "GET") && !slice_is(method, "HEAD")) {
        http_set_header(c->http, "allow", slice_str("HEAD, GET, OPTIONS"));
        api_refuse_empty(c, slice_is(method, "OPTIONS") ? 200 : 405);
    } else if (page) {
        page->show(c);
    } else {
        send_file(c, file);
    }
}
