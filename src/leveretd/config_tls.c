/* From ssl_options.*, management.ssl.* or prometheus.ssl.* to the settings of tls/, and from its
 * reports to the lines of the file. */
#include "leveretd/config_tls.h"

#include <stdlib.h>
#include <string.h>

#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"
#include "leveretd/config_private.h"

/* --- groups of settings ----------------------------------------------------------------------- */

/* What both groups have: the last part of the key, by which tls/ knows a setting, and the name of
 * the member of struct config behind the group's own. */
#define TLS_KEYS(K)                                                                                \
    K("certfile", certfile)                                                                        \
    K("keyfile", keyfile)                                                                          \
    K("password", password)                                                                        \
    K("cacertfile", cacertfile)                                                                    \
    K("verify", verify)                                                                            \
    K("fail_if_no_peer_cert", requires_certificate)                                                \
    K("versions", versions)                                                                        \
    K("ciphers", ciphers)

struct key {
    const char *key;
    enum config_setting setting;
};

static const struct group {
    const char *prefix;
    struct key keys[12];
} groups[CONFIG_TLS_COUNT] = {
#define KEY(text, member) {text, CONFIG_ssl_##member},
    [CONFIG_TLS_AMQP] = {"ssl_options",
                         {TLS_KEYS(KEY){"crlfile", CONFIG_ssl_crlfile},
                          {"crl_check", CONFIG_ssl_crl_check},
                          {"dhfile", CONFIG_ssl_dhfile}}},
#undef KEY
#define KEY(text, member) {text, CONFIG_management_ssl_##member},
    [CONFIG_TLS_MANAGEMENT] = {"management.ssl", {TLS_KEYS(KEY)}},
#undef KEY
#define KEY(text, member) {text, CONFIG_prometheus_ssl_##member},
    [CONFIG_TLS_METRICS] = {"prometheus.ssl", {TLS_KEYS(KEY)}},
#undef KEY
};

static bool has_own_certificate(const struct config *config, enum config_tls of)
{
    switch (of) {
    case CONFIG_TLS_MANAGEMENT: return config->management_ssl_certfile[0] != '\0';
    case CONFIG_TLS_METRICS: return config->prometheus_ssl_certfile[0] != '\0';
    default: return false;
    }
}

/* Returns the group whose settings the listeners use: without a certificate of their own, those of
 * the API and of metrics have that of AMQP. */
static enum config_tls group_used(const struct config *config, enum config_tls of)
{
    return has_own_certificate(config, of) ? of : CONFIG_TLS_AMQP;
}

const char *config_tls_prefix(const struct config *config, enum config_tls of)
{
    return groups[group_used(config, of)].prefix;
}

/* --- reports ---------------------------------------------------------------------------------- */

/* Returns where the setting was set, or NULL. */
static const char *origin_of(const struct config *config, enum config_tls group, const char *key)
{
    for (const struct key *k = groups[group].keys; k->key; k++)
        if (strcmp(k->key, key) == 0)
            return config->origins[k->setting];
    for (size_t i = 0; i < config->ssl_hosts.count && strncmp(key, "sni.", 4) == 0; i++)
        if (strcmp(config->ssl_hosts.items[i].name, key + 4) == 0)
            return config->ssl_hosts.items[i].origin;
    return NULL;
}

struct report {
    const struct config *config;
    enum config_tls group;
    config_say say;
    void *arg;
};

static void report(void *arg, enum log_level level, const char *key, const char *text)
{
    const struct report *r = arg;
    const char *origin = origin_of(r->config, r->group, key);
    const struct location location = {origin ? origin : "default", 0, r->say, r->arg};
    config_tell(&location, level, "%s.%s: %s", groups[r->group].prefix, key, text);
}

/* --- settings --------------------------------------------------------------------------------- */

/* The settings, and the lists that they borrow. */
struct tls_wanted {
    struct tls_settings settings;
    const char **ciphers;
    struct tls_host *hosts;
    char **names;
};

static void wanted_free(struct tls_wanted *w)
{
    for (size_t i = 0; i < w->settings.host_count; i++)
        free(w->names[i]);
    free(w->ciphers);
    free(w->hosts);
    free(w->names);
}

/* Returns the host of that name, which is added if there is none. */
static struct tls_host *host_of(struct tls_wanted *w, const char *name, size_t n)
{
    size_t count = w->settings.host_count;
    for (size_t i = 0; i < count; i++)
        if (strlen(w->names[i]) == n && memcmp(w->names[i], name, n) == 0)
            return &w->hosts[i];
    w->names[count] = slice_strdup(slice_of(name, n));
    w->hosts[count] = (struct tls_host){w->names[count], "", "", ""};
    w->settings.host_count = count + 1;
    return &w->hosts[count];
}

/* Reads the entry "mq.example.com.certfile". Returns false if it is not one of a host. */
static bool host_read(struct tls_wanted *w, const struct config_pair *pair)
{
    const char *dot = strrchr(pair->name, '.');
    bool is_certfile = dot && strcmp(dot, ".certfile") == 0;
    bool is_keyfile = dot && strcmp(dot, ".keyfile") == 0;
    bool is_password = dot && strcmp(dot, ".password") == 0;
    if (dot == pair->name || !(is_certfile || is_keyfile || is_password))
        return false;
    struct tls_host *host = host_of(w, pair->name, (size_t)(dot - pair->name));
    *(is_certfile ? &host->certfile : is_keyfile ? &host->keyfile : &host->password) = pair->value;
    return true;
}

static int hosts_read(struct tls_wanted *w, const struct config *config, config_say say, void *arg)
{
    int err = 0;
    w->hosts = lv_calloc(config->ssl_hosts.count + 1, sizeof *w->hosts);
    w->names = lv_calloc(config->ssl_hosts.count + 1, sizeof *w->names);
    for (size_t i = 0; i < config->ssl_hosts.count; i++) {
        if (host_read(w, &config->ssl_hosts.items[i]))
            continue;
        config_complain_of_entry(config, CONFIG_ssl_hosts, i,
                                 "ssl_options.sni.HOST.certfile, .keyfile or .password", say, arg);
        err = ERR_INVALID;
    }
    w->settings.hosts = w->hosts;
    return err;
}

/* Versions before 1.2 are dropped with a warning. */
static unsigned versions_of(const char *prefix, const struct config_pairs *wanted, config_say say,
                            void *arg)
{
    unsigned versions = 0;
    for (size_t i = 0; i < wanted->count; i++) {
        const struct config_pair *pair = &wanted->items[i];
        const struct location location = {pair->origin ? pair->origin : "default", 0, say, arg};
        if (strcmp(pair->value, "tlsv1.2") == 0)
            versions |= TLS_1_2;
        else if (strcmp(pair->value, "tlsv1.3") == 0)
            versions |= TLS_1_3;
        else
            config_tell(&location, LOG_WARNING,
                        "%s.versions.%s: %s is not supported, because it is not secure", prefix,
                        pair->name, pair->value);
    }
    return versions;
}

static void ciphers_read(struct tls_wanted *w, const struct config_pairs *wanted)
{
    w->ciphers = lv_calloc(wanted->count + 1, sizeof *w->ciphers);
    for (size_t i = 0; i < wanted->count; i++)
        w->ciphers[i] = wanted->items[i].value;
    w->settings.ciphers = w->ciphers;
    w->settings.cipher_count = wanted->count;
}

static int read_amqp(struct tls_wanted *w, const struct config *config, config_say say, void *arg)
{
    w->settings = (struct tls_settings){
        .certfile = config->ssl_certfile,
        .keyfile = config->ssl_keyfile,
        .password = config->ssl_password,
        .cacertfile = config->ssl_cacertfile,
        .crlfile = config->ssl_crlfile,
        .dhfile = config->ssl_dhfile,
        .verifies_peer = config->ssl_verify == CONFIG_VERIFY_PEER,
        .requires_certificate = config->ssl_requires_certificate,
        .depth = (unsigned)config->ssl_depth,
        .versions = versions_of("ssl_options", &config->ssl_versions, say, arg),
        .honors_cipher_order = config->ssl_honors_cipher_order,
        .reuses_sessions = config->ssl_reuses_sessions,
        .crl_check = (enum tls_crl_check)config->ssl_crl_check, /* in the same order */
    };
    ciphers_read(w, &config->ssl_ciphers);
    return hosts_read(w, config, say, arg);
}

/* The settings of CONFIG_SETTINGS_OWN_TLS. */
#define OWN_SETTINGS(config, owner, key)                                                           \
    ((struct tls_settings){                                                                        \
        .certfile = (config)->owner##_ssl_certfile,                                                \
        .keyfile = (config)->owner##_ssl_keyfile,                                                  \
        .password = (config)->owner##_ssl_password,                                                \
        .cacertfile = (config)->owner##_ssl_cacertfile,                                            \
        .crlfile = "",                                                                             \
        .dhfile = "",                                                                              \
        .verifies_peer = (config)->owner##_ssl_verify == CONFIG_VERIFY_PEER,                       \
        .requires_certificate = (config)->owner##_ssl_requires_certificate,                        \
        .depth = (unsigned)(config)->owner##_ssl_depth,                                            \
        .versions = versions_of(key, &(config)->owner##_ssl_versions, say, arg),                   \
        .honors_cipher_order = (config)->owner##_ssl_honors_cipher_order,                          \
        .reuses_sessions = (config)->owner##_ssl_reuses_sessions,                                  \
    })

static void read_management(struct tls_wanted *w, const struct config *config, config_say say,
                            void *arg)
{
    w->settings = OWN_SETTINGS(config, management, "management.ssl");
    ciphers_read(w, &config->management_ssl_ciphers);
}

static void read_metrics(struct tls_wanted *w, const struct config *config, config_say say,
                         void *arg)
{
    w->settings = OWN_SETTINGS(config, prometheus, "prometheus.ssl");
    ciphers_read(w, &config->prometheus_ssl_ciphers);
}

static int wanted_read(struct tls_wanted *w, const struct config *config, enum config_tls group,
                       config_say say, void *arg)
{
    *w = (struct tls_wanted){0};
    switch (group) {
    case CONFIG_TLS_MANAGEMENT: read_management(w, config, say, arg); return 0;
    case CONFIG_TLS_METRICS: read_metrics(w, config, say, arg); return 0;
    default: return read_amqp(w, config, say, arg);
    }
}

/* --- the door --------------------------------------------------------------------------------- */

enum { MANAGEMENT_PORT_DEFAULT = 15671, METRICS_PORT_DEFAULT = 15691 };

/* Returns the port of a listener with TLS: the one that is set, or this default if there is a
 * certificate for it. */
static uint16_t tls_port(const struct config *config, enum config_tls of, int64_t port,
                         uint16_t otherwise)
{
    if (port != CONFIG_NONE)
        return (uint16_t)port;
    return has_own_certificate(config, of) ? otherwise : 0;
}

uint16_t config_management_ssl_port(const struct config *config)
{
    return tls_port(config, CONFIG_TLS_MANAGEMENT, config->management_ssl_port,
                    MANAGEMENT_PORT_DEFAULT);
}

uint16_t config_metrics_ssl_port(const struct config *config)
{
    return tls_port(config, CONFIG_TLS_METRICS, config->prometheus_ssl_port, METRICS_PORT_DEFAULT);
}

uint16_t config_management_port(const struct config *config)
{
    const char *ip_origin = config->origins[CONFIG_management_ip];
    bool is_asked_for =
        config->origins[CONFIG_management_port] || (ip_origin && strcmp(ip_origin, "--bind") != 0);
    if (!is_asked_for && config_management_ssl_port(config) > 0)
        return 0;
    return (uint16_t)config->management_port;
}

bool config_wants_tls(const struct config *config, enum config_tls of)
{
    bool has_management = config_management_ssl_port(config) > 0;
    bool has_metrics = config_metrics_ssl_port(config) > 0;
    switch (of) {
    case CONFIG_TLS_MANAGEMENT: return has_management;
    case CONFIG_TLS_METRICS: return has_metrics;
    default:
        return config->ssl_listeners.count > 0 || config->ssl_certfile[0] != '\0' ||
               (has_management && !has_own_certificate(config, CONFIG_TLS_MANAGEMENT)) ||
               (has_metrics && !has_own_certificate(config, CONFIG_TLS_METRICS));
    }
}

int config_tls_context(const struct config *config, enum config_tls of, config_say say, void *arg,
                       struct tls_context **ret)
{
    enum config_tls group = group_used(config, of);
    struct report r = {config, group, say, arg};
    struct tls_wanted w;
    struct tls_context *context = NULL;
    int hosts_err = wanted_read(&w, config, group, say, arg);
    int err = tls_context_create(&w.settings, report, &r, &context);
    wanted_free(&w);
    if (hosts_err < 0 || err < 0) {
        tls_context_unref(&context);
        return ERR_INVALID;
    }
    *ret = context;
    return 0;
}

/* --- as a client ------------------------------------------------------------------------------ */

static int add_ciphers(const struct config_pairs *wanted, struct tls_ciphers *ciphers,
                       config_say say, void *arg)
{
    int err = 0;
    struct lv_buffer reason = {0};
    for (size_t i = 0; i < wanted->count; i++) {
        const struct config_pair *pair = &wanted->items[i];
        const struct location location = {pair->origin ? pair->origin : "default", 0, say, arg};
        reason.n = 0;
        if (tls_cipher_add(pair->value, ciphers, &reason))
            continue;
        config_tell(&location, LOG_ERROR, "definitions.tls.ciphers.%s: %s", pair->name,
                    (const char *)reason.p);
        err = ERR_INVALID;
    }
    lv_buffer_free(&reason);
    return err;
}

int config_tls_of_definitions(const struct config *config, config_say say, void *arg,
                              struct config_tls_client *ret)
{
    *ret = (struct config_tls_client){
        .versions = versions_of("definitions.tls", &config->definitions_versions, say, arg)};
    int err = add_ciphers(&config->definitions_ciphers, &ret->ciphers, say, arg);
    if (ret->versions != 0)
        return err;
    config_complain(config, CONFIG_definitions_versions, "tlsv1.2 or tlsv1.3 among them", say, arg);
    return ERR_INVALID;
}

void config_tls_stamp(const struct config *config, enum config_tls of, struct lv_buffer *out)
{
    struct tls_wanted w;
    wanted_read(&w, config, group_used(config, of), config_say_nothing, NULL);
    tls_files_stamp(&w.settings, out);
    wanted_free(&w);
}

void config_tls_each_cipher(const struct config *config, bool all, tls_cipher_visit *visit,
                            void *arg)
{
    struct tls_wanted wanted = {0};
    if (read_amqp(&wanted, config, config_say_nothing, NULL) == 0)
        tls_each_cipher(&wanted.settings, all, visit, arg);
    wanted_free(&wanted);
}
