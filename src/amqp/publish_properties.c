/* Properties of a message that ask something of the broker: they are checked, and the header is
 * rewritten.
 *
 * Only messages with such properties come here: user-id, expiration, reply-to, or headers, which
 * may contain CC, BCC and a history of deaths. */
#include "amqp/publish_private.h"
#include "auth/access.h"
#include "base/assert.h"
#include "wire/table.h"

/* --- checks ----------------------------------------------------------------------------------- */

static bool check_reply_to(struct channel *ch, const struct properties *props)
{
    if (!slice_is(props->reply_to, REPLY_TO_NAME) || reply_to_own_name(ch).n > 0)
        return true;
    channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_PRECONDITION_FAILED,
                 "fast reply consumer does not exist");
    return false;
}

bool publish_refuse_delivery_mode(struct channel *ch, const struct properties *props)
{
    struct broker_error error;
    struct slice bcc;
    bool has_bcc;
    if (publish_check(props, &bcc, &has_bcc, &error))
        lv_unreachable();
    channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return false;
}

/* --- rewriting the header --------------------------------------------------------------------- */

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
    publish_rewrite_header(space, &fresh, forgets_history(ch, &fresh));
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
    struct broker_error error;
    bool has_bcc;
    if (ch->target.n > 0)
        return publish_check_for_target(ch, props);
    if (!check_reply_to(ch, props))
        return false;
    if (!access_user_id(ch->connection->session.identity, props, &error) ||
        !publish_check(props, &p->publish.bcc, &has_bcc, &error)) {
        channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
        return false;
    }
    bool is_as_it_came =
        !has_bcc && !slice_is(props->reply_to, REPLY_TO_NAME) && !forgets_history(ch, props);
    return is_as_it_came || rewrite_header(ch, p, space);
}
