/* Checks of the arguments that exchanges of all types have. */
#include "topology/exchange_arguments.h"

#include "topology/argument_checks.h"
#include "topology/dedup.h"
#include "topology/exchange_private.h"
#include "wire/table.h"

bool exchange_is_to_delay(const struct exchange_declaration *d)
{
    struct field f;
    return slice_is(d->type, DELAYED_TYPE) ||
           (table_find(d->arguments, "x-delayed-exchange", &f) && f.type == FIELD_BOOL && f.b);
}

static bool delay_arguments_check(struct vhost *vhost, const struct exchange_declaration *d,
                                  struct broker_error *error)
{
    struct field f;
    if (table_find(d->arguments, "x-delayed-exchange", &f) && f.type != FIELD_BOOL)
        return broker_refuse(error, 406,
                             "invalid arg 'x-delayed-exchange' for exchange '%.*s' in vhost "
                             "'%.*s': {unacceptable_type,%s}",
                             SLICE_ARG(d->name), SLICE_ARG(vhost_name(vhost)),
                             field_type_name(f.type));
    if (!slice_is(d->type, DELAYED_TYPE))
        return true;
    bool is_there = table_find(d->arguments, "x-delayed-type", &f) &&
                    (f.type == FIELD_LONGSTR || f.type == FIELD_BINARY);
    if (!is_there || slice_is(f.bytes, DELAYED_TYPE))
        return broker_refuse(
            error, 406, "Invalid argument, 'x-delayed-type' must be an existing exchange type");
    return exchange_type_find(f.bytes) || exchange_refuse_unknown_type(f.bytes, error);
}

bool exchange_arguments_check(struct vhost *vhost, const struct exchange_declaration *d,
                              struct broker_error *error)
{
    const struct argument_subject s = {"alternate-exchange", "exchange",   d->name,
                                       vhost_name(vhost),    d->arguments, error};
    return check_exchange_name(&s) && delay_arguments_check(vhost, d, error);
}

bool exchange_arguments_are_equivalent(const struct exchange *have,
                                       const struct exchange_declaration *want,
                                       struct broker_error *error)
{
    const struct argument_subject s = {"alternate-exchange", "exchange",
                                       exchange_name(have),  vhost_name(have->vhost),
                                       want->arguments,      error};
    return check_equal(&s, have->arguments);
}

bool exchange_argument_is_known(struct slice name)
{
    static const char *const names[] = {"x-delayed-exchange", "x-delayed-type", "x-hash-on",
                                        "x-recent-history-length", NULL};
    return argument_is_custom(name) || is_among(name, names) || dedup_argument_is_known(name);
}
