/* A table of the keys, with RabbitMQ 3.10's checks and texts; it includes keys of later versions
 * and of plugins.
 *
 * RabbitMQ asks one module after the other: mirroring (ha-...), queues, queue-master-locator. Keys
 * that belong to no module are unknown. The error reported is that of the first module that finds
 * one; unknown keys come last. */
#include <stdlib.h>
#include <string.h>

#include "base/assert.h"
#include "topology/policy_keys.h"
#include "wire/erlang_json.h"

/* --- one value -------------------------------------------------------------------------------- */

static bool is_integer_from(const json_t *value, json_int_t min)
{
    return json_is_integer(value) && json_integer_value(value) >= min;
}

static bool is_not_negative(const json_t *value)
{
    return is_integer_from(value, 0);
}

static bool is_positive(const json_t *value)
{
    return is_integer_from(value, 1);
}

static bool is_text(const json_t *value)
{
    return json_is_string(value);
}

static bool is_flag(const json_t *value)
{
    return json_is_boolean(value);
}

static bool is_segment_size(const json_t *value)
{
    return is_not_negative(value) && json_integer_value(value) <= 3000000000;
}

static bool is_filter_size(const json_t *value)
{
    return is_integer_from(value, 16) && json_integer_value(value) <= 255;
}

static bool is_queue_version(const json_t *value)
{
    return is_positive(value) && json_integer_value(value) <= 2;
}

/* Returns whether the value is a string from a list that ends with NULL. */
static bool is_word(const json_t *value, const char *const *words)
{
    while (*words && !slice_is(json_slice(value), *words))
        words++;
    return *words && json_is_string(value);
}

static bool is_overflow(const json_t *value)
{
    static const char *const words[] = {"drop-head", "reject-publish", "reject-publish-dlx", NULL};
    return is_word(value, words);
}

static bool is_queue_mode(const json_t *value)
{
    static const char *const words[] = {"default", "lazy", NULL};
    return is_word(value, words);
}

static bool is_strategy(const json_t *value)
{
    static const char *const words[] = {"at-most-once", "at-least-once", NULL};
    return is_word(value, words);
}

static bool is_leader_locator(const json_t *value)
{
    static const char *const words[] = {"client-local", "balanced", "random", "least-leaders",
                                        NULL};
    return is_word(value, words);
}

static bool is_retry_type(const json_t *value)
{
    static const char *const words[] = {"disabled", "all", "failed", "returned", NULL};
    return is_word(value, words);
}

static bool is_master_locator(const json_t *value)
{
    static const char *const words[] = {"min-masters", "client-local", "random", NULL};
    return is_word(value, words);
}

/* Returns whether the value is digits and one unit, such as "7D". */
static bool is_age(const json_t *value)
{
    const char *text = json_string_value(value);
    size_t digits = text ? strspn(text, "0123456789") : 0;
    return digits > 0 && strlen(text) == digits + 1 && strchr("YMDhms", text[digits]);
}

/* --- the keys --------------------------------------------------------------------------------- */

enum { IN_OPERATOR = 1 }; /* operator policies may have the key, too */

static const struct key {
    const char *name;
    bool (*is_valid)(const json_t *value);
    const char *complaint; /* the error's text after the value */
    unsigned flags;
    unsigned not_for; /* queue types that do not support it: policy_not_for() */
} keys[] = {
    {"alternate-exchange", is_text, "is not a valid alternate exchange name", 0, 0},
    {"consumer-disconnected-timeout", is_not_negative,
     "is not a valid consumer disconnected timeout", IN_OPERATOR, 0},
    {"consumer-timeout", is_not_negative, "is not a valid consumer timeout", IN_OPERATOR, 0},
    {"dead-letter-exchange", is_text, "is not a valid dead letter exchange name", 0,
     APPLIES_TO_STREAM},
    {"dead-letter-routing-key", is_text, "is not a valid dead letter routing key", 0,
     APPLIES_TO_STREAM},
    {"dead-letter-strategy", is_strategy, "is not a valid dead letter strategy", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
    {"delayed-message", is_flag, "is not a valid delayed-message value", 0, 0},
    {"delayed-retry-max", is_not_negative, "is not a valid delayed retry maximum", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
    {"delayed-retry-min", is_not_negative, "is not a valid delayed retry minimum", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
    {"delayed-retry-type", is_retry_type, "is not a valid delayed retry type", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
    {"delivery-limit", is_not_negative, "is not a valid delivery limit", IN_OPERATOR,
     APPLIES_TO_CLASSIC | APPLIES_TO_STREAM},
    {"expires", is_positive, "is not a valid queue expiry", IN_OPERATOR, APPLIES_TO_STREAM},
    {"federation-upstream", is_text, "is not a valid federation upstream", 0, 0},
    {"federation-upstream-pattern", is_text, "is not a valid federation upstream pattern", 0, 0},
    {"federation-upstream-set", is_text, "is not a valid federation upstream set", 0, 0},
    {"federation-upstream-set-pattern", is_text, "is not a valid federation upstream set pattern",
     0, 0},
    {"initial-cluster-size", is_not_negative, "is not a valid cluster size", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM},
    {"max-age", is_age, "is not a valid max age", 0, APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM},
    {"max-in-memory-bytes", is_not_negative, "is not a valid maximum memory in bytes", IN_OPERATOR,
     APPLIES_TO_STREAM},
    {"max-in-memory-length", is_not_negative, "is not a valid maximum memory in bytes", IN_OPERATOR,
     APPLIES_TO_STREAM},
    {"max-length", is_not_negative, "is not a valid maximum length", IN_OPERATOR,
     APPLIES_TO_STREAM},
    {"max-length-bytes", is_not_negative, "is not a valid maximum length in bytes", IN_OPERATOR, 0},
    {"message-ttl", is_not_negative, "is not a valid message TTL", IN_OPERATOR, APPLIES_TO_STREAM},
    {"overflow", is_overflow, "is not a valid overflow value", IN_OPERATOR, APPLIES_TO_STREAM},
    {"queue-leader-locator", is_leader_locator, "is not a valid queue leader locator value", 0,
     APPLIES_TO_CLASSIC},
    {"queue-mode", is_queue_mode, "is not a valid queue-mode value", 0,
     APPLIES_TO_QUORUM | APPLIES_TO_STREAM},
    {"queue-version", is_queue_version, "is not a valid queue-version value", IN_OPERATOR, 0},
    {"routing-key", is_text, "is not a valid routing key", 0, 0},
    {"shards-per-node", is_not_negative, "is not a valid number of shards", 0, 0},
    {"stream-filter-size-bytes", is_filter_size, "is not a valid filter size", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM},
    {"stream-max-segment-size-bytes", is_segment_size, "is not a valid segment size", 0,
     APPLIES_TO_CLASSIC | APPLIES_TO_QUORUM},
    {"target-group-size", is_positive, "is not a valid target group size", IN_OPERATOR, 0},
};

/* Keys of mirrored queues, which are accepted and have no effect. */
static const char *const mirror_keys[] = {
    "ha-mode",
    "ha-params",
    "ha-promote-on-failure",
    "ha-promote-on-shutdown",
    "ha-sync-mode",
    "ha-sync-batch-size",
    NULL,
};

static const struct key *key_find(const char *name)
{
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        if (strcmp(keys[i].name, name) == 0)
            return &keys[i];
    }
    return NULL;
}

static bool is_among(const char *name, const char *const *names)
{
    while (*names && strcmp(*names, name) != 0)
        names++;
    return *names != NULL;
}

static bool is_mirror_key(const char *name)
{
    return is_among(name, mirror_keys);
}

static bool is_known(const char *name, enum policy_kind kind)
{
    const struct key *key = key_find(name);
    if (kind == POLICY_OPERATOR)
        return key && (key->flags & IN_OPERATOR);
    return key || is_mirror_key(name) || strcmp(name, "queue-master-locator") == 0;
}

/* Of the keys above, those that queues act on. */
static const char *const queue_keys[] = {
    "consumer-timeout",
    "dead-letter-exchange",
    "dead-letter-routing-key",
    "dead-letter-strategy",
    "delivery-limit",
    "expires",
    "max-length",
    "max-length-bytes",
    "message-ttl",
    "overflow",
    NULL,
};

/* Arguments of queues that are no keys of policies, and that queues do not act on. */
static const char *const idle_arguments[] = {
    "max-age",
    "quorum-initial-group-size",
    "queue-master-locator",
    NULL,
};

bool policy_key_moves_queues(const char *name)
{
    if (key_find(name) || is_mirror_key(name))
        return is_among(name, queue_keys);
    return !is_among(name, idle_arguments);
}

unsigned policy_not_for(json_t *definition)
{
    unsigned types = 0;
    const char *name;
    json_t *value;
    json_object_foreach(definition, name, value)
    {
        const struct key *key = key_find(name);
        if (key)
            types |= key->not_for;
        else if (strcmp(name, "queue-master-locator") == 0 ||
                 (is_mirror_key(name) && strcmp(name, "ha-sync-batch-size") != 0))
            types |= APPLIES_TO_QUORUM | APPLIES_TO_STREAM;
    }
    return types;
}

/* --- checking --------------------------------------------------------------------------------- */

/* Appends a sentence: `before`, the value unless it is NULL, `after`. Returns false. */
static bool complain(struct lv_buffer *reason, const char *before, const json_t *value,
                     const char *after)
{
    lv_buffer_printf(reason, "%s", before);
    if (value)
        json_put_erlang(reason, value);
    lv_buffer_printf(reason, "%s\n", after);
    return false;
}

static bool check_nodes(const json_t *params, struct lv_buffer *reason)
{
    if (!params)
        return complain(reason, "ha-mode=\"nodes\" takes a list, none given", NULL, "");
    if (!json_is_array(params))
        return complain(reason, "ha-mode=\"nodes\" takes a list, ", params, " given");
    if (json_array_size(params) == 0)
        return complain(reason, "ha-mode=\"nodes\" list must be non-empty", NULL, "");
    json_t *others = json_array();
    for (size_t i = 0; i < json_array_size(params); i++) {
        if (!json_is_string(json_array_get(params, i)))
            json_array_append(others, json_array_get(params, i));
    }
    bool is_fine = json_array_size(others) == 0 ||
                   complain(reason, "ha-mode=\"nodes\" takes a list of strings, ", others,
                            " was not a string");
    json_decref(others);
    return is_fine;
}

static bool check_mirror_mode(const json_t *mode, const json_t *params, struct lv_buffer *reason)
{
    struct slice word = json_slice(mode);
    if (slice_is(word, "all"))
        return !params || complain(reason, "ha-mode=\"all\" does not take parameters", NULL, "");
    if (slice_is(word, "nodes"))
        return check_nodes(params, reason);
    if (!slice_is(word, "exactly"))
        return complain(reason, "", mode, " is not a valid ha-mode value");
    if (!params)
        return complain(reason, "ha-mode=\"exactly\" takes an integer, none given", NULL, "");
    return is_positive(params) ||
           complain(reason, "ha-mode=\"exactly\" takes an integer, ", params, " given");
}

static bool check_choice(json_t *definition, const char *key, const char *one, const char *other,
                         struct lv_buffer *reason)
{
    const json_t *value = json_object_get(definition, key);
    if (!value || slice_is(json_slice(value), one) || slice_is(json_slice(value), other))
        return true;
    lv_buffer_printf(reason, "%s must be \"%s\" or \"%s\", got ", key, one, other);
    return complain(reason, "", value, "");
}

static bool check_mirrors(json_t *definition, struct lv_buffer *reason)
{
    const json_t *mode = json_object_get(definition, "ha-mode");
    const json_t *batch = json_object_get(definition, "ha-sync-batch-size");
    bool has_any = false;
    for (size_t i = 0; mirror_keys[i]; i++)
        has_any |= json_object_get(definition, mirror_keys[i]) != NULL;
    if (!has_any)
        return true;
    if (!mode)
        return complain(reason,
                        "ha-mode must be specified to specify ha-params, ha-sync-mode or "
                        "ha-promote-on-shutdown",
                        NULL, "");
    return check_mirror_mode(mode, json_object_get(definition, "ha-params"), reason) &&
           check_choice(definition, "ha-sync-mode", "manual", "automatic", reason) &&
           (!batch || is_positive(batch) ||
            complain(reason, "ha-sync-batch-size takes an integer greater than 0, ", batch,
                     " given")) &&
           check_choice(definition, "ha-promote-on-shutdown", "always", "when-synced", reason) &&
           check_choice(definition, "ha-promote-on-failure", "always", "when-synced", reason);
}

static bool check_values(json_t *definition, const char **names, size_t count,
                         enum policy_kind kind, struct lv_buffer *reason)
{
    for (size_t i = 0; i < count; i++) {
        const struct key *key = key_find(names[i]);
        const json_t *value = json_object_get(definition, names[i]);
        if (!key || !is_known(names[i], kind) || key->is_valid(value))
            continue;
        json_put_erlang(reason, value);
        lv_buffer_printf(reason, " %s\n", key->complaint);
        return false;
    }
    return true;
}

static bool check_master_locator(json_t *definition, struct lv_buffer *reason)
{
    const json_t *value = json_object_get(definition, "queue-master-locator");
    return !value || is_master_locator(value) ||
           complain(reason, "", value, " invalid queue-master-locator value");
}

static bool check_all_known(json_t *definition, enum policy_kind kind, struct lv_buffer *reason)
{
    json_t *unknown = json_object();
    const char *name;
    json_t *value;
    json_object_foreach(definition, name, value)
    {
        if (!is_known(name, kind))
            json_object_set(unknown, name, value);
    }
    bool are_known = json_object_size(unknown) == 0;
    if (!are_known) {
        json_put_erlang_list(reason, unknown);
        lv_buffer_printf(reason, " are not recognised policy settings\n");
    }
    json_decref(unknown);
    return are_known;
}

bool policy_check_definition(json_t *definition, enum policy_kind kind, struct lv_buffer *reason)
{
    size_t count;
    lv_assert(json_is_object(definition));
    if (json_object_size(definition) == 0)
        return complain(reason, "no policy provided", NULL, "");
    const char **names = json_names_sorted(definition, &count);
    bool is_ordinary = kind == POLICY_ORDINARY;
    bool is_fine = (!is_ordinary || check_mirrors(definition, reason)) &&
                   check_values(definition, names, count, kind, reason) &&
                   (!is_ordinary || check_master_locator(definition, reason)) &&
                   check_all_known(definition, kind, reason);
    free(names);
    return is_fine;
}

/* --- merging ---------------------------------------------------------------------------------- */

json_t *policy_merge(json_t *ordinary, json_t *operator_s)
{
    lv_assert(json_is_object(ordinary) && json_is_object(operator_s));
    json_t *merged = json_copy(ordinary);
    const char *name;
    json_t *limit;
    json_object_foreach(operator_s, name, limit)
    {
        const json_t *own = json_object_get(ordinary, name);
        bool is_smaller = json_is_integer(own) && json_is_integer(limit) &&
                          json_integer_value(limit) < json_integer_value(own) &&
                          strcmp(name, "queue-version") != 0;
        if (!own || is_smaller)
            json_object_set(merged, name, limit);
    }
    return merged;
}
