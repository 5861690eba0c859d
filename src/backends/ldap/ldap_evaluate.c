/* The meaning of the constructs is RabbitMQ's, also where it is surprising:
 *
 *   - `and` and `or` take an item without an answer for false, if another item follows or has
 *     decided; `not` of no answer is no answer.
 *   - equals and match are false if one of the two texts has no answer. If an attribute has several
 *     values, equals asks whether one of them is equal, match whether one of them matches; but two
 *     attributes of several values never match.
 *   - An empty text never matches, if one of the two comes from an attribute.
 *
 * What RabbitMQ does not do: a value that is put into a pattern matches only itself, and `not` of
 * something false is no answer if the server has refused a search for it. */
#include "backends/ldap/ldap_evaluate.h"

#include <stdarg.h>
#include <stdlib.h>
#include <strings.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/pattern.h"
#include "base/vec.h"

/* Texts: a text, the values of an attribute, or names of groups. All are owned. */
struct texts {
    struct slice *items;
    size_t count;
    size_t capacity;
};

static void texts_add(struct texts *texts, struct slice text)
{
    lv_vec_room(texts->items, texts->count, texts->capacity);
    texts->items[texts->count++] = slice_copy(text);
}

static void texts_free(struct texts *texts)
{
    for (size_t i = 0; i < texts->count; i++)
        free((void *)texts->items[i].p);
    free(texts->items);
    *texts = (struct texts){0};
}

__attribute__((format(printf, 3, 4))) static enum ldap_result
give_reason(struct ldap_evaluation *e, enum ldap_result result, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    e->reason->n = 0;
    lv_buffer_vprintf(e->reason, format, args);
    va_end(args);
    return result;
}

/* --- Searches --------------------------------------------------------------------------------- */

static enum ldap_result search(struct ldap_evaluation *e, const struct directory_search *request)
{
    if (e->searches++ == LDAP_SEARCHES_MAX)
        return give_reason(e, LDAP_RESULT_FAILED, "more than %d searches for one check",
                           LDAP_SEARCHES_MAX);
    e->reason->n = 0;
    switch (e->directory->search(e->directory, request, e->reason)) {
    case DIRECTORY_ANSWERED: return LDAP_RESULT_TRUE;
    case DIRECTORY_REFUSED: e->refusals++; return LDAP_RESULT_NONE;
    case DIRECTORY_NO_OBJECT: return LDAP_RESULT_NONE;
    case DIRECTORY_FAILED: break;
    }
    return LDAP_RESULT_FAILED;
}

static void note_entry(void *arg, struct slice dn, const struct slice *values, size_t count)
{
    (void)dn;
    (void)values;
    (void)count;
    *(bool *)arg = true;
}

/* Does the entry of this name exist, with this value of the attribute? */
static enum ldap_result entry_exists(struct ldap_evaluation *e, const struct ldap_query *q,
                                     const char *attribute, const struct slice *value)
{
    struct lv_buffer dn = {0};
    bool is_found = false;
    ldap_template_fill(&q->pattern, &e->variables, LDAP_FILL_DN, &dn);
    const struct directory_search request = {
        .base = lv_buffer_slice(&dn),
        .scope = DIRECTORY_ENTRY,
        .attribute = attribute,
        .has_value = value,
        .value = value ? *value : SLICE_EMPTY,
        .on_entry = note_entry,
        .arg = &is_found,
    };
    enum ldap_result result = search(e, &request);
    if (result == LDAP_RESULT_TRUE && !is_found)
        result = LDAP_RESULT_FALSE;
    lv_buffer_free(&dn);
    return result;
}

static void collect_name(void *arg, struct slice dn, const struct slice *values, size_t count)
{
    struct texts *names = arg;
    (void)values;
    (void)count;
    if (names->count < LDAP_ENTRIES_MAX)
        texts_add(names, dn);
}

/* Names of entries are compared without case, which is right for nearly all attributes. */
static bool is_same_name(struct slice a, struct slice b)
{
    return a.n == b.n && strncasecmp((const char *)a.p, (const char *)b.p, a.n) == 0;
}

static bool has_name(const struct texts *names, struct slice name)
{
    for (size_t i = 0; i < names->count; i++)
        if (is_same_name(names->items[i], name))
            return true;
    return false;
}

/* Searches the groups that have `member` in them, and adds those to *known that are not in it.
 * Returns LDAP_RESULT_TRUE if `wanted` is one of them, LDAP_RESULT_FALSE if not. */
static enum ldap_result add_groups(struct ldap_evaluation *e, const struct ldap_query *q,
                                   struct slice member, struct slice wanted, struct texts *known)
{
    struct texts found = {0};
    const struct directory_search request = {
        .base = e->groups_base,
        .scope = q->scope,
        .attribute = q->attribute,
        .has_value = true,
        .value = member,
        .on_entry = collect_name,
        .arg = &found,
    };
    enum ldap_result result = search(e, &request);
    if (result == LDAP_RESULT_TRUE && !has_name(&found, wanted))
        result = LDAP_RESULT_FALSE;
    for (size_t i = 0; i < found.count && result == LDAP_RESULT_FALSE; i++)
        if (known->count < LDAP_ENTRIES_MAX && !has_name(known, found.items[i]))
            texts_add(known, found.items[i]);
    texts_free(&found);
    return result;
}

/* Follows the user's groups upwards, each once, so groups in a circle do no harm. */
static enum ldap_result evaluate_nested(struct ldap_evaluation *e, const struct ldap_query *q)
{
    struct lv_buffer wanted = {0};
    struct texts known = {0};
    enum ldap_result result = LDAP_RESULT_FALSE;
    ldap_template_fill(&q->pattern, &e->variables, LDAP_FILL_DN, &wanted);
    texts_add(&known, e->variables.values[LDAP_USER_DN]);
    for (size_t i = 0; i < known.count && result == LDAP_RESULT_FALSE; i++) {
        /* known.items may move while it grows, but what they point to does not */
        result = add_groups(e, q, known.items[i], lv_buffer_slice(&wanted), &known);
    }
    texts_free(&known);
    lv_buffer_free(&wanted);
    return result;
}

/* --- Texts ------------------------------------------------------------------------------------ */

/* Takes the values of the first entry that has any, like RabbitMQ. */
static void collect_values(void *arg, struct slice dn, const struct slice *values, size_t count)
{
    struct texts *texts = arg;
    (void)dn;
    if (texts->count > 0)
        return;
    for (size_t i = 0; i < count && i < LDAP_ENTRIES_MAX; i++)
        texts_add(texts, values[i]);
}

static enum ldap_result read_attribute(struct ldap_evaluation *e, const struct ldap_query *q,
                                       struct texts *ret)
{
    struct lv_buffer dn = {0};
    ldap_template_fill(&q->pattern, &e->variables, LDAP_FILL_DN, &dn);
    const struct directory_search request = {
        .base = lv_buffer_slice(&dn),
        .scope = DIRECTORY_SUBTREE,
        .attribute = "objectClass",
        .wanted = q->attribute,
        .on_entry = collect_values,
        .arg = ret,
    };
    enum ldap_result result = search(e, &request);
    if (result == LDAP_RESULT_TRUE && ret->count == 0)
        result = give_reason(e, LDAP_RESULT_NONE, "\"%.*s\" has no attribute \"%s\"",
                             SLICE_ARG(lv_buffer_slice(&dn)), q->attribute);
    lv_buffer_free(&dn);
    return result;
}

static const struct ldap_query *find_case(struct ldap_evaluation *e, const struct ldap_query *q);

/* Evaluates a query that gives a text, or several. Returns LDAP_RESULT_TRUE if it did. */
static enum ldap_result evaluate_text(struct ldap_evaluation *e, const struct ldap_query *q,
                                      enum ldap_fill how, struct texts *ret)
{
    if (q->kind == LDAP_QUERY_FOR) {
        const struct ldap_query *child = find_case(e, q);
        return child ? evaluate_text(e, child, how, ret) : LDAP_RESULT_NONE;
    }
    if (q->kind == LDAP_QUERY_ATTRIBUTE)
        return read_attribute(e, q, ret);
    lv_assert(q->kind == LDAP_QUERY_STRING);
    struct lv_buffer text = {0};
    ldap_template_fill(&q->pattern, &e->variables, how, &text);
    texts_add(ret, lv_buffer_slice(&text));
    lv_buffer_free(&text);
    return LDAP_RESULT_TRUE;
}

/* --- Comparisons ------------------------------------------------------------------------------ */

static bool texts_hold(const struct texts *texts, struct slice wanted)
{
    for (size_t i = 0; i < texts->count; i++)
        if (slice_equal(texts->items[i], wanted))
            return true;
    return false;
}

static bool are_equal(const struct texts *a, const struct texts *b)
{
    if (a->count == 1)
        return texts_hold(b, a->items[0]);
    if (b->count == 1)
        return texts_hold(a, b->items[0]);
    bool is_same = a->count == b->count;
    for (size_t i = 0; i < a->count && is_same; i++)
        is_same = slice_equal(a->items[i], b->items[i]);
    return is_same;
}

static bool text_matches(struct slice text, struct slice expression)
{
    struct pattern *pattern;
    if (expression.n == 0) /* it would match only the empty text, as in a permission */
        return true;
    if (pattern_compile(expression, &pattern, NULL) < 0)
        return false;
    bool matches = pattern_matches(pattern, text);
    pattern_free(&pattern);
    return matches;
}

static bool any_matches(const struct ldap_query *q, const struct texts *texts,
                        const struct texts *expressions)
{
    bool is_plain =
        q->children[0].kind == LDAP_QUERY_STRING && q->children[1].kind == LDAP_QUERY_STRING;
    if (texts->count > 1 && expressions->count > 1)
        return false;
    for (size_t i = 0; i < texts->count; i++)
        for (size_t k = 0; k < expressions->count; k++)
            if ((is_plain || (texts->items[i].n > 0 && expressions->items[k].n > 0)) &&
                text_matches(texts->items[i], expressions->items[k]))
                return true;
    return false;
}

static enum ldap_result evaluate_comparison(struct ldap_evaluation *e, const struct ldap_query *q)
{
    bool is_match = q->kind == LDAP_QUERY_MATCH;
    struct texts a = {0}, b = {0};
    bool holds = false;
    enum ldap_result result = evaluate_text(e, &q->children[0], LDAP_FILL_PLAIN, &a);
    if (result != LDAP_RESULT_FAILED) {
        enum ldap_result other =
            evaluate_text(e, &q->children[1], is_match ? LDAP_FILL_PATTERN : LDAP_FILL_PLAIN, &b);
        if (other != LDAP_RESULT_TRUE)
            result = other;
    }
    if (result == LDAP_RESULT_TRUE)
        holds = is_match ? any_matches(q, &a, &b) : are_equal(&a, &b);
    texts_free(&a);
    texts_free(&b);
    if (result == LDAP_RESULT_FAILED)
        return result;
    return holds ? LDAP_RESULT_TRUE : LDAP_RESULT_FALSE;
}

/* --- Logic ------------------------------------------------------------------------------------ */

/* Returns the query of the first case whose variable has the value. If a variable on the way has no
 * value at all, or if there is no such case, gives the reason and returns NULL. */
static const struct ldap_query *find_case(struct ldap_evaluation *e, const struct ldap_query *q)
{
    for (size_t i = 0; i < q->count; i++) {
        const struct ldap_query *child = &q->children[i];
        struct slice value = e->variables.values[child->variable];
        if (!value.p) {
            give_reason(e, LDAP_RESULT_NONE, "'for' asks for %s, which has no value here",
                        ldap_variable_name(child->variable));
            return NULL;
        }
        if (slice_equal(value, child->value))
            return child;
    }
    give_reason(e, LDAP_RESULT_NONE, "'for' has no case for this");
    return NULL;
}

/* Evaluates the items of `and` as long as they are true, or those of `or` until one is. */
static enum ldap_result evaluate_list(struct ldap_evaluation *e, const struct ldap_query *q)
{
    bool is_and = q->kind == LDAP_QUERY_AND;
    enum ldap_result result = is_and ? LDAP_RESULT_TRUE : LDAP_RESULT_FALSE;
    for (size_t i = 0; i < q->count; i++) {
        if ((result == LDAP_RESULT_TRUE) == is_and)
            result = ldap_evaluate(e, &q->children[i]);
        else if (is_and)
            result = LDAP_RESULT_FALSE;
        if (result == LDAP_RESULT_FAILED)
            break;
    }
    return result;
}

/* What was found to be false although the server has refused a search may be true. */
static enum ldap_result evaluate_not(struct ldap_evaluation *e, const struct ldap_query *q)
{
    unsigned refusals = e->refusals;
    enum ldap_result result = ldap_evaluate(e, &q->children[0]);
    if (result == LDAP_RESULT_TRUE)
        return LDAP_RESULT_FALSE;
    if (result != LDAP_RESULT_FALSE)
        return result;
    if (e->refusals == refusals)
        return LDAP_RESULT_TRUE;
    return give_reason(e, LDAP_RESULT_NONE, "the server has refused a search in 'not'");
}

/* --- A query ---------------------------------------------------------------------------------- */

static enum ldap_result evaluate(struct ldap_evaluation *e, const struct ldap_query *q)
{
    const struct ldap_query *child;
    switch (q->kind) {
    case LDAP_QUERY_CONSTANT: return q->constant ? LDAP_RESULT_TRUE : LDAP_RESULT_FALSE;
    case LDAP_QUERY_EXISTS: return entry_exists(e, q, "objectClass", NULL);
    case LDAP_QUERY_IN_GROUP:
        return entry_exists(e, q, q->attribute, &e->variables.values[LDAP_USER_DN]);
    case LDAP_QUERY_IN_GROUP_NESTED: return evaluate_nested(e, q);
    case LDAP_QUERY_FOR:
        child = find_case(e, q);
        return child ? ldap_evaluate(e, child) : LDAP_RESULT_NONE;
    case LDAP_QUERY_NOT: return evaluate_not(e, q);
    case LDAP_QUERY_AND:
    case LDAP_QUERY_OR: return evaluate_list(e, q);
    case LDAP_QUERY_EQUALS:
    case LDAP_QUERY_MATCH: return evaluate_comparison(e, q);
    case LDAP_QUERY_STRING:
    case LDAP_QUERY_ATTRIBUTE: break; /* the compiler lets no query be a text */
    }
    lv_unreachable();
}

static void trace(struct ldap_evaluation *e, const struct ldap_query *q, enum ldap_result result)
{
    static const char *const results[] = {"false", "true", "no answer", "failed"};
    lv_buffer_printf(e->trace, "%s%s", e->trace->n > 0 ? ", " : "", ldap_query_name(q->kind));
    if (q->pattern.count > 0) {
        lv_buffer_add(e->trace, " \"", 2);
        ldap_template_fill(&q->pattern, &e->variables, LDAP_FILL_DN, e->trace);
        lv_buffer_add_u8(e->trace, '"');
    }
    lv_buffer_printf(e->trace, ": %s", results[result]);
}

enum ldap_result ldap_evaluate(struct ldap_evaluation *evaluation, const struct ldap_query *query)
{
    enum ldap_result result = evaluate(evaluation, query);
    if (evaluation->trace)
        trace(evaluation, query, result);
    return result;
}
