#include "backends/ldap/ldap_query.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

/* A query says yes or no, or it gives a text, which is only compared. */
enum result { RESULT_ANSWER, RESULT_TEXT };

struct compiler {
    struct erlang_fault *fault;
};

/* A row of the language. The term is a tuple: the name, then the arguments. */
struct construct {
    const char *name;
    size_t arguments_min;
    size_t arguments_max;
    enum ldap_query_kind kind;
    bool is_text;   /* gives a text */
    bool is_either; /* gives what is expected of it */
    int (*compile)(struct compiler *c, const struct erlang_term *term, enum result expected,
                   struct ldap_query *q);
};

static int compile_query(struct compiler *c, const struct erlang_term *term, enum result expected,
                         struct ldap_query *q);

/* --- Faults ----------------------------------------------------------------------------------- */

__attribute__((format(printf, 3, 4))) static int
refuse(struct compiler *c, const struct erlang_term *term, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(c->fault->message, sizeof c->fault->message, format, args);
    va_end(args);
    c->fault->line = term->line;
    c->fault->column = term->column;
    return ERR_INVALID;
}

/* --- Arguments -------------------------------------------------------------------------------- */

static int read_pattern(struct compiler *c, const struct erlang_term *term,
                        struct ldap_template *ret)
{
    struct slice text, unknown;
    if (!erlang_text(term, &text))
        return refuse(c, term, "expected a string");
    if (ldap_template_parse(text, ret, &unknown) < 0)
        return refuse(c, term, "there is no variable ${%.*s}", SLICE_ARG(unknown));
    return 0;
}

/* Reads an attribute's name (RFC 4512: letters, digits and hyphens; options behind semicolons, and
 * numbers with dots). Nothing else may get into a filter. */
static int read_attribute(struct compiler *c, const struct erlang_term *term, char **ret)
{
    struct slice text;
    if (!erlang_text(term, &text) || text.n == 0)
        return refuse(c, term, "expected the name of an attribute, a string");
    for (size_t i = 0; i < text.n; i++)
        if (text.p[i] >= 0x80 || (!isalnum(text.p[i]) && !strchr("-;._", text.p[i])))
            return refuse(c, term, "'%.*s' cannot be the name of an attribute", SLICE_ARG(text));
    *ret = slice_strdup(text);
    return 0;
}

static int read_scope(struct compiler *c, const struct erlang_term *term, enum directory_scope *ret)
{
    static const char *const levels[] = {"singlelevel", "single_level", "onelevel", "one_level"};
    if (erlang_is_atom(term, "subtree")) {
        *ret = DIRECTORY_SUBTREE;
        return 0;
    }
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (erlang_is_atom(term, levels[i])) {
            *ret = DIRECTORY_LEVEL;
            return 0;
        }
    }
    return refuse(c, term, "expected subtree or one_level");
}

static void make_children(struct ldap_query *q, size_t count)
{
    q->children = lv_calloc(count ? count : 1, sizeof *q->children);
    q->count = count;
}

/* --- The constructs --------------------------------------------------------------------------- */

static int compile_constant(struct compiler *c, const struct erlang_term *term,
                            enum result expected, struct ldap_query *q)
{
    (void)expected;
    q->constant = erlang_is_atom(&term->items[1], "true");
    if (!q->constant && !erlang_is_atom(&term->items[1], "false"))
        return refuse(c, &term->items[1], "expected true or false");
    return 0;
}

/* {Name, DN}, and where the name allows it {Name, DN, Attribute, Scope}. */
static int compile_entry(struct compiler *c, const struct erlang_term *term, enum result expected,
                         struct ldap_query *q)
{
    (void)expected;
    int err = read_pattern(c, &term->items[1], &q->pattern);
    q->scope = DIRECTORY_SUBTREE;
    if (err == 0 && term->count > 2)
        err = read_attribute(c, &term->items[2], &q->attribute);
    else if (err == 0 && q->kind != LDAP_QUERY_EXISTS)
        q->attribute = lv_strdup("member");
    if (err == 0 && term->count > 3)
        err = read_scope(c, &term->items[3], &q->scope);
    return err;
}

/* The query of one item of `for`, {Variable, Value, Query}. */
static int compile_case(struct compiler *c, const struct erlang_term *item, enum result expected,
                        struct ldap_query *child)
{
    if (!erlang_is_tuple(item, 3) || item->items[0].type != ERLANG_ATOM)
        return refuse(c, item, "expected {Variable, Value, Query}");
    const struct erlang_term *name = &item->items[0], *value = &item->items[1];
    if (!ldap_variable_find(name->text, &child->variable))
        return refuse(c, name, "there is no variable '%.*s'", SLICE_ARG(name->text));
    if (child->variable == LDAP_PERMISSION) {
        if (!erlang_is_atom(value, "configure") && !erlang_is_atom(value, "write") &&
            !erlang_is_atom(value, "read"))
            return refuse(c, value, "a permission is configure, write or read");
    } else if (child->variable == LDAP_RESOURCE) {
        if (!erlang_is_atom(value, "queue") && !erlang_is_atom(value, "exchange") &&
            !erlang_is_atom(value, "topic"))
            return refuse(c, value, "a resource is queue, exchange or topic");
    } else if (value->type != ERLANG_BINARY && child->variable != LDAP_USER_DN) {
        /* RabbitMQ would compare the wrong types, and find no value equal. */
        return refuse(c, value, "expected a binary: <<\"...\">>");
    } else if (value->type != ERLANG_BINARY && value->type != ERLANG_STRING) {
        return refuse(c, value, "expected a string");
    }
    child->value = slice_copy(value->text);
    return compile_query(c, &item->items[2], expected, child);
}

static int compile_for(struct compiler *c, const struct erlang_term *term, enum result expected,
                       struct ldap_query *q)
{
    const struct erlang_term *cases = &term->items[1];
    int err = 0;
    if (!erlang_is_list(cases))
        return refuse(c, cases, "expected a list: [{Variable, Value, Query}, ...]");
    make_children(q, cases->count);
    for (size_t i = 0; i < cases->count && err == 0; i++)
        err = compile_case(c, &cases->items[i], expected, &q->children[i]);
    return err;
}

/* {'not', Query}, {equals, Text, Text}: the arguments are the children. */
static int compile_arguments(struct compiler *c, const struct erlang_term *term,
                             enum result expected, struct ldap_query *q)
{
    expected = q->kind == LDAP_QUERY_NOT ? RESULT_ANSWER : RESULT_TEXT;
    int err = 0;
    make_children(q, term->count - 1);
    for (size_t i = 0; i < q->count && err == 0; i++)
        err = compile_query(c, &term->items[i + 1], expected, &q->children[i]);
    return err;
}

/* {'and', [Query, ...]}: the items of the argument are the children. */
static int compile_list(struct compiler *c, const struct erlang_term *term, enum result expected,
                        struct ldap_query *q)
{
    const struct erlang_term *list = &term->items[1];
    int err = 0;
    if (!erlang_is_list(list))
        return refuse(c, list, "expected a list of queries");
    make_children(q, list->count);
    for (size_t i = 0; i < list->count && err == 0; i++)
        err = compile_query(c, &list->items[i], expected, &q->children[i]);
    return err;
}

static int compile_string(struct compiler *c, const struct erlang_term *term, enum result expected,
                          struct ldap_query *q)
{
    (void)expected;
    return read_pattern(c, &term->items[1], &q->pattern);
}

/* In the order of enum ldap_query_kind. */
static const struct construct constructs[] = {
    {"constant", 1, 1, LDAP_QUERY_CONSTANT, false, false, compile_constant},
    {"exists", 1, 1, LDAP_QUERY_EXISTS, false, false, compile_entry},
    {"in_group", 1, 2, LDAP_QUERY_IN_GROUP, false, false, compile_entry},
    {"in_group_nested", 1, 3, LDAP_QUERY_IN_GROUP_NESTED, false, false, compile_entry},
    {"for", 1, 1, LDAP_QUERY_FOR, false, true, compile_for},
    {"not", 1, 1, LDAP_QUERY_NOT, false, false, compile_arguments},
    {"and", 1, 1, LDAP_QUERY_AND, false, false, compile_list},
    {"or", 1, 1, LDAP_QUERY_OR, false, false, compile_list},
    {"equals", 2, 2, LDAP_QUERY_EQUALS, false, false, compile_arguments},
    {"match", 2, 2, LDAP_QUERY_MATCH, false, false, compile_arguments},
    {"string", 1, 1, LDAP_QUERY_STRING, true, false, compile_string},
    {"attribute", 2, 2, LDAP_QUERY_ATTRIBUTE, true, false, compile_entry},
};

/* --- A query ---------------------------------------------------------------------------------- */

static const struct construct *construct_find(struct slice name)
{
    for (size_t i = 0; i < sizeof constructs / sizeof *constructs; i++)
        if (slice_is(name, constructs[i].name))
            return &constructs[i];
    return NULL;
}

/* A string by itself is {string, ...}. */
static int compile_bare_string(struct compiler *c, const struct erlang_term *term,
                               enum result expected, struct ldap_query *q)
{
    if (expected != RESULT_TEXT)
        return refuse(c, term, "expected a query, not a string");
    q->kind = LDAP_QUERY_STRING;
    return read_pattern(c, term, &q->pattern);
}

static int compile_query(struct compiler *c, const struct erlang_term *term, enum result expected,
                         struct ldap_query *q)
{
    struct slice text;
    if (erlang_text(term, &text))
        return compile_bare_string(c, term, expected, q);
    if (term->type != ERLANG_TUPLE || term->count == 0 || term->items[0].type != ERLANG_ATOM)
        return refuse(c, term, "expected a query, such as {constant, true}");
    struct slice name = term->items[0].text;
    const struct construct *construct = construct_find(name);
    if (!construct)
        return refuse(c, term, "there is no query '%.*s'", SLICE_ARG(name));
    if (!construct->is_either && construct->is_text != (expected == RESULT_TEXT))
        return refuse(c, term,
                      construct->is_text ? "'%s' gives a text, not true or false"
                                         : "'%s' gives true or false, not a text",
                      construct->name);
    size_t arguments = term->count - 1;
    if (arguments < construct->arguments_min || arguments > construct->arguments_max)
        return refuse(c, term, "the query '%s' does not take %zu arguments", construct->name,
                      arguments);
    q->kind = construct->kind;
    return construct->compile(c, term, expected, q);
}

/* --- The doors -------------------------------------------------------------------------------- */

/* Parses text that must be one term. */
static int parse_one(struct slice text, struct erlang_terms *ret, struct erlang_fault *fault)
{
    int err = erlang_terms_parse(text, ret, fault);
    if (err < 0 || ret->count == 1)
        return err;
    *fault = (struct erlang_fault){1, 1, "expected one term"};
    if (ret->count > 1) {
        fault->line = ret->items[1].line;
        fault->column = ret->items[1].column;
    }
    erlang_terms_free(ret);
    return ERR_INVALID;
}

int ldap_query_compile(struct slice text, struct ldap_query *ret, struct erlang_fault *ret_fault)
{
    struct compiler c = {ret_fault};
    struct erlang_terms terms;
    int err = parse_one(text, &terms, ret_fault);
    if (err < 0)
        return err;
    struct ldap_query q = {0};
    err = compile_query(&c, &terms.items[0], RESULT_ANSWER, &q);
    erlang_terms_free(&terms);
    if (err < 0)
        ldap_query_free(&q);
    else
        *ret = q;
    return err;
}

static int compile_tag_query(struct compiler *c, const struct erlang_term *item,
                             struct ldap_tag_query *ret)
{
    if (!erlang_is_tuple(item, 2) || item->items[0].type != ERLANG_ATOM)
        return refuse(c, item, "expected {Tag, Query}");
    ret->tag = slice_copy(item->items[0].text);
    return compile_query(c, &item->items[1], RESULT_ANSWER, &ret->query);
}

static int compile_tag_queries(struct compiler *c, const struct erlang_term *list,
                               struct ldap_tag_queries *ret)
{
    int err = 0;
    if (!erlang_is_list(list))
        return refuse(c, list, "expected a list: [{Tag, Query}, ...]");
    ret->items = lv_calloc(list->count ? list->count : 1, sizeof *ret->items);
    ret->count = list->count;
    for (size_t i = 0; i < list->count && err == 0; i++)
        err = compile_tag_query(c, &list->items[i], &ret->items[i]);
    return err;
}

int ldap_tag_queries_compile(struct slice text, struct ldap_tag_queries *ret,
                             struct erlang_fault *ret_fault)
{
    struct compiler c = {ret_fault};
    struct erlang_terms terms;
    int err = parse_one(text, &terms, ret_fault);
    if (err < 0)
        return err;
    struct ldap_tag_queries queries = {0};
    err = compile_tag_queries(&c, &terms.items[0], &queries);
    erlang_terms_free(&terms);
    if (err < 0)
        ldap_tag_queries_free(&queries);
    else
        *ret = queries;
    return err;
}

void ldap_query_free(struct ldap_query *query)
{
    for (size_t i = 0; i < query->count; i++)
        ldap_query_free(&query->children[i]);
    free(query->children);
    free(query->attribute);
    free((void *)query->value.p);
    ldap_template_free(&query->pattern);
    *query = (struct ldap_query){0};
}

void ldap_tag_queries_free(struct ldap_tag_queries *queries)
{
    for (size_t i = 0; i < queries->count; i++) {
        free((void *)queries->items[i].tag.p);
        ldap_query_free(&queries->items[i].query);
    }
    free(queries->items);
    *queries = (struct ldap_tag_queries){0};
}

const char *ldap_query_name(enum ldap_query_kind kind)
{
    lv_assert(constructs[kind].kind == kind);
    return constructs[kind].name;
}

bool ldap_query_has_nested_groups(const struct ldap_query *query)
{
    if (query->kind == LDAP_QUERY_IN_GROUP_NESTED)
        return true;
    for (size_t i = 0; i < query->count; i++)
        if (ldap_query_has_nested_groups(&query->children[i]))
            return true;
    return false;
}
