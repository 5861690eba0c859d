/* Policies, parameters and limits: what of their commands is more than a listing or a change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/command.h"

int run_set_policy(struct invocation *i, const struct command *c)
{
    struct lv_buffer banner = {0};
    json_t *request = request_of(i, c);
    long priority = is_given(i, OPTION_PRIORITY) ? strtol(i->values[OPTION_PRIORITY], NULL, 10) : 0;
    json_object_set_new(request, "priority", json_integer(priority));
    lv_buffer_printf(
        &banner,
        "%s \"$1\" for pattern \"$2\" to \"$3\" with priority \"%ld\" for vhost \"$v\" ...",
        c->banner, priority);
    int code = run_change_saying(i, c, text_of(&banner), request);
    lv_buffer_free(&banner);
    return code;
}

int run_set_cluster_name(struct invocation *i, const struct command *c)
{
    json_t *request = request_of(i, c);
    json_t *name = json_string(i->arguments[0]);
    char *value = json_dumps(name, JSON_ENCODE_ANY);
    json_object_set_new(request, "command", json_string("set_global_parameter"));
    json_object_set_new(request, "name", json_string("cluster_name"));
    json_object_set_new(request, "value", json_string(value ? value : ""));
    free(value);
    json_decref(name);
    return run_change_saying(i, c, c->banner, request);
}

int run_clear_user_limits(struct invocation *i, const struct command *c)
{
    return run_change_saying(i, c,
                             strcmp(i->arguments[1], "all") == 0
                                 ? "Clearing all limits for user \"$1\" ..."
                                 : "Clearing \"$2\" limit for user \"$1\" ...",
                             request_of(i, c));
}

/* --- limits of one ---------------------------------------------------------------------------- */

/* The row's second cell: JSON as text. */
static void keep_limits(void *arg, const json_t *row)
{
    lv_buffer_printf(arg, "%s", json_string_value(json_array_get(row, 1)));
}

/* Asks for the limits of one vhost or user. Takes the request. */
static int ask_limits(struct invocation *i, const struct command *c, const char *banner,
                      json_t *request, struct lv_buffer *ret)
{
    json_t *answer;
    int code = broker_ask(i, c, banner, request, keep_limits, ret, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

int run_list_vhost_limits(struct invocation *i, const struct command *c)
{
    struct lv_buffer limits = {0};
    if (is_given(i, OPTION_GLOBAL)) {
        i->vhost = NULL;
        return run_listing_with(i, c, "Listing limits for all vhosts ...", NULL);
    }
    int code = ask_limits(i, c, "Listing limits for vhost \"$v\" ...", request_of(i, c), &limits);
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
    if (is_given(i, OPTION_GLOBAL))
        return run_listing_with(i, c, "Listing limits for all users ...", NULL);
    i->arguments[0] = is_given(i, OPTION_USER) ? i->values[OPTION_USER] : "guest";
    i->argument_count = 1;
    json_t *request = request_of(i, c);
    json_object_set_new(request, "user", json_string(i->arguments[0]));
    int code = ask_limits(i, c, "Listing limits for user \"$1\" ...", request, &limits);
    if (code == EXIT_OK)
        say_done(i, text_of(&limits));
    lv_buffer_free(&limits);
    return code;
}
