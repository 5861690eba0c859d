/* A command of leveretctl: a row of the table in commands.c, and what was typed. */
#ifndef LEVERETCTL_COMMAND_H
#define LEVERETCTL_COMMAND_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leveretctl/ask.h"
#include "leveretctl/format.h"

/* rabbitmqctl's, which are sysexits.h's. */
enum exit_code {
    EXIT_OK = 0,
    EXIT_USAGE = 64,
    EXIT_DATA = 65,
    EXIT_NO_USER = 67,
    EXIT_UNAVAILABLE = 69,
    EXIT_SOFTWARE = 70,
    EXIT_TIMEOUT = 75,
};

/* Options. Those above OPTION_ANYWHERE are taken by the commands that name them. */
#define OPTIONS(O)                                                                                 \
    /* id                    long                    short  value */                               \
    O(OPTION_NODE, "--node", "-n", true)                                                           \
    O(OPTION_LONGNAMES, "--longnames", "-l", false)                                                \
    O(OPTION_QUIET, "--quiet", "-q", false)                                                        \
    O(OPTION_SILENT, "--silent", "-s", false)                                                      \
    O(OPTION_TIMEOUT, "--timeout", "-t", true)                                                     \
    O(OPTION_VHOST, "--vhost", "-p", true)                                                         \
    O(OPTION_FORMATTER, "--formatter", NULL, true)                                                 \
    O(OPTION_DATA_DIR, "--data-dir", NULL, true)                                                   \
    O(OPTION_HELP, "--help", "-?", false)                                                          \
    O(OPTION_NO_TABLE_HEADERS, "--no-table-headers", NULL, false)                                  \
    O(OPTION_ONLINE, "--online", NULL, false)                                                      \
    O(OPTION_OFFLINE, "--offline", NULL, false)                                                    \
    O(OPTION_LOCAL, "--local", NULL, false)                                                        \
    O(OPTION_IF_EMPTY, "--if-empty", "-e", false)                                                  \
    O(OPTION_IF_UNUSED, "--if-unused", "-u", false)                                                \
    O(OPTION_GLOBAL, "--global", NULL, false)                                                      \
    O(OPTION_DESCRIPTION, "--description", NULL, true)                                             \
    O(OPTION_TAGS, "--tags", NULL, true)                                                           \
    O(OPTION_QUEUE_TYPE, "--default-queue-type", NULL, true)                                       \
    O(OPTION_PRIORITY, "--priority", NULL, true)                                                   \
    O(OPTION_APPLY_TO, "--apply-to", NULL, true)                                                   \
    O(OPTION_USER, "--user", NULL, true)                                                           \
    O(OPTION_UNIT, "--unit", NULL, true)                                                           \
    O(OPTION_LIMIT, "--limit", NULL, true)                                                         \
    O(OPTION_ALL, "--all", NULL, false)                                                            \
    O(OPTION_IDEMPOTENT, "--idempotent", NULL, false)                                              \
    O(OPTION_HEADER, "--header", NULL, true)                                                       \
    O(OPTION_CC, "--cc", NULL, true)                                                               \
    O(OPTION_OFFSET, "--offset", NULL, true)                                                       \
    O(OPTION_TRUNCATE, "--truncate", NULL, true)                                                   \
    O(OPTION_UNACKED, "--unacked", NULL, false)                                                    \
    O(OPTION_KEEP_HISTORY, "--keep-history", NULL, false)

enum option {
#define OPTION_ENUM(id, name, letter, value) id,
    OPTIONS(OPTION_ENUM)
#undef OPTION_ENUM
        OPTION_COUNT
};
enum { OPTION_ANYWHERE = OPTION_HELP };

#define BIT(option) (UINT64_C(1) << (option))
_Static_assert(OPTION_COUNT <= 64, "an option is a bit");

enum { ARGUMENTS_MAX = 256 };

struct invocation {
    const char *program; /* the name we were called by */
    int argc;
    char **argv;
    const char *command;                  /* NULL: none was given */
    const char *arguments[ARGUMENTS_MAX]; /* behind the command */
    size_t argument_count;
    /* NULL: not given; "" for one without a value; the last one. */
    const char *values[OPTION_COUNT];
    const char *headers[ARGUMENTS_MAX]; /* each --header, in order; likewise --cc */
    const char *cc[ARGUMENTS_MAX];
    size_t header_count, cc_count;
    struct lv_buffer invalid; /* "--bogus : \n" for each option that is none */

    char node[300];    /* -n, or "leveret@HOST" */
    const char *vhost; /* NULL: every one */
    enum format format;
    int timeout_s; /* -1: not given */
    char data_dir[4096];
    struct ask ask;
};

static inline bool is_given(const struct invocation *i, enum option option)
{
    return i->values[option] != NULL;
}

static inline bool is_quiet(const struct invocation *i)
{
    return is_given(i, OPTION_QUIET) || is_given(i, OPTION_SILENT);
}

/* Where the protocol's error leads. `text` as command.banner has it; NULL: the broker's own text.
 * EXIT_OK: it is no failure, and nothing is said. */
struct failure {
    const char *error; /* the protocol's name for it */
    const char *text;
    int exit_code;
    bool is_bare; /* without "Error:" in front */
    /* --formatter json says this instead, and exits with 69; NULL: no difference. */
    const char *json;
};

/* How it is said that a change has succeeded. */
enum done_form {
    DONE_PLAIN,        /* as say_done() */
    DONE_UNLESS_QUIET, /* not with --quiet; in JSON with the node and a status */
    DONE_AS_VALUE,     /* in JSON as say_value() */
};

struct command {
    const char *name;
    const char *group; /* of the list in `help` */
    const char *usage; /* what follows the name */
    const char *help;
    int (*run)(struct invocation *i, const struct command *c);
    /* What is said first: $v vhost, $n node, $1 to $4 arguments, $+ those from the second on,
     * $p the program, $t the timeout in seconds. */
    const char *banner;
    /* Of the arguments in the request, in order. One that ends in `...` is the last: all arguments
     * from there on, with commas between. */
    const char *names;
    /* Listings: */
    const char *columns;     /* the default ones */
    const char *all_columns; /* those that may be asked for; NULL: always the default ones */
    /* Changes: */
    const char *done;               /* said when it has succeeded; as banner */
    const struct failure *failures; /* ended by a NULL error */
    int arguments_min;
    int arguments_max;   /* -1: any number */
    uint64_t options;    /* BIT()s beyond those taken anywhere */
    bool is_whole;       /* see struct listing: is_streamed is its opposite */
    bool has_no_headers; /* in the table format */
    enum done_form done_form;
};

/* --- commands.c ------------------------------------------------------------------------------- */

extern const struct command commands[]; /* ended by a NULL name */
const struct command *command_find(const char *name);

/* --- run.c ------------------------------------------------------------------------------------ */

int run_listing(struct invocation *i, const struct command *c);
/* A listing with another banner than the command's, after `fill` (NULL: nothing to do) has added to
 * the request, or has refused, with an exit code. */
int run_listing_with(struct invocation *i, const struct command *c, const char *banner,
                     int (*fill)(struct invocation *i, const struct command *c, json_t *request));
int run_change(struct invocation *i, const struct command *c);
/* A change with another banner than the command's. Takes the request. */
int run_change_saying(struct invocation *i, const struct command *c, const char *banner,
                      json_t *request);
/* Says that a change has succeeded, as the command's done_form has it; message NULL: no words. */
void say_change_done(const struct invocation *i, const struct command *c, const char *message);
/* The same, for "BEFORE n AFTER" with a number of the answer's. */
void say_count(const struct invocation *i, const struct command *c, const json_t *answer,
               const char *member, const char *before, const char *after);

/* --- special.c: commands that are like no other ----------------------------------------------- */

int run_add_user(struct invocation *i, const struct command *c);
int run_clear_topic_permissions(struct invocation *i, const struct command *c);
int run_await_startup(struct invocation *i, const struct command *c);
int run_close_all_connections(struct invocation *i, const struct command *c);
int run_delete_queue(struct invocation *i, const struct command *c);
int run_cancel_delayed(struct invocation *i, const struct command *c); /* delayed.c */
int run_environment(struct invocation *i, const struct command *c);
int run_explain_route(struct invocation *i, const struct command *c); /* explain.c */
int run_help(struct invocation *i, const struct command *c);
int run_password_change(struct invocation *i, const struct command *c);
int run_ping(struct invocation *i, const struct command *c);
int run_set_log_level(struct invocation *i, const struct command *c);
int run_stop(struct invocation *i, const struct command *c);
int run_version(struct invocation *i, const struct command *c);

/* --- messages.c: about the messages in a queue ------------------------------------------------ */

int run_browse_queue(struct invocation *i, const struct command *c);
int run_retry_dead_letters(struct invocation *i, const struct command *c);

/* --- policies.c: policies, parameters, limits ------------------------------------------------- */

int run_clear_user_limits(struct invocation *i, const struct command *c);
int run_list_user_limits(struct invocation *i, const struct command *c);
int run_list_vhost_limits(struct invocation *i, const struct command *c);
int run_set_cluster_name(struct invocation *i, const struct command *c);
int run_set_policy(struct invocation *i, const struct command *c);

/* --- status.c --------------------------------------------------------------------------------- */

int run_status(struct invocation *i, const struct command *c);

/* --- arguments.c ------------------------------------------------------------------------------ */

/* Takes the command line apart; nothing is refused yet. */
void arguments_parse(struct invocation *i, int argc, char **argv);
/* Refuses options the command does not take: EXIT_USAGE after it was said; EXIT_OK. */
int arguments_check(struct invocation *i, const struct command *c);
/* "Error (argument validation): REASON", the command line, and the usage, to standard error. */
int usage_error(const struct invocation *i, const struct command *c, int exit_code,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

/* --- help.c ----------------------------------------------------------------------------------- */

void usage_line(const struct invocation *i, const struct command *c, FILE *out);
void help_command(const struct invocation *i, const struct command *c, FILE *out);
void help_all(const struct invocation *i, FILE *out);

/* --- request.c -------------------------------------------------------------------------------- */

/* A request with the command's name, the vhost, the arguments under the names given, and options
 * that the broker knows, under theirs. The caller owns it. */
json_t *request_of(const struct invocation *i, const struct command *c);
/* Refuses options that should be numbers and are none: EXIT_USAGE after it was said; EXIT_OK. */
int numbers_check(const struct invocation *i, const struct command *c);
/* False when the text is no whole number from 0 on. */
bool read_number(const char *text, json_int_t *ret);

/* --- talk.c: what commands do with the broker ------------------------------------------------- */

/* The buffer as a string, which is good until it is added to. */
const char *text_of(struct lv_buffer *b);
/* Appends a text with its $... filled in. */
void expand(const struct invocation *i, const char *text, struct lv_buffer *out);
/* The banner (NULL: none), unless we are quiet or a machine reads. */
void say_banner(const struct invocation *i, const char *text);
/* "Error:\nTEXT" to standard error; returns exit_code. */
int say_error(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Opens the socket. EXIT_OK, or EXIT_UNAVAILABLE after saying why. */
int connect_to_broker(struct invocation *i);
/* Sends a request and reads its answer: rows to `row` (NULL: there are none). EXIT_OK: *ret is the
 * last line, ok, for the caller to own. Else the exit code, after the failure was said. Takes the
 * request. */
typedef void row_fn(void *arg, const json_t *row);
int converse(struct invocation *i, const struct command *c, json_t *request, row_fn *row, void *arg,
             json_t **ret);
/* Connects, says the banner, and converses: most commands do nothing else. */
int broker_ask(struct invocation *i, const struct command *c, const char *banner, json_t *request,
               row_fn *row, void *arg, json_t **ret);
/* {"node": ..., "result": "ok", "value": VALUE}. Takes the value. */
void say_value(const struct invocation *i, json_t *value);
/* What is said after a change: `message`, or nothing (NULL), as the format has it. */
void say_done(const struct invocation *i, const char *message);
/* A line of JSON to standard output. Takes the value. */
void say_json(json_t *value);

#endif
