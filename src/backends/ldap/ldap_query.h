/* The queries that decide who may do what in the LDAP backend. They are Erlang terms, in RabbitMQ's
 * language:
 *
 *   {constant, true | false}
 *   {exists, DN}                              an entry of this name exists
 *   {in_group, DN [, Attribute]}              the user is a member of the group
 *   {in_group_nested, DN [, Attribute [, Scope]]}   or a member of a group that is a member of it
 *   {for, [{Variable, Value, Query}, ...]}    the first query whose variable has the value
 *   {'not', Query}   {'and', [Query, ...]}   {'or', [Query, ...]}
 *   {equals, Text, Text}   {match, Text, Pattern}
 *
 * where a text is a string, {string, Pattern} or {attribute, DN, Attribute}, or a `for` with these.
 * All of a query is checked when it is compiled. Pure; any thread may read a compiled query. */
#ifndef LEVERET_BACKENDS_LDAP_QUERY_H
#define LEVERET_BACKENDS_LDAP_QUERY_H

#include "backends/ldap/ldap_directory.h"
#include "backends/ldap/ldap_template.h"
#include "base/erlang_term.h"

enum ldap_query_kind {
    LDAP_QUERY_CONSTANT,
    LDAP_QUERY_EXISTS,
    LDAP_QUERY_IN_GROUP,
    LDAP_QUERY_IN_GROUP_NESTED,
    LDAP_QUERY_FOR,
    LDAP_QUERY_NOT,
    LDAP_QUERY_AND,
    LDAP_QUERY_OR,
    LDAP_QUERY_EQUALS,
    LDAP_QUERY_MATCH,
    LDAP_QUERY_STRING,
    LDAP_QUERY_ATTRIBUTE,
};

struct ldap_query {
    enum ldap_query_kind kind;
    bool constant;
    struct ldap_template pattern; /* of a group, an entry or a string */
    char *attribute;
    enum directory_scope scope;  /* where groups are searched */
    struct ldap_query *children; /* what the query is made of */
    size_t count;
    /* Of a child of LDAP_QUERY_FOR: when it is the one. */
    enum ldap_variable variable;
    struct slice value;
};

/* Does the user have the tag? */
struct ldap_tag_query {
    struct slice tag;
    struct ldap_query query;
};

struct ldap_tag_queries {
    struct ldap_tag_query *items;
    size_t count;
};

/* Compile a query, or [{Tag, Query}, ...], from text that is one Erlang term. The caller frees
 * *ret. Return ERR_INVALID, and fill in *ret_fault, if the text is not a term or the term not a
 * query. */
int ldap_query_compile(struct slice text, struct ldap_query *ret, struct erlang_fault *ret_fault);
int ldap_tag_queries_compile(struct slice text, struct ldap_tag_queries *ret,
                             struct erlang_fault *ret_fault);

void ldap_query_free(struct ldap_query *query);
void ldap_tag_queries_free(struct ldap_tag_queries *queries);

/* Returns the name of the construct, a static string. */
const char *ldap_query_name(enum ldap_query_kind kind);

/* Returns whether the query searches for groups, for which it must be known where they are. */
bool ldap_query_has_nested_groups(const struct ldap_query *query);

#endif
