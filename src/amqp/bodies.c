/* Room for the bodies of messages that are not whole yet. The session limits it
 * (session/unfinished.c). */
#include "amqp/publish_private.h"
#include "message/message.h"

void channel_release_room(struct channel *ch)
{
    lv_assert(ch->incoming);
    uint64_t room = ch->incoming->room;
    ch->incoming->room = 0;
    session_unfinished_drop(&ch->connection->session, room);
}

/* Makes the body's room larger, to at least this many bytes. Returns false after refusing. */
static bool body_grow(struct channel *ch, uint64_t bytes)
{
    struct incoming *in = ch->incoming;
    struct session *s = &ch->connection->session;
    uint64_t room = session_unfinished_room(s, in->room, in->body_bytes, bytes);
    lv_assert(room >= bytes && room > in->room);
    if (!message_grow(&in->message, room)) {
        channel_fail(ch, AMQP_BASIC_PUBLISH, REPLY_RESOURCE_ERROR, "out of memory");
        return false;
    }
    session_unfinished_add(s, room - in->room);
    in->room = room;
    return true;
}

bool channel_make_room(struct channel *ch, uint64_t bytes)
{
    struct broker_error error;
    if (bytes > ch->incoming->room && !body_grow(ch, bytes))
        return false;
    if (session_unfinished_check(&ch->connection->session, ch->incoming->room, &error))
        return true;
    channel_refuse(ch, AMQP_BASIC_PUBLISH, &error);
    return false;
}
