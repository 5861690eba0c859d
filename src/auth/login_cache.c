/* A set-associative table: the first bytes of the key choose the set, and a new entry replaces the
 * oldest of its set. Right and wrong passwords have a table each, so that guesses push out only
 * guesses. */
#include "auth/login_cache.h"

#include <pthread.h>
#include <stdlib.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "base/memory.h"
#include "wire/wire.h"

/* RIGHT_SETS: 4096 entries, 160 KiB. WRONG_SETS: 1024. */
enum { WAYS = 8, RIGHT_SETS = 512, WRONG_SETS = 128, SECRET_BYTES = 32 };

struct entry {
    uint64_t until_ms; /* 0: none */
    struct login_cache_key key;
};

struct login_cache {
    uint64_t ttl_ms;
    uint8_t secret[SECRET_BYTES];
    pthread_mutex_t lock; /* of both tables */
    struct entry right[RIGHT_SETS * WAYS];
    struct entry wrong[WRONG_SETS * WAYS];
};

struct login_cache *login_cache_create(uint64_t ttl_ms)
{
    struct login_cache *cache = lv_calloc(1, sizeof *cache);
    cache->ttl_ms = ttl_ms;
    int is_random = RAND_bytes(cache->secret, SECRET_BYTES);
    lv_assert(is_random == 1);
    pthread_mutex_init(&cache->lock, NULL);
    return cache;
}

void login_cache_free(struct login_cache **pointer)
{
    struct login_cache *cache = *pointer;
    if (!cache)
        return;
    *pointer = NULL;
    pthread_mutex_destroy(&cache->lock);
    OPENSSL_cleanse(cache->secret, SECRET_BYTES);
    free(cache);
}

/* --- keys ------------------------------------------------------------------------------------- */

/* Writes a length and the bytes: so no two lists of parts give the same bytes. */
static uint8_t *put_part(uint8_t *p, struct slice part)
{
    return wire_put_bytes(wire_put_u32(p, (uint32_t)part.n), part);
}

struct login_cache_key login_cache_key(const struct login_cache *cache, struct slice user,
                                       struct slice stored_hash, struct slice password)
{
    struct login_cache_key key;
    size_t n = 12 + user.n + stored_hash.n + password.n;
    uint8_t *whole = lv_malloc(n);
    put_part(put_part(put_part(whole, user), stored_hash), password);
    const void *made = HMAC(EVP_sha256(), cache->secret, SECRET_BYTES, whole, n, key.bytes, NULL);
    lv_assert(made);
    OPENSSL_cleanse(whole, n);
    free(whole);
    return key;
}

/* --- entries ---------------------------------------------------------------------------------- */

static struct entry *set_of(struct entry *table, unsigned sets, const struct login_cache_key *key)
{
    return &table[wire_u32(key->bytes) % sets * WAYS];
}

static bool set_has(const struct entry *set, const struct login_cache_key *key, uint64_t now_ms)
{
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].until_ms > now_ms &&
            CRYPTO_memcmp(set[i].key.bytes, key->bytes, LOGIN_CACHE_KEY_BYTES) == 0)
            return true;
    }
    return false;
}

static void set_put(struct entry *set, const struct login_cache_key *key, uint64_t until_ms)
{
    struct entry *oldest = &set[0];
    for (unsigned i = 0; i < WAYS; i++) {
        if (set[i].until_ms < oldest->until_ms)
            oldest = &set[i];
    }
    *oldest = (struct entry){until_ms, *key};
}

enum login_cache_answer login_cache_find(struct login_cache *cache,
                                         const struct login_cache_key *key, uint64_t now_ms)
{
    enum login_cache_answer answer = LOGIN_CACHE_UNKNOWN;
    pthread_mutex_lock(&cache->lock);
    if (set_has(set_of(cache->right, RIGHT_SETS, key), key, now_ms))
        answer = LOGIN_CACHE_RIGHT;
    else if (set_has(set_of(cache->wrong, WRONG_SETS, key), key, now_ms))
        answer = LOGIN_CACHE_WRONG;
    pthread_mutex_unlock(&cache->lock);
    return answer;
}

void login_cache_put(struct login_cache *cache, const struct login_cache_key *key, bool is_right,
                     uint64_t now_ms)
{
    struct entry *set =
        is_right ? set_of(cache->right, RIGHT_SETS, key) : set_of(cache->wrong, WRONG_SETS, key);
    pthread_mutex_lock(&cache->lock);
    if (!set_has(set, key, now_ms))
        set_put(set, key, now_ms + cache->ttl_ms);
    pthread_mutex_unlock(&cache->lock);
}
