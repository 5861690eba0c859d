/* Rules about exchanges, policies, parameters and users. */
#include <string.h>

#include "migrate/check_rules.h"
#include "migrate/known.h"

static const json_t *defined(const json_t *source, const char *list)
{
    return json_object_get(json_object_get(source, "definitions"), list);
}

/* --- exchanges -------------------------------------------------------------------------------- */

/* Returns the type that decides: a delayed exchange routes by that of its argument. */
static const char *routing_type_of(const json_t *exchange)
{
    const char *type = text_of_member(exchange, "type");
    return strcmp(type, "x-delayed-message") == 0
               ? text_of_member(json_object_get(exchange, "arguments"), "x-delayed-type")
               : type;
}

void migration_rule_exchange_types(const json_t *source, struct places *out)
{
    const json_t *exchanges = json_object_get(source, "exchanges"), *exchange;
    size_t n;
    if (!json_is_array(exchanges))
        exchanges = defined(source, "exchanges");
    json_array_foreach(exchanges, n, exchange)
    {
        const char *type = routing_type_of(exchange);
        if (!is_known(type, known_exchange_types))
            places_add(out, "exchange '%s' in vhost '%s' (%s)", text_of_member(exchange, "name"),
                       text_of_member(exchange, "vhost"), type);
    }
}

void migration_rule_delayed_messages(const json_t *source, struct places *out)
{
    const json_t *exchange;
    size_t n;
    json_array_foreach(json_object_get(source, "exchanges"), n, exchange)
    {
        json_int_t messages = number_of_member(exchange, "messages_delayed");
        if (messages > 0)
            places_add(out, "exchange '%s' in vhost '%s' (%" JSON_INTEGER_FORMAT " messages)",
                       text_of_member(exchange, "name"), text_of_member(exchange, "vhost"),
                       messages);
    }
}

/* --- parameters and users --------------------------------------------------------------------- */

void migration_rule_shovels_and_federation(const json_t *source, struct places *out)
{
    const json_t *row;
    size_t n;
    json_array_foreach(defined(source, "parameters"), n, row)
    {
        const char *component = text_of_member(row, "component");
        if (!is_known(component, known_components))
            places_add_object(out, component, row);
    }
}

void migration_rule_password_hashes(const json_t *source, struct places *out)
{
    const json_t *user;
    size_t n;
    json_array_foreach(defined(source, "users"), n, user)
    {
        const char *algorithm = text_of_member(user, "hashing_algorithm");
        if (*algorithm && !is_known(algorithm, known_hashes))
            places_add(out, "user '%s' (%s)", text_of_member(user, "name"), algorithm);
    }
}

/* Adds the user once for each tag of its list, or of its text with commas, that gives no rights. */
static void add_unknown_tags(struct places *out, const char *user, const char *tags)
{
    static const char *const known[] = {"administrator", "monitoring",   "policymaker",
                                        "management",    "impersonator", NULL};
    while (*tags) {
        char tag[PLACE_BYTES_MAX];
        size_t n = strcspn(tags, ",");
        if (n > 0 && n < sizeof tag) {
            memcpy(tag, tags, n);
            tag[n] = '\0';
            if (!is_known(tag, known))
                places_add(out, "user '%s' (%s)", user, tag);
        }
        tags += n;
        tags += strspn(tags, ", ");
    }
}

void migration_rule_unknown_tags(const json_t *source, struct places *out)
{
    const json_t *user;
    size_t n;
    json_array_foreach(defined(source, "users"), n, user)
    {
        const json_t *tags = json_object_get(user, "tags"), *tag;
        const char *name = text_of_member(user, "name");
        size_t i;
        add_unknown_tags(out, name, text_of_member(user, "tags"));
        json_array_foreach(tags, i, tag)
        {
            if (json_is_string(tag))
                add_unknown_tags(out, name, json_string_value(tag));
        }
    }
}

void migration_rule_refused_by_import(const json_t *source, struct places *out)
{
    const json_t *fault;
    size_t n;
    json_array_foreach(json_object_get(json_object_get(source, "local"), "faults"), n, fault)
    {
        if (json_is_string(fault))
            places_add(out, "%s", json_string_value(fault));
    }
}

/* --- policies --------------------------------------------------------------------------------- */

typedef bool key_test(const char *key);

/* Adds the policy for each of its keys that passes the test. */
static void add_keys(struct places *out, const char *kind, const json_t *policy,
                     const json_t *definition, key_test *test)
{
    const char *key;
    json_t *value;
    json_object_foreach((json_t *)definition, key, value)
    {
        if (test(key))
            places_add(out, "%s of %s '%s' in vhost '%s'", key, kind,
                       text_of_member(policy, "name"), text_of_member(policy, "vhost"));
    }
}

static void add_policies(struct places *out, const json_t *source, key_test *test)
{
    const json_t *row;
    size_t n;
    json_array_foreach(defined(source, "policies"), n, row)
        add_keys(out, "policy", row, json_object_get(row, "definition"), test);
    json_array_foreach(defined(source, "parameters"), n, row)
    {
        if (member_is(row, "component", "operator_policy"))
            add_keys(out, "operator policy", row,
                     json_object_get(json_object_get(row, "value"), "definition"), test);
    }
}

static bool is_unknown_key(const char *key)
{
    return !is_known(key, known_policy_keys);
}

static bool is_mirror_key(const char *key)
{
    return strncmp(key, "ha-", strlen("ha-")) == 0;
}

/* What docs/policies.md lists as without effect, but for keys of queues on several nodes. */
static bool is_idle_key(const char *key)
{
    static const char *const others[] = {"shards-per-node",
                                         "routing-key",
                                         "max-age",
                                         "stream-filter-size-bytes",
                                         "stream-max-segment-size-bytes",
                                         NULL};
    return strncmp(key, "federation-", strlen("federation-")) == 0 || is_known(key, others);
}

void migration_rule_unknown_policy_keys(const json_t *source, struct places *out)
{
    add_policies(out, source, is_unknown_key);
}

void migration_rule_mirrored_queues(const json_t *source, struct places *out)
{
    add_policies(out, source, is_mirror_key);
}

void migration_rule_policies_without_effect(const json_t *source, struct places *out)
{
    add_policies(out, source, is_idle_key);
}
