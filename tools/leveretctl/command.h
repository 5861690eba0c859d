/* The table of commands. A command is a row in the table of its group (commands_....c). It is a
 * listing (run_listing), which prints the rows that the broker answers with, or anything else that
 * is asked and answered once (run_change). The few commands that are neither have a function of
 * their own.
 *
 * Texts are templates, in which a word after '$' is replaced: $vhost, $node, $program, $timeout (in
 * seconds), $timeout_ms, $priority; $1 to $9, an argument; $rest, the arguments from the second on,
 * separated by commas; any other name, the number of that name in the broker's answer. */
#ifndef LEVERETCTL_COMMAND_H
#define LEVERETCTL_COMMAND_H

#include <jansson.h>

#include "leveretctl/invocation.h"

/* What an error of the control protocol becomes. */
struct failure {
    const char *error; /* its name in the protocol; NULL: the end of a list */
    int exit_code;     /* EXIT_OK: the command succeeds, and nothing is said */
    const char *text;  /* a template; NULL: the broker's own text */
    /* With --formatter json, printed instead of `text`, and the exit code is then 69; NULL: no
     * difference. */
    const char *json;
    bool is_bare; /* without "Error:" before it */
};

/* A text that depends on what was typed: of a list of choices the first that applies is used. The
 * last choice of a list always applies. */
struct text_choice {
    bool (*applies)(const struct invocation *i); /* NULL: always */
    const char *text;
};

/* How a change's success is said. */
enum done_form {
    DONE_PLAIN,        /* in JSON as {"message": TEXT} */
    DONE_UNLESS_QUIET, /* not with --quiet; in JSON with the node and a status */
    DONE_AS_VALUE,     /* in JSON as the value of a result */
    DONE_AS_MEMBERS,   /* in JSON the members of the answer, as the value of a result */
};

enum { MANY = -1 };

struct command {
    const char *name;
    int (*run)(struct invocation *i, const struct command *c);
    const char *usage; /* what follows the name */
    const char *help;

    /* Said first, before the broker is asked; NULL: nothing. */
    const char *banner;
    const struct text_choice *banners; /* instead of `banner` */

    bool is_pretty; /* without --formatter, the output format is pretty_table */

    /* What is typed. */
    struct command_arguments {
        int min, max; /* MANY: any number */
        /* The members of the request that the arguments become, in order: "user password". A name
         * that ends in "..." is the last one; its member has all arguments from there on, separated
         * by commas. */
        const char *names;
        option_set options;    /* BIT()s of those taken beyond OPTION_ANYWHERE */
        const char *not_empty; /* the first argument's name if it may not be "" */
        /* If this is not 0, the last argument is a password, which is read from standard input if
         * it is missing; this is the exit code if standard input has none either. */
        int exit_without_password;
        /* Refuses arguments that make no sense. Returns EXIT_OK, or the exit code after saying why.
         */
        int (*check)(const struct invocation *i, const struct command *c);
    } arguments;

    /* What is asked. */
    struct command_request {
        const char *command; /* NULL: the command's own name */
        const char *check;   /* of the broker: the name of the health check that is asked for */
        /* Adds members that `names` and options cannot describe. Returns EXIT_OK, or the exit code
         * after saying why. */
        int (*add)(const struct invocation *i, const struct command *c, json_t *request);
        int timeout_s; /* without --timeout; 0: the usual 60 */
    } request;

    /* What a listing prints. */
    struct command_listing {
        const char *columns;     /* the default ones, separated by spaces */
        const char *all_columns; /* "a, b": may be named as arguments; NULL: none may */
        bool is_whole;           /* see struct listing: is_streamed is its opposite */
        bool has_no_headers;     /* in the table format */
        bool drops_rows;         /* prints none of the rows that the broker answers with */
    } listing;

    /* What anything else prints. */
    struct command_answer {
        const char *done; /* a template; NULL: nothing */
        const char *json; /* of a health check: the message in JSON; NULL: none */
        enum done_form form;
        void (*print)(const struct invocation *i, const json_t *answer); /* instead of `done` */
    } answer;

    const struct failure *failures; /* besides those of every command; NULL: none */
};

/* --- the table -------------------------------------------------------------------------------- */

struct command_group {
    const char *title;              /* in `help`; NULL: the end of the list */
    const struct command *commands; /* ended by a NULL name */
};

extern const struct command_group command_groups[];

extern const struct command help_commands[], node_commands[], user_commands[], access_commands[],
    login_commands[], monitoring_commands[], check_commands[], vhost_commands[],
    parameter_commands[], policy_commands[], configuration_commands[], definition_commands[],
    operation_commands[], queue_commands[], cluster_commands[], feature_flag_commands[],
    plugin_commands[], upgrade_commands[], diagnostic_commands[], absent_commands[];

/* Returns the command of this name, or NULL. In the name '-' means the same as '_'. */
const struct command *command_find(const char *name);

/* Returns the template of a command's banner. */
const char *command_banner(const struct invocation *i, const struct command *c);

/* --- the names of tools ----------------------------------------------------------------------- */

/* A tool of RabbitMQ whose name leveretctl may be called by (tools.c). rabbitmqctl needs no row. */
struct tool {
    const char *name;     /* NULL: the end of the list */
    const char *commands; /* those that its help lists first, separated by spaces */
};

extern const struct tool tools[];

/* Returns the tool of this name, or NULL. */
const struct tool *tool_find(const char *program);
/* Returns true if the command is one of those that the tool's help lists first. */
bool tool_lists(const struct tool *tool, const char *command);

/* --- for rows --------------------------------------------------------------------------------- */

enum { NO_HEADERS = BIT(OPTION_NO_TABLE_HEADERS) };

#define LISTING_USAGE "[--no-table-headers] "
#define COLUMNS_USAGE LISTING_USAGE "[<column> ...]"
#define TIMEOUT_USAGE " [--timeout <timeout>]"

/* The names of a listing's columns (manage/columns.h), for help and to check what is asked for:
 * "arguments, auto_delete". */
#define COLUMN_NAME(column, ...) ", " #column
#define COLUMN_NAMES(COLUMNS) (&COLUMNS(COLUMN_NAME)[2])

/* Failures that commands of several groups have (commands.c). */
extern const struct failure vhost_is_empty[], vhost_is_missing[], parameter_is_missing[],
    json_fails[];

/* Returns true if --global was given: for a text_choice. */
bool is_global(const struct invocation *i);

/* --- what commands do ------------------------------------------------------------------------- */

/* Each returns the exit code. */

/* Prints the rows that the broker answers with. */
int run_listing(struct invocation *i, const struct command *c);
/* Asks the broker once, and prints that it is done, or the answer. */
int run_change(struct invocation *i, const struct command *c);

/* Prints the limits of one user or one vhost; with --global, a listing. */
int run_list_user_limits(struct invocation *i, const struct command *c);
int run_list_vhost_limits(struct invocation *i, const struct command *c);

/* Print the ciphers and the hashes there are; encrypt and decrypt a value of a config
 * (commands_encryption.c). They do not ask the broker. */
int run_list_ciphers(struct invocation *i, const struct command *c);
int run_list_hashes(struct invocation *i, const struct command *c);
int run_encode(struct invocation *i, const struct command *c);
int run_encrypt_conf_value(struct invocation *i, const struct command *c);
int run_decode(struct invocation *i, const struct command *c);

/* Waits until the process of a pid file, or of --pid, has started the broker (wait.c). */
int run_wait(struct invocation *i, const struct command *c);
int wait_check(const struct invocation *i, const struct command *c);

/* Shows the message at a position of a quorum queue (peek.c). */
int run_peek(struct invocation *i, const struct command *c);
int peek_check(const struct invocation *i, const struct command *c);

/* Asks for a health check; says answer.done if the node passes it, and else why not (checks.c). */
int run_check(struct invocation *i, const struct command *c);
int run_check_running(struct invocation *i, const struct command *c);
int run_check_port_listener(struct invocation *i, const struct command *c);
int run_check_protocol_listener(struct invocation *i, const struct command *c);
int port_check(const struct invocation *i, const struct command *c);
int run_is_running(struct invocation *i, const struct command *c);
int run_is_booting(struct invocation *i, const struct command *c);
void listeners_print(const struct invocation *i, const json_t *status);

/* Prints what is wrong with the broker; EXIT_UNAVAILABLE if some of it is critical (doctor.c). */
int run_doctor(struct invocation *i, const struct command *c);

/* Prints what may come next on a command line (autocomplete.c). */
int run_autocomplete(struct invocation *i, const struct command *c);

/* Shows queues by rate and length, live (top.c). */
int run_top(struct invocation *i, const struct command *c);

/* Prints what other commands say of the node and of each vhost (report.c). */
int run_report(struct invocation *i, const struct command *c);

/* Prints what a running RabbitMQ has that Leveret has not; EXIT_UNAVAILABLE if some of it blocks a
 * move (check_migration.c). */
int run_check_migration(struct invocation *i, const struct command *c);

/* Move a running RabbitMQ into this broker, and back (moving.c). EXIT_TIMEOUT: messages are left
 * that can be moved later. */
int run_import_from(struct invocation *i, const struct command *c);
int run_export_to(struct invocation *i, const struct command *c);

/* Sends definitions, and then the request that is about them, which is taken. Returns as
 * converse(). */
int definitions_send(struct invocation *i, const struct command *c, struct slice text,
                     json_t *request, json_t **ret);
/* Tells on standard error what an import has ignored and left out. */
void definitions_say_notes(const struct invocation *i, const json_t *answer);

/* Prints the ciphers that listeners offer (cipher_suites.c). */
int run_cipher_suites(struct invocation *i, const struct command *c);
int ciphers_check(const struct invocation *i, const struct command *c);
extern const struct text_choice cipher_banners[];

/* Prints how large published messages were (message_sizes.c). */
int run_message_sizes(struct invocation *i, const struct command *c);

/* Parts of rows that need a file of their own. */
int run_check_certificates(struct invocation *i, const struct command *c);
int certificates_check_unit(const struct invocation *i, const struct command *c);
int certificates_add_period(const struct invocation *i, const struct command *c, json_t *request);
int run_check_connectivity(struct invocation *i, const struct command *c);
int run_alarms(struct invocation *i, const struct command *c);
int run_check_alarms(struct invocation *i, const struct command *c);
int run_check_local_alarms(struct invocation *i, const struct command *c);
/* Returns the alarms of a status as a list of rabbitmqctl's texts, which the caller owns. */
json_t *alarm_texts(const struct invocation *i, const json_t *status);
/* Returns them as a list of rabbitmqctl's objects, which the caller owns. */
json_t *alarm_maps(const struct invocation *i, const json_t *status);
int watermark_check(const struct invocation *i, const struct command *c);
int watermark_add(const struct invocation *i, const struct command *c, json_t *request);
int disk_limit_check(const struct invocation *i, const struct command *c);
int disk_limit_add(const struct invocation *i, const struct command *c, json_t *request);
int status_check_unit(const struct invocation *i, const struct command *c);
const char *status_unit(const struct invocation *i);
/* Writes "0.1359 gb": at most four decimals, at least one. Returns `out`. */
const char *amount_text(char out[64], long long bytes, const char *unit);
void memory_print(const struct invocation *i, const json_t *answer);
int run_cluster_status(struct invocation *i, const struct command *c);
void status_print(const struct invocation *i, const json_t *facts);
int explain_add_message(const struct invocation *i, const struct command *c, json_t *request);

/* --- help.c ----------------------------------------------------------------------------------- */

void usage_line(const struct invocation *i, const struct command *c, FILE *out);
void help_command(const struct invocation *i, const struct command *c, FILE *out);
void help_all(const struct invocation *i, FILE *out);

#endif
