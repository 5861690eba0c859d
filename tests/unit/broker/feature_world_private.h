/* What the files of the feature world share: the model, and what they call of each other.
 *
 *   feature_world.c           its lives, and what may happen in one
 *   feature_world_end.c       the last life
 *   feature_world_topology.c  queues, exchanges, policies: what they are, where dead letters can go
 *   feature_world_messages.c  what a message looks like, and what one that has come says of itself
 *   feature_world_publish.c   publishing, as a session does it
 *   feature_world_clients.c   who consumes, gets and settles
 *   feature_world_sightings.c what has been seen of each message, and what may be seen of it
 *   feature_world_census.c    everything is counted
 *   feature_world_account.c   whether what is not there has gone for a reason
 *
 * What it shares with the store's world stands in world_story.h (the seed, chance, steps as text),
 * world_machine.h (the broker, its loops and its disk), world_client.h, world_queue.h and
 * world_body.h. */
#ifndef LEVERET_TESTS_FEATURE_WORLD_PRIVATE_H
#define LEVERET_TESTS_FEATURE_WORLD_PRIVATE_H

#include <inttypes.h>

#include "broker/policy.h"
#include "broker/queue_retry.h"
#include "feature_world.h"
#include "loop/sim/loop_sim.h"
#include "message/death.h"
#include "paging/journal.h"
#include "queue/browse.h"
#include "queue/queue_home.h"
#include "world_client.h"
#include "world_machine.h"
#include "world_story.h"

enum {
    FW_QUEUES_MAX = 6,
    FW_EXCHANGES_MAX = 5,
    FW_SLOTS_MAX =
        FW_QUEUES_MAX + FW_EXCHANGES_MAX, /* the queue of exchange x: FW_QUEUES_MAX + x */
    FW_MESSAGES_MAX = 1200,
    FW_STEPS_MAX = 8192,
    FW_LIVES_MAX = 8,
    FW_CLIENTS_MAX = 48,
    FW_VALUES_MAX = 6, /* that a header can have */
    FW_DEATHS_MAX = 24,
    FW_REGIMES_MAX = 24,
    FW_PRIORITIES = 3,
    FW_REST_ROUNDS_MAX = 40000,
    FW_BODY_MAX = 600,
    FW_TIME_MS_MAX = 6000, /* no time to live or delay is longer ... */
};
#define FW_NEVER_MS UINT64_C(100000000) /* ... but for this one */
#define FW_NEVER UINT64_MAX             /* of a step */

/* --- the model: topology ---------------------------------------------------------------------- */

enum { DLX_NONE = -1, DLX_DEFAULT = -2 };

/* What rules a queue; -1: nothing does. */
struct fw_settings {
    int64_t ttl_ms;
    int64_t max_length;
    int64_t max_bytes;
    int64_t delivery_limit;
    bool has_overflow;
    enum queue_overflow overflow;
    int dlx;          /* an exchange, or one of the above */
    unsigned dlx_key; /* with DLX_DEFAULT: a queue */
    bool at_least_once;
};

/* For a while: steps. */
struct fw_regime {
    struct fw_settings settings;
    uint64_t from, to;
};

/* A queue, over its lives. */
struct fw_slot {
    bool is_used;
    bool is_delaying; /* an exchange's: nobody consumes from it */
    bool is_quorum;
    bool has_priorities;
    bool conflates;
    bool drops_duplicates;
    char name[24];
    struct queue *queue; /* referenced */
    struct fw_settings arguments;
    struct fw_settings policy;
    bool has_policy;
    struct fw_regime regimes[FW_REGIMES_MAX];
    unsigned regime_count;
    uint64_t lost;          /* as its counter said */
    bool was_estimated;     /* in this life: what it had in bytes ... */
    uint64_t estimate_step; /* ... and when it was so last */
    bool was_purged;        /* ... in which what is on its way may go, too */
    bool may_exceed;        /* its limit: something has come back to it */
    uint64_t retry_step;    /* when a retry was last begun in it; 0: never */
    struct retry *retry;
};

struct fw_exchange {
    bool is_used;
    bool is_delaying;
    bool drops_duplicates;
    char name[8];
    unsigned queues; /* bound to it: a set */
};

/* --- the model: messages ---------------------------------------------------------------------- */

/* Of a message in a slot. */
struct fw_copy {
    uint16_t rejects;
    uint16_t returns;
    uint16_t ends;     /* a client has done with it */
    bool is_excused;   /* it may be gone: purged, or unreadable */
    bool is_found;     /* in this census */
    bool is_explained; /* in this census: there, or gone for a reason */
};

enum sighting_state { SEEN_READY, SEEN_HELD, SEEN_ENDED, SEEN_SEALED };

/* One way in which a message has been seen in a slot: by what its history says. */
struct fw_sighting {
    struct fw_sighting *next;
    uint64_t history;
    uint8_t slot;
    enum sighting_state state;
    uint32_t found; /* in this census */
};

struct fw_message {
    uint32_t life;
    uint64_t step;         /* when it was published ... */
    uint64_t arrived_step; /* ... and had arrived at the latest */
    uint64_t published_ms, arrived_ms;
    uint64_t ttl_ms;
    uint64_t delay_ms;
    int exchange;     /* or DLX_DEFAULT, with ... */
    unsigned queue;   /* ... this one */
    unsigned entries; /* slots that it was put into: a set */
    unsigned queues;  /* queues that it was meant for: the same, but for delays */
    uint32_t body_bytes;
    uint8_t publisher; /* a loop */
    uint8_t priority;
    uint8_t value; /* 1..FW_VALUES_MAX; 0: none */
    uint8_t twin;  /* the same for duplicates */
    bool is_persistent;
    bool has_priority, has_ttl, has_delay;
    bool is_duplicate; /* so its exchange has said */
    bool is_refused;
    bool is_refused_cleanly; /* not by the store */
    uint8_t answers_due, answers;
    struct fw_copy copies[FW_SLOTS_MAX];
    struct fw_sighting *sightings;
};

/* What a message that has come says of itself. */
struct fw_arrival {
    uint32_t number;
    unsigned slot;
    uint64_t history; /* a hash of it; 0: it has none */
    bool is_after_delay;
    unsigned death_count; /* the newest first */
    struct {
        unsigned slot;
        enum death reason;
        int64_t count;
    } deaths[FW_DEATHS_MAX];
};

struct fw_held {
    uint64_t position;
    struct fw_arrival arrival;
};

struct fw_client {
    struct world_client base;
    struct feature_world *world;
    struct fw_held *held; /* base.held_count of them */
    size_t held_capacity;
};

struct fw_sink {
    struct confirm_sink sink;
    struct feature_world *world;
};

struct feature_world {
    struct story story;
    struct machine machine;
    struct feature_world_counts *counts;

    unsigned queue_count;
    struct fw_slot slots[FW_SLOTS_MAX];
    struct fw_exchange exchanges[FW_EXCHANGES_MAX];
    struct fw_message *messages;
    uint32_t message_count;
    unsigned weights[16];
    unsigned transient_percent, ttl_percent, delay_percent, value_percent, twin_percent;
    unsigned many;
    unsigned steps; /* in a life */
    bool
        may_be_unreadable; /* a read may have failed: what is lost by that is counted for a while */
    bool has_fanout;
    bool sends_refused_on; /* overflow may be reject-publish-dlx */
    bool has_retries;
    uint64_t failure_step;         /* when the store was seen to have failed, in this life ... */
    uint64_t lasting_failure_step; /* ... or ever: when what was done then was logged */

    /* This life's. */
    bool is_dead;
    bool was_paged;
    bool had_forwards; /* that waited for their targets, in the last long time */
    bool is_draining;  /* everybody takes all there is */
    struct fw_sink sinks[MACHINE_LOOPS_MAX];
    struct fw_client *clients[FW_CLIENTS_MAX];
    unsigned client_count;
    unsigned calls_open;
};

/* --- the story, the machine ------------------------------------------------------------------- */

/* Tells a step; what is no step, where all is told; what is wrong, which ends the world. */
#define fw_step(w, ...) story_step(&(w)->story, __VA_ARGS__)
#define fw_note(w, ...) story_note(&(w)->story, __VA_ARGS__)
#define fw_fail(w, ...) story_fail(&(w)->story, __VA_ARGS__)

/* Chance: a number below n; true once in n times, so many times in a hundred; one of the values. */
static inline uint64_t fw_below(struct feature_world *w, uint64_t n)
{
    return story_below(&w->story, n);
}
static inline bool fw_one_in(struct feature_world *w, uint64_t n)
{
    return story_one_in(&w->story, n);
}
static inline bool fw_percent(struct feature_world *w, unsigned percent)
{
    return story_percent(&w->story, percent);
}
#define FW_PICK(w, ...) STORY_PICK(&(w)->story, int64_t, __VA_ARGS__)

static inline uint64_t fw_now_ms(const struct feature_world *w)
{
    return machine_now_ms(&w->machine);
}
static inline bool fw_is_cut(const struct feature_world *w)
{
    return machine_is_cut(&w->machine);
}

/* --- feature_world_topology.c ----------------------------------------------------------------- */

/* What there is, over all lives. */
void fw_choose_topology(struct feature_world *w);
/* Puts it into the new broker. */
void fw_make_topology(struct feature_world *w);
void fw_change_policy(struct feature_world *w, unsigned slot);
/* Everybody has heard of the last changes. */
void fw_regimes_settle(struct feature_world *w);
/* What rules it now. */
const struct fw_settings *fw_settings_now(const struct fw_slot *s);
/* Whether the regime may have ruled what came at this step or later. */
static inline bool fw_counts_since(const struct fw_regime *r, uint64_t step)
{
    return r->to >= step;
}
/* The slots that a message gets to from an exchange (or DLX_DEFAULT with a key), with a delay or
 * not. */
unsigned fw_targets(const struct feature_world *w, int exchange, unsigned key, bool has_delay);
/* Those that its dead letters, or what has waited in it, may go to, under any regime since. */
unsigned fw_next_of(const struct feature_world *w, unsigned slot, uint64_t step);
/* The same, and all that follow. */
unsigned fw_reach_of(const struct feature_world *w, unsigned slot, uint64_t step);
/* FW_SLOTS_MAX: there is none of this name. */
unsigned fw_slot_named(const struct feature_world *w, struct slice name);

/* --- feature_world_messages.c ----------------------------------------------------------------- */

struct message *fw_make_message(struct feature_world *w, uint32_t number);
/* What has come from this slot: it must be as it was made, but for what happened to it since. */
void fw_read_message(struct feature_world *w, unsigned slot, struct slice exchange,
                     struct slice key, struct slice header, struct slice body,
                     struct fw_arrival *ret);

/* --- feature_world_publish.c ------------------------------------------------------------------ */

void fw_publish(struct feature_world *w, unsigned count);
/* A large one into this queue, so that the log moves on. */
void fw_publish_ballast(struct feature_world *w, unsigned queue);
void fw_on_answer(struct confirm_sink *sink, uint64_t number, enum confirm_answer answer,
                  struct message *message);
/* Looks whether the store has failed: then it refuses messages for no fault of theirs. */
void fw_note_failure(struct feature_world *w);
void fw_check_answers(struct feature_world *w);

/* --- feature_world_clients.c ------------------------------------------------------------------ */

void fw_consume(struct feature_world *w, unsigned slot, bool no_ack, uint32_t prefetch);
void fw_get(struct feature_world *w, unsigned slot, bool no_ack);
void fw_settle(struct fw_client *client, size_t at, enum settle_kind kind);
void fw_settle_all(struct fw_client *client, enum settle_kind kind);
void fw_cancel(struct fw_client *client);
void fw_resume(struct feature_world *w);
void fw_clients_end(struct feature_world *w);
void fw_clients_free(struct feature_world *w);
struct queue_call fw_call_home(struct feature_world *w, unsigned slot,
                               void (*run)(struct queue_call *));
void fw_purge(struct feature_world *w, unsigned slot);
void fw_retry(struct feature_world *w, unsigned slot);
/* A retry that is over is noted. */
void fw_retries_look(struct feature_world *w);

/* --- feature_world_sightings.c ---------------------------------------------------------------- */

/* It may be where it is. */
void fw_check_arrival(struct feature_world *w, const struct fw_arrival *a);
/* It is ready there, or comes to somebody: now, and on the loop of its queue or another. */
void fw_check_time(struct feature_world *w, const struct fw_arrival *a, bool is_delivered,
                   bool is_on_its_loop);
struct fw_sighting *fw_sighting_of(struct feature_world *w, const struct fw_arrival *a);
/* A crash may have doubled it. */
bool fw_may_be_twofold(const struct feature_world *w, const struct fw_arrival *a);
/* Somebody holds it; has done with it; wants no more of it; has given it back. */
void fw_sight_held(struct feature_world *w, const struct fw_arrival *a);
void fw_sight_ended(struct feature_world *w, const struct fw_arrival *a);
void fw_sight_rejected(struct feature_world *w, const struct fw_arrival *a);
void fw_sight_ready(struct feature_world *w, const struct fw_arrival *a);
/* Nothing is on its way, and the log is well: what has ended is over for good. */
void fw_seal(struct feature_world *w);
/* A life is over. */
void fw_sightings_forget(struct feature_world *w);

/* --- feature_world_census.c ------------------------------------------------------------------- */

/* Everything goes on until nothing is left to do, or the power goes. */
void fw_rest(struct feature_world *w);
void fw_some_time(struct feature_world *w);
/* Clients go, and the disk is well. */
void fw_calm(struct feature_world *w);
/* So much time that all that waits for its time has gone on. */
void fw_long_time(struct feature_world *w);
/* Counts everything, after that time or not. */
void fw_census(struct feature_world *w, bool is_late);
/* A look at a queue in passing. */
void fw_look(struct feature_world *w, unsigned slot);

/* --- feature_world_account.c ------------------------------------------------------------------ */

/* Every confirmed message is found, or explained. */
void fw_check_accounts(struct feature_world *w);

/* --- feature_world_end.c ---------------------------------------------------------------------- */

/* Everything is taken out, and the disk must be empty. */
void fw_drain(struct feature_world *w);

#endif
