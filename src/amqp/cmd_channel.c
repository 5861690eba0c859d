/* The classes channel, access and confirm. channel.open is in frames.c, since it comes before there
 * is a channel. */
#include "amqp/channel.h"
#include "base/memory.h"

void cmd_channel_flow(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, channel_flow, AMQP_CHANNEL_FLOW, m);
    if (!m.active) {
        channel_fail(ch, AMQP_CHANNEL_FLOW, REPLY_NOT_IMPLEMENTED, "active=false");
        return;
    }
    CHANNEL_SEND(ch, channel_flow_ok, .active = true);
}

void cmd_channel_close(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, channel_close, AMQP_CHANNEL_CLOSE, m);
    channel_flush_confirms(ch);
    channel_shut(ch, CHANNEL_ENDING);
    /* A client that has seen close-ok finds its consumers gone, and auto-delete queues with
     * them. */
    channel_end(ch);
}

void cmd_access_request(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, access_request, AMQP_ACCESS_REQUEST, m);
    CHANNEL_SEND(ch, access_request_ok, .reserved1 = 1);
}

void cmd_confirm_select(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, confirm_select, AMQP_CONFIRM_SELECT, m);
    if (ch->mode == CHANNEL_TX) {
        channel_fail(ch, AMQP_CONFIRM_SELECT, REPLY_PRECONDITION_FAILED,
                     "cannot switch from tx to confirm mode");
        return;
    }
    if (!ch->confirms) {
        ch->confirms = lv_calloc(1, sizeof *ch->confirms);
        confirms_init(ch->confirms);
    }
    ch->mode = CHANNEL_CONFIRM;
    if (!m.no_wait)
        CHANNEL_SEND(ch, confirm_select_ok, .none = 0);
}
