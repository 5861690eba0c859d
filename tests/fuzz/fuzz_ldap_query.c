/* A query of any bytes is compiled or refused; what compiled is evaluated against a directory that
 * answers as the first bytes say, and the work stays bounded. */
#include <stddef.h>
#include <stdint.h>

#include "backends/ldap/ldap_evaluate.h"
#include "base/assert.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

enum { ANSWERS = 8 };

struct fuzzed_directory {
    struct directory base;
    const uint8_t *answers;
    unsigned searches;
};

static enum directory_answer fuzzed_search(struct directory *directory,
                                           const struct directory_search *search,
                                           struct lv_buffer *reason)
{
    struct fuzzed_directory *d = (struct fuzzed_directory *)directory;
    uint8_t answer = d->answers[d->searches++ % ANSWERS];
    const struct slice values[] = {search->base, search->value, slice_str("a")};
    for (unsigned i = 0; i < (answer >> 4); i++) {
        char name[] = {'c', 'n', '=', (char)('a' + (answer + i) % 26)};
        search->on_entry(search->arg, slice_of(name, sizeof name), values,
                         search->wanted ? answer >> 2 & 3 : 0);
    }
    lv_buffer_printf(reason, "an answer");
    return (enum directory_answer)((answer & 15) == 15 ? DIRECTORY_FAILED : answer & 1);
}

static void evaluate(const uint8_t *answers, const struct ldap_query *q)
{
    struct lv_buffer reason = {0}, trace = {0};
    struct fuzzed_directory d = {{fuzzed_search}, answers, 0};
    struct ldap_evaluation e = {.directory = &d.base, .reason = &reason, .trace = &trace};
    ldap_variables_set_user(&e.variables, slice_of(answers, 5));
    ldap_variables_set(&e.variables, LDAP_USER_DN, slice_str("cn=a"));
    ldap_variables_set(&e.variables, LDAP_VHOST, slice_of(answers + 5, 3));
    ldap_variables_set(&e.variables, LDAP_PERMISSION, slice_str("read"));
    enum ldap_result result = ldap_evaluate(&e, q);
    lv_assert(d.searches <= LDAP_SEARCHES_MAX);
    if (result == LDAP_RESULT_FAILED)
        lv_assert(reason.n > 0);
    lv_buffer_free(&reason);
    lv_buffer_free(&trace);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct ldap_query q;
    struct ldap_tag_queries tags;
    struct erlang_fault fault;
    if (n < ANSWERS)
        return 0;
    struct slice text = slice_of(bytes + ANSWERS, n - ANSWERS);
    if (ldap_query_compile(text, &q, &fault) == 0) {
        evaluate(bytes, &q);
        ldap_query_free(&q);
    }
    if (ldap_tag_queries_compile(text, &tags, &fault) == 0)
        ldap_tag_queries_free(&tags);
    return 0;
}
