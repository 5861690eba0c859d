/* A compiled regular expression, of a permission or a policy.
 *
 * Nearly all permissions are "", ".*" or something like "^(a|b)-". The first two (and "^.*" and
 * "^.*$") are recognized and never reach PCRE. Others may have been written to take for ever on
 * some name, so steps and heap are bounded, and a match that exceeds a bound fails: a permission
 * must fail closed.
 *
 * Patterns are compiled to machine code where PCRE2 can: 20,000 steps then take 0.1 ms instead of
 * 0.5. The machine code's stack (32 KiB) is smaller than the interpreter's heap, so a match that
 * needs more is repeated by the interpreter, under the same bounds. */
#include "base/pattern.h"

#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#include "base/assert.h"
#include "base/error.h"
#include "base/memory.h"

enum { PATTERN_HEAP_KIB_MAX = 1024 };

struct pattern {
    char *text;
    size_t bytes;
    pcre2_code *code; /* NULL: the text is empty, or is_always */
    bool is_always;   /* the pattern matches every subject */
};

static int code_compile(struct slice text, pcre2_code **ret, struct pattern_fault *ret_fault)
{
    PCRE2_SIZE offset = 0;
    pcre2_code *code = pcre2_compile(text.p, text.n, PCRE2_NEVER_UTF | PCRE2_NEVER_BACKSLASH_C,
                                     &ret_fault->number, &offset, NULL);
    if (!code) {
        ret_fault->offset = offset;
        pcre2_get_error_message(ret_fault->number, (PCRE2_UCHAR *)ret_fault->message,
                                sizeof ret_fault->message);
        return ERR_INVALID;
    }
    (void)pcre2_jit_compile(code, PCRE2_JIT_COMPLETE); /* if it fails, the interpreter is used */
    *ret = code;
    return 0;
}

int pattern_compile_or_say(struct slice text, struct pattern **ret, struct pattern_fault *ret_fault)
{
    bool is_always = slice_is(text, ".*") || slice_is(text, "^.*$") || slice_is(text, "^.*");
    pcre2_code *code = NULL;
    int err;
    if (!is_always && text.n > 0 && (err = code_compile(text, &code, ret_fault)) < 0)
        return err;
    struct pattern *pattern = lv_malloc(sizeof *pattern);
    *pattern = (struct pattern){slice_strdup(text), text.n, code, is_always};
    *ret = pattern;
    return 0;
}

int pattern_compile(struct slice text, struct pattern **ret, struct lv_buffer *reason)
{
    struct pattern_fault fault;
    int err = pattern_compile_or_say(text, ret, &fault);
    if (err < 0 && reason)
        lv_buffer_printf(reason, "'%.*s' is no regular expression: %s at offset %zu",
                         SLICE_ARG(text), fault.message, fault.offset);
    return err;
}

void pattern_free(struct pattern **pattern)
{
    if (!*pattern)
        return;
    pcre2_code_free((*pattern)->code);
    free((*pattern)->text);
    free(*pattern);
    *pattern = NULL;
}

static bool code_matches(const pcre2_code *code, struct slice subject)
{
    static const uint8_t nothing;
    const uint8_t *bytes = subject.n ? subject.p : &nothing;
    pcre2_match_data *match = pcre2_match_data_create(1, NULL);
    pcre2_match_context *limits = pcre2_match_context_create(NULL);
    lv_assert(match && limits);
    pcre2_set_match_limit(limits, PATTERN_STEPS_MAX);
    pcre2_set_heap_limit(limits, PATTERN_HEAP_KIB_MAX);
    int rc = pcre2_match(code, bytes, subject.n, 0, 0, match, limits);
    if (rc == PCRE2_ERROR_JIT_STACKLIMIT)
        rc = pcre2_match(code, bytes, subject.n, 0, PCRE2_NO_JIT, match, limits);
    pcre2_match_context_free(limits);
    pcre2_match_data_free(match);
    return rc >= 0;
}

bool pattern_matches(const struct pattern *pattern, struct slice subject)
{
    if (pattern->is_always)
        return true;
    if (!pattern->code)
        return subject.n == 0;
    return code_matches(pattern->code, subject);
}

struct slice pattern_text(const struct pattern *pattern)
{
    return slice_of(pattern->text, pattern->bytes);
}
