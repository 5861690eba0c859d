#include "backends/http/http_query.h"

#include "base/assert.h"

/* Bytes that stand for themselves; a space is written as '+', and every other byte as %XX. */
static bool is_plain(uint8_t byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
           (byte >= '0' && byte <= '9') || byte == '.' || byte == '-' || byte == '~' || byte == '_';
}

static void put_escaped(struct lv_buffer *out, struct slice value)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.n; i++) {
        const uint8_t byte = value.p[i];
        if (is_plain(byte)) {
            lv_buffer_add_u8(out, byte);
        } else if (byte == ' ') {
            lv_buffer_add_u8(out, '+');
        } else {
            const char escaped[] = {'%', digits[byte >> 4], digits[byte & 15]};
            lv_buffer_add(out, escaped, sizeof escaped);
        }
    }
}

static void put(struct lv_buffer *out, const char *name, struct slice value)
{
    lv_buffer_add_slice(out, slice_str(name));
    put_escaped(out, value);
}

/* Appends a parameter that is left out if it has no value. */
static void put_known(struct lv_buffer *out, const char *name, struct slice value)
{
    if (value.n > 0)
        put(out, name, value);
}

/* The names of the parameters take less than this. */
enum { NAMES_BYTES_MAX = 512, ESCAPED_BYTES = 3 };

void http_query_login(struct lv_buffer *out, const struct auth_credentials *c)
{
    lv_buffer_reserve(out, NAMES_BYTES_MAX + ESCAPED_BYTES * (c->user.n + c->password.n +
                                                              c->vhost.n + c->client_id.n));
    put(out, "username=", c->user);
    if (c->has_password)
        put(out, "&password=", c->password);
    put_known(out, "&vhost=", c->vhost);
    put_known(out, "&client_id=", c->client_id);
}

static void put_tags(struct lv_buffer *out, struct slice tags)
{
    lv_buffer_add_slice(out, slice_str("&tags="));
    for (size_t i = 0; i < tags.n; i++)
        put_escaped(out, tags.p[i] == ',' ? slice_str(" ") : slice_of(tags.p + i, 1));
}

static void put_resource(struct lv_buffer *out, const struct auth_question *q)
{
    put(out, "&resource=", slice_str(auth_resource_name(q->resource)));
    put(out, "&name=", q->name);
    put(out, "&permission=", slice_str(auth_action_name(q->action)));
    put_tags(out, q->tags);
}

/* What a topic permission may depend on. */
static void put_topic(struct lv_buffer *out, const struct auth_question *q)
{
    put(out, "&routing_key=", q->routing_key);
    put_known(out, "&variable_map.client_id=", q->client_id);
    put(out, "&variable_map.username=", q->user);
    put(out, "&variable_map.vhost=", q->vhost);
}

void http_query_question(struct lv_buffer *out, const struct auth_question *q)
{
    put(out, "username=", q->user);
    put(out, "&vhost=", q->vhost);
    if (q->resource == AUTH_VHOST) {
        put(out, "&ip=", q->peer_address);
        put_tags(out, q->tags);
    } else {
        put_resource(out, q);
    }
    if (q->resource == AUTH_TOPIC)
        put_topic(out, q);
    else
        put_known(out, "&client_id=", q->client_id);
}
