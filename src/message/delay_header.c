/* x-delay is read and written as RabbitMQ's plugin for delayed messages does it. */
#include "message/delay_header.h"

#include "base/buffer.h"
#include "message/message_header.h"
#include "wire/properties.h"
#include "wire/table.h"

#define HEADER "x-delay"

/* Reads a decimal integer with an optional sign, like Erlang. Returns false if it is not one, or
 * too large. */
static bool digits_read(struct slice s, int64_t *ret)
{
    bool is_negative = s.n > 0 && s.p[0] == '-';
    size_t i = s.n > 0 && (s.p[0] == '-' || s.p[0] == '+');
    int64_t value = 0;
    if (i == s.n)
        return false;
    for (; i < s.n; i++) {
        unsigned digit = s.p[i] - (unsigned)'0';
        if (digit > 9 || __builtin_mul_overflow(value, 10, &value) ||
            __builtin_add_overflow(value, (int64_t)digit, &value))
            return false;
    }
    *ret = is_negative ? -value : value;
    return true;
}

static bool delay_read(const struct field *f, int64_t *ret)
{
    if (field_is_integer(f)) {
        *ret = f->i;
        return true;
    }
    if (f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT) {
        bool is_in_range = f->f > -0x1p62 && f->f < 0x1p62;
        *ret = is_in_range ? (int64_t)f->f : 0;
        return is_in_range;
    }
    return f->type == FIELD_LONGSTR && digits_read(f->bytes, ret);
}

/* Longer delays are cut to this one: some thousands of years. */
static const int64_t DELAY_MS_MAX = INT64_C(1) << 48;

uint64_t delay_header_ms(struct slice headers)
{
    struct field f;
    int64_t delay_ms;
    if (!table_find(headers, HEADER, &f) || !delay_read(&f, &delay_ms) || delay_ms <= 0)
        return 0;
    return (uint64_t)(delay_ms < DELAY_MS_MAX ? delay_ms : DELAY_MS_MAX);
}

uint64_t delay_header_ms_of(const struct message *m)
{
    return delay_header_ms(message_headers(m));
}

struct slice delay_header_bcc(const struct message *waiting)
{
    struct field f;
    bool is_there = table_find(message_headers(waiting), "BCC", &f) && f.type == FIELD_ARRAY;
    return is_there ? f.bytes : SLICE_EMPTY;
}

/* Returns the headers without the first BCC and with the first x-delay made negative: as a
 * signedint, which the plugin writes, if it fits, else as a long. */
static struct slice headers_when_due(struct slice headers, struct lv_buffer *space)
{
    struct table_writer w;
    struct slice name;
    struct field f;
    int64_t delay_ms;
    bool is_done = false, has_bcc = false;
    table_begin(&w, space);
    while (table_next(&headers, &name, &f)) {
        if (!has_bcc && slice_is(name, "BCC")) {
            has_bcc = true;
            continue;
        }
        bool is_it = !is_done && slice_is(name, HEADER) && delay_read(&f, &delay_ms);
        if (is_it && -delay_ms >= INT32_MIN && -delay_ms <= INT32_MAX)
            f = (struct field){.type = FIELD_SIGNEDINT, .i = -delay_ms};
        else if (is_it)
            f = (struct field){.type = FIELD_LONG, .i = -delay_ms};
        is_done |= is_it;
        table_put_field(&w, name, &f);
    }
    return table_end(&w);
}

/* Makes a copy of a message with other properties. */
static bool message_copy_with(const struct message *m, const struct properties *properties,
                              struct message **ret)
{
    struct lv_buffer header = {0};
    size_t bytes = properties_size(properties);
    properties_put(lv_buffer_reserve(&header, bytes), properties);
    struct message *copy =
        message_create(message_exchange(m), message_routing_key(m), slice_of(header.p, bytes),
                       m->body_bytes, m->is_persistent);
    lv_buffer_free(&header);
    if (!copy)
        return false;
    if (m->body_bytes > 0)
        memcpy(message_body_space(copy), message_body(m).p, (size_t)m->body_bytes);
    *ret = copy;
    return true;
}

bool delay_header_keep_bcc(const struct message *message, struct slice bcc, struct message **ret)
{
    struct properties properties;
    struct lv_buffer headers = {0};
    struct table_writer w;
    if (!properties_read(message_header(message), &properties))
        lv_unreachable(); /* headers were found in it */
    struct slice rest = properties.headers, name;
    struct field f = {.type = FIELD_ARRAY, .bytes = bcc};
    table_begin(&w, &headers);
    table_put_field(&w, slice_str("BCC"), &f);
    while (table_next(&rest, &name, &f))
        table_put_field(&w, name, &f);
    properties.headers = table_end(&w);
    bool is_made = message_copy_with(message, &properties, ret);
    lv_buffer_free(&headers);
    return is_made;
}

bool delay_header_make_due(const struct message *waiting, struct message **ret)
{
    struct properties properties;
    struct lv_buffer headers = {0};
    if (!properties_read(message_header(waiting), &properties))
        lv_unreachable(); /* x-delay was found in it */
    properties.headers = headers_when_due(properties.headers, &headers);
    bool is_made = message_copy_with(waiting, &properties, ret);
    lv_buffer_free(&headers);
    return is_made;
}
