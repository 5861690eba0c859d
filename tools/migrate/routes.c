#include "migrate/routes.h"

#include <string.h>

#include "migrate/places.h"

enum { EXCHANGES_MAX = 8 /* one bound to the other */ };

json_t *routes_create(const json_t *exchanges, const json_t *bindings, const char *vhost)
{
    json_t *routes = json_object();
    const json_t *one;
    size_t n;
    json_array_foreach(exchanges, n, one)
    {
        if (member_is(one, "vhost", vhost))
            json_object_set_new(
                routes, text_of_member(one, "name"),
                json_pack("{s:s, s:[]}", "type", text_of_member(one, "type"), "bindings"));
    }
    json_array_foreach(bindings, n, one)
    {
        if (member_is(one, "vhost", vhost))
            json_array_append(
                json_object_get(json_object_get(routes, text_of_member(one, "source")), "bindings"),
                (json_t *)one);
    }
    return routes;
}

json_t *routes_of_vhosts(const json_t *source)
{
    json_t *all = json_object();
    const json_t *exchanges = json_object_get(source, "exchanges"), *exchange;
    size_t n;
    json_array_foreach(exchanges, n, exchange)
    {
        const char *vhost = text_of_member(exchange, "vhost");
        if (!json_object_get(all, vhost))
            json_object_set_new(
                all, vhost, routes_create(exchanges, json_object_get(source, "bindings"), vhost));
    }
    return all;
}

/* --- topics ----------------------------------------------------------------------------------- */

/* Cuts off the first word and the point behind it. A key that is over has no first word. */
static bool next_word(struct slice *rest, bool *is_over, struct slice *ret)
{
    if (*is_over)
        return false;
    const uint8_t *point = rest->n ? memchr(rest->p, '.', rest->n) : NULL;
    size_t n = point ? (size_t)(point - rest->p) : rest->n;
    *ret = slice_of(rest->p, n);
    *is_over = !point;
    if (point)
        *rest = slice_of(point + 1, rest->n - n - 1);
    return true;
}

/* Words from `pattern` and `key` on; "#" is tried with ever more words of the key. */
static bool words_match(struct slice pattern, bool is_pattern_over, struct slice key,
                        bool is_key_over)
{
    struct slice wanted, word;
    if (!next_word(&pattern, &is_pattern_over, &wanted))
        return is_key_over;
    if (!slice_is(wanted, "#"))
        return next_word(&key, &is_key_over, &word) &&
               (slice_is(wanted, "*") || slice_equal(wanted, word)) &&
               words_match(pattern, is_pattern_over, key, is_key_over);
    do {
        if (words_match(pattern, is_pattern_over, key, is_key_over))
            return true;
    } while (next_word(&key, &is_key_over, &word));
    return false;
}

bool topic_matches(struct slice pattern, struct slice key)
{
    return words_match(pattern, pattern.n == 0, key, key.n == 0);
}

/* --- exchanges -------------------------------------------------------------------------------- */

static bool binding_matches(const char *type, const json_t *binding, struct slice key)
{
    const char *wanted = text_of_member(binding, "routing_key");
    if (strcmp(type, "direct") == 0)
        return slice_is(key, wanted);
    if (strcmp(type, "topic") == 0)
        return topic_matches(slice_str(wanted), key);
    return true;
}

static bool is_simple(const char *type)
{
    return strcmp(type, "direct") == 0 || strcmp(type, "fanout") == 0 || strcmp(type, "topic") == 0;
}

/* Whether all queues that a message gets to by an exchange are the wanted one. False also where
 * that cannot be told. Sets *is_led if it gets to that one. */
static bool leads_to_no_other(const json_t *routes, struct slice exchange, struct slice key,
                              const char *queue, int depth, bool *is_led)
{
    const json_t *route = json_object_getn(routes, (const char *)exchange.p, exchange.n);
    const char *type = text_of_member(route, "type");
    const json_t *binding;
    size_t n;
    if (!is_simple(type) || depth > EXCHANGES_MAX)
        return false;
    json_array_foreach(json_object_get(route, "bindings"), n, binding)
    {
        const char *destination = text_of_member(binding, "destination");
        if (!binding_matches(type, binding, key))
            continue;
        if (!member_is(binding, "destination_type", "queue")) {
            if (!leads_to_no_other(routes, slice_str(destination), key, queue, depth + 1, is_led))
                return false;
        } else if (strcmp(destination, queue) == 0) {
            *is_led = true;
        } else {
            return false;
        }
    }
    return true;
}

bool routes_lead_only_to(const json_t *routes, struct slice exchange, struct slice routing_key,
                         const char *queue)
{
    bool is_led = false;
    if (exchange.n == 0)
        return slice_is(routing_key, queue);
    return leads_to_no_other(routes, exchange, routing_key, queue, 0, &is_led) && is_led;
}
