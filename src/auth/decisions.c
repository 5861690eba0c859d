/* Decisions: for each identity that a backend elsewhere authorizes, the questions that it was asked
 * lately, with the answers.
 *
 *   (1) An answer is fresh for auth->fresh_ms. After that a yes is used for as long again while it
 *       is asked for in the background; a no, and a yes that is older, are asked for first.
 *   (2) If no backend says no and one cannot be asked, a yes from earlier stays, as old as it is;
 *       otherwise the answer is no for UNANSWERED_MS.
 *   (3) A decision is asked once at a time; it is not removed meanwhile, and holds a reference to
 *       the identity.
 *   (4) An answer counts only in the epoch (auth->decisions_epoch) in which it was asked for; an
 *       older one is not used, not even if its backend cannot be asked.
 *   (5) When a yes becomes a no, the generation changes (auth.h), so that it takes effect where
 *       answers are kept.
 *
 * The lock of an identity's decisions is never held while something is asked, or a waiter is
 * called. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/decisions.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/semaphore.h"
#include "loop/loop.h"

enum { DECISIONS_MAX = 128, UNANSWERED_MS = 1000 };

struct decision {
    struct lv_list link;            /* in decisions.list: the one used last is the last */
    struct auth_identity *identity; /* a reference while is_asked; else NULL */
    bool is_known;
    bool is_asked;
    enum auth_answer answer; /* AUTH_ALLOWED or AUTH_REFUSED, if is_known */
    uint64_t fresh_until_ms;
    uint64_t epoch;       /* in which it was last asked for */
    struct lv_list waits; /* struct auth_wait.link */

    /* while is_asked: only the thread that asks uses these */
    struct ask ask;
    size_t grant; /* which of the identity's backends is asked */

    struct auth_request request; /* its strings are in `bytes` */
    uint8_t bytes[];
};

struct decisions {
    pthread_mutex_t lock;
    struct lv_list list;
    size_t count;
    struct decision *wanted; /* for which the last answer was AUTH_UNANSWERED; NULL: none */
};

struct auth_wait {
    struct lv_list link;
    struct loop *loop;
    void (*done)(void *arg);
    void *arg;
    bool is_forgotten; /* the loop's own */
};

/* --- the set ---------------------------------------------------------------------------------- */

struct decisions *decisions_create(void)
{
    struct decisions *d = lv_calloc(1, sizeof *d);
    pthread_mutex_init(&d->lock, NULL);
    lv_list_init(&d->list);
    return d;
}

static void decision_remove(struct decisions *d, struct decision *e)
{
    lv_assert(!e->is_asked && lv_list_is_empty(&e->waits));
    if (d->wanted == e)
        d->wanted = NULL;
    lv_list_remove(&e->link);
    d->count--;
    free(e);
}

void decisions_free(struct decisions **pointer)
{
    struct decisions *d = *pointer;
    if (!d)
        return;
    *pointer = NULL;
    while (!lv_list_is_empty(&d->list))
        decision_remove(d, lv_list_item(d->list.next, struct decision, link));
    pthread_mutex_destroy(&d->lock);
    free(d);
}

static bool request_is_equal(const struct auth_request *a, const struct auth_request *b)
{
    return a->resource == b->resource && a->action == b->action && slice_equal(a->name, b->name) &&
           slice_equal(a->routing_key, b->routing_key) && slice_equal(a->vhost, b->vhost);
}

static struct slice bytes_keep(uint8_t **at, struct slice s)
{
    struct slice kept = slice_of(*at, s.n);
    if (s.n > 0)
        memcpy(*at, s.p, s.n);
    *at += s.n;
    return kept;
}

static struct decision *decision_create(struct decisions *d, const struct auth_request *r)
{
    struct decision *e = lv_calloc(1, sizeof *e + r->vhost.n + r->name.n + r->routing_key.n);
    uint8_t *at = e->bytes;
    e->request = *r;
    e->request.vhost = bytes_keep(&at, r->vhost);
    e->request.name = bytes_keep(&at, r->name);
    e->request.routing_key = bytes_keep(&at, r->routing_key);
    lv_list_init(&e->waits);
    lv_list_push(&d->list, &e->link);
    d->count++;
    return e;
}

/* Makes room for one more. Returns false if all are being asked. */
static bool decisions_make_room(struct decisions *d)
{
    struct lv_list *it, *after;
    if (d->count < DECISIONS_MAX)
        return true;
    lv_list_each (it, after, &d->list) {
        struct decision *e = lv_list_item(it, struct decision, link);
        if (!e->is_asked) {
            decision_remove(d, e);
            return true;
        }
    }
    return false;
}

/* Finds the decision, or adds it. Returns NULL if too many are being asked. */
static struct decision *decision_want(struct decisions *d, const struct auth_request *r)
{
    struct lv_list *it, *after;
    lv_list_each (it, after, &d->list) {
        struct decision *e = lv_list_item(it, struct decision, link);
        if (request_is_equal(&e->request, r)) {
            lv_list_remove(&e->link);
            lv_list_push(&d->list, &e->link);
            return e;
        }
    }
    return decisions_make_room(d) ? decision_create(d, r) : NULL;
}

/* --- answers ---------------------------------------------------------------------------------- */

static void wait_arrives(struct loop *at, struct mail *mail)
{
    struct auth_wait *wait = mail->a;
    (void)at;
    if (!wait->is_forgotten)
        wait->done(wait->arg);
    free(wait);
}

static void wait_end(struct auth_wait *wait)
{
    if (wait->loop) {
        struct mail mail = {.deliver = wait_arrives, .a = wait};
        loop_mail_from_outside(wait->loop, &mail);
        return;
    }
    wait->done(wait->arg);
    free(wait);
}

/* Moves all items of one list to another, which is empty. */
static void list_move(struct lv_list *from, struct lv_list *to)
{
    lv_list_init(to);
    while (!lv_list_is_empty(from)) {
        struct lv_list *item = from->next;
        lv_list_remove(item);
        lv_list_push(to, item);
    }
}

static void decision_log(const struct decision *e, const char *name, const struct lv_buffer *reason)
{
    struct slice what = e->request.resource == AUTH_VHOST ? e->request.vhost : e->request.name;
    bool is_kept = e->is_known && e->answer == AUTH_ALLOWED;
    log_warning("the backend %s could not say whether user '%.*s' may access %s '%.*s', %s: %.*s",
                name, SLICE_ARG(e->identity->name), auth_resource_name(e->request.resource),
                SLICE_ARG(what), is_kept ? "so its last answer, yes, stays" : "so it may not",
                SLICE_ARG(lv_buffer_slice(reason)));
}

/* Keeps the answer, calls those who wait, and gives the identity back. */
static void decision_conclude(struct decision *e, enum auth_answer answer)
{
    struct auth_identity *identity = e->identity;
    struct decisions *d = identity->decisions;
    struct lv_list waits, *it, *after;
    uint64_t fresh_ms = auth_decisions_ms(identity->auth);
    pthread_mutex_lock(&d->lock);
    bool was_allowed = e->is_known && e->answer == AUTH_ALLOWED;
    if (answer == AUTH_UNANSWERED && !was_allowed && fresh_ms > UNANSWERED_MS)
        fresh_ms = UNANSWERED_MS;
    if (answer == AUTH_UNANSWERED)
        answer = was_allowed ? AUTH_ALLOWED : AUTH_REFUSED;
    e->answer = answer;
    e->is_known = true;
    e->is_asked = false;
    e->identity = NULL;
    e->fresh_until_ms = clock_up_ms() + fresh_ms;
    if (was_allowed && answer == AUTH_REFUSED)
        auth_ask_again();
    list_move(&e->waits, &waits);
    pthread_mutex_unlock(&d->lock);
    lv_list_each (it, after, &waits) {
        lv_list_remove(it);
        wait_end(lv_list_item(it, struct auth_wait, link));
    }
    auth_identity_unref(&identity);
}

/* --- asking ----------------------------------------------------------------------------------- */

static void decision_ask_next(struct decision *e);

/* Returns what the backend in turn is asked, borrowed from the decision. */
static struct auth_question decision_question(const struct decision *e)
{
    const struct auth_identity *who = e->identity;
    const struct auth_request *r = &e->request;
    return (struct auth_question){
        .resource = r->resource,
        .action = r->action,
        .vhost = r->vhost,
        .name = r->name.n > 0 || r->resource == AUTH_VHOST ? r->name : slice_str("amq.default"),
        .routing_key = r->routing_key,
        .user = who->name,
        .tags = who->tags,
        .client_id = who->client_id,
        .peer_address = who->peer_address,
        .data = who->grants[e->grant].data,
    };
}

static struct auth_backend *decision_backend(const struct decision *e)
{
    return e->identity->grants[e->grant].from->backend;
}

/* Goes on after a backend's answer: asks the next one, or concludes. */
static void decision_take_answer(struct decision *e, enum auth_answer answer)
{
    if (answer != AUTH_ALLOWED) {
        decision_conclude(e, answer);
        return;
    }
    e->grant++;
    decision_ask_next(e);
}

/* Asks one backend, on a thread of its pool. */
static void decision_run(struct ask *ask)
{
    struct decision *e = lv_container_of(ask, struct decision, ask);
    struct auth_backend *backend = decision_backend(e);
    struct lv_buffer reason = {0};
    const struct auth_question question = decision_question(e);
    enum auth_answer answer = backend->calls->may(backend, &question, &reason);
    if (answer == AUTH_UNANSWERED)
        decision_log(e, backend->name, &reason);
    lv_buffer_free(&reason);
    decision_take_answer(e, answer);
}

/* Returns what the backend in turn says without asking anybody. */
static enum auth_answer decision_known(const struct decision *e)
{
    struct auth_backend *backend = decision_backend(e);
    const struct auth_question question = decision_question(e);
    return backend->calls->may_known ? backend->calls->may_known(backend, &question)
                                     : AUTH_UNANSWERED;
}

static void decision_ask_next(struct decision *e)
{
    struct auth_identity *who = e->identity;
    while (e->grant < who->grant_count && chain_backend_is_internal(who->grants[e->grant].from))
        e->grant++; /* auth_check() has asked it */
    if (e->grant == who->grant_count) {
        decision_conclude(e, AUTH_ALLOWED);
        return;
    }
    enum auth_answer known = decision_known(e);
    if (known != AUTH_UNANSWERED) {
        decision_take_answer(e, known);
        return;
    }
    struct chain_backend *from = who->grants[e->grant].from;
    e->ask.run = decision_run;
    if (ask_submit(from->pool, &e->ask, who->peer_address))
        return;
    struct lv_buffer reason = {0};
    lv_buffer_printf(&reason, "too many questions wait for it");
    decision_log(e, from->backend->name, &reason);
    lv_buffer_free(&reason);
    decision_conclude(e, AUTH_UNANSWERED);
}

/* --- the door --------------------------------------------------------------------------------- */

/* Returns whether the answer may be used now; *ret_asks: it must be asked for again. */
static bool decision_is_usable(struct decision *e, const struct auth *auth, bool *ret_asks)
{
    uint64_t now = clock_up_ms(), fresh_ms = auth_decisions_ms(auth);
    if (e->epoch != atomic_load(&auth->decisions_epoch))
        e->is_known = false;
    *ret_asks = !e->is_asked && (!e->is_known || now >= e->fresh_until_ms);
    if (!e->is_known)
        return false;
    return now < e->fresh_until_ms ||
           (e->answer == AUTH_ALLOWED && now < e->fresh_until_ms + fresh_ms);
}

/* Marks the decision as asked. The caller holds the lock, and calls decision_ask_next() without
 * it. */
static void decision_begin(struct decision *e, struct auth_identity *identity)
{
    e->is_asked = true;
    e->epoch = atomic_load(&identity->auth->decisions_epoch);
    e->grant = 0;
    e->identity = auth_identity_ref(identity);
}

/* Returns the answer if it may be used now. If the decision must be asked, *ret_ask is set to it;
 * `ret_ask` NULL: whoever looks does not ask. */
static enum auth_answer decision_look(struct auth_identity *identity,
                                      const struct auth_request *request, struct decision **ret_ask)
{
    struct decisions *d = identity->decisions;
    enum auth_answer answer = AUTH_UNANSWERED;
    struct decision *to_ask = NULL;
    pthread_mutex_lock(&d->lock);
    struct decision *e = decision_want(d, request);
    bool asks = false;
    if (e && decision_is_usable(e, identity->auth, &asks))
        answer = e->answer;
    if (e && asks && ret_ask) {
        decision_begin(e, identity);
        to_ask = e;
    }
    if (answer == AUTH_UNANSWERED) /* if too many are asked, any of them must be awaited */
        d->wanted = e ? e : lv_list_item(d->list.next, struct decision, link);
    pthread_mutex_unlock(&d->lock);
    if (ret_ask)
        *ret_ask = to_ask;
    return answer;
}

enum auth_answer decisions_find(struct auth_identity *identity, const struct auth_request *request)
{
    struct decision *ask;
    enum auth_answer answer = decision_look(identity, request, &ask);
    if (!ask)
        return answer;
    decision_ask_next(ask);
    if (answer != AUTH_UNANSWERED)
        return answer;
    /* it may be answered already: without threads, if it was known (may_known()), and if too many
     * questions wait; and if this thread was held up, the answer may be old already: whoever waits
     * for it then asks again */
    return decision_look(identity, request, NULL);
}

/* --- waiting ---------------------------------------------------------------------------------- */

struct auth_wait *auth_await(struct auth_identity *identity, struct loop *loop,
                             void (*done)(void *arg), void *arg)
{
    struct decisions *d = identity->decisions;
    lv_assert(d);
    struct auth_wait *wait = lv_calloc(1, sizeof *wait);
    *wait = (struct auth_wait){.loop = loop, .done = done, .arg = arg};
    lv_list_init(&wait->link);
    pthread_mutex_lock(&d->lock);
    bool is_asked = d->wanted && d->wanted->is_asked;
    if (is_asked)
        lv_list_push(&d->wanted->waits, &wait->link);
    pthread_mutex_unlock(&d->lock);
    if (!is_asked)
        wait_end(wait);
    return loop ? wait : NULL;
}

void auth_wait_forget(struct auth_wait **pointer)
{
    struct auth_wait *wait = *pointer;
    if (!wait)
        return;
    *pointer = NULL;
    wait->is_forgotten = true;
}

static void await_done(void *arg)
{
    sem_post(arg);
}

void auth_await_here(struct auth_identity *identity)
{
    sem_t is_done;
    sem_init(&is_done, 0, 0);
    auth_await(identity, NULL, await_done, &is_done);
    semaphore_wait(&is_done);
    sem_destroy(&is_done);
}

void auth_set_decisions(struct auth *auth, uint64_t fresh_ms)
{
    atomic_store(&auth->fresh_ms, fresh_ms);
}

uint64_t auth_decisions_ms(const struct auth *auth)
{
    return atomic_load(&auth->fresh_ms);
}

void auth_forget_decisions(struct auth *auth)
{
    chains_clear(auth);
    atomic_fetch_add(&auth->decisions_epoch, 1);
    auth_ask_again();
}

void auth_ask_again(void)
{
    atomic_fetch_add_explicit(&auth_generation_now, 1, memory_order_release);
}
