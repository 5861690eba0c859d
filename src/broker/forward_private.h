/* What the files of forwarding share.
 *
 *   forward.c        the forwarder of a queue: what waits, and how a forward ends
 *   forward_send.c   a message in flight: its route, its targets and their answers
 *   forward_retry.c  messages that are kept, and when they are tried again
 */
#ifndef LEVERET_BROKER_FORWARD_PRIVATE_H
#define LEVERET_BROKER_FORWARD_PRIVATE_H

#include "broker/departures.h"
#include "broker/forward.h"
#include "queue/queue_home.h"

/* One forward_start(). */
struct forward_job {
    struct lv_list link; /* in forwarder.waiting or .kept; in flight: in neither */
    const struct forward_ops *ops;
    struct forward forward; /* with a reference of the message */
    uint64_t body_bytes;
    bool is_stuck; /* was kept before, and has not ended since */

    /* Used while the job is in flight. */
    uint64_t made_bytes; /* memory of the message that is published */
    uint32_t slot;
    uint32_t answers_due;
    bool was_refused;
    bool was_taken;
    enum forward_obstacle obstacle;

    /* Used if the message must arrive. */
    struct queue *refuser; /* the target asked last, then the one that refused; referenced */
    uint64_t *targets;     /* owned; ids of all targets ever asked, some with TARGET_HAS_IT */
    uint32_t target_count, target_capacity;
};

enum { FORWARD_TASKS_MAX = 4 }; /* how many may wait for room at a time */

struct forwarder {
    struct confirm_sink sink;
    struct queue *queue; /* referenced while there is any job */
    struct lv_list waiting, kept;
    size_t job_count;     /* waiting, in flight or kept */
    size_t started_count; /* in flight or kept */
    size_t outside_count; /* jobs without a position */
    uint64_t body_bytes;  /* of the jobs with a position */
    uint64_t due_count;   /* jobs that must arrive */
    uint64_t due_body_bytes;
    size_t stuck_count;
    struct loop_task *room_tasks[FORWARD_TASKS_MAX]; /* forward_when_room() */
    unsigned room_task_count;

    /* What sends the waiting jobs, and when. */
    struct loop_task run;        /* at the end of this turn */
    struct loop_job run_on;      /* in the next slice, if this turn's is used up */
    struct loop_timer run_later; /* after a pause, because a target was behind */

    /* forward_send.c */
    uint64_t made_bytes;       /* of all in flight */
    struct forward_job **jobs; /* in flight, by slot */
    uint32_t *free_slots;      /* a ring: slots are reused in turn, so that the numbers of confirms
                                  are consecutive */
    uint32_t slot_count, free_first, free_count;

    /* forward_retry.c */
    struct loop_timer retry;
    uint64_t retry_at_ms, retry_ms;
    uint64_t generation; /* of the topology, at the last try */
};

static inline struct loop *forwarder_home(const struct forwarder *f)
{
    return queue_home(f->queue);
}

/* --- forward.c -------------------------------------------------------------------------------- */

/* Ends a job. Call only when the job is in no list and in no slot, and no longer counts as started.
 * If it was the last one, the forwarder drops its reference to the queue. */
void forward_job_end(struct forwarder *f, struct forward_job *job, enum forward_end end);

/* Removes the first job from the list and returns it. The list must not be empty. */
struct forward_job *forward_take_first(struct lv_list *list);

/* --- forward_send.c --------------------------------------------------------------------------- */

void forward_init_sending(struct forwarder *f);
void forward_free_sending(struct forwarder *f);

/* Publishes a job, which must be in no list and count as started. The job may have ended when this
 * returns. Returns whether a target is behind. */
bool forward_job_send(struct forwarder *f, struct forward_job *job);

/* --- forward_retry.c -------------------------------------------------------------------------- */

void forward_init_retries(struct forwarder *f);

/* Keeps a job that could not be sent or was refused: it is sent again when the topology has
 * changed, or after a while. If the queue is deleted, the job ends instead. The job must count as
 * started. */
void forward_keep(struct forwarder *f, struct forward_job *job);

/* Called when a job ends: if it was stuck, it no longer counts as stuck, and ops->unstuck() is
 * called if it was the last one. */
void forward_unstick(struct forwarder *f, struct forward_job *job, enum forward_end end);

#endif
