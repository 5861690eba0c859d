/* Logins under way.
 *
 * A login is a list of steps; each is done on a thread that may wait for it: the caller's if it
 * takes no time, else one of a pool. It is answered on the loop that asked, by mail.
 *
 *   (1) Only the loop that asked calls done(), or drops the answer: `is_forgotten` is its own.
 *   (2) `is_cut` tells the threads that the answer is not wanted, so that what is left is not
 *       asked.
 *   (3) The login owns copies of the credentials, and wipes the password when it is freed. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include "auth/login.h"

#include <semaphore.h>

#include "auth/internal.h"
#include "base/log.h"

struct auth_login {
    struct auth *auth;
    struct loop *loop;
    void (*done)(void *arg, const struct auth_login_answer *answer);
    void *arg;
    bool is_forgotten;
    _Atomic bool is_cut;
    bool is_from_loopback;
    struct auth_credentials credentials; /* copies */
    struct ask ask;
    struct auth_identity *identity; /* the answer */
    struct lv_buffer reason;        /* of a refusal */
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

static void login_free(struct auth_login *login)
{
    struct auth_credentials *c = &login->credentials;
    password_wipe(c->password);
    string_free(&c->user);
    string_free(&c->password);
    string_free(&c->vhost);
    string_free(&c->client_id);
    string_free(&c->peer_address);
    auth_identity_unref(&login->identity);
    lv_buffer_free(&login->reason);
    free(login);
}

/* --- answers ---------------------------------------------------------------------------------- */

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

static void login_refuse(struct auth_login *login, const char *why)
{
    lv_buffer_printf(&login->reason, "user '%.*s' %s", SLICE_ARG(login->credentials.user), why);
}

/* Makes the identity, or the reason of the refusal. */
static void login_conclude(struct auth_login *login, const char *why)
{
    struct slice user = login->credentials.user;
    if (!why)
        why = internal_refuse_address(login->auth, user, login->is_from_loopback);
    if (!why && auth_identity_of(login->auth, user, &login->identity) < 0)
        why = "- invalid credentials (the user has just been deleted)";
    if (why)
        login_refuse(login, why);
}

/* Checks the password as far as that takes no time, or wholly. Returns false if a slow hash is
 * needed. */
static bool login_check(struct auth_login *login, bool may_be_slow)
{
    const struct auth_credentials *c = &login->credentials;
    const char *why = NULL;
    enum internal_answer answer =
        internal_check(login->auth, c->user, c->password, c->has_password, may_be_slow, &why);
    if (answer == INTERNAL_NEEDS_HASH)
        return false;
    login_conclude(login, why);
    return true;
}

/* On a thread for hashes. */
static void login_run(struct ask *ask)
{
    struct auth_login *login = lv_container_of(ask, struct auth_login, ask);
    if (!atomic_load(&login->is_cut))
        login_check(login, true);
    if (login->loop) {
        struct mail mail = {.deliver = login_arrives, .a = login};
        loop_mail_from_outside(login->loop, &mail);
    } else {
        login_answer(login);
        login_free(login);
    }
}

/* --- the door --------------------------------------------------------------------------------- */

struct auth_login *auth_log_in(struct auth *auth, const struct auth_login_request *r)
{
    struct auth_login *login = login_create(auth, r);
    bool is_known = login_check(login, auth->is_single_threaded);
    if (!is_known) {
        login->ask.run = login_run;
        if (ask_submit(auth->hashing, &login->ask, login->credentials.peer_address))
            return login;
        log_warning("a login from %.*s is refused, since too many others wait",
                    SLICE_ARG(login->credentials.peer_address));
        login_refuse(login, "- too many logins wait for their passwords to be checked");
    }
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

bool auth_login(struct auth *auth, struct slice user, struct slice password, bool is_from_loopback,
                struct auth_identity **ret, struct lv_buffer *reason)
{
    struct waiting w = {.ret = ret, .reason = reason};
    const struct auth_login_request r = {
        .credentials = {.user = user, .password = password, .has_password = true},
        .is_from_loopback = is_from_loopback,
        .done = waiting_done,
        .arg = &w,
    };
    sem_init(&w.is_done, 0, 0);
    auth_log_in(auth, &r);
    while (sem_wait(&w.is_done) != 0) {
        /* a signal came */
    }
    sem_destroy(&w.is_done);
    return w.is_in;
}
