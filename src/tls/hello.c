/* Records consist of a type, the version in two bytes, the length in two; handshake messages of a
 * type, the length in three bytes. A record may have several messages, or a part of one. */
#include "tls/hello.h"

#include <openssl/ssl3.h>

#include "base/assert.h"

static uint32_t number_of(const uint8_t *p, size_t n)
{
    uint32_t number = 0;
    for (size_t i = 0; i < n; i++)
        number = number << 8 | p[i];
    return number;
}

/* After its ChangeCipherSpec, a client of TLS 1.2 encrypts. One of TLS 1.3 may send it earlier. */
static void record_begin(struct tls_hello *hello, bool is_tls_1_2)
{
    hello->record_head_n = 0;
    hello->type = hello->record_head[0];
    hello->record_left = (uint16_t)number_of(hello->record_head + 3, 2);
    hello->has_ended =
        hello->type == SSL3_RT_CHANGE_CIPHER_SPEC ? is_tls_1_2 : hello->type != SSL3_RT_HANDSHAKE;
}

static bool message_begin(struct tls_hello *hello)
{
    hello->message_head_n = 0;
    hello->message_left = number_of(hello->message_head + 1, 3);
    return hello->message_head[0] != SSL3_MT_CLIENT_HELLO || hello->message_left <= HELLO_BYTES_MAX;
}

/* Returns how many of the n bytes belong to what is skipped: a message, or another record. */
static size_t skip(struct tls_hello *hello, size_t n)
{
    bool is_handshake = hello->type == SSL3_RT_HANDSHAKE;
    size_t bytes = n < hello->record_left ? n : hello->record_left;
    if (is_handshake && bytes > hello->message_left)
        bytes = hello->message_left;
    if (is_handshake)
        hello->message_left -= (uint32_t)bytes;
    hello->record_left = (uint16_t)(hello->record_left - bytes);
    return bytes;
}

bool tls_hello_watch(struct tls_hello *hello, const uint8_t *p, size_t n, bool is_tls_1_2)
{
    const uint8_t *end = p + n;
    while (p < end && !hello->has_ended) {
        size_t skipped = skip(hello, (size_t)(end - p));
        p += skipped;
        if (skipped > 0)
            continue;
        if (hello->record_left == 0) {
            hello->record_head[hello->record_head_n++] = *p++;
            if (hello->record_head_n == sizeof hello->record_head)
                record_begin(hello, is_tls_1_2);
            continue;
        }
        lv_assert(hello->type == SSL3_RT_HANDSHAKE && hello->message_left == 0);
        hello->record_left--;
        hello->message_head[hello->message_head_n++] = *p++;
        if (hello->message_head_n == sizeof hello->message_head && !message_begin(hello))
            return false;
    }
    return true;
}
