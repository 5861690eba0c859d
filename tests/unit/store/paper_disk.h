/* A disk of paper: files in memory, a line for every call, and errors on request. For tests that
 * expect a trace; what a crash leaves behind is the simulated disk's business. Any thread. */
#ifndef LEVERET_TESTS_STORE_PAPER_DISK_H
#define LEVERET_TESTS_STORE_PAPER_DISK_H

#include "base/buffer.h"
#include "store/disk.h"

struct paper;

/* The caller owns it. Paths of files are "segments/..." and the like. */
struct paper *paper_create(void);
/* Fails the test when a file is still open. */
void paper_free(struct paper **paper);
struct disk *paper_disk(struct paper *paper);

/* The calls since the last paper_trace(), one a line ("write segments/1-2.seg 0+16"). Valid until
 * the next call. */
const char *paper_trace(struct paper *paper);
/* The bytes of a file; of those the ones that have been synced. Not found: {NULL, 0}. */
struct slice paper_bytes(struct paper *paper, const char *path);
struct slice paper_synced(struct paper *paper, const char *path);
/* Where the first part of the last write lay. */
const void *paper_last_written(const struct paper *paper);

/* The n-th (from 1) call of this kind ("write", "sync", ... ; NULL: of any) from now on fails with
 * this error; and all after it, when so many are wanted. */
void paper_fail(struct paper *paper, const char *kind, unsigned number, unsigned times, int error);
/* Calls of this kind since paper_fail(). */
unsigned paper_calls(const struct paper *paper);
/* No more files than this can be open at a time (ERR_NO_DESCRIPTORS). */
void paper_set_open_max(struct paper *paper, unsigned files);
unsigned paper_open_count(const struct paper *paper);

#endif
