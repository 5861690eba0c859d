/* The broker's settings: one table of keys, and the values they are set to.
 *
 * A value comes from the default, the config file (in the format of rabbitmq.conf), the environment
 * or the command line; the last of these that sets a key wins. */
#ifndef LEVERET_LEVERETD_CONFIG_H
#define LEVERET_LEVERETD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"

/* The words of each ENUM. A value is the index of its word. */
#define CONFIG_WORDS(W)                                                                            \
    W(CONFIG_DURABILITIES, "sync", "interval", "none")                                             \
    W(CONFIG_QUEUE_TYPES, "classic", "quorum")                                                     \
    W(CONFIG_X_DEATHS, "count", "ignore")

enum config_words {
#define CONFIG_WORDS_ENUM(name, ...) name,
    CONFIG_WORDS(CONFIG_WORDS_ENUM)
#undef CONFIG_WORDS_ENUM
};

enum { CONFIG_DURABILITY_SYNC, CONFIG_DURABILITY_INTERVAL, CONFIG_DURABILITY_NONE };
enum { CONFIG_X_DEATH_COUNT, CONFIG_X_DEATH_IGNORE };

/* Every key that has an effect. docs/configuration.md repeats the table for operators; a test
 * compares the two. A default is written as in the file ("" = none).
 *
 *        member      key      type      default      reload: takes effect at SIGHUP
 *                    from, to: bounds of a number, or of a string's length in bytes (0, 0: any);
 *                              for an ENUM, `from` is its list of words
 *                    description for the operator */
#define CONFIG_SETTINGS(S)                                                                         \
    S(heartbeat_s, "heartbeat", NUMBER, "60", true, 0, 65535,                                      \
      "Heartbeat interval in seconds proposed in connection.tune; a peer that sends nothing for "  \
      "two to three intervals is disconnected; 0 disables heartbeats.")                            \
    S(frame_bytes_max, "frame_max", NUMBER_OR_ZERO, "131072", true, 4096, INT32_MAX,               \
      "Largest frame in bytes proposed in connection.tune; 0 means no limit.")                     \
    S(initial_frame_bytes_max, "initial_frame_max", NUMBER, "4096", true, 4096, INT32_MAX,         \
      "Largest frame in bytes accepted before the connection is tuned.")                           \
    S(channel_max, "channel_max", NUMBER, "2047", true, 0, 65535,                                  \
      "Highest channel number proposed in connection.tune; 0 means no limit.")                     \
    S(handshake_timeout_ms, "handshake_timeout", NUMBER, "10000", true, 1, INT32_MAX,              \
      "Milliseconds within which a new connection must log in and open its vhost.")                \
    S(message_bytes_max, "max_message_size", BYTES, "134217728", true, 1, 536870912,               \
      "Largest message body, in bytes or with a unit.")                                            \
    S(consumer_timeout_ms, "consumer_timeout", NUMBER_OR_NONE, "", true, 1, INT64_MAX,             \
      "Milliseconds a delivery may stay unacknowledged before its consumer is cancelled, unless "  \
      "the consumer or its queue has x-consumer-timeout; none (also: undefined, false) means no "  \
      "timeout.")                                                                                  \
    S(is_queue_type_relaxed, "quorum_queue.property_equivalence.relaxed_checks_on_redeclaration",  \
      BOOL, "true", true, 0, 0,                                                                    \
      "Whether a queue may be declared again with another x-queue-type, or without one.")          \
    S(qos_reaches_running, "qos_for_running_consumers", BOOL, "false", true, 0, 0,                 \
      "Whether basic.qos without global also applies to the channel's existing consumers.")        \
    S(connection_max, "connection_max", NUMBER_OR_NONE, "", true, 0, INT32_MAX,                    \
      "Connections open at a time in all vhosts; none (also: infinity) means no limit.")           \
    S(default_queue_type, "default_queue_type", ENUM, "classic", true, CONFIG_QUEUE_TYPES, 0,      \
      "Type of a queue declared without x-queue-type in a vhost that has no default type: "        \
      "classic or quorum.")                                                                        \
    S(republished_x_death, "dead_letter.republished_x_death", ENUM, "count", true,                 \
      CONFIG_X_DEATHS, 0,                                                                          \
      "What happens to the header x-death of a message that a client publishes: count keeps its "  \
      "entries, so they count on when the message is dead-lettered again, as in RabbitMQ up to "   \
      "3.12; ignore removes the header, so counting starts anew, as in RabbitMQ 4.")               \
    S(default_user, "default_user", STRING, "guest", false, 1, 255,                                \
      "User created at the first start.")                                                          \
    S(default_pass, "default_pass", SECRET, "guest", false, 0, 0, "Password of that user.")        \
    S(default_vhost, "default_vhost", STRING, "/", false, 1, 255,                                  \
      "Vhost created together with that user.")                                                    \
    S(default_configure, "default_permissions.configure", PATTERN, ".*", false, 0, 0,              \
      "Configure permission of that user in that vhost, a regular expression.")                    \
    S(default_write, "default_permissions.write", PATTERN, ".*", false, 0, 0,                      \
      "Write permission of that user in that vhost, a regular expression.")                        \
    S(default_read, "default_permissions.read", PATTERN, ".*", false, 0, 0,                        \
      "Read permission of that user in that vhost, a regular expression.")                         \
    S(default_user_tags, "default_user_tags.*", FLAGS, "administrator", false, 0, 0,               \
      "default_user_tags.TAG = true gives that user the tag; the first such line replaces the "    \
      "default.")                                                                                  \
    S(loopback_users, "loopback_users.*", FLAGS, "guest", true, 0, 0,                              \
      "loopback_users.NAME = true restricts the user to connections from this host; "              \
      "loopback_users = none restricts nobody.")                                                   \
    S(listeners, "listeners.tcp.*", LISTENERS, "5672", false, 0, CONFIG_LISTENERS_MAX,             \
      "listeners.tcp.NAME = PORT or ADDRESS:PORT or [IPV6]:PORT; listeners.tcp = none disables "   \
      "AMQP over plain TCP.")                                                                      \
    S(tcp_backlog, "tcp_listen_options.backlog", NUMBER, "4096", true, 1, 65535,                   \
      "Connections that the kernel queues until they are accepted, up to its own limit.")          \
    S(is_tcp_nodelay, "tcp_listen_options.nodelay", BOOL, "true", true, 0, 0,                      \
      "Whether small packets are sent at once (TCP_NODELAY).")                                     \
    S(is_tcp_keepalive, "tcp_listen_options.keepalive", BOOL, "false", true, 0, 0,                 \
      "Whether the kernel probes idle connections (SO_KEEPALIVE).")                                \
    S(send_timeout_ms, "tcp_listen_options.send_timeout", NUMBER, "15000", true, 0, 86400000,      \
      "Milliseconds after which a client that reads nothing of what it is sent is disconnected; "  \
      "0 disables the timeout. Applies to new connections.")                                       \
    S(tcp_sndbuf_bytes, "tcp_listen_options.sndbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's send buffer of a connection, in bytes or with a unit; none leaves it to the "  \
      "kernel.")                                                                                   \
    S(tcp_recbuf_bytes, "tcp_listen_options.recbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's receive buffer of a connection, in bytes or with a unit; none leaves it to "   \
      "the kernel.")                                                                               \
    S(management_ip, "management.tcp.ip", STRING, "", false, 0, 0,                                 \
      "Address on which the management API listens; none means every address.")                    \
    S(management_port, "management.tcp.port", NUMBER, "15672", false, 0, 65535,                    \
      "Port of the management API; 0 disables the API.")                                           \
    S(memory_relative, "vm_memory_high_watermark.relative", RATIO, "0.6", true, 0, 1,              \
      "Share of the machine's memory above which publishers are blocked.")                         \
    S(memory_bytes, "vm_memory_high_watermark.absolute", BYTES_OR_NONE, "", true, 0, INT64_MAX,    \
      "The same limit in bytes or with a unit; if it is set, the relative limit is ignored.")      \
    S(disk_free_bytes, "disk_free_limit.absolute", BYTES, "50MB", true, 0, INT64_MAX,              \
      "Free space in the data directory's file system below which publishers are blocked; they "   \
      "are also blocked if the log's next file (16 MiB) would leave less.")                        \
    S(disk_free_relative, "disk_free_limit.relative", RATIO, "0", true, 0, 1000,                   \
      "The same limit as a multiple of the machine's memory; if it is above 0, the absolute "      \
      "limit is ignored.")                                                                         \
    S(log_level, "log.level", LEVEL, "info", true, 0, 0,                                           \
      "Lowest level that is logged: debug, info, warning, error, critical, none.")                 \
    S(log_console_level, "log.console.level", LEVEL_OR_NONE, "", true, 0, 0,                       \
      "The same for standard error only; if it is set, log.level is ignored.")                     \
    S(cluster_name, "cluster_name", STRING, "", false, 0, 255,                                     \
      "Name in server-properties and on the overview page; none means leveret@HOST.")              \
    S(event_exchange_vhost, "event_exchange.vhost", STRING, "", false, 0, 255,                     \
      "Vhost of the exchange amq.rabbitmq.event, where events are published; none means "          \
      "default_vhost. A vhost named here must exist at the start.")                                \
    S(load_definitions, "load_definitions", STRING, "", false, 0, 0,                               \
      "Definitions file to import at the start.")                                                  \
    S(loops, "loops", NUMBER, "0", false, 0, 64,                                                   \
      "Threads that serve connections and queues; 0 means one per CPU.")                           \
    S(data_dir, "data_dir", STRING, "", false, 0, 0,                                               \
      "Directory of the broker's files; none means /var/lib/leveret if it is writable, else "      \
      "$XDG_STATE_HOME/leveret, else ~/.local/state/leveret.")                                     \
    S(durability, "durability", ENUM, "sync", false, CONFIG_DURABILITIES, 0,                       \
      "When a persistent message counts as stored: sync, when it is on disk; interval, when it "   \
      "is written, so a power cut may lose what came since the last sync; none, when it is "       \
      "written, and nothing is ever synced. With any of them, killing the broker loses nothing.")  \
    S(durability_interval_ms, "durability_interval", NUMBER, "100", false, 1, 60000,               \
      "Milliseconds between two syncs with durability = interval.")                                \
    S(server_product, "server_product", STRING, "RabbitMQ", true, 0, 0,                            \
      "Product in server-properties; some clients choose their behaviour by it.")                  \
    S(server_version, "server_version", STRING, "3.13.7", true, 0, 0,                              \
      "Version in server-properties, next to leveret_version.")

enum config_setting {
#define CONFIG_ENUM(member, key, type, value, reload, from, to, text) CONFIG_##member,
    CONFIG_SETTINGS(CONFIG_ENUM)
#undef CONFIG_ENUM
        CONFIG_SETTING_COUNT
};

enum { CONFIG_NONE = -1 }; /* the value of a number that is set to none */
enum { CONFIG_LISTENERS_MAX = 64 };

struct config_listener {
    char *name;    /* "default" ... */
    char *address; /* numeric, IPv4 or IPv6 without brackets; empty: every address of the host */
    uint16_t port;
};

struct config_listeners {
    struct config_listener *items;
    size_t count;
};

struct config_flags {
    char **names; /* of the flags set to true, in the order of the file */
    size_t count;
};

typedef int64_t config_NUMBER;
typedef int64_t config_NUMBER_OR_NONE; /* may be CONFIG_NONE */
typedef int64_t config_BYTES;
typedef int64_t config_BYTES_OR_NONE;  /* may be CONFIG_NONE */
typedef int64_t config_NUMBER_OR_ZERO; /* 0, or within its bounds */
typedef int config_ENUM;               /* index of its word, from 0 */
typedef bool config_BOOL;
typedef double config_RATIO;
typedef char *config_STRING;      /* never NULL */
typedef char *config_SECRET;      /* never NULL; never logged */
typedef char *config_PATTERN;     /* never NULL; a regular expression that compiles */
typedef int config_LEVEL;         /* enum log_level */
typedef int config_LEVEL_OR_NONE; /* enum log_level, or CONFIG_NONE */
typedef struct config_flags config_FLAGS;
typedef struct config_listeners config_LISTENERS;

/* The members are read directly; the config owns all memory behind them. A config is not changed
 * after it has been loaded: a reload creates a new one. */
struct config {
#define CONFIG_MEMBER(member, key, type, value, reload, from, to, text) config_##type member;
    CONFIG_SETTINGS(CONFIG_MEMBER)
#undef CONFIG_MEMBER
    char *file;                          /* the config file that was read; NULL: none */
    char *origins[CONFIG_SETTING_COUNT]; /* "FILE:LINE", "--port" ...; NULL: the default */
};

/* Returns the word of an ENUM's value, which must be one of `words`. A static string. */
const char *config_word(enum config_words words, int value);

/* Reports one line about the config: an error (the broker does not start), a warning or a remark.
 * The text is borrowed for the call and ends without a newline. */
typedef void (*config_say)(void *arg, enum log_level level, const char *text);
/* A config_say that logs the line. */
void config_say_log(void *arg, enum log_level level, const char *text);

/* Reports as an error that a setting's value, although well formed, cannot be used, and where it
 * was set. `expected` says which values can be. */
void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg);

/* Returns a config with every default. The caller owns it. */
struct config *config_create(void);
/* Clears the pointer. NULL is fine. */
void config_free(struct config **config);

/* Reads the text of a config file; lines about it begin with `name`. An unknown key is reported as
 * a warning, a known one without effect as a warning or a remark. A bad value, or a line that is
 * not a setting, is an error: all of them are reported, then ERR_INVALID is returned. Pure. */
int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg);

/* Reads a config file like config_parse(). If the file cannot be read, returns the reason
 * (ERR_NOT_FOUND ...) and reports nothing. Blocks. */
int config_read_file(struct config *config, const char *path, config_say say, void *arg);

/* Sets one key, as a line of a file would. `origin` takes the place of file and line in reports:
 * "--port", "RABBITMQ_DEFAULT_USER". Returns ERR_INVALID after reporting a bad value, or
 * ERR_NOT_FOUND, unreported, if there is no such key. */
int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg);

/* Replaces the AMQP listeners with a single one. `address` NULL or `port` -1 keeps that of the
 * first listener, or the default if there is none; else the port is from 0 to 65535. Returns
 * ERR_INVALID after reporting an address that is not numeric. */
int config_set_listener(struct config *config, const char *address, int port, const char *origin,
                        config_say say, void *arg);

/* Applies RABBITMQ_DEFAULT_USER, _PASS and _VHOST (or, from RABBITMQ_DEFAULT_USER_FILE ..., the
 * name of a file that contains the value), RABBITMQ_NODE_IP_ADDRESS, RABBITMQ_NODE_PORT and
 * LEVERET_DATA_DIR. Returns ERR_INVALID after reporting every error. `get` is getenv(), or a
 * test's. */
typedef const char *(*config_getenv)(const char *name);
int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg);

/* Calls `visit` for each key whose values differ, with both values as text; those of a SECRET are
 * "(hidden)". */
typedef void (*config_difference)(void *arg, const char *key, bool is_reloadable, const char *old,
                                  const char *fresh);
void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg);

/* Appends "key = value\n" for each key, with the value as a file would have it; that of a SECRET is
 * "(hidden)". */
struct lv_buffer;
void config_print(const struct config *config, struct lv_buffer *out);

/* Returns the level for standard error: log.console.level if it is set, else log.level. */
enum log_level config_log_level(const struct config *config);

/* Parses a size such as "50MB", "2GiB" or "1048576", in upper or lower case: k, m, g, t, kib, mib
 * ... are powers of 1024, kb, mb ... of 1000. Returns ERR_INVALID if it is not one, with *ret
 * unchanged. */
int config_parse_bytes(const char *text, int64_t *ret);

#endif
