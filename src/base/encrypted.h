/* Values encrypted by a passphrase, as `rabbitmqctl encode` makes them: base64 of a salt (16
 * bytes), an initialization vector (as many as the cipher needs), and the encrypted value, which is
 * an Erlang term in its external format. The key is PBKDF2 of the passphrase and the salt. OpenSSL
 * does the cryptography. */
#ifndef LEVERET_BASE_ENCRYPTED_H
#define LEVERET_BASE_ENCRYPTED_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buffer.h"
#include "base/slice.h"

/* What rabbitmqctl uses unless told otherwise. */
#define ENCRYPTED_DEFAULT_CIPHER "aes_128_cbc"
#define ENCRYPTED_DEFAULT_HASH "sha256"
enum { ENCRYPTED_DEFAULT_ITERATIONS = 1, ENCRYPTED_ITERATIONS_MAX = 10000000 };

/* How a value is encrypted; the names are RabbitMQ's ("aes_256_cbc"). Borrowed. */
struct encryption {
    const char *cipher;
    const char *hash;
    int64_t iterations; /* 1 to ENCRYPTED_ITERATIONS_MAX */
};

/* What kind of Erlang term a value is. */
enum encrypted_kind { ENCRYPTED_STRING, ENCRYPTED_BINARY, ENCRYPTED_ATOM, ENCRYPTED_INTEGER };

/* Returns whether there is such a cipher, or such a hash. */
bool encrypted_has_cipher(const char *name);
bool encrypted_has_hash(const char *name);
/* Return the name at a place, from 0, or NULL after the last one. */
const char *encrypted_cipher_at(size_t index);
const char *encrypted_hash_at(size_t index);

/* Encrypts a text of at most 65,535 bytes as an Erlang string or binary (`kind`), and appends the
 * base64. Returns ERR_INVALID if the cipher, the hash or the number is unknown or out of bounds,
 * ERR_TOO_LARGE, or ERR_IO if OpenSSL fails. */
int encrypted_encode(const struct encryption *e, struct slice passphrase, enum encrypted_kind kind,
                     struct slice text, struct lv_buffer *out);

/* Encrypts a term in Erlang's external format, whatever it is. Errors as above. */
int encrypted_encode_term(const struct encryption *e, struct slice passphrase, struct slice term,
                          struct lv_buffer *out);

/* Decrypts base64 and appends the text of the term: a string, a binary, an atom, or an integer's
 * digits. Returns ERR_INVALID as above, or ERR_FORMAT if the passphrase or anything else differs
 * from what the value was encrypted with, or the value is another term; *out is then unchanged.
 * Wipe *out with encrypted_wipe(). */
int encrypted_decode(const struct encryption *e, struct slice passphrase, struct slice base64,
                     struct lv_buffer *out, enum encrypted_kind *ret_kind);

/* Overwrites the bytes and frees the buffer. */
void encrypted_wipe(struct lv_buffer *b);

#endif
