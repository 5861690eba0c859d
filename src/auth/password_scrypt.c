/* scrypt (RFC 7914), by OpenSSL.
 *
 * Why N = 2^14, r = 8, p = 1: this is the smallest cost that OWASP's cheat sheet still allows for
 * in memory (16 MiB), made once instead of five times. A hash takes some 40 ms of one core. A
 * broker sees many logins at a time, after a restart all of its clients', and each must be answered
 * before the client's handshake times out.
 *
 * The parameters are in the text, so that they can be raised later, and so that hashes made
 * elsewhere can be imported. Those that would take more than 16 MiB, or 16 times as long, are
 * refused: whoever may import a definition must not be able to stop all logins. */
#include <stdio.h>
#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "auth/password_private.h"
#include "base/assert.h"
#include "base/error.h"

enum {
    SALT_BYTES = 16,
    HASH_BYTES = 32,
    SALT_TEXT_BYTES = 22, /* base64 without padding */
    HASH_TEXT_BYTES = 43,
    LOG_N = 14,
    BLOCK = 8,
    PARALLEL = 1,
    PARALLEL_MAX = 16,
    WORK_BYTES_MAX = 16 * 1024 * 1024, /* 128 * N * r */
};

/* The parameters and bytes that a text stands for. */
struct scrypt {
    unsigned log_n;
    unsigned block;
    unsigned parallel;
    uint8_t salt[SALT_BYTES];
    uint8_t hash[HASH_BYTES];
};

/* --- text ------------------------------------------------------------------------------------- */

/* Appends base64 without its padding, and returns the end. */
static char *put_base64(char *to, const uint8_t *bytes, size_t n, size_t text_bytes)
{
    unsigned char padded[HASH_TEXT_BYTES + 2];
    EVP_EncodeBlock(padded, bytes, (int)n);
    memcpy(to, padded, text_bytes);
    return to + text_bytes;
}

static void scrypt_put(const struct scrypt *s, char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    int n = snprintf(ret_text, PASSWORD_HASH_TEXT_MAX, "$scrypt$ln=%u,r=%u,p=%u$", s->log_n,
                     s->block, s->parallel);
    lv_assert(n > 0 && n + SALT_TEXT_BYTES + 1 + HASH_TEXT_BYTES < PASSWORD_HASH_TEXT_MAX);
    char *p = put_base64(ret_text + n, s->salt, SALT_BYTES, SALT_TEXT_BYTES);
    *p++ = '$';
    p = put_base64(p, s->hash, HASH_BYTES, HASH_TEXT_BYTES);
    *p = '\0';
}

/* Decodes base64 without padding into n bytes. */
static bool take_base64(const char *text, size_t text_bytes, uint8_t *ret, size_t n)
{
    unsigned char padded[HASH_TEXT_BYTES + 2];
    unsigned char raw[HASH_BYTES + 4];
    size_t whole = (text_bytes + 3) / 4 * 4;
    memset(padded, '=', sizeof padded);
    memcpy(padded, text, text_bytes);
    if (EVP_DecodeBlock(raw, padded, (int)whole) < (int)n)
        return false;
    memcpy(ret, raw, n);
    return true;
}

static bool parameters_are_fine(const struct scrypt *s)
{
    return s->log_n >= 1 && s->log_n <= 20 && s->block >= 1 && s->block <= 32 && s->parallel >= 1 &&
           s->parallel <= PARALLEL_MAX && 128ull * (1ull << s->log_n) * s->block <= WORK_BYTES_MAX;
}

/* Reads a text, and writes it again: only a text that comes out the same is accepted, so none has
 * signs, spaces or leading zeros. */
static bool scrypt_read(struct slice text, struct scrypt *ret)
{
    char copy[PASSWORD_HASH_TEXT_MAX], again[PASSWORD_HASH_TEXT_MAX];
    struct scrypt s;
    int at = 0;
    if (text.n >= sizeof copy || memchr(text.p, '\0', text.n))
        return false;
    memcpy(copy, text.p, text.n);
    copy[text.n] = '\0';
    if (sscanf(copy, "$scrypt$ln=%2u,r=%2u,p=%2u$%n", &s.log_n, &s.block, &s.parallel, &at) != 3 ||
        at == 0 || !parameters_are_fine(&s))
        return false;
    const char *salt = copy + at, *hash = salt + SALT_TEXT_BYTES + 1;
    if (text.n != (size_t)at + SALT_TEXT_BYTES + 1 + HASH_TEXT_BYTES)
        return false;
    if (!take_base64(salt, SALT_TEXT_BYTES, s.salt, SALT_BYTES) ||
        !take_base64(hash, HASH_TEXT_BYTES, s.hash, HASH_BYTES))
        return false;
    scrypt_put(&s, again);
    if (strcmp(again, copy) != 0)
        return false;
    *ret = s;
    return true;
}

/* --- hashes ----------------------------------------------------------------------------------- */

static bool scrypt_make(const struct scrypt *s, struct slice password, uint8_t ret[HASH_BYTES])
{
    return EVP_PBE_scrypt((const char *)password.p, password.n, s->salt, SALT_BYTES,
                          1ull << s->log_n, s->block, s->parallel, 2ull * WORK_BYTES_MAX, ret,
                          HASH_BYTES) == 1;
}

static void random_fill(uint8_t *bytes, size_t n)
{
    int is_random = RAND_bytes(bytes, (int)n);
    lv_assert(is_random == 1); /* without random numbers nothing is secret */
}

static struct scrypt scrypt_begin(void)
{
    struct scrypt s = {.log_n = LOG_N, .block = BLOCK, .parallel = PARALLEL};
    random_fill(s.salt, SALT_BYTES);
    return s;
}

bool scrypt_hash(struct slice password, char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    struct scrypt s = scrypt_begin();
    if (!scrypt_make(&s, password, s.hash))
        return false;
    scrypt_put(&s, ret_text);
    return true;
}

void scrypt_hash_of_nothing(char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    struct scrypt s = scrypt_begin();
    random_fill(s.hash, HASH_BYTES);
    scrypt_put(&s, ret_text);
}

int scrypt_hash_check(struct slice text)
{
    struct scrypt s;
    return scrypt_read(text, &s) ? 0 : ERR_INVALID;
}

bool scrypt_verify(struct slice text, struct slice password)
{
    struct scrypt s;
    uint8_t mine[HASH_BYTES];
    return scrypt_read(text, &s) && scrypt_make(&s, password, mine) &&
           CRYPTO_memcmp(mine, s.hash, HASH_BYTES) == 0;
}
