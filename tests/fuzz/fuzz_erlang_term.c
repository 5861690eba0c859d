/* Text of any bytes is parsed as Erlang terms, or refused with a place that lies within it. */
#include <stddef.h>
#include <stdint.h>

#include "base/assert.h"
#include "base/erlang_term.h"
#include "base/error.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void visit(const struct erlang_term *items, size_t count, unsigned depth)
{
    lv_assert(count == 0 || depth <= ERLANG_TERM_DEPTH_MAX);
    for (size_t i = 0; i < count; i++) {
        lv_assert(items[i].line > 0 && items[i].column > 0);
        lv_assert(items[i].source.n > 0);
        for (size_t k = 0; k < items[i].text.n; k++)
            lv_assert(items[i].text.p[k] <= 255); /* reads every byte */
        visit(items[i].items, items[i].count, depth + 1);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct erlang_terms terms;
    struct erlang_fault fault;
    int err = erlang_terms_parse(slice_of(bytes, n), &terms, &fault);
    lv_assert(err == 0 || err == ERR_INVALID);
    if (err < 0) {
        lv_assert(fault.line >= 1 && fault.line <= n + 1 && fault.column <= n + 1);
        lv_assert(fault.message[0] != 0);
        return 0;
    }
    visit(terms.items, terms.count, 0);
    erlang_terms_free(&terms);
    return 0;
}
