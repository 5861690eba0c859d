/* A new backend: a function that fills in its settings, and a row in the table. */
#include "leveretd/backends.h"

#include <string.h>

#include "backends/http.h"
#include "backends/modules.h"
#include "backends/oauth2.h"
#include "base/error.h"
#include "leveretd/config_oauth2.h"

static int open_http(const struct config *config, struct auth_backend **ret,
                     struct lv_buffer *reason)
{
    const struct auth_http_settings settings = {
        .is_post = config->auth_http_method == CONFIG_HTTP_POST,
        .user_path = config->auth_http_user_path,
        .vhost_path = config->auth_http_vhost_path,
        .resource_path = config->auth_http_resource_path,
        .topic_path = config->auth_http_topic_path,
        .request_timeout_ms = (int)config->auth_http_request_timeout_ms,
        .connection_timeout_ms = (int)config->auth_http_connection_timeout_ms,
        .discloses_reasons = config->auth_http_discloses_reasons,
        .tls =
            {
                .is_unverified = config->auth_http_verify == CONFIG_VERIFY_NONE,
                .ca_file = config->auth_http_cacertfile,
                .certificate_file = config->auth_http_certfile,
                .key_file = config->auth_http_keyfile,
                .key_password = config->auth_http_password,
                .depth = (int)config->auth_http_depth,
            },
    };
    return backend_open("http", &settings, sizeof settings, ret, reason);
}

/* Collects what is wrong with settings, as one text. */
static void say_reason(void *arg, enum log_level level, const char *text)
{
    struct lv_buffer *reason = arg;
    if (level == LOG_ERROR)
        lv_buffer_printf(reason, "%s%s", reason->n > 0 ? "; " : "", text);
}

static int open_oauth2(const struct config *config, struct auth_backend **ret,
                       struct lv_buffer *reason)
{
    struct auth_oauth2_settings settings = {NULL};
    int err = config_oauth2(config, &settings.shared, say_reason, reason);
    if (!err && !settings.shared) {
        lv_buffer_printf(reason, "auth_oauth2.resource_server_id is not set");
        err = ERR_INVALID;
    }
    if (!err)
        err = backend_open("oauth2", &settings, sizeof settings, ret, reason);
    oauth2_settings_unref(&settings.shared);
    return err;
}

static const struct {
    const char *name;
    int (*open)(const struct config *config, struct auth_backend **ret, struct lv_buffer *reason);
} backends[] = {
    {"http", open_http},
    {"oauth2", open_oauth2},
};

int backend_from_config(const struct config *config, const char *name, struct auth_backend **ret,
                        struct lv_buffer *reason)
{
    for (size_t i = 0; i < sizeof backends / sizeof *backends; i++)
        if (strcmp(backends[i].name, name) == 0)
            return backends[i].open(config, ret, reason);
    lv_buffer_printf(reason, "there is no backend '%s'", name);
    return ERR_NOT_FOUND;
}
