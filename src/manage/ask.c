/* When the broker stops, a question may outlive the call that asked it: its mail may still be in a
 * loop's mailbox, and is delivered only when the mailboxes are drained (loops_drain(),
 * loops_free()). So a question counts its references: the asking thread has one, each mail another.
 * Once the question is abandoned, its mail calls no function.
 *
 * A loop takes no lock to answer, and each question has a semaphore of its own: asking threads have
 * a low priority, and a loop would have to wait for one that holds a lock and is not scheduled. */
#include "manage/ask.h"

#include <errno.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <time.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/list.h"
#include "base/memory.h"
#include "base/rcu.h"
#include "base/semaphore.h"
#include "manage/compute_slots.h"

struct asker {
    struct loops *loops;
    atomic_uint refs;         /* the owner's, and one for each question */
    pthread_mutex_t lock;     /* for `questions` and `is_closed` */
    struct lv_list questions; /* struct question.link: those that threads wait for */
    bool is_closed;
    atomic_bool refuses_later;
    atomic_uint later; /* how many of ask_loop_later() threads wait for */
};

struct question {
    struct asker *asker;
    ask_fn *fn; /* NULL: `later` */
    ask_later_fn *later;
    void *arg;
    atomic_uint refs; /* the asking thread's, and one for each mail */
    atomic_uint answers_due;
    atomic_bool is_abandoned;
    sem_t is_over; /* posted with the last answer, and by asker_close() */
    struct lv_list link;
};

struct asker *asker_create(struct loops *loops)
{
    struct asker *a = lv_calloc(1, sizeof *a);
    a->loops = loops;
    pthread_mutex_init(&a->lock, NULL);
    lv_list_init(&a->questions);
    atomic_init(&a->refs, 1);
    return a;
}

static void asker_unref(struct asker *a)
{
    unsigned refs = atomic_fetch_sub(&a->refs, 1);
    lv_assert(refs > 0);
    if (refs > 1)
        return;
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void asker_refuse_later(struct asker *a)
{
    atomic_store(&a->refuses_later, true);
}

bool asker_is_busy(const struct asker *a)
{
    return atomic_load(&a->later) > 0;
}

void asker_close(struct asker *a)
{
    pthread_mutex_lock(&a->lock);
    a->is_closed = true;
    struct lv_list *it, *after;
    lv_list_each (it, after, &a->questions)
        sem_post(&lv_list_item(it, struct question, link)->is_over);
    pthread_mutex_unlock(&a->lock);
}

void asker_free(struct asker **asker)
{
    struct asker *a = *asker;
    *asker = NULL;
    if (!a)
        return;
    lv_assert(lv_list_is_empty(&a->questions));
    asker_unref(a);
}

static void question_unref(struct question *q)
{
    unsigned refs = atomic_fetch_sub(&q->refs, 1);
    lv_assert(refs > 0);
    if (refs > 1)
        return;
    sem_destroy(&q->is_over);
    asker_unref(q->asker);
    free(q);
}

void ask_answer(struct question *q)
{
    unsigned due = atomic_fetch_sub(&q->answers_due, 1);
    lv_assert(due > 0); /* each loop answers once */
    if (due == 1)
        sem_post(&q->is_over);
    question_unref(q);
}

static void question_delivered(struct loop *at, struct mail *mail)
{
    struct question *q = mail->a;
    bool is_abandoned = atomic_load(&q->is_abandoned);
    if (!is_abandoned && q->later) {
        q->later(at, q->arg, q);
        return;
    }
    if (!is_abandoned)
        q->fn(at, q->arg);
    ask_answer(q);
}

/* Returns NULL if the asker is closed. */
static struct question *question_begin(struct asker *a, struct question asked, unsigned loops)
{
    struct question *q = lv_calloc(1, sizeof *q);
    q->asker = a;
    q->fn = asked.fn;
    q->later = asked.later;
    q->arg = asked.arg;
    atomic_init(&q->refs, 1 + loops);
    atomic_init(&q->answers_due, loops);
    sem_init(&q->is_over, 0, 0);
    pthread_mutex_lock(&a->lock);
    bool is_closed = a->is_closed;
    if (!is_closed)
        lv_list_push(&a->questions, &q->link);
    pthread_mutex_unlock(&a->lock);
    if (!is_closed) {
        atomic_fetch_add(&a->refs, 1);
        return q;
    }
    sem_destroy(&q->is_over);
    free(q);
    return NULL;
}

/* Gives up the asking thread's reference. */
static void question_forget(struct question *q)
{
    pthread_mutex_lock(&q->asker->lock);
    lv_list_remove(&q->link);
    pthread_mutex_unlock(&q->asker->lock);
    question_unref(q);
}

/* Waits for the answers, and gives up the asking thread's reference. Returns ERR_CLOSED if the
 * asker is closed before all have come. */
static int question_end(struct question *q)
{
    bool had_slot = compute_slot_pause();
    semaphore_wait(&q->is_over);
    compute_slot_resume(had_slot);
    bool is_answered = atomic_load(&q->answers_due) == 0;
    if (!is_answered)
        atomic_store(&q->is_abandoned, true);
    question_forget(q);
    return is_answered ? 0 : ERR_CLOSED;
}

/* Asks every loop, or only one. Returns NULL if the asker is closed. */
static struct question *question_send(struct asker *a, struct loop *only, struct question asked)
{
    lv_assert(loop_current() == NULL);
    lv_assert((asked.fn != NULL) != (asked.later != NULL));
    unsigned count = only ? 1 : loops_count(a->loops);
    struct question *q = question_begin(a, asked, count);
    if (!q)
        return NULL;
    struct mail mail = {.deliver = question_delivered, .a = q};
    for (unsigned i = 0; i < count; i++)
        loop_mail_from_outside(only ? only : loops_at(a->loops, i), &mail);
    return q;
}

static int question_ask(struct asker *a, struct loop *only, struct question asked)
{
    struct question *q = question_send(a, only, asked);
    return q ? question_end(q) : ERR_CLOSED;
}

int ask_every_loop(struct asker *asker, ask_fn *fn, void *arg)
{
    return question_ask(asker, NULL, (struct question){.fn = fn, .arg = arg});
}

int ask_loop(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg)
{
    return question_ask(asker, loop, (struct question){.fn = fn, .arg = arg});
}

int ask_loop_later(struct asker *asker, struct loop *loop, ask_later_fn *fn, void *arg)
{
    atomic_fetch_add(&asker->later, 1); /* before the look, so that none is overlooked */
    int err = ERR_CLOSED;
    if (!atomic_load(&asker->refuses_later))
        err = question_ask(asker, loop, (struct question){.later = fn, .arg = arg});
    atomic_fetch_sub(&asker->later, 1);
    return err;
}

void ask_loop_or_end(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg)
{
    if (ask_loop(asker, loop, fn, arg) == 0)
        return;
    pthread_mutex_lock(&asker->lock);
    fn(NULL, arg);
    pthread_mutex_unlock(&asker->lock);
}

static struct timespec time_after(unsigned ms)
{
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    at.tv_sec += ms / 1000;
    at.tv_nsec += (long)(ms % 1000) * 1000000;
    if (at.tv_nsec >= 1000000000) {
        at.tv_sec++;
        at.tv_nsec -= 1000000000;
    }
    return at;
}

/* Waits until the question is over, at most `ms`. Returns false if the time is over first. */
static bool question_wait(struct question *q, unsigned ms)
{
    struct timespec until = time_after(ms);
    bool had_slot = compute_slot_pause();
    int n;
    while ((n = sem_clockwait(&q->is_over, CLOCK_MONOTONIC, &until)) != 0 && errno == EINTR)
        continue;
    compute_slot_resume(had_slot);
    return n == 0;
}

/* Waits on a question that is sent to no loop, so only asker_close() ends the wait early. */
int ask_pause(struct asker *a, unsigned ms)
{
    lv_assert(loop_current() == NULL);
    struct question *q = question_begin(a, (struct question){.fn = NULL}, 0);
    if (!q)
        return ERR_CLOSED;
    bool is_closed = question_wait(q, ms);
    question_forget(q);
    return is_closed ? ERR_CLOSED : 0;
}

static void do_nothing(struct loop *loop, void *arg)
{
    (void)loop;
    (void)arg;
}

/* A question that does nothing may be given up at any moment, as no loop uses what the caller owns.
 */
int ask_for_a_turn(struct asker *a, unsigned ms)
{
    struct question *q = question_send(a, NULL, (struct question){.fn = do_nothing});
    if (!q)
        return ERR_CLOSED;
    bool is_over = question_wait(q, ms);
    bool is_answered = atomic_load(&q->answers_due) == 0;
    question_forget(q);
    return is_answered ? 0 : is_over ? ERR_CLOSED : ERR_TIMED_OUT;
}

/* --- commits ---------------------------------------------------------------------------------- */

void commit_begin(struct commit *c)
{
    *c = (struct commit){.is_done = false};
    pthread_mutex_init(&c->lock, NULL);
    pthread_cond_init(&c->changed, NULL);
}

void commit_done(void *commit, int error)
{
    struct commit *c = commit;
    pthread_mutex_lock(&c->lock);
    lv_assert(!c->is_done);
    c->is_done = true;
    c->error = error;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

int commit_end(struct commit *c, int submitted)
{
    if (submitted >= 0) {
        lv_assert(loop_current() == NULL);
        bool had_slot = compute_slot_pause();
        pthread_mutex_lock(&c->lock);
        while (!c->is_done)
            pthread_cond_wait(&c->changed, &c->lock);
        pthread_mutex_unlock(&c->lock);
        compute_slot_resume(had_slot);
        submitted = c->error;
    }
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    return submitted;
}
