/* What no value alone tells: files that cannot be read, certificates that do not fit, settings that
 * contradict each other. Every check runs, so that all faults are reported at once, before the data
 * directory is touched.
 *
 * To add a check, write a function that reports each fault with config_complain() or
 * config_complain_of_entry() and returns ERR_INVALID if there was one, and add it to `checks`. It
 * may read files, but must neither write nor connect anywhere. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "backends/ldap_check.h"
#include "base/buffer.h"
#include "base/error.h"
#include "leveretd/chain_config.h"
#include "leveretd/config_oauth2.h"
#include "leveretd/config_private.h"
#include "leveretd/config_tls.h"
#include "leveretd/log_config.h"
#include "leveretd/statistics_config.h"
#include "leveretd/vhost_defaults_config.h"
#include "net/net.h"

int config_check_readable(const struct config *config, enum config_setting setting,
                          const char *path, config_say say, void *arg)
{
    if (path[0] == '\0')
        return 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd >= 0) {
        close(fd);
        return 0;
    }
    struct lv_buffer expected = {0};
    lv_buffer_printf(&expected, "a file that can be read (%s)", strerror(errno));
    config_complain(config, setting, (const char *)expected.p, say, arg);
    lv_buffer_free(&expected);
    return ERR_INVALID;
}

static int check_address(const struct config *config, enum config_setting setting, const char *ip,
                         config_say say, void *arg)
{
    char *address = config_address_read(slice_str(ip));
    if (!address)
        config_complain(config, setting, "a numeric IPv4 or IPv6 address", say, arg);
    int err = address ? 0 : ERR_INVALID;
    free(address);
    return err;
}

static int check_http_addresses(const struct config *config, config_say say, void *arg)
{
    int err = 0;
#define CHECK_ADDRESS(member)                                                                      \
    if (check_address(config, CONFIG_##member, config->member, say, arg) < 0)                      \
        err = ERR_INVALID;
    CHECK_ADDRESS(management_ip)
    CHECK_ADDRESS(management_ssl_ip)
    CHECK_ADDRESS(prometheus_ip)
    CHECK_ADDRESS(prometheus_ssl_ip)
#undef CHECK_ADDRESS
    return err;
}

static int check_prometheus_path(const struct config *config, config_say say, void *arg)
{
    const char *path = config->prometheus_path;
    if (path[0] == '/' && path[strlen(path) - 1] != '/')
        return 0;
    config_complain(config, CONFIG_prometheus_path, "a path that begins with a slash", say, arg);
    return ERR_INVALID;
}

/* The module asks libcurl whether a URL is good; leveretd has none. */
static int check_url(const struct config *config, enum config_setting setting, const char *url,
                     config_say say, void *arg)
{
    if (slice_begins(slice_str(url), "http://") || slice_begins(slice_str(url), "https://"))
        return 0;
    config_complain(config, setting, "a URL that begins with http:// or https://", say, arg);
    return ERR_INVALID;
}

static int check_load_definitions(const struct config *config, config_say say, void *arg)
{
    int err = 0;
#define CHECK_FILE(member)                                                                         \
    if (config_check_readable(config, CONFIG_##member, config->member, say, arg) < 0)              \
        err = ERR_INVALID;
    CHECK_FILE(load_definitions)
    if (!config_fetches_definitions(config))
        return err;
    if (check_url(config, CONFIG_definitions_url, config->definitions_url, say, arg) < 0)
        err = ERR_INVALID;
    CHECK_FILE(definitions_cacertfile)
    CHECK_FILE(definitions_certfile)
    CHECK_FILE(definitions_keyfile)
#undef CHECK_FILE
    struct config_tls_client spoken;
    if (config_tls_of_definitions(config, say, arg, &spoken) < 0)
        err = ERR_INVALID;
    tls_ciphers_free(&spoken.ciphers);
    return err;
}

static int check_auth_http(const struct config *config, config_say say, void *arg)
{
    int err = 0;
#define CHECK_URL(member)                                                                          \
    if (check_url(config, CONFIG_##member, config->member, say, arg) < 0)                          \
        err = ERR_INVALID;
#define CHECK_FILE(member)                                                                         \
    if (config_check_readable(config, CONFIG_##member, config->member, say, arg) < 0)              \
        err = ERR_INVALID;
    CHECK_URL(auth_http_user_path)
    CHECK_URL(auth_http_vhost_path)
    CHECK_URL(auth_http_resource_path)
    CHECK_URL(auth_http_topic_path)
    CHECK_FILE(auth_http_cacertfile)
    CHECK_FILE(auth_http_certfile)
    CHECK_FILE(auth_http_keyfile)
#undef CHECK_URL
#undef CHECK_FILE
    return err;
}

/* Checks the text of a setting of ldap; `what` it must be. No text is fine. */
static int check_ldap_text(const struct config *config, enum config_setting setting,
                           const char *text, const char *what,
                           int (*check)(const char *text, struct lv_buffer *reason), config_say say,
                           void *arg)
{
    struct lv_buffer expected = {0};
    lv_buffer_printf(&expected, "%s; ", what);
    int err = text[0] == '\0' ? 0 : check(text, &expected);
    if (err < 0)
        config_complain(config, setting, (const char *)expected.p, say, arg);
    lv_buffer_free(&expected);
    return err;
}

/* What two settings of ldap say together is checked by the module, when it is opened. */
static int check_auth_ldap(const struct config *config, config_say say, void *arg)
{
    int err = 0;
#define CHECK_TEXT(member, what, check)                                                            \
    if (check_ldap_text(config, CONFIG_##member, config->member, what, check, say, arg) < 0)       \
        err = ERR_INVALID;
#define CHECK_FILE(member)                                                                         \
    if (config_check_readable(config, CONFIG_##member, config->member, say, arg) < 0)              \
        err = ERR_INVALID;
    CHECK_TEXT(auth_ldap_user_dn_pattern, "a pattern", ldap_check_pattern)
    CHECK_TEXT(auth_ldap_user_bind_pattern, "a pattern", ldap_check_pattern)
    CHECK_TEXT(auth_ldap_tag_queries, "[{Tag, Query}, ...]", ldap_check_tag_queries)
    CHECK_TEXT(auth_ldap_vhost_access_query, "a query", ldap_check_query)
    CHECK_TEXT(auth_ldap_resource_access_query, "a query", ldap_check_query)
    CHECK_TEXT(auth_ldap_topic_access_query, "a query", ldap_check_query)
    CHECK_FILE(auth_ldap_cacertfile)
    CHECK_FILE(auth_ldap_certfile)
    CHECK_FILE(auth_ldap_keyfile)
#undef CHECK_TEXT
#undef CHECK_FILE
    return err;
}

static int check_trusted_proxies(const struct config *config, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < config->proxies_trusted.count; i++) {
        struct net_network network;
        if (net_network_parse(config->proxies_trusted.items[i].value, &network))
            continue;
        config_complain_of_entry(config, CONFIG_proxies_trusted, i,
                                 "a numeric address, or a network such as 10.0.0.0/8", say, arg);
        err = ERR_INVALID;
    }
    return err;
}

/* Two listeners on one address would be refused by the kernel, when the broker starts. */
static int check_listeners(const struct config *config, config_say say, void *arg)
{
    const struct config_listeners *l = &config->listeners;
    for (size_t i = 0; i < l->count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (l->items[i].port == 0 || l->items[i].port != l->items[j].port ||
                strcmp(l->items[i].address, l->items[j].address) != 0)
                continue;
            config_complain(config, CONFIG_listeners, "each address and port once", say, arg);
            return ERR_INVALID;
        }
    }
    return 0;
}

/* A remark, since RabbitMQ would wait. */
static int check_linger(const struct config *config, config_say say, void *arg)
{
    const char *origin = config->origins[CONFIG_tcp_linger_s];
    const struct location location = {
        .source = origin ? origin : "default", .say = say, .arg = arg};
    if (config->is_tcp_linger && config->tcp_linger_s > 0)
        config_tell(&location, LOG_WARNING,
                    "tcp_listen_options.linger.on has no effect with a timeout above 0: a closing "
                    "connection is given 3 s to take what is sent, without blocking others");
    return 0;
}

struct unused {
    config_say say;
    void *arg;
};

/* Says what is wrong with settings that nothing uses: that is no reason not to start. */
static void say_of_unused(void *arg, enum log_level level, const char *text)
{
    const struct unused *unused = arg;
    struct lv_buffer line = {0};
    if (level != LOG_ERROR) {
        unused->say(unused->arg, level, text);
        return;
    }
    lv_buffer_printf(&line, "%s (ignored: no auth_backends.N is oauth2)", text);
    unused->say(unused->arg, LOG_WARNING, (const char *)line.p);
    lv_buffer_free(&line);
}

static int check_auth_oauth2(const struct config *config, config_say say, void *arg)
{
    struct oauth2_settings *settings = NULL;
    struct unused unused = {say, arg};
    bool is_used = chain_has(config, "oauth2");
    int err = is_used ? config_oauth2(config, &settings, say, arg)
                      : config_oauth2(config, &settings, say_of_unused, &unused);
    oauth2_settings_unref(&settings);
    return is_used ? err : 0;
}

static int check_tls(const struct config *config, config_say say, void *arg)
{
    int err = 0;
    for (enum config_tls of = 0; of < CONFIG_TLS_COUNT; of++) {
        struct tls_context *context = NULL;
        bool is_same =
            of > 0 && strcmp(config_tls_prefix(config, of), config_tls_prefix(config, 0)) == 0;
        if (!config_wants_tls(config, of) || is_same)
            continue;
        if (config_tls_context(config, of, say, arg, &context) < 0)
            err = ERR_INVALID;
        tls_context_unref(&context);
    }
    return err;
}

static int check_validator(const struct config *config, config_say say, void *arg)
{
    if (config->validator != CONFIG_VALIDATOR_REGEXP || config->validator_regexp[0] != '\0')
        return 0;
    config_complain(config, CONFIG_validator_regexp,
                    "a regular expression, since credential_validator.validation_backend needs one",
                    say, arg);
    return ERR_INVALID;
}

/* Nothing is wrong with either, but whoever has set one of the two expects something of it. */
static int check_anonymous(const struct config *config, config_say say, void *arg)
{
    bool is_listed = false, has_user = !config_is_none(config->anonymous_user);
    for (size_t i = 0; i < config->auth_mechanisms.count; i++)
        is_listed |= strcmp(config->auth_mechanisms.items[i].value, "ANONYMOUS") == 0;
    if (is_listed && (!has_user || config_is_none(config->anonymous_pass)))
        say(arg, LOG_WARNING,
            "auth_mechanisms: ANONYMOUS is not offered, since anonymous_login_user or "
            "anonymous_login_pass is none");
    if (has_user && !is_listed)
        say(arg, LOG_WARNING,
            "anonymous_login_user has no effect: auth_mechanisms.N does not name ANONYMOUS, which "
            "is off by default");
    return 0;
}

static int (*const checks[])(const struct config *config, config_say say, void *arg) = {
    chain_check,
    check_validator,
    check_anonymous,
    check_listeners,
    check_load_definitions,
    check_http_addresses,
    check_prometheus_path,
    check_auth_http,
    check_auth_ldap,
    check_trusted_proxies,
    check_auth_oauth2,
    check_linger,
    check_tls,
    vhost_defaults_check,
    log_config_check,
    statistics_config_check,
};

/* Backends are opened only with settings that the other checks have accepted, so that one fault is
 * reported once. */
int config_check(const struct config *config, config_say say, void *arg)
{
    int err = 0;
    for (size_t i = 0; i < sizeof checks / sizeof *checks; i++)
        if (checks[i](config, say, arg) < 0)
            err = ERR_INVALID;
    return err < 0 ? err : chain_check_backends(config, say, arg);
}
