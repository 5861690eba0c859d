/* Which of the values that are given to a queue's setting counts. The decisions are the broker's
 * own: both merges are made by the functions that make them for queues, and then it is looked up
 * whose value came out. */
#include "manage/queue_origins.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "broker/policy.h"
#include "manage/queues.h"
#include "queue/queue_arguments.h"
#include "queue/queue_settings.h"
#include "topology/policy_keys.h"
#include "topology/vhost.h"
#include "wire/erlang_json.h"
#include "wire/table_json.h"

/* What is known of one queue. */
struct origins {
    json_t *arguments;                /* an object: names without "x-" */
    json_t *of[POLICY_KINDS];         /* the definitions of its policies; NULL: none */
    struct slice names[POLICY_KINDS]; /* of these; borrowed from the queue's policy */
    json_t *merged;                   /* of both */
    struct queue_arguments asked, in_force;
};

/* --- what is given ---------------------------------------------------------------------------- */

struct finding {
    struct slice name;
    json_t *definition;
};

static void take_definition(void *arg, const struct definition_policy *row)
{
    struct finding *f = arg;
    if (slice_equal(row->name, f->name))
        f->definition =
            json_loadb((const char *)row->definition.p, row->definition.n, JSON_DECODE_ANY, NULL);
}

static json_t *definition_find(struct vhost *vhost, enum policy_kind kind, struct slice name)
{
    struct finding f = {.name = name};
    policy_each(vhost, kind, take_definition, &f);
    return f.definition;
}

static json_t *arguments_of(struct slice table)
{
    json_t *all = table_to_json(table), *known = json_object(), *value;
    const char *name;
    json_object_foreach(all, name, value)
    {
        if (strncmp(name, "x-", 2) == 0 && queue_argument_is_known(slice_str(name)))
            json_object_set(known, name + 2, value);
    }
    json_decref(all);
    return known;
}

static void origins_free(struct origins *o)
{
    json_decref(o->arguments);
    json_decref(o->of[POLICY_ORDINARY]);
    json_decref(o->of[POLICY_OPERATOR]);
    json_decref(o->merged);
}

static void merge(struct origins *o, const struct queue_facts *f)
{
    struct broker_error ignored;
    const struct queue_flags flags = {.durable = f->is_durable, .auto_delete = f->is_auto_delete};
    json_t *ordinary = o->of[POLICY_ORDINARY], *limits = o->of[POLICY_OPERATOR];
    o->merged = ordinary && limits ? policy_merge(ordinary, limits)
                                   : json_incref(ordinary ? ordinary : limits);
    if (!o->merged)
        o->merged = json_object();
    if (!queue_arguments_read(f->arguments, flags, f->name, SLICE_EMPTY, &o->asked, &ignored))
        return; /* not of a queue that is there */
    const struct effective_policy policy = {.definition = o->merged};
    queue_settings_merge(&o->asked, &policy, &o->in_force);
}

static void origins_begin(struct origins *o, struct vhost *vhost, const struct queue_facts *f)
{
    o->arguments = arguments_of(f->arguments);
    for (enum policy_kind kind = 0; f->policy && kind < POLICY_KINDS; kind++) {
        o->names[kind] = f->policy->names[kind];
        if (f->policy->has[kind])
            o->of[kind] = definition_find(vhost, kind, o->names[kind]);
    }
    merge(o, f);
}

/* --- whose value counts ----------------------------------------------------------------------- */

/* Returns whether this is a number that a policy can lower, and sets *ret to whether one has. */
static bool is_lowered(struct origins *o, const char *key, bool *ret)
{
    const char *at;
    bool is_time;
    int64_t *asked;
    for (size_t n = 0; (asked = queue_arguments_lowered(&o->asked, n, &at, &is_time)); n++) {
        if (strcmp(at, key) != 0)
            continue;
        *ret = *asked != *queue_arguments_lowered(&o->in_force, n, &at, &is_time);
        return true;
    }
    return false;
}

static bool argument_counts(struct origins *o, const char *key)
{
    bool by_policy;
    if (!json_object_get(o->arguments, key))
        return false;
    return !json_object_get(o->merged, key) || !is_lowered(o, key, &by_policy) || !by_policy;
}

static const char *source_of(struct origins *o, const char *key)
{
    json_t *ordinary = json_object_get(o->of[POLICY_ORDINARY], key);
    if (argument_counts(o, key))
        return "argument";
    bool is_users = ordinary && json_equal(ordinary, json_object_get(o->merged, key));
    return is_users ? "policy" : "operator_policy";
}

/* --- the listing ------------------------------------------------------------------------------ */

static void setting_free(void *row)
{
    struct queue_setting *s = row;
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++) {
        json_decref(s->of_policy[kind]);
        free(s->policy_name[kind]);
    }
    json_decref(s->value);
    json_decref(s->argument);
    free(s->key);
    free(s);
}

static struct queue_setting *setting_make(const char *key, const char *source, json_t *value)
{
    struct queue_setting *s = lv_calloc(1, sizeof *s);
    s->key = slice_strdup(slice_str(key));
    s->source = source;
    s->has_effect = policy_key_moves_queues(key);
    s->value = json_incref(value);
    return s;
}

static void add_given(struct origins *o, const char *key, struct listing *out)
{
    const char *source = source_of(o, key);
    json_t *argument = json_object_get(o->arguments, key);
    struct queue_setting *s = setting_make(
        key, source, strcmp(source, "argument") == 0 ? argument : json_object_get(o->merged, key));
    s->argument = json_incref(argument);
    for (enum policy_kind kind = 0; kind < POLICY_KINDS; kind++) {
        s->of_policy[kind] = json_incref(json_object_get(o->of[kind], key));
        if (s->of_policy[kind])
            s->policy_name[kind] = slice_strdup(o->names[kind]);
    }
    listing_add(out, s);
}

static void add_timeout(const struct manage *m, struct listing *out)
{
    uint64_t ms = atomic_load(&m->broker->topology.consumer_timeout_ms);
    json_t *value = json_integer((json_int_t)ms);
    if (ms > 0)
        listing_add(out, setting_make("consumer-timeout", "default", value));
    json_decref(value);
}

static void add_all(const struct manage *m, struct origins *o, struct listing *out)
{
    json_t *keys = json_object();
    size_t count;
    json_object_update(keys, o->arguments);
    json_object_update(keys, o->merged);
    const char **names = json_names_sorted(keys, &count);
    if (!json_object_get(keys, "consumer-timeout"))
        add_timeout(m, out);
    for (size_t i = 0; i < count; i++)
        add_given(o, names[i], out);
    free(names);
    json_decref(keys);
}

bool manage_list_queue_settings(struct manage *m, const struct actor *actor,
                                struct slice vhost_name, struct slice name, struct listing *ret,
                                struct manage_error *error)
{
    struct listing queues = {0};
    struct origins o = {0};
    *ret = (struct listing){.free_row = setting_free};
    bool is_done = manage_show_queue(m, actor, vhost_name, name, &queues, error);
    struct vhost *vhost = is_done ? manage_vhost(m, vhost_name, error) : NULL;
    if (vhost) {
        origins_begin(&o, vhost, queues.rows[0]);
        add_all(m, &o, ret);
        origins_free(&o);
    }
    listing_free(&queues);
    return vhost != NULL;
}
