/* A world for tests of segments: a disk of paper, segments that are stepped, and the answer to each
 * job. */
#ifndef LEVERET_TESTS_STORE_SEGMENTS_WORLD_H
#define LEVERET_TESTS_STORE_SEGMENTS_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "store/paper_disk.h"
#include "store/segments.h"

struct world {
    struct paper *paper;
    struct segments *s;
    struct lv_buffer answers; /* "write, read: hare, sync: ERR_IO" */
};

void world_start(struct world *w);
void world_stop(struct world *w);
/* Does all jobs. */
void world_run(struct world *w);

/* Submit a job for the file 1-NUMBER. Its answer is added to the answers when it is done. */
void submit_write(struct world *w, uint64_t number, uint64_t offset, const char *text);
void submit_read(struct world *w, uint64_t number, uint64_t offset, size_t bytes);
void submit_sync(struct world *w, uint64_t number);
void submit_remove(struct world *w, uint64_t number);

/* A job's `done`, which adds "name: bytes" or "name: ERR_..." to the answers and frees its
 * argument; and that argument. */
struct expected_answer *answer_expect(struct world *w, const char *name);
void answer_add(void *arg, int error, struct lv_buffer *read);

/* Does all jobs and compares the answers since the last check. */
void check_answers(struct world *w, const char *expected);
/* Does all jobs and compares the calls of the disk since the last check. */
void check_trace(struct world *w, const char *expected);

#endif
