/* The channels of a connection, ordered by number. The channel that was looked up last is
 * remembered, since nearly every frame is for the same channel as the frame before it. */
#include "amqp/channel.h"
#include "base/memory.h"

/* Returns the index of this number's channel, or where it would be inserted. */
static size_t channel_index(const struct connection *conn, uint16_t number)
{
    size_t low = 0, high = conn->channel_count;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (conn->channels[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

struct channel *connection_find_channel(struct connection *conn, uint16_t number)
{
    if (conn->last_channel && conn->last_channel->number == number)
        return conn->last_channel;
    size_t at = channel_index(conn, number);
    if (at == conn->channel_count || conn->channels[at]->number != number)
        return NULL;
    return conn->last_channel = conn->channels[at];
}

void connection_add_channel(struct connection *conn, struct channel *channel)
{
    if (conn->channel_count == conn->channel_capacity) {
        conn->channel_capacity = conn->channel_capacity ? conn->channel_capacity * 2 : 1;
        conn->channels =
            lv_realloc(conn->channels, conn->channel_capacity * sizeof(struct channel *));
    }
    size_t at = channel_index(conn, channel->number);
    lv_assert(at == conn->channel_count || conn->channels[at]->number != channel->number);
    memmove(conn->channels + at + 1, conn->channels + at,
            (conn->channel_count - at) * sizeof(struct channel *));
    conn->channels[at] = channel;
    conn->channel_count++;
}

void connection_remove_channel(struct connection *conn, struct channel *channel)
{
    size_t at = channel_index(conn, channel->number);
    lv_assert(at < conn->channel_count && conn->channels[at] == channel);
    conn->channel_count--;
    memmove(conn->channels + at, conn->channels + at + 1,
            (conn->channel_count - at) * sizeof(struct channel *));
    if (conn->last_channel == channel)
        conn->last_channel = NULL;
    if (conn->body_channel == channel)
        conn->body_channel = NULL;
}
