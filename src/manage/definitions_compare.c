/* What an import would change: the rows of a file that has been checked are compared with what
 * exists, and what exists is looked for in the file. Nothing is changed.
 *
 * Queues, exchanges and bindings that exist are as the file says, or the check has found a fault:
 * so they are there or not. Only the other kinds can differ. Of a password nothing is shown. */
#include "manage/definitions_rows.h"

#include <stdlib.h>

#include "base/memory.h"
#include "base/search.h"
#include "broker/parameters.h"
#include "broker/policy.h"
#include "broker/trace.h"
#include "manage/json_text.h"
#include "queue/queue.h"
#include "topology/exchange.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"
#include "wire/table_json.h"

enum { VALUE_BYTES_MAX = 1024 };

struct kind_difference {
    size_t created, changed, same, kept;
    json_t *created_items, *changed_items, *kept_items; /* owned; the first of each */
};

struct comparing {
    struct manage *m;
    const struct slice *only; /* the vhost that everything goes into; NULL: all */
    struct definitions_file *file;
    struct name_index index[DEFINED_KINDS];
    json_t *with_arguments; /* bindings: what names them -> their number in the list */
    struct vhost *vhost;    /* whose content is visited */
    struct kind_difference kinds[DEFINED_KINDS];
};

/* --- items ------------------------------------------------------------------------------------ */

static void set_text(json_t *item, const char *key, struct slice text)
{
    json_object_set_new(item, key, json_of_slice(text));
}

/* Returns what names a thing: its vhost, if it is in one, and its name under this key. */
static json_t *item_make(const char *key, struct slice vhost, struct slice name)
{
    json_t *item = json_object();
    if (vhost.n > 0)
        set_text(item, "vhost", vhost);
    set_text(item, key, name);
    return item;
}

static const char *name_key(enum defined_kind kind)
{
    bool is_users = kind == DEFINED_PERMISSIONS || kind == DEFINED_TOPIC_PERMISSIONS;
    return is_users ? "user" : kind == DEFINED_BINDINGS ? "source" : "name";
}

static json_t *item_of_row(enum defined_kind kind, const struct defined *row)
{
    json_t *item = item_make(name_key(kind), row->vhost, row->name);
    if (kind == DEFINED_TOPIC_PERMISSIONS) {
        set_text(item, "exchange", ((const struct defined_topic_permission *)row)->exchange);
    } else if (kind == DEFINED_PARAMETERS) {
        set_text(item, "component", ((const struct defined_parameter *)row)->component);
    } else if (kind == DEFINED_BINDINGS) {
        const struct defined_binding *b = (const struct defined_binding *)row;
        set_text(item, "destination", b->destination);
        set_text(item, "destination_type", b->destination_type);
        set_text(item, "routing_key", b->routing_key);
    }
    return item;
}

/* Takes the item, and keeps it if there is room. */
static void item_keep(json_t **items, json_t *item)
{
    if (!*items)
        *items = json_array();
    if (json_array_size(*items) < DIFFERENCE_ITEMS_MAX)
        json_array_append(*items, item);
    json_decref(item);
}

static void keep(struct comparing *c, enum defined_kind kind, json_t *item)
{
    c->kinds[kind].kept++;
    item_keep(&c->kinds[kind].kept_items, item);
}

/* --- changes of a row ------------------------------------------------------------------------- */

/* Returns a value as it is shown: a long one is cut. Takes it. */
static json_t *shown(json_t *value)
{
    char *text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    size_t n = text ? strlen(text) : 0;
    if (n > VALUE_BYTES_MAX) {
        json_decref(value);
        value = json_of_slice(slice_of(text, VALUE_BYTES_MAX));
    }
    free(text);
    return value;
}

/* Adds a change to a list, if the values differ. Takes both. */
static void compare(json_t *changes, const char *field, json_t *old, json_t *fresh)
{
    if (json_equal(old, fresh)) {
        json_decref(old);
        json_decref(fresh);
        return;
    }
    json_array_append_new(changes, json_pack("{s:s, s:o, s:o}", "field", field, "old", shown(old),
                                             "new", shown(fresh)));
}

static void compare_texts(json_t *changes, const char *field, struct slice old, struct slice fresh)
{
    compare(changes, field, json_of_slice(old), json_of_slice(fresh));
}

static void compare_flags(json_t *changes, const char *field, bool old, bool fresh)
{
    compare(changes, field, json_boolean(old), json_boolean(fresh));
}

static json_t *json_of(struct slice text)
{
    json_t *json = text.n ? json_loadb((const char *)text.p, text.n, JSON_DECODE_ANY, NULL) : NULL;
    return json ? json : json_object();
}

static void compare_json(json_t *changes, const char *field, struct slice old, struct slice fresh)
{
    compare(changes, field, json_of(old), json_of(fresh));
}

/* Says that a row exists, with these changes, which are taken. */
static void row_found(struct comparing *c, enum defined_kind kind, struct defined *row,
                      json_t *changes)
{
    struct kind_difference *d = &c->kinds[kind];
    row->is_there = true;
    if (json_array_size(changes) == 0) {
        d->same++;
        json_decref(changes);
        return;
    }
    json_t *item = item_of_row(kind, row);
    json_object_set_new(item, "changes", changes);
    d->changed++;
    item_keep(&d->changed_items, item);
}

/* --- users and permissions -------------------------------------------------------------------- */

static void visit_user(void *arg, const struct definition_user *now)
{
    struct comparing *c = arg;
    struct defined *row = index_find(&c->index[DEFINED_USERS], SLICE_EMPTY, now->name);
    if (!row) {
        keep(c, DEFINED_USERS, item_make("name", SLICE_EMPTY, now->name));
        return;
    }
    const struct defined_user *u = (const struct defined_user *)row;
    json_t *changes = json_array();
    bool has_other_hash = u->has_hash && (!slice_equal(u->hash, now->password_hash) ||
                                          !slice_equal(u->algorithm, now->hashing_algorithm));
    if (u->has_password || has_other_hash)
        json_array_append_new(changes, json_pack("{s:s}", "field", "password"));
    compare_texts(changes, "tags", now->tags, u->tags);
    if (u->limits)
        compare(changes, "limits", json_of(now->limits), json_incref(u->limits));
    row_found(c, DEFINED_USERS, row, changes);
}

static bool is_seen(const struct comparing *c, struct slice vhost)
{
    return !c->only || slice_equal(*c->only, vhost);
}

static void visit_permission(void *arg, const struct definition_permission *now)
{
    struct comparing *c = arg;
    struct defined *row = index_find(&c->index[DEFINED_PERMISSIONS], now->vhost, now->user);
    if (!row) {
        keep(c, DEFINED_PERMISSIONS, item_make("user", now->vhost, now->user));
        return;
    }
    const struct defined_permission *p = (const struct defined_permission *)row;
    json_t *changes = json_array();
    compare_texts(changes, "configure", now->configure, p->configure);
    compare_texts(changes, "write", now->write, p->write);
    compare_texts(changes, "read", now->read, p->read);
    row_found(c, DEFINED_PERMISSIONS, row, changes);
}

/* Returns the row after this one, if it has the same vhost and name. */
static struct defined *next_of_name(const struct name_index *index, size_t at)
{
    if (at + 1 == index->count || !slice_equal(index->rows[at + 1]->name, index->rows[at]->name) ||
        !slice_equal(index->rows[at + 1]->vhost, index->rows[at]->vhost))
        return NULL;
    return index->rows[at + 1];
}

/* Finds the first row of this vhost and name that fits. */
static struct defined *find_fitting(const struct name_index *index, struct slice vhost,
                                    struct slice name,
                                    bool (*fits)(const struct defined *row, const void *now),
                                    const void *now)
{
    struct defined *row = index_find(index, vhost, name);
    size_t at = 0;
    if (row) {
        LV_LOWER_BOUND(at, index->count, i,
                       slice_compare(index->rows[i]->vhost, vhost) < 0 ||
                           (slice_equal(index->rows[i]->vhost, vhost) &&
                            slice_compare(index->rows[i]->name, name) < 0));
    }
    for (; row && !fits(row, now); at++)
        row = next_of_name(index, at);
    return row;
}

static bool topic_fits(const struct defined *row, const void *now)
{
    return slice_equal(((const struct defined_topic_permission *)row)->exchange,
                       ((const struct definition_topic_permission *)now)->exchange);
}

static void visit_topic_permission(void *arg, const struct definition_topic_permission *now)
{
    struct comparing *c = arg;
    struct defined *row =
        find_fitting(&c->index[DEFINED_TOPIC_PERMISSIONS], now->vhost, now->user, topic_fits, now);
    if (!row) {
        json_t *item = item_make("user", now->vhost, now->user);
        set_text(item, "exchange", now->exchange);
        keep(c, DEFINED_TOPIC_PERMISSIONS, item);
        return;
    }
    const struct defined_topic_permission *p = (const struct defined_topic_permission *)row;
    json_t *changes = json_array();
    compare_texts(changes, "write", now->write, p->write);
    compare_texts(changes, "read", now->read, p->read);
    row_found(c, DEFINED_TOPIC_PERMISSIONS, row, changes);
}

/* --- parameters and policies ------------------------------------------------------------------ */

static bool parameter_fits(const struct defined *row, const void *now)
{
    return slice_equal(((const struct defined_parameter *)row)->component,
                       ((const struct definition_parameter *)now)->component);
}

static void visit_parameter(void *arg, const struct definition_parameter *now)
{
    struct comparing *c = arg;
    struct defined *row =
        find_fitting(&c->index[DEFINED_PARAMETERS], now->vhost, now->name, parameter_fits, now);
    if (!row) {
        json_t *item = item_make("name", now->vhost, now->name);
        set_text(item, "component", now->component);
        keep(c, DEFINED_PARAMETERS, item);
        return;
    }
    json_t *changes = json_array();
    compare_json(changes, "value", now->value, ((const struct defined_parameter *)row)->text);
    row_found(c, DEFINED_PARAMETERS, row, changes);
}

static void visit_global_parameter(void *arg, const struct definition_global_parameter *now)
{
    struct comparing *c = arg;
    struct defined *row = index_find(&c->index[DEFINED_GLOBAL_PARAMETERS], SLICE_EMPTY, now->name);
    if (!row) {
        keep(c, DEFINED_GLOBAL_PARAMETERS, item_make("name", SLICE_EMPTY, now->name));
        return;
    }
    json_t *changes = json_array();
    compare_json(changes, "value", now->value, ((const struct defined_parameter *)row)->text);
    row_found(c, DEFINED_GLOBAL_PARAMETERS, row, changes);
}

static void visit_policy(void *arg, const struct definition_policy *now)
{
    struct comparing *c = arg;
    struct defined *row = index_find(&c->index[DEFINED_POLICIES], now->vhost, now->name);
    if (!row) {
        keep(c, DEFINED_POLICIES, item_make("name", now->vhost, now->name));
        return;
    }
    const struct defined_policy *p = (const struct defined_policy *)row;
    json_t *changes = json_array();
    compare_texts(changes, "pattern", now->pattern, p->pattern);
    compare_texts(changes, "apply-to", now->apply_to, p->apply_to);
    compare(changes, "priority", json_integer(now->priority), json_integer(p->priority));
    compare_json(changes, "definition", now->definition, p->text);
    row_found(c, DEFINED_POLICIES, row, changes);
}

/* --- vhosts ----------------------------------------------------------------------------------- */

static void take_value(void *arg, const struct definition_parameter *now)
{
    json_t **value = arg;
    json_decref(*value);
    *value = json_of(now->value);
}

static json_t *limits_of(struct vhost *vhost)
{
    json_t *limits = NULL;
    parameter_each(vhost, slice_str("vhost-limits"), take_value, &limits);
    return limits ? limits : json_object();
}

static void compare_vhost(struct comparing *c, struct vhost *vhost)
{
    struct defined *row = index_find(&c->index[DEFINED_VHOSTS], SLICE_EMPTY, vhost_name(vhost));
    if (!row) {
        keep(c, DEFINED_VHOSTS, item_make("name", SLICE_EMPTY, vhost_name(vhost)));
        return;
    }
    const struct defined_vhost *v = (const struct defined_vhost *)row;
    json_t *changes = json_array();
    topology_lock(vhost->topology);
    if (v->has_description)
        compare_texts(changes, "description", vhost->description, v->description);
    if (v->has_tags)
        compare_texts(changes, "tags", vhost->tags, v->tags);
    if (v->has_protection)
        compare_flags(changes, "protected_from_deletion", vhost->is_protected, v->is_protected);
    topology_unlock(vhost->topology);
    if (v->has_tracing)
        compare_flags(changes, "tracing", trace_is_on(vhost), v->is_traced);
    if (json_object_size(v->limits) > 0)
        compare(changes, "limits", limits_of(vhost), json_incref(v->limits));
    row_found(c, DEFINED_VHOSTS, row, changes);
}

/* --- what a vhost has ------------------------------------------------------------------------- */

/* Returns whether this is one of the broker's own names, which no file lists. */
static bool is_own(struct slice name)
{
    return name.n == 0 || slice_begins(name, "amq.");
}

static bool is_own_queue(const struct queue_entry *q, struct slice name)
{
    return is_own(name) || q->exclusive_owner != 0 || q->is_companion;
}

/* Something exists that can only be as the file says. */
static void compare_named(struct comparing *c, enum defined_kind kind, struct slice name,
                          bool is_own_name)
{
    struct slice vhost = vhost_name(c->vhost);
    struct defined *row = index_find(&c->index[kind], vhost, name);
    if (row)
        row_found(c, kind, row, NULL);
    else if (!is_own_name)
        keep(c, kind, item_make("name", vhost, name));
}

static void compare_queues(struct comparing *c)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(c->vhost->queues, &it);
    for (; node; node = lv_table_next(c->vhost->queues, &it)) {
        const struct queue *q = queue_of_node(node);
        compare_named(c, DEFINED_QUEUES, queue_name(q),
                      is_own_queue(queue_entry(q), queue_name(q)));
    }
}

static void compare_exchanges(struct comparing *c)
{
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(c->vhost->exchanges, &it);
    for (; node; node = lv_table_next(c->vhost->exchanges, &it)) {
        const struct exchange *x = lv_container_of(node, struct exchange, by_name);
        compare_named(c, DEFINED_EXCHANGES, exchange_name(x),
                      is_own(exchange_name(x)) || x->is_predeclared);
    }
}

/* --- bindings --------------------------------------------------------------------------------- */

struct binding_now {
    struct slice destination, routing_key;
    bool is_to_queue;
};

static bool binding_fits(const struct defined *row, const void *arg)
{
    const struct defined_binding *b = (const struct defined_binding *)row;
    const struct binding_now *now = arg;
    return b->arguments.n == 0 && slice_equal(b->destination, now->destination) &&
           slice_equal(b->routing_key, now->routing_key) &&
           slice_is(b->destination_type, "queue") == now->is_to_queue;
}

/* Bindings are put in order by all that names them, for a source may have very many. */
static int compare_bindings(const struct defined_binding *a, const struct defined_binding *b)
{
    int order = slice_compare(a->head.vhost, b->head.vhost);
    order = order ? order : slice_compare(a->head.name, b->head.name);
    order = order ? order : slice_compare(a->destination, b->destination);
    return order ? order : slice_compare(a->routing_key, b->routing_key);
}

static int bindings_in_order(const void *a, const void *b)
{
    return compare_bindings(*(struct defined_binding *const *)a,
                            *(struct defined_binding *const *)b);
}

static struct defined *find_plain(const struct name_index *index, const struct defined_binding *now,
                                  bool is_to_queue)
{
    size_t at;
    const struct binding_now want = {now->destination, now->routing_key, is_to_queue};
    LV_LOWER_BOUND(at, index->count, i,
                   compare_bindings((struct defined_binding *)index->rows[i], now) < 0);
    for (;
         at < index->count && compare_bindings((struct defined_binding *)index->rows[at], now) == 0;
         at++)
        if (binding_fits(index->rows[at], &want))
            return index->rows[at];
    return NULL;
}

static char *binding_text(struct slice vhost, const struct defined_binding *b, bool is_to_queue)
{
    json_t *identity = json_pack(
        "[o, o, b, o, o, o]", text_to_json(vhost), text_to_json(b->head.name), is_to_queue,
        text_to_json(b->destination), text_to_json(b->routing_key), table_to_json(b->arguments));
    char *text = json_dumps(identity, JSON_COMPACT | JSON_SORT_KEYS);
    json_decref(identity);
    return text;
}

static struct defined *find_with_arguments(struct comparing *c, const struct defined_binding *now,
                                           bool is_to_queue)
{
    char *text = binding_text(now->head.vhost, now, is_to_queue);
    const json_t *at = json_object_get(c->with_arguments, text);
    free(text);
    return at ? defined_at(&c->file->lists[DEFINED_BINDINGS], (size_t)json_integer_value(at))
              : NULL;
}

static void visit_binding(void *arg, struct slice source, const struct destination *destination,
                          struct slice routing_key, struct slice arguments)
{
    struct comparing *c = arg;
    const bool is_to_queue = destination->kind == DESTINATION_QUEUE;
    const struct defined_binding now = {
        .head = {.name = source, .vhost = vhost_name(c->vhost)},
        .destination = destination->name,
        .destination_type = slice_str(is_to_queue ? "queue" : "exchange"),
        .routing_key = routing_key,
        .arguments = arguments,
    };
    if (source.n == 0)
        return;
    struct defined *row = arguments.n > 0
                              ? find_with_arguments(c, &now, is_to_queue)
                              : find_plain(&c->index[DEFINED_BINDINGS], &now, is_to_queue);
    const struct queue_entry *q =
        is_to_queue ? queue_entry_find(c->vhost, destination->name) : NULL;
    if (row && !row->is_there)
        row_found(c, DEFINED_BINDINGS, row, NULL);
    else if (!row && !(q && is_own_queue(q, destination->name)))
        keep(c, DEFINED_BINDINGS, item_of_row(DEFINED_BINDINGS, &now.head));
}

static void index_bindings(struct comparing *c)
{
    const struct defined_list *list = &c->file->lists[DEFINED_BINDINGS];
    struct name_index *index = &c->index[DEFINED_BINDINGS];
    if (index->count > 1)
        qsort(index->rows, index->count, sizeof *index->rows, bindings_in_order);
    c->with_arguments = json_object();
    for (size_t i = 0; i < list->count; i++) {
        const struct defined_binding *b = (const struct defined_binding *)defined_at(list, i);
        if (b->arguments.n == 0)
            continue;
        char *text = binding_text(b->head.vhost, b, slice_is(b->destination_type, "queue"));
        json_object_set_new(c->with_arguments, text, json_integer((json_int_t)i));
        free(text);
    }
}

/* --- what is new ------------------------------------------------------------------------------ */

/* Returns whether the row before says the same of the same thing. */
static bool repeats(const struct comparing *c, enum defined_kind kind, size_t at)
{
    const struct name_index *index = &c->index[kind];
    if (at == 0)
        return false;
    json_t *before = item_of_row(kind, index->rows[at - 1]);
    json_t *this = item_of_row(kind, index->rows[at]);
    bool is_same = json_equal(before, this);
    if (kind == DEFINED_BINDINGS)
        is_same = is_same && ((struct defined_binding *)index->rows[at])->arguments.n == 0;
    json_decref(before);
    json_decref(this);
    return is_same;
}

static bool is_begun_with(const struct comparing *c, enum defined_kind kind,
                          const struct defined *row)
{
    return kind == DEFINED_EXCHANGES && vhost_predeclared_type(row->name) &&
           !vhost_find(&c->m->broker->topology, row->vhost);
}

static void count_created(struct comparing *c, enum defined_kind kind)
{
    struct kind_difference *d = &c->kinds[kind];
    for (size_t i = 0; i < c->index[kind].count; i++) {
        const struct defined *row = c->index[kind].rows[i];
        if (row->is_there || row->is_skipped || repeats(c, kind, i))
            continue;
        if (is_begun_with(c, kind, row)) {
            d->same++;
            continue;
        }
        d->created++;
        if (json_array_size(d->created_items) < DIFFERENCE_ITEMS_MAX)
            item_keep(&d->created_items, item_of_row(kind, row));
    }
}

/* --- all of it -------------------------------------------------------------------------------- */

static void compare_content(struct comparing *c)
{
    parameter_each(c->vhost, SLICE_EMPTY, visit_parameter, c);
    policy_each(c->vhost, POLICY_ORDINARY, visit_policy, c);
    compare_queues(c);
    compare_exchanges(c);
    binding_each(c->vhost, visit_binding, c);
}

static void compare_existing(struct comparing *c)
{
    struct lv_table *vhosts = c->m->broker->topology.vhosts;
    struct lv_table_iter it;
    struct lv_table_node *node = lv_table_first(vhosts, &it);
    for (; node; node = lv_table_next(vhosts, &it)) {
        c->vhost = lv_container_of(node, struct vhost, by_name);
        if (!is_seen(c, vhost_name(c->vhost)))
            continue;
        if (!c->only)
            compare_vhost(c, c->vhost);
        compare_content(c);
    }
    if (c->only)
        return;
    auth_list_users(c->m->auth, visit_user, c);
    auth_list_permissions(c->m->auth, SLICE_EMPTY, SLICE_EMPTY, visit_permission, c);
    auth_list_topic_permissions(c->m->auth, SLICE_EMPTY, SLICE_EMPTY, visit_topic_permission, c);
    global_parameter_each(c->m->broker, visit_global_parameter, c);
}

static json_t *part_json(size_t count, json_t *items)
{
    return json_pack("{s:o, s:o}", "count", json_integer((json_int_t)count), "items",
                     items ? items : json_array());
}

/* Makes the answer; takes the items. */
static json_t *difference_json(struct comparing *c)
{
    json_t *all = json_object();
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++) {
        struct kind_difference *d = &c->kinds[kind];
        json_object_set_new(all, defined_kind_name(kind),
                            json_pack("{s:o, s:o, s:o, s:o}", "created",
                                      part_json(d->created, d->created_items), "changed",
                                      part_json(d->changed, d->changed_items), "same",
                                      json_integer((json_int_t)d->same), "kept",
                                      part_json(d->kept, d->kept_items)));
    }
    return all;
}

json_t *definitions_compare(struct manage *m, const struct slice *vhost,
                            struct definitions_file *file)
{
    struct comparing c = {.m = m, .only = vhost, .file = file};
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++)
        c.index[kind] = index_make(&file->lists[kind]);
    index_bindings(&c);
    compare_existing(&c);
    for (enum defined_kind kind = 0; kind < DEFINED_KINDS; kind++) {
        count_created(&c, kind);
        free(c.index[kind].rows);
    }
    json_decref(c.with_arguments);
    return difference_json(&c);
}
