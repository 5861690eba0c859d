/* Commands about messages that an exchange delays. */
#include "leveretctl/command.h"

/* The ids behind the exchange's name; false when one is none. */
static bool add_ids(const struct invocation *i, json_t *request)
{
    json_t *ids = json_array();
    json_int_t number;
    json_object_set_new(request, "ids", ids);
    for (size_t a = 1; a < i->argument_count; a++) {
        if (!read_number(i->arguments[a], &number))
            return false;
        json_array_append_new(ids, json_integer(number));
    }
    return true;
}

int run_cancel_delayed(struct invocation *i, const struct command *c)
{
    json_t *answer;
    if (is_given(i, OPTION_ALL) == (i->argument_count > 1))
        return usage_error(i, c, EXIT_USAGE, "give either ids or --all");
    json_t *request = request_of(i, c);
    if (!add_ids(i, request)) {
        json_decref(request);
        return usage_error(i, c, EXIT_USAGE, "an id is a number from 0 on");
    }
    int code = broker_ask(i, c, c->banner, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    say_count(i, c, answer, "messages", "Cancelled ", " messages");
    json_decref(answer);
    return EXIT_OK;
}
