/* What the tests of settings share: everything that was said, as text, and an environment. */
#ifndef LEVERET_TESTS_LEVERETD_SAID_H
#define LEVERET_TESTS_LEVERETD_SAID_H

#include "base/buffer.h"
#include "leveretd/config.h"

/* A config_say: appends "level: text\n" to the struct lv_buffer. */
void said_add(void *arg, enum log_level level, const char *text);
/* Compares and empties. */
void said_check(struct lv_buffer *said, const char *expected);

/* Writes a file below /tmp; the caller owns the name and unlinks it. */
char *said_file(const char *text);

/* An environment for config_getenv: pairs of name and value, up to NULL. */
void environment_set(const char *const *pairs);
const char *environment_get(const char *name);

#endif
