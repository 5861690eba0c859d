#include "backends/oauth2/oauth2_discovery.h"

#include <curl/curl.h>
#include <jansson.h>

#include "backends/oauth2/oauth2_claims.h"
#include "base/error.h"

static void escaped_add(struct lv_buffer *out, const char *text)
{
    char *escaped = curl_easy_escape(NULL, text, 0);
    lv_buffer_printf(out, "%s", escaped ? escaped : "");
    curl_free(escaped);
}

void oauth2_discovery_url(const struct oauth2_provider_settings *provider, struct lv_buffer *out)
{
    const char *path = provider->discovery_path;
    size_t issuer_n = strlen(provider->issuer);
    while (issuer_n > 0 && provider->issuer[issuer_n - 1] == '/')
        issuer_n--;
    if (!path || path[0] == '\0')
        path = ".well-known/openid-configuration";
    lv_buffer_printf(out, "%.*s/%s", (int)issuer_n, provider->issuer, path + strspn(path, "/"));
    for (size_t i = 0; i < provider->discovery_params.count; i++) {
        lv_buffer_add_u8(out, i == 0 ? '?' : '&');
        escaped_add(out, provider->discovery_params.items[i].name);
        lv_buffer_add_u8(out, '=');
        escaped_add(out, provider->discovery_params.items[i].value);
    }
    lv_buffer_add_u8(out, '\0');
}

int oauth2_discovery_parse(const struct oauth2_provider_settings *provider, struct slice answer,
                           struct lv_buffer *out, struct lv_buffer *reason)
{
    json_t *json = json_loadb((const char *)answer.p, answer.n, JSON_REJECT_DUPLICATES, NULL);
    const json_t *issuer = json_object_get(json, "issuer");
    const char *uri = json_string_value(json_object_get(json, "jwks_uri"));
    int err = ERR_FORMAT;
    if (!uri) {
        lv_buffer_printf(reason, "the answer is not an OpenID configuration with a jwks_uri");
    } else if (!oauth2_url_is_safe(uri)) {
        lv_buffer_printf(reason, "its jwks_uri is not an https:// URL");
    } else if (!issuer) {
        lv_buffer_printf(reason, "the answer names no issuer");
    } else if (oauth2_claims_issuer_is(provider, issuer, reason)) {
        lv_buffer_printf(out, "%s", uri);
        lv_buffer_add_u8(out, '\0');
        err = 0;
    }
    json_decref(json);
    return err;
}
