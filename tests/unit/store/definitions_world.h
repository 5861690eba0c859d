/* What the tests of the definitions share: changes in short, rows as one line of text each, and a
 * disk that fails on request. */
#ifndef LEVERET_TESTS_STORE_DEFINITIONS_WORLD_H
#define LEVERET_TESTS_STORE_DEFINITIONS_WORLD_H

#include "store/definitions.h"
#include "store/scratch.h"

#define S(text) slice_str(text)

/* Opens the definitions in a directory; fails the test if that fails. */
struct definitions *definitions_opened(const char *dir);
/* Submits a change whose answer does not matter. */
void submit_change(struct definitions *d, struct definition_change *change);
/* Make changes without arguments. */
struct definition_change *put_queue(const char *vhost, const char *name);
struct definition_change *put_binding(const char *vhost, const char *source, const char *to,
                                      bool is_to_queue, const char *key);

/* Returns every row as a line "kind|field|field...", in the order of the load. The caller owns it.
 */
char *rows_text(struct definitions *d);
/* Closes the definitions, opens them again, and compares every row. */
void check_rows_after_restart(const char *dir, struct definitions **d, const char *expected);

/* Counts the calls of `done`. */
struct outcome {
    _Atomic unsigned done;
    _Atomic unsigned failed;
    _Atomic int last_error;
};
void outcome_done(void *arg, int error);
/* Waits until this many are done; fails the test after 10 s. */
void outcome_wait(struct outcome *outcome, unsigned count);

/* Returns how many queues another process would see. */
int count_queues(const char *dir);
/* Returns the number of rows of any table. */
int count_rows(const char *dir, const char *table);
/* Runs a statement, as another process would. */
void change_file(const char *dir, const char *sql);

/* Counts SQLite's writes, syncs and truncations from here on, and makes the one with this number
 * (from 1) fail with an I/O error, once. 0: none fails. */
void sqlite_fail_at(unsigned number);

#endif
