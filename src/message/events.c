/* An event travels as a key and a table, which is complete but for the time: loop 0 adds that when it
 * publishes. The message is persistent, as the plugin's are, and its timestamp is in seconds. */
#include "message/events.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/memory.h"
#include "broker/system_message.h"
#include "queue/queue.h"
#include "topology/binding.h"
#include "topology/exchange.h"
#include "topology/vhost.h"
#include "wire/erlang_text.h"
#include "wire/table.h"

struct event {
    const char *key;
    struct lv_buffer headers;
};

/* --- who ------------------------------------------------------------------------------------ */

static _Thread_local struct slice actor;

struct slice events_act_as(struct slice user)
{
    struct slice before = actor;
    actor = user;
    return before;
}

struct slice events_actor(void)
{
    return actor.n ? actor : slice_str(EVENT_ACTOR_INTERNAL);
}

/* --- fields --------------------------------------------------------------------------------- */

/* table_describe() puts a list's brackets around the one field. */
static void put_argument_texts(struct table_writer *w, struct slice table)
{
    struct slice rest = table, name;
    struct field f;
    struct lv_buffer text = {0};
    const uint8_t *at = rest.p;
    while (table_next(&rest, &name, &f)) {
        text.n = 0;
        table_describe(&text, slice_of(at, (size_t)(rest.p - at)));
        table_put_str(w, NULL, slice_of(text.p + 1, text.n - 2));
        at = rest.p;
    }
    lv_buffer_free(&text);
}

static void put_words(struct table_writer *w, struct slice text)
{
    while (text.n > 0) {
        const uint8_t *comma = memchr(text.p, ',', text.n);
        size_t n = comma ? (size_t)(comma - text.p) : text.n;
        table_put_str(w, NULL, slice_of(text.p, n));
        n += comma != NULL;
        text = slice_of(text.p + n, text.n - n);
    }
}

static void put_chars(struct table_writer *w, struct slice text)
{
    for (size_t i = 0; i < text.n; i++)
        table_put_long(w, NULL, text.p[i]);
}

static void put_members(struct table_writer *w, struct slice table)
{
    struct slice name;
    struct field f;
    while (table_next(&table, &name, &f))
        table_put_field(w, name, &f);
}

static void put_address(struct table_writer *w, const char *name, struct slice address)
{
    struct lv_buffer text = {0};
    erlang_put_address(&text, address);
    table_put_str(w, name, lv_buffer_slice(&text));
    lv_buffer_free(&text);
}

static void put_array(struct table_writer *w, const struct event_field *f)
{
    table_put_array(w, f->name);
    if (f->kind == EVENT_FIELD_ARGUMENTS)
        put_argument_texts(w, f->bytes);
    else if (f->kind == EVENT_FIELD_WORDS)
        put_words(w, f->bytes);
    else
        put_chars(w, f->bytes);
    table_end(w);
}

static void put_field(struct table_writer *w, const struct event_field *f)
{
    const struct field table = {.type = FIELD_TABLE, .bytes = f->bytes};
    switch (f->kind) {
    case EVENT_FIELD_NONE: break;
    case EVENT_FIELD_STR: table_put_str(w, f->name, f->bytes); break;
    case EVENT_FIELD_BOOL: table_put_bool(w, f->name, f->number != 0); break;
    case EVENT_FIELD_LONG: table_put_long(w, f->name, f->number); break;
    case EVENT_FIELD_TABLE: table_put_field(w, slice_str(f->name), &table); break;
    case EVENT_FIELD_MEMBERS: put_members(w, f->bytes); break;
    case EVENT_FIELD_VALUE: table_put_field(w, slice_str(f->name), f->value); break;
    case EVENT_FIELD_ADDRESS: put_address(w, f->name, f->bytes); break;
    case EVENT_FIELD_ARGUMENTS:
    case EVENT_FIELD_WORDS:
    case EVENT_FIELD_CHARS: put_array(w, f); break;
    }
}

/* --- the way to loop 0 ------------------------------------------------------------------------ */

static void publish(struct loop *loop, struct broker *broker, struct event *event)
{
    struct vhost *vhost = vhost_find(&broker->topology, slice_str(broker->topology.event_vhost));
    uint64_t now_ms = loop_wall_ms(loop);
    struct table_writer w;
    if (!vhost)
        return;
    table_begin(&w, &event->headers);
    table_put_long(&w, "timestamp_in_ms", (int64_t)now_ms);
    table_end(&w);
    const struct properties properties = {
        .flags = PROPERTY_HEADERS | PROPERTY_DELIVERY_MODE | PROPERTY_TIMESTAMP,
        .headers = lv_buffer_slice(&event->headers),
        .delivery_mode = DELIVERY_MODE_PERSISTENT,
        .timestamp = now_ms / 1000,
    };
    struct message *m = system_message_create(slice_str(EVENT_EXCHANGE), event->key, SLICE_EMPTY,
                                              &properties, SLICE_EMPTY);
    if (m)
        system_message_publish(loop, vhost, &m);
}

static void publish_mail(struct loop *at, struct mail *mail)
{
    struct event *event = mail->b;
    publish(at, mail->a, event);
    lv_buffer_free(&event->headers);
    free(event);
}

void event_send(struct broker *broker, const char *key, const struct event_field *fields,
                size_t count)
{
    struct event *event = lv_calloc(1, sizeof *event);
    struct table_writer w;
    event->key = key;
    table_begin(&w, &event->headers);
    for (size_t i = 0; i < count; i++)
        put_field(&w, &fields[i]);
    table_end(&w);
    struct loop *from = loop_current();
    struct loop *to = loops_at(broker->topology.loops, 0);
    struct mail mail = {.deliver = publish_mail, .a = broker, .b = event};
    if (from)
        loop_mail(from, to, &mail);
    else
        loop_mail_from_outside(to, &mail);
}

void events_bound(const struct exchange *source, size_t bindings_from_count)
{
    if (!source->is_event_exchange)
        return;
    _Atomic unsigned *state = &vhost_broker(source->vhost)->event_state;
    if (bindings_from_count > 0)
        atomic_fetch_or(state, EVENT_STATE_BOUND);
    else
        atomic_fetch_and(state, ~(unsigned)EVENT_STATE_BOUND);
}

void events_stop(struct broker *broker)
{
    if (broker)
        atomic_fetch_or(&broker->event_state, EVENT_STATE_STOPPED);
}

/* --- topology --------------------------------------------------------------------------------- */

struct slice event_pid(const struct broker *broker, char space[EVENT_PID_MAX],
                       uint64_t connection_id, unsigned channel)
{
    int n = snprintf(space, EVENT_PID_MAX, "<%.270s.1.%" PRIu64 ".%u>", broker->topology.node_name,
                     connection_id, channel);
    return slice_of(space, (size_t)n);
}

void event_exchange_created(const struct exchange *x)
{
    event_emit(vhost_broker(x->vhost), "exchange.created", EVENT_ACTOR,
               EVENT_STR("policy", SLICE_EMPTY), EVENT_ARGUMENTS("arguments", x->arguments),
               EVENT_BOOL("internal", x->is_internal), EVENT_BOOL("auto_delete", x->is_auto_delete),
               EVENT_BOOL("durable", x->is_durable), EVENT_TEXT("type", x->type->name),
               EVENT_STR("name", exchange_name(x)), EVENT_STR("vhost", vhost_name(x->vhost)));
}

void event_exchange_deleted(const struct exchange *x)
{
    event_emit(vhost_broker(x->vhost), "exchange.deleted", EVENT_ACTOR,
               EVENT_STR("name", exchange_name(x)), EVENT_STR("vhost", vhost_name(x->vhost)));
}

static void emit_binding(const struct binding *b, const char *key)
{
    bool is_to_queue = b->destination->kind == DESTINATION_QUEUE;
    event_emit(vhost_broker(b->source->vhost), key, EVENT_ACTOR,
               EVENT_STR("vhost", vhost_name(b->source->vhost)),
               EVENT_ARGUMENTS("arguments", b->arguments), EVENT_STR("routing_key", b->routing_key),
               EVENT_TEXT("destination_kind", is_to_queue ? "queue" : "exchange"),
               EVENT_STR("destination_name", b->destination->name),
               EVENT_TEXT("source_kind", "exchange"),
               EVENT_STR("source_name", exchange_name(b->source)));
}

void event_binding_created(const struct binding *binding)
{
    emit_binding(binding, "binding.created");
}

void event_binding_deleted(const struct binding *binding)
{
    emit_binding(binding, "binding.deleted");
}

void event_queue_created(const struct queue *q)
{
    struct broker *broker = vhost_broker(q->entry.vhost);
    char space[EVENT_PID_MAX];
    bool is_owned = q->entry.exclusive_owner != 0;
    event_emit(broker, "queue.created", EVENT_ACTOR, EVENT_BOOL("exclusive", is_owned),
               EVENT_STR("owner_pid", is_owned
                                          ? event_pid(broker, space, q->entry.exclusive_owner, 0)
                                          : SLICE_EMPTY),
               EVENT_ARGUMENTS("arguments", q->entry.argument_table),
               EVENT_BOOL("auto_delete", q->entry.flags.auto_delete),
               EVENT_BOOL("durable", q->entry.flags.durable), EVENT_STR("name", queue_name(q)),
               EVENT_STR("vhost", vhost_name(q->entry.vhost)));
}

void event_queue_deleted(const struct queue *q)
{
    event_emit(vhost_broker(q->entry.vhost), "queue.deleted", EVENT_ACTOR,
               EVENT_STR("name", queue_name(q)), EVENT_STR("vhost", vhost_name(q->entry.vhost)));
}

static void emit_exchanges_created(struct vhost *vhost)
{
    struct lv_table_iter it;
    event_exchange_created(vhost->default_exchange);
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it))
        event_exchange_created(lv_container_of(node, struct exchange, by_name));
}

/* As Erlang shows a map: #{description => <<"shop">>,tags => [a,b]}. */
static void put_metadata(struct lv_buffer *out, const struct vhost *vhost)
{
    lv_buffer_printf(out, "#{");
    if (vhost->default_queue_type.n > 0) {
        lv_buffer_printf(out, "default_queue_type => ");
        erlang_put_text(out, vhost->default_queue_type);
        lv_buffer_printf(out, ",");
    }
    lv_buffer_printf(out, "description => ");
    erlang_put_text(out, vhost->description);
    lv_buffer_printf(out, ",tags => ");
    if (vhost->tags.n > 0)
        lv_buffer_printf(out, "[%.*s]}", SLICE_ARG(vhost->tags));
    else
        lv_buffer_printf(out, "<<>>}");
}

void event_vhost_created(struct vhost *vhost)
{
    struct broker *broker = vhost_broker(vhost);
    if (!events_are_wanted(broker))
        return;
    emit_exchanges_created(vhost);
    struct lv_buffer state = {0}, metadata = {0};
    put_metadata(&metadata, vhost);
    struct table_writer w;
    table_begin(&w, &state);
    table_put_str(&w, broker->topology.node_name, slice_str("running"));
    bool has_type = vhost->default_queue_type.n > 0;
    event_emit(
        broker, "vhost.created",
        EVENT_BYTES("tags", vhost->tags.n ? EVENT_FIELD_WORDS : EVENT_FIELD_STR, vhost->tags),
        EVENT_STR("description", vhost->description), EVENT_ACTOR,
        EVENT_TABLE("cluster_state", table_end(&w)),
        EVENT_BOOL("tracing", atomic_load(&vhost->is_traced)),
        EVENT_STR("metadata", lv_buffer_slice(&metadata)),
        EVENT_STR("default_queue_type",
                  has_type ? vhost->default_queue_type : slice_str("undefined")),
        EVENT_STR("name", vhost_name(vhost)));
    lv_buffer_free(&metadata);
    lv_buffer_free(&state);
}

void event_vhost_deleted(struct vhost *vhost)
{
    struct slice name = vhost_name(vhost);
    event_emit(vhost_broker(vhost), "vhost.deleted", EVENT_ACTOR, EVENT_STR("name", name));
    event_emit(vhost_broker(vhost), "vhost.down",
               EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_INTERNAL),
               EVENT_TEXT("node", vhost->topology->node_name), EVENT_STR("name", name));
}

void event_alarm(struct broker *broker, const char *source, bool is_set)
{
    event_emit(broker, is_set ? "alarm.set" : "alarm.cleared",
               EVENT_TEXT("node", broker->topology.node_name), EVENT_TEXT("source", source));
}
