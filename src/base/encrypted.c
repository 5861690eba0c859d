/* Encrypts and decrypts values by a passphrase; see encrypted.h for the format.
 *
 * RabbitMQ pads also where the cipher is a stream, by one byte then: a block is as long as the
 * cipher says. Every copy of a key or of a value is overwritten before it is freed. */
#include "base/encrypted.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum { SALT_BYTES = 16, TEXT_BYTES_MAX = 65535, TERM_HEAD_BYTES_MAX = 6 };

/* RabbitMQ's names (Erlang's), and OpenSSL's. */
struct algorithm {
    const char *name;
    const char *openssl;
};

static const struct algorithm ciphers[] = {
    {"aes_128_cbc", "AES-128-CBC"},    {"aes_192_cbc", "AES-192-CBC"},
    {"aes_256_cbc", "AES-256-CBC"},    {"aes_128_ctr", "AES-128-CTR"},
    {"aes_192_ctr", "AES-192-CTR"},    {"aes_256_ctr", "AES-256-CTR"},
    {"aes_128_ofb", "AES-128-OFB"},    {"aes_192_ofb", "AES-192-OFB"},
    {"aes_256_ofb", "AES-256-OFB"},    {"aes_128_cfb8", "AES-128-CFB8"},
    {"aes_192_cfb8", "AES-192-CFB8"},  {"aes_256_cfb8", "AES-256-CFB8"},
    {"aes_128_cfb128", "AES-128-CFB"}, {"aes_192_cfb128", "AES-192-CFB"},
    {"aes_256_cfb128", "AES-256-CFB"}, {"chacha20", "ChaCha20"},
    {"des_ede3_cbc", "DES-EDE3-CBC"},  {"des_ede3_cfb", "DES-EDE3-CFB"},
    {"aes_cbc256", "AES-256-CBC"}, /* its name up to RabbitMQ 3.7; not listed */
};

static const struct algorithm hashes[] = {
    {"sha512", "SHA512"},
    {"sha384", "SHA384"},
    {"sha256", "SHA256"},
    {"sha224", "SHA224"},
    {"sha3_512", "SHA3-512"},
    {"sha3_384", "SHA3-384"},
    {"sha3_256", "SHA3-256"},
    {"sha3_224", "SHA3-224"},
    {"blake2b", "BLAKE2B-512"},
    {"blake2s", "BLAKE2S-256"},
    {"ripemd160", "RIPEMD-160"},
    {"sha", "SHA1"},
    {"md5", "MD5"},
};

enum {
    CIPHER_COUNT = sizeof ciphers / sizeof *ciphers,
    CIPHERS_LISTED = CIPHER_COUNT - 1,
    HASH_COUNT = sizeof hashes / sizeof *hashes,
};

static const char *openssl_name(const struct algorithm *table, size_t count, const char *name)
{
    for (size_t i = 0; i < count; i++)
        if (strcmp(table[i].name, name) == 0)
            return table[i].openssl;
    return NULL;
}

bool encrypted_has_cipher(const char *name)
{
    return openssl_name(ciphers, CIPHER_COUNT, name) != NULL;
}

bool encrypted_has_hash(const char *name)
{
    return openssl_name(hashes, HASH_COUNT, name) != NULL;
}

const char *encrypted_cipher_at(size_t index)
{
    return index < CIPHERS_LISTED ? ciphers[index].name : NULL;
}

const char *encrypted_hash_at(size_t index)
{
    return index < HASH_COUNT ? hashes[index].name : NULL;
}

void encrypted_wipe(struct lv_buffer *b)
{
    if (b->p)
        OPENSSL_cleanse(b->p, b->capacity);
    lv_buffer_free(b);
}

/* --- The cipher ------------------------------------------------------------------------------- */

/* Everything that is needed to run the cipher once. */
struct coder {
    EVP_CIPHER *cipher;
    EVP_MD *hash;
    size_t iv_bytes;
    size_t block_bytes;
};

static void coder_free(struct coder *c)
{
    EVP_CIPHER_free(c->cipher);
    EVP_MD_free(c->hash);
}

static int coder_open(struct coder *c, const struct encryption *e)
{
    const char *cipher = openssl_name(ciphers, CIPHER_COUNT, e->cipher);
    const char *hash = openssl_name(hashes, HASH_COUNT, e->hash);
    if (!cipher || !hash || e->iterations < 1 || e->iterations > ENCRYPTED_ITERATIONS_MAX)
        return ERR_INVALID;
    c->cipher = EVP_CIPHER_fetch(NULL, cipher, NULL);
    c->hash = EVP_MD_fetch(NULL, hash, NULL);
    if (!c->cipher || !c->hash) {
        coder_free(c);
        return ERR_INVALID;
    }
    c->iv_bytes = (size_t)EVP_CIPHER_get_iv_length(c->cipher);
    c->block_bytes = (size_t)EVP_CIPHER_get_block_size(c->cipher);
    return 0;
}

/* Runs the cipher over `in`; `out` has room for as many bytes. */
static int coder_run(const struct coder *c, const struct encryption *e, struct slice passphrase,
                     const uint8_t *salt, const uint8_t *iv, struct slice in, uint8_t *out,
                     bool encrypts)
{
    uint8_t key[EVP_MAX_KEY_LENGTH];
    int key_bytes = EVP_CIPHER_get_key_length(c->cipher);
    int n = 0;
    int last = 0;
    EVP_CIPHER_CTX *context = EVP_CIPHER_CTX_new();
    bool is_good =
        context &&
        PKCS5_PBKDF2_HMAC((const char *)passphrase.p, (int)passphrase.n, salt, SALT_BYTES,
                          (int)e->iterations, c->hash, key_bytes, key) == 1 &&
        EVP_CipherInit_ex2(context, c->cipher, key, iv, encrypts, NULL) == 1 &&
        EVP_CIPHER_CTX_set_padding(context, 0) == 1 &&
        EVP_CipherUpdate(context, out, &n, in.p, (int)in.n) == 1 &&
        EVP_CipherFinal_ex(context, out + n, &last) == 1 && (size_t)(n + last) == in.n;
    OPENSSL_cleanse(key, sizeof key);
    EVP_CIPHER_CTX_free(context);
    return is_good ? 0 : ERR_IO;
}

/* --- Erlang's external format ----------------------------------------------------------------- */

enum {
    TERM_VERSION = 131,
    TERM_SMALL_INTEGER = 97,
    TERM_INTEGER = 98,
    TERM_ATOM = 100,
    TERM_NIL = 106,
    TERM_STRING = 107,
    TERM_LIST = 108,
    TERM_BINARY = 109,
    TERM_SMALL_ATOM = 115,
    TERM_ATOM_UTF8 = 118,
    TERM_SMALL_ATOM_UTF8 = 119,
};

static void add_length(struct lv_buffer *out, size_t n, unsigned bytes)
{
    while (bytes-- > 0)
        lv_buffer_add_u8(out, (uint8_t)(n >> (8 * bytes)));
}

/* An empty string is an empty list in Erlang. */
static void term_add(struct lv_buffer *out, enum encrypted_kind kind, struct slice text)
{
    lv_buffer_add_u8(out, TERM_VERSION);
    if (kind == ENCRYPTED_BINARY) {
        lv_buffer_add_u8(out, TERM_BINARY);
        add_length(out, text.n, 4);
    } else if (text.n == 0) {
        lv_buffer_add_u8(out, TERM_NIL);
    } else {
        lv_buffer_add_u8(out, TERM_STRING);
        add_length(out, text.n, 2);
    }
    lv_buffer_add_slice(out, text);
}

/* Takes a big-endian number of that many bytes. Returns false if there are fewer. */
static bool take_number(struct slice *rest, unsigned bytes, size_t *ret)
{
    size_t n = 0;
    if (rest->n < bytes)
        return false;
    for (unsigned i = 0; i < bytes; i++)
        n = n << 8 | rest->p[i];
    *rest = slice_of(rest->p + bytes, rest->n - bytes);
    *ret = n;
    return true;
}

/* Reads the text whose length precedes it, and which is all that is left. */
static bool take_text(struct slice rest, unsigned length_bytes, struct lv_buffer *out)
{
    size_t n;
    if (!take_number(&rest, length_bytes, &n) || rest.n != n)
        return false;
    lv_buffer_add_slice(out, rest);
    return true;
}

/* Adds a character as UTF-8. Returns false if it is none. */
static bool add_character(struct lv_buffer *out, size_t c)
{
    if (c < 0x80) {
        lv_buffer_add_u8(out, (uint8_t)c);
    } else if (c < 0x800) {
        lv_buffer_add_u8(out, (uint8_t)(0xc0 | c >> 6));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x10000) {
        lv_buffer_add_u8(out, (uint8_t)(0xe0 | c >> 12));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    } else if (c < 0x110000) {
        lv_buffer_add_u8(out, (uint8_t)(0xf0 | c >> 18));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
        lv_buffer_add_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
    }
    return c < 0x110000;
}

/* Reads a list of characters: what a string is if one of them is above 255. */
static bool take_characters(struct slice rest, struct lv_buffer *out)
{
    size_t count;
    size_t c;
    if (!take_number(&rest, 4, &count))
        return false;
    for (; count > 0; count--) {
        size_t tag;
        if (!take_number(&rest, 1, &tag) || (tag != TERM_SMALL_INTEGER && tag != TERM_INTEGER) ||
            !take_number(&rest, tag == TERM_INTEGER ? 4 : 1, &c) || !add_character(out, c))
            return false;
    }
    return rest.n == 1 && rest.p[0] == TERM_NIL;
}

static bool take_integer(struct slice rest, bool is_small, struct lv_buffer *out)
{
    size_t n;
    if (!take_number(&rest, is_small ? 1 : 4, &n) || rest.n > 0)
        return false;
    lv_buffer_printf(out, "%d", is_small ? (int)n : (int)(int32_t)(uint32_t)n);
    return true;
}

/* Appends the text of a term. Returns false, with *out unchanged or longer, if it is another one.
 */
static bool term_read(struct slice term, struct lv_buffer *out, enum encrypted_kind *ret_kind)
{
    size_t version;
    size_t tag;
    if (!take_number(&term, 1, &version) || version != TERM_VERSION || !take_number(&term, 1, &tag))
        return false;
    *ret_kind = tag == TERM_BINARY                                          ? ENCRYPTED_BINARY
                : tag == TERM_SMALL_INTEGER || tag == TERM_INTEGER          ? ENCRYPTED_INTEGER
                : tag == TERM_NIL || tag == TERM_STRING || tag == TERM_LIST ? ENCRYPTED_STRING
                                                                            : ENCRYPTED_ATOM;
    switch (tag) {
    case TERM_NIL: return term.n == 0;
    case TERM_STRING: return take_text(term, 2, out);
    case TERM_LIST: return take_characters(term, out);
    case TERM_BINARY: return take_text(term, 4, out);
    case TERM_ATOM:
    case TERM_ATOM_UTF8: return take_text(term, 2, out);
    case TERM_SMALL_ATOM:
    case TERM_SMALL_ATOM_UTF8: return take_text(term, 1, out);
    case TERM_SMALL_INTEGER: return take_integer(term, true, out);
    case TERM_INTEGER: return take_integer(term, false, out);
    default: return false;
    }
}

/* --- Base64 ----------------------------------------------------------------------------------- */

static void add_base64(struct lv_buffer *out, struct slice bytes)
{
    size_t room = (bytes.n + 2) / 3 * 4 + 1;
    out->n += (size_t)EVP_EncodeBlock(lv_buffer_reserve(out, room), bytes.p, (int)bytes.n);
}

/* Appends the bytes. Returns false if the text is not base64. */
static bool take_base64(struct slice text, struct lv_buffer *out)
{
    if (text.n == 0 || text.n % 4 != 0 || text.n > 4 * TEXT_BYTES_MAX)
        return false;
    int n = EVP_DecodeBlock(lv_buffer_reserve(out, text.n / 4 * 3), text.p, (int)text.n);
    if (n < 0)
        return false;
    size_t padding = 0;
    while (padding < 2 && text.p[text.n - 1 - padding] == '=')
        padding++;
    out->n += (size_t)n - padding;
    return true;
}

/* --- Both ways -------------------------------------------------------------------------------- */

static void add_padding(struct lv_buffer *out, size_t block_bytes)
{
    size_t n = block_bytes - out->n % block_bytes;
    for (size_t i = 0; i < n; i++)
        lv_buffer_add_u8(out, (uint8_t)n);
}

static int encode(const struct coder *c, const struct encryption *e, struct slice passphrase,
                  struct slice padded, struct lv_buffer *out)
{
    struct lv_buffer whole = {0};
    size_t head = SALT_BYTES + c->iv_bytes;
    uint8_t *p = lv_buffer_reserve(&whole, head + padded.n);
    whole.n = head + padded.n;
    int err = RAND_bytes(p, (int)head) == 1 ? 0 : ERR_IO;
    if (err == 0)
        err = coder_run(c, e, passphrase, p, p + SALT_BYTES, padded, p + head, true);
    if (err == 0)
        add_base64(out, lv_buffer_slice(&whole));
    lv_buffer_free(&whole);
    return err;
}

int encrypted_encode_term(const struct encryption *e, struct slice passphrase, struct slice term,
                          struct lv_buffer *out)
{
    struct coder c = {0};
    if (term.n > TEXT_BYTES_MAX + TERM_HEAD_BYTES_MAX)
        return ERR_TOO_LARGE;
    int err = coder_open(&c, e);
    if (err < 0)
        return err;
    struct lv_buffer padded = {0};
    lv_buffer_reserve(&padded, term.n + EVP_MAX_BLOCK_LENGTH); /* moving would leave a copy */
    lv_buffer_add_slice(&padded, term);
    add_padding(&padded, c.block_bytes);
    err = encode(&c, e, passphrase, lv_buffer_slice(&padded), out);
    encrypted_wipe(&padded);
    coder_free(&c);
    return err;
}

int encrypted_encode(const struct encryption *e, struct slice passphrase, enum encrypted_kind kind,
                     struct slice text, struct lv_buffer *out)
{
    struct lv_buffer term = {0};
    if (text.n > TEXT_BYTES_MAX)
        return ERR_TOO_LARGE;
    lv_buffer_reserve(&term, text.n + TERM_HEAD_BYTES_MAX);
    term_add(&term, kind, text);
    int err = encrypted_encode_term(e, passphrase, lv_buffer_slice(&term), out);
    encrypted_wipe(&term);
    return err;
}

/* Decrypts what follows the salt and the vector, and reads the term in it. */
static int decode(const struct coder *c, const struct encryption *e, struct slice passphrase,
                  struct slice whole, struct lv_buffer *out, enum encrypted_kind *ret_kind)
{
    size_t head = SALT_BYTES + c->iv_bytes;
    if (whole.n <= head)
        return ERR_FORMAT;
    struct slice body = slice_of(whole.p + head, whole.n - head);
    struct lv_buffer plain = {0};
    struct lv_buffer text = {0};
    uint8_t *p = lv_buffer_reserve(&plain, body.n + EVP_MAX_BLOCK_LENGTH);
    lv_buffer_reserve(&text, 4 * body.n + 16);
    int err = coder_run(c, e, passphrase, whole.p, whole.p + SALT_BYTES, body, p, false);
    plain.n = body.n;
    size_t padding = p[body.n - 1];
    if (err == 0 && padding > 0 && padding <= c->block_bytes && padding <= body.n &&
        term_read(slice_of(p, body.n - padding), &text, ret_kind))
        lv_buffer_add_slice(out, lv_buffer_slice(&text));
    else
        err = ERR_FORMAT;
    encrypted_wipe(&plain);
    encrypted_wipe(&text);
    return err;
}

int encrypted_decode(const struct encryption *e, struct slice passphrase, struct slice base64,
                     struct lv_buffer *out, enum encrypted_kind *ret_kind)
{
    struct coder c = {0};
    int err = coder_open(&c, e);
    if (err < 0)
        return err;
    struct lv_buffer whole = {0};
    err = take_base64(base64, &whole)
              ? decode(&c, e, passphrase, lv_buffer_slice(&whole), out, ret_kind)
              : ERR_FORMAT;
    lv_buffer_free(&whole);
    coder_free(&c);
    return err;
}
