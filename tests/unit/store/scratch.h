/* A directory for a test, and what every test includes. */
#ifndef LEVERET_TESTS_STORE_SCRATCH_H
#define LEVERET_TESTS_STORE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"

/* Makes a new directory below $TMPDIR or /tmp. The caller owns the name. */
char *scratch_create(void);
/* Removes the directory and the files in it (no directories), and frees the name. */
void scratch_remove(char **dir);

#endif
