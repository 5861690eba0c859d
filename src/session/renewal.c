/* What happens to logins that do not last: they end, are renewed, and their permissions are asked
 * for again.
 *
 * A token has an end; then the session is closed, unless its client has sent a new one. What
 * backends elsewhere have said about a user is kept for a while (auth/): so that it is asked for
 * again also for a consumer, which asks nothing itself, each loop has such sessions look at their
 * permissions from time to time. */
#define LOG_CATEGORY LOG_ABOUT_USER

#include <stdlib.h>

#include "auth/login.h"
#include "base/log.h"
#include "base/memory.h"
#include "session/session_private.h"
#include "wire/wire.h"

/* --- the end of a login ----------------------------------------------------------------------- */

struct session_expiry {
    struct session *session;
    struct loop_timer timer;
};

static void login_expires(struct loop *loop, struct loop_timer *timer)
{
    struct session_expiry *e = lv_container_of(timer, struct session_expiry, timer);
    (void)loop;
    session_close_for(e->session, REPLY_CONNECTION_FORCED, "credential expired");
}

static void expiry_forget(struct session *s)
{
    if (!s->expiry)
        return;
    loop_timer_stop(s->loop, &s->expiry->timer);
    free(s->expiry);
    s->expiry = NULL;
}

/* Has the session closed when its login ends, if it does. */
static void expiry_set(struct session *s)
{
    uint64_t at_ms = auth_expires_at_s(s->identity) * 1000, now_ms = loop_wall_ms(s->loop);
    expiry_forget(s);
    if (at_ms == 0)
        return;
    s->expiry = lv_calloc(1, sizeof *s->expiry);
    s->expiry->session = s;
    loop_timer_init(&s->expiry->timer, login_expires);
    loop_timer_start(s->loop, &s->expiry->timer, at_ms > now_ms ? at_ms - now_ms : 0);
}

/* --- renewal ---------------------------------------------------------------------------------- */

/* Takes the identity in place of the session's. */
static void identity_replace(struct session *s, struct auth_identity *fresh)
{
    if (!s->first_identity)
        s->first_identity = s->identity;
    else
        auth_identity_unref(&s->identity);
    s->identity = fresh;
    expiry_set(s);
    auth_ask_again();
    if (s->frontend->permissions_changed)
        s->frontend->permissions_changed(s);
}

static void renewal_is_done(void *arg, const struct auth_login_answer *answer)
{
    struct session *s = arg;
    struct auth_identity *fresh = answer->identity;
    const char *reason = answer->reason;
    session_assert_home(s);
    lv_assert(s->state == SESSION_RUNNING);
    s->login = NULL;
    session_event_login(s, answer);
    session_go(s, STOP_LOGIN);
    if (fresh && !slice_equal(auth_identity_name(fresh), session_user_name(s))) {
        auth_identity_unref(&fresh);
        reason = "the new secret is of another user";
    }
    bool is_renewed = fresh != NULL;
    if (is_renewed)
        identity_replace(s, fresh);
    s->logged_in(s, is_renewed, answer->user, reason);
}

void session_renew(struct session *s, struct slice secret, session_logged_in *done)
{
    session_assert_home(s);
    lv_assert(s->state == SESSION_RUNNING);
    if (auth_expires_at_s(s->identity) == 0) {
        done(s, true, session_user_name(s), NULL);
        return;
    }
    s->logged_in = done;
    const struct auth_credentials credentials = {
        .user = session_user_name(s),
        .password = secret,
        .has_password = true,
        .vhost = session_vhost_name(s),
    };
    session_check_credentials(s, &credentials, renewal_is_done);
}

/* --- permissions that are asked for again ----------------------------------------------------- */

static void timer_start(struct session_loop *home)
{
    if (!loop_timer_is_running(&home->ask_again_timer))
        loop_timer_start(home->loop, &home->ask_again_timer, auth_decisions_ms(home->server->auth));
}

static void ask_again(struct loop *loop, struct loop_timer *timer)
{
    struct session_loop *home = lv_container_of(timer, struct session_loop, ask_again_timer);
    struct lv_list *it, *after;
    bool has_any = false;
    (void)loop;
    auth_ask_again();
    lv_list_each (it, after, &home->sessions) {
        struct session *s = lv_list_item(it, struct session, link);
        if (s->state != SESSION_RUNNING || !auth_is_external(s->identity))
            continue;
        has_any = true;
        if (s->frontend->permissions_changed)
            s->frontend->permissions_changed(s);
    }
    if (has_any)
        timer_start(home);
}

void renewal_begin(struct session *s)
{
    expiry_set(s);
    if (auth_is_external(s->identity))
        timer_start(s->home);
}

void renewal_end(struct session *s)
{
    session_forget_login(s);
    expiry_forget(s);
}

void renewal_init(struct session_loop *home)
{
    loop_timer_init(&home->ask_again_timer, ask_again);
}

void renewal_free(struct session_loop *home)
{
    loop_timer_stop(home->loop, &home->ask_again_timer);
}
