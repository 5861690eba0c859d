/* Finding routes: the walk from exchange to exchange, and each loop's cache of routes.
 *
 * The walk has two lists, of queues and of exchanges, and one set of the destinations in both: each
 * destination is added once, so the walk ends even if exchanges are bound in cycles. If no binding
 * of an exchange matches, the walk goes on at its alternate exchange.
 *
 * The cache is a table of ROUTE_ENTRIES entries, indexed by hash; a new route replaces the one with
 * the same index. An entry is valid in one generation of the topology:
 *
 *   (1) The generation is read before the walk: if the topology changes during the walk, the entry
 *       is out of date from the start.
 *   (2) Removing an exchange or a queue increments the generation, and they are freed a grace
 *       period after that: the pointers in a valid entry are valid until the end of the turn.
 *   (3) Only a loop's own thread uses its cache.
 *
 * Small routes are stored in the entry (two cache lines), larger ones in a block, and all blocks of
 * a loop together are at most ROUTE_BLOCK_BYTES_MAX. Not cached are routes that depend on more than
 * the routing key, and empty routes of the default exchange, so that declaring a queue need not
 * void all cached routes. */
#include "topology/route.h"

#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "message/delay_header.h"
#include "topology/dedup.h"
#include "topology/route_private.h"
#include "topology/topic_match.h"

static struct loop_slot route_slot;

enum {
    ROUTE_ENTRIES = 4096,
    ROUTE_INLINE_BYTES = 88,
    ROUTE_KEY_BYTES_MAX = 255,
    POINTERS_MIN = 16,
    STEPS_A_UNIT = 8,
};

static const size_t ROUTE_BLOCK_BYTES_MAX = 4 * 1024 * 1024;

/* An entry of the cache. Its bytes, which are here or in a block, are the queues and then the
 * routing key. */
struct route_entry {
    struct exchange *exchange; /* NULL: empty */
    uint64_t generation;
    uint64_t hash;
    struct queue_entry **block; /* NULL: the bytes are in `bytes` */
    uint32_t count;
    uint32_t key_bytes;
    union {
        struct queue_entry *queues[ROUTE_INLINE_BYTES / sizeof(struct queue_entry *)];
        uint8_t bytes[ROUTE_INLINE_BYTES];
    };
};

_Static_assert(sizeof(struct route_entry) == 128, "two cache lines");

struct route_cache {
    struct route_entry *entries;
    size_t block_bytes;
    uint64_t swept; /* the last generation in which clear_old_blocks() was called */
    uint64_t hits;
    uint64_t misses;
    struct route_set set;
};

/* --- lists and sets of pointers --------------------------------------------------------------- */

void pointer_list_grow(struct pointer_list *list)
{
    list->capacity = list->capacity ? list->capacity * 2 : POINTERS_MIN;
    list->items = lv_realloc(list->items, list->capacity * sizeof *list->items);
}

static size_t pointer_home(const struct pointer_set *set, const void *pointer)
{
    uint64_t hash = (uint64_t)(uintptr_t)pointer * 0x9e3779b97f4a7c15u;
    return (size_t)(hash >> 32) & (set->capacity - 1);
}

/* Returns the slot of the pointer, or the free slot where it belongs. */
static struct pointer_slot *pointer_set_find(struct pointer_set *set, const void *pointer)
{
    size_t i = pointer_home(set, pointer);
    while (set->slots[i].stamp == set->stamp && set->slots[i].pointer != pointer)
        i = (i + 1) & (set->capacity - 1);
    return &set->slots[i];
}

static void pointer_set_grow(struct pointer_set *set)
{
    struct pointer_set larger = {
        .capacity = set->capacity ? set->capacity * 2 : 2 * POINTERS_MIN,
        .count = set->count,
        .stamp = set->stamp ? set->stamp : 1,
    };
    larger.slots = lv_calloc(larger.capacity, sizeof *larger.slots);
    for (size_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].stamp == set->stamp)
            *pointer_set_find(&larger, set->slots[i].pointer) = set->slots[i];
    }
    free(set->slots);
    *set = larger;
}

bool pointer_set_add(struct pointer_set *set, const void *pointer)
{
    if (set->count >= set->capacity / 2)
        pointer_set_grow(set);
    struct pointer_slot *slot = pointer_set_find(set, pointer);
    if (slot->stamp == set->stamp)
        return false;
    *slot = (struct pointer_slot){pointer, set->stamp};
    set->count++;
    return true;
}

/* --- the walk --------------------------------------------------------------------------------- */

void route_set_add(struct route_set *set, struct destination *destination)
{
    set->matches++;
    if (!pointer_set_add(&set->seen, destination))
        return;
    if (destination->kind == DESTINATION_QUEUE)
        pointer_list_add(&set->queues, queue_entry_of_destination(destination));
    else
        pointer_list_add(&set->exchanges,
                         lv_container_of(destination, struct exchange, destination));
}

/* Orders headers by name; headers of the same name by address, which is their order in the table.
 */
static int compare_headers(const void *a, const void *b)
{
    const struct header *x = a;
    const struct header *y = b;
    int order = slice_compare(x->name, y->name);
    return order ? order : (x->name.p > y->name.p) - (x->name.p < y->name.p);
}

const struct header_list *route_set_headers(struct route_set *set,
                                            const struct routing_input *input)
{
    struct header_list *list = &set->headers;
    if (set->has_header_list)
        return list;
    set->has_header_list = true;
    list->count = 0;
    struct slice rest = input->has_headers ? input->headers : SLICE_EMPTY;
    struct header header;
    while (table_next(&rest, &header.name, &header.value)) {
        if (list->count == list->capacity) {
            list->capacity = list->capacity ? list->capacity * 2 : POINTERS_MIN;
            list->items = lv_realloc(list->items, list->capacity * sizeof *list->items);
        }
        list->items[list->count++] = header;
    }
    if (list->count > 1)
        qsort(list->items, list->count, sizeof *list->items, compare_headers);
    return list;
}

static void route_set_begin(struct route_set *set, struct exchange *exchange)
{
    set->queues.count = 0;
    set->exchanges.count = 0;
    pointer_set_clear(&set->seen);
    set->matches = 0;
    set->is_never_cached = false;
    set->has_header_list = false;
    pointer_set_add(&set->seen, &exchange->destination);
    pointer_list_add(&set->exchanges, exchange);
}

/* Asks one exchange, with each of the routing keys, and adds what it finds to the set. Returns its
 * alternate exchange if that gets the message, else NULL. */
static struct exchange *ask_exchange(struct route_set *set, struct exchange *x,
                                     const struct slice *keys, size_t count,
                                     const struct routing_input *message)
{
    size_t matches = set->matches;
    struct routing_input input = *message;
    set->is_never_cached |= x->is_never_cached;
    if (x->dedup && message->claims && !dedup_admits(x->dedup, message->headers, message->claims))
        return NULL;
    if (x->is_delaying && delay_header_ms(message->headers) > 0) {
        route_set_add(set, &x->delayed->destination);
        return NULL;
    }
    for (size_t i = 0; i < count; i++) {
        input.routing_key = keys[i];
        x->type->route(x, &input, set);
        if (x->type->is_asked_once)
            break;
    }
    if (set->matches > matches)
        return NULL;
    struct slice name = exchange_alternate(x);
    if (name.n == 0)
        return NULL;
    struct exchange *alternate = exchange_find(x->vhost, name);
    if (alternate)
        route_set_add(set, &alternate->destination);
    return alternate;
}

static void route_set_walk(struct route_set *set, struct exchange *exchange,
                           const struct slice *keys, size_t count,
                           const struct routing_input *message)
{
    route_set_begin(set, exchange);
    for (size_t i = 0; i < set->exchanges.count; i++)
        ask_exchange(set, set->exchanges.items[i], keys, count, message);
}

void route_walk(struct route_set *set, struct exchange *exchange, const struct slice *routing_keys,
                size_t count, const struct routing_input *message, route_visitor *visit, void *arg)
{
    lv_assert(count > 0);
    route_set_begin(set, exchange);
    for (size_t i = 0; i < set->exchanges.count; i++) {
        struct exchange *x = set->exchanges.items[i];
        visit(arg, x, ask_exchange(set, x, routing_keys, count, message));
    }
}

void route_set_free(struct route_set *set)
{
    free(set->queues.items);
    free(set->exchanges.items);
    free(set->seen.slots);
    free(set->headers.items);
    topic_scratch_free(&set->topic);
}

/* Returns how many nodes and patterns all walks together have looked at. */
static uint64_t route_set_steps(const struct route_set *set)
{
    return set->topic.steps + set->compared;
}

static void route_set_find(struct route_set *set, struct exchange *exchange,
                           const struct slice *keys, size_t count,
                           const struct routing_input *message, struct route *ret)
{
    uint64_t before = route_set_steps(set);
    route_set_walk(set, exchange, keys, count, message);
    ret->queues = (struct queue_entry *const *)(void *)set->queues.items;
    ret->count = set->queues.count;
    ret->is_cacheable = false;
    ret->units = (unsigned)((route_set_steps(set) - before + set->matches) / STEPS_A_UNIT);
}

/* --- the cache -------------------------------------------------------------------------------- */

static struct queue_entry **entry_queues(struct route_entry *entry)
{
    return entry->block ? entry->block : entry->queues;
}

static struct slice entry_key(struct route_entry *entry)
{
    return slice_of(entry_queues(entry) + entry->count, entry->key_bytes);
}

static size_t entry_bytes(const struct route_entry *entry)
{
    return entry->count * sizeof(struct queue_entry *) + entry->key_bytes;
}

static void entry_clear(struct route_cache *cache, struct route_entry *entry)
{
    if (entry->block) {
        lv_assert(cache->block_bytes >= entry_bytes(entry));
        cache->block_bytes -= entry_bytes(entry);
        free(entry->block);
    }
    entry->block = NULL;
    entry->exchange = NULL;
}

static void clear_old_blocks(struct route_cache *cache, uint64_t generation)
{
    for (size_t i = 0; i < ROUTE_ENTRIES; i++) {
        if (cache->entries[i].block && cache->entries[i].generation != generation)
            entry_clear(cache, &cache->entries[i]);
    }
    cache->swept = generation;
}

static bool has_room_for_block(struct route_cache *cache, size_t bytes, uint64_t generation)
{
    if (bytes > ROUTE_BLOCK_BYTES_MAX - cache->block_bytes && cache->swept != generation)
        clear_old_blocks(cache, generation);
    return bytes <= ROUTE_BLOCK_BYTES_MAX - cache->block_bytes;
}

static void entry_set(struct route_cache *cache, struct route_entry *entry,
                      struct exchange *exchange, struct slice key, uint64_t hash,
                      uint64_t generation)
{
    const struct pointer_list *queues = &cache->set.queues;
    size_t bytes = queues->count * sizeof(struct queue_entry *) + key.n;
    entry_clear(cache, entry);
    if (bytes > ROUTE_INLINE_BYTES) {
        if (!has_room_for_block(cache, bytes, generation))
            return;
        entry->block = lv_malloc(bytes);
        cache->block_bytes += bytes;
    }
    entry->exchange = exchange;
    entry->generation = generation;
    entry->hash = hash;
    entry->count = (uint32_t)queues->count;
    entry->key_bytes = (uint32_t)key.n;
    struct queue_entry **to = entry_queues(entry);
    if (queues->count)
        memcpy(to, queues->items, queues->count * sizeof(struct queue_entry *));
    if (key.n)
        memcpy(to + queues->count, key.p, key.n);
}

/* Returns the loop's cache. Call it on the loop's thread, or while the loops do not run. */
static struct route_cache *cache_of(struct loop *loop)
{
    struct route_cache *cache = loop_slot(loop, &route_slot);
    lv_assert(cache != NULL);
    return cache;
}

static bool route_may_be_cached(const struct route_set *set, const struct exchange *exchange,
                                struct slice key)
{
    bool is_default = exchange_name(exchange).n == 0;
    return !set->is_never_cached && key.n <= ROUTE_KEY_BYTES_MAX &&
           (set->queues.count > 0 || !is_default);
}

void route_find(struct loop *loop, struct exchange *exchange, const struct routing_input *input,
                struct route *ret)
{
    struct route_cache *cache = cache_of(loop);
    struct slice key = input->routing_key;
    uint64_t generation = topology_generation(exchange->vhost->topology);
    uint64_t hash = lv_hash(key) ^ ((uint64_t)(uintptr_t)exchange * 0x9e3779b97f4a7c15u);
    struct route_entry *entry = &cache->entries[(hash >> 20) % ROUTE_ENTRIES];
    if (entry->exchange == exchange && entry->hash == hash && entry->generation == generation &&
        slice_equal(entry_key(entry), key)) {
        cache->hits++;
        ret->queues = entry_queues(entry);
        ret->count = entry->count;
        ret->is_cacheable = true;
        ret->units = 0;
        return;
    }
    lv_assert(!loop_current() || loop_current() == loop); /* not above: hits are to cost little */
    cache->misses++;
    route_set_find(&cache->set, exchange, &key, 1, input, ret);
    ret->is_cacheable = route_may_be_cached(&cache->set, exchange, key);
    if (ret->is_cacheable)
        entry_set(cache, entry, exchange, key, hash, generation);
}

void route_find_many(struct loop *loop, struct exchange *exchange, const struct slice *routing_keys,
                     size_t count, const struct routing_input *input, struct route *ret)
{
    struct route_cache *cache = cache_of(loop);
    lv_assert(!loop_current() || loop_current() == loop);
    lv_assert(count > 0);
    route_set_find(&cache->set, exchange, routing_keys, count, input, ret);
}

/* --- set-up ----------------------------------------------------------------------------------- */

void route_init(struct loops *loops)
{
    lv_assert(!loop_current()); /* before the loops start */
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct route_cache *cache = lv_calloc(1, sizeof *cache);
        cache->entries = lv_calloc(ROUTE_ENTRIES, sizeof *cache->entries);
        cache->set.random = hash_mix(i + 1); /* each loop has a sequence of its own */
        loop_set_slot(loops_at(loops, i), &route_slot, cache);
    }
}

static void cache_free(struct route_cache *cache)
{
    for (size_t i = 0; i < ROUTE_ENTRIES; i++)
        entry_clear(cache, &cache->entries[i]);
    lv_assert(cache->block_bytes == 0);
    free(cache->entries);
    route_set_free(&cache->set);
    free(cache);
}

void route_stop(struct loops *loops)
{
    for (unsigned i = 0; i < loops_count(loops); i++) {
        struct loop *loop = loops_at(loops, i);
        cache_free(cache_of(loop));
        loop_set_slot(loop, &route_slot, NULL);
    }
}

struct route_cache_counters route_cache_counters(struct loop *loop)
{
    const struct route_cache *cache = cache_of(loop);
    return (struct route_cache_counters){
        .hits = cache->hits,
        .misses = cache->misses,
        .bytes = cache->block_bytes,
        .topic_steps = cache->set.topic.steps,
        .headers_compared = cache->set.compared,
    };
}
