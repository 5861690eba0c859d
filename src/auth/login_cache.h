/* What is known of passwords that were checked a short while ago, so that a client that comes back,
 * and one that tries the same wrong password again, costs microseconds instead of a slow hash.
 *
 * The key of an entry (answer_table.h) is made of the user's name, the stored hash and the
 * password: so an entry ends with the stored hash. */
#ifndef LEVERET_AUTH_LOGIN_CACHE_H
#define LEVERET_AUTH_LOGIN_CACHE_H

#include "auth/answer_table.h"

struct login_cache; /* see login_cache.c */

enum login_cache_answer { LOGIN_CACHE_UNKNOWN, LOGIN_CACHE_RIGHT, LOGIN_CACHE_WRONG };

/* Creates an empty cache with a new secret. The caller owns it. Entries are used for `ttl_ms`. */
struct login_cache *login_cache_create(uint64_t ttl_ms);
/* Clears the pointer. NULL is fine. */
void login_cache_free(struct login_cache **cache);

/* The functions below: any thread. `now_ms` is clock_up_ms(). */

/* Returns the key of a check of this password against this user's stored hash. The caller wipes
 * it. */
struct answer_key login_cache_key(const struct login_cache *cache, struct slice user,
                                  struct slice stored_hash, struct slice password);
enum login_cache_answer login_cache_find(struct login_cache *cache, const struct answer_key *key,
                                         uint64_t now_ms);
/* Keeps the result of a check. */
void login_cache_put(struct login_cache *cache, const struct answer_key *key, bool is_right,
                     uint64_t now_ms);

#endif
