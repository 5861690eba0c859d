/* Properties of a message that ask something of the broker: they are checked, and the header is
 * rewritten.
 *
 * Only messages with such properties come here: user-id, expiration, reply-to, or headers, which
 * may contain CC, BCC and a history of deaths. */
#include "amqp/publish_private.h"
#include "base/assert.h"
#include "wire/erlang_text.h"
#include "wire/table.h"

/* --- checks ----------------------------------------------------------------------------------- */

static bool check_user_id(struct channel *ch, const struct properties *props)
{
    const struct auth_identity *who = ch->connection->session.identity;
    if (!(props->flags & PROPERTY_USER_ID) ||
        slice_equal(props->user_id, auth_identity_name(who)) || auth_is_impersonator(who))
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "user_id property set to '%.*s' but authenticated user was '%.*s'",
                 SLICE_ARG(props->user_id), SLICE_ARG(auth_identity_name(who)));
    return false;
}

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

static bool check_expiration(struct channel *ch, const struct properties *props)
{
    struct lv_buffer why = {0};
    if (!(props->flags & PROPERTY_EXPIRATION) || !describe_bad_expiration(&why, props->expiration))
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "invalid expiration '%.*s': %.*s", SLICE_ARG(props->expiration), (int)why.n,
                 (const char *)why.p);
    lv_buffer_free(&why);
    return false;
}

/* CC and BCC must be arrays if they are present. Returns false after refusing. */
static bool check_extra_keys(struct channel *ch, const struct properties *props, const char *name,
                             struct field *ret)
{
    if (!table_find(props->headers, name, ret) || ret->type == FIELD_ARRAY)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "invalid message: {unacceptable_type_in_header,\"%s\",%s}", name,
                 field_type_name(ret->type));
    return false;
}

static bool check_reply_to(struct channel *ch, const struct properties *props)
{
    if (!slice_is(props->reply_to, REPLY_TO_NAME) || reply_to_own_name(ch).n > 0)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "fast reply consumer does not exist");
    return false;
}

/* --- rewriting the header --------------------------------------------------------------------- */

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

/* Returns whether a history that a client publishes is dropped
 * (dead_letter.republished_x_death). */
static bool forgets_history(struct channel *ch, const struct properties *props)
{
    struct field history;
    return atomic_load_explicit(&connection_server(ch->connection)->settings.forgets_histories,
                                memory_order_relaxed) &&
           table_find(props->headers, "x-death", &history);
}

/* Rewrites the header: a reply_to of amq.rabbitmq.reply-to becomes this channel's own name, and
 * BCC is removed, so that no receiver sees the others. The caller frees `space`. */
static bool rewrite_header(struct channel *ch, struct publication *p, struct lv_buffer *space)
{
    struct publish *publish = &p->publish;
    struct properties fresh = publish->properties;
    if (slice_is(fresh.reply_to, REPLY_TO_NAME))
        fresh.reply_to = reply_to_own_name(ch);
    struct lv_buffer headers = {0}, shorter = {0};
    copy_table_without(&headers, fresh.headers, "BCC");
    fresh.headers = lv_buffer_slice(&headers);
    if (forgets_history(ch, &fresh)) {
        copy_table_without(&shorter, fresh.headers, "x-death");
        fresh.headers = lv_buffer_slice(&shorter);
    }
    size_t n = properties_size(&fresh);
    properties_put(lv_buffer_reserve(space, n), &fresh);
    space->n = n;
    lv_buffer_free(&headers);
    lv_buffer_free(&shorter);
    publish->content.header = lv_buffer_slice(space);
    if (!properties_read(publish->content.header, &publish->properties))
        lv_unreachable();
    if (!publish->content.message)
        return true;
    p->original = publish->content.message;
    publish->content.message = NULL;
    if (!publish_need_message(publish))
        return publish_fail_without_memory(ch);
    publish->content.body = message_body(publish->content.message);
    return true;
}

bool publish_check_properties(struct channel *ch, struct publication *p, struct lv_buffer *space)
{
    const struct properties *props = &p->publish.properties;
    struct field cc = {0}, bcc = {0};
    if (!check_reply_to(ch, props) || !check_user_id(ch, props) || !check_expiration(ch, props) ||
        !publish_check_delivery_mode(ch, props) || !check_extra_keys(ch, props, "CC", &cc) ||
        !check_extra_keys(ch, props, "BCC", &bcc))
        return false;
    p->publish.bcc = bcc.bytes;
    bool is_as_it_came =
        bcc.type == 0 && !slice_is(props->reply_to, REPLY_TO_NAME) && !forgets_history(ch, props);
    return is_as_it_came || rewrite_header(ch, p, space);
}
