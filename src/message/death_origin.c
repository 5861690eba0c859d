/* Reads the newest entry of x-death, and removes the headers that dead-lettering has added. */
#include "message/death_origin.h"

#include "base/buffer.h"
#include "wire/properties.h"
#include "wire/table.h"

static bool field_is_text(const struct field *f)
{
    return f->type == FIELD_LONGSTR || f->type == FIELD_BINARY;
}

/* Returns a name from the entry, or `otherwise` if it is missing or cannot be a name. */
static struct slice entry_name(struct slice entry, const char *field, struct slice otherwise)
{
    struct field f;
    bool is_there = table_find(entry, field, &f) && field_is_text(&f);
    return is_there && f.bytes.n <= SHORTSTR_BYTES_MAX ? f.bytes : otherwise;
}

static bool message_newest_death(const struct message *m, struct slice *ret)
{
    struct properties properties;
    struct field history, entry;
    if (!properties_read(message_header(m), &properties) ||
        !table_find(properties.headers, "x-death", &history) || history.type != FIELD_ARRAY ||
        !array_next(&history.bytes, &entry) || entry.type != FIELD_TABLE)
        return false;
    *ret = entry.bytes;
    return true;
}

bool dead_letter_origin(const struct message *m, struct dead_letter_origin *ret)
{
    struct slice entry, rest;
    struct field queue, keys, key;
    if (!message_newest_death(m, &entry) || !table_find(entry, "queue", &queue) ||
        !field_is_text(&queue))
        return false;
    *ret = (struct dead_letter_origin){
        .queue = queue.bytes,
        .exchange = entry_name(entry, "exchange", message_exchange(m)),
        .routing_key = message_routing_key(m),
    };
    if (!table_find(entry, "routing-keys", &keys) || keys.type != FIELD_ARRAY)
        return true;
    ret->routing_keys = rest = keys.bytes;
    if (array_next(&rest, &key) && field_is_text(&key) && key.bytes.n <= SHORTSTR_BYTES_MAX)
        ret->routing_key = key.bytes;
    return true;
}

static bool header_is_history(struct slice name)
{
    return slice_is(name, "x-death") || slice_begins(name, "x-first-death-") ||
           slice_begins(name, "x-last-death-");
}

static struct slice headers_without_history(struct lv_buffer *out, struct slice headers)
{
    struct table_writer w;
    struct slice name;
    struct field value;
    table_begin(&w, out);
    while (table_next(&headers, &name, &value)) {
        if (!header_is_history(name))
            table_put_field(&w, name, &value);
    }
    return table_end(&w);
}

struct message *dead_letter_revive(const struct message *m, const struct dead_letter_origin *origin,
                                   bool keep_history)
{
    lv_assert(origin->exchange.n <= SHORTSTR_BYTES_MAX);
    lv_assert(origin->routing_key.n <= SHORTSTR_BYTES_MAX);
    struct properties properties;
    struct lv_buffer headers = {0}, header = {0};
    if (!properties_read(message_header(m), &properties))
        properties = (struct properties){0};
    if (!keep_history)
        properties.headers = headers_without_history(&headers, properties.headers);
    if (properties.headers.n == 0)
        properties.flags &= (uint16_t)~PROPERTY_HEADERS;
    properties.flags &= (uint16_t)~PROPERTY_EXPIRATION;
    size_t n = properties_size(&properties);
    properties_put(lv_buffer_reserve(&header, n), &properties);
    header.n = n;
    struct slice body = message_body(m);
    struct message *made = message_create(origin->exchange, origin->routing_key,
                                          lv_buffer_slice(&header), body.n, m->is_persistent);
    if (made && body.n > 0)
        memcpy(message_body_space(made), body.p, body.n);
    lv_buffer_free(&headers);
    lv_buffer_free(&header);
    return made;
}
