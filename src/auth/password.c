/* Password hashes: their names, and those in RabbitMQ's form, base64(salt + H(salt + password)).
 * scrypt is in password_scrypt.c.
 *
 * To check a password, it is hashed with the stored salt, and the two are compared in constant
 * time. */
#include "auth/password_private.h"

#include <string.h>

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/assert.h"
#include "base/error.h"

static const struct {
    const char *name;
    const char *digest;
} algorithms[] = {
#define ALGORITHM_ROW(id, name, digest) {name, digest},
    PASSWORD_ALGORITHMS(ALGORITHM_ROW)
#undef ALGORITHM_ROW
};

/* RAW_BYTES_MAX: the salt and the largest digest. BASE64_SALT_BYTES: how much of the beginning of
 * the base64 text has to be decoded to get the salt. */
enum { RAW_BYTES_MAX = PASSWORD_SALT_BYTES + EVP_MAX_MD_SIZE, BASE64_SALT_BYTES = 8 };
_Static_assert((RAW_BYTES_MAX + 2) / 3 * 4 < PASSWORD_HASH_TEXT_MAX, "a hash's text fits");

int password_algorithm_of(struct slice name, enum password_algorithm *ret)
{
    if (name.n == 0) {
        *ret = PASSWORD_SHA256;
        return 0;
    }
    for (int i = 0; i < PASSWORD_ALGORITHM_COUNT; i++) {
        if (slice_is(name, algorithms[i].name)) {
            *ret = (enum password_algorithm)i;
            return 0;
        }
    }
    return ERR_INVALID;
}

const char *password_algorithm_name(enum password_algorithm algorithm)
{
    lv_assert(algorithm < PASSWORD_ALGORITHM_COUNT);
    return algorithms[algorithm].name;
}

void password_algorithm_refuse(struct slice name, struct lv_buffer *reason)
{
    lv_buffer_printf(reason, "unknown hashing_algorithm '%.*s': expected", SLICE_ARG(name));
    for (enum password_algorithm a = 0; a < PASSWORD_ALGORITHM_COUNT; a++)
        lv_buffer_printf(reason, "%s %s", a == 0 ? "" : ",", password_algorithm_name(a));
    lv_buffer_printf(reason, "; with any other the password has to be set anew");
}

/* Appends H(salt + password) to the salt in `raw`. Returns false if OpenSSL lacks the digest, or
 * does not permit it. */
static bool append_digest(enum password_algorithm algorithm, struct slice password,
                          uint8_t raw[RAW_BYTES_MAX], size_t *ret_bytes)
{
    EVP_MD *digest = EVP_MD_fetch(NULL, algorithms[algorithm].digest, NULL);
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned bytes = 0;
    bool is_made = digest && context && EVP_DigestInit_ex2(context, digest, NULL) == 1 &&
                   EVP_DigestUpdate(context, raw, PASSWORD_SALT_BYTES) == 1 &&
                   EVP_DigestUpdate(context, password.p, password.n) == 1 &&
                   EVP_DigestFinal_ex(context, raw + PASSWORD_SALT_BYTES, &bytes) == 1;
    EVP_MD_CTX_free(context);
    EVP_MD_free(digest);
    *ret_bytes = PASSWORD_SALT_BYTES + bytes;
    return is_made;
}

static bool text_with_salt(enum password_algorithm algorithm, struct slice password,
                           const uint8_t salt[PASSWORD_SALT_BYTES],
                           char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    uint8_t raw[RAW_BYTES_MAX];
    memcpy(raw, salt, PASSWORD_SALT_BYTES);
    size_t bytes;
    if (!append_digest(algorithm, password, raw, &bytes))
        return false;
    lv_assert(bytes <= sizeof raw);
    EVP_EncodeBlock((unsigned char *)ret_text, raw, (int)bytes);
    return true;
}

bool password_hash(enum password_algorithm algorithm, struct slice password,
                   char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    if (algorithm == PASSWORD_SCRYPT)
        return scrypt_hash(password, ret_text);
    uint8_t salt[PASSWORD_SALT_BYTES];
    int is_random = RAND_bytes(salt, sizeof salt);
    lv_assert(is_random == 1); /* without random numbers nothing is secret */
    bool is_hashed = text_with_salt(algorithm, password, salt, ret_text);
    lv_assert(is_hashed);
    return true;
}

static size_t digest_bytes(enum password_algorithm algorithm)
{
    switch (algorithm) {
    case PASSWORD_SHA256: return 32;
    case PASSWORD_SHA512: return 64;
    case PASSWORD_MD5: return 16;
    case PASSWORD_SCRYPT:
    case PASSWORD_ALGORITHM_COUNT: break;
    }
    lv_unreachable();
}

void password_hash_of_nothing(enum password_algorithm algorithm,
                              char ret_text[PASSWORD_HASH_TEXT_MAX])
{
    uint8_t raw[RAW_BYTES_MAX];
    if (algorithm == PASSWORD_SCRYPT) {
        scrypt_hash_of_nothing(ret_text);
        return;
    }
    size_t bytes = PASSWORD_SALT_BYTES + digest_bytes(algorithm);
    int is_random = RAND_bytes(raw, (int)bytes);
    lv_assert(is_random == 1);
    EVP_EncodeBlock((unsigned char *)ret_text, raw, (int)bytes);
}

/* Decodes the text and encodes it again, which must give the same text: OpenSSL's decoder accepts
 * some texts that are not canonical. */
int password_hash_check(enum password_algorithm algorithm, struct slice text)
{
    if (algorithm == PASSWORD_SCRYPT)
        return scrypt_hash_check(text);
    size_t raw_bytes = PASSWORD_SALT_BYTES + digest_bytes(algorithm);
    uint8_t raw[PASSWORD_HASH_TEXT_MAX];
    if (text.n != (raw_bytes + 2) / 3 * 4 || text.n > sizeof raw)
        return ERR_INVALID;
    if (EVP_DecodeBlock(raw, text.p, (int)text.n) < 0)
        return ERR_INVALID;
    unsigned char again[PASSWORD_HASH_TEXT_MAX + 1];
    EVP_EncodeBlock(again, raw, (int)raw_bytes);
    return memcmp(again, text.p, text.n) == 0 ? 0 : ERR_INVALID;
}

bool password_verify(enum password_algorithm algorithm, struct slice text, struct slice password)
{
    if (algorithm == PASSWORD_SCRYPT)
        return scrypt_verify(text, password);
    if (password_hash_check(algorithm, text) < 0)
        return false;
    uint8_t salt[BASE64_SALT_BYTES / 4 * 3];
    if (EVP_DecodeBlock(salt, text.p, BASE64_SALT_BYTES) < 0)
        return false;
    char mine[PASSWORD_HASH_TEXT_MAX];
    if (!text_with_salt(algorithm, password, salt, mine) || strlen(mine) != text.n)
        return false;
    return CRYPTO_memcmp(mine, text.p, text.n) == 0;
}

void password_wipe(struct slice password)
{
    if (password.n > 0)
        OPENSSL_cleanse((void *)(uintptr_t)password.p, password.n);
}
