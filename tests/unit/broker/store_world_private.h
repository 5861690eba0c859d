/* What the files of the store's world share: the model, and what they call of each other.
 *
 * What it shares with the feature world stands in world_story.h (the seed, chance, steps as text),
 * world_machine.h (the broker, its loops and its disk), world_client.h, world_queue.h and
 * world_body.h. */
#ifndef LEVERET_TESTS_STORE_WORLD_PRIVATE_H
#define LEVERET_TESTS_STORE_WORLD_PRIVATE_H

#include <inttypes.h>

#include "loop/sim/loop_sim.h"
#include "paging/pager.h"
#include "queue/browse.h"
#include "queue/held.h"
#include "queue/queue.h"
#include "queue/queue_private.h"
#include "store_world.h"
#include "world_client.h"
#include "world_machine.h"
#include "world_story.h"

enum {
    SLOTS_MAX = 5,
    CLIENTS_MAX = 32,
    MESSAGES_MAX = 6000,
    REST_ROUNDS_MAX = 20000,
    PROPERTIES_MAX = 64,
    PRIORITIES = 4,     /* of a slot that has any: 0 to 3 */
    MAIL_MS_MAX = 5000, /* a message may be so long on its way to its queue */
    BODY_MAX = 120 * 1024,
};

#define UNKNOWN UINT64_MAX

/* --- the model -------------------------------------------------------------------------------- */

enum expectation { NOT_THERE, MAYBE_THERE, THERE };

/* Whether somebody has done away with a message of a queue. */
enum gone {
    NOT_GONE,
    PURGED,    /* but it may still be on its way to a consumer */
    GONE,      /* as far as anybody sees in this life */
    GONE_SAFE, /* for good */
};

/* A message in a queue. */
struct copy {
    uint32_t message;
    enum expectation expect;
    enum gone gone;
    bool is_placed; /* its queue has it: its mail is not under way */
    bool was_delivered;
    bool was_walked; /* a walker has had it: others may have come first */
    struct client *holder;
    uint64_t sequence;
};

struct model {
    uint32_t body_bytes;
    uint32_t life;
    uint8_t publisher;
    bool is_persistent;
    bool has_priority;
    uint8_t priority;
    bool has_ttl;
    uint32_t ttl_ms;
    uint64_t published_ms;
    bool is_refused; /* by one queue at least */
    uint8_t answers_due;
    uint8_t answers;
    uint32_t copy_of[SLOTS_MAX]; /* an index in the slot's copies + 1; 0: none */
};

/* A queue, over its lives. */
struct slot {
    struct queue *queue; /* referenced */
    uint64_t id;
    bool is_durable;
    bool has_priorities;
    bool is_deleted;
    bool is_deletion_safe;
    uint64_t lost;  /* as its counter says */
    bool has_mail;  /* there may be some between it and clients on other loops */
    bool has_purge; /* one that is not yet safe */
    uint32_t first_message;
    struct copy *copies;
    size_t count, capacity;
};

struct held {
    uint64_t sequence;
    uint32_t copy;
    bool is_orphan; /* its queue was deleted */
};

/* Somebody who consumes, or gets. */
struct client {
    struct world_client base;
    struct world *world;
    bool is_verifying; /* takes all there is */
    struct held *held; /* base.held_count of them */
    size_t held_capacity;
    /* The last of each publisher and priority that came for the first time. */
    uint32_t newest[MACHINE_LOOPS_MAX][PRIORITIES];
};

/* Somebody who looks at a queue, and takes out of its midst, as who moves messages does. */
enum { WALKED_MAX = 40 };
struct walker {
    struct browse *browse; /* NULL: there is nobody */
    unsigned wakes;
    bool only_looks; /* it takes nothing: what it has seen may be paged out */
    bool may_miss;   /* messages may have been on their way to a client, and have come back */
    uint64_t last[PRIORITIES]; /* the position seen last in each lane, plus 1 */
    /* The message seen last of each publisher and priority, plus 1; 0: none yet. */
    uint32_t newest[MACHINE_LOOPS_MAX][PRIORITIES];
    size_t taken_count;
    struct held taken[WALKED_MAX];
};

struct sink {
    struct confirm_sink sink;
    struct world *world;
};

struct world {
    struct story story;
    struct machine machine;
    struct store_world_counts *counts;

    unsigned slot_count;
    struct slot slots[SLOTS_MAX];
    struct model *models;
    uint32_t model_count;
    uint64_t next_queue_id;
    unsigned weights[16];
    unsigned large_every; /* one in so many bodies is large; 0: none */
    unsigned transient_percent;
    unsigned ttl_percent; /* of messages that live for a while only */
    unsigned many;        /* messages in a row */
    unsigned steps;       /* in a life */

    /* This life's. */
    bool is_dead;
    bool was_paged;
    bool is_hurt;     /* the disk has failed, in this life or before */
    bool is_restored; /* all of the log has been read */
    struct sink sinks[MACHINE_LOOPS_MAX];
    struct client *clients[CLIENTS_MAX];
    unsigned client_count;
    struct walker walkers[SLOTS_MAX];
    unsigned calls_open;
    struct promise *promises;
};

/* Copies of a slot that somebody has done away with, or a deletion: on the way to the queue's home,
 * then up to the ticket behind which the log has it. */
struct promise {
    struct promise *next; /* in world.promises */
    struct world *world;
    unsigned slot;
    bool is_deletion;
    struct loop *home;
    uint64_t ticket;
    size_t count;
    uint32_t copies[];
};

/* --- the story, the machine ------------------------------------------------------------------- */

/* Tells a step; what is wrong, which ends the world. */
#define world_step(w, ...) story_step(&(w)->story, __VA_ARGS__)
#define world_fail(w, ...) story_fail(&(w)->story, __VA_ARGS__)

/* Chance: a number below n; true once in n times; one of the values. */
static inline uint64_t world_below(struct world *w, uint64_t n)
{
    return story_below(&w->story, n);
}
static inline bool world_one_in(struct world *w, uint64_t n)
{
    return story_one_in(&w->story, n);
}
#define PICK(w, ...) STORY_PICK(&(w)->story, uint64_t, __VA_ARGS__)

static inline uint64_t world_now_ms(const struct world *w)
{
    return machine_now_ms(&w->machine);
}
static inline bool world_is_cut(const struct world *w)
{
    return machine_is_cut(&w->machine);
}

/* --- store_world_model.c ---------------------------------------------------------------------- */

/* Whether it may have expired, in any queue where nobody holds it. */
bool world_may_be_over(const struct world *w, uint32_t number);
/* Whether it must have. */
bool world_is_over(const struct world *w, uint32_t number);
unsigned world_priority_of(const struct world *w, unsigned slot, uint32_t number);
struct message *world_make_message(struct world *w, uint32_t number);
/* The number of the message that has come, which must be as it was made. */
uint32_t world_read_message(struct world *w, const struct delivery *d);
/* The message in that queue; NULL: it was never put there. */
struct copy *copy_of(struct world *w, unsigned slot, uint32_t message);
struct copy *copy_add(struct world *w, unsigned slot, uint32_t message);
struct promise *promise_make(struct world *w, unsigned slot, size_t count);
void promise_add(struct promise *p, const struct copy *copy);
/* What has been done on this loop just now stands in the log before the promise. */
void promise_send(struct loop *from, struct promise *p);
/* Looks which have become safe. At the end of a life all are forgotten. */
void promises_look(struct world *w, bool is_end);

/* --- store_world_clients.c -------------------------------------------------------------------- */

void world_publish_to(struct world *w, struct loop *loop, unsigned slot, uint32_t number,
                      struct message *m);
/* A new message of this publisher; its number. */
uint32_t model_add(struct world *w, unsigned publisher);
void world_publish(struct world *w, unsigned count);
/* What the sinks of a world answer with. */
void world_on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                     struct message *message);
struct client *world_consume(struct world *w, unsigned slot, bool no_ack, uint32_t prefetch,
                             bool is_verifying);
void world_get(struct world *w, unsigned slot, bool no_ack);
/* Settles a run of held messages with consecutive sequence numbers, from this one on. */
void world_settle(struct client *client, size_t at, size_t most, enum settle_kind kind);
void world_requeue_all(struct client *client);
void world_cancel(struct client *client);
/* What the queue's home answers at once, asked from there. */
struct queue_call world_call_home(struct world *w, unsigned slot, void (*run)(struct queue_call *));

/* --- store_world_queues.c --------------------------------------------------------------------- */

/* Called for a walker that waits. */
void walker_wakes(void *arg);
/* What is looked at is a message as it was made, which is ready. Its copy. */
struct copy *world_check_seen(struct world *w, unsigned slot, const struct browse_item *item,
                              const struct message *m);
void world_walk(struct world *w, unsigned slot);
/* What could not be read back may be anything that nobody holds. */
void world_note_losses(struct slot *s);
/* What it has taken is settled, or back at its position. */
void walker_let_go(struct world *w, unsigned slot, bool settles);
void walkers_let_go(struct world *w);
/* Also when the broker is dead: what was taken is simply there. */
void walkers_end(struct world *w);
void world_purge(struct world *w, unsigned slot);
/* Purges whose snapshots are done are promised to last. */
void promise_purges(struct world *w);
void world_delete_queue(struct world *w, unsigned slot);
void world_force_snapshot(struct world *w, unsigned slot);

/* --- store_world_checks.c --------------------------------------------------------------------- */

/* Reads one more file of the log, if there is one to read. True when there was. */
bool world_restore_some(struct world *w);
/* Everything goes on until nothing is left to do, or the power goes. What is purged and was on its
 * way has come by then. */
void world_rest(struct world *w);
void world_some_time(struct world *w);
/* Compares everything with the model. */
void world_verify(struct world *w, bool is_last);

#endif
