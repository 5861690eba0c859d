/* A loop is one thread with one event loop. It owns its connections and the queues at home on it,
 * and touches nobody else's: other loops get mail.
 *
 * One turn: what came from the sockets is handled (each connection's bytes in one go), timers fire,
 * mail is delivered, tasks run; then, once, everything staged goes out: mail to other loops, then
 * bytes to the sockets. Then the loop announces an RCU quiescent state and sleeps.
 *
 * This header knows nothing of libuv; loop_sim.c is the same door with no threads and a clock
 * that only moves when told to, for tests. */
#ifndef LEVERET_LOOP_LOOP_H
#define LEVERET_LOOP_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/list.h"
#include "base/outbuf.h"

enum { LOOPS_MAX = 64 };

struct loop;

/* --- mail ------------------------------------------------------------------------------------- */

/* Mail is one call made on another loop. Delivered in the order sent between any two loops.
 * The sender documents what the words mean and who owns what they point at. */
struct mail {
    void (*deliver)(struct loop *at, struct mail *mail);
    void *a;
    void *b;
    uint64_t c;
    uint64_t d;
};

/* Sends mail from the calling loop's thread to any loop (itself too: it is then delivered at the
 * end of this turn). Staged, and handed over once per turn. Where much has come, the rest of it is
 * delivered in later turns, in order. */
void loop_mail(struct loop *from, struct loop *to, const struct mail *mail);

/* The same from a thread that is no loop (the definitions writer, the log writer, a signal). Handed
 * over at once. */
void loop_mail_from_outside(struct loop *to, const struct mail *mail);

/* Calls `fn(loop, arg)` on the loop at the end of the current turn, once. `task` is the caller's
 * storage; scheduling it again before it ran does nothing. Home loop only. */
struct loop_task {
    struct lv_list link; /* in loop->tasks while scheduled */
    void (*fn)(struct loop *loop, struct loop_task *task);
    bool scheduled;
};
void loop_task_init(struct loop_task *task, void (*fn)(struct loop *, struct loop_task *));
void loop_schedule(struct loop *loop, struct loop_task *task);
void loop_unschedule(struct loop *loop, struct loop_task *task);

/* --- work in slices --------------------------------------------------------------------------- */

/* Work that may be long (a commit, a purge, a queue's end) is done in slices, so that no turn is.
 * It spends units: a unit is about a microsecond's work, such as one message settled or freed.
 *
 *   - The caller that begins it goes on while loop_spend() returns true. A turn has a few hundred
 *     units to give away like this, so that what is short is done at once.
 *   - What is left is a job's: its run() goes on in the same way, once or more often each turn, by
 *     turns with the other jobs, until it answers false.
 *
 * The caller owns the struct, which may go when run() answers false or after loop_job_stop(). Home
 * loop only. */
struct loop_job {
    struct lv_list link; /* in loop->jobs while there is something to do */
    bool (*run)(struct loop *loop, struct loop_job *job);
};
void loop_job_init(struct loop_job *job, bool (*run)(struct loop *, struct loop_job *));
/* From this turn on, until run() answers false. Nothing when it is under way. */
void loop_job_start(struct loop *loop, struct loop_job *job);
void loop_job_stop(struct loop *loop, struct loop_job *job);
static inline bool loop_job_is_under_way(const struct loop_job *job)
{
    return !lv_list_is_empty(&job->link);
}

/* Takes this many units from what is left of the slice. False, with nothing taken, when nothing is
 * left: the rest is a job's. A slice that has anything left gives all that is asked for. */
bool loop_spend(struct loop *loop, unsigned units);

/* Takes units for work that is done already, whatever is left. False: nothing is left now, and the
 * caller does no more of the kind in this turn. */
bool loop_charge(struct loop *loop, unsigned units);

/* --- timers ----------------------------------------------------------------------------------- */

/* A one-shot timer in the caller's struct: no allocation, O(log n). Home loop only. */
struct loop_timer {
    uint64_t deadline_ms;
    size_t heap_at; /* 1-based place in the loop's heap; 0: not running */
    void (*fn)(struct loop *loop, struct loop_timer *timer);
    bool is_patient;
};
void loop_timer_init(struct loop_timer *timer, void (*fn)(struct loop *, struct loop_timer *));
/* Like loop_timer_init(), for a deadline by which a peer must have said something: time in which
 * the loop did not run does not count (loop_patient_ms()), and the timer fires only after every
 * socket has been polled at or after its deadline, so what the peer said in time has been read. */
void loop_timer_init_patient(struct loop_timer *timer,
                             void (*fn)(struct loop *, struct loop_timer *));
/* (Re)starts: fires once, delay_ms from now. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_is_running(const struct loop_timer *timer)
{
    return timer->heap_at != 0;
}

/* --- the loop itself -------------------------------------------------------------------------- */

/* Monotonic milliseconds, read once a turn. */
uint64_t loop_now_ms(const struct loop *loop);
/* Milliseconds in which this loop was able to read its sockets: loop_now_ms() without the times
 * when it stood still for a second or more (a stopped process, a paused container, a swapping
 * host). Ages of what a peer owes are measured by it. Each loop's own: do not compare two
 * loops'. */
uint64_t loop_patient_ms(const struct loop *loop);
/* Milliseconds by the broker's own clock, read once a turn, the same on all loops: it shows a time
 * since 1970 as the wall clock does, goes on while the machine sleeps and between two runs of the
 * broker, and is never set. Deadlines of messages are by it. */
uint64_t loop_steady_ms(const struct loop *loop);
/* Wall-clock milliseconds since 1970, for people: it can be set, forward and back. */
uint64_t loop_wall_ms(const struct loop *loop);
/* The wall clock's time for one of the steady clock's, as they differ now. */
uint64_t loop_wall_of_steady(const struct loop *loop, uint64_t steady_ms);

unsigned loop_index(const struct loop *loop);

/* The loop whose thread this is; NULL on other threads. */
struct loop *loop_current(void);

/* Chunks for outbufs of this loop's connections. */
struct out_pool *loop_out_pool(struct loop *loop);

/* A place in every loop for a pointer: what a room keeps per loop (route caches, channel tables,
 * counters). A room has one struct loop_slot, with static storage and zero-initialised; setting it
 * for the first time, before loops_start(), takes a place. NULL until it is set. */
struct loop_slot {
    unsigned number;
};
enum { LOOP_SLOTS_MAX = 8 };
void *loop_slot(const struct loop *loop, const struct loop_slot *slot);
void loop_set_slot(struct loop *loop, struct loop_slot *slot, void *value);

/* `fn` runs at the end of every turn: after its tasks, before mail is handed over and sockets are
 * written (front ends send confirms here). It runs again in the same turn if tasks were scheduled,
 * or mail to this loop was sent, since. Several are called in the order of registration. Before
 * loops_start() only. */
void loop_at_turn_end(struct loop *loop, void (*fn)(struct loop *loop));

/* Called in loops_free(), once no loop runs and no mail is left: a room frees what it keeps in its
 * slot. In reverse order of registration. */
void loop_at_free(struct loop *loop, void (*fn)(struct loop *loop));

/* --- the set of loops ------------------------------------------------------------------------- */

struct loops;

/* Creates `count` loops (1 to LOOPS_MAX); no thread runs yet. Ignores SIGPIPE from here on. */
struct loops *loops_create(unsigned count);
unsigned loops_count(const struct loops *loops);
struct loop *loops_at(const struct loops *loops, unsigned index);
/* The set that this loop belongs to. */
struct loops *loop_set(const struct loop *loop);

/* What the steady clock shows now. Any thread. */
uint64_t loops_steady_ms(const struct loops *loops);
/* Lets it show this from now on; the wall clock's time until then. Before loops_start(). */
void loops_set_steady(struct loops *loops, uint64_t steady_ms);

/* Starts loops 1.. on threads of their own. Loop 0 runs on the caller's thread in loops_run(),
 * which returns after loops_stop(). */
void loops_start(struct loops *loops);
void loops_run(struct loops *loops);
/* Asks every loop to end after its current turn. Any thread. */
void loops_stop(struct loops *loops);
/* Delivers the mail that is still under way and ends the jobs, on this thread, so that what it
 * carries finds its owners while their rooms are there; loop_current() answers the loop meanwhile.
 * After loops_run() has returned (or without it, when loops_start() was not called). False: there
 * was none. */
bool loops_drain(struct loops *loops);
/* After loops_run() has returned (or without it, when loops_start() was not called). Mail that is
 * still under way is delivered here, on this thread, so that the owner of what it carries can free
 * it; loop_current() answers the loop meanwhile. Clears the pointer. NULL is fine. */
void loops_free(struct loops **loops);

/* Runs fn(arg) on loop 0's thread when the process gets this signal. Before loops_run(). */
void loops_on_signal(struct loops *loops, int signal_number, void (*fn)(void *arg, int signal),
                     void *arg);

#endif
