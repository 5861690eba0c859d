/* Texts for the user. */
#ifndef LEVERETCTL_SAY_H
#define LEVERETCTL_SAY_H

#include <jansson.h>
#include <stdio.h>

#include "leveretctl/command.h"

/* Returns the buffer as a string, which is valid until something is added to it. */
const char *text_of(struct lv_buffer *b);
/* Appends a number of bytes as "1.3 MB". */
void size_put(struct lv_buffer *out, long long bytes);
/* Appends a template (command.h) with its variables filled in. `answer` (NULL: there is none yet)
 * is the last line of the broker's answer. */
void expand(const struct invocation *i, const json_t *answer, const char *text,
            struct lv_buffer *out);

/* Prints a template as the banner (NULL: none), unless --quiet was given or the output format is
 * for programs. */
void say_banner(const struct invocation *i, const char *text);
/* Prints "Error:\nTEXT" to standard error; returns exit_code. */
int say_error(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Prints {"node": ..., "result": "ok", "value": VALUE}. Takes the value. */
void say_value(const struct invocation *i, json_t *value);
/* Prints, in the output format, that a change is done: `message`. If this is NULL, prints nothing,
 * or in JSON that the result is ok. */
void say_done(const struct invocation *i, const char *message);
/* Prints a line of JSON to standard output, or to `out`. Takes the value. */
void say_json(json_t *value);
void print_json(FILE *out, json_t *value);

#endif
