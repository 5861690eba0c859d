/* A set-associative table: the first bytes of the key choose the set. */
#include "auth/answer_table.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "base/memory.h"
#include "wire/wire.h"

struct answer {
    uint64_t until_ms; /* 0: none */
    void *item;
    struct answer_key key;
};

struct answer_table {
    const struct answer_item *items; /* NULL: none are kept */
    unsigned sets;
    pthread_mutex_t lock; /* of the answers */
    struct answer answers[];
};

/* --- keys ------------------------------------------------------------------------------------- */

void answer_secret_make(struct answer_secret *ret)
{
    int is_random = RAND_bytes(ret->bytes, ANSWER_SECRET_BYTES);
    lv_assert(is_random == 1);
}

void answer_secret_wipe(struct answer_secret *secret)
{
    OPENSSL_cleanse(secret, sizeof *secret);
}

void answer_key_wipe(struct answer_key *key)
{
    OPENSSL_cleanse(key, sizeof *key);
}

/* Writes a length and the bytes: so no two lists of parts give the same bytes. */
static uint8_t *part_put(uint8_t *p, struct slice part)
{
    return wire_put_bytes(wire_put_u32(p, (uint32_t)part.n), part);
}

struct answer_key answer_key_of(const struct answer_secret *secret, const struct slice *parts,
                                size_t count)
{
    struct answer_key key;
    size_t n = 0;
    for (size_t i = 0; i < count; i++)
        n += 4 + parts[i].n;
    uint8_t *whole = lv_malloc(n), *p = whole;
    for (size_t i = 0; i < count; i++)
        p = part_put(p, parts[i]);
    const void *made =
        HMAC(EVP_sha256(), secret->bytes, ANSWER_SECRET_BYTES, whole, n, key.bytes, NULL);
    lv_assert(made);
    OPENSSL_cleanse(whole, n);
    free(whole);
    return key;
}

/* --- tables ----------------------------------------------------------------------------------- */

struct answer_table *answer_table_create(unsigned sets, const struct answer_item *items)
{
    struct answer_table *table = NULL;
    lv_assert(sets > 0);
    table = lv_calloc(1, sizeof *table + (size_t)sets * ANSWER_WAYS * sizeof table->answers[0]);
    table->items = items;
    table->sets = sets;
    pthread_mutex_init(&table->lock, NULL);
    return table;
}

static void item_unref(const struct answer_table *table, void *item)
{
    if (item)
        table->items->unref(item);
}

void answer_table_free(struct answer_table **pointer)
{
    struct answer_table *table = *pointer;
    if (!table)
        return;
    *pointer = NULL;
    for (size_t i = 0; i < (size_t)table->sets * ANSWER_WAYS; i++)
        item_unref(table, table->answers[i].item);
    pthread_mutex_destroy(&table->lock);
    free(table);
}

static struct answer *set_of(struct answer_table *table, const struct answer_key *key)
{
    return &table->answers[(size_t)(wire_u32(key->bytes) % table->sets) * ANSWER_WAYS];
}

static bool answer_is(const struct answer *a, const struct answer_key *key)
{
    return a->until_ms > 0 && CRYPTO_memcmp(a->key.bytes, key->bytes, ANSWER_KEY_BYTES) == 0;
}

bool answer_table_find(struct answer_table *table, const struct answer_key *key, uint64_t now_ms,
                       void **ret)
{
    const struct answer *set = set_of(table, key), *found = NULL;
    pthread_mutex_lock(&table->lock);
    for (unsigned i = 0; i < ANSWER_WAYS && !found; i++)
        if (answer_is(&set[i], key) && set[i].until_ms > now_ms)
            found = &set[i];
    if (found && ret)
        *ret = found->item ? table->items->ref(found->item) : NULL;
    pthread_mutex_unlock(&table->lock);
    return found != NULL;
}

/* Returns the answer of this key, or the one that is old first. */
static struct answer *answer_to_replace(struct answer *set, const struct answer_key *key)
{
    struct answer *oldest = &set[0];
    for (unsigned i = 0; i < ANSWER_WAYS; i++) {
        if (answer_is(&set[i], key))
            return &set[i];
        if (set[i].until_ms < oldest->until_ms)
            oldest = &set[i];
    }
    return oldest;
}

void answer_table_put(struct answer_table *table, const struct answer_key *key, void *item,
                      uint64_t until_ms)
{
    lv_assert(!item || table->items);
    pthread_mutex_lock(&table->lock);
    struct answer *a = answer_to_replace(set_of(table, key), key);
    void *old = a->item;
    *a = (struct answer){until_ms, item ? table->items->ref(item) : NULL, *key};
    pthread_mutex_unlock(&table->lock);
    item_unref(table, old);
}
