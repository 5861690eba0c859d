/* A vhost's policies are checked, set, cleared and listed. */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/log.h"
#include "base/memory.h"
#include "broker/policy_private.h"
#include "broker/vhost_life.h"
#include "topology/durable.h"

/* --- a policy --------------------------------------------------------------------------------- */

static const struct {
    const char *word;
    unsigned kinds;
} apply_to_words[] = {
    {"all", APPLIES_TO_ALL},
    {"queues", APPLIES_TO_QUEUES},
    {"exchanges", APPLIES_TO_EXCHANGES},
    {"classic_queues", APPLIES_TO_CLASSIC},
    {"quorum_queues", APPLIES_TO_QUORUM},
    {"streams", APPLIES_TO_STREAM},
};

/* Returns APPLIES_TO_... for this word, or 0 if there is no such word. */
static unsigned kinds_of(struct slice word)
{
    for (size_t i = 0; i < sizeof apply_to_words / sizeof *apply_to_words; i++) {
        if (slice_is(word, apply_to_words[i].word))
            return apply_to_words[i].kinds;
    }
    return 0;
}

void policy_free(struct policy *p)
{
    free((void *)(uintptr_t)p->name.p);
    free((void *)(uintptr_t)p->apply_to.p);
    free((void *)(uintptr_t)p->text.p);
    pattern_free(&p->pattern);
    json_decref(p->definition);
    free(p);
}

/* Makes a policy of the row. Takes the pattern, and a reference of its own to the definition. */
static struct policy *policy_make(const struct definition_policy *row, struct pattern *pattern,
                                  json_t *definition)
{
    struct policy *p = lv_malloc(sizeof *p);
    *p = (struct policy){
        .kind = row->is_operator ? POLICY_OPERATOR : POLICY_ORDINARY,
        .name = slice_copy(row->name),
        .apply_to = slice_copy(row->apply_to),
        .text = slice_str(json_dumps(definition, JSON_COMPACT | JSON_SORT_KEYS)),
        .pattern = pattern,
        .priority = row->priority,
        .applies_to = kinds_of(row->apply_to) & ~policy_not_for(definition),
        .asked_for = kinds_of(row->apply_to),
        .definition = json_incref(definition),
    };
    lv_assert(p->text.p);
    return p;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Faults in patterns that RabbitMQ's regular expression library describes in other words than ours:
 * ours by number, and RabbitMQ's text. Ours reports the fault `further` bytes later in the
 * pattern. */
static const struct {
    int number;
    const char *text;
    unsigned further;
} older_faults[] = {
    {109, "nothing to repeat", 0},
    {111, "unrecognized character after (? or (?-", 0},
    {114, "missing )", 0},
    {122, "unmatched parentheses", 0},
    {142, "syntax error in subpattern name (missing terminator)", 0},
    {143, "two named subpatterns have the same name", 1},
    {147, "unknown property name after \\P or \\p", 1},
};

static const char *fault_text(const struct pattern_fault *fault, size_t *ret_offset)
{
    for (size_t i = 0; i < sizeof older_faults / sizeof *older_faults; i++) {
        if (older_faults[i].number != fault->number)
            continue;
        *ret_offset = fault->offset - older_faults[i].further;
        return older_faults[i].text;
    }
    *ret_offset = fault->offset;
    return fault->message;
}

enum { ERLANG_COLUMNS_MAX = 78 };

/* Appends the fault, broken as Erlang breaks a tuple that does not fit its line. */
static void pattern_fault_put(struct lv_buffer *reason, const struct pattern_fault *fault)
{
    static const char sentence[] = "pattern should be regular expression but is invalid: ";
    struct lv_buffer text = {0};
    char number[24];
    size_t offset;
    for (const char *c = fault_text(fault, &offset); *c; c++)
        lv_buffer_printf(&text, "%s%c", *c == '\\' || *c == '"' ? "\\" : "", *c);
    int digits = snprintf(number, sizeof number, "%zu", offset);
    size_t width = sizeof sentence - 1 + text.n + (size_t)digits + sizeof "{\"\",}" - 1;
    lv_buffer_printf(reason, "%s{\"%.*s\",", sentence, SLICE_ARG(lv_buffer_slice(&text)));
    if (width > ERLANG_COLUMNS_MAX)
        lv_buffer_printf(reason, "\n%*s", (int)sizeof sentence, "");
    lv_buffer_printf(reason, "%s}\n", number);
    lv_buffer_free(&text);
}

static bool check_pattern(struct slice text, struct pattern **ret, struct lv_buffer *reason)
{
    struct pattern_fault fault;
    if (pattern_compile_or_say(text, ret, &fault) == 0)
        return true;
    pattern_fault_put(reason, &fault);
    return false;
}

/* Appends a line to `reason` for each thing that is wrong. *ret_pattern is set on success. */
static bool check_row(const struct definition_policy *row, json_t *definition, bool is_draft,
                      struct pattern **ret_pattern, struct lv_buffer *reason)
{
    bool is_fine = is_draft && json_is_object(definition) && json_object_size(definition) == 0;
    if (is_fine)
        ; /* nothing to check */
    else if (!json_is_object(definition))
        lv_buffer_printf(reason, "a policy's definition is a JSON object\n");
    else
        is_fine = policy_check_definition(
            definition, row->is_operator ? POLICY_OPERATOR : POLICY_ORDINARY, reason);
    if (kinds_of(row->apply_to) == 0) {
        lv_buffer_printf(reason,
                         "apply-to '%.*s' unrecognised; should be 'queues', 'exchanges' or 'all'\n",
                         SLICE_ARG(row->apply_to));
        is_fine = false;
    }
    bool has_pattern = check_pattern(row->pattern, ret_pattern, reason);
    if (has_pattern && !is_fine)
        pattern_free(ret_pattern);
    return is_fine && has_pattern;
}

/* --- the list --------------------------------------------------------------------------------- */

int policy_compare(const struct policy *a, const struct policy *b)
{
    if (a->priority != b->priority)
        return a->priority > b->priority ? -1 : 1;
    return slice_compare(a->name, b->name);
}

static void list_insert(struct policy_list *list, struct policy *p)
{
    size_t at = 0;
    while (at < list->count && policy_compare(list->items[at], p) < 0)
        at++;
    list->items = lv_realloc(list->items, (list->count + 1) * sizeof *list->items);
    memmove(list->items + at + 1, list->items + at, (list->count - at) * sizeof *list->items);
    list->items[at] = p;
    list->count++;
}

/* Returns whether the list has this policy already, with the same contents. */
static bool list_has(const struct policy_list *list, const struct policy *p)
{
    for (size_t i = 0; i < list->count; i++) {
        const struct policy *old = list->items[i];
        if (slice_equal(old->name, p->name))
            return slice_equal(old->apply_to, p->apply_to) && slice_equal(old->text, p->text) &&
                   slice_equal(pattern_text(old->pattern), pattern_text(p->pattern)) &&
                   old->priority == p->priority;
    }
    return false;
}

/* Removes and returns the policy of this name, or returns NULL. */
static struct policy *list_take(struct policy_list *list, struct slice name)
{
    for (size_t i = 0; i < list->count; i++) {
        struct policy *p = list->items[i];
        if (!slice_equal(p->name, name))
            continue;
        list->count--;
        memmove(list->items + i, list->items + i + 1, (list->count - i) * sizeof *list->items);
        return p;
    }
    return NULL;
}

void policies_free(struct vhost *vhost)
{
    policy_pairs_forget(vhost);
    for (int kind = 0; kind < POLICY_KINDS; kind++) {
        struct policy_list *list = &vhost->rules->policies[kind];
        for (size_t i = 0; i < list->count; i++)
            policy_free(list->items[i]);
        free(list->items);
        *list = (struct policy_list){0};
    }
}

static void policy_row(const struct policy *p, struct slice vhost, struct definition_policy *ret)
{
    *ret = (struct definition_policy){
        .vhost = vhost,
        .name = p->name,
        .is_operator = p->kind == POLICY_OPERATOR,
        .pattern = pattern_text(p->pattern),
        .apply_to = p->apply_to,
        .priority = p->priority,
        .definition = p->text,
    };
}

static int policy_compare_names(const void *a, const void *b)
{
    return slice_compare((*(struct policy *const *)a)->name, (*(struct policy *const *)b)->name);
}

void policy_each(struct vhost *vhost, enum policy_kind kind, policy_visit *visit, void *arg)
{
    topology_lock(vhost->topology);
    const struct policy_list *list = &vhost->rules->policies[kind];
    struct policy **sorted = lv_calloc(list->count + 1, sizeof(struct policy *));
    for (size_t i = 0; i < list->count; i++)
        sorted[i] = list->items[i];
    qsort(sorted, list->count, sizeof *sorted, policy_compare_names);
    for (size_t i = 0; i < list->count; i++) {
        struct definition_policy row;
        policy_row(sorted[i], vhost_name(vhost), &row);
        visit(arg, &row);
    }
    topology_unlock(vhost->topology);
    free(sorted);
}

void policy_each_match(struct vhost *vhost, enum policy_kind kind, const struct queue *queue,
                       struct slice name, policy_visit *visit, void *arg)
{
    const unsigned what = queue ? policy_kind_of_queue(queue) : APPLIES_TO_EXCHANGES;
    topology_lock(vhost->topology);
    const struct policy_list *list = &vhost->rules->policies[kind];
    for (size_t i = 0; i < list->count; i++) {
        struct definition_policy row;
        if (!(list->items[i]->applies_to & what) || !policy_matches(list->items[i], name))
            continue;
        policy_row(list->items[i], vhost_name(vhost), &row);
        visit(arg, &row);
    }
    topology_unlock(vhost->topology);
}

/* --- changes ---------------------------------------------------------------------------------- */

/* A change, made under both locks. `durable` is what is stored of it; `old` is the policy that is
 * replaced or cleared, or NULL. */
struct policy_change {
    struct vhost *vhost;
    struct durable_changes durable;
    struct policy *old;
};

static void change_begin(struct policy_change *c, struct vhost *vhost)
{
    lv_assert(!loop_current()); /* loops must not wait for the policy lock */
    *c = (struct policy_change){.vhost = vhost};
    pthread_mutex_lock(&vhost_broker(vhost)->policy_lock);
    topology_lock(vhost->topology);
    durable_begin(&c->durable, vhost);
}

/* Ends a change that is refused before anything has changed: releases the locks. Returns err. */
static int change_refuse(struct policy_change *c, int err)
{
    topology_unlock(c->vhost->topology);
    pthread_mutex_unlock(&vhost_broker(c->vhost)->policy_lock);
    return err;
}

/* Applies the change, releases the locks, and calls `done` if nothing is stored. `set` is the new
 * policy, or NULL if one was cleared. */
static int change_end(struct policy_change *c, const struct policy *set, struct durable_done done)
{
    enum change_result result = durable_submit(&c->durable, done);
    policy_pairs_forget(c->vhost);
    topology_unlock(c->vhost->topology);
    policy_apply(c->vhost, set);
    pthread_mutex_unlock(&vhost_broker(c->vhost)->policy_lock);
    if (c->old)
        policy_free(c->old);
    if (result == CHANGE_DONE && done.fn)
        done.fn(done.arg, 0);
    return 0;
}

/* Puts the policy, which it takes, in place of any of the same name. Returns what policy_set()
 * does. */
static int policy_put(struct vhost *vhost, struct policy *p, struct durable_done done,
                      bool *ret_is_new)
{
    struct policy_change c;
    struct definition_policy row;
    change_begin(&c, vhost);
    if (atomic_load(&vhost->is_deleted)) {
        policy_free(p);
        return change_refuse(&c, ERR_NOT_FOUND);
    }
    if (list_has(&vhost->rules->policies[p->kind], p)) {
        policy_free(p);
        return change_refuse(&c, ERR_EXISTS);
    }
    c.old = list_take(&vhost->rules->policies[p->kind], p->name);
    if (ret_is_new)
        *ret_is_new = !c.old;
    list_insert(&vhost->rules->policies[p->kind], p);
    policy_row(p, vhost_name(vhost), &row);
    if (durable_is_stored(&c.durable))
        durable_add(&c.durable, definition_put_policy(&row));
    return change_end(&c, p, done);
}

int policy_read(const struct definition_policy *row, bool is_draft, struct lv_buffer *reason,
                struct policy **ret)
{
    struct pattern *pattern = NULL;
    json_t *definition =
        json_loadb((const char *)row->definition.p, row->definition.n, JSON_DECODE_ANY, NULL);
    if (!definition)
        return ERR_FORMAT;
    bool is_fine = check_row(row, definition, is_draft, &pattern, reason);
    if (is_fine)
        *ret = policy_make(row, pattern, definition);
    json_decref(definition);
    return is_fine ? 0 : ERR_INVALID;
}

int policy_check(const struct definition_policy *row, struct lv_buffer *reason)
{
    struct policy *p = NULL;
    int err = policy_read(row, false, reason, &p);
    if (err == 0)
        policy_free(p);
    return err;
}

int policy_set(struct vhost *vhost, const struct definition_policy *row, struct lv_buffer *reason,
               struct durable_done done, bool *ret_is_new)
{
    struct policy *p = NULL;
    int err = policy_read(row, false, reason, &p);
    return err < 0 ? err : policy_put(vhost, p, done, ret_is_new);
}

int policy_clear(struct vhost *vhost, struct slice name, enum policy_kind kind,
                 struct durable_done done)
{
    struct policy_change c;
    change_begin(&c, vhost);
    c.old = list_take(&vhost->rules->policies[kind], name);
    if (!c.old)
        return change_refuse(&c, ERR_NOT_FOUND);
    if (durable_is_stored(&c.durable))
        durable_add(&c.durable,
                    definition_delete_policy(vhost_name(vhost), name, kind == POLICY_OPERATOR));
    return change_end(&c, NULL, done);
}

/* --- recovery --------------------------------------------------------------------------------- */

static void skipped_log(struct vhost *vhost, const struct definition_policy *row, const char *why)
{
    log_warning("policy '%.*s' in vhost '%.*s' is skipped: %s", SLICE_ARG(row->name),
                SLICE_ARG(vhost_name(vhost)), why);
}

void policy_restore(struct vhost *vhost, const struct definition_policy *row)
{
    struct pattern *pattern = NULL;
    json_t *definition = json_loadb((const char *)row->definition.p, row->definition.n, 0, NULL);
    if (!json_is_object(definition)) {
        skipped_log(vhost, row, "its definition is not a JSON object");
    } else if (kinds_of(row->apply_to) == 0) {
        skipped_log(vhost, row, "its apply-to is unknown");
    } else if (pattern_compile(row->pattern, &pattern, NULL) < 0) {
        skipped_log(vhost, row, "its pattern is not a valid regular expression");
    } else {
        struct policy_change c;
        struct policy *p = policy_make(row, pattern, definition);
        change_begin(&c, vhost);
        list_insert(&vhost->rules->policies[p->kind], p);
        change_end(&c, p, (struct durable_done){0});
    }
    json_decref(definition);
}
