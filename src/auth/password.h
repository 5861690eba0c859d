/* Password hashes in RabbitMQ's form, so that its definitions can be imported and ours exported:
 * base64(salt + H(salt + password)), with a salt of 4 random bytes. */
#ifndef LEVERET_AUTH_PASSWORD_H
#define LEVERET_AUTH_PASSWORD_H

#include <stdbool.h>

#include "base/slice.h"

enum { PASSWORD_SALT_BYTES = 4, PASSWORD_HASH_TEXT_MAX = 96 };

/*    name                               OpenSSL's name */
#define PASSWORD_ALGORITHMS(A)                                                                     \
    A(PASSWORD_SHA256, "rabbit_password_hashing_sha256", "SHA256")                                 \
    A(PASSWORD_SHA512, "rabbit_password_hashing_sha512", "SHA512")                                 \
    A(PASSWORD_MD5, "rabbit_password_hashing_md5", "MD5")

enum password_algorithm {
#define PASSWORD_ENUM(id, name, digest) id,
    PASSWORD_ALGORITHMS(PASSWORD_ENUM)
#undef PASSWORD_ENUM
        PASSWORD_ALGORITHM_COUNT
};

/* Finds the algorithm of this name; the empty name is the default, SHA-256. Returns ERR_INVALID if
 * there is none. */
int password_algorithm_of(struct slice name, enum password_algorithm *ret);
const char *password_algorithm_name(enum password_algorithm algorithm);

/* Hashes with a new random salt; writes base64 and a NUL to ret_text. */
void password_hash(enum password_algorithm algorithm, struct slice password,
                   char ret_text[PASSWORD_HASH_TEXT_MAX]);

/* Returns 0 if the text is base64 of a salt and a digest of the algorithm's length, else
 * ERR_INVALID. */
int password_hash_check(enum password_algorithm algorithm, struct slice text);

/* Returns true if this is the password; false also if the text is not a hash. The time does not
 * depend on where the first difference is. */
bool password_verify(enum password_algorithm algorithm, struct slice text, struct slice password);

#endif
