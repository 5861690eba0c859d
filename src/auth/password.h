/* Password hashes, as they are stored in the definitions, imported and exported.
 *
 *   RabbitMQ's three   base64(salt + H(salt + password)), with a salt of 4 random bytes
 *   scrypt             $scrypt$ln=14,r=8,p=1$SALT$HASH, with a salt of 16 random bytes and a hash
 *                      of 32, both base64 without padding
 *
 * scrypt is slow on purpose: who has stolen the definitions then tries passwords a hundred
 * thousand times more slowly than with SHA-256. RabbitMQ cannot verify it. */
#ifndef LEVERET_AUTH_PASSWORD_H
#define LEVERET_AUTH_PASSWORD_H

#include <stdbool.h>

#include "base/buffer.h"
#include "base/slice.h"

enum { PASSWORD_SALT_BYTES = 4, PASSWORD_HASH_TEXT_MAX = 96 };

/*    name                               OpenSSL's name */
#define PASSWORD_ALGORITHMS(A)                                                                     \
    A(PASSWORD_SHA256, "rabbit_password_hashing_sha256", "SHA256")                                 \
    A(PASSWORD_SHA512, "rabbit_password_hashing_sha512", "SHA512")                                 \
    A(PASSWORD_MD5, "rabbit_password_hashing_md5", "MD5")                                          \
    A(PASSWORD_SCRYPT, "scrypt", NULL)

enum password_algorithm {
#define PASSWORD_ENUM(id, name, digest) id,
    PASSWORD_ALGORITHMS(PASSWORD_ENUM)
#undef PASSWORD_ENUM
        PASSWORD_ALGORITHM_COUNT
};

/* Finds the algorithm of this name. The empty name is SHA-256: so RabbitMQ reads a definition
 * without one. Returns ERR_INVALID if there is none. */
int password_algorithm_of(struct slice name, enum password_algorithm *ret);
const char *password_algorithm_name(enum password_algorithm algorithm);
/* Appends "unknown hashing_algorithm 'NAME'", and which ones there are. */
void password_algorithm_refuse(struct slice name, struct lv_buffer *reason);

/* Returns whether a hash of this algorithm takes so long (tens of milliseconds, and 16 MiB) that it
 * must not be made on a loop. The others take a microsecond. */
static inline bool password_is_slow(enum password_algorithm algorithm)
{
    return algorithm == PASSWORD_SCRYPT;
}

/* Hashes with a new random salt; writes the text and a NUL to ret_text. Returns false if there is
 * no memory for it, which only scrypt needs. */
bool password_hash(enum password_algorithm algorithm, struct slice password,
                   char ret_text[PASSWORD_HASH_TEXT_MAX]);

/* Writes the text of a hash that is random, so that no password is known for it. */
void password_hash_of_nothing(enum password_algorithm algorithm,
                              char ret_text[PASSWORD_HASH_TEXT_MAX]);

/* Returns 0 if the text is a hash of this algorithm that can be verified, else ERR_INVALID. */
int password_hash_check(enum password_algorithm algorithm, struct slice text);

/* Returns true if this is the password; false also if the text is not a hash. The time does not
 * depend on where the first difference is. */
bool password_verify(enum password_algorithm algorithm, struct slice text, struct slice password);

/* Overwrites a copy of a password, or of what contains one. */
void password_wipe(struct slice password);

#endif
