#include "backends/ldap/ldap_session.h"

#include "backends/ldap/ldap_log.h"
#include "base/assert.h"
#include "base/clock.h"

enum ldap_bind_answer ldap_session_bind(struct ldap_session *session, struct lv_buffer *reason)
{
    struct ldap_session *s = session;
    lv_assert(!s->lease.connection);
    enum ldap_bind_answer answer =
        ldap_pool_take(s->pool, &s->login, s->deadline_ms, &s->lease, reason);
    if (answer != LDAP_BIND_DONE)
        s->lease.connection = NULL;
    ldap_log_bind(s->log, &s->login, answer);
    return answer;
}

/* Takes the connection unless it is taken. */
static bool has_connection(struct ldap_session *s, struct lv_buffer *reason)
{
    if (s->lease.connection)
        return true;
    size_t before = reason->n;
    lv_buffer_printf(reason, "cannot bind as \"%.*s\": ", SLICE_ARG(s->login.dn));
    enum ldap_bind_answer answer = ldap_session_bind(s, reason);
    if (answer == LDAP_BIND_DONE)
        reason->n = before;
    return answer == LDAP_BIND_DONE;
}

/* A connection that was idle may be closed without our knowing it yet: then a new one is taken,
 * once. */
static enum directory_answer search(struct directory *directory,
                                    const struct directory_search *search, struct lv_buffer *reason)
{
    struct ldap_session *s = lv_container_of(directory, struct ldap_session, directory);
    size_t before = reason->n;
    for (;;) {
        if (!has_connection(s, reason))
            return DIRECTORY_FAILED;
        enum directory_answer answer = ldap_connection_search(s->lease.connection, search, reason);
        ldap_log_search(s->log, search, answer);
        s->is_refused |= answer == DIRECTORY_REFUSED;
        if (answer != DIRECTORY_FAILED) {
            s->lease.is_proven = true;
            return answer;
        }
        lv_buffer_printf(reason, " (");
        ldap_pool_say_server(s->pool, &s->lease, reason);
        lv_buffer_add_u8(reason, ')');
        bool is_final = s->lease.is_proven || clock_up_ms() >= s->deadline_ms;
        s->lease.is_proven = is_final;
        ldap_pool_drop(s->pool, &s->lease);
        if (is_final)
            return answer;
        reason->n = before;
    }
}

void ldap_session_begin(struct ldap_session *session, struct ldap_pool *pool,
                        const struct ldap_login *login, uint64_t deadline_ms,
                        enum auth_ldap_log log)
{
    *session = (struct ldap_session){.directory.search = search,
                                     .pool = pool,
                                     .login = *login,
                                     .deadline_ms = deadline_ms,
                                     .log = log};
}

void ldap_session_end(struct ldap_session *session)
{
    if (session->lease.connection)
        ldap_pool_put(session->pool, &session->lease);
}
