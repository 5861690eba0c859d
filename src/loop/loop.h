/* A loop is one thread with one event loop. It owns its connections and the queues at home on it,
 * and touches no other loop's: to reach those, it sends mail to their loop.
 *
 * One turn: what came from the sockets is handled (each connection's bytes at once), timers fire,
 * mail is delivered, tasks run; then, once, everything staged is sent: mail to other loops, then
 * bytes to the sockets. Then the loop announces an RCU quiescent state and sleeps.
 *
 * This header knows nothing of libuv. loop_sim.c implements it without threads and with a clock
 * that moves only when told to, for tests. "Home loop only" means: on the loop's own thread, or on
 * any while no loop runs (before the start, after the stop). That is asserted. */
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

/* Mail is one call made on another loop. Between any two loops it is delivered in the order in
 * which it was sent. The sender documents what the words mean and who owns what they point to. */
struct mail {
    void (*deliver)(struct loop *at, struct mail *mail);
    void *a;
    void *b;
    uint64_t c;
    uint64_t d;
};

/* Sends mail from `from`, which is the calling loop, to any loop of its set (to itself too: that
 * mail is delivered at the end of this turn). Mail is staged and handed over once a turn. A loop
 * that has got much mail delivers a part of it in a turn and the rest in later ones, in order. Home
 * loop of `from` only. */
void loop_mail(struct loop *from, struct loop *to, const struct mail *mail);

/* Sends mail from any thread (the definitions writer, the log writer, liburcu's). It is handed over
 * at once, so it may arrive before mail that a loop has staged. */
void loop_mail_from_outside(struct loop *to, const struct mail *mail);

/* A task: `fn(loop, task)` is called once, at the end of the current turn. The struct is the
 * caller's; it must stay until the task has run or is unscheduled. Scheduling a task that is
 * scheduled, and unscheduling one that is not, does nothing. Home loop only. */
struct loop_task {
    struct lv_list link; /* in loop->tasks while scheduled */
    void (*fn)(struct loop *loop, struct loop_task *task);
    bool scheduled;
};
void loop_task_init(struct loop_task *task, void (*fn)(struct loop *, struct loop_task *));
void loop_schedule(struct loop *loop, struct loop_task *task);
void loop_unschedule(struct loop *loop, struct loop_task *task);

/* --- work in slices --------------------------------------------------------------------------- */

/* Work that may be long (a commit, a purge, a queue's end) is done in slices, so that no turn is
 * long. The work spends units: a unit is about a microsecond of it, such as settling or freeing one
 * message.
 *
 *   - The caller that begins the work continues while loop_spend() returns true. A turn has a few
 *     hundred units for this, so that short work is done at once.
 *   - The rest is done by a job: its run() continues in the same way, once or several times a turn,
 *     alternating with the other jobs, until it returns false.
 *
 * The caller owns the struct, and may free it when run() returns false or after loop_job_stop().
 * Home loop only. */
struct loop_job {
    struct lv_list link; /* in loop->jobs while there is something to do */
    bool (*run)(struct loop *loop, struct loop_job *job);
};
void loop_job_init(struct loop_job *job, bool (*run)(struct loop *, struct loop_job *));
/* Starts the job: it runs in this turn, or in the next one if the jobs of this turn have run. Does
 * nothing if it is under way. */
void loop_job_start(struct loop *loop, struct loop_job *job);
/* Stops the job. Does nothing if it is not under way. */
void loop_job_stop(struct loop *loop, struct loop_job *job);
static inline bool loop_job_is_under_way(const struct loop_job *job)
{
    return !lv_list_is_empty(&job->link);
}

/* If the slice has any units left, even fewer than these, takes them and returns true. Otherwise
 * takes none and returns false: the rest of the work is for a job. */
bool loop_spend(struct loop *loop, unsigned units);

/* Takes this many units for work that is already done. Returns false if none are left now: the
 * caller should do no more such work in this turn. */
bool loop_charge(struct loop *loop, unsigned units);

/* --- timers ----------------------------------------------------------------------------------- */

/* A one-shot timer in the caller's struct: nothing is allocated for it, O(log n). Home loop
 * only. */
struct loop_timer {
    uint64_t deadline_ms;
    size_t heap_at; /* its 1-based index in the loop's heap; 0: not running */
    void (*fn)(struct loop *loop, struct loop_timer *timer);
    bool is_patient;
};
void loop_timer_init(struct loop_timer *timer, void (*fn)(struct loop *, struct loop_timer *));
/* Like loop_timer_init(), for a deadline by which a peer must have sent something. Time in which
 * the loop did not run is not counted (loop_patient_ms()), and the timer fires only after every
 * socket has been polled at or after the deadline, so what the peer sent in time has been read. */
void loop_timer_init_patient(struct loop_timer *timer,
                             void (*fn)(struct loop *, struct loop_timer *));
/* Starts the timer, or restarts it: it fires once, delay_ms from now. */
void loop_timer_start(struct loop *loop, struct loop_timer *timer, uint64_t delay_ms);
void loop_timer_stop(struct loop *loop, struct loop_timer *timer);
static inline bool loop_timer_is_running(const struct loop_timer *timer)
{
    return timer->heap_at != 0;
}

/* --- the loop itself -------------------------------------------------------------------------- */

/* Returns monotonic milliseconds, read once a turn. */
uint64_t loop_now_ms(const struct loop *loop);
/* Returns milliseconds in which this loop was able to read its sockets: loop_now_ms() without
 * pauses of a second or more (a stopped process, a paused container, a swapping host) while a
 * patient timer runs. How long a peer has been silent is measured by it. Every loop has its own: do
 * not compare those of two loops. */
uint64_t loop_patient_ms(const struct loop *loop);
/* Returns milliseconds of the broker's own clock, read once a turn, the same on all loops. It
 * counts from 1970 as the wall clock does, continues while the machine sleeps and between two runs
 * of the broker, and is never set. Deadlines of messages use it. */
uint64_t loop_steady_ms(const struct loop *loop);
/* Returns wall-clock milliseconds since 1970, to show to people: this clock can be set, forward and
 * back. */
uint64_t loop_wall_ms(const struct loop *loop);
/* Converts a time of the steady clock to the wall clock, by their present difference. */
uint64_t loop_wall_of_steady(const struct loop *loop, uint64_t steady_ms);

unsigned loop_index(const struct loop *loop);

/* Returns whether what the loop does is counted: see loops_leave_uncounted(). Any thread. */
bool loop_is_counted(const struct loop *loop);

/* Returns the loop whose thread this is; NULL on other threads. */
struct loop *loop_current(void);

/* Returns the pool of chunks for the output of this loop's connections. */
struct out_pool *loop_out_pool(struct loop *loop);

/* A slot in every loop for a pointer to what a room keeps per loop (route caches, channel tables,
 * counters). A room has one struct loop_slot, static and zero-initialised; the first
 * loop_set_slot() gives it a number. Call loop_set_slot() only while no loop runs; until then
 * loop_slot() returns NULL. */
struct loop_slot {
    unsigned number;
};
enum { LOOP_SLOTS_MAX = 8 };
void *loop_slot(const struct loop *loop, const struct loop_slot *slot);
void loop_set_slot(struct loop *loop, struct loop_slot *slot, void *value);

/* Registers a function that is called at the end of every turn: after its tasks, before mail is
 * handed over and sockets are written (front ends send confirms here). It is called again in the
 * same turn if tasks were scheduled, or mail to this loop was sent, since its last call. Functions
 * are called in the order of registration. Call only while no loop runs. */
void loop_at_turn_end(struct loop *loop, void (*fn)(struct loop *loop));

/* Registers a function that is called in loops_free(), once no loop runs and no mail is left: a
 * room frees what it keeps in its slot. Functions are called in reverse order of registration. Call
 * only while no loop runs. */
void loop_at_free(struct loop *loop, void (*fn)(struct loop *loop));

/* --- the set of loops ------------------------------------------------------------------------- */

struct loops;

/* Creates `count` loops (1 to LOOPS_MAX); their threads do not run yet. From here on the process
 * ignores SIGPIPE. */
struct loops *loops_create(unsigned count);
unsigned loops_count(const struct loops *loops);
struct loop *loops_at(const struct loops *loops, unsigned index);
/* Returns the set that this loop belongs to. */
struct loops *loop_set(const struct loop *loop);

/* Returns the steady clock's time. Any thread. */
uint64_t loops_steady_ms(const struct loops *loops);
/* Sets the steady clock, which shows the wall clock's time until then. Call only before
 * loops_start(). */
void loops_set_steady(struct loops *loops, uint64_t steady_ms);

/* Leaves the turns and the mail of these loops, and what their sockets read and write, out of the
 * counters, which are about loops that messages pass. Call only before loops_start(). */
void loops_leave_uncounted(struct loops *loops);

/* Starts all loops but the first on threads of their own. */
void loops_start(struct loops *loops);
/* Runs loop 0 on the caller's thread; returns when all loops have ended, after loops_stop(). */
void loops_run(struct loops *loops);
/* Asks every loop to end after its current turn. Any thread. */
void loops_stop(struct loops *loops);
/* Delivers all mail and runs all tasks and jobs to their end, on this thread; loop_current()
 * returns each loop in turn meanwhile. Returns whether there was anything to do. Call only after
 * loops_run() has returned, or if loops_start() was never called, and while the rooms that own what
 * the mail carries still exist. */
bool loops_drain(struct loops *loops);
/* Does what loops_drain() does, so that the owner of what mail carries can free it, then frees the
 * loops. Call only after loops_run() has returned, or if loops_start() was never called. Clears the
 * pointer. NULL is fine. */
void loops_free(struct loops **loops);

/* Makes loop 0's thread call fn(arg, signal) whenever the process gets this signal. Call only
 * before loops_start(). */
void loops_on_signal(struct loops *loops, int signal_number, void (*fn)(void *arg, int signal),
                     void *arg);

#endif
