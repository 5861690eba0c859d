/* The log: one sequence of files for the whole broker. It stores the messages of durable queues and
 * what happens to them, and says when they are safe from a crash. docs/formats/log.md has the
 * bytes.
 *
 *   (1) Loops stage records in memory, each into a stage of its own, in order; once a turn a stage
 *       is submitted as one batch and gets a ticket.
 *   (2) One writer thread takes what all loops have submitted, appends it to the file (mostly with
 *       one write), syncs once, and then reports to each loop up to which ticket its records are
 *       safe. While it syncs, the next batches gather.
 *   (3) Tickets of one stage become safe in order. A client is answered for a record only after the
 *       record's ticket is safe.
 *   (4) A file is removed or used again when no queue depends on anything in it (log_set_floor).
 *
 * A failed write or sync is final: every ticket not yet safe fails, and so does everything after it
 * (log_failure). A full disk is not a failure: the log reports it (on_space), if possible while the
 * current file still has room, and the writer waits until the disk has room again.
 *
 * The log knows no queue and no message: it stores numbers and bytes. */
#ifndef LEVERET_STORE_LOG_H
#define LEVERET_STORE_LOG_H

#include "base/buffer.h"
#include "base/slice.h"
#include "store/disk.h"
#include "store/header_format.h"

struct log;
struct log_stage;

/* --- what is stored --------------------------------------------------------------------------- */

struct log_message {
    struct slice exchange;
    struct slice routing_key;
    struct slice header; /* encoded as `format` says */
    struct slice body;
    bool is_persistent;
    uint8_t format; /* of the header: enum header_format */
};

enum {
    LOG_DELIVERED = 1, /* was delivered before: the next delivery is marked as redelivered */
};

/* A run of sequence numbers [from, from + count). */
struct log_range {
    uint64_t from;
    uint64_t count;
};

/* A segment file that holds messages of a queue, as a snapshot names it. */
struct log_segment {
    uint64_t number;
    uint64_t first_sequence;
    uint64_t end_sequence;
    uint64_t bytes;               /* of the file, synced */
    uint64_t persistent_live;     /* persistent messages in it that are not settled */
    uint64_t persistent_bytes;    /* of their bodies */
    const struct log_range *live; /* sequence numbers not settled */
    size_t live_count;
};

/* A message that is stored in a snapshot. */
struct log_carried {
    uint64_t sequence;
    unsigned flags;       /* 0 or LOG_DELIVERED */
    uint64_t deadline_ms; /* 0: none */
    struct log_message message;
};

/* How often a message has been returned to its queue. */
struct log_count {
    uint64_t sequence;
    uint32_t count; /* 255: 255 times or more */
};

/* The whole state of a queue at this point of the log. It replaces all earlier records about the
 * queue. */
struct log_snapshot {
    uint64_t queue;
    uint64_t next_sequence;
    uint64_t delivered_below; /* sequence numbers below may have been delivered */
    const struct log_segment *segments;
    size_t segment_count;
    const struct log_carried *carried; /* by sequence number */
    size_t carried_count;
    const struct log_count *counts; /* of the messages above that have been returned */
    size_t count_count;
    bool has_deadlines; /* some messages in the segments have one */
};

/* A queue's name and arguments, from which lost definitions can be rebuilt with the log alone. */
struct log_queue {
    uint64_t queue;
    bool is_auto_delete;
    struct slice vhost;
    struct slice name;
    struct slice arguments; /* the content of an AMQP field table */
};

/* --- staging ---------------------------------------------------------------------------------- */

/* There is one stage per loop. Call a function that takes a stage only on that loop's thread, or
 * while no loop runs. What it gets is copied. */

/* Stages a message for a queue, with its sequence number (below 2^56) and its deadline
 * (loop_steady_ms(); 0: none). A message for several queues is stored once: if `identity` (the
 * caller's pointer to the message, not NULL) is the one of the previous call and nothing else was
 * staged since, only a target is added to the record of that call. */
void log_enqueue(struct log_stage *stage, const struct log_message *message, const void *identity,
                 uint64_t queue, uint64_t sequence, unsigned flags, uint64_t deadline_ms);
/* Ends the message staged last, which may then be freed: the next call of log_enqueue() stages
 * another one even if it has the same address. */
void log_end_message(struct log_stage *stage);
/* Stages that `count` (> 0) messages are settled: acknowledged, discarded, expired or purged.
 * Adjacent ranges of a queue are merged, so a settle may be moved after enqueues staged later in
 * the turn, never before anything staged earlier. */
void log_settle(struct log_stage *stage, uint64_t queue, uint64_t from, uint64_t count);
/* Stages that all messages of the queue with sequence numbers below this one may have been
 * delivered. */
void log_delivered(struct log_stage *stage, uint64_t queue, uint64_t below);
/* Stages how often a message has been returned to its queue. */
void log_count(struct log_stage *stage, uint64_t queue, struct log_count count);
/* Stages the queue's name and arguments. */
void log_put_queue(struct log_stage *stage, const struct log_queue *queue);
/* Stages the whole state of a queue. */
void log_put_snapshot(struct log_stage *stage, const struct log_snapshot *snapshot);
/* Stages that a queue's segment file is no longer needed and will be removed. */
void log_segment_gone(struct log_stage *stage, uint64_t queue, uint64_t number);
/* Stages that the queue is deleted. */
void log_queue_gone(struct log_stage *stage, uint64_t queue);

/* Hands what is staged to the writer, as one batch. Returns its ticket (on_safe reports when it is
 * safe), or the previous ticket if nothing was staged. The first ticket is 1, each is one higher
 * than the one before. */
uint64_t log_submit(struct log_stage *stage);
/* Returns the ticket with which everything staged so far is safe: the one that the next
 * log_submit() will return, which is the previous one if nothing has been staged since. */
uint64_t log_ticket(const struct log_stage *stage);
/* Returns the bytes that are submitted on all stages and not yet safe, for back pressure. Any
 * thread. */
uint64_t log_unsafe_bytes(const struct log *log);

/* --- files ------------------------------------------------------------------------------------ */

/* Returns the number of the file being written: what is staged from now on is stored in it or in a
 * later one. Any thread. */
uint64_t log_current_file(const struct log *log);
/* Sets the stage's floor: its loop no longer needs any file below `file`. Files below the lowest
 * floor of all stages are removed or used again. UINT64_MAX: the loop needs no file; staging a
 * message or a snapshot then lowers the floor to the current file. After log_open() the floor is 0,
 * and must not be raised before log_read() has read everything. */
void log_set_floor(struct log_stage *stage, uint64_t file);

/* --- the log itself --------------------------------------------------------------------------- */

enum log_durability {
    LOG_SYNC,     /* safe means synced */
    LOG_INTERVAL, /* safe means written; synced at the latest interval_ms later */
    LOG_NEVER,    /* safe means written; on the disk whenever the kernel writes it there */
};

/* Returns the size of the small files with which a log whose files have `file_bytes` goes on when
 * the disk is full. Whatever else is written should leave that much room. Any thread. */
uint64_t log_small_file_bytes(uint64_t file_bytes);

struct log_options {
    struct disk *disk;   /* borrowed */
    uint64_t file_bytes; /* 16 MiB */
    uint64_t salt;       /* of a new log; 0: a random one. Tests give one, to be repeatable */
    unsigned stages;     /* one per loop */
    enum log_durability durability;
    unsigned interval_ms; /* of LOG_INTERVAL: > 0 */
    /* Reports that the tickets of a stage up to this one are safe (error 0) or will never be (< 0).
     * Is called on the writer thread; for the last tickets within log_close(), and with is_stepped
     * within log_step(). */
    void (*on_safe)(void *arg, unsigned stage, uint64_t ticket, int error);
    /* Reports that the disk has no room for the next file or write (false), or has again (true). Is
     * called on the same thread as on_safe. May be NULL. */
    void (*on_space)(void *arg, bool has_room);
    void *arg;
    bool is_stepped; /* no threads: log_step() does their work (tests) */
};

/* Gets what log_read() finds, in the order in which it was written. `file` is the number of the
 * file in which it was found. Members may be NULL. Slices and pointers are valid during the call
 * only. */
struct log_visitor {
    void (*enqueue)(void *arg, uint64_t file, uint64_t queue, const struct log_carried *message);
    void (*settle)(void *arg, uint64_t queue, uint64_t from, uint64_t count);
    void (*delivered)(void *arg, uint64_t file, uint64_t queue, uint64_t below);
    void (*count)(void *arg, uint64_t file, uint64_t queue, struct log_count count);
    void (*snapshot)(void *arg, uint64_t file, const struct log_snapshot *snapshot);
    void (*segment_gone)(void *arg, uint64_t queue, uint64_t number);
    void (*queue_gone)(void *arg, uint64_t queue);
    void (*queue)(void *arg, const struct log_queue *queue);
};

struct log_recovery {
    uint64_t files;
    uint64_t bytes_read;
    uint64_t records;
    uint64_t torn_bytes;     /* of the last write, cut off: never confirmed */
    uint64_t damaged_ranges; /* elsewhere; each is logged with file and offset */
    uint64_t damaged_bytes;
};

/* Finds the end of the existing log (folder "log" of the disk) and begins a new file after it. With
 * LOG_SYNC this reads a few whole files at most, and of the others only the beginning. Creates the
 * folder if it is missing. Returns ERR_FORMAT if a file is of a newer version. The caller owns
 * *ret. */
int log_open(const struct log_options *options, struct log **ret);
/* Starts the log's threads. Call at most once, and not with is_stepped. */
int log_start(struct log *log);

/* Reads the next file that existed at log_open(), oldest first, and calls the visitor for its
 * records. Sets *ret_is_over to true after the last one: do not call it again then. May be called
 * on any thread, by one at a time, while the log is written to. Returns
 *   - ERR_IO if nothing of a file can be read, ERR_NO_DESCRIPTORS or ERR_NO_MEMORY if there is none
 *     left to read it: then nothing of it was visited, and the call may be repeated;
 *   - ERR_FORMAT if only a newer Leveret knows a record's version or the format of a message's
 *     header (lv_error_reason() says which and where). This is final: the records before it were
 *     visited. */
int log_read(struct log *log, const struct log_visitor *visitor, void *arg, bool *ret_is_over);
/* Returns the bytes that log_read() has yet to read; 0 at the end. On the thread that calls
 * log_read(). */
uint64_t log_unread_bytes(const struct log *log);
/* Returns what log_read() has found so far. On the thread that calls log_read(). */
struct log_recovery log_recovered(const struct log *log);
/* Returns a stage, which the log owns. Any thread. */
struct log_stage *log_stage(struct log *log, unsigned index);
/* Sets how many bytes are to be left free on the disk. A new file that would leave less is made
 * only if settles could not be stored otherwise, and then a small one; on_space reports it. 0 after
 * log_open(). Any thread. */
void log_set_room_min(struct log *log, uint64_t bytes);
/* Returns about how many bytes can still be written to the current file without more room on the
 * disk. Any thread. */
uint64_t log_room(const struct log *log);
/* With true, files that are no longer needed are removed instead of kept for reuse. Any thread. */
void log_set_short(struct log *log, bool is_short);
/* Returns 0, or the error after which the log stores nothing more. Any thread. */
int log_failure(const struct log *log);
/* Returns for how many milliseconds the writer has been busy with what it is writing or syncing
 * now, 0 if with nothing. If that is long, the disk does not answer. Any thread. */
uint64_t log_busy_ms(const struct log *log);
/* Does one piece of the keeper's work and one round of the writer's. Returns true if there was any.
 * Call only with is_stepped. */
bool log_step(struct log *log);
/* Writes and syncs what was submitted, answers all tickets, and ends the threads. No stage may be
 * used afterwards. Clears the pointer. NULL is fine. */
void log_close(struct log **log);

#endif
