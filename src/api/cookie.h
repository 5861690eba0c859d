/* Cookies that log in: user, password and an end, encrypted with a key that only the broker knows
 * and keeps in its data directory. So nothing is kept of a session, and it outlives a restart: a
 * cookie ends with its time, and when its password is changed. */
#ifndef LEVERET_API_COOKIE_H
#define LEVERET_API_COOKIE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { COOKIE_KEY_BYTES = 32 };

/* What a cookie says; without a user, the password is a token. */
struct cookie_content {
    struct slice user, password;
    uint64_t ends_at_s; /* of the wall clock */
};

/* Makes a key. */
void cookie_key_make(uint8_t key[COOKIE_KEY_BYTES]);
/* Appends a cookie's value: letters, digits, '-' and '_'. Returns false if there is no memory. */
bool cookie_seal(const uint8_t key[COOKIE_KEY_BYTES], const struct cookie_content *content,
                 struct lv_buffer *out);
/* Opens a cookie's value. Returns false if it was not made with this key, or is malformed. What
 * *ret says is borrowed from `space`, which the caller overwrites (explicit_bzero()) and frees. */
bool cookie_open(const uint8_t key[COOKIE_KEY_BYTES], struct slice value, struct lv_buffer *space,
                 struct cookie_content *ret);

/* Finds a cookie in the header "cookie": "a=1; auth=2". Returns its value, borrowed, or
 * SLICE_EMPTY. */
struct slice cookie_find(struct slice header, const char *name);

#endif
