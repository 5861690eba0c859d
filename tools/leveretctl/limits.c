/* The limits of one user or one vhost, which are shown as a text. The limits of all users or vhosts
 * are a listing. */
#include <stdlib.h>

#include "leveretctl/talk.h"

/* Appends the row's second cell, which is JSON as text. */
static void keep_limits(void *arg, const json_t *row)
{
    lv_buffer_printf(arg, "%s", json_string_value(json_array_get(row, 1)));
}

static int ask_limits(struct invocation *i, const struct command *c, struct lv_buffer *ret)
{
    json_t *answer;
    int code =
        broker_ask(i, c, command_banner(i, c), request_create(i, c), keep_limits, ret, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

int run_list_vhost_limits(struct invocation *i, const struct command *c)
{
    struct lv_buffer limits = {0};
    if (is_global(i))
        return run_listing(i, c);
    int code = ask_limits(i, c, &limits);
    if (code == EXIT_OK && i->format != FORMAT_JSON)
        message_print(i->format, stdout, text_of(&limits));
    else if (code == EXIT_OK && limits.n == 0)
        say_json(json_array());
    else if (code == EXIT_OK)
        say_value(i, json_string(text_of(&limits)));
    lv_buffer_free(&limits);
    return code;
}

int run_list_user_limits(struct invocation *i, const struct command *c)
{
    struct lv_buffer limits = {0};
    if (is_global(i))
        return run_listing(i, c);
    i->arguments[i->argument_count++] = is_given(i, OPTION_USER) ? i->values[OPTION_USER] : "guest";
    int code = ask_limits(i, c, &limits);
    if (code == EXIT_OK)
        say_done(i, text_of(&limits));
    lv_buffer_free(&limits);
    return code;
}
