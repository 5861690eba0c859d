/* Checks of single arguments, and the comparison of two. */
#include "topology/argument_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/buffer.h"
#include "wire/floats.h"

bool refuse_value(const struct argument_subject *s, const char *why)
{
    return broker_refuse(s->error, 406, "invalid arg '%s' for %s '%.*s' in vhost '%.*s': %s",
                         s->argument, s->kind, SLICE_ARG(s->name), SLICE_ARG(s->vhost), why);
}

bool refuse_number(const struct argument_subject *s, const char *why, int64_t number)
{
    char text[80];
    snprintf(text, sizeof text, "{%s,%" PRId64 "}", why, number);
    return refuse_value(s, text);
}

bool refuse_type(const struct argument_subject *s, const struct field *f)
{
    char text[80];
    snprintf(text, sizeof text, "{unacceptable_type,%s}", field_type_name(f->type));
    return refuse_value(s, text);
}

bool check_integer(const struct argument_subject *s, const struct field *f)
{
    char text[80];
    if (field_is_integer(f))
        return true;
    snprintf(text, sizeof text, "\"expected integer, got %s\"", field_type_name(f->type));
    return refuse_value(s, text);
}

bool check_not_negative(const struct argument_subject *s, const struct field *f)
{
    return check_integer(s, f) && (f->i >= 0 || refuse_number(s, "value_negative", f->i));
}

bool check_bool(const struct argument_subject *s, const struct field *f)
{
    return f->type == FIELD_BOOL || refuse_type(s, f);
}

bool check_string(const struct argument_subject *s, const struct field *f)
{
    return f->type == FIELD_LONGSTR || refuse_type(s, f);
}

bool is_one_of(const struct field *f, const char *const *words)
{
    return is_among(f->bytes, words);
}

bool is_among(struct slice name, const char *const *names)
{
    while (*names && !slice_is(name, *names))
        names++;
    return *names != NULL;
}

bool argument_is_custom(struct slice name)
{
    return !slice_begins(name, "x-");
}

bool check_exchange_name(const struct argument_subject *s)
{
    struct field f;
    return !table_find(s->table, s->argument, &f) || f.type == FIELD_LONGSTR ||
           broker_refuse(s->error, 406,
                         "invalid type '%s' for arg '%s' in %s '%.*s' in vhost '%.*s'",
                         field_type_name(f.type), s->argument, s->kind, SLICE_ARG(s->name),
                         SLICE_ARG(s->vhost));
}

/* --- equivalence ------------------------------------------------------------------------------ */

enum value_class { CLASS_INTEGER, CLASS_FLOAT, CLASS_BYTES, CLASS_OTHER };

/* Timestamps are compared like integers, as RabbitMQ does once it has read them. */
static enum value_class class_of(const struct field *f)
{
    if (field_is_integer(f) || f->type == FIELD_TIMESTAMP)
        return CLASS_INTEGER;
    if (f->type == FIELD_DOUBLE || f->type == FIELD_FLOAT)
        return CLASS_FLOAT;
    return f->type == FIELD_LONGSTR || f->type == FIELD_BINARY ? CLASS_BYTES : CLASS_OTHER;
}

static bool values_are_equivalent(const struct field *a, const struct field *b)
{
    enum value_class class = class_of(a);
    if (class == CLASS_OTHER || class != class_of(b))
        return field_equal(a, b);
    if (class == CLASS_INTEGER)
        return a->i == b->i;
    return class == CLASS_FLOAT ? floats_equal(a->f, b->f) : slice_equal(a->bytes, b->bytes);
}

/* Appends 'VALUE'. */
static void text_put_value(struct lv_buffer *out, const struct field *f)
{
    lv_buffer_add_u8(out, '\'');
    if (class_of(f) == CLASS_BYTES)
        lv_buffer_add_slice(out, f->bytes);
    else
        field_describe(out, f);
    lv_buffer_add_u8(out, '\'');
}

/* Appends "none", 'VALUE' or, if the other side has no value, "the value 'VALUE' of type 'TYPE'".
 */
static void text_put_side(struct lv_buffer *out, const struct field *f, bool is_set,
                          bool is_other_set)
{
    if (!is_set || (is_other_set && f->type == FIELD_VOID)) {
        lv_buffer_printf(out, "none");
        return;
    }
    if (!is_other_set)
        lv_buffer_printf(out, "the value ");
    text_put_value(out, f);
    if (!is_other_set)
        lv_buffer_printf(out, " of type '%s'", field_type_name(f->type));
}

bool check_equal(const struct argument_subject *s, struct slice have_table)
{
    struct field have = {0};
    struct field want = {0};
    bool has = table_find(have_table, s->argument, &have);
    bool wants = table_find(s->table, s->argument, &want);
    if (has == wants && (!has || values_are_equivalent(&have, &want)))
        return true;
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "received ");
    text_put_side(&text, &want, wants, has);
    lv_buffer_printf(&text, " but current is ");
    text_put_side(&text, &have, has, wants);
    broker_refuse(s->error, 406, "inequivalent arg '%s' for %s '%.*s' in vhost '%.*s': %.*s",
                  s->argument, s->kind, SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                  SLICE_ARG(lv_buffer_slice(&text)));
    lv_buffer_free(&text);
    return false;
}
