#include "backends/http/http_answer.h"

#include <ctype.h>
#include <strings.h>

/* As much of an answer that makes no sense is shown in the log. */
enum { SHOWN_BYTES_MAX = 60 };

static bool is_space(uint8_t byte)
{
    return byte == ' ' || (byte >= '\t' && byte <= '\r');
}

static struct slice skip_space(struct slice text)
{
    while (text.n > 0 && is_space(text.p[0]))
        text = slice_of(text.p + 1, text.n - 1);
    return text;
}

static struct slice trim(struct slice text)
{
    text = skip_space(text);
    while (text.n > 0 && is_space(text.p[text.n - 1]))
        text.n--;
    return text;
}

/* Takes the first word of *text, up to a space. */
static struct slice take_word(struct slice *text)
{
    struct slice word = slice_of(text->p, 0);
    if (text->n == 0)
        return word;
    while (word.n < text->n && !is_space(text->p[word.n]))
        word.n++;
    *text = skip_space(slice_of(text->p + word.n, text->n - word.n));
    return word;
}

static bool is_word(struct slice word, const char *expected)
{
    struct slice other = slice_str(expected);
    return word.n == other.n && strncasecmp((const char *)word.p, expected, word.n) == 0;
}

static enum auth_answer not_understood(struct slice body, struct lv_buffer *reason)
{
    if (body.n <= SHOWN_BYTES_MAX)
        lv_buffer_printf(reason, "it answers neither allow nor deny, but '%.*s'", SLICE_ARG(body));
    else
        lv_buffer_printf(reason, "it answers neither allow nor deny, but '%.*s' ... (%zu bytes)",
                         SHOWN_BYTES_MAX, (const char *)body.p, body.n);
    return AUTH_UNANSWERED;
}

/* Reads the first word; *ret_rest is what follows it. */
static enum auth_answer read_answer(long status, struct slice body, struct slice *ret_rest,
                                    struct lv_buffer *reason)
{
    if (status != 200 && status != 201) {
        lv_buffer_printf(reason, "it answers with the status %ld", status);
        return AUTH_UNANSWERED;
    }
    struct slice rest = trim(body);
    const struct slice word = take_word(&rest);
    if (is_word(word, "allow")) {
        *ret_rest = rest;
        return AUTH_ALLOWED;
    }
    if (is_word(word, "deny")) {
        lv_buffer_add_slice(reason, rest);
        return AUTH_REFUSED;
    }
    return not_understood(trim(body), reason);
}

static void put_tag(struct lv_buffer *tags, struct slice word)
{
    if (tags->n > 0)
        lv_buffer_add_u8(tags, ',');
    for (size_t i = 0; i < word.n; i++)
        lv_buffer_add_u8(tags, (uint8_t)tolower(word.p[i]));
}

enum auth_answer http_answer_login(long status, struct slice body, struct lv_buffer *tags,
                                   struct lv_buffer *reason)
{
    struct slice words;
    const enum auth_answer answer = read_answer(status, body, &words, reason);
    if (answer == AUTH_ALLOWED)
        while (words.n > 0)
            put_tag(tags, take_word(&words));
    return answer;
}

enum auth_answer http_answer_question(long status, struct slice body, struct lv_buffer *reason)
{
    struct slice words;
    const enum auth_answer answer = read_answer(status, body, &words, reason);
    return answer == AUTH_ALLOWED && words.n > 0 ? not_understood(trim(body), reason) : answer;
}
