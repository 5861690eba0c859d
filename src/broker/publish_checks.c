/* Checks and rewriting of properties. */
#include "broker/publish_checks.h"

#include "wire/erlang_text.h"
#include "wire/table.h"

/* --- checks ----------------------------------------------------------------------------------- */

/* Ten years: what RabbitMQ's timers can do. */
#define EXPIRATION_MS_MAX 315360000000u

/* Returns the number of digits at the beginning. *ret_value is at most UINT64_MAX. */
static size_t read_digits(struct slice s, uint64_t *ret_value)
{
    size_t n = 0;
    uint64_t value = 0;
    for (; n < s.n && s.p[n] >= '0' && s.p[n] <= '9'; n++) {
        uint64_t digit = (uint64_t)(s.p[n] - '0');
        value = value > (UINT64_MAX - digit) / 10 ? UINT64_MAX : value * 10 + digit;
    }
    *ret_value = value;
    return n;
}

/* Appends what is wrong with an expiration, in the words of Erlang. Returns false if nothing is. */
static bool describe_bad_expiration(struct lv_buffer *why, struct slice e)
{
    size_t sign = e.n > 0 && (e.p[0] == '-' || e.p[0] == '+');
    uint64_t value;
    size_t digits = read_digits(slice_of(e.p + sign, e.n - sign), &value);
    size_t zeros = 0;
    while (zeros + 1 < digits && e.p[sign + zeros] == '0')
        zeros++;
    struct slice number = slice_of(e.p + sign + zeros, digits - zeros);
    struct slice rest = slice_of(e.p + sign + digits, e.n - sign - digits);
    if (digits == 0) {
        lv_buffer_printf(why, "no_integer");
    } else if (rest.n > 0) {
        lv_buffer_printf(why, "{leftover_string,");
        erlang_put_string(why, rest);
        lv_buffer_printf(why, "}");
    } else if (e.p[0] == '-' && value > 0) {
        lv_buffer_printf(why, "{value_negative,-%.*s}", SLICE_ARG(number));
    } else if (value > EXPIRATION_MS_MAX) {
        lv_buffer_printf(why, "{value_too_large,%.*s}", SLICE_ARG(number));
    }
    return why->n > 0;
}

static bool check_expiration(const struct properties *props, struct broker_error *error)
{
    struct lv_buffer why = {0};
    if (!(props->flags & PROPERTY_EXPIRATION) || !describe_bad_expiration(&why, props->expiration))
        return true;
    broker_refuse(error, REPLY_PRECONDITION_FAILED, "invalid expiration '%.*s': %.*s",
                  SLICE_ARG(props->expiration), (int)why.n, (const char *)why.p);
    lv_buffer_free(&why);
    return false;
}

static bool check_delivery_mode(const struct properties *props, struct broker_error *error)
{
    return publish_knows_delivery_mode(props) ||
           broker_refuse(error, REPLY_PRECONDITION_FAILED,
                         "invalid message: {delivery_mode_unknown,%u}", props->delivery_mode);
}

/* CC and BCC must be arrays if they are present. Returns false after refusing. */
static bool check_extra_keys(const struct properties *props, const char *name, struct field *ret,
                             struct broker_error *error)
{
    return !table_find(props->headers, name, ret) || ret->type == FIELD_ARRAY ||
           broker_refuse(error, REPLY_PRECONDITION_FAILED,
                         "invalid message: {unacceptable_type_in_header,\"%s\",%s}", name,
                         field_type_name(ret->type));
}

bool publish_check(const struct properties *props, struct slice *ret_bcc, bool *ret_has_bcc,
                   struct broker_error *error)
{
    struct field cc = {0}, bcc = {0};
    if (!check_expiration(props, error) || !check_delivery_mode(props, error) ||
        !check_extra_keys(props, "CC", &cc, error) || !check_extra_keys(props, "BCC", &bcc, error))
        return false;
    *ret_bcc = bcc.bytes;
    *ret_has_bcc = bcc.type != 0;
    return true;
}

/* --- rewriting -------------------------------------------------------------------------------- */

/* Appends the table without the first field of this name. */
static void copy_table_without(struct lv_buffer *out, struct slice table, const char *name)
{
    struct slice rest = table, field_name;
    struct field field;
    size_t before = 0;
    while (table_next(&rest, &field_name, &field) && !slice_is(field_name, name))
        before = table.n - rest.n;
    lv_buffer_add(out, table.p, before);
    lv_buffer_add_slice(out, rest);
}

void publish_rewrite_header(struct lv_buffer *out, const struct properties *props,
                            bool forgets_history)
{
    struct properties fresh = *props;
    struct lv_buffer headers = {0}, shorter = {0};
    copy_table_without(&headers, fresh.headers, "BCC");
    fresh.headers = lv_buffer_slice(&headers);
    if (forgets_history) {
        copy_table_without(&shorter, fresh.headers, "x-death");
        fresh.headers = lv_buffer_slice(&shorter);
    }
    size_t n = properties_size(&fresh);
    properties_put(lv_buffer_reserve(out, n), &fresh);
    out->n += n;
    lv_buffer_free(&headers);
    lv_buffer_free(&shorter);
}
