/* A log of three stages on a simulated disk, without threads: the world of the tests test_log_*.c.
 * What the log answers and what recovery reads are kept as text. Functions fail the test when
 * something goes wrong that they do not return. */
#ifndef LEVERET_TESTS_STORE_LOG_WORLD_H
#define LEVERET_TESTS_STORE_LOG_WORLD_H

#include "base/buffer.h"
#include "base/slice.h"
#include "store/log.h"
#include "store/scratch.h"
#include "store/sim/disk_sim.h"

enum { STAGES = 3, FILE_BYTES = 8192 };

struct world {
    struct disk_sim *sim;
    struct log *log;
    struct log_options options;
    struct log_recovery recovery;
    struct lv_buffer read;    /* what the last open found: "QUEUE.SEQUENCE[*] BODY" (*: delivered),
                                 "settle QUEUE.FROM+COUNT", "gone QUEUE", a line each */
    struct lv_buffer answers; /* "STAGE:TICKET " (with ! after an error), "room ", "no-room " */
    uint64_t safe[STAGES];    /* the highest ticket reported as safe */
    int error;                /* of the last ticket */
    unsigned enqueues;        /* targets of messages that the last open found */
};

/* Opens an empty log. The caller owns the world. */
struct world *world_create(void);
void world_free(struct world *w);

/* Opens the log and reads everything in it. Returns the error of log_open() or log_read(). */
int world_try_open(struct world *w);
/* Closes the log in good order and opens it again. */
void world_reopen(struct world *w);
/* Cuts the power, which loses what was not synced, and opens the log again. */
void world_cut_power(struct world *w);
/* Opens a log and reads everything in it. */
int log_open_and_read(const struct log_options *options, const struct log_visitor *visitor,
                      void *arg, struct log_recovery *ret_recovery, struct log **ret);

/* Stages a persistent message for queue `stage` + 1. `body` also identifies the message. */
void world_enqueue(struct world *w, unsigned stage, uint64_t sequence, const char *body);
/* Stages a persistent message for a queue, and a settle of queue 999 behind it, so that the next
 * call stages another message. */
void world_enqueue_body(struct world *w, unsigned stage, uint64_t queue, uint64_t sequence,
                        struct slice body);
/* Stores messages of 1,000 bytes for queue 1 with the stage 0, each with a submit of its own. */
void world_write(struct world *w, uint64_t from, uint64_t count);
/* Does the writer's and the keeper's work until there is none. */
void world_step(struct world *w);
void world_submit_and_step(struct world *w, unsigned stage);
/* Sets the floors of all stages, and lets the log act on it. */
void world_set_floors(struct world *w, uint64_t file);

/* Returns how many files are in the log's folder. */
unsigned world_files(struct world *w);
/* Says that the disk holds what it holds and not a byte more. */
void world_fill_disk(struct world *w);
/* Compares a text of the world with what is expected, and clears it. */
void check_text(struct lv_buffer *text, const char *expected);

#endif
