/* The class queue. */
#include <stdlib.h>

#include "amqp/channel.h"
#include "auth/access.h"
#include "base/memory.h"
#include "session/names.h"

/* --- declare ---------------------------------------------------------------------------------- */

static void remember_queue(struct channel *ch, struct slice name)
{
    free(ch->last_queue);
    ch->last_queue = slice_strdup(name);
    ch->last_queue_bytes = name.n;
}

static void declare_ok(struct channel *ch, struct slice name, uint64_t messages, uint64_t consumers)
{
    CHANNEL_SEND(ch, queue_declare_ok, .queue = name,
                 .message_count = messages > UINT32_MAX ? UINT32_MAX : (uint32_t)messages,
                 .consumer_count = (uint32_t)consumers);
}

/* A declare of an existing queue, kept until the queue's home has answered. */
struct redeclaration {
    bool no_wait;
    size_t bytes;
    uint8_t args[]; /* the arguments of the method */
};

/* Answers the declare of an existing queue. If the queue has been deleted meanwhile, the declare is
 * executed again and creates it. */
static void redeclare_done(struct channel *ch, struct queue_call *call)
{
    struct redeclaration *r = call->owner;
    if (ch && call->redeclare.is_gone)
        channel_repeat(ch, AMQP_QUEUE_DECLARE, slice_of(r->args, r->bytes));
    else if (ch && !r->no_wait)
        declare_ok(ch, queue_name(call->queue), call->redeclare.status.ready,
                   call->redeclare.status.consumers);
    free(r);
}

/* Asks the queue's home whether it still exists, and how many messages and consumers it has. */
static void queue_redeclare(struct channel *ch, struct queue *q, bool no_wait, struct slice args)
{
    struct redeclaration *r = lv_malloc(sizeof *r + args.n);
    *r = (struct redeclaration){no_wait, args.n};
    wire_put_bytes(r->args, args);
    struct queue_call *call =
        channel_call(ch, q, AMQP_QUEUE_DECLARE, queue_call_redeclare, redeclare_done);
    call->owner = r;
    channel_call_start(call);
}

static void count_done(struct channel *ch, struct queue_call *call)
{
    if (ch && !call->refused)
        declare_ok(ch, queue_name(call->queue), call->status.ready, call->status.consumers);
}

static void answer_existing(struct channel *ch, struct queue *q, const struct queue_declaration *d,
                            bool no_wait, struct slice args)
{
    if (!d->passive)
        queue_redeclare(ch, q, no_wait, args);
    else if (!no_wait)
        channel_call_start(channel_call(ch, q, AMQP_QUEUE_DECLARE, queue_call_status, count_done));
}

static void declaration_run(struct channel *ch, struct queue_declaration *d, bool no_wait,
                            struct slice args)
{
    struct connection *conn = ch->connection;
    d->only_if_there = queue_find(conn->session.vhost, d->name) != NULL;
    struct broker_error error = {0};
    if (!access_declare_queue(conn->session.identity, vhost_name(conn->session.vhost), d, &error)) {
        channel_refuse(ch, AMQP_QUEUE_DECLARE, &error);
        return;
    }
    struct queue *q = NULL;
    bool created = false;
    struct durable_done done = channel_durable(ch, AMQP_QUEUE_DECLARE);
    enum change_result result =
        queue_declare(connection_loop(conn), conn->session.vhost, d, done, &error, &q, &created);
    if (result == CHANGE_REFUSED && error.code == 0) { /* deleted since queue_find() has found it */
        free(done.arg);
        declaration_run(ch, d, no_wait, args);
        return;
    }
    if (result != CHANGE_REFUSED) {
        remember_queue(ch, d->name);
        channel_remark_arguments(ch, AMQP_QUEUE_DECLARE, d->name, d->arguments,
                                 queue_argument_is_known);
    }
    if (result != CHANGE_REFUSED && created && d->flags.exclusive)
        session_own_queue(&conn->session, q);
    if (result == CHANGE_DONE && !created) {
        free(done.arg);
        answer_existing(ch, q, d, no_wait, args);
        return;
    }
    if (result != CHANGE_REFUSED && !no_wait)
        CHANNEL_HOLD_REPLY(ch, queue_declare_ok, .queue = d->name);
    channel_answer(ch, result, AMQP_QUEUE_DECLARE, &error, done);
}

/* Returns the name without CR and LF, in `space`, which has SHORTSTR_BYTES_MAX bytes. */
static struct slice without_line_ends(struct slice name, uint8_t *space)
{
    size_t n = 0;
    for (size_t i = 0; i < name.n; i++) {
        if (name.p[i] != '\r' && name.p[i] != '\n')
            space[n++] = name.p[i];
    }
    return slice_of(space, n);
}

/* Returns a new name for a queue; that of the declare before if it is executed again, since a
 * backend was asked about that name. Valid until the next call. */
static struct slice queue_name_generate(struct channel *ch)
{
    if (!ch->generated_queue)
        ch->generated_queue = lv_calloc(1, GENERATED_NAME_MAX);
    if (!ch->repeats_declare)
        name_generate("amq.gen-", ch->generated_queue);
    ch->repeats_declare = false;
    return slice_str(ch->generated_queue);
}

void cmd_queue_declare(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, queue_declare, AMQP_QUEUE_DECLARE, m);
    if (reply_to_is_name(m.queue)) {
        reply_to_declare(ch, &m);
        return;
    }
    uint8_t stripped[SHORTSTR_BYTES_MAX];
    struct queue_declaration d = {
        .name = m.passive ? m.queue : without_line_ends(m.queue, stripped),
        .passive = m.passive,
        /* An exclusive queue never outlives its connection: it is not durable, even if the client
         * asks for that. */
        .flags = {.durable = m.durable && !m.exclusive,
                  .exclusive = m.exclusive,
                  .auto_delete = m.auto_delete},
        .arguments = m.arguments,
        .connection_id = ch->connection->session.id,
    };
    if (d.name.n == 0 && !m.passive) {
        d.name = queue_name_generate(ch);
        d.is_generated = true;
    }
    declaration_run(ch, &d, m.no_wait, args);
}

/* --- bind, unbind ----------------------------------------------------------------------------- */

void cmd_queue_bind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, queue_bind, AMQP_QUEUE_BIND, m);
    struct slice queue;
    if (!channel_name_queue(ch, AMQP_QUEUE_BIND, m.queue, &queue))
        return;
    /* If the client names neither a queue nor a key, both are the name of the queue last
     * declared. */
    struct slice routing_key = m.queue.n == 0 && m.routing_key.n == 0 ? queue : m.routing_key;
    const struct binding_request request = {
        .source = m.exchange,
        .destination = queue,
        .destination_kind = DESTINATION_QUEUE,
        .routing_key = routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->session.id,
    };
    if (!m.no_wait)
        CHANNEL_HOLD_REPLY(ch, queue_bind_ok, .none = 0);
    channel_change_binding(ch, AMQP_QUEUE_BIND, binding_add, &request);
}

void cmd_queue_unbind(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, queue_unbind, AMQP_QUEUE_UNBIND, m);
    struct slice queue;
    if (!channel_name_queue(ch, AMQP_QUEUE_UNBIND, m.queue, &queue))
        return;
    const struct binding_request request = {
        .source = m.exchange,
        .destination = queue,
        .destination_kind = DESTINATION_QUEUE,
        .routing_key = m.routing_key,
        .arguments = m.arguments,
        .connection_id = ch->connection->session.id,
    };
    CHANNEL_HOLD_REPLY(ch, queue_unbind_ok, .none = 0);
    channel_change_binding(ch, AMQP_QUEUE_UNBIND, binding_remove, &request);
}

/* --- purge, delete ---------------------------------------------------------------------------- */

static void purge_done(struct channel *ch, struct queue_call *call)
{
    if (ch && !call->refused && !call->owner)
        CHANNEL_SEND(ch, queue_purge_ok, .message_count = (uint32_t)call->purge.dropped);
}

/* The call.owner of a call whose answer the client does not want. */
static void *const no_wait_mark = (void *)1;

void cmd_queue_purge(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, queue_purge, AMQP_QUEUE_PURGE, m);
    struct slice name;
    if (!channel_name_queue(ch, AMQP_QUEUE_PURGE, m.queue, &name) ||
        !channel_allows_queue(ch, AMQP_QUEUE_PURGE, AUTH_READ, name))
        return;
    struct queue *q = channel_find_queue(ch, AMQP_QUEUE_PURGE, name);
    if (!q)
        return;
    struct queue_call *call = channel_call(ch, q, AMQP_QUEUE_PURGE, queue_call_purge, purge_done);
    call->owner = m.no_wait ? no_wait_mark : NULL;
    channel_call_start(call);
}

static void delete_done(struct channel *ch, struct queue_call *call)
{
    if (ch && !call->refused && !call->owner)
        CHANNEL_SEND(ch, queue_delete_ok, .message_count = (uint32_t)call->deletion.dropped);
}

void cmd_queue_delete(struct channel *ch, struct slice args)
{
    CHANNEL_READ(ch, args, queue_delete, AMQP_QUEUE_DELETE, m);
    struct slice name;
    if (!channel_name_queue(ch, AMQP_QUEUE_DELETE, m.queue, &name) ||
        !channel_allows_queue(ch, AMQP_QUEUE_DELETE, AUTH_CONFIGURE, name))
        return;
    struct queue *q = queue_find(ch->connection->session.vhost, name);
    if (!q) {
        if (!m.no_wait)
            CHANNEL_SEND(ch, queue_delete_ok, .message_count = 0);
        return;
    }
    struct broker_error error = {0};
    if (!queue_entry_check_access(queue_entry(q), ch->connection->session.id, &error)) {
        channel_refuse(ch, AMQP_QUEUE_DELETE, &error);
        return;
    }
    struct queue_call *call =
        channel_call(ch, q, AMQP_QUEUE_DELETE, queue_call_delete, delete_done);
    call->deletion.if_unused = m.if_unused;
    call->deletion.if_empty = m.if_empty;
    call->owner = m.no_wait ? no_wait_mark : NULL;
    channel_call_start(call);
}
