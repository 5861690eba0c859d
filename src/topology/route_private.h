/* The scratch space for finding a route: one for each loop. It grows as needed and is reused, so
 * that finding a route usually allocates nothing. */
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

/* A set of pointers: a hash table with open addressing, at most half full. A slot is in use if its
 * stamp is that of the set, so that incrementing the set's stamp empties it. */
struct pointer_set {
    struct pointer_slot {
        const void *pointer;
        uint64_t stamp;
    } * slots;
    size_t capacity; /* of slots: 0 or a power of two */
    size_t count;
    uint64_t stamp;
};

/* Returns false if the pointer was in the set already. */
bool pointer_set_add(struct pointer_set *set, const void *pointer);

static inline void pointer_set_clear(struct pointer_set *set)
{
    set->count = 0;
    set->stamp++;
}

/* A message's headers, sorted by name; headers of the same name keep the message's order. */
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

/* The scratch space of topic_match.c. */
struct topic_scratch {
    struct topic_key_word *words; /* of the key, by position */
    uint32_t *slots;              /* from a word's hash to its first position */
    uint64_t *sets;               /* of positions: one for each node on the path */
    size_t words_max;             /* capacity of `words`; `slots` has room for twice as many */
    size_t sets_max;              /* capacity of `sets`, in 64-bit words */
    size_t word_count;
    size_t slot_count; /* a power of two */
    size_t set_words;  /* size of a set, in 64-bit words */
    uint64_t steps;    /* nodes visited and children looked up, in total: the cost of matching */
};

struct route_set {
    struct pointer_list queues;    /* found so far */
    struct pointer_list exchanges; /* found so far, in the order in which they are asked */
    struct pointer_set seen;       /* the destinations in both lists */
    size_t matches;                /* route_set_add() calls, also for destinations found before */
    bool is_never_cached;          /* an exchange was asked that looks at more than the key */
    bool has_header_list;          /* `headers` are those of this message */
    struct header_list headers;
    uint64_t compared; /* bindings whose pattern exchange_headers.c has compared, in total */
    struct topic_scratch topic;
    uint64_t random; /* the state of route_set_random()'s sequence */
};

/* Returns the next of this loop's random numbers (splitmix64). */
static inline uint64_t route_set_random(struct route_set *set)
{
    set->random += 0x9e3779b97f4a7c15u;
    return hash_mix(set->random);
}

/* Returns the headers of the message that is being routed. The first call for a message reads
 * them. */
const struct header_list *route_set_headers(struct route_set *set,
                                            const struct routing_input *input);

/* --- a walk with a visitor (explain.c) -------------------------------------------------------- */

/* Called for each exchange, in the order in which exchanges are asked. `alternate` is the alternate
 * exchange that gets the message because no binding matched; NULL if a binding matched or there is
 * no alternate exchange. */
typedef void route_visitor(void *arg, struct exchange *exchange, struct exchange *alternate);

/* Walks as route_find_many() does, but in the caller's set, which is zeroed before its first walk;
 * afterwards set->queues is the route. Read side, any thread: no cache is used. count > 0. */
void route_walk(struct route_set *set, struct exchange *exchange, const struct slice *routing_keys,
                size_t count, const struct routing_input *message, route_visitor *visit, void *arg);
/* Frees what the set has allocated. */
void route_set_free(struct route_set *set);

/* What a loop's cache has counted, for tests and statistics. */
struct route_cache_counters {
    uint64_t hits;
    uint64_t misses;
    size_t bytes; /* of all blocks (route.c) */
    uint64_t topic_steps;
    uint64_t headers_compared;
};
struct route_cache_counters route_cache_counters(struct loop *loop);

#endif
