/* Any bytes as what a provider publishes: a set of keys, or the configuration that says where it
 * is; and as the file of a signing key. The first byte selects. */
#include <stddef.h>
#include <stdint.h>

#include "backends/oauth2/oauth2_discovery.h"
#include "backends/oauth2/oauth2_keys.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void set_read(struct slice text, struct lv_buffer *reason)
{
    struct oauth2_keys *keys = NULL;
    if (oauth2_keys_parse(text, &keys, reason) == 0)
        lv_assert(oauth2_keys_count(keys) > 0 && oauth2_keys_have(keys, NULL));
    else
        lv_assert(!keys && reason->n > 0);
    oauth2_keys_unref(&keys);
}

static void file_read(struct slice text, struct lv_buffer *reason)
{
    struct oauth2_keys *keys = oauth2_keys_create();
    int err = oauth2_keys_add_text(keys, "a", text, reason);
    lv_assert(oauth2_keys_have(keys, "a") == (err == 0));
    lv_assert(err == 0 || reason->n > 0);
    oauth2_keys_unref(&keys);
}

static void configuration_read(struct slice text, struct lv_buffer *reason)
{
    struct oauth2_provider_settings provider = {.issuer = (char[]){"https://idp"}};
    struct lv_buffer url = {0};
    if (oauth2_discovery_parse(&provider, text, &url, reason) == 0)
        lv_assert(oauth2_url_is_safe((const char *)url.p));
    lv_buffer_free(&url);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    static void (*const readers[])(struct slice text, struct lv_buffer * reason) = {
        set_read, file_read, configuration_read};
    struct lv_buffer reason = {0};
    if (n > 0)
        readers[bytes[0] % 3](slice_of(bytes + 1, n - 1), &reason);
    lv_buffer_free(&reason);
    return 0;
}
