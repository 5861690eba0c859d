/* The broker's settings: one table of keys, and what they are set to.
 *
 * A value comes from, the later winning: the default, the config file (RabbitMQ's rabbitmq.conf
 * format), the environment, the command line. */
#ifndef LEVERET_LEVERETD_CONFIG_H
#define LEVERET_LEVERETD_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/log.h"
#include "base/slice.h"

/* The words of each ENUM; its values are their places. */
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

/* Every key that does something: docs/configuration.md says the same to the operator, and a test
 * holds the two together. A default is written as the file would have it ("" = none).
 *
 *        member                        key                                   type       default
 *                                      reload (taken over at SIGHUP)
 *                                      from, to (numbers; a text's bytes; an ENUM's words)
 *                                      what it is                                                */
#define CONFIG_SETTINGS(S)                                                                         \
    S(heartbeat_s, "heartbeat", NUMBER, "60", true, 0, 65535,                                      \
      "The heartbeat in seconds that connection.tune offers; a peer of which nothing comes for "   \
      "two to three of them is closed; 0 is none.")                                                \
    S(frame_bytes_max, "frame_max", NUMBER_OR_ZERO, "131072", true, 4096, INT32_MAX,               \
      "The largest frame in bytes that connection.tune offers; 0 is no limit.")                    \
    S(initial_frame_bytes_max, "initial_frame_max", NUMBER, "4096", true, 4096, INT32_MAX,         \
      "The largest frame in bytes that is taken before the connection is tuned.")                  \
    S(channel_max, "channel_max", NUMBER, "2047", true, 0, 65535,                                  \
      "The highest channel number that connection.tune offers; 0 is no limit.")                    \
    S(handshake_timeout_ms, "handshake_timeout", NUMBER, "10000", true, 1, INT32_MAX,              \
      "Milliseconds a new connection has to say who it is and to open its vhost.")                 \
    S(message_bytes_max, "max_message_size", BYTES, "134217728", true, 1, 536870912,               \
      "The largest message body in bytes (or with a unit).")                                       \
    S(consumer_timeout_ms, "consumer_timeout", NUMBER_OR_NONE, "", true, 1, INT64_MAX,             \
      "Milliseconds a delivery may stay unacknowledged, where neither the consumer nor its queue " \
      "has an x-consumer-timeout: then the consumer is cancelled; none (also: undefined, false) "  \
      "is for ever.")                                                                              \
    S(is_queue_type_relaxed, "quorum_queue.property_equivalence.relaxed_checks_on_redeclaration",  \
      BOOL, "true", true, 0, 0,                                                                    \
      "A queue may be declared again with another x-queue-type, or none, than it has.")            \
    S(qos_reaches_running, "qos_for_running_consumers", BOOL, "false", true, 0, 0,                 \
      "basic.qos without global holds for the channel's running consumers too.")                   \
    S(connection_max, "connection_max", NUMBER_OR_NONE, "", true, 0, INT32_MAX,                    \
      "Connections in all vhosts at a time; none (also: infinity) is no limit.")                   \
    S(default_queue_type, "default_queue_type", ENUM, "classic", true, CONFIG_QUEUE_TYPES, 0,      \
      "The type of a queue declared without x-queue-type in a vhost that names none: classic or "  \
      "quorum.")                                                                                   \
    S(republished_x_death, "dead_letter.republished_x_death", ENUM, "count", true,                 \
      CONFIG_X_DEATHS, 0,                                                                          \
      "The header x-death of a message that a client publishes: count, its entries count on when " \
      "it dies again, as in RabbitMQ up to 3.12; ignore, it is taken away, so that counting "      \
      "begins anew, as in RabbitMQ 4.")                                                            \
    S(default_user, "default_user", STRING, "guest", false, 1, 255,                                \
      "The user that is made at the first start.")                                                 \
    S(default_pass, "default_pass", SECRET, "guest", false, 0, 0, "That user's password.")         \
    S(default_vhost, "default_vhost", STRING, "/", false, 1, 255,                                  \
      "The vhost that is made with that user.")                                                    \
    S(default_configure, "default_permissions.configure", PATTERN, ".*", false, 0, 0,              \
      "That user's configure permission in that vhost, a regular expression.")                     \
    S(default_write, "default_permissions.write", PATTERN, ".*", false, 0, 0,                      \
      "That user's write permission.")                                                             \
    S(default_read, "default_permissions.read", PATTERN, ".*", false, 0, 0,                        \
      "That user's read permission.")                                                              \
    S(default_user_tags, "default_user_tags.*", FLAGS, "administrator", false, 0, 0,               \
      "default_user_tags.TAG = true gives that user the tag; the first such line replaces the "    \
      "default.")                                                                                  \
    S(loopback_users, "loopback_users.*", FLAGS, "guest", true, 0, 0,                              \
      "loopback_users.NAME = true confines the user to connections from this machine; "            \
      "loopback_users = none confines nobody.")                                                    \
    S(listeners, "listeners.tcp.*", LISTENERS, "5672", false, 0, CONFIG_LISTENERS_MAX,             \
      "listeners.tcp.NAME = PORT or ADDRESS:PORT or [IPV6]:PORT; listeners.tcp = none is no AMQP " \
      "over plain TCP.")                                                                           \
    S(tcp_backlog, "tcp_listen_options.backlog", NUMBER, "4096", true, 1, 65535,                   \
      "Connections the kernel holds until they are accepted, up to its own limit.")                \
    S(is_tcp_nodelay, "tcp_listen_options.nodelay", BOOL, "true", true, 0, 0,                      \
      "Send small packets at once.")                                                               \
    S(is_tcp_keepalive, "tcp_listen_options.keepalive", BOOL, "false", true, 0, 0,                 \
      "Have the kernel probe silent connections.")                                                 \
    S(send_timeout_ms, "tcp_listen_options.send_timeout", NUMBER, "15000", true, 0, 86400000,      \
      "Milliseconds until a client that takes nothing of what it is sent is cut off; 0 is never. " \
      "Holds for new connections.")                                                                \
    S(tcp_sndbuf_bytes, "tcp_listen_options.sndbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's send buffer of a connection; none is the kernel's choice.")                    \
    S(tcp_recbuf_bytes, "tcp_listen_options.recbuf", BYTES_OR_NONE, "", true, 1, INT32_MAX,        \
      "The kernel's receive buffer of a connection; none is the kernel's choice.")                 \
    S(management_ip, "management.tcp.ip", STRING, "", false, 0, 0,                                 \
      "The address the management API listens on; none is every address.")                         \
    S(management_port, "management.tcp.port", NUMBER, "15672", false, 0, 65535,                    \
      "The port of the management API; 0 is no API.")                                              \
    S(memory_relative, "vm_memory_high_watermark.relative", RATIO, "0.6", true, 0, 1,              \
      "The part of the machine's memory above which publishers are held up.")                      \
    S(memory_bytes, "vm_memory_high_watermark.absolute", BYTES_OR_NONE, "", true, 0, INT64_MAX,    \
      "The same in bytes; where it is set, the relative one is not looked at.")                    \
    S(disk_free_bytes, "disk_free_limit.absolute", BYTES, "50MB", true, 0, INT64_MAX,              \
      "Free space of the data directory's file system below which publishers are held up. They "   \
      "are held up, too, when the log's next file (16 MiB) would leave less.")                     \
    S(disk_free_relative, "disk_free_limit.relative", RATIO, "0", true, 0, 1000,                   \
      "The same as a multiple of the machine's memory; where it is above 0, the absolute one is "  \
      "not looked at.")                                                                            \
    S(log_level, "log.level", LEVEL, "info", true, 0, 0,                                           \
      "The least serious lines that are logged: debug, info, warning, error, critical, none.")     \
    S(log_console_level, "log.console.level", LEVEL_OR_NONE, "", true, 0, 0,                       \
      "The same for standard error alone; where it is set, log.level is not looked at.")           \
    S(cluster_name, "cluster_name", STRING, "", false, 0, 255,                                     \
      "The name in server-properties and on the overview page; none is leveret@HOST.")             \
    S(event_exchange_vhost, "event_exchange.vhost", STRING, "", false, 0, 255,                     \
      "The vhost that has the exchange amq.rabbitmq.event, where events are published; none is "   \
      "default_vhost. One that is named must be there at the start.")                              \
    S(load_definitions, "load_definitions", STRING, "", false, 0, 0,                               \
      "A definitions file to import at the start.")                                                \
    S(loops, "loops", NUMBER, "0", false, 0, 64,                                                   \
      "Threads that serve connections and queues; 0 is one for each CPU.")                         \
    S(data_dir, "data_dir", STRING, "", false, 0, 0,                                               \
      "Where the broker keeps its files; none: /var/lib/leveret where that can be written, else "  \
      "$XDG_STATE_HOME/leveret, else ~/.local/state/leveret.")                                     \
    S(durability, "durability", ENUM, "sync", false, CONFIG_DURABILITIES, 0,                       \
      "When a persistent message counts as stored: sync, when it is on the disk; interval, when "  \
      "it is written, and a power cut may lose what came since the last sync; none, likewise, "    \
      "and nothing is ever synced. A killed broker loses nothing in any of them.")                 \
    S(durability_interval_ms, "durability_interval", NUMBER, "100", false, 1, 60000,               \
      "Milliseconds between two syncs with durability = interval.")                                \
    S(server_product, "server_product", STRING, "RabbitMQ", true, 0, 0,                            \
      "The product in server-properties: clients choose their behaviour by it.")                   \
    S(server_version, "server_version", STRING, "3.13.7", true, 0, 0,                              \
      "The version in server-properties, beside leveret_version.")

enum config_setting {
#define CONFIG_ENUM(member, key, type, value, reload, from, to, text) CONFIG_##member,
    CONFIG_SETTINGS(CONFIG_ENUM)
#undef CONFIG_ENUM
        CONFIG_SETTING_COUNT
};

enum { CONFIG_NONE = -1 }; /* a number whose value is none */
enum { CONFIG_LISTENERS_MAX = 64 };

struct config_listener {
    char *name;    /* "default" ... */
    char *address; /* numeric, IPv4 or IPv6 without brackets; empty: every address */
    uint16_t port;
};

struct config_listeners {
    struct config_listener *items;
    size_t count;
};

struct config_flags {
    char **names; /* those that are true, in the order of the file */
    size_t count;
};

typedef int64_t config_NUMBER;
typedef int64_t config_NUMBER_OR_NONE; /* CONFIG_NONE */
typedef int64_t config_BYTES;
typedef int64_t config_BYTES_OR_NONE;  /* CONFIG_NONE */
typedef int64_t config_NUMBER_OR_ZERO; /* 0, or from its least on */
typedef int config_ENUM;               /* which of its words, from 0 on */
typedef bool config_BOOL;
typedef double config_RATIO;
typedef char *config_STRING;  /* never NULL */
typedef char *config_SECRET;  /* never NULL; never logged */
typedef char *config_PATTERN; /* never NULL; compiles */
typedef int config_LEVEL;     /* enum log_level */
typedef int config_LEVEL_OR_NONE;
typedef struct config_flags config_FLAGS;
typedef struct config_listeners config_LISTENERS;

/* The members are read directly; the config owns all memory behind them. It is not changed once
 * it has been loaded: a reload makes a new one. */
struct config {
#define CONFIG_MEMBER(member, key, type, value, reload, from, to, text) config_##type member;
    CONFIG_SETTINGS(CONFIG_MEMBER)
#undef CONFIG_MEMBER
    char *file;                          /* the file that was read; NULL: none */
    char *origins[CONFIG_SETTING_COUNT]; /* "FILE:LINE", "--port" ...; NULL: the default */
};

/* The word of an ENUM. */
const char *config_word(enum config_words words, int value);

/* Where lines about the config go: an error (the broker does not start), a warning, a remark.
 * The text is borrowed for the call and ends without a newline. */
typedef void (*config_say)(void *arg, enum log_level level, const char *text);
/* A config_say that logs. */
void config_say_log(void *arg, enum log_level level, const char *text);

/* Says that a setting has a value that the world does not allow, with where it was set. */
void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg);

/* All defaults. The caller owns it. */
struct config *config_create(void);
/* Clears the pointer. NULL is fine. */
void config_free(struct config **config);

/* Reads the text of a config file; `name` is what lines about it call it. An unknown key is
 * warned about, a known one without effect remarked on. A bad value or a line that is none is an
 * error: ERR_INVALID, after the whole text has been read and every error said. Pure. */
int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg);

/* Reads a file. ERR_NOT_FOUND and the like are returned without a word. Blocks. */
int config_read_file(struct config *config, const char *path, config_say say, void *arg);

/* Sets one key as a line of a file would. `origin` stands where the file and line would:
 * "--port", "RABBITMQ_DEFAULT_USER". ERR_INVALID after it was said; ERR_NOT_FOUND (no such key)
 * without a word. */
int config_set(struct config *config, const char *key, const char *value, const char *origin,
               config_say say, void *arg);

/* Replaces the AMQP listeners by one. A NULL address or port -1 keeps that of the first listener
 * (or the default). ERR_INVALID after it was said. */
int config_set_listener(struct config *config, const char *address, int port, const char *origin,
                        config_say say, void *arg);

/* Takes RABBITMQ_DEFAULT_USER, _PASS, _VHOST (or the name of a file with the value in
 * RABBITMQ_DEFAULT_USER_FILE ...), RABBITMQ_NODE_IP_ADDRESS, RABBITMQ_NODE_PORT and
 * LEVERET_DATA_DIR from the environment. ERR_INVALID after it was said. `get` is getenv, or a
 * test's. */
typedef const char *(*config_getenv)(const char *name);
int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg);

/* What differs between two configs, key by key; the texts of a SECRET are "(hidden)". */
typedef void (*config_difference)(void *arg, const char *key, bool is_reloadable, const char *old,
                                  const char *fresh);
void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg);

/* The values as text, as a file would have them (for `status` and the log). Appends
 * "key = value\n" for each key; a SECRET is "(hidden)". */
struct lv_buffer;
void config_print(const struct config *config, struct lv_buffer *out);

/* The level for standard error: log.console.level, or log.level. */
enum log_level config_log_level(const struct config *config);

/* "50MB", "2GiB", "1048576": k, m, g, t, kib, mib ... are powers of 1024, kb, mb ... of 1000, in
 * upper or lower case. ERR_INVALID; then *ret is unchanged. */
int config_parse_bytes(const char *text, int64_t *ret);

#endif
