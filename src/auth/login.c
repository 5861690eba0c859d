/* Logins under way.
 *
 * A login asks one backend after the other, as the chain says. Each is asked on a thread that may
 * wait for it: the asker's if it takes no time, else one of a pool. The answer is delivered on the
 * loop that asked, by mail if it is not known at once.
 *
 *   (1) Only the loop that asked calls done(), or drops the answer: `is_forgotten` is its own.
 *   (2) `is_cut` tells the threads that the answer is not wanted, so that nobody else is asked.
 *   (3) The login owns copies of the credentials, and wipes the password when it is freed.
 *   (4) One thread at a time works on a login: who submits it does not touch it any more. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/login.h"

#include "auth/identity.h"
#include "auth/internal.h"
#include "base/log.h"
#include "base/semaphore.h"

struct auth_login {
    struct auth *auth;
    struct loop *loop;
    void (*done)(void *arg, const struct auth_login_answer *answer);
    void *arg;
    bool is_forgotten;
    _Atomic bool is_cut;
    bool is_from_loopback;
    struct auth_credentials credentials; /* copies */

    /* where it is in the chain */
    struct auth_chain *chain; /* used */
    size_t link;
    size_t asked; /* backends of the link that have accepted the user */
    struct ask ask;

    /* what backends have said */
    struct lv_buffer name; /* if it is not that of the credentials */
    struct lv_buffer tags;
    uint64_t expires_at_s; /* the first of those that end; 0: never */
    struct auth_grant grants[CHAIN_BACKENDS_MAX];
    size_t grant_count;
    struct lv_buffer reason; /* of refusals */

    struct auth_identity *identity; /* the answer; NULL: refused */
};

/* --- creating and freeing --------------------------------------------------------------------- */

static struct auth_login *login_create(struct auth *auth, const struct auth_login_request *r)
{
    const struct auth_credentials *c = &r->credentials;
    struct auth_login *login = lv_calloc(1, sizeof *login);
    login->auth = auth;
    login->loop = r->loop;
    login->done = r->done;
    login->arg = r->arg;
    login->is_from_loopback = r->is_from_loopback;
    login->chain = chain_use(auth);
    login->credentials = (struct auth_credentials){
        .user = slice_copy(c->user),
        .password = slice_copy(c->password),
        .has_password = c->has_password,
        .vhost = slice_copy(c->vhost),
        .client_id = slice_copy(c->client_id),
        .peer_address = slice_copy(c->peer_address),
    };
    return login;
}

/* Drops what the backends of a link have said. */
static void link_forget(struct auth_login *login)
{
    for (size_t i = 0; i < login->grant_count; i++)
        grant_forget(&login->grants[i]);
    login->grant_count = 0;
    login->asked = 0;
    login->name.n = 0;
    login->tags.n = 0;
    login->expires_at_s = 0;
}

static void login_free(struct auth_login *login)
{
    struct auth_credentials *c = &login->credentials;
    link_forget(login);
    chain_leave(login->chain);
    password_wipe(c->password);
    string_free(&c->user);
    string_free(&c->password);
    string_free(&c->vhost);
    string_free(&c->client_id);
    string_free(&c->peer_address);
    auth_identity_unref(&login->identity);
    lv_buffer_free(&login->name);
    lv_buffer_free(&login->tags);
    lv_buffer_free(&login->reason);
    free(login);
}

/* --- the answer ------------------------------------------------------------------------------- */

/* Calls done() with the answer, which it takes. */
static void login_answer(struct auth_login *login)
{
    const struct auth_login_answer answer = {
        .identity = login->identity,
        .user = login->credentials.user,
        .reason = login->identity ? NULL : (const char *)login->reason.p,
    };
    login->identity = NULL;
    login->done(login->arg, &answer);
}

static void login_arrives(struct loop *at, struct mail *mail)
{
    struct auth_login *login = mail->a;
    (void)at;
    if (!login->is_forgotten)
        login_answer(login);
    login_free(login);
}

static struct slice login_name(const struct auth_login *login)
{
    return login->name.n > 0 ? lv_buffer_slice(&login->name) : login->credentials.user;
}

/* Adds why a backend refuses. With several backends, it is named. */
static void reason_add(struct auth_login *login, const struct chain_backend *b, struct slice why)
{
    bool is_alone = login->chain->link_count == 1 && login->chain->links[0].count == 0;
    if (login->reason.n > 0)
        lv_buffer_printf(&login->reason, "; ");
    if (!is_alone || !chain_backend_is_internal(b))
        lv_buffer_printf(&login->reason, "%s: ", chain_backend_name(b));
    lv_buffer_printf(&login->reason, "%.*s", SLICE_ARG(why));
}

static void reason_add_user(struct auth_login *login, const struct chain_backend *b,
                            const char *why)
{
    struct lv_buffer text = {0};
    lv_buffer_printf(&text, "user '%.*s' %s", SLICE_ARG(login_name(login)), why);
    reason_add(login, b, lv_buffer_slice(&text));
    lv_buffer_free(&text);
}

/* Makes the identity of a user whom a link has accepted, or the reason why it may not log in. */
static void login_accept(struct auth_login *login)
{
    const struct identity_facts facts = {
        .name = login_name(login),
        .tags = lv_buffer_slice(&login->tags),
        .client_id = login->credentials.client_id,
        .peer_address = login->credentials.peer_address,
        .expires_at_s = login->expires_at_s,
        .chain = login->chain,
        .grants = login->grants,
        .grant_count = login->grant_count,
    };
    const char *why = internal_refuse_address(login->auth, facts.name, login->is_from_loopback);
    if (!why && identity_create(login->auth, &facts, &login->identity) < 0)
        why = "- invalid credentials (the user has just been deleted)";
    if (!why) {
        login->grant_count = 0; /* the identity has them */
        return;
    }
    login->reason.n = 0;
    lv_buffer_printf(&login->reason, "user '%.*s' %s", SLICE_ARG(facts.name), why);
}

/* --- one backend ------------------------------------------------------------------------------ */

static const struct chain_link *login_link(const struct auth_login *login)
{
    return &login->chain->links[login->link];
}

/* Returns the backend to be asked next. */
static struct chain_backend *login_backend(const struct auth_login *login)
{
    const struct chain_link *link = login_link(login);
    unsigned number = login->asked == 0 ? link->authenticates : link->authorizes[login->asked - 1];
    return &login->chain->backends[number];
}

/* Returns whether what this backend gives is kept: it authorizes the user. */
static bool backend_authorizes(const struct auth_login *login)
{
    return login->asked > 0 || login_link(login)->count == 0;
}

static void grant_add(struct auth_login *login, struct chain_backend *b, void *data)
{
    struct auth_grant grant = {.from = b, .data = data};
    if (backend_authorizes(login)) {
        lv_assert(login->grant_count < CHAIN_BACKENDS_MAX);
        login->grants[login->grant_count++] = grant;
    } else {
        grant_forget(&grant);
    }
}

static void expiry_add(struct auth_login *login, uint64_t expires_at_s)
{
    if (expires_at_s > 0 && (login->expires_at_s == 0 || expires_at_s < login->expires_at_s))
        login->expires_at_s = expires_at_s;
}

static enum internal_answer ask_internal(struct auth_login *login, struct chain_backend *b,
                                         bool may_be_slow)
{
    const struct auth_credentials *c = &login->credentials;
    const char *why = NULL;
    bool has_password = c->has_password && login->asked == 0;
    enum internal_answer answer = internal_check(login->auth, login_name(login), c->password,
                                                 has_password, may_be_slow, &why);
    if (answer == INTERNAL_ALLOWED) {
        tags_add_internal(login->auth, login_name(login), &login->tags);
        grant_add(login, b, NULL);
    } else if (answer == INTERNAL_REFUSED) {
        reason_add_user(login, b, why);
    }
    return answer;
}

enum step { STEP_ACCEPTED, STEP_REFUSED, STEP_ELSEWHERE };

/* Asks a backend elsewhere, which may block if `may_wait`. STEP_ELSEWHERE: it would. */
static enum step ask_elsewhere(struct auth_login *login, struct chain_backend *b, bool may_wait)
{
    const struct auth_backend_calls *calls = b->backend->calls;
    struct auth_credentials credentials = login->credentials;
    struct auth_found found = {0};
    struct lv_buffer reason = {0};
    if (!may_wait && !calls->log_in_known)
        return STEP_ELSEWHERE;
    credentials.user = login_name(login);
    enum auth_answer answer =
        (may_wait ? calls->log_in : calls->log_in_known)(b->backend, &credentials, &found, &reason);
    if (!may_wait && answer == AUTH_UNANSWERED)
        return STEP_ELSEWHERE;
    if (answer == AUTH_ALLOWED) {
        if (found.name.n > 0) {
            login->name.n = 0;
            lv_buffer_add_slice(&login->name, lv_buffer_slice(&found.name));
        }
        tags_add(&login->tags, lv_buffer_slice(&found.tags));
        expiry_add(login, found.expires_at_s);
        grant_add(login, b, found.data);
    } else {
        reason_add(login, b, reason.n > 0 ? lv_buffer_slice(&reason) : slice_str("refused"));
    }
    lv_buffer_free(&found.name);
    lv_buffer_free(&found.tags);
    lv_buffer_free(&reason);
    return answer == AUTH_ALLOWED ? STEP_ACCEPTED : STEP_REFUSED;
}

/* --- the way through the chain ---------------------------------------------------------------- */

/* Goes on after a backend's answer. Returns whether the login is answered with it. */
static bool login_take_answer(struct auth_login *login, bool is_accepted)
{
    if (is_accepted) {
        if (login->asked++ < login_link(login)->count)
            return false;
        login_accept(login);
        return true;
    }
    link_forget(login);
    return ++login->link == login->chain->link_count;
}

static void login_run(struct ask *ask);

/* Has the login go on on a thread of this pool. Returns false if too many wait there. */
static bool login_submit(struct auth_login *login, struct ask_pool *pool)
{
    login->ask.run = login_run;
    return ask_submit(pool, &login->ask, login->credentials.peer_address);
}

/* Asks the next backend, on this thread, which may wait for `may_wait_for` (NULL: for none); or has
 * the login go on elsewhere: then it must not be touched any more. */
static enum step login_step(struct auth_login *login, const struct chain_backend *may_wait_for)
{
    struct chain_backend *b = login_backend(login);
    bool is_internal = chain_backend_is_internal(b);
    bool may_wait = may_wait_for == b || login->auth->is_single_threaded;
    if (is_internal) {
        enum internal_answer answer = ask_internal(login, b, may_wait);
        if (answer != INTERNAL_NEEDS_HASH)
            return answer == INTERNAL_ALLOWED ? STEP_ACCEPTED : STEP_REFUSED;
    } else {
        enum step step = ask_elsewhere(login, b, may_wait);
        if (step != STEP_ELSEWHERE)
            return step;
    }
    if (login_submit(login, is_internal ? login->auth->hashing : b->pool))
        return STEP_ELSEWHERE;
    log_warning("a login from %.*s is refused, since too many wait for the backend %s",
                SLICE_ARG(login->credentials.peer_address), chain_backend_name(b));
    reason_add_user(login, b, "- too many logins wait");
    return STEP_REFUSED;
}

/* Asks one backend after the other, as long as this thread may wait for them. Returns false if the
 * login goes on elsewhere: then it must not be touched any more. */
static bool login_go_on(struct auth_login *login, const struct chain_backend *may_wait_for)
{
    enum step step;
    do {
        step = login_step(login, may_wait_for);
        if (step == STEP_ELSEWHERE)
            return false;
    } while (!login_take_answer(login, step == STEP_ACCEPTED));
    return true;
}

static void login_deliver(struct auth_login *login)
{
    if (login->loop) {
        struct mail mail = {.deliver = login_arrives, .a = login};
        loop_mail_from_outside(login->loop, &mail);
        return;
    }
    login_answer(login);
    login_free(login);
}

/* On a thread of the pool of the backend that is asked next. */
static void login_run(struct ask *ask)
{
    struct auth_login *login = lv_container_of(ask, struct auth_login, ask);
    if (atomic_load(&login->is_cut) || login_go_on(login, login_backend(login)))
        login_deliver(login);
}

/* --- the door --------------------------------------------------------------------------------- */

struct auth_login *auth_log_in(struct auth *auth, const struct auth_login_request *r)
{
    struct auth_login *login = login_create(auth, r);
    if (!login_go_on(login, NULL))
        return login;
    login_answer(login);
    login_free(login);
    return NULL;
}

void auth_login_forget(struct auth_login **pointer)
{
    struct auth_login *login = *pointer;
    if (!login)
        return;
    *pointer = NULL;
    login->is_forgotten = true;
    atomic_store(&login->is_cut, true);
}

/* --- logging in while the caller waits -------------------------------------------------------- */

struct waiting {
    struct auth_identity **ret;
    struct lv_buffer *reason;
    bool is_in;
    sem_t is_done;
};

static void waiting_done(void *arg, const struct auth_login_answer *answer)
{
    struct waiting *w = arg;
    w->is_in = answer->identity != NULL;
    if (w->is_in)
        *w->ret = answer->identity;
    else if (w->reason)
        lv_buffer_printf(w->reason, "%s", answer->reason);
    sem_post(&w->is_done);
}

bool auth_login_with(struct auth *auth, const struct auth_credentials *credentials,
                     bool is_from_loopback, struct auth_identity **ret, struct lv_buffer *reason)
{
    struct waiting w = {.ret = ret, .reason = reason};
    const struct auth_login_request r = {
        .credentials = *credentials,
        .is_from_loopback = is_from_loopback,
        .done = waiting_done,
        .arg = &w,
    };
    sem_init(&w.is_done, 0, 0);
    auth_log_in(auth, &r);
    semaphore_wait(&w.is_done);
    sem_destroy(&w.is_done);
    return w.is_in;
}

bool auth_login(struct auth *auth, struct slice user, struct slice password, bool is_from_loopback,
                struct auth_identity **ret, struct lv_buffer *reason)
{
    const struct auth_credentials credentials = {
        .user = user, .password = password, .has_password = true};
    return auth_login_with(auth, &credentials, is_from_loopback, ret, reason);
}
