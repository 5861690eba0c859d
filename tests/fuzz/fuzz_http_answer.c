/* Any bytes as the answer of the HTTP service: it is understood or not, and only "allow" allows. */
#include <stddef.h>
#include <stdint.h>
#include <strings.h>

#include "backends/http/http_answer.h"
#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

/* Returns true if the word is somewhere in the bytes, in upper or lower case. */
static bool contains(const uint8_t *bytes, size_t n, const char *word, size_t word_n)
{
    for (size_t i = 0; i + word_n <= n; i++)
        if (strncasecmp((const char *)bytes + i, word, word_n) == 0)
            return true;
    return false;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
    struct lv_buffer tags = {0};
    struct lv_buffer reason = {0};
    const enum auth_answer login = http_answer_login(200, slice_of(bytes, n), &tags, &reason);
    const enum auth_answer question = http_answer_question(200, slice_of(bytes, n), &reason);
    if (login == AUTH_ALLOWED || question == AUTH_ALLOWED)
        lv_assert(contains(bytes, n, "allow", 5));
    if (question == AUTH_ALLOWED)
        lv_assert(login == AUTH_ALLOWED && tags.n == 0);
    lv_assert(tags.n <= n);
    lv_buffer_free(&tags);
    lv_buffer_free(&reason);
    return 0;
}
