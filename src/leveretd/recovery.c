/* Recovery from the definitions.
 *
 * Rows are loaded in an order in which each finds the object it belongs to: vhosts, users,
 * permissions, exchanges, queues, bindings. A function that loads a row of the topology ends with
 * lv_rcu_quiescent(), because tables can only grow after a quiescent state. */
#include "leveretd/recovery.h"

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/log.h"
#include "broker/delayed.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "broker/vhost_life.h"
#include "queue/queue.h"
#include "session/names.h"
#include "topology/binding.h"
#include "topology/dedup.h"
#include "topology/exchange.h"
#include "topology/vhost.h"

struct loading {
    struct auth *auth;
    struct broker *broker;
    struct recovery counts;
};

static const struct durable_done not_reported = {NULL, NULL};

static int load_vhost(void *arg, const struct definition_vhost *row)
{
    struct loading *l = arg;
    struct vhost *vhost;
    if (vhost_create(l->broker, row, false, not_reported, &vhost) == CHANGE_REFUSED)
        l->counts.skipped++;
    else
        l->counts.vhosts++;
    lv_rcu_quiescent();
    return 0;
}

static int load_user(void *arg, const struct definition_user *row)
{
    struct loading *l = arg;
    l->counts.users++;
    return auth_load_user(l->auth, row);
}

static int load_permission(void *arg, const struct definition_permission *row)
{
    struct loading *l = arg;
    return auth_load_permission(l->auth, row);
}

static int load_topic_permission(void *arg, const struct definition_topic_permission *row)
{
    struct loading *l = arg;
    return auth_load_topic_permission(l->auth, row);
}

/* Returns the row's vhost, or NULL after logging that the row is skipped. */
static struct vhost *find_vhost_of(struct loading *l, struct slice vhost, const char *what,
                                   struct slice name)
{
    struct vhost *found = vhost_find(&l->broker->topology, vhost);
    if (!found) {
        log_warning("recovery: skipped %s '%.*s': vhost '%.*s' does not exist", what,
                    SLICE_ARG(name), SLICE_ARG(vhost));
        l->counts.skipped++;
    }
    return found;
}

static int load_exchange(void *arg, const struct definition_exchange *row)
{
    struct loading *l = arg;
    struct vhost *vhost = find_vhost_of(l, row->vhost, "exchange", row->name);
    if (!vhost)
        return 0;
    exchange_restore(vhost, &(struct exchange_declaration){
                                .name = row->name,
                                .type = row->type,
                                .durable = true,
                                .auto_delete = row->is_auto_delete,
                                .internal = row->is_internal,
                                .arguments = row->arguments,
                            });
    l->counts.exchanges++;
    lv_rcu_quiescent();
    return 0;
}

static int load_global_parameter(void *arg, const struct definition_global_parameter *row)
{
    struct loading *l = arg;
    global_parameter_restore(l->broker, row);
    return 0;
}

static int load_parameter(void *arg, const struct definition_parameter *row)
{
    struct loading *l = arg;
    struct vhost *vhost = find_vhost_of(l, row->vhost, "parameter", row->name);
    if (vhost)
        parameter_restore(vhost, row);
    return 0;
}

static int load_policy(void *arg, const struct definition_policy *row)
{
    struct loading *l = arg;
    struct vhost *vhost = find_vhost_of(l, row->vhost, "policy", row->name);
    if (vhost)
        policy_restore(vhost, row);
    lv_rcu_quiescent();
    return 0;
}

static int load_queue(void *arg, const struct definition_queue *row)
{
    struct loading *l = arg;
    struct vhost *vhost = find_vhost_of(l, row->vhost, "queue", row->name);
    if (!vhost)
        return 0;
    queue_restore(vhost, row->name,
                  (struct queue_flags){.durable = true, .auto_delete = row->is_auto_delete},
                  row->arguments, row->user, row->id);
    l->counts.queues++;
    lv_rcu_quiescent();
    return 0;
}

static int load_binding(void *arg, const struct definition_binding *row)
{
    struct loading *l = arg;
    struct vhost *vhost = find_vhost_of(l, row->vhost, "binding from", row->source);
    if (!vhost)
        return 0;
    const struct binding_request request = {
        .source = row->source,
        .destination = row->destination,
        .destination_kind = row->is_to_queue ? DESTINATION_QUEUE : DESTINATION_EXCHANGE,
        .routing_key = row->routing_key,
        .arguments = row->arguments,
    };
    if (binding_restore(vhost, &request)) {
        l->counts.bindings++;
    } else {
        log_warning("recovery: skipped the binding from '%.*s' to '%.*s' in vhost '%.*s': its "
                    "source or its destination does not exist",
                    SLICE_ARG(row->source), SLICE_ARG(row->destination), SLICE_ARG(row->vhost));
        l->counts.skipped++;
    }
    lv_rcu_quiescent();
    return 0;
}

static int load_seen(void *arg, const struct definition_seen *row)
{
    struct loading *l = arg;
    struct vhost *vhost = vhost_find(&l->broker->topology, row->vhost);
    struct queue *q = vhost && row->is_queue ? queue_find(vhost, row->name) : NULL;
    struct exchange *x = vhost && !row->is_queue ? exchange_find(vhost, row->name) : NULL;
    struct dedup *dedup = q ? queue_entry(q)->dedup : x ? x->dedup : NULL;
    if (dedup)
        dedup_restore(dedup, (struct value_hash){row->low, row->high}, row->number, row->until_ms,
                      loops_steady_ms(l->broker->topology.loops));
    return 0;
}

int recovery_load(struct definitions *definitions, struct auth *auth, struct broker *broker,
                  struct recovery *ret)
{
    static const struct definitions_visitor visitor = {
        .vhost = load_vhost,
        .user = load_user,
        .permission = load_permission,
        .topic_permission = load_topic_permission,
        .global_parameter = load_global_parameter,
        .parameter = load_parameter,
        .policy = load_policy,
        .exchange = load_exchange,
        .queue = load_queue,
        .binding = load_binding,
        .seen = load_seen,
    };
    struct loading l = {.auth = auth, .broker = broker};
    lv_assert(!loop_current());
    int err = definitions_load(definitions, &visitor, &l);
    if (err < 0)
        return err;
    delayed_restore_end(broker);
    *ret = l.counts;
    return 0;
}

/* Appends the flags' names, separated by commas, and returns them. */
static struct slice join_flags(const struct config_flags *flags, struct lv_buffer *room)
{
    for (size_t i = 0; i < flags->count; i++)
        lv_buffer_printf(room, "%s%s", i ? "," : "", flags->names[i]);
    return lv_buffer_slice(room);
}

bool recovery_first_boot(const struct config *config, const struct vhost_defaults *defaults,
                         struct auth *auth, struct broker *broker, void (*done)(void *arg),
                         void *arg)
{
    if (config_loads_definitions(config) || auth_user_count(auth) > 0 ||
        lv_table_count(broker->topology.vhosts) > 0)
        return false;
    struct slice vhost_name = slice_str(config->default_vhost);
    struct vhost *vhost;
    const struct definition_vhost row = {.name = vhost_name,
                                         .description = slice_str("Default virtual host")};
    if (vhost_create(broker, &row, true, not_reported, &vhost) == CHANGE_REFUSED)
        return false;
    struct lv_buffer tags = {0};
    const struct auth_default_user user = {
        .name = slice_str(config->default_user),
        .password = slice_str(config->default_pass),
        .tags = join_flags(&config->default_user_tags, &tags),
        .vhost = vhost_name,
        .configure = slice_str(config->default_configure),
        .write = slice_str(config->default_write),
        .read = slice_str(config->default_read),
    };
    bool is_created = auth_bootstrap(auth, &user, done, arg);
    lv_buffer_free(&tags);
    vhost_defaults_begin(defaults, auth, vhost);
    return is_created;
}

void recovery_ensure_cluster_id(struct broker *broker)
{
    char name[GENERATED_NAME_MAX], json[GENERATED_NAME_MAX + 2];
    if (cluster_id_now(broker).n > 0)
        return;
    struct slice id = name_generate("rabbitmq-cluster-id-", name);
    int n = snprintf(json, sizeof json, "\"%.*s\"", SLICE_ARG(id));
    int err = global_parameter_set(broker, slice_str("internal_cluster_id"),
                                   slice_of(json, (size_t)n), not_reported);
    lv_assert(err == 0);
}
