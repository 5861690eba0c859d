/* What the files of this room share. */
#ifndef LEVERET_SESSION_SESSION_PRIVATE_H
#define LEVERET_SESSION_SESSION_PRIVATE_H

#include "session/frontend.h"

extern struct loop_slot session_slot;

/* What a loop keeps for this room: session_slot. */
struct session_loop {
    struct session_server *server;
    struct loop *loop;
    struct lv_list sessions; /* struct session.link */
    size_t count;
    uint64_t last_id;
    struct lv_list walks; /* struct sessions_walk.link */

    /* pressure.c */
    struct lv_list held; /* struct session.held_link */
    struct loop_timer held_timer;
    struct lv_list blocked; /* struct session.blocked_link */
    struct loop_timer blocked_timer;
    struct lv_list resumed; /* struct session.resumed_link */
    struct loop_task resume;
    struct lv_list next_turn; /* struct session.next_turn_link */
    struct loop_job go_on;    /* lets the sessions of next_turn go on, one after the other */

    /* unfinished.c */
    struct lv_list unfinished; /* struct session.unfinished_link */
    uint64_t unfinished_bytes; /* of all sessions of the loop */
    size_t unfinished_stops;   /* sessions with STOP_UNFINISHED */
    uint64_t first_id; /* the id of the first holder (unfinished.c) when first_timer was started */
    uint64_t first_received; /* bytes that it had sent by then */
    struct loop_timer first_timer;

    struct loop_timer ask_again_timer; /* renewal.c */
};

/* Returns whether the caller runs on this loop, or on no loop: before the loops start, or after
 * they have stopped. */
static inline bool loop_is_here(const struct loop *loop)
{
    const struct loop *here = loop_current();
    return !here || here == loop;
}

/* Asserts that the caller runs on the session's loop. */
static inline void session_assert_home(const struct session *s)
{
    lv_assert(s->magic == SESSION_MAGIC);
    lv_assert(loop_is_here(s->loop));
}

/* --- registry.c ------------------------------------------------------------------------------- */

/* Has the front end close the session with this code and text. */
void session_close_for(struct session *s, uint16_t code, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* --- login.c ---------------------------------------------------------------------------------- */

/* Checks these credentials, to which it adds the peer's address, and calls answered() with the
 * session: before it returns, or later. In the second case the session is stopped (STOP_LOGIN), and
 * answered() ends that. The session may have ended afterwards. */
struct auth_credentials;
struct auth_login_answer;
void session_check_credentials(struct session *s, const struct auth_credentials *credentials,
                               void (*answered)(void *arg, const struct auth_login_answer *answer));
/* Ends a login that is under way; its answer is dropped. */
void session_forget_login(struct session *s);
/* Releases what a session that was RUNNING takes of the quotas of the node, its vhost and its
 * user. */
void session_release_quotas(struct session *s);

/* --- renewal.c -------------------------------------------------------------------------------- */

/* Called when the session enters a vhost, and when it leaves it or ends. */
void renewal_begin(struct session *s);
void renewal_end(struct session *s);
void renewal_init(struct session_loop *home);
void renewal_free(struct session_loop *home);

/* --- pressure.c, unfinished.c: what a loop keeps for them ------------------------------------- */

void pressure_init(struct session_loop *home);
void pressure_free(struct session_loop *home);
/* Returns the state that listings show of a RUNNING session instead of its own, a static text:
 * "blocked", "blocking" (it would be if it published) or "flow"; NULL: none of these. */
const char *session_pressure_state(const struct session *s);
/* Lets a session that session_block() has stopped go on, and tells its front end. */
void session_unblock(struct session *s);
void unfinished_init(struct session_loop *home);
void unfinished_free(struct session_loop *home);

/* --- session_events.c ------------------------------------------------------------------------- */

/* Counts a login that was answered, and emits user.authentication.success, or .failure with the
 * reason. */
void session_event_login(struct session *s, const struct auth_login_answer *answer);
/* Emits connection.closed, even if the session has never entered a vhost. */
void session_event_closed(struct session *s);

/* --- encryption.c ----------------------------------------------------------------------------- */

/* Notes what listings and events show of the connection's encryption (NULL: none), and copies what
 * ends with the connection. */
struct net_tls;
struct lv_buffer;
void session_note_tls(struct session *s, const struct net_tls *tls);
/* Appends the name of the user that the client's certificate stands for. Returns NULL, or why it
 * stands for none. Call only while the connection is open. */
const char *session_certificate_user(const struct session *s, struct lv_buffer *out);

#endif
