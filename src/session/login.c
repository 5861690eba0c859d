/* Logging in, entering a vhost, and the limits on the number of sessions.
 *
 * A session that enters a vhost counts in three quotas, the node's, the vhost's and its user's, for
 * as long as it is RUNNING. It is counted before the count is compared with the limit, so two
 * sessions never both get the last place. */
#include <inttypes.h>
#include <stdlib.h>

#include "auth/access.h"
#include "auth/login.h"
#include "auth/sasl.h"
#include "base/counters.h"
#include "base/memory.h"
#include "session/session_private.h"
#include "topology/vhost.h"
#include "wire/wire.h"

/* --- logging in ------------------------------------------------------------------------------- */

void session_set_client_properties(struct session *s, struct slice properties)
{
    session_assert_home(s);
    free((void *)s->client_properties.p);
    s->client_properties = SLICE_EMPTY;
    if (properties.n > 0)
        s->client_properties =
            slice_of(memcpy(lv_malloc(properties.n), properties.p, properties.n), properties.n);
}

void session_check_credentials(struct session *s, const struct auth_credentials *credentials,
                               void (*answered)(void *arg, const struct auth_login_answer *answer))
{
    lv_assert(!s->login);
    struct auth_login_request request = {
        .credentials = *credentials,
        .is_from_loopback = s->peer.peer.is_loopback,
        .loop = s->loop,
        .done = answered,
        .arg = s,
    };
    request.credentials.peer_address = slice_str(s->peer.peer.text);
    struct auth_login *login = auth_log_in(s->server->auth, &request);
    if (!login)
        return; /* it is answered, and the session may have ended */
    s->login = login;
    session_stop(s, STOP_LOGIN);
}

/* On the session's loop. The session may have ended afterwards. */
static void login_is_done(void *arg, const struct auth_login_answer *answer)
{
    struct session *s = arg;
    session_assert_home(s);
    lv_assert(!s->identity && s->state == SESSION_STARTING);
    s->login = NULL;
    session_event_login(s, answer);
    session_go(s, STOP_LOGIN);
    s->identity = answer->identity;
    s->logged_in(s, answer->identity != NULL, answer->user, answer->reason);
}

static void note_mechanism(struct session *s, struct slice mechanism)
{
    lv_assert(mechanism.n < sizeof s->mechanism);
    memcpy(s->mechanism, mechanism.p, mechanism.n);
    s->mechanism[mechanism.n] = '\0';
}

/* Whoever may open the control socket is an operator already, whatever name it gives. */
static void operator_log_in(struct session *s)
{
    const struct auth_login_answer answer = {
        .identity = auth_identity_of_operator(s->server->auth),
        .user = slice_str(AUTH_OPERATOR),
    };
    login_is_done(s, &answer);
}

void session_log_in(struct session *s, const struct session_credentials *c, session_logged_in *done)
{
    session_assert_home(s);
    lv_assert(!s->identity);
    note_mechanism(s, c->mechanism);
    s->logged_in = done;
    if (s->peer.is_operator) {
        operator_log_in(s);
        return;
    }
    const struct auth_credentials credentials = {
        .user = c->user,
        .password = c->password,
        .has_password = c->has_password,
        .client_id = c->client_id,
    };
    session_check_credentials(s, &credentials, login_is_done);
}

void session_log_in_by_certificate(struct session *s, struct slice mechanism,
                                   session_logged_in *done)
{
    struct lv_buffer user = {0};
    session_assert_home(s);
    const char *why = session_certificate_user(s, &user);
    if (why) {
        const struct auth_login_answer answer = {.reason = why};
        note_mechanism(s, mechanism);
        session_event_login(s, &answer);
        done(s, false, SLICE_EMPTY, why);
    } else {
        const struct session_credentials credentials = {.mechanism = mechanism,
                                                        .user = lv_buffer_slice(&user)};
        session_log_in(s, &credentials, done);
    }
    lv_buffer_free(&user);
}

/* A reload may just have taken the user away: then nobody has this name and password. */
void session_log_in_anonymously(struct session *s, struct slice mechanism, session_logged_in *done)
{
    const char *user = s->server->settings.anonymous_user;
    const char *password = s->server->settings.anonymous_password;
    const struct session_credentials credentials = {
        .mechanism = mechanism,
        .user = slice_str(user ? user : ""),
        .password = slice_str(password ? password : ""),
        .has_password = true,
    };
    session_log_in(s, &credentials, done);
}

unsigned session_mechanisms(const struct session *s)
{
    const struct session_settings *settings = &s->server->settings;
    unsigned mechanisms = settings->mechanisms, missing = 0;
    if (mechanisms == 0 || s->peer.is_operator)
        mechanisms = SASL_PLAIN | SASL_AMQPLAIN;
    if (!s->tls.is_on)
        missing |= SASL_EXTERNAL;
    if (!settings->anonymous_user || !settings->anonymous_password)
        missing |= SASL_ANONYMOUS;
    return mechanisms & ~missing;
}

/* Returns the identity whose limits count the session and its channels. */
static const struct auth_identity *counted_identity(const struct session *s)
{
    return s->first_identity ? s->first_identity : s->identity;
}

/* --- quotas ----------------------------------------------------------------------------------- */

static bool quota_take_node(struct session *s, struct broker_error *error)
{
    struct session_server *server = s->server;
    int64_t limit = atomic_load(&server->settings.connections_max);
    if (atomic_fetch_add(&server->connections_entered, 1) < limit || limit < 0)
        return true;
    atomic_fetch_sub(&server->connections_entered, 1);
    return broker_refuse_connection(
        error, REPLY_NOT_ALLOWED,
        "connection refused: node connection limit (%" PRId64 ") is reached", limit);
}

static bool quota_take_vhost(struct session *s, struct vhost *vhost, struct broker_error *error)
{
    int64_t limit;
    if (vhost_take_connection(vhost, &limit))
        return true;
    return broker_refuse_connection(error, REPLY_NOT_ALLOWED,
                                    "access to vhost '%.*s' refused for user '%.*s': connection "
                                    "limit (%" PRId64 ") is reached",
                                    SLICE_ARG(vhost_name(vhost)), SLICE_ARG(session_user_name(s)),
                                    limit);
}

static bool quota_take_user(struct session *s, struct broker_error *error)
{
    int64_t limit;
    if (auth_take(counted_identity(s), AUTH_LIMIT_CONNECTIONS, &limit))
        return true;
    return broker_refuse_connection(
        error, REPLY_NOT_ALLOWED,
        "connection refused for user '%.*s': user connection limit (%" PRId64 ") is reached",
        SLICE_ARG(session_user_name(s)), limit);
}

/* Takes a place in all three quotas, or in none. An operator takes none: it must get in when the
 * places are used up. */
static bool quotas_take(struct session *s, struct vhost *vhost, struct broker_error *error)
{
    if (s->peer.is_operator)
        return true;
    if (!quota_take_node(s, error))
        return false;
    if (quota_take_vhost(s, vhost, error)) {
        if (quota_take_user(s, error))
            return true;
        vhost_give_connection(vhost);
    }
    atomic_fetch_sub(&s->server->connections_entered, 1);
    return false;
}

static void quotas_release(struct session *s, struct vhost *vhost)
{
    if (s->peer.is_operator)
        return;
    int64_t before = atomic_fetch_sub(&s->server->connections_entered, 1);
    lv_assert(before > 0);
    vhost_give_connection(vhost);
    auth_give(counted_identity(s), AUTH_LIMIT_CONNECTIONS);
}

void session_release_quotas(struct session *s)
{
    quotas_release(s, s->vhost);
}

/* An entry into a vhost that waits for a backend to say whether the user may. */
struct session_entry {
    struct session *session;
    struct auth_wait *wait;
    session_entered *done;
    size_t vhost_bytes;
    uint8_t vhost[];
};

/* Enters the vhost, or fills in the error; its reason is REFUSAL_UNANSWERED if a backend must be
 * asked first. */
static bool vhost_enter(struct session *s, struct slice name, struct broker_error *error)
{
    struct vhost *vhost = vhost_find(&s->server->broker->topology, name);
    if (!vhost)
        return broker_refuse_connection(error, REPLY_NOT_ALLOWED, "vhost %.*s not found",
                                        SLICE_ARG(name));
    if (!quotas_take(s, vhost, error))
        return false;
    if (!access_vhost(s->identity, name, error)) {
        quotas_release(s, vhost);
        return false;
    }
    vhost_ref(vhost);
    s->vhost = vhost;
    session_enter(s, SESSION_RUNNING);
    return true;
}

static void entry_goes_on(void *arg);

static void entry_await(struct session_entry *entry)
{
    struct session *s = entry->session;
    entry->wait = auth_await(s->identity, s->loop, entry_goes_on, entry);
}

/* A backend has answered: enters the vhost, or is refused, or waits for another answer. */
static void entry_goes_on(void *arg)
{
    struct session_entry *entry = arg;
    struct session *s = entry->session;
    struct broker_error error;
    session_assert_home(s);
    lv_assert(s->entry == entry && s->state == SESSION_STARTING);
    entry->wait = NULL;
    session_go(s, STOP_LOGIN);
    bool is_in = vhost_enter(s, slice_of(entry->vhost, entry->vhost_bytes), &error);
    if (!is_in && error.refusal == REFUSAL_UNANSWERED) {
        session_stop(s, STOP_LOGIN);
        entry_await(entry);
        return;
    }
    session_entered *done = entry->done;
    s->entry = NULL;
    free(entry);
    done(s, is_in, is_in ? NULL : &error);
}

void session_enter_vhost(struct session *s, struct slice name, session_entered *done)
{
    struct broker_error error;
    session_assert_home(s);
    lv_assert(s->state == SESSION_STARTING && s->identity && !s->vhost && !s->entry);
    bool is_in = vhost_enter(s, name, &error);
    if (is_in || error.refusal != REFUSAL_UNANSWERED) {
        done(s, is_in, is_in ? NULL : &error);
        return;
    }
    struct session_entry *entry = lv_malloc(sizeof *entry + name.n);
    *entry = (struct session_entry){.session = s, .done = done, .vhost_bytes = name.n};
    memcpy(entry->vhost, name.p, name.n);
    s->entry = entry;
    session_stop(s, STOP_LOGIN);
    entry_await(entry);
}

void session_forget_login(struct session *s)
{
    auth_login_forget(&s->login);
    if (!s->entry)
        return;
    auth_wait_forget(&s->entry->wait);
    free(s->entry);
    s->entry = NULL;
}

/* --- channels --------------------------------------------------------------------------------- */

static bool quota_take_node_channel(struct session *s, struct broker_error *error)
{
    struct session_server *server = s->server;
    int64_t limit = atomic_load(&server->settings.channels_max);
    if (atomic_fetch_add(&server->channels_open, 1) < limit || limit < 1)
        return true;
    atomic_fetch_sub(&server->channels_open, 1);
    return broker_refuse_connection(error, REPLY_NOT_ALLOWED,
                                    "number of channels opened on node '%s' has reached the "
                                    "maximum allowed limit of %" PRId64,
                                    server->broker->topology.node_name, limit);
}

/* Takes a place in the quotas of the user and the node, or in none. */
static bool channel_quotas_take(struct session *s, struct broker_error *error)
{
    int64_t limit;
    if (!auth_take(counted_identity(s), AUTH_LIMIT_CHANNELS, &limit))
        return broker_refuse_connection(
            error, REPLY_NOT_ALLOWED,
            "number of channels opened for user '%.*s' has reached the maximum allowed user limit "
            "of (%" PRId64 ")",
            SLICE_ARG(session_user_name(s)), limit);
    if (!quota_take_node_channel(s, error)) {
        auth_give(counted_identity(s), AUTH_LIMIT_CHANNELS);
        return false;
    }
    return true;
}

bool session_take_channel(struct session *s, struct broker_error *error)
{
    session_assert_home(s);
    lv_assert(s->identity);
    if (!s->peer.is_operator && !channel_quotas_take(s, error))
        return false;
    COUNT(channels_opened);
    return true;
}

void session_give_channel(struct session *s)
{
    session_assert_home(s);
    COUNT(channels_closed);
    if (s->peer.is_operator)
        return;
    auth_give(counted_identity(s), AUTH_LIMIT_CHANNELS);
    atomic_fetch_sub(&s->server->channels_open, 1);
}

/* --- operators -------------------------------------------------------------------------------- */

bool sessions_take_operator(struct session_server *server)
{
    if (atomic_fetch_add(&server->operators, 1) < OPERATORS_MAX)
        return true;
    sessions_give_operator(server);
    return false;
}

void sessions_give_operator(struct session_server *server)
{
    int64_t before = atomic_fetch_sub(&server->operators, 1);
    lv_assert(before > 0);
}
