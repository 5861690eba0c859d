/* One lane with a plain owner, a journal, a simulated loop and a simulated disk: it does what a
 * queue does with its messages, without a queue.
 *
 * Messages are numbers: a message's body begins with its number, and is `body_bytes` long. A life
 * begins with lane_world_open() and ends with lane_world_close() or lane_world_cut_power(); the
 * disk outlives it. */
#ifndef LEVERET_TEST_PAGING_LANE_WORLD_H
#define LEVERET_TEST_PAGING_LANE_WORLD_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "loop/sim/loop_sim.h"
#include "paging/journal.h"
#include "store/sim/disk_sim.h"

enum { LANE_WORLD_NUMBERS = 20000 };

struct lane_world {
    struct disk_sim *disk;
    struct loops *loops;
    struct loop *home;
    struct journal *journal;
    /* May be changed before a life begins. */
    struct journal_limits limits;
    size_t body_bytes;
    uint64_t log_file_bytes;
    bool has_journal; /* the owner has one: its persistent messages outlive it */
    bool wants_found;
    /* The owner, in this life. */
    struct lane_owner owner;
    struct lane *lane; /* owner.first */
    struct lane_counters counters;
    _Atomic bool is_short_of_memory;
    struct confirm_sink sink;
    int refs;             /* held by reads, writes and waits under way */
    unsigned ready_calls; /* of calls->ready */
    unsigned fetched_calls;
    unsigned failures;
    uint64_t found[LANE_WORLD_NUMBERS]; /* positions, in the order in which they were found */
    unsigned found_count;
    /* Publishes, by number. */
    uint64_t confirmed[LANE_WORLD_NUMBERS]; /* in the order of the answers */
    unsigned confirmed_count;
    unsigned refused_count;
};

extern struct lane_world w;

/* For cmocka: sets up an empty disk and default limits, without a life; frees everything. */
int lane_world_set_up(void **state);
int lane_world_tear_down(void **state);

/* Begins a life and reads the log. */
void lane_world_open(void);
/* Begins a life without reading the log; lane_world_restore() reads it. */
void lane_world_open_unread(void);
void lane_world_restore(void);
/* Ends the life in good order. */
void lane_world_close(void);
/* Ends the life at once; everything that is not synced is lost. */
void lane_world_cut_power(void);

/* Does everything that is under way: the loop turns, the log and the segments write and sync. */
void lane_world_settle(void);
/* The loop has one turn; the store does nothing. */
void lane_world_turn(void);

/* Publishes a persistent message as a queue does. Its answer is added to confirmed[] or
 * refused_count. */
enum confirm_answer lane_world_publish(uint64_t number);
/* Publishes `count` messages, numbered from `first` on. */
void lane_world_publish_many(uint64_t first, unsigned count);
/* Publishes a persistent message with a deadline, without asking for a confirm. */
void lane_world_publish_due(uint64_t number, uint64_t deadline_ms);
/* Publishes a transient message. */
void lane_world_publish_transient(uint64_t number);

/* A message that has been delivered. */
struct held_message {
    uint64_t sequence;
    uint64_t number;
    bool redelivered;
};
/* Delivers the first ready message; waits for the disk. Fails the test if there is none. */
struct held_message lane_world_take(void);
/* Like lane_world_take(), but returns false if it would have to wait. */
bool lane_world_try_take(struct held_message *ret);
void lane_world_ack(uint64_t sequence);
/* Takes and acks `count` messages, which must be complete and have the numbers from `first` on. */
void lane_world_consume(uint64_t first, unsigned count);
/* Returns the number in a message's body, and checks the whole body. */
uint64_t lane_world_number_of(const struct message *message);

/* Returns the path of a segment file of the lane, in a static buffer. */
const char *lane_world_segment_path(uint64_t number);

#endif
