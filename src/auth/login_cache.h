/* What is known of passwords that were checked a short while ago, so that a client that comes back,
 * and one that tries the same wrong password again, costs microseconds instead of a slow hash.
 *
 * No password is kept, nor anything from which one could be found without this process's memory: an
 * entry is the HMAC, under a random key of the process, of the user's name, the stored hash and the
 * password. So an entry ends with the stored hash. Entries that are old are not used, and a new one
 * takes the place of the oldest of its set. */
#ifndef LEVERET_AUTH_LOGIN_CACHE_H
#define LEVERET_AUTH_LOGIN_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

enum { LOGIN_CACHE_KEY_BYTES = 32 };

struct login_cache; /* see login_cache.c */

/* Where in the cache a check is found. Wipe it like a password: password_wipe(). */
struct login_cache_key {
    uint8_t bytes[LOGIN_CACHE_KEY_BYTES];
};

enum login_cache_answer { LOGIN_CACHE_UNKNOWN, LOGIN_CACHE_RIGHT, LOGIN_CACHE_WRONG };

/* Creates an empty cache with a new key. The caller owns it. Entries are used for `ttl_ms`. */
struct login_cache *login_cache_create(uint64_t ttl_ms);
/* Clears the pointer. NULL is fine. */
void login_cache_free(struct login_cache **cache);

/* The functions below: any thread. `now_ms` is CLOCK_MONOTONIC's time. */

/* Returns the key of a check of this password against this user's stored hash. */
struct login_cache_key login_cache_key(const struct login_cache *cache, struct slice user,
                                       struct slice stored_hash, struct slice password);
enum login_cache_answer login_cache_find(struct login_cache *cache,
                                         const struct login_cache_key *key, uint64_t now_ms);
/* Keeps the result of a check. */
void login_cache_put(struct login_cache *cache, const struct login_cache_key *key, bool is_right,
                     uint64_t now_ms);

#endif
