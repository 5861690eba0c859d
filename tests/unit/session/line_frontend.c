#include "session/line_frontend.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "auth/access.h"
#include "base/memory.h"
#include "broker/publish.h"
#include "queue/queue.h"
#include "session/unacked.h"

enum { LINE_MAGIC = 0x11e };

struct line {
    unsigned magic;
    struct session session;
    struct slice vhost; /* of LOGIN; owned */
    struct confirm_sink sink;
    struct consumer *consumer; /* of SUB; NULL: none */
    struct unacked unacked;
    uint64_t tag;
    size_t under_way; /* calls and answers to come, which keep the struct */
};

static struct line *line_of(struct session *s)
{
    return lv_container_of(s, struct line, session);
}

static void line_say(struct line *line, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void line_say(struct line *line, const char *format, ...)
{
    char text[1024];
    va_list args;
    if (!line->session.net)
        return;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text - 1, format, args);
    va_end(args);
    text[n] = '\n';
    outbuf_add(net_out(line->session.net), text, (size_t)n + 1);
    net_dirty(line->session.net);
}

/* --- the end ---------------------------------------------------------------------------------- */

static void line_free_if_over(struct line *line)
{
    if (line->session.state != SESSION_GONE || line->under_way > 0)
        return;
    unacked_free(&line->unacked);
    session_free(&line->session);
    free((void *)(uintptr_t)line->vhost.p);
    free(line);
}

static void line_came_back(struct line *line)
{
    line->under_way--;
    line_free_if_over(line);
}

static void line_cancelled(struct queue_call *call)
{
    struct line *line = call->owner;
    struct consumer *c = call->consumer;
    queue_unref(&call->queue);
    free(call);
    consumer_release(&c);
    line_came_back(line);
}

static struct queue_call *line_call(struct line *line, void (*run)(struct queue_call *),
                                    void (*done)(struct queue_call *))
{
    struct queue_call *call = lv_calloc(1, sizeof *call);
    call->queue = queue_ref(line->consumer->queue);
    call->from = line->session.loop;
    call->run = run;
    call->done = done;
    call->consumer = line->consumer;
    call->owner = line;
    line->under_way++;
    return call;
}

/* All that it holds goes back. Again is fine. */
static void line_let_go(struct line *line)
{
    line->under_way++;
    if (line->consumer) {
        struct queue_call *call = line_call(line, queue_call_cancel, line_cancelled);
        call->cancel.returns_all = true;
        line->consumer->is_closed = true;
        line->consumer = NULL;
        queue_call_start(call);
    }
    for (uint64_t tag; (tag = unacked_next(&line->unacked, 0)) != 0;) {
        struct unacked_entry e = unacked_take(&line->unacked, tag);
        consumer_settle(e.consumer, e.position, 1, SETTLE_REQUEUE);
        consumer_release(&e.consumer);
    }
    if (!session_end_queues(&line->session))
        line->under_way++;
    line->under_way--;
}

static void line_close(struct line *line)
{
    if (line->session.state >= SESSION_ENDING)
        return;
    session_enter(&line->session, SESSION_ENDING);
    line_let_go(line);
    session_go_for_good(&line->session);
    net_close(line->session.net, true);
}

static void line_on_end(void *owner, int error)
{
    struct line *line;
    (void)error;
    CAST_OBJ(line, owner, LINE_MAGIC);
    session_enter(&line->session, SESSION_GONE);
    line_let_go(line);
    session_ended(&line->session);
    line_free_if_over(line);
}

/* --- commands --------------------------------------------------------------------------------- */

/* Takes a word from the front of *rest. */
static struct slice next_word(struct slice *rest)
{
    size_t n = 0;
    while (n < rest->n && rest->p[n] != ' ')
        n++;
    struct slice word = slice_of(rest->p, n);
    size_t skip = n < rest->n ? n + 1 : n;
    *rest = slice_of(rest->p + skip, rest->n - skip);
    return word;
}

static void line_entered(struct session *s, bool is_in, const struct broker_error *error)
{
    struct line *line = line_of(s);
    if (!is_in) {
        line_say(line, "ERR %s", error->text);
        line_close(line);
        return;
    }
    session_event_created(s);
    line_say(line, "OK");
}

static void line_logged_in(struct session *s, bool is_in, struct slice user, const char *reason)
{
    (void)user;
    struct line *line = line_of(s);
    (void)reason;
    if (is_in) {
        session_enter_vhost(s, line->vhost, line_entered);
        return;
    }
    line_say(line, "ERR refused");
    line_close(line);
}

static void line_login(struct line *line, struct slice rest)
{
    struct slice user = next_word(&rest), password = next_word(&rest);
    free((void *)(uintptr_t)line->vhost.p);
    line->vhost = slice_copy(rest);
    const struct session_credentials credentials = {
        .mechanism = slice_str("LINE"), .user = user, .password = password, .has_password = true};
    session_log_in(&line->session, &credentials, line_logged_in);
}

static void line_queue(struct line *line, struct slice name)
{
    struct session *s = &line->session;
    const struct queue_declaration d = {
        .name = name, .flags = {.exclusive = true}, .connection_id = s->id};
    struct broker_error error = {0};
    struct queue *q;
    bool created;
    if (!access_declare_queue(s->identity, vhost_name(s->vhost), &d, &error) ||
        queue_declare(s->loop, s->vhost, &d, (struct durable_done){0}, &error, &q, &created) ==
            CHANGE_REFUSED) {
        line_say(line, "ERR %s", error.text);
        return;
    }
    if (created)
        session_own_queue(s, q);
    line_say(line, "OK");
}

static void line_published(struct line *line, enum confirm_answer answer)
{
    line_say(line, answer == CONFIRM_TOOK ? "OK" : "ERR not taken");
}

static void line_confirmed(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                           struct message *message)
{
    struct line *line = lv_container_of(sink, struct line, sink);
    (void)number;
    (void)message;
    line_published(line, answer);
    line_came_back(line);
}

static void line_publish(struct line *line, struct slice rest)
{
    static const uint8_t no_properties[2];
    struct session *s = &line->session;
    struct broker_error error;
    struct slice queue = next_word(&rest);
    struct publish publish = {
        .content = {.routing_key = queue, .header = slice_of(no_properties, 2), .body = rest}};
    struct exchange *x = access_publish(s->identity, s->vhost, SLICE_EMPTY, queue, &error);
    if (!x) {
        line_say(line, "ERR %s", error.text);
        return;
    }
    struct route route;
    struct publish_result result;
    publish_route(s->loop, x, &publish, &route);
    publish_send(s->loop, &publish, &route, &line->sink, 1, &result);
    line->under_way += result.answers.later;
    if (result.answers.later == 0)
        line_published(line, confirm_answers_sum(&result.answers));
    if (result.behind)
        session_hold(s, result.behind);
    publish_end(s->loop, &publish);
}

static bool line_deliver(struct consumer *c, const struct delivery *d)
{
    struct line *line = c->session;
    unacked_add(&line->unacked, ++line->tag, c, d->position, loop_patient_ms(line->session.loop));
    line_say(line, "MSG %u %.*s", (unsigned)line->tag, SLICE_ARG(d->body));
    return net_unwritten(line->session.net) <= OUTPUT_BYTES_HIGH;
}

static void line_queue_is_gone(struct consumer *c)
{
    struct line *line = c->session;
    line->consumer = NULL;
    c->is_closed = true;
    line_say(line, "ERR the queue is gone");
    consumer_release(&c);
}

static void line_timeout_changed(struct consumer *c)
{
    (void)c;
}

static const struct consumer_calls line_consumer_calls = {
    .deliver = line_deliver,
    .cancelled = line_queue_is_gone,
    .timeout_changed = line_timeout_changed,
};

static void line_subscribed(struct queue_call *call)
{
    struct line *line = call->owner;
    line_say(line, call->refused ? "ERR %s" : "OK", call->error.text);
    queue_unref(&call->queue);
    free(call);
    line_came_back(line);
}

static void line_subscribe(struct line *line, struct slice name)
{
    struct session *s = &line->session;
    struct broker_error error;
    struct queue *q = queue_find(s->vhost, name);
    if (!q || !access_queue(s->identity, vhost_name(s->vhost), AUTH_READ, name, &error) ||
        !queue_entry_check_access(queue_entry(q), s->id, &error)) {
        line_say(line, "ERR %s", q ? error.text : "no such queue");
        return;
    }
    line->consumer =
        consumer_create(q, s->loop, &line_consumer_calls, line, slice_str("line"), SLICE_EMPTY);
    line->consumer->connection_id = s->id;
    queue_call_start(line_call(line, queue_call_consume, line_subscribed));
}

static void line_ack(struct line *line, struct slice rest)
{
    uint64_t tag = 0;
    for (size_t i = 0; i < rest.n; i++)
        tag = tag * 10 + (uint64_t)(rest.p[i] - '0');
    if (!unacked_has(&line->unacked, tag)) {
        line_say(line, "ERR no such tag");
        return;
    }
    struct unacked_entry e = unacked_take(&line->unacked, tag);
    consumer_settle(e.consumer, e.position, 1, SETTLE_ACK);
    consumer_release(&e.consumer);
}

/* --- lines ------------------------------------------------------------------------------------ */

static void line_take(struct line *line, struct slice rest)
{
    struct slice command = next_word(&rest);
    if (line->session.state == SESSION_STARTING && slice_is(command, "LOGIN")) {
        line_login(line, rest);
    } else if (line->session.state != SESSION_RUNNING || slice_is(command, "BYE")) {
        line_say(line, "BYE");
        line_close(line);
    } else if (slice_is(command, "QUEUE")) {
        line_queue(line, rest);
    } else if (slice_is(command, "PUB")) {
        line_publish(line, rest);
    } else if (slice_is(command, "SUB")) {
        line_subscribe(line, rest);
    } else if (slice_is(command, "ACK")) {
        line_ack(line, rest);
    } else {
        line_say(line, "ERR what?");
    }
}

/* A publish while an alarm is on: it stays where it is, unread. */
static bool line_is_held_up(struct line *line, struct slice text)
{
    if (line->session.state != SESSION_RUNNING || text.n < 3 || memcmp(text.p, "PUB", 3) != 0 ||
        !alarms_hold(session_alarms(&line->session)))
        return false;
    session_block(&line->session);
    return true;
}

static size_t line_on_bytes(void *owner, uint8_t *p, size_t n)
{
    struct line *line;
    CAST_OBJ(line, owner, LINE_MAGIC);
    size_t at = 0;
    while (at < n && !line->session.stops) {
        const uint8_t *end = memchr(p + at, '\n', n - at);
        if (line->session.state >= SESSION_ENDING)
            return n;
        if (!end || line_is_held_up(line, slice_of(p + at, n - at)))
            break;
        size_t bytes = (size_t)(end - (p + at));
        line_take(line, slice_of(p + at, bytes));
        at += bytes + 1;
    }
    return at;
}

static void line_on_drained(void *owner)
{
    struct line *line;
    CAST_OBJ(line, owner, LINE_MAGIC);
    session_go(&line->session, STOP_OUTPUT);
    if (line->consumer && line->consumer->is_full)
        consumer_resume(line->consumer);
}

/* --- what sessions are asked to do ------------------------------------------------------------ */

static const struct net_owner line_net_calls = {
    .on_bytes = line_on_bytes,
    .on_drained = line_on_drained,
    .on_end = line_on_end,
};

static void line_accepted(struct loop *loop, void *arg, struct net_conn *net,
                          const struct net_peer *peer)
{
    struct line *line = lv_calloc(1, sizeof *line);
    line->magic = LINE_MAGIC;
    line->sink = (struct confirm_sink){.loop = loop, .answer = line_confirmed};
    unacked_init(&line->unacked);
    session_begin(&line->session, &line_frontend, arg, loop, net, peer);
    net_attach(net, &line_net_calls, line);
}

static void line_close_for(struct session *s, const struct broker_error *why)
{
    if (s->state >= SESSION_ENDING)
        return;
    line_say(line_of(s), "CLOSED %u %s", why->code, why->text);
    line_close(line_of(s));
}

static void line_blocked(struct session *s, const char *reason)
{
    line_say(line_of(s), "BLOCKED %s", reason);
}

static void line_unblocked(struct session *s)
{
    line_say(line_of(s), "UNBLOCKED");
}

static void line_queues_ended(struct session *s)
{
    line_came_back(line_of(s));
}

static void line_visit(struct session *s, const struct session_facts *facts,
                       const struct session_visitor *visitor, void *arg)
{
    const struct line *line = line_of(s);
    const struct session_channel_facts channel = {
        .connection = facts,
        .number = 1,
        .consumers = line->consumer != NULL,
        .unacknowledged = line->unacked.count,
    };
    if (visitor->channel)
        visitor->channel(arg, &channel);
}

const struct frontend line_frontend = {
    .name = "line",
    .purpose = "lines, for tests",
    .protocol = "LINE 1",
    .accepted = line_accepted,
    .close = line_close_for,
    .blocked = line_blocked,
    .unblocked = line_unblocked,
    .queues_ended = line_queues_ended,
    .visit_channels = line_visit,
};
