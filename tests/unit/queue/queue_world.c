/* The world of queue_world.h: its ops, its messages and its consumers. */
#include "queue_world.h"

#include "base/memory.h"
#include "wire/properties.h"
#include "wire/table.h"

struct world world;

/* --- what queues need from above -------------------------------------------------------------- */

static void note_given_up(const struct message *m, enum death reason)
{
    size_t n = strlen(world.given_up);
    struct slice body = m ? message_body(m) : slice_str("?");
    snprintf(world.given_up + n, sizeof world.given_up - n, "%s%s %.*s", n ? ", " : "",
             death_word(reason), SLICE_ARG(body));
}

static void begin(struct queue *q)
{
    queue_begin_policy(q, NULL);
}

static bool sends_on(const struct queue *q)
{
    (void)q;
    return world.sends_on;
}

static bool can_send_on(struct queue *q)
{
    (void)q;
    return !world.has_no_room;
}

static void give_up(struct queue *q, uint64_t position, struct message *m, enum death reason)
{
    note_given_up(m, reason);
    queue_settle_position(q, position);
}

static void turn_away(struct queue *q, struct message *m, enum death reason)
{
    (void)q;
    note_given_up(m, reason);
}

static struct queue_transit in_transit(const struct queue *q)
{
    (void)q;
    return (struct queue_transit){0};
}

static void nothing(struct queue *q)
{
    (void)q;
}

static const struct queue_ops ops = {
    .begin = begin,
    .sends_on = sends_on,
    .can_send_on = can_send_on,
    .give_up = give_up,
    .turn_away = turn_away,
    .in_transit = in_transit,
    .stop = nothing,
    .free = nothing,
};

static const struct queue_ops *ops_for(struct slice name)
{
    (void)name;
    return &ops;
}

/* --- its life --------------------------------------------------------------------------------- */

static void vhost_is_unused(struct lv_rcu_refs *refs)
{
    vhost_free(lv_container_of(refs, struct vhost, refs));
}

void world_start(void)
{
    memset(&world, 0, sizeof world);
    world.loops = loop_sim_create(2, 1);
    world.here = loops_at(world.loops, 0);
    world.there = loops_at(world.loops, 1);
    topology_init(&world.topology, world.loops, NULL);
    world.topology.queue_ops_for = ops_for;
    topology_lock(&world.topology);
    world.vhost = vhost_make(&world.topology, &(struct definition_vhost){.name = slice_str("/")},
                             NULL, vhost_is_unused);
    lv_table_insert(world.topology.vhosts, &world.vhost->by_name);
    topology_unlock(&world.topology);
    loop_sim_enter(world.here);
}

static void delete_queues(void)
{
    struct lv_table_iter it;
    for (struct lv_table_node *node = lv_table_first(world.vhost->queues, &it); node;
         node = lv_table_next(world.vhost->queues, &it))
        queue_delete(queue_of_node(node));
}

void world_stop(void)
{
    loop_sim_settle(world.loops);
    loop_sim_enter(world.here);
    delete_queues();
    topology_lock(&world.topology);
    vhost_unlink(world.vhost);
    topology_unlock(&world.topology);
    vhost_unref(&world.vhost);
    loop_sim_enter(NULL);
    loop_sim_settle(world.loops);
    topology_end(&world.topology);
    loop_sim_free(&world.loops);
}

/* --- queues ----------------------------------------------------------------------------------- */

struct queue *world_queue(const char *name, const struct lv_buffer *arguments)
{
    const struct queue_declaration d = {
        .name = slice_str(name),
        .flags.exclusive = true, /* at home on the declaring loop */
        .arguments = arguments ? lv_buffer_slice(arguments) : SLICE_EMPTY,
        .connection_id = 1,
    };
    struct broker_error error = {0};
    struct queue *q = NULL;
    bool is_created;
    if (queue_declare(world.here, world.vhost, &d, (struct durable_done){0}, &error, &q,
                      &is_created) == CHANGE_REFUSED)
        fail_msg("%s", error.text);
    assert_true(is_created);
    return q;
}

void world_argument(struct lv_buffer *arguments, const char *name, int64_t number)
{
    struct table_writer w;
    table_begin(&w, arguments);
    table_put_field(&w, slice_str(name), &(struct field){.type = FIELD_LONG, .i = number});
    table_end(&w);
}

void world_argument_text(struct lv_buffer *arguments, const char *name, const char *text)
{
    struct table_writer w;
    table_begin(&w, arguments);
    table_put_str(&w, name, slice_str(text));
    table_end(&w);
}

static void at_once(struct queue_call *call)
{
    (void)call;
}

static struct queue_status status(const struct queue *q)
{
    struct queue_call call = {
        .queue = (struct queue *)q, .from = world.here, .run = queue_call_status, .done = at_once};
    queue_call_start(&call);
    return call.status;
}

size_t world_ready(const struct queue *q)
{
    return status(q).ready;
}

size_t world_unacked(const struct queue *q)
{
    return status(q).unacked;
}

static void never(void *arg)
{
    (void)arg;
}

const char *world_bodies(struct queue *q)
{
    static char bodies[WORLD_TEXT_MAX];
    size_t n = 0;
    struct browse_item item;
    struct browse *browse =
        browse_open(q, &(struct browse_options){.is_bounded = true, .wake = never});
    for (; browse_peek(browse, &item) == BROWSE_ITEM; browse_pass(browse)) {
        struct message *m = browse_message(browse);
        bodies[n++] = (char)message_body(m).p[0];
        message_unref(&m);
    }
    bodies[n] = '\0';
    browse_close(&browse);
    return bodies;
}

/* --- messages --------------------------------------------------------------------------------- */

static enum confirm_answer answered;

static void on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                      struct message *message)
{
    (void)sink, (void)number, (void)message;
    answered = answer;
}

static struct message *make_message(const struct world_message *m)
{
    struct lv_buffer headers = {0};
    uint8_t header[256];
    struct properties properties = {0};
    if (m->expiration) {
        properties.flags |= PROPERTY_EXPIRATION;
        properties.expiration = slice_str(m->expiration);
    }
    if (m->priority > 0) {
        properties.flags |= PROPERTY_PRIORITY;
        properties.priority = m->priority;
    }
    if (m->value) {
        world_argument_text(&headers, "v", m->value);
        properties.flags |= PROPERTY_HEADERS;
        properties.headers = lv_buffer_slice(&headers);
    }
    properties_put(header, &properties);
    struct message *made =
        message_create(SLICE_EMPTY, SLICE_EMPTY, slice_of(header, properties_size(&properties)),
                       strlen(m->body), false);
    memcpy(message_body_space(made), m->body, strlen(m->body));
    lv_buffer_free(&headers);
    return made;
}

enum confirm_answer world_publish(struct queue *q, const struct world_message *m)
{
    struct confirm_sink sink = {.loop = world.here, .answer = on_answer};
    struct message *made = make_message(m);
    enum confirm_answer answer = queue_publish(world.here, q, made, &sink, 1);
    message_unref(&made);
    loop_sim_settle(world.loops);
    loop_sim_enter(world.here);
    return answer == CONFIRM_LATER ? answered : answer;
}

void world_publish_all(struct queue *q, const char *bodies)
{
    for (; *bodies; bodies++) {
        const char body[] = {*bodies, '\0'};
        assert_int_equal(world_publish(q, &(struct world_message){.body = body}), CONFIRM_TOOK);
    }
}

/* --- consumers -------------------------------------------------------------------------------- */

static bool on_deliver(struct consumer *c, const struct delivery *d)
{
    struct taker *taker = c->session;
    assert_true(taker->count < WORLD_TEXT_MAX - 1);
    taker->got[taker->count] = (char)d->body.p[0];
    taker->positions[taker->count++] = d->position;
    if (!c->no_ack)
        consumer_hold(c);
    return true;
}

static void on_cancelled(struct consumer *c)
{
    ((struct taker *)c->session)->is_cancelled = true;
}

static void on_timeout(struct consumer *c)
{
    (void)c;
}

static const struct consumer_calls calls = {on_deliver, on_cancelled, on_timeout};

/* Runs a call from the session's loop until it is answered. */
static void call_and_settle(struct queue_call *call)
{
    loop_sim_enter(call->from);
    queue_call_start(call);
    loop_sim_settle(world.loops);
    loop_sim_enter(world.here);
    assert_false(call->refused);
}

void taker_start(struct taker *taker, struct queue *q, const struct taker_options *options)
{
    *taker = (struct taker){0};
    struct loop *loop = options->loop ? options->loop : world.here;
    loop_sim_enter(loop);
    struct consumer *c = consumer_create(q, loop, &calls, taker, slice_str("t"), SLICE_EMPTY);
    c->no_ack = options->no_ack;
    c->priority = options->priority;
    if (!options->no_ack)
        credit_begin_prefetch(&c->credit, options->prefetch);
    if (options->shared)
        consumer_share_credit(c, options->shared);
    taker->consumer = c;
    call_and_settle(&(struct queue_call){
        .queue = q, .from = loop, .run = queue_call_consume, .done = at_once, .consumer = c});
}

void taker_settle(struct taker *taker, uint32_t count, enum settle_kind kind)
{
    loop_sim_enter(taker->consumer->loop);
    for (; count > 0; count--) {
        struct consumer *c = taker->consumer;
        assert_true(taker->settled < taker->count);
        consumer_settle(c, taker->positions[taker->settled++], 1, kind);
        consumer_release(&c);
    }
    loop_sim_settle(world.loops);
    loop_sim_enter(world.here);
}

void taker_stop(struct taker *taker)
{
    struct consumer *c = taker->consumer;
    call_and_settle(&(struct queue_call){.queue = c->queue,
                                         .from = c->loop,
                                         .run = queue_call_cancel,
                                         .done = at_once,
                                         .consumer = c});
    if (!c->no_ack)
        taker_settle(taker, (uint32_t)(taker->count - taker->settled), SETTLE_REQUEUE);
    loop_sim_enter(c->loop);
    consumer_release(&taker->consumer);
    loop_sim_settle(world.loops);
    loop_sim_enter(world.here);
}
