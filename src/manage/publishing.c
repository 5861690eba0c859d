/* Publishing a message in an operator's name.
 *
 * The message is made on the asking thread, and routed and sent on a loop. The question is answered
 * when all of its queues have answered. */
#include "auth/access.h"
#include "base/counters.h"
#include "base/error.h"
#include "broker/publish.h"
#include "broker/publish_checks.h"
#include "broker/trace.h"
#include "manage/messages.h"
#include "queue/reply_queue.h"
#include "session/frontend.h"
#include "topology/exchange.h"
#include "topology/flows.h"
#include "topology/lives.h"
#include "topology/vhost.h"
#include "wire/table.h"

struct sending {
    struct manage *m;
    const struct actor *actor;
    const struct publishing *what;
    struct slice bcc;
    struct message *message; /* owned, until it is published */
    /* The answer. */
    struct question *question;
    struct confirm_sink sink;
    struct confirm_answers answers;
    uint32_t waiting;  /* for so many answers */
    uint64_t since_ms; /* when it was published, by the loop's clock */
    bool is_vhost_gone, is_refused, is_routed, is_out_of_memory;
    struct broker_error error;
};

/* --- on the loop ------------------------------------------------------------------------------ */

/* Counts the publisher's confirm: all queues have answered. */
static void count_confirmed(const struct sending *s)
{
    if (confirm_answers_sum(&s->answers) == CONFIRM_REFUSED)
        COUNT(refused);
    else
        confirm_count(loop_now_ms(s->sink.loop) - s->since_ms);
}

static void answer_arrived(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                           struct message *message)
{
    struct sending *s = lv_container_of(sink, struct sending, sink);
    (void)number;
    (void)message;
    lv_assert(s->waiting > 0);
    confirm_answers_add(&s->answers, answer);
    if (--s->waiting > 0)
        return;
    count_confirmed(s);
    ask_answer(s->question);
}

/* Returns the exchange if the actor may publish to it, or NULL after refusing. */
static struct exchange *find_exchange(struct sending *s, struct vhost *vhost)
{
    const struct publishing *p = s->what;
    if (s->actor->identity)
        return access_publish(s->actor->identity, vhost, p->exchange, p->routing_key, &s->error);
    struct exchange *x = exchange_find(vhost, p->exchange);
    if (!x)
        exchange_refuse_missing(p->exchange, vhost, &s->error);
    return x;
}

static void count_published(uint64_t body_bytes)
{
    COUNT(published_confirming);
    COUNT_NTH(published_to_100, size_bucket(body_bytes));
    COUNT_MANY(published_bytes, body_bytes);
}

static void watch(struct sending *s, struct loop *loop, struct vhost *vhost, struct publish *p,
                  const struct route *route)
{
    const struct life_publisher who = {
        .connection = slice_str("HTTP API"), .user = s->actor->name, .is_mandatory = true};
    const struct trace_channel channel = {
        .connection = slice_str("HTTP API"), .user = s->actor->name, .number = 1};
    if (trace_is_on(vhost))
        trace_published(loop, vhost, &channel, &p->content, s->bcc, route);
    if (vhost_watches(vhost) & VHOST_WATCH_FLOWS)
        flows_count(loop, vhost, p->content.exchange, route);
    if (vhost_watches(vhost) & VHOST_WATCH_LIVES)
        message_set_life(p->content.message,
                         lives_publish(loop, vhost, &who, &p->content,
                                       p->content.message->is_persistent, route, 0));
}

/* Returns how many answers will come later. */
static uint32_t route_and_send(struct sending *s, struct loop *loop, struct exchange *x)
{
    struct publish p;
    struct route route;
    struct publish_result result = {0};
    if (!publish_begin(&p, &s->message))
        lv_unreachable(); /* its header was made here */
    p.bcc = s->bcc;
    p.is_once = true;
    count_published(p.content.body.n);
    publish_route(loop, x, &p, &route);
    s->is_routed = route.count > 0;
    COUNT_MANY(routed, route.count);
    COUNT_MANY(returned, !s->is_routed);
    watch(s, loop, x->vhost, &p, &route);
    s->since_ms = loop_now_ms(loop);
    s->sink = (struct confirm_sink){.loop = loop, .answer = answer_arrived};
    publish_send(loop, &p, &route, &s->sink, 1, &result);
    s->is_out_of_memory = result.is_out_of_memory;
    s->answers = result.answers;
    publish_end(loop, &p);
    if (result.answers.later == 0 && !result.is_out_of_memory)
        count_confirmed(s);
    return result.answers.later;
}

static void send_on_loop(struct loop *loop, void *arg, struct question *question)
{
    struct sending *s = arg;
    s->question = question;
    struct vhost *vhost = vhost_find(&s->m->broker->topology, s->what->vhost);
    struct exchange *x = vhost ? find_exchange(s, vhost) : NULL;
    s->is_vhost_gone = !vhost;
    s->is_refused = vhost && !x;
    s->waiting = x ? route_and_send(s, loop, x) : 0;
    if (s->waiting == 0)
        ask_answer(question);
}

/* --- checks ----------------------------------------------------------------------------------- */

static bool check_size(struct manage *m, const struct publishing *p, struct broker_error *told)
{
    uint64_t max = m->sessions->settings.message_bytes_max;
    return p->body.n <= max ||
           broker_refuse(told, REPLY_PRECONDITION_FAILED,
                         "message size %zu is larger than configured max size %llu", p->body.n,
                         (unsigned long long)max);
}

/* A direct reply-to needs a channel that replies come to. */
static bool check_reply_to(const struct publishing *p, struct broker_error *told)
{
    return !slice_is(p->properties->reply_to, REPLY_TO_NAME) ||
           broker_refuse(told, REPLY_PRECONDITION_FAILED, "fast reply consumer does not exist");
}

static bool check_user_id(const struct actor *actor, const struct publishing *p,
                          struct broker_error *told)
{
    return !actor->identity || access_user_id(actor->identity, p->properties, told);
}

static bool check_alarms(struct manage *m, struct manage_error *error)
{
    unsigned alarms = atomic_load_explicit(&m->broker->alarms, memory_order_relaxed);
    return !alarms_hold(alarms) || manage_refuse(error, REFUSAL_BUSY, SUBJECT_NONE,
                                                 "publishers are blocked by an alarm: %s",
                                                 alarms & BROKER_ALARM_MEMORY ? "memory" : "disk");
}

/* Makes the message, with a header that has no BCC. Returns false if there is no memory. */
static bool make_message(struct manage *m, struct sending *s)
{
    const struct publishing *p = s->what;
    struct lv_buffer header = {0};
    bool forgets =
        atomic_load_explicit(&m->sessions->settings.forgets_histories, memory_order_relaxed);
    publish_rewrite_header(&header, p->properties, forgets);
    s->message = message_create(p->exchange, p->routing_key, lv_buffer_slice(&header), p->body.n,
                                p->properties->delivery_mode == DELIVERY_MODE_PERSISTENT);
    lv_buffer_free(&header);
    if (s->message && p->body.n > 0)
        memcpy(message_body_space(s->message), p->body.p, p->body.n);
    return s->message != NULL;
}

/* --- the operation ---------------------------------------------------------------------------- */

static bool sending_end(const struct sending *s, int err, struct manage_error *error)
{
    if (err < 0)
        return manage_end(error, err);
    if (s->is_vhost_gone)
        return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST,
                             "Virtual host '%.*s' does not exist", SLICE_ARG(s->what->vhost));
    if (s->is_refused)
        return manage_refuse_as_broker(error, SUBJECT_EXCHANGE, &s->error);
    if (s->is_out_of_memory)
        return manage_end(error, ERR_NO_MEMORY);
    return confirm_answers_sum(&s->answers) != CONFIRM_REFUSED ||
           manage_refuse(error, REFUSAL_LIMIT, SUBJECT_QUEUE,
                         "rejected Unable to publish message. Check queue limits.");
}

/* Sends the message; again if a backend had to be asked first. */
static bool send_message(struct manage *m, struct sending *s, struct manage_error *error)
{
    int err;
    do {
        err = ask_loop_later(m->asker, loops_at(m->loops, 0), send_on_loop, s);
    } while (err == 0 && s->is_refused && actor_awaits(s->actor, &s->error));
    if (s->message)
        message_unref(&s->message);
    return sending_end(s, err, error);
}

bool manage_publish(struct manage *m, const struct actor *actor, const struct publishing *p,
                    bool *ret_routed, struct manage_error *error)
{
    struct sending s = {.m = m, .actor = actor, .what = p};
    struct broker_error told;
    bool has_bcc;
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, p->vhost, error) || !check_alarms(m, error))
        return false;
    if (!check_size(m, p, &told) || !check_reply_to(p, &told) || !check_user_id(actor, p, &told) ||
        !publish_check(p->properties, &s.bcc, &has_bcc, &told))
        return manage_refuse_as_broker(error, SUBJECT_NONE, &told);
    int err = manage_await_messages(m);
    if (err < 0)
        return manage_end(error, err);
    if (!make_message(m, &s))
        return manage_end(error, ERR_NO_MEMORY);
    if (!send_message(m, &s, error))
        return false;
    *ret_routed = s.is_routed && confirm_answers_sum(&s.answers) == CONFIRM_TOOK;
    return true;
}
