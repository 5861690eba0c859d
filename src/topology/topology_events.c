/* The headers of the events of exchanges, bindings, queues and vhosts. */
#include "topology/topology_events.h"

#include "base/buffer.h"
#include "topology/exchange.h"
#include "topology/queue_entry.h"
#include "wire/erlang_text.h"
#include "wire/table.h"

void event_exchange_created(const struct exchange *x)
{
    lv_assert(topology_is_locked(x->vhost->topology));
    event_emit(&x->vhost->topology->events, "exchange.created", EVENT_ACTOR,
               EVENT_STR("policy", SLICE_EMPTY), EVENT_ARGUMENTS("arguments", x->arguments),
               EVENT_BOOL("internal", x->is_internal), EVENT_BOOL("auto_delete", x->is_auto_delete),
               EVENT_BOOL("durable", x->is_durable), EVENT_TEXT("type", x->type->name),
               EVENT_STR("name", exchange_name(x)), EVENT_STR("vhost", vhost_name(x->vhost)));
}

void event_exchange_deleted(const struct exchange *x)
{
    lv_assert(topology_is_locked(x->vhost->topology));
    event_emit(&x->vhost->topology->events, "exchange.deleted", EVENT_ACTOR,
               EVENT_STR("name", exchange_name(x)), EVENT_STR("vhost", vhost_name(x->vhost)));
}

static void emit_binding(const struct binding *b, const char *key)
{
    lv_assert(topology_is_locked(b->source->vhost->topology));
    bool is_to_queue = b->destination->kind == DESTINATION_QUEUE;
    event_emit(&b->source->vhost->topology->events, key, EVENT_ACTOR,
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

void event_queue_created(const struct queue_entry *q)
{
    struct topology *topology = q->vhost->topology;
    lv_assert(topology_is_locked(topology));
    char space[EVENT_PID_MAX];
    bool is_owned = q->exclusive_owner != 0;
    event_emit(&topology->events, "queue.created", EVENT_ACTOR, EVENT_BOOL("exclusive", is_owned),
               EVENT_STR("owner_pid",
                         is_owned ? event_pid(topology->node_name, space, q->exclusive_owner, 0)
                                  : SLICE_EMPTY),
               EVENT_ARGUMENTS("arguments", q->argument_table),
               EVENT_BOOL("auto_delete", q->flags.auto_delete),
               EVENT_BOOL("durable", q->flags.durable), EVENT_STR("name", queue_entry_name(q)),
               EVENT_STR("vhost", vhost_name(q->vhost)));
}

void event_queue_deleted(const struct queue_entry *q)
{
    lv_assert(topology_is_locked(q->vhost->topology));
    event_emit(&q->vhost->topology->events, "queue.deleted", EVENT_ACTOR,
               EVENT_STR("name", queue_entry_name(q)), EVENT_STR("vhost", vhost_name(q->vhost)));
}

static void emit_exchanges_created(struct vhost *vhost)
{
    struct lv_table_iter it;
    event_exchange_created(vhost->default_exchange);
    for (struct lv_table_node *node = lv_table_first(vhost->exchanges, &it); node;
         node = lv_table_next(vhost->exchanges, &it))
        event_exchange_created(lv_container_of(node, struct exchange, by_name));
}

/* Appends an Erlang map: #{description => <<"shop">>,tags => [a,b]}. */
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
    struct topology *topology = vhost->topology;
    lv_assert(topology_is_locked(topology));
    if (!events_are_wanted(&topology->events))
        return;
    emit_exchanges_created(vhost);
    struct lv_buffer state = {0}, metadata = {0};
    put_metadata(&metadata, vhost);
    struct table_writer w;
    table_begin(&w, &state);
    table_put_str(&w, topology->node_name, slice_str("running"));
    bool has_type = vhost->default_queue_type.n > 0;
    event_emit(
        &topology->events, "vhost.created",
        EVENT_BYTES("tags", vhost->tags.n ? EVENT_FIELD_WORDS : EVENT_FIELD_STR, vhost->tags),
        EVENT_STR("description", vhost->description), EVENT_ACTOR,
        EVENT_TABLE("cluster_state", table_end(&w)),
        EVENT_BOOL("tracing", (vhost_watches(vhost) & VHOST_WATCH_FIREHOSE) != 0),
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
    lv_assert(topology_is_locked(vhost->topology));
    event_emit(&vhost->topology->events, "vhost.deleted", EVENT_ACTOR, EVENT_STR("name", name));
    event_emit(&vhost->topology->events, "vhost.down",
               EVENT_TEXT("user_who_performed_action", EVENT_ACTOR_INTERNAL),
               EVENT_TEXT("node", vhost->topology->node_name), EVENT_STR("name", name));
}
