/* Consumers are cancelled that their clients have not cancelled: because their user may no longer
 * read the queue, or an operator wishes so. They keep what they hold. */
#define LOG_CATEGORY LOG_ABOUT_CHANNEL

#include "amqp/channel.h"
#include "base/log.h"

void channel_cancel_forced(struct channel *ch, struct consumer *c)
{
    if (ch->connection->can.consumer_cancel_notify)
        CHANNEL_SEND(ch, basic_cancel, .consumer_tag = c->tag, .no_wait = true);
    channel_cancel_consumer(ch, c, false);
}

void channel_cancel_revoked(struct channel *ch)
{
    struct auth_identity *who = ch->connection->session.identity;
    struct slice vhost = vhost_name(ch->connection->session.vhost);
    struct lv_list *it, *after;
    lv_list_each (it, after, &ch->consumers) {
        struct consumer *c = lv_list_item(it, struct consumer, session_link);
        const struct auth_request request = {.resource = AUTH_QUEUE,
                                             .action = AUTH_READ,
                                             .vhost = vhost,
                                             .name = queue_name(c->queue)};
        if (auth_check(who, &request) != AUTH_REFUSED)
            continue;
        log_warning("connection %s: its user may no longer read queue '%.*s': cancelling "
                    "consumer '%.*s'",
                    CHANNEL_TITLE(ch), SLICE_ARG(queue_name(c->queue)), SLICE_ARG(c->tag));
        channel_cancel_forced(ch, c);
    }
}
