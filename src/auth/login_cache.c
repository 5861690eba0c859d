/* Right and wrong passwords have a table each, so that guesses push out only guesses. An entry that
 * is there already keeps its end: a password that is used again and again is checked again, too. */
#include "auth/login_cache.h"

#include <stdlib.h>

#include "base/memory.h"

/* RIGHT_SETS: 4096 entries, 192 KiB. WRONG_SETS: 1024. */
enum { RIGHT_SETS = 512, WRONG_SETS = 128 };

struct login_cache {
    uint64_t ttl_ms;
    struct answer_secret secret;
    struct answer_table *right;
    struct answer_table *wrong;
};

struct login_cache *login_cache_create(uint64_t ttl_ms)
{
    struct login_cache *cache = lv_calloc(1, sizeof *cache);
    cache->ttl_ms = ttl_ms;
    answer_secret_make(&cache->secret);
    cache->right = answer_table_create(RIGHT_SETS, NULL);
    cache->wrong = answer_table_create(WRONG_SETS, NULL);
    return cache;
}

void login_cache_free(struct login_cache **pointer)
{
    struct login_cache *cache = *pointer;
    if (!cache)
        return;
    *pointer = NULL;
    answer_table_free(&cache->right);
    answer_table_free(&cache->wrong);
    answer_secret_wipe(&cache->secret);
    free(cache);
}

struct answer_key login_cache_key(const struct login_cache *cache, struct slice user,
                                  struct slice stored_hash, struct slice password)
{
    const struct slice parts[] = {user, stored_hash, password};
    return answer_key_of(&cache->secret, parts, 3);
}

enum login_cache_answer login_cache_find(struct login_cache *cache, const struct answer_key *key,
                                         uint64_t now_ms)
{
    if (answer_table_find(cache->right, key, now_ms, NULL))
        return LOGIN_CACHE_RIGHT;
    return answer_table_find(cache->wrong, key, now_ms, NULL) ? LOGIN_CACHE_WRONG
                                                              : LOGIN_CACHE_UNKNOWN;
}

void login_cache_put(struct login_cache *cache, const struct answer_key *key, bool is_right,
                     uint64_t now_ms)
{
    struct answer_table *table = is_right ? cache->right : cache->wrong;
    if (!answer_table_find(table, key, now_ms, NULL))
        answer_table_put(table, key, NULL, now_ms + cache->ttl_ms);
}
