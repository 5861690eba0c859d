/* Which function takes which method. */
#include "amqp/channel.h"

/* What a client may send, but on channel 0 or not at all. */
static void refuse_method(struct channel *ch, uint32_t method)
{
    if (method == AMQP_CHANNEL_OPEN)
        channel_fail(ch, method, REPLY_CHANNEL_ERROR, "second 'channel.open' seen");
    else if (method == AMQP_CHANNEL_CLOSE_OK || method == AMQP_CHANNEL_FLOW_OK)
        return; /* answers to what we did not ask hurt nobody */
    else if (amqp_method_find(method))
        channel_fail(ch, method, REPLY_COMMAND_INVALID, "unimplemented method");
    else
        connection_drop(ch->connection);
}

void channel_take_method(struct channel *ch, uint32_t method, struct slice args)
{
    switch (method) {
    case AMQP_BASIC_PUBLISH: channel_begin_publish(ch, args); return;
#define COMMAND_CASE(id, name)                                                                     \
    case id: cmd_##name(ch, args); return;
        CHANNEL_COMMANDS(COMMAND_CASE)
#undef COMMAND_CASE
    default: refuse_method(ch, method);
    }
}
