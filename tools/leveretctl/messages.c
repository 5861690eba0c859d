/* Commands about the messages in a queue. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "leveretctl/command.h"

static const struct {
    enum option option;
    const char *name; /* in the request, and behind "--" */
} numbers[] = {{OPTION_OFFSET, "offset"}, {OPTION_LIMIT, "limit"}, {OPTION_TRUNCATE, "truncate"}};

enum { NUMBERS = sizeof numbers / sizeof *numbers, PATIENCE_S = 24 * 3600 };

static bool read_number(const char *text, json_int_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

void request_add_options(const struct invocation *i, json_t *request)
{
    json_int_t number;
    for (size_t n = 0; n < NUMBERS; n++)
        if (is_given(i, numbers[n].option) && read_number(i->values[numbers[n].option], &number))
            json_object_set_new(request, numbers[n].name, json_integer(number));
    if (is_given(i, OPTION_UNACKED))
        json_object_set_new(request, "unacked", json_true());
    if (is_given(i, OPTION_KEEP_HISTORY))
        json_object_set_new(request, "keep_history", json_true());
}

/* EXIT_OK, or EXIT_USAGE after it was said. */
static int numbers_check(const struct invocation *i, const struct command *c)
{
    json_int_t number;
    for (size_t n = 0; n < NUMBERS; n++) {
        const char *text = i->values[numbers[n].option];
        if (text && !read_number(text, &number))
            return usage_error(i, c, EXIT_USAGE, "--%s: expected a non-negative integer, got '%s'",
                               numbers[n].name, text);
    }
    return EXIT_OK;
}

/* A queue may be long: these wait for it, unless a time was given. */
static void be_patient(struct invocation *i)
{
    if (i->timeout_s < 0)
        i->timeout_s = PATIENCE_S;
}

int run_browse_queue(struct invocation *i, const struct command *c)
{
    int code = numbers_check(i, c);
    be_patient(i);
    return code == EXIT_OK ? run_listing(i, c) : code;
}

static void say_moved(const struct invocation *i, const json_t *answer)
{
    const long long moved = json_integer_value(json_object_get(answer, "moved"));
    const long long stayed = json_integer_value(json_object_get(answer, "stayed"));
    char text[120];
    if (i->format == FORMAT_JSON) {
        say_value(
            i, json_pack("{s:I, s:I}", "moved", (json_int_t)moved, "stayed", (json_int_t)stayed));
        return;
    }
    snprintf(text, sizeof text, "%lld messages moved, %lld stayed", moved, stayed);
    say_done(i, text);
}

int run_retry_dead_letters(struct invocation *i, const struct command *c)
{
    json_t *answer;
    int code = numbers_check(i, c);
    if (code != EXIT_OK)
        return code;
    be_patient(i);
    code = connect_to_broker(i);
    if (code != EXIT_OK)
        return code;
    say_banner(i, c->banner);
    code = converse(i, c, request_of(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    say_moved(i, answer);
    json_decref(answer);
    return EXIT_OK;
}
