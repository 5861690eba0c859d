/* What a channel waits for: calls to queues' homes, and durable changes to be committed. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "base/error.h"
#include "base/memory.h"

/* --- calls to queues' homes ------------------------------------------------------------------- */

struct channel_call {
    struct queue_call call;
    struct channel *channel;
    uint32_t method;
    bool waits;
    /* not NULL while channel_call_start() runs: set to true if the answer comes at once */
    bool *is_over;
    call_done *done;
};

static void call_is_done(struct queue_call *call)
{
    struct channel_call *c = lv_container_of(call, struct channel_call, call);
    struct channel *ch = c->channel;
    bool waits = c->waits;
    channel_assert_home(ch);
    lv_assert(ch->call == call);
    ch->call = NULL;
    if (c->is_over)
        *c->is_over = true;
    if (ch->state == CHANNEL_OPEN && call->refused)
        channel_refuse(ch, c->method, &call->error);
    c->done(ch->state == CHANNEL_OPEN ? ch : NULL, call);
    queue_unref(&call->queue);
    free(c);
    if (waits)
        channel_go_on(ch);
}

struct queue_call *channel_call(struct channel *ch, struct queue *queue, uint32_t method,
                                void (*run)(struct queue_call *), call_done *done)
{
    struct channel_call *c = lv_calloc(1, sizeof *c);
    c->channel = ch;
    c->method = method;
    c->done = done;
    c->call.queue = queue_ref(queue);
    c->call.from = connection_loop(ch->connection);
    c->call.run = run;
    c->call.done = call_is_done;
    c->call.user = session_user_name(&ch->connection->session);
    return &c->call;
}

void channel_call_start(struct queue_call *call)
{
    struct channel_call *c = lv_container_of(call, struct channel_call, call);
    bool is_over = false;
    lv_assert(!c->channel->call && !c->channel->is_waiting);
    c->channel->call = call;
    c->is_over = &is_over;
    queue_call_start(call);
    if (is_over)
        return; /* the call is freed, and the channel may be gone */
    c->is_over = NULL;
    c->waits = true;
    channel_wait(c->channel, c->method);
}

/* --- durable changes -------------------------------------------------------------------------- */

struct durable_wait {
    struct loop *loop;
    struct channel *channel;
    uint32_t method;
};

/* Sends the held reply, if there is one: with no-wait there is none. */
static void held_reply_send(struct channel *ch)
{
    if (ch->held_reply.n == 0)
        return;
    outbuf_add(net_out(ch->connection->session.net), ch->held_reply.p, ch->held_reply.n);
    net_dirty(ch->connection->session.net);
    ch->held_reply.n = 0;
}

static void durable_arrives(struct loop *at, struct mail *mail)
{
    (void)at;
    struct durable_wait *wait = mail->a;
    struct channel *ch = wait->channel;
    int error = (int)(int64_t)mail->c;
    channel_assert_home(ch);
    if (ch->state == CHANNEL_OPEN && error < 0) {
        channel_fail(ch, wait->method, REPLY_INTERNAL_ERROR, "definition could not be stored: %s",
                     lv_error_text(error));
    } else if (ch->state == CHANNEL_OPEN) {
        held_reply_send(ch);
    }
    ch->held_reply.n = 0;
    free(wait);
    channel_go_on(ch);
}

/* A durable_done, called on the definitions' thread when the change is committed or has failed. */
static void durable_is_done(void *arg, int error)
{
    struct durable_wait *wait = arg;
    struct mail mail = {.deliver = durable_arrives, .a = wait, .c = (uint64_t)(int64_t)error};
    loop_mail_from_outside(wait->loop, &mail);
}

struct durable_done channel_durable(struct channel *ch, uint32_t method)
{
    struct durable_wait *wait = lv_calloc(1, sizeof *wait);
    wait->loop = connection_loop(ch->connection);
    wait->channel = ch;
    wait->method = method;
    return (struct durable_done){durable_is_done, wait};
}

void channel_answer(struct channel *ch, enum change_result result, uint32_t method,
                    const struct broker_error *error, struct durable_done done)
{
    if (result == CHANGE_PENDING) {
        channel_wait(ch, method);
        return;
    }
    free(done.arg);
    if (result == CHANGE_REFUSED) {
        ch->held_reply.n = 0;
        channel_refuse(ch, method, error);
        return;
    }
    held_reply_send(ch);
}
