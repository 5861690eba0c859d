#include "api/base64.h"

#include <limits.h>

#include <openssl/evp.h>

/* Whether this is a multiple of four characters of the alphabet, with at most two '=' at the end.
 * EVP_DecodeBlock() is more lenient. */
static bool is_base64(struct slice text)
{
    size_t n = text.n;
    if (n % 4 != 0 || n > INT_MAX)
        return false;
    for (unsigned i = 0; i < 2 && n > 0 && text.p[n - 1] == '='; i++)
        n--;
    for (size_t i = 0; i < n; i++) {
        uint8_t b = text.p[i];
        bool is_letter = (b >= 'A' && b <= 'Z') || (b >= 'a' && b <= 'z');
        if (!is_letter && !(b >= '0' && b <= '9') && b != '+' && b != '/')
            return false;
    }
    return true;
}

bool base64_decode(struct slice text, struct lv_buffer *out)
{
    if (!is_base64(text))
        return false;
    if (text.n == 0)
        return true;
    int n = EVP_DecodeBlock(lv_buffer_reserve(out, text.n), text.p, (int)text.n);
    if (n < 0)
        return false;
    out->n += (size_t)n - (text.p[text.n - 1] == '=') - (text.p[text.n - 2] == '=');
    return true;
}

void base64_write(struct json_writer *w, struct slice bytes)
{
    enum { PIECE_BYTES = 3 * 1024 };
    uint8_t text[4 * 1024 + 1];
    struct lv_buffer all = {0};
    while (bytes.n > 0) {
        size_t n = bytes.n < PIECE_BYTES ? bytes.n : PIECE_BYTES;
        int length = EVP_EncodeBlock(text, bytes.p, (int)n);
        lv_buffer_add(&all, text, (size_t)length);
        bytes = slice_of(bytes.p + n, bytes.n - n);
    }
    json_write_string(w, lv_buffer_slice(&all));
    lv_buffer_free(&all);
}
