/* Checks that commands share: permissions, and which queue is meant. */
#include "auth/access.h"
#include "amqp/channel.h"

static void access_is_answered(void *arg)
{
    struct channel *ch = arg;
    channel_assert_home(ch);
    ch->access_wait = NULL;
    channel_go_on(ch);
}

void channel_await_access(struct channel *ch, uint32_t method)
{
    channel_wait(ch, method);
    ch->access_wait = auth_await(ch->connection->session.identity, connection_loop(ch->connection),
                                 access_is_answered, ch);
}

void channel_forget_access(struct channel *ch)
{
    if (!ch->access_wait)
        return;
    auth_wait_forget(&ch->access_wait);
    ch->is_waiting = false;
}

bool channel_allows_queue(struct channel *ch, uint32_t method, enum auth_action action,
                          struct slice name)
{
    struct broker_error error;
    bool may = access_queue(ch->connection->session.identity,
                            vhost_name(ch->connection->session.vhost), action, name, &error);
    if (!may)
        channel_refuse(ch, method, &error);
    return may;
}

bool channel_name_queue(struct channel *ch, uint32_t method, struct slice name,
                        struct slice *ret_name)
{
    if (name.n == 0 && !ch->last_queue) {
        channel_fail(ch, method, REPLY_NOT_FOUND, "no previously declared queue");
        return false;
    }
    *ret_name = name.n ? name : slice_of(ch->last_queue, ch->last_queue_bytes);
    return true;
}

struct queue *channel_find_queue(struct channel *ch, uint32_t method, struct slice name)
{
    struct vhost *vhost = ch->connection->session.vhost;
    struct queue *q = queue_find(vhost, name);
    struct broker_error error = {0};
    if (!q)
        queue_entry_refuse_missing(name, vhost, &error);
    else if (queue_entry_check_access(queue_entry(q), ch->connection->session.id, &error))
        return q;
    channel_refuse(ch, method, &error);
    return NULL;
}

void channel_change_binding(struct channel *ch, uint32_t method, binding_change *change,
                            const struct binding_request *request)
{
    struct broker_error error = {0};
    struct vhost *vhost = ch->connection->session.vhost;
    if (!access_bind(ch->connection->session.identity, vhost, request, &error)) {
        ch->held_reply.n = 0;
        channel_refuse(ch, method, &error);
        return;
    }
    struct durable_done done = channel_durable(ch, method);
    channel_answer(ch, change(vhost, request, done, &error), method, &error, done);
}
