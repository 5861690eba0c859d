/* A disk of paper: files in memory, a trace with a line for every call, and errors on request. For
 * tests that compare the trace; what a crash leaves behind is tested with the simulated disk
 * (store/sim). Any thread. */
#ifndef LEVERET_TESTS_STORE_PAPER_DISK_H
#define LEVERET_TESTS_STORE_PAPER_DISK_H

#include "base/buffer.h"
#include "store/disk.h"

struct paper;

/* Makes an empty disk. The caller owns it. */
struct paper *paper_create(void);
/* Frees the disk. Asserts that no file is open. */
void paper_free(struct paper **paper);
struct disk *paper_disk(struct paper *paper);

/* Returns the calls since the last paper_trace(), one per line ("write segments/1-2.seg 0+16").
 * Valid until the next paper_trace(). */
const char *paper_trace(struct paper *paper);
/* Return the bytes of a file as they read, and as they were synced last; {NULL, 0} if there is no
 * such file. */
struct slice paper_bytes(struct paper *paper, const char *path);
struct slice paper_synced(struct paper *paper, const char *path);
/* Returns the address of the first part of the last write. */
const void *paper_last_written(const struct paper *paper);

/* Makes the n-th call (from 1, counted from now on) of this kind ("write", "sync", ... ; NULL: of
 * any) fail with this error, and those after it, `times` calls in all. */
void paper_fail(struct paper *paper, const char *kind, unsigned number, unsigned times, int error);
/* Returns the number of calls of this kind since paper_fail(). */
unsigned paper_calls(const struct paper *paper);
/* Sets what the disk says is free (at first: UINT64_MAX). Writes do not change it. */
void paper_set_room(struct paper *paper, uint64_t bytes);
/* Limits how many files can be open at a time; beyond that, calls fail with ERR_NO_DESCRIPTORS. */
void paper_set_open_max(struct paper *paper, unsigned files);
unsigned paper_open_count(const struct paper *paper);

#endif
