/* Direct reply-to: answers to a request go straight to the channel that asked, without a queue.
 *
 *   consume amq.rabbitmq.reply-to (no-ack)       the channel gets a name of its own
 *   publish, reply_to = amq.rabbitmq.reply-to    reply_to becomes that name
 *   publish to that name, default exchange       the message is mailed to the channel's loop
 *
 * A name says where the channel lives, and carries a secret that makes it hard to guess:
 * amq.rabbitmq.reply-to.CONNECTION.CHANNEL.SECRET, numbers in hexadecimal. */
#include <stdio.h>
#include <stdlib.h>

#include "amqp/channel.h"
#include "amqp/names.h"
#include "base/memory.h"

static const char made_prefix[] = REPLY_TO_NAME ".";

struct reply_to {
    struct slice consumer_tag; /* owned */
    size_t name_bytes;
    char name[128];
};

bool reply_to_is_name(struct slice name)
{
    return slice_is(name, REPLY_TO_NAME) || reply_to_is_made_name(name);
}

bool reply_to_is_made_name(struct slice name)
{
    return name.n > sizeof made_prefix && slice_begins(name, made_prefix);
}

struct slice reply_to_own_name(const struct channel *ch)
{
    return ch->reply_to ? slice_of(ch->reply_to->name, ch->reply_to->name_bytes) : SLICE_EMPTY;
}

void reply_to_free(struct channel *ch)
{
    if (!ch->reply_to)
        return;
    free((void *)ch->reply_to->consumer_tag.p);
    free(ch->reply_to);
    ch->reply_to = NULL;
}

/* --- consuming --------------------------------------------------------------------------------------- */

static void make_name(struct channel *ch)
{
    char secret[GENERATED_NAME_MAX];
    struct slice random = name_generate("", secret);
    int n = snprintf(ch->reply_to->name, sizeof ch->reply_to->name, "%s%llx.%x.%.*s", made_prefix,
                     (unsigned long long)ch->connection->id, ch->number, SLICE_ARG(random));
    ch->reply_to->name_bytes = (size_t)n;
}

void reply_to_consume(struct channel *ch, const struct amqp_basic_consume *m)
{
    if (!m->no_ack) {
        channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_PRECONDITION_FAILED,
                     "reply consumer cannot acknowledge");
        return;
    }
    if (ch->reply_to) {
        channel_fail(ch, AMQP_BASIC_CONSUME, REPLY_PRECONDITION_FAILED,
                     "reply consumer already set");
        return;
    }
    char generated[GENERATED_NAME_MAX];
    struct slice tag = m->consumer_tag.n ? m->consumer_tag : name_generate("amq.ctag-", generated);
    ch->reply_to = lv_calloc(1, sizeof *ch->reply_to);
    ch->reply_to->consumer_tag = slice_of(slice_strdup(tag), tag.n);
    make_name(ch);
    if (!m->no_wait)
        CHANNEL_SEND(ch, basic_consume_ok, .consumer_tag = tag);
}

bool reply_to_cancel(struct channel *ch, struct slice consumer_tag)
{
    if (!ch->reply_to || !slice_equal(ch->reply_to->consumer_tag, consumer_tag))
        return false;
    reply_to_free(ch);
    return true;
}

/* --- answering ---------------------------------------------------------------------------------------- */

/* Reads CONNECTION and CHANNEL. */
static bool parse_name(struct slice name, uint64_t *ret_connection, uint16_t *ret_channel)
{
    char text[SHORTSTR_BYTES_MAX + 1];
    memcpy(text, name.p, name.n);
    text[name.n] = 0;
    unsigned long long connection;
    unsigned channel;
    if (name.n < sizeof made_prefix ||
        sscanf(text + sizeof made_prefix - 1, "%llx.%x.", &connection, &channel) != 2 ||
        channel > UINT16_MAX)
        return false;
    *ret_connection = connection;
    *ret_channel = (uint16_t)channel;
    return true;
}

/* The channel of this name, on the loop where it would live. NULL when it is gone. */
static struct channel *find_owner(struct loop *loop, struct slice name)
{
    struct amqp_loop *home = loop_slot(loop, LOOP_SLOT_AMQP);
    uint64_t id;
    uint16_t number;
    if (!parse_name(name, &id, &number))
        return NULL;
    struct lv_list *it, *after;
    lv_list_each (it, after, &home->connections) {
        struct connection *conn = lv_list_item(it, struct connection, link);
        if (conn->id != id || conn->state != CONNECTION_RUNNING)
            continue;
        struct channel *ch = connection_find_channel(conn, number);
        return ch && ch->state == CHANNEL_OPEN && slice_equal(reply_to_own_name(ch), name) ? ch
                                                                                           : NULL;
    }
    return NULL;
}

/* The loop in whose keeping the name is, by the lowest part of its connection's id. */
static struct loop *loop_of_name(const struct channel *ch, struct slice name)
{
    struct loops *loops = loop_set(connection_loop(ch->connection));
    uint64_t id;
    uint16_t number;
    if (!parse_name(name, &id, &number) || id % LOOPS_MAX >= loops_count(loops))
        return NULL;
    return loops_at(loops, (unsigned)(id % LOOPS_MAX));
}

static void reply_arrives(struct loop *at, struct mail *mail)
{
    struct message *m = mail->a;
    struct channel *ch = find_owner(at, message_routing_key(m));
    if (ch) {
        CHANNEL_SEND(ch, basic_deliver, .consumer_tag = ch->reply_to->consumer_tag,
                     .delivery_tag = ++ch->delivery_tag, .exchange = message_exchange(m),
                     .routing_key = message_routing_key(m));
        channel_write_content(ch, message_header(m), message_body(m), m);
        ch->delivered++;
    }
    message_unref(&m);
}

void reply_to_publish(struct channel *ch, struct slice name, struct message *message)
{
    struct loop *to = loop_of_name(ch, name);
    if (!to)
        return;
    struct mail mail = {.deliver = reply_arrives, .a = message_ref(message)};
    loop_mail(connection_loop(ch->connection), to, &mail);
}

/* --- declaring: a way to ask whether somebody still waits for an answer ---------------------------------- */

struct declare_question {
    struct channel *asker; /* waits, so it is there until the answer comes */
    struct loop *from;
    bool is_there;
    size_t name_bytes;
    char name[SHORTSTR_BYTES_MAX];
};

static void answer_declare(struct channel *ch, struct slice name, bool is_there)
{
    if (is_there)
        CHANNEL_SEND(ch, queue_declare_ok, .queue = name, .consumer_count = 1);
    else
        channel_fail(ch, AMQP_QUEUE_DECLARE, REPLY_NOT_FOUND, "no queue '%.*s' in vhost '%.*s'",
                     SLICE_ARG(name), SLICE_ARG(vhost_name(ch->connection->vhost)));
}

static void question_is_back(struct loop *at, struct mail *mail)
{
    (void)at;
    struct declare_question *question = mail->a;
    struct channel *ch = question->asker;
    if (ch->state == CHANNEL_OPEN)
        answer_declare(ch, slice_of(question->name, question->name_bytes), question->is_there);
    free(question);
    channel_go_on(ch);
}

static void question_arrives(struct loop *at, struct mail *mail)
{
    struct declare_question *question = mail->a;
    question->is_there = find_owner(at, slice_of(question->name, question->name_bytes)) != NULL;
    struct mail back = {.deliver = question_is_back, .a = question};
    loop_mail(at, question->from, &back);
}

void reply_to_declare(struct channel *ch, const struct amqp_queue_declare *m)
{
    struct loop *owner = loop_of_name(ch, m->queue);
    if (!owner || !reply_to_is_made_name(m->queue)) {
        answer_declare(ch, m->queue, slice_is(m->queue, REPLY_TO_NAME));
        return;
    }
    struct declare_question *question = lv_calloc(1, sizeof *question);
    question->asker = ch;
    question->from = connection_loop(ch->connection);
    question->name_bytes = m->queue.n;
    memcpy(question->name, m->queue.p, m->queue.n);
    channel_wait(ch, AMQP_QUEUE_DECLARE);
    struct mail mail = {.deliver = question_arrives, .a = question};
    loop_mail(question->from, owner, &mail);
}
