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
#include "leveretd/config_settings.h"

enum config_words {
#define CONFIG_WORDS_ENUM(name, ...) name,
    CONFIG_WORDS(CONFIG_WORDS_ENUM)
#undef CONFIG_WORDS_ENUM
};

enum { CONFIG_DURABILITY_SYNC, CONFIG_DURABILITY_INTERVAL, CONFIG_DURABILITY_NONE };
enum {
    CONFIG_DEFINITIONS_FILESYSTEM,
    CONFIG_DEFINITIONS_LOCAL,
    CONFIG_DEFINITIONS_HTTPS,
    CONFIG_DEFINITIONS_HTTP
};
enum { CONFIG_VERIFY_PEER, CONFIG_VERIFY_NONE };
enum { CONFIG_VALIDATOR_ANY, CONFIG_VALIDATOR_LENGTH, CONFIG_VALIDATOR_REGEXP };
enum { CONFIG_X_DEATH_COUNT, CONFIG_X_DEATH_IGNORE };
enum { CONFIG_HTTP_GET, CONFIG_HTTP_POST };
enum { CONFIG_LDAP_AS_USER, CONFIG_LDAP_ANON };
enum { CONFIG_LDAP_WILDCARD, CONFIG_LDAP_NO_WILDCARD };

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

/* An entry of a LIST or of PAIRS. */
struct config_pair {
    char *name;     /* what the star of the key stands for; it may contain dots */
    char *value;    /* in a LIST with words: one of these */
    char *origin;   /* "FILE:LINE"; NULL: the default */
    bool is_hidden; /* the value was encrypted, and is not shown */
};

/* The entries of PAIRS are in the order of the file. Those of a LIST are in the order of their
 * names: numbers first, by value, then other names by their bytes. */
struct config_pairs {
    struct config_pair *items;
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
typedef struct config_pairs config_LIST;
typedef struct config_pairs config_PAIRS;

/* The members are read directly; the config owns all memory behind them. A config is not changed
 * after it has been loaded: a reload creates a new one. */
struct config {
#define CONFIG_MEMBER(member, key, type, value, reload, from, to, text) config_##type member;
    CONFIG_SETTINGS(CONFIG_MEMBER)
#undef CONFIG_MEMBER
    char **files; /* the config files that were read, in their order */
    size_t file_count;
    char *origins[CONFIG_SETTING_COUNT];  /* "FILE:LINE", "--port" ...; NULL: the default */
    bool is_hidden[CONFIG_SETTING_COUNT]; /* the value was encrypted, and is not shown */
};

#define CONFIG_REDACTED "<redacted>" /* what is shown for a value that must not be */

/* Returns the word of an ENUM's value, which must be one of `words`. A static string. */
const char *config_word(enum config_words words, int value);
/* Returns whether a STRING or SECRET is none: not set, or "none". */
bool config_is_none(const char *text);

/* Reports one line about the config: an error (the broker does not start), a warning or a remark.
 * The text is borrowed for the call and ends without a newline. */
typedef void (*config_say)(void *arg, enum log_level level, const char *text);
/* A config_say that logs the line. */
void config_say_log(void *arg, enum log_level level, const char *text);
/* A config_say that drops it: it has been said, or is answered elsewhere. */
void config_say_nothing(void *arg, enum log_level level, const char *text);

/* Reports as an error that a setting's value, although well formed, cannot be used, and where it
 * was set. `expected` says which values can be. */
void config_complain(const struct config *config, enum config_setting setting, const char *expected,
                     config_say say, void *arg);

/* The same of one entry of a LIST or of PAIRS: `index` is its place in the member's items. */
void config_complain_of_entry(const struct config *config, enum config_setting setting,
                              size_t index, const char *expected, config_say say, void *arg);

/* Returns the value of the PAIRS' entry of that name, or NULL if there is none. */
const char *config_pairs_find(const struct config_pairs *pairs, const char *name);

/* Checks what no value alone tells: files, certificates, settings that contradict each other.
 * Returns ERR_INVALID after reporting every fault. Blocks. See config_checks.c. */
int config_check(const struct config *config, config_say say, void *arg);

/* One such check: reports as a fault of the setting that the file cannot be read. No path is fine.
 * Returns ERR_INVALID after the report. Blocks. */
int config_check_readable(const struct config *config, enum config_setting setting,
                          const char *path, config_say say, void *arg);

/* Returns a config with every default. The caller owns it. */
struct config *config_create(void);
/* Returns a copy, which the caller owns. */
struct config *config_copy(const struct config *config);
/* Clears the pointer. NULL is fine. */
void config_free(struct config **config);

/* Reads the text of a config file; lines about it begin with `name`. An unknown key is reported as
 * a warning, a known one without effect as a warning or a remark. A bad value, or a line that is
 * not a setting, is an error: all of them are reported, then ERR_INVALID is returned. Pure, but for
 * files that the text refers to; there is no environment. */
int config_parse(struct config *config, struct slice text, const char *name, config_say say,
                 void *arg);

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

/* Reads rabbitmq-env.conf, the config files and the environment, in RabbitMQ's order, and applies
 * them: docs/configuration.md lists them. `file` is the main file, or NULL for the one that the
 * environment names, or that exists. `get` is getenv(), or a test's. Returns ERR_INVALID, or why a
 * file cannot be read, after reporting every error. Blocks. */
typedef const char *(*config_getenv)(const char *name);
int config_read_sources(struct config *config, const char *file, config_getenv get, config_say say,
                        void *arg);

/* Applies the environment alone: RABBITMQ_DEFAULT_USER and the like, or, from
 * RABBITMQ_DEFAULT_USER_FILE, the content of a file. Returns ERR_INVALID after reporting every
 * error. */
int config_apply_environment(struct config *config, config_getenv get, config_say say, void *arg);

/* Calls `visit` for each key whose values differ, with both values as text; what must not be shown
 * is "<redacted>". */
typedef void (*config_difference)(void *arg, const char *key, bool is_reloadable, const char *old,
                                  const char *fresh);
void config_compare(const struct config *old, const struct config *fresh, config_difference visit,
                    void *arg);

/* Calls `visit` for each key, and for each entry of a family with its whole key, with the value as
 * text ("<redacted>" if it must not be shown), the default ("" = none), and where the value was set
 * (NULL: nowhere). Their order is that of the table. All are borrowed for the call. */
typedef void (*config_visit)(void *arg, const char *key, const char *value, const char *fallback,
                             const char *origin);
void config_visit_all(const struct config *config, config_visit visit, void *arg);

/* Return whether definitions are fetched from a web server at the start, and whether any are loaded
 * then, from files or from there. */
bool config_fetches_definitions(const struct config *config);
bool config_loads_definitions(const struct config *config);

/* Returns the level for standard error: log.console.level if it is set, else log.level. */
enum log_level config_log_level(const struct config *config);

/* Overwrites what only loading needs: the passphrase of encrypted values. */
void config_forget_secrets(struct config *config);

#endif
