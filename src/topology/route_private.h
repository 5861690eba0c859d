/* The scratch space that finding a route uses: one per loop, grown as needed and kept. */
#ifndef LEVERET_TOPOLOGY_ROUTE_PRIVATE_H
#define LEVERET_TOPOLOGY_ROUTE_PRIVATE_H

#include "topology/binding_array.h"
#include "topology/route.h"
#include "wire/table.h"

struct pointer_list {
    void **items;
    size_t count;
    size_t capacity;
};

void pointer_list_grow(struct pointer_list *list);

static inline void pointer_list_add(struct pointer_list *list, void *item)
{
    if (list->count == list->capacity)
        pointer_list_grow(list);
    list->items[list->count++] = item;
}

/* A set of pointers that is emptied by moving a stamp: open addressing, never more than half
 * full. */
struct pointer_set {
    struct pointer_place {
        const void *pointer;
        uint64_t stamp; /* taken when it is the set's */
    } * places;
    size_t capacity; /* 0 or a power of two */
    size_t count;
    uint64_t stamp;
};

/* False when it was in already. */
bool pointer_set_add(struct pointer_set *set, const void *pointer);

static inline void pointer_set_clear(struct pointer_set *set)
{
    set->count = 0;
    set->stamp++;
}

/* A message's headers, sorted by name; the same names in the order they came. */
struct header {
    struct slice name;
    struct field value;
};

struct header_list {
    struct header *items;
    size_t count;
    size_t capacity;
};

struct topic_key_word;

/* topic_match.c's. */
struct topic_scratch {
    struct topic_key_word *words; /* of the key, by position */
    uint32_t *slots;              /* from a word's hash to its first position */
    uint64_t *sets;               /* of positions: one for each node from the root to this one */
    size_t words_max;             /* slots has room for twice as many */
    size_t sets_max;              /* in 64 bits */
    size_t word_count;
    size_t slot_count; /* a power of two */
    size_t set_words;  /* how many 64 bits a set has */
    uint64_t steps;    /* nodes visited and children looked for, ever: what matching costs */
};

struct route_set {
    struct pointer_list queues;    /* found */
    struct pointer_list exchanges; /* found; the first ones have been asked */
    struct pointer_set seen;       /* the destinations of both */
    size_t matches;                /* bindings that matched, also to what was found before */
    bool is_never_cached;          /* an exchange was asked that looks at more than the key */
    bool has_header_list;          /* ... and they have been read */
    struct header_list headers;
    /* Bindings whose pattern was ever compared with headers: exchange_headers.c's. */
    uint64_t compared;
    struct topic_scratch topic;
    uint64_t random; /* route_set_random()'s */
};

/* The next of this loop's random numbers (splitmix64). */
static inline uint64_t route_set_random(struct route_set *set)
{
    set->random += 0x9e3779b97f4a7c15u;
    return hash_mix(set->random);
}

/* The headers of the message that is being routed, read when first asked for. */
const struct header_list *route_set_headers(struct route_set *set,
                                            const struct routing_input *input);

/* --- one walk that is watched (explain.c) ----------------------------------------------------- */

/* Called for each exchange in the order asked; `alternate` is what it handed over to, having
 * matched nothing (NULL: it matched, or has none). */
typedef void route_visitor(void *arg, struct exchange *exchange, struct exchange *alternate);

/* The walk that route_find() makes when its cache knows nothing, into a set of the caller's (zeroed
 * at first), whose queues are then the route. Read side, on any thread; no cache is touched. */
void route_walk(struct route_set *set, struct exchange *exchange, const struct slice *routing_keys,
                size_t count, const struct routing_input *message, route_visitor *visit, void *arg);
void route_set_free(struct route_set *set);

/* What this loop keeps, for tests and statistics. */
struct route_cache_counters {
    uint64_t hits;
    uint64_t misses;
    size_t bytes;
    uint64_t topic_steps;
    uint64_t headers_compared;
};
struct route_cache_counters route_cache_counters(struct loop *loop);

#endif
