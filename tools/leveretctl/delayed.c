/* Commands about messages that an exchange delays. */
#include <errno.h>
#include <stdlib.h>

#include "leveretctl/command.h"

static bool read_number(const char *text, json_int_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

static int add_limit(struct invocation *i, const struct command *c, json_t *request)
{
    json_int_t number;
    const char *limit = i->values[OPTION_LIMIT];
    if (limit && !read_number(limit, &number))
        return usage_error(i, c, EXIT_USAGE, "--limit: expected a non-negative integer, got '%s'",
                           limit);
    if (limit)
        json_object_set_new(request, "limit", json_integer(number));
    return EXIT_OK;
}

int run_list_delayed(struct invocation *i, const struct command *c)
{
    return run_listing_with(i, c, add_limit);
}

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
    bool is_all = is_given(i, OPTION_ALL);
    struct lv_buffer done = {0};
    json_t *answer;
    if (is_all == (i->argument_count > 1))
        return usage_error(i, c, EXIT_USAGE, "give either ids or --all");
    json_t *request = request_of(i, c);
    if (!add_ids(i, request)) {
        json_decref(request);
        return usage_error(i, c, EXIT_USAGE, "an id is a number from 0 on");
    }
    json_object_set_new(request, "all", json_boolean(is_all));
    int code = connect_to_broker(i);
    if (code == EXIT_OK) {
        say_banner(i, c->banner);
        code = converse(i, c, request, NULL, NULL, &answer);
    } else {
        json_decref(request);
    }
    if (code == EXIT_OK) {
        lv_buffer_printf(&done, "Cancelled %lld messages",
                         (long long)json_integer_value(json_object_get(answer, "messages")));
        json_decref(answer);
        say_done(i, (const char *)done.p);
    }
    lv_buffer_free(&done);
    return code;
}
