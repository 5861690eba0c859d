/* Opens the backend: checks and copies its settings. */
#include <stdlib.h>
#include <string.h>

#include "backends/ldap/ldap_private.h"
#include "base/error.h"
#include "base/memory.h"

/* --- Settings --------------------------------------------------------------------------------- */

static bool is_set(const char *text)
{
    return text && text[0] && strcmp(text, "none") != 0;
}

static char *copy_if_set(const char *text)
{
    return is_set(text) ? lv_strdup(text) : NULL;
}

static int copy_pattern(const char *key, const char *text, struct ldap_template *ret,
                        struct lv_buffer *reason)
{
    struct slice unknown;
    if (ldap_template_parse(slice_str(text), ret, &unknown) == 0)
        return 0;
    lv_buffer_printf(reason, "auth_ldap.%s: there is no variable ${%.*s}", key, SLICE_ARG(unknown));
    return ERR_INVALID;
}

static int copy_patterns(struct auth_ldap *ldap, const struct auth_ldap_settings *s,
                         struct lv_buffer *reason)
{
    const char *dn = is_set(s->user_dn_pattern) ? s->user_dn_pattern : "${username}";
    const char *bind = is_set(s->user_bind_pattern) ? s->user_bind_pattern : dn;
    int err = copy_pattern("user_dn_pattern", dn, &ldap->dn_pattern, reason);
    if (err == 0)
        err = copy_pattern("user_bind_pattern", bind, &ldap->bind_pattern, reason);
    return err;
}

static int copy_account(const char *key, const struct auth_ldap_bind *bind,
                        struct ldap_account *ret, struct lv_buffer *reason)
{
    bool is_account = bind->kind == AUTH_LDAP_ACCOUNT;
    if (is_account && (!bind->user_dn || !bind->user_dn[0])) {
        lv_buffer_printf(reason, "auth_ldap.%s.user_dn is not set", key);
        return ERR_INVALID;
    }
    if (is_account && (!bind->password || !bind->password[0])) {
        lv_buffer_printf(reason,
                         "auth_ldap.%s.password is not set: the server would take a bind "
                         "without a password for an anonymous one",
                         key);
        return ERR_INVALID;
    }
    ret->kind = bind->kind;
    ret->dn = is_account ? lv_strdup(bind->user_dn) : NULL;
    ret->password = is_account ? lv_strdup(bind->password) : NULL;
    return 0;
}

static int copy_lookup(struct auth_ldap *ldap, const struct auth_ldap_settings *s,
                       struct lv_buffer *reason)
{
    ldap->dn_lookup_attribute = copy_if_set(s->dn_lookup_attribute);
    ldap->dn_lookup_base = copy_if_set(s->dn_lookup_base);
    const char *attribute = ldap->dn_lookup_attribute;
    if (attribute &&
        attribute[strspn(attribute, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                    "0123456789-;._")] != 0) {
        lv_buffer_printf(reason,
                         "auth_ldap.dn_lookup_attribute: '%s' cannot be the name of an "
                         "attribute",
                         attribute);
        return ERR_INVALID;
    }
    if (attribute && !ldap->dn_lookup_base) {
        lv_buffer_printf(reason, "auth_ldap.dn_lookup_base is not set, but dn_lookup_attribute is");
        return ERR_INVALID;
    }
    return 0;
}

/* --- Queries ---------------------------------------------------------------------------------- */

static int say_fault(const char *key, const struct erlang_fault *fault, struct lv_buffer *reason)
{
    lv_buffer_printf(reason, "auth_ldap.queries.%s, line %u, column %u: %s", key, fault->line,
                     fault->column, fault->message);
    return ERR_INVALID;
}

static int compile_query(const char *key, const char *text, struct ldap_query *ret,
                         struct lv_buffer *reason)
{
    struct erlang_fault fault;
    const char *term = text && text[0] ? text : "{constant, true}";
    int err = ldap_query_compile(slice_str(term), ret, &fault);
    return err < 0 ? say_fault(key, &fault, reason) : 0;
}

static int compile_tag_queries(const char *text, struct ldap_tag_queries *ret,
                               struct lv_buffer *reason)
{
    struct erlang_fault fault;
    const char *term = text && text[0] ? text : "[{administrator, {constant, false}}]";
    int err = ldap_tag_queries_compile(slice_str(term), ret, &fault);
    return err < 0 ? say_fault("tags", &fault, reason) : 0;
}

static bool has_nested_groups(const struct auth_ldap *ldap)
{
    bool has = ldap_query_has_nested_groups(&ldap->vhost_query) ||
               ldap_query_has_nested_groups(&ldap->resource_query) ||
               ldap_query_has_nested_groups(&ldap->topic_query);
    for (size_t i = 0; i < ldap->tag_queries.count && !has; i++)
        has = ldap_query_has_nested_groups(&ldap->tag_queries.items[i].query);
    return has;
}

static int compile_queries(struct auth_ldap *ldap, const struct auth_ldap_settings *s,
                           struct lv_buffer *reason)
{
    int err = compile_tag_queries(s->tag_queries, &ldap->tag_queries, reason);
    if (err == 0)
        err = compile_query("vhost_access", s->vhost_access_query, &ldap->vhost_query, reason);
    if (err == 0)
        err = compile_query("resource_access", s->resource_access_query, &ldap->resource_query,
                            reason);
    if (err == 0)
        err = compile_query("topic_access", s->topic_access_query, &ldap->topic_query, reason);
    ldap->groups_base =
        copy_if_set(is_set(s->group_lookup_base) ? s->group_lookup_base : s->dn_lookup_base);
    if (err == 0 && !ldap->groups_base && has_nested_groups(ldap)) {
        lv_buffer_printf(reason, "auth_ldap.group_lookup_base is not set, but a query has "
                                 "in_group_nested");
        err = ERR_INVALID;
    }
    return err;
}

/* --- Servers ---------------------------------------------------------------------------------- */

static int make_pool(struct auth_ldap *ldap, const struct auth_ldap_settings *s,
                     struct lv_buffer *reason)
{
    if (s->use_ssl && s->use_starttls)
        lv_buffer_printf(reason, "auth_ldap.use_ssl and auth_ldap.use_starttls exclude each other");
    else if (s->server_count == 0)
        lv_buffer_printf(reason, "auth_ldap.servers.1 is not set");
    if (reason->n > 0)
        return ERR_INVALID;
    const struct ldap_pool_settings pool = {
        .hosts = s->servers,
        .host_count = s->server_count,
        .port = s->port,
        .encryption = s->use_ssl        ? LDAP_TLS
                      : s->use_starttls ? LDAP_STARTTLS
                                        : LDAP_PLAIN,
        .tls = s->tls,
        .takes_wildcards = !s->refuses_wildcards,
        .server_name = s->server_name && s->server_name[0] ? s->server_name : NULL,
        .idle_timeout_ms = s->idle_timeout_ms,
        .size = s->connection_pool_size,
    };
    return ldap_pool_new(&pool, &ldap->pool, reason);
}

/* --- The backend ------------------------------------------------------------------------------ */

static void account_free(struct ldap_account *account)
{
    free(account->dn);
    if (account->password)
        explicit_bzero(account->password, strlen(account->password));
    free(account->password);
}

static void backend_free(struct auth_backend *backend)
{
    struct auth_ldap *ldap = ldap_of(backend);
    ldap_pool_free(&ldap->pool);
    ldap_template_free(&ldap->bind_pattern);
    ldap_template_free(&ldap->dn_pattern);
    free(ldap->dn_lookup_attribute);
    free(ldap->dn_lookup_base);
    free(ldap->groups_base);
    account_free(&ldap->lookup_account);
    account_free(&ldap->other_account);
    ldap_tag_queries_free(&ldap->tag_queries);
    ldap_query_free(&ldap->vhost_query);
    ldap_query_free(&ldap->resource_query);
    ldap_query_free(&ldap->topic_query);
    free(ldap);
}

int auth_ldap_open(const struct auth_ldap_settings *settings, struct auth_backend **ret,
                   struct lv_buffer *reason)
{
    static const struct auth_backend_calls calls = {
        .log_in = ldap_log_in, .may = ldap_may, .forget = ldap_forget, .free = backend_free};
    const struct auth_ldap_settings *s = settings;
    struct auth_ldap *ldap = lv_calloc(1, sizeof *ldap);
    bool is_endless = s->timeout_ms <= 0 || s->timeout_ms > AUTH_LDAP_TIMEOUT_MS_MAX;
    ldap->backend = (struct auth_backend){
        &calls, "ldap", s->connection_pool_size > 0 ? s->connection_pool_size : 1};
    ldap->timeout_ms = is_endless ? AUTH_LDAP_TIMEOUT_MS_MAX : (uint64_t)s->timeout_ms;
    ldap->log = s->log;

    int err = copy_patterns(ldap, s, reason);
    if (err == 0)
        err = copy_account("dn_lookup_bind", &s->dn_lookup_bind, &ldap->lookup_account, reason);
    if (err == 0)
        err = copy_account("other_bind", &s->other_bind, &ldap->other_account, reason);
    if (err == 0)
        err = copy_lookup(ldap, s, reason);
    if (err == 0)
        err = compile_queries(ldap, s, reason);
    if (err == 0)
        err = make_pool(ldap, s, reason);
    if (err < 0)
        backend_free(&ldap->backend);
    else
        *ret = &ldap->backend;
    return err;
}
