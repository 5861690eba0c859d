/* Checks of one argument's value. */
#include "queue/argument_checks.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

bool refuse_value(const struct subject *s, const char *why)
{
    return broker_refuse(s->error, 406, "invalid arg '%s' for %s '%.*s' in vhost '%.*s': %s",
                         s->argument, s->kind, SLICE_ARG(s->name), SLICE_ARG(s->vhost), why);
}

bool refuse_number(const struct subject *s, const char *why, int64_t number)
{
    char text[80];
    snprintf(text, sizeof text, "{%s,%" PRId64 "}", why, number);
    return refuse_value(s, text);
}

bool refuse_type(const struct subject *s, const struct field *f)
{
    char text[80];
    snprintf(text, sizeof text, "{unacceptable_type,%s}", field_type_name(f->type));
    return refuse_value(s, text);
}

bool refuse_foreign(const struct subject *s, struct slice argument, enum queue_type type)
{
    return broker_refuse(s->error, 406,
                         "invalid arg '%.*s' for queue '%.*s' in vhost '%.*s' of queue type %s",
                         SLICE_ARG(argument), SLICE_ARG(s->name), SLICE_ARG(s->vhost),
                         type == QUEUE_QUORUM ? "rabbit_quorum_queue" : "rabbit_classic_queue");
}

bool check_integer(const struct subject *s, const struct field *f)
{
    char text[80];
    if (field_is_integer(f))
        return true;
    snprintf(text, sizeof text, "\"expected integer, got %s\"", field_type_name(f->type));
    return refuse_value(s, text);
}

bool check_not_negative(const struct subject *s, const struct field *f)
{
    return check_integer(s, f) && (f->i >= 0 || refuse_number(s, "value_negative", f->i));
}

bool check_bool(const struct subject *s, const struct field *f)
{
    return f->type == FIELD_BOOL || refuse_type(s, f);
}

bool check_string(const struct subject *s, const struct field *f)
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

bool is_note(struct slice name)
{
    return name.n < 2 || memcmp(name.p, "x-", 2) != 0;
}
