/* Segments: files of one queue each that hold its messages which were paged out of memory. They are
 * written from front to back and read back in the same order. docs/formats/segment.md describes the
 * bytes.
 *
 *   (1) A segment is a sequence of blocks. A block holds messages of one chunk (64 sequence
 *       numbers): all of them, or only some if they are large.
 *   (2) Blocks are appended and never changed. What is settled is recorded in the log, not here.
 *   (3) A segment is removed as a whole.
 *
 * One thread, the worker, does all the reading and writing. Jobs of one file are done in the order
 * of the calls; a read may overtake jobs of other files. Any thread may submit a job. `done` is
 * called on the worker, once for every call, and may submit more. In a simulation there is no
 * thread: segments_step() does one job. */
#ifndef LEVERET_STORE_SEGMENTS_H
#define LEVERET_STORE_SEGMENTS_H

#include "base/buffer.h"
#include "store/disk.h"
#include "store/log.h"

/* --- blocks: pure ----------------------------------------------------------------------------- */

enum {
    SEGMENT_BLOCK_ENTRIES = 64,
    SEGMENT_BLOCK_HEADER_BYTES = 40, /* enough to know a block's size */
};

struct segment_entry {
    unsigned slot;        /* 0..63, within the chunk; larger than that of the entry before */
    bool redelivered;     /* may have been delivered before */
    uint64_t deadline_ms; /* when it is due, by loop_steady_ms(); 0: never */
    struct log_message message;
};

struct segment_block {
    uint64_t chunk; /* sequence number / 64 */
    size_t count;
    struct segment_entry entries[SEGMENT_BLOCK_ENTRIES];
};

/* Appends the block's bytes to `out`, for this offset of this file (the checksum covers queue, file
 * and offset). Their number is a multiple of 8, and so must be the offset. The block has at least
 * one entry; exchange names and routing keys have at most 255 bytes, headers and bodies less than
 * 4 GiB. */
void segment_put_block(struct lv_buffer *out, uint64_t queue, uint64_t number, uint64_t offset,
                       const struct segment_block *block);

enum segment_result { SEGMENT_BLOCK, SEGMENT_SHORT, SEGMENT_BROKEN };

/* Reads the block at the beginning of `bytes`, which were read from this offset. Returns
 *   - SEGMENT_BLOCK: *ret_bytes is the block's size, and its entries borrow from `bytes`;
 *   - SEGMENT_SHORT: more bytes are needed, *ret_bytes in all;
 *   - SEGMENT_BROKEN: there is no valid block here. */
enum segment_result segment_read_block(struct slice bytes, uint64_t queue, uint64_t number,
                                       uint64_t offset, struct segment_block *ret,
                                       uint64_t *ret_bytes);

/* Finds the next valid block after the broken one at the beginning of `bytes`, which were read from
 * this offset. Returns false if there is none in `bytes`. A block that ends beyond `bytes` is found
 * by its valid header; segment_read_block() then returns SEGMENT_SHORT. To continue in the next
 * buffer, start it with the last SEGMENT_BLOCK_HEADER_BYTES of this one. */
bool segment_find_block(struct slice bytes, uint64_t queue, uint64_t number, uint64_t offset,
                        uint64_t *ret_offset);

/* Returns the version of the block at the beginning of a file if it is newer than SEGMENT_VERSION,
 * else 0. */
unsigned segment_newer_version(struct slice beginning);
enum { SEGMENT_VERSION = 2 }; /* in version 1 an entry had no header format */

/* --- files ------------------------------------------------------------------------------------ */

struct segments; /* see segments_private.h */

/* Called on the worker when a job is done; `error` is 0 or a negative ERR_... `read` is what a read
 * has read, or what a failed write was to write; otherwise NULL. The callback must not block and
 * not close the segments. */
typedef void segments_done(void *arg, int error, struct lv_buffer *read);

/* Opens the folder "segments" of the disk, which it borrows, and starts the worker unless
 * is_stepped. Returns ERR_FORMAT if a file is of a newer version (lv_error_reason() names it). The
 * caller owns *ret. Blocks. */
int segments_open(struct disk *disk, bool is_stepped, struct segments **ret);

/* Keeps at most `files_max` files open (at least 1), including those that wait for a sync. Call it
 * before any read or write. */
void segments_limit_open(struct segments *segments, unsigned files_max);
/* Makes a write fail with ERR_NO_SPACE if it would leave less than `bytes` free on the disk (0, the
 * default: it may take all). Call it before any read or write. */
void segments_leave_room(struct segments *segments, uint64_t bytes);
/* Calls `on_low` on the worker when a write leaves the disk less than `room_min` bytes free: once,
 * until this function is called again. If `room_min` is 0 it is never called. Any thread. */
void segments_watch_room(struct segments *segments, uint64_t room_min, void (*on_low)(void *arg),
                         void *arg);
/* Finishes all submitted jobs, and those that `done` submits meanwhile, ends the worker, frees the
 * segments and clears the pointer. No other thread may use them from here on. NULL is fine.
 * Blocks. */
void segments_close(struct segments **segments);

/* Writes bytes at an offset; at offset 0 it creates a missing file. Takes the content of *bytes,
 * which is empty afterwards. After a failure `done` gets the bytes back as `read` and may keep
 * them. After ERR_NO_SPACE, ERR_NO_DESCRIPTORS or ERR_NO_MEMORY they may be written again (though
 * the next sync fails); after any other failure the caller gives the file up. `done` may be
 * NULL. */
void segments_write(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                    struct lv_buffer *bytes, segments_done *done, void *arg);
/* Reads up to `bytes` bytes; fewer only at the end of the file. `done` may keep the buffer by
 * moving its content out. After a failure it is empty. */
void segments_read(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                   size_t bytes, segments_done *done, void *arg);
/* Syncs the file's earlier writes and its name: they are on the disk when `done` is called with 0.
 * Fails if a write since the last sync has failed. */
void segments_sync(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                   void *arg);
/* Removes a file. A missing file is not an error. `done` may be NULL. */
void segments_remove(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                     void *arg);

/* Visits every existing file with its queue, number and size. Call it before any read or write. */
int segments_list(struct segments *s,
                  void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes),
                  void *arg);

/* Does one job. Returns false if there is none. Call only if the segments were opened with
 * is_stepped. */
bool segments_step(struct segments *s);

#endif
