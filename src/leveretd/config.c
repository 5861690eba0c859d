/* The broker's settings: rabbitmq.conf's format, and the table of keys in config.h.
 *
 * The format, line by line (Windows' line ends are fine):
 *   - `key = value`, with or without the spaces; a `#` begins a comment, also behind a value;
 *   - a value that needs a `#` or spaces at its ends stands in single quotes;
 *   - a dot within a name in a key is written `\.`: loopback_users.ann\.smith = true;
 *   - the last line of a key wins.
 *
 * Why not inih, which reads `key = value` too: to it `;` begins a comment and `:` ends a key, a
 * line that begins with a space goes on with the last one's value (so an indented setting would
 * vanish into the one above it), a line has 200 bytes, and it does not say which line a pair came
 * from, which every complaint of ours does. What is left of the work is parse_line() below.
 *
 * Three tables decide what a key means: CONFIG_SETTINGS (config.h), other names of the same
 * settings, and keys of RabbitMQ that do nothing here. */
#include "leveretd/config.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/assert.h"
#include "base/buffer.h"
#include "base/error.h"
#include "base/memory.h"

enum { FILE_BYTES_MAX = 1 << 20 };

enum type {
    TYPE_NUMBER,
    TYPE_NUMBER_OR_NONE,
    TYPE_BYTES,
    TYPE_BYTES_OR_NONE,
    TYPE_BOOL,
    TYPE_RATIO,
    TYPE_STRING,
    TYPE_SECRET,
    TYPE_LEVEL,
    TYPE_LEVEL_OR_NONE,
    TYPE_FLAGS,
    TYPE_LISTENERS,
};

static const struct setting {
    const char *key;
    const char *value;
    int64_t from;
    int64_t to;
    size_t offset;
    enum type type;
    bool is_reloadable;
} settings[] = {
#define CONFIG_ROW(member, key, type, value, reload, from, to, text)                               \
    {key, value, from, to, offsetof(struct config, member), TYPE_##type, reload},
    CONFIG_SETTINGS(CONFIG_ROW)
#undef CONFIG_ROW
};

/* Other names of the same thing, from RabbitMQ's past and present. */
static const struct alias {
    const char *key;
    const char *means;
} aliases[] = {
    {"log.default.level", "log.level"},
    {"max_connections", "connection_max"},
    {"management.listener.port", "management.tcp.port"},
    {"management.listener.ip", "management.tcp.ip"},
    {"management.load_definitions", "load_definitions"},
    {"definitions.local.path", "load_definitions"},
};

/* Keys that RabbitMQ knows and that do nothing here. Whoever set one of the WARNING ones relies
 * on something that is not there. A star stands for any rest. */
static const struct idle_key {
    const char *key;
    enum log_level level;
    const char *why;
} idle_keys[] = {
    {"listeners.ssl*", LOG_WARNING, "TLS comes in a later version; this listener is not opened"},
    {"ssl_*", LOG_WARNING, "TLS comes in a later version"},
    {"management.ssl*", LOG_WARNING, "TLS comes in a later version"},
    {"proxy_protocol", LOG_WARNING, "the PROXY protocol comes in a later version"},
    {"auth_backends.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_mechanisms.*", LOG_WARNING, "the mechanisms are PLAIN and AMQPLAIN"},
    {"auth_http.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_ldap.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_oauth2.*", LOG_WARNING, "users are checked by the internal backend alone"},
    {"auth_cache.*", LOG_INFO, "users are checked in memory"},
    {"credential_validator.*", LOG_WARNING, "any password is taken"},
    {"password_hashing_module", LOG_INFO, "new passwords are hashed with SHA-256"},
    {"trust_store.*", LOG_WARNING, "TLS comes in a later version"},
    {"definitions.*", LOG_WARNING, "load_definitions names a file"},
    {"default_users.*", LOG_WARNING, "one user is made at the first start: default_user"},
    {"default_limits.*", LOG_WARNING, "limits are set for each vhost"},
    {"default_policies.*", LOG_WARNING, "policies are set for each vhost"},
    {"mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"web_mqtt.*", LOG_WARNING, "MQTT comes in a later version"},
    {"stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"web_stomp.*", LOG_WARNING, "STOMP comes in a later version"},
    {"stream.*", LOG_WARNING, "the stream protocol comes in a later version"},
    {"amqp1_0.*", LOG_WARNING, "AMQP 1.0 comes in a later version"},
    {"prometheus.*", LOG_WARNING, "metrics come in a later version"},
    {"management.*", LOG_INFO, "only the port and the address of the API can be chosen"},
    {"management_agent.*", LOG_INFO, "statistics are always collected"},
    {"log.file*", LOG_INFO, "lines go to standard error"},
    {"log.dir", LOG_INFO, "lines go to standard error"},
    {"log.console*", LOG_INFO, "lines go to standard error, as text"},
    {"log.syslog*", LOG_WARNING, "lines go to standard error"},
    {"log.journald*", LOG_INFO, "lines go to standard error"},
    {"log.exchange*", LOG_WARNING, "lines go to standard error"},
    {"log.*", LOG_INFO, "one level holds for every category: log.level"},
    {"tcp_listen_options.*", LOG_INFO, "the kernel's default is used"},
    {"num_acceptors.*", LOG_INFO, "every loop accepts"},
    {"reverse_dns_lookups", LOG_INFO, "peers are named by their addresses"},
    {"cluster_formation.*", LOG_WARNING, "this version runs on one machine"},
    {"cluster_partition_handling*", LOG_INFO, "this version runs on one machine"},
    {"cluster_keepalive_interval", LOG_INFO, "this version runs on one machine"},
    {"cluster_tags.*", LOG_INFO, "this version runs on one machine"},
    {"node_tags.*", LOG_INFO, "this version runs on one machine"},
    {"mirroring_sync_*", LOG_INFO, "this version runs on one machine"},
    {"distribution.*", LOG_INFO, "there is no Erlang distribution"},
    {"net_ticktime", LOG_INFO, "there is no Erlang distribution"},
    {"erlang.*", LOG_INFO, "there is no Erlang"},
    {"sysmon_handler.*", LOG_INFO, "there is no Erlang"},
    {"background_gc_*", LOG_INFO, "there is nothing to collect"},
    {"hipe_compile", LOG_INFO, "there is nothing to compile"},
    {"delegate_count", LOG_INFO, "loops do the work"},
    {"default_worker_pool_size", LOG_INFO, "loops do the work"},
    {"socket_writer.*", LOG_INFO, "there is nothing to collect"},
    {"queue_leader_locator", LOG_INFO, "this version runs on one machine"},
    {"queue_master_locator", LOG_INFO, "this version runs on one machine"},
    {"quorum_queue.*", LOG_INFO, "this version runs on one machine"},
    {"quorum_*", LOG_INFO, "this version runs on one machine"},
    {"raft.*", LOG_INFO, "this version runs on one machine"},
    {"classic_queue.*", LOG_INFO, "there is one kind of store"},
    {"queue_index_embed_msgs_below", LOG_INFO, "there is one kind of store"},
    {"message_store_shutdown_timeout", LOG_INFO, "messages live in memory in this version"},
    {"msg_store_*", LOG_INFO, "messages live in memory in this version"},
    {"mnesia_*", LOG_INFO, "definitions live in SQLite"},
    {"khepri_*", LOG_INFO, "definitions live in SQLite"},
    {"metadata_store.*", LOG_INFO, "definitions live in SQLite"},
    {"collect_statistics*", LOG_INFO, "statistics are always collected"},
    {"total_memory_available_override_value", LOG_INFO, "the machine's memory is taken"},
    {"memory_monitor_interval", LOG_INFO, "memory is looked at all the time"},
    {"vm_memory_calculation_strategy", LOG_INFO, "resident memory is what counts"},
    {"vm_memory_high_watermark_paging_ratio", LOG_INFO, "paging needs no ratio"},
    {"vhost_restart_strategy", LOG_INFO, "a vhost does not fail alone"},
    {"vhost_max", LOG_WARNING, "there is no such limit"},
    {"channel_max_per_node", LOG_WARNING, "there is no such limit"},
    {"session_max_per_connection", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"link_max_per_session", LOG_INFO, "AMQP 1.0 comes in a later version"},
    {"consumer_max_per_channel", LOG_WARNING, "there is no such limit"},
    {"cluster_queue_limit", LOG_WARNING, "there is no such limit"},
    {"cluster_exchange_limit", LOG_WARNING, "there is no such limit"},
    {"ranch_connection_max", LOG_WARNING, "there is no such limit"},
    {"exchange_types.*", LOG_INFO, "every type is there"},
    {"message_interceptors.*", LOG_WARNING, "there are no interceptors"},
    {"event_exchange.protocol", LOG_INFO, "events are always there as AMQP 0-9-1"},
    {"shovel.*", LOG_WARNING, "shovels come in a later version"},
    {"federation.*", LOG_WARNING, "federation comes in a later version"},
    {"deprecated_features.*", LOG_INFO, "everything deprecated is permitted"},
    {"motd_file", LOG_INFO, "there is no message of the day"},
    {"product.*", LOG_INFO, "use server_product and server_version"},
    {"aws.*", LOG_INFO, "this version runs on one machine"},
    {"config_entry_decoder.*", LOG_WARNING, "encrypted values cannot be read"},
};

/* Settings of ours that are read and checked, but that nothing in this version acts on. Whoever
 * makes one act takes its row away. */
static const struct idle_key waiting_keys[] = {
    {"load_definitions", LOG_WARNING, "definitions are imported in a later version"},
    {"connection_max", LOG_WARNING, "there is no such limit"},
    {"management.tcp.*", LOG_INFO, "the management API comes in a later version"},
    {"tcp_listen_options.nodelay", LOG_INFO, "small packets are always sent at once"},
    {"tcp_listen_options.backlog", LOG_INFO, "the kernel may hold 4096 connections"},
    {"tcp_listen_options.keepalive", LOG_INFO, "heartbeats find silent peers"},
    {"tcp_listen_options.sndbuf", LOG_INFO, "the kernel chooses"},
    {"tcp_listen_options.recbuf", LOG_INFO, "the kernel chooses"},
};

/* ---- Saying what is wrong ---- */

struct place {
    const char *name; /* a file, or what stands for one */
    int line;         /* 0: not a file */
    config_say say;
    void *arg;
};

static void tell(const struct place *place, enum log_level level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void tell(const struct place *place, enum log_level level, const char *format, ...)
{
    struct lv_buffer text = {0};
    va_list args;

    lv_buffer_printf(&text, "%s:", place->name);
    if (place->line > 0)
        lv_buffer_printf(&text, "%d:", place->line);
    lv_buffer_add_u8(&text, ' ');
    va_start(args, format);
    lv_buffer_vprintf(&text, format, args);
    va_end(args);
    place->say(place->arg, level, (const char *)text.p);
    lv_buffer_free(&text);
}

void config_say_log(void *arg, enum log_level level, const char *text)
{
    (void)arg;
    log_line(level, "%s", text);
}

/* ---- Values ---- */

static bool is_none(const char *value)
{
    return value[0] == '\0' || strcmp(value, "none") == 0 || strcmp(value, "undefined") == 0 ||
           strcmp(value, "infinity") == 0 || strcmp(value, "false") == 0;
}

static bool read_digits(const char *text, int64_t *ret, const char **ret_end)
{
    int64_t n = 0;
    const char *p = text;

    for (; *p >= '0' && *p <= '9'; p++)
        if (__builtin_mul_overflow(n, 10, &n) || __builtin_add_overflow(n, *p - '0', &n))
            return false;
    *ret = n;
    *ret_end = p;
    return p > text;
}

/* "k", "kb", "kib": the letter says how often, the rest by what. */
static bool read_unit(const char *unit, int64_t *ret)
{
    static const char letters[] = "kmgtp";
    const char *letter;
    int64_t step;

    *ret = 1;
    if (unit[0] == '\0' || strcasecmp(unit, "b") == 0)
        return true;
    letter = strchr(letters, unit[0] | 0x20);
    if (!letter)
        return false;
    if (unit[1] == '\0' || strcasecmp(unit + 1, "ib") == 0)
        step = 1024;
    else if (strcasecmp(unit + 1, "b") == 0)
        step = 1000;
    else
        return false;
    for (const char *p = letters; p <= letter; p++)
        *ret *= step;
    return true;
}

int config_parse_bytes(const char *text, int64_t *ret)
{
    const char *unit;
    int64_t n;
    int64_t factor;

    if (!read_digits(text, &n, &unit))
        return ERR_INVALID;
    while (*unit == ' ')
        unit++;
    if (!read_unit(unit, &factor) || __builtin_mul_overflow(n, factor, &n))
        return ERR_INVALID;
    *ret = n;
    return 0;
}

static bool read_number(const struct setting *s, const char *value, int64_t *ret)
{
    const char *end;
    int64_t n;

    if (s->type == TYPE_NUMBER && strcmp(value, "infinity") == 0) {
        *ret = s->to;
        return true;
    }
    if (!read_digits(value, &n, &end) || *end != '\0' || n < s->from || n > s->to)
        return false;
    *ret = n;
    return true;
}

static bool read_bytes(const struct setting *s, const char *value, int64_t *ret)
{
    int64_t n;

    if (config_parse_bytes(value, &n) < 0 || n < s->from || n > s->to)
        return false;
    *ret = n;
    return true;
}

static bool read_bool(const char *value, bool *ret)
{
    bool is_true = strcmp(value, "true") == 0 || strcmp(value, "on") == 0;

    if (!is_true && strcmp(value, "false") != 0 && strcmp(value, "off") != 0)
        return false;
    *ret = is_true;
    return true;
}

static bool read_ratio(const struct setting *s, const char *value, double *ret)
{
    char *end;
    double ratio;

    if (value[0] != '.' && (value[0] < '0' || value[0] > '9'))
        return false;
    ratio = strtod(value, &end);
    if (*end != '\0' || !isfinite(ratio) || ratio < (double)s->from || ratio > (double)s->to)
        return false;
    *ret = ratio;
    return true;
}

/* RabbitMQ has more levels than we: the nearest is taken. */
static bool read_level(const char *value, int *ret)
{
    enum log_level level;

    if (strcmp(value, "notice") == 0)
        value = "info";
    if (strcmp(value, "alert") == 0 || strcmp(value, "emergency") == 0)
        value = "critical";
    if (!log_level_parse(value, &level))
        return false;
    *ret = (int)level;
    return true;
}

static bool read_string(const char *value, char **ret)
{
    if (strncmp(value, "encrypted:", 10) == 0)
        return false;
    free(*ret);
    *ret = lv_strdup(value);
    return true;
}

/* ---- Lists ---- */

static void flags_clear(struct config_flags *flags)
{
    for (size_t i = 0; i < flags->count; i++)
        free(flags->names[i]);
    free(flags->names);
    *flags = (struct config_flags){0};
}

static void flags_remove(struct config_flags *flags, const char *name)
{
    size_t kept = 0;

    for (size_t i = 0; i < flags->count; i++) {
        if (strcmp(flags->names[i], name) == 0)
            free(flags->names[i]);
        else
            flags->names[kept++] = flags->names[i];
    }
    flags->count = kept;
}

static void flags_add(struct config_flags *flags, const char *name)
{
    flags->names = lv_realloc(flags->names, (flags->count + 1) * sizeof *flags->names);
    flags->names[flags->count++] = lv_strdup(name);
}

static bool read_flag(struct config_flags *flags, const char *name, const char *value)
{
    bool is_true;

    if (!read_bool(value, &is_true))
        return false;
    flags_remove(flags, name);
    if (is_true)
        flags_add(flags, name);
    return true;
}

static void listeners_clear(struct config_listeners *listeners)
{
    for (size_t i = 0; i < listeners->count; i++) {
        free(listeners->items[i].name);
        free(listeners->items[i].address);
    }
    free(listeners->items);
    *listeners = (struct config_listeners){0};
}

/* Takes the address. */
static void listeners_put(struct config_listeners *listeners, const char *name, char *address,
                          uint16_t port)
{
    for (size_t i = 0; i < listeners->count; i++) {
        struct config_listener *l = &listeners->items[i];

        if (strcmp(l->name, name) != 0)
            continue;
        free(l->address);
        l->address = address;
        l->port = port;
        return;
    }
    listeners->items =
        lv_realloc(listeners->items, (listeners->count + 1) * sizeof *listeners->items);
    listeners->items[listeners->count++] = (struct config_listener){lv_strdup(name), address, port};
}

static bool read_port(const char *text, uint16_t *ret)
{
    const char *end;
    int64_t n;

    if (!read_digits(text, &n, &end) || *end != '\0' || n > UINT16_MAX)
        return false;
    *ret = (uint16_t)n;
    return true;
}

/* A numeric address without brackets; "localhost", "auto" and "*" are known by name. NULL: none.
 * The caller owns it. */
static char *read_address(const char *text, size_t n)
{
    uint8_t binary[sizeof(struct in6_addr)];
    char *address;

    if (n >= 2 && text[0] == '[' && text[n - 1] == ']')
        text++, n -= 2;
    address = slice_strdup(slice_of(text, n));
    if (strcmp(address, "localhost") == 0)
        memcpy(address, "127.0.0.1", sizeof "127.0.0.1"); /* as long */
    if (strcmp(address, "*") == 0 || strcmp(address, "auto") == 0)
        address[0] = '\0';
    if (address[0] == '\0' || inet_pton(AF_INET, address, binary) == 1 ||
        inet_pton(AF_INET6, address, binary) == 1)
        return address;
    free(address);
    return NULL;
}

static bool read_listener(struct config_listeners *listeners, const char *name, const char *value)
{
    const char *colon = strrchr(value, ':');
    uint16_t port;
    char *address;

    if (!read_port(colon ? colon + 1 : value, &port))
        return false;
    address = read_address(value, colon ? (size_t)(colon - value) : 0);
    if (!address || (colon && address[0] == '\0' && value[0] == ':')) {
        free(address);
        return false;
    }
    listeners_put(listeners, name, address, port);
    return true;
}

/* ---- Setting one ---- */

static void *member(const struct config *config, const struct setting *s)
{
    return (char *)(uintptr_t)config + s->offset;
}

static bool read_value(struct config *config, const struct setting *s, const char *name,
                       const char *value)
{
    void *m = member(config, s);

    switch (s->type) {
    case TYPE_NUMBER: return read_number(s, value, m);
    case TYPE_BYTES: return read_bytes(s, value, m);
    case TYPE_NUMBER_OR_NONE:
    case TYPE_BYTES_OR_NONE:
        if (is_none(value)) {
            *(int64_t *)m = CONFIG_NONE;
            return true;
        }
        return s->type == TYPE_NUMBER_OR_NONE ? read_number(s, value, m) : read_bytes(s, value, m);
    case TYPE_BOOL: return read_bool(value, m);
    case TYPE_RATIO: return read_ratio(s, value, m);
    case TYPE_STRING:
    case TYPE_SECRET: return read_string(value, m);
    case TYPE_LEVEL: return read_level(value, m);
    case TYPE_LEVEL_OR_NONE:
        if (value[0] == '\0') {
            *(int *)m = CONFIG_NONE;
            return true;
        }
        return read_level(value, m);
    case TYPE_FLAGS: return read_flag(m, name, value);
    case TYPE_LISTENERS: return read_listener(m, name, value);
    }
    lv_unreachable();
}

/* What a value of that setting looks like, for the complaint. */
static void describe_expected(const struct setting *s, struct lv_buffer *out)
{
    switch (s->type) {
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_NONE:
        lv_buffer_printf(out, "a whole number from %lld to %lld", (long long)s->from,
                         (long long)s->to);
        break;
    case TYPE_BYTES:
    case TYPE_BYTES_OR_NONE:
        lv_buffer_printf(out, "a number of bytes from %lld to %lld, as 1000000, 50MB or 2GiB",
                         (long long)s->from, (long long)s->to);
        break;
    case TYPE_BOOL:
    case TYPE_FLAGS: lv_buffer_printf(out, "true or false"); break;
    case TYPE_RATIO:
        lv_buffer_printf(out, "a number from %lld to %lld, as 0.4", (long long)s->from,
                         (long long)s->to);
        break;
    case TYPE_STRING:
    case TYPE_SECRET:
        lv_buffer_printf(out, "a plain text (encrypted values cannot be read)");
        break;
    case TYPE_LEVEL:
    case TYPE_LEVEL_OR_NONE:
        lv_buffer_printf(out, "debug, info, warning, error, critical or none");
        break;
    case TYPE_LISTENERS:
        lv_buffer_printf(out, "a port, as 5672, or a numeric address and a port, as "
                              "127.0.0.1:5672 or [::1]:5672");
        break;
    }
    if (s->type == TYPE_NUMBER_OR_NONE || s->type == TYPE_BYTES_OR_NONE)
        lv_buffer_printf(out, ", or none");
}

static void complain(const struct setting *s, const char *key, const char *value,
                     const struct place *place)
{
    struct lv_buffer expected = {0};

    describe_expected(s, &expected);
    if (s->type == TYPE_SECRET)
        tell(place, LOG_ERROR, "%s: expected %s", key, (const char *)expected.p);
    else
        tell(place, LOG_ERROR, "%s = '%s': expected %s", key, value, (const char *)expected.p);
    lv_buffer_free(&expected);
}

static bool is_list(const struct setting *s)
{
    return s->type == TYPE_FLAGS || s->type == TYPE_LISTENERS;
}

static void clear_list(struct config *config, const struct setting *s)
{
    if (s->type == TYPE_FLAGS)
        flags_clear(member(config, s));
    else
        listeners_clear(member(config, s));
}

/* The name behind a list's key, with `\.` as a plain dot. The caller owns it. */
static char *name_of(const char *text)
{
    char *name = lv_strdup(text);
    char *to = name;

    for (const char *from = name; *from; from++) {
        if (from[0] == '\\' && from[1] != '\0')
            from++;
        *to++ = *from;
    }
    *to = '\0';
    return name;
}

/* `name` is what the star of a list's key stands for; NULL where `list = none` clears it. */
static int set(struct config *config, size_t index, const char *name, const char *key,
               const char *value, const struct place *place)
{
    const struct setting *s = &settings[index];
    char *plain = NULL;
    bool is_good = true;

    if (is_list(s) && (!name || !config->is_set[index]))
        clear_list(config, s);
    config->is_set[index] = true;
    if (is_list(s) && name) {
        plain = name_of(name);
        is_good = read_value(config, s, plain, value);
        free(plain);
    } else if (is_list(s)) {
        is_good = strcmp(value, "none") == 0;
    } else {
        is_good = read_value(config, s, NULL, value);
    }
    if (!is_good)
        complain(s, key, value, place);
    return is_good ? 0 : ERR_INVALID;
}

/* Is it this list's key ("loopback_users.*")? *ret_name is then what stands for the star, or NULL
 * where the key is "loopback_users" alone. */
static bool is_key_of_list(const struct setting *s, const char *key, const char **ret_name)
{
    size_t n = strlen(s->key) - 2; /* without ".*" */

    if (!is_list(s) || strncmp(key, s->key, n) != 0)
        return false;
    if (key[n] == '\0') {
        *ret_name = NULL;
        return true;
    }
    if (key[n] != '.' || key[n + 1] == '\0')
        return false;
    *ret_name = key + n + 1;
    return true;
}

static int set_by_key(struct config *config, const char *key, const char *value,
                      const struct place *place)
{
    const char *name = NULL;

    for (size_t i = 0; i < sizeof aliases / sizeof aliases[0]; i++)
        if (strcmp(aliases[i].key, key) == 0)
            return set_by_key(config, aliases[i].means, value, place);
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        if (strcmp(settings[i].key, key) == 0 || is_key_of_list(&settings[i], key, &name))
            return set(config, i, name, key, value, place);
    return ERR_NOT_FOUND;
}

static bool is_idle_key(const struct idle_key *idle, const char *key)
{
    size_t n = strlen(idle->key);

    if (idle->key[n - 1] == '*')
        return strncmp(key, idle->key, n - 1) == 0;
    return strcmp(key, idle->key) == 0;
}

/* Says that the key is one of these; false when it is none. */
static bool tell_idle(const struct idle_key *keys, size_t count, const char *key,
                      const struct place *place)
{
    for (size_t i = 0; i < count; i++) {
        if (is_idle_key(&keys[i], key)) {
            tell(place, keys[i].level, "%s has no effect: %s", key, keys[i].why);
            return true;
        }
    }
    return false;
}

static void tell_unknown(const char *key, const struct place *place)
{
    if (!tell_idle(idle_keys, sizeof idle_keys / sizeof idle_keys[0], key, place))
        tell(place, LOG_WARNING, "unknown key '%s' is ignored", key);
}

int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg)
{
    const struct place place = {origin, 0, say, arg};

    return set_by_key(config, key, value, &place);
}

int config_set_listener(struct config *config, const char *address, int port, const char *origin,
                        config_say say, void *arg)
{
    const struct place place = {origin, 0, say, arg};
    const struct config_listeners *old = &config->listeners;
    uint16_t chosen_port = old->count ? old->items[0].port : 5672;
    char *chosen = lv_strdup(old->count ? old->items[0].address : "");

    if (address) {
        free(chosen);
        chosen = read_address(address, strlen(address));
    }
    if (!chosen || port > UINT16_MAX) {
        tell(&place, LOG_ERROR,
             "%s: expected a numeric IPv4 or IPv6 address and a port up to 65535",
             address ? address : "");
        free(chosen);
        return ERR_INVALID;
    }
    if (port >= 0)
        chosen_port = (uint16_t)port;
    listeners_clear(&config->listeners);
    listeners_put(&config->listeners, "default", chosen, chosen_port);
    config->is_set[CONFIG_listeners] = true;
    return 0;
}

/* ---- Making and ending ---- */

static void set_default(struct config *config, size_t i)
{
    const struct setting *s = &settings[i];
    bool is_good = read_value(config, s, s->type == TYPE_FLAGS ? s->value : "default",
                              s->type == TYPE_FLAGS ? "true" : s->value);

    lv_assert(is_good);
}

struct config *config_create(void)
{
    struct config *config = lv_calloc(1, sizeof *config);

    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++)
        set_default(config, i);
    return config;
}

void config_free(struct config **config)
{
    if (!*config)
        return;
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        const struct setting *s = &settings[i];

        if (s->type == TYPE_STRING || s->type == TYPE_SECRET)
            free(*(char **)member(*config, s));
        if (is_list(s))
            clear_list(*config, s);
    }
    free((*config)->file);
    free(*config);
    *config = NULL;
}

/* ---- The file ---- */

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t';
}

static struct slice skip(struct slice s, size_t n)
{
    return slice_of(s.p + n, s.n - n);
}

static struct slice skip_spaces(struct slice s)
{
    while (s.n > 0 && is_space(s.p[0]))
        s = skip(s, 1);
    return s;
}

static bool has_controls(struct slice line)
{
    for (size_t i = 0; i < line.n; i++)
        if (line.p[i] < ' ' && line.p[i] != '\t')
            return true;
    return false;
}

static struct slice take_key(struct slice *rest)
{
    size_t n = 0;

    while (n < rest->n && !is_space(rest->p[n]) && rest->p[n] != '=' && rest->p[n] != '#')
        n++;
    *rest = skip(*rest, n);
    return slice_of(rest->p - n, n);
}

/* What stands between quotes, or up to a comment; false when there is nothing of the kind. */
static bool take_value(struct slice rest, struct slice *ret)
{
    const uint8_t *quote;
    size_t n = 0;

    if (rest.n > 0 && rest.p[0] == '\'') {
        quote = memchr(rest.p + 1, '\'', rest.n - 1);
        if (!quote)
            return false;
        *ret = slice_of(rest.p + 1, (size_t)(quote - rest.p) - 1);
        rest = skip_spaces(skip(rest, (size_t)(quote - rest.p) + 1));
        return rest.n == 0 || rest.p[0] == '#';
    }
    while (n < rest.n && rest.p[n] != '#')
        n++;
    while (n > 0 && is_space(rest.p[n - 1]))
        n--;
    *ret = slice_of(rest.p, n);
    return n > 0;
}

static int use_pair(struct config *config, struct slice key, struct slice value,
                    const struct place *place)
{
    char *k = slice_strdup(key);
    char *v = slice_strdup(value);
    int err = set_by_key(config, k, v, place);

    if (err == 0)
        tell_idle(waiting_keys, sizeof waiting_keys / sizeof waiting_keys[0], k, place);
    if (err == ERR_NOT_FOUND) {
        tell_unknown(k, place);
        err = 0;
    }
    free(k);
    free(v);
    return err;
}

static int parse_line(struct config *config, struct slice line, const struct place *place)
{
    struct slice rest = skip_spaces(line);
    struct slice key;
    struct slice value;

    if (rest.n == 0 || rest.p[0] == '#')
        return 0;
    if (has_controls(rest)) {
        tell(place, LOG_ERROR, "a control character in the line");
        return ERR_INVALID;
    }
    key = take_key(&rest);
    rest = skip_spaces(rest);
    if (key.n == 0 || rest.n == 0 || rest.p[0] != '=') {
        tell(place, LOG_ERROR, "expected 'key = value' or '# comment'");
        return ERR_INVALID;
    }
    if (!take_value(skip_spaces(skip(rest, 1)), &value)) {
        tell(place, LOG_ERROR, "expected a value behind '%.*s ='", SLICE_ARG(key));
        return ERR_INVALID;
    }
    return use_pair(config, key, value, place);
}

static struct slice take_line(struct slice *rest)
{
    const uint8_t *end = memchr(rest->p, '\n', rest->n);
    size_t n = end ? (size_t)(end - rest->p) : rest->n;
    struct slice line = slice_of(rest->p, n);

    *rest = skip(*rest, end ? n + 1 : n);
    if (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg)
{
    struct place place = {name, 0, say, arg};
    int err = 0;

    if (slice_begins(text, "\xef\xbb\xbf")) /* a byte order mark, from editors that leave one */
        text = skip(text, 3);
    while (text.n > 0) {
        place.line++;
        if (parse_line(config, take_line(&text), &place) < 0)
            err = ERR_INVALID;
    }
    return err;
}

static int read_whole(const char *path, struct lv_buffer *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = 1;
    int err = fd < 0 ? lv_error_from_errno(errno) : 0;

    while (err == 0 && n > 0) {
        n = read(fd, lv_buffer_reserve(out, 4096), 4096);
        if (n < 0)
            err = lv_error_from_errno(errno);
        else
            out->n += (size_t)n;
        if (out->n > FILE_BYTES_MAX)
            err = ERR_TOO_LARGE;
    }
    if (fd >= 0)
        close(fd);
    return err;
}

int config_read_file(struct config *config, const char *path, config_say say, void *arg)
{
    struct lv_buffer text = {0};
    int err = read_whole(path, &text);

    if (err == 0) {
        err = config_parse(config, lv_buffer_slice(&text), path, say, arg);
        free(config->file);
        config->file = lv_strdup(path);
    }
    lv_buffer_free(&text);
    return err;
}

/* ---- The environment ---- */

static const struct variable {
    const char *name;
    const char *file_name; /* NULL: none */
    const char *key;
} variables[] = {
    {"RABBITMQ_DEFAULT_USER", "RABBITMQ_DEFAULT_USER_FILE", "default_user"},
    {"RABBITMQ_DEFAULT_PASS", "RABBITMQ_DEFAULT_PASS_FILE", "default_pass"},
    {"RABBITMQ_DEFAULT_VHOST", "RABBITMQ_DEFAULT_VHOST_FILE", "default_vhost"},
    {"LEVERET_DATA_DIR", NULL, "data_dir"},
};

/* A secret mounted as a file: its first line. */
static int apply_variable_file(struct config *config, const struct variable *v, const char *path,
                               config_say say, void *arg)
{
    const struct place place = {v->file_name, 0, say, arg};
    struct lv_buffer text = {0};
    int err = read_whole(path, &text);
    struct slice rest = lv_buffer_slice(&text);
    char *value = NULL;

    if (err < 0) {
        tell(&place, LOG_ERROR, "cannot read %s: %s", path, lv_error_text(err));
        err = ERR_INVALID;
    } else {
        value = rest.n ? slice_strdup(take_line(&rest)) : lv_strdup("");
        err = config_set(config, v->key, value, v->file_name, say, arg);
    }
    free(value);
    lv_buffer_free(&text);
    return err;
}

static int apply_variable(struct config *config, const struct variable *v, config_getenv get,
                          config_say say, void *arg)
{
    const char *value = get(v->name);
    const char *path = v->file_name ? get(v->file_name) : NULL;

    if (value && value[0] != '\0')
        return config_set(config, v->key, value, v->name, say, arg);
    if (path && path[0] != '\0')
        return apply_variable_file(config, v, path, say, arg);
    return 0;
}

static int apply_node_address(struct config *config, config_getenv get, config_say say, void *arg)
{
    const struct place place = {"RABBITMQ_NODE_PORT", 0, say, arg};
    const char *address = get("RABBITMQ_NODE_IP_ADDRESS");
    const char *port_text = get("RABBITMQ_NODE_PORT");
    bool has_address = address && address[0] != '\0';
    bool has_port = port_text && port_text[0] != '\0';
    uint16_t port = 0;

    if (!has_address && !has_port)
        return 0;
    if (has_port && !read_port(port_text, &port)) {
        tell(&place, LOG_ERROR, "'%s': expected a port from 0 to 65535", port_text);
        return ERR_INVALID;
    }
    return config_set_listener(config, has_address ? address : NULL, has_port ? port : -1,
                               has_address ? "RABBITMQ_NODE_IP_ADDRESS" : "RABBITMQ_NODE_PORT", say,
                               arg);
}

int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg)
{
    int err = 0;

    for (size_t i = 0; i < sizeof variables / sizeof variables[0]; i++)
        if (apply_variable(config, &variables[i], get, say, arg) < 0)
            err = ERR_INVALID;
    if (apply_node_address(config, get, say, arg) < 0)
        err = ERR_INVALID;
    return err;
}

/* ---- Values as text ---- */

static void print_number(const struct setting *s, int64_t n, struct lv_buffer *out)
{
    bool can_be_none = s->type == TYPE_NUMBER_OR_NONE || s->type == TYPE_BYTES_OR_NONE;

    if (can_be_none && n == CONFIG_NONE)
        lv_buffer_printf(out, "none");
    else
        lv_buffer_printf(out, "%lld", (long long)n);
}

static void print_level(int level, struct lv_buffer *out)
{
    static const char *const names[] = {
#define LEVEL_NAME(id, text) [id] = text,
        LOG_LEVELS(LEVEL_NAME)
#undef LEVEL_NAME
    };

    if (level != CONFIG_NONE)
        lv_buffer_printf(out, "%s", names[level]);
}

static void print_flags(const struct config_flags *flags, struct lv_buffer *out)
{
    for (size_t i = 0; i < flags->count; i++)
        lv_buffer_printf(out, "%s%s", i ? " " : "", flags->names[i]);
    if (flags->count == 0)
        lv_buffer_printf(out, "none");
}

static void print_listeners(const struct config_listeners *listeners, struct lv_buffer *out)
{
    for (size_t i = 0; i < listeners->count; i++) {
        const struct config_listener *l = &listeners->items[i];

        lv_buffer_printf(out, "%s", i ? " " : "");
        if (l->address[0] == '\0')
            lv_buffer_printf(out, "%u", l->port);
        else if (strchr(l->address, ':'))
            lv_buffer_printf(out, "[%s]:%u", l->address, l->port);
        else
            lv_buffer_printf(out, "%s:%u", l->address, l->port);
    }
    if (listeners->count == 0)
        lv_buffer_printf(out, "none");
}

static void print_value(const struct config *config, const struct setting *s, struct lv_buffer *out)
{
    const void *m = member(config, s);

    switch (s->type) {
    case TYPE_NUMBER:
    case TYPE_NUMBER_OR_NONE:
    case TYPE_BYTES:
    case TYPE_BYTES_OR_NONE: print_number(s, *(const int64_t *)m, out); return;
    case TYPE_BOOL: lv_buffer_printf(out, "%s", *(const bool *)m ? "true" : "false"); return;
    case TYPE_RATIO: lv_buffer_printf(out, "%g", *(const double *)m); return;
    case TYPE_STRING:
    case TYPE_SECRET: lv_buffer_printf(out, "%s", *(char *const *)m); return;
    case TYPE_LEVEL:
    case TYPE_LEVEL_OR_NONE: print_level(*(const int *)m, out); return;
    case TYPE_FLAGS: print_flags(m, out); return;
    case TYPE_LISTENERS: print_listeners(m, out); return;
    }
    lv_unreachable();
}

/* The caller owns it. */
static char *value_text(const struct config *config, const struct setting *s)
{
    struct lv_buffer out = {0};
    char *text;

    print_value(config, s, &out);
    text = slice_strdup(lv_buffer_slice(&out));
    lv_buffer_free(&out);
    return text;
}

void config_print(const struct config *config, struct lv_buffer *out)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        lv_buffer_printf(out, "%s = ", settings[i].key);
        if (settings[i].type == TYPE_SECRET)
            lv_buffer_printf(out, "(hidden)");
        else
            print_value(config, &settings[i], out);
        lv_buffer_printf(out, "\n");
    }
}

static void compare_one(const struct setting *s, const char *old, const char *fresh,
                        config_difference visit, void *arg)
{
    if (strcmp(old, fresh) == 0)
        return;
    if (s->type == TYPE_SECRET)
        old = fresh = "(hidden)";
    visit(arg, s->key, s->is_reloadable, old, fresh);
}

void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg)
{
    for (size_t i = 0; i < CONFIG_SETTING_COUNT; i++) {
        char *a = value_text(old, &settings[i]);
        char *b = value_text(fresh, &settings[i]);

        compare_one(&settings[i], a, b, visit, arg);
        free(a);
        free(b);
    }
}

enum log_level config_log_level(const struct config *config)
{
    if (config->log_console_level != CONFIG_NONE)
        return (enum log_level)config->log_console_level;
    return (enum log_level)config->log_level;
}
