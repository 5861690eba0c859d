/* Who a user is: the user's distinguished name, the check of the password by a bind, and the tags.
 *
 * The name is found in one of three ways, as RabbitMQ finds it: it is user_dn_pattern, filled in;
 * or it is looked up before the bind, as an account; or it is looked up after the bind, as the
 * user, for directories that take other names for a bind (user_bind_pattern). If a lookup does not
 * find exactly one entry, the name is user_dn_pattern. */
#define LOG_CATEGORY LOG_ABOUT_LDAP

#include <stdlib.h>
#include <string.h>

#include "backends/ldap/ldap_private.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/memory.h"

/* A login, on its way. */
struct attempt {
    struct auth_ldap *ldap;
    const struct auth_credentials *credentials;
    struct ldap_variables variables;
    uint64_t deadline_ms;
    struct lv_buffer *reason;
    struct lv_buffer *trace;
};

/* --- The name --------------------------------------------------------------------------------- */

/* The entries that a lookup finds. */
struct found_entry {
    struct lv_buffer dn;
    size_t count;
};

static void note_entry(void *arg, struct slice dn, const struct slice *values, size_t count)
{
    struct found_entry *found = arg;
    (void)values;
    (void)count;
    if (found->count++ == 0)
        lv_buffer_add_slice(&found->dn, dn);
}

/* Looks the user up, and appends the name of the entry, or else the filled user_dn_pattern. */
static enum directory_answer look_up(struct attempt *a, struct directory *directory,
                                     struct lv_buffer *ret_dn)
{
    const struct auth_ldap *ldap = a->ldap;
    struct lv_buffer value = {0};
    struct found_entry found = {0};
    ldap_template_fill(&ldap->dn_pattern, &a->variables, LDAP_FILL_PLAIN, &value);
    const struct directory_search search = {
        .base = slice_str(ldap->dn_lookup_base),
        .scope = DIRECTORY_SUBTREE,
        .attribute = ldap->dn_lookup_attribute,
        .has_value = true,
        .value = lv_buffer_slice(&value),
        .on_entry = note_entry,
        .arg = &found,
    };
    enum directory_answer answer = directory->search(directory, &search, a->reason);
    if (answer == DIRECTORY_ANSWERED && found.count == 1)
        lv_buffer_add_slice(ret_dn, lv_buffer_slice(&found.dn));
    else if (answer == DIRECTORY_ANSWERED)
        ldap_template_fill(&ldap->dn_pattern, &a->variables, LDAP_FILL_DN, ret_dn);
    if (answer == DIRECTORY_ANSWERED && found.count > 1)
        log_warning("LDAP: %zu entries below \"%s\" have %s=%.*s: none of them is taken",
                    found.count, ldap->dn_lookup_base, ldap->dn_lookup_attribute,
                    SLICE_ARG(lv_buffer_slice(&value)));
    lv_buffer_free(&found.dn);
    lv_buffer_free(&value);
    return answer;
}

static bool is_looked_up_before_bind(const struct auth_ldap *ldap)
{
    return ldap->dn_lookup_attribute && ldap->lookup_account.kind != AUTH_LDAP_AS_USER;
}

static bool is_looked_up_after_bind(const struct auth_ldap *ldap)
{
    return ldap->dn_lookup_attribute && ldap->lookup_account.kind == AUTH_LDAP_AS_USER;
}

static struct ldap_login account_login(const struct ldap_account *account, enum ldap_role role)
{
    if (account->kind != AUTH_LDAP_ACCOUNT)
        return (struct ldap_login){.role = LDAP_AS_NOBODY};
    return (struct ldap_login){role, slice_str(account->dn), slice_str(account->password)};
}

/* Finds the name to bind with. Returns false, with the reason appended, if the directory does not
 * tell. */
static bool find_bind_dn(struct attempt *a, struct lv_buffer *ret_dn)
{
    if (!is_looked_up_before_bind(a->ldap)) {
        ldap_template_fill(&a->ldap->bind_pattern, &a->variables, LDAP_FILL_DN, ret_dn);
        return true;
    }
    struct ldap_session session;
    struct ldap_login login = account_login(&a->ldap->lookup_account, LDAP_AS_LOOKUP_ACCOUNT);
    ldap_session_begin(&session, a->ldap->pool, &login, a->deadline_ms, a->ldap->log);
    enum directory_answer answer = look_up(a, &session.directory, ret_dn);
    ldap_session_end(&session);
    return answer == DIRECTORY_ANSWERED;
}

/* Finds the user's own name. `session` may be used for a lookup. */
static bool find_user_dn(struct attempt *a, struct ldap_session *session, struct slice bind_dn,
                         struct lv_buffer *ret_dn)
{
    if (is_looked_up_after_bind(a->ldap))
        return look_up(a, &session->directory, ret_dn) == DIRECTORY_ANSWERED;
    if (is_looked_up_before_bind(a->ldap))
        lv_buffer_add_slice(ret_dn, bind_dn);
    else
        ldap_template_fill(&a->ldap->dn_pattern, &a->variables, LDAP_FILL_DN, ret_dn);
    return true;
}

/* --- Tags ------------------------------------------------------------------------------------- */

/* Asks for each tag whether the user has it. A query without an answer gives no tag. */
static enum auth_answer find_tags(struct attempt *a, struct ldap_session *session,
                                  struct lv_buffer *ret_tags)
{
    for (size_t i = 0; i < a->ldap->tag_queries.count; i++) {
        const struct ldap_tag_query *tag = &a->ldap->tag_queries.items[i];
        enum ldap_result result =
            ldap_ask(a->ldap, session, &a->variables, &tag->query, a->trace, a->reason);
        if (result == LDAP_RESULT_FAILED)
            return AUTH_UNANSWERED;
        a->reason->n = 0;
        if (result != LDAP_RESULT_TRUE)
            continue;
        if (ret_tags->n > 0)
            lv_buffer_add_u8(ret_tags, ',');
        lv_buffer_add_slice(ret_tags, tag->tag);
    }
    return AUTH_ALLOWED;
}

/* --- The login -------------------------------------------------------------------------------- */

static void user_free(struct ldap_user *user)
{
    free((void *)user->dn.p);
    if (user->password.p)
        explicit_bzero((void *)user->password.p, user->password.n);
    free((void *)user->password.p);
    free(user);
}

void ldap_forget(struct auth_backend *backend, void *data)
{
    (void)backend;
    if (data)
        user_free(data);
}

bool ldap_other_login(const struct auth_ldap *ldap, const struct ldap_user *user,
                      struct ldap_login *ret, struct lv_buffer *reason)
{
    if (ldap->other_account.kind != AUTH_LDAP_AS_USER) {
        *ret = account_login(&ldap->other_account, LDAP_AS_OTHER_ACCOUNT);
        return true;
    }
    if (user && user->password.n > 0 && user->dn.n > 0) {
        *ret = (struct ldap_login){LDAP_AS_USER, user->dn, user->password};
        return true;
    }
    lv_buffer_printf(reason,
                     "auth_ldap.other_bind is as_user, but the user's password is not known");
    return false;
}

/* Knows the name: asks for the tags, as whoever asks for everything else. `bound` is the session of
 * the bind, which has ended unless that is the user. */
static enum auth_answer finish(struct attempt *a, struct ldap_session *bound, struct slice dn,
                               struct auth_found *ret)
{
    struct ldap_user *user = lv_calloc(1, sizeof *user);
    struct ldap_session other;
    struct ldap_login login;
    bool is_user = a->ldap->other_account.kind == AUTH_LDAP_AS_USER;
    user->dn = slice_copy(dn);
    if (is_user && a->credentials->has_password)
        user->password = slice_copy(a->credentials->password);
    ldap_variables_set(&a->variables, LDAP_USER_DN, user->dn);

    enum auth_answer answer = AUTH_UNANSWERED;
    if (bound && is_user) {
        answer = find_tags(a, bound, &ret->tags);
    } else {
        if (bound)
            ldap_session_end(bound);
        if (ldap_other_login(a->ldap, user, &login, a->reason)) {
            ldap_session_begin(&other, a->ldap->pool, &login, a->deadline_ms, a->ldap->log);
            answer = find_tags(a, &other, &ret->tags);
            ldap_session_end(&other);
        }
    }
    if (answer == AUTH_ALLOWED)
        ret->data = user;
    else
        user_free(user);
    return answer;
}

static enum auth_answer refuse(struct attempt *a, const char *why)
{
    lv_buffer_printf(a->reason, "%s", why);
    return AUTH_REFUSED;
}

/* Binds with this name and the password. */
static enum auth_answer bind_user(struct attempt *a, struct slice bind_dn, struct auth_found *ret)
{
    const struct ldap_login login = {LDAP_AS_USER, bind_dn, a->credentials->password};
    struct ldap_session session;
    struct lv_buffer dn = {0}, why = {0};
    enum auth_answer answer = AUTH_UNANSWERED;
    ldap_session_begin(&session, a->ldap->pool, &login, a->deadline_ms, a->ldap->log);
    switch (ldap_session_bind(&session, &why)) {
    case LDAP_BIND_DONE:
        if (find_user_dn(a, &session, bind_dn, &dn))
            answer = finish(a, &session, lv_buffer_slice(&dn), ret);
        break;
    case LDAP_BIND_REFUSED:
        answer = AUTH_REFUSED;
        lv_buffer_printf(a->reason, "the directory refuses to bind \"%.*s\": %.*s",
                         SLICE_ARG(bind_dn), SLICE_ARG(lv_buffer_slice(&why)));
        break;
    case LDAP_BIND_FAILED: lv_buffer_add_slice(a->reason, lv_buffer_slice(&why)); break;
    }
    ldap_session_end(&session);
    lv_buffer_free(&dn);
    lv_buffer_free(&why);
    return answer;
}

static enum auth_answer log_in_with_password(struct attempt *a, struct auth_found *ret)
{
    struct lv_buffer bind_dn = {0};
    enum auth_answer answer = AUTH_UNANSWERED;
    struct slice password = a->credentials->password;
    if (password.n == 0)
        return refuse(a, "the password is empty, which would be an unauthenticated bind");
    if (memchr(password.p, '\0', password.n)) /* a directory may take it for the password's end */
        return refuse(a, "the password contains a NUL byte");
    if (find_bind_dn(a, &bind_dn))
        answer = bind_dn.n > 0
                     ? bind_user(a, lv_buffer_slice(&bind_dn), ret)
                     : refuse(a, "the name to bind is empty, which would be an anonymous bind");
    lv_buffer_free(&bind_dn);
    return answer;
}

/* Somebody else has checked who the user is. */
static enum auth_answer log_in_without_password(struct attempt *a, struct auth_found *ret)
{
    struct lv_buffer dn = {0}, bind_dn = {0};
    struct ldap_session session;
    struct ldap_login login;
    enum auth_answer answer = AUTH_UNANSWERED;
    if (!ldap_other_login(a->ldap, NULL, &login, a->reason))
        return AUTH_UNANSWERED;
    ldap_session_begin(&session, a->ldap->pool, &login, a->deadline_ms, a->ldap->log);
    if (find_bind_dn(a, &bind_dn) && find_user_dn(a, &session, lv_buffer_slice(&bind_dn), &dn))
        answer = finish(a, &session, lv_buffer_slice(&dn), ret);
    ldap_session_end(&session);
    lv_buffer_free(&bind_dn);
    lv_buffer_free(&dn);
    return answer;
}

static void log_login(struct attempt *a, enum auth_answer answer, const struct auth_found *found)
{
    static const char *const answers[] = {"allowed", "refused", "not answered"};
    struct slice trace = lv_buffer_slice(a->trace), tags = lv_buffer_slice(&found->tags);
    if (a->ldap->log == AUTH_LDAP_LOG_NOTHING)
        return;
    log_info("LDAP: login of user '%.*s': %s%s%.*s (tags: %.*s)%s%.*s",
             SLICE_ARG(a->credentials->user), answers[answer], a->reason->n > 0 ? ": " : "",
             SLICE_ARG(lv_buffer_slice(a->reason)), SLICE_ARG(tags), trace.n > 0 ? "; " : "",
             SLICE_ARG(trace));
}

enum auth_answer ldap_log_in(struct auth_backend *backend,
                             const struct auth_credentials *credentials, struct auth_found *ret,
                             struct lv_buffer *reason)
{
    struct auth_ldap *ldap = ldap_of(backend);
    struct lv_buffer trace = {0}, why = {0};
    struct attempt a = {.ldap = ldap,
                        .credentials = credentials,
                        .deadline_ms = clock_up_ms() + ldap->timeout_ms,
                        .reason = &why,
                        .trace = &trace};
    ldap_variables_set_user(&a.variables, credentials->user);
    if (credentials->vhost.n > 0)
        ldap_variables_set(&a.variables, LDAP_VHOST, credentials->vhost);
    enum auth_answer answer = credentials->has_password ? log_in_with_password(&a, ret)
                                                        : log_in_without_password(&a, ret);
    log_login(&a, answer, ret);
    if (answer != AUTH_ALLOWED)
        lv_buffer_add_slice(reason, lv_buffer_slice(&why));
    lv_buffer_free(&trace);
    lv_buffer_free(&why);
    return answer;
}
