/* Vhosts: listing, creating, tagging, deleting, tracing. A vhost is created on loop 0, because
 * creating it sends mail, which must come from a loop. */
#include "manage/vhosts.h"
#include "broker/vhost_life.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "broker/trace.h"
#include "manage/announce.h"
#include "manage/change.h"
#include "manage/columns.h"
#include "manage/connections.h"
#include "manage/facts.h"
#include "manage/tags.h"
#include "manage/users.h"
#include "manage/vhost_defaults.h"
#include "topology/vhost.h"

/* --- the listing ------------------------------------------------------------------------------ */

static int by_name(const void *a, const void *b)
{
    const struct vhost_facts *p = *(struct vhost_facts *const *)a;
    const struct vhost_facts *q = *(struct vhost_facts *const *)b;
    return slice_compare(p->name, q->name);
}

static void add_vhost(struct listing *l, struct vhost *vhost)
{
    struct slice type = vhost->default_queue_type;
    struct vhost_facts f = {
        .name = vhost_name(vhost),
        .description = vhost->description,
        .tags = vhost->tags,
        .default_queue_type = type.n > 0 ? type : slice_str("undefined"),
        .is_traced = trace_is_on(vhost),
        .is_protected = vhost->is_protected,
    };
    listing_add(l, FACTS_COPY(&f, &f.name, &f.description, &f.tags, &f.default_queue_type));
}

/* Keeps the vhosts that the actor may see. This may wait for a backend, so no lock is held. */
static void keep_visible(const struct actor *actor, struct listing *l)
{
    struct manage_error hidden = {0};
    size_t kept = 0;
    for (size_t i = 0; i < l->count; i++) {
        struct vhost_facts *f = l->rows[i];
        if (actor_check_vhost(actor, ACTOR_MANAGEMENT, f->name, &hidden))
            l->rows[kept++] = f;
        else
            free(f);
    }
    l->count = kept;
    manage_error_free(&hidden);
}

bool manage_list_vhosts(struct manage *m, const struct actor *actor, struct listing *ret,
                        struct manage_error *error)
{
    *ret = (struct listing){.columns = vhost_columns};
    if (!actor_check_rank(actor, ACTOR_MANAGEMENT, error))
        return false;
    struct lv_table_iter it;
    topology_lock(&m->broker->topology); /* descriptions and tags are read under it */
    for (struct lv_table_node *node = lv_table_first(m->broker->topology.vhosts, &it); node;
         node = lv_table_next(m->broker->topology.vhosts, &it))
        add_vhost(ret, lv_container_of(node, struct vhost, by_name));
    topology_unlock(&m->broker->topology);
    keep_visible(actor, ret);
    listing_sort_by(ret, by_name);
    return true;
}

bool manage_find_vhost(struct manage *m, const struct actor *actor, struct slice name,
                       struct listing *ret, struct manage_error *error)
{
    *ret = (struct listing){.columns = vhost_columns};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    topology_lock(&m->broker->topology);
    struct vhost *vhost = vhost_find(&m->broker->topology, name);
    if (vhost)
        add_vhost(ret, vhost);
    topology_unlock(&m->broker->topology);
    return true;
}

#define F struct vhost_facts
#define COLUMN_OF(column) vhost_column_##column
VHOST_COLUMNS(COLUMN_VALUE)
const struct column vhost_columns[] = {VHOST_COLUMNS(COLUMN_ROW) COLUMNS_END};

/* --- creating --------------------------------------------------------------------------------- */

struct vhost_change {
    struct broker *broker;
    const struct actor *actor;
    struct definition_vhost row;
    struct commit commit;
    enum change_result result;
    bool is_new;
    struct broker_error refused;
};

/* Returns whether a limit allows the vhost, or it exists. Vhosts are only created on loop 0: none
 * comes between this and the creation. */
static bool may_create(struct broker *broker, struct slice name, struct broker_error *error)
{
    struct topology *t = &broker->topology;
    topology_lock(t);
    bool may = vhost_find(t, name) || node_check_vhost_limit(t, name, error);
    topology_unlock(t);
    return may;
}

static void create_on_loop(struct loop *loop, void *arg)
{
    struct vhost_change *c = arg;
    struct vhost *vhost;
    (void)loop;
    if (!may_create(c->broker, c->row.name, &c->refused)) {
        c->result = CHANGE_REFUSED;
        return;
    }
    c->is_new = !vhost_find(&c->broker->topology, c->row.name);
    struct slice before = events_act_as(c->actor->name);
    c->result = vhost_create(c->broker, &c->row, true,
                             (struct durable_done){commit_done, &c->commit}, &vhost);
    events_act_as(before);
}

static int change_create(struct manage *m, struct vhost_change *c)
{
    commit_begin(&c->commit);
    int err = ask_loop(m->asker, loops_at(m->loops, 0), create_on_loop, c);
    if (err == 0 && c->result == CHANGE_REFUSED)
        err = ERR_REFUSED;
    bool is_pending = err == 0 && c->result == CHANGE_PENDING;
    int committed = commit_end(&c->commit, is_pending ? 0 : ERR_CLOSED);
    return is_pending ? committed : err;
}

bool manage_add_vhost(struct manage *m, const struct actor *actor,
                      const struct definition_vhost *vhost, bool *ret_is_new,
                      struct manage_error *error)
{
    struct slice type = vhost->default_queue_type;
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    if (type.n > 0 && !vhost_is_queue_type(type))
        return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_QUEUE_TYPE,
                             "there is no queue type '%.*s'", SLICE_ARG(type));
    struct lv_buffer tags = {0};
    struct vhost_change c = {.broker = m->broker, .actor = actor, .row = *vhost};
    c.row.tags = tags_tidy(vhost->tags, &tags);
    int err = change_create(m, &c);
    lv_buffer_free(&tags);
    if (err == ERR_REFUSED)
        return manage_refuse_as_broker(error, SUBJECT_VHOST, &c.refused);
    if (err == 0 && c.is_new)
        actor_log(actor, "vhost '%.*s' is created", SLICE_ARG(vhost->name));
    if (err == 0 && c.is_new && m->vhost_defaults)
        vhost_defaults_apply(m->vhost_defaults, m, actor, vhost->name);
    if (err == 0 && ret_is_new)
        *ret_is_new = c.is_new;
    return manage_end(error, err);
}

/* --- changing, deleting ----------------------------------------------------------------------- */

static bool refuse_missing(struct manage_error *error, struct slice name)
{
    return manage_refuse(error, REFUSAL_NOT_FOUND, SUBJECT_VHOST,
                         "Virtual host '%.*s' does not exist", SLICE_ARG(name));
}

static bool vhost_change_end(struct manage_error *error, struct slice vhost, int err)
{
    return err == ERR_NOT_FOUND ? refuse_missing(error, vhost) : manage_end(error, err);
}

void announce_vhost_tags(struct manage *m, const struct actor *actor, struct slice vhost,
                         struct slice tags)
{
    event_emit(broker_events(m->broker), "vhost.tags.set", ACTOR(actor), EVENT_WORDS("tags", tags),
               EVENT_STR("name", vhost));
    actor_log(actor, "vhost '%.*s' has the tags '%.*s'", SLICE_ARG(vhost), SLICE_ARG(tags));
}

/* Replaces the texts that are not NULL. */
static bool describe(struct manage *m, const struct actor *actor, struct slice name,
                     const struct slice *description, const struct slice *tags,
                     struct manage_error *error)
{
    struct vhost *vhost = manage_vhost(m, name, error);
    if (!vhost)
        return false;
    struct lv_buffer tidy = {0};
    struct slice tidied = tags ? tags_tidy(*tags, &tidy) : SLICE_EMPTY;
    struct change change;
    int err =
        vhost_describe(vhost, description, tags ? &tidied : NULL, change_begin(&change, actor));
    err = change_end(&change, err);
    if (err == 0 && tags)
        announce_vhost_tags(m, actor, name, tidied);
    lv_buffer_free(&tidy);
    return vhost_change_end(error, name, err);
}

bool manage_set_vhost_tags(struct manage *m, const struct actor *actor, struct slice name,
                           struct slice tags, struct manage_error *error)
{
    return actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) &&
           describe(m, actor, name, NULL, &tags, error);
}

bool manage_update_vhost(struct manage *m, const struct actor *actor, const struct vhost_wish *wish,
                         struct manage_error *error)
{
    return actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) &&
           describe(m, actor, wish->name, wish->description, wish->tags, error);
}

bool manage_protect_vhost(struct manage *m, const struct actor *actor, struct slice name,
                          bool is_protected, struct manage_error *error)
{
    struct change change;
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    struct vhost *vhost = manage_vhost(m, name, error);
    if (!vhost)
        return false;
    int err = vhost_protect(vhost, is_protected, change_begin(&change, actor));
    err = change_end(&change, err);
    if (err == 0)
        actor_log(actor, "vhost '%.*s' is %s from deletion", SLICE_ARG(name),
                  is_protected ? "protected" : "no longer protected");
    return vhost_change_end(error, name, err);
}

static bool refuse_protected(struct manage_error *error, struct slice name)
{
    return manage_refuse(error, REFUSAL_PRECONDITION, SUBJECT_VHOST,
                         "Refusing to delete virtual host '%.*s' because it is protected from "
                         "deletion",
                         SLICE_ARG(name));
}

static bool is_protected(struct manage *m, struct slice name)
{
    topology_lock(&m->broker->topology);
    const struct vhost *vhost = vhost_find(&m->broker->topology, name);
    bool is = vhost && vhost->is_protected;
    topology_unlock(&m->broker->topology);
    return is;
}

struct announcing {
    struct manage *m;
    const struct actor *actor;
};

/* Permissions are deleted with the vhost; as in RabbitMQ, their events precede the vhost's. */
static void permission_announce_deleted(void *arg, const struct definition_permission *row)
{
    const struct announcing *t = arg;
    event_emit(broker_events(t->m->broker), "permission.deleted", EVENT_STR("vhost", row->vhost),
               EVENT_STR("user", row->user), ACTOR(t->actor));
}

static int vhost_close_connections(struct manage *m, struct slice vhost)
{
    struct lv_buffer reason = {0};
    lv_buffer_printf(&reason, "vhost '%.*s' is deleted", SLICE_ARG(vhost));
    lv_buffer_add_u8(&reason, '\0');
    int err = connections_close(m, vhost, SLICE_EMPTY, (const char *)reason.p);
    lv_buffer_free(&reason);
    return err;
}

/* The vhost is deleted first, so that no new connection can open it; then its connections are
 * closed. */
bool manage_delete_vhost(struct manage *m, const struct actor *actor, struct slice name,
                         struct manage_error *error)
{
    struct announcing announcing = {m, actor};
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error) || !manage_vhost(m, name, error))
        return false;
    if (is_protected(m, name)) /* it must not be announced that permissions end */
        return refuse_protected(error, name);
    auth_list_permissions(m->auth, SLICE_EMPTY, name, permission_announce_deleted, &announcing);
    struct change change;
    int err = vhost_delete(m->broker, name, change_begin(&change, actor));
    err = change_end(&change, err);
    if (err == ERR_NOT_FOUND)
        return refuse_missing(error, name);
    if (err == ERR_REFUSED)
        return refuse_protected(error, name);
    actor_log(actor, "vhost '%.*s' is deleted", SLICE_ARG(name));
    if (err == 0 && name.n > 0)
        err = vhost_close_connections(m, name);
    auth_forget_vhost(m->auth, name);
    return manage_end(error, err);
}

bool manage_trace(struct manage *m, const struct actor *actor, struct slice name, bool is_on,
                  struct manage_error *error)
{
    if (!actor_check_vhost(actor, ACTOR_ADMINISTRATOR, name, error))
        return false;
    struct vhost *vhost = vhost_find(&m->broker->topology, name);
    if (vhost)
        trace_set(vhost, is_on);
    return true;
}

/* --- creating or changing --------------------------------------------------------------------- */

static struct slice wished(const struct slice *text)
{
    return text ? *text : SLICE_EMPTY;
}

/* As in RabbitMQ, who creates a vhost may use it. */
static bool permit_creator(struct manage *m, const struct actor *actor, struct slice vhost,
                           struct manage_error *error)
{
    const struct slice all = slice_str(".*");
    const struct definition_permission row = {
        .vhost = vhost, .user = actor->name, .configure = all, .write = all, .read = all};
    bool is_user = actor->identity && auth_has_user(m->auth, actor->name);
    return !is_user || manage_set_permissions(m, actor, &row, error);
}

static bool create_as_wished(struct manage *m, const struct actor *actor,
                             const struct vhost_wish *wish, bool *ret_is_new,
                             struct manage_error *error)
{
    const struct definition_vhost row = {
        .name = wish->name,
        .description = wished(wish->description),
        .tags = wished(wish->tags),
        .default_queue_type = wished(wish->default_queue_type),
    };
    return manage_add_vhost(m, actor, &row, ret_is_new, error) &&
           (!*ret_is_new || permit_creator(m, actor, wish->name, error));
}

bool manage_put_vhost(struct manage *m, const struct actor *actor, const struct vhost_wish *wish,
                      bool *ret_is_new, struct manage_error *error)
{
    if (!actor_check_rank(actor, ACTOR_ADMINISTRATOR, error))
        return false;
    bool is_new = false;
    bool is_done = vhost_find(&m->broker->topology, wish->name) ||
                   create_as_wished(m, actor, wish, &is_new, error);
    if (is_done && !is_new && (wish->description || wish->tags))
        is_done = describe(m, actor, wish->name, wish->description, wish->tags, error);
    if (is_done && wish->is_traced)
        is_done = manage_trace(m, actor, wish->name, *wish->is_traced, error);
    if (is_done)
        *ret_is_new = is_new;
    return is_done;
}
