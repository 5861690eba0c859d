#include "backends/ldap_check.h"

#include "backends/ldap/ldap_query.h"
#include "base/error.h"

static int say_fault(const struct erlang_fault *fault, struct lv_buffer *reason)
{
    lv_buffer_printf(reason, "line %u, column %u: %s", fault->line, fault->column, fault->message);
    return ERR_INVALID;
}

int ldap_check_query(const char *text, struct lv_buffer *reason)
{
    struct ldap_query query;
    struct erlang_fault fault;
    if (ldap_query_compile(slice_str(text), &query, &fault) < 0)
        return say_fault(&fault, reason);
    ldap_query_free(&query);
    return 0;
}

int ldap_check_tag_queries(const char *text, struct lv_buffer *reason)
{
    struct ldap_tag_queries queries;
    struct erlang_fault fault;
    if (ldap_tag_queries_compile(slice_str(text), &queries, &fault) < 0)
        return say_fault(&fault, reason);
    ldap_tag_queries_free(&queries);
    return 0;
}

int ldap_check_pattern(const char *text, struct lv_buffer *reason)
{
    struct ldap_template pattern;
    struct slice unknown;
    if (ldap_template_parse(slice_str(text), &pattern, &unknown) < 0) {
        lv_buffer_printf(reason, "there is no variable ${%.*s}", SLICE_ARG(unknown));
        return ERR_INVALID;
    }
    ldap_template_free(&pattern);
    return 0;
}
