/* What a user may do: a query for each kind of question. */
#define LOG_CATEGORY LOG_ABOUT_LDAP

#include "backends/ldap/ldap_private.h"
#include "base/clock.h"
#include "base/log.h"

static const struct ldap_query *query_for(const struct auth_ldap *ldap, enum auth_resource resource)
{
    switch (resource) {
    case AUTH_VHOST: return &ldap->vhost_query;
    case AUTH_QUEUE:
    case AUTH_EXCHANGE: return &ldap->resource_query;
    case AUTH_TOPIC: return &ldap->topic_query;
    }
    lv_unreachable();
}

static void set_variables(const struct auth_question *q, const struct ldap_user *user,
                          struct ldap_variables *v)
{
    ldap_variables_set_user(v, q->user);
    if (user)
        ldap_variables_set(v, LDAP_USER_DN, user->dn);
    ldap_variables_set(v, LDAP_VHOST, q->vhost);
    if (q->resource == AUTH_VHOST)
        return;
    ldap_variables_set(v, LDAP_RESOURCE, slice_str(auth_resource_name(q->resource)));
    ldap_variables_set(v, LDAP_NAME, q->name);
    ldap_variables_set(v, LDAP_PERMISSION, slice_str(auth_action_name(q->action)));
    if (q->resource != AUTH_TOPIC)
        return;
    ldap_variables_set(v, LDAP_ROUTING_KEY, q->routing_key);
    ldap_variables_set(v, LDAP_MAP_USERNAME, q->user);
    ldap_variables_set(v, LDAP_MAP_VHOST, q->vhost);
    if (q->client_id.n > 0)
        ldap_variables_set(v, LDAP_MAP_CLIENT_ID, q->client_id);
}

enum ldap_result ldap_ask(const struct auth_ldap *ldap, struct ldap_session *session,
                          const struct ldap_variables *variables, const struct ldap_query *query,
                          struct lv_buffer *trace, struct lv_buffer *reason)
{
    struct ldap_evaluation e = {
        .directory = &session->directory,
        .variables = *variables,
        .groups_base = ldap->groups_base ? slice_str(ldap->groups_base) : SLICE_EMPTY,
        .reason = reason,
        .trace = ldap->log == AUTH_LDAP_LOG_NOTHING ? NULL : trace,
    };
    return ldap_evaluate(&e, query);
}

static void log_decision(const struct auth_ldap *ldap, const struct auth_question *q,
                         enum auth_answer answer, struct slice trace, struct slice reason)
{
    static const char *const answers[] = {"allowed", "refused", "not answered"};
    if (ldap->log == AUTH_LDAP_LOG_NOTHING)
        return;
    struct lv_buffer what = {0};
    if (q->resource != AUTH_VHOST)
        lv_buffer_printf(&what, "%s %s '%.*s' in ", auth_action_name(q->action),
                         auth_resource_name(q->resource), SLICE_ARG(q->name));
    log_info("LDAP: user '%.*s', %.*svhost '%.*s': %s%s%.*s; %.*s", SLICE_ARG(q->user),
             SLICE_ARG(lv_buffer_slice(&what)), SLICE_ARG(q->vhost), answers[answer],
             reason.n > 0 ? ": " : "", SLICE_ARG(reason), SLICE_ARG(trace));
    lv_buffer_free(&what);
}

/* A query that has no answer because the server refuses a search tells of a mistake in the settings
 * or in the directory; the caller logs it. */
static enum auth_answer answer_for(enum ldap_result result, bool is_search_refused)
{
    if (result == LDAP_RESULT_FAILED || (result == LDAP_RESULT_NONE && is_search_refused))
        return AUTH_UNANSWERED;
    return result == LDAP_RESULT_TRUE ? AUTH_ALLOWED : AUTH_REFUSED;
}

enum auth_answer ldap_may(struct auth_backend *backend, const struct auth_question *question,
                          struct lv_buffer *reason)
{
    struct auth_ldap *ldap = ldap_of(backend);
    const struct ldap_user *user = question->data;
    struct ldap_variables variables = {0};
    struct lv_buffer trace = {0}, why = {0};
    struct ldap_session session;
    struct ldap_login login;
    enum auth_answer answer = AUTH_UNANSWERED;
    set_variables(question, user, &variables);
    if (ldap_other_login(ldap, user, &login, &why)) {
        uint64_t deadline_ms = clock_up_ms() + ldap->timeout_ms;
        ldap_session_begin(&session, ldap->pool, &login, deadline_ms, ldap->log);
        enum ldap_result result =
            ldap_ask(ldap, &session, &variables, query_for(ldap, question->resource), &trace, &why);
        ldap_session_end(&session);
        answer = answer_for(result, session.is_refused);
    }
    log_decision(ldap, question, answer, lv_buffer_slice(&trace), lv_buffer_slice(&why));
    if (answer == AUTH_UNANSWERED)
        lv_buffer_add_slice(reason, lv_buffer_slice(&why));
    lv_buffer_free(&trace);
    lv_buffer_free(&why);
    return answer;
}
