/* Changes of bindings. */
#include "api/admin.h"
#include "api/api_private.h"
#include "api/binding_props.h"
#include "manage/exchanges.h"
#include "wire/table.h"

/* Returns the ends of the binding in the path. */
static struct binding_request ends_of(const struct api_call *c, enum destination_kind kind)
{
    return (struct binding_request){
        .source = api_exchange_part(c, "source"),
        .destination = kind == DESTINATION_QUEUE ? api_part(c, "destination")
                                                 : api_exchange_part(c, "destination"),
        .destination_kind = kind,
    };
}

/* Appends a part of a relative address: what RFC 3986 does not leave as it is becomes %XX. */
static void append_part(struct lv_buffer *out, struct slice s)
{
    for (size_t i = 0; i < s.n; i++) {
        uint8_t b = s.p[i];
        bool is_plain = (b >= '0' && b <= '9') || (b >= 'A' && b <= 'Z') ||
                        (b >= 'a' && b <= 'z') || b == '-' || b == '.' || b == '_' || b == '~';
        if (is_plain)
            lv_buffer_add_u8(out, b);
        else
            lv_buffer_printf(out, "%%%02X", b);
    }
}

/* Says where the new binding is, relative to the path: "queue/props". */
static void add_location(struct api_call *c, const struct binding_request *b)
{
    struct lv_buffer props = {0}, location = {0};
    binding_props_append(&props, b->routing_key, b->arguments);
    append_part(&location, b->destination);
    lv_buffer_add_u8(&location, '/');
    append_part(&location, lv_buffer_slice(&props));
    http_add_header(c->http, "location", lv_buffer_slice(&location));
    lv_buffer_free(&props);
    lv_buffer_free(&location);
}

static void bind(struct api_call *c, enum destination_kind kind)
{
    struct lv_buffer arguments = {0}, sorted = {0}; /* by name, as a binding has them */
    struct manage_error error = {0};
    struct binding_request request = ends_of(c, kind);
    request.routing_key = api_string(c, "routing_key");
    if (admin_has_vhost_to_change(c) && api_table(c, "arguments", &arguments)) {
        table_canonical(&sorted, lv_buffer_slice(&arguments));
        request.arguments = lv_buffer_slice(&sorted);
        if (request.routing_key.n > SHORTSTR_BYTES_MAX) {
            api_refuse(c, 400, "bad_request", "routing_key: longer than 255 bytes");
        } else if (manage_bind(c->manage, &c->actor, api_part(c, "vhost"), &request, &error)) {
            add_location(c, &request);
            api_done(c, 201);
        } else {
            api_refuse_change(c, &error);
        }
    }
    lv_buffer_free(&arguments);
    lv_buffer_free(&sorted);
}

static void bind_queue(struct api_call *c)
{
    bind(c, DESTINATION_QUEUE);
}

static void bind_exchange(struct api_call *c)
{
    bind(c, DESTINATION_EXCHANGE);
}

static bool fits_props(void *arg, struct slice routing_key, struct slice arguments)
{
    const struct slice *props = arg;
    return binding_props_fit(*props, routing_key, arguments);
}

static void unbind(struct api_call *c, enum destination_kind kind)
{
    struct manage_error error = {0};
    struct slice props = api_part(c, "props");
    const struct binding_request ends = ends_of(c, kind);
    const struct binding_choice choice = {fits_props, &props};
    api_end_of_existing(
        c, manage_unbind_chosen(c->manage, &c->actor, api_part(c, "vhost"), &ends, &choice, &error),
        &error);
}

static void unbind_queue(struct api_call *c)
{
    unbind(c, DESTINATION_QUEUE);
}

static void unbind_exchange(struct api_call *c)
{
    unbind(c, DESTINATION_EXCHANGE);
}

#define BIND_SUMMARY(what)                                                                         \
    "Binds " what " to an exchange. The header `Location` of the answer is the binding's path."
#define UNBIND_SUMMARY "Removes the binding with this properties key."

const struct api_route api_binding_change_routes[] = {
    {"POST", "/bindings/{vhost}/e/{source}/q/{destination}", API_VHOST, bind_queue,
     BIND_SUMMARY("a queue"), .body = "routing_key:text arguments:object"},
    {"POST", "/bindings/{vhost}/e/{source}/e/{destination}", API_VHOST, bind_exchange,
     BIND_SUMMARY("an exchange"), .body = "routing_key:text arguments:object"},
    {"DELETE", "/bindings/{vhost}/e/{source}/q/{destination}/{props}", API_VHOST, unbind_queue,
     UNBIND_SUMMARY},
    {"DELETE", "/bindings/{vhost}/e/{source}/e/{destination}/{props}", API_VHOST, unbind_exchange,
     UNBIND_SUMMARY},
    {NULL},
};
