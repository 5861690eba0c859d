/* A POST comes to handle() at least three times: with the headers, with each piece of the body,
 * and once more when it is complete. `struct request` carries the body in between. Its answer is
 * made in order_post(), which has four steps: read the fields, check them, store the order, ring
 * the outbox. Nothing in it waits for the broker. */
#include "shop/web.h"

#include "common/program.h"
#include "shop/catalogue.h"
#include "shop/page.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    BODY_BYTES_MAX = 8192,
    ROWS_MAX = 50,
    ARTICLE_KEY_BYTES_MAX = 30,
    IDLE_TIMEOUT_S = 30,
    CONNECTIONS_MAX = 200,
};

static const char security_policy[] =
    "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
    "connect-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

struct web {
    const struct web_settings *settings;
    struct orders *orders;
    struct outbox *outbox;
    struct MHD_Daemon *daemon;
    struct order_row rows[ROWS_MAX]; /* of the list that is being written */
};

struct request {
    int64_t start_us;
    size_t body_bytes;
    bool is_too_large;
    char body[BODY_BYTES_MAX + 1];
};

/* What a customer sent, before it is an order. */
struct wish {
    struct order order;
    char article_key[ARTICLE_KEY_BYTES_MAX + 1];
    const char *wrong; /* NULL: nothing yet. Static. */
};

/* --- answers ---------------------------------------------------------------------------------- */

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status,
                              struct MHD_Response *response, const char *type)
{
    if (!response)
        return MHD_NO;
    MHD_add_response_header(response, "Content-Type", type);
    MHD_add_response_header(response, "Cache-Control", "no-store");
    MHD_add_response_header(response, "Content-Security-Policy", security_policy);
    MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
    enum MHD_Result result = MHD_queue_response(connection, status, response);
    MHD_destroy_response(response);
    return result;
}

static enum MHD_Result answer_text(struct MHD_Connection *connection, unsigned status,
                                   const char *text)
{
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), (void *)text, MHD_RESPMEM_MUST_COPY);
    return answer(connection, status, response, "text/plain; charset=utf-8");
}

/* Takes the object. */
static enum MHD_Result answer_json(struct MHD_Connection *connection, unsigned status,
                                   json_t *object)
{
    char *text = object ? json_dumps(object, JSON_INDENT(2)) : NULL;
    json_decref(object);
    if (!text)
        return MHD_NO;
    struct MHD_Response *response =
        MHD_create_response_from_buffer(strlen(text), text, MHD_RESPMEM_MUST_FREE);
    return answer(connection, status, response, "application/json");
}

typedef void page_writer(FILE *out, const struct page *page);

/* Fills in the list of orders, writes the page with `write`, and answers with it. */
static enum MHD_Result answer_page(struct web *web, struct MHD_Connection *connection,
                                   unsigned status, page_writer *write, struct page *page)
{
    page->rows = web->rows;
    page->row_count = orders_newest(web->orders, web->rows, ROWS_MAX);
    page->report_directory = web->settings->report_directory;
    if (page->row_count < 0)
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "The orders are away.\n");

    char *text = NULL;
    size_t length = 0;
    FILE *out = open_memstream(&text, &length);
    if (!out)
        return MHD_NO;
    write(out, page);
    if (fclose(out) != 0) {
        free(text);
        return MHD_NO;
    }
    struct MHD_Response *response =
        MHD_create_response_from_buffer(length, text, MHD_RESPMEM_MUST_FREE);
    return answer(connection, status, response, "text/html; charset=utf-8");
}

/* --- GET -------------------------------------------------------------------------------------- */

/* The number a text is, from 1, or 0 when it is none. */
static int64_t positive_number(const char *text)
{
    char *end;
    errno = 0;
    long long number = text ? strtoll(text, &end, 10) : 0;
    return number > 0 && errno == 0 && *end == '\0' ? number : 0;
}

static enum MHD_Result get_page(struct web *web, struct MHD_Connection *connection)
{
    const struct order empty = {.quantity = 1};
    struct page page = {
        .placed_id = positive_number(
            MHD_lookup_connection_value(connection, MHD_GET_ARGUMENT_KIND, "placed")),
        .form = &empty,
        .article_key = catalogue[0].key,
    };
    return answer_page(web, connection, MHD_HTTP_OK, page_write, &page);
}

static enum MHD_Result get_list(struct web *web, struct MHD_Connection *connection)
{
    struct page page = {0};
    return answer_page(web, connection, MHD_HTTP_OK, page_write_orders, &page);
}

static enum MHD_Result get_json(struct web *web, struct MHD_Connection *connection)
{
    int count = orders_newest(web->orders, web->rows, ROWS_MAX);
    if (count < 0)
        return answer_text(connection, MHD_HTTP_INTERNAL_SERVER_ERROR, "The orders are away.\n");
    json_t *list = json_array();
    for (int i = 0; i < count; i++) {
        const struct order_row *row = &web->rows[i];
        json_t *object = order_to_json(&row->order);
        json_object_set_new(object, "state",
                            json_string(row->published_at_ms ? "published" : "stored"));
        json_object_set_new(object, "published_at_ms", json_integer(row->published_at_ms));
        json_array_append_new(list, object);
    }
    return answer_json(connection, MHD_HTTP_OK, list);
}

static enum MHD_Result get_report(struct web *web, struct MHD_Connection *connection,
                                  const char *number)
{
    char name[ORDER_REPORT_NAME_BYTES], path[PATH_MAX];
    struct stat status;
    int64_t id = positive_number(number);
    order_report_name(id, name);
    int path_bytes = 0;
    if (web->settings->report_directory)
        path_bytes = snprintf(path, sizeof(path), "%s/%s", web->settings->report_directory, name);
    int file = -1;
    if (id > 0 && path_bytes > 0 && path_bytes < (int)sizeof(path))
        file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || fstat(file, &status) != 0) {
        if (file >= 0)
            close(file);
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "There is no such report (yet).\n");
    }
    struct MHD_Response *response = MHD_create_response_from_fd64((uint64_t)status.st_size, file);
    if (!response)
        close(file);
    return answer(connection, MHD_HTTP_OK, response, "text/html; charset=utf-8");
}

static enum MHD_Result order_get(struct web *web, struct MHD_Connection *connection,
                                 const char *path)
{
    static const char reports[] = "/reports/";
    if (strcmp(path, "/") == 0)
        return get_page(web, connection);
    if (strcmp(path, "/orders") == 0)
        return get_list(web, connection);
    if (strcmp(path, "/orders.json") == 0)
        return get_json(web, connection);
    if (strncmp(path, reports, strlen(reports)) == 0)
        return get_report(web, connection, path + strlen(reports));
    return answer_text(connection, MHD_HTTP_NOT_FOUND, "There is no such page.\n");
}

/* --- POST ------------------------------------------------------------------------------------- */

static void wish_text(struct wish *wish, char *field, size_t field_size, const char *text)
{
    if (order_copy_text(field, field_size, text) < 0)
        wish->wrong = "Please say it shorter.";
}

static void wish_set(struct wish *wish, const char *name, const char *value)
{
    struct order *order = &wish->order;
    if (strcmp(name, "customer") == 0)
        wish_text(wish, order->customer, sizeof(order->customer), value);
    else if (strcmp(name, "email") == 0)
        wish_text(wish, order->email, sizeof(order->email), value);
    else if (strcmp(name, "note") == 0)
        wish_text(wish, order->note, sizeof(order->note), value);
    else if (strcmp(name, "item") == 0)
        wish_text(wish, wish->article_key, sizeof(wish->article_key), value);
    else if (strcmp(name, "quantity") == 0) {
        int64_t quantity = positive_number(value);
        order->quantity = quantity > ORDER_QUANTITY_MAX ? 0 : (int)quantity; /* 0: refused later */
    }
}

static void wish_from_json(struct wish *wish, const char *body, size_t body_bytes)
{
    json_error_t error;
    json_t *object = json_loadb(body, body_bytes, 0, &error);
    if (!json_is_object(object))
        wish->wrong = "That is not a JSON object.";
    const char *name;
    json_t *value;
    json_object_foreach(object, name, value)
    {
        char number[32];
        snprintf(number, sizeof(number), "%" JSON_INTEGER_FORMAT, json_integer_value(value));
        wish_set(wish, name, json_is_string(value) ? json_string_value(value) : number);
    }
    json_decref(object);
}

/* Turns "a+b%20c" into "a b c" where it stands. A byte of 0 ends the text early. */
static void url_decode(char *text)
{
    char *out = text;
    for (char *in = text; *in; in++) {
        unsigned byte;
        if (*in == '+') {
            *out++ = ' ';
        } else if (*in == '%' && strspn(in + 1, "0123456789abcdefABCDEF") >= 2 &&
                   sscanf(in + 1, "%2x", &byte) == 1) {
            *out++ = (char)byte;
            in += 2;
        } else {
            *out++ = *in;
        }
    }
    *out = '\0';
}

static void wish_from_form(struct wish *wish, char *body)
{
    char *rest = body, *pair;
    while ((pair = strsep(&rest, "&"))) {
        char *value = strchr(pair, '=');
        if (!value)
            continue;
        *value++ = '\0';
        url_decode(pair);
        url_decode(value);
        wish_set(wish, pair, value);
    }
}

/* From what the customer wrote to an order: the name and the price come from the catalogue. */
static void wish_complete(struct wish *wish)
{
    const struct article *article = catalogue_find(wish->article_key);
    if (article) {
        ORDER_COPY(wish->order.item, article->name);
        wish->order.unit_cents = article->unit_cents;
    }
    wish->order.ordered_at_ms = clock_wall_ms();
    if (!wish->wrong)
        wish->wrong = order_check(&wish->order);
}

static enum MHD_Result answer_wrong(struct web *web, struct MHD_Connection *connection,
                                    const struct wish *wish, bool is_json)
{
    if (is_json)
        return answer_json(connection, MHD_HTTP_BAD_REQUEST,
                           json_pack("{s:s}", "error", wish->wrong));
    struct page page = {
        .wrong = wish->wrong, .form = &wish->order, .article_key = wish->article_key};
    return answer_page(web, connection, MHD_HTTP_BAD_REQUEST, page_write, &page);
}

static enum MHD_Result answer_placed(struct MHD_Connection *connection, int64_t id, bool is_json)
{
    if (is_json)
        return answer_json(connection, MHD_HTTP_CREATED,
                           json_pack("{s:I, s:s}", "order", (json_int_t)id, "state", "stored"));
    char location[64];
    snprintf(location, sizeof(location), "/?placed=%" PRId64, id);
    struct MHD_Response *response =
        MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    if (response)
        MHD_add_response_header(response, "Location", location);
    return answer(connection, MHD_HTTP_SEE_OTHER, response, "text/plain");
}

static enum MHD_Result order_post(struct web *web, struct MHD_Connection *connection,
                                  struct request *request)
{
    const char *type = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, "Content-Type");
    bool is_json = type && strncasecmp(type, "application/json", 16) == 0;
    struct wish wish = {.order.quantity = 1};

    if (request->is_too_large)
        return answer_text(connection, MHD_HTTP_CONTENT_TOO_LARGE, "An order has at most 8 KB.\n");
    request->body[request->body_bytes] = '\0';
    if (is_json)
        wish_from_json(&wish, request->body, request->body_bytes);
    else
        wish_from_form(&wish, request->body);
    wish_complete(&wish);
    if (wish.wrong)
        return answer_wrong(web, connection, &wish, is_json);
    if (orders_add(web->orders, &wish.order) < 0)
        return answer_text(connection, MHD_HTTP_SERVICE_UNAVAILABLE,
                           "The order could not be stored. Please try again.\n");
    outbox_ring(web->outbox);
    program_log("order %" PRId64 ": %d x %s for %s, stored and answered in %.1f ms", wish.order.id,
                wish.order.quantity, wish.order.item, wish.order.customer,
                (double)(clock_steady_us() - request->start_us) / 1000);
    return answer_placed(connection, wish.order.id, is_json);
}

/* --- the server ------------------------------------------------------------------------------- */

static enum MHD_Result handle(void *context, struct MHD_Connection *connection, const char *path,
                              const char *method, const char *version, const char *body,
                              size_t *body_bytes, void **memory)
{
    (void)version;
    struct web *web = context;
    bool is_post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;
    if (!is_post && strcmp(method, MHD_HTTP_METHOD_GET) != 0 &&
        strcmp(method, MHD_HTTP_METHOD_HEAD) != 0)
        return answer_text(connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET, HEAD or POST, please.\n");
    if (!is_post)
        return order_get(web, connection, path);
    if (strcmp(path, "/orders") != 0)
        return answer_text(connection, MHD_HTTP_NOT_FOUND, "Orders go to /orders.\n");

    struct request *request = *memory;
    if (!request) {
        *memory = request = calloc(1, sizeof(*request));
        if (request)
            request->start_us = clock_steady_us();
        return request ? MHD_YES : MHD_NO;
    }
    if (*body_bytes == 0)
        return order_post(web, connection, request);
    if (*body_bytes > BODY_BYTES_MAX - request->body_bytes) {
        request->is_too_large = true;
    } else {
        memcpy(request->body + request->body_bytes, body, *body_bytes);
        request->body_bytes += *body_bytes;
    }
    *body_bytes = 0;
    return MHD_YES;
}

static void forget(void *context, struct MHD_Connection *connection, void **memory,
                   enum MHD_RequestTerminationCode why)
{
    (void)context, (void)connection, (void)why;
    free(*memory);
    *memory = NULL;
}

int web_start(const struct web_settings *settings, struct orders *orders, struct outbox *outbox,
              struct web **ret)
{
    struct sockaddr_in address = {.sin_family = AF_INET,
                                  .sin_port = htons((uint16_t)settings->port)};
    if (inet_pton(AF_INET, settings->address, &address.sin_addr) != 1) {
        program_log("%s: not an IPv4 address", settings->address);
        return -1;
    }
    struct web *web = calloc(1, sizeof(*web));
    if (!web)
        return -1;
    web->settings = settings;
    web->orders = orders;
    web->outbox = outbox;
    web->daemon = MHD_start_daemon(
        MHD_USE_INTERNAL_POLLING_THREAD | MHD_USE_EPOLL | MHD_USE_ITC, 0, NULL, NULL, handle, web,
        MHD_OPTION_SOCK_ADDR, &address, MHD_OPTION_NOTIFY_COMPLETED, forget, NULL,
        MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)IDLE_TIMEOUT_S, MHD_OPTION_CONNECTION_LIMIT,
        (unsigned)CONNECTIONS_MAX, MHD_OPTION_END);
    if (!web->daemon) {
        program_log("cannot listen on %s:%d: %s", settings->address, settings->port,
                    strerror(errno));
        free(web);
        return -1;
    }
    const union MHD_DaemonInfo *bound = MHD_get_daemon_info(web->daemon, MHD_DAEMON_INFO_BIND_PORT);
    program_log("open at http://%s:%d/", settings->address,
                bound ? (int)bound->port : settings->port);
    *ret = web;
    return 0;
}

void web_stop(struct web **web)
{
    if (!*web)
        return;
    MHD_stop_daemon((*web)->daemon);
    free(*web);
    *web = NULL;
}
