/* What the settings say of URLs is checked once, when a backend is opened. */
#include <curl/curl.h>
#include <string.h>

#include "backends/web/web_client.h"
#include "base/error.h"

int web_url_check(const char *url)
{
    CURLU *parsed = curl_url();
    if (parsed == NULL)
        return ERR_NO_MEMORY;
    char *scheme = NULL;
    bool is_good = curl_url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
                   curl_url_get(parsed, CURLUPART_SCHEME, &scheme, 0) == CURLUE_OK &&
                   (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
    curl_free(scheme);
    curl_url_cleanup(parsed);
    return is_good ? 0 : ERR_INVALID;
}

void web_url_show(const char *url, struct lv_buffer *out)
{
    const char *host = strstr(url, "://");
    host = host == NULL ? url : host + 3;
    const size_t host_n = strcspn(host, "/?#");
    const char *at = memrchr(host, '@', host_n);
    lv_buffer_add(out, url, (size_t)(host - url));
    if (at != NULL)
        host = at + 1;
    lv_buffer_add(out, host, strcspn(host, "?#"));
}
