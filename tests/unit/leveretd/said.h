/* Shared by the tests of settings: the reported lines as text, and a fake environment. */
#ifndef LEVERET_TESTS_LEVERETD_SAID_H
#define LEVERET_TESTS_LEVERETD_SAID_H

#include "base/buffer.h"
#include "leveretd/config.h"

/* A config_say: appends "level: text\n" to the struct lv_buffer. */
void said_add(void *arg, enum log_level level, const char *text);
/* Checks the text, and empties it. */
void said_check(struct lv_buffer *said, const char *expected);

/* Writes a file in /tmp and returns its name. The caller owns the name, and unlinks the file. */
char *said_file(const char *text);

/* Sets what environment_get(), a config_getenv, returns: pairs of name and value, up to NULL. */
void environment_set(const char *const *pairs);
const char *environment_get(const char *name);

#endif
