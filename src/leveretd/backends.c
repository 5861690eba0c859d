/* A new backend: a function that fills in its settings, and a row in the table. */
#include "leveretd/backends.h"

#include <stdlib.h>
#include <string.h>

#include "backends/http.h"
#include "backends/ldap.h"
#include "backends/modules.h"
#include "backends/oauth2.h"
#include "base/error.h"
#include "base/memory.h"
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

/* A bind is that of the account if one is set, unless the other key says who it is. */
static struct auth_ldap_bind ldap_bind(const struct config *config, enum config_setting setting,
                                       int word, const char *user_dn, const char *password)
{
    struct auth_ldap_bind bind = {AUTH_LDAP_AS_USER, user_dn, password};
    if (!config->origins[setting] && user_dn[0] != '\0')
        bind.kind = AUTH_LDAP_ACCOUNT;
    else if (word == CONFIG_LDAP_ANON)
        bind.kind = AUTH_LDAP_ANONYMOUS;
    return bind;
}

static int open_ldap(const struct config *config, struct auth_backend **ret,
                     struct lv_buffer *reason)
{
    const struct config_pairs *servers = &config->auth_ldap_servers;
    const char **names = lv_calloc(servers->count + 1, sizeof *names);
    for (size_t i = 0; i < servers->count; i++)
        names[i] = servers->items[i].value;
    const struct auth_ldap_settings settings = {
        .servers = names,
        .server_count = servers->count,
        .port = (uint16_t)config->auth_ldap_port,
        .user_bind_pattern = config->auth_ldap_user_bind_pattern,
        .user_dn_pattern = config->auth_ldap_user_dn_pattern,
        .dn_lookup_attribute = config->auth_ldap_dn_lookup_attribute,
        .dn_lookup_base = config->auth_ldap_dn_lookup_base,
        .dn_lookup_bind = ldap_bind(
            config, CONFIG_auth_ldap_dn_lookup_bind, config->auth_ldap_dn_lookup_bind,
            config->auth_ldap_dn_lookup_bind_user_dn, config->auth_ldap_dn_lookup_bind_password),
        .other_bind =
            ldap_bind(config, CONFIG_auth_ldap_other_bind, config->auth_ldap_other_bind,
                      config->auth_ldap_other_bind_user_dn, config->auth_ldap_other_bind_password),
        .group_lookup_base = config->auth_ldap_group_lookup_base,
        .use_ssl = config->auth_ldap_uses_ssl,
        .use_starttls = config->auth_ldap_uses_starttls,
        .tls =
            {
                .is_unverified = config->auth_ldap_verify == CONFIG_VERIFY_NONE,
                .ca_file = config->auth_ldap_cacertfile,
                .certificate_file = config->auth_ldap_certfile,
                .key_file = config->auth_ldap_keyfile,
                .key_password = config->auth_ldap_password,
                .depth = (int)config->auth_ldap_depth,
            },
        .server_name = config->auth_ldap_sni,
        .refuses_wildcards = config->auth_ldap_hostname_verification == CONFIG_LDAP_NO_WILDCARD,
        .timeout_ms = config->auth_ldap_timeout_ms,
        .idle_timeout_ms = config->auth_ldap_idle_timeout_ms,
        .connection_pool_size = (unsigned)config->auth_ldap_pool_size,
        .log = (enum auth_ldap_log)config->auth_ldap_log,
        .tag_queries = config->auth_ldap_tag_queries,
        .vhost_access_query = config->auth_ldap_vhost_access_query,
        .resource_access_query = config->auth_ldap_resource_access_query,
        .topic_access_query = config->auth_ldap_topic_access_query,
    };
    int err = backend_open("ldap", &settings, sizeof settings, ret, reason);
    free(names);
    return err;
}

static const struct {
    const char *name;
    int (*open)(const struct config *config, struct auth_backend **ret, struct lv_buffer *reason);
} backends[] = {
    {"http", open_http},
    {"oauth2", open_oauth2},
    {"ldap", open_ldap},
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
