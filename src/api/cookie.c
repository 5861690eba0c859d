/* A value is base64url(nonce, 12 bytes | what is encrypted by AES-256-GCM | tag, 16 bytes), and
 * what is encrypted is the end in 8 bytes, the length of the user's name in 4, both big endian, the
 * name and the password. */
#include "api/cookie.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "api/base64.h"
#include "base/assert.h"

enum { NONCE_BYTES = 12, TAG_BYTES = 16, HEAD_BYTES = 12, VALUE_BYTES_MAX = 64 * 1024 };

void cookie_key_make(uint8_t key[COOKIE_KEY_BYTES])
{
    int is_done = RAND_bytes(key, COOKIE_KEY_BYTES);
    lv_assert(is_done == 1);
}

/* --- base64 for URLs, without padding --------------------------------------------------------- */

static void add_base64url(struct slice bytes, struct lv_buffer *out)
{
    uint8_t *text = lv_buffer_reserve(out, (bytes.n + 2) / 3 * 4 + 1);
    int n = EVP_EncodeBlock(text, bytes.p, (int)bytes.n);
    while (n > 0 && text[n - 1] == '=')
        n--;
    for (int i = 0; i < n; i++)
        text[i] = text[i] == '+' ? '-' : text[i] == '/' ? '_' : text[i];
    out->n += (size_t)n;
}

static bool add_from_base64url(struct slice text, struct lv_buffer *out)
{
    struct lv_buffer usual = {0};
    for (size_t i = 0; i < text.n; i++) {
        uint8_t c = text.p[i];
        lv_buffer_add_u8(&usual, c == '-' ? '+' : c == '_' ? '/' : c);
    }
    while (usual.n % 4 != 0)
        lv_buffer_add_u8(&usual, '=');
    bool is_fine = base64_decode(lv_buffer_slice(&usual), out);
    lv_buffer_free(&usual);
    return is_fine;
}

/* --- numbers ---------------------------------------------------------------------------------- */

static void add_number(struct lv_buffer *out, uint64_t n, unsigned bytes)
{
    while (bytes-- > 0)
        lv_buffer_add_u8(out, (uint8_t)(n >> 8 * bytes));
}

static uint64_t read_number(const uint8_t *p, unsigned bytes)
{
    uint64_t n = 0;
    while (bytes-- > 0)
        n = n << 8 | *p++;
    return n;
}

/* --- encryption ------------------------------------------------------------------------------- */

/* Encrypts the text, of which there are text.n bytes of room at `to`, and makes the tag. */
static bool encrypt(const uint8_t *key, const uint8_t *nonce, struct slice text, uint8_t *to,
                    uint8_t *tag)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    bool is_done = ctx && EVP_EncryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
                   EVP_EncryptUpdate(ctx, to, &n, text.p, (int)text.n) == 1 &&
                   EVP_EncryptFinal_ex(ctx, to + n, &rest) == 1 &&
                   EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_GET_TAG, TAG_BYTES, tag) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return is_done;
}

static bool decrypt(const uint8_t *key, const uint8_t *nonce, struct slice from, const uint8_t *tag,
                    uint8_t *to)
{
    EVP_CIPHER_CTX *ctx = EVP_CIPHER_CTX_new();
    int n = 0, rest = 0;
    bool is_done =
        ctx && EVP_DecryptInit_ex(ctx, EVP_aes_256_gcm(), NULL, key, nonce) == 1 &&
        EVP_DecryptUpdate(ctx, to, &n, from.p, (int)from.n) == 1 &&
        EVP_CIPHER_CTX_ctrl(ctx, EVP_CTRL_GCM_SET_TAG, TAG_BYTES, (void *)(uintptr_t)tag) == 1 &&
        EVP_DecryptFinal_ex(ctx, to + n, &rest) == 1;
    EVP_CIPHER_CTX_free(ctx);
    return is_done;
}

/* --- the door --------------------------------------------------------------------------------- */

bool cookie_seal(const uint8_t key[COOKIE_KEY_BYTES], const struct cookie_content *content,
                 struct lv_buffer *out)
{
    struct lv_buffer text = {0}, sealed = {0};
    uint8_t *p;
    lv_buffer_reserve(&text,
                      HEAD_BYTES + content->user.n + content->password.n); /* grows no more */
    add_number(&text, content->ends_at_s, 8);
    add_number(&text, content->user.n, 4);
    lv_buffer_add_slice(&text, content->user);
    lv_buffer_add_slice(&text, content->password);
    p = lv_buffer_reserve(&sealed, NONCE_BYTES + text.n + TAG_BYTES);
    bool is_done =
        RAND_bytes(p, NONCE_BYTES) == 1 &&
        encrypt(key, p, lv_buffer_slice(&text), p + NONCE_BYTES, p + NONCE_BYTES + text.n);
    if (is_done)
        add_base64url(slice_of(p, NONCE_BYTES + text.n + TAG_BYTES), out);
    explicit_bzero(text.p, text.n);
    lv_buffer_free(&text);
    lv_buffer_free(&sealed);
    return is_done;
}

/* Splits what was encrypted. */
static bool content_read(struct slice text, struct cookie_content *ret)
{
    if (text.n < HEAD_BYTES)
        return false;
    uint64_t user = read_number(text.p + 8, 4);
    if (user > text.n - HEAD_BYTES)
        return false;
    *ret = (struct cookie_content){
        .user = slice_of(text.p + HEAD_BYTES, (size_t)user),
        .password = slice_of(text.p + HEAD_BYTES + user, text.n - HEAD_BYTES - (size_t)user),
        .ends_at_s = read_number(text.p, 8),
    };
    return true;
}

bool cookie_open(const uint8_t key[COOKIE_KEY_BYTES], struct slice value, struct lv_buffer *space,
                 struct cookie_content *ret)
{
    struct lv_buffer sealed = {0};
    bool is_fine = value.n <= VALUE_BYTES_MAX && add_from_base64url(value, &sealed) &&
                   sealed.n >= NONCE_BYTES + HEAD_BYTES + TAG_BYTES;
    if (is_fine) {
        size_t n = sealed.n - NONCE_BYTES - TAG_BYTES;
        uint8_t *text = lv_buffer_reserve(space, n);
        is_fine = decrypt(key, sealed.p, slice_of(sealed.p + NONCE_BYTES, n),
                          sealed.p + sealed.n - TAG_BYTES, text) &&
                  content_read(slice_of(text, n), ret);
        space->n += n;
    }
    lv_buffer_free(&sealed);
    return is_fine;
}

struct slice cookie_find(struct slice header, const char *name)
{
    size_t n = strlen(name);
    while (header.n > 0) {
        const uint8_t *semicolon = memchr(header.p, ';', header.n);
        size_t one = semicolon ? (size_t)(semicolon - header.p) : header.n;
        if (one > n && memcmp(header.p, name, n) == 0 && header.p[n] == '=')
            return slice_of(header.p + n + 1, one - n - 1);
        one += semicolon != NULL;
        while (one < header.n && header.p[one] == ' ')
            one++;
        header = slice_of(header.p + one, header.n - one);
    }
    return SLICE_EMPTY;
}
