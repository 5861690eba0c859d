/* The table of methods at run time, and methods as text for a log. */
#include "wire/methods.h"

#include <inttypes.h>

#include "wire/erlang_text.h"

/* clang-format off */
#define FIELDS_METHOD(class, method, ...)                                                          \
    static const struct amqp_field class##_##method##_fields[] = {
#define FIELDS_FIELD(type, name) {#name, AMQP_FIELD_##type},
#define FIELDS_END(class, method, class_id, method_id) };
AMQP_METHODS(FIELDS_METHOD, FIELDS_FIELD, FIELDS_END)
/* clang-format on */

/* How many fields of the type `nothing` a method has: they are not counted as fields. */
enum {
#define NOTHING_METHOD(class, method, ...) class##_##method##_nothing = 0
#define NOTHING_FIELD(type, name) +(AMQP_FIELD_##type == AMQP_FIELD_nothing)
#define NOTHING_END(class, method, class_id, method_id) ,
    AMQP_METHODS(NOTHING_METHOD, NOTHING_FIELD, NOTHING_END)
};

const struct amqp_method *amqp_method_find(uint32_t id)
{
    switch (id) {
#define FIND_METHOD(class, method, ID, class_id, method_id, is_synchronous, content)               \
    case AMQP_##ID: {                                                                              \
        static const struct amqp_method found = {                                                  \
            .id = AMQP_##ID,                                                                       \
            .name = #class "." #method,                                                            \
            .synchronous = is_synchronous,                                                         \
            .has_content = content,                                                                \
            .count = sizeof(class##_##method##_fields) / sizeof(struct amqp_field) -               \
                     class##_##method##_nothing,                                                   \
            .fields = class##_##method##_fields,                                                   \
        };                                                                                         \
        return &found;                                                                             \
    }
        AMQP_METHODS(FIND_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
#undef FIND_METHOD
    }
    return NULL;
}

enum wire_result amqp_method_check(uint32_t id, struct slice args)
{
    switch (id) {
#define CHECK_METHOD(class, method, ID, class_id, method_id, is_synchronous, content)              \
    case AMQP_##ID: {                                                                              \
        struct amqp_##class##_##method m;                                                          \
        return amqp_##class##_##method##_read(args, &m);                                           \
    }
        AMQP_METHODS(CHECK_METHOD, AMQP_NO_FIELD, AMQP_NO_END)
#undef CHECK_METHOD
    }
    return WIRE_MALFORMED;
}

/* Appends text that may hold any bytes, escaped for a log line. */
static void describe_text(struct lv_buffer *out, struct slice s)
{
    uint8_t plain_max = wire_is_utf8(s) ? 0xFF : 0x7E;
    lv_buffer_add_u8(out, '"');
    for (size_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        if (c == '"' || c == '\\')
            lv_buffer_printf(out, "\\%c", c);
        else if (c < ' ' || c == 0x7F || c > plain_max)
            lv_buffer_printf(out, "\\x%02x", c);
        else
            lv_buffer_add_u8(out, c);
    }
    lv_buffer_add_u8(out, '"');
}

static void describe_bit(struct lv_buffer *out, uint8_t bits, int bit)
{
    lv_buffer_printf(out, "%s", bits >> bit & 1 ? "true" : "false");
}

/* Reads one field from r and appends its value. */
static void describe_value(struct lv_buffer *out, enum amqp_field_type type, struct wire_reader *r,
                           uint8_t *bits)
{
    switch (type) {
    case AMQP_FIELD_octet: lv_buffer_printf(out, "%u", wire_read_u8(r)); break;
    case AMQP_FIELD_short: lv_buffer_printf(out, "%u", wire_read_u16(r)); break;
    case AMQP_FIELD_long: lv_buffer_printf(out, "%" PRIu32, wire_read_u32(r)); break;
    case AMQP_FIELD_longlong: lv_buffer_printf(out, "%" PRIu64, wire_read_u64(r)); break;
    case AMQP_FIELD_shortstr:
    case AMQP_FIELD_rawstr: describe_text(out, wire_read_shortstr(r)); break;
    case AMQP_FIELD_longstr: describe_text(out, wire_read_longstr(r)); break;
    case AMQP_FIELD_table: table_describe(out, wire_read_table(r)); break;
    case AMQP_FIELD_bit0:
        *bits = wire_read_u8(r);
        describe_bit(out, *bits, 0);
        break;
    case AMQP_FIELD_bit1: describe_bit(out, *bits, 1); break;
    case AMQP_FIELD_bit2: describe_bit(out, *bits, 2); break;
    case AMQP_FIELD_bit3: describe_bit(out, *bits, 3); break;
    case AMQP_FIELD_bit4: describe_bit(out, *bits, 4); break;
    case AMQP_FIELD_nothing: break;
    }
}

/* Returns whether the field is a secret, which must not be logged. */
static bool is_secret(uint32_t id, const struct amqp_field *field)
{
    return field->type == AMQP_FIELD_longstr &&
           (id == AMQP_CONNECTION_START_OK || id == AMQP_CONNECTION_SECURE_OK ||
            id == AMQP_CONNECTION_UPDATE_SECRET);
}

void amqp_method_describe(struct lv_buffer *out, uint32_t id, struct slice args)
{
    const struct amqp_method *method = amqp_method_find(id);
    if (!method) {
        lv_buffer_printf(out, "unknown method %u.%u, ", amqp_class_of(id), amqp_method_of(id));
        erlang_put_numbers(out, args);
        return;
    }
    lv_buffer_printf(out, "%s(", method->name);
    struct wire_reader r = wire_reader_of(args);
    uint8_t bits = 0;
    for (size_t i = 0; i < method->count && !r.failed; i++) {
        const struct amqp_field *field = &method->fields[i];
        lv_buffer_printf(out, "%s%s=", i ? ", " : "", field->name);
        if (is_secret(id, field))
            lv_buffer_printf(out, "(%zu bytes)", wire_read_longstr(&r).n);
        else
            describe_value(out, field->type, &r, &bits);
    }
    lv_buffer_printf(out, wire_reader_is_done(&r) ? ")" : ") malformed");
}
