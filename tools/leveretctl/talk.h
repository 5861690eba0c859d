/* Questions to the broker, and what else commands share. */
#ifndef LEVERETCTL_TALK_H
#define LEVERETCTL_TALK_H

#include "leveretctl/say.h"

/* Prints the prompt (NULL: none) and reads a line of standard input, which is not shown while it is
 * typed. Returns false if there is none, or an empty one. */
bool secret_read(const char *prompt, struct lv_buffer *ret);

/* Finds the broker and connects to it. Returns EXIT_OK, or EXIT_UNAVAILABLE after saying why. */
int connect_to_broker(struct invocation *i);
/* Likewise, but says nothing. Returns 0, or an error of ask_open(). */
int broker_open(struct invocation *i, int timeout_ms);

/* Sends a request and reads its answer; each row of it is handed to `row` (NULL: rows are ignored).
 * Returns EXIT_OK, with the last line of the answer in *ret, which the caller owns; else the exit
 * code, after saying what has failed. Takes the request. */
typedef void row_fn(void *arg, const json_t *row);
int converse(struct invocation *i, const struct command *c, json_t *request, row_fn *row, void *arg,
             json_t **ret);
/* Reads another answer to the request of converse(), whose answer has said that it follows. */
int converse_on(struct invocation *i, const struct command *c, json_t **ret);
/* Connects, prints the banner and converses. Takes the request. */
int broker_ask(struct invocation *i, const struct command *c, const char *banner, json_t *request,
               row_fn *row, void *arg, json_t **ret);

/* --- listing.c -------------------------------------------------------------------------------- */

/* Prints rows, a list of at least one, as a listing of `count` columns. */
void rows_print(const struct invocation *i, const char *const *columns, size_t count,
                const json_t *rows);

/* --- request.c -------------------------------------------------------------------------------- */

/* Returns the command's request, which the caller owns: its name, the vhost (without --global), the
 * arguments under the names in the command's row, and the options that have a member. */
json_t *request_create(const struct invocation *i, const struct command *c);
/* Like request_create(), with what the row's `add` adds. Returns EXIT_OK, or the exit code after
 * saying what has been refused. */
int request_make(const struct invocation *i, const struct command *c, json_t **ret);

/* --- checks.c --------------------------------------------------------------------------------- */

/* Says the banner and asks for the health check of the command's row. Returns EXIT_OK with the
 * broker's answer ({"status": "ok"} ...), which the caller owns, or the exit code after saying what
 * has failed. */
int health_ask(struct invocation *i, const struct command *c, json_t **ret);
bool health_is_ok(const json_t *health);

/* Prints a listener, of a status: "Interface: [::], port: 5672", after the word that is given. */
void listener_words_print(FILE *out, const char *first, const json_t *listener);
/* Prints it as a line of its own. */
void listener_print(FILE *out, const json_t *listener);
/* Returns the listeners of a status, each with the node's name. The caller owns the list. */
json_t *listeners_for_programs(const struct invocation *i, const json_t *status);

/* --- locate.c --------------------------------------------------------------------------------- */

/* Writes the node's name as far as it is known without looking for the broker. */
void node_name_choose(struct invocation *i);
/* Looks for the broker, and writes its data directory and its node's name. If none is running, they
 * are those of the place that comes first. */
void broker_locate(struct invocation *i);

/* --- arguments.c ------------------------------------------------------------------------------ */

/* Checks options and arguments by the command's row. Returns EXIT_OK, or the exit code after saying
 * what is wrong. */
int arguments_check(struct invocation *i, const struct command *c);
/* Returns false if the text is not a number from 0. */
bool read_number(const char *text, json_int_t *ret);
/* Prints the command line and the command's usage. */
void usage_print(const struct invocation *i, const struct command *c, FILE *out);
/* Prints "Error (argument validation): REASON", the command line and the usage to standard error;
 * returns exit_code. */
int usage_error(const struct invocation *i, const struct command *c, int exit_code,
                const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
