/* Policies, parameters and limits: what of their commands is more than a listing or a change. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/command.h"

static const char *text_of(struct lv_buffer *b)
{
    lv_buffer_add_u8(b, '\0');
    b->n--;
    return (const char *)b->p;
}

int run_set_policy(struct invocation *i, const struct command *c)
{
    struct lv_buffer banner = {0};
    json_t *request = request_of(i, c);
    long priority = is_given(i, OPTION_PRIORITY) ? strtol(i->values[OPTION_PRIORITY], NULL, 10) : 0;
    if (is_given(i, OPTION_APPLY_TO))
        json_object_set_new(request, "apply_to", json_string(i->values[OPTION_APPLY_TO]));
    json_object_set_new(request, "priority", json_integer(priority));
    lv_buffer_printf(
        &banner,
        "%s \"$1\" for pattern \"$2\" to \"$3\" with priority \"%ld\" for vhost \"$v\" ...",
        c->banner, priority);
    int code = run_change_saying(i, c, text_of(&banner), request);
    lv_buffer_free(&banner);
    return code;
}

int run_set_vhost_tags(struct invocation *i, const struct command *c)
{
    struct lv_buffer tags = {0};
    json_t *request = request_of(i, c);
    for (size_t a = 1; a < i->argument_count; a++)
        lv_buffer_printf(&tags, "%s%s", a > 1 ? "," : "", i->arguments[a]);
    json_object_set_new(request, "tags", json_string(text_of(&tags)));
    lv_buffer_free(&tags);
    return run_change_saying(i, c, c->banner, request);
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

/* --- limits of one -------------------------------------------------------------------------- */

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
    int code = connect_to_broker(i);
    if (code != EXIT_OK) {
        json_decref(request);
        return code;
    }
    say_banner(i, banner);
    code = converse(i, c, request, keep_limits, ret, &answer);
    if (code == EXIT_OK)
        json_decref(answer);
    return code;
}

/* The listing of all that have limits: asked for without a name. */
static int list_all(struct invocation *i, const struct command *c, const char *banner)
{
    struct command all = *c;
    all.banner = banner;
    return run_listing(i, &all);
}

int run_list_vhost_limits(struct invocation *i, const struct command *c)
{
    struct lv_buffer limits = {0};
    if (is_given(i, OPTION_GLOBAL)) {
        i->vhost = NULL;
        return list_all(i, c, "Listing limits for all vhosts ...");
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
        return list_all(i, c, "Listing limits for all users ...");
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
