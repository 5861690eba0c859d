/* The two kinds that most commands are: a listing, which prints rows, and a change, which says what
 * it is about to do and then nothing. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/memory.h"
#include "leveretctl/command.h"

/* --- listings --------------------------------------------------------------------------------- */

struct column_names {
    char *text; /* owned; the names point into it */
    const char *names[FORMAT_COLUMNS_MAX];
    size_t count;
    bool are_too_many;
};

/* Splits at spaces and commas, and takes what lies between. */
static void columns_add(struct column_names *names, char *text, const char *separators)
{
    char *rest = NULL;
    for (char *word = strtok_r(text, separators, &rest); word;
         word = strtok_r(NULL, separators, &rest)) {
        if (names->count == FORMAT_COLUMNS_MAX)
            names->are_too_many = true;
        else
            names->names[names->count++] = word;
    }
}

static bool is_column(const struct command *c, const char *name)
{
    size_t n = strlen(name);
    for (const char *p = c->all_columns; *p; p += strspn(p, ", ")) {
        size_t length = strcspn(p, ",");
        if (length == n && memcmp(p, name, n) == 0)
            return true;
        p += length;
    }
    return false;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int columns_check(const struct invocation *i, const struct command *c,
                         const struct column_names *names)
{
    struct lv_buffer unknown = {0};
    const char *sorted[FORMAT_COLUMNS_MAX];
    int code = EXIT_OK;
    memcpy(sorted, names->names, sizeof sorted);
    qsort(sorted, names->count, sizeof sorted[0], by_name);
    for (size_t n = 0; n < names->count; n++)
        if (!is_column(c, sorted[n]))
            lv_buffer_printf(&unknown, "%s%s", unknown.n ? "," : "", sorted[n]);
    if (unknown.n > 0)
        code = usage_error(i, c, EXIT_USAGE, "Info key(s) %.*s are not supported", (int)unknown.n,
                           (const char *)unknown.p);
    else if (names->are_too_many)
        code = usage_error(i, c, EXIT_USAGE, "more than %d columns", FORMAT_COLUMNS_MAX);
    lv_buffer_free(&unknown);
    return code;
}

/* The columns that were named, or the default ones. */
static int columns_of(const struct invocation *i, const struct command *c,
                      struct column_names *names)
{
    struct lv_buffer text = {0};
    const size_t first = (size_t)c->arguments_min;
    bool are_named = c->all_columns && i->argument_count > first;
    if (are_named)
        for (size_t a = first; a < i->argument_count; a++)
            lv_buffer_printf(&text, "%s,", i->arguments[a]);
    else
        lv_buffer_printf(&text, "%s", c->columns);
    names->text = slice_strdup(lv_buffer_slice(&text));
    lv_buffer_free(&text);
    columns_add(names, names->text, are_named ? "," : " ");
    return are_named ? columns_check(i, c, names) : EXIT_OK;
}

static void print_row(void *listing, const json_t *row)
{
    listing_row(listing, row);
}

/* For --offline: no queue of a broker that answers is offline. */
static void drop_row(void *listing, const json_t *row)
{
    (void)listing;
    (void)row;
}

/* Takes the request. */
static int list(struct invocation *i, const struct command *c, const struct column_names *names,
                json_t *request)
{
    struct listing l = {
        .format = i->format,
        .out = stdout,
        .column_count = names->count,
        .has_headers = !is_given(i, OPTION_NO_TABLE_HEADERS) && !is_given(i, OPTION_SILENT) &&
                       !(c->has_no_headers && i->format == FORMAT_TABLE),
        .is_streamed = !c->is_whole,
    };
    json_t *columns = json_array();
    for (size_t n = 0; n < names->count; n++) {
        l.columns[n] = names->names[n];
        json_array_append_new(columns, json_string(names->names[n]));
    }
    json_object_set_new(request, "columns", columns);

    json_t *last = NULL;
    listing_begin(&l);
    int code =
        converse(i, c, request, is_given(i, OPTION_OFFLINE) ? drop_row : print_row, &l, &last);
    if (code == EXIT_OK)
        listing_end(&l);
    json_decref(last);
    json_decref(l.kept);
    return code;
}

int run_listing_with(struct invocation *i, const struct command *c, const char *banner,
                     int (*fill)(struct invocation *i, const struct command *c, json_t *request))
{
    struct column_names names = {0};
    json_t *request = request_of(i, c);
    int code = columns_of(i, c, &names);
    if (code == EXIT_OK && fill)
        code = fill(i, c, request);
    if (code == EXIT_OK)
        code = connect_to_broker(i);
    if (code == EXIT_OK) {
        say_banner(i, banner);
        code = list(i, c, &names, json_incref(request));
    }
    json_decref(request);
    free(names.text);
    return code;
}

int run_listing(struct invocation *i, const struct command *c)
{
    return run_listing_with(i, c, c->banner, NULL);
}

/* --- changes ---------------------------------------------------------------------------------- */

void say_change_done(const struct invocation *i, const struct command *c, const char *message)
{
    if (i->format == FORMAT_JSON && c->done_form == DONE_AS_VALUE)
        say_value(i, json_string(message));
    else if (i->format == FORMAT_JSON && c->done_form == DONE_UNLESS_QUIET)
        say_json(json_pack("{s:s, s:s, s:s}", "message", message, "node", i->node, "status", "ok"));
    else if (c->done_form != DONE_UNLESS_QUIET || !is_quiet(i))
        say_done(i, message);
}

void say_count(const struct invocation *i, const struct command *c, const json_t *answer,
               const char *member, const char *before, const char *after)
{
    struct lv_buffer text = {0};
    long long count = json_integer_value(json_object_get(answer, member));
    lv_buffer_printf(&text, "%s%lld%s", before, count, after);
    say_change_done(i, c, text_of(&text));
    lv_buffer_free(&text);
}

int run_change_saying(struct invocation *i, const struct command *c, const char *banner,
                      json_t *request)
{
    struct lv_buffer text = {0};
    json_t *answer;
    int code = broker_ask(i, c, banner, request, NULL, NULL, &answer);
    if (code != EXIT_OK)
        return code;
    json_decref(answer);
    if (c->done)
        expand(i, c->done, &text);
    say_change_done(i, c, c->done ? text_of(&text) : NULL);
    lv_buffer_free(&text);
    return EXIT_OK;
}

int run_change(struct invocation *i, const struct command *c)
{
    return run_change_saying(i, c, c->banner, request_of(i, c));
}
