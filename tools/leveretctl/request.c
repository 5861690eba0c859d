/* From what was typed to what is asked: arguments and options become members of a request. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "leveretctl/command.h"

/* Options that are members of the request. A command that does not take one has refused it
 * before. */
static const struct {
    enum option option;
    const char *name; /* in the request; a number's also behind "--" */
    enum { MEMBER_TEXT, MEMBER_NUMBER, MEMBER_FLAG } kind;
} members[] = {
    {OPTION_DESCRIPTION, "description", MEMBER_TEXT},
    {OPTION_TAGS, "tags", MEMBER_TEXT},
    {OPTION_QUEUE_TYPE, "default_queue_type", MEMBER_TEXT},
    {OPTION_APPLY_TO, "apply_to", MEMBER_TEXT},
    {OPTION_OFFSET, "offset", MEMBER_NUMBER},
    {OPTION_LIMIT, "limit", MEMBER_NUMBER},
    {OPTION_TRUNCATE, "truncate", MEMBER_NUMBER},
    {OPTION_UNACKED, "unacked", MEMBER_FLAG},
    {OPTION_KEEP_HISTORY, "keep_history", MEMBER_FLAG},
    {OPTION_IF_EMPTY, "if_empty", MEMBER_FLAG},
    {OPTION_IF_UNUSED, "if_unused", MEMBER_FLAG},
    {OPTION_ALL, "all", MEMBER_FLAG},
};

enum { MEMBERS = sizeof members / sizeof *members };

bool read_number(const char *text, json_int_t *ret)
{
    char *end;
    errno = 0;
    *ret = strtoll(text, &end, 10);
    return text[0] >= '0' && text[0] <= '9' && *end == '\0' && errno == 0;
}

int numbers_check(const struct invocation *i, const struct command *c)
{
    json_int_t number;
    for (size_t m = 0; m < MEMBERS; m++) {
        const char *text = i->values[members[m].option];
        if (members[m].kind == MEMBER_NUMBER && text && !read_number(text, &number))
            return usage_error(i, c, EXIT_USAGE, "--%s: expected a non-negative integer, got '%s'",
                               members[m].name, text);
    }
    return EXIT_OK;
}

static void add_options(const struct invocation *i, json_t *request)
{
    json_int_t number = 0;
    for (size_t m = 0; m < MEMBERS; m++) {
        const char *text = i->values[members[m].option];
        if (!text)
            continue;
        if (members[m].kind == MEMBER_TEXT)
            json_object_set_new(request, members[m].name, json_string(text));
        else if (members[m].kind == MEMBER_FLAG)
            json_object_set_new(request, members[m].name, json_true());
        else if (read_number(text, &number))
            json_object_set_new(request, members[m].name, json_integer(number));
    }
}

/* The arguments from this one on, with commas between. */
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

json_t *request_of(const struct invocation *i, const struct command *c)
{
    json_t *request = json_object();
    json_object_set_new(request, "command", json_string(c->name));
    if (i->vhost)
        json_object_set_new(request, "vhost", json_string(i->vhost));
    if (c->names)
        add_arguments(i, request, c->names);
    add_options(i, request);
    return request;
}
