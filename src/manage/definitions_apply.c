/* A file of definitions without faults is applied, in RabbitMQ's order: users, vhosts, permissions,
 * parameters and policies, exchanges, queues, bindings.
 *
 * The writer of the definitions is held back meanwhile, so that everything is committed at once.
 * Vhosts, exchanges, queues and bindings are made on loop 0, some in each turn; the rest is made on
 * the calling thread. Before the loops have started, all of it is. */
#include "manage/definitions_rows.h"

#include <stdlib.h>

#include "base/error.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "broker/trace.h"
#include "broker/vhost_life.h"
#include "manage/announce.h"
#include "manage/connections.h"
#include "manage/vhost_defaults.h"
#include "message/events.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"

enum { ROWS_AT_ONCE = 128 };

static const struct durable_done not_reported = {NULL, NULL};

struct applying {
    struct manage *m;
    const struct actor *actor;
    struct definitions_file *file;
    struct definitions_report *report;
    struct progress *progress;
    uint64_t done; /* rows, of all lists */
    /* On the loop: which rows are next. */
    enum defined_kind kind;
    void (*apply)(struct applying *a, struct loop *loop, struct defined *row);
    size_t next;
};

static struct vhost *vhost_of(const struct applying *a, const struct defined *row)
{
    return vhost_find(&a->m->broker->topology, row->vhost);
}

/* Reports what could be done when it was checked, and cannot now: another client was faster. */
static void report_race(struct applying *a, enum defined_kind kind, struct defined *row,
                        const char *why)
{
    report_fault(a->report, kind, row, "changed during the import: %s", why);
}

/* --- users ------------------------------------------------------------------------------------ */

/* What a user has now: owned texts. */
struct user_now {
    struct slice hash, algorithm, limits;
};

static void user_keep(void *arg, const struct definition_user *row)
{
    struct user_now *now = arg;
    now->hash = slice_copy(row->password_hash);
    now->algorithm = slice_copy(row->hashing_algorithm);
    now->limits = slice_copy(row->limits);
}

/* A file that gives a user neither a password nor a hash leaves the user's own. */
static void user_put(struct applying *a, struct defined_user *u, const struct user_now *now,
                     bool is_new)
{
    char *limits = json_object_size(u->limits) > 0
                       ? json_dumps(u->limits, JSON_COMPACT | JSON_SORT_KEYS)
                       : NULL;
    struct definition_user row = {
        .name = u->head.name,
        .password_hash = now->hash,
        .hashing_algorithm = now->algorithm,
        .tags = u->tags,
        .limits = limits      ? slice_str(limits)
                  : u->limits ? SLICE_EMPTY
                              : now->limits,
    };
    if (u->has_hash) {
        row.password_hash = u->hash;
        row.hashing_algorithm = u->algorithm;
    } else if (u->has_password) {
        row.password_hash = slice_str(u->new_hash);
        row.hashing_algorithm = slice_str(password_algorithm_name(u->new_algorithm));
    }
    int err = auth_put_user(a->m->auth, &row, NULL, NULL, NULL);
    lv_assert(err == 0); /* it was checked */
    if (is_new)
        announce_user_created(a->m, a->actor, u->head.name);
    announce_user_tags(a->m, a->actor, u->head.name, u->tags);
    if (limits)
        announce_user_limits(a->m, a->actor, u->head.name, &row.limits);
    free(limits);
}

static void apply_user(struct applying *a, struct defined *row)
{
    struct user_now now = {0};
    bool is_new = !auth_visit_user(a->m->auth, row->name, user_keep, &now);
    user_put(a, (struct defined_user *)row, &now, is_new);
    free((void *)(uintptr_t)now.hash.p);
    free((void *)(uintptr_t)now.algorithm.p);
    free((void *)(uintptr_t)now.limits.p);
}

static void apply_permission(struct applying *a, struct defined *row)
{
    const struct defined_permission *p = (const struct defined_permission *)row;
    const struct definition_permission d = {row->vhost, row->name, p->configure, p->write, p->read};
    if (auth_set_permissions(a->m->auth, &d, NULL, NULL, NULL) == 0)
        announce_permissions(a->m, a->actor, &d);
    else
        report_race(a, DEFINED_PERMISSIONS, row, "there is no such user");
}

static void apply_topic_permission(struct applying *a, struct defined *row)
{
    const struct defined_topic_permission *p = (const struct defined_topic_permission *)row;
    const struct definition_topic_permission d = {row->vhost, row->name, p->exchange, p->write,
                                                  p->read};
    if (auth_set_topic_permissions(a->m->auth, &d, NULL, NULL, NULL) == 0)
        announce_topic_permissions(a->m, a->actor, &d);
    else
        report_race(a, DEFINED_TOPIC_PERMISSIONS, row, "there is no such user");
}

/* --- parameters and policies ------------------------------------------------------------------ */

static void apply_global_parameter(struct applying *a, struct defined *row)
{
    const struct definition_global_parameter d = {row->name,
                                                  ((struct defined_parameter *)row)->text};
    int err = global_parameter_set(a->m->broker, d.name, d.value, not_reported);
    lv_assert(err == 0);
    announce_global_parameter(a->m, a->actor, &d);
}

static void put_parameter(struct applying *a, enum defined_kind kind, struct defined *row,
                          const struct definition_parameter *d)
{
    struct lv_buffer reason = {0};
    struct vhost *vhost = vhost_of(a, &(struct defined){.vhost = d->vhost});
    int err = vhost ? parameter_set(vhost, d, &reason, not_reported) : ERR_NOT_FOUND;
    if (err == 0)
        announce_parameter(a->m, a->actor, d);
    else if (err != ERR_EXISTS)
        report_race(a, kind, row, lv_error_text(err));
    lv_buffer_free(&reason);
}

static void apply_parameter(struct applying *a, struct defined *row)
{
    const struct defined_parameter *p = (const struct defined_parameter *)row;
    const struct definition_parameter d = {row->vhost, p->component, row->name, p->text};
    put_parameter(a, DEFINED_PARAMETERS, row, &d);
}

/* rabbitmqctl's exports have a vhost's limits here, too; what is under "parameters" follows. */
static void apply_vhost_limits(struct applying *a, struct defined *row)
{
    const struct defined_vhost *v = (const struct defined_vhost *)row;
    if (json_object_size(v->limits) == 0)
        return;
    char *text = json_dumps(v->limits, JSON_COMPACT | JSON_SORT_KEYS);
    const struct definition_parameter d = {row->name, slice_str("vhost-limits"),
                                           slice_str("limits"), slice_str(text)};
    put_parameter(a, DEFINED_VHOSTS, row, &d);
    free(text);
}

static void apply_policy(struct applying *a, struct defined *row)
{
    const struct defined_policy *p = (const struct defined_policy *)row;
    const struct definition_policy d = {
        .vhost = row->vhost,
        .name = row->name,
        .pattern = p->pattern,
        .apply_to = p->apply_to,
        .priority = p->priority,
        .definition = p->text,
    };
    struct lv_buffer reason = {0};
    struct vhost *vhost = vhost_of(a, row);
    int err = vhost ? policy_set(vhost, &d, &reason, not_reported, NULL) : ERR_NOT_FOUND;
    if (err == 0)
        announce_policy(a->m, a->actor, &d);
    else if (err != ERR_EXISTS)
        report_race(a, DEFINED_POLICIES, row, lv_error_text(err));
    lv_buffer_free(&reason);
}

/* --- on the loop: vhosts, exchanges, queues, bindings ----------------------------------------- */

/* Changes a vhost that exists. */
static void vhost_change(struct applying *a, struct vhost *vhost, const struct defined_vhost *v)
{
    struct topology *t = &a->m->broker->topology;
    topology_lock(t);
    struct slice description = slice_copy(v->has_description ? v->description : vhost->description);
    struct slice tags = slice_copy(v->has_tags ? v->tags : vhost->tags);
    bool is_same = slice_equal(description, vhost->description) && slice_equal(tags, vhost->tags);
    bool has_other_tags = !slice_equal(tags, vhost->tags);
    bool is_protected = v->has_protection ? v->is_protected : vhost->is_protected;
    bool has_other_protection = is_protected != vhost->is_protected;
    topology_unlock(t);
    if (has_other_protection)
        vhost_protect(vhost, is_protected, not_reported);
    if (!is_same && vhost_describe(vhost, &description, &tags, not_reported) == 0 && has_other_tags)
        announce_vhost_tags(a->m, a->actor, v->head.name, tags);
    free((void *)(uintptr_t)description.p);
    free((void *)(uintptr_t)tags.p);
}

static void apply_vhost(struct applying *a, struct loop *loop, struct defined *row)
{
    struct defined_vhost *v = (struct defined_vhost *)row;
    struct vhost *vhost = vhost_find(&a->m->broker->topology, row->name);
    const struct definition_vhost d = {row->name, v->description, v->tags, v->default_queue_type,
                                       v->is_protected};
    (void)loop;
    if (vhost) {
        vhost_change(a, vhost, v);
    } else {
        vhost_create(a->m->broker, &d, true, not_reported, &vhost);
        v->is_created = true;
        actor_log(a->actor, "vhost '%.*s' is created", SLICE_ARG(row->name));
    }
    if (v->has_tracing)
        trace_set(vhost, v->is_traced);
}

static void apply_exchange(struct applying *a, struct loop *loop, struct defined *row)
{
    const struct defined_exchange *x = (const struct defined_exchange *)row;
    const struct exchange_declaration d = {
        .name = row->name,
        .type = x->type,
        .durable = x->is_durable,
        .auto_delete = x->is_auto_delete,
        .internal = x->is_internal,
        .arguments = x->arguments,
    };
    struct broker_error error = {.text = "there is no such vhost"};
    struct vhost *vhost = vhost_of(a, row);
    bool is_created;
    (void)loop;
    if (vhost && vhost_predeclared_type(row->name) && exchange_find(vhost, row->name))
        return;
    if (!vhost || exchange_declare(vhost, &d, not_reported, &error, &is_created) == CHANGE_REFUSED)
        report_race(a, DEFINED_EXCHANGES, row, error.text);
}

static void apply_queue(struct applying *a, struct loop *loop, struct defined *row)
{
    const struct defined_queue *q = (const struct defined_queue *)row;
    const struct queue_declaration d = {
        .name = row->name,
        .flags = {.durable = q->is_durable, .auto_delete = q->is_auto_delete},
        .arguments = q->arguments,
    };
    struct broker_error error = {.text = "there is no such vhost"};
    struct vhost *vhost = vhost_of(a, row);
    struct queue *made;
    bool is_created;
    if (!vhost ||
        queue_declare(loop, vhost, &d, not_reported, &error, &made, &is_created) == CHANGE_REFUSED)
        report_race(a, DEFINED_QUEUES, row, error.text);
}

static void apply_binding(struct applying *a, struct loop *loop, struct defined *row)
{
    const struct defined_binding *b = (const struct defined_binding *)row;
    const struct binding_request request = {
        .source = row->name,
        .destination = b->destination,
        .destination_kind =
            slice_is(b->destination_type, "queue") ? DESTINATION_QUEUE : DESTINATION_EXCHANGE,
        .routing_key = b->routing_key,
        .arguments = b->arguments,
    };
    struct broker_error error = {.text = "there is no such vhost"};
    struct vhost *vhost = vhost_of(a, row);
    (void)loop;
    if (!vhost || binding_add(vhost, &request, not_reported, &error) == CHANGE_REFUSED)
        report_race(a, DEFINED_BINDINGS, row, error.text);
}

static void count(struct applying *a, uint64_t rows)
{
    a->done += rows;
    progress_set(a->progress, a->done, a->report->skipped_count);
}

static void apply_on_loop(struct loop *loop, void *arg)
{
    struct applying *a = arg;
    const struct defined_list *list = &a->file->lists[a->kind];
    struct slice before = events_act_as(a->actor->name);
    size_t first = a->next;
    while (a->next < first + ROWS_AT_ONCE && a->next < list->count) {
        struct defined *row = defined_at(list, a->next++);
        if (!row->is_skipped)
            a->apply(a, loop, row);
    }
    events_act_as(before);
    count(a, a->next - first);
}

/* Applies a list, some rows in each turn of loop 0. Returns 0 or ERR_CLOSED. */
static int list_apply(struct applying *a, enum defined_kind kind,
                      void (*apply)(struct applying *a, struct loop *loop, struct defined *row))
{
    int err = 0;
    a->kind = kind;
    a->apply = apply;
    a->next = 0;
    while (err == 0 && a->next < a->file->lists[kind].count) {
        if (a->m->asker) {
            err = ask_loop(a->m->asker, loops_at(a->m->loops, 0), apply_on_loop, a);
        } else {
            apply_on_loop(NULL, a);
            lv_rcu_quiescent(); /* tables grow only then */
        }
    }
    return err;
}

/* --- on the calling thread -------------------------------------------------------------------- */

static void list_apply_here(struct applying *a, enum defined_kind kind,
                            void (*apply)(struct applying *a, struct defined *row))
{
    const struct defined_list *list = &a->file->lists[kind];
    struct slice before = events_act_as(a->actor->name);
    for (size_t i = 0; i < list->count; i++) {
        if (!defined_at(list, i)->is_skipped)
            apply(a, defined_at(list, i));
        lv_rcu_quiescent();
    }
    events_act_as(before);
    if (kind != DEFINED_VHOSTS) /* list_apply() has counted these */
        count(a, list->count);
}

/* Gives a vhost that was created what new vhosts begin with. What the file says of it follows. */
static void apply_vhost_defaults(struct applying *a, struct defined *row)
{
    struct vhost *vhost = vhost_find(&a->m->broker->topology, row->name);
    if (a->m->vhost_defaults && vhost && ((struct defined_vhost *)row)->is_created)
        vhost_defaults_begin(a->m->vhost_defaults, a->m->auth, vhost);
}

static int apply_all(struct applying *a)
{
    list_apply_here(a, DEFINED_USERS, apply_user);
    int err = list_apply(a, DEFINED_VHOSTS, apply_vhost);
    if (err < 0)
        return err;
    list_apply_here(a, DEFINED_VHOSTS, apply_vhost_defaults);
    list_apply_here(a, DEFINED_PERMISSIONS, apply_permission);
    list_apply_here(a, DEFINED_TOPIC_PERMISSIONS, apply_topic_permission);
    list_apply_here(a, DEFINED_GLOBAL_PARAMETERS, apply_global_parameter);
    list_apply_here(a, DEFINED_POLICIES, apply_policy);
    list_apply_here(a, DEFINED_VHOSTS, apply_vhost_limits);
    list_apply_here(a, DEFINED_PARAMETERS, apply_parameter);
    err = list_apply(a, DEFINED_EXCHANGES, apply_exchange);
    if (err == 0)
        err = list_apply(a, DEFINED_QUEUES, apply_queue);
    if (err == 0)
        err = list_apply(a, DEFINED_BINDINGS, apply_binding);
    return err;
}

static void answer_only(struct loop *loop, void *arg)
{
    (void)loop, (void)arg;
}

/* Has connections notice their users' new permissions, and waits until every queue has applied the
 * policies. */
static int wait_for_loops(struct applying *a)
{
    const struct defined_list *list = &a->file->lists[DEFINED_PERMISSIONS];
    struct slice last = SLICE_EMPTY;
    int err = 0;
    if (!a->m->asker)
        return 0;
    for (size_t i = 0; err == 0 && i < list->count; i++) {
        struct slice user = defined_at(list, i)->name;
        if (!slice_equal(user, last))
            err = connections_recheck(a->m, user);
        last = user;
    }
    return err < 0 ? err : ask_every_loop(a->m->asker, answer_only, NULL);
}

int definitions_apply(struct manage *m, const struct actor *actor, struct definitions_file *file,
                      struct progress *progress, struct definitions_report *report)
{
    struct applying a = {
        .m = m, .actor = actor, .file = file, .report = report, .progress = progress};
    struct definitions *d = m->broker->topology.definitions;
    struct commit commit;
    if (!d)
        return apply_all(&a);
    definitions_hold(d);
    int err = apply_all(&a);
    commit_begin(&commit);
    /* It changes nothing, and is committed with everything before it. */
    definitions_submit(d, definition_delete_global_parameter(SLICE_EMPTY), commit_done, &commit);
    definitions_release(d);
    int committed = commit_end(&commit, 0);
    if (err == 0)
        err = committed;
    return err < 0 ? err : wait_for_loops(&a);
}
