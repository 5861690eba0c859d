/* A file of definitions is checked before anything is changed: each row by the function that would
 * refuse it later, and what it refers to against the file and against what exists.
 *
 * The order is the one in which rows are applied, so that a report reads from top to bottom. A row
 * that has a fault is not checked further, but counts as there for the rows that refer to it. */
#include "manage/definitions_rows.h"

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/memory.h"
#include "base/search.h"
#include "base/vec.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"
#include "wire/table.h"
#include "wire/table_json.h"

struct checking {
    struct manage *m;
    struct definitions_file *file;
    struct definitions_report *report;
    struct defined_scopes *scopes;
    struct name_index users, queues, exchanges;
};

/* --- names in the file ------------------------------------------------------------------------ */

/* Returns whether row i of the index has the same name as the one before. */
static bool index_repeats(const struct name_index *index, size_t i)
{
    return i > 0 && slice_equal(index->rows[i]->name, index->rows[i - 1]->name) &&
           slice_equal(index->rows[i]->vhost, index->rows[i - 1]->vhost);
}

/* --- vhosts ----------------------------------------------------------------------------------- */

struct scope_list {
    struct defined_scope *items;
    size_t count, capacity;
};

static int compare_scopes(const void *a, const void *b)
{
    const struct defined_scope *x = a, *y = b;
    int order = slice_compare(x->name, y->name);
    return order ? order : (y->row != NULL) - (x->row != NULL);
}

struct defined_scope *scope_find(const struct defined_scopes *scopes, struct slice name)
{
    size_t found;
    LV_LOWER_BOUND(found, scopes->count, at, slice_compare(scopes->items[at].name, name) < 0);
    bool is_there = found < scopes->count && slice_equal(scopes->items[found].name, name);
    return is_there ? &scopes->items[found] : NULL;
}

/* Adds the vhosts that rows of this kind are in, unless the row before was in the same one. */
static void scopes_collect(const struct defined_list *list, struct scope_list *out)
{
    struct slice last = SLICE_EMPTY;
    for (size_t i = 0; i < list->count; i++) {
        const struct defined *row = defined_at(list, i);
        if (row->vhost.n == 0 || slice_equal(row->vhost, last))
            continue;
        last = row->vhost;
        lv_vec_room(out->items, out->count, out->capacity);
        out->items[out->count++] = (struct defined_scope){.name = last};
    }
}

static void scopes_collect_listed(const struct defined_list *list, struct scope_list *out)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct defined_vhost *row = (const struct defined_vhost *)defined_at(list, i);
        lv_vec_room(out->items, out->count, out->capacity);
        out->items[out->count++] = (struct defined_scope){.name = row->head.name, .row = row};
    }
}

static void scope_begin(struct topology *topology, struct defined_scope *scope)
{
    struct vhost *vhost = vhost_find(topology, scope->name);
    scope->is_new = !vhost;
    scope->queues_max = -1;
    if (vhost) {
        vhost_ref(vhost);
        scope->vhost = vhost;
        scope->queues_max = atomic_load(&vhost->limits.queues_max);
    } else {
        scope->vhost = vhost_draft(topology, scope->name, scope->row->default_queue_type);
    }
}

static void scopes_make(struct manage *m, const struct definitions_file *file,
                        struct defined_scopes *ret)
{
    struct scope_list all = {0};
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++)
        scopes_collect(&file->lists[kind], &all);
    scopes_collect_listed(&file->lists[DEFINED_VHOSTS], &all);
    if (all.count > 1)
        qsort(all.items, all.count, sizeof *all.items, compare_scopes);
    size_t kept = 0;
    for (size_t i = 0; i < all.count; i++) {
        struct defined_scope *scope = &all.items[i];
        bool is_known = scope->row || vhost_find(&m->broker->topology, scope->name);
        if (!is_known || (kept > 0 && slice_equal(all.items[kept - 1].name, scope->name)))
            continue;
        scope_begin(&m->broker->topology, scope);
        all.items[kept++] = *scope;
    }
    *ret = (struct defined_scopes){all.items, kept};
}

void defined_scopes_free(struct defined_scopes *scopes)
{
    for (size_t i = 0; i < scopes->count; i++) {
        if (scopes->items[i].is_new)
            vhost_draft_free(&scopes->items[i].vhost);
        else
            vhost_unref(&scopes->items[i].vhost);
    }
    free(scopes->items);
    *scopes = (struct defined_scopes){0};
}

/* Returns the scope of the row's vhost, or NULL after reporting that there is no such vhost. */
static struct defined_scope *scope_of(struct checking *c, enum defined_kind kind,
                                      struct defined *row)
{
    struct defined_scope *scope = scope_find(c->scopes, row->vhost);
    if (!scope)
        report_fault(c->report, kind, row, "there is no such vhost (no_such_vhost)");
    return scope;
}

/* Returns the limit max-queues in a JSON text of limits, or -1. */
static int64_t max_queues_of(struct slice limits)
{
    json_t *json = json_loadb((const char *)limits.p, limits.n, 0, NULL);
    const json_t *max = json_object_get(json, "max-queues");
    int64_t count = json_is_integer(max) ? json_integer_value(max) : -1;
    json_decref(json);
    return count;
}

static void check_limits_of_vhost(struct checking *c, struct defined_vhost *v)
{
    struct lv_buffer reason = {0};
    char *text = json_dumps(v->limits, JSON_COMPACT);
    const struct definition_parameter row = {.component = slice_str("vhost-limits"),
                                             .name = slice_str("limits"),
                                             .value = slice_str(text)};
    if (parameter_check(&row, &reason) < 0)
        report_fault(c->report, DEFINED_VHOSTS, &v->head, "limits: %.*s",
                     SLICE_ARG(lv_buffer_slice(&reason)));
    else if (json_object_size(v->limits) > 0)
        scope_find(c->scopes, v->head.name)->queues_max = max_queues_of(row.value);
    free(text);
    lv_buffer_free(&reason);
}

static void check_vhost(struct checking *c, struct defined *row)
{
    struct defined_vhost *v = (struct defined_vhost *)row;
    if (v->default_queue_type.n > 0 && !vhost_is_queue_type(v->default_queue_type))
        report_fault(c->report, DEFINED_VHOSTS, row, "there is no queue type '%.*s'",
                     SLICE_ARG(v->default_queue_type));
    else if (v->limits)
        check_limits_of_vhost(c, v);
}

/* --- users and permissions -------------------------------------------------------------------- */

static bool has_user(const struct checking *c, struct slice name)
{
    return index_find(&c->users, SLICE_EMPTY, name) || auth_has_user(c->m->auth, name);
}

static bool check_hash(struct checking *c, struct defined_user *u)
{
    const struct definition_user row = {
        .name = u->head.name, .password_hash = u->hash, .hashing_algorithm = u->algorithm};
    enum password_algorithm algorithm;
    if (password_algorithm_of(u->algorithm, &algorithm) < 0) {
        struct lv_buffer reason = {0};
        password_algorithm_refuse(u->algorithm, &reason);
        report_fault(c->report, DEFINED_USERS, &u->head, "%s", (const char *)reason.p);
        lv_buffer_free(&reason);
        return false;
    }
    if (u->has_hash && auth_check_user(&row) < 0)
        return report_fault(c->report, DEFINED_USERS, &u->head,
                            "password_hash is not a hash of %s (not_base64)",
                            password_algorithm_name(algorithm));
    return true;
}

static bool check_password(struct checking *c, struct defined_user *u)
{
    struct lv_buffer reason = {0};
    if (u->has_password && u->has_hash)
        return report_fault(c->report, DEFINED_USERS, &u->head,
                            "both password and password_hash are given "
                            "(both_password_and_password_hash_are_provided)");
    bool is_fine = !u->has_password || auth_password_is_fine(c->m->auth, u->password, &reason) ||
                   report_fault(c->report, DEFINED_USERS, &u->head, "%.*s",
                                SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
    return is_fine && check_hash(c, u);
}

static void check_user(struct checking *c, struct defined *row)
{
    struct defined_user *u = (struct defined_user *)row;
    if (!check_password(c, u) || !u->limits)
        return;
    struct lv_buffer reason = {0};
    char *text = json_dumps(u->limits, JSON_COMPACT);
    if (auth_check_limits(slice_str(text), &reason) < 0)
        report_fault(c->report, DEFINED_USERS, row, "limits: %.*s",
                     SLICE_ARG(lv_buffer_slice(&reason)));
    free(text);
    lv_buffer_free(&reason);
}

static bool check_user_of(struct checking *c, enum defined_kind kind, struct defined *row)
{
    return has_user(c, row->name) ||
           report_fault(c->report, kind, row, "there is no such user (no_such_user)");
}

static void check_permission(struct checking *c, struct defined *row)
{
    const struct defined_permission *p = (const struct defined_permission *)row;
    const struct definition_permission d = {row->vhost, row->name, p->configure, p->write, p->read};
    struct lv_buffer reason = {0};
    if (check_user_of(c, DEFINED_PERMISSIONS, row) && scope_of(c, DEFINED_PERMISSIONS, row) &&
        auth_check_permissions(&d, &reason) < 0)
        report_fault(c->report, DEFINED_PERMISSIONS, row, "%.*s",
                     SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
}

static void check_topic_permission(struct checking *c, struct defined *row)
{
    const struct defined_topic_permission *p = (const struct defined_topic_permission *)row;
    const struct definition_topic_permission d = {row->vhost, row->name, p->exchange, p->write,
                                                  p->read};
    struct lv_buffer reason = {0};
    if (check_user_of(c, DEFINED_TOPIC_PERMISSIONS, row) &&
        scope_of(c, DEFINED_TOPIC_PERMISSIONS, row) &&
        auth_check_topic_permissions(&d, &reason) < 0)
        report_fault(c->report, DEFINED_TOPIC_PERMISSIONS, row, "%.*s",
                     SLICE_ARG(lv_buffer_slice(&reason)));
    lv_buffer_free(&reason);
}

/* --- parameters and policies ------------------------------------------------------------------ */

static void report_setting(struct checking *c, enum defined_kind kind, struct defined *row, int err,
                           const struct lv_buffer *reason)
{
    if (err == ERR_REFUSED)
        report_fault(c->report, kind, row, "policies may not be set using this method");
    else if (err == ERR_FORMAT)
        report_fault(c->report, kind, row, "a value contains U+0000");
    else if (err < 0)
        report_fault(c->report, kind, row, "Validation failed: %.*s",
                     SLICE_ARG(lv_buffer_slice(reason)));
}

static void check_parameter(struct checking *c, struct defined *row)
{
    const struct defined_parameter *p = (const struct defined_parameter *)row;
    const struct definition_parameter d = {row->vhost, p->component, row->name, p->text};
    struct defined_scope *scope = scope_of(c, DEFINED_PARAMETERS, row);
    struct lv_buffer reason = {0};
    if (!scope)
        return;
    int err = parameter_check(&d, &reason);
    report_setting(c, DEFINED_PARAMETERS, row, err, &reason);
    if (err == 0 && slice_is(p->component, "vhost-limits"))
        scope->queues_max = max_queues_of(p->text);
    lv_buffer_free(&reason);
}

static void check_global_parameter(struct checking *c, struct defined *row)
{
    struct slice text = ((const struct defined_parameter *)row)->text;
    json_t *json = json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL);
    if (!json)
        report_fault(c->report, DEFINED_GLOBAL_PARAMETERS, row, "value contains U+0000");
    json_decref(json);
}

static void check_policy(struct checking *c, struct defined *row)
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
    if (scope_of(c, DEFINED_POLICIES, row))
        report_setting(c, DEFINED_POLICIES, row, policy_check(&d, &reason), &reason);
    lv_buffer_free(&reason);
}

/* --- exchanges and queues --------------------------------------------------------------------- */

static struct exchange_declaration exchange_of(const struct defined_exchange *x)
{
    return (struct exchange_declaration){
        .name = x->head.name,
        .type = x->type,
        .durable = x->is_durable,
        .auto_delete = x->is_auto_delete,
        .internal = x->is_internal,
        .arguments = x->arguments,
    };
}

/* Returns whether this is one of the exchanges that a new vhost begins with. */
static bool is_predeclared(const struct defined_scope *scope, const struct defined_exchange *x)
{
    const struct exchange_type *type = vhost_predeclared_type(x->head.name);
    return scope->is_new && type && slice_is(x->type, type->name);
}

static void check_exchange(struct checking *c, struct defined *row)
{
    const struct exchange_declaration d = exchange_of((struct defined_exchange *)row);
    struct defined_scope *scope = scope_of(c, DEFINED_EXCHANGES, row);
    struct broker_error error;
    if (scope && !is_predeclared(scope, (struct defined_exchange *)row) &&
        !exchange_check(scope->vhost, &d, &error))
        report_fault(c->report, DEFINED_EXCHANGES, row, "%s", error.text);
}

static void check_queue(struct checking *c, struct defined *row)
{
    const struct defined_queue *q = (const struct defined_queue *)row;
    struct defined_scope *scope = scope_of(c, DEFINED_QUEUES, row);
    const struct queue_declaration d = {
        .name = row->name,
        .flags = {.durable = q->is_durable, .auto_delete = q->is_auto_delete},
        .arguments = q->arguments,
    };
    struct broker_error error;
    if (scope && !queue_check(scope->vhost, &d, &error))
        report_fault(c->report, DEFINED_QUEUES, row, "%s", error.text);
}

static bool queues_differ(const struct defined *a, const struct defined *b)
{
    const struct defined_queue *x = (const void *)a, *y = (const void *)b;
    return x->is_durable != y->is_durable || x->is_auto_delete != y->is_auto_delete ||
           !table_equal(x->arguments, y->arguments);
}

static bool exchanges_differ(const struct defined *a, const struct defined *b)
{
    const struct defined_exchange *x = (const void *)a, *y = (const void *)b;
    return !slice_equal(x->type, y->type) || x->is_durable != y->is_durable ||
           x->is_auto_delete != y->is_auto_delete || x->is_internal != y->is_internal ||
           !table_equal(x->arguments, y->arguments);
}

/* Reports rows that contradict another one of the same name. */
static void check_repeats(struct checking *c, enum defined_kind kind,
                          const struct name_index *index,
                          bool (*differ)(const struct defined *a, const struct defined *b))
{
    for (size_t i = 1; i < index->count; i++) {
        struct defined *row = index->rows[i], *before = index->rows[i - 1];
        bool are_read = !row->is_faulty && !before->is_faulty;
        if (index_repeats(index, i) && are_read && !row->is_skipped && differ(row, before))
            report_fault(c->report, kind, row, "contradicts %s[%zu], which has the same name",
                         defined_kind_name(kind), before->index);
    }
}

/* --- how many there may be -------------------------------------------------------------------- */

static bool queue_is_new(const struct defined_scope *scope, struct slice name)
{
    return !queue_entry_find(scope->vhost, name);
}

static int64_t count_new_queues(struct checking *c)
{
    int64_t count = 0;
    for (size_t i = 0; i < c->queues.count; i++) {
        const struct defined *row = c->queues.rows[i];
        struct defined_scope *scope = scope_find(c->scopes, row->vhost);
        if (!scope || row->is_skipped || index_repeats(&c->queues, i) ||
            !queue_is_new(scope, row->name))
            continue;
        scope->new_queues++;
        count++;
    }
    return count;
}

static int64_t count_new_exchanges(struct checking *c)
{
    int64_t count = 0;
    for (size_t i = 0; i < c->exchanges.count; i++) {
        const struct defined *row = c->exchanges.rows[i];
        const struct defined_scope *scope = scope_find(c->scopes, row->vhost);
        count += scope && !row->is_skipped && !index_repeats(&c->exchanges, i) &&
                 !exchange_find(scope->vhost, row->name) &&
                 !is_predeclared(scope, (const struct defined_exchange *)row);
    }
    return count;
}

static void check_room(struct checking *c, const char *what, int64_t count, int64_t room)
{
    if (count > 0 && count > room)
        report_file_fault(
            c->report, "%s: %" PRId64 " are new, but %s %" PRId64 " more may exist in this broker",
            what, count, "only", room > 0 ? room : 0);
}

static void check_room_in_vhost(struct checking *c, const struct defined_scope *scope)
{
    size_t there = lv_table_count(scope->vhost->queues) - scope->vhost->delaying_queues;
    int64_t count = (int64_t)(there + scope->new_queues);
    if (scope->new_queues > 0 && scope->queues_max >= 0 && count > scope->queues_max)
        report_file_fault(c->report,
                          "queues: vhost '%.*s' would have %" PRId64
                          ", but its limit max-queues is %" PRId64,
                          SLICE_ARG(scope->name), count, scope->queues_max);
}

static void check_numbers(struct checking *c)
{
    struct topology *t = &c->m->broker->topology;
    int64_t queues = count_new_queues(c), exchanges = count_new_exchanges(c), vhosts = 0;
    topology_lock(t);
    struct node_room room = node_limits_room(t);
    topology_unlock(t);
    for (size_t i = 0; i < c->scopes->count; i++) {
        vhosts += c->scopes->items[i].is_new;
        check_room_in_vhost(c, &c->scopes->items[i]);
    }
    check_room(c, "queues", queues, room.queues);
    check_room(c, "exchanges", exchanges + vhosts * VHOST_PREDECLARED, room.exchanges);
    check_room(c, "vhosts", vhosts, room.vhosts);
}

/* --- bindings --------------------------------------------------------------------------------- */

static bool has_queue(const struct checking *c, const struct defined_scope *scope,
                      struct slice name)
{
    return index_find(&c->queues, scope->name, name) || queue_entry_find(scope->vhost, name);
}

/* Finds an exchange, in the file or in the vhost. *ret_type: its type; NULL: not known. */
static bool has_exchange(const struct checking *c, const struct defined_scope *scope,
                         struct slice name, const struct exchange_type **ret_type)
{
    const struct exchange *x = name.n > 0 ? exchange_find(scope->vhost, name) : NULL;
    const struct defined *row = index_find(&c->exchanges, scope->name, name);
    *ret_type = x ? x->type : scope->is_new ? vhost_predeclared_type(name) : NULL;
    if (x || *ret_type || !row)
        return x || *ret_type;
    const struct exchange_declaration d = exchange_of((const struct defined_exchange *)row);
    *ret_type = exchange_type_of(&d);
    return true;
}

/* Says that a binding's exchange is missing: a fault, or a note if the file cannot have it. */
static bool miss_exchange(struct checking *c, struct defined_binding *b, struct slice name)
{
    b->head.is_skipped = c->file->lacks_internals;
    if (b->head.is_skipped)
        report_note(c->report,
                    "bindings of exchange '%.*s' in vhost '%.*s' are ignored: the file "
                    "does not have the exchange, perhaps an internal one",
                    SLICE_ARG(name), SLICE_ARG(b->head.vhost));
    else
        report_fault(c->report, DEFINED_BINDINGS, &b->head, "no exchange '%.*s' in vhost '%.*s'",
                     SLICE_ARG(name), SLICE_ARG(b->head.vhost));
    return false;
}

static bool check_destination(struct checking *c, const struct defined_scope *scope,
                              struct defined_binding *b)
{
    const struct exchange_type *type;
    const bool is_queue = slice_is(b->destination_type, "queue");
    if (!is_queue && !slice_is(b->destination_type, "exchange"))
        return report_fault(c->report, DEFINED_BINDINGS, &b->head,
                            "destination_type: expected queue or exchange, got '%.*s'",
                            SLICE_ARG(b->destination_type));
    if (!is_queue)
        return has_exchange(c, scope, b->destination, &type) || miss_exchange(c, b, b->destination);
    return has_queue(c, scope, b->destination) ||
           report_fault(c->report, DEFINED_BINDINGS, &b->head, "no queue '%.*s' in vhost '%.*s'",
                        SLICE_ARG(b->destination), SLICE_ARG(scope->name));
}

/* A queue of another connection's, or of an exchange's, cannot be bound. */
static bool check_access(struct checking *c, const struct defined_scope *scope,
                         struct defined_binding *b)
{
    struct broker_error error;
    const struct queue_entry *q = slice_is(b->destination_type, "queue")
                                      ? queue_entry_find(scope->vhost, b->destination)
                                      : NULL;
    if (!q || (q->is_companion ? queue_entry_refuse_companion(q, &error)
                               : queue_entry_check_access(q, 0, &error)))
        return true;
    return report_fault(c->report, DEFINED_BINDINGS, &b->head, "%s", error.text);
}

static void check_binding(struct checking *c, struct defined *row)
{
    struct defined_binding *b = (struct defined_binding *)row;
    struct defined_scope *scope = scope_of(c, DEFINED_BINDINGS, row);
    const struct exchange_type *type = NULL;
    struct broker_error error;
    if (!scope)
        return;
    if (row->name.n == 0)
        report_fault(c->report, DEFINED_BINDINGS, row,
                     "operation not permitted on the default exchange");
    else if (!has_exchange(c, scope, row->name, &type))
        miss_exchange(c, b, row->name);
    else if (check_destination(c, scope, b) && check_access(c, scope, b) && type && type->check &&
             !type->check(b->routing_key, b->arguments, &error))
        report_fault(c->report, DEFINED_BINDINGS, row, "%s", error.text);
}

/* JSON does not tell integers of different types apart, so a binding that a client has made would
 * be exported, and come back as another one. Bindings with arguments are therefore looked for by
 * what they are in JSON. */

static char *identity_text(struct slice source, bool is_to_queue, struct slice destination,
                           struct slice routing_key, struct slice arguments)
{
    json_t *identity =
        json_pack("[o, b, o, o, o]", text_to_json(source), is_to_queue, text_to_json(destination),
                  text_to_json(routing_key), table_to_json(arguments));
    char *text = json_dumps(identity, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(identity);
    return text;
}

static void collect_identity(void *arg, struct slice source, const struct destination *destination,
                             struct slice routing_key, struct slice arguments)
{
    json_t *identities = arg;
    if (arguments.n == 0)
        return;
    char *text = identity_text(source, destination->kind == DESTINATION_QUEUE, destination->name,
                               routing_key, arguments);
    json_object_set_new(identities, text, json_true());
    free(text);
}

static void mark_those_there(const struct checking *c, const struct defined_scope *scope)
{
    const struct defined_list *list = &c->file->lists[DEFINED_BINDINGS];
    json_t *identities = NULL; /* made when the first binding asks */
    for (size_t i = 0; i < list->count; i++) {
        struct defined_binding *b = (struct defined_binding *)defined_at(list, i);
        if (b->head.is_faulty || b->arguments.n == 0 || !slice_equal(b->head.vhost, scope->name))
            continue;
        if (!identities) {
            identities = json_object();
            binding_each(scope->vhost, collect_identity, identities);
        }
        char *text = identity_text(b->head.name, slice_is(b->destination_type, "queue"),
                                   b->destination, b->routing_key, b->arguments);
        b->head.is_skipped |= json_object_get(identities, text) != NULL;
        free(text);
    }
    json_decref(identities);
}

/* --- all of it -------------------------------------------------------------------------------- */

static void check_list(struct checking *c, enum defined_kind kind,
                       void (*check)(struct checking *c, struct defined *row))
{
    for (size_t i = 0; i < c->file->lists[kind].count; i++) {
        struct defined *row = defined_at(&c->file->lists[kind], i);
        if (!row->is_faulty && !row->is_skipped)
            check(c, row);
    }
}

void definitions_check(struct manage *m, struct definitions_file *file,
                       struct definitions_report *report, struct defined_scopes *ret)
{
    struct checking c = {
        .m = m,
        .file = file,
        .report = report,
        .scopes = ret,
        .users = index_make(&file->lists[DEFINED_USERS]),
        .queues = index_make(&file->lists[DEFINED_QUEUES]),
        .exchanges = index_make(&file->lists[DEFINED_EXCHANGES]),
    };
    scopes_make(m, file, ret);
    check_list(&c, DEFINED_USERS, check_user);
    check_list(&c, DEFINED_VHOSTS, check_vhost);
    check_list(&c, DEFINED_PERMISSIONS, check_permission);
    check_list(&c, DEFINED_TOPIC_PERMISSIONS, check_topic_permission);
    check_list(&c, DEFINED_GLOBAL_PARAMETERS, check_global_parameter);
    check_list(&c, DEFINED_POLICIES, check_policy);
    check_list(&c, DEFINED_PARAMETERS, check_parameter);
    check_list(&c, DEFINED_EXCHANGES, check_exchange);
    check_repeats(&c, DEFINED_EXCHANGES, &c.exchanges, exchanges_differ);
    check_list(&c, DEFINED_QUEUES, check_queue);
    check_repeats(&c, DEFINED_QUEUES, &c.queues, queues_differ);
    check_list(&c, DEFINED_BINDINGS, check_binding);
    check_numbers(&c);
    for (size_t i = 0; i < ret->count; i++)
        if (!ret->items[i].is_new)
            mark_those_there(&c, &ret->items[i]);
    free(c.users.rows);
    free(c.queues.rows);
    free(c.exchanges.rows);
}
