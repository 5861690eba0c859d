/* A question outlives its asker when the broker stops: the mail that carries it may still be under way,
 * and is delivered by loops_free(). So it is counted: it goes with the last mail, or with the asker,
 * whichever is later; and abandoned, it calls nobody. */
#include "admin/ask.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"
#include "base/rcu.h"

struct asker {
    struct loops *loops;
    pthread_mutex_t lock; /* of all that follows, and of every question's fields */
    pthread_cond_t changed;
    bool is_closed;
    unsigned refs; /* the owner's, and one for each question */
};

struct question {
    struct asker *asker;
    ask_fn *fn;
    void *arg;
    unsigned answers_due;
    bool is_abandoned;
};

struct asker *asker_create(struct loops *loops)
{
    struct asker *a = lv_calloc(1, sizeof *a);
    a->loops = loops;
    pthread_mutex_init(&a->lock, NULL);
    pthread_cond_init(&a->changed, NULL);
    a->refs = 1;
    return a;
}

/* The lock is held, and given back. */
static void asker_unref(struct asker *a)
{
    bool is_last = --a->refs == 0;
    pthread_mutex_unlock(&a->lock);
    if (!is_last)
        return;
    pthread_cond_destroy(&a->changed);
    pthread_mutex_destroy(&a->lock);
    free(a);
}

void asker_close(struct asker *a)
{
    pthread_mutex_lock(&a->lock);
    a->is_closed = true;
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

void asker_free(struct asker **asker)
{
    struct asker *a = *asker;
    *asker = NULL;
    if (!a)
        return;
    pthread_mutex_lock(&a->lock);
    asker_unref(a);
}

static void delivered(struct loop *at, struct mail *mail)
{
    struct question *q = mail->a;
    struct asker *a = q->asker;

    pthread_mutex_lock(&a->lock);
    bool is_abandoned = q->is_abandoned;
    pthread_mutex_unlock(&a->lock);
    if (!is_abandoned)
        q->fn(at, q->arg);

    pthread_mutex_lock(&a->lock);
    if (--q->answers_due > 0) {
        pthread_mutex_unlock(&a->lock);
        return;
    }
    if (q->is_abandoned) {
        free(q);
        asker_unref(a);
        return;
    }
    pthread_cond_broadcast(&a->changed);
    pthread_mutex_unlock(&a->lock);
}

/* Waits for the answers and gives the question up or back. */
static int question_end(struct question *q)
{
    struct asker *a = q->asker;
    lv_rcu_offline();
    pthread_mutex_lock(&a->lock);
    while (q->answers_due > 0 && !a->is_closed)
        pthread_cond_wait(&a->changed, &a->lock);
    bool is_answered = q->answers_due == 0;
    if (is_answered) {
        free(q);
        asker_unref(a);
    } else {
        q->is_abandoned = true;
        pthread_mutex_unlock(&a->lock);
    }
    lv_rcu_online();
    return is_answered ? 0 : ERR_CLOSED;
}

static int ask(struct asker *a, struct loop *only, ask_fn *fn, void *arg)
{
    lv_assert(loop_current() == NULL);
    pthread_mutex_lock(&a->lock);
    if (a->is_closed) {
        pthread_mutex_unlock(&a->lock);
        return ERR_CLOSED;
    }
    a->refs++;
    pthread_mutex_unlock(&a->lock);

    unsigned count = only ? 1 : loops_count(a->loops);
    struct question *q = lv_calloc(1, sizeof *q);
    *q = (struct question){.asker = a, .fn = fn, .arg = arg, .answers_due = count};
    struct mail mail = {.deliver = delivered, .a = q};
    for (unsigned i = 0; i < count; i++)
        loop_mail_from_outside(only ? only : loops_at(a->loops, i), &mail);
    return question_end(q);
}

int ask_every_loop(struct asker *asker, ask_fn *fn, void *arg)
{
    return ask(asker, NULL, fn, arg);
}

int ask_loop(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg)
{
    return ask(asker, loop, fn, arg);
}

void ask_loop_or_end(struct asker *asker, struct loop *loop, ask_fn *fn, void *arg)
{
    if (ask_loop(asker, loop, fn, arg) == 0)
        return;
    pthread_mutex_lock(&asker->lock);
    fn(NULL, arg);
    pthread_mutex_unlock(&asker->lock);
}

/* --- commits ------------------------------------------------------------------------------ */

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
    c->is_done = true;
    c->error = error;
    pthread_cond_signal(&c->changed);
    pthread_mutex_unlock(&c->lock);
}

int commit_end(struct commit *c, int submitted)
{
    if (submitted >= 0) {
        lv_rcu_offline();
        pthread_mutex_lock(&c->lock);
        while (!c->is_done)
            pthread_cond_wait(&c->changed, &c->lock);
        pthread_mutex_unlock(&c->lock);
        lv_rcu_online();
        submitted = c->error;
    }
    pthread_cond_destroy(&c->changed);
    pthread_mutex_destroy(&c->lock);
    return submitted;
}
