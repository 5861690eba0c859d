/* What was typed: the command, its arguments, and the options. */
#ifndef LEVERETCTL_INVOCATION_H
#define LEVERETCTL_INVOCATION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buffer.h"
#include "leveretctl/ask.h"
#include "leveretctl/format.h"

/* rabbitmqctl's exit codes, which are those of sysexits.h. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_NO_USER = 67,
    EXIT_UNAVAILABLE = 69,
    EXIT_SOFTWARE = 70,
    EXIT_TIMEOUT = 75,
};

/* What follows an option, and what its member of a request is. */
enum option_kind {
    FLAG,    /* nothing; true */
    TEXT,    /* a string */
    LIST,    /* a string; the option may be given several times */
    COUNT,   /* a number from 0 */
    INTEGER, /* a number */
};

/* Each option is a row. Every command takes those up to OPTION_ANYWHERE; the others are taken by
 * the commands whose rows name them. `member` is the member of a request that the option becomes;
 * NULL: request_create() adds none for it. */
/* clang-format off */
#define OPTIONS(O)                                                                                 \
    /* id                     long                    short kind     member */                     \
    O(OPTION_NODE,            "--node",               "-n", TEXT,    NULL)                         \
    O(OPTION_LONGNAMES,       "--longnames",          "-l", FLAG,    NULL)                         \
    O(OPTION_QUIET,           "--quiet",              "-q", FLAG,    NULL)                         \
    O(OPTION_SILENT,          "--silent",             "-s", FLAG,    NULL)                         \
    O(OPTION_TIMEOUT,         "--timeout",            "-t", TEXT,    NULL)                         \
    O(OPTION_VHOST,           "--vhost",              "-p", TEXT,    NULL)                         \
    O(OPTION_FORMATTER,       "--formatter",          NULL, TEXT,    NULL)                         \
    O(OPTION_DATA_DIR,        "--data-dir",           NULL, TEXT,    NULL)                         \
    O(OPTION_SCRIPT_NAME,     "--script-name",        NULL, TEXT,    NULL)                         \
    O(OPTION_PRINT_STACKTRACE, "--print-stacktrace",  NULL, FLAG,    NULL)                         \
    O(OPTION_HELP,            "--help",               "-?", FLAG,    NULL)                         \
    O(OPTION_NO_TABLE_HEADERS, "--no-table-headers",  NULL, FLAG,    NULL)                         \
    O(OPTION_ONLINE,          "--online",             NULL, FLAG,    NULL)                         \
    O(OPTION_OFFLINE,         "--offline",            NULL, FLAG,    NULL)                         \
    O(OPTION_LOCAL,           "--local",              NULL, FLAG,    NULL)                         \
    O(OPTION_IF_EMPTY,        "--if-empty",           "-e", FLAG,    "if_empty")                   \
    O(OPTION_IF_UNUSED,       "--if-unused",          "-u", FLAG,    "if_unused")                  \
    O(OPTION_GLOBAL,          "--global",             NULL, FLAG,    NULL)                         \
    O(OPTION_DESCRIPTION,     "--description",        NULL, TEXT,    "description")                \
    O(OPTION_TAGS,            "--tags",               NULL, TEXT,    "tags")                       \
    O(OPTION_QUEUE_TYPE,      "--default-queue-type", NULL, TEXT,    "default_queue_type")         \
    O(OPTION_PRIORITY,        "--priority",           NULL, INTEGER, "priority")                   \
    O(OPTION_APPLY_TO,        "--apply-to",           NULL, TEXT,    "apply_to")                   \
    O(OPTION_USER,            "--user",               NULL, TEXT,    NULL)                         \
    O(OPTION_UNIT,            "--unit",               NULL, TEXT,    NULL)                         \
    O(OPTION_WITHIN,          "--within",             NULL, COUNT,   NULL)                         \
    O(OPTION_LIMIT,           "--limit",              NULL, COUNT,   "limit")                      \
    O(OPTION_ALL,             "--all",                NULL, FLAG,    "all")                        \
    O(OPTION_IDEMPOTENT,      "--idempotent",         NULL, FLAG,    NULL)                         \
    O(OPTION_HEADER,          "--header",             NULL, LIST,    NULL)                         \
    O(OPTION_CC,              "--cc",                 NULL, LIST,    NULL)                         \
    O(OPTION_OFFSET,          "--offset",             NULL, COUNT,   "offset")                     \
    O(OPTION_TRUNCATE,        "--truncate",           NULL, COUNT,   "truncate")                   \
    O(OPTION_UNACKED,         "--unacked",            NULL, FLAG,    "unacked")                    \
    O(OPTION_KEEP_HISTORY,    "--keep-history",       NULL, FLAG,    "keep_history")               \
    O(OPTION_NUMBER,          "--number",             "-N", COUNT,   "number")                     \
    O(OPTION_DURATION,        "--duration",           "-d", COUNT,   "duration")                   \
    O(OPTION_PERIOD,          "--period",             NULL, COUNT,   "period")                     \
    O(OPTION_CIPHER,          "--cipher",             NULL, TEXT,    NULL)                         \
    O(OPTION_HASH,            "--hash",               NULL, TEXT,    NULL)                         \
    O(OPTION_ITERATIONS,      "--iterations",         NULL, COUNT,   NULL)                         \
    O(OPTION_FORMAT,          "--format",             NULL, TEXT,    NULL)                         \
    O(OPTION_SKIP_IF_UNCHANGED, "--skip-if-unchanged", NULL, FLAG,   "skip_if_unchanged")           \
    O(OPTION_SKIP_UNSUPPORTED, "--skip-unsupported", NULL, FLAG,   "skip_unsupported")           \
    O(OPTION_DRY_RUN,         "--dry-run",            NULL, FLAG,    "dry_run")                    \
    O(OPTION_ONCE,            "--once",               NULL, FLAG,    NULL)                         \
    O(OPTION_SORT,            "--sort",               NULL, TEXT,    NULL)                         \
    O(OPTION_INTERVAL,        "--interval",           NULL, COUNT,   NULL)                         \
    O(OPTION_ADDRESS_FAMILY,  "--address-family",     NULL, TEXT,    NULL)                         \
    O(OPTION_ACROSS_ALL_VHOSTS, "--across-all-vhosts", NULL, FLAG,  NULL)                          \
    O(OPTION_PID,             "--pid",                "-P", INTEGER, NULL)                         \
    O(OPTION_HASHING_ALGORITHM, "--hashing-algorithm", NULL, TEXT,  "algorithm")                   \
    O(OPTION_BY_SOURCE,       "--by-source",          NULL, FLAG,    "by_source")                  \
    O(OPTION_OBJECT_TYPE,     "--object-type",        NULL, TEXT,    "object_type")                \
    O(OPTION_PATTERN,         "--pattern",            NULL, TEXT,    "pattern")                    \
    O(OPTION_USED,            "--used",               NULL, FLAG,    NULL)                         \
    O(OPTION_VERBOSE,         "--verbose",            "-v", FLAG,    NULL)                         \
    O(OPTION_MINIMAL,         "--minimal",            "-m", FLAG,    NULL)                         \
    O(OPTION_ENABLED,         "--enabled",            "-E", FLAG,    NULL)                         \
    O(OPTION_IMPLICITLY_ENABLED, "--implicitly-enabled", NULL, FLAG, NULL)                         \
    O(OPTION_MANAGEMENT,      "--management",         NULL, TEXT,    NULL)                         \
    O(OPTION_QUEUES,          "--queues",             NULL, TEXT,    NULL)                         \
    O(OPTION_WAIT,            "--wait",               NULL, FLAG,    NULL)                         \
    O(OPTION_CACERT,          "--cacert",             NULL, TEXT,    NULL)
/* clang-format on */

enum option {
#define OPTION_ENUM(id, name, letter, kind, member) id,
    OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
        OPTION_COUNT
};
enum { OPTION_ANYWHERE = OPTION_HELP };

/* A set of options: a bit for each. */
typedef unsigned __int128 option_set;
#define BIT(option) ((option_set)1 << (option))
_Static_assert(OPTION_COUNT <= 128, "an option is a bit");

extern const struct option_row {
    const char *name;
    const char *letter; /* NULL: it has none */
    enum option_kind kind;
    const char *member; /* NULL: none */
} option_rows[OPTION_COUNT];

enum { ARGUMENTS_MAX = 256, NODE_NAME_BYTES = 300, DATA_DIR_BYTES = 4096, TIMEOUT_S_DEFAULT = 60 };

struct invocation {
    const char *program; /* the name we were called by */
    int argc;
    char **argv;
    const char *command;                  /* NULL: none was given */
    const char *arguments[ARGUMENTS_MAX]; /* after the command */
    size_t argument_count;
    /* By option: NULL if it was not given, "" if it takes no value, else the last value given. */
    const char *values[OPTION_COUNT];
    const char *headers[ARGUMENTS_MAX]; /* every --header, in order; likewise --cc */
    const char *cc[ARGUMENTS_MAX];
    size_t header_count, cc_count;
    struct lv_buffer invalid; /* "--bogus : \n" for each invalid option */

    char node[NODE_NAME_BYTES]; /* of the broker that was found; else -n, or "leveret@HOST" */
    bool is_node_named;         /* by -n or RABBITMQ_NODENAME */
    bool is_node_found;         /* a link says that the broker has this name */
    const char *vhost;
    enum format format;
    int timeout_s; /* -1: not given */
    /* locate.c's; data_dir is "" if several nodes run, and it does not know which is meant. */
    char data_dir[DATA_DIR_BYTES];
    struct lv_buffer places; /* where it has looked, a line each */
    struct lv_buffer nodes;  /* the nodes that run here, a line each */
    struct ask ask;
};

static inline bool is_given(const struct invocation *i, enum option option)
{
    return i->values[option] != NULL;
}

/* Returns how long to wait for the broker: --timeout, or the command's own timeout, or 60 s. */
static inline int timeout_ms_of(const struct invocation *i)
{
    return (i->timeout_s < 0 ? TIMEOUT_S_DEFAULT : i->timeout_s) * 1000;
}

static inline bool is_quiet(const struct invocation *i)
{
    return is_given(i, OPTION_QUIET) || is_given(i, OPTION_SILENT);
}

/* Parses the command line. What is invalid is noted, and arguments_check() refuses it later.
 * Borrows argv. */
void arguments_parse(struct invocation *i, int argc, char **argv);

#endif
