/* The store's port to files. Everything the log and the segments do to a disk goes through this
 * table, so that tests can run them on a simulated one (sim/disk_sim.h) that tears writes, forgets
 * what was not synced and fails when told to. Calls block; they are made on the store's own
 * threads, or before the loops start. Errors are ERR_IO, ERR_NO_SPACE, ERR_NOT_FOUND,
 * ERR_NO_DESCRIPTORS, ERR_REFUSED. */
#ifndef LEVERET_STORE_DISK_H
#define LEVERET_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk_file;

enum disk_open { DISK_OPEN_READ, DISK_OPEN_WRITE, DISK_OPEN_CREATE /* and cut to nothing */ };

struct disk {
    /* Opens a file; `path` is relative to the disk's directory. The caller owns *ret. */
    int (*open)(struct disk *disk, const char *path, enum disk_open how, struct disk_file **ret);
    /* Clears the pointer. NULL is fine. */
    void (*close)(struct disk *disk, struct disk_file **file);
    /* Writes all of it, or fails. What was written before a failure is undefined. */
    int (*write)(struct disk *disk, struct disk_file *file, uint64_t offset,
                 const struct iovec *parts, size_t count);
    /* Reads up to `bytes`; *ret_read is less only at the end of the file. */
    int (*read)(struct disk *disk, struct disk_file *file, uint64_t offset, void *to, size_t bytes,
                size_t *ret_read);
    /* What was written to this file is on the disk afterwards (fdatasync). After a failure nothing
     * is known of what was written since the last success: never to be tried again. */
    int (*sync)(struct disk *disk, struct disk_file *file);
    int (*size)(struct disk *disk, struct disk_file *file, uint64_t *ret_bytes);
    int (*truncate)(struct disk *disk, struct disk_file *file, uint64_t bytes);
    /* The file has so many bytes of zeros afterwards, written, not just reserved: so that a later
     * write changes no metadata. */
    int (*fill)(struct disk *disk, struct disk_file *file, uint64_t bytes);
    /* Names: durable only after sync_directory() of the folder. */
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove)(struct disk *disk, const char *path);
    int (*make_directory)(struct disk *disk, const char *path); /* fine when it is there */
    int (*sync_directory)(struct disk *disk, const char *path);
    /* How many bytes more files may take, as far as is known; UINT64_MAX: not known. */
    uint64_t (*room)(struct disk *disk);
    /* Calls visit(arg, name, bytes) for each file of a folder, in no order. */
    int (*list)(struct disk *disk, const char *path,
                void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg);
};

/* Real files under `directory`. The caller owns *ret. */
struct disk *disk_posix_create(const char *directory);
void disk_posix_free(struct disk **disk);

#endif
