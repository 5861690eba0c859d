/* Which function executes which method. */
#include "amqp/channel.h"
#include "message/events.h"

void channel_refuse_open(struct channel *ch)
{
    channel_fail(ch, AMQP_CHANNEL_OPEN, REPLY_CHANNEL_ERROR, "second 'channel.open' seen");
}

/* Refuses a method that is valid on channel 0 alone, or not from a client. */
static void refuse_method(struct channel *ch, uint32_t method, struct slice args)
{
    if (!connection_check_method(ch->connection, ch->number, method, args))
        return;
    if (method == AMQP_CHANNEL_OPEN)
        channel_refuse_open(ch);
    else
        channel_fail(ch, method, REPLY_COMMAND_INVALID, "unimplemented method");
}

static void take_method(struct channel *ch, uint32_t method, struct slice args)
{
    switch (method) {
    case AMQP_BASIC_PUBLISH: channel_begin_publish(ch, args); return;
#define COMMAND_CASE(id, name)                                                                     \
    case id: cmd_##name(ch, args); return;
        CHANNEL_COMMANDS(COMMAND_CASE)
#undef COMMAND_CASE
    default: refuse_method(ch, method, args);
    }
}

/* Returns what a command about queues or exchanges costs, in units (loop.h: work in slices); other
 * commands charge for themselves if they cost much. */
static unsigned cost_of(uint32_t method)
{
    enum { DEFINITION_UNITS = 16 };
    bool is_definition = amqp_class_of(method) == amqp_class_of(AMQP_QUEUE_DECLARE) ||
                         amqp_class_of(method) == amqp_class_of(AMQP_EXCHANGE_DECLARE);
    return is_definition ? DEFINITION_UNITS : 0;
}

/* Events name the user as the one who made a change. Commands of the class basic do that
 * themselves. */
void channel_take_method(struct channel *ch, uint32_t method, struct slice args)
{
    if (amqp_class_of(method) == amqp_class_of(AMQP_BASIC_ACK)) {
        take_method(ch, method, args);
        return;
    }
    session_charge(&ch->connection->session, cost_of(method));
    struct slice before = events_act_as(session_user_name(&ch->connection->session));
    ch->arguments = args;
    take_method(ch, method, args);
    events_act_as(before);
}
