#include "backends/fetch.h"
#include "backends/web/web_client.h"
#include "base/error.h"

static int check_status(long status, struct lv_buffer *file, struct lv_buffer *reason)
{
    if (status / 100 == 2)
        return 0;
    lv_buffer_free(file);
    lv_buffer_printf(reason, "the server answered with status %ld", status);
    return ERR_NOT_FOUND;
}

static int fetch(const struct fetch_request *request, struct lv_buffer *ret_file,
                 struct lv_buffer *ret_shown, struct lv_buffer *reason)
{
    const struct web_client_settings settings = {
        .connection_timeout_ms = request->connection_timeout_ms,
        .timeout_ms = request->timeout_ms,
        .answer_bytes_max = request->bytes_max,
        .follows_redirects = true,
        .tls = request->tls,
        .protocol = request->protocol,
    };
    web_url_show(request->url, ret_shown);
    if (web_url_check(request->url)) {
        lv_buffer_printf(reason, "it is not a URL that begins with http:// or https://");
        return ERR_INVALID;
    }
    struct web_client *client = NULL;
    int error = web_client_create(&settings, &client, reason);
    if (error)
        return error;
    const struct web_request web_request = {.url = request->url};
    long status = 0;
    error = web_client_ask(client, &web_request, &status, ret_file, reason);
    web_client_free(&client);
    return error ? error : check_status(status, ret_file, reason);
}

extern const struct fetch_module fetch_module;
__attribute__((visibility("default")))
const struct fetch_module fetch_module = {LEVERET_VERSION, sizeof(struct fetch_request), fetch};
