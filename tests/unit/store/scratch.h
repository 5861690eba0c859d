/* What the store's tests share: a directory that goes away, a disk that fails on request, and
 * rows as one line of text each. */
#ifndef LEVERET_TESTS_STORE_SCRATCH_H
#define LEVERET_TESTS_STORE_SCRATCH_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/buffer.h"
#include "store/definitions.h"

/* A new directory below $TMPDIR or /tmp. The caller owns the name. */
char *scratch_create(void);
/* Removes it with the files in it (no directories) and frees the name. */
void scratch_remove(char **dir);

/* From here on SQLite's writes, syncs and truncations are counted, and the one with this number
 * (from 1) fails with an I/O error, once. 0: none fails. */
void disk_fail_at(unsigned number);
/* How many there have been since disk_fail_at(). */
unsigned disk_operations(void);

/* Every row as a line "kind|field|field...", in the order of the load. The caller owns it. */
char *rows_text(struct definitions *d);

/* Counts the calls of `done`, and waits for them. */
struct outcome {
    _Atomic unsigned done;
    _Atomic unsigned failed;
    _Atomic int last_error;
};
void outcome_done(void *arg, int error);
/* Waits until so many are done; fails the test after 10 s. */
void outcome_wait(struct outcome *outcome, unsigned count);

#endif
