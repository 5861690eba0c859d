/* headers: a binding's arguments are compared with the message's headers (headers_pattern.h).
 *
 * Of many bindings a message is compared with few. Each binding has entries in *buckets*: one for
 * the name and value of one field of its pattern, or of each. For a message only the buckets of its
 * headers are searched:
 *
 *     all {country: "de", kind: "order"}   one entry, in the bucket that is smaller at that time
 *     any {country: "fr", gift: "yes"}     an entry for each field
 *     all {gift: void}                     an entry in the bucket of `gift` with any value
 *     all {}                               no entry: the binding is in `always`
 *
 * If a name occurs twice in a pattern, its second field is compared with the second header of that
 * name, so a bucket's key also contains this ordinal. Of the value the key contains only a hash, so
 * the patterns of bindings found in a bucket are compared in full.
 *
 * Buckets and their lists of entries are read without a lock; the writer holds the topology lock.
 * Entries are freed with their binding's index, after a grace period, so a reader at an entry that
 * is removed can go on to the next. */
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "topology/binding_set.h"
#include "topology/exchange_private.h"
#include "topology/header_value.h"
#include "topology/headers_pattern.h"

enum { NAME_BYTES_MAX = 255 };

struct bucket_key {
    uint64_t value;       /* the value's hash; 0 if is_presence */
    uint32_t ordinal;     /* among the fields of this name, from 0 on */
    uint32_t is_presence; /* any value matches */
    uint8_t name[NAME_BYTES_MAX];
};

enum { BUCKET_KEY_BYTES = offsetof(struct bucket_key, name) };

struct entry {
    struct entry *_Atomic next;
    struct entry *previous; /* only the writer uses it */
    struct bucket *bucket;
    struct binding *binding;
    bool is_presence; /* is_presence of the bucket's key */
};

struct bucket {
    struct lv_table_node by_key;
    struct entry *_Atomic first;
    size_t count; /* of entries; only the writer uses it */
    struct lv_rcu_head rcu;
    uint8_t key[];
};

/* A binding's part of the index (binding->indexed_at): its entries, and after them its pattern. */
struct index {
    struct lv_rcu_head rcu;
    struct headers_pattern *pattern;
    size_t count;
    struct entry entries[];
};

struct headers_exchange {
    struct lv_table *_Atomic buckets; /* made with the first entry */
    _Atomic size_t presences;         /* number of entries with is_presence */
    struct binding_set always;        /* bindings that match every message */
};

/* --- buckets ---------------------------------------------------------------------------------- */

/* Returns the key of a bucket; it borrows from `space`. NULL `value`: any value matches. */
static struct slice bucket_key(struct bucket_key *space, struct slice name, size_t ordinal,
                               const struct field *value)
{
    lv_assert(name.n <= NAME_BYTES_MAX);
    space->value = value ? header_value_hash(value) : 0;
    space->ordinal = (uint32_t)ordinal;
    space->is_presence = value == NULL;
    if (name.n)
        memcpy(space->name, name.p, name.n);
    return slice_of(space, BUCKET_KEY_BYTES + name.n);
}

static struct bucket *bucket_find(struct lv_table *buckets, struct slice key)
{
    struct lv_table_node *node = lv_table_find(buckets, key);
    return node ? lv_container_of(node, struct bucket, by_key) : NULL;
}

static struct bucket *bucket_get(struct lv_table *buckets, struct slice key)
{
    struct bucket *bucket = bucket_find(buckets, key);
    if (bucket)
        return bucket;
    bucket = lv_malloc(sizeof *bucket + key.n);
    memset(bucket, 0, sizeof *bucket);
    memcpy(bucket->key, key.p, key.n);
    bucket->by_key.key = slice_of(bucket->key, key.n);
    lv_table_insert(buckets, &bucket->by_key);
    return bucket;
}

static void bucket_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct bucket, rcu));
}

static void entry_link(struct entry *entry, struct bucket *bucket, struct binding *binding)
{
    struct entry *next = atomic_load_explicit(&bucket->first, memory_order_relaxed);
    atomic_init(&entry->next, next);
    entry->previous = NULL;
    entry->bucket = bucket;
    entry->binding = binding;
    if (next)
        next->previous = entry;
    bucket->count++;
    atomic_store_explicit(&bucket->first, entry, memory_order_release);
}

static void entry_unlink(struct lv_table *buckets, struct entry *entry)
{
    struct bucket *bucket = entry->bucket;
    struct entry *next = atomic_load_explicit(&entry->next, memory_order_relaxed);
    atomic_store_explicit(entry->previous ? &entry->previous->next : &bucket->first, next,
                          memory_order_release);
    if (next)
        next->previous = entry->previous;
    lv_assert(bucket->count > 0);
    if (--bucket->count > 0)
        return;
    lv_table_remove(buckets, &bucket->by_key);
    lv_rcu_defer(&bucket->rcu, bucket_free);
}

/* --- routing ---------------------------------------------------------------------------------- */

static void bucket_route(struct lv_table *buckets, struct slice key,
                         const struct header_list *headers, struct route_set *ret)
{
    struct bucket *bucket = bucket_find(buckets, key);
    struct entry *entry =
        bucket ? atomic_load_explicit(&bucket->first, memory_order_acquire) : NULL;
    for (; entry; entry = atomic_load_explicit(&entry->next, memory_order_acquire)) {
        const struct index *index = entry->binding->indexed_at;
        ret->compared++;
        if (headers_pattern_matches(index->pattern, headers))
            route_set_add(ret, entry->binding->destination);
    }
}

static void headers_route(struct exchange *exchange, const struct routing_input *input,
                          struct route_set *ret)
{
    struct headers_exchange *x = exchange->state;
    struct lv_table *buckets = atomic_load_explicit(&x->buckets, memory_order_acquire);
    struct bucket_key space;
    binding_set_route(&x->always, ret);
    if (!buckets || lv_table_count(buckets) == 0)
        return;
    const struct header_list *headers = route_set_headers(ret, input);
    bool asks_for_presence = atomic_load_explicit(&x->presences, memory_order_relaxed) > 0;
    size_t ordinal = 0;
    for (size_t i = 0; i < headers->count; i++) {
        const struct header *header = &headers->items[i];
        bool is_another = i > 0 && slice_equal(header->name, headers->items[i - 1].name);
        ordinal = is_another ? ordinal + 1 : 0;
        bucket_route(buckets, bucket_key(&space, header->name, ordinal, &header->value), headers,
                     ret);
        if (asks_for_presence)
            bucket_route(buckets, bucket_key(&space, header->name, ordinal, NULL), headers, ret);
    }
}

static bool headers_explain(struct exchange *exchange, struct binding *binding,
                            const struct routing_input *input, struct lv_buffer *why)
{
    (void)exchange;
    struct route_set set = {0};
    const struct index *index = binding->indexed_at;
    bool is_taken = headers_pattern_explain(index->pattern, route_set_headers(&set, input), why);
    route_set_free(&set);
    return is_taken;
}

/* --- changing, under the lock ----------------------------------------------------------------- */

static bool headers_check(struct slice routing_key, struct slice arguments,
                          struct broker_error *error)
{
    (void)routing_key;
    return headers_pattern_check(arguments, error);
}

static struct slice bucket_key_of_field(struct bucket_key *space,
                                        const struct headers_pattern *pattern, size_t i)
{
    const struct header *field = &pattern->fields[i];
    size_t ordinal = 0;
    while (ordinal < i && slice_equal(pattern->fields[i - ordinal - 1].name, field->name))
        ordinal++;
    return bucket_key(space, field->name, ordinal,
                      field->value.type == FIELD_VOID ? NULL : &field->value);
}

/* Returns the field whose bucket is the smallest now. */
static size_t rarest_field(struct lv_table *buckets, const struct headers_pattern *pattern)
{
    struct bucket_key space;
    size_t rarest = 0, fewest = SIZE_MAX;
    for (size_t i = 0; i < pattern->count && fewest > 0; i++) {
        struct bucket *bucket = bucket_find(buckets, bucket_key_of_field(&space, pattern, i));
        size_t count = bucket ? bucket->count : 0;
        if (count < fewest) {
            fewest = count;
            rarest = i;
        }
    }
    return rarest;
}

static struct index *index_create(struct slice arguments)
{
    size_t fields = headers_pattern_count_max(arguments);
    size_t entries_bytes = fields * sizeof(struct entry);
    struct index *index = lv_malloc(sizeof *index + entries_bytes + sizeof *index->pattern +
                                    fields * sizeof index->pattern->fields[0]);
    index->pattern = (void *)((uint8_t *)index->entries + entries_bytes);
    index->count = 0;
    headers_pattern_read(index->pattern, arguments);
    return index;
}

static void index_free(struct lv_rcu_head *head)
{
    free(lv_container_of(head, struct index, rcu));
}

static void index_enter(struct headers_exchange *x, struct lv_table *buckets, size_t field,
                        struct binding *binding)
{
    struct bucket_key space;
    struct index *index = binding->indexed_at;
    lv_assert(field < index->pattern->count);
    struct entry *entry = &index->entries[index->count++];
    entry->is_presence = index->pattern->fields[field].value.type == FIELD_VOID;
    if (entry->is_presence)
        atomic_fetch_add_explicit(&x->presences, 1, memory_order_relaxed);
    entry_link(entry, bucket_get(buckets, bucket_key_of_field(&space, index->pattern, field)),
               binding);
}

static void headers_bind(struct exchange *exchange, struct binding *binding)
{
    struct headers_exchange *x = exchange->state;
    lv_assert(binding->indexed_at == NULL);
    struct index *index = binding->indexed_at = index_create(binding->arguments);
    const struct headers_pattern *pattern = index->pattern;
    if (pattern->count == 0) {
        if (!pattern->is_any)
            binding_set_add(&x->always, binding);
        return;
    }
    if (!atomic_load_explicit(&x->buckets, memory_order_relaxed))
        atomic_store_explicit(&x->buckets, lv_table_create(), memory_order_release);
    struct lv_table *buckets = atomic_load_explicit(&x->buckets, memory_order_relaxed);
    if (!pattern->is_any) {
        index_enter(x, buckets, rarest_field(buckets, pattern), binding);
        return;
    }
    for (size_t i = 0; i < pattern->count; i++)
        index_enter(x, buckets, i, binding);
}

/* binding->indexed_at is not cleared: a reader may be using it. */
static void headers_unbind(struct exchange *exchange, struct binding *binding)
{
    struct headers_exchange *x = exchange->state;
    struct index *index = binding->indexed_at;
    if (index->pattern->count == 0 && !index->pattern->is_any)
        binding_set_remove(&x->always, binding);
    for (size_t i = 0; i < index->count; i++) {
        if (index->entries[i].is_presence) {
            size_t before = atomic_fetch_sub_explicit(&x->presences, 1, memory_order_relaxed);
            lv_assert(before > 0);
        }
        entry_unlink(atomic_load_explicit(&x->buckets, memory_order_relaxed), &index->entries[i]);
    }
    lv_rcu_defer(&index->rcu, index_free);
}

static void headers_create(struct exchange *exchange)
{
    exchange->state = lv_calloc(1, sizeof(struct headers_exchange));
}

static void headers_destroy(struct exchange *exchange)
{
    struct headers_exchange *x = exchange->state;
    struct lv_table *buckets = atomic_load_explicit(&x->buckets, memory_order_relaxed);
    lv_assert(binding_set_is_empty(&x->always));
    lv_assert(atomic_load_explicit(&x->presences, memory_order_relaxed) == 0);
    lv_table_free(&buckets);
    free(x);
}

const struct exchange_type exchange_headers = {
    .name = "headers",
    .is_never_cached = true,
    .is_asked_once = true,
    .create = headers_create,
    .destroy = headers_destroy,
    .route = headers_route,
    .check = headers_check,
    .bind = headers_bind,
    .unbind = headers_unbind,
    .explain = headers_explain,
};
