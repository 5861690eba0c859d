/* Declaring, deleting and binding exchanges. Each change checks the permissions that a client would
 * need, and is then made on a loop. */
#include "auth/access.h"
#include "manage/exchanges.h"
#include "manage/loop_change.h"
#include "topology/queue_entry.h"
#include "topology/vhost.h"

/* --- exchanges -------------------------------------------------------------------------------- */

struct declaring {
    struct exchange_declaration declaration;
    bool is_created;
};

static enum change_result declare_on_loop(struct loop *loop, struct vhost *vhost, void *what,
                                          struct durable_done done, struct broker_error *error)
{
    struct declaring *d = what;
    (void)loop;
    return exchange_declare(vhost, &d->declaration, done, error, &d->is_created);
}

static void look_for_exchange(struct vhost *vhost, void *what)
{
    struct exchange_declaration *d = &((struct declaring *)what)->declaration;
    d->only_if_there = exchange_find(vhost, d->name) != NULL;
}

static bool may_declare(struct auth_identity *identity, struct slice vhost, const void *what,
                        struct broker_error *told)
{
    return access_declare_exchange(identity, vhost, &((const struct declaring *)what)->declaration,
                                   told);
}

bool manage_declare_exchange(struct manage *m, const struct actor *actor, struct slice vhost,
                             const struct exchange_declaration *d, bool *ret_created,
                             struct manage_error *error)
{
    struct declaring declaring = {.declaration = *d};
    const struct loop_declaration how = {
        .change = {vhost, SUBJECT_EXCHANGE, declare_on_loop, &declaring},
        .look = look_for_exchange,
        .may = may_declare,
    };
    if (!loop_declare(m, actor, &how, error))
        return false;
    *ret_created = declaring.is_created;
    if (declaring.is_created)
        actor_log(actor, "exchange '%.*s' in vhost '%.*s' is declared", SLICE_ARG(d->name),
                  SLICE_ARG(vhost));
    return true;
}

struct deleting {
    struct slice name;
    bool if_unused;
};

static enum change_result delete_on_loop(struct loop *loop, struct vhost *vhost, void *what,
                                         struct durable_done done, struct broker_error *error)
{
    const struct deleting *d = what;
    (void)loop;
    if (!exchange_find(vhost, d->name)) {
        exchange_refuse_missing(d->name, vhost, error);
        return CHANGE_REFUSED;
    }
    return exchange_delete(vhost, d->name, d->if_unused, done, error);
}

bool manage_delete_exchange(struct manage *m, const struct actor *actor, struct slice vhost,
                            struct slice name, bool if_unused, struct manage_error *error)
{
    struct deleting deleting = {name, if_unused};
    const struct loop_change change = {vhost, SUBJECT_EXCHANGE, delete_on_loop, &deleting};
    /* nobody may delete the default exchange, so no permission is asked for it */
    if (name.n > 0 && !actor_check_exchange(actor, AUTH_CONFIGURE, vhost, name, error))
        return false;
    if (!loop_change_make(m, actor, &change, error))
        return false;
    actor_log(actor, "exchange '%.*s' in vhost '%.*s' is deleted", SLICE_ARG(name),
              SLICE_ARG(vhost));
    return true;
}

/* --- bindings --------------------------------------------------------------------------------- */

static enum change_result bind_on_loop(struct loop *loop, struct vhost *vhost, void *what,
                                       struct durable_done done, struct broker_error *error)
{
    (void)loop;
    return binding_add(vhost, what, done, error);
}

static enum change_result unbind_on_loop(struct loop *loop, struct vhost *vhost, void *what,
                                         struct durable_done done, struct broker_error *error)
{
    (void)loop;
    return binding_remove(vhost, what, done, error);
}

static bool may_bind(struct manage *m, const struct actor *actor, struct slice vhost,
                     const struct binding_request *request, struct manage_error *error)
{
    struct broker_error told;
    if (!actor->identity)
        return true;
    if (!actor_check_vhost(actor, ACTOR_MANAGEMENT, vhost, error))
        return false;
    bool may;
    do {
        struct vhost *found = manage_vhost(m, vhost, error); /* again after each wait */
        if (!found)
            return false;
        may = access_bind(actor->identity, found, request, &told);
    } while (!may && actor_awaits(actor, &told));
    return may || manage_refuse_as_broker(error, SUBJECT_EXCHANGE, &told);
}

static bool change_binding(struct manage *m, const struct actor *actor, struct slice vhost,
                           const struct binding_request *request, bool is_added,
                           struct manage_error *error)
{
    struct binding_request copy = *request;
    const struct loop_change change = {vhost, SUBJECT_EXCHANGE,
                                       is_added ? bind_on_loop : unbind_on_loop, &copy};
    if (!may_bind(m, actor, vhost, request, error) || !loop_change_make(m, actor, &change, error))
        return false;
    actor_log(actor, "binding of exchange '%.*s' to %s '%.*s' in vhost '%.*s' is %s",
              SLICE_ARG(request->source),
              request->destination_kind == DESTINATION_QUEUE ? "queue" : "exchange",
              SLICE_ARG(request->destination), SLICE_ARG(vhost), is_added ? "added" : "removed");
    return true;
}

bool manage_bind(struct manage *m, const struct actor *actor, struct slice vhost,
                 const struct binding_request *request, struct manage_error *error)
{
    return change_binding(m, actor, vhost, request, true, error);
}

bool manage_unbind(struct manage *m, const struct actor *actor, struct slice vhost,
                   const struct binding_request *request, struct manage_error *error)
{
    return change_binding(m, actor, vhost, request, false, error);
}

/* --- a binding by what it looks like ---------------------------------------------------------- */

/* Returns the destination, or NULL if there is none. The caller holds the topology lock. */
static struct destination *find_destination(struct vhost *vhost,
                                            const struct binding_request *request)
{
    if (request->destination_kind == DESTINATION_QUEUE) {
        struct queue_entry *q = queue_entry_find(vhost, request->destination);
        return q ? &q->destination : NULL;
    }
    struct exchange *x = exchange_find(vhost, request->destination);
    return x ? &x->destination : NULL;
}

/* Finds the first binding between the ends that fits, and copies its routing key and its arguments.
 */
static bool find_binding(struct vhost *vhost, const struct binding_request *ends,
                         const struct binding_choice *choice, struct lv_buffer *ret_key,
                         struct lv_buffer *ret_arguments)
{
    bool is_found = false;
    topology_lock(vhost->topology);
    struct destination *to = find_destination(vhost, ends);
    struct lv_list *it, *after;
    if (to) {
        lv_list_each (it, after, &to->bindings_to) {
            const struct binding *b = lv_list_item(it, struct binding, to_link);
            if (is_found || !slice_equal(exchange_name(b->source), ends->source) ||
                !choice->fits(choice->arg, b->routing_key, b->arguments))
                continue;
            lv_buffer_add_slice(ret_key, b->routing_key);
            lv_buffer_add_slice(ret_arguments, b->arguments);
            is_found = true;
        }
    }
    topology_unlock(vhost->topology);
    return is_found;
}

bool manage_unbind_chosen(struct manage *m, const struct actor *actor, struct slice vhost,
                          const struct binding_request *ends, const struct binding_choice *choice,
                          struct manage_error *error)
{
    struct lv_buffer key = {0}, arguments = {0};
    struct binding_request request = *ends;
    struct vhost *found = manage_vhost(m, vhost, error);
    bool is_default = ends->source.n == 0; /* its bindings are implied: the broker refuses */
    bool is_found = found && (is_default || find_binding(found, ends, choice, &key, &arguments));
    request.routing_key = lv_buffer_slice(&key);
    request.arguments = lv_buffer_slice(&arguments);
    bool is_done =
        is_found ? manage_unbind(m, actor, vhost, &request, error)
        : found  ? manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_EXCHANGE, "Binding not found")
                 : false;
    lv_buffer_free(&key);
    lv_buffer_free(&arguments);
    return is_done;
}
