/* The store's port to files. Everything the log and the segments do to a disk goes through this
 * table, so that tests can run them on a simulated disk (sim/disk_sim.h) that tears writes, forgets
 * what was not synced and fails on request. Calls block; they are made on the store's own threads,
 * or before the loops start. Calls that can fail return 0 or a negative ERR_...: usually ERR_IO,
 * ERR_NO_SPACE, ERR_NOT_FOUND, ERR_NO_DESCRIPTORS or ERR_REFUSED. */
#ifndef LEVERET_STORE_DISK_H
#define LEVERET_STORE_DISK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/uio.h>

struct disk_file;

enum disk_open { DISK_OPEN_READ, DISK_OPEN_WRITE, DISK_OPEN_CREATE /* and truncate */ };

struct disk {
    /* Opens a file; `path` is relative to the disk's directory. The caller owns *ret. */
    int (*open)(struct disk *disk, const char *path, enum disk_open how, struct disk_file **ret);
    /* Closes a file and clears the pointer. NULL is fine. */
    void (*close)(struct disk *disk, struct disk_file **file);
    /* Writes all parts. If it fails, any of these bytes may have been written. */
    int (*write)(struct disk *disk, struct disk_file *file, uint64_t offset,
                 const struct iovec *parts, size_t count);
    /* Reads up to `bytes` bytes; *ret_read is less only at the end of the file. */
    int (*read)(struct disk *disk, struct disk_file *file, uint64_t offset, void *to, size_t bytes,
                size_t *ret_read);
    /* Puts what was written to this file on the disk (fdatasync). After a failure nothing is known
     * about what was written since the last success, and a second try would prove nothing. */
    int (*sync)(struct disk *disk, struct disk_file *file);
    int (*size)(struct disk *disk, struct disk_file *file, uint64_t *ret_bytes);
    int (*truncate)(struct disk *disk, struct disk_file *file, uint64_t bytes);
    /* Replaces the file's content by this many zeros. They are written, not only reserved, so that
     * a later write changes no metadata. */
    int (*fill)(struct disk *disk, struct disk_file *file, uint64_t bytes);
    /* A created, renamed or removed name is durable only after sync_directory() of its folder. */
    int (*rename)(struct disk *disk, const char *from, const char *to);
    int (*remove)(struct disk *disk, const char *path);
    int (*make_directory)(struct disk *disk, const char *path); /* 0 if it exists */
    int (*sync_directory)(struct disk *disk, const char *path);
    /* Returns how many bytes are free on the disk; UINT64_MAX: unknown. Any thread. */
    uint64_t (*room)(struct disk *disk);
    /* Calls visit(arg, name, bytes) for each regular file of a folder, in no particular order. */
    int (*list)(struct disk *disk, const char *path,
                void (*visit)(void *arg, const char *name, uint64_t bytes), void *arg);
};

/* Returns a disk of the real files under `directory`. If the directory cannot be opened, the disk's
 * calls fail. The caller owns the disk. */
struct disk *disk_posix_create(const char *directory);
/* Frees the disk and clears the pointer. Its files must be closed. NULL is fine. */
void disk_posix_free(struct disk **disk);

#endif
