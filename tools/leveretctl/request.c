/* From what was typed to what is asked: arguments and options become members of a request. */
#include <stdlib.h>
#include <string.h>

#include "leveretctl/talk.h"

/* Returns the value of an option that was given; its text has been checked. */
static json_t *option_value(const struct option_row *row, const char *text)
{
    json_int_t number = 0;
    switch (row->kind) {
    case FLAG: return json_true();
    case COUNT: read_number(text, &number); return json_integer(number);
    case INTEGER: return json_integer(strtol(text, NULL, 10));
    default: return json_string(text);
    }
}

/* Adds the options that were given. arguments_check() has refused those that the command does not
 * take. */
static void add_options(const struct invocation *i, json_t *request)
{
    for (size_t o = 0; o < OPTION_COUNT; o++) {
        const struct option_row *row = &option_rows[o];
        if (row->member && i->values[o])
            json_object_set_new(request, row->member, option_value(row, i->values[o]));
    }
}

/* Returns the arguments from this one on, separated by commas. */
static json_t *joined(const struct invocation *i, size_t from)
{
    struct lv_buffer text = {0};
    for (size_t a = from; a < i->argument_count; a++)
        lv_buffer_printf(&text, "%s%s", a > from ? "," : "", i->arguments[a]);
    json_t *string = json_string(text_of(&text));
    lv_buffer_free(&text);
    return string;
}

static void add_arguments(const struct invocation *i, json_t *request, const char *names)
{
    for (size_t a = 0; *names; a++) {
        size_t n = strcspn(names, " .");
        bool is_list = names[n] == '.';
        if (is_list)
            json_object_setn_new(request, names, n, joined(i, a));
        else if (a < i->argument_count)
            json_object_setn_new(request, names, n, json_string(i->arguments[a]));
        names += n;
        names += strspn(names, " .");
    }
}

json_t *request_create(const struct invocation *i, const struct command *c)
{
    json_t *request = json_object();
    const char *command = c->request.command ? c->request.command : c->name;
    json_object_set_new(request, "command", json_string(command));
    if (!is_given(i, OPTION_GLOBAL))
        json_object_set_new(request, "vhost", json_string(i->vhost));
    if (c->arguments.names)
        add_arguments(i, request, c->arguments.names);
    add_options(i, request);
    return request;
}

int request_make(const struct invocation *i, const struct command *c, json_t **ret)
{
    json_t *request = request_create(i, c);
    int code = c->request.add ? c->request.add(i, c, request) : EXIT_OK;
    if (code == EXIT_OK)
        *ret = request;
    else
        json_decref(request);
    return code;
}
