/* Commands about the messages in a queue. */
#include <stdio.h>

#include "leveretctl/command.h"

enum { PATIENCE_S = 24 * 3600 };

/* A queue may be long: these wait for it, unless a time was given. */
static void be_patient(struct invocation *i)
{
    if (i->timeout_s < 0)
        i->timeout_s = PATIENCE_S;
}

int run_browse_queue(struct invocation *i, const struct command *c)
{
    be_patient(i);
    return run_listing(i, c);
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
    be_patient(i);
    int code = broker_ask(i, c, c->banner, request_of(i, c), NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    say_moved(i, answer);
    json_decref(answer);
    return EXIT_OK;
}
