/* Segments: a queue's messages that have left memory, in files of the queue's own, written front to
 * back and read back the same way. docs/formats/segment.md has the bytes.
 *
 *   (1) A segment is a run of blocks. A block holds messages of one chunk (64 sequence numbers): all
 *       of them, or a part when they are large.
 *   (2) Blocks are appended and never changed. What is settled is not noted here: the log knows.
 *   (3) A segment is removed whole.
 *
 * One thread does the work, in the order of the calls for each file; a read may overtake what was
 * asked for other files. Any thread may ask. `done` is called on the working thread, once for every
 * call, and may ask for more. In a simulation there is no thread and segments_step() does one piece
 * of work. */
#ifndef LEVERET_STORE_SEGMENTS_H
#define LEVERET_STORE_SEGMENTS_H

#include "base/buffer.h"
#include "store/disk.h"
#include "store/log.h"

/* --- blocks: pure ----------------------------------------------------------------------------- */

enum {
    SEGMENT_BLOCK_ENTRIES = 64,
    SEGMENT_BLOCK_HEADER_BYTES = 40, /* what it takes to know a block's size */
};

struct segment_entry {
    unsigned place;       /* 0..63, within the chunk; entries of a block are in order of place */
    bool redelivered;     /* may have been delivered */
    uint64_t deadline_ms; /* 0: none */
    struct log_message message;
};

struct segment_block {
    uint64_t chunk; /* sequence number / 64 */
    size_t count;
    struct segment_entry entries[SEGMENT_BLOCK_ENTRIES];
};

/* Appends the block's bytes, as they stand at this offset of this file (the checksum is bound to
 * the place): a multiple of 8 bytes at an offset that is one. At least one entry; names of at most
 * 255 bytes, headers and bodies below 4 GiB. */
void segment_put_block(struct lv_buffer *out, uint64_t queue, uint64_t number, uint64_t offset,
                       const struct segment_block *block);

enum segment_result { SEGMENT_BLOCK, SEGMENT_SHORT, SEGMENT_BROKEN };

/* Reads the block at the beginning of `bytes`, which stand at this offset. SEGMENT_SHORT: more bytes
 * are needed, *ret_bytes says how many in all. SEGMENT_BROKEN: no valid block stands here. On
 * SEGMENT_BLOCK *ret_bytes is its size; the entries borrow from `bytes`. */
enum segment_result segment_read_block(struct slice bytes, uint64_t queue, uint64_t number,
                                       uint64_t offset, struct segment_block *ret,
                                       uint64_t *ret_bytes);

/* The next place behind a broken block, which begins `bytes`, at which a valid one stands, within
 * `bytes`; false when there is none. For getting on after damage. A block that reaches beyond
 * `bytes` counts when its header is valid: segment_read_block() says SEGMENT_SHORT there. Who
 * searches on in what follows begins it with the last SEGMENT_BLOCK_HEADER_BYTES of these. */
bool segment_find_block(struct slice bytes, uint64_t queue, uint64_t number, uint64_t offset,
                        uint64_t *ret_offset);

/* The version that the block at the beginning of a file says it has, if that is newer than ours; else 0. */
unsigned segment_newer_version(struct slice beginning);
enum { SEGMENT_VERSION = 2 }; /* 1: without a format of headers */

/* --- files ------------------------------------------------------------------------------------ */

struct segments;

struct segments_job;
typedef void segments_done(void *arg, int error, struct lv_buffer *read);

/* Uses the folder "segments" of the disk. ERR_FORMAT: a file is of a newer version (which one:
 * lv_error_reason). */
int segments_open(struct disk *disk, bool is_stepped, struct segments **ret);

/* Keeps at most so many files open (at least 1), also while they wait for a sync. Before anything is
 * asked for. */
void segments_limit_open(struct segments *segments, unsigned files_max);
/* `on_low` is called, once until the next call of this and on the working thread, when what was written
 * leaves the disk less room than this. 0: never. Any thread. */
void segments_watch_room(struct segments *segments, uint64_t room_min, void (*on_low)(void *arg),
                         void *arg);
/* Does what was asked for before, ends the thread. */
void segments_close(struct segments **segments);

/* Writes bytes at an offset; at 0 the file is made when it is not there. Takes what is in *bytes
 * (which is empty afterwards). When it failed, `done` gets them as `read`, to take or leave. After
 * ERR_NO_SPACE or ERR_NO_DESCRIPTORS they may be written again (the next sync fails all the same);
 * other failures are final for the file. */
void segments_write(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                    struct lv_buffer *bytes, segments_done *done, void *arg);
/* Reads up to `bytes`; the buffer in `done` is the callee's to take (move it out) or leave. After a
 * failure it is empty. */
void segments_read(struct segments *s, uint64_t queue, uint64_t number, uint64_t offset,
                   size_t bytes, segments_done *done, void *arg);
/* What was written to the file before, and its name, are on the disk when `done` says 0. Fails when
 * a write since the last sync has failed. */
void segments_sync(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                   void *arg);
/* Removes one file; removing what is not there is fine. done may be NULL. */
void segments_remove(struct segments *s, uint64_t queue, uint64_t number, segments_done *done,
                     void *arg);

/* Visits (queue, number, bytes) of every file there. Before anything else is asked for. */
int segments_list(struct segments *s,
                  void (*visit)(void *arg, uint64_t queue, uint64_t number, uint64_t bytes),
                  void *arg);

/* Does one piece of work. True when there was any. Only with is_stepped. */
bool segments_step(struct segments *s);

#endif
