/* Messages: publishing and getting them. */
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "api/api_private.h"
#include "api/base64.h"
#include "manage/messages.h"
#include "message/message.h"
#include "wire/properties.h"
#include "wire/table_json.h"

/* --- properties of a message to publish ------------------------------------------------------- */

static bool refuse_property(struct api_call *c, const char *expected, const char *name)
{
    api_refuse(c, 400, "bad_request", "property %s: expected %s", name, expected);
    return false;
}

static bool read_shortstr(struct api_call *c, const char *name, const json_t *value,
                          struct slice *ret, struct lv_buffer *space)
{
    (void)space;
    if (!json_is_string(value) || json_string_length(value) > SHORTSTR_BYTES_MAX)
        return refuse_property(c, "a string of at most 255 bytes", name);
    *ret = slice_of(json_string_value(value), json_string_length(value));
    return true;
}

static bool read_octet(struct api_call *c, const char *name, const json_t *value, uint8_t *ret,
                       struct lv_buffer *space)
{
    (void)space;
    if (!json_is_integer(value) || json_integer_value(value) < 0 || json_integer_value(value) > 255)
        return refuse_property(c, "an integer from 0 to 255", name);
    *ret = (uint8_t)json_integer_value(value);
    return true;
}

static bool read_longlong(struct api_call *c, const char *name, const json_t *value, uint64_t *ret,
                          struct lv_buffer *space)
{
    (void)space;
    if (!json_is_integer(value) || json_integer_value(value) < 0)
        return refuse_property(c, "an integer from 0 on", name);
    *ret = (uint64_t)json_integer_value(value);
    return true;
}

static bool read_table(struct api_call *c, const char *name, const json_t *value, struct slice *ret,
                       struct lv_buffer *space)
{
    (void)name;
    if (!api_table_of(c, "headers", value, space))
        return false;
    *ret = lv_buffer_slice(space);
    return true;
}

/* Reads the member `properties`, in which unknown names are ignored. The headers are written into
 * `space`, which the caller frees. Returns false after refusing. */
static bool read_properties(struct api_call *c, struct properties *ret, struct lv_buffer *space)
{
    const json_t *all = api_member(c, "properties"), *value;
#define READ(wire_type, name, NAME, bit)                                                           \
    if ((value = json_object_get(all, #name)) != NULL) {                                           \
        if (!read_##wire_type(c, #name, value, &ret->name, space))                                 \
            return false;                                                                          \
        ret->flags |= PROPERTY_##NAME;                                                             \
    }
    PROPERTIES(READ)
#undef READ
    return true;
}

/* --- publishing ------------------------------------------------------------------------------- */

/* Reads the payload; what has to be decoded is written into `space`, which the caller frees.
 * Returns false after refusing. */
static bool read_payload(struct api_call *c, struct slice *ret, struct lv_buffer *space)
{
    struct slice encoding = api_string(c, "payload_encoding");
    *ret = api_string(c, "payload");
    if (!json_is_string(api_member(c, "payload")))
        api_refuse(c, 400, "bad_request", "payload_not_string");
    else if (slice_is(encoding, "string"))
        return true;
    else if (!slice_is(encoding, "base64"))
        api_refuse(c, 400, "bad_request", "unsupported_encoding: %.*s", SLICE_ARG(encoding));
    else if (!base64_decode(*ret, space))
        api_refuse(c, 400, "bad_request", "not_base64");
    else {
        *ret = lv_buffer_slice(space);
        return true;
    }
    return false;
}

/* Refuses as RabbitMQ does: with AMQP's code and its name before the text. */
static void refuse_publish(struct api_call *c, struct manage_error *error)
{
    struct slice text = lv_buffer_slice(&error->text);
    const char *code = NULL;
    switch (error->refusal) {
    case REFUSAL_ACCESS:
    case REFUSAL_RESERVED: code = "403 ACCESS_REFUSED"; break;
    case REFUSAL_NOT_FOUND: code = "404 NOT_FOUND"; break;
    case REFUSAL_PRECONDITION: code = "406 PRECONDITION_FAILED"; break;
    default: break;
    }
    if (error->refusal == REFUSAL_NOT_FOUND && error->subject == SUBJECT_VHOST)
        api_refuse(c, 401, "not_authorised", "Access refused.");
    else if (code)
        api_refuse(c, 400, "bad_request", "%s - %.*s", code, SLICE_ARG(text));
    else if (error->refusal == REFUSAL_BUSY)
        api_refuse(c, 503, "unavailable", "%.*s", SLICE_ARG(text));
    else
        api_refuse_as(c, error);
    manage_error_free(error);
}

static void write_routed(struct api_call *c, bool is_routed)
{
    json_write_begin(&c->json, '{');
    json_write_key(&c->json, "routed");
    json_write_bool(&c->json, is_routed);
    json_write_end(&c->json, '}');
}

static void publish(struct api_call *c)
{
    struct lv_buffer headers = {0}, decoded = {0};
    struct properties properties = {0};
    struct manage_error error = {0};
    bool is_routed;
    struct publishing p = {.vhost = api_part(c, "vhost"),
                           .exchange = api_exchange_part(c, "name"),
                           .routing_key = api_string(c, "routing_key"),
                           .properties = &properties};
    if (p.exchange.n > SHORTSTR_BYTES_MAX || p.routing_key.n > SHORTSTR_BYTES_MAX)
        api_refuse(c, 400, "bad_request", "name or routing key: longer than 255 bytes");
    else if (!read_properties(c, &properties, &headers) || !read_payload(c, &p.body, &decoded))
        ;
    else if (manage_publish(c->manage, &c->actor, &p, &is_routed, &error))
        write_routed(c, is_routed);
    else
        refuse_publish(c, &error);
    lv_buffer_free(&headers);
    lv_buffer_free(&decoded);
}

/* --- getting ---------------------------------------------------------------------------------- */

static void write_octet(struct json_writer *w, uint8_t value)
{
    json_write_u64(w, value);
}

static void write_longlong(struct json_writer *w, uint64_t value)
{
    json_write_u64(w, value);
}

static void write_shortstr(struct json_writer *w, struct slice value)
{
    json_write_string(w, value);
}

static void write_table(struct json_writer *w, struct slice value)
{
    json_write_tree(w, table_to_json(value));
}

void api_write_properties(struct api_call *c, struct slice header)
{
    struct json_writer *w = &c->json;
    struct properties p = {0};
    if (!properties_read(header, &p))
        p = (struct properties){0}; /* stored by a version that accepted malformed properties */
    bool has_some = (p.flags & PROPERTY_ALL) != 0;
    json_write_begin(w, has_some ? '{' : '[');
#define WRITE(wire_type, name, NAME, bit)                                                          \
    if (p.flags & PROPERTY_##NAME) {                                                               \
        json_write_key(w, #name);                                                                  \
        write_##wire_type(w, p.name);                                                              \
    }
    PROPERTIES(WRITE)
#undef WRITE
    json_write_end(w, has_some ? '}' : ']');
}

struct getter {
    struct api_call *call;
    bool is_base64;     /* also text */
    bool has_written;   /* a message: what is refused from then on ends the list */
    uint64_t bytes_max; /* of each payload at most this much is shown */
};

void api_write_payload(struct api_call *c, struct slice payload, bool is_text)
{
    struct json_writer *w = &c->json;
    json_write_key(w, "payload");
    if (is_text)
        json_write_string(w, payload);
    else
        base64_write(w, payload);
    json_write_key(w, "payload_encoding");
    json_write_text(w, is_text ? "string" : "base64");
}

static bool visit_got(void *arg, const struct got_facts *facts)
{
    struct getter *g = arg;
    struct json_writer *w = &g->call->json;
    struct slice body = message_body(facts->message);
    struct slice shown = slice_of(body.p, body.n < g->bytes_max ? body.n : (size_t)g->bytes_max);
    g->has_written = true;
    json_write_begin(w, '{');
    json_write_key(w, "payload_bytes");
    json_write_u64(w, body.n);
    json_write_key(w, "redelivered");
    json_write_bool(w, facts->redelivered);
    json_write_key(w, "exchange");
    json_write_string(w, message_exchange(facts->message));
    json_write_key(w, "routing_key");
    json_write_string(w, message_routing_key(facts->message));
    json_write_key(w, "message_count");
    json_write_u64(w, facts->left);
    json_write_key(w, "properties");
    api_write_properties(g->call, facts->header);
    api_write_payload(g->call, shown, !g->is_base64 && wire_is_utf8(shown));
    json_write_end(w, '}');
    return api_flush(g->call);
}

static bool client_is_there(void *arg)
{
    const struct getter *g = arg;
    return !http_is_cut(g->call->http);
}

/* What ackmode means. Returns false after refusing. */
static bool read_ackmode(struct api_call *c, struct getting *g)
{
    struct slice mode = api_string(c, "ackmode");
    g->is_requeued = slice_is(mode, "ack_requeue_true") || slice_is(mode, "reject_requeue_true");
    g->is_rejected = slice_is(mode, "reject_requeue_false");
    if (g->is_requeued || g->is_rejected || slice_is(mode, "ack_requeue_false"))
        return true;
    api_refuse(c, 400, "bad_request", "unknown ackmode: %.*s", SLICE_ARG(mode));
    return false;
}

static bool read_encoding(struct api_call *c, struct getter *g)
{
    struct slice encoding = api_string(c, "encoding");
    g->is_base64 = slice_is(encoding, "base64");
    if (g->is_base64 || slice_is(encoding, "auto"))
        return true;
    api_refuse(c, 400, "bad_request", "Unsupported encoding. Please use auto or base64.");
    return false;
}

/* Refuses as RabbitMQ does. */
static void refuse_get(struct api_call *c, struct manage_error *error)
{
    struct slice text = lv_buffer_slice(&error->text);
    if (error->refusal == REFUSAL_NOT_FOUND)
        api_refuse(c, 404, "not_found", "NOT_FOUND - no queue '%.*s' in vhost '%.*s'",
                   SLICE_ARG(api_part(c, "name")), SLICE_ARG(api_part(c, "vhost")));
    else if (error->refusal == REFUSAL_ACCESS)
        api_refuse(c, 401, "not_authorised", "ACCESS_REFUSED - %.*s", SLICE_ARG(text));
    else if (error->refusal == REFUSAL_LOCKED)
        api_refuse(c, 400, "bad_request", "405 RESOURCE_LOCKED - %.*s", SLICE_ARG(text));
    else
        api_refuse_as(c, error);
    manage_error_free(error);
}

static void get_messages(struct api_call *c)
{
    struct manage_error error = {0};
    int64_t count = api_integer(c, "count", 0), truncate = api_integer(c, "truncate", -1);
    struct getter getter = {.call = c, .bytes_max = truncate < 0 ? UINT64_MAX : (uint64_t)truncate};
    struct getting g = {.vhost = api_part(c, "vhost"),
                        .queue = api_part(c, "name"),
                        .count = count < 0 ? UINT64_MAX : (uint64_t)count, /* as in RabbitMQ */
                        .visit = visit_got,
                        .has_taken = client_is_there,
                        .arg = &getter};
    if (!read_ackmode(c, &g) || !read_encoding(c, &getter))
        return;
    json_write_begin(&c->json, '[');
    bool is_done = manage_get(c->manage, &c->actor, &g, &error);
    json_write_end(&c->json, ']');
    if (!is_done && !getter.has_written)
        refuse_get(c, &error);
    manage_error_free(&error);
}

const struct api_route api_message_routes[] = {
    {"POST", "/exchanges/{vhost}/{name}/publish", API_VHOST, publish,
     "Publishes a message, and answers when every queue that it is routed to has it safely: "
     "`{\"routed\": true}`. `payload_encoding` is `string` or `base64`.",
     .body = "routing_key:string! properties:object! payload:any! payload_encoding:string!"},
    {"POST", "/queues/{vhost}/{name}/get", API_VHOST, get_messages,
     "Takes messages from the head of a queue, as `basic.get` does, and settles them when all are "
     "written. `ackmode` is `ack_requeue_true`, `ack_requeue_false`, `reject_requeue_true` or "
     "`reject_requeue_false`, `encoding` is `auto` or `base64`; of each payload at most "
     "`truncate` bytes are shown.",
     .body = "ackmode:string! count:integer! encoding:string! truncate:integer"},
    {NULL},
};
