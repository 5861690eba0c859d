#include "migrate/routes.h"

#include <string.h>

#include "migrate/places.h"

enum {
    EXCHANGES_MAX = 8, /* one bound to the other */
    VISITS_MAX = 1000, /* of exchanges, for one message: many ways may lead to the same ones */
    WORDS_MAX = 256,   /* of a key, whose length is an octet */
};

/* Whether what no binding matches may go on to another exchange. A policy may say so, too. */
static bool may_have_alternate(const json_t *exchange)
{
    return json_object_get(json_object_get(exchange, "arguments"), "alternate-exchange") ||
           json_is_string(json_object_get(exchange, "policy"));
}

json_t *routes_create(const json_t *exchanges, const json_t *bindings, const char *vhost)
{
    json_t *routes = json_object();
    const json_t *one;
    size_t n;
    json_array_foreach(exchanges, n, one)
    {
        if (member_is(one, "vhost", vhost))
            json_object_set_new(routes, text_of_member(one, "name"),
                                json_pack("{s:s, s:b, s:[]}", "type", text_of_member(one, "type"),
                                          "has_alternate", may_have_alternate(one), "bindings"));
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

/* Splits at the points; no text has no words. Returns how many there are, or WORDS_MAX + 1. */
static size_t split(struct slice text, struct slice words[WORDS_MAX])
{
    size_t count = 0;
    for (bool is_over = text.n == 0; !is_over; count++) {
        const uint8_t *point = text.n ? memchr(text.p, '.', text.n) : NULL;
        size_t n = point ? (size_t)(point - text.p) : text.n;
        if (count == WORDS_MAX)
            return WORDS_MAX + 1;
        words[count] = slice_of(text.p, n);
        is_over = !point;
        if (point)
            text = slice_of(point + 1, text.n - n - 1);
    }
    return count;
}

/* Only the last "#" is ever tried with more words: whatever the earlier ones could take, it can. So
 * the time is at most the product of the two counts of words. */
bool topic_matches(struct slice pattern, struct slice key)
{
    struct slice wanted[WORDS_MAX], words[WORDS_MAX];
    size_t wanted_count = split(pattern, wanted), count = split(key, words);
    size_t w = 0, k = 0, hash = SIZE_MAX, taken = 0; /* `hash` takes the words up to `taken` */
    if (wanted_count > WORDS_MAX || count > WORDS_MAX)
        return false;
    while (k < count) {
        if (w < wanted_count && slice_is(wanted[w], "#")) {
            hash = w++;
            taken = k;
        } else if (w < wanted_count &&
                   (slice_is(wanted[w], "*") || slice_equal(wanted[w], words[k]))) {
            w++;
            k++;
        } else if (hash != SIZE_MAX) {
            w = hash + 1;
            k = ++taken;
        } else {
            return false;
        }
    }
    while (w < wanted_count && slice_is(wanted[w], "#"))
        w++;
    return w == wanted_count;
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

struct way {
    const json_t *routes;
    struct slice key;
    const char *queue;
    bool is_led;     /* the message gets to `queue` */
    unsigned visits; /* of exchanges */
};

/* Whether all queues that a message gets to by an exchange are the wanted one. False also where
 * that cannot be told. */
static bool leads_to_no_other(struct way *way, struct slice exchange, int depth)
{
    const json_t *route = json_object_getn(way->routes, (const char *)exchange.p, exchange.n);
    const char *type = text_of_member(route, "type");
    const json_t *binding;
    size_t n;
    bool is_matched = false;
    if (!is_simple(type) || depth > EXCHANGES_MAX || ++way->visits > VISITS_MAX)
        return false;
    json_array_foreach(json_object_get(route, "bindings"), n, binding)
    {
        const char *destination = text_of_member(binding, "destination");
        if (!binding_matches(type, binding, way->key))
            continue;
        is_matched = true;
        if (!member_is(binding, "destination_type", "queue")) {
            if (!leads_to_no_other(way, slice_str(destination), depth + 1))
                return false;
        } else if (strcmp(destination, way->queue) == 0) {
            way->is_led = true;
        } else {
            return false;
        }
    }
    return is_matched || !json_is_true(json_object_get(route, "has_alternate"));
}

bool routes_lead_only_to(const json_t *routes, struct slice exchange, struct slice routing_key,
                         const char *queue)
{
    struct way way = {.routes = routes, .key = routing_key, .queue = queue};
    if (exchange.n == 0)
        return slice_is(routing_key, queue);
    return leads_to_no_other(&way, exchange, 0) && way.is_led;
}
