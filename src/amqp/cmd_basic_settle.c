/* The commands of the class basic that settle deliveries: ack, nack, reject, recover. */
#include "amqp/channel.h"

/* Finds the range of tags that a command settles: only `tag`, or with `multiple` all up to it (0:
 * all). `tag` must be outstanding, or forgiven (timeouts.c). Returns false after refusing. The
 * range may be empty (*ret_last < *ret_first), which is not a mistake. */
static bool tags_find(struct channel *ch, uint32_t method, uint64_t tag, bool multiple,
                      uint64_t *ret_first, uint64_t *ret_last)
{
    uint64_t first = multiple ? unacked_next(&ch->unacked, 0) : tag;
    if (multiple && tag == 0) {
        *ret_first = first ? first : 1;
        *ret_last = first ? UINT64_MAX : 0;
        return true;
    }
    if (!unacked_has(&ch->unacked, tag) && (tag == 0 || tag > ch->forgiven_tag)) {
        channel_fail(ch, method, REPLY_PRECONDITION_FAILED, "unknown delivery tag %llu",
                     (unsigned long long)tag);
        return false;
    }
    *ret_first = first ? first : 1;
    *ret_last = first ? tag : 0;
    return true;
}

static void deliveries_settle(struct channel *ch, uint32_t method, uint64_t tag, bool multiple,
                              enum settle_kind kind)
{
    uint64_t first, last;
    if (!tags_find(ch, method, tag, multiple, &first, &last))
        return;
    if (ch->mode == CHANNEL_TX)
        tx_add_settle(ch, first, last, kind);
    else if (!channel_settle(ch, first, last, kind, channel_go_on))
        channel_wait(ch, method);
}

void cmd_basic_ack(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_ack, AMQP_BASIC_ACK, m);
    deliveries_settle(ch, AMQP_BASIC_ACK, m.delivery_tag, m.multiple, SETTLE_ACK);
}

void cmd_basic_reject(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_reject, AMQP_BASIC_REJECT, m);
    deliveries_settle(ch, AMQP_BASIC_REJECT, m.delivery_tag, false,
                      m.requeue ? SETTLE_REQUEUE : SETTLE_REJECT);
}

void cmd_basic_nack(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_nack, AMQP_BASIC_NACK, m);
    deliveries_settle(ch, AMQP_BASIC_NACK, m.delivery_tag, m.multiple,
                      m.requeue ? SETTLE_REQUEUE : SETTLE_REJECT);
}

static void recover_ok_send(struct channel *ch)
{
    if (ch->state == CHANNEL_OPEN)
        CHANNEL_SEND(ch, basic_recover_ok, .none = 0);
}

static void recover_done(struct channel *ch)
{
    recover_ok_send(ch);
    channel_go_on(ch);
}

/* Requeues all outstanding deliveries. `is_answered`: recover-ok is sent when all are back. */
static void deliveries_recover(struct channel *ch, uint32_t method, bool requeue, bool is_answered)
{
    if (!requeue)
        channel_fail(ch, method, REPLY_NOT_IMPLEMENTED, "requeue=false");
    else if (!channel_settle(ch, 1, UINT64_MAX, SETTLE_REQUEUE,
                             is_answered ? recover_done : channel_go_on))
        channel_wait(ch, method);
    else if (is_answered)
        recover_ok_send(ch);
}

void cmd_basic_recover(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_recover, AMQP_BASIC_RECOVER, m);
    deliveries_recover(ch, AMQP_BASIC_RECOVER, m.requeue, true);
}

void cmd_basic_recover_async(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, basic_recover_async, AMQP_BASIC_RECOVER_ASYNC, m);
    deliveries_recover(ch, AMQP_BASIC_RECOVER_ASYNC, m.requeue, false);
}
