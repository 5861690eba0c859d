/* A header "cookie" of any bytes: what is found in it lies in it, and only what the key has made is
 * opened. The first byte chooses: 0, the header is as it is; any other, a cookie of this user and
 * password is made, found and opened again. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "api/cookie.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const uint8_t key[COOKIE_KEY_BYTES] = "the key of this fuzzer";

static void open_any(struct slice header)
{
    struct lv_buffer space = {0};
    struct cookie_content content;
    struct slice value = cookie_find(header, "auth");
    lv_assert(value.n == 0 || (value.p >= header.p && value.p + value.n <= header.p + header.n));
    cookie_open(key, value, &space, &content);
    lv_buffer_free(&space);
}

static void seal_and_open(struct slice text, size_t user_bytes)
{
    struct lv_buffer header = {0}, space = {0};
    size_t user = user_bytes < text.n ? user_bytes : text.n;
    const struct cookie_content content = {
        .user = slice_of(text.p, user),
        .password = slice_of(text.p + user, text.n - user),
        .ends_at_s = UINT64_C(1) << 40,
    };
    struct cookie_content opened;
    lv_buffer_printf(&header, "auth1=x; auth=");
    bool is_made = cookie_seal(key, &content, &header);
    lv_buffer_printf(&header, "; b");
    struct slice value = cookie_find(lv_buffer_slice(&header), "auth");
    if (is_made && cookie_open(key, value, &space, &opened)) {
        lv_assert(slice_equal(opened.user, content.user));
        lv_assert(slice_equal(opened.password, content.password));
        lv_assert(opened.ends_at_s == content.ends_at_s);
    } else {
        lv_assert(text.n > 32 * 1024); /* too long to be a cookie */
    }
    lv_buffer_free(&header);
    lv_buffer_free(&space);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    if (n == 0)
        return 0;
    struct slice rest = slice_of(bytes + 1, n - 1);
    if (bytes[0] == 0)
        open_any(rest);
    else
        seal_and_open(rest, bytes[0]);
    return 0;
}
